//! A static member that comes back (KIP-345): its place stays, under a new id.
//!
//! ```text
//!   1. member `i` (id M1) is in a stable group; its process restarts and joins without an id
//!   2. M1 is fenced, M2 takes its place with its assignment; nobody else notices
//!   3. M2 is written, and only then told: else a coordinator that takes over would know M1 only, fence the living M2 and
//!      accept what is left of M1 (KAFKA-10284)
//! ```
//!
//! *Flows in*: the JoinGroup of a static member without an id, and what became of the record with its new id. *Flows out*:
//! that record; a rebalance if the group's protocol would change or the leader is about to assign to the old id (KAFKA-9801).
//! *Must never*: tell the new id before it is committed.

use klamm_node::{MemberId, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;

use super::group::{ClassicGroup, text};
use super::join::Join;
use super::state::GroupState;
use super::work::Work;
use super::{Continuation, Timer, join_refused, sync_refused};

impl ClassicGroup {
    /// A static member comes back without an id while the group has one for it.
    pub(super) fn replace_static(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        join: Join<'_>,
        old: MemberId,
        new: MemberId,
    ) {
        let leader = self.leader.clone();
        let Some(terms) = self.members.get(&old).map(|member| member.terms.clone()) else { return };
        self.rename(w, &old, &new);
        self.set_terms(w, &new, join.terms(), Some(join.token));
        let instance = join.instance_id().unwrap_or_default();
        let why = join.reason();
        match self.state {
            GroupState::Stable if self.select_protocol() == self.protocol => {
                let continuation = Continuation::Replaced {
                    token: join.token,
                    old,
                    new: new.clone(),
                    instance_id: instance.into(),
                    terms,
                    leader,
                };
                // Planted (Z52, KAFKA-10284): the new id is told and never written.
                if planted("group_static_member_not_persisted") {
                    return self.replaced(w, continuation, Ok(()));
                }
                let record = self.record(|member| Some(member.assignment.clone()));
                w.op.records.push(record);
                w.then(&self.id, continuation);
            }
            GroupState::Stable => {
                let reason = format!(
                    "Group's selectedProtocol will change because static member {new} with instance id {instance} joined \
                     with change of protocol; client reason: {why}"
                );
                self.rebalance_or_complete(w, &reason);
            }
            // The leader may have been told the old id already, and would assign to it (KAFKA-9801).
            GroupState::CompletingRebalance => {
                let reason = format!(
                    "Updating metadata for static member {new} with instance id {instance}; client reason: {why}"
                );
                self.prepare_rebalance(w, &reason);
            }
            GroupState::PreparingRebalance => self.maybe_complete_join(w),
            // Without members, there is none to replace.
            GroupState::Empty | GroupState::Dead => {}
        }
    }

    /// Gives a static member another id. Whatever still waits under the old one is fenced at once.
    fn rename(&mut self, w: &mut Work<'_, '_, '_>, old: &MemberId, new: &MemberId) {
        let Some(mut member) = self.members.remove(old) else { return };
        if let Some(token) = member.awaiting_join.take().and_then(|wait| wait.token) {
            w.answer_join(token, join_refused(old.as_str(), ErrorCode::FENCED_INSTANCE_ID));
        }
        if let Some(token) = member.awaiting_sync.take() {
            w.answer_sync(token, sync_refused(ErrorCode::FENCED_INSTANCE_ID));
        }
        member.id = new.clone();
        member.is_new = false;
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), new.clone());
        }
        // The old id's time would end without effect; it is forgotten right away.
        w.disarm_session(&self.id, old);
        w.arm(&self.id, Timer::Session(new.clone()), member.session_timeout());
        self.observe_removed(w, old, "replaced");
        self.observe_joined(w, &member, true);
        self.members.insert(new.clone(), member);
        if let Some(member) = self.members.get(new).filter(|_| self.state == GroupState::Stable) {
            self.observe_assigned(w, member);
        }
    }

    /// The record with the new id is committed, or could not be written.
    pub(super) fn replaced(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        continuation: Continuation,
        outcome: Result<(), ErrorCode>,
    ) {
        let Continuation::Replaced { token, old, new, instance_id, terms, leader } = continuation
        else {
            return;
        };
        let is_there = self.static_members.get(&instance_id) == Some(&new);
        if let Err(error) = outcome {
            let response = self.generation_response(&"".into(), false);
            if !is_there || !self.take_join_wait(&new, token) {
                return;
            }
            self.set_terms(w, &new, terms, None);
            self.rename(w, &new, &old);
            let leader = leader.map(|leader| text(leader.as_str())).unwrap_or_default();
            return w.answer_join(token, response.with_leader(leader).with_error_code(error.0));
        }
        // A rebalance or another process with this instance id may have answered it since.
        if !is_there || !self.take_join_wait(&new, token) {
            return;
        }
        // Since version 9, a leader learns that it leads and need not assign (KIP-814). Before, it is told who led: the id that
        // it had, so that it does not take itself for the leader and assign.
        let response = match token.api_version >= 9 {
            true => {
                let leads = self.is_leader(&new);
                let can_tell = leads && self.state != GroupState::PreparingRebalance;
                self.generation_response(&new, can_tell).with_skip_assignment(leads)
            }
            false => {
                let leader = leader.map(|leader| text(leader.as_str())).unwrap_or_default();
                self.generation_response(&new, false).with_leader(leader)
            }
        };
        w.answer_join(token, response);
    }

    /// Takes a JoinGroup out of its wait; false if it does not wait any more.
    fn take_join_wait(&mut self, id: &MemberId, token: RequestToken) -> bool {
        let Some(member) = self.members.get_mut(id) else { return false };
        let waits = member.awaiting_join.as_ref().is_some_and(|wait| wait.token == Some(token));
        if waits {
            member.awaiting_join = None;
        }
        waits
    }
}
