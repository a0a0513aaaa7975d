//! The quorum's requests and responses: built here, and read here into what the room needs of them.
//!
//! Every message speaks of exactly one partition, `__cluster_metadata-0`; what does not is INVALID_REQUEST.

pub(crate) mod snapshot;
pub(crate) mod voters;

use bytes::Bytes;
use klamm_node::{BrokerId, DirectoryId, Endpoint, LeaderEpoch, Offset, ReplicaKey, Span, TopicId};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{directory_id, directory_uuid, text, topic, topic_id, topic_uuid};
use klamm_protocol::kafka::messages as wire;
use klamm_protocol::kafka::protocol::StrBytes;
use wire::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest,
    EndQuorumEpochResponse, FetchRequest, FetchResponse, VoteRequest, VoteResponse,
    begin_quorum_epoch_request, begin_quorum_epoch_response, end_quorum_epoch_request,
    end_quorum_epoch_response, fetch_request, fetch_response, vote_request, vote_response,
};

use crate::snapshots::SnapshotId;

/// The metadata topic's name.
pub(crate) const TOPIC: &str = "__cluster_metadata";
/// The metadata topic's id, the same in every cluster.
pub(crate) const TOPIC_ID: TopicId = TopicId(1);
/// Kafka's name of the controllers' listener.
pub(crate) const LISTENER: &str = "CONTROLLER";

/// A snapshot's name on the wire; either number may be absent, and then it is none.
pub(crate) fn read_snapshot_id(end_offset: i64, epoch: i32) -> Option<SnapshotId> {
    let id = SnapshotId { end_offset: Offset(end_offset), epoch: LeaderEpoch(epoch) };
    (end_offset >= 0 && epoch >= 0).then_some(id)
}

/// What the answering side says of the quorum in every response.
#[derive(Clone, Debug)]
pub(crate) struct Standing<'a> {
    pub(crate) leader: Option<BrokerId>,
    pub(crate) epoch: LeaderEpoch,
    pub(crate) endpoint: Option<&'a Endpoint>,
}

fn id(id: Option<BrokerId>) -> wire::BrokerId {
    wire::BrokerId(id.unwrap_or(BrokerId::NONE).0)
}

/// The one element of a list; anything else is not about the one partition that there is.
fn only<T>(list: Vec<T>) -> Option<T> {
    let mut list = list.into_iter();
    let first = list.next()?;
    list.next().is_none().then_some(first)
}

fn leader_of(id: wire::BrokerId) -> Option<BrokerId> {
    (id.0 >= 0).then_some(BrokerId(id.0))
}

/// An epoch that can be followed by another: nobody gets to the last one by elections.
pub(crate) fn is_epoch(epoch: LeaderEpoch) -> bool {
    (0..i32::MAX).contains(&epoch.0)
}

/// The part of any response that every role looks at first.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) error: ErrorCode,
    pub(crate) leader: Option<BrokerId>,
    pub(crate) epoch: LeaderEpoch,
    /// Where that leader listens, if the answer says so: it need not be in the set of voters that this member knows.
    pub(crate) endpoint: Option<Endpoint>,
}

impl Answer {
    fn failed(code: i16) -> Self {
        Self { error: ErrorCode(code), leader: None, epoch: LeaderEpoch::NONE, endpoint: None }
    }

    fn malformed() -> Self {
        Self::failed(ErrorCode::INVALID_REQUEST.0)
    }
}

// Vote

/// A candidate's question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ballot {
    pub(crate) epoch: LeaderEpoch,
    pub(crate) candidate: BrokerId,
    pub(crate) directory: DirectoryId,
    /// Whose vote is asked for; without a directory, any of that node's.
    pub(crate) voter: Option<ReplicaKey>,
    pub(crate) last_epoch: LeaderEpoch,
    pub(crate) log_end: Offset,
    pub(crate) pre_vote: bool,
}

