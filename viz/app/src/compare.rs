//! Two runs side by side: a second run that keeps step with the first, where they part, and what differs.
//!
//! *Flows in*: a second run as it comes, and where the first one stands. *Flows out*: where the second one stands, the first event
//! that differs and, under two seeds, what the cluster did otherwise first; the numbers that differ. *Must never*: draw, or move the
//! first run but in a step of both and to where the two part.

use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use klamm_node::{Seq, Time};
use klamm_scene::{OpenTrace, Step, Subject};
use klamm_trace::{Divergence, EventStore, Parting, first_divergence, first_parting};

use crate::lab::{Change, Lab, differences};
use crate::load::{News, Problem, Source, Wake, Worker};

/// What is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum With {
    /// Another branch, by its place.
    Branch(usize),
    /// The same scenario under another seed.
    Seed(u64),
}

/// How two runs part.
#[derive(Clone, Debug)]
struct Parted {
    /// In which event first; none for two that are the same.
    first: Option<Divergence>,
    /// What the cluster did otherwise first, if the two have other dice; none where it did the same.
    noted: Option<Option<Parting>>,
}

impl Parted {
    /// Both runs are read to their ends: not for the window's thread.
    fn of(left: &EventStore, right: &EventStore, other_dice: bool) -> Self {
        let first = first_divergence(left, right);
        Self { first, noted: other_dice.then(|| first_parting(left, right)) }
    }
}

/// The second run, and how it stands to the first.
pub struct Compare {
    /// Which branch it is.
    index: usize,
    source: Source,
    worker: Option<Worker>,
    other: Option<Lab>,
    /// Where the two part, once both are there and somebody has looked.
    parted: Option<Box<Parted>>,
    /// Who looks.
    looking: Option<Receiver<Parted>>,
    wake: Wake,
    /// Where the first one stood when the second one followed it last.
    followed: Option<Seq>,
    differs: Option<Differs>,
}

/// What differs at two places.
#[derive(Clone, Debug)]
struct Differs {
    at: (Seq, Seq),
    all: Rc<Vec<Change>>,
    subjects: Rc<BTreeSet<Subject>>,
}

