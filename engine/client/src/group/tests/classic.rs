//! Joining, staying, being put out, leaving.

use klamm_node::LeaveWhen;

use super::*;

#[test]
fn it_finds_its_coordinator_joins_and_starts_where_the_group_stood() {
    let mut lab = lab(&[]);
    subscribe(&mut lab);
    coordinator(&mut lab, 2);
    let first = join_error(&mut lab, ErrorCode::MEMBER_ID_REQUIRED, "me");
    assert_eq!(first.member_id.as_str(), "");
    let reason = |request: &JoinGroupRequest| request.reason.as_ref().map(ToString::to_string);
    assert_eq!(reason(&first).as_deref(), Some(""), "a first join needs none");
    let second = join(&mut lab, 1, "range", &["me", "other"]);
    assert_eq!(second.member_id.as_str(), "me", "KIP-394");
    assert_eq!(reason(&second).as_deref(), Some("need to re-join with the given member-id"));
    let names: Vec<&str> = second.protocols.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["range", "cooperative-sticky"]);
    let said = read_subscription(&second.protocols[1].metadata).expect("readable");
    assert_eq!(said.user_data.as_deref(), Some(&[0xff; 4][..]), "in no generation so far");
    assert_eq!((second.session_timeout_ms, second.rebalance_timeout_ms), (45_000, 300_000));
    let (request, body) = asked!(&mut lab, SyncGroup);
    let given: Vec<(&str, Vec<TopicPartition>)> = body
        .assignments
        .iter()
        .map(|one| {
            let partitions = crate::assignor::read_assignment(&one.assignment).expect("readable");
            (one.member_id.as_str(), partitions)
        })
        .collect();
    assert_eq!(given, [("me", orders(&[0, 1])), ("other", orders(&[2]))]);
    assert_eq!(body.protocol_name.as_ref().map(|name| name.as_str()), Some("range"));
    let response =
        SyncGroupResponse::default().with_assignment(assignment_bytes(&orders(&[0, 1]), None));
    lab.reply(&request, Some(&ResponseKind::SyncGroup(response)));
    committed(&mut lab, &[(0, 7)]);
    assert_eq!(
        lab.told(),
        [
            "Subscribed group=g topics=[\"orders\"] protocol=classic",
            "CoordinatorFound group=g broker=2",
            "PartitionsAssigned group=g member=me epoch=1 partitions=[orders-0,orders-1]",
            "PositionSet partition=orders-0 to=7 reason=committed",
        ]
    );
    let (_, list) = asked!(&mut lab, ListOffsets);
    assert_eq!(list.topics[0].partitions[0].timestamp, -2, "nothing committed: auto.offset.reset");
    let place = lab.node.summary().group.expect("a place");
    assert_eq!((place.member.as_str(), place.epoch), ("me", 1));
    assert_eq!(place.assigned.into_iter().collect::<Vec<_>>(), orders(&[0, 1]));
}

#[test]
fn before_it_joins_again_it_commits_and_gives_up() {
    let mut lab = member(&[], "range", &[0, 1]);
    records(&mut lab, 0, 0, 5);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::NONE);
    lab.advance(Span::secs(1));
    // Its auto commit is not due yet.
    none(&mut lab, "too early", |body| matches!(body, RequestKind::OffsetCommit(_)));
    lab.advance(Span::secs(2));
    lab.told();
    let by_timer = commit(&mut lab, ErrorCode::NONE);
    assert_eq!(offsets(&by_timer), [(0, 5), (1, 0)]);
    heartbeat(&mut lab, ErrorCode::REBALANCE_IN_PROGRESS);
    none(&mut lab, "not before the commit is answered", |body| {
        matches!(body, RequestKind::JoinGroup(_))
    });
    let told = lab.told();
    assert_eq!(
        told.last().map(String::as_str),
        Some("CommitRequested group=g offsets=[orders-0@5,orders-1@0] reason=revoke"),
        "{told:?}"
    );
    let before = commit(&mut lab, ErrorCode::NONE);
    assert_eq!((before.generation_id_or_member_epoch, before.member_id.as_str()), (1, "me"));
    assert_eq!(
        lab.told(),
        [
            "CommitAcknowledged group=g offsets=[orders-0@5,orders-1@0]",
            "PartitionsRevoked group=g member=me epoch=1 partitions=[orders-0,orders-1]",
        ]
    );
    let again = join(&mut lab, 2, "range", &[]);
    assert_eq!(again.member_id.as_str(), "me");
    sync(&mut lab, ErrorCode::NONE, &[1]);
    assert_eq!(lab.told(), ["PartitionsAssigned group=g member=me epoch=2 partitions=[orders-1]"]);
}

