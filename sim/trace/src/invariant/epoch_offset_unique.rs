//! S8 EpochOffsetUnique: one epoch and one offset name one batch, wherever it is.
//!
//! Every truncation algorithm since KIP-101 compares epochs and offsets instead of contents, and is sound only if this
//! holds: one leader an epoch, and no leader that writes twice at one offset.
//!
//! Broken, it looks like this: two logs agree about epochs and offsets, so nobody truncates, and they hold different data.

use std::ops::Bound;

use klamm_node::{EventKind, LeaderEpoch, Offset};

use super::observer::replica_of;
use super::{Check, Finding, InvariantId, Severity};

pub(super) fn check(cx: &mut Check<'_>) {
    let EventKind::BatchAppended {
        partition,
        base_offset,
        last_offset,
        leader_epoch,
        crc,
        as_leader,
        ..
    } = &cx.event.kind
    else {
        return;
    };
    let Some((broker, state, _)) = replica_of(cx.view, cx.event, partition) else { return };
    if state.deleted.is_some() && cx.view.is_stale(cx.event.node, partition) {
        return;
    }
    let (base, last, epoch) = (*base_offset, *last_offset, *leader_epoch);
    let at: (LeaderEpoch, Offset) = (epoch, base);
    let (problem, other) = match state.written.get(&at) {
        Some(first) if first.crc != *crc || first.last != last => (
            format!(
                "broker {broker} has another batch {base}..{last} of epoch {epoch} (CRC {crc:08x}) than broker {} wrote \
                 ({base}..{}, CRC {:08x})",
                first.by, first.last, first.crc
            ),
            Some(first.seq),
        ),
        None if !as_leader => (
            format!(
                "broker {broker} holds the batch {base}..{last} of epoch {epoch}, which no leader wrote"
            ),
            None,
        ),
        Some(_) | None => {
            let before = state.written.range((epoch, Offset(i64::MIN))..at).next_back();
            let inside = (Bound::Excluded(at), Bound::Included((epoch, last.max(base))));
            let after = state.written.range(inside).next();
            let before = before.filter(|(_, written)| written.last >= base);
            let Some(((_, start), other)) = before.or(after) else { return };
            (
                format!(
                    "broker {broker} has the batch {base}..{last} of epoch {epoch}, which overlaps {start}..{} of the \
                     same epoch",
                    other.last
                ),
                Some(other.seq),
            )
        }
    };
    cx.reporter.report(Finding {
        id: InvariantId::EpochOffsetUnique,
        severity: Severity::Red,
        subject: format!("{partition} {epoch} {base}"),
        partition: Some(partition),
        offset: Some(base),
        sentence: format!("{partition}: {problem}"),
        events: other.into_iter().collect(),
    });
}
