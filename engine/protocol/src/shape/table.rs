//! The shapes of the messages in the [API table](crate::api), field by field, as Kafka 4.1 has them.
//!
//! Each row is `name: kind, first version, last version`, tagged fields begin with `@` and their tag. A test walks whatever the
//! codec writes, in every version, so that this table and the codec can't part.

use std::sync::OnceLock;

use kafka_protocol::messages::ApiKey;

use super::Kind::{Array, Blob, Fixed, Struct, Text};
use super::{Field, Shape, Tagged};

macro_rules! shape {
    ($shape:ident flexible from $flexible:literal {
        $($name:ident: $kind:expr, $first:literal, $last:literal;)*
        $(@$tag:literal $tagged:ident: $tagged_kind:expr, $tagged_first:literal, $tagged_last:literal;)*
    }) => {
        static $shape: Shape = Shape {
            flexible_from: $flexible,
            fields: &[$(Field { name: stringify!($name), kind: $kind, versions: ($first, $last) },)*],
            tagged: &[$(Tagged {
                tag: $tag,
                field: Field {
                    name: stringify!($tagged),
                    kind: $tagged_kind,
                    versions: ($tagged_first, $tagged_last),
                },
            },)*],
            plans: OnceLock::new(),
        };
    };
}

mod admin;
mod groups;
mod inspection;

