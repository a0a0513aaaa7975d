//! Committed offsets: each rule with what it lets through and what not.

use std::collections::BTreeMap;

use klamm_node::{
    GroupId, LeaderEpoch, Offset, ProducerId, Span, Timestamp, TopicId, TopicName, TopicPartition,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert;
use klamm_protocol::group_record::{GroupRecord, OffsetCommitValue};
use klamm_protocol::kafka::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use klamm_protocol::kafka::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use klamm_protocol::kafka::messages::offset_fetch_request::OffsetFetchRequestTopics;
use klamm_protocol::kafka::messages::{OffsetCommitRequest, OffsetDeleteRequest};
use proptest::prelude::*;

use super::*;
use crate::shard::Topics;

/// `orders` with two partitions.
#[derive(Debug)]
struct Orders;

const ORDERS: TopicId = TopicId(7);

impl Topics for Orders {
    fn id_of(&self, name: &str) -> Option<TopicId> {
        (name == "orders").then_some(ORDERS)
    }
    fn name_of(&self, id: TopicId) -> Option<TopicName> {
        (id == ORDERS).then(|| "orders".into())
    }
    fn partitions_of(&self, id: TopicId) -> i32 {
        if id == ORDERS { 2 } else { 0 }
    }
    fn racks_of(&self, _: TopicId, _: i32) -> Vec<String> {
        Vec::new()
    }
    fn names(&self) -> Vec<TopicName> {
        vec!["orders".into()]
    }
    fn version(&self) -> Offset {
        Offset(1)
    }
}

fn group() -> GroupId {
    "billing".into()
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition::new("orders", partition)
}

fn value(offset: i64, timestamp: i64) -> OffsetCommitValue {
    OffsetCommitValue {
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(3),
        metadata: format!("at {offset}"),
        commit_timestamp: timestamp,
        ..OffsetCommitValue::default()
    }
}

fn written(offsets: &mut Offsets, log_offset: i64, partition: i32, offset: Option<i64>) {
    let value = offset.map(|offset| value(offset, 1000));
    offsets.replay(Offset(log_offset), &group(), &"orders".into(), partition, value.as_ref());
}

fn request(partitions: &[(i32, i64, &str)], topic: &str) -> OffsetCommitRequest {
    let partitions = partitions.iter().map(|(index, offset, note)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(*index)
            .with_committed_offset(*offset)
            .with_committed_metadata(Some(convert::text(note)))
    });
    let topic = OffsetCommitRequestTopic::default()
        .with_name(convert::topic(topic))
        .with_topic_id(convert::topic_uuid(ORDERS))
        .with_partitions(partitions.collect());
    OffsetCommitRequest::default()
        .with_group_id(klamm_protocol::kafka::messages::GroupId(convert::text("billing")))
        .with_topics(vec![topic])
}

fn codes(commit: &Commit) -> Vec<ErrorCode> {
    let partitions = commit.response.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| ErrorCode(partition.error_code)).collect()
}

