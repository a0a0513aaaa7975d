//! Whole processes against each other, spoken to in raw protocol.

mod consumer_groups;
mod driver;
mod forwarding;
mod groups;
mod idempotence;
mod inspection;
mod metadata;
mod settings;

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use driver::Lab;
use klamm_broker::lifecycle::BrokerState;
use klamm_broker::{ProcessConfig, Roles};
use klamm_node::{BrokerId, CorrelationId, Endpoint, EventKind, Purpose, Span, Stream, Timestamp};
use klamm_protocol::api::APIS;
use klamm_protocol::batch::{Batch, BatchBuilder};
use klamm_protocol::convert;
use klamm_protocol::header::RequestHeader;
use klamm_protocol::kafka::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use klamm_protocol::kafka::messages::fetch_request::{FetchPartition, FetchTopic};
use klamm_protocol::kafka::messages::metadata_request::MetadataRequestTopic;
use klamm_protocol::kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use klamm_protocol::kafka::messages::{
    DescribeClusterRequest, FetchRequest, MetadataRequest, MetadataResponse, ProduceRequest,
    ResponseKind,
};
use klamm_protocol::{Compression, ErrorCode};

fn voters(controllers: &[i32]) -> BTreeMap<BrokerId, Endpoint> {
    let voter =
        |id: &i32| (BrokerId(*id), Endpoint::new(format!("controller-{}", id - 3000), 9093));
    controllers.iter().map(voter).collect()
}

/// Three controllers and three brokers.
fn cluster(seed: u64) -> Lab {
    let voters = voters(&[3001, 3002, 3003]);
    let controllers = (1..=3).map(|n| {
        let id = BrokerId(3000 + n);
        ProcessConfig::new(id, Roles::CONTROLLER, format!("controller-{n}"), voters.clone())
    });
    let brokers = (1..=3).map(|n| {
        ProcessConfig::new(BrokerId(n), Roles::BROKER, format!("broker-{n}"), voters.clone())
    });
    Lab::new(seed, controllers.chain(brokers).collect())
}

fn running(lab: &Lab, broker: &str) -> bool {
    let summary = lab.summary(broker).and_then(|summary| summary.broker);
    summary.is_some_and(|broker| broker.state == BrokerState::Running)
}

fn started(seed: u64) -> Lab {
    let mut lab = cluster(seed);
    lab.start_all();
    lab.until("three running brokers", |lab| (1..=3).all(|n| running(lab, &format!("broker-{n}"))));
    lab
}

fn create(lab: &mut Lab, host: &str, name: &str, partitions: i32, replicas: i16) -> Vec<ErrorCode> {
    let topic = CreatableTopic::default()
        .with_name(convert::topic(name))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
    let Ok(ResponseKind::CreateTopics(response)) = lab.ask(host, request) else {
        panic!("an answer")
    };
    response.topics.iter().map(|topic| ErrorCode(topic.error_code)).collect()
}

fn metadata(lab: &mut Lab, host: &str, topic: &str) -> MetadataResponse {
    let asked = MetadataRequestTopic::default().with_name(Some(convert::topic(topic)));
    let request = MetadataRequest::default()
        .with_topics(Some(vec![asked]))
        .with_allow_auto_topic_creation(true);
    match lab.ask(host, request) {
        Ok(ResponseKind::Metadata(response)) => response,
        other => panic!("an answer, not {other:?}"),
    }
}

fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for value in values {
        builder.append(Timestamp(1_700_000_000_000), None, Some(value.as_bytes()), &[]);
    }
    builder.build()
}

fn produce(lab: &mut Lab, host: &str, topic: &str, acks: i16, records: Bytes) -> (ErrorCode, i64) {
    let data = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let data = TopicProduceData::default()
        .with_name(convert::topic(topic))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(5_000)
        .with_topic_data(vec![data]);
    // Version 12 is the last that names topics.
    let Ok(ResponseKind::Produce(response)) = lab.ask_up_to(host, request, 12) else {
        panic!("an answer")
    };
    let answer = &response.responses[0].partition_responses[0];
    (ErrorCode(answer.error_code), answer.base_offset)
}

