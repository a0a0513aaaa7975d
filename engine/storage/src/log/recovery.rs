//! Opening a log: loading it after a clean stop, recovering it after a crash.
//!
//! After a crash nothing is believed of what was not known to be durable: every batch from the recovery point on is
//! verified, the log is cut at the first one that is not whole, and index and epoch cache are rebuilt from what is
//! left. A recovered log is a prefix of the log before the crash and holds everything that was synced.

use klamm_node::{Disk, DiskResult, LeaderEpoch, Offset, planted};

use super::{Log, LogConfig};
use crate::epochs::EpochCache;
use crate::layout::{
    INDEX_SUFFIX, LEADER_EPOCH_CHECKPOINT, LOG_SUFFIX, parse_segment_name, segment_path,
};
use crate::segment::{Segment, Step, Walk};

/// What is known of a log before it is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Whether the disk carried the marker of a clean stop.
    pub clean: bool,
    /// Everything below was durable (`recovery-point-offset-checkpoint`); 0 if unknown.
    pub recovery_point: Offset,
    /// Where the log starts (`log-start-offset-checkpoint`); 0 if unknown.
    pub log_start: Offset,
}

/// What opening a log had to do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recovery {
    /// Bytes behind the last good batch that were cut off, whole later segments included.
    pub truncated_bytes: u64,
    /// Segments whose batches were all verified and whose index was written anew.
    pub recovered_segments: u32,
    /// Segments behind a broken one, which were removed.
    pub removed_segments: u32,
    /// Whether the epoch cache was not what the records say, or not there.
    pub epochs_rebuilt: bool,
    /// The control batches among those that were verified, in order: their first offset, epoch, and how many records.
    pub control_batches: Vec<(Offset, LeaderEpoch, i32)>,
}

impl Log {
    /// Opens the log in a directory, creating it if there is none. Without a clean stop all of it is verified.
    ///
    /// # Errors
    /// The disk fails.
    pub fn open(
        disk: &mut dyn Disk,
        dir: &str,
        config: LogConfig,
        clean: bool,
    ) -> DiskResult<(Self, Recovery)> {
        let opening = Opening { clean, recovery_point: Offset(0), log_start: Offset(0) };
        Self::open_at(disk, dir, config, opening)
    }

    /// Opens the log in a directory with what the disk's checkpoints say of it. On return all of it is durable.
    ///
    /// # Errors
    /// The disk fails.
    pub fn open_at(
        disk: &mut dyn Disk,
        dir: &str,
        config: LogConfig,
        opening: Opening,
    ) -> DiskResult<(Self, Recovery)> {
        let mut log = Self {
            dir: dir.to_owned(),
            config,
            segments: Vec::new(),
            log_start: opening.log_start,
            synced: Offset(0),
            epochs: EpochCache::default(),
            named: false,
            failed: None,
        };
        let mut recovery = Recovery::default();
        let bases = log.tidy(disk)?;
        log.load_segments(disk, &bases, opening, &mut recovery)?;

        let first = log.segments.first().map_or(log.log_start, |segment| segment.base);
        log.log_start = log.log_start.max(first);
        if log.log_end() < log.log_start {
            // As in Kafka: what lies below the log start is no use.
            let start = log.log_start;
            log.start_over(disk, start)?;
        }
        log.synced = log.log_end();
        let start = log.log_start;
        log.drop_below(disk, start)?;
        if planted("recovery_drops_valid_tail") {
            let last = log.log_end().plus(-1);
            log.truncate_to(disk, last.max(log.log_start))?;
        }
        log.check();
        Ok((log, recovery))
    }

    /// Removes what an interrupted change left behind and returns the bases of the segments.
    fn tidy(&self, disk: &mut dyn Disk) -> DiskResult<Vec<Offset>> {
        let names = disk.list(&self.dir)?;
        let bases: Vec<Offset> =
            names.iter().filter_map(|name| parse_segment_name(name, LOG_SUFFIX)).collect();
        for name in &names {
            let orphan = parse_segment_name(name, INDEX_SUFFIX)
                .is_some_and(|base| bases.binary_search(&base).is_err());
            if orphan || name.ends_with(".tmp") {
                disk.remove(&format!("{}/{name}", self.dir))?;
            }
        }
        Ok(bases)
    }

