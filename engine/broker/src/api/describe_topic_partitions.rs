//! DescribeTopicPartitions (key 75, version 0; KIP-966), on the broker listener. Reads the metadata image.
//!
//! Topics come by name, partitions by index, at most `max.request.partition.size.limit` of them; where an answer ends, its
//! cursor says where the next begins. Unlike Metadata it tells the eligible leader replicas.
//!
//! Errors per topic: UNKNOWN_TOPIC_OR_PARTITION and INVALID_TOPIC_EXCEPTION, if it was asked for. A cursor that does not fit
//! is Kafka's INVALID_REQUEST, for which the response has no field: each topic says it.

use std::collections::BTreeSet;

use klamm_controller::image::{MetadataImage, PartitionImage, TopicImage};
use klamm_node::BrokerId;
use klamm_protocol::convert;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use klamm_protocol::kafka::messages::{
    self, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
};

use super::{authorized, metadata};

/// Answers from the image; `limit` is the server's.
pub fn answer(
    request: &DescribeTopicPartitionsRequest,
    limit: i32,
    image: &MetadataImage,
) -> DescribeTopicPartitionsResponse {
    let (from_topic, from_partition) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.as_str(), cursor.partition_index),
        None => ("", 0),
    };
    let asked: BTreeSet<&str> = request.topics.iter().map(|topic| topic.name.as_str()).collect();
    let all = asked.is_empty();
    let misplaced = !all && !from_topic.is_empty() && !asked.contains(from_topic);
    if misplaced || from_partition < 0 {
        let refused = asked.iter().map(|name| failed(name, ErrorCode::INVALID_REQUEST));
        return DescribeTopicPartitionsResponse::default().with_topics(refused.collect());
    }
    let names: Vec<&str> = if all {
        image.topics().map(|topic| topic.name.as_ref()).collect()
    } else {
        asked.into_iter().collect()
    };
    let mut remaining = request.response_partition_limit.min(limit).max(1);
    let mut topics = Vec::new();
    let mut next_cursor = None;
    for name in names.into_iter().filter(|name| *name >= from_topic) {
        if remaining == 0 {
            next_cursor = Some(cursor(name, 0));
            break;
        }
        let Some(topic) = image.topic(name) else {
            let legal = metadata::is_topic_name(name);
            let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            let error = if legal { unknown } else { ErrorCode::INVALID_TOPIC_EXCEPTION };
            topics.push(failed(name, error));
            continue;
        };
        let start = if name == from_topic { from_partition } else { 0 };
        let room = usize::try_from(remaining).unwrap_or_default();
        let partitions: Vec<_> = topic
            .partitions
            .range(start..)
            .take(room)
            .map(|(index, partition)| describe(*index, partition, image))
            .collect();
        let told = i32::try_from(partitions.len()).unwrap_or(i32::MAX);
        let next = start.saturating_add(told);
        remaining -= told;
        topics.push(of_topic(topic, partitions));
        if topic.partitions.range(next..).next().is_some() {
            next_cursor = Some(cursor(name, next));
            break;
        }
    }
    DescribeTopicPartitionsResponse::default().with_topics(topics).with_next_cursor(next_cursor)
}

fn cursor(name: &str, partition: i32) -> Cursor {
    Cursor::default().with_topic_name(convert::topic(name)).with_partition_index(partition)
}

fn failed(name: &str, error: ErrorCode) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(convert::topic(name)))
        .with_error_code(error.0)
        .with_is_internal(metadata::is_internal(name))
}

fn of_topic(
    topic: &TopicImage,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(convert::topic(&topic.name)))
        .with_topic_id(convert::topic_uuid(topic.id))
        .with_is_internal(metadata::is_internal(&topic.name))
        .with_topic_authorized_operations(authorized::TOPIC)
        .with_partitions(partitions)
}

fn describe(
    index: i32,
    partition: &PartitionImage,
    image: &MetadataImage,
) -> DescribeTopicPartitionsResponsePartition {
    let alive = |id: BrokerId| {
        let broker = image.broker(id).filter(|broker| !broker.fenced);
        broker.is_some_and(|broker| broker.endpoint(crate::LISTENER_NAME).is_some())
    };
    let ids = |ids: &[BrokerId]| -> Vec<messages::BrokerId> {
        ids.iter().map(|id| messages::BrokerId(id.0)).collect()
    };
    let offline: Vec<_> = partition.replicas.iter().copied().filter(|id| !alive(*id)).collect();
    let leader = if alive(partition.leader) { partition.leader } else { BrokerId::NONE };
    DescribeTopicPartitionsResponsePartition::default()
        .with_partition_index(index)
        .with_leader_id(messages::BrokerId(leader.0))
        .with_leader_epoch(partition.leader_epoch.0)
        .with_replica_nodes(ids(&partition.replicas))
        .with_isr_nodes(ids(&partition.isr))
        .with_offline_replicas(ids(&offline))
        .with_eligible_leader_replicas(Some(ids(&partition.elr)))
        .with_last_known_elr(Some(ids(&partition.last_known_elr)))
}

