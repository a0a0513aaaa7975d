//! S3 CandidateCompleteness: every running member of the ISR holds everything below the true leader's high watermark.
//!
//! The ISR is the set of those who may be elected without loss (KIP-497, KIP-966; `StrongIsr` in hachikuji's
//! `KafkaReplication.tla`). It is the earliest alarm in most replication bugs. A member that lost its tail to a power
//! failure is a known risk of Kafka, not a bug, and is not reported here.
//!
//! Broken, it looks like this: a replica is in the ISR but lacks a committed record. Nothing is lost yet; if this
//! replica is elected next, it will be.

use klamm_node::{EventKind, TopicPartition};

use super::observer::{difference_words, permitted};
use super::{Check, Finding, InvariantId, Severity};

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "no other event can part an ISR member from the leader"
)]
pub(super) fn check(cx: &mut Check<'_>) {
    match &cx.event.kind {
        EventKind::HighWatermarkMoved { partition, .. }
        | EventKind::PartitionChanged { partition, .. }
        | EventKind::LeadershipTaken { partition, .. }
        | EventKind::LogTruncated { partition, .. }
        | EventKind::LogRecovered { partition, .. } => check_partition(cx, partition),
        _ => {}
    }
}

fn check_partition(cx: &mut Check<'_>, partition: &TopicPartition) {
    let Some(state) = cx.view.partitions.get(partition) else { return };
    let (Some(truth), Some((leader, leading))) = (&state.truth, cx.view.true_leader_in(state))
    else {
        return;
    };
    // Who is eligible counts as who is in sync: it may be elected just so (KIP-966).
    for member in truth.isr.iter().chain(&truth.elr).filter(|member| **member != leader) {
        let Some(replica) = state.replicas.get(member).filter(|replica| replica.settled) else {
            continue;
        };
        let below = leading.high_watermark.min(leading.log.end());
        let Some(found) = replica.log.first_difference(&leading.log, below) else { continue };
        let lost = |loss: &crate::view::Loss| loss.from <= found.offset && found.offset < loss.to;
        let powerless = found.left.is_none() && replica.losses.iter().any(lost);
        let since = cx.observer.get(partition).and_then(|memory| memory.commit_of(found.offset));
        let excused = cx.observer.excused(partition, &found)
            || permitted(cx.view, partition, found.offset, since.unwrap_or_default(), None)
                .is_some();
        if powerless || excused {
            continue;
        }
        cx.reporter.report(Finding {
            id: InvariantId::CandidateCompleteness,
            severity: Severity::Amber,
            subject: format!("{partition} b{member} {}", truth.partition_epoch),
            partition: Some(partition),
            offset: Some(found.offset),
            sentence: format!(
                "{partition}: broker {member} is in the ISR of leader {leader} but lacks committed records: {}; if it \
                 were elected now, they would be lost",
                difference_words(&found)
            ),
            events: vec![truth.seq],
        });
    }
}
