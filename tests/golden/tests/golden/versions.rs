//! Every API of the broker's listener in every version that it serves: a well-formed request gets an answer that another
//! implementation can read at that version, whether it succeeds or not. Versions that are not served end the connection,
//! except for ApiVersions (KIP-511).

use bytes::Bytes;
use kafka_protocol::messages::api_versions_request::ApiVersionsRequest;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use kafka_protocol::messages::describe_cluster_request::DescribeClusterRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kafka_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use kafka_protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kafka_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind, TopicName};
use kafka_protocol::protocol::StrBytes;
use klamm_node::{EventKind, Span, Timestamp, TopicId};
use klamm_protocol::kafka::messages::BrokerId;
use klamm_protocol::{BatchBuilder, Compression, Listener, api, convert};
use klamm_world::BROKER_PORT;

use crate::lone::Lone;
use crate::operators;
use crate::{consoles, groups, quorum, settings};

const NONE: i16 = 0;
const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
/// There are no transactions, and nobody should ask again.
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
const COORDINATOR_NOT_AVAILABLE: i16 = 15;
const UNSUPPORTED_VERSION: i16 = 35;
const TOPIC_ALREADY_EXISTS: i16 = 36;
const INVALID_REQUEST: i16 = 42;
const UNKNOWN_TOPIC_ID: i16 = 100;
const MISMATCHED_ENDPOINT_TYPE: i16 = 114;

/// A topic as requests name it: by name in old versions, by id in new ones.
#[derive(Clone, Copy)]
struct Topic {
    name: &'static str,
    id: TopicId,
}

impl Topic {
    fn name(self) -> TopicName {
        convert::topic(self.name)
    }
}

fn records() -> Bytes {
    let mut batch = BatchBuilder::new(Compression::None);
    batch.append(Timestamp(1_700_000_000_000), Some(b"key"), Some(b"value"), &[]);
    batch.build()
}

fn produce(version: i16, topic: Topic, acks: i16) -> RequestKind {
    let data = PartitionProduceData::default().with_index(0).with_records(Some(records()));
    let data = TopicProduceData::default().with_partition_data(vec![data]);
    let data = if version >= 13 {
        data.with_topic_id(convert::topic_uuid(topic.id))
    } else {
        data.with_name(topic.name())
    };
    let request = ProduceRequest::default().with_acks(acks).with_timeout_ms(5_000);
    RequestKind::Produce(request.with_topic_data(vec![data]))
}

fn fetch(version: i16, topic: Topic) -> RequestKind {
    let partition = FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(0)
        .with_partition_max_bytes(1 << 20);
    let asked = FetchTopic::default().with_partitions(vec![partition]);
    let asked = if version >= 13 {
        asked.with_topic_id(convert::topic_uuid(topic.id))
    } else {
        asked.with_topic(topic.name())
    };
    let request = FetchRequest::default()
        .with_max_wait_ms(100)
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
        .with_topics(vec![asked]);
    RequestKind::Fetch(request)
}

fn list_offsets(topic: Topic, timestamp: i64) -> RequestKind {
    let partition =
        ListOffsetsPartition::default().with_partition_index(0).with_timestamp(timestamp);
    let asked =
        ListOffsetsTopic::default().with_name(topic.name()).with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1));
    RequestKind::ListOffsets(request.with_topics(vec![asked]))
}

fn metadata(version: i16, topic: Topic, by_id: bool) -> RequestKind {
    let asked = if by_id {
        MetadataRequestTopic::default().with_name(None).with_topic_id(convert::topic_uuid(topic.id))
    } else {
        MetadataRequestTopic::default().with_name(Some(topic.name()))
    };
    let mut request = MetadataRequest::default()
        .with_topics(Some(vec![asked]))
        .with_allow_auto_topic_creation(version < 4);
    if version >= 8 {
        request = request.with_include_topic_authorized_operations(true);
        request = request.with_include_cluster_authorized_operations(version <= 10);
    }
    RequestKind::Metadata(request)
}

