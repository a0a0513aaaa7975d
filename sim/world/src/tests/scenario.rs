//! Whole scenarios: with puppets, to see what the runner does; on the real nodes, to see that a run is one run.

use klamm_node::event::IfAny;
use klamm_node::{BrokerId, LeaderEpoch, Offset, PartitionEpoch, Seq, TopicPartition};
use klamm_scenario::Scenario;

use super::*;
use crate::{Options, Outcome, Recorded, Recording, World, layout, recorded};

const STEPS: &str = r#"Scenario(
    version: 1,
    title: "Steps on puppets",
    question: "When does a step happen?",
    seed: 1,
    duration: "6s",
    cluster: (brokers: 2, controllers: 1),
    topics: [(name: "orders", partitions: 1, replication_factor: 2)],
    clients: [
        Producer(name: "producer-1", topic: "orders", rate: "10/s", start: "1s", stop: "2s", value_size: ("32B", "32B")),
    ],
    steps: [
        (when: HasLeader("orders-0"), say: "It has a leader."),
        (after: "500ms", do: [Pause(LeaderOf("orders-0"))], expect: [LeaderIs("orders-0", "broker-1")]),
        (when: LeaderChanged("orders-0"), do: [Crash(Same(1))], expect: [(Fenced(2), within: "1s")]),
        (at: "5s", do: [Heal()]),
        (when: ControllerChanged, do: [Crash("broker-2")]),
    ],
    expect: [LeaderIs("orders-0", "broker-2"), Acknowledged(count: 1)],
    show: (rooms: [scenario]),
)"#;

fn scenario(text: &str) -> Scenario {
    match klamm_scenario::parse("test.ron", text) {
        Ok(scenario) => scenario,
        Err(wrong) => panic!("{wrong:?}"),
    }
}

fn led_by(leader: i32, epoch: i32) -> EventKind {
    EventKind::PartitionChanged {
        offset: Offset(i64::from(epoch)),
        partition: TopicPartition::new("orders", 0),
        leader: BrokerId(leader),
        leader_epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(epoch),
        isr: vec![BrokerId(1), BrokerId(2)],
        replicas: vec![BrokerId(1), BrokerId(2)],
        adding: IfAny(Vec::new()),
        removing: IfAny(Vec::new()),
        elr: IfAny(Vec::new()),
        last_known_elr: IfAny(Vec::new()),
    }
}

/// The scenario above on puppets: `broker-2` says who leads, `admin` that the topic exists.
fn on_puppets() -> World {
    let scenario = scenario(STEPS);
    let (table, mut machines) = layout(&scenario);
    for machine in &mut machines {
        let answered =
            EventKind::AdminAnswered { request: "create".to_owned(), error: "NONE".into() };
        let says = match &*machine.name {
            "broker-2" => vec![(ms(2000), led_by(1, 0)), (ms(3000), led_by(2, 1))],
            "admin" => vec![(ms(100), answered)],
            _ => Vec::new(),
        };
        machine.blueprint = Blueprint::Test(Puppet { says, ..Puppet::default() });
    }
    World::assemble(&scenario, 1, &Options::default(), table, machines)
}

#[test]
fn steps_happen_at_their_time_on_their_condition_or_after_a_delay() {
    let mut world = on_puppets();
    let outcome = world.run();
    let told: Vec<(u64, String)> = world
        .recorder()
        .events()
        .iter()
        .filter(|event| {
            matches!(event.kind.room(), klamm_node::Room::Scenario | klamm_node::Room::World)
                && !matches!(
                    event.kind,
                    EventKind::NodeStarted { .. } | EventKind::TimerFired { .. }
                )
        })
        .map(|event| {
            let name = world.recorder().header().nodes.name(event.node).to_owned();
            (event.time.0 / 1_000_000, format!("{name} {}", event.kind.name()))
        })
        .collect();
    let line = |at: u64, text: &str| (at, text.to_owned());
    assert_eq!(
        told,
        [
            line(2000, "lab StepStarted"),
            line(2500, "lab StepStarted"),
            line(2500, "broker-1 NodePaused"),
            line(2500, "lab ExpectationMet"),
            line(3000, "lab StepStarted"),
            line(3000, "broker-1 NodeCrashed"),
            line(4000, "lab ExpectationFailed"),
            line(5000, "lab StepStarted"),
            line(6000, "lab ExpectationMet"),
            line(6000, "lab ExpectationFailed"),
        ]
    );
    let met: Vec<Option<bool>> = outcome.expectations.iter().map(|e| e.met).collect();
    assert_eq!(met, [Some(true), Some(false), Some(true), Some(false)]);
    assert_eq!(outcome.expectations[1].found, "broker 2 is not registered");
    assert_eq!(outcome.missed_steps.len(), 1);
    assert_eq!(outcome.missed_steps[0].text, "once another controller is active");
    assert!(!outcome.passed());
    let idle: Vec<&str> = outcome.idle_faults().map(|fault| fault.text.as_str()).collect();
    assert_eq!(idle, ["heal the network"]);
}

