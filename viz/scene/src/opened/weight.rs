//! What Views take in memory, by estimate: enough to keep keyframes within a budget.
//!
//! What grows with the run is shared between Views leaf by leaf (see [`klamm_trace::List`]); a leaf is counted once.

use std::collections::BTreeSet;

use klamm_node::TopicPartition;
use klamm_trace::{Leaf, NodeView, PartitionView, View};

/// What an entry of a tree takes besides itself: its share of half-empty nodes, and text that it owns.
const ENTRY: usize = 24;

/// What a piece of memory of its own takes besides its contents.
const PIECE: usize = 16;

/// Which leaves count.
type Counts<'a> = &'a mut dyn FnMut(Leaf) -> bool;

/// Bytes of what no other View shares, roughly: what another one adds.
pub(super) fn own(view: &View) -> usize {
    of(view, &mut |leaf| leaf.holders == 1)
}

/// Bytes of several Views, roughly, each leaf counted once.
pub(super) fn together<'a>(views: impl Iterator<Item = &'a View>) -> usize {
    let mut seen = BTreeSet::new();
    views.map(|view| of(view, &mut |leaf| seen.insert(leaf.address))).sum()
}

fn of(view: &View, counts: Counts<'_>) -> usize {
    let partitions: usize = view.partitions.values().map(|it| partition(it, counts)).sum();
    let nodes: usize = view.nodes.values().map(|it| node(it, counts)).sum();
    let homes = view.key_homes.values();
    let keys: usize = homes.map(|homes| homes.bytes(counts, |key, _| key.len() + PIECE)).sum();
    let records = |_: &_, record: &klamm_trace::RecordView| {
        record.key.as_ref().map_or(0, |key| key.len() + PIECE)
    };
    size_of::<View>()
        + partitions
        + nodes
        + keys
        + view.records.bytes(counts, records)
        + view.scattered_keys.len() * 64
        + (view.configs.len() + view.versions.len() + view.server_config.len()) * 96
        + (view.ownership.len() + view.processed.len()) * 128
        + view.frames.iter().len() * 72
        + view.disorders.len() * 80
}

fn partition(view: &PartitionView, counts: Counts<'_>) -> usize {
    let logs: usize = view.replicas.values().map(|replica| 400 + replica.log.bytes(counts)).sum();
    let sent = view.sent.bytes(counts, |_, records| records.len() * 8 + PIECE);
    let acked =
        view.acked.bytes(counts, |acked| acked.records.len() * 8 + acked.isr.len() * 4 + 2 * PIECE);
    size_of::<PartitionView>() + logs + sent + acked + view.written.bytes(counts, |_, _| 0)
}

fn node(view: &NodeView, counts: Counts<'_>) -> usize {
    let client = &view.client;
    let newest: usize =
        client.newest_of_key.values().map(|keys| keys.bytes(counts, |_, _| 0)).sum();
    let groups: usize = view
        .groups
        .values()
        .map(|group| 256 + group.members.len() * 320 + group.offsets.len() * 128)
        .sum();
    size_of::<NodeView>()
        + newest
        + groups
        + client.leaders.len() * (size_of::<TopicPartition>() + ENTRY)
        + view.beliefs.len() * 256
        + view.connections.len() * 48
        + view.raft.log.bytes(counts)
}
