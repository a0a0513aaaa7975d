//! What is wrong with a scenario's predictions, found by a run of it: the proof that each can be judged, and that what its texts
//! say of right and wrong is so.

use klamm_node::{EventKind, Seq};
use klamm_scenario::Scenario;
use klamm_scenario::model::Question;
use klamm_trace::EventStore;

use super::{Past, Truth, Unjudged, is_as_meant, judge};

/// A step in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The step, from 0.
    pub step: u32,
    /// Its event.
    pub seq: Seq,
}

/// The steps of a run, in the order in which they began.
pub fn moments(events: &EventStore) -> Vec<Moment> {
    let begun = events.from(Seq(1)).filter_map(|event| {
        let EventKind::StepStarted { step, .. } = event.kind else { return None };
        Some(Moment { step, seq: event.seq })
    });
    begun.collect()
}

/// What is wrong with a scenario's predictions in a whole run of it; nothing, if each is judged and every option is right or
/// wrong as its texts say.
pub fn flaws(scenario: &Scenario, past: Past<'_>) -> Vec<String> {
    let moments = moments(past.events);
    let mut flaws = Vec::new();
    for (index, step) in (0_u32..).zip(&scenario.steps) {
        for prediction in &step.predict {
            let (id, line) = (&prediction.id, prediction.line);
            let place = format!("line {line}: the prediction '{id}'");
            let Some(at) = moments.iter().position(|moment| moment.step == index) else {
                flaws.push(format!("{place} is never asked: its step never happens"));
                continue;
            };
            let asked = moments[at].seq;
            let next = moments.get(at + 1).map(|moment| moment.seq);
            match judge(prediction, asked, next, past) {
                Err(Unjudged::NotYet) => flaws.push(format!("{place}: the run is not over")),
                Err(Unjudged::Unreached) => {
                    flaws.push(format!("{place} is never judged: 'until' never holds"));
                }
                Err(Unjudged::NoValue) => {
                    flaws.push(format!("{place}: its answer has no value where it is judged"));
                }
                Ok(judged) => {
                    if judged.at <= asked {
                        flaws.push(format!(
                            "{place} is judged at once: what it waits for is so already"
                        ));
                    }
                    if !is_as_meant(&prediction.ask, &judged.truth) {
                        flaws.push(format!("{place}: {}", unlike(&prediction.ask, &judged.truth)));
                    }
                }
            }
        }
    }
    flaws
}

/// How the truth differs from what the texts say.
fn unlike(question: &Question, truth: &Truth) -> String {
    match (question, truth) {
        (Question::Choice(options), Truth::Options(right)) => {
            let wrong =
                options.iter().zip(right).filter(|(it, right)| it.reason.is_none() != **right);
            let named = wrong.map(|(option, right)| {
                let is = if *right { "right" } else { "wrong" };
                format!("'{}' is {is}", option.text.english)
            });
            named.collect::<Vec<_>>().join(", ")
        }
        (
            Question::Choice(_)
            | Question::Brokers { .. }
            | Question::Number { .. }
            | Question::Order(_),
            Truth::Options(_) | Truth::Brokers(_) | Truth::Number(_) | Truth::Order(_),
        ) => format!("{truth:?} is the answer, and is told to be wrong"),
    }
}
