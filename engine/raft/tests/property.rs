//! The quorum under random faults: frames delayed and lost, crashes, power failures, cuts, in random order, with the
//! invariants of S25 looked at after every step.

#[expect(dead_code, reason = "the other tests use the rest")]
mod lab;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use klamm_node::config::ServerConfig;
use klamm_node::disk::memory::Loss;
use klamm_node::{BrokerId, DirectoryId, LeaderEpoch, Offset, ReplicaKey, Span, Time};
use klamm_protocol::kafka::messages::ResponseKind;
use klamm_protocol::metadata::{MetadataRecord, Topic};
use klamm_raft::{BEGINNINGS, MOVES, QuorumRole, SnapshotId, VoterSet};
use lab::Lab;

/// Each takes about twenty milliseconds.
const SEEDS: u64 = 250;

/// What is known for good: it may never change again.
#[derive(Default)]
struct History {
    leaders: BTreeMap<LeaderEpoch, BrokerId>,
    /// S8: an (epoch, base offset) is one batch for ever.
    identity: BTreeMap<(LeaderEpoch, Offset), u32>,
    /// Committed batches by base offset: next offset, epoch, CRC.
    committed: BTreeMap<Offset, (Offset, LeaderEpoch, u32)>,
    elections: usize,
    truncations: usize,
    last_end: BTreeMap<BrokerId, Offset>,
    /// What any owner was ever told at an offset.
    told: BTreeMap<Offset, Bytes>,
    /// Snapshots that were written, that took the place of a log, and prefixes that were deleted.
    moves: BTreeSet<(String, String)>,
    snapshots: usize,
    fetched: usize,
    deleted: usize,
    last_start: BTreeMap<BrokerId, Offset>,
    last_snapshots: BTreeMap<BrokerId, Vec<SnapshotId>>,
    /// Changes of voters that were granted and refused, sets that were cut off, voters that came or went, disks replaced.
    granted: usize,
    refused: usize,
    undone: usize,
    changed: usize,
    replaced: usize,
}

impl History {
    fn forget(&mut self, id: BrokerId) {
        self.last_end.remove(&id);
        self.last_start.remove(&id);
        self.last_snapshots.remove(&id);
    }

