//! The recorder: the one door through which events enter a trace.

use std::sync::Arc;

use klamm_node::event::{Event, EventKind};
use klamm_node::{Because, NodeId, Seq, Time};

use crate::causes::Causes;
use crate::encode::encode;
use crate::format::Trace;
use crate::hash::{LEAD, RollingHash, TraceHash};
use crate::header::TraceHeader;
use crate::invariant::{Findings, Invariants, PermittedLoss, Quiescence, Violation};
use crate::store::EventStore;
use crate::view::View;

/// What a recorder does with events besides hashing them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// Store them, for trace files, transcripts and `why`.
    pub events: bool,
    /// Fold them into the [`View`]; conditions and expectations need it.
    pub view: bool,
    /// Check the invariants after each; includes the View.
    pub invariants: bool,
}

impl Keep {
    /// The hash alone.
    pub const HASH: Self = Self { events: false, view: false, invariants: false };
    /// The hash and the events.
    pub const EVENTS: Self = Self { events: true, view: false, invariants: false };
    /// The hash, the View and the invariants, without the events: for sweeps over many seeds.
    pub const CHECKED: Self = Self { events: false, view: true, invariants: true };
    /// Everything.
    pub const ALL: Self = Self { events: true, view: true, invariants: true };
}

/// Records a run. A clone is cheap: it shares what is stored, and copies the View only when one of the two goes on.
#[derive(Clone, Debug)]
pub struct Recorder {
    header: Arc<TraceHeader>,
    keep: Keep,
    last: Seq,
    now: Time,
    hash: RollingHash,
    buffer: Vec<u8>,
    events: EventStore,
    folds: Arc<Folds>,
}

/// What events are folded into; one allocation, so that whether it is shared is asked once an event.
#[derive(Clone, Debug)]
struct Folds {
    causes: Causes,
    view: View,
    invariants: Invariants,
}

impl Recorder {
    /// An empty recorder.
    pub fn new(header: TraceHeader, keep: Keep) -> Self {
        let view = View::new(&header);
        let causes = Causes::new(header.nodes.clone());
        Self {
            header: Arc::new(header),
            keep: Keep { view: keep.view || keep.invariants, ..keep },
            last: Seq(0),
            now: Time::ZERO,
            hash: RollingHash::default(),
            buffer: Vec::new(),
            events: EventStore::default(),
            folds: Arc::new(Folds { causes, view, invariants: Invariants::default() }),
        }
    }

    /// Records that something happened, and returns its place in the trace.
    pub fn record(&mut self, time: Time, node: NodeId, cause: Option<Seq>, kind: EventKind) -> Seq {
        let seq = Seq(self.last.0 + 1);
        let event = Event { seq, time, node, cause, kind };
        self.last = seq;
        self.now = time;
        self.buffer.clear();
        self.buffer.extend_from_slice(&self.hash.lead());
        encode(&event, &mut self.buffer);
        self.hash.push_led(&self.buffer);
        if self.keep.events {
            self.events.push(&self.buffer[LEAD..]);
        }
        let Folds { causes, view, invariants } = Arc::make_mut(&mut self.folds);
        causes.observe(&event);
        if self.keep.view {
            view.apply(&event);
        }
        if self.keep.invariants {
            invariants.check(view, &event);
        }
        seq
    }

    /// The event that `because` means, see [`Causes::resolve`]. Pass the result to [`Recorder::record`].
    pub fn resolve(
        &self,
        because: Because,
        node: NodeId,
        input: Option<Seq>,
        previous: Option<Seq>,
    ) -> Option<Seq> {
        self.folds.causes.resolve(because, node, input, previous)
    }

    /// The hash of everything recorded so far.
    pub fn hash(&self) -> TraceHash {
        self.hash.get()
    }

    /// The last event's place; 0 before the first.
    pub fn last_seq(&self) -> Seq {
        self.last
    }

    /// The last event's time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// What the run follows from.
    pub fn header(&self) -> &TraceHeader {
        &self.header
    }

    /// The stored events; empty if they are not kept.
    pub fn events(&self) -> &EventStore {
        &self.events
    }

    /// An event by its place, if events are kept.
    pub fn event(&self, seq: Seq) -> Option<Event> {
        self.events.get(seq)
    }

    /// The state of everything after the last event; as at the start if it is not kept.
    pub fn view(&self) -> &View {
        &self.folds.view
    }

    /// Everything that the invariants found.
    pub fn findings(&self) -> &Findings {
        self.folds.invariants.findings()
    }

    /// What the invariants found broken, in the order of the run.
    pub fn violations(&self) -> &[Violation] {
        &self.folds.invariants.findings().violations
    }

    /// Losses that Kafka's promises allow, each with its reason.
    pub fn permitted_losses(&self) -> &[PermittedLoss] {
        &self.folds.invariants.findings().permitted
    }

    /// The run as a self-contained trace.
    pub fn to_trace(&self) -> Trace {
        Trace { header: (*self.header).clone(), events: self.events.clone(), hash: self.hash() }
    }

    /// Checks liveness at a quiet moment, see [`Invariants::at_quiescence`]; false if it is not quiet, or if the invariants
    /// are not kept.
    pub fn at_quiescence(&mut self, quiet: &Quiescence) -> bool {
        if !self.keep.invariants {
            return false;
        }
        let Folds { view, invariants, .. } = Arc::make_mut(&mut self.folds);
        invariants.at_quiescence(view, quiet, self.last, self.now)
    }

    /// Adds what only the end of a run can tell, see [`crate::validate`], and returns all findings.
    pub fn finish(&mut self) -> &Findings {
        if self.keep.invariants {
            let Folds { view, invariants, .. } = Arc::make_mut(&mut self.folds);
            invariants.finish(view, self.last, self.now);
        }
        self.findings()
    }
}
