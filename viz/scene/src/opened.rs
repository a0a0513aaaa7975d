//! An opened trace: any moment of it, at once.
//!
//! [`OpenTrace`] takes a recorded run (whole, or as it grows while a scenario still runs) and keeps beside the events: clones
//! of the [`View`] every so often (*keyframes*, from which any moment is reached by folding on), which events are messages,
//! beats or worth stopping at, and the bands of the timeline. A [`Cursor`] stands at one event and holds the View there.
//!
//! Keyframes have a budget of bytes that grows with the trace, of which the state at the end takes its part: when it is spent every
//! second one goes and the distance doubles, so that a million events cost as little an event as ten thousand do. A short run of a
//! large cluster has none at all: any moment of it is reached from the start, and one copy of the state would cost more than all
//! its events.

use std::ops::ControlFlow;
use std::sync::Arc;

use klamm_node::event::Event;
use klamm_node::{EventKind, Seq, Time};
use klamm_trace::{
    EventStore, Findings, Invariants, NodeTable, Recorder, Trace, TraceError, TraceHeader, View,
    Violation,
};

mod bands;
mod clock;
#[cfg(test)]
mod figures;
mod marks;
#[cfg(test)]
mod tests;
mod ticks;
mod weight;

pub use bands::{Bands, Fault, FaultKind, PartitionPoint, Rebalance};
pub use clock::{Segment, TimeScale};
pub use marks::{Beat, is_interesting};
pub use ticks::Tick;

use marks::Marks;

/// The first distance between keyframes, in events.
const FIRST_SPACING: u64 = 256;

/// Bytes that keyframes may take: so many, and so many more an event.
const BUDGET: (usize, usize) = (128 * 1024, 64);

/// Up to here any event is reached from the start as quickly as one wants, in events.
const NEAR: u64 = 50_000;

/// The distance at which it is tried again whether there is room for a keyframe, where there was none.
const AGAIN: u64 = 8192;

/// How many events are taken between two looks at whether to go on.
const SLICE: usize = 4096;

/// A distance on the way through a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Step {
    /// One event.
    Event,
    /// To a frame that arrives or is lost.
    Message,
    /// To a step of the scenario.
    Beat,
    /// To an event that is worth stopping at, see [`is_interesting`].
    Interesting,
}

/// How far a trace is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Events taken.
    pub taken: usize,
    /// Events there are.
    pub of: usize,
}

/// Somebody did not want to wait until a trace was open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("opening the trace was given up")]
pub struct GivenUp;

#[derive(Clone, Debug)]
struct Keyframe {
    seq: Seq,
    view: View,
}

/// A recorded run that can be looked at anywhere.
#[derive(Clone, Debug)]
pub struct OpenTrace {
    header: Arc<TraceHeader>,
    events: EventStore,
    tip: View,
    invariants: Invariants,
    keyframes: Vec<Keyframe>,
    spacing: u64,
    weight: usize,
    marks: Marks,
    bands: Bands,
}

impl OpenTrace {
    /// A trace with no event yet; [`Self::take`] adds them as they come.
    pub fn new(header: TraceHeader) -> Self {
        let tip = View::new(&header);
        Self {
            header: Arc::new(header),
            events: EventStore::default(),
            tip,
            invariants: Invariants::default(),
            keyframes: Vec::new(),
            spacing: FIRST_SPACING,
            weight: 0,
            marks: Marks::default(),
            bands: Bands::default(),
        }
    }

    /// A whole trace. `watch` is told how far it is now and then, and may break off.
    ///
    /// # Errors
    ///
    /// When `watch` broke off.
    pub fn open(
        trace: Trace,
        watch: &mut dyn FnMut(Opening) -> ControlFlow<()>,
    ) -> Result<Self, GivenUp> {
        let mut opened = Self::new(trace.header);
        opened.take(&trace.events, watch)?;
        Ok(opened)
    }

    /// What a recorder has so far.
    pub fn of_recorder(recorder: &Recorder) -> Self {
        let mut opened = Self::new(recorder.header().clone());
        let taken = opened.take(recorder.events(), &mut |_| ControlFlow::Continue(()));
        debug_assert!(taken.is_ok(), "nobody broke off");
        opened
    }

