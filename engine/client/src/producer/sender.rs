//! The sender: which batches leave now and for whom, and what the answers mean.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::event::Word;
use klamm_node::{
    BrokerId, Context, Endpoint, EventKind, LeaderEpoch, Offset, Time, TopicId, TopicName,
    TopicPartition, planted,
};
use klamm_protocol::kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use klamm_protocol::kafka::messages::produce_response::PartitionProduceResponse;
use klamm_protocol::kafka::messages::{
    ApiKey, ProduceRequest, ProduceResponse, RequestKind, ResponseKind,
};
use klamm_protocol::{Call, Completed, ErrorCode, RpcError, convert};

use super::accumulator::ProducerBatch;
use super::{MAX_REQUEST_SIZE, Producer};
use crate::metadata::{Leader, endpoint};

/// What a Produce request carried.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// The batches' partitions and serials.
    batches: Vec<(TopicPartition, u64)>,
}

impl Producer {
    /// Sends every batch that may leave; true if something was sent. Notes when the next one may.
    pub(super) fn send_ready(&mut self, cx: &mut Context<'_>) -> bool {
        let mut wake: BTreeSet<Time> = BTreeSet::new();
        let mut by_leader: BTreeMap<BrokerId, (Endpoint, Vec<(TopicPartition, LeaderEpoch)>)> =
            BTreeMap::new();
        let mut leaderless = false;
        for partition in self.accumulator.partitions() {
            let Some((leader, at)) = self.core.metadata.leader(partition) else {
                leaderless = true;
                continue;
            };
            match self.accumulator.ready_at(partition, leader.epoch, cx.now) {
                Some(ready) if ready <= cx.now => {
                    let ready = by_leader.entry(leader.id);
                    let (_, ready) = ready.or_insert_with(|| (at.clone(), Vec::new()));
                    ready.push((partition.clone(), leader.epoch));
                }
                Some(later) => {
                    wake.insert(later);
                }
                None => {}
            }
        }
        if leaderless {
            self.core.metadata.refresh();
        }
        let mut sent = false;
        for (broker, (to, ready)) in by_leader {
            match self.core.ready(cx, &to) {
                Ok(()) => sent |= self.send_to(cx, broker, &to, &ready),
                Err(retry) => wake.extend(retry),
            }
        }
        let oldest = self.accumulator.oldest();
        wake.extend(oldest.map(|created| created + self.config.delivery_timeout));
        wake.extend(self.waiting.front().map(|(since, _, _)| *since + super::MAX_BLOCK));
        self.wake = wake.first().copied();
        sent
    }

    /// Sends one request to a broker: one batch of each ready partition, as far as they fit; true if one was sent.
    fn send_to(
        &mut self,
        cx: &mut Context<'_>,
        broker: BrokerId,
        to: &Endpoint,
        ready: &[(TopicPartition, LeaderEpoch)],
    ) -> bool {
        let limit = usize::try_from(self.config.max_in_flight).unwrap_or(1).max(1);
        if self.core.outstanding(to) >= limit {
            return false;
        }
        let mut topics: BTreeMap<TopicName, Vec<PartitionProduceData>> = BTreeMap::new();
        let mut batches = Vec::new();
        let mut size = 0;
        for (partition, epoch) in ready {
            // With one request at a time order is promised, across a change of the leader too.
            let busy = limit == 1 && self.in_flight.values().any(|(other, _)| other == partition);
            let next = self.accumulator.first_size(partition);
            if busy || (size > 0 && size + next > MAX_REQUEST_SIZE) {
                continue;
            }
            let Some(mut batch) = self.accumulator.take(partition) else { continue };
            size += next;
            let bytes = batch.close();
            batch.attempts += 1;
            batch.tried_epoch = *epoch;
            cx.observe_because(
                EventKind::BatchSent {
                    partition: partition.clone(),
                    records: batch.records.clone(),
                    attempt: batch.attempts,
                    broker,
                    crc: batch.crc(),
                },
                batch.because,
            );
            topics.entry(TopicName::clone(&partition.topic)).or_default().push(
                PartitionProduceData::default()
                    .with_index(partition.partition)
                    .with_records(Some(bytes)),
            );
            batches.push((partition.clone(), batch.serial));
            self.in_flight.insert(batch.serial, (partition.clone(), batch));
        }
        if batches.is_empty() {
            return false;
        }
        let nameless = topics.keys().any(|name| self.core.metadata.topic_id(name) == TopicId::ZERO);
        let data = topics.into_iter().map(|(name, partitions)| {
            TopicProduceData::default()
                .with_topic_id(convert::topic_uuid(self.core.metadata.topic_id(&name)))
                .with_name(convert::topic(&name))
                .with_partition_data(partitions)
        });
        let timeout = i32::try_from(self.config.request_timeout.as_millis()).unwrap_or(i32::MAX);
        let request = ProduceRequest::default()
            .with_acks(self.config.acks.0)
            .with_timeout_ms(timeout)
            .with_topic_data(data.collect());
        let mut call = Call::new(RequestKind::Produce(request), self.core.request_timeout);
        if nameless {
            // From version 13 on topics go by their ids, which metadata below version 10 does not tell.
            call = call.up_to(12);
        }
        if self.config.acks.0 == 0 {
            call = call.without_response();
        }
        self.core.send(cx, to, call, Sent { batches });
        true
    }

