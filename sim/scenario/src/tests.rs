//! Situations of scenario files: what is read, and what is said about what can't be.

use std::path::{Path, PathBuf};

use klamm_node::{AdminRequest, BrokerId, ConfigTarget, Offset, Room, Span, Time, TopicPartition};
use proptest::prelude::*;

use crate::model::{
    Action, Budget, Client, Condition, Flaws, From, Keys, Mischief, Scenario, Target, Trigger,
};
use crate::{parse, reference_markdown, render};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn lessons() -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(repository().join("scenarios/lessons"))
        .expect("the lessons")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).expect("text"))).collect()
}

/// A scenario with these lines in it.
pub(crate) fn with(lines: &str) -> String {
    format!("(version: 1, title: \"t\", question: \"q\", duration: \"1m\",\n{lines}\n)")
}

pub(crate) fn good(text: &str) -> Scenario {
    parse("test.ron", text).unwrap_or_else(|found| panic!("{}", render(&found, text, false)))
}

/// The messages about a file, one a line.
pub(crate) fn complaints(text: &str) -> String {
    let found = parse("test.ron", text).expect_err("mistakes");
    found
        .iter()
        .map(|found| format!("{}:{} {}\n", found.line, found.column, found.message))
        .collect()
}

#[test]
fn every_scenario_is_read() {
    let mut folders = vec![repository().join("scenarios")];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ron") {
                let text = std::fs::read_to_string(&path).expect("text");
                if let Err(found) = parse(&path.display().to_string(), &text) {
                    panic!("{}", render(&found, &text, false));
                }
                read += 1;
            }
        }
    }
    assert!(read >= 70, "{read}");
}

#[test]
fn the_main_lesson_means_what_it_says() {
    let (_, text) = lessons().into_iter().find(|(name, _)| name == "leader-crash.ron").expect("it");
    let scenario = good(&text);
    assert_eq!((scenario.seed, scenario.duration), (7, Span::secs(40)));
    assert_eq!(scenario.cluster.config["min.insync.replicas"], "2");
    assert_eq!(scenario.topics[0].assignments, [[BrokerId(1), BrokerId(2), BrokerId(3)]]);
    let Client::Producer(producer) = &scenario.clients[0] else { panic!("a producer") };
    let workload = producer.workload.as_ref().expect("a workload");
    assert_eq!(workload.every, Span::millis(20));
    assert_eq!((workload.start, workload.stop), (Time(3_000_000_000), Some(Time(30_000_000_000))));
    assert_eq!((workload.keys.clone(), workload.value_size), (Keys::Cycle(4), (64, 256)));
    let Client::Consumer(consumer) = &scenario.clients[2] else { panic!("a consumer") };
    assert_eq!(consumer.partitions, [TopicPartition::new("orders", 0)]);
    let crash = &scenario.steps[4];
    assert_eq!(crash.trigger, Trigger::At(Time(8_000_000_000)));
    assert_eq!(crash.actions, [Action::Crash(Target::LeaderOf(TopicPartition::new("orders", 0)))]);
    assert_eq!(crash.expect[0].condition, Condition::Fenced(BrokerId(1)));
    assert_eq!(crash.expect[0].within, Span::secs(15));
    assert!(text.lines().nth(crash.line as usize - 1).is_some_and(|line| line.trim() == "("));
    let rooms =
        [Room::Scenario, Room::World, Room::Controller, Room::Replica, Room::Log, Room::Client];
    assert_eq!(scenario.show.rooms, rooms);
    assert_eq!(scenario.text, text);
}

