//! OffsetCommit (key 8, versions 2 to 10) and the group's side of TxnOffsetCommit (key 28).
//!
//! A partition whose topic the broker does not know is refused by itself, UNKNOWN_TOPIC_OR_PARTITION (UNKNOWN_TOPIC_ID where
//! the request speaks ids), before the group is asked. A note that is longer than `offset.metadata.max.bytes` is refused with
//! OFFSET_METADATA_TOO_LARGE; the rest of the request is carried out.

use klamm_node::{GroupId, LeaderEpoch, MemberId, Offset, Timestamp, TopicName};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert;
use klamm_protocol::group_record::{GroupRecord, OffsetCommitValue};
use klamm_protocol::kafka::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use klamm_protocol::kafka::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use klamm_protocol::kafka::messages::{
    OffsetCommitRequest, OffsetCommitResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use crate::shard::Topics;

/// The first version that names topics by id (KIP-848).
const FIRST_WITH_IDS: i16 = 10;

/// What a commit leaves: records, and what is answered once they are committed.
#[derive(Clone, PartialEq, Debug)]
pub struct Commit {
    /// The records, one an offset.
    pub records: Vec<GroupRecord>,
    /// The answer when all goes well.
    pub response: OffsetCommitResponse,
    /// Who commits; empty for one who is in no group.
    pub member: MemberId,
    /// The generation or member epoch shown.
    pub epoch: i32,
}

impl Commit {
    /// Whether the group has anything to say to it: with nothing to write it is not even asked.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// Sorts a request into what can be written and what is refused by itself.
pub fn commit(
    topics: &dyn Topics,
    request: &OffsetCommitRequest,
    version: i16,
    now: Timestamp,
    max_metadata: usize,
) -> Commit {
    let group = GroupId::from(request.group_id.as_str());
    // A retention of its own: versions 2 to 4.
    let retention = request.retention_time_ms;
    let expires = (retention >= 0).then(|| now.0.saturating_add(retention));
    let mut records = Vec::new();
    let mut answers = Vec::new();
    for topic in &request.topics {
        let by_id = version >= FIRST_WITH_IDS;
        let known = if by_id {
            let id = convert::topic_id(topic.topic_id);
            topics.name_of(id).map(|name| (name, id))
        } else {
            let name = TopicName::from(topic.name.as_str());
            topics.id_of(&name).map(|id| (name, id))
        };
        let mut partitions = Vec::new();
        for asked in &topic.partitions {
            let index = asked.partition_index;
            let metadata = asked.committed_metadata.as_ref().map_or("", |text| text.as_str());
            let code = match &known {
                None if by_id => ErrorCode::UNKNOWN_TOPIC_ID,
                None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                Some((_, id)) if !(0..topics.partitions_of(*id)).contains(&index) => {
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                }
                // Java counts UTF-16 units.
                Some(_) if metadata.encode_utf16().count() > max_metadata => {
                    ErrorCode::OFFSET_METADATA_TOO_LARGE
                }
                Some((name, id)) => {
                    let value = OffsetCommitValue {
                        offset: Offset(asked.committed_offset),
                        leader_epoch: LeaderEpoch(asked.committed_leader_epoch),
                        metadata: metadata.to_owned(),
                        commit_timestamp: now.0,
                        expire_timestamp: expires.unwrap_or(-1),
                        topic_id: *id,
                    };
                    records.push(record(&group, name, index, Some(value)));
                    ErrorCode::NONE
                }
            };
            let answer = OffsetCommitResponsePartition::default().with_partition_index(index);
            partitions.push(answer.with_error_code(code.0));
        }
        answers.push(
            OffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_topic_id(topic.topic_id)
                .with_partitions(partitions),
        );
    }
    Commit {
        records,
        response: OffsetCommitResponse::default().with_topics(answers),
        member: MemberId::from(request.member_id.as_str()),
        epoch: request.generation_id_or_member_epoch,
    }
}

/// The answer when the group, or its log, refuses: the partitions that would have been written get the error, those that
/// were refused by themselves keep theirs.
pub fn commit_refused(response: &mut OffsetCommitResponse, error: ErrorCode) {
    let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    for partition in partitions.filter(|partition| partition.error_code == ErrorCode::NONE.0) {
        partition.error_code = error.0;
    }
}

/// What a commit in a transaction leaves. The group is asked by the caller, and the records belong to the producer's
/// transaction.
pub fn commit_transactional(
    topics: &dyn Topics,
    request: &TxnOffsetCommitRequest,
    now: Timestamp,
    max_metadata: usize,
) -> (Vec<GroupRecord>, TxnOffsetCommitResponse) {
    let group = GroupId::from(request.group_id.as_str());
    let mut records = Vec::new();
    let mut answers = Vec::new();
    for topic in &request.topics {
        let name = TopicName::from(topic.name.as_str());
        let known = topics.id_of(&name);
        let mut partitions = Vec::new();
        for asked in &topic.partitions {
            let index = asked.partition_index;
            let metadata = asked.committed_metadata.as_ref().map_or("", |text| text.as_str());
            let code = match known {
                Some(id) if (0..topics.partitions_of(id)).contains(&index) => {
                    if metadata.encode_utf16().count() > max_metadata {
                        ErrorCode::OFFSET_METADATA_TOO_LARGE
                    } else {
                        let value = OffsetCommitValue {
                            offset: Offset(asked.committed_offset),
                            leader_epoch: LeaderEpoch(asked.committed_leader_epoch),
                            metadata: metadata.to_owned(),
                            commit_timestamp: now.0,
                            expire_timestamp: -1,
                            topic_id: id,
                        };
                        records.push(record(&group, &name, index, Some(value)));
                        ErrorCode::NONE
                    }
                }
                Some(_) | None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            };
            let answer = TxnOffsetCommitResponsePartition::default().with_partition_index(index);
            partitions.push(answer.with_error_code(code.0));
        }
        let answer = TxnOffsetCommitResponseTopic::default().with_name(topic.name.clone());
        answers.push(answer.with_partitions(partitions));
    }
    (records, TxnOffsetCommitResponse::default().with_topics(answers))
}

/// A record about a group's offset; none is a tombstone.
pub(super) fn record(
    group: &GroupId,
    topic: &TopicName,
    partition: i32,
    value: Option<OffsetCommitValue>,
) -> GroupRecord {
    let (group, topic) = (group.clone(), TopicName::clone(topic));
    GroupRecord::OffsetCommit { group, topic, partition, value }
}
