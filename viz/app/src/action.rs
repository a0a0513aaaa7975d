//! Everything that a person can do, in one table: from it come the keys, the buttons' names, the overlay of shortcuts, the
//! palette of commands, the book's list and the tests.

use eframe::egui::{Event, Key, Modifiers};
use klamm_scene::{Step, Tab};

use crate::deed::Deed;
use crate::lab::Inspect;
use crate::layout::Preset;
use crate::settings::Motion;
use crate::words::Word;

/// Something that a person can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Play, or pause.
    PlayPause,
    /// A step on.
    Next(Step),
    /// A step back.
    Previous(Step),
    /// Ten events on.
    NextTen,
    /// Ten events back.
    PreviousTen,
    /// On to the next event at the node that is picked.
    NextOfNode,
    /// Back to the event before at the node that is picked.
    PreviousOfNode,
    /// To the moment before the first event.
    First,
    /// To the last event.
    Last,
    /// To a place that one types.
    GoTo,
    /// Faster.
    Faster,
    /// Slower.
    Slower,
    /// What playing goes by.
    PlayBy(Step),
    /// A picture of the stage.
    Show(Tab),
    /// A page of the inspector.
    Inspect(Inspect),
    /// Ask about the value that is marked.
    Why,
    /// Back to what was asked before.
    WhyBack,
    /// Mark the next value on the stage.
    NextValue,
    /// Mark the value before.
    PreviousValue,
    /// The stage nearer.
    Nearer,
    /// The stage farther.
    Farther,
    /// Set or take away a bookmark here.
    Bookmark,
    /// To the next bookmark.
    NextBookmark,
    /// To the bookmark before.
    PreviousBookmark,
    /// To the next violation of an invariant.
    NextViolation,
    /// To the violation before.
    PreviousViolation,
    /// Hide or show what is still to come.
    HideFuture,
    /// Give the answer to the question that waits here.
    Answer,
    /// Pass over the question that waits here.
    SkipQuestion,
    /// Ask the scenario's questions, or do not.
    AskQuestions,
    /// Stop before: set a breakpoint that one types.
    Break,
    /// Larger text.
    Larger,
    /// Smaller text.
    Smaller,
    /// The other language.
    Language,
    /// The other palette.
    Palette,
    /// More or less motion: the next of the three ways.
    Motion,
    /// One way of moving.
    MoveAs(Motion),
    /// An arrangement of panes.
    Arrange(Preset),
    /// The arrangement before the last change.
    UndoLayout,
    /// The command that reopens this view, into the clipboard.
    CopyCommand,
    /// A message with that command, into the clipboard.
    CopyMessage,
    /// Do something to the cluster at this moment, in a branch.
    Do(Deed),
    /// Show another run beside this one, or no more.
    Compare,
    /// Choose among everything that can be done at this moment.
    Deeds,
    /// Back to the branch from which this one was made.
    ToParent,
    /// The next branch in the list.
    NextBranch,
    /// The branch before in the list.
    PreviousBranch,
    /// Give the branch that is shown a name.
    NameBranch,
    /// Show the scenario's text to edit it, or hide it.
    Editor,
    /// Run what is written in the editor.
    RunEdited,
    /// Save the scenario, with what was done in the window, as a file.
    SaveBranch,
    /// Find a command.
    Commands,
    /// The list of keys.
    Shortcuts,
    /// Stage and caption alone, large.
    Presenter,
    /// The whole screen.
    FullScreen,
    /// To the library.
    Library,
    /// Close what is open on top, else pick nothing.
    Clear,
}

/// A key with what is held beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Press {
    /// The key.
    pub key: Key,
    /// With Ctrl, or Command on a Mac.
    pub command: bool,
    /// With Shift; none if it does not matter, for signs that need it on some keyboards.
    pub shift: Option<bool>,
}

impl Press {
    /// A key alone.
    const fn plain(key: Key) -> Self {
        Self { key, command: false, shift: Some(false) }
    }

    const fn shift(key: Key) -> Self {
        Self { key, command: false, shift: Some(true) }
    }

