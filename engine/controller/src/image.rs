//! The metadata image: what the metadata log says up to an offset, as every node knows it.
//!
//! *Flows in*: [`MetadataRecord`](klamm_protocol::MetadataRecord)s in log order, through [`MetadataImage::apply`], the only
//! mutator. *Flows out*: [`ImageChange`]s for the rooms, and Room::Metadata events.
//! *Must never*: decide anything. Applying the same records gives the same image on every node (S26).
//!
//! A clone is cheap: topics and brokers are shared until one of the two changes them.
//!
//! Deliberately not here: ACLs, SCRAM; they come with their features.

mod apply;
mod observe;
mod quotas;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_node::config::{ServerConfig, TopicConfig};
use klamm_node::{
    BrokerEpoch, BrokerId, DirectoryId, Endpoint, IncarnationId, LeaderEpoch, Offset,
    PartitionEpoch, TopicId, TopicName, TopicPartition,
};
use klamm_protocol::metadata::{BrokerEndpoint, BrokerFeature, Double};

pub use apply::ImageChange;
pub use quotas::{QuotaEntity, QuotaName};
pub use snapshot::SnapshotPolicy;

/// Cluster metadata up to an offset of the metadata log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetadataImage {
    applied: Offset,
    brokers: BTreeMap<BrokerId, Arc<BrokerImage>>,
    topics: BTreeMap<TopicId, Arc<TopicImage>>,
    ids_by_name: BTreeMap<TopicName, TopicId>,
    configs: BTreeMap<ConfigResource, BTreeMap<String, String>>,
    features: BTreeMap<String, i16>,
    quotas: BTreeMap<QuotaEntity, BTreeMap<String, Double>>,
    next_producer_id: i64,
}

/// A registered broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerImage {
    /// Its `node.id`.
    pub id: BrokerId,
    /// The epoch of its registration; changes with every new incarnation.
    pub epoch: BrokerEpoch,
    /// The process that registered.
    pub incarnation: IncarnationId,
    /// Where it listens, in the order of its registration.
    pub end_points: Vec<BrokerEndpoint>,
    /// What it supports.
    pub features: Vec<BrokerFeature>,
    /// Where it stands.
    pub rack: Option<String>,
    /// True while it may not lead or join an ISR.
    pub fenced: bool,
    /// True once it has asked to leave in an orderly way (KIP-841).
    pub in_controlled_shutdown: bool,
    /// Its log directories (KIP-858).
    pub log_dirs: Vec<DirectoryId>,
    /// The offset of its newest registration record: a heartbeat from at or behind it may unfence.
    pub registered_at: Offset,
}

/// A topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicImage {
    /// Its identity.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// Its partitions by index.
    pub partitions: BTreeMap<i32, PartitionImage>,
}

/// A partition's controller state. Invariants: ISR and ELR are disjoint subsets of the replicas; the ISR is empty only with
/// eligible leader replicas, and then nobody leads; the leader, if there is one, is in the ISR; both epochs only grow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionImage {
    /// All replicas, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// The in-sync replicas.
    pub isr: Vec<BrokerId>,
    /// The leader, or [`BrokerId::NONE`].
    pub leader: BrokerId,
    /// Changes with every new leader.
    pub leader_epoch: LeaderEpoch,
    /// Changes with every change of the partition (KIP-497).
    pub partition_epoch: PartitionEpoch,
    /// True while a leader out of the ISR has not yet reported its recovery (KIP-704).
    pub recovering: bool,
    /// The log directory of each replica (KIP-858).
    pub directories: Vec<DirectoryId>,
    /// Replicas on their way in (KIP-455).
    pub adding: Vec<BrokerId>,
    /// Replicas on their way out (KIP-455).
    pub removing: Vec<BrokerId>,
    /// The eligible leader replicas: they hold every committed record, although they are not in the ISR (KIP-966).
    pub elr: Vec<BrokerId>,
    /// Who led when the ISR became empty, until somebody leads again (KIP-966).
    pub last_known_elr: Vec<BrokerId>,
}

/// What a config belongs to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ConfigResource {
    /// A topic.
    Topic(TopicName),
    /// A broker; none stands for the default of all brokers.
    Broker(Option<BrokerId>),
}

impl Default for MetadataImage {
    fn default() -> Self {
        Self {
            applied: Offset(-1),
            brokers: BTreeMap::new(),
            topics: BTreeMap::new(),
            ids_by_name: BTreeMap::new(),
            configs: BTreeMap::new(),
            features: BTreeMap::new(),
            quotas: BTreeMap::new(),
            next_producer_id: 0,
        }
    }
}

impl MetadataImage {
    /// The image of an empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// The offset of the last applied record; -1 before the first.
    pub fn applied(&self) -> Offset {
        self.applied
    }

    /// Whether no record said anything yet.
    pub fn is_empty(&self) -> bool {
        self.brokers.is_empty() && self.topics.is_empty() && self.features.is_empty()
    }

    /// A registered broker.
    pub fn broker(&self, id: BrokerId) -> Option<&BrokerImage> {
        self.brokers.get(&id).map(Arc::as_ref)
    }