fn offset_for_leader_epoch(topic: Topic) -> RequestKind {
    let partition = OffsetForLeaderPartition::default().with_partition(0).with_leader_epoch(0);
    let asked =
        OffsetForLeaderTopic::default().with_topic(topic.name()).with_partitions(vec![partition]);
    let request = OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1));
    RequestKind::OffsetForLeaderEpoch(request.with_topics(vec![asked]))
}

fn create_topics(name: &str, partitions: i32) -> RequestKind {
    let topic = CreatableTopic::default()
        .with_name(convert::topic(name))
        .with_num_partitions(partitions)
        .with_replication_factor(if partitions < 0 { -1 } else { 1 });
    RequestKind::CreateTopics(
        CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000),
    )
}

fn delete_records(topic: Topic, before: i64) -> RequestKind {
    let partition = DeleteRecordsPartition::default().with_partition_index(0).with_offset(before);
    let asked =
        DeleteRecordsTopic::default().with_name(topic.name()).with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_timeout_ms(5_000);
    RequestKind::DeleteRecords(request.with_topics(vec![asked]))
}

fn api_versions(version: i16) -> RequestKind {
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request = request
            .with_client_software_name(StrBytes::from_static_str("golden"))
            .with_client_software_version(StrBytes::from_static_str("1"));
    }
    RequestKind::ApiVersions(request)
}

fn describe_cluster(version: i16, endpoint_type: i8) -> RequestKind {
    let mut request =
        DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
    if version >= 1 {
        request = request.with_endpoint_type(endpoint_type);
    }
    if version >= 2 {
        request = request.with_include_fenced_brokers(true);
    }
    RequestKind::DescribeCluster(request)
}

fn find_coordinator(version: i16, key_type: i8) -> RequestKind {
    let key = StrBytes::from_static_str("group");
    let request = if version >= 4 {
        FindCoordinatorRequest::default().with_coordinator_keys(vec![key])
    } else {
        FindCoordinatorRequest::default().with_key(key)
    };
    RequestKind::FindCoordinator(if version >= 1 {
        request.with_key_type(key_type)
    } else {
        request
    })
}

/// A request and the error that its answer must carry; none if any will do.
struct Question {
    request: RequestKind,
    error: Option<i16>,
}

fn question(request: RequestKind, error: i16) -> Question {
    Question { request, error: Some(error) }
}

