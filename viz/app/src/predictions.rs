//! Predictions in the window: which question is asked where, what was answered, and what came of it.
//!
//! *Flows in*: the scenario that a run carries, answers, and where one stands. *Flows out*: where to stop, what to hide, verdicts
//! and a score. *Must never*: know what is right: [`klamm_world::predict`] finds it in the run's events.

use std::collections::BTreeSet;

use klamm_node::{BrokerId, Seq};
use klamm_scenario::model::{Prediction, Question};
use klamm_scene::{Beat, OpenTrace};
use klamm_world::predict::{Given, Judgement, Past, Unjudged, is_as_meant, is_right, judge};

mod draft;
mod hands;
mod session;
mod subject;

pub use draft::Draft;
pub use hands::{Ballot, Hands, Proposal, room_for_more};
pub(crate) use session::Session;
pub use subject::subject_of;

/// What became of a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Somebody answered.
    Given(Given),
    /// A class raised hands: so many for each answer.
    Hands(Vec<Hands>),
    /// Nobody wanted to.
    Skipped,
}

/// A question of the scenario, and what became of it.
#[expect(clippy::partial_pub_fields, reason = "what one writes is free, what the run says is not")]
#[derive(Clone, Debug)]
pub struct Asked {
    /// The question.
    pub prediction: Prediction,
    /// The answer that is being written.
    pub draft: Draft,
    step: u32,
    /// Its step's event, and the next step's.
    place: Option<(Seq, Option<Seq>)>,
    answer: Option<Answer>,
    verdict: Option<Result<Judgement, Unjudged>>,
    /// Whether one has been where it is judged, since it was answered.
    seen: bool,
}

impl Asked {
    /// The event right before its step: where it is asked. None until the run has come to its step.
    pub fn at(&self) -> Option<Seq> {
        self.place.map(|(step, _)| Seq(step.0.saturating_sub(1)))
    }

    /// What was answered.
    pub fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// The truth and where it shows; none while the run goes on.
    pub fn verdict(&self) -> Option<&Result<Judgement, Unjudged>> {
        self.verdict.as_ref()
    }

    /// Where the truth shows.
    pub fn decided(&self) -> Option<Seq> {
        match &self.verdict {
            Some(Ok(judgement)) => Some(judgement.at),
            Some(Err(_)) | None => None,
        }
    }

    /// Whether the answer is right: none if there is no answer of one's own, or no truth.
    pub fn is_right(&self) -> Option<bool> {
        match (&self.answer, &self.verdict) {
            (Some(Answer::Given(given)), Some(Ok(judgement))) => {
                Some(is_right(&self.prediction.ask, &judgement.truth, given))
            }
            _ => None,
        }
    }

    /// Of the hands that were raised, how many were right, and how many there were.
    pub fn hands(&self) -> Option<(u32, u32)> {
        let (Some(Answer::Hands(hands)), Some(Ok(judgement))) = (&self.answer, &self.verdict)
        else {
            return None;
        };
        let (question, truth) = (&self.prediction.ask, &judgement.truth);
        let right = hands.iter().filter(|hands| hands.are_right(question, truth));
        Some((right.map(|hands| hands.count).sum(), hands.iter().map(|hands| hands.count).sum()))
    }
}

/// How somebody did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Score {
    /// Right answers that one has seen judged.
    pub right: usize,
    /// Answers that one has seen judged.
    pub judged: usize,
    /// Questions that were skipped.
    pub skipped: usize,
    /// All questions.
    pub all: usize,
}

/// The questions of a run.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    all: Vec<Asked>,
    off: bool,
    beats: usize,
    settled: bool,
    /// Whether this is the scenario's own run, which its texts are about.
    own: bool,
}

impl Predictions {
    /// The questions of the scenario that a trace carries. One from another version may not be readable here: then nothing is
    /// asked.
    pub fn of(trace: &OpenTrace) -> Self {
        let header = trace.header();
        let Ok(scenario) = klamm_scenario::parse(&header.scenario_name, &header.scenario) else {
            return Self::default();
        };
        let brokers: Vec<BrokerId> = scenario.cluster.brokers.iter().map(|it| it.id).collect();
        let own = header.seed == scenario.seed && header.switches.is_empty();
        let mut all = Vec::new();
        for (step, of) in (0_u32..).zip(scenario.steps) {
            all.extend(of.predict.into_iter().map(|prediction| Asked {
                draft: Draft::of(&prediction.ask, &brokers),
                prediction,
                step,
                place: None,
                answer: None,
                verdict: None,
                seen: false,
            }));
        }
        let mut predictions = Self { all, own, ..Self::default() };
        predictions.settle(trace, false);
        predictions
    }

    /// Every question, in the order of the file; none if nobody wants to be asked.
    pub fn all(&self) -> &[Asked] {
        if self.off { &[] } else { &self.all }
    }

