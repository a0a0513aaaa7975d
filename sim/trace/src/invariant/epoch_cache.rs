//! S9 EpochCacheExact: the leader-epoch cache says exactly where each epoch of its log begins.
//!
//! The cache answers OffsetsForLeaderEpoch and the divergence check of fetches, so an error in it truncates too much or too
//! little (KIP-101, KIP-279). Entries grow strictly in epoch and offset; each epoch in the log has an entry at its first
//! offset; a leader has an entry for its own epoch where it took over; no entry lies beyond the log end.
//!
//! Broken, it looks like this: a leader elected without an entry for its epoch tells a follower with a foreign tail that all
//! is well.
//!
//! A batch and its entry are two events, so a replica is judged once time has moved on.

use std::collections::BTreeMap;

use klamm_node::event::Room;
use klamm_node::{BrokerId, EventKind, Time, TopicPartition};

use super::{Check, Finding, InvariantId, Reporter, Severity};
use crate::view::{ReplicaRole, ReplicaView, View};

#[derive(Clone, Debug, Default)]
pub(super) struct EpochCache {
    touched: BTreeMap<(TopicPartition, BrokerId), Time>,
    oldest: Option<Time>,
}

impl EpochCache {
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        let touched = touched_by(&cx.event.kind).and_then(|partition| {
            Some((partition.clone(), cx.view.table.broker_of(cx.event.node)?))
        });
        if let Some(replica) = &touched {
            // A replica that changes again in the same breath is judged later.
            self.touched.insert(replica.clone(), cx.event.time);
            self.oldest = self.oldest.or(Some(cx.event.time));
        }
        if self.oldest.is_none_or(|oldest| oldest >= cx.event.time) {
            return;
        }
        let due: Vec<_> = self
            .touched
            .iter()
            .filter(|(_, at)| **at < cx.event.time)
            .map(|(r, _)| r.clone())
            .collect();
        for (partition, broker) in due {
            judge(cx.view, cx.reporter, &partition, broker);
            self.touched.remove(&(partition, broker));
        }
        self.oldest = self.touched.values().min().copied();
    }

    pub(super) fn finish(self, view: &View, reporter: &mut Reporter) {
        for (partition, broker) in self.touched.into_keys() {
            judge(view, reporter, &partition, broker);
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other event changes a log's epochs")]
fn touched_by(kind: &EventKind) -> Option<&TopicPartition> {
    match kind {
        EventKind::BatchAppended { partition, .. }
        | EventKind::EpochStarted { partition, .. }
        | EventKind::LogTruncated { partition, .. }
        | EventKind::LogStartMoved { partition, .. }
        | EventKind::LogRecovered { partition, .. }
        | EventKind::LeadershipTaken { partition, .. } => {
            debug_assert!(matches!(kind.room(), Room::Log | Room::Replica));
            Some(partition)
        }
        _ => None,
    }
}

fn judge(view: &View, reporter: &mut Reporter, partition: &TopicPartition, broker: BrokerId) {
    let replica = view.replica_of(partition, broker);
    let Some(replica) = replica.filter(|replica| replica.settled) else { return };
    let Some(problem) = problem(replica) else { return };
    reporter.report(Finding {
        id: InvariantId::EpochCacheExact,
        severity: Severity::Amber,
        subject: format!("{partition} b{broker} {}", replica.leader_epoch),
        partition: Some(partition),
        offset: None,
        sentence: format!(
            "{partition}: the leader-epoch cache of broker {broker} is wrong: {problem}"
        ),
        events: vec![replica.since],
    });
}

fn problem(replica: &ReplicaView) -> Option<String> {
    for (older, newer) in replica.epochs.iter().zip(replica.epochs.iter().skip(1)) {
        if newer.epoch <= older.epoch || newer.start <= older.start {
            return Some(format!(
                "epoch {} at {} follows epoch {} at {}",
                newer.epoch, newer.start, older.epoch, older.start
            ));
        }
    }
    for (index, (epoch, first)) in replica.log.epochs().into_iter().enumerate() {
        match replica.epochs.iter().find(|entry| entry.epoch == epoch) {
            None => {
                return Some(format!(
                    "it has no entry for epoch {epoch}, whose first record is at {first}"
                ));
            }
            // Of the first batch only a part may be left above the log start.
            Some(entry) if index == 0 && entry.start <= replica.log.start().max(first) => {}
            Some(entry) if entry.start != first => {
                return Some(format!(
                    "epoch {epoch} begins at {first}, the entry says {}",
                    entry.start
                ));
            }
            Some(_) => {}
        }
    }
    if let Some(beyond) = replica.epochs.iter().find(|entry| entry.start > replica.log.end()) {
        let (epoch, start, end) = (beyond.epoch, beyond.start, replica.log.end());
        return Some(format!("epoch {epoch} begins at {start}, beyond the log end {end}"));
    }
    if replica.role == ReplicaRole::Leader && replica.latest_epoch() != replica.leader_epoch {
        let (leads, latest) = (replica.leader_epoch, replica.latest_epoch());
        return Some(format!(
            "it leads in epoch {leads}, but its newest entry is for epoch {latest}"
        ));
    }
    None
}
