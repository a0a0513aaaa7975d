//! S28 CrashRecovery: after a crash of the process a log comes back whole, after a power failure with everything that was
//! synced.
//!
//! The page cache belongs to the machine, not to the process; only a power failure may take what was not synced.
//!
//! Broken, it looks like this: a restarted broker's log is shorter than it may be, and the replica silently forgets.

use klamm_node::{EventKind, TopicPartition};

use super::observer::replica_of;
use super::{Check, Finding, InvariantId, Severity};

#[expect(clippy::wildcard_enum_match_arm, reason = "no other event opens a log")]
pub(super) fn check(cx: &mut Check<'_>) {
    match &cx.event.kind {
        EventKind::LogRecovered { partition, .. }
        | EventKind::LeadershipTaken { partition, .. }
        | EventKind::FollowingStarted { partition, .. } => check_recovery(cx, partition),
        _ => {}
    }
}

fn check_recovery(cx: &mut Check<'_>, partition: &TopicPartition) {
    let Some((broker, _, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    let Some(recovery) = replica.recovery.filter(|recovery| recovery.seq == cx.event.seq) else {
        return;
    };
    let (after, least) = match recovery.power {
        Some(_) => ("a power failure", recovery.synced),
        None => ("the end of its process", recovery.before),
    };
    if recovery.found >= least {
        return;
    }
    cx.reporter.report(Finding {
        id: InvariantId::CrashRecovery,
        severity: Severity::Amber,
        subject: format!("{partition} b{broker} {}", recovery.seq.0),
        partition: Some(partition),
        offset: Some(recovery.found),
        sentence: format!(
            "{partition}: after {after} the log of broker {broker} ends at {}; it must have kept everything below {least}",
            recovery.found
        ),
        events: recovery.power.into_iter().collect(),
    });
}
