//! DeleteRecords: a person moves a partition's log start up (KIP-107), versions 0 to 2.
//!
//! *Flows in*: DeleteRecords requests; log starts of followers, as their fetches tell them. *Flows out*: a log start that
//! moved, and an answer once every live replica's has. *Must never*: delete above the high watermark.
//!
//! Followers take the leader's log start over from its fetch responses, and say theirs in their next fetch: so an answer
//! takes a fetch from each follower, and means that no replica that could be elected still shows what was deleted.

use klamm_node::{Awaits, BrokerId, Context, EventKind, Offset, Span, TopicPartition};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use klamm_protocol::kafka::messages::{DeleteRecordsRequest, DeleteRecordsResponse, ResponseKind};

use super::fetch::count;
use super::image::{self, Image};
use super::parked::{Awaited, ParkedRequest};
use super::partition::Partition;
use super::{PartitionKey, ReplicaOutput, Replicas};

/// What a client sends to delete up to the high watermark.
const TO_HIGH_WATERMARK: i64 = -1;

/// What is answered where no low watermark is known.
const NO_LOW_WATERMARK: i64 = -1;

/// Topics of the coordinators; their records are not a client's to delete.
const INTERNAL: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// A partition whose followers have not all moved their log start yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pending {
    key: PartitionKey,
    /// Where every live replica's log must start.
    required: Offset,
    /// Where its result is: topic and partition of the response.
    at: (usize, usize),
    settled: bool,
}

/// A DeleteRecords whose log starts have moved on this leader. Every pending partition starts as REQUEST_TIMED_OUT, so that
/// what a timeout answers is already there; the records stay deleted either way.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ParkedDeletion {
    response: DeleteRecordsResponse,
    pending: Vec<Pending>,
}

impl ParkedDeletion {
    /// The partitions that it waits for.
    pub(super) fn partitions(&self) -> impl Iterator<Item = PartitionKey> {
        self.pending.iter().map(|pending| pending.key)
    }

    /// The event word for how it ended.
    pub(super) fn outcome(&self, timed_out: bool) -> &'static str {
        let results = self.response.topics.iter().flat_map(|topic| &topic.partitions);
        let mut codes = results.map(|result| result.error_code);
        if timed_out {
            "timeout"
        } else if codes.any(|code| code == ErrorCode::NOT_LEADER_OR_FOLLOWER.0) {
            "leadership-lost"
        } else {
            "done"
        }
    }

    /// Its response as it stands.
    pub(super) fn finished(self, token: RequestToken) -> ReplicaOutput {
        let response = ResponseKind::DeleteRecords(self.response);
        ReplicaOutput::Reply { token, response: Some(Box::new(response)) }
    }

    fn settle(&mut self, index: usize, code: ErrorCode, low_watermark: i64) {
        let pending = &mut self.pending[index];
        pending.settled = true;
        let (topic, partition) = pending.at;
        let result = &mut self.response.topics[topic].partitions[partition];
        (result.error_code, result.low_watermark) = (code.0, low_watermark);
    }
}