#[test]
fn every_way_to_write_something_is_read() {
    let text = with(
        r##"
        seed: Some(18446744073709551615),
        cluster: Cluster(
            brokers: [(id: 1, rack: "a"), (id: 7, rack: Some("b")), (id: 9, rack: None)],
            controllers: 1,
            combined: [1, "broker-9"],
            config: { "min.insync.replicas": 2, "controlled.shutdown.enable": true },
            network: (latency: "2ms", bandwidth: "10MB/s"),
            disk: (sync: "1.5ms"),
        ),
        topics: [(name: "a-b"), (name: "x", assignments: [[7, "broker-9"], [9, 1]])],
        clients: [
            Producer(name: "p", topic: "x", partition: 1, every: "1m30s", count: 3, keys: Of(["k"]), value_size: 10),
            Consumer(name: "c", partitions: ["x-1", "a-b-0"], from: Offset(5), start: "1s"),
            Consumer(name: "d", topic: "late", from: Latest),
        ],
        steps: [
            (at: "0s"),
            (when: ControllerActive, after: "1s", do: [
                Crash("controller-1"), PowerOff(["broker-7"], partial: true), Restart("broker-7"), Stop("p"), Pause("c"), Resume("c"),
                Cut(["broker-1"], both_ways: false), Cut(from: [ActiveController], to: ["broker-1", "p"]), Cut([QuorumLeader]),
                Heal(), Heal(from: ["broker-1"]), Heal,
                SlowLink(["broker-1"], latency: ("1ms", "2ms")), SlowLink(["broker-1"], ["c"], bandwidth: 100),
                SlowDisk("broker-1", sync: "1s"), SkewClock("broker-9", offset: "-5s", drift_ppm: -200),
                WipeDisk("broker-1"), Produce("p", "x", ["v", (None, "w"), ("k", "w")]), StopWorkload("p"),
                CreateTopic("late", partitions: 2, replication_factor: 3),
            ]),
            (after: "1s", do: [Crash(FollowerOf("x-0", 1)), Restart(Same(1)), Pause(FollowerOf("x-1"))], expect: [
                LeaderIs("x-0", "broker-7"), LeaderChanged("x-0"), HasLeader("late-1"), NoLeader("x-0"), IsrIs("x-0", [9, 7]),
                IsrSize("x-0", 2), LeaderEpochAtLeast("x-0", 3), AllInSync, AllInSync(), HighWatermarkAtLeast("x-0", 9), CaughtUp("x-0", 7),
                Unfenced(9), ControllerChanged, QuorumLeaderElected, Failed(count: 0), Read("c", 1), LogsEqual("x-0"), LogEndIs("x-0", 4), Truncated("x-0", 7),
                (Any([Not(AllInSync), All([AllInSync])]), within: "2s"), (PermittedLoss("p"), within: "1s"),
            ]),
        ],
        expect: [KeyOrder("x"), KeysTogether("x"), AcknowledgedReadable, AcknowledgedReadable("x"), NothingLost, NothingLost(client: "p"), PermittedLoss()],
        show: (rooms: ["log", network], partitions: ["x-0"], hide: [BatchAppended]),
        "##,
    );
    let scenario = good(&text);
    assert_eq!(scenario.seed, u64::MAX);
    assert_eq!(scenario.cluster.brokers[1].rack.as_deref(), Some("b"));
    assert_eq!(scenario.cluster.config["controlled.shutdown.enable"], "true");
    assert_eq!(scenario.cluster.network.bandwidth, 10_000_000);
    assert_eq!(scenario.cluster.disk.sync, Span::micros(1500));
    assert_eq!((scenario.topics[1].partitions, scenario.topics[1].replication_factor), (2, 2));
    let Client::Consumer(late) = &scenario.clients[2] else { panic!("a consumer") };
    assert_eq!((late.partitions.len(), late.from), (2, From::Latest));
    let Client::Consumer(early) = &scenario.clients[1] else { panic!("a consumer") };
    assert_eq!(early.from, From::Offset(Offset(5)));
    assert_eq!(early.partitions[1], TopicPartition::new("a-b", 0));
    let actions = &scenario.steps[1].actions;
    assert_eq!(actions.len(), 20);
    assert_eq!(actions[9], Action::Heal { from: vec![], to: vec![] });
    assert_eq!(actions[11], actions[9]);
    assert!(matches!(&actions[15], Action::SkewClock { offset_ms: -5000, drift_ppm: -200, .. }));
    assert_eq!(scenario.steps[2].expect.len(), 21);
    assert_eq!(
        scenario.steps[2].expect[4].condition,
        Condition::IsrIs(TopicPartition::new("x", 0), vec![BrokerId(7), BrokerId(9)])
    );
    assert_eq!(scenario.steps[2].expect[20].within, Span::secs(1));
    assert_eq!(scenario.show.rooms, [Room::Log, Room::Network]);
}

