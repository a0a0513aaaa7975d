//! What a replay code says of a run, and whether it is so.

use klamm_node::{GroupId, TopicPartition};
use klamm_scene::subjects;
use klamm_trace::{Trace, TraceHash};

use super::Lab;
use crate::code::{Code, low, sum};

impl Lab {
    /// The hash of the run's end, as codes have it.
    pub fn end_hash(&self) -> u64 {
        *self.end_hash.get_or_init(|| {
            let hash = self.outcome().map(|outcome| outcome.hash);
            let computed = || {
                let (header, events) = (self.trace.header().clone(), self.trace.events().clone());
                Trace { header, events, hash: TraceHash::default() }.computed_hash()
            };
            low(hash.unwrap_or_else(computed).0)
        })
    }

    /// Looks at the run as a code says, and remembers what it claims of its end.
    pub(crate) fn wear(&mut self, code: &Code) {
        let view = &code.view;
        (self.tab, self.zoom, self.inspect) = (view.tab, view.zoom, view.page);
        self.hide_future = view.hidden;
        let nodes = self.trace.nodes();
        self.selection.nodes = view.nodes.iter().filter_map(|name| nodes.named(name)).collect();
        self.selection.partition = view.partition.as_deref().and_then(partition);
        self.selection.group = view.group.as_deref().map(GroupId::from);
        self.selection.event = view.event;
        self.wanted_why.clone_from(&view.asked);
        // A trace has its scenario in it: if that is another one, the end can't be the code's either.
        let traced = matches!(code.place, crate::code::Place::Trace(_));
        let other = traced && sum(self.trace.header().scenario.as_bytes()) != code.text;
        self.claimed = Some(if other { !self.end_hash() } else { code.end });
        if traced {
            // It may have been there before the code was known.
            self.ask_wanted();
        }
    }

    /// Asks what a code asked, once one stands where it was asked.
    pub(super) fn ask_wanted(&mut self) {
        let Some(id) = self.wanted_why.clone() else { return };
        let page = self.inspect;
        let view = self.cursor.view();
        if let Some(subject) = subjects(view).into_iter().find(|subject| subject.id() == id) {
            self.wanted_why = None;
            self.ask(subject);
            self.inspect = page;
        }
    }

    /// The end of the run and the one that a code claims, if they differ. While it runs nobody knows.
    pub fn other_than_claimed(&self) -> Option<(String, String)> {
        let claimed = self.claimed.filter(|_| self.is_whole())?;
        let found = self.end_hash();
        (found != claimed).then(|| (format!("{found:016x}"), format!("{claimed:016x}")))
    }
}

/// A partition as it is written: `orders-0`.
fn partition(name: &str) -> Option<TopicPartition> {
    let (topic, index) = name.rsplit_once('-')?;
    Some(TopicPartition::new(topic, index.parse().ok()?))
}
