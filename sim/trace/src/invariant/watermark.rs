//! S10 WatermarkSanity: the high watermark is where it can be.
//!
//! (a) log start ≤ high watermark ≤ log end; (b) while a broker leads in an epoch, its high watermark does not fall;
//! (d) a leader's high watermark rises only while its ISR has `min.insync.replicas` members (KIP-966).
//!
//! Broken, it looks like this: consumers see the end of the partition go back, or read what too few replicas hold.

use klamm_node::{EventKind, Offset, TopicPartition};

use super::observer::replica_of;
use super::{Check, Finding, InvariantId, Severity};
use crate::view::ReplicaRole;

pub(super) fn check(cx: &mut Check<'_>) {
    if let EventKind::HighWatermarkMoved { partition, from, to } = &cx.event.kind {
        check_move(cx, partition, *from, *to);
    } else if let EventKind::LogStartMoved { partition, to } = &cx.event.kind {
        check_start(cx, partition, *to);
    }
}

fn check_move(cx: &mut Check<'_>, partition: &TopicPartition, from: Offset, to: Offset) {
    let Some((broker, state, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    let (start, end) = (replica.log.start(), replica.log.end());
    let leads = replica.role == ReplicaRole::Leader;
    if to > end || to < start {
        let sentence = format!(
            "the high watermark of broker {broker} is {to}, outside its log {start}..{end}"
        );
        report(
            cx,
            partition,
            Severity::Amber,
            format!("a b{broker} {}", replica.leader_epoch),
            to,
            sentence,
        );
    }
    if leads && to < from {
        let epoch = replica.leader_epoch;
        let sentence = format!(
            "the high watermark fell from {from} to {to} while broker {broker} led in epoch {epoch}"
        );
        report(cx, partition, Severity::Red, format!("b {epoch}"), to, sentence);
    }
    let belief = cx.view.nodes.get(&cx.event.node).and_then(|node| node.beliefs.get(partition));
    if let Some(belief) = belief.filter(|_| leads && to > from) {
        let replicas =
            state.truth.as_ref().map_or(belief.replicas.len(), |truth| truth.replicas.len());
        let needed = cx.view.min_isr(&partition.topic).min(replicas);
        let answered =
            replica.answered.as_ref().filter(|(epoch, _)| *epoch > belief.partition_epoch);
        let in_sync = answered.map_or(belief.isr.len(), |(_, isr)| isr.len());
        if in_sync < needed {
            let sentence = format!(
                "the high watermark of leader {broker} rose to {to} with {in_sync} in sync, below \
                 min.insync.replicas={needed}"
            );
            report(
                cx,
                partition,
                Severity::Amber,
                format!("d {}", belief.partition_epoch),
                to,
                sentence,
            );
        }
    }
}

fn check_start(cx: &mut Check<'_>, partition: &TopicPartition, to: Offset) {
    let Some((broker, _, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    if replica.role == ReplicaRole::Leader && to > replica.log.end() {
        let sentence = format!(
            "the log start of leader {broker} is {to}, beyond its log end {}",
            replica.log.end()
        );
        report(cx, partition, Severity::Red, format!("start b{broker}"), to, sentence);
    }
}

fn report(
    cx: &mut Check<'_>,
    partition: &TopicPartition,
    severity: Severity,
    what: String,
    offset: Offset,
    sentence: String,
) {
    cx.reporter.report(Finding {
        id: InvariantId::WatermarkSanity,
        severity,
        subject: format!("{partition} {what}"),
        partition: Some(partition),
        offset: Some(offset),
        sentence: format!("{partition}: {sentence}"),
        events: Vec::new(),
    });
}