impl fmt::Debug for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compare").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Compare {
    /// Begins to run what is compared with.
    pub(crate) fn begin(index: usize, source: Source, seed: u64, wake: Wake) -> Self {
        let worker = Some(Worker::start(source.clone(), Some(seed), wake.clone()));
        let (other, parted, looking, followed, differs) = (None, None, None, None, None);
        Self { index, source, worker, other, parted, looking, wake, followed, differs }
    }

    /// Which branch is compared with.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The second run, once it has begun.
    pub fn other(&self) -> Option<&Lab> {
        self.other.as_ref()
    }

    /// The second run, to be drawn.
    pub fn other_mut(&mut self) -> Option<&mut Lab> {
        self.other.as_mut()
    }

    /// Takes what the worker told; true if there is more to do at once. Why it can't be run, if it can't.
    pub(crate) fn hear(&mut self) -> Result<bool, Problem> {
        if let Some(worker) = &self.worker {
            let (all, more) = worker.news();
            if !more {
                self.worker = None;
            }
            for news in all {
                self.take_news(news)?;
            }
        }
        Ok(self.other.as_mut().is_some_and(Lab::take))
    }

    fn take_news(&mut self, news: News) -> Result<(), Problem> {
        match (news, &mut self.other) {
            (News::Begun(header, until), _) => {
                let trace = OpenTrace::new(*header);
                let mut other = Lab::begun(self.source.clone(), trace, until);
                other.predictions.ask(false);
                self.other = Some(other);
            }
            (News::Grown(events), Some(other)) => other.grown(events),
            (News::Done(outcome), Some(other)) => other.done(outcome),
            (News::Opened(trace, _), _) => self.other = Some(Lab::new(self.source.clone(), *trace)),
            (News::Failed(problem), _) => return Err(problem),
            (News::Grown(_) | News::Done(_) | News::Reading(..), _) => {}
        }
        Ok(())
    }

    /// Where the two part; none while that is not known yet.
    pub fn parted(&self) -> Option<Option<&Divergence>> {
        self.parted.as_ref().map(|parted| parted.first.as_ref())
    }

    /// What the cluster did otherwise first, or that it did the same: told of two runs with other dice, once it is known.
    pub fn noted(&self) -> Option<Option<&Parting>> {
        self.parted.as_ref()?.noted.as_ref().map(Option::as_ref)
    }

    /// As if the two had been found to part so: few seeds do, and to look for one takes longer than a test may.
    #[cfg(test)]
    pub(crate) fn part_so(&mut self, parting: Parting) {
        if let Some(parted) = &mut self.parted {
            parted.noted = Some(Some(parting));
        }
    }

    /// Looks where the two part, beside the window's thread; true once it is known, just now.
    fn look(&mut self, lab: &Lab) -> bool {
        let Some(other) = self.other.as_ref().filter(|other| lab.is_whole() && other.is_whole())
        else {
            return false;
        };
        if let Some(looking) = &self.looking {
            match looking.try_recv() {
                Ok(parted) => self.parted = Some(Box::new(parted)),
                Err(TryRecvError::Empty) => return false,
                // It came to nothing: then it is found here.
                Err(TryRecvError::Disconnected) => {
                    let (left, right) = (lab.trace().events(), other.trace().events());
                    self.parted = Some(Box::new(Parted::of(left, right, false)));
                }
            }
            self.looking = None;
            return true;
        }
        let (tell, hear) = channel();
        let (left, right) = (lab.trace().events().clone(), other.trace().events().clone());
        let other_dice = lab.trace().header().seed != other.trace().header().seed;
        let wake = Wake::clone(&self.wake);
        let thread = thread::Builder::new().name("comparing".to_owned());
        // If there is no thread nobody tells, and that is heard.
        drop(thread.spawn(move || {
            // Whoever has stopped comparing does not listen.
            drop(tell.send(Parted::of(&left, &right, other_dice)));
            wake();
        }));
        self.looking = Some(hear);
        (self.wake)();
        false
    }

    /// Goes to where the two part: where the cluster did otherwise first, else to the first event that differs.
    pub(crate) fn go_to_parting(&mut self, lab: &mut Lab) {
        let Some(parted) = &self.parted else { return };
        self.followed = None;
        let noted = parted.noted.as_ref().and_then(Option::as_ref);
        match noted.map(|it| (it.is_left_first(), &it.left, &it.right)) {
            Some((true, Some(turn), _)) => lab.go(turn.seq),
            Some((false, _, Some(turn))) => {
                // There the second has gone its way, and the first is still as both were.
                lab.go(lab.trace().at_time(turn.time));
                if let Some(other) = &mut self.other {
                    other.go(turn.seq);
                    self.followed = Some(lab.seq());
                }
            }
            Some(_) | None => {
                if let Some(first) = &parted.first {
                    lab.go(Seq(first.seq.0.min(lab.trace().last().0)));
                }
            }
        }
    }

    /// Lets the second run stand where the first one stands. Once it is known where they part, both go there.
    pub(crate) fn follow(&mut self, lab: &mut Lab) {
        if self.other.is_none() {
            return;
        }
        if self.parted.is_none() && self.look(lab) {
            self.go_to_parting(lab);
        }
        if self.followed == Some(lab.seq()) {
            return;
        }
        self.followed = Some(lab.seq());
        let to = self.beside(lab);
        if let Some(other) = &mut self.other {
            other.go(to);
        }
    }

    /// The place in the second run beside the first one's: the same event as long as they are the same run, and from there on
    /// the newest that is not later.
    fn beside(&self, lab: &Lab) -> Seq {
        if self.is_shared(lab.seq()) {
            return lab.seq();
        }
        let now = lab.cursor().view().now;
        self.other.as_ref().map_or_else(|| lab.seq(), |other| other.trace().at_time(now))
    }

    /// Whether an event is the same in both.
    fn is_shared(&self, seq: Seq) -> bool {
        match &self.parted {
            Some(parted) => parted.first.as_ref().is_none_or(|first| seq < first.seq),
            None => false,
        }
    }

    /// A step of both: on to whatever comes next in either, or back from whatever came last. False if there is none.
    pub(crate) fn step(&mut self, lab: &mut Lab, step: Step, on: bool) -> bool {
        let Some(beside) = self.other.as_ref().map(Lab::seq) else { return false };
        let reached = |seq: Seq| if on { Seq(seq.0 + 1) } else { seq };
        let shared = self.is_shared(reached(lab.seq())) && self.is_shared(reached(beside));
        let Some(other) = &mut self.other else { return false };
        if shared {
            return if on { lab.next(step) } else { lab.previous(step) };
        }
        let (one, two) = if on {
            (lab.trace().next(step, lab.seq()), other.trace().next(step, other.seq()))
        } else {
            (lab.trace().previous(step, lab.seq()), other.trace().previous(step, other.seq()))
        };
        let at = |lab: &Lab, to: Option<Seq>| -> Option<Time> {
            // On to a place: when it is. Back from one: when what is left was.
            to.map(|to| if on { lab.trace().time_of(to) } else { lab.cursor().view().now })
        };
        let (first, second) = (at(lab, one), at(other, two));
        let (moves_one, moves_two) = match (first, second) {
            (None, None) => return false,
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
            (Some(first), Some(second)) if on => (first <= second, second <= first),
            (Some(first), Some(second)) => (first >= second, second >= first),
        };
        if let Some(to) = one.filter(|_| moves_one) {
            lab.go(to);
        }
        if let Some(to) = two.filter(|_| moves_two) {
            other.go(to);
        }
        // Back in what both have, they stand at the same event again.
        let (one, two) = (lab.seq(), other.seq());
        if !on && self.is_shared(one) && self.is_shared(two) {
            lab.go(one.min(two));
            self.followed = None;
        } else {
            self.followed = Some(one);
        }
        true
    }

    fn differs(&mut self, lab: &Lab) -> Option<&Differs> {
        let other = self.other.as_ref()?;
        let at = (lab.seq(), other.seq());
        if self.differs.as_ref().is_none_or(|known| known.at != at) {
            let all = differences(lab.cursor().view(), other.cursor().view());
            let subjects = all.iter().map(|change| change.subject.clone()).collect();
            self.differs = Some(Differs { at, all: Rc::new(all), subjects: Rc::new(subjects) });
        }
        self.differs.as_ref()
    }

    /// The numbers that differ: of the first run, and of the second.
    pub fn differences(&mut self, lab: &Lab) -> Rc<Vec<Change>> {
        self.differs(lab).map(|differs| Rc::clone(&differs.all)).unwrap_or_default()
    }

    /// What differs, to be found on the stage.
    pub fn subjects(&mut self, lab: &Lab) -> Rc<BTreeSet<Subject>> {
        self.differs(lab).map(|differs| Rc::clone(&differs.subjects)).unwrap_or_default()
    }
}
