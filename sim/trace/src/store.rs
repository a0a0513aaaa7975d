//! Events kept as encoded bytes in chunks that clones share, decoded when somebody asks.

use std::sync::Arc;

use klamm_node::Seq;
use klamm_node::event::Event;

/// Events a chunk: a clone copies no more than the unfinished one.
const CHUNK: usize = 1024;

#[derive(Clone, Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Chunk {
    fn get(&self, index: usize) -> Option<&[u8]> {
        let at = |end: &u32| usize::try_from(*end).unwrap_or(usize::MAX);
        let end = self.ends.get(index).map(at)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, at);
        self.bytes.get(start..end)
    }
}

/// The events of a run, in order. Cheap to clone and to keep: postcard bytes in shared chunks.
#[derive(Clone, Debug, Default)]
pub struct EventStore {
    full: Vec<Arc<Chunk>>,
    /// The chunk that grows. A clone copies it, so that no event has to ask whether it is shared.
    open: Chunk,
}

impl EventStore {
    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.full.len() * CHUNK + self.open.ends.len()
    }

    /// True before the first event.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the encoded form of the next event.
    pub(crate) fn push(&mut self, encoded: &[u8]) {
        if self.open.ends.len().is_multiple_of(CHUNK) {
            self.turn();
        }
        self.open.bytes.extend_from_slice(encoded);
        let end = u32::try_from(self.open.bytes.len()).expect("a chunk of events is below 4 GiB");
        self.open.ends.push(end);
    }

    /// Begins a chunk, at the first event or after a full one.
    #[cold]
    fn turn(&mut self) {
        // What a chunk of ordinary events takes, so that it does not grow step by step.
        let bytes = Vec::with_capacity(CHUNK * 40);
        let fresh = Chunk { bytes, ends: Vec::with_capacity(CHUNK) };
        let full = std::mem::replace(&mut self.open, fresh);
        if !full.ends.is_empty() {
            self.full.push(Arc::new(full));
        }
    }

    /// The encoded form of an event, by its place from 0.
    pub(crate) fn encoded(&self, index: usize) -> Option<&[u8]> {
        let chunk = self.full.get(index / CHUNK).map_or(&self.open, |chunk| &**chunk);
        let first = self.full.len() * CHUNK;
        chunk.get(if index < first { index % CHUNK } else { index - first })
    }

    /// An event by its sequence number, which counts from 1.
    pub fn get(&self, seq: Seq) -> Option<Event> {
        let index = usize::try_from(seq.0).ok()?.checked_sub(1)?;
        postcard::from_bytes(self.encoded(index)?).ok()
    }

    /// Every event, oldest first.
    pub fn iter(&self) -> Events<'_> {
        Events { store: self, next: 0 }
    }

    /// Every event from a sequence number on.
    pub fn from(&self, seq: Seq) -> Events<'_> {
        let next = usize::try_from(seq.0).unwrap_or(usize::MAX).saturating_sub(1);
        Events { store: self, next }
    }

    /// Bytes that the events take.
    pub fn bytes(&self) -> usize {
        let full = self.full.iter().map(|chunk| &**chunk);
        full.chain([&self.open]).map(|chunk| chunk.bytes.len() + 4 * chunk.ends.len()).sum()
    }
}

impl<'a> IntoIterator for &'a EventStore {
    type Item = Event;
    type IntoIter = Events<'a>;

    fn into_iter(self) -> Events<'a> {
        self.iter()
    }
}

/// Iterates over stored events, decoding each.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    store: &'a EventStore,
    next: usize,
}

impl Iterator for Events<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let event = postcard::from_bytes(self.store.encoded(self.next)?).ok()?;
        self.next += 1;
        Some(event)
    }
}
