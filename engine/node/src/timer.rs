//! A room's timers: one table, one deadline per key, deterministic order.
//!
//! A key says *why* the timer runs (`Timers<Wake>` with `enum Wake { ElectionTimeout, ... }`), so that a trace can.
//! Equal deadlines fire in the order of their keys.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Time;

/// The earliest of several deadlines, each with its reason; of equal ones the one whose reason comes first in the alphabet.
/// A driver asks for it after every input.
pub fn earliest(deadlines: &[Option<(Time, &'static str)>]) -> Option<(Time, &'static str)> {
    let mut first: Option<(Time, &'static str)> = None;
    for deadline in deadlines.iter().flatten() {
        let sooner =
            first.is_none_or(|(at, why)| deadline.0 < at || deadline.0 == at && deadline.1 < why);
        if sooner {
            first = Some(*deadline);
        }
    }
    first
}

/// Deadlines by key; arming a key again moves its deadline.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    by_key: BTreeMap<K, Time>,
    by_time: BTreeSet<(Time, K)>,
}

impl<K: Ord + Clone> Default for Timers<K> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// Sets or moves the deadline of `key`.
    pub fn arm(&mut self, key: K, at: Time) {
        self.disarm(&key);
        self.by_time.insert((at, key.clone()));
        self.by_key.insert(key, at);
    }

    /// Arms `key` only if it is not armed yet.
    pub fn arm_if_idle(&mut self, key: K, at: Time) {
        if !self.by_key.contains_key(&key) {
            self.arm(key, at);
        }
    }

    /// Forgets `key`; true if it was armed.
    pub fn disarm(&mut self, key: &K) -> bool {
        match self.by_key.remove_entry(key) {
            Some((key, at)) => self.by_time.remove(&(at, key)),
            None => false,
        }
    }

    /// When `key` is due, if it is armed.
    pub fn deadline(&self, key: &K) -> Option<Time> {
        self.by_key.get(key).copied()
    }

    /// The earliest deadline and its key.
    pub fn next(&self) -> Option<(Time, &K)> {
        self.by_time.first().map(|(at, key)| (*at, key))
    }

    /// Takes one key that is due at `now`, earliest first. Call until `None`: what a handler arms at or before `now`
    /// is due at once.
    pub fn pop_due(&mut self, now: Time) -> Option<K> {
        if self.by_time.first()?.0 > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// Forgets every timer.
    pub fn clear(&mut self) {
        self.by_key.clear();
        self.by_time.clear();
    }

    /// All timers, earliest first.
    pub fn iter(&self) -> impl Iterator<Item = (Time, &K)> {
        self.by_time.iter().map(|(at, key)| (*at, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_deadlines_fire_in_key_order_and_rearming_moves() {
        let mut timers = Timers::default();
        timers.arm("b", Time(5));
        timers.arm("a", Time(5));
        timers.arm("c", Time(1));
        timers.arm("c", Time(9));
        assert_eq!(timers.next(), Some((Time(5), &"a")));
        assert_eq!(timers.pop_due(Time(4)), None);
        assert_eq!(timers.pop_due(Time(5)), Some("a"));
        assert_eq!(timers.pop_due(Time(5)), Some("b"));
        assert_eq!(timers.pop_due(Time(5)), None);
        assert!(timers.disarm(&"c"));
        assert_eq!(timers.next(), None);
    }
}
