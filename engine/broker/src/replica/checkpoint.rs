//! The checkpoint files of a broker's log directory, and the orderly stop.
//!
//! *Flows in*: time, or the wish to stop. *Flows out*: `replication-offset-checkpoint` (high watermarks),
//! `log-start-offset-checkpoint`, `recovery-point-offset-checkpoint`, synced logs, and the marker of a clean stop as the very
//! last thing. *Must never*: leave out a replica that has no leader (KAFKA-1647): a restart would take its high watermark
//! for zero. Or keep a deleted replica: a new topic of its name would start with the old one's offsets.

use std::collections::BTreeMap;

use klamm_node::{Context, Disk, DiskResult, EventKind, Offset, Span, TopicPartition};
use klamm_storage::layout::{
    HIGH_WATERMARK_CHECKPOINT, LOG_START_CHECKPOINT, RECOVERY_POINT_CHECKPOINT,
};
use klamm_storage::{CheckpointFile, CleanShutdown, Log};

use super::{Replicas, Wake, at_least_a_moment, disk_failed};

impl Replicas {
    /// Writes the high watermarks, every `replica.high.watermark.checkpoint.interval.ms`.
    pub(super) fn checkpoint_due(&mut self, cx: &mut Context<'_>) {
        let every = self.config.replica_high_watermark_checkpoint_interval;
        let done = self.checkpoint_high_watermarks(cx);
        self.checkpointed(
            cx,
            Wake::HighWatermarkCheckpoint,
            every,
            HIGH_WATERMARK_CHECKPOINT,
            done,
        );
    }

    /// Writes the log starts, every `log.flush.start.offset.checkpoint.interval.ms`.
    pub(super) fn log_start_checkpoint_due(&mut self, cx: &mut Context<'_>) {
        let every = self.config.log_flush_start_offset_checkpoint_interval;
        let done = self.checkpoint_log_starts(cx);
        self.checkpointed(cx, Wake::LogStartCheckpoint, every, LOG_START_CHECKPOINT, done);
    }

    /// Writes the recovery points, every `log.flush.offset.checkpoint.interval.ms`.
    pub(super) fn recovery_point_checkpoint_due(&mut self, cx: &mut Context<'_>) {
        let every = self.config.log_flush_offset_checkpoint_interval;
        let done = self.checkpoint_recovery_points(cx);
        self.checkpointed(
            cx,
            Wake::RecoveryPointCheckpoint,
            every,
            RECOVERY_POINT_CHECKPOINT,
            done,
        );
    }

    fn checkpointed(
        &mut self,
        cx: &mut Context<'_>,
        wake: Wake,
        every: Span,
        file: &str,
        done: DiskResult<()>,
    ) {
        self.timers.arm(wake, cx.now + at_least_a_moment(every));
        if let Err(error) = done {
            disk_failed(cx, &format!("{file} can't be written: {error}"));
        }
    }

    fn checkpoint_high_watermarks(&mut self, cx: &mut Context<'_>) -> DiskResult<()> {
        // Z66: replicas that no metadata has claimed yet are in it as well.
        let waiting = self.recovered.iter().map(|(name, found)| (name, found.high_watermark));
        let hosted = self.partitions.values().map(|held| (&held.name, held.high_watermark));
        let offsets = waiting.chain(hosted).map(|(name, offset)| (name.clone(), offset)).collect();
        replace(cx.disk, HIGH_WATERMARK_CHECKPOINT, &mut self.checkpointed, offsets)
    }

    /// Only logs whose start was moved into a segment are in this file: of the others the first segment tells.
    fn checkpoint_log_starts(&mut self, cx: &mut Context<'_>) -> DiskResult<()> {
        let moved = |log: &Log| log.segment_bases().next() != Some(log.log_start());
        let offsets = self
            .logs()
            .filter(|(_, log)| moved(log))
            .map(|(name, log)| (name.clone(), log.log_start()))
            .collect();
        replace(cx.disk, LOG_START_CHECKPOINT, &mut self.log_starts, offsets)
    }

    fn checkpoint_recovery_points(&mut self, cx: &mut Context<'_>) -> DiskResult<()> {
        let offsets = self.logs().map(|(name, log)| (name.clone(), log.synced())).collect();
        replace(cx.disk, RECOVERY_POINT_CHECKPOINT, &mut self.recovery_points, offsets)
    }

    fn logs(&self) -> impl Iterator<Item = (&TopicPartition, &Log)> {
        let waiting = self.recovered.iter().map(|(name, found)| (name, &found.log));
        waiting.chain(self.partitions.values().map(|held| (&held.name, &held.log)))
    }

    /// After replicas went: takes their offsets out of the checkpoints, or the next topic of that name would take them for
    /// its own after a crash. Kafka leaves a deleted replica's high watermark in its file for up to five seconds.
    ///
    /// A recovery point above a truncation does no harm, unlike in Kafka: a segment that is not the last one was synced when
    /// it was rolled, and recovery always verifies the last one.
    pub(super) fn forget_checkpoints(&mut self, cx: &mut Context<'_>) {
        if !self.checkpoints_stale {
            return;
        }
        self.checkpoints_stale = false;
        let done = self
            .checkpoint_recovery_points(cx)
            .and_then(|()| self.checkpoint_log_starts(cx))
            .and_then(|()| self.checkpoint_high_watermarks(cx));
        if let Err(error) = done {
            disk_failed(cx, &format!("the checkpoints can't be written: {error}"));
        }
    }

    /// Notes that a checkpoint may name what is no longer there.
    pub(super) fn checkpoint_soon(&mut self, name: &TopicPartition) {
        let files = [&self.checkpointed, &self.recovery_points, &self.log_starts];
        self.checkpoints_stale |= files.iter().any(|offsets| offsets.contains_key(name));
    }

    /// Stops in an orderly way: high watermarks, logs and recovery points are durable, then the marker says so. Requests
    /// that still wait lose their connections with the process. A broker that has opened no log yet leaves the disk as it found
    /// it, with the marker of the stop before if there is one.
    ///
    /// # Errors
    /// The disk fails; then there is no marker, and the next start checks every log.
    pub fn close(&mut self, cx: &mut Context<'_>) -> DiskResult<()> {
        if !self.opened {
            return Ok(());
        }
        self.checkpoint_high_watermarks(cx)?;
        for partition in self.partitions.values_mut() {
            let before = partition.log.synced();
            partition.log.close(cx.disk)?;
            let to = partition.log.synced();
            if to != before {
                cx.observe(EventKind::LogSynced { partition: partition.name.clone(), to });
            }
        }
        for found in self.recovered.values_mut() {
            found.log.close(cx.disk)?;
        }
        self.checkpoint_log_starts(cx)?;
        self.checkpoint_recovery_points(cx)?;
        CleanShutdown { broker_epoch: self.me.broker_epoch }.write(cx.disk)
    }
}

/// Replaces a checkpoint file.
///
/// Simplified: a checkpoint that would say the same again is not written.
fn replace(
    disk: &mut dyn Disk,
    path: &str,
    known: &mut BTreeMap<TopicPartition, Offset>,
    offsets: BTreeMap<TopicPartition, Offset>,
) -> DiskResult<()> {
    // Offset 0 is what a partition without an entry has.
    let says = |offsets: &BTreeMap<TopicPartition, Offset>| offsets.values().any(|at| at.0 > 0);
    if offsets == *known || (path == RECOVERY_POINT_CHECKPOINT && !says(&offsets) && !says(known)) {
        return Ok(());
    }
    let file = CheckpointFile { offsets };
    file.write(disk, path)?;
    *known = file.offsets;
    Ok(())
}
