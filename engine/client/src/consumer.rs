//! The consumer: partitions are assigned to it by hand, or by its group (the crate's `group` module); it reads them in order
//! and says what it read.
//!
//! A partition's position goes through these states; each is one kind of request to the partition's leader:
//!
//! ```text
//!   Assign ─► LookUp (ListOffsets) ─► Fetch ◄─────► Validate (OffsetForLeaderEpoch, after a change of leader)
//!                ▲                      │  diverging epoch: back to where the logs agree
//!                └──── out of range ────┘
//! ```
//!
//! Where a leader says that another replica is closer (KIP-392), the partition is fetched from there until the leader
//! changes, the replica fails, or `metadata.max.age.ms` has passed.
//!
//! Invariants
//! * No record before the position is ever delivered, although a fetch returns whole batches.
//! * An answer to a question that was asked before the position was set anew is ignored.
//!
//! Simplified: a corrupt batch is fetched again after a backoff, where the Java consumer throws; a partition whose fetch
//! failed is left out for a backoff, where the Java consumer only waits for newer metadata; fetch sessions are not ended
//! when the consumer closes; read-uncommitted only.

mod fetch;
mod handout;
mod position;
mod question;
mod read_replica;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use klamm_node::config::ConsumerConfig;
use klamm_node::event::Word;
use klamm_node::{
    BrokerId, Command, Context, Endpoint, EventKind, GroupCommand, GroupId, Input, LeaderEpoch,
    LeaveWhen, Node, Offset, ReadCall, StartFrom, Time, TopicId, TopicName, TopicPartition,
};
use klamm_protocol::kafka::messages::{ApiKey, ResponseKind};
use klamm_protocol::{Call, Completed, ErrorCode, RpcError};

use self::fetch::{BrokerFetch, FetchAsk};
use self::handout::Handout;
pub(crate) use self::handout::Start;
use self::position::{EARLIEST, LATEST};
use self::question::Questions;
use crate::application::Delivered;
use crate::backoff::Backoff;
use crate::core::{Core, Shared};
use crate::group::Group;
use crate::metadata::{Leader, Metadata, Topic};
use crate::producer::shows_stale_metadata;
use crate::summary::{ClientSummary, ConsumerPosition};

/// Where a consumer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Position {
    /// The next offset to read.
    offset: Offset,
    /// The leader epoch of the last record read, against which a new leader is checked (KIP-320); -1 for none.
    epoch: LeaderEpoch,
    /// The epoch of the leader that the position is known to be good for.
    leader_epoch: LeaderEpoch,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The position must be looked up.
    LookUp { timestamp: i64, reason: &'static str },
    /// The leader changed: does its log agree with what was read?
    Validate(Position),
    /// Reading.
    Fetch(Position),
    /// `auto.offset.reset` is `none`, and the position is out of range or its records are gone.
    Stopped(Offset),
}

#[derive(Clone, Debug)]
struct Assigned {
    state: State,
    /// The replica that the leader wants it to be read from, and until when that holds (KIP-392).
    preferred: Option<(BrokerId, Time)>,
    /// Grows when the position is set rather than reached: answers to older questions are ignored.
    turn: u64,
    /// A look-up or a validation is under way.
    busy: bool,
    /// Not before this.
    retry_at: Time,
    failures: u32,
    /// What waits to be polled, in a partition that is read for a group.
    handout: Option<Box<Handout>>,
}

/// What a request is about: partitions with their turns. What a fetch is about its session knows.
#[derive(Clone, Debug)]
struct Asked {
    api: ApiKey,
    partitions: Vec<(TopicPartition, u64)>,
    /// The epoch that the client believed the leader to be in.
    epochs: BTreeMap<TopicPartition, LeaderEpoch>,
    to: Endpoint,
    /// The program's question that it answers.
    question: Option<u64>,
}

/// The requests that a look around wants to send to one broker, by kind.
#[derive(Clone, Debug)]
struct Wanted {
    to: Endpoint,
    partitions: Vec<(TopicPartition, Leader)>,
}

