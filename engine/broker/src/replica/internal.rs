//! The log of an internal topic, lent to the coordinator that lives in it.
//!
//! *Flows in*: batches that a coordinator of this broker decided. *Flows out*: appended batches, as any leader's; reads up to
//! the log end. *Must never*: write in an epoch in which this broker does not lead, or below `min.insync.replicas`.

use bytes::Bytes;
use klamm_coordinator::{Log, LogRefused};
use klamm_node::{Context, LeaderEpoch, Offset, TopicId};
use klamm_protocol::ErrorCode;

use super::image::{self, Image};
use super::partition::Partition;
use super::read::read_failed;
use super::{PartitionKey, ReplicaOutput, Replicas};

/// The partitions of one topic on this broker.
#[derive(Debug)]
pub struct CoordinatorLog<'a> {
    replicas: &'a mut Replicas,
    image: &'a Image,
    /// None while there is no such topic.
    topic: Option<TopicId>,
    appended: Vec<PartitionKey>,
}

impl<'a> CoordinatorLog<'a> {
    /// The log of a topic.
    pub fn new(replicas: &'a mut Replicas, image: &'a Image, topic: Option<TopicId>) -> Self {
        Self { replicas, image, topic, appended: Vec::new() }
    }

    /// Tells the replicas what was appended: followers' fetches wait for it.
    pub fn finish(self, cx: &mut Context<'_>, out: &mut Vec<ReplicaOutput>) {
        if !self.appended.is_empty() {
            self.replicas.settle(cx, self.image, &self.appended, out);
        }
    }

    fn key(&self, partition: i32) -> Option<PartitionKey> {
        self.topic.map(|topic| PartitionKey { topic, partition })
    }

    /// The partition, if this broker leads it in exactly this epoch.
    fn led(
        &mut self,
        partition: i32,
        leader_epoch: LeaderEpoch,
    ) -> Result<(PartitionKey, &mut Partition), LogRefused> {
        let key = self.key(partition).ok_or(LogRefused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
        let Some(partition) = self.replicas.partitions.get_mut(&key) else {
            return Err(LogRefused(image::not_hosted(self.image, key)));
        };
        partition.leading().map_err(LogRefused)?;
        // An answer that was decided in another leadership must not get into this one (S22).
        if partition.leader_epoch != leader_epoch {
            return Err(LogRefused(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        }
        Ok((key, partition))
    }
}

impl Log for CoordinatorLog<'_> {
    fn append(
        &mut self,
        cx: &mut Context<'_>,
        partition: i32,
        leader_epoch: LeaderEpoch,
        batch: Bytes,
    ) -> Result<Offset, LogRefused> {
        let (image, lag_max) = (self.image, self.replicas.config.replica_lag_time_max);
        let (key, partition) = self.led(partition, leader_epoch)?;
        if partition.leading().map_err(LogRefused)?.isr.committed().len() < partition.min_isr() {
            return Err(LogRefused(ErrorCode::NOT_ENOUGH_REPLICAS));
        }
        let end = partition.append_own(cx, batch).map_err(LogRefused)?;
        partition.advance_high_watermark(cx, image, lag_max);
        self.appended.push(key);
        Ok(end)
    }

    fn read(
        &mut self,
        cx: &mut Context<'_>,
        partition: i32,
        leader_epoch: LeaderEpoch,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Bytes, LogRefused> {
        let (_, partition) = self.led(partition, leader_epoch)?;
        let end = partition.log.log_end();
        match partition.log.read(cx.disk, from, max_bytes, end, true) {
            Ok(read) => Ok(read.bytes),
            Err(error) => Err(LogRefused(read_failed(cx, &partition.name, &error))),
        }
    }

    fn bounds(
        &self,
        partition: i32,
        leader_epoch: LeaderEpoch,
    ) -> Option<(Offset, Offset, Offset)> {
        let partition = self.replicas.partitions.get(&self.key(partition)?)?;
        let leads = partition.leading().is_ok() && partition.leader_epoch == leader_epoch;
        let log = &partition.log;
        leads.then(|| (log.log_start(), partition.high_watermark, log.log_end()))
    }
}

impl Partition {
    /// Appends a batch that this broker made itself; returns the offset behind it.
    fn append_own(&mut self, cx: &mut Context<'_>, batch: Bytes) -> Result<Offset, ErrorCode> {
        let appended = self
            .log
            .append_as_leader(cx.disk, batch, self.leader_epoch, None)
            .map_err(|error| self.append_failed(cx, &error).code)?;
        self.observe_appended(cx, &appended, true, None);
        if !self.flush_if_due(cx) {
            return Err(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        Ok(appended.last_offset.plus(1))
    }
}

impl Replicas {
    /// The partitions of an internal topic of which something has changed since the last call: who leads, the log end, the high
    /// watermark. Some of them may be as they were.
    pub fn take_stirred(&mut self) -> Vec<PartitionKey> {
        // Asked after every input, and nearly always there is none.
        if self.stirred.is_empty() {
            return Vec::new();
        }
        std::mem::take(&mut self.stirred).into_iter().collect()
    }

    /// The epoch in which this broker leads a partition, if it does.
    pub fn leadership(&self, key: PartitionKey) -> Option<LeaderEpoch> {
        let partition = self.partitions.get(&key)?;
        partition.leading().is_ok().then_some(partition.leader_epoch)
    }

    /// Remembers which partitions of the coordinators' topic are touched.
    pub(super) fn stir(&mut self, touched: &[PartitionKey]) {
        if !self.watched.is_empty() {
            self.stirred.extend(touched.iter().filter(|key| self.watched.contains(&key.topic)));
        }
    }

    /// Looks whether the coordinators' topic is there, or another of its name. An earlier one is watched on: its partitions
    /// are still to be let go.
    pub(super) fn watch_coordinators(&mut self, image: &Image) {
        self.watched.extend(image.topic_id(klamm_coordinator::GROUP_TOPIC));
    }
}
