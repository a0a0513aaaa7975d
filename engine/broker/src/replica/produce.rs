//! Produce: validation, append as leader, and the wait for acks=all.
//!
//! *Flows in*: Produce requests (versions 3 to 13). *Flows out*: appended batches, responses, parked requests.
//! *Must never*: answer acks=0, acknowledge acks=all below the high watermark, or append for a partition that it does
//! not lead.

use bytes::Bytes;
use klamm_node::{Awaits, CloseReason, Context, EventKind, Offset, Span, TopicPartition, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::batch::{InvalidBatch, ProduceRules, TimestampType, validate_from_client};
use klamm_protocol::channel::RequestToken;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use klamm_protocol::kafka::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse,
};
use klamm_protocol::kafka::messages::{ProduceRequest, ProduceResponse, ResponseKind};
use klamm_storage::{AppendError, Sequence};

use super::fetch::count;
use super::image::{self, Image};
use super::parked::{Awaited, ParkedRequest};
use super::partition::Partition;
use super::{PartitionKey, ReplicaOutput, Replicas, hints};
use crate::api::metadata::is_internal;

/// Who must have the records before the producer hears of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Acks {
    /// Nobody: there is no response, ever.
    Zero,
    /// The leader.
    One,
    /// Every in-sync replica, and not fewer than `min.insync.replicas`.
    All,
}

impl Acks {
    fn from_wire(acks: i16) -> Option<Self> {
        match acks {
            0 => Some(Self::Zero),
            1 => Some(Self::One),
            -1 => Some(Self::All),
            _ => None,
        }
    }
}

/// Why a partition's batch was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    /// The error.
    pub code: ErrorCode,
    /// What to tell a person.
    pub message: Option<String>,
    /// Records at fault (KIP-467).
    pub record_errors: Vec<(i32, String)>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: None, record_errors: Vec::new() }
    }
}

impl From<InvalidBatch> for Refusal {
    fn from(invalid: InvalidBatch) -> Self {
        Self {
            code: invalid.code,
            message: Some(invalid.message),
            record_errors: invalid.record_errors,
        }
    }
}

/// A partition of a parked produce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pending {
    key: PartitionKey,
    /// The offset that the high watermark must reach: behind the batch's last record.
    required: Offset,
    /// Where its response is: topic and partition of the response.
    at: (usize, usize),
    settled: bool,
}

/// A produce with acks=all whose batches are in this leader's log.
///
/// Every partition starts as REQUEST_TIMED_OUT and is cleared when the high watermark passes its batch, so that what a
/// timeout answers is already there. The data stays in the log either way.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ParkedProduce {
    response: ProduceResponse,
    pending: Vec<Pending>,
}

impl ParkedProduce {
    /// The partitions it was appended to.
    pub(super) fn partitions(&self) -> impl Iterator<Item = PartitionKey> {
        self.pending.iter().map(|pending| pending.key)
    }

    /// What it waits for, if it does.
    fn awaits(&self, image: &Image) -> Option<Awaits> {
        let mut open = self.pending.iter().filter(|pending| !pending.settled);
        let first = open.next()?;
        let of = image::partition_name(image, first.key);
        Some(Awaits::HighWatermark { of, reaches: first.required, more: count(open.count()) })
    }

    fn settle(&mut self, index: usize, code: ErrorCode, image: &Image) {
        let pending = &mut self.pending[index];
        pending.settled = true;
        let (topic, partition) = pending.at;
        let answer = &mut self.response.responses[topic].partition_responses[partition];
        answer.error_code = code.0;
        hint(answer, pending.key, image);
    }
}

/// Names the leader beside NOT_LEADER_OR_FOLLOWER (KIP-951).
fn hint(answer: &mut PartitionProduceResponse, key: PartitionKey, image: &Image) {
    if answer.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER.0
        && let Some(state) = image::partition(image, key)
    {
        answer.current_leader = LeaderIdAndEpoch::default()
            .with_leader_id(state.leader.0.into())
            .with_leader_epoch(state.leader_epoch.0);
    }
}

/// The client id of Kafka's own tools.
const ADMIN_CLIENT_ID: &str = "__admin_client";

