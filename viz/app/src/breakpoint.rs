//! Breakpoints: conditions typed by a person, at which playing stops.
//!
//! ```text
//! isr orders-0 < 2          a number of a partition: isr, hw, end, epoch, leader
//! lag pay orders-0 > 100    a group's lag
//! LogTruncated              an event, by its name
//! LogTruncated broker-2     an event at a node
//! violation                 an invariant fails
//! ```
//!
//! A number stops where it becomes so, not for as long as it stays so. Names are checked when the breakpoint is set.

use std::fmt;

use klamm_node::event::{CATALOGUE, Event};
use klamm_node::{GroupId, NodeId, Seq, TopicPartition};
use klamm_scene::OpenTrace;
use klamm_trace::View;

use crate::words::Word;

/// A number that can be compared.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Measure {
    Isr(TopicPartition),
    HighWatermark(TopicPartition),
    LogEnd(TopicPartition),
    Epoch(TopicPartition),
    Leader(TopicPartition),
    Lag(GroupId, TopicPartition),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    Less,
    AtMost,
    Equal,
    Unequal,
    AtLeast,
    More,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Condition {
    Number(Measure, Relation, i64),
    Event(&'static str, Option<NodeId>),
    Violation,
}

/// A condition, with what was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breakpoint {
    text: String,
    condition: Condition,
}

impl fmt::Display for Breakpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is wrong with what was typed: a sentence, and the word that it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake(pub Word, pub String);

impl Breakpoint {
    /// Reads a condition for a run.
    ///
    /// # Errors
    ///
    /// When a word of it means nothing in this run.
    pub fn parse(text: &str, trace: &OpenTrace) -> Result<Self, Mistake> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let mistake = |word: Word, what: &str| Mistake(word, what.to_owned());
        let condition = match words.as_slice() {
            [] => return Err(mistake(Word::BreakHelp, "")),
            ["violation"] => Condition::Violation,
            ["lag", group, rest @ ..] => {
                let named = |at: &&GroupId| at.to_string() == *group;
                let known = trace.tip().groups().into_iter().find(|at| named(at)).cloned();
                let known = known.ok_or_else(|| mistake(Word::NoSuchGroup, group))?;
                number(rest, trace, |partition| Measure::Lag(known, partition))?
            }
            ["isr", rest @ ..] => number(rest, trace, Measure::Isr)?,
            ["hw", rest @ ..] => number(rest, trace, Measure::HighWatermark)?,
            ["end", rest @ ..] => number(rest, trace, Measure::LogEnd)?,
            ["epoch", rest @ ..] => number(rest, trace, Measure::Epoch)?,
            ["leader", rest @ ..] => number(rest, trace, Measure::Leader)?,
            [event, rest @ ..] => {
                let mut names = CATALOGUE.iter().map(|info| info.name);
                let known = names.find(|name| name.eq_ignore_ascii_case(event));
                let known = known.ok_or_else(|| mistake(Word::NoSuchEvent, event))?;
                let node = match rest {
                    [] => None,
                    [node] => {
                        let found = trace.nodes().named(node);
                        Some(found.ok_or_else(|| mistake(Word::NoSuchNode, node))?)
                    }
                    [_, more, ..] => return Err(mistake(Word::TooMuch, more)),
                };
                Condition::Event(known, node)
            }
        };
        Ok(Self { text: words.join(" "), condition })
    }

    /// The first event after a place, and up to another, at which the condition comes true.
    pub fn find(&self, trace: &OpenTrace, from: Seq, to: Seq) -> Option<Seq> {
        if self.condition == Condition::Violation {
            let mut all = trace.violations().iter().map(|violation| violation.seq);
            return all.find(|seq| *seq > from && *seq <= to);
        }
        let mut held = self.holds(&trace.view_at(from));
        trace
            .find(from, |view, event| {
                let now = self.holds(view);
                let came = (now && !held) || self.is_at(event);
                held = now;
                came || event.seq >= to
            })
            .filter(|seq| {
                // The walk ends at `to` whether or not the condition came true there.
                *seq < to || (*seq == to && self.came_true_at(trace, to))
            })
    }

    fn came_true_at(&self, trace: &OpenTrace, at: Seq) -> bool {
        let before = Seq(at.0.saturating_sub(1));
        let by_event = trace.event(at).is_some_and(|event| self.is_at(&event));
        by_event || (self.holds(&trace.view_at(at)) && !self.holds(&trace.view_at(before)))
    }

    fn is_at(&self, event: &Event) -> bool {
        match &self.condition {
            Condition::Event(name, node) => {
                event.kind.name() == *name && node.is_none_or(|node| node == event.node)
            }
            Condition::Number(..) | Condition::Violation => false,
        }
    }

    fn holds(&self, view: &View) -> bool {
        match &self.condition {
            Condition::Number(measure, relation, wanted) => {
                measure.of(view).is_some_and(|found| relation.holds(found, *wanted))
            }
            Condition::Event(..) | Condition::Violation => false,
        }
    }
}

/// `orders-0 < 2`.
fn number(
    words: &[&str],
    trace: &OpenTrace,
    measure: impl FnOnce(TopicPartition) -> Measure,
) -> Result<Condition, Mistake> {
    let mistake = |word: Word, what: &str| Mistake(word, what.to_owned());
    let [partition, relation, wanted] = words else {
        return Err(mistake(Word::BreakHelp, &words.join(" ")));
    };
    let mut known = trace.tip().partitions.keys();
    let known = known.find(|at| at.to_string() == *partition).cloned();
    let known = known.ok_or_else(|| mistake(Word::NoSuchPartition, partition))?;
    let relation = Relation::of(relation).ok_or_else(|| mistake(Word::NoSuchRelation, relation))?;
    let wanted = wanted.parse().map_err(|_| mistake(Word::NoNumber, wanted))?;
    Ok(Condition::Number(measure(known), relation, wanted))
}

impl Measure {
    /// The number at a View; none while there is no such thing.
    fn of(&self, view: &View) -> Option<i64> {
        let size = |count: usize| i64::try_from(count).ok();
        match self {
            Self::Isr(p) => view.truth(p).and_then(|truth| size(truth.isr.len())),
            Self::HighWatermark(p) => view.high_watermark_of(p).map(|offset| offset.0),
            Self::LogEnd(p) => view.log_end_of(p).map(|offset| offset.0),
            Self::Epoch(p) => view.leader_epoch_of(p).map(|epoch| i64::from(epoch.0)),
            Self::Leader(p) => {
                view.truth(p)?;
                Some(view.leader_of(p).map_or(-1, |leader| i64::from(leader.0)))
            }
            Self::Lag(group, p) => view.lag(group, p),
        }
    }
}

impl Relation {
    fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "<" => Self::Less,
            "<=" => Self::AtMost,
            "=" | "==" => Self::Equal,
            "!=" => Self::Unequal,
            ">=" => Self::AtLeast,
            ">" => Self::More,
            _ => return None,
        })
    }

    fn holds(self, found: i64, wanted: i64) -> bool {
        match self {
            Self::Less => found < wanted,
            Self::AtMost => found <= wanted,
            Self::Equal => found == wanted,
            Self::Unequal => found != wanted,
            Self::AtLeast => found >= wanted,
            Self::More => found > wanted,
        }
    }
}