#[test]
fn four_mistakes_are_four_diagnostics() {
    let text = r#"Scenario(
    version: 1,
    title: "Four mistakes",
    question: "Are they all found?",
    duration: "20s",
    cluster: (brokers: 3, controllers: 3),
    topics: [
        (name: "orders", partitions: 1, replication_facto: 3),
    ],
    steps: [
        (at: "2s", do: [Crash("broker-4")]),
        (after: "-3s", do: [Cut(from: ["broker-1", "broker-2"], to: ["broker-2", "broker-3"])]),
    ],
)
"#;
    let found = parse("four.ron", text).expect_err("four mistakes");
    assert_eq!(found.len(), 4);
    insta::assert_snapshot!("four_mistakes", render(&found, text, false));
    assert!(render(&found, text, true).contains('\u{1b}'), "colour when asked for");
}

#[test]
fn mistakes_of_all_kinds_are_found_at_once() {
    let text = with(
        r#"version: 2,
        seed: -1,
        cluster: (brokers: 2, controllers: 0, combined: [2, 2, 5], config: { "min.insync.replica": "2", "acks": "all", "node.count": "5", "num.partitions": "x" }, network: (latency: ("2ms", "1ms"))),
        topics: [
            (name: "a", replication_factor: 3), (name: "a"), (name: "bad name"), (name: "__own"),
            (name: "b", partitions: 2, replication_factor: 2, assignments: [[1, 2], [1], [3, 1]]),
        ],
        clients: [
            Producer(name: "p", topic: "a", rate: "fast"), Producer(name: "p"), Producer(name: "broker-1"), Consumer(name: "c"),
            Producer(name: "q", topic: "a", rate: "5/s", start: "10s", stop: "5s", partition: 4), Producer(name: "r", topic: "zz", every: "1s"),
            Produser(name: "x"), Producer(name: "s", topic: "a"), Producer(name: "u", count: 5),
        ],
        steps: [
            (at: "5s", do: [Crush("broker-1"), Crash("brokr-1"), Crash("producer"), Restart(Same(0)), Crash(FollowerOf("a-7"))]),
            (at: "4s", when: AllInSync), (do: []), (at: "2h"), (after: 5),
            (after: "1s", do: [Produce("c", "a", ["x"]), SlowLink(["broker-1"]), WipeDisk("c"), Cut([], ["broker-1"]), PowerOff([])], expect: [(AllInSync, whithin: "2s"), Fenced(9), LeaderIs("a-0", "p"), Read("p", 1)]),
        ],
        expect: [(AllInSync, within: "5s"), Not(AllInSink), All([]), HasLeader("a"), LogEndIs("a-0")],
        show: (rooms: [scenari, raft], hide: ["BatchApended"], states: 1, stats: true)"#,
    )
    .replacen("version: 1, ", "", 1);
    insta::assert_snapshot!("many_mistakes", complaints(&text));
}

