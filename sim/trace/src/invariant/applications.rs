//! P1 CommittedMeansProcessed and P2 ProcessOnlyOwned: what an application promises its users, rather than Kafka.
//!
//! * P1 a record that was handed to an application of a group is processed by some application of the group, if the group's
//!   committed offset has passed it: *at least once*. Judged when it can't come true any more: every process that had the
//!   record in its hands is dead (or, at a quiet moment, has given its partition up), nobody has processed it, and the
//!   offset that passes it is kept, so that nobody will be handed it again.
//! * P2 an application processes nothing of a partition that it was told to give up, while another member of its group owns
//!   it. A process that was frozen or cut off and has not been told yet is excused: no client can know better, and Kafka's
//!   fencing protects only what goes through Kafka.
//!
//! An application says itself what it has processed. Groups in which none ever did are not judged.
//!
//! Broken, it looks like this: after a deployment some orders are paid for and never shipped, and nothing is in any log; or
//! two instances write to one account, and the one that was too late wins. Origins: the *delivery semantics* of Kafka's own
//! documentation of its consumer; librdkafka's notes on `enable.auto.offset.store` and on rebalance callbacks.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{EventKind, GroupId, NodeId, Offset, Seq, TopicPartition};

use super::commits::Ranges;
use super::{Check, Finding, InvariantId, Reporter, Severity};
use crate::header::NodeKind;
use crate::view::View;

/// A process that was handed a record and has not processed it.
#[derive(Clone, Debug)]
struct Hand {
    node: NodeId,
    /// When it got the record.
    seq: Seq,
    /// When it gave the partition up, with the record in its hands.
    revoked: Option<Seq>,
    /// When it died.
    died: Option<Seq>,
}

/// A commit that is kept.
#[derive(Clone, Copy, Debug)]
struct Commit {
    offset: Offset,
    node: NodeId,
    seq: Seq,
}

/// A group's applications in one partition.
#[derive(Clone, Debug, Default)]
struct Work {
    /// Records that nobody has processed yet, each with those who were handed it.
    open: BTreeMap<Offset, Vec<Hand>>,
    processed: Ranges,
    commit: Option<Commit>,
    /// The application that was given the partition last.
    owner: Option<(NodeId, Seq)>,
    /// When each application gave it up last.
    given_up: BTreeMap<NodeId, Seq>,
}

type Key = (GroupId, TopicPartition);

#[derive(Clone, Debug, Default)]
pub(super) struct Applications {
    /// Whether the run has applications at all; none before the first event.
    present: Option<bool>,
    work: BTreeMap<Key, Work>,
    /// The groups whose applications say what they have processed.
    telling: BTreeSet<GroupId>,
}

