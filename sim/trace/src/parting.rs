//! Where two runs of one scenario part in what the cluster did.
//!
//! Under two seeds nearly every event has another time, another id or another neighbour, and the first event that differs says
//! nothing. So what happened to each thing is compared by itself, without times: who led a partition and who was in its ISR, one
//! after the other; through which states a group went; whether a record was acknowledged or given up. Where one of these goes
//! another way first, the runs part.
//!
//! *Flows in*: the events of two runs. *Flows out*: the first matter that went another way, on both sides. *Must never*: count a
//! difference of times alone, or of what one run had no time left for.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::event::Event;
use klamm_node::{BrokerId, EventKind, GroupId, Offset, RecordId, Seq, Time, TopicPartition};

use crate::store::EventStore;

/// Something whose course can be compared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Matter {
    /// Who leads a partition.
    Leader(TopicPartition),
    /// Who is in its ISR.
    Isr(TopicPartition),
    /// In which state a group is.
    Group(GroupId),
    /// What became of a record.
    Record(RecordId),
}

/// What a matter came to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// The event.
    pub seq: Seq,
    /// When.
    pub time: Time,
    /// What it is from then on, as the trace writes it.
    pub value: String,
}

impl Turn {
    fn value(&self) -> &str {
        &self.value
    }
}

/// The first matter that went another way in two runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parting {
    /// What.
    pub matter: Matter,
    /// What it came to be in the first run; none if it stayed as it was in both before.
    pub left: Option<Turn>,
    /// In the second run.
    pub right: Option<Turn>,
}

impl Parting {
    /// When the first of the two went its way, and whether it was the first run.
    fn first(&self) -> (Time, bool) {
        let time = |turn: &Option<Turn>| turn.as_ref().map_or(Time::MAX, |turn| turn.time);
        let (left, right) = (time(&self.left), time(&self.right));
        (left.min(right), left <= right)
    }

    /// Whether the first run went its way no later than the second.
    pub fn is_left_first(&self) -> bool {
        self.first().1
    }
}

/// Where two runs part in what the cluster did; none if it did the same in both.
pub fn first_parting(left: &EventStore, right: &EventStore) -> Option<Parting> {
    let (left, right) = (courses(left), courses(right));
    let matters: BTreeSet<&Matter> = left.keys().chain(right.keys()).collect();
    let partings = matters.into_iter().filter_map(|matter| {
        let left = left.get(matter).map_or(&[][..], Vec::as_slice);
        let right = right.get(matter).map_or(&[][..], Vec::as_slice);
        let same = |at: &usize| left.get(*at).map(Turn::value) == right.get(*at).map(Turn::value);
        let at = (0..left.len().max(right.len())).find(|at| !same(at))?;
        let (left, right) = (left.get(at).cloned(), right.get(at).cloned());
        // What became of a record in one run may not be known yet at the end of the other.
        let is_open = matches!(matter, Matter::Record(_)) && (left.is_none() || right.is_none());
        (!is_open).then(|| Parting { matter: matter.clone(), left, right })
    });
    partings.min_by_key(|parting| parting.first().0)
}

/// What each matter came to be, one after the other.
fn courses(events: &EventStore) -> BTreeMap<Matter, Vec<Turn>> {
    let mut courses = Courses::default();
    for event in events.iter() {
        courses.take(&event);
    }
    courses.all
}

#[derive(Default)]
struct Courses {
    all: BTreeMap<Matter, Vec<Turn>>,
    /// The newest metadata record of each partition: every node tells of each.
    newest: BTreeMap<TopicPartition, Offset>,
}

impl Courses {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is compared is told by these alone")]
    fn take(&mut self, event: &Event) {
        match &event.kind {
            EventKind::PartitionChanged { offset, partition, leader, isr, .. }
                if !partition.topic.starts_with("__") =>
            {
                if self.newest.get(partition).is_some_and(|newest| newest >= offset) {
                    return;
                }
                self.newest.insert(partition.clone(), *offset);
                let leader =
                    if *leader == BrokerId::NONE { String::new() } else { leader.to_string() };
                self.turn(Matter::Leader(partition.clone()), event, leader);
                let mut isr = isr.clone();
                isr.sort_unstable();
                let isr: Vec<String> = isr.iter().map(ToString::to_string).collect();
                self.turn(Matter::Isr(partition.clone()), event, format!("[{}]", isr.join(",")));
            }
            EventKind::GroupStateChanged { group, to, .. } => {
                self.turn(Matter::Group(group.clone()), event, to.to_string());
            }
            EventKind::RecordsAcknowledged { records, .. } => {
                for record in records {
                    self.fate(*record, event, "acknowledged");
                }
            }
            EventKind::RecordsFailed { records, error, .. } => {
                for record in records {
                    self.fate(*record, event, error);
                }
            }
            _ => {}
        }
    }