/// The fetches that a look around wants to send, in the order in which their brokers come up.
struct Fetches {
    /// How many partitions there are in all.
    partitions: usize,
    brokers: Vec<BrokerAsks>,
}

/// What a broker shall be asked for.
struct BrokerAsks {
    id: BrokerId,
    to: Endpoint,
    /// A fetch is under way there already: nothing is asked.
    under_way: bool,
    asks: Vec<(TopicPartition, FetchAsk)>,
}

impl Fetches {
    /// The list of what a broker shall be asked for; none if a fetch is under way there. Each partition of each look around
    /// gets here, so that a broker is looked up once a look.
    fn of(
        &mut self,
        id: BrokerId,
        to: &Endpoint,
        sessions: &BTreeMap<Endpoint, BrokerFetch>,
    ) -> Option<&mut Vec<(TopicPartition, FetchAsk)>> {
        let known = self.brokers.iter().position(|broker| broker.id == id);
        // Metadata of two moments may name one address for two brokers; it gets one fetch.
        let known = known.or_else(|| self.brokers.iter().position(|broker| broker.to == *to));
        let at = known.unwrap_or_else(|| {
            let under_way = sessions.get(to).is_some_and(|fetch| fetch.under_way);
            let asks = if under_way { Vec::new() } else { Vec::with_capacity(self.partitions) };
            self.brokers.push(BrokerAsks { id, to: to.clone(), under_way, asks });
            self.brokers.len() - 1
        });
        self.brokers.get_mut(at).filter(|broker| !broker.under_way).map(|broker| &mut broker.asks)
    }
}

/// A consumer as a node.
#[derive(Clone, Debug)]
pub struct Consumer {
    config: ConsumerConfig,
    backoff: Backoff,
    core: Core<Asked>,
    partitions: BTreeMap<TopicPartition, Assigned>,
    /// The fetch sessions with the brokers, one fetch under way in each, as in Kafka.
    fetches: BTreeMap<Endpoint, BrokerFetch>,
    read: u64,
    wake: Option<Time>,
    /// Its place in a group, if it has a `group.id`.
    group: Option<Box<Group>>,
    /// A program reads the records themselves.
    keeps_records: bool,
    /// What the program has asked for.
    questions: Questions,
}

impl Consumer {
    /// A consumer that learns the cluster from `bootstrap`.
    pub fn new(client_id: &str, bootstrap: Vec<Endpoint>, config: ConsumerConfig) -> Self {
        let backoff = Backoff { least: config.retry_backoff, most: config.retry_backoff_max };
        let shared = Shared {
            client_id: client_id.to_owned(),
            // A consumer asks one thing of a broker at a time, besides metadata; Kafka sets no limit here.
            max_in_flight: 100,
            connect_timeout: config.socket_connection_setup_timeout,
            reconnect_backoff: config.reconnect_backoff,
            reconnect_backoff_max: config.reconnect_backoff_max,
            request_timeout: config.request_timeout,
        };
        let metadata = Metadata::new(bootstrap, config.metadata_max_age, backoff);
        let group = (!config.group_id.is_empty()).then(|| Box::new(Group::new(client_id, &config)));
        Self {
            group,
            backoff,
            core: Core::new(shared, metadata),
            partitions: BTreeMap::new(),
            fetches: BTreeMap::new(),
            read: 0,
            wake: None,
            keeps_records: false,
            questions: Questions::default(),
            config,
        }
    }

    /// The same, for a program of one's own; `stores` is `enable.auto.offset.store`.
    pub(crate) fn hosted(mut self, client_id: &str, stores: bool) -> Self {
        self.keeps_records = true;
        // Without a `group.id` it is nobody's member, and yet polls, stores and reads by hand.
        let config = &self.config;
        let group = self.group.get_or_insert_with(|| Box::new(Group::new(client_id, config)));
        group.host(stores);
        self
    }

