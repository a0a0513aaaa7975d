//! The member itself: what it holds, how it is opened, and the moves between its roles.
//!
//! Every move goes through [`Raft::enter`], which makes the quorum state durable before anything else can see it.

use std::collections::BTreeMap;

use klamm_node::event::Word;
use klamm_node::{
    Because, BrokerId, Context, DiskError, DiskResult, Endpoint, EventKind, LeaderEpoch, Offset,
    Purpose, ReplicaKey, Time, Timestamp, planted,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::{RequestToken, RpcError};
use klamm_protocol::kafka::messages::{RequestKind, ResponseKind};
use klamm_storage::{Log, LogConfig, Opening};

use crate::config::RaftConfig;
use crate::leader::Leader;
use crate::messages::{self, Answer, Standing};
use crate::output::{RaftCall, RaftOutput};
use crate::poll::Link;
use crate::quorum_state::{DIR, QuorumState};
use crate::role::{Canvass, Following, QuorumRole, Role};
use crate::snapshot;
use crate::snapshots::{SnapshotId, Snapshots};
use crate::transitions;
use crate::voter_history::VoterHistory;
use crate::voter_set::VoterSet;
use crate::voters;

/// What a member holds, for comparison with what events say of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RaftSummary {
    /// Its role.
    pub role: QuorumRole,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// The leader that it knows of, or -1.
    pub leader: BrokerId,
    /// Whom it voted for in this epoch, or -1.
    pub voted: BrokerId,
    /// The first offset.
    pub log_start: Offset,
    /// The next offset.
    pub log_end: Offset,
    /// Everything below is durable.
    pub synced: Offset,
    /// What it knows to be committed, exclusive.
    pub high_watermark: Offset,
    /// The snapshots on its disk, oldest first.
    pub snapshots: Vec<SnapshotId>,
    /// The voters that its log or its disk names; none where they are configured.
    pub voters: Vec<ReplicaKey>,
}

/// A member of the metadata quorum: voter or observer.
#[derive(Clone, Debug)]
pub struct Raft {
    pub(crate) config: RaftConfig,
    pub(crate) log: Log,
    pub(crate) snapshots: Snapshots,
    pub(crate) state: QuorumState,
    pub(crate) role: Role,
    /// Who votes, by what the log says.
    pub(crate) history: VoterHistory,
    /// Where the leader listens, if that is known from others than the voters in force.
    pub(crate) leader_at: Option<Endpoint>,
    /// Never goes back within an incarnation (S25e). Not on disk: after a restart it is learnt anew, as in Kafka.
    pub(crate) high_watermark: Option<Offset>,
    /// The next offset that the owner is told of.
    pub(crate) delivered: Offset,
    /// The time of the last batch that the owner was told of, by its leader's clock.
    pub(crate) delivered_stamp: Timestamp,
    /// Whether the owner was told of anything.
    pub(crate) listening: bool,
    /// When old snapshots were looked at last.
    pub(crate) cleaned: Time,
    pub(crate) links: BTreeMap<BrokerId, Link>,
    pub(crate) serial: u64,
    /// Since an orderly end was asked for: when it is over at the latest.
    pub(crate) shutdown: Option<Time>,
    /// The disk failed: the process is about to halt and says nothing more.
    pub(crate) failed: bool,
    /// Whether the first look at timers and requests is still to come.
    pub(crate) fresh: bool,
}

