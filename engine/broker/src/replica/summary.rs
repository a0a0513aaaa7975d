//! What this room holds, in plain data: the other side of the test that the View, folded from events, equals the nodes.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, Disk, LeaderEpoch, Offset, PartitionEpoch, TopicPartition};
use klamm_storage::{EpochEntry, ReadError};

use super::Replicas;
use super::partition::{Partition, Role};

/// What a broker is to a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplicaRole {
    /// It leads.
    Leader,
    /// It follows.
    Follower,
    /// Its disk failed.
    Failed,
}

/// A batch's identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchSummary {
    /// First offset.
    pub base_offset: Offset,
    /// Last offset.
    pub last_offset: Offset,
    /// Leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C.
    pub crc: u32,
}

/// One replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaSummary {
    /// The partition.
    pub partition: TopicPartition,
    /// Its role.
    pub role: ReplicaRole,
    /// The leader that it knows of, or -1.
    pub leader: BrokerId,
    /// The leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// The partition epoch.
    pub partition_epoch: PartitionEpoch,
    /// A leader's committed ISR; empty on a follower.
    pub isr: Vec<BrokerId>,
    /// A leader's committed ISR and whoever is about to join it; empty on a follower.
    pub maximal_isr: Vec<BrokerId>,
    /// A leader's proposed ISR.
    pub proposed: Option<Vec<BrokerId>>,
    /// First offset.
    pub log_start: Offset,
    /// Next offset.
    pub log_end: Offset,
    /// High watermark.
    pub high_watermark: Offset,
    /// Durable up to here.
    pub synced: Offset,
    /// The leader-epoch cache.
    pub epochs: Vec<EpochEntry>,
    /// A leader's view of its followers' log ends.
    pub followers: Vec<(BrokerId, Option<Offset>)>,
}

impl Replicas {
    /// The directories that are put away, each with the word for why.
    pub fn put_away_directories(&self) -> BTreeMap<String, &'static str> {
        self.directories.iter().map(|(name, why)| (name.to_owned(), why.word())).collect()
    }

    /// Every replica, by name.
    pub fn summary(&self) -> Vec<ReplicaSummary> {
        let mut all: Vec<_> = self.partitions.values().map(Partition::summary).collect();
        all.sort_by(|a, b| a.partition.cmp(&b.partition));
        all
    }

    /// The batches of every replica, by name, read from the disk.
    ///
    /// # Errors
    /// The disk fails or holds a corrupt batch.
    pub fn batches(
        &self,
        disk: &mut dyn Disk,
    ) -> Result<Vec<(TopicPartition, Vec<BatchSummary>)>, ReadError> {
        let mut all = Vec::new();
        for partition in self.partitions.values() {
            let headers = partition.log.headers(disk)?;
            let batches = headers.iter().map(|header| BatchSummary {
                base_offset: header.base_offset,
                last_offset: header.last_offset(),
                leader_epoch: header.leader_epoch,
                crc: header.crc,
            });
            all.push((partition.name.clone(), batches.collect()));
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all)
    }
}

impl Partition {
    fn summary(&self) -> ReplicaSummary {
        let leader = self.leading().ok();
        let role = match self.role {
            Role::Leader(_) => ReplicaRole::Leader,
            Role::Follower(_) => ReplicaRole::Follower,
            Role::Failed => ReplicaRole::Failed,
        };
        ReplicaSummary {
            partition: self.name.clone(),
            role,
            leader: self.leader,
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            isr: leader.map(|leader| leader.isr.committed().to_vec()).unwrap_or_default(),
            maximal_isr: leader.map(|leader| leader.isr.maximal()).unwrap_or_default(),
            proposed: leader
                .and_then(|leader| leader.isr.proposal())
                .map(|proposal| proposal.isr.clone()),
            log_start: self.log.log_start(),
            log_end: self.log.log_end(),
            high_watermark: self.high_watermark,
            synced: self.log.synced(),
            epochs: self.log.epochs().to_vec(),
            followers: leader
                .map(|leader| {
                    leader.followers.iter().map(|(id, state)| (*id, state.log_end)).collect()
                })
                .unwrap_or_default(),
        }
    }
}
