//! The records inside a batch, once they are unpacked.
//!
//! Header keys are bytes, not text, and may repeat: Kafka allows both, and many a codec has lost them.

use bytes::Bytes;
use klamm_node::{Offset, Timestamp};
use thiserror::Error;

use super::{BatchHeader, TimestampType};
use crate::cursor::{Cursor, Malformed, put_varint, put_varlong, varint_size};

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its place in the log.
    pub offset: Offset,
    /// Its own time, or with LogAppendTime the batch's.
    pub timestamp: Timestamp,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Its headers, in order; keys may repeat and need not be UTF-8.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// Why records don't parse.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RecordError {
    /// The bytes of a record make no sense.
    #[error("record {index}: {malformed}")]
    Malformed {
        /// Which record, from 0.
        index: i32,
        /// What is wrong, and where in the unpacked records.
        malformed: Malformed,
    },
    /// The header claims an impossible number of records.
    #[error("the batch claims {count} records in {bytes} bytes")]
    Count {
        /// How many it claims.
        count: i32,
        /// How many bytes there are for them.
        bytes: usize,
    },
    /// Bytes are left over behind the last record.
    #[error("{bytes} bytes behind the last of {count} records")]
    LeftOver {
        /// How many.
        bytes: usize,
        /// How many records the header claims.
        count: i32,
    },
}

/// The least size of a record: its length, attributes, two deltas, two lengths and a count.
const LEAST: usize = 7;

pub(super) fn parse_all(
    header: &BatchHeader,
    unpacked: &Bytes,
) -> Result<Vec<Record>, RecordError> {
    let count = header.record_count;
    let impossible = RecordError::Count { count, bytes: unpacked.len() };
    let Ok(capacity) = usize::try_from(count) else { return Err(impossible) };
    if capacity > unpacked.len() / LEAST {
        return Err(impossible);
    }
    let mut records = Vec::with_capacity(capacity);
    let mut cursor = Cursor::new(unpacked);
    for index in 0..count {
        let record = parse(header, unpacked, &mut cursor)
            .map_err(|malformed| RecordError::Malformed { index, malformed })?;
        records.push(record);
    }
    match cursor.remaining() {
        0 => Ok(records),
        bytes => Err(RecordError::LeftOver { bytes, count }),
    }
}

fn parse(
    header: &BatchHeader,
    bytes: &Bytes,
    cursor: &mut Cursor<'_>,
) -> Result<Record, Malformed> {
    let start = cursor.at();
    let length = usize::try_from(cursor.varint()?)
        .map_err(|_| Malformed { at: start, expected: "a record's length, not below 0" })?;
    let end = cursor.at().saturating_add(length);
    if length > cursor.remaining() {
        return cursor.fail("as many bytes as the record's length says");
    }
    // Attributes of single records are not used yet.
    cursor.i8()?;
    let timestamp_delta = cursor.varlong()?;
    let offset_delta = cursor.varint()?;
    let key = cursor.nullable_range()?;
    let value = cursor.nullable_range()?;
    let count_at = cursor.at();
    let count = usize::try_from(cursor.varint()?)
        .ok()
        // A header takes at least two bytes.
        .filter(|count| *count <= cursor.remaining() / 2)
        .ok_or(Malformed { at: count_at, expected: "a possible number of headers" })?;
    let mut headers = Vec::with_capacity(count);
    for _ in 0..count {
        let at = cursor.at();
        let key = cursor.nullable_range()?.ok_or(Malformed { at, expected: "a header's key" })?;
        let value = cursor.nullable_range()?;
        headers.push((bytes.slice(key), value.map(|range| bytes.slice(range))));
    }
    if cursor.at() != end {
        return Err(Malformed {
            at: cursor.at(),
            expected: "the record to end where its length says",
        });
    }
    let timestamp = match header.timestamp_type() {
        TimestampType::LogAppendTime => header.max_timestamp,
        TimestampType::CreateTime => {
            Timestamp(header.base_timestamp.0.wrapping_add(timestamp_delta))
        }
    };
    Ok(Record {
        offset: Offset(header.base_offset.0.wrapping_add(i64::from(offset_delta))),
        timestamp,
        key: key.map(|range| bytes.slice(range)),
        value: value.map(|range| bytes.slice(range)),
        headers,
    })
}

/// Writes a record.
pub(super) fn put(
    out: &mut Vec<u8>,
    timestamp_delta: i64,
    offset_delta: i32,
    (key, value): (Option<&[u8]>, Option<&[u8]>),
    headers: &[(Bytes, Option<Bytes>)],
) {
    let mut body =
        Vec::with_capacity(key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + 24);
    body.push(0);
    put_varlong(&mut body, timestamp_delta);
    put_varint(&mut body, offset_delta);
    put_nullable(&mut body, key);
    put_nullable(&mut body, value);
    put_varint(&mut body, length_of(headers.len()));
    for (key, value) in headers {
        put_nullable(&mut body, Some(key));
        put_nullable(&mut body, value.as_deref());
    }
    let length = length_of(body.len());
    out.reserve(varint_size(length) + body.len());
    put_varint(out, length);
    out.extend_from_slice(&body);
}

fn put_nullable(out: &mut Vec<u8>, piece: Option<&[u8]>) {
    match piece {
        None => put_varint(out, -1),
        Some(piece) => {
            put_varint(out, length_of(piece.len()));
            out.extend_from_slice(piece);
        }
    }
}

fn length_of(length: usize) -> i32 {
    i32::try_from(length).expect("callers keep records far below 2 GiB")
}
