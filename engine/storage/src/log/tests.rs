//! Situations of one log, and random histories with power failures against a plain list of batches.

use bytes::Bytes;
use klamm_node::disk::MemoryDisk;
use klamm_node::disk::memory::Loss;
use klamm_node::{Disk, DiskError, FileId, LeaderEpoch, Offset, Purpose, Stream, Timestamp};
use klamm_protocol::batch::{BatchBuilder, BatchHeader, batches};
use klamm_protocol::compression::Compression;
use proptest::prelude::*;

use super::*;
use crate::error::{AppendError, ReadError};

const DIR: &str = "orders-0";
const SMALL: LogConfig =
    LogConfig { segment_bytes: 1000, index_interval_bytes: 150, max_message_bytes: 900 };

fn batch(records: usize, size: usize, stamp: i64) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for n in 0..records {
        let value = vec![u8::try_from(n % 251).unwrap_or(0); size];
        builder.append(Timestamp(stamp + n as i64), None, Some(&value), &[]);
    }
    builder.build()
}

fn open(disk: &mut MemoryDisk, config: LogConfig, clean: bool) -> (Log, Recovery) {
    Log::open(disk, DIR, config, clean).expect("the disk works")
}

fn lead(log: &mut Log, disk: &mut MemoryDisk, epoch: i32, records: usize) -> Appended {
    log.append_as_leader(disk, batch(records, 20, 1000), LeaderEpoch(epoch), None)
        .expect("appended")
}

fn everything(log: &Log, disk: &mut MemoryDisk) -> Bytes {
    let mut all = Vec::new();
    let mut from = log.log_start();
    while from < log.log_end() {
        let read = log.read(disk, from, 1 << 20, log.log_end(), true).expect("read");
        assert!(read.next_offset > from, "a read below the end makes progress");
        all.extend_from_slice(&read.bytes);
        from = read.next_offset;
    }
    all.into()
}

fn dice() -> Stream {
    Stream::new(1, Purpose::PowerLoss, 0, 0)
}

#[test]
fn a_leader_assigns_dense_offsets_and_its_epoch() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, LogConfig::default(), false);
    let first = lead(&mut log, &mut disk, 3, 2);
    let second = lead(&mut log, &mut disk, 3, 3);
    assert_eq!((first.base_offset, first.last_offset), (Offset(0), Offset(1)));
    assert_eq!((second.base_offset, second.last_offset), (Offset(2), Offset(4)));
    assert_eq!(first.new_epoch.map(|e| e.start), Some(Offset(0)));
    assert_eq!(second.new_epoch, None);
    let stored: Vec<_> = batches(&everything(&log, &mut disk)).map(Result::unwrap).collect();
    assert_eq!(stored.len(), 2);
    for (batch, appended) in stored.iter().zip([first, second]) {
        batch.verify_crc().expect("epoch and offset lie outside of the CRC");
        assert_eq!(batch.header().base_offset, appended.base_offset);
        assert_eq!(batch.header().leader_epoch, LeaderEpoch(3));
        assert_eq!(batch.header().crc, appended.crc);
    }
}

#[test]
fn log_append_time_changes_the_crc_that_is_reported() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, LogConfig::default(), false);
    let sent = batch(1, 5, 7);
    let before = BatchHeader::parse(&sent).expect("a batch").crc;
    let at = Some(Timestamp(99));
    let appended = log.append_as_leader(&mut disk, sent, LeaderEpoch(0), at).expect("appended");
    assert_ne!(appended.crc, before);
    let header = log.headers(&mut disk).expect("read")[0];
    assert_eq!((header.crc, header.max_timestamp), (appended.crc, Timestamp(99)));
}

