//! Snapshots on the disk (KIP-630): `<end offset>-<epoch>.checkpoint` beside the metadata log's segments.
//!
//! ```text
//!   SnapshotHeader ─ batches of records ─ SnapshotFooter      offsets from 0, all in the snapshot's epoch
//! ```
//!
//! *Flows in*: records of the owner's image, or the bytes of another member's snapshot. *Flows out*: the same.
//! *Must never*: show a snapshot that is not whole. A file gets its name once everything in it is durable; what a crash
//! left half written has another name, and is removed at the next start.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use klamm_node::{Disk, DiskError, DiskResult, LeaderEpoch, Offset, Timestamp};
use klamm_protocol::batch::{Batch, ControlRecord, batches, control_batch};
use klamm_protocol::{BatchBuilder, Compression};

use crate::quorum_state::DIR;

const SUFFIX: &str = ".checkpoint";
/// The end of a name of a file that is not whole yet.
const PARTIAL: &str = ".checkpoint.part";

/// A snapshot's name: it stands for every record below its end, the last of which has this epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SnapshotId {
    /// Exclusive.
    pub end_offset: Offset,
    /// The epoch of the record before the end.
    pub epoch: LeaderEpoch,
}

impl SnapshotId {
    /// What `kafka-storage format` writes: it stands for no record, and says who the first voters are (KIP-853). It is
    /// never given to others.
    pub(crate) const BOOTSTRAP: Self = Self { end_offset: Offset(0), epoch: LeaderEpoch(0) };

    /// As Kafka names the file.
    fn file(self, suffix: &str) -> String {
        format!("{DIR}/{:020}-{:010}{suffix}", self.end_offset.0, self.epoch.0)
    }

    fn parse(name: &str) -> Option<Self> {
        let (end_offset, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        let digits =
            |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(end_offset, 20) || !digits(epoch, 10) {
            return None;
        }
        Some(Self {
            end_offset: Offset(end_offset.parse().ok()?),
            epoch: LeaderEpoch(epoch.parse().ok()?),
        })
    }
}

/// What is known of a snapshot without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stored {
    pub(crate) size: u64,
    /// When the last record in it was appended to the log, by the leader's clock.
    pub(crate) timestamp: Timestamp,
}

/// What a snapshot says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Contents {
    pub(crate) timestamp: Timestamp,
    /// What the quorum itself must know: its version and its voters (KIP-853).
    pub(crate) state: Vec<ControlRecord>,
    pub(crate) records: Vec<Bytes>,
}

/// The snapshots of one disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshots {
    known: BTreeMap<SnapshotId, Stored>,
    /// What each says of the quorum, if anything.
    states: BTreeMap<SnapshotId, Vec<ControlRecord>>,
}

impl Snapshots {
    /// Looks at every snapshot on the disk. Those that can't be read whole are removed and returned.
    pub(crate) fn open(disk: &mut dyn Disk) -> DiskResult<(Self, Vec<SnapshotId>)> {
        let (mut snapshots, mut damaged) = (Self::default(), Vec::new());
        for name in disk.list(DIR)? {
            if name.ends_with(PARTIAL) {
                disk.remove(&format!("{DIR}/{name}"))?;
            }
            let Some(id) = SnapshotId::parse(&name) else { continue };
            let bytes = disk.read_whole(&id.file(SUFFIX))?.unwrap_or_default();
            match read(&bytes) {
                Some(contents) if id == SnapshotId::BOOTSTRAP => {
                    snapshots.states.insert(id, contents.state);
                }
                Some(contents) => {
                    let stored = Stored { size: bytes.len() as u64, timestamp: contents.timestamp };
                    snapshots.known.insert(id, stored);
                    snapshots.states.insert(id, contents.state);
                }
                None => {
                    disk.remove(&id.file(SUFFIX))?;
                    damaged.push(id);
                }
            }
        }
        Ok((snapshots, damaged))
    }

