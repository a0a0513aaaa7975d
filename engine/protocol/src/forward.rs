//! Requests that a broker hands on to the active controller, and the envelope that they travel in (KIP-500, KIP-590).
//!
//! One table: [`FORWARDABLE`]. A row says how a refusal of the whole request looks, and where a response keeps its error
//! codes. An API that is in it and in the [API table](crate::api) is forwarded by the broker listener, opened by the controller
//! listener and answered NOT_CONTROLLER by a controller that is not active, with nothing else to be written for it.
//!
//! *Flows in*: a client's request, or an envelope. *Flows out*: the other of the two, and error responses.
//! *Must never*: change what is inside; the request keeps its version, its correlation id and its client id.

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};

use crate::api;
use crate::codec::{self, DecodedRequest};
use crate::convert::text;
use crate::error::ErrorCode;
use crate::header::RequestHeader;
use crate::kafka::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use crate::kafka::messages::create_partitions_response::CreatePartitionsTopicResult;
use crate::kafka::messages::create_topics_response::CreatableTopicResult;
use crate::kafka::messages::delete_topics_response::DeletableTopicResult;
use crate::kafka::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use crate::kafka::messages::{
    AddRaftVoterResponse, AlterClientQuotasResponse, AlterConfigsResponse,
    AlterPartitionReassignmentsResponse, ApiKey, CreatePartitionsResponse, CreateTopicsResponse,
    DefaultPrincipalData, DeleteTopicsResponse, DescribeQuorumResponse, ElectLeadersResponse,
    EnvelopeRequest, EnvelopeResponse, IncrementalAlterConfigsResponse,
    ListPartitionReassignmentsResponse, RemoveRaftVoterResponse, RequestKind, ResponseKind,
    UnregisterBrokerResponse, UpdateFeaturesResponse, alter_client_quotas_response,
    alter_configs_response, incremental_alter_configs_response,
};
use crate::kafka::protocol::{Decodable, Encodable, StrBytes};

/// The version of the principal's bytes.
const PRINCIPAL_VERSION: i16 = 0;

macro_rules! forwardable {
    ($($name:ident { refused: $refused:expr; codes: $codes:expr; })*) => {
        /// The APIs that a broker forwards to the active controller.
        pub const FORWARDABLE: &[ApiKey] = &[$(ApiKey::$name),*];

        /// The answer that refuses a whole request with one error, as Kafka's `getErrorResponse` gives it; none for an API
        /// that is not forwarded.
        pub fn refused(request: &RequestKind, error: ErrorCode, why: &str) -> Option<ResponseKind> {
            match request {
                $(RequestKind::$name(request) => {
                    Some(ResponseKind::$name(refuse_with(request, error.0, Some(text(why)), $refused)))
                })*
                _ => None,
            }
        }

        /// Shows every error code of a response to a forwarded API; nothing of others.
        pub fn each_error_code(response: &mut ResponseKind, mut each: impl FnMut(&mut i16)) {
            match response {
                $(ResponseKind::$name(response) => show_codes(response, &mut each, $codes),)*
                _ => {}
            }
        }
    };
}

/// Tells a row's closure its types.
fn refuse_with<R, T>(
    request: &R,
    code: i16,
    why: Option<StrBytes>,
    row: impl FnOnce(&R, i16, Option<StrBytes>) -> T,
) -> T {
    row(request, code, why)
}

/// Tells a row's closure its types.
fn show_codes<T>(
    response: &mut T,
    each: &mut dyn FnMut(&mut i16),
    row: impl FnOnce(&mut T, &mut dyn FnMut(&mut i16)),
) {
    row(response, each);
}

