//! Situations of a consumer before a scripted cluster.

mod fetching;

use std::collections::BTreeMap;

use bytes::Bytes;
use klamm_node::config::ConsumerConfig;
use klamm_node::{
    Command, EventKind, LeaderEpoch, Offset, Span, StartFrom, Timestamp, TopicPartition,
};
use klamm_protocol::kafka::messages::fetch_response::{
    EpochEndOffset, FetchableTopicResponse, PartitionData,
};
use klamm_protocol::kafka::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use klamm_protocol::kafka::messages::offset_for_leader_epoch_response::{
    EpochEndOffset as EpochEnd, OffsetForLeaderTopicResult,
};
use klamm_protocol::kafka::messages::{
    FetchResponse, ListOffsetsResponse, OffsetForLeaderEpochResponse, RequestKind, ResponseKind,
};
use klamm_protocol::{BatchBuilder, Compression, ErrorCode};

use proptest::prelude::*;

use super::Consumer;
use crate::testing::{Lab, Request, bootstrap};

fn lab(config: &[(&str, &str)]) -> Lab<Consumer> {
    let keys: BTreeMap<String, String> =
        config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let config = ConsumerConfig::from_map(&keys).expect("known keys");
    let mut lab = Lab::new(Consumer::new("consumer-1", bootstrap(), config));
    lab.lead("orders", 0, 1, 0);
    lab.lead("orders", 1, 1, 0);
    lab
}

fn assign(lab: &mut Lab<Consumer>, partition: i32, from: StartFrom) {
    lab.command(Command::Assign { topic: "orders".into(), partition, from });
}

fn batch(base: i64, records: usize, epoch: i32) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None).at(Offset(base), LeaderEpoch(epoch));
    for n in 0..records {
        builder.append(Timestamp(n as i64), None, Some(b"value"), &[]);
    }
    builder.build()
}

/// The partitions of a fetch: index, offset, leader epoch, last fetched epoch.
fn asked(request: &Request) -> Vec<(i32, i64, i32, i32)> {
    let RequestKind::Fetch(fetch) = &request.body else { panic!("{request:?}") };
    fetch
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .map(|p| (p.partition, p.fetch_offset, p.current_leader_epoch, p.last_fetched_epoch))
        .collect()
}

fn answer(request: &Request, data: impl Fn(PartitionData) -> PartitionData) -> ResponseKind {
    let RequestKind::Fetch(fetch) = &request.body else { panic!("{request:?}") };
    let topics = fetch.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let partitions =
            partitions.map(|p| data(PartitionData::default().with_partition_index(p.partition)));
        FetchableTopicResponse::default()
            .with_topic_id(topic.topic_id)
            .with_partitions(partitions.collect())
    });
    ResponseKind::Fetch(FetchResponse::default().with_responses(topics.collect()))
}

fn reply_records(lab: &mut Lab<Consumer>, request: &Request, records: Bytes) {
    let response = answer(request, |data| data.with_records(Some(records.clone())));
    lab.reply(request, Some(&response));
}

fn reply_error(lab: &mut Lab<Consumer>, request: &Request, code: ErrorCode) {
    let response = answer(request, |data| data.with_error_code(code.0));
    lab.reply(request, Some(&response));
}

fn reply_offset(lab: &mut Lab<Consumer>, request: &Request, code: ErrorCode, offset: i64) -> i64 {
    let RequestKind::ListOffsets(list) = &request.body else { panic!("{request:?}") };
    let topic = &list.topics[0];
    let partition = ListOffsetsPartitionResponse::default()
        .with_partition_index(topic.partitions[0].partition_index)
        .with_error_code(code.0)
        .with_offset(offset);
    let topics = ListOffsetsTopicResponse::default()
        .with_name(topic.name.clone())
        .with_partitions(vec![partition]);
    let timestamp = topic.partitions[0].timestamp;
    let response = ListOffsetsResponse::default().with_topics(vec![topics]);
    lab.reply(request, Some(&ResponseKind::ListOffsets(response)));
    timestamp
}

fn reply_epoch_end(lab: &mut Lab<Consumer>, request: &Request, epoch: i32, end: i64) -> i32 {
    let RequestKind::OffsetForLeaderEpoch(list) = &request.body else { panic!("{request:?}") };
    let topic = &list.topics[0];
    let partition = EpochEnd::default()
        .with_partition(topic.partitions[0].partition)
        .with_leader_epoch(epoch)
        .with_end_offset(end);
    let result = OffsetForLeaderTopicResult::default()
        .with_topic(topic.topic.clone())
        .with_partitions(vec![partition]);
    let asked = topic.partitions[0].leader_epoch;
    let response = OffsetForLeaderEpochResponse::default().with_topics(vec![result]);
    lab.reply(request, Some(&ResponseKind::OffsetForLeaderEpoch(response)));
    asked
}

