//! What all tasks of a run share: the recorder, and per machine what outlives a process.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use klamm_node::{
    Because, Command, Effects, EventKind, Incarnation, NodeId, Purpose, Seq, Span, Streams, Time,
};
use klamm_scenario::model::{Flaws, Network};
use klamm_trace::Recorder;
use klamm_world::{Clock, MachineDisk, MachineSpec, room_bit};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use xxhash_rust::xxh3::xxh3_64;

use super::process::Arrival;
use crate::host::now;

/// How long TCP waits before it sends a lost segment again, and the most that doubling comes to.
const RETRANSMISSION: Span = Span::millis(200);
const MOST_PATIENT: Span = Span::secs(5);

/// How much longer a packet takes that is overtaken, in latencies; as in the world.
const DETOUR: u64 = 8;

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

/// What a link does to frames besides what madsim does to all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    /// Slower than the rest.
    pub(super) slow: Option<Network>,
    /// When the last byte handed over so far will have left, on a link with a bandwidth.
    busy_until: Time,
    /// Loses, doubles and reorders. TCP hides all of it but the time that it takes.
    pub(super) flaws: Flaws,
    /// Holds the answers to requests of an API, or of all.
    pub(super) hold: Option<(Span, Option<i16>)>,
}

/// A machine without its process.
pub(super) struct Slot {
    pub(super) spec: MachineSpec,
    pub(super) life: Life,
    pub(super) incarnation: Incarnation,
    /// The event that explains what has no other cause: the start, or the last resume.
    pub(super) since: Option<Seq>,
    pub(super) disk: MachineDisk,
    /// Until when a disk that is slower than usual is busy with what the last calls asked of it.
    pub(super) ready: Time,
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
    /// Links that are not as the rest: a frame waits before madsim gets it.
    pub(super) ways: BTreeMap<(NodeId, NodeId), Way>,
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
            disk: MachineDisk::new(spec.disk),
            ready: Time::ZERO,
            spec,
            life: Life::Unborn,
            incarnation: Incarnation(0),
            since: None,
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
            ways: BTreeMap::new(),
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

    /// When a frame that is sent now may go out to madsim; `answers` is the API of the request that it answers.
    pub(super) fn release(
        &mut self,
        (from, to): (NodeId, NodeId),
        usual: Network,
        size: usize,
        answers: Option<i16>,
    ) -> Time {
        let ready = self.slot(from).ready;
        let Some(way) = self.ways.get_mut(&(from, to)) else { return ready };
        let mut at = now().max(ready);
        if let Some(network) = way.slow {
            if network.bandwidth > 0 {
                let nanos = size as u128 * 1_000_000_000 / u128::from(network.bandwidth);
                way.busy_until = way.busy_until.max(at) + Span(u64::try_from(nanos).unwrap_or(0));
                at = way.busy_until;
            }
            let dice =
                self.slots[usize::from(from.0)].streams.at(Purpose::LinkLatency, u64::from(to.0));
            at += dice.span(network.latency_low, network.latency_high);
        }
        if way.flaws != Flaws::default() {
            let dice =
                self.slots[usize::from(from.0)].streams.at(Purpose::LinkLoss, u64::from(to.0));
            let mut again = RETRANSMISSION;
            while way.flaws.loss > 0 && dice.per_million(way.flaws.loss * 1000) {
                at += again;
                again = again.times(2).min(MOST_PATIENT);
            }
            if way.flaws.reorder > 0 && dice.per_million(way.flaws.reorder * 1000) {
                let high = way.slow.unwrap_or(usual).latency_high;
                at += dice.span(Span::ZERO, high.times(DETOUR));
            }
        }
        let held = way
            .hold
            .filter(|(_, only)| answers.is_some_and(|api| only.is_none_or(|only| only == api)));
        held.map_or(at, |(by, _)| at + by)
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
