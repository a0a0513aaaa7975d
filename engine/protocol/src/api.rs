//! The one table of APIs: what this engine serves, in which versions, on which listener.
//!
//! It drives the decoding of requests, the ApiVersions response, the routers and the book's list. An API is in the table
//! only if it is really implemented.

use kafka_protocol::messages::ApiKey;

/// Which of a process's listeners a connection came in by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Listener {
    /// Clients and followers.
    Broker,
    /// The metadata quorum and brokers that speak to the active controller.
    Controller,
}

/// One API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ApiInfo {
    /// The crate's name of the key.
    pub api: ApiKey,
    /// The number on the wire.
    pub key: i16,
    /// Kafka's name.
    pub name: &'static str,
    /// The lowest version served.
    pub min: i16,
    /// The highest version served.
    pub max: i16,
    /// The lowest version told to clients; lower than `min` only for Produce (KAFKA-18659).
    pub advertised_min: i16,
    /// Served on the broker listener.
    pub on_broker: bool,
    /// Served on the controller listener.
    pub on_controller: bool,
}

const B: (bool, bool) = (true, false);
const C: (bool, bool) = (false, true);
const BC: (bool, bool) = (true, true);

const fn row(
    api: ApiKey,
    name: &'static str,
    min: i16,
    max: i16,
    (on_broker, on_controller): (bool, bool),
) -> ApiInfo {
    ApiInfo { api, key: api as i16, name, min, max, advertised_min: min, on_broker, on_controller }
}

/// Every API that is served, by key.
pub const APIS: &[ApiInfo] = &[
    // KAFKA-18659: librdkafka before 2.11 needs to see version 0, although 0 to 2 are not served any more.
    ApiInfo { advertised_min: 0, ..row(ApiKey::Produce, "Produce", 3, 13, B) },
    row(ApiKey::Fetch, "Fetch", 4, 18, BC),
    row(ApiKey::ListOffsets, "ListOffsets", 1, 10, B),
    row(ApiKey::Metadata, "Metadata", 0, 13, B),
    row(ApiKey::OffsetCommit, "OffsetCommit", 2, 9, B),
    row(ApiKey::OffsetFetch, "OffsetFetch", 1, 9, B),
    row(ApiKey::FindCoordinator, "FindCoordinator", 0, 6, B),
    row(ApiKey::JoinGroup, "JoinGroup", 0, 9, B),
    row(ApiKey::Heartbeat, "Heartbeat", 0, 4, B),
    row(ApiKey::LeaveGroup, "LeaveGroup", 0, 5, B),
    row(ApiKey::SyncGroup, "SyncGroup", 0, 5, B),
    row(ApiKey::DescribeGroups, "DescribeGroups", 0, 6, B),
    row(ApiKey::ListGroups, "ListGroups", 0, 5, B),
    row(ApiKey::SaslHandshake, "SaslHandshake", 0, 1, B),
    row(ApiKey::ApiVersions, "ApiVersions", 0, 4, BC),
    row(ApiKey::CreateTopics, "CreateTopics", 2, 7, BC),
    row(ApiKey::DeleteTopics, "DeleteTopics", 1, 6, BC),
    row(ApiKey::DeleteRecords, "DeleteRecords", 0, 2, B),
    row(ApiKey::InitProducerId, "InitProducerId", 0, 5, B),
    row(ApiKey::OffsetForLeaderEpoch, "OffsetForLeaderEpoch", 2, 4, B),
    row(ApiKey::TxnOffsetCommit, "TxnOffsetCommit", 0, 5, B),
    row(ApiKey::DescribeAcls, "DescribeAcls", 1, 3, B),
    row(ApiKey::CreateAcls, "CreateAcls", 1, 3, B),
    row(ApiKey::DeleteAcls, "DeleteAcls", 1, 3, B),
    row(ApiKey::DescribeConfigs, "DescribeConfigs", 1, 4, B),
    row(ApiKey::AlterConfigs, "AlterConfigs", 0, 2, BC),
    row(ApiKey::DescribeLogDirs, "DescribeLogDirs", 1, 4, B),
    row(ApiKey::SaslAuthenticate, "SaslAuthenticate", 0, 2, B),
    row(ApiKey::CreatePartitions, "CreatePartitions", 0, 3, BC),
    row(ApiKey::DeleteGroups, "DeleteGroups", 0, 2, B),
    row(ApiKey::ElectLeaders, "ElectLeaders", 0, 2, BC),
    row(ApiKey::IncrementalAlterConfigs, "IncrementalAlterConfigs", 0, 1, BC),
    row(ApiKey::AlterPartitionReassignments, "AlterPartitionReassignments", 0, 1, BC),
    row(ApiKey::ListPartitionReassignments, "ListPartitionReassignments", 0, 0, BC),
    row(ApiKey::OffsetDelete, "OffsetDelete", 0, 0, B),
    row(ApiKey::DescribeClientQuotas, "DescribeClientQuotas", 0, 1, B),
    row(ApiKey::AlterClientQuotas, "AlterClientQuotas", 0, 1, BC),
    row(ApiKey::Vote, "Vote", 0, 2, C),
    row(ApiKey::BeginQuorumEpoch, "BeginQuorumEpoch", 0, 1, C),
    row(ApiKey::EndQuorumEpoch, "EndQuorumEpoch", 0, 1, C),
    row(ApiKey::DescribeQuorum, "DescribeQuorum", 0, 2, BC),
    row(ApiKey::AlterPartition, "AlterPartition", 2, 3, C),
    row(ApiKey::UpdateFeatures, "UpdateFeatures", 0, 2, BC),
    row(ApiKey::Envelope, "Envelope", 0, 0, C),
    row(ApiKey::FetchSnapshot, "FetchSnapshot", 0, 1, C),
    row(ApiKey::DescribeCluster, "DescribeCluster", 0, 2, B),
    row(ApiKey::DescribeProducers, "DescribeProducers", 0, 0, B),
    row(ApiKey::BrokerRegistration, "BrokerRegistration", 0, 4, C),
    row(ApiKey::BrokerHeartbeat, "BrokerHeartbeat", 0, 1, C),
    row(ApiKey::UnregisterBroker, "UnregisterBroker", 0, 0, BC),
    row(ApiKey::AllocateProducerIds, "AllocateProducerIds", 0, 0, C),
    row(ApiKey::ConsumerGroupHeartbeat, "ConsumerGroupHeartbeat", 0, 1, B),
    row(ApiKey::ConsumerGroupDescribe, "ConsumerGroupDescribe", 0, 1, B),
    row(ApiKey::ListConfigResources, "ListConfigResources", 0, 1, B),
    row(ApiKey::DescribeTopicPartitions, "DescribeTopicPartitions", 0, 0, B),
    row(ApiKey::AddRaftVoter, "AddRaftVoter", 0, 0, BC),
    row(ApiKey::RemoveRaftVoter, "RemoveRaftVoter", 0, 0, BC),
    row(ApiKey::UpdateRaftVoter, "UpdateRaftVoter", 0, 0, C),
];

