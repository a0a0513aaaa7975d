//! What a View takes in memory, by estimate: enough to keep keyframes within a budget.

use klamm_node::{RecordId, TopicPartition};
use klamm_trace::{
    AckedBatch, Batch, NodeView, PartitionView, ReadSpan, RecordView, View, Written,
};

/// What an entry of a tree takes besides itself: its share of half-empty nodes, and text that it owns.
const ENTRY: usize = 24;

/// Bytes, roughly.
pub(super) fn of(view: &View) -> usize {
    let partitions: usize = view.partitions.values().map(partition).sum();
    let nodes: usize = view.nodes.values().map(node).sum();
    let keys: usize = view.key_homes.values().map(|homes| homes.len() * (ENTRY + 40)).sum();
    size_of::<View>()
        + partitions
        + nodes
        + keys
        + view.records.len() * (size_of::<(RecordId, RecordView)>() + ENTRY)
        + view.scattered_keys.len() * 64
        + (view.configs.len() + view.versions.len() + view.server_config.len()) * 96
        + (view.ownership.len() + view.processed.len()) * 128
        + view.frames.iter().len() * 72
        + view.disorders.len() * 80
}

fn partition(view: &PartitionView) -> usize {
    let logs: usize = view
        .replicas
        .values()
        .map(|replica| 400 + replica.log.batches().len() * (size_of::<Batch>() + 8))
        .sum();
    let sent: usize = view.sent.values().map(|records| ENTRY + 32 + records.len() * 8).sum();
    let acked: usize =
        view.acked.iter().map(|acked| size_of::<AckedBatch>() + 12 + acked.records.len() * 8).sum();
    size_of::<PartitionView>()
        + logs
        + sent
        + acked
        + view.written.len() * (size_of::<Written>() + 12 + ENTRY)
}

fn node(view: &NodeView) -> usize {
    let client = &view.client;
    let reads: usize = client.reads.values().map(|reads| reads.len() * size_of::<ReadSpan>()).sum();
    let newest: usize = client.newest_of_key.values().map(|keys| keys.len() * (ENTRY + 40)).sum();
    let groups: usize = view
        .groups
        .values()
        .map(|group| 256 + group.members.len() * 320 + group.offsets.len() * 128)
        .sum();
    size_of::<NodeView>()
        + reads
        + newest
        + groups
        + client.read_ids.len() * (8 + ENTRY / 2)
        + client.leaders.len() * (size_of::<TopicPartition>() + ENTRY)
        + view.beliefs.len() * 256
        + view.connections.len() * 48
        + view.raft.log.batches().len() * (size_of::<Batch>() + 8)
}