shape! { PRODUCE_REQUEST_PARTITION_PRODUCE_DATA flexible from 9 {
    index: Fixed(4), 3, 13;
    records: Blob, 3, 13;
} }
shape! { PRODUCE_REQUEST_TOPIC_PRODUCE_DATA flexible from 9 {
    name: Text, 3, 12;
    topic_id: Fixed(16), 13, 13;
    partition_data: Array(&Struct(&PRODUCE_REQUEST_PARTITION_PRODUCE_DATA)), 3, 13;
} }
shape! { PRODUCE_REQUEST flexible from 9 {
    transactional_id: Text, 3, 13;
    acks: Fixed(2), 3, 13;
    timeout_ms: Fixed(4), 3, 13;
    topic_data: Array(&Struct(&PRODUCE_REQUEST_TOPIC_PRODUCE_DATA)), 3, 13;
} }
shape! { PRODUCE_RESPONSE_BATCH_INDEX_AND_ERROR_MESSAGE flexible from 9 {
    batch_index: Fixed(4), 8, 13;
    batch_index_error_message: Text, 8, 13;
} }
shape! { PRODUCE_RESPONSE_LEADER_ID_AND_EPOCH flexible from 9 {
    leader_id: Fixed(4), 10, 13;
    leader_epoch: Fixed(4), 10, 13;
} }
shape! { PRODUCE_RESPONSE_PARTITION_PRODUCE_RESPONSE flexible from 9 {
    index: Fixed(4), 3, 13;
    error_code: Fixed(2), 3, 13;
    base_offset: Fixed(8), 3, 13;
    log_append_time_ms: Fixed(8), 3, 13;
    log_start_offset: Fixed(8), 5, 13;
    record_errors: Array(&Struct(&PRODUCE_RESPONSE_BATCH_INDEX_AND_ERROR_MESSAGE)), 8, 13;
    error_message: Text, 8, 13;
    @0 current_leader: Struct(&PRODUCE_RESPONSE_LEADER_ID_AND_EPOCH), 10, 13;
} }
shape! { PRODUCE_RESPONSE_TOPIC_PRODUCE_RESPONSE flexible from 9 {
    name: Text, 3, 12;
    topic_id: Fixed(16), 13, 13;
    partition_responses: Array(&Struct(&PRODUCE_RESPONSE_PARTITION_PRODUCE_RESPONSE)), 3, 13;
} }
shape! { PRODUCE_RESPONSE_NODE_ENDPOINT flexible from 9 {
    node_id: Fixed(4), 10, 13;
    host: Text, 10, 13;
    port: Fixed(4), 10, 13;
    rack: Text, 10, 13;
} }
shape! { PRODUCE_RESPONSE flexible from 9 {
    responses: Array(&Struct(&PRODUCE_RESPONSE_TOPIC_PRODUCE_RESPONSE)), 3, 13;
    throttle_time_ms: Fixed(4), 3, 13;
    @0 node_endpoints: Array(&Struct(&PRODUCE_RESPONSE_NODE_ENDPOINT)), 10, 13;
} }
shape! { FETCH_REQUEST_FETCH_PARTITION flexible from 12 {
    partition: Fixed(4), 4, 18;
    current_leader_epoch: Fixed(4), 9, 18;
    fetch_offset: Fixed(8), 4, 18;
    last_fetched_epoch: Fixed(4), 12, 18;
    log_start_offset: Fixed(8), 5, 18;
    partition_max_bytes: Fixed(4), 4, 18;
    @0 replica_directory_id: Fixed(16), 17, 18;
    @1 high_watermark: Fixed(8), 18, 18;
} }
shape! { FETCH_REQUEST_FETCH_TOPIC flexible from 12 {
    topic: Text, 4, 12;
    topic_id: Fixed(16), 13, 18;
    partitions: Array(&Struct(&FETCH_REQUEST_FETCH_PARTITION)), 4, 18;
} }
shape! { FETCH_REQUEST_FORGOTTEN_TOPIC flexible from 12 {
    topic: Text, 7, 12;
    topic_id: Fixed(16), 13, 18;
    partitions: Array(&Fixed(4)), 7, 18;
} }
shape! { FETCH_REQUEST_REPLICA_STATE flexible from 12 {
    replica_id: Fixed(4), 15, 18;
    replica_epoch: Fixed(8), 15, 18;
} }
shape! { FETCH_REQUEST flexible from 12 {
    replica_id: Fixed(4), 4, 14;
    max_wait_ms: Fixed(4), 4, 18;
    min_bytes: Fixed(4), 4, 18;
    max_bytes: Fixed(4), 4, 18;
    isolation_level: Fixed(1), 4, 18;
    session_id: Fixed(4), 7, 18;
    session_epoch: Fixed(4), 7, 18;
    topics: Array(&Struct(&FETCH_REQUEST_FETCH_TOPIC)), 4, 18;
    forgotten_topics_data: Array(&Struct(&FETCH_REQUEST_FORGOTTEN_TOPIC)), 7, 18;
    rack_id: Text, 11, 18;
    @0 cluster_id: Text, 4, 18;
    @1 replica_state: Struct(&FETCH_REQUEST_REPLICA_STATE), 15, 18;
} }
shape! { FETCH_RESPONSE_ABORTED_TRANSACTION flexible from 12 {
    producer_id: Fixed(8), 4, 18;
    first_offset: Fixed(8), 4, 18;
} }
shape! { FETCH_RESPONSE_EPOCH_END_OFFSET flexible from 12 {
    epoch: Fixed(4), 12, 18;
    end_offset: Fixed(8), 12, 18;
} }
shape! { FETCH_RESPONSE_LEADER_ID_AND_EPOCH flexible from 12 {
    leader_id: Fixed(4), 12, 18;
    leader_epoch: Fixed(4), 12, 18;
} }
shape! { FETCH_RESPONSE_SNAPSHOT_ID flexible from 12 {
    end_offset: Fixed(8), 4, 18;
    epoch: Fixed(4), 4, 18;
} }
shape! { FETCH_RESPONSE_PARTITION_DATA flexible from 12 {
    partition_index: Fixed(4), 4, 18;
    error_code: Fixed(2), 4, 18;
    high_watermark: Fixed(8), 4, 18;
    last_stable_offset: Fixed(8), 4, 18;
    log_start_offset: Fixed(8), 5, 18;
    aborted_transactions: Array(&Struct(&FETCH_RESPONSE_ABORTED_TRANSACTION)), 4, 18;
    preferred_read_replica: Fixed(4), 11, 18;
    records: Blob, 4, 18;
    @0 diverging_epoch: Struct(&FETCH_RESPONSE_EPOCH_END_OFFSET), 4, 18;
    @1 current_leader: Struct(&FETCH_RESPONSE_LEADER_ID_AND_EPOCH), 4, 18;
    @2 snapshot_id: Struct(&FETCH_RESPONSE_SNAPSHOT_ID), 4, 18;
} }
shape! { FETCH_RESPONSE_FETCHABLE_TOPIC_RESPONSE flexible from 12 {
    topic: Text, 4, 12;
    topic_id: Fixed(16), 13, 18;
    partitions: Array(&Struct(&FETCH_RESPONSE_PARTITION_DATA)), 4, 18;
} }
shape! { FETCH_RESPONSE_NODE_ENDPOINT flexible from 12 {
    node_id: Fixed(4), 16, 18;
    host: Text, 16, 18;
    port: Fixed(4), 16, 18;
    rack: Text, 16, 18;
} }
shape! { FETCH_RESPONSE flexible from 12 {
    throttle_time_ms: Fixed(4), 4, 18;
    error_code: Fixed(2), 7, 18;
    session_id: Fixed(4), 7, 18;
    responses: Array(&Struct(&FETCH_RESPONSE_FETCHABLE_TOPIC_RESPONSE)), 4, 18;
    @0 node_endpoints: Array(&Struct(&FETCH_RESPONSE_NODE_ENDPOINT)), 16, 18;
} }
shape! { LIST_OFFSETS_REQUEST_LIST_OFFSETS_PARTITION flexible from 6 {
    partition_index: Fixed(4), 1, 10;
    current_leader_epoch: Fixed(4), 4, 10;
    timestamp: Fixed(8), 1, 10;
} }
shape! { LIST_OFFSETS_REQUEST_LIST_OFFSETS_TOPIC flexible from 6 {
    name: Text, 1, 10;
    partitions: Array(&Struct(&LIST_OFFSETS_REQUEST_LIST_OFFSETS_PARTITION)), 1, 10;
} }
shape! { LIST_OFFSETS_REQUEST flexible from 6 {
    replica_id: Fixed(4), 1, 10;
    isolation_level: Fixed(1), 2, 10;
    topics: Array(&Struct(&LIST_OFFSETS_REQUEST_LIST_OFFSETS_TOPIC)), 1, 10;
    timeout_ms: Fixed(4), 10, 10;
} }
shape! { LIST_OFFSETS_RESPONSE_LIST_OFFSETS_PARTITION_RESPONSE flexible from 6 {
    partition_index: Fixed(4), 1, 10;
    error_code: Fixed(2), 1, 10;
    timestamp: Fixed(8), 1, 10;
    offset: Fixed(8), 1, 10;
    leader_epoch: Fixed(4), 4, 10;
} }
shape! { LIST_OFFSETS_RESPONSE_LIST_OFFSETS_TOPIC_RESPONSE flexible from 6 {
    name: Text, 1, 10;
    partitions: Array(&Struct(&LIST_OFFSETS_RESPONSE_LIST_OFFSETS_PARTITION_RESPONSE)), 1, 10;
} }
shape! { LIST_OFFSETS_RESPONSE flexible from 6 {
    throttle_time_ms: Fixed(4), 2, 10;
    topics: Array(&Struct(&LIST_OFFSETS_RESPONSE_LIST_OFFSETS_TOPIC_RESPONSE)), 1, 10;
} }
shape! { METADATA_REQUEST_METADATA_REQUEST_TOPIC flexible from 9 {
    topic_id: Fixed(16), 10, 13;
    name: Text, 0, 13;
} }
shape! { METADATA_REQUEST flexible from 9 {
    topics: Array(&Struct(&METADATA_REQUEST_METADATA_REQUEST_TOPIC)), 0, 13;
    allow_auto_topic_creation: Fixed(1), 4, 13;
    include_cluster_authorized_operations: Fixed(1), 8, 10;
    include_topic_authorized_operations: Fixed(1), 8, 13;
} }
shape! { METADATA_RESPONSE_METADATA_RESPONSE_BROKER flexible from 9 {
    node_id: Fixed(4), 0, 13;
    host: Text, 0, 13;
    port: Fixed(4), 0, 13;
    rack: Text, 1, 13;
} }
shape! { METADATA_RESPONSE_METADATA_RESPONSE_PARTITION flexible from 9 {
    error_code: Fixed(2), 0, 13;
    partition_index: Fixed(4), 0, 13;
    leader_id: Fixed(4), 0, 13;
    leader_epoch: Fixed(4), 7, 13;
    replica_nodes: Array(&Fixed(4)), 0, 13;
    isr_nodes: Array(&Fixed(4)), 0, 13;
    offline_replicas: Array(&Fixed(4)), 5, 13;
} }
shape! { METADATA_RESPONSE_METADATA_RESPONSE_TOPIC flexible from 9 {
    error_code: Fixed(2), 0, 13;
    name: Text, 0, 13;
    topic_id: Fixed(16), 10, 13;
    is_internal: Fixed(1), 1, 13;
    partitions: Array(&Struct(&METADATA_RESPONSE_METADATA_RESPONSE_PARTITION)), 0, 13;
    topic_authorized_operations: Fixed(4), 8, 13;
} }
shape! { METADATA_RESPONSE flexible from 9 {
    throttle_time_ms: Fixed(4), 3, 13;
    brokers: Array(&Struct(&METADATA_RESPONSE_METADATA_RESPONSE_BROKER)), 0, 13;
    cluster_id: Text, 2, 13;
    controller_id: Fixed(4), 1, 13;
    topics: Array(&Struct(&METADATA_RESPONSE_METADATA_RESPONSE_TOPIC)), 0, 13;
    cluster_authorized_operations: Fixed(4), 8, 10;
    error_code: Fixed(2), 13, 13;
} }
shape! { FIND_COORDINATOR_REQUEST flexible from 3 {
    key: Text, 0, 3;
    key_type: Fixed(1), 1, 6;
    coordinator_keys: Array(&Text), 4, 6;
} }
shape! { FIND_COORDINATOR_RESPONSE_COORDINATOR flexible from 3 {
    key: Text, 4, 6;
    node_id: Fixed(4), 4, 6;
    host: Text, 4, 6;
    port: Fixed(4), 4, 6;
    error_code: Fixed(2), 4, 6;
    error_message: Text, 4, 6;
} }
shape! { FIND_COORDINATOR_RESPONSE flexible from 3 {
    throttle_time_ms: Fixed(4), 1, 6;
    error_code: Fixed(2), 0, 3;
    error_message: Text, 1, 3;
    node_id: Fixed(4), 0, 3;
    host: Text, 0, 3;
    port: Fixed(4), 0, 3;
    coordinators: Array(&Struct(&FIND_COORDINATOR_RESPONSE_COORDINATOR)), 4, 6;
} }
shape! { API_VERSIONS_REQUEST flexible from 3 {
    client_software_name: Text, 3, 4;
    client_software_version: Text, 3, 4;
} }
shape! { API_VERSIONS_RESPONSE_API_VERSION flexible from 3 {
    api_key: Fixed(2), 0, 4;
    min_version: Fixed(2), 0, 4;
    max_version: Fixed(2), 0, 4;
} }
shape! { API_VERSIONS_RESPONSE_SUPPORTED_FEATURE_KEY flexible from 3 {
    name: Text, 3, 4;
    min_version: Fixed(2), 3, 4;
    max_version: Fixed(2), 3, 4;
} }
shape! { API_VERSIONS_RESPONSE_FINALIZED_FEATURE_KEY flexible from 3 {
    name: Text, 3, 4;
    max_version_level: Fixed(2), 3, 4;
    min_version_level: Fixed(2), 3, 4;
} }
shape! { API_VERSIONS_RESPONSE flexible from 3 {
    error_code: Fixed(2), 0, 4;
    api_keys: Array(&Struct(&API_VERSIONS_RESPONSE_API_VERSION)), 0, 4;
    throttle_time_ms: Fixed(4), 1, 4;
    @0 supported_features: Array(&Struct(&API_VERSIONS_RESPONSE_SUPPORTED_FEATURE_KEY)), 0, 4;
    @1 finalized_features_epoch: Fixed(8), 0, 4;
    @2 finalized_features: Array(&Struct(&API_VERSIONS_RESPONSE_FINALIZED_FEATURE_KEY)), 0, 4;
    @3 zk_migration_ready: Fixed(1), 0, 4;
} }
shape! { CREATE_TOPICS_REQUEST_CREATABLE_REPLICA_ASSIGNMENT flexible from 5 {
    partition_index: Fixed(4), 2, 7;
    broker_ids: Array(&Fixed(4)), 2, 7;
} }
shape! { CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_CONFIG flexible from 5 {
    name: Text, 2, 7;
    value: Text, 2, 7;
} }
shape! { CREATE_TOPICS_REQUEST_CREATABLE_TOPIC flexible from 5 {
    name: Text, 2, 7;
    num_partitions: Fixed(4), 2, 7;
    replication_factor: Fixed(2), 2, 7;
    assignments: Array(&Struct(&CREATE_TOPICS_REQUEST_CREATABLE_REPLICA_ASSIGNMENT)), 2, 7;
    configs: Array(&Struct(&CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_CONFIG)), 2, 7;
} }
shape! { CREATE_TOPICS_REQUEST flexible from 5 {
    topics: Array(&Struct(&CREATE_TOPICS_REQUEST_CREATABLE_TOPIC)), 2, 7;
    timeout_ms: Fixed(4), 2, 7;
    validate_only: Fixed(1), 2, 7;
} }
shape! { CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_CONFIGS flexible from 5 {
    name: Text, 5, 7;
    value: Text, 5, 7;
    read_only: Fixed(1), 5, 7;
    config_source: Fixed(1), 5, 7;
    is_sensitive: Fixed(1), 5, 7;
} }
shape! { CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_RESULT flexible from 5 {
    name: Text, 2, 7;
    topic_id: Fixed(16), 7, 7;
    error_code: Fixed(2), 2, 7;
    error_message: Text, 2, 7;
    num_partitions: Fixed(4), 5, 7;
    replication_factor: Fixed(2), 5, 7;
    configs: Array(&Struct(&CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_CONFIGS)), 5, 7;
    @0 topic_config_error_code: Fixed(2), 2, 7;
} }
shape! { CREATE_TOPICS_RESPONSE flexible from 5 {
    throttle_time_ms: Fixed(4), 2, 7;
    topics: Array(&Struct(&CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_RESULT)), 2, 7;
} }
shape! { OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_PARTITION flexible from 4 {
    partition: Fixed(4), 2, 4;
    current_leader_epoch: Fixed(4), 2, 4;
    leader_epoch: Fixed(4), 2, 4;
} }
shape! { OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_TOPIC flexible from 4 {
    topic: Text, 2, 4;
    partitions: Array(&Struct(&OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_PARTITION)), 2, 4;
} }
shape! { OFFSET_FOR_LEADER_EPOCH_REQUEST flexible from 4 {
    replica_id: Fixed(4), 3, 4;
    topics: Array(&Struct(&OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_TOPIC)), 2, 4;
} }
shape! { OFFSET_FOR_LEADER_EPOCH_RESPONSE_EPOCH_END_OFFSET flexible from 4 {
    error_code: Fixed(2), 2, 4;
    partition: Fixed(4), 2, 4;
    leader_epoch: Fixed(4), 2, 4;
    end_offset: Fixed(8), 2, 4;
} }
shape! { OFFSET_FOR_LEADER_EPOCH_RESPONSE_OFFSET_FOR_LEADER_TOPIC_RESULT flexible from 4 {
    topic: Text, 2, 4;
    partitions: Array(&Struct(&OFFSET_FOR_LEADER_EPOCH_RESPONSE_EPOCH_END_OFFSET)), 2, 4;
} }
shape! { OFFSET_FOR_LEADER_EPOCH_RESPONSE flexible from 4 {
    throttle_time_ms: Fixed(4), 2, 4;
    topics: Array(&Struct(&OFFSET_FOR_LEADER_EPOCH_RESPONSE_OFFSET_FOR_LEADER_TOPIC_RESULT)), 2, 4;
} }
shape! { VOTE_REQUEST_PARTITION_DATA flexible from 0 {
    partition_index: Fixed(4), 0, 2;
    replica_epoch: Fixed(4), 0, 2;
    replica_id: Fixed(4), 0, 2;
    replica_directory_id: Fixed(16), 1, 2;
    voter_directory_id: Fixed(16), 1, 2;
    last_offset_epoch: Fixed(4), 0, 2;
    last_offset: Fixed(8), 0, 2;
    pre_vote: Fixed(1), 2, 2;
} }
shape! { VOTE_REQUEST_TOPIC_DATA flexible from 0 {
    topic_name: Text, 0, 2;
    partitions: Array(&Struct(&VOTE_REQUEST_PARTITION_DATA)), 0, 2;
} }
shape! { VOTE_REQUEST flexible from 0 {
    cluster_id: Text, 0, 2;
    voter_id: Fixed(4), 1, 2;
    topics: Array(&Struct(&VOTE_REQUEST_TOPIC_DATA)), 0, 2;
} }
shape! { VOTE_RESPONSE_PARTITION_DATA flexible from 0 {
    partition_index: Fixed(4), 0, 2;
    error_code: Fixed(2), 0, 2;
    leader_id: Fixed(4), 0, 2;
    leader_epoch: Fixed(4), 0, 2;
    vote_granted: Fixed(1), 0, 2;
} }
shape! { VOTE_RESPONSE_TOPIC_DATA flexible from 0 {
    topic_name: Text, 0, 2;
    partitions: Array(&Struct(&VOTE_RESPONSE_PARTITION_DATA)), 0, 2;
} }
shape! { VOTE_RESPONSE_NODE_ENDPOINT flexible from 0 {
    node_id: Fixed(4), 1, 2;
    host: Text, 1, 2;
    port: Fixed(2), 1, 2;
} }
shape! { VOTE_RESPONSE flexible from 0 {
    error_code: Fixed(2), 0, 2;
    topics: Array(&Struct(&VOTE_RESPONSE_TOPIC_DATA)), 0, 2;
    @0 node_endpoints: Array(&Struct(&VOTE_RESPONSE_NODE_ENDPOINT)), 1, 2;
} }
shape! { BEGIN_QUORUM_EPOCH_REQUEST_PARTITION_DATA flexible from 1 {
    partition_index: Fixed(4), 0, 1;
    voter_directory_id: Fixed(16), 1, 1;
    leader_id: Fixed(4), 0, 1;
    leader_epoch: Fixed(4), 0, 1;
} }
shape! { BEGIN_QUORUM_EPOCH_REQUEST_TOPIC_DATA flexible from 1 {
    topic_name: Text, 0, 1;
    partitions: Array(&Struct(&BEGIN_QUORUM_EPOCH_REQUEST_PARTITION_DATA)), 0, 1;
} }
shape! { BEGIN_QUORUM_EPOCH_REQUEST_LEADER_ENDPOINT flexible from 1 {
    name: Text, 1, 1;
    host: Text, 1, 1;
    port: Fixed(2), 1, 1;
} }
shape! { BEGIN_QUORUM_EPOCH_REQUEST flexible from 1 {
    cluster_id: Text, 0, 1;
    voter_id: Fixed(4), 1, 1;
    topics: Array(&Struct(&BEGIN_QUORUM_EPOCH_REQUEST_TOPIC_DATA)), 0, 1;
    leader_endpoints: Array(&Struct(&BEGIN_QUORUM_EPOCH_REQUEST_LEADER_ENDPOINT)), 1, 1;
} }
shape! { BEGIN_QUORUM_EPOCH_RESPONSE_PARTITION_DATA flexible from 1 {
    partition_index: Fixed(4), 0, 1;
    error_code: Fixed(2), 0, 1;
    leader_id: Fixed(4), 0, 1;
    leader_epoch: Fixed(4), 0, 1;
} }
shape! { BEGIN_QUORUM_EPOCH_RESPONSE_TOPIC_DATA flexible from 1 {
    topic_name: Text, 0, 1;
    partitions: Array(&Struct(&BEGIN_QUORUM_EPOCH_RESPONSE_PARTITION_DATA)), 0, 1;
} }
shape! { BEGIN_QUORUM_EPOCH_RESPONSE_NODE_ENDPOINT flexible from 1 {
    node_id: Fixed(4), 1, 1;
    host: Text, 1, 1;
    port: Fixed(2), 1, 1;
} }
shape! { BEGIN_QUORUM_EPOCH_RESPONSE flexible from 1 {
    error_code: Fixed(2), 0, 1;
    topics: Array(&Struct(&BEGIN_QUORUM_EPOCH_RESPONSE_TOPIC_DATA)), 0, 1;
    @0 node_endpoints: Array(&Struct(&BEGIN_QUORUM_EPOCH_RESPONSE_NODE_ENDPOINT)), 0, 1;
} }
shape! { END_QUORUM_EPOCH_REQUEST_REPLICA_INFO flexible from 1 {
    candidate_id: Fixed(4), 1, 1;
    candidate_directory_id: Fixed(16), 1, 1;
} }
shape! { END_QUORUM_EPOCH_REQUEST_PARTITION_DATA flexible from 1 {
    partition_index: Fixed(4), 0, 1;
    leader_id: Fixed(4), 0, 1;
    leader_epoch: Fixed(4), 0, 1;
    preferred_successors: Array(&Fixed(4)), 0, 0;
    preferred_candidates: Array(&Struct(&END_QUORUM_EPOCH_REQUEST_REPLICA_INFO)), 1, 1;
} }
shape! { END_QUORUM_EPOCH_REQUEST_TOPIC_DATA flexible from 1 {
    topic_name: Text, 0, 1;
    partitions: Array(&Struct(&END_QUORUM_EPOCH_REQUEST_PARTITION_DATA)), 0, 1;
} }
shape! { END_QUORUM_EPOCH_REQUEST_LEADER_ENDPOINT flexible from 1 {
    name: Text, 1, 1;
    host: Text, 1, 1;
    port: Fixed(2), 1, 1;
} }
shape! { END_QUORUM_EPOCH_REQUEST flexible from 1 {
    cluster_id: Text, 0, 1;
    topics: Array(&Struct(&END_QUORUM_EPOCH_REQUEST_TOPIC_DATA)), 0, 1;
    leader_endpoints: Array(&Struct(&END_QUORUM_EPOCH_REQUEST_LEADER_ENDPOINT)), 1, 1;
} }
shape! { END_QUORUM_EPOCH_RESPONSE_PARTITION_DATA flexible from 1 {
    partition_index: Fixed(4), 0, 1;
    error_code: Fixed(2), 0, 1;
    leader_id: Fixed(4), 0, 1;
    leader_epoch: Fixed(4), 0, 1;
} }
shape! { END_QUORUM_EPOCH_RESPONSE_TOPIC_DATA flexible from 1 {
    topic_name: Text, 0, 1;
    partitions: Array(&Struct(&END_QUORUM_EPOCH_RESPONSE_PARTITION_DATA)), 0, 1;
} }
shape! { END_QUORUM_EPOCH_RESPONSE_NODE_ENDPOINT flexible from 1 {
    node_id: Fixed(4), 1, 1;
    host: Text, 1, 1;
    port: Fixed(2), 1, 1;
} }
shape! { END_QUORUM_EPOCH_RESPONSE flexible from 1 {
    error_code: Fixed(2), 0, 1;
    topics: Array(&Struct(&END_QUORUM_EPOCH_RESPONSE_TOPIC_DATA)), 0, 1;
    @0 node_endpoints: Array(&Struct(&END_QUORUM_EPOCH_RESPONSE_NODE_ENDPOINT)), 0, 1;
} }
shape! { ALTER_PARTITION_REQUEST_BROKER_STATE flexible from 2 {
    broker_id: Fixed(4), 3, 3;
    broker_epoch: Fixed(8), 3, 3;
} }
shape! { ALTER_PARTITION_REQUEST_PARTITION_DATA flexible from 2 {
    partition_index: Fixed(4), 2, 3;
    leader_epoch: Fixed(4), 2, 3;
    new_isr: Array(&Fixed(4)), 2, 2;
    new_isr_with_epochs: Array(&Struct(&ALTER_PARTITION_REQUEST_BROKER_STATE)), 3, 3;
    leader_recovery_state: Fixed(1), 2, 3;
    partition_epoch: Fixed(4), 2, 3;
} }
shape! { ALTER_PARTITION_REQUEST_TOPIC_DATA flexible from 2 {
    topic_id: Fixed(16), 2, 3;
    partitions: Array(&Struct(&ALTER_PARTITION_REQUEST_PARTITION_DATA)), 2, 3;
} }
shape! { ALTER_PARTITION_REQUEST flexible from 2 {
    broker_id: Fixed(4), 2, 3;
    broker_epoch: Fixed(8), 2, 3;
    topics: Array(&Struct(&ALTER_PARTITION_REQUEST_TOPIC_DATA)), 2, 3;
} }
shape! { ALTER_PARTITION_RESPONSE_PARTITION_DATA flexible from 2 {
    partition_index: Fixed(4), 2, 3;
    error_code: Fixed(2), 2, 3;
    leader_id: Fixed(4), 2, 3;
    leader_epoch: Fixed(4), 2, 3;
    isr: Array(&Fixed(4)), 2, 3;
    leader_recovery_state: Fixed(1), 2, 3;
    partition_epoch: Fixed(4), 2, 3;
} }
shape! { ALTER_PARTITION_RESPONSE_TOPIC_DATA flexible from 2 {
    topic_id: Fixed(16), 2, 3;
    partitions: Array(&Struct(&ALTER_PARTITION_RESPONSE_PARTITION_DATA)), 2, 3;
} }
shape! { ALTER_PARTITION_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 2, 3;
    error_code: Fixed(2), 2, 3;
    topics: Array(&Struct(&ALTER_PARTITION_RESPONSE_TOPIC_DATA)), 2, 3;
} }
shape! { DESCRIBE_CLUSTER_REQUEST flexible from 0 {
    include_cluster_authorized_operations: Fixed(1), 0, 2;
    endpoint_type: Fixed(1), 1, 2;
    include_fenced_brokers: Fixed(1), 2, 2;
} }
shape! { DESCRIBE_CLUSTER_RESPONSE_DESCRIBE_CLUSTER_BROKER flexible from 0 {
    broker_id: Fixed(4), 0, 2;
    host: Text, 0, 2;
    port: Fixed(4), 0, 2;
    rack: Text, 0, 2;
    is_fenced: Fixed(1), 2, 2;
} }
shape! { DESCRIBE_CLUSTER_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 2;
    error_code: Fixed(2), 0, 2;
    error_message: Text, 0, 2;
    endpoint_type: Fixed(1), 1, 2;
    cluster_id: Text, 0, 2;
    controller_id: Fixed(4), 0, 2;
    brokers: Array(&Struct(&DESCRIBE_CLUSTER_RESPONSE_DESCRIBE_CLUSTER_BROKER)), 0, 2;
    cluster_authorized_operations: Fixed(4), 0, 2;
} }
shape! { BROKER_REGISTRATION_REQUEST_LISTENER flexible from 0 {
    name: Text, 0, 4;
    host: Text, 0, 4;
    port: Fixed(2), 0, 4;
    security_protocol: Fixed(2), 0, 4;
} }
shape! { BROKER_REGISTRATION_REQUEST_FEATURE flexible from 0 {
    name: Text, 0, 4;
    min_supported_version: Fixed(2), 0, 4;
    max_supported_version: Fixed(2), 0, 4;
} }
shape! { BROKER_REGISTRATION_REQUEST flexible from 0 {
    broker_id: Fixed(4), 0, 4;
    cluster_id: Text, 0, 4;
    incarnation_id: Fixed(16), 0, 4;
    listeners: Array(&Struct(&BROKER_REGISTRATION_REQUEST_LISTENER)), 0, 4;
    features: Array(&Struct(&BROKER_REGISTRATION_REQUEST_FEATURE)), 0, 4;
    rack: Text, 0, 4;
    is_migrating_zk_broker: Fixed(1), 1, 4;
    log_dirs: Array(&Fixed(16)), 2, 4;
    previous_broker_epoch: Fixed(8), 3, 4;
} }
shape! { BROKER_REGISTRATION_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 4;
    error_code: Fixed(2), 0, 4;
    broker_epoch: Fixed(8), 0, 4;
} }
shape! { BROKER_HEARTBEAT_REQUEST flexible from 0 {
    broker_id: Fixed(4), 0, 1;
    broker_epoch: Fixed(8), 0, 1;
    current_metadata_offset: Fixed(8), 0, 1;
    want_fence: Fixed(1), 0, 1;
    want_shut_down: Fixed(1), 0, 1;
    @0 offline_log_dirs: Array(&Fixed(16)), 1, 1;
} }
shape! { BROKER_HEARTBEAT_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 1;
    error_code: Fixed(2), 0, 1;
    is_caught_up: Fixed(1), 0, 1;
    is_fenced: Fixed(1), 0, 1;
    should_shut_down: Fixed(1), 0, 1;
} }