impl Replicas {
    /// Handles a Produce request. What brokers keep for themselves is not for clients to write, unless they say that they are
    /// Kafka's own tools.
    pub fn produce(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        client_id: Option<&str>,
        request: ProduceRequest,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let internal_allowed = client_id == Some(ADMIN_CLIENT_ID);
        let acks = Acks::from_wire(request.acks);
        let mut produce =
            ParkedProduce { response: ProduceResponse::default(), pending: Vec::new() };
        let mut failed = false;
        let mut touched = Vec::new();
        for topic in request.topic_data {
            let TopicProduceData { name, topic_id, partition_data, .. } = topic;
            let known = if token.api_version >= 13 {
                image::topic_by_id(image, convert::topic_id(topic_id))
                    .ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
            } else {
                image::topic_by_name(image, name.as_str())
                    .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            };
            let internal = known.as_ref().is_ok_and(|(_, name)| is_internal(name));
            let topic_at = produce.response.responses.len();
            let mut answers = Vec::with_capacity(partition_data.len());
            for data in partition_data {
                let PartitionProduceData { index, records, .. } = data;
                let key =
                    known.as_ref().map(|(id, _)| PartitionKey { topic: *id, partition: index });
                let outcome = match (acks, &key) {
                    (None, _) => Err(Refusal::from(ErrorCode::INVALID_REQUIRED_ACKS)),
                    (Some(_), Err(code)) => Err(Refusal::from(**code)),
                    (Some(_), Ok(_)) if !internal_allowed && internal => {
                        Err(ErrorCode::INVALID_TOPIC_EXCEPTION.into())
                    }
                    (Some(acks), Ok(key)) => {
                        let records = records.unwrap_or_default();
                        self.append(cx, image, *key, acks, token.api_version, &records)
                    }
                };
                let mut answer = PartitionProduceResponse::default().with_index(index);
                match outcome {
                    Ok(appended) => {
                        let Ok(key) = key else { continue };
                        touched.push(key);
                        let wrong = i64::from(planted("wrong_base_offset_answered"));
                        answer.base_offset = appended.base_offset.0 + wrong;
                        answer.log_append_time_ms = appended.log_append_time_ms;
                        answer.log_start_offset = appended.log_start.0;
                        if acks == Some(Acks::All) {
                            answer.error_code = ErrorCode::REQUEST_TIMED_OUT.0;
                            produce.pending.push(Pending {
                                key,
                                required: appended.next_offset,
                                at: (topic_at, answers.len()),
                                settled: false,
                            });
                        }
                    }
                    Err(refusal) => {
                        failed = true;
                        let named = match &known {
                            Ok((_, name)) => {
                                TopicPartition { topic: name.clone(), partition: index }
                            }
                            Err(_) if name.is_empty() => {
                                TopicPartition::new(convert::topic_id(topic_id).to_string(), index)
                            }
                            Err(_) => TopicPartition::new(name.as_str(), index),
                        };
                        cx.observe(EventKind::PartitionRequestRefused {
                            partition: named,
                            api_key: token.api_key,
                            replica: klamm_node::BrokerId::NONE,
                            error: refusal.code.word(),
                        });
                        refuse(&mut answer, refusal);
                        if let Ok(key) = key {
                            hint(&mut answer, key, image);
                        }
                    }
                }
                answers.push(answer);
            }
            produce.response.responses.push(
                TopicProduceResponse::default()
                    .with_name(name)
                    .with_topic_id(topic_id)
                    .with_partition_responses(answers),
            );
        }
        match acks {
            // There is no response in which to say it: the producer learns by losing the connection.
            Some(Acks::Zero) if failed => out.push(ReplicaOutput::CloseConnection {
                token,
                reason: CloseReason::ErrorWithoutReply,
            }),
            Some(Acks::Zero) => out.push(ReplicaOutput::Reply { token, response: None }),
            Some(Acks::One | Acks::All) | None => {
                let timeout = Span::from_wire_millis(i64::from(request.timeout_ms));
                self.reply_or_park(cx, image, token, produce, timeout, out);
            }
        }
        self.settle(cx, image, &touched, out);
    }

