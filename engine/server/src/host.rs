//! The loop around one node: everything that happens to it comes through one queue, one at a time.
//!
//! Each connection has a task that reads and a task that writes. Readers wait when the queue is full, so that TCP slows
//! down a client that sends faster than the node works; and a reader waits while its writer has more to send than a client
//! should leave unread, so that one which asks and never listens fills its own buffers and not this process. It waits as
//! well while the node has enough of its bytes, behind a request that takes its time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use klamm_node::{
    CloseReason, Command, ConnectionId, Context, Effect, Effects, Endpoint, EventKind, Incarnation,
    Input, Node, Output, Seq, Span, Streams, Time, Timestamp,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{debug, info, warn};

use crate::file_disk::FileDisk;

/// The state of a broker that serves clients, in the words of `BrokerStateChanged`.
const RUNNING: &str = "running";
/// How many inputs may wait for the node before readers stop reading.
const QUEUE: usize = 256;
/// The most bytes that one read takes.
const CHUNK: usize = 64 * 1024;
/// How many answered bytes a client may leave unread before its next requests are left unread too.
const UNREAD: usize = 1024 * 1024;
/// How long writers may take to get rid of what they hold when a connection, or the node, is done.
const DRAIN: Duration = Duration::from_secs(2);

/// What arrives at the loop.
#[derive(Debug)]
enum Arrival {
    Accepted(TcpStream, SocketAddr, u16, Option<OwnedSemaphorePermit>),
    Connected(ConnectionId, TcpStream),
    Received(ConnectionId, Bytes),
    Closed(ConnectionId, CloseReason),
    Stop(&'static str),
}

/// What keeps a connection's reader waiting: what its writer has not sent yet, and the node's word.
#[derive(Debug, Default)]
struct Backlog {
    bytes: AtomicUsize,
    muted: AtomicBool,
    shrunk: Notify,
    /// Told once, when the loop lets go of the connection.
    let_go: Notify,
}

impl Backlog {
    fn grow(&self, by: usize) {
        self.bytes.fetch_add(by, Ordering::Relaxed);
    }

    fn shrink(&self, by: usize) {
        self.bytes.fetch_sub(by, Ordering::Relaxed);
        self.shrunk.notify_one();
    }

    fn mute(&self, muted: bool) {
        self.muted.store(muted, Ordering::Relaxed);
        self.shrunk.notify_one();
    }

    async fn small(&self) {
        while self.muted.load(Ordering::Relaxed) || self.bytes.load(Ordering::Relaxed) > UNREAD {
            self.shrunk.notified().await;
        }
    }
}

/// The two tasks of a connection, as the loop knows them.
struct Attached {
    writer: mpsc::UnboundedSender<Bytes>,
    backlog: Arc<Backlog>,
    /// The reading task: it ends when the loop lets go of the connection.
    reader: tokio::task::AbortHandle,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.reader.abort();
        self.backlog.let_go.notify_one();
    }
}

/// Asks a running server to stop in an orderly way, as a signal does.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Notify>);

impl Stop {
    /// Asks; the server answers by ending. Does nothing when it has ended already.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

/// A port that is ours.
#[derive(Debug)]
pub(crate) struct Listening {
    /// Bound, and not listening yet: who connects is refused.
    pub socket: TcpSocket,
    pub port: u16,
    /// Opened only once the broker runs, as Kafka does with the listeners for clients. Before that, metadata names no
    /// brokers, and librdkafka from 2.10 takes that as their end: it may wait five minutes before it looks for them again.
    pub when_running: bool,
    /// How many connections it may hold at once (`max.connections`); the next ones wait to be accepted, as in Kafka.
    pub most: Option<usize>,
}

/// How a host ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Halted {
    pub reason: String,
    pub orderly: bool,
}

