//! Group records for people: one word, what it speaks of, and what differs from the usual.

use std::fmt::{self, Display, Formatter};

use super::{
    AssignedTopic, ConsumerGroupMemberMetadataValue, CurrentTopic, GroupMetadataValue, GroupRecord,
};
use crate::list::in_brackets;

impl Display for AssignedTopic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.topic_id, in_brackets(&self.partitions))
    }
}

impl Display for CurrentTopic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.topic_id, in_brackets(&self.partitions))
    }
}

/// `OffsetCommit(group g, orders-0 = 17, leader epoch 2)`, or `OffsetCommit(group g, orders-0, tombstone)`.
impl Display for GroupRecord {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name())?;
        match self {
            Self::OffsetCommit { group, topic, partition, value } => {
                write!(f, "group {group}, {topic}-{partition}")?;
                match value {
                    None => f.write_str(", tombstone"),
                    Some(value) => {
                        write!(f, " = {}", value.offset)?;
                        if value.leader_epoch.0 >= 0 {
                            write!(f, ", leader epoch {}", value.leader_epoch)?;
                        }
                        if !value.metadata.is_empty() {
                            write!(f, ", metadata {:?}", value.metadata)?;
                        }
                        if value.expire_timestamp >= 0 {
                            write!(f, ", expires {}", value.expire_timestamp)?;
                        }
                        Ok(())
                    }
                }
            }
            Self::GroupMetadata { group, value } => {
                write!(f, "group {group}")?;
                show(value.as_ref(), f, show_classic_group)
            }
            Self::ConsumerGroupMetadata { group, value } => {
                write!(f, "group {group}")?;
                show(value.as_ref(), f, |value, f| write!(f, ", epoch {}", value.epoch))
            }
            Self::ConsumerGroupPartitionMetadata { group, value } => {
                write!(f, "group {group}")?;
                show(value.as_ref(), f, |value, f| {
                    for topic in &value.topics {
                        write!(f, ", {} of {} partitions", topic.topic_name, topic.num_partitions)?;
                    }
                    Ok(())
                })
            }
            Self::ConsumerGroupMemberMetadata { group, member, value } => {
                write!(f, "group {group}, member {member}")?;
                show(value.as_ref(), f, show_member)
            }
            Self::ConsumerGroupTargetAssignmentMetadata { group, value } => {
                write!(f, "group {group}")?;
                show(value.as_ref(), f, |value, f| write!(f, ", epoch {}", value.assignment_epoch))
            }
            Self::ConsumerGroupTargetAssignmentMember { group, member, value } => {
                write!(f, "group {group}, member {member}")?;
                show(value.as_ref(), f, |value, f| {
                    write!(f, ", {}", in_brackets(&value.topic_partitions))
                })
            }
            Self::ConsumerGroupCurrentMemberAssignment { group, member, value } => {
                write!(f, "group {group}, member {member}")?;
                show(value.as_ref(), f, |value, f| {
                    write!(
                        f,
                        ", epoch {} after {}",
                        value.member_epoch, value.previous_member_epoch
                    )?;
                    write!(
                        f,
                        ", state {}, {}",
                        value.state,
                        in_brackets(&value.assigned_partitions)
                    )?;
                    match value.partitions_pending_revocation.as_slice() {
                        [] => Ok(()),
                        revoking => write!(f, ", revoking {}", in_brackets(revoking)),
                    }
                })
            }
            Self::ConsumerGroupRegularExpression { group, expression, value } => {
                write!(f, "group {group}, {expression:?}")?;
                show(value.as_ref(), f, |value, f| write!(f, ", {}", in_brackets(&value.topics)))
            }
            Self::Unknown { kind, key, value } => {
                write!(f, "type {kind}, {} bytes of key", key.len())?;
                show(value.as_ref(), f, |value, f| write!(f, ", {} bytes of value", value.len()))
            }
        }?;
        f.write_str(")")
    }
}

fn show<V>(
    value: Option<&V>,
    f: &mut Formatter<'_>,
    say: impl FnOnce(&V, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    match value {
        None => f.write_str(", tombstone"),
        Some(value) => say(value, f),
    }
}

fn show_classic_group(value: &GroupMetadataValue, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, ", type {}, generation {}", value.protocol_type, value.generation)?;
    if let Some(protocol) = &value.protocol {
        write!(f, ", protocol {protocol}")?;
    }
    if let Some(leader) = &value.leader {
        write!(f, ", leader {leader}")?;
    }
    let members: Vec<&str> = value.members.iter().map(|member| member.member_id.as_str()).collect();
    write!(f, ", members {}", in_brackets(&members))
}

fn show_member(value: &ConsumerGroupMemberMetadataValue, f: &mut Formatter<'_>) -> fmt::Result {
    if let Some(instance) = &value.instance_id {
        write!(f, ", instance {instance}")?;
    }
    if let Some(rack) = &value.rack_id {
        write!(f, ", rack {rack}")?;
    }
    write!(f, ", topics {}", in_brackets(&value.subscribed_topic_names))?;
    if let Some(regex) = value.subscribed_topic_regex.as_deref().filter(|regex| !regex.is_empty()) {
        write!(f, ", expression {regex:?}")?;
    }
    if let Some(assignor) = &value.server_assignor {
        write!(f, ", assignor {assignor}")?;
    }
    if value.classic_member_metadata.is_some() {
        f.write_str(", in the classic protocol")?;
    }
    Ok(())
}