fn produce_to(lab: &mut Lab, host: &str, topic: &str, index: i32, records: Bytes) -> ErrorCode {
    let data = PartitionProduceData::default().with_index(index).with_records(Some(records));
    let data = TopicProduceData::default()
        .with_name(convert::topic(topic))
        .with_partition_data(vec![data]);
    let request =
        ProduceRequest::default().with_acks(1).with_timeout_ms(5_000).with_topic_data(vec![data]);
    let Ok(ResponseKind::Produce(response)) = lab.ask_up_to(host, request, 12) else {
        panic!("an answer")
    };
    ErrorCode(response.responses[0].partition_responses[0].error_code)
}

fn fetch(lab: &mut Lab, host: &str, topic: &str, from: i64) -> (ErrorCode, i64, Vec<String>) {
    let partition = FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(from)
        .with_partition_max_bytes(1 << 20);
    let ask =
        FetchTopic::default().with_topic(convert::topic(topic)).with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_max_wait_ms(500)
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
        .with_topics(vec![ask]);
    let Ok(ResponseKind::Fetch(response)) = lab.ask_up_to(host, request, 12) else {
        panic!("an answer")
    };
    let data = &response.responses[0].partitions[0];
    let bytes = data.records.clone().unwrap_or_default();
    let values = klamm_protocol::batch::batches(&bytes)
        .flat_map(|batch: Result<Batch, _>| batch.expect("whole").records().expect("readable"))
        .map(|record| String::from_utf8(record.value.expect("a value").to_vec()).expect("text"));
    (ErrorCode(data.error_code), data.high_watermark, values.collect())
}

fn leader_of(lab: &mut Lab, topic: &str) -> String {
    let response = metadata(lab, "broker-1", topic);
    format!("broker-{}", response.topics[0].partitions[0].leader_id.0)
}

#[test]
fn three_controllers_and_three_brokers_take_a_topic_and_its_records() {
    let mut lab = started(1);
    assert_eq!(create(&mut lab, "broker-2", "orders", 1, 3), [ErrorCode::NONE]);
    assert_eq!(create(&mut lab, "broker-3", "orders", 1, 3), [ErrorCode::TOPIC_ALREADY_EXISTS]);
    lab.run(Span::secs(1));
    let leader = leader_of(&mut lab, "orders");
    assert_eq!(produce(&mut lab, &leader, "orders", -1, batch(&["a", "b"])), (ErrorCode::NONE, 0));
    assert_eq!(produce(&mut lab, &leader, "orders", 1, batch(&["c"])), (ErrorCode::NONE, 2));
    lab.run(Span::secs(1));
    let (error, high_watermark, values) = fetch(&mut lab, &leader, "orders", 0);
    assert_eq!((error, high_watermark, values.join(" ").as_str()), (ErrorCode::NONE, 3, "a b c"));
    // Every replica holds all of it.
    for n in 1..=3 {
        let summary = lab.summary(&format!("broker-{n}")).expect("runs").broker.expect("a broker");
        let replica = &summary.replicas[0];
        assert_eq!((replica.log_end.0, replica.high_watermark.0), (3, 3), "broker-{n}");
    }
    let follower = (1..=3).map(|n| format!("broker-{n}")).find(|name| *name != leader);
    let follower = follower.expect("three brokers");
    let (error, _) = produce(&mut lab, &follower, "orders", -1, batch(&["d"]));
    assert_eq!(error, ErrorCode::NOT_LEADER_OR_FOLLOWER);
}

#[test]
fn a_topic_that_is_asked_for_is_unknown_first_and_then_there() {
    let mut lab = started(2);
    let response = metadata(&mut lab, "broker-1", "clicks");
    assert_eq!(response.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0);
    assert_eq!(response.brokers.len(), 3);
    lab.run(Span::secs(1));
    let response = metadata(&mut lab, "broker-1", "clicks");
    assert_eq!(response.topics[0].error_code, 0);
    assert_eq!(response.topics[0].partitions.len(), 1);
}

