//! KIP-848: heartbeats, reconciliation, fencing, leaving.

use klamm_node::{LeaveWhen, TopicId};
use klamm_protocol::kafka::messages::consumer_group_heartbeat_response::{
    Assignment, TopicPartitions,
};
use klamm_protocol::kafka::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, OffsetFetchRequest,
};

use super::*;
use crate::testing::topic_uuid;

const MODERN: (&str, &str) = ("group.protocol", "consumer");

fn beats(body: &RequestKind) -> bool {
    matches!(body, RequestKind::ConsumerGroupHeartbeat(_))
}

/// Answers a heartbeat: an epoch, and what the member is to have if that changed.
fn beat(lab: &mut Lab1, epoch: i32, target: Option<&[i32]>) -> ConsumerGroupHeartbeatRequest {
    let (request, body) = asked!(lab, ConsumerGroupHeartbeat);
    assert_eq!(request.broker, 2);
    let assignment = target.map(|partitions| {
        let topic = TopicPartitions::default()
            .with_topic_id(topic_uuid("orders"))
            .with_partitions(partitions.to_vec());
        Assignment::default().with_topic_partitions(vec![topic])
    });
    let response = ConsumerGroupHeartbeatResponse::default()
        .with_member_id(Some(body.member_id.clone()))
        .with_member_epoch(epoch)
        .with_heartbeat_interval_ms(5_000)
        .with_assignment(assignment);
    lab.reply(&request, Some(&ResponseKind::ConsumerGroupHeartbeat(response)));
    body
}

fn refuse(lab: &mut Lab1, code: ErrorCode) -> ConsumerGroupHeartbeatRequest {
    let (request, body) = asked!(lab, ConsumerGroupHeartbeat);
    let response = ConsumerGroupHeartbeatResponse::default().with_error_code(code.0);
    lab.reply(&request, Some(&ResponseKind::ConsumerGroupHeartbeat(response)));
    body
}

/// What a heartbeat says that it has.
fn has(request: &ConsumerGroupHeartbeatRequest) -> Option<Vec<i32>> {
    let topics = request.topic_partitions.as_ref()?;
    Some(topics.iter().flat_map(|topic| topic.partitions.clone()).collect())
}

fn names(request: &ConsumerGroupHeartbeatRequest) -> Option<Vec<String>> {
    let names = request.subscribed_topic_names.as_ref()?;
    Some(names.iter().map(|name| name.to_string()).collect())
}

/// A member of epoch 1 with these partitions, which begin at offset 0.
fn modern(config: &[(&str, &str)], partitions: &[i32]) -> (Lab1, String) {
    let keys: Vec<(&str, &str)> = [MODERN].iter().chain(config).copied().collect();
    let mut lab = lab(&keys);
    subscribe(&mut lab);
    coordinator(&mut lab, 2);
    let first = beat(&mut lab, 1, Some(partitions));
    let zero: Vec<(i32, i64)> = partitions.iter().map(|partition| (*partition, 0)).collect();
    committed(&mut lab, &zero);
    beat(&mut lab, 1, None);
    lab.told();
    (lab, first.member_id.to_string())
}

#[test]
fn it_joins_with_an_id_of_its_own_takes_in_and_says_so() {
    let mut lab = lab(&[MODERN, ("client.rack", "a")]);
    subscribe(&mut lab);
    coordinator(&mut lab, 2);
    let first = beat(&mut lab, 3, Some(&[0, 2]));
    let id = first.member_id.to_string();
    assert_eq!(id.len(), 22, "KIP-1082: {id}");
    assert_eq!((first.member_epoch, has(&first)), (0, Some(Vec::new())));
    assert_eq!(names(&first), Some(vec!["orders".to_owned()]));
    assert_eq!(first.rebalance_timeout_ms, 300_000);
    assert_eq!(first.rack_id.as_ref().map(|rack| rack.as_str()), Some("a"));
    let told = lab.told();
    let expected =
        format!("PartitionsAssigned group=g member={id} epoch=3 partitions=[orders-0,orders-2]");
    assert!(told.contains(&expected), "{told:?}");
    let (request, body): (Request, OffsetFetchRequest) = asked!(&mut lab, OffsetFetch);
    let group = &body.groups[0];
    assert_eq!(group.member_id.as_ref().map(|id| id.to_string()), Some(id));
    assert_eq!(group.member_epoch, 3);
    lab.requests.push_front(request);
    committed(&mut lab, &[(0, 5)]);
    // It says at once what it has, and nothing that it said before.
    let ack = beat(&mut lab, 3, None);
    assert_eq!((ack.member_epoch, has(&ack), names(&ack)), (3, Some(vec![0, 2]), None));
    assert_eq!(ack.rebalance_timeout_ms, -1);
    lab.advance(Span::millis(4_999));
    none(&mut lab, "the coordinator says how often", beats);
    lab.advance(Span::millis(1));
    commit(&mut lab, ErrorCode::NONE);
    assert_eq!(has(&beat(&mut lab, 3, None)), None);
}

