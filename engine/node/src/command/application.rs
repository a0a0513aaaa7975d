//! What a program under the lab does with its clients: the calls of librdkafka's kind that reach a node, each meant for one
//! client of the process.

use std::fmt::{self, Display};

use super::{Command, ProduceRecord, SeekTo};
use crate::config::{ConsumerConfig, ProducerConfig};
use crate::effects::Endpoint;
use crate::id::{GroupId, Offset, TopicName, TopicPartition};
use crate::time::Span;

/// A call of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplicationCommand {
    /// The client that it is for, by the number that the program's host gave it; 0 for the process itself.
    pub client: u32,
    /// What.
    pub call: ApplicationCall,
}

/// What a program may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApplicationCall {
    /// It came to its end, and with it the process.
    End {
        /// What it failed with, if it did.
        error: Option<String>,
    },
    /// It is done with a record.
    Processed {
        /// The group that it reads with.
        group: GroupId,
        /// The record's partition.
        partition: TopicPartition,
        /// The record's offset.
        offset: Offset,
        /// The record's key, as text.
        key: Option<String>,
    },
    /// It creates a client.
    Open(Box<NewClient>),
    /// It gives a producer a record.
    Send(ProduceRecord),
    /// It has a producer send what waits.
    Flush,
    /// It asks something of an admin client.
    Ask(Box<Command>),
    /// It does something with a consumer.
    Read(ReadCall),
    /// It drops a client, which closes it.
    Close,
}

/// A client to create.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewClient {
    /// `client.id`.
    pub client_id: String,
    /// `bootstrap.servers`.
    pub bootstrap: Vec<Endpoint>,
    /// Which.
    pub kind: NewClientKind,
}

/// What kind of client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NewClientKind {
    /// A producer.
    Producer(ProducerConfig),
    /// A consumer.
    Consumer {
        /// Its settings, with librdkafka's defaults filled in.
        config: ConsumerConfig,
        /// `enable.auto.offset.store`: what is handed out is stored for the next commit.
        stores: bool,
    },
    /// An admin client.
    Admin,
}

/// Where a partition starts that is assigned by hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssignFrom {
    /// Where its group has committed, or where `auto.offset.reset` says.
    Committed,
    /// There.
    At(SeekTo),
}

/// What a program does with a consumer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadCall {
    /// Reads topics by name.
    Subscribe {
        /// The topics' names.
        topics: Vec<TopicName>,
    },
    /// Reads topics that match a regular expression.
    SubscribePattern {
        /// The expression.
        pattern: String,
    },
    /// Reads nothing any more and leaves the group.
    Unsubscribe,
    /// Reads partitions by hand, in no group.
    Assign {
        /// The partitions, and where each starts.
        partitions: Vec<(TopicPartition, AssignFrom)>,
        /// Whether it goes on with what it reads already.
        keeps: bool,
    },
    /// Reads partitions no more that it reads by hand.
    Unassign {
        /// Which.
        partitions: Vec<TopicPartition>,
    },
    /// Asks where something is in a partition.
    LookUp {
        /// Names the question in its answer.
        call: u64,
        /// The partition.
        partition: TopicPartition,
        /// What is looked for.
        at: SeekTo,
        /// How long the answer is worth waiting for.
        within: Span,
    },
    /// Asks what its group has committed.
    LookUpCommitted {
        /// Names the question in its answer.
        call: u64,
        /// The partitions.
        partitions: Vec<TopicPartition>,
        /// How long the answer is worth waiting for.
        within: Span,
    },
    /// Begins to wait for what there is to be told: a record, a callback, an error.
    Poll,
    /// Waits no longer.
    StopPolling,
    /// A rebalance callback returned.
    RebalanceDone {
        /// Which.
        turn: u64,
    },
    /// Stores offsets for the next commit.
    Store {
        /// The next offset to read of each partition.
        offsets: Vec<(TopicPartition, Offset)>,
    },
    /// Commits offsets.
    Commit {
        /// Names the commit in its outcome.
        call: u64,
        /// The next offset to read of each partition; none for what is stored.
        offsets: Option<Vec<(TopicPartition, Offset)>>,
        /// Whether the program waits for the outcome.
        waits: bool,
    },
    /// Goes on somewhere else in a partition.
    Seek {
        /// The partition.
        partition: TopicPartition,
        /// Where.
        to: SeekTo,
    },
    /// Nothing of these partitions is handed out any more.
    Pause {
        /// Which.
        partitions: Vec<TopicPartition>,
    },
    /// Their records are handed out again.
    Resume {
        /// Which.
        partitions: Vec<TopicPartition>,
    },
}