#[cfg(test)]
mod tests {
    use klamm_node::{LeaderEpoch, Offset, TopicId};
    use klamm_protocol::kafka::messages::describe_topic_partitions_request::{
        Cursor as From, TopicRequest,
    };
    use klamm_protocol::metadata::{Partition, Topic};

    use super::*;

    fn image() -> MetadataImage {
        let mut image = MetadataImage::new();
        let mut offset = Offset(0);
        for (id, name, count) in [(1, "clicks", 2), (2, "orders", 5), (3, "views", 1)] {
            let topic_id = TopicId(id);
            let topic = Topic { name: name.to_owned(), topic_id };
            image.apply(offset, &topic.into());
            offset = offset.plus(1);
            for partition_id in 0..count {
                let partition = Partition {
                    partition_id,
                    topic_id,
                    replicas: vec![BrokerId(1), BrokerId(2)],
                    leader_epoch: LeaderEpoch(3),
                    eligible_leader_replicas: Some(vec![BrokerId(2)]),
                    last_known_elr: Some(vec![BrokerId(1)]),
                    ..Partition::default()
                };
                image.apply(offset, &partition.into());
                offset = offset.plus(1);
            }
        }
        image
    }

    /// `orders 0 1 2`, errors by number, and where the next answer begins.
    fn ask(topics: &[&str], from: Option<(&str, i32)>, limit: i32, server: i32) -> String {
        let asked = |name: &&str| TopicRequest::default().with_name(convert::topic(name));
        let from = from.map(|(name, index)| {
            From::default().with_topic_name(convert::topic(name)).with_partition_index(index)
        });
        let request = DescribeTopicPartitionsRequest::default()
            .with_topics(topics.iter().map(asked).collect())
            .with_response_partition_limit(limit)
            .with_cursor(from);
        let response = answer(&request, server, &image());
        let mut told: Vec<String> = response
            .topics
            .iter()
            .map(|topic| {
                let name = topic.name.as_ref().map_or("null", |name| name.as_str()).to_owned();
                let error = topic.error_code;
                let error = if error == 0 { String::new() } else { format!(" error {error}") };
                let indexes = topic.partitions.iter().map(|at| format!(" {}", at.partition_index));
                name + &error + &indexes.collect::<String>()
            })
            .collect();
        told.extend(
            response
                .next_cursor
                .map(|next| format!("next {}-{}", next.topic_name.as_str(), next.partition_index)),
        );
        told.join(", ")
    }

    #[test]
    fn all_topics_come_in_order_and_the_cursor_leads_through_them() {
        assert_eq!(ask(&[], None, 2000, 2000), "clicks 0 1, orders 0 1 2 3 4, views 0");
        assert_eq!(ask(&[], None, 4, 2000), "clicks 0 1, orders 0 1, next orders-2");
        assert_eq!(ask(&[], Some(("orders", 2)), 2, 2000), "orders 2 3, next orders-4");
        assert_eq!(ask(&[], Some(("orders", 4)), 1, 2000), "orders 4, next views-0");
        assert_eq!(ask(&[], Some(("views", 0)), 1, 2000), "views 0");
        // A topic that is gone meanwhile does not stop the walk.
        assert_eq!(ask(&[], Some(("prices", 1)), 5, 2000), "views 0");
        assert_eq!(ask(&[], None, 2000, 2), "clicks 0 1, next orders-0");
        assert_eq!(ask(&[], None, -1, 2000), "clicks 0, next clicks-1");
    }

    #[test]
    fn topics_that_are_asked_for_and_are_not_there_say_so() {
        let all = ask(&["views", "a/b", "nothing", "clicks"], None, 2000, 2000);
        assert_eq!(all, "a/b error 17, clicks 0 1, nothing error 3, views 0");
    }

    #[test]
    fn a_cursor_that_does_not_fit_is_refused() {
        assert_eq!(ask(&["views"], Some(("clicks", 0)), 9, 9), "views error 42");
        assert_eq!(ask(&["views"], Some(("views", -1)), 9, 9), "views error 42");
    }

    #[test]
    fn it_tells_eligible_leaders_and_who_is_offline() {
        let request = DescribeTopicPartitionsRequest::default().with_response_partition_limit(1);
        let response = answer(&request, 2000, &image());
        let first = &response.topics[0].partitions[0];
        assert_eq!(first.eligible_leader_replicas, Some(vec![messages::BrokerId(2)]));
        assert_eq!(first.last_known_elr, Some(vec![messages::BrokerId(1)]));
        assert_eq!((first.leader_id.0, first.leader_epoch), (-1, 3));
        assert_eq!(first.offline_replicas.len(), 2);
    }
}
