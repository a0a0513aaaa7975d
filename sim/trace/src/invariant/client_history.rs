//! What clients alone can tell, in the manner of Jepsen's Kafka workload (`jepsen/tests/kafka.clj`): S16 NoDuplicates, S24
//! ConsumerProgress and L3 ProduceResolves.
//!
//! S16: leaders store a batch no more often than a producer sent it. S24: a consumer
//! reads on where it stopped, unless its position was set, which it says: no *poll-skip*, no *nonmonotonic-poll*. Where it
//! stopped is a place in a log: one that had other records there was skipped up to here (KIP-320, KAFKA-7747). L3: a
//! producer sends the records of a partition in the order in which it took them, tries a batch again before it goes on to
//! a new one, and tells the fate of each record once; and it does so within `delivery.timeout.ms`, or sooner in a healed
//! cluster.
//!
//! Broken, it looks like this: a payment is booked twice, or never, and every broker's log is in perfect order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use klamm_node::{EventKind, LeaderEpoch, NodeId, Offset, RecordId, Span, TopicPartition};

use super::{Check, Finding, InvariantId, Quiescence, Reporter, Severity};
use crate::view::{LogModel, ProcessState, View};

/// Kafka's key of the Produce API.
const PRODUCE: i16 = 0;

/// How long a producer may take to notice that a record's time is over.
const A_MOMENT: Span = Span::secs(1);

/// A producer's records for one partition.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// Accepted and not sent yet, in order.
    unsent: VecDeque<RecordId>,
    /// Sent or given up, and not resolved yet.
    open: BTreeSet<RecordId>,
    /// Batches that are to be sent again before a new one.
    owed: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ClientHistory {
    /// Of each batch that a producer sent: how often it was sent, and how often leaders stored it.
    batches: BTreeMap<(TopicPartition, u32), (u32, u32)>,
    lanes: BTreeMap<(NodeId, TopicPartition), Lane>,
    next: BTreeMap<(NodeId, TopicPartition), Offset>,
    /// The last batch that each consumer read on from: its last offset, epoch and CRC.
    last: BTreeMap<(NodeId, TopicPartition), (Offset, LeaderEpoch, u32)>,
}

