//! S28 CrashRecovery for the metadata log: it comes back from a crash of the process whole, and from a power failure with
//! everything that was synced.
//!
//! A voter's fetch says that it holds what is below, and the leader commits on the strength of that (KAFKA-10533): a voter
//! that loses synced metadata breaks the quorum's promise.
//!
//! Broken, it looks like this: power returns, and a topic that was created is gone.

use std::collections::BTreeMap;

use klamm_node::{EventKind, NodeId, Offset, Seq};

use super::{Check, Finding, InvariantId, Severity};

/// A node's metadata log.
#[derive(Clone, Copy, Debug, Default)]
struct Log {
    end: Offset,
    synced: Offset,
    /// The power failure since which it was not opened.
    power: Option<Seq>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct MetadataRecovery {
    logs: BTreeMap<NodeId, Log>,
}

impl MetadataRecovery {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other event changes a metadata log or takes from it"
    )]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        let node = cx.event.node;
        let log = self.logs.entry(node).or_default();
        match &cx.event.kind {
            EventKind::MetadataAppended { last_offset, .. } => log.end = last_offset.plus(1),
            EventKind::MetadataTruncated { to, .. } => {
                log.end = *to;
                log.synced = log.synced.min(*to);
            }
            EventKind::MetadataSynced { to } => log.synced = *to,
            EventKind::MetadataLogStartMoved { to } => {
                log.end = log.end.max(*to);
                log.synced = log.synced.max(*to);
            }
            EventKind::PowerFailed { .. } => log.power = Some(cx.event.seq),
            EventKind::DiskWiped {} => *log = Log::default(),
            EventKind::MetadataRecovered { log_end, .. } => {
                let before = std::mem::replace(
                    log,
                    Log { end: *log_end, synced: (*log_end).min(log.synced), power: None },
                );
                let (after, least) = match before.power {
                    Some(_) => ("a power failure", before.synced),
                    None => ("the end of its process", before.end),
                };
                if *log_end >= least {
                    return;
                }
                let name = cx.view.table.name(node);
                cx.reporter.report(Finding {
                    id: InvariantId::CrashRecovery,
                    severity: Severity::Amber,
                    subject: format!("metadata {node}"),
                    partition: None,
                    offset: Some(*log_end),
                    sentence: format!(
                        "{name}: after {after} its metadata log ends at {log_end}; it must have kept everything below {least}"
                    ),
                    events: before.power.into_iter().collect(),
                });
            }
            _ => {}
        }
    }
}
