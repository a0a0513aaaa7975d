//! SyncGroup, versions 0 to 5: the leader brings the assignment, everybody gets their part of it once it is committed.
//!
//! *Flows in*: SyncGroup, and what became of the record with the assignment. *Flows out*: that record, and the answers to all
//! that have synced. *Must never*: hand out an assignment that is not committed: after a failover, another could follow from
//! the same generation.

use std::collections::BTreeMap;

use bytes::Bytes;
use klamm_node::MemberId;
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::sync_group_request::SyncGroupRequestAssignment;
use klamm_protocol::kafka::messages::{ApiKey, SyncGroupRequest, SyncGroupResponse};

use super::group::{ClassicGroup, text};
use super::state::{GroupMove, GroupState};
use super::work::Work;
use super::{Continuation, Timer};

/// What can be said of a SyncGroup before any group is looked at.
///
/// # Errors
/// The group id is empty, or the protocol is not told in a version in which it has to be (KIP-559).
pub fn check(version: i16, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
    if version >= 5 && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
        return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    match request.group_id.is_empty() {
        true => Err(ErrorCode::INVALID_GROUP_ID),
        false => Ok(()),
    }
}

impl ClassicGroup {
    /// A SyncGroup for this group.
    pub fn sync(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        token: RequestToken,
        request: &SyncGroupRequest,
    ) {
        let id = MemberId::from(request.member_id.as_str());
        let refused = match self.validate_sync(request) {
            Err(error) => Some(error),
            Ok(()) if self.state == GroupState::PreparingRebalance => {
                Some(ErrorCode::REBALANCE_IN_PROGRESS)
            }
            Ok(()) => None,
        };
        if let Some(error) = refused {
            w.observe_refused(
                &self.id,
                id.as_str(),
                request.generation_id,
                ApiKey::SyncGroup,
                error,
            );
            return w.refuse_sync(token, error);
        }
        self.pending_sync.remove(&id);
        if self.pending_sync.is_empty() {
            w.disarm(&self.id, Timer::Sync);
        }
        if self.state == GroupState::Stable {
            let response = self.sync_response(&id);
            return w.answer_sync(token, response);
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        // An earlier one of the same member has lost its reader (KAFKA-20938).
        if let Some(superseded) = member.awaiting_sync.replace(token) {
            w.refuse_sync(superseded, ErrorCode::NOT_COORDINATOR);
        }
        if self.is_leader(&id) {
            self.write_assignment(w, id, request);
        }
    }

    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        match self.state {
            GroupState::Dead => return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
            GroupState::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => {}
        }
        self.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        let differs = |told: Option<&str>, ours: Option<&str>| {
            told.is_some_and(|told| ours.is_some_and(|ours| told != ours))
        };
        if request.generation_id != self.generation {
            Err(ErrorCode::ILLEGAL_GENERATION)
        } else if differs(request.protocol_type.as_deref(), self.protocol_type())
            || differs(request.protocol_name.as_deref(), self.protocol())
        {
            Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
        } else {
            Ok(())
        }
    }

    /// The leader has assigned. Members that it forgot get nothing, and members that are none are passed over.
    fn write_assignment(
        &self,
        w: &mut Work<'_, '_, '_>,
        leader: MemberId,
        request: &SyncGroupRequest,
    ) {
        let of = |part: &SyncGroupRequestAssignment| {
            (MemberId::from(part.member_id.as_str()), Bytes::copy_from_slice(&part.assignment))
        };
        let assignment: BTreeMap<MemberId, Bytes> = request.assignments.iter().map(of).collect();
        let record = self.record(|member| assignment.get(&member.id).cloned());
        w.op.records.push(record);
        let assignment = assignment.into_iter().collect();
        let continuation =
            Continuation::Assigned { generation: self.generation, leader, assignment };
        w.then(&self.id, continuation);
    }

    /// The record with the assignment is committed, or could not be written. By then the group may have gone on; whoever
    /// waited was told so when it did.
    pub(super) fn assigned(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        generation: i32,
        leader: &MemberId,
        assignment: Vec<(MemberId, Bytes)>,
        outcome: Result<(), ErrorCode>,
    ) {
        if self.state != GroupState::CompletingRebalance || generation != self.generation {
            return;
        }
        if let Err(error) = outcome {
            self.forget_assignments(w, error);
            let reason = format!(
                "Error {error} when storing group assignment during SyncGroup (member: {leader})."
            );
            return self.rebalance_or_complete(w, &reason);
        }
        let mut assignment: BTreeMap<MemberId, Bytes> = assignment.into_iter().collect();
        for member in self.members.values_mut() {
            member.assignment = assignment.remove(&member.id).unwrap_or_default();
        }
        self.make(w, GroupMove::AssignmentCommitted);
        for member in self.members.values() {
            self.observe_assigned(w, member);
        }
        let ids: Vec<MemberId> = self.members.keys().cloned().collect();
        for id in ids {
            let response = self.sync_response(&id);
            self.answer_waiting_sync(w, &id, response);
        }
    }

    /// What was assigned so far is void; who waits for it is told why.
    pub(super) fn forget_assignments(&mut self, w: &mut Work<'_, '_, '_>, error: ErrorCode) {
        let ids: Vec<MemberId> = self.members.keys().cloned().collect();
        for id in ids {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = Bytes::new();
            }
            self.answer_waiting_sync(w, &id, super::sync_refused(error));
        }
    }

    /// Answers a SyncGroup that waited, and expects a sign of life from then on: while it waited, none was expected.
    fn answer_waiting_sync(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        id: &MemberId,
        response: SyncGroupResponse,
    ) {
        let Some(member) = self.members.get_mut(id) else { return };
        let Some(token) = member.awaiting_sync.take() else { return };
        w.arm(&self.id, Timer::Session(id.clone()), member.session_timeout());
        w.answer_sync(token, response);
    }

    fn sync_response(&self, id: &MemberId) -> SyncGroupResponse {
        let assignment = self.members.get(id).map(|member| member.assignment.clone());
        SyncGroupResponse::default()
            .with_protocol_type(self.protocol_type().map(text))
            .with_protocol_name(self.protocol().map(text))
            .with_assignment(assignment.unwrap_or_default())
    }
}
