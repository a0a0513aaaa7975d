//! Metadata records for people: one word, what it speaks of, and what differs from the usual.

use std::fmt::{self, Display, Formatter};

use super::{MetadataRecord, Partition, PartitionChange, RegisterBroker};
use crate::list::in_brackets;

/// `PartitionChange(0 of <topic id>, isr [1,2], leader 2)`.
impl Display for MetadataRecord {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name())?;
        match self {
            Self::RegisterBroker(record) => show_registration(record, f),
            Self::UnregisterBroker(record) => {
                write!(f, "{}, epoch {}", record.broker_id, record.broker_epoch)
            }
            Self::Topic(record) => write!(f, "{}, id {}", record.name, record.topic_id),
            Self::Partition(record) => show_partition(record, f),
            Self::Config(record) => {
                let kind = match record.resource_type {
                    super::resource_type::TOPIC => "topic",
                    super::resource_type::BROKER => "broker",
                    _ => "resource",
                };
                write!(f, "{kind} {}, {}", record.resource_name, record.name)?;
                match &record.value {
                    Some(value) => write!(f, " = {value}"),
                    None => f.write_str(" deleted"),
                }
            }
            Self::PartitionChange(record) => show_change(record, f),
            Self::FenceBroker(record) => write!(f, "{}, epoch {}", record.id, record.epoch),
            Self::UnfenceBroker(record) => write!(f, "{}, epoch {}", record.id, record.epoch),
            Self::RemoveTopic(record) => write!(f, "{}", record.topic_id),
            Self::FeatureLevel(record) => write!(f, "{} = {}", record.name, record.feature_level),
            Self::ClientQuota(record) => {
                for (i, part) in record.entity.iter().enumerate() {
                    let name = part.entity_name.as_deref().unwrap_or("<default>");
                    let comma = if i > 0 { "," } else { "" };
                    write!(f, "{comma}{}={name}", part.entity_type)?;
                }
                match record.remove {
                    true => write!(f, ", {} deleted", record.key),
                    false => write!(f, ", {} = {}", record.key, record.value.0),
                }
            }
            Self::ProducerIds(record) => {
                write!(f, "up to {} for {}", record.next_producer_id, record.broker_id)
            }
            Self::BrokerRegistrationChange(record) => {
                write!(f, "{}, epoch {}", record.broker_id, record.broker_epoch)?;
                match record.fenced {
                    1.. => f.write_str(", fenced")?,
                    0 => {}
                    ..=-1 => f.write_str(", unfenced")?,
                }
                if record.in_controlled_shutdown > 0 {
                    f.write_str(", in controlled shutdown")?;
                }
                Ok(())
            }
            Self::NoOp(_) | Self::EndTransaction(_) => Ok(()),
            Self::BeginTransaction(record) => {
                f.write_str(record.name.as_deref().unwrap_or_default())
            }
            Self::AbortTransaction(record) => {
                f.write_str(record.reason.as_deref().unwrap_or_default())
            }
            Self::ClearElr(record) => f.write_str(&record.topic_name),
        }?;
        f.write_str(")")
    }
}

fn show_registration(record: &RegisterBroker, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{}, epoch {}", record.broker_id, record.broker_epoch)?;
    if let Some(rack) = record.rack.as_deref().filter(|rack| !rack.is_empty()) {
        write!(f, ", rack {rack}")?;
    }
    if record.fenced {
        f.write_str(", fenced")?;
    }
    if record.in_controlled_shutdown {
        f.write_str(", in controlled shutdown")?;
    }
    Ok(())
}

fn show_partition(record: &Partition, f: &mut Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "{} of {}, replicas {}, isr {}, leader {}, leader epoch {}, partition epoch {}",
        record.partition_id,
        record.topic_id,
        in_brackets(&record.replicas),
        in_brackets(&record.isr),
        record.leader,
        record.leader_epoch,
        record.partition_epoch
    )?;
    for (name, list) in
        [("removing", &record.removing_replicas), ("adding", &record.adding_replicas)]
    {
        if !list.is_empty() {
            write!(f, ", {name} {}", in_brackets(list))?;
        }
    }
    if record.leader_recovery_state > 0 {
        f.write_str(", recovering")?;
    }
    if let Some(elr) = &record.eligible_leader_replicas {
        write!(f, ", elr {}", in_brackets(elr))?;
    }
    Ok(())
}

fn show_change(record: &PartitionChange, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{} of {}", record.partition_id, record.topic_id)?;
    for (name, list) in [
        ("isr", &record.isr),
        ("replicas", &record.replicas),
        ("removing", &record.removing_replicas),
        ("adding", &record.adding_replicas),
        ("elr", &record.eligible_leader_replicas),
        ("last known elr", &record.last_known_elr),
    ] {
        if let Some(list) = list {
            write!(f, ", {name} {}", in_brackets(list))?;
        }
    }
    if record.leader != PartitionChange::SAME_LEADER {
        write!(f, ", leader {}", record.leader)?;
    }
    match record.leader_recovery_state {
        1.. => f.write_str(", recovering"),
        0 => f.write_str(", recovered"),
        ..=-1 => Ok(()),
    }
}