impl Raft {
    /// Opens the member on what its disk holds. It says nothing yet: call [`Self::handle_timers`] next.
    ///
    /// # Errors
    /// The disk fails, or holds a quorum state that can't be read: then the process must not go on.
    pub fn open(cx: &mut Context<'_>, config: RaftConfig) -> DiskResult<Self> {
        let mut state = QuorumState::load(cx.disk)?.unwrap_or_default();
        let log_config = LogConfig {
            segment_bytes: config.segment_bytes,
            index_interval_bytes: 4096,
            max_message_bytes: config.max_batch_bytes as u64,
        };
        let opening = Opening {
            clean: false,
            recovery_point: Offset(0),
            log_start: snapshot::read_log_start(cx)?,
        };
        let (log, recovery) = Log::open_at(cx.disk, DIR, log_config, opening)?;
        let (snapshots, damaged) = Snapshots::open(cx.disk)?;
        let known = log.latest_epoch().max(snapshots.latest().map(|id| id.epoch));
        if let Some(epoch) = known.filter(|epoch| *epoch > state.epoch) {
            state = QuorumState { epoch, leader: None, voted: None };
        }
        let mut raft = Self {
            role: Role::Unattached { election_deadline: cx.now },
            history: VoterHistory::default(),
            leader_at: None,
            delivered: log.log_start(),
            delivered_stamp: Timestamp(0),
            listening: false,
            cleaned: cx.now,
            high_watermark: None,
            links: BTreeMap::new(),
            serial: 0,
            shutdown: None,
            failed: false,
            fresh: true,
            config,
            log,
            snapshots,
            state,
        };
        raft.tidy_snapshots(cx, damaged)?;
        let (fixed, control) =
            (VoterSet::configured(&raft.config.voters), &recovery.control_batches);
        raft.history = voters::recover(cx, fixed, &raft.snapshots, &raft.log, control)?
            .map_err(DiskError::Io)?;
        raft.delivered = raft.log.log_start();
        cx.observe(EventKind::MetadataRecovered {
            log_end: raft.log.log_end(),
            truncated_bytes: recovery.truncated_bytes,
        });
        if raft.log.log_start() > Offset(0) {
            cx.observe(EventKind::MetadataLogStartMoved { to: raft.log.log_start() });
        }
        raft.announce_voters(cx);
        raft.role = raft.role_after_restart(cx);
        raft.announce(cx, Because::Input);
        raft.check();
        Ok(raft)
    }

    /// What the remembered epoch makes of a restarted member.
    fn role_after_restart(&mut self, cx: &mut Context<'_>) -> Role {
        let own = self.config.id;
        let known = self.state.leader.filter(|leader| self.voters().get(*leader).is_some());
        self.leader_at = known.and_then(|leader| self.voters().endpoint(leader).cloned());
        let led = self.state.leader == Some(own);
        if !self.is_voter() && !led {
            self.state.leader = known;
            return Role::Observer(self.following(cx.now));
        }
        if self.voters().is_only(self.config.own()) {
            // Nobody else can lead: elect at once, in a new epoch.
            self.state.leader = None;
            return Role::Unattached { election_deadline: cx.now };
        }
        let election_deadline = self.election_deadline(cx);
        if led && planted("raft_resume_leadership_same_epoch") {
            let (at, check) = (self.log.log_end().plus(-1), self.config.check_quorum_timeout());
            let own = self.config.own();
            return Role::Leader(Leader::new(at, own, self.voters(), cx.now, check));
        }
        if led {
            // KAFKA-10527: what this leader wrote and did not sync is gone. To go on in its epoch would give an
            // (epoch, offset) to two records.
            return Role::Resigned {
                election_deadline,
                unacknowledged: self.other_voters().collect(),
                successors: Vec::new(),
            };
        }
        if known.is_some() {
            return Role::Follower(self.following(cx.now));
        }
        self.state.leader = None;
        if self.state.voted == Some((own, self.config.directory_id)) {
            // The leadership is made durable before anything is written in it, so this one never led the epoch.
            return Role::Candidate(self.canvass(election_deadline));
        }
        Role::Unattached { election_deadline }
    }

