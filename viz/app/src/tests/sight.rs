//! What has to be seen: names that stay where a picture is scrolled, and that what is needed fits.

use eframe::egui;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use klamm_scene::{Language, Tab};

use super::{harness, lab, window};
use crate::layout::Pane;
use crate::window::Window;
use crate::words::Word;

/// Where the only thing of a name is.
fn place(harness: &Harness<'_, Window>, name: &str) -> egui::Rect {
    harness.get_by_label(name).rect()
}

/// Where the whole picture is, what is scrolled away of it as well.
fn figure(harness: &mut Harness<'_, Window>) -> egui::Rect {
    let style = harness.state().style();
    let title = lab(harness.state_mut()).scene(style).title.clone();
    place(harness, &title)
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
    let whole = figure(&mut harness);
    scroll(&mut harness, head.center() + egui::vec2(0.0, 150.0), egui::vec2(0.0, 40.0));
    assert!(figure(&mut harness).min.y > whole.min.y + 20.0, "it is scrolled");
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
    let mut harness = sized(open, [1000.0, 1400.0]);
    let stays = Word::StaysInSight.text(Language::English);
    assert!(harness.query_by_label(stays).is_none(), "nothing is scrolled yet");
    let (before, whole) = (narrowest(&harness, "follower of "), figure(&mut harness));
    let at = egui::pos2(700.0, whole.min.y + 120.0);
    scroll(&mut harness, at, egui::vec2(-120.0, 0.0));
    let moved = figure(&mut harness).min.x - whole.min.x;
    assert!(moved < -60.0, "{whole:?} is scrolled by {moved}");
    let held = harness.get_by_label(stays).rect();
    let now = narrowest(&harness, "follower of ");
    assert!((now.min.x - before.min.x).abs() < 20.0, "{before:?} went to {now:?}");
    assert!(held.contains_rect(now.shrink(2.0)), "{now:?} is not in {held:?}");
}

/// A window of a size with text of a size.
fn sized(window: Window, [width, height]: [f32; 2]) -> Harness<'static, Window> {
    let mut harness = harness(window);
    harness.set_size(egui::vec2(width, height));
    harness.run();
    harness
}

#[test]
fn the_toolbar_is_one_line_and_what_has_no_room_is_in_its_menu() {
    for language in Language::ALL {
        for (size, scale) in
            [([1280.0, 800.0], 100), ([1024.0, 700.0], 100), ([1280.0, 800.0], 150)]
        {
            let mut open = window(language);
            open.settings.scale = scale;
            let mut harness = sized(open, size);
            let word = |word: Word| word.text(language);
            let play = place(&harness, word(Word::PlayPause));
            let menu = place(&harness, word(Word::Menu));
            assert!(menu.max.x <= size[0], "{language:?} {size:?} {scale}: {menu:?}");
            assert!((menu.center().y - play.center().y).abs() < 6.0, "it stands in the same line");
            // Whatever is not in the line is in the menu: each once.
            let actions = [
                Word::ToLibrary,
                Word::First,
                Word::Faster,
                Word::HideFuture,
                Word::Bookmark,
                Word::Break,
                Word::Compare,
                Word::Editor,
                Word::Commands,
                Word::Shortcuts,
            ];
            let shown = |harness: &Harness<'_, Window>, of: Word| {
                harness.query_all_by_label(word(of)).count()
            };
            let before: Vec<usize> = actions.iter().map(|it| shown(&harness, *it)).collect();
            if size == [1280.0, 800.0] && scale == 100 {
                assert!(before.iter().all(|count| *count == 1), "{language:?}: {before:?}");
            }
            harness.get_by_label(word(Word::Menu)).click();
            harness.run();
            for of in actions {
                assert_eq!(shown(&harness, of), 1, "{language:?} {size:?} {scale}: {of:?}");
            }
            // How much moves is set where one looks for it.
            harness.get_by_label(word(Word::MoveOff)).click();
            harness.run();
            assert_eq!(harness.state().settings.motion, crate::settings::Motion::Off);
            harness.get_by_label(word(Word::Menu)).click();
            harness.run();
            super::press(&mut harness, egui::Key::Escape);
            assert_eq!(harness.query_all_by_label(word(Word::MoveOff)).count(), 0, "Esc closes it");
        }
    }
}

#[test]
fn large_text_in_a_small_window_leaves_the_cluster_room() {
    for language in Language::ALL {
        let mut open = window(language);
        open.settings.scale = 150;
        let beat = lab(&mut open).trace().beats()[1].seq;
        lab(&mut open).go(beat);
        let mut harness = sized(open, [1280.0, 800.0]);
        let figure = figure(&mut harness);
        // Between the tabs of the pictures and the timeline's own tab.
        let tabs = place(&harness, Word::ShowQuorum.text(language));
        let below = place(&harness, Word::Timeline.text(language));
        assert!(figure.min.y >= tabs.max.y - 1.0 && figure.max.x <= 1280.0, "{figure:?}");
        assert!(figure.max.y <= below.min.y, "{language:?}: {figure:?} ends below {below:?}");
    }
}