forwardable! {
    CreateTopics {
        refused: |request, code, why| CreateTopicsResponse::default().with_topics(
            request.topics.iter().map(|topic| CreatableTopicResult::default()
                .with_name(topic.name.clone())
                .with_error_code(code)
                .with_error_message(why.clone())
                .with_configs(Some(Vec::new()))
            ).collect(),
        );
        codes: |response, each| response.topics.iter_mut().for_each(|topic| each(&mut topic.error_code));
    }
    DeleteTopics {
        refused: |request, code, why| DeleteTopicsResponse::default().with_responses(
            request.topics.iter()
                .map(|topic| DeletableTopicResult::default().with_name(topic.name.clone()).with_topic_id(topic.topic_id))
                // Up to version 5 topics are named in a list of their own.
                .chain(request.topic_names.iter()
                    .map(|name| DeletableTopicResult::default().with_name(Some(name.clone()))))
                .map(|result| result.with_error_code(code).with_error_message(why.clone()))
                .collect(),
        );
        codes: |response, each| response.responses.iter_mut().for_each(|topic| each(&mut topic.error_code));
    }
    AlterConfigs {
        refused: |request, code, why| AlterConfigsResponse::default().with_responses(
            request.resources.iter().map(|resource| alter_configs_response::AlterConfigsResourceResponse::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone())
                .with_error_code(code)
                .with_error_message(why.clone())
            ).collect(),
        );
        codes: |response, each| response.responses.iter_mut().for_each(|resource| each(&mut resource.error_code));
    }
    CreatePartitions {
        refused: |request, code, why| CreatePartitionsResponse::default().with_results(
            request.topics.iter().map(|topic| CreatePartitionsTopicResult::default()
                .with_name(topic.name.clone())
                .with_error_code(code)
                .with_error_message(why.clone())
            ).collect(),
        );
        codes: |response, each| response.results.iter_mut().for_each(|topic| each(&mut topic.error_code));
    }
    ElectLeaders {
        refused: |request, code, why| ElectLeadersResponse::default().with_error_code(code).with_replica_election_results(
            request.topic_partitions.iter().flatten().map(|topic| ReplicaElectionResult::default()
                .with_topic(topic.topic.clone())
                .with_partition_result(topic.partitions.iter().map(|partition| PartitionResult::default()
                    .with_partition_id(*partition)
                    .with_error_code(code)
                    .with_error_message(why.clone())
                ).collect())
            ).collect(),
        );
        codes: |response, each| {
            each(&mut response.error_code);
            let partitions = response.replica_election_results.iter_mut().flat_map(|topic| &mut topic.partition_result);
            partitions.for_each(|partition| each(&mut partition.error_code));
        };
    }
    IncrementalAlterConfigs {
        refused: |request, code, why| IncrementalAlterConfigsResponse::default().with_responses(
            request.resources.iter().map(|resource| {
                incremental_alter_configs_response::AlterConfigsResourceResponse::default()
                    .with_resource_type(resource.resource_type)
                    .with_resource_name(resource.resource_name.clone())
                    .with_error_code(code)
                    .with_error_message(why.clone())
            }).collect(),
        );
        codes: |response, each| response.responses.iter_mut().for_each(|resource| each(&mut resource.error_code));
    }
    AlterPartitionReassignments {
        refused: |request, code, why| AlterPartitionReassignmentsResponse::default()
            .with_error_code(code)
            .with_error_message(why.clone())
            .with_responses(request.topics.iter().map(|topic| ReassignableTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(topic.partitions.iter().map(|partition| ReassignablePartitionResponse::default()
                    .with_partition_index(partition.partition_index)
                    .with_error_code(code)
                    .with_error_message(why.clone())
                ).collect())
            ).collect());
        codes: |response, each| {
            each(&mut response.error_code);
            let partitions = response.responses.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| each(&mut partition.error_code));
        };
    }
    ListPartitionReassignments {
        refused: |_, code, why| ListPartitionReassignmentsResponse::default().with_error_code(code).with_error_message(why);
        codes: |response, each| each(&mut response.error_code);
    }
    AlterClientQuotas {
        refused: |request, code, why| AlterClientQuotasResponse::default().with_entries(
            request.entries.iter().map(|entry| alter_client_quotas_response::EntryData::default()
                .with_error_code(code)
                .with_error_message(why.clone())
                .with_entity(entry.entity.iter().map(|entity| alter_client_quotas_response::EntityData::default()
                    .with_entity_type(entity.entity_type.clone())
                    .with_entity_name(entity.entity_name.clone())
                ).collect())
            ).collect(),
        );
        codes: |response, each| response.entries.iter_mut().for_each(|entry| each(&mut entry.error_code));
    }
    DescribeQuorum {
        refused: |_, code, why| DescribeQuorumResponse::default().with_error_code(code).with_error_message(why);
        codes: |response, each| {
            each(&mut response.error_code);
            let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| each(&mut partition.error_code));
        };
    }
    UpdateFeatures {
        refused: |_, code, why| UpdateFeaturesResponse::default().with_error_code(code).with_error_message(why);
        codes: |response, each| {
            each(&mut response.error_code);
            response.results.iter_mut().for_each(|feature| each(&mut feature.error_code));
        };
    }
    UnregisterBroker {
        refused: |_, code, why| UnregisterBrokerResponse::default().with_error_code(code).with_error_message(why);
        codes: |response, each| each(&mut response.error_code);
    }
    AddRaftVoter {
        refused: |_, code, why| AddRaftVoterResponse::default().with_error_code(code).with_error_message(why);
        codes: |response, each| each(&mut response.error_code);
    }
    RemoveRaftVoter {
        refused: |_, code, why| RemoveRaftVoterResponse::default().with_error_code(code).with_error_message(why);
        codes: |response, each| each(&mut response.error_code);
    }
}

