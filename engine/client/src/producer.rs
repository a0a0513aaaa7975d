//! The producer: records in, batches out, each record acknowledged or given up exactly once.
//!
//! ```text
//!   Produce ─► waiting for metadata ─► accumulator ─► in flight ─► acknowledged
//!                     │                  ▲  │            │  │
//!                     │ max.block        └──┼── retry ───┘  │ delivery.timeout.ms,
//!                     └─► given up ◄────────┴───────────────┘ or an error that is final
//! ```
//!
//! With idempotence, which is on by default (KIP-679), a leader takes the batches of a partition in the order of their numbers,
//! each once. Without, order is Kafka's too: a batch that is retried goes back to the front of its partition's queue while later
//! ones may be under way, so that with `max.in.flight.requests.per.connection` above 1 a retry can be overtaken, and a retry of
//! what a leader had taken doubles it.
//!
//! Simplified: `buffer.memory` is unbounded, `max.block.ms` is 60 s and `max.request.size` 1 MiB, Kafka's defaults.

mod accumulator;
mod idempotence;
#[cfg(test)]
mod idempotence_histories;
#[cfg(test)]
mod idempotence_tests;
mod identity;
mod sender;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use klamm_node::config::ProducerConfig;
use klamm_node::{
    Because, Command, Context, Endpoint, EventKind, Input, Node, Offset, ProduceRecord, Span, Time,
    TopicName, TopicPartition, earliest,
};
use klamm_protocol::{BatchBuilder, Compression, ErrorCode};

use crate::backoff::Backoff;
use crate::core::{Core, Shared};
use crate::metadata::Metadata;
use crate::partitioner::{Sticky, partition_for_key};
use crate::summary::ClientSummary;
use accumulator::{Accumulator, ProducerBatch};
use idempotence::Idempotence;
use sender::Sent;

pub(crate) use sender::shows_stale_metadata;

/// `max.block.ms`.
const MAX_BLOCK: Span = Span::secs(60);
/// `max.request.size`.
const MAX_REQUEST_SIZE: usize = 1 << 20;

/// A producer as a node.
#[derive(Clone, Debug)]
pub struct Producer {
    config: ProducerConfig,
    backoff: Backoff,
    core: Core<Sent>,
    sticky: Sticky,
    /// Records whose topic or partition is not known yet, with the time and cause of their arrival.
    waiting: VecDeque<(Time, Because, ProduceRecord)>,
    /// How many of them there are of each topic.
    waiting_topics: BTreeMap<TopicName, usize>,
    /// The state of the metadata that they were last tried with.
    tried_with: u64,
    accumulator: Accumulator,
    /// Who it is and how its batches are numbered, with `enable.idempotence`.
    idempotence: Option<Idempotence>,
    /// Batches that were sent, by their serial.
    in_flight: BTreeMap<u64, (TopicPartition, ProducerBatch)>,
    closing: bool,
    /// When there will be something to do that no input announces.
    wake: Option<Time>,
    accepted: u64,
    acknowledged: u64,
    failed: u64,
}

impl Producer {
    /// A producer that learns the cluster from `bootstrap`.
    pub fn new(client_id: &str, bootstrap: Vec<Endpoint>, config: ProducerConfig) -> Self {
        let backoff = Backoff { least: config.retry_backoff, most: config.retry_backoff_max };
        let shared = Shared {
            client_id: client_id.to_owned(),
            max_in_flight: usize::try_from(config.max_in_flight).unwrap_or(1).max(1),
            connect_timeout: config.socket_connection_setup_timeout,
            reconnect_backoff: config.reconnect_backoff,
            reconnect_backoff_max: config.reconnect_backoff_max,
            request_timeout: config.request_timeout,
        };
        let metadata = Metadata::new(bootstrap, config.metadata_max_age, backoff);
        let compression = match config.compression_type.as_str() {
            "gzip" => Compression::Gzip,
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd,
            _ => Compression::None,
        };
        let batch_size = usize::try_from(config.batch_size).unwrap_or(0);
        Self {
            backoff,
            core: Core::new(shared, metadata),
            sticky: Sticky::default(),
            waiting: VecDeque::new(),
            waiting_topics: BTreeMap::new(),
            tried_with: 0,
            accumulator: Accumulator::new(batch_size, config.linger, compression),
            idempotence: config.enable_idempotence.then(Idempotence::new),
            in_flight: BTreeMap::new(),
            closing: false,
            wake: None,
            accepted: 0,
            acknowledged: 0,
            failed: 0,
            config,
        }
    }