#[test]
fn reads_return_whole_batches_below_the_end() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, SMALL, false);
    for _ in 0..40 {
        lead(&mut log, &mut disk, 0, 3);
    }
    assert!(log.segment_bases().count() > 5);
    let end = log.log_end();
    let size = batch(3, 20, 0).len();
    let read = |disk: &mut MemoryDisk, from, max, end, one| {
        log.read(disk, Offset(from), max, end, one).map(|r| (r.bytes.len() / size, r.next_offset.0))
    };
    // An offset inside a batch returns the batch from its base.
    assert_eq!(read(&mut disk, 4, size, end, true), Ok((1, 6)));
    assert_eq!(read(&mut disk, 4, size - 1, end, true), Ok((1, 6)), "at least one");
    assert_eq!(read(&mut disk, 4, size - 1, end, false), Ok((0, 4)));
    assert_eq!(read(&mut disk, 0, 2 * size + 5, end, true), Ok((2, 6)));
    assert_eq!(read(&mut disk, 0, 2 * size, Offset(5), true), Ok((1, 3)), "end inside a batch");
    assert_eq!(read(&mut disk, 0, 10, Offset(2), true), Ok((0, 0)));
    assert_eq!(read(&mut disk, 120, 10, end, true), Ok((0, 120)), "at the end");
    assert_eq!(
        read(&mut disk, 121, 10, end, true),
        Err(ReadError::OutOfRange {
            from: Offset(121),
            log_start: Offset(0),
            log_end: Offset(120)
        })
    );
    for from in 0..120 {
        let (_, next) = read(&mut disk, from, size, end, false).expect("read");
        assert_eq!(next, from / 3 * 3 + 3, "exactly the batch of {from}");
    }
}

#[test]
fn a_follower_keeps_offsets_refuses_to_go_back_and_checks_crcs() {
    let (mut disk, mut theirs) = (MemoryDisk::new(), MemoryDisk::new());
    let (mut leader, _) = open(&mut theirs, SMALL, false);
    for epoch in [0, 0, 2, 2, 5] {
        lead(&mut leader, &mut theirs, epoch, 2);
    }
    let bytes = everything(&leader, &mut theirs);
    let (mut log, _) = open(&mut disk, SMALL, false);
    let mut rotten = bytes.to_vec();
    let last = rotten.len() - 3;
    rotten[last] ^= 1;
    assert!(matches!(
        log.append_as_follower(&mut disk, &rotten.into()),
        Err(AppendError::Corrupt(_))
    ));
    assert_eq!(log.log_end(), Offset(0), "all or nothing");

    let cut = bytes.slice(..bytes.len() - 1);
    assert_eq!(log.append_as_follower(&mut disk, &cut).expect("appended").len(), 4);
    assert!(matches!(
        log.append_as_follower(&mut disk, &bytes),
        Err(AppendError::OutOfOrder { base_offset: Offset(0), log_end: Offset(8) })
    ));
    let tail = leader.read(&mut theirs, Offset(8), 1 << 20, Offset(10), true).expect("read");
    log.append_as_follower(&mut disk, &tail.bytes).expect("appended");
    assert_eq!(everything(&log, &mut disk), bytes);
    assert_eq!(log.epochs(), leader.epochs());
    assert_eq!(log.end_offset_for(LeaderEpoch(3)), Some((LeaderEpoch(2), Offset(8))));
}

#[test]
fn limits_are_kept() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, SMALL, false);
    let mut append = |bytes| log.append_as_leader(&mut disk, bytes, LeaderEpoch(0), None);
    assert!(matches!(append(batch(1, 900, 0)), Err(AppendError::TooLarge { limit: 900, .. })));
    let two = [batch(1, 1, 0), batch(1, 1, 0)].concat();
    assert!(matches!(append(two.into()), Err(AppendError::NotOneBatch { .. })));
    assert!(matches!(append(Bytes::from_static(b"\0\0")), Err(AppendError::Corrupt(_))));
    assert_eq!(log.log_end(), Offset(0));
}

