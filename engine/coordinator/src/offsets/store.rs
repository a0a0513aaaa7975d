//! The store: every group's offsets, with what is committed and what is only written.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{GroupId, LeaderEpoch, Offset, ProducerId, Timestamp, TopicName, TopicPartition};
use klamm_protocol::group_record::OffsetCommitValue;

/// A committed offset as the log has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record read, or -1 (KIP-320).
    pub leader_epoch: LeaderEpoch,
    /// What the application noted with it.
    pub metadata: String,
    /// When it was committed, by the coordinator's wall clock.
    pub committed_at: Timestamp,
    /// When it expires, if the client said so (versions 2 to 4 of OffsetCommit).
    pub expires_at: Option<Timestamp>,
    /// Where its record is in the log.
    pub log_offset: Offset,
}

impl Committed {
    fn of(log_offset: Offset, value: &OffsetCommitValue) -> Self {
        Self {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.clone(),
            committed_at: Timestamp(value.commit_timestamp),
            expires_at: (value.expire_timestamp >= 0).then_some(Timestamp(value.expire_timestamp)),
            log_offset,
        }
    }
}

/// What the log says of one partition of a group, oldest first: the newest of what is committed, and all that is written
/// after it. `None` is a tombstone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct History(Vec<(Offset, Option<Committed>)>);

impl History {
    fn newest(&self) -> Option<&Committed> {
        self.0.last().and_then(|(_, value)| value.as_ref())
    }

    fn committed(&self, up_to: Offset) -> Option<&Committed> {
        self.0.iter().rev().find(|(at, _)| *at < up_to).and_then(|(_, value)| value.as_ref())
    }

    /// Forgets what a newer committed value has replaced; true if nothing is left.
    fn prune(&mut self, up_to: Offset) -> bool {
        let committed = self.0.iter().rposition(|(at, _)| *at < up_to);
        if let Some(newest) = committed {
            self.0.drain(..newest);
        }
        matches!(self.0.as_slice(), [] | [(_, None)])
            && self.0.first().is_none_or(|(at, _)| *at < up_to)
    }
}

/// The offsets of all groups of a shard.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offsets {
    groups: BTreeMap<GroupId, BTreeMap<TopicPartition, History>>,
    /// What has more than a committed value, by the place of the newer one in the log.
    unsettled: BTreeSet<(Offset, GroupId, TopicPartition)>,
    up_to: Offset,
    /// Offsets of open transactions, by producer.
    pending: BTreeMap<ProducerId, BTreeMap<(GroupId, TopicPartition), Committed>>,
}

impl Offsets {
    /// Takes a record, as it stands in the log.
    pub fn replay(
        &mut self,
        at: Offset,
        group: &GroupId,
        topic: &TopicName,
        partition: i32,
        value: Option<&OffsetCommitValue>,
    ) {
        let partition = TopicPartition::new(TopicName::clone(topic), partition);
        if value.is_none() {
            // A tombstone takes what open transactions hold with it.
            let key = (group.clone(), partition.clone());
            self.pending.values_mut().for_each(|offsets| {
                offsets.remove(&key);
            });
            self.pending.retain(|_, offsets| !offsets.is_empty());
        }
        self.write(at, group, &partition, value.map(|value| Committed::of(at, value)));
    }

    /// Takes a record of an open transaction: it counts once that is committed.
    pub fn replay_pending(
        &mut self,
        at: Offset,
        producer: ProducerId,
        group: &GroupId,
        topic: &TopicName,
        partition: i32,
        value: &OffsetCommitValue,
    ) {
        let partition = TopicPartition::new(TopicName::clone(topic), partition);
        let offsets = self.pending.entry(producer).or_default();
        offsets.insert((group.clone(), partition), Committed::of(at, value));
    }

