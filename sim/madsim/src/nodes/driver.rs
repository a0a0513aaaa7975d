//! The driver: asks the runner what to do, and does it with madsim's means.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use klamm_node::disk::memory::Loss;
use klamm_node::{Command, EventKind, Incarnation, NodeId, Purpose, Seq, Span, Time};
use klamm_scenario::Scenario;
use klamm_scenario::model::{DiskFault, Flaws, Network};
use klamm_trace::{Keep, LAB, Recorder, TraceHeader};
use klamm_world::{Facts, Order, Outcome, Runner, Verb, layout};
use madsim::Config;
use madsim::net::NetSim;
use madsim::runtime::Handle;
use tokio::sync::Notify;

use super::bench::{Bench, Life, Shared, address};
use super::process::{Arrival, live};
use crate::host::{isolate, now};
use crate::{NodeRun, SandboxError};

/// Runs a scenario in node mode.
///
/// # Errors
/// Something outside of the nodes panicked, or wanted a thread.
pub fn run_nodes(scenario: &Scenario, seed: u64, keep: Keep) -> Result<NodeRun, SandboxError> {
    let network = scenario.cluster.network;
    let mut config = Config::default();
    let low = Duration::from_nanos(network.latency_low.0);
    let high = Duration::from_nanos(network.latency_high.0).max(low + Duration::from_nanos(1));
    config.net.send_latency = low..high;
    isolate(seed, config, async move || Driver::new(scenario, seed, keep).run().await)
}

struct Driver {
    shared: Shared,
    runner: Runner,
    end: Time,
    network: Network,
    wake: Arc<Notify>,
    /// The madsim node of each node that was ever started.
    hosts: BTreeMap<NodeId, madsim::task::NodeId>,
}

impl Driver {
    fn new(scenario: &Scenario, seed: u64, keep: Keep) -> Self {
        let (table, machines) = layout(scenario);
        let mut header = TraceHeader::new(table.clone());
        header.scenario_name.clone_from(&scenario.file);
        header.scenario = Arc::from(scenario.text.as_str());
        header.seed = seed;
        header.driver = "node".to_owned();
        header.server_config.clone_from(&scenario.cluster.config);
        let min_isr = scenario.cluster.config.get("min.insync.replicas");
        header.min_insync_replicas = min_isr.and_then(|value| value.parse().ok()).unwrap_or(1);
        let recorder = Recorder::new(header, Keep { view: true, ..keep });
        let wake = Arc::new(Notify::new());
        let bench = Bench::new(seed, recorder, machines, Arc::clone(&wake));
        Self {
            shared: Shared::new(bench),
            runner: Runner::new(Arc::new(scenario.clone()), table, seed),
            end: Time::ZERO + scenario.duration,
            network: scenario.cluster.network,
            wake,
            hosts: BTreeMap::new(),
        }
    }

    async fn run(mut self) -> NodeRun {
        loop {
            self.bury();
            self.poll();
            let next = self.runner.next_time().unwrap_or(Time::MAX).min(self.end);
            let wait = next.since(now());
            if wait.0 == 0 && now() >= self.end {
                break;
            }
            let nap = madsim::time::sleep(Duration::from_nanos(wait.0));
            tokio::select! {
                biased;
                () = self.wake.notified() => {}
                () = nap => {}
            }
        }
        self.finish()
    }

    /// Asks the runner what to do until there is nothing more to do now.
    fn poll(&mut self) {
        loop {
            let order = {
                let mut bench = self.shared.lock();
                let recorder = &bench.recorder;
                let facts = Facts { view: recorder.view(), findings: recorder.findings() };
                let order = self.runner.poll(now(), facts);
                bench.watches = self.runner.watches();
                order
            };
            let Some(order) = order else { break };
            self.carry_out(order);
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Step { step, event, cause, verbs, .. } => {
                let seq = self.shared.lock().record(LAB, cause, event);
                self.runner.began(step, seq);
                for (_, verb) in verbs {
                    if let Verb::StopWorkload(node) = verb {
                        self.runner.stop_workload(node);
                    }
                    self.apply(&verb, Some(seq));
                }
            }
            Order::Do(verb) => self.apply(&verb, None),
            Order::Decided { event, cause } => {
                self.shared.lock().record(LAB, cause, event);
            }
        }
    }

