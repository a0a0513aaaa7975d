//! Predictions in scenario files: what is read, and what is said about what can't be.

use klamm_node::{BrokerId, TopicPartition};

use crate::model::{BrokerSet, Condition, Measure, Proof, Question};
use crate::tests::{complaints, good, with};

/// A scenario with these predictions, which its only step asks.
fn asking(ids: &str, predictions: &str) -> String {
    with(&format!(
        "topics: [(name: \"a\", replication_factor: 3)],
clients: [Producer(name: \"p\"), Consumer(name: \"c\", group: \"g\", topic: \"a\")],
steps: [(at: \"1s\", do: [RollingRestart()], predict: [{ids}])],
predictions: [
{predictions}
]"
    ))
}

const PROMPT: &str = "prompt: (\"why\", \"왜\"), because: (\"so {0}\", \"그래서 {0}<이/가>\")";

fn one(ask: &str) -> String {
    asking("\"x\"", &format!("(id: \"x\", {PROMPT}, ask: {ask})"))
}

#[test]
fn every_kind_of_question_is_read_and_belongs_to_its_step() {
    let text = asking(
        "\"n\", \"c\", \"b\", \"o\"",
        &format!(
            r#"(id: "c", {PROMPT}, until: LeaderChanged("a-0"), ask: Choice([
        (text: ("NONE", "NONE"), right: Happened("AdminAnswered", at: "broker-1", with: {{ "error": "NONE" }})),
        (text: ("two", "둘"), right: All([LeaderIs("a-0", "broker-2")]), reason: ("no", "아니요")),
        (text: ("3", "3"), right: Never(event: "LogTruncated"), reason: (en: "no", ko: "아니요")),
    ])),
    (id: "n", {PROMPT}, ask: Number(CutOff("a-0", 2), off_by: 1, wrong: [(0, ("no", "아니요"))])),
    (id: "b", {PROMPT}, ask: Brokers(Isr("a-0"), wrong: [([3, 1], ("no", "아니요"))])),
    (id: "o", {PROMPT}, ask: Order([(text: ("a", "가"), when: Fenced(1)), (text: ("b", "나"), when: Happened("IsrProposed"))])),"#
        ),
    );
    let scenario = good(&text);
    let ids = |step: usize| -> Vec<&str> {
        scenario.steps[step].predict.iter().map(|it| it.id.as_str()).collect()
    };
    // A rolling restart is a step for each broker: it is asked before the first.
    assert_eq!((ids(0), ids(1).len(), ids(2).len()), (vec!["n", "c", "b", "o"], 0, 0));
    let at = TopicPartition::new("a", 0);
    let [number, choice, brokers, order] = scenario.steps[0].predict.as_slice() else {
        panic!("four");
    };
    assert_eq!((choice.line, number.line), (6, 11));
    assert_eq!(choice.until, Some(Condition::LeaderChanged(at.clone())));
    let Question::Choice(options) = &choice.ask else { panic!("a choice") };
    let Proof::Happened(event) = &options[0].right else { panic!("an event") };
    assert_eq!(
        (event.event.as_str(), event.at.as_deref(), event.with["error"].as_str()),
        ("AdminAnswered", Some("broker-1"), "NONE")
    );
    assert!(options[0].reason.is_none() && matches!(options[1].right, Proof::Condition(_)));
    assert_eq!(options[2].reason.as_ref().map(|it| it.korean.as_str()), Some("아니요"));
    let Question::Number { answer, off_by: 1, wrong } = &number.ask else { panic!("a number") };
    assert_eq!((answer, wrong[0].0), (&Measure::CutOff(at.clone(), BrokerId(2)), 0));
    let Question::Brokers { answer, wrong } = &brokers.ask else { panic!("brokers") };
    assert_eq!((answer, &wrong[0].0), (&BrokerSet::Isr(at), &vec![BrokerId(1), BrokerId(3)]));
    let Question::Order(items) = &order.ask else { panic!("an order") };
    assert_eq!((items.len(), items[1].text.korean.as_str()), (2, "나"));
}

#[test]
fn every_measure_and_every_set_is_read() {
    for measure in [
        "HighWatermark(\"a-0\")",
        "LogEnd(\"a-0\")",
        "LogEnd(\"a-0\", broker: 3)",
        "LogStart(\"a-0\")",
        "LeaderEpoch(\"a-0\")",
        "IsrSize(\"a-0\")",
        "PartitionsWritten(\"a\")",
        "CutOff(\"a-0\", 1)",
        "Acknowledged",
        "Acknowledged(\"p\")",
        "Failed(client: \"p\")",
        "Read(\"c\")",
        "Lost()",
        "Members(\"g\")",
        "Owned(\"c\")",
        "Committed(\"g\", \"a-0\")",
        "Lag(\"g\", \"a\")",
        "Events(\"IsrProposed\", with: { \"partition\": \"a-0\" })",
        "Seconds",
    ] {
        good(&one(&format!("Number({measure})")));
    }
    for set in ["Leader", "Isr", "Elr", "Replicas", "CaughtUp", "Truncated"] {
        good(&one(&format!("Brokers({set}(\"a-0\"))")));
    }
    good(&one("Brokers(Fenced, wrong: [([], (\"no\", \"아니요\"))])"));
    good(&one("Brokers(answer: Down)"));
}

#[test]
fn what_is_wrong_with_a_prediction_is_said_at_its_place() {
    let option =
        |right: &str, reason: &str| format!("(text: (\"a\", \"가\"), right: {right}{reason})");
    let reason = ", reason: (\"no\", \"아니요\")";
    let choice = |first: &str, second: &str| one(&format!("Choice([{first}, {second}])"));
    let good_one = option("AllInSync", "");
    let bad_one = option("AllInSync", reason);
    for (text, complaint) in [
        (choice(&good_one, &good_one), "no option is wrong"),
        (choice(&bad_one, &bad_one), "no option is right"),
        (choice(&good_one, &option("LeaderOf", reason)), "there is no condition 'LeaderOf'"),
        (
            choice(&good_one, &option("Happened(\"IsrPropsed\")", reason)),
            "there is no event 'IsrPropsed'",
        ),
        (
            choice(&good_one, &option("Never(\"IsrProposed\", with: { \"b\": 1 })", reason)),
            "it has no field 'b'",
        ),
        (
            choice(&good_one, &option("Happened(\"IsrProposed\", at: \"broker-9\")", reason)),
            "there is no broker 'broker-9'",
        ),
        (choice(&good_one, &option("Down(Same(0))", reason)), "a prediction can't refer to a step"),
        (choice(&good_one, "(text: (\"b\", \"b c\"), right: AllInSync)"), "this is not Korean"),
        (one("Number(HighWatermark(\"b-0\"))"), "there is no topic 'b'"),
        (one("Number(Hight(\"a-0\"))"), "there is no measure 'Hight'"),
        (one("Number(Members(\"h\"))"), "no consumer is in a group 'h'"),
        (one("Brokers(Leaders(\"a-0\"))"), "there is no broker set 'Leaders'"),
        (one("Order([(text: (\"a\", \"가\"), when: AllInSync)])"), "nothing to put into order"),
        (one("Essay"), "there is no question 'Essay'"),
        (one("Number(Seconds)").replace("\"왜\"", "\"why\""), "this is not Korean"),
        (one("Number(Seconds)").replace("\"왜\"", "\"\""), "a text says something"),
        (one("Number(Seconds)").replace("\"why\"", "\"why {0}\""), "stands for a value"),
        (one("Number(Seconds)").replace("{0}", "{1}"), "stands for a value"),
        (one("Number(Seconds)").replace("(\"why\", \"왜\")", "(\"why\")"), "field 'ko'"),
        (one("Number(Seconds)").replace("id: \"x\"", "id: \"\""), "a prediction has a name"),
        (one("Number(Seconds)").replace("predict: [\"x\"]", "predict: []"), "no step asks 'x'"),
        (one("Number(Seconds)").replace("[\"x\"]", "[\"x\", \"x\"]"), "'x' is asked twice"),
        (one("Number(Seconds)").replace("[\"x\"]", "[\"y\"]"), "there is no prediction 'y'"),
        (
            asking(
                "\"x\"",
                &format!(
                    "(id: \"x\", {PROMPT}, ask: Number(Seconds)), (id: \"x\", {PROMPT}, ask: Number(Seconds))"
                ),
            ),
            "there is another prediction 'x'",
        ),
    ] {
        let said = complaints(&text);
        assert!(said.contains(complaint), "{complaint}:\n{said}\n{text}");
        assert!(!said.starts_with("1:1 "), "it has a place: {said}");
    }
}
