//! Classic members of a consumer group (KIP-848): JoinGroup, SyncGroup, Heartbeat and LeaveGroup, served by the group that
//! their consumers of the new protocol are in too. A generation is the member's epoch, a rebalance is the member's own: it is
//! told to join again when there is something for it, and gets its new epoch by joining.
//!
//! *Flows in*: requests of the classic protocol. *Flows out*: its answers, at once. *Must never*: have a member wait for
//! others, as it would in a classic group.

use std::collections::BTreeSet;

use klamm_node::{GroupId, MemberId, Span};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::convert;
use klamm_protocol::group_record::{ClassicMemberMetadata, ClassicProtocol};
use klamm_protocol::kafka::messages::leave_group_response::MemberResponse;
use klamm_protocol::kafka::messages::{
    ApiKey, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, ResponseKind, SyncGroupRequest, SyncGroupResponse,
};

use super::draft::{Decided, Draft};
use super::group::ConsumerGroup;
use super::member::{Member, MemberState, gather, has};
use super::migrate::{assignment_bytes, classic_session};
use super::refused::Refused;
use super::subscribe::{
    Sender, bump_epoch, check_room, find_or_add, generate_member_id, has_to_look_at_topics,
    is_assignment_due, known_static, reconcile, update_member, update_target,
};
use super::{Timer, embedded, leave, migrate, regex};
use crate::assignor::Partitions;
use crate::classic::{
    self, CONSUMER, Client, Work, heartbeat_refused, join_refused, leave_refused, sync_refused,
};
use crate::config::GroupConfig;
use crate::group::{Group, GroupShard, GroupTimer};
use crate::shard::{Op, Topics};

/// From this version on a dynamic member has to join under an id that it was told (KIP-394).
const NEEDS_MEMBER_ID: i16 = 4;

/// What becomes of a JoinGroup.
enum Join {
    /// It is to come back with an id.
    NeedsId(MemberId),
    Joined(Box<Decided>, JoinGroupResponse),
}

impl GroupShard {
    /// Whether a group is a consumer group with members: then its classic members are served here.
    pub(crate) fn serves_classic_members(&self, group: &str) -> bool {
        matches!(self.groups.get(group), Some(Group::Consumer(group)) if !group.is_empty())
    }

    /// JoinGroup to a consumer group.
    pub(crate) fn consumer_join(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        client: Client<'_>,
        request: &JoinGroupRequest,
    ) {
        let id = GroupId::from(request.group_id.as_str());
        let Some(Group::Consumer(group)) = self.groups.get(&id) else { return };
        let draft = Draft::of(id.clone(), group);
        match join(draft, &self.config, op, token.api_version, client, request) {
            Ok(Join::NeedsId(member)) => {
                let mut w = Work { op, config: &self.config, partition: self.partition };
                let error = ErrorCode::MEMBER_ID_REQUIRED;
                w.refuse_event(&id, member.as_str(), -1, ApiKey::JoinGroup, error);
                w.refuse_join(token, member.as_str(), error);
            }
            Ok(Join::Joined(decided, response)) => {
                self.leave_decision(op, *decided);
                let member = response.member_id.clone();
                op.reply(token, ResponseKind::JoinGroup(response), |response| {
                    let refused = join_refused(&member, ErrorCode::UNKNOWN_SERVER_ERROR);
                    *response = ResponseKind::JoinGroup(refused);
                });
            }
            Err(Refused { code, .. }) => {
                let mut w = Work { op, config: &self.config, partition: self.partition };
                w.refuse_event(&id, &request.member_id, -1, ApiKey::JoinGroup, code);
                w.refuse_join(token, &request.member_id, code);
            }
        }
    }

    /// SyncGroup to a consumer group: its answer is what the member has.
    pub(crate) fn consumer_sync(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        request: &SyncGroupRequest,
    ) {
        let id = GroupId::from(request.group_id.as_str());
        let (member, epoch) = (MemberId::from(request.member_id.as_str()), request.generation_id);
        let Some(Group::Consumer(group)) = self.groups.get_mut(&id) else { return };
        let config = &self.config;
        match sync(group, &id, config, op, request) {
            Ok(assignment) => {
                let session = group.member(member.as_str()).map_or(Span::ZERO, classic_session);
                op.disarm(GroupTimer::Consumer(id.clone(), Timer::Sync(member.clone())));
                op.arm(GroupTimer::Consumer(id, Timer::Session(member)), session);
                let response = SyncGroupResponse::default()
                    .with_protocol_type(request.protocol_type.clone())
                    .with_protocol_name(request.protocol_name.clone())
                    .with_assignment(assignment);
                op.reply(token, ResponseKind::SyncGroup(response), |response| {
                    let refused = sync_refused(ErrorCode::UNKNOWN_SERVER_ERROR);
                    *response = ResponseKind::SyncGroup(refused);
                });
            }
            Err(error) => {
                if error == ErrorCode::REBALANCE_IN_PROGRESS {
                    expect_to_rejoin(group, &id, op, &member);
                }
                let mut w = Work { op, config, partition: self.partition };
                w.refuse_event(&id, member.as_str(), epoch, ApiKey::SyncGroup, error);
                w.op.now.push((token, ResponseKind::SyncGroup(sync_refused(error))));
            }
        }
    }

