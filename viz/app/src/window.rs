//! The window's model: which screen is shown, what an action does, what is remembered.
//!
//! *Flows in*: actions, news of the worker, time. *Flows out*: screens, and settings to keep. *Must never*: draw; see `show`.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;
use egui_tiles::Tree;
use klamm_scene::{OpenTrace, Style, Tab, short_time};

use crate::branches::Branches;
use crate::breakpoint::Mistake;
use crate::code::Code;
use crate::compare::Compare;
use crate::deed::Deed;
use crate::editing::Waiting;
use crate::editor::Editor;
use crate::lab::Lab;
use crate::layout::{Pane, Preset, Room};
use crate::load::{News, Problem, Source, Wake, Worker};
use crate::playback::Stopped;
use crate::predictions::Session;
use crate::settings::{self, Found, Settings};
use crate::words::Word;

mod acting;
mod arranging;
mod typed;

use arranging::Attention;

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
    /// The room that panes have.
    room: Room,
    /// Whether nobody arranged the panes: then they fit themselves to the room.
    pub(crate) usual: bool,
    /// What one looked at in the frame before.
    attention: Option<Attention>,
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
            usual: settings.layout.is_none(),
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
            room: Room::Wide,
            attention: None,
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
        self.show_lab(Lab::new(source, trace));
    }

    pub(crate) fn show_lab(&mut self, mut lab: Lab) {
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
        // What was found when the program started is still to be said once something is open.
        let found = self.notice.clone();
        self.begin_with(wake);
        if self.notice.is_none() {
            self.notice = found;
        }
    }

    fn begin_with(&mut self, wake: Wake) {
        if let Some(code) = self.start.code.take() {
            self.open_code(&code, wake);
        } else if let Some(source) = self.start.source.take() {
            self.open(source, wake);
        }
    }

    /// Takes what the worker told; true if there is more to do at once.
    pub(crate) fn hear(&mut self) -> bool {
        if let Some(worker) = &self.worker {
            let (all, more) = worker.news();
            if !more {
                self.worker = None;
            }
            for news in all {
                self.take_news(news);
            }
        }
        let more = self.lab_mut().is_some_and(Lab::take);
        if let Some(word) = self.lab_mut().and_then(Lab::take_astray) {
            self.notice = Some(Notice::Word(word));
        }
        more
    }

    fn take_news(&mut self, news: News) {
        match news {
            News::Begun(header, until) => {
                let source = self.opening.clone();
                if let Some(source) = source {
                    self.show_lab(Lab::begun(source, OpenTrace::new(*header), until));
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
            News::Opened(trace, came_to) => {
                let source = self.opening.clone();
                if let Some(source) = source {
                    self.show_run(source, *trace);
                }
                if let Some(lab) = self.lab_mut() {
                    lab.judged(came_to);
                }
            }
            News::Failed(problem) => {
                self.edit_broken(&problem);
                self.screen = Screen::Broken(problem);
            }
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
        let (time, language) = (short_time(lab.cursor().view().now), self.settings.language);
        // How many are still to come is hidden with them.
        Some(match lab.curtain() {
            Some(_) => Word::PositionAlone.say(language, &[&time, &seq]),
            None => Word::Position.say(language, &[&time, &seq, &last]),
        })
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
