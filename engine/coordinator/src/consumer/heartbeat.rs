//! ConsumerGroupHeartbeat, versions 0 and 1: join, stay, leave.
//!
//! *Flows in*: what a member says of itself (all of it when it joins or is not sure, only what changed otherwise). *Flows out*:
//! its epoch, and what it has if that changed. *Must never*: take anything for true of a request that it refuses.
//!
//! Simplified: sessions and intervals are the broker's; groups have no settings of their own.

use std::sync::Arc;

use klamm_node::{GroupId, MemberId, TopicName};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::consumer_group_heartbeat_response::{
    Assignment, TopicPartitions,
};
use klamm_protocol::kafka::messages::{
    ApiKey, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ResponseKind,
};

use super::Timer;
use super::draft::Decided;
use super::member::{JOIN_EPOCH, LEAVE_EPOCH, Member, STATIC_LEAVE_EPOCH, gather, shared};
use super::refused::Refused;
use super::subscribe::{
    Sender, assignor_of, bump_epoch, check_room, find_or_add, generate_member_id,
    has_to_look_at_topics, leaves, reconcile, update_member, update_target,
};
use super::{leave, migrate, regex};
use crate::assignor::Partitions;
use crate::classic::{Client, Work};
use crate::config::GroupConfig;
use crate::group::{Group, GroupShard};
use crate::shard::Op;

/// From this version on consumers make their member ids themselves (KIP-1082).
const MEMBER_MAKES_ITS_ID: i16 = 1;

