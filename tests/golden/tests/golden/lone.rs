//! One combined process alone, driven by hand: strangers connect to it, say bytes, and read what it answers. Its broker
//! reaches its own controller through a wire of this driver.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use klamm_broker::lifecycle::BrokerState;
use klamm_broker::{Process, ProcessConfig, Roles};
use klamm_node::{
    BrokerId, CloseReason, ConnectionId, Context, Effect, Effects, Endpoint, EventKind,
    Incarnation, Input, MemoryDisk, Node, Output, Seq, Span, Streams, Time, Timestamp,
};

const HOST: &str = "broker-1";
const LATENCY: Span = Span::micros(500);
/// How long an answer may take.
const PATIENCE: Span = Span::secs(40);

/// The process and everything around it.
pub(crate) struct Lone {
    process: Process,
    disk: MemoryDisk,
    rng: Streams,
    out: Effects,
    now: Time,
    serial: u64,
    due: BTreeMap<(Time, u64), Input>,
    /// Both directions of the process's connections to itself.
    wires: BTreeMap<ConnectionId, ConnectionId>,
    heard: BTreeMap<ConnectionId, Vec<Bytes>>,
    closed: BTreeMap<ConnectionId, CloseReason>,
    events: Vec<EventKind>,
    correlation: i32,
}

impl Lone {
    /// A process that has registered with itself and runs.
    pub(crate) fn running() -> Self {
        let id = BrokerId(1);
        let voters = BTreeMap::from([(id, Endpoint::new(HOST, 9093))]);
        let mut config = ProcessConfig::new(id, Roles::COMBINED, HOST, voters);
        config.settings.offsets_topic_replication_factor = 1;
        let mut lone = Self {
            process: Process::new(config),
            disk: MemoryDisk::default(),
            rng: Streams::new(7, 7),
            out: Effects::default(),
            now: Time::ZERO,
            serial: 0,
            due: BTreeMap::new(),
            wires: BTreeMap::new(),
            heard: BTreeMap::new(),
            closed: BTreeMap::new(),
            events: Vec::new(),
            correlation: 0,
        };
        lone.post(Input::Start { incarnation: Incarnation(1) }, Span::ZERO);
        let runs = |lone: &Self| {
            let broker = lone.process.summary().and_then(|summary| summary.broker);
            broker.is_some_and(|broker| broker.state == BrokerState::Running)
        };
        lone.until("it runs", runs);
        lone
    }

