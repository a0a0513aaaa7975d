//! A world: a lab on which a scenario runs.

use std::sync::Arc;

use klamm_node::{EventKind, NodeId, Seq, Time};
use klamm_scenario::Scenario;
use klamm_trace::{Keep, LAB, NodeTable, Recorder, TraceHash, TraceHeader, View};

use crate::lab::{Lab, Stepped};
use crate::machine::MachineSpec;
use crate::outcome::{Outcome, Progress};
use crate::runner::{Facts, Order, Runner};
use crate::setup;
use crate::verb::Verb;

pub(crate) mod programs;

/// How a world is run, besides what the scenario says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// What the recorder keeps. The View is kept in any case, the invariants if a condition needs them.
    pub keep: Keep,
    /// Whether the bytes of every frame are kept, see [`Lab::captured_frames`].
    pub capture_frames: bool,
    /// The driver's name in the trace.
    pub driver: String,
    /// Planted faults that are on, see [`Lab::plant`].
    pub switches: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let driver = "world".to_owned();
        Self { keep: Keep::ALL, capture_frames: false, driver, switches: Vec::new() }
    }
}

/// The runner's alarm.
const RUNNER: u32 = 0;

/// A scenario on its machines, at some moment. A clone goes on to the same hash.
#[derive(Clone, Debug)]
pub struct World {
    lab: Lab,
    runner: Runner,
    end: Time,
    armed: Option<Time>,
    finished: bool,
}

