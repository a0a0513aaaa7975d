//! Every number of the Logs and the Cluster has an answer, and is no decoration: change it, and the picture says so.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::LeaderEpoch;
use klamm_trace::{Batch, ProcessState};

use super::*;
use crate::OpenTrace;
use crate::language::Language;
use crate::scene::{Object, Part, Scene, Shape};
use crate::stage::{Selection, Style, Tab, Zoom, draw};
use crate::svg::svg;
use crate::testing;
use crate::theme::Palette;

fn scene(trace: &OpenTrace, view: &View, tab: Tab) -> Scene {
    let selection = Selection::default();
    draw(tab, &Stage { trace, view, selection: &selection, style: Style::default() })
}

/// Moments at which the pictures show most of what they can.
fn moments() -> Vec<(&'static OpenTrace, Seq)> {
    let (crash, groups) = (testing::leader_crash(), testing::two_groups());
    let mut moments: Vec<_> =
        crash.beats().iter().map(|beat| (crash, Seq(beat.seq.0 + 40))).collect();
    moments.push((groups, Seq(groups.last().0 * 2 / 3)));
    moments
}

#[test]
fn every_visible_number_of_logs_and_cluster_has_an_answer() {
    let mut kinds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut example: BTreeMap<&str, String> = BTreeMap::new();
    for (trace, seq) in moments() {
        let view = trace.view_at(seq);
        for tab in [Tab::Logs, Tab::Cluster] {
            for subject in scene(trace, &view, tab).subjects() {
                kinds.entry(subject.kind()).or_default().insert(tab.name());
                for language in Language::ALL {
                    let style = Style::new(Palette::Light, language);
                    let selection = Selection::default();
                    let stage = Stage { trace, view: &view, selection: &selection, style };
                    // What changed it is asked of the kind's first only: that walks through the trace.
                    let value = value_of(&view, &subject).unwrap_or_else(|| panic!("{subject:?}"));
                    let mut rule = Rule { stage: &stage, parts: Vec::new() };
                    assert!(rule.explain(&subject).is_some(), "{subject:?} has no rule");
                    let text: String = rule.parts.iter().map(WhyPart::text).collect();
                    assert!(text.len() > 20 && !text.contains(['{', '<']), "{subject:?}: {text}");
                    for part in &rule.parts {
                        if let WhyPart::Value(told, other) = part {
                            let known = value_of(&view, other);
                            let same =
                                known.as_deref().is_none_or(|known| known == told) || told == "-1";
                            assert!(same, "{subject:?}: {told} of {other:?} is {known:?}");
                        }
                    }
                    if language == Language::English && !example.contains_key(subject.kind()) {
                        let answer = why(&stage, &subject).expect("an answer");
                        assert_eq!(answer.value, value);
                        let changed = answer.changed.as_ref().map_or("never changed", |c| &c.text);
                        let told = format!("{value}: {}\n    {changed}", answer.text());
                        example.insert(subject.kind(), told);
                    }
                }
            }
        }
    }
    let told: Vec<&str> = example.keys().copied().collect();
    for kind in [
        "leader",
        "isr",
        "min-isr",
        "high-watermark",
        "log-end",
        "synced",
        "fenced",
        "applied",
        "quorum-epoch",
        "count",
        "committed",
        "lag",
    ] {
        assert!(told.contains(&kind), "no picture shows {kind}: {told:?}");
    }
    assert!(kinds.len() >= 16, "{kinds:?}");
}

