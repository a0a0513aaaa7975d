//! Everything that can be done to a cluster: what is offered, what is refused and why, what it does, and the tree of branches.

use std::sync::Arc;

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use klamm_node::{Seq, TopicPartition};
use klamm_scene::{Language, OpenTrace, Tab};
use klamm_trace::{Keep, first_divergence};
use klamm_world::{Options, World};

use super::{harness, lab, press, run, until, window};
use crate::breaking::with_record;
use crate::deed::{Deed, Doing};
use crate::lab::Lab;
use crate::load::Source;
use crate::window::{Notice, Overlay, Window};
use crate::words::Word;

/// A run of a scenario in this thread.
fn opened(name: &str, text: &str) -> Lab {
    let scenario =
        klamm_scenario::parse(name, text).unwrap_or_else(|why| panic!("{why:?}\n{text}"));
    let keep = Keep { events: true, view: true, invariants: false };
    let mut world = World::with(&scenario, scenario.seed, &Options { keep, ..Options::default() });
    while world.step().is_some() {}
    let source = Source::Text { name: name.to_owned(), text: text.to_owned() };
    Lab::new(source, OpenTrace::of_recorder(world.recorder()))
}

/// A small cluster with a group, in which everything can be done.
const SMALL: &str = "(version: 1, title: \"Small\", question: \"?\", seed: 3, duration: \"14s\",
    cluster: (brokers: 2, controllers: 1, config: { \"offsets.topic.num.partitions\": 1, \"offsets.topic.replication.factor\": 1, \"group.initial.rebalance.delay.ms\": 0 }),
    topics: [(name: \"orders\", partitions: 2, replication_factor: 2, assignments: [[1, 2], [2, 1]])],
    clients: [
        Producer(name: \"till\", topic: \"orders\", rate: \"10/s\", start: \"2s\"),
        Consumer(name: \"reader\", group: \"pay\", topic: \"orders\", from: Earliest, config: { \"group.instance.id\": \"one\" }),
    ],
    steps: [(at: \"13s\", say: \"late\")],
)";

fn small() -> Lab {
    opened("small.ron", SMALL)
}

fn at(lab: &mut Lab, millis: u64) {
    let seq = lab.trace().at_time(klamm_node::Time(millis * 1_000_000));
    lab.go(seq);
}

fn pick(lab: &mut Lab, names: &[&str]) {
    let nodes = lab.trace().nodes();
    let nodes = names.iter().map(|name| nodes.named(name).expect("a node")).collect();
    lab.selection.nodes = nodes;
}

#[test]
fn what_can_not_be_done_says_why() {
    let mut lab = small();
    at(&mut lab, 6_000);
    let why = |lab: &Lab, deed| {
        lab.choices(deed).map(|all| all.iter().map(|it| it.refused).collect::<Vec<_>>())
    };
    for deed in [Deed::Crash, Deed::Cut, Deed::SlowDisk] {
        assert_eq!(why(&lab, deed), Err(Word::PickNode), "{deed:?}");
    }
    assert_eq!(why(&lab, Deed::Heal), Ok(vec![Some(Word::NothingIsCut)]));
    pick(&mut lab, &["broker-1"]);
    let able = [
        (Deed::Crash, None),
        (Deed::Stop, None),
        (Deed::PowerOff, None),
        (Deed::Pause, None),
        (Deed::Isolate, None),
        (Deed::SlowDisk, None),
        (Deed::Restart, Some(Word::IsUp)),
        (Deed::Resume, Some(Word::IsNotPaused)),
        (Deed::NormalDisk, Some(Word::IsNormal)),
    ];
    for (deed, refused) in able {
        assert_eq!(why(&lab, deed), Ok(vec![refused]), "{deed:?}");
    }
    // A way is offered to everybody else, or to the one that is picked too.
    assert_eq!(lab.choices(Deed::Cut).map(|all| all.len()), Ok(4));
    pick(&mut lab, &["broker-1", "broker-2"]);
    assert_eq!(why(&lab, Deed::Cut), Ok(vec![None]));
    assert_eq!(why(&lab, Deed::NormalLink), Ok(vec![Some(Word::IsNormal)]));
    pick(&mut lab, &["till"]);
    assert_eq!(why(&lab, Deed::SlowDisk), Ok(vec![Some(Word::HasNoDisk)]));
    lab.selection.nodes.clear();
    lab.selection.partition = Some(TopicPartition::new("orders", 1));
    assert_eq!(why(&lab, Deed::ElectPreferred), Ok(vec![Some(Word::LeadsAlready)]));
    assert_eq!(why(&lab, Deed::ElectUnclean), Ok(vec![Some(Word::HasLeader)]));
    at(&mut lab, 0);
    assert_eq!(why(&lab, Deed::KillMember), Ok(vec![Some(Word::IsDown)]));
    lab.selection.partition = None;
    assert_eq!(why(&lab, Deed::Produce), Err(Word::NoTopic));
    let mut empty =
        opened("e.ron", "(version: 1, title: \"E\", question: \"?\", duration: \"1s\")");
    assert_eq!(why(&empty, Deed::AddConsumer), Err(Word::NoGroup));
    at(&mut empty, 900);
    pick(&mut empty, &["broker-1"]);
    assert!(empty.deeds().contains(&Deed::Crash) && !empty.deeds().contains(&Deed::KillMember));
}

/// Every deed is done at some moment, the run is the same up to there, and then it is what it says.
#[test]
fn every_deed_does_what_it_says_and_nothing_before() {
    let lab = small();
    let (text, moment) = (SMALL, klamm_node::Time(6_000_000_000));
    let partition = TopicPartition::new("orders", 0);
    for (deed, names) in [
        (Deed::Crash, vec!["broker-1"]),
        (Deed::PowerOff, vec!["broker-1"]),
        (Deed::Pause, vec!["broker-1"]),
        (Deed::Isolate, vec!["broker-1"]),
        (Deed::Cut, vec!["broker-1", "broker-2"]),
        (Deed::CutOneWay, vec!["broker-1", "broker-2"]),
        (Deed::SlowLink, vec!["broker-1", "broker-2"]),
        (Deed::SlowDisk, vec!["broker-1"]),
        (Deed::Produce, vec!["till", "orders", "0", "k", "by hand"]),
        (Deed::Produce, vec!["made", "orders", "", "", "by hand"]),
        (Deed::AddConsumer, vec!["pay-2", "pay", "reader"]),
        (Deed::KillMember, vec!["reader"]),
    ] {
        let doing = Doing::new(deed, &names);
        let put = doing.put_into("small.ron", text, moment).expect("it takes it");
        let mut branch = opened("small.ron", &put);
        let parted = first_divergence(lab.trace().events(), branch.trace().events());
        let parted = parted.unwrap_or_else(|| panic!("{deed:?} changes nothing")).seq;
        assert!(branch.trace().time_of(parted) >= moment, "{doing:?}: {parted}");
        at(&mut branch, 6_100);
        let view = branch.cursor().view();
        let node = |name: &str| view.table.named(name).expect("a node");
        let cuts = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| (node(a), node(b))).collect();
            view.cuts.keys().copied().collect::<Vec<_>>() == pairs
        };
        let alive = |name: &str| view.is_alive(node(name));
        let holds = match deed {
            Deed::Crash | Deed::PowerOff => !alive("broker-1"),
            Deed::Pause => view.nodes[&node("broker-1")].state.word() == "paused",
            Deed::Isolate => view.cuts.len() == 2 * (view.table.iter().count() - 1),
            Deed::Cut => cuts(&[("broker-1", "broker-2"), ("broker-2", "broker-1")]),
            Deed::CutOneWay => cuts(&[("broker-1", "broker-2")]),
            Deed::SlowLink => {
                let link = &view.links[&(node("broker-1"), node("broker-2"))];
                klamm_scene::link::is_impaired(link)
            }
            Deed::SlowDisk => branch.trace().bands().faults().len() == 1,
            Deed::Produce => {
                at(&mut branch, 13_500);
                let by = branch.trace().nodes().named(names[0]).expect("a producer");
                let view = branch.cursor().view();
                let sent = view.records.values().filter(|record| record.producer == by).count();
                let plain = lab.trace().view_at(lab.trace().at_time(view.now));
                let before = plain.records.values().filter(|record| record.producer == by).count();
                let counted = view.nodes[&by].client.acknowledged;
                sent == before + 1 && counted >= 1
            }
            Deed::AddConsumer => {
                at(&mut branch, 13_500);
                let node = branch.trace().nodes().named("pay-2").expect("it is there");
                let view = branch.cursor().view();
                let joined = view.nodes[&node].client.membership.as_ref();
                let owns = joined.is_some_and(|it| it.takes_part && it.assigned.len() == 1);
                assert!(view.is_alive(node) && owns, "{:?}, {joined:?}", view.nodes[&node].state);
                true
            }
            Deed::KillMember => !alive("reader"),
            other => panic!("{other:?} is not tried here"),
        };
        assert!(holds, "{doing:?}");
        assert!(view_has_leader(&branch, &partition), "{doing:?}");
    }
}

fn view_has_leader(lab: &Lab, partition: &TopicPartition) -> bool {
    lab.cursor().view().truth(partition).is_some()
}

/// What undoes something is offered once it has been done, and undoes it.
#[test]
fn what_was_done_can_be_undone() {
    let moment = |secs: u64| klamm_node::Time(secs * 1_000_000_000);
    let both = ["broker-1", "broker-2"];
    for (deed, undo, names) in [
        (Deed::Crash, Deed::Restart, &both[..1]),
        (Deed::Stop, Deed::Restart, &both[..1]),
        (Deed::Pause, Deed::Resume, &both[..1]),
        (Deed::SlowDisk, Deed::NormalDisk, &both[..1]),
        (Deed::SlowLink, Deed::NormalLink, &both[..]),
        (Deed::Cut, Deed::Heal, &both[..0]),
        (Deed::Crash, Deed::ElectPreferred, &[]),
    ] {
        let first = if deed == Deed::Cut { &both[..] } else { names };
        let first = if first.is_empty() { &both[..1] } else { first };
        let text = Doing::new(deed, first).put_into("s", SMALL, moment(4)).expect("good");
        // A preferred leader can only be wanted where it is back.
        let text = if undo == Deed::ElectPreferred {
            Doing::new(Deed::Restart, first).put_into("s", &text, moment(5)).expect("good")
        } else {
            text
        };
        let mut lab = opened("s", &text);
        at(&mut lab, 12_000);
        pick(&mut lab, names);
        if undo == Deed::ElectPreferred {
            lab.selection.partition = Some(TopicPartition::new("orders", 0));
        }
        let choices = lab.choices(undo).expect("offered");
        if undo == Deed::ElectPreferred && choices[0].refused.is_some() {
            // The broker was back before anybody missed it.
            continue;
        }
        assert_eq!(choices[0].refused, None, "{undo:?}");
        let text = choices[0].doing.put_into("s", &text, moment(12)).expect("good");
        let mut lab = opened("s", &text);
        at(&mut lab, 13_900);
        pick(&mut lab, names);
        if undo == Deed::Heal {
            assert!(lab.cursor().view().cuts.is_empty());
        } else if names.is_empty() {
            lab.selection.partition = Some(TopicPartition::new("orders", 0));
        } else {
            let again = lab.choices(undo).expect("offered");
            assert!(again[0].refused.is_some(), "{undo:?} has done nothing");
        }
    }
}

#[test]
fn a_record_is_sent_as_it_is_typed() {
    let doing = Doing::new(Deed::Produce, &["till", "orders", "0", "", "hello"]);
    let of = |record: &str| with_record(doing.clone(), record).of;
    assert_eq!(of("tea"), ["till", "orders", "0", "", "tea"]);
    assert_eq!(of("cup=tea=hot"), ["till", "orders", "0", "cup", "tea=hot"]);
    let crash = Doing::new(Deed::Crash, &["x"]);
    assert_eq!(with_record(crash.clone(), "tea"), crash);
}

/// The lesson at a moment, with broker 1 picked.
fn at_work(language: Language) -> Window {
    let mut window = window(language);
    let open = lab(&mut window);
    let node = open.trace().nodes().named("broker-1").expect("a broker");
    let middle = Seq(open.trace().last().0 / 2);
    open.go(middle);
    open.selection.nodes = vec![node];
    open.inspect = crate::lab::Inspect::State;
    window
}

fn whole(window: &Window) -> bool {
    window.lab().is_some_and(|lab| lab.until().is_none())
}

#[test]
fn a_way_is_chosen_in_a_list_by_keys_alone_and_with_shift_on_the_stage() {
    for language in Language::ALL {
        let mut harness = harness(at_work(language));
        press(&mut harness, Key::J);
        assert!(matches!(harness.state().overlay, Some(Overlay::Choose { .. })));
        harness.event(egui::Event::Text("broker-3".to_owned()));
        harness.run();
        harness.key_press(Key::Enter);
        harness.step();
        harness.step();
        let done = &harness.state().branches.all()[1].made;
        let expected = Doing::new(Deed::Cut, &["broker-1", "broker-3"]);
        assert!(format!("{done:?}").contains(&format!("{expected:?}")), "{done:?}");
        until(&mut harness, whole);
        assert_eq!(lab(harness.state_mut()).cursor().view().cuts.len(), 2);
        // The cut way is picked on the stage, and so are both its ends.
        press(&mut harness, Key::Num1);
        lab(harness.state_mut()).selection.nodes.clear();
        let mark = object(&mut harness, "cut:broker-1:broker-3");
        harness.get_all_by_label(&mark).next().expect("the mark").click_accesskit();
        harness.run();
        assert_eq!(lab(harness.state_mut()).selection.nodes.len(), 2);
        let said = format!("{}: {}", Word::DeedCut.text(language), Word::IsCut.text(language));
        assert!(harness.query_by_label(&said).is_some(), "the reason is on the button");
    }
}

/// What an object of the stage is called.
fn object(harness: &mut Harness<'_, Window>, id: &str) -> String {
    let style = harness.state().style();
    let open = lab(harness.state_mut());
    open.tab = Tab::Cluster;
    let scene = open.scene(style);
    let found = scene.all().into_iter().find(|object| object.id == id).map(|it| it.name.clone());
    found.unwrap_or_else(|| panic!("{id} is not on the stage"))
}

#[test]
fn two_nodes_are_picked_with_shift_and_the_menu_opens_at_what_is_picked() {
    let mut harness = harness(at_work(Language::English));
    lab(harness.state_mut()).selection.nodes.clear();
    harness.run();
    let cards = ["node:broker-1", "node:broker-2"].map(|id| object(&mut harness, id));
    let place = |harness: &Harness<'_, Window>, name: &str| {
        let rect = harness.get_all_by_label(name).next().expect("the card").rect();
        rect.min + egui::vec2(12.0, 8.0)
    };
    let click = |harness: &mut Harness<'_, Window>, at: egui::Pos2, button, modifiers| {
        harness.event(egui::Event::PointerMoved(at));
        for pressed in [true, false] {
            harness.event_modifiers(
                egui::Event::PointerButton { pos: at, button, pressed, modifiers },
                modifiers,
            );
        }
        harness.run();
    };
    let first = place(&harness, &cards[0]);
    click(&mut harness, first, egui::PointerButton::Primary, Modifiers::NONE);
    assert_eq!(lab(harness.state_mut()).selection.nodes.len(), 1);
    let second = place(&harness, &cards[1]);
    click(&mut harness, second, egui::PointerButton::Primary, Modifiers::SHIFT);
    assert_eq!(lab(harness.state_mut()).selection.nodes.len(), 2);
    click(&mut harness, first, egui::PointerButton::Secondary, Modifiers::NONE);
    assert_eq!(lab(harness.state_mut()).selection.nodes.len(), 2, "it is picked already");
    assert!(matches!(harness.state().overlay, Some(Overlay::Choose { deed: None, .. })));
    let disabled = format!("broker-1 starts: {}", Word::IsUp.text(Language::English));
    assert!(harness.query_by_label(&disabled).is_some(), "what can't be done is there, with why");
    assert!(harness.query_by_label("broker-1 and broker-2 are cut").is_some());
}

#[test]
fn the_last_deed_is_taken_back_and_branches_are_walked_and_named() {
    let mut harness = harness(at_work(Language::English));
    let start = lab(harness.state_mut()).seq();
    for key in [Key::K, Key::R] {
        harness.key_press(key);
        harness.step();
        until(&mut harness, whole);
        harness.key_press(Key::ArrowRight);
        harness.run();
    }
    assert_eq!(harness.state().branches.tree(), [(0, 0), (1, 1), (2, 2)]);
    let back = |harness: &mut Harness<'_, Window>, key: Key| {
        harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::CTRL, key);
        harness.step();
        until(harness, whole);
        harness.state().branches.shown()
    };
    assert_eq!((back(&mut harness, Key::Z), back(&mut harness, Key::Z)), (1, 0));
    let here = lab(harness.state_mut()).seq();
    assert!(run().0.time_of(here) == run().0.time_of(start), "one stands where it was done");
    back(&mut harness, Key::Z);
    assert_eq!(harness.state().notice, Some(Notice::Word(Word::IsRoot)));
    assert_eq!(harness.state().branches.all().len(), 3, "nothing is erased");
    // Another deed from the root stands beside, behind the first one's own branches.
    harness.key_press_modifiers(Modifiers::SHIFT, Key::K);
    harness.step();
    until(&mut harness, whole);
    assert_eq!(harness.state().branches.tree(), [(0, 0), (1, 1), (2, 2), (3, 1)]);
    assert_eq!(back(&mut harness, Key::PageUp), 2);
    assert_eq!(back(&mut harness, Key::PageDown), 3);
    press(&mut harness, Key::F);
    harness.event(egui::Event::Text("no power".to_owned()));
    harness.run();
    press(&mut harness, Key::Enter);
    assert_eq!(
        (harness.state().overlay.clone(), harness.state().branches.name()),
        (None, Some("no power"))
    );
    assert!(harness.query_by_label_contains("no power: broker-1 loses power at").is_some());
}

#[test]
fn branches_of_what_was_open_before_are_taken_up_again() {
    let mut harness = harness(at_work(Language::English));
    harness.key_press(Key::K);
    harness.step();
    until(&mut harness, whole);
    let little = "(version: 1, title: \"L\", question: \"?\", duration: \"1s\")";
    let other = Source::Text { name: "other".to_owned(), text: little.to_owned() };
    let wake = crate::window::wake(&harness.ctx);
    harness.state_mut().open(other, wake);
    until(&mut harness, whole);
    assert!(harness.state().branches.all().is_empty(), "it has none of its own");
    let ctx = harness.ctx.clone();
    harness.state_mut().act(crate::action::Action::Library, &ctx);
    harness.run();
    let said = Word::AsideOf.say(Language::English, &[&"lessons/leader-crash", &1]);
    harness.get_by_label(&said).click();
    harness.run_ok();
    until(&mut harness, whole);
    assert_eq!((harness.state().branches.all().len(), harness.state().branches.shown()), (2, 1));
    let dead = lab(harness.state_mut()).trace().nodes().named("broker-1").expect("a broker");
    assert!(!lab(harness.state_mut()).cursor().view().is_alive(dead));
    assert!(harness.state().aside.is_empty());
}

/// The page of invariants names every one, and the first place where one broke.
#[test]
fn the_invariants_are_listed_with_where_they_broke() {
    use klamm_node::{BrokerId, EventKind, LeaderEpoch, NodeId, Time};
    use klamm_trace::{INVARIANTS, NodeInfo, NodeKind, NodeTable, Recorder, TraceHeader};
    let voter = |id: i32| NodeInfo {
        name: format!("controller-{id}").into(),
        kind: NodeKind::Controller,
        broker: Some(BrokerId(id)),
        host: format!("controller-{id}").into(),
        rack: None,
    };
    let header = TraceHeader::new(NodeTable::new(vec![voter(1), voter(2)]));
    let mut recorder = Recorder::new(header, Keep::EVENTS);
    let raft = |node: u16| EventKind::QuorumLeaderElected {
        epoch: LeaderEpoch(3),
        votes: vec![BrokerId(i32::from(node) + 1)],
    };
    // Two leaders of one epoch.
    for node in [0, 1] {
        recorder.record(Time(u64::from(node) + 1), NodeId(node), None, raft(node));
    }
    let trace = OpenTrace::of_recorder(&recorder);
    let broken = trace.violations().first().expect("it is noticed").clone();
    for language in Language::ALL {
        let mut window = Window::new(crate::window::Start::default(), None);
        window.settings.language = language;
        window.show_run(Source::Text { name: "t".to_owned(), text: String::new() }, trace.clone());
        let mut harness = harness(window);
        lab(harness.state_mut()).go(Seq(0));
        press(&mut harness, Key::V);
        let all = INVARIANTS.len();
        let said = Word::InvariantsHold.say(language, &[&all, &all]);
        assert!(harness.query_by_label(&said).is_some(), "before it breaks, all hold");
        let info = INVARIANTS.iter().find(|info| info.id == broken.id).expect("it is listed");
        let line = format!("{} {}: ", info.code, info.name);
        harness.get_by_label_contains(&line).click();
        harness.run();
        assert_eq!(lab(harness.state_mut()).seq(), broken.seq, "a click goes where it broke");
        let said = Word::InvariantsHold.say(language, &[&(all - 1), &all]);
        assert!(harness.query_by_label(&said).is_some(), "{said}");
    }
}

#[test]
fn a_trace_with_planted_faults_has_no_branches() {
    let mut harness = harness(at_work(Language::English));
    let (trace, source) = run();
    let mut header = trace.header().clone();
    header.switches = vec!["some-bug".to_owned()];
    let planted = OpenTrace::new(header);
    harness.state_mut().show_run(source.clone(), planted);
    let ctx = harness.ctx.clone();
    let wake: crate::load::Wake = Arc::new(move || ctx.request_repaint());
    let done = harness.state_mut().carry_out(Doing::new(Deed::Heal, &[]), wake);
    assert!(!done && harness.state().notice == Some(Notice::Word(Word::NoBranch)));
}