    fn load_segments(
        &mut self,
        disk: &mut dyn Disk,
        bases: &[Offset],
        opening: Opening,
        recovery: &mut Recovery,
    ) -> DiskResult<()> {
        let interval = self.config.index_interval_bytes;
        let on_disk = self.read_epochs(disk)?;
        let mut epochs = EpochCache::default();
        let mut broken = false;
        for (n, base) in bases.iter().enumerate() {
            if broken {
                recovery.truncated_bytes += remove_segment(disk, &self.dir, *base)?;
                recovery.removed_segments += 1;
                continue;
            }
            let mut segment = Segment::open(disk, &self.dir, *base)?;
            // The segment that holds the recovery point may be torn, and all behind it.
            let trusted = opening.clean
                || bases.get(n + 1).is_some_and(|next| *next <= opening.recovery_point);
            if trusted && segment.load(disk, interval)? {
                match &on_disk {
                    Some(known) => carry_over(known, &segment, &mut epochs),
                    None => replay_epochs(disk, &segment, &mut epochs)?,
                }
            } else {
                let control = &mut recovery.control_batches;
                let cut = segment.recover(disk, interval, &mut |header| {
                    note_epoch(&mut epochs, header.leader_epoch, header.base_offset);
                    if header.is_control() {
                        control.push((
                            header.base_offset,
                            header.leader_epoch,
                            header.record_count,
                        ));
                    }
                })?;
                // An empty file has nothing to lose: a broker with thousands of idle partitions starts without a sync.
                if segment.size > 0 || cut > 0 {
                    disk.sync(segment.log)?;
                }
                recovery.truncated_bytes += cut;
                recovery.recovered_segments += 1;
                broken = cut > 0;
            }
            self.segments.push(segment);
        }
        if self.segments.is_empty() {
            self.segments.push(Segment::open(disk, &self.dir, self.log_start)?);
        }
        // What was read here counts as durable from now on, so its names must be. After a clean stop they are.
        self.named = opening.clean && self.size() > 0;
        if self.size() > 0 || recovery.removed_segments > 0 {
            self.make_names_durable(disk)?;
        }

        // An entry at the log end has no records: whoever put it there leads no more (Kafka drops it as well).
        epochs.truncate_from_end(self.log_end());
        // A log without epochs needs no file that says so.
        recovery.epochs_rebuilt = on_disk.unwrap_or_default() != epochs;
        self.epochs = epochs;
        if recovery.epochs_rebuilt { self.write_epochs(disk) } else { Ok(()) }
    }

    /// The epoch file; `None` if it is missing or broken, so that the records must tell.
    fn read_epochs(&self, disk: &mut dyn Disk) -> DiskResult<Option<EpochCache>> {
        let bytes = disk.read_whole(&format!("{}/{LEADER_EPOCH_CHECKPOINT}", self.dir))?;
        Ok(bytes.and_then(|bytes| EpochCache::decode(&bytes).ok()))
    }
}

/// Takes the epochs that the file has for a segment that need not be walked.
fn carry_over(known: &EpochCache, segment: &Segment, epochs: &mut EpochCache) {
    for entry in known.entries() {
        // Entries before the first segment were moved up to the log start, so that all lie in some segment.
        if entry.start >= segment.base && entry.start < segment.next {
            note_epoch(epochs, entry.epoch, entry.start);
        }
    }
}

fn replay_epochs(
    disk: &mut dyn Disk,
    segment: &Segment,
    epochs: &mut EpochCache,
) -> DiskResult<()> {
    let mut walk = Walk::new(segment, 0);
    while let Step::Batch { header, .. } = walk.next(disk, false)? {
        note_epoch(epochs, header.leader_epoch, header.base_offset);
    }
    Ok(())
}

/// Epoch 0 counts as well (KAFKA-10432).
fn note_epoch(epochs: &mut EpochCache, epoch: LeaderEpoch, start: Offset) {
    let skips = epoch.0 == 0 && planted("recovery_skips_epoch_zero");
    if epochs.latest().is_none_or(|last| epoch > last.epoch) && !skips {
        epochs.assign(epoch, start);
    }
}

fn remove_segment(disk: &mut dyn Disk, dir: &str, base: Offset) -> DiskResult<u64> {
    let segment = Segment::open(disk, dir, base)?;
    let size = segment.size;
    disk.remove(&segment_path(dir, base, LOG_SUFFIX))?;
    disk.remove(&segment_path(dir, base, INDEX_SUFFIX))?;
    Ok(size)
}