#[test]
fn truncation_cuts_between_batches_and_forgets_epochs() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, SMALL, false);
    for n in 0..40 {
        lead(&mut log, &mut disk, n / 10, 3);
    }
    assert_eq!(log.truncate_to(&mut disk, Offset(200)), Ok(Offset(120)));
    assert_eq!(log.truncate_to(&mut disk, Offset(75)), Ok(Offset(75)));
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch(2)));
    assert_eq!(log.truncate_to(&mut disk, Offset(61)), Ok(Offset(60)), "a batch straddles");
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch(1)));
    let again = lead(&mut log, &mut disk, 7, 1);
    assert_eq!(again.base_offset, Offset(60));
    assert_eq!(log.headers(&mut disk).expect("read").len(), 21);
    assert_eq!(log.truncate_to(&mut disk, Offset(0)), Ok(Offset(0)));
    assert_eq!(log.epochs(), []);
    assert_eq!(log.size(), 0);
}

#[test]
fn an_epoch_without_records_goes_with_a_truncation_to_the_end() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, SMALL, false);
    lead(&mut log, &mut disk, 0, 3);
    assert_eq!(log.start_epoch(&mut disk, LeaderEpoch(4), Offset(3)), Ok(true));
    assert_eq!(log.end_offset_for(LeaderEpoch(2)), Some((LeaderEpoch(0), Offset(3))));
    log.truncate_to(&mut disk, Offset(3)).expect("truncated");
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch(0)));
}

#[test]
fn starting_over_and_moving_the_start() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, SMALL, false);
    for n in 0..20 {
        lead(&mut log, &mut disk, n / 5, 3);
    }
    let segments = log.segment_bases().count();
    assert_eq!(log.advance_log_start(&mut disk, Offset(31)), Ok(true));
    assert_eq!(log.advance_log_start(&mut disk, Offset(31)), Ok(false));
    assert!(log.segment_bases().count() < segments);
    assert_eq!(log.epochs()[0], EpochEntry { epoch: LeaderEpoch(2), start: Offset(31) });
    assert!(log.read(&mut disk, Offset(30), 10, Offset(60), true).is_err());
    log.close(&mut disk).expect("closed");
    let opening = Opening { clean: true, recovery_point: Offset(60), log_start: Offset(31) };
    let (reopened, recovery) = Log::open_at(&mut disk, DIR, SMALL, opening).expect("opened");
    assert_eq!(reopened.log_start(), Offset(31));
    assert_eq!(reopened.epochs(), log.epochs());
    assert_eq!(
        recovery,
        Recovery { epochs_rebuilt: recovery.epochs_rebuilt, ..Recovery::default() }
    );

    log.truncate_fully_and_start_at(&mut disk, Offset(500)).expect("done");
    assert_eq!((log.log_start(), log.log_end()), (Offset(500), Offset(500)));
    assert_eq!(lead(&mut log, &mut disk, 9, 1).base_offset, Offset(500));
    log.sync(&mut disk).expect("synced");
    disk.lose_power(Loss::Whole, &mut dice());
    let (log, _) = open(&mut disk, SMALL, false);
    assert_eq!((log.log_start(), log.log_end()), (Offset(500), Offset(501)));
}

#[test]
fn missing_stale_and_broken_indexes_are_rebuilt() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, LogConfig { segment_bytes: 1 << 20, ..SMALL }, false);
    let config = log.config();
    for _ in 0..2000 {
        lead(&mut log, &mut disk, 0, 3);
    }
    log.close(&mut disk).expect("closed");
    let whole = everything(&log, &mut disk);
    let path = format!("{DIR}/00000000000000000000.index");
    let index = disk.read_whole(&path).expect("read").expect("there");
    let stale: Vec<u8> = {
        // An index of other records: every position is off by one.
        let mut bytes = index.to_vec();
        bytes.iter_mut().skip(7).step_by(8).for_each(|low| *low ^= 1);
        bytes
    };
    for (name, bytes) in [
        ("missing", None),
        ("torn", Some(index.slice(..index.len() - 3))),
        ("stale", Some(stale.into())),
    ] {
        disk.remove(&path).expect("removed");
        if let Some(bytes) = bytes {
            let file = disk.open(&path, true).expect("opened");
            disk.append(file, &bytes).expect("written");
        }
        let (again, recovery) = open(&mut disk, config, true);
        assert_eq!(recovery.recovered_segments, 1, "{name}");
        assert_eq!(recovery.truncated_bytes, 0, "{name}");
        assert_eq!(disk.read_whole(&path).expect("read"), Some(index.clone()), "{name}");
        assert_eq!(everything(&again, &mut disk), whole, "{name}");
    }
    let (_, recovery) = open(&mut disk, config, true);
    assert_eq!(recovery.recovered_segments, 0, "a good index is believed after a clean stop");
}

