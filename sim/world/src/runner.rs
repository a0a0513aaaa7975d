//! The runner: what a scenario wants done, and when. It does nothing itself.
//!
//! A driver asks [`Runner::poll`] whenever [`Runner::next_time`] has come, or an event of a room in
//! [`Runner::watches`] was recorded, and carries out the [`Order`]s it gets until there is none. So the world and the
//! madsim driver run the same steps, conditions, expectations and workloads.
//!
//! The run begins with the cluster: controllers, brokers and an admin client start, topics are created, and once the
//! admin client has its answers the producers and consumers start.

use std::collections::VecDeque;
use std::sync::Arc;

use klamm_node::{Command, EventKind, Incarnation, NodeId, Room, Seq, Span, StartFrom, Time};
use klamm_scenario::Scenario;
use klamm_scenario::model::{Client, Expectation, From, Step, Target, Trigger};
use klamm_trace::{NodeTable, Quiescence, View};

use crate::lab::room_bit;
use crate::outcome::{ExpectationReport, FaultReport, MischiefReport, StepReport};
use crate::verb::Verb;

pub(crate) mod condition;
mod groups;
mod load;
mod nemesis;
mod quiet;
pub(crate) mod resolve;
mod text;

pub use condition::Facts;
use condition::{Judge, Mark};
use load::Load;
use nemesis::Nemesis;
use resolve::create;

/// The name of the implicit admin client.
pub const ADMIN: &str = "admin";

/// Something that the driver has to do now.
#[derive(Clone, PartialEq, Debug)]
pub enum Order {
    /// A step begins: record `event` at the lab itself with `cause`, call [`Runner::began`] with its place, and do the
    /// verbs with it as their cause. Each verb is a fault of its own, in a person's words.
    Step {
        /// Its index.
        step: u32,
        /// Its source line.
        line: u32,
        /// `StepStarted`.
        event: EventKind,
        /// What led to it.
        cause: Option<Seq>,
        /// What to do.
        verbs: Vec<(String, Verb)>,
    },
    /// Do this; it belongs to the scenario's set-up or to a workload.
    Do(Verb),
    /// An expectation is decided: record `event` at the lab itself with `cause`.
    Decided {
        /// `ExpectationMet` or `ExpectationFailed`.
        event: EventKind,
        /// The step that asked.
        cause: Option<Seq>,
    },
}

/// Where a step stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Its trigger has not come.
    Waiting,
    /// Its trigger has come; it is due, because of an event.
    Due(Time, Option<Seq>),
    /// It is due, but somebody it acts on does not exist yet.
    Stuck(Option<Seq>),
    /// It happened.
    Done(Time),
}

#[derive(Clone, Debug)]
struct StepState {
    stage: Stage,
    mark: Mark,
    seq: Option<Seq>,
    acted_on: Option<NodeId>,
    /// The index of its first expectation among all.
    first_expectation: u32,
}

/// An expectation of a step that is not decided.
#[derive(Clone, Copy, Debug)]
struct Open {
    step: usize,
    expectation: usize,
    deadline: Time,
}

/// How long topics wait for brokers that do not register.
const REGISTRATION: Span = Span::secs(10);

/// How far the set-up has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stand {
    /// Nothing runs.
    Nothing,
    /// The machines start; topics are asked for once every broker is unfenced, at the latest at this time.
    Machines(Time),
    /// Topics are asked for.
    Topics,
    /// The clients run, or start at their times.
    Clients,
}

/// A scenario on its way.
#[derive(Clone, Debug)]
pub struct Runner {
    scenario: Arc<Scenario>,
    table: NodeTable,
    stand: Stand,
    orders: VecDeque<Order>,
    steps: Vec<StepState>,
    open: Vec<Open>,
    reports: Vec<ExpectationReport>,
    loads: Vec<Load>,
    nemesis: Option<Nemesis>,
    /// Consumers that start later.
    starts: Vec<(Time, NodeId)>,
    /// Who was to start again while it lived: with its next incarnation it is told everything again.
    returning: Vec<(NodeId, Incarnation)>,
    watches: u16,
}

