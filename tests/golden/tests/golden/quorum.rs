//! Questions about the metadata quorum, for the test of every version of every API.

use klamm_node::DirectoryId;
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{directory_uuid, text, topic};
use klamm_protocol::kafka::messages::{
    AddRaftVoterRequest, ApiKey, DescribeQuorumRequest, RemoveRaftVoterRequest, RequestKind,
    ResponseKind, add_raft_voter_request, describe_quorum_request,
};

fn describe(name: &'static str) -> RequestKind {
    let partition = describe_quorum_request::PartitionData::default();
    let of_topic = describe_quorum_request::TopicData::default()
        .with_topic_name(topic(name))
        .with_partitions(vec![partition]);
    DescribeQuorumRequest::default().with_topics(vec![of_topic]).into()
}

fn add(listener: &str) -> RequestKind {
    let listener = add_raft_voter_request::Listener::default()
        .with_name(text(listener))
        .with_host(text("controller-9"))
        .with_port(9093);
    AddRaftVoterRequest::default()
        .with_cluster_id(None)
        .with_timeout_ms(1000)
        .with_voter_id(9)
        .with_voter_directory_id(directory_uuid(DirectoryId(9)))
        .with_listeners(vec![listener])
        .into()
}

fn remove(directory: u128) -> RequestKind {
    RemoveRaftVoterRequest::default()
        .with_cluster_id(None)
        .with_voter_id(1)
        .with_voter_directory_id(directory_uuid(DirectoryId(directory)))
        .into()
}

/// What is asked of an API, and the error that is expected; none for APIs of other rooms.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn questions(key: ApiKey) -> Option<Vec<(RequestKind, i16)>> {
    let asked = match key {
        ApiKey::DescribeQuorum => vec![
            (describe("__cluster_metadata"), ErrorCode::NONE),
            (describe("orders"), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ],
        // KIP-853: the voters of this quorum are configured.
        ApiKey::AddRaftVoter => vec![
            (add("CONTROLLER"), ErrorCode::UNSUPPORTED_VERSION),
            (add("PLAINTEXT"), ErrorCode::INVALID_REQUEST),
        ],
        ApiKey::RemoveRaftVoter => vec![
            (remove(9), ErrorCode::UNSUPPORTED_VERSION),
            (remove(0), ErrorCode::INVALID_REQUEST),
        ],
        _ => return None,
    };
    Some(asked.into_iter().map(|(request, error)| (request, error.0)).collect())
}

/// The error of an answer, with a look at the rest.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn error_of(version: i16, response: &ResponseKind) -> Option<i16> {
    match response {
        ResponseKind::DescribeQuorum(response) => {
            assert_eq!(response.error_code, 0);
            let state = &response.topics[0].partitions[0];
            if state.error_code == 0 {
                assert_eq!(state.current_voters.len(), 1, "{state:?}");
                assert!(state.high_watermark > 0, "{state:?}");
                let voter = &state.current_voters[0];
                assert_eq!(voter.last_fetch_timestamp >= 0, version >= 1, "KIP-836: {voter:?}");
                assert_eq!(voter.replica_directory_id.is_nil(), version < 2, "KIP-853: {voter:?}");
                assert_eq!(response.nodes.len(), usize::from(version >= 2), "KIP-853");
            }
            Some(state.error_code)
        }
        ResponseKind::AddRaftVoter(response) => Some(response.error_code),
        ResponseKind::RemoveRaftVoter(response) => Some(response.error_code),
        _ => None,
    }
}