impl ClientHistory {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other event is part of a client's history"
    )]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        let node = cx.event.node;
        match &cx.event.kind {
            EventKind::RecordAccepted { record, partition, .. } => {
                self.lane(node, partition).unsent.push_back(*record);
            }
            EventKind::BatchSent { partition, records, attempt, crc, .. } => {
                self.batches.entry((partition.clone(), *crc)).or_default().0 += 1;
                self.sent(cx, partition, records, *attempt);
            }
            EventKind::RequestRetried { partition, api_key, error }
                if *api_key == PRODUCE && error != "MESSAGE_TOO_LARGE" =>
            {
                self.lane(node, partition).owed += 1;
            }
            EventKind::RecordsAcknowledged { partition, records, acks, base_offset, .. } => {
                if *acks != 0 && base_offset.0 < 0 {
                    let what = format!(
                        "took record {} for acknowledged, and no broker said where it is",
                        words(records)
                    );
                    let subject = "nowhere".to_owned();
                    report(cx, InvariantId::ProduceResolves, partition, subject, None, what);
                }
                self.resolved(cx, partition, records, true);
            }
            EventKind::RecordsFailed { partition, records, .. } => {
                self.resolved(cx, partition, records, false);
            }
            EventKind::BatchAppended { partition, base_offset, crc, as_leader: true, .. } => {
                self.stored(cx, partition, *base_offset, *crc);
            }
            EventKind::PositionSet { partition, to, .. } => {
                let at = (node, partition.clone());
                self.last.remove(&at);
                self.next.insert(at, *to);
            }
            EventKind::RecordsRead { partition, base_offset, last_offset, leader_epoch, crc } => {
                self.read(cx, partition, *base_offset, *last_offset);
                self.read_on(cx, partition, *base_offset, (*last_offset, *leader_epoch, *crc));
            }
            EventKind::NodeStarted { .. } => {
                self.next.retain(|(reader, _), _| *reader != node);
                self.last.retain(|(reader, _), _| *reader != node);
                self.lanes.retain(|(producer, _), _| *producer != node);
            }
            _ => {}
        }
    }

    /// L3 at a quiet moment: no record is older than its producer may take, or than a healed cluster takes.
    pub(super) fn unresolved(&self, view: &View, quiet: &Quiescence, reporter: &mut Reporter) {
        for ((producer, partition), lane) in &self.lanes {
            let records = lane.unsent.iter().chain(&lane.open);
            let oldest =
                records.filter_map(|record| Some((view.records.get(record)?.time, record)));
            let Some((since, record)) = oldest.min() else { continue };
            if view.nodes.get(producer).is_none_or(|node| node.state != ProcessState::Up) {
                continue;
            }
            let age = view.now.since(since);
            let writeable = view.partitions.get(partition).is_some_and(|state| {
                let isr = state.truth.as_ref().map_or(0, |truth| truth.isr.len());
                view.true_leader_in(state).is_some() && isr >= view.min_isr(&partition.topic)
            });
            let given_up = quiet.delivery.get(producer).is_some_and(|most| age > *most + A_MOMENT);
            if !(given_up || writeable && age > quiet.settle) {
                continue;
            }
            let name = view.table.name(*producer);
            let sentence = format!(
                "{partition}: {name} took record {record} at {since}, and never told its fate"
            );
            reporter.report(Finding {
                id: InvariantId::ProduceResolves,
                severity: Severity::Red,
                subject: format!("{partition} {} overdue", producer.0),
                partition: Some(partition),
                offset: None,
                sentence,
                events: view.records.get(record).map(|record| record.seq).into_iter().collect(),
            });
        }
    }

    fn lane(&mut self, node: NodeId, partition: &TopicPartition) -> &mut Lane {
        self.lanes.entry((node, partition.clone())).or_default()
    }

    fn sent(
        &mut self,
        cx: &mut Check<'_>,
        partition: &TopicPartition,
        records: &[RecordId],
        attempt: u32,
    ) {
        let lane = self.lane(cx.event.node, partition);
        let owed = lane.owed;
        if attempt > 1 {
            lane.owed = lane.owed.saturating_sub(1);
        }
        let mut passed_over = None;
        for record in records {
            // A batch that is sent again, or a part of one that was too large, was here before.
            while !lane.open.contains(record) {
                let Some(first) = lane.unsent.pop_front() else { break };
                lane.open.insert(first);
                if first != *record {
                    passed_over = passed_over.or(Some(first));
                }
            }
        }
        if let Some(record) = passed_over {
            let what = format!(
                "sent record {} and left out record {record}, which came before",
                words(records)
            );
            report(
                cx,
                InvariantId::ProduceResolves,
                partition,
                format!("order {record}"),
                None,
                what,
            );
        } else if attempt == 1 && owed > 0 {
            let what = format!(
                "sent record {} before a batch that it had said it would try again",
                words(records)
            );
            report(cx, InvariantId::ProduceResolves, partition, "retry".to_owned(), None, what);
        }
    }

    fn resolved(
        &mut self,
        cx: &mut Check<'_>,
        partition: &TopicPartition,
        records: &[RecordId],
        acknowledged: bool,
    ) {
        let lane = self.lane(cx.event.node, partition);
        if !acknowledged {
            lane.owed = lane.owed.saturating_sub(1);
            // Given up before they were sent.
            lane.unsent.retain(|record| !records.contains(record));
        }
        let unknown = records.iter().find(|record| !lane.open.remove(record));
        if let Some(record) = unknown.filter(|_| acknowledged) {
            let what =
                format!("had record {record} acknowledged, which was not on its way (any more)");
            report(
                cx,
                InvariantId::ProduceResolves,
                partition,
                format!("fate {record}"),
                None,
                what,
            );
        }
    }

    fn stored(&mut self, cx: &mut Check<'_>, partition: &TopicPartition, base: Offset, crc: u32) {
        let at = (partition.clone(), crc);
        let (sent, stored) = self.batches.entry(at).or_default();
        *stored += 1;
        let (sent, stored) = (*sent, *stored);
        // What no producer of this run sent may be an application's, or have got the broker's own time and with it another
        // CRC (LogAppendTime); that it was written at all is S8's and S11's to judge.
        if stored <= sent || sent == 0 {
            return;
        }
        let times = if sent == 1 { "once".to_owned() } else { format!("{sent} times") };
        let what = format!(
            "stored the batch with CRC {crc:08x} at offset {base}, which makes {stored}; producers sent it {times}"
        );
        report(cx, InvariantId::NoDuplicates, partition, format!("{crc:08x}"), Some(base), what);
    }

    fn read(&mut self, cx: &mut Check<'_>, partition: &TopicPartition, base: Offset, last: Offset) {
        let expected = self.next.insert((cx.event.node, partition.clone()), last.plus(1));
        let Some(expected) = expected.filter(|expected| *expected != base) else { return };
        let skipped = if base > expected { "skipped" } else { "went back over" };
        let what = format!(
            "{skipped} records: it read {base}..{last} where {expected} was next, and nobody had set its position"
        );
        report(
            cx,
            InvariantId::ConsumerProgress,
            partition,
            cx.event.node.0.to_string(),
            Some(base),
            what,
        );
    }
}

impl ClientHistory {
    /// A batch of another epoch than the one before: a log that holds it must hold what was read before as well.
    fn read_on(
        &mut self,
        cx: &mut Check<'_>,
        partition: &TopicPartition,
        base: Offset,
        read: (Offset, LeaderEpoch, u32),
    ) {
        let before = self.last.insert((cx.event.node, partition.clone()), read);
        let on = before.filter(|(last, epoch, _)| *last < base && *epoch != read.1);
        let Some((last, epoch, crc)) = on else { return };
        let Some(state) = cx.view.partitions.get(partition) else { return };
        let here = |log: &LogModel| log.at(read.0).is_some_and(|batch| batch.crc == read.2);
        // What retention or compaction took says nothing.
        let had = |log: &LogModel| log.at(last).is_none_or(|batch| batch.crc == crc);
        let mut logs = state.replicas.values().map(|replica| &replica.log).filter(|log| here(log));
        let parted = logs.next().is_some_and(|log| !had(log)) && !logs.any(had);
        if parted {
            let what = format!(
                "skipped records: it read {last} in epoch {epoch} and goes on in a log of epoch {} that has another record \
                 there, and nobody had set its position",
                read.1
            );
            let subject = format!("{} {last} {}", cx.event.node.0, read.1);
            let id = InvariantId::ConsumerProgress;
            report(cx, id, partition, subject, Some(last), what);
        }
    }
}

fn words(records: &[RecordId]) -> String {
    match records {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}..{last}"),
        [] => "?".to_owned(),
    }
}

fn report(
    cx: &mut Check<'_>,
    id: InvariantId,
    partition: &TopicPartition,
    subject: String,
    offset: Option<Offset>,
    what: String,
) {
    let name = cx.view.table.name(cx.event.node);
    cx.reporter.report(Finding {
        id,
        severity: Severity::Red,
        subject: format!("{partition} {subject}"),
        partition: Some(partition),
        offset,
        sentence: format!("{partition}: {name} {what}"),
        events: Vec::new(),
    });
}
