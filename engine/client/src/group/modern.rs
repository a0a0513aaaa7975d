//! A member of a consumer group (KIP-848): it heartbeats with what it wants and has, and is told what it is to have.
//!
//! ```text
//!   Unsubscribed ─► Joining (epoch 0) ─► Reconciling ─ gave up, took in ─► Acknowledging ─ told ─► Stable
//!                      ▲  ▲                  ▲                                                       │
//!                      │  └─ lost all ─ Fenced ◄── unknown, or of another epoch ─────────────────────┤
//!                      └──── lost all ─ Stale  ◄── left after max.poll.interval.ms ──────────────────┘
//! ```
//!
//! Heartbeats do not wait for the application; giving up and taking in happens while it polls. What is to be given up is
//! committed first (with auto commit), and is the only thing that stops being read meanwhile.
//!
//! Simplified: topics of a pattern are looked for by the same pattern, where the Java client asks for the ids that it is
//! told.

mod heartbeat;
mod reconcile;

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::event::Word;
use klamm_node::{Context, MemberId, Purpose, Span, Time, TopicId, TopicPartition};
use klamm_protocol::ErrorCode;

use super::{Group, Identity};

/// Partitions by the ids of their topics.
pub(super) type ById = BTreeMap<TopicId, BTreeSet<i32>>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Unsubscribed,
    Joining,
    Reconciling,
    Acknowledging,
    Stable,
    /// Put out; it comes back once it has let everything go.
    Fenced,
    /// Left because its application did not poll; it comes back with the next poll.
    Stale,
    /// Put out, and does not notice.
    Undead,
}

/// What was polled is committed before partitions are given up.
#[derive(Clone, Debug)]
struct Reconciling {
    /// None before it was made, if a program has a say first.
    commit: Option<Option<u64>>,
    deadline: Time,
    given_up: Vec<TopicPartition>,
    added: Vec<TopicPartition>,
}

/// What the coordinator was told last: a heartbeat says only what changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Told {
    topics: Option<BTreeSet<klamm_node::TopicName>>,
    pattern: Option<String>,
    partitions: Option<ById>,
    /// The fields that never change, which a first heartbeat says.
    all: bool,
}

/// A heartbeat, by the epoch in which it was sent; a leaving one is only sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    Heartbeat,
    Leave,
}

#[derive(Clone, Debug)]
pub(super) struct Modern {
    state: State,
    /// Its own making (KIP-1082), kept for as long as the process runs.
    member: MemberId,
    epoch: i32,
    was: Identity,
    lost: Word,
    target: Option<ById>,
    reconciling: Option<Reconciling>,
    told: Told,
    interval: Span,
    due: Time,
    in_flight: bool,
    failures: u32,
}

impl Modern {
    pub(super) fn new() -> Self {
        Self {
            state: State::Unsubscribed,
            member: MemberId::from(""),
            epoch: 0,
            was: Identity::nobody(),
            lost: ErrorCode::UNKNOWN_MEMBER_ID.word(),
            target: None,
            reconciling: None,
            told: Told::default(),
            interval: Span::ZERO,
            due: Time::ZERO,
            in_flight: false,
            failures: 0,
        }
    }

    pub(super) fn identity(&self) -> Identity {
        Identity { member: self.member.clone(), epoch: self.epoch }
    }

    /// As whom it may commit; or the error that it gets without asking.
    pub(super) fn commits_as(&self) -> Result<Identity, Word> {
        match self.state {
            State::Reconciling | State::Acknowledging | State::Stable | State::Undead => {
                Ok(self.identity())
            }
            State::Unsubscribed | State::Joining | State::Fenced | State::Stale => {
                Err(self.lost.clone())
            }
        }
    }

    pub(super) fn still_has_them(&self) -> Result<(), (Identity, Word)> {
        match self.commits_as() {
            Ok(_) => Ok(()),
            Err(lost) => Err((self.was.clone(), lost)),
        }
    }

    fn is_member(&self) -> bool {
        matches!(self.state, State::Reconciling | State::Acknowledging | State::Stable)
    }
}

impl Group {
    /// The application subscribed: it joins, or tells what it wants from now on.
    pub(super) fn subscribe_modern(&mut self, cx: &mut Context<'_>) {
        let modern = &mut self.modern;
        if modern.member.as_str().is_empty() {
            // As Kafka prints a Uuid.
            let id = TopicId(cx.rng.of(Purpose::MemberIds).wide());
            modern.member = MemberId::from(id.to_string());
        }
        if modern.state == State::Unsubscribed {
            modern.state = State::Joining;
            modern.epoch = 0;
            modern.told = Told::default();
            modern.due = cx.now;
        }
    }

    /// Its epoch is over: all that it has is lost as soon as the application polls.
    fn fence(&mut self, error: Word, state: State) {
        let modern = &mut self.modern;
        if modern.state == State::Undead {
            return;
        }
        if modern.epoch > 0 {
            modern.was = modern.identity();
        }
        modern.lost = error;
        self.again = true;
        if self.zombie && modern.is_member() {
            modern.state = State::Undead;
            return;
        }
        if let Some(hosted) = self.hosted.as_deref_mut() {
            hosted.call_off();
        }
        modern.epoch = 0;
        modern.state = state;
        modern.target = None;
        modern.reconciling = None;
        modern.told = Told::default();
    }

    /// It is out of the group and does not want back.
    pub(super) fn end_modern(&mut self) {
        self.fence("left".into(), State::Unsubscribed);
    }
}
