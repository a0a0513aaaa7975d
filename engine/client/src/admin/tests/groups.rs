//! What an operator asks about groups.

use klamm_node::{GroupAdmin, Offset};
use klamm_protocol::kafka::messages::find_coordinator_response::Coordinator;
use klamm_protocol::kafka::messages::list_groups_response::ListedGroup;
use klamm_protocol::kafka::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use klamm_protocol::kafka::messages::{
    FindCoordinatorResponse, ListGroupsResponse, OffsetCommitResponse,
};

use super::*;

fn lab() -> Lab<Admin> {
    Lab::new(Admin::new("admin", bootstrap(), AdminConfig::default()))
}

fn ask(lab: &mut Lab<Admin>, request: GroupAdmin) {
    lab.command(Command::Admin(AdminRequest::Group(request)));
}

fn coordinator(lab: &mut Lab<Admin>, broker: i32) {
    let request = lab.next_request().expect("a look-up");
    let RequestKind::FindCoordinator(body) = &request.body else { panic!("{request:?}") };
    assert_eq!(body.coordinator_keys[0].as_str(), "g");
    let found = Coordinator::default()
        .with_node_id(WireBrokerId(broker))
        .with_host(convert::text(&format!("broker-{broker}")))
        .with_port(9092);
    let response = FindCoordinatorResponse::default().with_coordinators(vec![found]);
    lab.reply(&request, Some(&ResponseKind::FindCoordinator(response)));
}

fn committed(code: ErrorCode) -> ResponseKind {
    let partition =
        OffsetCommitResponsePartition::default().with_partition_index(0).with_error_code(code.0);
    let topic = OffsetCommitResponseTopic::default()
        .with_name(convert::topic("orders"))
        .with_partitions(vec![partition]);
    ResponseKind::OffsetCommit(OffsetCommitResponse::default().with_topics(vec![topic]))
}

#[test]
fn a_group_is_asked_about_at_its_coordinator_wherever_that_is_by_now() {
    let mut lab = lab();
    let partition = TopicPartition::new("orders", 0);
    let offsets = vec![(partition, Offset(5))];
    ask(&mut lab, GroupAdmin::AlterOffsets { group: "g".into(), offsets });
    coordinator(&mut lab, 2);
    let request = lab.next_request().expect("a commit");
    assert_eq!(request.broker, 2);
    let RequestKind::OffsetCommit(body) = &request.body else { panic!("{request:?}") };
    assert_eq!((body.generation_id_or_member_epoch, body.member_id.as_str()), (-1, ""));
    lab.reply(&request, Some(&committed(ErrorCode::NOT_COORDINATOR)));
    lab.advance(Span::millis(200));
    coordinator(&mut lab, 3);
    let request = lab.next_request().expect("again");
    assert_eq!(request.broker, 3);
    lab.told();
    lab.reply(&request, Some(&committed(ErrorCode::UNKNOWN_MEMBER_ID)));
    assert_eq!(
        lab.told(),
        ["AdminAnswered request=\"set offsets of group g: orders-0 to 5\" error=UNKNOWN_MEMBER_ID"],
        "somebody is in the group: not asked again"
    );
}

#[test]
fn groups_are_listed_by_every_broker() {
    let mut lab = lab();
    ask(&mut lab, GroupAdmin::List);
    for broker in 1..=3 {
        let request = lab.next_request().expect("a broker is asked");
        assert_eq!(request.broker, broker);
        let group = ListedGroup::default()
            .with_group_id(convert::text(&format!("g{broker}")).into())
            .with_group_state(convert::text("Stable"))
            .with_group_type(convert::text("Classic"));
        let groups = if broker == 2 { Vec::new() } else { vec![group] };
        let response = ListGroupsResponse::default().with_groups(groups);
        lab.reply(&request, Some(&ResponseKind::ListGroups(response)));
    }
    assert_eq!(
        lab.told(),
        [
            "AdminAnswered request=\"group g1 is Stable (classic)\" error=NONE",
            "AdminAnswered request=\"group g3 is Stable (classic)\" error=NONE",
        ]
    );
}
