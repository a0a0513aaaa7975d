//! Feature levels that this build writes and supports (KIP-584).

use klamm_protocol::metadata::BrokerFeature;

/// The feature that says which metadata records there are.
pub const METADATA_VERSION_FEATURE: &str = "metadata.version";

/// 3.3-IV3: the oldest level that Kafka 4 supports.
pub const OLDEST_METADATA_VERSION: i16 = 7;

/// 4.1-IV1: the level of a new cluster.
pub const METADATA_VERSION: i16 = 27;

/// What a broker of this build says that it supports when it registers.
pub fn supported() -> Vec<BrokerFeature> {
    vec![BrokerFeature {
        name: METADATA_VERSION_FEATURE.to_owned(),
        min_supported_version: OLDEST_METADATA_VERSION,
        max_supported_version: METADATA_VERSION,
    }]
}