    fn apply(&mut self, verb: &Verb, cause: Option<Seq>) {
        match verb {
            Verb::Crash(node) => self.crash(*node, cause),
            Verb::PowerOff { nodes, loss } => {
                for node in nodes {
                    self.power_off(*node, *loss, cause);
                }
            }
            Verb::Start(node) => self.start(*node, cause),
            Verb::Stop(node) => {
                if self.has_process(*node) {
                    self.shared.lock().slot(*node).shutting_down = true;
                    self.command(*node, Command::Shutdown, "shut down".to_owned(), cause);
                }
            }
            Verb::Pause(node) => self.pause(*node, cause),
            Verb::Resume(node) => self.resume(*node, cause),
            Verb::Cut(pairs) => {
                for (from, to) in pairs.iter().filter(|(from, to)| from != to) {
                    self.cut(*from, *to, cause);
                }
            }
            Verb::Heal(pairs) => {
                for (from, to) in pairs {
                    self.heal(*from, *to, cause);
                }
            }
            Verb::ChangeLinks { pairs, network } => {
                for (from, to) in pairs.iter().filter(|(from, to)| from != to) {
                    self.change_link(*from, *to, *network, cause);
                }
            }
            Verb::ChangeDisk { node, disk } => {
                let mut bench = self.shared.lock();
                bench.slot(*node).disk.set_speed(*disk);
                let kind = EventKind::DiskChanged { write: disk.write, sync: disk.sync };
                bench.record(*node, cause, kind);
            }
            Verb::FlakyLinks { pairs, flaws } => {
                for (from, to) in pairs.iter().filter(|(from, to)| from != to) {
                    let mut bench = self.shared.lock();
                    bench.ways.entry((*from, *to)).or_default().flaws = *flaws;
                    let (from, to) = (*from, *to);
                    let Flaws { loss, duplicate, reorder } = *flaws;
                    let kind = EventKind::LinkFlaky { from, to, loss, duplicate, reorder };
                    bench.record(from, cause, kind);
                }
            }
            Verb::HoldReplies { pairs, by, api } => {
                for (from, to) in pairs.iter().filter(|(from, to)| from != to) {
                    let mut bench = self.shared.lock();
                    let hold = (*by > Span::ZERO).then_some((*by, *api));
                    bench.ways.entry((*from, *to)).or_default().hold = hold;
                    let (from, to, by, api_key) = (*from, *to, *by, api.unwrap_or(-1));
                    bench.record(from, cause, EventKind::RepliesHeld { from, to, by, api_key });
                }
            }
            Verb::ResetConnections(pairs) => {
                // Both directions of a pair are one connection.
                for (a, b) in pairs.iter().filter(|(a, b)| a < b || !pairs.contains(&(*b, *a))) {
                    self.tell(*a, Arrival::Reset { peer: *b, cause });
                    self.tell(*b, Arrival::Reset { peer: *a, cause });
                }
            }
            Verb::BreakDisk { node, how } => {
                let mut bench = self.shared.lock();
                bench.slot(*node).disk.set_fault(*how);
                let fault = how.map_or("none", DiskFault::word).into();
                bench.record(*node, cause, EventKind::DiskFaulted { fault });
            }
            Verb::RotDisk { node, partition } => {
                let mut bench = self.shared.lock();
                let slot = bench.slot(*node);
                let directory = partition.as_ref().map(|partition| format!("{partition}/"));
                let wanted = |name: &str| match &directory {
                    Some(directory) => {
                        name.starts_with(directory.as_str()) && name.ends_with(".log")
                    }
                    None => true,
                };
                let dice = slot.streams.of(Purpose::BitRot);
                if let Some((file, at)) = slot.disk.rot(wanted, partition.is_some(), dice) {
                    bench.record(*node, cause, EventKind::DiskRotted { file, at });
                }
            }
            Verb::SkewClock { node, offset_ms, drift_ppm } => {
                let mut bench = self.shared.lock();
                bench.slot(*node).clock.change(now(), *offset_ms, *drift_ppm);
                let (offset_ms, drift_ppm) = (*offset_ms, *drift_ppm);
                bench.record(*node, cause, EventKind::ClockChanged { offset_ms, drift_ppm });
                drop(bench);
                self.tell(*node, Arrival::Poke);
            }
            Verb::WipeDisk(node) => {
                if !self.has_process(*node) {
                    let mut bench = self.shared.lock();
                    bench.slot(*node).disk.wipe();
                    bench.record(*node, cause, EventKind::DiskWiped {});
                }
            }
            Verb::Command { node, command, text } => {
                self.command(*node, (**command).clone(), text.clone(), cause);
            }
            Verb::StopWorkload(_) => {}
        }
    }

