//! Turns what a node can say of a cause ([`Because`]) into the event that it means.
//!
//! This is kept whatever else the recorder keeps, since causes are part of the hash.

use std::collections::BTreeMap;

use klamm_node::event::{Event, EventKind};
use klamm_node::{Because, BrokerId, LeaderEpoch, NodeId, Offset, Seq, Span, Time};

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
    /// Links, and disks as a node's link to itself, that became slower, with how slow they are.
    slow: BTreeMap<(NodeId, NodeId), (Fault, Span)>,
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
            EventKind::LinkChanged { from, to, latency_high, .. } => {
                self.slowed((*from, *to), *latency_high, event);
            }
            EventKind::DiskChanged { write, sync } => {
                self.slowed((event.node, event.node), *write + *sync, event);
            }
            _ => {}
        }
    }

    /// A link or disk has another speed: slower is a fault, faster ends one.
    fn slowed(&mut self, at: (NodeId, NodeId), delay: Span, event: &Event) {
        match self.slow.get_mut(&at) {
            Some((fault, before)) if delay < *before => {
                (fault.ended, *before) = (Some(event.time), delay);
            }
            Some(_) | None => {
                self.slow.insert(at, (Fault { began: event.seq, ended: None }, delay));
            }
        }
    }

    /// The append of a metadata record on the quorum's leader.
    pub fn metadata_append(&self, offset: Offset) -> Option<Seq> {
        let (_, append) = self.appends.range(..=offset).next_back()?;
        (offset <= append.last).then_some(append.seq)
    }

    /// The fault that kept a peer silent towards `observer` since `since`: one that still lasts, or the last to end. A
    /// death, a pause or a cut comes before a slow link or disk.
    pub fn silence(&self, of: BrokerId, observer: NodeId, since: Time) -> Option<Seq> {
        let peer = self.nodes.node_of(of)?;
        let ways = [(peer, observer), (observer, peer)];
        let hard = self
            .process
            .get(&peer)
            .into_iter()
            .chain(ways.iter().filter_map(|way| self.links.get(way)));
        let disk = (peer, peer);
        let slow = ways.iter().chain([&disk]).filter_map(|way| self.slow.get(way));
        worst(hard, since).or_else(|| worst(slow.map(|(fault, _)| fault), since))
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

/// Of the faults that lasted at `since` or later, the one that lasts longest, or began last.
fn worst<'a>(faults: impl Iterator<Item = &'a Fault>, since: Time) -> Option<Seq> {
    let biting = faults.filter(|fault| fault.ended.is_none_or(|ended| ended >= since));
    biting
        .max_by_key(|fault| (fault.ended.is_none(), fault.ended, fault.began))
        .map(|fault| fault.began)
}

#[cfg(test)]
mod tests {
    use klamm_node::Incarnation;

    use super::*;
    use crate::testing::{Story, node};

    #[test]
    fn silence_is_named_after_the_fault_behind_it() {
        let mut story = Story::begun();
        let of = |broker| Because::Silence { of: BrokerId(broker), since: Time::ZERO };
        let input = Some(Seq(1));
        assert_eq!(story.recorder.resolve(of(2), node(1), input, None), input);
        let slow = EventKind::LinkChanged {
            from: node(2),
            to: node(1),
            latency_low: Span::secs(1),
            latency_high: Span::secs(2),
            bandwidth: 0,
        };
        let slow = story.at(node(2), slow);
        assert_eq!(story.recorder.resolve(of(2), node(1), input, None), Some(slow));
        let cut = story.at(node(2), EventKind::LinkCut { from: node(2), to: node(1) });
        assert_eq!(story.recorder.resolve(of(2), node(1), input, None), Some(cut));
        assert_eq!(story.recorder.resolve(of(2), node(3), input, None), input);
        let crash = story.at(node(2), EventKind::NodeCrashed {});
        assert_eq!(story.recorder.resolve(of(2), node(3), input, None), Some(crash));
        story.at(node(2), EventKind::NodeStarted { incarnation: Incarnation(2) });
        assert_eq!(story.recorder.resolve(of(2), node(1), input, None), Some(cut));
        // What was over before the silence began did not cause it.
        let now = story.recorder.now() + Span::secs(1);
        let later = Because::Silence { of: BrokerId(2), since: now };
        assert_eq!(story.recorder.resolve(later, node(3), input, None), input);
    }

    #[test]
    fn a_metadata_record_is_its_append_on_the_leader() {
        let mut story = Story::begun();
        let because = Because::MetadataRecord(Offset(2));
        let seq = story.recorder.resolve(because, node(1), None, None).unwrap();
        let event = story.recorder.event(seq).unwrap();
        assert_eq!((event.node, event.kind.name()), (node(3001), "MetadataAppended"));
        // A newer epoch replaces what was not committed.
        story.metadata_batch(3002, 2, 5, 99);
        let newer = story.recorder.resolve(because, node(1), None, None).unwrap();
        assert!(newer > seq);
        assert_eq!(
            story.recorder.resolve(Because::Previous, node(1), Some(Seq(1)), Some(Seq(2))),
            Some(Seq(2))
        );
    }
}
