//! JoinGroup, versions 0 to 9: who may join, under which id, and whether the group rebalances for it.
//!
//! *Flows in*: a JoinGroup. *Flows out*: an answer at once (an error, an id to come back with, the generation as it is), or a
//! member that waits. *Must never*: add a member that could come back under another id without an end to its wait (KIP-394).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use klamm_node::{GroupId, MemberId, Purpose, Span, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::join_group_request::{
    JoinGroupRequest, JoinGroupRequestProtocol,
};
use klamm_protocol::kafka::messages::{ApiKey, JoinGroupResponse};

use super::group::{ClassicGroup, text};
use super::member::{JoinWait, Member, Protocol, Terms};
use super::state::GroupState;
use super::work::{Client, Work};
use super::{Continuation, Timer};
use crate::group::Group;

/// How long a member that joins for the first time may wait without a sign of life. It does not know its id yet, so it can't
/// send heartbeats; a client that gave up would stay for ever (KAFKA-7610).
const NEW_MEMBER_JOIN_TIMEOUT: Span = Span::secs(5 * 60);

/// A JoinGroup under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Join<'r> {
    pub(super) token: RequestToken,
    pub(super) client: Client<'r>,
    pub(super) request: &'r JoinGroupRequest,
}

impl Join<'_> {
    pub(super) fn instance_id(&self) -> Option<&str> {
        self.request.group_instance_id.as_deref()
    }

    /// Why, in the client's words (KIP-800).
    pub(super) fn reason(&self) -> &str {
        match self.request.reason.as_deref() {
            None | Some("") => "not provided",
            Some(reason) => reason,
        }
    }

    pub(super) fn protocols(&self) -> Vec<Protocol> {
        let kept = |protocol: &JoinGroupRequestProtocol| {
            // Copied: a slice would keep the whole frame of the request alive.
            Protocol {
                name: protocol.name.as_str().into(),
                metadata: Bytes::copy_from_slice(&protocol.metadata),
            }
        };
        self.request.protocols.iter().map(kept).collect()
    }

    pub(super) fn terms(&self) -> Terms {
        Terms {
            rebalance_timeout_ms: match self.token.api_version {
                // Version 0 has none; the session timeout stood for it then.
                0 => self.request.session_timeout_ms,
                _ => self.request.rebalance_timeout_ms,
            },
            session_timeout_ms: self.request.session_timeout_ms,
            protocols: self.protocols(),
        }
    }
}

/// What can be said of a JoinGroup before any group is looked at.
///
/// # Errors
/// The request's group id is empty, or its session timeout is out of the bounds that this broker sets.
pub fn check(
    config: &crate::config::GroupConfig,
    request: &JoinGroupRequest,
) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    let session = i64::from(request.session_timeout_ms);
    let (min, max) =
        (config.min_session_timeout.as_millis(), config.max_session_timeout.as_millis());
    let bounded = u64::try_from(session).is_ok_and(|session| (min..=max).contains(&session));
    if bounded { Ok(()) } else { Err(ErrorCode::INVALID_SESSION_TIMEOUT) }
}

