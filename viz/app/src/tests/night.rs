//! Somebody at night with a run that went wrong: what broke is told at once, and each place is one key away.

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use klamm_node::{EventKind, Offset, Seq};
use klamm_scene::{Language, OpenTrace, short_time};
use klamm_trace::{Keep, Recorder};

use super::{harness, lab, run, window};
use crate::window::Window;
use crate::words::Word;

/// The lesson, in which a follower's high watermark leaves its log, and later the leader's falls.
#[expect(clippy::wildcard_enum_match_arm, reason = "only the moves of a watermark are changed")]
fn broken() -> Window {
    let (trace, source) = run();
    let keep = Keep { events: true, view: true, invariants: false };
    let mut recorder = Recorder::new(trace.header().clone(), keep);
    let node = |name: &str| trace.nodes().named(name).expect("a broker");
    let (leader, follower) = (node("broker-1"), node("broker-2"));
    let mut moved = [0, 0];
    for event in trace.events().iter() {
        let kind = match event.kind {
            EventKind::HighWatermarkMoved { partition, from, to }
                if *partition.topic == *"orders" =>
            {
                moved[0] += usize::from(event.node == follower);
                moved[1] += usize::from(event.node == leader);
                let to = match (moved, event.node) {
                    ([3, _], at) if at == follower => Offset(1_000_000),
                    ([_, 90], at) if at == leader => Offset(0),
                    _ => to,
                };
                EventKind::HighWatermarkMoved { partition, from, to }
            }
            kind => kind,
        };
        recorder.record(event.time, event.node, event.cause, kind);
    }
    let mut window = window(Language::English);
    window.show_run(source.clone(), OpenTrace::of_recorder(&recorder));
    window
}

#[test]
fn what_broke_is_told_at_once_and_keys_lead_there() {
    let mut harness = harness(broken());
    let open = lab(harness.state_mut());
    let all: Vec<_> = open.violations().cloned().collect();
    let first = all.iter().min_by_key(|it| it.seq).expect("something broke").clone();
    assert!(open.seq() < first.seq, "one stands before it");
    let mut codes: Vec<&str> = all.iter().map(|it| it.id.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    let values: [&dyn std::fmt::Display; 4] =
        [&codes.len(), &first.id.code(), &short_time(first.time), &first.seq];
    let told = Word::BrokenOnes.say(Language::English, &values);
    // In the guide it stands above the steps, in the timeline it has its band.
    let list = harness.get_by_label(Word::Violations.text(Language::English)).rect();
    let steps = harness.get_by_label(Word::Steps.text(Language::English)).rect();
    assert!(list.max.y <= steps.min.y);
    harness.get_by_label(&told).click();
    harness.run();
    assert_eq!(lab(harness.state_mut()).seq(), first.seq);
    // The next one and back.
    let next = all.iter().map(|it| it.seq).filter(|seq| *seq > first.seq).min();
    let next = next.expect("it broke twice");
    harness.key_press_modifiers(Modifiers::SHIFT, Key::V);
    harness.run();
    assert_eq!(lab(harness.state_mut()).seq(), next);
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::CTRL | Modifiers::SHIFT, Key::V);
    harness.run();
    assert_eq!(lab(harness.state_mut()).seq(), first.seq);
    // Whoever hides the future is not told.
    lab(harness.state_mut()).go(Seq(first.seq.0 - 1));
    super::press(&mut harness, Key::H);
    assert!(harness.query_by_label_contains("invariants broken").is_none());
}
