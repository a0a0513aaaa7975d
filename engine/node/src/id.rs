//! Newtypes for every id and number that could be mixed up, in Kafka's own words.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }
    )*};
}

number! {
    /// A node's place in the lab's table of nodes: any process, clients included. Not Kafka's `node.id`.
    NodeId(u16);
    /// Kafka's `node.id` of a broker or controller; -1 stands for 'none' on the wire.
    BrokerId(i32);
    /// A record's place in a log, or a position between records (log end, high watermark).
    Offset(i64);
    /// The epoch of a partition's leader, or of the metadata quorum's; -1 stands for 'unknown'.
    LeaderEpoch(i32);
    /// The version of a partition's controller state; grows with every change (KIP-497).
    PartitionEpoch(i32);
    /// A broker incarnation's number: the metadata offset of its registration (KIP-380, KIP-631).
    BrokerEpoch(i64);
    /// The id of a producer session (KIP-98); -1 for none.
    ProducerId(i64);
    /// The epoch of a producer id; -1 for none.
    ProducerEpoch(i16);
    /// The number that pairs a response with its request on one connection.
    CorrelationId(i32);
    /// One end of a connection, unique within a node for its lifetime.
    ConnectionId(u64);
    /// A record that a workload produced, unique in a run.
    RecordId(u64);
    /// An event's place in the trace.
    Seq(u64);
    /// How often a node was started, from 1.
    Incarnation(u32);
}

macro_rules! uuid {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        pub struct $name(pub u128);

        impl $name {
            /// The all-zero id, which Kafka uses for 'none'.
            pub const ZERO: Self = Self(0);
        }

        /// As Kafka prints a Uuid: URL-safe base64 of the 16 bytes, without padding.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&base64_of(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )*};
}

uuid! {
    /// A topic's identity, which its name is not (KIP-516).
    TopicId;
    /// A log directory's identity (KIP-858), and with the node id a voter's (KIP-853).
    DirectoryId;
    /// One run of a broker process, as it registers (KIP-631).
    IncarnationId;
}

/// A replica of the metadata log (KIP-853): a node and, where it is known, the directory that its log lies in. A node whose
/// disk was replaced is another replica.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ReplicaKey {
    /// The node.
    pub id: BrokerId,
    /// The directory; all zero if it is not known.
    pub directory: DirectoryId,
}

impl ReplicaKey {
    /// A node with its directory.
    pub const fn new(id: BrokerId, directory: DirectoryId) -> Self {
        Self { id, directory }
    }
}

/// The node's id and the first digits of the directory's, which tell directories apart for people.
impl fmt::Display for ReplicaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.directory == DirectoryId::ZERO {
            return write!(f, "{}", self.id);
        }
        let digits = self.directory.to_string();
        write!(f, "{}-{}", self.id, digits.get(..4).unwrap_or_default())
    }
}

fn base64_of(id: u128) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 128 bits are 21 digits of six bits and one of two, which base64 fills up with zero bits on the right.
    (0..22)
        .map(|i| {
            let shift = 122 - 6 * i;
            let six = if shift >= 0 { id >> shift } else { id << -shift };
            char::from(DIGITS[usize::try_from(six & 63).unwrap_or(0)])
        })
        .collect()
}

macro_rules! name {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Arc<str>);

        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        /// Maps keyed by names are asked with plain text.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

name! {
    /// A consumer group's name, `group.id`; any text, the empty one included. Cheap to clone.
    GroupId;
    /// A group member's id, as the coordinator or the member itself made it (KIP-394, KIP-1082); any text.
    MemberId;
}

/// A topic's name; cheap to clone.
pub type TopicName = Arc<str>;

/// A partition of a topic, by name.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: TopicName,
    /// The partition's index, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<TopicName>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

/// By topic, then by index. Every table of partitions asks this, mostly about two clones of one name, whose text need not
/// be read.
impl Ord for TopicPartition {
    fn cmp(&self, other: &Self) -> Ordering {
        let topics = if Arc::ptr_eq(&self.topic, &other.topic) {
            Ordering::Equal
        } else {
            self.topic.cmp(&other.topic)
        };
        topics.then_with(|| self.partition.cmp(&other.partition))
    }
}

impl PartialOrd for TopicPartition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As Kafka names a partition's directory: `orders-0`.
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl Offset {
    /// The offset `count` records further on.
    pub fn plus(self, count: i64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl LeaderEpoch {
    /// 'No epoch known', as in Kafka's wire format.
    pub const NONE: Self = Self(-1);
    /// The epoch after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl PartitionEpoch {
    /// The epoch after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl BrokerId {
    /// 'No broker', as in Kafka's wire format.
    pub const NONE: Self = Self(-1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_print_as_kafka_prints_them() {
        // Kafka's own constants: ZERO_UUID and METADATA_TOPIC_ID.
        assert_eq!(TopicId::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(TopicId(1).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
    }
}
