//! Any moment is what folding from the start makes of it, wherever one comes from.

use super::*;
use crate::testing;

#[test]
fn a_view_reached_from_anywhere_is_the_view_folded_from_the_start() {
    let trace = testing::leader_crash();
    let mut folded = View::new(trace.header());
    let mut cursor = Cursor::new(trace);
    let mut wanted: Vec<u64> = (0..40).map(|n| n * trace.last().0 / 40).collect();
    wanted.push(trace.last().0);
    let mut views = vec![(Seq(0), folded.clone())];
    for event in trace.events().iter() {
        folded.apply(&event);
        if wanted.contains(&event.seq.0) {
            cursor.seek(trace, event.seq);
            assert_eq!(cursor.view(), &folded, "forward to {}", event.seq);
            views.push((event.seq, folded.clone()));
        }
    }
    // Back, and in jumps.
    for (seq, view) in views.iter().rev().chain(views.iter().step_by(7)) {
        cursor.seek(trace, *seq);
        assert_eq!(cursor.view(), view, "back to {seq}");
        assert_eq!(&trace.view_at(*seq), view);
    }
}

#[test]
fn a_trace_that_grows_is_the_trace_opened_whole() {
    let whole = testing::leader_crash();
    let mut growing = OpenTrace::new(whole.header().clone());
    let mut looks = 0;
    // Somebody gives up twice on the way.
    while growing.last() < whole.last() {
        let taken = growing.take(whole.events(), &mut |opening| {
            looks += 1;
            assert_eq!(opening.of, whole.events().len());
            if looks % 3 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(taken.is_err(), growing.last() < whole.last());
    }
    assert_eq!(growing.tip(), whole.tip());
    assert_eq!(growing.beats(), whole.beats());
    assert_eq!(growing.keyframes(), whole.keyframes());
}

#[test]
fn steps_lead_forth_and_back_over_the_same_places() {
    let trace = testing::leader_crash();
    for step in [Step::Event, Step::Message, Step::Beat, Step::Interesting] {
        let mut forth = Vec::new();
        let mut at = Seq(0);
        while let Some(next) = trace.next(step, at) {
            assert!(next > at);
            forth.push(next);
            at = next;
        }
        let mut back = Vec::new();
        at = Seq(trace.last().0 + 1);
        while let Some(previous) = trace.previous(step, at).filter(|seq| *seq > Seq(0)) {
            assert!(previous < at);
            back.push(previous);
            at = previous;
        }
        back.reverse();
        assert_eq!(forth, back, "{step:?}");
        assert!(!forth.is_empty());
        let kinds = forth.iter().filter_map(|seq| trace.event(*seq));
        match step {
            Step::Message => assert!(kinds.map(|e| e.kind.name()).all(|k| k.starts_with("Frame"))),
            Step::Beat => assert_eq!(forth.len(), 7),
            Step::Event => assert_eq!(forth.len(), trace.events().len()),
            Step::Interesting => assert!(forth.len() < trace.events().len() / 20),
        }
    }
}

#[test]
fn a_time_is_found_and_an_event_has_one() {
    let trace = testing::leader_crash();
    for seq in (1..trace.last().0).step_by(997) {
        let time = trace.time_of(Seq(seq));
        let found = trace.at_time(time);
        assert!(found >= Seq(seq) && trace.time_of(found) == time);
        assert!(trace.time_of(Seq(found.0 + 1)) > time);
    }
    assert_eq!(trace.at_time(Time::MAX), trace.last());
    assert_eq!(trace.time_of(Seq(0)), Time::ZERO);
}

#[test]
fn bands_tell_the_story_of_the_lesson() {
    let trace = testing::leader_crash();
    let partition = testing::orders();
    let points = &trace.bands().partitions()[&partition];
    let leaders: Vec<i32> = points.iter().filter_map(|p| p.leader).map(|b| b.0).collect();
    assert_eq!((leaders.first(), leaders.last()), (Some(&1), Some(&2)));
    assert!(points.iter().any(|point| point.in_sync == 2));
    assert_eq!(points.last().map(|point| (point.in_sync, point.under_min)), Some((3, false)));
    let down: Vec<_> = trace
        .bands()
        .faults()
        .iter()
        .filter(|fault| matches!(fault.kind, FaultKind::Down(_)))
        .collect();
    assert_eq!(down.len(), 1);
    assert!(down[0].to.is_some_and(|(_, time)| time > down[0].from.1));
    assert_eq!(
        trace.bands().faults().iter().filter(|f| matches!(f.kind, FaultKind::Cut(..))).count(),
        4
    );
    assert!(trace.violations().is_empty());
    let at = trace.bands().partition_at(&partition, trace.last()).expect("a point");
    assert_eq!(at, points.last().expect("a point"));
}

#[test]
fn a_breakpoint_and_the_last_change_agree() {
    let trace = testing::leader_crash();
    let partition = testing::orders();
    let led_by_2 = |view: &View| view.leader_of(&partition).is_some_and(|leader| leader.0 == 2);
    let stop = trace.find(Seq(0), |view, _| led_by_2(view)).expect("broker 2 leads in the end");
    assert!(!led_by_2(&trace.view_at(Seq(stop.0 - 1))) && led_by_2(&trace.view_at(stop)));
    let change = trace.last_change(trace.last(), |_| true, |view| view.leader_of(&partition));
    assert_eq!(change.map(|(seq, _)| seq), Some(stop));
    assert_eq!(trace.last_change(Seq(1), |_| true, |view| view.nodes.len()), None);
}

#[test]
fn memory_stays_within_its_budget() {
    let trace = testing::leader_crash();
    let (_, count) = trace.keyframes();
    assert!(count >= 1, "a trace of {} events has no keyframe", trace.last());
    let each = (trace.memory() - weight::own(trace.tip())) / trace.events().len();
    assert!(each < 100, "{each} bytes an event");
}

/// What a large cluster is takes more than what happened in a short while: no second copy of it is kept.
#[test]
fn a_short_run_of_a_large_cluster_is_walked_from_its_start() {
    let trace = testing::wide();
    let own = weight::own(trace.tip());
    assert!(trace.last() < Seq(NEAR), "it is short");
    assert!(own > 64 * trace.events().len(), "and large: {own} bytes");
    assert_eq!(trace.keyframes().1, 0);
    assert!(trace.memory() - own < 20 * trace.events().len(), "little besides");
    let middle = Seq(trace.last().0 / 2);
    assert_eq!(trace.view_at(middle).seq, middle);
}

#[test]
fn what_is_no_trace_is_refused_with_a_reason() {
    let told = |bytes: &[u8]| OpenTrace::from_bytes(bytes).err().map(|error| error.to_string());
    assert!(told(b"nonsense").is_some_and(|text| text.contains("not a Klamm trace")));
    let bytes = testing::leader_crash_trace().to_bytes();
    let cut = told(&bytes[..bytes.len() / 2]);
    assert!(cut.is_some_and(|text| text.contains("cut off")));
}
