//! Appending: a leader assigns offsets and its epoch, a follower keeps what its leader assigned.

use bytes::{Bytes, BytesMut};
use klamm_node::{Disk, DiskResult, LeaderEpoch, Offset, Timestamp, planted};
use klamm_protocol::batch::{Batch, BatchHeader, batches, stamp};

use super::Log;
use crate::epochs::EpochEntry;
use crate::error::AppendError;
use crate::segment::Segment;

/// A batch that was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Its first offset.
    pub base_offset: Offset,
    /// Its last offset.
    pub last_offset: Offset,
    /// The leader epoch on it.
    pub epoch: LeaderEpoch,
    /// Its CRC-32C: with the epoch, its identity.
    pub crc: u32,
    /// Its size in bytes.
    pub size: u32,
    /// The base of a new segment that was begun for it. Everything before is then durable: [`Log::synced`] has grown.
    pub rolled: Option<Offset>,
    /// A new entry of the epoch cache that it brought.
    pub new_epoch: Option<EpochEntry>,
}

impl Log {
    /// Appends one validated batch as the leader of `epoch`: assigns its offsets, stamps the epoch on it, and with
    /// LogAppendTime the time.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append_as_leader(
        &mut self,
        disk: &mut dyn Disk,
        batch: Bytes,
        epoch: LeaderEpoch,
        append_time: Option<Timestamp>,
    ) -> Result<Appended, AppendError> {
        self.guard()?;
        let size = Batch::parse(&batch)?.header().size();
        if size != batch.len() {
            return Err(AppendError::NotOneBatch { found: size as u64 });
        }
        self.admit(size as u64, self.config.max_message_bytes)?;
        let mut bytes = BytesMut::from(batch);
        let gap = i64::from(planted("leader_leaves_gap"));
        stamp(&mut bytes, self.log_end().plus(gap), epoch, append_time)?;
        let header = BatchHeader::parse(&bytes)?;
        if header.last_offset_delta < 0 {
            let (base_offset, log_end) = (header.last_offset(), self.log_end());
            return Err(AppendError::OutOfOrder { base_offset, log_end });
        }
        let appended = self.write(disk, &header, &bytes);
        let appended = self.fence(appended)?;
        self.check();
        Ok(appended)
    }

    /// Appends what a leader sent, offsets and epochs as they are. All batches are verified before the first is
    /// written; a batch cut at the end is left out. Offsets may skip forward (a compacted log has gaps), never back.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append_as_follower(
        &mut self,
        disk: &mut dyn Disk,
        bytes: &Bytes,
    ) -> Result<Vec<Appended>, AppendError> {
        self.guard()?;
        let mut verified = Vec::new();
        let mut log_end = self.log_end();
        for batch in batches(bytes) {
            let batch = batch?;
            batch.verify_crc()?;
            let header = *batch.header();
            if header.base_offset < log_end || header.last_offset_delta < 0 {
                return Err(AppendError::OutOfOrder { base_offset: header.base_offset, log_end });
            }
            self.admit(header.size() as u64, u64::MAX)?;
            log_end = header.next_offset();
            verified.push(batch);
        }
        let mut all = Vec::with_capacity(verified.len());
        for batch in &verified {
            let appended = self.write(disk, batch.header(), batch.bytes());
            all.push(self.fence(appended)?);
        }
        self.check();
        Ok(all)
    }

    fn admit(&self, size: u64, limit: u64) -> Result<(), AppendError> {
        if size > limit {
            return Err(AppendError::TooLarge { size, limit });
        }
        let limit = self.config.segment_bytes;
        if size > limit {
            return Err(AppendError::LargerThanSegment { size, limit });
        }
        Ok(())
    }

    fn write(
        &mut self,
        disk: &mut dyn Disk,
        header: &BatchHeader,
        bytes: &[u8],
    ) -> DiskResult<Appended> {
        let rolled = self.roll_for(disk, header)?;
        let late = i64::from(planted("epoch_start_off_by_one"));
        let start = EpochEntry { epoch: header.leader_epoch, start: header.base_offset.plus(late) };
        // As in Kafka, the epoch is noted first: an entry without records is harmless, records without one are not.
        let new_epoch = self.epochs.assign(start.epoch, start.start).then_some(start);
        if new_epoch.is_some() {
            self.write_epochs(disk)?;
        }
        let interval = self.config.index_interval_bytes;
        let active = self.segments.last_mut().expect("a log has a segment");
        disk.append(active.log, bytes)?;
        // The end moves with the write, before anything else can fail (KAFKA-10778).
        active.appended(disk, header, interval)?;
        Ok(Appended {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            epoch: header.leader_epoch,
            crc: header.crc,
            size: u32::try_from(header.size()).unwrap_or(u32::MAX),
            rolled,
            new_epoch,
        })
    }

    /// Begins a new segment if the batch does not fit the active one.
    ///
    /// Simplified: segments are not rolled by age (`segment.ms`), which matters to retention only.
    fn roll_for(
        &mut self,
        disk: &mut dyn Disk,
        header: &BatchHeader,
    ) -> DiskResult<Option<Offset>> {
        let active = self.segments.last().expect("a log has a segment");
        let too_large = active.size + header.size() as u64 > self.config.segment_bytes;
        let full = active.size > 0 && (too_large || active.index.is_full());
        let out_of_reach =
            header.base_offset > active.base && !active.reaches(header.last_offset());
        if !full && !out_of_reach {
            return Ok(None);
        }
        // Kafka flushes a rolled segment in the background; here at once, so that only the active one is ever dirty.
        if !planted("roll_without_sync") {
            disk.sync(active.log)?;
        }
        disk.sync(active.index_file)?;
        self.synced = self.log_end();
        let segment = Segment::open(disk, &self.dir, header.base_offset)?;
        // Without this the new file's bytes could be durable and its name not (KAFKA-3968).
        disk.sync_dir(&self.dir)?;
        self.make_names_durable(disk)?;
        self.segments.push(segment);
        Ok(Some(header.base_offset))
    }
}