    /// Heartbeat to a consumer group: whether there is something to join again for.
    pub(crate) fn consumer_heartbeat(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        request: &HeartbeatRequest,
    ) {
        let id = GroupId::from(request.group_id.as_str());
        let (member, epoch) = (MemberId::from(request.member_id.as_str()), request.generation_id);
        let Some(Group::Consumer(group)) = self.groups.get_mut(&id) else { return };
        let instance = request.group_instance_id.as_deref();
        let error = match classic_member(group, &member, instance, epoch) {
            Ok(found) => {
                let session = classic_session(found);
                op.arm(GroupTimer::Consumer(id.clone(), Timer::Session(member.clone())), session);
                match has_to_rejoin(group, &id, found, &self.config, op) {
                    true => {
                        expect_to_rejoin(group, &id, op, &member);
                        ErrorCode::REBALANCE_IN_PROGRESS
                    }
                    false => ErrorCode::NONE,
                }
            }
            Err(error) => error,
        };
        if !error.is_none() {
            let mut w = Work { op, config: &self.config, partition: self.partition };
            w.refuse_event(&id, member.as_str(), epoch, ApiKey::Heartbeat, error);
        }
        if error.is_none() || error == ErrorCode::REBALANCE_IN_PROGRESS {
            let response = HeartbeatResponse::default().with_error_code(error.0);
            op.reply(token, ResponseKind::Heartbeat(response), |response| {
                let refused = heartbeat_refused(ErrorCode::UNKNOWN_SERVER_ERROR);
                *response = ResponseKind::Heartbeat(refused);
            });
        } else {
            op.now.push((token, ResponseKind::Heartbeat(heartbeat_refused(error))));
        }
    }

    /// LeaveGroup to a consumer group, of members of either protocol.
    pub(crate) fn consumer_leave(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        request: &LeaveGroupRequest,
    ) {
        let version = token.api_version;
        let id = GroupId::from(request.group_id.as_str());
        let Some(Group::Consumer(group)) = self.groups.get(&id) else { return };
        let mut gone = BTreeSet::new();
        let mut by_administrator = false;
        let mut responses = Vec::new();
        for identity in classic::leaving(version, request) {
            let member = MemberId::from(identity.member_id.as_str());
            let instance = identity.group_instance_id.as_deref();
            let found = match instance {
                None => group.member(member.as_str()).cloned().ok_or(ErrorCode::UNKNOWN_MEMBER_ID),
                // An administrator removes a static member, whoever it is now.
                Some(instance) if member.as_str().is_empty() => {
                    by_administrator = true;
                    group.static_member(instance).cloned().ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
                }
                Some(instance) => {
                    let found = group.static_member(instance).cloned();
                    known_static(found, &member, instance).map_err(|refused| refused.code)
                }
            };
            let error = match found {
                Ok(found) => {
                    gone.insert(found.id);
                    ErrorCode::NONE
                }
                Err(error) => error,
            };
            let response = MemberResponse::default()
                .with_member_id(identity.member_id)
                .with_group_instance_id(identity.group_instance_id)
                .with_error_code(error.0);
            responses.push(response);
        }
        let mut draft = Draft::of(id.clone(), group);
        let why = if by_administrator { "removed-by-admin" } else { "left" };
        let fenced = leave::fence(&mut draft, &self.config, op, gone, why);
        if let Err(Refused { code, .. }) = fenced {
            let refused = leave_refused(version, request, code);
            return op.now.push((token, ResponseKind::LeaveGroup(refused)));
        }
        let decided = draft.decided();
        self.leave_decision(op, decided);
        let response = ResponseKind::LeaveGroup(classic::left(version, responses));
        op.reply(token, response, |response| {
            let request = LeaveGroupRequest::default();
            let refused = leave_refused(0, &request, ErrorCode::UNKNOWN_SERVER_ERROR);
            *response = ResponseKind::LeaveGroup(refused);
        });
    }
}

