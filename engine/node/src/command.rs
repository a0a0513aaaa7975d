//! What a driver may ask of a node besides carrying its bytes: the verbs of a person at a keyboard.
//!
//! Workloads and scenario steps arrive at client nodes as commands; their outcomes leave as events
//! (`RecordAcknowledged`, `TopicCreated`, ...), never as return values.

use bytes::Bytes;

use crate::id::{Offset, RecordId, TopicName};
use crate::time::Timestamp;

mod admin;
mod application;
mod group;

pub use admin::{AdminRequest, ConfigTarget, Downgrade};
pub use application::{
    ApplicationCall, ApplicationCommand, AssignFrom, NewClient, NewClientKind, ReadCall,
};
pub use group::{CommitWhen, GroupAdmin, GroupCommand, LeaveWhen, SeekTo};

/// A request to a node from its user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Producer: accept one record into the accumulator.
    Produce(ProduceRecord),
    /// Producer: send what is waiting without lingering.
    Flush,
    /// Consumer: read a partition from a starting point (assignment without a group).
    Assign {
        /// The topic's name.
        topic: TopicName,
        /// The partition's index.
        partition: i32,
        /// Where reading starts.
        from: StartFrom,
    },
    /// Admin client: create a topic and retry until it is answered.
    CreateTopic {
        /// The topic's name.
        name: TopicName,
        /// How many partitions.
        partitions: i32,
        /// How many replicas each.
        replication_factor: i16,
        /// Topic configs, by Kafka's keys.
        configs: Vec<(String, String)>,
        /// Replicas per partition, leader first; empty leaves the choice to the controller.
        assignments: Vec<Vec<crate::id::BrokerId>>,
    },
    /// Admin client: ask something else of the cluster, with retries as Kafka's own client does them.
    Admin(AdminRequest),
    /// Group consumer: what its application does (needs `group.id`).
    Group(GroupCommand),
    /// A process of one's own programs: a call of the program to one of its clients.
    Application(Box<ApplicationCommand>),
    /// Any node: stop in an orderly way (controlled shutdown, flush and close).
    Shutdown,
}

/// One record for a producer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProduceRecord {
    /// Names the record in events, so that its fate can be followed.
    pub id: RecordId,
    /// The topic's name.
    pub topic: TopicName,
    /// A fixed partition, or the partitioner's choice.
    pub partition: Option<i32>,
    /// The key, which decides the partition when there is one.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers; duplicate and non-UTF-8 keys are legal.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
    /// The create time; `None` takes the producer's clock.
    pub timestamp: Option<Timestamp>,
}

/// Where a consumer starts to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartFrom {
    /// The log start offset.
    Earliest,
    /// The high watermark at the time of the look-up.
    Latest,
    /// A given offset.
    Offset(Offset),
}
