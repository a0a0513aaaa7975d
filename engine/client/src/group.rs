//! The group consumer: a member of a consumer group, and the application on top of it.
//!
//! ```text
//!   application ── poll ──► membership (classic or KIP-848) ── assignment ──► reader (fetch positions, by partition)
//!        ▲                        │ heartbeats as timers                          │
//!        └──────── records ───────┴───────────────────────────────────────────────┘
//!                                 commits of what polls returned ──► coordinator
//! ```
//!
//! *Flows in*: what the application's user wants ([`GroupCommand`]), answers of the coordinator, fetched records, time.
//! *Flows out*: requests to the coordinator, and events that say what the member believes and what its application did.
//! *Must never*: hand out or commit for a partition that it was told is not its own any more (unless it is a zombie, on
//! demand).
//!
//! The application is one thread, as with the Java consumer: it polls, works on what the poll returned for so long a
//! record, and polls again. Joining, giving partitions up, and commits by timer happen while it polls; heartbeats (and the
//! end of `max.poll.interval.ms`) do not wait for it. A poll blocks until there are records.
//!
//! The coordinator has a connection of its own, so that a JoinGroup which it holds back delays no fetch.
//!
//! Simplified: a poll never times out, which shows only in how often it looks around; the leader of a classic group waits
//! for metadata without a limit; a partition without a committed offset and a policy for that (`auto.offset.reset=none`) is left
//! alone, where Java's next poll throws; a seek in a partition that it has not is passed over; OffsetCommit and OffsetFetch
//! go up to version 9, so topics are named, not given by id.

mod application;
mod by_hand;
mod classic;
mod coordinator;
mod hosted;
mod modern;
mod offsets;
mod subscription;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::config::ConsumerConfig;
use klamm_node::event::Word;
use klamm_node::{
    Context, EventKind, GroupCommand, GroupId, Input, MemberId, Offset, ReadCall, Time, TopicName,
    TopicPartition,
};
use klamm_protocol::channel::Software;
use klamm_protocol::kafka::messages::ApiKey;
use klamm_protocol::{Client, ClientSettings, Completed, RpcError};

use self::application::Application;
use self::by_hand::ByHand;
use self::classic::Classic;
use self::coordinator::Coordinator;
pub(crate) use self::coordinator::find_coordinator;
use self::hosted::Hosted;
use self::modern::Modern;
use self::offsets::{Commits, Fetching};
use self::subscription::Subscribed;
use crate::application::Delivered;
use crate::backoff::Backoff;
use crate::consumer::Consumer;
use crate::summary::GroupSummary;

/// What a request to the coordinator was for.
#[derive(Clone, Debug)]
enum Asked {
    Classic(classic::Asked),
    Modern(modern::Asked),
    /// A commit, by its number, and as whom.
    Commit(u64, Identity),
    /// The committed offsets of these partitions.
    Offsets(BTreeSet<TopicPartition>),
    /// The same, because the program wants to know.
    Committed(u64),
}

/// As whom a member speaks: its id, and its generation or member epoch; -1 for none.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Identity {
    member: MemberId,
    epoch: i32,
}

impl Identity {
    fn nobody() -> Self {
        Self { member: MemberId::from(""), epoch: -1 }
    }
}

/// A partition that the group gave it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Holding {
    /// Its position was set or is being looked up: it is the reader's now.
    started: bool,
    paused: bool,
    /// It is about to be given up, and what was polled is being committed.
    revoking: bool,
    /// There is no committed offset and no policy for that.
    stopped: bool,
}

/// A consumer's place in its group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    id: GroupId,
    config: ConsumerConfig,
    backoff: Backoff,
    pool: Client<Asked>,
    coordinator: Coordinator,
    subscribed: Subscribed,
    /// The topics of the subscription, as far as they are known by name.
    topics: BTreeSet<TopicName>,
    /// The metadata with which a pattern was matched last.
    looked_around_at: u64,
    assigned: BTreeMap<TopicPartition, Holding>,
    /// Speaks KIP-848 with its coordinator rather than the classic protocol.
    is_modern: bool,
    classic: Classic,
    modern: Modern,
    application: Application,
    /// A program of one's own polls, rather than the model application.
    hosted: Option<Box<Hosted>>,
    /// What that program does without the group.
    by_hand: ByHand,
    commits: Commits,
    fetching: Fetching,
    /// Where its polls have come.
    polled: BTreeMap<TopicPartition, Offset>,
    /// What the coordinator acknowledged.
    committed: BTreeMap<TopicPartition, Offset>,
    /// The member and epoch that the last assignment was told of.
    told: Identity,
    wake: Option<Time>,
    /// Something changed that others should look at before this call ends.
    again: bool,
    /// Does not notice that it is out of the group.
    zombie: bool,
}