/// Every expectation of a scenario, none of them decided: those of the steps in their order, then those of the end.
pub(crate) fn expected(scenario: &Scenario) -> Vec<ExpectationReport> {
    let of_steps = scenario.steps.iter().flat_map(|step| &step.expect);
    let all = of_steps.chain(&scenario.expect);
    let report = |(index, expectation): (u32, &Expectation)| ExpectationReport {
        index,
        line: expectation.line,
        text: text::condition(&expectation.condition),
        met: None,
        found: String::new(),
        at: Time::ZERO,
    };
    (0..).zip(all).map(report).collect()
}

impl StepReport {
    /// A step that did not happen: its time has not come, or it was stuck for want of somebody to act on.
    pub(crate) fn new(step: u32, of: &Step, stuck: bool) -> Self {
        let text = if stuck { "somebody to act on".to_owned() } else { text::trigger(&of.trigger) };
        Self { step, line: of.line, text }
    }
}

impl Runner {
    /// A scenario at its beginning, with the nodes of `table`.
    pub fn new(scenario: Arc<Scenario>, table: NodeTable, seed: u64) -> Self {
        let mut next = 0;
        let steps = scenario
            .steps
            .iter()
            .map(|step| {
                let first_expectation = next;
                next += u32::try_from(step.expect.len()).unwrap_or(u32::MAX);
                let stage = match step.trigger {
                    Trigger::At(time) => Stage::Due(time, None),
                    Trigger::When { .. } | Trigger::After(_) => Stage::Waiting,
                };
                let mark = Mark::default();
                StepState { stage, mark, seq: None, acted_on: None, first_expectation }
            })
            .collect();
        let producers = scenario.clients.iter().filter_map(|client| match client {
            Client::Producer(producer) => Some(producer),
            Client::Consumer(_) | Client::Application(_) => None,
        });
        let loads = (1..)
            .zip(producers)
            .filter_map(|(ordinal, producer)| {
                let node = table.named(&producer.name)?;
                Some(Load::new(seed, node, &producer.name, ordinal, producer.workload.clone()))
            })
            .collect();
        let after_all = u32::try_from(scenario.steps.len()).unwrap_or(u32::MAX);
        let nemesis = scenario.nemesis.as_ref();
        let reports = expected(&scenario);
        Self {
            nemesis: nemesis.map(|declared| Nemesis::new(declared, seed, after_all)),
            scenario,
            table,
            stand: Stand::Nothing,
            orders: VecDeque::new(),
            steps,
            open: Vec::new(),
            reports,
            loads,
            starts: Vec::new(),
            returning: Vec::new(),
            watches: 0,
        }
    }

    /// Whether a condition of the scenario can only be judged by somebody who checks the invariants.
    pub fn needs_findings(&self) -> bool {
        let scenario = &self.scenario;
        let triggers = scenario.steps.iter().filter_map(|step| match &step.trigger {
            Trigger::When { condition, .. } => Some(condition),
            Trigger::At(_) | Trigger::After(_) => None,
        });
        let expected = scenario.steps.iter().flat_map(|step| &step.expect).chain(&scenario.expect);
        triggers.chain(expected.map(|one| &one.condition)).any(condition::needs_findings)
    }

    /// When it wants to be polled next, whatever happens until then.
    pub fn next_time(&self) -> Option<Time> {
        if self.stand == Stand::Nothing || !self.orders.is_empty() {
            return Some(Time::ZERO);
        }
        let steps = self.steps.iter().filter_map(|step| match step.stage {
            Stage::Due(at, _) => Some(at),
            Stage::Waiting | Stage::Stuck(_) | Stage::Done(_) => None,
        });
        let loads = self.loads.iter().filter(|_| self.stand == Stand::Clients);
        let topics = match self.stand {
            Stand::Machines(until) => Some(until),
            Stand::Nothing | Stand::Topics | Stand::Clients => None,
        };
        steps
            .chain(topics)
            .chain(self.open.iter().map(|open| open.deadline))
            .chain(loads.filter_map(Load::next_time))
            .chain(self.starts.iter().map(|(at, _)| *at))
            .chain(
                self.nemesis
                    .iter()
                    .filter(|_| self.stand == Stand::Clients)
                    .filter_map(Nemesis::next_time),
            )
            .min()
    }

