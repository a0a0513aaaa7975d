//! Situations of the quorum, told as scripts: `tests/scripts/*.txt` go in, a transcript of events comes out.
//!
//! One command a line; `>` echoes it in the transcript, `state` prints what every member holds. Lines with `#` are for
//! people and are echoed too.

#[expect(dead_code, reason = "the property test uses the rest")]
mod lab;

use std::fmt::Write;

use bytes::Bytes;
use klamm_node::config::ServerConfig;
use klamm_node::disk::memory::Loss;
use klamm_node::{BrokerId, Span, Time};
use klamm_protocol::ErrorCode;
use klamm_protocol::kafka::messages::ResponseKind;
use klamm_protocol::metadata::{MetadataRecord, Topic};
use lab::Lab;

fn topic(name: &str) -> Bytes {
    MetadataRecord::Topic(Topic { name: name.to_owned(), ..Default::default() }).encode()
}

fn play(script: &str) -> String {
    let mut lab: Option<Lab> = None;
    let mut text = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            writeln!(text, "{line}").expect("text");
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|w| w.parse().ok()).unwrap_or(0);
        if words[0] == "quorum" || words[0] == "dynamic" {
            // `quorum VOTERS OBSERVERS SEED [KEY=VALUE]…`: all start at once; `dynamic VOTERS STANDBYS SEED`: the log
            // names the voters, and the standbys are controllers without a vote.
            let settings: Vec<_> =
                words.iter().skip(4).filter_map(|word| word.split_once('=')).collect();
            let tune = |config: &mut ServerConfig| {
                for (key, value) in &settings {
                    config.set(key, value).expect("a setting");
                }
            };
            let kind = if words[0] == "quorum" { Lab::new } else { Lab::dynamic };
            let mut fresh = kind(number(3) as u64, number(1), number(2), &tune);
            fresh.transcript = Some(String::new());
            writeln!(text, "> {line}").expect("text");
            lab = Some(fresh);
            continue;
        }
        let lab = lab.as_mut().expect("a script begins with `quorum`");
        let (first, second) = (BrokerId(number(1)), BrokerId(number(2)));
        let mut aside = String::new();
        match words[0] {
            "run" => {
                let ms = words[1].trim_end_matches("ms").parse().expect("run N ms");
                lab.run(Span::millis(ms));
            }
            "until-leader" => {
                let latest = lab.now + Span::secs(60);
                while lab.leader().is_none() && lab.now < latest {
                    lab.run(Span::millis(1));
                }
            }
            "append" => {
                let at = lab.append(first, words[2..].iter().map(|name| topic(name)).collect());
                match at {
                    Some((from, to)) => writeln!(aside, "appended at {from} to {to}"),
                    None => writeln!(aside, "not appended: {first} may not write"),
                }
                .expect("text");
            }
            // Everyone writes a snapshot after so many batches; `snapshot N`: member N does now.
            "snapshot-every" => lab.snapshot_every = Some(number(1).unsigned_abs() as usize),
            "snapshot" => lab.snapshot(first),
            "wipe" => lab.wipe(first),
            "crash" => lab.crash(first),
            "power" => lab.power_failure(first, Loss::Whole),
            "restart" => lab.start(first),
            "cut" => {
                lab.cut(first, second);
                lab.cut(second, first);
            }
            "isolate" => lab.isolate(first),
            "heal" => lab.heal(),
            "shutdown" => lab.shutdown(first),
            // `add N [at M]`, `remove N [at M]`: an operator asks M, or the leader; `remove-old N`: who N was before.
            "add" | "remove" | "remove-old" => {
                let at =
                    if number(3) > 0 { BrokerId(number(3)) } else { lab.leader().expect("led") };
                let mut who = lab.key(first);
                match words[0] {
                    "add" => lab.add_voter(at, who),
                    "remove" => lab.remove_voter(at, who),
                    _ => {
                        who.directory.0 -= lab::ANOTHER_DISK;
                        lab.remove_voter(at, who);
                    }
                }
            }
            "upgrade" => {
                let leader = lab.leader().expect("led");
                writeln!(aside, "{leader}: {:?}", lab.upgrade(leader)).expect("text");
            }
            "speaks" => lab.speaks(first, (0, i16::try_from(number(2)).expect("a level"))),
            "listens" => lab.move_listener(first, u16::try_from(number(2)).expect("a port")),
            "quorum-state" => {
                use klamm_node::Disk;
                let path = "__cluster_metadata-0/quorum-state";
                let disk = &mut lab.members.get_mut(&first).expect("a member").disk;
                let bytes = disk.read_whole(path).expect("readable").unwrap_or_default();
                writeln!(aside, "{}", String::from_utf8_lossy(&bytes)).expect("text");
            }
            "state" => aside = state(lab),
            other => panic!("no such command: {other}"),
        }
        writeln!(text, "> {line}").expect("text");
        let events = lab.transcript.replace(String::new()).unwrap_or_default();
        for event in events.lines() {
            writeln!(text, "  {event}").expect("text");
        }
        for answer in std::mem::take(&mut lab.answers) {
            if let Some(answer) = answered(&answer) {
                writeln!(aside, "answered: {answer}").expect("text");
            }
        }
        for line in aside.lines() {
            writeln!(text, "  {line}").expect("text");
        }
    }
    text
}

/// The answer to an operator. Fetches whose asker is gone are answered, too.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum holds every response of Kafka")]
fn answered(answer: &ResponseKind) -> Option<String> {
    let (what, error, why) = match answer {
        ResponseKind::AddRaftVoter(r) => ("AddRaftVoter", r.error_code, r.error_message.clone()),
        ResponseKind::RemoveRaftVoter(r) => {
            ("RemoveRaftVoter", r.error_code, r.error_message.clone())
        }
        _ => return None,
    };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    Some(format!("{what} {}{why}", ErrorCode(error)))
}