    /// What it believes and has done.
    pub fn summary(&self) -> ClientSummary {
        let sent: usize = self.in_flight.values().map(|(_, batch)| batch.records.len()).sum();
        let waiting = self.waiting.len() + self.accumulator.records() + sent;
        ClientSummary {
            leaders: self.core.metadata.leaders(),
            accepted: self.accepted,
            acknowledged: self.acknowledged,
            failed: self.failed,
            waiting: waiting as u64,
            producer_id: self.idempotence.as_ref().and_then(Idempotence::identity),
            ..ClientSummary::default()
        }
    }

    /// Takes a record: into the accumulator if its partition can be told, else it waits for metadata.
    fn accept(&mut self, cx: &mut Context<'_>, record: ProduceRecord) {
        let size = BatchBuilder::new(Compression::None).size()
            + BatchBuilder::size_of_next(
                record.key.as_deref(),
                record.value.as_deref(),
                &record.headers,
            );
        if size > MAX_REQUEST_SIZE {
            let partition = TopicPartition::new(record.topic, record.partition.unwrap_or(-1));
            return self.give_up(cx, partition, vec![record.id], ErrorCode::MESSAGE_TOO_LARGE);
        }
        if self.closing {
            // Kafka's producer throws IllegalStateException; the record never existed.
            return;
        }
        self.core.metadata.want(&record.topic);
        let because = cx.cause();
        let first = !self.waiting_topics.contains_key(&record.topic);
        if first && self.place(cx, because, &record) {
            return;
        }
        *self.waiting_topics.entry(record.topic.clone()).or_default() += 1;
        self.waiting.push_back((cx.now, because, record));
    }

    /// Puts a record into the batch of its partition; false if that can't be told yet.
    fn place(&mut self, cx: &mut Context<'_>, because: Because, record: &ProduceRecord) -> bool {
        let Some(count) = self.core.metadata.partitions(&record.topic) else { return false };
        let by_key = record.key.as_deref().map(|key| partition_for_key(key, count));
        let sticky = record.partition.is_none() && by_key.is_none();
        let partition = match (record.partition, by_key) {
            (Some(fixed), _) => fixed,
            (None, Some(by_key)) => by_key,
            (None, None) => self.stick(cx, record, count),
        };
        if partition >= count {
            return false;
        }
        let partition = TopicPartition::new(record.topic.clone(), partition);
        let key = record.key.as_ref().map(|key| String::from_utf8_lossy(key).into_owned());
        cx.observe_because(
            EventKind::RecordAccepted { record: record.id, partition: partition.clone(), key },
            because,
        );
        self.accepted += 1;
        let (bytes, complete) =
            self.accumulator.append(cx.now, cx.wall, because, &partition, record);
        if sticky {
            let batch_size = self.sticky_size();
            self.sticky.appended(&record.topic, bytes as u64, complete, batch_size);
        }
        true
    }

    /// The partition for a record without a key.
    fn stick(&mut self, cx: &mut Context<'_>, record: &ProduceRecord, count: i32) -> i32 {
        let metadata = &self.core.metadata;
        let available = || metadata.available(&record.topic);
        let here = self.sticky.partition(cx, &record.topic, count, available);
        let partition = TopicPartition::new(TopicName::clone(&record.topic), here);
        let batch_size = self.sticky_size();
        if !self.accumulator.has_room(&partition, record)
            && self.sticky.leave(&record.topic, batch_size)
        {
            return self.sticky.partition(cx, &record.topic, count, available);
        }
        here
    }

    fn sticky_size(&self) -> u64 {
        u64::try_from(self.config.batch_size).unwrap_or(0).max(1)
    }

