//! The View: what every node holds and believes, folded from the events and from nothing else.
//!
//! [`View::apply`] is a pure function of the View and the next event; two Views that took the same events are equal. It
//! shows, side by side, what is (`PartitionView::truth`, the logs themselves) and what each node believes
//! (`NodeView::beliefs`, `ClientView::leaders`). Checkers, conditions, transcripts and the desktop program read it.
//!
//! The truth about metadata is the first application of a committed record by any node: a record counts as soon as
//! somebody has acted on it, however far behind the others are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_node::{
    BrokerId, GroupId, NodeId, Offset, RecordId, Seq, Time, TopicName, TopicPartition,
};

use crate::header::{NodeTable, TraceHeader};
use crate::shared::Sorted;

mod client;
mod fold;
mod group;
mod log;
mod ownership;
mod query;
mod render;
mod state;

#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod tests;

pub use group::{CommittedView, CoordinatorView, GroupView, MemberView, MembershipView};
pub use log::{Batch, Difference, LogModel};
pub use ownership::{Downtime, GroupHistory, OwnershipView};
pub use state::{
    AckedBatch, BrokerView, ClientCounts, ClientView, ConnectionState, ConnectionView, EpochEntry,
    FrameView, FramesView, LinkView, Loss, LossKind, NodeView, PartitionState, PartitionView,
    ProcessState, QuorumMember, QuorumView, ReadSpan, RecordView, Recovery, ReplicaRole,
    ReplicaView, StepView, TopicView, Written,
};

/// The state of everything after an event.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct View {
    /// The nodes' names and kinds.
    pub table: NodeTable,
    /// The last event's place.
    pub seq: Seq,
    /// The last event's time.
    pub now: Time,
    /// The step of the scenario that began last.
    pub step: Option<StepView>,
    /// Every process, by node id.
    pub nodes: BTreeMap<NodeId, NodeView>,
    /// Every topic that the committed metadata has.
    pub topics: BTreeMap<TopicName, TopicView>,
    /// Every partition that an event spoke of.
    pub partitions: BTreeMap<TopicPartition, PartitionView>,
    /// Every registered broker.
    pub brokers: BTreeMap<BrokerId, BrokerView>,
    /// The metadata quorum as a whole.
    pub quorum: QuorumView,
    /// Configs by resource (`topic:orders`, `broker:1`, `broker:`) and key.
    pub configs: BTreeMap<(String, String), String>,
    /// The newest metadata record about each broker, topic and config, so that laggards don't bring old state back.
    pub versions: BTreeMap<String, Offset>,
    /// Frames on their way, by the `FrameSent` event.
    pub frames: FramesView,
    /// Links over which nothing passes, and since which event.
    pub cuts: BTreeMap<(NodeId, NodeId), Seq>,
    /// Ways between nodes whose speed or quality was changed, be it back to what it was.
    pub links: BTreeMap<(NodeId, NodeId), LinkView>,
    /// Records that producers accepted.
    pub records: Sorted<RecordId, RecordView>,
    /// Records with one key that a consumer got in another order than they were sent: consumer, key, event.
    pub disorders: Vec<(NodeId, TopicPartition, String, Seq)>,
    /// Keys whose records are in more than one partition of a topic.
    pub scattered_keys: BTreeSet<(TopicName, String)>,
    /// Where the records of a key went first, by topic.
    pub key_homes: BTreeMap<TopicName, Sorted<Arc<str>, i32>>,
    /// Who reads what for which group.
    pub ownership: BTreeMap<(GroupId, TopicPartition), OwnershipView>,
    /// What each group went through.
    pub histories: BTreeMap<GroupId, GroupHistory>,
    /// How far the applications of each group are done with each partition.
    pub processed: BTreeMap<(GroupId, TopicPartition), Offset>,
    /// `min.insync.replicas` where no config says otherwise.
    pub min_insync_replicas: u32,
    /// The settings that every broker and controller started with.
    pub server_config: BTreeMap<String, String>,
    /// The levels of the cluster's features (KIP-584), by the newest record about each.
    pub features: BTreeMap<String, i16>,
    /// True once a person asked for an unclean election (`kafka-leader-election --election-type UNCLEAN`).
    pub unclean_asked: bool,
}

impl View {
    /// Nothing has happened; every node of the table is down.
    pub fn new(header: &TraceHeader) -> Self {
        Self {
            table: header.nodes.clone(),
            nodes: header.nodes.iter().map(|(node, _)| (node, NodeView::default())).collect(),
            min_insync_replicas: header.min_insync_replicas,
            server_config: header.server_config.clone(),
            ..Self::default()
        }
    }
}
