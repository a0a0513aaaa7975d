//! The table of values: one declaration yields the structs, their defaults and their bytes.

use bytes::Bytes;
use klamm_node::{LeaderEpoch, MemberId, Offset, TopicId};

use super::Value;
use super::wire::{Field, Reader, Writer, get_nullable, put_nullable};
use crate::cursor::Malformed;

/// The versions that have a field.
macro_rules! versions {
    ($since:literal) => {
        ($since..)
    };
    ($since:literal $until:literal) => {
        ($since..=$until)
    };
}

/// Writes a field that is not tagged.
macro_rules! put_untagged {
    ($writer:ident, $value:expr, $versions:expr) => {
        if $versions.contains(&$writer.version()) {
            $value.put($writer);
        }
    };
    ($writer:ident, $value:expr, $versions:expr, $tag:literal) => {};
}

/// A tagged field, if it differs from its default.
macro_rules! put_tagged {
    ($writer:ident, $value:expr, $default:expr) => {
        None
    };
    ($writer:ident, $value:expr, $default:expr, $tag:literal) => {
        ($value != $default).then(|| ($tag, $writer.tagged(&$value)))
    };
}

/// Reads a field that is not tagged into a variable of its name.
macro_rules! get_untagged {
    ($reader:ident, $field:ident, $default:expr, $versions:expr) => {
        let $field =
            if $versions.contains(&$reader.version()) { Field::get($reader)? } else { $default };
    };
    ($reader:ident, $field:ident, $default:expr, $versions:expr, $tag:literal) => {};
}

/// A field's value once the tagged fields are there.
macro_rules! get_field {
    ($tagged:ident, $field:ident, $default:expr) => {
        $field
    };
    ($tagged:ident, $field:ident, $default:expr, $tag:literal) => {
        $tagged.get($tag)?.unwrap_or_else(|| $default)
    };
}

