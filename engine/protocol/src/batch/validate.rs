//! What a leader checks before it appends a client's batch, in Kafka's order.
//!
//! First the shape of the request (one v2 batch per partition), then the log's limits and the CRC, then every record.

use bytes::Bytes;
use klamm_node::Timestamp;
use thiserror::Error;

use super::{Batch, BatchError, BatchHeader, Record, TimestampType, batches, put_timestamps};
use crate::compression::Compression;
use crate::error::ErrorCode;

/// What the topic, the request and the clock ask of a client's batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProduceRules {
    /// The version of the Produce request.
    pub api_version: i16,
    /// `max.message.bytes`.
    pub max_message_bytes: usize,
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// The leader's clock.
    pub now: Timestamp,
    /// `message.timestamp.before.max.ms`: how old a record may be.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far ahead of the leader's clock a record may be.
    pub timestamp_after_max_ms: i64,
    /// Whether the topic is compacted, so that records need keys.
    pub compacted: bool,
}

/// Kafka's defaults at a clock of zero, with the newest Produce version.
impl Default for ProduceRules {
    fn default() -> Self {
        Self {
            api_version: 13,
            max_message_bytes: 1_048_588,
            segment_bytes: 1 << 30,
            timestamp_type: TimestampType::CreateTime,
            now: Timestamp(0),
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compacted: false,
        }
    }
}

/// A batch that a leader may append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValidBatch {
    /// The batch, not stamped yet. Its max timestamp is that of its records.
    pub batch: Batch,
    /// Its records.
    pub records: Vec<Record>,
}

/// Why a batch was refused, as the response says it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{code}: {message}")]
pub struct InvalidBatch {
    /// The partition's error.
    pub code: ErrorCode,
    /// The partition's error message.
    pub message: String,
    /// The records at fault, by their index in the batch, with a message each (`RecordErrors`, KIP-467).
    pub record_errors: Vec<(i32, String)>,
}

impl InvalidBatch {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), record_errors: Vec::new() }
    }
}

/// Checks what a client sent for one partition.
///
/// Simplified: Kafka rebuilds a batch whose records count their offsets in another way; here it is refused.
/// `compression.type` of the topic is taken as `producer`, so that batches stay as they came.
///
/// # Errors
/// The error code, message and record errors of the response.
pub fn validate_from_client(
    sent: &Bytes,
    rules: &ProduceRules,
) -> Result<ValidBatch, InvalidBatch> {
    let batch = only_batch(sent, rules)?;
    let header = *batch.header();
    let invalid = |message: String| Err(InvalidBatch::new(ErrorCode::INVALID_RECORD, message));

    if header.base_offset.0 != 0 {
        return invalid(format!("the base offset should be 0, but is {}", header.base_offset));
    }
    if header.size() > rules.max_message_bytes {
        return Err(InvalidBatch::new(
            ErrorCode::MESSAGE_TOO_LARGE,
            format!(
                "the batch is of {} bytes, the topic's largest is {}",
                header.size(),
                rules.max_message_bytes
            ),
        ));
    }
    batch.verify_crc().map_err(|error| InvalidBatch::new(error.code(), error.to_string()))?;

    let span = i64::from(header.last_offset_delta) + 1;
    if span <= 0 || header.record_count <= 0 || span != i64::from(header.record_count) {
        return invalid(format!(
            "the batch claims {} records and {span} offsets",
            header.record_count
        ));
    }
    if header.is_control() {
        return invalid("clients may not write control records".to_owned());
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        return invalid(format!(
            "producer {} sent the sequence number {}",
            header.producer_id, header.base_sequence
        ));
    }

    let records =
        batch.records().map_err(|error| InvalidBatch::new(error.code(), error.to_string()))?;
    for (record, expected) in records.iter().zip(0_i64..) {
        if record.offset.0 != expected {
            return invalid(format!("record {expected} claims the offset {}", record.offset));
        }
    }
    check_records(&header, &records, rules)?;
    if header.size() as u64 > rules.segment_bytes {
        return Err(InvalidBatch::new(
            ErrorCode::RECORD_LIST_TOO_LARGE,
            format!(
                "the batch is of {} bytes, a segment of {}",
                header.size(),
                rules.segment_bytes
            ),
        ));
    }
    Ok(ValidBatch { batch: with_true_max_timestamp(batch, &records), records })
}

