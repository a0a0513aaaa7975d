//! ListOffsets and OffsetForLeaderEpoch: look-ups by timestamp and by leader epoch.
//!
//! *Flows in*: requests of clients and followers. *Flows out*: responses, always at once. *Must never*: tell a client an
//! end offset that a later answer would take back.

use std::collections::BTreeSet;

use klamm_node::{
    BrokerId, Context, EventKind, LeaderEpoch, Offset, Timestamp, TopicPartition, planted,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::list_offsets_request::ListOffsetsPartition;
use klamm_protocol::kafka::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use klamm_protocol::kafka::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use klamm_protocol::kafka::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use klamm_protocol::kafka::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, ResponseKind, TopicName,
};

use super::image::{self, Image};
use super::partition::{Partition, Role};
use super::{PartitionKey, ReplicaOutput, Replicas};

/// The end of the log, as far as the asker may see.
const LATEST: i64 = -1;
/// The log start.
const EARLIEST: i64 = -2;
/// The record with the largest timestamp (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// The first offset on the local disk, which without tiered storage is the log start (KIP-405).
const EARLIEST_LOCAL: i64 = -4;
/// The last offset in tiered storage (KIP-1005), of which there is none.
const LATEST_TIERED: i64 = -5;
/// The first offset that is not in tiered storage yet (KIP-1023), of which there is none without it.
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// The replica id of a client.
const CONSUMER: BrokerId = BrokerId(-1);

/// The replica id of a tool that may read from any replica (`kafka-dump-log`, `kafka-replica-verification`).
const DEBUGGING: BrokerId = BrokerId(-2);

/// A found offset.
struct Found {
    offset: Offset,
    timestamp: Timestamp,
    epoch: LeaderEpoch,
}

impl Replicas {
    /// Handles a ListOffsets request.
    pub fn list_offsets(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        request: &ListOffsetsRequest,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let replica = BrokerId(request.replica_id.0);
        let doubles = doubles(request);
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let mut answers = Vec::with_capacity(topic.partitions.len());
            for ask in &topic.partitions {
                let found = if doubles.contains(&(topic.name.as_str(), ask.partition_index)) {
                    Err(ErrorCode::INVALID_REQUEST)
                } else {
                    self.by_name(image, &topic.name, ask.partition_index).and_then(|partition| {
                        partition.find_offset(cx, ask, replica, token.api_version)
                    })
                };
                let mut answer = ListOffsetsPartitionResponse::default()
                    .with_partition_index(ask.partition_index);
                if let Ok(found) = &found {
                    cx.observe(EventKind::OffsetListed {
                        partition: TopicPartition::new(topic.name.as_str(), ask.partition_index),
                        connection: token.connection,
                        replica,
                        timestamp: ask.timestamp,
                        isolation: i16::from(request.isolation_level),
                        offset: found.as_ref().map_or(Offset(-1), |found| found.offset),
                        leader_epoch: found.as_ref().map_or(LeaderEpoch::NONE, |found| found.epoch),
                    });
                }
                match found {
                    Ok(Some(found)) => {
                        answer.offset = found.offset.0;
                        answer.timestamp = found.timestamp.0;
                        // Older versions have no place for it (KIP-320), and the codec refuses a value without one.
                        if token.api_version >= 4 {
                            answer.leader_epoch = found.epoch.0;
                        }
                    }
                    Ok(None) => {}
                    Err(code) => {
                        answer.error_code = code.0;
                        refused(cx, token, replica, &topic.name, ask.partition_index, code);
                    }
                }
                answers.push(answer);
            }
            topics.push(
                ListOffsetsTopicResponse::default()
                    .with_name(topic.name.clone())
                    .with_partitions(answers),
            );
        }
        let response = ListOffsetsResponse::default().with_topics(topics);
        let response = Some(Box::new(ResponseKind::ListOffsets(response)));
        out.push(ReplicaOutput::Reply { token, response });
    }

    /// Handles an OffsetForLeaderEpoch request (KIP-101, KIP-320): where a reader's epoch ended in this log.
    pub fn offset_for_leader_epoch(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        request: &OffsetForLeaderEpochRequest,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let replica = BrokerId(request.replica_id.0);
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let mut answers = Vec::with_capacity(topic.partitions.len());
            for ask in &topic.partitions {
                let found = self
                    .by_name(image, &topic.topic, ask.partition)
                    .and_then(|partition| partition.find_epoch_end(ask));
                let mut answer = EpochEndOffset::default()
                    .with_partition(ask.partition)
                    .with_leader_epoch(-1)
                    .with_end_offset(-1);
                match found {
                    // Unknown is not an error: (-1, -1) says that this log knows no epoch so old or so new.
                    Ok(None) => {}
                    Ok(Some((epoch, end))) => {
                        answer.leader_epoch = epoch.0;
                        answer.end_offset = end.0;
                    }
                    Err(code) => {
                        answer.error_code = code.0;
                        refused(cx, token, replica, &topic.topic, ask.partition, code);
                    }
                }
                answers.push(answer);
            }
            topics.push(
                OffsetForLeaderTopicResult::default()
                    .with_topic(topic.topic.clone())
                    .with_partitions(answers),
            );
        }
        let response = OffsetForLeaderEpochResponse::default().with_topics(topics);
        let response = Some(Box::new(ResponseKind::OffsetForLeaderEpoch(response)));
        out.push(ReplicaOutput::Reply { token, response });
    }

    fn by_name(
        &self,
        image: &Image,
        name: &TopicName,
        index: i32,
    ) -> Result<&Partition, ErrorCode> {
        let (topic, _) = image::topic_by_name(image, name.as_str())
            .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        let key = PartitionKey { topic, partition: index };
        self.partitions.get(&key).ok_or_else(|| image::not_hosted(image, key))
    }
}

