//! Situations of a producer before a scripted cluster.

use std::collections::BTreeMap;

use bytes::Bytes;
use klamm_node::config::{Acks, ProducerConfig};
use klamm_node::{
    BrokerId, Command, EventKind, Incarnation, Input, LeaderEpoch, ProduceRecord, RecordId, Span,
};
use klamm_protocol::kafka::messages::produce_response::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use klamm_protocol::kafka::messages::{
    BrokerId as WireBrokerId, ProduceResponse, RequestKind, ResponseKind,
};
use klamm_protocol::{Batch, ErrorCode, convert};

use proptest::prelude::*;

use super::Producer;
use crate::testing::{Lab, Request, bootstrap};

pub(super) fn lab(config: &[(&str, &str)]) -> Lab<Producer> {
    let keys: BTreeMap<String, String> =
        config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let config = ProducerConfig::from_map(&keys).expect("known keys");
    let mut lab = Lab::new(Producer::new("producer-1", bootstrap(), config));
    for partition in 0..3 {
        lab.lead("orders", partition, partition + 1, 0);
    }
    let incarnation = Incarnation(1);
    lab.input(Input::Start { incarnation });
    let identity = lab.node.summary().producer_id;
    assert_eq!(identity.is_some(), lab.node.config.enable_idempotence, "it asks at once");
    lab.told();
    lab
}

pub(super) fn record(
    id: u64,
    partition: Option<i32>,
    key: Option<&'static str>,
    size: usize,
) -> Command {
    Command::Produce(ProduceRecord {
        id: RecordId(id),
        topic: "orders".into(),
        partition,
        key: key.map(|key| Bytes::from_static(key.as_bytes())),
        value: Some(vec![b'v'; size].into()),
        headers: Vec::new(),
        timestamp: None,
    })
}

/// The batches of a Produce request: partition and number of records.
fn batches(request: &Request) -> Vec<(i32, usize)> {
    let RequestKind::Produce(produce) = &request.body else { panic!("{request:?}") };
    let data = produce.topic_data.iter().flat_map(|topic| &topic.partition_data);
    data.map(|data| {
        let batch = Batch::parse(data.records.as_ref().expect("records")).expect("a batch");
        batch.verify_crc().expect("intact");
        (data.index, batch.records().expect("records").len())
    })
    .collect()
}

/// Answers every partition of a Produce request alike.
pub(super) fn answer(request: &Request, code: ErrorCode, base_offset: i64) -> ResponseKind {
    let RequestKind::Produce(produce) = &request.body else { panic!("{request:?}") };
    let topics = produce.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|data| {
            PartitionProduceResponse::default()
                .with_index(data.index)
                .with_error_code(code.0)
                .with_base_offset(base_offset)
        });
        TopicProduceResponse::default()
            .with_topic_id(topic.topic_id)
            .with_partition_responses(partitions.collect())
    });
    ResponseKind::Produce(ProduceResponse::default().with_responses(topics.collect()))
}

fn accepted(lab: &Lab<Producer>) -> Vec<i32> {
    lab.events
        .iter()
        .filter_map(|event| {
            let EventKind::RecordAccepted { partition, .. } = event else { return None };
            Some(partition.partition)
        })
        .collect()
}

#[test]
fn records_gather_until_the_linger_is_over() {
    let mut lab = lab(&[("linger.ms", "10")]);
    for id in 1..=3 {
        lab.command(record(id, Some(0), None, 10));
    }
    lab.advance(Span::millis(9));
    assert!(lab.next_request().is_none(), "still lingering");
    lab.advance(Span::millis(1));
    let request = lab.next_request().expect("sent");
    assert_eq!((request.broker, batches(&request)), (1, vec![(0, 3)]));
    assert_eq!(request.token.api_version, 13);
    lab.reply(&request, Some(&answer(&request, ErrorCode::NONE, 40)));
    let told = lab.told();
    assert!(
        told[3].starts_with("BatchSent partition=orders-0 records=[1,2,3] attempt=1 broker=1 crc="),
        "{told:?}"
    );
    assert!(told[4].starts_with(
        "RecordsAcknowledged partition=orders-0 base_offset=40 records=[1,2,3] acks=-1 crc="
    ));
    assert!(told[4].ends_with("latency=10ms"), "{told:?}");
    let summary = lab.node.summary();
    assert_eq!((summary.accepted, summary.acknowledged, summary.waiting), (3, 3, 0));
}