macro_rules! message {
    (
        $(#[doc = $doc:literal])+
        $name:ident {$(
            $(#[doc = $field_doc:literal])+
            $field:ident: $type:ty = $default:expr, since $since:literal $(until $until:literal)? $(tag $tag:literal)?;
        )*}
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct $name {$(
            $(#[doc = $field_doc])+
            pub $field: $type,
        )*}

        impl Default for $name {
            fn default() -> Self {
                Self {$($field: $default,)*}
            }
        }

        impl Field for $name {
            fn put(&self, writer: &mut Writer) {
                $(put_untagged!(writer, self.$field, versions!($since $($until)?) $(, $tag)?);)*
                let tagged: [Option<(u32, Writer)>; _] =
                    [$(put_tagged!(writer, self.$field, $default $(, $tag)?),)*];
                writer.end_message(tagged.into_iter().flatten().collect());
            }

            fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
                $(get_untagged!(reader, $field, $default, versions!($since $($until)?) $(, $tag)?);)*
                let tagged = reader.tagged()?;
                let message = Self {
                    $($field: get_field!(tagged, $field, $default $(, $tag)?),)*
                };
                tagged.end_message(message)
            }
        }
    };
}

/// Which version of a value is written, and since when it is flexible.
macro_rules! values {
    ($($name:ident, flexible since $flexible:literal, written as $version:expr;)*) => {$(
        impl Value for $name {
            const NAME: &'static str = stringify!($name);
            const FLEXIBLE_SINCE: i16 = $flexible;

            fn written_version(&self) -> i16 {
                let version: fn(&Self) -> i16 = $version;
                version(self)
            }
        }
    )*};
}

values! {
    OffsetCommitValue, flexible since 4, written as |value| value.version();
    GroupMetadataValue, flexible since 4, written as |_| 3;
    ConsumerGroupMetadataValue, flexible since 0, written as |_| 0;
    ConsumerGroupPartitionMetadataValue, flexible since 0, written as |_| 0;
    ConsumerGroupMemberMetadataValue, flexible since 0, written as |_| 0;
    ConsumerGroupTargetAssignmentMetadataValue, flexible since 0, written as |_| 0;
    ConsumerGroupTargetAssignmentMemberValue, flexible since 0, written as |_| 0;
    ConsumerGroupCurrentMemberAssignmentValue, flexible since 0, written as |_| 0;
    ConsumerGroupRegularExpressionValue, flexible since 0, written as |_| 0;
}

message! {
    /// A committed offset.
    OffsetCommitValue {
        /// The next offset to read.
        offset: Offset = Offset(0), since 0;
        /// The leader epoch of the last record read, or -1 (KIP-320).
        leader_epoch: LeaderEpoch = LeaderEpoch(-1), since 3;
        /// What the client added.
        metadata: String = String::new(), since 0;
        /// When it was committed, in milliseconds of the wall clock.
        commit_timestamp: i64 = 0, since 0;
        /// When it expires, or -1; requests of versions 2 to 4 may set it.
        expire_timestamp: i64 = -1, since 1 until 1;
        /// The topic, or all zero where the committer did not say (KAFKA-19186).
        topic_id: TopicId = TopicId::ZERO, since 4 tag 0;
    }
}

impl OffsetCommitValue {
    /// Only version 1 has an expiry of its own. Without one, Kafka writes the highest version that is not flexible, so that
    /// an older broker can read it (KIP-915), unless there is a topic's id to be said.
    fn version(&self) -> i16 {
        match (self.expire_timestamp, self.topic_id) {
            (0.., _) => 1,
            (..0, TopicId::ZERO) => 3,
            (..0, _) => 4,
        }
    }
}

message! {
    /// A member of a classic group, as its generation has it.
    MemberMetadata {
        /// The member.
        member_id: MemberId = MemberId::from(""), since 0;
        /// Its `group.instance.id`, if it is static (KIP-345).
        group_instance_id: Option<String> = None, since 3;
        /// Its client id.
        client_id: String = String::new(), since 0;
        /// Where it connects from.
        client_host: String = String::new(), since 0;
        /// How long it may take to rejoin, in milliseconds; -1 from before it was told from the session timeout.
        rebalance_timeout: i32 = -1, since 1;
        /// How long it may be silent, in milliseconds.
        session_timeout: i32 = 0, since 0;
        /// What it subscribed to, in the bytes of the protocol that the generation uses.
        subscription: Bytes = Bytes::new(), since 0;
        /// What the leader assigned to it.
        assignment: Bytes = Bytes::new(), since 0;
    }
}

message! {
    /// A classic group.
    GroupMetadataValue {
        /// `consumer`, `connect` or another kind of group.
        protocol_type: String = String::new(), since 0;
        /// The generation.
        generation: i32 = 0, since 0;
        /// The protocol that all members support; none in an empty group.
        protocol: Option<String> = Some(String::new()), since 0;
        /// The member that assigns; none in an empty group.
        leader: Option<String> = Some(String::new()), since 0;
        /// When it came into its state, in milliseconds of the wall clock; -1 for unknown.
        current_state_timestamp: i64 = -1, since 2;
        /// The members.
        members: Vec<MemberMetadata> = Vec::new(), since 0;
    }
}

message! {
    /// A consumer group's epoch.
    ConsumerGroupMetadataValue {
        /// The group epoch.
        epoch: i32 = 0, since 0;
        /// A hash over the topics that the group subscribed to; 0 for none (KIP-1101).
        metadata_hash: i64 = 0, since 0 tag 0;
    }
}

message! {
    /// The racks of a partition. Not written any more.
    PartitionRacks {
        /// The partition's index.
        partition: i32 = 0, since 0;
        /// The racks of its replicas.
        racks: Vec<String> = Vec::new(), since 0;
    }
}

message! {
    /// A topic that a consumer group subscribed to.
    TopicMetadata {
        /// Its id.
        topic_id: TopicId = TopicId::ZERO, since 0;
        /// Its name.
        topic_name: String = String::new(), since 0;
        /// How many partitions it had.
        num_partitions: i32 = 0, since 0;
        /// Where they lay.
        partition_metadata: Vec<PartitionRacks> = Vec::new(), since 0;
    }
}

message! {
    /// The topics that a consumer group subscribed to.
    ConsumerGroupPartitionMetadataValue {
        /// The topics.
        topics: Vec<TopicMetadata> = Vec::new(), since 0;
    }
}

message! {
    /// A protocol that a member with the classic protocol supports.
    ClassicProtocol {
        /// Its name: a client-side assignor.
        name: String = String::new(), since 0;
        /// The member's subscription for it.
        metadata: Bytes = Bytes::new(), since 0;
    }
}

message! {
    /// What a consumer group keeps of a member that speaks the classic protocol.
    ClassicMemberMetadata {
        /// How long it may be silent, in milliseconds.
        session_timeout_ms: i32 = 0, since 0;
        /// The protocols that it supports.
        supported_protocols: Vec<ClassicProtocol> = Vec::new(), since 0;
    }
}

/// Only ever a tagged field.
impl Field for Option<ClassicMemberMetadata> {
    fn put(&self, writer: &mut Writer) {
        put_nullable(self, writer);
    }
    fn get(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
        get_nullable(reader)
    }
}

message! {
    /// A member of a consumer group.
    ConsumerGroupMemberMetadataValue {
        /// Its `group.instance.id`, if it is static.
        instance_id: Option<String> = Some(String::new()), since 0;
        /// Its rack.
        rack_id: Option<String> = Some(String::new()), since 0;
        /// Its client id.
        client_id: String = String::new(), since 0;
        /// Where it connects from.
        client_host: String = String::new(), since 0;
        /// The topics that it subscribed to by name.
        subscribed_topic_names: Vec<String> = Vec::new(), since 0;
        /// The regular expression that it subscribed to.
        subscribed_topic_regex: Option<String> = Some(String::new()), since 0;
        /// How long it may take to give partitions up, in milliseconds.
        rebalance_timeout_ms: i32 = -1, since 0;
        /// The assignor that it prefers.
        server_assignor: Option<String> = Some(String::new()), since 0;
        /// What it said in the classic protocol, if it speaks that.
        classic_member_metadata: Option<ClassicMemberMetadata> = None, since 0 tag 0;
    }
}

message! {
    /// The epoch of a target assignment.
    ConsumerGroupTargetAssignmentMetadataValue {
        /// The assignment epoch.
        assignment_epoch: i32 = 0, since 0;
        /// When it was made, in milliseconds of the wall clock (KIP-1263).
        assignment_timestamp: i64 = 0, since 0 tag 0;
    }
}

message! {
    /// Partitions of a topic in a target assignment.
    AssignedTopic {
        /// The topic.
        topic_id: TopicId = TopicId::ZERO, since 0;
        /// The partitions' indexes.
        partitions: Vec<i32> = Vec::new(), since 0;
    }
}

message! {
    /// A member's target assignment.
    ConsumerGroupTargetAssignmentMemberValue {
        /// The partitions.
        topic_partitions: Vec<AssignedTopic> = Vec::new(), since 0;
    }
}

message! {
    /// Partitions of a topic in a current assignment.
    CurrentTopic {
        /// The topic.
        topic_id: TopicId = TopicId::ZERO, since 0;
        /// The partitions' indexes.
        partitions: Vec<i32> = Vec::new(), since 0;
        /// The epoch in which each was assigned, in the order of `partitions` (KIP-1251).
        assignment_epochs: Option<Vec<i32>> = None, since 0 tag 0;
    }
}

message! {
    /// A member's current assignment.
    ConsumerGroupCurrentMemberAssignmentValue {
        /// The epoch that the member's next heartbeat must show.
        member_epoch: i32 = 0, since 0;
        /// The epoch before, which a member shows that missed the answer.
        previous_member_epoch: i32 = 0, since 0;
        /// The member's state, as Kafka numbers them.
        state: i8 = 0, since 0;
        /// The partitions that it has.
        assigned_partitions: Vec<CurrentTopic> = Vec::new(), since 0;
        /// The partitions that it has to give up first.
        partitions_pending_revocation: Vec<CurrentTopic> = Vec::new(), since 0;
    }
}

message! {
    /// What a regular expression matches.
    ConsumerGroupRegularExpressionValue {
        /// The topics, sorted.
        topics: Vec<String> = Vec::new(), since 0;
        /// The offset of the metadata image that it was resolved against.
        version: i64 = 0, since 0;
        /// When that was, in milliseconds of the wall clock.
        timestamp: i64 = 0, since 0;
    }
}
