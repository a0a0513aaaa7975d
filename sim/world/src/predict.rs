//! Judging predictions: what the right answer is in a run, found in its events.
//!
//! ```text
//!   Prediction, the step's event, the recorded run ─► judge ─► the moment, and the truth there ─► right or wrong
//! ```
//!
//! A prediction is asked right before a step's first event and judged when its `until` first holds, otherwise right before the
//! next step or at the end of the run. Conditions mean what they mean to expectations: 'since the step before happened' is
//! since the step that asks.
//!
//! *Flows in*: a prediction and a recorded run. *Flows out*: the truth, and whether an answer agrees. *Must never*: keep
//! anything, or know an answer that the run's events do not give.

use std::collections::BTreeMap;

use klamm_node::event::Event;
use klamm_node::{BrokerId, EventKind, NodeId, Room, Seq, Time, TopicPartition};
use klamm_scenario::model::{
    BrokerSet, Condition, EventMatch, Measure, Prediction, Proof, Question, Said, Target,
};
use klamm_trace::{EventStore, Findings, NodeTable, View, field_in_words};

use crate::lab::room_bit;
use crate::runner::Facts;
use crate::runner::condition::{Judge, Mark, needs_findings, watched};
use crate::runner::resolve::resolve;

mod check;
mod measure;

pub use check::{Moment, flaws, moments};

/// A recorded run, as far as it has come.
#[derive(Clone, Copy)]
pub struct Past<'a> {
    /// Its events.
    pub events: &'a EventStore,
    /// What the invariants found.
    pub findings: &'a Findings,
    /// The last event that counts.
    pub last: Seq,
    /// Whether no more will come.
    pub over: bool,
    /// The View after an event.
    pub view_at: &'a dyn Fn(Seq) -> View,
}

impl std::fmt::Debug for Past<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Past").field("last", &self.last).finish_non_exhaustive()
    }
}

/// What is so in a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Truth {
    /// Of each option, whether it is right.
    Options(Vec<bool>),
    /// These brokers, in the order of their ids.
    Brokers(Vec<BrokerId>),
    /// This number.
    Number(i64),
    /// The items by their places in the file, in the order in which they happened.
    Order(Vec<usize>),
}

/// What somebody answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Given {
    /// An option, by its place in the file.
    Option(usize),
    /// A set of brokers, in the order of their ids.
    Brokers(Vec<BrokerId>),
    /// A number.
    Number(i64),
    /// The items by their places in the file, in some order.
    Order(Vec<usize>),
}

/// The truth, and when it was established.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// The event after which it was judged.
    pub at: Seq,
    /// What is so there.
    pub truth: Truth,
}

/// Why there is no judgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unjudged {
    /// The run has not come so far.
    NotYet,
    /// The run is over, and never came to what the prediction waits for.
    Unreached,
    /// The run came there, and has no such value: no such broker or group, an item that never happened, two at one event.
    NoValue,
}

/// The truth about a prediction in a run: asked before the event `step`, with `next` as the next step's event.
///
/// # Errors
/// Why there is none.
pub fn judge(
    prediction: &Prediction,
    step: Seq,
    next: Option<Seq>,
    past: Past<'_>,
) -> Result<Judgement, Unjudged> {
    let mut walk = Walk::new(prediction, step, past);
    let mut at = None;
    let wanted = prediction.until.as_ref();
    let watches = wanted.map_or(0, watched);
    for event in past.events.from(step).take_while(|event| event.seq <= past.last) {
        if wanted.is_none() && next == Some(event.seq) {
            at = Some(Seq(event.seq.0 - 1));
            break;
        }
        walk.take(&event);
        if let Some(wanted) = wanted
            && (event.seq == step || watches & room_bit(event.kind.room()) != 0)
            && walk.holds(wanted)
        {
            at = Some(event.seq);
            break;
        }
    }
    let at = match (at, past.over, wanted) {
        (Some(at), _, _) => at,
        (None, false, _) => return Err(Unjudged::NotYet),
        (None, true, Some(_)) => return Err(Unjudged::Unreached),
        (None, true, None) => past.last,
    };
    let truth = walk.truth(at).ok_or(Unjudged::NoValue)?;
    Ok(Judgement { at, truth })
}

