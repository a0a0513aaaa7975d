//! A scripted cluster for one client: brokers that speak the real protocol and answer as the test says.
//!
//! ApiVersions and Metadata are answered at once, from [`Lab::leaders`], and so is InitProducerId, from [`Lab::ids`]; every other
//! request waits in [`Lab::next_request`] until the test answers it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use klamm_node::disk::MemoryDisk;
use klamm_node::{
    BrokerId, CloseReason, Command, ConnectionId, Context, Effect, Effects, Endpoint, EventKind,
    Input, LeaderEpoch, Node, Output, Seq, Span, Streams, Time, Timestamp, TopicPartition,
};
use klamm_protocol::kafka::messages::api_versions_response::ApiVersion;
use klamm_protocol::kafka::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use klamm_protocol::kafka::messages::{
    ApiVersionsResponse, BrokerId as WireBrokerId, InitProducerIdResponse, MetadataRequest,
    MetadataResponse, ProducerId, RequestKind, ResponseKind,
};
use klamm_protocol::{ErrorCode, Listener, RequestToken, Server, ServerSettings, api, convert};
use uuid::Uuid;

/// A request that waits for the test's answer.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub broker: i32,
    pub token: RequestToken,
    pub body: RequestKind,
}

pub(crate) struct Lab<N> {
    pub node: N,
    pub now: Time,
    /// Leader and epoch of each partition, as brokers tell them.
    pub leaders: BTreeMap<TopicPartition, (i32, i32)>,
    /// Brokers that refuse connections.
    pub down: BTreeSet<i32>,
    /// Brokers that refuse connections and are alive as far as metadata says.
    pub unreachable: BTreeSet<i32>,
    /// APIs that the brokers do not know.
    pub unknown: BTreeSet<i16>,
    /// What InitProducerId is answered with: an error, or the next producer id.
    pub ids: Result<i64, ErrorCode>,
    pub events: Vec<EventKind>,
    pub halted: bool,
    pub out: Effects,
    pub rng: Streams,
    pub disk: MemoryDisk,
    pub brokers: BTreeMap<i32, Server>,
    pub connections: BTreeMap<ConnectionId, i32>,
    pub requests: VecDeque<Request>,
}

pub(crate) fn bootstrap() -> Vec<Endpoint> {
    (1..=3).map(at).collect()
}

fn at(broker: i32) -> Endpoint {
    Endpoint::new(format!("broker-{broker}"), 9092)
}

pub(crate) fn topic_uuid(name: &str) -> Uuid {
    Uuid::from_u128(name.bytes().fold(7, |id, byte| id * 31 + u128::from(byte)))
}

impl<N: Node> Lab<N> {
    pub(crate) fn new(node: N) -> Self {
        let listeners = BTreeMap::from([(9092, Listener::Broker)]);
        let server = || Server::new(listeners.clone(), ServerSettings::default());
        Self {
            node,
            now: Time(1_000_000),
            leaders: BTreeMap::new(),
            down: BTreeSet::new(),
            unreachable: BTreeSet::new(),
            unknown: BTreeSet::new(),
            ids: Ok(1000),
            events: Vec::new(),
            halted: false,
            out: Effects::default(),
            rng: Streams::new(1, 1),
            disk: MemoryDisk::new(),
            brokers: (1..=3).map(|id| (id, server())).collect(),
            connections: BTreeMap::new(),
            requests: VecDeque::new(),
        }
    }

    /// The partition's leader and epoch, as brokers tell them from now on.
    pub(crate) fn lead(&mut self, topic: &str, partition: i32, leader: i32, epoch: i32) {
        self.leaders.insert(TopicPartition::new(topic, partition), (leader, epoch));
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.input(Input::Command(command));
    }

