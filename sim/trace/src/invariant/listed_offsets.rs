//! S10 (c): the end of a partition that a client is told never goes back (KIP-207).
//!
//! A fresh leader's high watermark is behind what the leader before told clients, until its followers have fetched; a client
//! that asked for the end just then would see it go back, and a consumer that begins there would read records again that
//! were there before it came. After an excused loss nothing is said: what was there is gone.
//!
//! Broken, it looks like this: a lag graph goes negative at every failover.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, EventKind, NodeId, Offset, Seq, TopicPartition};

use super::{Check, Finding, InvariantId, Severity};

/// The timestamp that asks for the end.
const LATEST: i64 = -1;

#[derive(Clone, Debug, Default)]
pub(super) struct ListedOffsets {
    ends: BTreeMap<(NodeId, TopicPartition), (Offset, Seq)>,
}

impl ListedOffsets {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event tells a client an offset")]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        match &cx.event.kind {
            EventKind::OffsetListed {
                partition,
                connection,
                replica,
                timestamp: LATEST,
                isolation: 0,
                offset,
                ..
            } if *replica == BrokerId::NONE && offset.0 >= 0 => {
                let broker = cx.view.nodes.get(&cx.event.node);
                let end = broker.and_then(|broker| broker.connections.get(connection));
                let Some(client) = end.map(|end| end.peer) else { return };
                if cx.observer.get(partition).is_some_and(|memory| !memory.excuses.is_empty()) {
                    return;
                }
                let at = (client, partition.clone());
                let (before, seq) = self.ends.get(&at).copied().unwrap_or((*offset, cx.event.seq));
                self.ends.insert(at, (before.max(*offset), cx.event.seq));
                if *offset >= before {
                    return;
                }
                let name = cx.view.table.name(client);
                cx.reporter.report(Finding {
                    id: InvariantId::WatermarkSanity,
                    severity: Severity::Red,
                    subject: format!("{partition} c {}", client.0),
                    partition: Some(partition),
                    offset: Some(*offset),
                    sentence: format!(
                        "{partition}: {name} was told that the partition ends at {offset}, after it had been told {before}"
                    ),
                    events: vec![seq],
                });
            }
            EventKind::TopicDeleted { topic, .. } => {
                self.ends.retain(|(_, partition), _| partition.topic != *topic);
            }
            _ => {}
        }
    }
}