    /// Places the records that waited for metadata, and gives up those that waited too long.
    fn place_waiting(&mut self, cx: &mut Context<'_>) {
        let changes = self.core.metadata.changes();
        let late = self.waiting.front().is_some_and(|(since, _, _)| *since + MAX_BLOCK <= cx.now);
        if changes == self.tried_with && !late {
            return;
        }
        self.tried_with = changes;
        self.waiting_topics.clear();
        for (since, because, record) in std::mem::take(&mut self.waiting) {
            let refused = self.core.metadata.refusal(&record.topic);
            let late = since + MAX_BLOCK <= cx.now;
            let first = !self.waiting_topics.contains_key(&record.topic);
            if first && self.place(cx, because, &record) {
                continue;
            }
            if let Some(error) = refused.or_else(|| late.then_some(ErrorCode::REQUEST_TIMED_OUT)) {
                let partition = TopicPartition::new(record.topic, record.partition.unwrap_or(-1));
                self.give_up(cx, partition, vec![record.id], error);
            } else {
                *self.waiting_topics.entry(record.topic.clone()).or_default() += 1;
                self.waiting.push_back((since, because, record));
            }
        }
    }

    fn acknowledge(
        &mut self,
        cx: &mut Context<'_>,
        partition: TopicPartition,
        batch: ProducerBatch,
        base_offset: Offset,
    ) {
        self.accumulator.decided(&batch);
        if let (Some(idempotence), Some(numbered)) = (&mut self.idempotence, batch.numbered()) {
            idempotence.completed(&partition, numbered);
        }
        self.acknowledged += batch.records.len() as u64;
        cx.observe(EventKind::RecordsAcknowledged {
            partition,
            base_offset,
            acks: self.config.acks.0,
            crc: batch.crc,
            latency: cx.now.since(batch.created),
            records: batch.records,
        });
    }

    fn give_up(
        &mut self,
        cx: &mut Context<'_>,
        partition: TopicPartition,
        records: Vec<klamm_node::RecordId>,
        error: ErrorCode,
    ) {
        self.failed += records.len() as u64;
        cx.observe(EventKind::RecordsFailed { partition, records, error: error.word() });
    }

    /// `delivery.timeout.ms`: fails batches that are too old, whether they wait or are under way.
    fn expire(&mut self, cx: &mut Context<'_>) {
        let timeout = self.config.delivery_timeout;
        if self.accumulator.oldest().is_none_or(|oldest| oldest + timeout > cx.now) {
            return;
        }
        let is_late = |batch: &ProducerBatch| batch.created + timeout <= cx.now;
        let late: Vec<u64> = self
            .in_flight
            .iter()
            .filter(|(_, (_, batch))| is_late(batch))
            .map(|(serial, _)| *serial)
            .collect();
        let mut given_up: Vec<(TopicPartition, ProducerBatch)> =
            late.into_iter().filter_map(|serial| self.in_flight.remove(&serial)).collect();
        given_up.extend(self.accumulator.remove(is_late));
        for (partition, batch) in given_up {
            self.accumulator.decided(&batch);
            if let (Some(idempotence), Some(numbered)) = (&mut self.idempotence, batch.numbered()) {
                idempotence.forget(&partition, numbered.sequence);
                // As in Kafka: of a batch whose only try is under way, the next one will tell.
                if batch.retried {
                    idempotence.mark_unresolved(&partition, numbered);
                }
            }
            self.give_up(cx, partition, batch.records, ErrorCode::REQUEST_TIMED_OUT);
        }
    }

    /// Everything that follows from an input: outcomes, expiry, sending, metadata.
    fn drive(&mut self, cx: &mut Context<'_>) {
        loop {
            while let Some(done) = self.core.next_completed(cx) {
                self.handle_completed(cx, done);
            }
            self.place_waiting(cx);
            self.expire(cx);
            if !self.send_ready(cx) {
                break;
            }
        }
        self.core.poll_metadata(cx);
        let idle =
            self.waiting.is_empty() && self.accumulator.is_empty() && self.in_flight.is_empty();
        if self.closing && idle {
            self.core.close_all(cx);
            cx.out.halt("the producer is closed", true);
        }
    }
}

impl Node for Producer {
    fn handle(&mut self, cx: &mut Context<'_>, input: Input) {
        self.core.handle(cx, &input);
        if let Input::Command(command) = input {
            match command {
                Command::Produce(record) => self.accept(cx, record),
                Command::Flush => self.accumulator.flush(),
                Command::Shutdown => {
                    self.closing = true;
                    self.accumulator.flush();
                }
                // Meant for other clients.
                Command::Assign { .. }
                | Command::CreateTopic { .. }
                | Command::Admin(_)
                | Command::Group(_)
                | Command::Application(_) => {}
            }
        }
        self.drive(cx);
    }

    fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let own = self.wake.map(|at| (at, "produce"));
        earliest(&[own, self.core.next_deadline()])
    }
}
