//! The bystander: what was ever committed or read, and which losses are excused.
//!
//! `COMMITTED[o]` is the record at offset `o` when any leader first advanced its high watermark past `o`; the first writer
//! wins. A loss is excused when it follows an unclean election, when as many holders as `min.insync.replicas` lost the
//! record to a power failure or a new disk, or when the only member of the ISR did and leads (Kafka without KIP-966): then the range that went is remembered, and differences that begin in it
//! are consequences, not violations. A second, unexcused fault in the very same range would go unseen.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{BrokerId, EventKind, LeaderEpoch, Offset, Seq, TopicPartition};

use super::{Check, InvariantId, PermittedReason, Violation};
use crate::view::{
    Difference, LogModel, LossKind, PartitionView, ReadSpan, ReplicaRole, ReplicaView, View,
};

/// A range of offsets whose loss is excused.
#[derive(Clone, Debug)]
pub(super) struct Excuse {
    pub from: Offset,
    pub to: Offset,
    /// Excuses only what was written before this epoch; everything if none.
    pub before: Option<LeaderEpoch>,
    pub reason: PermittedReason,
    pub events: Vec<Seq>,
}

/// What the bystander remembers of a partition.
#[derive(Clone, Debug, Default)]
pub(super) struct PartitionMemory {
    pub committed: LogModel,
    /// Where the committed range ended after an event.
    pub committed_at: Vec<(Offset, Seq)>,
    /// What consumers read, by first offset.
    pub seen: BTreeMap<Offset, (ReadSpan, Seq)>,
    pub excuses: Vec<Excuse>,
    /// How many unclean elections are excused already.
    pub unclean: usize,
    /// Promises, by the event of the acknowledgement, whose loss has been stated.
    pub lost: BTreeSet<Seq>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Observer {
    partitions: BTreeMap<TopicPartition, PartitionMemory>,
}

impl Observer {
    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&PartitionMemory> {
        self.partitions.get(partition)
    }

    pub(super) fn of(&mut self, partition: &TopicPartition) -> &mut PartitionMemory {
        if !self.partitions.contains_key(partition) {
            self.partitions.insert(partition.clone(), PartitionMemory::default());
        }
        self.partitions.get_mut(partition).expect("it was just inserted")
    }

    /// True if a difference follows from an excused loss.
    pub(super) fn excused(&self, partition: &TopicPartition, found: &Difference) -> bool {
        self.get(partition)
            .is_some_and(|memory| memory.excuse(found.offset, older_epoch(found)).is_some())
    }

    /// True if what a validation found follows from an excused loss, or was stated already.
    pub(super) fn excuses_validation(&self, violation: &Violation) -> bool {
        let (Some(partition), Some(offset)) = (&violation.partition, violation.offset) else {
            return false;
        };
        let stated = violation.id == InvariantId::AckedReadable
            && self.get(partition).is_some_and(|memory| {
                violation.events.iter().all(|acked| memory.lost.contains(acked))
            });
        stated
            || self
                .get(partition)
                .is_some_and(|memory| memory.excuse(offset, LeaderEpoch::NONE).is_some())
    }
}

/// Forgets the partitions of a deleted topic: another one may take the name (KIP-516).
pub(super) fn observe_deletion(cx: &mut Check<'_>) {
    let EventKind::TopicDeleted { topic, .. } = &cx.event.kind else { return };
    if !cx.view.topics.contains_key(topic) {
        cx.observer.partitions.retain(|partition, _| partition.topic != *topic);
    }
}

impl PartitionMemory {
    /// The excuse for something of an epoch at an offset.
    pub(super) fn excuse(&self, offset: Offset, epoch: LeaderEpoch) -> Option<&Excuse> {
        self.excuses.iter().rev().find(|excuse| {
            let covered = excuse.from <= offset && offset < excuse.to;
            covered && excuse.before.is_none_or(|before| epoch < before)
        })
    }

