//! Answers for the inspector, each computed once for a place: causes, effects, differences, rules.

use std::fmt::Display;
use std::rc::Rc;

use klamm_node::Seq;
use klamm_node::event::Event;
use klamm_scene::{Language, Selection, Style, Subject, WhyAnswer, subjects, value_of, why};
use klamm_trace::{Chain, View};

use super::Lab;
use crate::show::long::Heights;
use crate::subjects::{is_about_node, label, partition_of};
use crate::words::Word;

/// How far behind an event its effects are looked for.
const REACH: usize = 4096;

/// How many effects are told.
const EFFECTS: usize = 12;

/// An event, what led to it, and what came of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Cause {
    /// The event.
    pub event: Event,
    /// Back along its causes, to the scenario's line.
    pub chain: Option<Chain>,
    /// Events that name it as their cause.
    pub effects: Vec<Event>,
}

/// A number that changed: before and after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The number.
    pub subject: Subject,
    /// Its value before; a dash if there was none.
    pub before: String,
    /// Its value now; a dash if there is none.
    pub after: String,
}

/// What changed between two places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changes {
    /// The earlier place.
    pub since: Seq,
    /// What changed.
    pub all: Vec<Change>,
}

/// The numbers that are not the same at two Views.
pub fn differences(then: &View, now: &View) -> Vec<Change> {
    let mut about = subjects(now);
    about.extend(subjects(then));
    about.sort();
    about.dedup();
    let value =
        |view: &View, subject: &Subject| value_of(view, subject).unwrap_or_else(|| "–".to_owned());
    let change = |subject: Subject| {
        let (before, after) = (value(then, &subject), value(now, &subject));
        (before != after).then_some(Change { subject, before, after })
    };
    about.into_iter().filter_map(change).collect()
}

/// What a list of numbers is a function of.
#[derive(Clone, PartialEq, Debug)]
struct ListKey {
    here: Seq,
    /// From where differences are counted; none for a list of what is.
    since: Option<Seq>,
    selection: Selection,
    language: Language,
}

/// A list of numbers as it is told: what each line is about, and what it says.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// The lines.
    pub lines: Vec<(Subject, String)>,
    /// How high they are.
    pub heights: Heights,
}

/// Answers that are known.
#[derive(Debug, Default)]
pub(super) struct Answers {
    cause: Option<(Seq, Seq, Option<Rc<Cause>>)>,
    changes: Option<(Seq, Seq, Rc<Changes>)>,
    listed: Option<(ListKey, Rc<Listed>)>,
    why: Option<(Seq, Subject, Language, Option<Rc<WhyAnswer>>)>,
}

impl Lab {
    /// The event that the inspector is about: the one that is picked, else the one at which one stands.
    pub fn inspected(&self) -> Seq {
        self.selection.event.unwrap_or_else(|| self.seq())
    }

    /// That event with its causes and effects; none before the first.
    pub fn cause(&mut self) -> Option<Rc<Cause>> {
        let (seq, last) = (self.inspected(), self.trace.last());
        if let Some((at, then, known)) = &self.answers.cause
            && (*at, *then) == (seq, last)
        {
            return known.clone();
        }
        let found = self.trace.event(seq).map(|event| {
            let after = self.trace.events().from(Seq(seq.0 + 1)).take(REACH);
            let effects = after.filter(|event| event.cause == Some(seq)).take(EFFECTS).collect();
            let chain = klamm_trace::why(self.trace.events(), self.trace.nodes(), seq);
            Rc::new(Cause { event, chain, effects })
        });
        self.answers.cause = Some((seq, last, found.clone()));
        found
    }

    /// The answer to what was asked last; none if nothing was, or if there is no such thing here.
    pub fn answer(&mut self, style: Style) -> Option<Rc<WhyAnswer>> {
        let (seq, subject, language) = (self.seq(), self.asked.last()?.clone(), style.language);
        if let Some((at, about, said, known)) = &self.answers.why
            && (*at, about, *said) == (seq, &subject, language)
        {
            return known.clone();
        }
        let found = why(&self.stage(style), &subject).map(Rc::new);
        self.answers.why = Some((seq, subject, language, found.clone()));
        found
    }

    /// From where differences are counted.
    fn since(&self) -> Seq {
        let bookmark = self.bookmarks.range(..self.seq()).next_back().copied();
        let before = Seq(self.seq().0.saturating_sub(1));
        if self.since_bookmark { bookmark.unwrap_or(before) } else { before }
    }

    /// What changed since the event before, or since the bookmark before.
    pub fn changes(&mut self) -> Rc<Changes> {
        let (since, here) = (self.since(), self.seq());
        if let Some((from, to, known)) = &self.answers.changes
            && (*from, *to) == (since, here)
        {
            return Rc::clone(known);
        }
        let (then, now) = (self.trace.view_at(since), self.cursor.view());
        let changes = Rc::new(Changes { since, all: differences(&then, now) });
        self.answers.changes = Some((since, here, Rc::clone(&changes)));
        changes
    }

    /// The numbers of what is picked as lines, or with `changed` those that changed.
    pub(crate) fn listed(&mut self, changed: bool, language: Language) -> Rc<Listed> {
        let since = changed.then(|| self.since());
        let (here, selection) = (self.seq(), self.selection.clone());
        let key = ListKey { here, since, selection, language };
        if let Some((known, listed)) = &self.answers.listed
            && *known == key
        {
            return Rc::clone(listed);
        }
        let lines = if changed {
            let changes = self.changes();
            let table = self.trace.nodes();
            let line = |change: &Change| {
                let name = label(&change.subject, table, language);
                let values: [&dyn Display; 3] = [&name, &change.before, &change.after];
                (change.subject.clone(), Word::ChangedFrom.say(language, &values))
            };
            changes.all.iter().map(line).collect()
        } else {
            let table = self.trace.nodes();
            let line = |(subject, value): (Subject, String)| {
                let text = format!("{}: {value}", label(&subject, table, language));
                (subject, text)
            };
            self.state().into_iter().map(line).collect()
        };
        let listed = Rc::new(Listed { lines, heights: Heights::default() });
        self.answers.listed = Some((key, Rc::clone(&listed)));
        listed
    }

    /// The numbers of what is picked: of the node, else of the partition.
    pub fn state(&self) -> Vec<(Subject, String)> {
        let view = self.cursor.view();
        let table = &view.table;
        let partition = klamm_scene::picked_partition(view, &self.selection);
        let node = self.selection.nodes.first().copied();
        let wanted = |subject: &Subject| match node {
            Some(node) => is_about_node(subject, node, table),
            None => partition.is_some() && partition_of(subject) == partition.as_ref(),
        };
        let all = subjects(view).into_iter().filter(wanted);
        all.filter_map(|subject| value_of(view, &subject).map(|value| (subject, value))).collect()
    }
}