/// Whether a broker forwards a request of this kind.
pub fn is_forwardable(request: &RequestKind) -> bool {
    codec::key_of(request).is_some_and(|key| FORWARDABLE.contains(&key))
}

/// Whether a response carries an error anywhere, as Kafka's `errorCounts` would show it.
pub fn says(response: &mut ResponseKind, error: ErrorCode) -> bool {
    let mut found = false;
    each_error_code(response, |code| found |= *code == error.0);
    found
}

/// Who sent a request, as far as it is known without authentication.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// `User`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Principal {
    /// `User:ANONYMOUS`: whoever comes by a listener without authentication.
    pub fn anonymous() -> Self {
        Self { kind: "User".to_owned(), name: "ANONYMOUS".to_owned() }
    }

    /// Its bytes in an envelope: a version, then the message of Kafka's default principal builder.
    fn encode(&self) -> Option<Bytes> {
        let data =
            DefaultPrincipalData::default().with_type(text(&self.kind)).with_name(text(&self.name));
        let mut out = BytesMut::new();
        out.put_i16(PRINCIPAL_VERSION);
        data.encode(&mut out, PRINCIPAL_VERSION).ok()?;
        Some(out.freeze())
    }

    fn decode(bytes: &Bytes) -> Option<Self> {
        let version = i16::from_be_bytes(*bytes.first_chunk::<2>()?);
        if version != PRINCIPAL_VERSION {
            return None;
        }
        let mut rest = bytes.slice(2..);
        let data = DefaultPrincipalData::decode(&mut rest, version).ok()?;
        let owned = |text: &StrBytes| text.as_str().to_owned();
        Some(Self { kind: owned(&data._type), name: owned(&data.name) })
    }
}

/// What an envelope holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Opened {
    /// The client's request.
    pub request: DecodedRequest,
    /// Who sent it.
    pub principal: Principal,
    /// From where.
    pub host: IpAddr,
}