/// The shape that Produce has required since version 3: one batch, of format 2, zstd only from version 7 (KIP-110).
fn only_batch(sent: &Bytes, rules: &ProduceRules) -> Result<Batch, InvalidBatch> {
    let mut all = batches(sent);
    let first = all.next().unwrap_or_else(|| Batch::parse(sent)).map_err(|error| match error {
        BatchError::Cut { .. } => InvalidBatch::new(
            ErrorCode::INVALID_RECORD,
            "a request must hold one batch per partition, and holds none",
        ),
        other @ (BatchError::Length { .. }
        | BatchError::Magic { .. }
        | BatchError::Crc { .. }
        | BatchError::UnknownCompression { .. }
        | BatchError::Compression(_)
        | BatchError::Record(_)) => InvalidBatch::new(other.code(), other.to_string()),
    })?;
    let codec = first
        .header()
        .compression()
        .map_err(|error| InvalidBatch::new(error.code(), error.to_string()))?;
    if codec == Compression::Zstd && rules.api_version < 7 {
        return Err(InvalidBatch::new(
            ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            "zstd needs version 7 of Produce",
        ));
    }
    // A cut batch behind the first is dropped, as Kafka's log drops it.
    if all.next().is_some() {
        return Err(InvalidBatch::new(
            ErrorCode::INVALID_RECORD,
            "a request must hold one batch per partition, and holds more",
        ));
    }
    Ok(first)
}

fn check_records(
    header: &BatchHeader,
    records: &[Record],
    rules: &ProduceRules,
) -> Result<(), InvalidBatch> {
    let mut errors = Vec::new();
    let mut stamps_at_fault = false;
    for (record, index) in records.iter().zip(0_i32..) {
        if rules.compacted && record.key.is_none() {
            errors
                .push((index, "a compacted topic needs keys, and the record has none".to_owned()));
        } else if let Some(message) = timestamp_error(header, record, rules) {
            stamps_at_fault = true;
            errors.push((index, message));
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    let (code, message) = if stamps_at_fault {
        (ErrorCode::INVALID_TIMESTAMP, "one or more records have an invalid timestamp")
    } else {
        (ErrorCode::INVALID_RECORD, "one or more records are invalid")
    };
    Err(InvalidBatch { code, message: message.to_owned(), record_errors: errors })
}

/// KIP-937: how far a producer's clock may be from the leader's.
fn timestamp_error(header: &BatchHeader, record: &Record, rules: &ProduceRules) -> Option<String> {
    let stamped_by_client = rules.timestamp_type == TimestampType::CreateTime;
    if stamped_by_client && record.timestamp != Timestamp::NONE {
        let (stamp, now) = (record.timestamp.0, rules.now.0);
        let too_old = now.saturating_sub(stamp) > rules.timestamp_before_max_ms;
        let too_new = stamp.saturating_sub(now) > rules.timestamp_after_max_ms;
        if too_old || too_new {
            return Some(format!(
                "the timestamp {stamp} is not within {} and {}",
                now.saturating_sub(rules.timestamp_before_max_ms),
                now.saturating_add(rules.timestamp_after_max_ms)
            ));
        }
    }
    (header.timestamp_type() == TimestampType::LogAppendTime)
        .then(|| "a producer may not set the timestamp type LogAppendTime".to_owned())
}

/// Kafka does not believe the client's max timestamp: time indexes are built on it.
fn with_true_max_timestamp(batch: Batch, records: &[Record]) -> Batch {
    let header = *batch.header();
    let newest = records.iter().map(|record| record.timestamp).max().unwrap_or(Timestamp::NONE);
    if newest.max(Timestamp::NONE) == header.max_timestamp {
        return batch;
    }
    let mut bytes = batch.bytes().to_vec();
    put_timestamps(&mut bytes, header.attributes, newest.max(Timestamp::NONE));
    Batch::parse(&bytes.into()).expect("a whole batch stays whole")
}
