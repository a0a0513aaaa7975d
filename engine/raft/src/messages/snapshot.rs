//! FetchSnapshot on the wire (KIP-630).

use bytes::Bytes;
use klamm_node::{BrokerId, LeaderEpoch, ReplicaKey};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{directory_id, directory_uuid, text, topic};
use klamm_protocol::kafka::messages as wire;
use wire::{
    FetchSnapshotRequest, FetchSnapshotResponse, fetch_snapshot_request, fetch_snapshot_response,
};

use super::{Answer, Standing, TOPIC, endpoint_of, id, leader_of, node, only, read_snapshot_id};
use crate::snapshots::SnapshotId;

/// A request for a piece of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PullSnapshot {
    pub(crate) replica: ReplicaKey,
    pub(crate) epoch: LeaderEpoch,
    /// None if it can't be the name of any snapshot.
    pub(crate) id: Option<SnapshotId>,
    pub(crate) position: i64,
    pub(crate) max_bytes: usize,
}

pub(crate) fn request(
    cluster: &str,
    epoch: LeaderEpoch,
    replica: ReplicaKey,
    (id, position): (SnapshotId, u64),
    max_bytes: usize,
) -> FetchSnapshotRequest {
    let named = fetch_snapshot_request::SnapshotId::default()
        .with_end_offset(id.end_offset.0)
        .with_epoch(id.epoch.0);
    let partition = fetch_snapshot_request::PartitionSnapshot::default()
        .with_current_leader_epoch(epoch.0)
        .with_snapshot_id(named)
        .with_position(i64::try_from(position).unwrap_or(i64::MAX))
        .with_replica_directory_id(directory_uuid(replica.directory));
    let of_topic = fetch_snapshot_request::TopicSnapshot::default()
        .with_name(topic(TOPIC))
        .with_partitions(vec![partition]);
    FetchSnapshotRequest::default()
        .with_cluster_id(Some(text(cluster)))
        .with_replica_id(wire::BrokerId(replica.id.0))
        .with_max_bytes(i32::try_from(max_bytes).unwrap_or(i32::MAX))
        .with_topics(vec![of_topic])
}

/// What a request asks for: INVALID_REQUEST if it is not about one partition, else that partition's name, if it is not the
/// metadata partition.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Piece(PullSnapshot),
    Unknown { name: wire::TopicName, partition: i32 },
    Malformed,
}

pub(crate) fn read_request(request: FetchSnapshotRequest) -> Asked {
    let (replica, max_bytes) = (request.replica_id.0, request.max_bytes);
    let Some(of_topic) = only(request.topics) else { return Asked::Malformed };
    let Some(partition) = only(of_topic.partitions) else { return Asked::Malformed };
    if &**of_topic.name != TOPIC || partition.partition != 0 {
        return Asked::Unknown { name: of_topic.name, partition: partition.partition };
    }
    Asked::Piece(PullSnapshot {
        replica: ReplicaKey::new(BrokerId(replica), directory_id(partition.replica_directory_id)),
        epoch: LeaderEpoch(partition.current_leader_epoch),
        id: read_snapshot_id(partition.snapshot_id.end_offset, partition.snapshot_id.epoch),
        position: partition.position,
        max_bytes: usize::try_from(max_bytes).unwrap_or(0),
    })
}

/// A piece of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) id: Option<SnapshotId>,
    pub(crate) size: i64,
    pub(crate) position: i64,
    pub(crate) bytes: Bytes,
}

pub(crate) fn response(
    error: ErrorCode,
    standing: &Standing<'_>,
    piece: Option<Piece>,
) -> FetchSnapshotResponse {
    let leader = fetch_snapshot_response::LeaderIdAndEpoch::default()
        .with_leader_id(id(standing.leader))
        .with_leader_epoch(standing.epoch.0);
    let mut partition = fetch_snapshot_response::PartitionSnapshot::default()
        .with_error_code(error.0)
        .with_current_leader(leader)
        .with_unaligned_records(Bytes::new());
    if let Some(piece) = piece {
        let (end_offset, epoch) = piece.id.map_or((-1, -1), |id| (id.end_offset.0, id.epoch.0));
        partition.snapshot_id = fetch_snapshot_response::SnapshotId::default()
            .with_end_offset(end_offset)
            .with_epoch(epoch);
        partition = partition
            .with_size(piece.size)
            .with_position(piece.position)
            .with_unaligned_records(piece.bytes);
    }
    let of_topic = fetch_snapshot_response::TopicSnapshot::default()
        .with_name(topic(TOPIC))
        .with_partitions(vec![partition]);
    let endpoints = node(standing).map(|(leader, host, port)| {
        fetch_snapshot_response::NodeEndpoint::default()
            .with_node_id(leader)
            .with_host(host)
            .with_port(port)
    });
    FetchSnapshotResponse::default()
        .with_topics(vec![of_topic])
        .with_node_endpoints(endpoints.into_iter().collect())
}

pub(crate) fn unknown_partition(name: wire::TopicName, partition: i32) -> FetchSnapshotResponse {
    let partition = fetch_snapshot_response::PartitionSnapshot::default()
        .with_index(partition)
        .with_error_code(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0)
        .with_unaligned_records(Bytes::new());
    let of_topic = fetch_snapshot_response::TopicSnapshot::default()
        .with_name(name)
        .with_partitions(vec![partition]);
    FetchSnapshotResponse::default().with_topics(vec![of_topic])
}

pub(crate) fn refused(error: ErrorCode) -> FetchSnapshotResponse {
    FetchSnapshotResponse::default().with_error_code(error.0)
}

pub(crate) fn read_response(response: FetchSnapshotResponse) -> (Answer, Option<Piece>) {
    if response.error_code != 0 {
        return (Answer::failed(response.error_code), None);
    }
    let nodes = response.node_endpoints.iter();
    let nodes: Vec<_> = nodes.map(|n| (n.node_id, n.host.clone(), i32::from(n.port))).collect();
    let Some(partition) = only(response.topics).and_then(|of_topic| only(of_topic.partitions))
    else {
        return (Answer::malformed(), None);
    };
    let answer = Answer {
        error: ErrorCode(partition.error_code),
        leader: leader_of(partition.current_leader.leader_id),
        epoch: LeaderEpoch(partition.current_leader.leader_epoch),
        endpoint: endpoint_of(partition.current_leader.leader_id, nodes.into_iter()),
    };
    let piece = Piece {
        id: read_snapshot_id(partition.snapshot_id.end_offset, partition.snapshot_id.epoch),
        size: partition.size,
        position: partition.position,
        bytes: partition.unaligned_records,
    };
    (answer, Some(piece))
}
