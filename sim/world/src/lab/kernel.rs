//! The kernels: what becomes of packets, of connections, and of what one side sends to a side that is no more.

use klamm_node::{CloseReason, ConnectionId, Endpoint, EventKind, NodeId, Seq, Time};

use super::{Due, Lab};
use crate::connection::{
    Connection, Content, End, EndState, PACKET_OVERHEAD, Pipe, RETRY_FIRST, RETRY_LONGEST,
    SYN_FIRST, SYN_TRIES, Segment,
};
use crate::fault::Bite;
use crate::link::Passage;
use crate::machine::{Arrival, Held, Life};

impl Lab {
    fn connection(&mut self, link: u32) -> Option<&mut Connection> {
        self.connections.get_mut(usize::try_from(link).ok()?)?.as_deref_mut()
    }

    /// Hands a packet to the link between two machines; when it arrives, if it passes.
    fn pass(&mut self, from: NodeId, to: NodeId, size: usize) -> Option<(Time, u32)> {
        let now = self.now;
        let link = self.link(from, to);
        match link.pass(now, size) {
            Passage::Arrives(at) => {
                let (cuts, slowed_by, disturbed) =
                    (link.cuts(), link.slowed_by(), link.disturbed());
                self.bite(slowed_by, Bite::PacketsSlowed, 1);
                if let Some((by, disturbed)) = disturbed {
                    self.bite(by, Bite::PacketsDoubled, u64::from(disturbed.doubled));
                    self.bite(by, Bite::PacketsOvertaken, u64::from(disturbed.overtaken));
                }
                Some((at, cuts))
            }
            Passage::Cut => {
                let by = link.cut_by();
                self.bite(by, Bite::PacketsStopped, 1);
                None
            }
            Passage::Lost => {
                let by = link.disturbed().and_then(|(by, _)| by);
                self.bite(by, Bite::PacketsLost, 1);
                None
            }
            Passage::Overflow => {
                let by = link.slowed_by();
                self.bite(by, Bite::PacketsSlowed, 1);
                None
            }
        }
    }

    /// Whether a packet that left when the link had been cut `left_under` times gets through at this moment.
    fn gets_through(&mut self, from: NodeId, to: NodeId, left_under: u32) -> bool {
        let link = self.link(from, to);
        let through = link.lets_through(left_under);
        if !through {
            let by = link.cut_by();
            self.bite(by, Bite::PacketsStopped, 1);
        }
        through
    }

    /// Whether a machine's kernel is there to see a packet.
    fn has_power(&mut self, node: NodeId) -> bool {
        let machine = self.machine_mut(node);
        let off = machine.life == Life::Off;
        if off {
            let by = machine.down_by;
            self.bite(by, Bite::PacketsUnanswered, 1);
        }
        !off
    }

    /// A process connects.
    pub(super) fn connect(
        &mut self,
        node: NodeId,
        id: ConnectionId,
        to: &Endpoint,
        cause: Option<Seq>,
    ) {
        let Some(peer) = self.node_named(&to.host) else {
            let kind = EventKind::ConnectionOpening {
                connection: id,
                to: klamm_trace::LAB,
                port: to.port,
            };
            let opening = self.record(node, cause, kind);
            self.deliver(node, Arrival::Unreachable { connection: id, cause: opening });
            return;
        };
        let kind = EventKind::ConnectionOpening { connection: id, to: peer, port: to.port };
        let opening = self.record(node, cause, kind);
        let link = u32::try_from(self.connections.len()).unwrap_or(u32::MAX);
        let machine = self.machine_mut(node);
        machine.hold(Held { id, link, end: 0 });
        let near = End { node, id, life: machine.lives, state: EndState::Opening };
        let far = End { node: peer, id: ConnectionId(0), life: 0, state: EndState::Opening };
        self.connections.push(Some(Box::new(Connection {
            ends: [near, far],
            pipes: [Pipe::default(), Pipe::default()],
            port: to.port,
            opening,
            syn_tries: 0,
        })));
        self.send_syn(link);
    }

    /// Sends a SYN, and again until it is answered: a lost one looks like nothing at all.
    pub(super) fn send_syn(&mut self, link: u32) {
        let now = self.now;
        let Some(connection) = self.connection(link) else { return };
        let [near, far] = connection.ends;
        if near.state != EndState::Opening {
            return;
        }
        if connection.syn_tries == SYN_TRIES {
            let cause = Some(connection.opening);
            let reason = CloseReason::ConnectTimeout;
            self.deliver(near.node, Arrival::Closed { link, end: 0, reason, cause });
            return;
        }
        let wait = SYN_FIRST.times(1 << connection.syn_tries);
        connection.syn_tries += 1;
        if let Some((at, left_under)) = self.pass(near.node, far.node, PACKET_OVERHEAD) {
            self.push(at, far.node, Due::Syn { link, left_under });
        }
        self.push(now + wait, near.node, Due::SynRetry { link });
    }

