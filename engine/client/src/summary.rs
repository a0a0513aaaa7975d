//! What a client holds, for the comparison with what its events say.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{
    BrokerId, GroupId, LeaderEpoch, MemberId, Offset, ProducerEpoch, ProducerId, TopicPartition,
};

/// What a client believes and has done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClientSummary {
    /// Who it believes to lead each partition it asked about, and in which epoch.
    pub leaders: BTreeMap<TopicPartition, (BrokerId, LeaderEpoch)>,
    /// Consumer: where it stands.
    pub positions: BTreeMap<TopicPartition, ConsumerPosition>,
    /// Producer: records that got a partition (`RecordAccepted`).
    pub accepted: u64,
    /// Producer: records that were acknowledged.
    pub acknowledged: u64,
    /// Producer: records that were given up.
    pub failed: u64,
    /// Consumer: records that were read.
    pub read: u64,
    /// Admin: requests that were answered for good; one that is answered part by part counts by its parts.
    pub answered: u64,
    /// Requests of the user that are not done yet: records, or admin requests.
    pub waiting: u64,
    /// Producer: its id and epoch, with idempotence.
    pub producer_id: Option<(ProducerId, ProducerEpoch)>,
    /// Consumer: its place in its group, if it has a `group.id`.
    pub group: Option<GroupSummary>,
}

/// What a consumer believes of its place in its group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupSummary {
    /// The group.
    pub group: GroupId,
    /// The member that its last assignment was for; empty for none, and after it left because nobody polled.
    pub member: MemberId,
    /// The generation or member epoch of that; -1 for none.
    pub epoch: i32,
    /// The partitions that it may read.
    pub assigned: BTreeSet<TopicPartition>,
    /// Where its polls have come in these.
    pub polled: BTreeMap<TopicPartition, Offset>,
    /// Its own commits that were acknowledged, of other partitions too.
    pub committed: BTreeMap<TopicPartition, Offset>,
    /// Who it found to coordinate its group, at last.
    pub coordinator: Option<BrokerId>,
}

/// Where a consumer stands in a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerPosition {
    /// The next offset it reads; none before the first look-up is answered.
    pub offset: Option<Offset>,
    /// True if it gave up, because the position is out of range and `auto.offset.reset` is `none`.
    pub stopped: bool,
}