#[test]
fn what_operators_and_fate_do_is_read() {
    let text = with(
        r#"topics: [(name: "x", partitions: 2, replication_factor: 2)],
        cluster: (spare_controllers: 1, features: { "eligible.leader.replicas.version": 0 }, brokers: [(id: 1, config: { "log.segment.bytes": 1024 }), (id: 2), (id: 3)]),
        clients: [Producer(name: "p")],
        steps: [
            (at: "1s", do: [
                DeleteTopic("x"), AddPartitions("x", 4, assignments: [[1, 2], [2, 3]]), ElectLeaders(),
                ElectLeaders(["x-0"], unclean: true), Reassign("x-0", [3, 1]), CancelReassign("x-3"),
                AlterConfig(topic: "x", set: { "min.insync.replicas": 2 }, delete: ["segment.bytes"]),
                AlterConfig(broker: 1, delete: ["min.insync.replicas"]), AlterConfig(set: { "min.insync.replicas": 1 }),
                DeleteRecords("x-0", 5), DeleteRecords("x-1"), SetQuota("producer_byte_rate", 1000, client: "p"),
                SetQuota("consumer_byte_rate", user: "<default>"), UpdateFeature("metadata.version", 26, downgrade: Safe),
                AddVoter("controller-4"), RemoveVoter("controller-1"), UnregisterBroker(3),
            ]),
            (at: "2s", do: [
                FlakyLink(["broker-1"], loss: "2%", reorder: "0.5%"), HoldReplies(["broker-1"], ["p"], by: "2s", api: Produce),
                DelayMetadata("broker-2", "1s"), ResetConnections(["broker-1"], ["broker-2"]), BreakDisk("broker-1", SyncLies),
                MendDisk("broker-1"), RotDisk("broker-1", "x-0"), RotDisk(LeaderOf("x-0")),
            ]),
            (at: "3s", do: [Crash("broker-1")]),
            (at: "4s", do: [RollingRestart([3, 1])], expect: [(AllInSync, within: "1s")], say: "One by one."),
            (after: "1s", do: [Restart(Same(2)), Stop(Same(3))], expect: [
                TopicExists("x"), TopicGone("x"), PartitionCount("x", 4), ReplicasAre("x-0", [3, 1]), Reassigning("x-0"),
                ReassignmentDone, ReassignmentDone("x-0"), PreferredLeader, ElrIs("x-0", [2]), InElr("x-0", 2),
                LogStartIs("x-0", 5), ReadsFrom("x-0", 2), NoDuplicates("x"), AdminSucceeded, AdminSucceeded(17),
                AdminFailed("INVALID_REPLICA_ASSIGNMENT"), Restarted("broker-1"), Down(Same(3)), SnapshotTaken,
                SnapshotTaken("controller-4"), VotersAre(["controller-4", "controller-2"]),
            ]),
        ]"#,
    );
    let scenario = good(&text);
    assert_eq!(scenario.cluster.spare_controllers, 1);
    assert_eq!(scenario.cluster.features["eligible.leader.replicas.version"], 0);
    assert_eq!(scenario.cluster.brokers[0].config["log.segment.bytes"], "1024");
    let actions = &scenario.steps[0].actions;
    let Action::Admin(AdminRequest::AlterConfig { resource, changes }) = &actions[6] else {
        panic!("{:?}", actions[6])
    };
    assert_eq!(*resource, ConfigTarget::Topic("x".into()));
    assert_eq!(
        changes[..],
        [
            ("min.insync.replicas".to_owned(), Some("2".to_owned())),
            ("segment.bytes".to_owned(), None)
        ]
    );
    let Action::Admin(AdminRequest::AddVoter { controller, listener }) = &actions[14] else {
        panic!("{:?}", actions[14])
    };
    assert_eq!((controller.0, listener.port), (3004, 9093));
    assert!(matches!(
        &scenario.steps[1].actions[0],
        Action::FlakyLink { flaws: Flaws { loss: 20, duplicate: 0, reorder: 5 }, .. }
    ));
    // The rolling restart is two steps, and what stands behind it counts on.
    assert_eq!(scenario.steps.len(), 6);
    assert_eq!(scenario.steps[3].actions[0], Action::Stop(Target::Node("broker-3".to_owned())));
    assert!(matches!(&scenario.steps[4].trigger, Trigger::When { .. }));
    assert_eq!((scenario.steps[3].expect.len(), scenario.steps[4].expect.len()), (0, 1));
    assert_eq!(
        scenario.steps[5].actions,
        [Action::Restart(Target::Same(2)), Action::Stop(Target::Same(3))]
    );
    assert_eq!(scenario.steps[5].expect.len(), 21);
}

