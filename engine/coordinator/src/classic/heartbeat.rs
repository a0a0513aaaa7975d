//! Heartbeat, versions 0 to 4, and what happens when none comes.
//!
//! *Flows in*: Heartbeat, the end of a session. *Flows out*: whether the member is to join again; a rebalance without it.
//! *Must never*: end the session of a member whose request waits here, but for one that joins for the first time.

use klamm_node::MemberId;
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::{ApiKey, HeartbeatRequest, HeartbeatResponse, ResponseKind};

use super::Timer;
use super::group::ClassicGroup;
use super::heartbeat_refused;
use super::state::GroupState;
use super::work::Work;

/// What can be said of a Heartbeat before any group is looked at.
///
/// # Errors
/// The group id is empty.
pub fn check(request: &HeartbeatRequest) -> Result<(), ErrorCode> {
    match request.group_id.is_empty() {
        true => Err(ErrorCode::INVALID_GROUP_ID),
        false => Ok(()),
    }
}

impl ClassicGroup {
    /// A Heartbeat for this group.
    pub fn heartbeat(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        token: RequestToken,
        request: &HeartbeatRequest,
    ) {
        let id = MemberId::from(request.member_id.as_str());
        let epoch = request.generation_id;
        if let Err(error) = self.validate_heartbeat(request) {
            w.observe_refused(&self.id, id.as_str(), epoch, ApiKey::Heartbeat, error);
            let response = heartbeat_refused(error);
            return w.op.now.push((token, ResponseKind::Heartbeat(response)));
        }
        self.heard_of(w, &id);
        let error = match self.state {
            // It is alive, and has to join again.
            GroupState::PreparingRebalance => ErrorCode::REBALANCE_IN_PROGRESS,
            // Members heartbeat from their JoinGroup's answer on, so while they wait for their assignment too.
            GroupState::CompletingRebalance | GroupState::Stable => ErrorCode::NONE,
            GroupState::Empty | GroupState::Dead => ErrorCode::UNKNOWN_MEMBER_ID,
        };
        if !error.is_none() {
            w.observe_refused(&self.id, id.as_str(), epoch, ApiKey::Heartbeat, error);
        }
        let response = HeartbeatResponse::default().with_error_code(error.0);
        w.op.reply(token, ResponseKind::Heartbeat(response), |response| {
            *response = ResponseKind::Heartbeat(heartbeat_refused(ErrorCode::UNKNOWN_SERVER_ERROR));
        });
    }

    fn validate_heartbeat(&self, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
        if self.state == GroupState::Dead {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        self.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        match request.generation_id == self.generation {
            true => Ok(()),
            false => Err(ErrorCode::ILLEGAL_GENERATION),
        }
    }

    /// A member gave a sign of life.
    pub(super) fn heard_of(&self, w: &mut Work<'_, '_, '_>, id: &MemberId) {
        if let Some(member) = self.members.get(id) {
            w.arm(&self.id, Timer::Session(id.clone()), member.session_timeout());
        }
    }

    /// A member, or one that was told its id and has not come back with it, was silent for too long.
    pub(super) fn session_is_over(&mut self, w: &mut Work<'_, '_, '_>, id: &MemberId) {
        if self.pending_join.contains(id) {
            self.take(id.as_str());
            self.observe_removed(w, id, "session-expired");
            self.complete_after_removal(w);
        } else if self.members.get(id).is_some_and(|member| !member.has_satisfied_heartbeat()) {
            self.remove(w, id, "session-expired");
            if matches!(self.state, GroupState::Stable | GroupState::CompletingRebalance) {
                let reason = format!("removing member {id} on heartbeat expiration.");
                self.prepare_rebalance(w, &reason);
            } else {
                self.complete_after_removal(w);
            }
        }
    }

    /// One fewer is awaited; perhaps it was the last (KAFKA-7909).
    fn complete_after_removal(&mut self, w: &mut Work<'_, '_, '_>) {
        if self.state == GroupState::PreparingRebalance && self.all_have_joined() {
            self.complete_join(w);
        }
    }
}
