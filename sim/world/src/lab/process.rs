//! The processes: how inputs reach them, what becomes of what they leave behind, how they start and end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use klamm_node::{
    CloseReason, Command, Context, Effect, Endpoint, EventKind, FrameRole, Incarnation, Input,
    Node, NodeId, Output, RecordId, Seq, Span, Time, TopicName,
};
use klamm_scenario::model::DiskFault;
use xxhash_rust::xxh3::xxh3_64;

use super::{CapturedFrame, Due, Lab};
use crate::connection::{Content, EndState};
use crate::fault::{Bite, FaultId};
use crate::machine::{Arrival, Life};

/// Wakes at one instant after which a node is taken to be caught in a loop of its own timers.
const SPINS: u32 = 10_000;

/// Where an input comes from in the trace.
enum Origin {
    /// An event that is recorded already.
    Recorded(Seq),
    /// An event that is recorded only if something follows from the input.
    Lazy(EventKind, Option<Seq>),
    /// A record given to a producer, and what that follows from: the producer's own `RecordAccepted` tells it, if that is
    /// the first that comes of it.
    Record(RecordId, TopicName, Option<Seq>),
}

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// The process alone: its kernel goes on and closes what it had open.
    Process,
    /// The machine: silence.
    Machine,
}

impl Lab {
    /// Gives something to a process: now, or as soon as it can take it.
    pub(super) fn deliver(&mut self, node: NodeId, arrival: Arrival) {
        let machine = self.machine_mut(node);
        match machine.life {
            Life::Running if !machine.busy && machine.inbox.is_empty() => self.take(node, arrival),
            Life::Running => machine.inbox.push_back(arrival),
            Life::Paused => {
                let by = machine.paused_by;
                machine.inbox.push_back(arrival);
                self.bite(by, Bite::InputsDelayed, 1);
            }
            Life::Unborn => {
                if matches!(arrival, Arrival::Command { .. }) {
                    machine.inbox.push_back(arrival);
                }
            }
            Life::Dead | Life::Off => self.discard(node, arrival, None),
        }
    }

    /// Something arrived for a process that is no more.
    fn discard(&mut self, node: NodeId, arrival: Arrival, cause: Option<Seq>) {
        match arrival {
            Arrival::Frame { sent, .. } => {
                let by = self.machine_mut(node).down_by;
                self.bite(by, Bite::FramesLost, 1);
                self.drop_frame(node, sent, "crash", cause);
            }
            Arrival::Opened { .. }
            | Arrival::Accepted { .. }
            | Arrival::Closed { .. }
            | Arrival::Unreachable { .. }
            | Arrival::Command { .. } => {}
        }
    }

