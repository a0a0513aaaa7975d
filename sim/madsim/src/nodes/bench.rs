//! What all tasks of a run share: the recorder, and per machine what outlives a process.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use klamm_node::disk::MemoryDisk;
use klamm_node::{
    Because, Command, Effects, EventKind, Incarnation, NodeId, Purpose, Seq, Span, Streams, Time,
};
use klamm_trace::Recorder;
use klamm_world::{Clock, MachineSpec, room_bit};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use xxhash_rust::xxh3::xxh3_64;

use super::process::Arrival;
use crate::host::now;

/// What the process slot of a machine holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Life {
    Unborn,
    Running,
    Paused,
    Dead,
    /// No power: whoever knocks hears nothing.
    Off,
}

/// A machine without its process.
pub(super) struct Slot {
    pub(super) spec: MachineSpec,
    pub(super) life: Life,
    pub(super) incarnation: Incarnation,
    /// The event that explains what has no other cause: the start, or the last resume.
    pub(super) since: Option<Seq>,
    pub(super) disk: MemoryDisk,
    pub(super) clock: Clock,
    pub(super) streams: Streams,
    pub(super) effects: Effects,
    /// To the process's task.
    pub(super) inbox: Option<UnboundedSender<Arrival>>,
    /// What was asked of it before it first started.
    pub(super) early: Vec<(Command, String, Option<Seq>)>,
    pub(super) shutting_down: bool,
    /// A start that waits for an orderly end, and its cause.
    pub(super) restart: Option<Option<Seq>>,
}

/// A connection of madsim's: the connecting and the accepting address.
pub(super) type Wire = (SocketAddr, SocketAddr);

/// Frames under way in one direction: their `FrameSent` and how many bytes are still to come.
pub(super) type Flight = VecDeque<(Seq, usize)>;

pub(super) struct Bench {
    pub(super) recorder: Recorder,
    pub(super) slots: Vec<Slot>,
    /// By connection: frames from the connecting side, frames from the accepting side.
    pub(super) flights: BTreeMap<Wire, [Flight; 2]>,
    /// The latest attempt of a node to connect to a port of another.
    pub(super) openings: BTreeMap<(NodeId, NodeId, u16), Seq>,
    pub(super) cuts: BTreeMap<(NodeId, NodeId), Seq>,
    /// Links that are slower than the rest: the least and the most that a frame waits before madsim gets it.
    pub(super) slow: BTreeMap<(NodeId, NodeId), (Span, Span)>,
    /// Processes that ended by themselves, for the driver to bury.
    pub(super) ended: Vec<NodeId>,
    pub(super) panics: Vec<(NodeId, String)>,
    /// The rooms that the runner waits for, and whether one of them was touched.
    pub(super) watches: u16,
    wake: Arc<Notify>,
}

/// The bench, shared by the tasks of one thread; never locked across an await.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Bench>>);