/// The shape of a request.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the codec crate's keys are far more than our table"
)]
pub(super) fn request(api: ApiKey) -> Option<&'static Shape> {
    match api {
        ApiKey::Produce => Some(&PRODUCE_REQUEST),
        ApiKey::Fetch => Some(&FETCH_REQUEST),
        ApiKey::ListOffsets => Some(&LIST_OFFSETS_REQUEST),
        ApiKey::Metadata => Some(&METADATA_REQUEST),
        ApiKey::FindCoordinator => Some(&FIND_COORDINATOR_REQUEST),
        ApiKey::ApiVersions => Some(&API_VERSIONS_REQUEST),
        ApiKey::CreateTopics => Some(&CREATE_TOPICS_REQUEST),
        ApiKey::OffsetForLeaderEpoch => Some(&OFFSET_FOR_LEADER_EPOCH_REQUEST),
        ApiKey::Vote => Some(&VOTE_REQUEST),
        ApiKey::BeginQuorumEpoch => Some(&BEGIN_QUORUM_EPOCH_REQUEST),
        ApiKey::EndQuorumEpoch => Some(&END_QUORUM_EPOCH_REQUEST),
        ApiKey::AlterPartition => Some(&ALTER_PARTITION_REQUEST),
        ApiKey::DescribeCluster => Some(&DESCRIBE_CLUSTER_REQUEST),
        ApiKey::BrokerRegistration => Some(&BROKER_REGISTRATION_REQUEST),
        ApiKey::BrokerHeartbeat => Some(&BROKER_HEARTBEAT_REQUEST),
        other => admin::request(other)
            .or_else(|| groups::request(other))
            .or_else(|| inspection::request(other)),
    }
}

