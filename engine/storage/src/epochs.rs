//! The leader-epoch cache: where in the log each leader's reign began (KIP-101, KIP-279).
//!
//! *Flows in*: (epoch, first offset) when a leader starts or a batch of a newer epoch arrives; truncations.
//! *Flows out*: how far an epoch reached, which is what a follower truncates by.
//! *Must never*: hold two entries out of order: epochs and start offsets both strictly increase.

use klamm_node::{DiskError, DiskResult, LeaderEpoch, Offset};

/// An epoch and its first offset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EpochEntry {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// The first offset written in it, or where the log ended when its leader started (KAFKA-7415).
    pub start: Offset,
}

/// The epochs of a log, oldest first. Pure: its owner keeps the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EpochCache {
    entries: Vec<EpochEntry>,
}

impl EpochCache {
    /// All entries, oldest first.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The newest epoch.
    pub fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    /// The first offset of an epoch that is known.
    pub fn start_of(&self, epoch: LeaderEpoch) -> Option<Offset> {
        let at = self.entries.binary_search_by_key(&epoch, |entry| entry.epoch).ok()?;
        self.entries.get(at).map(|entry| entry.start)
    }

    /// The epoch in which an offset was or would be written.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.start <= offset);
        after.checked_sub(1).and_then(|at| self.entries.get(at)).map(|entry| entry.epoch)
    }

    /// Notes that `epoch` starts at `start`; true if that was news. Entries that would then be out of order, by epoch
    /// or by offset, belong to leaders whose records are gone: they give way.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch.0 < 0 || start.0 < 0 {
            return false;
        }
        let news = self.latest().is_none_or(|last| epoch != last.epoch || start < last.start);
        if news {
            while self.latest().is_some_and(|last| last.epoch >= epoch || last.start >= start) {
                self.entries.pop();
            }
            self.entries.push(EpochEntry { epoch, start });
        }
        news
    }

    /// Where the largest epoch not above `epoch` ended. `None` when `epoch` is unknown because it is newer than all
    /// here (or there is none at all, or none was asked for). For the newest epoch that is the log end. An epoch older
    /// than all here ended before the oldest one began.
    pub fn end_offset_for(
        &self,
        epoch: LeaderEpoch,
        log_end: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        let latest = self.latest()?;
        if epoch.0 < 0 || epoch > latest.epoch {
            return None;
        }
        if epoch == latest.epoch {
            return Some((epoch, log_end));
        }
        let higher = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let end = self.entries.get(higher)?.start;
        let floor = higher.checked_sub(1).and_then(|at| self.entries.get(at));
        Some((floor.map_or(epoch, |entry| entry.epoch), end))
    }

    /// Forgets every epoch that starts at or behind `end`; true if there was one.
    pub fn truncate_from_end(&mut self, end: Offset) -> bool {
        let keep = self.entries.partition_point(|entry| entry.start < end);
        let changed = keep < self.entries.len();
        self.entries.truncate(keep);
        changed
    }

    /// Forgets every epoch that ends at or before `start`, and lets the one that `start` falls in begin there; true if
    /// anything changed.
    pub fn truncate_from_start(&mut self, start: Offset) -> bool {
        let covered = self.entries.partition_point(|entry| entry.start <= start);
        let Some(last) = covered.checked_sub(1) else { return false };
        let changed = last > 0 || self.entries.first().is_some_and(|entry| entry.start != start);
        self.entries.drain(..last);
        if let Some(first) = self.entries.first_mut() {
            first.start = start;
        }
        changed
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Kafka's text file: version 0, the number of entries, `epoch start` a line.
    pub fn encode(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for EpochEntry { epoch, start } in &self.entries {
            text.push_str(&format!("{epoch} {start}\n"));
        }
        text
    }

    /// Reads the text file.
    ///
    /// # Errors
    /// It is not such a file, or its entries are out of order.
    pub fn decode(text: &[u8]) -> DiskResult<Self> {
        let malformed = || DiskError::Io("malformed leader-epoch-checkpoint".to_owned());
        let text = std::str::from_utf8(text).map_err(|_| malformed())?;
        let mut lines = text.lines();
        if lines.next() != Some("0") {
            return Err(malformed());
        }
        let count: usize = lines.next().and_then(|n| n.parse().ok()).ok_or_else(malformed)?;
        let mut cache = Self::default();
        for line in lines {
            let (epoch, start) = line.split_once(' ').ok_or_else(malformed)?;
            let epoch = LeaderEpoch(epoch.parse().map_err(|_| malformed())?);
            let start = Offset(start.parse().map_err(|_| malformed())?);
            let ordered =
                cache.latest().is_none_or(|last| last.epoch < epoch && last.start < start);
            if epoch.0 < 0 || start.0 < 0 || !ordered {
                return Err(malformed());
            }
            cache.entries.push(EpochEntry { epoch, start });
        }
        if cache.entries.len() == count { Ok(cache) } else { Err(malformed()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(i32, i64)]) -> EpochCache {
        let mut cache = EpochCache::default();
        for (epoch, start) in entries {
            assert!(cache.assign(LeaderEpoch(*epoch), Offset(*start)));
        }
        cache
    }

    fn shown(cache: &EpochCache) -> Vec<(i32, i64)> {
        cache.entries().iter().map(|entry| (entry.epoch.0, entry.start.0)).collect()
    }

    #[test]
    fn an_epoch_ends_where_the_next_known_one_starts() {
        let cache = cache(&[(2, 10), (3, 20), (6, 30)]);
        let end =
            |epoch| cache.end_offset_for(LeaderEpoch(epoch), Offset(100)).map(|(e, o)| (e.0, o.0));
        assert_eq!(end(6), Some((6, 100)), "the newest ends at the log end");
        assert_eq!(end(3), Some((3, 30)));
        assert_eq!(end(5), Some((3, 30)), "an epoch without records: the one before it");
        assert_eq!(end(2), Some((2, 20)));
        assert_eq!(end(1), Some((1, 10)), "older than all: before the first");
        assert_eq!(end(7), None, "newer than all");
        assert_eq!(end(-1), None);
        assert_eq!(EpochCache::default().end_offset_for(LeaderEpoch(0), Offset(0)), None);
    }

    #[test]
    fn an_entry_that_a_new_one_contradicts_gives_way() {
        let mut log = cache(&[(1, 0), (2, 5)]);
        assert!(!log.assign(LeaderEpoch(2), Offset(5)), "known");
        assert!(!log.assign(LeaderEpoch(2), Offset(9)), "an epoch does not start twice");
        assert!(log.assign(LeaderEpoch(4), Offset(5)), "epoch 2 never wrote anything");
        assert_eq!(shown(&log), [(1, 0), (4, 5)]);
        assert!(log.assign(LeaderEpoch(3), Offset(7)), "an older epoch replaces newer ones");
        assert_eq!(shown(&log), [(1, 0), (3, 7)]);
        assert!(log.assign(LeaderEpoch(0), Offset(0)), "epoch 0 is an epoch (KAFKA-10432)");
        assert_eq!(shown(&log), [(0, 0)]);
        assert!(!log.assign(LeaderEpoch(-1), Offset(3)));
    }

    #[test]
    fn truncation_keeps_order_at_both_ends() {
        let mut log = cache(&[(1, 0), (2, 5), (3, 9)]);
        assert!(!log.truncate_from_end(Offset(10)));
        assert!(log.truncate_from_end(Offset(9)), "an entry at the end goes");
        assert_eq!(shown(&log), [(1, 0), (2, 5)]);
        let mut log = cache(&[(1, 0), (2, 5), (3, 9)]);
        assert!(log.truncate_from_start(Offset(7)));
        assert_eq!(shown(&log), [(2, 7), (3, 9)]);
        assert!(!log.truncate_from_start(Offset(7)));
        assert_eq!(log.epoch_at(Offset(8)), Some(LeaderEpoch(2)));
        assert_eq!(log.epoch_at(Offset(6)), None);
        assert_eq!(log.start_of(LeaderEpoch(3)), Some(Offset(9)));
    }

    #[test]
    fn the_file_is_kafkas_and_a_broken_one_is_refused() {
        let log = cache(&[(0, 0), (7, 12)]);
        assert_eq!(log.encode(), "0\n2\n0 0\n7 12\n");
        assert_eq!(EpochCache::decode(log.encode().as_bytes()), Ok(log));
        for broken in ["", "1\n0\n", "0\n2\n0 0\n", "0\n2\n3 0\n2 5\n", "0\n1\nx 0\n", "0\n1\n1\n"]
        {
            assert!(EpochCache::decode(broken.as_bytes()).is_err(), "{broken:?}");
        }
    }
}
