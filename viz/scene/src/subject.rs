//! The numbers of the engine that a picture can show: what *Why?* can be asked about.

use klamm_node::{BrokerId, GroupId, NodeId, TopicPartition};

/// A number, list or word of the engine's, by what it is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// The leader of a partition, by the committed metadata.
    Leader(TopicPartition),
    /// The leader epoch of a partition, by the committed metadata.
    LeaderEpoch(TopicPartition),
    /// The ISR of a partition, by the committed metadata.
    Isr(TopicPartition),
    /// The eligible leader replicas of a partition (KIP-966).
    Elr(TopicPartition),
    /// `min.insync.replicas` of a partition's topic.
    MinIsr(TopicPartition),
    /// What a replica is, as far as its broker knows.
    ReplicaRole(TopicPartition, BrokerId),
    /// The leader epoch in which a replica is what it is.
    ReplicaEpoch(TopicPartition, BrokerId),
    /// A replica's log start.
    LogStart(TopicPartition, BrokerId),
    /// A replica's log end.
    LogEnd(TopicPartition, BrokerId),
    /// A replica's high watermark.
    HighWatermark(TopicPartition, BrokerId),
    /// Up to where a replica's log is known to be durable.
    Synced(TopicPartition, BrokerId),
    /// The leader epochs in a replica's log.
    Epochs(TopicPartition, BrokerId),
    /// What a leader knows of a follower's log end.
    FollowerEnd(TopicPartition, BrokerId, BrokerId),
    /// A group's committed offset.
    Committed(GroupId, TopicPartition),
    /// A consumer's position.
    Position(NodeId, TopicPartition),
    /// A group's lag.
    Lag(GroupId, TopicPartition),
    /// Whether a process runs.
    Process(NodeId),
    /// A broker's registration: fenced or not.
    Fenced(BrokerId),
    /// The metadata offset that a node has applied.
    Applied(NodeId),
    /// A voter's or observer's role in the metadata quorum.
    QuorumRole(NodeId),
    /// Its epoch.
    QuorumEpoch(NodeId),
    /// Its metadata log's end.
    MetadataEnd(NodeId),
    /// Up to where it knows the metadata log to be committed.
    MetadataCommitted(NodeId),
    /// Whom a node takes for a partition's leader.
    BelievedLeader(NodeId, TopicPartition),
    /// Records that a client counts: acknowledged for producers, read for consumers.
    Count(NodeId),
    /// A group's state.
    GroupState(GroupId),
    /// A group's generation or epoch.
    GroupEpoch(GroupId),
    /// How many frames are on their way.
    InFlight,
}

impl Subject {
    /// The kind's name, for lists.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Leader(_) => "leader",
            Self::LeaderEpoch(_) => "leader-epoch",
            Self::Isr(_) => "isr",
            Self::Elr(_) => "elr",
            Self::MinIsr(_) => "min-isr",
            Self::ReplicaRole(..) => "replica-role",
            Self::ReplicaEpoch(..) => "replica-epoch",
            Self::LogStart(..) => "log-start",
            Self::LogEnd(..) => "log-end",
            Self::HighWatermark(..) => "high-watermark",
            Self::Synced(..) => "synced",
            Self::Epochs(..) => "epochs",
            Self::FollowerEnd(..) => "follower-end",
            Self::Committed(..) => "committed",
            Self::Position(..) => "position",
            Self::Lag(..) => "lag",
            Self::Process(_) => "process",
            Self::Fenced(_) => "fenced",
            Self::Applied(_) => "applied",
            Self::QuorumRole(_) => "quorum-role",
            Self::QuorumEpoch(_) => "quorum-epoch",
            Self::MetadataEnd(_) => "metadata-end",
            Self::MetadataCommitted(_) => "metadata-committed",
            Self::BelievedLeader(..) => "believed-leader",
            Self::Count(_) => "count",
            Self::GroupState(_) => "group-state",
            Self::GroupEpoch(_) => "group-epoch",
            Self::InFlight => "in-flight",
        }
    }

    /// A short text that is unique among subjects: the last part of an object's id.
    pub fn id(&self) -> String {
        let kind = self.kind();
        match self {
            Self::Leader(p)
            | Self::LeaderEpoch(p)
            | Self::Isr(p)
            | Self::Elr(p)
            | Self::MinIsr(p) => {
                format!("{kind}:{p}")
            }
            Self::ReplicaRole(p, b)
            | Self::ReplicaEpoch(p, b)
            | Self::LogStart(p, b)
            | Self::LogEnd(p, b)
            | Self::HighWatermark(p, b)
            | Self::Synced(p, b)
            | Self::Epochs(p, b) => format!("{kind}:{p}@{b}"),
            Self::FollowerEnd(p, leader, follower) => format!("{kind}:{p}@{leader}:{follower}"),
            Self::Committed(g, p) | Self::Lag(g, p) => format!("{kind}:{g}:{p}"),
            Self::Position(n, p) | Self::BelievedLeader(n, p) => format!("{kind}:n{n}:{p}"),
            Self::Fenced(b) => format!("{kind}:{b}"),
            Self::Process(n)
            | Self::Applied(n)
            | Self::QuorumRole(n)
            | Self::QuorumEpoch(n)
            | Self::MetadataEnd(n)
            | Self::MetadataCommitted(n)
            | Self::Count(n) => format!("{kind}:n{n}"),
            Self::GroupState(g) | Self::GroupEpoch(g) => format!("{kind}:{g}"),
            Self::InFlight => kind.to_owned(),
        }
    }
}
