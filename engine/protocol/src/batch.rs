//! Record batches, format v2 (KIP-98): what producers send, logs store and fetches return.
//!
//! ```text
//!   0 base offset ─ 8 length ─ 12 leader epoch ─ 16 magic ─ 17 CRC-32C ┐
//!  21 attributes ─ 23 last offset delta ─ 27 base and 35 max timestamp  │ what the CRC covers
//!  43 producer id ─ 51 producer epoch ─ 53 base sequence ─ 57 count     │
//!  61 records, packed as the attributes say                            ┘
//! ```
//!
//! *Flows in*: bytes of clients, logs and other brokers. *Flows out*: headers, records, and batches as bytes.
//! *Must never*: panic on hostile bytes or allocate by what they merely claim; change a batch other than by [`stamp`].
//!
//! Invariants
//! * A [`Batch`] is whole: its bytes are exactly as long as its header says.
//! * Base offset and leader epoch lie outside the CRC, so that a leader can assign them without touching it; that makes
//!   the CRC a batch's identity across replicas.
//!
//! ```
//! use klamm_node::{LeaderEpoch, Offset, Timestamp};
//! use klamm_protocol::batch::{BatchBuilder, ProduceRules, batches, stamp, validate_from_client};
//! use klamm_protocol::compression::Compression;
//!
//! let mut builder = BatchBuilder::new(Compression::Lz4);
//! builder.append(Timestamp(7), Some(b"mint"), Some(b"open"), &[]);
//! let sent = builder.build();
//!
//! let valid = validate_from_client(&sent, &ProduceRules::default()).expect("a good batch");
//! let mut bytes = valid.batch.bytes().to_vec();
//! stamp(&mut bytes, Offset(41), LeaderEpoch(2), None).expect("a whole batch");
//!
//! let log = bytes.into();
//! let batch = batches(&log).next().expect("one batch").expect("a good one");
//! assert_eq!(batch.verify_crc(), Ok(()));
//! assert_eq!(batch.records().expect("records")[0].offset, Offset(41));
//! ```
//!
//! Deliberately not here: message formats v0 and v1, which Kafka 4 no longer writes (KIP-724).

mod builder;
mod control;
mod record;
mod validate;

pub use builder::BatchBuilder;
pub use control::{ControlRecord, LeaderChange, Voter, VoterNode, control_batch};
pub use record::{Record, RecordError};
pub use validate::{InvalidBatch, ProduceRules, ValidBatch, validate_from_client};

use bytes::Bytes;
use klamm_node::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, ProducerSequence, Timestamp};
use thiserror::Error;

use crate::compression::{Compression, CompressionError};
use crate::cursor::Cursor;
use crate::error::ErrorCode;

/// Bytes before the records.
pub const HEADER_SIZE: usize = 61;
/// Bytes before the part that the length field counts.
pub const LOG_OVERHEAD: usize = 12;
/// The only record format.
pub const MAGIC: i8 = 2;
/// The most that the records of one batch may unpack to, against decompression bombs. Kafka has no such limit; its
/// largest request is 100 MiB.
pub const UNPACKED_LIMIT: usize = 128 << 20;

const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const CRC_FROM: usize = 21;
const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;

const COMPRESSION_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;

/// Whose clock a batch's timestamps come from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum TimestampType {
    /// The producer's.
    #[default]
    CreateTime,
    /// The leader's at the append; then every record has the batch's max timestamp.
    LogAppendTime,
}

/// Why bytes are not a batch, or a batch is not what it should be. All deterministic.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BatchError {
    /// There are not enough bytes.
    #[error("the batch is cut: {have} bytes of {need}")]
    Cut {
        /// How many there are.
        have: usize,
        /// How many there should be.
        need: usize,
    },
    /// The length field is smaller than a header.
    #[error("the batch claims a length of {length} bytes")]
    Length {
        /// The length field.
        length: i32,
    },
    /// A format that is not spoken here.
    #[error("record format {magic} is not supported, only 2")]
    Magic {
        /// The magic byte.
        magic: i8,
    },
    /// The bytes have changed since the checksum was made.
    #[error("the CRC-32C is {computed:08x}, the batch says {stored:08x}")]
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// The attributes name a compression type that does not exist.
    #[error("there is no compression type {id}")]
    UnknownCompression {
        /// Its id.
        id: i16,
    },
    /// The records don't unpack.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The records don't parse.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl BatchError {
    /// The error that a Kafka broker answers.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Cut { .. } | Self::Length { .. } | Self::Crc { .. } | Self::Compression(_) => {
                ErrorCode::CORRUPT_MESSAGE
            }
            Self::Magic { .. } | Self::UnknownCompression { .. } | Self::Record(_) => {
                ErrorCode::INVALID_RECORD
            }
        }
    }
}

