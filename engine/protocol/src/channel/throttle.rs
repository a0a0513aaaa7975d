//! How long a peer wants to be left alone, by its response (KIP-219).
//!
//! *Flows in*: responses. *Flows out*: the wait. *Must never*: wait for a response of an older version, whose sender has already
//! waited before it answered.

use klamm_node::Span;

use crate::kafka::messages::ResponseKind;

/// The throttle time of a response, as far as a client has to wait for it. Responses without a rule here carry one only for
/// information, or none.
pub(super) fn of(version: i16, response: &ResponseKind) -> Span {
    use ResponseKind as Kind;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the codec's enum holds every API of Kafka")]
    let (since, millis) = match response {
        Kind::Produce(response) => (6, response.throttle_time_ms),
        Kind::Fetch(response) => (8, response.throttle_time_ms),
        Kind::ListOffsets(response) => (3, response.throttle_time_ms),
        Kind::Metadata(response) => (6, response.throttle_time_ms),
        Kind::OffsetCommit(response) => (4, response.throttle_time_ms),
        Kind::OffsetFetch(response) => (4, response.throttle_time_ms),
        Kind::FindCoordinator(response) => (2, response.throttle_time_ms),
        Kind::JoinGroup(response) => (3, response.throttle_time_ms),
        Kind::Heartbeat(response) => (2, response.throttle_time_ms),
        Kind::LeaveGroup(response) => (2, response.throttle_time_ms),
        Kind::SyncGroup(response) => (2, response.throttle_time_ms),
        Kind::DescribeGroups(response) => (2, response.throttle_time_ms),
        Kind::ListGroups(response) => (2, response.throttle_time_ms),
        Kind::DeleteGroups(response) => (1, response.throttle_time_ms),
        Kind::OffsetDelete(response) => (0, response.throttle_time_ms),
        Kind::TxnOffsetCommit(response) => (1, response.throttle_time_ms),
        Kind::InitProducerId(response) => (1, response.throttle_time_ms),
        Kind::ApiVersions(response) => (2, response.throttle_time_ms),
        Kind::CreateTopics(response) => (3, response.throttle_time_ms),
        Kind::DeleteTopics(response) => (2, response.throttle_time_ms),
        Kind::DeleteRecords(response) => (1, response.throttle_time_ms),
        Kind::CreatePartitions(response) => (1, response.throttle_time_ms),
        Kind::DescribeConfigs(response) => (2, response.throttle_time_ms),
        Kind::AlterConfigs(response) => (1, response.throttle_time_ms),
        Kind::IncrementalAlterConfigs(response) => (0, response.throttle_time_ms),
        Kind::ElectLeaders(response) => (0, response.throttle_time_ms),
        Kind::AlterPartitionReassignments(response) => (0, response.throttle_time_ms),
        Kind::ListPartitionReassignments(response) => (0, response.throttle_time_ms),
        Kind::DescribeTopicPartitions(response) => (0, response.throttle_time_ms),
        Kind::UnregisterBroker(response) => (0, response.throttle_time_ms),
        Kind::BrokerRegistration(response) => (0, response.throttle_time_ms),
        Kind::BrokerHeartbeat(response) => (0, response.throttle_time_ms),
        _ => return Span::ZERO,
    };
    if version < since { Span::ZERO } else { Span::from_wire_millis(i64::from(millis)) }
}