    /// The program calls.
    pub(crate) fn call(&mut self, cx: &mut Context<'_>, call: ReadCall) {
        match call {
            ReadCall::LookUp { call, partition, at, within } => {
                self.question(cx, call, partition, at, within);
            }
            call @ (ReadCall::Subscribe { .. }
            | ReadCall::SubscribePattern { .. }
            | ReadCall::Unsubscribe
            | ReadCall::Assign { .. }
            | ReadCall::Unassign { .. }
            | ReadCall::LookUpCommitted { .. }
            | ReadCall::Poll
            | ReadCall::StopPolling
            | ReadCall::RebalanceDone { .. }
            | ReadCall::Store { .. }
            | ReadCall::Commit { .. }
            | ReadCall::Seek { .. }
            | ReadCall::Pause { .. }
            | ReadCall::Resume { .. }) => {
                if let Some(group) = self.group.as_deref_mut() {
                    group.program_calls(call);
                }
            }
        }
        self.drive(cx);
    }

    /// What there is for the program.
    pub(crate) fn take_deliveries(&mut self) -> Vec<Delivered> {
        let mut deliveries =
            self.group.as_deref_mut().map(Group::take_deliveries).unwrap_or_default();
        deliveries.append(&mut self.questions.take_answers());
        deliveries
    }

    /// What it believes and has done.
    pub fn summary(&self) -> ClientSummary {
        let positions = self.partitions.iter().map(|(partition, assigned)| {
            let (offset, stopped) = match assigned.state {
                State::LookUp { .. } => (None, false),
                State::Validate(position) | State::Fetch(position) => {
                    (Some(position.offset), false)
                }
                State::Stopped(offset) => (Some(offset), true),
            };
            (partition.clone(), ConsumerPosition { offset, stopped })
        });
        ClientSummary {
            positions: positions.collect(),
            leaders: self.core.metadata.leaders(),
            read: self.read,
            group: self.group.as_deref().and_then(Group::summary),
            ..ClientSummary::default()
        }
    }

    fn assign(&mut self, cx: &mut Context<'_>, topic: &TopicName, partition: i32, from: StartFrom) {
        let partition = TopicPartition::new(TopicName::clone(topic), partition);
        self.core.metadata.want(topic);
        let turn = self.partitions.get(&partition).map_or(0, |assigned| assigned.turn + 1);
        let state = match from {
            StartFrom::Earliest => State::LookUp { timestamp: EARLIEST, reason: "assigned" },
            StartFrom::Latest => State::LookUp { timestamp: LATEST, reason: "assigned" },
            StartFrom::Offset(offset) => {
                position_set(cx, &partition, offset, "assigned");
                let epoch = LeaderEpoch::NONE;
                State::Fetch(Position { offset, epoch, leader_epoch: LeaderEpoch::NONE })
            }
        };
        let (preferred, busy, failures) = (None, false, 0);
        let (retry_at, handout) = (cx.now, None);
        let assigned = Assigned { state, preferred, turn, busy, retry_at, failures, handout };
        self.partitions.insert(partition, assigned);
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        // A request that can't be said has its outcome at once: hence a loop.
        let mut next = self.core.next_completed(cx);
        loop {
            while let Some(done) = next {
                self.handle_completed(cx, done);
                next = self.core.next_completed(cx);
            }
            self.drive_group(cx);
            self.ask(cx);
            self.core.poll_metadata(cx);
            next = self.core.next_completed(cx);
            if next.is_none() {
                break;
            }
        }
    }

