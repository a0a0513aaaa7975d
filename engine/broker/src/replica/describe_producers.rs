//! DescribeProducers: which idempotent producers a partition's log knows (KIP-664), version 0.
//!
//! *Flows in*: a request of an operator who looks for a producer. *Flows out*: what the leader remembers of each, always at
//! once. *Must never*: answer from a memory that the log has left behind; it is folded from the log if it does not fit.
//!
//! Errors: INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.

use klamm_controller::legal_topic_name;
use klamm_node::{Context, ProducerEpoch};
use klamm_protocol::kafka::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use klamm_protocol::kafka::messages::{
    DescribeProducersRequest, DescribeProducersResponse, ProducerId, TopicName,
};
use klamm_protocol::{ErrorCode, convert};
use klamm_storage::KnownBatch;

use super::image::{self, Image};
use super::{PartitionKey, Replicas};

impl Replicas {
    /// Answers a DescribeProducers request.
    pub fn describe_producers(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        request: &DescribeProducersRequest,
    ) -> DescribeProducersResponse {
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
            for index in &topic.partition_indexes {
                let told = PartitionResponse::default().with_partition_index(*index);
                partitions.push(match self.active_producers(cx, image, &topic.name, *index) {
                    Ok(active) => told.with_active_producers(active),
                    Err((error, why)) => {
                        let why = why.map(|why| convert::text(&why));
                        told.with_error_code(error.0).with_error_message(why)
                    }
                });
            }
            topics.push(
                TopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions),
            );
        }
        DescribeProducersResponse::default().with_topics(topics)
    }

    fn active_producers(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        topic: &TopicName,
        index: i32,
    ) -> Result<Vec<ProducerState>, (ErrorCode, Option<String>)> {
        legal_topic_name(topic.as_str())
            .map_err(|why| (ErrorCode::INVALID_TOPIC_EXCEPTION, Some(why)))?;
        let (id, _) = image::topic_by_name(image, topic.as_str())
            .ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))?;
        let key = PartitionKey { topic: id, partition: index };
        let partition =
            self.partitions.get_mut(&key).ok_or_else(|| (image::not_hosted(image, key), None))?;
        partition.leading().map_err(|error| (error, None))?;
        let producers = partition.known_producers(cx).map_err(|error| (error, None))?;
        let state = |(id, epoch, last): (klamm_node::ProducerId, ProducerEpoch, &KnownBatch)| {
            ProducerState::default()
                .with_producer_id(ProducerId(id.0))
                .with_producer_epoch(i32::from(epoch.0))
                .with_last_sequence(last.last_sequence)
                .with_last_timestamp(last.timestamp.0)
                .with_coordinator_epoch(-1)
                .with_current_txn_start_offset(-1)
        };
        Ok(producers.iter().map(state).collect())
    }
}
