//! The window's model: which screen is shown, what an action does, what is remembered.
//!
//! *Flows in*: actions, news of the worker, time. *Flows out*: screens, and settings to keep. *Must never*: draw; see `show`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui;
use egui_tiles::Tree;
use klamm_scene::{OpenTrace, Style, Tab, Zoom, short_time};

use crate::action::Action;
use crate::branches::Branches;
use crate::breakpoint::{Breakpoint, Mistake};
use crate::code::Code;
use crate::compare::Compare;
use crate::deed::Deed;
use crate::editing::Waiting;
use crate::editor::Editor;
use crate::lab::{Inspect, Lab, place};
use crate::layout::{Pane, Preset};
use crate::load::{News, Problem, Source, Wake, Worker};
use crate::playback::Stopped;
use crate::predictions::Session;
use crate::settings::{self, Found, Motion, Settings};
use crate::words::Word;

/// How many arrangements can be taken back.
const UNDO: usize = 32;

/// What fills the window.
#[derive(Debug)]
pub enum Screen {
    /// The scenarios to choose from.
    Library,
    /// A trace is being opened: so many events of so many.
    Opening(usize, usize),
    /// A run.
    Lab(Box<Lab>),
    /// What can't be opened.
    Broken(Problem),
}

/// What lies on top of the screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Overlay {
    /// The list of keys.
    Shortcuts,
    /// A search among the commands.
    Commands(String),
    /// A place to go to, and what is wrong with it.
    GoTo(String, Option<Word>),
    /// A breakpoint to set, and what is wrong with it.
    Break(String, Option<Mistake>),
    /// A choice of what to do: of one kind or of all, what is searched for, and the record that is sent.
    Choose {
        /// The kind.
        deed: Option<Deed>,
        /// What is searched for.
        text: String,
        /// The record.
        record: String,
    },
    /// What to compare with.
    Compare(String),
    /// A name for the branch.
    Name(String),
    /// What is written is not saved, and something would lose it.
    Unsaved,
    /// A file to save what is written as, and why it could not be.
    SaveText(String, Option<Notice>),
    /// A file to save the scenario as, and why it could not be.
    Save(String, Option<String>),
}

/// Something that is said once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A sentence of the catalogue.
    Word(Word),
    /// A sentence with a value.
    Said(Word, String),
}

/// What to begin with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Start {
    /// What to open.
    pub source: Option<Source>,
    /// The seed, instead of the scenario's own.
    pub seed: Option<u64>,
    /// Where to stand.
    pub at: Option<String>,
    /// The picture.
    pub tab: Option<Tab>,
    /// What a replay code tells, instead of all that.
    pub code: Option<Box<Code>>,
}

/// The program.
#[expect(
    clippy::partial_pub_fields,
    clippy::field_scoped_visibility_modifiers,
    reason = "what screens show is everybody's, what the program keeps beside it is the crate's"
)]
pub struct Window {
    /// What a person has chosen.
    pub settings: Settings,
    /// What fills the window.
    pub screen: Screen,
    /// What lies on top.
    pub overlay: Option<Overlay>,
    /// What was said last.
    pub notice: Option<Notice>,
    /// The search in the library.
    pub search: String,
    /// The panes of the lab.
    pub layout: Tree<Pane>,
    /// True for stage and caption alone, large.
    pub presenter: bool,
    /// The window's clock, in seconds, as it was told last.
    pub now: f64,
    pub(crate) layouts_before: Vec<Tree<Pane>>,
    pub(crate) dressed: Option<(klamm_scene::Palette, u16, bool)>,
    full: bool,
    pub(crate) branches: Branches,
    /// The branches of what was open before.
    pub(crate) aside: Vec<Branches>,
    /// A text that is being edited.
    pub(crate) editor: Option<Editor>,
    /// What waits until it is known what becomes of it.
    pub(crate) waiting: Option<Waiting>,
    /// A second run beside the first.
    pub(crate) compare: Option<Compare>,
    /// Whether there was one in the frame before.
    pub(crate) compared: bool,
    answered: Session,
    pub(crate) start: Start,
    opening: Option<Source>,
    worker: Option<Worker>,
    kept: Option<PathBuf>,
    pub(crate) saved: Settings,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window").field("screen", &self.screen).finish_non_exhaustive()
    }
}