fn position(lab: &Lab<Consumer>) -> Option<i64> {
    let summary = lab.node.summary();
    summary.positions[&TopicPartition::new("orders", 0)].offset.map(|offset| offset.0)
}

#[test]
fn it_looks_up_the_start_and_reads_on_from_what_it_has_read() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Earliest);
    let list = lab.next_request().expect("asked");
    assert_eq!(reply_offset(&mut lab, &list, ErrorCode::NONE, 3), -2);
    let fetch = lab.next_request().expect("fetch");
    assert_eq!(asked(&fetch), [(0, 3, 0, -1)]);
    assert!(fetch.token.api_version >= 13, "by topic id");
    // The fetch offset lies inside the first batch, which comes whole; the last batch is cut.
    let cut = batch(9, 2, 0);
    let records = [batch(1, 4, 0), batch(5, 4, 0), cut.slice(..cut.len() - 1)].concat();
    reply_records(&mut lab, &fetch, records.into());
    let told = lab.told();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[0], "PositionSet partition=orders-0 to=3 reason=assigned");
    assert!(told[1].starts_with(
        "RecordsRead partition=orders-0 base_offset=3 last_offset=4 leader_epoch=0 crc="
    ));
    assert!(told[2].starts_with("RecordsRead partition=orders-0 base_offset=5 last_offset=8 "));
    assert_eq!(asked(&lab.next_request().expect("fetch")), [(0, 9, 0, -1)]);
    assert_eq!(lab.node.summary().read, 6);
}

#[test]
fn one_fetch_a_broker_covers_all_its_partitions() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(0)));
    assign(&mut lab, 1, StartFrom::Offset(Offset(7)));
    let first = lab.next_request().expect("fetch");
    reply_records(&mut lab, &first, Bytes::new());
    let second = lab.next_request().expect("fetch");
    let mut partitions = asked(&second);
    partitions.sort_unstable();
    assert_eq!(partitions, [(0, 0, 0, -1), (1, 7, 0, -1)]);
    assert!(lab.next_request().is_none(), "one at a time");
}

#[test]
fn it_follows_a_new_leader_and_goes_back_to_where_the_logs_agree() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(0)));
    let fetch = lab.next_request().expect("fetch");
    reply_records(&mut lab, &fetch, [batch(0, 5, 0), batch(5, 5, 0)].concat().into());
    let fetch = lab.next_request().expect("fetch");
    lab.lead("orders", 0, 2, 3);
    lab.told();
    reply_error(&mut lab, &fetch, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(
        lab.told(),
        ["RequestRetried partition=orders-0 api_key=1 error=NOT_LEADER_OR_FOLLOWER"]
    );
    lab.advance(Span::millis(300));
    let check = lab.next_request().expect("KIP-320: checked before it reads on");
    assert_eq!(check.broker, 2);
    assert_eq!(reply_epoch_end(&mut lab, &check, 0, 5), 0);
    assert_eq!(
        lab.told(),
        [
            "TruncationDetected partition=orders-0 position=10 epoch=0 leaders_epoch=0 end_offset=5",
            "PositionSet partition=orders-0 to=5 reason=truncation"
        ]
    );
    let fetch = lab.next_request().expect("fetch");
    assert_eq!((fetch.broker, asked(&fetch)), (2, vec![(0, 5, 3, -1)]));
    reply_records(&mut lab, &fetch, batch(5, 1, 3));
    assert_eq!(asked(&lab.next_request().expect("fetch")), [(0, 6, 3, -1)]);
}

#[test]
fn a_new_leader_with_everything_changes_nothing() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(0)));
    let fetch = lab.next_request().expect("fetch");
    reply_records(&mut lab, &fetch, batch(0, 5, 0));
    let fetch = lab.next_request().expect("fetch");
    lab.lead("orders", 0, 2, 1);
    reply_error(&mut lab, &fetch, ErrorCode::FENCED_LEADER_EPOCH);
    lab.advance(Span::millis(300));
    let check = lab.next_request().expect("check");
    lab.told();
    reply_epoch_end(&mut lab, &check, 0, 9);
    assert_eq!(lab.told(), Vec::<String>::new());
    assert_eq!(asked(&lab.next_request().expect("fetch")), [(0, 5, 1, -1)]);
}

