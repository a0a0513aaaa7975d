//! Questions where one stands: which waits, which was just judged, and what explains it.

use klamm_node::Seq;

use super::{Inspect, Lab};
use crate::predictions::subject_of;

impl Lab {
    /// Tells the questions that the run has grown, or is over.
    pub(super) fn settle_predictions(&mut self) {
        let over = self.until.is_none() && self.incoming.is_none();
        self.predictions.settle(&self.trace, over);
    }

    /// Whether a question waits for an answer here.
    pub fn waits(&self) -> bool {
        self.predictions.waiting(self.seq()).is_some()
    }

    /// On the way to a place, no farther than where a question is asked or judged.
    pub(super) fn no_farther(&self, to: Seq) -> Seq {
        self.predictions.stop(self.seq(), to).map_or(to, |(at, _)| at)
    }

    /// Answers the question that waits here; false if there is none, or if the answer is not complete.
    pub fn answer_question(&mut self, hands: bool) -> bool {
        let waiting = self.predictions.waiting(self.seq());
        let given = waiting.is_some_and(|index| self.predictions.give(index, hands));
        self.predictions.stand(self.seq());
        given
    }

    /// Passes over the question that waits here; false if there is none.
    pub fn skip_question(&mut self) -> bool {
        let waiting = self.predictions.waiting(self.seq());
        waiting.is_some_and(|index| self.predictions.skip(index))
    }

    /// Goes to where an answer is judged, and asks why the number that decides it is what it is; where it is about an event,
    /// the event is told with its causes.
    pub fn explain(&mut self, index: usize) {
        let Some(asked) = self.predictions.all().get(index) else { return };
        let Some(Ok(judgement)) = asked.verdict() else { return };
        let view = self.trace.view_at(judgement.at);
        let subject = subject_of(&asked.prediction.ask, &judgement.truth, &view);
        let at = judgement.at;
        self.selection.event = None;
        self.go(at);
        match subject {
            Some(subject) => self.ask(subject),
            None => self.inspect = Inspect::Event,
        }
    }

    /// Goes to where a question is asked; false if the run has no such place.
    pub fn to_question(&mut self, index: usize) -> bool {
        let at = self.predictions.all().get(index).and_then(|asked| asked.at());
        at.inspect(|at| self.go(*at)).is_some()
    }
}
