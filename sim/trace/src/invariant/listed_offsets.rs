//! S10 (c) and (e): the end of a partition that a client is told.
//!
//! (c) It never goes back (KIP-207). (e) It is committed: a client that reads everything is told at most the high watermark, and
//! one that reads committed transactions at most the last stable offset, which is not above it (KIP-98).
//!
//! A fresh leader's high watermark is behind what the leader before told clients, until its followers have fetched; a client
//! that asked for the end just then would see it go back, and a consumer that begins there would read records again that
//! were there before it came. After an excused loss nothing is said: what was there is gone.
//!
//! Broken, it looks like this: a lag graph goes negative at every failover.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, EventKind, NodeId, Offset, Seq, TopicPartition};

use super::observer::replica_of;
use super::{Check, Finding, InvariantId, Severity};

/// The timestamp that asks for the end.
const LATEST: i64 = -1;

#[derive(Clone, Debug, Default)]
pub(super) struct ListedOffsets {
    /// By client, partition and isolation level: the last stable offset may stand behind the high watermark.
    ends: BTreeMap<(NodeId, TopicPartition, i16), (Offset, Seq)>,
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
                isolation,
                offset,
                ..
            } if *replica == BrokerId::NONE && offset.0 >= 0 => {
                committed(cx, partition, *offset, *isolation);
                let broker = cx.view.nodes.get(&cx.event.node);
                let end = broker.and_then(|broker| broker.connections.get(connection));
                let Some(client) = end.map(|end| end.peer) else { return };
                if cx.observer.get(partition).is_some_and(|memory| !memory.excuses.is_empty()) {
                    return;
                }
                let at = (client, partition.clone(), *isolation);
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
                self.ends.retain(|(_, partition, _), _| partition.topic != *topic);
            }
            _ => {}
        }
    }
}

/// (e)
fn committed(cx: &mut Check<'_>, partition: &TopicPartition, offset: Offset, isolation: i16) {
    let Some((broker, _, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    let (high_watermark, epoch) = (replica.high_watermark, replica.leader_epoch);
    if offset <= high_watermark {
        return;
    }
    let end = if isolation == 0 { "the end" } else { "the last stable offset" };
    cx.reporter.report(Finding {
        id: InvariantId::WatermarkSanity,
        severity: Severity::Red,
        subject: format!("{partition} e b{broker} {epoch}"),
        partition: Some(partition),
        offset: Some(offset),
        sentence: format!(
            "{partition}: broker {broker} told a client that {end} is {offset}, above its high watermark {high_watermark}"
        ),
        events: Vec::new(),
    });
}
