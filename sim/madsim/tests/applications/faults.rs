//! Machines and brokers fail under programs; programs fail under the lab.

use std::time::Duration;

use klamm_madsim::app::{AppContext, AppError, AppResult, Programs, run};
use klamm_madsim::tokio;
use klamm_node::EventKind;

use super::{ORDERS, at, billing, play, processed, programs, scenario, times, told};

#[test]
fn a_program_consumes_and_produces_across_the_crash_of_a_broker() {
    let scenario = scenario(
        &format!(
            r#"{ORDERS}
            Application(name: "billing-1", program: "billing", group: "billing", start: "3s"),
            Application(name: "billing-2", program: "billing", group: "billing", start: "4s"),"#
        ),
        r#"steps: [(at: "9s", do: [Crash("broker-2")]), (at: "14s", do: [Restart("broker-2")])]"#,
    );
    let world = play(&scenario, &programs());
    assert!(world.outcome().passed(), "{}", told(&world));
    let (one, two) = (times(&world, "billing-1", processed), times(&world, "billing-2", processed));
    assert!(one.len() + two.len() >= 300, "{} and {} of 300", one.len(), two.len());
    assert!(two.len() > 100, "the second has a partition: {}", two.len());
    assert!(two.last() > Some(&at(12)), "and went on without the broker");
}

#[test]
fn a_program_dies_with_its_machine_and_begins_again_with_it() {
    let scenario = scenario(
        &format!(
            r#"{ORDERS}
            Application(name: "billing-1", program: "billing", group: "billing", start: "3s", config: {{ "session.timeout.ms": 6000 }}),"#
        ),
        r#"steps: [(at: "8s", do: [Crash("billing-1")]), (at: "11s", do: [Restart("billing-1")])]"#,
    );
    let world = play(&scenario, &programs());
    assert!(world.outcome().passed(), "{}", told(&world));
    let done = times(&world, "billing-1", processed);
    let during = done.iter().filter(|time| (at(8)..at(11)).contains(*time)).count();
    assert_eq!(during, 0, "nothing runs while the machine is down");
    assert!(done.iter().any(|time| *time < at(8)));
    let all = times(&world, "shop", |kind| matches!(kind, EventKind::RecordAccepted { .. }));
    assert!(done.len() >= all.len(), "{} of {} were done, some twice", done.len(), all.len());
    let member = |kind: &EventKind| matches!(kind, EventKind::Subscribed { .. });
    assert_eq!(times(&world, "billing-1", member).len(), 2, "it ran from the top twice");
}

#[test]
fn nothing_of_a_program_runs_while_its_machine_is_paused() {
    /// Says so every tenth of a second.
    async fn clock(cx: AppContext) -> AppResult {
        for tick in 0.. {
            cx.processed_at("ticks", 0, tick);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
    let scenario = scenario(
        r#"Application(name: "clock", program: "clock", group: "g", start: "2s"),"#,
        r#"steps: [(at: "5s", do: [Pause("clock")]), (at: "9s", do: [Resume("clock")])]"#,
    );
    let world = play(&scenario, &Programs::new().with("clock", clock));
    let ticks = times(&world, "clock", processed);
    let during = ticks.iter().filter(|time| **time > at(5) && **time < at(9)).count();
    assert_eq!(during, 0);
    let after = ticks.iter().filter(|time| **time >= at(9)).count();
    assert!(after > 200, "it went on: {after}");
    assert!(ticks.iter().filter(|time| **time <= at(5)).count() > 20);
}

#[test]
fn a_panic_is_the_programs_and_the_run_goes_on() {
    async fn breaks(_: AppContext) -> AppResult {
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::spawn(async { panic!("the till is empty") }).await?;
        Ok(())
    }
    let scenario = scenario(
        &format!(
            r#"{ORDERS}
            Application(name: "broken", program: "breaks", start: "3s"),
            Application(name: "billing-1", program: "billing", group: "billing", start: "3s"),"#
        ),
        "",
    );
    let world = play(&scenario, &programs().with("breaks", breaks));
    let outcome = world.outcome();
    assert!(!outcome.passed());
    let broken = world.node_named("broken").expect("a node");
    assert_eq!(outcome.panics, [(broken, "panic: the till is empty".to_owned())]);
    assert!(times(&world, "billing-1", processed).len() >= 300, "the others go on");
    let stopped = |kind: &EventKind| matches!(kind, EventKind::NodeStopped { orderly: false, .. });
    assert_eq!(times(&world, "broken", stopped).len(), 1, "its process is gone");
}

#[test]
fn a_program_ends_when_it_likes() {
    async fn well(_: AppContext) -> AppResult {
        Ok(())
    }
    async fn badly(cx: AppContext) -> AppResult {
        let config = cx.client_config().set("sasl.mechanism", "PLAIN").to_owned();
        config.create::<klamm_madsim::rdkafka::producer::FutureProducer>()?;
        Ok(())
    }
    let scenario = scenario(
        r#"Application(name: "well", program: "well", start: "1s"),
        Application(name: "badly", program: "badly", start: "1s"),"#,
        "",
    );
    let world = play(&scenario, &Programs::new().with("well", well).with("badly", badly));
    assert!(world.outcome().passed(), "{}", told(&world));
    let ended = |node: &str| {
        let node = world.node_named(node).expect("a node");
        let events = world.recorder().events();
        let stop = events.iter().find_map(|event| match &event.kind {
            EventKind::NodeStopped { reason, orderly } if event.node == node => {
                Some((reason.clone(), *orderly))
            }
            _ => None,
        });
        stop.expect("it stopped")
    };
    assert_eq!(ended("well"), ("the program ended".to_owned(), true));
    let (reason, orderly) = ended("badly");
    assert!(!orderly && reason.contains("sasl.mechanism"), "{reason}");
}

#[test]
fn a_program_that_is_not_here_is_named_with_its_line() {
    let scenario = scenario(r#"Application(name: "a", program: "nobody"),"#, "");
    let error = run(&scenario, 1, &programs()).expect_err("not here");
    assert!(matches!(&error, AppError::UnknownProgram { line, .. } if *line > 0), "{error:?}");
    let told = error.to_string();
    assert!(told.contains("'nobody'") && told.contains("billing"), "{told}");
}

#[test]
fn programs_run_the_same_twice() {
    let scenario = scenario(
        &format!(
            r#"{ORDERS}
            Application(name: "billing-1", program: "billing", group: "billing", start: "3s", config: {{ "session.timeout.ms": 6000 }}),
            Application(name: "billing-2", program: "billing", group: "billing", start: "4s"),"#
        ),
        r#"steps: [(at: "7s", do: [Crash("billing-1")]), (at: "9s", do: [Restart("billing-1"), Pause("billing-2")]), (at: "11s", do: [Resume("billing-2")])]"#,
    );
    let programs = Programs::new().with("billing", billing);
    let hash = |seed| {
        let (scenario, programs) = (scenario.clone(), programs.clone());
        let ran = std::thread::spawn(move || run(&scenario, seed, &programs).expect("ran").hash());
        ran.join().expect("no panic")
    };
    let first = hash(5);
    assert_eq!(first, hash(5), "the same seed, the same run");
    assert_ne!(first, hash(6), "another seed, another run");
}