    /// Takes a Vote, BeginQuorumEpoch, EndQuorumEpoch, Fetch, FetchSnapshot or DescribeQuorum request of the controller
    /// listener. Others are not this
    /// room's: they are dropped.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum holds every request of Kafka")]
    pub fn handle_request(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: RequestKind,
        out: &mut Vec<RaftOutput>,
    ) {
        if self.failed {
            return;
        }
        match request {
            RequestKind::Vote(request) => self.handle_vote(cx, token, request, out),
            RequestKind::BeginQuorumEpoch(request) => self.handle_begin(cx, token, request, out),
            RequestKind::EndQuorumEpoch(request) => self.handle_end(cx, token, request, out),
            RequestKind::Fetch(request) => self.handle_fetch(cx, token, request, out),
            RequestKind::FetchSnapshot(request) => {
                self.handle_fetch_snapshot(cx, token, request, out);
            }
            RequestKind::DescribeQuorum(request) => self.handle_describe(cx, token, &request, out),
            RequestKind::AddRaftVoter(request) => self.handle_add_voter(cx, token, &request, out),
            RequestKind::RemoveRaftVoter(request) => {
                self.handle_remove_voter(cx, token, &request, out);
            }
            RequestKind::UpdateRaftVoter(request) => {
                self.handle_update_voter(cx, token, &request, out);
            }
            _ => {}
        }
        self.settle(cx, out);
    }

    /// Takes the outcome of a request that it sent. One that is no longer waited for changes nothing.
    pub fn handle_response(
        &mut self,
        cx: &mut Context<'_>,
        call: RaftCall,
        outcome: Result<ResponseKind, RpcError>,
        out: &mut Vec<RaftOutput>,
    ) {
        let expected =
            self.links.get_mut(&call.to).filter(|link| link.in_flight == Some(call.serial));
        let Some(link) = expected.filter(|_| !self.failed) else { return };
        link.in_flight = None;
        self.take_versions(cx, call, &outcome, out);
        match outcome {
            Ok(ResponseKind::Vote(response)) => self.take_vote(cx, call, response, out),
            Ok(ResponseKind::BeginQuorumEpoch(response)) => {
                let answer = messages::read_begin_response(response);
                self.take_begin(cx, call, answer, out);
            }
            Ok(ResponseKind::EndQuorumEpoch(response)) => {
                let answer = messages::read_end_response(response);
                self.take_end(cx, call, answer, out);
            }
            Ok(ResponseKind::Fetch(response)) => self.take_fetch(cx, call, response, out),
            Ok(ResponseKind::FetchSnapshot(response)) => {
                self.take_fetch_snapshot(cx, call, response, out);
            }
            Ok(ResponseKind::UpdateRaftVoter(response)) => {
                self.take_update(cx, call, &response, out);
            }
            // Who wants to vote sees from the log whether it does.
            Ok(
                ResponseKind::ApiVersions(_)
                | ResponseKind::AddRaftVoter(_)
                | ResponseKind::RemoveRaftVoter(_),
            ) => {}
            Ok(_) | Err(_) => self.back_off(call.to, cx.now),
        }
        self.settle(cx, out);
    }