/// What can be said of a heartbeat before any group is looked at.
///
/// # Errors
/// What has to be there is not, or makes no sense: INVALID_REQUEST; or this broker has no such assignor: UNSUPPORTED_ASSIGNOR.
pub fn check(
    config: &GroupConfig,
    version: i16,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<(), Refused> {
    let invalid = |message: &str| Err(Refused::new(ErrorCode::INVALID_REQUEST, message));
    let is_blank = |text: Option<&str>| text.is_some_and(|text| text.trim().is_empty());
    let epoch = request.member_epoch;
    let needs_id = version >= MEMBER_MAKES_ITS_ID || epoch > JOIN_EPOCH || epoch == LEAVE_EPOCH;
    if needs_id && is_blank(Some(&request.member_id)) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(Some(&request.group_id)) {
        return invalid("GroupId can't be empty.");
    }
    if is_blank(request.instance_id.as_deref()) {
        return invalid("InstanceId can't be empty.");
    }
    if is_blank(request.rack_id.as_deref()) {
        return invalid("RackId can't be empty.");
    }
    if epoch == JOIN_EPOCH {
        if request.rebalance_timeout_ms == -1 {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        // No names, or an empty expression, are a subscription too: to nothing.
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            return invalid(
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
            );
        }
    } else if epoch == STATIC_LEAVE_EPOCH && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if epoch < STATIC_LEAVE_EPOCH {
        return invalid("MemberEpoch is invalid.");
    }
    let assignor = request.server_assignor.as_deref();
    if let Some(unknown) =
        assignor.filter(|name| !config.consumer_assignors.iter().any(|known| known == name))
    {
        let known = config.consumer_assignors.join(", ");
        return Err(Refused::new(
            ErrorCode::UNSUPPORTED_ASSIGNOR,
            format!("ServerAssignor {unknown} is not supported. Supported assignors: {known}."),
        ));
    }
    Ok(())
}

/// A heartbeat that is refused.
pub fn refused(code: ErrorCode, message: &str) -> ConsumerGroupHeartbeatResponse {
    let message = Some(message).filter(|message| !message.is_empty());
    ConsumerGroupHeartbeatResponse::default()
        .with_error_code(code.0)
        .with_error_message(message.map(convert::text))
}

/// What a member has, for an answer.
fn assignment(partitions: &Partitions) -> Assignment {
    let topics = partitions.iter().map(|(topic, partitions)| {
        TopicPartitions::default()
            .with_topic_id(convert::topic_uuid(*topic))
            .with_partitions(partitions.iter().copied().collect())
    });
    Assignment::default().with_topic_partitions(topics.collect())
}

impl GroupShard {
    /// ConsumerGroupHeartbeat. What [`check`] says was asked before.
    pub fn consumer_group_heartbeat(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        client: Client<'_>,
        request: &ConsumerGroupHeartbeatRequest,
    ) {
        let group = GroupId::from(request.group_id.as_str());
        let decided = match leaves(request.member_epoch) {
            true => leave::heartbeat(&self.groups, &self.config, op, request),
            false => decide(&self.groups, &self.config, op, client, request),
        };
        match decided {
            Ok((decided, response)) => {
                self.hand_over_classic(op, &group, &decided);
                self.leave_decision(op, decided);
                let response = ResponseKind::ConsumerGroupHeartbeat(response);
                op.reply(token, response, |response| {
                    let refused = refused(ErrorCode::UNKNOWN_SERVER_ERROR, "");
                    *response = ResponseKind::ConsumerGroupHeartbeat(refused);
                });
            }
            Err(Refused { code, message }) => {
                let mut w = Work { op, config: &self.config, partition: self.partition };
                let (member, epoch) = (&request.member_id, request.member_epoch);
                w.refuse_event(&group, member, epoch, ApiKey::ConsumerGroupHeartbeat, code);
                let response = ResponseKind::ConsumerGroupHeartbeat(refused(code, &message));
                op.now.push((token, response));
            }
        }
    }

    /// A classic group becomes a consumer group: whoever waits in it is told to join again, which leads to the new one.
    fn hand_over_classic(&mut self, op: &mut Op<'_, '_, Self>, group: &GroupId, decided: &Decided) {
        if let Some(Group::Classic(classic)) = self.groups.get_mut(group)
            && decided.is_upgrade()
        {
            let mut w = Work { op, config: &self.config, partition: self.partition };
            classic.hand_over(&mut w);
        }
    }
}

/// A heartbeat of a member that joins or stays.
fn decide(
    groups: &std::collections::BTreeMap<GroupId, Group>,
    config: &GroupConfig,
    op: &mut Op<'_, '_, GroupShard>,
    client: Client<'_>,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<(Decided, ConsumerGroupHeartbeatResponse), Refused> {
    let joins = request.member_epoch == JOIN_EPOCH;
    let mut draft = migrate::find_or_create(groups, config, op, &request.group_id, joins)?;
    let asked_id = MemberId::from(request.member_id.as_str());
    check_room(&draft, config, asked_id.as_str())?;
    let id = if asked_id.as_str().is_empty() { generate_member_id(op) } else { asked_id };
    let assignor_before = assignor_of(&draft, config);
    let owned = request.topic_partitions.as_ref().map(|topics| {
        let named = |topic: &klamm_protocol::kafka::messages::consumer_group_heartbeat_request::TopicPartitions| {
            (convert::topic_id(topic.topic_id), topic.partitions.clone())
        };
        let topics: Vec<_> = topics.iter().map(named).collect();
        gather(topics.iter().map(|(topic, partitions)| (*topic, partitions.as_slice())))
    });
    let owned = owned.as_ref();
    let from = Sender {
        id: &id,
        instance: request.instance_id.as_deref(),
        epoch: request.member_epoch,
        owned,
        joins,
        is_classic: false,
    };
    let before = find_or_add(&mut draft, from)?;
    let said = said(&before, client, request);
    let names_changed = update_member(&mut draft, &before, &said);
    let regex = regex::update(&mut draft, op, config, &before, &said)?;
    // An expression that is not resolved yet changes nothing: the epoch grows when it is.
    let why = if draft.group.epoch == 0 {
        Some("created")
    } else if names_changed {
        Some("subscription")
    } else if regex.is_resolved() {
        Some("regex")
    } else {
        // The assignor that counts changed with this member's vote (KAFKA-20434).
        (assignor_of(&draft, config) != assignor_before).then_some("assignor")
    };
    if why.is_some() || has_to_look_at_topics(&draft) {
        bump_epoch(&mut draft, op, why);
    }
    update_target(&mut draft, op, config);
    let subscription_changed = names_changed || regex.is_changed();
    let after = reconcile(&mut draft, op, said, subscription_changed, owned)?;
    draft.arm(Timer::Session(id.clone()), config.consumer_session_timeout);
    let interval = i32::try_from(config.consumer_heartbeat_interval.as_millis());
    let mut response = ConsumerGroupHeartbeatResponse::default()
        .with_member_id(Some(convert::text(after.id.as_str())))
        .with_member_epoch(after.epoch)
        .with_heartbeat_interval_ms(interval.unwrap_or(i32::MAX));
    // Who says everything is not sure of anything: it joins, or missed an answer.
    let says_everything = request.rebalance_timeout_ms != -1
        && (request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some())
        && owned.is_some();
    if joins || says_everything || before.assigned != after.assigned {
        response.assignment = Some(assignment(&after.assigned));
    }
    Ok((draft.decided(), response))
}

/// A member with what its request says.
fn said(before: &Member, client: Client<'_>, request: &ConsumerGroupHeartbeatRequest) -> Member {
    let mut member = before.clone();
    if let Some(instance) = &request.instance_id {
        member.instance = Some(shared(instance));
    }
    if let Some(rack) = &request.rack_id {
        member.rack = Some(shared(rack));
    }
    if request.rebalance_timeout_ms != -1 {
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    if let Some(assignor) = &request.server_assignor {
        member.assignor = Some(shared(assignor));
    }
    if let Some(names) = &request.subscribed_topic_names {
        member.names = names.iter().map(|name| TopicName::from(name.as_str())).collect();
    }
    if let Some(regex) = &request.subscribed_topic_regex {
        member.regex = shared(regex);
    }
    if *member.client_id != *client.id {
        member.client_id = Arc::from(client.id);
    }
    if *member.client_host != *client.host {
        member.client_host = Arc::from(client.host);
    }
    member.classic = None;
    member
}