impl Group {
    pub(crate) fn new(client_id: &str, config: &ConsumerConfig) -> Self {
        let settings = ClientSettings {
            client_id: client_id.to_owned(),
            negotiate: Some(Software {
                name: "klamm".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }),
            max_in_flight: 100,
            connect_timeout: config.socket_connection_setup_timeout,
            reconnect_backoff: config.reconnect_backoff,
            reconnect_backoff_max: config.reconnect_backoff_max,
            ..ClientSettings::default()
        };
        Self {
            id: GroupId::from(config.group_id.as_str()),
            backoff: Backoff { least: config.retry_backoff, most: config.retry_backoff_max },
            pool: Client::new(settings),
            coordinator: Coordinator::default(),
            subscribed: Subscribed::Nothing,
            topics: BTreeSet::new(),
            looked_around_at: 0,
            assigned: BTreeMap::new(),
            is_modern: config.group_protocol.eq_ignore_ascii_case("consumer"),
            classic: Classic::new(config),
            modern: Modern::new(),
            told: Identity::nobody(),
            application: Application::default(),
            hosted: None,
            by_hand: ByHand::default(),
            commits: Commits::default(),
            fetching: Fetching::default(),
            polled: BTreeMap::new(),
            committed: BTreeMap::new(),
            wake: None,
            again: false,
            zombie: false,
            config: config.clone(),
        }
    }

    /// What it believes of its place; none without a `group.id`.
    pub(crate) fn summary(&self) -> Option<GroupSummary> {
        if self.id.as_str().is_empty() {
            return None;
        }
        let identity = self.told.clone();
        // What is assigned by hand the group knows nothing of.
        let assigned = self.assigned.keys().filter(|_| !self.by_hand.reads());
        Some(GroupSummary {
            group: self.id.clone(),
            member: identity.member,
            epoch: identity.epoch,
            assigned: assigned.cloned().collect(),
            polled: self.polled.clone(),
            committed: self.committed.clone(),
            coordinator: self.coordinator.last(),
        })
    }

    /// Takes what concerns its connections.
    pub(crate) fn handle(&mut self, cx: &mut Context<'_>, input: &Input) {
        match input {
            Input::Opened { connection } => self.pool.opened(cx, *connection),
            Input::Received { connection, bytes } => self.pool.received(cx, *connection, bytes),
            Input::Closed { connection, reason } => {
                let was_open = self.is_connected();
                self.pool.closed(cx, *connection, *reason);
                if was_open && !self.is_connected() {
                    self.coordinator_gone(cx, false);
                }
            }
            Input::Wake => self.pool.handle_timers(cx),
            Input::Start { .. } | Input::Accepted { .. } | Input::Command(_) => {}
        }
    }

    /// The application's user wants something.
    pub(crate) fn call(&mut self, command: GroupCommand) {
        match (self.hosted.as_deref_mut(), command) {
            (Some(hosted), GroupCommand::Close { .. }) => hosted.close(),
            // A program of one's own is asked nothing.
            (Some(_), _) => {}
            (None, command) => self.application.call(command),
        }
    }

    /// From now on a program of one's own polls.
    pub(crate) fn host(&mut self, stores: bool) {
        self.hosted = Some(Box::new(Hosted::new(stores)));
    }

    /// The program calls.
    pub(crate) fn program_calls(&mut self, call: ReadCall) {
        if let Some(hosted) = self.hosted.as_deref_mut() {
            hosted.call(call);
        }
    }

    /// What there is for the program.
    pub(crate) fn take_deliveries(&mut self) -> Vec<Delivered> {
        self.hosted.as_deref_mut().map(Hosted::take_deliveries).unwrap_or_default()
    }

    /// Since when whoever is on top has not polled; none while it polls.
    fn busy_since(&self) -> Option<Time> {
        match self.hosted.as_deref() {
            Some(hosted) => hosted.busy_since(),
            None => self.application.busy_since(),
        }
    }

    /// Whether partitions come and go one by one.
    fn is_incremental(&self) -> bool {
        self.is_modern || self.classic.is_cooperative()
    }

    /// Whether an orderly shutdown is its business: an application that hangs is only killed.
    pub(crate) fn closes_itself(&self) -> bool {
        self.hosted.is_some() || self.application.closes_itself()
    }