#[test]
fn a_cluster_survives_the_death_of_its_active_controller() {
    let mut lab = started(3);
    let active = |lab: &Lab| {
        (1..=3).map(|n| format!("controller-{n}")).find(|name| {
            lab.summary(name).is_some_and(|summary| summary.active_controller.is_some())
        })
    };
    let first = active(&lab).expect("an active controller");
    lab.crash(&first);
    lab.until("another active controller", |lab| active(lab).is_some_and(|name| name != first));
    assert_eq!(create(&mut lab, "broker-1", "after", 1, 3), [ErrorCode::NONE]);
}

#[test]
fn a_broker_that_shuts_down_hands_its_leaders_over_and_comes_back_clean() {
    let mut lab = started(4);
    create(&mut lab, "broker-1", "orders", 1, 3);
    lab.run(Span::secs(1));
    let leader = leader_of(&mut lab, "orders");
    assert_eq!(produce(&mut lab, &leader, "orders", -1, batch(&["a"])), (ErrorCode::NONE, 0));
    lab.shut_down(&leader);
    lab.until("an orderly halt", |lab| !lab.halts().is_empty());
    assert_eq!(lab.halts(), [(leader.clone(), "shut down".to_owned(), true)]);
    let other = if leader == "broker-1" { "broker-2" } else { "broker-1" };
    let response = metadata(&mut lab, other, "orders");
    let partition = &response.topics[0].partitions[0];
    assert_ne!(format!("broker-{}", partition.leader_id.0), leader);
    assert_eq!(partition.isr_nodes.len(), 2, "{partition:?}");
    lab.start(&leader);
    lab.until("back again", |lab| running(lab, &leader));
    let recovered = lab.events().iter().rev().find_map(|(_, node, event)| {
        let EventKind::LogRecovered { log_end, truncated_bytes, .. } = event else { return None };
        (*node == leader).then_some((log_end.0, *truncated_bytes))
    });
    assert_eq!(recovered, Some((1, 0)));
    lab.run(Span::secs(5));
    let response = metadata(&mut lab, other, "orders");
    assert_eq!(response.topics[0].partitions[0].isr_nodes.len(), 3);
}

#[test]
fn a_broker_that_dies_is_fenced_after_its_session_and_leadership_moves() {
    let mut lab = started(5);
    create(&mut lab, "broker-1", "orders", 1, 3);
    lab.run(Span::secs(1));
    let leader = leader_of(&mut lab, "orders");
    let other = if leader == "broker-1" { "broker-2" } else { "broker-1" };
    produce(&mut lab, &leader, "orders", -1, batch(&["a"]));
    lab.crash(&leader);
    lab.run(Span::secs(15));
    let response = metadata(&mut lab, other, "orders");
    assert_eq!(response.brokers.len(), 2, "fenced brokers are not named");
    let next = format!("broker-{}", response.topics[0].partitions[0].leader_id.0);
    assert_ne!(next, leader);
    assert_eq!(produce(&mut lab, &next, "orders", -1, batch(&["b"])), (ErrorCode::NONE, 1));
    let (error, _, values) = fetch(&mut lab, &next, "orders", 0);
    assert_eq!((error, values.join(" ").as_str()), (ErrorCode::NONE, "a b"));
    // The same broker comes back as another incarnation and catches up.
    lab.start(&leader);
    lab.until("back again", |lab| running(lab, &leader));
    lab.run(Span::secs(5));
    let summary = lab.summary(&leader).expect("runs").broker.expect("a broker");
    assert_eq!(summary.replicas[0].log_end.0, 2);
}

