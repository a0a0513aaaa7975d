//! Invariants: what must hold after every event, and what it means when it does not.

use klamm_node::event::Event;
use klamm_node::{NodeId, Offset, RecordId, Seq, Time, TopicPartition};

use crate::view::View;

/// How bad a violation is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Nothing is lost yet: the cluster is one election away from it.
    Amber,
    /// A promise is broken.
    Red,
}

/// Which invariant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum InvariantId {
    /// S1
    AckedDurable,
}

/// An invariant, for the book.
#[derive(Clone, Copy, Debug)]
pub struct InvariantInfo {
    /// Which.
    pub id: InvariantId,
}

/// A broken invariant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which.
    pub id: InvariantId,
    /// How bad.
    pub severity: Severity,
    /// The event after which it was found.
    pub seq: Seq,
    /// When.
    pub time: Time,
    /// The partition that it is about.
    pub partition: Option<TopicPartition>,
    /// What is wrong, in a plain sentence.
    pub sentence: String,
    /// The events involved, oldest first.
    pub events: Vec<Seq>,
}

/// Why a loss is permitted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PermittedReason {
    /// acks=0.
    AcksNone,
}

/// A loss that the promise did not cover.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PermittedLoss {
    /// Why.
    pub reason: PermittedReason,
    /// Who was promised.
    pub producer: NodeId,
    /// Where the records were.
    pub partition: TopicPartition,
    /// The offset of the first.
    pub base: Offset,
    /// The records.
    pub records: Vec<RecordId>,
    /// The promise.
    pub acked: Seq,
    /// The event after which it was found.
    pub seq: Seq,
    /// When.
    pub time: Time,
    /// What happened, in a plain sentence.
    pub sentence: String,
}

/// Everything that the invariants found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Broken invariants.
    pub violations: Vec<Violation>,
    /// Permitted losses.
    pub permitted: Vec<PermittedLoss>,
}

/// The invariants with what they remember.
#[derive(Clone, Debug, Default)]
pub struct Invariants {
    findings: Findings,
}

impl Invariants {
    /// Checks the View after an event.
    pub fn check(&mut self, view: &View, event: &Event) {
        let _ = (view, event);
    }
    /// Checks what only the end of a run can tell.
    pub fn finish(&mut self, view: &View, seq: Seq, time: Time) {
        let _ = (view, seq, time);
    }
    /// Everything found so far.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }
}
