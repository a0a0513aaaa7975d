//! The lab: an opened run, where one stands in it, and what one has picked and asked. No drawing.
//!
//! *Flows in*: events as they come, and actions. *Flows out*: scenes, answers and places, each a function of the run and of where
//! one stands. *Must never*: read a clock, or compute a number that the engine's events do not have.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm_node::{NodeId, Seq, Span, Time};
use klamm_scenario::Scenario;
use klamm_scene::{
    Cursor, OpenTrace, Scene, Selection, Stage, Step, Style, Subject, Tab, TimeScale, Zoom, draw,
};
use klamm_trace::{EventStore, Violation};
use klamm_world::{ExpectationReport, Outcome, Recorded};

use crate::breakpoint::Breakpoint;
use crate::load::Source;
use crate::playback::{Playback, Stopped};
use crate::predictions::Predictions;
use crate::words::Word;

mod asking;
mod doings;
mod moving;
mod picking;
mod predicting;
mod sharing;

pub(crate) use asking::Listed;
pub use asking::{Cause, Change, Changes, differences};
pub use doings::Choice;

/// How long a frame may spend on events that came.
const PATIENCE: Duration = Duration::from_millis(8);

/// A page of the inspector.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Inspect {
    /// What happened, why, and what came of it.
    #[default]
    Event,
    /// The numbers of what is picked.
    State,
    /// Why a number is what it is.
    Why,
    /// What changed.
    Diff,
    /// Which invariants hold, and where the others broke.
    Invariants,
}

impl Inspect {
    /// Every page.
    pub const ALL: [Self; 5] = [Self::Event, Self::State, Self::Why, Self::Diff, Self::Invariants];

    /// Its name in replay codes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::State => "state",
            Self::Why => "why",
            Self::Diff => "diff",
            Self::Invariants => "invariants",
        }
    }
}

/// What a scene is a function of.
#[derive(Clone, PartialEq, Debug)]
struct SceneKey {
    seq: Seq,
    last: Seq,
    tab: Tab,
    selection: Selection,
    style: Style,
}

/// An opened run and everything about how one looks at it.
#[expect(
    clippy::partial_pub_fields,
    reason = "what a person sets is free, what has to agree with the run is not"
)]
#[derive(Debug)]
pub struct Lab {
    source: Source,
    trace: OpenTrace,
    cursor: Cursor,
    /// Events that came and are not taken yet.
    incoming: Option<EventStore>,
    /// When the run will be over, while it runs.
    until: Option<Time>,
    outcome: Option<Box<Outcome>>,
    /// Why the outcome is not all that could be said of the run, if it is not.
    partly: Option<Word>,
    /// The picture that is shown.
    pub tab: Tab,
    /// How near it is.
    pub zoom: Zoom,
    /// What is picked.
    pub selection: Selection,
    /// The inspector's page.
    pub inspect: Inspect,
    /// What was asked, the newest last.
    asked: Vec<Subject>,
    /// The value on the stage that the keyboard is at.
    marked: Option<Subject>,
    /// Whether, how fast and by what it plays.
    pub playback: Playback,
    /// What the scenario asks, and what was answered.
    pub predictions: Predictions,
    bookmarks: BTreeSet<Seq>,
    breakpoints: Vec<Breakpoint>,
    /// Whether what is still to come is hidden.
    pub hide_future: bool,
    /// Whether differences are counted from the bookmark before, instead of from the event before.
    pub since_bookmark: bool,
    /// How much of the timeline fits into its pane: 1 is all of it.
    pub stretch: f32,
    /// True until somebody goes somewhere: then the first step is shown as soon as it is there.
    fresh: bool,
    /// Where to go as soon as the run is there.
    wanted: Option<String>,
    /// Why one does not stand where one wanted to.
    astray: Option<Word>,
    scene: Option<(SceneKey, Rc<Scene>)>,
    moving: Option<moving::Moving>,
    scale: Option<(Seq, i32, Rc<TimeScale>)>,
    answers: asking::Answers,
    /// The scenario, once somebody asked for it.
    scenario: OnceCell<Option<Arc<Scenario>>>,
    /// The hash of its end, once somebody asked for it.
    end_hash: OnceCell<u64>,
    /// What a replay code says that its end is.
    claimed: Option<u64>,
    /// What is to be asked about once the run is there, by its id.
    wanted_why: Option<String>,
}

impl Lab {
    /// A run that is there to its end.
    pub fn new(source: Source, trace: OpenTrace) -> Self {
        Self::of(source, trace, None)
    }

    /// A run that begins, and goes on until a time: nothing is said of its end before that is there.
    pub fn begun(source: Source, trace: OpenTrace, until: Time) -> Self {
        Self::of(source, trace, Some(until))
    }

