//! An answer that is being written.

use std::collections::BTreeSet;

use klamm_node::BrokerId;
use klamm_scenario::model::Question;
use klamm_world::predict::Given;

use super::hands::{Ballot, add_order, ballots, raised};
use super::{Answer, set};

/// What somebody has chosen or typed so far.
#[expect(clippy::partial_pub_fields, reason = "what one writes is free, what is asked for is not")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// The option that is chosen, of how many.
    pub option: Option<usize>,
    /// The brokers that are checked, and all there are.
    pub brokers: (BTreeSet<BrokerId>, Vec<BrokerId>),
    /// The number as it is typed.
    pub number: String,
    /// The items by their places in the file, in the order in which they stand.
    pub order: Vec<usize>,
    /// What a class raises hands for, and how many, as it is typed.
    pub ballots: Vec<Ballot>,
    /// The hands for the order as it stands, as they are typed.
    pub for_order: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Option,
    Brokers,
    Number,
    Order,
}

impl Draft {
    /// An empty answer to a question.
    pub fn of(question: &Question, brokers: &[BrokerId]) -> Self {
        let (kind, items) = match question {
            Question::Choice(_) => (Kind::Option, 0),
            Question::Brokers { .. } => (Kind::Brokers, 0),
            Question::Number { .. } => (Kind::Number, 0),
            Question::Order(items) => (Kind::Order, items.len()),
        };
        Self {
            option: None,
            brokers: (BTreeSet::new(), brokers.to_vec()),
            number: String::new(),
            order: (0..items).collect(),
            ballots: ballots(question, brokers),
            for_order: String::new(),
            kind,
        }
    }

    /// The answer, if it is complete.
    pub fn given(&self) -> Option<Given> {
        Some(match self.kind {
            Kind::Option => Given::Option(self.option?),
            Kind::Brokers => Given::Brokers(set(&self.brokers.0)),
            Kind::Number => Given::Number(self.number.trim().parse().ok()?),
            Kind::Order => Given::Order(self.order.clone()),
        })
    }

    /// The hands that were raised, if any were and all counts are numbers. Those for the order as it stands count, added or not.
    pub(super) fn hands(&self) -> Option<Answer> {
        let mut ballots = self.ballots.clone();
        let waits = self.kind == Kind::Order && !self.for_order.trim().is_empty();
        if waits && !add_order(&mut ballots, &self.order, &self.for_order) {
            return None;
        }
        raised(&ballots).map(Answer::Hands)
    }

    /// Adds the hands that are typed for the order as it stands; false if they are no number.
    pub fn add_order(&mut self) -> bool {
        let added = add_order(&mut self.ballots, &self.order, &self.for_order);
        if added {
            self.for_order.clear();
        }
        added
    }

    /// Moves an item of an order up or down; false if it can't go there.
    pub fn shift(&mut self, from: usize, up: bool) -> bool {
        let to = if up { from.checked_sub(1) } else { Some(from + 1) };
        let Some(to) = to.filter(|to| *to < self.order.len() && from < self.order.len()) else {
            return false;
        };
        self.order.swap(from, to);
        true
    }

    /// Checks a broker, or unchecks it.
    pub fn toggle(&mut self, broker: BrokerId) {
        if !self.brokers.0.remove(&broker) {
            self.brokers.0.insert(broker);
        }
    }
}
