//! The image as records, for snapshots of the metadata log (KIP-630), and back.
//!
//! *Flows in*: an image, or the records of a snapshot. *Flows out*: the other of the two, and what a load changed.
//! *Must never*: leave a part of the image out. Both ways take the image apart field by field, so that a new field that
//! is forgotten here does not compile, and a property test compares whole images.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_node::config::ServerConfig;
use klamm_node::{BrokerEpoch, BrokerId, Offset, Span, Time, planted};
use klamm_protocol::MetadataRecord;
use klamm_protocol::metadata::{
    Config, FeatureLevel, Partition, ProducerIds, RegisterBroker, Topic, resource_type,
};

use super::{BrokerImage, ConfigResource, ImageChange, MetadataImage, PartitionImage, TopicImage};
use crate::features::METADATA_VERSION_FEATURE;

impl MetadataImage {
    /// The records from which an empty image becomes this one, in Kafka's order: features first, for they say how the
    /// rest is written; brokers before the partitions on them.
    ///
    /// Where a broker's registration stands in the log is not in the records: whoever loads them takes the end of the
    /// snapshot for it, as in Kafka.
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let Self {
            applied: _,
            brokers,
            topics,
            ids_by_name,
            configs,
            features,
            quotas,
            next_producer_id,
        } = self;
        let mut records = Vec::new();
        let level = |(name, level): (&String, &i16)| {
            FeatureLevel { name: name.clone(), feature_level: *level }.into()
        };
        let is_version = |feature: &(&String, &i16)| feature.0 == METADATA_VERSION_FEATURE;
        records.extend(features.iter().filter(is_version).map(level));
        records.extend(features.iter().filter(|feature| !is_version(feature)).map(level));
        records.extend(brokers.values().map(|broker| registration(broker).into()));
        for topic in ids_by_name.values().filter_map(|id| topics.get(id)) {
            let TopicImage { id, name, partitions } = topic.as_ref();
            records.push(Topic { name: name.to_string(), topic_id: *id }.into());
            records.extend(partitions.iter().map(|(index, partition)| {
                let mut record = partition_record(partition);
                (record.topic_id, record.partition_id) = (*id, *index);
                record.into()
            }));
        }
        for (resource, values) in configs {
            records.extend(values.iter().map(|(key, value)| config(resource, key, value).into()));
        }
        for (entity, values) in quotas {
            records
                .extend(values.iter().map(|(key, value)| entity.record(key, Some(*value)).into()));
        }
        if *next_producer_id > 0 {
            // Who got the last block is forgotten, as in Kafka's `ProducerIdsImage`.
            let ids = ProducerIds {
                broker_id: BrokerId::NONE,
                broker_epoch: BrokerEpoch(-1),
                next_producer_id: *next_producer_id,
            };
            records.push(ids.into());
        }
        records
    }

    /// Becomes the image of a snapshot whose last record stood at `last`, and says what that changed.
    pub fn load_snapshot(&mut self, last: Offset, records: &[MetadataRecord]) -> Vec<ImageChange> {
        let mut loaded = Self::new();
        for record in records {
            loaded.replay(last, record);
        }
        loaded.applied = last;
        let before = std::mem::replace(self, loaded);
        self.changes_since(&before)
    }

    /// What the rooms must know of the way from an older image to this one. What is gone comes first: a new topic may
    /// have the name of one that was deleted.
    fn changes_since(&self, before: &Self) -> Vec<ImageChange> {
        let Self {
            applied: _,
            brokers,
            topics,
            ids_by_name: _,
            configs,
            features,
            quotas,
            next_producer_id,
        } = self;
        let mut changes = Vec::new();
        for broker in before.brokers.keys().filter(|id| !brokers.contains_key(id)) {
            changes.push(ImageChange::BrokerUnregistered { broker: *broker });
        }
        for (id, topic) in before.topics.iter().filter(|(id, _)| !topics.contains_key(id)) {
            debug_assert!(topic.id == *id, "a topic is kept under its id");
            changes.push(ImageChange::TopicDeleted { topic: Arc::clone(topic) });
        }
        for (name, level) in changed(&before.features, features) {
            let before = before.features.get(&name).copied();
            changes.push(ImageChange::FeatureLevelChanged {
                name,
                before,
                level: level.unwrap_or(0),
            });
        }
        for broker in brokers.values() {
            broker_changes(before.brokers.get(&broker.id).map(Arc::as_ref), broker, &mut changes);
        }
        for topic in self.topics() {
            topic_changes(before.topics.get(&topic.id).map(Arc::as_ref), topic, &mut changes);
        }
        for (resource, values) in &before.configs {
            // A topic's configs go with it, and nothing is said of them then.
            let gone =
                matches!(resource, ConfigResource::Topic(name) if self.topic_id(name).is_none());
            if !gone && !configs.contains_key(resource) {
                config_changes(resource, values, &BTreeMap::new(), &mut changes);
            }
        }
        let none = BTreeMap::new();
        for (resource, values) in configs {
            let before = before.configs.get(resource).unwrap_or(&none);
            config_changes(resource, before, values, &mut changes);
        }
        super::quotas::changes(&before.quotas, quotas, &mut changes);
        if *next_producer_id != before.next_producer_id {
            // Who got the blocks in between is not in a snapshot.
            let (broker, next_producer_id) = (BrokerId::NONE, *next_producer_id);
            changes.push(ImageChange::ProducerIdsAllocated { broker, next_producer_id });
        }
        changes
    }
}

