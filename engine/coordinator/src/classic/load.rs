//! The record of a classic group: how it is written, replayed, and taken for the group by a coordinator that loads it.
//!
//! *Flows in*: the group when it writes, its record when a log is read. *Flows out*: the record; the group as far as a record
//! knows it. *Must never*: let what is volatile into what is replayed, or the other way round.

#[cfg(test)]
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use klamm_node::{GroupId, MemberId, Offset, Timestamp};
use klamm_protocol::ErrorCode;
use klamm_protocol::group_record::{GroupMetadataValue, GroupRecord, MemberMetadata};

use super::group::ClassicGroup;
use super::member::{Member, Protocol, Terms};
use super::state::{GroupMove, GroupState};
use super::work::Work;
use super::{Continuation, Timer};

impl ClassicGroup {
    /// The group's record, with the assignment that each member is to have; none for none.
    pub(super) fn record(&self, assignment: impl Fn(&Member) -> Option<Bytes>) -> GroupRecord {
        let member = |member: &Member| MemberMetadata {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.as_deref().map(str::to_owned),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            rebalance_timeout: member.terms.rebalance_timeout_ms,
            session_timeout: member.terms.session_timeout_ms,
            subscription: member.metadata(self.protocol()),
            assignment: assignment(member).unwrap_or_default(),
        };
        let value = GroupMetadataValue {
            protocol_type: self.protocol_type().unwrap_or_default().to_owned(),
            generation: self.generation,
            protocol: self.protocol().map(str::to_owned),
            leader: self.leader().map(|leader| leader.as_str().to_owned()),
            current_state_timestamp: self.state_since.map_or(-1, |since| since.0),
            members: self.members.values().map(member).collect(),
        };
        GroupRecord::GroupMetadata { group: self.id.clone(), value: Some(value) }
    }

    /// The record of a group that has had no members yet.
    pub(super) fn empty_record(&self) -> GroupRecord {
        let value = GroupMetadataValue {
            protocol_type: String::new(),
            generation: 0,
            protocol: None,
            leader: None,
            current_state_timestamp: self.state_since.map_or(-1, |since| since.0),
            members: Vec::new(),
        };
        GroupRecord::GroupMetadata { group: self.id.clone(), value: Some(value) }
    }

    /// The record that deletes the group.
    pub fn tombstone(&self) -> GroupRecord {
        GroupRecord::GroupMetadata { group: self.id.clone(), value: None }
    }

    /// The group as a record has it: stable if it has members, empty otherwise. The members' sessions begin at [`loaded`].
    ///
    /// [`loaded`]: Self::loaded
    pub fn from_record(id: GroupId, offset: Offset, value: &GroupMetadataValue) -> Self {
        let name = |name: &str| Some(name).filter(|name| !name.is_empty()).map(Arc::from);
        let stamp =
            Some(Timestamp(value.current_state_timestamp)).filter(|at| *at != Timestamp::NONE);
        let mut group = Self {
            state: if value.members.is_empty() { GroupState::Empty } else { GroupState::Stable },
            state_since: stamp,
            protocol_type: name(&value.protocol_type),
            protocol: value.protocol.as_deref().map(Arc::from),
            generation: value.generation,
            leader: value.leader.as_deref().map(MemberId::from),
            written: Some(value.clone()),
            since: Some(offset),
            ..Self::new(id, Timestamp::NONE)
        };
        for member in value.members.iter().map(|member| restored(member, group.protocol.as_ref())) {
            if let Some(instance_id) = &member.instance_id {
                group.static_members.insert(Arc::clone(instance_id), member.id.clone());
            }
            group.members.insert(member.id.clone(), member);
        }
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }

    /// Takes a further record of the group. Where it is served, the volatile state is ahead of it already; otherwise the record
    /// is all that counts.
    pub fn replay(&mut self, offset: Offset, value: &GroupMetadataValue, is_served: bool) {
        let since = self.since.unwrap_or(offset);
        if is_served {
            self.since = Some(since);
            self.written = Some(value.clone());
        } else {
            *self = Self::from_record(self.id.clone(), since, value);
        }
    }

    /// The group's partition is loaded: its members are given their session's time from now on.
    pub fn loaded(&mut self, w: &mut Work<'_, '_, '_>) {
        for member in self.members.values() {
            if klamm_node::planted("loaded_members_never_expire") {
                continue;
            }
            w.arm(&self.id, Timer::Session(member.id.clone()), member.session_timeout());
        }
        // The size may have been lowered since.
        let (size, max) = (self.members.len(), w.config.max_size);
        if size > max {
            let reason = format!(
                "Freshly-loaded group {} (size {size}) is over capacity {max}. Rebalancing in order to give a chance for \
                 consumers to commit offsets",
                self.id
            );
            self.prepare_rebalance(w, &reason);
        }
    }

    /// The group's partition has another leader: whoever waits looks for it.
    pub fn unload(&mut self, w: &mut Work<'_, '_, '_>) {
        self.die(w, ErrorCode::NOT_COORDINATOR);
    }