    pub(super) fn syn_arrives(&mut self, link: u32, left_under: u32) {
        let Some(connection) = self.connection(link) else { return };
        let ([near, far], port) = (connection.ends, connection.port);
        if !self.gets_through(near.node, far.node, left_under) || !self.has_power(far.node) {
            return;
        }
        let machine = self.machine_mut(far.node);
        let listening = matches!(machine.life, Life::Running | Life::Paused)
            && machine.ports.contains(&port)
            && !machine.shutting_down;
        let life = machine.lives;
        if let Some(connection) = self.connection(link)
            && connection.ends[1].state == EndState::Opening
        {
            connection.ends[1].life = life;
        }
        if let Some((at, left_under)) = self.pass(far.node, near.node, PACKET_OVERHEAD) {
            let due = Due::SynAnswered { link, left_under, accepted: listening };
            self.push(at, near.node, due);
        }
    }

    pub(super) fn syn_answered(&mut self, link: u32, left_under: u32, accepted: bool) {
        let Some(connection) = self.connection(link) else { return };
        let ([near, far], opening) = (connection.ends, connection.opening);
        if !self.gets_through(far.node, near.node, left_under) || near.state != EndState::Opening {
            return;
        }
        if accepted {
            if let Some(connection) = self.connection(link) {
                connection.ends[0].state = EndState::Open;
            }
            self.transmit(link, 0, Content::Accept);
            self.deliver(near.node, Arrival::Opened { link });
        } else {
            let (reason, cause) = (CloseReason::Refused, Some(opening));
            self.deliver(near.node, Arrival::Closed { link, end: 0, reason, cause });
        }
    }

    /// Sends something in order from one end of a connection to the other.
    pub(super) fn transmit(&mut self, link: u32, from: u8, content: Content) {
        let Some(connection) = self.connection(link) else { return };
        let pipe = &mut connection.pipes[usize::from(from)];
        let number = pipe.next_number;
        pipe.next_number += 1;
        if pipe.waiting.is_empty() {
            self.launch(link, from, number, content);
        } else {
            pipe.wait(number, content);
        }
    }

    fn launch(&mut self, link: u32, from: u8, number: u64, content: Content) {
        let Some(connection) = self.connection(link) else { return };
        let near = connection.ends[usize::from(from)].node;
        let far = connection.ends[usize::from(1 - from)].node;
        let passage = self.pass(near, far, content.size());
        let left = self.now;
        let held = match &content {
            Content::Frame { answers: Some(api), .. } => self.link(near, far).held(*api),
            Content::Frame { .. } | Content::Accept | Content::Fin { .. } => None,
        };
        let Some(connection) = self.connection(link) else { return };
        let pipe = &mut connection.pipes[usize::from(from)];
        let Some((at, left_under)) = passage else {
            pipe.wait(number, content);
            self.arm_retry(link, from, left);
            return;
        };
        let at = held.map_or(at, |(by, _)| at + by);
        // What is sent later on one connection never arrives earlier.
        let at = at.max(Time(pipe.last_arrival.0 + 1));
        pipe.last_arrival = at;
        pipe.flying.push_back(Segment { number, content, left, left_under });
        self.push(at, far, Due::Arrive { link, from });
        if let Some((_, by)) = held {
            self.bite(by, Bite::RepliesHeld, 1);
        }
    }

    /// The kernel waits for an acknowledgement from when it sent.
    fn arm_retry(&mut self, link: u32, from: u8, sent: Time) {
        let now = self.now;
        let Some(connection) = self.connection(link) else { return };
        let node = connection.ends[usize::from(from)].node;
        let pipe = &mut connection.pipes[usize::from(from)];
        if !pipe.retry_armed {
            pipe.retry_armed = true;
            let at = (sent + pipe.retry).max(now);
            self.push(at, node, Due::Retry { link, from });
        }
    }

    /// The kernel's patience with an unacknowledged packet ended: it sends again, and waits twice as long next time.
    pub(super) fn retry(&mut self, link: u32, from: u8) {
        let now = self.now;
        let Some(connection) = self.connection(link) else { return };
        let pipe = &mut connection.pipes[usize::from(from)];
        pipe.retry_armed = false;
        if pipe.waiting.is_empty() {
            return;
        }
        pipe.retry = pipe.retry.times(2).min(RETRY_LONGEST);
        if !pipe.flying.is_empty() {
            // An earlier packet is still on its way (it left before the cut): nothing may overtake it.
            self.arm_retry(link, from, now);
            return;
        }
        let waiting = std::mem::take(&mut pipe.waiting);
        for (number, content) in waiting {
            let Some(connection) = self.connection(link) else { return };
            let pipe = &mut connection.pipes[usize::from(from)];
            if pipe.waiting.is_empty() {
                self.launch(link, from, number, content);
            } else {
                pipe.wait(number, content);
            }
        }
    }

