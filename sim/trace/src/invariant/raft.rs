//! S25 Raft: the metadata quorum keeps the promises of Raft (KIP-595; Ongaro's thesis, chapter 3; `KRaft.tla`).
//!
//! (a) One leader an epoch, and one vote an epoch and voter. (b) A node's epoch never falls. (c) A new leader's log holds
//! every committed batch, and what was committed at an offset never changes. (d) What a leader commits, a majority of the
//! voters has on disk: of the voters in force at the leader (KIP-853). (e) A node's committed offset never falls while its process lives. (h) Nothing below a node's
//! committed offset is truncated. One epoch and offset name one batch.
//!
//! Broken, it looks like this: two controllers are active in one epoch, or a topic that existed is gone after an election.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, EventKind, LeaderEpoch, NodeId, Offset, Seq};

use super::observer::difference_words;
use super::{Check, Finding, InvariantId, Severity};
use crate::view::LogModel;

#[derive(Clone, Debug, Default)]
pub(super) struct Raft {
    leaders: BTreeMap<LeaderEpoch, (NodeId, Seq)>,
    epochs: BTreeMap<NodeId, (LeaderEpoch, Seq)>,
    votes: BTreeMap<(NodeId, LeaderEpoch), (BrokerId, Seq)>,
    written: BTreeMap<(LeaderEpoch, Offset), (Offset, u32, Seq)>,
    committed: LogModel,
    /// The committed offset of each running process.
    known: BTreeMap<NodeId, Offset>,
}

impl Raft {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event is about the quorum")]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        let node = cx.event.node;
        match &cx.event.kind {
            EventKind::QuorumRoleChanged { epoch, voted, .. } => {
                self.role_changed(cx, *epoch, *voted)
            }
            EventKind::QuorumLeaderElected { epoch, .. } => self.elected(cx, *epoch),
            EventKind::MetadataAppended { base_offset, last_offset, epoch, crc, .. } => {
                self.appended(cx, (*epoch, *base_offset), *last_offset, *crc);
            }
            EventKind::MetadataCommitted { to } => self.committed(cx, *to),
            EventKind::MetadataTruncated { to, .. } => {
                let known = self.known.get(&node).copied().unwrap_or_default();
                if *to < known {
                    let what = format!(
                        "truncated its metadata log to {to}, below its committed offset {known}"
                    );
                    report(cx, Severity::Red, format!("h {node}"), &what, Vec::new());
                }
            }
            EventKind::DiskWiped {} => {
                self.epochs.remove(&node);
                self.votes.retain(|(voter, _), _| *voter != node);
                self.known.remove(&node);
            }
            EventKind::NodeStarted { .. }
            | EventKind::NodeCrashed {}
            | EventKind::PowerFailed { .. }
            | EventKind::NodeStopped { .. } => {
                self.known.remove(&node);
            }
            _ => {}
        }
    }

    fn role_changed(&mut self, cx: &mut Check<'_>, epoch: LeaderEpoch, voted: BrokerId) {
        let node = cx.event.node;
        let (before, seq) = self.epochs.get(&node).copied().unwrap_or((epoch, cx.event.seq));
        if epoch < before {
            let what = format!("went back from quorum epoch {before} to {epoch}");
            report(cx, Severity::Red, format!("b {node} {epoch}"), &what, vec![seq]);
        }
        self.epochs.insert(node, (epoch, cx.event.seq));
        if voted == BrokerId::NONE {
            return;
        }
        let (first, seq) = *self.votes.entry((node, epoch)).or_insert((voted, cx.event.seq));
        if first != voted {
            let what = format!("voted for {first} and for {voted} in quorum epoch {epoch}");
            report(cx, Severity::Red, format!("vote {node} {epoch}"), &what, vec![seq]);
        }
    }

    fn elected(&mut self, cx: &mut Check<'_>, epoch: LeaderEpoch) {
        let (first, seq) = *self.leaders.entry(epoch).or_insert((cx.event.node, cx.event.seq));
        if first != cx.event.node {
            let what = format!(
                "was elected in quorum epoch {epoch}, which {} leads",
                cx.view.table.name(first)
            );
            report(cx, Severity::Red, format!("a {epoch}"), &what, vec![seq]);
        }
        let newest = self.leaders.keys().next_back() == Some(&epoch);
        let log = cx.view.nodes.get(&cx.event.node).map(|view| &view.raft.log);
        let lacking =
            log.and_then(|log| log.first_difference(&self.committed, self.committed.end()));
        if let Some(found) = lacking.filter(|_| newest) {
            let words = difference_words(&found);
            let what = format!("leads quorum epoch {epoch} without committed metadata: {words}");
            report(cx, Severity::Red, format!("c {epoch}"), &what, Vec::new());
        }
    }

    fn appended(&mut self, cx: &mut Check<'_>, at: (LeaderEpoch, Offset), last: Offset, crc: u32) {
        let (first_last, first_crc, seq) =
            *self.written.entry(at).or_insert((last, crc, cx.event.seq));
        if (first_last, first_crc) != (last, crc) {
            let (epoch, base) = at;
            let what = format!(
                "has another metadata batch at offset {base} of quorum epoch {epoch} than was written there first"
            );
            report(cx, Severity::Red, format!("unique {epoch} {base}"), &what, vec![seq]);
        }
    }

    fn committed(&mut self, cx: &mut Check<'_>, to: Offset) {
        let node = cx.event.node;
        let known = self.known.insert(node, to).unwrap_or_default();
        if to < known {
            let what = format!("let its committed offset fall from {known} to {to}");
            report(cx, Severity::Red, format!("e {node}"), &what, Vec::new());
        }
        let Some(member) = cx.view.nodes.get(&node).map(|view| &view.raft) else { return };
        let below = to.min(self.committed.end());
        if let Some(found) = member.log.first_difference(&self.committed, below) {
            let what = format!(
                "knows other metadata to be committed than was committed: {}",
                difference_words(&found)
            );
            report(cx, Severity::Red, format!("c {node}"), &what, Vec::new());
        }
        self.committed.extend_from(&member.log, to);
        if member.role == "leader" {
            let has = |voter: &&NodeId| {
                cx.view.nodes.get(voter).is_some_and(|view| {
                    view.raft.synced >= to
                        && view.raft.log.first_difference(&member.log, to).is_none()
                })
            };
            let (of, voters) = cx.view.voters_of(member);
            let count = voters.iter().filter(has).count();
            // What was committed before the set changed, the voters of that time have (KIP-853).
            let before = cx.view.nodes_of_voters(&member.voters_before);
            let by_those_before = to <= member.voters_at
                && before.iter().filter(has).count() * 2 > member.voters_before.len();
            if count * 2 <= of && !by_those_before {
                let what = format!(
                    "committed metadata up to {to}, which {count} of {of} voters have on disk"
                );
                report(cx, Severity::Amber, format!("d {}", member.epoch), &what, Vec::new());
            }
        }
    }
}

fn report(cx: &mut Check<'_>, severity: Severity, subject: String, what: &str, events: Vec<Seq>) {
    let name = cx.view.table.name(cx.event.node);
    cx.reporter.report(Finding {
        id: InvariantId::Raft,
        severity,
        subject,
        partition: None,
        offset: None,
        sentence: format!("{name} {what}"),
        events,
    });
}
