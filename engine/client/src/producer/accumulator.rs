//! The accumulator: records gather in batches, one queue of batches a partition.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use klamm_node::{
    Because, LeaderEpoch, ProduceRecord, ProducerSequence, RecordId, Span, Time, Timestamp,
    TopicPartition, planted,
};
use klamm_protocol::batch::BatchHeader;
use klamm_protocol::{Batch, BatchBuilder, Compression};

use super::idempotence::{Numbered, after};

/// A batch of one partition, from its first record until its fate is known.
#[derive(Clone, Debug)]
pub(super) struct ProducerBatch {
    /// Its number within the producer.
    pub serial: u64,
    pub records: Vec<RecordId>,
    /// When its first record was accepted: `linger.ms` and `delivery.timeout.ms` count from here.
    pub created: Time,
    /// How often it was sent.
    pub attempts: u32,
    /// A retry waits until then.
    pub not_before: Time,
    /// The leader epoch that it was last sent to.
    pub tried_epoch: LeaderEpoch,
    /// Why it is sent: its first record's command, or what made it a retry.
    pub because: Because,
    /// It comes from a batch that a broker found too large.
    pub split: bool,
    /// It need not linger.
    pub urgent: bool,
    /// It was tried again at least once.
    pub retried: bool,
    /// The number that an idempotent producer gave it when it was sent first.
    pub sequence: Option<ProducerSequence>,
    /// It has got another number since it was last sent.
    pub renumbered: bool,
    /// The CRC-32C of what was last sent; 0 before.
    pub crc: u32,
    pub builder: BatchBuilder,
    pub bytes: Option<Bytes>,
}

impl ProducerBatch {
    /// The encoded batch; no record is added after the first call.
    pub(super) fn close(&mut self) -> Bytes {
        self.renumbered = false;
        if let Some(bytes) = &self.bytes {
            return bytes.clone();
        }
        let bytes = self.builder.build();
        self.crc = BatchHeader::parse(&bytes).map_or(0, |header| header.crc);
        self.bytes.insert(bytes).clone()
    }

    /// The batch and its number, if it has one.
    pub(super) fn numbered(&self) -> Option<Numbered> {
        Some(Numbered { sequence: self.sequence?, records: self.builder.len() })
    }

    /// Gives it its number.
    pub(super) fn number(&mut self, sequence: ProducerSequence) {
        self.sequence = Some(sequence);
        self.builder.number(sequence);
    }

    /// Gives it another number, for its next try.
    pub(super) fn renumber(&mut self, sequence: ProducerSequence) {
        self.number(sequence);
        self.bytes = None;
        self.renumbered = true;
    }

    pub(super) fn size(&self) -> usize {
        self.bytes.as_ref().map_or_else(|| self.builder.size(), Bytes::len)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    batch_size: usize,
    linger: Span,
    compression: Compression,
    queues: BTreeMap<TopicPartition, VecDeque<ProducerBatch>>,
    next_serial: u64,
    /// Every batch whose fate is open, under way or not, by age.
    open: BTreeSet<(Time, u64)>,
}

impl Accumulator {
    pub(super) fn new(batch_size: usize, linger: Span, compression: Compression) -> Self {
        Self {
            batch_size,
            linger,
            compression,
            queues: BTreeMap::new(),
            next_serial: 0,
            open: BTreeSet::new(),
        }
    }

    /// Adds a record to the last batch of its partition, or to a new one if it does not fit. Returns the bytes that it
    /// took and whether the last batch is complete now.
    pub(super) fn append(
        &mut self,
        now: Time,
        wall: Timestamp,
        because: Because,
        partition: &TopicPartition,
        record: &ProduceRecord,
    ) -> (usize, bool) {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        if !self.has_room(partition, record) {
            let batch = self.new_batch(now, because);
            self.queues.entry(partition.clone()).or_default().push_back(batch);
        }
        let batch = self.queues.get_mut(partition).and_then(VecDeque::back_mut);
        let batch = batch.expect("there is a batch with room");
        let before = if batch.records.is_empty() { 0 } else { batch.builder.size() };
        let timestamp = record.timestamp.unwrap_or(wall);
        batch.builder.append(timestamp, key, value, &record.headers);
        batch.records.push(record.id);
        (batch.builder.size() - before, batch.builder.size() >= self.batch_size)
    }

    /// Whether the last batch of a partition takes this record too.
    pub(super) fn has_room(&self, partition: &TopicPartition, record: &ProduceRecord) -> bool {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let needs = BatchBuilder::size_of_next(key, value, &record.headers);
        self.queues.get(partition).and_then(VecDeque::back).is_some_and(|batch| {
            let open = batch.bytes.is_none() && batch.sequence.is_none();
            open && batch.builder.size() + needs <= self.batch_size
        })
    }

    fn new_batch(&mut self, created: Time, because: Because) -> ProducerBatch {
        self.next_serial += 1;
        self.open.insert((created, self.next_serial));
        ProducerBatch {
            serial: self.next_serial,
            records: Vec::new(),
            created,
            attempts: 0,
            not_before: created,
            tried_epoch: LeaderEpoch::NONE,
            because,
            split: false,
            urgent: false,
            retried: false,
            sequence: None,
            renumbered: false,
            crc: 0,
            builder: BatchBuilder::new(self.compression),
            bytes: None,
        }
    }

    /// What is here need not linger.
    pub(super) fn flush(&mut self) {
        self.queues.values_mut().flatten().for_each(|batch| batch.urgent = true);
    }

