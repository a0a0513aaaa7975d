//! FindCoordinator (key 10, versions 0 to 6), on the broker listener. Reads nothing but the request.
//!
//! Up to version 3 the response itself is the one coordinator; from version 4 on it is a list with one entry for each key
//! that was asked (KIP-699). Versions without a key type (0) ask for groups. Share groups are known from version 6 on
//! (KIP-932).
//!
//! A group's coordinator is the leader of its partition of `__consumer_offsets`. If there is no such topic yet, the answer is
//! COORDINATOR_NOT_AVAILABLE, and the broker asks the controller to create it.
//!
//! Errors: INVALID_REQUEST for a key type that is unknown, or not yet known in the version; COORDINATOR_NOT_AVAILABLE.
//!
//! Simplified: there are no coordinators of transactions and share groups yet. Share groups' keys are answered
//! COORDINATOR_NOT_AVAILABLE; transactional ids TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which every client tells at once, while
//! some ask for ever what they may retry.

use klamm_controller::image::MetadataImage;
use klamm_coordinator::{GROUP_TOPIC, partition_of};
use klamm_node::{BrokerId as NodeId, Endpoint};
use klamm_protocol::convert;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::find_coordinator_response::Coordinator;
use klamm_protocol::kafka::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};

/// `CoordinatorType`: 0 for groups, 1 for transactions, 2 for share groups.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// The first version that asks for many keys at once.
const FIRST_WITH_MANY_KEYS: i16 = 4;

/// The first version that may ask for a share group's coordinator.
const FIRST_WITH_SHARE: i16 = 6;

/// How a node that does not exist is written.
const NO_NODE: BrokerId = BrokerId(-1);
const NO_PORT: i32 = -1;

/// A response, and whether the topic of groups should be created because there is none.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The response.
    pub response: FindCoordinatorResponse,
    /// Whether the topic is missing.
    pub create: bool,
}

/// Answers from the image.
pub fn answer(request: &FindCoordinatorRequest, version: i16, image: &MetadataImage) -> Answer {
    let verdict = verdict(request.key_type, version);
    let groups = request.key_type == GROUP;
    let find = |key: &str| match verdict {
        Ok(()) if groups => find(key, image).ok_or(UNAVAILABLE),
        Ok(()) => Err(UNAVAILABLE),
        Err(refused) => Err(refused),
    };
    let create = groups && image.topic(GROUP_TOPIC).is_none();
    if version < FIRST_WITH_MANY_KEYS {
        let response = FindCoordinatorResponse::default();
        let response = match find(&request.key) {
            Ok((id, at)) => response
                .with_error_message(Some(convert::text("NONE")))
                .with_node_id(BrokerId(id.0))
                .with_host(convert::text(&at.host))
                .with_port(i32::from(at.port)),
            Err((code, message)) => response
                .with_error_code(code.0)
                .with_error_message(Some(convert::text(message)))
                .with_node_id(NO_NODE)
                .with_port(NO_PORT),
        };
        return Answer { response, create };
    }
    let coordinators = request.coordinator_keys.iter().map(|key| {
        let found = Coordinator::default().with_key(key.clone());
        match find(key) {
            Ok((id, at)) => found
                .with_node_id(BrokerId(id.0))
                .with_host(convert::text(&at.host))
                .with_port(i32::from(at.port)),
            Err((code, message)) => found
                .with_node_id(NO_NODE)
                .with_port(NO_PORT)
                .with_error_code(code.0)
                .with_error_message(Some(convert::text(message))),
        }
    });
    let response = FindCoordinatorResponse::default().with_coordinators(coordinators.collect());
    Answer { response, create: create && !request.coordinator_keys.is_empty() }
}

/// The leader of a group's partition, if it is alive.
fn find(group: &str, image: &MetadataImage) -> Option<(NodeId, Endpoint)> {
    let topic = image.topic(GROUP_TOPIC)?;
    let partitions = i32::try_from(topic.partitions.len()).ok()?;
    let leader = topic.partitions.get(&partition_of(group, partitions))?.leader;
    let broker = image.broker(leader).filter(|broker| !broker.fenced)?;
    Some((leader, broker.endpoint(crate::LISTENER_NAME)?))
}

