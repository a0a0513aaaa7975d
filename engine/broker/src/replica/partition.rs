//! One partition on this broker: its log, its high watermark, and the role it plays.
//!
//! *Flows in*: calls of the rooms beside this file. *Flows out*: changed state and the events of the log.
//! *Must never*: speak to anybody; what must be sent is decided by the callers.
//!
//! Invariants: log start ≤ high watermark ≤ log end · the high watermark of a leader never decreases · a leader is one of
//! the replicas and in its own ISR as long as the controller says so.

use klamm_node::config::TopicConfig;
use klamm_node::event::Word;
use klamm_node::{
    Because, BrokerId, Context, DiskError, EventKind, LeaderEpoch, Offset, PartitionEpoch,
    ProducerSequence, Quiet, Span, TopicPartition, planted,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::batch::TimestampType;
use klamm_storage::{Appended, Log};

use super::follower::Follower;
use super::image::{self, Image};
use super::leader::{Leader, WatermarkView, effective_min_isr};
use super::producers::ProducerMemory;
use super::role::{PartitionRole, RoleMove};
use super::throttle::{self, Throttled};
use super::{PartitionKey, disk_failed};

/// What a partition takes from its topic's configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PartitionConfig {
    /// `min.insync.replicas`, as configured.
    pub min_insync_replicas: i32,
    /// `max.message.bytes`.
    pub max_message_bytes: usize,
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `flush.messages`.
    pub flush_messages: i64,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// Whether its replication is throttled here (KIP-73).
    pub throttled: Throttled,
    /// Whether `cleanup.policy` has `delete`: only then may a person delete records.
    pub deletes: bool,
    /// Whether `cleanup.policy` has `compact`: records need keys.
    pub compacts: bool,
}

impl PartitionConfig {
    /// What a topic's settings mean for one of its partitions on a broker.
    pub(super) fn new(config: &TopicConfig, partition: i32, me: BrokerId) -> Self {
        let timestamp_type = match config.message_timestamp_type.as_str() {
            "LogAppendTime" => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        };
        let cleans_by =
            |wanted| config.cleanup_policy.split(',').any(|policy| policy.trim() == wanted);
        Self {
            min_insync_replicas: config.min_insync_replicas,
            max_message_bytes: usize::try_from(config.max_message_bytes).unwrap_or(0),
            segment_bytes: config.segment_bytes,
            flush_messages: config.flush_messages,
            timestamp_type,
            throttled: Throttled {
                as_leader: throttle::names(&config.leader_throttled_replicas, partition, me),
                as_follower: throttle::names(&config.follower_throttled_replicas, partition, me),
            },
            deletes: cleans_by("delete"),
            compacts: cleans_by("compact"),
        }
    }
}

/// What a broker is to a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// It leads.
    Leader(Leader),
    /// It follows, or waits for a leader.
    Follower(Follower),
    /// Its disk failed; Kafka takes the log directory offline.
    Failed,
}

/// A partition of which this broker holds a replica.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    /// By id, which a topic of the same name does not share.
    pub key: PartitionKey,
    /// By name, for events and files.
    pub name: TopicPartition,
    /// The log.
    pub log: Log,
    /// Everything below is committed, as far as this replica knows. Changes with followers' fetches on a leader, with
    /// the leader's answers and with truncation on a follower.
    pub high_watermark: Offset,
    /// The leader, or -1.
    pub leader: BrokerId,
    /// The leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// The version of the controller's state that this replica acts on.
    pub partition_epoch: PartitionEpoch,
    /// All replicas, preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// From the topic's configuration.
    pub config: PartitionConfig,
    /// What this broker is to it.
    pub role: Role,
    /// A leader's memory of idempotent producers, if any came.
    pub producers: Option<ProducerMemory>,
}

impl Role {
    /// Its place in the table of roles.
    pub(super) fn kind(&self) -> PartitionRole {
        match self {
            Self::Leader(_) => PartitionRole::Leader,
            Self::Follower(_) => PartitionRole::Follower,
            Self::Failed => PartitionRole::Offline,
        }
    }
}

impl Partition {
    /// Takes another role, by a move of the table.
    pub(super) fn change_role(&mut self, event: RoleMove, role: Role) {
        let to = self.role.kind().after(event);
        assert_eq!(to, role.kind(), "'{}' leads to another role", event.name());
        self.role = role;
    }

    /// The leadership, if this broker has it.
    pub(super) fn leading(&self) -> Result<&Leader, ErrorCode> {
        match &self.role {
            Role::Leader(leader) => Ok(leader),
            Role::Follower(_) => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            Role::Failed => Err(ErrorCode::KAFKA_STORAGE_ERROR),
        }
    }

    /// The leadership, to change it.
    pub(super) fn leading_mut(&mut self) -> Result<&mut Leader, ErrorCode> {
        match &mut self.role {
            Role::Leader(leader) => Ok(leader),
            Role::Follower(_) => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            Role::Failed => Err(ErrorCode::KAFKA_STORAGE_ERROR),
        }
    }

    /// The following, if this broker follows.
    pub(super) fn following(&self) -> Option<&Follower> {
        match &self.role {
            Role::Follower(follower) => Some(follower),
            Role::Leader(_) | Role::Failed => None,
        }
    }

    /// The following, to change it.
    pub(super) fn following_mut(&mut self) -> Option<&mut Follower> {
        match &mut self.role {
            Role::Follower(follower) => Some(follower),
            Role::Leader(_) | Role::Failed => None,
        }
    }

    /// The effective `min.insync.replicas`.
    pub(super) fn min_isr(&self) -> usize {
        effective_min_isr(self.config.min_insync_replicas, self.replicas.len())
    }

