//! A driver just large enough to run processes against each other: links of one millisecond that lose nothing, memory disks,
//! a virtual clock. The laboratory's own world is `klamm-world`; this one exists so that the crate can test itself.

use std::collections::BTreeMap;

use klamm_broker::{Process, ProcessConfig, ProcessSummary};
use klamm_node::disk::MemoryDisk;
use klamm_node::{
    CloseReason, Command, ConnectionId, Context, Effect, Effects, Endpoint, EventKind, Incarnation,
    Input, Node, Output, Seq, Span, Streams, Time, Timestamp,
};
use klamm_protocol::channel::{Call, Client, ClientSettings, RpcError, Software};
use klamm_protocol::kafka::messages::{RequestKind, ResponseKind};

const LATENCY: Span = Span::millis(1);

enum Kind {
    Process(Box<Process>),
    /// A client without any logic of its own; its one request at a time is the test's.
    Raw(Box<Client<()>>),
}

struct Member {
    name: String,
    kind: Kind,
    disk: MemoryDisk,
    rng: Streams,
    out: Effects,
    incarnation: u32,
    alive: bool,
    /// True while no other process hears anything of it, nor it of them.
    cut_off: bool,
}

/// Nodes and the wires between them.
pub(crate) struct Lab {
    members: Vec<Member>,
    now: Time,
    serial: u64,
    due: BTreeMap<(Time, u64), (usize, Input)>,
    wires: BTreeMap<(usize, ConnectionId), (usize, ConnectionId)>,
    events: Vec<(Time, String, EventKind)>,
    halts: Vec<(String, String, bool)>,
}

impl Lab {
    /// A lab with these processes and a raw client, none of them started.
    pub(crate) fn new(seed: u64, configs: Vec<ProcessConfig>) -> Self {
        let mut lab = Self {
            members: Vec::new(),
            now: Time::ZERO,
            serial: 0,
            due: BTreeMap::new(),
            wires: BTreeMap::new(),
            events: Vec::new(),
            halts: Vec::new(),
        };
        for config in configs {
            let name = config.host.to_string();
            lab.add(seed, name, Kind::Process(Box::new(Process::new(config))));
        }
        let software = Software { name: "klamm-test".to_owned(), version: "1".to_owned() };
        let settings = ClientSettings { negotiate: Some(software), ..ClientSettings::default() };
        lab.add(seed, "client".to_owned(), Kind::Raw(Box::new(Client::new(settings))));
        lab
    }

    fn add(&mut self, seed: u64, name: String, kind: Kind) {
        let entity = self.members.len() as u64;
        self.members.push(Member {
            name,
            alive: matches!(kind, Kind::Raw(_)),
            kind,
            disk: MemoryDisk::default(),
            rng: Streams::new(seed, entity),
            out: Effects::default(),
            incarnation: 0,
            cut_off: false,
        });
    }

    fn index(&self, name: &str) -> usize {
        self.members.iter().position(|member| member.name == name).expect("a known name")
    }

    /// Starts a process on what its disk holds.
    pub(crate) fn start(&mut self, name: &str) {
        let at = self.index(name);
        let member = &mut self.members[at];
        assert!(!member.alive, "{name} runs already");
        member.incarnation += 1;
        member.alive = true;
        let incarnation = Incarnation(member.incarnation);
        self.post(at, Input::Start { incarnation }, Span::ZERO);
    }

    /// Starts every process.
    pub(crate) fn start_all(&mut self) {
        let names: Vec<String> = self.processes().map(|(name, _)| name.to_owned()).collect();
        for name in names {
            self.start(&name);
        }
    }

    /// Kills a process; its disk keeps everything.
    pub(crate) fn crash(&mut self, name: &str) {
        let at = self.index(name);
        self.members[at].alive = false;
        if let Kind::Process(process) = &mut self.members[at].kind {
            **process = Process::new(process.config().clone());
        }
        self.unplug(at);
    }

    /// Loses, from now on, everything between a process and the other processes. The client reaches it all the same.
    pub(crate) fn cut_off(&mut self, name: &str) {
        let at = self.index(name);
        self.members[at].cut_off = true;
    }

    /// The end of [`Self::cut_off`]: connections of before are reset, as a peer does that has lost bytes.
    pub(crate) fn heal(&mut self, name: &str) {
        let at = self.index(name);
        self.members[at].cut_off = false;
        self.reset(at);
    }

