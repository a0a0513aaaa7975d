//! What this room asks of the metadata image: the few look-ups that its decisions rest on.

use klamm_controller::image::{MetadataImage, PartitionImage};
use klamm_node::{BrokerEpoch, BrokerId, Endpoint, TopicId, TopicName, TopicPartition};
use klamm_protocol::ErrorCode;

use super::PartitionKey;

/// The broker's image of cluster metadata.
pub type Image = MetadataImage;

/// A broker as this room needs it. Borrowed: every partition of every follower's fetch asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broker<'a> {
    /// The epoch of its registration.
    pub epoch: BrokerEpoch,
    /// Where other brokers and clients reach it.
    pub host: &'a str,
    /// The port there.
    pub port: u16,
    /// Where it stands.
    pub rack: Option<&'a str>,
}

impl Broker<'_> {
    /// Where it is reached: what was `known` before if that is still so, without another copy of the name.
    pub(super) fn endpoint(&self, known: &mut Option<Endpoint>) -> Endpoint {
        match known {
            Some(known) if *known.host == *self.host && known.port == self.port => known.clone(),
            Some(_) | None => known.insert(Endpoint::new(self.host, self.port)).clone(),
        }
    }
}

/// A registered broker with a listener.
pub(super) fn broker(image: &Image, id: BrokerId) -> Option<Broker<'_>> {
    let broker = image.broker(id)?;
    let listener = broker.end_points.first()?;
    let (host, port) = (listener.host.as_str(), listener.port);
    Some(Broker { epoch: broker.epoch, host, port, rack: broker.rack.as_deref() })
}

/// A topic by name.
pub(super) fn topic_by_name(image: &Image, name: &str) -> Option<(TopicId, TopicName)> {
    image.topic(name).map(|topic| (topic.id, TopicName::clone(&topic.name)))
}

/// A topic by id.
pub(super) fn topic_by_id(image: &Image, id: TopicId) -> Option<(TopicId, TopicName)> {
    image.topic_name(id).map(|name| (id, TopicName::clone(name)))
}

/// A partition's controller state.
pub(super) fn partition(image: &Image, key: PartitionKey) -> Option<&PartitionImage> {
    image.partition_by_id(key.topic, key.partition)
}

/// A partition's name, by its topic's id if the topic is gone.
pub(super) fn partition_name(image: &Image, key: PartitionKey) -> TopicPartition {
    match image.topic_by_id(key.topic) {
        Some(topic) => topic.name_of(key.partition),
        None => TopicPartition::new(key.topic.to_string(), key.partition),
    }
}

/// The error for a partition of which this broker has no replica.
pub(super) fn not_hosted(image: &Image, key: PartitionKey) -> ErrorCode {
    if partition(image, key).is_some() {
        ErrorCode::NOT_LEADER_OR_FOLLOWER
    } else {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    }
}

/// Whether a follower may be in an ISR as far as metadata says: it is neither fenced nor leaving (KIP-841), and the broker
/// epoch that its fetches carry is that of its present incarnation (KIP-903). A follower that never said counts as the
/// present one, as before KIP-903; one that has not fetched in this leadership does not count.
pub(super) fn is_isr_eligible(
    image: &Image,
    id: BrokerId,
    fetched_with: Option<BrokerEpoch>,
) -> bool {
    let (Some(broker), Some(epoch)) = (image.broker(id), fetched_with) else { return false };
    broker.is_active() && (epoch.0 < 0 || epoch == broker.epoch)
}
