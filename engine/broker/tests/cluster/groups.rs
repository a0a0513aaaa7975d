//! Group coordinators through whole processes: found, loaded, failed over, fenced.

use klamm_broker::{ProcessConfig, Roles};
use klamm_node::{BrokerId, EventKind, Span};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{self, text};
use klamm_protocol::kafka::messages::join_group_request::JoinGroupRequestProtocol;
use klamm_protocol::kafka::messages::leave_group_request::MemberIdentity;
use klamm_protocol::kafka::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use klamm_protocol::kafka::messages::offset_fetch_request::OffsetFetchRequestGroup;
use klamm_protocol::kafka::messages::sync_group_request::SyncGroupRequestAssignment;
use klamm_protocol::kafka::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest,
    OffsetFetchRequest, OffsetFetchResponse, RequestKind, ResponseKind, SyncGroupRequest,
};

use crate::driver::Lab;
use crate::{batch, create, metadata, produce, running, started, voters};

const NONE: ErrorCode = ErrorCode::NONE;

pub(crate) fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

/// Asks which broker coordinates a group: its host, or the error.
fn find(lab: &mut Lab, host: &str, group: &str) -> Result<String, ErrorCode> {
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(group)]);
    let Ok(ResponseKind::FindCoordinator(answer)) = lab.ask(host, request) else {
        panic!("an answer")
    };
    let found = &answer.coordinators[0];
    assert_eq!(found.key.as_str(), group);
    match ErrorCode(found.error_code) {
        NONE => Ok(found.host.to_string()),
        code => Err(code),
    }
}

/// Looks until the coordinator is found and serves.
pub(crate) fn coordinator(lab: &mut Lab, host: &str, group: &str) -> String {
    for _ in 0..200 {
        if let Ok(found) = find(lab, host, group)
            && running(lab, &found)
            && fetch(lab, &found, &[(group, 0)]).groups[0].error_code == 0
        {
            return found;
        }
        lab.run(Span::millis(100));
    }
    panic!("no coordinator of {group} within 20 s");
}

fn commit(lab: &mut Lab, host: &str, group: &str, offset: i64) -> ErrorCode {
    commit_as(lab, host, group, ("", -1), offset)
}

pub(crate) fn commit_as(
    lab: &mut Lab,
    host: &str,
    group: &str,
    (member, generation): (&str, i32),
    offset: i64,
) -> ErrorCode {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("m")));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(convert::topic("orders"))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(text(member))
        .with_generation_id_or_member_epoch(generation)
        .with_topics(vec![topic]);
    let Ok(ResponseKind::OffsetCommit(answer)) = lab.ask(host, request) else {
        panic!("an answer")
    };
    ErrorCode(answer.topics[0].partitions[0].error_code)
}

/// Fetches everything that groups have committed. The number says nothing.
fn fetch(lab: &mut Lab, host: &str, groups: &[(&str, i64)]) -> OffsetFetchResponse {
    let of = |group: &str| {
        OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(None)
    };
    let groups = groups.iter().map(|(group, _)| of(group)).collect();
    let request = OffsetFetchRequest::default().with_groups(groups).with_require_stable(true);
    match lab.ask(host, request) {
        Ok(ResponseKind::OffsetFetch(answer)) => answer,
        other => panic!("an answer, not {other:?}"),
    }
}

/// What a group has committed for the first partition; -1 for nothing.
pub(crate) fn committed(lab: &mut Lab, host: &str, group: &str) -> Result<i64, ErrorCode> {
    let answer = fetch(lab, host, &[(group, 0)]);
    let group = &answer.groups[0];
    match ErrorCode(group.error_code) {
        NONE => Ok(group.topics.first().map_or(-1, |topic| topic.partitions[0].committed_offset)),
        code => Err(code),
    }
}

/// A started cluster with a topic, and the coordinator of a group.
fn with_group(seed: u64, group: &str) -> (Lab, String) {
    let mut lab = started(seed);
    assert_eq!(create(&mut lab, "broker-1", "orders", 1, 3), [NONE]);
    let host = coordinator(&mut lab, "broker-1", group);
    (lab, host)
}