#[test]
fn nothing_is_handed_out_between_the_commit_and_giving_up() {
    let mut lab = member(&[], "range", &[0]);
    records(&mut lab, 0, 0, 5);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::REBALANCE_IN_PROGRESS);
    lab.told();
    // Fetched ahead: its records would be done and not committed (KAFKA-14196).
    records(&mut lab, 0, 5, 2);
    let told = lab.told();
    assert!(!told.iter().any(|event| event.starts_with("RecordsPolled")), "{told:?}");
    assert_eq!(offsets(&commit(&mut lab, ErrorCode::NONE)), [(0, 5)]);
    assert!(lab.told().iter().any(|event| event.starts_with("PartitionsRevoked")));
}

#[test]
fn a_commit_that_fails_for_now_is_tried_again_before_it_gives_up() {
    let mut lab = member(&[], "range", &[0]);
    records(&mut lab, 0, 0, 5);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::REBALANCE_IN_PROGRESS);
    commit(&mut lab, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    none(&mut lab, "not yet", |body| matches!(body, RequestKind::JoinGroup(_)));
    lab.advance(Span::millis(200));
    assert_eq!(offsets(&commit(&mut lab, ErrorCode::NONE)), [(0, 5)]);
    join(&mut lab, 2, "range", &[]);
}

#[test]
fn the_cooperative_protocol_keeps_what_it_has_and_gives_up_what_moves() {
    let mut lab = member(&[COOPERATIVE, BY_HAND], "cooperative-sticky", &[0, 1]);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::REBALANCE_IN_PROGRESS);
    let (request, body) = asked!(&mut lab, JoinGroup);
    let said = read_subscription(&body.protocols[0].metadata).expect("readable");
    assert_eq!((said.owned, said.generation), (orders(&[0, 1]), Some(1)));
    assert_eq!(said.user_data.as_deref(), Some(&[0, 0, 0, 1][..]));
    lab.told();
    // It reads on while the others join.
    records(&mut lab, 0, 0, 2);
    assert!(lab.told().iter().any(|event| event.starts_with("RecordsPolled partition=orders-0")));
    let response = JoinGroupResponse::default()
        .with_generation_id(2)
        .with_protocol_name(Some(convert::text("cooperative-sticky")))
        .with_leader(convert::text("other"))
        .with_member_id(convert::text("me"));
    lab.reply(&request, Some(&ResponseKind::JoinGroup(response)));
    sync(&mut lab, ErrorCode::NONE, &[1]);
    assert_eq!(
        lab.told(),
        [
            "PartitionsRevoked group=g member=me epoch=2 partitions=[orders-0]",
            "PartitionsAssigned group=g member=me epoch=2 partitions=[]",
        ]
    );
    let (_, again) = asked!(&mut lab, JoinGroup);
    let said = read_subscription(&again.protocols[0].metadata).expect("readable");
    assert_eq!((said.owned, said.generation), (orders(&[1]), Some(2)), "KIP-429's second round");
}

#[test]
fn who_is_put_out_loses_all_and_comes_back() {
    for (code, member_id) in
        [(ErrorCode::UNKNOWN_MEMBER_ID, ""), (ErrorCode::ILLEGAL_GENERATION, "me")]
    {
        let mut lab = member(&[BY_HAND], "range", &[0]);
        lab.advance(Span::secs(3));
        heartbeat(&mut lab, code);
        assert_eq!(
            lab.told(),
            [
                format!("GroupRequestFailed group=g member=me api_key=12 error={}", code.word()),
                format!(
                    "PartitionsLost group=g member=me epoch=1 partitions=[orders-0] reason={}",
                    code.word()
                ),
            ]
        );
        let again = join(&mut lab, 3, "range", &[]);
        assert_eq!(again.member_id.as_str(), member_id, "an id that may be good is kept");
    }
}

#[test]
fn a_fenced_instance_ends() {
    let mut lab = member(&[("group.instance.id", "i"), BY_HAND], "range", &[0]);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::FENCED_INSTANCE_ID);
    let told = lab.told();
    assert!(told[1].ends_with("reason=FENCED_INSTANCE_ID"), "{told:?}");
    assert!(lab.halted);
    none(&mut lab, "a static member does not leave", |b| matches!(b, RequestKind::LeaveGroup(_)));
}

#[test]
fn a_coordinator_that_moved_is_found_again_without_a_rebalance() {
    let mut lab = member(&[BY_HAND], "range", &[0]);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::NOT_COORDINATOR);
    coordinator(&mut lab, 3);
    lab.advance(Span::secs(3));
    let (request, body) = asked!(&mut lab, Heartbeat);
    assert_eq!((request.broker, body.generation_id), (3, 1));
    none(&mut lab, "it is still a member", |body| matches!(body, RequestKind::JoinGroup(_)));
    // The broker dies: the same.
    lab.crash(3);
    coordinator(&mut lab, 2);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::NONE);
}