    fn look(&mut self, lab: &mut Lab) {
        let newest = lab.members.values().filter_map(|m| Some(m.raft.as_ref()?.epoch())).max();
        for id in lab.ids() {
            let member = lab.members.get_mut(&id).expect("a member");
            let Some(raft) = &member.raft else { continue };
            if !std::mem::take(&mut member.touched) {
                continue;
            }
            let held = raft.summary();
            // (b) and (e).
            assert!(held.epoch >= member.epoch_seen, "S25b: {id} went back to {}", held.epoch);
            assert!(held.high_watermark >= member.high_watermark_seen, "S25e: {id}");
            member.epoch_seen = held.epoch;
            member.high_watermark_seen = held.high_watermark;
            member.synced_seen = held.synced;
            // A leader whose removal is not committed leads on, and then it resigns (KIP-853).
            let leading = [QuorumRole::Leader, QuorumRole::Resigned].contains(&held.role);
            assert!(leading || raft.is_voter() == (held.role != QuorumRole::Observer), "{held:?}");

            let headers = raft.log().headers(&mut member.disk).expect("readable");
            // Everything below the log's start is in a snapshot, and what a snapshot stands for is committed.
            let covered = held.snapshots.iter().any(|id| id.end_offset >= held.log_start);
            assert!(
                held.log_start == Offset(0) || covered,
                "{id}: nothing stands for what is gone"
            );
            let before = self.last_snapshots.insert(id, held.snapshots.clone()).unwrap_or_default();
            let news = held.snapshots.iter().filter(|id| !before.contains(id)).count();
            let first = headers.first().map_or(held.log_start, |header| header.base_offset);
            assert!(
                first <= held.log_start,
                "{id}: a hole at the log's start: {held:?}, first batch at {first}"
            );
            if self
                .last_start
                .insert(id, held.log_start)
                .is_some_and(|start| start < held.log_start)
            {
                let fetched =
                    held.snapshots.last().is_some_and(|id| id.end_offset == held.log_start);
                if fetched && news > 0 { self.fetched += 1 } else { self.deleted += 1 }
            } else {
                self.snapshots += news;
            }
            let mut dense = first;
            for header in &headers {
                assert_eq!(header.base_offset, dense, "{id} has a hole");
                dense = header.next_offset();
                let key = (header.leader_epoch, header.base_offset);
                let known = *self.identity.entry(key).or_insert(header.crc);
                assert_eq!(known, header.crc, "S8: {key:?} is two batches");
            }
            assert!(headers.is_sorted_by_key(|h| h.leader_epoch), "epochs go back in {id}'s log");
            if self.last_end.insert(id, held.log_end).is_some_and(|end| end > held.log_end) {
                self.truncations += 1;
            }
            // (c): what this one calls committed is what everybody ever called committed.
            for header in headers.iter().filter(|h| h.next_offset() <= held.high_watermark) {
                let batch = (header.next_offset(), header.leader_epoch, header.crc);
                let known = *self.committed.entry(header.base_offset).or_insert(batch);
                assert_eq!(known, batch, "S25c: a committed batch changed at {id}");
            }
            // S26: an owner's state is that of every record up to the last one that it was told of, whether it was told
            // of each, or of a snapshot.
            for (offset, record) in &member.told {
                let known = self.told.entry(*offset).or_insert_with(|| record.clone());
                assert_eq!(known, record, "S26: {id} was told something else at {offset}");
            }
            if let Some((last, _)) = member.told.last() {
                let known = self.told.range(..=*last).count();
                assert_eq!(member.told.len(), known, "S26: {id} lacks records below {last}");
            }
            // (a).
            if held.role == QuorumRole::Leader {
                let first = *self.leaders.entry(held.epoch).or_insert_with(|| {
                    self.elections += 1;
                    id
                });
                assert_eq!(first, id, "S25a: epoch {} has two leaders", held.epoch);
                if Some(held.epoch) == newest {
                    let mine: BTreeMap<_, _> = headers
                        .iter()
                        .map(|h| (h.base_offset, (h.next_offset(), h.leader_epoch, h.crc)))
                        .collect();
                    for (base, batch) in self.committed.range(held.log_start..) {
                        assert_eq!(mine.get(base), Some(batch), "S25c: leader {id} lacks {base}");
                    }
                }
            }
        }
        // (d): what a leader calls committed is durable at a majority.
        for id in lab.ids() {
            let Some(raft) = &lab.members[&id].raft else { continue };
            let committed = raft.high_watermark();
            if raft.role() == QuorumRole::Leader
                && committed > Offset(0)
                && Some(raft.epoch()) == newest
            {
                // Counted by the voters in force, or by those before them, if that was earlier (KIP-853).
                let holds = |set: &VoterSet| {
                    let has = |key: &ReplicaKey| {
                        let same = *key == lab.key(key.id) || key.directory == DirectoryId::ZERO;
                        same && lab.members[&key.id].synced_seen >= committed
                    };
                    set.keys().filter(has).count() > set.len() / 2
                };
                assert!(
                    holds(raft.voters()) || holds(raft.voters_below(committed)),
                    "S25d: {committed} is not durable at a majority of {:?}",
                    raft.voters()
                );
            }
        }
    }
}