    pub(crate) fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.node_call(input);
            for output in std::mem::take(&mut self.out.items) {
                match output {
                    Output::Observed(event, _) => self.events.push(event),
                    Output::Effect(effect, _) => self.carry_out(effect, &mut inputs),
                }
            }
        }
    }

    fn node_call(&mut self, input: Input) {
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(i64::try_from(self.now.0 / 1_000_000).expect("small")),
            input_seq: Seq(1),
            disk: &mut self.disk,
            rng: &mut self.rng,
            out: &mut self.out,
        };
        self.node.handle(&mut cx, input);
    }

    fn carry_out(&mut self, effect: Effect, inputs: &mut VecDeque<Input>) {
        match effect {
            Effect::Connect { connection, to } => {
                let broker = (1..=3).find(|id| at(*id) == to).expect("a broker of the lab");
                if self.down.contains(&broker) || self.unreachable.contains(&broker) {
                    let reason = CloseReason::Refused;
                    return inputs.push_back(Input::Closed { connection, reason });
                }
                self.connections.insert(connection, broker);
                self.on_broker(broker, inputs, |server, cx| {
                    server.accepted(cx, connection, 9092, Endpoint::new("client", 1));
                });
                inputs.push_back(Input::Opened { connection });
            }
            Effect::Send { connection, bytes, .. } => {
                if let Some(broker) = self.connections.get(&connection).copied() {
                    self.on_broker(broker, inputs, |server, cx| {
                        server.received(cx, connection, &bytes);
                    });
                    self.take_requests(broker, inputs);
                }
            }
            Effect::Close { connection, .. } => {
                if let Some(broker) = self.connections.remove(&connection) {
                    self.on_broker(broker, inputs, |server, _| server.closed(connection));
                }
            }
            Effect::Halt { .. } => self.halted = true,
        }
    }

    /// Lets a broker do something and carries its bytes to the client.
    fn on_broker<R>(
        &mut self,
        broker: i32,
        inputs: &mut VecDeque<Input>,
        f: impl FnOnce(&mut Server, &mut Context<'_>) -> R,
    ) -> R {
        let mut out = Effects::default();
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(0),
            input_seq: Seq(1),
            disk: &mut self.disk,
            rng: &mut self.rng,
            out: &mut out,
        };
        let result = f(self.brokers.get_mut(&broker).expect("a broker of the lab"), &mut cx);
        for output in out.items {
            match output {
                Output::Effect(Effect::Send { connection, bytes, .. }, _) => {
                    inputs.push_back(Input::Received { connection, bytes });
                }
                Output::Effect(Effect::Close { connection, .. }, _) => {
                    self.connections.remove(&connection);
                    let reason = CloseReason::PeerClosed;
                    inputs.push_back(Input::Closed { connection, reason });
                }
                Output::Effect(Effect::Connect { .. } | Effect::Halt { .. }, _) => {}
                Output::Observed(event, _) => self.events.push(event),
            }
        }
        result
    }

    fn take_requests(&mut self, broker: i32, inputs: &mut VecDeque<Input>) {
        while let Some((token, request)) =
            self.on_broker(broker, inputs, |server, cx| server.next_request(cx))
        {
            let response = if let RequestKind::Metadata(asked) = &request.body {
                Some(self.metadata(asked))
            } else if let RequestKind::InitProducerId(_) = &request.body {
                Some(self.producer_id())
            } else {
                matches!(request.body, RequestKind::ApiVersions(_)).then(|| versions(&self.unknown))
            };
            match response {
                Some(response) => self.on_broker(broker, inputs, |server, cx| {
                    server.respond(cx, token, Some(&response));
                }),
                None => self.requests.push_back(Request { broker, token, body: request.body }),
            }
        }
    }

    fn producer_id(&mut self) -> ResponseKind {
        let answer = InitProducerIdResponse::default();
        ResponseKind::InitProducerId(match &mut self.ids {
            Ok(next) => {
                *next += 1;
                answer.with_producer_id(ProducerId(*next - 1)).with_producer_epoch(0)
            }
            Err(error) => answer
                .with_error_code(error.0)
                .with_producer_id(ProducerId(-1))
                .with_producer_epoch(-1),
        })
    }

    fn metadata(&self, asked: &MetadataRequest) -> ResponseKind {
        let brokers = (1..=3).filter(|id| !self.down.contains(id)).map(|id| {
            MetadataResponseBroker::default()
                .with_node_id(WireBrokerId(id))
                .with_host(convert::text(&format!("broker-{id}")))
                .with_port(9092)
        });
        let all: BTreeSet<&str> = self.leaders.keys().map(|p| &*p.topic).collect();
        let named = match &asked.topics {
            Some(topics) => topics.iter().filter_map(|topic| topic.name.clone()).collect(),
            None => all.into_iter().map(convert::topic).collect::<Vec<_>>(),
        };
        let topics = named.into_iter().map(|name| {
            let partitions: Vec<_> = self
                .leaders
                .iter()
                .filter(|(partition, _)| *partition.topic == **name)
                .map(|(partition, (leader, epoch))| {
                    MetadataResponsePartition::default()
                        .with_partition_index(partition.partition)
                        .with_leader_id(WireBrokerId(*leader))
                        .with_leader_epoch(*epoch)
                        .with_error_code(if *leader < 0 { 5 } else { 0 })
                })
                .collect();
            MetadataResponseTopic::default()
                .with_error_code(if partitions.is_empty() { 3 } else { 0 })
                .with_topic_id(topic_uuid(&name))
                .with_name(Some(name))
                .with_partitions(partitions)
        });
        ResponseKind::Metadata(
            MetadataResponse::default()
                .with_brokers(brokers.collect())
                .with_controller_id(WireBrokerId(1))
                .with_topics(topics.collect()),
        )
    }

    /// The oldest request that was not looked at yet.
    pub(crate) fn next_request(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// Answers a request; `None` sends nothing and goes on, for acks=0.
    pub(crate) fn reply(&mut self, request: &Request, response: Option<&ResponseKind>) {
        let mut inputs = VecDeque::new();
        self.on_broker(request.broker, &mut inputs, |server, cx| {
            server.respond(cx, request.token, response);
        });
        self.take_requests(request.broker, &mut inputs);
        for input in inputs {
            self.input(input);
        }
    }

    /// A broker dies: its connections are reset, later ones refused.
    pub(crate) fn crash(&mut self, broker: i32) {
        self.down.insert(broker);
        self.requests.retain(|request| request.broker != broker);
        let lost: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, id)| **id == broker)
            .map(|(connection, _)| *connection)
            .collect();
        for connection in lost {
            self.connections.remove(&connection);
            if let Some(server) = self.brokers.get_mut(&broker) {
                server.closed(connection);
            }
            self.input(Input::Closed { connection, reason: CloseReason::Reset });
        }
    }

    pub(crate) fn restart(&mut self, broker: i32) {
        self.down.remove(&broker);
    }

    /// Lets time pass, with every wake-up on the way.
    pub(crate) fn advance(&mut self, span: Span) {
        let until = self.now + span;
        let mut wakes = 0;
        while let Some((at, _)) = self.node.next_deadline().filter(|(at, _)| *at <= until) {
            wakes += 1;
            assert!(wakes < 10_000, "the node wakes without end at {}", self.now);
            self.now = self.now.max(at);
            self.input(Input::Wake);
        }
        self.now = until;
    }

    /// The events since the last call, as text, without those about leaders.
    pub(crate) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
            .iter()
            .filter(|event| !matches!(event, EventKind::ClientLearned { .. }))
            .map(ToString::to_string)
            .collect()
    }

    /// The leaders that were learnt since the last call.
    pub(crate) fn learnt(&mut self) -> Vec<(i32, BrokerId, LeaderEpoch)> {
        std::mem::take(&mut self.events)
            .iter()
            .filter_map(|event| {
                let EventKind::ClientLearned { partition, leader, leader_epoch } = event else {
                    return None;
                };
                Some((partition.partition, *leader, *leader_epoch))
            })
            .collect()
    }
}

fn versions(unknown: &BTreeSet<i16>) -> ResponseKind {
    let known = api::served_on(Listener::Broker).filter(|api| !unknown.contains(&api.key));
    let keys = known.map(|api| {
        ApiVersion::default()
            .with_api_key(api.key)
            .with_min_version(api.advertised_min)
            .with_max_version(api.max)
    });
    ResponseKind::ApiVersions(ApiVersionsResponse::default().with_api_keys(keys.collect()))
}