    /// The process reads what was given to it. What became pointless in between is skipped.
    fn take(&mut self, node: NodeId, arrival: Arrival) {
        match arrival {
            Arrival::Opened { link } => {
                let Some(end) = self.end_of(link, 0) else { return };
                let Some(peer) = self.end_of(link, 1) else { return };
                if end.state == EndState::Gone {
                    return;
                }
                let cause = self.opening_of(link).map(|(opening, _)| opening);
                let kind = EventKind::ConnectionOpened { connection: end.id, peer: peer.node };
                let seq = self.record(node, cause, kind);
                self.call(node, Input::Opened { connection: end.id }, Origin::Recorded(seq));
            }
            Arrival::Accepted { link } => {
                let Some(end) = self.end_of(link, 1) else { return };
                let Some(peer) = self.end_of(link, 0) else { return };
                let Some((opening, port)) = self.opening_of(link) else { return };
                let kind =
                    EventKind::ConnectionAccepted { connection: end.id, peer: peer.node, port };
                let seq = self.record(node, Some(opening), kind);
                // Clients connect from an ephemeral port, as Linux gives them out.
                let ephemeral = 32_768 + u16::try_from(link % 28_232).unwrap_or(0);
                let host = self.machine_mut(peer.node).name.clone();
                let peer = Endpoint { host, port: ephemeral };
                let input = Input::Accepted { connection: end.id, port, peer };
                self.call(node, input, Origin::Recorded(seq));
            }
            Arrival::Frame { link, end, bytes, sent } => {
                let held = self.end_of(link, end).filter(|end| end.state == EndState::Open);
                let Some(end) = held else {
                    self.drop_frame(node, sent, "closed", None);
                    return;
                };
                let seq = self.record(node, Some(sent), EventKind::FrameDelivered { frame: sent });
                let input = Input::Received { connection: end.id, bytes };
                self.call(node, input, Origin::Recorded(seq));
            }
            Arrival::Closed { link, end, reason, cause } => {
                let Some(held) = self.end_of(link, end) else { return };
                if held.state == EndState::Gone {
                    return;
                }
                let kind = EventKind::ConnectionClosed { connection: held.id, reason };
                let seq = self.record(node, cause, kind);
                self.machine_mut(node).release(held.id);
                self.close_end(link, end, Some(seq), false);
                let input = Input::Closed { connection: held.id, reason };
                self.call(node, input, Origin::Recorded(seq));
            }
            Arrival::Unreachable { connection, cause } => {
                // Simplified: an unknown host is told apart from a refused connect only by the event's target.
                let reason = CloseReason::Refused;
                let kind = EventKind::ConnectionClosed { connection, reason };
                let seq = self.record(node, Some(cause), kind);
                self.call(node, Input::Closed { connection, reason }, Origin::Recorded(seq));
            }
            Arrival::Command { command, text, cause } => {
                let origin = match &*command {
                    // `RecordAccepted` repeats all of it, for every record of a load.
                    Command::Produce(record) => {
                        Origin::Record(record.id, TopicName::clone(&record.topic), cause)
                    }
                    // A program calls its clients all the time: what follows from a call tells it.
                    Command::Application(_) => {
                        let since = self.machine_mut(node).since;
                        Origin::Lazy(EventKind::CommandGiven { text }, cause.or(since))
                    }
                    // What a person asks is told though nothing should come of it for now.
                    Command::Flush
                    | Command::Assign { .. }
                    | Command::CreateTopic { .. }
                    | Command::Admin(_)
                    | Command::Group(_)
                    | Command::Shutdown => {
                        let kind = EventKind::CommandGiven { text };
                        Origin::Recorded(self.record(node, cause, kind))
                    }
                };
                self.call(node, Input::Command(*command), origin);
            }
        }
    }

    /// One call of a node: input in, events and effects out.
    fn call(&mut self, node: NodeId, input: Input, origin: Origin) {
        let now = self.now;
        let next_seq = Seq(self.recorder.last_seq().0 + 1);
        let scratch = std::mem::take(&mut self.scratch);
        let machine = &mut self.machines[usize::from(node.0)];
        let Some(process) = machine.process.as_mut() else {
            self.scratch = scratch;
            return;
        };
        let local = machine.clock.local(now);
        machine.effects.items = scratch;
        machine.effects.cause_kept = false;
        let mut cx = Context {
            now: local,
            wall: machine.clock.wall(local),
            input_seq: match &origin {
                Origin::Recorded(seq) => *seq,
                Origin::Lazy(..) | Origin::Record(..) => next_seq,
            },
            disk: &mut machine.disk,
            rng: &mut machine.streams,
            out: &mut machine.effects,
        };
        // The edge of the lab: a panic is a finding about the engine, and the run goes on to tell it.
        let handle = || machine.planted.during(|| process.handle(&mut cx, input));
        let outcome = catch_unwind(AssertUnwindSafe(handle));
        let cost = machine.disk.take_cost();
        let mut items = std::mem::take(&mut machine.effects.items);
        let kept = machine.effects.cause_kept;
        let (skewed_by, slowed_by) = (machine.clock_skewed_by, machine.disk_slowed_by);
        let (faulted, broken_by) = (machine.disk.take_faulted(), machine.disk_broken_by);
        if skewed_by.is_some() {
            self.bite(skewed_by, Bite::CallsSkewed, 1);
        }
        if slowed_by.is_some() && cost > Span::ZERO {
            self.bite(slowed_by, Bite::CallsSlowed, 1);
        }
        if let Some((how, count)) = faulted {
            let bite = match how {
                DiskFault::SyncFails | DiskFault::Full => Bite::DiskCallsFailed,
                DiskFault::SyncLies => Bite::SyncsFaked,
            };
            self.bite(broken_by, bite, count);
        }
        let input_seq = match origin {
            Origin::Recorded(seq) => Some(seq),
            Origin::Lazy(kind, cause) if kept || !items.is_empty() => {
                Some(self.record(node, cause, kind))
            }
            Origin::Lazy(..) => None,
            Origin::Record(.., cause) if items.first().is_some_and(Output::accepts_a_record) => {
                cause
            }
            Origin::Record(record, topic, cause) if kept || !items.is_empty() => {
                // It waits for the producer to learn where it belongs.
                let text = format!("send record {record} to {topic}");
                let kind = EventKind::CommandGiven { text };
                Some(self.record(node, cause, kind))
            }
            Origin::Record(..) => None,
        };
        if cost > Span::ZERO {
            let machine = self.machine_mut(node);
            machine.busy = true;
            let lives = machine.lives;
            self.push(now + cost, node, Due::Ready { node, lives });
        }
        let lives = self.machine_mut(node).lives;
        let mut previous = None;
        for item in items.drain(..) {
            match item {
                Output::Observed(kind, because) => {
                    let cause = self.resolve(because, node, input_seq, previous);
                    previous = Some(self.record(node, cause, kind));
                }
                Output::Effect(effect, because) => {
                    let cause = self.resolve(because, node, input_seq, previous);
                    let machine = self.machine_mut(node);
                    if machine.busy {
                        machine.pending.push_back((effect, cause));
                    } else if machine.lives == lives {
                        self.perform(node, effect, cause);
                    }
                }
            }
        }
        self.scratch = items;
        if let Err(panic) = outcome {
            self.panicked(node, panic.as_ref(), input_seq);
        }
        self.arm_wake(node);
    }

