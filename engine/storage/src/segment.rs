//! One segment: a file of batches with its offset index, and the walk over its batches.

use bytes::Bytes;
use klamm_node::{Disk, DiskResult, FileId, Offset};
use klamm_protocol::batch::{Batch, BatchHeader, HEADER_SIZE};

use crate::index::{Entry, OffsetIndex};
use crate::layout::{INDEX_SUFFIX, LOG_SUFFIX, segment_path};

/// How much a walk reads at once.
const CHUNK: usize = 64 << 10;

/// A segment. Its bytes are on the disk; what is here can be rebuilt from them.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// The offset in its name; no batch in it is older.
    pub base: Offset,
    pub log: FileId,
    pub index_file: FileId,
    /// Bytes of the log file.
    pub size: u64,
    /// The offset after its last batch; the base if there is none.
    pub next: Offset,
    pub index: OffsetIndex,
}

impl Segment {
    /// Opens the two files of a segment, creating what is not there.
    pub(crate) fn open(disk: &mut dyn Disk, dir: &str, base: Offset) -> DiskResult<Self> {
        let log = disk.open(&segment_path(dir, base, LOG_SUFFIX), true)?;
        let index_file = disk.open(&segment_path(dir, base, INDEX_SUFFIX), true)?;
        let size = disk.len(log)?;
        Ok(Self { base, log, index_file, size, next: base, index: OffsetIndex::default() })
    }

    /// Removes the names of a segment's files. The directory is not synced yet.
    pub(crate) fn remove(&self, disk: &mut dyn Disk, dir: &str) -> DiskResult<()> {
        disk.remove(&segment_path(dir, self.base, LOG_SUFFIX))?;
        disk.remove(&segment_path(dir, self.base, INDEX_SUFFIX))
    }

    /// An offset as the index counts it. Offsets before the base become 0, which is right for look-ups.
    pub(crate) fn relative(&self, offset: Offset) -> u32 {
        u32::try_from(offset.0.saturating_sub(self.base.0).max(0)).unwrap_or(u32::MAX)
    }

    /// Whether offsets up to `last` can be told relative to the base in an index entry.
    pub(crate) fn reaches(&self, last: Offset) -> bool {
        last.0.saturating_sub(self.base.0) <= i64::from(i32::MAX)
    }

    /// Takes note of a batch that was written at the end.
    pub(crate) fn appended(
        &mut self,
        disk: &mut dyn Disk,
        header: &BatchHeader,
        interval: u64,
    ) -> DiskResult<()> {
        let entry = self.entry(self.size, header);
        let size = header.size() as u64;
        self.size += size;
        self.next = header.next_offset();
        if let Some(entry) = self.index.note(entry, size, interval) {
            disk.append(self.index_file, &entry.encode())?;
        }
        Ok(())
    }

    /// Loads the index and finds the end by walking the batches behind its newest entry. False when the index is not
    /// there or not of these records, or when the records behind it are not whole: then the segment must be recovered.
    pub(crate) fn load(&mut self, disk: &mut dyn Disk, interval: u64) -> DiskResult<bool> {
        let len = usize::try_from(disk.len(self.index_file)?).unwrap_or(usize::MAX);
        let bytes = disk.read(self.index_file, 0, len)?;
        let Some(index) = OffsetIndex::decode(&bytes, self.size) else { return Ok(false) };
        if index.newest().is_none() && self.size > interval.saturating_mul(2).max(CHUNK as u64) {
            return Ok(false);
        }
        if let Some(newest) = index.newest() {
            let header = disk.read(self.log, u64::from(newest.position), HEADER_SIZE)?;
            let there = BatchHeader::parse(&header).ok();
            if there.map(|header| self.entry(u64::from(newest.position), &header)) != Some(newest) {
                return Ok(false);
            }
        }
        self.index = index;
        self.walk_tail(disk, interval)
    }

    /// Walks the batches from the newest index entry on: they give the end and the dense part of the index.
    fn walk_tail(&mut self, disk: &mut dyn Disk, interval: u64) -> DiskResult<bool> {
        self.next = self.base;
        let from = self.index.restart_tail();
        let mut walk = Walk::new(self, from);
        loop {
            match walk.next(disk, false)? {
                Step::Batch { position, header } => {
                    let entry = self.entry(position, &header);
                    let size = header.size() as u64;
                    if let Some(entry) = self.index.note_again(entry, size, interval) {
                        disk.append(self.index_file, &entry.encode())?;
                    }
                    self.next = header.next_offset();
                }
                Step::End => return Ok(true),
                Step::Broken { .. } => return Ok(false),
            }
        }
    }

