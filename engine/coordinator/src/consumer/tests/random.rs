//! Consumer groups by chance: consumers come, go, fall silent, change what they read and lose answers; topics grow and go;
//! coordinators fail over with or without what is not committed; the log refuses.
//!
//! After every step: no two consumers that are members own a partition, members move by their table, the state is what another
//! coordinator would load (the lab asks that). In the end, when nothing happens any more: the group is stable, and everything
//! that is read has one owner.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{PlantedFaults, Span, TopicId};
use klamm_protocol::ErrorCode;
use klamm_protocol::kafka::messages::ResponseKind;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::members::{Members, Says};
use crate::assignor::Partitions;
use crate::classic::tests::lab::{GROUP, Lab, Seen};
use crate::consumer::{ConsumerGroup, MEMBER_MOVES, MemberState};
use crate::group::Group;
use crate::shard::Topics;

const CONSUMERS: usize = 4;
const TOPICS: [&str; 3] = ["t", "u", "v"];

/// What happens.
#[derive(Clone, Debug)]
enum Happens {
    /// A consumer sends a heartbeat: to join if it is not a member.
    Beat(usize),
    /// Its next answer is lost.
    LoseAnswer(usize),
    /// It gives up what it was told to. What it was given it takes as soon as it hears of it.
    Adopt(usize),
    /// It leaves.
    Leave(usize),
    /// Its process is gone without a word; the next one has another id.
    Crash(usize),
    /// It reads other topics, or by expression.
    Subscribe(usize, u8),
    Prefer(usize, bool),
    Topic(usize, i32),
    Wait(u64),
    Hold,
    Release,
    Refuse,
    FailOver(bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    let who = || 0..CONSUMERS;
    prop_oneof![
        20 => who().prop_map(Happens::Beat),
        14 => who().prop_map(Happens::Adopt),
        3 => who().prop_map(Happens::LoseAnswer),
        2 => who().prop_map(Happens::Leave),
        2 => who().prop_map(Happens::Crash),
        3 => (who(), 0_u8..16).prop_map(|(at, bits)| Happens::Subscribe(at, bits)),
        1 => (who(), any::<bool>()).prop_map(|(at, range)| Happens::Prefer(at, range)),
        2 => (0..TOPICS.len(), 0_i32..5).prop_map(|(at, count)| Happens::Topic(at, count)),
        6 => prop_oneof![1_u64..2_000, 4_000_u64..20_000].prop_map(Happens::Wait),
        1 => Just(Happens::Hold),
        1 => Just(Happens::Release),
        1 => Just(Happens::Refuse),
        1 => any::<bool>().prop_map(Happens::FailOver),
    ]
}

/// A consumer, as its own process sees it.
#[derive(Clone, Debug, Default)]
struct Consumer {
    runs: bool,
    /// How many processes it has had.
    life: u32,
    is_static: bool,
    is_member: bool,
    owned: Partitions,
    reads: u8,
    prefers_range: bool,
    loses: bool,
    /// It has to say everything: something changed, or it missed an answer.
    says_all: bool,
    /// The name by which it is known to the lab.
    name: String,
    /// How many requests are under way.
    asks: usize,
}

struct World {
    lab: Lab,
    members: Members,
    consumers: Vec<Consumer>,
    states: BTreeMap<String, MemberState>,
    refuses: bool,
}

impl World {
    fn new() -> Self {
        let mut lab = Lab::new(7, &[]);
        lab.change_topic("t", 3, "");
        lab.change_topic("u", 2, "");
        let consumer = |index: usize| Consumer {
            runs: true,
            is_static: index == 1,
            reads: 1,
            name: format!("{index}-0"),
            ..Consumer::default()
        };
        let consumers = (0..CONSUMERS).map(consumer).collect();
        let mut world = Self {
            lab,
            members: Members::default(),
            consumers,
            states: BTreeMap::new(),
            refuses: false,
        };
        world.name_all();
        world
    }

    fn name_all(&mut self) {
        for (index, consumer) in self.consumers.iter().enumerate() {
            let known = self.members.known(&consumer.name);
            known.instance = consumer.is_static.then(|| format!("instance-{index}"));
        }
    }

    fn group(&self) -> Option<&ConsumerGroup> {
        match self.lab.shard().groups.get(GROUP)? {
            Group::Consumer(group) => Some(group),
            Group::Classic(_) => None,
        }
    }