    pub(super) fn segment_arrives(&mut self, link: u32, from: u8) {
        let Some(connection) = self.connection(link) else { return };
        let (near, far) =
            (connection.ends[usize::from(from)], connection.ends[usize::from(1 - from)]);
        let pipe = &mut connection.pipes[usize::from(from)];
        let Some(Segment { number, content, left, left_under }) = pipe.flying.pop_front() else {
            return;
        };
        let blocked = pipe.blocks(number);
        let caught = !self.gets_through(near.node, far.node, left_under);
        if caught && near.state == EndState::Gone && !matches!(content, Content::Fin { .. }) {
            self.drop_content(far.node, content, "cut", None);
            self.free(link);
        } else if blocked || caught || !self.has_power(far.node) {
            if let Some(connection) = self.connection(link) {
                connection.pipes[usize::from(from)].wait(number, content);
            }
            self.arm_retry(link, from, left);
        } else {
            self.accept_segment(link, from, number, content);
        }
    }

    /// A packet reached the kernel of the far end in its turn.
    fn accept_segment(&mut self, link: u32, from: u8, number: u64, content: Content) {
        let to = 1 - from;
        let Some(connection) = self.connection(link) else { return };
        let near = connection.ends[usize::from(from)];
        let far = connection.ends[usize::from(to)];
        let machine = self.machine_mut(far.node);
        let alive = matches!(machine.life, Life::Running | Life::Paused);
        let same_process = machine.lives == far.life && alive;
        let port_held = same_process && far.state != EndState::Gone;
        if !port_held && !matches!(content, Content::Fin { .. }) {
            // Contact with a socket that is no more: the kernel answers with a reset.
            if self.link(far.node, near.node).is_cut() {
                // The reset can't pass, so the sender will try again.
                if let Some(connection) = self.connection(link) {
                    connection.pipes[usize::from(from)].wait(number, content);
                }
                let now = self.now;
                self.arm_retry(link, from, now);
                return;
            }
            if let Some(connection) = self.connection(link) {
                connection.ends[usize::from(to)].state = EndState::Gone;
            }
            let reason = match (same_process, alive) {
                (true, _) => "closed",
                (false, true) => "reset",
                (false, false) => "crash",
            };
            let by = if same_process { None } else { self.machine_mut(far.node).down_by };
            self.bite(by, Bite::FramesLost, u64::from(matches!(content, Content::Frame { .. })));
            self.drop_content(far.node, content, reason, None);
            self.send_reset(link, from);
            self.free(link);
            return;
        }
        if let Some(connection) = self.connection(link) {
            connection.pipes[usize::from(from)].retry = RETRY_FIRST;
        }
        match content {
            Content::Accept => {
                let machine = self.machine_mut(far.node);
                let id = machine.effects.fresh_connection();
                machine.hold(Held { id, link, end: to });
                if let Some(connection) = self.connection(link) {
                    connection.ends[1].id = id;
                    connection.ends[1].state = EndState::Open;
                }
                self.deliver(far.node, Arrival::Accepted { link });
            }
            Content::Frame { bytes, sent, .. } => {
                self.deliver(far.node, Arrival::Frame { link, end: to, bytes, sent });
            }
            Content::Fin { cause } => {
                if port_held {
                    let reason = CloseReason::PeerClosed;
                    self.deliver(far.node, Arrival::Closed { link, end: to, reason, cause });
                } else if let Some(connection) = self.connection(link) {
                    connection.ends[usize::from(to)].state = EndState::Gone;
                }
                self.free(link);
            }
        }
    }

    /// Sends a reset to an end from the other.
    fn send_reset(&mut self, link: u32, to: u8) {
        let Some(connection) = self.connection(link) else { return };
        let target = connection.ends[usize::from(to)].node;
        let origin = connection.ends[usize::from(1 - to)].node;
        let (at, left_under) = match self.pass(origin, target, PACKET_OVERHEAD) {
            Some(passed) => passed,
            // It is lost: the peer hears nothing, sends its packet again, and gets another reset.
            None => (self.now + RETRY_FIRST, self.link(origin, target).cuts()),
        };
        self.push(at, target, Due::Reset { link, to, left_under });
    }