/// What a batch says of itself, before its records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    /// The offset of the first record; 0 from a producer, then the leader assigns it. Outside the CRC.
    pub base_offset: Offset,
    /// Bytes behind the length field; see [`size`](Self::size).
    pub length: i32,
    /// The epoch of the leader that appended it; -1 from a producer. Outside the CRC.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C from the attributes to the end.
    pub crc: u32,
    /// Compression, timestamp type and flags; see the methods.
    pub attributes: i16,
    /// The last record's offset, less the base offset. Stays when compaction removes records.
    pub last_offset_delta: i32,
    /// What the records' timestamps count from; the delete horizon if there is one (KIP-534).
    pub base_timestamp: Timestamp,
    /// The latest timestamp, or the append time.
    pub max_timestamp: Timestamp,
    /// -1 without idempotence.
    pub producer_id: ProducerId,
    /// -1 without idempotence.
    pub producer_epoch: ProducerEpoch,
    /// The sequence number of the first record; -1 without idempotence.
    pub base_sequence: i32,
    /// How many records it claims to hold.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads a header. Checks magic and length field, but neither the CRC nor that the batch is whole.
    ///
    /// # Errors
    /// Fewer than [`HEADER_SIZE`] bytes, another magic, or a length that could not hold a header.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let cut = |_| BatchError::Cut { have: bytes.len(), need: HEADER_SIZE };
        let mut cursor = Cursor::new(bytes);
        let base_offset = Offset(cursor.i64().map_err(cut)?);
        let length = cursor.i32().map_err(cut)?;
        let leader_epoch = LeaderEpoch(cursor.i32().map_err(cut)?);
        let magic = cursor.i8().map_err(cut)?;
        if magic != MAGIC {
            return Err(BatchError::Magic { magic });
        }
        if usize::try_from(length).unwrap_or(0) < HEADER_SIZE - LOG_OVERHEAD {
            return Err(BatchError::Length { length });
        }
        Ok(Self {
            base_offset,
            length,
            leader_epoch,
            crc: cursor.i32().map_err(cut)?.cast_unsigned(),
            attributes: cursor.i16().map_err(cut)?,
            last_offset_delta: cursor.i32().map_err(cut)?,
            base_timestamp: Timestamp(cursor.i64().map_err(cut)?),
            max_timestamp: Timestamp(cursor.i64().map_err(cut)?),
            producer_id: ProducerId(cursor.i64().map_err(cut)?),
            producer_epoch: ProducerEpoch(cursor.i16().map_err(cut)?),
            base_sequence: cursor.i32().map_err(cut)?,
            record_count: cursor.i32().map_err(cut)?,
        })
    }

    /// The size of the whole batch in bytes.
    pub fn size(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.length).unwrap_or(0)
    }

    /// The offset of its last record.
    pub fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// The offset after its last record.
    pub fn next_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    /// How the records are packed.
    ///
    /// # Errors
    /// The attributes name a type that does not exist.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        let id = self.attributes & COMPRESSION_MASK;
        Compression::from_id(id).ok_or(BatchError::UnknownCompression { id })
    }

    /// Whose clock the timestamps come from.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the records belong to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the records are for brokers and not for consumers: markers and quorum records.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Until when the log cleaner keeps the tombstones of this batch (KIP-534).
    pub fn delete_horizon(&self) -> Option<Timestamp> {
        (self.attributes & DELETE_HORIZON != 0).then_some(self.base_timestamp)
    }

    /// The number that an idempotent producer gave it.
    pub fn sequence(&self) -> Option<ProducerSequence> {
        let (producer_id, producer_epoch) = (self.producer_id, self.producer_epoch);
        let base = self.base_sequence;
        self.has_producer_id().then_some(ProducerSequence { producer_id, producer_epoch, base })
    }

    /// Whether a producer with idempotence made it.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id.0 > -1
    }

    /// The sequence number of the last record; wraps from the largest number to 0.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return self.base_sequence;
        }
        let sum = i64::from(self.base_sequence) + i64::from(self.last_offset_delta.max(0));
        i32::try_from(sum % (i64::from(i32::MAX) + 1)).unwrap_or(0)
    }
}

