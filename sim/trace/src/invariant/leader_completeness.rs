//! S2 LeaderCompleteness: a new leader holds everything that was ever committed.
//!
//! Raft's property of the same name, for partitions: the ISR is what makes it true (KIP-101, KIP-497; Vanlightly's
//! `v3_5_properties.tla`). Excused after an unclean election, or when as many holders as `min.insync.replicas` lost the
//! record to a power failure or a new disk.
//!
//! Broken, it looks like this: a broker takes leadership with a log end below the old high watermark, or with other
//! records below it; consumers see the high watermark go back.

use klamm_node::EventKind;

use super::observer::{Excuse, difference_words, leader_words, older_epoch, permitted, replica_of};
use super::{Check, Finding, InvariantId, Severity};

pub(super) fn check(cx: &mut Check<'_>) {
    cx.reporter.at(cx.event.seq, cx.event.time);
    let EventKind::LeadershipTaken { partition, leader_epoch, .. } = &cx.event.kind else { return };
    let Some((broker, state, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    let truly = cx.view.true_leader_in(state).is_some_and(|(leader, _)| leader == broker);
    if !truly {
        return;
    }
    let memory = cx.observer.of(partition);
    let end = memory.committed.end();
    let Some(found) = replica.log.first_difference(&memory.committed, end) else { return };
    let since = memory.commit_of(found.offset).unwrap_or_default();
    let excused = memory.excuse(found.offset, older_epoch(&found)).is_some();
    match permitted(cx.view, partition, found.offset, since, None) {
        Some((reason, events)) => {
            memory.excuses.push(Excuse {
                from: found.offset,
                to: end,
                before: None,
                reason,
                events,
            });
        }
        None if excused => {}
        None => cx.reporter.report(Finding {
            id: InvariantId::LeaderCompleteness,
            severity: Severity::Red,
            subject: format!("{partition} {leader_epoch}"),
            partition: Some(partition),
            offset: Some(found.offset),
            sentence: format!(
                "{partition}: {} lacks committed records: {}",
                leader_words(broker, *leader_epoch),
                difference_words(&found)
            ),
            events: vec![since],
        }),
    }
    // What the new leader lacks is gone; from here on the committed log is what it goes on with.
    memory.committed.truncate_to(found.offset);
    let kept = memory.committed.end();
    memory.committed_at.retain(|(end, _)| *end <= kept);
}