    fn of(source: Source, trace: OpenTrace, until: Option<Time>) -> Self {
        let cursor = Cursor::new(&trace);
        let predictions = Predictions::of(&trace);
        let mut lab = Self {
            source,
            trace,
            cursor,
            incoming: None,
            until,
            outcome: None,
            partly: None,
            tab: Tab::Cluster,
            zoom: Zoom::Auto,
            selection: Selection::default(),
            inspect: Inspect::Event,
            asked: Vec::new(),
            marked: None,
            playback: Playback::default(),
            predictions,
            bookmarks: BTreeSet::new(),
            breakpoints: Vec::new(),
            hide_future: false,
            since_bookmark: false,
            stretch: 1.0,
            fresh: true,
            wanted: None,
            astray: None,
            scene: None,
            moving: None,
            scale: None,
            answers: asking::Answers::default(),
            scenario: OnceCell::new(),
            end_hash: OnceCell::new(),
            claimed: None,
            wanted_why: None,
        };
        lab.settle();
        lab
    }

    /// Where it comes from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// It has another source now: a file that it was saved as.
    pub fn is_from(&mut self, source: Source) {
        self.source = source;
    }

    /// The run.
    pub fn trace(&self) -> &OpenTrace {
        &self.trace
    }

    /// Where one stands.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The event at which one stands; 0 before the first.
    pub fn seq(&self) -> Seq {
        self.cursor.seq()
    }