#[test]
fn a_commit_is_written_partition_by_partition() {
    let asked = request(&[(0, 5, ""), (2, 5, ""), (1, 6, "far too long")], "orders");
    let decided = commit(&Orders, &asked, 9, Timestamp(1000), 5);
    let (none, unknown) = (ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(codes(&decided), [none, unknown, ErrorCode::OFFSET_METADATA_TOO_LARGE]);
    let [GroupRecord::OffsetCommit { topic, partition, value: Some(value), .. }] =
        decided.records.as_slice()
    else {
        panic!("{:?}", decided.records)
    };
    assert_eq!((&**topic, *partition, value.offset), ("orders", 0, Offset(5)));
    assert_eq!((value.commit_timestamp, value.expire_timestamp), (1000, -1));
    let decided = commit(&Orders, &request(&[(0, 5, "")], "gone"), 9, Timestamp(1000), 5);
    assert_eq!(codes(&decided), [unknown]);
    assert!(decided.is_empty());
}

#[test]
fn from_version_10_on_topics_are_named_by_id() {
    let decided = commit(&Orders, &request(&[(0, 5, "")], ""), 10, Timestamp(1000), 5);
    assert_eq!(codes(&decided), [ErrorCode::NONE]);
    let mut asked = request(&[(0, 5, "")], "orders");
    asked.topics[0].topic_id = convert::topic_uuid(TopicId(8));
    let decided = commit(&Orders, &asked, 10, Timestamp(1000), 5);
    assert_eq!(codes(&decided), [ErrorCode::UNKNOWN_TOPIC_ID]);
}

#[test]
fn old_clients_say_how_long_an_offset_is_kept() {
    let asked = request(&[(0, 5, "")], "orders").with_retention_time_ms(500);
    let decided = commit(&Orders, &asked, 4, Timestamp(1000), 5);
    let GroupRecord::OffsetCommit { value: Some(value), .. } = &decided.records[0] else {
        panic!("a commit")
    };
    assert_eq!(value.expire_timestamp, 1500);
}

#[test]
fn a_group_that_refuses_leaves_other_errors_alone() {
    let asked = request(&[(0, 5, ""), (2, 5, "")], "orders");
    let mut decided = commit(&Orders, &asked, 9, Timestamp(1000), 5);
    commit_refused(&mut decided.response, ErrorCode::ILLEGAL_GENERATION);
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(codes(&decided), [ErrorCode::ILLEGAL_GENERATION, unknown]);
}

#[test]
fn a_reader_is_shown_what_is_committed_and_a_decision_what_is_written() {
    let mut offsets = Offsets::default();
    written(&mut offsets, 0, 0, Some(5));
    assert_eq!(offsets.stable(&group(), &at(0)), None);
    offsets.committed(Offset(1));
    written(&mut offsets, 1, 0, Some(9));
    let offset = |found: Option<&Committed>| found.map(|found| found.offset.0);
    assert_eq!(offset(offsets.stable(&group(), &at(0))), Some(5));
    assert_eq!(offset(offsets.newest(&group(), &at(0))), Some(9));
    written(&mut offsets, 2, 0, None);
    assert_eq!(offset(offsets.stable(&group(), &at(0))), Some(5));
    assert_eq!(offset(offsets.newest(&group(), &at(0))), None);
    offsets.committed(Offset(2));
    assert_eq!(offset(offsets.stable(&group(), &at(0))), Some(9));
    offsets.committed(Offset(3));
    assert_eq!(offset(offsets.stable(&group(), &at(0))), None);
    let mut empty = Offsets::default();
    empty.committed(Offset(3));
    assert_eq!(offsets, empty, "nothing is left behind");
}

#[test]
fn what_nobody_committed_is_no_error() {
    let mut offsets = Offsets::default();
    written(&mut offsets, 0, 1, Some(5));
    offsets.committed(Offset(1));
    let ask = |topics, known, stable| {
        let asked = FetchGroup { group: group(), member: None, epoch: -1, topics };
        let answer = fetch(&Orders, &offsets, &asked, known, stable, 9);
        let partitions = answer.topics.iter().flat_map(|topic| {
            let name = topic.name.to_string();
            topic.partitions.iter().map(move |p| {
                (
                    name.clone(),
                    p.partition_index,
                    p.committed_offset,
                    p.committed_leader_epoch,
                    p.error_code,
                )
            })
        });
        partitions.collect::<Vec<_>>()
    };
    let topic = |name: &str, partitions: &[i32]| {
        OffsetFetchRequestTopics::default()
            .with_name(convert::topic(name))
            .with_partition_indexes(partitions.to_vec())
    };
    let wanted = || Some(vec![topic("orders", &[0, 1]), topic("gone", &[0])]);
    let none = |name: &str, partition| (name.to_owned(), partition, -1, -1, 0);
    let found = ("orders".to_owned(), 1, 5, 3, 0);
    assert_eq!(ask(wanted(), true, false), [none("orders", 0), found.clone(), none("gone", 0)]);
    assert_eq!(
        ask(wanted(), false, false),
        [none("orders", 0), none("orders", 1), none("gone", 0)]
    );
    assert_eq!(ask(None, true, false), [found]);
    assert_eq!(ask(None, false, false), []);
}

#[test]
fn an_open_transaction_makes_offsets_unstable_and_its_end_decides() {
    let group_id = group();
    let pending = |offsets: &mut Offsets, at, offset| {
        let topic = "orders".into();
        offsets.replay_pending(
            Offset(at),
            ProducerId(1),
            &group_id,
            &topic,
            0,
            &value(offset, 1000),
        );
    };
    let read = |offsets: &Offsets, stable| {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(convert::topic("orders"))
            .with_partition_indexes(vec![0]);
        let asked =
            FetchGroup { group: group(), member: None, epoch: -1, topics: Some(vec![topic]) };
        let answer = fetch(&Orders, offsets, &asked, true, stable, 9);
        let partition = &answer.topics[0].partitions[0];
        (partition.committed_offset, ErrorCode(partition.error_code))
    };
    let mut offsets = Offsets::default();
    pending(&mut offsets, 0, 5);
    offsets.committed(Offset(1));
    assert_eq!(read(&offsets, false), (-1, ErrorCode::NONE));
    assert_eq!(read(&offsets, true), (-1, ErrorCode::UNSTABLE_OFFSET_COMMIT));
    let mut aborted = offsets.clone();
    aborted.transaction_ended(ProducerId(1), false);
    assert_eq!(read(&aborted, true), (-1, ErrorCode::NONE));
    // A commit outside the transaction that stands behind it in the log is the newer one (KAFKA-5247).
    let mut overtaken = offsets.clone();
    written(&mut overtaken, 1, 0, Some(9));
    overtaken.transaction_ended(ProducerId(1), true);
    overtaken.committed(Offset(3));
    assert_eq!(read(&overtaken, true), (9, ErrorCode::NONE));
    offsets.transaction_ended(ProducerId(1), true);
    offsets.committed(Offset(2));
    assert_eq!(read(&offsets, true), (5, ErrorCode::NONE));
}

#[test]
fn offsets_of_topics_that_members_read_are_not_deleted() {
    let mut offsets = Offsets::default();
    written(&mut offsets, 0, 0, Some(5));
    let partition = |index| OffsetDeleteRequestPartition::default().with_partition_index(index);
    let asked = OffsetDeleteRequest::default()
        .with_group_id(klamm_protocol::kafka::messages::GroupId(convert::text("billing")))
        .with_topics(vec![
            OffsetDeleteRequestTopic::default()
                .with_name(convert::topic("orders"))
                .with_partitions(vec![partition(0), partition(1), partition(2)]),
        ]);
    let told = |subscribed: bool| {
        let (records, response) = delete(&Orders, &offsets, &asked, |_| subscribed);
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        (records.len(), partitions.map(|p| ErrorCode(p.error_code)).collect::<Vec<_>>())
    };
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(told(false), (1, vec![ErrorCode::NONE, ErrorCode::NONE, unknown]));
    let read = ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC;
    assert_eq!(told(true), (0, vec![read, read, unknown]));
}

#[test]
fn an_offset_grows_old_only_while_nobody_uses_it() {
    let mut offsets = Offsets::default();
    written(&mut offsets, 0, 0, Some(5));
    let retention = Span::millis(100);
    let over = |now, reads, from: Option<i64>| {
        let ages_from = |_| from.map(Timestamp);
        let (records, all) =
            expire(&offsets, &group(), |_| reads, ages_from, Timestamp(now), retention);
        (records.len(), all)
    };
    assert_eq!(over(9_000, true, Some(1000)), (0, false), "it is read");
    assert_eq!(over(9_000, false, None), (0, false), "the group rebalances");
    assert_eq!(over(1_099, false, Some(1000)), (0, false), "not yet");
    assert_eq!(over(1_100, false, Some(1000)), (1, true));
    assert_eq!(over(1_150, false, Some(1100)), (0, false), "the group is empty since a moment");
    let (records, all) =
        expire(&Offsets::default(), &group(), |_| false, Some, Timestamp(0), retention);
    assert_eq!((records.len(), all), (0, true), "a group without offsets has nothing to keep");
}

proptest! {
    /// Against the plainest model there is: a list of all records, read up to a place.
    #[test]
    fn the_store_is_what_the_log_says(
        records in prop::collection::vec((0i32..3, prop::option::of(0i64..50)), 0..40),
        committed in prop::collection::vec(0usize..40, 0..6),
    ) {
        let mut offsets = Offsets::default();
        let mut up_to = 0;
        for (place, (partition, offset)) in records.iter().enumerate() {
            written(&mut offsets, i64::try_from(place).unwrap(), *partition, *offset);
            if committed.contains(&place) {
                up_to = place + 1;
                offsets.committed(Offset(i64::try_from(up_to).unwrap()));
            }
        }
        let model = |until: usize| {
            let mut model = BTreeMap::new();
            for (partition, offset) in &records[..until] {
                match offset {
                    Some(offset) => model.insert(*partition, *offset),
                    None => model.remove(partition),
                };
            }
            model
        };
        let show = |(at, found): (&TopicPartition, &Committed)| (at.partition, found.offset.0);
        let newest: BTreeMap<_, _> = offsets.newest_of(&group()).map(show).collect();
        prop_assert_eq!(newest, model(records.len()));
        let stable: BTreeMap<_, _> = offsets.stable_of(&group()).map(show).collect();
        prop_assert_eq!(stable, model(up_to));
    }
}
