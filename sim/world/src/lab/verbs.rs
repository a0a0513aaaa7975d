//! What a person or fate does to machines and links.

use klamm_node::disk::memory::Loss;
use klamm_node::{Command, EventKind, NodeId, Purpose, Seq, Span, TopicPartition};
use klamm_scenario::model::{Disk, DiskFault, Flaws, Network};

use super::Lab;
use super::process::Ending;
use crate::fault::{Bite, FaultId};
use crate::machine::{Arrival, Life};
use crate::node::NodeKind;
use crate::verb::Verb;

impl Lab {
    /// Does it now. `cause` is the event that ordered it, `fault` the line of the ledger where its effects are counted.
    pub fn apply(&mut self, verb: &Verb, cause: Option<Seq>, fault: Option<FaultId>) {
        match verb {
            Verb::Crash(node) => self.crash(*node, cause, fault),
            Verb::PowerOff { nodes, loss } => self.power_off(nodes, *loss, cause, fault),
            Verb::Start(node) => self.start(*node, cause, fault),
            Verb::Stop(node) => self.stop(*node, cause, fault),
            Verb::Pause(node) => self.pause(*node, cause, fault),
            Verb::Resume(node) => self.resume(*node, cause, fault),
            Verb::Cut(pairs) => self.cut(pairs, cause, fault),
            Verb::Heal(pairs) => self.heal(pairs, cause, fault),
            Verb::ChangeLinks { pairs, network } => {
                self.change_links(pairs, *network, cause, fault);
            }
            Verb::ChangeDisk { node, disk } => self.change_disk(*node, *disk, cause, fault),
            Verb::FlakyLinks { pairs, flaws } => self.flaky_links(pairs, *flaws, cause, fault),
            Verb::HoldReplies { pairs, by, api } => {
                self.hold_replies(pairs, *by, *api, cause, fault);
            }
            Verb::ResetConnections(pairs) => self.reset_connections(pairs, cause, fault),
            Verb::BreakDisk { node, how } => self.break_disk(*node, *how, cause, fault),
            Verb::RotDisk { node, partition } => {
                self.rot_disk(*node, partition.as_ref(), cause, fault);
            }
            Verb::SkewClock { node, offset_ms, drift_ppm } => {
                self.skew_clock(*node, *offset_ms, *drift_ppm, cause, fault);
            }
            Verb::WipeDisk(node) => self.wipe_disk(*node, cause, fault),
            Verb::Command { node, command, text } => {
                self.bite(fault, Bite::RequestsGiven, 1);
                self.command(*node, (**command).clone(), text.clone(), cause);
            }
            // Workloads are the world's, not the lab's.
            Verb::StopWorkload(_) => self.bite(fault, Bite::RequestsGiven, 1),
        }
    }

    /// Asks something of a node, as its user.
    pub fn command(&mut self, node: NodeId, command: Command, text: String, cause: Option<Seq>) {
        let command = Box::new(command);
        self.deliver(node, Arrival::Command { command, text, cause });
    }

    /// What there is for the program of a machine, once.
    pub(crate) fn take_deliveries(&mut self, node: NodeId) -> Vec<klamm_client::Delivery> {
        match &mut self.machine_mut(node).process {
            Some(NodeKind::Application(process)) => process.take_deliveries(),
            Some(_) | None => Vec::new(),
        }
    }

    /// The program of a machine panicked.
    pub(crate) fn program_panicked(&mut self, node: NodeId, text: &str) {
        if self.has_process(node) {
            let since = self.machine_mut(node).since;
            self.panicked(node, &text.to_owned(), since);
        }
    }

    fn has_process(&mut self, node: NodeId) -> bool {
        matches!(self.machine_mut(node).life, Life::Running | Life::Paused)
    }

    fn crash(&mut self, node: NodeId, cause: Option<Seq>, fault: Option<FaultId>) {
        if !self.has_process(node) {
            return;
        }
        self.machine_mut(node).down_by = fault;
        self.bite(fault, Bite::ProcessesStopped, 1);
        let seq = self.record(node, cause, EventKind::NodeCrashed {});
        self.end_process(node, Ending::Process, seq);
    }

