//! A log as its batches' identities: enough to say whether two logs are equal, and where they part.

use klamm_node::{LeaderEpoch, Offset};
use xxhash_rust::xxh3::xxh3_64;

use crate::shared::{Leaf, List};

/// A batch in a log. Offsets, epoch and CRC are its identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch {
    /// First offset.
    pub base: Offset,
    /// Last offset.
    pub last: Offset,
    /// The leader epoch stamped on it.
    pub epoch: LeaderEpoch,
    /// Its CRC-32C.
    pub crc: u32,
}

/// Where two logs part: the first offset, and what each holds there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The first offset at which they differ.
    pub offset: Offset,
    /// The first log's batch there.
    pub left: Option<Batch>,
    /// The second log's batch there.
    pub right: Option<Batch>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Link {
    batch: Batch,
    /// Digest of this batch and everything before it: equal chains mean equal prefixes.
    chain: u64,
}

/// A log's content, as events told it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogModel {
    start: Offset,
    end: Offset,
    /// The digest of what was before the first link.
    before: u64,
    links: List<Link>,
}

impl LogModel {
    /// First offset.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// Next offset.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// The batches, in order.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = Batch> + ExactSizeIterator {
        self.links.iter().map(|link| link.batch)
    }

    /// The newest batch.
    pub fn last(&self) -> Option<Batch> {
        self.links.last().map(|link| link.batch)
    }

    /// The batch that holds an offset.
    pub fn at(&self, offset: Offset) -> Option<Batch> {
        let index = self.links.partition_point(|link| link.batch.last < offset);
        self.links.get(index).map(|link| link.batch).filter(|batch| batch.base <= offset)
    }

    /// The first batch of an epoch.
    pub fn first_of(&self, epoch: LeaderEpoch) -> Option<Batch> {
        let index = self.links.partition_point(|link| link.batch.epoch < epoch);
        self.links.get(index).map(|link| link.batch).filter(|batch| batch.epoch == epoch)
    }

    /// The epochs of the batches and the first offset of each, in order.
    pub fn epochs(&self) -> Vec<(LeaderEpoch, Offset)> {
        let mut epochs = Vec::new();
        let mut next = 0;
        while let Some(link) = self.links.get(next) {
            epochs.push((link.batch.epoch, link.batch.base));
            let of = link.batch.epoch;
            next = self.links.partition_point(|other| other.batch.epoch <= of).max(next + 1);
        }
        epochs
    }

    /// Takes over from another log what lies between this log's end and `below`: whole batches only.
    pub fn extend_from(&mut self, other: &Self, below: Offset) {
        if self.links.is_empty() && self.end < other.start {
            self.start_over(other.start, other.before);
        }
        let first = other.links.partition_point(|link| link.batch.base < self.end);
        for link in other.links.from(first).take_while(|link| link.batch.last < below) {
            self.append(link.batch);
        }
    }

    /// A digest of everything below the end: equal for equal logs.
    pub fn digest(&self) -> u64 {
        self.links.last().map_or(self.before, |link| link.chain)
    }

    /// A digest of everything below an offset at which a batch begins or the log ends; none if it is elsewhere.
    pub fn digest_below(&self, offset: Offset) -> Option<u64> {
        let below = self.links.partition_point(|link| link.batch.last < offset);
        match below.checked_sub(1).and_then(|last| self.links.get(last)) {
            Some(last) => (last.batch.last.plus(1) == offset).then_some(last.chain),
            None => (self.start == offset || self.links.first()?.batch.base == offset)
                .then_some(self.before),
        }
    }

    /// Throws everything away and begins at an offset, behind a history with this digest.
    pub fn start_over(&mut self, start: Offset, before: u64) {
        *self = Self { start, end: start, before, links: List::default() };
    }

    /// Bytes of its leaves that count.
    pub fn bytes(&self, counts: &mut dyn FnMut(Leaf) -> bool) -> usize {
        self.links.bytes(counts, |_| 0)
    }

    /// Adds a batch.
    pub fn append(&mut self, batch: Batch) {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.digest().to_le_bytes());
        bytes[8..16].copy_from_slice(&batch.base.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&batch.last.0.to_le_bytes());
        bytes[24..28].copy_from_slice(&batch.epoch.0.to_le_bytes());
        bytes[28..].copy_from_slice(&batch.crc.to_le_bytes());
        self.links.push(Link { batch, chain: xxh3_64(&bytes) });
        self.end = self.end.max(batch.last.plus(1));
    }

    /// Cuts off everything from an offset on; a batch that reaches over it goes whole, as in Kafka.
    pub fn truncate_to(&mut self, end: Offset) {
        let keep = self.links.partition_point(|link| link.batch.last < end);
        self.links.truncate(keep);
        self.end = end;
        self.start = self.start.min(end);
    }

    /// Moves the first offset up; batches that lie wholly below are forgotten. A start above the end empties the log.
    pub fn move_start(&mut self, start: Offset) {
        let drop = self.links.partition_point(|link| link.batch.last < start);
        if let Some(last) = drop.checked_sub(1).and_then(|last| self.links.get(last)) {
            self.before = last.chain;
        }
        self.links.drop_first(drop);
        self.start = start;
        self.end = self.end.max(start);
    }

    /// A crash came before the checkpoint of a log start that had moved: the log starts where its first segment does again.
    /// What was forgotten below stays unknown.
    pub fn lower_start(&mut self, start: Offset) {
        self.start = self.start.min(start);
    }

    /// Index of the first batch at or above `below`, which is the number of batches that lie below it.
    fn count_below(&self, below: Offset) -> usize {
        self.links.partition_point(|link| link.batch.base < below)
    }

    /// Where this log and another part below an offset, in the range that both cover from their starts on. A log that
    /// ends before `below` differs at its end.
    pub fn first_difference(&self, other: &Self, below: Offset) -> Option<Difference> {
        let from = self.start.max(other.start);
        if below <= from {
            return None;
        }
        let (mine, theirs) = (self.count_below(below), other.count_below(below));
        let newest =
            |log: &Self, count: usize| count.checked_sub(1).and_then(|i| log.links.get(i).copied());
        if let (Some(a), Some(b)) = (newest(self, mine), newest(other, theirs))
            && a == b
        {
            return None;
        }
        let relevant = |log: &Self, count: usize| -> Vec<Batch> {
            let first = log.links.partition_point(|link| link.batch.last < from);
            log.links.from(first).take(count.saturating_sub(first)).map(|link| link.batch).collect()
        };
        let (left, right) = (relevant(self, mine), relevant(other, theirs));
        for index in 0..left.len().max(right.len()) {
            let (a, b) = (left.get(index).copied(), right.get(index).copied());
            if a != b {
                let base =
                    |batch: Option<Batch>| batch.map_or(Offset(i64::MAX), |batch| batch.base);
                let offset = base(a).min(base(b)).max(from);
                let holds = |batch: Option<Batch>| batch.filter(|b| b.base <= offset);
                return Some(Difference { offset, left: holds(a), right: holds(b) });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(batches: &[(i64, i64, i32, u32)]) -> LogModel {
        let mut log = LogModel::default();
        for &(base, last, epoch, crc) in batches {
            let (base, last) = (Offset(base), Offset(last));
            log.append(Batch { base, last, epoch: LeaderEpoch(epoch), crc });
        }
        log
    }

    #[test]
    fn equal_prefixes_do_not_differ_and_the_first_difference_is_found() {
        let a = log(&[(0, 1, 0, 7), (2, 4, 0, 8), (5, 5, 1, 9)]);
        let b = log(&[(0, 1, 0, 7), (2, 4, 0, 8), (5, 5, 2, 1), (6, 6, 2, 2)]);
        assert_eq!(a.first_difference(&b, Offset(5)), None);
        let found = a.first_difference(&b, Offset(6)).unwrap();
        assert_eq!(found.offset, Offset(5));
        assert_eq!((found.left.unwrap().crc, found.right.unwrap().crc), (9, 1));
        let short = log(&[(0, 1, 0, 7)]);
        let missing = short.first_difference(&a, Offset(4)).unwrap();
        assert_eq!((missing.offset, missing.left), (Offset(2), None));
    }

    #[test]
    fn logs_that_start_elsewhere_are_compared_where_both_are() {
        let mut a = log(&[(0, 1, 0, 7), (2, 4, 0, 8), (5, 5, 1, 9)]);
        a.move_start(Offset(3));
        let mut late = LogModel::default();
        late.move_start(Offset(5));
        late.append(Batch { base: Offset(5), last: Offset(5), epoch: LeaderEpoch(1), crc: 9 });
        assert_eq!(a.first_difference(&late, Offset(6)), None);
        assert_eq!(a.at(Offset(0)), None);
        assert_eq!(a.at(Offset(3)).unwrap().crc, 8);
    }

    #[test]
    fn a_log_that_begins_behind_a_snapshot_has_the_digest_of_the_whole() {
        let mut whole = log(&[(0, 1, 0, 7), (2, 4, 0, 8)]);
        let before = whole.digest_below(Offset(2)).expect("a batch begins there");
        let mut late = LogModel::default();
        late.start_over(Offset(2), before);
        late.append(Batch { base: Offset(2), last: Offset(4), epoch: LeaderEpoch(0), crc: 8 });
        assert_eq!(late.digest(), whole.digest());
        assert_eq!(whole.digest_below(Offset(3)), None, "inside a batch");
        whole.move_start(Offset(2));
        assert_eq!(whole.digest_below(Offset(2)), Some(before));
        whole.move_start(Offset(5));
        assert_eq!(whole.digest(), late.digest(), "also when nothing is left");
    }

    #[test]
    fn truncation_takes_the_batch_that_reaches_over_the_cut() {
        let mut a = log(&[(0, 1, 0, 7), (2, 4, 0, 8)]);
        a.truncate_to(Offset(3));
        assert_eq!((a.end(), a.last().unwrap().base), (Offset(3), Offset(0)));
        let digest = a.digest();
        assert_eq!(digest, log(&[(0, 1, 0, 7)]).digest());
    }
}
