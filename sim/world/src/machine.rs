//! A machine: one process slot with its disk, clocks, dice, kernel and what waits for the process.

#![expect(
    clippy::field_scoped_visibility_modifiers,
    reason = "plain data that the two halves of the lab share"
)]

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use klamm_node::{
    CloseReason, Command, ConnectionId, Effect, Effects, Incarnation, PlantedFaults, Seq, Streams,
    Time,
};
use klamm_scenario::model::Disk as DiskSpeed;
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Clock;
use crate::disk::MachineDisk;
use crate::fault::FaultId;
use crate::node::{Blueprint, NodeKind};
use crate::queue::TieBreak;

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct MachineSpec {
    /// The host name, which is also the node's name.
    pub name: Arc<str>,
    /// How to make the process.
    pub blueprint: Blueprint,
    /// The ports on which the process listens. Simplified: from the moment it starts.
    pub ports: Vec<u16>,
    /// The disk's speed.
    pub disk: DiskSpeed,
}

/// What the process slot of a machine holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Life {
    /// Never started; what is asked of it waits.
    Unborn,
    /// Being scheduled.
    Running,
    /// Frozen; its kernel goes on.
    Paused,
    /// No process; the kernel answers with resets.
    Dead,
    /// No power: silence.
    Off,
}

/// What waits for a process, or is handed to it at once.
#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    Opened { link: u32 },
    Accepted { link: u32 },
    Frame { link: u32, end: u8, bytes: Bytes, sent: Seq },
    Closed { link: u32, end: u8, reason: CloseReason, cause: Option<Seq> },
    Unreachable { connection: ConnectionId, cause: Seq },
    Command { command: Box<Command>, text: String, cause: Option<Seq> },
}

/// A process's connection: its own id, the lab's, and which end it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) id: ConnectionId,
    pub(crate) link: u32,
    pub(crate) end: u8,
}

/// A machine and the process on it.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(crate) name: Arc<str>,
    pub(crate) entity: u64,
    pub(crate) blueprint: Blueprint,
    pub(crate) ports: Vec<u16>,
    pub(crate) process: Option<NodeKind>,
    pub(crate) life: Life,
    /// Grows whenever a process ends, so that what was meant for it does not reach the next one.
    pub(crate) lives: u32,
    pub(crate) incarnation: Incarnation,
    /// The event that explains what has no other cause: the start, or the last resume.
    pub(crate) since: Option<Seq>,
    pub(crate) disk: MachineDisk,
    pub(crate) clock: Clock,
    pub(crate) streams: Streams,
    pub(crate) effects: Effects,
    pub(crate) tie: TieBreak,
    pub(crate) inbox: VecDeque<Arrival>,
    /// What a call left behind while the disk is still busy with it.
    pub(crate) pending: VecDeque<(Effect, Option<Seq>)>,
    /// True while the disk is busy with what the last call asked of it.
    pub(crate) busy: bool,
    pub(crate) wake_at: Option<Time>,
    /// True if the clock was changed since then.
    pub(crate) reclocked: bool,
    pub(crate) wake_serial: u32,
    /// Wakes at one instant without progress, and that instant.
    pub(crate) spins: (Time, u32),
    /// By id: ids only grow, so this is sorted.
    pub(crate) connections: Vec<Held>,
    pub(crate) shutting_down: bool,
    pub(crate) restart_after: Option<(Option<Seq>, Option<FaultId>)>,
    pub(crate) down_by: Option<FaultId>,
    pub(crate) paused_by: Option<FaultId>,
    pub(crate) disk_slowed_by: Option<FaultId>,
    pub(crate) clock_skewed_by: Option<FaultId>,
    pub(crate) disk_broken_by: Option<FaultId>,
    /// Mistakes that its process makes, see [`PlantedFaults`].
    pub(crate) planted: PlantedFaults,
}

impl Machine {
    pub(crate) fn new(seed: u64, spec: MachineSpec) -> Self {
        // Dice belong to the name, not to the place in the table: one more broker changes no other node's draws.
        let entity = xxh3_64(spec.name.as_bytes());
        Self {
            name: spec.name,
            entity,
            blueprint: spec.blueprint,
            ports: spec.ports,
            process: None,
            life: Life::Unborn,
            lives: 0,
            incarnation: Incarnation(0),
            since: None,
            disk: MachineDisk::new(spec.disk),
            clock: Clock::new(),
            streams: Streams::new(seed, entity),
            effects: Effects::default(),
            tie: TieBreak::new(seed, entity),
            inbox: VecDeque::new(),
            pending: VecDeque::new(),
            busy: false,
            wake_at: None,
            reclocked: false,
            wake_serial: 0,
            spins: (Time::ZERO, 0),
            connections: Vec::new(),
            shutting_down: false,
            restart_after: None,
            down_by: None,
            paused_by: None,
            disk_slowed_by: None,
            clock_skewed_by: None,
            disk_broken_by: None,
            planted: PlantedFaults::default(),
        }
    }

    /// Its host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether what its last call did still waits for its disk: its answers have not left yet.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// What its process slot holds.
    pub fn life(&self) -> Life {
        self.life
    }

    /// The process, if there is one.
    pub fn process(&self) -> Option<&NodeKind> {
        self.process.as_ref()
    }

    /// Its disk.
    pub fn disk(&self) -> &MachineDisk {
        &self.disk
    }

    /// Its clocks.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn held(&self, id: ConnectionId) -> Option<Held> {
        let at = self.connections.binary_search_by_key(&id, |held| held.id).ok()?;
        self.connections.get(at).copied()
    }

    /// Connections stay in the order of their ids, which is not that of their coming: the id of an outgoing one is drawn
    /// when the node asks, and a slow disk may carry that out after something else was accepted.
    pub(crate) fn hold(&mut self, held: Held) {
        let at = self.connections.partition_point(|other| other.id < held.id);
        self.connections.insert(at, held);
    }

    pub(crate) fn release(&mut self, id: ConnectionId) {
        if let Ok(at) = self.connections.binary_search_by_key(&id, |held| held.id) {
            self.connections.remove(at);
        }
    }
}