impl ApiInfo {
    /// Whether a listener serves this API.
    pub fn served_on(&self, listener: Listener) -> bool {
        match listener {
            Listener::Broker => self.on_broker,
            Listener::Controller => self.on_controller,
        }
    }
}

/// Where the keys of Kafka's protocol stand in the table, since every frame is looked up several times; beyond its end for
/// a key that does not.
static PLACES: [u8; 128] = {
    let mut places = [u8::MAX; 128];
    let mut place: u8 = 0;
    while (place as usize) < APIS.len() {
        places[APIS[place as usize].key as usize] = place;
        place += 1;
    }
    places
};

/// The API of a key, if it is served at all.
pub fn info(key: i16) -> Option<&'static ApiInfo> {
    let place = *PLACES.get(usize::try_from(key).ok()?)?;
    APIS.get(usize::from(place))
}

/// The APIs of a listener, by key.
pub fn served_on(listener: Listener) -> impl Iterator<Item = &'static ApiInfo> {
    APIS.iter().filter(move |api| api.served_on(listener))
}

/// Kafka's name of a key, for events and texts; `api-77` for one that is not in the table.
pub fn name(key: i16) -> std::borrow::Cow<'static, str> {
    match info(key) {
        Some(api) => api.name.into(),
        None => format!("api-{key}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_within_what_the_codec_knows() {
        assert!(APIS.is_sorted_by_key(|api| api.key));
        for api in APIS {
            let known = api.api.valid_versions();
            assert!(known.min <= api.min && api.max <= known.max, "{} {known}", api.name);
            assert_eq!(info(api.key), Some(api));
        }
        for stranger in [i16::MIN, -1, 3000, i16::MAX].into_iter().chain(0..1000) {
            let known = APIS.iter().find(|api| api.key == stranger);
            assert_eq!(info(stranger), known, "{stranger}");
        }
    }

    #[test]
    fn produce_is_advertised_from_zero_and_nothing_else_is_bent() {
        for api in APIS {
            let bent = api.advertised_min != api.min;
            assert_eq!(bent, api.api == ApiKey::Produce, "{}", api.name);
        }
    }
}