    const fn ctrl(key: Key) -> Self {
        Self { key, command: true, shift: Some(false) }
    }

    const fn ctrl_shift(key: Key) -> Self {
        Self { key, command: true, shift: Some(true) }
    }

    /// A sign, wherever a keyboard has it.
    const fn sign(key: Key) -> Self {
        Self { key, command: false, shift: None }
    }

    /// As it is written in lists: `Ctrl+K`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys are called what egui calls them")]
    pub fn text(self) -> String {
        let ctrl = if self.command { "Ctrl+" } else { "" };
        let shift = if self.shift == Some(true) { "Shift+" } else { "" };
        let key = match self.key {
            Key::ArrowRight => "Right",
            Key::ArrowLeft => "Left",
            Key::ArrowUp => "Up",
            Key::ArrowDown => "Down",
            Key::PageDown => "PgDn",
            Key::PageUp => "PgUp",
            Key::Escape => "Esc",
            Key::Slash => "/",
            Key::Questionmark => "?",
            Key::Plus => "+",
            Key::Minus => "-",
            Key::Equals => "=",
            Key::Period => ".",
            Key::Comma => ",",
            Key::Semicolon => ";",
            Key::OpenBracket => "[",
            Key::CloseBracket => "]",
            other => other.name(),
        };
        format!("{ctrl}{shift}{key}")
    }

    /// The modifiers that go with it.
    pub fn modifiers(self) -> Modifiers {
        let base =
            if self.command { Modifiers::COMMAND | Modifiers::CTRL } else { Modifiers::NONE };
        if self.shift == Some(true) { base | Modifiers::SHIFT } else { base }
    }

    fn is(self, key: Key, held: Modifiers) -> bool {
        self.key == key
            && self.command == (held.command || held.ctrl)
            && self.shift.is_none_or(|shift| shift == held.shift)
            && !held.alt
    }
}

/// What actions are about, for lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// Walking through the run.
    Time,
    /// Looking.
    Look,
    /// Asking.
    Ask,
    /// Doing something to the cluster.
    Deeds,
    /// The program itself.
    Program,
}

impl Subject {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Time, Self::Look, Self::Ask, Self::Deeds, Self::Program];

    /// Its title.
    pub fn word(self) -> Word {
        match self {
            Self::Time => Word::AboutTime,
            Self::Look => Word::AboutLook,
            Self::Ask => Word::AboutAsk,
            Self::Deeds => Word::AboutDeeds,
            Self::Program => Word::AboutProgram,
        }
    }
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What is done.
    pub action: Action,
    /// Its name, on buttons and in lists.
    pub word: Word,
    /// What it is about.
    pub about: Subject,
    /// The keys that do it.
    pub keys: &'static [Press],
}

const fn entry(action: Action, word: Word, about: Subject, keys: &'static [Press]) -> Entry {
    Entry { action, word, about, keys }
}

