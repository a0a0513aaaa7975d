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

    /// True if a difference that begins at an offset follows from an excused loss.
    pub(super) fn excused(&self, partition: &TopicPartition, offset: Offset) -> bool {
        self.get(partition).is_some_and(|memory| memory.excuse(offset).is_some())
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
        stated || self.excused(partition, offset)
    }
}

impl PartitionMemory {
    pub(super) fn excuse(&self, offset: Offset) -> Option<&Excuse> {
        self.excuses.iter().rev().find(|excuse| excuse.from <= offset && offset < excuse.to)
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
    last_lost.map(|fault| (PermittedReason::LastReplica, vec![fault]))
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
    let Some((_, _, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    if replica.role != ReplicaRole::Leader {
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
