//! Whole frames to typed requests and responses, and back.
//!
//! *Flows in*: frames as [`crate::frame::FrameDecoder`] cuts them; typed messages of the crate `kafka-protocol`.
//! *Flows out*: typed messages, whole frames with their length, or a [`WireError`].
//! *Must never*: panic or allocate by a claimed length, whatever the bytes. `kafka-protocol` reserves memory for as many
//! elements as an array claims, so each body is walked by its shape first.

use bytes::{BufMut, Bytes, BytesMut};
use klamm_node::CorrelationId;

use crate::api;
use crate::frame::WireError;
use crate::header::{self, RequestHeader};
use crate::kafka::messages::{ApiKey, RequestKind, ResponseKind};
use crate::shape;

/// A request as it came in.
#[derive(Clone, PartialEq, Debug)]
pub struct DecodedRequest {
    /// Its header.
    pub header: RequestHeader,
    /// Its body.
    pub body: RequestKind,
    /// How many bytes it had, without the length before them.
    pub size: usize,
}

/// Reads a request of an API that is in the [table](crate::api).
///
/// # Errors
/// Bytes that are not such a request. An API or version that is not served is an error too; who wants to tell the two
/// apart looks at the header first.
pub fn decode_request(frame: Bytes) -> Result<DecodedRequest, WireError> {
    let (header, body_at) = RequestHeader::decode(&frame)?;
    let size = frame.len();
    let body = decode_request_body(&header, frame, body_at)?;
    Ok(DecodedRequest { header, body, size })
}

/// Reads a request's body, after its header.
///
/// # Errors
/// As [`decode_request`].
pub fn decode_request_body(
    header: &RequestHeader,
    frame: Bytes,
    body_at: usize,
) -> Result<RequestKind, WireError> {
    let version = header.api_version;
    let api = api::info(header.api_key)
        .ok_or_else(|| WireError::new(0, format!("a known API, not key {}", header.api_key)))?;
    if !(api.min..=api.max).contains(&version) {
        let expected = format!("{} in version {} to {}, not {version}", api.name, api.min, api.max);
        return Err(WireError::new(2, expected));
    }
    let mut body = frame.slice(body_at.min(frame.len())..);
    shape::check_request(api.api, version, &body).map_err(|error| moved(error, body_at))?;
    RequestKind::decode(api.api, &mut body, version)
        .map_err(|error| WireError::new(body_at, format!("a {} request: {error}", api.name)))
}

/// Writes a whole response frame.
///
/// # Errors
/// A response that can't be said in this version: the engine's mistake, not the peer's.
pub fn encode_response(
    api: ApiKey,
    version: i16,
    correlation: CorrelationId,
    response: &ResponseKind,
) -> Result<Bytes, WireError> {
    framed(|frame| {
        header::encode_response_header(api, version, correlation, frame);
        response.encode(frame, version)
    })
}

/// Writes a whole request frame. The key follows from the request.
///
/// # Errors
/// A request that can't be said in this version: the engine's mistake, not the peer's.
pub fn encode_request(
    version: i16,
    correlation: CorrelationId,
    client_id: Option<&str>,
    request: &RequestKind,
) -> Result<Bytes, WireError> {
    let api = key_of(request)
        .ok_or_else(|| WireError::new(0, "a request of an API that this engine speaks"))?;
    framed(|frame| {
        let key = (api, api as i16, version);
        header::encode_request_header(key, correlation, client_id, frame);
        request.encode(frame, version)
    })
}

/// Reads a response to a request that this side sent.
///
/// # Errors
/// Bytes that are not such a response.
pub fn decode_response(
    api: ApiKey,
    version: i16,
    frame: Bytes,
) -> Result<(CorrelationId, ResponseKind), WireError> {
    let correlation = header::decode_correlation(&frame)?;
    let body_at = header::response_body_at(api, version, &frame)?;
    let mut body = frame.slice(body_at.min(frame.len())..);
    shape::check_response(api, version, &body).map_err(|error| moved(error, body_at))?;
    let response = ResponseKind::decode(api, &mut body, version)
        .map_err(|error| WireError::new(body_at, format!("a {api:?} response: {error}")))?;
    Ok((correlation, response))
}

fn moved(error: WireError, by: usize) -> WireError {
    WireError { at: error.at + by, expected: error.expected }
}

fn framed<E: std::fmt::Display>(
    write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
) -> Result<Bytes, WireError> {
    // Most frames fit, so that the codec's many small writes seldom move what is there.
    let mut frame = BytesMut::with_capacity(512);
    frame.put_i32(0);
    write(&mut frame)
        .map_err(|error| WireError::new(4, format!("what fits the version: {error}")))?;
    let size =
        i32::try_from(frame.len() - 4).map_err(|_| WireError::new(0, "a frame below 2 GiB"))?;
    frame[..4].copy_from_slice(&size.to_be_bytes());
    Ok(frame.freeze())
}

macro_rules! kinds {
    ($($name:ident)*) => {
        /// The API key of a request; `None` for an API that this engine does not speak.
        pub fn key_of(request: &RequestKind) -> Option<ApiKey> {
            match request {
                $(RequestKind::$name(_) => Some(ApiKey::$name),)*
                _ => None,
            }
        }

        /// The API key of a response; `None` for an API that this engine does not speak.
        pub fn key_of_response(response: &ResponseKind) -> Option<ApiKey> {
            match response {
                $(ResponseKind::$name(_) => Some(ApiKey::$name),)*
                _ => None,
            }
        }
    };
}

kinds! {
    Produce Fetch ListOffsets Metadata FindCoordinator ApiVersions CreateTopics OffsetForLeaderEpoch Vote
    BeginQuorumEpoch EndQuorumEpoch AlterPartition DescribeCluster BrokerRegistration BrokerHeartbeat
    DeleteTopics DeleteRecords InitProducerId DescribeConfigs AlterConfigs CreatePartitions ElectLeaders
    IncrementalAlterConfigs AlterPartitionReassignments ListPartitionReassignments DescribeClientQuotas
    AlterClientQuotas DescribeQuorum UpdateFeatures Envelope FetchSnapshot UnregisterBroker AllocateProducerIds
    ControllerRegistration AssignReplicasToDirs AddRaftVoter RemoveRaftVoter UpdateRaftVoter
    DescribeTopicPartitions DescribeLogDirs DescribeProducers ListConfigResources SaslHandshake
    SaslAuthenticate DescribeAcls CreateAcls DeleteAcls
    OffsetCommit OffsetFetch JoinGroup Heartbeat LeaveGroup SyncGroup DescribeGroups ListGroups DeleteGroups
    TxnOffsetCommit OffsetDelete ConsumerGroupHeartbeat ConsumerGroupDescribe
}
