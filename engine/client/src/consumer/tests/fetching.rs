//! Fetch sessions (KIP-227) and the closest replica (KIP-392), from the consumer's side.

use bytes::Bytes;
use klamm_node::{Offset, Span, StartFrom};
use klamm_protocol::ErrorCode;
use klamm_protocol::kafka::messages::{FetchResponse, RequestKind, ResponseKind};

use super::{answer, asked, assign, batch, lab, reply_error, reply_records};
use crate::consumer::Consumer;
use crate::testing::{Lab, Request};

/// The session's id and epoch that a fetch carries, and the partitions that it takes back.
fn session(request: &Request) -> (i32, i32, Vec<i32>) {
    let RequestKind::Fetch(fetch) = &request.body else { panic!("{request:?}") };
    let forgotten = fetch.forgotten_topics_data.iter().flat_map(|topic| topic.partitions.clone());
    (fetch.session_id, fetch.session_epoch, forgotten.collect())
}

/// Answers with records for each partition that the request names, in a session.
fn reply_in(lab: &mut Lab<Consumer>, request: &Request, id: i32, records: &Bytes) {
    let ResponseKind::Fetch(response) =
        answer(request, |data| data.with_records(Some(records.clone())))
    else {
        panic!("a fetch")
    };
    lab.reply(request, Some(&ResponseKind::Fetch(response.with_session_id(id))));
}

fn reply_nothing(lab: &mut Lab<Consumer>, request: &Request, id: i32) {
    let response = FetchResponse::default().with_session_id(id);
    lab.reply(request, Some(&ResponseKind::Fetch(response)));
}

fn refuse(lab: &mut Lab<Consumer>, request: &Request, code: ErrorCode) {
    let response = FetchResponse::default().with_error_code(code.0);
    lab.reply(request, Some(&ResponseKind::Fetch(response)));
}

#[test]
fn a_fetch_of_a_session_names_only_what_changed() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(0)));
    let first = lab.next_request().expect("fetch");
    assert_eq!(session(&first), (0, 0, vec![]));
    reply_in(&mut lab, &first, 9, &Bytes::new());
    let idle = lab.next_request().expect("fetch");
    assert_eq!((session(&idle), asked(&idle)), ((9, 1, vec![]), vec![]));
    assign(&mut lab, 1, StartFrom::Offset(Offset(7)));
    reply_nothing(&mut lab, &idle, 9);
    let more = lab.next_request().expect("fetch");
    assert_eq!((session(&more), asked(&more)), ((9, 2, vec![]), vec![(1, 7, 0, -1)]));
    reply_in(&mut lab, &more, 9, &batch(7, 2, 0));
    let moved = lab.next_request().expect("fetch");
    assert_eq!((session(&moved), asked(&moved)), ((9, 3, vec![]), vec![(1, 9, 0, -1)]));
    assert_eq!(lab.node.summary().read, 2);
}

#[test]
fn a_partition_that_waits_is_taken_back_and_named_again() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(0)));
    assign(&mut lab, 1, StartFrom::Offset(Offset(0)));
    let full = loop {
        let request = lab.next_request().expect("fetch");
        if asked(&request).len() == 2 {
            break request;
        }
        reply_records(&mut lab, &request, Bytes::new());
    };
    let ResponseKind::Fetch(response) = answer(&full, |data| {
        let code = if data.partition_index == 1 { ErrorCode::KAFKA_STORAGE_ERROR.0 } else { 0 };
        data.with_error_code(code)
    }) else {
        panic!("a fetch")
    };
    lab.reply(&full, Some(&ResponseKind::Fetch(response.with_session_id(9))));
    let without = lab.next_request().expect("fetch");
    assert_eq!((session(&without), asked(&without)), ((9, 1, vec![1]), vec![]));
    lab.advance(Span::millis(200));
    reply_nothing(&mut lab, &without, 9);
    let again = lab.next_request().expect("fetch");
    assert_eq!((session(&again), asked(&again)), ((9, 2, vec![]), vec![(1, 0, 0, -1)]));
}

#[test]
fn a_session_that_the_broker_does_not_know_is_begun_anew_at_once() {
    for (code, next) in [
        (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, (0, 0, vec![])),
        (ErrorCode::INVALID_FETCH_SESSION_EPOCH, (9, 0, vec![])),
        (ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR, (9, 0, vec![])),
    ] {
        let mut lab = lab(&[]);
        assign(&mut lab, 0, StartFrom::Offset(Offset(3)));
        let first = lab.next_request().expect("fetch");
        reply_in(&mut lab, &first, 9, &Bytes::new());
        let second = lab.next_request().expect("fetch");
        lab.told();
        refuse(&mut lab, &second, code);
        let third = lab.next_request().expect("no backoff");
        assert_eq!((session(&third), asked(&third)), (next, vec![(0, 3, 0, -1)]));
        assert_eq!(lab.told(), Vec::<String>::new(), "the partition itself is all right");
    }
}

#[test]
fn after_a_lost_connection_the_old_session_is_named_to_end_it() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(3)));
    let first = lab.next_request().expect("fetch");
    reply_in(&mut lab, &first, 9, &Bytes::new());
    lab.next_request().expect("fetch");
    lab.crash(1);
    lab.restart(1);
    lab.advance(Span::secs(3));
    let again = lab.next_request().expect("fetch");
    assert_eq!((session(&again), asked(&again)), ((9, 0, vec![]), vec![(0, 3, 0, -1)]));
}