/// Every question of an API in a version: what succeeds, and what does not.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
fn questions(key: ApiKey, version: i16, topic: Topic, unknown: Topic) -> Vec<Question> {
    let by_id = if version >= 13 { UNKNOWN_TOPIC_ID } else { UNKNOWN_TOPIC_OR_PARTITION };
    match key {
        ApiKey::Produce => vec![
            question(produce(version, topic, -1), NONE),
            question(produce(version, topic, 1), NONE),
            question(produce(version, unknown, -1), by_id),
        ],
        ApiKey::Fetch => {
            vec![question(fetch(version, topic), NONE), question(fetch(version, unknown), by_id)]
        }
        ApiKey::ListOffsets => {
            // Latest, earliest, a time; since 7 the greatest timestamp, since 8 and 9 what tiers know.
            let mut all: Vec<_> = [-1, -2, 1_600_000_000_000]
                .map(|timestamp| question(list_offsets(topic, timestamp), NONE))
                .into();
            let later = [(7, -3), (8, -4), (9, -5)].into_iter();
            all.extend(later.filter(|(since, _)| version >= *since).map(|(_, timestamp)| {
                Question { request: list_offsets(topic, timestamp), error: None }
            }));
            all.push(question(list_offsets(unknown, -1), UNKNOWN_TOPIC_OR_PARTITION));
            all
        }
        ApiKey::Metadata => {
            let mut all = vec![question(metadata(version, topic, false), NONE)];
            if version >= 4 {
                all.push(question(metadata(version, unknown, false), UNKNOWN_TOPIC_OR_PARTITION));
            } else {
                // Old versions always ask for the topic to be created; what that comes to is another test's matter.
                let created = Topic { name: "created", ..unknown };
                all.push(Question { request: metadata(version, created, false), error: None });
            }
            if version >= 12 {
                all.push(question(metadata(version, topic, true), NONE));
                all.push(question(metadata(version, unknown, true), UNKNOWN_TOPIC_ID));
            }
            // All topics: an empty list in version 0, a null one since.
            let everything = if version == 0 { Some(Vec::new()) } else { None };
            let request = MetadataRequest::default().with_topics(everything);
            all.push(question(RequestKind::Metadata(request), NONE));
            all
        }
        ApiKey::ApiVersions => vec![question(api_versions(version), NONE)],
        ApiKey::CreateTopics => {
            let mut all = vec![
                question(create_topics(&format!("fresh-{version}"), 2), NONE),
                question(create_topics(topic.name, 1), TOPIC_ALREADY_EXISTS),
            ];
            if version >= 4 {
                // KIP-464: the broker's defaults.
                all.push(question(create_topics(&format!("default-{version}"), -1), NONE));
            }
            all
        }
        // Nothing is deleted: the other questions want the records.
        ApiKey::DeleteRecords => vec![
            question(delete_records(topic, 0), NONE),
            question(delete_records(topic, 1_000_000), OFFSET_OUT_OF_RANGE),
            question(delete_records(unknown, 0), UNKNOWN_TOPIC_OR_PARTITION),
        ],
        ApiKey::OffsetForLeaderEpoch => vec![
            question(offset_for_leader_epoch(topic), NONE),
            question(offset_for_leader_epoch(unknown), UNKNOWN_TOPIC_OR_PARTITION),
        ],
        ApiKey::FindCoordinator => {
            let mut all = vec![question(find_coordinator(version, 0), NONE)];
            if version >= 1 {
                all.push(question(
                    find_coordinator(version, 1),
                    TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                ));
                all.push(question(find_coordinator(version, 9), INVALID_REQUEST));
            }
            all
        }
        ApiKey::DescribeCluster => {
            let mut all = vec![question(describe_cluster(version, 1), NONE)];
            if version >= 1 {
                all.push(question(describe_cluster(version, 2), MISMATCHED_ENDPOINT_TYPE));
            }
            all
        }
        other => match operators::questions(other, version, topic.name)
            .or_else(|| settings::questions(other, version, topic.name))
            .or_else(|| quorum::questions(other))
            .or_else(|| groups::questions(other, version, topic.name))
            .or_else(|| consoles::questions(other, version, topic.name))
        {
            Some(asked) => {
                asked.into_iter().map(|(request, error)| question(request, error)).collect()
            }
            None => panic!("{other:?} is served, but this test asks nothing of it"),
        },
    }
}

