//! Collections that grow with a run, and whose clones share what has not changed since.
//!
//! A [`View`](crate::View) is cloned for every keyframe of an opened trace, for every branch and for every condition that looks
//! ahead. What grows with the run (records, promises, logs) is therefore kept in leaves behind an [`Arc`]: a clone copies one
//! pointer a leaf, and writing copies the one leaf that is written.
//!
//! *Flows in*: entries, mostly at the end. *Flows out*: the same, in order. *Must never*: compare by where a leaf happens to
//! end: two collections with the same entries are equal.

use std::borrow::Borrow;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

/// Entries a leaf.
const LEAF: usize = 64;

/// A leaf, as one counts it: what several collections share takes memory once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Leaf {
    /// Where it is. Another leaf may be there once this one is gone.
    pub address: usize,
    /// How many collections hold it.
    pub holders: usize,
}

impl Leaf {
    fn of<T>(leaf: &Arc<T>) -> Self {
        Self { address: Arc::as_ptr(leaf).addr(), holders: Arc::strong_count(leaf) }
    }
}

/// A list that grows at its end, and is cut at both.
#[derive(Clone, Debug)]
pub struct List<T> {
    full: Vec<Arc<Vec<T>>>,
    /// The leaf that grows. A clone copies it, so that no push has to ask whether it is shared.
    open: Vec<T>,
    /// How many entries of the first leaf are gone.
    skipped: usize,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { full: Vec::new(), open: Vec::new(), skipped: 0 }
    }
}

