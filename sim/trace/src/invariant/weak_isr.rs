//! S4 WeakIsr: every running member of the ISR that a leader believes in holds everything below that leader's high
//! watermark.
//!
//! As S3, but by the leader's own belief (its metadata, or what its AlterPartition was answered since) and for every broker
//! that believes to lead (`WeakIsr` in hachikuji's `KafkaReplication.tla`). S3 speaks of the true leader; here is what the
//! others do in the meantime.
//!
//! Broken, it looks like this: a leader that has been replaced, and does not know, goes on to promise what nobody else has.

use klamm_node::EventKind;

use super::observer::{difference_words, replica_of};
use super::{Check, Finding, InvariantId, Severity};
use crate::view::ReplicaRole;

pub(super) fn check(cx: &mut Check<'_>) {
    let EventKind::HighWatermarkMoved { partition, .. } = &cx.event.kind else { return };
    let Some((broker, state, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    if replica.role != ReplicaRole::Leader
        || cx.view.true_leader_in(state).is_some_and(|(leader, _)| leader == broker)
    {
        return;
    }
    // What was lost with an excuse may be missing anywhere.
    if cx.observer.get(partition).is_some_and(|memory| !memory.excuses.is_empty()) {
        return;
    }
    let Some(belief) =
        cx.view.nodes.get(&cx.event.node).and_then(|node| node.beliefs.get(partition))
    else {
        return;
    };
    // What the controller answered counts from then on, though the leader's metadata may not have it yet.
    let answered = replica.answered.as_ref().filter(|(epoch, _)| *epoch > belief.partition_epoch);
    let isr = answered.map_or(&belief.isr, |(_, isr)| isr);
    let below = replica.high_watermark.min(replica.log.end());
    for member in isr.iter().filter(|member| **member != broker) {
        let Some(other) =
            state.replicas.get(member).filter(|other| other.settled && other.losses.is_empty())
        else {
            continue;
        };
        let Some(found) = other.log.first_difference(&replica.log, below) else { continue };
        cx.reporter.report(Finding {
            id: InvariantId::WeakIsr,
            severity: Severity::Amber,
            subject: format!("{partition} b{broker} b{member} {}", replica.leader_epoch),
            partition: Some(partition),
            offset: Some(found.offset),
            sentence: format!(
                "{partition}: broker {broker} believes to lead in epoch {} with broker {member} in sync, and counts as \
                 committed what broker {member} lacks: {}",
                replica.leader_epoch,
                difference_words(&found)
            ),
            events: vec![belief.seq],
        });
    }
}
