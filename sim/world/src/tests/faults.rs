//! Crashes, power, pauses, clocks: what faults do, and how it is counted.

use klamm_node::disk::memory::Loss;
use klamm_node::{CloseReason, EventKind, Span};
use klamm_scenario::model::{Disk as DiskSpeed, Network};

use super::*;

#[test]
fn a_crash_is_told_by_the_kernel_and_keeps_the_page_cache() {
    let mut lab = pair(Store::Write);
    say(&mut lab, CLIENT, "kept");
    run_to(&mut lab, ms(100));
    lab.apply(&Verb::Crash(SERVER), None, None);
    run_to(&mut lab, ms(200));
    assert_eq!(puppet(&lab, CLIENT).closed, [(ms(110), CloseReason::PeerClosed)]);
    lab.apply(&Verb::Start(SERVER), None, None);
    assert_eq!(puppet(&lab, SERVER).found.as_deref(), Some(&b"kept"[..]));
}

#[test]
fn a_crash_behind_a_cut_is_silence() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    lab.apply(&Verb::Cut(vec![(SERVER, CLIENT)]), None, None);
    lab.apply(&Verb::Crash(SERVER), None, None);
    run_to(&mut lab, ms(1000));
    assert!(puppet(&lab, CLIENT).closed.is_empty());
    lab.apply(&Verb::Heal(vec![(SERVER, CLIENT)]), None, None);
    run_to(&mut lab, ms(3000));
    assert_eq!(puppet(&lab, CLIENT).closed, [(ms(1510), CloseReason::PeerClosed)]);
}

#[test]
fn a_power_failure_is_silence_loses_what_was_not_synced_and_answers_with_a_reset_later() {
    let mut lab = pair(Store::Write);
    say(&mut lab, CLIENT, "lost");
    run_to(&mut lab, ms(100));
    let fault = lab.open_fault(None, 0, "power".to_owned());
    let verb = Verb::PowerOff { nodes: vec![SERVER], loss: Loss::Whole };
    lab.apply(&verb, None, Some(fault));
    say(&mut lab, CLIENT, "into the void");
    run_to(&mut lab, ms(400));
    assert!(puppet(&lab, CLIENT).closed.is_empty());
    lab.apply(&Verb::Start(SERVER), None, None);
    assert_eq!(puppet(&lab, SERVER).found, None);
    run_to(&mut lab, ms(2000));
    // Sent at 100, again at 300 (still off) and at 700; the machine that is back knows no such connection.
    assert_eq!(puppet(&lab, CLIENT).closed, [(ms(720), CloseReason::Reset)]);
    let report = &lab.ledger().reports()[0];
    assert_eq!(
        report.effects,
        [("process stopped", 1), ("packets unanswered", 2), ("bytes lost", 4)]
    );
    let dropped = |kind: &EventKind| matches!(kind, EventKind::FrameDropped { reason, .. } if reason == "reset");
    assert_eq!(count(&lab, dropped), 1);
}

#[test]
fn what_was_synced_survives_a_power_failure() {
    let mut lab = pair(Store::Sync);
    say(&mut lab, CLIENT, "kept");
    run_to(&mut lab, ms(100));
    lab.apply(&Verb::PowerOff { nodes: vec![SERVER], loss: Loss::Part }, None, None);
    lab.apply(&Verb::Start(SERVER), None, None);
    assert_eq!(puppet(&lab, SERVER).found.as_deref(), Some(&b"kept"[..]));
}

#[test]
fn a_machine_without_power_does_not_answer_a_connect() {
    let mut lab = pair(Store::Nothing);
    lab.apply(&Verb::PowerOff { nodes: vec![SERVER], loss: Loss::Whole }, None, None);
    run_to(&mut lab, ms(60_000));
    assert!(puppet(&lab, CLIENT).opened.is_empty() && puppet(&lab, CLIENT).closed.is_empty());
}

#[test]
fn a_half_open_connection_stays_until_somebody_speaks() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    lab.apply(&Verb::PowerOff { nodes: vec![SERVER], loss: Loss::Whole }, None, None);
    lab.apply(&Verb::Start(SERVER), None, None);
    run_to(&mut lab, ms(60_000));
    assert!(puppet(&lab, CLIENT).closed.is_empty());
    say(&mut lab, CLIENT, "anybody there?");
    run_to(&mut lab, ms(60_100));
    assert_eq!(puppet(&lab, CLIENT).closed, [(ms(60_020), CloseReason::Reset)]);
}

#[test]
fn a_pause_is_silence_and_then_a_burst() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    let fault = lab.open_fault(None, 0, "pause".to_owned());
    lab.apply(&Verb::Pause(SERVER), None, Some(fault));
    for n in 0..3 {
        run_to(&mut lab, ms(100 + 100 * n));
        say(&mut lab, CLIENT, format!("{n}"));
    }
    run_to(&mut lab, ms(1000));
    assert!(got(&lab, SERVER).is_empty() && puppet(&lab, CLIENT).closed.is_empty());
    lab.apply(&Verb::Resume(SERVER), None, None);
    run_to(&mut lab, ms(1100));
    let burst: Vec<_> = (0..3).map(|n| (1000, format!("{n}"))).collect();
    assert_eq!(got(&lab, SERVER), burst);
    assert_eq!(lab.ledger().reports()[0].effects, [("process frozen", 1), ("inputs delayed", 3)]);
}

#[test]
fn a_paused_machine_still_completes_connects() {
    let mut lab = pair(Store::Nothing);
    lab.apply(&Verb::Pause(SERVER), None, None);
    run_to(&mut lab, ms(100));
    assert_eq!(puppet(&lab, CLIENT).opened, [ms(20)]);
}

