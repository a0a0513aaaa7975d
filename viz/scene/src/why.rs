//! Why is this value so? For every number that a picture shows: the rule with its values filled in, each a reference to the
//! number that it is, and the event that last changed it.
//!
//! A rule computes nothing: its values are read from the View like the number itself, so an answer can't be right where the
//! engine is wrong.

use std::fmt::Write as _;

use klamm_node::event::Event;
use klamm_node::{BrokerId, EventKind, NodeId, Offset, Room, Seq, Time, TopicPartition};
use klamm_trace::{NodeKind, ReplicaRole, ReplicaView, View};

use crate::language::Phrase;
use crate::stage::{Stage, list};
use crate::subject::Subject;

mod all;
mod rules;
#[cfg(test)]
mod tests;
mod value;

pub use all::subjects;
pub use value::value_of;

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub struct WhyAnswer {
    /// What was asked about.
    pub subject: Subject,
    /// Its value at the step.
    pub value: String,
    /// The rule, in pieces.
    pub rule: Vec<WhyPart>,
    /// The event that last changed it; none if nothing did.
    pub changed: Option<Changed>,
}

/// A piece of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WhyPart {
    /// Words.
    Text(String),
    /// A value that can be asked about in turn.
    Value(String, Subject),
    /// An event to go to.
    Event(String, Seq),
}

impl WhyPart {
    /// What is read.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Value(text, _) | Self::Event(text, _) => text,
        }
    }
}

/// The event that made a value what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// The event.
    pub seq: Seq,
    /// When.
    pub time: Time,
    /// The value before.
    pub before: String,
    /// A sentence of it.
    pub text: String,
}

impl WhyAnswer {
    /// The rule as one text.
    pub fn text(&self) -> String {
        self.rule.iter().map(WhyPart::text).collect()
    }
}

/// Explains a number at the step of a stage; none if there is no such thing there.
pub fn why(stage: &Stage<'_>, subject: &Subject) -> Option<WhyAnswer> {
    let value = value_of(stage.view, subject)?;
    let mut rule = Rule { stage, parts: Vec::new() };
    rule.explain(subject)?;
    let changed = changed(stage, subject);
    Some(WhyAnswer { subject: subject.clone(), value, rule: rule.parts, changed })
}

/// The last event at which the value became what it is.
fn changed(stage: &Stage<'_>, subject: &Subject) -> Option<Changed> {
    let matters = |kind: &EventKind| *subject == Subject::InFlight || kind.room() != Room::Network;
    let value = |view: &View| value_of(view, subject);
    let (seq, before) = stage.trace.last_change(stage.view.seq, matters, value)?;
    let event = stage.trace.event(seq)?;
    let before = before.unwrap_or_else(|| "–".to_owned());
    let what = sentence(&event, stage.view);
    let at = crate::stage::short_time(event.time);
    let text = stage.style.language.say(Phrase::WhyChanged, &[&before, &seq, &at, &what]);
    Some(Changed { seq, time: event.time, before, text })
}

/// An event in its text form, without what every event has.
pub fn sentence(event: &Event, view: &View) -> String {
    let mut text = format!("{} {}", view.table.name(event.node), event.kind.name());
    let nodes = klamm_trace::node_fields(&event.kind);
    event.kind.visit(&mut |key, value| {
        if let Some((_, node)) = nodes.iter().find(|(field, _)| *field == key) {
            write!(text, " {key}={}", view.table.name(*node))
                .expect("writing to a String can't fail");
        } else if !value.is_silent() {
            let mut said = String::new();
            if value.show(&mut said).is_ok() {
                write!(text, " {key}={said}").expect("writing to a String can't fail");
            }
        }
    });
    text
}

/// A rule while it is written.
struct Rule<'a> {
    stage: &'a Stage<'a>,
    parts: Vec<WhyPart>,
}

/// A value in a rule, and what it refers to.
type Filled = (String, Option<Subject>);

/// A value that refers to nothing.
fn plain(value: impl ToString) -> Filled {
    (value.to_string(), None)
}

/// A value that can be asked about.
fn asked(value: impl ToString, subject: Subject) -> Filled {
    (value.to_string(), Some(subject))
}

impl Rule<'_> {
    fn view(&self) -> &View {
        self.stage.view
    }

    /// Adds a sentence.
    fn say(&mut self, phrase: Phrase, values: &[Filled]) {
        let texts: Vec<String> = values.iter().map(|(text, _)| text.clone()).collect();
        if !self.parts.is_empty() {
            self.parts.push(WhyPart::Text(" ".to_owned()));
        }
        for (text, index) in self.stage.style.language.pieces(phrase, &texts) {
            let subject = index.and_then(|index| values.get(index)).and_then(|(_, s)| s.clone());
            self.parts.push(match subject {
                Some(subject) => WhyPart::Value(text, subject),
                None => WhyPart::Text(text),
            });
        }
    }

    fn node_of(&self, broker: BrokerId) -> Option<NodeId> {
        self.view().table.node_of(broker)
    }

    fn name_of(&self, broker: BrokerId) -> String {
        let node = self.node_of(broker);
        node.map_or_else(|| broker.to_string(), |node| self.view().table.name(node).to_owned())
    }
}
