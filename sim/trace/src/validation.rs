//! Validations: what must hold at the end of a run, whatever happened on the way.
//!
//! V1 AckedReadable: every record acknowledged with acks=all is in the log of the replica that leads (or, without a leader,
//! of some member of the ISR). V2 ReplicasAgree: all live replicas hold the same below their high watermarks. They look at
//! the end state alone, so they are a second opinion on what the invariants said during the run.

use klamm_node::TopicPartition;

use crate::invariant::{InvariantId, Severity, Violation};
use crate::view::{PartitionView, ReplicaRole, ReplicaView, View};

/// Every validation. Losses that a promise did not exclude are found as well: the caller knows the excuses.
pub fn validate(view: &View) -> Vec<Violation> {
    let mut found = Vec::new();
    for (partition, state) in &view.partitions {
        found.extend(acked_readable(view, partition));
        found.extend(replicas_agree(view, partition, state));
    }
    found
}

fn acked_readable(view: &View, partition: &TopicPartition) -> Option<Violation> {
    let missing: Vec<_> =
        view.unreadable(partition).into_iter().filter(|acked| acked.acks == -1).collect();
    let first = missing.first()?;
    let count: usize = missing.iter().map(|acked| acked.records.len()).sum();
    let sentence = format!(
        "{partition}: at the end {count} records acknowledged with acks=all can't be read, from offset {} on",
        first.base
    );
    let offset = Some(first.base);
    let events = missing.iter().map(|acked| acked.seq).collect();
    Some(violation(view, InvariantId::AckedReadable, partition, offset, sentence, events))
}

fn replicas_agree(
    view: &View,
    partition: &TopicPartition,
    state: &PartitionView,
) -> Option<Violation> {
    // One that has just come back, perhaps with a deleted topic's log, does not count yet.
    let claimed =
        |replica: &ReplicaView| state.deleted.is_none() || replica.role != ReplicaRole::Idle;
    let live: Vec<_> =
        state.replicas.iter().filter(|(_, replica)| replica.settled && claimed(replica)).collect();
    for (index, (id, replica)) in live.iter().enumerate() {
        for (other, peer) in live.get(index + 1..).unwrap_or_default() {
            let below = replica.high_watermark.min(peer.high_watermark);
            if let Some(found) = replica.log.first_difference(&peer.log, below) {
                let sentence = format!(
                    "{partition}: at the end brokers {id} and {other} differ below their high watermarks, at offset {}",
                    found.offset
                );
                let events = vec![view.seq];
                let offset = Some(found.offset);
                return Some(violation(
                    view,
                    InvariantId::ReplicasAgree,
                    partition,
                    offset,
                    sentence,
                    events,
                ));
            }
        }
    }
    None
}

fn violation(
    view: &View,
    id: InvariantId,
    partition: &TopicPartition,
    offset: Option<klamm_node::Offset>,
    sentence: String,
    events: Vec<klamm_node::Seq>,
) -> Violation {
    Violation {
        id,
        severity: Severity::Red,
        seq: view.seq,
        time: view.now,
        partition: Some(partition.clone()),
        offset,
        sentence,
        events,
    }
}
