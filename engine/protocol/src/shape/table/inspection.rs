//! The shapes of the messages by which consoles look into a broker, and of those that are about who somebody is and what he
//! may do, as Kafka 4.1 has them.

use std::sync::OnceLock;

use kafka_protocol::messages::ApiKey;

use super::super::Kind::{Array, Blob, Fixed, Struct, Text};
use super::super::{Field, Shape};

shape! { DESCRIBE_LOG_DIRS_REQUEST_DESCRIBABLE_LOG_DIR_TOPIC flexible from 2 {
    topic: Text, 1, 4;
    partitions: Array(&Fixed(4)), 1, 4;
} }
shape! { DESCRIBE_LOG_DIRS_REQUEST flexible from 2 {
    topics: Array(&Struct(&DESCRIBE_LOG_DIRS_REQUEST_DESCRIBABLE_LOG_DIR_TOPIC)), 1, 4;
} }
shape! { DESCRIBE_LOG_DIRS_RESPONSE_PARTITION flexible from 2 {
    partition_index: Fixed(4), 1, 4;
    partition_size: Fixed(8), 1, 4;
    offset_lag: Fixed(8), 1, 4;
    is_future_key: Fixed(1), 1, 4;
} }
shape! { DESCRIBE_LOG_DIRS_RESPONSE_TOPIC flexible from 2 {
    name: Text, 1, 4;
    partitions: Array(&Struct(&DESCRIBE_LOG_DIRS_RESPONSE_PARTITION)), 1, 4;
} }
shape! { DESCRIBE_LOG_DIRS_RESPONSE_RESULT flexible from 2 {
    error_code: Fixed(2), 1, 4;
    log_dir: Text, 1, 4;
    topics: Array(&Struct(&DESCRIBE_LOG_DIRS_RESPONSE_TOPIC)), 1, 4;
    total_bytes: Fixed(8), 4, 4;
    usable_bytes: Fixed(8), 4, 4;
} }
shape! { DESCRIBE_LOG_DIRS_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 1, 4;
    error_code: Fixed(2), 3, 4;
    results: Array(&Struct(&DESCRIBE_LOG_DIRS_RESPONSE_RESULT)), 1, 4;
} }
shape! { DESCRIBE_PRODUCERS_REQUEST_TOPIC_REQUEST flexible from 0 {
    name: Text, 0, 0;
    partition_indexes: Array(&Fixed(4)), 0, 0;
} }
shape! { DESCRIBE_PRODUCERS_REQUEST flexible from 0 {
    topics: Array(&Struct(&DESCRIBE_PRODUCERS_REQUEST_TOPIC_REQUEST)), 0, 0;
} }
shape! { DESCRIBE_PRODUCERS_RESPONSE_PRODUCER_STATE flexible from 0 {
    producer_id: Fixed(8), 0, 0;
    producer_epoch: Fixed(4), 0, 0;
    last_sequence: Fixed(4), 0, 0;
    last_timestamp: Fixed(8), 0, 0;
    coordinator_epoch: Fixed(4), 0, 0;
    current_txn_start_offset: Fixed(8), 0, 0;
} }
shape! { DESCRIBE_PRODUCERS_RESPONSE_PARTITION_RESPONSE flexible from 0 {
    partition_index: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
    error_message: Text, 0, 0;
    active_producers: Array(&Struct(&DESCRIBE_PRODUCERS_RESPONSE_PRODUCER_STATE)), 0, 0;
} }
shape! { DESCRIBE_PRODUCERS_RESPONSE_TOPIC_RESPONSE flexible from 0 {
    name: Text, 0, 0;
    partitions: Array(&Struct(&DESCRIBE_PRODUCERS_RESPONSE_PARTITION_RESPONSE)), 0, 0;
} }
shape! { DESCRIBE_PRODUCERS_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 0;
    topics: Array(&Struct(&DESCRIBE_PRODUCERS_RESPONSE_TOPIC_RESPONSE)), 0, 0;
} }
shape! { LIST_CONFIG_RESOURCES_REQUEST flexible from 0 {
    resource_types: Array(&Fixed(1)), 1, 1;
} }
shape! { LIST_CONFIG_RESOURCES_RESPONSE_CONFIG_RESOURCE flexible from 0 {
    resource_name: Text, 0, 1;
    resource_type: Fixed(1), 1, 1;
} }
shape! { LIST_CONFIG_RESOURCES_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 1;
    error_code: Fixed(2), 0, 1;
    config_resources: Array(&Struct(&LIST_CONFIG_RESOURCES_RESPONSE_CONFIG_RESOURCE)), 0, 1;
} }
shape! { SASL_HANDSHAKE_REQUEST flexible from 99 {
    mechanism: Text, 0, 1;
} }
shape! { SASL_HANDSHAKE_RESPONSE flexible from 99 {
    error_code: Fixed(2), 0, 1;
    mechanisms: Array(&Text), 0, 1;
} }
shape! { SASL_AUTHENTICATE_REQUEST flexible from 2 {
    auth_bytes: Blob, 0, 2;
} }
shape! { SASL_AUTHENTICATE_RESPONSE flexible from 2 {
    error_code: Fixed(2), 0, 2;
    error_message: Text, 0, 2;
    auth_bytes: Blob, 0, 2;
    session_lifetime_ms: Fixed(8), 1, 2;
} }
shape! { DESCRIBE_ACLS_REQUEST flexible from 2 {
    resource_type_filter: Fixed(1), 1, 3;
    resource_name_filter: Text, 1, 3;
    pattern_type_filter: Fixed(1), 1, 3;
    principal_filter: Text, 1, 3;
    host_filter: Text, 1, 3;
    operation: Fixed(1), 1, 3;
    permission_type: Fixed(1), 1, 3;
} }
shape! { DESCRIBE_ACLS_RESPONSE_ACL_DESCRIPTION flexible from 2 {
    principal: Text, 1, 3;
    host: Text, 1, 3;
    operation: Fixed(1), 1, 3;
    permission_type: Fixed(1), 1, 3;
} }
shape! { DESCRIBE_ACLS_RESPONSE_RESOURCE flexible from 2 {
    resource_type: Fixed(1), 1, 3;
    resource_name: Text, 1, 3;
    pattern_type: Fixed(1), 1, 3;
    acls: Array(&Struct(&DESCRIBE_ACLS_RESPONSE_ACL_DESCRIPTION)), 1, 3;
} }
shape! { DESCRIBE_ACLS_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 1, 3;
    error_code: Fixed(2), 1, 3;
    error_message: Text, 1, 3;
    resources: Array(&Struct(&DESCRIBE_ACLS_RESPONSE_RESOURCE)), 1, 3;
} }
shape! { CREATE_ACLS_REQUEST_ACL_CREATION flexible from 2 {
    resource_type: Fixed(1), 1, 3;
    resource_name: Text, 1, 3;
    resource_pattern_type: Fixed(1), 1, 3;
    principal: Text, 1, 3;
    host: Text, 1, 3;
    operation: Fixed(1), 1, 3;
    permission_type: Fixed(1), 1, 3;
} }
shape! { CREATE_ACLS_REQUEST flexible from 2 {
    creations: Array(&Struct(&CREATE_ACLS_REQUEST_ACL_CREATION)), 1, 3;
} }
shape! { CREATE_ACLS_RESPONSE_ACL_CREATION_RESULT flexible from 2 {
    error_code: Fixed(2), 1, 3;
    error_message: Text, 1, 3;
} }
shape! { CREATE_ACLS_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 1, 3;
    results: Array(&Struct(&CREATE_ACLS_RESPONSE_ACL_CREATION_RESULT)), 1, 3;
} }
shape! { DELETE_ACLS_REQUEST flexible from 2 {
    filters: Array(&Struct(&DESCRIBE_ACLS_REQUEST)), 1, 3;
} }
shape! { DELETE_ACLS_RESPONSE_MATCHING_ACL flexible from 2 {
    error_code: Fixed(2), 1, 3;
    error_message: Text, 1, 3;
    resource_type: Fixed(1), 1, 3;
    resource_name: Text, 1, 3;
    pattern_type: Fixed(1), 1, 3;
    principal: Text, 1, 3;
    host: Text, 1, 3;
    operation: Fixed(1), 1, 3;
    permission_type: Fixed(1), 1, 3;
} }
shape! { DELETE_ACLS_RESPONSE_FILTER_RESULT flexible from 2 {
    error_code: Fixed(2), 1, 3;
    error_message: Text, 1, 3;
    matching_acls: Array(&Struct(&DELETE_ACLS_RESPONSE_MATCHING_ACL)), 1, 3;
} }
shape! { DELETE_ACLS_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 1, 3;
    filter_results: Array(&Struct(&DELETE_ACLS_RESPONSE_FILTER_RESULT)), 1, 3;
} }