/// Puts a request into an envelope; none if it can't be said in its version.
pub fn seal(
    header: &RequestHeader,
    request: &RequestKind,
    principal: &Principal,
    host: IpAddr,
) -> Option<EnvelopeRequest> {
    let id = header.client_id.as_deref();
    let frame =
        codec::encode_request(header.api_version, header.correlation_id, id, request).ok()?;
    let address = match host {
        IpAddr::V4(address) => Bytes::copy_from_slice(&address.octets()),
        IpAddr::V6(address) => Bytes::copy_from_slice(&address.octets()),
    };
    let envelope = EnvelopeRequest::default()
        // The frame without its length.
        .with_request_data(frame.slice(4..))
        .with_request_principal(Some(principal.encode()?))
        .with_client_host_address(address);
    Some(envelope)
}

/// Takes a request out of its envelope.
///
/// # Errors
/// PRINCIPAL_DESERIALIZATION_FAILURE, INVALID_REQUEST for an address that is none or an API that is not forwarded,
/// UNSUPPORTED_VERSION for an inner request that this build can't read: the sender may be newer.
pub fn open(envelope: &EnvelopeRequest) -> Result<Opened, ErrorCode> {
    let principal = envelope.request_principal.as_ref().and_then(Principal::decode);
    let principal = principal.ok_or(ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE)?;
    let address = envelope.client_host_address.as_ref();
    let host = match (<[u8; 4]>::try_from(address), <[u8; 16]>::try_from(address)) {
        (Ok(octets), _) => IpAddr::from(octets),
        (_, Ok(octets)) => IpAddr::from(octets),
        _ => return Err(ErrorCode::INVALID_REQUEST),
    };
    let data = envelope.request_data.clone();
    let (header, body_at) =
        RequestHeader::decode(&data).map_err(|_| ErrorCode::UNSUPPORTED_VERSION)?;
    if !FORWARDABLE.iter().any(|api| *api as i16 == header.api_key)
        || api::info(header.api_key).is_none()
    {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let body = codec::decode_request_body(&header, data, body_at)
        .map_err(|_| ErrorCode::UNSUPPORTED_VERSION)?;
    let size = envelope.request_data.len();
    Ok(Opened { request: DecodedRequest { header, body, size }, principal, host })
}

/// Puts a response into an envelope. NOT_CONTROLLER anywhere in it becomes the envelope's own error, so that the broker looks
/// for another controller instead of telling its client.
pub fn seal_response(header: &RequestHeader, mut response: ResponseKind) -> EnvelopeResponse {
    let refuse = |code: ErrorCode| EnvelopeResponse::default().with_error_code(code.0);
    if says(&mut response, ErrorCode::NOT_CONTROLLER) {
        return refuse(ErrorCode::NOT_CONTROLLER);
    }
    let frame = ApiKey::try_from(header.api_key).ok().and_then(|api| {
        codec::encode_response(api, header.api_version, header.correlation_id, &response).ok()
    });
    match frame {
        Some(frame) => EnvelopeResponse::default().with_response_data(Some(frame.slice(4..))),
        None => refuse(ErrorCode::UNKNOWN_SERVER_ERROR),
    }
}

/// Takes the response to a request out of its envelope.
///
/// # Errors
/// UNSUPPORTED_VERSION if the controller could not read the request, UNKNOWN_SERVER_ERROR for anything else that is wrong with
/// the envelope: the client has no part in that.
pub fn open_response(
    header: &RequestHeader,
    envelope: EnvelopeResponse,
) -> Result<ResponseKind, ErrorCode> {
    match ErrorCode(envelope.error_code) {
        ErrorCode::NONE => {}
        ErrorCode::UNSUPPORTED_VERSION => return Err(ErrorCode::UNSUPPORTED_VERSION),
        _ => return Err(ErrorCode::UNKNOWN_SERVER_ERROR),
    }
    let data = envelope.response_data.ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
    let api = ApiKey::try_from(header.api_key).map_err(|()| ErrorCode::UNKNOWN_SERVER_ERROR)?;
    match codec::decode_response(api, header.api_version, data) {
        Ok((correlation, response)) if correlation == header.correlation_id => Ok(response),
        Ok(_) | Err(_) => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
    }
}

#[cfg(test)]
mod tests;
