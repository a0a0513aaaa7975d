//! A machine's disk: page-cache semantics with a price for every operation.
//!
//! A node sees a synchronous disk. What its operations cost adds up during a call; the world delays the call's effects
//! and the node's next input by the sum. Simplified: the state of the disk changes at the start of that delay, so a
//! power failure during a sync finds the sync done; nothing that followed from it has left the machine then.
//!
//! Simplified: an operation that takes long holds up its whole process, heartbeats and fetches of metadata included. In Kafka it holds
//! up the thread that asked for it: a broker whose log syncs for half a minute stays unfenced.

use bytes::Bytes;
use klamm_node::disk::memory::{Loss, Lost};
use klamm_node::disk::{Disk, DiskError, DiskResult, FileId, MemoryDisk};
use klamm_node::{Span, rng::Stream};
use klamm_scenario::model::{Disk as Speed, DiskFault};

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
    fault: Option<DiskFault>,
    /// Operations that the fault changed since somebody last asked.
    faulted: u64,
    counters: DiskCounters,
}

impl MachineDisk {
    /// A disk of this speed, empty.
    pub fn new(speed: Speed) -> Self {
        let counters = DiskCounters::default();
        Self {
            files: MemoryDisk::new(),
            speed,
            usual: speed,
            owed: Span::ZERO,
            fault: None,
            faulted: 0,
            counters,
        }
    }

    /// Lets it misbehave, or behave again.
    pub fn set_fault(&mut self, fault: Option<DiskFault>) {
        self.fault = fault;
    }

    /// How it misbehaves, and how many operations that changed since the last call.
    pub fn take_faulted(&mut self) -> Option<(DiskFault, u64)> {
        let faulted = std::mem::take(&mut self.faulted);
        self.fault.filter(|_| faulted > 0).map(|fault| (fault, faulted))
    }

    /// True while it misbehaves.
    pub fn is_broken(&self) -> bool {
        self.fault.is_some()
    }

    /// Flips a bit of one byte in a file that `wanted` names; the file and the place.
    pub fn rot(
        &mut self,
        wanted: impl Fn(&str) -> bool,
        newest: bool,
        dice: &mut Stream,
    ) -> Option<(String, u64)> {
        let files: Vec<(String, u64)> = self
            .files
            .files()
            .filter(|(name, len)| *len > 0 && wanted(name))
            .map(|(name, len)| (name.to_owned(), len))
            .collect();
        let at = if newest { files.len().checked_sub(1)? } else { dice.index(files.len()) };
        let (name, len) = files.into_iter().nth(at)?;
        let place = dice.between(0, len - 1);
        let mask = 1_u8 << dice.index(8);
        self.files.rot(&name, place, mask).then_some((name, place))
    }

    /// What a sync comes to: none if the files themselves decide.
    fn faulty_sync(&mut self, what: &str) -> Option<DiskResult<()>> {
        match self.fault? {
            DiskFault::SyncFails => {
                self.faulted += 1;
                Some(Err(DiskError::Io(format!("the sync of {what} failed"))))
            }
            DiskFault::SyncLies => {
                self.faulted += 1;
                Some(Ok(()))
            }
            DiskFault::Full => None,
        }
    }

    /// What the disk did so far.
    pub fn counters(&self) -> DiskCounters {
        self.counters
    }

    /// The files themselves, without price.
    pub fn files(&self) -> &MemoryDisk {
        &self.files
    }

    /// Changes its speed.
    pub fn set_speed(&mut self, speed: Speed) {
        self.speed = speed;
    }

    /// True while it is slower than usual.
    pub fn is_slow(&self) -> bool {
        self.speed.sync > self.usual.sync
            || self.speed.write > self.usual.write
            || self.speed.read > self.usual.read
    }

    /// What the operations since the last call cost.
    pub fn take_cost(&mut self) -> Span {
        std::mem::take(&mut self.owed)
    }

    /// The machine loses power: what was not synced is lost, wholly or in part.
    pub fn lose_power(&mut self, loss: Loss, dice: &mut Stream) -> Lost {
        self.owed = Span::ZERO;
        self.files.lose_power(loss, dice)
    }

    /// Everything on it is gone.
    pub fn wipe(&mut self) {
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
        if self.fault == Some(DiskFault::Full) {
            self.faulted += 1;
            return Err(DiskError::Full(format!("file {}", file.0)));
        }
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
        if let Some(outcome) = self.faulty_sync("a file") {
            return outcome;
        }
        self.files.sync(file)
    }

    fn sync_dir(&mut self, dir: &str) -> DiskResult<()> {
        self.pay(self.speed.sync);
        self.counters.syncs += 1;
        if let Some(outcome) = self.faulty_sync("a directory") {
            return outcome;
        }
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

    fn disk() -> MachineDisk {
        let instant = Speed { read: Span::ZERO, write: Span::ZERO, sync: Span::ZERO };
        MachineDisk::new(instant)
    }

    #[test]
    fn a_disk_that_lies_forgets_at_the_next_power_failure() {
        let mut disk = disk();
        let file = disk.open("log", true).expect("created");
        disk.sync_dir("").expect("synced");
        disk.set_fault(Some(DiskFault::SyncLies));
        disk.append(file, b"abc").expect("written");
        assert_eq!(disk.sync(file), Ok(()));
        assert_eq!(disk.take_faulted(), Some((DiskFault::SyncLies, 1)));
        let mut dice = Stream::new(1, klamm_node::Purpose::PowerLoss, 1, 1);
        assert_eq!(disk.lose_power(Loss::Whole, &mut dice).bytes, 3);
    }

    #[test]
    fn a_disk_that_fails_or_is_full_says_so_until_it_is_mended() {
        let mut disk = disk();
        let file = disk.open("log", true).expect("created");
        disk.set_fault(Some(DiskFault::SyncFails));
        assert!(disk.sync(file).is_err() && disk.sync_dir("").is_err());
        disk.set_fault(Some(DiskFault::Full));
        assert!(matches!(disk.append(file, b"x"), Err(DiskError::Full(_))));
        assert_eq!(disk.len(file), Ok(0));
        disk.set_fault(None);
        assert!(disk.append(file, b"x").is_ok() && disk.sync(file).is_ok());
    }

    #[test]
    fn one_bit_rots_where_it_is_meant_to() {
        let mut disk = disk();
        for path in ["a-0/1.log", "a-0/2.log", "b-0/1.log"] {
            let file = disk.open(path, true).expect("created");
            disk.append(file, b"zeros").expect("written");
        }
        let mut dice = Stream::new(1, klamm_node::Purpose::BitRot, 1, 1);
        let rotted = disk.rot(|name| name.starts_with("a-0/"), true, &mut dice);
        assert_eq!(rotted.map(|(name, _)| name).as_deref(), Some("a-0/2.log"));
        let whole = disk.read_whole("a-0/2.log").expect("readable").expect("there");
        let flipped: u32 =
            whole.iter().zip(b"zeros").map(|(now, was)| (now ^ was).count_ones()).sum();
        assert_eq!(flipped, 1);
        assert_eq!(disk.rot(|_| false, false, &mut dice), None);
    }
}