    /// A question, to write its answer.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Asked> {
        self.all.get_mut(index)
    }

    /// Whether somebody wants to be asked.
    pub fn ask(&mut self, wanted: bool) {
        self.off = !wanted;
    }

    /// Whether the run is one that parted from the scenario's own.
    pub fn is_branch(&mut self, branch: bool) {
        self.own &= !branch;
    }

    /// Whether the texts of a question explain how it came out. Those about an option are held against the run; what else is
    /// said is about the scenario's own run: under another seed, or in a branch, it may be another story.
    pub fn explains(&self, asked: &Asked) -> bool {
        let Some(Ok(judgement)) = &asked.verdict else { return false };
        let question = &asked.prediction.ask;
        let by_option = matches!(question, Question::Choice(_));
        (self.own || by_option) && is_as_meant(question, &judgement.truth)
    }

    /// The run has grown, or is over: finds the places of questions, and the truths once it is over.
    pub fn settle(&mut self, trace: &OpenTrace, over: bool) {
        let beats = trace.beats();
        if beats.len() != self.beats {
            self.beats = beats.len();
            for asked in &mut self.all {
                asked.place = place(beats, asked.step);
            }
        }
        if !over || self.settled {
            return;
        }
        self.settled = true;
        let view_at = |seq: Seq| trace.view_at(seq);
        let past = Past {
            events: trace.events(),
            findings: trace.findings(),
            last: trace.last(),
            over,
            view_at: &view_at,
        };
        for asked in &mut self.all {
            asked.verdict = Some(match asked.place {
                Some((step, next)) => judge(&asked.prediction, step, next, past),
                None => Err(Unjudged::Unreached),
            });
        }
    }

    /// The question that waits for an answer where one stands.
    pub fn waiting(&self, here: Seq) -> Option<usize> {
        self.all().iter().position(|asked| asked.answer.is_none() && asked.at() == Some(here))
    }

    /// On the way from one place to another, the first at which to stop: a question without an answer, or where an answer is
    /// judged.
    pub fn stop(&self, from: Seq, to: Seq) -> Option<(Seq, bool)> {
        let stops = self.all().iter().filter_map(|asked| match asked.answer {
            None => asked.at().map(|at| (at, true)),
            Some(Answer::Given(_) | Answer::Hands(_)) => asked.decided().map(|at| (at, false)),
            Some(Answer::Skipped) => None,
        });
        stops.filter(|(at, _)| *at > from && *at <= to).min_by_key(|(at, asked)| (*at, !asked))
    }

    /// What is behind the next question that has no answer is hidden: the timeline would tell.
    pub fn curtain(&self, here: Seq) -> Option<Seq> {
        let open = self.all().iter().filter(|asked| asked.answer.is_none());
        open.filter_map(Asked::at).filter(|at| *at >= here).min()
    }

    /// Answers a question, unless it has an answer. False if the answer is not complete.
    pub fn give(&mut self, index: usize, hands: bool) -> bool {
        let Some(asked) = self.all.get_mut(index).filter(|asked| asked.answer.is_none()) else {
            return false;
        };
        asked.answer =
            if hands { asked.draft.hands() } else { asked.draft.given().map(Answer::Given) };
        asked.answer.is_some()
    }

    /// Passes over a question; false if it has an answer.
    pub fn skip(&mut self, index: usize) -> bool {
        let open = self.all.get_mut(index).filter(|asked| asked.answer.is_none());
        open.map(|asked| asked.answer = Some(Answer::Skipped)).is_some()
    }

    /// One stands somewhere: what is judged there or before has been seen. What was seen once stays so.
    pub fn stand(&mut self, here: Seq) {
        for asked in &mut self.all {
            asked.seen |= asked.answer.is_some() && asked.decided().is_some_and(|at| at <= here);
        }
    }

    /// How somebody did so far; none if nothing was asked.
    pub fn score(&self) -> Option<Score> {
        let all = self.all();
        let mut score = Score { all: all.len(), ..Score::default() };
        for asked in all {
            match (&asked.answer, asked.is_right()) {
                (Some(Answer::Skipped), _) => score.skipped += 1,
                (_, Some(right)) if asked.seen => {
                    score.judged += 1;
                    score.right += usize::from(right);
                }
                _ => {}
            }
        }
        all.iter().any(|asked| asked.answer.is_some()).then_some(score)
    }
}

/// Where a step is in a run: its event and the next step's.
fn place(beats: &[Beat], step: u32) -> Option<(Seq, Option<Seq>)> {
    let at = beats.iter().position(|beat| beat.step == step)?;
    let beat = beats.get(at)?;
    Some((beat.seq, beats.get(at + 1).map(|next| next.seq)))
}

/// A set as answers have it.
fn set(brokers: &BTreeSet<BrokerId>) -> Vec<BrokerId> {
    brokers.iter().copied().collect()
}
