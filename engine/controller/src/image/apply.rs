//! How a metadata record changes the image.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_node::{
    BrokerEpoch, BrokerId, LeaderEpoch, Offset, TopicId, TopicName, TopicPartition, planted,
};
use klamm_protocol::MetadataRecord;
use klamm_protocol::metadata::{
    BrokerRegistrationChange, Config, Double, FeatureLevel, Partition, PartitionChange,
    RegisterBroker, RemoveTopic, Topic, resource_type,
};

use super::{BrokerImage, ConfigResource, MetadataImage, PartitionImage, QuotaEntity, TopicImage};

/// What one record changed in an image.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a few per record, and gone once the rooms have seen them"
)]
pub enum ImageChange {
    /// A broker registered, anew or again.
    BrokerRegistered {
        /// The broker.
        broker: BrokerId,
    },
    /// A broker is fenced from now on.
    BrokerFenced {
        /// The broker.
        broker: BrokerId,
    },
    /// A broker is no longer fenced.
    BrokerUnfenced {
        /// The broker.
        broker: BrokerId,
    },
    /// A broker is leaving in an orderly way.
    BrokerShuttingDown {
        /// The broker.
        broker: BrokerId,
    },
    /// A broker is no longer registered.
    BrokerUnregistered {
        /// The broker.
        broker: BrokerId,
    },
    /// A topic exists; its partitions follow as changes of their own.
    TopicCreated {
        /// Its id.
        id: TopicId,
        /// Its name.
        name: TopicName,
    },
    /// A topic is gone with its partitions.
    TopicDeleted {
        /// What it was.
        topic: Arc<TopicImage>,
    },
    /// A partition is new or differs.
    PartitionChanged {
        /// Its topic's id.
        topic_id: TopicId,
        /// Its name.
        partition: TopicPartition,
        /// What it was; none if it is new.
        before: Option<PartitionImage>,
        /// What it is.
        after: PartitionImage,
    },
    /// A config key has a value, or none any more.
    ConfigChanged {
        /// What it belongs to.
        resource: ConfigResource,
        /// The key.
        key: String,
        /// The value; none if removed.
        value: Option<String>,
    },
    /// A feature has a level.
    FeatureLevelChanged {
        /// Its name.
        name: String,
        /// Its level before; none if it is the first.
        before: Option<i16>,
        /// Its level; 0 for 'not used'.
        level: i16,
    },
    /// A client quota has a value, or none any more.
    QuotaChanged {
        /// Whom it is for.
        entity: QuotaEntity,
        /// The quota.
        key: String,
        /// The value; none if removed.
        value: Option<Double>,
    },
    /// A broker got a block of producer ids.
    ProducerIdsAllocated {
        /// The broker.
        broker: BrokerId,
        /// The first id that nobody has.
        next_producer_id: i64,
    },
}

impl MetadataImage {
    /// Applies the record at an offset and says what it changed. A record about something that the image does not hold
    /// changes nothing: it can only follow an earlier record that this build refused.
    ///
    /// Simplified: metadata transactions (KIP-868) hold at once; nothing here writes any. Kafka writes
    /// the first records of a cluster in one, and the settings among them last: its first offsets are two higher.
    pub fn apply(&mut self, offset: Offset, record: &MetadataRecord) -> Vec<ImageChange> {
        debug_assert!(
            offset > self.applied,
            "records come in log order: {offset} after {}",
            self.applied
        );
        self.applied = offset;
        self.replay(offset, record)
    }

