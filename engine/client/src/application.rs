//! The node under a program of one's own: all the clients that one process has created, behind one face.
//!
//! ```text
//!   program ── calls ──► process ──► producer 1, consumer 2, admin client 3, ...
//!      ▲                                  │ connections, timers, dice: those of the one node
//!      └──────── deliveries ◄─────────────┘
//! ```
//!
//! *Flows in*: calls of the program ([`ApplicationCommand`]), each for one client; bytes and time, which go to the client
//! that they are for. *Flows out*: what the clients do, and deliveries that the program's host takes: records, outcomes,
//! callbacks. *Must never*: run the program, or know what it does. It is plain data, like every node.
//!
//! The clients are the same state machines that a scenario's producers and consumers are; only how a consumer's
//! application polls differs (the crate's `group::hosted` module).

use std::collections::{BTreeMap, VecDeque};

use klamm_node::event::Word;
use klamm_node::{
    ApplicationCall, ApplicationCommand, CloseReason, Command, ConnectionId, Context, Effect,
    EventKind, Input, NewClient, NewClientKind, Node, Offset, Output, RecordId, Time,
    TopicPartition,
};
use klamm_protocol::Record;

use crate::admin::{Admin, AdminConfig};
use crate::consumer::Consumer;
use crate::producer::Producer;
use crate::summary::ClientSummary;

/// Something for the program: of which client, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The client, by the number that the host gave it.
    pub client: u32,
    /// What.
    pub what: Delivered,
}

/// What a client has for its program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivered {
    /// Producer: a record is in the log; the offset is -1 with `acks=0`.
    Acknowledged {
        /// The record.
        record: RecordId,
        /// Where.
        partition: TopicPartition,
        /// At which offset.
        offset: Offset,
    },
    /// Producer: a record was given up.
    GivenUp {
        /// The record.
        record: RecordId,
        /// Kafka's error name.
        error: Word,
    },
    /// Consumer: a poll returns a record.
    Record {
        /// Its partition.
        partition: TopicPartition,
        /// It.
        record: Record,
    },
    /// Consumer: a poll runs a rebalance callback.
    Rebalance {
        /// Which, for [`klamm_node::ReadCall::RebalanceDone`].
        turn: u64,
        /// What changes.
        change: Change,
        /// The partitions.
        partitions: Vec<TopicPartition>,
        /// Whether partitions are given up and taken one by one (KIP-429, KIP-848), or all at once.
        incremental: bool,
    },
    /// Consumer: a commit has its outcome.
    Committed {
        /// The commit, or none for one that the consumer did by itself.
        call: Option<u64>,
        /// What was committed.
        offsets: Vec<(TopicPartition, Offset)>,
        /// Kafka's error name, if it failed.
        error: Option<Word>,
    },
    /// Consumer: a question was answered.
    Found {
        /// The question.
        call: u64,
        /// The offset of each partition; -1 where there is none. Or Kafka's error name.
        answer: Result<Vec<(TopicPartition, Offset)>, Word>,
    },
    /// Consumer: a poll returns an error.
    Failed {
        /// Kafka's error name, or the consumer's own word.
        error: Word,
        /// Whether nothing more can come.
        fatal: bool,
    },
    /// Admin client: a request was answered.
    Answered {
        /// The request, in words.
        request: String,
        /// Kafka's error name.
        error: Word,
    },
    /// The client is closed.
    Closed,
}

/// How a rebalance changes what a consumer has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It gets partitions.
    Assign,
    /// It gives partitions up.
    Revoke,
    /// They are not its own any more.
    Lost,
}

#[derive(Clone, Debug)]
enum Client {
    Producer(Box<Producer>),
    Consumer(Box<Consumer>),
    Admin(Box<Admin>),
}

