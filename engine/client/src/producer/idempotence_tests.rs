//! Situations of an idempotent producer: numbers over retries, gaps, new epochs.

use klamm_node::{ProducerEpoch, ProducerId, Span, TopicPartition};
use klamm_protocol::kafka::messages::{ApiKey, RequestKind, ResponseKind};
use klamm_protocol::{Batch, ErrorCode};

use super::Producer;
use super::idempotence::Idempotence;
use super::tests::{answer, lab, record};
use crate::testing::{Lab, Request};

/// Producer, epoch, first number and number of records of the batches in a request, by partition.
fn numbers(request: &Request) -> Vec<(i32, i64, i16, i32, i32)> {
    batches_of(request)
        .into_iter()
        .map(|(partition, batch)| {
            let header = batch.header();
            let (id, epoch) = (header.producer_id.0, header.producer_epoch.0);
            (partition, id, epoch, header.base_sequence, header.record_count)
        })
        .collect()
}

fn batches_of(request: &Request) -> Vec<(i32, Batch)> {
    let RequestKind::Produce(produce) = &request.body else { panic!("{request:?}") };
    let data = produce.topic_data.iter().flat_map(|topic| &topic.partition_data);
    data.map(|data| {
        let batch = Batch::parse(data.records.as_ref().expect("records")).expect("a batch");
        batch.verify_crc().expect("intact");
        (data.index, batch)
    })
    .collect()
}

/// A producer that has sent one record a batch to partition 0, so that a connection is there.
fn warm(config: &[(&str, &str)]) -> Lab<Producer> {
    let mut lab = lab(&[&[("linger.ms", "0")], config].concat());
    lab.command(record(100, Some(0), None, 1));
    let first = lab.next_request().expect("sent");
    assert_eq!(numbers(&first), [(0, 1000, 0, 0, 1)]);
    lab.reply(&first, Some(&answer(&first, ErrorCode::NONE, 0)));
    lab.told();
    lab
}

fn send(lab: &mut Lab<Producer>, id: u64) -> Request {
    lab.command(record(id, Some(0), None, 1));
    lab.next_request().expect("sent")
}

/// The next request, once the one before on the same connection is answered.
fn next(lab: &mut Lab<Producer>) -> Request {
    lab.next_request().expect("the next one")
}

fn put(lab: &mut Lab<Producer>, ids: &[u64]) {
    for id in ids {
        lab.command(record(*id, Some(0), None, 1));
    }
}

fn fail(lab: &mut Lab<Producer>, request: &Request, code: ErrorCode) {
    lab.reply(request, Some(&answer(request, code, -1)));
}

fn succeed(lab: &mut Lab<Producer>, request: &Request) {
    lab.reply(request, Some(&answer(request, ErrorCode::NONE, 7)));
}

const OUT_OF_ORDER: ErrorCode = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;

#[test]
fn a_retry_has_the_number_of_the_first_try() {
    let mut lab = warm(&[]);
    let lost = send(&mut lab, 1);
    lab.crash(1);
    lab.restart(1);
    lab.advance(Span::secs(2));
    let again = lab.next_request().expect("retried");
    assert_eq!(numbers(&again), [(0, 1000, 0, 1, 1)]);
    assert_eq!(numbers(&again), numbers(&lost));
    succeed(&mut lab, &again);
    assert_eq!(numbers(&send(&mut lab, 2)), [(0, 1000, 0, 2, 1)]);
}

#[test]
fn retries_go_one_by_one_in_the_order_of_their_numbers_and_new_batches_wait() {
    let mut lab = warm(&[]);
    put(&mut lab, &[1, 2, 3]);
    for (number, code) in
        [(1, ErrorCode::NOT_ENOUGH_REPLICAS), (2, OUT_OF_ORDER), (3, OUT_OF_ORDER)]
    {
        let request = next(&mut lab);
        assert_eq!(numbers(&request), [(0, 1000, 0, number, 1)]);
        fail(&mut lab, &request, code);
    }
    put(&mut lab, &[4]);
    let told = lab.told();
    let sent = |told: &[String]| told.iter().filter(|event| event.starts_with("BatchSent")).count();
    assert_eq!(sent(&told), 3, "{told:?}");
    for number in 1..=4 {
        lab.advance(Span::millis(500));
        let request = next(&mut lab);
        assert_eq!(numbers(&request), [(0, 1000, 0, number, 1)]);
        let told = lab.told();
        // Behind the last retry new batches may leave again.
        assert!(sent(&told) <= if number == 3 { 2 } else { 1 }, "one at a time: {told:?}");
        succeed(&mut lab, &request);
    }
    assert_eq!(lab.node.summary().acknowledged, 5);
}

