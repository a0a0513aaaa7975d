//! A segment's offset index: sparse on disk and in memory, dense only for the newest few kilobytes.
//!
//! An entry is (last offset of a batch, less the segment's base; where the batch begins), eight bytes on disk as in
//! Kafka. The dense tail holds the batches behind the newest entry, so that readers at the end of the log, which is
//! where nearly all are, find their batch without a walk.

const ENTRY: usize = 8;
/// `segment.index.bytes`: a full index rolls the segment.
const MAX_BYTES: usize = 10 << 20;

/// A batch's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// The last offset of the batch, less the base of the segment.
    pub relative: u32,
    /// Where the batch begins.
    pub position: u32,
}

impl Entry {
    pub(crate) fn encode(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..4].copy_from_slice(&self.relative.to_be_bytes());
        bytes[4..].copy_from_slice(&self.position.to_be_bytes());
        bytes
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct OffsetIndex {
    sparse: Vec<Entry>,
    tail: Vec<Entry>,
    /// Bytes written since the newest sparse entry, its own batch included.
    since: u64,
}

impl OffsetIndex {
    /// Takes note of a batch at the end of the segment; returns the entry to be written to the file, if one is due.
    pub(crate) fn note(&mut self, entry: Entry, size: u64, interval: u64) -> Option<Entry> {
        let due = self.since > interval;
        if due {
            self.sparse.push(entry);
            self.tail.clear();
            self.since = 0;
        } else {
            self.tail.push(entry);
        }
        self.since += size;
        due.then_some(entry)
    }

    /// Where to start walking for the first batch that ends at or behind `relative`, and whether that is the very one.
    pub(crate) fn locate(&self, relative: u32) -> (u64, bool) {
        let (at, exact) = if self.sparse.last().is_none_or(|newest| newest.relative < relative) {
            let at = self.tail.partition_point(|entry| entry.relative < relative);
            (self.tail.get(at).or_else(|| self.sparse.last()), at < self.tail.len())
        } else {
            let after = self.sparse.partition_point(|entry| entry.relative <= relative);
            let floor = after.checked_sub(1).and_then(|at| self.sparse.get(at));
            (floor, floor.is_some_and(|entry| entry.relative == relative))
        };
        at.map_or((0, false), |entry| (u64::from(entry.position), exact))
    }

    /// Forgets batches from `position` on. The tail must then be walked again from the returned place.
    pub(crate) fn truncate(&mut self, position: u64) -> u64 {
        let keep = self.sparse.partition_point(|entry| u64::from(entry.position) < position);
        self.sparse.truncate(keep);
        self.restart_tail()
    }

    /// Empties the tail and returns where its walk begins: at the batch of the newest entry.
    pub(crate) fn restart_tail(&mut self) -> u64 {
        self.tail.clear();
        self.since = 0;
        self.sparse.last().map_or(0, |entry| u64::from(entry.position))
    }

    /// Takes note of a batch that a walk from [`Self::restart_tail`] met. Returns an entry that is due but missing.
    pub(crate) fn note_again(&mut self, entry: Entry, size: u64, interval: u64) -> Option<Entry> {
        if self.sparse.last().is_some_and(|newest| newest.position == entry.position) {
            self.since += size;
            return None;
        }
        self.note(entry, size, interval)
    }

    pub(crate) fn newest(&self) -> Option<Entry> {
        self.sparse.last().copied()
    }

    /// Bytes of the file.
    pub(crate) fn file_len(&self) -> u64 {
        (self.sparse.len() * ENTRY) as u64
    }

    pub(crate) fn is_full(&self) -> bool {
        self.sparse.len() * ENTRY >= MAX_BYTES
    }

    /// The file's contents.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.sparse.iter().flat_map(|entry| entry.encode()).collect()
    }

    /// Reads a file; `None` when it can't be the index of a segment of `size` bytes.
    pub(crate) fn decode(bytes: &[u8], size: u64) -> Option<Self> {
        if !bytes.len().is_multiple_of(ENTRY) {
            return None;
        }
        let number = |piece: &[u8]| piece.try_into().map_or(0, u32::from_be_bytes);
        let sparse: Vec<Entry> = bytes
            .chunks_exact(ENTRY)
            .map(|entry| Entry { relative: number(&entry[..4]), position: number(&entry[4..]) })
            .collect();
        let ordered = sparse
            .windows(2)
            .all(|pair| pair[0].relative < pair[1].relative && pair[0].position < pair[1].position);
        let inside = sparse.last().is_none_or(|newest| u64::from(newest.position) < size);
        (ordered && inside).then(|| Self { sparse, ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches of ten records and 100 bytes.
    fn index(batches: u32, interval: u64) -> (OffsetIndex, Vec<u8>) {
        let mut index = OffsetIndex::default();
        let mut file = Vec::new();
        for n in 0..batches {
            let entry = Entry { relative: n * 10 + 9, position: n * 100 };
            file.extend(index.note(entry, 100, interval).into_iter().flat_map(Entry::encode));
        }
        (index, file)
    }

    #[test]
    fn an_entry_is_due_after_the_interval_and_reads_back() {
        let (index, file) = index(20, 450);
        assert_eq!(index.sparse.iter().map(|e| e.position).collect::<Vec<_>>(), [500, 1000, 1500]);
        assert_eq!(file, index.encode());
        assert_eq!(OffsetIndex::decode(&file, 2000).map(|i| i.sparse), Some(index.sparse));
    }

    #[test]
    fn the_tail_is_exact_and_older_places_are_at_or_before_the_batch() {
        let (index, _) = index(20, 450);
        for n in 0..20 {
            for relative in n * 10..n * 10 + 10 {
                let (at, exact) = index.locate(relative);
                assert!(at <= u64::from(n * 100), "{relative} at {at}");
                if n > 15 {
                    assert_eq!((at, exact), (u64::from(n * 100), true), "{relative}");
                }
                if exact {
                    assert_eq!(at, u64::from(n * 100), "{relative}");
                }
            }
        }
    }

    #[test]
    fn a_file_that_cannot_be_right_is_refused() {
        let (_, file) = index(20, 450);
        assert!(OffsetIndex::decode(&file, 1500).is_none(), "points behind the end");
        assert!(OffsetIndex::decode(&file[..file.len() - 1], 2000).is_none(), "cut");
        let doubled = [file.clone(), file].concat();
        assert!(OffsetIndex::decode(&doubled, 2000).is_none(), "goes back");
    }
}