#[test]
fn a_full_batch_leaves_at_once_and_a_large_record_alone() {
    let mut lab = lab(&[("linger.ms", "1000"), ("batch.size", "500")]);
    lab.command(record(1, Some(0), None, 200));
    lab.command(record(2, Some(0), None, 900));
    // The second record did not fit, which completes the first batch; it fills its own.
    let first = lab.next_request().expect("sent");
    assert_eq!(batches(&first), [(0, 1)]);
    lab.reply(&first, Some(&answer(&first, ErrorCode::NONE, 0)));
    assert_eq!(batches(&lab.next_request().expect("sent")), [(0, 1)]);
}

#[test]
fn a_flush_ends_the_linger() {
    let mut lab = lab(&[("linger.ms", "60000")]);
    lab.command(record(1, Some(2), None, 10));
    lab.command(Command::Flush);
    assert_eq!(lab.next_request().expect("sent").broker, 3);
}

#[test]
fn keys_decide_and_records_without_one_stick_to_a_partition_for_a_batch() {
    let mut lab = lab(&[("linger.ms", "1000"), ("batch.size", "400")]);
    for id in 0..4 {
        lab.command(record(id, None, Some("abc"), 5));
    }
    assert_eq!(accepted(&lab), [479_470_107 % 3; 4]);
    lab.events.clear();
    for id in 10..200 {
        lab.command(record(id, None, None, 20));
    }
    let partitions = accepted(&lab);
    let runs: Vec<&[i32]> = partitions.chunk_by(|a, b| a == b).collect();
    assert!(runs.len() >= 4, "it switches: {partitions:?}");
    let shortest = runs[..runs.len() - 1].iter().map(|run| run.len()).min();
    assert!(shortest >= Some(10), "and only after about a batch: {partitions:?}");
}

#[test]
fn a_wrong_leader_is_asked_again_where_metadata_says() {
    let mut lab = lab(&[("linger.ms", "0")]);
    lab.command(record(1, Some(0), None, 10));
    let request = lab.next_request().expect("sent");
    lab.lead("orders", 0, 2, 1);
    lab.told();
    lab.reply(&request, Some(&answer(&request, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1)));
    let told = lab.told();
    assert_eq!(told, ["RequestRetried partition=orders-0 api_key=0 error=NOT_LEADER_OR_FOLLOWER"]);
    lab.advance(Span::millis(200));
    let again = lab.next_request().expect("retried");
    assert_eq!((again.broker, batches(&again)), (2, vec![(0, 1)]));
    assert_eq!(lab.learnt(), [(0, BrokerId(2), LeaderEpoch(1))]);
    lab.reply(&again, Some(&answer(&again, ErrorCode::NONE, 7)));
    assert_eq!(lab.node.summary().acknowledged, 1);
}

#[test]
fn a_hint_in_the_answer_spares_the_backoff() {
    let mut lab = lab(&[("linger.ms", "0"), ("retry.backoff.ms", "1000")]);
    lab.command(record(1, Some(0), None, 10));
    let request = lab.next_request().expect("sent");
    let ResponseKind::Produce(mut response) =
        answer(&request, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1)
    else {
        panic!("a produce response")
    };
    response.responses[0].partition_responses[0].current_leader =
        LeaderIdAndEpoch::default().with_leader_id(WireBrokerId(3)).with_leader_epoch(5);
    response.node_endpoints = vec![
        NodeEndpoint::default()
            .with_node_id(WireBrokerId(3))
            .with_host(convert::text("broker-3"))
            .with_port(9092),
    ];
    lab.reply(&request, Some(&ResponseKind::Produce(response)));
    let again = lab.next_request().expect("KIP-951: at once");
    assert_eq!(again.broker, 3);
    assert_eq!(
        lab.node.summary().leaders[&klamm_node::TopicPartition::new("orders", 0)].1,
        LeaderEpoch(5)
    );
}

#[test]
fn delivery_times_out_in_the_accumulator_and_under_way() {
    let mut lab =
        lab(&[("linger.ms", "0"), ("delivery.timeout.ms", "5000"), ("request.timeout.ms", "4000")]);
    lab.lead("orders", 1, -1, 3);
    lab.command(record(1, Some(0), None, 10));
    lab.command(record(2, Some(1), None, 10));
    let under_way = lab.next_request().expect("sent");
    lab.told();
    lab.advance(Span::millis(4999));
    assert!(!lab.told().iter().any(|event| event.starts_with("RecordsFailed")));
    lab.advance(Span::millis(1));
    let mut failed: Vec<String> =
        lab.told().into_iter().filter(|event| event.starts_with("RecordsFailed")).collect();
    failed.sort();
    assert_eq!(
        failed,
        [
            "RecordsFailed partition=orders-0 records=[1] error=REQUEST_TIMED_OUT",
            "RecordsFailed partition=orders-1 records=[2] error=REQUEST_TIMED_OUT",
        ]
    );
    lab.reply(&under_way, Some(&answer(&under_way, ErrorCode::NONE, 0)));
    assert_eq!(lab.node.summary().acknowledged, 0, "a late answer changes nothing");
    assert_eq!(lab.node.summary().waiting, 0);
}

