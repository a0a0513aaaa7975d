//! Why an append or a read was refused.

use klamm_node::{DiskError, Offset};
use klamm_protocol::batch::BatchError;
use thiserror::Error;

/// Why batches were not appended. Unless it is [`AppendError::Disk`], nothing was written.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AppendError {
    /// The batch is larger than the topic allows (`max.message.bytes`); Kafka's MESSAGE_TOO_LARGE. Deterministic.
    #[error("a batch of {size} bytes is larger than max.message.bytes = {limit}")]
    TooLarge {
        /// Its size.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The batch does not fit a segment; Kafka's RECORD_LIST_TOO_LARGE. Deterministic.
    #[error("a batch of {size} bytes does not fit a segment of {limit}")]
    LargerThanSegment {
        /// Its size.
        size: u64,
        /// The size of a segment.
        limit: u64,
    },
    /// The bytes are not intact batches; Kafka's CORRUPT_MESSAGE. Deterministic.
    #[error("corrupt batch: {0}")]
    Corrupt(#[from] BatchError),
    /// A leader appends exactly one batch at a time; Kafka's INVALID_RECORD. Deterministic.
    #[error("expected exactly one batch, found other bytes behind {found} bytes of batch")]
    NotOneBatch {
        /// The size of the first batch.
        found: u64,
    },
    /// A follower was given an offset that its log already has. Deterministic.
    #[error("batch at offset {base_offset} would go back behind the log end {log_end}")]
    OutOfOrder {
        /// The batch's first offset.
        base_offset: Offset,
        /// Where the log ends.
        log_end: Offset,
    },
    /// The disk failed, now or at an earlier append: then the log refuses everything until it is opened again, for
    /// what lies behind the last good batch is unknown (KAFKA-10778). Depends on the disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a read was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ReadError {
    /// The offset is not between log start and log end; Kafka's OFFSET_OUT_OF_RANGE. Deterministic.
    #[error("offset {from} is outside of {log_start}..={log_end}")]
    OutOfRange {
        /// What was asked for.
        from: Offset,
        /// The first offset there is.
        log_start: Offset,
        /// The next offset to be written.
        log_end: Offset,
    },
    /// A stored batch header makes no sense: the disk rotted. Kafka's CORRUPT_MESSAGE. Depends on the disk.
    #[error("corrupt batch in {file} at byte {at}")]
    Corrupt {
        /// The segment's file.
        file: String,
        /// Where in it.
        at: u64,
    },
    /// The disk failed. Depends on the disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