#[test]
fn a_batch_that_failed_for_good_leaves_a_gap_that_a_new_epoch_closes() {
    let mut lab = warm(&[]);
    put(&mut lab, &[1, 2]);
    let bad = next(&mut lab);
    fail(&mut lab, &bad, ErrorCode::INVALID_RECORD);
    let good = next(&mut lab);
    assert_eq!(numbers(&good), [(0, 1000, 0, 2, 1)], "it had left already");
    fail(&mut lab, &good, OUT_OF_ORDER);
    let told = lab.told();
    let bumped =
        "ProducerEpochBumped producer_id=1000 producer_epoch=1 partitions=[orders-0]".to_owned();
    assert_eq!(told.iter().filter(|event| **event == bumped).count(), 1, "{told:?}");
    lab.advance(Span::millis(200));
    let again = next(&mut lab);
    assert_eq!(numbers(&again), [(0, 1000, 1, 0, 1)]);
    succeed(&mut lab, &again);
    assert_eq!(numbers(&send(&mut lab, 3)), [(0, 1000, 1, 1, 1)]);
    let identity = Some((ProducerId(1000), ProducerEpoch(1)));
    assert_eq!(lab.node.summary().producer_id, identity, "nobody was asked");
}

#[test]
fn elsewhere_a_new_epoch_begins_when_nothing_is_in_flight() {
    let mut lab = warm(&[]);
    lab.command(record(1, Some(1), None, 1));
    let other = lab.next_request().expect("sent");
    assert_eq!(numbers(&other), [(1, 1000, 0, 0, 1)]);
    let bad = send(&mut lab, 2);
    fail(&mut lab, &bad, ErrorCode::INVALID_RECORD);
    lab.command(record(3, Some(1), None, 1));
    lab.advance(Span::millis(200));
    assert!(lab.next_request().is_none(), "a batch of the old epoch is in flight");
    succeed(&mut lab, &other);
    assert_eq!(numbers(&lab.next_request().expect("sent")), [(1, 1000, 1, 0, 1)]);
}

#[test]
fn out_of_order_and_next_in_line_means_a_gap() {
    let mut lab = warm(&[]);
    let lonely = send(&mut lab, 1);
    // The leader has lost what it had acknowledged.
    fail(&mut lab, &lonely, OUT_OF_ORDER);
    lab.advance(Span::millis(200));
    assert_eq!(numbers(&lab.next_request().expect("retried")), [(0, 1000, 1, 0, 1)]);
}

#[test]
fn a_producer_that_is_unknown_begins_anew() {
    let mut lab = warm(&[]);
    let request = send(&mut lab, 1);
    let ResponseKind::Produce(mut response) = answer(&request, ErrorCode::UNKNOWN_PRODUCER_ID, -1)
    else {
        panic!("a produce response")
    };
    response.responses[0].partition_responses[0].log_start_offset = -1;
    lab.reply(&request, Some(&ResponseKind::Produce(response.clone())));
    lab.advance(Span::millis(200));
    let again = lab.next_request().expect("retried");
    assert_eq!(
        numbers(&again),
        [(0, 1000, 0, 1, 1)],
        "who does not know the log start is asked again"
    );
    response.responses[0].partition_responses[0].log_start_offset = 1;
    lab.reply(&again, Some(&ResponseKind::Produce(response)));
    lab.advance(Span::millis(400));
    assert_eq!(numbers(&lab.next_request().expect("retried")), [(0, 1000, 1, 0, 1)]);
}

#[test]
fn a_duplicate_is_a_success_though_nobody_knows_where() {
    let mut lab = warm(&[]);
    let request = send(&mut lab, 1);
    fail(&mut lab, &request, ErrorCode::DUPLICATE_SEQUENCE_NUMBER);
    let told = lab.told();
    let last = told.last().expect("told");
    assert!(last.starts_with("RecordsAcknowledged partition=orders-0 base_offset=-1 records=[1]"));
    assert_eq!(numbers(&send(&mut lab, 2)), [(0, 1000, 0, 2, 1)]);
}

