//! Where two traces part: the first event that is not the same in both, and in which respect.

use std::fmt;

use klamm_node::event::Event;
use klamm_node::{EventKind, Seq};

use crate::store::EventStore;

/// The first difference between two traces.
#[derive(Clone, PartialEq, Debug)]
pub struct Divergence {
    /// The place of the event.
    pub seq: Seq,
    /// What differs: `end`, `time`, `node`, `cause`, `kind`, or the name of a field.
    pub field: String,
    /// The first trace's event; none if it ends before.
    pub left: Option<Event>,
    /// The second trace's event; none if it ends before.
    pub right: Option<Event>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} differs in its {}", self.seq.0, self.field)?;
        for event in [&self.left, &self.right] {
            match event {
                Some(event) => {
                    let cause =
                        event.cause.map_or_else(|| "none".to_owned(), |seq| format!("#{}", seq.0));
                    write!(
                        f,
                        "\n  {} node {} cause {cause} {}",
                        event.time, event.node, event.kind
                    )?;
                }
                None => f.write_str("\n  (the trace ends here)")?,
            }
        }
        Ok(())
    }
}

/// The first event in which two traces differ; none if they are equal.
pub fn first_divergence(left: &EventStore, right: &EventStore) -> Option<Divergence> {
    let longer = left.len().max(right.len());
    let index = (0..longer).find(|index| left.encoded(*index) != right.encoded(*index))?;
    let seq = Seq(index as u64 + 1);
    let (left, right) = (left.get(seq), right.get(seq));
    let field = match (&left, &right) {
        (Some(left), Some(right)) => field(left, right),
        (None, _) | (_, None) => "end".to_owned(),
    };
    Some(Divergence { seq, field, left, right })
}

/// The first respect in which two events differ; the envelope comes last, because a cause differs as a consequence.
fn field(left: &Event, right: &Event) -> String {
    if left.node != right.node {
        return "node".to_owned();
    }
    if left.kind.name() != right.kind.name() {
        return "kind".to_owned();
    }
    let (left_fields, right_fields) = (fields(&left.kind), fields(&right.kind));
    let other = left_fields.iter().zip(&right_fields).find(|(left, right)| left != right);
    match other {
        Some(((name, _), _)) => (*name).to_owned(),
        None if left.time != right.time => "time".to_owned(),
        None => "cause".to_owned(),
    }
}

fn fields(kind: &EventKind) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    kind.visit(&mut |name, value| {
        let mut text = String::new();
        value.show(&mut text).expect("writing to a String can't fail");
        all.push((name, text));
    });
    all
}

#[cfg(test)]
mod tests {
    use klamm_node::{NodeId, Offset, Time, TopicPartition};

    use super::*;
    use crate::header::{NodeTable, TraceHeader};
    use crate::recorder::{Keep, Recorder};

    fn trace(ends: &[i64]) -> EventStore {
        let mut recorder = Recorder::new(TraceHeader::new(NodeTable::default()), Keep::EVENTS);
        for to in ends {
            let kind = EventKind::LogSynced {
                partition: TopicPartition::new("orders", 0),
                to: Offset(*to),
            };
            recorder.record(Time::ZERO, NodeId(0), None, kind);
        }
        recorder.events().clone()
    }

    #[test]
    fn the_first_event_and_field_that_differ_are_named() {
        assert_eq!(first_divergence(&trace(&[1, 2]), &trace(&[1, 2])), None);
        let found = first_divergence(&trace(&[1, 2, 3]), &trace(&[1, 5, 6])).unwrap();
        assert_eq!((found.seq, found.field.as_str()), (Seq(2), "to"));
        assert!(found.to_string().contains("LogSynced partition=orders-0 to=5"), "{found}");
        let short = first_divergence(&trace(&[1]), &trace(&[1, 2])).unwrap();
        assert_eq!((short.seq, short.field.as_str(), short.left), (Seq(2), "end", None));
    }
}