impl<T: Clone> List<T> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.full.len() * LEAF + self.open.len() - self.skipped
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An entry, by its place from 0.
    pub fn get(&self, index: usize) -> Option<&T> {
        let at = index.checked_add(self.skipped)?;
        match self.full.get(at / LEAF) {
            Some(leaf) => leaf.get(at % LEAF),
            None => self.open.get(at - self.full.len() * LEAF),
        }
    }

    /// The first entry.
    pub fn first(&self) -> Option<&T> {
        self.get(0)
    }

    /// The last entry.
    pub fn last(&self) -> Option<&T> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: T) {
        self.open.push(entry);
        if self.open.len() == LEAF {
            let leaf = std::mem::replace(&mut self.open, Vec::with_capacity(LEAF));
            self.full.push(Arc::new(leaf));
        }
    }

    /// Every entry, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.from(0)
    }

    /// Every entry from a place on.
    pub fn from(&self, index: usize) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        let len = self.len();
        (index.min(len)..len).map(|at| self.get(at).expect("the place is below the length"))
    }

    /// The number of entries at the beginning for which something is true; it must be false for all behind them.
    pub fn partition_point(&self, is: impl Fn(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(&is) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Keeps so many entries from the beginning.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        let end = len + self.skipped;
        let whole = end / LEAF;
        if whole < self.full.len() {
            let leaf = self.full.get(whole).map(|leaf| leaf.get(..end % LEAF).unwrap_or(leaf));
            self.open = leaf.map(<[T]>::to_vec).unwrap_or_default();
            self.full.truncate(whole);
        } else {
            self.open.truncate(end - self.full.len() * LEAF);
        }
    }

    /// Forgets so many entries at the beginning.
    pub fn drop_first(&mut self, count: usize) {
        if count >= self.len() {
            *self = Self::default();
            return;
        }
        let gone = self.skipped + count;
        let leaves = (gone / LEAF).min(self.full.len());
        self.full.drain(..leaves);
        self.skipped = gone - leaves * LEAF;
        if self.full.is_empty() {
            self.open.drain(..self.skipped);
            self.skipped = 0;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of the leaves that count, each entry taking what it says besides its own size.
    pub fn bytes(
        &self,
        counts: &mut dyn FnMut(Leaf) -> bool,
        besides: impl Fn(&T) -> usize,
    ) -> usize {
        let of = |entries: &[T]| -> usize {
            entries.iter().map(|entry| size_of::<T>() + besides(entry)).sum()
        };
        let counted = self.full.iter().filter(|leaf| counts(Leaf::of(leaf)));
        let full: usize = counted.map(|leaf| of(leaf)).sum();
        full + of(&self.open) + self.full.len() * size_of::<usize>()
    }
}

impl<T: Clone + PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        let same_leaves = self.skipped == other.skipped
            && self.full.len() == other.full.len()
            && self.full.iter().zip(&other.full).all(|(a, b)| Arc::ptr_eq(a, b));
        if same_leaves {
            return self.open == other.open;
        }
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: Clone + Eq> Eq for List<T> {}

/// A map in the order of its keys, which come mostly in that order.
#[derive(Clone, Debug)]
pub struct Sorted<K, V> {
    /// None of them is empty.
    leaves: Vec<Arc<Vec<(K, V)>>>,
    len: usize,
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self { leaves: Vec::new(), len: 0 }
    }
}

/// A place among leaves: which leaf, and where in it. The end is behind the last leaf.
type Place = (usize, usize);

impl<K: Ord + Clone, V: Clone> Sorted<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first place whose key is not below what is sought.
    fn place<Q: ?Sized>(&self, below: impl Fn(&Q) -> bool) -> Place
    where
        K: Borrow<Q>,
    {
        let leaf = self
            .leaves
            .partition_point(|leaf| leaf.last().is_some_and(|(last, _)| below(last.borrow())));
        let within = self.leaves.get(leaf);
        (leaf, within.map_or(0, |leaf| leaf.partition_point(|(key, _)| below(key.borrow()))))
    }

    /// The place of a key, if it is there.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let place = self.place(|other: &Q| other < key);
        let found = self.leaves.get(place.0).and_then(|leaf| leaf.get(place.1));
        if found.is_some_and(|(other, _)| other.borrow() == key) { Ok(place) } else { Err(place) }
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (leaf, at) = self.find(key).ok()?;
        self.leaves.get(leaf)?.get(at).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (leaf, at) = self.find(key).ok()?;
        Arc::make_mut(self.leaves.get_mut(leaf)?).get_mut(at).map(|(_, value)| value)
    }

    /// Whether a key is there.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Sets the value of a key, and returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (leaf, at) = match self.find(&key) {
            Ok((leaf, at)) => {
                let entry = self.leaves.get_mut(leaf).map(Arc::make_mut)?.get_mut(at)?;
                return Some(std::mem::replace(&mut entry.1, value));
            }
            Err(place) => place,
        };
        self.len += 1;
        let last = self.leaves.len();
        // Behind everything: the last leaf takes it, or a new one begins.
        let leaf = if leaf == last { last.saturating_sub(1) } else { leaf };
        let behind = leaf + 1 >= last && at_end(self.leaves.get(leaf), &key);
        match self.leaves.get_mut(leaf) {
            Some(entries) if entries.len() < LEAF => {
                let entries = Arc::make_mut(entries);
                let at = if behind { entries.len() } else { at };
                entries.insert(at, (key, value));
            }
            Some(_) | None if behind || last == 0 => {
                let mut fresh = Vec::with_capacity(LEAF);
                fresh.push((key, value));
                self.leaves.push(Arc::new(fresh));
            }
            Some(entries) => {
                // Full, and in the middle: two halves, and the entry goes into its own.
                let entries = Arc::make_mut(entries);
                let mut upper = entries.split_off(LEAF / 2);
                if at <= LEAF / 2 {
                    entries.insert(at, (key, value));
                } else {
                    upper.insert(at - LEAF / 2, (key, value));
                }
                self.leaves.insert(leaf + 1, Arc::new(upper));
            }
            None => {}
        }
        None
    }

    /// Every entry, in the order of keys.
    pub fn iter(&self) -> Entries<'_, K, V> {
        Entries { leaves: &self.leaves, front: (0, 0), back: (self.leaves.len(), 0) }
    }

    /// Every key, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// Every value, in the order of keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The entries between two keys.
    pub fn range(&self, keys: impl RangeBounds<K>) -> Entries<'_, K, V> {
        let from = |bound: Bound<&K>, open: Place| match bound {
            Bound::Included(key) => self.place(|other: &K| other < key),
            Bound::Excluded(key) => self.place(|other: &K| other <= key),
            Bound::Unbounded => open,
        };
        let to = |bound: Bound<&K>, open: Place| match bound {
            Bound::Included(key) => self.place(|other: &K| other <= key),
            Bound::Excluded(key) => self.place(|other: &K| other < key),
            Bound::Unbounded => open,
        };
        let front = from(keys.start_bound(), (0, 0));
        let back = to(keys.end_bound(), (self.leaves.len(), 0));
        Entries { leaves: &self.leaves, front, back }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of the leaves that count, each entry taking what it says besides its own size.
    pub fn bytes(
        &self,
        counts: &mut dyn FnMut(Leaf) -> bool,
        besides: impl Fn(&K, &V) -> usize,
    ) -> usize {
        let of = |leaf: &Arc<Vec<(K, V)>>| -> usize {
            leaf.iter().map(|(key, value)| size_of::<(K, V)>() + besides(key, value)).sum()
        };
        let counted = self.leaves.iter().filter(|leaf| counts(Leaf::of(leaf)));
        counted.map(of).sum::<usize>() + self.leaves.len() * size_of::<usize>()
    }
}

/// Whether a key lies behind everything in the last leaf.
fn at_end<K: Ord, V>(leaf: Option<&Arc<Vec<(K, V)>>>, key: &K) -> bool {
    leaf.and_then(|leaf| leaf.last()).is_none_or(|(last, _)| last < key)
}

impl<K: Ord + Clone + PartialEq, V: Clone + PartialEq> PartialEq for Sorted<K, V> {
    fn eq(&self, other: &Self) -> bool {
        let same_leaves = self.leaves.len() == other.leaves.len()
            && self.leaves.iter().zip(&other.leaves).all(|(a, b)| Arc::ptr_eq(a, b));
        same_leaves || (self.len == other.len && self.iter().eq(other.iter()))
    }
}

impl<K: Ord + Clone, V: Clone + Eq> Eq for Sorted<K, V> {}

/// Iterates over the entries of a [`Sorted`].
#[derive(Clone, Debug)]
pub struct Entries<'a, K, V> {
    leaves: &'a [Arc<Vec<(K, V)>>],
    front: Place,
    back: Place,
}