/// A node with its disk, clock and connections.
pub(crate) struct Host {
    node: Box<dyn Node>,
    disk: FileDisk,
    streams: Streams,
    effects: Effects,
    started: Instant,
    last: Time,
    connections: BTreeMap<ConnectionId, Attached>,
    /// Those of them that the node wants to hear nothing of for now.
    muted: BTreeSet<ConnectionId>,
    tasks: tokio::task::JoinSet<()>,
    arrivals: mpsc::Sender<Arrival>,
    /// Whether the node has said that its broker runs.
    running: bool,
    /// Whether it was asked to stop.
    stopping: bool,
    halted: Option<Halted>,
}

impl Host {
    /// Runs the node until it halts: after a signal, or because it can't go on.
    pub(crate) async fn run(
        node: Box<dyn Node>,
        disk: FileDisk,
        seed: u64,
        listeners: Vec<Listening>,
        on_ready: impl FnOnce(Stop),
    ) -> std::io::Result<Halted> {
        let (arrivals, mut queue) = mpsc::channel(QUEUE);
        let (for_clients, at_once): (Vec<_>, Vec<_>) =
            listeners.into_iter().partition(|listening| listening.when_running);
        open(at_once, &arrivals)?;
        let mut for_clients = Some(for_clients);
        tokio::spawn(signals(arrivals.clone())?);
        let mut host = Self {
            node,
            disk,
            streams: Streams::new(seed, 0),
            effects: Effects::default(),
            started: Instant::now(),
            last: Time::ZERO,
            connections: BTreeMap::new(),
            muted: BTreeSet::new(),
            tasks: tokio::task::JoinSet::new(),
            arrivals,
            running: false,
            stopping: false,
            halted: None,
        };
        let asked = Arc::new(Notify::new());
        let mut on_ready = Some(on_ready);
        host.handle(Input::Start { incarnation: Incarnation(1) });
        while host.halted.is_none() {
            if host.running
                && let Some(on_ready) = on_ready.take()
            {
                open(for_clients.take().unwrap_or_default(), &host.arrivals)?;
                on_ready(Stop(Arc::clone(&asked)));
            }
            let deadline =
                host.node.next_deadline().map(|(at, _)| host.started + Duration::from_nanos(at.0));
            // In no fixed order: neither a full queue nor a crowd of timers may starve the other.
            tokio::select! {
                arrival = queue.recv() => if let Some(arrival) = arrival { host.arrive(arrival) },
                () = until(deadline) => host.handle(Input::Wake),
                () = asked.notified() => host.arrive(Arrival::Stop("request")),
            }
        }
        let halted = host.halted.take().unwrap_or(Halted { reason: String::new(), orderly: true });
        // Closing the writers' queues lets them send what they hold, and end.
        host.connections.clear();
        let drained =
            tokio::time::timeout(DRAIN, async { while host.tasks.join_next().await.is_some() {} })
                .await;
        if drained.is_err() {
            warn!("some connections did not take their last bytes in time");
        }
        Ok(halted)
    }

