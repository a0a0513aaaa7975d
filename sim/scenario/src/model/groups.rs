//! What a scenario says of consumer groups.

use klamm_node::{CommitWhen, GroupId, Offset, Span, TopicName, TopicPartition};

/// How a consumer reads together with its group, and how its application works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    /// The group.
    pub group: GroupId,
    /// The topics that it subscribes to; empty with a pattern.
    pub topics: Vec<TopicName>,
    /// Subscribes to every topic whose name matches.
    pub pattern: Option<String>,
    /// How long the application takes for a record.
    pub processing: Span,
    /// When the application commits, besides `enable.auto.commit`.
    pub commit: CommitWhen,
}

/// Something that can be true of a group, as its coordinator has it, or of a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupCondition {
    /// The group is in this state.
    State(GroupId, String),
    /// The group has so many members.
    Members(GroupId, u32),
    /// A consumer believes to own exactly these partitions.
    Owns(String, Vec<TopicPartition>),
    /// A consumer believes to own so many partitions.
    OwnsCount(String, u32),
    /// Every partition of every topic that its consumers subscribed to by name has exactly one owner.
    AllOwned(GroupId),
    /// The group has committed at least this offset for a partition.
    Committed(GroupId, TopicPartition, Offset),
    /// The group has no offset for a partition.
    NotCommitted(GroupId, TopicPartition),
    /// The group has at most so many records of a topic left to read, by what it has committed.
    LagAtMost(GroupId, TopicName, u64),
    /// The applications of the group are done with a partition up to this offset at least.
    Processed(GroupId, TopicPartition, Offset),
    /// A commit of a consumer was refused since the step before happened.
    CommitRefused(String),
    /// A consumer lost partitions without having given them up, since the step before happened.
    LostPartitions(String),
    /// The partitions of the group were without an owner for at most so long, all gaps of all partitions together.
    DowntimeAtMost(GroupId, Span),
    /// The partitions of the group were without an owner for at least so long.
    DowntimeAtLeast(GroupId, Span),
}

impl GroupCondition {
    /// The states of a group that a condition may ask for, as Kafka writes them.
    pub const STATES: [&str; 7] = [
        "Empty",
        "PreparingRebalance",
        "CompletingRebalance",
        "Stable",
        "Assigning",
        "Reconciling",
        "Dead",
    ];
}
