//! The sender: which batches leave now and for whom, and what the answers mean.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::event::Word;
use klamm_node::{
    BrokerId, Context, Endpoint, EventKind, IfSome, LeaderEpoch, Offset, Time, TopicId, TopicName,
    TopicPartition, planted,
};
use klamm_protocol::kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use klamm_protocol::kafka::messages::produce_response::PartitionProduceResponse;
use klamm_protocol::kafka::messages::{
    ApiKey, ProduceRequest, ProduceResponse, RequestKind, ResponseKind,
};
use klamm_protocol::{Call, Completed, ErrorCode, RpcError, convert};

use super::accumulator::ProducerBatch;
use super::idempotence::Numbered;
use super::{MAX_REQUEST_SIZE, Producer};
use crate::metadata::{Leader, endpoint};

/// What a request was.
#[derive(Clone, Debug)]
pub(super) enum Sent {
    /// Produce, with these batches.
    Produce(Vec<SentBatch>),
    /// InitProducerId.
    InitProducerId,
}

/// A batch in a Produce request.
#[derive(Clone, Debug)]
pub(super) struct SentBatch {
    partition: TopicPartition,
    serial: u64,
    /// Its number at that time.
    numbered: Option<Numbered>,
}

impl Producer {
    /// Sends every batch that may leave; true if something was sent. Notes when the next one may.
    pub(super) fn send_ready(&mut self, cx: &mut Context<'_>) -> bool {
        let mut wake: BTreeSet<Time> = BTreeSet::new();
        wake.extend(self.keep_identity(cx));
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
                    let first = || self.accumulator.first_sequence(partition);
                    let idempotence = self.idempotence.as_ref();
                    // What it waits for is an answer, which comes as an input.
                    if idempotence.is_some_and(|one| !one.may_drain(partition, first())) {
                        continue;
                    }
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
            if let Some(idempotence) = &mut self.idempotence
                && batch.sequence.is_none()
                && let Some(sequence) =
                    idempotence.number(partition, batch.serial, batch.builder.len())
            {
                batch.number(sequence);
            }
            let bytes = batch.close();
            batch.attempts += 1;
            batch.tried_epoch = *epoch;
            cx.observe_because(
                EventKind::BatchSent {
                    partition: partition.clone(),
                    records: batch.records.clone(),
                    attempt: batch.attempts,
                    broker,
                    crc: batch.crc,
                    sequence: IfSome(batch.sequence),
                },
                batch.because,
            );
            topics.entry(TopicName::clone(&partition.topic)).or_default().push(
                PartitionProduceData::default()
                    .with_index(partition.partition)
                    .with_records(Some(bytes)),
            );
            let (serial, numbered) = (batch.serial, batch.numbered());
            batches.push(SentBatch { partition: partition.clone(), serial, numbered });
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
        self.core.send(cx, to, call, Sent::Produce(batches));
        true
    }

    /// Takes the outcome of a request.
    pub(super) fn handle_completed(&mut self, cx: &mut Context<'_>, done: Completed<Sent>) {
        let sent = match done.tag {
            Sent::Produce(sent) => sent,
            Sent::InitProducerId => return self.identity_answered(cx, &done.outcome),
        };
        match done.outcome {
            Ok(ResponseKind::Produce(response)) => self.handle_response(cx, sent, &response),
            Ok(_) => self.all_failed(cx, sent, ErrorCode::UNKNOWN_SERVER_ERROR, None),
            Err(RpcError::UnsupportedVersion) => {
                self.all_failed(cx, sent, ErrorCode::UNSUPPORTED_VERSION, None);
            }
            Err(error) => {
                self.core.metadata.refresh();
                let word = Some(error.word());
                self.all_failed(cx, sent, ErrorCode::NETWORK_EXCEPTION, word);
            }
        }
    }

    fn all_failed(
        &mut self,
        cx: &mut Context<'_>,
        sent: Vec<SentBatch>,
        error: ErrorCode,
        word: Option<Word>,
    ) {
        for SentBatch { serial, .. } in sent {
            // Batches that ran into their delivery timeout meanwhile are gone.
            if let Some((partition, batch)) = self.in_flight.remove(&serial) {
                let error = Failure { error, word: word.clone(), log_start: Offset(-1) };
                self.batch_failed(cx, partition, batch, error);
            }
        }
    }