/// An operator changes the voters: he asks the leader mostly, and does not wait for its answers.
fn change_voters(lab: &mut Lab, one: BrokerId, history: &mut History) {
    if lab.dice.per_million(500_000) {
        // Mostly nobody changes anything while half of the quorum is down.
        lab.heal();
        for id in lab.ids() {
            lab.start(id);
        }
        lab.run(Span::secs(4));
    }
    let Some(leader) = lab.leader() else { return };
    let Some(set) = lab.members[&leader].raft.as_ref().map(|raft| raft.voters().clone()) else {
        return;
    };
    let at = if lab.dice.per_million(900_000) { leader } else { one };
    if lab.members[&at].raft.is_none() {
        return;
    }
    let ghosts = lab.ghosts(&set);
    // The voter that is asked for is one that may come, or one that may go.
    let one = match lab.dice.between(0, 1) {
        0 => lab.ids().into_iter().find(|id| set.get(*id).is_none()).unwrap_or(one),
        _ => one,
    };
    if let Some(ghost) = ghosts.first() {
        // While a voter is lost, another one must not go: nobody could commit that.
        return lab.remove_voter(at, *ghost);
    }
    match lab.dice.between(0, 9) {
        0..=4 => lab.add_voter(at, lab.key(one)),
        5..=7 => lab.remove_voter(at, lab.key(one)),
        _ => {
            let agreed =
                lab.agrees_on_voters().filter(|set| set.len() > 2 || !set.holds(lab.key(one)));
            if agreed.is_some_and(|set| lab.ghosts(&set).is_empty()) {
                lab.wipe(one);
                history.forget(one);
                history.replaced += 1;
            }
        }
    }
}

