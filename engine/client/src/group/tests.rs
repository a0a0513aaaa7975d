//! Situations of a group's member before a scripted coordinator.

mod chance;
mod classic;
mod modern;
mod polling;

use std::collections::BTreeMap;

use bytes::Bytes;
use klamm_node::config::ConsumerConfig;
use klamm_node::{
    Command, CommitWhen, GroupCommand, LeaderEpoch, Offset, Span, Timestamp, TopicPartition,
};
use klamm_protocol::kafka::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use klamm_protocol::kafka::messages::find_coordinator_response::Coordinator;
use klamm_protocol::kafka::messages::join_group_response::JoinGroupResponseMember;
use klamm_protocol::kafka::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use klamm_protocol::kafka::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use klamm_protocol::kafka::messages::{
    BrokerId as WireBrokerId, FetchResponse, FindCoordinatorResponse, HeartbeatResponse,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupResponse, OffsetCommitRequest,
    OffsetCommitResponse, OffsetFetchResponse, RequestKind, ResponseKind, SyncGroupResponse,
};
use klamm_protocol::{BatchBuilder, Compression, ErrorCode, convert};

use crate::assignor::{assignment_bytes, read_subscription};
use crate::consumer::Consumer;
use crate::testing::{Lab, Request, bootstrap};

type Lab1 = Lab<Consumer>;

/// A consumer of group `g` before brokers 1 to 3, all of `orders` led by broker 1, the group coordinated by broker 2.
fn lab(config: &[(&str, &str)]) -> Lab1 {
    let mut keys = BTreeMap::from([
        ("group.id".to_owned(), "g".to_owned()),
        ("auto.offset.reset".to_owned(), "earliest".to_owned()),
    ]);
    keys.extend(config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let config = ConsumerConfig::from_map(&keys).expect("known keys");
    let mut lab = Lab::new(Consumer::new("consumer-1", bootstrap(), config));
    for partition in 0..3 {
        lab.lead("orders", partition, 1, 0);
    }
    lab
}

fn orders(partitions: &[i32]) -> Vec<TopicPartition> {
    partitions.iter().map(|partition| TopicPartition::new("orders", *partition)).collect()
}

fn call(lab: &mut Lab1, command: GroupCommand) {
    lab.command(Command::Group(command));
}

fn subscribe(lab: &mut Lab1) {
    call(lab, GroupCommand::Subscribe { topics: vec!["orders".into()] });
}

fn work(lab: &mut Lab1, per_record: Span, commit: CommitWhen) {
    call(lab, GroupCommand::SetProcessing { per_record, commit });
}

/// The oldest request of this kind.
fn take(lab: &mut Lab1, kind: impl Fn(&RequestKind) -> bool) -> Option<Request> {
    let at = lab.requests.iter().position(|request| kind(&request.body))?;
    lab.requests.remove(at)
}

macro_rules! asked {
    ($lab:expr, $kind:ident) => {{
        let request = take($lab, |body| matches!(body, RequestKind::$kind(_)));
        let Some(request) = request else {
            panic!("no {} among {:?}", stringify!($kind), $lab.requests)
        };
        let RequestKind::$kind(body) = request.body.clone() else { unreachable!() };
        (request, body)
    }};
}
use asked;

fn none(lab: &mut Lab1, what: &str, kind: impl Fn(&RequestKind) -> bool) {
    assert!(take(lab, kind).is_none(), "{what}");
}

fn coordinator(lab: &mut Lab1, broker: i32) {
    let (request, body) = asked!(lab, FindCoordinator);
    assert_eq!(body.coordinator_keys[0].as_str(), "g");
    let found = Coordinator::default()
        .with_key(convert::text("g"))
        .with_node_id(WireBrokerId(broker))
        .with_host(convert::text(&format!("broker-{broker}")))
        .with_port(9092);
    let response = FindCoordinatorResponse::default().with_coordinators(vec![found]);
    lab.reply(&request, Some(&ResponseKind::FindCoordinator(response)));
}

fn join_error(lab: &mut Lab1, code: ErrorCode, member: &str) -> JoinGroupRequest {
    let (request, body) = asked!(lab, JoinGroup);
    let response = JoinGroupResponse::default()
        .with_error_code(code.0)
        .with_member_id(convert::text(member))
        .with_protocol_name(Some(convert::text("")));
    lab.reply(&request, Some(&ResponseKind::JoinGroup(response)));
    body
}

/// It has joined as `me`; somebody else leads unless it is told the members.
fn join(lab: &mut Lab1, generation: i32, protocol: &str, members: &[&str]) -> JoinGroupRequest {
    let (request, body) = asked!(lab, JoinGroup);
    assert_eq!(request.broker, 2);
    let mine = body.protocols.iter().find(|known| known.name.as_str() == protocol);
    let metadata = &mine.expect("one of its protocols").metadata;
    let told = members.iter().map(|member| {
        JoinGroupResponseMember::default()
            .with_member_id(convert::text(member))
            .with_metadata(metadata.clone())
    });
    let leader = if members.is_empty() { "other" } else { "me" };
    let response = JoinGroupResponse::default()
        .with_generation_id(generation)
        .with_protocol_type(Some(convert::text("consumer")))
        .with_protocol_name(Some(convert::text(protocol)))
        .with_leader(convert::text(leader))
        .with_member_id(convert::text("me"))
        .with_members(told.collect());
    lab.reply(&request, Some(&ResponseKind::JoinGroup(response)));
    body
}

fn sync(lab: &mut Lab1, code: ErrorCode, partitions: &[i32]) {
    let (request, _) = asked!(lab, SyncGroup);
    let response = SyncGroupResponse::default()
        .with_error_code(code.0)
        .with_assignment(assignment_bytes(&orders(partitions), None));
    lab.reply(&request, Some(&ResponseKind::SyncGroup(response)));
}

/// What is committed, by partition; the rest has nothing.
fn committed(lab: &mut Lab1, offsets: &[(i32, i64)]) {
    let (request, body) = asked!(lab, OffsetFetch);
    let asked = body.groups[0].topics.as_ref().expect("named")[0].partition_indexes.clone();
    let partitions = asked.into_iter().map(|partition| {
        let offset = offsets.iter().find(|(known, _)| *known == partition).map_or(-1, |o| o.1);
        OffsetFetchResponsePartitions::default()
            .with_partition_index(partition)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(-1)
    });
    let topic = OffsetFetchResponseTopics::default()
        .with_name(convert::topic("orders"))
        .with_partitions(partitions.collect());
    let group = OffsetFetchResponseGroup::default()
        .with_group_id(convert::text("g").into())
        .with_topics(vec![topic]);
    let response = OffsetFetchResponse::default().with_groups(vec![group]);
    lab.reply(&request, Some(&ResponseKind::OffsetFetch(response)));
}

fn heartbeat(lab: &mut Lab1, code: ErrorCode) {
    let (request, body) = asked!(lab, Heartbeat);
    assert_eq!((request.broker, body.member_id.as_str()), (2, "me"));
    let response = HeartbeatResponse::default().with_error_code(code.0);
    lab.reply(&request, Some(&ResponseKind::Heartbeat(response)));
}

fn left(lab: &mut Lab1) -> String {
    let (request, body) = asked!(lab, LeaveGroup);
    lab.reply(&request, Some(&ResponseKind::LeaveGroup(LeaveGroupResponse::default())));
    body.members[0].member_id.to_string()
}

/// Answers a commit; what it said.
fn commit(lab: &mut Lab1, code: ErrorCode) -> OffsetCommitRequest {
    let (request, body) = asked!(lab, OffsetCommit);
    assert_eq!(request.broker, 2);
    let topics = body.topics.iter().map(|topic| {
        let answer = |partition: i32| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition)
                .with_error_code(code.0)
        };
        let partitions = topic.partitions.iter().map(|p| answer(p.partition_index)).collect();
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions)
    });
    let response = OffsetCommitResponse::default().with_topics(topics.collect());
    lab.reply(&request, Some(&ResponseKind::OffsetCommit(response)));
    body
}

