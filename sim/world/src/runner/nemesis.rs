//! Random faults: what a scenario's nemesis does, drawn as the steps that a person could have written.
//!
//! *Flows in*: the time, the View. *Flows out*: actions, which the runner turns into steps of the trace.
//! *Must never*: draw for one purpose from the dice of another. When a fault happens, which kind, and what it does to
//! whom have a stream each, named by the fault's number: one kind more, or a fault that was not possible, shifts no
//! other draw.

use std::collections::{BTreeMap, VecDeque};

use klamm_node::rng::{Purpose, Stream};
use klamm_node::{NodeId, Span, Time};
use klamm_scenario::Scenario;
use klamm_scenario::model::{Action, Client, Mischief, Nemesis as Declared, Target};
use klamm_trace::{NodeTable, ProcessState, View};

use crate::outcome::{FaultReport, MischiefReport};

mod plan;

use plan::{Plan, Sight, plan};

/// The entities of its streams: the index is the fault's number, or the deck's, or the kind's.
const WHEN: u64 = 0;
const DECK: u64 = 1;
const SWARM: u64 = 2;
/// A kind's own dice are those of this entity and its place in the list of kinds.
const DETAILS: u64 = 16;

/// A fault that lasts.
#[derive(Clone, Debug)]
struct Active {
    kind: Mischief,
    stages: VecDeque<(Time, Vec<Action>)>,
    ends: Time,
    end: Vec<Action>,
    down: Vec<NodeId>,
    links: Vec<(NodeId, NodeId)>,
}

/// A scenario's random faults on their way.
#[derive(Clone, Debug)]
pub(super) struct Nemesis {
    declared: Declared,
    seed: u64,
    enabled: Vec<Mischief>,
    /// Kinds still to come before every kind comes again.
    deck: VecDeque<Mischief>,
    decks: u64,
    drawn: u64,
    next: Time,
    active: Vec<Active>,
    quiet: bool,
    /// Which step began a fault of which kind, and what was asked of the cluster by it.
    begun: Vec<(u32, Mischief, Option<String>)>,
    /// The number of its next step.
    step: u32,
}

/// A step of the nemesis.
pub(super) struct Drawn {
    pub step: u32,
    pub line: u32,
    pub actions: Vec<Action>,
}

impl Nemesis {
    /// The random faults of a scenario under a seed; `step` is the number of its first step.
    pub(super) fn new(declared: &Declared, seed: u64, step: u32) -> Self {
        let kinds: Vec<Mischief> = declared.kinds.iter().map(|(kind, _)| *kind).collect();
        let chosen = |kind: &Mischief| {
            Stream::new(seed, Purpose::Nemesis, SWARM, place(*kind)).per_million(500_000)
        };
        let mut enabled: Vec<Mischief> = kinds.clone();
        if declared.swarm {
            enabled.retain(chosen);
            if enabled.is_empty() {
                // A run without any would be a run wasted.
                enabled = kinds;
            }
        }
        let mut nemesis = Self {
            declared: declared.clone(),
            seed,
            enabled,
            deck: VecDeque::new(),
            decks: 0,
            drawn: 0,
            next: declared.start,
            active: Vec::new(),
            quiet: false,
            begun: Vec::new(),
            step,
        };
        nemesis.next = declared.start + nemesis.wait();
        nemesis
    }

    /// When it wants to be polled next.
    pub(super) fn next_time(&self) -> Option<Time> {
        if self.quiet {
            return None;
        }
        let stages = self.active.iter().filter_map(|active| Some(active.stages.front()?.0));
        let ends = self.active.iter().map(|active| active.ends);
        stages.chain(ends).chain([self.next, self.declared.stop]).min()
    }

    /// What it does now, if anything; call until none.
    pub(super) fn poll(
        &mut self,
        now: Time,
        scenario: &Scenario,
        table: &NodeTable,
        view: &View,
    ) -> Option<Drawn> {
        if self.quiet {
            return None;
        }
        if now >= self.declared.stop {
            self.quiet = true;
            let actions = self.heal_everything(scenario, table, view);
            return Some(self.step_of(actions));
        }
        for active in &mut self.active {
            if let Some((at, _)) = active.stages.front()
                && *at <= now
                && let Some((_, actions)) = active.stages.pop_front()
            {
                return Some(self.step_of(actions));
            }
        }
        if let Some(at) = self.active.iter().position(|active| active.ends <= now) {
            let over = self.active.remove(at);
            if !over.end.is_empty() {
                return Some(self.step_of(over.end));
            }
        }
        while self.next <= now {
            let drawn = self.draw(now, scenario, table, view);
            self.drawn += 1;
            self.next += self.wait();
            if drawn.is_some() {
                return drawn;
            }
        }
        None
    }

    fn step_of(&mut self, actions: Vec<Action>) -> Drawn {
        let step = self.step;
        self.step += 1;
        Drawn { step, line: self.declared.line, actions }
    }

    /// The time to the next fault.
    fn wait(&self) -> Span {
        let (low, high) = self.declared.every;
        Stream::new(self.seed, Purpose::Nemesis, WHEN, self.drawn).span(low, high)
    }

