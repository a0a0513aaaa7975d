//! LeaveGroup, versions 0 to 5: one member, or since version 3 several, static ones also by their instance ids (KIP-345).
//!
//! *Flows in*: LeaveGroup. *Flows out*: an answer for each member, and one rebalance for all of them. *Must never*: take a
//! static member out for a process that has its instance id no more.

use klamm_node::MemberId;
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::leave_group_request::MemberIdentity;
use klamm_protocol::kafka::messages::leave_group_response::MemberResponse;
use klamm_protocol::kafka::messages::{
    ApiKey, LeaveGroupRequest, LeaveGroupResponse, ResponseKind,
};

use super::group::ClassicGroup;
use super::leave_refused;
use super::state::GroupState;
use super::work::Work;

/// What can be said of a LeaveGroup before any group is looked at.
///
/// # Errors
/// The group id is empty.
pub fn check(request: &LeaveGroupRequest) -> Result<(), ErrorCode> {
    match request.group_id.is_empty() {
        true => Err(ErrorCode::INVALID_GROUP_ID),
        false => Ok(()),
    }
}

/// The members that a request of any version names.
pub fn leaving(version: i16, request: &LeaveGroupRequest) -> Vec<MemberIdentity> {
    match version {
        ..3 => {
            let one = MemberIdentity::default().with_member_id(request.member_id.clone());
            vec![one.with_group_instance_id(None)]
        }
        3.. => request.members.clone(),
    }
}

/// The answer for members with these outcomes, in the shape of a version.
pub fn left(version: i16, members: Vec<MemberResponse>) -> LeaveGroupResponse {
    match version {
        ..3 => {
            let error = members.first().map_or(ErrorCode::NONE.0, |member| member.error_code);
            LeaveGroupResponse::default().with_error_code(error)
        }
        3.. => LeaveGroupResponse::default().with_members(members),
    }
}

impl ClassicGroup {
    /// A LeaveGroup for this group.
    pub fn leave(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        token: RequestToken,
        request: &LeaveGroupRequest,
    ) {
        let version = token.api_version;
        if self.state == GroupState::Dead {
            let response = leave_refused(version, request, ErrorCode::COORDINATOR_NOT_AVAILABLE);
            return w.op.now.push((token, ResponseKind::LeaveGroup(response)));
        }
        let mut gone = Vec::new();
        let mut responses = Vec::new();
        for identity in leaving(version, request) {
            let error = match self.leave_one(w, &identity) {
                Ok(()) => {
                    gone.push(identity.member_id.to_string());
                    ErrorCode::NONE
                }
                Err(error) => {
                    w.observe_refused(&self.id, &identity.member_id, -1, ApiKey::LeaveGroup, error);
                    error
                }
            };
            let response = MemberResponse::default()
                .with_member_id(identity.member_id)
                .with_group_instance_id(identity.group_instance_id)
                .with_error_code(error.0);
            responses.push(response);
        }
        if !gone.is_empty() {
            let reason =
                format!("explicit `LeaveGroup` request for ({}) members.", gone.join(", "));
            match self.state {
                GroupState::Stable | GroupState::CompletingRebalance => {
                    self.prepare_rebalance(w, &reason);
                }
                GroupState::PreparingRebalance => self.maybe_complete_join(w),
                GroupState::Empty | GroupState::Dead => {}
            }
        }
        let response = ResponseKind::LeaveGroup(left(version, responses));
        w.op.reply(token, response, |response| {
            let refused =
                leave_refused(0, &LeaveGroupRequest::default(), ErrorCode::UNKNOWN_SERVER_ERROR);
            *response = ResponseKind::LeaveGroup(refused);
        });
    }

    fn leave_one(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        identity: &MemberIdentity,
    ) -> Result<(), ErrorCode> {
        let id = MemberId::from(identity.member_id.as_str());
        let instance_id = identity.group_instance_id.as_deref();
        if id.as_str().is_empty() {
            // An administrator removes a static member, whoever it is now.
            let named =
                instance_id.and_then(|instance_id| self.static_member(instance_id)).cloned();
            let member = named.ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            self.remove(w, &member, "removed-by-admin");
        } else if self.pending_join.contains(&id) {
            w.disarm_session(&self.id, &id);
            self.take(id.as_str());
            self.observe_removed(w, &id, "left");
        } else {
            self.validate_member(id.as_str(), instance_id)?;
            self.remove(w, &id, "left");
        }
        Ok(())
    }
}