/// As a person would say it.
impl Display for ApplicationCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.call {
            ApplicationCall::End { .. } => f.write_str("end"),
            ApplicationCall::Processed { partition, offset, .. } => {
                write!(f, "process {partition}@{offset}")
            }
            ApplicationCall::Open(client) => f.write_str(match client.kind {
                NewClientKind::Producer(_) => "create a producer",
                NewClientKind::Consumer { .. } => "create a consumer",
                NewClientKind::Admin => "create an admin client",
            }),
            ApplicationCall::Send(record) => {
                write!(f, "send record {} to {}", record.id, record.topic)
            }
            ApplicationCall::Flush => f.write_str("flush"),
            ApplicationCall::Ask(_) => f.write_str("ask"),
            ApplicationCall::Read(call) => call.fmt(f),
            ApplicationCall::Close => f.write_str("drop the client"),
        }
    }
}

/// As a person would say it.
impl Display for ReadCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |partitions: &[TopicPartition]| {
            partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let offsets = |offsets: &[(TopicPartition, Offset)]| {
            let said = offsets.iter().map(|(partition, offset)| format!("{partition}@{offset}"));
            said.collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Subscribe { topics } => write!(f, "subscribe to {}", topics.join(", ")),
            Self::SubscribePattern { pattern } => write!(f, "subscribe to /{pattern}/"),
            Self::Unsubscribe => f.write_str("unsubscribe"),
            Self::Assign { partitions, keeps } => {
                let named: Vec<TopicPartition> =
                    partitions.iter().map(|(partition, _)| partition.clone()).collect();
                let also = if *keeps { "also " } else { "" };
                match list(&named) {
                    none if none.is_empty() => f.write_str("read nothing"),
                    named => write!(f, "{also}read {named} by hand"),
                }
            }
            Self::Unassign { partitions } => write!(f, "read {} no more", list(partitions)),
            Self::LookUp { partition, at, .. } => match at {
                SeekTo::Beginning => write!(f, "ask for the beginning of {partition}"),
                SeekTo::End => write!(f, "ask for the end of {partition}"),
                SeekTo::Offset(offset) => write!(f, "ask for {offset} in {partition}"),
                SeekTo::Timestamp(at) => write!(f, "ask for timestamp {} in {partition}", at.0),
            },
            Self::LookUpCommitted { partitions, .. } => {
                write!(f, "ask what is committed of {}", list(partitions))
            }
            Self::Poll => f.write_str("poll"),
            Self::StopPolling => f.write_str("poll no longer"),
            Self::RebalanceDone { .. } => f.write_str("return from the rebalance callback"),
            Self::Store { offsets: stored } => write!(f, "store {}", offsets(stored)),
            Self::Commit { offsets: None, waits, .. } => {
                write!(f, "commit{}", if *waits { " and wait" } else { "" })
            }
            Self::Commit { offsets: Some(given), waits, .. } => {
                write!(f, "commit {}{}", offsets(given), if *waits { " and wait" } else { "" })
            }
            Self::Seek { partition, to } => match to {
                SeekTo::Beginning => write!(f, "go to the beginning of {partition}"),
                SeekTo::End => write!(f, "go to the end of {partition}"),
                SeekTo::Offset(offset) => write!(f, "go to {offset} in {partition}"),
                SeekTo::Timestamp(at) => write!(f, "go to timestamp {} in {partition}", at.0),
            },
            Self::Pause { partitions } => write!(f, "pause {}", list(partitions)),
            Self::Resume { partitions } => write!(f, "resume {}", list(partitions)),
        }
    }
}