#[test]
fn an_answer_about_a_partition_that_nobody_asked_for_is_dropped() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(0)));
    let first = lab.next_request().expect("fetch");
    let ResponseKind::Fetch(mut response) =
        answer(&first, |data| data.with_records(Some(batch(0, 2, 0))))
    else {
        panic!("a fetch")
    };
    let mut strange = response.responses[0].partitions[0].clone();
    strange.partition_index = 77;
    response.responses[0].partitions.push(strange);
    lab.reply(&first, Some(&ResponseKind::Fetch(response.with_session_id(9))));
    assert_eq!(lab.node.summary().read, 0);
    let again = lab.next_request().expect("fetch");
    assert_eq!((session(&again), asked(&again)), ((0, 0, vec![]), vec![(0, 0, 0, -1)]));
}

/// A consumer in rack b that was sent to broker 2, with its fetch there.
fn sent_away() -> (Lab<Consumer>, Request) {
    let mut lab = lab(&[("client.rack", "b"), ("metadata.max.age.ms", "5000")]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(3)));
    let at_leader = lab.next_request().expect("fetch");
    let RequestKind::Fetch(fetch) = &at_leader.body else { panic!("{at_leader:?}") };
    assert_eq!((at_leader.broker, fetch.rack_id.as_str()), (1, "b"));
    lab.told();
    let response = answer(&at_leader, |data| data.with_preferred_read_replica(2.into()));
    lab.reply(&at_leader, Some(&response));
    assert_eq!(lab.told(), ["ReadReplicaChanged partition=orders-0 replica=2 reason=preferred"]);
    let there = lab.next_request().expect("fetch");
    assert_eq!((there.broker, asked(&there)), (2, vec![(0, 3, 0, -1)]));
    (lab, there)
}

#[test]
fn it_reads_where_the_leader_sends_it_until_that_is_too_old() {
    let (mut lab, there) = sent_away();
    reply_records(&mut lab, &there, batch(3, 2, 0));
    let there = lab.next_request().expect("fetch");
    assert_eq!((there.broker, asked(&there)), (2, vec![(0, 5, 0, -1)]));
    lab.told();
    lab.advance(Span::secs(6));
    reply_records(&mut lab, &there, Bytes::new());
    assert_eq!(lab.told(), ["ReadReplicaChanged partition=orders-0 replica=-1 reason=expired"]);
    assert_eq!(lab.next_request().expect("fetch").broker, 1);
}

#[test]
fn out_of_range_at_a_follower_is_for_the_leader_to_judge() {
    let (mut lab, there) = sent_away();
    lab.told();
    reply_error(&mut lab, &there, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(lab.told(), ["ReadReplicaChanged partition=orders-0 replica=-1 reason=error"]);
    let back = lab.next_request().expect("fetch");
    assert_eq!((back.broker, asked(&back)), (1, vec![(0, 3, 0, -1)]), "and no reset");
}

#[test]
fn a_replica_that_fails_is_left_for_the_leader() {
    let (mut lab, there) = sent_away();
    reply_error(&mut lab, &there, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    lab.advance(Span::millis(300));
    assert_eq!(lab.next_request().expect("fetch").broker, 1);

    let (mut lab, _) = sent_away();
    lab.crash(2);
    lab.advance(Span::millis(300));
    assert_eq!(lab.next_request().expect("fetch").broker, 1);
}

#[test]
fn a_replica_that_can_not_be_reached_does_not_keep_its_reader() {
    let mut lab = lab(&[("client.rack", "b")]);
    assign(&mut lab, 0, StartFrom::Offset(Offset(3)));
    let at_leader = lab.next_request().expect("fetch");
    // Its process is gone, and neither the leader nor the metadata say so yet.
    lab.unreachable.insert(2);
    let response = answer(&at_leader, |data| data.with_preferred_read_replica(2.into()));
    lab.reply(&at_leader, Some(&response));
    lab.advance(Span::millis(1));
    let back = lab.next_request().expect("the leader is asked again");
    assert_eq!((back.broker, asked(&back)), (1, vec![(0, 3, 0, -1)]));
}

#[test]
fn a_new_leader_may_know_a_closer_one() {
    let (mut lab, there) = sent_away();
    lab.lead("orders", 0, 3, 1);
    lab.told();
    reply_error(&mut lab, &there, ErrorCode::FENCED_LEADER_EPOCH);
    lab.advance(Span::millis(300));
    assert!(lab.told().iter().any(|text| text.starts_with("ReadReplicaChanged")));
    assert_eq!(lab.next_request().expect("asked").broker, 3);
}

/// KIP-899: the brokers that it learnt of may be gone for good while others came back under the addresses that it was given.
#[test]
fn once_none_of_its_brokers_answers_it_begins_anew_and_says_so_once() {
    let mut lab = lab(&[]);
    assign(&mut lab, 0, StartFrom::Earliest);
    lab.told();
    for broker in 1..=3 {
        lab.crash(broker);
    }
    lab.advance(Span::secs(60));
    let mut told = lab.told();
    told.retain(|event| event.starts_with("Rebootstrapped"));
    let servers = r#"["broker-1:9092","broker-2:9092","broker-3:9092"]"#;
    assert_eq!(told, [format!("Rebootstrapped servers={servers}")]);
}
