//! Turns what a node can say of a cause ([`Because`]) into the event that it means.
//!
//! This is kept whatever else the recorder keeps, since causes are part of the hash.

use std::collections::BTreeMap;

use klamm_node::event::{Event, EventKind};
use klamm_node::{Because, BrokerId, LeaderEpoch, NodeId, Offset, Seq, Time};

use crate::header::NodeTable;

#[derive(Clone, Copy, Debug)]
struct Fault {
    began: Seq,
    ended: Option<Time>,
}

#[derive(Clone, Copy, Debug)]
struct Append {
    last: Offset,
    epoch: LeaderEpoch,
    seq: Seq,
}

/// What is needed to name causes: metadata appends by offset, and the faults that can make a peer silent.
#[derive(Clone, Debug, Default)]
pub struct Causes {
    nodes: NodeTable,
    appends: BTreeMap<Offset, Append>,
    process: BTreeMap<NodeId, Fault>,
    links: BTreeMap<(NodeId, NodeId), Fault>,
}

impl Causes {
    /// Nothing known yet.
    pub fn new(nodes: NodeTable) -> Self {
        Self { nodes, ..Self::default() }
    }

    /// Takes the next event.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only faults and metadata appends are looked up"
    )]
    pub fn observe(&mut self, event: &Event) {
        let began = Fault { began: event.seq, ended: None };
        match &event.kind {
            // The first node to hold a batch is the leader that wrote it; a newer epoch replaces what was not committed.
            EventKind::MetadataAppended { base_offset, last_offset, epoch, .. } => {
                let known = self.appends.get(base_offset).is_some_and(|a| a.epoch >= *epoch);
                if !known {
                    let append = Append { last: *last_offset, epoch: *epoch, seq: event.seq };
                    self.appends.insert(*base_offset, append);
                }
            }
            EventKind::NodeCrashed {}
            | EventKind::PowerFailed { .. }
            | EventKind::NodePaused {}
            | EventKind::NodeStopped { .. } => {
                self.process.insert(event.node, began);
            }
            EventKind::NodeStarted { .. } | EventKind::NodeResumed {} => {
                if let Some(fault) = self.process.get_mut(&event.node) {
                    fault.ended = Some(event.time);
                }
            }
            EventKind::LinkCut { from, to } => {
                self.links.insert((*from, *to), began);
            }
            EventKind::LinkHealed { from, to } => {
                if let Some(fault) = self.links.get_mut(&(*from, *to)) {
                    fault.ended = Some(event.time);
                }
            }
            _ => {}
        }
    }

    /// The append of a metadata record on the quorum's leader.
    pub fn metadata_append(&self, offset: Offset) -> Option<Seq> {
        let (_, append) = self.appends.range(..=offset).next_back()?;
        (offset <= append.last).then_some(append.seq)
    }

    /// The fault that kept a peer silent towards `observer` since `since`: one that still lasts, or the last to end.
    pub fn silence(&self, of: BrokerId, observer: NodeId, since: Time) -> Option<Seq> {
        let peer = self.nodes.node_of(of)?;
        let candidates = [
            self.process.get(&peer),
            self.links.get(&(peer, observer)),
            self.links.get(&(observer, peer)),
        ];
        let bites = |fault: &&Fault| fault.ended.is_none_or(|ended| ended >= since);
        let found = candidates.into_iter().flatten().filter(bites);
        found.max_by_key(|fault| (fault.ended.is_none(), fault.began)).map(|fault| fault.began)
    }

    /// The event that `because` means, for something that `node` did while it handled the input recorded as `input`,
    /// with `previous` the last event observed in the same call.
    pub fn resolve(
        &self,
        because: Because,
        node: NodeId,
        input: Option<Seq>,
        previous: Option<Seq>,
    ) -> Option<Seq> {
        match because {
            Because::Input => input,
            Because::Previous => previous.or(input),
            Because::Seq(seq) => Some(seq),
            Because::MetadataRecord(offset) => self.metadata_append(offset).or(input),
            Because::Silence { of, since } => self.silence(of, node, since).or(input),
        }
    }
}