    fn handle_response(
        &mut self,
        cx: &mut Context<'_>,
        sent: Vec<SentBatch>,
        response: &ProduceResponse,
    ) {
        let mut answers: BTreeMap<TopicPartition, &PartitionProduceResponse> = BTreeMap::new();
        for topic in &response.responses {
            let id = convert::topic_id(topic.topic_id);
            let Some(name) = self.core.metadata.name_of(&topic.name, id) else { continue };
            for answer in &topic.partition_responses {
                let partition = TopicPartition::new(TopicName::clone(&name), answer.index);
                answers.insert(partition, answer);
            }
        }
        for SentBatch { partition, serial, numbered } in sent {
            let answer = answers.get(&partition);
            if let Some(answer) = answer {
                self.learn_leader(cx, &partition, answer, response);
            }
            let code = answer.map(|answer| ErrorCode(answer.error_code));
            let Some((_, batch)) = self.in_flight.remove(&serial) else {
                // It was given up for the lack of time; but now its number is known to be in the log.
                let stored = [ErrorCode::NONE, ErrorCode::DUPLICATE_SEQUENCE_NUMBER];
                if let (Some(code), Some(idempotence), Some(numbered)) =
                    (code, &mut self.idempotence, numbered)
                    && stored.contains(&code)
                {
                    idempotence.completed(&partition, numbered);
                }
                continue;
            };
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
                (Some(error), answer) => {
                    let log_start = answer.map_or(-1, |answer| answer.log_start_offset);
                    let failure = Failure { error, word: None, log_start: Offset(log_start) };
                    self.batch_failed(cx, partition, batch, failure);
                }
                (None, _) => {
                    let error = ErrorCode::UNKNOWN_SERVER_ERROR;
                    let failure = Failure { error, word: None, log_start: Offset(-1) };
                    self.batch_failed(cx, partition, batch, failure);
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
        failure: Failure,
    ) {
        let Failure { error, word, log_start } = failure;
        let word = word.unwrap_or_else(|| error.word());
        let retried = EventKind::RequestRetried {
            partition: partition.clone(),
            api_key: ApiKey::Produce as i16,
            error: word,
        };
        if error == ErrorCode::MESSAGE_TOO_LARGE {
            batch.because = cx.cause();
            if let Some(pieces) = self.accumulator.split(&partition, &mut batch) {
                if let (Some(idempotence), Some(sequence)) = (&mut self.idempotence, batch.sequence)
                {
                    idempotence.forget(&partition, sequence);
                    for (serial, piece) in pieces {
                        if let Some(piece) = piece {
                            idempotence.track(&partition, serial, piece);
                        }
                    }
                }
                return cx.observe(retried);
            }
        }
        if shows_stale_metadata(error) {
            self.core.metadata.refresh();
        }
        let in_time = batch.created + self.config.delivery_timeout > cx.now;
        let tries = u32::try_from(self.config.retries).unwrap_or(0);
        let may_try = in_time && batch.attempts <= tries;
        if !(may_try && self.is_retriable(&partition, &batch, error, log_start)) {
            if error == ErrorCode::DUPLICATE_SEQUENCE_NUMBER {
                // The log has had it for long, and the broker does not know any more where.
                return self.acknowledge(cx, partition, batch, Offset(-1));
            }
            self.accumulator.decided(&batch);
            if let (Some(idempotence), Some(numbered)) = (&mut self.idempotence, batch.numbered()) {
                if error.retriable() && !in_time {
                    // It would be tried again if there were time: the log may have it or not, as when it runs out of time while
                    // it waits. Kafka takes the answer for a certain one and begins the next epoch, in which it doubles whatever
                    // of the batches behind this one is in the log.
                    idempotence.forget(&partition, numbered.sequence);
                    idempotence.mark_unresolved(&partition, numbered);
                } else {
                    let certain = batch.attempts <= tries;
                    idempotence.failed(&partition, numbered.sequence, error, certain);
                }
            }
            return self.give_up(cx, partition, batch.records, error);
        }
        cx.observe(retried);
        batch.retried = true;
        batch.because = cx.cause();
        batch.not_before = self.backoff.until(cx, batch.attempts.saturating_sub(1));
        if planted("producer_drops_retry") {
            return self.accumulator.decided(&batch);
        }
        self.accumulator.put_back(partition, batch);
    }

    fn is_retriable(
        &mut self,
        partition: &TopicPartition,
        batch: &ProducerBatch,
        error: ErrorCode,
        log_start: Offset,
    ) -> bool {
        match (&mut self.idempotence, batch.sequence) {
            (Some(idempotence), Some(sequence)) => {
                idempotence.can_retry(partition, sequence, batch.renumbered, error, log_start)
            }
            (Some(_), None) | (None, _) => error.retriable(),
        }
    }
}

/// Why a batch was not taken.
struct Failure {
    error: ErrorCode,
    /// What happened to the connection instead.
    word: Option<Word>,
    /// Where the partition's log starts, if the answer says so.
    log_start: Offset,
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