    pub(super) fn panicked(
        &mut self,
        node: NodeId,
        panic: &(dyn std::any::Any + Send),
        cause: Option<Seq>,
    ) {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("a panic without a message");
        let reason = format!("panic: {text}");
        self.panics.push((node, reason.clone()));
        let seq = self.record(node, cause, EventKind::NodeStopped { reason, orderly: false });
        self.end_process(node, Ending::Process, seq);
    }

    fn perform(&mut self, node: NodeId, effect: Effect, cause: Option<Seq>) {
        match effect {
            Effect::Connect { connection, to } => self.connect(node, connection, &to, cause),
            Effect::Send { connection, bytes, note } => {
                let Some(held) = self.machine_mut(node).held(connection) else { return };
                let Some(peer) = self.end_of(held.link, 1 - held.end) else { return };
                let kind = EventKind::FrameSent {
                    to: peer.node,
                    connection,
                    role: note.role,
                    api_key: note.api_key,
                    api_version: note.api_version,
                    correlation_id: note.correlation_id,
                    size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                    digest: xxh3_64(&bytes),
                };
                let sent = self.record(node, cause, kind);
                if let Some(captured) = &mut self.capture {
                    captured.push(CapturedFrame { sent, bytes: bytes.clone() });
                }
                let answers = (note.role == FrameRole::Response).then_some(note.api_key);
                self.transmit(held.link, held.end, Content::Frame { bytes, sent, answers });
            }
            Effect::Close { connection, reason } => {
                let Some(held) = self.machine_mut(node).held(connection) else { return };
                let seq =
                    self.record(node, cause, EventKind::ConnectionClosed { connection, reason });
                self.machine_mut(node).release(connection);
                self.close_end(held.link, held.end, Some(seq), true);
            }
            Effect::Halt { reason, orderly } => {
                let seq = self.record(node, cause, EventKind::NodeStopped { reason, orderly });
                let restart = self.machine_mut(node).restart_after.take();
                self.end_process(node, Ending::Process, seq);
                if let Some((cause, fault)) = restart {
                    self.start(node, cause, fault);
                }
            }
        }
    }

    /// The disk has done what the last call asked for: its effects leave, and the process reads on.
    pub(super) fn disk_ready(&mut self, node: NodeId, lives: u32) {
        let machine = self.machine_mut(node);
        if machine.lives != lives {
            return;
        }
        machine.busy = false;
        if machine.life == Life::Running {
            self.go_on(node);
        }
    }