/// Everything that can be done.
pub const TABLE: &[Entry] = {
    use Subject::{Ask, Deeds, Look, Program, Time};
    &[
        entry(Action::PlayPause, Word::PlayPause, Time, &[Press::plain(Key::Space)]),
        entry(Action::Next(Step::Event), Word::NextEvent, Time, &[Press::plain(Key::ArrowRight)]),
        entry(
            Action::Previous(Step::Event),
            Word::PreviousEvent,
            Time,
            &[Press::plain(Key::ArrowLeft)],
        ),
        entry(Action::NextTen, Word::NextTen, Time, &[Press::shift(Key::ArrowRight)]),
        entry(Action::PreviousTen, Word::PreviousTen, Time, &[Press::shift(Key::ArrowLeft)]),
        entry(
            Action::Next(Step::Interesting),
            Word::NextInteresting,
            Time,
            &[Press::ctrl(Key::ArrowRight)],
        ),
        entry(
            Action::Previous(Step::Interesting),
            Word::PreviousInteresting,
            Time,
            &[Press::ctrl(Key::ArrowLeft)],
        ),
        entry(Action::Next(Step::Message), Word::NextMessage, Time, &[Press::plain(Key::M)]),
        entry(
            Action::Previous(Step::Message),
            Word::PreviousMessage,
            Time,
            &[Press::shift(Key::M)],
        ),
        entry(
            Action::Next(Step::Beat),
            Word::NextBeat,
            Time,
            &[Press::plain(Key::PageDown), Press::plain(Key::Period)],
        ),
        entry(Action::Previous(Step::Beat), Word::PreviousBeat, Time, &[Press::plain(Key::PageUp)]),
        entry(Action::NextOfNode, Word::NextOfNode, Time, &[Press::plain(Key::Semicolon)]),
        entry(Action::PreviousOfNode, Word::PreviousOfNode, Time, &[Press::plain(Key::Comma)]),
        entry(Action::First, Word::First, Time, &[Press::plain(Key::Home)]),
        entry(Action::Last, Word::Last, Time, &[Press::plain(Key::End)]),
        entry(Action::GoTo, Word::GoTo, Time, &[Press::plain(Key::G)]),
        entry(Action::Faster, Word::Faster, Time, &[Press::plain(Key::CloseBracket)]),
        entry(Action::Slower, Word::Slower, Time, &[Press::plain(Key::OpenBracket)]),
        entry(Action::PlayBy(Step::Event), Word::PlayByEvent, Time, &[]),
        entry(Action::PlayBy(Step::Message), Word::PlayByMessage, Time, &[]),
        entry(Action::PlayBy(Step::Beat), Word::PlayByBeat, Time, &[]),
        entry(Action::PlayBy(Step::Interesting), Word::PlayByInteresting, Time, &[]),
        entry(Action::Bookmark, Word::Bookmark, Time, &[Press::plain(Key::B)]),
        entry(Action::NextBookmark, Word::NextBookmark, Time, &[Press::plain(Key::N)]),
        entry(Action::PreviousBookmark, Word::PreviousBookmark, Time, &[Press::shift(Key::N)]),
        entry(Action::Break, Word::Break, Time, &[Press::shift(Key::B)]),
        entry(Action::NextViolation, Word::NextViolation, Time, &[Press::shift(Key::V)]),
        entry(
            Action::PreviousViolation,
            Word::PreviousViolation,
            Time,
            &[Press::ctrl_shift(Key::V)],
        ),
        entry(Action::HideFuture, Word::HideFuture, Time, &[Press::plain(Key::H)]),
        entry(Action::Show(Tab::Cluster), Word::ShowCluster, Look, &[Press::plain(Key::Num1)]),
        entry(Action::Show(Tab::Logs), Word::ShowLogs, Look, &[Press::plain(Key::Num2)]),
        entry(Action::Show(Tab::Sequence), Word::ShowSequence, Look, &[Press::plain(Key::Num3)]),
        entry(Action::Show(Tab::Groups), Word::ShowGroups, Look, &[Press::plain(Key::Num4)]),
        entry(Action::Show(Tab::Quorum), Word::ShowQuorum, Look, &[Press::plain(Key::Num5)]),
        entry(
            Action::Nearer,
            Word::Nearer,
            Look,
            &[Press::sign(Key::Plus), Press::plain(Key::Equals)],
        ),
        entry(Action::Farther, Word::Farther, Look, &[Press::sign(Key::Minus)]),
        entry(Action::Presenter, Word::Presenter, Look, &[Press::plain(Key::F5)]),
        entry(Action::FullScreen, Word::FullScreen, Look, &[Press::plain(Key::F11)]),
        entry(Action::Arrange(Preset::Learn), Word::ArrangeLearn, Look, &[Press::plain(Key::F6)]),
        entry(Action::Arrange(Preset::Debug), Word::ArrangeDebug, Look, &[Press::plain(Key::F7)]),
        entry(
            Action::Arrange(Preset::Present),
            Word::ArrangePresent,
            Look,
            &[Press::plain(Key::F8)],
        ),
        entry(Action::UndoLayout, Word::UndoLayout, Look, &[Press::ctrl_shift(Key::Z)]),
        entry(Action::Answer, Word::GiveAnswer, Ask, &[Press::plain(Key::A)]),
        entry(Action::SkipQuestion, Word::SkipQuestion, Ask, &[Press::shift(Key::A)]),
        entry(Action::AskQuestions, Word::AskQuestions, Ask, &[]),
        entry(Action::NextValue, Word::NextValue, Ask, &[Press::plain(Key::ArrowDown)]),
        entry(Action::PreviousValue, Word::PreviousValue, Ask, &[Press::plain(Key::ArrowUp)]),
        entry(Action::Why, Word::AskWhy, Ask, &[Press::plain(Key::W)]),
        entry(Action::WhyBack, Word::WhyBack, Ask, &[Press::shift(Key::W)]),
        entry(Action::Inspect(Inspect::Event), Word::InspectEvent, Ask, &[Press::plain(Key::E)]),
        entry(Action::Inspect(Inspect::State), Word::InspectState, Ask, &[Press::plain(Key::S)]),
        entry(Action::Inspect(Inspect::Diff), Word::InspectDiff, Ask, &[Press::plain(Key::D)]),
        entry(
            Action::Inspect(Inspect::Invariants),
            Word::InspectInvariants,
            Ask,
            &[Press::plain(Key::V)],
        ),
        entry(Action::Compare, Word::Compare, Ask, &[Press::plain(Key::X)]),
        entry(Action::Clear, Word::Clear, Ask, &[Press::plain(Key::Escape)]),
        entry(Action::Do(Deed::Crash), Word::DeedCrash, Deeds, &[Press::plain(Key::K)]),
        entry(Action::Do(Deed::Restart), Word::DeedRestart, Deeds, &[Press::plain(Key::R)]),
        entry(Action::Do(Deed::PowerOff), Word::DeedPowerOff, Deeds, &[Press::shift(Key::K)]),
        entry(Action::Do(Deed::Stop), Word::DeedStop, Deeds, &[Press::shift(Key::R)]),
        entry(Action::Do(Deed::Pause), Word::DeedPause, Deeds, &[Press::plain(Key::Z)]),
        entry(Action::Do(Deed::Resume), Word::DeedResume, Deeds, &[Press::shift(Key::Z)]),
        entry(Action::Do(Deed::Isolate), Word::DeedIsolate, Deeds, &[Press::plain(Key::P)]),
        entry(Action::Do(Deed::Heal), Word::DeedHeal, Deeds, &[Press::shift(Key::P)]),
        entry(Action::Do(Deed::Cut), Word::DeedCut, Deeds, &[Press::plain(Key::J)]),
        entry(Action::Do(Deed::CutOneWay), Word::DeedCutOneWay, Deeds, &[Press::shift(Key::J)]),
        entry(Action::Do(Deed::SlowLink), Word::DeedSlowLink, Deeds, &[Press::plain(Key::I)]),
        entry(Action::Do(Deed::NormalLink), Word::DeedNormalLink, Deeds, &[Press::shift(Key::I)]),
        entry(Action::Do(Deed::SlowDisk), Word::DeedSlowDisk, Deeds, &[Press::plain(Key::Y)]),
        entry(Action::Do(Deed::NormalDisk), Word::DeedNormalDisk, Deeds, &[Press::shift(Key::Y)]),
        entry(Action::Do(Deed::Produce), Word::DeedProduce, Deeds, &[Press::plain(Key::C)]),
        entry(Action::Do(Deed::AddConsumer), Word::DeedAddConsumer, Deeds, &[Press::plain(Key::U)]),
        entry(Action::Do(Deed::KillMember), Word::DeedKillMember, Deeds, &[Press::shift(Key::U)]),
        entry(
            Action::Do(Deed::ElectPreferred),
            Word::DeedElectPreferred,
            Deeds,
            &[Press::plain(Key::Q)],
        ),
        entry(
            Action::Do(Deed::ElectUnclean),
            Word::DeedElectUnclean,
            Deeds,
            &[Press::shift(Key::Q)],
        ),
        entry(Action::Deeds, Word::Deeds, Deeds, &[Press::plain(Key::O)]),
        entry(Action::ToParent, Word::ToParent, Deeds, &[Press::ctrl(Key::Z)]),
        entry(Action::NextBranch, Word::NextBranch, Deeds, &[Press::ctrl(Key::PageDown)]),
        entry(Action::PreviousBranch, Word::PreviousBranch, Deeds, &[Press::ctrl(Key::PageUp)]),
        entry(Action::NameBranch, Word::NameBranch, Deeds, &[Press::plain(Key::F)]),
        entry(Action::Editor, Word::Editor, Deeds, &[Press::ctrl(Key::E)]),
        entry(Action::RunEdited, Word::RunEdited, Deeds, &[Press::ctrl(Key::Enter)]),
        entry(Action::SaveBranch, Word::SaveBranch, Deeds, &[Press::ctrl(Key::S)]),
        entry(
            Action::Commands,
            Word::Commands,
            Program,
            &[Press::ctrl(Key::K), Press::plain(Key::Slash)],
        ),
        entry(Action::Shortcuts, Word::Shortcuts, Program, &[Press::sign(Key::Questionmark)]),
        entry(Action::CopyCommand, Word::CopyCommand, Program, &[Press::ctrl(Key::L)]),
        entry(Action::CopyMessage, Word::CopyMessage, Program, &[Press::ctrl_shift(Key::L)]),
        entry(Action::Language, Word::OtherLanguage, Program, &[Press::plain(Key::L)]),
        entry(Action::Palette, Word::OtherPalette, Program, &[Press::shift(Key::L)]),
        entry(Action::Motion, Word::OtherMotion, Look, &[Press::shift(Key::T)]),
        entry(Action::MoveAs(Motion::Full), Word::MoveFull, Look, &[]),
        entry(Action::MoveAs(Motion::Reduced), Word::MoveReduced, Look, &[]),
        entry(Action::MoveAs(Motion::Off), Word::MoveOff, Look, &[]),
        entry(
            Action::Larger,
            Word::Larger,
            Program,
            &[Press::ctrl(Key::Plus), Press::ctrl(Key::Equals)],
        ),
        entry(Action::Smaller, Word::Smaller, Program, &[Press::ctrl(Key::Minus)]),
        entry(Action::Library, Word::ToLibrary, Program, &[Press::ctrl(Key::O)]),
    ]
};

