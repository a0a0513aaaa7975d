//! A process between its start and its end: the rooms, the messages between them, the router.

mod broker;
mod deliver;
mod forwarding;
mod groups;
mod router;
mod throttling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use klamm_controller::image::{MetadataImage, SnapshotPolicy};
use klamm_controller::{Controller, ControllerConfig, ControllerOutput};
use klamm_coordinator::GroupConfig;
use klamm_node::{
    CloseReason, ConnectionId, Context, DirectoryId, Disk, Incarnation, Input, Offset, Span, Time,
    TopicName,
};
use klamm_protocol::api::Listener;
use klamm_protocol::channel::{Client, ClientSettings, Server, ServerSettings};
use klamm_protocol::kafka::messages::RequestKind;
use klamm_raft::{Raft, RaftCall, RaftConfig, RaftOutput, VoterSet};
use klamm_storage::ReadError;

use self::forwarding::{Forwarded, Opened};
use self::throttling::Weighed;
use super::{BrokerSummary, ProcessConfig, ProcessSummary, ReplicaBatches};
use crate::controller_channel::{ControllerAnswer, ControllerChannel};
use crate::coordinators::Coordinators;
use crate::lifecycle::{Lifecycle, LifecycleCall, LifecycleOutput};
use crate::meta_properties;
use crate::producer_ids::ProducerIds;
use crate::quotas::Quotas;
use crate::replica::{ReplicaCall, ReplicaOutput, Replicas};

/// What one room says to the process, in the order in which it was said. Small: what is seldom said is boxed.
#[derive(Clone, PartialEq, Debug)]
enum Message {
    Raft(Box<RaftOutput>),
    Controller(Box<ControllerOutput>),
    Replica(ReplicaOutput),
    Lifecycle(LifecycleOutput),
}

impl Message {
    fn raft(output: RaftOutput) -> Self {
        Self::Raft(Box::new(output))
    }

    fn controller(output: ControllerOutput) -> Self {
        Self::Controller(Box::new(output))
    }
}

/// How far an orderly end has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// Not asked for, or the broker waits for the controller's leave.
    Open,
    /// The broker is closed; the quorum member takes its leave.
    Resigning { deadline: Time },
    /// Over.
    Over,
}

/// More messages than any one input can rightly cause. Rooms that answer each other for ever are found here.
const STEP_BOUND: u32 = 1_000_000;

/// How long a quorum member may take to resign. A constant in Kafka too.
const RESIGN_MAX: Span = Span::secs(5);

/// The rooms of the broker role. They do not know each other; [`Running`] does.
#[derive(Clone, Debug)]
struct Broker {
    image: MetadataImage,
    lifecycle: Lifecycle,
    replicas: Replicas,
    coordinators: Coordinators,
    /// True once the replicas follow the image.
    published: bool,
    /// One channel per purpose, as in Kafka, so that a heartbeat never waits behind a topic's creation.
    to_controller: ControllerChannel<LifecycleCall>,
    alter_partition: ControllerChannel<ReplicaCall>,
    forwarding: ControllerChannel<Forwarded>,
    /// A pool for each of `num.replica.fetchers`: the fetchers of one leader share no connection.
    to_leaders: Vec<Client<ReplicaCall>>,
    /// Topics whose automatic creation was asked for and not answered yet.
    creating: BTreeSet<TopicName>,
    producer_ids: ProducerIds,
    quotas: Quotas,
}