/// The error of the only topic or partition of an answer, with a look at the rest.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
fn error_of(version: i16, response: &ResponseKind) -> i16 {
    match response {
        ResponseKind::Produce(response) => {
            let answer = &response.responses[0].partition_responses[0];
            assert_eq!(answer.error_code == NONE, answer.base_offset >= 0, "{answer:?}");
            answer.error_code
        }
        ResponseKind::Fetch(response) => {
            assert_eq!(response.error_code, NONE);
            let answer = &response.responses[0].partitions[0];
            if answer.error_code == NONE {
                assert!(answer.high_watermark > 0, "{answer:?}");
                assert!(answer.records.as_ref().is_some_and(|records| !records.is_empty()));
            }
            answer.error_code
        }
        ResponseKind::ListOffsets(response) => {
            let answer = &response.topics[0].partitions[0];
            answer.error_code
        }
        ResponseKind::Metadata(response) => {
            assert_eq!(response.brokers.len(), 1);
            assert!(version < 2 || response.cluster_id.is_some(), "KIP-78: the cluster's id");
            let topics = &response.topics;
            assert!(!topics.is_empty());
            topics.iter().map(|topic| topic.error_code).find(|code| *code != NONE).unwrap_or(NONE)
        }
        ResponseKind::ApiVersions(response) => {
            for info in api::served_on(Listener::Broker) {
                let told = response.api_keys.iter().find(|told| told.api_key == info.key);
                let told = told.map(|told| (told.min_version, told.max_version));
                assert_eq!(told, Some((info.advertised_min, info.max)), "{}", info.name);
            }
            response.error_code
        }
        ResponseKind::CreateTopics(response) => {
            let answer = &response.topics[0];
            if answer.error_code == NONE && version >= 5 {
                assert!(answer.num_partitions > 0 && answer.replication_factor == 1, "{answer:?}");
            }
            if answer.error_code == NONE && version >= 7 {
                assert!(!answer.topic_id.is_nil());
            }
            answer.error_code
        }
        ResponseKind::DeleteRecords(response) => {
            let answer = &response.topics[0].partitions[0];
            let low_watermark = if answer.error_code == NONE { 0 } else { -1 };
            assert_eq!(answer.low_watermark, low_watermark, "{answer:?}");
            answer.error_code
        }
        ResponseKind::OffsetForLeaderEpoch(response) => {
            let answer = &response.topics[0].partitions[0];
            assert_eq!(answer.error_code == NONE, answer.end_offset > 0, "{answer:?}");
            answer.error_code
        }
        ResponseKind::FindCoordinator(response) if version < 4 => response.error_code,
        ResponseKind::FindCoordinator(response) => response.coordinators[0].error_code,
        ResponseKind::DescribeCluster(response) => response.error_code,
        other => match operators::error_of(other)
            .or_else(|| settings::error_of(version, other))
            .or_else(|| quorum::error_of(version, other))
            .or_else(|| groups::error_of(version, other))
            .or_else(|| consoles::error_of(version, other))
        {
            Some(error) => error,
            None => panic!("an answer of another kind: {other:?}"),
        },
    }
}

/// A running process with a topic that holds records.
fn prepared() -> (Lone, Topic, Topic) {
    let mut lone = Lone::running();
    let request = create_topics("orders", 1);
    let created = lone.ask(BROKER_PORT, 7, ApiKey::CreateTopics, &request);
    let Ok(ResponseKind::CreateTopics(created)) = created else { panic!("{created:?}") };
    assert_eq!(created.topics[0].error_code, NONE, "{created:?}");
    let topic = Topic { name: "orders", id: convert::topic_id(created.topics[0].topic_id) };
    let unknown = Topic { name: "nothing", id: TopicId(0x1234_5678) };
    // The first producer of all finds no block of ids yet, and brings one.
    let first = lone.ask(BROKER_PORT, 5, ApiKey::InitProducerId, &settings::producer_id(5, None));
    let Ok(ResponseKind::InitProducerId(first)) = first else { panic!("{first:?}") };
    assert_eq!(first.error_code, COORDINATOR_LOAD_IN_PROGRESS);
    // Nor does the first group find a coordinator.
    let first = lone.ask(BROKER_PORT, 6, ApiKey::FindCoordinator, &find_coordinator(6, 0));
    let Ok(ResponseKind::FindCoordinator(first)) = first else { panic!("{first:?}") };
    assert_eq!(first.coordinators[0].error_code, COORDINATOR_NOT_AVAILABLE);
    lone.run(Span::secs(1));
    lone.take_events();
    (lone, topic, unknown)
}

