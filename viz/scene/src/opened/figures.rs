//! How fast and how large an opened trace is: figures to be printed, with bars that hold on any machine.
//!
//! `KLAMM_TRACE=run.klamm cargo test --release -p klamm-scene figures -- --nocapture` measures a trace of one's own; the aims
//! for a release build are a seek of 50 ms in 10,000 events and of 100 ms in a million, and 100 bytes an event.

use std::time::{Duration, Instant};

use super::*;
use crate::{Selection, Stage, Style, Tab, Zoom, draw};

/// Places all over a trace, in no order, the same ones every time.
fn places(trace: &OpenTrace, count: u64) -> impl Iterator<Item = Seq> {
    let last = trace.last().0;
    (1..=count).map(move |n| Seq(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % last.max(1) + 1))
}

/// The one in the middle and the longest.
fn typical(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    (middle, times.last().copied().unwrap_or_default())
}

/// How long each of several things takes.
#[expect(clippy::disallowed_methods, reason = "figures are of the machine, no picture has them")]
fn timed<T>(of: impl Iterator<Item = T>, mut what: impl FnMut(T)) -> (Duration, Duration) {
    typical(
        of.map(|one| {
            let begun = Instant::now();
            what(one);
            begun.elapsed()
        })
        .collect(),
    )
}

fn measure(trace: &OpenTrace) -> (Duration, usize) {
    let mut cursor = Cursor::new(trace);
    let (seek, worst) = timed(places(trace, 200), |seq| cursor.seek(trace, seq));
    let (back, worst_back) = timed(places(trace, 50), |seq| {
        cursor.seek(trace, seq);
        cursor.previous(trace, Step::Event);
    });
    let stored = trace.events().bytes();
    let each = (stored + trace.memory()) / trace.events().len().max(1);
    let (spacing, count) = trace.keyframes();
    println!(
        "{} events: {each} bytes an event, {} of them stored; {count} keyframes, one in {spacing}",
        trace.events().len(),
        stored / trace.events().len().max(1),
    );
    println!(
        "seek: {seek:.1?}, at worst {worst:.1?}; seek and a step back: {back:.1?}, at worst {worst_back:.1?}"
    );
    let selection = Selection::default();
    for zoom in [Zoom::Auto, Zoom::Far] {
        for tab in Tab::ALL {
            let style = Style { zoom, ..Style::default() };
            let views: Vec<View> = places(trace, 20).map(|seq| trace.view_at(seq)).collect();
            let (took, longest) = timed(views.iter(), |view| {
                let scene = draw(tab, &Stage { trace, view, selection: &selection, style });
                assert!(!scene.objects.is_empty());
            });
            println!("{tab:?} ({zoom:?}): {took:.1?}, at worst {longest:.1?}");
        }
    }
    (worst, each)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "figures are of the machine, no picture has them")]
fn any_place_of_the_lesson_is_reached_at_once_and_what_that_costs_is_bounded() {
    if let Some(path) = std::env::var_os("KLAMM_TRACE") {
        let bytes = std::fs::read(path).expect("the trace is there");
        let begun = Instant::now();
        let trace = OpenTrace::from_bytes(&bytes).expect("a trace");
        println!("opened in {:.2?}", begun.elapsed());
        let (_, each) = measure(&trace);
        // A short run of a large cluster is mostly what the cluster is, not what happened in it.
        assert!(each < 100 || trace.last() < Seq(30_000), "{each} bytes an event");
        return;
    }
    let (worst, each) = measure(crate::testing::leader_crash());
    // Five times the aim: this is not an optimized build, and others use the machine.
    assert!(worst < Duration::from_millis(250), "{worst:?}");
    assert!(each < 130, "{each} bytes an event");
}