/// What the recording of a world tells of it, read as somebody reads it who has the trace alone.
fn retold(world: &World) -> Recorded {
    let trace = klamm_trace::Trace::from_bytes(&world.recorder().to_trace().to_bytes());
    let trace = trace.expect("a good trace");
    let view_at = |seq: Seq| {
        let mut view = klamm_trace::View::new(&trace.header);
        for event in trace.events.iter().take_while(|event| event.seq <= seq) {
            view.apply(&event);
        }
        view
    };
    let mut invariants = klamm_trace::Invariants::default();
    let mut view = klamm_trace::View::new(&trace.header);
    for event in trace.events.iter() {
        view.apply(&event);
        invariants.check(&view, &event);
    }
    let (header, events, hash) = (&trace.header, &trace.events, trace.hash);
    recorded(Recording { header, events, hash, invariants, view_at: &view_at })
        .expect("its scenario")
}

/// An outcome without what is not recorded.
fn without_counts(outcome: Outcome) -> Outcome {
    Outcome { faults: Vec::new(), mischief: Vec::new(), ..outcome }
}

#[test]
fn a_recording_tells_what_its_run_came_to() {
    // One that goes wrong in every way: met, not met, a step that never came.
    let mut world = on_puppets();
    let outcome = world.run();
    assert!(outcome.missed_steps.len() == 1 && !outcome.passed());
    let told = retold(&world);
    assert_eq!((told.outcome, told.whole), (without_counts(outcome), true));
    // One on real nodes whose producer's records are lost at its end, and whose broker never comes back.
    let text = r#"Scenario(
        version: 1,
        title: "Both die",
        question: "What is left?",
        seed: 3,
        duration: "40s",
        cluster: (brokers: 2, controllers: 1),
        topics: [(name: "orders", partitions: 1, replication_factor: 2)],
        clients: [Producer(name: "shop", topic: "orders", rate: "20/s", start: "3s", stop: "6s")],
        steps: [
            (at: "5s", do: [Cut(from: ["broker-1"], to: ["broker-2"])]),
            (when: LogEndIs("orders-0", 999999), say: "never"),
        ],
        expect: [AllInSync],
    )"#;
    let scenario = scenario(text);
    let mut world = World::new(&scenario, 3);
    let outcome = world.run();
    let told = retold(&world);
    assert_eq!((told.outcome, told.whole), (without_counts(outcome), true));
    // Of one that ends early nothing is said to have been missed.
    let mut world = World::new(&scenario, 3);
    world.run_until(ms(4000));
    let told = retold(&world);
    assert!(!told.whole && told.outcome.missed_steps.is_empty());
    assert_eq!(told.outcome.expectations[0].met, None);
}

#[test]
fn a_step_names_the_event_that_its_condition_waited_for_and_what_it_did_names_the_step() {
    let mut world = on_puppets();
    world.run();
    let event = |seq: Seq| world.recorder().event(seq).expect("recorded");
    let crash = world
        .recorder()
        .events()
        .iter()
        .find(|event| matches!(event.kind, EventKind::NodeCrashed {}))
        .expect("crashed");
    let step = event(crash.cause.expect("a cause"));
    assert!(matches!(step.kind, EventKind::StepStarted { step: 2, .. }));
    let changed = event(step.cause.expect("a cause"));
    assert!(matches!(changed.kind, EventKind::PartitionChanged { .. }));
}

