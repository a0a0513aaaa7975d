//! The hands of a class: for which answers they were raised, how many, and which of them were right.
//!
//! A choice has a count for each option, brokers one for each broker (a hand says that this one is among them). A number can be any,
//! and an order any of many: there the teacher writes down what the class proposes, each with its hands.

use klamm_node::BrokerId;
use klamm_scenario::model::Question;
use klamm_world::predict::{Given, Truth, is_right};

/// A hall has no more.
const HALL: u32 = 100_000;

/// So many hands for an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hands {
    /// The answer; of brokers one alone, that it is among them.
    pub of: Given,
    /// How many.
    pub count: u32,
}

impl Hands {
    /// Whether these hands were right.
    pub fn are_right(&self, question: &Question, truth: &Truth) -> bool {
        match (truth, &self.of) {
            (Truth::Brokers(right), Given::Brokers(claimed)) => {
                claimed.iter().all(|broker| right.contains(broker))
            }
            (Truth::Options(_) | Truth::Brokers(_) | Truth::Number(_) | Truth::Order(_), of) => {
                is_right(question, truth, of)
            }
        }
    }
}

/// What hands are raised for, while it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proposal {
    /// An answer that there is to choose, or that was put in order.
    Known(Given),
    /// A number as it is typed.
    Number(String),
}

/// A proposal with its hands, as they are typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ballot {
    /// What is proposed.
    pub of: Proposal,
    /// How many hands.
    pub count: String,
}

impl Ballot {
    fn new(of: Proposal) -> Self {
        Self { of, count: String::new() }
    }

    /// Whether nothing is written in it.
    fn is_empty(&self) -> bool {
        let named = match &self.of {
            Proposal::Known(_) => false,
            Proposal::Number(typed) => !typed.trim().is_empty(),
        };
        !named && self.count.trim().is_empty()
    }

    /// The hands, if it is written right; nobody's if nothing is.
    fn hands(&self) -> Result<Option<Hands>, Unreadable> {
        let count = match self.count.trim() {
            "" => 0,
            typed => typed.parse().ok().filter(|count| *count <= HALL).ok_or(Unreadable)?,
        };
        let of = match &self.of {
            Proposal::Known(given) => given.clone(),
            Proposal::Number(_) if count == 0 => return Ok(None),
            Proposal::Number(typed) => Given::Number(typed.trim().parse().map_err(|_| Unreadable)?),
        };
        Ok(Some(Hands { of, count }))
    }
}

/// What is typed is no number of hands, or hands were counted for no answer.
struct Unreadable;

/// The ballots of a question to begin with.
pub(super) fn ballots(question: &Question, brokers: &[BrokerId]) -> Vec<Ballot> {
    let known = |given: Given| Ballot::new(Proposal::Known(given));
    match question {
        Question::Choice(options) => {
            (0..options.len()).map(|option| known(Given::Option(option))).collect()
        }
        Question::Brokers { .. } => {
            brokers.iter().map(|broker| known(Given::Brokers(vec![*broker]))).collect()
        }
        Question::Number { .. } => vec![Ballot::new(Proposal::Number(String::new()))],
        Question::Order(_) => Vec::new(),
    }
}

/// Leaves one empty line for the next number, behind those that are written.
pub fn room_for_more(ballots: &mut Vec<Ballot>) {
    let numbers = ballots.iter().all(|ballot| matches!(ballot.of, Proposal::Number(_)));
    if numbers && ballots.last().is_some_and(|last| !last.is_empty()) {
        ballots.push(Ballot::new(Proposal::Number(String::new())));
    }
}

/// Adds hands for an order that was put together; more hands for the same one are added to it. False if they are no number.
pub(super) fn add_order(ballots: &mut Vec<Ballot>, order: &[usize], typed: &str) -> bool {
    let Some(count) = typed.trim().parse().ok().filter(|count| (1..=HALL).contains(count)) else {
        return false;
    };
    let of = Proposal::Known(Given::Order(order.to_vec()));
    match ballots.iter_mut().find(|ballot| ballot.of == of) {
        Some(known) => {
            let before: u32 = known.count.trim().parse().unwrap_or(0);
            known.count = before.saturating_add(count).min(HALL).to_string();
        }
        None => ballots.push(Ballot { of, count: count.to_string() }),
    }
    true
}