#[test]
fn a_diverging_epoch_in_a_fetch_sets_the_position_back() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(0)));
    let fetch = lab.next_request().expect("fetch");
    reply_records(&mut lab, &fetch, [batch(0, 5, 0), batch(5, 5, 2)].concat().into());
    let fetch = lab.next_request().expect("fetch");
    assert_eq!(asked(&fetch), [(0, 10, 0, -1)]);
    lab.told();
    let end = EpochEndOffset::default().with_epoch(0).with_end_offset(5);
    let response = answer(&fetch, |data| data.with_diverging_epoch(end.clone()));
    lab.reply(&fetch, Some(&response));
    assert_eq!(
        lab.told(),
        [
            "TruncationDetected partition=orders-0 position=10 epoch=2 leaders_epoch=0 end_offset=5",
            "PositionSet partition=orders-0 to=5 reason=truncation"
        ]
    );
    assert_eq!(asked(&lab.next_request().expect("fetch")), [(0, 5, 0, -1)]);
}

#[test]
fn out_of_range_is_reset_as_configured() {
    for (policy, timestamp) in [("earliest", Some(-2)), ("latest", Some(-1)), ("none", None)] {
        let mut lab = lab(&[("auto.offset.reset", policy)]);
        assign(&mut lab, 0, StartFrom::Offset(Offset(50)));
        let fetch = lab.next_request().expect("fetch");
        lab.told();
        reply_error(&mut lab, &fetch, ErrorCode::OFFSET_OUT_OF_RANGE);
        match timestamp {
            Some(timestamp) => {
                let list = lab.next_request().expect("looked up");
                assert_eq!(reply_offset(&mut lab, &list, ErrorCode::NONE, 20), timestamp);
                assert_eq!(
                    lab.told(),
                    ["PositionSet partition=orders-0 to=20 reason=out-of-range"]
                );
                assert_eq!(asked(&lab.next_request().expect("fetch"))[0].1, 20);
            }
            None => {
                lab.advance(Span::secs(5));
                assert!(lab.next_request().is_none());
                assert!(lab.node.summary().positions[&TopicPartition::new("orders", 0)].stopped);
            }
        }
    }
}

#[test]
fn a_rotten_batch_is_not_delivered() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(0)));
    let fetch = lab.next_request().expect("fetch");
    let mut records = [batch(0, 2, 0), batch(2, 2, 0)].concat();
    let last = records.len() - 2;
    records[last] ^= 4;
    lab.told();
    reply_records(&mut lab, &fetch, records.into());
    let told = lab.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1], "RequestRetried partition=orders-0 api_key=1 error=CORRUPT_MESSAGE");
    assert_eq!(position(&lab), Some(2));
    lab.advance(Span::millis(200));
    assert_eq!(asked(&lab.next_request().expect("again"))[0].1, 2);
}

#[test]
fn an_answer_to_an_older_assignment_is_ignored() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(0)));
    let old = lab.next_request().expect("fetch");
    assign(&mut lab, 0, StartFrom::Offset(Offset(100)));
    lab.told();
    reply_records(&mut lab, &old, batch(0, 5, 0));
    assert_eq!(lab.told(), Vec::<String>::new());
    assert_eq!(asked(&lab.next_request().expect("fetch"))[0].1, 100);
}

#[test]
fn a_lost_connection_is_made_again() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(4)));
    lab.next_request().expect("fetch");
    lab.told();
    lab.crash(1);
    assert_eq!(
        lab.told(),
        ["RequestRetried partition=orders-0 api_key=1 error=disconnected-reset"]
    );
    lab.restart(1);
    lab.advance(Span::secs(3));
    assert_eq!(asked(&lab.next_request().expect("fetch")), [(0, 4, 0, -1)]);
}

/// What a partition's leader holds: batches of (base, records, epoch), dense from 0.
#[derive(Clone, Debug, Default)]
struct Held(Vec<(i64, usize, i32)>);

impl Held {
    fn end(&self) -> i64 {
        self.0.last().map_or(0, |(base, records, _)| base + *records as i64)
    }

    /// Where the largest epoch not above `epoch` ends.
    fn end_of(&self, epoch: i32) -> (i32, i64) {
        let until = self.0.iter().take_while(|(_, _, of)| *of <= epoch);
        until.last().map_or((-1, -1), |(base, records, of)| (*of, base + *records as i64))
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Append {
        records: usize,
    },
    /// Another broker leads, which has all but the last batches.
    Elect {
        leader: i32,
        lost: usize,
    },
    Answer,
    Fail {
        code: i16,
    },
    Crash,
    Pass {
        ms: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1..5_usize).prop_map(|records| Op::Append { records }),
        1 => (1..=3_i32, 0..3_usize).prop_map(|(leader, lost)| Op::Elect { leader, lost }),
        8 => Just(Op::Answer),
        1 => prop_oneof![Just(6_i16), Just(3), Just(74), Just(75), Just(56), Just(2)]
            .prop_map(|code| Op::Fail { code }),
        1 => Just(Op::Crash),
        3 => (0..300_u64).prop_map(|ms| Op::Pass { ms }),
    ]
}