#[test]
fn recovery_cuts_at_the_first_bad_batch_and_drops_what_follows() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, SMALL, false);
    for n in 0..40 {
        lead(&mut log, &mut disk, n / 4, 3);
    }
    let bases: Vec<Offset> = log.segment_bases().collect();
    let size = batch(3, 20, 0).len() as u64;
    assert!(disk.rot(&format!("{DIR}/{:020}.log", bases[2].0), size + 40, 0x10));
    let (log, recovery) = open(&mut disk, SMALL, false);
    assert_eq!(log.log_end(), bases[2].plus(3));
    assert_eq!(recovery.removed_segments as usize, bases.len() - 3);
    assert_eq!(log.synced(), log.log_end());
    assert!(log.epochs().iter().all(|entry| entry.start < log.log_end()));
}

#[test]
fn recovery_believes_segments_below_the_recovery_point_only() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, SMALL, false);
    for _ in 0..40 {
        lead(&mut log, &mut disk, 0, 3);
    }
    let opening = Opening { clean: false, recovery_point: log.synced(), log_start: Offset(0) };
    let (again, recovery) = Log::open_at(&mut disk, DIR, SMALL, opening).expect("opened");
    assert_eq!((recovery.recovered_segments, again.log_end()), (1, log.log_end()));
}

#[test]
fn a_rolled_segment_survives_power_loss_by_name_and_bytes() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, SMALL, false);
    let rolled = loop {
        if let Some(base) = lead(&mut log, &mut disk, 0, 3).rolled {
            break base;
        }
    };
    assert_eq!(log.synced(), rolled);
    disk.lose_power(Loss::Whole, &mut dice());
    let (again, _) = open(&mut disk, SMALL, false);
    assert_eq!(again.log_end(), rolled);
    assert_eq!(
        again.segment_bases().last(),
        Some(rolled),
        "the empty segment is there (KAFKA-3968)"
    );
}

#[test]
fn timestamps_are_found() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, SMALL, false);
    for stamp in [100, 300, 200, 250] {
        let epoch = LeaderEpoch(1);
        log.append_as_leader(&mut disk, batch(3, 10, stamp), epoch, None).expect("appended");
    }
    let end = log.log_end();
    let mut find = |at, end| {
        let found = log.offset_for_timestamp(&mut disk, Timestamp(at), end).expect("read");
        found.map(|found| (found.offset.0, found.timestamp.0))
    };
    assert_eq!(find(0, end), Some((0, 100)));
    assert_eq!(find(102, end), Some((2, 102)));
    assert_eq!(find(103, end), Some((3, 300)));
    assert_eq!(find(103, Offset(3)), None, "not visible yet");
    assert_eq!(find(303, end), None);
    let most = log.max_timestamp(&mut disk, end).expect("read").expect("there");
    assert_eq!(
        (most.offset, most.timestamp, most.epoch),
        (Offset(5), Timestamp(302), LeaderEpoch(1))
    );
}

/// A disk that fails every append from a certain one on.
struct Failing {
    disk: MemoryDisk,
    appends_left: u32,
    /// Everything that was synced, in order.
    synced: Vec<String>,
}

