//! The editor: what is wrong at its line, what is written runs and is saved, and nothing typed is lost without being asked.

use std::fs;

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use klamm_scene::Language;

use super::{harness, lab, press, until, window};
use crate::action::Action;
use crate::editing::Waiting;
use crate::load::Source;
use crate::window::{Notice, Overlay, Screen, Start, Window};
use crate::words::Word;

const LITTLE: &str =
    "(version: 1, title: \"Little\", question: \"Does it come up?\", duration: \"2s\")";

fn whole(window: &Window) -> bool {
    window.lab().is_some_and(|lab| lab.is_whole() && lab.outcome().is_some())
}

fn ctrl(harness: &mut Harness<'_, Window>, key: Key) {
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::CTRL, key);
    harness.run_ok();
}

fn text<'a>(harness: &'a mut Harness<'_, Window>) -> &'a mut String {
    &mut harness.state_mut().editor.as_mut().expect("an editor").text
}

/// A file with a scenario, open, with the editor beside it.
fn opened(
    folder: &std::path::Path,
    language: Language,
) -> (std::path::PathBuf, Harness<'static, Window>) {
    let path = folder.join("mine.ron");
    fs::write(&path, LITTLE).expect("written");
    let start = Start { source: Some(Source::File(path.clone())), ..Start::default() };
    let mut window = Window::new(start, None);
    window.settings.language = language;
    let mut harness = harness(window);
    until(&mut harness, whole);
    ctrl(&mut harness, Key::E);
    assert!(harness.state().editor().is_some());
    (path, harness)
}

#[test]
fn what_is_wrong_is_told_at_its_line_while_one_types_and_a_click_goes_there() {
    for language in Language::ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, mut harness) = opened(folder.path(), language);
        assert!(harness.query_by_label(Word::NoMistakes.text(language)).is_some());
        *text(&mut harness) = LITTLE.replace("title", "titel").replace(", question", ",\nquestion");
        harness.run();
        let found = harness.state_mut().editor.as_mut().expect("an editor").mistakes().to_vec();
        let place = Word::AtLine.say(language, &[&found[0].line, &found[0].column]);
        let line = format!("{place}: {}", found[0].message);
        harness.get_by_label(&line).click();
        harness.run();
        let id = egui::Id::unique("the scenario's text");
        let state = egui::text_edit::TextEditState::load(&harness.ctx, id).expect("it has focus");
        let at = state.cursor.char_range().expect("a cursor").primary.index;
        assert_eq!(usize::from(at), found[0].span.start, "the text is plain ASCII");
        // It does not run, and why is said.
        ctrl(&mut harness, Key::Enter);
        assert!(matches!(harness.state().notice, Some(Notice::Said(Word::MistakesFirst, _))));
        assert!(whole(harness.state()), "what is shown stays");
    }
}

#[test]
fn what_is_written_runs_as_a_branch_and_is_saved_into_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, mut harness) = opened(folder.path(), Language::English);
    let written = LITTLE.replace("2s", "3s");
    text(&mut harness).clone_from(&written);
    ctrl(&mut harness, Key::Enter);
    until(&mut harness, whole);
    assert_eq!(harness.state().branches.tree(), [(0, 0), (1, 1)]);
    let end = lab(harness.state_mut()).trace().end().0;
    assert!(end > 2_500_000_000, "the new text ran: {end}");
    assert_eq!(harness.state().code(), Err(Notice::Word(Word::SaveFirst)));
    assert_eq!(fs::read_to_string(&path).expect("there"), LITTLE, "it is not saved by running it");
    ctrl(&mut harness, Key::S);
    assert_eq!(fs::read_to_string(&path).expect("there"), written);
    assert!(!harness.state().editor().expect("shown").is_changed());
    // Keys that work in the text work beside it too; Ctrl+E hides it, and what is saved need not be kept.
    ctrl(&mut harness, Key::E);
    assert!(harness.state().editor().is_none());
}