    /// The rooms whose events it wants to be polled after, a bit each as in [`room_bit`].
    pub fn watches(&self) -> u16 {
        self.watches
    }

    /// What to do now; call until none.
    pub fn poll(&mut self, now: Time, facts: Facts<'_>) -> Option<Order> {
        if let Some(order) = self.orders.pop_front() {
            return Some(order);
        }
        self.set_up(now, facts.view);
        if let Some(order) = self.orders.pop_front() {
            return Some(order);
        }
        let order = self
            .decide(now, facts)
            .or_else(|| self.step(now, facts))
            .or_else(|| self.mischief_order(now, facts.view))
            .or_else(|| self.start_client(now))
            .or_else(|| self.tell_again(facts.view))
            .or_else(|| self.load(now));
        if order.is_none() {
            self.watches = self.watched();
        }
        order
    }

    /// The driver recorded a step's event at this place.
    pub fn began(&mut self, step: u32, seq: Seq) {
        if let Some(state) = self.steps.get_mut(usize::try_from(step).unwrap_or(usize::MAX)) {
            state.seq = Some(seq);
        }
    }

    /// Tells a producer's workload to stop: the driver calls it for [`Verb::StopWorkload`].
    pub fn stop_workload(&mut self, node: NodeId) {
        self.loads.iter_mut().filter(|load| load.node == node).for_each(Load::stop);
    }

    /// The run is over: decides what is open, and what was to hold at the end. Call [`Runner::poll`] no more.
    pub fn finish(&mut self, now: Time, facts: Facts<'_>) -> Vec<Order> {
        let mut orders = Vec::new();
        for open in std::mem::take(&mut self.open) {
            let closed = Open { deadline: now, ..open };
            self.open.push(closed);
            orders.extend(self.decide(now, facts));
        }
        let scenario = Arc::clone(&self.scenario);
        let last = self.steps.iter().rposition(|step| matches!(step.stage, Stage::Done(_)));
        let mark = last.map_or_else(Mark::default, |last| self.steps[last].mark.clone());
        let cause = last.and_then(|last| self.steps[last].seq);
        let first = self.reports.len().saturating_sub(scenario.expect.len());
        for (index, expectation) in (first..).zip(&scenario.expect) {
            let (met, found) = self.judge(facts, &mark, expectation);
            orders.push(self.report(index, now, met, found, cause));
        }
        orders
    }

    /// When the run may be judged for liveness: the driver asks [`klamm_trace::Recorder::at_quiescence`] at the end, before
    /// [`Runner::finish`], if no link and no disk is slower than the scenario began with.
    pub fn quiescence(&self) -> Quiescence {
        Self::quiescence_of(&self.scenario, &self.table)
    }

    /// The same, of a scenario that somebody else has run.
    pub(crate) fn quiescence_of(scenario: &Scenario, table: &NodeTable) -> Quiescence {
        quiet::quiescence(scenario, table)
    }

    /// Each kind of random fault and what became of it so far.
    pub fn mischief(&self, faults: &[FaultReport], view: &View) -> Vec<MischiefReport> {
        self.nemesis.as_ref().map(|nemesis| nemesis.reports(faults, view)).unwrap_or_default()
    }

    /// Every expectation and what became of it so far.
    pub fn expectations(&self) -> &[ExpectationReport] {
        &self.reports
    }