    /// The event that committed an offset.
    pub(super) fn commit_of(&self, offset: Offset) -> Option<Seq> {
        let at = self.committed_at.partition_point(|(end, _)| *end <= offset);
        self.committed_at.get(at).map(|(_, seq)| *seq)
    }
}

/// Why the loss of what was at an offset since `since` is permitted, if it is, with the events that explain it.
pub(super) fn permitted(
    view: &View,
    partition: &TopicPartition,
    offset: Offset,
    since: Seq,
    holders: Option<&[BrokerId]>,
) -> Option<(PermittedReason, Vec<Seq>)> {
    let state = view.partitions.get(partition)?;
    if let Some((decided, _)) = state.unclean.iter().rev().find(|(decided, _)| *decided > since) {
        return Some((PermittedReason::UncleanElection, vec![*decided]));
    }
    let last = state.truth.as_ref().and_then(|truth| match truth.isr.as_slice() {
        [only] if *only == truth.leader => Some(*only),
        _ => None,
    });
    let (mut faults, mut wiped, mut count) = (Vec::new(), false, 0);
    let mut last_lost = None;
    for (id, replica) in &state.replicas {
        let covers = |loss: &&crate::view::Loss| {
            loss.from <= offset && offset < loss.to && loss.fault > since
        };
        if last == Some(*id) {
            last_lost = replica.losses.iter().rev().find(covers).map(|loss| loss.fault);
        }
        if holders.is_some_and(|holders| !holders.contains(id)) {
            continue;
        }
        if let Some(loss) = replica.losses.iter().rev().find(covers) {
            count += 1;
            wiped |= loss.kind == LossKind::Wiped;
            faults.push(loss.fault);
        }
    }
    let replicas = state.truth.as_ref().map_or(1, |truth| truth.replicas.len());
    let most = holders.map_or(replicas, <[BrokerId]>::len).max(1);
    let enough = view.min_isr(&partition.topic).clamp(1, most);
    let reason = if wiped { PermittedReason::DiskLoss } else { PermittedReason::PowerLoss };
    if count >= enough {
        return Some((reason, faults));
    }
    // With eligible leader replicas a member that lost its tail is put out of the ISR when it comes back, and somebody who
    // has the record leads (KIP-966).
    last_lost.filter(|_| !view.has_elr()).map(|fault| (PermittedReason::LastReplica, vec![fault]))
}

/// The older epoch of two batches that differ.
pub(super) fn older_epoch(found: &Difference) -> LeaderEpoch {
    let epochs = [found.left, found.right].into_iter().flatten().map(|batch| batch.epoch);
    epochs.min().unwrap_or(LeaderEpoch::NONE)
}

/// Excuses what an unclean election gives up: whatever was written before its epoch and is not what the elected holds.
///
/// That is excused wherever it shows, for the old leader may go on in its epoch until it learns of the new one, and others
/// come back with what they had long after.
pub(super) fn observe_unclean(cx: &mut Check<'_>) {
    let EventKind::PartitionChanged { partition, .. } = &cx.event.kind else { return };
    let Some(state) = cx.view.partitions.get(partition) else { return };
    let handled = cx.observer.get(partition).map_or(0, |memory| memory.unclean);
    if state.unclean.len() <= handled {
        return;
    }
    let Some(truth) = &state.truth else { return };
    // A decision that was never committed is passed over.
    let mut decisions = state.unclean.iter().enumerate().skip(handled);
    let found = decisions.find(|(_, (_, elected))| *elected == truth.leader);
    let Some((place, (decided, elected))) = found else { return };
    let Some(replica) = state.replicas.get(elected) else { return };
    let before = truth.leader_epoch;
    let memory = cx.observer.of(partition);
    memory.unclean = place + 1;
    let others = state.replicas.values().map(|other| &other.log).chain([&memory.committed]);
    let parts = others.filter_map(|log| {
        let end = log.end().max(replica.log.end());
        replica.log.first_difference(log, end).map(|found| found.offset)
    });
    let from = parts.min().unwrap_or_else(|| replica.log.end()).min(replica.log.end());
    memory.excuses.push(Excuse {
        from,
        to: Offset(i64::MAX),
        before: Some(before),
        reason: PermittedReason::UncleanElection,
        events: vec![*decided],
    });
}

/// A batch in words: `batch 7..9 of epoch 3`.
pub(super) fn batch_words(batch: Option<crate::view::Batch>) -> String {
    match batch {
        Some(batch) => format!("batch {}..{} of epoch {}", batch.base, batch.last, batch.epoch),
        None => "nothing".to_owned(),
    }
}

/// A difference in words: `at offset 7 it has nothing, not batch 7..9 of epoch 3`.
pub(super) fn difference_words(found: &Difference) -> String {
    let (left, right) = (batch_words(found.left), batch_words(found.right));
    if left == right {
        let crc = |batch: Option<crate::view::Batch>| batch.map_or(0, |batch| batch.crc);
        let (a, b) = (crc(found.left), crc(found.right));
        return format!("at offset {} it has {left} with CRC {a:08x}, not {b:08x}", found.offset);
    }
    format!("at offset {} it has {left}, not {right}", found.offset)
}

/// The event's partition and replica, if the event is about a replica of the node that observed it.
pub(super) fn replica_of<'a>(
    view: &'a View,
    event: &klamm_node::Event,
    partition: &TopicPartition,
) -> Option<(BrokerId, &'a PartitionView, &'a ReplicaView)> {
    let broker = view.table.broker_of(event.node)?;
    let state = view.partitions.get(partition)?;
    Some((broker, state, state.replicas.get(&broker)?))
}

/// Remembers what a leader's high watermark newly covers.
pub(super) fn observe_commit(cx: &mut Check<'_>) {
    let EventKind::HighWatermarkMoved { partition, to, .. } = &cx.event.kind else { return };
    let Some((_, state, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    if replica.role != ReplicaRole::Leader
        || state.deleted.is_some() && cx.view.is_stale(cx.event.node, partition)
    {
        return;
    }
    let memory = cx.observer.of(partition);
    if *to > memory.committed.end() {
        memory.committed.extend_from(&replica.log, *to);
        let end = memory.committed.end();
        memory.committed_at.push((end, cx.event.seq));
    }
}

/// A leader epoch and its leader in words.
pub(super) fn leader_words(broker: BrokerId, epoch: LeaderEpoch) -> String {
    format!("broker {broker}, leader of epoch {epoch},")
}
