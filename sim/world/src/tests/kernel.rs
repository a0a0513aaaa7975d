//! Connections and links: what a node sees of the network.

use klamm_node::{CloseReason, Command, Event, EventKind, Span};
use klamm_scenario::model::{Disk as DiskSpeed, Network};

use super::*;

#[test]
fn a_frame_goes_there_and_back() {
    let mut lab = pair(Store::Nothing);
    say(&mut lab, CLIENT, "hello");
    run_to(&mut lab, ms(100));
    // SYN 10, its answer 20, the frame 30, the echo 40.
    assert_eq!(got(&lab, SERVER), [(30, "hello".to_owned())]);
    assert_eq!(got(&lab, CLIENT), [(40, "hello".to_owned())]);
}

#[test]
fn what_is_sent_later_on_a_connection_never_arrives_earlier() {
    let network =
        Network { latency_low: Span::millis(1), latency_high: Span::millis(90), bandwidth: 0 };
    let puppets = vec![("client", Puppet::client("server")), ("server", Puppet::default())];
    let mut lab = lab_on(3, network, DISK, puppets);
    run_to(&mut lab, ms(1000));
    for n in 0..200 {
        let to = ms(1000 + n);
        run_to(&mut lab, to);
        say(&mut lab, CLIENT, format!("{n:03}"));
    }
    run_to(&mut lab, ms(5000));
    let order: Vec<String> = got(&lab, SERVER).into_iter().map(|(_, text)| text).collect();
    assert_eq!(order.len(), 200);
    assert!(order.is_sorted());
}

#[test]
fn a_cut_catches_what_is_in_flight_and_tcp_sends_it_again() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    say(&mut lab, CLIENT, "caught");
    run_to(&mut lab, ms(105));
    let fault = lab.open_fault(None, 0, "cut".to_owned());
    lab.apply(&Verb::Cut(vec![(CLIENT, SERVER)]), None, Some(fault));
    say(&mut lab, CLIENT, "stopped");
    run_to(&mut lab, ms(120));
    lab.apply(&Verb::Heal(vec![(CLIENT, SERVER)]), None, None);
    run_to(&mut lab, ms(1000));
    // Nobody was told; both come, in order, after the kernel's first wait (sent again at 305).
    let texts: Vec<_> = got(&lab, SERVER);
    assert_eq!(texts, [(315, "caught".to_owned()), (315, "stopped".to_owned())]);
    assert_eq!(count(&lab, |kind| matches!(kind, EventKind::FrameDropped { .. })), 0);
    assert_eq!(lab.ledger().reports()[0].effects, [("packets stopped", 2)]);
}

#[test]
fn a_long_cut_is_silence_and_its_end_is_noticed_late() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    lab.apply(&Verb::Cut(vec![(CLIENT, SERVER), (SERVER, CLIENT)]), None, None);
    say(&mut lab, CLIENT, "late");
    run_to(&mut lab, ms(5000));
    lab.apply(&Verb::Heal(vec![(CLIENT, SERVER), (SERVER, CLIENT)]), None, None);
    run_to(&mut lab, ms(10_000));
    // Sent again after 200, 400, 800, 1600 and 3200 ms: at 100 + 6200.
    assert_eq!(got(&lab, SERVER), [(6310, "late".to_owned())]);
    assert!(puppet(&lab, CLIENT).closed.is_empty());
}

#[test]
fn what_a_closed_connection_had_not_got_across_is_dropped() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    say(&mut lab, CLIENT, "in flight");
    run_to(&mut lab, ms(101));
    lab.apply(&Verb::Cut(vec![(CLIENT, SERVER)]), None, None);
    say(&mut lab, CLIENT, "waiting");
    lab.command(CLIENT, Command::Flush, "close".to_owned(), None);
    run_to(&mut lab, ms(1000));
    let dropped: Vec<Event> = events(&lab)
        .into_iter()
        .filter(|e| matches!(&e.kind, EventKind::FrameDropped { reason, .. } if reason == "cut"))
        .collect();
    assert_eq!(dropped.len(), 2);
    assert!(puppet(&lab, SERVER).closed.is_empty());
    lab.apply(&Verb::Heal(vec![(CLIENT, SERVER)]), None, None);
    run_to(&mut lab, ms(5000));
    // The kernel goes on telling that the connection is closed.
    assert_eq!(puppet(&lab, SERVER).closed.len(), 1);
    assert!(got(&lab, SERVER).is_empty());
}

#[test]
fn a_cut_one_way_stops_one_way() {
    let mut lab = pair(Store::Nothing);
    run_to(&mut lab, ms(100));
    lab.apply(&Verb::Cut(vec![(CLIENT, SERVER)]), None, None);
    say(&mut lab, CLIENT, "up");
    say(&mut lab, SERVER, "down");
    run_to(&mut lab, ms(200));
    assert!(got(&lab, SERVER).is_empty());
    assert_eq!(got(&lab, CLIENT), [(110, "down".to_owned())]);
}

#[test]
fn a_lost_syn_hangs_and_is_sent_again() {
    let mut lab = pair(Store::Nothing);
    // The SYN is in flight.
    lab.apply(&Verb::Cut(vec![(CLIENT, SERVER)]), None, None);
    run_to(&mut lab, ms(2500));
    assert!(puppet(&lab, CLIENT).opened.is_empty() && puppet(&lab, CLIENT).closed.is_empty());
    lab.apply(&Verb::Heal(vec![(CLIENT, SERVER)]), None, None);
    run_to(&mut lab, ms(4000));
    // Sent at 0, 1 s and 3 s.
    assert_eq!(puppet(&lab, CLIENT).opened, [ms(3020)]);
}

