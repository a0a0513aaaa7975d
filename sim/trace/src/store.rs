//! Events kept as encoded bytes in chunks that clones share, decoded when somebody asks.

use std::sync::Arc;

use klamm_node::Seq;
use klamm_node::event::Event;

/// Events a chunk: a clone copies at most the unfinished chunk, later, when one of the two goes on.
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
    chunks: Vec<Arc<Chunk>>,
    len: usize,
}

impl EventStore {
    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True before the first event.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds the encoded form of the next event.
    pub(crate) fn push(&mut self, encoded: &[u8]) {
        if self.len.is_multiple_of(CHUNK) {
            // What a chunk of ordinary events takes, so that it does not grow step by step.
            let bytes = Vec::with_capacity(CHUNK * 40);
            self.chunks.push(Arc::new(Chunk { bytes, ends: Vec::with_capacity(CHUNK) }));
        }
        let chunk = Arc::make_mut(self.chunks.last_mut().expect("a chunk was just made"));
        chunk.bytes.extend_from_slice(encoded);
        let end = u32::try_from(chunk.bytes.len()).expect("a chunk of events is below 4 GiB");
        chunk.ends.push(end);
        self.len += 1;
    }

    /// The encoded form of an event, by its place from 0.
    pub(crate) fn encoded(&self, index: usize) -> Option<&[u8]> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
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
        self.chunks.iter().map(|chunk| chunk.bytes.len() + 4 * chunk.ends.len()).sum()
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