impl Window {
    /// A window. Settings are read from and kept in a file, if one is named.
    pub fn new(start: Start, kept: Option<PathBuf>) -> Self {
        let mut notice = None;
        let settings = match kept.as_deref().map(settings::read) {
            Some(Found::Settings(settings)) => *settings,
            Some(Found::Unreadable(why)) => {
                notice = Some(Notice::Said(Word::SettingsUnreadable, why));
                Settings::default()
            }
            Some(Found::Nothing) | None => Settings::default(),
        };
        let layout = settings.layout.clone().unwrap_or_else(|| Preset::Learn.tree());
        Self {
            saved: settings.clone(),
            settings,
            screen: Screen::Library,
            overlay: None,
            notice,
            search: String::new(),
            layout,
            presenter: false,
            now: 0.0,
            layouts_before: Vec::new(),
            dressed: None,
            full: false,
            branches: Branches::default(),
            aside: Vec::new(),
            editor: None,
            waiting: None,
            compare: None,
            compared: false,
            answered: Session::default(),
            start,
            opening: None,
            worker: None,
            kept,
        }
    }

    /// The run that is shown.
    pub fn lab(&self) -> Option<&Lab> {
        match &self.screen {
            Screen::Lab(lab) => Some(lab),
            Screen::Library | Screen::Opening(..) | Screen::Broken(_) => None,
        }
    }

    /// The run that is shown, to do something with.
    pub fn lab_mut(&mut self) -> Option<&mut Lab> {
        match &mut self.screen {
            Screen::Lab(lab) => Some(lab),
            Screen::Library | Screen::Opening(..) | Screen::Broken(_) => None,
        }
    }

    /// How pictures look.
    pub fn style(&self) -> Style {
        Style {
            scale: self.settings.scale,
            captioned: false,
            ..Style::new(self.settings.palette, self.settings.language)
        }
    }

    /// What is being opened, or was last.
    pub fn opening(&self) -> Option<&Source> {
        self.opening.as_ref()
    }

    /// Opens something, unless what is being written would be lost: then it is asked first. What was open is closed; its
    /// branches are put aside, and a worker that still ran stops.
    pub fn open(&mut self, source: Source, wake: Wake) {
        if self.asks_first(Waiting::Open(source.clone())) {
            return;
        }
        self.put_aside();
        self.run(source, wake);
    }

    /// Opens something beside what is kept.
    pub(crate) fn run(&mut self, source: Source, wake: Wake) {
        let seed = self.start.seed.take();
        self.compare = None;
        if let Source::File(path) = &source {
            self.settings.remember(path);
        }
        self.keep_answers();
        self.worker = Some(Worker::start(source.clone(), seed, wake));
        self.opening = Some(source);
        self.screen = Screen::Opening(0, 0);
        self.overlay = None;
        self.notice = None;
    }

    /// Shows a run that is there.
    pub fn show_run(&mut self, source: Source, trace: OpenTrace) {
        let mut lab = Lab::new(source, trace);
        if let Some(at) = self.start.at.take() {
            lab.want(at);
        }
        if let Some(tab) = self.start.tab.take() {
            lab.tab = tab;
        }
        self.keep_answers();
        let parted = self.branches.parted();
        self.answered.restore(&mut lab, parted);
        lab.predictions.is_branch(parted.is_some());
        lab.predictions.ask(self.settings.asks);
        self.branches.dress(&mut lab);
        if let Some(code) = self.start.code.take() {
            lab.wear(&code);
        }
        self.screen = Screen::Lab(Box::new(lab));
    }