pub(crate) fn vote_request(cluster: &str, voter: ReplicaKey, ballot: &Ballot) -> VoteRequest {
    let partition = vote_request::PartitionData::default()
        .with_replica_epoch(ballot.epoch.0)
        .with_replica_id(wire::BrokerId(ballot.candidate.0))
        .with_replica_directory_id(directory_uuid(ballot.directory))
        .with_voter_directory_id(directory_uuid(voter.directory))
        .with_last_offset_epoch(ballot.last_epoch.0)
        .with_last_offset(ballot.log_end.0)
        .with_pre_vote(ballot.pre_vote);
    let of_topic = vote_request::TopicData::default()
        .with_topic_name(topic(TOPIC))
        .with_partitions(vec![partition]);
    VoteRequest::default()
        .with_cluster_id(Some(text(cluster)))
        .with_voter_id(wire::BrokerId(voter.id.0))
        .with_topics(vec![of_topic])
}

pub(crate) fn read_vote_request(request: VoteRequest) -> Option<Ballot> {
    let voter = leader_of(request.voter_id);
    let of_topic = only(request.topics)?;
    if &**of_topic.topic_name != TOPIC {
        return None;
    }
    let partition = only(of_topic.partitions).filter(|p| p.partition_index == 0)?;
    let ballot = Ballot {
        epoch: LeaderEpoch(partition.replica_epoch),
        candidate: BrokerId(partition.replica_id.0),
        directory: directory_id(partition.replica_directory_id),
        voter: voter.map(|id| ReplicaKey::new(id, directory_id(partition.voter_directory_id))),
        last_epoch: LeaderEpoch(partition.last_offset_epoch),
        log_end: Offset(partition.last_offset),
        pre_vote: partition.pre_vote,
    };
    // A candidate's epoch is newer than anything in its log; a prospective candidate has not raised it yet.
    let log_is_older = if ballot.pre_vote {
        ballot.last_epoch <= ballot.epoch
    } else {
        ballot.last_epoch < ballot.epoch
    };
    let sane = ballot.candidate.0 >= 0
        && is_epoch(ballot.epoch)
        && ballot.last_epoch.0 >= 0
        && ballot.log_end.0 >= 0
        && log_is_older;
    sane.then_some(ballot)
}

pub(crate) fn vote_response(
    error: ErrorCode,
    standing: &Standing<'_>,
    granted: bool,
) -> VoteResponse {
    let partition = vote_response::PartitionData::default()
        .with_error_code(error.0)
        .with_leader_id(id(standing.leader))
        .with_leader_epoch(standing.epoch.0)
        .with_vote_granted(granted);
    let of_topic = vote_response::TopicData::default()
        .with_topic_name(topic(TOPIC))
        .with_partitions(vec![partition]);
    let endpoints = node(standing).map(|(leader, host, port)| {
        vote_response::NodeEndpoint::default().with_node_id(leader).with_host(host).with_port(port)
    });
    VoteResponse::default()
        .with_topics(vec![of_topic])
        .with_node_endpoints(endpoints.into_iter().collect())
}

pub(crate) fn refused_vote(error: ErrorCode) -> VoteResponse {
    VoteResponse::default().with_error_code(error.0)
}

pub(crate) fn read_vote_response(response: VoteResponse) -> (Answer, bool) {
    if response.error_code != 0 {
        return (Answer::failed(response.error_code), false);
    }
    let nodes = response.node_endpoints.iter();
    let nodes: Vec<_> = nodes.map(|n| (n.node_id, n.host.clone(), i32::from(n.port))).collect();
    match only(response.topics).and_then(|of_topic| only(of_topic.partitions)) {
        Some(partition) => {
            let answer = Answer {
                error: ErrorCode(partition.error_code),
                leader: leader_of(partition.leader_id),
                epoch: LeaderEpoch(partition.leader_epoch),
                endpoint: endpoint_of(partition.leader_id, nodes.into_iter()),
            };
            (answer, partition.vote_granted)
        }
        None => (Answer::malformed(), false),
    }
}

/// The listener that controllers speak by, of several.
fn controller_listener(listener: (&StrBytes, &StrBytes, u16)) -> Option<Endpoint> {
    let (name, host, port) = listener;
    (&**name == LISTENER).then(|| Endpoint::new(host.as_str(), port))
}

