//! What producers send by themselves: records at a rate, drawn from a stream of their own.

#![expect(clippy::field_scoped_visibility_modifiers, reason = "plain data of the runner")]

use bytes::Bytes;
use klamm_node::{Command, NodeId, ProduceRecord, Purpose, RecordId, Stream, Time, TopicName};
use klamm_scenario::model::{Keys, Workload};
use xxhash_rust::xxh3::xxh3_64;

/// A producer's supply of records.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) node: NodeId,
    workload: Option<Workload>,
    next: Time,
    sent: u64,
    ids: u64,
    dice: Stream,
}

/// Ids of a producer's records: ten million each, so that one producer's count does not shift another's ids.
const IDS: u64 = 10_000_000;

impl Load {
    pub(super) fn new(
        seed: u64,
        node: NodeId,
        name: &str,
        ordinal: u64,
        load: Option<Workload>,
    ) -> Self {
        let dice = Stream::new(seed, Purpose::Workload, xxh3_64(name.as_bytes()), 0);
        let next = load.as_ref().map_or(Time::MAX, |load| load.start);
        Self { node, workload: load, next, sent: 0, ids: ordinal * IDS, dice }
    }

    /// When the next record comes, if one does.
    pub(super) fn next_time(&self) -> Option<Time> {
        let load = self.workload.as_ref()?;
        let goes_on = load.count.is_none_or(|count| self.sent < count)
            && load.stop.is_none_or(|stop| self.next <= stop);
        goes_on.then_some(self.next)
    }

    pub(super) fn stop(&mut self) {
        self.workload = None;
    }

    /// Nothing comes before the producer runs.
    pub(super) fn not_before(&mut self, time: Time) {
        self.next = self.next.max(time);
    }

    /// The record that is due.
    pub(super) fn take(&mut self) -> Option<Command> {
        let load = self.workload.as_ref()?;
        let index = self.sent;
        self.sent += 1;
        self.next += load.every;
        let key = match &load.keys {
            Keys::None => None,
            Keys::Cycle(count) => Some(format!("key-{}", index % u64::from((*count).max(1)))),
            Keys::Random(count) => {
                let last = u64::from((*count).max(1)) - 1;
                Some(format!("key-{}", self.dice.between(0, last)))
            }
            Keys::Of(keys) => {
                let at = index.checked_rem(keys.len() as u64).unwrap_or(0);
                keys.get(usize::try_from(at).unwrap_or(0)).cloned()
            }
        };
        let (low, high) = (u64::from(load.value_size.0), u64::from(load.value_size.1));
        let size = usize::try_from(self.dice.between(low, high.max(low))).unwrap_or(0);
        let id = fresh(&mut self.ids);
        // The value carries the id, so that a reader can tell which record it is.
        let mut value = format!("record-{id}").into_bytes();
        value.resize(size.max(value.len()), b'.');
        Some(record(id, &load.topic, load.partition, key, value))
    }

    pub(super) fn fresh_id(&mut self) -> RecordId {
        fresh(&mut self.ids)
    }
}

fn fresh(ids: &mut u64) -> RecordId {
    *ids += 1;
    RecordId(*ids)
}

/// The command that sends a record. It needs no words: the producer's `RecordAccepted` tells it.
pub(super) fn record(
    id: RecordId,
    topic: &TopicName,
    partition: Option<i32>,
    key: Option<String>,
    value: impl Into<Bytes>,
) -> Command {
    let record = ProduceRecord {
        id,
        topic: topic.clone(),
        partition,
        key: key.map(Bytes::from),
        value: Some(value.into()),
        headers: Vec::new(),
        timestamp: None,
    };
    Command::Produce(record)
}
