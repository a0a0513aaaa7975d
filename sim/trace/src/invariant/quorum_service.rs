//! S25 Raft, (e) to (g): who serves as the quorum's leader, and where metadata logs begin.
//!
//! (e) A leader from which no majority of the voters has fetched for the check-quorum time (one and a half fetch timeouts)
//! serves no more (KAFKA-15489), and nobody leads an epoch without an election since its process started (KAFKA-10527).
//! (f) A metadata log that does not begin at 0 begins exactly where a snapshot ends, and snapshots end where a batch ends
//! (KIP-630, KAFKA-14618). (g) A leader never loads a snapshot: it has everything already. Only one whose process has just
//! started, and was elected before anything was known to be committed, begins with one.
//!
//! Broken, it looks like this: brokers go on asking a controller that was replaced long ago, and believe its answers; or a
//! new voter can't get the metadata between a snapshot and the log.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::effects::FrameRole;
use klamm_node::{EventKind, LeaderEpoch, NodeId, Offset, Seq, Span, Time};

use super::{Check, Finding, InvariantId, Severity};
use crate::view::{ProcessState, View};

/// Kafka's keys of the Fetch and FetchSnapshot APIs.
const FETCHES: [i16; 2] = [1, 59];

/// A leader's timers and its fetches' ways are allowed this much.
const A_MOMENT: Span = Span::secs(1);

/// What is known of a leader.
#[derive(Clone, Debug, Default)]
struct Leading {
    /// When it was elected, or was last scheduled again.
    since: Time,
    /// The last fetch of each other voter.
    fetched: BTreeMap<NodeId, Time>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct QuorumService {
    leading: BTreeMap<NodeId, Leading>,
    /// Fetches of voters on their way, by their `FrameSent`.
    fetches: BTreeMap<Seq, NodeId>,
    /// The epoch that each running process was elected in.
    elected: BTreeMap<NodeId, LeaderEpoch>,
    /// The ends of the snapshots on each node's disk.
    snapshots: BTreeMap<NodeId, BTreeSet<Offset>>,
    /// Processes that have metadata in memory.
    informed: BTreeSet<NodeId>,
    /// Where a metadata log began to begin, and when: judged once time has moved on.
    starts: BTreeMap<NodeId, (Offset, Time)>,
}

impl QuorumService {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event is about the quorum")]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        let (node, now) = (cx.event.node, cx.event.time);
        match &cx.event.kind {
            EventKind::FrameSent { to, role: FrameRole::Request, api_key, .. }
                if FETCHES.contains(api_key)
                    && is_voter(cx.view, node)
                    && is_voter(cx.view, *to) =>
            {
                self.fetches.insert(cx.event.seq, node);
            }
            EventKind::FrameDelivered { frame } if !self.fetches.is_empty() => {
                if let Some(voter) = self.fetches.remove(frame)
                    && let Some(leading) = self.leading.get_mut(&node)
                {
                    leading.fetched.insert(voter, now);
                }
            }
            EventKind::FrameDropped { frame, .. } => {
                self.fetches.remove(frame);
            }
            EventKind::QuorumLeaderElected { epoch, .. } => {
                self.elected.insert(node, *epoch);
                self.leading.insert(node, Leading { since: now, ..Leading::default() });
            }
            EventKind::QuorumRoleChanged { role, epoch, .. } => {
                if role != "leader" {
                    self.leading.remove(&node);
                } else if self.elected.get(&node) != Some(epoch) {
                    let what =
                        format!("leads quorum epoch {epoch} without having been elected in it");
                    report(cx, Severity::Red, format!("e {node} {epoch}"), &what);
                }
            }
            EventKind::NodeResumed {} => {
                if let Some(leading) = self.leading.get_mut(&node) {
                    leading.since = now;
                }
            }
            EventKind::NodeStarted { .. }
            | EventKind::NodeCrashed {}
            | EventKind::PowerFailed { .. }
            | EventKind::NodeStopped { .. } => {
                self.informed.remove(&node);
                self.leading.remove(&node);
                self.elected.remove(&node);
            }
            EventKind::DiskWiped {} => {
                self.snapshots.remove(&node);
            }
            EventKind::MetadataAppended { .. }
            | EventKind::MetadataCommitted { .. }
            | EventKind::VoteCast { .. }
            | EventKind::PreVoteCast { .. } => {
                self.serves(cx);
                self.begins(cx);
            }
            EventKind::SnapshotGenerated { end_offset, .. } => {
                self.snapshots.entry(node).or_default().insert(*end_offset);
                on_a_boundary(cx, *end_offset);
            }
            EventKind::SnapshotFetched { end_offset, .. } => {
                self.snapshots.entry(node).or_default().insert(*end_offset);
            }
            EventKind::SnapshotDeleted { end_offset, .. } => {
                self.snapshots.entry(node).or_default().remove(end_offset);
            }
            EventKind::MetadataLogStartMoved { to } => {
                self.starts.insert(node, (*to, now));
            }
            EventKind::MetadataApplied { .. } => {
                self.informed.insert(node);
            }
            kind @ (EventKind::SnapshotLoaded { .. } | EventKind::SnapshotFetchStarted { .. }) => {
                let loads = matches!(kind, EventKind::SnapshotLoaded { .. });
                let begins = loads && self.informed.insert(node);
                let raft = cx.view.nodes.get(&node).map(|view| &view.raft);
                if raft.is_some_and(|raft| raft.role == "leader") && !begins {
                    report(
                        cx,
                        Severity::Red,
                        format!("g {node}"),
                        "leads the quorum and loads a snapshot",
                    );
                }
            }
            _ => {}
        }
    }