    /// Appends one partition's batch. Counts it as committed at once where nobody else is in sync.
    fn append(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        key: PartitionKey,
        acks: Acks,
        api_version: i16,
        records: &Bytes,
    ) -> Result<LeaderAppend, Refusal> {
        let lag_max = self.config.replica_lag_time_max;
        let Some(partition) = self.partitions.get_mut(&key) else {
            return Err(image::not_hosted(image, key).into());
        };
        let in_sync = partition.leading()?.isr.committed().len();
        let enough = in_sync >= partition.min_isr() || planted("ack_below_min_isr");
        if acks == Acks::All && !enough {
            return Err(ErrorCode::NOT_ENOUGH_REPLICAS.into());
        }
        if planted("produce_appended_twice") {
            partition.append_as_leader(cx, api_version, records)?;
        }
        let appended = partition.append_as_leader(cx, api_version, records)?;
        partition.advance_high_watermark(cx, image, lag_max);
        Ok(appended)
    }

    fn reply_or_park(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        mut produce: ParkedProduce,
        timeout: Span,
        out: &mut Vec<ReplicaOutput>,
    ) {
        if self.review_produce(cx, image, token, &mut produce) {
            out.push(finished(image, token, produce));
            return;
        }
        if let Some(awaits) = produce.awaits(image) {
            cx.observe(EventKind::RequestParked {
                connection: token.connection,
                api_key: token.api_key,
                correlation_id: token.correlation_id,
                awaits,
            });
        }
        let deadline = cx.now + timeout;
        let awaited = Awaited::Produce(Box::new(produce));
        self.parked.park(ParkedRequest { token, deadline, awaited });
    }

    /// Looks at each open partition of a produce again; true when none is open any more.
    pub(super) fn review_produce(
        &self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        produce: &mut ParkedProduce,
    ) -> bool {
        let mut done = true;
        for index in 0..produce.pending.len() {
            let Pending { key, required, settled, .. } = produce.pending[index];
            if settled {
                continue;
            }
            let verdict = match self.partitions.get(&key) {
                None => Some(image::not_hosted(image, key)),
                Some(partition) => match partition.leading() {
                    Err(_) if planted("ack_after_lost_leadership") => Some(ErrorCode::NONE),
                    Err(code) => Some(code),
                    Ok(leader)
                        if partition.high_watermark >= required
                            || planted("ack_before_replication") =>
                    {
                        // Every member of the ISR has it, but the ISR may have shrunk since the append.
                        let enough = leader.isr.maximal_len() >= partition.min_isr()
                            || planted("ack_below_min_isr");
                        Some(if enough {
                            ErrorCode::NONE
                        } else {
                            ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
                        })
                    }
                    Ok(_) => None,
                },
            };
            match verdict {
                None => done = false,
                Some(code) => {
                    if !code.is_none() {
                        let named = image::partition_name(image, key);
                        cx.observe(EventKind::PartitionRequestRefused {
                            partition: named,
                            api_key: token.api_key,
                            replica: klamm_node::BrokerId::NONE,
                            error: code.word(),
                        });
                    }
                    produce.settle(index, code, image);
                }
            }
        }
        done
    }
}

/// The response of a produce as it stands.
pub(super) fn finished(
    image: &Image,
    token: RequestToken,
    mut produce: ParkedProduce,
) -> ReplicaOutput {
    if token.api_version >= 10 {
        let named = produce
            .response
            .responses
            .iter()
            .flat_map(|topic| &topic.partition_responses)
            .map(|answer| answer.current_leader.leader_id.0);
        produce.response.node_endpoints = hints::for_produce(image, named);
    }
    ReplicaOutput::Reply {
        token,
        response: Some(Box::new(ResponseKind::Produce(produce.response))),
    }
}

/// The event word for how a parked produce ended.
pub(super) fn outcome(produce: &ParkedProduce, timed_out: bool) -> &'static str {
    let mut codes = produce.pending.iter().map(|pending| {
        let (topic, partition) = pending.at;
        produce.response.responses[topic].partition_responses[partition].error_code
    });
    if timed_out {
        "timeout"
    } else if codes.any(|code| code == ErrorCode::NOT_LEADER_OR_FOLLOWER.0) {
        "leadership-lost"
    } else if codes.any(|code| code != 0) {
        "error"
    } else {
        "done"
    }
}

