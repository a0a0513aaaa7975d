//! What a run came to, and what one step of it did.

use klamm_node::{NodeId, Seq, Time};
use klamm_trace::{PermittedLoss, TraceHash, Violation};

/// What one step of the world did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The world's clock.
    pub time: Time,
    /// The first event that the step recorded, if it recorded any: then it is not after `last`.
    pub first: Seq,
    /// The last event of the trace now.
    pub last: Seq,
}

/// An expectation and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpectationReport {
    /// Its index: those of steps in file order, then those of the end of the run.
    pub index: u32,
    /// Its source line.
    pub line: u32,
    /// What was expected.
    pub text: String,
    /// Whether it was met; none if it was never asked because its step never happened.
    pub met: Option<bool>,
    /// What was found instead; empty if it was met.
    pub found: String,
    /// When that was decided.
    pub at: Time,
}

/// A fault and what it changed. A fault that never bit is a hole in the scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultReport {
    /// The step that ordered it, from 0.
    pub step: Option<u32>,
    /// The step's source line.
    pub line: u32,
    /// What was done: `crash broker-1`.
    pub text: String,
    /// When.
    pub at: Time,
    /// What it changed: (`frames lost`, 3), (`bytes lost`, 812).
    pub effects: Vec<(&'static str, u64)>,
}

impl FaultReport {
    /// How much it changed, over all its effects.
    pub fn bites(&self) -> u64 {
        self.effects.iter().map(|(_, count)| count).sum()
    }
}

/// A kind of random fault and what became of it in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MischiefReport {
    /// Its name in scenario files.
    pub kind: &'static str,
    /// Whether this run has it.
    pub enabled: bool,
    /// How often it was done.
    pub done: u64,
    /// How often that changed anything.
    pub bit: u64,
}

/// A step that never happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepReport {
    /// Its index, from 0.
    pub step: u32,
    /// Its source line.
    pub line: u32,
    /// What it waited for.
    pub text: String,
}

/// What a run came to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outcome {
    /// The world's clock at the end.
    pub end: Time,
    /// How many events the trace has.
    pub events: u64,
    /// The trace's hash.
    pub hash: TraceHash,
    /// Every expectation.
    pub expectations: Vec<ExpectationReport>,
    /// Invariants that were violated.
    pub violations: Vec<Violation>,
    /// Acknowledged records that were lost, as their promise permitted.
    pub permitted_losses: Vec<PermittedLoss>,
    /// Every fault that was done.
    pub faults: Vec<FaultReport>,
    /// Random faults, by kind; none without a nemesis.
    pub mischief: Vec<MischiefReport>,
    /// Steps that never happened.
    pub missed_steps: Vec<StepReport>,
    /// Nodes that panicked: a bug in the engine, and a finding.
    pub panics: Vec<(NodeId, String)>,
}

impl Outcome {
    /// True if every expectation was met, no invariant was violated, every step happened and nothing panicked.
    pub fn passed(&self) -> bool {
        self.violations.is_empty()
            && self.missed_steps.is_empty()
            && self.panics.is_empty()
            && self.expectations.iter().all(|expectation| expectation.met == Some(true))
    }

    /// Faults that changed nothing.
    pub fn idle_faults(&self) -> impl Iterator<Item = &FaultReport> {
        self.faults.iter().filter(|fault| fault.bites() == 0)
    }
}
