//! A partition's log: its segments in order, its epochs, and where it starts, ends and is durable.
//!
//! Invariants, checked after every change:
//! log start ≤ log end · synced ≤ log end · segments in order of their bases, at least one · no epoch starts behind the
//! log end.

mod append;
mod read;
mod recovery;
#[cfg(test)]
mod tests;
mod truncate;

use klamm_node::config::TopicConfig;
use klamm_node::{Disk, DiskError, DiskResult, LeaderEpoch, Offset, planted};

use crate::epochs::{EpochCache, EpochEntry};
use crate::layout::LEADER_EPOCH_CHECKPOINT;
use crate::segment::Segment;

pub use append::Appended;
pub use read::{Found, Read};
pub use recovery::{Opening, Recovery};

/// How a log is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// The largest segment (`segment.bytes`); at most 2 GiB, for index entries count in 32 bits.
    pub segment_bytes: u64,
    /// Bytes between two index entries (`index.interval.bytes`).
    pub index_interval_bytes: u64,
    /// The largest batch that a leader appends (`max.message.bytes`). Followers take what their leader has taken.
    pub max_message_bytes: u64,
}

impl From<&TopicConfig> for LogConfig {
    fn from(config: &TopicConfig) -> Self {
        Self {
            segment_bytes: config.segment_bytes.min(u64::from(i32::MAX.unsigned_abs())),
            index_interval_bytes: config.index_interval_bytes,
            max_message_bytes: u64::try_from(config.max_message_bytes).unwrap_or(0),
        }
    }
}

/// Kafka's defaults.
impl Default for LogConfig {
    fn default() -> Self {
        Self::from(&TopicConfig::default())
    }
}

/// A partition's log on a disk. Every call takes the disk it lives on.
#[derive(Clone, Debug)]
pub struct Log {
    dir: String,
    config: LogConfig,
    segments: Vec<Segment>,
    log_start: Offset,
    synced: Offset,
    epochs: EpochCache,
    /// Whether the names of its directory and files are durable. Kafka syncs nothing when it creates a log; until the first
    /// sync of its records there is nothing that a name could keep (KAFKA-3968).
    named: bool,
    /// The first failure of the disk under a change; then nothing more is written (KAFKA-10778).
    failed: Option<DiskError>,
}

impl Log {
    /// Its directory.
    pub fn dir(&self) -> &str {
        &self.dir
    }

    /// How it is laid out.
    pub fn config(&self) -> LogConfig {
        self.config
    }

    /// Takes a changed topic config; segments that exist stay as they are.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// The first offset.
    pub fn log_start(&self) -> Offset {
        self.log_start
    }

    /// The next offset to be written.
    pub fn log_end(&self) -> Offset {
        self.segments.last().map_or(self.log_start, |active| active.next)
    }

    /// Everything below is durable. Grows by [`Self::sync`], and when a segment is rolled or a log recovered.
    pub fn synced(&self) -> Offset {
        self.synced
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// The base offsets of its segments, oldest first.
    pub fn segment_bases(&self) -> impl Iterator<Item = Offset> + '_ {
        self.segments.iter().map(|segment| segment.base)
    }

    /// The failure of the disk that fenced this log off, if there was one.
    pub fn failure(&self) -> Option<&DiskError> {
        self.failed.as_ref()
    }

