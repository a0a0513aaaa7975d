//! What a node says about its image: events of the room Metadata, caused by the append of the record on the quorum's leader.

use klamm_node::{Because, Context, EventKind, IfAny, LeaderEpoch, Offset};

use super::{ImageChange, MetadataImage};

impl MetadataImage {
    /// Records the events of what [`apply`](Self::apply) just changed at an offset.
    pub fn observe_changes(&self, cx: &mut Context<'_>, offset: Offset, changes: &[ImageChange]) {
        for change in changes {
            if let Some(kind) = self.event_of(offset, change) {
                cx.observe_because(kind, Because::MetadataRecord(offset));
            }
        }
    }

    /// Records that the image is that of a snapshot now, whose last record has this epoch, and what that changed.
    pub fn observe_loaded(
        &self,
        cx: &mut Context<'_>,
        epoch: LeaderEpoch,
        changes: &[ImageChange],
    ) {
        let offset = self.applied();
        let loaded = EventKind::SnapshotLoaded { offset, epoch };
        cx.observe_because(loaded, Because::MetadataRecord(offset));
        self.observe_changes(cx, offset, changes);
        self.observe_applied(cx);
    }

    /// Records how far the image is; once per delivered batch is enough.
    pub fn observe_applied(&self, cx: &mut Context<'_>) {
        let offset = self.applied();
        cx.observe_because(EventKind::MetadataApplied { offset }, Because::MetadataRecord(offset));
    }

    fn event_of(&self, offset: Offset, change: &ImageChange) -> Option<EventKind> {
        Some(match change {
            ImageChange::BrokerRegistered { broker } => {
                let image = self.broker(*broker)?;
                EventKind::BrokerRegistered {
                    offset,
                    broker: *broker,
                    broker_epoch: image.epoch,
                    incarnation: image.incarnation,
                    rack: image.rack.clone(),
                    fenced: image.fenced,
                }
            }
            ImageChange::BrokerFenced { broker } => {
                let broker_epoch = self.broker(*broker)?.epoch;
                EventKind::BrokerFenced { offset, broker: *broker, broker_epoch }
            }
            ImageChange::BrokerUnfenced { broker } => {
                let broker_epoch = self.broker(*broker)?.epoch;
                EventKind::BrokerUnfenced { offset, broker: *broker, broker_epoch }
            }
            ImageChange::BrokerShuttingDown { broker } => {
                let broker_epoch = self.broker(*broker)?.epoch;
                EventKind::BrokerShuttingDown { offset, broker: *broker, broker_epoch }
            }
            ImageChange::BrokerUnregistered { broker } => {
                EventKind::BrokerUnregistered { offset, broker: *broker }
            }
            ImageChange::TopicCreated { id, name } => {
                EventKind::TopicCreated { offset, topic: name.clone(), id: *id }
            }
            ImageChange::TopicDeleted { topic } => {
                EventKind::TopicDeleted { offset, topic: topic.name.clone(), id: topic.id }
            }
            ImageChange::PartitionChanged { partition, after, .. } => EventKind::PartitionChanged {
                offset,
                partition: partition.clone(),
                leader: after.leader,
                leader_epoch: after.leader_epoch,
                partition_epoch: after.partition_epoch,
                isr: after.isr.clone(),
                replicas: after.replicas.clone(),
                adding: IfAny(after.adding.clone()),
                removing: IfAny(after.removing.clone()),
                elr: IfAny(after.elr.clone()),
                last_known_elr: IfAny(after.last_known_elr.clone()),
            },
            ImageChange::ConfigChanged { resource, key, value } => EventKind::ConfigChanged {
                offset,
                resource: resource.to_string(),
                key: key.clone(),
                value: value.clone(),
            },
            // With what a cluster began is in its settings.
            ImageChange::FeatureLevelChanged { before: None, .. } => return None,
            ImageChange::FeatureLevelChanged { name, before: Some(_), level } => {
                EventKind::FeatureLevelChanged { offset, feature: name.clone(), level: *level }
            }
            ImageChange::QuotaChanged { entity, key, value } => EventKind::QuotaChanged {
                offset,
                entity: entity.to_string(),
                key: key.clone(),
                value: value.map(|value| value.0.to_string()),
            },
            ImageChange::ProducerIdsAllocated { broker, next_producer_id } => {
                EventKind::ProducerIdsAllocated {
                    offset,
                    broker: *broker,
                    next_producer_id: *next_producer_id,
                }
            }
        })
    }
}