/// Whether an answer is right. An answer of another kind never is.
pub fn is_right(question: &Question, truth: &Truth, given: &Given) -> bool {
    match (truth, given) {
        (Truth::Options(right), Given::Option(chosen)) => right.get(*chosen) == Some(&true),
        (Truth::Brokers(right), Given::Brokers(chosen)) => right == chosen,
        (Truth::Order(right), Given::Order(chosen)) => right == chosen,
        (Truth::Number(right), Given::Number(said)) => {
            let off_by = match question {
                Question::Number { off_by, .. } => *off_by,
                Question::Choice(_) | Question::Brokers { .. } | Question::Order(_) => 0,
            };
            right.abs_diff(*said) <= off_by
        }
        (
            Truth::Options(_) | Truth::Brokers(_) | Truth::Number(_) | Truth::Order(_),
            Given::Option(_) | Given::Brokers(_) | Given::Number(_) | Given::Order(_),
        ) => false,
    }
}

/// What its author says to whoever answered so: why that is wrong. None if nothing is said of that answer.
pub fn reason<'a>(question: &'a Question, given: &Given) -> Option<&'a Said> {
    match (question, given) {
        (Question::Choice(options), Given::Option(chosen)) => {
            options.get(*chosen).and_then(|option| option.reason.as_ref())
        }
        (Question::Brokers { wrong, .. }, Given::Brokers(chosen)) => {
            wrong.iter().find(|(brokers, _)| brokers == chosen).map(|(_, reason)| reason)
        }
        (Question::Number { wrong, .. }, Given::Number(said)) => {
            wrong.iter().find(|(number, _)| number == said).map(|(_, reason)| reason)
        }
        (
            Question::Choice(_)
            | Question::Brokers { .. }
            | Question::Number { .. }
            | Question::Order(_),
            Given::Option(_) | Given::Brokers(_) | Given::Number(_) | Given::Order(_),
        ) => None,
    }
}

/// Whether a run is as the author of a prediction meant it: every option is right or wrong as its texts say. In a branch it
/// may not be, and then the texts explain another run.
pub fn is_as_meant(question: &Question, truth: &Truth) -> bool {
    match (question, truth) {
        (Question::Choice(options), Truth::Options(right)) => {
            options.len() == right.len()
                && options
                    .iter()
                    .zip(right)
                    .all(|(option, right)| option.reason.is_none() == *right)
        }
        (Question::Brokers { wrong, .. }, Truth::Brokers(_)) => wrong
            .iter()
            .all(|(brokers, _)| !is_right(question, truth, &Given::Brokers(brokers.clone()))),
        (Question::Number { wrong, .. }, Truth::Number(_)) => {
            wrong.iter().all(|(number, _)| !is_right(question, truth, &Given::Number(*number)))
        }
        (Question::Order(_), Truth::Order(_)) => true,
        (
            Question::Choice(_)
            | Question::Brokers { .. }
            | Question::Number { .. }
            | Question::Order(_),
            Truth::Options(_) | Truth::Brokers(_) | Truth::Number(_) | Truth::Order(_),
        ) => false,
    }
}

/// A walk through a run from a step on, counting what a prediction asks for.
struct Walk<'a> {
    question: &'a Question,
    past: Past<'a>,
    mark: Mark,
    view: View,
    /// When the step began.
    began: Option<Time>,
    /// How often there was an event that the prediction asks for.
    seen: Vec<(&'a EventMatch, u64)>,
    /// Records that were cut off, by replica.
    cut: BTreeMap<(TopicPartition, NodeId), i64>,
    /// Of each item of an order, the event at which it first held.
    happened: Vec<Option<Seq>>,
}