impl World {
    /// A scenario at its beginning, under a seed, with everything recorded.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        Self::with(scenario, seed, &Options::default())
    }

    /// A scenario at its beginning, under a seed.
    pub fn with(scenario: &Scenario, seed: u64, options: &Options) -> Self {
        let (table, machines) = setup::layout(scenario);
        Self::assemble(scenario, seed, options, table, machines)
    }

    /// A scenario on given machines; `table` and `machines` are in the same order.
    pub(crate) fn assemble(
        scenario: &Scenario,
        seed: u64,
        options: &Options,
        table: NodeTable,
        machines: Vec<MachineSpec>,
    ) -> Self {
        let mut header = TraceHeader::new(table.clone());
        header.scenario_name.clone_from(&scenario.file);
        header.scenario = Arc::from(scenario.text.as_str());
        header.seed = seed;
        header.driver.clone_from(&options.driver);
        header.switches.clone_from(&options.switches);
        header.server_config.clone_from(&scenario.cluster.config);
        let min_isr = scenario.cluster.config.get("min.insync.replicas");
        header.min_insync_replicas = min_isr.and_then(|value| value.parse().ok()).unwrap_or(1);
        let runner = Runner::new(Arc::new(scenario.clone()), table, seed);
        // Whether a condition holds is part of the run: what it takes to judge it is kept whatever the caller wants.
        let invariants = options.keep.invariants || runner.needs_findings();
        let keep = Keep { view: true, invariants, ..options.keep };
        let recorder = Recorder::new(header, keep);
        let mut lab = Lab::new(seed, machines, scenario.cluster.network, recorder);
        lab.plant(&options.switches);
        if options.capture_frames {
            lab.capture_frames();
        }
        let end = Time::ZERO + scenario.duration;
        let mut world = Self { lab, runner, end, armed: None, finished: false };
        world.arm();
        world
    }

    /// Does what is due next: one entry of the queue, run to completion. None once the run is over.
    pub fn step(&mut self) -> Option<Progress> {
        if self.finished {
            return None;
        }
        let before = self.lab.recorder().last_seq();
        if self.lab.next_time().is_none_or(|at| at > self.end) {
            self.finish();
        } else {
            let alarmed = matches!(self.lab.step(), Some(Stepped::Alarm(_)));
            let touched = self.lab.take_touched() & self.runner.watches() != 0;
            if alarmed {
                self.armed = None;
            }
            if alarmed || touched {
                self.poll();
            }
        }
        let last = self.lab.recorder().last_seq();
        Some(Progress { time: self.lab.now(), first: Seq(before.0 + 1), last })
    }

    /// Runs to a time, or to the end of the run if that is earlier.
    pub fn run_until(&mut self, time: Time) {
        while !self.finished && self.lab.next_time().is_some_and(|at| at <= time.min(self.end)) {
            self.step();
        }
        if time >= self.end {
            while self.step().is_some() {}
        } else {
            self.lab.advance_to(time);
        }
    }

    /// Runs to the end and tells what came of it.
    pub fn run(&mut self) -> Outcome {
        while self.step().is_some() {}
        self.outcome()
    }

    /// The world's clock.
    pub fn now(&self) -> Time {
        self.lab.now()
    }

    /// When the next thing is due; none once the run is over.
    pub fn next_time(&self) -> Option<Time> {
        if self.finished {
            return None;
        }
        Some(self.lab.next_time().map_or(self.end, |at| at.min(self.end)))
    }

    /// True once the run is over.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> TraceHash {
        self.lab.hash()
    }

    /// What was recorded: events, findings, the trace.
    pub fn recorder(&self) -> &Recorder {
        self.lab.recorder()
    }

    /// The state of everything, as the events tell it.
    pub fn view(&self) -> &View {
        self.lab.recorder().view()
    }

    /// The machines, links and queue.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Does something that the scenario does not say: a person's hand in a lesson, a what-if. Its effects are counted
    /// like a fault's.
    pub fn intervene(&mut self, text: &str, verb: &Verb) {
        let fault = self.lab.open_fault(None, 0, text.to_owned());
        let event = EventKind::StepStarted { step: u32::MAX, line: 0, text: text.to_owned() };
        let seq = self.lab.record(LAB, None, event);
        self.lab.apply(verb, Some(seq), Some(fault));
        self.poll();
    }

    /// What came of the run so far.
    pub fn outcome(&self) -> Outcome {
        let recorder = self.lab.recorder();
        let findings = recorder.findings();
        Outcome {
            end: self.lab.now(),
            events: recorder.last_seq().0,
            hash: recorder.hash(),
            expectations: self.runner.expectations().to_vec(),
            violations: findings.violations.clone(),
            permitted_losses: findings.permitted.clone(),
            mischief: self.runner.mischief(&self.lab.ledger().reports(), recorder.view()),
            faults: self.lab.ledger().reports(),
            missed_steps: self.runner.missed_steps(),
            panics: self.lab.panics().to_vec(),
        }
    }

    /// Asks the runner what to do until there is nothing more to do now.
    fn poll(&mut self) {
        loop {
            let recorder = self.lab.recorder();
            let facts = Facts { view: recorder.view(), findings: recorder.findings() };
            let Some(order) = self.runner.poll(self.lab.now(), facts) else { break };
            self.carry_out(order);
        }
        self.lab.take_touched();
        self.arm();
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Step { step, line, event, cause, verbs } => {
                let seq = self.lab.record(LAB, cause, event);
                self.runner.began(step, seq);
                let mut last: Option<(String, crate::FaultId)> = None;
                for (text, verb) in verbs {
                    // Several verbs of one action (a batch of records) share a line of the ledger.
                    let fault = match last.take() {
                        Some((same, fault)) if same == text => fault,
                        _ => self.lab.open_fault(Some(step), line, text.clone()),
                    };
                    last = Some((text, fault));
                    if let Verb::StopWorkload(node) = verb {
                        self.runner.stop_workload(node);
                    }
                    self.lab.apply(&verb, Some(seq), Some(fault));
                }
            }
            Order::Do(verb) => self.lab.apply(&verb, None, None),
            Order::Decided { event, cause } => {
                self.lab.record(LAB, cause, event);
            }
        }
    }

    fn arm(&mut self) {
        if let Some(at) = self.runner.next_time()
            && self.armed.is_none_or(|armed| at < armed)
        {
            self.armed = Some(at);
            self.lab.set_alarm(at, RUNNER);
        }
    }

    fn finish(&mut self) {
        self.lab.advance_to(self.end);
        if !self.lab.is_slowed() {
            let quiet = self.runner.quiescence();
            self.lab.recorder_mut().at_quiescence(&quiet);
        }
        let recorder = self.lab.recorder();
        let facts = Facts { view: recorder.view(), findings: recorder.findings() };
        let orders = self.runner.finish(self.lab.now(), facts);
        orders.into_iter().for_each(|order| self.carry_out(order));
        self.lab.recorder_mut().finish();
        self.finished = true;
    }

    /// The node with a host name.
    pub fn node_named(&self, name: &str) -> Option<NodeId> {
        self.lab.node_named(name)
    }
}