impl Replicas {
    /// Handles a DeleteRecords request.
    pub fn delete_records(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        request: &DeleteRecordsRequest,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let mut deletion =
            ParkedDeletion { response: DeleteRecordsResponse::default(), pending: Vec::new() };
        let mut touched = Vec::new();
        for topic in &request.topics {
            let known = image::topic_by_name(image, topic.name.as_str());
            let at = deletion.response.topics.len();
            let mut results = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                let index = asked.partition_index;
                let key =
                    known.as_ref().map(|(id, _)| PartitionKey { topic: *id, partition: index });
                let done = if INTERNAL.contains(&topic.name.as_str()) {
                    Err(ErrorCode::INVALID_TOPIC_EXCEPTION)
                } else {
                    key.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
                        .and_then(|key| self.delete_before(cx, image, key, asked.offset))
                };
                let mut result =
                    DeleteRecordsPartitionResult::default().with_partition_index(index);
                match (done, key) {
                    (Ok((required, low_watermark)), Some(key)) => {
                        touched.push(key);
                        result.low_watermark = low_watermark.0;
                        if low_watermark < required {
                            result.error_code = ErrorCode::REQUEST_TIMED_OUT.0;
                            let at = (at, results.len());
                            deletion.pending.push(Pending { key, required, at, settled: false });
                        }
                    }
                    (Err(code), _) => {
                        cx.observe(EventKind::PartitionRequestRefused {
                            partition: TopicPartition::new(topic.name.as_str(), index),
                            api_key: token.api_key,
                            replica: BrokerId::NONE,
                            error: code.word(),
                        });
                        (result.error_code, result.low_watermark) = (code.0, NO_LOW_WATERMARK);
                    }
                    // Without a key there was an error.
                    (Ok(_), None) => {}
                }
                results.push(result);
            }
            deletion.response.topics.push(
                DeleteRecordsTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_partitions(results),
            );
        }
        if deletion.pending.is_empty() {
            out.push(deletion.finished(token));
        } else {
            if let [first, others @ ..] = &deletion.pending[..] {
                let of = image::partition_name(image, first.key);
                let more = count(others.len());
                cx.observe(EventKind::RequestParked {
                    connection: token.connection,
                    api_key: token.api_key,
                    correlation_id: token.correlation_id,
                    awaits: Awaits::LowWatermark { of, reaches: first.required, more },
                });
            }
            let deadline = cx.now + Span::from_wire_millis(i64::from(request.timeout_ms));
            let awaited = Awaited::DeleteRecords(Box::new(deletion));
            self.parked.park(ParkedRequest { token, deadline, awaited });
        }
        // Fetches that waited at an offset which is gone now.
        self.settle(cx, image, &touched, out);
    }

    /// Moves one partition's log start; the offset that was meant, and the low watermark now.
    fn delete_before(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        key: PartitionKey,
        offset: i64,
    ) -> Result<(Offset, Offset), ErrorCode> {
        let Some(partition) = self.partitions.get_mut(&key) else {
            return Err(image::not_hosted(image, key));
        };
        let required = partition.delete_before(cx, offset)?;
        Ok((required, partition.low_watermark(image)?))
    }

    /// Looks at each open partition of a DeleteRecords again; true when none is open any more.
    pub(super) fn review_deletion(&self, image: &Image, deletion: &mut ParkedDeletion) -> bool {
        let mut done = true;
        for index in 0..deletion.pending.len() {
            let Pending { key, required, settled, .. } = deletion.pending[index];
            if settled {
                continue;
            }
            let low_watermark = match self.partitions.get(&key) {
                None => Err(image::not_hosted(image, key)),
                Some(partition) => partition.low_watermark(image),
            };
            match low_watermark {
                Ok(at) if at >= required => deletion.settle(index, ErrorCode::NONE, at.0),
                Ok(_) => done = false,
                Err(code) => deletion.settle(index, code, NO_LOW_WATERMARK),
            }
        }
        done
    }
}

impl Partition {
    /// The least log start of this leader and the followers that are not fenced: nobody who could answer a fetch has
    /// anything below it. A follower that has not fetched in this leadership holds it down.
    pub(super) fn low_watermark(&self, image: &Image) -> Result<Offset, ErrorCode> {
        let alive = |id: &BrokerId| image.broker(*id).is_some_and(|broker| !broker.fenced);
        let followers = self.leading()?.followers.iter().filter(|(id, _)| alive(id));
        let starts = followers.map(|(_, state)| state.log_start.unwrap_or(Offset(-1)));
        Ok(starts.fold(self.log.log_start(), Offset::min))
    }

    fn delete_before(&mut self, cx: &mut Context<'_>, offset: i64) -> Result<Offset, ErrorCode> {
        self.leading()?;
        if !self.config.deletes {
            // A compacted topic loses old values, never what its keys say now.
            return Err(ErrorCode::POLICY_VIOLATION);
        }
        let to = if offset == TO_HIGH_WATERMARK { self.high_watermark } else { Offset(offset) };
        if to.0 < 0 || to > self.high_watermark {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        self.move_log_start(cx, to).map_err(|error| {
            self.storage_failed(cx, &error);
            ErrorCode::KAFKA_STORAGE_ERROR
        })?;
        Ok(to)
    }
}