    /// A new fault, if one is possible: the first kind of the deck that is.
    fn draw(
        &mut self,
        now: Time,
        scenario: &Scenario,
        table: &NodeTable,
        view: &View,
    ) -> Option<Drawn> {
        if self.active.len() >= usize::try_from(self.declared.at_once).unwrap_or(usize::MAX) {
            return None;
        }
        if self.deck.is_empty() {
            self.shuffle();
        }
        let down: Vec<NodeId> =
            self.active.iter().flat_map(|active| active.down.iter().copied()).collect();
        let links: Vec<(NodeId, NodeId)> =
            self.active.iter().flat_map(|active| active.links.iter().copied()).collect();
        let sight = Sight {
            scenario,
            table,
            view,
            budget: self.declared.budget,
            down: &down,
            links: &links,
            lasting: self.declared.lasting,
        };
        let mut possible = None;
        for (at, kind) in self.deck.iter().enumerate() {
            // A fault of one kind at a time, but for those that take another server each.
            let again = self.active.iter().any(|active| active.kind == *kind);
            let mut dice =
                Stream::new(self.seed, Purpose::Nemesis, DETAILS + place(*kind), self.drawn);
            if !again && let Some(plan) = plan(*kind, &mut dice, &sight) {
                possible = Some((at, *kind, plan));
                break;
            }
        }
        let (at, kind, Plan { onset, stages, end, lasting, down, links }) = possible?;
        self.deck.remove(at);
        let asked = onset.iter().find_map(|action| {
            if let Action::Admin(request) = action { Some(request.to_string()) } else { None }
        });
        let drawn = self.step_of(onset);
        self.begun.push((drawn.step, kind, asked));
        let stages = stages.into_iter().map(|(after, actions)| (now + after, actions)).collect();
        self.active.push(Active { kind, stages, ends: now + lasting, end, down, links });
        Some(drawn)
    }

    /// Every enabled kind, as often as its weight says, in an order of the dice.
    fn shuffle(&mut self) {
        let mut cards: Vec<Mischief> = Vec::new();
        for (kind, weight) in &self.declared.kinds {
            if self.enabled.contains(kind) {
                cards.extend((0..*weight).map(|_| *kind));
            }
        }
        Stream::new(self.seed, Purpose::Nemesis, DECK, self.decks).shuffle(&mut cards);
        self.decks += 1;
        self.deck = cards.into();
    }

    /// The end of all that still lasts; and whoever is down for whatever reason starts again. A consumer may be down because
    /// its client failed for good, as that of KIP-848 does when its group was lost with the coordinators' logs
    /// (GROUP_ID_NOT_FOUND): somebody starts such an application again. One that has not begun yet is left alone.
    fn heal_everything(
        &mut self,
        scenario: &Scenario,
        table: &NodeTable,
        view: &View,
    ) -> Vec<Action> {
        let mut actions: Vec<Action> = Vec::new();
        for active in std::mem::take(&mut self.active) {
            actions.extend(active.end);
        }
        actions.push(Action::Heal { from: Vec::new(), to: Vec::new() });
        for (node, info) in table.iter() {
            let start = Action::Restart(Target::Node(info.name.to_string()));
            let has_begun =
                || view.nodes.get(&node).is_some_and(|node| node.state != ProcessState::New);
            let reads_in_a_group = |client: &Client| match client {
                Client::Consumer(consumer) => {
                    *consumer.name == *info.name && consumer.membership.is_some()
                }
                Client::Producer(_) | Client::Application(_) => false,
            };
            let awaited = !info.kind.is_client()
                || (scenario.clients.iter().any(reads_in_a_group) && has_begun());
            if awaited && !view.is_alive(node) && !actions.contains(&start) {
                actions.push(start);
            }
        }
        actions
    }

    /// Each kind with how often it was done, and how often it changed anything.
    pub(super) fn reports(&self, faults: &[FaultReport], view: &View) -> Vec<MischiefReport> {
        let mut bites: BTreeMap<u32, u64> = BTreeMap::new();
        for fault in faults {
            if let Some(step) = fault.step {
                *bites.entry(step).or_default() += fault.bites();
            }
        }
        let answers: Vec<&(String, _)> =
            view.nodes.values().flat_map(|node| &node.client.answers).collect();
        let kinds = self.declared.kinds.iter().map(|(kind, _)| {
            let begun = || self.begun.iter().filter(|(_, of, _)| of == kind);
            let bit = begun().filter(|(step, _, asked)| match asked {
                // That somebody asked changes nothing: the cluster must have done it.
                Some(asked) => answers.iter().any(|(text, error)| text == asked && error == "NONE"),
                None => bites.get(step).is_some_and(|count| *count > 0),
            });
            MischiefReport {
                kind: kind.name(),
                enabled: self.enabled.contains(kind),
                done: begun().count() as u64,
                bit: bit.count() as u64,
            }
        });
        kinds.collect()
    }
}

/// A kind's number, for its dice: new kinds come last in the list.
fn place(kind: Mischief) -> u64 {
    Mischief::ALL.iter().position(|(known, _, _)| *known == kind).unwrap_or(0) as u64
}