#[test]
fn frames_that_a_frozen_process_never_read_are_dropped_when_it_dies() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    lab.apply(&Verb::Pause(SERVER), None, None);
    say(&mut lab, CLIENT, "unread");
    run_to(&mut lab, ms(200));
    lab.apply(&Verb::Crash(SERVER), None, None);
    let dropped = |kind: &EventKind| matches!(kind, EventKind::FrameDropped { reason, .. } if reason == "crash");
    assert_eq!(count(&lab, dropped), 1);
}

#[test]
fn what_a_crash_found_half_done_on_the_disk_was_never_sent() {
    let disk = DiskSpeed { sync: Span::millis(50), ..DISK };
    let puppets =
        vec![("client", Puppet::client("server")), ("server", Puppet::server(Store::Sync))];
    let mut lab = lab_on(7, NETWORK, disk, puppets);
    run_to(&mut lab, ms(100));
    say(&mut lab, CLIENT, "one");
    run_to(&mut lab, ms(150));
    lab.apply(&Verb::Crash(SERVER), None, None);
    run_to(&mut lab, ms(1000));
    assert!(got(&lab, CLIENT).is_empty());
}

#[test]
fn an_orderly_stop_and_a_restart_that_waits_for_it() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    lab.apply(&Verb::Pause(SERVER), None, None);
    lab.apply(&Verb::Stop(SERVER), None, None);
    lab.apply(&Verb::Start(SERVER), None, None);
    lab.apply(&Verb::Resume(SERVER), None, None);
    let names: Vec<&str> = events(&lab)
        .iter()
        .filter(|event| event.node == SERVER)
        .map(|event| event.kind.name())
        .collect();
    assert!(names.ends_with(&[
        "NodePaused",
        "NodeResumed",
        "CommandGiven",
        "NodeStopped",
        "NodeStarted"
    ]));
}

#[test]
fn a_crash_during_a_stop_forgets_the_restart_that_waited() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    for verb in [Verb::Pause(SERVER), Verb::Stop(SERVER), Verb::Start(SERVER), Verb::Crash(SERVER)]
    {
        lab.apply(&verb, None, None);
    }
    run_to(&mut lab, ms(200));
    assert_eq!(lab.machine(SERVER).map(crate::Machine::life), Some(crate::Life::Dead));
    lab.apply(&Verb::Start(SERVER), None, None);
    lab.apply(&Verb::Stop(SERVER), None, None);
    assert_eq!(lab.machine(SERVER).map(crate::Machine::life), Some(crate::Life::Dead));
}

#[test]
fn a_panic_stops_the_node_and_is_a_finding() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    say(&mut lab, CLIENT, "panic");
    assert_eq!(lab.panics().len(), 1);
    assert!(lab.panics()[0].1.contains("told to"));
    run_to(&mut lab, ms(200));
    assert_eq!(puppet(&lab, SERVER).closed, [(ms(110), CloseReason::PeerClosed)]);
}

#[test]
fn a_drifting_clock_fires_timers_early_or_late() {
    let kind = || EventKind::CommandGiven { text: "tick".to_owned() };
    let says = vec![(ms(1000), kind()), (ms(2000), kind())];
    let fast = Puppet { says, ..Puppet::default() };
    let mut lab = lab_on(7, NETWORK, DISK, vec![("fast", fast)]);
    lab.apply(&Verb::SkewClock { node: NodeId(0), offset_ms: 0, drift_ppm: 250_000 }, None, None);
    run_to(&mut lab, ms(3000));
    let times: Vec<u64> = events(&lab)
        .iter()
        .filter(|event| event.kind == kind())
        .map(|event| event.time.0 / 1_000_000)
        .collect();
    assert_eq!(times, [800, 1600]);
}

#[test]
fn a_wiped_disk_is_empty_and_a_running_node_keeps_its_own() {
    let mut lab = pair(Store::Sync);
    say(&mut lab, CLIENT, "gone");
    run_to(&mut lab, ms(100));
    lab.apply(&Verb::WipeDisk(SERVER), None, None);
    lab.apply(&Verb::Crash(SERVER), None, None);
    lab.apply(&Verb::WipeDisk(SERVER), None, None);
    lab.apply(&Verb::Start(SERVER), None, None);
    assert_eq!(puppet(&lab, SERVER).found, None);
    assert_eq!(count(&lab, |kind| matches!(kind, EventKind::DiskWiped {})), 1);
}

#[test]
fn faults_that_change_nothing_are_known() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    let verbs = [
        Verb::Start(SERVER),
        Verb::Resume(SERVER),
        Verb::Heal(vec![(CLIENT, SERVER)]),
        Verb::Cut(vec![(CLIENT, SERVER)]),
        Verb::ChangeLinks {
            pairs: vec![(SERVER, CLIENT)],
            network: Network { latency_high: Span::millis(500), ..NETWORK },
        },
    ];
    for verb in &verbs {
        let fault = lab.open_fault(None, 0, String::new());
        lab.apply(verb, None, Some(fault));
    }
    let bites: Vec<u64> = lab.ledger().reports().iter().map(crate::FaultReport::bites).collect();
    assert_eq!(bites, [0, 0, 0, 0, 0]);
    say(&mut lab, CLIENT, "stopped");
    say(&mut lab, SERVER, "slowed");
    let fault = lab.open_fault(None, 0, String::new());
    let restore = Verb::ChangeLinks { pairs: vec![(SERVER, CLIENT)], network: NETWORK };
    lab.apply(&restore, None, Some(fault));
    let bites: Vec<u64> = lab.ledger().reports().iter().map(crate::FaultReport::bites).collect();
    assert_eq!(bites, [0, 0, 0, 1, 1, 1]);
}