#[test]
fn a_reset_in_the_middle_is_retried_on_a_new_connection() {
    let mut lab = lab(&[("linger.ms", "0")]);
    lab.command(record(1, Some(0), None, 10));
    let lost = lab.next_request().expect("sent");
    lab.told();
    lab.crash(1);
    assert_eq!(
        lab.told(),
        ["RequestRetried partition=orders-0 api_key=0 error=disconnected-reset"]
    );
    lab.advance(Span::secs(2));
    assert!(lab.next_request().is_none(), "nobody leads there");
    lab.restart(1);
    lab.advance(Span::secs(2));
    let again = lab.next_request().expect("retried");
    assert_eq!((again.broker, batches(&again)), (1, batches(&lost)));
    lab.reply(&again, Some(&answer(&again, ErrorCode::NONE, 1)));
    let told = lab.told();
    assert!(
        told.iter().any(|event| event.contains("BatchSent") && event.contains("attempt=2")),
        "{told:?}"
    );
}

#[test]
fn acks_0_is_done_when_it_is_sent() {
    let mut lab = lab(&[("linger.ms", "0"), ("acks", "0")]);
    lab.command(record(1, Some(0), None, 10));
    let told = lab.told();
    assert!(
        told.last().is_some_and(|event| event.starts_with(
            "RecordsAcknowledged partition=orders-0 base_offset=-1 records=[1] acks=0"
        )),
        "{told:?}"
    );
    let request = lab.next_request().expect("sent");
    lab.reply(&request, None);
    lab.command(record(2, Some(0), None, 10));
    assert_eq!(batches(&lab.next_request().expect("the connection goes on")), [(0, 1)]);
}

#[test]
fn one_request_in_flight_keeps_the_order_and_more_may_not() {
    for (limit, expected) in [("1", vec![vec![1, 2, 3, 4]]), ("5", vec![vec![2], vec![1]])] {
        let mut lab = lab(&[
            ("linger.ms", "0"),
            ("max.in.flight.requests.per.connection", limit),
            ("enable.idempotence", "false"),
        ]);
        lab.command(record(9, Some(1), None, 1));
        let warm = lab.next_request().expect("sent");
        lab.reply(&warm, Some(&answer(&warm, ErrorCode::NONE, 0)));
        lab.command(record(1, Some(1), None, 1));
        lab.command(record(2, Some(1), None, 1));
        let first = lab.next_request().expect("sent");
        lab.reply(&first, Some(&answer(&first, ErrorCode::NOT_ENOUGH_REPLICAS, -1)));
        if limit == "1" {
            lab.command(record(3, Some(1), None, 1));
            lab.command(record(4, Some(1), None, 1));
        }
        lab.told();
        for _ in 0..4 {
            while let Some(request) = lab.next_request() {
                lab.reply(&request, Some(&answer(&request, ErrorCode::NONE, 0)));
            }
            lab.advance(Span::millis(200));
        }
        let acknowledged: Vec<Vec<u64>> = lab
            .events
            .iter()
            .filter_map(|event| {
                let EventKind::RecordsAcknowledged { records, .. } = event else { return None };
                Some(records.iter().map(|record| record.0).collect())
            })
            .collect();
        match limit {
            "1" => assert_eq!(acknowledged.concat(), expected.concat()),
            _ => assert_eq!(acknowledged, expected, "a retry was overtaken"),
        }
    }
}

