//! The shapes of the messages by which a cluster is administered and its controllers speak, as Kafka 4 has them.

use std::sync::OnceLock;

use kafka_protocol::messages::ApiKey;

use super::super::Kind::{Array, Blob, Fixed, Nullable, Struct, Text};
use super::super::{Field, Shape, Tagged};

shape! { DESCRIBE_TOPIC_PARTITIONS_CURSOR flexible from 0 {
    topic_name: Text, 0, 0;
    partition_index: Fixed(4), 0, 0;
} }
shape! { DESCRIBE_TOPIC_PARTITIONS_REQUEST_TOPIC_REQUEST flexible from 0 {
    name: Text, 0, 0;
} }
shape! { DESCRIBE_TOPIC_PARTITIONS_REQUEST flexible from 0 {
    topics: Array(&Struct(&DESCRIBE_TOPIC_PARTITIONS_REQUEST_TOPIC_REQUEST)), 0, 0;
    response_partition_limit: Fixed(4), 0, 0;
    cursor: Nullable(&DESCRIBE_TOPIC_PARTITIONS_CURSOR), 0, 0;
} }
shape! { DESCRIBE_TOPIC_PARTITIONS_RESPONSE_PARTITION flexible from 0 {
    error_code: Fixed(2), 0, 0;
    partition_index: Fixed(4), 0, 0;
    leader_id: Fixed(4), 0, 0;
    leader_epoch: Fixed(4), 0, 0;
    replica_nodes: Array(&Fixed(4)), 0, 0;
    isr_nodes: Array(&Fixed(4)), 0, 0;
    eligible_leader_replicas: Array(&Fixed(4)), 0, 0;
    last_known_elr: Array(&Fixed(4)), 0, 0;
    offline_replicas: Array(&Fixed(4)), 0, 0;
} }
shape! { DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC flexible from 0 {
    error_code: Fixed(2), 0, 0;
    name: Text, 0, 0;
    topic_id: Fixed(16), 0, 0;
    is_internal: Fixed(1), 0, 0;
    partitions: Array(&Struct(&DESCRIBE_TOPIC_PARTITIONS_RESPONSE_PARTITION)), 0, 0;
    topic_authorized_operations: Fixed(4), 0, 0;
} }
shape! { DESCRIBE_TOPIC_PARTITIONS_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 0;
    topics: Array(&Struct(&DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC)), 0, 0;
    next_cursor: Nullable(&DESCRIBE_TOPIC_PARTITIONS_CURSOR), 0, 0;
} }
shape! { DELETE_TOPICS_REQUEST_DELETE_TOPIC_STATE flexible from 4 {
    name: Text, 6, 6;
    topic_id: Fixed(16), 6, 6;
} }
shape! { DELETE_TOPICS_REQUEST flexible from 4 {
    topics: Array(&Struct(&DELETE_TOPICS_REQUEST_DELETE_TOPIC_STATE)), 6, 6;
    topic_names: Array(&Text), 1, 5;
    timeout_ms: Fixed(4), 1, 6;
} }
shape! { DELETE_TOPICS_RESPONSE_DELETABLE_TOPIC_RESULT flexible from 4 {
    name: Text, 1, 6;
    topic_id: Fixed(16), 6, 6;
    error_code: Fixed(2), 1, 6;
    error_message: Text, 5, 6;
} }
shape! { DELETE_TOPICS_RESPONSE flexible from 4 {
    throttle_time_ms: Fixed(4), 1, 6;
    responses: Array(&Struct(&DELETE_TOPICS_RESPONSE_DELETABLE_TOPIC_RESULT)), 1, 6;
} }
shape! { DELETE_RECORDS_REQUEST_DELETE_RECORDS_PARTITION flexible from 2 {
    partition_index: Fixed(4), 0, 2;
    offset: Fixed(8), 0, 2;
} }
shape! { DELETE_RECORDS_REQUEST_DELETE_RECORDS_TOPIC flexible from 2 {
    name: Text, 0, 2;
    partitions: Array(&Struct(&DELETE_RECORDS_REQUEST_DELETE_RECORDS_PARTITION)), 0, 2;
} }
shape! { DELETE_RECORDS_REQUEST flexible from 2 {
    topics: Array(&Struct(&DELETE_RECORDS_REQUEST_DELETE_RECORDS_TOPIC)), 0, 2;
    timeout_ms: Fixed(4), 0, 2;
} }
shape! { DELETE_RECORDS_RESPONSE_DELETE_RECORDS_PARTITION_RESULT flexible from 2 {
    partition_index: Fixed(4), 0, 2;
    low_watermark: Fixed(8), 0, 2;
    error_code: Fixed(2), 0, 2;
} }
shape! { DELETE_RECORDS_RESPONSE_DELETE_RECORDS_TOPIC_RESULT flexible from 2 {
    name: Text, 0, 2;
    partitions: Array(&Struct(&DELETE_RECORDS_RESPONSE_DELETE_RECORDS_PARTITION_RESULT)), 0, 2;
} }
shape! { DELETE_RECORDS_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 0, 2;
    topics: Array(&Struct(&DELETE_RECORDS_RESPONSE_DELETE_RECORDS_TOPIC_RESULT)), 0, 2;
} }
shape! { INIT_PRODUCER_ID_REQUEST flexible from 2 {
    transactional_id: Text, 0, 5;
    transaction_timeout_ms: Fixed(4), 0, 5;
    producer_id: Fixed(8), 3, 5;
    producer_epoch: Fixed(2), 3, 5;
} }
shape! { INIT_PRODUCER_ID_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 0, 6;
    error_code: Fixed(2), 0, 6;
    producer_id: Fixed(8), 0, 6;
    producer_epoch: Fixed(2), 0, 6;
} }
shape! { DESCRIBE_CONFIGS_REQUEST_DESCRIBE_CONFIGS_RESOURCE flexible from 4 {
    resource_type: Fixed(1), 1, 4;
    resource_name: Text, 1, 4;
    configuration_keys: Array(&Text), 1, 4;
} }
shape! { DESCRIBE_CONFIGS_REQUEST flexible from 4 {
    resources: Array(&Struct(&DESCRIBE_CONFIGS_REQUEST_DESCRIBE_CONFIGS_RESOURCE)), 1, 4;
    include_synonyms: Fixed(1), 1, 4;
    include_documentation: Fixed(1), 3, 4;
} }
shape! { DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_SYNONYM flexible from 4 {
    name: Text, 1, 4;
    value: Text, 1, 4;
    source: Fixed(1), 1, 4;
} }
shape! { DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_RESOURCE_RESULT flexible from 4 {
    name: Text, 1, 4;
    value: Text, 1, 4;
    read_only: Fixed(1), 1, 4;
    config_source: Fixed(1), 1, 4;
    is_sensitive: Fixed(1), 1, 4;
    synonyms: Array(&Struct(&DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_SYNONYM)), 1, 4;
    config_type: Fixed(1), 3, 4;
    documentation: Text, 3, 4;
} }
shape! { DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_RESULT flexible from 4 {
    error_code: Fixed(2), 1, 4;
    error_message: Text, 1, 4;
    resource_type: Fixed(1), 1, 4;
    resource_name: Text, 1, 4;
    configs: Array(&Struct(&DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_RESOURCE_RESULT)), 1, 4;
} }
shape! { DESCRIBE_CONFIGS_RESPONSE flexible from 4 {
    throttle_time_ms: Fixed(4), 1, 4;
    results: Array(&Struct(&DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_RESULT)), 1, 4;
} }
shape! { ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG flexible from 2 {
    name: Text, 0, 2;
    value: Text, 0, 2;
} }
shape! { ALTER_CONFIGS_REQUEST_ALTER_CONFIGS_RESOURCE flexible from 2 {
    resource_type: Fixed(1), 0, 2;
    resource_name: Text, 0, 2;
    configs: Array(&Struct(&ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG)), 0, 2;
} }
shape! { ALTER_CONFIGS_REQUEST flexible from 2 {
    resources: Array(&Struct(&ALTER_CONFIGS_REQUEST_ALTER_CONFIGS_RESOURCE)), 0, 2;
    validate_only: Fixed(1), 0, 2;
} }
shape! { ALTER_CONFIGS_RESPONSE_ALTER_CONFIGS_RESOURCE_RESPONSE flexible from 2 {
    error_code: Fixed(2), 0, 2;
    error_message: Text, 0, 2;
    resource_type: Fixed(1), 0, 2;
    resource_name: Text, 0, 2;
} }
shape! { ALTER_CONFIGS_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 0, 2;
    responses: Array(&Struct(&ALTER_CONFIGS_RESPONSE_ALTER_CONFIGS_RESOURCE_RESPONSE)), 0, 2;
} }
shape! { CREATE_PARTITIONS_REQUEST_CREATE_PARTITIONS_ASSIGNMENT flexible from 2 {
    broker_ids: Array(&Fixed(4)), 0, 3;
} }
shape! { CREATE_PARTITIONS_REQUEST_CREATE_PARTITIONS_TOPIC flexible from 2 {
    name: Text, 0, 3;
    count: Fixed(4), 0, 3;
    assignments: Array(&Struct(&CREATE_PARTITIONS_REQUEST_CREATE_PARTITIONS_ASSIGNMENT)), 0, 3;
} }
shape! { CREATE_PARTITIONS_REQUEST flexible from 2 {
    topics: Array(&Struct(&CREATE_PARTITIONS_REQUEST_CREATE_PARTITIONS_TOPIC)), 0, 3;
    timeout_ms: Fixed(4), 0, 3;
    validate_only: Fixed(1), 0, 3;
} }
shape! { CREATE_PARTITIONS_RESPONSE_CREATE_PARTITIONS_TOPIC_RESULT flexible from 2 {
    name: Text, 0, 3;
    error_code: Fixed(2), 0, 3;
    error_message: Text, 0, 3;
} }
shape! { CREATE_PARTITIONS_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 0, 3;
    results: Array(&Struct(&CREATE_PARTITIONS_RESPONSE_CREATE_PARTITIONS_TOPIC_RESULT)), 0, 3;
} }
shape! { ELECT_LEADERS_REQUEST_TOPIC_PARTITIONS flexible from 2 {
    topic: Text, 0, 2;
    partitions: Array(&Fixed(4)), 0, 2;
} }
shape! { ELECT_LEADERS_REQUEST flexible from 2 {
    election_type: Fixed(1), 1, 2;
    topic_partitions: Array(&Struct(&ELECT_LEADERS_REQUEST_TOPIC_PARTITIONS)), 0, 2;
    timeout_ms: Fixed(4), 0, 2;
} }
shape! { ELECT_LEADERS_RESPONSE_PARTITION_RESULT flexible from 2 {
    partition_id: Fixed(4), 0, 2;
    error_code: Fixed(2), 0, 2;
    error_message: Text, 0, 2;
} }
shape! { ELECT_LEADERS_RESPONSE_REPLICA_ELECTION_RESULT flexible from 2 {
    topic: Text, 0, 2;
    partition_result: Array(&Struct(&ELECT_LEADERS_RESPONSE_PARTITION_RESULT)), 0, 2;
} }
shape! { ELECT_LEADERS_RESPONSE flexible from 2 {
    throttle_time_ms: Fixed(4), 0, 2;
    error_code: Fixed(2), 1, 2;
    replica_election_results: Array(&Struct(&ELECT_LEADERS_RESPONSE_REPLICA_ELECTION_RESULT)), 0, 2;
} }
shape! { INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG flexible from 1 {
    name: Text, 0, 1;
    config_operation: Fixed(1), 0, 1;
    value: Text, 0, 1;
} }
shape! { INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTER_CONFIGS_RESOURCE flexible from 1 {
    resource_type: Fixed(1), 0, 1;
    resource_name: Text, 0, 1;
    configs: Array(&Struct(&INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG)), 0, 1;
} }
shape! { INCREMENTAL_ALTER_CONFIGS_REQUEST flexible from 1 {
    resources: Array(&Struct(&INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTER_CONFIGS_RESOURCE)), 0, 1;
    validate_only: Fixed(1), 0, 1;
} }
shape! { INCREMENTAL_ALTER_CONFIGS_RESPONSE_ALTER_CONFIGS_RESOURCE_RESPONSE flexible from 1 {
    error_code: Fixed(2), 0, 1;
    error_message: Text, 0, 1;
    resource_type: Fixed(1), 0, 1;
    resource_name: Text, 0, 1;
} }
shape! { INCREMENTAL_ALTER_CONFIGS_RESPONSE flexible from 1 {
    throttle_time_ms: Fixed(4), 0, 1;
    responses: Array(&Struct(&INCREMENTAL_ALTER_CONFIGS_RESPONSE_ALTER_CONFIGS_RESOURCE_RESPONSE)), 0, 1;
} }
shape! { ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_PARTITION flexible from 0 {
    partition_index: Fixed(4), 0, 1;
    replicas: Array(&Fixed(4)), 0, 1;
} }
shape! { ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_TOPIC flexible from 0 {
    name: Text, 0, 1;
    partitions: Array(&Struct(&ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_PARTITION)), 0, 1;
} }
shape! { ALTER_PARTITION_REASSIGNMENTS_REQUEST flexible from 0 {
    timeout_ms: Fixed(4), 0, 1;
    allow_replication_factor_change: Fixed(1), 1, 1;
    topics: Array(&Struct(&ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_TOPIC)), 0, 1;
} }
shape! { ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_PARTITION_RESPONSE flexible from 0 {
    partition_index: Fixed(4), 0, 1;
    error_code: Fixed(2), 0, 1;
    error_message: Text, 0, 1;
} }
shape! { ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_TOPIC_RESPONSE flexible from 0 {
    name: Text, 0, 1;
    partitions: Array(&Struct(&ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_PARTITION_RESPONSE)), 0, 1;
} }
shape! { ALTER_PARTITION_REASSIGNMENTS_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 1;
    allow_replication_factor_change: Fixed(1), 1, 1;
    error_code: Fixed(2), 0, 1;
    error_message: Text, 0, 1;
    responses: Array(&Struct(&ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_TOPIC_RESPONSE)), 0, 1;
} }
shape! { LIST_PARTITION_REASSIGNMENTS_REQUEST_LIST_PARTITION_REASSIGNMENTS_TOPICS flexible from 0 {
    name: Text, 0, 0;
    partition_indexes: Array(&Fixed(4)), 0, 0;
} }
shape! { LIST_PARTITION_REASSIGNMENTS_REQUEST flexible from 0 {
    timeout_ms: Fixed(4), 0, 0;
    topics: Array(&Struct(&LIST_PARTITION_REASSIGNMENTS_REQUEST_LIST_PARTITION_REASSIGNMENTS_TOPICS)), 0, 0;
} }
shape! { LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_PARTITION_REASSIGNMENT flexible from 0 {
    partition_index: Fixed(4), 0, 0;
    replicas: Array(&Fixed(4)), 0, 0;
    adding_replicas: Array(&Fixed(4)), 0, 0;
    removing_replicas: Array(&Fixed(4)), 0, 0;
} }
shape! { LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_TOPIC_REASSIGNMENT flexible from 0 {
    name: Text, 0, 0;
    partitions: Array(&Struct(&LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_PARTITION_REASSIGNMENT)), 0, 0;
} }
shape! { LIST_PARTITION_REASSIGNMENTS_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
    error_message: Text, 0, 0;
    topics: Array(&Struct(&LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_TOPIC_REASSIGNMENT)), 0, 0;
} }
shape! { DESCRIBE_CLIENT_QUOTAS_REQUEST_COMPONENT_DATA flexible from 1 {
    entity_type: Text, 0, 1;
    match_type: Fixed(1), 0, 1;
    match: Text, 0, 1;
} }
shape! { DESCRIBE_CLIENT_QUOTAS_REQUEST flexible from 1 {
    components: Array(&Struct(&DESCRIBE_CLIENT_QUOTAS_REQUEST_COMPONENT_DATA)), 0, 1;
    strict: Fixed(1), 0, 1;
} }
shape! { DESCRIBE_CLIENT_QUOTAS_RESPONSE_ENTITY_DATA flexible from 1 {
    entity_type: Text, 0, 1;
    entity_name: Text, 0, 1;
} }
shape! { DESCRIBE_CLIENT_QUOTAS_RESPONSE_VALUE_DATA flexible from 1 {
    key: Text, 0, 1;
    value: Fixed(8), 0, 1;
} }
shape! { DESCRIBE_CLIENT_QUOTAS_RESPONSE_ENTRY_DATA flexible from 1 {
    entity: Array(&Struct(&DESCRIBE_CLIENT_QUOTAS_RESPONSE_ENTITY_DATA)), 0, 1;
    values: Array(&Struct(&DESCRIBE_CLIENT_QUOTAS_RESPONSE_VALUE_DATA)), 0, 1;
} }
shape! { DESCRIBE_CLIENT_QUOTAS_RESPONSE flexible from 1 {
    throttle_time_ms: Fixed(4), 0, 1;
    error_code: Fixed(2), 0, 1;
    error_message: Text, 0, 1;
    entries: Array(&Struct(&DESCRIBE_CLIENT_QUOTAS_RESPONSE_ENTRY_DATA)), 0, 1;
} }
shape! { ALTER_CLIENT_QUOTAS_REQUEST_ENTITY_DATA flexible from 1 {
    entity_type: Text, 0, 1;
    entity_name: Text, 0, 1;
} }
shape! { ALTER_CLIENT_QUOTAS_REQUEST_OP_DATA flexible from 1 {
    key: Text, 0, 1;
    value: Fixed(8), 0, 1;
    remove: Fixed(1), 0, 1;
} }
shape! { ALTER_CLIENT_QUOTAS_REQUEST_ENTRY_DATA flexible from 1 {
    entity: Array(&Struct(&ALTER_CLIENT_QUOTAS_REQUEST_ENTITY_DATA)), 0, 1;
    ops: Array(&Struct(&ALTER_CLIENT_QUOTAS_REQUEST_OP_DATA)), 0, 1;
} }
shape! { ALTER_CLIENT_QUOTAS_REQUEST flexible from 1 {
    entries: Array(&Struct(&ALTER_CLIENT_QUOTAS_REQUEST_ENTRY_DATA)), 0, 1;
    validate_only: Fixed(1), 0, 1;
} }
shape! { ALTER_CLIENT_QUOTAS_RESPONSE_ENTITY_DATA flexible from 1 {
    entity_type: Text, 0, 1;
    entity_name: Text, 0, 1;
} }
shape! { ALTER_CLIENT_QUOTAS_RESPONSE_ENTRY_DATA flexible from 1 {
    error_code: Fixed(2), 0, 1;
    error_message: Text, 0, 1;
    entity: Array(&Struct(&ALTER_CLIENT_QUOTAS_RESPONSE_ENTITY_DATA)), 0, 1;
} }
shape! { ALTER_CLIENT_QUOTAS_RESPONSE flexible from 1 {
    throttle_time_ms: Fixed(4), 0, 1;
    entries: Array(&Struct(&ALTER_CLIENT_QUOTAS_RESPONSE_ENTRY_DATA)), 0, 1;
} }
shape! { DESCRIBE_QUORUM_REQUEST_PARTITION_DATA flexible from 0 {
    partition_index: Fixed(4), 0, 2;
} }
shape! { DESCRIBE_QUORUM_REQUEST_TOPIC_DATA flexible from 0 {
    topic_name: Text, 0, 2;
    partitions: Array(&Struct(&DESCRIBE_QUORUM_REQUEST_PARTITION_DATA)), 0, 2;
} }
shape! { DESCRIBE_QUORUM_REQUEST flexible from 0 {
    topics: Array(&Struct(&DESCRIBE_QUORUM_REQUEST_TOPIC_DATA)), 0, 2;
} }
shape! { DESCRIBE_QUORUM_RESPONSE_REPLICA_STATE flexible from 0 {
    replica_id: Fixed(4), 0, 2;
    replica_directory_id: Fixed(16), 2, 2;
    log_end_offset: Fixed(8), 0, 2;
    last_fetch_timestamp: Fixed(8), 1, 2;
    last_caught_up_timestamp: Fixed(8), 1, 2;
} }
shape! { DESCRIBE_QUORUM_RESPONSE_PARTITION_DATA flexible from 0 {
    partition_index: Fixed(4), 0, 2;
    error_code: Fixed(2), 0, 2;
    error_message: Text, 2, 2;
    leader_id: Fixed(4), 0, 2;
    leader_epoch: Fixed(4), 0, 2;
    high_watermark: Fixed(8), 0, 2;
    current_voters: Array(&Struct(&DESCRIBE_QUORUM_RESPONSE_REPLICA_STATE)), 0, 2;
    observers: Array(&Struct(&DESCRIBE_QUORUM_RESPONSE_REPLICA_STATE)), 0, 2;
} }
shape! { DESCRIBE_QUORUM_RESPONSE_TOPIC_DATA flexible from 0 {
    topic_name: Text, 0, 2;
    partitions: Array(&Struct(&DESCRIBE_QUORUM_RESPONSE_PARTITION_DATA)), 0, 2;
} }
shape! { DESCRIBE_QUORUM_RESPONSE_LISTENER flexible from 0 {
    name: Text, 2, 2;
    host: Text, 2, 2;
    port: Fixed(2), 2, 2;
} }
shape! { DESCRIBE_QUORUM_RESPONSE_NODE flexible from 0 {
    node_id: Fixed(4), 2, 2;
    listeners: Array(&Struct(&DESCRIBE_QUORUM_RESPONSE_LISTENER)), 2, 2;
} }
shape! { DESCRIBE_QUORUM_RESPONSE flexible from 0 {
    error_code: Fixed(2), 0, 2;
    error_message: Text, 2, 2;
    topics: Array(&Struct(&DESCRIBE_QUORUM_RESPONSE_TOPIC_DATA)), 0, 2;
    nodes: Array(&Struct(&DESCRIBE_QUORUM_RESPONSE_NODE)), 2, 2;
} }
shape! { UPDATE_FEATURES_REQUEST_FEATURE_UPDATE_KEY flexible from 0 {
    feature: Text, 0, 2;
    max_version_level: Fixed(2), 0, 2;
    allow_downgrade: Fixed(1), 0, 0;
    upgrade_type: Fixed(1), 1, 2;
} }
shape! { UPDATE_FEATURES_REQUEST flexible from 0 {
    timeout_ms: Fixed(4), 0, 2;
    feature_updates: Array(&Struct(&UPDATE_FEATURES_REQUEST_FEATURE_UPDATE_KEY)), 0, 2;
    validate_only: Fixed(1), 1, 2;
} }
shape! { UPDATE_FEATURES_RESPONSE_UPDATABLE_FEATURE_RESULT flexible from 0 {
    feature: Text, 0, 2;
    error_code: Fixed(2), 0, 2;
    error_message: Text, 0, 2;
} }
shape! { UPDATE_FEATURES_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 2;
    error_code: Fixed(2), 0, 2;
    error_message: Text, 0, 2;
    results: Array(&Struct(&UPDATE_FEATURES_RESPONSE_UPDATABLE_FEATURE_RESULT)), 0, 1;
} }
shape! { ENVELOPE_REQUEST flexible from 0 {
    request_data: Blob, 0, 0;
    request_principal: Blob, 0, 0;
    client_host_address: Blob, 0, 0;
} }
shape! { ENVELOPE_RESPONSE flexible from 0 {
    response_data: Blob, 0, 0;
    error_code: Fixed(2), 0, 0;
} }
shape! { FETCH_SNAPSHOT_REQUEST_SNAPSHOT_ID flexible from 0 {
    end_offset: Fixed(8), 0, 1;
    epoch: Fixed(4), 0, 1;
} }
shape! { FETCH_SNAPSHOT_REQUEST_PARTITION_SNAPSHOT flexible from 0 {
    partition: Fixed(4), 0, 1;
    current_leader_epoch: Fixed(4), 0, 1;
    snapshot_id: Struct(&FETCH_SNAPSHOT_REQUEST_SNAPSHOT_ID), 0, 1;
    position: Fixed(8), 0, 1;
    @0 replica_directory_id: Fixed(16), 1, 1;
} }
shape! { FETCH_SNAPSHOT_REQUEST_TOPIC_SNAPSHOT flexible from 0 {
    name: Text, 0, 1;
    partitions: Array(&Struct(&FETCH_SNAPSHOT_REQUEST_PARTITION_SNAPSHOT)), 0, 1;
} }
shape! { FETCH_SNAPSHOT_REQUEST flexible from 0 {
    replica_id: Fixed(4), 0, 1;
    max_bytes: Fixed(4), 0, 1;
    topics: Array(&Struct(&FETCH_SNAPSHOT_REQUEST_TOPIC_SNAPSHOT)), 0, 1;
    @0 cluster_id: Text, 0, 1;
} }
shape! { FETCH_SNAPSHOT_RESPONSE_SNAPSHOT_ID flexible from 0 {
    end_offset: Fixed(8), 0, 1;
    epoch: Fixed(4), 0, 1;
} }
shape! { FETCH_SNAPSHOT_RESPONSE_LEADER_ID_AND_EPOCH flexible from 0 {
    leader_id: Fixed(4), 0, 1;
    leader_epoch: Fixed(4), 0, 1;
} }
shape! { FETCH_SNAPSHOT_RESPONSE_PARTITION_SNAPSHOT flexible from 0 {
    index: Fixed(4), 0, 1;
    error_code: Fixed(2), 0, 1;
    snapshot_id: Struct(&FETCH_SNAPSHOT_RESPONSE_SNAPSHOT_ID), 0, 1;
    size: Fixed(8), 0, 1;
    position: Fixed(8), 0, 1;
    unaligned_records: Blob, 0, 1;
    @0 current_leader: Struct(&FETCH_SNAPSHOT_RESPONSE_LEADER_ID_AND_EPOCH), 0, 1;
} }
shape! { FETCH_SNAPSHOT_RESPONSE_TOPIC_SNAPSHOT flexible from 0 {
    name: Text, 0, 1;
    partitions: Array(&Struct(&FETCH_SNAPSHOT_RESPONSE_PARTITION_SNAPSHOT)), 0, 1;
} }
shape! { FETCH_SNAPSHOT_RESPONSE_NODE_ENDPOINT flexible from 0 {
    node_id: Fixed(4), 1, 1;
    host: Text, 1, 1;
    port: Fixed(2), 1, 1;
} }
shape! { FETCH_SNAPSHOT_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 1;
    error_code: Fixed(2), 0, 1;
    topics: Array(&Struct(&FETCH_SNAPSHOT_RESPONSE_TOPIC_SNAPSHOT)), 0, 1;
    @0 node_endpoints: Array(&Struct(&FETCH_SNAPSHOT_RESPONSE_NODE_ENDPOINT)), 1, 1;
} }
shape! { UNREGISTER_BROKER_REQUEST flexible from 0 {
    broker_id: Fixed(4), 0, 0;
} }
shape! { UNREGISTER_BROKER_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
    error_message: Text, 0, 0;
} }
shape! { ALLOCATE_PRODUCER_IDS_REQUEST flexible from 0 {
    broker_id: Fixed(4), 0, 0;
    broker_epoch: Fixed(8), 0, 0;
} }
shape! { ALLOCATE_PRODUCER_IDS_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
    producer_id_start: Fixed(8), 0, 0;
    producer_id_len: Fixed(4), 0, 0;
} }
shape! { CONTROLLER_REGISTRATION_REQUEST_LISTENER flexible from 0 {
    name: Text, 0, 0;
    host: Text, 0, 0;
    port: Fixed(2), 0, 0;
    security_protocol: Fixed(2), 0, 0;
} }
shape! { CONTROLLER_REGISTRATION_REQUEST_FEATURE flexible from 0 {
    name: Text, 0, 0;
    min_supported_version: Fixed(2), 0, 0;
    max_supported_version: Fixed(2), 0, 0;
} }
shape! { CONTROLLER_REGISTRATION_REQUEST flexible from 0 {
    controller_id: Fixed(4), 0, 0;
    incarnation_id: Fixed(16), 0, 0;
    zk_migration_ready: Fixed(1), 0, 0;
    listeners: Array(&Struct(&CONTROLLER_REGISTRATION_REQUEST_LISTENER)), 0, 0;
    features: Array(&Struct(&CONTROLLER_REGISTRATION_REQUEST_FEATURE)), 0, 0;
} }
shape! { CONTROLLER_REGISTRATION_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
    error_message: Text, 0, 0;
} }
shape! { ASSIGN_REPLICAS_TO_DIRS_REQUEST_PARTITION_DATA flexible from 0 {
    partition_index: Fixed(4), 0, 0;
} }
shape! { ASSIGN_REPLICAS_TO_DIRS_REQUEST_TOPIC_DATA flexible from 0 {
    topic_id: Fixed(16), 0, 0;
    partitions: Array(&Struct(&ASSIGN_REPLICAS_TO_DIRS_REQUEST_PARTITION_DATA)), 0, 0;
} }
shape! { ASSIGN_REPLICAS_TO_DIRS_REQUEST_DIRECTORY_DATA flexible from 0 {
    id: Fixed(16), 0, 0;
    topics: Array(&Struct(&ASSIGN_REPLICAS_TO_DIRS_REQUEST_TOPIC_DATA)), 0, 0;
} }
shape! { ASSIGN_REPLICAS_TO_DIRS_REQUEST flexible from 0 {
    broker_id: Fixed(4), 0, 0;
    broker_epoch: Fixed(8), 0, 0;
    directories: Array(&Struct(&ASSIGN_REPLICAS_TO_DIRS_REQUEST_DIRECTORY_DATA)), 0, 0;
} }
shape! { ASSIGN_REPLICAS_TO_DIRS_RESPONSE_PARTITION_DATA flexible from 0 {
    partition_index: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
} }
shape! { ASSIGN_REPLICAS_TO_DIRS_RESPONSE_TOPIC_DATA flexible from 0 {
    topic_id: Fixed(16), 0, 0;
    partitions: Array(&Struct(&ASSIGN_REPLICAS_TO_DIRS_RESPONSE_PARTITION_DATA)), 0, 0;
} }
shape! { ASSIGN_REPLICAS_TO_DIRS_RESPONSE_DIRECTORY_DATA flexible from 0 {
    id: Fixed(16), 0, 0;
    topics: Array(&Struct(&ASSIGN_REPLICAS_TO_DIRS_RESPONSE_TOPIC_DATA)), 0, 0;
} }
shape! { ASSIGN_REPLICAS_TO_DIRS_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
    directories: Array(&Struct(&ASSIGN_REPLICAS_TO_DIRS_RESPONSE_DIRECTORY_DATA)), 0, 0;
} }
shape! { ADD_RAFT_VOTER_REQUEST_LISTENER flexible from 0 {
    name: Text, 0, 0;
    host: Text, 0, 0;
    port: Fixed(2), 0, 0;
} }
shape! { ADD_RAFT_VOTER_REQUEST flexible from 0 {
    cluster_id: Text, 0, 0;
    timeout_ms: Fixed(4), 0, 0;
    voter_id: Fixed(4), 0, 0;
    voter_directory_id: Fixed(16), 0, 0;
    listeners: Array(&Struct(&ADD_RAFT_VOTER_REQUEST_LISTENER)), 0, 0;
} }
shape! { ADD_RAFT_VOTER_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
    error_message: Text, 0, 0;
} }
shape! { REMOVE_RAFT_VOTER_REQUEST flexible from 0 {
    cluster_id: Text, 0, 0;
    voter_id: Fixed(4), 0, 0;
    voter_directory_id: Fixed(16), 0, 0;
} }
shape! { REMOVE_RAFT_VOTER_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
    error_message: Text, 0, 0;
} }
shape! { UPDATE_RAFT_VOTER_REQUEST_LISTENER flexible from 0 {
    name: Text, 0, 0;
    host: Text, 0, 0;
    port: Fixed(2), 0, 0;
} }
shape! { UPDATE_RAFT_VOTER_REQUEST_K_RAFT_VERSION_FEATURE flexible from 0 {
    min_supported_version: Fixed(2), 0, 0;
    max_supported_version: Fixed(2), 0, 0;
} }
shape! { UPDATE_RAFT_VOTER_REQUEST flexible from 0 {
    cluster_id: Text, 0, 0;
    current_leader_epoch: Fixed(4), 0, 0;
    voter_id: Fixed(4), 0, 0;
    voter_directory_id: Fixed(16), 0, 0;
    listeners: Array(&Struct(&UPDATE_RAFT_VOTER_REQUEST_LISTENER)), 0, 0;
    k_raft_version_feature: Struct(&UPDATE_RAFT_VOTER_REQUEST_K_RAFT_VERSION_FEATURE), 0, 0;
} }
shape! { UPDATE_RAFT_VOTER_RESPONSE_CURRENT_LEADER flexible from 0 {
    leader_id: Fixed(4), 0, 0;
    leader_epoch: Fixed(4), 0, 0;
    host: Text, 0, 0;
    port: Fixed(4), 0, 0;
} }
shape! { UPDATE_RAFT_VOTER_RESPONSE flexible from 0 {
    throttle_time_ms: Fixed(4), 0, 0;
    error_code: Fixed(2), 0, 0;
    @0 current_leader: Struct(&UPDATE_RAFT_VOTER_RESPONSE_CURRENT_LEADER), 0, 0;
} }

