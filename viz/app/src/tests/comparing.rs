//! Two runs side by side: they stand where they part, step together, and what differs is told and marked.

use eframe::egui::{Event, Key};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use klamm_node::Seq;
use klamm_scene::{Language, OpenTrace, Step, short_time, value_of};
use klamm_trace::{Matter, Parting, Turn, first_divergence};

use super::{harness, lab, press, run, until, window};
use crate::compare::With;
use crate::deed::{Deed, Doing};
use crate::window::{Overlay, Window};
use crate::words::Word;

fn parted(window: &Window) -> bool {
    window.compare.as_ref().is_some_and(|compare| compare.parted().is_some())
}

fn wake(harness: &Harness<'_, Window>) -> crate::load::Wake {
    crate::window::wake(&harness.ctx)
}

/// The lesson and a branch of it in which broker 2 dies in its midst, side by side; the branch is the first.
fn compared(language: Language) -> Harness<'static, Window> {
    let mut window = window(language);
    let open = lab(&mut window);
    let middle = Seq(open.trace().last().0 / 2);
    open.go(middle);
    let mut harness = harness(window);
    let wake = wake(&harness);
    harness.state_mut().carry_out(Doing::new(Deed::Crash, &["broker-2"]), wake);
    harness.step();
    until(&mut harness, |window| window.lab().is_some_and(|lab| lab.is_whole()));
    press(&mut harness, Key::X);
    assert_eq!(harness.state().overlay, Some(Overlay::Compare(String::new())));
    // Where the branch was made from is the first choice.
    harness.key_press(Key::Enter);
    harness.step();
    until(&mut harness, parted);
    harness
}

fn places(harness: &Harness<'_, Window>) -> (Seq, Seq) {
    let window = harness.state();
    let other = window.compare.as_ref().and_then(|compare| compare.other()).expect("two");
    (window.lab().expect("open").seq(), other.seq())
}

#[test]
fn they_stand_where_they_part_and_each_side_says_which_it_is() {
    for language in Language::ALL {
        let mut harness = compared(language);
        let branch = harness.state().lab().expect("open").trace().clone();
        let expected = first_divergence(branch.events(), run().0.events()).expect("they part");
        assert_eq!(harness.state().lab().expect("open").seq(), expected.seq);
        let said = Word::PartAt.say(language, &[&expected.seq, &expected.field]);
        assert!(harness.query_by_label(&said).is_some(), "{said}");
        let title = Word::SideSecond.say(language, &[&Word::BranchRoot.text(language)]);
        assert!(harness.query_all_by_label_contains(&title).count() >= 2, "{title}");
        assert!(harness.query_all_by_label_contains("A: ").count() >= 2);
        // The bands of both are on one axis.
        for band in ["A orders-0", "B orders-0"] {
            assert!(harness.query_all_by_label_contains(band).count() >= 1, "{band}");
        }
        press(&mut harness, Key::X);
        assert!(harness.state().compare.is_none(), "the same key ends it");
    }
}

#[test]
fn both_step_together_and_back() {
    let mut harness = compared(Language::English);
    let parting = places(&harness).0;
    press(&mut harness, Key::Home);
    assert_eq!(places(&harness), (Seq(0), Seq(0)));
    for _ in 0..3 {
        press(&mut harness, Key::ArrowRight);
    }
    assert_eq!(places(&harness), (Seq(3), Seq(3)), "what both have they stand at together");
    lab(harness.state_mut()).go(Seq(parting.0 - 1));
    harness.run();
    assert_eq!(places(&harness), (Seq(parting.0 - 1), Seq(parting.0 - 1)));
    // Behind it every event of either is come to, in the order of time, and back again they stand together.
    let mut way = vec![places(&harness)];
    for _ in 0..40 {
        press(&mut harness, Key::ArrowRight);
        let (before, now) = (way[way.len() - 1], places(&harness));
        let moved = (now.0.0 - before.0.0, now.1.0 - before.1.0);
        assert!(matches!(moved, (1, 0) | (0, 1) | (1, 1)), "{before:?} to {now:?}");
        way.push(now);
    }
    assert!(way.iter().any(|(one, _)| one.0 > parting.0 + 3));
    assert!(way.iter().any(|(_, two)| two.0 > parting.0 + 3));
    let mut before = places(&harness);
    for _ in 0..90 {
        press(&mut harness, Key::ArrowLeft);
        let now = places(&harness);
        let moved = (before.0.0.saturating_sub(now.0.0), before.1.0.saturating_sub(now.1.0));
        assert!(now.0 <= before.0 && now.1 <= before.1, "{before:?} to {now:?}");
        before = now;
        if now.0 < parting && now.1 < parting {
            break;
        }
        assert!(matches!(moved, (1, 0) | (0, 1) | (1, 1)), "{before:?} by {moved:?}");
    }
    assert!(before.0 == before.1 && before.0 < parting, "back to what both have: {before:?}");
    // A jump of the first takes the second along, in time.
    press(&mut harness, Key::End);
    let (_, two) = places(&harness);
    let window = harness.state();
    let other = window.compare.as_ref().and_then(|compare| compare.other()).expect("two");
    let end = window.lab().expect("open").cursor().view().now;
    assert!(other.trace().time_of(two) <= end);
    assert!(two == other.trace().last() || other.trace().time_of(Seq(two.0 + 1)) > end);
    lab(harness.state_mut()).previous(Step::Beat);
    harness.run();
}