#[test]
fn what_moves_is_committed_given_up_and_then_acknowledged() {
    let (mut lab, id) = modern(&[], &[0, 1]);
    records(&mut lab, 0, 0, 3);
    lab.told();
    lab.advance(Span::secs(5));
    // The one by timer, and then the one before it gives up.
    commit(&mut lab, ErrorCode::NONE);
    beat(&mut lab, 2, Some(&[1]));
    none(&mut lab, "not before it has given up", beats);
    let said = commit(&mut lab, ErrorCode::STALE_MEMBER_EPOCH);
    assert_eq!(said.generation_id_or_member_epoch, 2);
    lab.told();
    lab.advance(Span::millis(200));
    assert_eq!(offsets(&commit(&mut lab, ErrorCode::NONE)), [(0, 3), (1, 0)]);
    assert_eq!(
        lab.told(),
        [
            "CommitAcknowledged group=g offsets=[orders-0@3,orders-1@0]".to_owned(),
            format!("PartitionsRevoked group=g member={id} epoch=2 partitions=[orders-0]"),
            format!("PartitionsAssigned group=g member={id} epoch=2 partitions=[]"),
        ]
    );
    assert_eq!(has(&beat(&mut lab, 2, None)), Some(vec![1]));
    let place = lab.node.summary().group.expect("a place");
    assert_eq!((place.epoch, place.assigned.len()), (2, 1));
}