#[test]
fn an_old_epoch_costs_the_batch_and_not_the_producer() {
    let mut lab = warm(&[]);
    let request = send(&mut lab, 1);
    fail(&mut lab, &request, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert!(lab.told().iter().any(|event| event.ends_with("error=INVALID_PRODUCER_EPOCH")));
    assert_eq!(numbers(&send(&mut lab, 2)), [(0, 1000, 1, 0, 1)]);
}

#[test]
fn a_fenced_producer_never_sends_again() {
    let mut lab = warm(&[]);
    put(&mut lab, &[1, 2]);
    let first = next(&mut lab);
    fail(&mut lab, &first, ErrorCode::PRODUCER_FENCED);
    drop(next(&mut lab));
    put(&mut lab, &[3]);
    lab.advance(Span::secs(1));
    assert!(lab.next_request().is_none());
    let failed: Vec<_> =
        lab.told().into_iter().filter(|event| event.starts_with("RecordsFailed")).collect();
    assert_eq!(failed.len(), 3);
    assert!(failed.iter().all(|event| event.ends_with("error=PRODUCER_FENCED")), "{failed:?}");
    assert_eq!(lab.node.summary().waiting, 0);
}

/// A batch is tried again, is given up for the lack of time, and its last try is under way.
fn doubtful(later: &[u64]) -> (Lab<Producer>, Request) {
    let mut lab = warm(&[
        ("delivery.timeout.ms", "1000"),
        ("request.timeout.ms", "5000"),
        ("retry.backoff.ms", "50"),
        ("retry.backoff.max.ms", "50"),
    ]);
    let first = send(&mut lab, 1);
    fail(&mut lab, &first, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    lab.advance(Span::millis(100));
    let retry = next(&mut lab);
    lab.advance(Span::millis(500));
    put(&mut lab, later);
    lab.told();
    lab.advance(Span::millis(400));
    let given_up =
        "RecordsFailed partition=orders-0 records=[1] error=REQUEST_TIMED_OUT".to_owned();
    assert!(lab.told().contains(&given_up));
    (lab, retry)
}

#[test]
fn after_a_batch_that_ran_out_of_time_a_new_epoch_begins() {
    let (mut lab, retry) = doubtful(&[]);
    put(&mut lab, &[3]);
    // The answer comes after all, and changes nothing.
    succeed(&mut lab, &retry);
    assert_eq!(lab.node.summary().acknowledged, 1);
    assert_eq!(numbers(&next(&mut lab)), [(0, 1000, 1, 0, 1)]);
}

#[test]
fn a_later_batch_that_is_taken_says_that_the_log_has_what_ran_out_of_time() {
    let (mut lab, retry) = doubtful(&[2]);
    put(&mut lab, &[3]);
    assert!(!lab.told().iter().any(|event| event.starts_with("BatchSent")), "nobody knows yet");
    succeed(&mut lab, &retry);
    let later = next(&mut lab);
    assert_eq!(numbers(&later), [(0, 1000, 0, 2, 1)]);
    assert!(!lab.told().iter().any(|event| event.starts_with("BatchSent")), "nor now");
    succeed(&mut lab, &later);
    assert_eq!(numbers(&next(&mut lab)), [(0, 1000, 0, 3, 1)]);
}

#[test]
fn a_later_batch_that_is_refused_says_that_the_log_has_not_what_ran_out_of_time() {
    let (mut lab, retry) = doubtful(&[2]);
    put(&mut lab, &[3]);
    fail(&mut lab, &retry, ErrorCode::NOT_ENOUGH_REPLICAS);
    let later = next(&mut lab);
    fail(&mut lab, &later, OUT_OF_ORDER);
    lab.advance(Span::millis(100));
    let again = next(&mut lab);
    assert_eq!(numbers(&again), [(0, 1000, 1, 0, 1)]);
    succeed(&mut lab, &again);
    assert_eq!(numbers(&next(&mut lab)), [(0, 1000, 1, 1, 1)]);
}

#[test]
fn an_answer_of_the_last_moment_is_no_certain_one() {
    let mut lab = warm(&[("delivery.timeout.ms", "450"), ("request.timeout.ms", "300")]);
    let first = send(&mut lab, 1);
    lab.advance(Span::millis(150));
    put(&mut lab, &[2]);
    fail(&mut lab, &first, ErrorCode::REQUEST_TIMED_OUT);
    drop(next(&mut lab));
    lab.told();
    // The second request runs out of time, and so does the first batch, whose retry goes down with the connection.
    lab.advance(Span::millis(300));
    let told = lab.told();
    let given_up =
        "RecordsFailed partition=orders-0 records=[1] error=NETWORK_EXCEPTION".to_owned();
    assert!(told.contains(&given_up), "{told:?}");
    put(&mut lab, &[3]);
    lab.advance(Span::millis(120));
    let again = next(&mut lab);
    assert_eq!(numbers(&again), [(0, 1000, 0, 2, 1)], "the log may have it under this number");
    let sent = lab.told().iter().filter(|event| event.starts_with("BatchSent")).count();
    assert_eq!(sent, 1, "nobody knows yet of the first");
    succeed(&mut lab, &again);
    assert_eq!(numbers(&next(&mut lab)), [(0, 1000, 0, 3, 1)]);
}

#[test]
fn nothing_is_sent_without_an_id() {
    let config = warm(&[]).node.config;
    let mut lab: Lab<Producer> =
        Lab::new(Producer::new("producer-2", crate::testing::bootstrap(), config));
    lab.ids = Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    lab.lead("orders", 0, 1, 0);
    lab.command(record(1, Some(0), None, 1));
    lab.advance(Span::secs(1));
    assert!(lab.next_request().is_none());
    lab.ids = Ok(5000);
    lab.advance(Span::millis(100));
    let sent = lab.next_request().expect("it asks every 100 ms");
    assert_eq!(numbers(&sent), [(0, 5000, 0, 0, 1)]);
}

#[test]
fn brokers_that_know_no_producer_ids_make_it_give_up() {
    let config = warm(&[]).node.config;
    let mut lab: Lab<Producer> =
        Lab::new(Producer::new("producer-2", crate::testing::bootstrap(), config));
    lab.unknown.insert(ApiKey::InitProducerId as i16);
    lab.lead("orders", 0, 1, 0);
    lab.command(record(1, Some(0), None, 1));
    lab.advance(Span::secs(1));
    let told = lab.told();
    let failed =
        "RecordsFailed partition=orders-0 records=[1] error=UNSUPPORTED_VERSION".to_owned();
    assert!(told.contains(&failed), "{told:?}");
}

#[test]
fn the_pieces_of_a_batch_share_its_numbers() {
    let mut lab = lab(&[("linger.ms", "50")]);
    for id in 1..=3 {
        lab.command(record(id, Some(0), None, 300));
    }
    lab.advance(Span::millis(50));
    let whole = lab.next_request().expect("sent");
    assert_eq!(numbers(&whole), [(0, 1000, 0, 0, 3)]);
    fail(&mut lab, &whole, ErrorCode::MESSAGE_TOO_LARGE);
    let mut seen = Vec::new();
    for _ in 0..5 {
        lab.advance(Span::millis(50));
        let Some(request) = lab.next_request() else { break };
        seen.extend(
            numbers(&request).into_iter().map(|(_, _, epoch, base, count)| (epoch, base, count)),
        );
        succeed(&mut lab, &request);
    }
    assert_eq!(seen, [(0, 0, 2), (0, 2, 1)]);
    lab.command(record(4, Some(0), None, 1));
    lab.advance(Span::millis(50));
    assert_eq!(numbers(&lab.next_request().expect("sent")), [(0, 1000, 0, 3, 1)]);
}

#[test]
fn after_the_last_epoch_comes_another_id() {
    let mut one = Idempotence::new();
    let orders = TopicPartition::new("orders", 0);
    one.assign(ProducerId(7), ProducerEpoch(i16::MAX));
    let first = one.number(&orders, 1, 2).expect("an id");
    let second = one.number(&orders, 2, 3).expect("an id");
    one.failed(&orders, first, ErrorCode::INVALID_RECORD, true);
    assert_eq!(one.bump(), None);
    assert!(one.lacks_id());
    one.assign(ProducerId(9), ProducerEpoch(0));
    let renumbered = one.bump().expect("with the new id");
    assert_eq!(
        (renumbered.producer_id, renumbered.producer_epoch),
        (ProducerId(9), ProducerEpoch(0))
    );
    let [(2, again)] = renumbered.batches[..] else { panic!("{renumbered:?}") };
    assert_eq!((again.producer_id, again.base), (ProducerId(9), 0));
    assert_eq!(second.base, 2);
    assert_eq!(one.number(&orders, 3, 1).map(|next| next.base), Some(3));
    assert_eq!(one.bump(), None, "once");
}
