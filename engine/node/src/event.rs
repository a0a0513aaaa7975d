//! The vocabulary of observable events: the one thing that everything downstream reads.
//!
//! An event is a fact in the field's words. It carries what is needed to rebuild the state that it changes and names its
//! cause. Checkers, transcripts, the View, the desktop program and the book read events and nothing else.
//!
//! The vocabulary is declared once, in [`vocabulary`](self::EventKind), and yields the enum, its text form, its fields
//! and the [`CATALOGUE`] from which the book's page is made.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::effects::{CloseReason, FrameRole};
use crate::id::{
    BrokerEpoch, BrokerId, ConnectionId, CorrelationId, GroupId, Incarnation, IncarnationId,
    LeaderEpoch, MemberId, NodeId, Offset, PartitionEpoch, ProducerEpoch, ProducerId, RecordId,
    ReplicaKey, Seq, TopicId, TopicName, TopicPartition,
};
use crate::time::{Span, Time};

mod vocabulary;

pub use vocabulary::{CATALOGUE, EventKind};

/// A recorded event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the trace, from 1.
    pub seq: Seq,
    /// When, on the world's clock.
    pub time: Time,
    /// Where: the node that observed it, or that it happened to.
    pub node: NodeId,
    /// The event that led to it; none only for what the scenario itself does first.
    pub cause: Option<Seq>,
    /// What.
    pub kind: EventKind,
}

/// The part of the lab that an event speaks of; a scenario names the rooms that its transcript shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Room {
    /// The scenario's own steps and expectations.
    Scenario,
    /// Processes, links, disks, clocks and the faults done to them.
    World,
    /// Connections and frames.
    Network,
    /// The metadata quorum.
    Raft,
    /// The active controller's decisions.
    Controller,
    /// What a node learnt from the committed metadata log.
    Metadata,
    /// A broker's own life.
    Broker,
    /// Replicas, ISR, high watermark.
    Replica,
    /// Partition logs.
    Log,
    /// Group coordinators: their partitions of `__consumer_offsets`, groups, members, committed offsets.
    Group,
    /// Producers, consumers, admin clients.
    Client,
}

impl Room {
    /// Every room, in the order of the book.
    pub const ALL: [Self; 11] = [
        Self::Scenario,
        Self::World,
        Self::Network,
        Self::Raft,
        Self::Controller,
        Self::Metadata,
        Self::Broker,
        Self::Replica,
        Self::Log,
        Self::Group,
        Self::Client,
    ];

    /// The room's name in text forms and scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::World => "world",
            Self::Network => "network",
            Self::Raft => "raft",
            Self::Controller => "controller",
            Self::Metadata => "metadata",
            Self::Broker => "broker",
            Self::Replica => "replica",
            Self::Log => "log",
            Self::Group => "group",
            Self::Client => "client",
        }
    }
}

impl Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A short fixed word in an event: a state, a reason.
pub type Word = Cow<'static, str>;

/// A value in an event's text form.
pub trait Field {
    /// Writes the value as it stands after `key=`: no spaces unless quoted.
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result;

    /// Whether the text form leaves the field out, because it says nothing.
    fn is_silent(&self) -> bool {
        false
    }

    /// Calls `f` with each node that the value names, in its order. Most values name none.
    fn each_node(&self, _f: &mut dyn FnMut(Named)) {}
}

/// A node as an event names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Named {
    /// By its place in the run's list of nodes.
    Node(NodeId),
    /// By its `node.id`, as Kafka names brokers and controllers; -1 is nobody.
    Id(BrokerId),
}

/// What a parked request waits for. Its first partition is named and the others are counted: this is said of nearly every
/// fetch of an idle cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Awaits {
    /// A fetch: so many bytes.
    Bytes {
        /// How many at least, of all its partitions together.
        least: u32,
        /// The first partition.
        of: TopicPartition,
        /// The offset that it reads from.
        from: Offset,
        /// How many more partitions it reads.
        more: u32,
    },
    /// A produce with acks=all: the high watermark.
    HighWatermark {
        /// The first partition.
        of: TopicPartition,
        /// What the high watermark must reach.
        reaches: Offset,
        /// How many more partitions it wrote to.
        more: u32,
    },
    /// DeleteRecords: the log start of every live replica.
    LowWatermark {
        /// The first partition.
        of: TopicPartition,
        /// What the low watermark must reach.
        reaches: Offset,
        /// How many more partitions it concerns.
        more: u32,
    },
}

impl Display for Awaits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = match self {
            Self::Bytes { least, of, from, more } => {
                write!(f, "{least} bytes of {of} from {from}")?;
                more
            }
            Self::HighWatermark { of, reaches, more } => {
                write!(f, "{of} high watermark >= {reaches}")?;
                more
            }
            Self::LowWatermark { of, reaches, more } => {
                write!(f, "{of} low watermark >= {reaches}")?;
                more
            }
        };
        if *more > 0 {
            write!(f, ", and {more} more")?;
        }
        Ok(())
    }
}

impl Field for Awaits {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// The number that an idempotent producer gave a batch of a partition (KIP-98).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ProducerSequence {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence number of the first record.
    pub base: i32,
}

/// Producer and epoch, and the number: `1000/0@17`.
impl Display for ProducerSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.producer_id, self.producer_epoch, self.base)
    }
}