    /// Keeps what was answered in the run that is shown, before another takes its place.
    fn keep_answers(&mut self) {
        if let Screen::Lab(lab) = &self.screen {
            self.answered.keep(lab);
        }
    }

    /// Opens what the command line named.
    pub(crate) fn begin(&mut self, wake: Wake) {
        if let Some(code) = self.start.code.take() {
            self.open_code(&code, wake);
        } else if let Some(source) = self.start.source.take() {
            self.open(source, wake);
        }
    }

    /// Takes what the worker told; true if there is more to do at once.
    pub(crate) fn hear(&mut self) -> bool {
        let Some(worker) = &self.worker else {
            return self.lab_mut().is_some_and(Lab::take);
        };
        let (all, more) = worker.news();
        if !more {
            self.worker = None;
        }
        for news in all {
            self.take_news(news);
        }
        self.lab_mut().is_some_and(Lab::take)
    }

    fn take_news(&mut self, news: News) {
        match news {
            News::Begun(header, until) => {
                let source = self.opening.clone();
                if let Some(source) = source {
                    self.show_run(source, OpenTrace::new(*header));
                }
                if let Some(lab) = self.lab_mut() {
                    lab.runs_until(until);
                }
            }
            News::Grown(events) => {
                if let Some(lab) = self.lab_mut() {
                    lab.grown(events);
                }
            }
            News::Done(outcome) => {
                if let Some(lab) = self.lab_mut() {
                    lab.done(outcome);
                }
            }
            News::Reading(taken, of) => self.screen = Screen::Opening(taken, of),
            News::Opened(trace) => {
                let source = self.opening.clone();
                if let Some(source) = source {
                    self.show_run(source, *trace);
                }
            }
            News::Failed(problem) => {
                self.edit_broken(&problem);
                self.screen = Screen::Broken(problem);
            }
        }
    }

    /// Whether an action has anything to act on.
    pub fn can(&self, action: Action) -> bool {
        match action {
            Action::Language
            | Action::Palette
            | Action::Motion
            | Action::Larger
            | Action::Smaller
            | Action::Shortcuts
            | Action::Commands
            | Action::FullScreen
            | Action::Library
            | Action::Clear => true,
            Action::Answer | Action::SkipQuestion => self.lab().is_some_and(Lab::waits),
            Action::AskQuestions => true,
            Action::PlayPause
            | Action::Next(_)
            | Action::Previous(_)
            | Action::NextTen
            | Action::PreviousTen
            | Action::NextOfNode
            | Action::PreviousOfNode
            | Action::First
            | Action::Last
            | Action::GoTo
            | Action::Faster
            | Action::Slower
            | Action::PlayBy(_)
            | Action::Show(_)
            | Action::Inspect(_)
            | Action::Why
            | Action::WhyBack
            | Action::NextValue
            | Action::PreviousValue
            | Action::Nearer
            | Action::Farther
            | Action::Bookmark
            | Action::NextBookmark
            | Action::PreviousBookmark
            | Action::HideFuture
            | Action::Break
            | Action::Arrange(_)
            | Action::UndoLayout
            | Action::CopyCommand
            | Action::CopyMessage
            | Action::Do(_)
            | Action::Compare
            | Action::Deeds
            | Action::ToParent
            | Action::NextBranch
            | Action::PreviousBranch
            | Action::NameBranch
            | Action::Presenter => self.lab().is_some(),
            Action::Editor | Action::RunEdited | Action::SaveBranch => {
                self.lab().is_some() || self.editor.is_some()
            }
        }
    }

    /// Does something. What could not be done is said.
    pub fn act(&mut self, action: Action, ctx: &egui::Context) {
        self.notice = None;
        if !self.can(action) || !self.done(action, ctx) {
            let why = self.waits_before(action).unwrap_or(Word::NothingThere);
            self.notice.get_or_insert(Notice::Word(why));
        }
    }

