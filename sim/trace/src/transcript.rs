//! The transcript: a run as a script with its steps, the events they caused, and the state after each.

use klamm_node::Room;
use klamm_node::event::Event;

use crate::view::View;

/// What a transcript shows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TranscriptOptions {
    /// The rooms whose events it shows.
    pub rooms: Vec<Room>,
    /// Only events about these partitions and the events about none; empty for all.
    pub partitions: Vec<klamm_node::TopicPartition>,
    /// Event kinds to leave out, by name.
    pub hide: Vec<String>,
    /// Whether a line of state per partition follows each step.
    pub states: bool,
    /// What the narrator says at a step, by the step's index.
    pub narration: std::collections::BTreeMap<u32, String>,
    /// Whether to colour with ANSI codes.
    pub color: bool,
}

/// Writes a transcript as events come.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    options: TranscriptOptions,
}

impl Transcript {
    /// An empty transcript.
    pub fn new(options: TranscriptOptions) -> Self {
        Self { options }
    }

    /// Takes the next event and the View after it; appends what it shows to `out`.
    pub fn event(&mut self, event: &Event, view: &View, out: &mut String) {
        let _ = (event, view, out, &self.options);
    }

    /// Ends the transcript.
    pub fn finish(&mut self, view: &View, out: &mut String) {
        let _ = (view, out);
    }
}