    /// Steps that have not happened.
    pub fn missed_steps(&self) -> Vec<StepReport> {
        let missed = (0..).zip(&self.scenario.steps).zip(&self.steps);
        missed
            .filter(|(_, state)| !matches!(state.stage, Stage::Done(_)))
            .map(|((index, step), state)| {
                StepReport::new(index, step, matches!(state.stage, Stage::Stuck(_)))
            })
            .collect()
    }

    fn watched(&self) -> u16 {
        let mut watches = match self.stand {
            Stand::Clients if !self.returning.is_empty() => room_bit(Room::World),
            Stand::Machines(_) => room_bit(Room::Client) | room_bit(Room::Metadata),
            Stand::Topics => room_bit(Room::Client),
            Stand::Nothing | Stand::Clients => 0,
        };
        for open in &self.open {
            let expectation = &self.scenario.steps[open.step].expect[open.expectation];
            watches |= condition::watched(&expectation.condition);
        }
        for (index, state) in self.steps.iter().enumerate() {
            match (state.stage, &self.scenario.steps[index].trigger) {
                (Stage::Waiting, Trigger::When { condition, .. }) if self.is_next(index) => {
                    watches |= condition::watched(condition);
                }
                (Stage::Stuck(_), _) => {
                    watches |= room_bit(Room::Metadata) | room_bit(Room::Controller);
                }
                (Stage::Waiting | Stage::Due(..) | Stage::Done(_), _) => {}
            }
        }
        watches
    }

    /// True if the step before has happened.
    fn is_next(&self, index: usize) -> bool {
        self.before(index).is_some()
    }

    /// When the step before happened, and its event; the run's start for the first.
    fn before(&self, index: usize) -> Option<(Time, Option<Seq>)> {
        let Some(before) = index.checked_sub(1) else { return Some((Time::ZERO, None)) };
        match self.steps[before].stage {
            Stage::Done(at) => Some((at, self.steps[before].seq)),
            Stage::Waiting | Stage::Due(..) | Stage::Stuck(_) => None,
        }
    }

    fn judge(&self, facts: Facts<'_>, mark: &Mark, expectation: &Expectation) -> (bool, String) {
        let resolve = |target: &Target| self.resolve(facts.view, target);
        let judge = Judge { facts, mark, resolve: &resolve };
        let met = judge.holds(&expectation.condition);
        (met, if met { String::new() } else { judge.found(&expectation.condition) })
    }

    /// Decides the first open expectation that can be.
    fn decide(&mut self, now: Time, facts: Facts<'_>) -> Option<Order> {
        let scenario = Arc::clone(&self.scenario);
        for at in 0..self.open.len() {
            let open = self.open[at];
            let expectation = &scenario.steps[open.step].expect[open.expectation];
            let (met, found) = self.judge(facts, &self.steps[open.step].mark, expectation);
            if met || now >= open.deadline {
                self.open.remove(at);
                let state = &self.steps[open.step];
                let first = usize::try_from(state.first_expectation).unwrap_or(0);
                let cause = state.seq;
                return Some(self.report(first + open.expectation, now, met, found, cause));
            }
        }
        None
    }

    fn report(
        &mut self,
        index: usize,
        now: Time,
        met: bool,
        found: String,
        cause: Option<Seq>,
    ) -> Order {
        let report = &mut self.reports[index];
        report.met = Some(met);
        report.at = now;
        report.found.clone_from(&found);
        let (expectation, text) = (report.index, report.text.clone());
        let event = match met {
            true => EventKind::ExpectationMet { expectation, text },
            false => EventKind::ExpectationFailed { expectation, text, found },
        };
        Order::Decided { event, cause }
    }