#[test]
fn clients_start_once_the_topics_are_there_and_the_workload_keeps_its_rate() {
    let mut world = on_puppets();
    world.run();
    let producer = world.node_named("producer-1").expect("exists");
    let started = world
        .recorder()
        .events()
        .iter()
        .find(|event| event.node == producer && matches!(event.kind, EventKind::NodeStarted { .. }))
        .expect("started");
    assert_eq!(started.time, ms(100));
    let sent = &puppet(world.lab(), producer).unsent;
    assert_eq!(sent.len(), 11);
    assert!(sent[0].starts_with(b"record-10000001.") && sent[0].len() == 32);
}

const REAL: &str = r#"Scenario(
    version: 1,
    title: "A crash and a power failure under load",
    question: "Is a run one run?",
    seed: 7,
    duration: "12s",
    cluster: (
        brokers: 3,
        controllers: 3,
        config: { "min.insync.replicas": "2", "broker.session.timeout.ms": "3000" },
    ),
    topics: [(name: "orders", partitions: 2, replication_factor: 3)],
    clients: [
        Producer(name: "producer-1", topic: "orders", rate: "20/s", start: "2s", value_size: ("50B", "200B")),
        Consumer(name: "consumer-1", topic: "orders", from: Earliest, start: "2s"),
    ],
    steps: [
        (at: "4s", do: [Crash("broker-1")]),
        (at: "6s", do: [PowerOff(["broker-2"], partial: true), Restart("broker-1")]),
        (at: "8s", do: [Restart("broker-2")]),
    ],
    expect: [AcknowledgedReadable("orders")],
    show: (rooms: [scenario]),
)"#;

#[test]
fn a_clone_of_a_real_cluster_goes_on_to_the_same_hash() {
    let scenario = scenario(REAL);
    let mut world = World::new(&scenario, 3);
    let mut clones = Vec::new();
    for second in [0, 1, 3, 5, 7, 9] {
        world.run_until(ms(second * 1000));
        clones.push(world.clone());
    }
    let outcome = world.run();
    assert!(outcome.panics.is_empty(), "{:?}", outcome.panics);
    assert!(outcome.events > 3000, "a run worth comparing");
    for mut clone in clones {
        assert_eq!(clone.run().hash, outcome.hash);
    }
}

#[test]
fn what_is_kept_does_not_change_the_run() {
    let scenario = scenario(REAL);
    let full = World::new(&scenario, 4).run();
    let options = Options { keep: Keep::CHECKED, capture_frames: true, ..Options::default() };
    let mut lean = World::with(&scenario, 4, &options);
    assert_eq!(lean.run().hash, full.hash);
    assert!(lean.recorder().events().is_empty());
    assert!(!lean.lab().captured_frames().is_empty());
    assert_ne!(World::new(&scenario, 5).run().hash, full.hash);
}

/// Whoever starts again while its old process lives, be it that this one closes yet or dies in the very step, is told anew
/// what to do: nothing is left of what the old one was told.
#[test]
fn who_starts_again_is_told_everything_again() {
    let text = r#"Scenario(
    version: 1,
    title: "Again",
    question: "Does it read again?",
    seed: 1,
    duration: "14s",
    cluster: (brokers: 1, controllers: 1, config: { "offsets.topic.num.partitions": "1", "offsets.topic.replication.factor": "1", "group.initial.rebalance.delay.ms": "0" }),
    topics: [(name: "orders", partitions: 2, replication_factor: 1)],
    clients: [
        Consumer(name: "a", group: "g", topic: "orders", from: Earliest),
        Consumer(name: "b", group: "h", topic: "orders", from: Earliest, config: { "group.instance.id": "b" }),
    ],
    steps: [
        (when: All([OwnsCount("a", 2), OwnsCount("b", 2)]), do: [Stop("a"), Restart("a"), Crash("b"), Restart("b")]),
        (after: "5s", expect: [OwnsCount("a", 2), OwnsCount("b", 2)]),
    ],
    expect: [AllOwned("g"), AllOwned("h")],
    show: (rooms: [scenario]),
)"#;
    let mut world = World::new(&scenario(text), 1);
    let outcome = world.run();
    assert!(outcome.passed(), "{outcome:#?}");
    for name in ["a", "b"] {
        let node = world.view().table.named(name).expect("a client");
        assert_eq!(world.view().nodes[&node].incarnation.0, 2, "{name}");
    }
}
