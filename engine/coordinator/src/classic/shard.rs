//! Classic groups within their shard: which group a request, a record or a timer is for.
//!
//! *Flows in*: requests for groups of this partition, records, timers, continuations. *Flows out*: calls of one group. *Must
//! never*: make a group for anybody but a client that joins without an id.

use klamm_node::event::EventKind;
use klamm_node::{Context, GroupId, Offset};
use klamm_protocol::channel::RequestToken;
use klamm_protocol::group_record::GroupMetadataValue;
use klamm_protocol::kafka::messages::{
    ApiKey, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, ResponseKind, SyncGroupRequest,
};
use klamm_protocol::{ErrorCode, GroupRecord};

use super::work::{Client, Work};
use super::{ClassicGroup, Continuation, Timer, heartbeat_refused, join_to_classic, leave_refused};
use crate::group::{Group, GroupShard};
use crate::offsets::Behind;
use crate::shard::Op;

/// Requests. What can be said of them without a group is said by `check_join` and its like, before the partition is looked for.
impl GroupShard {
    /// JoinGroup.
    pub fn join_group(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        client: Client<'_>,
        request: &JoinGroupRequest,
    ) {
        if self.serves_classic_members(&request.group_id) {
            return self.consumer_join(op, token, client, request);
        }
        let gone = self.give_way(&request.group_id, !request.member_id.is_empty());
        let mut w = Work { op, config: &self.config, partition: self.partition };
        join_to_classic(&mut self.groups, &mut w, token, client, request);
        op.records.splice(0..0, gone);
    }

    /// SyncGroup.
    pub fn sync_group(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        request: &SyncGroupRequest,
    ) {
        if self.serves_classic_members(&request.group_id) {
            return self.consumer_sync(op, token, request);
        }
        let mut w = Work { op, config: &self.config, partition: self.partition };
        match self.groups.get_mut(request.group_id.as_str()) {
            Some(Group::Classic(group)) => group.sync(&mut w, token, request),
            Some(Group::Consumer(_)) | None => {
                let (group, member) = (request.group_id.as_str().into(), &request.member_id);
                let error = ErrorCode::UNKNOWN_MEMBER_ID;
                w.observe_refused(&group, member, request.generation_id, ApiKey::SyncGroup, error);
                w.refuse_sync(token, error);
            }
        }
    }

    /// Heartbeat.
    pub fn heartbeat(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        request: &HeartbeatRequest,
    ) {
        if self.serves_classic_members(&request.group_id) {
            return self.consumer_heartbeat(op, token, request);
        }
        let mut w = Work { op, config: &self.config, partition: self.partition };
        match self.groups.get_mut(request.group_id.as_str()) {
            Some(Group::Classic(group)) => group.heartbeat(&mut w, token, request),
            Some(Group::Consumer(_)) | None => {
                let (group, member) = (request.group_id.as_str().into(), &request.member_id);
                let error = ErrorCode::UNKNOWN_MEMBER_ID;
                w.observe_refused(&group, member, request.generation_id, ApiKey::Heartbeat, error);
                w.op.now.push((token, ResponseKind::Heartbeat(heartbeat_refused(error))));
            }
        }
    }

    /// LeaveGroup.
    pub fn leave_group(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        request: &LeaveGroupRequest,
    ) {
        if self.serves_classic_members(&request.group_id) {
            return self.consumer_leave(op, token, request);
        }
        let mut w = Work { op, config: &self.config, partition: self.partition };
        match self.groups.get_mut(request.group_id.as_str()) {
            Some(Group::Classic(group)) => group.leave(&mut w, token, request),
            Some(Group::Consumer(_)) | None => {
                let refused =
                    leave_refused(token.api_version, request, ErrorCode::UNKNOWN_MEMBER_ID);
                w.op.now.push((token, ResponseKind::LeaveGroup(refused)));
            }
        }
    }
}

/// What the shard asks of its classic groups.
impl GroupShard {
    /// Takes a record of a classic group.
    pub(crate) fn replay_classic(
        &mut self,
        offset: Offset,
        id: &GroupId,
        value: Option<&GroupMetadataValue>,
    ) {
        match (self.groups.get_mut(id), value) {
            (Some(Group::Classic(group)), Some(value)) => {
                group.replay(offset, value, self.serves);
            }
            (None | Some(Group::Consumer(_)), Some(value)) => {
                let group = ClassicGroup::from_record(id.clone(), offset, value);
                self.groups.insert(id.clone(), Group::Classic(group));
            }
            (Some(Group::Classic(_)), None) => {
                self.groups.remove(id);
            }
            (None | Some(Group::Consumer(_)), None) => {}
        }
    }

    /// Says which groups are gone by records of its own; everything else was said when it happened.
    pub(crate) fn classic_written(&self, cx: &mut Context<'_>, records: &[GroupRecord]) {
        for record in records {
            if let GroupRecord::GroupMetadata { group, value: None } = record {
                let reason = match self.behind {
                    Some(Behind::Removal("expired")) => "expired",
                    Some(Behind::Removal(_) | Behind::Commit(..)) | None => "request",
                };
                // A group that changes its protocol has a tombstone too, and is there as another.
                if !self.groups.contains_key(group) {
                    let (group, reason) = (group.clone(), reason.into());
                    cx.observe(EventKind::GroupDeleted { group, reason });
                }
            }
        }
    }

    /// Says which classic groups there are.
    pub(crate) fn observe_classic(&self, cx: &mut Context<'_>, at: i32) {
        for group in self.groups.values() {
            match group {
                Group::Classic(group) => group.observe_loaded(cx, at),
                Group::Consumer(_) => {}
            }
        }
    }

    /// The shard was loaded.
    pub(crate) fn classic_loaded(&mut self, op: &mut Op<'_, '_, Self>) {
        self.serves = true;
        let mut w = Work { op, config: &self.config, partition: self.partition };
        for group in self.groups.values_mut() {
            match group {
                Group::Classic(group) => group.loaded(&mut w),
                Group::Consumer(_) => {}
            }
        }
    }

    /// The broker leads the partition no more.
    pub(crate) fn classic_unloaded(&mut self, op: &mut Op<'_, '_, Self>) {
        let mut w = Work { op, config: &self.config, partition: self.partition };
        for group in self.groups.values_mut() {
            match group {
                Group::Classic(group) => group.unload(&mut w),
                Group::Consumer(_) => {}
            }
        }
    }

    /// Records of a classic group are committed, or could not be written.
    pub(crate) fn classic_continued(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        id: &GroupId,
        continuation: Continuation,
        outcome: Result<(), ErrorCode>,
    ) {
        let mut w = Work { op, config: &self.config, partition: self.partition };
        let Some(Group::Classic(group)) = self.groups.get_mut(id) else { return };
        if !group.continued(&mut w, continuation, outcome) {
            self.groups.remove(id);
            w.observe(EventKind::GroupDeleted { group: id.clone(), reason: "not-written".into() });
        }
    }

    /// A timer of a classic group is due. The group may be gone, or of the other kind by now.
    pub(crate) fn classic_timer(&mut self, op: &mut Op<'_, '_, Self>, id: &GroupId, timer: Timer) {
        let mut w = Work { op, config: &self.config, partition: self.partition };
        if let Some(Group::Classic(group)) = self.groups.get_mut(id) {
            group.timer_fired(&mut w, &timer);
        }
    }
}