    /// Somebody between two machines resets every connection of theirs.
    pub(super) fn reset_between(&mut self, a: NodeId, b: NodeId, cause: Option<Seq>) -> u64 {
        let mut reset = 0;
        for link in 0..u32::try_from(self.connections.len()).unwrap_or(u32::MAX) {
            let Some(connection) = self.connection(link) else { continue };
            let ends = connection.ends;
            let between = [(a, b), (b, a)].contains(&(ends[0].node, ends[1].node));
            if !between || ends.iter().all(|end| end.state != EndState::Open) {
                continue;
            }
            reset += 1;
            for (end, state) in (0..).zip(ends.map(|end| end.state)) {
                if state != EndState::Open {
                    continue;
                }
                self.drop_waiting(link, end, "reset", cause);
                let reason = CloseReason::Reset;
                let closed = Arrival::Closed { link, end, reason, cause };
                self.deliver(ends[usize::from(end)].node, closed);
            }
        }
        reset
    }

    pub(super) fn reset_arrives(&mut self, link: u32, to: u8, left_under: u32) {
        let now = self.now;
        let Some(connection) = self.connection(link) else { return };
        let end = connection.ends[usize::from(to)];
        let origin = connection.ends[usize::from(1 - to)].node;
        if end.state == EndState::Gone {
            return;
        }
        if !self.gets_through(origin, end.node, left_under) {
            // The sender hears nothing, sends its packet again, and gets another reset.
            let left_under = self.link(origin, end.node).cuts();
            self.push(now + RETRY_FIRST, end.node, Due::Reset { link, to, left_under });
            return;
        }
        if !self.has_power(end.node) {
            return;
        }
        self.drop_waiting(link, to, "reset", None);
        let cause = self.machine_mut(origin).since;
        let reason = CloseReason::Reset;
        self.deliver(end.node, Arrival::Closed { link, end: to, reason, cause });
    }

    /// One end is closed by its process (`fin`: and the kernel says so), or ends with its machine.
    pub(super) fn close_end(&mut self, link: u32, end: u8, cause: Option<Seq>, fin: bool) {
        let Some(connection) = self.connection(link) else { return };
        let was = std::mem::replace(&mut connection.ends[usize::from(end)].state, EndState::Gone);
        let near = connection.ends[usize::from(end)].node;
        let far = connection.ends[usize::from(1 - end)];
        match was {
            EndState::Gone => {}
            EndState::Opening => {
                if let Some(slot) = self.connections.get_mut(usize::try_from(link).unwrap_or(0)) {
                    *slot = None;
                }
            }
            EndState::Open => {
                let cut = self.link(near, far.node).is_cut();
                self.drop_waiting(link, end, if cut { "cut" } else { "closed" }, cause);
                if fin && far.state != EndState::Gone {
                    self.transmit(link, end, Content::Fin { cause });
                }
                self.free(link);
            }
        }
    }

    /// Gives up what waits in a pipe to be sent again.
    fn drop_waiting(&mut self, link: u32, from: u8, reason: &'static str, cause: Option<Seq>) {
        let Some(connection) = self.connection(link) else { return };
        let far = connection.ends[usize::from(1 - from)].node;
        let waiting = std::mem::take(&mut connection.pipes[usize::from(from)].waiting);
        for (_, content) in waiting {
            self.drop_content(far, content, reason, cause);
        }
    }

    fn drop_content(
        &mut self,
        at: NodeId,
        content: Content,
        reason: &'static str,
        cause: Option<Seq>,
    ) {
        match content {
            Content::Frame { sent, .. } => self.drop_frame(at, sent, reason, cause),
            Content::Accept | Content::Fin { .. } => {}
        }
    }

    pub(super) fn drop_frame(
        &mut self,
        at: NodeId,
        sent: Seq,
        reason: &'static str,
        cause: Option<Seq>,
    ) {
        let kind = EventKind::FrameDropped { frame: sent, reason: reason.into() };
        self.record(at, cause.or(Some(sent)), kind);
    }

    /// The end of a connection as its process sees it, if both still exist.
    pub(super) fn end_of(&mut self, link: u32, end: u8) -> Option<End> {
        self.connection(link).map(|connection| connection.ends[usize::from(end)])
    }

    /// The event that began a connection.
    pub(super) fn opening_of(&mut self, link: u32) -> Option<(Seq, u16)> {
        self.connection(link).map(|connection| (connection.opening, connection.port))
    }

    pub(super) fn free(&mut self, link: u32) {
        if self.connection(link).is_some_and(|connection| connection.is_over())
            && let Some(slot) = self.connections.get_mut(usize::try_from(link).unwrap_or(0))
        {
            *slot = None;
        }
    }
}
