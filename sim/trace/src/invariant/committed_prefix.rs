//! S6 CommittedPrefixAgreement: any two running replicas hold the same below both their high watermarks, and what was
//! ever committed at an offset is what every replica has there below its high watermark.
//!
//! Log matching (KIP-101, KIP-279; Vanlightly's `v3_5_properties.tla`). Ranges lost by an excused loss are left out.
//!
//! Broken, it looks like this: two replicas would answer the same fetch with different records, for good.

use klamm_node::{BrokerId, EventKind, TopicPartition};

use super::observer::{difference_words, replica_of};
use super::{Check, Finding, InvariantId, Severity};
use crate::view::{Difference, ReplicaRole, ReplicaView};

pub(super) fn check(cx: &mut Check<'_>) {
    let EventKind::HighWatermarkMoved { partition, .. } = &cx.event.kind else { return };
    let Some((broker, state, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    let stale = |id: &BrokerId| {
        let node = cx.view.table.node_of(*id);
        state.deleted.is_some() && node.is_some_and(|node| cx.view.is_stale(node, partition))
    };
    if stale(&broker) {
        return;
    }
    let peers = state.replicas.iter().filter(|(id, peer)| **id != broker && peer.settled);
    // Nor does one that has just come back know yet whose log it found.
    let unclaimed = |peer: &ReplicaView| state.deleted.is_some() && peer.role == ReplicaRole::Idle;
    for (other, peer) in peers.filter(|(id, peer)| !stale(id) && !unclaimed(peer)) {
        let below = replica.high_watermark.min(peer.high_watermark);
        if let Some(found) = replica.log.first_difference(&peer.log, below) {
            let who = format!("broker {other}");
            report(cx, partition, &format!("broker {broker}"), &who, &found);
        }
    }
    let Some(memory) = cx.observer.get(partition) else { return };
    let below = replica.high_watermark.min(memory.committed.end());
    if let Some(found) = replica.log.first_difference(&memory.committed, below) {
        report(cx, partition, &format!("broker {broker}"), "what was committed first", &found);
    }
}

fn report(
    cx: &mut Check<'_>,
    partition: &TopicPartition,
    one: &str,
    other: &str,
    found: &Difference,
) {
    if cx.observer.excused(partition, found) {
        return;
    }
    cx.reporter.report(Finding {
        id: InvariantId::CommittedPrefixAgreement,
        severity: Severity::Red,
        subject: partition.to_string(),
        partition: Some(partition),
        offset: Some(found.offset),
        sentence: format!(
            "{partition}: {one} and {other} disagree below the high watermark of {one}: {}",
            difference_words(found)
        ),
        events: Vec::new(),
    });
}
