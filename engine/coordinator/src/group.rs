//! The shard of group coordinators: the groups and committed offsets of one partition of `__consumer_offsets`.
//!
//! *Flows in*: requests for groups of this partition, its records, timers, continuations, changed topics. *Flows out*: what the
//! rooms of classic groups, consumer groups and offsets decide. *Must never*: decide anything itself; it only knows which room
//! a thing belongs to.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use klamm_node::{Context, GroupId, Offset, ProducerId};
use klamm_protocol::{ErrorCode, GroupRecord};

use crate::classic::{self, ClassicGroup};
use crate::config::GroupConfig;
use crate::consumer::{self, ConsumerGroup};
use crate::offsets::{self, Offsets};
use crate::shard::{Op, RecordBytes, Shard, Topics, TopicsChange};

/// The groups and committed offsets of one partition of `__consumer_offsets`.
#[derive(Clone, Debug)]
pub struct GroupShard {
    /// The coordinator's settings.
    pub config: Arc<GroupConfig>,
    /// The partition of `__consumer_offsets`, for events.
    pub partition: i32,
    /// The groups by their ids. One that only keeps offsets is a classic group without members.
    pub groups: BTreeMap<GroupId, Group>,
    /// The committed offsets.
    pub offsets: Offsets,
    /// Everything before it is committed.
    pub up_to: Offset,
    /// Who or what is behind the records of offsets that are being written, for the events.
    pub behind: Option<offsets::Behind>,
    /// What the room of consumer groups holds besides its groups.
    pub consumer: consumer::Room,
    /// It has read its partition to the end and serves.
    pub serves: bool,
}

/// A group of either protocol.
#[derive(Clone, Debug)]
pub enum Group {
    /// Members assign: JoinGroup, SyncGroup.
    Classic(ClassicGroup),
    /// The coordinator assigns (KIP-848).
    Consumer(ConsumerGroup),
}

/// Why a shard of groups wants to be woken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GroupTimer {
    /// A classic group.
    Classic(GroupId, classic::Timer),
    /// A consumer group.
    Consumer(GroupId, consumer::Timer),
    /// Offsets are to be looked at for their expiry (KIP-211).
    ExpireOffsets,
}

/// What a shard of groups does once records of it are committed, or refused.
#[derive(Clone, PartialEq, Debug)]
pub enum Continuation {
    /// In a classic group.
    Classic(GroupId, classic::Continuation),
    /// In a consumer group.
    Consumer(GroupId, consumer::Continuation),
}

impl Shard for GroupShard {
    type Record = GroupRecord;
    type Continuation = Continuation;
    type Timer = GroupTimer;
    type Config = GroupConfig;

    fn new(config: &Arc<GroupConfig>, partition: i32) -> Self {
        let (groups, offsets) = (BTreeMap::new(), Offsets::default());
        let (up_to, serves) = (Offset(0), false);
        let config = Arc::clone(config);
        let consumer = consumer::Room::default();
        Self { config, partition, groups, offsets, up_to, behind: None, consumer, serves }
    }

    fn encode(record: &GroupRecord) -> Result<RecordBytes, ErrorCode> {
        // Kafka's generated classes throw here, which becomes the error for everything unexpected.
        record.encode().map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)
    }

    fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<GroupRecord>, String> {
        match GroupRecord::decode(key, value) {
            // As Kafka's loader, which passes over types of a newer or another kind of group.
            Ok(GroupRecord::Unknown { .. }) => Ok(None),
            Ok(record) => Ok(Some(record)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn replay(&mut self, offset: Offset, record: &GroupRecord) {
        match record {
            GroupRecord::OffsetCommit { .. } => self.replay_offset(offset, record),
            GroupRecord::GroupMetadata { group, value } => {
                self.replay_classic(offset, group, value.as_ref());
            }
            GroupRecord::ConsumerGroupMetadata { .. }
            | GroupRecord::ConsumerGroupPartitionMetadata { .. }
            | GroupRecord::ConsumerGroupMemberMetadata { .. }
            | GroupRecord::ConsumerGroupTargetAssignmentMetadata { .. }
            | GroupRecord::ConsumerGroupTargetAssignmentMember { .. }
            | GroupRecord::ConsumerGroupCurrentMemberAssignment { .. }
            | GroupRecord::ConsumerGroupRegularExpression { .. } => {
                self.replay_consumer(offset, record);
            }
            GroupRecord::Unknown { .. } => {}
        }
    }

    fn replay_pending(&mut self, offset: Offset, producer: ProducerId, record: &GroupRecord) {
        // Of all records, only offsets are ever part of a transaction.
        if matches!(record, GroupRecord::OffsetCommit { .. }) {
            self.replay_pending_offset(offset, producer, record);
        }
    }

    fn transaction_ended(&mut self, producer: ProducerId, committed: bool) {
        self.offsets_transaction_ended(producer, committed);
    }

    fn observe_written(
        &mut self,
        cx: &mut Context<'_>,
        topics: &dyn Topics,
        at: i32,
        base: Offset,
        records: &[GroupRecord],
    ) {
        // As in the log: where a group goes with its offsets, their tombstones come first.
        self.offsets_written(cx, at, base, records);
        self.classic_written(cx, records);
        self.consumer_written(cx, topics, at, records);
        self.behind = None;
    }

    fn observe_loaded(&self, cx: &mut Context<'_>, topics: &dyn Topics, at: i32) {
        self.observe_classic(cx, at);
        self.observe_consumer(cx, topics, at);
        self.observe_offsets(cx, at);
    }

    fn loaded(&mut self, op: &mut Op<'_, '_, Self>) {
        self.classic_loaded(op);
        self.consumer_loaded(op);
        self.offsets_loaded(op);
    }

    fn unloaded(&mut self, op: &mut Op<'_, '_, Self>) {
        self.classic_unloaded(op);
    }

    fn topics_changed(&mut self, op: &mut Op<'_, '_, Self>, change: &TopicsChange) {
        self.consumer_topics_changed(op, change);
        self.offsets_topics_changed(op, change);
    }

    fn counts(&self) -> (u32, u32) {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        (count(self.groups.len()), count(self.offsets.count()))
    }

    fn committed(&mut self, up_to: Offset) {
        self.up_to = self.up_to.max(up_to);
        self.offsets.committed(up_to);
    }

    fn continued(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        continuation: Continuation,
        outcome: Result<(), ErrorCode>,
    ) {
        match continuation {
            Continuation::Classic(group, continuation) => {
                self.classic_continued(op, &group, continuation, outcome);
            }
            Continuation::Consumer(group, continuation) => {
                self.consumer_continued(op, &group, continuation, outcome);
            }
        }
    }

    fn timer_fired(&mut self, op: &mut Op<'_, '_, Self>, timer: GroupTimer) {
        match timer {
            GroupTimer::Classic(group, timer) => self.classic_timer(op, &group, timer),
            GroupTimer::Consumer(group, timer) => self.consumer_timer(op, &group, timer),
            GroupTimer::ExpireOffsets => self.expire_offsets(op),
        }
    }

    fn retries(timer: &GroupTimer) -> bool {
        match timer {
            // Classic groups take back by themselves what was refused.
            GroupTimer::Classic(..) => false,
            GroupTimer::Consumer(..) | GroupTimer::ExpireOffsets => true,
        }
    }
}
