//! S11 RepeatableRead: what one consumer read at an offset is what every consumer reads there, and a leader wrote it.
//!
//! Jepsen's *inconsistent-offsets* for Kafka (jepsen/tests/kafka.clj), checked while the run goes. Ranges lost by an
//! excused loss (an unclean election, say) may be read anew.
//!
//! Broken, it looks like this: two consumers processed different records at the same offset; nobody will ever notice.

use klamm_node::EventKind;

use super::{Check, Finding, InvariantId, Severity};
use crate::view::ReadSpan;

pub(super) fn check(cx: &mut Check<'_>) {
    let EventKind::RecordsRead { partition, base_offset, last_offset, leader_epoch, crc } =
        &cx.event.kind
    else {
        return;
    };
    let read = ReadSpan { base: *base_offset, last: *last_offset, epoch: *leader_epoch, crc: *crc };
    let renewed = cx.view.partitions.get(partition).is_some_and(|state| state.deleted.is_some());
    let consumer = cx.view.table.name(cx.event.node);
    let written = cx.view.partitions.get(partition).and_then(|state| {
        let (_, written) = state.written.range(..=(read.epoch, read.base)).next_back()?;
        Some(*written)
    });
    let known = written.is_some_and(|written| written.crc == read.crc && written.last >= read.last);
    // A broker that has not heard of a topic's deletion still shows what the old one held.
    let mut problem = (!known && !renewed).then(|| {
        let sentence =
            format!("{consumer} read records {}..{} that no leader wrote", read.base, read.last);
        (sentence, Vec::new())
    });
    let memory = cx.observer.of(partition);
    let overlapping = memory.seen.range(..=read.last).next_back().map(|(_, seen)| *seen);
    match overlapping.filter(|(seen, _)| seen.last >= read.base) {
        Some((seen, first)) if (seen.epoch, seen.crc) != (read.epoch, read.crc) => {
            let offset = seen.base.max(read.base);
            if memory.excuse(offset, seen.epoch.min(read.epoch)).is_none() {
                let sentence = format!(
                    "{consumer} read a record of epoch {} (CRC {:08x}) at offset {offset}, where a record of epoch {} \
                     (CRC {:08x}) had been read before",
                    read.epoch, read.crc, seen.epoch, seen.crc
                );
                problem = Some((sentence, vec![first]));
            }
            memory.seen.insert(read.base, (read, cx.event.seq));
        }
        // A longer part of the same batch.
        Some((seen, first)) if seen.base > read.base || seen.last < read.last => {
            let whole =
                ReadSpan { base: seen.base.min(read.base), last: seen.last.max(read.last), ..read };
            memory.seen.remove(&seen.base);
            memory.seen.insert(whole.base, (whole, first));
        }
        Some(_) => {}
        None => {
            memory.seen.insert(read.base, (read, cx.event.seq));
        }
    }
    let Some((sentence, events)) = problem else { return };
    cx.reporter.report(Finding {
        id: InvariantId::RepeatableRead,
        severity: Severity::Red,
        subject: format!("{partition} {}", read.base),
        partition: Some(partition),
        offset: Some(read.base),
        sentence: format!("{partition}: {sentence}"),
        events,
    });
}