impl Shared {
    pub(super) fn new(bench: Bench) -> Self {
        Self(Arc::new(Mutex::new(bench)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Bench> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Bench {
    pub(super) fn new(
        seed: u64,
        recorder: Recorder,
        specs: Vec<MachineSpec>,
        wake: Arc<Notify>,
    ) -> Self {
        let slot = |spec: MachineSpec| Slot {
            // The same dice as the world's machine of this name has.
            streams: Streams::new(seed, xxh3_64(spec.name.as_bytes())),
            spec,
            life: Life::Unborn,
            incarnation: Incarnation(0),
            since: None,
            disk: MemoryDisk::new(),
            clock: Clock::new(),
            effects: Effects::default(),
            inbox: None,
            early: Vec::new(),
            shutting_down: false,
            restart: None,
        };
        Self {
            recorder,
            slots: specs.into_iter().map(slot).collect(),
            flights: BTreeMap::new(),
            openings: BTreeMap::new(),
            cuts: BTreeMap::new(),
            slow: BTreeMap::new(),
            ended: Vec::new(),
            panics: Vec::new(),
            watches: 0,
            wake,
        }
    }

    pub(super) fn slot(&mut self, node: NodeId) -> &mut Slot {
        &mut self.slots[usize::from(node.0)]
    }

    pub(super) fn record(&mut self, node: NodeId, cause: Option<Seq>, kind: EventKind) -> Seq {
        if self.watches & room_bit(kind.room()) != 0 {
            self.wake.notify_one();
        }
        // A task may have been woken by an event that is a few nanoseconds younger than its own clock read.
        let time = now().max(self.recorder.now());
        self.recorder.record(time, node, cause, kind)
    }

    /// Tells the driver that there is something to do.
    pub(super) fn call_driver(&self) {
        self.wake.notify_one();
    }

    pub(super) fn resolve(
        &self,
        because: Because,
        node: NodeId,
        input: Option<Seq>,
        previous: Option<Seq>,
    ) -> Option<Seq> {
        let because = match because {
            Because::Silence { of, since } => {
                let since = self.slots[usize::from(node.0)].clock.world(since);
                Because::Silence { of, since }
            }
            other @ (Because::Input
            | Because::Previous
            | Because::Seq(_)
            | Because::MetadataRecord(_)) => other,
        };
        self.recorder.resolve(because, node, input, previous)
    }

    pub(super) fn named(&self, host: &str) -> Option<NodeId> {
        let at = self.slots.iter().position(|slot| &*slot.spec.name == host)?;
        u16::try_from(at).ok().map(NodeId)
    }

    /// Whether a packet between the two, or its answer, would be lost.
    pub(super) fn is_silent(&self, from: NodeId, to: NodeId) -> bool {
        let off = self.slots[usize::from(to.0)].life == Life::Off;
        off || self.cuts.contains_key(&(from, to)) || self.cuts.contains_key(&(to, from))
    }

    /// When a frame that is sent now may go out to madsim.
    pub(super) fn release(&mut self, from: NodeId, to: NodeId) -> Time {
        match self.slow.get(&(from, to)).copied() {
            Some((low, high)) => {
                let dice = self.slot(from).streams.at(Purpose::LinkLatency, u64::from(to.0));
                now() + dice.span(low, high)
            }
            None => Time::ZERO,
        }
    }

    /// Gives up what is under way to one end of a connection.
    pub(super) fn drop_frames(
        &mut self,
        node: NodeId,
        wire: Wire,
        from_side: usize,
        reason: &'static str,
        cause: Option<Seq>,
    ) {
        let Some(flights) = self.flights.get_mut(&wire) else { return };
        let lost: Vec<_> = flights[from_side].drain(..).collect();
        for (frame, _) in lost {
            let kind = EventKind::FrameDropped { frame, reason: reason.into() };
            self.record(node, cause.or(Some(frame)), kind);
        }
    }

    /// A process is gone: what was under way to it will never be read.
    pub(super) fn drop_all(&mut self, node: NodeId, cause: Seq) {
        let ip = address(node);
        let wires: Vec<Wire> = self.flights.keys().copied().collect();
        for wire in wires {
            if wire.0.ip() == ip {
                self.drop_frames(node, wire, 1, "crash", Some(cause));
            }
            if wire.1.ip() == ip {
                self.drop_frames(node, wire, 0, "crash", Some(cause));
            }
        }
    }

    pub(super) fn input_of(&self) -> Seq {
        Seq(self.recorder.last_seq().0 + 1)
    }

    pub(super) fn time_at(&self, node: NodeId) -> Time {
        self.slots[usize::from(node.0)].clock.local(now())
    }
}

/// A node's address: 10.0.0.1 for the first.
pub(super) fn address(node: NodeId) -> IpAddr {
    let [high, low] = (node.0 + 1).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, 0, high, low))
}

/// The node behind an address.
pub(super) fn node_at(ip: IpAddr) -> Option<NodeId> {
    match ip {
        IpAddr::V4(ip) => {
            let [_, _, high, low] = ip.octets();
            u16::from_be_bytes([high, low]).checked_sub(1).map(NodeId)
        }
        IpAddr::V6(_) => None,
    }
}

/// One end of a connection in a process.
pub(super) struct Held {
    pub(super) wire: Option<Wire>,
    /// 0 for the end that connected.
    pub(super) side: usize,
    pub(super) peer: NodeId,
}
