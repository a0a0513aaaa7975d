//! The application: what it is handed, what it commits, and what happens when it is slow, stuck or a zombie.

use klamm_node::SeekTo;

use super::*;

fn is_commit(body: &RequestKind) -> bool {
    matches!(body, RequestKind::OffsetCommit(_))
}

#[test]
fn a_poll_returns_so_many_records_and_the_next_one_comes_when_they_are_done() {
    let mut lab = member(&[BY_HAND, ("max.poll.records", "3")], "range", &[0]);
    work(&mut lab, Span::millis(100), CommitWhen::Asked);
    records(&mut lab, 0, 0, 5);
    let told = lab.told();
    assert_eq!(
        told.last().map(String::as_str),
        Some("RecordsPolled partition=orders-0 from=0 to=3")
    );
    none(&mut lab, "KIP-41: nothing is fetched while records wait", |body| {
        matches!(body, RequestKind::Fetch(_))
    });
    lab.advance(Span::millis(299));
    assert_eq!(lab.told(), Vec::<String>::new());
    lab.advance(Span::millis(1));
    assert_eq!(
        lab.told(),
        [
            "RecordsProcessed partition=orders-0 to=3",
            "RecordsPolled partition=orders-0 from=3 to=5"
        ]
    );
    let (_, fetch) = asked!(&mut lab, Fetch);
    assert_eq!(fetch.topics[0].partitions[0].fetch_offset, 5, "fetched ahead");
    lab.advance(Span::millis(200));
    assert_eq!(lab.told(), ["RecordsProcessed partition=orders-0 to=5"]);
}

#[test]
fn auto_commit_waits_for_the_poll_after_the_one_that_returned_the_records() {
    let mut lab = member(&[], "range", &[0]);
    work(&mut lab, Span::secs(2), CommitWhen::Asked);
    records(&mut lab, 0, 0, 4);
    lab.advance(Span::secs(7));
    // The interval is over, and the application is still busy: Z56.
    none(&mut lab, "what it holds is not done", is_commit);
    heartbeat(&mut lab, ErrorCode::NONE);
    heartbeat(&mut lab, ErrorCode::NONE);
    lab.advance(Span::secs(1));
    assert_eq!(offsets(&commit(&mut lab, ErrorCode::NONE)), [(0, 4)]);
}

#[test]
fn commits_around_the_work() {
    for (when, first) in [
        (CommitWhen::AfterSync, "RecordsProcessed"),
        (CommitWhen::AfterAsync, "RecordsProcessed"),
        (CommitWhen::BeforeSync, "CommitRequested"),
    ] {
        let mut lab = member(&[BY_HAND], "range", &[0]);
        work(&mut lab, Span::millis(10), when);
        records(&mut lab, 0, 0, 2);
        lab.advance(Span::millis(20));
        let told = lab.told();
        let after_poll = told.iter().skip_while(|event| !event.starts_with("RecordsPolled"));
        let next = after_poll.clone().nth(1).expect("something");
        assert!(next.starts_with(first), "{when:?}: {told:?}");
        assert_eq!(offsets(&commit(&mut lab, ErrorCode::NONE)), [(0, 2)], "{when:?}");
        lab.advance(Span::millis(20));
        let told = lab.told();
        let done = told.iter().any(|event| event.starts_with("RecordsProcessed"));
        assert_eq!(done, when == CommitWhen::BeforeSync, "{told:?}");
    }
}

