//! What a node says about its image: events of the room Metadata, caused by the append of the record on the quorum's leader.

use klamm_node::{Because, Context, EventKind, Offset};

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
            },
            ImageChange::ConfigChanged { resource, key, value } => EventKind::ConfigChanged {
                offset,
                resource: resource.to_string(),
                key: key.clone(),
                value: value.clone(),
            },
            // The lab shows features where they matter: in what brokers and clients do with them.
            ImageChange::FeatureLevelChanged { .. } => return None,
        })
    }
}
