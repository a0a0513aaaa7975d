//! S19 NoDirtyRead and the early half of S1: nobody is shown or promised what is not committed.
//!
//! A consumer reads below the high watermark only, and acks=all is answered once the high watermark has passed the records
//! (KIP-101; Kafka's `DelayedProduce`). What is committed is what some leader's high watermark has covered. After an
//! excused loss in the partition nothing is said: what was committed then is not what was read.
//!
//! Broken, it looks like this: a consumer has processed a record that the next leader never had; or all is well, until the
//! leader dies a millisecond after its answer.

use klamm_node::{EventKind, LeaderEpoch, Offset, TopicPartition};

use super::{Check, Finding, InvariantId, Severity};

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "no other event shows or promises records to a client"
)]
pub(super) fn check(cx: &mut Check<'_>) {
    match &cx.event.kind {
        EventKind::RecordsRead { partition, base_offset, last_offset, leader_epoch, crc } => {
            let (base, last) = (*base_offset, *last_offset);
            if is_committed(cx, partition, base, last, Some(*leader_epoch), *crc) {
                return;
            }
            let name = cx.view.table.name(cx.event.node);
            let sentence = format!(
                "{partition}: {name} read records {base}..{last} of epoch {leader_epoch}, which are not committed"
            );
            report(cx, InvariantId::NoDirtyRead, Severity::Red, partition, base, sentence);
        }
        EventKind::RecordsAcknowledged { partition, acks: -1, .. } => {
            let acked = cx.view.partitions.get(partition).and_then(|state| state.acked.last());
            let Some(acked) = acked else { return };
            let (base, last) = (acked.base, acked.end().plus(-1));
            // Where nobody stored it is S15's to say.
            if acked.epoch.is_none() || base.0 < 0 {
                return;
            }
            // Two leaders may have taken tries of the same batch: whichever is committed is what was promised.
            if is_committed(cx, partition, base, last, None, acked.crc) {
                return;
            }
            let name = cx.view.table.name(cx.event.node);
            let sentence = format!(
                "{partition}: {name} was promised records {base}..{last} with acks=all before they were committed"
            );
            report(cx, InvariantId::AckedDurable, Severity::Amber, partition, base, sentence);
        }
        _ => {}
    }
}

fn is_committed(
    cx: &Check<'_>,
    partition: &TopicPartition,
    base: Offset,
    last: Offset,
    epoch: Option<LeaderEpoch>,
    crc: u32,
) -> bool {
    let Some(memory) = cx.observer.get(partition) else { return false };
    let same = memory.committed.at(base).is_some_and(|batch| {
        epoch.is_none_or(|epoch| batch.epoch == epoch) && batch.crc == crc && last <= batch.last
    });
    same || !memory.excuses.is_empty() || base < memory.committed.start()
}

fn report(
    cx: &mut Check<'_>,
    id: InvariantId,
    severity: Severity,
    partition: &TopicPartition,
    base: Offset,
    sentence: String,
) {
    cx.reporter.report(Finding {
        id,
        severity,
        subject: format!("{partition} uncommitted {}", cx.event.node.0),
        partition: Some(partition),
        offset: Some(base),
        sentence,
        events: Vec::new(),
    });
}