/// What is said where there is no coordinator.
const UNAVAILABLE: (ErrorCode, &str) =
    (ErrorCode::COORDINATOR_NOT_AVAILABLE, "The coordinator is not available.");

/// What is said of transactions.
const NO_TRANSACTIONS: (ErrorCode, &str) = (
    ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    "This cluster has no transactions: Klamm does not have them yet.",
);

fn verdict(key_type: i8, version: i16) -> Result<(), (ErrorCode, &'static str)> {
    match key_type {
        GROUP => Ok(()),
        TRANSACTION => Err(NO_TRANSACTIONS),
        SHARE if version >= FIRST_WITH_SHARE => Ok(()),
        _ => Err((ErrorCode::INVALID_REQUEST, "This key type is not known in this version.")),
    }
}

#[cfg(test)]
mod tests {
    use klamm_node::CorrelationId;
    use klamm_protocol::api;
    use klamm_protocol::codec;
    use klamm_protocol::frame::FrameDecoder;
    use klamm_protocol::kafka::messages::{ApiKey, ResponseKind};

    use super::*;

    /// Asks in a version's shape and reads the answer as a client would, from the bytes.
    fn ask(keys: &[&str], key_type: i8, version: i16) -> FindCoordinatorResponse {
        let request = FindCoordinatorRequest::default().with_key_type(key_type);
        let request = if version < FIRST_WITH_MANY_KEYS {
            request.with_key(convert::text(keys[0]))
        } else {
            request.with_coordinator_keys(keys.iter().map(|key| convert::text(key)).collect())
        };
        let answer = answer(&request, version, &MetadataImage::new());
        assert_eq!(answer.create, key_type == GROUP, "somebody has to begin");
        let response = ResponseKind::FindCoordinator(answer.response);
        let api = ApiKey::FindCoordinator;
        let frame = codec::encode_response(api, version, CorrelationId(7), &response)
            .unwrap_or_else(|error| panic!("version {version}: {error}"));
        let mut decoder = FrameDecoder::new(1 << 20);
        decoder.push(&frame);
        let frame = decoder.pop().expect("well formed").expect("whole");
        let (_, read) = codec::decode_response(api, version, frame)
            .unwrap_or_else(|error| panic!("version {version}: {error}"));
        let ResponseKind::FindCoordinator(read) = read else { panic!("{read:?}") };
        read
    }

    fn versions() -> std::ops::RangeInclusive<i16> {
        let info = api::info(ApiKey::FindCoordinator as i16).expect("in the table");
        info.min..=info.max
    }

    #[test]
    fn every_version_says_that_there_is_none_in_its_own_shape() {
        for version in versions() {
            let response = ask(&["g", "h"], GROUP, version);
            if version < 4 {
                let code = response.error_code;
                assert_eq!((code, response.node_id.0, response.port), (15, -1, -1), "{version}");
                assert_eq!((response.host.as_str(), response.coordinators.len()), ("", 0));
                let message = response.error_message.expect("the default is not null");
                assert_eq!(message.is_empty(), version == 0, "version {version}: {message:?}");
            } else {
                assert_eq!(response.error_code, 0, "the error stands at the key");
                let keys: Vec<&str> =
                    response.coordinators.iter().map(|found| found.key.as_str()).collect();
                assert_eq!(keys, ["g", "h"]);
                for found in &response.coordinators {
                    let code = found.error_code;
                    assert_eq!((code, found.node_id.0, found.port), (15, -1, -1), "{version}");
                    assert!(found.host.is_empty());
                    assert!(found.error_message.as_ref().is_some_and(|text| !text.is_empty()));
                }
            }
        }
    }

    #[test]
    fn key_types_are_those_of_the_version() {
        let code = |key_type, version| {
            let response = ask(&["g"], key_type, version);
            response.coordinators.first().map_or(response.error_code, |found| found.error_code)
        };
        for version in versions().filter(|version| *version >= 1) {
            assert_eq!(code(TRANSACTION, version), 53, "nobody should ask again");
            assert_eq!(code(SHARE, version), if version >= 6 { 15 } else { 42 }, "{version}");
            assert_eq!((code(3, version), code(-1, version)), (42, 42), "{version}");
        }
    }
}