#[test]
fn every_version_of_every_api_is_answered() {
    let (mut lone, topic, unknown) = prepared();
    let mut wrong = Vec::new();
    for info in api::served_on(Listener::Broker) {
        for version in info.min..=info.max {
            for (n, question) in
                questions(info.api, version, topic, unknown).into_iter().enumerate()
            {
                let answer = lone.ask(BROKER_PORT, version, info.api, &question.request);
                let refused = lone.take_events().into_iter();
                let refused: Vec<_> = refused
                    .filter(|event| matches!(event, EventKind::FrameRefused { .. }))
                    .map(|event| event.to_string())
                    .collect();
                let what = format!("{} v{version} question {n}", info.name);
                match answer {
                    Ok(response) => {
                        let error = error_of(version, &response);
                        if question.error.is_some_and(|expected| expected != error) {
                            wrong.push(format!("{what}: error {error}, not {:?}", question.error));
                        }
                    }
                    Err(how) => wrong.push(format!("{what}: {how}")),
                }
                wrong.extend(refused.into_iter().map(|refused| format!("{what}: {refused}")));
            }
        }
        // Later questions build on what the earlier ones did.
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn acks_0_is_not_answered_and_frees_the_connection() {
    let (mut lone, topic, _) = prepared();
    let info = api::info(ApiKey::Produce as i16).expect("served");
    for version in info.min..=info.max {
        let connection = lone.connect(BROKER_PORT);
        let request = produce(version, topic, 0);
        let (frame, _) = lone.frame(version, ApiKey::Produce, &request);
        lone.say(connection, frame);
        lone.run(Span::secs(1));
        assert_eq!(lone.take_heard(connection), Vec::<Bytes>::new(), "v{version}");
        let answer = lone.ask_on(connection, 0, ApiKey::ApiVersions, &api_versions(0));
        assert!(answer.is_ok(), "v{version}: {answer:?}");
        lone.hang_up(connection);
    }
    // They were all written.
    let Ok(ResponseKind::ListOffsets(ends)) =
        lone.ask(BROKER_PORT, 5, ApiKey::ListOffsets, &list_offsets(topic, -1))
    else {
        panic!("the end of the log")
    };
    assert_eq!(ends.topics[0].partitions[0].offset, i64::from(info.max - info.min) + 1);
}

#[test]
fn a_version_that_is_not_served_ends_the_connection_except_for_api_versions() {
    let (mut lone, topic, _) = prepared();
    // KIP-511: an unknown version of ApiVersions is answered in version 0, which any client can read.
    let connection = lone.connect(BROKER_PORT);
    let (frame, _) = lone.frame(4, ApiKey::ApiVersions, &api_versions(4));
    let mut newer = frame.to_vec();
    newer[6..8].copy_from_slice(&9_i16.to_be_bytes());
    lone.say(connection, newer.into());
    lone.run(Span::secs(1));
    let heard = lone.take_heard(connection);
    let mut body = heard.first().expect("an answer").slice(8..);
    let answer = ResponseKind::decode(ApiKey::ApiVersions, &mut body, 0).expect("version 0");
    let ResponseKind::ApiVersions(answer) = answer else { panic!("{answer:?}") };
    assert_eq!(answer.error_code, UNSUPPORTED_VERSION);
    assert!(answer.api_keys.iter().any(|told| told.api_key == ApiKey::ApiVersions as i16));
    lone.hang_up(connection);

    // KAFKA-18659: Produce 0 to 2 are advertised, but not served.
    for version in 0..3 {
        lone.take_events();
        let connection = lone.connect(BROKER_PORT);
        let (frame, _) = lone.frame(3, ApiKey::Produce, &produce(3, topic, 1));
        let mut older = frame.to_vec();
        older[6..8].copy_from_slice(&i16::to_be_bytes(version));
        lone.say(connection, older.into());
        lone.run(Span::secs(1));
        assert!(lone.closed(connection).is_some(), "Produce v{version}");
        let told = lone.take_events();
        assert!(told.iter().any(|event| matches!(event, EventKind::FrameRefused { .. })));
        lone.hang_up(connection);
    }
}
