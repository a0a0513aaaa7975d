//! Elections: answering candidates, and counting their answers.

use klamm_node::event::Word;
use klamm_node::{Context, EventKind, LeaderEpoch, ReplicaKey, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::{VoteRequest, VoteResponse};

use crate::messages::{self, Ballot};
use crate::output::{RaftCall, RaftOutput};
use crate::quorum_state::QuorumState;
use crate::raft::Raft;
use crate::role::{Canvass, Role};
use crate::voter_set::is;

impl Raft {
    pub(crate) fn handle_vote(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: VoteRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let same_cluster =
            messages::same_cluster(request.cluster_id.as_ref(), &self.config.cluster_id);
        let ballot = messages::read_vote_request(request);
        let response = match ballot {
            _ if !same_cluster => messages::refused_vote(ErrorCode::INCONSISTENT_CLUSTER_ID),
            None => messages::refused_vote(ErrorCode::INVALID_REQUEST),
            Some(ballot) => match self.answer_ballot(cx, &ballot, out) {
                Some((error, granted)) => messages::vote_response(error, &self.standing(), granted),
                None => return,
            },
        };
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    /// Decides on a ballot; `None` if the disk failed on the way, for then nothing may be said.
    fn answer_ballot(
        &mut self,
        cx: &mut Context<'_>,
        ballot: &Ballot,
        out: &mut Vec<RaftOutput>,
    ) -> Option<(ErrorCode, bool)> {
        if ballot.epoch < self.state.epoch {
            observe(cx, ballot, false, "stale-epoch");
            return Some((ErrorCode::FENCED_LEADER_EPOCH, false));
        }
        if ballot.epoch > self.state.epoch
            && !self.become_unattached(cx, out, ballot.epoch, klamm_node::Because::Input)
        {
            return None;
        }
        // Who asks for the vote of a replica that is no more, for its disk was replaced, does not get this one's (KIP-853).
        if !self.is_meant(ballot.voter) {
            return Some((ErrorCode::INVALID_VOTER_KEY, false));
        }
        let verdict = self.verdict(ballot);
        if verdict.is_ok() && !ballot.pre_vote {
            let voted = Some((ballot.candidate, ballot.directory));
            let state = QuorumState { voted, ..self.state };
            if state != self.state {
                // The vote is durable before it is given. Whoever has voted waits for the winner.
                // A replica that does not know itself to be a voter votes all the same: the candidate may know better, and a
                // majority of the new voters must be able to elect.
                let role = if self.is_voter() {
                    Role::Unattached { election_deadline: self.election_deadline(cx) }
                } else {
                    Role::Observer(self.following(cx.now))
                };
                if !self.enter(cx, out, state, role, klamm_node::Because::Input) {
                    return None;
                }
            }
        }
        let (granted, reason) = match verdict {
            Ok(reason) => (true, reason),
            Err(reason) => (false, reason),
        };
        observe(cx, ballot, granted, reason);
        Some((ErrorCode::NONE, granted))
    }

    /// Whether the candidate may have the vote, and why.
    ///
    /// A vote is for an epoch: given once, never to a candidate with an older log (Raft, 5.4.1), never against a leader
    /// that is known. A pre-vote binds nobody and is refused only where it would disturb a leader that works (KIP-996).
    fn verdict(&self, ballot: &Ballot) -> Result<&'static str, &'static str> {
        let own = (self.last_epoch(), self.log.log_end());
        let up_to_date =
            (ballot.last_epoch, ballot.log_end) >= own || planted("raft_vote_without_log_check");
        if ballot.pre_vote {
            let content = match &self.role {
                Role::Leader(leader) => !leader.claimed,
                Role::Follower(following) | Role::Observer(following) => {
                    !(following.has_fetched && self.state.leader.is_some())
                }
                Role::Unattached { .. }
                | Role::Prospective(_)
                | Role::Candidate(_)
                | Role::Resigned { .. } => true,
            };
            return match (content, up_to_date) {
                (false, _) => Err("has-leader"),
                (true, false) => Err("log-behind"),
                (true, true) => Ok("log-up-to-date"),
            };
        }
        match self.state.voted {
            Some(voted) if voted == (ballot.candidate, ballot.directory) => {
                return Ok("voted-for-it");
            }
            Some(_) if !planted("raft_votes_twice") => return Err("voted-for-another"),
            Some(_) | None => {}
        }
        if self.state.leader.is_some() {
            return Err("has-leader");
        }
        if up_to_date { Ok("log-up-to-date") } else { Err("log-behind") }
    }

    pub(crate) fn take_vote(
        &mut self,
        cx: &mut Context<'_>,
        call: RaftCall,
        response: VoteResponse,
        out: &mut Vec<RaftOutput>,
    ) {
        let (answer, granted) = messages::read_vote_response(response);
        if !answer.error.is_none() {
            self.back_off(call.to, cx.now);
        }
        let same_epoch = answer.epoch <= self.state.epoch;
        if !same_epoch || answer.leader.is_some() {
            let before = (self.state.epoch, self.role.kind());
            self.learn(cx, out, &answer);
            if before != (self.state.epoch, self.role.kind()) {
                return;
            }
        }
        if call.epoch != self.state.epoch || !answer.error.is_none() {
            return;
        }
        if let Some(canvass) = self.canvass_mut() {
            canvass.count(call.to, granted);
        }
        self.count_votes(cx, out);
    }

    /// Whether a request is for this replica; an older version does not say for whom.
    pub(crate) fn is_meant(&self, voter: Option<ReplicaKey>) -> bool {
        voter.is_none_or(|voter| is(voter, self.config.own()))
    }

    /// Draws the consequence of the votes so far.
    pub(crate) fn count_votes(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {
        if matches!(&self.role, Role::Prospective(canvass) if canvass.is_won())
            && !self.become_candidate(cx, out)
        {
            return;
        }
        // A single voter has won both at once.
        if let Role::Candidate(canvass) = &self.role
            && canvass.is_won()
        {
            let votes = canvass.granting();
            self.become_leader(cx, out, votes);
        }
    }

    fn canvass_mut(&mut self) -> Option<&mut Canvass> {
        match &mut self.role {
            Role::Prospective(canvass) | Role::Candidate(canvass) => Some(canvass),
            Role::Unattached { .. }
            | Role::Leader(_)
            | Role::Follower(_)
            | Role::Resigned { .. }
            | Role::Observer(_) => None,
        }
    }

    /// The epoch of the last record: of the log, or of the snapshot that the empty log begins behind; else 0, as Kafka
    /// says it.
    pub(crate) fn last_epoch(&self) -> LeaderEpoch {
        let forgets = planted("raft_forgets_epoch_of_snapshot");
        let of_snapshot = || self.snapshots.latest().map(|id| id.epoch).filter(|_| !forgets);
        self.log.latest_epoch().or_else(of_snapshot).unwrap_or(LeaderEpoch(0))
    }
}

fn observe(cx: &mut Context<'_>, ballot: &Ballot, granted: bool, reason: &'static str) {
    let (epoch, candidate, reason) = (ballot.epoch, ballot.candidate, Word::Borrowed(reason));
    cx.observe(if ballot.pre_vote {
        EventKind::PreVoteCast { epoch, candidate, granted, reason }
    } else {
        EventKind::VoteCast { epoch, candidate, granted, reason }
    });
}
