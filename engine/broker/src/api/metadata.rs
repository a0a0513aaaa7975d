//! Metadata (key 3, versions 0 to 13), on the broker listener. Reads the metadata image.
//!
//! Errors per topic: UNKNOWN_TOPIC_OR_PARTITION (also while the topic is being created), UNKNOWN_TOPIC_ID,
//! INVALID_TOPIC_EXCEPTION. Errors per partition: LEADER_NOT_AVAILABLE, LISTENER_NOT_FOUND.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_controller::image::{MetadataImage, PartitionImage, TopicImage};
use klamm_node::{BrokerId, Endpoint, Stream, TopicId, TopicName};
use klamm_protocol::convert;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use klamm_protocol::kafka::messages::{self, MetadataRequest};

use super::authorized;

/// A response, and the topics that should be created because it had to say that they are unknown.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The response.
    pub response: MetadataResponse,
    /// Topics for the controller to create.
    pub create: Vec<TopicName>,
}

/// The first version in which topics may be asked for by their ids alone (KIP-516).
const FIRST_BY_ID: i16 = 12;

/// What a topic of the request is named by.
enum Asked {
    Name(TopicName),
    Id(TopicId),
}

/// Answers from the image.
pub fn answer(
    request: &MetadataRequest,
    version: i16,
    cluster_id: &str,
    auto_create: bool,
    random: &mut Stream,
    image: &MetadataImage,
) -> Answer {
    let alive = alive(image);
    let tells = version >= 8 && request.include_topic_authorized_operations;
    let describe = |topic: &TopicImage| {
        let described = describe(topic, version, &alive, image);
        if tells {
            described.with_topic_authorized_operations(authorized::TOPIC)
        } else {
            described
        }
    };
    let mut create = Vec::new();
    let topics: Vec<MetadataResponseTopic> = match asked(request, version) {
        None => image.topics().map(describe).collect(),
        Some(asked) => {
            let auto_create = auto_create && (version < 4 || request.allow_auto_topic_creation);
            let described = asked.into_iter().map(|asked| match asked {
                Asked::Id(id) => match image.topic_by_id(id) {
                    Some(topic) => describe(topic),
                    None => MetadataResponseTopic::default()
                        .with_name(None)
                        .with_topic_id(convert::topic_uuid(id))
                        .with_error_code(ErrorCode::UNKNOWN_TOPIC_ID.0),
                },
                Asked::Name(name) => match image.topic(&name) {
                    Some(topic) => describe(topic),
                    None => {
                        let valid = is_topic_name(&name);
                        let code = if auto_create && !valid {
                            ErrorCode::INVALID_TOPIC_EXCEPTION
                        } else {
                            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                        };
                        if auto_create && valid {
                            create.push(Arc::clone(&name));
                        }
                        MetadataResponseTopic::default()
                            .with_name(Some(convert::topic(&name)))
                            .with_error_code(code.0)
                    }
                },
            });
            described.collect()
        }
    };
    let brokers = alive.iter().map(|(id, (at, rack))| {
        let broker = MetadataResponseBroker::default()
            .with_node_id(wire(*id))
            .with_host(convert::text(&at.host))
            .with_port(i32::from(at.port));
        broker.with_rack(rack.as_deref().filter(|_| version >= 1).map(convert::text))
    });
    let response = MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id((version >= 2).then(|| convert::text(cluster_id)))
        .with_controller_id(wire(some_broker(image, random)))
        .with_topics(topics);
    // Told in versions 8 to 10; later it is DescribeCluster's.
    let tells = (8..=10).contains(&version) && request.include_cluster_authorized_operations;
    let response = if tells {
        response.with_cluster_authorized_operations(authorized::CLUSTER)
    } else {
        response
    };
    Answer { response, create }
}