    /// The partitions with something in their queue.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.queues.keys()
    }

    /// When the first batch of a partition may be sent: at once when it is full, followed by another, flushed, or a
    /// retry towards a newer leader epoch than the one it failed at (KIP-951); else after linger or backoff.
    pub(super) fn ready_at(
        &self,
        partition: &TopicPartition,
        epoch: LeaderEpoch,
        now: Time,
    ) -> Option<Time> {
        let queue = self.queues.get(partition)?;
        let first = queue.front()?;
        if first.attempts > 0 {
            return Some(if epoch > first.tried_epoch { now } else { first.not_before });
        }
        let full = queue.len() > 1 || first.urgent || first.size() >= self.batch_size;
        Some(if full { now } else { first.created + self.linger })
    }

    /// The number of the first batch of a partition, if it has one already.
    pub(super) fn first_sequence(&self, partition: &TopicPartition) -> Option<ProducerSequence> {
        self.queues.get(partition).and_then(VecDeque::front)?.sequence
    }

    /// The size of the first batch of a partition.
    pub(super) fn first_size(&self, partition: &TopicPartition) -> usize {
        self.queues.get(partition).and_then(VecDeque::front).map_or(0, ProducerBatch::size)
    }

    /// Takes the first batch of a partition.
    pub(super) fn take(&mut self, partition: &TopicPartition) -> Option<ProducerBatch> {
        let queue = self.queues.get_mut(partition)?;
        let batch = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(partition);
        }
        batch
    }

    /// Puts a batch back to the front of its queue, behind those of smaller numbers if it has a number; without one it goes
    /// first, whatever else failed with it, as in Kafka.
    pub(super) fn put_back(&mut self, partition: TopicPartition, batch: ProducerBatch) {
        let queue = self.queues.entry(partition).or_default();
        if planted("producer_reorders_on_retry") {
            return queue.push_back(batch);
        }
        let place = batch.sequence.map_or(0, |sequence| {
            let before = |other: &&ProducerBatch| {
                other.sequence.is_some_and(|other| other.base < sequence.base)
            };
            queue.iter().take_while(before).count()
        });
        queue.insert(place, batch);
    }

    /// Gives waiting batches other numbers, by their serials.
    pub(super) fn renumber(
        &mut self,
        partition: &TopicPartition,
        numbers: &BTreeMap<u64, ProducerSequence>,
    ) {
        for batch in self.queues.get_mut(partition).into_iter().flatten() {
            if let Some(sequence) = numbers.get(&batch.serial) {
                batch.renumber(*sequence);
            }
        }
    }

    /// Splits a batch that a broker found too large and puts the pieces back to the front, in order; they share its numbers.
    /// Returns their serials and numbers, or nothing if it has but one record.
    pub(super) fn split(
        &mut self,
        partition: &TopicPartition,
        batch: &mut ProducerBatch,
    ) -> Option<Vec<(u64, Option<Numbered>)>> {
        let whole = batch.close();
        let records = Batch::parse(&whole).and_then(|whole| whole.records()).ok()?;
        if records.len() < 2 || records.len() != batch.records.len() {
            return None;
        }
        // As Kafka: first into batches of batch.size, then into halves.
        let target =
            if batch.split { batch.size() / 2 } else { self.batch_size.min(batch.size() - 1) };
        let mut pieces: Vec<ProducerBatch> = Vec::new();
        for (record, id) in records.iter().zip(&batch.records) {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let needs = BatchBuilder::size_of_next(key, value, &record.headers);
            let room = pieces.last().is_some_and(|last| last.builder.size() + needs <= target);
            if !room {
                let mut piece = self.new_batch(batch.created, batch.because);
                piece.split = true;
                piece.urgent = true;
                pieces.push(piece);
            }
            let piece = pieces.last_mut()?;
            piece.builder.append(record.timestamp, key, value, &record.headers);
            piece.records.push(*id);
        }
        self.decided(batch);
        let mut next = batch.sequence;
        for piece in &mut pieces {
            if let Some(sequence) = &mut next {
                piece.number(*sequence);
                sequence.base = after(sequence.base, piece.builder.len());
            }
            piece.close();
        }
        let told = pieces.iter().map(|piece| (piece.serial, piece.numbered())).collect();
        for piece in pieces.into_iter().rev() {
            self.put_back(partition.clone(), piece);
        }
        Some(told)
    }

    /// Removes the batches that `which` picks.
    pub(super) fn remove(
        &mut self,
        which: impl Fn(&ProducerBatch) -> bool,
    ) -> Vec<(TopicPartition, ProducerBatch)> {
        if !self.queues.values().flatten().any(&which) {
            return Vec::new();
        }
        let mut removed = Vec::new();
        for (partition, queue) in &mut self.queues {
            let (out, keep): (VecDeque<_>, VecDeque<_>) =
                std::mem::take(queue).into_iter().partition(&which);
            *queue = keep;
            removed.extend(out.into_iter().map(|batch| (partition.clone(), batch)));
        }
        self.queues.retain(|_, queue| !queue.is_empty());
        removed
    }

    /// A batch's fate is known.
    pub(super) fn decided(&mut self, batch: &ProducerBatch) {
        self.open.remove(&(batch.created, batch.serial));
    }

    /// The creation time of the oldest batch whose fate is open.
    pub(super) fn oldest(&self) -> Option<Time> {
        self.open.first().map(|(created, _)| *created)
    }

    pub(super) fn records(&self) -> usize {
        self.queues.values().flatten().map(|batch| batch.records.len()).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}