    /// The process is free: pending effects, then what waits for it, then its timers.
    pub(super) fn go_on(&mut self, node: NodeId) {
        let lives = self.machine_mut(node).lives;
        let free = |lab: &mut Self| {
            let machine = lab.machine_mut(node);
            machine.life == Life::Running && machine.lives == lives && !machine.busy
        };
        while free(self)
            && let Some((effect, cause)) = self.machine_mut(node).pending.pop_front()
        {
            self.perform(node, effect, cause);
        }
        while free(self)
            && let Some(arrival) = self.machine_mut(node).inbox.pop_front()
        {
            self.take(node, arrival);
        }
        // Each call has armed the wake-up for the deadline that it left: it is missing only if it came while the process was
        // busy, and wrong only if the clock was changed.
        let machine = self.machine_mut(node);
        if (machine.wake_at.is_none() || machine.reclocked) && free(self) {
            self.arm_wake(node);
        }
    }

    /// Keeps one wake-up in the queue, at or before the node's next deadline. One that comes too early is armed again.
    fn arm_wake(&mut self, node: NodeId) {
        let now = self.now;
        let machine = self.machine_mut(node);
        if machine.life != Life::Running {
            return;
        }
        machine.reclocked = false;
        let Some(deadline) = machine.process.as_ref().and_then(Node::next_wake) else {
            return;
        };
        let at = machine.clock.world(deadline).max(now);
        if machine.wake_at.is_none_or(|armed| at < armed) {
            machine.wake_at = Some(at);
            machine.wake_serial = machine.wake_serial.wrapping_add(1);
            let serial = machine.wake_serial;
            self.push(at, node, Due::Wake { node, serial });
        }
    }

    pub(super) fn wake(&mut self, node: NodeId, serial: u32) {
        let now = self.now;
        let machine = self.machine_mut(node);
        if machine.wake_serial != serial {
            return;
        }
        machine.wake_at = None;
        if machine.life != Life::Running || machine.busy {
            // Armed again when the process goes on.
            return;
        }
        let Some((deadline, why)) = machine.process.as_ref().and_then(Node::next_deadline) else {
            return;
        };
        if deadline > machine.clock.local(now) {
            self.arm_wake(node);
            return;
        }
        let spins = if machine.spins.0 == now { machine.spins.1 + 1 } else { 0 };
        machine.spins = (now, spins);
        let since = machine.since;
        if spins > SPINS {
            self.panicked(node, &format!("the timer '{why}' is due again and again"), since);
            return;
        }
        self.call(
            node,
            Input::Wake,
            Origin::Lazy(EventKind::TimerFired { why: why.into() }, since),
        );
    }

    /// Starts a process on what its machine's disk holds, if none runs.
    pub(super) fn start(&mut self, node: NodeId, cause: Option<Seq>, fault: Option<FaultId>) {
        let machine = self.machine_mut(node);
        if matches!(machine.life, Life::Running | Life::Paused) {
            if machine.shutting_down {
                machine.restart_after = Some((cause, fault));
            }
            return;
        }
        machine.life = Life::Running;
        machine.incarnation = Incarnation(machine.incarnation.0 + 1);
        machine.process = Some(machine.blueprint.build());
        machine.down_by = None;
        let incarnation = machine.incarnation;
        self.bite(fault, Bite::ProcessesStarted, 1);
        let seq = self.record(node, cause, EventKind::NodeStarted { incarnation });
        self.machine_mut(node).since = Some(seq);
        self.call(node, Input::Start { incarnation }, Origin::Recorded(seq));
        self.go_on(node);
    }

    /// Ends a process. `seq` is the event that says so, and the cause of what follows.
    pub(super) fn end_process(&mut self, node: NodeId, ending: Ending, seq: Seq) {
        let machine = self.machine_mut(node);
        machine.process = None;
        machine.life = match ending {
            Ending::Process => Life::Dead,
            Ending::Machine => Life::Off,
        };
        machine.lives += 1;
        machine.busy = false;
        machine.shutting_down = false;
        machine.restart_after = None;
        machine.wake_at = None;
        machine.wake_serial = machine.wake_serial.wrapping_add(1);
        machine.spins = (Time::ZERO, 0);
        machine.since = Some(seq);
        machine.pending.clear();
        let inbox = std::mem::take(&mut machine.inbox);
        let connections = std::mem::take(&mut machine.connections);
        for arrival in inbox {
            self.discard(node, arrival, Some(seq));
        }
        for held in connections {
            self.close_end(held.link, held.end, Some(seq), ending == Ending::Process);
        }
    }
}