    /// Asks the brokers what there is to ask, one request a broker and kind.
    fn ask(&mut self, cx: &mut Context<'_>) {
        // In the order in which brokers will be asked: look-ups and validations, then fetches.
        let mut wanted: BTreeMap<(i16, BrokerId), Wanted> = BTreeMap::new();
        let mut fetches = Fetches { partitions: self.partitions.len(), brokers: Vec::new() };
        let mut wake: Option<Time> = None;
        let mut sooner = |at: Time| wake = Some(wake.map_or(at, |known| known.min(at)));
        let mut leaderless = false;
        // They come topic by topic, and every input gets here.
        let mut topic: Option<(&TopicName, Option<&Topic>)> = None;
        for (partition, assigned) in &mut self.partitions {
            if assigned.busy || matches!(assigned.state, State::Stopped(_)) {
                continue;
            }
            let known = match topic {
                Some((name, known)) if *name == partition.topic => known,
                Some(_) | None => {
                    let known = self.core.metadata.topic(&partition.topic);
                    topic = Some((&partition.topic, known));
                    known
                }
            };
            let leader =
                known.and_then(|known| self.core.metadata.leader_of(known, partition.partition));
            let Some((leader, to)) = leader else {
                leaderless = true;
                continue;
            };
            if assigned.retry_at > cx.now {
                sooner(assigned.retry_at);
                continue;
            }
            let api = assigned.next_request(cx, partition, leader);
            if let (ApiKey::Fetch, State::Fetch(position)) = (api, assigned.state) {
                if assigned.handout.as_deref().is_some_and(Handout::holds) {
                    continue;
                }
                let (from, to) = match assigned.read_replica(cx, partition) {
                    None => (leader.id, to),
                    Some(replica) => match self.core.metadata.broker(replica) {
                        Some(at) => (replica, at),
                        None => {
                            assigned.prefer(cx, partition, None, "unreachable");
                            leaderless = true;
                            (leader.id, to)
                        }
                    },
                };
                let Some(asks) = fetches.of(from, to, &self.fetches) else { continue };
                let ask = FetchAsk {
                    topic: known.map_or(TopicId::ZERO, Topic::id),
                    offset: position.offset,
                    leader_epoch: leader.epoch,
                    turn: assigned.turn,
                };
                asks.push((partition.clone(), ask));
                continue;
            }
            let entry = wanted.entry((api as i16, leader.id));
            let at = entry.or_insert_with(|| Wanted { to: to.clone(), partitions: Vec::new() });
            at.partitions.push((partition.clone(), leader));
        }
        if leaderless {
            self.core.metadata.refresh();
        }
        for ((api, _), wanted) in wanted {
            match self.core.ready(cx, &wanted.to) {
                Ok(()) if api == ApiKey::ListOffsets as i16 => self.look_up(cx, wanted),
                Ok(()) => self.validate(cx, wanted),
                Err(retry) => retry.into_iter().for_each(&mut sooner),
            }
        }
        for BrokerAsks { to, asks, .. } in fetches.brokers {
            if asks.is_empty() {
                continue;
            }
            let failed_before = self.core.unreachable.get(&to).copied();
            match self.core.ready(cx, &to) {
                Ok(()) => self.fetch(cx, to, asks),
                Err(retry) => {
                    retry.into_iter().for_each(&mut sooner);
                    // One more connect has failed: whoever was sent there asks the leader again, at once.
                    if retry.is_some() && retry != failed_before && self.turn_back(cx, &asks) {
                        sooner(cx.now);
                    }
                }
            }
        }
        self.wake = wake;
        self.ask_questions(cx);
    }

    /// The tag of a request about some partitions, which are busy from now on.
    fn asked(&mut self, api: ApiKey, wanted: &Wanted) -> Asked {
        let mut partitions = Vec::new();
        let mut epochs = BTreeMap::new();
        for (partition, leader) in &wanted.partitions {
            if let Some(assigned) = self.partitions.get_mut(partition) {
                assigned.busy = true;
                partitions.push((partition.clone(), assigned.turn));
                epochs.insert(partition.clone(), leader.epoch);
            }
        }
        Asked { api, partitions, epochs, to: wanted.to.clone(), question: None }
    }