fn join(
    mut draft: Draft<'_>,
    config: &GroupConfig,
    op: &mut Op<'_, '_, GroupShard>,
    version: i16,
    client: Client<'_>,
    request: &JoinGroupRequest,
) -> Result<Join, Refused> {
    let is_unknown = request.member_id.is_empty();
    let instance = request.group_instance_id.as_deref();
    let id = match is_unknown {
        true => generate_member_id(op),
        false => MemberId::from(request.member_id.as_str()),
    };
    check_room(&draft, config, id.as_str())?;
    if !supports(&draft.group, request) {
        let message = format!("Member {id}'s protocols are not supported.");
        return Err(Refused::new(ErrorCode::INCONSISTENT_GROUP_PROTOCOL, message));
    }
    if is_unknown && instance.is_none() && version >= NEEDS_MEMBER_ID {
        return Ok(Join::NeedsId(id));
    }
    let replaced = instance.and_then(|instance| draft.group.static_member(instance)).cloned();
    let owns_nothing = Partitions::new();
    let from = Sender {
        id: &id,
        instance,
        epoch: -1,
        owned: Some(&owns_nothing),
        joins: instance.is_none() || is_unknown,
        is_classic: true,
    };
    let before = find_or_add(&mut draft, from)?;
    // The last consumer of the new protocol is replaced by a classic one.
    let downgrades = replaced.is_some_and(|replaced| {
        let others = BTreeSet::from([id.clone(), replaced.id.clone()]);
        let rest_is_classic =
            draft.group.members().all(|member| others.contains(&member.id) || member.is_classic());
        !replaced.is_classic()
            && rest_is_classic
            && config.migration_policy.downgrades()
            && draft.group.members.len() <= config.max_size
    });
    let (said, owned) = said(&before, op.topics, version, client, request)?;
    let names_changed = update_member(&mut draft, &before, &said);
    let regex = regex::update(&mut draft, op, config, &before, &said)?;
    let changed = names_changed || regex.is_changed();
    if changed || has_to_look_at_topics(&draft) {
        bump_epoch(&mut draft, op, changed.then_some("subscription"));
    }
    let rebalance = said.rebalance_timeout_ms;
    let after = if downgrades && changed {
        // It rebalances at once.
        said
    } else {
        if !downgrades {
            update_target(&mut draft, op, config);
        }
        reconcile(&mut draft, op, said, changed, Some(&owned))?
    };
    draft.disarm(Timer::Join(id.clone()));
    draft.volatile.rejoining.remove(&id);
    if downgrades {
        let why = changed.then_some("static member replacement with different subscription");
        migrate::downgrade(&mut draft, op, &BTreeSet::new(), why)?;
    } else {
        draft.arm(Timer::Session(id.clone()), classic_session(&after));
        draft.arm(Timer::Sync(id.clone()), Span::from_wire_millis(rebalance.into()));
    }
    let protocol = after.classic_protocol().map(|protocol| convert::text(&protocol.name));
    let response = JoinGroupResponse::default()
        .with_member_id(convert::text(id.as_str()))
        .with_generation_id(after.epoch)
        .with_protocol_type(Some(convert::text(CONSUMER)))
        .with_protocol_name(protocol);
    Ok(Join::Joined(Box::new(draft.decided()), response))
}

/// Whether a newcomer shares a protocol with all classic members.
fn supports(group: &ConsumerGroup, request: &JoinGroupRequest) -> bool {
    let is_common = |name: &str| {
        group
            .members()
            .filter_map(|member| member.classic.as_ref())
            .all(|said| said.supported_protocols.iter().any(|protocol| protocol.name == name))
    };
    request.protocol_type.as_str() == CONSUMER
        && request.protocols.iter().any(|protocol| is_common(&protocol.name))
}