impl Action {
    /// Its line of the table.
    pub fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.action == self)
    }

    /// What a key does.
    pub fn of(key: Key, held: Modifiers) -> Option<Self> {
        let pressed = |entry: &&Entry| entry.keys.iter().any(|press| press.is(key, held));
        TABLE.iter().find(pressed).map(|entry| entry.action)
    }

    /// Whether its key does it even while text is being edited.
    pub fn works_while_editing(self) -> bool {
        matches!(self, Self::Editor | Self::RunEdited | Self::SaveBranch)
    }

    /// What an event of the keyboard does.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only keys do anything")]
    pub fn of_event(event: &Event) -> Option<Self> {
        match event {
            Event::Key { key, pressed: true, modifiers, .. } => Self::of(*key, *modifiers),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_does_one_thing_and_every_action_has_one_line() {
        for (at, entry) in TABLE.iter().enumerate() {
            for other in TABLE.iter().skip(at + 1) {
                assert_ne!(entry.action, other.action);
                assert_ne!(entry.word, other.word, "{:?} and {:?}", entry.action, other.action);
            }
            for press in entry.keys {
                assert_eq!(
                    Action::of(press.key, press.modifiers()),
                    Some(entry.action),
                    "{press:?}"
                );
            }
        }
    }

    #[test]
    fn keys_are_written_as_people_write_them() {
        let text = |action: Action| {
            action
                .entry()
                .map(|entry| entry.keys.iter().map(|press| press.text()).collect::<Vec<_>>())
        };
        assert_eq!(text(Action::Commands), Some(vec!["Ctrl+K".to_owned(), "/".to_owned()]));
        assert_eq!(text(Action::PreviousTen), Some(vec!["Shift+Left".to_owned()]));
        assert_eq!(Action::of(Key::ArrowRight, Modifiers::ALT), None);
    }
}