/// A list that the text form leaves out while it is empty: most partitions have no eligible leaders beside their ISR, and
/// are not being reassigned.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IfAny<T>(pub Vec<T>);

impl<T: Field> Field for IfAny<T> {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        self.0.show(f)
    }

    fn is_silent(&self) -> bool {
        self.0.is_empty()
    }

    fn each_node(&self, f: &mut dyn FnMut(Named)) {
        self.0.each_node(f);
    }
}

/// A value that the text form leaves out where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IfSome<T>(pub Option<T>);

impl<T: Field> Field for IfSome<T> {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        self.0.show(f)
    }

    fn is_silent(&self) -> bool {
        self.0.is_none()
    }

    fn each_node(&self, f: &mut dyn FnMut(Named)) {
        self.0.each_node(f);
    }
}

/// A field for checkers, which the text form leaves out: it would say the same again at nearly every event of its kind.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quiet<T>(pub T);

impl<T: Field> Field for Quiet<T> {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        self.0.show(f)
    }

    fn is_silent(&self) -> bool {
        true
    }
}

macro_rules! shown_as_displayed {
    ($($name:ty),* $(,)?) => {$(
        impl Field for $name {
            fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    )*};
}

shown_as_displayed!(
    BrokerEpoch,
    CloseReason,
    ConnectionId,
    CorrelationId,
    Incarnation,
    IncarnationId,
    LeaderEpoch,
    Offset,
    PartitionEpoch,
    ProducerSequence,
    RecordId,
    Span,
    TopicId,
    TopicName,
    TopicPartition,
    bool,
    i16,
    i32,
    i64,
    u16,
    u32,
    u64,
    Word,
);

macro_rules! shown_as_displayed_and_naming {
    ($($name:ty: $named:expr;)*) => {$(
        impl Field for $name {
            fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
                write!(f, "{self}")
            }

            fn each_node(&self, f: &mut dyn FnMut(Named)) {
                let named: fn(&Self) -> Named = $named;
                f(named(self));
            }
        }
    )*};
}

shown_as_displayed_and_naming! {
    NodeId: |it| Named::Node(*it);
    BrokerId: |it| Named::Id(*it);
    ReplicaKey: |it| Named::Id(it.id);
}

impl Field for Seq {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl Field for FrameRole {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
        })
    }
}

/// A name that may be any text: quoted unless it is one plain word.
fn show_name(name: &str, f: &mut dyn fmt::Write) -> fmt::Result {
    let plain = |c: char| c.is_alphanumeric() || "._-+/:".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        f.write_str(name)
    } else {
        write!(f, "{name:?}")
    }
}

impl Field for GroupId {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        show_name(self.as_str(), f)
    }
}

impl Field for MemberId {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        show_name(self.as_str(), f)
    }
}

/// Free text, quoted.
impl Field for String {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl<T: Field> Field for Option<T> {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        match self {
            Some(value) => value.show(f),
            None => f.write_str("none"),
        }
    }

    fn each_node(&self, f: &mut dyn FnMut(Named)) {
        self.iter().for_each(|value| value.each_node(f));
    }
}

/// An offset of a partition: `orders-0@17`.
impl Field for (TopicPartition, Offset) {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        write!(f, "{}@{}", self.0, self.1)
    }
}

impl<T: Field> Field for Vec<T> {
    fn show(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        f.write_char('[')?;
        for (i, value) in self.iter().enumerate() {
            if i > 0 {
                f.write_char(',')?;
            }
            value.show(f)?;
        }
        f.write_char(']')
    }

    fn each_node(&self, f: &mut dyn FnMut(Named)) {
        self.iter().for_each(|value| value.each_node(f));
    }
}

/// One kind of event, for the book and the coverage tests.
#[derive(Clone, Copy, Debug)]
pub struct EventInfo {
    /// The variant's name.
    pub name: &'static str,
    /// The room that it speaks of.
    pub room: Room,
    /// What it says, in a sentence.
    pub doc: &'static [&'static str],
    /// Its fields, in the order of the text form.
    pub fields: &'static [&'static str],
    /// What the fields are, as the source has it.
    pub types: &'static [&'static str],
}

/// `BatchAppended partition=orders-0 base_offset=3 …`: verb and fields, without the envelope.
impl Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let mut result = Ok(());
        self.visit(&mut |key, value| {
            if result.is_ok() && !value.is_silent() {
                result = write!(f, " {key}=").and_then(|()| value.show(f));
            }
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_prints_its_fields_in_order() {
        let kind = EventKind::IsrProposed {
            partition: TopicPartition::new("orders", 0),
            isr: vec![BrokerId(1), BrokerId(2)],
            leader_epoch: LeaderEpoch(3),
            partition_epoch: PartitionEpoch(7),
            reason: "lag".into(),
            broker_epochs: Quiet(vec![BrokerEpoch(4), BrokerEpoch(9)]),
        };
        assert_eq!(
            kind.to_string(),
            "IsrProposed partition=orders-0 isr=[1,2] leader_epoch=3 partition_epoch=7 reason=lag"
        );
        assert_eq!(kind.room(), Room::Replica);
    }

    #[test]
    fn the_catalogue_has_no_name_twice_and_no_kind_without_a_sentence() {
        let mut names: Vec<_> = CATALOGUE.iter().map(|info| info.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(CATALOGUE.iter().all(|info| !info.doc.is_empty()));
    }
}