impl<'a> Walk<'a> {
    fn new(prediction: &'a Prediction, step: Seq, past: Past<'a>) -> Self {
        let view = (past.view_at)(Seq(step.0.saturating_sub(1)));
        let question = &prediction.ask;
        let (proofs, items) = match question {
            Question::Choice(options) => (options.iter().map(|it| &it.right).collect(), 0),
            Question::Order(items) => (items.iter().map(|it| &it.when).collect(), items.len()),
            Question::Brokers { .. } | Question::Number { .. } => (Vec::new(), 0),
        };
        let of_proof = |proof: &'a Proof| match proof {
            Proof::Happened(event) | Proof::Never(event) => Some((event, 0)),
            Proof::Condition(_) => None,
        };
        let mut seen: Vec<_> = proofs.into_iter().filter_map(of_proof).collect();
        if let Question::Number { answer: Measure::Events(event), .. } = question {
            seen.push((event, 0));
        }
        Self {
            question,
            past,
            mark: Mark::of(&view),
            began: None,
            view,
            seen,
            cut: BTreeMap::new(),
            happened: vec![None; items],
        }
    }

    /// Takes the next event; the first is the step's own.
    fn take(&mut self, event: &Event) {
        self.began.get_or_insert(event.time);
        self.view.apply(event);
        if let EventKind::LogTruncated { partition, from, to, .. } = &event.kind {
            let cut = self.cut.entry((partition.clone(), event.node)).or_default();
            *cut += from.0 - to.0;
        }
        let table = &self.view.table;
        for (wanted, count) in &mut self.seen {
            let here = wanted.at.as_ref().is_none_or(|host| table.name(event.node) == host);
            if here && is_such(wanted, &event.kind, table) {
                *count += 1;
            }
        }
        let Question::Order(items) = self.question else { return };
        for (index, item) in items.iter().enumerate() {
            let open = self.happened.get(index) == Some(&None);
            let may = match &item.when {
                Proof::Condition(condition) => {
                    // Scenario: the step's own event, at which something may hold already.
                    (watched(condition) | room_bit(Room::Scenario)) & room_bit(event.kind.room())
                        != 0
                }
                Proof::Happened(_) | Proof::Never(_) => true,
            };
            if open && may && self.proves(&item.when) {
                self.happened[index] = Some(event.seq);
            }
        }
    }

    fn holds(&self, condition: &Condition) -> bool {
        let known = if needs_findings(condition) { self.known() } else { Findings::default() };
        let facts = Facts { view: &self.view, findings: &known };
        // The reader lets no prediction refer to what a step acted on.
        let resolve = |target: &Target| resolve(&self.view, target, &|_| None);
        Judge { facts, mark: &self.mark, resolve: &resolve }.holds(condition)
    }

    fn proves(&self, proof: &Proof) -> bool {
        match proof {
            Proof::Condition(condition) => self.holds(condition),
            Proof::Happened(event) => self.count(event) > 0,
            Proof::Never(event) => self.count(event) == 0,
        }
    }

    fn count(&self, event: &EventMatch) -> u64 {
        self.seen.iter().find(|(wanted, _)| *wanted == event).map_or(0, |(_, count)| *count)
    }

    /// What the invariants had found up to here: what they found later is not known yet.
    fn known(&self) -> Findings {
        let Findings { violations, permitted } = self.past.findings;
        let here = self.view.seq;
        Findings {
            violations: violations.iter().filter(|it| it.seq <= here).cloned().collect(),
            permitted: permitted.iter().filter(|it| it.seq <= here).cloned().collect(),
        }
    }

    fn truth(&self, at: Seq) -> Option<Truth> {
        debug_assert_eq!(self.view.seq, at, "it is judged where the walk ended");
        Some(match self.question {
            Question::Choice(options) => {
                Truth::Options(options.iter().map(|option| self.proves(&option.right)).collect())
            }
            Question::Brokers { answer, .. } => Truth::Brokers(self.brokers(answer)?),
            Question::Number { answer, .. } => Truth::Number(self.measure(answer)?),
            Question::Order(_) => {
                let mut order: Vec<(Seq, usize)> = Vec::new();
                for (index, seq) in self.happened.iter().enumerate() {
                    order.push(((*seq)?, index));
                }
                order.sort_unstable();
                let apart = order.windows(2).all(|two| two[0].0 < two[1].0);
                apart.then(|| Truth::Order(order.into_iter().map(|(_, index)| index).collect()))?
            }
        })
    }

    fn brokers(&self, set: &BrokerSet) -> Option<Vec<BrokerId>> {
        let view = &self.view;
        let mut brokers = match set {
            BrokerSet::Leader(partition) => vec![view.leader_of(partition)?],
            BrokerSet::Isr(partition) => view.truth(partition)?.isr.clone(),
            BrokerSet::Elr(partition) => view.truth(partition)?.elr.clone(),
            BrokerSet::Replicas(partition) => view.truth(partition)?.replicas.clone(),
            BrokerSet::CaughtUp(partition) => {
                let all = view.truth(partition)?.replicas.iter().copied();
                all.filter(|broker| view.caught_up(partition, *broker)).collect()
            }
            BrokerSet::Truncated(partition) => {
                let cut = self.cut.iter().filter(|((at, _), cut)| at == partition && **cut > 0);
                cut.filter_map(|((_, node), _)| view.table.broker_of(*node)).collect()
            }
            BrokerSet::Fenced => {
                let fenced = view.brokers.iter().filter(|(_, broker)| broker.fenced);
                fenced.map(|(id, _)| *id).collect()
            }
            BrokerSet::Down => {
                let alive = |id: &BrokerId| view.table.node_of(*id).map(|n| view.is_alive(n));
                view.brokers.keys().copied().filter(|id| alive(id) == Some(false)).collect()
            }
        };
        brokers.sort_unstable();
        brokers.dedup();
        Some(brokers)
    }
}

