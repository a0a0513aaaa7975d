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

/// What is due, earliest first.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Entry<T>>,
    serial: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), serial: 0 }
    }
}

impl<T> Queue<T> {
    pub(crate) fn push(&mut self, time: Time, tie: u32, what: T) {
        self.serial += 1;
        self.heap.push(Entry::new(time, tie, self.serial, what));
    }

    pub(crate) fn pop(&mut self) -> Option<(Time, T)> {
        self.heap.pop().map(|entry| (entry.time(), entry.what))
    }

    pub(crate) fn next_time(&self) -> Option<Time> {
        self.heap.peek().map(Entry::time)
    }
}

#[cfg(test)]
mod tests {
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
