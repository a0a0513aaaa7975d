//! OffsetFetch (key 9, versions 1 to 10): what a group has committed.
//!
//! A group or a partition that nobody has committed for is no error: offset -1. Up to version 7 a request asks for one group,
//! later for several (KIP-709); version 10 names topics by id. A reader with `require_stable` is told UNSTABLE_OFFSET_COMMIT
//! where a transaction is open (KIP-447), and its answer waits until everything written is committed; others are shown what
//! is committed at once.

use klamm_node::{GroupId, Offset, TopicId, TopicName, TopicPartition};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use klamm_protocol::kafka::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use klamm_protocol::kafka::messages::{OffsetFetchRequest, OffsetFetchResponse};

use super::store::{Committed, Offsets};
use crate::shard::Topics;

/// The first version that asks for several groups.
const FIRST_WITH_GROUPS: i16 = 8;
/// The first version that names topics by id.
const FIRST_WITH_IDS: i16 = 10;
/// The first version with an error for the whole request.
const FIRST_WITH_ERROR: i16 = 2;

/// One group of a request.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchGroup {
    /// The group.
    pub group: GroupId,
    /// The member that asks, if it says so (version 9).
    pub member: Option<String>,
    /// Its epoch; -1 for none.
    pub epoch: i32,
    /// What it asks for; none for everything there is.
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
}

/// The groups of a request, whatever its version.
pub fn unwind(request: &OffsetFetchRequest, version: i16) -> Vec<FetchGroup> {
    if version >= FIRST_WITH_GROUPS {
        let of = |group: &OffsetFetchRequestGroup| FetchGroup {
            group: GroupId::from(group.group_id.as_str()),
            member: group.member_id.as_ref().map(|id| id.to_string()),
            epoch: group.member_epoch,
            topics: group.topics.clone(),
        };
        return request.groups.iter().map(of).collect();
    }
    let topics = request.topics.as_ref().map(|topics| {
        let widened = topics.iter().map(|topic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name.clone())
                .with_partition_indexes(topic.partition_indexes.clone())
        });
        widened.collect()
    });
    let group = GroupId::from(request.group_id.as_str());
    vec![FetchGroup { group, member: None, epoch: -1, topics }]
}

/// Answers for one group. `known` is false for a group that does not exist: then there are no offsets, and no error.
pub fn fetch(
    topics: &dyn Topics,
    offsets: &Offsets,
    asked: &FetchGroup,
    known: bool,
    require_stable: bool,
    version: i16,
) -> OffsetFetchResponseGroup {
    let group = &asked.group;
    let read = |partition: &TopicPartition| {
        let found = if require_stable {
            offsets.newest(group, partition)
        } else {
            offsets.stable(group, partition)
        };
        if known && require_stable && offsets.has_pending(group, partition) {
            return answer(partition.partition, None, ErrorCode::UNSTABLE_OFFSET_COMMIT);
        }
        answer(partition.partition, found.filter(|_| known), ErrorCode::NONE)
    };
    let by_id = version >= FIRST_WITH_IDS;
    let mut answers = Vec::new();
    match &asked.topics {
        Some(wanted) => {
            for topic in wanted {
                let name = if by_id {
                    topics.name_of(convert::topic_id(topic.topic_id))
                } else {
                    Some(TopicName::from(topic.name.as_str()))
                };
                let partitions = topic.partition_indexes.iter().map(|index| match &name {
                    Some(name) => read(&TopicPartition::new(TopicName::clone(name), *index)),
                    None => answer(*index, None, ErrorCode::UNKNOWN_TOPIC_ID),
                });
                answers.push(
                    OffsetFetchResponseTopics::default()
                        .with_name(topic.name.clone())
                        .with_topic_id(topic.topic_id)
                        .with_partitions(partitions.collect()),
                );
            }
        }
        None => {
            let found: Vec<&TopicPartition> = if require_stable {
                offsets.newest_of(group).map(|(partition, _)| partition).collect()
            } else {
                offsets.stable_of(group).map(|(partition, _)| partition).collect()
            };
            let mut current: Option<(TopicName, OffsetFetchResponseTopics)> = None;
            for partition in found.into_iter().filter(|_| known) {
                if current.as_ref().is_none_or(|(name, _)| *name != partition.topic) {
                    answers.extend(current.take().map(|(_, topic)| topic));
                    let id = topics.id_of(&partition.topic);
                    // A topic that is gone has no id to be named by.
                    if by_id && id.is_none() {
                        continue;
                    }
                    let topic = OffsetFetchResponseTopics::default()
                        .with_name(convert::topic(if by_id { "" } else { &partition.topic }))
                        .with_topic_id(convert::topic_uuid(
                            id.filter(|_| by_id).unwrap_or(TopicId::ZERO),
                        ));
                    current = Some((TopicName::clone(&partition.topic), topic));
                }
                if let Some((_, topic)) = &mut current {
                    topic.partitions.push(read(partition));
                }
            }
            answers.extend(current.map(|(_, topic)| topic));
        }
    }
    OffsetFetchResponseGroup::default()
        .with_group_id(klamm_protocol::kafka::messages::GroupId(convert::text(group.as_str())))
        .with_topics(answers)
}

fn answer(
    index: i32,
    found: Option<&Committed>,
    error: ErrorCode,
) -> OffsetFetchResponsePartitions {
    let answer = OffsetFetchResponsePartitions::default()
        .with_partition_index(index)
        .with_error_code(error.0);
    match found {
        Some(found) => answer
            .with_committed_offset(found.offset.0)
            .with_committed_leader_epoch(found.leader_epoch.0)
            .with_metadata(Some(convert::text(&found.metadata))),
        None => answer
            .with_committed_offset(Offset(-1).0)
            .with_committed_leader_epoch(-1)
            .with_metadata(Some(convert::text(""))),
    }
}

/// The answer for a group that refused: up to version 7 with the error where that version has it.
pub fn refused(asked: &FetchGroup, error: ErrorCode, version: i16) -> OffsetFetchResponseGroup {
    let answer = OffsetFetchResponseGroup::default().with_error_code(error.0).with_group_id(
        klamm_protocol::kafka::messages::GroupId(convert::text(asked.group.as_str())),
    );
    if version >= FIRST_WITH_ERROR {
        return answer;
    }
    // Version 1 says it of every partition.
    let topics = asked.topics.iter().flatten().map(|topic| {
        let partitions = topic.partition_indexes.iter();
        OffsetFetchResponseTopics::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.map(|index| self::answer(*index, None, error)).collect())
    });
    answer.with_topics(topics.collect())
}

/// Puts the groups' answers into the shape of a version.
pub fn wind(groups: Vec<OffsetFetchResponseGroup>, version: i16) -> OffsetFetchResponse {
    if version >= FIRST_WITH_GROUPS {
        return OffsetFetchResponse::default().with_groups(groups);
    }
    let Some(only) = groups.into_iter().next() else { return OffsetFetchResponse::default() };
    let narrow = |partition: OffsetFetchResponsePartitions| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_committed_offset(partition.committed_offset)
            .with_committed_leader_epoch(partition.committed_leader_epoch)
            .with_metadata(partition.metadata)
            .with_error_code(partition.error_code)
    };
    let topics = only.topics.into_iter().map(|topic| {
        OffsetFetchResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(topic.partitions.into_iter().map(narrow).collect())
    });
    let error = if version >= FIRST_WITH_ERROR { only.error_code } else { ErrorCode::NONE.0 };
    OffsetFetchResponse::default().with_error_code(error).with_topics(topics.collect())
}