/// KIP-500's brokers do not fence themselves: without a controller they serve on by what they know, and nothing that the
/// controller decides can change. They may not shrink or expand an ISR, nor elect a leader.
#[test]
fn brokers_without_a_controller_serve_on_and_change_no_isr() {
    let mut lab = started(11);
    create(&mut lab, "broker-1", "orders", 1, 3);
    lab.run(Span::secs(1));
    let leader = leader_of(&mut lab, "orders");
    for n in 1..=3 {
        lab.crash(&format!("controller-{n}"));
    }
    // Long after every session would have ended.
    lab.run(Span::secs(20));
    assert_eq!(produce(&mut lab, &leader, "orders", -1, batch(&["a"])), (ErrorCode::NONE, 0));
    assert_eq!(fetch(&mut lab, &leader, "orders", 0).2, ["a"]);
    // A follower dies. It stays in the ISR, because nobody can take it out: acks=all times out, acks=1 does not, and what
    // only the leader and the other follower have stays invisible.
    let dead = if leader == "broker-1" { "broker-2" } else { "broker-1" };
    lab.crash(dead);
    lab.run(Span::secs(60));
    let timed_out = produce(&mut lab, &leader, "orders", -1, batch(&["b"]));
    assert_eq!(timed_out.0, ErrorCode::REQUEST_TIMED_OUT);
    assert_eq!(produce(&mut lab, &leader, "orders", 1, batch(&["c"])), (ErrorCode::NONE, 2));
    assert_eq!(fetch(&mut lab, &leader, "orders", 0).2, ["a"]);
    lab.run(Span::secs(20));
    let isr = |lab: &Lab| {
        let held = lab.summary(&leader).expect("runs").broker.expect("a broker").replicas;
        held.first().expect("a replica").clone()
    };
    assert_eq!((isr(&lab).isr.len(), isr(&lab).proposed.map(|isr| isr.len())), (3, Some(2)));
    // The dead one comes back, but can't register: it takes no part until there is a controller again.
    lab.start(dead);
    lab.run(Span::secs(30));
    assert!(!running(&lab, dead));
    for n in 1..=3 {
        lab.start(&format!("controller-{n}"));
    }
    lab.run(Span::secs(30));
    assert_eq!(fetch(&mut lab, &leader, "orders", 0).2, ["a", "b", "c"]);
    assert_eq!(isr(&lab).isr.len(), 3);
}

#[test]
fn one_process_with_both_roles_does_all_of_it_alone() {
    let voters = BTreeMap::from([(BrokerId(1), Endpoint::new("broker-1", 9093))]);
    let config = ProcessConfig::new(BrokerId(1), Roles::COMBINED, "broker-1", voters);
    let mut lab = Lab::new(6, vec![config]);
    lab.start_all();
    lab.until("running", |lab| running(lab, "broker-1"));
    assert_eq!(create(&mut lab, "broker-1", "orders", 1, 1), [ErrorCode::NONE]);
    lab.run(Span::secs(1));
    assert_eq!(produce(&mut lab, "broker-1", "orders", -1, batch(&["a"])), (ErrorCode::NONE, 0));
    let (error, _, values) = fetch(&mut lab, "broker-1", "orders", 0);
    assert_eq!((error, values.join(" ").as_str()), (ErrorCode::NONE, "a"));
    let Ok(ResponseKind::DescribeCluster(cluster)) =
        lab.ask("broker-1", DescribeClusterRequest::default().with_endpoint_type(1))
    else {
        panic!("an answer")
    };
    assert_eq!((cluster.brokers.len(), cluster.controller_id.0), (1, 1));
    // Stopped and started again, it still has everything.
    lab.shut_down("broker-1");
    lab.until("an orderly halt", |lab| !lab.halts().is_empty());
    lab.start("broker-1");
    lab.until("running again", |lab| running(lab, "broker-1"));
    lab.run(Span::secs(1));
    let (error, _, values) = fetch(&mut lab, "broker-1", "orders", 0);
    assert_eq!((error, values.join(" ").as_str()), (ErrorCode::NONE, "a"));
}