    /// What came of the run, if it is over.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_deref()
    }

    /// While the run goes on: when it will be over.
    pub fn until(&self) -> Option<Time> {
        self.until
    }

    /// The run is over.
    pub fn done(&mut self, outcome: Box<Outcome>) {
        self.outcome = Some(outcome);
    }

    /// It was recorded, and this is what its recording tells of what it came to; none if its scenario can't be read.
    pub fn judged(&mut self, recorded: Option<Box<Recorded>>) {
        self.partly = match &recorded {
            None => Some(Word::NoVerdict),
            Some(recorded) if !recorded.whole => Some(Word::CutShort),
            Some(_) => None,
        };
        self.outcome = recorded.map(|it| Box::new(it.outcome));
    }

    /// Why the outcome is not all that could be said of the run.
    pub fn partly(&self) -> Option<Word> {
        self.partly
    }

    /// The expectations that did not hold. Where a recording ends early, what was not decided may have been met.
    pub fn unmet(&self) -> impl Iterator<Item = &ExpectationReport> {
        let cut_short = self.partly.is_some();
        let all = self.outcome.iter().flat_map(|outcome| &outcome.expectations);
        all.filter(move |it| it.met == Some(false) || it.met.is_none() && !cut_short)
    }

    /// Where to stand once the run is there, as one types it; see [`place`].
    pub fn want(&mut self, place: String) {
        self.wanted = Some(place);
        // Nobody has gone anywhere yet, even if the first step is shown already.
        self.fresh = true;
        self.settle();
    }

    /// Why one does not stand where one wanted to begin, once.
    pub fn take_astray(&mut self) -> Option<Word> {
        self.astray.take()
    }

    /// Whether the run is there to its end.
    pub fn is_whole(&self) -> bool {
        self.until.is_none() && self.incoming.is_none()
    }

    /// Events have come.
    pub fn grown(&mut self, events: EventStore) {
        self.incoming = Some(events);
    }

    /// Takes events that came, for a little while; true if there are more to take.
    pub fn take(&mut self) -> bool {
        let Some(events) = self.incoming.take() else {
            // The outcome comes after the last event.
            if self.until.is_some() && self.outcome.is_some() {
                self.until = None;
                self.settle();
            }
            return false;
        };
        let begun = Instant::now();
        let taken = self.trace.take(&events, &mut |_| {
            if begun.elapsed() < PATIENCE {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if taken.is_err() {
            self.incoming = Some(events);
        }
        self.settle();
        self.incoming.is_some() || (self.until.is_some() && self.outcome.is_some())
    }

    /// Goes to where one wanted to begin, as soon as that is there.
    fn settle(&mut self) {
        self.settle_predictions();
        if !self.fresh {
            return;
        }
        if let Some(wanted) = &self.wanted {
            // Only the whole run says where its end is, and whether there is such a place at all.
            let early = self.until.is_some() || self.incoming.is_some();
            if early {
                return;
            }
            match place(&self.trace, wanted) {
                Ok(seq) => {
                    self.go(seq);
                    self.ask_wanted();
                }
                Err(word) => {
                    // Then it is as if nobody had wanted to be anywhere.
                    (self.wanted, self.astray) = (None, Some(word));
                    self.settle();
                }
            }
        } else if let Some(first) = self.trace.beats().first().map(|beat| beat.seq) {
            // What is asked before the first step is asked first.
            let first = self.predictions.stop(Seq(0), first).map_or(first, |(at, _)| at);
            self.cursor.seek(&self.trace, first);
            self.fresh = self.until.is_some() && self.trace.beats().is_empty();
        } else if self.until.is_none() {
            self.cursor.seek(&self.trace, self.trace.last());
        }
    }

    /// Goes to an event.
    pub fn go(&mut self, seq: Seq) {
        self.fresh = false;
        self.moving = None;
        self.cursor.seek(&self.trace, seq);
        self.predictions.stand(self.cursor.seq());
    }

    /// Takes a step; false if there is none, or if a question waits for an answer. It ends where one is asked or judged.
    pub fn next(&mut self, step: Step) -> bool {
        if self.waits() {
            return false;
        }
        let next = self.trace.next(step, self.seq());
        next.inspect(|seq| self.step_to(self.no_farther(*seq))).is_some()
    }

    /// Takes a step back; false if there is none.
    pub fn previous(&mut self, step: Step) -> bool {
        let previous = self.trace.previous(step, self.seq());
        previous.inspect(|seq| self.step_to(*seq)).is_some()
    }

    /// Goes to a neighbouring place, and shows the way there.
    fn step_to(&mut self, seq: Seq) {
        let (from, back) = (self.scene.clone(), seq < self.seq());
        self.go(seq);
        self.sets_off(from, back);
    }

    /// So many events on or back, as far as there are any.
    pub fn jump(&mut self, events: i64) -> bool {
        let to = self.seq().0.saturating_add_signed(events).min(self.trace.last().0);
        // To the very end one goes on purpose.
        let steps = events > 0 && events != i64::MAX;
        if steps && self.waits() {
            return false;
        }
        let to = if steps { self.no_farther(Seq(to)).0 } else { to };
        let moved = to != self.seq().0;
        self.go(Seq(to));
        moved
    }

    /// To the neighbouring event at the node that is picked; false if there is none.
    pub fn step_at_node(&mut self, on: bool) -> bool {
        let Some(node) = self.selection.nodes.first().copied() else { return false };
        if on && self.waits() {
            return false;
        }
        let at = |seq: &u64| self.trace.event(Seq(*seq)).is_some_and(|event| event.node == node);
        let (here, last) = (self.seq().0, self.trace.last().0);
        let found = if on { (here + 1..=last).find(at) } else { (1..here).rev().find(at) };
        let to = found.map(|seq| if on { self.no_farther(Seq(seq)) } else { Seq(seq) });
        to.inspect(|seq| self.go(*seq)).is_some()
    }

    /// Begins to play, or pauses. At the end there is nothing to play: false.
    pub fn play_pause(&mut self, now: f64) -> bool {
        if self.playback.plays() {
            self.playback.pause();
            return true;
        }
        let more = self.trace.next(Step::Event, self.seq()).is_some() || self.until.is_some();
        let more = more && !self.waits();
        if more {
            self.playback.play(now);
        }
        more
    }

    /// Takes the step that is due, if one is. It never goes past a violation or a breakpoint: it stops there.
    pub fn tick(&mut self, now: f64) -> Option<Stopped> {
        if !self.playback.take(now) {
            return None;
        }
        let from = self.seq();
        let next = self.trace.next(self.playback.by, from);
        // Where no more steps of the kind are, the end is the last one: playing by beats shows what follows the last beat.
        let Some(to) = next.or_else(|| {
            Some(self.trace.last()).filter(|last| *last > from && self.until.is_none())
        }) else {
            if self.until.is_some() {
                return None;
            }
            self.playback.pause();
            return Some(Stopped::End);
        };
        let violation = self.trace.violations().iter().map(|violation| violation.seq);
        let violation = violation.filter(|seq| *seq > from && *seq <= to).min();
        let breaks = self.breakpoints.iter().filter_map(|it| it.find(&self.trace, from, to)).min();
        let (stop, why) = match (violation, breaks) {
            (Some(violation), Some(broken)) if broken < violation => {
                (broken, Some(Stopped::Breakpoint))
            }
            (Some(violation), _) => (violation, Some(Stopped::Violation)),
            (None, Some(broken)) => (broken, Some(Stopped::Breakpoint)),
            (None, None) => (to, None),
        };
        let (stop, why) = match self.predictions.stop(from, stop) {
            // Where several things stop, what went wrong is said.
            Some((at, asked)) if at < stop || why.is_none() => {
                (at, Some(if asked { Stopped::Question } else { Stopped::Verdict }))
            }
            Some(_) | None => (stop, why),
        };
        self.step_to(stop);
        let ended = self.until.is_none() && self.seq() == self.trace.last();
        let why = why.or_else(|| ended.then_some(Stopped::End));
        if why.is_some() {
            self.playback.pause();
        }
        why
    }

    /// The bookmarks, in the order of the run.
    pub fn bookmarks(&self) -> &BTreeSet<Seq> {
        &self.bookmarks
    }

    /// Sets a bookmark here, or takes it away.
    pub fn toggle_bookmark(&mut self) {
        let here = self.seq();
        if !self.bookmarks.remove(&here) {
            self.bookmarks.insert(here);
        }
    }

    /// To the neighbouring bookmark; false if there is none.
    pub fn to_bookmark(&mut self, on: bool) -> bool {
        let here = self.seq();
        let found = if on {
            self.bookmarks.range(Seq(here.0 + 1)..).next()
        } else {
            self.bookmarks.range(..here).next_back()
        };
        let found = found.copied();
        found.inspect(|seq| self.go(*seq)).is_some()
    }

    /// To the neighbouring violation of an invariant; false if there is none. Forward no farther than a question that waits.
    pub fn to_violation(&mut self, on: bool) -> bool {
        let here = self.seq();
        let all = || self.violations().map(|violation| violation.seq);
        let found = if on {
            all().filter(|seq| *seq > here).min()
        } else {
            all().filter(|seq| *seq < here).max()
        };
        found.inspect(|seq| self.go(*seq)).is_some()
    }

    /// The breakpoints.
    pub fn breakpoints(&self) -> &[Breakpoint] {
        &self.breakpoints
    }

    /// Sets a breakpoint; one that is set already is taken away.
    pub fn toggle_breakpoint(&mut self, breakpoint: Breakpoint) {
        match self.breakpoints.iter().position(|known| *known == breakpoint) {
            Some(at) => drop(self.breakpoints.remove(at)),
            None => self.breakpoints.push(breakpoint),
        }
    }

    /// The violations that are not hidden, with those that only the end of the run has told.
    pub fn violations(&self) -> impl Iterator<Item = &Violation> {
        let found = self.trace.violations();
        let at_end = self.outcome.iter().flat_map(|outcome| &outcome.violations);
        let all = found.iter().chain(at_end.filter(|it| !found.contains(it)));
        all.filter(|violation| !self.hides(violation.seq))
    }

    /// The last event that may be told: later ones are hidden, because somebody wants it or because a question is open. None
    /// if nothing is hidden.
    pub fn curtain(&self) -> Option<Seq> {
        if self.hide_future { Some(self.seq()) } else { self.predictions.curtain(self.seq()) }
    }

    /// Whether an event is still to come and hidden.
    pub fn hides(&self, seq: Seq) -> bool {
        self.curtain().is_some_and(|curtain| seq > curtain)
    }

    /// The picture.
    pub fn scene(&mut self, style: Style) -> Rc<Scene> {
        let style = Style { zoom: self.zoom, ..style };
        let (seq, last) = (self.seq(), self.trace.last());
        let key = SceneKey { seq, last, tab: self.tab, selection: self.selection.clone(), style };
        if let Some((known, scene)) = &self.scene
            && *known == key
        {
            return Rc::clone(scene);
        }
        let scene = Rc::new(draw(self.tab, &self.stage(style)));
        self.scene = Some((key, Rc::clone(&scene)));
        scene
    }

    /// What a picture or an answer is a function of.
    pub fn stage(&self, style: Style) -> Stage<'_> {
        Stage { trace: &self.trace, view: self.cursor.view(), selection: &self.selection, style }
    }

    /// Time on an axis of a width. It is the same from frame to frame, and made anew when the run has grown.
    pub fn time_scale(&mut self, width: i32) -> Rc<TimeScale> {
        let last = self.trace.last();
        if let Some((then, known, scale)) = &self.scale
            && (*then, *known) == (last, width)
        {
            return Rc::clone(scale);
        }
        let scale = Rc::new(self.trace.time_scale(width));
        self.scale = Some((last, width, Rc::clone(&scale)));
        scale
    }

    /// A node's name.
    pub fn name(&self, node: NodeId) -> &str {
        self.trace.nodes().name(node)
    }
}

/// A place in a run as a person says it: an event's number, a time, `beat:3`, or `end`.
///
/// # Errors
///
/// When there is no such place.
pub fn place(trace: &OpenTrace, text: &str) -> Result<Seq, Word> {
    let text = text.trim();
    if text == "end" {
        return Ok(trace.last());
    }
    if let Some(beat) = text.strip_prefix("beat:") {
        let beat = beat.parse::<usize>().ok().and_then(|beat| trace.beats().get(beat));
        return beat.map(|beat| beat.seq).ok_or(Word::NoSuchBeat);
    }
    if let Ok(seq) = text.parse::<u64>() {
        return if seq <= trace.last().0 { Ok(Seq(seq)) } else { Err(Word::NoSuchMoment) };
    }
    let span: Span = klamm_scenario::duration(text).map_err(|_| Word::PlaceHelp)?;
    let time = Time::ZERO + span;
    if time > trace.end() { Err(Word::NoSuchMoment) } else { Ok(trace.at_time(time)) }
}
