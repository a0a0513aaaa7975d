//! S26 MetadataImage: every node's image follows from the same committed records, in order.
//!
//! (a) A record does the same on every node, and each node applies records in order, once an incarnation. (b) No node acts
//! on a record above the offset that it knows to be committed (KIP-500, KIP-595). (c) A snapshot says of a partition what
//! the records say of which it holds the sum (KIP-630).
//!
//! Broken, it looks like this: a broker serves a topic that the next controller has never heard of.

use std::collections::BTreeMap;

use klamm_node::event::Room;
use klamm_node::{EventKind, Incarnation, NodeId, Offset, Seq, TopicPartition};

use crate::header::NodeKind;
use crate::view::PartitionState;

use super::{Check, Finding, InvariantId, Severity};

/// Who applied a record first, and what it did there.
#[derive(Clone, Debug)]
struct First {
    node: NodeId,
    incarnation: Incarnation,
    facts: Vec<(String, Seq)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct MetadataImage {
    firsts: BTreeMap<Offset, First>,
    reached: BTreeMap<NodeId, Offset>,
    /// What each partition was made by which record.
    partitions: BTreeMap<TopicPartition, BTreeMap<Offset, (PartitionState, Seq)>>,
}

impl MetadataImage {
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        if let EventKind::NodeStarted { .. } = cx.event.kind {
            self.reached.remove(&cx.event.node);
        }
        if cx.event.kind.room() != Room::Metadata {
            return;
        }
        let Some((offset, fact)) = offset_of(&cx.event.kind) else { return };
        let node = cx.event.node;
        let Some(view) = cx.view.nodes.get(&node) else { return };
        if offset >= view.raft.committed {
            let committed = view.raft.committed;
            let what = format!(
                "acted on metadata record {offset}, but knows only those below {committed} to be committed"
            );
            report(cx, Severity::Red, format!("b {node}"), &what, Vec::new());
        } else if offset >= cx.view.quorum.committed {
            let committed = cx.view.quorum.committed;
            let what = format!(
                "acted on metadata record {offset}, and no leader has committed any above {committed}"
            );
            report(cx, Severity::Red, format!("b {node}"), &what, Vec::new());
        }
        let reached = self.reached.get(&node).copied().unwrap_or(Offset(-1));
        // A combined process holds two images, the broker's and the controller's, and tells of both.
        let combined = cx.view.table.get(node).is_some_and(|info| info.kind == NodeKind::Combined);
        if offset < reached && !combined {
            let what = format!("applied metadata record {offset} after {reached}");
            report(cx, Severity::Red, format!("order {node} {offset}"), &what, Vec::new());
        }
        self.reached.insert(node, reached.max(offset));
        if !fact {
            return;
        }
        if let Some(last) = view.loading {
            return self.check_loaded(cx, last);
        }
        if let EventKind::PartitionChanged { partition, .. } = &cx.event.kind
            && let Some(state) = view.beliefs.get(partition)
        {
            let states = self.partitions.entry(partition.clone()).or_default();
            states.entry(offset).or_insert_with(|| (state.clone(), cx.event.seq));
        }
        let incarnation = view.incarnation;
        let fresh = || First { node, incarnation, facts: Vec::new() };
        let first = self.firsts.entry(offset).or_insert_with(fresh);
        let text = cx.event.kind.to_string();
        if (first.node, first.incarnation) == (node, incarnation) {
            first.facts.push((text, cx.event.seq));
        } else if !first.facts.iter().any(|(known, _)| *known == text) {
            let events = first.facts.iter().map(|(_, seq)| *seq).collect();
            let (who, did) =
                (cx.view.table.name(first.node), first.facts.first().map_or("", |(text, _)| text));
            let what =
                format!("made of metadata record {offset} '{text}', {who} made of it '{did}'");
            report(cx, Severity::Red, format!("a {node} {offset}"), &what, events);
        }
    }

    /// What a node takes from a snapshot that reaches up to `last`.
    fn check_loaded(&self, cx: &mut Check<'_>, last: Offset) {
        let EventKind::PartitionChanged { partition, .. } = &cx.event.kind else { return };
        let node = cx.event.node;
        let loaded = cx.view.nodes.get(&node).and_then(|view| view.beliefs.get(partition));
        let Some(loaded) = loaded else { return };
        let states = self.partitions.get(partition);
        let newest = states.and_then(|states| states.range(..=last).next_back());
        let (says, events) = match newest {
            Some((_, (state, _))) if same_state(state, loaded) => return,
            Some((offset, (_, seq))) => (format!("record {offset} made it another"), vec![*seq]),
            None => ("no record below made it".to_owned(), Vec::new()),
        };
        let what = format!("takes {partition} from a snapshot up to {last}, but {says}");
        report(cx, Severity::Red, format!("c {node} {partition}"), &what, events);
    }
}

/// Equal but for where they were told.
fn same_state(a: &PartitionState, b: &PartitionState) -> bool {
    let there = PartitionState { offset: a.offset, seq: a.seq, ..b.clone() };
    *a == there
}

/// The record's offset, and whether the event says what the record did.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the caller passes events of the metadata room only"
)]
fn offset_of(kind: &EventKind) -> Option<(Offset, bool)> {
    match kind {
        EventKind::MetadataApplied { offset } | EventKind::SnapshotLoaded { offset, .. } => {
            Some((*offset, false))
        }
        EventKind::BrokerRegistered { offset, .. }
        | EventKind::BrokerFenced { offset, .. }
        | EventKind::BrokerUnfenced { offset, .. }
        | EventKind::BrokerUnregistered { offset, .. }
        | EventKind::BrokerShuttingDown { offset, .. }
        | EventKind::TopicCreated { offset, .. }
        | EventKind::TopicDeleted { offset, .. }
        | EventKind::PartitionChanged { offset, .. }
        | EventKind::ConfigChanged { offset, .. }
        | EventKind::FeatureLevelChanged { offset, .. }
        | EventKind::QuotaChanged { offset, .. }
        | EventKind::ProducerIdsAllocated { offset, .. } => Some((*offset, true)),
        _ => None,
    }
}

fn report(cx: &mut Check<'_>, severity: Severity, subject: String, what: &str, events: Vec<Seq>) {
    let name = cx.view.table.name(cx.event.node);
    cx.reporter.report(Finding {
        id: InvariantId::MetadataImage,
        severity,
        subject,
        partition: None,
        offset: None,
        sentence: format!("{name} {what}"),
        events,
    });
}