#[test]
fn three_processes_with_both_roles_outlive_the_orderly_end_of_the_active_one() {
    let voter = |n: i32| (BrokerId(n), Endpoint::new(format!("broker-{n}"), 9093));
    let voters: BTreeMap<_, _> = (1..=3).map(voter).collect();
    let configs = (1..=3).map(|n| {
        ProcessConfig::new(BrokerId(n), Roles::COMBINED, format!("broker-{n}"), voters.clone())
    });
    let mut lab = Lab::new(9, configs.collect());
    lab.start_all();
    lab.until("three running brokers", |lab| (1..=3).all(|n| running(lab, &format!("broker-{n}"))));
    assert_eq!(create(&mut lab, "broker-1", "orders", 1, 3), [ErrorCode::NONE]);
    lab.run(Span::secs(1));
    let active = |lab: &Lab| {
        (1..=3).map(|n| format!("broker-{n}")).find(|name| {
            lab.summary(name).is_some_and(|summary| summary.active_controller.is_some())
        })
    };
    let first = active(&lab).expect("an active controller");
    lab.shut_down(&first);
    lab.until("an orderly halt", |lab| !lab.halts().is_empty());
    assert_eq!(lab.halts(), [(first.clone(), "shut down".to_owned(), true)]);
    lab.until("another active controller", |lab| active(lab).is_some());
    let other = active(&lab).expect("another");
    assert_ne!(other, first);
    let response = metadata(&mut lab, &other, "orders");
    let leader = format!("broker-{}", response.topics[0].partitions[0].leader_id.0);
    assert_ne!(leader, first);
    assert_eq!(produce(&mut lab, &leader, "orders", -1, batch(&["a"])), (ErrorCode::NONE, 0));
    assert_eq!(create(&mut lab, &leader, "more", 1, 2), [ErrorCode::NONE]);
}

#[test]
fn a_broker_without_a_controller_gives_up_after_a_minute_and_may_be_stopped_before() {
    let mut lab = cluster(10);
    lab.start("broker-1");
    lab.start("broker-2");
    lab.run(Span::secs(10));
    lab.shut_down("broker-2");
    lab.run(Span::secs(1));
    assert_eq!(lab.halts(), [("broker-2".to_owned(), "shut down".to_owned(), true)]);
    lab.run(Span::secs(50));
    let reason = "unable to register with the controller quorum in time".to_owned();
    assert_eq!(lab.halts()[1..], [("broker-1".to_owned(), reason, false)]);
}

/// Empty requests of every API of the table, whole and damaged, on both listeners, amid honest traffic.
#[test]
fn no_bytes_of_a_stranger_stop_a_process() {
    let voters = BTreeMap::from([(BrokerId(1), Endpoint::new("broker-1", 9093))]);
    let config = ProcessConfig::new(BrokerId(1), Roles::COMBINED, "broker-1", voters);
    let mut lab = Lab::new(8, vec![config]);
    lab.start_all();
    lab.until("running", |lab| running(lab, "broker-1"));
    create(&mut lab, "broker-1", "orders", 1, 1);
    let mut random = Stream::new(8, Purpose::Workload, 0, 0);
    for round in 0..3_000 {
        let api = &APIS[random.index(APIS.len())];
        let versions = u64::try_from(api.max - api.min).expect("a range");
        let version = api.min + i16::try_from(random.between(0, versions)).expect("a version");
        let header = RequestHeader {
            api_key: api.key,
            api_version: version,
            correlation_id: CorrelationId(round),
            client_id: None,
        };
        let mut frame = BytesMut::new();
        header.encode(api.api, &mut frame);
        // Mostly one filler, which in many messages stands for empty arrays and small numbers; bytes too many are ignored.
        let filler = u8::try_from(random.index(3)).expect("small");
        frame.extend((0..120).map(|_| match random.index(24) {
            0 => random.bits().to_le_bytes()[0],
            _ => filler,
        }));
        let mut bytes = i32::try_from(frame.len()).expect("short").to_be_bytes().to_vec();
        bytes.extend(frame);
        let port = if random.index(2) == 0 { 9092 } else { 9093 };
        lab.shout("broker-1", port, bytes.into());
        lab.run(Span::millis(2));
    }
    lab.run(Span::secs(5));
    assert_eq!(lab.halts(), []);
    let refused =
        lab.events().iter().filter(|(_, _, e)| matches!(e, EventKind::FrameRefused { .. }));
    let refused = refused.count();
    assert!((500..2_700).contains(&refused), "{refused} of 3000 refused: both kinds must be tried");
    assert_eq!(produce(&mut lab, "broker-1", "orders", -1, batch(&["a"])), (ErrorCode::NONE, 0));
}

#[test]
fn the_same_seed_gives_the_same_events() {
    let run = || {
        let mut lab = started(7);
        create(&mut lab, "broker-1", "orders", 2, 3);
        lab.run(Span::secs(2));
        lab.events().to_vec()
    };
    let (first, second) = (run(), run());
    assert!(first.len() > 100);
    assert_eq!(first, second);
}