/// The first try may have been written although its answer got lost, and a later commit after it: to write the same again
/// would set the group back.
#[test]
fn the_commit_before_giving_up_is_tried_again_with_what_was_polled_since() {
    let (mut lab, _) = modern(&[], &[0, 1]);
    lab.advance(Span::secs(5));
    commit(&mut lab, ErrorCode::NONE);
    beat(&mut lab, 2, Some(&[1]));
    let first = commit(&mut lab, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert_eq!(offsets(&first), [(0, 0), (1, 0)]);
    // It keeps partition 1, and reads it meanwhile.
    records(&mut lab, 1, 0, 3);
    lab.told();
    lab.advance(Span::millis(200));
    assert_eq!(offsets(&commit(&mut lab, ErrorCode::NONE)), [(0, 0), (1, 3)]);
    let told = lab.told();
    let expected = [
        "CommitRequested group=g offsets=[orders-0@0,orders-1@3] reason=revoke",
        "CommitAcknowledged group=g offsets=[orders-0@0,orders-1@3]",
    ];
    assert_eq!(told[..2], expected, "{told:?}");
}

#[test]
fn a_fenced_member_loses_all_and_joins_again_under_its_id() {
    for code in [ErrorCode::FENCED_MEMBER_EPOCH, ErrorCode::UNKNOWN_MEMBER_ID] {
        let (mut lab, id) = modern(&[BY_HAND], &[0]);
        lab.advance(Span::secs(5));
        refuse(&mut lab, code);
        assert_eq!(
            lab.told(),
            [
                format!("GroupRequestFailed group=g member={id} api_key=68 error={}", code.word()),
                format!(
                    "PartitionsLost group=g member={id} epoch=1 partitions=[orders-0] reason={}",
                    code.word()
                ),
            ]
        );
        let again = beat(&mut lab, 5, Some(&[0]));
        assert_eq!((again.member_epoch, again.member_id.to_string()), (0, id));
        assert_eq!(has(&again), Some(Vec::new()));
    }
}

#[test]
fn what_does_not_pass_ends_it_and_what_passes_does_not() {
    for code in [ErrorCode::UNRELEASED_INSTANCE_ID, ErrorCode::UNSUPPORTED_ASSIGNOR] {
        let mut lab = lab(&[MODERN]);
        subscribe(&mut lab);
        coordinator(&mut lab, 2);
        refuse(&mut lab, code);
        assert!(lab.halted, "{code:?}");
    }
    let (mut lab, _) = modern(&[BY_HAND], &[0]);
    lab.advance(Span::secs(5));
    refuse(&mut lab, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    lab.advance(Span::millis(200));
    let again = refuse(&mut lab, ErrorCode::NOT_COORDINATOR);
    assert_eq!(names(&again), Some(vec!["orders".to_owned()]), "after an error it says all");
    coordinator(&mut lab, 3);
    let (request, body) = asked!(&mut lab, ConsumerGroupHeartbeat);
    assert_eq!((request.broker, body.member_epoch, has(&body)), (3, 1, Some(vec![0])));
}

#[test]
fn it_leaves_for_good_or_as_one_who_comes_back() {
    for (instance, leave, epoch) in [
        ("", LeaveWhen::Default, Some(-1)),
        ("i", LeaveWhen::Default, Some(-2)),
        ("i", LeaveWhen::Leave, Some(-1)),
        ("", LeaveWhen::Remain, None),
    ] {
        let (mut lab, _) = modern(&[BY_HAND, ("group.instance.id", instance)], &[0]);
        call(&mut lab, GroupCommand::Close { leave });
        let said = take(&mut lab, beats).map(|request| {
            let RequestKind::ConsumerGroupHeartbeat(body) = request.body else { unreachable!() };
            body.member_epoch
        });
        assert_eq!(said, epoch, "{instance:?} {leave:?}");
        assert!(lab.told().iter().any(|event| event.starts_with("PartitionsRevoked")));
    }
}

#[test]
fn who_does_not_poll_leaves_and_comes_back_with_the_next_poll() {
    let (mut lab, id) = modern(&[BY_HAND, ("max.poll.interval.ms", "7000")], &[0]);
    call(&mut lab, GroupCommand::Stick);
    lab.advance(Span::secs(5));
    beat(&mut lab, 1, None);
    lab.advance(Span::secs(2));
    assert_eq!(lab.told(), [format!("PollIntervalExceeded group=g member={id}")]);
    assert_eq!(beat(&mut lab, -1, None).member_epoch, -1);
    lab.advance(Span::secs(60));
    none(&mut lab, "it is out", beats);
    lab.told();
    call(&mut lab, GroupCommand::Unstick);
    assert_eq!(
        lab.told(),
        [format!(
            "PartitionsLost group=g member={id} epoch=1 partitions=[orders-0] reason=poll-interval"
        )]
    );
    assert_eq!(beat(&mut lab, 9, Some(&[0])).member_epoch, 0);
}

#[test]
fn a_pattern_is_the_coordinators_business() {
    let mut lab = lab(&[MODERN]);
    call(&mut lab, GroupCommand::SubscribePattern { pattern: "ord.*".to_owned() });
    coordinator(&mut lab, 2);
    let first = beat(&mut lab, 1, Some(&[1]));
    assert_eq!(first.subscribed_topic_regex.as_ref().map(|r| r.to_string()), Some("ord.*".into()));
    assert_eq!(names(&first), Some(Vec::new()));
    assert!(lab.told().iter().any(|event| event.ends_with("partitions=[orders-1]")));
    assert_ne!(convert::topic_id(topic_uuid("orders")), TopicId::ZERO);
}

/// As the Java client, whose background thread asks its managers in that order: the commit carries the epoch that the
/// heartbeat is about to end.
#[test]
fn a_commit_by_timer_goes_before_the_heartbeat_of_its_instant() {
    let (mut lab, id) = modern(&[], &[0]);
    lab.advance(Span::secs(5));
    // A broker takes one request of a connection at a time.
    none(&mut lab, "it waits behind the commit", beats);
    let said = commit(&mut lab, ErrorCode::NONE);
    assert_eq!(said.generation_id_or_member_epoch, 1);
    lab.told();
    // The epoch grows, and it keeps what it has: nobody is told that it was given anything.
    beat(&mut lab, 2, None);
    assert_eq!(lab.told(), [format!("MemberEpochMoved group=g member={id} epoch=2")]);
    assert_eq!(lab.node.summary().group.expect("a place").epoch, 2);
}

#[test]
fn a_refused_commit_does_not_hurry_the_next_heartbeat() {
    let (mut lab, _) = modern(&[BY_HAND], &[0]);
    lab.advance(Span::secs(1));
    call(&mut lab, GroupCommand::CommitAsync);
    commit(&mut lab, ErrorCode::STALE_MEMBER_EPOCH);
    let told = lab.told();
    let expected = "CommitFailed group=g offsets=[orders-0@0] error=STALE_MEMBER_EPOCH";
    assert_eq!(told.last().map(String::as_str), Some(expected), "{told:?}");
    lab.advance(Span::millis(3_999));
    none(&mut lab, "the coordinator says how often", beats);
    lab.advance(Span::millis(1));
    assert_eq!(beat(&mut lab, 2, None).member_epoch, 1);
}

#[test]
fn the_first_assignment_is_taken_in_even_if_it_is_empty() {
    let mut lab = lab(&[MODERN]);
    subscribe(&mut lab);
    coordinator(&mut lab, 2);
    let id = beat(&mut lab, 4, Some(&[])).member_id.to_string();
    let expected = format!("PartitionsAssigned group=g member={id} epoch=4 partitions=[]");
    assert_eq!(lab.told().last(), Some(&expected));
}