impl Disk for Failing {
    fn open(&mut self, path: &str, create: bool) -> DiskResult<FileId> {
        self.disk.open(path, create)
    }
    fn len(&mut self, file: FileId) -> DiskResult<u64> {
        self.disk.len(file)
    }
    fn read(&mut self, file: FileId, at: u64, len: usize) -> DiskResult<Bytes> {
        self.disk.read(file, at, len)
    }
    fn append(&mut self, file: FileId, bytes: &[u8]) -> DiskResult<u64> {
        if self.appends_left == 0 {
            // A full disk takes a part of the bytes.
            self.disk.append(file, &bytes[..bytes.len() / 2])?;
            return Err(DiskError::Full(DIR.to_owned()));
        }
        self.appends_left -= 1;
        self.disk.append(file, bytes)
    }
    fn truncate(&mut self, file: FileId, len: u64) -> DiskResult<()> {
        self.disk.truncate(file, len)
    }
    fn sync(&mut self, file: FileId) -> DiskResult<()> {
        self.synced.push("file".to_owned());
        self.disk.sync(file)
    }
    fn sync_dir(&mut self, dir: &str) -> DiskResult<()> {
        self.synced.push(dir.to_owned());
        self.disk.sync_dir(dir)
    }
    fn list(&mut self, dir: &str) -> DiskResult<Vec<String>> {
        self.disk.list(dir)
    }
    fn remove(&mut self, path: &str) -> DiskResult<()> {
        self.disk.remove(path)
    }
    fn rename(&mut self, from: &str, to: &str) -> DiskResult<()> {
        self.disk.rename(from, to)
    }
}

#[test]
fn after_a_failed_write_nothing_is_appended_until_the_log_is_opened_again() {
    let mut disk = Failing { disk: MemoryDisk::new(), appends_left: 100, synced: Vec::new() };
    let (mut log, _) = Log::open(&mut disk, DIR, SMALL, false).expect("opened");
    let append = |disk: &mut Failing, log: &mut Log| {
        log.append_as_leader(disk, batch(2, 20, 0), LeaderEpoch(0), None).map(|a| a.last_offset)
    };
    assert_eq!(append(&mut disk, &mut log), Ok(Offset(1)));
    disk.appends_left = 0;
    let full = AppendError::Disk(DiskError::Full(DIR.to_owned()));
    assert_eq!(append(&mut disk, &mut log), Err(full.clone()));
    disk.appends_left = 100;
    assert_eq!(append(&mut disk, &mut log), Err(full), "behind a torn batch nothing may follow");
    assert_eq!(log.log_end(), Offset(2));
    let (mut log, recovery) = Log::open(&mut disk, DIR, SMALL, false).expect("opened");
    assert!(recovery.truncated_bytes > 0);
    assert_eq!(append(&mut disk, &mut log), Ok(Offset(3)));
}

#[test]
fn creating_and_opening_empty_logs_syncs_nothing_and_the_first_sync_of_records_syncs_the_names() {
    let mut disk = Failing { disk: MemoryDisk::new(), appends_left: 100, synced: Vec::new() };
    for clean in [false, false, true] {
        Log::open(&mut disk, DIR, SMALL, clean).expect("opened");
    }
    assert_eq!(disk.synced, Vec::<String>::new(), "a thousand idle partitions cost nothing");
    let (mut log, _) = Log::open(&mut disk, DIR, SMALL, false).expect("opened");
    log.append_as_leader(&mut disk, batch(2, 20, 0), LeaderEpoch(0), None).expect("appended");
    disk.synced.clear();
    log.sync(&mut disk).expect("synced");
    assert_eq!(disk.synced, ["file", DIR, ""], "KAFKA-3968: records without a name are lost");
    disk.synced.clear();
    log.append_as_leader(&mut disk, batch(2, 20, 0), LeaderEpoch(0), None).expect("appended");
    log.sync(&mut disk).expect("synced");
    assert_eq!(disk.synced, ["file"]);
}