    /// Strictly increasing, so that the node never sees two inputs at one instant.
    fn now(&mut self) -> Time {
        let elapsed = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last = Time(elapsed).max(self.last + Span::nanos(1));
        self.last
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Accepted(stream, peer, port, slot) => {
                let connection = self.effects.fresh_connection();
                self.attach(connection, stream, slot);
                let peer = Endpoint::new(peer.ip().to_string(), peer.port());
                self.handle(Input::Accepted { connection, port, peer });
            }
            Arrival::Connected(connection, stream) => {
                self.attach(connection, stream, None);
                self.handle(Input::Opened { connection });
            }
            Arrival::Received(connection, bytes) => {
                // Bytes of a connection that the node has closed meanwhile are nobody's.
                if self.connections.contains_key(&connection) {
                    self.handle(Input::Received { connection, bytes });
                    self.mute(connection);
                }
            }
            Arrival::Closed(connection, reason) => {
                let was_open = self.connections.remove(&connection).is_some();
                if was_open || matches!(reason, CloseReason::Refused) {
                    self.handle(Input::Closed { connection, reason });
                }
            }
            Arrival::Stop(signal) if self.stopping => {
                warn!(signal, "stopping at once");
                let reason = "it was told to stop a second time".to_owned();
                self.halted = Some(Halted { reason, orderly: false });
            }
            Arrival::Stop(signal) => {
                info!(signal, "stopping");
                self.stopping = true;
                self.handle(Input::Command(Command::Shutdown));
            }
        }
    }

    /// Stops reading a connection while the node has enough of it.
    fn mute(&mut self, connection: ConnectionId) {
        if let Some(attached) = self.connections.get(&connection)
            && self.node.mutes(connection)
            && self.muted.insert(connection)
        {
            attached.backlog.mute(true);
        }
    }

    /// Reads the muted connections again that the node has come to the end of.
    fn unmute(&mut self) {
        let (node, connections) = (&self.node, &self.connections);
        self.muted.retain(|connection| match connections.get(connection) {
            Some(_) if node.mutes(*connection) => true,
            Some(attached) => {
                attached.backlog.mute(false);
                false
            }
            None => false,
        });
    }

    fn attach(
        &mut self,
        connection: ConnectionId,
        stream: TcpStream,
        slot: Option<OwnedSemaphorePermit>,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "no TCP_NODELAY");
        }
        let (read, write) = stream.into_split();
        let (writer, frames) = mpsc::unbounded_channel();
        let backlog = Arc::new(Backlog::default());
        let reading = read_bytes(connection, read, self.arrivals.clone(), Arc::clone(&backlog));
        let reader = tokio::spawn(reading).abort_handle();
        // The slot goes with the task that holds the socket longest.
        let writing = write_frames(write, frames, Arc::clone(&backlog));
        self.tasks.spawn(async move {
            writing.await;
            drop(slot);
        });
        self.connections.insert(connection, Attached { writer, backlog, reader });
    }

    fn handle(&mut self, input: Input) {
        let now = self.now();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut context = Context {
            now,
            wall: Timestamp(i64::try_from(wall).unwrap_or(i64::MAX)),
            input_seq: Seq(0),
            disk: &mut self.disk,
            rng: &mut self.streams,
            out: &mut self.effects,
        };
        self.node.handle(&mut context, input);
        let mut items = std::mem::take(&mut self.effects.items);
        for item in items.drain(..) {
            match item {
                Output::Observed(kind, _) => {
                    debug!(target: "klamm::event", time = %now, "{kind}");
                    if let EventKind::BrokerStateChanged { to, .. } = &kind {
                        self.running = to == RUNNING;
                    }
                }
                Output::Effect(effect, _) => self.carry_out(effect),
            }
        }
        // Keep the allocation for the next call.
        self.effects.items = items;
        self.unmute();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Connect { connection, to } => {
                tokio::spawn(connect(connection, to, self.arrivals.clone()));
            }
            Effect::Send { connection, bytes, note: _ } => {
                // A send that fails finds a connection whose end is already on its way through the queue.
                if let Some(attached) = self.connections.get(&connection) {
                    let size = bytes.len();
                    attached.backlog.grow(size);
                    if attached.writer.send(bytes).is_err() {
                        attached.backlog.shrink(size);
                        debug!(%connection, "the peer takes nothing any more");
                    }
                }
            }
            Effect::Close { connection, reason } => {
                debug!(%connection, %reason, "closing");
                self.connections.remove(&connection);
            }
            Effect::Halt { reason, orderly } => self.halted = Some(Halted { reason, orderly }),
        }
    }
}

/// How many connections the system may hold for us until we accept them; what the standard library asks for, and more than
/// Linux gives by default.
const PENDING: u32 = 1024;