/// A running process.
#[derive(Clone, Debug)]
pub(super) struct Running {
    config: Arc<ProcessConfig>,
    server: Server,
    raft: Raft,
    /// What the quorum member waits for, asked of it after each call: every input of the process asks for its deadline,
    /// and few of them are the quorum's.
    raft_deadline: Option<(Time, &'static str)>,
    to_quorum: Client<RaftCall>,
    controller: Option<Controller>,
    broker: Option<Broker>,
    /// When the next snapshot of the image is due.
    snapshots: SnapshotPolicy,
    messages: VecDeque<Message>,
    /// Forwarded requests that were taken out of their envelopes and are not answered yet, by serial.
    opened: BTreeMap<u64, Opened>,
    /// Requests of clients with quotas that are not answered yet, by serial.
    weighed: BTreeMap<u64, Weighed>,
    end: End,
}

impl Running {
    /// Opens everything on what the disk holds.
    pub(super) fn start(
        cx: &mut Context<'_>,
        config: &Arc<ProcessConfig>,
        incarnation: Incarnation,
    ) -> Result<Self, String> {
        let roles = config.roles;
        let given = Self::format_first(cx, config, incarnation)?;
        let meta = meta_properties::open(cx, incarnation, &config.cluster_id, config.id, given)
            .map_err(|error| error.to_string())?;
        let settings = &config.settings;
        let mut raft_config = RaftConfig::new(
            config.id,
            config.voters.clone(),
            config.cluster_id.clone(),
            meta.directory_id,
            settings,
        );
        // Where it is configured as a voter it listens there, by whatever name others know it.
        raft_config.listener = raft_config.listener.or_else(|| config.controller_listener());
        raft_config.bootstrap.clone_from(&config.bootstrap_controllers);
        let raft = Raft::open(cx, raft_config).map_err(|error| error.to_string())?;
        let controller = roles.controller.then(|| {
            Controller::new(ControllerConfig {
                id: config.id,
                cluster_id: config.cluster_id.clone(),
                settings: settings.clone(),
                observe_image: !roles.broker,
            })
        });
        let broker = if roles.broker {
            let groups = GroupConfig::new(settings).map_err(|error| error.to_string())?;
            let broker = Broker::open(cx, config, groups, meta.directory_id, incarnation);
            Some(broker.map_err(|error| error.to_string())?)
        } else {
            None
        };
        let mut listeners = BTreeMap::new();
        if roles.controller {
            listeners.insert(config.controller_port, Listener::Controller);
        }
        if roles.broker {
            listeners.insert(config.broker_port, Listener::Broker);
        }
        let mut server = Server::new(
            listeners,
            ServerSettings {
                max_request: usize::try_from(settings.socket_request_max_bytes).unwrap_or(0),
                max_idle: settings.connections_max_idle,
            },
        );
        // A broker that is still starting takes connections but no requests.
        server.hold_listener(Listener::Broker);
        let to_quorum = Client::new(ClientSettings {
            client_id: format!("raft-client-{}", config.id),
            connect_timeout: settings.controller_quorum_request_timeout,
            reconnect_backoff_max: Span::millis(500),
            ..ClientSettings::default()
        });
        Ok(Self {
            config: Arc::clone(config),
            server,
            raft_deadline: raft.next_deadline(),
            raft,
            to_quorum,
            controller,
            broker,
            snapshots: SnapshotPolicy::new(&config.settings, cx.now),
            messages: VecDeque::new(),
            opened: BTreeMap::new(),
            weighed: BTreeMap::new(),
            end: End::Open,
        })
    }

    /// Formats the first disk of one of a quorum's first voters (KIP-853), and returns the identity of its directory. A disk
    /// that took its place later, and those of all others, are formatted without voters: they learn who votes from the log.
    fn format_first(
        cx: &mut Context<'_>,
        config: &ProcessConfig,
        incarnation: Incarnation,
    ) -> Result<Option<DirectoryId>, String> {
        let first = config.initial_controllers.get(&config.id);
        let Some((directory, _)) = first.filter(|_| incarnation.0 <= 1) else { return Ok(None) };
        if !meta_properties::is_there(cx).map_err(|error| error.to_string())? {
            let voters = VoterSet::initial(&config.initial_controllers);
            klamm_raft::format(cx, &voters).map_err(|error| error.to_string())?;
        }
        Ok(Some(*directory))
    }

    /// Whether enough of a connection's bytes wait here already.
    pub(super) fn mutes(&self, connection: ConnectionId) -> bool {
        self.server.mutes(connection)
    }

