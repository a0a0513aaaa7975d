//! What a process holds, as plain data: the other side of the test that the View, folded from events, equals the nodes.

use std::collections::BTreeMap;

use klamm_node::{BrokerEpoch, BrokerId, GroupId, LeaderEpoch, Offset, TopicPartition};
use klamm_raft::RaftSummary;

use crate::lifecycle::BrokerState;
use crate::replica::{BatchSummary, ReplicaSummary};

/// A running process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessSummary {
    /// Its `node.id`.
    pub id: BrokerId,
    /// Its place in the metadata quorum.
    pub raft: RaftSummary,
    /// The offset of its metadata image.
    pub metadata_applied: Offset,
    /// The quorum epoch in which it is the active controller.
    pub active_controller: Option<LeaderEpoch>,
    /// The broker's part, if it has that role.
    pub broker: Option<BrokerSummary>,
}

/// The broker's part of a process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerSummary {
    /// Where it is in its life.
    pub state: BrokerState,
    /// The epoch of its registration.
    pub epoch: Option<BrokerEpoch>,
    /// Whether the controller said in its last answer that it is fenced.
    pub fenced: bool,
    /// Its replicas, by name.
    pub replicas: Vec<ReplicaSummary>,
    /// Its group coordinators that serve, by partition of `__consumer_offsets`.
    pub coordinators: Vec<CoordinatorSummary>,
    /// Requests that wait.
    pub parked: usize,
    /// How many fetch sessions it holds (KIP-227).
    pub fetch_sessions: usize,
    /// The directories of replicas that it has put away, each with the word for why.
    pub put_away: BTreeMap<String, &'static str>,
}

/// A group coordinator that serves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoordinatorSummary {
    /// The partition of `__consumer_offsets`.
    pub partition: i32,
    /// The leader epoch in which it writes.
    pub leader_epoch: LeaderEpoch,
    /// The groups that it holds.
    pub groups: Vec<GroupId>,
    /// What its log says of offsets, uncommitted records included.
    pub offsets: Vec<(GroupId, TopicPartition, Offset)>,
}

/// The batches of each replica, by name.
pub type ReplicaBatches = Vec<(TopicPartition, Vec<BatchSummary>)>;