fn torment(seed: u64, steps: u32, dynamic: bool) -> History {
    let voters = [1, 3, 3, 3, 5][(seed % 5) as usize];
    let tune = |settings: &mut ServerConfig| {
        if seed.is_multiple_of(2) {
            // Everything small, so that prefixes go and snapshots come in pieces.
            settings.metadata_max_retention_bytes = 3000;
            settings.metadata_log_segment_bytes = 1500;
            settings.controller_quorum_fetch_snapshot_max_bytes = 700;
        }
        settings.controller_quorum_auto_join_enable = seed.is_multiple_of(7);
    };
    let mut lab =
        if dynamic { Lab::dynamic(seed, voters, 2, tune) } else { Lab::new(seed, voters, 1, tune) };
    lab.snapshot_every = [None, Some(7), Some(25)][(seed % 3) as usize];
    lab.latency = (Span::micros(200), Span::millis(if seed.is_multiple_of(3) { 40 } else { 4 }));
    lab.loss = [0, 20_000, 200_000][(seed % 3) as usize];
    let mut history = History::default();
    let mut name = 0;
    for _ in 0..steps {
        let ids = lab.ids();
        let one = ids[lab.dice.index(ids.len())];
        let other = ids[lab.dice.index(ids.len())];
        match lab.dice.between(0, 99) {
            0..=2 => lab.crash(one),
            3..=4 => lab.power_failure(one, Loss::Whole),
            5 => lab.power_failure(one, Loss::Part),
            6..=13 => lab.start(one),
            14..=15 => lab.cut(one, other),
            16 => lab.isolate(one),
            17..=19 => lab.heal(),
            96 => lab.snapshot(one),
            97..=98 if dynamic => change_voters(&mut lab, one, &mut history),
            97 if !dynamic && !lab.is_voter(one) => {
                // Only an observer may lose its disk: a voter that forgot its vote could vote twice.
                lab.wipe(one);
                history.forget(one);
            }
            20 => {
                lab.shutdown(one);
                lab.run(Span::millis(20));
                lab.crash(one);
            }
            21..=45 => {
                name += 1;
                let topic = Topic { name: format!("t{name}"), ..Default::default() };
                let record = MetadataRecord::Topic(topic).encode();
                let records: Vec<Bytes> = vec![record; 1 + lab.dice.index(3)];
                // Mostly to the leader, sometimes to one that only thinks so.
                let at = lab.leader().filter(|_| lab.dice.per_million(800_000)).unwrap_or(one);
                lab.append(at, records);
            }
            46..=95 => {
                let span = lab.dice.span(Span::micros(100), Span::millis(20));
                lab.run(span);
            }
            _ => {
                let span = lab.dice.span(Span::millis(100), Span::secs(3));
                lab.run(span);
            }
        }
        history.look(&mut lab);
    }
    // L2: with the faults over, there is a leader that all follow, and all know the same to be committed.
    lab.heal();
    lab.loss = 0;
    for id in lab.ids() {
        lab.start(id);
    }
    // A member that was asked to stop and never crashed does not take part any more.
    for id in lab.ids() {
        let stopping =
            lab.members[&id].raft.as_ref().is_some_and(|raft| raft.is_shut_down(Time::MAX));
        if stopping {
            lab.crash(id);
            lab.start(id);
        }
    }
    for _ in 0..40 {
        lab.run(Span::secs(1));
        history.look(&mut lab);
    }
    let leader = lab.leader().unwrap_or_else(|| panic!("L2: no leader, seed {seed}"));
    let told = lab.members[&leader].told.clone();
    for (id, member) in &lab.members {
        let raft = member.raft.as_ref().expect("up");
        assert_eq!(
            raft.leader().map(|l| l.0),
            Some(leader),
            "L2: {id} follows another, seed {seed}"
        );
        assert_eq!(member.told, told, "L7: {id} was told something else, seed {seed}");
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum holds every response of Kafka")]
    let granted = |answer: &ResponseKind| match answer {
        ResponseKind::AddRaftVoter(response) => response.error_code == 0,
        ResponseKind::RemoveRaftVoter(response) => response.error_code == 0,
        _ => false,
    };
    history.granted = lab.answers.iter().filter(|answer| granted(answer)).count();
    history.refused = lab.answers.len() - history.granted;
    (history.undone, history.changed) = (lab.sets_undone, lab.sets_changed);
    history.moves = lab.moves;
    history
}

#[test]
fn no_order_of_faults_breaks_the_quorum() {
    let (mut elections, mut truncations, mut committed) = (0, 0, 0);
    let (mut snapshots, mut fetched, mut deleted) = (0, 0, 0);
    let mut moves = BTreeSet::new();
    let (mut granted, mut refused, mut undone, mut changed, mut replaced) = (0, 0, 0, 0, 0);
    let quorums = (0..SEEDS).flat_map(|seed| [(seed, false), (seed, true)]);
    // A quorum whose voters change takes a tenth of a second.
    let quorums = quorums.filter(|(seed, dynamic)| !dynamic || *seed < 90);
    for (seed, dynamic) in quorums {
        let history = torment(seed, 1500, dynamic);
        granted += history.granted;
        refused += history.refused;
        undone += history.undone;
        changed += history.changed;
        replaced += history.replaced;
        elections += history.elections;
        truncations += history.truncations;
        committed += history.committed.len();
        moves.extend(history.moves);
        snapshots += history.snapshots;
        fetched += history.fetched;
        deleted += history.deleted;
    }
    // The faults must bite, or this test proves nothing.
    assert!(elections > 2000, "{elections} elections");
    assert!(truncations > 200, "{truncations} truncations");
    assert!(committed > 15_000, "{committed} committed batches");
    assert!(snapshots > 2000, "{snapshots} snapshots written");
    assert!(fetched > 50, "{fetched} snapshots fetched");
    assert!(deleted > 50, "{deleted} prefixes deleted");
    assert!(granted > 60, "{granted} changes of voters granted");
    assert!(refused > 300, "{refused} changes of voters refused");
    assert!(undone > 8, "{undone} sets of voters cut off");
    assert!(changed > 600, "{changed} voters came or went");
    assert!(replaced > 50, "{replaced} disks replaced");
    // Every move of the table was made, and no other.
    let name = |from: QuorumRole, to: QuorumRole| (from.name().to_owned(), to.name().to_owned());
    let begin = |role: QuorumRole| ("start".to_owned(), role.name().to_owned());
    let declared: BTreeSet<_> = MOVES
        .iter()
        .map(|(from, to, _)| name(*from, *to))
        .chain(BEGINNINGS.iter().map(|(role, _)| begin(*role)))
        .collect();
    assert_eq!(moves, declared);
}