    /// Takes an input in; [`Self::settle`] does what follows.
    pub(super) fn take(&mut self, cx: &mut Context<'_>, input: Input) {
        match input {
            Input::Start { .. } => {}
            Input::Wake => self.fire(cx),
            Input::Opened { connection } => self.opened(cx, connection),
            Input::Accepted { connection, port, peer } => {
                self.server.accepted(cx, connection, port, peer);
            }
            Input::Received { connection, bytes } => self.received(cx, connection, &bytes),
            Input::Closed { connection, reason } => self.closed(cx, connection, reason),
            Input::Command(command) if super::is_shutdown(&command) => self.begin_shutdown(cx),
            // Other commands are for clients.
            Input::Command(_) => {}
        }
    }

    /// Delivers messages, answers and requests until there are none.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>) {
        let mut steps = 0;
        // Whether own requests may have got an outcome, or channels something to send.
        let mut stirred = true;
        loop {
            if std::mem::take(&mut stirred) {
                self.collect(cx);
            }
            let mut progressed = false;
            while let Some(message) = self.messages.pop_front() {
                stirred |= !matches!(message, Message::Replica(ReplicaOutput::Reply { .. }));
                self.deliver(cx, message);
                progressed = true;
                steps += 1;
                assert!(steps < STEP_BOUND, "messages between rooms come to an end");
            }
            if self.coordinate(cx) {
                progressed = true;
            }
            if let Some((token, request)) = self.server.next_request(cx) {
                // What the replicas are asked, they answer by messages.
                stirred |= !matches!(request.body, RequestKind::Produce(_) | RequestKind::Fetch(_));
                self.route(cx, token, request);
                progressed = true;
            }
            if !progressed && !stirred {
                break;
            }
        }
        self.maybe_finish(cx);
    }

    /// True after the end; the process hears nothing any more.
    pub(super) fn has_ended(&self) -> bool {
        self.end == End::Over
    }

    /// The earliest deadline of all rooms; of equal ones the one whose reason comes first in the alphabet.
    pub(super) fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let mut first: Option<(Time, &'static str)> = None;
        self.each_deadline(|deadline| {
            first = Some(first.map_or(deadline, |known| known.min(deadline)));
        });
        first
    }

    /// The same without the reason, which costs less.
    pub(super) fn next_wake(&self) -> Option<Time> {
        let mut first: Option<Time> = None;
        self.each_deadline(|(at, _)| first = Some(first.map_or(at, |known| known.min(at))));
        first
    }