impl Client {
    fn new(new: NewClient) -> Self {
        let NewClient { client_id, bootstrap, kind } = new;
        match kind {
            NewClientKind::Producer(config) => {
                Self::Producer(Box::new(Producer::new(&client_id, bootstrap, config)))
            }
            NewClientKind::Consumer { config, stores } => {
                let consumer = Consumer::new(&client_id, bootstrap, config);
                let consumer = consumer.hosted(&client_id, stores);
                Self::Consumer(Box::new(consumer))
            }
            NewClientKind::Admin => {
                Self::Admin(Box::new(Admin::new(&client_id, bootstrap, AdminConfig::default())))
            }
        }
    }

    fn node(&mut self) -> &mut dyn Node {
        match self {
            Self::Producer(node) => &mut **node,
            Self::Consumer(node) => &mut **node,
            Self::Admin(node) => &mut **node,
        }
    }

    fn next_deadline(&self) -> Option<(Time, &'static str)> {
        match self {
            Self::Producer(node) => node.next_deadline(),
            Self::Consumer(node) => node.next_deadline(),
            Self::Admin(node) => node.next_deadline(),
        }
    }
}

/// The process of a program as a node.
#[derive(Clone, Debug, Default)]
pub struct Application {
    clients: BTreeMap<u32, Client>,
    /// Whose each connection is.
    connections: BTreeMap<ConnectionId, u32>,
    deliveries: VecDeque<Delivery>,
}

impl Application {
    /// A process that has created nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What there is for the program, in order, once.
    pub fn take_deliveries(&mut self) -> Vec<Delivery> {
        self.deliveries.drain(..).collect()
    }

    /// Whether there is anything for the program.
    pub fn has_deliveries(&self) -> bool {
        !self.deliveries.is_empty()
    }

    /// What its clients believe and have done, by their numbers.
    pub fn summaries(&self) -> BTreeMap<u32, ClientSummary> {
        let summary = |client: &Client| match client {
            Client::Producer(client) => client.summary(),
            Client::Consumer(client) => client.summary(),
            Client::Admin(client) => client.summary(),
        };
        self.clients.iter().map(|(number, client)| (*number, summary(client))).collect()
    }