    fn has_process(&self, node: NodeId) -> bool {
        matches!(self.shared.lock().slot(node).life, Life::Running | Life::Paused)
    }

    fn tell(&self, node: NodeId, arrival: Arrival) {
        let inbox = self.shared.lock().slot(node).inbox.clone();
        if let Some(inbox) = inbox {
            // A process that is ending takes nothing more, and needs nothing more.
            let _gone = inbox.send(arrival);
        }
    }

    fn command(&self, node: NodeId, command: Command, text: String, cause: Option<Seq>) {
        let mut bench = self.shared.lock();
        let slot = bench.slot(node);
        // Between the start and the first poll of its task a process has no inbox yet.
        if slot.inbox.is_none() && matches!(slot.life, Life::Unborn | Life::Running) {
            slot.early.push((command, text, cause));
            return;
        }
        drop(bench);
        self.tell(node, Arrival::Command { command, text, cause });
    }

    fn start(&mut self, node: NodeId, cause: Option<Seq>) {
        {
            let mut bench = self.shared.lock();
            let slot = bench.slot(node);
            if matches!(slot.life, Life::Running | Life::Paused) {
                if slot.shutting_down {
                    slot.restart = Some(cause);
                }
                return;
            }
            slot.life = Life::Running;
            slot.incarnation = Incarnation(slot.incarnation.0 + 1);
            let incarnation = slot.incarnation;
            let seq = bench.record(node, cause, EventKind::NodeStarted { incarnation });
            bench.slot(node).since = Some(seq);
        }
        let handle = Handle::current();
        match self.hosts.get(&node) {
            // Killed before, as the network must be reset (L2).
            Some(host) => handle.restart(*host),
            None => {
                let shared = self.shared.clone();
                let name = self.shared.lock().slot(node).spec.name.to_string();
                let network = self.network;
                let host = handle
                    .create_node()
                    .name(name)
                    .ip(address(node))
                    .init(move || live(shared.clone(), node, network))
                    .build();
                self.hosts.insert(node, host.id());
                self.cut_at_birth(node);
            }
        }
    }

    fn kill(&self, node: NodeId) {
        if let Some(host) = self.hosts.get(&node) {
            Handle::current().kill(*host);
        }
    }

    fn end(&self, node: NodeId, life: Life, seq: Seq) {
        self.kill(node);
        let mut bench = self.shared.lock();
        let slot = bench.slot(node);
        slot.life = life;
        slot.since = Some(seq);
        slot.inbox = None;
        slot.ready = Time::ZERO;
        slot.shutting_down = false;
        bench.drop_all(node, seq);
    }

    fn crash(&self, node: NodeId, cause: Option<Seq>) {
        if self.has_process(node) {
            let seq = self.shared.lock().record(node, cause, EventKind::NodeCrashed {});
            self.end(node, Life::Dead, seq);
        }
    }

    fn power_off(&self, node: NodeId, loss: Loss, cause: Option<Seq>) {
        let mut bench = self.shared.lock();
        let slot = bench.slot(node);
        if slot.life == Life::Off {
            return;
        }
        let lost = slot.disk.lose_power(loss, slot.streams.of(Purpose::PowerLoss));
        let kind = EventKind::PowerFailed { files: lost.files, bytes: lost.bytes };
        let seq = bench.record(node, cause, kind);
        drop(bench);
        self.end(node, Life::Off, seq);
    }

    fn pause(&self, node: NodeId, cause: Option<Seq>) {
        let mut bench = self.shared.lock();
        if bench.slot(node).life == Life::Running
            && let Some(host) = self.hosts.get(&node)
        {
            bench.slot(node).life = Life::Paused;
            bench.record(node, cause, EventKind::NodePaused {});
            Handle::current().pause(*host);
        }
    }

