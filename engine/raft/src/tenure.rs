//! How a leader begins and ends its epoch towards the other voters: BeginQuorumEpoch and EndQuorumEpoch.

use klamm_node::{Because, Context, LeaderEpoch, Span};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::{BeginQuorumEpochRequest, EndQuorumEpochRequest};

use crate::messages::{self, Answer, Claim};
use crate::output::{RaftCall, RaftOutput};
use crate::raft::Raft;
use crate::role::Role;
use crate::voter_set::is;

impl Raft {
    pub(crate) fn handle_begin(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: BeginQuorumEpochRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let same_cluster =
            messages::same_cluster(request.cluster_id.as_ref(), &self.config.cluster_id);
        let claim = messages::read_begin_request(request);
        let response = match claim {
            _ if !same_cluster => messages::refused_begin(ErrorCode::INCONSISTENT_CLUSTER_ID),
            None => messages::refused_begin(ErrorCode::INVALID_REQUEST),
            Some(claim) => {
                let mut error = self.consider(cx, &claim, out);
                if self.failed {
                    return;
                }
                if error.is_none() && !self.is_meant(claim.voter) {
                    // The leader is believed, and told that the voter that it means is no more (KIP-853).
                    error = ErrorCode::INVALID_VOTER_KEY;
                }
                messages::begin_response(error, &self.standing())
            }
        };
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    /// Takes a leader's word for its epoch, unless it is stale or can't be true.
    fn consider(
        &mut self,
        cx: &mut Context<'_>,
        claim: &Claim,
        out: &mut Vec<RaftOutput>,
    ) -> ErrorCode {
        if claim.epoch < self.state.epoch {
            return ErrorCode::FENCED_LEADER_EPOCH;
        }
        let known = self.state.leader.filter(|_| claim.epoch == self.state.epoch);
        // The leader need not be in the set of voters that is known here; but it must be said where it listens.
        let unknown = claim.endpoint.is_none() && self.voters().get(claim.leader).is_none();
        let impossible = unknown
            || claim.leader == self.config.id
            || known.is_some_and(|leader| leader != claim.leader);
        if impossible {
            return ErrorCode::INVALID_REQUEST;
        }
        let answer = Answer {
            error: ErrorCode::NONE,
            leader: Some(claim.leader),
            epoch: claim.epoch,
            endpoint: claim.endpoint.clone(),
        };
        self.learn(cx, out, &answer);
        ErrorCode::NONE
    }

    pub(crate) fn handle_end(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: EndQuorumEpochRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let same_cluster =
            messages::same_cluster(request.cluster_id.as_ref(), &self.config.cluster_id);
        let claim = messages::read_end_request(request);
        let response = match claim {
            _ if !same_cluster => messages::refused_end(ErrorCode::INCONSISTENT_CLUSTER_ID),
            None => messages::refused_end(ErrorCode::INVALID_REQUEST),
            Some(claim) => {
                let error = self.consider(cx, &claim, out);
                if self.failed {
                    return;
                }
                if error.is_none() {
                    self.succeed(cx, &claim);
                }
                messages::end_response(error, &self.standing())
            }
        };
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    /// The leader resigned: stand for election at once if it named this member first, else a little later.
    fn succeed(&mut self, cx: &mut Context<'_>, claim: &Claim) {
        let own = self.config.own();
        let place = claim.successors.iter().position(|successor| is(*successor, own));
        let backoff = successor_backoff(place, claim.successors.len(), self.config.backoff_max);
        let (deadline, cause) = (cx.now + backoff, cx.cause());
        if let Role::Follower(following) = &mut self.role {
            following.fetch_deadline = deadline;
            following.resigned = Some(cause);
            // The leader itself says that it is gone: no pre-vote is refused for its sake.
            following.has_fetched = false;
        }
    }

    pub(crate) fn take_begin(
        &mut self,
        cx: &mut Context<'_>,
        call: RaftCall,
        answer: Answer,
        out: &mut Vec<RaftOutput>,
    ) {
        if !answer.error.is_none() {
            self.back_off(call.to, cx.now);
        }
        self.learn(cx, out, &answer);
        if let Role::Leader(leader) = &mut self.role
            && answer.error.is_none()
        {
            leader.to_call.remove(&call.to);
        }
    }

    pub(crate) fn take_end(
        &mut self,
        cx: &mut Context<'_>,
        call: RaftCall,
        answer: Answer,
        out: &mut Vec<RaftOutput>,
    ) {
        if !answer.error.is_none() {
            self.back_off(call.to, cx.now);
        }
        self.learn(cx, out, &answer);
        if let Role::Resigned { unacknowledged, .. } = &mut self.role
            && answer.error.is_none()
        {
            unacknowledged.remove(&call.to);
        }
    }

    /// What a leader says of itself in BeginQuorumEpoch and, with its successors, in EndQuorumEpoch.
    pub(crate) fn claim(&self) -> Claim {
        let successors = match &self.role {
            Role::Resigned { successors, .. } => successors.clone(),
            Role::Unattached { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Follower(_)
            | Role::Observer(_) => Vec::new(),
        };
        Claim {
            leader: self.config.id,
            epoch: self.state.epoch,
            successors,
            endpoint: self.config.listener.clone(),
            voter: None,
        }
    }

    /// Lets go of an epoch that this member led. It can't vote or stand in it again, so it moves on by itself; only by
    /// one epoch, for without a majority no further one is begun (KIP-996).
    pub(crate) fn leave_epoch(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {
        let next: LeaderEpoch = self.state.epoch.next();
        self.become_unattached(cx, out, next, Because::Input);
    }
}

/// How long a successor lets those before it try: nothing for the first, then doubling up to `most` for the last. One
/// that is not on the list comes after all.
fn successor_backoff(place: Option<usize>, successors: usize, most: Span) -> Span {
    match place {
        Some(0) => Span::ZERO,
        Some(place) => {
            let halvings = u32::try_from(successors - 1 - place).unwrap_or(u32::MAX);
            Span(most.0.checked_shr(halvings).unwrap_or(0))
        }
        None => most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successors_stand_one_after_the_other() {
        let most = Span::secs(1);
        let of = |place| successor_backoff(place, 4, most);
        assert_eq!(of(Some(0)), Span::ZERO);
        assert_eq!(of(Some(1)), Span::millis(250));
        assert_eq!(of(Some(2)), Span::millis(500));
        assert_eq!(of(Some(3)), most);
        assert_eq!(of(None), most);
    }
}