#[test]
fn a_synchronous_commit_blocks_and_is_tried_again_an_asynchronous_one_is_not() {
    let mut lab = member(&[BY_HAND], "range", &[0]);
    records(&mut lab, 0, 0, 2);
    call(&mut lab, GroupCommand::CommitSync);
    records(&mut lab, 0, 2, 2);
    lab.told();
    commit(&mut lab, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert!(!lab.told().iter().any(|event| event.starts_with("RecordsPolled")), "blocked");
    lab.advance(Span::millis(200));
    assert_eq!(offsets(&commit(&mut lab, ErrorCode::NONE)), [(0, 2)]);
    let told = lab.told();
    assert!(told.iter().any(|event| event == "RecordsPolled partition=orders-0 from=2 to=4"));
    call(&mut lab, GroupCommand::CommitAsync);
    commit(&mut lab, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert_eq!(
        lab.told(),
        [
            "CommitRequested group=g offsets=[orders-0@4] reason=async",
            "CommitFailed group=g offsets=[orders-0@4] error=COORDINATOR_LOAD_IN_PROGRESS"
        ]
    );
    lab.advance(Span::secs(1));
    none(&mut lab, "once", is_commit);
}

#[test]
fn a_commit_of_a_generation_that_is_over_fails_and_all_is_lost() {
    let mut lab = member(&[BY_HAND], "range", &[0]);
    records(&mut lab, 0, 0, 2);
    lab.told();
    call(&mut lab, GroupCommand::CommitSync);
    commit(&mut lab, ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(
        lab.told(),
        [
            "CommitRequested group=g offsets=[orders-0@2] reason=sync",
            "CommitFailed group=g offsets=[orders-0@2] error=ILLEGAL_GENERATION",
            "PartitionsLost group=g member=me epoch=1 partitions=[orders-0] reason=ILLEGAL_GENERATION",
        ]
    );
    assert_eq!(join(&mut lab, 5, "range", &[]).member_id.as_str(), "me");
}

#[test]
fn a_commit_that_a_rebalance_overtook_is_made_up_for() {
    let mut lab = member(&[BY_HAND, COOPERATIVE], "cooperative-sticky", &[0]);
    work(&mut lab, Span::millis(10), CommitWhen::AfterSync);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::REBALANCE_IN_PROGRESS);
    // It joins, reads on meanwhile, and has no generation to commit in.
    records(&mut lab, 0, 0, 2);
    lab.advance(Span::millis(20));
    none(&mut lab, "not asked", is_commit);
    let told = lab.told();
    let failed = "CommitFailed group=g offsets=[orders-0@2] error=REBALANCE_IN_PROGRESS";
    assert!(told.iter().any(|event| event == failed), "{told:?}");
    join(&mut lab, 2, "cooperative-sticky", &[]);
    sync(&mut lab, ErrorCode::NONE, &[0]);
    assert_eq!(offsets(&commit(&mut lab, ErrorCode::NONE)), [(0, 2)]);
}

#[test]
fn who_does_not_poll_leaves_by_itself() {
    let mut lab = member(&[BY_HAND, ("max.poll.interval.ms", "10000")], "range", &[0]);
    work(&mut lab, Span::secs(4), CommitWhen::AfterSync);
    records(&mut lab, 0, 0, 3);
    for _ in 0..3 {
        lab.advance(Span::secs(3));
        heartbeat(&mut lab, ErrorCode::NONE);
    }
    lab.told();
    lab.advance(Span::secs(1));
    assert_eq!(lab.told(), ["PollIntervalExceeded group=g member=me"]);
    assert_eq!(left(&mut lab), "me");
    none(&mut lab, "no heartbeats any more", |body| matches!(body, RequestKind::Heartbeat(_)));
    lab.advance(Span::secs(2));
    assert_eq!(
        lab.told(),
        [
            "RecordsProcessed partition=orders-0 to=3",
            "CommitFailed group=g offsets=[orders-0@3] error=poll-interval",
            "PartitionsLost group=g member=me epoch=1 partitions=[orders-0] reason=poll-interval",
        ]
    );
    assert_eq!(join(&mut lab, 2, "range", &[]).member_id.as_str(), "", "as a new member");
}

#[test]
fn a_stuck_application_heartbeats_until_the_poll_interval() {
    let mut lab = member(&[BY_HAND, ("max.poll.interval.ms", "5000")], "range", &[0]);
    call(&mut lab, GroupCommand::Stick);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::REBALANCE_IN_PROGRESS);
    none(&mut lab, "joining needs a poll", |body| matches!(body, RequestKind::JoinGroup(_)));
    lab.advance(Span::secs(2));
    left(&mut lab);
    lab.told();
    call(&mut lab, GroupCommand::Unstick);
    assert!(lab.told()[0].starts_with("PartitionsLost"));
    join(&mut lab, 4, "range", &[]);
}

#[test]
fn a_zombie_goes_on_as_who_it_was() {
    let mut lab = member(&[BY_HAND], "range", &[0]);
    work(&mut lab, Span::millis(10), CommitWhen::AfterSync);
    call(&mut lab, GroupCommand::Zombie);
    lab.advance(Span::secs(3));
    heartbeat(&mut lab, ErrorCode::UNKNOWN_MEMBER_ID);
    lab.told();
    records(&mut lab, 0, 0, 2);
    lab.advance(Span::millis(20));
    let said = commit(&mut lab, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!((said.generation_id_or_member_epoch, said.member_id.as_str()), (1, "me"));
    records(&mut lab, 0, 2, 2);
    let told = lab.told();
    assert!(told.iter().any(|event| event.starts_with("CommitFailed")), "{told:?}");
    assert!(told.iter().any(|event| event == "RecordsPolled partition=orders-0 from=2 to=4"));
    lab.advance(Span::secs(60));
    none(&mut lab, "it does not come back", |body| matches!(body, RequestKind::JoinGroup(_)));
    none(&mut lab, "nor does it heartbeat", |body| matches!(body, RequestKind::Heartbeat(_)));
}

#[test]
fn paused_partitions_are_not_handed_out_and_seeks_move() {
    let mut lab = member(&[BY_HAND], "range", &[0]);
    call(&mut lab, GroupCommand::Pause { partitions: Vec::new() });
    records(&mut lab, 0, 0, 3);
    lab.advance(Span::secs(1));
    assert!(!lab.told().iter().any(|event| event.starts_with("RecordsPolled")));
    call(&mut lab, GroupCommand::Resume { partitions: orders(&[0]) });
    assert_eq!(lab.told()[0], "RecordsPolled partition=orders-0 from=0 to=3");
    let partition = TopicPartition::new("orders", 0);
    call(
        &mut lab,
        GroupCommand::Seek { partition: partition.clone(), to: SeekTo::Offset(Offset(1)) },
    );
    assert_eq!(
        lab.told().last().map(String::as_str),
        Some("PositionSet partition=orders-0 to=1 reason=seek")
    );
    call(&mut lab, GroupCommand::CommitAsync);
    assert_eq!(offsets(&commit(&mut lab, ErrorCode::NONE)), [(0, 1)], "a seek is committed too");
    let to = SeekTo::Timestamp(Timestamp(77));
    call(&mut lab, GroupCommand::Seek { partition, to });
    // A broker works on one request of a connection at a time.
    records(&mut lab, 0, 3, 0);
    let (_, list) = asked!(&mut lab, ListOffsets);
    assert_eq!(list.topics[0].partitions[0].timestamp, 77);
}

#[test]
fn without_an_offset_the_policy_says_where_to_start() {
    for (policy, timestamp) in
        [("latest", Some(-1)), ("by_duration:PT0.5S", Some(500)), ("none", None)]
    {
        let mut lab = lab(&[("auto.offset.reset", policy)]);
        subscribe(&mut lab);
        coordinator(&mut lab, 2);
        join(&mut lab, 1, "range", &[]);
        sync(&mut lab, ErrorCode::NONE, &[0]);
        // The lab's wall clock follows its clock.
        lab.now = klamm_node::Time(1_000_000_000);
        committed(&mut lab, &[]);
        let asked = take(&mut lab, |body| matches!(body, RequestKind::ListOffsets(_)));
        let asked = asked.map(|request| {
            let RequestKind::ListOffsets(list) = request.body else { unreachable!() };
            list.topics[0].partitions[0].timestamp
        });
        assert_eq!(asked, timestamp, "{policy}");
        let stopped = lab.told().iter().any(|e| e.ends_with("error=no-offset-for-partition"));
        assert_eq!(stopped, timestamp.is_none(), "{policy}");
    }
}

#[test]
fn unsubscribing_gives_up_and_leaves() {
    let mut lab = member(&[BY_HAND], "range", &[0]);
    call(&mut lab, GroupCommand::Unsubscribe);
    assert_eq!(left(&mut lab), "me");
    assert_eq!(lab.told(), ["PartitionsRevoked group=g member=me epoch=1 partitions=[orders-0]"]);
    lab.advance(Span::secs(60));
    none(&mut lab, "it is out", |body| {
        matches!(body, RequestKind::JoinGroup(_) | RequestKind::Heartbeat(_))
    });
    subscribe(&mut lab);
    assert_eq!(join(&mut lab, 7, "range", &[]).member_id.as_str(), "");
}