    /// What keeps an action from being done: a question that waits for an answer.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else waits for an answer")]
    fn waits_before(&self, action: Action) -> Option<Word> {
        let waits = self.lab().is_some_and(Lab::waits);
        match action {
            Action::PlayPause | Action::Next(_) | Action::NextTen | Action::NextOfNode if waits => {
                Some(Word::AnswerFirst)
            }
            Action::Answer if waits => Some(Word::ChooseFirst),
            _ => None,
        }
    }

    /// Does something that has anything to act on; false if it changed nothing.
    fn done(&mut self, action: Action, ctx: &egui::Context) -> bool {
        match action {
            Action::Language => {
                self.settings.language = match self.settings.language {
                    klamm_scene::Language::English => klamm_scene::Language::Korean,
                    klamm_scene::Language::Korean => klamm_scene::Language::English,
                };
                true
            }
            Action::Palette => {
                self.settings.palette = match self.settings.palette {
                    klamm_scene::Palette::Light => klamm_scene::Palette::Dark,
                    klamm_scene::Palette::Dark => klamm_scene::Palette::Light,
                };
                true
            }
            Action::Motion => {
                self.settings.motion = self.settings.motion.next();
                let word = match self.settings.motion {
                    Motion::Full => Word::MotionFull,
                    Motion::Reduced => Word::MotionReduced,
                    Motion::Off => Word::MotionOff,
                };
                self.notice = Some(Notice::Word(word));
                true
            }
            Action::AskQuestions => {
                self.settings.asks = !self.settings.asks;
                let asks = self.settings.asks;
                if let Some(lab) = self.lab_mut() {
                    lab.predictions.ask(asks);
                }
                let said = if asks { Word::QuestionsOn } else { Word::QuestionsOff };
                self.notice = Some(Notice::Word(said));
                true
            }
            Action::Answer => {
                let class = self.presenter;
                self.lab_mut().is_some_and(|lab| {
                    // Hands that were counted are the answer; who has none counted answers as one person.
                    (class && lab.answer_question(true)) || lab.answer_question(false)
                })
            }
            Action::Larger => self.settings.resize(true),
            Action::Smaller => self.settings.resize(false),
            Action::Shortcuts => self.put(Overlay::Shortcuts),
            Action::Commands => self.put(Overlay::Commands(String::new())),
            Action::GoTo => self.put(Overlay::GoTo(String::new(), None)),
            Action::Break => self.put(Overlay::Break(String::new(), None)),
            Action::FullScreen => {
                self.full = !self.full;
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(self.full));
                true
            }
            Action::Presenter => {
                self.presenter = !self.presenter;
                true
            }
            Action::Library => {
                self.worker = None;
                self.presenter = false;
                self.compare = None;
                self.screen = Screen::Library;
                true
            }
            Action::Clear => self.clear(),
            Action::Arrange(preset) => {
                self.remember_layout();
                self.layout = preset.tree();
                self.settings.layout = Some(self.layout.clone());
                true
            }
            Action::UndoLayout => {
                let before = self.layouts_before.pop();
                let undone = before.is_some();
                if let Some(before) = before {
                    self.layout = before.clone();
                    self.settings.layout = Some(before);
                }
                undone
            }
            Action::Do(deed) => self.offer(deed, wake(ctx)),
            Action::Compare => self.toggle_compare(),
            Action::Deeds => self.put(Overlay::choose(None)),
            Action::ToParent => self.go_to_parent(wake(ctx)),
            Action::NextBranch => self.go_to_neighbour(true, wake(ctx)),
            Action::PreviousBranch => self.go_to_neighbour(false, wake(ctx)),
            Action::NameBranch => {
                let name = self.branches.name().unwrap_or_default().to_owned();
                self.put(Overlay::Name(name))
            }
            Action::Editor => self.toggle_editor(),
            Action::RunEdited => self.run_edited(wake(ctx)),
            Action::SaveBranch if self.editor().is_some() => self.save_text(),
            Action::SaveBranch => {
                let name = self.branches.file_name(self.lab());
                self.put(Overlay::Save(name, None))
            }
            Action::CopyCommand => self.copy(ctx, false),
            Action::CopyMessage => self.copy(ctx, true),
            Action::NextValue | Action::PreviousValue => {
                let style = self.style();
                let on = action == Action::NextValue;
                self.lab_mut().is_some_and(|lab| {
                    let scene = lab.scene(style);
                    lab.mark(&scene, on)
                })
            }
            Action::PlayPause
            | Action::Next(_)
            | Action::Previous(_)
            | Action::NextTen
            | Action::PreviousTen
            | Action::NextOfNode
            | Action::PreviousOfNode
            | Action::First
            | Action::Last
            | Action::Faster
            | Action::Slower
            | Action::PlayBy(_)
            | Action::Show(_)
            | Action::Inspect(_)
            | Action::Why
            | Action::WhyBack
            | Action::Nearer
            | Action::Farther
            | Action::Bookmark
            | Action::NextBookmark
            | Action::PreviousBookmark
            | Action::SkipQuestion
            | Action::HideFuture => {
                let now = self.now;
                match self.step_both(action) {
                    Some(moved) => moved,
                    None => self.lab_mut().is_some_and(|lab| in_lab(lab, action, now)),
                }
            }
        }
    }

    pub(crate) fn put(&mut self, overlay: Overlay) -> bool {
        self.overlay = Some(overlay);
        true
    }

    /// Closes what is on top: an overlay, the presenter's view, what is being opened, else what is picked.
    fn clear(&mut self) -> bool {
        if self.overlay.take().is_some() {
            // Whoever closes the question does not want what waited for it.
            self.waiting = None;
            return true;
        }
        if self.presenter {
            self.presenter = false;
            return true;
        }
        if self.compare.take().is_some() {
            return true;
        }
        match &mut self.screen {
            Screen::Lab(lab) => lab.clear(),
            Screen::Opening(..) | Screen::Broken(_) => {
                self.worker = None;
                self.screen = Screen::Library;
                true
            }
            Screen::Library => !std::mem::take(&mut self.search).is_empty(),
        }
    }

    /// Keeps the arrangement, to be taken back.
    pub(crate) fn remember_layout(&mut self) {
        self.layouts_before.push(self.layout.clone());
        if self.layouts_before.len() > UNDO {
            self.layouts_before.remove(0);
        }
    }

    /// Saves the scenario under a name that was typed; the overlay stays open if that fails.
    pub(crate) fn save_as(&mut self, name: &str) {
        let Screen::Lab(lab) = &mut self.screen else { return };
        match self.branches.save(lab, Path::new(name)) {
            Ok(path) => {
                self.settings.remember(&path);
                self.notice = Some(Notice::Said(Word::Saved, path.display().to_string()));
                self.overlay = None;
            }
            Err(error) => {
                self.overlay = Some(Overlay::Save(name.to_owned(), Some(error.to_string())))
            }
        }
    }

    /// Goes to a place that was typed; the overlay stays open while there is none.
    pub(crate) fn go_to(&mut self, text: &str) {
        let Some(lab) = self.lab_mut() else { return };
        match place(lab.trace(), text) {
            Ok(seq) => {
                lab.go(seq);
                self.overlay = None;
            }
            Err(_) if lab.pick_named(text.trim()) => self.overlay = None,
            Err(word) => self.overlay = Some(Overlay::GoTo(text.to_owned(), Some(word))),
        }
    }

    /// Sets a breakpoint that was typed; the overlay stays open while it means nothing.
    pub(crate) fn break_at(&mut self, text: &str) {
        let Some(lab) = self.lab_mut() else { return };
        match Breakpoint::parse(text, lab.trace()) {
            Ok(breakpoint) => {
                lab.toggle_breakpoint(breakpoint);
                self.overlay = None;
            }
            Err(mistake) => self.overlay = Some(Overlay::Break(text.to_owned(), Some(mistake))),
        }
    }

    /// Takes the step that is due. Why playing stopped is said.
    pub(crate) fn tick(&mut self) {
        let now = self.now;
        let Some(stopped) = self.lab_mut().and_then(|lab| lab.tick(now)) else { return };
        self.notice = Some(Notice::Word(match stopped {
            Stopped::End => Word::StoppedAtEnd,
            Stopped::Violation => Word::StoppedAtViolation,
            Stopped::Breakpoint => Word::StoppedAtBreakpoint,
            Stopped::Question => Word::StoppedAtQuestion,
            Stopped::Verdict => Word::StoppedAtVerdict,
        }));
    }

    /// One line of where one stands.
    pub fn position(&self) -> Option<String> {
        let lab = self.lab()?;
        let (seq, last) = (lab.seq(), lab.trace().last());
        let hidden = lab.curtain().is_some();
        let last = if hidden { "…".to_owned() } else { last.to_string() };
        let time = short_time(lab.cursor().view().now);
        Some(Word::Position.say(self.settings.language, &[&time, &seq, &last]))
    }

    /// Keeps the settings, if they have changed. What goes wrong is said, and not tried again before the next change.
    pub(crate) fn save(&mut self) {
        if self.settings == self.saved {
            return;
        }
        self.saved = self.settings.clone();
        let Some(path) = &self.kept else { return };
        if let Err(error) = settings::write(path, &self.settings) {
            self.notice = Some(Notice::Said(Word::SettingsNotKept, error.to_string()));
        }
    }
}

