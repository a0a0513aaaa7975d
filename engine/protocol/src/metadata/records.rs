//! The table of metadata records: one declaration yields the structs, their defaults, their bytes and the enum.

use klamm_node::{
    BrokerEpoch, BrokerId, DirectoryId, IncarnationId, LeaderEpoch, PartitionEpoch, TopicId,
};

use super::MetadataError;
use super::field::Double;
use super::field::{FieldType, Reader, Writer};
use crate::cursor::{Cursor, Malformed};

/// Writes a field: untagged ones in order, tagged ones only when they differ from the default.
macro_rules! put_field {
    ($writer:ident, $value:expr, $default:expr) => {
        $writer.put(&$value);
    };
    ($writer:ident, $value:expr, $default:expr, $tag:literal) => {
        if $value != $default {
            $writer.put_tagged($tag, &$value);
        }
    };
}

/// Reads a field that is not tagged into a variable of its name.
macro_rules! get_untagged {
    ($reader:ident, $field:ident, $default:expr, $since:literal) => {
        let $field = $reader.get($since)?.unwrap_or_else(|| $default);
    };
    ($reader:ident, $field:ident, $default:expr, $since:literal, $tag:literal) => {};
}

/// A field's value once the tagged fields are there.
macro_rules! get_field {
    ($tagged:ident, $field:ident, $default:expr, $since:literal) => {
        $field
    };
    ($tagged:ident, $field:ident, $default:expr, $since:literal, $tag:literal) => {
        $tagged.get($since, $tag)?.unwrap_or_else(|| $default)
    };
}