    /// What was observed since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<EventKind> {
        std::mem::take(&mut self.events)
    }

    /// How this side of a stranger's connection was closed, if it was.
    pub(crate) fn closed(&self, connection: ConnectionId) -> Option<CloseReason> {
        self.closed.get(&connection).copied()
    }

    /// Connects as a stranger.
    pub(crate) fn connect(&mut self, port: u16) -> ConnectionId {
        let connection = self.out.fresh_connection();
        let peer = Endpoint::new("stranger", 40_000);
        self.handle(Input::Accepted { connection, port, peer });
        connection
    }

    /// Says bytes on a stranger's connection.
    pub(crate) fn say(&mut self, connection: ConnectionId, bytes: Bytes) {
        if !self.closed.contains_key(&connection) {
            self.handle(Input::Received { connection, bytes });
        }
    }

    /// The stranger hangs up, and forgets what it heard.
    pub(crate) fn hang_up(&mut self, connection: ConnectionId) {
        if self.closed.remove(&connection).is_none() {
            self.handle(Input::Closed { connection, reason: CloseReason::PeerClosed });
        }
        self.heard.remove(&connection);
    }

    /// Frames that the stranger got and has not taken yet.
    pub(crate) fn take_heard(&mut self, connection: ConnectionId) -> Vec<Bytes> {
        self.heard.remove(&connection).unwrap_or_default()
    }

    /// A request as a whole frame, and its correlation id.
    pub(crate) fn frame(
        &mut self,
        version: i16,
        key: ApiKey,
        request: &RequestKind,
    ) -> (Bytes, i32) {
        self.correlation += 1;
        let header = RequestHeader::default()
            .with_request_api_key(key as i16)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str("stranger")));
        let mut body = BytesMut::new();
        header.encode(&mut body, key.request_header_version(version)).expect("a header");
        request
            .encode(&mut body, version)
            .unwrap_or_else(|error| panic!("the test's own {key:?} v{version}: {error}"));
        let mut frame = BytesMut::new();
        frame.put_i32(i32::try_from(body.len()).expect("a small frame"));
        frame.put_slice(&body);
        (frame.freeze(), self.correlation)
    }

    /// Asks on an open connection and waits: the whole answer, or how the connection was closed.
    pub(crate) fn ask_on(
        &mut self,
        connection: ConnectionId,
        version: i16,
        key: ApiKey,
        request: &RequestKind,
    ) -> Result<ResponseKind, String> {
        let (frame, correlation) = self.frame(version, key, request);
        self.say(connection, frame);
        let end = self.now + PATIENCE;
        loop {
            if let Some(answer) = self.take_heard(connection).into_iter().next() {
                return decode(&answer, correlation, version, key);
            }
            if let Some(reason) = self.closed(connection) {
                let why: Vec<_> = self
                    .events
                    .iter()
                    .filter(|event| matches!(event, EventKind::FrameRefused { .. }))
                    .map(ToString::to_string)
                    .collect();
                return Err(format!("closed: {reason}; {why:?}"));
            }
            if !self.step(end) {
                return Err("no answer".to_owned());
            }
        }
    }

    /// Asks on a fresh connection.
    pub(crate) fn ask(
        &mut self,
        port: u16,
        version: i16,
        key: ApiKey,
        request: &RequestKind,
    ) -> Result<ResponseKind, String> {
        let connection = self.connect(port);
        let answer = self.ask_on(connection, version, key, request);
        self.hang_up(connection);
        answer
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, span: Span) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until something holds; fails after a virtual minute.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = self.now + Span::secs(60);
        while !holds(self) {
            assert!(self.step(end), "{what}: not within a minute");
        }
    }

    fn post(&mut self, input: Input, after: Span) {
        self.serial += 1;
        self.due.insert((self.now + after, self.serial), input);
    }

    /// The next thing that happens; false if there is none before `end`.
    fn step(&mut self, end: Time) -> bool {
        let message = self.due.first_key_value().map(|((at, _), _)| *at);
        let timer = self.process.next_deadline().map(|(at, _)| at);
        match (message, timer) {
            (Some(at), timer) if at <= end && timer.is_none_or(|timer| at <= timer) => {
                let (_, input) = self.due.pop_first().expect("just seen");
                self.now = self.now.max(at);
                self.handle(input);
                true
            }
            (_, Some(at)) if at <= end => {
                self.now = self.now.max(at);
                self.handle(Input::Wake);
                true
            }
            _ => false,
        }
    }

    fn handle(&mut self, input: Input) {
        let told = format!("{input:?}");
        let millis = i64::try_from(self.now.0 / 1_000_000).expect("a short run");
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(1_700_000_000_000 + millis),
            input_seq: Seq(0),
            disk: &mut self.disk,
            rng: &mut self.rng,
            out: &mut self.out,
        };
        let process = &mut self.process;
        let outcome = catch_unwind(AssertUnwindSafe(|| process.handle(&mut cx, input)));
        assert!(outcome.is_ok(), "the process panicked at {told}");
        for item in std::mem::take(&mut self.out.items) {
            match item {
                Output::Observed(event, _) => self.events.push(event),
                Output::Effect(effect, _) => self.apply(effect),
            }
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Connect { connection, to } if &*to.host == HOST => {
                let other = self.out.fresh_connection();
                self.wires.insert(connection, other);
                self.wires.insert(other, connection);
                let peer = Endpoint::new(HOST, 50_000);
                self.post(Input::Accepted { connection: other, port: to.port, peer }, LATENCY);
                self.post(Input::Opened { connection }, LATENCY);
            }
            Effect::Connect { connection, .. } => {
                self.post(Input::Closed { connection, reason: CloseReason::Refused }, LATENCY);
            }
            Effect::Send { connection, bytes, .. } => match self.wires.get(&connection).copied() {
                Some(connection) => self.post(Input::Received { connection, bytes }, LATENCY),
                None => self.heard.entry(connection).or_default().push(bytes),
            },
            Effect::Close { connection, reason } => match self.wires.remove(&connection) {
                Some(other) => {
                    self.wires.remove(&other);
                    let reason = CloseReason::PeerClosed;
                    self.post(Input::Closed { connection: other, reason }, LATENCY);
                }
                None => {
                    self.closed.insert(connection, reason);
                }
            },
            Effect::Halt { reason, .. } => panic!("the process stopped: {reason}"),
        }
    }
}

/// Reads an answer as another implementation does; nothing may be left over.
fn decode(
    frame: &Bytes,
    correlation: i32,
    version: i16,
    key: ApiKey,
) -> Result<ResponseKind, String> {
    let length = i32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
    let mut rest = frame.slice(4..);
    assert_eq!(usize::try_from(length), Ok(rest.len()));
    let header = ResponseHeader::decode(&mut rest, key.response_header_version(version));
    let header = header.map_err(|error| format!("the header of the answer: {error}"))?;
    assert_eq!(header.correlation_id, correlation);
    let body = ResponseKind::decode(key, &mut rest, version);
    let body = body.map_err(|error| format!("the body of the answer: {error}"))?;
    if !rest.is_empty() {
        return Err(format!("{} bytes behind the answer", rest.len()));
    }
    Ok(body)
}
