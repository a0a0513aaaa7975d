//! A machine's disk: page-cache semantics with a price for every operation.
//!
//! A node sees a synchronous disk. What its operations cost adds up during a call; the world delays the call's effects
//! and the node's next input by the sum. Simplified: the state of the disk changes at the start of that delay, so a
//! power failure during a sync finds the sync done; nothing that followed from it has left the machine then.

use bytes::Bytes;
use klamm_node::disk::memory::{Loss, Lost};
use klamm_node::disk::{Disk, DiskResult, FileId, MemoryDisk};
use klamm_node::{Span, rng::Stream};
use klamm_scenario::model::Disk as Speed;

/// What a disk did in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiskCounters {
    /// Reads.
    pub reads: u64,
    /// Appends.
    pub writes: u64,
    /// Syncs, of files and directories.
    pub syncs: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes appended.
    pub bytes_written: u64,
    /// The time that all of it took.
    pub busy: Span,
}

/// A disk with a speed.
#[derive(Clone, Debug)]
pub struct MachineDisk {
    files: MemoryDisk,
    speed: Speed,
    usual: Speed,
    owed: Span,
    counters: DiskCounters,
}

impl MachineDisk {
    pub(crate) fn new(speed: Speed) -> Self {
        let counters = DiskCounters::default();
        Self { files: MemoryDisk::new(), speed, usual: speed, owed: Span::ZERO, counters }
    }

    /// What the disk did so far.
    pub fn counters(&self) -> DiskCounters {
        self.counters
    }

    /// The files themselves, without price.
    pub fn files(&self) -> &MemoryDisk {
        &self.files
    }

    pub(crate) fn set_speed(&mut self, speed: Speed) {
        self.speed = speed;
    }

    /// True while it is slower than usual.
    pub(crate) fn is_slow(&self) -> bool {
        self.speed.sync > self.usual.sync
            || self.speed.write > self.usual.write
            || self.speed.read > self.usual.read
    }

    /// What the operations since the last call cost.
    pub(crate) fn take_cost(&mut self) -> Span {
        std::mem::take(&mut self.owed)
    }

    pub(crate) fn lose_power(&mut self, loss: Loss, dice: &mut Stream) -> Lost {
        self.owed = Span::ZERO;
        self.files.lose_power(loss, dice)
    }

    pub(crate) fn wipe(&mut self) {
        self.files.wipe();
    }

    fn pay(&mut self, cost: Span) {
        self.owed = self.owed + cost;
        self.counters.busy = self.counters.busy + cost;
    }
}

impl Disk for MachineDisk {
    fn open(&mut self, path: &str, create: bool) -> DiskResult<FileId> {
        self.files.open(path, create)
    }

    fn len(&mut self, file: FileId) -> DiskResult<u64> {
        self.files.len(file)
    }

    fn read(&mut self, file: FileId, at: u64, len: usize) -> DiskResult<Bytes> {
        self.pay(self.speed.read);
        let bytes = self.files.read(file, at, len)?;
        self.counters.reads += 1;
        self.counters.bytes_read += bytes.len() as u64;
        Ok(bytes)
    }

    fn append(&mut self, file: FileId, bytes: &[u8]) -> DiskResult<u64> {
        self.pay(self.speed.write);
        self.counters.writes += 1;
        self.counters.bytes_written += bytes.len() as u64;
        self.files.append(file, bytes)
    }

    fn truncate(&mut self, file: FileId, len: u64) -> DiskResult<()> {
        self.pay(self.speed.write);
        self.files.truncate(file, len)
    }

    fn sync(&mut self, file: FileId) -> DiskResult<()> {
        self.pay(self.speed.sync);
        self.counters.syncs += 1;
        self.files.sync(file)
    }

    fn sync_dir(&mut self, dir: &str) -> DiskResult<()> {
        self.pay(self.speed.sync);
        self.counters.syncs += 1;
        self.files.sync_dir(dir)
    }

    fn list(&mut self, dir: &str) -> DiskResult<Vec<String>> {
        self.pay(self.speed.read);
        self.files.list(dir)
    }

    fn remove(&mut self, path: &str) -> DiskResult<()> {
        self.pay(self.speed.write);
        self.files.remove(path)
    }

    fn rename(&mut self, from: &str, to: &str) -> DiskResult<()> {
        self.pay(self.speed.write);
        self.files.rename(from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_price_and_the_bill_is_paid_once() {
        let speed = Speed { read: Span::micros(1), write: Span::micros(10), sync: Span::millis(2) };
        let mut disk = MachineDisk::new(speed);
        let file = disk.open("log", true).expect("created");
        disk.append(file, b"abc").expect("written");
        disk.sync(file).expect("synced");
        disk.read(file, 0, 3).expect("read");
        assert_eq!(disk.take_cost(), Span::micros(2011));
        assert_eq!(disk.take_cost(), Span::ZERO);
        assert_eq!(disk.counters().bytes_written, 3);
        assert!(!disk.is_slow());
        disk.set_speed(Speed { sync: Span::millis(800), ..speed });
        assert!(disk.is_slow());
    }
}