/// Changes what a subject is about; false for a broker that is not registered, which has nothing to change.
fn mutate(view: &mut View, subject: &Subject) -> bool {
    let more = |offset: Offset| offset.plus(1);
    match subject {
        Subject::Leader(p) => {
            let state = view.partitions.get_mut(p).and_then(|p| p.truth.as_mut()).expect("a truth");
            state.leader = BrokerId(state.leader.0 % 3 + 1);
        }
        Subject::LeaderEpoch(p) => {
            let state = view.partitions.get_mut(p).and_then(|p| p.truth.as_mut()).expect("a truth");
            state.leader_epoch = state.leader_epoch.next();
        }
        Subject::Isr(p) => {
            let state = view.partitions.get_mut(p).and_then(|p| p.truth.as_mut()).expect("a truth");
            if state.isr.pop().is_none() {
                state.isr.push(BrokerId(1));
            }
        }
        Subject::Elr(p) => {
            let state = view.partitions.get_mut(p).and_then(|p| p.truth.as_mut()).expect("a truth");
            state.elr.clear();
        }
        Subject::MinIsr(p) => {
            let at = (format!("topic:{}", p.topic), "min.insync.replicas".to_owned());
            view.configs.insert(at, "7".to_owned());
        }
        Subject::ReplicaRole(p, b) => {
            let node = view.table.node_of(*b).expect("a node");
            if !view.is_alive(node) {
                view.nodes.get_mut(&node).expect("a node").state = ProcessState::Up;
                return true;
            }
            let replica = replica(view, p, *b);
            replica.role = match replica.role {
                ReplicaRole::Leader => ReplicaRole::Idle,
                ReplicaRole::Follower | ReplicaRole::Idle => ReplicaRole::Leader,
            };
        }
        Subject::ReplicaEpoch(p, b) => {
            let replica = replica(view, p, *b);
            replica.leader_epoch = replica.leader_epoch.next();
        }
        Subject::LogStart(p, b) => {
            let replica = replica(view, p, *b);
            let start = replica.log.start();
            replica.log.move_start(more(start));
        }
        Subject::LogEnd(p, b) | Subject::Epochs(p, b) => {
            let replica = replica(view, p, *b);
            let end = replica.log.end();
            replica.log.append(Batch { base: end, last: end, epoch: LeaderEpoch(99), crc: 1 });
        }
        Subject::HighWatermark(p, b) => {
            let replica = replica(view, p, *b);
            let mark = replica.high_watermark.0;
            replica.high_watermark = Offset(if mark > 0 { mark - 1 } else { 1 });
        }
        Subject::Synced(p, b) => {
            let replica = replica(view, p, *b);
            replica.synced = more(replica.synced);
        }
        Subject::Committed(g, p) | Subject::Lag(g, p) => {
            let (node, _) = view.group(g).expect("a group");
            let group = view.nodes.get_mut(&node).and_then(|node| node.groups.get_mut(g));
            let kept = group.and_then(|group| group.offsets.get_mut(p)).expect("an offset");
            kept.offset = Offset(kept.offset.0 - 1);
        }
        Subject::Position(n, p) => {
            let client = &mut view.nodes.get_mut(n).expect("a node").client;
            let position = client.positions.get_mut(p).expect("a position");
            *position = Offset(position.0 - 1);
        }
        Subject::Process(n) => {
            let node = view.nodes.get_mut(n).expect("a node");
            node.state = match node.state {
                ProcessState::Crashed => ProcessState::PoweredOff,
                ProcessState::New
                | ProcessState::Up
                | ProcessState::Paused
                | ProcessState::PoweredOff
                | ProcessState::Stopped => ProcessState::Crashed,
            };
        }
        Subject::Fenced(b) => match view.brokers.get_mut(b) {
            Some(broker) => broker.fenced = !broker.fenced,
            None => return false,
        },
        Subject::Applied(n) => {
            let node = view.nodes.get_mut(n).expect("a node");
            node.applied = Some(node.applied.map_or(Offset(0), more));
        }
        Subject::QuorumRole(n) => {
            let raft = &mut view.nodes.get_mut(n).expect("a node").raft;
            raft.role = if raft.role == "candidate" { "follower" } else { "candidate" }.into();
        }
        Subject::QuorumEpoch(n) => {
            let raft = &mut view.nodes.get_mut(n).expect("a node").raft;
            raft.epoch = raft.epoch.next();
        }
        Subject::BelievedLeader(n, p) => {
            let truth = view.leader_of(p).expect("a leader");
            let node = view.nodes.get_mut(n).expect("a node");
            if let Some(belief) = node.beliefs.get_mut(p) {
                belief.leader = truth;
            }
            if let Some((leader, _)) = node.client.leaders.get_mut(p) {
                *leader = truth;
            }
        }
        Subject::Count(n) => {
            let client = &mut view.nodes.get_mut(n).expect("a node").client;
            (client.acknowledged, client.read) = (client.acknowledged + 1, client.read + 1);
        }
        Subject::InFlight => view.frames = klamm_trace::FramesView::default(),
        Subject::FollowerEnd(p, leader, follower) => {
            let replica = replica(view, p, *leader);
            let end = replica.followers.entry(*follower).or_default();
            *end = more(*end);
        }
        Subject::MetadataEnd(n) => {
            let log = &mut view.nodes.get_mut(n).expect("a node").raft.log;
            let end = log.end();
            log.append(Batch { base: end, last: end, epoch: LeaderEpoch(99), crc: 1 });
        }
        Subject::MetadataCommitted(n) => {
            let raft = &mut view.nodes.get_mut(n).expect("a node").raft;
            raft.committed = Offset(raft.committed.0 - 1);
        }
        Subject::GroupState(g) => {
            let group = group(view, g);
            group.state = if group.state == "Stable" { "Empty" } else { "Stable" }.into();
        }
        Subject::GroupEpoch(g) => {
            let group = group(view, g);
            group.epoch += 1;
        }
    }
    true
}

fn group<'a>(view: &'a mut View, g: &klamm_node::GroupId) -> &'a mut klamm_trace::GroupView {
    let (node, _) = view.group(g).expect("a group");
    let groups = &mut view.nodes.get_mut(&node).expect("a node").groups;
    groups.get_mut(g).expect("the coordinator has it")
}

fn replica<'a>(view: &'a mut View, p: &TopicPartition, b: BrokerId) -> &'a mut ReplicaView {
    let state = view.partitions.get_mut(p).expect("a partition");
    state.replicas.entry(b).or_default()
}

/// The names of all objects: what somebody who does not see the picture gets.
fn names(scene: &Scene) -> Vec<String> {
    scene.all().into_iter().map(|object| object.name.clone()).collect()
}