/// Where the leader listens, by what `NodeEndpoints` says.
fn endpoint_of(
    leader: wire::BrokerId,
    nodes: impl Iterator<Item = (wire::BrokerId, StrBytes, i32)>,
) -> Option<Endpoint> {
    let (_, host, port) = nodes.into_iter().find(|(node, _, _)| *node == leader)?;
    Some(Endpoint::new(host.as_str(), u16::try_from(port).ok()?))
}

/// The leader's address as `NodeEndpoints` carries it.
fn node(standing: &Standing<'_>) -> Option<(wire::BrokerId, StrBytes, u16)> {
    let endpoint = standing.endpoint?;
    Some((id(standing.leader), text(&endpoint.host), endpoint.port))
}

// BeginQuorumEpoch and EndQuorumEpoch

/// What a leader says of itself and its epoch.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) leader: BrokerId,
    pub(crate) epoch: LeaderEpoch,
    /// Most advanced first; without directories in version 0.
    pub(crate) successors: Vec<ReplicaKey>,
    /// Where it listens; versions 0 don't say.
    pub(crate) endpoint: Option<Endpoint>,
    /// Whom it speaks to (BeginQuorumEpoch only).
    pub(crate) voter: Option<ReplicaKey>,
}

pub(crate) fn begin_request(
    cluster: &str,
    voter: ReplicaKey,
    claim: &Claim,
    endpoint: &Endpoint,
) -> BeginQuorumEpochRequest {
    let partition = begin_quorum_epoch_request::PartitionData::default()
        .with_voter_directory_id(directory_uuid(voter.directory))
        .with_leader_id(wire::BrokerId(claim.leader.0))
        .with_leader_epoch(claim.epoch.0);
    let of_topic = begin_quorum_epoch_request::TopicData::default()
        .with_topic_name(topic(TOPIC))
        .with_partitions(vec![partition]);
    let listener = begin_quorum_epoch_request::LeaderEndpoint::default()
        .with_name(text(LISTENER))
        .with_host(text(&endpoint.host))
        .with_port(endpoint.port);
    BeginQuorumEpochRequest::default()
        .with_cluster_id(Some(text(cluster)))
        .with_voter_id(wire::BrokerId(voter.id.0))
        .with_topics(vec![of_topic])
        .with_leader_endpoints(vec![listener])
}

pub(crate) fn read_begin_request(request: BeginQuorumEpochRequest) -> Option<Claim> {
    let voter = leader_of(request.voter_id);
    let listeners = request.leader_endpoints.iter();
    let endpoint = listeners.map(|at| (&at.name, &at.host, at.port)).find_map(controller_listener);
    let of_topic = only(request.topics).filter(|t| &**t.topic_name == TOPIC)?;
    let partition = only(of_topic.partitions).filter(|p| p.partition_index == 0)?;
    let claim = Claim {
        leader: leader_of(partition.leader_id)?,
        epoch: LeaderEpoch(partition.leader_epoch),
        successors: Vec::new(),
        endpoint,
        voter: voter.map(|id| ReplicaKey::new(id, directory_id(partition.voter_directory_id))),
    };
    is_epoch(claim.epoch).then_some(claim)
}

pub(crate) fn begin_response(
    error: ErrorCode,
    standing: &Standing<'_>,
) -> BeginQuorumEpochResponse {
    let partition = begin_quorum_epoch_response::PartitionData::default()
        .with_error_code(error.0)
        .with_leader_id(id(standing.leader))
        .with_leader_epoch(standing.epoch.0);
    let of_topic = begin_quorum_epoch_response::TopicData::default()
        .with_topic_name(topic(TOPIC))
        .with_partitions(vec![partition]);
    let endpoints = node(standing).map(|(leader, host, port)| {
        begin_quorum_epoch_response::NodeEndpoint::default()
            .with_node_id(leader)
            .with_host(host)
            .with_port(port)
    });
    BeginQuorumEpochResponse::default()
        .with_topics(vec![of_topic])
        .with_node_endpoints(endpoints.into_iter().collect())
}