/// The shape of a request.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the codec crate's keys are far more than our table"
)]
pub(super) fn request(api: ApiKey) -> Option<&'static Shape> {
    match api {
        ApiKey::DescribeLogDirs => Some(&DESCRIBE_LOG_DIRS_REQUEST),
        ApiKey::DescribeProducers => Some(&DESCRIBE_PRODUCERS_REQUEST),
        ApiKey::ListConfigResources => Some(&LIST_CONFIG_RESOURCES_REQUEST),
        ApiKey::SaslHandshake => Some(&SASL_HANDSHAKE_REQUEST),
        ApiKey::SaslAuthenticate => Some(&SASL_AUTHENTICATE_REQUEST),
        ApiKey::DescribeAcls => Some(&DESCRIBE_ACLS_REQUEST),
        ApiKey::CreateAcls => Some(&CREATE_ACLS_REQUEST),
        ApiKey::DeleteAcls => Some(&DELETE_ACLS_REQUEST),
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
        ApiKey::DescribeLogDirs => Some(&DESCRIBE_LOG_DIRS_RESPONSE),
        ApiKey::DescribeProducers => Some(&DESCRIBE_PRODUCERS_RESPONSE),
        ApiKey::ListConfigResources => Some(&LIST_CONFIG_RESOURCES_RESPONSE),
        ApiKey::SaslHandshake => Some(&SASL_HANDSHAKE_RESPONSE),
        ApiKey::SaslAuthenticate => Some(&SASL_AUTHENTICATE_RESPONSE),
        ApiKey::DescribeAcls => Some(&DESCRIBE_ACLS_RESPONSE),
        ApiKey::CreateAcls => Some(&CREATE_ACLS_RESPONSE),
        ApiKey::DeleteAcls => Some(&DELETE_ACLS_RESPONSE),
        _ => None,
    }
}