/// What a worker calls when there is news.
pub(crate) fn wake(ctx: &egui::Context) -> Wake {
    let ctx = ctx.clone();
    Arc::new(move || ctx.request_repaint())
}

/// What an action does that is about the run alone; false if it changed nothing.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is the window's: see `Window::done`")]
fn in_lab(lab: &mut Lab, action: Action, now: f64) -> bool {
    match action {
        Action::PlayPause => lab.play_pause(now),
        Action::Next(step) => lab.next(step),
        Action::Previous(step) => lab.previous(step),
        Action::NextTen => lab.jump(10),
        Action::PreviousTen => lab.jump(-10),
        Action::NextOfNode => lab.step_at_node(true),
        Action::PreviousOfNode => lab.step_at_node(false),
        Action::First => lab.jump(i64::MIN),
        Action::Last => lab.jump(i64::MAX),
        Action::Faster => lab.playback.faster(),
        Action::Slower => lab.playback.slower(),
        Action::PlayBy(step) => set(&mut lab.playback.by, step),
        Action::Show(tab) => set(&mut lab.tab, tab),
        Action::Inspect(Inspect::Why) | Action::Why => lab.ask_marked(),
        Action::Inspect(page) => set(&mut lab.inspect, page),
        Action::WhyBack => lab.ask_before(),
        Action::Nearer => match lab.zoom {
            Zoom::Far => set(&mut lab.zoom, Zoom::Middle),
            Zoom::Middle => set(&mut lab.zoom, Zoom::Near),
            Zoom::Auto => set(&mut lab.zoom, Zoom::Near),
            Zoom::Near => false,
        },
        Action::Farther => match lab.zoom {
            Zoom::Near => set(&mut lab.zoom, Zoom::Middle),
            Zoom::Middle | Zoom::Auto => set(&mut lab.zoom, Zoom::Far),
            Zoom::Far => false,
        },
        Action::SkipQuestion => lab.skip_question(),
        Action::Bookmark => {
            lab.toggle_bookmark();
            true
        }
        Action::NextBookmark => lab.to_bookmark(true),
        Action::PreviousBookmark => lab.to_bookmark(false),
        Action::HideFuture => {
            lab.hide_future = !lab.hide_future;
            true
        }
        _ => false,
    }
}

/// Sets something; true. That it was so already is no failure: a person asked for it to be so.
fn set<T>(place: &mut T, value: T) -> bool {
    *place = value;
    true
}
