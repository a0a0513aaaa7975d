//! Idempotent producers (KIP-98) against whole processes: ids from the controller's blocks, and sequence numbers that survive
//! the death of a leader.

use bytes::Bytes;
use klamm_node::{EventKind, ProducerEpoch, ProducerId, Span, Timestamp};
use klamm_protocol::batch::BatchBuilder;
use klamm_protocol::kafka::messages::{InitProducerIdRequest, ResponseKind};
use klamm_protocol::{Compression, ErrorCode};

use crate::driver::Lab;
use crate::{create, fetch, leader_of, produce, running, started};

pub(crate) fn batch(id: i64, epoch: i16, sequence: i32, value: &str) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None).by_producer(
        ProducerId(id),
        ProducerEpoch(epoch),
        sequence,
    );
    builder.append(Timestamp(1_700_000_000_000), None, Some(value.as_bytes()), &[]);
    builder.build()
}

fn init(lab: &mut Lab, host: &str) -> (ErrorCode, i64) {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    match lab.ask(host, request) {
        Ok(ResponseKind::InitProducerId(answer)) => {
            (ErrorCode(answer.error_code), answer.producer_id.0)
        }
        other => panic!("an answer, not {other:?}"),
    }
}

/// As a producer does: again while the broker has no block yet.
fn producer_id(lab: &mut Lab, host: &str) -> i64 {
    for _ in 0..20 {
        match init(lab, host) {
            (ErrorCode::NONE, id) => return id,
            (error, _) => assert_eq!(error, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
        }
        lab.run(Span::millis(100));
    }
    panic!("no producer id within two seconds");
}

#[test]
fn every_broker_has_blocks_of_its_own_and_no_id_comes_twice() {
    let mut lab = started(30);
    assert_eq!(init(&mut lab, "broker-1").0, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    let mut ids = Vec::new();
    for round in 0..4 {
        for n in 1..=3 {
            ids.push(producer_id(&mut lab, &format!("broker-{n}")));
        }
        if round == 1 {
            // What was left of its block is lost with the process.
            lab.crash("broker-2");
            lab.start("broker-2");
            lab.until("back again", |lab| running(lab, "broker-2"));
        }
    }
    let blocks: Vec<_> = ids.iter().map(|id| id / 1_000).collect();
    assert_eq!(blocks[..6], [0, 1, 2, 0, 1, 2]);
    assert_eq!(blocks[6..], [0, 3, 2, 0, 3, 2]);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 12);
}

#[test]
fn a_batch_that_comes_again_is_answered_with_its_offset_by_this_leader_and_the_next() {
    let mut lab = started(31);
    create(&mut lab, "broker-1", "orders", 1, 3);
    lab.run(Span::secs(1));
    let leader = leader_of(&mut lab, "orders");
    let id = producer_id(&mut lab, &leader);
    let ask = |lab: &mut Lab, to: &str, epoch, sequence, value| {
        produce(lab, to, "orders", -1, batch(id, epoch, sequence, value))
    };
    assert_eq!(ask(&mut lab, &leader, 0, 0, "a"), (ErrorCode::NONE, 0));
    assert_eq!(ask(&mut lab, &leader, 0, 1, "b"), (ErrorCode::NONE, 1));
    assert_eq!(ask(&mut lab, &leader, 0, 0, "a"), (ErrorCode::NONE, 0));
    let (gap, _) = ask(&mut lab, &leader, 0, 3, "d");
    assert_eq!(gap, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    let found = |lab: &Lab| {
        let events = lab.events().iter();
        events
            .filter(|(_, _, event)| matches!(event, EventKind::DuplicateBatchFound { .. }))
            .count()
    };
    assert_eq!(found(&lab), 1);

    // The answer to 'c' is lost with its leader; whoever leads next has the batch and knows it.
    assert_eq!(ask(&mut lab, &leader, 0, 2, "c"), (ErrorCode::NONE, 2));
    lab.crash(&leader);
    lab.run(Span::secs(15));
    let other = if leader == "broker-1" { "broker-2" } else { "broker-1" };
    let response = crate::metadata(&mut lab, other, "orders");
    let next = format!("broker-{}", response.topics[0].partitions[0].leader_id.0);
    assert_eq!(ask(&mut lab, &next, 0, 2, "c"), (ErrorCode::NONE, 2));
    assert_eq!(ask(&mut lab, &next, 0, 3, "d"), (ErrorCode::NONE, 3));
    assert_eq!(fetch(&mut lab, &next, "orders", 0).2, ["a", "b", "c", "d"]);

    // A greater epoch takes over and fences the old one.
    assert_eq!(ask(&mut lab, &next, 1, 0, "e"), (ErrorCode::NONE, 4));
    assert_eq!(ask(&mut lab, &next, 0, 4, "x").0, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(ask(&mut lab, &next, 1, 1, "f"), (ErrorCode::NONE, 5));
}

#[test]
fn what_a_leader_knows_of_producers_is_there_after_its_restart() {
    let mut lab = started(32);
    create(&mut lab, "broker-1", "orders", 1, 1);
    lab.run(Span::secs(1));
    let leader = leader_of(&mut lab, "orders");
    let id = producer_id(&mut lab, &leader);
    assert_eq!(
        produce(&mut lab, &leader, "orders", -1, batch(id, 0, 0, "a")),
        (ErrorCode::NONE, 0)
    );
    lab.shut_down(&leader);
    lab.until("an orderly halt", |lab| !lab.halts().is_empty());
    lab.start(&leader);
    lab.until("back again", |lab| running(lab, &leader));
    lab.run(Span::secs(3));
    assert_eq!(
        produce(&mut lab, &leader, "orders", -1, batch(id, 0, 0, "a")),
        (ErrorCode::NONE, 0)
    );
    assert_eq!(
        produce(&mut lab, &leader, "orders", -1, batch(id, 0, 1, "b")),
        (ErrorCode::NONE, 1)
    );
}