impl<'a, K, V> Entries<'a, K, V> {
    fn at(&self, (leaf, at): Place) -> Option<(&'a K, &'a V)> {
        let (key, value) = self.leaves.get(leaf)?.get(at)?;
        Some((key, value))
    }
}

impl<'a, K, V> Iterator for Entries<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let found = self.at(self.front);
        let (leaf, at) = self.front;
        let ends = self.leaves.get(leaf).is_none_or(|leaf| at + 1 >= leaf.len());
        self.front = if ends { (leaf + 1, 0) } else { (leaf, at + 1) };
        found
    }
}

impl<K, V> DoubleEndedIterator for Entries<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back = match self.back {
            (leaf, 0) => {
                let before = leaf.checked_sub(1)?;
                (before, self.leaves.get(before)?.len().checked_sub(1)?)
            }
            (leaf, at) => (leaf, at - 1),
        };
        self.at(self.back)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Numbers that come in no order, the same ones every time.
    fn scattered(count: u32) -> impl Iterator<Item = u32> {
        (0..count).map(|n| n.wrapping_mul(2_654_435_761) >> 7)
    }

    #[test]
    fn a_list_is_a_vector_wherever_it_is_cut() {
        let mut list = List::default();
        let mut plain = Vec::new();
        for (round, number) in (0_usize..).zip(scattered(900)) {
            list.push(number);
            plain.push(number);
            // Cut now and then, at either end, by less and by more than a leaf.
            if round % 101 == 100 {
                let keep = plain.len() - (round / 7) % 90;
                list.truncate(keep);
                plain.truncate(keep);
                let gone = (round / 3) % 80;
                list.drop_first(gone);
                plain.drain(..gone.min(plain.len()));
            }
            assert_eq!(list.len(), plain.len());
            assert_eq!((list.first(), list.last()), (plain.first(), plain.last()));
        }
        assert!(list.iter().eq(plain.iter()) && list.iter().rev().eq(plain.iter().rev()));
        assert!(list.from(70).eq(plain[70..].iter()) && list.from(9_999).next().is_none());
        assert_eq!(list.get(plain.len()), None);
        let whole: List<u32> = plain.iter().fold(List::default(), |mut list, number| {
            list.push(*number);
            list
        });
        assert_eq!(whole, list, "leaves end elsewhere, entries are the same");
        let mut other = whole.clone();
        other.truncate(plain.len() - 1);
        assert_ne!(other, whole);
        let sorted = (0..500).fold(List::default(), |mut list, number| {
            list.push(number);
            list
        });
        for sought in [0, 1, 63, 64, 65, 300, 500] {
            assert_eq!(sorted.partition_point(|number| *number < sought), sought);
        }
    }

    #[test]
    fn a_map_is_a_tree_in_whatever_order_its_keys_come() {
        for keys in [scattered(2_000).collect::<Vec<_>>(), (0..2_000).collect()] {
            let (mut map, mut plain) = (Sorted::default(), BTreeMap::new());
            for key in keys {
                assert_eq!(map.insert(key, !key), plain.insert(key, !key));
                assert_eq!(map.insert(key, key), plain.insert(key, key), "a second time");
            }
            assert_eq!(map.len(), plain.len());
            assert!(map.iter().eq(plain.iter()) && map.iter().rev().eq(plain.iter().rev()));
            let (a, b) = (*plain.keys().nth(500).unwrap(), *plain.keys().nth(900).unwrap());
            assert!(map.range(a..b).eq(plain.range(a..b)));
            assert!(map.range(..=a).rev().eq(plain.range(..=a).rev()));
            let above = (Bound::Excluded(a), Bound::Included(b));
            assert!(map.range(above).eq(plain.range(above)));
            assert_eq!(map.range(b..).next_back(), plain.range(b..).next_back());
            assert_eq!(map.range(b + 1..b + 1).next(), None);
            *map.get_mut(&a).unwrap() = 7;
            assert_eq!((map.get(&a), map.contains_key(&b)), (Some(&7), true));
        }
    }

    #[test]
    fn a_clone_shares_what_is_not_written_again() {
        let mut map: Sorted<u32, u32> = Sorted::default();
        let mut list = List::default();
        for number in 0..64_000 {
            map.insert(number, number);
            list.push(number);
        }
        let own = |map: &Sorted<u32, u32>| map.bytes(&mut |leaf| leaf.holders == 1, |_, _| 0);
        let whole = own(&map);
        assert!(whole > 64_000 * 8);
        let (then, before) = (map.clone(), list.clone());
        assert!(own(&map) < whole / 50, "everything is shared");
        map.insert(64_000, 1);
        *map.get_mut(&5).unwrap() = 99;
        list.push(1);
        assert_eq!((then.get(&5), then.get(&64_000), then.len()), (Some(&5), None, 64_000));
        assert_eq!((before.len(), list.len()), (64_000, 64_001));
        let written = own(&map) - map.leaves.len() * 8;
        assert!(written <= 2 * LEAF * 8, "two leaves are the writer's own: {written}");
    }
}