    /// Does what is due: elections, resignations, long polls, requests that waited for a backoff.
    pub fn handle_timers(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {
        self.fresh = false;
        self.settle(cx, out);
    }

    /// Begins an orderly end: a leader resigns and names its successors, so that they need not wait for its silence.
    pub fn shutdown(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {
        if self.failed || self.shutdown.is_some() {
            return;
        }
        self.shutdown = Some(cx.now + self.config.request_timeout);
        let alone = self.voters().is_only(self.config.own());
        if matches!(self.role, Role::Leader(_)) && !alone {
            self.resign(cx, out, Because::Input);
        }
        self.settle(cx, out);
    }

    /// Whether the orderly end is done: nobody needs to be told any more, or there is no more time for it.
    pub fn is_shut_down(&self, now: Time) -> bool {
        let told = match &self.role {
            Role::Resigned { unacknowledged, .. } => unacknowledged.is_empty(),
            Role::Unattached { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Follower(_)
            | Role::Observer(_) => true,
        };
        self.failed || self.shutdown.is_some_and(|latest| told || now >= latest)
    }

    /// The leader, its epoch and where it listens, if known.
    pub fn leader(&self) -> Option<(BrokerId, LeaderEpoch, Endpoint)> {
        if matches!(self.role, Role::Resigned { .. }) {
            return None;
        }
        let leader = self.state.leader?;
        Some((leader, self.state.epoch, self.standing().endpoint?.clone()))
    }

    /// What is known to be committed, exclusive.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark.unwrap_or_else(|| self.log.log_start())
    }

    /// The log's next offset.
    pub fn log_end(&self) -> Offset {
        self.log.log_end()
    }

    /// The quorum epoch.
    pub fn epoch(&self) -> LeaderEpoch {
        self.state.epoch
    }

    /// The role.
    pub fn role(&self) -> QuorumRole {
        self.role.kind()
    }

    /// The settings.
    pub fn config(&self) -> &RaftConfig {
        &self.config
    }

    /// The log, for tests and inspectors.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// On the leader: the other replicas and the log end that each has fetched at.
    pub fn replicas(&self) -> Vec<(BrokerId, Option<Offset>)> {
        match &self.role {
            Role::Leader(leader) => {
                leader.voters().chain(leader.observers()).map(|(key, p)| (key.id, p.end)).collect()
            }
            Role::Unattached { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Follower(_)
            | Role::Resigned { .. }
            | Role::Observer(_) => Vec::new(),
        }
    }

    /// What it holds.
    pub fn summary(&self) -> RaftSummary {
        RaftSummary {
            role: self.role(),
            epoch: self.state.epoch,
            leader: self.state.leader.unwrap_or(BrokerId::NONE),
            voted: self.state.voted.map_or(BrokerId::NONE, |(id, _)| id),
            log_start: self.log.log_start(),
            log_end: self.log.log_end(),
            synced: self.log.synced(),
            high_watermark: self.high_watermark(),
            snapshots: self.snapshots.iter().map(|(id, _)| id).collect(),
            voters: match self.history.offset() {
                Some(_) => self.voters().keys().collect(),
                None => Vec::new(),
            },
        }
    }

    // Moves

    /// The one way from role to role. The quorum state is durable before the new role can say anything (S25a).
    pub(crate) fn enter(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<RaftOutput>,
        state: QuorumState,
        role: Role,
        because: Because,
    ) -> bool {
        let (old, new) = (self.state.epoch, state.epoch);
        assert!(new >= old, "quorum epochs never go back: {old} to {new} (S25b)");
        assert!(
            new > old || self.state.leader.is_none_or(|leader| state.leader == Some(leader)),
            "epoch {new} has one leader (S25a)"
        );
        if state != self.state
            && !planted("raft_vote_not_persisted")
            && let Err(error) = state.store(cx.disk)
        {
            self.fail(cx, &error);
            return false;
        }
        self.abandon_snapshot(cx, "new-role");
        let leader_changed = (old, self.state.leader) != (new, state.leader);
        if state.leader.is_none_or(|leader| leader == self.config.id) {
            self.leader_at = None;
        }
        self.state = state;
        debug_assert!(
            transitions::is_move(self.role.kind(), role.kind()),
            "{:?} to {:?} is no move",
            self.role.kind(),
            role.kind()
        );
        let was = std::mem::replace(&mut self.role, role);
        // What is still under way belongs to the old role: its outcome means nothing any more.
        self.links.clear();
        self.announce(cx, because);
        if let Role::Leader(leader) = was {
            self.dismiss(cx, leader, old, out);
        }
        if leader_changed {
            out.push(RaftOutput::LeaderChanged);
        }
        true
    }

    fn announce(&self, cx: &mut Context<'_>, because: Because) {
        let kind = EventKind::QuorumRoleChanged {
            role: Word::Borrowed(self.role.kind().name()),
            epoch: self.state.epoch,
            leader: self.state.leader.unwrap_or(BrokerId::NONE),
            voted: self.state.voted.map_or(BrokerId::NONE, |(id, _)| id),
        };
        cx.observe_because(kind, because);
    }

    /// Ends a leadership: whoever waits for it is sent on.
    fn dismiss(
        &self,
        cx: &mut Context<'_>,
        leader: Leader,
        epoch: LeaderEpoch,
        out: &mut Vec<RaftOutput>,
    ) {
        if let Some(change) = &leader.change {
            self.answer_change(cx, change, ErrorCode::NOT_LEADER_OR_FOLLOWER, None, out);
        }
        for parked in leader.parked {
            let error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
            let response = messages::fetch_response(error, &self.standing(), None);
            out.push(RaftOutput::Reply { token: parked.token, response: response.into() });
        }
        if leader.claimed {
            out.push(RaftOutput::LostLeadership { epoch });
        }
    }

    /// To an epoch whose leader is not known (a newer one, or this one after an election that failed).
    pub(crate) fn become_unattached(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<RaftOutput>,
        epoch: LeaderEpoch,
        because: Because,
    ) -> bool {
        let state = self.state_in(epoch);
        let role = if self.is_voter() {
            Role::Unattached { election_deadline: self.election_deadline(cx) }
        } else {
            Role::Observer(self.following(cx.now))
        };
        self.enter(cx, out, state, role, because)
    }

    pub(crate) fn become_follower(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<RaftOutput>,
        epoch: LeaderEpoch,
        leader: BrokerId,
        because: Because,
    ) -> bool {
        let state = QuorumState { leader: Some(leader), ..self.state_in(epoch) };
        let following = self.following(cx.now);
        let voter = self.is_voter();
        let role = if voter { Role::Follower(following) } else { Role::Observer(following) };
        self.enter(cx, out, state, role, because)
    }

    /// KIP-996: before an election, ask whether it could be won. Neither epoch nor vote changes.
    pub(crate) fn become_prospective(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<RaftOutput>,
        because: Because,
    ) -> bool {
        if planted("raft_never_stands") && self.state.epoch.0 > 1 {
            let Some(leader) = self.state.leader.filter(|id| *id != self.config.id) else {
                return self.become_unattached(cx, out, self.state.epoch, because);
            };
            return self.become_follower(cx, out, self.state.epoch, leader, because);
        }
        let deadline = self.election_deadline(cx);
        let role = Role::Prospective(self.canvass(deadline));
        let entered = self.enter(cx, out, self.state, role, because);
        if planted("raft_no_prevote") {
            return self.become_candidate(cx, out);
        }
        entered
    }

    pub(crate) fn become_candidate(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<RaftOutput>,
    ) -> bool {
        let state = QuorumState {
            epoch: self.state.epoch.next(),
            leader: None,
            voted: Some((self.config.id, self.config.directory_id)),
        };
        let deadline = self.election_deadline(cx);
        let role = Role::Candidate(self.canvass(deadline));
        self.enter(cx, out, state, role, Because::Input)
    }

    /// Wins the election of its epoch, and opens the epoch with a LeaderChange record.
    pub(crate) fn become_leader(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<RaftOutput>,
        votes: Vec<BrokerId>,
    ) -> bool {
        let state = QuorumState { leader: Some(self.config.id), ..self.state };
        let leader = Leader::new(
            self.log.log_end(),
            self.config.own(),
            self.voters(),
            cx.now,
            self.config.check_quorum_timeout(),
        );
        cx.observe(EventKind::QuorumLeaderElected { epoch: state.epoch, votes: votes.clone() });
        self.enter(cx, out, state, Role::Leader(leader), Because::Previous)
            && self.open_epoch(cx, out, &votes)
    }

    /// Stops to lead without leaving the epoch, and says so to the other voters.
    pub(crate) fn resign(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<RaftOutput>,
        because: Because,
    ) {
        let Role::Leader(leader) = &self.role else { return };
        let successors = leader.successors();
        let role = Role::Resigned {
            unacknowledged: self.other_voters().collect(),
            successors,
            election_deadline: self.election_deadline(cx),
        };
        self.enter(cx, out, self.state, role, because);
    }

    /// Takes what another member says of leader and epoch; true if this member is now (or still) in that epoch.
    pub(crate) fn learn(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<RaftOutput>,
        answer: &Answer,
    ) -> bool {
        let epoch = answer.epoch;
        if !messages::is_epoch(epoch) {
            return false;
        }
        // A leader must be reachable; it need not be among the voters that this member knows (KIP-853).
        let known = |id: &BrokerId| {
            *id != self.config.id
                && (answer.endpoint.is_some() || self.voters().endpoint(*id).is_some())
        };
        let leader = answer.leader.filter(known);
        if epoch > self.state.epoch {
            return match leader {
                Some(leader) => {
                    self.leader_at = self.address(leader, answer);
                    self.become_follower(cx, out, epoch, leader, Because::Input)
                }
                None => self.become_unattached(cx, out, epoch, Because::Input),
            };
        }
        if epoch == self.state.epoch
            && let (Some(leader), None) = (leader, self.state.leader)
        {
            self.leader_at = self.address(leader, answer);
            return self.become_follower(cx, out, epoch, leader, Because::Input);
        }
        epoch == self.state.epoch
    }

    // Small helpers

    /// Where a leader listens: as it was said, else as the voters in force have it. It is kept, for the leader may be no
    /// voter later on.
    fn address(&self, leader: BrokerId, answer: &Answer) -> Option<Endpoint> {
        answer.endpoint.clone().or_else(|| self.voters().endpoint(leader).cloned())
    }

    /// This epoch with its leader and vote, or a new one with neither.
    fn state_in(&self, epoch: LeaderEpoch) -> QuorumState {
        if epoch == self.state.epoch {
            self.state
        } else {
            QuorumState { epoch, leader: None, voted: None }
        }
    }

    pub(crate) fn following(&self, now: Time) -> Following {
        Following {
            update_at: now + self.config.fetch_timeout,
            fetch_deadline: now + self.config.fetch_timeout,
            heard: now,
            has_fetched: false,
            asking: false,
            resigned: None,
            fetching: None,
        }
    }

    fn canvass(&self, election_deadline: Time) -> Canvass {
        Canvass::new(self.config.id, self.voters().keys().map(|key| key.id), election_deadline)
    }

    /// Random, so that two voters seldom stand at the same time: from the timeout up to twice that.
    pub(crate) fn election_deadline(&self, cx: &mut Context<'_>) -> Time {
        let least = self.config.election_timeout;
        let most = klamm_node::Span(least.times(2).0.saturating_sub(1));
        cx.now + cx.rng.of(Purpose::ElectionTimeout).span(least, most)
    }

    /// What this member says of the quorum in its responses.
    pub(crate) fn standing(&self) -> Standing<'_> {
        let leader = self.state.leader;
        let endpoint = leader.and_then(|leader| {
            let own = self.config.listener.as_ref().filter(|_| leader == self.config.id);
            own.or(self.leader_at.as_ref()).or_else(|| self.voters().endpoint(leader))
        });
        Standing { leader, epoch: self.state.epoch, endpoint }
    }

    /// The metadata log is the one thing that a node can't do without: it stops.
    pub(crate) fn fail(&mut self, cx: &mut Context<'_>, error: &DiskError) {
        self.halt(cx, &format!("the metadata log failed: {error}"));
    }

    pub(crate) fn halt(&mut self, cx: &mut Context<'_>, reason: &str) {
        if !self.failed {
            self.failed = true;
            cx.out.halt(reason, false);
        }
    }

    /// The invariants, as one sentence: log start ≤ told ≤ high watermark ≤ log end, and a leader leads its own epoch
    /// with a durable log.
    pub(crate) fn check(&self) {
        let (start, end) = (self.log.log_start(), self.log.log_end());
        let committed = self.high_watermark();
        assert!(start <= self.delivered, "log start {start} ≤ told {}", self.delivered);
        assert!(self.delivered <= committed, "told {} ≤ committed {committed}", self.delivered);
        assert!(committed <= end, "committed {committed} ≤ log end {end} (S25h)");
        if matches!(self.role, Role::Leader(_)) {
            assert_eq!(self.state.leader, Some(self.config.id), "a leader leads its own epoch");
            assert_eq!(self.log.synced(), end, "a leader's log is durable (KAFKA-10533)");
        }
    }
}
