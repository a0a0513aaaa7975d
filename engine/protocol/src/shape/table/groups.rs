//! The shapes of the messages of groups.

use std::sync::OnceLock;

use kafka_protocol::messages::ApiKey;

use super::super::Kind::{Array, Blob, Fixed, Nullable, Struct, Text};
use super::super::{Field, Shape};

shape! { OFFSET_COMMIT_REQUEST_OFFSET_COMMIT_REQUEST_PARTITION flexible from 8 {
    partition_index: Fixed(4), 2, 9;
    committed_offset: Fixed(8), 2, 9;
    committed_leader_epoch: Fixed(4), 6, 9;
    committed_metadata: Text, 2, 9;
} }
shape! { OFFSET_COMMIT_REQUEST_OFFSET_COMMIT_REQUEST_TOPIC flexible from 8 {
    name: Text, 2, 9;
    partitions: Array(&Struct(&OFFSET_COMMIT_REQUEST_OFFSET_COMMIT_REQUEST_PARTITION)), 2, 9;
} }
shape! { OFFSET_COMMIT_REQUEST flexible from 8 {
    group_id: Text, 2, 9;
    generation_id_or_member_epoch: Fixed(4), 2, 9;
    member_id: Text, 2, 9;
    group_instance_id: Text, 7, 9;
    retention_time_ms: Fixed(8), 2, 4;
    topics: Array(&Struct(&OFFSET_COMMIT_REQUEST_OFFSET_COMMIT_REQUEST_TOPIC)), 2, 9;
} }
shape! { OFFSET_COMMIT_RESPONSE_OFFSET_COMMIT_RESPONSE_PARTITION flexible from 8 {
    partition_index: Fixed(4), 2, 9;
    error_code: Fixed(2), 2, 9;
} }
shape! { OFFSET_COMMIT_RESPONSE_OFFSET_COMMIT_RESPONSE_TOPIC flexible from 8 {
    name: Text, 2, 9;
    partitions: Array(&Struct(&OFFSET_COMMIT_RESPONSE_OFFSET_COMMIT_RESPONSE_PARTITION)), 2, 9;
} }
shape! { OFFSET_COMMIT_RESPONSE flexible from 8 {
    throttle_time_ms: Fixed(4), 3, 9;
    topics: Array(&Struct(&OFFSET_COMMIT_RESPONSE_OFFSET_COMMIT_RESPONSE_TOPIC)), 2, 9;
} }
shape! { OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_TOPIC flexible from 6 {
    name: Text, 1, 7;
    partition_indexes: Array(&Fixed(4)), 1, 7;
} }
shape! { OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_TOPICS flexible from 6 {
    name: Text, 8, 9;
    partition_indexes: Array(&Fixed(4)), 8, 9;
} }
shape! { OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_GROUP flexible from 6 {
    group_id: Text, 8, 9;
    member_id: Text, 9, 9;
    member_epoch: Fixed(4), 9, 9;
    topics: Array(&Struct(&OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_TOPICS)), 8, 9;
} }
shape! { OFFSET_FETCH_REQUEST flexible from 6 {
    group_id: Text, 1, 7;
    topics: Array(&Struct(&OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_TOPIC)), 1, 7;
    groups: Array(&Struct(&OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_GROUP)), 8, 9;
    require_stable: Fixed(1), 7, 9;
} }
shape! { OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_PARTITION flexible from 6 {
    partition_index: Fixed(4), 1, 7;
    committed_offset: Fixed(8), 1, 7;
    committed_leader_epoch: Fixed(4), 5, 7;
    metadata: Text, 1, 7;
    error_code: Fixed(2), 1, 7;
} }
shape! { OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_TOPIC flexible from 6 {
    name: Text, 1, 7;
    partitions: Array(&Struct(&OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_PARTITION)), 1, 7;
} }
shape! { OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_PARTITIONS flexible from 6 {
    partition_index: Fixed(4), 8, 9;
    committed_offset: Fixed(8), 8, 9;
    committed_leader_epoch: Fixed(4), 8, 9;
    metadata: Text, 8, 9;
    error_code: Fixed(2), 8, 9;
} }
shape! { OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_TOPICS flexible from 6 {
    name: Text, 8, 9;
    partitions: Array(&Struct(&OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_PARTITIONS)), 8, 9;
} }
shape! { OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_GROUP flexible from 6 {
    group_id: Text, 8, 9;
    topics: Array(&Struct(&OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_TOPICS)), 8, 9;
    error_code: Fixed(2), 8, 9;
} }
shape! { OFFSET_FETCH_RESPONSE flexible from 6 {
    throttle_time_ms: Fixed(4), 3, 9;
    topics: Array(&Struct(&OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_TOPIC)), 1, 7;
    error_code: Fixed(2), 2, 7;
    groups: Array(&Struct(&OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_GROUP)), 8, 9;
} }
shape! { JOIN_GROUP_REQUEST_JOIN_GROUP_REQUEST_PROTOCOL flexible from 6 {
    name: Text, 0, 9;
    metadata: Blob, 0, 9;
} }
shape! { JOIN_GROUP_REQUEST flexible from 6 {
    group_id: Text, 0, 9;
    session_timeout_ms: Fixed(4), 0, 9;
    rebalance_timeout_ms: Fixed(4), 1, 9;
    member_id: Text, 0, 9;
    group_instance_id: Text, 5, 9;
    protocol_type: Text, 0, 9;
    protocols: Array(&Struct(&JOIN_GROUP_REQUEST_JOIN_GROUP_REQUEST_PROTOCOL)), 0, 9;
    reason: Text, 8, 9;
} }
shape! { JOIN_GROUP_RESPONSE_JOIN_GROUP_RESPONSE_MEMBER flexible from 6 {
    member_id: Text, 0, 9;
    group_instance_id: Text, 5, 9;
    metadata: Blob, 0, 9;
} }
shape! { JOIN_GROUP_RESPONSE flexible from 6 {
    throttle_time_ms: Fixed(4), 2, 9;
    error_code: Fixed(2), 0, 9;
    generation_id: Fixed(4), 0, 9;
    protocol_type: Text, 7, 9;
    protocol_name: Text, 0, 9;
    leader: Text, 0, 9;
    skip_assignment: Fixed(1), 9, 9;
    member_id: Text, 0, 9;
    members: Array(&Struct(&JOIN_GROUP_RESPONSE_JOIN_GROUP_RESPONSE_MEMBER)), 0, 9;
} }
shape! { HEARTBEAT_REQUEST flexible from 4 {
    group_id: Text, 0, 4;
    generation_id: Fixed(4), 0, 4;
    member_id: Text, 0, 4;
    group_instance_id: Text, 3, 4;
} }
shape! { HEARTBEAT_RESPONSE flexible from 4 {
    throttle_time_ms: Fixed(4), 1, 4;
    error_code: Fixed(2), 0, 4;
} }
shape! { LEAVE_GROUP_REQUEST_MEMBER_IDENTITY flexible from 4 {
    member_id: Text, 3, 5;
    group_instance_id: Text, 3, 5;
    reason: Text, 5, 5;
} }
shape! { LEAVE_GROUP_REQUEST flexible from 4 {
    group_id: Text, 0, 5;
    member_id: Text, 0, 2;
    members: Array(&Struct(&LEAVE_GROUP_REQUEST_MEMBER_IDENTITY)), 3, 5;
} }
shape! { LEAVE_GROUP_RESPONSE_MEMBER_RESPONSE flexible from 4 {
    member_id: Text, 3, 5;
    group_instance_id: Text, 3, 5;
    error_code: Fixed(2), 3, 5;
} }
shape! { LEAVE_GROUP_RESPONSE flexible from 4 {
    throttle_time_ms: Fixed(4), 1, 5;
    error_code: Fixed(2), 0, 5;
    members: Array(&Struct(&LEAVE_GROUP_RESPONSE_MEMBER_RESPONSE)), 3, 5;
} }
shape! { SYNC_GROUP_REQUEST_SYNC_GROUP_REQUEST_ASSIGNMENT flexible from 4 {
    member_id: Text, 0, 5;
    assignment: Blob, 0, 5;
} }
shape! { SYNC_GROUP_REQUEST flexible from 4 {
    group_id: Text, 0, 5;
    generation_id: Fixed(4), 0, 5;
    member_id: Text, 0, 5;
    group_instance_id: Text, 3, 5;
    protocol_type: Text, 5, 5;
    protocol_name: Text, 5, 5;
    assignments: Array(&Struct(&SYNC_GROUP_REQUEST_SYNC_GROUP_REQUEST_ASSIGNMENT)), 0, 5;
} }
shape! { SYNC_GROUP_RESPONSE flexible from 4 {
    throttle_time_ms: Fixed(4), 1, 5;
    error_code: Fixed(2), 0, 5;
    protocol_type: Text, 5, 5;
    protocol_name: Text, 5, 5;
    assignment: Blob, 0, 5;
} }
shape! { DESCRIBE_GROUPS_REQUEST flexible from 5 {
    groups: Array(&Text), 0, 6;
    include_authorized_operations: Fixed(1), 3, 6;
} }
shape! { DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP_MEMBER flexible from 5 {
    member_id: Text, 0, 6;
    group_instance_id: Text, 4, 6;
    client_id: Text, 0, 6;
    client_host: Text, 0, 6;
    member_metadata: Blob, 0, 6;
    member_assignment: Blob, 0, 6;
} }
shape! { DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP flexible from 5 {
    error_code: Fixed(2), 0, 6;
    error_message: Text, 6, 6;
    group_id: Text, 0, 6;
    group_state: Text, 0, 6;
    protocol_type: Text, 0, 6;
    protocol_data: Text, 0, 6;
    members: Array(&Struct(&DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP_MEMBER)), 0, 6;
    authorized_operations: Fixed(4), 3, 6;
} }
shape! { DESCRIBE_GROUPS_RESPONSE flexible from 5 {
    throttle_time_ms: Fixed(4), 1, 6;
    groups: Array(&Struct(&DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP)), 0, 6;
} }
shape! { LIST_GROUPS_REQUEST flexible from 3 {
    states_filter: Array(&Text), 4, 5;
    types_filter: Array(&Text), 5, 5;
} }
shape! { LIST_GROUPS_RESPONSE_LISTED_GROUP flexible from 3 {
    group_id: Text, 0, 5;
    protocol_type: Text, 0, 5;
    group_state: Text, 4, 5;
    group_type: Text, 5, 5;
} }
shape! { LIST_GROUPS_RESPONSE flexible from 3 {
    throttle_time_ms: Fixed(4), 1, 5;
    error_code: Fixed(2), 0, 5;
    groups: Array(&Struct(&LIST_GROUPS_RESPONSE_LISTED_GROUP)), 0, 5;
} }
shape! { DELETE_GROUPS_REQUEST flexible from 2 {
    groups_names: Array(&Text), 0, 2;
} }
shape! { DELETE_GROUPS_RESPONSE_DELETABLE_GROUP_RESULT flexible from 2 {
    group_id: Text, 0, 2;
    error_code: Fixed(2), 0, 2;
} }
shape! { DELETE_GROUPS_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 0, 2;
    results: Array(&Struct(&DELETE_GROUPS_RESPONSE_DELETABLE_GROUP_RESULT)), 0, 2;
} }
shape! { TXN_OFFSET_COMMIT_REQUEST_TXN_OFFSET_COMMIT_REQUEST_PARTITION flexible from 3 {
    partition_index: Fixed(4), 0, 5;
    committed_offset: Fixed(8), 0, 5;
    committed_leader_epoch: Fixed(4), 2, 5;
    committed_metadata: Text, 0, 5;
} }
shape! { TXN_OFFSET_COMMIT_REQUEST_TXN_OFFSET_COMMIT_REQUEST_TOPIC flexible from 3 {
    name: Text, 0, 5;
    partitions: Array(&Struct(&TXN_OFFSET_COMMIT_REQUEST_TXN_OFFSET_COMMIT_REQUEST_PARTITION)), 0, 5;
} }
shape! { TXN_OFFSET_COMMIT_REQUEST flexible from 3 {
    transactional_id: Text, 0, 5;
    group_id: Text, 0, 5;
    producer_id: Fixed(8), 0, 5;
    producer_epoch: Fixed(2), 0, 5;
    generation_id: Fixed(4), 3, 5;
    member_id: Text, 3, 5;
    group_instance_id: Text, 3, 5;
    topics: Array(&Struct(&TXN_OFFSET_COMMIT_REQUEST_TXN_OFFSET_COMMIT_REQUEST_TOPIC)), 0, 5;
} }
shape! { TXN_OFFSET_COMMIT_RESPONSE_TXN_OFFSET_COMMIT_RESPONSE_PARTITION flexible from 3 {
    partition_index: Fixed(4), 0, 5;
    error_code: Fixed(2), 0, 5;
} }
shape! { TXN_OFFSET_COMMIT_RESPONSE_TXN_OFFSET_COMMIT_RESPONSE_TOPIC flexible from 3 {
    name: Text, 0, 5;
    partitions: Array(&Struct(&TXN_OFFSET_COMMIT_RESPONSE_TXN_OFFSET_COMMIT_RESPONSE_PARTITION)), 0, 5;
} }
shape! { TXN_OFFSET_COMMIT_RESPONSE flexible from 3 {
    throttle_time_ms: Fixed(4), 0, 5;
    topics: Array(&Struct(&TXN_OFFSET_COMMIT_RESPONSE_TXN_OFFSET_COMMIT_RESPONSE_TOPIC)), 0, 5;
} }
shape! { OFFSET_DELETE_REQUEST_OFFSET_DELETE_REQUEST_PARTITION flexible from 99 {
    partition_index: Fixed(4), 0, 0;
} }
shape! { OFFSET_DELETE_REQUEST_OFFSET_DELETE_REQUEST_TOPIC flexible from 99 {
    name: Text, 0, 0;
    partitions: Array(&Struct(&OFFSET_DELETE_REQUEST_OFFSET_DELETE_REQUEST_PARTITION)), 0, 0;
} }
shape! { OFFSET_DELETE_REQUEST flexible from 99 {
    group_id: Text, 0, 0;
    topics: Array(&Struct(&OFFSET_DELETE_REQUEST_OFFSET_DELETE_REQUEST_TOPIC)), 0, 0;
} }
shape! { OFFSET_DELETE_RESPONSE_OFFSET_DELETE_RESPONSE_PARTITION flexible from 99 {
    partition_index: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
} }
shape! { OFFSET_DELETE_RESPONSE_OFFSET_DELETE_RESPONSE_TOPIC flexible from 99 {
    name: Text, 0, 0;
    partitions: Array(&Struct(&OFFSET_DELETE_RESPONSE_OFFSET_DELETE_RESPONSE_PARTITION)), 0, 0;
} }
shape! { OFFSET_DELETE_RESPONSE flexible from 99 {
    error_code: Fixed(2), 0, 0;
    throttle_time_ms: Fixed(4), 0, 0;
    topics: Array(&Struct(&OFFSET_DELETE_RESPONSE_OFFSET_DELETE_RESPONSE_TOPIC)), 0, 0;
} }
shape! { CONSUMER_GROUP_HEARTBEAT_REQUEST_TOPIC_PARTITIONS flexible from 0 {
    topic_id: Fixed(16), 0, 1;
    partitions: Array(&Fixed(4)), 0, 1;
} }
shape! { CONSUMER_GROUP_HEARTBEAT_REQUEST flexible from 0 {
    group_id: Text, 0, 1;
    member_id: Text, 0, 1;
    member_epoch: Fixed(4), 0, 1;
    instance_id: Text, 0, 1;
    rack_id: Text, 0, 1;
    rebalance_timeout_ms: Fixed(4), 0, 1;
    subscribed_topic_names: Array(&Text), 0, 1;
    subscribed_topic_regex: Text, 1, 1;
    server_assignor: Text, 0, 1;
    topic_partitions: Array(&Struct(&CONSUMER_GROUP_HEARTBEAT_REQUEST_TOPIC_PARTITIONS)), 0, 1;
} }
shape! { CONSUMER_GROUP_HEARTBEAT_RESPONSE_TOPIC_PARTITIONS flexible from 0 {
    topic_id: Fixed(16), 0, 1;
    partitions: Array(&Fixed(4)), 0, 1;
} }
shape! { CONSUMER_GROUP_HEARTBEAT_RESPONSE_ASSIGNMENT flexible from 0 {
    topic_partitions: Array(&Struct(&CONSUMER_GROUP_HEARTBEAT_RESPONSE_TOPIC_PARTITIONS)), 0, 1;
} }
shape! { CONSUMER_GROUP_HEARTBEAT_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 1;
    error_code: Fixed(2), 0, 1;
    error_message: Text, 0, 1;
    member_id: Text, 0, 1;
    member_epoch: Fixed(4), 0, 1;
    heartbeat_interval_ms: Fixed(4), 0, 1;
    assignment: Nullable(&CONSUMER_GROUP_HEARTBEAT_RESPONSE_ASSIGNMENT), 0, 1;
} }
shape! { CONSUMER_GROUP_DESCRIBE_REQUEST flexible from 0 {
    group_ids: Array(&Text), 0, 1;
    include_authorized_operations: Fixed(1), 0, 1;
} }
shape! { CONSUMER_GROUP_DESCRIBE_RESPONSE_TOPIC_PARTITIONS flexible from 0 {
    topic_id: Fixed(16), 0, 1;
    topic_name: Text, 0, 1;
    partitions: Array(&Fixed(4)), 0, 1;
} }
shape! { CONSUMER_GROUP_DESCRIBE_RESPONSE_ASSIGNMENT flexible from 0 {
    topic_partitions: Array(&Struct(&CONSUMER_GROUP_DESCRIBE_RESPONSE_TOPIC_PARTITIONS)), 0, 1;
} }
shape! { CONSUMER_GROUP_DESCRIBE_RESPONSE_MEMBER flexible from 0 {
    member_id: Text, 0, 1;
    instance_id: Text, 0, 1;
    rack_id: Text, 0, 1;
    member_epoch: Fixed(4), 0, 1;
    client_id: Text, 0, 1;
    client_host: Text, 0, 1;
    subscribed_topic_names: Array(&Text), 0, 1;
    subscribed_topic_regex: Text, 0, 1;
    assignment: Struct(&CONSUMER_GROUP_DESCRIBE_RESPONSE_ASSIGNMENT), 0, 1;
    target_assignment: Struct(&CONSUMER_GROUP_DESCRIBE_RESPONSE_ASSIGNMENT), 0, 1;
    member_type: Fixed(1), 1, 1;
} }
shape! { CONSUMER_GROUP_DESCRIBE_RESPONSE_DESCRIBED_GROUP flexible from 0 {
    error_code: Fixed(2), 0, 1;
    error_message: Text, 0, 1;
    group_id: Text, 0, 1;
    group_state: Text, 0, 1;
    group_epoch: Fixed(4), 0, 1;
    assignment_epoch: Fixed(4), 0, 1;
    assignor_name: Text, 0, 1;
    members: Array(&Struct(&CONSUMER_GROUP_DESCRIBE_RESPONSE_MEMBER)), 0, 1;
    authorized_operations: Fixed(4), 0, 1;
} }
shape! { CONSUMER_GROUP_DESCRIBE_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 1;
    groups: Array(&Struct(&CONSUMER_GROUP_DESCRIBE_RESPONSE_DESCRIBED_GROUP)), 0, 1;
} }

