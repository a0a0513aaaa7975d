//! Feature levels that this build writes and supports (KIP-584).

use klamm_protocol::metadata::BrokerFeature;

/// The feature that says which metadata records there are.
pub const METADATA_VERSION_FEATURE: &str = "metadata.version";

/// The feature that says whether there are eligible leader replicas (KIP-966): 1 for on.
pub const ELR_FEATURE: &str = "eligible.leader.replicas.version";

/// The feature that says whether the consumer protocol of groups is served (KIP-848): 1 for on.
pub const GROUP_FEATURE: &str = "group.version";

/// The feature whose level says whether the metadata log names its voters (KIP-853). It is the quorum's own.
pub const KRAFT_VERSION_FEATURE: &str = "kraft.version";

/// The levels of kraft.version that this build speaks.
pub fn kraft_version() -> BrokerFeature {
    BrokerFeature {
        name: KRAFT_VERSION_FEATURE.to_owned(),
        min_supported_version: 0,
        max_supported_version: 1,
    }
}

/// 3.3-IV3: the oldest level that Kafka 4 supports.
pub const OLDEST_METADATA_VERSION: i16 = 7;

/// 4.1-IV1: the level of a new cluster.
pub const METADATA_VERSION: i16 = 27;

/// What a broker of this build says that it supports when it registers.
pub fn supported() -> Vec<BrokerFeature> {
    vec![
        BrokerFeature {
            name: METADATA_VERSION_FEATURE.to_owned(),
            min_supported_version: OLDEST_METADATA_VERSION,
            max_supported_version: METADATA_VERSION,
        },
        BrokerFeature {
            name: ELR_FEATURE.to_owned(),
            min_supported_version: 0,
            max_supported_version: 1,
        },
        BrokerFeature {
            name: GROUP_FEATURE.to_owned(),
            min_supported_version: 0,
            max_supported_version: 1,
        },
    ]
}

/// 4.0-IV1: the metadata version that brought the records of eligible leader replicas.
pub const ELR_METADATA_VERSION: i16 = 23;

/// The levels of metadata.version that brought records or fields which an older level would lose.
const METADATA_CHANGED_AT: [i16; 7] = [8, 11, 13, 14, 15, 17, 23];

/// Whether anything in the metadata could be lost on the way from a level down to another.
pub(crate) fn changes_metadata(down_to: i16, from: i16) -> bool {
    METADATA_CHANGED_AT.iter().any(|level| down_to < *level && *level <= from)
}
