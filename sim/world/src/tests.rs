//! Situations on simulated machines, played by a scripted node, the puppet.

use std::sync::Arc;

use bytes::Bytes;
use klamm_node::{
    CloseReason, Command, ConnectionId, Context, CorrelationId, Endpoint, Event, EventKind,
    FrameNote, FrameRole, Input, Node, NodeId, ProduceRecord, RecordId, Span, Time,
};
use klamm_scenario::model::{Disk as DiskSpeed, Network};
use klamm_trace::{Keep, NodeInfo, NodeKind as Kind, NodeTable, Recorder, TraceHeader};

use crate::{Blueprint, Lab, MachineSpec, NodeKind, Verb};

mod determinism;
mod disturbances;
mod faults;
mod kernel;
mod scenario;

/// What a puppet does with what it receives, besides remembering it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Store {
    #[default]
    Nothing,
    Write,
    Sync,
}

/// A node that does what a test tells it.
#[expect(unnameable_types, reason = "the enum of processes is public, its test variant is not")]
#[derive(Clone, Debug, Default)]
pub struct Puppet {
    peer: Option<Endpoint>,
    echo: bool,
    store: Store,
    /// Syncs a file before it connects.
    slow_start: bool,
    says: Vec<(Time, EventKind)>,
    connection: Option<ConnectionId>,
    unsent: Vec<Bytes>,
    got: Vec<(Time, Bytes)>,
    opened: Vec<Time>,
    closed: Vec<(Time, CloseReason)>,
    found: Option<Bytes>,
    woken: Vec<Time>,
}

impl Puppet {
    fn client(of: &str) -> Self {
        Self { peer: Some(Endpoint::new(of, 9092)), ..Self::default() }
    }

    fn server(store: Store) -> Self {
        Self { echo: true, store, ..Self::default() }
    }

    fn send(cx: &mut Context<'_>, connection: ConnectionId, bytes: Bytes) {
        let note = FrameNote {
            role: FrameRole::Request,
            api_key: 0,
            api_version: 0,
            correlation_id: CorrelationId(0),
        };
        cx.out.send(connection, bytes, note);
    }
}

impl Node for Puppet {
    fn handle(&mut self, cx: &mut Context<'_>, input: Input) {
        match input {
            Input::Start { .. } => {
                self.found = cx.disk.read_whole("log").expect("readable");
                if self.slow_start {
                    let file = cx.disk.open("state", true).expect("opened");
                    cx.disk.sync(file).expect("synced");
                }
                if let Some(peer) = self.peer.clone() {
                    self.connection = Some(cx.out.connect(peer));
                }
            }
            Input::Wake => {
                self.woken.push(cx.now);
                while self.says.first().is_some_and(|(at, _)| *at <= cx.now) {
                    let (_, kind) = self.says.remove(0);
                    cx.observe(kind);
                }
            }
            Input::Opened { connection } => {
                self.opened.push(cx.now);
                for bytes in std::mem::take(&mut self.unsent) {
                    Self::send(cx, connection, bytes);
                }
            }
            Input::Accepted { connection, .. } => {
                self.opened.push(cx.now);
                self.connection = Some(connection);
            }
            Input::Received { connection, bytes } => {
                self.got.push((cx.now, bytes.clone()));
                if self.store != Store::Nothing {
                    let file = cx.disk.open("log", true).expect("opened");
                    cx.disk.append(file, &bytes).expect("written");
                    if self.store == Store::Sync {
                        cx.disk.sync(file).expect("synced");
                        cx.disk.sync_dir("").expect("synced");
                    }
                }
                if self.echo {
                    Self::send(cx, connection, bytes);
                }
            }
            Input::Closed { reason, .. } => {
                self.closed.push((cx.now, reason));
                self.connection = None;
            }
            Input::Command(Command::Produce(record)) => {
                let bytes = record.value.unwrap_or_default();
                assert_ne!(&bytes[..], b"panic", "told to");
                match self.connection {
                    Some(connection) if !self.opened.is_empty() => {
                        Self::send(cx, connection, bytes);
                    }
                    _ => self.unsent.push(bytes),
                }
            }
            Input::Command(Command::Flush) => {
                if let Some(connection) = self.connection.take() {
                    cx.out.close(connection, CloseReason::RequestTimeout);
                }
            }
            Input::Command(Command::Shutdown) => cx.out.halt("shut down", true),
            Input::Command(
                Command::Assign { .. }
                | Command::CreateTopic { .. }
                | Command::Admin(_)
                | Command::Group(_)
                | Command::Application(_),
            ) => {}
        }
    }