    fn handle_completed(&mut self, cx: &mut Context<'_>, done: Completed<Asked>) {
        let asked = done.tag;
        if let Some(call) = asked.question {
            return self.question_answered(cx, call, done.outcome);
        }
        if asked.api == ApiKey::FindCoordinator {
            return self.coordinator_found(cx, &done.outcome);
        }
        if asked.api == ApiKey::Fetch {
            return match done.outcome {
                Ok(ResponseKind::Fetch(response)) => self.fetched(cx, &asked.to, &response),
                Ok(_) => self.fetch_failed(cx, &asked.to, ErrorCode::UNKNOWN_SERVER_ERROR.word()),
                Err(error) => self.fetch_failed(cx, &asked.to, error.word()),
            };
        }
        for (partition, turn) in &asked.partitions {
            if let Some(assigned) = self.partitions.get_mut(partition)
                && assigned.turn == *turn
            {
                assigned.busy = false;
            }
        }
        match done.outcome {
            Ok(ResponseKind::ListOffsets(response)) => self.looked_up(cx, &asked, &response),
            Ok(ResponseKind::OffsetForLeaderEpoch(response)) => {
                self.validated(cx, &asked, &response);
            }
            Ok(_) => {
                for (partition, turn) in &asked.partitions {
                    let code = ErrorCode::UNKNOWN_SERVER_ERROR;
                    self.retry(cx, partition, *turn, asked.about(partition), code, None);
                }
            }
            Err(RpcError::UnsupportedVersion) if asked.api == ApiKey::OffsetForLeaderEpoch => {
                // A broker that knows no epochs can't be asked: the position is taken as good, as in the Java client.
                for (partition, turn) in &asked.partitions {
                    let good_for = asked.epochs.get(partition).copied();
                    if let Some(assigned) = self.current(partition, *turn)
                        && let State::Validate(position) = assigned.state
                    {
                        let leader_epoch = good_for.unwrap_or(position.leader_epoch);
                        assigned.state = State::Fetch(Position { leader_epoch, ..position });
                    }
                }
            }
            Err(error) => {
                for (partition, turn) in &asked.partitions {
                    let (word, about) = (Some(error.word()), asked.about(partition));
                    let code = ErrorCode::NETWORK_EXCEPTION;
                    self.retry(cx, partition, *turn, about, code, word);
                }
            }
        }
    }

    /// A request about a partition failed and is tried again: at once if a newer leader is known by now, else after
    /// the backoff.
    fn retry(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        turn: u64,
        (api, tried): (ApiKey, LeaderEpoch),
        error: ErrorCode,
        word: Option<Word>,
    ) {
        let at = self.current(partition, turn).map(|assigned| assigned.failures);
        let Some(failures) = at else { return };
        cx.observe(EventKind::RequestRetried {
            partition: partition.clone(),
            api_key: api as i16,
            error: word.unwrap_or_else(|| error.word()),
        });
        if shows_stale_metadata(error) {
            self.core.metadata.refresh();
        }
        let moved = self.core.metadata.leader(partition).is_some_and(|(now, _)| now.epoch > tried);
        let retry_at = if moved { cx.now } else { self.backoff.until(cx, failures) };
        if let Some(assigned) = self.current(partition, turn) {
            assigned.retry_at = retry_at;
            assigned.failures = failures.saturating_add(1);
        }
    }

    /// The partition, unless its position was set anew since the question was asked.
    fn current(&mut self, partition: &TopicPartition, turn: u64) -> Option<&mut Assigned> {
        self.partitions.get_mut(partition).filter(|assigned| assigned.turn == turn)
    }

    /// The position is no good: look one up as `auto.offset.reset` says, or stop.
    fn reset(
        &mut self,
        cx: &Context<'_>,
        partition: &TopicPartition,
        turn: u64,
        reason: &'static str,
    ) {
        let timestamp = self.reset_timestamp(cx);
        let Some(assigned) = self.current(partition, turn) else { return };
        assigned.turn += 1;
        assigned.state = match (timestamp, assigned.state) {
            (Some(timestamp), _) => State::LookUp { timestamp, reason },
            (None, State::Validate(position) | State::Fetch(position)) => {
                State::Stopped(position.offset)
            }
            (None, other @ (State::LookUp { .. } | State::Stopped(_))) => other,
        };
    }

    /// The group's turn, if there is one.
    fn drive_group(&mut self, cx: &mut Context<'_>) {
        if let Some(mut group) = self.group.take() {
            group.drive(cx, self);
            self.group = Some(group);
        }
    }

    /// Somebody said who coordinates the group.
    fn coordinator_found(
        &mut self,
        cx: &mut Context<'_>,
        outcome: &Result<ResponseKind, RpcError>,
    ) {
        if let Some(group) = self.group.as_deref_mut() {
            group.found(cx, outcome);
        }
    }