/// The shape of a request.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the codec crate's keys are far more than our table"
)]
pub(super) fn request(api: ApiKey) -> Option<&'static Shape> {
    match api {
        ApiKey::OffsetCommit => Some(&OFFSET_COMMIT_REQUEST),
        ApiKey::OffsetFetch => Some(&OFFSET_FETCH_REQUEST),
        ApiKey::JoinGroup => Some(&JOIN_GROUP_REQUEST),
        ApiKey::Heartbeat => Some(&HEARTBEAT_REQUEST),
        ApiKey::LeaveGroup => Some(&LEAVE_GROUP_REQUEST),
        ApiKey::SyncGroup => Some(&SYNC_GROUP_REQUEST),
        ApiKey::DescribeGroups => Some(&DESCRIBE_GROUPS_REQUEST),
        ApiKey::ListGroups => Some(&LIST_GROUPS_REQUEST),
        ApiKey::DeleteGroups => Some(&DELETE_GROUPS_REQUEST),
        ApiKey::TxnOffsetCommit => Some(&TXN_OFFSET_COMMIT_REQUEST),
        ApiKey::OffsetDelete => Some(&OFFSET_DELETE_REQUEST),
        ApiKey::ConsumerGroupHeartbeat => Some(&CONSUMER_GROUP_HEARTBEAT_REQUEST),
        ApiKey::ConsumerGroupDescribe => Some(&CONSUMER_GROUP_DESCRIBE_REQUEST),
        _ => None,
    }
}