#[test]
fn a_log_that_is_put_away_is_found_under_its_new_name_alone() {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, SMALL, false);
    lead(&mut log, &mut disk, 1, 2);
    log.sync(&mut disk).expect("synced");
    log.put_away(&mut disk, "orders-0.0-delete").expect("renamed");
    disk.lose_power(Loss::Whole, &mut dice());
    assert_eq!(disk.list("").expect("listed"), ["orders-0.0-delete/"]);
    let (log, _) = open(&mut disk, SMALL, false);
    assert_eq!(log.log_end(), Offset(0), "a topic of the same name never meets the old records");
}

/// One step of a random history.
#[derive(Clone, Copy, Debug)]
enum Op {
    Lead { records: usize, size: usize, raise: bool },
    Follow { records: usize, raise: i32 },
    StartEpoch,
    Sync,
    Truncate { permille: i64 },
    Crash,
    CleanStop,
    LoseIndex,
    PowerLoss { whole: bool, dice: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (1..6_usize, prop_oneof![8 => 0..60_usize, 1 => 3000..9000_usize], any::<bool>())
            .prop_map(|(records, size, raise)| Op::Lead { records, size, raise }),
        4 => (1..5_usize, 0..3).prop_map(|(records, raise)| Op::Follow { records, raise }),
        1 => Just(Op::StartEpoch),
        2 => Just(Op::Sync),
        2 => (0..1100_i64).prop_map(|permille| Op::Truncate { permille }),
        1 => Just(Op::Crash),
        1 => Just(Op::CleanStop),
        1 => Just(Op::LoseIndex),
        2 => (any::<bool>(), any::<u64>()).prop_map(|(whole, dice)| Op::PowerLoss { whole, dice }),
    ]
}

/// What the log should hold, as a plain list, and the epoch of whoever leads.
struct Model {
    batches: Vec<BatchHeader>,
    epoch: i32,
}

impl Model {
    fn end(&self) -> Offset {
        self.batches.last().map_or(Offset(0), BatchHeader::next_offset)
    }

    /// The epoch cache as the records alone say it.
    fn epochs(&self) -> Vec<EpochEntry> {
        let mut entries: Vec<EpochEntry> = Vec::new();
        for batch in &self.batches {
            if entries.last().is_none_or(|last| last.epoch != batch.leader_epoch) {
                entries.push(EpochEntry { epoch: batch.leader_epoch, start: batch.base_offset });
            }
        }
        entries
    }
}

fn reopen(disk: &mut MemoryDisk, log: &Log, clean: bool) -> Log {
    let (log_start, recovery_point) = (log.log_start(), log.synced());
    let opening = Opening { clean, recovery_point, log_start };
    Log::open_at(disk, DIR, log.config(), opening).expect("the disk works").0
}

