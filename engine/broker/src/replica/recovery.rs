//! What a starting broker finds on its disk.
//!
//! *Flows in*: the disk. *Flows out*: logs with their high watermarks, waiting for metadata to claim them.
//! *Must never*: trust, after a crash, what lies behind a log's recovery point before its batches were checked.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::config::ServerConfig;
use klamm_node::{
    Because, BrokerEpoch, BrokerId, Context, DiskResult, EventKind, LeaderEpoch, Offset, Span,
    Time, Timers, TopicId, TopicPartition, planted,
};
use klamm_storage::layout::{
    HIGH_WATERMARK_CHECKPOINT, LOG_START_CHECKPOINT, PutAway, RECOVERY_POINT_CHECKPOINT,
    parse_partition_dir, parse_put_away_dir,
};
use klamm_storage::{CheckpointFile, CleanShutdown, Log, LogConfig, Opening, PartitionMetadata};

use super::directories::Directories;
use super::fetcher::Fetchers;
use super::parked::Parked;
use super::proposals::Proposals;
use super::role::{PartitionRole, RoleMove};
use super::session::Sessions;
use super::throttle::Throttles;
use super::{Image, Me, Replicas, Wake, half};

/// When the log's own tasks are first due after it was opened (`log.initial.task.delay.ms`, an internal setting of Kafka).
const INITIAL_TASK_DELAY: Span = Span::secs(30);