    fn resume(&self, node: NodeId, cause: Option<Seq>) {
        let mut bench = self.shared.lock();
        if bench.slot(node).life == Life::Paused
            && let Some(host) = self.hosts.get(&node)
        {
            bench.slot(node).life = Life::Running;
            let seq = bench.record(node, cause, EventKind::NodeResumed {});
            bench.slot(node).since = Some(seq);
            Handle::current().resume(*host);
        }
    }

    /// madsim clogs by its own node ids, which exist from the first start on.
    fn hosts_of(
        &self,
        from: NodeId,
        to: NodeId,
    ) -> Option<(madsim::task::NodeId, madsim::task::NodeId)> {
        Some((*self.hosts.get(&from)?, *self.hosts.get(&to)?))
    }

    fn cut(&self, from: NodeId, to: NodeId, cause: Option<Seq>) {
        let hosts = self.hosts_of(from, to);
        let mut bench = self.shared.lock();
        if !bench.cuts.contains_key(&(from, to)) {
            let seq = bench.record(from, cause, EventKind::LinkCut { from, to });
            bench.cuts.insert((from, to), seq);
            // Who has not started yet is cut off when it does.
            if let Some((a, b)) = hosts {
                NetSim::current().clog_link(a, b);
            }
        }
    }

    /// The cuts that were made before this node first started.
    fn cut_at_birth(&self, node: NodeId) {
        let bench = self.shared.lock();
        for (from, to) in bench.cuts.keys().filter(|(from, to)| *from == node || *to == node) {
            if let Some((a, b)) = self.hosts_of(*from, *to) {
                NetSim::current().clog_link(a, b);
            }
        }
    }

    /// madsim has one latency for all links; a slower one waits before it hands its frames over.
    fn change_link(&self, from: NodeId, to: NodeId, network: Network, cause: Option<Seq>) {
        let mut bench = self.shared.lock();
        let slow = (network != self.network).then_some(network);
        bench.ways.entry((from, to)).or_default().slow = slow;
        let Network { latency_low, latency_high, bandwidth } = network;
        let kind = EventKind::LinkChanged { from, to, latency_low, latency_high, bandwidth };
        bench.record(from, cause, kind);
    }

    fn heal(&self, from: NodeId, to: NodeId, cause: Option<Seq>) {
        let hosts = self.hosts_of(from, to);
        let mut bench = self.shared.lock();
        if bench.cuts.remove(&(from, to)).is_some() {
            bench.record(from, cause, EventKind::LinkHealed { from, to });
            if let Some((a, b)) = hosts {
                NetSim::current().unclog_link(a, b);
            }
        }
    }

    /// Ends the tasks of processes that ended by themselves, and starts those again that were to restart.
    fn bury(&mut self) {
        let ended = std::mem::take(&mut self.shared.lock().ended);
        for node in ended {
            let (dead, restart) = {
                let mut bench = self.shared.lock();
                let slot = bench.slot(node);
                (slot.life == Life::Dead, slot.restart.take())
            };
            if dead {
                self.kill(node);
                if let Some(cause) = restart {
                    self.start(node, cause);
                }
            }
        }
    }

    fn finish(mut self) -> NodeRun {
        let orders = {
            let bench = self.shared.lock();
            let recorder = &bench.recorder;
            let facts = Facts { view: recorder.view(), findings: recorder.findings() };
            self.runner.finish(self.end, facts)
        };
        for order in orders {
            self.carry_out(order);
        }
        let hosts: Vec<NodeId> = self.hosts.keys().copied().collect();
        for node in hosts {
            self.kill(node);
        }
        let mut bench = self.shared.lock();
        bench.recorder.finish();
        let recorder = bench.recorder.clone();
        let findings = recorder.findings();
        let outcome = Outcome {
            end: now(),
            events: recorder.last_seq().0,
            hash: recorder.hash(),
            expectations: self.runner.expectations().to_vec(),
            violations: findings.violations.clone(),
            permitted_losses: findings.permitted.clone(),
            faults: Vec::new(),
            mischief: Vec::new(),
            missed_steps: self.runner.missed_steps(),
            panics: std::mem::take(&mut bench.panics),
        };
        drop(bench);
        NodeRun { outcome, recorder }
    }
}
