//! The queue of what is due: ordered by time, then by a keyed draw, then by age.
//!
//! The draw belongs to the entity that the entry is for, so that one more entry elsewhere never reorders entries here.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use klamm_node::Time;
use klamm_node::rng::{Purpose, Stream};

/// A source of tie-breaking draws for one entity: one ChaCha draw makes the key, a counter and a mixing function do the
/// rest, because this is paid for every entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TieBreak {
    state: u64,
}

impl TieBreak {
    pub(crate) fn new(seed: u64, entity: u64) -> Self {
        Self { state: Stream::new(seed, Purpose::TieBreak, entity, 0).bits() }
    }

    /// SplitMix64, upper half.
    pub(crate) fn draw(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(0)
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry<T> {
    /// Time, draw and age in one number, because a heap does little else than compare them. Of the age it is the lower
    /// half: it decides between entries of one time and one draw, and never were four thousand million others made
    /// between two of those.
    key: u128,
    what: T,
}

impl<T> Entry<T> {
    fn new(time: Time, tie: u32, serial: u64, what: T) -> Self {
        let age = serial & u64::from(u32::MAX);
        Self { key: u128::from(time.0) << 64 | u128::from(tie) << 32 | u128::from(age), what }
    }

    fn time(&self) -> Time {
        Time(u64::try_from(self.key >> 64).unwrap_or(u64::MAX))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl<T> Eq for Entry<T> {}
impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
/// The earliest is the greatest, because the heap gives its greatest first.
impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

/// How many entries stand in a row at most.
const NEAR: usize = 64;

/// What is due, earliest first. A frame is on its way for a moment and a timer runs for long: what is due soonest stands in
/// a row, into which a frame is put near the end after a look at few others, and the heap has the rest.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    /// The latest first. None of them is due later than anything in the heap.
    near: Vec<Entry<T>>,
    far: BinaryHeap<Entry<T>>,
    serial: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { near: Vec::new(), far: BinaryHeap::new(), serial: 0 }
    }
}

impl<T> Queue<T> {
    pub(crate) fn push(&mut self, time: Time, tie: u32, what: T) {
        self.serial += 1;
        let entry = Entry::new(time, tie, self.serial, what);
        if self.near.len() == NEAR && self.is_near(entry.key) {
            self.far.extend(self.near.drain(..NEAR / 2));
        }
        if self.is_near(entry.key) {
            let at = self.near.partition_point(|other| other.key > entry.key);
            self.near.insert(at, entry);
        } else {
            self.far.push(entry);
        }
    }

    /// Whether nothing in the heap is due before it.
    fn is_near(&self, key: u128) -> bool {
        self.far.is_empty() || self.near.first().is_some_and(|latest| key < latest.key)
    }

    pub(crate) fn pop(&mut self) -> Option<(Time, T)> {
        if self.near.is_empty() {
            self.fetch();
        }
        self.near.pop().map(|entry| (entry.time(), entry.what))
    }

    /// Takes what is due next from the heap into the row.
    fn fetch(&mut self) {
        let sooner = std::iter::from_fn(|| self.far.pop()).take(NEAR / 2);
        self.near.extend(sooner);
        self.near.reverse();
    }

    pub(crate) fn next_time(&self) -> Option<Time> {
        self.near.last().or_else(|| self.far.peek()).map(Entry::time)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn time_first_then_the_draw_then_age() {
        let mut queue = Queue::default();
        queue.push(Time(2), 0, "later");
        queue.push(Time(1), 9, "second by draw");
        queue.push(Time(1), 3, "first by draw");
        queue.push(Time(1), 9, "third by age");
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, what)| what).collect();
        assert_eq!(order, ["first by draw", "second by draw", "third by age", "later"]);
    }

    #[test]
    fn whatever_comes_and_goes_the_earliest_is_next() {
        let mut dice = TieBreak::new(3, 3);
        let (mut queue, mut plain) = (Queue::default(), BTreeSet::<(u64, u32, u32)>::new());
        for serial in 0_u32..5_000 {
            let now = plain.first().map_or(0, |(time, ..)| *time);
            // Bursts of what is due soon, some of it at one time, among what is due late.
            let ahead =
                if dice.draw().is_multiple_of(4) { dice.draw() % 5_000 } else { dice.draw() % 8 };
            let (time, tie) = (now + u64::from(ahead), dice.draw() % 2);
            queue.push(Time(time), tie, serial);
            plain.insert((time, tie, serial));
            let takes = if serial / 100 % 2 == 0 { dice.draw() % 2 } else { dice.draw() % 3 };
            for _ in 0..takes {
                let first = plain.pop_first().map(|(time, _, serial)| (Time(time), serial));
                assert_eq!(queue.next_time(), first.map(|(time, _)| time));
                assert_eq!(queue.pop(), first);
            }
        }
        assert!(plain.len() > 2 * NEAR, "much is left");
        while let Some((time, _, serial)) = plain.pop_first() {
            assert_eq!(queue.pop(), Some((Time(time), serial)));
        }
        assert_eq!((queue.next_time(), queue.pop()), (None, None));
    }

    #[test]
    fn ties_of_one_entity_do_not_depend_on_another() {
        let draws = |extra: usize| {
            let (mut here, mut there) = (TieBreak::new(7, 1), TieBreak::new(7, 2));
            (0..extra).for_each(|_| {
                there.draw();
            });
            [here.draw(), here.draw(), here.draw()]
        };
        assert_eq!(draws(0), draws(100));
        assert_ne!(TieBreak::new(7, 1).draw(), TieBreak::new(8, 1).draw());
    }
}
