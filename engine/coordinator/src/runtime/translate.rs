//! The log's errors as a coordinator's clients hear of them.

use klamm_protocol::ErrorCode;
use klamm_protocol::kafka::messages::ResponseKind;

/// What the log said, in the words that a coordinator's client can act on: try again, look for the coordinator, or give up.
pub fn translate(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::NETWORK_EXCEPTION => ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::NOT_ENOUGH_REPLICAS
        | ErrorCode::REQUEST_TIMED_OUT => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        // A leader epoch that is over means the same to a client as a leadership that is over.
        ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::FENCED_LEADER_EPOCH
        | ErrorCode::KAFKA_STORAGE_ERROR => ErrorCode::NOT_COORDINATOR,
        ErrorCode::MESSAGE_TOO_LARGE
        | ErrorCode::RECORD_LIST_TOO_LARGE
        | ErrorCode::INVALID_FETCH_SIZE => ErrorCode::UNKNOWN_SERVER_ERROR,
        other => other,
    }
}

/// Puts an error where a shard left `UNKNOWN_SERVER_ERROR` in an answer: at the top, and for each group, member or partition.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub fn replace_error(response: &mut ResponseKind, code: ErrorCode) {
    let set = |slot: &mut i16| {
        if *slot == ErrorCode::UNKNOWN_SERVER_ERROR.0 {
            *slot = code.0;
        }
    };
    match response {
        ResponseKind::OffsetCommit(response) => response
            .topics
            .iter_mut()
            .flat_map(|topic| &mut topic.partitions)
            .for_each(|partition| set(&mut partition.error_code)),
        ResponseKind::TxnOffsetCommit(response) => response
            .topics
            .iter_mut()
            .flat_map(|topic| &mut topic.partitions)
            .for_each(|partition| set(&mut partition.error_code)),
        ResponseKind::OffsetFetch(response) => {
            set(&mut response.error_code);
            response
                .topics
                .iter_mut()
                .flat_map(|topic| &mut topic.partitions)
                .for_each(|partition| set(&mut partition.error_code));
            response.groups.iter_mut().for_each(|group| set(&mut group.error_code));
        }
        ResponseKind::OffsetDelete(response) => {
            set(&mut response.error_code);
            response
                .topics
                .iter_mut()
                .flat_map(|topic| &mut topic.partitions)
                .for_each(|partition| set(&mut partition.error_code));
        }
        ResponseKind::JoinGroup(response) => set(&mut response.error_code),
        ResponseKind::SyncGroup(response) => set(&mut response.error_code),
        ResponseKind::Heartbeat(response) => set(&mut response.error_code),
        ResponseKind::LeaveGroup(response) => {
            set(&mut response.error_code);
            response.members.iter_mut().for_each(|member| set(&mut member.error_code));
        }
        ResponseKind::DescribeGroups(response) => {
            response.groups.iter_mut().for_each(|group| set(&mut group.error_code));
        }
        ResponseKind::ListGroups(response) => set(&mut response.error_code),
        ResponseKind::DeleteGroups(response) => {
            response.results.iter_mut().for_each(|group| set(&mut group.error_code));
        }
        ResponseKind::ConsumerGroupHeartbeat(response) => set(&mut response.error_code),
        ResponseKind::ConsumerGroupDescribe(response) => {
            response.groups.iter_mut().for_each(|group| set(&mut group.error_code));
        }
        // No coordinator answers other APIs.
        _ => {}
    }
}
