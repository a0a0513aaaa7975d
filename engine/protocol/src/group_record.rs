//! The records of `__consumer_offsets`: what a group coordinator writes and whoever loads a partition of that topic replays.
//!
//! A key is a type number and the fields of that type; a value is a version number and the fields of that version, and no
//! value at all is a tombstone. Types, fields, tags and defaults are those of Kafka's schemas (key types 0 to 8 and 16), so
//! that the bytes are Kafka's own. Values are written in the version that metadata version 4.x writes and read in every version
//! that Kafka ever wrote.
//!
//! *Flows in*: records of a coordinator, or key and value of a record of the log. *Flows out*: the other of the two.
//! *Must never*: panic on hostile bytes, or decide what a record means for a group.
//!
//! Deliberately not here: the records of share groups (KIP-932) and streams groups (KIP-1071), which are kept as bytes.

mod show;
mod values;
mod wire;

use bytes::Bytes;
use klamm_node::{GroupId, MemberId, TopicName};
use thiserror::Error;

pub use values::{
    AssignedTopic, ClassicMemberMetadata, ClassicProtocol,
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue,
    ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataValue,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataValue, CurrentTopic, GroupMetadataValue, MemberMetadata,
    OffsetCommitValue, PartitionRacks, TopicMetadata,
};

use crate::cursor::{Cursor, Malformed};
use wire::{Field, Reader, Writer};

/// Why bytes are not a record of `__consumer_offsets`. All deterministic.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum GroupRecordError {
    /// The bytes make no sense.
    #[error("malformed {part} of a group record: {malformed}")]
    Malformed {
        /// `key` or `value`.
        part: &'static str,
        /// What is wrong.
        malformed: Malformed,
    },
    /// A version of a value that is not known here.
    #[error("version {version} of {name} is not supported")]
    Version {
        /// The value's name.
        name: &'static str,
        /// The version.
        version: i16,
    },
    /// A text or a byte string that its length field can't say.
    #[error("a field of {bytes} bytes does not fit a group record")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
}

/// The bytes of a record: its key and its value, or none for a tombstone.
pub type RecordBytes = (Bytes, Option<Bytes>);

macro_rules! records {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident = $key:literal $(| $alias:literal)*, $value:ident up to $latest:literal {$(
            $(#[doc = $field_doc:literal])+
            $field:ident: $type:ty,
        )+}
    )*) => {
        /// A record of `__consumer_offsets`. A `value` of `None` is a tombstone.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum GroupRecord {
            $(
                $(#[doc = $doc])+
                $name {
                    $($(#[doc = $field_doc])+ $field: $type,)+
                    /// What is said of it.
                    value: Option<$value>,
                },
            )*
            /// A record of a type that is not known here, as it stands in the log.
            Unknown {
                /// The type's number; -1 if the key is too short to have one.
                kind: i16,
                /// The key, its number included.
                key: Bytes,
                /// The value.
                value: Option<Bytes>,
            },
        }

        impl GroupRecord {
            /// The type's number.
            pub fn kind(&self) -> i16 {
                match self {
                    $(Self::$name { .. } => newest(&[$key $(, $alias)*]),)*
                    Self::Unknown { kind, .. } => *kind,
                }
            }

            /// The type's name, Kafka's without `Key` and `Value`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => stringify!($name),)*
                    Self::Unknown { .. } => "Unknown",
                }
            }

            /// Whether the record says that its key has nothing any more.
            pub fn is_tombstone(&self) -> bool {
                match self {
                    $(Self::$name { value, .. } => value.is_none(),)*
                    Self::Unknown { value, .. } => value.is_none(),
                }
            }

            /// Key and value as Kafka writes them.
            ///
            /// # Errors
            /// A text that is longer than its length field can say.
            pub fn encode(&self) -> Result<RecordBytes, GroupRecordError> {
                match self {
                    $(Self::$name { $($field,)+ value } => {
                        // Keys have never been flexible.
                        let mut key = Writer::new(self.kind(), false);
                        $($field.put(&mut key);)+
                        let value = match value {
                            None => None,
                            Some(value) => Some(encode_value(value, value.written_version())?),
                        };
                        Ok((key.finish()?, value))
                    })*
                    Self::Unknown { key, value, .. } => Ok((key.clone(), value.clone())),
                }
            }

            /// Reads key and value. As Kafka, it passes over bytes behind the last field and over unknown tagged fields.
            ///
            /// # Errors
            /// The bytes of a known type are cut or make no sense, or the value has an unknown version. A type that is not
            /// known is no error.
            pub fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Self, GroupRecordError> {
                let unknown = |kind| Self::Unknown { kind, key: key.clone(), value: value.cloned() };
                let mut cursor = Cursor::new(key);
                let Ok(kind) = cursor.i16() else { return Ok(unknown(-1)) };
                match kind {
                    $($key $(| $alias)* => {
                        let mut reader = Reader::new(&mut cursor, kind, false);
                        let malformed = |malformed| GroupRecordError::Malformed { part: "key", malformed };
                        $(let $field = <$type>::get(&mut reader).map_err(malformed)?;)+
                        let value = match value {
                            None => None,
                            Some(value) => Some(decode_value::<$value>(value, $latest)?),
                        };
                        Ok(Self::$name { $($field,)+ value })
                    })*
                    kind => Ok(unknown(kind)),
                }
            }
        }
    };
}

