//! The ways that people take through the window.

use std::time::Duration;

use eframe::egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use klamm_node::Seq;
use klamm_scene::{Language, Step, Tab, subjects, value_of};

use super::{harness, lab, press, run, window};
use crate::breakpoint::Breakpoint;
use crate::lab::{Inspect, place};
use crate::window::Overlay;
use crate::words::Word;

#[test]
fn play_step_back_pick_ask_and_go_where_the_answer_leads() {
    for language in Language::ALL {
        let mut harness = harness(window(language));
        let begun = harness.state().lab().expect("open").seq();
        assert!(begun > Seq(0), "it begins at the scenario's first step");
        press(&mut harness, Key::Space);
        for _ in 0..12 {
            harness.step();
        }
        let played = harness.state().lab().expect("open").seq();
        assert!(played > begun, "it plays");
        press(&mut harness, Key::Space);
        press(&mut harness, Key::ArrowLeft);
        assert_eq!(harness.state().lab().expect("open").seq(), Seq(played.0 - 1));
        // A broker is picked by its card on the stage, and its state is told.
        let card = {
            let style = harness.state().style();
            let scene = lab(harness.state_mut()).scene(style);
            let card = scene.all().into_iter().find(|object| object.id == "node:broker-1");
            card.expect("the broker's card").name.clone()
        };
        harness.get_all_by_label(&card).next().expect("the card").click_accesskit();
        harness.run();
        let open = lab(harness.state_mut());
        assert_eq!((open.selection.nodes.len(), open.inspect), (1, Inspect::State));
        // A number of it is asked about, then one of its rule, then what changed it.
        open.next(Step::Beat);
        press(&mut harness, Key::Num2);
        press(&mut harness, Key::ArrowDown);
        press(&mut harness, Key::W);
        let open = lab(harness.state_mut());
        assert_eq!((open.inspect, open.tab, open.asked().len()), (Inspect::Why, Tab::Logs, 1));
        let style = harness.state().style();
        let answer = lab(harness.state_mut()).answer(style).expect("an answer");
        let changed = answer.changed.clone().expect("it has changed");
        harness.get_by_label(&changed.text).click();
        harness.run();
        assert_eq!(lab(harness.state_mut()).seq(), changed.seq);
        press(&mut harness, Key::Escape);
        assert!(lab(harness.state_mut()).asked().is_empty());
    }
}

#[test]
fn an_idle_window_draws_nothing_and_a_playing_one_no_more_than_its_steps() {
    let mut harness = super::harness_at(window(Language::English), 1.0 / 60.0);
    let delay = |harness: &egui_kittest::Harness<'_, crate::window::Window>| {
        harness.output().viewport_output.values().map(|it| it.repaint_delay).min()
    };
    harness.step();
    assert_eq!(delay(&harness), Some(Duration::MAX), "nobody moved: there is nothing to draw");
    press(&mut harness, Key::Space);
    harness.step();
    let wait = delay(&harness).expect("a window");
    assert!(wait > Duration::from_millis(100) && wait < Duration::from_secs(1), "{wait:?}");
}

#[test]
fn playing_stops_at_a_breakpoint_and_at_the_end() {
    let mut harness = harness(window(Language::English));
    let (trace, _) = run();
    let first = Breakpoint::parse("NodeCrashed", trace).expect("an event");
    let crash = first.find(trace, Seq(0), trace.last()).expect("the leader dies");
    let open = lab(harness.state_mut());
    open.toggle_breakpoint(first);
    open.go(Seq(crash.0 - 400));
    open.playback.by = Step::Beat;
    while open.playback.faster() {}
    let mut now = 100.0;
    assert!(open.play_pause(now));
    let mut stopped = None;
    while stopped.is_none() {
        now += 1.0;
        stopped = open.tick(now);
    }
    assert_eq!((stopped, open.seq()), (Some(crate::playback::Stopped::Breakpoint), crash));
    assert!(!open.playback.plays());
    assert!(open.play_pause(now), "it goes on from there");
    stopped = None;
    while stopped.is_none() {
        now += 1.0;
        stopped = open.tick(now);
    }
    assert_eq!((stopped, open.seq()), (Some(crate::playback::Stopped::End), trace.last()));
    assert!(!open.play_pause(now), "there is nothing more to play");
}

#[test]
fn breakpoints_stop_where_a_number_becomes_so_and_say_what_means_nothing() {
    let (trace, _) = run();
    let find = |text: &str| {
        Breakpoint::parse(text, trace).expect("it means something").find(
            trace,
            Seq(0),
            trace.last(),
        )
    };
    let high = find("hw orders-0 >= 40").expect("it gets there");
    let value = |seq: Seq| {
        trace.view_at(seq).high_watermark_of(&klamm_node::TopicPartition::new("orders", 0))
    };
    assert!(value(high).is_some_and(|mark| mark.0 >= 40));
    assert!(value(Seq(high.0 - 1)).is_none_or(|mark| mark.0 < 40), "not a moment later");
    assert_eq!(find("hw orders-0 >= 99999"), None);
    assert_eq!(find("violation"), None);
    assert!(find("nodecrashed broker-1").is_some() && find("NodeCrashed broker-2").is_none());
    // Only where it becomes so: from a place where it is so already there is no other.
    let mark = Breakpoint::parse("hw orders-0 >= 40", trace).expect("good");
    assert_eq!(mark.find(trace, high, trace.last()), None);
    for (text, word) in [
        ("", Word::BreakHelp),
        ("isr orders-0", Word::BreakHelp),
        ("isr orders-9 < 2", Word::NoSuchPartition),
        ("isr orders-0 ~ 2", Word::NoSuchRelation),
        ("isr orders-0 < two", Word::NoNumber),
        ("Nonsense", Word::NoSuchEvent),
        ("NodeCrashed broker-9", Word::NoSuchNode),
        ("NodeCrashed broker-1 now", Word::TooMuch),
        ("lag nobody orders-0 > 1", Word::NoSuchGroup),
    ] {
        assert_eq!(Breakpoint::parse(text, trace).expect_err(text).0, word, "{text}");
    }
}

