//! AddRaftVoter, RemoveRaftVoter and UpdateRaftVoter on the wire (KIP-853).

use klamm_node::{BrokerId, DirectoryId, Endpoint, LeaderEpoch, ReplicaKey, Span};
use klamm_protocol::ErrorCode;
use klamm_protocol::batch::VoterNode;
use klamm_protocol::convert::{directory_id, directory_uuid, text};
use klamm_protocol::kafka::messages as wire;
use wire::{
    AddRaftVoterRequest, AddRaftVoterResponse, RemoveRaftVoterRequest, RemoveRaftVoterResponse,
    UpdateRaftVoterRequest, UpdateRaftVoterResponse, add_raft_voter_request,
    update_raft_voter_request, update_raft_voter_response,
};

use super::{Answer, LISTENER, Standing, id, leader_of};

/// The replica that a request names; none unless it has both an id and a directory.
fn named(id: i32, directory: DirectoryId) -> Option<ReplicaKey> {
    (id >= 0 && directory != DirectoryId::ZERO).then(|| ReplicaKey::new(BrokerId(id), directory))
}

/// Who is to vote; the levels of `kraft.version` are asked of itself.
pub(crate) fn read_add(request: &AddRaftVoterRequest) -> Option<VoterNode> {
    let key = named(request.voter_id, directory_id(request.voter_directory_id))?;
    let listeners = request.listeners.iter().map(|listener| {
        (listener.name.to_string(), Endpoint::new(listener.host.as_str(), listener.port))
    });
    Some(VoterNode { key, listeners: listeners.collect(), kraft_versions: (0, 0) })
}

pub(crate) fn read_remove(request: &RemoveRaftVoterRequest) -> Option<ReplicaKey> {
    named(request.voter_id, directory_id(request.voter_directory_id))
}

/// What a voter says of itself; none if it can't be.
pub(crate) fn read_update(request: &UpdateRaftVoterRequest) -> Option<VoterNode> {
    let key = named(request.voter_id, directory_id(request.voter_directory_id))?;
    let listeners = request.listeners.iter().map(|listener| {
        (listener.name.to_string(), Endpoint::new(listener.host.as_str(), listener.port))
    });
    let feature = &request.k_raft_version_feature;
    let kraft_versions = (feature.min_supported_version, feature.max_supported_version);
    let sane = kraft_versions.0 >= 0 && kraft_versions.0 <= kraft_versions.1;
    let node = VoterNode { key, listeners: listeners.collect(), kraft_versions };
    Some(node).filter(|node| sane && node.listeners.iter().any(|(name, _)| name == LISTENER))
}

pub(crate) fn add_request(cluster: &str, voter: &VoterNode, timeout: Span) -> AddRaftVoterRequest {
    let listeners = voter.listeners.iter().map(|(name, at)| {
        add_raft_voter_request::Listener::default()
            .with_name(text(name))
            .with_host(text(&at.host))
            .with_port(at.port)
    });
    AddRaftVoterRequest::default()
        .with_cluster_id(Some(text(cluster)))
        .with_timeout_ms(i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX))
        .with_voter_id(voter.key.id.0)
        .with_voter_directory_id(directory_uuid(voter.key.directory))
        .with_listeners(listeners.collect())
}

pub(crate) fn remove_request(cluster: &str, voter: ReplicaKey) -> RemoveRaftVoterRequest {
    RemoveRaftVoterRequest::default()
        .with_cluster_id(Some(text(cluster)))
        .with_voter_id(voter.id.0)
        .with_voter_directory_id(directory_uuid(voter.directory))
}

pub(crate) fn update_request(
    cluster: &str,
    epoch: LeaderEpoch,
    voter: &VoterNode,
) -> UpdateRaftVoterRequest {
    let listeners = voter.listeners.iter().map(|(name, at)| {
        update_raft_voter_request::Listener::default()
            .with_name(text(name))
            .with_host(text(&at.host))
            .with_port(at.port)
    });
    let (min, max) = voter.kraft_versions;
    let feature = update_raft_voter_request::KRaftVersionFeature::default()
        .with_min_supported_version(min)
        .with_max_supported_version(max);
    UpdateRaftVoterRequest::default()
        .with_cluster_id(Some(text(cluster)))
        .with_current_leader_epoch(epoch.0)
        .with_voter_id(voter.key.id.0)
        .with_voter_directory_id(directory_uuid(voter.key.directory))
        .with_listeners(listeners.collect())
        .with_k_raft_version_feature(feature)
}

pub(crate) fn add_response(error: ErrorCode, why: Option<&str>) -> AddRaftVoterResponse {
    AddRaftVoterResponse::default().with_error_code(error.0).with_error_message(why.map(text))
}

pub(crate) fn remove_response(error: ErrorCode, why: Option<&str>) -> RemoveRaftVoterResponse {
    RemoveRaftVoterResponse::default().with_error_code(error.0).with_error_message(why.map(text))
}

pub(crate) fn update_response(
    error: ErrorCode,
    standing: &Standing<'_>,
) -> UpdateRaftVoterResponse {
    let mut leader = update_raft_voter_response::CurrentLeader::default()
        .with_leader_id(id(standing.leader))
        .with_leader_epoch(standing.epoch.0);
    if let Some(at) = standing.endpoint {
        leader = leader.with_host(text(&at.host)).with_port(i32::from(at.port));
    }
    UpdateRaftVoterResponse::default().with_error_code(error.0).with_current_leader(leader)
}

pub(crate) fn read_update_response(response: &UpdateRaftVoterResponse) -> Answer {
    let leader = &response.current_leader;
    let endpoint = u16::try_from(leader.port)
        .ok()
        .filter(|port| *port > 0 && !leader.host.is_empty())
        .map(|port| Endpoint::new(leader.host.as_str(), port));
    Answer {
        error: ErrorCode(response.error_code),
        leader: leader_of(leader.leader_id),
        epoch: LeaderEpoch(leader.leader_epoch),
        endpoint,
    }
}
