//! DescribeQuorum (KIP-595, KIP-642, KIP-836, KIP-853): how far every voter and observer is, as the leader sees it.

use klamm_node::{Context, DirectoryId, Offset, ReplicaKey, Timestamp};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::convert::{directory_uuid, text, topic};
use klamm_protocol::kafka::messages as wire;
use wire::describe_quorum_response::{Listener, Node, PartitionData, ReplicaState, TopicData};
use wire::{DescribeQuorumRequest, DescribeQuorumResponse};

use crate::leader::{Leader, Progress};
use crate::messages::TOPIC;
use crate::output::RaftOutput;
use crate::raft::Raft;
use crate::role::Role;

impl Raft {
    pub(crate) fn handle_describe(
        &self,
        cx: &Context<'_>,
        token: RequestToken,
        request: &DescribeQuorumRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let response = match &self.role {
            _ if !is_about_metadata(request) => unknown(request),
            Role::Leader(leader) => self.described(leader, cx.wall, token.api_version),
            Role::Unattached { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Follower(_)
            | Role::Resigned { .. }
            | Role::Observer(_) => {
                let error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
                let partition = refused(0, error, token.api_version);
                single(partition)
            }
        };
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    fn described(&self, leader: &Leader, now: Timestamp, version: i16) -> DescribeQuorumResponse {
        let own = Progress {
            end: Some(self.log.log_end()),
            directory: self.config.directory_id,
            fetched_at: now,
            caught_up_at: now,
            ..Progress::default()
        };
        let state = |(key, progress): (ReplicaKey, Progress)| replica(key, &progress, version);
        let own = (self.config.own(), own);
        let (voting, watching) = if leader.votes() { (Some(own), None) } else { (None, Some(own)) };
        let mut voters: Vec<_> = leader.voters().chain(voting).collect();
        voters.sort_by_key(|(key, _)| *key);
        let mut observers: Vec<_> = leader.observers().chain(watching).collect();
        observers.sort_by_key(|(key, _)| *key);
        let partition = PartitionData::default()
            .with_leader_id(wire::BrokerId(self.config.id.0))
            .with_leader_epoch(self.state.epoch.0)
            .with_high_watermark(self.high_watermark.unwrap_or(Offset(-1)).0)
            .with_current_voters(voters.into_iter().map(state).collect())
            .with_observers(observers.into_iter().map(state).collect());
        let mut response = single(partition);
        if version >= 2 {
            // KIP-853: where the voters listen.
            let nodes = self.voters().iter().map(|voter| {
                let listeners = voter.listeners.iter().map(|(name, at)| {
                    Listener::default()
                        .with_name(text(name))
                        .with_host(text(&at.host))
                        .with_port(at.port)
                });
                Node::default()
                    .with_node_id(wire::BrokerId(voter.key.id.0))
                    .with_listeners(listeners.collect())
            });
            response.nodes = nodes.collect();
        }
        response
    }
}

fn replica(key: ReplicaKey, progress: &Progress, version: i16) -> ReplicaState {
    let mut state = ReplicaState::default()
        .with_replica_id(wire::BrokerId(key.id.0))
        .with_log_end_offset(progress.end.unwrap_or(Offset(-1)).0);
    if version >= 1 {
        state = state
            .with_last_fetch_timestamp(progress.fetched_at.0)
            .with_last_caught_up_timestamp(progress.caught_up_at.0);
    }
    // Where the voters are configured, only their fetches say which directories they have.
    let known = if key.directory == DirectoryId::ZERO { progress.directory } else { key.directory };
    if version >= 2 && known != DirectoryId::ZERO {
        state = state.with_replica_directory_id(directory_uuid(known));
    }
    state
}

fn is_about_metadata(request: &DescribeQuorumRequest) -> bool {
    match request.topics.as_slice() {
        [of_topic] => {
            let partitions = of_topic.partitions.as_slice();
            &**of_topic.topic_name == TOPIC
                && matches!(partitions, [partition] if partition.partition_index == 0)
        }
        _ => false,
    }
}

fn refused(partition: i32, error: ErrorCode, version: i16) -> PartitionData {
    let refused = PartitionData::default().with_partition_index(partition).with_error_code(error.0);
    if version >= 2 { refused.with_error_message(Some(text(&error.to_string()))) } else { refused }
}

fn single(partition: PartitionData) -> DescribeQuorumResponse {
    let of_topic =
        TopicData::default().with_topic_name(topic(TOPIC)).with_partitions(vec![partition]);
    DescribeQuorumResponse::default().with_topics(vec![of_topic])
}

/// Every partition that was asked for is unknown, as Kafka answers it.
fn unknown(request: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let topics = request.topics.iter().map(|of_topic| {
        let partitions = of_topic.partitions.iter().map(|partition| {
            refused(partition.partition_index, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0)
        });
        TopicData::default()
            .with_topic_name(of_topic.topic_name.clone())
            .with_partitions(partitions.collect())
    });
    DescribeQuorumResponse::default().with_topics(topics.collect())
}
