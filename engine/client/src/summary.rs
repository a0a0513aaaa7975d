//! What a client holds, for the comparison with what its events say.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, LeaderEpoch, Offset, TopicPartition};

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
}

/// Where a consumer stands in a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerPosition {
    /// The next offset it reads; none before the first look-up is answered.
    pub offset: Option<Offset>,
    /// True if it gave up, because the position is out of range and `auto.offset.reset` is `none`.
    pub stopped: bool,
}
