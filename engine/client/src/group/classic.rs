//! A member of a classic group: it joins while its application polls, and heartbeats meanwhile and afterwards.
//!
//! ```text
//!   Unjoined ─ JoinGroup ─► Preparing ─ answered ─► Completing (SyncGroup; heartbeats begin) ─ answered ─► Stable
//!      ▲                        ▲                        │                                             │
//!      └── unknown, fenced, ────┴── rebalance in progress, metadata or subscription changed, revoked ──┘
//!          left after max.poll.interval.ms
//! ```
//!
//! Before each join what was polled is committed (with auto commit), and then partitions are given up: all of them by the
//! eager protocol, only those that are not subscribed any more by the cooperative one (KIP-429), and all of them as lost by
//! who was put out of the group.

mod heartbeat;
mod join;

use std::collections::BTreeSet;

use bytes::Bytes;
use klamm_node::config::ConsumerConfig;
use klamm_node::event::Word;
use klamm_node::{Context, MemberId, Time, TopicName, TopicPartition};
use klamm_protocol::kafka::messages::{JoinGroupResponse, ResponseKind};
use klamm_protocol::{ErrorCode, RpcError};

use self::heartbeat::Heartbeat;
use super::{Group, Identity};
use crate::assignor::{
    Assignor, Members, RebalanceProtocol, Subscription, Topics, cooperative_user_data,
    sticky_user_data,
};

/// The member's own view of where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Unjoined,
    Preparing,
    Completing,
    Stable,
    /// Out of the group, and does not notice.
    Undead,
}

/// What a member was told when it joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Generation {
    id: i32,
    member: MemberId,
    protocol: Option<Assignor>,
}

impl Generation {
    fn none() -> Self {
        Self { id: -1, member: MemberId::from(""), protocol: None }
    }
}

/// A request of this protocol, and the generation in which it was sent.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Join(Generation),
    Sync(Generation),
    Heartbeat(Generation),
    Leave,
}

type Outcome = Result<ResponseKind, RpcError>;

/// How far a join is.
#[derive(Clone, Debug)]
enum Join {
    Idle,
    Joining,
    /// It leads, and waits for metadata of topics that others read.
    Electing {
        members: Members,
        /// Counts of metadata answers: one more will do.
        since: u64,
    },
    Syncing,
}

/// The commit before partitions are given up.
#[derive(Clone, Debug)]
struct Preparing {
    commit: Option<u64>,
    deadline: Time,
}

#[derive(Clone, Debug)]
pub(super) struct Classic {
    state: State,
    generation: Generation,
    /// The last one in which it was a member.
    was: Identity,
    /// Why it is not any more.
    lost: Word,
    assignors: Vec<Assignor>,
    protocol: RebalanceProtocol,
    /// Wants to join, and why.
    rejoin: Option<&'static str>,
    /// Has to commit and to give up before it joins.
    prepare: bool,
    preparing: Option<Preparing>,
    join: Join,
    /// An answer that waits for the next poll.
    arrived: Option<(Asked, Outcome)>,
    retry_at: Time,
    /// What it said it reads when it joined.
    joined: Option<BTreeSet<TopicName>>,
    /// As the leader: the topics that the group reads, and what they were when it assigned them.
    group_topics: BTreeSet<TopicName>,
    snapshot: Option<Topics>,
    /// The metadata with which it compared that last.
    looked_at: u64,
    /// A pattern needs metadata that is newer than this.
    fresh_after: u64,
    /// The sticky assignor's memory: its last assignment, and the generation of that.
    last: Option<(Vec<TopicPartition>, i32)>,
    heartbeat: Heartbeat,
}

impl Classic {
    pub(super) fn new(config: &ConsumerConfig) -> Self {
        let assignors = Assignor::list(&config.partition_assignment_strategy);
        Self {
            state: State::Unjoined,
            generation: Generation::none(),
            was: Identity::nobody(),
            lost: "UNKNOWN_MEMBER_ID".into(),
            protocol: Assignor::common_protocol(&assignors),
            assignors,
            rejoin: None,
            prepare: true,
            preparing: None,
            join: Join::Idle,
            arrived: None,
            retry_at: Time::ZERO,
            joined: None,
            group_topics: BTreeSet::new(),
            snapshot: None,
            looked_at: 0,
            fresh_after: 0,
            last: None,
            heartbeat: Heartbeat::default(),
        }
    }

    pub(super) fn identity(&self) -> Identity {
        Identity { member: self.generation.member.clone(), epoch: self.generation.id }
    }

    /// As whom it may commit; or the error that it gets without asking.
    pub(super) fn commits_as(&self) -> Result<Identity, Word> {
        match self.state {
            State::Stable | State::Undead => Ok(self.identity()),
            State::Preparing | State::Completing => Err(ErrorCode::REBALANCE_IN_PROGRESS.word()),
            State::Unjoined => Err(self.lost.clone()),
        }
    }

    /// Whether what it has is still its own: not once it was put out, or while the group rebalances (as Java decides between
    /// `onPartitionsRevoked` and `onPartitionsLost` when it closes).
    pub(super) fn still_has_them(&self) -> Result<(), (Identity, Word)> {
        match self.state {
            State::Stable | State::Undead => Ok(()),
            State::Unjoined => Err((self.was.clone(), self.lost.clone())),
            State::Preparing | State::Completing => {
                Err((self.identity(), ErrorCode::REBALANCE_IN_PROGRESS.word()))
            }
        }
    }