#[test]
fn what_came_with_the_program_is_saved_under_a_name_that_is_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut harness = harness(window(Language::English));
    ctrl(&mut harness, Key::E);
    text(&mut harness).push_str("// mine\n");
    harness.run();
    ctrl(&mut harness, Key::S);
    assert!(matches!(harness.state().overlay, Some(Overlay::SaveText(_, None))));
    let path = folder.path().join("new.ron");
    let ctx = harness.ctx.clone();
    harness.state_mut().save_text_as(&path.display().to_string(), &ctx);
    assert!(fs::read_to_string(&path).expect("saved").ends_with("// mine\n"));
    text(&mut harness).push_str("// more\n");
    harness.state_mut().save_text_as(&path.display().to_string(), &ctx);
    assert!(matches!(harness.state().overlay, Some(Overlay::SaveText(_, Some(_)))), "it is there");
}

#[test]
fn what_is_not_saved_is_asked_about_before_it_would_be_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, mut harness) = opened(folder.path(), Language::English);
    text(&mut harness).push_str(" // typed");
    let typed = text(&mut harness).clone();
    let other = Source::Text { name: "other".to_owned(), text: LITTLE.to_owned() };
    let open = |harness: &mut Harness<'_, Window>| {
        let wake = crate::window::wake(&harness.ctx);
        harness.state_mut().open(other.clone(), wake);
        harness.run();
        assert_eq!(harness.state().overlay, Some(Overlay::Unsaved));
    };
    open(&mut harness);
    press(&mut harness, Key::Escape);
    assert_eq!((harness.state().overlay.clone(), harness.state().waiting.clone()), (None, None));
    assert_eq!(text(&mut harness).as_str(), typed, "nothing is lost");
    // Hidden it is kept, in the library too.
    ctrl(&mut harness, Key::E);
    let ctx = harness.ctx.clone();
    harness.state_mut().act(Action::Library, &ctx);
    harness.run();
    assert_eq!(text(&mut harness).as_str(), typed);
    // Closing the window asks.
    assert!(harness.state_mut().asks_first(Waiting::Close));
    harness.run();
    harness.get_by_label(Word::UnsavedGiveUp.text(Language::English)).click();
    harness.run_ok();
    assert!(harness.state().editor.is_none() && harness.state().waiting.is_none());
    // Saved first: then what waited goes on.
    let wake = crate::window::wake(&harness.ctx);
    harness.state_mut().open(Source::File(path.clone()), wake);
    until(&mut harness, whole);
    ctrl(&mut harness, Key::E);
    *text(&mut harness) = typed.clone();
    open(&mut harness);
    harness.get_by_label(Word::Save.text(Language::English)).click();
    harness.run_ok();
    until(&mut harness, |window| matches!(window.screen, Screen::Lab(_)) && whole(window));
    assert_eq!(fs::read_to_string(&path).expect("there"), typed);
    assert_eq!(harness.state().lab().expect("open").source().name(), "other");
}

#[test]
fn letters_are_letters_in_the_text_and_escape_leaves_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, mut harness) = opened(folder.path(), Language::English);
    let id = egui::Id::unique("the scenario's text");
    harness.ctx.memory_mut(|memory| memory.request_focus(id));
    harness.run();
    let before = lab(harness.state_mut()).seq();
    harness.event(egui::Event::Text("k".to_owned()));
    press(&mut harness, Key::K);
    press(&mut harness, Key::ArrowRight);
    assert_eq!(lab(harness.state_mut()).seq(), before);
    assert!(harness.state().branches.all().is_empty() && text(&mut harness).contains('k'));
    press(&mut harness, Key::Escape);
    assert!(harness.state().editor().is_some(), "Esc leaves the text, and it stays");
    press(&mut harness, Key::Home);
    assert_eq!(lab(harness.state_mut()).seq(), klamm_node::Seq(0), "keys are keys again");
}
