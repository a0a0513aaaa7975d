//! S28 CrashRecovery: after a crash of the process a log comes back whole, after a power failure with everything that was
//! synced.
//!
//! The page cache belongs to the machine, not to the process; only a power failure may take what was not synced. After an
//! orderly stop the replica knows its high watermark as well: the last thing that a broker does is to write it down (KAFKA-1647).
//! So it is with the beginning of its log: what was deleted before the stop does not come back (KIP-107).
//!
//! Broken, it looks like this: a restarted broker's log is shorter than it may be, and the replica silently forgets.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{BrokerId, EventKind, NodeId, Offset, TopicPartition};

use super::observer::replica_of;
use super::{Check, Finding, InvariantId, Severity};

#[expect(clippy::wildcard_enum_match_arm, reason = "no other event opens a log")]
fn check_log(cx: &mut Check<'_>) {
    match &cx.event.kind {
        EventKind::LogRecovered { partition, .. }
        | EventKind::LeadershipTaken { partition, .. }
        | EventKind::FollowingStarted { partition, .. } => check_recovery(cx, partition),
        _ => {}
    }
}

/// What a replica knew when its broker stopped in an orderly way.
#[derive(Clone, Copy, Debug)]
struct Left {
    log_start: Offset,
    high_watermark: Offset,
}

/// The replicas of brokers that have stopped in an orderly way and not started since.
#[derive(Clone, Debug, Default)]
pub(super) struct CrashRecovery {
    left: BTreeMap<NodeId, BTreeMap<TopicPartition, Left>>,
    /// Brokers that have opened their logs in the life that they are in. One that leaves before that leaves its disk as it was.
    open: BTreeSet<NodeId>,
}

impl CrashRecovery {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other event ends a process, takes from its disk or opens a log"
    )]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        check_log(cx);
        let node = cx.event.node;
        match &cx.event.kind {
            EventKind::NodeStarted { .. } => {
                self.open.remove(&node);
            }
            EventKind::BrokerStateChanged { to, .. } if to == "running" => {
                self.open.insert(node);
            }
            EventKind::NodeStopped { orderly: true, .. } if self.open.contains(&node) => {
                if let Some(broker) = cx.view.table.broker_of(node) {
                    self.left.insert(node, known(cx, broker));
                }
            }
            EventKind::PowerFailed { .. } | EventKind::DiskWiped {} => {
                self.left.remove(&node);
            }
            EventKind::LogRecovered { partition, log_start, log_end, high_watermark, .. } => {
                let left = self.left.get_mut(&node).and_then(|left| left.remove(partition));
                let Some(left) = left else { return };
                let known = left.high_watermark.min(*log_end);
                if *high_watermark < known {
                    forgot(cx, partition, "watermark", "high watermark", *high_watermark, known);
                }
                if *log_start < left.log_start {
                    forgot(cx, partition, "start", "log start", *log_start, left.log_start);
                }
            }
            _ => {}
        }
    }
}

/// What a broker's replicas know.
fn known(cx: &Check<'_>, broker: BrokerId) -> BTreeMap<TopicPartition, Left> {
    let replicas = cx.view.partitions.iter();
    let of = replicas.filter_map(|(name, state)| Some((name, state.replicas.get(&broker)?)));
    of.map(|(name, replica)| {
        let (log_start, high_watermark) = (replica.log.start(), replica.high_watermark);
        (name.clone(), Left { log_start, high_watermark })
    })
    .collect()
}

/// A broker has come back from an orderly stop with less than it knew.
fn forgot(
    cx: &mut Check<'_>,
    partition: &TopicPartition,
    subject: &str,
    what: &str,
    now: Offset,
    before: Offset,
) {
    let name = cx.view.table.name(cx.event.node);
    cx.reporter.report(Finding {
        id: InvariantId::CrashRecovery,
        severity: Severity::Amber,
        subject: format!("{partition} {subject} {}", cx.event.seq.0),
        partition: Some(partition),
        offset: Some(now),
        sentence: format!(
            "{partition}: after an orderly stop {name} knows its {what} to be {now}; it was {before}"
        ),
        events: Vec::new(),
    });
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