#[test]
fn members_of_the_quorum_have_names_and_what_is_not_there_is_a_dash() {
    let trace = testing::leader_crash();
    // The leader has crashed.
    let view = trace.view_at(Seq(trace.beats()[4].seq.0 + 40));
    let selection = Selection::default();
    let stage = Stage { trace, view: &view, selection: &selection, style: Style::default() };
    let node = view.table.named("controller-2").expect("it is there");
    let answer = why(&stage, &Subject::QuorumRole(node)).expect("an answer");
    let said = answer.text();
    assert!(said.contains("knows leader controller-"), "{said}");
    assert!(!said.contains("voted for -1"), "nobody has no number: {said}");
    let dead = view.table.named("broker-1").expect("it was there");
    assert_eq!(value_of(&view, &Subject::QuorumRole(dead)).as_deref(), Some("–"));
    let fenced = value_of(&view, &Subject::Fenced(BrokerId(2)));
    assert_eq!(fenced.as_deref(), Some("not fenced"));
}

#[test]
fn every_number_changes_its_picture_and_its_name() {
    let mut tried = BTreeSet::new();
    let mut offenders = Vec::new();
    for (trace, seq) in moments() {
        let view = trace.view_at(seq);
        for tab in Tab::ALL {
            let before = scene(trace, &view, tab);
            let (file, said) = (svg(&before), names(&before));
            for subject in before.subjects() {
                let mut other = view.clone();
                if !mutate(&mut other, &subject) {
                    assert!(matches!(subject, Subject::Fenced(_)), "{subject:?} is not tried");
                    continue;
                }
                let after = scene(trace, &other, tab);
                tried.insert((tab, subject.kind()));
                if names(&after) == said {
                    offenders.push(format!("{tab:?} at {seq}: no name tells of {subject:?}"));
                }
                if svg(&after) == file {
                    offenders.push(format!("{tab:?} at {seq}: nothing drawn tells of {subject:?}"));
                }
            }
        }
    }
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
    let of = |tab: Tab| tried.iter().filter(|(other, _)| *other == tab).count();
    assert!(of(Tab::Logs) >= 11 && of(Tab::Cluster) >= 8, "{tried:?}");
    assert!(of(Tab::Quorum) >= 4 && of(Tab::Groups) >= 2, "{tried:?}");
}

/// Digits that are no number of the engine's, by what bears them, each with its reason.
const NO_NUMBER: [(&str, &str); 8] = [
    ("sum:", "counts of partitions; each has its row below"),
    ("caption", "the step's own time, event and narration"),
    ("axis", "the scale on which the numbers stand"),
    ("legend", "what marks mean"),
    ("batch:", "keys of records, as the scenario has them"),
    ("slow:", "how slow a way is: the scenario's own setting"),
    ("committed", "where the group's commit lies left of the axis; the row's value has the answer"),
    ("topic:", "a count of replicas from afar; each has its answer nearer"),
];

#[test]
fn no_number_of_logs_and_cluster_is_without_an_answer() {
    fn visit(object: &Object, owned: bool, into: &mut Vec<(String, String)>) {
        let own = object.id.rsplit('/').next().unwrap_or_default();
        let known =
            NO_NUMBER.iter().any(|(id, _)| own.starts_with(id) || object.id.starts_with(id));
        let owned = owned || known || object.subject.is_some();
        for part in &object.parts {
            match part {
                Part::Object(inner) => visit(inner, owned, into),
                Part::Shape(Shape::Text(label)) if !owned => {
                    into.push((object.id.clone(), label.text.clone()));
                }
                Part::Shape(_) => {}
            }
        }
    }
    let mut offenders = BTreeSet::new();
    let mut moments = moments();
    moments.push((testing::wide(), testing::wide().last()));
    for (trace, seq) in moments {
        let view = trace.view_at(seq);
        // Names may have digits.
        let mut names: Vec<String> =
            view.table.iter().map(|(_, info)| info.name.to_string()).collect();
        names.extend(view.partitions.keys().map(ToString::to_string));
        names.extend(view.groups().into_iter().map(ToString::to_string));
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        for tab in [Tab::Logs, Tab::Cluster] {
            for zoom in [Zoom::Auto, Zoom::Near, Zoom::Far] {
                let style = Style { zoom, ..Style::default() };
                let selection = Selection::default();
                let stage = Stage { trace, view: &view, selection: &selection, style };
                let mut found = Vec::new();
                let scene = draw(tab, &stage);
                scene.objects.iter().for_each(|object| visit(object, false, &mut found));
                for (id, text) in found {
                    let mut rest = text.clone();
                    for name in &names {
                        rest = rest.replace(name, "");
                    }
                    // A name that was cut keeps its digits.
                    let cut = text.contains('…');
                    if rest.contains(|sign: char| sign.is_ascii_digit()) && !cut {
                        offenders.insert(format!("{tab:?} {zoom:?}: '{text}' of {id}"));
                    }
                }
            }
        }
    }
    let offenders: Vec<_> = offenders.into_iter().collect();
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}