/// A JoinGroup for a group that is a classic one, or is not there. A group is made for a client that has no id yet; who comes
/// with one is taken for a member of a group that is gone.
pub fn join_to_classic(
    groups: &mut BTreeMap<GroupId, Group>,
    w: &mut Work<'_, '_, '_>,
    token: RequestToken,
    client: Client<'_>,
    request: &JoinGroupRequest,
) {
    let join = Join { token, client, request };
    let id = GroupId::from(request.group_id.as_str());
    let is_known = groups.contains_key(&id);
    if !is_known && !request.member_id.is_empty() {
        w.observe_refused(
            &id,
            &request.member_id,
            -1,
            ApiKey::JoinGroup,
            ErrorCode::UNKNOWN_MEMBER_ID,
        );
        return w.refuse_join(token, &request.member_id, ErrorCode::UNKNOWN_MEMBER_ID);
    }
    let fresh = || Group::Classic(ClassicGroup::new(id.clone(), w.op.cx.wall));
    let group = match groups.entry(id.clone()).or_insert_with(fresh) {
        Group::Classic(group) => group,
        Group::Consumer(_) => {
            return w.refuse_join(token, &request.member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
    };
    if !is_known {
        group.observe_created(w);
    }
    group.join(w, join);
    // A new group is written at once, without members, so that it is there for whoever lists groups.
    if !is_known && w.op.records.is_empty() {
        w.op.records.push(group.empty_record());
        w.then(&id, Continuation::Created { token });
    }
}

impl ClassicGroup {
    fn join(&mut self, w: &mut Work<'_, '_, '_>, join: Join<'_>) {
        let member = join.request.member_id.as_str();
        if !self.accepts(w, member) {
            w.disarm_session(&self.id, &member.into());
            if let Some(removed) = self.take(member) {
                self.let_go(w, removed, "group-full");
            }
            return self.refuse(w, join, "", ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        match member.is_empty() {
            true => self.join_new(w, join),
            false => self.join_existing(w, join),
        }
    }

    /// Whether there is room for a member. While a rebalance gathers members, those count that have joined: the group may be
    /// above its size because the size was lowered, and it is the last to join again that goes (KAFKA-9885).
    fn accepts(&self, w: &Work<'_, '_, '_>, member: &str) -> bool {
        let max = w.config.max_size;
        match self.state {
            GroupState::Empty | GroupState::Dead => true,
            GroupState::PreparingRebalance => {
                self.member(member).is_some_and(Member::is_awaiting_join)
                    || self.awaiting_join() < max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.members.contains_key(member) || self.members.len() < max
            }
        }
    }

    fn refuse(&self, w: &mut Work<'_, '_, '_>, join: Join<'_>, told: &str, error: ErrorCode) {
        let member = &join.request.member_id;
        w.observe_refused(&self.id, member, -1, ApiKey::JoinGroup, error);
        w.refuse_join(join.token, told, error);
    }

    /// A client without an id.
    fn join_new(&mut self, w: &mut Work<'_, '_, '_>, join: Join<'_>) {
        if self.state == GroupState::Dead {
            return self.refuse(w, join, "", ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        if !self.supports(&join.request.protocol_type, &join.protocols()) {
            return self.refuse(w, join, "", ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        let fresh = self.generate_member_id(w, join);
        if let Some(instance_id) = join.instance_id() {
            return match self.static_member(instance_id).cloned() {
                Some(existing) => self.replace_static(w, join, existing, fresh),
                None => self.add_joining(w, join, fresh),
            };
        }
        // Since version 4, a client is first told the id under which it is to join; if it gives up, only a name remains to
        // be forgotten, and not a member that everybody waits for (KIP-394). Planted (Z54): it is a member at once.
        let needs_id = join.token.api_version >= 4 && !planted("group_unbounded_anonymous_joins");
        if !needs_id {
            return self.add_joining(w, join, fresh);
        }
        let session = Span::from_wire_millis(join.request.session_timeout_ms.into());
        w.arm(&self.id, Timer::Session(fresh.clone()), session);
        w.observe_refused(
            &self.id,
            fresh.as_str(),
            -1,
            ApiKey::JoinGroup,
            ErrorCode::MEMBER_ID_REQUIRED,
        );
        w.refuse_join(join.token, fresh.as_str(), ErrorCode::MEMBER_ID_REQUIRED);
        self.pending_join.insert(fresh);
    }

    /// The instance id or the client id, and a random UUID.
    fn generate_member_id(&self, w: &mut Work<'_, '_, '_>, join: Join<'_>) -> MemberId {
        let bits = w.op.cx.rng.of(Purpose::MemberIds).wide();
        // Version 4, variant 1, as every UUID of random bits.
        let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
        let digits = format!("{bits:032x}");
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
        let uuid: Vec<&str> = parts.into_iter().filter_map(|part| digits.get(part)).collect();
        let prefix = join.instance_id().unwrap_or(join.client.id);
        format!("{prefix}-{}", uuid.join("-")).into()
    }

    /// A client with an id: one that was just told it, or a member that joins again.
    fn join_existing(&mut self, w: &mut Work<'_, '_, '_>, join: Join<'_>) {
        let id = MemberId::from(join.request.member_id.as_str());
        if self.state == GroupState::Dead {
            return self.refuse(w, join, id.as_str(), ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        if !self.supports(&join.request.protocol_type, &join.protocols()) {
            return self.refuse(w, join, id.as_str(), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if self.pending_join.contains(&id) {
            // Who was told an id is a dynamic member. Kafka fails the request with an exception when it now claims an
            // instance id; the error of a member that is not known is what such a client can handle.
            return match join.instance_id() {
                Some(_) => self.refuse(w, join, id.as_str(), ErrorCode::UNKNOWN_MEMBER_ID),
                None => self.add_joining(w, join, id),
            };
        }
        if let Err(error) = self.validate_member(id.as_str(), join.instance_id()) {
            return self.refuse(w, join, id.as_str(), error);
        }
        let Some(member) = self.members.get(&id) else {
            return self.refuse(w, join, id.as_str(), ErrorCode::UNKNOWN_MEMBER_ID);
        };
        let is_unchanged = member.terms.protocols == join.protocols();
        let state = self.state.name();
        let why = join.reason();
        let joining = format!("Member {id} is joining group during {state}; client reason: {why}");
        let updating =
            format!("Updating metadata for member {id} during {state}; client reason: {why}");
        let leading = format!("Leader {id} re-joining group during {state}; client reason: {why}");
        match self.state {
            GroupState::PreparingRebalance => self.join_again(w, join, &id, &joining),
            // It has not got the answer to its last JoinGroup; nothing has changed since.
            GroupState::CompletingRebalance if is_unchanged => self.tell_generation(w, join, &id),
            GroupState::CompletingRebalance => self.join_again(w, join, &id, &updating),
            // By joining again, the leader says that something changed that members do not tell: partitions of a topic.
            GroupState::Stable if self.is_leader(&id) => self.join_again(w, join, &id, &leading),
            GroupState::Stable if is_unchanged => self.tell_generation(w, join, &id),
            GroupState::Stable => self.join_again(w, join, &id, &updating),
            GroupState::Empty | GroupState::Dead => {
                self.refuse(w, join, id.as_str(), ErrorCode::UNKNOWN_MEMBER_ID);
            }
        }
    }

    /// Tells a member the generation as it is, so that it goes on to SyncGroup.
    fn tell_generation(&self, w: &mut Work<'_, '_, '_>, join: Join<'_>, id: &MemberId) {
        let assigns = self.state == GroupState::CompletingRebalance && self.is_leader(id);
        let response = self.generation_response(id, assigns);
        w.answer_join(join.token, response);
    }

    /// The answer to a JoinGroup that succeeded.
    pub(super) fn generation_response(
        &self,
        id: &MemberId,
        with_members: bool,
    ) -> JoinGroupResponse {
        JoinGroupResponse::default()
            .with_members(if with_members { self.members_for_leader() } else { Vec::new() })
            .with_member_id(text(id.as_str()))
            .with_generation_id(self.generation)
            .with_protocol_name(self.protocol().map(text))
            .with_protocol_type(self.protocol_type().map(text))
            .with_leader(self.leader().map(|leader| text(leader.as_str())).unwrap_or_default())
    }

    /// Adds a member that waits for the others.
    fn add_joining(&mut self, w: &mut Work<'_, '_, '_>, join: Join<'_>, id: MemberId) {
        let member = Member {
            id: id.clone(),
            instance_id: join.instance_id().map(Arc::from),
            client_id: join.client.id.into(),
            client_host: join.client.host.into(),
            terms: join.terms(),
            assignment: Bytes::new(),
            awaiting_join: Some(JoinWait { token: Some(join.token) }),
            awaiting_sync: None,
            is_new: true,
        };
        if self.state == GroupState::PreparingRebalance && self.previous == GroupState::Empty {
            self.new_member_added = true;
        }
        self.observe_joined(w, &member, false);
        self.add(member, &join.request.protocol_type);
        w.arm(&self.id, Timer::Session(id.clone()), NEW_MEMBER_JOIN_TIMEOUT);
        let instance = join.instance_id().unwrap_or("null");
        let why = join.reason();
        let reason = format!(
            "Adding new member {id} with group instance id {instance}; client reason: {why}"
        );
        self.rebalance_or_complete(w, &reason);
    }

    /// A member waits for the others again, with what it says now.
    fn join_again(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        join: Join<'_>,
        id: &MemberId,
        reason: &str,
    ) {
        self.set_terms(w, id, join.terms(), Some(join.token));
        self.rebalance_or_complete(w, reason);
    }

    /// Notes what a member says, and the request of its that waits; one that waited before is answered (KAFKA-20938).
    pub(super) fn set_terms(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        id: &MemberId,
        terms: Terms,
        waits: Option<RequestToken>,
    ) {
        let Some(member) = self.members.get_mut(id) else { return };
        let superseded = member.awaiting_join.take().and_then(|wait| wait.token);
        // Planted (Z27): the leader is shown what the member claimed to own before it fell behind.
        if !planted("group_keeps_old_subscription") {
            member.terms = terms;
        }
        member.awaiting_join = waits.map(|token| JoinWait { token: Some(token) });
        if let Some(token) = superseded {
            w.refuse_join(token, id.as_str(), ErrorCode::NOT_COORDINATOR);
        }
    }

    /// The record of a new group could not be written: it was never there.
    pub(super) fn creation_failed(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        token: RequestToken,
        error: ErrorCode,
    ) {
        let waits = |member: &&mut Member| {
            member.awaiting_join.as_ref().is_some_and(|wait| wait.token == Some(token))
        };
        let Some(member) = self.members.values_mut().find(waits) else { return };
        member.awaiting_join = Some(JoinWait { token: None });
        w.refuse_join(token, "", error);
    }
}
