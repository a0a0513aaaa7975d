//! The trace file, the one-line text form and the JSON form of events.

use klamm_node::event::Event;
use thiserror::Error;

use crate::hash::{RollingHash, TraceHash};
use crate::header::{NodeTable, TraceHeader};
use crate::store::EventStore;

mod file;
mod json;
#[cfg(test)]
mod tests;
mod text;

pub use json::event_json;
pub use text::{event_line, node_fields};
pub(crate) use text::{write_fields, write_fields_with};

/// The version of the trace file that this build writes and reads.
pub const FORMAT_VERSION: u16 = 3;

/// A recorded run: self-contained, to be replayed without the engine.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What the run follows from.
    pub header: TraceHeader,
    /// What happened.
    pub events: EventStore,
    /// The hash after the last event.
    pub hash: TraceHash,
}

/// Why a trace file can't be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum TraceError {
    /// It does not begin like a trace file.
    #[error("this is not a Klamm trace: it does not begin with 'KLAMMTRC'")]
    NotATrace,
    /// It was written by a newer build.
    #[error(
        "the trace has format version {found}, this build reads up to {newest}: use a newer klamm"
    )]
    Newer {
        /// Its version.
        found: u16,
        /// The newest version that this build reads.
        newest: u16,
    },
    /// It was written by an older build, of whose events nothing is known here.
    #[error(
        "the trace has format version {found}, this build reads {newest}: run its scenario again, or use the klamm that wrote it"
    )]
    Older {
        /// Its version.
        found: u16,
        /// The version that this build reads.
        newest: u16,
    },
    /// It was written by a build with other events.
    #[error(
        "the trace was written by a klamm with other events, {found:016x} and not {ours:016x}: run its scenario again, or use the klamm that wrote it"
    )]
    OtherEvents {
        /// Its builder's fingerprint of all events.
        found: u64,
        /// This build's.
        ours: u64,
    },
    /// It ends too early.
    #[error("the trace is cut off: it ends at byte {at}, in {inside}")]
    Truncated {
        /// Where it ends.
        at: usize,
        /// What was being read.
        inside: String,
    },
    /// Something in it can't be decoded.
    #[error("the trace is corrupt at byte {at}: {inside} can't be decoded")]
    Corrupt {
        /// Where.
        at: usize,
        /// What was being read.
        inside: String,
    },
    /// Its events do not have the hash that it states.
    #[error("the trace is corrupt: its events hash to {found}, its end says {stated}")]
    WrongHash {
        /// The hash of the events.
        found: TraceHash,
        /// The hash in the file.
        stated: TraceHash,
    },
}

impl Trace {
    /// The nodes' names.
    pub fn nodes(&self) -> &NodeTable {
        &self.header.nodes
    }

    /// Every event in the text form, a line each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.events.iter().map(|event| event_line(&event, &self.header.nodes))
    }

    /// Every event as a JSON object, a line each.
    pub fn json_lines(&self) -> impl Iterator<Item = String> {
        self.events.iter().map(|event| event_json(&event, &self.header.nodes))
    }

    /// The first event in which two traces differ: both sides, none for a trace that has ended.
    pub fn first_difference(&self, other: &Self) -> Option<(Option<Event>, Option<Event>)> {
        let (mut mine, mut theirs) = (self.events.iter(), other.events.iter());
        loop {
            match (mine.next(), theirs.next()) {
                (None, None) => return None,
                (a, b) if a != b => return Some((a, b)),
                _ => {}
            }
        }
    }

    /// The hash that the events really have.
    pub fn computed_hash(&self) -> TraceHash {
        let mut rolling = RollingHash::default();
        (0..self.events.len())
            .filter_map(|i| self.events.encoded(i))
            .for_each(|bytes| rolling.push(bytes));
        rolling.get()
    }
}