pub(crate) fn refused_begin(error: ErrorCode) -> BeginQuorumEpochResponse {
    BeginQuorumEpochResponse::default().with_error_code(error.0)
}

pub(crate) fn read_begin_response(response: BeginQuorumEpochResponse) -> Answer {
    if response.error_code != 0 {
        return Answer::failed(response.error_code);
    }
    let nodes = response.node_endpoints.iter();
    let nodes: Vec<_> = nodes.map(|n| (n.node_id, n.host.clone(), i32::from(n.port))).collect();
    only(response.topics).and_then(|of_topic| only(of_topic.partitions)).map_or_else(
        Answer::malformed,
        |partition| Answer {
            error: ErrorCode(partition.error_code),
            leader: leader_of(partition.leader_id),
            epoch: LeaderEpoch(partition.leader_epoch),
            endpoint: endpoint_of(partition.leader_id, nodes.into_iter()),
        },
    )
}

pub(crate) fn end_request(
    cluster: &str,
    claim: &Claim,
    endpoint: &Endpoint,
) -> EndQuorumEpochRequest {
    let candidates = claim.successors.iter().map(|successor| {
        end_quorum_epoch_request::ReplicaInfo::default()
            .with_candidate_id(wire::BrokerId(successor.id.0))
            .with_candidate_directory_id(directory_uuid(successor.directory))
    });
    let partition = end_quorum_epoch_request::PartitionData::default()
        .with_leader_id(wire::BrokerId(claim.leader.0))
        .with_leader_epoch(claim.epoch.0)
        .with_preferred_candidates(candidates.collect());
    let of_topic = end_quorum_epoch_request::TopicData::default()
        .with_topic_name(topic(TOPIC))
        .with_partitions(vec![partition]);
    let listener = end_quorum_epoch_request::LeaderEndpoint::default()
        .with_name(text(LISTENER))
        .with_host(text(&endpoint.host))
        .with_port(endpoint.port);
    EndQuorumEpochRequest::default()
        .with_cluster_id(Some(text(cluster)))
        .with_topics(vec![of_topic])
        .with_leader_endpoints(vec![listener])
}

pub(crate) fn read_end_request(request: EndQuorumEpochRequest) -> Option<Claim> {
    let listeners = request.leader_endpoints.iter();
    let endpoint = listeners.map(|at| (&at.name, &at.host, at.port)).find_map(controller_listener);
    let of_topic = only(request.topics).filter(|t| &**t.topic_name == TOPIC)?;
    let partition = only(of_topic.partitions).filter(|p| p.partition_index == 0)?;
    // Version 0 lists plain ids, version 1 replicas with their directories.
    let plain = partition.preferred_successors.iter();
    let plain = plain.map(|id| ReplicaKey::new(BrokerId(*id), DirectoryId::ZERO));
    let keyed = partition.preferred_candidates.iter().map(|candidate| {
        let directory = directory_id(candidate.candidate_directory_id);
        ReplicaKey::new(BrokerId(candidate.candidate_id.0), directory)
    });
    let claim = Claim {
        leader: leader_of(partition.leader_id)?,
        epoch: LeaderEpoch(partition.leader_epoch),
        successors: plain.chain(keyed).collect(),
        endpoint,
        voter: None,
    };
    is_epoch(claim.epoch).then_some(claim)
}

pub(crate) fn end_response(error: ErrorCode, standing: &Standing<'_>) -> EndQuorumEpochResponse {
    let partition = end_quorum_epoch_response::PartitionData::default()
        .with_error_code(error.0)
        .with_leader_id(id(standing.leader))
        .with_leader_epoch(standing.epoch.0);
    let of_topic = end_quorum_epoch_response::TopicData::default()
        .with_topic_name(topic(TOPIC))
        .with_partitions(vec![partition]);
    let endpoints = node(standing).map(|(leader, host, port)| {
        end_quorum_epoch_response::NodeEndpoint::default()
            .with_node_id(leader)
            .with_host(host)
            .with_port(port)
    });
    EndQuorumEpochResponse::default()
        .with_topics(vec![of_topic])
        .with_node_endpoints(endpoints.into_iter().collect())
}

