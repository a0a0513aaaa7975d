//! What is due: deadlines of the roles, and requests that want to be sent.
//!
//! As in Kafka, at most one request is under way to each member, and a member that failed is left alone for a moment.
//!
//! Simplified: the time is one that no clock fault moves. Kafka's quorum client counts by the wall clock: a clock that is set forward
//! lets fetch timeouts run out, and may make a leader resign.

use std::collections::BTreeSet;

use klamm_node::{Because, BrokerId, Context, Endpoint, Purpose, ReplicaKey, Time, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::kafka::messages::RequestKind;

use crate::messages::{self, Ballot};
use crate::output::{RaftCall, RaftOutput};
use crate::raft::Raft;
use crate::role::Role;
use crate::snapshots::SnapshotId;

/// A non-leader that was asked for the leader in vain is left alone for this many retry backoffs.
///
/// Simplified: Kafka asks again after one. Ten make the search for a leader a fifth of a second slower and the trace of
/// a cluster without one ten times shorter.
const ASKING_BACKOFFS: u64 = 10;

/// Requests to one member.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    pub(crate) in_flight: Option<u64>,
    pub(crate) ready_at: Time,
}

impl Raft {
    /// Brings everything up to date after an input: fires what is due, then sends what can be sent.
    pub(crate) fn settle(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {
        // Each move sets a deadline in the future, save for a single voter's, which has two moves to make.
        for _ in 0..4 {
            if self.failed || !self.fire(cx, out) {
                break;
            }
        }
        if !self.failed && self.next_clean().is_some_and(|due| due <= cx.now) {
            self.clean(cx);
        }
        if !self.failed {
            self.send(cx, out);
        }
        self.check();
    }

    /// Makes one move that is due; false if none was.
    fn fire(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) -> bool {
        let stopping = self.shutdown.is_some();
        match &mut self.role {
            Role::Unattached { election_deadline } => {
                if *election_deadline > cx.now || stopping {
                    return false;
                }
                if self.become_prospective(cx, out, Because::Input) {
                    self.count_votes(cx, out);
                }
                true
            }
            Role::Prospective(canvass) => {
                if !canvass.is_lost() && canvass.election_deadline > cx.now {
                    return false;
                }
                match self.state.leader {
                    Some(leader) if leader != self.config.id => {
                        self.become_follower(cx, out, self.state.epoch, leader, Because::Input);
                    }
                    _ => {
                        self.become_unattached(cx, out, self.state.epoch, Because::Input);
                    }
                }
                true
            }
            Role::Candidate(canvass) => {
                // One that has lost waits for the rest of its time: the winner, or a split vote's next round.
                if canvass.election_deadline > cx.now || stopping {
                    return false;
                }
                self.become_prospective(cx, out, Because::Input)
            }
            Role::Leader(_) => self.lead(cx, out),
            Role::Follower(following) => {
                if following.fetch_deadline > cx.now || stopping {
                    return false;
                }
                let because = match (following.resigned, self.state.leader) {
                    (Some(resigned), _) => resigned,
                    (None, Some(of)) => Because::Silence { of, since: following.heard },
                    (None, None) => Because::Input,
                };
                self.become_prospective(cx, out, because)
            }
            Role::Resigned { election_deadline, .. } => {
                if *election_deadline > cx.now || stopping {
                    return false;
                }
                self.leave_epoch(cx, out);
                true
            }
            Role::Observer(following) => {
                following.asking |= following.fetch_deadline <= cx.now;
                false
            }
        }
    }

    /// A leader's duties that are due.
    fn lead(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) -> bool {
        let interval = self.config.begin_epoch_interval();
        let Role::Leader(leader) = &mut self.role else { return false };
        leader.check_quorum = leader.check_quorum.filter(|_| !planted("raft_no_check_quorum"));
        if leader.check_quorum.is_some_and(|due| due <= cx.now) {
            // KAFKA-15489: a leader that no majority fetches from may have been replaced without knowing it.
            let because = match leader.most_silent() {
                Some((of, since)) => Because::Silence { of, since: since.unwrap_or(Time::ZERO) },
                None => Because::Input,
            };
            self.resign(cx, out, because);
            return true;
        }
        if leader.begin_epoch.is_some_and(|due| due <= cx.now) {
            let since = Time(cx.now.0.saturating_sub(interval.0));
            leader.to_call = leader.silent_since(since).into_iter().collect();
            leader.begin_epoch = Some(cx.now + interval);
        }
        leader.forget_observers(cx.now);
        if let Some(at) = leader.dismissed {
            // The majority that committed its removal no longer counts it in: it leaves the lead to one of them.
            self.resign(cx, out, Because::MetadataRecord(at));
            return true;
        }
        if leader.change.as_ref().is_some_and(|change| change.deadline <= cx.now) {
            self.end_change(cx, ErrorCode::REQUEST_TIMED_OUT, None, out);
        }
        let Role::Leader(leader) = &self.role else { return false };
        if leader.parked.iter().any(|parked| parked.deadline <= cx.now) {
            self.wake_parked(cx, out);
        }
        false
    }

    /// Whom the role wants to reach now.
    fn wanted(&self) -> Wanted {
        match &self.role {
            Role::Unattached { .. } => Wanted::AnyVoter,
            Role::Prospective(canvass) | Role::Candidate(canvass) => {
                // Who has lost asks no more.
                let open = if canvass.is_lost() { Vec::new() } else { canvass.open() };
                Wanted::Votes(open)
            }
            Role::Leader(leader) => Wanted::Begin(leader.to_call.clone()),
            Role::Follower(_) => self.state.leader.map_or(Wanted::AnyVoter, Wanted::Leader),
            Role::Resigned { unacknowledged, .. } => Wanted::End(unacknowledged.clone()),
            Role::Observer(following) => match self.state.leader {
                Some(leader) if !following.asking => Wanted::Leader(leader),
                _ => Wanted::AnyVoter,
            },
        }
    }

    fn send(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {
        if self.shutdown.is_some() && !matches!(self.role, Role::Resigned { .. }) {
            return;
        }
        let cluster = self.config.cluster_id.clone();
        let period = self.config.fetch_timeout;
        match self.wanted() {
            Wanted::Votes(voters) => {
                let ballot = Ballot {
                    epoch: self.state.epoch,
                    candidate: self.config.id,
                    directory: self.config.directory_id,
                    voter: None,
                    last_epoch: self.last_epoch(),
                    log_end: self.log.log_end(),
                    pre_vote: matches!(self.role, Role::Prospective(_)),
                };
                for to in self.keyed(voters) {
                    let request = messages::vote_request(&cluster, to, &ballot);
                    self.ask(cx, out, to.id, request.into());
                }
            }
            Wanted::Begin(voters) => {
                let claim = self.claim();
                let Some(own) = self.config.listener.clone() else { return };
                for to in self.keyed(voters) {
                    let request = messages::begin_request(&cluster, to, &claim, &own);
                    if self.ask(cx, out, to.id, request.into())
                        && let Role::Leader(leader) = &mut self.role
                    {
                        // Called until the next interval, whatever becomes of the call.
                        leader.to_call.remove(&to.id);
                    }
                }
            }
            Wanted::End(voters) => {
                let claim = self.claim();
                let Some(own) = self.config.listener.clone() else { return };
                for to in voters {
                    let request = messages::end_request(&cluster, &claim, &own);
                    self.ask(cx, out, to, request.into());
                }
            }
            Wanted::Leader(leader) => {
                let own = self.config.own();
                if let Some(request) = self.about_itself(cx.now) {
                    if self.ask(cx, out, leader, request)
                        && let Some(following) = self.following_mut()
                    {
                        following.update_at = cx.now + period;
                    }
                    return;
                }
                let request = match self.fetching() {
                    Some(piece) => {
                        let most = self.config.fetch_snapshot_max_bytes;
                        messages::snapshot::request(&cluster, self.state.epoch, own, piece, most)
                            .into()
                    }
                    None => messages::fetch_request(&cluster, &self.pull()).into(),
                };
                self.ask(cx, out, leader, request);
            }
            Wanted::AnyVoter => {
                let ready = self.ready_voters(cx.now);
                if ready.is_empty() {
                    return;
                }
                let to = ready[cx.rng.of(Purpose::ClientChoice).index(ready.len())];
                let request = messages::fetch_request(&cluster, &self.pull());
                self.ask(cx, out, to, request.into());
            }
        }
    }

    /// The snapshot that is being fetched, and the position of its next piece.
    fn fetching(&self) -> Option<(SnapshotId, u64)> {
        match &self.role {
            Role::Follower(following) | Role::Observer(following) => following.fetching,
            Role::Unattached { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Resigned { .. } => None,
        }
    }

    /// The voters that may be asked for the leader now: none while anyone is being asked.
    fn ready_voters(&self, now: Time) -> Vec<BrokerId> {
        if self.links.values().any(|link| link.in_flight.is_some()) {
            return Vec::new();
        }
        self.config.askable().into_keys().filter(|to| self.link(*to).ready_at <= now).collect()
    }

    fn link(&self, to: BrokerId) -> Link {
        self.links.get(&to).copied().unwrap_or_default()
    }

    /// Sends a request unless one is under way or the member is left alone; true if it went out.
    fn ask(
        &mut self,
        cx: &Context<'_>,
        out: &mut Vec<RaftOutput>,
        to: BrokerId,
        request: RequestKind,
    ) -> bool {
        let Some(endpoint) = self.endpoint_of(to) else { return false };
        self.ask_at(cx, out, (to, endpoint), request)
    }

    /// The same, to a member that is known only to who asks.
    pub(crate) fn ask_at(
        &mut self,
        cx: &Context<'_>,
        out: &mut Vec<RaftOutput>,
        (to, endpoint): (BrokerId, Endpoint),
        request: RequestKind,
    ) -> bool {
        let link = self.link(to);
        if link.in_flight.is_some() || link.ready_at > cx.now {
            return false;
        }
        self.serial += 1;
        self.links.insert(to, Link { in_flight: Some(self.serial), ready_at: cx.now });
        let call = RaftCall { to, epoch: self.state.epoch, serial: self.serial };
        let timeout = self.config.request_timeout;
        out.push(RaftOutput::Send { to, endpoint, request, timeout, call });
        true
    }

    /// Voters by their ids as the set in force names them.
    fn keyed(&self, voters: impl IntoIterator<Item = BrokerId>) -> Vec<ReplicaKey> {
        let key = |id| self.voters().get(id).map(|voter| voter.key);
        voters.into_iter().filter_map(key).collect()
    }

    /// Where a member listens: the leader, a voter, or one of those that are asked for the leader.
    fn endpoint_of(&self, to: BrokerId) -> Option<Endpoint> {
        if self.state.leader == Some(to)
            && let Some(at) = &self.leader_at
        {
            return Some(at.clone());
        }
        let voter = self.voters().endpoint(to).cloned();
        voter.or_else(|| self.config.askable().remove(&to))
    }

    pub(crate) fn back_off(&mut self, to: BrokerId, now: Time) {
        self.links.entry(to).or_default().ready_at = now + self.config.retry_backoff;
    }

    /// After an answer that told nothing new of the leader.
    pub(crate) fn back_off_asking(&mut self, to: BrokerId, now: Time) {
        let backoff = self.config.retry_backoff.times(ASKING_BACKOFFS);
        self.links.entry(to).or_default().ready_at = now + backoff;
    }

    /// When something will be due, and what.
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        if self.failed {
            return None;
        }
        if self.fresh {
            return Some((Time::ZERO, "start"));
        }
        let mut due: Vec<(Time, &'static str)> = Vec::new();
        let stopping = self.shutdown.is_some();
        match &self.role {
            Role::Unattached { election_deadline } | Role::Resigned { election_deadline, .. } => {
                if !stopping {
                    due.push((*election_deadline, "election-timeout"));
                }
            }
            Role::Prospective(canvass) | Role::Candidate(canvass) => {
                if !stopping {
                    due.push((canvass.election_deadline, "election-timeout"));
                }
            }
            Role::Leader(leader) => {
                due.extend(leader.check_quorum.map(|at| (at, "check-quorum")));
                due.extend(leader.begin_epoch.map(|at| (at, "begin-quorum-epoch")));
                due.extend(leader.change.as_ref().map(|change| (change.deadline, "voter-change")));
                let parked = leader.parked.iter().map(|parked| parked.deadline).min();
                due.extend(parked.map(|at| (at, "fetch-max-wait")));
            }
            Role::Follower(following) => {
                if !stopping {
                    due.push((following.fetch_deadline, "fetch-timeout"));
                }
            }
            Role::Observer(following) => {
                if !following.asking {
                    due.push((following.fetch_deadline, "fetch-timeout"));
                }
            }
        }
        due.extend(
            self.shutdown
                .filter(|_| matches!(self.role, Role::Resigned { .. }))
                .map(|at| (at, "shutdown")),
        );
        due.extend(self.next_clean().map(|at| (at, "metadata-log-cleaner")));
        due.extend(self.next_send().map(|at| (at, "retry-backoff")));
        due.into_iter().min()
    }

    /// When the next request that the role wants can go out.
    fn next_send(&self) -> Option<Time> {
        let free = |to: &BrokerId| {
            let link = self.link(*to);
            link.in_flight.is_none().then_some(link.ready_at)
        };
        match self.wanted() {
            _ if self.shutdown.is_some() && !matches!(self.role, Role::Resigned { .. }) => None,
            Wanted::Votes(voters) => voters.iter().filter_map(free).min(),
            Wanted::Begin(voters) | Wanted::End(voters) => voters.iter().filter_map(free).min(),
            Wanted::Leader(leader) => free(&leader),
            Wanted::AnyVoter => {
                if self.links.values().any(|link| link.in_flight.is_some()) {
                    return None;
                }
                self.config.askable().into_keys().map(|to| self.link(to).ready_at).min()
            }
        }
    }
}

enum Wanted {
    AnyVoter,
    Leader(BrokerId),
    Votes(Vec<BrokerId>),
    Begin(BTreeSet<BrokerId>),
    End(BTreeSet<BrokerId>),
}
