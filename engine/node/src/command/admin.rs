//! What an operator asks of a cluster through the admin client, in the words of Kafka's own `Admin`.

use std::fmt::{self, Display};

use super::group::GroupAdmin;
use crate::effects::Endpoint;
use crate::id::{BrokerId, Offset, TopicName, TopicPartition};

/// A request of an operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdminRequest {
    /// A topic is deleted, with everything in it.
    DeleteTopic {
        /// The topic's name.
        topic: TopicName,
    },
    /// A topic gets more partitions (CreatePartitions).
    AddPartitions {
        /// The topic's name.
        topic: TopicName,
        /// How many it has afterwards.
        count: i32,
        /// Replicas of each new partition, leader first; empty leaves the choice to the controller.
        assignments: Vec<Vec<BrokerId>>,
    },
    /// Partitions get another leader (KIP-183, KIP-460).
    ElectLeaders {
        /// True: any live replica, whatever is lost; false: the preferred one.
        unclean: bool,
        /// Which; empty for all.
        partitions: Vec<TopicPartition>,
    },
    /// Partitions move to other brokers (KIP-455).
    Reassign {
        /// The replicas that each shall have; none calls a move off.
        moves: Vec<(TopicPartition, Option<Vec<BrokerId>>)>,
    },
    /// A config is set or taken away (IncrementalAlterConfigs, KIP-339).
    AlterConfig {
        /// Whose.
        resource: ConfigTarget,
        /// Keys, and their values; none takes the key away.
        changes: Vec<(String, Option<String>)>,
    },
    /// The first records of a partition are given up (KIP-107).
    DeleteRecords {
        /// The partition.
        partition: TopicPartition,
        /// The first offset that stays; -1 for the high watermark.
        before: Offset,
    },
    /// A quota of clients is set or taken away (KIP-546).
    SetQuota {
        /// `user`, `client-id` or `ip` with a name; none for the default of that type.
        entity: Vec<(String, Option<String>)>,
        /// `producer_byte_rate`, `consumer_byte_rate`, ...
        key: String,
        /// The value; none takes it away.
        value: Option<u64>,
    },
    /// A feature gets another level (KIP-584, KIP-778).
    UpdateFeature {
        /// `metadata.version`, `eligible.leader.replicas.version`, ...
        feature: String,
        /// The level; 0 takes it away.
        level: i16,
        /// Whether the level may be lower than it is.
        downgrade: Downgrade,
    },
    /// A controller becomes a voter of the metadata quorum (KIP-853).
    AddVoter {
        /// Its node id.
        controller: BrokerId,
        /// Its controller listener.
        listener: Endpoint,
    },
    /// A voter of the metadata quorum is one no more (KIP-853).
    RemoveVoter {
        /// Its node id.
        controller: BrokerId,
    },
    /// A broker that is gone for good is forgotten.
    UnregisterBroker {
        /// Its node id.
        broker: BrokerId,
    },
    /// Something about consumer groups.
    Group(GroupAdmin),
}

/// Whose config.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ConfigTarget {
    /// A topic's.
    Topic(TopicName),
    /// A broker's.
    Broker(BrokerId),
    /// Every broker's that has none of its own.
    AllBrokers,
}

/// Whether a feature's level may be lowered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Downgrade {
    /// It may not.
    No,
    /// It may, if nothing is lost by it.
    Safe,
    /// It may, whatever is lost.
    Unsafe,
}

/// The request as a person would say it: `delete topic orders`.
impl Display for AdminRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeleteTopic { topic } => write!(f, "delete topic {topic}"),
            Self::AddPartitions { topic, count, .. } => {
                write!(f, "give topic {topic} {count} partitions")
            }
            Self::ElectLeaders { unclean, partitions } => {
                let what = if *unclean { "any live replica" } else { "the preferred replica" };
                write!(f, "elect {what} of {}", some_or_all(partitions, "every partition"))
            }
            Self::Reassign { moves } => {
                for (index, (partition, replicas)) in moves.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    match replicas {
                        Some(replicas) => write!(f, "move {partition} to [{}]", list(replicas))?,
                        None => write!(f, "call off the move of {partition}")?,
                    }
                }
                Ok(())
            }
            Self::AlterConfig { resource, changes } => {
                for (index, (key, value)) in changes.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    match value {
                        Some(value) => write!(f, "set {key}={value}")?,
                        None => write!(f, "take {key} away")?,
                    }
                }
                write!(f, " of {resource}")
            }
            Self::DeleteRecords { partition, before: Offset(-1) } => {
                write!(f, "delete the records of {partition} up to its high watermark")
            }
            Self::DeleteRecords { partition, before } => {
                write!(f, "delete the records of {partition} before {before}")
            }
            Self::SetQuota { entity, key, value } => {
                match value {
                    Some(value) => write!(f, "set quota {key}={value} of ")?,
                    None => write!(f, "take quota {key} away of ")?,
                }
                for (index, (kind, name)) in entity.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    let name = name.as_deref().unwrap_or("<default>");
                    write!(f, "{separator}{kind} {name}")?;
                }
                Ok(())
            }
            Self::UpdateFeature { feature, level, .. } => {
                write!(f, "set feature {feature}={level}")
            }
            Self::AddVoter { controller, .. } => write!(f, "make {controller} a voter"),
            Self::RemoveVoter { controller } => write!(f, "make {controller} a voter no more"),
            Self::UnregisterBroker { broker } => write!(f, "unregister broker {broker}"),
            Self::Group(request) => request.fmt(f),
        }
    }
}

impl Display for ConfigTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => write!(f, "topic {topic}"),
            Self::Broker(broker) => write!(f, "broker {broker}"),
            Self::AllBrokers => f.write_str("every broker"),
        }
    }
}

fn list<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn some_or_all<T: Display>(items: &[T], all: &str) -> String {
    if items.is_empty() { all.to_owned() } else { list(items) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_as_a_person_says_them() {
        let partition = TopicPartition::new("orders", 0);
        let said = |request: AdminRequest| request.to_string();
        let moves =
            vec![(partition.clone(), Some(vec![BrokerId(2), BrokerId(3)])), (partition, None)];
        assert_eq!(
            said(AdminRequest::Reassign { moves }),
            "move orders-0 to [2, 3], call off the move of orders-0"
        );
        assert_eq!(
            said(AdminRequest::ElectLeaders { unclean: false, partitions: Vec::new() }),
            "elect the preferred replica of every partition"
        );
        assert_eq!(
            said(AdminRequest::AlterConfig {
                resource: ConfigTarget::AllBrokers,
                changes: vec![("min.insync.replicas".to_owned(), None)],
            }),
            "take min.insync.replicas away of every broker"
        );
        assert_eq!(
            said(AdminRequest::SetQuota {
                entity: vec![("client-id".to_owned(), None)],
                key: "producer_byte_rate".to_owned(),
                value: Some(1024),
            }),
            "set quota producer_byte_rate=1024 of client-id <default>"
        );
    }
}