    fn power_off(
        &mut self,
        nodes: &[NodeId],
        loss: Loss,
        cause: Option<Seq>,
        fault: Option<FaultId>,
    ) {
        for node in nodes {
            let stopped = self.has_process(*node);
            let machine = self.machine_mut(*node);
            if machine.life == Life::Off {
                continue;
            }
            let lost = machine.disk.lose_power(loss, machine.streams.of(Purpose::PowerLoss));
            machine.down_by = fault;
            self.bite(fault, Bite::ProcessesStopped, u64::from(stopped));
            self.bite(fault, Bite::BytesLost, lost.bytes);
            let kind = EventKind::PowerFailed { files: lost.files, bytes: lost.bytes };
            let seq = self.record(*node, cause, kind);
            self.end_process(*node, Ending::Machine, seq);
        }
    }

    fn stop(&mut self, node: NodeId, cause: Option<Seq>, fault: Option<FaultId>) {
        if self.has_process(node) {
            self.machine_mut(node).shutting_down = true;
            self.bite(fault, Bite::RequestsGiven, 1);
            self.command(node, Command::Shutdown, "shut down".to_owned(), cause);
        }
    }

    fn pause(&mut self, node: NodeId, cause: Option<Seq>, fault: Option<FaultId>) {
        let machine = self.machine_mut(node);
        if machine.life == Life::Running {
            machine.life = Life::Paused;
            machine.paused_by = fault;
            self.bite(fault, Bite::ProcessesFrozen, 1);
            self.record(node, cause, EventKind::NodePaused {});
        }
    }

    fn resume(&mut self, node: NodeId, cause: Option<Seq>, fault: Option<FaultId>) {
        let machine = self.machine_mut(node);
        if machine.life != Life::Paused {
            return;
        }
        machine.life = Life::Running;
        machine.paused_by = None;
        let busy = machine.busy;
        self.bite(fault, Bite::ProcessesStarted, 1);
        let seq = self.record(node, cause, EventKind::NodeResumed {});
        self.machine_mut(node).since = Some(seq);
        if !busy {
            self.go_on(node);
        }
    }

    fn cut(&mut self, pairs: &[(NodeId, NodeId)], cause: Option<Seq>, fault: Option<FaultId>) {
        for (from, to) in pairs {
            if from == to || self.link(*from, *to).is_cut() {
                continue;
            }
            let kind = EventKind::LinkCut { from: *from, to: *to };
            let seq = self.record(*from, cause, kind);
            self.link(*from, *to).cut(seq, fault);
        }
    }

    fn heal(&mut self, pairs: &[(NodeId, NodeId)], cause: Option<Seq>, fault: Option<FaultId>) {
        for (from, to) in pairs {
            if self.link(*from, *to).heal() {
                self.bite(fault, Bite::LinksHealed, 1);
                self.record(*from, cause, EventKind::LinkHealed { from: *from, to: *to });
            }
        }
    }

    fn change_links(
        &mut self,
        pairs: &[(NodeId, NodeId)],
        network: Network,
        cause: Option<Seq>,
        fault: Option<FaultId>,
    ) {
        for (from, to) in pairs.iter().filter(|(from, to)| from != to) {
            let link = self.link(*from, *to);
            let was_slow = link.slowed_by().is_some();
            link.set(network, fault);
            let restored = was_slow && link.slowed_by().is_none();
            self.bite(fault, Bite::LinksHealed, u64::from(restored));
            let kind = EventKind::LinkChanged {
                from: *from,
                to: *to,
                latency_low: network.latency_low,
                latency_high: network.latency_high,
                bandwidth: network.bandwidth,
            };
            self.record(*from, cause, kind);
        }
    }

    fn flaky_links(
        &mut self,
        pairs: &[(NodeId, NodeId)],
        flaws: Flaws,
        cause: Option<Seq>,
        fault: Option<FaultId>,
    ) {
        for (from, to) in pairs.iter().filter(|(from, to)| from != to) {
            let steady = flaws == Flaws::default();
            let link = self.link(*from, *to);
            let mended = steady && link.is_disturbing();
            link.set_flaws(flaws, fault.filter(|_| !steady));
            self.bite(fault, Bite::LinksHealed, u64::from(mended));
            let Flaws { loss, duplicate, reorder } = flaws;
            let kind = EventKind::LinkFlaky { from: *from, to: *to, loss, duplicate, reorder };
            self.record(*from, cause, kind);
        }
    }

