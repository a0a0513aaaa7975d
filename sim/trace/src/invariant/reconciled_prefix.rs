//! S7 ReconciledPrefix: once a leader has accepted a follower's fetch position in its epoch, the follower's log below that
//! position equals the leader's.
//!
//! Truncation on fetch (the divergence check of KIP-595, taken over for partitions, with the fencing of KIP-320) exists
//! to make this true. It is ours, and in model runs the earliest sign of divergence.
//!
//! Broken, it looks like this: a follower with a foreign tail goes on fetching behind it as if it were in sync.

use klamm_node::EventKind;

use super::observer::difference_words;
use super::{Check, Finding, InvariantId, Severity};
use crate::view::ReplicaRole;

pub(super) fn check(cx: &mut Check<'_>) {
    let EventKind::FetchAccepted { partition, follower, offset, leader_epoch } = &cx.event.kind
    else {
        return;
    };
    let Some(leader) = cx.view.table.broker_of(cx.event.node) else { return };
    let Some(state) = cx.view.partitions.get(partition) else { return };
    let (Some(leading), Some(following)) =
        (state.replicas.get(&leader), state.replicas.get(follower))
    else {
        return;
    };
    // The fetch was some time under way: what the follower holds now speaks of it only if it still follows in the epoch.
    let same = following.role == ReplicaRole::Follower
        && following.leader_epoch == *leader_epoch
        && leading.leader_epoch == *leader_epoch
        && following.settled;
    if !same {
        return;
    }
    let below = (*offset).min(following.log.end());
    let Some(found) = following.log.first_difference(&leading.log, below) else { return };
    if cx.observer.excused(partition, &found) {
        return;
    }
    cx.reporter.report(Finding {
        id: InvariantId::ReconciledPrefix,
        severity: Severity::Amber,
        subject: format!("{partition} b{follower} {leader_epoch}"),
        partition: Some(partition),
        offset: Some(found.offset),
        sentence: format!(
            "{partition}: leader {leader} accepted the position {offset} of broker {follower} in epoch {leader_epoch}, but \
             the log of broker {follower} parts from it: {}",
            difference_words(&found)
        ),
        events: Vec::new(),
    });
}