    fn next_deadline(&self) -> Option<(Time, &'static str)> {
        self.says.first().map(|(at, _)| (*at, "say"))
    }
}

const LATENCY: Span = Span::millis(10);
const NETWORK: Network = Network { latency_low: LATENCY, latency_high: LATENCY, bandwidth: 0 };
const DISK: DiskSpeed = DiskSpeed { read: Span::ZERO, write: Span::ZERO, sync: Span::ZERO };

fn spec(name: &str, puppet: Puppet) -> MachineSpec {
    let blueprint = Blueprint::Test(puppet);
    MachineSpec { name: Arc::from(name), blueprint, ports: vec![9092], disk: DISK }
}

fn table(names: &[&str], kind: impl Fn(&str) -> Kind) -> NodeTable {
    let info = |name: &&str| NodeInfo {
        name: Arc::from(*name),
        kind: kind(name),
        broker: None,
        host: Arc::from(*name),
        rack: None,
    };
    NodeTable::new(names.iter().map(info).collect())
}

/// A lab of puppets, all started.
fn lab_on(seed: u64, network: Network, disk: DiskSpeed, puppets: Vec<(&str, Puppet)>) -> Lab {
    let names: Vec<&str> = puppets.iter().map(|(name, _)| *name).collect();
    let header = TraceHeader::new(table(&names, |_| Kind::Application));
    let recorder = Recorder::new(header, Keep::EVENTS);
    let specs = puppets
        .into_iter()
        .map(|(name, puppet)| MachineSpec { disk, ..spec(name, puppet) })
        .collect();
    let mut lab = Lab::new(seed, specs, network, recorder);
    for node in 0..names.len() {
        lab.apply(&Verb::Start(id(node)), None, None);
    }
    lab
}

/// A client and a server that echoes, ten milliseconds apart.
fn pair(store: Store) -> Lab {
    lab_on(
        7,
        NETWORK,
        DISK,
        vec![("client", Puppet::client("server")), ("server", Puppet::server(store))],
    )
}

fn id(node: usize) -> NodeId {
    NodeId(u16::try_from(node).expect("small"))
}

const CLIENT: NodeId = NodeId(0);
const SERVER: NodeId = NodeId(1);

fn ms(n: u64) -> Time {
    Time(n * 1_000_000)
}

fn run_to(lab: &mut Lab, time: Time) {
    while lab.next_time().is_some_and(|at| at <= time) {
        lab.step();
    }
    lab.advance_to(time);
}

fn say(lab: &mut Lab, node: NodeId, text: impl Into<Bytes>) {
    let record = ProduceRecord {
        id: RecordId(1),
        topic: Arc::from("t"),
        partition: None,
        key: None,
        value: Some(text.into()),
        headers: Vec::new(),
        timestamp: None,
    };
    lab.command(node, Command::Produce(record), "say".to_owned(), None);
}

fn puppet(lab: &Lab, node: NodeId) -> &Puppet {
    match lab.machine(node).and_then(|machine| machine.process()) {
        Some(NodeKind::Test(puppet)) => puppet,
        other => panic!("no puppet runs there: {other:?}"),
    }
}

fn got(lab: &Lab, node: NodeId) -> Vec<(u64, String)> {
    let show = |(at, bytes): &(Time, Bytes)| {
        (at.0 / 1_000_000, String::from_utf8_lossy(bytes).into_owned())
    };
    puppet(lab, node).got.iter().map(show).collect()
}

fn events(lab: &Lab) -> Vec<Event> {
    lab.recorder().events().iter().collect()
}

fn count(lab: &Lab, of: impl Fn(&EventKind) -> bool) -> usize {
    events(lab).iter().filter(|event| of(&event.kind)).count()
}