pub(crate) fn refused_end(error: ErrorCode) -> EndQuorumEpochResponse {
    EndQuorumEpochResponse::default().with_error_code(error.0)
}

pub(crate) fn read_end_response(response: EndQuorumEpochResponse) -> Answer {
    if response.error_code != 0 {
        return Answer::failed(response.error_code);
    }
    let nodes = response.node_endpoints.iter();
    let nodes: Vec<_> = nodes.map(|n| (n.node_id, n.host.clone(), i32::from(n.port))).collect();
    only(response.topics).and_then(|of_topic| only(of_topic.partitions)).map_or_else(
        Answer::malformed,
        |partition| Answer {
            error: ErrorCode(partition.error_code),
            leader: leader_of(partition.leader_id),
            epoch: LeaderEpoch(partition.leader_epoch),
            endpoint: endpoint_of(partition.leader_id, nodes.into_iter()),
        },
    )
}

// Fetch

/// A replica's request for the log from its own end on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pull {
    pub(crate) replica: BrokerId,
    pub(crate) directory: DirectoryId,
    pub(crate) epoch: LeaderEpoch,
    pub(crate) offset: Offset,
    pub(crate) last_epoch: LeaderEpoch,
    pub(crate) high_watermark: Offset,
    pub(crate) max_bytes: usize,
    pub(crate) max_wait: Span,
}

impl Pull {
    /// Who fetches.
    pub(crate) fn key(&self) -> ReplicaKey {
        ReplicaKey::new(self.replica, self.directory)
    }
}

pub(crate) fn fetch_request(cluster: &str, pull: &Pull) -> FetchRequest {
    let bytes = i32::try_from(pull.max_bytes).unwrap_or(i32::MAX);
    let partition = fetch_request::FetchPartition::default()
        .with_current_leader_epoch(pull.epoch.0)
        .with_fetch_offset(pull.offset.0)
        .with_last_fetched_epoch(pull.last_epoch.0)
        .with_partition_max_bytes(bytes)
        .with_replica_directory_id(directory_uuid(pull.directory))
        .with_high_watermark(pull.high_watermark.0);
    let of_topic = fetch_request::FetchTopic::default()
        .with_topic_id(topic_uuid(TOPIC_ID))
        .with_partitions(vec![partition]);
    let state =
        fetch_request::ReplicaState::default().with_replica_id(wire::BrokerId(pull.replica.0));
    FetchRequest::default()
        .with_cluster_id(Some(text(cluster)))
        .with_replica_state(state)
        .with_max_wait_ms(i32::try_from(pull.max_wait.as_millis()).unwrap_or(i32::MAX))
        .with_max_bytes(bytes)
        .with_topics(vec![of_topic])
}

pub(crate) fn read_fetch_request(request: FetchRequest) -> Option<Pull> {
    // From version 15 the replica's id is in its own struct (KIP-903).
    let replica = request.replica_id.0.max(request.replica_state.replica_id.0);
    let of_topic =
        only(request.topics).filter(|t| topic_id(t.topic_id) == TOPIC_ID || &**t.topic == TOPIC)?;
    let partition = only(of_topic.partitions).filter(|p| p.partition == 0)?;
    let sane = request.max_wait_ms >= 0
        && partition.fetch_offset >= 0
        && partition.last_fetched_epoch >= 0
        && partition.current_leader_epoch >= 0;
    sane.then(|| Pull {
        replica: BrokerId(replica),
        directory: directory_id(partition.replica_directory_id),
        epoch: LeaderEpoch(partition.current_leader_epoch),
        offset: Offset(partition.fetch_offset),
        last_epoch: LeaderEpoch(partition.last_fetched_epoch),
        // Before version 18 a fetcher does not say, which reads as 'the largest': no news of it wakes the fetch (KIP-1166).
        high_watermark: Offset(partition.high_watermark),
        max_bytes: usize::try_from(request.max_bytes.min(partition.partition_max_bytes))
            .unwrap_or(0),
        max_wait: Span::from_wire_millis(i64::from(request.max_wait_ms)),
    })
}

