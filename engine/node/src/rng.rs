//! Keyed random streams: every draw belongs to a purpose and an entity, so that a new consumer of randomness, or an
//! injected crash, never shifts an unrelated draw.
//!
//! A stream is a ChaCha8 generator whose 256-bit key *is* (seed, purpose, entity, index); its block counter is the draw
//! counter. Nothing is hashed, nothing is shared. See design.md section 4 and dst.md P10.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::time::Span;

/// What a stream is for. The number is part of the key: never renumber one, or every kept seed changes its meaning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u16)]
pub enum Purpose {
    /// Order of events that are due at the same instant.
    TieBreak = 1,
    /// Latency of a link, per direction.
    LinkLatency = 2,
    /// Loss on a link, per direction.
    LinkLoss = 3,
    /// Time that a disk operation takes.
    DiskLatency = 4,
    /// What a power failure leaves of un-synced data.
    PowerLoss = 5,
    /// What a workload produces, and when.
    Workload = 6,
    /// Election timeouts of the metadata quorum.
    ElectionTimeout = 7,
    /// Topic ids, directory ids, incarnation ids, cluster id.
    Ids = 8,
    /// Backoff jitter of clients and brokers.
    Backoff = 9,
    /// A client's choice among brokers or partitions.
    ClientChoice = 10,
    /// Clock skew and drift per node.
    Clock = 11,
    /// Random faults.
    Nemesis = 12,
    /// Which stored bits flip.
    BitRot = 13,
    /// Ids of fetch sessions.
    FetchSession = 14,
    /// The names of log directories that are put away.
    DirectoryNames = 15,
    /// Ids of group members.
    MemberIds = 16,
    /// What a program of one's own draws, and which of its tasks is next.
    Program = 17,
}

/// One stream of draws. Cheap to clone; a clone continues independently from the same point.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of (seed, purpose, entity, index).
    pub fn new(seed: u64, purpose: Purpose, entity: u64, index: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&u64::from(purpose as u16).to_le_bytes());
        key[16..24].copy_from_slice(&entity.to_le_bytes());
        key[24..].copy_from_slice(&index.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 128 uniform bits.
    pub fn wide(&mut self) -> u128 {
        u128::from(self.bits()) << 64 | u128::from(self.bits())
    }

    /// A number from `low` to `high`, both included. Multiply-shift on 64 bits: its bias is below 2^-32 for every
    /// range used here, and it is the same on every machine.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        debug_assert!(low <= high, "an empty range {low}..={high} has no draw");
        let width = u128::from(high.saturating_sub(low)) + 1;
        let scaled = (u128::from(self.bits()) * width) >> 64;
        low + u64::try_from(scaled).unwrap_or(0)
    }

    /// An index below `count`; zero when `count` is zero.
    pub fn index(&mut self, count: usize) -> usize {
        if count == 0 {
            return 0;
        }
        usize::try_from(self.between(0, count as u64 - 1)).unwrap_or(0)
    }

    /// A span from `low` to `high`, both included.
    pub fn span(&mut self, low: Span, high: Span) -> Span {
        Span(self.between(low.0, high.0.max(low.0)))
    }

    /// True `n` times in a million.
    pub fn per_million(&mut self, n: u32) -> bool {
        self.between(1, 1_000_000) <= u64::from(n)
    }

    /// Fisher–Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.index(i + 1));
        }
    }
}

/// The streams of one entity (a node, the world), opened on first use and kept with their position.
#[derive(Clone, Debug)]
pub struct Streams {
    seed: u64,
    entity: u64,
    open: BTreeMap<(Purpose, u64), Stream>,
}

impl Streams {
    /// The streams of `entity` under `seed`.
    pub fn new(seed: u64, entity: u64) -> Self {
        Self { seed, entity, open: BTreeMap::new() }
    }

    /// The stream for a purpose.
    pub fn of(&mut self, purpose: Purpose) -> &mut Stream {
        self.at(purpose, 0)
    }

    /// The stream for a purpose and one of several things of that kind (a peer, a partition).
    pub fn at(&mut self, purpose: Purpose, index: u64) -> &mut Stream {
        let (seed, entity) = (self.seed, self.entity);
        self.open
            .entry((purpose, index))
            .or_insert_with(|| Stream::new(seed, purpose, entity, index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_consumer_shifts_nobody_else() {
        let mut quiet = Streams::new(7, 1);
        let mut busy = Streams::new(7, 1);
        for _ in 0..1000 {
            busy.of(Purpose::Nemesis).bits();
        }
        assert_eq!(quiet.of(Purpose::LinkLatency).bits(), busy.of(Purpose::LinkLatency).bits());
    }

    #[test]
    fn draws_are_the_same_on_every_machine() {
        let mut stream = Stream::new(7, Purpose::ElectionTimeout, 3, 0);
        let draws: Vec<u64> = (0..4).map(|_| stream.between(1000, 2000)).collect();
        assert_eq!(draws, DRAWS_OF_SEED_7);
        assert!(draws.iter().all(|d| (1000..=2000).contains(d)));
    }

    const DRAWS_OF_SEED_7: [u64; 4] = [1790, 1152, 1953, 1997];

    #[test]
    fn the_ends_of_a_range_are_both_drawn() {
        let mut stream = Stream::new(1, Purpose::Workload, 0, 0);
        let seen: std::collections::BTreeSet<u64> =
            (0..200).map(|_| stream.between(3, 5)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(stream.between(9, 9), 9);
    }
}