/// A member with what its JoinGroup says, and what it says that it owns.
fn said(
    before: &Member,
    topics: &dyn Topics,
    version: i16,
    client: Client<'_>,
    request: &JoinGroupRequest,
) -> Result<(Member, Partitions), Refused> {
    let first = request.protocols.first().map(|protocol| &protocol.metadata[..]);
    let subscription = first.and_then(embedded::subscription).ok_or_else(|| {
        let message = "Malformed embedded consumer protocol in subscription deserialization.";
        Refused::new(ErrorCode::UNKNOWN_SERVER_ERROR, message)
    })?;
    let named = subscription.owned.iter();
    let owned = gather(
        named.filter_map(|(name, partitions)| Some((topics.id_of(name)?, partitions.as_slice()))),
    );
    let protocol = |protocol: &klamm_protocol::kafka::messages::join_group_request::JoinGroupRequestProtocol| {
        ClassicProtocol {
            name: protocol.name.to_string(),
            metadata: bytes::Bytes::copy_from_slice(&protocol.metadata),
        }
    };
    let mut member = before.clone();
    if let Some(instance) = &request.group_instance_id {
        member.instance = Some(super::member::shared(instance));
    }
    if let Some(rack) = subscription.rack.filter(|rack| !rack.is_empty()) {
        member.rack = Some(rack.into());
    }
    let rebalance = match version {
        // Version 0 has none; the session timeout stood for it then.
        0 => request.session_timeout_ms,
        _ => request.rebalance_timeout_ms,
    };
    if rebalance != -1 {
        member.rebalance_timeout_ms = rebalance;
    }
    member.names = subscription.topics.into_iter().collect();
    member.regex = "".into();
    member.client_id = client.id.into();
    member.client_host = client.host.into();
    member.classic = Some(ClassicMemberMetadata {
        session_timeout_ms: request.session_timeout_ms,
        supported_protocols: request.protocols.iter().map(protocol).collect(),
    });
    Ok((member, owned))
}

/// A classic member under the id and in the generation that a request shows.
fn classic_member<'g>(
    group: &'g ConsumerGroup,
    id: &MemberId,
    instance: Option<&str>,
    generation: i32,
) -> Result<&'g Member, ErrorCode> {
    let member = match instance {
        None => group.member(id.as_str()),
        Some(instance) => match group.static_member(instance) {
            Some(member) if member.id != *id => return Err(ErrorCode::FENCED_INSTANCE_ID),
            member => member,
        },
    };
    let member = member.filter(|member| member.is_classic()).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
    if member.epoch == generation { Ok(member) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
}

fn sync(
    group: &ConsumerGroup,
    id: &GroupId,
    config: &GroupConfig,
    op: &Op<'_, '_, GroupShard>,
    request: &SyncGroupRequest,
) -> Result<bytes::Bytes, ErrorCode> {
    let instance = request.group_instance_id.as_deref();
    let asked = MemberId::from(request.member_id.as_str());
    let member = classic_member(group, &asked, instance, request.generation_id)?;
    let protocol = member.classic_protocol().ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
    let differs = |told: Option<&str>, ours: &str| told.is_some_and(|told| told != ours);
    if differs(request.protocol_type.as_deref(), CONSUMER)
        || differs(request.protocol_name.as_deref(), &protocol.name)
    {
        return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    // Who has joined to give something up does that first; it is asked to join again afterwards.
    let is_behind = is_behind(group, id, member, config, op);
    if is_behind && member.state != MemberState::UnrevokedPartitions {
        return Err(ErrorCode::REBALANCE_IN_PROGRESS);
    }
    let version = embedded::version(&protocol.metadata).ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
    Ok(assignment_bytes(version, &member.assigned, op.topics))
}

/// Whether there is a newer target than the member's, or one can be made by its joining again (KAFKA-20272).
fn is_behind(
    group: &ConsumerGroup,
    id: &GroupId,
    member: &Member,
    config: &GroupConfig,
    op: &Op<'_, '_, GroupShard>,
) -> bool {
    member.epoch < group.assignment_epoch
        || is_assignment_due(&Draft::of(id.clone(), group), config, op.cx.wall)
}

/// Whether a member has to join again: the group is ahead of it, it has to give something up, or what it waited for is free.
fn has_to_rejoin(
    group: &ConsumerGroup,
    id: &GroupId,
    member: &Member,
    config: &GroupConfig,
    op: &Op<'_, '_, GroupShard>,
) -> bool {
    match member.state {
        _ if is_behind(group, id, member, config, op) => true,
        MemberState::UnrevokedPartitions => true,
        MemberState::UnreleasedPartitions => !waits(group, member),
        MemberState::Stable | MemberState::Unknown => false,
    }
}

/// Whether others still have something that a member is to have.
fn waits(group: &ConsumerGroup, member: &Member) -> bool {
    group.target(member.id.as_str()).iter().any(|(topic, partitions)| {
        partitions.iter().any(|partition| {
            !has(&member.assigned, *topic, *partition) && !group.is_free(*topic, *partition)
        })
    })
}

/// A member was told to join again, and has its rebalance timeout for it.
fn expect_to_rejoin(
    group: &mut ConsumerGroup,
    id: &GroupId,
    op: &mut Op<'_, '_, GroupShard>,
    member: &MemberId,
) {
    let Some(found) = group.member(member.as_str()) else { return };
    let timeout = Span::from_wire_millis(found.rebalance_timeout_ms.into());
    if group.volatile.rejoining.insert(member.clone()) {
        op.arm(GroupTimer::Consumer(id.clone(), Timer::Join(member.clone())), timeout);
    }
}