/// A type's number as it is written.
fn newest(kinds: &[i16]) -> i16 {
    kinds.last().copied().unwrap_or_default()
}

/// What the fields of a value know about their versions.
trait Value: Field {
    /// The value's name.
    const NAME: &'static str;
    /// The first version with compact lengths and tagged fields (KIP-482).
    const FLEXIBLE_SINCE: i16;
    /// The version that it is written in.
    fn written_version(&self) -> i16;
}

fn encode_value<V: Value>(value: &V, version: i16) -> Result<Bytes, GroupRecordError> {
    let mut writer = Writer::new(version, version >= V::FLEXIBLE_SINCE);
    value.put(&mut writer);
    writer.finish()
}

fn decode_value<V: Value>(bytes: &Bytes, latest: i16) -> Result<V, GroupRecordError> {
    let malformed = |malformed| GroupRecordError::Malformed { part: "value", malformed };
    let mut cursor = Cursor::new(bytes);
    let version = cursor.i16().map_err(malformed)?;
    if !(0..=latest).contains(&version) {
        return Err(GroupRecordError::Version { name: V::NAME, version });
    }
    let mut reader = Reader::new(&mut cursor, version, version >= V::FLEXIBLE_SINCE);
    V::get(&mut reader).map_err(malformed)
}

records! {
    /// A group's offset for a partition. Type 0 is the same from before Kafka 0.9, and read only.
    OffsetCommit = 0 | 1, OffsetCommitValue up to 4 {
        /// The group.
        group: GroupId,
        /// The topic.
        topic: TopicName,
        /// The partition's index.
        partition: i32,
    }
    /// A classic group with its members and their assignments.
    GroupMetadata = 2, GroupMetadataValue up to 4 {
        /// The group.
        group: GroupId,
    }
    /// A consumer group (KIP-848) and its epoch.
    ConsumerGroupMetadata = 3, ConsumerGroupMetadataValue up to 0 {
        /// The group.
        group: GroupId,
    }
    /// The topics that a consumer group subscribed to, as they were when its epoch was set. Written until 4.0; today the
    /// hash in [`ConsumerGroupMetadataValue`] stands for it (KIP-1101).
    ConsumerGroupPartitionMetadata = 4, ConsumerGroupPartitionMetadataValue up to 0 {
        /// The group.
        group: GroupId,
    }
    /// A member of a consumer group and what it subscribed to.
    ConsumerGroupMemberMetadata = 5, ConsumerGroupMemberMetadataValue up to 0 {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
    }
    /// The epoch of a consumer group's target assignment.
    ConsumerGroupTargetAssignmentMetadata = 6, ConsumerGroupTargetAssignmentMetadataValue up to 0 {
        /// The group.
        group: GroupId,
    }
    /// The partitions that a member is to have.
    ConsumerGroupTargetAssignmentMember = 7, ConsumerGroupTargetAssignmentMemberValue up to 0 {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
    }
    /// The partitions that a member has, and its epoch.
    ConsumerGroupCurrentMemberAssignment = 8, ConsumerGroupCurrentMemberAssignmentValue up to 0 {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
    }
    /// The topics that a regular expression was found to match.
    ConsumerGroupRegularExpression = 16, ConsumerGroupRegularExpressionValue up to 0 {
        /// The group.
        group: GroupId,
        /// The expression, in the syntax of RE2.
        expression: String,
    }
}

#[cfg(test)]
mod tests;