/// The shape of a request.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the codec crate's keys are far more than our table"
)]
pub(super) fn request(api: ApiKey) -> Option<&'static Shape> {
    match api {
        ApiKey::DescribeTopicPartitions => Some(&DESCRIBE_TOPIC_PARTITIONS_REQUEST),
        ApiKey::DeleteTopics => Some(&DELETE_TOPICS_REQUEST),
        ApiKey::DeleteRecords => Some(&DELETE_RECORDS_REQUEST),
        ApiKey::InitProducerId => Some(&INIT_PRODUCER_ID_REQUEST),
        ApiKey::DescribeConfigs => Some(&DESCRIBE_CONFIGS_REQUEST),
        ApiKey::AlterConfigs => Some(&ALTER_CONFIGS_REQUEST),
        ApiKey::CreatePartitions => Some(&CREATE_PARTITIONS_REQUEST),
        ApiKey::ElectLeaders => Some(&ELECT_LEADERS_REQUEST),
        ApiKey::IncrementalAlterConfigs => Some(&INCREMENTAL_ALTER_CONFIGS_REQUEST),
        ApiKey::AlterPartitionReassignments => Some(&ALTER_PARTITION_REASSIGNMENTS_REQUEST),
        ApiKey::ListPartitionReassignments => Some(&LIST_PARTITION_REASSIGNMENTS_REQUEST),
        ApiKey::DescribeClientQuotas => Some(&DESCRIBE_CLIENT_QUOTAS_REQUEST),
        ApiKey::AlterClientQuotas => Some(&ALTER_CLIENT_QUOTAS_REQUEST),
        ApiKey::DescribeQuorum => Some(&DESCRIBE_QUORUM_REQUEST),
        ApiKey::UpdateFeatures => Some(&UPDATE_FEATURES_REQUEST),
        ApiKey::Envelope => Some(&ENVELOPE_REQUEST),
        ApiKey::FetchSnapshot => Some(&FETCH_SNAPSHOT_REQUEST),
        ApiKey::UnregisterBroker => Some(&UNREGISTER_BROKER_REQUEST),
        ApiKey::AllocateProducerIds => Some(&ALLOCATE_PRODUCER_IDS_REQUEST),
        ApiKey::ControllerRegistration => Some(&CONTROLLER_REGISTRATION_REQUEST),
        ApiKey::AssignReplicasToDirs => Some(&ASSIGN_REPLICAS_TO_DIRS_REQUEST),
        ApiKey::AddRaftVoter => Some(&ADD_RAFT_VOTER_REQUEST),
        ApiKey::RemoveRaftVoter => Some(&REMOVE_RAFT_VOTER_REQUEST),
        ApiKey::UpdateRaftVoter => Some(&UPDATE_RAFT_VOTER_REQUEST),
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
        ApiKey::DescribeTopicPartitions => Some(&DESCRIBE_TOPIC_PARTITIONS_RESPONSE),
        ApiKey::DeleteTopics => Some(&DELETE_TOPICS_RESPONSE),
        ApiKey::DeleteRecords => Some(&DELETE_RECORDS_RESPONSE),
        ApiKey::InitProducerId => Some(&INIT_PRODUCER_ID_RESPONSE),
        ApiKey::DescribeConfigs => Some(&DESCRIBE_CONFIGS_RESPONSE),
        ApiKey::AlterConfigs => Some(&ALTER_CONFIGS_RESPONSE),
        ApiKey::CreatePartitions => Some(&CREATE_PARTITIONS_RESPONSE),
        ApiKey::ElectLeaders => Some(&ELECT_LEADERS_RESPONSE),
        ApiKey::IncrementalAlterConfigs => Some(&INCREMENTAL_ALTER_CONFIGS_RESPONSE),
        ApiKey::AlterPartitionReassignments => Some(&ALTER_PARTITION_REASSIGNMENTS_RESPONSE),
        ApiKey::ListPartitionReassignments => Some(&LIST_PARTITION_REASSIGNMENTS_RESPONSE),
        ApiKey::DescribeClientQuotas => Some(&DESCRIBE_CLIENT_QUOTAS_RESPONSE),
        ApiKey::AlterClientQuotas => Some(&ALTER_CLIENT_QUOTAS_RESPONSE),
        ApiKey::DescribeQuorum => Some(&DESCRIBE_QUORUM_RESPONSE),
        ApiKey::UpdateFeatures => Some(&UPDATE_FEATURES_RESPONSE),
        ApiKey::Envelope => Some(&ENVELOPE_RESPONSE),
        ApiKey::FetchSnapshot => Some(&FETCH_SNAPSHOT_RESPONSE),
        ApiKey::UnregisterBroker => Some(&UNREGISTER_BROKER_RESPONSE),
        ApiKey::AllocateProducerIds => Some(&ALLOCATE_PRODUCER_IDS_RESPONSE),
        ApiKey::ControllerRegistration => Some(&CONTROLLER_REGISTRATION_RESPONSE),
        ApiKey::AssignReplicasToDirs => Some(&ASSIGN_REPLICAS_TO_DIRS_RESPONSE),
        ApiKey::AddRaftVoter => Some(&ADD_RAFT_VOTER_RESPONSE),
        ApiKey::RemoveRaftVoter => Some(&REMOVE_RAFT_VOTER_RESPONSE),
        ApiKey::UpdateRaftVoter => Some(&UPDATE_RAFT_VOTER_RESPONSE),
        _ => None,
    }
}
