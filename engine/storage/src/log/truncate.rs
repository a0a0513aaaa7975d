//! Cutting a log at its end, for a follower that diverged, or at its start.

use klamm_node::{Disk, DiskResult, Offset, planted};

use super::Log;
use crate::segment::Segment;

impl Log {
    /// Cuts off everything from `target` on and returns the new log end, which is lower than `target` when a batch
    /// straddled it. Does nothing to the records when the log ends there or before; the epoch cache forgets an entry at
    /// the end in any case, because a leader that never wrote may have left one.
    ///
    /// Durable on return. Kafka leaves the cut to the page cache, so that a power failure can bring the old end back;
    /// here a recovered log is always a prefix of what it was. The owner writes its recovery-point checkpoint
    /// afterwards, as Kafka does.
    ///
    /// # Errors
    /// The disk fails, now or earlier.
    pub fn truncate_to(&mut self, disk: &mut dyn Disk, target: Offset) -> DiskResult<Offset> {
        self.guard()?;
        let result = self.cut(disk, target);
        self.fence(result)?;
        self.check();
        Ok(self.log_end())
    }

    fn cut(&mut self, disk: &mut dyn Disk, target: Offset) -> DiskResult<()> {
        if target >= self.log_end() {
            return self.cut_epochs(disk);
        }
        if self.segments.first().is_some_and(|oldest| oldest.base > target) {
            return self.start_over(disk, target);
        }
        let keep = self.segment_of(target) + 1;
        for later in self.segments.drain(keep..).rev() {
            later.remove(disk, &self.dir)?;
        }
        disk.sync_dir(&self.dir)?;
        let active = self.segments.last_mut().expect("the segment that holds the target stays");
        active.truncate(disk, target, self.config.index_interval_bytes)?;
        disk.sync(active.log)?;
        self.log_start = self.log_start.min(self.log_end());
        self.synced = self.synced.min(self.log_end());
        self.cut_epochs(disk)
    }

    fn cut_epochs(&mut self, disk: &mut dyn Disk) -> DiskResult<()> {
        if !planted("epochs_not_truncated") && self.epochs.truncate_from_end(self.log_end()) {
            self.write_epochs(disk)
        } else {
            Ok(())
        }
    }

    /// Throws everything away and goes on at `offset`, for a follower whose leader's log starts behind its own end.
    ///
    /// # Errors
    /// The disk fails, now or earlier.
    pub fn truncate_fully_and_start_at(
        &mut self,
        disk: &mut dyn Disk,
        offset: Offset,
    ) -> DiskResult<()> {
        self.guard()?;
        let result = self.start_over(disk, offset);
        self.fence(result)?;
        self.check();
        Ok(())
    }

    pub(super) fn start_over(&mut self, disk: &mut dyn Disk, offset: Offset) -> DiskResult<()> {
        for segment in self.segments.drain(..).rev() {
            segment.remove(disk, &self.dir)?;
        }
        self.segments.push(Segment::open(disk, &self.dir, offset)?);
        disk.sync_dir(&self.dir)?;
        self.make_names_durable(disk)?;
        self.log_start = offset;
        self.synced = offset;
        self.epochs.clear();
        self.write_epochs(disk)
    }

    /// Moves the log start up to `to` (never back, never behind the log end) and drops the segments that lie wholly
    /// below; true if it moved. A start inside a segment is durable once the owner has written its
    /// log-start-offset checkpoint.
    ///
    /// # Errors
    /// The disk fails, now or earlier.
    pub fn advance_log_start(&mut self, disk: &mut dyn Disk, to: Offset) -> DiskResult<bool> {
        self.guard()?;
        let to = to.min(self.log_end());
        if to <= self.log_start {
            return Ok(false);
        }
        self.log_start = to;
        let result = self.drop_below(disk, to);
        self.fence(result)?;
        self.check();
        Ok(true)
    }

    pub(super) fn drop_below(&mut self, disk: &mut dyn Disk, start: Offset) -> DiskResult<()> {
        let covered = self.segment_of(start);
        for old in self.segments.drain(..covered) {
            old.remove(disk, &self.dir)?;
        }
        if covered > 0 {
            disk.sync_dir(&self.dir)?;
        }
        if self.epochs.truncate_from_start(start) { self.write_epochs(disk) } else { Ok(()) }
    }
}