    fn hold_replies(
        &mut self,
        pairs: &[(NodeId, NodeId)],
        by: Span,
        api: Option<i16>,
        cause: Option<Seq>,
        fault: Option<FaultId>,
    ) {
        for (from, to) in pairs.iter().filter(|(from, to)| from != to) {
            let link = self.link(*from, *to);
            let mended = by == Span::ZERO && link.is_disturbing();
            link.set_hold(by, api, fault);
            self.bite(fault, Bite::LinksHealed, u64::from(mended));
            let api_key = api.unwrap_or(-1);
            self.record(*from, cause, EventKind::RepliesHeld { from: *from, to: *to, by, api_key });
        }
    }

    fn reset_connections(
        &mut self,
        pairs: &[(NodeId, NodeId)],
        cause: Option<Seq>,
        fault: Option<FaultId>,
    ) {
        // Both directions of a pair are one connection.
        for (a, b) in pairs.iter().filter(|(a, b)| a < b || !pairs.contains(&(*b, *a))) {
            let reset = self.reset_between(*a, *b, cause);
            self.bite(fault, Bite::ConnectionsReset, reset);
        }
    }

    fn break_disk(
        &mut self,
        node: NodeId,
        how: Option<DiskFault>,
        cause: Option<Seq>,
        fault: Option<FaultId>,
    ) {
        let machine = self.machine_mut(node);
        let mended = how.is_none() && machine.disk.is_broken();
        machine.disk.set_fault(how);
        machine.disk_broken_by = fault.filter(|_| how.is_some());
        self.bite(fault, Bite::RequestsGiven, u64::from(mended));
        let fault = how.map_or("none", DiskFault::word).into();
        self.record(node, cause, EventKind::DiskFaulted { fault });
    }

    fn rot_disk(
        &mut self,
        node: NodeId,
        partition: Option<&TopicPartition>,
        cause: Option<Seq>,
        fault: Option<FaultId>,
    ) {
        let machine = self.machine_mut(node);
        let directory = partition.map(|partition| format!("{partition}/"));
        let wanted = |name: &str| match &directory {
            Some(directory) => name.starts_with(directory.as_str()) && name.ends_with(".log"),
            None => true,
        };
        let newest = partition.is_some();
        let dice = machine.streams.of(Purpose::BitRot);
        if let Some((file, at)) = machine.disk.rot(wanted, newest, dice) {
            self.bite(fault, Bite::BytesRotted, 1);
            self.record(node, cause, EventKind::DiskRotted { file, at });
        }
    }

    fn change_disk(
        &mut self,
        node: NodeId,
        disk: Disk,
        cause: Option<Seq>,
        fault: Option<FaultId>,
    ) {
        let machine = self.machine_mut(node);
        machine.disk.set_speed(disk);
        machine.disk_slowed_by = fault.filter(|_| machine.disk.is_slow());
        if machine.disk_slowed_by.is_none() {
            self.bite(fault, Bite::RequestsGiven, 1);
        }
        let kind = EventKind::DiskChanged { write: disk.write, sync: disk.sync };
        self.record(node, cause, kind);
    }

    fn skew_clock(
        &mut self,
        node: NodeId,
        offset_ms: i64,
        drift_ppm: i32,
        cause: Option<Seq>,
        fault: Option<FaultId>,
    ) {
        let now = self.now;
        let machine = self.machine_mut(node);
        machine.clock.change(now, offset_ms, drift_ppm);
        machine.clock_skewed_by = fault.filter(|_| offset_ms != 0 || drift_ppm != 0);
        if machine.clock_skewed_by.is_none() {
            self.bite(fault, Bite::RequestsGiven, 1);
        }
        self.record(node, cause, EventKind::ClockChanged { offset_ms, drift_ppm });
        // A faster clock is due earlier than what was armed; a slower one is found out when the wake-up comes too early.
        let machine = self.machine_mut(node);
        machine.reclocked = true;
        if machine.life == Life::Running && !machine.busy {
            self.go_on(node);
        }
    }

    fn wipe_disk(&mut self, node: NodeId, cause: Option<Seq>, fault: Option<FaultId>) {
        if self.has_process(node) {
            return;
        }
        let machine = self.machine_mut(node);
        let used = machine.disk.files().used();
        machine.disk.wipe();
        self.bite(fault, Bite::BytesLost, used);
        self.record(node, cause, EventKind::DiskWiped {});
    }
}
