//! Building batches: what a producer's accumulator, the quorum leader and tests do.

use bytes::Bytes;
use klamm_node::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, ProducerSequence, Timestamp};

use super::record::put;
use super::{
    CONTROL, CRC_AT, CRC_FROM, HEADER_SIZE, LOG_APPEND_TIME, LOG_OVERHEAD, MAGIC, TRANSACTIONAL,
    TimestampType,
};
use crate::compression::Compression;

/// A batch in the making. Records are encoded as they come, packed at the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BatchBuilder {
    compression: Compression,
    flags: i16,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: i32,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
    count: i32,
    records: Vec<u8>,
}

impl BatchBuilder {
    /// An empty batch as a producer starts it: base offset 0, no leader epoch, no producer id, CreateTime.
    pub fn new(compression: Compression) -> Self {
        Self {
            compression,
            flags: 0,
            base_offset: Offset(0),
            leader_epoch: LeaderEpoch::NONE,
            producer_id: ProducerId(-1),
            producer_epoch: ProducerEpoch(-1),
            base_sequence: -1,
            base_timestamp: Timestamp::NONE,
            max_timestamp: Timestamp::NONE,
            count: 0,
            records: Vec::new(),
        }
    }

    /// The batch of a leader that assigns offsets itself.
    #[must_use]
    pub fn at(mut self, base_offset: Offset, leader_epoch: LeaderEpoch) -> Self {
        self.base_offset = base_offset;
        self.leader_epoch = leader_epoch;
        self
    }

    /// The batch of an idempotent producer.
    #[must_use]
    pub fn by_producer(mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> Self {
        self.number(ProducerSequence {
            producer_id: id,
            producer_epoch: epoch,
            base: base_sequence,
        });
        self
    }

    /// Makes it an idempotent producer's, with this number; with another one if it had one (KIP-360).
    pub fn number(&mut self, sequence: ProducerSequence) {
        self.producer_id = sequence.producer_id;
        self.producer_epoch = sequence.producer_epoch;
        self.base_sequence = sequence.base;
    }

    /// Marks the batch as part of a transaction.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.flags |= TRANSACTIONAL;
        self
    }

    /// Marks the batch as one of control records.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.flags |= CONTROL;
        self
    }

    /// Sets whose clock the timestamps come from.
    #[must_use]
    pub fn timestamp_type(mut self, timestamp_type: TimestampType) -> Self {
        match timestamp_type {
            TimestampType::CreateTime => self.flags &= !LOG_APPEND_TIME,
            TimestampType::LogAppendTime => self.flags |= LOG_APPEND_TIME,
        }
        self
    }

    /// Adds a record and returns its place in the batch.
    pub fn append(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(Bytes, Option<Bytes>)],
    ) -> i32 {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let offset_delta = self.count;
        let timestamp_delta = timestamp.0.wrapping_sub(self.base_timestamp.0);
        put(&mut self.records, timestamp_delta, offset_delta, (key, value), headers);
        self.count += 1;
        offset_delta
    }

    /// How many records it holds.
    pub fn len(&self) -> i32 {
        self.count
    }

    /// Whether it holds no record yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The size of the batch in bytes before packing, which is what `batch.size` is compared with.
    ///
    /// Simplified: Kafka's producer estimates the packed size from the ratio of earlier batches.
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.records.len()
    }

    /// The most that one more record would add.
    pub fn size_of_next(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(Bytes, Option<Bytes>)],
    ) -> usize {
        let of = |piece: Option<&[u8]>| piece.map_or(0, <[u8]>::len) + 5;
        let headers: usize =
            headers.iter().map(|(key, value)| of(Some(key)) + of(value.as_deref())).sum();
        // Length, attributes, timestamp delta, offset delta, and the number of headers at their longest.
        5 + 1 + 10 + 5 + of(key) + of(value) + 5 + headers
    }

    /// The batch; no bytes at all if there are no records, as in Kafka.
    pub fn build(&self) -> Bytes {
        if self.count == 0 {
            return Bytes::new();
        }
        let packed;
        let records = match self.compression {
            Compression::None => &self.records,
            Compression::Gzip | Compression::Snappy | Compression::Lz4 | Compression::Zstd => {
                packed = self.compression.compress(&self.records);
                &packed
            }
        };
        let length = HEADER_SIZE - LOG_OVERHEAD + records.len();
        let length = i32::try_from(length).expect("callers keep batches far below 2 GiB");
        let mut out = Vec::with_capacity(HEADER_SIZE + records.len());
        out.extend_from_slice(&self.base_offset.0.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.leader_epoch.0.to_be_bytes());
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(self.flags | self.compression.id()).to_be_bytes());
        out.extend_from_slice(&(self.count - 1).to_be_bytes());
        out.extend_from_slice(&self.base_timestamp.0.to_be_bytes());
        out.extend_from_slice(&self.max_timestamp.0.to_be_bytes());
        out.extend_from_slice(&self.producer_id.0.to_be_bytes());
        out.extend_from_slice(&self.producer_epoch.0.to_be_bytes());
        out.extend_from_slice(&self.base_sequence.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(records);
        let crc = crc32c::crc32c(&out[CRC_FROM..]);
        out[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
        out.into()
    }
}