    fn beat(&mut self, at: usize) {
        let consumer = &mut self.consumers[at];
        // One heartbeat at a time, as every client does.
        if !consumer.runs || consumer.asks > 0 {
            return;
        }
        let joins = !consumer.is_member;
        let all = joins || consumer.says_all;
        let topics = TOPICS.iter().enumerate().filter(|(bit, _)| consumer.reads & (1 << bit) != 0);
        let by_regex = consumer.reads & 8 != 0;
        let topics: Vec<String> = topics.map(|(_, name)| (*name).to_owned()).collect();
        let regex = format!("[{}-]", topics.join(""));
        let assignor = if consumer.prefers_range { "range" } else { "uniform" };
        let says = Says {
            epoch: joins.then_some(0),
            topics: all.then(|| if by_regex { Vec::new() } else { topics }),
            regex: all.then(|| if by_regex { regex } else { String::new() }),
            assignor: all.then(|| assignor.to_owned()),
            timeout_ms: if all { 12_000 } else { -1 },
            owned: all.then(|| if joins { Partitions::new() } else { consumer.owned.clone() }),
            ..Says::default()
        };
        let name = consumer.name.clone();
        if joins {
            consumer.owned.clear();
        }
        consumer.says_all = false;
        if self.members.beat(&mut self.lab, &name, says).is_ok() {
            self.consumers[at].asks += 1;
        }
    }

    /// Answers reach their consumers, or are lost.
    fn hear(&mut self) {
        for (_, seen) in self.lab.take_seen() {
            let Seen::Answer(connection, _, ResponseKind::ConsumerGroupHeartbeat(beat)) = seen
            else {
                continue;
            };
            let name = self.members.name_of(connection.0).unwrap_or_default().to_owned();
            let found = self.consumers.iter_mut().find(|consumer| consumer.name == name);
            // An earlier process of it hears nothing any more.
            let Some(consumer) = found else { continue };
            consumer.asks = consumer.asks.saturating_sub(1);
            if std::mem::take(&mut consumer.loses) {
                consumer.says_all = true;
                continue;
            }
            let code = ErrorCode(beat.error_code);
            match code {
                ErrorCode::NONE if beat.member_epoch < 0 => {}
                ErrorCode::NONE => {
                    consumer.is_member = true;
                    self.members.learn(connection.0, &beat);
                    let told = &self.members.known(&name).told;
                    let gives_nothing_up = consumer.owned.iter().all(|(topic, partitions)| {
                        told.get(topic).is_some_and(|told| partitions.is_subset(told))
                    });
                    if gives_nothing_up && consumer.owned != *told {
                        consumer.owned = told.clone();
                        consumer.says_all = true;
                    }
                }
                ErrorCode::FENCED_MEMBER_EPOCH
                | ErrorCode::UNKNOWN_MEMBER_ID
                | ErrorCode::GROUP_ID_NOT_FOUND
                | ErrorCode::UNRELEASED_INSTANCE_ID => {
                    // Everything is somebody else's by now.
                    consumer.is_member = false;
                    consumer.owned.clear();
                }
                _ => consumer.says_all = true,
            }
        }
    }

    fn adopt(&mut self, at: usize) {
        let told = self.members.known(&self.consumers[at].name.clone()).told.clone();
        let consumer = &mut self.consumers[at];
        if consumer.runs && consumer.is_member && consumer.owned != told {
            consumer.owned = told;
            consumer.says_all = true;
        }
    }

    /// The process is gone; if it was static, it was not able to say so, and its place is taken when its session is over.
    fn restart(&mut self, at: usize) {
        let consumer = &mut self.consumers[at];
        consumer.life += 1;
        *consumer = Consumer {
            runs: true,
            life: consumer.life,
            is_static: consumer.is_static,
            reads: consumer.reads,
            name: format!("{at}-{}", consumer.life),
            ..Consumer::default()
        };
        self.name_all();
    }

    fn happen(&mut self, happens: &Happens) {
        match happens {
            Happens::Beat(at) => self.beat(*at),
            Happens::LoseAnswer(at) => {
                self.consumers[*at].loses = true;
                self.beat(*at);
            }
            Happens::Adopt(at) => self.adopt(*at),
            Happens::Leave(at) => {
                let consumer = self.consumers[*at].clone();
                if consumer.is_member && consumer.asks == 0 {
                    let epoch = if consumer.is_static { -2 } else { -1 };
                    let says = Says { epoch: Some(epoch), ..Says::default() };
                    // It does not wait for the answer.
                    let _sent = self.members.beat(&mut self.lab, &consumer.name, says);
                }
                self.restart(*at);
            }
            Happens::Crash(at) => self.restart(*at),
            Happens::Subscribe(at, bits) => {
                self.consumers[*at].reads = *bits;
                self.consumers[*at].says_all = true;
            }
            Happens::Prefer(at, range) => {
                self.consumers[*at].prefers_range = *range;
                self.consumers[*at].says_all = true;
            }
            Happens::Topic(at, count) => {
                let known = self.lab.sheet.id_of(TOPICS[*at]);
                let before = known.map_or(0, |id| self.lab.sheet.partitions_of(id));
                // Topics grow, and go; they do not shrink.
                if *count == 0 && before > 0 || *count > before {
                    self.lab.change_topic(TOPICS[*at], *count, "");
                }
            }
            Happens::Wait(millis) => self.lab.wait(Span::millis(*millis)),
            Happens::Hold => self.lab.log.holds = true,
            Happens::Release => {
                self.lab.log.holds = false;
                self.lab.commit();
            }
            Happens::Refuse => {
                self.refuses = !self.refuses;
                self.lab.log.refuses = self.refuses.then_some(ErrorCode::NOT_ENOUGH_REPLICAS);
            }
            Happens::FailOver(keeps) => {
                self.lab.fail_over(*keeps);
                self.refuses = false;
                self.states.clear();
            }
        }
        self.hear();
        self.check();
    }