    /// A trace file's bytes. What is wrong with them is said as `klamm replay` says it; nothing is lost by trying.
    ///
    /// # Errors
    ///
    /// When the bytes are no trace, are cut off or corrupt, or come from a newer build.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TraceError> {
        let trace = Trace::from_bytes(bytes)?;
        let mut opened = Self::new(trace.header);
        let taken = opened.take(&trace.events, &mut |_| ControlFlow::Continue(()));
        debug_assert!(taken.is_ok(), "nobody broke off");
        Ok(opened)
    }

    /// Takes what a growing trace has more than last time. The store is shared, not copied. What was taken before somebody
    /// broke off stays; the next call goes on from there.
    ///
    /// # Errors
    ///
    /// When `watch` broke off.
    pub fn take(
        &mut self,
        events: &EventStore,
        watch: &mut dyn FnMut(Opening) -> ControlFlow<()>,
    ) -> Result<(), GivenUp> {
        self.events = events.clone();
        let next = Seq(self.tip.seq.0 + 1);
        for (at, event) in events.from(next).enumerate() {
            if at.is_multiple_of(SLICE) {
                let taken = usize::try_from(self.tip.seq.0).unwrap_or(usize::MAX);
                if watch(Opening { taken, of: events.len() }).is_break() {
                    return Err(GivenUp);
                }
            }
            self.push(&event);
        }
        Ok(())
    }

    fn push(&mut self, event: &Event) {
        self.tip.apply(event);
        let before = self.invariants.findings().violations.len();
        self.invariants.check(&self.tip, event);
        let broken = self.invariants.findings().violations.len() > before;
        self.marks.push(event, broken);
        self.bands.push(event, &self.tip);
        if event.seq.0.is_multiple_of(self.spacing) {
            let tip = weight::own(&self.tip);
            self.weight += tip;
            self.keyframes.push(Keyframe { seq: event.seq, view: self.tip.clone() });
            self.thin(event.seq, tip);
        }
    }

    /// Keeps the keyframes, with the state at the end, within their budget.
    fn thin(&mut self, seq: Seq, tip: usize) {
        let (base, each) = BUDGET;
        let budget = base + each * usize::try_from(seq.0).unwrap_or(0);
        while self.weight + tip > budget {
            if self.keyframes.len() < 2 {
                if seq.0 < NEAR {
                    self.keyframes.clear();
                    self.weight = 0;
                    self.spacing = self.spacing.max((self.spacing * 2).min(AGAIN));
                }
                return;
            }
            self.spacing *= 2;
            let spacing = self.spacing;
            self.keyframes.retain(|frame| frame.seq.0.is_multiple_of(spacing));
            self.weight = weight::together(self.keyframes.iter().map(|frame| &frame.view));
        }
    }

    /// What the run follows from.
    pub fn header(&self) -> &TraceHeader {
        &self.header
    }

    /// The nodes' names.
    pub fn nodes(&self) -> &NodeTable {
        &self.header.nodes
    }

    /// The events.
    pub fn events(&self) -> &EventStore {
        &self.events
    }

    /// An event.
    pub fn event(&self, seq: Seq) -> Option<Event> {
        self.events.get(seq)
    }

    /// The last event that was taken; 0 before the first.
    pub fn last(&self) -> Seq {
        self.tip.seq
    }

    /// When the last event was.
    pub fn end(&self) -> Time {
        self.tip.now
    }

    /// The state after the last event.
    pub fn tip(&self) -> &View {
        &self.tip
    }

    /// The bands of the timeline.
    pub fn bands(&self) -> &Bands {
        &self.bands
    }

    /// The steps of the scenario, in order.
    pub fn beats(&self) -> &[Beat] {
        self.marks.beats()
    }

    /// What the invariants found broken, in the order of the run.
    pub fn violations(&self) -> &[Violation] {
        &self.invariants.findings().violations
    }

    /// Everything that the invariants found, losses that a promise permits included.
    pub fn findings(&self) -> &Findings {
        self.invariants.findings()
    }

    /// The invariants with what they remember after the last event: what only a run's end tells is asked of a copy.
    pub fn invariants(&self) -> &Invariants {
        &self.invariants
    }

    /// Time on an axis of a width, with the idle stretches folded.
    pub fn time_scale(&self, width: i32) -> TimeScale {
        TimeScale::new(self.marks.interesting().iter().map(|(_, time)| *time), self.end(), width)
    }

    /// Time on an axis that this run shares with another: what is of note in either is not folded.
    pub fn time_scale_with(&self, other: &Self, width: i32) -> TimeScale {
        let both = self.marks.interesting().iter().chain(other.marks.interesting());
        let mut times: Vec<Time> = both.map(|(_, time)| *time).collect();
        times.sort_unstable();
        TimeScale::new(times.into_iter(), self.end().max(other.end()), width)
    }

    /// Bytes that the opened trace takes besides the events, by estimate.
    pub fn memory(&self) -> usize {
        self.weight + weight::own(&self.tip) + self.marks.bytes() + self.bands.bytes()
    }

    /// The distance between keyframes and how many there are.
    pub fn keyframes(&self) -> (u64, usize) {
        (self.spacing, self.keyframes.len())
    }

    /// The newest event at or before a time; 0 if there is none.
    pub fn at_time(&self, time: Time) -> Seq {
        // Events are in the order of time: the first one later than `time`, by halves.
        let (mut low, mut high) = (0, self.last().0);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let later = self.event(Seq(middle)).is_none_or(|event| event.time > time);
            if later {
                high = middle - 1;
            } else {
                low = middle;
            }
        }
        Seq(low)
    }

    /// When an event was; the start for 0.
    pub fn time_of(&self, seq: Seq) -> Time {
        self.event(seq).map_or(Time::ZERO, |event| event.time)
    }

    /// The next place that a step leads to; none at the end.
    pub fn next(&self, step: Step, from: Seq) -> Option<Seq> {
        match step {
            Step::Event => Some(Seq(from.0 + 1)).filter(|next| *next <= self.last()),
            Step::Message | Step::Beat | Step::Interesting => self.marks.next(step, from),
        }
    }

    /// The place before that a step back leads to; none at the beginning. One event back from the first is the moment before
    /// it, 0.
    pub fn previous(&self, step: Step, from: Seq) -> Option<Seq> {
        match step {
            Step::Event => from.0.checked_sub(1).map(Seq),
            Step::Message | Step::Beat | Step::Interesting => self.marks.previous(step, from),
        }
    }

    /// The first event after a place for which something is true of the View behind it: a breakpoint.
    pub fn find(&self, from: Seq, mut stop: impl FnMut(&View, &Event) -> bool) -> Option<Seq> {
        let mut view = self.view_at(from);
        self.events.from(Seq(view.seq.0 + 1)).take_while(|event| event.seq <= self.last()).find_map(
            |event| {
                view.apply(&event);
                stop(&view, &event).then_some(event.seq)
            },
        )
    }

    /// The View after an event; before the first for 0. A place behind the end is the end.
    pub fn view_at(&self, seq: Seq) -> View {
        if seq >= self.last() {
            return self.tip.clone();
        }
        let mut view = self.before(seq);
        self.fold(&mut view, seq);
        view
    }

    /// The newest keyframe at or before an event, or the start.
    fn before(&self, seq: Seq) -> View {
        let at = self.keyframes.partition_point(|frame| frame.seq <= seq);
        let frame = at.checked_sub(1).and_then(|at| self.keyframes.get(at));
        frame.map_or_else(|| View::new(&self.header), |frame| frame.view.clone())
    }

    fn keyframe_before(&self, seq: Seq) -> Seq {
        let at = self.keyframes.partition_point(|frame| frame.seq <= seq);
        at.checked_sub(1).and_then(|at| self.keyframes.get(at)).map_or(Seq(0), |frame| frame.seq)
    }

    fn fold(&self, view: &mut View, to: Seq) {
        for event in self.events.from(Seq(view.seq.0 + 1)).take_while(|event| event.seq <= to) {
            view.apply(&event);
        }
    }

    /// The last event up to a place at which something about the View became what it is there, and what it was before;
    /// none if it never changed. Walks back a stretch at a time, so that what changed lately is found quickly.
    pub fn last_change<T: PartialEq>(
        &self,
        at: Seq,
        matters: impl Fn(&EventKind) -> bool,
        value: impl Fn(&View) -> T,
    ) -> Option<(Seq, T)> {
        let mut to = at.min(self.last());
        while to > Seq(0) {
            let mut view = self.before(Seq(to.0 - 1));
            let mut found = None;
            let mut known = value(&view);
            for event in self.events.from(Seq(view.seq.0 + 1)).take_while(|event| event.seq <= to) {
                view.apply(&event);
                if matters(&event.kind) {
                    let now = value(&view);
                    if now != known {
                        found = Some((event.seq, std::mem::replace(&mut known, now)));
                    }
                }
            }
            if found.is_some() {
                return found;
            }
            to = self.keyframe_before(Seq(to.0 - 1));
        }
        None
    }
}

