//! Reading: whole batches by offset, and look-ups by timestamp.

use bytes::Bytes;
use klamm_node::{Disk, LeaderEpoch, Offset, Timestamp};
use klamm_protocol::batch::{Batch, BatchHeader, HEADER_SIZE};

use super::Log;
use crate::error::ReadError;
use crate::layout::{LOG_SUFFIX, segment_path};
use crate::segment::{Segment, Step, Walk};

/// What a read returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// Whole batches in order; empty if there are none below the end, or the first is larger than allowed.
    pub bytes: Bytes,
    /// The offset after the last batch in `bytes`; where the read began if there is none.
    pub next_offset: Offset,
}

/// A record found by its timestamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// The leader epoch of its batch.
    pub epoch: LeaderEpoch,
}

impl Log {
    /// Reads whole batches of one segment, beginning with the one that holds `from`, up to `max_bytes` and never a
    /// batch that reaches `end` (the high watermark for clients, the log end for followers). With `minimum_one_batch`
    /// the first batch may be larger than `max_bytes` (KIP-74).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(
        &self,
        disk: &mut dyn Disk,
        from: Offset,
        max_bytes: usize,
        end: Offset,
        minimum_one_batch: bool,
    ) -> Result<Read, ReadError> {
        let (log_start, log_end) = (self.log_start, self.log_end());
        if from < log_start || from > log_end {
            return Err(ReadError::OutOfRange { from, log_start, log_end });
        }
        let nothing = Read { bytes: Bytes::new(), next_offset: from };
        if from >= end.min(log_end) {
            return Ok(nothing);
        }
        // The offset may lie in a gap at the end of its segment: then the next one begins behind it.
        for segment in self.segments.iter().skip(self.segment_of(from)) {
            if segment.next <= from {
                continue;
            }
            let limit = Limit { max_bytes, end, minimum_one_batch };
            if let Some(read) = self.read_segment(disk, segment, from, limit)? {
                return Ok(read);
            }
        }
        Ok(nothing)
    }

    /// Reads from one segment; `None` if all of its batches end before `from`.
    fn read_segment(
        &self,
        disk: &mut dyn Disk,
        segment: &Segment,
        from: Offset,
        limit: Limit,
    ) -> Result<Option<Read>, ReadError> {
        let (hint, exact) = segment.index.locate(segment.relative(from));
        let slack = if exact { 0 } else { self.config.index_interval_bytes.min(1 << 16) };
        let want = limit.max_bytes.max(HEADER_SIZE) + usize::try_from(slack).unwrap_or(0);
        let mut window = Window { buffer: disk.read(segment.log, hint, want)?, at: hint };

        // Walk to the batch that holds the offset.
        let first = loop {
            if window.at >= segment.size {
                return Ok(None);
            }
            if window.buffer.len() < HEADER_SIZE {
                window.buffer = disk.read(segment.log, window.at, want)?;
            }
            let header = self.header(segment, &window)?;
            if header.last_offset() >= from {
                break header;
            }
            window.skip(header.size());
        };
        let nothing = Read { bytes: Bytes::new(), next_offset: from };
        if first.last_offset() >= limit.end {
            return Ok(Some(nothing));
        }
        if first.size() > limit.max_bytes && !limit.minimum_one_batch {
            return Ok(Some(nothing));
        }
        let budget = limit.max_bytes.max(first.size());
        let left = usize::try_from(segment.size - window.at).unwrap_or(usize::MAX);
        if first.size() > left {
            return Err(self.corrupt(segment, window.at));
        }
        if window.buffer.len() < budget.min(left) {
            window.buffer = disk.read(segment.log, window.at, budget)?;
        }

        // Count the whole batches that fit.
        let begin = window.at;
        let whole = window.buffer.slice(..budget.min(window.buffer.len()));
        let taken = |window: &Window| usize::try_from(window.at - begin).unwrap_or(usize::MAX);
        let mut next_offset = from;
        while window.buffer.len() >= HEADER_SIZE {
            let header = self.header(segment, &window)?;
            let fits = taken(&window).saturating_add(header.size()) <= whole.len();
            if header.last_offset() >= limit.end || !fits {
                break;
            }
            next_offset = header.next_offset();
            window.skip(header.size());
        }
        Ok(Some(Read { bytes: whole.slice(..taken(&window)), next_offset }))
    }

    fn header(&self, segment: &Segment, window: &Window) -> Result<BatchHeader, ReadError> {
        match BatchHeader::parse(&window.buffer) {
            Ok(header) if header.last_offset_delta >= 0 => Ok(header),
            Ok(_) | Err(_) => Err(self.corrupt(segment, window.at)),
        }
    }

    fn corrupt(&self, segment: &Segment, at: u64) -> ReadError {
        ReadError::Corrupt { file: segment_path(&self.dir, segment.base, LOG_SUFFIX), at }
    }

    /// The first record below `end` whose timestamp is `at` or later, as ListOffsets asks for it.
    ///
    /// Simplified: walks the headers from the log start; Kafka has a time index.
    ///
    /// # Errors
    /// The disk fails or holds a corrupt batch.
    pub fn offset_for_timestamp(
        &self,
        disk: &mut dyn Disk,
        at: Timestamp,
        end: Offset,
    ) -> Result<Option<Found>, ReadError> {
        let mut found = None;
        self.visit(disk, end, &mut |header, load| {
            if header.max_timestamp >= at {
                found = self.first_record(&load()?, end, |timestamp| timestamp >= at);
            }
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    /// The first record below `end` that has the largest timestamp, as ListOffsets asks for it with -3 (KIP-734).
    ///
    /// # Errors
    /// The disk fails or holds a corrupt batch.
    pub fn max_timestamp(
        &self,
        disk: &mut dyn Disk,
        end: Offset,
    ) -> Result<Option<Found>, ReadError> {
        let mut found: Option<Found> = None;
        self.visit(disk, end, &mut |header, load| {
            if found.is_none_or(|best| header.max_timestamp > best.timestamp) {
                let most = header.max_timestamp;
                found = self.first_record(&load()?, end, |stamp| stamp >= most).or(found);
            }
            Ok(true)
        })?;
        Ok(found)
    }

    fn first_record(
        &self,
        batch: &Batch,
        end: Offset,
        wanted: impl Fn(Timestamp) -> bool,
    ) -> Option<Found> {
        let epoch = batch.header().leader_epoch;
        let records = batch.records().ok()?;
        let inside = |offset: Offset| offset >= self.log_start && offset < end;
        records
            .iter()
            .find(|record| inside(record.offset) && wanted(record.timestamp))
            .map(|record| Found { offset: record.offset, timestamp: record.timestamp, epoch })
    }

    /// The headers of all batches from the log start, for summaries and tests.
    ///
    /// # Errors
    /// The disk fails or holds a corrupt batch.
    pub fn headers(&self, disk: &mut dyn Disk) -> Result<Vec<BatchHeader>, ReadError> {
        let mut headers = Vec::new();
        self.visit(disk, self.log_end(), &mut |header, _| {
            headers.push(*header);
            Ok(true)
        })?;
        Ok(headers)
    }

    /// Calls `f` with each batch between log start and `end` until it says false; the second argument loads the batch.
    fn visit(
        &self,
        disk: &mut dyn Disk,
        end: Offset,
        f: &mut dyn FnMut(&BatchHeader, Load<'_>) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        for segment in self.segments.iter().skip(self.segment_of(self.log_start)) {
            let mut walk = Walk::new(segment, 0);
            loop {
                match walk.next(disk, false)? {
                    Step::Batch { header, .. } if header.last_offset() < self.log_start => {}
                    Step::Batch { header, .. } if header.base_offset >= end => return Ok(()),
                    Step::Batch { position, header } => {
                        let mut load = || {
                            let bytes = disk.read(segment.log, position, header.size())?;
                            Batch::parse(&bytes).map_err(|_| self.corrupt(segment, position))
                        };
                        if !f(&header, &mut load)? {
                            return Ok(());
                        }
                    }
                    Step::End => break,
                    Step::Broken { position } => return Err(self.corrupt(segment, position)),
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Limit {
    max_bytes: usize,
    end: Offset,
    minimum_one_batch: bool,
}

/// Loads the batch that a visit is at.
type Load<'a> = &'a mut dyn FnMut() -> Result<Batch, ReadError>;

/// A stretch of a segment's file that is in memory.
struct Window {
    buffer: Bytes,
    at: u64,
}

impl Window {
    fn skip(&mut self, size: usize) {
        self.buffer = self.buffer.slice(size.min(self.buffer.len())..);
        self.at += size as u64;
    }
}