/// A whole batch: its header, and its bytes with the header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    header: BatchHeader,
    bytes: Bytes,
}

impl Batch {
    /// Takes the batch at the front of `bytes`.
    ///
    /// # Errors
    /// There is no whole v2 batch there.
    pub fn parse(bytes: &Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        if bytes.len() < header.size() {
            return Err(BatchError::Cut { have: bytes.len(), need: header.size() });
        }
        Ok(Self { header, bytes: bytes.slice(..header.size()) })
    }

    /// Its header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// All of its bytes, and no others.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// All of its bytes, and no others.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Checks the CRC.
    ///
    /// # Errors
    /// The bytes are not those that the checksum was made of.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c::crc32c(&self.bytes[CRC_FROM..]);
        if computed == self.header.crc {
            Ok(())
        } else {
            Err(BatchError::Crc { stored: self.header.crc, computed })
        }
    }

    /// Its records, unpacked; control records too. The CRC is not looked at.
    ///
    /// # Errors
    /// The records don't unpack, don't parse, or are more or fewer than the header says.
    pub fn records(&self) -> Result<Vec<Record>, BatchError> {
        let packed = self.bytes.slice(HEADER_SIZE..);
        let unpacked = self.header.compression()?.decompress(&packed, UNPACKED_LIMIT)?;
        Ok(record::parse_all(&self.header, &unpacked)?)
    }
}

/// The batches in a row of bytes, as a fetch response or a segment holds them. A batch cut at the end ends the iteration
/// silently, because readers get cut data; after an error the iteration is over.
pub fn batches(bytes: &Bytes) -> Batches {
    Batches { rest: bytes.clone() }
}

/// See [`batches`].
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
}

impl Batches {
    /// The bytes behind the last batch that was returned: empty, a cut batch, or what caused the error.
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }

    fn next_batch(&self) -> Option<Result<Batch, BatchError>> {
        // As in Kafka, nothing is decided before the magic byte is there.
        if self.rest.len() <= MAGIC_AT {
            return None;
        }
        match Batch::parse(&self.rest) {
            Err(BatchError::Cut { .. }) => None,
            result @ (Ok(_) | Err(_)) => Some(result),
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.next_batch()?;
        match &result {
            Ok(batch) => self.rest = self.rest.slice(batch.header.size()..),
            Err(_) => self.rest = Bytes::new(),
        }
        Some(result)
    }
}

/// What a leader writes into a batch when it appends it: base offset, its epoch, and with LogAppendTime its clock. Only
/// the clock is covered by the CRC, which is then made anew.
///
/// # Errors
/// `batch` is not one whole batch.
pub fn stamp(
    batch: &mut [u8],
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    log_append_time: Option<Timestamp>,
) -> Result<(), BatchError> {
    let header = BatchHeader::parse(batch)?;
    if batch.len() != header.size() {
        return Err(BatchError::Cut { have: batch.len(), need: header.size() });
    }
    batch[..8].copy_from_slice(&base_offset.0.to_be_bytes());
    batch[LEADER_EPOCH_AT..MAGIC_AT].copy_from_slice(&leader_epoch.0.to_be_bytes());
    if let Some(time) = log_append_time {
        put_timestamps(batch, header.attributes | LOG_APPEND_TIME, time);
    }
    Ok(())
}

/// Rewrites attributes and max timestamp of a whole batch, and its CRC.
fn put_timestamps(batch: &mut [u8], attributes: i16, max_timestamp: Timestamp) {
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.0.to_be_bytes());
    let crc = crc32c::crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
}

#[cfg(test)]
mod tests;
