//! A view that is shared is the same view on the other side, and what is not the same is said.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use eframe::egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use klamm_scene::{Language, Palette, Tab, Zoom};

use super::{harness, lab, press, until};
use crate::code::Code;
use crate::lab::Inspect;
use crate::launch::Args;
use crate::layout::Preset;
use crate::load::Source;
use crate::window::{Notice, Overlay, Screen, Start, Window};
use crate::words::Word;

const LITTLE: &str =
    "(version: 1, title: \"Little\", question: \"Does it come up?\", duration: \"3s\",
    topics: [(name: \"orders\", replication_factor: 3)],
    steps: [(at: \"1s\", say: \"it begins\"), (at: \"2500ms\", say: \"it ends\")])";

fn whole(window: &Window) -> bool {
    window.lab().is_some_and(|lab| lab.is_whole() && lab.outcome().is_some())
}

/// A file in which there is the little scenario, and a window in which it has run.
fn shown(folder: &Path) -> (PathBuf, Harness<'static, Window>) {
    let path = folder.join("little one.ron");
    fs::write(&path, LITTLE).expect("written");
    let start = Start { source: Some(Source::File(path.clone())), ..Start::default() };
    let mut harness = harness(Window::new(start, None));
    until(&mut harness, whole);
    (path, harness)
}

fn args(code: &Code) -> Args {
    Args::try_parse_from(["klamm-viz", "--code", &code.to_string()]).expect("good arguments")
}

#[test]
fn a_code_reopens_the_very_view_with_its_branch() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, mut harness) = shown(folder.path());
    let open = lab(harness.state_mut());
    open.go(open.trace().at_time(klamm_node::Time(1_500_000_000)));
    open.selection.nodes = vec![open.trace().nodes().named("broker-2").expect("a broker")];
    for key in [Key::K, Key::R] {
        harness.key_press(key);
        harness.step();
        until(&mut harness, whole);
        let open = lab(harness.state_mut());
        open.go(klamm_node::Seq(open.seq().0 + 20));
    }
    let window = harness.state_mut();
    window.settings.language = Language::Korean;
    window.settings.palette = Palette::Dark;
    window.settings.scale = 125;
    window.layout = Preset::Debug.tree();
    let style = window.style();
    let open = lab(window);
    (open.tab, open.zoom, open.hide_future) = (Tab::Quorum, Zoom::Near, true);
    let scene = open.scene(style);
    open.mark(&scene, true);
    open.ask_marked();
    open.inspect = Inspect::Event;
    press(&mut harness, Key::F);
    harness.event(Event::Text("down and up".to_owned()));
    harness.run();
    press(&mut harness, Key::Enter);
    let code = harness.state().code().expect("a code");
    assert_eq!(code.done.len(), 2);
    assert!(code.view.asked.is_some() && code.name.is_some() && code.view.nodes == ["broker-2"]);
    // On the other side: the same code comes out again, so nothing of the view is lost.
    let other = args(&code).window(None).expect("it is all there");
    let mut other = super::harness(other);
    until(&mut other, whole);
    assert_eq!(other.state().code(), Ok(code));
    assert_eq!(other.state().branches.tree(), [(0, 0), (1, 1), (2, 2)]);
    assert_eq!(lab(other.state_mut()).other_than_claimed(), None);
    // Its parent is walked to, as in the window where it was made.
    other.key_press_modifiers(Modifiers::COMMAND | Modifiers::CTRL, Key::Z);
    other.step();
    until(&mut other, whole);
    assert_eq!(other.state().branches.shown(), 1);
}

#[test]
fn a_run_that_is_not_the_codes_is_said_to_be_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, harness) = shown(folder.path());
    let code = harness.state().code().expect("a code");
    for language in Language::ALL {
        let mut other = code.clone();
        other.end ^= 1;
        other.view.language = language;
        let mut harness = super::harness(args(&other).window(None).expect("it opens"));
        until(&mut harness, whole);
        let (found, claimed) = lab(harness.state_mut()).other_than_claimed().expect("another");
        let said = Word::NotThatRun.say(language, &[&found, &claimed]);
        assert!(harness.query_by_label(&said).is_some(), "{said}");
    }
    // Another scenario is not opened at all, nor one that is gone, nor one that takes no such deed.
    let refused = |code: &Code| args(code).start().expect_err("refused");
    let mut undone = code.clone();
    undone.done.push((
        klamm_node::Time(1),
        crate::deed::Doing::new(crate::deed::Deed::Crash, &["nobody"]),
    ));
    assert!(refused(&undone).contains("nobody"), "{}", refused(&undone));
    let mut unknown = code.clone();
    unknown.place = crate::code::Place::Library("lessons/none".to_owned());
    assert!(refused(&unknown).contains("lessons/none"));
    fs::write(&path, LITTLE.replace("3s", "4s")).expect("written");
    assert!(refused(&code).contains("has changed"), "{}", refused(&code));
    fs::remove_file(&path).expect("removed");
    assert!(refused(&code).contains("little one.ron"));
    let broken = Args::try_parse_from(["klamm-viz", "--code", "klamm1:lob=x"]).expect("arguments");
    assert_eq!(
        broken.start(),
        Err("Character 8 of the code: lib=, file=, trace= must come here".to_owned())
    );
    assert!(Args::try_parse_from(["klamm-viz", "a.ron", "--code", "klamm1:"]).is_err());
}