#[test]
fn differences_are_those_of_the_two_states_and_marked_on_both_pictures() {
    let mut harness = compared(Language::English);
    // A while later the dead broker is missed.
    let later = klamm_node::Time(lab(harness.state_mut()).cursor().view().now.0 + 1_500_000_000);
    let open = lab(harness.state_mut());
    open.go(open.trace().at_time(later));
    harness.run();
    let window = harness.state_mut();
    let (Some(compare), crate::window::Screen::Lab(open)) =
        (&mut window.compare, &mut window.screen)
    else {
        panic!("two runs");
    };
    let all = compare.differences(open);
    assert!(!all.is_empty());
    let other = compare.other().expect("two");
    for change in all.iter() {
        let value = |view| value_of(view, &change.subject).unwrap_or_else(|| "–".to_owned());
        let values = (value(open.cursor().view()), value(other.cursor().view()));
        assert_eq!(values, (change.before.clone(), change.after.clone()));
        assert_ne!(change.before, change.after);
    }
    let process = all.iter().find(|it| it.before == "crashed" && it.after == "up");
    assert!(process.is_some(), "the deed itself is among them: {all:?}");
    let said = Word::Differences.say(Language::English, &[&all.len()]);
    assert!(harness.query_by_label(&said).is_some());
    // Asked about, it is answered for the first run.
    let change = process.expect("there").clone();
    let name = crate::subjects::label(
        &change.subject,
        lab(harness.state_mut()).trace().nodes(),
        Language::English,
    );
    let line = Word::DiffersBy.say(Language::English, &[&name, &change.before, &change.after]);
    harness.get_by_label(&line).click_accesskit();
    harness.run();
    let said = Word::WhyIs.say(Language::English, &[&name, &change.before]);
    assert!(harness.query_by_label(&said).is_some(), "{said}");
    let marked = harness.query_all_by_label_contains("differs between A and B").count();
    assert!(marked >= 2, "{marked} marks on two pictures");
}

#[test]
fn two_seeds_are_compared_and_the_same_run_is_said_to_be_the_same() {
    let mut harness = harness(window(Language::English));
    press(&mut harness, Key::X);
    harness.event(Event::Text("8".to_owned()));
    harness.run();
    harness.key_press(Key::Enter);
    harness.step();
    until(&mut harness, parted);
    let other = |harness: &Harness<'_, Window>| {
        let compare = harness.state().compare.as_ref().and_then(|compare| compare.other());
        compare.expect("two").trace().header().seed
    };
    assert_eq!(other(&harness), 8);
    // The cluster did the same in both, and that is said: the first event of another time says nothing.
    assert!(places(&harness).0 < Seq(200), "other dice from the start");
    let compare = harness.state().compare.as_ref().expect("two");
    assert_eq!(compare.noted(), Some(None));
    let said = Word::PartInTimes.text(Language::English);
    assert!(harness.query_by_label(said).is_some());
    // Where it does something else, both go there: to the side that was first.
    for (left, right) in [(Some(900), Some(1200)), (Some(1400), None), (Some(1500), Some(700))] {
        let window = harness.state_mut();
        let one = window.lab().expect("open").trace().clone();
        let compare = window.compare.as_mut().expect("two");
        let two = compare.other().expect("two").trace().clone();
        let turn = |trace: &OpenTrace, seq: Option<u64>, value: &str| {
            let time = |seq| trace.time_of(seq);
            seq.map(|seq| Turn { seq: Seq(seq), time: time(Seq(seq)), value: value.to_owned() })
        };
        let (left, right) = (turn(&one, left, "2"), turn(&two, right, "3"));
        let matter = Matter::Leader(klamm_node::TopicPartition::new("orders", 0));
        let parting = Parting { matter, left: left.clone(), right: right.clone() };
        let left_first = parting.is_left_first();
        compare.part_so(parting);
        harness.run();
        let of = left.as_ref().or(right.as_ref()).expect("one of the two");
        let said = Word::PartTurn.say(Language::English, &[&of.value, &short_time(of.time)]);
        harness.get_by_label_contains(&said).click_accesskit();
        harness.run();
        let (first, second) = places(&harness);
        if left_first {
            let left = left.expect("it was first");
            assert_eq!((first, second), (left.seq, two.at_time(left.time)));
        } else {
            let right = right.expect("it was first");
            assert_eq!((first, second), (one.at_time(right.time), right.seq));
        }
    }
    // The seed is a branch like any other, and the run that is shown stays.
    assert_eq!(harness.state().branches.tree(), [(0, 0), (1, 1)]);
    assert_eq!(harness.state().branches.shown(), 0);
    press(&mut harness, Key::Escape);
    assert!(harness.state().compare.is_none());
    let wake = wake(&harness);
    harness.state_mut().compare_with(With::Branch(0), wake);
    harness.step();
    until(&mut harness, parted);
    assert!(harness.query_by_label(Word::SameRun.text(Language::English)).is_some());
}