fn open(ports: Vec<Listening>, arrivals: &mpsc::Sender<Arrival>) -> std::io::Result<()> {
    for Listening { socket, port, when_running: _, most } in ports {
        let slots = most.map(|most| Arc::new(Semaphore::new(most)));
        tokio::spawn(accept(socket.listen(PENDING)?, port, slots, arrivals.clone()));
    }
    Ok(())
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

async fn accept(
    listener: TcpListener,
    port: u16,
    slots: Option<Arc<Semaphore>>,
    arrivals: mpsc::Sender<Arrival>,
) {
    loop {
        let slot = match &slots {
            Some(slots) => Some(slot(slots, port).await),
            None => None,
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                if arrivals.send(Arrival::Accepted(stream, peer, port, slot)).await.is_err() {
                    return;
                }
            }
            // Out of descriptors, or the peer was gone before we looked: wait a moment rather than spin.
            Err(error) => {
                warn!(%error, port, "accept failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn slot(slots: &Arc<Semaphore>, port: u16) -> OwnedSemaphorePermit {
    if slots.available_permits() == 0 {
        warn!(port, "as many connections as there may be: the next ones wait");
    }
    let slot = Arc::clone(slots).acquire_owned().await;
    slot.expect("nobody closes the semaphore")
}

async fn connect(connection: ConnectionId, to: Endpoint, arrivals: mpsc::Sender<Arrival>) {
    let arrival = match TcpStream::connect((&*to.host, to.port)).await {
        Ok(stream) => Arrival::Connected(connection, stream),
        Err(error) => {
            debug!(%to, %error, "connect failed");
            Arrival::Closed(connection, CloseReason::Refused)
        }
    };
    // The loop is gone only when the host ends, and then nobody waits for this connection.
    drop(arrivals.send(arrival).await);
}

async fn read_bytes(
    connection: ConnectionId,
    mut read: OwnedReadHalf,
    arrivals: mpsc::Sender<Arrival>,
    backlog: Arc<Backlog>,
) {
    let mut buffer = BytesMut::new();
    let reason = loop {
        backlog.small().await;
        buffer.reserve(CHUNK);
        match read.read_buf(&mut buffer).await {
            Ok(0) => break CloseReason::PeerClosed,
            Ok(_) => {
                if arrivals
                    .send(Arrival::Received(connection, buffer.split().freeze()))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Err(_) => break CloseReason::Reset,
        }
    };
    drop(arrivals.send(Arrival::Closed(connection, reason)).await);
}

/// Sends what the loop gives it. Once the loop has let go of the connection, a peer that does not listen has [`DRAIN`] to
/// take the rest.
async fn write_frames(
    write: OwnedWriteHalf,
    frames: mpsc::UnboundedReceiver<Bytes>,
    backlog: Arc<Backlog>,
) {
    let late = async {
        backlog.let_go.notified().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        () = send_frames(write, frames, &backlog) => {}
        () = late => debug!("the peer did not take its last bytes in time"),
    }
}

async fn send_frames(
    mut write: OwnedWriteHalf,
    mut frames: mpsc::UnboundedReceiver<Bytes>,
    backlog: &Backlog,
) {
    while let Some(frame) = frames.recv().await {
        let sent = write.write_all(&frame).await;
        backlog.shrink(frame.len());
        if sent.is_err() {
            // The reader finds the same end; what is still queued goes with this task, and must not hold the reader up.
            frames.close();
            while let Some(frame) = frames.recv().await {
                backlog.shrink(frame.len());
            }
            return;
        }
    }
    // The queue is closed: the node, or the loop, is done with this connection.
    drop(write.shutdown().await);
}

/// Waits for Ctrl-C or SIGTERM, and passes each on.
#[cfg(unix)]
fn signals(arrivals: mpsc::Sender<Arrival>) -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        loop {
            let name = tokio::select! {
                biased;
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "Ctrl-C",
            };
            if arrivals.send(Arrival::Stop(name)).await.is_err() {
                return;
            }
        }
    })
}

/// Waits for Ctrl-C, and passes each on.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as where registering can fail")]
fn signals(arrivals: mpsc::Sender<Arrival>) -> std::io::Result<impl Future<Output = ()>> {
    Ok(async move {
        while tokio::signal::ctrl_c().await.is_ok()
            && arrivals.send(Arrival::Stop("Ctrl-C")).await.is_ok()
        {}
    })
}
