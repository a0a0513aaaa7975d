//! What moves and for how long, that nothing is drawn when nothing moves, and how long a frame takes.

use std::rc::Rc;
use std::time::{Duration, Instant};

use eframe::egui::Key;
use egui_kittest::Harness;
use klamm_scene::{Language, OpenTrace, Scene, Step, Tab, Zoom};

use super::{harness_at, lab, window};
use crate::lab::Inspect;
use crate::load::Source;
use crate::settings::Motion;
use crate::window::{Start, Window};

/// When the next frame is due.
fn due(harness: &Harness<'_, Window>) -> Duration {
    let all = harness.output().viewport_output.values().map(|it| it.repaint_delay);
    all.min().expect("a window")
}

/// How many frames a step leads to until nothing is due any more, and the longest time without one.
fn frames_after_a_step(motion: Motion) -> (usize, Duration) {
    let mut open = window(Language::English);
    open.settings.motion = motion;
    let mut harness = harness_at(open, 1.0 / 60.0);
    harness.step();
    assert_eq!(due(&harness), Duration::MAX, "nobody moved");
    harness.key_press(Key::PageDown);
    let mut longest = Duration::ZERO;
    for frames in 0..200 {
        harness.step();
        let next = due(&harness);
        if next == Duration::MAX {
            return (frames, longest);
        }
        longest = longest.max(next);
    }
    panic!("it never comes to rest");
}

#[test]
fn a_step_is_shown_on_its_way_and_then_the_window_rests() {
    let (frames, longest) = frames_after_a_step(Motion::Full);
    assert!((30..60).contains(&frames), "the way takes 0.8 s, not {frames} frames");
    assert_eq!(longest, Duration::ZERO, "each frame is drawn");
    // A ring for a second: one frame is due, at its end. Here frames come whether they are due or not.
    let (_, longest) = frames_after_a_step(Motion::Reduced);
    assert!(
        longest > Duration::from_millis(900) && longest <= Duration::from_secs(1),
        "{longest:?}"
    );
    let (frames, _) = frames_after_a_step(Motion::Off);
    assert!(frames <= 2, "{frames} frames where nothing moves");
}

/// Whether something of a picture is only there on the way.
fn has(scene: &Rc<Scene>, prefix: &str) -> bool {
    scene.objects.iter().any(|object| object.id.starts_with(prefix))
}

#[test]
fn steps_move_jumps_do_not_and_back_fades() {
    let mut window = window(Language::English);
    let style = window.style();
    let open = lab(&mut window);
    open.tab = Tab::Cluster;
    let beat = open.trace().beats().len() - 2;
    open.go(open.trace().beats()[beat].seq);
    open.scene(style);
    assert!(open.next(Step::Beat));
    let (there, next) = open.shown(style, Motion::Full, 10.0);
    assert_eq!(next, Some(0.0));
    assert!(has(&there, "node:") && *there != *open.scene(style), "it is not there yet");
    let (later, _) = open.shown(style, Motion::Full, 10.7);
    assert!(*there != *later, "it goes on");
    let (end, next) = open.shown(style, Motion::Full, 11.0);
    assert!(next.is_none() && *end == *open.scene(style));
    assert_eq!(open.shown(style, Motion::Full, 11.1).1, None);
    // Back.
    assert!(open.previous(Step::Beat));
    let (back, next) = open.shown(style, Motion::Full, 20.0);
    assert!(next.is_some() && has(&back, "undone/"));
    assert_eq!(open.shown(style, Motion::Full, 20.13).1, None, "a step back takes 0.12 s");
    // A jump, and a look at another picture on the way.
    open.next(Step::Beat);
    open.go(open.trace().beats()[1].seq);
    assert_eq!(open.shown(style, Motion::Full, 30.0).1, None, "who scrubs sees places, not ways");
    open.next(Step::Beat);
    open.tab = Tab::Logs;
    assert_eq!(open.shown(style, Motion::Full, 40.0).1, None);
    open.previous(Step::Beat);
    open.scene(style);
    open.next(Step::Beat);
    let (ringed, next) = open.shown(style, Motion::Reduced, 50.0);
    assert!(has(&ringed, "changed/") && next == Some(1.0));
    // Fast playing snaps.
    open.previous(Step::Beat);
    open.scene(style);
    while open.playback.faster() {}
    open.next(Step::Beat);
    assert_eq!(open.shown(style, Motion::Full, 60.0).1, None);
}

/// The one in the middle and the longest of so many frames.
fn frames(harness: &mut Harness<'_, Window>, count: usize) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let begun = Instant::now();
            harness.step();
            begun.elapsed()
        })
        .collect();
    times.sort();
    (times[times.len() / 2], times[times.len() - 1])
}

/// `KLAMM_TRACE=run.klamm cargo test -p klamm-viz frame -- --nocapture` measures a trace of one's own.
#[test]
fn a_frame_takes_as_long_as_what_is_seen_and_not_as_the_run() {
    let window = match std::env::var_os("KLAMM_TRACE") {
        Some(path) => {
            let trace = OpenTrace::from_bytes(&std::fs::read(&path).expect("readable"));
            let mut window = Window::new(Start::default(), None);
            window.show_run(Source::File(path.into()), trace.expect("a trace"));
            window
        }
        None => window(Language::English),
    };
    let mut harness = harness_at(window, 0.25);
    harness.state_mut().settings.motion = Motion::Off;
    for zoom in [Zoom::Auto, Zoom::Far] {
        for tab in Tab::ALL {
            let open = lab(harness.state_mut());
            (open.tab, open.zoom) = (tab, zoom);
            let last = open.trace().last();
            open.go(klamm_node::Seq(last.0 * 2 / 3));
            harness.step();
            let (middle, worst) = frames(&mut harness, 20);
            println!("{tab:?} ({zoom:?}): a frame takes {middle:.1?}, at worst {worst:.1?}");
            assert!(middle < Duration::from_secs(1), "{tab:?}: {middle:?}");
        }
    }
    // The longest lists that there are: all that a broker has, and all that changed since the start.
    let open = lab(harness.state_mut());
    let here = open.seq();
    open.go(klamm_node::Seq(1));
    open.toggle_bookmark();
    open.go(here);
    open.since_bookmark = true;
    open.selection.nodes = open.trace().nodes().named("broker-1").into_iter().collect();
    for page in [Inspect::State, Inspect::Diff] {
        lab(harness.state_mut()).inspect = page;
        let (first, _) = frames(&mut harness, 1);
        let (middle, worst) = frames(&mut harness, 20);
        let lines = lab(harness.state_mut()).listed(page == Inspect::Diff, Language::English);
        let lines = lines.lines.len();
        println!(
            "{page:?}, {lines} lines: first {first:.1?}, then {middle:.1?}, at worst {worst:.1?}"
        );
        assert!(lines > 0 && middle < Duration::from_secs(1), "{page:?}: {middle:?}");
    }
}