    #[inline]
    fn each_deadline(&self, mut see: impl FnMut((Time, &'static str))) {
        if let Some(broker) = &self.broker {
            broker.each_deadline(&mut see);
        }
        let rooms =
            [self.raft_deadline, self.controller.as_ref().and_then(Controller::next_deadline)];
        rooms.into_iter().flatten().for_each(&mut see);
        due(self.to_quorum.next_deadline(), "quorum-connection", &mut see);
        due(self.server.next_deadline(), "idle-connection", &mut see);
        due(self.server.throttle_deadline(), "throttled-connection", &mut see);
        if let End::Resigning { deadline } = self.end {
            see((deadline, "resign-timeout"));
        }
    }

    /// What it holds.
    pub(super) fn summary(&self) -> ProcessSummary {
        let image = self
            .broker
            .as_ref()
            .map(|broker| &broker.image)
            .or_else(|| self.controller.as_ref().map(Controller::image));
        ProcessSummary {
            id: self.config.id,
            raft: self.raft.summary(),
            metadata_applied: image.map_or(Offset(-1), |image| image.applied()),
            active_controller: self.controller.as_ref().and_then(Controller::active_epoch),
            broker: self.broker.as_ref().map(|broker| BrokerSummary {
                state: broker.lifecycle.state(),
                epoch: broker.lifecycle.epoch(),
                fenced: broker.lifecycle.fenced(),
                replicas: broker.replicas.summary(),
                coordinators: broker.coordinators.summary(),
                parked: broker.replicas.parked().filter(|token| self.server.waits(token)).count(),
                fetch_sessions: broker.replicas.fetch_sessions(),
                put_away: broker.replicas.put_away_directories(),
            }),
        }
    }

    /// The batches of every replica.
    pub(super) fn batches(&self, disk: &mut dyn Disk) -> Option<Result<ReplicaBatches, ReadError>> {
        Some(self.broker.as_ref()?.replicas.batches(disk))
    }

    /// Fires every timer that is due.
    fn fire(&mut self, cx: &mut Context<'_>) {
        self.server.handle_timers(cx);
        self.to_quorum.handle_timers(cx);
        if self.raft_deadline.is_some_and(|(at, _)| at <= cx.now) {
            self.with_raft(cx, |raft, cx, out| raft.handle_timers(cx, out));
        }
        if let Some(controller) = &mut self.controller {
            let mut out = Vec::new();
            controller.handle_timers(cx, &mut out);
            self.messages.extend(out.into_iter().map(Message::controller));
        }
        if let Some(broker) = &mut self.broker {
            broker.to_leaders.iter_mut().for_each(|pool| pool.handle_timers(cx));
            if broker.published {
                let mut out = Vec::new();
                broker.replicas.handle_timers(cx, &broker.image, &mut out);
                self.messages.extend(out.into_iter().map(Message::Replica));
            }
        }
        self.fire_coordinators(cx);
    }

    fn opened(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        self.to_quorum.opened(cx, connection);
        if let Some(broker) = &mut self.broker {
            broker.to_leaders.iter_mut().for_each(|pool| pool.opened(cx, connection));
            broker.to_controller.client().opened(cx, connection);
            broker.alter_partition.client().opened(cx, connection);
            broker.forwarding.client().opened(cx, connection);
        }
    }

    fn received(&mut self, cx: &mut Context<'_>, connection: ConnectionId, bytes: &Bytes) {
        // Each pool takes what is on its own connections and leaves the rest alone. Most of it is on the server's, then
        // on the fetchers'.
        if self.server.owns(connection) {
            self.server.received(cx, connection, bytes);
            return;
        }
        if let Some(broker) = &mut self.broker
            && let Some(pool) = broker.to_leaders.iter_mut().find(|pool| pool.owns(connection))
        {
            pool.received(cx, connection, bytes);
            return;
        }
        self.to_quorum.received(cx, connection, bytes);
        if let Some(broker) = &mut self.broker {
            broker.to_controller.client().received(cx, connection, bytes);
            broker.alter_partition.client().received(cx, connection, bytes);
            broker.forwarding.client().received(cx, connection, bytes);
        }
    }

    fn closed(&mut self, cx: &mut Context<'_>, connection: ConnectionId, reason: CloseReason) {
        self.server.closed(connection);
        self.to_quorum.closed(cx, connection, reason);
        if let Some(broker) = &mut self.broker {
            broker.to_leaders.iter_mut().for_each(|pool| pool.closed(cx, connection, reason));
            broker.to_controller.client().closed(cx, connection, reason);
            broker.alter_partition.client().closed(cx, connection, reason);
            broker.forwarding.client().closed(cx, connection, reason);
        }
    }

    /// Hands outcomes of own requests to the rooms that asked, and sends what the channels hold.
    fn collect(&mut self, cx: &mut Context<'_>) {
        while let Some(done) = self.to_quorum.next_completed() {
            self.with_raft(cx, |raft, cx, out| {
                raft.handle_response(cx, done.tag, done.outcome, out);
            });
        }
        let leader = self.raft.leader().map(|(_, _, endpoint)| endpoint);
        let Some(broker) = self.broker.as_mut().filter(|broker| !broker.is_closed()) else {
            return;
        };
        while let Some(done) = broker.to_leaders.iter_mut().find_map(Client::next_completed) {
            let mut out = Vec::new();
            broker.replicas.handle_response(cx, &broker.image, done.tag, done.outcome, &mut out);
            self.messages.extend(out.into_iter().map(Message::Replica));
        }
        let mut answers = Vec::new();
        broker.alter_partition.pump(cx, leader.as_ref(), &mut answers);
        for ControllerAnswer { tag, outcome } in answers {
            let mut out = Vec::new();
            broker.replicas.handle_response(cx, &broker.image, tag, outcome, &mut out);
            self.messages.extend(out.into_iter().map(Message::Replica));
        }
        let mut out = Vec::new();
        broker.lifecycle.handle_timers(cx, broker.image.applied(), &mut out);
        let mut answers = Vec::new();
        broker.to_controller.pump(cx, leader.as_ref(), &mut answers);
        for ControllerAnswer { tag, outcome } in answers {
            broker.lifecycle.handle_answer(cx, tag, outcome, &mut out);
            if let Some(epoch) = broker.lifecycle.epoch() {
                broker.replicas.set_broker_epoch(epoch);
            }
        }
        self.messages.extend(out.into_iter().map(Message::Lifecycle));
        let mut answers = Vec::new();
        broker.forwarding.pump(cx, leader.as_ref(), &mut answers);
        for ControllerAnswer { tag, outcome } in answers {
            self.forwarded(cx, tag, outcome);
        }
    }

    fn begin_shutdown(&mut self, cx: &mut Context<'_>) {
        match &mut self.broker {
            Some(broker) => {
                let mut out = Vec::new();
                broker.replicas.begin_controlled_shutdown();
                broker.lifecycle.begin_shutdown(cx, &mut out);
                self.messages.extend(out.into_iter().map(Message::Lifecycle));
            }
            None => self.resign(cx),
        }
    }

    /// Closes the logs, which leaves the clean-shutdown marker, and goes on to the quorum.
    fn close_broker(&mut self, cx: &mut Context<'_>) {
        self.server.hold_listener(Listener::Broker);
        self.with_coordinators(cx, |coordinators, cx, lent| {
            coordinators.let_go(cx, lent, "shutdown");
        });
        if let Some(broker) = &mut self.broker {
            // Nothing may reach a closed log: no answer of a leader, no record of the metadata log, no timer.
            broker.published = false;
            broker.close_connections(cx);
            if let Err(error) = broker.replicas.close(cx) {
                return self.fail(cx, error.to_string());
            }
        }
        self.resign(cx);
    }

    fn resign(&mut self, cx: &mut Context<'_>) {
        if self.end == End::Open {
            self.end = End::Resigning { deadline: cx.now + RESIGN_MAX };
            self.with_raft(cx, |raft, cx, out| raft.shutdown(cx, out));
        }
    }

    /// Ends the process once the quorum member has taken its leave.
    fn maybe_finish(&mut self, cx: &mut Context<'_>) {
        let End::Resigning { deadline } = self.end else { return };
        if !self.raft.is_shut_down(cx.now) && deadline > cx.now {
            return;
        }
        self.server.close_all(cx);
        self.to_quorum.close_all(cx);
        cx.out.halt("shut down", true);
        self.end = End::Over;
    }

    fn fail(&mut self, cx: &mut Context<'_>, reason: String) {
        self.messages.clear();
        cx.out.halt(reason, false);
        self.end = End::Over;
    }

    fn with_raft(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&mut Raft, &mut Context<'_>, &mut Vec<RaftOutput>),
    ) {
        let mut out = Vec::new();
        call(&mut self.raft, cx, &mut out);
        self.raft_deadline = self.raft.next_deadline();
        self.messages.extend(out.into_iter().map(Message::raft));
    }

    fn with_controller(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&mut Controller, &mut Context<'_>, &mut Vec<ControllerOutput>),
    ) {
        if let Some(controller) = &mut self.controller {
            let mut out = Vec::new();
            call(controller, cx, &mut out);
            self.messages.extend(out.into_iter().map(Message::controller));
        }
    }
}

/// Tells a deadline that knows no reason of its own, if there is one.
#[inline]
fn due(at: Option<Time>, why: &'static str, see: &mut impl FnMut((Time, &'static str))) {
    at.into_iter().for_each(|at| see((at, why)));
}