#[test]
fn mistakes_of_operators_have_their_places_too() {
    let text = with(
        r#"topics: [(name: "x", replication_factor: 2)],
        cluster: (features: { "eligible.leader.replica.version": 1, "metadata.version": -1 }),
        clients: [Producer(name: "p")],
        steps: [
            (at: "1s", do: [
                DeleteTopic("y"), Reassign("x-0", [1, 1, 9]), AlterConfig(topic: "x", broker: 1, set: {}), AlterConfig(topic: "x"),
                AlterConfig(delete: ["min.insync.replica"]), AlterConfig(topic: "x", set: { "num.partitions": 3 }),
                SetQuota("producer_byte_rat", 1), UpdateFeature("metadata.versio", 1, downgrade: Maybe), AddVoter("controller-4"),
                FlakyLink(["broker-1"]), FlakyLink(["broker-1"], loss: "200%"), HoldReplies(["broker-1"], by: "1s", api: Fetsch),
                BreakDisk("broker-1", Burns), BreakDisk("p", Full), AddPartitions("x", 0), DelayMetadata("p"),
            ]),
            (at: "2s", do: [RollingRestart(), Crash("broker-1")], expect: [AdminFailed("nope"), ElrIs("x-0", [7]), PartitionCount("x")]),
        ]"#,
    );
    insta::assert_snapshot!("operators_mistakes", complaints(&text));
}

