//! The lab: machines, links and the queue, without any scenario.
//!
//! In: verbs and alarms. Out: calls of nodes, and events to the recorder. [`Lab::step`] takes one entry from the queue
//! and runs it to completion. The kernel side (connections, links) is in `kernel`, the process side (calls, starts,
//! ends) in `process`, what a person or fate can do in `verbs`.

use bytes::Bytes;
use klamm_node::{Because, EventKind, NodeId, Output, PlantedFaults, Room, Seq, Time};
use klamm_scenario::model::Network;
use klamm_trace::{Recorder, TraceHash};

use crate::connection::Connection;
use crate::fault::{Bite, FaultId, Ledger};
use crate::link::Link;
use crate::machine::{Machine, MachineSpec};
use crate::queue::{Queue, TieBreak};

mod kernel;
mod process;
mod verbs;

/// What is due. Small, because the heap moves it around.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// A SYN reaches the listener's machine.
    Syn { link: u32, left_under: u32 },
    /// Its answer reaches the machine that connects.
    SynAnswered { link: u32, left_under: u32, accepted: bool },
    /// The connecting kernel has waited long enough for that answer.
    SynRetry { link: u32 },
    /// What flies first in a pipe arrives.
    Arrive { link: u32, from: u8 },
    /// A pipe sends again what was lost.
    Retry { link: u32, from: u8 },
    /// A reset reaches an end.
    Reset { link: u32, to: u8, left_under: u32 },
    /// A machine's disk has done what the last call asked of it.
    Ready { node: NodeId, lives: u32 },
    /// A node wants to be woken.
    Wake { node: NodeId, serial: u32 },
    /// Somebody above the lab wants to be called.
    Alarm { id: u32 },
}

/// What a step of the lab did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// Its own business.
    Done,
    /// An alarm is due, see [`Lab::set_alarm`].
    Alarm(u32),
}

/// A frame as it was sent, for tests of the wire format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CapturedFrame {
    /// Its `FrameSent`.
    pub sent: Seq,
    /// The whole frame.
    pub bytes: Bytes,
}

/// Machines, links and what is due.
#[derive(Clone, Debug)]
pub struct Lab {
    seed: u64,
    now: Time,
    queue: Queue<Due>,
    machines: Vec<Machine>,
    /// From × to.
    links: Vec<Link>,
    connections: Vec<Option<Box<Connection>>>,
    recorder: Recorder,
    /// The rooms of the events since somebody last asked, a bit each.
    touched: u16,
    ledger: Ledger,
    capture: Option<Vec<CapturedFrame>>,
    panics: Vec<(NodeId, String)>,
    alarms: TieBreak,
    scratch: Vec<Output>,
    steps: u64,
}