/// Whether an event is one of those that are meant: its fields have the values that are wanted, as the trace has them or in the
/// words of a transcript.
fn is_such(wanted: &EventMatch, kind: &EventKind, nodes: &NodeTable) -> bool {
    if kind.name() != wanted.event {
        return false;
    }
    let mut same = 0;
    kind.visit(&mut |key, value| {
        if let Some(wanted) = wanted.with.get(key) {
            let mut text = String::new();
            let shown = value.show(&mut text);
            let said = || field_in_words(kind, nodes, key, &text);
            same += usize::from(
                shown.is_ok() && (text == *wanted || said().is_some_and(|said| said == *wanted)),
            );
        }
    });
    same == wanted.with.len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use klamm_node::BrokerId;
    use klamm_trace::{NodeInfo, NodeKind};

    use super::*;

    #[test]
    fn a_value_is_meant_as_the_trace_has_it_or_as_a_transcript_says_it() {
        let name: Arc<str> = Arc::from("controller-3");
        let info = NodeInfo {
            name: name.clone(),
            kind: NodeKind::Controller,
            broker: Some(BrokerId(3003)),
            host: name,
            rack: None,
        };
        let nodes = NodeTable::new(vec![info]);
        let kind = EventKind::LinkCut { from: NodeId(0), to: NodeId(7) };
        let wanted = |event: &str, key: &str, value: &str| EventMatch {
            event: event.to_owned(),
            at: None,
            with: BTreeMap::from([(key.to_owned(), value.to_owned())]),
        };
        assert!(is_such(&wanted("LinkCut", "from", "0"), &kind, &nodes));
        assert!(is_such(&wanted("LinkCut", "from", "controller-3"), &kind, &nodes));
        assert!(!is_such(&wanted("LinkCut", "to", "controller-3"), &kind, &nodes));
        assert!(!is_such(&wanted("LinkHealed", "from", "0"), &kind, &nodes));
    }
}
