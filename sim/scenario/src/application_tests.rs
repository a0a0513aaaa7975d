//! What a scenario says of applications: read, and told where it is wrong.

use klamm_node::{Span, Time};

use crate::model::{Action, Client, Condition, GroupCondition, Target};
use crate::tests::{complaints, good, with};

#[test]
fn applications_are_read() {
    let text = with(
        r#"topics: [(name: "orders")],
        clients: [
            Application(
                name: "billing-1", program: "billing", group: "bills", start: "3s",
                config: { "auto.offset.reset": "earliest", "max.poll.interval.ms": 30000 }, args: { "form": "wrong" },
            ),
            Application(name: "gateway", program: "gateway", config: { "no.such.key": true }),
        ],
        steps: [(at: "5s", do: [Crash("billing-1"), Pause("gateway")])],
        expect: [GroupProcessed("bills", "orders-0", 3), OwnsCount("billing-1", 1)]"#,
    );
    let scenario = good(&text);
    let Client::Application(billing) = &scenario.clients[0] else { panic!("an application") };
    assert_eq!((billing.program.as_str(), billing.start), ("billing", Time(Span::secs(3).0)));
    assert_eq!(text.lines().nth(billing.line as usize - 1).map(str::trim), Some("Application("));
    let setting = |key: &str| billing.config.get(key).map(String::as_str);
    assert_eq!(setting("group.id"), Some("bills"), "the group is told to the program's clients");
    assert_eq!(setting("max.poll.interval.ms"), Some("30000"));
    assert_eq!(billing.args.get("form").map(String::as_str), Some("wrong"));
    let Client::Application(gateway) = &scenario.clients[1] else { panic!("an application") };
    assert_eq!((&gateway.group, gateway.start), (&None, Time::ZERO));
    assert!(
        gateway.config.contains_key("no.such.key"),
        "only the program's client judges its keys"
    );
    assert_eq!(
        scenario.steps[0].actions[0],
        Action::Crash(Target::Node("billing-1".to_owned())),
        "an application is a machine like any other"
    );
    let owns = GroupCondition::OwnsCount("billing-1".to_owned(), 1);
    assert_eq!(scenario.expect[1].condition, Condition::Group(owns));
}

#[test]
fn mistakes_about_applications_are_told() {
    let text = with(
        r#"topics: [(name: "orders")],
        clients: [
            Application(name: "a", group: "bills"),
            Application(name: "b", program: "", config: { "group.id": "x", "group.id": "x" }, args: { "form": Wrong, "": "1" }),
            Application(name: "c", program: "p", group: "bills", config: { "group.id": "other" }, topics: ["orders"]),
            Application(name: "a", program: "p"),
        ],
        steps: [(at: "5s", do: [Stick("c"), Crash("d"), SlowDisk("c", write: "1ms"), Produce("c", "orders", ["x"])])],
        expect: [OwnsCount("b", 1), Committed("bill", "orders-0", 1)]"#,
    );
    insta::assert_snapshot!("applications_mistakes", complaints(&text));
}