/// Answers as the leader would; a broker that does not lead says so.
fn serve(lab: &mut Lab<Consumer>, request: &Request, held: &Held) {
    let (leader, epoch) = lab.leaders[&TopicPartition::new("orders", 0)];
    if let RequestKind::OffsetForLeaderEpoch(list) = &request.body {
        let asked = list.topics[0].partitions[0].leader_epoch;
        let (of, end) = if request.broker == leader { held.end_of(asked) } else { (-1, -1) };
        let code = if request.broker == leader { 0 } else { 6 };
        let partition =
            EpochEnd::default().with_error_code(code).with_leader_epoch(of).with_end_offset(end);
        let result = OffsetForLeaderTopicResult::default()
            .with_topic(list.topics[0].topic.clone())
            .with_partitions(vec![partition]);
        let response = OffsetForLeaderEpochResponse::default().with_topics(vec![result]);
        return lab.reply(request, Some(&ResponseKind::OffsetForLeaderEpoch(response)));
    }
    if !matches!(request.body, RequestKind::Fetch(_)) {
        reply_offset(lab, request, ErrorCode::NONE, 0);
        return;
    }
    let (_, from, current, last) = asked(request)[0];
    let response = answer(request, |data| {
        if request.broker != leader {
            return data.with_error_code(6);
        }
        if current != epoch {
            return data.with_error_code(if current < epoch { 74 } else { 75 });
        }
        let (of, end) = held.end_of(last);
        if last >= 0 && end >= 0 && (of < last || end < from) {
            return data.with_diverging_epoch(
                EpochEndOffset::default().with_epoch(of).with_end_offset(end),
            );
        }
        if from > held.end() {
            return data.with_error_code(1);
        }
        let batches = held.0.iter().filter(|(base, records, _)| base + *records as i64 > from);
        let batches = batches.take(2).map(|(base, records, of)| batch(*base, *records, *of));
        data.with_records(Some(batches.collect::<Vec<_>>().concat().into()))
    });
    lab.reply(request, Some(&response));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_read_is_what_the_last_leader_holds(ops in prop::collection::vec(op(), 1..80)) {
        let mut lab = lab(&[("auto.offset.reset", "earliest")]);
        let mut held = Held::default();
        let mut epoch = 0;
        assign(&mut lab, 0, StartFrom::Earliest);
        for op in ops {
            match op {
                Op::Append { records } => held.0.push((held.end(), records, epoch)),
                Op::Elect { leader, lost } => {
                    epoch += 1;
                    held.0.truncate(held.0.len().saturating_sub(lost));
                    lab.lead("orders", 0, leader, epoch);
                }
                Op::Answer => {
                    if let Some(request) = lab.next_request() {
                        serve(&mut lab, &request, &held);
                    }
                }
                Op::Fail { code } => {
                    if let Some(request) = lab.next_request() {
                        if matches!(request.body, RequestKind::Fetch(_)) {
                            reply_error(&mut lab, &request, ErrorCode(code));
                        } else {
                            serve(&mut lab, &request, &held);
                        }
                    }
                }
                Op::Crash => {
                    let leader = lab.leaders[&TopicPartition::new("orders", 0)].0;
                    lab.crash(leader);
                    lab.restart(leader);
                }
                Op::Pass { ms } => lab.advance(Span::millis(ms)),
            }
        }
        for _ in 0..60 {
            for _ in 0..10 {
                let Some(request) = lab.next_request() else { break };
                serve(&mut lab, &request, &held);
            }
            lab.advance(Span::millis(700));
        }
        // Fold the events: what was read, cut where the position was set back.
        let mut read: BTreeMap<i64, i32> = BTreeMap::new();
        let mut next = None;
        for event in &lab.events {
            if let EventKind::PositionSet { to, .. } = event {
                read.retain(|offset, _| *offset < to.0);
                next = Some(to.0);
            }
            if let EventKind::RecordsRead { base_offset, last_offset, leader_epoch, .. } = event {
                prop_assert_eq!(next, Some(base_offset.0), "no gap, nothing twice");
                read.extend((base_offset.0..=last_offset.0).map(|at| (at, leader_epoch.0)));
                next = Some(last_offset.0 + 1);
            }
        }
        let expected: BTreeMap<i64, i32> = held
            .0
            .iter()
            .flat_map(|(base, records, of)| (*base..base + *records as i64).map(|at| (at, *of)))
            .collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(position(&lab), Some(held.end()));
    }
}
