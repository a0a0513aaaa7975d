//! What an operator asks of a cluster about its topics, partitions and brokers: the questions of [`super::versions`] whose
//! answers come from the active controller, or tell what it decided.

use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, ApiKey, CreatePartitionsRequest, DeleteTopicsRequest,
    DescribeTopicPartitionsRequest, ElectLeadersRequest, ListPartitionReassignmentsRequest,
    RequestKind, ResponseKind, UnregisterBrokerRequest,
};
use klamm_node::TopicId;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::BrokerId;

const NONE: i16 = 0;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_PARTITIONS: i16 = 37;
const INVALID_REPLICA_ASSIGNMENT: i16 = 39;
const ELECTION_NOT_NEEDED: i16 = 84;
const NO_REASSIGNMENT_IN_PROGRESS: i16 = 85;
const UNKNOWN_TOPIC_ID: i16 = 100;
const BROKER_ID_NOT_REGISTERED: i16 = 102;

fn delete(version: i16, name: Option<&str>, id: TopicId) -> RequestKind {
    let request = DeleteTopicsRequest::default().with_timeout_ms(5_000);
    RequestKind::DeleteTopics(if version >= 6 {
        let topic = DeleteTopicState::default().with_name(name.map(convert::topic));
        request.with_topics(vec![topic.with_topic_id(convert::topic_uuid(id))])
    } else {
        request.with_topic_names(name.map(convert::topic).into_iter().collect())
    })
}

fn grow(name: &str, count: i32) -> RequestKind {
    let topic = CreatePartitionsTopic::default()
        .with_name(convert::topic(name))
        .with_count(count)
        .with_assignments(None);
    let request = CreatePartitionsRequest::default().with_timeout_ms(5_000);
    RequestKind::CreatePartitions(request.with_topics(vec![topic]))
}

fn elect(name: &str) -> RequestKind {
    let topic =
        TopicPartitions::default().with_topic(convert::topic(name)).with_partitions(vec![0]);
    let request = ElectLeadersRequest::default().with_timeout_ms(5_000);
    RequestKind::ElectLeaders(request.with_topic_partitions(Some(vec![topic])))
}

fn reassign(name: &str, replicas: Option<Vec<i32>>) -> RequestKind {
    let replicas = replicas.map(|ids| ids.into_iter().map(BrokerId).collect());
    let partition =
        ReassignablePartition::default().with_partition_index(0).with_replicas(replicas);
    let topic = ReassignableTopic::default()
        .with_name(convert::topic(name))
        .with_partitions(vec![partition]);
    let request = AlterPartitionReassignmentsRequest::default().with_timeout_ms(5_000);
    RequestKind::AlterPartitionReassignments(request.with_topics(vec![topic]))
}

fn describe(names: &[&str]) -> RequestKind {
    let topics = names.iter().map(|name| TopicRequest::default().with_name(convert::topic(name)));
    let request = DescribeTopicPartitionsRequest::default().with_response_partition_limit(10);
    RequestKind::DescribeTopicPartitions(request.with_topics(topics.collect()))
}

/// Requests and the error that each answer must carry; none for an API that is not of this kind. `topic` has one partition on
/// broker 1; `fresh-N` and `default-N` were made by the questions of CreateTopics version N.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn questions(key: ApiKey, version: i16, topic: &str) -> Option<Vec<(RequestKind, i16)>> {
    let unknown = UNKNOWN_TOPIC_OR_PARTITION;
    Some(match key {
        ApiKey::DeleteTopics => {
            let fresh = format!("fresh-{}", version + 1);
            let mut all = vec![
                (delete(version, Some(&fresh), TopicId::ZERO), NONE),
                (delete(version, Some(&fresh), TopicId::ZERO), unknown),
            ];
            if version >= 6 {
                all.push((delete(version, None, TopicId(0x1234_5678)), UNKNOWN_TOPIC_ID));
            }
            all
        }
        ApiKey::CreatePartitions => {
            let topic = format!("default-{}", version + 4);
            vec![
                (grow(&topic, 5), NONE),
                (grow(&topic, 5), INVALID_PARTITIONS),
                (grow("nothing", 5), unknown),
            ]
        }
        ApiKey::ElectLeaders => {
            vec![(elect(topic), ELECTION_NOT_NEEDED), (elect("nothing"), unknown)]
        }
        ApiKey::AlterPartitionReassignments => vec![
            (reassign(topic, Some(vec![1])), NONE),
            (reassign(topic, Some(vec![7])), INVALID_REPLICA_ASSIGNMENT),
            (reassign(topic, None), NO_REASSIGNMENT_IN_PROGRESS),
            (reassign("nothing", Some(vec![1])), unknown),
        ],
        ApiKey::ListPartitionReassignments => {
            let request = ListPartitionReassignmentsRequest::default().with_topics(None);
            vec![(RequestKind::ListPartitionReassignments(request), NONE)]
        }
        ApiKey::UnregisterBroker => {
            let request = UnregisterBrokerRequest::default().with_broker_id(BrokerId(77));
            vec![(RequestKind::UnregisterBroker(request), BROKER_ID_NOT_REGISTERED)]
        }
        ApiKey::DescribeTopicPartitions => vec![
            (describe(&[topic]), NONE),
            (describe(&[]), NONE),
            (describe(&["nothing"]), unknown),
        ],
        _ => return None,
    })
}

/// The error of the first topic or partition of an answer, with a look at the rest; none for an answer that is not of this
/// kind.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn error_of(response: &ResponseKind) -> Option<i16> {
    Some(match response {
        ResponseKind::DeleteTopics(response) => response.responses[0].error_code,
        ResponseKind::CreatePartitions(response) => {
            let answer = &response.results[0];
            assert_eq!(answer.error_code == NONE, answer.error_message.is_none(), "{answer:?}");
            answer.error_code
        }
        ResponseKind::ElectLeaders(response) => {
            assert_eq!(response.error_code, NONE);
            response.replica_election_results[0].partition_result[0].error_code
        }
        ResponseKind::AlterPartitionReassignments(response) => {
            assert_eq!(response.error_code, NONE);
            response.responses[0].partitions[0].error_code
        }
        ResponseKind::ListPartitionReassignments(response) => {
            assert!(response.topics.is_empty(), "nothing is being moved");
            response.error_code
        }
        ResponseKind::UnregisterBroker(response) => response.error_code,
        ResponseKind::DescribeTopicPartitions(response) => {
            let answer = &response.topics[0];
            if answer.error_code == NONE {
                let partition = &answer.partitions[0];
                assert_eq!(partition.leader_id, BrokerId(1), "{partition:?}");
                assert_eq!(partition.eligible_leader_replicas, Some(Vec::new()));
            }
            answer.error_code
        }
        _ => return None,
    })
}