    fn check(&mut self) {
        let ids: BTreeSet<String> = self
            .group()
            .into_iter()
            .flat_map(|group| group.members().map(|member| member.id.as_str().to_owned()))
            .collect();
        let mut owned: BTreeSet<(TopicId, i32)> = BTreeSet::new();
        for consumer in self.consumers.iter().filter(|consumer| consumer.is_member) {
            if !ids.contains(&consumer.name) {
                // It was put out, and will learn it.
                continue;
            }
            for (topic, partitions) in &consumer.owned {
                for partition in partitions {
                    let is_new = owned.insert((*topic, *partition));
                    assert!(
                        is_new,
                        "S21: two members own {topic}-{partition}: {:#?}",
                        self.group()
                    );
                }
            }
        }
        let states: BTreeMap<String, MemberState> = self
            .group()
            .into_iter()
            .flat_map(|group| {
                group.members().map(|member| (member.id.as_str().to_owned(), member.state))
            })
            .collect();
        for (id, state) in &states {
            let Some(before) = self.states.get(id) else { continue };
            let moves =
                |(from, to, _): &&(MemberState, MemberState, &str)| from == before && to == state;
            let is_move = before == state || MEMBER_MOVES.iter().any(|one| moves(&one));
            assert!(is_move, "{id}: {before:?} does not become {state:?}");
        }
        self.states = states;
    }

    /// Nothing happens any more but heartbeats.
    fn come_to_rest(&mut self) {
        self.happen(&Happens::Refuse);
        self.refuses = false;
        self.lab.log.refuses = None;
        self.happen(&Happens::Release);
        for _ in 0..40 {
            for at in 0..CONSUMERS {
                self.consumers[at].loses = false;
                self.beat(at);
                self.hear();
                self.adopt(at);
                self.check();
            }
            self.lab.wait(Span::secs(4));
            self.hear();
        }
        let group = self.group().expect("consumers run, so there is a group");
        assert_eq!(group.state().name(), "Stable", "{group:#?}");
        assert_eq!(group.members().count(), CONSUMERS, "everybody is in, and nobody else");
        let mut everything = BTreeSet::new();
        for topic in TOPICS {
            let Some(id) = self.lab.sheet.id_of(topic) else { continue };
            if group.is_subscribed_to(topic) {
                everything
                    .extend((0..self.lab.sheet.partitions_of(id)).map(|partition| (id, partition)));
            }
        }
        let mut owned = BTreeSet::new();
        for consumer in &self.consumers {
            assert_eq!(
                Some(&consumer.owned),
                group.member(&consumer.name).map(|member| &member.assigned),
                "who is at rest has what the coordinator says"
            );
            for (topic, partitions) in &consumer.owned {
                owned.extend(partitions.iter().map(|partition| (*topic, *partition)));
            }
        }
        assert_eq!(owned, everything, "everything that is read has an owner");
    }
}

fn live(story: &[Happens]) {
    let mut world = World::new();
    for happens in story {
        world.happen(happens);
    }
    world.come_to_rest();
}

fn stories() -> impl Strategy<Value = Vec<Happens>> {
    prop::collection::vec(happens(), 1..90)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_story_breaks_a_rule(story in stories()) {
        live(&story);
    }
}

/// Each planted fault is found by chance too. Needs a build with planted faults.
#[test]
fn planted_faults_break_a_rule() {
    if !PlantedFaults::POSSIBLE {
        return;
    }
    for fault in ["lose_partition_epoch_on_revocation", "group_assigns_before_revocation"] {
        let mut runner = TestRunner::deterministic();
        let found = (0..3_000).any(|_| {
            let story = stories().new_tree(&mut runner).expect("a story").current();
            let faults = PlantedFaults::new([fault.to_owned()]);
            std::panic::catch_unwind(|| faults.during(|| live(&story))).is_err()
        });
        assert!(found, "{fault} is not found");
    }
}