pub(crate) fn another(host: &str) -> &'static str {
    if host == "broker-1" { "broker-2" } else { "broker-1" }
}

#[test]
fn the_topic_of_groups_comes_to_be_when_a_coordinator_is_looked_for() {
    let mut lab = started(41);
    assert_eq!(find(&mut lab, "broker-1", "g"), Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    lab.run(Span::secs(2));
    let host = find(&mut lab, "broker-2", "g").expect("found");
    // "g" is 103, which is the third of 50 partitions.
    let topic = &metadata(&mut lab, "broker-3", "__consumer_offsets").topics[0];
    assert!(topic.is_internal);
    assert_eq!((topic.partitions.len(), topic.partitions[0].replica_nodes.len()), (50, 3));
    let leader = topic.partitions.iter().find(|partition| partition.partition_index == 3);
    assert_eq!(host, format!("broker-{}", leader.expect("there").leader_id.0));
    let loaded = lab
        .events()
        .iter()
        .filter(|(_, _, event)| matches!(event, EventKind::CoordinatorLoaded { records: 0, .. }));
    assert_eq!(loaded.count(), 50, "every partition has a coordinator");
    // It is the brokers' own: nobody else writes there.
    let refused = produce(&mut lab, &host, "__consumer_offsets", 1, batch(&["x"]));
    assert_eq!(refused.0, ErrorCode::INVALID_TOPIC_EXCEPTION);
    // And who is not the coordinator says so.
    let wrong = another(&host);
    assert_eq!(commit(&mut lab, wrong, "g", 1), ErrorCode::NOT_COORDINATOR);
    assert_eq!(committed(&mut lab, wrong, "g"), Err(ErrorCode::NOT_COORDINATOR));
}

#[test]
fn the_next_coordinator_has_loaded_what_was_committed() {
    let (mut lab, host) = with_group(42, "g");
    assert_eq!(committed(&mut lab, &host, "g"), Ok(-1));
    for offset in 1..=9 {
        assert_eq!(commit(&mut lab, &host, "g", offset), NONE);
    }
    assert_eq!(committed(&mut lab, &host, "g"), Ok(9));
    lab.crash(&host);
    let next = coordinator(&mut lab, another(&host), "g");
    assert_ne!(next, host);
    assert_eq!(committed(&mut lab, &next, "g"), Ok(9));
    let loaded = lab.events().iter().any(|(_, node, event)| {
        *node == next
            && matches!(event, EventKind::CoordinatorLoaded { records: 9, offsets: 1, .. })
    });
    assert!(loaded, "it read the nine commits and holds one offset");
    // The first one comes back, and follows now.
    lab.start(&host);
    lab.until("the broker is back", |lab| running(lab, &host));
    assert_eq!(commit(&mut lab, &next, "g", 10), NONE);
    assert_eq!(commit(&mut lab, &host, "g", 3), ErrorCode::NOT_COORDINATOR);
}

#[test]
fn a_commit_waits_for_the_replicas_and_is_refused_below_min_isr() {
    let voters = voters(&[3001]);
    let mut controller =
        ProcessConfig::new(BrokerId(3001), Roles::CONTROLLER, "controller-1", voters.clone());
    // With eligible leader replicas, the controller's value becomes that of the cluster (KIP-966).
    controller.settings.min_insync_replicas = 2;
    let brokers = (1..=3).map(|n| {
        let host = format!("broker-{n}");
        let mut config = ProcessConfig::new(BrokerId(n), Roles::BROKER, host, voters.clone());
        config.settings.min_insync_replicas = 2;
        config.settings.offsets_topic_num_partitions = 1;
        config
    });
    let mut lab = Lab::new(43, std::iter::once(controller).chain(brokers).collect());
    lab.start_all();
    lab.until("three running brokers", |lab| (1..=3).all(|n| running(lab, &format!("broker-{n}"))));
    assert_eq!(create(&mut lab, "broker-1", "orders", 1, 3), [NONE]);
    let host = coordinator(&mut lab, "broker-1", "g");
    assert_eq!(commit(&mut lab, &host, "g", 1), NONE);
    let others: Vec<String> =
        (1..=3).map(|n| format!("broker-{n}")).filter(|name| *name != host).collect();
    for other in &others {
        lab.crash(other);
    }
    // The ISR is still three: the record is written, and nobody else gets it in time.
    assert_eq!(commit(&mut lab, &host, "g", 2), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    // The ISR is one: nothing is written.
    lab.run(Span::secs(30));
    let written = |lab: &Lab| {
        let offset = |event: &EventKind| matches!(event, EventKind::OffsetCommitted { .. });
        lab.events().iter().filter(|(_, _, event)| offset(event)).count()
    };
    let before = written(&lab);
    assert_eq!(commit(&mut lab, &host, "g", 3), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(written(&lab), before);
    let refused = lab.events().iter().any(|(_, _, event)| {
        matches!(event, EventKind::CoordinatorWriteFailed { error, .. } if error == "NOT_ENOUGH_REPLICAS")
    });
    assert!(refused, "the log said why");
    // The second commit was answered too early to be told so, and stands.
    for other in &others {
        lab.start(other);
    }
    lab.run(Span::secs(10));
    assert_eq!(committed(&mut lab, &host, "g"), Ok(2));
    assert_eq!(commit(&mut lab, &host, "g", 4), NONE);
}

#[test]
fn a_coordinator_that_was_deposed_behind_its_back_is_fenced() {
    let (mut lab, old) = with_group(44, "g");
    assert_eq!(commit(&mut lab, &old, "g", 1), NONE);
    lab.cut_off(&old);
    // It leads as far as it knows, takes the commit, and never hears that anybody has it.
    assert_eq!(commit(&mut lab, &old, "g", 77), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    let new = {
        let mut found = old.clone();
        while found == old {
            lab.run(Span::millis(500));
            found = find(&mut lab, another(&old), "g").unwrap_or(found);
        }
        coordinator(&mut lab, another(&old), "g")
    };
    assert_eq!(committed(&mut lab, &new, "g"), Ok(1), "what nobody else had is not committed");
    assert_eq!(commit(&mut lab, &new, "g", 2), NONE);
    assert_eq!(commit(&mut lab, &old, "g", 78), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    lab.heal(&old);
    lab.run(Span::secs(15));
    assert_eq!(commit(&mut lab, &old, "g", 79), ErrorCode::NOT_COORDINATOR);
    let unloaded = lab.events().iter().any(|(_, node, event)| {
        *node == old
            && matches!(event, EventKind::CoordinatorUnloaded { reason, .. } if reason == "not-leader")
    });
    assert!(unloaded);
    assert_eq!(committed(&mut lab, &new, "g"), Ok(2));
    // And once it leads again, it has what was committed, and not what it had written alone.
    for name in ["broker-1", "broker-2", "broker-3"] {
        if name != old {
            lab.crash(name);
        }
    }
    let again = coordinator(&mut lab, &old, "g");
    assert_eq!(again, old);
    assert_eq!(committed(&mut lab, &old, "g"), Ok(2));
}

fn join(lab: &mut Lab, host: &str, member: &str) -> JoinGroupResponse {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(bytes::Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    let request = JoinGroupRequest::default()
        .with_group_id(group_id("g"))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_member_id(text(member))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    match lab.ask(host, request) {
        Ok(ResponseKind::JoinGroup(answer)) => answer,
        other => panic!("an answer, not {other:?}"),
    }
}

fn heartbeat(lab: &mut Lab, host: &str, member: &str, generation: i32) -> ErrorCode {
    let request = HeartbeatRequest::default()
        .with_group_id(group_id("g"))
        .with_generation_id(generation)
        .with_member_id(text(member));
    match lab.ask(host, request) {
        Ok(ResponseKind::Heartbeat(answer)) => ErrorCode(answer.error_code),
        other => panic!("an answer, not {other:?}"),
    }
}

fn described(lab: &mut Lab, host: &str, group: &str) -> (String, usize, ErrorCode) {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
    let Ok(ResponseKind::DescribeGroups(answer)) = lab.ask(host, request) else {
        panic!("an answer")
    };
    let group = &answer.groups[0];
    (group.group_state.to_string(), group.members.len(), ErrorCode(group.error_code))
}

/// Joins as the only member, and syncs: the member's id and the generation.
fn stable_member(lab: &mut Lab, host: &str) -> (String, i32) {
    let first = join(lab, host, "");
    assert_eq!(ErrorCode(first.error_code), ErrorCode::MEMBER_ID_REQUIRED, "KIP-394");
    let joined = join(lab, host, &first.member_id);
    assert_eq!(ErrorCode(joined.error_code), NONE);
    assert_eq!(joined.leader, first.member_id);
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(first.member_id.clone())
        .with_assignment(bytes::Bytes::from_static(b"a"));
    let request = SyncGroupRequest::default()
        .with_group_id(group_id("g"))
        .with_generation_id(joined.generation_id)
        .with_member_id(first.member_id.clone())
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(vec![assignment]);
    let Ok(ResponseKind::SyncGroup(synced)) = lab.ask(host, request) else { panic!("an answer") };
    assert_eq!((ErrorCode(synced.error_code), synced.assignment.as_ref()), (NONE, &b"a"[..]));
    (first.member_id.to_string(), joined.generation_id)
}

#[test]
fn a_generation_survives_its_coordinator_and_a_zombie_does_not() {
    let (mut lab, host) = with_group(45, "g");
    let (member, generation) = stable_member(&mut lab, &host);
    assert_eq!(heartbeat(&mut lab, &host, &member, generation), NONE);
    assert_eq!(commit_as(&mut lab, &host, "g", (&member, generation), 5), NONE);
    assert_eq!(
        commit_as(&mut lab, &host, "g", (&member, generation - 1), 6),
        ErrorCode::ILLEGAL_GENERATION
    );
    assert_eq!(
        commit_as(&mut lab, &host, "g", ("who", generation), 6),
        ErrorCode::UNKNOWN_MEMBER_ID
    );
    assert_eq!(described(&mut lab, &host, "g"), ("Stable".to_owned(), 1, NONE));
    lab.crash(&host);
    let next = coordinator(&mut lab, another(&host), "g");
    assert_eq!(heartbeat(&mut lab, &next, &member, generation), NONE, "the group is where it was");
    assert_eq!(described(&mut lab, &next, "g"), ("Stable".to_owned(), 1, NONE));
    assert_eq!(commit_as(&mut lab, &next, "g", (&member, generation), 7), NONE);
    assert_eq!(
        commit_as(&mut lab, &next, "g", ("who", generation), 8),
        ErrorCode::UNKNOWN_MEMBER_ID
    );
    assert_eq!(committed(&mut lab, &next, "g"), Ok(7));
    // The member falls silent, and the group is empty.
    lab.run(Span::secs(15));
    assert_eq!(described(&mut lab, &next, "g"), ("Empty".to_owned(), 0, NONE));
    assert_eq!(heartbeat(&mut lab, &next, &member, generation), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_rebalance_in_flight_is_refused_when_the_coordinator_stops() {
    let (mut lab, host) = with_group(46, "g");
    let member = join(&mut lab, &host, "").member_id.to_string();
    // The group waits for more members when the broker is asked to stop: the join must be answered all the same.
    lab.shut_down(&host);
    let answer = join(&mut lab, &host, &member);
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::NOT_COORDINATOR);
    let next = coordinator(&mut lab, another(&host), "g");
    assert_ne!(next, host);
    stable_member(&mut lab, &next);
}

#[test]
fn requests_about_many_groups_are_put_together_again() {
    let (mut lab, _) = with_group(47, "g");
    // Groups of broker-1, of several partitions.
    let mut here = Vec::new();
    for n in 0..40 {
        let group = format!("group-{n}");
        if coordinator(&mut lab, "broker-1", &group) == "broker-1" {
            here.push(group);
        }
    }
    assert!(here.len() > 5, "{here:?}");
    for (offset, group) in (0..).zip(&here) {
        assert_eq!(commit(&mut lab, "broker-1", group, offset), NONE);
    }
    let asked: Vec<(&str, i64)> = here.iter().rev().map(|group| (group.as_str(), 0)).collect();
    let fetched = fetch(&mut lab, "broker-1", &asked);
    let told: Vec<(&str, i64)> = fetched
        .groups
        .iter()
        .map(|group| (group.group_id.as_str(), group.topics[0].partitions[0].committed_offset))
        .collect();
    let mut expected: Vec<(&str, i64)> =
        (0..).zip(&here).map(|(offset, group)| (group.as_str(), offset)).collect();
    expected.reverse();
    assert_eq!(told, expected, "in the order of the request");

    let list = |lab: &mut Lab| {
        let Ok(ResponseKind::ListGroups(listed)) =
            lab.ask("broker-1", ListGroupsRequest::default())
        else {
            panic!("an answer")
        };
        assert_eq!(listed.error_code, 0);
        let mut names: Vec<String> =
            listed.groups.iter().map(|group| group.group_id.to_string()).collect();
        names.sort();
        names
    };
    let mut sorted = here.clone();
    sorted.sort();
    assert_eq!(list(&mut lab), sorted);

    let mut names: Vec<GroupId> = here[1..].iter().map(|group| group_id(group)).collect();
    names.insert(1, group_id("nobody"));
    let request = DeleteGroupsRequest::default().with_groups_names(names.clone());
    let Ok(ResponseKind::DeleteGroups(deleted)) = lab.ask("broker-1", request) else {
        panic!("an answer")
    };
    let told: Vec<_> = deleted.results.iter().map(|result| result.group_id.clone()).collect();
    assert_eq!(told, names);
    for result in &deleted.results {
        let code = ErrorCode(result.error_code);
        match result.group_id.as_str() {
            // Wherever it belongs to, it is not there.
            "nobody" => {
                assert!([ErrorCode::GROUP_ID_NOT_FOUND, ErrorCode::NOT_COORDINATOR].contains(&code))
            }
            name => assert_eq!(code, NONE, "{name}"),
        }
    }
    lab.run(Span::secs(1));
    assert_eq!(list(&mut lab), here[..1]);
    assert_eq!(committed(&mut lab, "broker-1", &here[1]), Ok(-1));
    assert_eq!(committed(&mut lab, "broker-1", &here[0]), Ok(0));
}

#[test]
fn what_makes_no_sense_is_said_before_any_group_is_looked_for() {
    let (mut lab, host) = with_group(48, "g");
    let mut ask = |request: RequestKind| match lab.ask(&host, request) {
        Ok(ResponseKind::JoinGroup(answer)) => ErrorCode(answer.error_code),
        Ok(ResponseKind::SyncGroup(answer)) => ErrorCode(answer.error_code),
        Ok(ResponseKind::Heartbeat(answer)) => ErrorCode(answer.error_code),
        Ok(ResponseKind::LeaveGroup(answer)) => ErrorCode(answer.error_code),
        other => panic!("an answer, not {other:?}"),
    };
    let empty = ErrorCode::INVALID_GROUP_ID;
    assert_eq!(ask(JoinGroupRequest::default().with_session_timeout_ms(10_000).into()), empty);
    assert_eq!(ask(HeartbeatRequest::default().into()), empty);
    let members = vec![MemberIdentity::default().with_member_id(text("m"))];
    assert_eq!(ask(LeaveGroupRequest::default().with_members(members).into()), empty);
    let sync = SyncGroupRequest::default()
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")));
    assert_eq!(ask(sync.into()), empty);
    let short = JoinGroupRequest::default().with_group_id(group_id("g")).with_session_timeout_ms(5);
    assert_eq!(ask(short.into()), ErrorCode::INVALID_SESSION_TIMEOUT);
}