fn run(config: LogConfig, ops: &[Op]) {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&mut disk, config, false);
    let mut model = Model { batches: Vec::new(), epoch: 0 };
    for op in ops {
        match *op {
            Op::Lead { records, size, raise } => {
                model.epoch += i32::from(raise);
                let epoch = LeaderEpoch(model.epoch);
                let sent = batch(records, size, model.end().0);
                let appended = log.append_as_leader(&mut disk, sent, epoch, None).expect("fits");
                assert_eq!(appended.base_offset, model.end());
                let read = log.read(&mut disk, appended.last_offset, 0, Offset(i64::MAX), true);
                let header = BatchHeader::parse(&read.expect("read").bytes).expect("a batch");
                assert_eq!(header.crc, appended.crc);
                model.batches.push(header);
            }
            Op::Follow { records, raise } => {
                model.epoch += raise;
                let mut bytes = Vec::new();
                for _ in 0..2 {
                    let epoch = LeaderEpoch(model.epoch);
                    let mut builder = BatchBuilder::new(Compression::None).at(model.end(), epoch);
                    for n in 0..records {
                        builder.append(Timestamp(n as i64), None, Some(b"follow"), &[]);
                    }
                    let built = builder.build();
                    model.batches.push(BatchHeader::parse(&built).expect("a batch"));
                    bytes.extend_from_slice(&built);
                }
                log.append_as_follower(&mut disk, &bytes.into()).expect("in order");
            }
            Op::StartEpoch => {
                model.epoch += 1;
                let end = log.log_end();
                log.start_epoch(&mut disk, LeaderEpoch(model.epoch), end).expect("noted");
            }
            Op::Sync => {
                log.sync(&mut disk).expect("synced");
            }
            Op::Truncate { permille } => {
                let target = Offset(model.end().0 * permille / 1000);
                let end = log.truncate_to(&mut disk, target).expect("cut");
                model.batches.retain(|batch| batch.last_offset() < target);
                assert_eq!(end, model.end());
                assert_eq!(log.epochs(), model.epochs());
            }
            Op::Crash => log = reopen(&mut disk, &log, false),
            Op::CleanStop => {
                log.close(&mut disk).expect("closed");
                log = reopen(&mut disk, &log, true);
            }
            Op::LoseIndex => {
                let base = log.segment_bases().next().expect("a log has a segment");
                disk.remove(&format!("{DIR}/{:020}.index", base.0)).expect("removed");
                log = reopen(&mut disk, &log, false);
            }
            Op::PowerLoss { whole, dice } => {
                let synced = log.synced();
                let loss = if whole { Loss::Whole } else { Loss::Part };
                disk.lose_power(loss, &mut Stream::new(dice, Purpose::PowerLoss, 0, 0));
                log = reopen(&mut disk, &log, false);
                let end = log.log_end();
                assert!(end >= synced, "S28: synced to {synced}, recovered to {end}");
                model.batches.retain(|batch| batch.last_offset() < end);
            }
        }
        assert_eq!(log.log_end(), model.end(), "{op:?}");
        let durable = !matches!(op, Op::Lead { .. } | Op::Follow { .. } | Op::StartEpoch);
        if durable {
            assert_eq!(log.headers(&mut disk).expect("read"), model.batches, "S28 after {op:?}");
        }
        // S9: the cache is what the records say, and an entry of a leader that has not written yet.
        let mut entries = log.epochs().to_vec();
        if entries.last().is_some_and(|last| last.start == log.log_end()) {
            entries.pop();
        }
        assert_eq!(entries, model.epochs(), "S9 after {op:?}");
        let stored = CheckedEpochs::on(&mut disk);
        assert_eq!(stored, log.epochs(), "the file is as the cache");
    }
    // Every offset is found, alone and through the whole log.
    for batch in &model.batches {
        for offset in batch.base_offset.0..batch.next_offset().0 {
            let read = log.read(&mut disk, Offset(offset), 1, log.log_end(), true).expect("read");
            assert_eq!(BatchHeader::parse(&read.bytes), Ok(*batch));
            assert_eq!((read.bytes.len(), read.next_offset), (batch.size(), batch.next_offset()));
        }
    }
    let all: Vec<_> =
        batches(&everything(&log, &mut disk)).map(|b| *b.expect("whole").header()).collect();
    assert_eq!(all, model.batches);
}

struct CheckedEpochs;

impl CheckedEpochs {
    fn on(disk: &mut MemoryDisk) -> Vec<EpochEntry> {
        let path = format!("{DIR}/{LEADER_EPOCH_CHECKPOINT}");
        let bytes = disk.read_whole(&path).expect("read").unwrap_or_else(|| "0\n0\n".into());
        EpochCache::decode(&bytes).expect("well-formed").entries().to_vec()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_with_many_small_segments(ops in prop::collection::vec(op(), 1..60)) {
        let config = LogConfig { segment_bytes: 60_000, index_interval_bytes: 100, max_message_bytes: 1 << 20 };
        run(config, &ops);
    }

    #[test]
    fn random_histories_in_one_segment(ops in prop::collection::vec(op(), 1..60)) {
        let config = LogConfig { segment_bytes: 1 << 30, index_interval_bytes: 4096, max_message_bytes: 1 << 20 };
        run(config, &ops);
    }
}