fn refuse(answer: &mut PartitionProduceResponse, refusal: Refusal) {
    answer.error_code = refusal.code.0;
    answer.base_offset = -1;
    answer.error_message = refusal.message.as_deref().map(convert::text);
    answer.record_errors = refusal
        .record_errors
        .iter()
        .map(|(index, message)| {
            BatchIndexAndErrorMessage::default()
                .with_batch_index(*index)
                .with_batch_index_error_message(Some(convert::text(message)))
        })
        .collect();
}

/// Where a batch of a client landed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LeaderAppend {
    /// Its first offset.
    pub base_offset: Offset,
    /// The offset behind it.
    pub next_offset: Offset,
    /// The log start at that moment.
    pub log_start: Offset,
    /// The append time with LogAppendTime, else -1.
    pub log_append_time_ms: i64,
}

impl Partition {
    /// Validates a client's batch and appends it with this leader's offsets and epoch.
    fn append_as_leader(
        &mut self,
        cx: &mut Context<'_>,
        api_version: i16,
        records: &Bytes,
    ) -> Result<LeaderAppend, Refusal> {
        let timestamp_type = self.config.timestamp_type;
        let rules = ProduceRules {
            api_version,
            max_message_bytes: self.config.max_message_bytes,
            segment_bytes: self.config.segment_bytes,
            timestamp_type,
            now: cx.wall,
            compacted: self.config.compacts,
            ..ProduceRules::default()
        };
        let valid = validate_from_client(records, &rules)?;
        let header = *valid.batch.header();
        let judged = self.judge_sequence(cx, &header)?;
        if let Sequence::Duplicate(known) = judged
            && !planted("produce_appended_twice")
        {
            // Nothing is appended; the producer learns where the batch lies since the first time (KIP-98).
            cx.observe(EventKind::DuplicateBatchFound {
                partition: self.name.clone(),
                producer_id: header.producer_id.0,
                base_sequence: header.base_sequence,
                base_offset: known.base_offset,
            });
            let stamped = timestamp_type == TimestampType::LogAppendTime;
            return Ok(LeaderAppend {
                base_offset: known.base_offset,
                next_offset: known.last_offset.plus(1),
                log_start: self.log.log_start(),
                log_append_time_ms: if stamped { known.timestamp.0 } else { -1 },
            });
        }
        let append_time = (timestamp_type == TimestampType::LogAppendTime).then_some(cx.wall);
        let batch = valid.batch.into_bytes();
        let appended = self
            .log
            .append_as_leader(cx.disk, batch, self.leader_epoch, append_time)
            .map_err(|error| self.append_failed(cx, &error))?;
        self.remember_batch(&header, appended.base_offset);
        self.observe_appended(cx, &appended, true, header.sequence());
        if !self.flush_if_due(cx) {
            return Err(ErrorCode::KAFKA_STORAGE_ERROR.into());
        }
        Ok(LeaderAppend {
            base_offset: appended.base_offset,
            next_offset: appended.last_offset.plus(1),
            log_start: self.log.log_start(),
            log_append_time_ms: append_time.map_or(-1, |time| time.0),
        })
    }

    pub(super) fn append_failed(&mut self, cx: &mut Context<'_>, error: &AppendError) -> Refusal {
        let code = match error {
            AppendError::TooLarge { .. } => ErrorCode::MESSAGE_TOO_LARGE,
            AppendError::LargerThanSegment { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
            AppendError::Corrupt(error) => error.code(),
            AppendError::NotOneBatch { .. } | AppendError::OutOfOrder { .. } => {
                ErrorCode::INVALID_RECORD
            }
            AppendError::Disk(disk) => {
                self.storage_failed(cx, disk);
                ErrorCode::KAFKA_STORAGE_ERROR
            }
        };
        Refusal { code, message: Some(error.to_string()), record_errors: Vec::new() }
    }
}