#[test]
fn what_is_behind_a_tab_comes_forward_when_it_has_news() {
    let mut open = window(Language::English);
    open.settings.scale = 150;
    open.settings.asks = true;
    lab(&mut open).predictions.ask(true);
    let mut harness = sized(open, [1280.0, 800.0]);
    let front = |harness: &Harness<'_, Window>, pane| harness.state().is_in_front(pane);
    assert!(front(&harness, Pane::Guide) && !front(&harness, Pane::Inspector));
    let broker = super::run().0.nodes().named("broker-1").expect("a broker");
    lab(harness.state_mut()).pick_node(broker);
    harness.run();
    assert!(front(&harness, Pane::Inspector) && !front(&harness, Pane::Guide));
    // A question that waits brings the guide back, a page that is asked for the inspector.
    assert!(lab(harness.state_mut()).to_question(0));
    harness.run();
    assert!(front(&harness, Pane::Guide));
    super::press(&mut harness, egui::Key::S);
    assert!(front(&harness, Pane::Inspector));
    // A wide window has all of them, and nobody's own arrangement is touched.
    harness.set_size(egui::vec2(1900.0, 1000.0));
    harness.state_mut().settings.scale = 100;
    harness.run();
    assert!(front(&harness, Pane::Guide) && front(&harness, Pane::Inspector));
    super::press(&mut harness, egui::Key::F7);
    harness.set_size(egui::vec2(900.0, 700.0));
    harness.run();
    assert!(
        front(&harness, Pane::Inspector) && !front(&harness, Pane::Guide),
        "it is as F7 made it"
    );
}

#[test]
fn nodes_in_an_event_have_their_names_and_can_be_picked() {
    let trace = &super::run().0;
    let mut open = window(Language::English);
    let sent = trace.events().iter().find(|event| event.kind.name() == "FrameSent");
    let isr = trace.events().iter().find(|event| {
        let mut named = 0;
        event.kind.visit(&mut |key, value| {
            if key == "isr" {
                value.each_node(&mut |_| named += 1);
            }
        });
        named == 3
    });
    let (sent, isr) = (sent.expect("a frame"), isr.expect("an ISR of three"));
    lab(&mut open).go(sent.seq);
    let mut harness = harness(open);
    let mut to = None;
    sent.kind.visit(&mut |key, value| {
        if key == "to" {
            value.each_node(&mut |named| to = Some(named));
        }
    });
    let Some(klamm_node::event::Named::Node(to)) = to else { panic!("{:?}", sent.kind) };
    let field = place(&harness, "to = ");
    let name = trace.nodes().name(to);
    let beside = |harness: &Harness<'_, Window>, name: &str, field: egui::Rect| {
        let all = harness.get_all_by_role_and_label(egui::Role::Link, name);
        let mut all = all.filter(|it| (it.rect().center().y - field.center().y).abs() < 4.0);
        all.next().map(|it| it.rect())
    };
    let at = beside(&harness, name, field).expect("the name stands behind it");
    assert!(at.min.x >= field.max.x - 1.0);
    let links = harness.get_all_by_role_and_label(egui::Role::Link, name);
    links.into_iter().find(|it| it.rect() == at).expect("the link").click();
    harness.run();
    assert_eq!(lab(harness.state_mut()).selection.nodes, [to]);
    lab(harness.state_mut()).go(isr.seq);
    super::press(&mut harness, egui::Key::E);
    let field = place(&harness, "isr = ");
    for broker in ["broker-1", "broker-2", "broker-3"] {
        assert!(beside(&harness, broker, field).is_some(), "{broker}");
    }
}

#[test]
fn the_guide_brings_the_step_where_one_stands_into_sight_and_lets_one_scroll_away() {
    let mut open = window(Language::English);
    open.settings.scale = 150;
    let mut harness = sized(open, [1280.0, 800.0]);
    let beats = super::run().0.beats();
    let below = place(&harness, Word::Timeline.text(Language::English)).min.y;
    let step = |harness: &Harness<'_, Window>, at: usize| {
        let time = klamm_scene::short_time(beats[at].time);
        place(harness, &Word::StepAt.say(Language::English, &[&time, &beats[at].text]))
    };
    let last = beats.len() - 1;
    assert!(step(&harness, last).max.y > below, "it is below the edge at first");
    lab(harness.state_mut()).go(beats[last].seq);
    harness.run();
    let shown = step(&harness, last);
    assert!(shown.max.y <= below && shown.min.y > 60.0, "{shown:?} is in sight above {below}");
    // Another step is brought, the same one is not brought again.
    scroll(&mut harness, shown.center(), egui::vec2(0.0, 2000.0));
    harness.run();
    assert!(step(&harness, last).max.y > below, "whoever scrolls away is let go");
    lab(harness.state_mut()).go(beats[last - 1].seq);
    harness.run();
    assert!(step(&harness, last - 1).max.y <= below);
}
