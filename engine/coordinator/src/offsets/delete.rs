//! OffsetDelete (key 47), and what goes with a group or a topic that is deleted.

use klamm_node::{GroupId, TopicName, TopicPartition};
use klamm_protocol::ErrorCode;
use klamm_protocol::group_record::GroupRecord;
use klamm_protocol::kafka::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use klamm_protocol::kafka::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::commit::record;
use super::store::Offsets;
use crate::shard::Topics;

/// Deletes offsets of a group that allowed it. `subscribed` says which topics its members read: those are refused with
/// GROUP_SUBSCRIBED_TO_TOPIC. A partition without an offset is no error.
pub fn delete(
    topics: &dyn Topics,
    offsets: &Offsets,
    request: &OffsetDeleteRequest,
    subscribed: impl Fn(&str) -> bool,
) -> (Vec<GroupRecord>, OffsetDeleteResponse) {
    let group = GroupId::from(request.group_id.as_str());
    let mut records = Vec::new();
    let mut answers = Vec::new();
    for topic in &request.topics {
        let name = TopicName::from(topic.name.as_str());
        let count = topics.id_of(&name).map(|id| topics.partitions_of(id));
        let mut partitions = Vec::new();
        for asked in &topic.partitions {
            let partition = TopicPartition::new(TopicName::clone(&name), asked.partition_index);
            let code = if count.is_none_or(|count| !(0..count).contains(&partition.partition)) {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            } else if subscribed(&name) {
                ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC
            } else {
                if offsets.newest(&group, &partition).is_some()
                    || offsets.has_pending(&group, &partition)
                {
                    records.push(record(&group, &name, partition.partition, None));
                }
                ErrorCode::NONE
            };
            let answer = OffsetDeleteResponsePartition::default();
            partitions
                .push(answer.with_partition_index(partition.partition).with_error_code(code.0));
        }
        answers.push(
            OffsetDeleteResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions),
        );
    }
    (records, OffsetDeleteResponse::default().with_topics(answers))
}

/// Tombstones for everything that a group has, of open transactions too.
pub fn delete_all(offsets: &Offsets, group: &GroupId) -> Vec<GroupRecord> {
    let mut partitions = offsets.pending_of(group);
    partitions.extend(offsets.newest_of(group).map(|(partition, _)| partition.clone()));
    partitions.iter().map(|at| record(group, &at.topic, at.partition, None)).collect()
}

/// Tombstones for what any group has of partitions that are deleted.
pub fn delete_partitions(
    offsets: &Offsets,
    groups: &[GroupId],
    gone: impl Fn(&TopicPartition) -> bool,
) -> Vec<GroupRecord> {
    let mut records = Vec::new();
    for group in groups {
        let mut partitions = offsets.pending_of(group);
        partitions.extend(offsets.newest_of(group).map(|(partition, _)| partition.clone()));
        let gone = partitions.iter().filter(|partition| gone(partition));
        records.extend(gone.map(|at| record(group, &at.topic, at.partition, None)));
    }
    records
}