macro_rules! message {
    (
        $(#[doc = $doc:literal])+
        $name:ident {$(
            $(#[doc = $field_doc:literal])+
            $field:ident: $type:ty = $default:expr, since $since:literal $(tag $tag:literal)?;
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

        impl $name {
            fn write(&self, writer: &mut Writer) {
                $(if writer.has($since) {
                    put_field!(writer, self.$field, $default $(, $tag)?);
                })*
                writer.end_message();
            }

            fn read(reader: &mut Reader<'_, '_>) -> Result<Self, Malformed> {
                $(get_untagged!(reader, $field, $default, $since $(, $tag)?);)*
                let tagged = reader.tagged()?;
                let message = Self {
                    $($field: get_field!(tagged, $field, $default, $since $(, $tag)?),)*
                };
                tagged.end_message(message)
            }
        }
    };
}

macro_rules! records {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident = $key:literal, latest $latest:literal { $($fields:tt)* }
    )*) => {
        $(message! { $(#[doc = $doc])+ $name { $($fields)* } })*

        /// A record of the metadata log.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum MetadataRecord {$(
            $(#[doc = $doc])+
            $name($name),
        )*}

        $(impl From<$name> for MetadataRecord {
            fn from(record: $name) -> Self {
                Self::$name(record)
            }
        })*

        impl MetadataRecord {
            /// The type's number.
            pub fn key(&self) -> u16 {
                match self { $(Self::$name(_) => $key,)* }
            }

            /// The type's name: Kafka's, without `Record`.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)* }
            }

            pub(super) fn latest_version(&self) -> i16 {
                match self { $(Self::$name(_) => $latest,)* }
            }

            pub(super) fn write(&self, writer: &mut Writer) {
                match self { $(Self::$name(record) => record.write(writer),)* }
            }

            pub(super) fn read(key: u32, version: u32, cursor: &mut Cursor<'_>) -> Result<Self, MetadataError> {
                match key {
                    $($key => {
                        let version = i16::try_from(version)
                            .ok()
                            .filter(|version| *version <= $latest)
                            .ok_or(MetadataError::Version { name: stringify!($name), version })?;
                        Ok(Self::$name($name::read(&mut Reader::new(version, cursor))?))
                    })*
                    _ => Err(MetadataError::UnknownType { key }),
                }
            }
        }
    };
}

message! {
    /// Where a broker listens.
    BrokerEndpoint {
        /// The listener's name.
        name: String = String::new(), since 0;
        /// Its host.
        host: String = String::new(), since 0;
        /// Its port.
        port: u16 = 0, since 0;
        /// 0 for plaintext.
        security_protocol: i16 = 0, since 0;
    }
}

message! {
    /// A feature that a broker supports, with its range of levels.
    BrokerFeature {
        /// The feature's name.
        name: String = String::new(), since 0;
        /// The lowest level.
        min_supported_version: i16 = 0, since 0;
        /// The highest level.
        max_supported_version: i16 = 0, since 0;
    }
}

message! {
    /// A part of whom a quota is for.
    QuotaEntityPart {
        /// `user`, `client-id` or `ip`.
        entity_type: String = String::new(), since 0;
        /// Its name; none for whoever has no quota of their own.
        entity_name: Option<String> = Some(String::new()), since 0;
    }
}

macro_rules! elements {
    ($($name:ident)*) => {$(
        impl FieldType for $name {
            fn put(&self, out: &mut Vec<u8>) {
                // These have looked the same in every version so far.
                let mut writer = Writer::new(0);
                self.write(&mut writer);
                out.append(&mut writer.into_bytes());
            }
            fn get(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
                Self::read(&mut Reader::new(0, cursor))
            }
        }
    )*};
}

elements! { BrokerEndpoint BrokerFeature QuotaEntityPart }

records! {
    /// A broker registered (KIP-631): a new incarnation with a new epoch.
    RegisterBroker = 0, latest 3 {
        /// The broker.
        broker_id: BrokerId = BrokerId(0), since 0;
        /// A relic of the migration from ZooKeeper; always false.
        is_migrating_zk_broker: bool = false, since 2;
        /// The process that registered.
        incarnation_id: IncarnationId = IncarnationId::ZERO, since 0;
        /// The broker epoch: the offset of this record.
        broker_epoch: BrokerEpoch = BrokerEpoch(0), since 0;
        /// Where it listens.
        end_points: Vec<BrokerEndpoint> = Vec::new(), since 0;
        /// What it supports.
        features: Vec<BrokerFeature> = Vec::new(), since 0;
        /// Where it stands.
        rack: Option<String> = Some(String::new()), since 0;
        /// Whether it may not lead yet; true at registration.
        fenced: bool = true, since 0;
        /// Whether it is about to shut down (KIP-841).
        in_controlled_shutdown: bool = false, since 1;
        /// Its log directories (KIP-858).
        log_dirs: Vec<DirectoryId> = Vec::new(), since 3 tag 0;
    }

    /// A broker is gone for good (KIP-631).
    UnregisterBroker = 1, latest 0 {
        /// The broker.
        broker_id: BrokerId = BrokerId(0), since 0;
        /// The incarnation that goes.
        broker_epoch: BrokerEpoch = BrokerEpoch(0), since 0;
    }

    /// A topic exists; its partitions follow.
    Topic = 2, latest 0 {
        /// Its name.
        name: String = String::new(), since 0;
        /// Its id.
        topic_id: TopicId = TopicId::ZERO, since 0;
    }

    /// A partition exists, in this state.
    Partition = 3, latest 2 {
        /// Its index.
        partition_id: i32 = -1, since 0;
        /// Its topic.
        topic_id: TopicId = TopicId::ZERO, since 0;
        /// Its replicas, the preferred leader first.
        replicas: Vec<BrokerId> = Vec::new(), since 0;
        /// The in-sync replicas.
        isr: Vec<BrokerId> = Vec::new(), since 0;
        /// Replicas on their way out (KIP-455).
        removing_replicas: Vec<BrokerId> = Vec::new(), since 0;
        /// Replicas on their way in (KIP-455).
        adding_replicas: Vec<BrokerId> = Vec::new(), since 0;
        /// Its leader, or -1.
        leader: BrokerId = BrokerId::NONE, since 0;
        /// 1 while the leader recovers from an unclean election, else 0.
        leader_recovery_state: i8 = 0, since 0 tag 0;
        /// The leader's epoch.
        leader_epoch: LeaderEpoch = LeaderEpoch::NONE, since 0;
        /// The version of all this.
        partition_epoch: PartitionEpoch = PartitionEpoch(-1), since 0;
        /// The log directory of each replica, in the replicas' order (KIP-858).
        directories: Vec<DirectoryId> = Vec::new(), since 1;
        /// Replicas that may lead although they are not in the ISR (KIP-966).
        eligible_leader_replicas: Option<Vec<BrokerId>> = None, since 2 tag 1;
        /// The last ISR members known before the ELR was lost (KIP-966).
        last_known_elr: Option<Vec<BrokerId>> = None, since 2 tag 2;
    }

    /// A config key of a resource was set or deleted.
    Config = 4, latest 0 {
        /// See [`resource_type`](super::resource_type).
        resource_type: i8 = 0, since 0;
        /// The resource's name; empty for the default of all brokers.
        resource_name: String = String::new(), since 0;
        /// The key.
        name: String = String::new(), since 0;
        /// The value; none deletes it.
        value: Option<String> = Some(String::new()), since 0;
    }

    /// A partition's state changed; what is absent stays.
    PartitionChange = 5, latest 2 {
        /// Its index.
        partition_id: i32 = -1, since 0;
        /// Its topic.
        topic_id: TopicId = TopicId::ZERO, since 0;
        /// The new ISR.
        isr: Option<Vec<BrokerId>> = None, since 0 tag 0;
        /// The new leader, -1 for nobody, [`Self::SAME_LEADER`] for no change.
        leader: BrokerId = Self::SAME_LEADER, since 0 tag 1;
        /// The new replicas.
        replicas: Option<Vec<BrokerId>> = None, since 0 tag 2;
        /// The new replicas on their way out.
        removing_replicas: Option<Vec<BrokerId>> = None, since 0 tag 3;
        /// The new replicas on their way in.
        adding_replicas: Option<Vec<BrokerId>> = None, since 0 tag 4;
        /// 0 recovered, 1 recovering from an unclean election, -1 for no change.
        leader_recovery_state: i8 = -1, since 0 tag 5;
        /// The new log directory of each replica.
        directories: Option<Vec<DirectoryId>> = None, since 1 tag 8;
        /// The new eligible leader replicas (KIP-966).
        eligible_leader_replicas: Option<Vec<BrokerId>> = None, since 2 tag 6;
        /// The new last known ELR (KIP-966).
        last_known_elr: Option<Vec<BrokerId>> = None, since 2 tag 7;
    }

    /// A broker may not lead or be in an ISR.
    FenceBroker = 7, latest 0 {
        /// The broker.
        id: BrokerId = BrokerId(0), since 0;
        /// The incarnation.
        epoch: BrokerEpoch = BrokerEpoch(0), since 0;
    }

    /// A broker may lead again.
    UnfenceBroker = 8, latest 0 {
        /// The broker.
        id: BrokerId = BrokerId(0), since 0;
        /// The incarnation.
        epoch: BrokerEpoch = BrokerEpoch(0), since 0;
    }

    /// A topic and its partitions are gone.
    RemoveTopic = 9, latest 0 {
        /// The topic.
        topic_id: TopicId = TopicId::ZERO, since 0;
    }

    /// A feature has this level in the cluster from here on (KIP-584).
    FeatureLevel = 12, latest 0 {
        /// The feature's name.
        name: String = String::new(), since 0;
        /// Its level; 0 for 'not used'.
        feature_level: i16 = 0, since 0;
    }

    /// A quota of clients was set or taken away (KIP-546).
    ClientQuota = 14, latest 0 {
        /// Whom it is for.
        entity: Vec<QuotaEntityPart> = Vec::new(), since 0;
        /// The quota: `producer_byte_rate`, ...
        key: String = String::new(), since 0;
        /// Its value.
        value: Double = Double(0.0), since 0;
        /// True if it is taken away.
        remove: bool = false, since 0;
    }

    /// Producer ids up to the next one are handed out (KIP-730).
    ProducerIds = 15, latest 0 {
        /// The broker that asked.
        broker_id: BrokerId = BrokerId(0), since 0;
        /// Its incarnation.
        broker_epoch: BrokerEpoch = BrokerEpoch(-1), since 0;
        /// The first id of the next block.
        next_producer_id: i64 = 0, since 0;
    }

    /// A broker was fenced or unfenced, or is shutting down (KIP-841).
    BrokerRegistrationChange = 17, latest 2 {
        /// The broker.
        broker_id: BrokerId = BrokerId(0), since 0;
        /// Its incarnation.
        broker_epoch: BrokerEpoch = BrokerEpoch(0), since 0;
        /// 1 fenced, -1 unfenced, 0 no change.
        fenced: i8 = 0, since 0 tag 0;
        /// 1 about to shut down, 0 no change.
        in_controlled_shutdown: i8 = 0, since 1 tag 1;
        /// Its log directories; empty for no change.
        log_dirs: Vec<DirectoryId> = Vec::new(), since 2 tag 2;
    }

    /// The active controller is alive (KIP-835).
    NoOp = 20, latest 0 {}

    /// Records up to the end of the transaction hold together (KIP-868).
    BeginTransaction = 23, latest 0 {
        /// What for.
        name: Option<String> = None, since 0 tag 0;
    }

    /// The transaction holds (KIP-868).
    EndTransaction = 24, latest 0 {}

    /// The transaction never happened (KIP-868).
    AbortTransaction = 25, latest 0 {
        /// Why.
        reason: Option<String> = None, since 0 tag 0;
    }

    /// A topic's eligible leader replicas are forgotten (KIP-966).
    ClearElr = 28, latest 0 {
        /// The topic; empty for all.
        topic_name: String = String::new(), since 0;
    }
}

impl PartitionChange {
    /// The leader of a change that leaves the leader as it is.
    pub const SAME_LEADER: BrokerId = BrokerId(-2);
}
