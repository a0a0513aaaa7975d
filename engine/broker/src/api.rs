//! The border posts of the broker listener: one file per API.
//!
//! Each turns a request into one call on one room, or into a look at the metadata image, and the outcome into a response.
//! Version quirks stay here. Produce, Fetch, ListOffsets and OffsetForLeaderEpoch go straight to the replica room.

pub mod alter_configs;
pub mod api_versions;
pub mod authorized;
pub mod create_acls;
pub mod create_topics;
pub mod delete_acls;
pub mod describe_acls;
pub mod describe_client_quotas;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_topic_partitions;
pub mod find_coordinator;
pub mod init_producer_id;
pub mod list_config_resources;
pub mod metadata;
pub mod sasl_authenticate;
pub mod sasl_handshake;
