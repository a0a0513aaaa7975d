//! The whole window without a renderer: every key and every button of the table, in both languages, from several places of
//! focus; the ways through it that people take; what is broken; and that an idle window draws nothing.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use eframe::egui;
use egui_kittest::Harness;
use klamm_node::Seq;
use klamm_scene::{Language, OpenTrace, Palette, Subject, Tab, Zoom};

use crate::lab::{Inspect, Lab};
use crate::library;
use crate::load::{News, Source, Worker};
use crate::playback::Playback;
use crate::settings::Settings;
use crate::window::{Notice, Overlay, Screen, Start, Window};

mod asking;
mod breaking;
mod class;
mod comparing;
mod editing;
mod journeys;
mod night;
mod opening;
mod sharing;
mod sight;
mod speed;
mod table;
mod unmet;

/// The main lesson, up to where its leader has died: run once.
fn run() -> &'static (OpenTrace, Source) {
    static RUN: OnceLock<(OpenTrace, Source)> = OnceLock::new();
    RUN.get_or_init(|| {
        let source = lesson();
        let worker = Worker::start(source.clone(), None, Arc::new(|| {}));
        let mut lab: Option<Lab> = None;
        while let Some(news) = worker.wait(Duration::from_secs(120)).expect("the run goes on") {
            match news {
                News::Begun(header, _) => {
                    lab = Some(Lab::new(source.clone(), OpenTrace::new(*header)))
                }
                News::Grown(events) => {
                    let lab = lab.as_mut().expect("it has begun");
                    lab.grown(events);
                    while lab.take() {}
                }
                News::Done(_) => {}
                News::Failed(problem) => panic!("{problem}"),
                News::Reading(..) | News::Opened(..) => panic!("this is no trace"),
            }
        }
        (lab.expect("it has begun").trace().clone(), source)
    })
}

/// The main lesson's text, cut short: tests need its beginning.
fn lesson() -> Source {
    let card = library::named("lessons/leader-crash").expect("the main lesson");
    let text = card
        .text
        .replace("duration: \"40s\"", "duration: \"9s\"")
        .replace("stop: \"30s\"", "stop: \"8s\"");
    assert_ne!(text, card.text);
    Source::Text { name: card.name.clone(), text }
}

/// The same text as a file.
fn lesson_file() -> &'static std::path::Path {
    static FILE: OnceLock<(tempfile::TempDir, std::path::PathBuf)> = OnceLock::new();
    let (_, path) = FILE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lesson.ron");
        let Source::Text { text, .. } = lesson() else { panic!("it is a text") };
        std::fs::write(&path, text).expect("written");
        (folder, path)
    });
    path
}

/// A window with the lesson open.
fn window(language: Language) -> Window {
    let mut window = Window::new(Start::default(), None);
    window.settings.language = language;
    // Questions would stop what is tested here: `asking` is about them.
    window.settings.asks = false;
    let (trace, source) = run();
    window.show_run(source.clone(), trace.clone());
    window
}

/// The lab of a window.
fn lab(window: &mut Window) -> &mut Lab {
    window.lab_mut().expect("a run is open")
}

/// The window as a person has it in front of them.
fn harness(window: Window) -> Harness<'static, Window> {
    harness_at(window, 0.25)
}

/// The same, with so many seconds between frames.
fn harness_at(window: Window, seconds: f32) -> Harness<'static, Window> {
    let mut harness = Harness::builder()
        .with_size(egui::vec2(1440.0, 900.0))
        .with_max_steps(16)
        .with_step_dt(seconds)
        .with_context_setup(|ctx| ctx.set_fonts(crate::show::fonts()))
        .build_ui_state(|ui, window: &mut Window| window.show(ui), window);
    // A worker may keep it busy for longer than a few frames.
    harness.run_ok();
    harness
}

/// Lets frames pass until something is so; the worker is another thread.
fn until(harness: &mut Harness<'_, Window>, what: impl Fn(&Window) -> bool) {
    let begun = Instant::now();
    while !what(harness.state()) {
        assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", harness.state().notice);
        std::thread::yield_now();
        harness.step();
    }
    harness.run_ok();
}

fn press(harness: &mut Harness<'_, Window>, key: egui::Key) {
    harness.key_press(key);
    harness.run();
}

/// Everything that an action can change.
#[derive(Clone, PartialEq, Debug)]
struct Seen {
    seq: Seq,
    playback: Playback,
    tab: Tab,
    zoom: Zoom,
    inspect: Inspect,
    asked: Vec<Subject>,
    marked: Option<Subject>,
    bookmarks: Vec<Seq>,
    hides: bool,
    overlay: Option<Overlay>,
    settings: Settings,
    layout: egui_tiles::Tree<crate::layout::Pane>,
    presenter: bool,
    in_lab: bool,
    picked: usize,
    notice: Option<Notice>,
}

impl Seen {
    fn of(window: &Window) -> Self {
        let lab = window.lab();
        Self {
            seq: lab.map_or(Seq(0), Lab::seq),
            playback: lab.map(|lab| lab.playback).unwrap_or_default(),
            tab: lab.map_or(Tab::Cluster, |lab| lab.tab),
            zoom: lab.map_or(Zoom::Auto, |lab| lab.zoom),
            inspect: lab.map(|lab| lab.inspect).unwrap_or_default(),
            asked: lab.map(|lab| lab.asked().to_vec()).unwrap_or_default(),
            marked: lab.and_then(|lab| lab.marked().cloned()),
            bookmarks: lab.map(|lab| lab.bookmarks().iter().copied().collect()).unwrap_or_default(),
            hides: lab.is_some_and(|lab| lab.hide_future),
            overlay: window.overlay.clone(),
            settings: window.settings.clone(),
            layout: window.layout.clone(),
            presenter: window.presenter,
            in_lab: lab.is_some(),
            picked: lab.map_or(0, |lab| lab.selection.nodes.len()),
            notice: window.notice.clone(),
        }
    }
}

/// The other palette.
fn other(palette: Palette) -> Palette {
    match palette {
        Palette::Light => Palette::Dark,
        Palette::Dark => Palette::Light,
    }
}

/// Whether a run is open.
fn is_open(window: &Window) -> bool {
    matches!(window.screen, Screen::Lab(_))
}