    /// Lets a client do something, and takes from what it leaves behind what is this node's business.
    fn with(
        &mut self,
        cx: &mut Context<'_>,
        number: u32,
        does: impl FnOnce(&mut Client, &mut Context<'_>),
    ) {
        let Some(client) = self.clients.get_mut(&number) else { return };
        let before = cx.out.items.len();
        does(client, cx);
        if let Client::Consumer(consumer) = client {
            let new = consumer.take_deliveries().into_iter();
            self.deliveries.extend(new.map(|what| Delivery { client: number, what }));
        }
        let mut closed = false;
        let mut at = before;
        while let Some(output) = cx.out.items.get(at) {
            let ends = matches!(output, Output::Effect(Effect::Halt { .. }, _));
            closed |= ends;
            self.look_at(number, &output.clone());
            if ends {
                // A client that is closed does not end the process.
                cx.out.items.remove(at);
            } else {
                at += 1;
            }
        }
        if closed {
            self.clients.remove(&number);
            self.connections.retain(|_, owner| *owner != number);
            self.deliveries.push_back(Delivery { client: number, what: Delivered::Closed });
        }
    }

    /// What a client left behind says to the program.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other event is an outcome that a program waits for"
    )]
    fn look_at(&mut self, number: u32, output: &Output) {
        let mut deliver = |what| self.deliveries.push_back(Delivery { client: number, what });
        match output {
            Output::Effect(Effect::Connect { connection, .. }, _) => {
                self.connections.insert(*connection, number);
            }
            Output::Effect(Effect::Close { connection, .. }, _) => {
                self.connections.remove(connection);
            }
            Output::Effect(Effect::Send { .. } | Effect::Halt { .. }, _) => {}
            Output::Observed(kind, _) => match kind {
                EventKind::RecordsAcknowledged { partition, base_offset, records, .. } => {
                    for (place, record) in (0..).zip(records) {
                        let known = base_offset.0 >= 0;
                        let offset = if known { base_offset.plus(place) } else { *base_offset };
                        let partition = partition.clone();
                        deliver(Delivered::Acknowledged { record: *record, partition, offset });
                    }
                }
                EventKind::RecordsFailed { records, error, .. } => {
                    for record in records {
                        deliver(Delivered::GivenUp { record: *record, error: error.clone() });
                    }
                }
                EventKind::AdminAnswered { request, error } => {
                    let (request, error) = (request.clone(), error.clone());
                    deliver(Delivered::Answered { request, error });
                }
                _ => {}
            },
        }
    }

    fn call(&mut self, cx: &mut Context<'_>, command: ApplicationCommand) {
        let number = command.client;
        match command.call {
            ApplicationCall::End { error: None } => cx.out.halt("the program ended", true),
            ApplicationCall::End { error: Some(error) } => {
                cx.out.halt(format!("the program failed: {error}"), false);
            }
            ApplicationCall::Processed { group, partition, offset, key } => {
                cx.observe(EventKind::RecordProcessed { group, partition, offset, key });
            }
            ApplicationCall::Open(new) => {
                self.clients.insert(number, Client::new(*new));
            }
            ApplicationCall::Send(record) => self.tell(cx, number, Command::Produce(record)),
            ApplicationCall::Flush => self.tell(cx, number, Command::Flush),
            ApplicationCall::Ask(command) => self.tell(cx, number, *command),
            ApplicationCall::Read(call) => self.with(cx, number, |client, cx| {
                if let Client::Consumer(consumer) = client {
                    consumer.call(cx, call);
                }
            }),
            ApplicationCall::Close => self.close(cx, number),
        }
    }

    /// A consumer and an admin client close in good order; a producer drops what has no outcome yet, as librdkafka's.
    fn close(&mut self, cx: &mut Context<'_>, number: u32) {
        if !matches!(self.clients.get(&number), Some(Client::Producer(_))) {
            return self.tell(cx, number, Command::Shutdown);
        }
        self.clients.remove(&number);
        let mine = self.connections.iter().filter(|(_, owner)| **owner == number);
        let mine: Vec<ConnectionId> = mine.map(|(connection, _)| *connection).collect();
        for connection in mine {
            self.connections.remove(&connection);
            cx.out.close(connection, CloseReason::Local);
        }
        self.deliveries.push_back(Delivery { client: number, what: Delivered::Closed });
    }

    fn tell(&mut self, cx: &mut Context<'_>, number: u32, command: Command) {
        self.give(cx, number, Input::Command(command));
    }

    fn give(&mut self, cx: &mut Context<'_>, number: u32, input: Input) {
        self.with(cx, number, |client, cx| client.node().handle(cx, input));
    }
}

impl Node for Application {
    fn handle(&mut self, cx: &mut Context<'_>, input: Input) {
        match input {
            Input::Start { .. } => {}
            Input::Wake => {
                let due: Vec<u32> = self
                    .clients
                    .iter()
                    .filter(|(_, client)| {
                        client.next_deadline().is_some_and(|(at, _)| at <= cx.now)
                    })
                    .map(|(number, _)| *number)
                    .collect();
                for number in due {
                    self.give(cx, number, Input::Wake);
                }
            }
            Input::Opened { connection } | Input::Received { connection, .. } => {
                if let Some(number) = self.connections.get(&connection).copied() {
                    self.give(cx, number, input);
                }
            }
            Input::Closed { connection, .. } => {
                if let Some(number) = self.connections.remove(&connection) {
                    self.give(cx, number, input);
                }
            }
            Input::Accepted { connection, .. } => {
                cx.out.close(connection, CloseReason::Refused);
            }
            Input::Command(Command::Application(command)) => self.call(cx, *command),
            // A signal that the program does not handle ends it as it is.
            Input::Command(Command::Shutdown) => cx.out.halt("terminated", true),
            // Meant for other nodes: a program's clients are its own.
            Input::Command(
                Command::Produce(_)
                | Command::Flush
                | Command::Assign { .. }
                | Command::CreateTopic { .. }
                | Command::Admin(_)
                | Command::Group(_),
            ) => {}
        }
    }

    fn next_deadline(&self) -> Option<(Time, &'static str)> {
        self.clients.values().filter_map(Client::next_deadline).min()
    }
}