    /// Asks a process to stop.
    pub(crate) fn shut_down(&mut self, name: &str) {
        let at = self.index(name);
        self.post(at, Input::Command(Command::Shutdown), Span::ZERO);
    }

    /// What a process holds.
    pub(crate) fn summary(&self, name: &str) -> Option<ProcessSummary> {
        match &self.members[self.index(name)].kind {
            Kind::Process(process) => process.summary(),
            Kind::Raw(_) => None,
        }
    }

    /// What every node observed, and when.
    pub(crate) fn events(&self) -> &[(Time, String, EventKind)] {
        &self.events
    }

    /// Who stopped, why, and whether in an orderly way.
    pub(crate) fn halts(&self) -> &[(String, String, bool)] {
        &self.halts
    }

    fn processes(&self) -> impl Iterator<Item = (&str, &Process)> {
        self.members.iter().filter_map(|member| match &member.kind {
            Kind::Process(process) => Some((member.name.as_str(), &**process)),
            Kind::Raw(_) => None,
        })
    }

    /// Runs until something holds; fails after a virtual minute.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = self.now + Span::secs(60);
        while !holds(self) {
            assert!(self.step(end), "{what}: not within a minute; halts: {:?}", self.halts);
        }
    }

    /// Runs for a while.
    pub(crate) fn run(&mut self, span: Span) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
    }

    /// Asks a node as a client and waits for the answer.
    pub(crate) fn ask(
        &mut self,
        host: &str,
        request: impl Into<RequestKind>,
    ) -> Result<ResponseKind, RpcError> {
        self.ask_up_to(host, request, i16::MAX)
    }

    /// Asks in a version that is no higher.
    pub(crate) fn ask_up_to(
        &mut self,
        host: &str,
        request: impl Into<RequestKind>,
        version: i16,
    ) -> Result<ResponseKind, RpcError> {
        self.ask_at(&Endpoint::new(host, 9092), request, version)
    }

    /// Asks at any listener.
    pub(crate) fn ask_at(
        &mut self,
        to: &Endpoint,
        request: impl Into<RequestKind>,
        version: i16,
    ) -> Result<ResponseKind, RpcError> {
        let at = self.index("client");
        let call = Call::new(request.into(), Span::secs(40)).up_to(version);
        self.with(at, |kind, cx| {
            let Kind::Raw(client) = kind else { unreachable!("the client") };
            client.send(cx, to, call, ());
        });
        let end = self.now + Span::secs(60);
        loop {
            let Kind::Raw(client) = &mut self.members[at].kind else { unreachable!("the client") };
            if let Some(completed) = client.next_completed() {
                return completed.outcome;
            }
            assert!(self.step(end), "no answer within a minute; halts: {:?}", self.halts);
        }
    }

    /// Connects to a node, says these bytes and hangs up again a little later.
    pub(crate) fn shout(&mut self, host: &str, port: u16, bytes: bytes::Bytes) {
        let at = self.index(host);
        let connection = self.members[at].out.fresh_connection();
        let peer = Endpoint::new("stranger", 0);
        self.post(at, Input::Accepted { connection, port, peer }, Span::ZERO);
        self.post(at, Input::Received { connection, bytes }, Span::ZERO);
        let reason = CloseReason::PeerClosed;
        self.post(at, Input::Closed { connection, reason }, Span::millis(20));
    }

    fn post(&mut self, to: usize, input: Input, after: Span) {
        self.serial += 1;
        self.due.insert((self.now + after, self.serial), (to, input));
    }

    /// The next thing that happens; false if there is none before `end`.
    fn step(&mut self, end: Time) -> bool {
        let message = self.due.first_key_value().map(|((at, _), _)| *at);
        let timers = self.members.iter().enumerate().filter(|(_, member)| member.alive);
        let timer = timers.filter_map(|(at, member)| Some((member.deadline()?, at))).min();
        match (message, timer) {
            (Some(at), timer) if timer.is_none_or(|(due, _)| at <= due) && at <= end => {
                let ((at, _), (to, input)) = self.due.pop_first().expect("just seen");
                self.now = self.now.max(at);
                if self.members[to].alive {
                    self.handle(to, input);
                }
                true
            }
            (_, Some((due, node))) if due <= end => {
                self.now = self.now.max(due);
                self.handle(node, Input::Wake);
                true
            }
            _ => false,
        }
    }

    fn handle(&mut self, at: usize, input: Input) {
        self.with(at, |kind, cx| match (kind, input) {
            (Kind::Process(process), input) => process.handle(cx, input),
            (Kind::Raw(client), Input::Opened { connection }) => client.opened(cx, connection),
            (Kind::Raw(client), Input::Received { connection, bytes }) => {
                client.received(cx, connection, &bytes);
            }
            (Kind::Raw(client), Input::Closed { connection, reason }) => {
                client.closed(cx, connection, reason);
            }
            (Kind::Raw(client), _) => client.handle_timers(cx),
        });
    }

    fn with(&mut self, at: usize, call: impl FnOnce(&mut Kind, &mut Context<'_>)) {
        let member = &mut self.members[at];
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(1_700_000_000_000 + i64::try_from(self.now.0 / 1_000_000).expect("ms")),
            input_seq: Seq(0),
            disk: &mut member.disk,
            rng: &mut member.rng,
            out: &mut member.out,
        };
        call(&mut member.kind, &mut cx);
        let name = member.name.clone();
        for item in std::mem::take(&mut member.out.items) {
            match item {
                Output::Observed(event, _) => self.events.push((self.now, name.clone(), event)),
                Output::Effect(effect, _) => self.apply(at, effect),
            }
        }
    }

    fn apply(&mut self, from: usize, effect: Effect) {
        match effect {
            Effect::Connect { connection, to } => {
                let target = self.members.iter().position(|m| m.name == *to.host && m.alive);
                if target.is_some_and(|target| self.is_cut(from, target)) {
                    return;
                }
                let Some(target) = target else {
                    let reason = CloseReason::Refused;
                    return self.post(from, Input::Closed { connection, reason }, LATENCY);
                };
                let other = self.members[target].out.fresh_connection();
                self.wires.insert((from, connection), (target, other));
                self.wires.insert((target, other), (from, connection));
                let peer = Endpoint::new(self.members[from].name.as_str(), 0);
                let accepted = Input::Accepted { connection: other, port: to.port, peer };
                self.post(target, accepted, LATENCY);
                self.post(from, Input::Opened { connection }, LATENCY);
            }
            Effect::Send { connection, bytes, .. } => {
                if let Some((to, connection)) = self.wires.get(&(from, connection)).copied()
                    && !self.is_cut(from, to)
                {
                    self.post(to, Input::Received { connection, bytes }, LATENCY);
                }
            }
            Effect::Close { connection, .. } => {
                if let Some((to, other)) = self.wires.remove(&(from, connection)) {
                    self.wires.remove(&(to, other));
                    let reason = CloseReason::PeerClosed;
                    self.post(to, Input::Closed { connection: other, reason }, LATENCY);
                }
            }
            Effect::Halt { reason, orderly } => {
                self.members[from].alive = false;
                self.halts.push((self.members[from].name.clone(), reason, orderly));
                self.unplug(from);
            }
        }
    }

    fn is_cut(&self, a: usize, b: usize) -> bool {
        let processes = [a, b].map(|at| matches!(self.members[at].kind, Kind::Process(_)));
        processes == [true, true] && (self.members[a].cut_off || self.members[b].cut_off)
    }

    /// Resets every connection of a node, on both ends.
    fn reset(&mut self, node: usize) {
        let ends: Vec<_> = self.wires.keys().copied().filter(|(at, _)| *at == node).collect();
        for end in ends {
            if let Some((to, connection)) = self.wires.remove(&end) {
                self.wires.remove(&(to, connection));
                let reason = CloseReason::Reset;
                self.post(to, Input::Closed { connection, reason }, LATENCY);
                self.post(node, Input::Closed { connection: end.1, reason }, LATENCY);
            }
        }
    }

    /// Resets every connection of a node that is gone.
    fn unplug(&mut self, node: usize) {
        let ends: Vec<_> = self.wires.keys().copied().filter(|(at, _)| *at == node).collect();
        for end in ends {
            if let Some((to, connection)) = self.wires.remove(&end) {
                self.wires.remove(&(to, connection));
                let reason = CloseReason::Reset;
                self.post(to, Input::Closed { connection, reason }, LATENCY);
            }
        }
        self.due.retain(|_, (to, _)| *to != node);
    }
}

impl Member {
    fn deadline(&self) -> Option<Time> {
        match &self.kind {
            Kind::Process(process) => process.next_deadline().map(|(at, _)| at),
            Kind::Raw(client) => client.next_deadline(),
        }
    }
}