    /// Applies a record without a look at the order: those of a snapshot have lost their offsets.
    pub(super) fn replay(&mut self, offset: Offset, record: &MetadataRecord) -> Vec<ImageChange> {
        match record {
            MetadataRecord::RegisterBroker(record) => self.apply_register(offset, record),
            MetadataRecord::UnregisterBroker(record) => self.apply_unregister(record.broker_id),
            MetadataRecord::BrokerRegistrationChange(record) => {
                self.apply_registration_change(record)
            }
            MetadataRecord::FenceBroker(record) => {
                self.apply_fencing(record.id, record.epoch, true)
            }
            MetadataRecord::UnfenceBroker(record) => {
                self.apply_fencing(record.id, record.epoch, false)
            }
            MetadataRecord::Topic(record) => self.apply_topic(record),
            MetadataRecord::RemoveTopic(record) => self.apply_remove_topic(record),
            MetadataRecord::Partition(record) => self.apply_partition(record),
            MetadataRecord::PartitionChange(record) => self.apply_partition_change(record),
            MetadataRecord::Config(record) => self.apply_config(record),
            MetadataRecord::FeatureLevel(record) => self.apply_feature_level(record),
            MetadataRecord::ClientQuota(record) => self.apply_client_quota(record),
            MetadataRecord::ProducerIds(record) => {
                self.next_producer_id = record.next_producer_id;
                vec![ImageChange::ProducerIdsAllocated {
                    broker: record.broker_id,
                    next_producer_id: record.next_producer_id,
                }]
            }
            MetadataRecord::NoOp(_)
            | MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_) => Vec::new(),
            MetadataRecord::ClearElr(record) => self.apply_clear_elr(&record.topic_name),
        }
    }

    fn apply_register(&mut self, offset: Offset, record: &RegisterBroker) -> Vec<ImageChange> {
        let broker = BrokerImage {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation: record.incarnation_id,
            end_points: record.end_points.clone(),
            features: record.features.clone(),
            rack: record.rack.clone(),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            log_dirs: record.log_dirs.clone(),
            registered_at: offset,
        };
        self.brokers.insert(broker.id, Arc::new(broker));
        vec![ImageChange::BrokerRegistered { broker: record.broker_id }]
    }

    fn apply_unregister(&mut self, broker: BrokerId) -> Vec<ImageChange> {
        match self.brokers.remove(&broker) {
            Some(_) => vec![ImageChange::BrokerUnregistered { broker }],
            None => Vec::new(),
        }
    }

    fn apply_registration_change(&mut self, record: &BrokerRegistrationChange) -> Vec<ImageChange> {
        let mut changes = match record.fenced {
            1 => self.apply_fencing(record.broker_id, record.broker_epoch, true),
            -1 => self.apply_fencing(record.broker_id, record.broker_epoch, false),
            _ => Vec::new(),
        };
        if let Some(broker) = self.registered(record.broker_id, record.broker_epoch) {
            if !record.log_dirs.is_empty() {
                broker.log_dirs.clone_from(&record.log_dirs);
            }
            if record.in_controlled_shutdown == 1 && !broker.in_controlled_shutdown {
                broker.in_controlled_shutdown = true;
                changes.push(ImageChange::BrokerShuttingDown { broker: record.broker_id });
            }
        }
        changes
    }

    fn apply_fencing(
        &mut self,
        id: BrokerId,
        epoch: BrokerEpoch,
        fenced: bool,
    ) -> Vec<ImageChange> {
        let Some(broker) = self.registered(id, epoch) else { return Vec::new() };
        if broker.fenced == fenced {
            return Vec::new();
        }
        broker.fenced = fenced;
        vec![if fenced {
            ImageChange::BrokerFenced { broker: id }
        } else {
            ImageChange::BrokerUnfenced { broker: id }
        }]
    }

    fn registered(&mut self, id: BrokerId, epoch: BrokerEpoch) -> Option<&mut BrokerImage> {
        let broker = self.brokers.get_mut(&id)?;
        (broker.epoch == epoch).then(|| Arc::make_mut(broker))
    }

    fn apply_topic(&mut self, record: &Topic) -> Vec<ImageChange> {
        let name: TopicName = record.name.as_str().into();
        let id = record.topic_id;
        let topic = TopicImage { id, name: Arc::clone(&name), partitions: BTreeMap::new() };
        self.ids_by_name.insert(Arc::clone(&name), id);
        self.topics.insert(id, Arc::new(topic));
        vec![ImageChange::TopicCreated { id, name }]
    }

    fn apply_remove_topic(&mut self, record: &RemoveTopic) -> Vec<ImageChange> {
        let Some(topic) = self.topics.remove(&record.topic_id) else { return Vec::new() };
        self.ids_by_name.remove(&topic.name);
        self.configs.remove(&ConfigResource::Topic(Arc::clone(&topic.name)));
        vec![ImageChange::TopicDeleted { topic }]
    }

    fn apply_partition(&mut self, record: &Partition) -> Vec<ImageChange> {
        let Some(topic) = self.topics.get_mut(&record.topic_id) else { return Vec::new() };
        let topic = Arc::make_mut(topic);
        let after = PartitionImage {
            replicas: record.replicas.clone(),
            isr: record.isr.clone(),
            leader: record.leader,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
            recovering: record.leader_recovery_state == 1,
            directories: record.directories.clone(),
            adding: record.adding_replicas.clone(),
            removing: record.removing_replicas.clone(),
            elr: record.eligible_leader_replicas.clone().unwrap_or_default(),
            last_known_elr: record.last_known_elr.clone().unwrap_or_default(),
        };
        let before = topic.partitions.insert(record.partition_id, after.clone());
        let partition = topic.name_of(record.partition_id);
        vec![ImageChange::PartitionChanged { topic_id: record.topic_id, partition, before, after }]
    }

    fn apply_partition_change(&mut self, record: &PartitionChange) -> Vec<ImageChange> {
        let Some(topic) = self.topics.get_mut(&record.topic_id) else { return Vec::new() };
        let topic = Arc::make_mut(topic);
        let Some(before) = topic.partitions.get(&record.partition_id).cloned() else {
            return Vec::new();
        };
        let after = before.merged(record);
        topic.partitions.insert(record.partition_id, after.clone());
        let partition = topic.name_of(record.partition_id);
        let before = Some(before);
        vec![ImageChange::PartitionChanged { topic_id: record.topic_id, partition, before, after }]
    }

    /// The eligible leaders of a topic, or of all, are forgotten: the min ISR that made them eligible is another now.
    fn apply_clear_elr(&mut self, topic: &str) -> Vec<ImageChange> {
        let mut changes = Vec::new();
        for (id, found) in &mut self.topics {
            let concerned = |partition: &PartitionImage| {
                !partition.elr.is_empty() || !partition.last_known_elr.is_empty()
            };
            if !(topic.is_empty() || *found.name == *topic)
                || !found.partitions.values().any(concerned)
            {
                continue;
            }
            let found = Arc::make_mut(found);
            let name = Arc::clone(&found.name);
            for (index, partition) in &mut found.partitions {
                if !concerned(partition) {
                    continue;
                }
                let nobody = PartitionChange {
                    eligible_leader_replicas: Some(Vec::new()),
                    last_known_elr: Some(Vec::new()),
                    ..PartitionChange::default()
                };
                let after = partition.merged(&nobody);
                let before = Some(std::mem::replace(partition, after.clone()));
                let partition = TopicPartition::new(Arc::clone(&name), *index);
                changes.push(ImageChange::PartitionChanged {
                    topic_id: *id,
                    partition,
                    before,
                    after,
                });
            }
        }
        changes
    }

    fn apply_feature_level(&mut self, record: &FeatureLevel) -> Vec<ImageChange> {
        let (name, level) = (record.name.clone(), record.feature_level);
        let before = if level == 0 {
            self.features.remove(&name)
        } else {
            self.features.insert(name.clone(), level)
        };
        vec![ImageChange::FeatureLevelChanged { name, before, level }]
    }

    fn apply_config(&mut self, record: &Config) -> Vec<ImageChange> {
        let resource = match record.resource_type {
            resource_type::TOPIC => ConfigResource::Topic(record.resource_name.as_str().into()),
            resource_type::BROKER if record.resource_name.is_empty() => {
                ConfigResource::Broker(None)
            }
            resource_type::BROKER => match record.resource_name.parse() {
                Ok(id) => ConfigResource::Broker(Some(BrokerId(id))),
                Err(_) => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        let of_resource = self.configs.entry(resource.clone()).or_default();
        match &record.value {
            Some(value) => of_resource.insert(record.name.clone(), value.clone()),
            None => of_resource.remove(&record.name),
        };
        if of_resource.is_empty() {
            self.configs.remove(&resource);
        }
        let (key, value) = (record.name.clone(), record.value.clone());
        vec![ImageChange::ConfigChanged { resource, key, value }]
    }
}

impl PartitionImage {
    /// The partition after a change: absent fields stay, the partition epoch grows with every change, the leader epoch
    /// with every change that names a leader. A change of the ISR alone leaves it as it is (KAFKA-15021, since 3.6): the
    /// partition epoch is then the only guard against a stale AlterPartition.
    pub fn merged(&self, change: &PartitionChange) -> Self {
        let mut after = self.clone();
        let replace = |list: &mut Vec<BrokerId>, new: &Option<Vec<BrokerId>>| {
            if let Some(new) = new {
                list.clone_from(new);
            }
        };
        replace(&mut after.replicas, &change.replicas);
        replace(&mut after.isr, &change.isr);
        replace(&mut after.adding, &change.adding_replicas);
        replace(&mut after.removing, &change.removing_replicas);
        replace(&mut after.elr, &change.eligible_leader_replicas);
        replace(&mut after.last_known_elr, &change.last_known_elr);
        if let Some(directories) = &change.directories {
            after.directories.clone_from(directories);
        }
        if change.leader != PartitionChange::SAME_LEADER {
            after.leader = change.leader;
            let next = i32::from(!planted("leader_epoch_not_bumped"));
            after.leader_epoch = LeaderEpoch(self.leader_epoch.0.saturating_add(next));
        }
        match change.leader_recovery_state {
            0 => after.recovering = false,
            1 => after.recovering = true,
            _ => {}
        }
        if !planted("partition_epoch_not_bumped") {
            after.partition_epoch = self.partition_epoch.next();
        }
        after
    }
}