    /// Every registered broker, by id.
    pub fn brokers(&self) -> impl Iterator<Item = &BrokerImage> {
        self.brokers.values().map(Arc::as_ref)
    }

    /// Whether a broker may lead and join ISRs: registered, not fenced, not leaving (KIP-841).
    pub fn is_active(&self, id: BrokerId) -> bool {
        self.broker(id).is_some_and(BrokerImage::is_active)
    }

    /// A topic by name.
    pub fn topic(&self, name: &str) -> Option<&TopicImage> {
        self.topic_by_id(*self.ids_by_name.get(name)?)
    }

    /// A topic by id.
    pub fn topic_by_id(&self, id: TopicId) -> Option<&TopicImage> {
        self.topics.get(&id).map(Arc::as_ref)
    }

    /// A topic's id.
    pub fn topic_id(&self, name: &str) -> Option<TopicId> {
        self.ids_by_name.get(name).copied()
    }

    /// A topic's name.
    pub fn topic_name(&self, id: TopicId) -> Option<&TopicName> {
        self.topic_by_id(id).map(|topic| &topic.name)
    }

    /// Every topic, by name.
    pub fn topics(&self) -> impl Iterator<Item = &TopicImage> {
        self.ids_by_name.values().filter_map(|id| self.topic_by_id(*id))
    }

    /// A partition by topic name and index.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<&PartitionImage> {
        self.topic(topic)?.partitions.get(&partition)
    }

    /// A partition by topic id and index.
    pub fn partition_by_id(&self, topic: TopicId, partition: i32) -> Option<&PartitionImage> {
        self.topic_by_id(topic)?.partitions.get(&partition)
    }

    /// Every partition, by topic name and index.
    pub fn partitions(&self) -> impl Iterator<Item = (&TopicImage, i32, &PartitionImage)> {
        self.topics().flat_map(|topic| {
            topic.partitions.iter().map(move |(index, partition)| (topic, *index, partition))
        })
    }

    /// What was set for a resource, by key.
    pub fn config(&self, resource: &ConfigResource) -> Option<&BTreeMap<String, String>> {
        self.configs.get(resource)
    }

    /// A topic's effective settings: its own over the server's. A stored value that this build can't read falls back.
    pub fn topic_config(&self, topic: &str, server: &ServerConfig) -> TopicConfig {
        let mut config = topic_defaults(server);
        if let Some(set) = self.configs.get(&ConfigResource::Topic(topic.into())) {
            for (key, value) in set {
                // The controller validated the value when it was set; a key of a newer build stays unused.
                drop(config.set(key, value));
            }
        }
        config
    }

    /// The level of a finalized feature (KIP-584).
    pub fn feature(&self, name: &str) -> Option<i16> {
        self.features.get(name).copied()
    }

    /// Every finalized feature and its level.
    pub fn features(&self) -> impl Iterator<Item = (&str, i16)> {
        self.features.iter().map(|(name, level)| (name.as_str(), *level))
    }

    /// The first producer id that is not handed out yet (KIP-730).
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }
}

impl BrokerImage {
    /// Whether it may lead and join ISRs.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Where the listener of that name is, if it has one.
    pub fn endpoint(&self, listener: &str) -> Option<Endpoint> {
        let found = self.end_points.iter().find(|end_point| end_point.name == listener)?;
        Some(Endpoint::new(found.host.as_str(), found.port))
    }

    /// Where its first listener is.
    pub fn first_endpoint(&self) -> Option<Endpoint> {
        let first = self.end_points.first()?;
        Some(Endpoint::new(first.host.as_str(), first.port))
    }
}

impl TopicImage {
    /// A partition's name.
    pub fn name_of(&self, partition: i32) -> TopicPartition {
        TopicPartition::new(Arc::clone(&self.name), partition)
    }
}

impl PartitionImage {
    /// Whether it has a leader.
    pub fn has_leader(&self) -> bool {
        self.leader != BrokerId::NONE
    }

    /// Whether its leader is the first of its replicas.
    pub fn has_preferred_leader(&self) -> bool {
        self.replicas.first() == Some(&self.leader)
    }

    /// Whether replicas are on their way in or out (KIP-455).
    pub fn is_reassigning(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }
}

/// As Kafka writes it in tools: `topic:orders`, `broker:1`, `broker:`.
impl std::fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic:{name}"),
            Self::Broker(Some(id)) => write!(f, "broker:{id}"),
            Self::Broker(None) => f.write_str("broker:"),
        }
    }
}

/// A topic's settings when none are its own: each server key that stands behind a topic key.
pub fn topic_defaults(server: &ServerConfig) -> TopicConfig {
    TopicConfig {
        min_insync_replicas: server.min_insync_replicas,
        unclean_leader_election_enable: server.unclean_leader_election_enable,
        max_message_bytes: server.message_max_bytes,
        segment_bytes: server.log_segment_bytes,
        index_interval_bytes: server.log_index_interval_bytes,
        flush_messages: server.log_flush_interval_messages,
        message_timestamp_type: server.log_message_timestamp_type.clone(),
        cleanup_policy: server.log_cleanup_policy.clone(),
        ..TopicConfig::default()
    }
}