/// The hands that were raised, if any were and all is written right. Those for one answer are told together.
pub(super) fn raised(ballots: &[Ballot]) -> Option<Vec<Hands>> {
    let mut all: Vec<Hands> = Vec::new();
    for ballot in ballots {
        let Some(hands) = ballot.hands().ok()? else { continue };
        match all.iter_mut().find(|known| known.of == hands.of) {
            Some(known) => known.count = known.count.saturating_add(hands.count),
            None => all.push(hands),
        }
    }
    all.iter().any(|hands| hands.count > 0).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_scenario::model::{BrokerSet, Measure};

    fn number() -> Question {
        Question::Number { answer: Measure::Seconds, off_by: 1, wrong: Vec::new() }
    }

    #[test]
    fn numbers_are_proposed_one_after_the_other_and_judged_as_the_question_wants() {
        let mut ballots = ballots(&number(), &[]);
        for (typed, count) in [("7", "12"), ("9", " 3 "), ("7", "1"), ("100", "")] {
            let last = ballots.last_mut().expect("a line");
            last.of = Proposal::Number(typed.to_owned());
            last.count = count.to_owned();
            room_for_more(&mut ballots);
            room_for_more(&mut ballots);
        }
        assert_eq!(ballots.len(), 5, "one empty line behind four");
        let hands = raised(&ballots).expect("hands");
        let counts: Vec<(Given, u32)> = hands.iter().map(|it| (it.of.clone(), it.count)).collect();
        assert_eq!(counts, [(Given::Number(7), 13), (Given::Number(9), 3)]);
        let right = |hands: &Hands| hands.are_right(&number(), &Truth::Number(8));
        assert!(hands.iter().all(right), "off by one is right here");
        assert!(!hands.iter().any(|it| it.are_right(&number(), &Truth::Number(11))));
        for (typed, count) in [("", "4"), ("seven", "4"), ("7", "many"), ("7", "100001")] {
            ballots[0].of = Proposal::Number(typed.to_owned());
            ballots[0].count = count.to_owned();
            assert_eq!(raised(&ballots), None, "{typed}: {count}");
        }
    }

    #[test]
    fn each_broker_has_its_hands() {
        let question = Question::Brokers { answer: BrokerSet::Fenced, wrong: Vec::new() };
        let mut ballots = ballots(&question, &[BrokerId(1), BrokerId(2)]);
        assert_eq!(raised(&ballots), None, "nobody raised a hand");
        ballots[1].count = "5".to_owned();
        let hands = raised(&ballots).expect("hands");
        let truth = Truth::Brokers(vec![BrokerId(2), BrokerId(3)]);
        let right: Vec<bool> = hands.iter().map(|it| it.are_right(&question, &truth)).collect();
        assert_eq!((right, hands[0].count, hands[1].count), (vec![false, true], 0, 5));
    }

    #[test]
    fn orders_are_put_together_and_counted() {
        let question = Question::Order(Vec::new());
        let mut ballots = ballots(&question, &[]);
        assert!(!add_order(&mut ballots, &[0, 1], "") && !add_order(&mut ballots, &[0, 1], "0"));
        assert!(add_order(&mut ballots, &[0, 1], "4") && add_order(&mut ballots, &[1, 0], "9"));
        assert!(add_order(&mut ballots, &[0, 1], "2"));
        let hands = raised(&ballots).expect("hands");
        let truth = Truth::Order(vec![0, 1]);
        let counts: Vec<(u32, bool)> =
            hands.iter().map(|it| (it.count, it.are_right(&question, &truth))).collect();
        assert_eq!(counts, [(6, true), (9, false)]);
    }
}