fn state(lab: &mut Lab) -> String {
    let mut text = String::new();
    for (id, member) in &mut lab.members {
        let Some(raft) = &member.raft else {
            writeln!(text, "{id} down").expect("text");
            continue;
        };
        let held = raft.summary();
        let headers = raft.log().headers(&mut member.disk).expect("readable");
        let batches: Vec<String> =
            headers.iter().map(|h| format!("{}e{}", h.base_offset, h.leader_epoch)).collect();
        let snapshots: Vec<String> =
            held.snapshots.iter().map(|id| format!(" {}e{}", id.end_offset, id.epoch)).collect();
        let snapshots = match snapshots.as_slice() {
            [] => String::new(),
            some => {
                format!(" log_start={} snapshots=[{}]", held.log_start, some.concat().trim_start())
            }
        };
        let voters: Vec<String> = held.voters.iter().map(ToString::to_string).collect();
        let voters = match voters.as_slice() {
            [] => String::new(),
            some => format!(" voters=[{}]", some.join(" ")),
        };
        writeln!(
            text,
            "{id} {} epoch={} leader={} voted={} high_watermark={} log_end={} synced={} told={} log=[{}]{snapshots}{voters}",
            held.role.name(),
            held.epoch,
            held.leader,
            held.voted,
            held.high_watermark,
            held.log_end,
            held.synced,
            member.told.len(),
            batches.join(" "),
        )
        .expect("text");
    }
    text
}

macro_rules! scripts {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            let script = include_str!(concat!("scripts/", stringify!($name), ".txt"));
            let transcript = play(script);
            assert_eq!(transcript, play(script), "a script plays the same way twice");
            insta::assert_snapshot!(stringify!($name), transcript);
        }
    )*};
}

scripts! {
    election
    single_voter
    split_vote
    leader_crash
    divergence
    vote_remembered
    minority_leader_resigns
    observer_follows
    orderly_shutdown
    power_failure
    snapshot_for_a_new_observer
    snapshot_for_a_late_voter
    snapshot_and_restart
    snapshot_interrupted
    voters_added
    voter_replaced
    leader_removed
    changes_refused
    change_cut_off
    voters_upgraded
    voter_moves
    standby_joins
    voters_in_a_snapshot
    vote_for_a_lost_disk
}

#[test]
fn an_isolated_voter_does_not_raise_its_epoch() {
    // KIP-996: without pre-votes it would come back with a higher epoch and depose a leader that works.
    let mut lab = Lab::new(3, 3, 0, |_| {});
    lab.run_to(Time::ZERO + Span::secs(5));
    let leader = lab.leader().expect("a leader");
    let epoch = lab.members[&leader].leads;
    let other = lab.ids().into_iter().find(|id| *id != leader).expect("three");
    lab.isolate(other);
    lab.run(Span::secs(60));
    lab.heal();
    lab.run(Span::secs(10));
    assert_eq!(lab.leader(), Some(leader));
    assert_eq!(lab.members[&leader].leads, epoch);
}

#[test]
fn a_split_vote_is_not_repeated_again_and_again() {
    // Both followers miss the leader within a millisecond of each other, so that the first vote is split nearly always.
    // Then each waits for the rest of its own election timeout, one to two seconds long: the first one that is over wins
    // the next (KIP-595, KIP-996; Kafka 4 has no backoff beside that).
    let mut rounds = Vec::new();
    for seed in 0..100 {
        let mut lab = Lab::new(seed, 3, 0, |_| {});
        lab.run_to(Time::ZERO + Span::secs(8));
        let leader = lab.leader().expect("a leader");
        let before = lab.members[&leader].leads.expect("leads");
        lab.crash(leader);
        let crashed = lab.now;
        while lab.leader().is_none() {
            lab.run(Span::millis(5));
            assert!(lab.now.since(crashed) < Span::secs(12), "no leader, seed {seed}");
        }
        let after = lab.members[&lab.leader().expect("a leader")].leads.expect("leads");
        rounds.push(after.0 - before.0);
    }
    let split = rounds.iter().filter(|rounds| **rounds > 1).count();
    let often = rounds.iter().filter(|rounds| **rounds > 2).count();
    assert!(split > 50, "the first vote was split {split} times of 100: this must be a hard case");
    assert!(often <= 3, "the second vote was split too {often} times of 100");
}

#[test]
fn a_leader_that_no_majority_fetches_from_resigns_after_one_and_a_half_fetch_timeouts() {
    // KAFKA-15489. One follower of two is enough to stay.
    for (cut, stays) in [(1, true), (2, false)] {
        let mut lab = Lab::new(5, 3, 0, |_| {});
        lab.run_to(Time::ZERO + Span::secs(8));
        let leader = lab.leader().expect("a leader");
        let epoch = lab.members[&leader].leads;
        let others: Vec<_> = lab.ids().into_iter().filter(|id| *id != leader).collect();
        for other in others.iter().take(cut) {
            lab.cut(leader, *other);
            lab.cut(*other, leader);
        }
        lab.run(Span::millis(2400));
        assert_eq!(
            lab.members[&leader].leads, epoch,
            "it waits for 3 s, less the last 500 ms poll"
        );
        lab.run(Span::millis(700));
        assert_eq!(lab.members[&leader].leads == epoch, stays, "{cut} of two cut off");
    }
}
