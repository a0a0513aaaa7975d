//! Every line of the table of actions does what it says: by key, and as a command that is clicked.

use std::sync::OnceLock;

use egui_kittest::kittest::Queryable as _;
use klamm_node::Seq;
use klamm_scene::{Language, Step, Subject, Tab, Zoom};

use super::{Seen, harness, lab, other, window};
use crate::action::{Action, TABLE};
use crate::deed::Deed;
use crate::lab::{Choice, Inspect};
use crate::layout::Preset;
use crate::load::Source;
use crate::predictions::Answer;
use crate::window::{Notice, Overlay, Window};
use crate::words::Word;

/// A window in the midst of things: there is something for every action to do.
fn prepared(language: Language) -> Window {
    let mut window = window(language);
    window.settings.scale = 125;
    let before = Preset::Present.tree();
    window.layouts_before.push(before);
    let lab = lab(&mut window);
    // What is in a file has a code.
    lab.is_from(Source::File(super::lesson_file().to_owned()));
    let node = lab.trace().nodes().named("broker-1").expect("a broker");
    let middle = Seq(lab.trace().last().0 / 2);
    for seq in [Seq(middle.0 - 50), Seq(middle.0 + 50)] {
        lab.go(seq);
        lab.toggle_bookmark();
    }
    lab.go(middle);
    lab.selection.nodes = vec![node];
    lab.ask(Subject::QuorumRole(node));
    lab.ask(Subject::Applied(node));
    lab.inspect = Inspect::State;
    lab.zoom = Zoom::Middle;
    lab.playback.by = Step::Event;
    // Another picture than any that is asked for is shown: the one of the sequence is asked for in its turn.
    lab.tab = Tab::Cluster;
    window
}

/// What is offered of a deed in the midst of things.
fn offered(deed: Deed) -> Result<Vec<Choice>, Word> {
    static OFFERED: OnceLock<Vec<Result<Vec<Choice>, Word>>> = OnceLock::new();
    let all = OFFERED.get_or_init(|| {
        let prepared = prepared(Language::English);
        let lab = prepared.lab().expect("open");
        Deed::ALL.iter().map(|deed| lab.choices(*deed)).collect()
    });
    let at = Deed::ALL.iter().position(|known| *known == deed).expect("every one is listed");
    all[at].clone()
}

/// A window that an action finds something to do in: most find it anywhere, answers need a question.
fn prepared_for(language: Language, action: Action) -> Window {
    let mut window = prepared(language);
    if matches!(action, Action::Answer | Action::SkipQuestion) {
        window.settings.asks = true;
        let lab = lab(&mut window);
        lab.predictions.ask(true);
        assert!(lab.to_question(0), "the lesson asks something");
        if let Some(asked) = lab.predictions.get_mut(0) {
            asked.draft.option = Some(0);
        }
    }
    window
}