#[test]
fn errors_that_are_final_fail_and_a_large_batch_is_split() {
    let mut lab = lab(&[("linger.ms", "50"), ("acks", "1")]);
    for id in 1..=4 {
        lab.command(record(id, Some(0), None, 300));
    }
    lab.advance(Span::millis(50));
    let whole = lab.next_request().expect("sent");
    assert_eq!(batches(&whole), [(0, 4)]);
    lab.told();
    lab.reply(&whole, Some(&answer(&whole, ErrorCode::MESSAGE_TOO_LARGE, -1)));
    let mut sizes = Vec::new();
    for _ in 0..10 {
        lab.advance(Span::millis(50));
        let Some(request) = lab.next_request() else { break };
        let size = batches(&request)[0].1;
        let too_large = size > 2;
        let code = if too_large { ErrorCode::MESSAGE_TOO_LARGE } else { ErrorCode::NONE };
        sizes.push(size);
        lab.reply(&request, Some(&answer(&request, code, 0)));
    }
    assert_eq!(sizes, [3, 1, 1, 1, 1], "halves until they fit");
    assert_eq!(lab.node.summary().acknowledged, 4);

    lab.command(record(5, Some(0), None, 3));
    lab.advance(Span::millis(50));
    let request = lab.next_request().expect("sent");
    lab.reply(&request, Some(&answer(&request, ErrorCode::INVALID_RECORD, -1)));
    let told = lab.told();
    assert_eq!(
        told.last().map(String::as_str),
        Some("RecordsFailed partition=orders-0 records=[5] error=INVALID_RECORD")
    );
    lab.command(record(6, Some(0), None, 1 << 20));
    assert_eq!(
        lab.told(),
        ["RecordsFailed partition=orders-0 records=[6] error=MESSAGE_TOO_LARGE"]
    );
}

#[test]
fn records_of_an_unknown_topic_wait_for_it_in_order() {
    let mut lab = lab(&[("linger.ms", "0")]);
    let leaders = std::mem::take(&mut lab.leaders);
    lab.command(record(1, None, Some("a"), 1));
    lab.command(record(2, None, Some("a"), 1));
    lab.advance(Span::secs(3));
    assert_eq!(lab.told(), Vec::<String>::new());
    lab.leaders = leaders;
    lab.advance(Span::secs(2));
    let request = lab.next_request().expect("sent");
    assert_eq!(batches(&request)[0].1, 2);
    assert!(lab.told()[0].starts_with("RecordAccepted record=1 "));

    lab.command(Command::Produce(ProduceRecord {
        id: RecordId(3),
        topic: "nowhere".into(),
        partition: None,
        key: None,
        value: None,
        headers: Vec::new(),
        timestamp: None,
    }));
    lab.advance(Span::secs(61));
    let told = lab.told();
    assert!(
        told.contains(
            &"RecordsFailed partition=nowhere--1 records=[3] error=REQUEST_TIMED_OUT".to_owned()
        ),
        "{told:?}"
    );
}

#[test]
fn a_shutdown_sends_what_is_left() {
    let mut lab = lab(&[("linger.ms", "60000")]);
    lab.command(record(1, Some(0), None, 10));
    lab.command(Command::Shutdown);
    assert!(!lab.halted);
    let request = lab.next_request().expect("sent");
    lab.reply(&request, Some(&answer(&request, ErrorCode::NONE, 0)));
    assert!(lab.halted);
}

#[test]
fn what_acks_says_is_on_the_wire() {
    for acks in [1, -1] {
        let mut lab = lab(&[("linger.ms", "0"), ("acks", &acks.to_string())]);
        lab.command(record(1, Some(0), None, 10));
        let request = lab.next_request().expect("sent");
        let RequestKind::Produce(produce) = &request.body else { panic!("{request:?}") };
        assert_eq!(Acks(produce.acks), Acks(acks));
    }
}

#[test]
fn a_topic_that_becomes_wanted_while_metadata_is_on_its_way_is_asked_for_next() {
    for ms in (0..300).step_by(13) {
        let mut lab = lab(&[("linger.ms", "0")]);
        lab.crash(1);
        lab.advance(Span::millis(ms));
        // It looks for another broker, and no topic is known yet.
        lab.crash(2);
        lab.command(record(1, None, None, 0));
        lab.restart(1);
        lab.restart(2);
        lab.advance(Span::secs(5));
        assert!(lab.next_request().is_some(), "after {ms} ms");
    }
}

/// One step of a random history.
#[derive(Clone, Copy, Debug)]
enum Op {
    Produce { partition: Option<i32>, size: usize },
    Pass { ms: u64 },
    Answer { code: i16 },
    Ignore,
    Crash { broker: i32 },
    Restart { broker: i32 },
    Lead { partition: i32, leader: i32 },
    Flush,
}