/// A place in an opened trace with the View there.
#[derive(Clone, Debug)]
pub struct Cursor {
    view: View,
}

impl Cursor {
    /// Before the first event.
    pub fn new(trace: &OpenTrace) -> Self {
        Self { view: View::new(trace.header()) }
    }

    /// The event at which it stands; 0 before the first.
    pub fn seq(&self) -> Seq {
        self.view.seq
    }

    /// The state there.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Goes to an event: on from here if that is shorter than from a keyframe.
    pub fn seek(&mut self, trace: &OpenTrace, seq: Seq) {
        let seq = seq.min(trace.last());
        let here = self.seq();
        if seq == here {
            return;
        }
        if seq == trace.last() {
            self.view = trace.tip().clone();
        } else if seq > here && trace.keyframe_before(seq) <= here {
            trace.fold(&mut self.view, seq);
        } else {
            self.view = trace.view_at(seq);
        }
    }

    /// Takes a step; false at the end.
    pub fn next(&mut self, trace: &OpenTrace, step: Step) -> bool {
        let to = trace.next(step, self.seq());
        if let Some(to) = to {
            self.seek(trace, to);
        }
        to.is_some()
    }

    /// Takes a step back; false at the beginning.
    pub fn previous(&mut self, trace: &OpenTrace, step: Step) -> bool {
        let to = trace.previous(step, self.seq());
        if let Some(to) = to {
            self.seek(trace, to);
        }
        to.is_some()
    }
}
