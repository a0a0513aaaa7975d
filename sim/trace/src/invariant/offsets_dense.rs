//! S15 OffsetsDense: in a log, offsets follow one another, epochs do not fall, and a producer is told the offset at which
//! its records were stored.
//!
//! Simplified: a compacted log has gaps; logs are not compacted yet, so a gap is an error here.
//!
//! Broken, it looks like this: two records share an offset, or a consumer waits for an offset that will never come.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, EventKind, LeaderEpoch, Offset, TopicPartition};

use super::observer::replica_of;
use super::{Check, Finding, InvariantId, Severity};

#[derive(Clone, Debug, Default)]
pub(super) struct OffsetsDense {
    ends: BTreeMap<(TopicPartition, BrokerId), (Offset, LeaderEpoch)>,
}

impl OffsetsDense {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event moves a log's end")]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        match &cx.event.kind {
            EventKind::BatchAppended {
                partition, base_offset, last_offset, leader_epoch, ..
            } => {
                let Some(broker) = cx.view.table.broker_of(cx.event.node) else { return };
                let at = (partition.clone(), broker);
                let (end, epoch) =
                    self.ends.get(&at).copied().unwrap_or((Offset(0), LeaderEpoch::NONE));
                let batch = (*base_offset, *last_offset, *leader_epoch);
                if let Some(problem) = misplaced(batch, end, epoch) {
                    let sentence = format!("broker {broker} appended {problem}");
                    report(cx, partition, format!("b{broker}"), *base_offset, sentence);
                }
                self.ends.insert(at, (last_offset.plus(1), *leader_epoch));
            }
            EventKind::LogRecovered { partition, .. }
            | EventKind::LogTruncated { partition, .. }
            | EventKind::LogStartMoved { partition, .. }
            | EventKind::LeadershipTaken { partition, .. }
            | EventKind::FollowingStarted { partition, .. } => {
                let Some((broker, _, replica)) = replica_of(cx.view, cx.event, partition) else {
                    return;
                };
                let epoch = replica.log.last().map_or(LeaderEpoch::NONE, |batch| batch.epoch);
                self.ends.insert((partition.clone(), broker), (replica.log.end(), epoch));
            }
            EventKind::ReplicaStopped { partition } => {
                let broker = cx.view.table.broker_of(cx.event.node).unwrap_or(BrokerId::NONE);
                self.ends.remove(&(partition.clone(), broker));
            }
            EventKind::DiskWiped {} => {
                let broker = cx.view.table.broker_of(cx.event.node);
                self.ends.retain(|(_, on), _| Some(*on) != broker);
            }
            EventKind::RecordsAcknowledged { partition, base_offset, .. } if base_offset.0 >= 0 => {
                check_acknowledged(cx, partition);
            }
            _ => {}
        }
    }
}

fn misplaced(
    batch: (Offset, Offset, LeaderEpoch),
    end: Offset,
    newest: LeaderEpoch,
) -> Option<String> {
    let (base, last, epoch) = batch;
    if base < end {
        return Some(format!("batch {base}..{last} over its log end {end}"));
    }
    if base > end {
        return Some(format!("batch {base}..{last} and left a gap from {end} on"));
    }
    if last < base {
        return Some(format!("batch {base}..{last}, which ends before it begins"));
    }
    (epoch < newest)
        .then(|| format!("batch {base}..{last} of epoch {epoch} after a batch of epoch {newest}"))
}

fn check_acknowledged(cx: &mut Check<'_>, partition: &TopicPartition) {
    let Some(state) = cx.view.partitions.get(partition) else { return };
    let Some(acked) = state.acked.last().filter(|_| state.deleted.is_none()) else { return };
    let EventKind::RecordsAcknowledged { crc, .. } = &cx.event.kind else { return };
    let stored = acked.epoch.and_then(|epoch| state.written.get(&(epoch, acked.base)));
    let resource = format!("topic:{}", partition.topic);
    let restamped = cx
        .view
        .configs
        .get(&(resource, "message.timestamp.type".to_owned()))
        .is_some_and(|value| value == "LogAppendTime");
    let problem = match stored {
        None => Some("where no leader ever wrote a batch".to_owned()),
        Some(written) if written.crc != *crc && !restamped => {
            Some(format!("where another batch (CRC {:08x}, not {crc:08x}) is stored", written.crc))
        }
        Some(written) if written.last.plus(1) != acked.end() => Some(format!(
            "where a batch up to {} is stored, not {} records",
            written.last,
            acked.records.len()
        )),
        Some(_) => None,
    };
    let Some(problem) = problem else { return };
    let producer = cx.view.table.name(acked.producer);
    let sentence = format!("{producer} was told offset {}, {problem}", acked.base);
    report(cx, partition, format!("acked {}", acked.base), acked.base, sentence);
}

fn report(
    cx: &mut Check<'_>,
    partition: &TopicPartition,
    what: String,
    offset: Offset,
    sentence: String,
) {
    cx.reporter.report(Finding {
        id: InvariantId::OffsetsDense,
        severity: Severity::Red,
        subject: format!("{partition} {what}"),
        partition: Some(partition),
        offset: Some(offset),
        sentence: format!("{partition}: {sentence}"),
        events: Vec::new(),
    });
}
