//! What a scenario says of consumer groups: read, and told where it is wrong.

use klamm_node::{
    CommitWhen, GroupAdmin, GroupCommand, LeaveWhen, Offset, SeekTo, Span, TopicPartition,
};

use crate::model::{Action, Client, Condition, GroupCondition};
use crate::tests::{complaints, good, with};

#[test]
fn groups_are_read() {
    let text = with(
        r#"topics: [(name: "x", partitions: 2), (name: "y")],
        clients: [
            Consumer(name: "a", group: "g", topics: ["x", "y"], processing: "5ms", commit: AfterSync, from: Earliest),
            Consumer(name: "b", group: "g", topic: "x", config: { "group.protocol": "consumer", "enable.auto.commit": false }),
            Consumer(name: "c", group: "h", pattern: "x.*", from: Latest, start: "2s"),
        ],
        steps: [
            (at: "1s", do: [
                Subscribe("a", topics: ["y"]), Subscribe("a", pattern: "y+"), Unsubscribe("a"), CommitSync("a"), CommitAsync("b"),
                Seek("a", "x-0", Offset(7)), Seek("a", "x-1", Beginning), PausePartitions("a", ["x-0"]), ResumePartitions("a"),
                SetProcessing("a", "1s", commit: BeforeSync), Stick("a"), Unstick("a"), Zombie("b"), Wakeup("a"), Close("c", leave: Remain),
                ListGroups(), DescribeGroup("g"), DeleteGroup("g"), ListGroupOffsets("g"), SetGroupOffsets("g", [("x-0", 3)]),
                DeleteGroupOffsets("g", ["x-0"]),
            ]),
        ],
        expect: [
            GroupState("g", "Stable"), Members("g", 2), Owns("a", ["x-1", "x-0"]), OwnsCount("b", 0), AllOwned("g"), Committed("g", "x-0", 4),
            NotCommitted("h", "x-0"), LagAtMost("g", "x", 0), GroupProcessed("g", "x-0", 4), CommitRefused("b"), LostPartitions("b"),
            DowntimeAtMost("g", "3s"), DowntimeAtLeast("h", "1s"),
        ]"#,
    );
    let scenario = good(&text);
    let Client::Consumer(first) = &scenario.clients[0] else { panic!("a consumer") };
    let membership = first.membership.as_ref().expect("in a group");
    assert_eq!((membership.topics.len(), membership.processing), (2, Span::millis(5)));
    assert_eq!(membership.commit, CommitWhen::AfterSync);
    let setting = |key: &str| first.config.get(key).map(String::as_str);
    assert_eq!(setting("group.id"), Some("g"));
    assert_eq!(
        (setting("enable.auto.commit"), setting("auto.offset.reset")),
        (Some("false"), Some("earliest"))
    );
    let Client::Consumer(third) = &scenario.clients[2] else { panic!("a consumer") };
    assert_eq!(third.membership.as_ref().and_then(|m| m.pattern.as_deref()), Some("x.*"));
    assert_eq!(third.config.get("auto.offset.reset").map(String::as_str), Some("latest"));
    let actions = &scenario.steps[0].actions;
    let told = |index: usize| {
        let Action::Consumer { command, .. } = &actions[index] else { panic!("a consumer's") };
        command.clone()
    };
    let partition = TopicPartition::new("x", 0);
    assert_eq!(
        told(5),
        GroupCommand::Seek { partition: partition.clone(), to: SeekTo::Offset(Offset(7)) }
    );
    assert_eq!(told(14), GroupCommand::Close { leave: LeaveWhen::Remain });
    let Action::Admin(klamm_node::AdminRequest::Group(request)) = &actions[19] else {
        panic!("an operator")
    };
    let offsets = vec![(partition.clone(), Offset(3))];
    assert_eq!(request, &GroupAdmin::AlterOffsets { group: "g".into(), offsets });
    let committed = GroupCondition::Committed("g".into(), partition, Offset(4));
    assert_eq!(scenario.expect[5].condition, Condition::Group(committed));
}

#[test]
fn mistakes_about_groups_are_told() {
    let text = with(
        r#"topics: [(name: "x")],
        clients: [
            Consumer(name: "a", group: "billing", topics: ["x"], pattern: "x", from: Offset(3)),
            Consumer(name: "b", group: "", partitions: ["x-0"]),
            Consumer(name: "c", topic: "x", processing: "5ms", commit: Never),
            Consumer(name: "d", group: "billing", topics: ["x"], commit: Never),
        ],
        steps: [
            (at: "1s", do: [
                CommitSync("c"), Stick("z"), Close("a", leave: Now), Seek("a", "x-0", Middle), SetGroupOffsets("billing", ["x-0"]),
                Subscribe("a", topics: ["y"]),
            ]),
        ],
        expect: [GroupState("biling", "Stable"), GroupState("billing", "stable"), Owns("c", []), Committed("billing", "x-9", 0)]"#,
    );
    insta::assert_snapshot!("groups_mistakes", complaints(&text));
}