    /// Takes the outcome of a Produce request.
    pub(super) fn handle_completed(&mut self, cx: &mut Context<'_>, done: Completed<Sent>) {
        match done.outcome {
            Ok(ResponseKind::Produce(response)) => {
                self.handle_response(cx, done.tag, &response);
            }
            Ok(_) => self.all_failed(cx, done.tag, ErrorCode::UNKNOWN_SERVER_ERROR, None),
            Err(RpcError::UnsupportedVersion) => {
                self.all_failed(cx, done.tag, ErrorCode::UNSUPPORTED_VERSION, None);
            }
            Err(error) => {
                self.core.metadata.refresh();
                let word = Some(error.word());
                self.all_failed(cx, done.tag, ErrorCode::NETWORK_EXCEPTION, word);
            }
        }
    }

    fn all_failed(
        &mut self,
        cx: &mut Context<'_>,
        sent: Sent,
        error: ErrorCode,
        word: Option<Word>,
    ) {
        for (_, serial) in sent.batches {
            // Batches that ran into their delivery timeout meanwhile are gone.
            if let Some((partition, batch)) = self.in_flight.remove(&serial) {
                self.batch_failed(cx, partition, batch, error, word.clone());
            }
        }
    }

    fn handle_response(&mut self, cx: &mut Context<'_>, sent: Sent, response: &ProduceResponse) {
        let mut answers: BTreeMap<TopicPartition, &PartitionProduceResponse> = BTreeMap::new();
        for topic in &response.responses {
            let id = convert::topic_id(topic.topic_id);
            let Some(name) = self.core.metadata.name_of(&topic.name, id) else { continue };
            for answer in &topic.partition_responses {
                let partition = TopicPartition::new(TopicName::clone(&name), answer.index);
                answers.insert(partition, answer);
            }
        }
        for (partition, serial) in sent.batches {
            let answer = answers.get(&partition);
            if let Some(answer) = answer {
                self.learn_leader(cx, &partition, answer, response);
            }
            let Some((_, batch)) = self.in_flight.remove(&serial) else { continue };
            let code = answer.map(|answer| ErrorCode(answer.error_code));
            match (code, answer) {
                (None, _) if self.config.acks.0 == 0 => {
                    self.acknowledge(cx, partition, batch, Offset(-1));
                }
                (Some(ErrorCode::NONE), Some(answer)) => {
                    self.acknowledge(cx, partition, batch, Offset(answer.base_offset));
                }
                (Some(_), _) if planted("producer_acks_on_error") => {
                    self.acknowledge(cx, partition, batch, Offset(-1));
                }
                (Some(code), _) => self.batch_failed(cx, partition, batch, code, None),
                (None, _) => {
                    let code = ErrorCode::UNKNOWN_SERVER_ERROR;
                    self.batch_failed(cx, partition, batch, code, None);
                }
            }
        }
    }

    /// KIP-951: who does not lead says who does, if it knows.
    fn learn_leader(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        answer: &PartitionProduceResponse,
        response: &ProduceResponse,
    ) {
        let hint = Leader {
            id: BrokerId(answer.current_leader.leader_id.0),
            epoch: LeaderEpoch(answer.current_leader.leader_epoch),
        };
        let at = response
            .node_endpoints
            .iter()
            .find(|node| node.node_id.0 == hint.id.0)
            .and_then(|node| endpoint(&node.host, node.port));
        self.core.metadata.learn_hint(cx, partition, hint, at);
    }

    /// Retries a batch if its error and its age allow, splits one that is too large, or gives it up.
    fn batch_failed(
        &mut self,
        cx: &mut Context<'_>,
        partition: TopicPartition,
        mut batch: ProducerBatch,
        error: ErrorCode,
        word: Option<Word>,
    ) {
        let word = word.unwrap_or_else(|| error.word());
        let retried = EventKind::RequestRetried {
            partition: partition.clone(),
            api_key: ApiKey::Produce as i16,
            error: word,
        };
        if error == ErrorCode::MESSAGE_TOO_LARGE {
            batch.because = cx.cause();
            if self.accumulator.split(&partition, &mut batch) {
                return cx.observe(retried);
            }
        }
        if shows_stale_metadata(error) {
            self.core.metadata.refresh();
        }
        let in_time = batch.created + self.config.delivery_timeout > cx.now;
        if !error.retriable() || !in_time {
            self.accumulator.decided(&batch);
            return self.give_up(cx, partition, batch.records, error);
        }
        cx.observe(retried);
        batch.because = cx.cause();
        batch.not_before = self.backoff.until(cx, batch.attempts.saturating_sub(1));
        if planted("producer_drops_retry") {
            return self.accumulator.decided(&batch);
        }
        self.accumulator.put_back(partition, batch);
    }
}

/// Errors after which Kafka's clients ask for metadata (`InvalidMetadataException`).
pub(crate) fn shows_stale_metadata(error: ErrorCode) -> bool {
    [
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::LEADER_NOT_AVAILABLE,
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::REPLICA_NOT_AVAILABLE,
        ErrorCode::NETWORK_EXCEPTION,
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::LISTENER_NOT_FOUND,
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::UNKNOWN_TOPIC_ID,
        ErrorCode::INCONSISTENT_TOPIC_ID,
    ]
    .contains(&error)
}