fn refused(
    cx: &mut Context<'_>,
    token: RequestToken,
    replica: BrokerId,
    topic: &TopicName,
    partition: i32,
    code: ErrorCode,
) {
    cx.observe(EventKind::PartitionRequestRefused {
        partition: TopicPartition::new(topic.as_str(), partition),
        api_key: token.api_key,
        replica,
        error: code.word(),
    });
}

/// Whether a version knows a question: each of the special ones came with one.
fn is_supported(timestamp: i64, api_version: i16) -> bool {
    let since = match timestamp {
        LATEST | EARLIEST => 1,
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        EARLIEST_PENDING_UPLOAD => 11,
        time => return time >= 0,
    };
    api_version >= since
}

/// The partitions that a request names more than once: each of them is refused.
fn doubles(request: &ListOffsetsRequest) -> BTreeSet<(&str, i32)> {
    let mut seen = BTreeSet::new();
    let all = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|ask| (topic.name.as_str(), ask.partition_index))
    });
    all.filter(|partition| !seen.insert(*partition)).collect()
}

impl Partition {
    fn find_offset(
        &self,
        cx: &mut Context<'_>,
        ask: &ListOffsetsPartition,
        replica: BrokerId,
        api_version: i16,
    ) -> Result<Option<Found>, ErrorCode> {
        if !is_supported(ask.timestamp, api_version) {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        self.check_epoch(LeaderEpoch(ask.current_leader_epoch))?;
        if replica != DEBUGGING {
            self.leading()?;
        }
        let client = replica == CONSUMER;
        let bounded = client && !planted("list_offsets_above_high_watermark");
        let visible = if bounded { self.high_watermark } else { self.log.log_end() };
        // Z51 (KIP-207): a fresh leader's high watermark may be behind what the one before told clients. Until it reaches
        // the start of this epoch, an end offset would go back in time.
        let lagging = match &self.role {
            Role::Leader(leader) => {
                client
                    && leader.epoch_start > self.high_watermark
                    && !planted("list_offsets_before_leso")
            }
            Role::Follower(_) | Role::Failed => false,
        };
        let not_available = if api_version >= 5 {
            ErrorCode::OFFSET_NOT_AVAILABLE
        } else {
            ErrorCode::LEADER_NOT_AVAILABLE
        };
        let found = match ask.timestamp {
            LATEST if lagging => return Err(not_available),
            LATEST => {
                return Ok(Some(Found {
                    offset: visible,
                    timestamp: Timestamp::NONE,
                    epoch: self.leader_epoch,
                }));
            }
            EARLIEST | EARLIEST_LOCAL => {
                let offset = self.log.log_start();
                let epoch = self.log.epoch_at(offset).unwrap_or(LeaderEpoch::NONE);
                return Ok(Some(Found { offset, timestamp: Timestamp::NONE, epoch }));
            }
            LATEST_TIERED | EARLIEST_PENDING_UPLOAD => return Ok(None),
            // Over the whole log: a record that is not visible yet hides the largest visible one, as in Kafka.
            MAX_TIMESTAMP => self.log.max_timestamp(cx.disk, self.log.log_end()),
            time => self.log.offset_for_timestamp(cx.disk, Timestamp(time), self.log.log_end()),
        };
        let found = found.map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
        match found {
            Some(found) if found.offset < visible => Ok(Some(Found {
                offset: found.offset,
                timestamp: found.timestamp,
                epoch: found.epoch,
            })),
            Some(_) | None if lagging => Err(not_available),
            Some(_) | None => Ok(None),
        }
    }

    fn find_epoch_end(
        &self,
        ask: &OffsetForLeaderPartition,
    ) -> Result<Option<(LeaderEpoch, Offset)>, ErrorCode> {
        self.check_epoch(LeaderEpoch(ask.current_leader_epoch))?;
        self.leading()?;
        Ok(self.log.end_offset_for(LeaderEpoch(ask.leader_epoch)))
    }
}
