//! What a host of programs needs of a world: which machines run one, what there is for it, and a way for its calls.
//!
//! *Flows in*: calls of programs at the present moment. *Flows out*: deliveries. *Must never*: run a program. A world stays
//! plain data; whoever hosts the programs keeps step with it.

use klamm_client::Delivery;
use klamm_node::{ApplicationCommand, Command, Incarnation, NodeId, Span, Time};

use super::World;
use crate::machine::Life;
use crate::node::{Blueprint, NodeKind};

/// A machine that runs a program, at some moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgramState {
    /// Its node.
    pub node: NodeId,
    /// What its process slot holds.
    pub life: Life,
    /// How often the process was started.
    pub incarnation: Incarnation,
    /// Whether there is anything for the program.
    pub has_deliveries: bool,
}

impl World {
    /// The machines that are made for programs.
    pub fn program_nodes(&self) -> Vec<NodeId> {
        let machines = (0..).zip(self.lab.machines());
        let made =
            machines.filter(|(_, machine)| matches!(machine.blueprint, Blueprint::Application));
        made.map(|(at, _)| NodeId(at)).collect()
    }

    /// How it stands with a machine that is made for a program.
    pub fn program_state(&self, node: NodeId) -> Option<ProgramState> {
        let machine = self.lab.machine(node)?;
        let has_deliveries = match machine.process() {
            Some(NodeKind::Application(process)) => process.has_deliveries(),
            Some(_) | None => false,
        };
        let (life, incarnation) = (machine.life(), machine.incarnation);
        Some(ProgramState { node, life, incarnation, has_deliveries })
    }

    /// What there is for the program of a machine, once.
    pub fn take_deliveries(&mut self, node: NodeId) -> Vec<Delivery> {
        self.lab.take_deliveries(node)
    }

    /// A program calls one of its clients, now.
    pub fn program_calls(&mut self, node: NodeId, command: ApplicationCommand) {
        let text = command.to_string();
        let command = Command::Application(Box::new(command));
        self.lab.command(node, command, text, None);
        self.look_around();
    }

    /// A program panicked: its process is gone, and the run has failed.
    pub fn program_panicked(&mut self, node: NodeId, text: &str) {
        self.lab.program_panicked(node, text);
        self.look_around();
    }

    /// Moves the clock to a moment at which only a program has something to do. Never past what is due, nor past the end.
    pub fn wait_until(&mut self, time: Time) {
        if !self.finished {
            self.lab.advance_to(time.min(self.end));
        }
    }

    /// When the run ends.
    pub fn end(&self) -> Time {
        self.end
    }

    /// The time of a machine's own clock.
    pub fn local_time(&self, node: NodeId) -> Time {
        let now = self.lab.now();
        self.lab.machine(node).map_or(now, |machine| machine.clock().local(now))
    }

    /// When a machine's own clock shows a time, or now if it has shown it.
    pub fn when_local(&self, node: NodeId, local: Time) -> Time {
        let now = self.lab.now();
        let Some(machine) = self.lab.machine(node) else { return local.max(now) };
        let at = machine.clock().world(local).max(now);
        // A rounded clock may be a nanosecond short of it.
        if at == now && machine.clock().local(now) < local { now + Span::nanos(1) } else { at }
    }

    /// The runner looks at what a call changed.
    fn look_around(&mut self) {
        if self.lab.take_touched() & self.runner.watches() != 0 {
            self.poll();
        }
    }
}