#[test]
fn a_code_is_copied_by_key_and_pasted_in_the_palette_and_in_the_library() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, mut harness) = shown(folder.path());
    let copied = |harness: &Harness<'_, Window>| match &harness.state().notice {
        Some(Notice::Said(Word::Copied, text)) => text.clone(),
        other => panic!("{other:?}"),
    };
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::CTRL, Key::L);
    harness.step();
    let command = copied(&harness);
    let code = harness.state().code().expect("a code");
    assert_eq!(command, format!("klamm-viz --code {code}"));
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::CTRL | Modifiers::SHIFT, Key::L);
    harness.step();
    let message = copied(&harness);
    assert!(message.starts_with("Little, seed 1, ") && message.ends_with(&command), "{message}");
    // Into the palette: the whole message will do.
    press(&mut harness, Key::End);
    harness.state_mut().overlay = Some(Overlay::Commands(message));
    harness.run();
    harness.get_by_label(Word::CodeOpen.text(Language::English)).click();
    harness.run_ok();
    until(&mut harness, whole);
    assert_eq!(harness.state().code(), Ok(code.clone()));
    // Into the library's search, and what is wrong is said there.
    let ctx = harness.ctx.clone();
    harness.state_mut().act(crate::action::Action::Library, &ctx);
    let wrong = command.replace(":seed=1", ":seed=x");
    harness.state_mut().search.clone_from(&wrong);
    harness.run();
    let place = Code::find_in(&wrong).and_then(|it| it.find("=x")).expect("there") + 2;
    assert!(harness.query_by_label_contains(&format!("Character {place} of the code")).is_some());
    harness.state_mut().search = command;
    harness.run();
    harness.get_by_label(Word::CodeOpen.text(Language::English)).click();
    harness.run_ok();
    until(&mut harness, whole);
    assert_eq!(harness.state().code(), Ok(code));
}

#[test]
fn what_has_no_code_says_why() {
    // A text that is in no file and in no library.
    let window = super::window(Language::English);
    assert_eq!(window.code(), Err(Notice::Word(Word::SaveFirst)));
    assert_eq!(Window::new(Start::default(), None).code(), Err(Notice::Word(Word::NothingThere)));
    let mut window = super::window(Language::English);
    let events = super::run().0.events().clone();
    lab(&mut window).grown(events);
    assert_eq!(window.code(), Err(Notice::Word(Word::RunFirst)));
    // A scenario of the library has one by its name.
    let card = crate::library::named("lessons/slow-follower").expect("a lesson");
    let mut window = super::window(Language::English);
    let mut header = lab(&mut window).trace().header().clone();
    header.scenario = card.text.into();
    let source = Source::Text { name: card.name.clone(), text: card.text.to_owned() };
    window.show_run(source, klamm_scene::OpenTrace::new(header));
    let code = window.code().expect("a code").to_string();
    assert!(code.starts_with("klamm1:lib=lessons/slow-follower:text="), "{code}");
}

#[test]
fn a_trace_is_shared_by_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.trace");
    fs::write(&path, super::opening::trace()).expect("written");
    let start = Start { source: Some(Source::File(path)), ..Start::default() };
    let mut harness = harness(Window::new(start, None));
    let there = |window: &Window| matches!(window.screen, Screen::Lab(_));
    until(&mut harness, there);
    lab(harness.state_mut()).go(klamm_node::Seq(9));
    let code = harness.state().code().expect("a code");
    let mut other = super::harness(args(&code).window(None).expect("it opens"));
    until(&mut other, there);
    assert_eq!(other.state().code(), Ok(code));
    assert_eq!(lab(other.state_mut()).other_than_claimed(), None);
}