/// The shape of a response.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the codec crate's keys are far more than our table"
)]
pub(super) fn response(api: ApiKey) -> Option<&'static Shape> {
    match api {
        ApiKey::OffsetCommit => Some(&OFFSET_COMMIT_RESPONSE),
        ApiKey::OffsetFetch => Some(&OFFSET_FETCH_RESPONSE),
        ApiKey::JoinGroup => Some(&JOIN_GROUP_RESPONSE),
        ApiKey::Heartbeat => Some(&HEARTBEAT_RESPONSE),
        ApiKey::LeaveGroup => Some(&LEAVE_GROUP_RESPONSE),
        ApiKey::SyncGroup => Some(&SYNC_GROUP_RESPONSE),
        ApiKey::DescribeGroups => Some(&DESCRIBE_GROUPS_RESPONSE),
        ApiKey::ListGroups => Some(&LIST_GROUPS_RESPONSE),
        ApiKey::DeleteGroups => Some(&DELETE_GROUPS_RESPONSE),
        ApiKey::TxnOffsetCommit => Some(&TXN_OFFSET_COMMIT_RESPONSE),
        ApiKey::OffsetDelete => Some(&OFFSET_DELETE_RESPONSE),
        ApiKey::ConsumerGroupHeartbeat => Some(&CONSUMER_GROUP_HEARTBEAT_RESPONSE),
        ApiKey::ConsumerGroupDescribe => Some(&CONSUMER_GROUP_DESCRIBE_RESPONSE),
        _ => None,
    }
}
