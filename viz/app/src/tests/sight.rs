//! What has to be seen: names that stay where a picture is scrolled, and that what is needed fits.

use eframe::egui;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use klamm_scene::{Language, Tab};

use super::{harness, lab, window};
use crate::window::Window;
use crate::words::Word;

/// Where the only thing of a name is.
fn place(harness: &Harness<'_, Window>, name: &str) -> egui::Rect {
    harness.get_by_label(name).rect()
}

/// The narrowest thing whose name has some words: the words themselves, not the lane that they stand in.
fn narrowest(harness: &Harness<'_, Window>, words: &str) -> egui::Rect {
    let all = harness.get_all_by_label_contains(words).map(|it| it.rect());
    all.min_by(|a, b| a.width().total_cmp(&b.width())).expect("there is one")
}

/// Turns the wheel over a place.
fn scroll(harness: &mut Harness<'_, Window>, at: egui::Pos2, by: egui::Vec2) {
    harness.hover_at(at);
    harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: by,
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: egui::Modifiers::NONE,
    });
    // Scrolling is smooth.
    for _ in 0..8 {
        harness.step();
    }
}

#[test]
fn heads_of_the_sequence_stay_above_it_and_can_be_picked_there() {
    let mut open = window(Language::English);
    lab(&mut open).tab = Tab::Sequence;
    let last = lab(&mut open).trace().last();
    lab(&mut open).go(last);
    let mut harness = harness(open);
    let tabs = place(&harness, Word::ShowSequence.text(Language::English));
    let head = place(&harness, "broker-1");
    // The newest is the lowest, so it is scrolled from the start.
    assert!(head.min.y >= tabs.max.y, "{head:?} is not below the tabs {tabs:?}");
    assert!(head.max.y < tabs.max.y + 60.0, "{head:?} is at the upper edge");
    harness.get_by_label(Word::StaysInSight.text(Language::English));
    scroll(&mut harness, head.center() + egui::vec2(0.0, 150.0), egui::vec2(0.0, 40.0));
    assert!((place(&harness, "broker-1").min.y - head.min.y).abs() < 1.0, "it stays");
    harness.get_by_label("broker-1").click();
    harness.run();
    let picked = lab(harness.state_mut()).selection.nodes.clone();
    assert_eq!(picked, [super::run().0.nodes().named("broker-1").expect("a broker")]);
    // At the very top it is where it lies, and nothing is held.
    lab(harness.state_mut()).clear();
    scroll(&mut harness, head.center() + egui::vec2(0.0, 150.0), egui::vec2(0.0, 4000.0));
    assert!(harness.query_by_label(Word::StaysInSight.text(Language::English)).is_none());
}

#[test]
fn names_of_the_lanes_stay_beside_them() {
    let mut open = window(Language::English);
    open.settings.scale = 200;
    lab(&mut open).tab = Tab::Logs;
    let last = lab(&mut open).trace().last();
    lab(&mut open).go(last);
    let mut harness = harness(open);
    let stays = Word::StaysInSight.text(Language::English);
    assert!(harness.query_by_label(stays).is_none(), "nothing is scrolled yet");
    let before = narrowest(&harness, "follower of ");
    scroll(&mut harness, before.center() + egui::vec2(250.0, 0.0), egui::vec2(-120.0, 0.0));
    let held = harness.get_by_label(stays).rect();
    let now = narrowest(&harness, "follower of ");
    assert!((now.min.x - before.min.x).abs() < 20.0, "{before:?} went to {now:?}");
    assert!(held.contains_rect(now.shrink(2.0)), "{now:?} is not in {held:?}");
}