#[test]
fn places_are_gone_to_as_they_are_typed() {
    let (trace, _) = run();
    assert_eq!(place(trace, "17"), Ok(Seq(17)));
    assert_eq!(place(trace, " end "), Ok(trace.last()));
    assert_eq!(place(trace, "beat:1"), Ok(trace.beats()[1].seq));
    assert_eq!(place(trace, "3s").map(|seq| trace.time_of(seq).0 / 100_000_000), Ok(30));
    assert_eq!(place(trace, "99999999"), Err(Word::NoSuchMoment));
    assert_eq!(place(trace, "1h"), Err(Word::NoSuchMoment));
    assert_eq!(place(trace, "beat:99"), Err(Word::NoSuchBeat));
    assert_eq!(place(trace, "later"), Err(Word::PlaceHelp));
    let mut harness = harness(window(Language::English));
    press(&mut harness, Key::G);
    harness.event(Event::Text("later".to_owned()));
    harness.run();
    press(&mut harness, Key::Enter);
    let wrong = Overlay::GoTo("later".to_owned(), Some(Word::PlaceHelp));
    assert_eq!(harness.state().overlay, Some(wrong), "the key that opened it is not in it");
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::CTRL, Key::A);
    harness.run();
    harness.event(Event::Text("42".to_owned()));
    harness.run();
    press(&mut harness, Key::Enter);
    assert_eq!(harness.state().overlay, None);
    assert_eq!(lab(harness.state_mut()).seq(), Seq(42));
}

#[test]
fn while_one_types_keys_are_letters() {
    let mut window = window(Language::English);
    window.overlay = Some(Overlay::Commands(String::new()));
    let mut harness = harness(window);
    let before = harness.state().lab().expect("open").seq();
    for key in [Key::Space, Key::ArrowRight, Key::L, Key::H] {
        press(&mut harness, key);
    }
    let open = lab(harness.state_mut());
    assert!(open.seq() == before && !open.hide_future && !open.playback.plays());
    assert_eq!(harness.state().settings.language, Language::English);
    press(&mut harness, Key::Escape);
    assert_eq!(harness.state().overlay, None, "Esc always closes");
}

#[test]
fn what_is_hidden_is_not_told() {
    let mut harness = harness(window(Language::English));
    lab(harness.state_mut()).previous(Step::Beat);
    press(&mut harness, Key::H);
    let (trace, _) = run();
    let last = trace.beats().last().expect("steps").text.clone();
    let told = |harness: &egui_kittest::Harness<'_, crate::window::Window>| {
        harness.query_all_by_label_contains(&last).count()
    };
    assert_eq!(told(&harness), 0);
    assert!(harness.query_by_label(Word::NotYet.text(Language::English)).is_some());
    assert!(!harness.state().position().expect("open").contains(&trace.last().to_string()));
    press(&mut harness, Key::H);
    assert!(told(&harness) > 0);
}

#[test]
fn differences_are_those_of_the_values() {
    let mut window = window(Language::English);
    let open = lab(&mut window);
    open.next(Step::Beat);
    let (then, here) = (Seq(open.seq().0 - 300), open.seq());
    open.go(then);
    open.toggle_bookmark();
    open.go(here);
    open.since_bookmark = true;
    let changes = open.changes();
    assert_eq!(changes.since, then);
    let (before, now) = (open.trace().view_at(then), open.trace().view_at(here));
    for change in &changes.all {
        let value = |view| value_of(view, &change.subject).unwrap_or_else(|| "–".to_owned());
        assert_eq!((value(&before), value(&now)), (change.before.clone(), change.after.clone()));
        assert_ne!(change.before, change.after);
    }
    let same =
        subjects(&now).into_iter().filter(|it| value_of(&before, it) == value_of(&now, it)).count();
    let all = subjects(&now).len();
    assert!(!changes.all.is_empty() && all - same <= changes.all.len(), "every change is told");
}

#[test]
fn the_timeline_takes_one_where_it_is_clicked_and_names_its_bands() {
    let mut harness = harness(window(Language::English));
    lab(harness.state_mut()).go(run().0.last());
    harness.run();
    let named = |name: &str| harness.query_all_by_label_contains(name).next().is_some();
    assert!(named("orders-0: leader 1, "));
    assert!(named("Faults: broker-1 is down"), "the crash lasts");
    harness.get_by_label_contains("orders-0: leader 1, ").click();
    harness.run();
    let here = lab(harness.state_mut()).seq();
    assert!(
        here > Seq(0) && here < run().0.last(),
        "a click in the middle goes to the middle: {here}"
    );
}