    pub(crate) fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let pool = self.pool.next_deadline().map(|at| (at, "connection"));
        let own = self.wake.map(|at| (at, "group"));
        [pool, own].into_iter().flatten().min()
    }

    /// Does all that can be done now.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        loop {
            self.again = false;
            self.wake = None;
            while let Some(done) = self.pool.next_completed() {
                self.answered(cx, reader, done);
            }
            // The classic consumer's heartbeats have a thread of their own, which waits for nobody.
            if !self.is_modern {
                self.heartbeat_classic(cx, reader);
            }
            if self.hosted.is_some() {
                self.step_hosted(cx, reader);
            } else {
                self.step(cx, reader);
            }
            self.send_commits(cx, reader);
            // The one of KIP-848 has a single thread in the background, which commits first
            // (`RequestManagers`): what is due at the same instant goes in the epoch that still holds.
            if self.is_modern {
                self.heartbeat_modern(cx, reader);
            }
            // A request that can't be said has its outcome at once.
            let done = self.pool.next_completed();
            if let Some(done) = done {
                self.answered(cx, reader, done);
                continue;
            }
            if !self.again {
                return;
            }
        }
    }

    /// What happens to its place while the application polls. False while there is nothing to be handed out or committed by
    /// timer, because a rebalance goes on.
    fn poll_membership(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) -> bool {
        if self.is_modern { self.poll_modern(cx, reader) } else { self.poll_classic(cx, reader) }
    }

    fn answered(&mut self, cx: &mut Context<'_>, reader: &mut Consumer, done: Completed<Asked>) {
        if matches!(
            done.outcome,
            Err(RpcError::Disconnected(_) | RpcError::Timeout | RpcError::Malformed)
        ) && self.coordinator.is_at(&done.to)
        {
            // Whoever does not answer is looked for anew (as in Java at a disconnect, which a timeout is too).
            self.coordinator_gone(cx, true);
        }
        match done.tag {
            Asked::Classic(asked) => self.classic_answered(cx, asked, done.outcome),
            Asked::Modern(asked) => self.modern_answered(cx, reader, asked, done.outcome),
            Asked::Commit(serial, identity) => {
                self.commit_answered(cx, serial, &identity, done.outcome);
            }
            Asked::Offsets(partitions) => {
                self.offsets_answered(cx, reader, &partitions, done.outcome);
            }
            Asked::Committed(call) => self.committed_answered(cx, call, done.outcome),
        }
    }

    /// Whether what it has is still its own; else who it was, and why not.
    fn still_has_them(&self) -> Result<(), (Identity, Word)> {
        if self.is_modern { self.modern.still_has_them() } else { self.classic.still_has_them() }
    }

    /// As whom it speaks now.
    fn identity(&self) -> Identity {
        if self.is_modern { self.modern.identity() } else { self.classic.identity() }
    }

    /// Wants to be woken by then.
    fn sooner(&mut self, at: Time) {
        self.wake = Some(self.wake.map_or(at, |known| known.min(at)));
    }

    fn failed(&self, cx: &mut Context<'_>, api: ApiKey, error: Word) {
        cx.observe(EventKind::GroupRequestFailed {
            group: self.id.clone(),
            member: self.identity().member,
            api_key: api as i16,
            error,
        });
    }

    /// Takes partitions in, and tells so.
    fn take_in(&mut self, cx: &mut Context<'_>, partitions: Vec<TopicPartition>) {
        for partition in &partitions {
            self.assigned.insert(partition.clone(), Holding::default());
        }
        self.told = self.identity();
        let Identity { member, epoch } = self.told.clone();
        let group = self.id.clone();
        cx.observe(EventKind::PartitionsAssigned { group, member, epoch, partitions });
        self.again = true;
    }

    /// Keeps what it has, in another epoch (KIP-848): only epochs are news, no listener is called.
    fn epoch_moved(&mut self, cx: &mut Context<'_>) {
        self.told = self.identity();
        let Identity { member, epoch } = self.told.clone();
        cx.observe(EventKind::MemberEpochMoved { group: self.id.clone(), member, epoch });
        self.again = true;
    }

    /// Gives partitions up in good order.
    fn revoke(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
        partitions: Vec<TopicPartition>,
    ) {
        if partitions.is_empty() {
            return;
        }
        self.let_go(reader, &partitions);
        let Identity { member, epoch } = self.identity();
        let group = self.id.clone();
        cx.observe(EventKind::PartitionsRevoked { group, member, epoch, partitions });
    }

    /// All that it had is not its own any more.
    fn lose(&mut self, cx: &mut Context<'_>, reader: &mut Consumer, was: Identity, reason: Word) {
        let partitions: Vec<TopicPartition> = self.assigned.keys().cloned().collect();
        if partitions.is_empty() {
            return;
        }
        self.let_go(reader, &partitions);
        let Identity { member, epoch } = was;
        let group = self.id.clone();
        cx.observe(EventKind::PartitionsLost { group, member, epoch, partitions, reason });
    }

    fn let_go(&mut self, reader: &mut Consumer, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.assigned.remove(partition);
            self.polled.remove(partition);
            if let Some(hosted) = self.hosted.as_deref_mut() {
                hosted.forget(partition);
            }
            reader.end(partition);
        }
        self.again = true;
    }
}