    /// A transaction is over. Its offsets count, save where a newer commit outside of it stands in the log: which of two
    /// commits is newer their records' places say, not when the transaction ended (KAFKA-5247).
    pub fn transaction_ended(&mut self, producer: ProducerId, committed: bool) {
        let Some(offsets) = self.pending.remove(&producer).filter(|_| committed) else { return };
        for ((group, partition), value) in offsets {
            let newer = self
                .newest(&group, &partition)
                .is_some_and(|known| known.log_offset > value.log_offset);
            if !newer {
                self.write(value.log_offset, &group, &partition, Some(value));
            }
        }
    }

    fn write(
        &mut self,
        at: Offset,
        group: &GroupId,
        partition: &TopicPartition,
        value: Option<Committed>,
    ) {
        let offsets = self.groups.entry(group.clone()).or_default();
        let history = offsets.entry(partition.clone()).or_default();
        history.0.push((at, value));
        self.unsettled.insert((at, group.clone(), partition.clone()));
    }

    /// Everything up to here is committed.
    pub fn committed(&mut self, up_to: Offset) {
        self.up_to = self.up_to.max(up_to);
        while let Some(first) = self.unsettled.first().filter(|(at, ..)| *at < self.up_to).cloned()
        {
            self.unsettled.remove(&first);
            let (_, group, partition) = first;
            let Some(offsets) = self.groups.get_mut(&group) else { continue };
            if offsets.get_mut(&partition).is_some_and(|history| history.prune(self.up_to)) {
                offsets.remove(&partition);
            }
            if offsets.is_empty() {
                self.groups.remove(&group);
            }
        }
    }

    /// The newest offset, committed or not: for decisions.
    pub fn newest(&self, group: &GroupId, partition: &TopicPartition) -> Option<&Committed> {
        self.groups.get(group)?.get(partition)?.newest()
    }

    /// The committed offset: for readers.
    pub fn stable(&self, group: &GroupId, partition: &TopicPartition) -> Option<&Committed> {
        self.groups.get(group)?.get(partition)?.committed(self.up_to)
    }

    /// All newest offsets of a group, by partition.
    pub fn newest_of<'a>(
        &'a self,
        group: &GroupId,
    ) -> impl Iterator<Item = (&'a TopicPartition, &'a Committed)> + use<'a> {
        let offsets = self.groups.get(group).into_iter().flatten();
        offsets.filter_map(|(partition, history)| Some((partition, history.newest()?)))
    }

    /// All committed offsets of a group, by partition.
    pub fn stable_of<'a>(
        &'a self,
        group: &GroupId,
    ) -> impl Iterator<Item = (&'a TopicPartition, &'a Committed)> + use<'a> {
        let up_to = self.up_to;
        let offsets = self.groups.get(group).into_iter().flatten();
        offsets.filter_map(move |(partition, history)| Some((partition, history.committed(up_to)?)))
    }

    /// Whether a group has offsets, the newest taken.
    pub fn has_any(&self, group: &GroupId) -> bool {
        self.newest_of(group).next().is_some()
    }

    /// The groups that have offsets, the newest taken.
    pub fn groups(&self) -> impl Iterator<Item = &GroupId> {
        self.groups.keys().filter(|group| self.has_any(group))
    }

    /// How many offsets there are, the newest taken.
    pub fn count(&self) -> usize {
        self.groups.keys().map(|group| self.newest_of(group).count()).sum()
    }

    /// Whether an open transaction has an offset for a partition.
    pub fn has_pending(&self, group: &GroupId, partition: &TopicPartition) -> bool {
        let key = (group.clone(), partition.clone());
        self.pending.values().any(|offsets| offsets.contains_key(&key))
    }

    /// Whether an open transaction has an offset of a group at all: such a group is not forgotten (KAFKA-19163).
    pub fn has_open_transactions(&self, group: &GroupId) -> bool {
        self.pending.values().any(|offsets| offsets.keys().any(|(of, _)| of == group))
    }

    /// The offsets that open transactions have for a group.
    pub(super) fn pending_of(&self, group: &GroupId) -> BTreeSet<TopicPartition> {
        let keys = self.pending.values().flat_map(BTreeMap::keys);
        keys.filter(|(of, _)| of == group).map(|(_, partition)| partition.clone()).collect()
    }
}