/// Whether an action did what it says. What may not change is compared as well.
fn did(action: Action, before: &Seen, now: &Seen, window: &Window) -> bool {
    let lab = window.lab();
    let trace = &super::run().0;
    let went = |to: Option<Seq>| to.is_some_and(|to| now.seq == to && to != before.seq);
    match action {
        Action::PlayPause => now.playback.plays(),
        Action::Next(step) => went(trace.next(step, before.seq)),
        Action::Previous(step) => went(trace.previous(step, before.seq)),
        Action::NextTen => went(Some(Seq(before.seq.0 + 10))),
        Action::PreviousTen => went(Some(Seq(before.seq.0 - 10))),
        Action::NextOfNode | Action::PreviousOfNode => {
            let forward = action == Action::NextOfNode;
            let node = trace.nodes().named("broker-1");
            let at = trace.event(now.seq).map(|event| event.node);
            at == node && now.seq != before.seq && (now.seq > before.seq) == forward
        }
        Action::First => went(Some(Seq(0))),
        Action::Last => went(Some(trace.last())),
        Action::GoTo => matches!(now.overlay, Some(Overlay::GoTo(..))),
        Action::Faster => now.playback.interval() < before.playback.interval(),
        Action::Slower => now.playback.interval() > before.playback.interval(),
        Action::PlayBy(step) => now.playback.by == step,
        Action::Show(tab) => now.tab == tab,
        Action::Inspect(page) => now.inspect == page,
        Action::Why => now.inspect == Inspect::Why && now.asked.last() == before.marked.as_ref(),
        Action::WhyBack => now.asked.len() == 1 && now.inspect == Inspect::Why,
        Action::NextValue | Action::PreviousValue => {
            now.marked.is_some() && now.marked != before.marked
        }
        Action::Nearer => now.zoom == Zoom::Near,
        Action::Farther => now.zoom == Zoom::Far,
        Action::Bookmark => now.bookmarks.contains(&before.seq),
        Action::NextBookmark => went(before.bookmarks.get(1).copied()),
        Action::PreviousBookmark => went(before.bookmarks.first().copied()),
        // The lesson breaks nothing: see `night`.
        Action::NextViolation | Action::PreviousViolation => {
            now.notice == Some(Notice::Word(Word::NothingThere))
        }
        Action::HideFuture => now.hides,
        Action::Answer => {
            let answered = lab.and_then(|lab| lab.predictions.all().first()?.answer());
            matches!(answered, Some(Answer::Given(_)))
        }
        Action::SkipQuestion => {
            let answered = lab.and_then(|lab| lab.predictions.all().first()?.answer());
            answered == Some(&Answer::Skipped)
        }
        Action::AskQuestions => now.settings.asks != before.settings.asks,
        Action::Break => matches!(now.overlay, Some(Overlay::Break(..))),
        Action::Larger => now.settings.scale == 150,
        Action::Smaller => now.settings.scale == 100,
        Action::Language => now.settings.language != before.settings.language,
        Action::Palette => now.settings.palette == other(before.settings.palette),
        Action::Motion => now.settings.motion == before.settings.motion.next(),
        Action::MoveAs(motion) => now.settings.motion == motion && now.notice.is_some(),
        Action::Arrange(preset) => {
            let panes = |tree: &egui_tiles::Tree<crate::layout::Pane>| {
                tree.tiles.tiles().filter(|tile| matches!(tile, egui_tiles::Tile::Pane(_))).count()
            };
            panes(&now.layout) == panes(&preset.tree()) && window.layouts_before.len() == 2
        }
        Action::UndoLayout => now.layout != before.layout && window.layouts_before.is_empty(),
        Action::CopyCommand | Action::CopyMessage => {
            matches!(now.notice, Some(Notice::Said(Word::Copied, _)))
        }
        Action::Do(deed) => {
            let choices = offered(deed);
            let said =
                |why| now.notice == Some(Notice::Word(why)) && window.branches.all().is_empty();
            let asked =
                matches!(now.overlay, Some(Overlay::Choose { deed: Some(it), .. }) if it == deed);
            match choices.as_deref() {
                Err(why) => said(*why),
                Ok([only]) if deed != Deed::Produce => match only.refused {
                    Some(why) => said(why),
                    None => window.branches.all().len() == 2 && window.branches.shown() == 1,
                },
                Ok(_) => asked,
            }
        }
        Action::Editor => window.editor().is_some_and(|editor| editor.text.contains("Scenario(")),
        // Nothing is being written here.
        Action::RunEdited => now.notice == Some(Notice::Word(Word::NothingThere)),
        Action::Compare => matches!(now.overlay, Some(Overlay::Compare(_))),
        Action::Deeds => matches!(now.overlay, Some(Overlay::Choose { deed: None, .. })),
        // There is no other branch here: see `breaking`.
        Action::ToParent => now.notice == Some(Notice::Word(Word::IsRoot)),
        Action::NextBranch | Action::PreviousBranch => {
            now.notice == Some(Notice::Word(Word::NothingThere))
        }
        Action::NameBranch => matches!(now.overlay, Some(Overlay::Name(_))),
        Action::SaveBranch => matches!(now.overlay, Some(Overlay::Save(..))),
        Action::Commands => matches!(now.overlay, Some(Overlay::Commands(_))),
        Action::Shortcuts => now.overlay == Some(Overlay::Shortcuts),
        Action::Presenter => now.presenter,
        Action::FullScreen => now.notice.is_none(),
        Action::Library => !now.in_lab,
        Action::Clear => now.picked == 0 && now.asked.is_empty() && lab.is_some(),
    }
}

