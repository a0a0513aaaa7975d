//! A process as a madsim task: arrivals in, one call of the node each, effects out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use klamm_node::{
    CloseReason, Command, ConnectionId, Context, Effect, Endpoint, EventKind, FrameRole, Input,
    Node, NodeId, Output, RecordId, Seq, Span, Time, TopicName,
};
use klamm_scenario::model::Network;
use klamm_world::NodeKind;
use madsim::net::{TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use xxhash_rust::xxh3::xxh3_64;

use super::bench::{Held, Life, Shared, Wire, address, node_at};
use crate::host::now;

/// How long a kernel waits before it sends a SYN again that was not answered.
const SYN_RETRY: Duration = Duration::from_secs(1);

/// What waits for a process.
pub(super) enum Arrival {
    Opened {
        id: ConnectionId,
        stream: TcpStream,
    },
    Refused {
        id: ConnectionId,
    },
    Accepted {
        stream: TcpStream,
        port: u16,
        from: SocketAddr,
    },
    Bytes {
        id: ConnectionId,
        bytes: Bytes,
    },
    Gone {
        id: ConnectionId,
        reason: CloseReason,
    },
    Command {
        command: Command,
        text: String,
        cause: Option<Seq>,
    },
    /// Somebody on the way reset every connection with a peer.
    Reset {
        peer: NodeId,
        cause: Option<Seq>,
    },
    /// Look at the clock again.
    Poke,
}

/// Where an input comes from in the trace.
enum Origin {
    Recorded(Seq),
    Lazy(EventKind, Option<Seq>),
    /// A record given to a producer, and what that follows from: the producer's own `RecordAccepted` tells it, if that is
    /// the first that comes of it.
    Record(RecordId, TopicName, Option<Seq>),
}

struct Connection {
    held: Held,
    writer: Option<mpsc::UnboundedSender<(Time, Bytes)>>,
    /// Dropped with the connection, which ends its reader.
    _alive: oneshot::Sender<()>,
}

struct Process {
    shared: Shared,
    node: NodeId,
    kind: NodeKind,
    /// Every link, unless a step changes it.
    network: Network,
    connections: BTreeMap<ConnectionId, Connection>,
    inbox: mpsc::UnboundedSender<Arrival>,
    over: bool,
}

/// The whole life of one incarnation: madsim runs it anew at every restart, and drops it when the node is killed.
pub(super) async fn live(shared: Shared, node: NodeId, network: Network) {
    let (inbox, mut arrivals) = mpsc::unbounded_channel();
    let (kind, ports, incarnation, started) = {
        let mut bench = shared.lock();
        let slot = bench.slot(node);
        slot.inbox = Some(inbox.clone());
        for (command, text, cause) in std::mem::take(&mut slot.early) {
            // The receiver lives as long as this function.
            let _sent = inbox.send(Arrival::Command { command, text, cause });
        }
        let started = slot.since.unwrap_or_default();
        (slot.spec.blueprint.build(), slot.spec.ports.clone(), slot.incarnation, started)
    };
    for port in ports {
        listen(node, port, inbox.clone()).await;
    }
    let connections = BTreeMap::new();
    let mut process =
        Process { shared: shared.clone(), node, kind, network, connections, inbox, over: false };
    process.call(Input::Start { incarnation }, Origin::Recorded(started));
    while !process.over {
        // A slow disk keeps the process from reading on.
        let busy = shared.lock().slot(node).ready.since(now());
        if busy > Span::ZERO {
            madsim::time::sleep(Duration::from_nanos(busy.0)).await;
        }
        let due = process.due();
        let wait = due.map(|due| Duration::from_nanos(due.since(now()).0));
        if wait == Some(Duration::ZERO) {
            process.wake();
            // Arrivals and other tasks have their turn between two timers that are due.
            crate::host::Yield::default().await;
            while let Ok(arrival) = arrivals.try_recv() {
                process.take(arrival);
            }
            continue;
        }
        // madsim sleeps for a millisecond at least; a node's timers may come late.
        let alarm = async {
            match wait {
                Some(wait) => madsim::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            arrival = arrivals.recv() => match arrival {
                Some(arrival) => process.take(arrival),
                None => return,
            },
            () = alarm => {}
        }
    }
    let mut bench = shared.lock();
    bench.slot(node).inbox = None;
    bench.ended.push(node);
    bench.call_driver();
}

/// Binds a port and passes on whoever connects to it. In place before the process says its first word.
async fn listen(node: NodeId, port: u16, inbox: mpsc::UnboundedSender<Arrival>) {
    let Ok(listener) = TcpListener::bind((address(node), port)).await else { return };
    madsim::task::spawn_local(async move {
        while let Ok((stream, from)) = listener.accept().await {
            if inbox.send(Arrival::Accepted { stream, port, from }).is_err() {
                return;
            }
        }
    });
}

impl Process {
    /// When the node wants to be woken, on the world's clock.
    fn due(&self) -> Option<Time> {
        let (deadline, _) = self.kind.next_deadline()?;
        Some(self.shared.lock().slot(self.node).clock.world(deadline))
    }

    fn wake(&mut self) {
        let Some((deadline, why)) = self.kind.next_deadline() else { return };
        let (local, since) = {
            let mut bench = self.shared.lock();
            (bench.time_at(self.node), bench.slot(self.node).since)
        };
        if deadline <= local {
            let fired = EventKind::TimerFired { why: why.into() };
            self.call(Input::Wake, Origin::Lazy(fired, since));
        }
    }

    fn take(&mut self, arrival: Arrival) {
        if self.over {
            return;
        }
        match arrival {
            Arrival::Opened { id, stream } => self.opened(id, stream),
            Arrival::Refused { id } => {
                let Some(connection) = self.connections.remove(&id) else { return };
                let reason = CloseReason::Refused;
                let cause = self.opening(&connection.held);
                self.closed(id, reason, cause);
            }
            Arrival::Accepted { stream, port, from } => self.accepted(stream, port, from),
            Arrival::Bytes { id, bytes } => self.bytes(id, bytes),
            Arrival::Gone { id, reason } => {
                let Some(connection) = self.connections.remove(&id) else { return };
                self.forget(&connection.held, None);
                self.closed(id, reason, None);
            }
            Arrival::Command { command, text, cause } => {
                let origin = match &command {
                    // As in the world: `RecordAccepted` tells a record, everything else is told as it is given.
                    Command::Produce(record) => {
                        Origin::Record(record.id, TopicName::clone(&record.topic), cause)
                    }
                    // No application runs in this mode, so that nobody calls.
                    Command::Application(_)
                    | Command::Flush
                    | Command::Assign { .. }
                    | Command::CreateTopic { .. }
                    | Command::Admin(_)
                    | Command::Group(_)
                    | Command::Shutdown => {
                        let kind = EventKind::CommandGiven { text };
                        Origin::Recorded(self.shared.lock().record(self.node, cause, kind))
                    }
                };
                self.call(Input::Command(command), origin);
            }
            Arrival::Reset { peer, cause } => {
                let with = self
                    .connections
                    .iter()
                    .filter(|(_, one)| one.held.peer == peer && one.held.wire.is_some());
                let ids: Vec<ConnectionId> = with.map(|(id, _)| *id).collect();
                for id in ids {
                    let Some(connection) = self.connections.remove(&id) else { continue };
                    self.forget(&connection.held, cause);
                    self.closed(id, CloseReason::Reset, cause);
                }
            }
            Arrival::Poke => {}
        }
    }

    fn opening(&self, held: &Held) -> Option<Seq> {
        let bench = self.shared.lock();
        let tried =
            bench.openings.range((self.node, held.peer, 0)..=(self.node, held.peer, u16::MAX));
        tried.map(|(_, seq)| *seq).max()
    }

    fn opened(&mut self, id: ConnectionId, stream: TcpStream) {
        // Given up in the meantime: dropping the stream closes it.
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (Ok(near), Ok(far)) = (stream.local_addr(), stream.peer_addr()) else { return };
        connection.held.wire = Some((near, far));
        let peer = connection.held.peer;
        let (writer, alive) = attach(stream, id, self.inbox.clone());
        connection.writer = Some(writer);
        connection._alive = alive;
        let cause = self.opening(&Held { wire: None, side: 0, peer });
        let kind = EventKind::ConnectionOpened { connection: id, peer };
        let seq = {
            let mut bench = self.shared.lock();
            bench.flights.entry((near, far)).or_default();
            bench.record(self.node, cause, kind)
        };
        self.call(Input::Opened { connection: id }, Origin::Recorded(seq));
    }

    fn accepted(&mut self, stream: TcpStream, port: u16, from: SocketAddr) {
        let Some(peer) = node_at(from.ip()) else { return };
        let wire: Wire = (from, SocketAddr::new(address(self.node), port));
        let (id, seq, host) = {
            let mut bench = self.shared.lock();
            bench.flights.entry(wire).or_default();
            let id = bench.slot(self.node).effects.fresh_connection();
            let opening = bench.openings.get(&(peer, self.node, port)).copied();
            let kind = EventKind::ConnectionAccepted { connection: id, peer, port };
            let seq = bench.record(self.node, opening, kind);
            (id, seq, bench.slot(peer).spec.name.clone())
        };
        let (writer, alive) = attach(stream, id, self.inbox.clone());
        let held = Held { wire: Some(wire), side: 1, peer };
        let connection = Connection { held, writer: Some(writer), _alive: alive };
        self.connections.insert(id, connection);
        let peer = Endpoint { host, port: from.port() };
        self.call(Input::Accepted { connection: id, port, peer }, Origin::Recorded(seq));
    }

    /// Bytes arrived: one input for each frame, or part of a frame, so that each frame's delivery is an event.
    fn bytes(&mut self, id: ConnectionId, mut bytes: Bytes) {
        while !bytes.is_empty() {
            let Some(held) = self.connections.get(&id).map(|c| (c.held.wire, c.held.side)) else {
                return;
            };
            let (Some(wire), side) = held else { return };
            let (piece, origin) = {
                let mut bench = self.shared.lock();
                let flight = bench.flights.get_mut(&wire).map(|flights| &mut flights[1 - side]);
                match flight.and_then(|flight| flight.front_mut()) {
                    Some((sent, left)) if *left > bytes.len() => {
                        *left -= bytes.len();
                        (bytes.split_off(0), Origin::Recorded(*sent))
                    }
                    Some((sent, left)) => {
                        let (frame, size) = (*sent, *left);
                        if let Some(flights) = bench.flights.get_mut(&wire) {
                            flights[1 - side].pop_front();
                        }
                        let kind = EventKind::FrameDelivered { frame };
                        let seq = bench.record(self.node, Some(frame), kind);
                        (bytes.split_to(size), Origin::Recorded(seq))
                    }
                    // Given up as dropped by a crash of the sender that madsim's network survived.
                    None => return,
                }
            };
            self.call(Input::Received { connection: id, bytes: piece }, origin);
        }
    }

    fn closed(&mut self, id: ConnectionId, reason: CloseReason, cause: Option<Seq>) {
        let kind = EventKind::ConnectionClosed { connection: id, reason };
        let seq = {
            let mut bench = self.shared.lock();
            let cause = cause.or_else(|| bench.slot(self.node).since);
            bench.record(self.node, cause, kind)
        };
        self.call(Input::Closed { connection: id, reason }, Origin::Recorded(seq));
    }

    /// Nothing that is under way to this end will be read.
    fn forget(&self, held: &Held, cause: Option<Seq>) {
        if let Some(wire) = held.wire {
            self.shared.lock().drop_frames(self.node, wire, 1 - held.side, "closed", cause);
        }
    }

    /// One call of the node, as in the world: input in, events and effects out.
    fn call(&mut self, input: Input, origin: Origin) {
        let shared = self.shared.clone();
        let mut bench = shared.lock();
        let next_seq = bench.input_of();
        let local = bench.time_at(self.node);
        let slot = bench.slot(self.node);
        slot.effects.items.clear();
        slot.effects.cause_kept = false;
        let mut cx = Context {
            now: local,
            wall: slot.clock.wall(local),
            input_seq: match &origin {
                Origin::Recorded(seq) => *seq,
                Origin::Lazy(..) | Origin::Record(..) => next_seq,
            },
            disk: &mut slot.disk,
            rng: &mut slot.streams,
            out: &mut slot.effects,
        };
        let kind = &mut self.kind;
        let outcome = catch_unwind(AssertUnwindSafe(|| kind.handle(&mut cx, input)));
        // Simplified: a disk costs time only while it is slower than usual; madsim's clock ticks too coarsely for the rest.
        let cost = slot.disk.take_cost();
        if slot.disk.is_slow() {
            slot.ready = slot.ready.max(now()) + cost;
        }
        let items = std::mem::take(&mut slot.effects.items);
        let kept = slot.effects.cause_kept;
        let input_seq = match origin {
            Origin::Recorded(seq) => Some(seq),
            Origin::Lazy(kind, cause) if kept || !items.is_empty() => {
                Some(bench.record(self.node, cause, kind))
            }
            Origin::Lazy(..) => None,
            Origin::Record(.., cause) if items.first().is_some_and(Output::accepts_a_record) => {
                cause
            }
            Origin::Record(record, topic, cause) if kept || !items.is_empty() => {
                // It waits for the producer to learn where it belongs.
                let text = format!("send record {record} to {topic}");
                let kind = EventKind::CommandGiven { text };
                Some(bench.record(self.node, cause, kind))
            }
            Origin::Record(..) => None,
        };
        drop(bench);
        let mut previous = None;
        for item in items {
            match item {
                Output::Observed(kind, because) => {
                    let mut bench = shared.lock();
                    let cause = bench.resolve(because, self.node, input_seq, previous);
                    previous = Some(bench.record(self.node, cause, kind));
                }
                Output::Effect(effect, because) => {
                    let cause = shared.lock().resolve(because, self.node, input_seq, previous);
                    if !self.over {
                        self.perform(effect, cause);
                    }
                }
            }
        }
        if let Err(panic) = outcome {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("a panic without a message");
            let reason = format!("panic: {text}");
            shared.lock().panics.push((self.node, reason.clone()));
            self.stop(reason, false, input_seq);
        }
    }

    fn perform(&mut self, effect: Effect, cause: Option<Seq>) {
        match effect {
            Effect::Connect { connection, to } => self.connect(connection, &to, cause),
            Effect::Send { connection: id, bytes, note } => {
                let Some(connection) = self.connections.get(&id) else { return };
                let (Some(writer), Some(wire)) = (&connection.writer, connection.held.wire) else {
                    return;
                };
                let kind = EventKind::FrameSent {
                    to: connection.held.peer,
                    connection: id,
                    role: note.role,
                    api_key: note.api_key,
                    api_version: note.api_version,
                    correlation_id: note.correlation_id,
                    size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                    digest: xxh3_64(&bytes),
                };
                let mut bench = self.shared.lock();
                let sent = bench.record(self.node, cause, kind);
                let (size, side) = (bytes.len(), connection.held.side);
                let answers = (note.role == FrameRole::Response).then_some(note.api_key);
                let way = (self.node, connection.held.peer);
                let release = bench.release(way, self.network, size, answers);
                if writer.send((release, bytes)).is_ok() {
                    bench.flights.entry(wire).or_default()[side].push_back((sent, size));
                } else {
                    let kind = EventKind::FrameDropped { frame: sent, reason: "closed".into() };
                    bench.record(self.node, Some(sent), kind);
                }
            }
            Effect::Close { connection: id, reason } => {
                let Some(connection) = self.connections.remove(&id) else { return };
                let kind = EventKind::ConnectionClosed { connection: id, reason };
                let seq = self.shared.lock().record(self.node, cause, kind);
                self.forget(&connection.held, Some(seq));
            }
            Effect::Halt { reason, orderly } => self.stop(reason, orderly, cause),
        }
    }

    fn stop(&mut self, reason: String, orderly: bool, cause: Option<Seq>) {
        self.over = true;
        let mut bench = self.shared.lock();
        let seq = bench.record(self.node, cause, EventKind::NodeStopped { reason, orderly });
        let slot = bench.slot(self.node);
        slot.life = Life::Dead;
        slot.since = Some(seq);
        slot.shutting_down = false;
        bench.drop_all(self.node, seq);
        drop(bench);
        self.connections.clear();
    }

    fn connect(&mut self, id: ConnectionId, to: &Endpoint, cause: Option<Seq>) {
        let mut bench = self.shared.lock();
        let peer = bench.named(&to.host);
        let kind = EventKind::ConnectionOpening {
            connection: id,
            to: peer.unwrap_or(klamm_trace::LAB),
            port: to.port,
        };
        let opening = bench.record(self.node, cause, kind);
        let (alive, mut given_up) = oneshot::channel();
        let peer_id = peer.unwrap_or(klamm_trace::LAB);
        bench.openings.insert((self.node, peer_id, to.port), opening);
        drop(bench);
        let held = Held { wire: None, side: 0, peer: peer_id };
        self.connections.insert(id, Connection { held, writer: None, _alive: alive });
        let (shared, inbox, node, port) =
            (self.shared.clone(), self.inbox.clone(), self.node, to.port);
        madsim::task::spawn_local(async move {
            let Some(peer) = peer else {
                let _gone = inbox.send(Arrival::Refused { id });
                return;
            };
            loop {
                // madsim refuses a connect over a cut link (N6); a real SYN is lost and sent again.
                let silent = shared.lock().is_silent(node, peer);
                if !silent {
                    let result = TcpStream::connect((address(peer), port)).await;
                    let still_silent = shared.lock().is_silent(node, peer);
                    match result {
                        Ok(stream) => {
                            let _gone = inbox.send(Arrival::Opened { id, stream });
                            return;
                        }
                        Err(_) if !still_silent => {
                            let _gone = inbox.send(Arrival::Refused { id });
                            return;
                        }
                        Err(_) => {}
                    }
                }
                tokio::select! {
                    biased;
                    _ = &mut given_up => return,
                    () = madsim::time::sleep(SYN_RETRY) => {}
                }
            }
        });
    }
}

/// Gives a stream its two tasks: one reads until the connection is dropped, one writes what is sent, then lets go.
fn attach(
    stream: TcpStream,
    id: ConnectionId,
    inbox: mpsc::UnboundedSender<Arrival>,
) -> (mpsc::UnboundedSender<(Time, Bytes)>, oneshot::Sender<()>) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (alive, mut closed) = oneshot::channel::<()>();
    let (sender, mut outgoing) = mpsc::unbounded_channel::<(Time, Bytes)>();
    madsim::task::spawn_local(async move {
        loop {
            let mut buffer = bytes::BytesMut::with_capacity(64 << 10);
            let read = tokio::select! {
                biased;
                _ = &mut closed => return,
                read = reader.read_buf(&mut buffer) => read,
            };
            let arrival = match read {
                Ok(0) => Arrival::Gone { id, reason: CloseReason::PeerClosed },
                Ok(_) => Arrival::Bytes { id, bytes: buffer.freeze() },
                Err(_) => Arrival::Gone { id, reason: CloseReason::Reset },
            };
            let last = matches!(arrival, Arrival::Gone { .. });
            if inbox.send(arrival).is_err() || last {
                return;
            }
        }
    });
    madsim::task::spawn_local(async move {
        while let Some((release, bytes)) = outgoing.recv().await {
            let wait = release.since(now());
            if wait.0 > 0 {
                madsim::time::sleep(Duration::from_nanos(wait.0)).await;
            }
            // madsim sends nothing before it is flushed (N8). A failure shows on the reading side.
            if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
    });
    (sender, alive)
}
