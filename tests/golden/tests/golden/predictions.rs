//! Predictions: each is asked and judged in its scenario's own run, exactly the options that are told to be right are right, and
//! a prediction that is wrong is noticed.
//!
//! The runs are those of the transcripts, so that no scenario runs twice for this.

use std::cell::RefCell;

use klamm_golden::lesson;
use klamm_node::Seq;
use klamm_scenario::Scenario;
use klamm_trace::View;
use klamm_world::World;
use klamm_world::predict::{Past, flaws};

/// What is wrong with a scenario's predictions, by a finished run of it.
pub(crate) fn wrong_with(scenario: &Scenario, world: &World) -> Vec<String> {
    let recorder = world.recorder();
    // Steps are asked for in their order, nearly: going on is cheaper than beginning again.
    let known = RefCell::new(View::new(recorder.header()));
    let view_at = |seq: Seq| {
        let mut view = known.borrow_mut();
        if view.seq > seq {
            *view = View::new(recorder.header());
        }
        for event in recorder.events().from(Seq(view.seq.0 + 1)).take_while(|it| it.seq <= seq) {
            view.apply(&event);
        }
        view.clone()
    };
    let past = Past {
        events: recorder.events(),
        findings: recorder.findings(),
        last: recorder.last_seq(),
        over: true,
        view_at: &view_at,
    };
    flaws(scenario, past)
}

#[test]
fn every_lesson_and_question_asks_something() {
    let teaching = ["lessons", "questions"];
    for lesson in klamm_golden::lessons().iter().filter(|it| teaching.contains(&&*it.chapter)) {
        let asked: usize = lesson.scenario.steps.iter().map(|step| step.predict.len()).sum();
        assert!(asked > 0, "{} asks nothing", lesson.name);
    }
}

/// The main lesson with other predictions than its own: one run shows all that can be wrong.
#[test]
fn what_is_wrong_with_a_prediction_is_noticed() {
    let own = lesson("leader-crash").scenario;
    let mut world = World::new(&own, own.seed);
    world.run();
    let (head, _) = own.text.split_once("\n    predictions:").expect("its predictions");
    let crash = own
        .steps
        .iter()
        .position(|step| format!("{:?}", step.actions).contains("Crash"))
        .expect("a crash");
    let with = |ask: &str, until: &str| {
        let mut text = head.to_owned();
        for step in own.steps.iter().filter(|step| !step.predict.is_empty()) {
            let ids: Vec<String> = step.predict.iter().map(|it| format!("{:?}", it.id)).collect();
            text = text.replace(&format!(" predict: [{}],", ids.join(", ")), "");
        }
        let scenario = klamm_scenario::parse("without", &format!("{text}\n)")).expect("none asked");
        let asking = format!(
            "(version: 1, title: \"t\", question: \"q\", duration: \"9s\",
             topics: [(name: \"orders\", replication_factor: 3)],
             steps: [(at: \"1s\", predict: [\"x\"])],
             predictions: [(id: \"x\", prompt: (\"q\", \"가\"), because: (\"b\", \"가\"), {until} ask: {ask})])"
        );
        let asking = klamm_scenario::parse("asking", &asking)
            .unwrap_or_else(|found| panic!("{}", klamm_scenario::render(&found, &asking, false)));
        let mut scenario = scenario;
        scenario.steps[crash].predict = asking.steps[0].predict.clone();
        wrong_with(&scenario, &world).join("\n")
    };
    let until = "until: LeaderChanged(\"orders-0\"),";
    let two = |right: &str, wrong: &str| {
        format!(
            "Choice([(text: (\"one\", \"하나\"), right: {right}), (text: (\"other\", \"다른\"), right: {wrong}, reason: (\"no\", \"아니요\"))])"
        )
    };
    let leads = |broker: u8| format!("LeaderIs(\"orders-0\", \"broker-{broker}\")");
    // As it is.
    assert_eq!(with(&two(&leads(2), &leads(3)), until), "");
    assert_eq!(
        with("Brokers(Leader(\"orders-0\"), wrong: [([3], (\"no\", \"아니요\"))])", until),
        ""
    );
    assert_eq!(
        with("Number(LeaderEpoch(\"orders-0\"), wrong: [(0, (\"no\", \"아니요\"))])", until),
        ""
    );
    assert_eq!(
        with(
            "Order([(text: (\"b\", \"나\"), when: LeaderChanged(\"orders-0\")), (text: (\"a\", \"가\"), when: Down(\"broker-1\"))])",
            until
        ),
        ""
    );
    // What can be wrong.
    let wrong = with(&two(&leads(3), &leads(1)), until);
    assert!(wrong.contains("'one' is wrong") && !wrong.contains("'other'"), "{wrong}");
    let twin = with(&two(&leads(2), "Not(NoLeader(\"orders-0\"))"), until);
    assert!(twin.contains("'other' is right") && !twin.contains("'one'"), "{twin}");
    let never = with(&two(&leads(2), &leads(3)), "until: IsrSize(\"orders-0\", 7),");
    assert!(never.contains("is never judged"), "{never}");
    let at_once = with(&two(&leads(1), &leads(3)), "until: HasLeader(\"orders-0\"),");
    assert!(at_once.contains("is judged at once"), "{at_once}");
    let same = with("Brokers(Leader(\"orders-0\"), wrong: [([2], (\"no\", \"아니요\"))])", until);
    assert!(same.contains("is told to be wrong"), "{same}");
    let near =
        with("Number(IsrSize(\"orders-0\"), off_by: 1, wrong: [(3, (\"no\", \"아니요\"))])", until);
    assert!(near.contains("is told to be wrong"), "{near}");
    let absent = with(
        "Order([(text: (\"a\", \"가\"), when: Down(\"broker-1\")), (text: (\"b\", \"나\"), when: Down(\"broker-3\"))])",
        until,
    );
    assert!(absent.contains("has no value"), "{absent}");
    // A step that never happens asks nothing.
    let mut beyond = own.clone();
    let mut last = beyond.steps[crash].clone();
    last.predict = beyond.steps.iter().flat_map(|step| step.predict.clone()).take(1).collect();
    beyond.steps.push(last);
    assert!(wrong_with(&beyond, &world).join("\n").contains("is never asked"));
}
