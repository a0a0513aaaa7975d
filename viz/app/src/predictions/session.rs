//! What was answered in this session, run by run. A run that is opened again has its answers still, and a branch has those that
//! were decided before it parted.

use std::sync::Arc;

use klamm_node::Time;

use super::{Answer, Predictions};
use crate::lab::Lab;

#[derive(Clone, Debug)]
struct Kept {
    id: String,
    answer: Answer,
    seen: bool,
    /// When it was decided.
    decided: Option<Time>,
}

/// The answers to a run's questions.
#[derive(Clone, Debug)]
struct Run {
    text: Arc<str>,
    seed: u64,
    kept: Vec<Kept>,
}

/// The answers of a session, the run that was shown last at the end.
#[derive(Debug, Default)]
pub(crate) struct Session {
    runs: Vec<Run>,
}

impl Session {
    /// Keeps the answers of a run that is about to go.
    pub(crate) fn keep(&mut self, lab: &Lab) {
        let header = lab.trace().header();
        let kept: Vec<Kept> = lab
            .predictions
            .all
            .iter()
            .filter_map(|asked| {
                Some(Kept {
                    id: asked.prediction.id.clone(),
                    answer: asked.answer.clone()?,
                    seen: asked.seen,
                    decided: asked.decided().map(|at| lab.trace().time_of(at)),
                })
            })
            .collect();
        let (text, seed) = (Arc::clone(&header.scenario), header.seed);
        self.runs.retain(|run| (&run.text, run.seed) != (&text, seed));
        if !kept.is_empty() {
            self.runs.push(Run { text, seed, kept });
        }
    }

    /// Gives a run its answers back. One that parted from the run before at a time has that one's answers up to there.
    pub(crate) fn restore(&self, lab: &mut Lab, parted: Option<Time>) {
        let header = lab.trace().header();
        let own =
            self.runs.iter().find(|run| run.text == header.scenario && run.seed == header.seed);
        let before = self.runs.last().filter(|run| run.seed == header.seed);
        let kept = match (own, parted, before) {
            (Some(run), _, _) => run.kept.clone(),
            (None, Some(parted), Some(run)) => {
                let settled = |it: &&Kept| it.decided.is_some_and(|decided| decided <= parted);
                run.kept.iter().filter(settled).cloned().collect()
            }
            (None, _, _) => Vec::new(),
        };
        restore(&mut lab.predictions, kept);
    }
}

fn restore(predictions: &mut Predictions, kept: Vec<Kept>) {
    for kept in kept {
        let mut all = predictions.all.iter_mut();
        if let Some(asked) = all.find(|asked| asked.prediction.id == kept.id) {
            asked.answer = Some(kept.answer);
            asked.seen = kept.seen;
        }
    }
}
