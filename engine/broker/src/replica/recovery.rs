//! What a starting broker finds on its disk.
//!
//! *Flows in*: the disk. *Flows out*: logs with their high watermarks, waiting for metadata to claim them.
//! *Must never*: trust a log after a crash before its batches were checked.
//!
//! Simplified: after a crash every log is checked from its start; Kafka begins at its recovery point.

use std::collections::BTreeMap;

use klamm_node::config::ServerConfig;
use klamm_node::{BrokerEpoch, BrokerId, Context, DiskResult, EventKind, LeaderEpoch, Offset, Timers, TopicId,
    TopicPartition, planted};
use klamm_storage::layout::{HIGH_WATERMARK_CHECKPOINT, parse_partition_dir};
use klamm_storage::{CheckpointFile, CleanShutdown, Log, LogConfig, PartitionMetadata};

use super::fetcher::Fetchers;
use super::parked::Parked;
use super::proposals::Proposals;
use super::{Me, Replicas, Wake, at_least_a_moment, half};

/// A log found on the disk.
#[derive(Clone, Debug)]
pub(super) struct Recovered {
    /// The topic that it belongs to.
    pub topic: TopicId,
    /// The log.
    pub log: Log,
    /// From the checkpoint, within the log.
    pub high_watermark: Offset,
}

impl Replicas {
    /// Opens every log on the disk. Nothing is led or followed until metadata says so: see
    /// [`apply_image`](Self::apply_image).
    ///
    /// # Errors
    /// The disk fails.
    pub fn open(cx: &mut Context<'_>, id: BrokerId, config: ServerConfig) -> DiskResult<Self> {
        let marker = CleanShutdown::take(cx.disk)?;
        let checkpointed = CheckpointFile::read(cx.disk, HIGH_WATERMARK_CHECKPOINT)?.offsets;
        let mut recovered = BTreeMap::new();
        for name in cx.disk.list("")? {
            let Some(dir) = name.strip_suffix('/') else { continue };
            let Some(partition) = parse_partition_dir(dir) else { continue };
            let Some(metadata) = PartitionMetadata::read(cx.disk, dir)? else { continue };
            // Its topic's own settings come with the metadata; until then nothing is appended.
            let (log, recovery) = Log::open(cx.disk, dir, LogConfig::default(), marker.is_some())?;
            let lost = planted("hw_checkpoint_lost");
            let checkpoint = checkpointed.get(&partition).filter(|_| !lost);
            let checkpoint = checkpoint.copied().unwrap_or(Offset(0));
            let high_watermark = checkpoint.min(log.log_end()).max(log.log_start());
            cx.observe(EventKind::LogRecovered {
                partition: partition.clone(),
                log_start: log.log_start(),
                log_end: log.log_end(),
                high_watermark,
                last_epoch: log.latest_epoch().unwrap_or(LeaderEpoch::NONE),
                truncated_bytes: recovery.truncated_bytes,
            });
            recovered
                .insert(partition, Recovered { topic: metadata.topic_id, log, high_watermark });
        }
        let mut timers = Timers::default();
        timers.arm(Wake::IsrCheck, cx.now + half(config.replica_lag_time_max));
        let every = config.replica_high_watermark_checkpoint_interval;
        timers.arm(Wake::HighWatermarkCheckpoint, cx.now + at_least_a_moment(every));
        Ok(Self {
            me: Me { id, broker_epoch: BrokerEpoch(-1) },
            config,
            partitions: BTreeMap::new(),
            recovered,
            parked: Parked::default(),
            proposals: Proposals::default(),
            fetchers: Fetchers::default(),
            timers,
            checkpointed,
            previous_broker_epoch: marker.map(|marker| marker.broker_epoch),
        })
    }

    /// Takes the log of a partition from what was recovered, or begins a new one. A directory of the same name that
    /// belongs to another topic id is a deleted topic's, and goes (KIP-516).
    pub(super) fn claim_log(
        &mut self,
        cx: &mut Context<'_>,
        name: &TopicPartition,
        topic: TopicId,
        config: LogConfig,
    ) -> DiskResult<(Log, Offset)> {
        if let Some(found) = self.recovered.remove(name) {
            if found.topic == topic || planted("topic_identity_by_name") {
                let mut log = found.log;
                log.set_config(config);
                return Ok((log, found.high_watermark));
            }
            found.log.delete(cx.disk)?;
        }
        let dir = klamm_storage::layout::partition_dir(name);
        // A directory without its metadata file is what a crash left of a creation.
        let (log, _) = Log::open(cx.disk, &dir, config, false)?;
        PartitionMetadata { topic_id: topic }.write(cx.disk, &dir)?;
        let start = log.log_start();
        Ok((log, start))
    }
}