/// A random alive broker: what a KRaft broker names as controller, since clients can't reach the real one and any broker
/// forwards to it (KIP-590).
pub fn some_broker(image: &MetadataImage, random: &mut Stream) -> BrokerId {
    let alive: Vec<BrokerId> = alive(image).into_keys().collect();
    alive.get(random.index(alive.len())).copied().unwrap_or(BrokerId::NONE)
}

type Alive = BTreeMap<BrokerId, (Endpoint, Option<String>)>;

/// Brokers that are not fenced and have this listener.
fn alive(image: &MetadataImage) -> Alive {
    let alive = image.brokers().filter(|broker| !broker.fenced);
    alive
        .filter_map(|broker| {
            let at = broker.endpoint(crate::LISTENER_NAME)?;
            Some((broker.id, (at, broker.rack.clone())))
        })
        .collect()
}

/// The topics asked for; none for all. In version 0 an empty list stands for all, later a null one.
///
/// One id that is not zero makes it a request by ids, and names are passed over, which need not be null
/// (`KafkaApis.handleTopicMetadataRequest`): the Java client leaves them empty (KIP-516).
fn asked(request: &MetadataRequest, version: i16) -> Option<Vec<Asked>> {
    let topics = request.topics.as_ref()?;
    if version == 0 && topics.is_empty() {
        return None;
    }
    let mut ids: Vec<TopicId> = Vec::new();
    if version >= FIRST_BY_ID {
        for topic in topics {
            let id = convert::topic_id(topic.topic_id);
            if id != TopicId::ZERO && !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    if !ids.is_empty() {
        return Some(ids.into_iter().map(Asked::Id).collect());
    }
    let asked = topics.iter().map(|topic| match &topic.name {
        Some(name) => Asked::Name(convert::topic_name(name)),
        None => Asked::Id(TopicId::ZERO),
    });
    Some(asked.collect())
}

fn describe(
    topic: &TopicImage,
    version: i16,
    alive: &Alive,
    image: &MetadataImage,
) -> MetadataResponseTopic {
    let partitions = topic
        .partitions
        .iter()
        .map(|(index, partition)| describe_partition(*index, partition, version, alive, image));
    MetadataResponseTopic::default()
        .with_name(Some(convert::topic(&topic.name)))
        .with_topic_id(convert::topic_uuid(topic.id))
        .with_is_internal(version >= 1 && is_internal(&topic.name))
        .with_partitions(partitions.collect())
}

fn describe_partition(
    index: i32,
    partition: &PartitionImage,
    version: i16,
    alive: &Alive,
    image: &MetadataImage,
) -> MetadataResponsePartition {
    let leads = alive.contains_key(&partition.leader);
    let code = if leads {
        ErrorCode::NONE
    } else if version >= 6 && image.broker(partition.leader).is_some() {
        ErrorCode::LISTENER_NOT_FOUND
    } else {
        ErrorCode::LEADER_NOT_AVAILABLE
    };
    let ids = |ids: &[BrokerId]| ids.iter().map(|id| wire(*id)).collect();
    let offline: Vec<BrokerId> =
        partition.replicas.iter().copied().filter(|id| !alive.contains_key(id)).collect();
    let described = MetadataResponsePartition::default()
        .with_error_code(code.0)
        .with_partition_index(index)
        .with_leader_id(wire(if leads { partition.leader } else { BrokerId::NONE }))
        .with_replica_nodes(ids(&partition.replicas))
        .with_isr_nodes(ids(&partition.isr));
    let described = if version >= 7 {
        described.with_leader_epoch(partition.leader_epoch.0)
    } else {
        described
    };
    if version >= 5 { described.with_offline_replicas(ids(&offline)) } else { described }
}

fn wire(id: BrokerId) -> messages::BrokerId {
    messages::BrokerId(id.0)
}

/// Topics that brokers keep for themselves.
pub(crate) fn is_internal(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

/// 1 to 249 letters, digits, dots, underscores and hyphens, but not `.` or `..`.
pub fn is_topic_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&name.len()) && name.chars().all(legal) && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use klamm_node::Purpose;
    use klamm_protocol::kafka::messages::metadata_request::MetadataRequestTopic;

    use super::*;

    fn ask(topics: Option<Vec<&str>>, version: i16, auto_create: bool) -> Answer {
        let topics = topics.map(|names| {
            let topic =
                |name| MetadataRequestTopic::default().with_name(Some(convert::topic(name)));
            names.into_iter().map(topic).collect()
        });
        let request = MetadataRequest::default().with_topics(topics);
        let mut random = Stream::new(1, Purpose::ClientChoice, 0, 0);
        answer(&request, version, "c", auto_create, &mut random, &MetadataImage::new())
    }

    #[test]
    fn an_unknown_topic_is_unknown_and_about_to_be_created() {
        let answer = ask(Some(vec!["orders", "no/name"]), 9, true);
        let codes: Vec<i16> = answer.response.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [3, 17]);
        assert_eq!(answer.create, ["orders".into()]);
        assert_eq!(ask(Some(vec!["orders"]), 9, false).create, Vec::<TopicName>::new());
    }

    #[test]
    fn empty_and_null_mean_different_things_in_version_0_and_later() {
        let request = |topics| MetadataRequest::default().with_topics(topics);
        assert!(asked(&request(Some(Vec::new())), 0).is_none());
        assert!(asked(&request(Some(Vec::new())), 1).is_some_and(|asked| asked.is_empty()));
        assert!(asked(&request(None), 1).is_none());
    }

    #[test]
    fn an_id_makes_it_a_request_by_ids_whatever_names_say() {
        let with = |name: Option<&str>, id: u128| {
            MetadataRequestTopic::default()
                .with_name(name.map(convert::topic))
                .with_topic_id(convert::topic_uuid(TopicId(id)))
        };
        let kinds = |topics: Vec<MetadataRequestTopic>, version| {
            let request = MetadataRequest::default().with_topics(Some(topics));
            let asked = asked(&request, version).expect("not all of them");
            let kind = |asked: &Asked| match asked {
                Asked::Name(name) => format!("name {name}"),
                Asked::Id(TopicId(id)) => format!("id {id}"),
            };
            asked.iter().map(kind).collect::<Vec<_>>()
        };
        // As Java writes it: the name is empty, not null.
        assert_eq!(kinds(vec![with(Some(""), 7)], 13), ["id 7"]);
        assert_eq!(
            kinds(vec![with(None, 7), with(Some(""), 7), with(None, 8)], 12),
            ["id 7", "id 8"]
        );
        assert_eq!(kinds(vec![with(Some("a"), 0), with(Some("b"), 9)], 13), ["id 9"]);
        assert_eq!(kinds(vec![with(Some("a"), 0), with(Some("b"), 0)], 13), ["name a", "name b"]);
        let answer = answer(
            &MetadataRequest::default().with_topics(Some(vec![with(Some(""), 7)])),
            13,
            "c",
            true,
            &mut Stream::new(1, Purpose::ClientChoice, 0, 0),
            &MetadataImage::new(),
        );
        let topic = &answer.response.topics[0];
        assert_eq!((topic.error_code, topic.name.is_none()), (ErrorCode::UNKNOWN_TOPIC_ID.0, true));
        assert_eq!(topic.topic_id, convert::topic_uuid(TopicId(7)));
        assert!(answer.create.is_empty(), "an id creates nothing");
    }

    #[test]
    fn without_a_broker_alive_nobody_is_named_as_controller() {
        assert_eq!(ask(None, 9, true).response.controller_id, messages::BrokerId(-1));
    }

    #[test]
    fn topic_names() {
        assert!(is_topic_name("a.b_c-9") && is_topic_name(&"x".repeat(249)));
        for bad in ["", ".", "..", "a b", "ä"] {
            assert!(!is_topic_name(bad), "{bad}");
        }
        assert!(!is_topic_name(&"x".repeat(250)));
    }
}
