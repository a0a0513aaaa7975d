//! S1 AckedDurable: whoever truly leads holds every record that was acknowledged with acks=all.
//!
//! Kafka's durability promise (KIP-966 states its limits; Vanlightly's `v3_5_properties.tla` states it formally). Excused
//! are promises with fewer acks, unclean elections, and the loss of as many holders as `min.insync.replicas`.
//!
//! Broken, it looks like this: the producer was told 'stored at offset 7', the leader changes, and at offset 7 there is
//! something else or nothing.

use klamm_node::{EventKind, LeaderEpoch, Span, TopicPartition};

use super::observer::{Observer, leader_words, permitted};
use super::{Check, Finding, InvariantId, PermittedLoss, PermittedReason, Reporter, Severity};
use crate::view::{AckedBatch, PartitionView, View};

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "no other event can lose a promised record or make a promise"
)]
pub(super) fn check(cx: &mut Check<'_>) {
    cx.reporter.at(cx.event.seq, cx.event.time);
    match &cx.event.kind {
        EventKind::RecordsAcknowledged { partition, .. } => {
            let Some(view) = cx.view.partitions.get(partition) else { return };
            check_from(
                cx.view,
                cx.observer,
                cx.reporter,
                partition,
                view.acked.len().saturating_sub(1),
            );
        }
        EventKind::LeadershipTaken { partition, .. }
        | EventKind::LogTruncated { partition, .. }
        | EventKind::LogRecovered { partition, .. } => {
            check_from(cx.view, cx.observer, cx.reporter, partition, 0);
        }
        _ => {}
    }
}

/// Checks the promises from a place in the list on against the true leader.
fn check_from(
    view: &View,
    observer: &mut Observer,
    reporter: &mut Reporter,
    partition: &TopicPartition,
    first: usize,
) {
    let Some(state) = view.partitions.get(partition) else { return };
    let Some((broker, leader)) = view.true_leader_in(state) else { return };
    for acked in state.acked.from(first) {
        let stated = observer.get(partition).is_some_and(|memory| memory.lost.contains(&acked.seq));
        if acked.base.0 < 0 || acked.epoch.is_none() || stated || leader.holds(acked) {
            continue;
        }
        observer.of(partition).lost.insert(acked.seq);
        let who = leader_words(broker, leader.leader_epoch);
        let there = super::observer::batch_words(leader.log.at(acked.base));
        let sentence = format!(
            "{partition}: {} acknowledged with acks={} at offset {} {} gone; {who} has {there} there",
            records(acked),
            acks(acked.acks),
            acked.base,
            if acked.records.len() == 1 { "is" } else { "are" },
        );
        lost(view, observer, reporter, partition, state, acked, sentence);
    }
}

/// States a loss: permitted, or a violation.
fn lost(
    view: &View,
    observer: &Observer,
    reporter: &mut Reporter,
    partition: &TopicPartition,
    state: &PartitionView,
    acked: &AckedBatch,
    sentence: String,
) {
    let stored = acked.epoch.and_then(|epoch| state.written.get(&(epoch, acked.base)));
    let since = stored.map_or(acked.seq, |written| written.seq);
    let epoch = acked.epoch.unwrap_or(LeaderEpoch::NONE);
    let excuse = observer.get(partition).and_then(|memory| memory.excuse(acked.base, epoch));
    let permission = match acked.acks {
        0 => Some((PermittedReason::AcksNone, Vec::new())),
        1 => Some((PermittedReason::AcksLeader, Vec::new())),
        _ => permitted(view, partition, acked.base, since, Some(&acked.isr))
            .or_else(|| excuse.map(|excuse| (excuse.reason, excuse.events.clone()))),
    };
    let Some((reason, mut events)) = permission else {
        reporter.report(Finding {
            id: InvariantId::AckedDurable,
            severity: Severity::Red,
            subject: format!("{partition} {}", acked.base),
            partition: Some(partition),
            offset: Some(acked.base),
            sentence,
            events: vec![since, acked.seq],
        });
        return;
    };
    events.extend([since, acked.seq]);
    reporter.permit(PermittedLoss {
        reason,
        producer: acked.producer,
        partition: partition.clone(),
        base: acked.base,
        records: acked.records.clone(),
        acked: acked.seq,
        seq: acked.seq,
        time: acked.time,
        sentence: format!("{sentence}: {}", reason.text()),
        events,
    });
}

/// How long before the end of a run an acks=0 record may still be on its way.
const ON_ITS_WAY: Span = Span::secs(1);

/// At the end: promises without an offset (acks=0) whose batch the leader does not hold.
pub(super) fn finish(view: &View, observer: &mut Observer, reporter: &mut Reporter) {
    for (partition, state) in &view.partitions {
        let Some((_, leader)) = view.true_leader_in(state) else { continue };
        let stored: std::collections::BTreeSet<u32> =
            leader.log.batches().map(|batch| batch.crc).collect();
        for acked in state.acked.iter() {
            let settled = view.now.since(acked.time) > ON_ITS_WAY;
            if acked.base.0 >= 0 || acked.acks != 0 || stored.contains(&acked.crc) || !settled {
                continue;
            }
            observer.of(partition).lost.insert(acked.seq);
            let sentence = format!(
                "{partition}: {} sent with acks=0 are not in the leader's log",
                records(acked)
            );
            lost(view, observer, reporter, partition, state, acked, sentence);
        }
    }
}

fn records(acked: &AckedBatch) -> String {
    match acked.records.as_slice() {
        [one] => format!("record {one}"),
        [first, .., last] => format!("records {first}..{last}"),
        [] => "a batch".to_owned(),
    }
}

fn acks(acks: i16) -> String {
    if acks == -1 { "all".to_owned() } else { acks.to_string() }
}
