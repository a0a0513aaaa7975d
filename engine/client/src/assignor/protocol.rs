//! The bytes in JoinGroup and SyncGroup by which members speak with their leader: `ConsumerProtocolSubscription` and
//! `ConsumerProtocolAssignment`, each behind its version, as the Java clients write them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use klamm_node::{TopicName, TopicPartition};
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, consumer_protocol_assignment,
    consumer_protocol_subscription,
};
use klamm_protocol::kafka::protocol::{Decodable, Encodable};
use thiserror::Error;

/// The newest version of both.
const NEWEST: i16 = 3;

/// Bytes that are not what they should be.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ProtocolError {
    /// They end too early, or say nonsense.
    #[error("{0}")]
    Malformed(String),
}

/// What a member says of itself when it joins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subscription {
    /// The topics that it reads.
    pub topics: BTreeSet<TopicName>,
    /// What its assignor says to itself.
    pub user_data: Option<Bytes>,
    /// The partitions that it has (from version 1 on).
    pub owned: Vec<TopicPartition>,
    /// The generation in which it got them (from version 2 on, KIP-792).
    pub generation: Option<i32>,
    /// Where it stands (from version 3 on, KIP-881).
    pub rack: Option<String>,
}

/// Partitions by topic, both in order.
fn by_topic(partitions: &[TopicPartition]) -> BTreeMap<&TopicName, Vec<i32>> {
    let mut topics: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    topics.values_mut().for_each(|partitions| partitions.sort_unstable());
    topics
}

/// What a member sends: version 3.
pub fn subscription_bytes(subscription: &Subscription) -> Bytes {
    let owned = by_topic(&subscription.owned).into_iter().map(|(name, partitions)| {
        consumer_protocol_subscription::TopicPartition::default()
            .with_topic(convert::topic(name))
            .with_partitions(partitions)
    });
    let message = ConsumerProtocolSubscription::default()
        .with_topics(subscription.topics.iter().map(|topic| convert::text(topic)).collect())
        .with_user_data(subscription.user_data.clone())
        .with_owned_partitions(owned.collect())
        .with_generation_id(subscription.generation.unwrap_or(-1))
        .with_rack_id(subscription.rack.as_deref().map(convert::text));
    written(&message)
}

/// What a leader sends a member: version 3.
pub fn assignment_bytes(partitions: &[TopicPartition], user_data: Option<&Bytes>) -> Bytes {
    let assigned = by_topic(partitions).into_iter().map(|(name, partitions)| {
        consumer_protocol_assignment::TopicPartition::default()
            .with_topic(convert::topic(name))
            .with_partitions(partitions)
    });
    let message = ConsumerProtocolAssignment::default()
        .with_assigned_partitions(assigned.collect())
        .with_user_data(user_data.cloned());
    written(&message)
}

fn written(message: &impl Encodable) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(NEWEST);
    message.encode(&mut bytes, NEWEST).expect("every field fits the newest version");
    bytes.freeze()
}

/// Reads a member's subscription of any version; a newer one is read as the newest known.
///
/// # Errors
/// Bytes that are not a subscription.
pub fn read_subscription(bytes: &Bytes) -> Result<Subscription, ProtocolError> {
    let message: ConsumerProtocolSubscription = read(bytes)?;
    let owned = message.owned_partitions.iter().flat_map(|topic| {
        let name = convert::topic_name(&topic.topic);
        topic
            .partitions
            .iter()
            .map(move |partition| TopicPartition::new(TopicName::clone(&name), *partition))
    });
    Ok(Subscription {
        topics: message.topics.iter().map(|topic| TopicName::from(topic.as_str())).collect(),
        user_data: message.user_data,
        owned: owned.collect(),
        generation: Some(message.generation_id).filter(|generation| *generation >= 0),
        rack: message.rack_id.map(|rack| rack.to_string()),
    })
}

/// Reads an assignment of any version; a newer one is read as the newest known.
///
/// # Errors
/// Bytes that are not an assignment.
pub fn read_assignment(bytes: &Bytes) -> Result<Vec<TopicPartition>, ProtocolError> {
    let message: ConsumerProtocolAssignment = read(bytes)?;
    let assigned = message.assigned_partitions.iter().flat_map(|topic| {
        let name = convert::topic_name(&topic.topic);
        topic
            .partitions
            .iter()
            .map(move |partition| TopicPartition::new(TopicName::clone(&name), *partition))
    });
    Ok(assigned.collect())
}

/// The codec believes the lengths of arrays, and these bytes come from anybody in the group: so each is looked at first.
struct Walk<'a>(&'a [u8]);

impl Walk<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    /// The length of an array of items that take at least so many bytes.
    fn array(&mut self, least: usize) -> Option<usize> {
        let count = i32::from_be_bytes(self.take(4)?.try_into().ok()?);
        let count = usize::try_from(count).ok()?;
        (count.checked_mul(least)? <= self.0.len()).then_some(count)
    }

    fn string(&mut self) -> Option<()> {
        let length = i16::from_be_bytes(self.take(2)?.try_into().ok()?);
        self.take(usize::try_from(length).unwrap_or(0)).map(|_| ())
    }

    fn user_data(&mut self) -> Option<()> {
        let length = i32::from_be_bytes(self.take(4)?.try_into().ok()?);
        self.take(usize::try_from(length).unwrap_or(0)).map(|_| ())
    }

    fn strings(&mut self) -> Option<()> {
        for _ in 0..self.array(2)? {
            self.string()?;
        }
        Some(())
    }

    fn partitions(&mut self) -> Option<()> {
        for _ in 0..self.array(6)? {
            self.string()?;
            let count = self.array(4)?;
            self.take(count * 4)?;
        }
        Some(())
    }
}

/// A message whose arrays can be walked before it is decoded.
trait Walked: Decodable {
    fn walk(walk: &mut Walk<'_>, version: i16) -> Option<()>;
}

impl Walked for ConsumerProtocolSubscription {
    fn walk(walk: &mut Walk<'_>, version: i16) -> Option<()> {
        walk.strings()?;
        walk.user_data()?;
        if version >= 1 { walk.partitions() } else { Some(()) }
    }
}

impl Walked for ConsumerProtocolAssignment {
    fn walk(walk: &mut Walk<'_>, _version: i16) -> Option<()> {
        walk.partitions()
    }
}

fn read<M: Walked>(bytes: &Bytes) -> Result<M, ProtocolError> {
    let mut body = bytes.clone();
    if body.remaining() < 2 {
        return Err(ProtocolError::Malformed("no version".to_owned()));
    }
    let version = body.get_i16();
    if version < 0 {
        return Err(ProtocolError::Malformed(format!("version {version}")));
    }
    let version = version.min(NEWEST);
    if M::walk(&mut Walk(&body), version).is_none() {
        return Err(ProtocolError::Malformed("an array longer than its message".to_owned()));
    }
    M::decode(&mut body, version).map_err(|error| ProtocolError::Malformed(error.to_string()))
}