/// The partitions and offsets of a commit.
fn offsets(request: &OffsetCommitRequest) -> Vec<(i32, i64)> {
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|p| (p.partition_index, p.committed_offset)).collect()
}

/// Answers a fetch with so many records of one partition from an offset on; other partitions have nothing.
fn records(lab: &mut Lab1, partition: i32, base: i64, count: usize) {
    let mut builder = BatchBuilder::new(Compression::None).at(Offset(base), LeaderEpoch(0));
    for n in 0..count {
        builder.append(Timestamp(n as i64), None, Some(b"value"), &[]);
    }
    fetched(lab, partition, (count > 0).then(|| builder.build()));
}

/// Answers a fetch: with these records of a partition, and with nothing for the others.
fn fetched(lab: &mut Lab1, partition: i32, records: Option<Bytes>) {
    let (request, body) = asked!(lab, Fetch);
    let topics = body.topics.iter().map(|topic| {
        let data = topic.partitions.iter().map(|asked| {
            let records = records.clone().filter(|_| asked.partition == partition);
            PartitionData::default().with_partition_index(asked.partition).with_records(records)
        });
        FetchableTopicResponse::default()
            .with_topic_id(topic.topic_id)
            .with_partitions(data.collect())
    });
    let response = FetchResponse::default().with_responses(topics.collect());
    lab.reply(&request, Some(&ResponseKind::Fetch(response)));
}

/// A member `me` of generation 1 with these partitions, which begin at offset 0, with the first fetch under way.
fn member(config: &[(&str, &str)], protocol: &str, partitions: &[i32]) -> Lab1 {
    let mut lab = lab(config);
    subscribe(&mut lab);
    coordinator(&mut lab, 2);
    join(&mut lab, 1, protocol, &[]);
    sync(&mut lab, ErrorCode::NONE, partitions);
    let zero: Vec<(i32, i64)> = partitions.iter().map(|partition| (*partition, 0)).collect();
    committed(&mut lab, &zero);
    lab.told();
    lab
}

const COOPERATIVE: (&str, &str) = ("partition.assignment.strategy", "cooperative-sticky");
const BY_HAND: (&str, &str) = ("enable.auto.commit", "false");