    /// Asks somebody for the group's coordinator; true if the question is on its way. Who is being connected to stands in
    /// `via` until then.
    pub(crate) fn ask_for_coordinator(
        &mut self,
        cx: &mut Context<'_>,
        group: &GroupId,
        via: &mut Option<Endpoint>,
    ) -> bool {
        let Some(to) = via.take().or_else(|| self.core.least_loaded(cx)) else {
            self.core.metadata.refresh();
            return false;
        };
        match self.core.ready(cx, &to) {
            Ok(()) => {}
            Err(None) => {
                *via = Some(to);
                return false;
            }
            Err(Some(_)) => return false,
        }
        let version = self.core.version(&to, ApiKey::FindCoordinator as i16);
        let request = crate::group::find_coordinator(group, version.unwrap_or(0));
        let call = Call::new(request, self.core.request_timeout);
        let asked = Asked { api: ApiKey::FindCoordinator, ..Asked::fetch(to.clone()) };
        self.core.send(cx, &to, call, asked);
        true
    }
}

impl Asked {
    /// A fetch, of which its session knows the rest.
    fn fetch(to: Endpoint) -> Self {
        let (partitions, epochs) = (Vec::new(), BTreeMap::new());
        Self { api: ApiKey::Fetch, partitions, epochs, to, question: None }
    }

    /// What was asked of a partition, and in which epoch of its leader.
    fn about(&self, partition: &TopicPartition) -> (ApiKey, LeaderEpoch) {
        (self.api, self.epochs.get(partition).copied().unwrap_or(LeaderEpoch::NONE))
    }
}

impl Assigned {
    /// What to ask. A leader of another epoch than the last is checked first, if anything was read so far (KIP-320); and
    /// where the last one said to read from was its business.
    fn next_request(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        leader: Leader,
    ) -> ApiKey {
        if let State::Fetch(position) = self.state
            && position.leader_epoch != leader.epoch
        {
            let known = position.leader_epoch.0 >= 0;
            self.state = if position.epoch.0 >= 0 && known {
                State::Validate(position)
            } else {
                State::Fetch(Position { leader_epoch: leader.epoch, ..position })
            };
            self.prefer(cx, partition, None, "leader-changed");
        }
        match self.state {
            State::LookUp { .. } => ApiKey::ListOffsets,
            State::Validate(_) => ApiKey::OffsetForLeaderEpoch,
            State::Fetch(_) | State::Stopped(_) => ApiKey::Fetch,
        }
    }
}

fn position_set(
    cx: &mut Context<'_>,
    partition: &TopicPartition,
    to: Offset,
    reason: &'static str,
) {
    let partition = partition.clone();
    cx.observe(EventKind::PositionSet { partition, to, reason: reason.into() });
}

impl Node for Consumer {
    fn handle(&mut self, cx: &mut Context<'_>, input: Input) {
        self.core.handle(cx, &input);
        if let Some(group) = self.group.as_deref_mut() {
            group.handle(cx, &input);
        }
        if let Input::Command(command) = input {
            match command {
                Command::Group(command) => {
                    if let Some(group) = self.group.as_deref_mut() {
                        group.call(command);
                    }
                }
                Command::Shutdown if self.group.as_deref().is_some_and(Group::closes_itself) => {
                    if let Some(group) = self.group.as_deref_mut() {
                        group.call(GroupCommand::Close { leave: LeaveWhen::Default });
                    }
                }
                Command::Assign { topic, partition, from } => {
                    self.assign(cx, &topic, partition, from);
                }
                Command::Shutdown => {
                    self.partitions.clear();
                    self.core.close_all(cx);
                    return cx.out.halt("the consumer is closed", true);
                }
                // Meant for other clients.
                Command::Produce(_)
                | Command::Flush
                | Command::CreateTopic { .. }
                | Command::Admin(_)
                | Command::Application(_) => {}
            }
        }
        self.drive(cx);
    }

    fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let own = self.wake.map(|at| (at, "consume"));
        let group = self.group.as_deref().and_then(Group::next_deadline);
        [own, self.core.next_deadline(), group].into_iter().flatten().min()
    }
}