    /// Begins the first step that is due, after looking which ones have become so.
    fn step(&mut self, now: Time, facts: Facts<'_>) -> Option<Order> {
        let scenario = Arc::clone(&self.scenario);
        for (index, step) in scenario.steps.iter().enumerate() {
            if self.steps[index].stage == Stage::Waiting
                && let Some((at, seq)) = self.before(index)
            {
                match &step.trigger {
                    Trigger::At(_) => {}
                    Trigger::After(span) => self.steps[index].stage = Stage::Due(at + *span, seq),
                    Trigger::When { condition, after } => {
                        let default = Mark::default();
                        let mark = index.checked_sub(1).map_or(&default, |i| &self.steps[i].mark);
                        let resolve = |target: &Target| self.resolve(facts.view, target);
                        let judge = Judge { facts, mark, resolve: &resolve };
                        if judge.holds(condition) {
                            let cause = Some(facts.view.seq).filter(|seq| *seq > Seq(0));
                            self.steps[index].stage = Stage::Due(now + *after, cause);
                        }
                    }
                }
            }
        }
        let due = |(index, state): (usize, &StepState)| match state.stage {
            Stage::Due(at, cause) if at <= now => Some((at, index, cause)),
            Stage::Stuck(cause) => Some((now, index, cause)),
            Stage::Waiting | Stage::Due(..) | Stage::Done(_) => None,
        };
        let mut due: Vec<_> = self.steps.iter().enumerate().filter_map(due).collect();
        due.sort_unstable();
        for (_, index, cause) in due {
            match self.begin(index, now, cause, facts.view) {
                Some(order) => return Some(order),
                None => self.steps[index].stage = Stage::Stuck(cause),
            }
        }
        None
    }

    fn begin(&mut self, index: usize, now: Time, cause: Option<Seq>, view: &View) -> Option<Order> {
        let scenario = Arc::clone(&self.scenario);
        let step = &scenario.steps[index];
        let mut acted_on = None;
        let mut verbs = Vec::new();
        for action in &step.actions {
            let (verb, whom) = self.verb(view, action)?;
            acted_on = acted_on.or(whom);
            let named = verb.into_iter().map(|verb| (text::action(action), verb));
            verbs.extend(named);
        }
        let expected = (0..).zip(&step.expect);
        self.open.extend(expected.map(|(expectation, expect)| Open {
            step: index,
            expectation,
            deadline: now + expect.within,
        }));
        let state = &mut self.steps[index];
        state.stage = Stage::Done(now);
        state.mark = Mark::of(view);
        state.acted_on = acted_on;
        let did = step.actions.iter().map(text::action).collect::<Vec<_>>().join("; ");
        let text = match (&step.say, did.is_empty()) {
            (Some(say), true) => say.clone(),
            (Some(say), false) => format!("{did} — {say}"),
            (None, _) => did,
        };
        let step_index = u32::try_from(index).unwrap_or(u32::MAX);
        let event = EventKind::StepStarted { step: step_index, line: step.line, text };
        Some(Order::Step { step: step_index, line: step.line, event, cause, verbs })
    }

    /// What the nemesis does now, as a step like those of the file.
    fn mischief_order(&mut self, now: Time, view: &View) -> Option<Order> {
        if self.stand != Stand::Clients {
            return None;
        }
        let scenario = Arc::clone(&self.scenario);
        let drawn = self.nemesis.as_mut()?.poll(now, &scenario, &self.table, view)?;
        let mut verbs = Vec::new();
        for action in &drawn.actions {
            // Everybody is called by name, so that everybody is found.
            if let Some((found, _)) = self.verb(view, action) {
                verbs.extend(found.into_iter().map(|verb| (text::action(action), verb)));
            }
        }
        let did = drawn.actions.iter().map(text::action).collect::<Vec<_>>().join("; ");
        let (step, line) = (drawn.step, drawn.line);
        let event = EventKind::StepStarted { step, line, text: format!("nemesis: {did}") };
        Some(Order::Step { step, line, event, cause: None, verbs })
    }

