//! Forwarding to the active controller: what a client of a broker gets, and what an envelope gets at a controller.

use std::net::{IpAddr, Ipv4Addr};

use klamm_node::{CorrelationId, Endpoint, Span};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert;
use klamm_protocol::forward::{self, Principal};
use klamm_protocol::header::RequestHeader;
use klamm_protocol::kafka::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use klamm_protocol::kafka::messages::{ApiKey, EnvelopeRequest, RequestKind, ResponseKind};

use crate::driver::Lab;
use crate::{create, started};

fn active(lab: &Lab) -> Option<String> {
    let names = (1..=3).map(|n| format!("controller-{n}"));
    let is_active = |name: &String| {
        lab.summary(name).is_some_and(|summary| summary.active_controller.is_some())
    };
    names.into_iter().find(is_active)
}

fn request(name: &str) -> CreateTopicsRequest {
    let topic = CreatableTopic::default()
        .with_name(convert::topic(name))
        .with_num_partitions(1)
        .with_replication_factor(1);
    CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000)
}

fn header(version: i16) -> RequestHeader {
    RequestHeader {
        api_key: ApiKey::CreateTopics as i16,
        api_version: version,
        correlation_id: CorrelationId(4711),
        client_id: Some("admin".to_owned()),
    }
}

fn envelope(version: i16, name: &str) -> EnvelopeRequest {
    let body = RequestKind::CreateTopics(request(name));
    let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    forward::seal(&header(version), &body, &Principal::anonymous(), host).expect("sayable")
}

/// Sends an envelope to a controller: its error, and what was in it.
fn hand_in(
    lab: &mut Lab,
    controller: &str,
    envelope: EnvelopeRequest,
    version: i16,
) -> (ErrorCode, Result<ResponseKind, ErrorCode>) {
    match lab.ask_at(&Endpoint::new(controller, 9093), envelope, 0) {
        Ok(ResponseKind::Envelope(answer)) => {
            (ErrorCode(answer.error_code), forward::open_response(&header(version), answer))
        }
        other => panic!("an envelope, not {other:?}"),
    }
}

#[test]
fn every_version_of_the_request_is_kept_on_the_way_and_on_the_way_back() {
    let mut lab = started(20);
    for version in 2..=7 {
        let name = format!("topic-{version}");
        let answer = lab.ask_up_to("broker-1", request(&name), version);
        let Ok(ResponseKind::CreateTopics(answer)) = answer else { panic!("{answer:?}") };
        assert_eq!(answer.topics[0].error_code, 0, "version {version}");
        // What version 5 brought does not reach an older client, what version 7 brought reaches a newer one.
        assert_eq!(answer.topics[0].num_partitions == 1, version >= 5, "version {version}");
        assert_eq!(answer.topics[0].topic_id.is_nil(), version < 7, "version {version}");
    }
}

#[test]
fn without_an_active_controller_every_topic_of_the_request_times_out() {
    let mut lab = started(21);
    for n in 1..=3 {
        lab.crash(&format!("controller-{n}"));
    }
    assert_eq!(create(&mut lab, "broker-1", "orders", 1, 1), [ErrorCode::REQUEST_TIMED_OUT]);
}

#[test]
fn a_controller_that_is_not_active_says_so_outside_of_the_envelope() {
    let mut lab = started(22);
    let active = active(&lab).expect("an active controller");
    let idle = (1..=3).map(|n| format!("controller-{n}")).find(|name| *name != active);
    let idle = idle.expect("three controllers");
    let (error, inside) = hand_in(&mut lab, &idle, envelope(7, "orders"), 7);
    assert_eq!(error, ErrorCode::NOT_CONTROLLER);
    assert_eq!(inside, Err(ErrorCode::UNKNOWN_SERVER_ERROR));

    let (error, inside) = hand_in(&mut lab, &active, envelope(5, "orders"), 5);
    assert_eq!(error, ErrorCode::NONE);
    let Ok(ResponseKind::CreateTopics(inside)) = inside else { panic!("{inside:?}") };
    assert_eq!((inside.topics[0].error_code, inside.topics[0].num_partitions), (0, 1));
    // An error of the request is not one of the envelope.
    let (error, inside) = hand_in(&mut lab, &active, envelope(5, "orders"), 5);
    assert_eq!(error, ErrorCode::NONE);
    let Ok(ResponseKind::CreateTopics(inside)) = inside else { panic!("{inside:?}") };
    assert_eq!(ErrorCode(inside.topics[0].error_code), ErrorCode::TOPIC_ALREADY_EXISTS);
}

#[test]
fn an_envelope_that_makes_no_sense_is_refused_and_the_connection_goes_on() {
    let mut lab = started(23);
    let active = active(&lab).expect("an active controller");
    let nobody = envelope(7, "orders").with_request_principal(None);
    let (error, _) = hand_in(&mut lab, &active, nobody, 7);
    assert_eq!(error, ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE);
    let nowhere = envelope(7, "orders").with_client_host_address(vec![1, 2].into());
    assert_eq!(hand_in(&mut lab, &active, nowhere, 7).0, ErrorCode::INVALID_REQUEST);
    let mut data = envelope(7, "orders").request_data.to_vec();
    data[2..4].copy_from_slice(&99_i16.to_be_bytes());
    let newer = envelope(7, "orders").with_request_data(data.into());
    assert_eq!(hand_in(&mut lab, &active, newer, 7).0, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(hand_in(&mut lab, &active, envelope(7, "orders"), 7).0, ErrorCode::NONE);
}

#[test]
fn a_request_that_meets_a_controller_on_its_way_out_finds_the_next_one() {
    let mut lab = started(24);
    let first = active(&lab).expect("an active controller");
    lab.shut_down(&first);
    assert_eq!(create(&mut lab, "broker-2", "orders", 1, 3), [ErrorCode::NONE]);
    lab.run(Span::secs(1));
    assert_ne!(active(&lab), Some(first));
}
