//! What an operation on a classic group works with, and the shapes of its answers.
//!
//! *Flows in*: the operation of the shard, borrowed. *Flows out*: answers at once or after what is written, timers, events.
//! *Must never*: decide anything.

use klamm_node::event::EventKind;
use klamm_node::{Context, GroupId, IfAny, MemberId, Span};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::leave_group_response::MemberResponse;
use klamm_protocol::kafka::messages::{
    ApiKey, HeartbeatResponse, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    ResponseKind, SyncGroupResponse,
};

use super::group::{ClassicGroup, text};
use super::member::Member;
use super::{Continuation, Timer, assigned_partitions};
use crate::config::GroupConfig;
use crate::group::{self, GroupShard, GroupTimer};
use crate::shard::{Op, Then};

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Its `client.id`.
    pub id: &'a str,
    /// Its address.
    pub host: &'a str,
}

/// What an operation on a classic group works with.
#[derive(Debug)]
pub struct Work<'w, 'a, 'c> {
    /// The operation.
    pub op: &'w mut Op<'a, 'c, GroupShard>,
    /// The settings.
    pub config: &'w GroupConfig,
    /// The partition of `__consumer_offsets`.
    pub partition: i32,
}

impl Work<'_, '_, '_> {
    /// Answers a JoinGroup at once. How the protocol's name is told to be missing depends on the version.
    pub(super) fn answer_join(&mut self, token: RequestToken, mut response: JoinGroupResponse) {
        let missing = response.protocol_name.as_ref().is_none_or(|name| name.is_empty());
        if missing {
            response.protocol_name = (token.api_version < 7).then(Default::default);
        }
        self.op.now.push((token, ResponseKind::JoinGroup(response)));
    }

    /// Answers a JoinGroup with an error.
    pub(crate) fn refuse_join(&mut self, token: RequestToken, member: &str, error: ErrorCode) {
        self.answer_join(token, join_refused(member, error));
    }

    /// Answers a SyncGroup at once.
    pub(super) fn answer_sync(&mut self, token: RequestToken, response: SyncGroupResponse) {
        self.op.now.push((token, ResponseKind::SyncGroup(response)));
    }

    /// Answers a SyncGroup with an error.
    pub(super) fn refuse_sync(&mut self, token: RequestToken, error: ErrorCode) {
        self.answer_sync(token, sync_refused(error));
    }

    /// Arms a timer of a group.
    pub(super) fn arm(&mut self, group: &GroupId, timer: Timer, after: Span) {
        self.op.arm(GroupTimer::Classic(group.clone(), timer), after);
    }

    /// Forgets a timer of a group.
    pub(super) fn disarm(&mut self, group: &GroupId, timer: Timer) {
        self.op.disarm(GroupTimer::Classic(group.clone(), timer));
    }

    /// Forgets that a member could be silent for too long.
    pub(super) fn disarm_session(&mut self, group: &GroupId, member: &MemberId) {
        self.disarm(group, Timer::Session(member.clone()));
    }

    /// Goes on once what the operation has written is committed or refused.
    pub(super) fn then(&mut self, group: &GroupId, continuation: Continuation) {
        let continuation = group::Continuation::Classic(group.clone(), continuation);
        self.op.then.push(Then::Continue(continuation));
    }

    pub(super) fn observe(&mut self, event: EventKind) {
        self.op.cx.observe(event);
    }

    /// A member's request was refused.
    pub(super) fn observe_refused(
        &mut self,
        group: &GroupId,
        member: &str,
        epoch: i32,
        api: ApiKey,
        error: ErrorCode,
    ) {
        self.observe(EventKind::MemberRefused {
            group: group.clone(),
            member: member.into(),
            epoch,
            api_key: api as i16,
            error: error.word(),
        });
    }
}

/// Events about one group.
impl ClassicGroup {
    /// The group is there for the first time.
    pub(super) fn observe_created(&self, w: &mut Work<'_, '_, '_>) {
        let (group, at) = (self.id.clone(), w.partition);
        let (kind, reason) = ("classic".into(), "created".into());
        w.observe(EventKind::GroupTypeSet { group, kind, at, reason });
    }

    /// Says what a load found.
    pub(super) fn observe_loaded(&self, cx: &mut Context<'_>, at: i32) {
        let group = self.id.clone();
        let (kind, reason) = ("classic".into(), "loaded".into());
        cx.observe(EventKind::GroupTypeSet { group: group.clone(), kind, at, reason });
        cx.observe(EventKind::GroupStateChanged {
            group,
            from: "none".into(),
            to: self.state.name().into(),
            epoch: self.generation,
            reason: "loaded".into(),
        });
        for member in self.members.values() {
            cx.observe(self.joined_event(member, false));
            cx.observe(self.assigned_event(member));
        }
    }

    pub(super) fn observe_joined(&self, w: &mut Work<'_, '_, '_>, member: &Member, replaces: bool) {
        w.observe(self.joined_event(member, replaces));
    }

    pub(crate) fn joined_event(&self, member: &Member, replaces: bool) -> EventKind {
        EventKind::MemberJoined {
            group: self.id.clone(),
            member: member.id.clone(),
            instance: member.instance_id.as_deref().map(str::to_owned),
            client_id: member.client_id.to_string(),
            kind: "classic".into(),
            replaces,
        }
    }

    pub(super) fn observe_removed(
        &self,
        w: &mut Work<'_, '_, '_>,
        member: &MemberId,
        reason: &'static str,
    ) {
        w.observe(EventKind::MemberRemoved {
            group: self.id.clone(),
            member: member.clone(),
            reason: reason.into(),
        });
    }

    pub(super) fn observe_assigned(&self, w: &mut Work<'_, '_, '_>, member: &Member) {
        w.observe(self.assigned_event(member));
    }

    /// What a member of consumers may read from now on. What members of other kinds were assigned is not ours to read.
    pub(super) fn assigned_event(&self, member: &Member) -> EventKind {
        let partitions = match self.is_of_consumers() {
            true => assigned_partitions(&member.assignment).unwrap_or_default(),
            false => Vec::new(),
        };
        EventKind::MemberAssigned {
            group: self.id.clone(),
            member: member.id.clone(),
            epoch: self.generation,
            state: "Stable".into(),
            partitions,
            revoking: IfAny(Vec::new()),
        }
    }
}

/// A JoinGroup that is refused.
pub fn join_refused(member: &str, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse::default().with_member_id(text(member)).with_error_code(error.0)
}

/// A SyncGroup that is refused.
pub fn sync_refused(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(error.0)
}

/// A Heartbeat that is refused. While the group is loading, its members are told that all is well: they could not do better
/// than to go on.
pub fn heartbeat_refused(error: ErrorCode) -> HeartbeatResponse {
    let told = match error {
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => ErrorCode::NONE,
        other => other,
    };
    HeartbeatResponse::default().with_error_code(told.0)
}

/// A LeaveGroup that is refused as a whole; that the group is not there is told for each of the members.
pub fn leave_refused(
    version: i16,
    request: &LeaveGroupRequest,
    error: ErrorCode,
) -> LeaveGroupResponse {
    if version < 3 || error != ErrorCode::UNKNOWN_MEMBER_ID {
        return LeaveGroupResponse::default().with_error_code(error.0);
    }
    let refused = request.members.iter().map(|member| {
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(error.0)
    });
    LeaveGroupResponse::default().with_members(refused.collect())
}