    /// As leader: moves the high watermark as far as the maximal ISR allows; true if it moved.
    pub(super) fn advance_high_watermark(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        lag_max: Span,
    ) -> bool {
        let view = WatermarkView {
            log_end: self.log.log_end(),
            now: cx.now,
            lag_max,
            min_isr: self.min_isr(),
        };
        let Role::Leader(leader) = &self.role else { return false };
        let eligible = |id, state: &super::leader::FollowerState| {
            image::is_isr_eligible(image, id, state.broker_epoch) || planted("hw_waits_for_fenced")
        };
        match leader.watermark_limit(view, eligible) {
            Some(to) if to > self.high_watermark || planted("hw_may_fall") => {
                self.move_high_watermark(cx, to, Because::Input);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Sets the high watermark, and says so if that is news.
    pub(super) fn move_high_watermark(
        &mut self,
        cx: &mut Context<'_>,
        to: Offset,
        because: Because,
    ) {
        let from = std::mem::replace(&mut self.high_watermark, to);
        if from != to {
            let partition = self.name.clone();
            cx.observe_because(EventKind::HighWatermarkMoved { partition, from, to }, because);
        }
        debug_assert!(to <= self.log.log_end(), "high watermark {to} behind the log end");
    }

    /// Cuts the log's end off. The high watermark never stays above the log end.
    pub(super) fn truncate_to(
        &mut self,
        cx: &mut Context<'_>,
        to: Offset,
        reason: Word,
    ) -> Result<(), DiskError> {
        let (from, epochs) = (self.log.log_end(), self.log.epochs().len());
        let end = self.log.truncate_to(cx.disk, to)?;
        // An epoch that began at the log end without a record goes too; that is a truncation of no records.
        let changed = from != end || epochs != self.log.epochs().len();
        if changed {
            let partition = self.name.clone();
            cx.observe(EventKind::LogTruncated { partition, from, to: end, reason });
        }
        if self.high_watermark > end {
            self.move_high_watermark(cx, end, Because::Previous);
        }
        Ok(())
    }

    /// Moves the log start up, and drops the segments that lie wholly below. Never beyond the high watermark: what is not
    /// committed is nobody's to delete.
    ///
    /// Simplified: Kafka removes those segments at the next `log.retention.check.interval.ms`.
    pub(super) fn move_log_start(
        &mut self,
        cx: &mut Context<'_>,
        to: Offset,
    ) -> Result<(), DiskError> {
        if self.log.advance_log_start(cx.disk, to.min(self.high_watermark))? {
            let (partition, to) = (self.name.clone(), self.log.log_start());
            cx.observe(EventKind::LogStartMoved { partition, to });
        }
        Ok(())
    }

    /// Throws the log away and lets it start anew where the leader's answer says; nothing that it had is of use there.
    pub(super) fn start_over(
        &mut self,
        cx: &mut Context<'_>,
        at: Offset,
        reason: &'static str,
    ) -> Result<(), DiskError> {
        let from = self.log.log_end();
        self.log.truncate_fully_and_start_at(cx.disk, at)?;
        let partition = self.name.clone();
        let reason = reason.into();
        cx.observe(EventKind::LogTruncated { partition, from, to: at, reason });
        cx.observe(EventKind::LogStartMoved { partition: self.name.clone(), to: at });
        self.move_high_watermark(cx, at, Because::Previous);
        Ok(())
    }

    /// Says that a batch was appended, and what came with it.
    pub(super) fn observe_appended(
        &self,
        cx: &mut Context<'_>,
        appended: &Appended,
        as_leader: bool,
        sequence: Option<ProducerSequence>,
    ) {
        if let Some(base_offset) = appended.rolled {
            let partition = self.name.clone();
            cx.observe(EventKind::LogRolled { partition, base_offset });
            let (partition, to) = (self.name.clone(), base_offset);
            cx.observe(EventKind::LogSynced { partition, to });
        }
        if let Some(entry) = appended.new_epoch {
            let (partition, epoch, start) = (self.name.clone(), entry.epoch, entry.start);
            cx.observe(EventKind::EpochStarted { partition, epoch, start });
        }
        cx.observe(EventKind::BatchAppended {
            partition: self.name.clone(),
            base_offset: appended.base_offset,
            last_offset: appended.last_offset,
            leader_epoch: appended.epoch,
            crc: appended.crc,
            size: appended.size,
            as_leader,
            sequence: Quiet(sequence),
        });
    }

    /// Syncs the log when `flush.messages` records are not durable. By default that is never: Kafka leaves durability to
    /// replication and the page cache, and a leader does not wait for its disk before it acknowledges.
    /// False if the disk failed under it.
    pub(super) fn flush_if_due(&mut self, cx: &mut Context<'_>) -> bool {
        let dirty = self.log.log_end().0.saturating_sub(self.log.synced().0);
        dirty < self.config.flush_messages || self.sync(cx)
    }

    /// Makes the log durable; true if it is.
    pub(super) fn sync(&mut self, cx: &mut Context<'_>) -> bool {
        let before = self.log.synced();
        match self.log.sync(cx.disk) {
            Ok(to) => {
                if to != before {
                    let partition = self.name.clone();
                    cx.observe(EventKind::LogSynced { partition, to });
                }
                true
            }
            Err(error) => {
                self.storage_failed(cx, &error);
                false
            }
        }
    }

    /// Takes the partition out of service: its disk can't be trusted any more (KAFKA-10778).
    pub(super) fn storage_failed(&mut self, cx: &mut Context<'_>, error: &DiskError) {
        if self.role != Role::Failed {
            self.change_role(RoleMove::DiskFailed, Role::Failed);
            disk_failed(cx, &format!("{}: {error}", self.name));
        }
    }
}