    /// The newest epoch in the cache.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest().map(|entry| entry.epoch)
    }

    /// The first offset of an epoch.
    pub fn epoch_start(&self, epoch: LeaderEpoch) -> Option<Offset> {
        self.epochs.start_of(epoch)
    }

    /// The epoch of the batch at an offset.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.epoch_at(offset)
    }

    /// Where the largest epoch not above `epoch` ended; see [`EpochCache::end_offset_for`].
    pub fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.end_offset_for(epoch, self.log_end())
    }

    /// The epochs in the log, oldest first.
    pub fn epochs(&self) -> &[EpochEntry] {
        self.epochs.entries()
    }

    /// Notes that a leader starts its epoch at `start`, before it has written anything (KAFKA-7415); true if that was
    /// news. Durable on return (KAFKA-16541).
    ///
    /// # Errors
    /// The disk fails, now or earlier.
    pub fn start_epoch(
        &mut self,
        disk: &mut dyn Disk,
        epoch: LeaderEpoch,
        start: Offset,
    ) -> DiskResult<bool> {
        self.guard()?;
        let news = self.epochs.assign(epoch, start);
        if news {
            let result = self.write_epochs(disk);
            self.fence(result)?;
        }
        Ok(news)
    }

    /// Makes everything durable and returns the log end. Free when it already is.
    ///
    /// # Errors
    /// The disk fails. What it forgot of the unsynced bytes is then unknown, so that the log is fenced off.
    pub fn sync(&mut self, disk: &mut dyn Disk) -> DiskResult<Offset> {
        self.guard()?;
        let end = self.log_end();
        if self.synced < end
            && let Some(active) = self.segments.last()
        {
            // Older segments were synced when they were rolled.
            let result = if planted("sync_lies") { Ok(()) } else { disk.sync(active.log) };
            self.fence(result)?;
            let result = self.make_names_durable(disk);
            self.fence(result)?;
            self.synced = end;
        }
        self.check();
        Ok(end)
    }

    /// Makes log and index durable for a clean stop.
    ///
    /// # Errors
    /// The disk fails, now or earlier: then the stop is not a clean one.
    pub fn close(&mut self, disk: &mut dyn Disk) -> DiskResult<()> {
        self.sync(disk)?;
        match self.segments.last() {
            Some(active) => disk.sync(active.index_file),
            None => Ok(()),
        }
    }

    /// Gives the log's directory another name, which takes it out of use: see [`layout::put_away_dir`]. Durable on
    /// return, as in Kafka: a topic that was deleted must not come back with its records.
    ///
    /// # Errors
    /// The disk fails.
    ///
    /// [`layout::put_away_dir`]: crate::layout::put_away_dir
    pub fn put_away(self, disk: &mut dyn Disk, directory: &str) -> DiskResult<()> {
        disk.rename(&self.dir, directory)?;
        disk.sync_dir(parent(&self.dir))
    }

    /// Makes the names durable under which the log's bytes are found, once.
    fn make_names_durable(&mut self, disk: &mut dyn Disk) -> DiskResult<()> {
        if !self.named {
            disk.sync_dir(&self.dir)?;
            disk.sync_dir(parent(&self.dir))?;
            self.named = true;
        }
        Ok(())
    }

    fn write_epochs(&self, disk: &mut dyn Disk) -> DiskResult<()> {
        let path = format!("{}/{LEADER_EPOCH_CHECKPOINT}", self.dir);
        disk.replace(&path, self.epochs.encode().as_bytes())
    }

    fn guard(&self) -> DiskResult<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn fence<T>(&mut self, result: DiskResult<T>) -> DiskResult<T> {
        if let Err(error) = &result {
            self.failed.get_or_insert_with(|| error.clone());
        }
        result
    }

    /// The segment that holds an offset, or would.
    fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    fn check(&self) {
        let (start, end, synced) = (self.log_start, self.log_end(), self.synced);
        assert!(!self.segments.is_empty(), "{}: a log has a segment", self.dir);
        assert!(start <= end, "{}: log start {start} is behind log end {end}", self.dir);
        assert!(synced <= end, "{}: synced {synced} is behind log end {end}", self.dir);
        debug_assert!(self.segments.is_sorted_by(|a, b| a.base < b.base && a.next <= b.base));
        let epoch = self.epochs.latest();
        debug_assert!(
            epoch.is_none_or(|last| last.start <= end),
            "{}: {epoch:?} starts behind log end {end}",
            self.dir
        );
    }
}

/// The directory above, where a new directory's name must be made durable.
fn parent(dir: &str) -> &str {
    dir.rsplit_once('/').map_or("", |(parent, _)| parent)
}