#[test]
fn a_lost_answer_to_a_syn_hangs_too() {
    let mut lab = pair(Store::Nothing);
    lab.apply(&Verb::Cut(vec![(SERVER, CLIENT)]), None, None);
    run_to(&mut lab, ms(900));
    assert!(puppet(&lab, CLIENT).opened.is_empty() && puppet(&lab, SERVER).opened.is_empty());
    run_to(&mut lab, ms(200_000));
    // After 127 seconds Linux gives up.
    assert_eq!(puppet(&lab, CLIENT).closed, [(ms(127_000), CloseReason::ConnectTimeout)]);
}

#[test]
fn a_connect_to_a_dead_process_on_a_live_machine_is_refused() {
    let mut lab = pair(Store::Nothing);
    lab.apply(&Verb::Crash(SERVER), None, None);
    run_to(&mut lab, ms(100));
    assert_eq!(puppet(&lab, CLIENT).closed, [(ms(20), CloseReason::Refused)]);
}

#[test]
fn a_connect_to_a_port_without_listener_or_to_an_unknown_host_is_refused() {
    let mut wrong_port = Puppet::client("server");
    wrong_port.peer = Some(Endpoint::new("server", 1));
    let puppets = vec![
        ("client", wrong_port),
        ("server", Puppet::default()),
        ("lost", Puppet::client("nowhere")),
    ];
    let mut lab = lab_on(7, NETWORK, DISK, puppets);
    run_to(&mut lab, ms(100));
    assert_eq!(puppet(&lab, CLIENT).closed, [(ms(20), CloseReason::Refused)]);
    assert_eq!(puppet(&lab, NodeId(2)).closed, [(ms(0), CloseReason::Refused)]);
}

#[test]
fn bandwidth_makes_large_frames_slow_and_small_ones_wait_behind_them() {
    let network = Network { bandwidth: 1_000_000, ..NETWORK };
    let puppets = vec![("client", Puppet::client("server")), ("server", Puppet::default())];
    let mut lab = lab_on(7, network, DISK, puppets);
    run_to(&mut lab, ms(100));
    say(&mut lab, CLIENT, vec![b'x'; 500_000]);
    say(&mut lab, CLIENT, "small");
    run_to(&mut lab, ms(2000));
    let arrivals: Vec<u64> = got(&lab, SERVER).iter().map(|(at, _)| *at).collect();
    assert_eq!(arrivals, [610, 610]);
    assert!(puppet(&lab, SERVER).got[0].0 < puppet(&lab, SERVER).got[1].0);
}

#[test]
fn a_sync_delays_the_answer_and_the_next_input() {
    let disk = DiskSpeed { sync: Span::millis(50), ..DISK };
    let puppets =
        vec![("client", Puppet::client("server")), ("server", Puppet::server(Store::Sync))];
    let mut lab = lab_on(7, NETWORK, disk, puppets);
    run_to(&mut lab, ms(100));
    say(&mut lab, CLIENT, "one");
    say(&mut lab, CLIENT, "two");
    run_to(&mut lab, ms(1000));
    // File and directory: 100 ms a frame.
    assert_eq!(got(&lab, SERVER), [(110, "one".to_owned()), (210, "two".to_owned())]);
    assert_eq!(got(&lab, CLIENT), [(220, "one".to_owned()), (320, "two".to_owned())]);
    assert_eq!(lab.machine(SERVER).map(|machine| machine.disk().counters().syncs), Some(4));
}

#[test]
fn a_connection_that_was_asked_for_first_but_made_later_is_found_all_the_same() {
    let disk = DiskSpeed { sync: Span::millis(25), ..DISK };
    // The middle node draws the id of its own connection at 0 and connects at 25, when its disk is done; its kernel
    // accepts another, with a later id, at 15.
    let middle = Puppet { slow_start: true, echo: true, ..Puppet::client("server") };
    let puppets = vec![
        ("client", Puppet::client("middle")),
        ("server", Puppet::server(Store::Nothing)),
        ("middle", middle),
    ];
    let network =
        Network { latency_low: Span::millis(5), latency_high: Span::millis(5), ..NETWORK };
    let mut lab = lab_on(7, network, disk, puppets);
    say(&mut lab, CLIENT, "hello");
    run_to(&mut lab, ms(200));
    assert_eq!(puppet(&lab, NodeId(2)).opened.len(), 2);
    assert_eq!(got(&lab, CLIENT), [(30, "hello".to_owned())]);
}

#[test]
fn every_delivery_names_its_frame_and_every_frame_its_cause() {
    let mut lab = pair(Store::Nothing);
    say(&mut lab, CLIENT, "hello");
    run_to(&mut lab, ms(100));
    let events = events(&lab);
    let cause = |event: &Event| {
        let seq = event.cause.expect("a cause").0;
        events[usize::try_from(seq).expect("small") - 1].kind.name()
    };
    let chain: Vec<(&str, &str)> = events
        .iter()
        .filter(|event| event.cause.is_some())
        .map(|event| (event.kind.name(), cause(event)))
        .collect();
    assert_eq!(
        chain,
        [
            ("ConnectionOpening", "NodeStarted"),
            ("ConnectionOpened", "ConnectionOpening"),
            ("FrameSent", "ConnectionOpened"),
            ("ConnectionAccepted", "ConnectionOpening"),
            ("FrameDelivered", "FrameSent"),
            ("FrameSent", "FrameDelivered"),
            ("FrameDelivered", "FrameSent"),
        ]
    );
}