    fn turn(&mut self, matter: Matter, event: &Event, value: String) {
        let course = self.all.entry(matter).or_default();
        if course.last().is_none_or(|last| last.value != value) {
            course.push(Turn { seq: event.seq, time: event.time, value });
        }
    }

    /// What a producer was told of a record first.
    fn fate(&mut self, record: RecordId, event: &Event, value: &str) {
        let course = self.all.entry(Matter::Record(record)).or_default();
        if course.is_empty() {
            course.push(Turn { seq: event.seq, time: event.time, value: value.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use klamm_node::event::IfAny;
    use klamm_node::{LeaderEpoch, NodeId, PartitionEpoch, Span};

    use super::*;
    use crate::header::{NodeTable, TraceHeader};
    use crate::recorder::{Keep, Recorder};

    /// A run: at so many milliseconds, something.
    fn run(events: &[(u64, EventKind)]) -> EventStore {
        let mut recorder = Recorder::new(TraceHeader::new(NodeTable::default()), Keep::EVENTS);
        for (millis, kind) in events {
            let time = Time::ZERO + Span::millis(*millis);
            recorder.record(time, NodeId(0), None, kind.clone());
        }
        recorder.events().clone()
    }

    fn orders() -> TopicPartition {
        TopicPartition::new("orders", 0)
    }

    fn state(offset: i64, leader: i32, isr: &[i32]) -> EventKind {
        EventKind::PartitionChanged {
            offset: Offset(offset),
            partition: orders(),
            leader: BrokerId(leader),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            isr: isr.iter().copied().map(BrokerId).collect(),
            replicas: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
            adding: IfAny(Vec::new()),
            removing: IfAny(Vec::new()),
            elr: IfAny(Vec::new()),
            last_known_elr: IfAny(Vec::new()),
        }
    }

    fn acknowledged(record: u64) -> EventKind {
        EventKind::RecordsAcknowledged {
            partition: orders(),
            base_offset: Offset(0),
            records: vec![RecordId(record)],
            acks: -1,
            crc: 0,
            latency: Span::ZERO,
        }
    }

    fn failed(record: u64) -> EventKind {
        EventKind::RecordsFailed {
            partition: orders(),
            records: vec![RecordId(record)],
            error: "TIMED_OUT".into(),
        }
    }

    fn group(to: &'static str) -> EventKind {
        EventKind::GroupStateChanged {
            group: "readers".into(),
            from: "Empty".into(),
            to: to.into(),
            epoch: 1,
            reason: "join".into(),
        }
    }

    #[test]
    fn other_times_are_no_difference_and_neither_is_what_a_run_did_not_come_to() {
        let left = run(&[
            (1, state(1, 1, &[1, 2, 3])),
            // Another node tells of the same record of metadata.
            (2, state(1, 1, &[1, 2, 3])),
            (5, acknowledged(1)),
            (9, acknowledged(2)),
        ]);
        let right = run(&[(3, state(1, 1, &[3, 2, 1])), (700, acknowledged(1))]);
        assert_eq!(first_parting(&left, &right), None);
        assert_eq!(first_parting(&left, &left), None);
    }

    #[test]
    fn the_first_matter_that_goes_another_way_is_told_with_both_ways() {
        let begun = [(1, state(1, 1, &[1, 2, 3])), (2, group("Stable"))];
        let with = |more: &[(u64, EventKind)]| run(&[&begun[..], more].concat());
        let left = with(&[(50, state(2, 2, &[2, 3])), (60, acknowledged(7))]);
        let right = with(&[(40, state(2, 3, &[2, 3])), (55, failed(7))]);
        let parting = first_parting(&left, &right).expect("two leaders");
        assert_eq!(parting.matter, Matter::Leader(orders()));
        let value = |turn: &Option<Turn>| turn.as_ref().map(|turn| (turn.seq, turn.value.clone()));
        assert_eq!(value(&parting.left), Some((Seq(3), "2".to_owned())));
        assert_eq!(value(&parting.right), Some((Seq(3), "3".to_owned())));
        assert!(!parting.is_left_first(), "the second run came there at 40 ms");
        // One and the same leader: then it is the record.
        let right = with(&[(80, state(2, 2, &[2, 3])), (55, failed(7))]);
        let parting = first_parting(&left, &right).expect("a record");
        assert_eq!(parting.matter, Matter::Record(RecordId(7)));
        // A rebalance that the other run does not have.
        let right = with(&[(10, group("PreparingRebalance"))]);
        let parting = first_parting(&with(&[]), &right).expect("a rebalance");
        assert_eq!(parting.matter, Matter::Group("readers".into()));
        assert_eq!((parting.left.clone(), parting.is_left_first()), (None, false));
    }
}