#[test]
fn a_join_is_asked_again_after_what_passes_and_ends_the_consumer_after_what_does_not() {
    for code in [ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::REBALANCE_IN_PROGRESS] {
        let mut lab = lab(&[]);
        subscribe(&mut lab);
        coordinator(&mut lab, 2);
        join_error(&mut lab, code, "");
        lab.advance(Span::millis(150));
        join(&mut lab, 1, "range", &[]);
        assert!(!lab.halted);
    }
    for code in [ErrorCode::INCONSISTENT_GROUP_PROTOCOL, ErrorCode::GROUP_MAX_SIZE_REACHED] {
        let mut lab = lab(&[]);
        subscribe(&mut lab);
        coordinator(&mut lab, 2);
        join_error(&mut lab, code, "");
        assert!(lab.halted, "{code:?}");
    }
}

#[test]
fn a_sync_that_another_rebalance_overtakes_joins_again() {
    let mut lab = lab(&[]);
    subscribe(&mut lab);
    coordinator(&mut lab, 2);
    join(&mut lab, 1, "range", &[]);
    sync(&mut lab, ErrorCode::REBALANCE_IN_PROGRESS, &[]);
    join(&mut lab, 2, "range", &[]);
    sync(&mut lab, ErrorCode::NONE, &[2]);
    assert!(lab.told().last().expect("told").ends_with("epoch=2 partitions=[orders-2]"));
}

#[test]
fn closing_commits_gives_up_and_leaves() {
    let mut lab = member(&[], "range", &[0]);
    records(&mut lab, 0, 0, 4);
    lab.told();
    call(&mut lab, GroupCommand::Close { leave: LeaveWhen::Default });
    assert_eq!(offsets(&commit(&mut lab, ErrorCode::NONE)), [(0, 4)]);
    assert_eq!(left(&mut lab), "me");
    assert_eq!(
        lab.told(),
        [
            "CommitRequested group=g offsets=[orders-0@4] reason=close",
            "CommitAcknowledged group=g offsets=[orders-0@4]",
            "PartitionsRevoked group=g member=me epoch=1 partitions=[orders-0]",
        ]
    );
    assert!(lab.halted);
}

#[test]
fn a_static_member_stays_unless_it_is_told_to_leave() {
    for (leave, leaves) in
        [(LeaveWhen::Default, false), (LeaveWhen::Leave, true), (LeaveWhen::Remain, false)]
    {
        let mut lab = member(&[("group.instance.id", "i"), BY_HAND], "range", &[0]);
        call(&mut lab, GroupCommand::Close { leave });
        assert_eq!(take(&mut lab, |b| matches!(b, RequestKind::LeaveGroup(_))).is_some(), leaves);
        lab.advance(Span::secs(31));
        assert!(lab.halted, "it does not wait for the answer for ever");
    }
}

#[test]
fn a_leader_asks_for_a_new_assignment_when_a_topic_grows() {
    let mut lab = lab(&[BY_HAND, ("metadata.max.age.ms", "5000")]);
    subscribe(&mut lab);
    coordinator(&mut lab, 2);
    join(&mut lab, 1, "range", &["me"]);
    sync(&mut lab, ErrorCode::NONE, &[0, 1, 2]);
    committed(&mut lab, &[]);
    none(&mut lab, "all is well", |body| matches!(body, RequestKind::JoinGroup(_)));
    lab.lead("orders", 3, 1, 0);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::NONE);
    lab.advance(Span::millis(2_500));
    let again = join(&mut lab, 2, "range", &["me"]);
    assert_eq!(again.reason.as_ref().map(|r| r.as_str()), Some("cached metadata has changed"));
    let (_, body) = asked!(&mut lab, SyncGroup);
    let given = crate::assignor::read_assignment(&body.assignments[0].assignment);
    assert_eq!(given, Ok(orders(&[0, 1, 2, 3])));
}

#[test]
fn a_pattern_sees_new_topics() {
    let mut lab = lab(&[BY_HAND, ("metadata.max.age.ms", "5000")]);
    lab.lead("returns", 0, 1, 0);
    call(&mut lab, GroupCommand::SubscribePattern { pattern: "orders.*".to_owned() });
    coordinator(&mut lab, 2);
    let first = join(&mut lab, 1, "range", &[]);
    let topics = |request: &JoinGroupRequest| {
        let said = read_subscription(&request.protocols[0].metadata).expect("readable");
        said.topics.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(topics(&first), ["orders"]);
    sync(&mut lab, ErrorCode::NONE, &[0]);
    lab.lead("orders-eu", 0, 1, 0);
    lab.lead("my-orders", 0, 1, 0);
    committed(&mut lab, &[]);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::NONE);
    lab.advance(Span::millis(2_500));
    let again = join(&mut lab, 2, "range", &[]);
    assert_eq!(topics(&again), ["orders", "orders-eu"], "whole names alone");
}