/// A broker as it stands, in the record that registers it.
fn registration(broker: &BrokerImage) -> RegisterBroker {
    let BrokerImage {
        id,
        epoch,
        incarnation,
        end_points,
        features,
        rack,
        fenced,
        in_controlled_shutdown,
        log_dirs,
        registered_at: _,
    } = broker;
    RegisterBroker {
        broker_id: *id,
        is_migrating_zk_broker: false,
        incarnation_id: *incarnation,
        broker_epoch: *epoch,
        end_points: end_points.clone(),
        features: features.clone(),
        rack: rack.clone(),
        fenced: *fenced,
        in_controlled_shutdown: *in_controlled_shutdown,
        log_dirs: log_dirs.clone(),
    }
}

/// A partition as it stands, without its name.
fn partition_record(partition: &PartitionImage) -> Partition {
    let PartitionImage {
        replicas,
        isr,
        leader,
        leader_epoch,
        partition_epoch,
        recovering,
        directories,
        adding,
        removing,
        elr,
        last_known_elr,
    } = partition;
    let some = |list: &Vec<BrokerId>| (!list.is_empty()).then(|| list.clone());
    let isr = if planted("snapshot_takes_all_for_in_sync") { replicas } else { isr };
    Partition {
        replicas: replicas.clone(),
        isr: isr.clone(),
        removing_replicas: removing.clone(),
        adding_replicas: adding.clone(),
        leader: *leader,
        leader_recovery_state: i8::from(*recovering),
        leader_epoch: *leader_epoch,
        partition_epoch: *partition_epoch,
        directories: directories.clone(),
        eligible_leader_replicas: some(elr),
        last_known_elr: some(last_known_elr),
        ..Partition::default()
    }
}

fn config(resource: &ConfigResource, key: &str, value: &str) -> Config {
    let (resource_type, resource_name) = match resource {
        ConfigResource::Topic(name) => (resource_type::TOPIC, name.to_string()),
        ConfigResource::Broker(Some(id)) => (resource_type::BROKER, id.0.to_string()),
        ConfigResource::Broker(None) => (resource_type::BROKER, String::new()),
    };
    Config { resource_type, resource_name, name: key.to_owned(), value: Some(value.to_owned()) }
}

/// The keys whose values differ, with the new value if there is one.
fn changed<V: Clone + PartialEq>(
    before: &BTreeMap<String, V>,
    after: &BTreeMap<String, V>,
) -> Vec<(String, Option<V>)> {
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), None));
    let news = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), Some(value.clone())));
    gone.chain(news).collect()
}

fn config_changes(
    resource: &ConfigResource,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    changes: &mut Vec<ImageChange>,
) {
    changes.extend(
        changed(before, after).into_iter().map(|(key, value)| ImageChange::ConfigChanged {
            resource: resource.clone(),
            key,
            value,
        }),
    );
}

fn broker_changes(
    before: Option<&BrokerImage>,
    after: &BrokerImage,
    changes: &mut Vec<ImageChange>,
) {
    let broker = after.id;
    match before.filter(|before| before.epoch == after.epoch) {
        Some(before) if before.fenced != after.fenced => changes.push(if after.fenced {
            ImageChange::BrokerFenced { broker }
        } else {
            ImageChange::BrokerUnfenced { broker }
        }),
        Some(_) => {}
        None => changes.push(ImageChange::BrokerRegistered { broker }),
    }
    let was = before.is_some_and(|before| before.in_controlled_shutdown);
    if after.in_controlled_shutdown && !was {
        changes.push(ImageChange::BrokerShuttingDown { broker });
    }
}

fn topic_changes(before: Option<&TopicImage>, after: &TopicImage, changes: &mut Vec<ImageChange>) {
    if before.is_none() {
        changes.push(ImageChange::TopicCreated { id: after.id, name: Arc::clone(&after.name) });
    }
    for (index, partition) in &after.partitions {
        let old = before.and_then(|topic| topic.partitions.get(index));
        if old != Some(partition) {
            changes.push(ImageChange::PartitionChanged {
                topic_id: after.id,
                partition: after.name_of(*index),
                before: old.cloned(),
                after: partition.clone(),
            });
        }
    }
}

/// When a node writes a snapshot: after so many bytes of records, or after so long, if anything was replayed at all.
///
/// Looked at after each publication, as in Kafka's `SnapshotGenerator`: time alone writes no snapshot. And what a node replays
/// while it catches up counts for nothing: the generator is first told of an image when the loader has caught up with the
/// quorum's high watermark, and it counts from there.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotPolicy {
    caught_up: bool,
    max_bytes: u64,
    max_interval: Span,
    bytes: u64,
    since: Time,
}

impl SnapshotPolicy {
    /// As a node's settings have it.
    pub fn new(settings: &ServerConfig, now: Time) -> Self {
        Self {
            max_bytes: settings.metadata_log_max_record_bytes_between_snapshots,
            max_interval: settings.metadata_log_max_snapshot_interval,
            caught_up: false,
            bytes: 0,
            since: now,
        }
    }

    /// The image has everything that was committed when its node learnt how much that is: from now on it counts.
    pub fn caught_up(&mut self, now: Time) {
        if !std::mem::replace(&mut self.caught_up, true) {
            self.loaded(now);
        }
    }

    /// So many bytes of batches were replayed at once; says why a snapshot is due, if one is, and begins to count anew then.
    pub fn replayed(&mut self, bytes: u64, now: Time) -> Option<&'static str> {
        if !self.caught_up {
            return None;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        let reason = if self.bytes >= self.max_bytes {
            "record-bytes"
        } else if self.max_interval > Span::ZERO && now.since(self.since) >= self.max_interval {
            "snapshot-interval"
        } else {
            return None;
        };
        self.loaded(now);
        Some(reason)
    }

    /// A snapshot was loaded: what it holds needs no other.
    pub fn loaded(&mut self, now: Time) {
        self.bytes = 0;
        self.since = now;
    }
}
