//! Flaky links, answers that are held back, connections that are reset, disks that fail: what they do, and that TCP
//! above them keeps its word.

use klamm_node::{CloseReason, EventKind, Span};
use klamm_scenario::model::{DiskFault, Flaws};

use super::*;

#[test]
fn what_a_flaky_link_loses_comes_late_and_in_order() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    let fault = lab.open_fault(None, 0, "flaky".to_owned());
    let flaws = Flaws { loss: 300, duplicate: 200, reorder: 300 };
    let pairs = vec![(CLIENT, SERVER), (SERVER, CLIENT)];
    lab.apply(&Verb::FlakyLinks { pairs: pairs.clone(), flaws }, None, Some(fault));
    for n in 0..100 {
        say(&mut lab, CLIENT, format!("{n}"));
        let now = lab.now();
        run_to(&mut lab, now + Span::millis(5));
    }
    run_to(&mut lab, ms(60_000));
    let heard: Vec<String> = got(&lab, SERVER).into_iter().map(|(_, text)| text).collect();
    let said: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(heard, said, "complete, in order, once");
    let effects = &lab.ledger().reports()[0].effects;
    for kind in ["packets lost", "packets doubled", "packets overtaken"] {
        assert!(effects.iter().any(|(name, count)| *name == kind && *count > 0), "{effects:?}");
    }
    // Steady again: nothing is lost any more.
    assert!(lab.is_slowed());
    lab.apply(&Verb::FlakyLinks { pairs, flaws: Flaws::default() }, None, None);
    assert!(!lab.is_slowed());
    let now = lab.now();
    say(&mut lab, CLIENT, "steady");
    run_to(&mut lab, now + Span::millis(11));
    assert_eq!(got(&lab, SERVER).last().map(|(_, text)| text.as_str()), Some("steady"));
}

#[test]
fn only_answers_are_held() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    let fault = lab.open_fault(None, 0, "hold".to_owned());
    let hold = |by, api| Verb::HoldReplies { pairs: vec![(SERVER, CLIENT)], by, api };
    // The puppets' frames are requests, in either direction.
    lab.apply(&hold(Span::secs(1), None), None, Some(fault));
    say(&mut lab, CLIENT, "a");
    run_to(&mut lab, ms(200));
    assert_eq!(got(&lab, CLIENT), [(120, "a".to_owned())]);
    assert_eq!(lab.ledger().reports()[0].bites(), 0);
    lab.apply(&hold(Span::ZERO, None), None, None);
    assert!(!lab.is_slowed());
}

#[test]
fn a_reset_is_noticed_on_both_sides_at_once() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    let fault = lab.open_fault(None, 0, "reset".to_owned());
    let pairs = vec![(CLIENT, SERVER), (SERVER, CLIENT)];
    lab.apply(&Verb::ResetConnections(pairs), None, Some(fault));
    run_to(&mut lab, ms(200));
    assert_eq!(puppet(&lab, CLIENT).closed, [(ms(100), CloseReason::Reset)]);
    assert_eq!(puppet(&lab, SERVER).closed, [(ms(100), CloseReason::Reset)]);
    assert_eq!(lab.ledger().reports()[0].effects, [("connection reset", 1)]);
}

#[test]
fn a_rotten_byte_and_a_broken_disk_are_told() {
    let mut lab = pair(Store::Write);
    say(&mut lab, CLIENT, "stored");
    run_to(&mut lab, ms(100));
    let fault = lab.open_fault(None, 0, "rot".to_owned());
    lab.apply(&Verb::RotDisk { node: SERVER, partition: None }, None, Some(fault));
    lab.apply(&Verb::BreakDisk { node: SERVER, how: Some(DiskFault::Full) }, None, None);
    assert!(lab.is_slowed());
    lab.apply(&Verb::BreakDisk { node: SERVER, how: None }, None, None);
    assert!(!lab.is_slowed());
    assert_eq!(lab.ledger().reports()[0].effects, [("byte rotted", 1)]);
    let told = |kind: &EventKind| {
        matches!(kind, EventKind::DiskFaulted { .. } | EventKind::DiskRotted { .. })
    };
    assert_eq!(count(&lab, told), 3);
}