    /// Verifies every batch from the first, cuts what is behind the last good one, and writes the index anew. Returns
    /// the bytes that were cut; `seen` is called for every good batch.
    pub(crate) fn recover(
        &mut self,
        disk: &mut dyn Disk,
        interval: u64,
        seen: &mut dyn FnMut(&BatchHeader),
    ) -> DiskResult<u64> {
        self.index = OffsetIndex::default();
        self.next = self.base;
        let mut walk = Walk::new(self, 0);
        let end = loop {
            match walk.next(disk, true)? {
                Step::Batch { position, header } => {
                    let entry = self.entry(position, &header);
                    let _ = self.index.note(entry, header.size() as u64, interval);
                    self.next = header.next_offset();
                    seen(&header);
                }
                Step::End => break self.size,
                Step::Broken { position } => break position,
            }
        };
        let cut = self.size - end;
        disk.truncate(self.log, end)?;
        self.size = end;
        disk.truncate(self.index_file, 0)?;
        disk.append(self.index_file, &self.index.encode())?;
        Ok(cut)
    }

    /// Cuts at the first batch that reaches `target` or beyond. Returns the new end: `target`, or the base of a batch
    /// that straddled it.
    ///
    /// Kafka takes `target` in both cases, which would leave a hole; it never occurs there, because leaders only name
    /// offsets between batches.
    pub(crate) fn truncate(
        &mut self,
        disk: &mut dyn Disk,
        target: Offset,
        interval: u64,
    ) -> DiskResult<Offset> {
        let (from, _) = self.index.locate(self.relative(target));
        let mut walk = Walk::new(self, from);
        while let Step::Batch { position, header } = walk.next(disk, false)? {
            if header.last_offset() < target {
                continue;
            }
            disk.truncate(self.log, position)?;
            self.size = position;
            self.index.truncate(position);
            disk.truncate(self.index_file, self.index.file_len())?;
            self.walk_tail(disk, interval)?;
            self.next = target.min(header.base_offset);
            break;
        }
        self.next = self.next.min(target).max(self.base);
        Ok(self.next)
    }

    fn entry(&self, position: u64, header: &BatchHeader) -> Entry {
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        Entry { relative: self.relative(header.last_offset()), position }
    }
}

/// What a walk met.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A batch; with its CRC verified, if that was asked for.
    Batch { position: u64, header: BatchHeader },
    /// The end of the segment, behind a whole batch.
    End,
    /// No good batch begins here.
    Broken { position: u64 },
}

/// A walk over the batches of a segment, reading the file in chunks.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    log: FileId,
    at: u64,
    size: u64,
    least: Offset,
    buffer: Bytes,
    buffer_at: u64,
}

impl Walk {
    /// A walk that begins at a batch.
    pub(crate) fn new(segment: &Segment, from: u64) -> Self {
        Self {
            log: segment.log,
            at: from,
            size: segment.size,
            least: segment.base,
            buffer: Bytes::new(),
            buffer_at: 0,
        }
    }

    /// The next batch; `verify` reads its bytes and holds them against the CRC.
    pub(crate) fn next(&mut self, disk: &mut dyn Disk, verify: bool) -> DiskResult<Step> {
        let position = self.at;
        if position >= self.size {
            return Ok(Step::End);
        }
        let Ok(header) = BatchHeader::parse(&self.bytes(disk, HEADER_SIZE)?) else {
            return Ok(Step::Broken { position });
        };
        let size = header.size();
        let in_order = header.base_offset >= self.least && header.last_offset_delta >= 0;
        if !in_order || position + size as u64 > self.size {
            return Ok(Step::Broken { position });
        }
        if verify {
            let batch = Batch::parse(&self.bytes(disk, size)?);
            if !batch.is_ok_and(|batch| batch.verify_crc().is_ok()) {
                return Ok(Step::Broken { position });
            }
        }
        self.at += size as u64;
        self.least = header.next_offset();
        Ok(Step::Batch { position, header })
    }

    /// The next `len` bytes, or fewer at the end of the file.
    fn bytes(&mut self, disk: &mut dyn Disk, len: usize) -> DiskResult<Bytes> {
        let skip = usize::try_from(self.at - self.buffer_at).unwrap_or(usize::MAX);
        if skip.saturating_add(len) > self.buffer.len() {
            self.buffer = disk.read(self.log, self.at, len.max(CHUNK))?;
            self.buffer_at = self.at;
            return Ok(self.buffer.slice(..len.min(self.buffer.len())));
        }
        Ok(self.buffer.slice(skip..skip + len))
    }
}
