//! Envelopes there and back, and what is wrong with them.

use klamm_node::CorrelationId;

use super::*;
use crate::convert;
use crate::kafka::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};

const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));

fn request() -> (RequestHeader, RequestKind) {
    let header = RequestHeader {
        api_key: ApiKey::CreateTopics as i16,
        api_version: 5,
        correlation_id: CorrelationId(77),
        client_id: Some("admin-1".to_owned()),
    };
    let topic =
        CreatableTopic::default().with_name(convert::topic("orders")).with_num_partitions(3);
    (header, RequestKind::CreateTopics(CreateTopicsRequest::default().with_topics(vec![topic])))
}

fn sealed() -> EnvelopeRequest {
    let (header, body) = request();
    seal(&header, &body, &Principal::anonymous(), HOST).expect("sayable")
}

#[test]
fn a_request_comes_out_as_it_went_in_with_its_version_and_its_sender() {
    let (header, body) = request();
    let opened = open(&sealed()).expect("well formed");
    let size = sealed().request_data.len();
    assert_eq!(opened.request, DecodedRequest { header, body, size });
    assert_eq!(opened.principal, Principal::anonymous());
    assert_eq!(opened.host, HOST);
}

#[test]
fn what_is_wrong_with_an_envelope_has_its_own_error() {
    let none = sealed().with_request_principal(None);
    assert_eq!(open(&none), Err(ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE));
    let newer = sealed().with_request_principal(Some(Bytes::from_static(&[0, 9, 1, 1, 0, 0])));
    assert_eq!(open(&newer), Err(ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE));
    let nowhere = sealed().with_client_host_address(Bytes::from_static(&[1, 2, 3]));
    assert_eq!(open(&nowhere), Err(ErrorCode::INVALID_REQUEST));

    let mut data = sealed().request_data.to_vec();
    data[2..4].copy_from_slice(&99_i16.to_be_bytes());
    let from_the_future = sealed().with_request_data(data.clone().into());
    assert_eq!(open(&from_the_future), Err(ErrorCode::UNSUPPORTED_VERSION));
    let cut = sealed().with_request_data(sealed().request_data.slice(..3));
    assert_eq!(open(&cut), Err(ErrorCode::UNSUPPORTED_VERSION));
    // Fetch is served, but nobody forwards it.
    data[0..2].copy_from_slice(&1_i16.to_be_bytes());
    assert_eq!(open(&sealed().with_request_data(data.into())), Err(ErrorCode::INVALID_REQUEST));
}

#[test]
fn not_controller_inside_becomes_not_controller_outside() {
    let (header, body) = request();
    let inside = refused(&body, ErrorCode::NOT_CONTROLLER, "not me").expect("forwardable");
    let envelope = seal_response(&header, inside);
    assert_eq!(ErrorCode(envelope.error_code), ErrorCode::NOT_CONTROLLER);
    assert_eq!(envelope.response_data, None);

    let other = refused(&body, ErrorCode::POLICY_VIOLATION, "no").expect("forwardable");
    let envelope = seal_response(&header, other.clone());
    assert_eq!(open_response(&header, envelope), Ok(other));
}

#[test]
fn an_envelope_that_failed_is_told_to_the_client_as_what_it_can_do_about_it() {
    let (header, _) = request();
    let failed = |code: ErrorCode| EnvelopeResponse::default().with_error_code(code.0);
    let told = |code| open_response(&header, failed(code)).expect_err("failed");
    assert_eq!(told(ErrorCode::UNSUPPORTED_VERSION), ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(told(ErrorCode::CLUSTER_AUTHORIZATION_FAILED), ErrorCode::UNKNOWN_SERVER_ERROR);
    assert_eq!(
        open_response(&header, EnvelopeResponse::default()),
        Err(ErrorCode::UNKNOWN_SERVER_ERROR)
    );
}

/// Every row: the refusal has the code wherever the response has one, and there is one.
#[test]
fn a_refusal_carries_its_code_in_every_row() {
    for api in FORWARDABLE {
        let Some(info) = api::info(*api as i16) else { continue };
        let mut random = klamm_node::Stream::new(5, klamm_node::Purpose::Workload, 0, 0);
        let request = crate::shape::tests::some_request(info, info.max, &mut random);
        let mut response = refused(&request, ErrorCode::REQUEST_TIMED_OUT, "late").expect("a row");
        assert_eq!(codec::key_of_response(&response), Some(*api));
        each_error_code(&mut response, |code| assert_eq!(*code, ErrorCode::REQUEST_TIMED_OUT.0));
    }
}