#[test]
fn every_key_does_what_the_table_says_from_every_place_and_in_both_languages() {
    for language in Language::ALL {
        let mut harness = harness(prepared(language));
        for entry in TABLE {
            // Focus knows no language: once is enough.
            let places: &[bool] =
                if language == Language::English { &[false, true] } else { &[false] };
            // A deed runs the scenario again: one tells for all where its key is pressed.
            let places = if let Action::Do(deed) = entry.action
                && deed != Deed::Crash
            {
                &places[..usize::from(language == Language::English)]
            } else {
                places
            };
            let tries = entry.keys.iter().flat_map(|it| places.iter().map(move |at| (it, *at)));
            for (press, focus) in tries {
                *harness.state_mut() = prepared_for(language, entry.action);
                harness.run();
                if focus {
                    // A button in focus would take Space and Enter for clicks, and arrows would move the focus on.
                    let name = Word::OtherLanguage.text(language);
                    harness.get_by_label(name).focus();
                    harness.run();
                }
                let before = Seen::of(harness.state());
                harness.key_press_modifiers(press.modifiers(), press.key);
                harness.run_ok();
                let now = Seen::of(harness.state());
                let done = did(entry.action, &before, &now, harness.state());
                assert!(done, "{} ({language:?}, {focus}): {:?}", press.text(), entry.action);
                if focus && entry.action != Action::Language {
                    assert_eq!(now.settings.language, before.settings.language, "{}", press.text());
                }
            }
        }
    }
}

#[test]
fn every_action_is_a_command_that_can_be_found_and_clicked() {
    for language in Language::ALL {
        let mut harness = harness(prepared(language));
        for entry in TABLE {
            if matches!(entry.action, Action::Commands | Action::Clear) {
                continue;
            }
            *harness.state_mut() = prepared_for(language, entry.action);
            let before = Seen::of(harness.state());
            harness.state_mut().overlay =
                Some(Overlay::Commands(entry.word.text(language).to_owned()));
            harness.run();
            // Enter does the first that is found: the one whose whole name is written.
            harness.key_press(eframe::egui::Key::Enter);
            harness.run_ok();
            let now = Seen::of(harness.state());
            assert!(
                did(entry.action, &before, &now, harness.state()),
                "{:?} {language:?}",
                entry.action
            );
        }
    }
}

#[test]
fn the_list_of_keys_has_every_key() {
    for language in Language::ALL {
        let mut window = prepared(language);
        window.overlay = Some(Overlay::Shortcuts);
        let harness = harness(window);
        for entry in TABLE.iter().filter(|entry| !entry.keys.is_empty()) {
            let name = entry.word.text(language);
            assert!(harness.query_all_by_label(name).next().is_some(), "{name} is missing");
        }
    }
}

#[test]
fn an_action_that_finds_nothing_says_so() {
    for (action, key) in [
        (Action::NextOfNode, eframe::egui::Key::Semicolon),
        (Action::NextBookmark, eframe::egui::Key::N),
        (Action::Why, eframe::egui::Key::W),
    ] {
        let mut harness = harness(window(Language::English));
        super::press(&mut harness, key);
        assert_eq!(harness.state().notice, Some(Notice::Word(Word::NothingThere)), "{action:?}");
    }
}
