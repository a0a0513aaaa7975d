//! What a request is told when no shard can take it: the coordinator is elsewhere, or still loads, or the request makes no
//! sense.

use klamm_coordinator::{admin, classic, consumer, offsets};
use klamm_node::GroupId;
use klamm_protocol::ErrorCode;
use klamm_protocol::kafka::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use klamm_protocol::kafka::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use klamm_protocol::kafka::messages::{
    DeleteGroupsResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteResponse,
    RequestKind, ResponseKind, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

/// The answer of an API, in the shape of a version.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other APIs are other rooms'")]
pub(super) fn refused(
    request: &RequestKind,
    version: i16,
    code: ErrorCode,
) -> Option<ResponseKind> {
    Some(match request {
        RequestKind::JoinGroup(body) => {
            // Kafka names the member only in what it says before it looks for the group.
            let before =
                matches!(code, ErrorCode::INVALID_GROUP_ID | ErrorCode::INVALID_SESSION_TIMEOUT);
            let member = if before { body.member_id.as_str() } else { "" };
            let mut response = classic::join_refused(member, code);
            response.protocol_name = (version < 7).then(Default::default);
            ResponseKind::JoinGroup(response)
        }
        RequestKind::SyncGroup(_) => ResponseKind::SyncGroup(classic::sync_refused(code)),
        RequestKind::Heartbeat(_) => ResponseKind::Heartbeat(classic::heartbeat_refused(code)),
        RequestKind::LeaveGroup(body) => {
            ResponseKind::LeaveGroup(classic::leave_refused(version, body, code))
        }
        RequestKind::ConsumerGroupHeartbeat(_) => {
            ResponseKind::ConsumerGroupHeartbeat(consumer::heartbeat_refused(code, ""))
        }
        RequestKind::OffsetCommit(body) => ResponseKind::OffsetCommit(commit_refused(body, code)),
        RequestKind::TxnOffsetCommit(body) => {
            ResponseKind::TxnOffsetCommit(transactional_refused(body, code))
        }
        RequestKind::OffsetDelete(_) => {
            ResponseKind::OffsetDelete(OffsetDeleteResponse::default().with_error_code(code.0))
        }
        RequestKind::OffsetFetch(body) => {
            let groups = offsets::unwind(body, version);
            let refused = groups.iter().map(|asked| offsets::refused(asked, code, version));
            ResponseKind::OffsetFetch(offsets::wind(refused.collect(), version))
        }
        RequestKind::DeleteGroups(body) => {
            let results = body.groups_names.iter();
            let refused = |name: &klamm_protocol::kafka::messages::GroupId| {
                admin::delete_refused(&GroupId::from(name.as_str()), code)
            };
            let results = results.map(refused).collect();
            ResponseKind::DeleteGroups(DeleteGroupsResponse::default().with_results(results))
        }
        _ => return None,
    })
}

fn commit_refused(request: &OffsetCommitRequest, code: ErrorCode) -> OffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code.0)
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

fn transactional_refused(
    request: &TxnOffsetCommitRequest,
    code: ErrorCode,
) -> TxnOffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code.0)
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}
