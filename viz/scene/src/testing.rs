//! Runs for the tests: each lesson is run once.

use std::sync::{LazyLock, OnceLock};

use klamm_node::TopicPartition;
use klamm_trace::{Keep, Trace};
use klamm_world::{Options, World};

use crate::OpenTrace;

/// Runs a scenario of the repository, without checking it: that is the business of other tests.
fn run(name: &str) -> Trace {
    let path = format!("{}/../../scenarios/{name}.ron", env!("CARGO_MANIFEST_DIR"));
    run_text(name, &std::fs::read_to_string(&path).expect("the scenario is there"))
}

fn run_text(name: &str, text: &str) -> Trace {
    let scenario = klamm_scenario::parse(name, text).expect("a good scenario");
    let keep = Keep { events: true, view: true, invariants: false };
    let mut world = World::with(&scenario, scenario.seed, &Options { keep, ..Options::default() });
    while world.step().is_some() {}
    world.recorder().to_trace()
}

static LEADER_CRASH: LazyLock<Trace> = LazyLock::new(|| run("lessons/leader-crash"));

/// The main lesson.
pub(crate) fn leader_crash_trace() -> &'static Trace {
    &LEADER_CRASH
}

/// The main lesson, opened.
pub(crate) fn leader_crash() -> &'static OpenTrace {
    static OPENED: OnceLock<OpenTrace> = OnceLock::new();
    OPENED.get_or_init(|| open(leader_crash_trace()))
}

/// A lesson of groups, opened.
pub(crate) fn two_groups() -> &'static OpenTrace {
    static OPENED: OnceLock<OpenTrace> = OnceLock::new();
    OPENED.get_or_init(|| open(&run("lessons/two-groups")))
}

/// A lesson in which a leader is cut off for long, opened.
pub(crate) fn partitioned_leader() -> &'static OpenTrace {
    static OPENED: OnceLock<OpenTrace> = OnceLock::new();
    OPENED.get_or_init(|| open(&run("lessons/partitioned-leader")))
}

fn open(trace: &Trace) -> OpenTrace {
    OpenTrace::open(trace.clone(), &mut |_| std::ops::ControlFlow::Continue(()))
        .expect("nobody gave up")
}

/// The partition of the main lesson.
pub(crate) fn orders() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

/// A large cluster: twelve brokers with two hundred partitions, one of the brokers dead in the end. Opened.
pub(crate) fn wide() -> &'static OpenTrace {
    static OPENED: OnceLock<OpenTrace> = OnceLock::new();
    OPENED.get_or_init(|| {
        let text = r#"Scenario(
            version: 1,
            title: "Twelve brokers with two hundred partitions",
            question: "Can a large cluster be looked at?",
            seed: 1,
            duration: "5s",
            cluster: (brokers: 12, controllers: 3),
            topics: [(name: "orders", partitions: 200, replication_factor: 3)],
            clients: [
                Producer(name: "shop", topic: "orders", rate: "20/s", keys: Random(50), value_size: "40B"),
                Consumer(name: "till", topic: "orders", group: "tills"),
            ],
            steps: [(at: "4s", do: [Crash("broker-3")], say: "One dies.")],
        )"#;
        open(&run_text("wide", text))
    })
}

/// A group of three, one of which dies and comes back while its session lasts. Opened.
pub(crate) fn dead_member() -> &'static OpenTrace {
    static OPENED: OnceLock<OpenTrace> = OnceLock::new();
    OPENED.get_or_init(|| {
        let text = r#"Scenario(
            version: 1,
            title: "One of three dies",
            question: "Who reads what it had?",
            seed: 7,
            duration: "9s",
            cluster: (brokers: 3, controllers: 1, config: { "offsets.topic.num.partitions": 1, "group.initial.rebalance.delay.ms": 1000 }),
            topics: [(name: "orders", partitions: 3, replication_factor: 3)],
            clients: [
                Producer(name: "till", topic: "orders", rate: "40/s", keys: Random(20), start: "2s"),
                Consumer(name: "reader-2", group: "readers", topic: "orders", config: { "auto.commit.interval.ms": 500 }),
                Consumer(name: "reader-10", group: "readers", topic: "orders", config: { "auto.commit.interval.ms": 500 }),
                Consumer(name: "reader-1", group: "readers", topic: "orders", config: { "auto.commit.interval.ms": 500 }),
            ],
            steps: [
                (when: AllOwned("readers"), say: "Each has one."),
                (at: "6s", do: [Crash("reader-2")], say: "One dies."),
                (at: "8s", do: [Restart("reader-2")], say: "It comes back."),
            ],
        )"#;
        open(&run_text("dead-member", text))
    })
}