impl Lab {
    /// A lab of these machines; a machine's place is its [`NodeId`]. Nothing runs yet.
    pub fn new(
        seed: u64,
        machines: Vec<MachineSpec>,
        network: Network,
        recorder: Recorder,
    ) -> Self {
        let machines: Vec<Machine> =
            machines.into_iter().map(|spec| Machine::new(seed, spec)).collect();
        let links = machines
            .iter()
            .flat_map(|from| machines.iter().map(move |to| (from.entity, to.entity)))
            .map(|(from, to)| Link::new(seed, from, to, network))
            .collect();
        Self {
            seed,
            now: Time::ZERO,
            queue: Queue::default(),
            machines,
            links,
            connections: Vec::new(),
            recorder,
            touched: 0,
            ledger: Ledger::default(),
            capture: None,
            panics: Vec::new(),
            alarms: TieBreak::new(seed, 0),
            scratch: Vec::new(),
            steps: 0,
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The world's clock.
    pub fn now(&self) -> Time {
        self.now
    }

    /// When the next thing is due.
    pub fn next_time(&self) -> Option<Time> {
        self.queue.next_time()
    }

    /// How many entries of the queue were handled.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What was recorded.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// What was recorded, to finish it.
    pub fn recorder_mut(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> TraceHash {
        self.recorder.hash()
    }

    /// A machine.
    pub fn machine(&self, node: NodeId) -> Option<&Machine> {
        self.machines.get(usize::from(node.0))
    }

    /// Every machine, in the order of their ids.
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// The node with a host name.
    pub fn node_named(&self, name: &str) -> Option<NodeId> {
        let at = self.machines.iter().position(|machine| &*machine.name == name)?;
        u16::try_from(at).ok().map(NodeId)
    }

    /// Every fault and what it changed.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Opens a line in the ledger for a fault that is about to be done.
    pub fn open_fault(&mut self, step: Option<u32>, line: u32, text: String) -> FaultId {
        self.ledger.open(step, line, text, self.now)
    }

    /// Nodes that panicked.
    pub fn panics(&self) -> &[(NodeId, String)] {
        &self.panics
    }

    /// True if a link or a disk is slower or less faithful than the lab began with.
    pub fn is_slowed(&self) -> bool {
        self.links.iter().any(|link| link.slowed_by().is_some() || link.is_disturbing())
            || self
                .machines
                .iter()
                .any(|machine| machine.disk_slowed_by.is_some() || machine.disk.is_broken())
    }

    /// Plants faults: `name` in every process, `name@host` in one. Without effect in a build that can make none, see
    /// [`PlantedFaults`].
    pub fn plant(&mut self, faults: &[String]) {
        for machine in &mut self.machines {
            let here = faults.iter().filter_map(|fault| match fault.split_once('@') {
                Some((name, host)) => (host == &*machine.name).then(|| name.to_owned()),
                None => Some(fault.clone()),
            });
            machine.planted = PlantedFaults::new(here);
        }
    }

    /// Keeps the bytes of every frame from now on.
    pub fn capture_frames(&mut self) {
        self.capture.get_or_insert_default();
    }

    /// The frames that were kept.
    pub fn captured_frames(&self) -> &[CapturedFrame] {
        self.capture.as_deref().unwrap_or_default()
    }

    /// Asks for [`Stepped::Alarm`] at a time.
    pub fn set_alarm(&mut self, at: Time, id: u32) {
        let tie = self.alarms.draw();
        self.queue.push(at.max(self.now), tie, Due::Alarm { id });
    }

    /// Moves the clock without doing anything; never back, and never past what is due.
    pub fn advance_to(&mut self, time: Time) {
        let limit = self.next_time().unwrap_or(Time::MAX);
        self.now = self.now.max(time.min(limit));
    }

    /// Does what is due next; none if nothing is.
    pub fn step(&mut self) -> Option<Stepped> {
        let (time, due) = self.queue.pop()?;
        debug_assert!(time >= self.now, "the queue went back in time");
        self.now = time;
        self.steps += 1;
        match due {
            Due::Syn { link, left_under } => self.syn_arrives(link, left_under),
            Due::SynAnswered { link, left_under, accepted } => {
                self.syn_answered(link, left_under, accepted);
            }
            Due::SynRetry { link } => self.send_syn(link),
            Due::Arrive { link, from } => self.segment_arrives(link, from),
            Due::Retry { link, from } => self.retry(link, from),
            Due::Reset { link, to, left_under } => self.reset_arrives(link, to, left_under),
            Due::Ready { node, lives } => self.disk_ready(node, lives),
            Due::Wake { node, serial } => self.wake(node, serial),
            Due::Alarm { id } => return Some(Stepped::Alarm(id)),
        }
        Some(Stepped::Done)
    }

    /// Records an event at the present moment.
    pub fn record(&mut self, node: NodeId, cause: Option<Seq>, kind: EventKind) -> Seq {
        self.touched |= room_bit(kind.room());
        self.recorder.record(self.now, node, cause, kind)
    }

    /// The rooms of the events since the last call, a bit each as in [`room_bit`].
    pub fn take_touched(&mut self) -> u16 {
        std::mem::take(&mut self.touched)
    }

    fn resolve(
        &self,
        because: Because,
        node: NodeId,
        input: Option<Seq>,
        previous: Option<Seq>,
    ) -> Option<Seq> {
        let because = match because {
            Because::Silence { of, since } => {
                let since = self.machines[usize::from(node.0)].clock.world(since);
                Because::Silence { of, since }
            }
            other @ (Because::Input
            | Because::Previous
            | Because::Seq(_)
            | Because::MetadataRecord(_)) => other,
        };
        self.recorder.resolve(because, node, input, previous)
    }

    fn machine_mut(&mut self, node: NodeId) -> &mut Machine {
        &mut self.machines[usize::from(node.0)]
    }

    fn link_index(&self, from: NodeId, to: NodeId) -> usize {
        usize::from(from.0) * self.machines.len() + usize::from(to.0)
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        let at = self.link_index(from, to);
        &mut self.links[at]
    }

    fn push(&mut self, at: Time, node: NodeId, due: Due) {
        let tie = self.machine_mut(node).tie.draw();
        self.queue.push(at, tie, due);
    }

    fn bite(&mut self, fault: Option<FaultId>, bite: Bite, count: u64) {
        self.ledger.bite(fault, bite, count);
    }
}

/// The bit of a room in a set of rooms.
pub fn room_bit(room: Room) -> u16 {
    1 << room as u16
}
