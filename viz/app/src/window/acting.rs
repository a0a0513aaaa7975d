//! What an action of the table does: what it can act on, what it changes, and what is said when it changes nothing.
//!
//! *Flows in*: an action. *Flows out*: a changed window or run, or a notice. *Must never*: draw, or do something that the table of
//! actions does not list.

use eframe::egui;
use klamm_scene::Zoom;

use super::{Notice, Overlay, Screen, Window, wake};
use crate::action::Action;
use crate::lab::{Inspect, Lab};
use crate::layout::Pane;
use crate::settings::Motion;
use crate::words::Word;

impl Window {
    /// Whether an action has anything to act on.
    pub fn can(&self, action: Action) -> bool {
        match action {
            Action::Language
            | Action::Palette
            | Action::Motion
            | Action::MoveAs(_)
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
            | Action::NextViolation
            | Action::PreviousViolation
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
                self.move_as(self.settings.motion.next());
                true
            }
            Action::MoveAs(motion) => {
                self.move_as(motion);
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
                self.arrange(preset);
                true
            }
            Action::UndoLayout => self.undo_layout(),
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
            | Action::NextViolation
            | Action::PreviousViolation
            | Action::SkipQuestion
            | Action::HideFuture => {
                // A page that is asked for is seen, whatever was in front of it.
                if matches!(action, Action::Inspect(_) | Action::Why | Action::WhyBack) {
                    self.reveal(Pane::Inspector);
                }
                let now = self.now;
                match self.step_both(action) {
                    Some(moved) => moved,
                    None => self.lab_mut().is_some_and(|lab| in_lab(lab, action, now)),
                }
            }
        }
    }

    /// Sets how much moves, and says it.
    fn move_as(&mut self, motion: Motion) {
        self.settings.motion = motion;
        self.notice = Some(Notice::Word(match motion {
            Motion::Full => Word::MotionFull,
            Motion::Reduced => Word::MotionReduced,
            Motion::Off => Word::MotionOff,
        }));
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
        Action::NextViolation => lab.to_violation(true),
        Action::PreviousViolation => lab.to_violation(false),
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