    /// Starts the cluster, then the clients.
    fn set_up(&mut self, now: Time, view: &View) {
        let scenario = Arc::clone(&self.scenario);
        let admin = self.table.named(ADMIN);
        match self.stand {
            Stand::Nothing => {
                let servers = self.table.iter().filter(|(_, info)| !info.kind.is_client());
                let starts = servers.map(|(node, _)| node).chain(admin);
                self.orders.extend(starts.map(|node| Order::Do(Verb::Start(node))));
                self.stand = Stand::Machines(now + REGISTRATION);
            }
            Stand::Machines(_) | Stand::Topics => {
                let answers = admin.and_then(|admin| view.nodes.get(&admin));
                let answered = answers.map_or(0, |node| node.client.answers.len());
                if answered < scenario.topics.len() {
                    // A topic that is created while a broker is missing gets a leader that the assignment does not name
                    // first: which one would be the dice's choice, not the scenario's.
                    let mut brokers = scenario.cluster.brokers.iter();
                    if let Stand::Machines(until) = self.stand
                        && (now >= until || brokers.all(|b| view.fenced(b.id) == Some(false)))
                    {
                        self.stand = Stand::Topics;
                        let wishes = admin.into_iter().flat_map(|admin| {
                            scenario.topics.iter().map(move |topic| create(admin, topic))
                        });
                        self.orders.extend(wishes.map(Order::Do));
                    }
                    return;
                }
                self.stand = Stand::Clients;
                for client in &scenario.clients {
                    let Some(node) = self.table.named(client.name()) else { continue };
                    let at = match client {
                        Client::Producer(_) => now,
                        Client::Consumer(consumer) => consumer.start.max(now),
                        Client::Application(application) => application.start.max(now),
                    };
                    let at = client.added().map_or(at, |added| at.max(added));
                    self.starts.push((at, node));
                }
                self.loads.iter_mut().for_each(|load| load.not_before(now));
            }
            Stand::Clients => {}
        }
    }

    fn start_client(&mut self, now: Time) -> Option<Order> {
        let at = self.starts.iter().position(|(at, _)| *at <= now)?;
        let (_, node) = self.starts.remove(at);
        self.orders.extend(self.assignment(node).into_iter().map(Order::Do));
        Some(Order::Do(Verb::Start(node)))
    }

    /// Somebody who was to start again when it had ended has done so.
    fn tell_again(&mut self, view: &View) -> Option<Order> {
        let now = |node: NodeId| view.nodes.get(&node).map(|node| node.incarnation);
        let at = self.returning.iter().position(|(node, was)| now(*node) > Some(*was))?;
        let (node, _) = self.returning.remove(at);
        self.orders.extend(self.assignment(node).into_iter().map(Order::Do));
        self.orders.pop_front()
    }

    /// What a client's application tells it whenever it starts.
    fn assignment(&self, node: NodeId) -> Vec<Verb> {
        let name = self.table.name(node);
        let mut verbs = Vec::new();
        for client in &self.scenario.clients {
            let Client::Consumer(consumer) = client else { continue };
            if consumer.name != name {
                continue;
            }
            if let Some(membership) = &consumer.membership {
                let commands = groups::subscription(membership).into_iter().map(|command| {
                    let text = command.to_string();
                    Verb::Command { node, command: Box::new(Command::Group(command)), text }
                });
                verbs.extend(commands);
                continue;
            }
            let from = match consumer.from {
                From::Earliest => StartFrom::Earliest,
                From::Latest => StartFrom::Latest,
                From::Offset(offset) => StartFrom::Offset(offset),
            };
            for partition in &consumer.partitions {
                let text = format!("read {partition}");
                let (topic, partition) = (partition.topic.clone(), partition.partition);
                let command = Box::new(Command::Assign { topic, partition, from });
                verbs.push(Verb::Command { node, command, text });
            }
        }
        verbs
    }

    fn load(&mut self, now: Time) -> Option<Order> {
        if self.stand != Stand::Clients {
            return None;
        }
        let due = |load: &&mut Load| load.next_time().is_some_and(|at| at <= now);
        let load = self.loads.iter_mut().find(due)?;
        let command = Box::new(load.take()?);
        Some(Order::Do(Verb::Command { node: load.node, command, text: String::new() }))
    }
}