fn op() -> impl Strategy<Value = Op> {
    let code = prop_oneof![
        6 => Just(0_i16),
        2 => prop_oneof![Just(6_i16), Just(3), Just(19), Just(20), Just(7), Just(74), Just(56)],
        1 => prop_oneof![Just(87_i16), Just(10), Just(2), Just(-1), Just(999), Just(45), Just(46),
            Just(47), Just(59)],
    ];
    prop_oneof![
        8 => (prop::option::of(0..3_i32), 0..600_usize)
            .prop_map(|(partition, size)| Op::Produce { partition, size }),
        4 => (0..400_u64).prop_map(|ms| Op::Pass { ms }),
        6 => code.prop_map(|code| Op::Answer { code }),
        1 => Just(Op::Ignore),
        1 => (1..=3_i32).prop_map(|broker| Op::Crash { broker }),
        2 => (1..=3_i32).prop_map(|broker| Op::Restart { broker }),
        1 => (0..3_i32, prop_oneof![3 => 1..=3_i32, 1 => Just(-1)])
            .prop_map(|(partition, leader)| Op::Lead { partition, leader }),
        1 => Just(Op::Flush),
    ]
}

fn settle(lab: &mut Lab<Producer>) {
    for broker in 1..=3 {
        lab.restart(broker);
    }
    for partition in 0..3 {
        lab.lead("orders", partition, partition + 1, 1000);
    }
    lab.command(Command::Flush);
    for _ in 0..400 {
        while let Some(request) = lab.next_request() {
            lab.reply(&request, Some(&answer(&request, ErrorCode::NONE, 0)));
        }
        lab.advance(Span::millis(500));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_acknowledged_or_given_up_exactly_once(
        ops in prop::collection::vec(op(), 1..80),
        in_flight in 1..4_i32,
        idempotent in any::<bool>(),
    ) {
        let (in_flight, idempotent) = (in_flight.to_string(), idempotent.to_string());
        let mut lab = lab(&[
            ("enable.idempotence", &idempotent),
            ("batch.size", "1000"),
            ("max.in.flight.requests.per.connection", &in_flight),
            ("request.timeout.ms", "2000"),
        ]);
        let mut epoch = 0;
        let mut id = 0;
        let mut final_error = false;
        for op in ops {
            match op {
                Op::Produce { partition, size } => {
                    id += 1;
                    lab.command(record(id, partition, None, size));
                }
                Op::Pass { ms } => lab.advance(Span::millis(ms)),
                Op::Answer { code } => {
                    if let Some(request) = lab.next_request() {
                        final_error |= code == 10 || (code != 0 && !ErrorCode(code).retriable());
                        lab.reply(&request, Some(&answer(&request, ErrorCode(code), 5)));
                    }
                }
                Op::Ignore => drop(lab.next_request()),
                Op::Crash { broker } => lab.crash(broker),
                Op::Restart { broker } => lab.restart(broker),
                Op::Lead { partition, leader } => {
                    epoch += 1;
                    lab.lead("orders", partition, leader, epoch);
                }
                Op::Flush => lab.command(Command::Flush),
            }
        }
        settle(&mut lab);
        let mut fates: BTreeMap<u64, u32> = BTreeMap::new();
        let mut last: BTreeMap<i32, u64> = BTreeMap::new();
        for event in &lab.events {
            let (EventKind::RecordsAcknowledged { partition, records, .. }
            | EventKind::RecordsFailed { partition, records, .. }) = event
            else {
                continue;
            };
            for record in records {
                *fates.entry(record.0).or_default() += 1;
                if in_flight == "1" && !final_error {
                    let before = last.insert(partition.partition, record.0);
                    prop_assert!(before < Some(record.0), "order with one request in flight");
                }
            }
        }
        let expected: BTreeMap<u64, u32> = (1..=id).map(|id| (id, 1)).collect();
        prop_assert_eq!(fates, expected);
        let summary = lab.node.summary();
        prop_assert_eq!((summary.accepted, summary.waiting), (id, 0));
        prop_assert_eq!(summary.acknowledged + summary.failed, id);
    }

    #[test]
    fn no_bytes_of_a_broker_make_it_panic(
        junk in prop::collection::vec(any::<u8>(), 0..60),
        length in prop::option::of(0..200_i32),
    ) {
        let mut lab = lab(&[("linger.ms", "0")]);
        lab.command(record(1, Some(0), None, 10));
        lab.next_request().expect("sent");
        let mut bytes = length.map_or_else(Vec::new, |length| length.to_be_bytes().to_vec());
        bytes.extend(junk);
        let connections: Vec<_> = lab.connections.keys().copied().collect();
        for connection in connections {
            lab.input(Input::Received { connection, bytes: bytes.clone().into() });
        }
        lab.advance(Span::secs(1));
    }
}