    /// What a snapshot says of the quorum.
    pub(crate) fn state(&self, id: SnapshotId) -> &[ControlRecord] {
        self.states.get(&id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn latest(&self) -> Option<SnapshotId> {
        self.known.keys().next_back().copied()
    }

    pub(crate) fn earliest(&self) -> Option<SnapshotId> {
        self.known.keys().next().copied()
    }

    pub(crate) fn get(&self, id: SnapshotId) -> Option<Stored> {
        self.known.get(&id).copied()
    }

    /// Every snapshot, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SnapshotId, Stored)> + '_ {
        self.known.iter().map(|(id, stored)| (*id, *stored))
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn total_size(&self) -> u64 {
        self.known.values().map(|stored| stored.size).sum()
    }

    /// Writes a snapshot; durable on return.
    pub(crate) fn write(
        &mut self,
        disk: &mut dyn Disk,
        id: SnapshotId,
        now: Timestamp,
        contents: &Contents,
        max_batch: usize,
    ) -> DiskResult<u64> {
        let bytes = compose(id, now, contents, max_batch);
        self.begin_partial(disk, id)?;
        self.append_partial(disk, id, &bytes)?;
        self.freeze(disk, id)?;
        Ok(bytes.len() as u64)
    }

    /// Begins a file that is to be filled piece by piece.
    pub(crate) fn begin_partial(&self, disk: &mut dyn Disk, id: SnapshotId) -> DiskResult<()> {
        let file = disk.open(&id.file(PARTIAL), true)?;
        disk.truncate(file, 0)
    }

    /// Adds a piece; returns the size so far.
    pub(crate) fn append_partial(
        &self,
        disk: &mut dyn Disk,
        id: SnapshotId,
        bytes: &[u8],
    ) -> DiskResult<u64> {
        let file = disk.open(&id.file(PARTIAL), true)?;
        disk.append(file, bytes)?;
        disk.len(file)
    }

    pub(crate) fn drop_partial(&self, disk: &mut dyn Disk, id: SnapshotId) -> DiskResult<()> {
        disk.remove(&id.file(PARTIAL))
    }

    /// Makes a filled file a snapshot; false, and no snapshot, if what is in it is not one.
    pub(crate) fn freeze(&mut self, disk: &mut dyn Disk, id: SnapshotId) -> DiskResult<bool> {
        let partial = id.file(PARTIAL);
        let bytes = disk.read_whole(&partial)?.unwrap_or_default();
        let Some(contents) = read(&bytes) else {
            disk.remove(&partial)?;
            return Ok(false);
        };
        let file = disk.open(&partial, false)?;
        if !klamm_node::planted("raft_snapshot_not_synced") {
            disk.sync(file)?;
        }
        disk.rename(&partial, &id.file(SUFFIX))?;
        disk.sync_dir(DIR)?;
        self.states.insert(id, contents.state);
        if id != SnapshotId::BOOTSTRAP {
            let stored = Stored { size: bytes.len() as u64, timestamp: contents.timestamp };
            self.known.insert(id, stored);
        }
        Ok(true)
    }

    /// What a snapshot says; none if its file is no longer what it was.
    pub(crate) fn load(&self, disk: &mut dyn Disk, id: SnapshotId) -> DiskResult<Option<Contents>> {
        Ok(read(&disk.read_whole(&id.file(SUFFIX))?.unwrap_or_default()))
    }

    /// A piece of a snapshot's file, for another member.
    pub(crate) fn slice(
        &self,
        disk: &mut dyn Disk,
        id: SnapshotId,
        at: u64,
        len: usize,
    ) -> DiskResult<Bytes> {
        match disk.open(&id.file(SUFFIX), false) {
            Ok(file) => disk.read(file, at, len),
            Err(DiskError::NotFound(_)) => Ok(Bytes::new()),
            Err(error @ (DiskError::Full(_) | DiskError::Io(_))) => Err(error),
        }
    }

    /// Removes a snapshot. A crash can bring it back; then it is removed again.
    ///
    /// Simplified: Kafka renames it to `….deleted` and removes it a minute later, for those who read it at the moment.
    pub(crate) fn remove(&mut self, disk: &mut dyn Disk, id: SnapshotId) -> DiskResult<()> {
        self.known.remove(&id);
        self.states.remove(&id);
        disk.remove(&id.file(SUFFIX))
    }
}

/// The bytes of a snapshot's file.
fn compose(id: SnapshotId, now: Timestamp, contents: &Contents, max_batch: usize) -> Bytes {
    let Contents { timestamp, state, records } = contents;
    let mut file = BytesMut::new();
    let mut head = vec![ControlRecord::SnapshotHeader { last_contained_log_timestamp: *timestamp }];
    head.extend(state.iter().cloned());
    file.extend_from_slice(&control_batch(Offset(0), id.epoch, now, None, &head));
    let mut next = (0..).map(Offset).nth(head.len()).unwrap_or_default();
    let fresh = |at| BatchBuilder::new(Compression::None).at(at, id.epoch);
    let mut batch = fresh(next);
    for record in records {
        let more = BatchBuilder::size_of_next(None, Some(record), &[]);
        if !batch.is_empty() && batch.size() + more > max_batch {
            file.extend_from_slice(&batch.build());
            batch = fresh(next);
        }
        batch.append(now, None, Some(record), &[]);
        next = next.plus(1);
    }
    file.extend_from_slice(&batch.build());
    file.extend_from_slice(&control_batch(
        next,
        id.epoch,
        now,
        None,
        &[ControlRecord::SnapshotFooter],
    ));
    file.freeze()
}

/// Reads a snapshot's file; none unless it is one from its header to its footer.
fn read(bytes: &Bytes) -> Option<Contents> {
    let batches: Vec<Batch> = batches(bytes).collect::<Result<_, _>>().ok()?;
    let whole: usize = batches.iter().map(|batch| batch.bytes().len()).sum();
    if whole != bytes.len() || batches.iter().any(|batch| batch.verify_crc().is_err()) {
        return None;
    }
    let control = |batch: &Batch| -> Option<Vec<ControlRecord>> {
        let records = batch.records().ok()?;
        records.iter().map(|record| ControlRecord::parse(record).ok()).collect()
    };
    let [first, between @ .., last] = batches.as_slice() else { return None };
    if !first.header().is_control() || !last.header().is_control() {
        return None;
    }
    let mut state = control(first)?;
    if state.is_empty() {
        return None;
    }
    let ControlRecord::SnapshotHeader { last_contained_log_timestamp: timestamp } = state.remove(0)
    else {
        return None;
    };
    if control(last)?.last()? != &ControlRecord::SnapshotFooter {
        return None;
    }
    let mut records = Vec::new();
    for batch in between.iter().filter(|batch| !batch.header().is_control()) {
        records.extend(batch.records().ok()?.into_iter().map(|r| r.value.unwrap_or_default()));
    }
    Some(Contents { timestamp, state, records })
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_node::MemoryDisk;

    fn id(end_offset: i64, epoch: i32) -> SnapshotId {
        SnapshotId { end_offset: Offset(end_offset), epoch: LeaderEpoch(epoch) }
    }

    fn records(count: u8) -> Vec<Bytes> {
        (0..count).map(|n| Bytes::from(vec![n; 40])).collect()
    }

    fn contents(count: u8) -> Contents {
        let state = vec![ControlRecord::KRaftVersion { kraft_version: 1 }];
        Contents { timestamp: Timestamp(5), state, records: records(count) }
    }

    #[test]
    fn what_is_written_is_read_and_names_are_kafkas() {
        let mut disk = MemoryDisk::new();
        let mut snapshots = Snapshots::default();
        let now = Timestamp(9);
        snapshots.write(&mut disk, id(120, 3), now, &contents(20), 300).expect("written");
        snapshots.write(&mut disk, id(7, 1), now, &contents(0), 300).expect("written");
        let names = disk.list(DIR).expect("listed");
        assert_eq!(
            names,
            [
                "00000000000000000007-0000000001.checkpoint",
                "00000000000000000120-0000000003.checkpoint"
            ]
        );
        let (again, damaged) = Snapshots::open(&mut disk).expect("opened");
        assert_eq!((again.earliest(), again.latest()), (Some(id(7, 1)), Some(id(120, 3))));
        assert_eq!(damaged, []);
        let loaded = again.load(&mut disk, id(120, 3)).expect("read").expect("whole");
        assert_eq!(loaded, contents(20));
        let bytes = again.slice(&mut disk, id(120, 3), 0, usize::MAX).expect("read");
        let epochs: Vec<_> =
            batches(&bytes).map(|b| b.expect("a batch").header().leader_epoch).collect();
        assert!(epochs.len() > 4, "records are spread over batches: {}", epochs.len());
        assert!(epochs.iter().all(|epoch| *epoch == LeaderEpoch(3)));
    }

    #[test]
    fn half_a_snapshot_is_none_wherever_it_ends() {
        let mut disk = MemoryDisk::new();
        let mut snapshots = Snapshots::default();
        let now = Timestamp(9);
        snapshots.write(&mut disk, id(9, 1), now, &contents(3), 100).expect("written");
        let bytes = snapshots.slice(&mut disk, id(9, 1), 0, usize::MAX).expect("read");
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes.slice(..end)), None, "{end} of {} bytes", bytes.len());
        }
        for at in 0..bytes.len() {
            let mut rotten = bytes.to_vec();
            rotten[at] ^= 0x10;
            // Base offset and epoch lie outside the CRC, and nothing of a snapshot hangs on them.
            if let Some(read) = read(&rotten.into()) {
                assert_eq!(read.records, records(3), "byte {at}");
            }
        }
    }

    #[test]
    fn what_a_crash_left_is_cleared_away() {
        let mut disk = MemoryDisk::new();
        let mut snapshots = Snapshots::default();
        let now = Timestamp(9);
        snapshots.write(&mut disk, id(9, 1), now, &contents(3), 100).expect("written");
        snapshots.begin_partial(&mut disk, id(20, 1)).expect("begun");
        snapshots.append_partial(&mut disk, id(20, 1), b"half").expect("appended");
        let rotten = disk.open(&id(30, 2).file(SUFFIX), true).expect("opened");
        disk.append(rotten, b"no snapshot").expect("appended");
        let (again, damaged) = Snapshots::open(&mut disk).expect("opened");
        assert_eq!(damaged, [id(30, 2)]);
        assert_eq!(again.iter().map(|(id, _)| id).collect::<Vec<_>>(), [id(9, 1)]);
        assert_eq!(disk.list(DIR).expect("listed").len(), 1);
        assert!(!snapshots.freeze(&mut disk, id(20, 1)).expect("looked at"), "nothing is there");
    }
}