/// The shape of a response.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the codec crate's keys are far more than our table"
)]
pub(super) fn response(api: ApiKey) -> Option<&'static Shape> {
    match api {
        ApiKey::Produce => Some(&PRODUCE_RESPONSE),
        ApiKey::Fetch => Some(&FETCH_RESPONSE),
        ApiKey::ListOffsets => Some(&LIST_OFFSETS_RESPONSE),
        ApiKey::Metadata => Some(&METADATA_RESPONSE),
        ApiKey::FindCoordinator => Some(&FIND_COORDINATOR_RESPONSE),
        ApiKey::ApiVersions => Some(&API_VERSIONS_RESPONSE),
        ApiKey::CreateTopics => Some(&CREATE_TOPICS_RESPONSE),
        ApiKey::OffsetForLeaderEpoch => Some(&OFFSET_FOR_LEADER_EPOCH_RESPONSE),
        ApiKey::Vote => Some(&VOTE_RESPONSE),
        ApiKey::BeginQuorumEpoch => Some(&BEGIN_QUORUM_EPOCH_RESPONSE),
        ApiKey::EndQuorumEpoch => Some(&END_QUORUM_EPOCH_RESPONSE),
        ApiKey::AlterPartition => Some(&ALTER_PARTITION_RESPONSE),
        ApiKey::DescribeCluster => Some(&DESCRIBE_CLUSTER_RESPONSE),
        ApiKey::BrokerRegistration => Some(&BROKER_REGISTRATION_RESPONSE),
        ApiKey::BrokerHeartbeat => Some(&BROKER_HEARTBEAT_RESPONSE),
        other => admin::response(other)
            .or_else(|| groups::response(other))
            .or_else(|| inspection::response(other)),
    }
}