    /// Somebody subscribed; `changes` counts the metadata that is there already.
    pub(super) fn subscribe(&mut self, changes: u64) {
        self.fresh_after = changes;
        // As Java: a first join has no reason to give.
        let first = self.joined.is_none();
        self.want(if first { "" } else { "subscription has changed" });
    }

    pub(super) fn coordinator_found(&mut self, now: Time, config: &ConsumerConfig) {
        self.heartbeat.coordinator_found(now, config);
    }

    fn want(&mut self, reason: &'static str) {
        if self.state != State::Undead {
            self.rejoin = Some(reason);
        }
    }

    /// Whether partitions come and go one by one (KIP-429).
    pub(super) fn is_cooperative(&self) -> bool {
        self.protocol == RebalanceProtocol::Cooperative
    }

    fn is_member(&self) -> bool {
        matches!(self.state, State::Completing | State::Stable)
    }

    /// What it says of itself when it joins, to one of its assignors.
    fn subscription(
        &self,
        assignor: Assignor,
        topics: &BTreeSet<TopicName>,
        owned: Vec<TopicPartition>,
        rack: &str,
    ) -> Subscription {
        let generation = self.last.as_ref().map_or(-1, |(_, generation)| *generation);
        let user_data: Option<Bytes> = match assignor {
            Assignor::Range | Assignor::RoundRobin => None,
            Assignor::CooperativeSticky => Some(cooperative_user_data(generation)),
            Assignor::Sticky => self
                .last
                .as_ref()
                .map(|(partitions, generation)| sticky_user_data(partitions, *generation)),
        };
        Subscription {
            topics: topics.clone(),
            user_data,
            owned,
            generation: Some(self.generation.id).filter(|id| *id >= 0),
            rack: Some(rack.to_owned()).filter(|rack| !rack.is_empty()),
        }
    }
}

impl Group {
    /// Keeps an answer for its time, or takes it at once.
    pub(super) fn classic_answered(
        &mut self,
        cx: &mut Context<'_>,
        asked: Asked,
        outcome: Outcome,
    ) {
        match asked {
            Asked::Join(_) | Asked::Sync(_) => self.classic.arrived = Some((asked, outcome)),
            Asked::Heartbeat(generation) => self.heartbeat_answered(cx, &generation, outcome),
            Asked::Leave => self.left(cx, outcome),
        }
        self.again = true;
    }

    /// It is not in the group any more, or not in this generation: a member id that may still be good is kept, so that the
    /// group need not wait for the old one.
    fn reset(&mut self, error: Word, forget_member: bool) {
        let classic = &mut self.classic;
        if classic.state == State::Undead {
            return;
        }
        if classic.generation.id >= 0 {
            classic.was = classic.identity();
        }
        classic.lost = error;
        if self.zombie && classic.state == State::Stable {
            classic.state = State::Undead;
            (classic.rejoin, classic.join) = (None, Join::Idle);
            return;
        }
        if let Some(hosted) = self.hosted.as_deref_mut() {
            hosted.call_off();
        }
        classic.state = State::Unjoined;
        let member =
            if forget_member { MemberId::from("") } else { classic.generation.member.clone() };
        classic.generation = Generation { member, ..Generation::none() };
        classic.prepare = true;
        classic.want("generation was reset");
        self.again = true;
    }

    /// The answer to a request of that generation says that the member or its generation is over; an answer to an older one
    /// says nothing about this one.
    fn reset_by(&mut self, sent: &Generation, code: ErrorCode) -> bool {
        let current = self.classic.generation == *sent;
        if current {
            // The member may still be good, only its generation is not.
            self.reset(code.word(), code != ErrorCode::ILLEGAL_GENERATION);
        }
        current
    }

    /// A commit in that generation was refused.
    pub(super) fn classic_commit_refused(&mut self, as_whom: &Identity, code: ErrorCode) {
        let unchanged = self.classic.identity() == *as_whom;
        match code {
            ErrorCode::REBALANCE_IN_PROGRESS => {
                self.classic.want("offset commit failed since group is already rebalancing");
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION
                if unchanged || self.classic.state != State::Preparing =>
            {
                self.reset(code.word(), code != ErrorCode::ILLEGAL_GENERATION);
            }
            ErrorCode::FENCED_INSTANCE_ID if unchanged && !self.zombie => {
                self.reset(code.word(), true);
                self.application.fail(code.word());
            }
            _ => {}
        }
        self.again = true;
    }

    pub(super) fn group_instance(&self) -> Option<&str> {
        Some(self.config.group_instance_id.as_str()).filter(|instance| !instance.is_empty())
    }
}

/// Members as a leader is told of them; none if one of them can't be read.
fn members_of(response: &JoinGroupResponse) -> Option<Members> {
    let read =
        |member: &klamm_protocol::kafka::messages::join_group_response::JoinGroupResponseMember| {
            let subscription = crate::assignor::read_subscription(&member.metadata).ok()?;
            let instance = member.group_instance_id.as_ref().map(ToString::to_string);
            let id = MemberId::from(member.member_id.as_str());
            Some((id, crate::assignor::Member { instance, subscription }))
        };
    response.members.iter().map(read).collect()
}
