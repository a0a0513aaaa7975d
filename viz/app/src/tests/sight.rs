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

/// Every text that is drawn, with its place.
fn drawn(harness: &Harness<'_, Window>) -> Vec<(String, egui::Rect)> {
    fn gather(shape: &egui::Shape, all: &mut Vec<(String, egui::Rect)>) {
        if let egui::Shape::Vec(shapes) = shape {
            shapes.iter().for_each(|shape| gather(shape, all));
        } else if let egui::Shape::Text(text) = shape {
            all.push((text.galley.text().to_owned(), text.visual_bounding_rect()));
        }
    }
    let mut all = Vec::new();
    for shape in &harness.output().shapes {
        gather(&shape.shape, &mut all);
    }
    all
}

/// The marks of the timeline in seconds, from left to right, with their places.
fn marks(harness: &Harness<'_, Window>, language: Language) -> Vec<(f64, egui::Rect)> {
    let every = Word::TickEvery.text(language);
    let words = every.split("{0}").max_by_key(|part| part.len()).expect("some words");
    let axis = harness.get_by_label_contains(words).rect().expand(1.0);
    let unit = Word::Seconds.say(language, &[&""]);
    let mut all: Vec<(f64, egui::Rect)> = drawn(harness)
        .into_iter()
        .filter(|(_, rect)| axis.contains_rect(*rect))
        .filter_map(|(text, rect)| Some((text.strip_suffix(unit.as_str())?.parse().ok()?, rect)))
        .collect();
    all.sort_by(|(one, _), (two, _)| one.total_cmp(two));
    all
}

#[test]
fn the_timeline_has_marks_of_time() {
    for language in Language::ALL {
        let mut harness = harness(window(language));
        let told = |harness: &Harness<'_, Window>| {
            let all = marks(harness, language);
            assert!(all.len() > 3, "{language:?}: {all:?}");
            let apart = all.windows(2).all(|two| two[0].1.max.x < two[1].1.min.x);
            assert!(apart, "{language:?}: none is over another: {all:?}");
            all
        };
        let all = told(&harness);
        // A click on a mark goes to its time.
        let (seconds, place) = all[2];
        harness.drag_at(place.left_center() - egui::vec2(3.0, 0.0));
        harness.drop_at(place.left_center() - egui::vec2(3.0, 0.0));
        harness.run();
        let open = lab(harness.state_mut());
        let near = |seconds: f64| {
            let millis = format!("{:.0}", seconds * 1000.0).parse().expect("not negative");
            open.trace().at_time(klamm_node::Time::ZERO + klamm_node::Span::millis(millis))
        };
        let (low, high) = (near(seconds - 0.1), near(seconds + 0.1));
        let here = open.seq();
        assert!(low <= here && here <= high, "{language:?}: {here} is not from {low} to {high}");
        // Stretched there are more of them in the same room.
        let step = |all: &[(f64, egui::Rect)]| all[1].0 - all[0].0;
        for _ in 0..3 {
            harness.get_by_label(Word::StretchMore.text(language)).click();
            harness.run();
        }
        let stretched = marks(&harness, language);
        assert!(step(&stretched) < step(&all) / 2.0, "{stretched:?}");
        for _ in 0..3 {
            harness.get_by_label(Word::StretchLess.text(language)).click();
        }
        // What is hidden has no marks: they would tell how long it lasts.
        lab(harness.state_mut()).hide_future = true;
        harness.run();
        let last = marks(&harness, language).last().map_or(0.0, |(seconds, _)| *seconds);
        assert!(last <= seconds + 0.1, "{language:?}: {last}");
    }
}

#[test]
fn the_guide_keeps_the_step_in_sight_while_a_run_streams_in_and_the_window_changes_its_size() {
    let (whole, source) = super::run();
    let mut recorder =
        klamm_trace::Recorder::new(whole.header().clone(), klamm_trace::Keep::EVENTS);
    let mut open = window(Language::English);
    open.settings.scale = 150;
    let until = whole.end();
    let empty = klamm_scene::OpenTrace::new(whole.header().clone());
    open.show_lab(crate::lab::Lab::begun(source.clone(), empty, until));
    let mut harness = sized(open, [1280.0, 800.0]);
    let beats = whole.beats();
    let last = beats.len() - 1;
    let mut went = false;
    for (frame, events) in whole.events().iter().collect::<Vec<_>>().chunks(400).enumerate() {
        for event in events {
            recorder.record(event.time, event.node, event.cause, event.kind.clone());
        }
        let open = lab(harness.state_mut());
        open.grown(recorder.events().clone());
        if !went && open.trace().last() >= beats[last].seq {
            open.go(beats[last].seq);
            went = true;
        }
        // Somebody pulls at the window's edge all the while.
        let height = if frame % 2 == 0 { 800.0 } else { 860.0 };
        harness.set_size(egui::vec2(1280.0, height));
        harness.step();
    }
    while lab(harness.state_mut()).take() {}
    lab(harness.state_mut()).go(beats[last].seq);
    let check = |harness: &mut Harness<'_, Window>, height: f32| {
        harness.set_size(egui::vec2(1280.0, height));
        harness.run_ok();
        let below = place(harness, Word::Timeline.text(Language::English)).min.y;
        let time = klamm_scene::short_time(beats[last].time);
        let step =
            place(harness, &Word::StepAt.say(Language::English, &[&time, &beats[last].text]));
        assert!(step.max.y <= below && step.min.y > 60.0, "{height}: {step:?} above {below}");
    };
    for height in [860.0, 900.0, 840.0, 940.0] {
        check(&mut harness, height);
        // Two sizes in two frames: what was asked for the first is not added to what the second takes.
        harness.set_size(egui::vec2(1280.0, height - 40.0));
        harness.step();
        harness.set_size(egui::vec2(1280.0, height + 40.0));
        harness.step();
    }
    check(&mut harness, 850.0);
}
