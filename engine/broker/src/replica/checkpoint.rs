//! The high-watermark checkpoint and the orderly stop.
//!
//! *Flows in*: time, or the wish to stop. *Flows out*: `replication-offset-checkpoint`, synced logs, and the marker of a
//! clean stop as the very last thing. *Must never*: leave out a replica that has no leader (KAFKA-1647): a restart would
//! take its high watermark for zero.

use std::collections::BTreeMap;

use klamm_node::{Context, DiskResult, EventKind, Offset, TopicPartition};
use klamm_storage::layout::{HIGH_WATERMARK_CHECKPOINT, RECOVERY_POINT_CHECKPOINT};
use klamm_storage::{CheckpointFile, CleanShutdown};

use super::{Replicas, Wake, at_least_a_moment};

impl Replicas {
    /// Writes the high watermarks, every `replica.high.watermark.checkpoint.interval.ms`.
    pub(super) fn checkpoint_due(&mut self, cx: &mut Context<'_>) {
        let every = self.config.replica_high_watermark_checkpoint_interval;
        self.timers.arm(Wake::HighWatermarkCheckpoint, cx.now + at_least_a_moment(every));
        if let Err(error) = self.checkpoint_high_watermarks(cx) {
            cx.out.halt(format!("{HIGH_WATERMARK_CHECKPOINT} can't be written: {error}"), false);
        }
    }

    /// Simplified: a checkpoint that would say the same again is not written.
    fn checkpoint_high_watermarks(&mut self, cx: &mut Context<'_>) -> DiskResult<()> {
        // Z66: replicas that no metadata has claimed yet are in it as well.
        let waiting = self.recovered.iter().map(|(name, found)| (name, found.high_watermark));
        let hosted = self.partitions.values().map(|held| (&held.name, held.high_watermark));
        let offsets: BTreeMap<TopicPartition, Offset> =
            waiting.chain(hosted).map(|(name, offset)| (name.clone(), offset)).collect();
        if offsets == self.checkpointed {
            return Ok(());
        }
        let file = CheckpointFile { offsets };
        file.write(cx.disk, HIGH_WATERMARK_CHECKPOINT)?;
        self.checkpointed = file.offsets;
        Ok(())
    }

    /// Stops in an orderly way: high watermarks, logs and recovery points are durable, then the marker says so. Requests
    /// that still wait lose their connections with the process.
    ///
    /// # Errors
    /// The disk fails; then there is no marker, and the next start checks every log.
    pub fn close(&mut self, cx: &mut Context<'_>) -> DiskResult<()> {
        self.checkpoint_high_watermarks(cx)?;
        let mut file = CheckpointFile { offsets: BTreeMap::new() };
        for partition in self.partitions.values_mut() {
            let before = partition.log.synced();
            partition.log.close(cx.disk)?;
            let to = partition.log.synced();
            if to != before {
                cx.observe(EventKind::LogSynced { partition: partition.name.clone(), to });
            }
            file.offsets.insert(partition.name.clone(), to);
        }
        for (name, found) in &mut self.recovered {
            found.log.close(cx.disk)?;
            file.offsets.insert(name.clone(), found.log.synced());
        }
        file.write(cx.disk, RECOVERY_POINT_CHECKPOINT)?;
        CleanShutdown { broker_epoch: self.me.broker_epoch }.write(cx.disk)
    }
}