/// The topic of the metadata log.
const CLUSTER_METADATA: &str = "__cluster_metadata";

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
    /// Reads what a registration says of the last stop, and nothing else: the logs stay closed until metadata is there
    /// ([`apply_image`](Self::apply_image)).
    ///
    /// # Errors
    /// The disk fails.
    pub fn open(cx: &mut Context<'_>, id: BrokerId, config: ServerConfig) -> DiskResult<Self> {
        let marker = CleanShutdown::read(cx.disk)?;
        let fetchers = Fetchers::new(config.num_replica_fetchers);
        let slots = usize::try_from(config.max_incremental_fetch_session_cache_slots);
        let sessions = Sessions::new(slots.unwrap_or(0), cx.now);
        Ok(Self {
            me: Me { id, broker_epoch: BrokerEpoch(-1) },
            throttles: Throttles::new(&config),
            config,
            partitions: BTreeMap::new(),
            recovered: BTreeMap::new(),
            parked: Parked::default(),
            proposals: Proposals::default(),
            fetchers,
            sessions,
            timers: Timers::default(),
            checkpointed: BTreeMap::new(),
            recovery_points: BTreeMap::new(),
            log_starts: BTreeMap::new(),
            directories: Directories::default(),
            watched: BTreeSet::new(),
            stirred: BTreeSet::new(),
            checkpoints_stale: false,
            opened: false,
            leaving: false,
            previous_broker_epoch: marker.map(|marker| marker.broker_epoch),
        })
    }

    /// Opens every log on the disk, each with its topic's settings. A broker that takes long for this is registered and
    /// fenced meanwhile. Nothing is led or followed yet. From now on the clean stop of the last run counts for nothing.
    pub(super) fn recover(&mut self, cx: &mut Context<'_>, image: &Image) -> DiskResult<()> {
        let marker = CleanShutdown::take(cx.disk)?;
        self.checkpointed = CheckpointFile::read(cx.disk, HIGH_WATERMARK_CHECKPOINT)?.offsets;
        // These two only save work: one that can't be read counts as empty, as in Kafka.
        let recovery_points = CheckpointFile::read(cx.disk, RECOVERY_POINT_CHECKPOINT);
        self.recovery_points = recovery_points.unwrap_or_default().offsets;
        let log_starts = CheckpointFile::read(cx.disk, LOG_START_CHECKPOINT);
        self.log_starts = log_starts.unwrap_or_default().offsets;
        let removal = cx.now + self.config.log_segment_delete_delay;
        for name in cx.disk.list("")? {
            let Some(dir) = name.strip_suffix('/') else { continue };
            if let Some(why) = parse_put_away_dir(dir) {
                self.directories.found(cx, dir, why, removal);
                continue;
            }
            let Some(partition) = parse_partition_dir(dir) else { continue };
            if *partition.topic == *CLUSTER_METADATA {
                // The quorum's own log lives on the same disk, and is no replica of this room.
                continue;
            }
            let Some(metadata) = PartitionMetadata::read(cx.disk, dir)? else {
                // Kafka writes `partition.metadata` before the first record, so that this is what a crash left of a
                // creation; whose it is nobody can tell.
                self.directories.set_aside(cx, &partition, dir, removal)?;
                continue;
            };
            let at = |offsets: &BTreeMap<TopicPartition, Offset>| {
                offsets.get(&partition).copied().unwrap_or(Offset(0))
            };
            let opening = Opening {
                clean: marker.is_some(),
                recovery_point: at(&self.recovery_points),
                log_start: if planted("log_start_checkpoint_lost") {
                    Offset(0)
                } else {
                    at(&self.log_starts)
                },
            };
            let config = LogConfig::from(&image.topic_config(&partition.topic, &self.config));
            let (log, recovery) = Log::open_at(cx.disk, dir, config, opening)?;
            let lost = planted("hw_checkpoint_lost");
            let checkpoint = self.checkpointed.get(&partition).filter(|_| !lost);
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
            let found = Recovered { topic: metadata.topic_id, log, high_watermark };
            self.recovered.insert(partition, found);
        }
        self.opened = true;
        self.start_timers(cx.now);
        Ok(())
    }

    /// What a broker does again and again begins when its logs are open, so that brokers are not in step with each other.
    fn start_timers(&mut self, now: Time) {
        // The first look for lagging followers comes at once in Kafka, when there are none yet.
        self.timers.arm(Wake::IsrCheck, now + half(self.config.replica_lag_time_max));
        self.timers.arm(Wake::HighWatermarkCheckpoint, now);
        self.timers.arm(Wake::LogStartCheckpoint, now + INITIAL_TASK_DELAY);
        self.timers.arm(Wake::RecoveryPointCheckpoint, now + INITIAL_TASK_DELAY);
        self.arm_directory_removal();
    }

    /// Takes the log of a partition from what was recovered, or begins a new one. A directory of the same name that
    /// belongs to another topic id is a deleted topic's: a stray one, which nobody meets again (S29, KIP-516).
    pub(super) fn claim_log(
        &mut self,
        cx: &mut Context<'_>,
        name: &TopicPartition,
        topic: TopicId,
        config: LogConfig,
    ) -> DiskResult<(Log, Offset, PartitionRole)> {
        if let Some(found) = self.recovered.remove(name) {
            if found.topic == topic || planted("topic_identity_by_name") {
                let mut log = found.log;
                log.set_config(config);
                let role = PartitionRole::Found.after(RoleMove::LogClaimed);
                return Ok((log, found.high_watermark, role));
            }
            self.put_stray_away(cx, name, found)?;
        }
        let dir = klamm_storage::layout::partition_dir(name);
        let (log, _) = Log::open(cx.disk, &dir, config, false)?;
        PartitionMetadata { topic_id: topic }.write(cx.disk, &dir)?;
        self.checkpoint_soon(name);
        let start = log.log_start();
        Ok((log, start, PartitionRole::Absent.after(RoleMove::LogCreated)))
    }

    /// Takes a log out of use that metadata does not know here.
    pub(super) fn put_stray_away(
        &mut self,
        cx: &mut Context<'_>,
        name: &TopicPartition,
        found: Recovered,
    ) -> DiskResult<()> {
        cx.observe(EventKind::ReplicaStopped { partition: name.clone() });
        PartitionRole::Found.after(RoleMove::Unknown);
        let Recovered { topic, log, .. } = found;
        self.put_away(cx, name, topic, log, PutAway::Stray, Because::Previous)
    }
}