    /// (e) at something that a leader does.
    fn serves(&self, cx: &mut Check<'_>) {
        let node = cx.event.node;
        let Some(leading) = self.leading.get(&node) else { return };
        let Some(view) = cx.view.nodes.get(&node) else { return };
        let (voters, nodes) = cx.view.voters_of(&view.raft);
        if voters < 2 || view.state != ProcessState::Up || view.clock_drift_ppm != 0 {
            return;
        }
        let others = leading.fetched.iter().filter(|(voter, _)| nodes.contains(voter));
        let mut fetched: Vec<Time> = others.map(|(_, at)| *at).collect();
        fetched.sort_unstable_by(|a, b| b.cmp(a));
        // With itself a majority: as many others as half of all; one more where it is no voter any more (KIP-853).
        let needed = voters / 2 + usize::from(!nodes.contains(&node));
        let heard = fetched.get(needed - 1).copied().unwrap_or_default().max(leading.since);
        let timeout = cx.view.server_config.get("controller.quorum.fetch.timeout.ms");
        let timeout = timeout.and_then(|value| value.parse().ok()).unwrap_or(2000);
        let longest = Span::millis(timeout * 3 / 2);
        if cx.event.time.since(heard) <= longest + A_MOMENT {
            return;
        }
        let what =
            format!("still serves as leader, and no majority has fetched from it since {heard}");
        report(cx, Severity::Amber, format!("e {node} silence {}", leading.since), &what);
    }

    /// (f) once the events of the same moment are all there.
    fn begins(&mut self, cx: &mut Check<'_>) {
        let node = cx.event.node;
        let Some((start, at)) = self.starts.get(&node).copied() else { return };
        if at >= cx.event.time {
            return;
        }
        self.starts.remove(&node);
        let known = self.snapshots.get(&node).is_some_and(|ends| ends.contains(&start));
        if start > Offset(0) && !known {
            let what = format!("begins its metadata log at {start}, where no snapshot of its ends");
            report(cx, Severity::Red, format!("f {node} {start}"), &what);
        }
    }
}

fn is_voter(view: &View, node: NodeId) -> bool {
    view.table.get(node).is_some_and(|info| info.kind.is_controller())
}

/// (f): a snapshot ends where a batch ends.
fn on_a_boundary(cx: &mut Check<'_>, end: Offset) {
    let node = cx.event.node;
    let Some(view) = cx.view.nodes.get(&node) else { return };
    let last = end.plus(-1);
    if view.raft.log.at(last).is_some_and(|batch| batch.last != last) {
        let what = format!("wrote a snapshot that ends at {end}, inside a batch");
        report(cx, Severity::Red, format!("f {node} {end} boundary"), &what);
    }
}

fn report(cx: &mut Check<'_>, severity: Severity, subject: String, what: &str) {
    let name = cx.view.table.name(cx.event.node);
    cx.reporter.report(Finding {
        id: InvariantId::Raft,
        severity,
        subject,
        partition: None,
        offset: None,
        sentence: format!("{name} {what}"),
        events: Vec::new(),
    });
}
