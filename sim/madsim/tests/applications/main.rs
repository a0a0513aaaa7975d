//! Applications under the lab: what becomes of programs when their machines, their brokers and they themselves fail, and
//! whether the client behaves as librdkafka's.

#![cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
#![expect(
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods,
    reason = "one event is looked for among all; programs read clocks, and runs are made on threads of their own"
)]

mod clients;
mod faults;
mod sandbox;

use std::time::Duration;

use klamm_madsim::app::{AppContext, AppResult, Programs, run};
use klamm_madsim::rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use klamm_madsim::rdkafka::message::Message;
use klamm_madsim::rdkafka::producer::{FutureProducer, FutureRecord};
use klamm_madsim::tokio;
use klamm_node::{EventKind, Time};
use klamm_scenario::Scenario;
use klamm_world::World;

/// A scenario with two topics and these clients and steps.
fn scenario(clients: &str, rest: &str) -> Scenario {
    let text = format!(
        r#"Scenario(
            version: 1, title: "t", question: "q?", seed: 1, duration: "30s",
            cluster: (brokers: 3, controllers: 1, config: {{ "min.insync.replicas": "2", "group.initial.rebalance.delay.ms": "500" }}),
            topics: [
                (name: "orders", partitions: 2, replication_factor: 3),
                (name: "bills", partitions: 1, replication_factor: 3),
            ],
            clients: [{clients}],
            {rest}
        )"#
    );
    klamm_scenario::parse("test.ron", &text).unwrap_or_else(|errors| panic!("{errors:?}"))
}

const ORDERS: &str = r#"Producer(name: "shop", topic: "orders", rate: "20/s", start: "3s", stop: "18s", keys: Random(12)),"#;

/// Reads orders, does each, bills it, and says so.
async fn billing(cx: AppContext) -> AppResult {
    let consumer: StreamConsumer = cx
        .client_config()
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()?;
    let producer: FutureProducer = cx.client_config().create()?;
    consumer.subscribe(&["orders"])?;
    loop {
        let message = consumer.recv().await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let payload = message.payload().unwrap_or_default();
        let bill = FutureRecord::<str, [u8]>::to("bills").payload(payload);
        producer.send(bill, Duration::from_secs(5)).await.map_err(|(error, _)| error)?;
        cx.processed(&message);
        // A commit may meet a rebalance; the next one covers it.
        consumer.commit_message(&message, CommitMode::Sync).ok();
    }
}

fn programs() -> Programs {
    Programs::new().with("billing", billing)
}

fn play(scenario: &Scenario, programs: &Programs) -> World {
    run(scenario, 1, programs).expect("ran")
}

/// When something happened at a node, each time.
fn times(world: &World, node: &str, is: impl Fn(&EventKind) -> bool) -> Vec<Time> {
    let node = world.node_named(node).expect("a node");
    let events = world.recorder().events();
    let of = events.iter().filter(|event| event.node == node && is(&event.kind));
    of.map(|event| event.time).collect()
}

fn processed(kind: &EventKind) -> bool {
    matches!(kind, EventKind::RecordProcessed { .. })
}

fn at(seconds: u64) -> Time {
    Time(seconds * 1_000_000_000)
}

/// What did not hold.
fn told(world: &World) -> String {
    let outcome = world.outcome();
    format!(
        "violations: {:#?}\npanics: {:?}\nmissed: {:?}\nunmet: {:#?}",
        outcome.violations,
        outcome.panics,
        outcome.missed_steps,
        outcome.expectations.iter().filter(|one| one.met != Some(true)).collect::<Vec<_>>()
    )
}