    /// The group is dead; whoever waits is told the error.
    fn die(&mut self, w: &mut Work<'_, '_, '_>, error: ErrorCode) {
        self.make(w, GroupMove::Unloaded);
        let ids: Vec<MemberId> = self.members.keys().cloned().collect();
        for id in ids {
            w.disarm_session(&self.id, &id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            let (join, sync) = (member.awaiting_join.take(), member.awaiting_sync.take());
            if let Some(token) = join.and_then(|wait| wait.token) {
                w.refuse_join(token, id.as_str(), error);
            }
            if let Some(token) = sync {
                w.refuse_sync(token, error);
            }
        }
        self.forget_timers(w);
    }

    /// The group goes, with all that would still wake it. Nobody waits in a group that may be deleted.
    pub fn forget_timers(&self, w: &mut Work<'_, '_, '_>) {
        for id in self.members.keys().chain(&self.pending_join) {
            w.disarm_session(&self.id, id);
        }
        w.disarm(&self.id, Timer::Join);
        w.disarm(&self.id, Timer::Sync);
    }

    /// A timer of the group is due.
    pub fn timer_fired(&mut self, w: &mut Work<'_, '_, '_>, timer: &Timer) {
        match timer {
            Timer::Session(member) => self.session_is_over(w, member),
            Timer::Join => self.join_time_is_over(w),
            Timer::Sync => self.sync_time_is_over(w),
        }
    }

    /// A record of the group is committed, or could not be written. False if the group is not there any more: it could not be
    /// created.
    pub fn continued(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        continuation: Continuation,
        outcome: Result<(), ErrorCode>,
    ) -> bool {
        match continuation {
            Continuation::Created { token } => match outcome {
                Ok(()) => true,
                Err(error) => {
                    self.creation_failed(w, token, error);
                    let was_never = self.written.is_none();
                    if was_never {
                        self.die(w, error);
                    }
                    !was_never
                }
            },
            Continuation::Assigned { generation, leader, assignment } => {
                self.assigned(w, generation, &leader, assignment, outcome);
                true
            }
            replaced @ Continuation::Replaced { .. } => {
                self.replaced(w, replaced, outcome);
                true
            }
        }
    }
}

fn restored(member: &MemberMetadata, protocol: Option<&Arc<str>>) -> Member {
    let subscription = member.subscription.clone();
    Member {
        id: member.member_id.clone(),
        instance_id: member.group_instance_id.as_deref().map(Arc::from),
        client_id: member.client_id.as_str().into(),
        client_host: member.client_host.as_str().into(),
        terms: Terms {
            rebalance_timeout_ms: match member.rebalance_timeout {
                // Written before Kafka 0.10.1.
                -1 => member.session_timeout,
                timeout => timeout,
            },
            session_timeout_ms: member.session_timeout,
            // The others that it supports are not written; it tells them when it joins again.
            protocols: protocol
                .map(|name| Protocol { name: Arc::clone(name), metadata: subscription })
                .into_iter()
                .collect(),
        },
        assignment: member.assignment.clone(),
        awaiting_join: None,
        awaiting_sync: None,
        is_new: false,
    }
}

/// What a group says that is consistent: an ordered chain, asked after every operation of the tests.
#[cfg(test)]
impl ClassicGroup {
    pub(crate) fn check(&self) -> Result<(), String> {
        let ensure = |holds: bool, what: &str| {
            if holds { Ok(()) } else { Err(format!("{}: {what}", self.id)) }
        };
        let stages = [GroupState::Empty, GroupState::Dead];
        ensure(!self.is_empty() || self.members.is_empty(), "an empty group has no members")?;
        ensure(
            self.members.is_empty() || !stages.contains(&self.state),
            "a group with members is neither empty nor dead",
        )?;
        let leads = self.leader.as_ref().is_none_or(|leader| self.members.contains_key(leader));
        ensure(leads, "the leader is a member")?;
        ensure(self.leader.is_some() || self.members.is_empty(), "members have a leader")?;
        let named: BTreeMap<_, _> = self
            .members
            .values()
            .filter_map(|member| Some((member.instance_id.clone()?, member.id.clone())))
            .collect();
        ensure(named == self.static_members, "instance ids name the members that have them")?;
        let known: BTreeSet<_> = self.members.keys().collect();
        ensure(
            self.pending_join.iter().all(|id| !known.contains(id)),
            "who is pending is no member",
        )?;
        let can_sync = matches!(self.state, GroupState::CompletingRebalance | GroupState::Stable);
        ensure(can_sync || self.pending_sync.is_empty(), "syncs are awaited after a join only")?;
        let syncing = self.members.values().any(|member| member.awaiting_sync.is_some());
        ensure(
            !syncing || self.state == GroupState::CompletingRebalance,
            "a sync waits for the assignment only",
        )?;
        let joining = self.members.values().any(Member::is_awaiting_join);
        let may_wait = [GroupState::PreparingRebalance, GroupState::Stable];
        ensure(
            !joining || may_wait.contains(&self.state),
            "a join waits for a rebalance, or for its new id",
        )?;
        let common = self.protocol.as_ref().is_none_or(|name| {
            self.state != GroupState::Stable
                || self.members.values().all(|member| member.supports(name))
        });
        ensure(common, "the protocol of a stable group is everybody's")
    }
}