#[test]
fn a_nemesis_is_read_and_a_bad_one_is_not() {
    let plain = good(&with("nemesis: (start: \"5s\")")).nemesis.expect("declared");
    assert_eq!((plain.start, plain.stop), (Time(5_000_000_000), Time(30_000_000_000)));
    assert!(plain.kinds.contains(&(Mischief::Crash, 1)));
    assert!(!plain.kinds.iter().any(|(kind, _)| *kind == Mischief::FullDisk));
    let picked = "nemesis: (stop: \"40s\", every: \"2s\", lasting: (\"1s\", \"3s\"), at_once: 3, kinds: [Crash(4), FullDisk], swarm: true, brokers_down: 2, live_isr: 2)";
    let picked = good(&with(picked)).nemesis.expect("declared");
    assert_eq!(picked.kinds, [(Mischief::Crash, 4), (Mischief::FullDisk, 1)]);
    assert_eq!((picked.every, picked.at_once), ((Span::secs(2), Span::secs(2)), 3));
    assert_eq!(picked.budget, Budget { brokers: 2, controllers: 1, live_isr: 2 });
    let wrong = with(
        r#"nemesis: (start: "10s", stop: "55s", every: "0", at_once: 0, kinds: [Crush, Freeze, Freeze], controllers_down: 2, brokers: 1)"#,
    );
    insta::assert_snapshot!("a_bad_nemesis", complaints(&wrong));
    let late = complaints(&with(r#"nemesis: (start: "45s")"#));
    assert_eq!(late, "2:18 it stops at 30s and starts at 45s\n");
}

#[test]
fn the_table_of_random_faults_is_the_models() {
    let table: Vec<&str> = crate::schema::MISCHIEF.shapes.iter().map(|shape| shape.name).collect();
    let model: Vec<&str> = Mischief::ALL.iter().map(|(_, name, _)| *name).collect();
    assert_eq!(table, model);
}

#[test]
fn broken_syntax_is_found_at_once_as_well() {
    let text = "#![enable(implicit_some)]\nScenario(\n    version: 1,\n    title: \"t\" question: \"q\",\n    \"seed\": 5,\n    duration: 10s,\n    cluster: (brokers: , controllers: 3],\n    topics: [(name: 'o')],\n    steps: [(say: \"\\q\") , (at: \"1s\"),\n    show: (rooms: {a b}),\n";
    insta::assert_snapshot!("broken_syntax", complaints(text));
    assert_eq!(complaints(""), "1:1 the file holds no scenario\n");
    assert_eq!(complaints("// nothing"), "1:1 the file holds no scenario\n");
    assert_eq!(complaints("\"text without end"), "1:1 this text has no end\n");
}

#[test]
fn a_misspelt_name_is_not_missing_as_well() {
    let text = "(version: 1, titel: \"t\", question: \"q\", duration: \"1s\")";
    assert_eq!(complaints(text), "1:14 Scenario has no field 'titel'\n");
}

#[test]
fn the_books_page_is_fresh() {
    let path = repository().join("book/src/reference/scenario-format.md");
    if std::env::var_os("KLAMM_UPDATE").is_some() {
        std::fs::write(&path, reference_markdown()).expect("the page to be written");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == reference_markdown(), "stale: run KLAMM_UPDATE=1 cargo test -p klamm-scenario");
}

#[test]
fn the_reader_has_everything_that_the_table_has() {
    // Each verb of the table with no fields: the reader may refuse it, but must know it.
    for choice in crate::schema::CHOICES {
        for shape in choice.shapes {
            for text in [
                with(&format!("clients: [{}()]", shape.name)),
                with(&format!(
                    "clients: [Producer(name: \"p\", keys: {0}()), Consumer(name: \"c\", from: {0}())]",
                    shape.name
                )),
                with(&format!(
                    "steps: [(at: \"1s\", do: [{0}(), Crash({0}())], expect: [{0}()])]",
                    shape.name
                )),
            ] {
                parse("test.ron", &text).err();
            }
        }
    }
}

/// Pieces that scenario files are made of, and some that they are not.
fn soup() -> impl Strategy<Value = String> {
    let words = [
        "(", ")", "[", "]", "{", "}", ":", ",", " ", "\n", "\"", "'", "\\", "//", "/*", "*/",
        "r#\"", "\"#", "#![", "-", "1", "0x", ".", "e", "Scenario", "version", "1", "steps", "do",
        "Crash", "at", "\"1s\"", "Some", "None", "é", "b\"", "Same(0)", "\u{0}", "\\u{", "expect",
        "All",
    ];
    proptest::collection::vec(
        prop_oneof![proptest::sample::select(words.to_vec()).prop_map(str::to_owned), ".{0,3}"],
        0..60,
    )
    .prop_map(|words| words.concat())
}

fn survives(text: &str) -> Result<(), TestCaseError> {
    if let Err(found) = parse("x.ron", text) {
        prop_assert!(!found.is_empty(), "a refusal says why");
        for diagnostic in &found {
            prop_assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
            prop_assert!(diagnostic.line as usize <= text.matches('\n').count() + 1);
        }
        render(&found, text, false);
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![soup(), "\\PC*"]) {
        survives(&text)?;
    }

    #[test]
    fn no_mutation_of_a_lesson_makes_it_panic(
        which in any::<proptest::sample::Index>(),
        hits in proptest::collection::vec((any::<proptest::sample::Index>(), 0..12_usize, soup()), 1..4),
    ) {
        let lessons = lessons();
        let (_, lesson) = &lessons[which.index(lessons.len())];
        let mut chars: Vec<char> = lesson.chars().collect();
        for (index, length, soup) in hits {
            let at = index.index(chars.len());
            let end = (at + length).min(chars.len());
            chars.splice(at..end, soup.chars().take(8));
        }
        survives(&chars.into_iter().collect::<String>())?;
    }
}