impl Applications {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other event is about what applications do"
    )]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        let is_application = |kind| kind == NodeKind::Application;
        let present = || cx.view.table.iter().any(|(_, info)| is_application(info.kind));
        if !*self.present.get_or_insert_with(present) {
            return;
        }
        let (node, seq) = (cx.event.node, cx.event.seq);
        match &cx.event.kind {
            EventKind::RecordsPolled { partition, from, to }
                if self.is_application(cx.view, node) =>
            {
                self.handed(cx, partition, *from, *to);
            }
            EventKind::RecordProcessed { group, partition, offset, .. } => {
                self.telling.insert(group.clone());
                let work = self.work.entry((group.clone(), partition.clone())).or_default();
                work.processed.add(*offset, offset.plus(1));
                work.open.remove(offset);
                owned(cx, work, group, partition, *offset);
            }
            EventKind::PartitionsAssigned { group, partitions, .. } => {
                for partition in partitions {
                    self.of(group, partition).owner = Some((node, seq));
                }
            }
            EventKind::PartitionsRevoked { group, partitions, .. }
            | EventKind::PartitionsLost { group, partitions, .. } => {
                for partition in partitions {
                    let work = self.of(group, partition);
                    work.given_up.insert(node, seq);
                    for hand in work.open.values_mut().flatten().filter(|hand| hand.node == node) {
                        hand.revoked.get_or_insert(seq);
                    }
                }
            }
            EventKind::CommitAcknowledged { group, offsets } => {
                for (partition, offset) in offsets {
                    self.committed(cx, group, partition, *offset);
                }
            }
            // The answer to a commit may be lost, and the commit is not: whoever goes on behind it shows so.
            EventKind::PositionSet { partition, to, reason } if reason == "committed" => {
                let place =
                    cx.view.nodes.get(&node).and_then(|view| view.client.membership.as_ref());
                if let Some(group) = place.and_then(|place| place.group.clone()) {
                    self.committed(cx, &group, partition, *to);
                }
            }
            EventKind::NodeCrashed {}
            | EventKind::PowerFailed { .. }
            | EventKind::NodeStopped { .. }
            | EventKind::NodeStarted { .. } => self.died(cx, node),
            _ => {}
        }
    }

    fn is_application(&self, view: &View, node: NodeId) -> bool {
        view.table.get(node).is_some_and(|info| info.kind == NodeKind::Application)
    }

    fn of(&mut self, group: &GroupId, partition: &TopicPartition) -> &mut Work {
        self.work.entry((group.clone(), partition.clone())).or_default()
    }

    fn handed(&mut self, cx: &Check<'_>, partition: &TopicPartition, from: Offset, to: Offset) {
        let (node, seq) = (cx.event.node, cx.event.seq);
        let place = cx.view.nodes.get(&node).and_then(|view| view.client.membership.as_ref());
        let Some(group) = place.and_then(|place| place.group.clone()) else { return };
        let work = self.of(&group, partition);
        let mut offset = from;
        while offset < to {
            if work.processed.first_gap(offset, offset.plus(1)).is_some() {
                let hand = Hand { node, seq, revoked: None, died: None };
                work.open.entry(offset).or_default().push(hand);
            }
            offset = offset.plus(1);
        }
    }

    fn committed(
        &mut self,
        cx: &mut Check<'_>,
        group: &GroupId,
        partition: &TopicPartition,
        offset: Offset,
    ) {
        let (node, seq) = (cx.event.node, cx.event.seq);
        self.of(group, partition).commit = Some(Commit { offset, node, seq });
        let key = (group.clone(), partition.clone());
        self.judge(cx.view, cx.reporter, &key, |hand| hand.died.is_some());
    }

    fn died(&mut self, cx: &mut Check<'_>, node: NodeId) {
        let seq = cx.event.seq;
        let mut touched = Vec::new();
        for (key, work) in &mut self.work {
            let hands = work.open.values_mut().flatten();
            let mut any = false;
            for hand in hands.filter(|hand| hand.node == node && hand.died.is_none()) {
                (hand.died, any) = (Some(seq), true);
            }
            if any {
                touched.push(key.clone());
            }
        }
        for key in touched {
            self.judge(cx.view, cx.reporter, &key, |hand| hand.died.is_some());
        }
    }

    /// Nothing has happened for long: who gave a partition up and has not processed what it had will not do so any more.
    pub(super) fn at_quiescence(&self, view: &View, reporter: &mut Reporter) {
        let keys: Vec<Key> = self.work.keys().cloned().collect();
        for key in keys {
            self.judge(view, reporter, &key, |hand| hand.died.is_some() || hand.revoked.is_some());
        }
    }

    /// What could not be judged while a coordinator was being moved.
    pub(super) fn finish(&self, view: &View, reporter: &mut Reporter) {
        let keys: Vec<Key> = self.work.keys().cloned().collect();
        for key in keys {
            self.judge(view, reporter, &key, |hand| hand.died.is_some());
        }
    }

    /// P1 for one partition: records that nobody has any more.
    fn judge(&self, view: &View, reporter: &mut Reporter, key: &Key, gone: impl Fn(&Hand) -> bool) {
        let (group, partition) = key;
        if !self.telling.contains(group) {
            return;
        }
        let Some(work) = self.work.get(key) else { return };
        let Some(commit) = work.commit else { return };
        // A coordinator that is being moved will be asked again.
        let kept = view.group(group).and_then(|(_, held)| held.offsets.get(partition));
        let Some(kept) = kept else { return };
        let passed = commit.offset.min(kept.offset);
        let mut lost = work.open.range(..passed).filter(|(_, hands)| hands.iter().all(&gone));
        let Some((offset, hands)) = lost.next() else { return };
        let more = lost.count();
        let Some(last) = hands.last() else { return };
        let holder = view.table.name(last.node);
        let fate = match last.died {
            Some(_) => format!("the process of {holder}, which had got it, is gone"),
            None => format!("{holder}, which had got it, gave the partition up"),
        };
        let others = match more {
            0 => String::new(),
            1 => " (so it is with 1 more record)".to_owned(),
            _ => format!(" (so it is with {more} more records)"),
        };
        let sentence = format!(
            "{partition}: nobody in group {group} has processed the record at {offset}, and nobody will: the group has \
             committed {} ({}, #{}), and {fate}{others}",
            commit.offset,
            view.table.name(commit.node),
            commit.seq.0,
        );
        let events = [Some(last.seq), last.revoked, last.died, Some(commit.seq)];
        reporter.report(Finding {
            id: InvariantId::CommittedMeansProcessed,
            severity: Severity::Red,
            subject: format!("{group} {partition}"),
            partition: Some(partition),
            offset: Some(*offset),
            sentence,
            events: events.into_iter().flatten().collect(),
        });
    }
}

/// P2.
fn owned(
    cx: &mut Check<'_>,
    work: &Work,
    group: &GroupId,
    partition: &TopicPartition,
    offset: Offset,
) {
    let node = cx.event.node;
    let Some(given_up) = work.given_up.get(&node) else { return };
    let Some(view) = cx.view.ownership.get(&(group.clone(), partition.clone())) else { return };
    if view.owners.contains(&node) {
        return;
    }
    let Some(owner) = view.owners.iter().next() else { return };
    let since = work.owner.filter(|(last, _)| last == owner).map(|(_, seq)| seq);
    let (worker, other) = (cx.view.table.name(node), cx.view.table.name(*owner));
    let since_when = since.map_or_else(String::new, |seq| format!(" since #{}", seq.0));
    let sentence = format!(
        "{partition}: {worker} processed the record at {offset} for group {group}; it gave the partition up (#{}), and \
         {other} owns it{since_when}",
        given_up.0
    );
    let mut events = vec![*given_up];
    events.extend(since);
    cx.reporter.report(Finding {
        id: InvariantId::ProcessOnlyOwned,
        severity: Severity::Red,
        subject: format!("{group} {partition}"),
        partition: Some(partition),
        offset: Some(offset),
        sentence,
        events,
    });
}