/// What a leader answers to a fetch.
#[derive(Clone, Debug)]
pub(crate) struct Pulled {
    pub(crate) high_watermark: Offset,
    pub(crate) log_start: Offset,
    /// The largest epoch that both may share, and where it ends here: the fetcher must cut its log.
    pub(crate) diverging: Option<(LeaderEpoch, Offset)>,
    /// What the fetcher must fetch instead (KIP-630).
    pub(crate) snapshot: Option<SnapshotId>,
    pub(crate) records: Bytes,
}

pub(crate) fn fetch_response(
    error: ErrorCode,
    standing: &Standing<'_>,
    pulled: Option<Pulled>,
) -> FetchResponse {
    let leader = fetch_response::LeaderIdAndEpoch::default()
        .with_leader_id(id(standing.leader))
        .with_leader_epoch(standing.epoch.0);
    let mut partition = fetch_response::PartitionData::default()
        .with_error_code(error.0)
        .with_high_watermark(-1)
        .with_current_leader(leader)
        .with_records(Some(Bytes::new()));
    if let Some(pulled) = pulled {
        partition = partition
            .with_high_watermark(pulled.high_watermark.0)
            .with_log_start_offset(pulled.log_start.0)
            .with_records(Some(pulled.records));
        if let Some((epoch, end)) = pulled.diverging {
            partition.diverging_epoch = fetch_response::EpochEndOffset::default()
                .with_epoch(epoch.0)
                .with_end_offset(end.0);
        }
        if let Some(id) = pulled.snapshot {
            partition.snapshot_id = fetch_response::SnapshotId::default()
                .with_end_offset(id.end_offset.0)
                .with_epoch(id.epoch.0);
        }
    }
    let of_topic = fetch_response::FetchableTopicResponse::default()
        .with_topic_id(topic_uuid(TOPIC_ID))
        .with_partitions(vec![partition]);
    let endpoints = node(standing).map(|(leader, host, port)| {
        fetch_response::NodeEndpoint::default()
            .with_node_id(leader)
            .with_host(host)
            .with_port(i32::from(port))
    });
    FetchResponse::default()
        .with_responses(vec![of_topic])
        .with_node_endpoints(endpoints.into_iter().collect())
}

pub(crate) fn refused_fetch(error: ErrorCode) -> FetchResponse {
    FetchResponse::default().with_error_code(error.0)
}

pub(crate) fn read_fetch_response(response: FetchResponse) -> (Answer, Option<Pulled>) {
    if response.error_code != 0 {
        return (Answer::failed(response.error_code), None);
    }
    let nodes = response.node_endpoints.iter();
    let nodes: Vec<_> = nodes.map(|n| (n.node_id, n.host.clone(), n.port)).collect();
    let Some(partition) = only(response.responses).and_then(|of_topic| only(of_topic.partitions))
    else {
        return (Answer::malformed(), None);
    };
    let answer = Answer {
        error: ErrorCode(partition.error_code),
        leader: leader_of(partition.current_leader.leader_id),
        epoch: LeaderEpoch(partition.current_leader.leader_epoch),
        endpoint: endpoint_of(partition.current_leader.leader_id, nodes.into_iter()),
    };
    let diverging = &partition.diverging_epoch;
    let diverging = (diverging.end_offset >= 0)
        .then_some((LeaderEpoch(diverging.epoch), Offset(diverging.end_offset)));
    let pulled = Pulled {
        high_watermark: Offset(partition.high_watermark),
        log_start: Offset(partition.log_start_offset),
        diverging,
        snapshot: read_snapshot_id(partition.snapshot_id.end_offset, partition.snapshot_id.epoch),
        records: partition.records.unwrap_or_default(),
    };
    (answer, Some(pulled))
}

/// The cluster id in a request; absent means any.
pub(crate) fn same_cluster(claimed: Option<&StrBytes>, own: &str) -> bool {
    claimed.is_none_or(|claimed| &**claimed == own)
}
