//! Clients by name: what each of them knows of its place, and its requests.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use klamm_node::GroupId;
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::join_group_request::JoinGroupRequestProtocol;
use klamm_protocol::kafka::messages::leave_group_request::MemberIdentity;
use klamm_protocol::kafka::messages::sync_group_request::SyncGroupRequestAssignment;
use klamm_protocol::kafka::messages::{
    ApiKey, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, ResponseKind, SyncGroupRequest,
};
use klamm_protocol::kafka::protocol::StrBytes;

use super::lab::{GROUP, Lab};
use crate::classic::Client;

/// What a client knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Its number, which names its connection.
    pub(crate) number: u64,
    /// The id that it has been told.
    pub(crate) id: String,
    pub(crate) instance: Option<String>,
    pub(crate) generation: i32,
    /// All members, if it leads.
    pub(crate) members: Vec<String>,
    /// It leads, and is not to assign.
    pub(crate) skips: bool,
    /// What it was assigned in its generation.
    pub(crate) assignment: Option<Bytes>,
}

/// What is told in a JoinGroup.
#[derive(Clone, Debug)]
pub(crate) struct Joins<'a> {
    pub(crate) version: i16,
    pub(crate) session_ms: i32,
    pub(crate) rebalance_ms: i32,
    pub(crate) kind: &'a str,
    pub(crate) protocols: &'a str,
    pub(crate) topics: &'a str,
    pub(crate) reason: Option<&'a str>,
}

impl Default for Joins<'_> {
    fn default() -> Self {
        Self {
            version: 9,
            session_ms: 10_000,
            rebalance_ms: 60_000,
            kind: "consumer",
            protocols: "range",
            topics: "t",
            reason: None,
        }
    }
}

/// Everybody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    pub(crate) by_name: BTreeMap<String, Known>,
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group() -> klamm_protocol::kafka::messages::GroupId {
    text(GROUP).into()
}

fn put_text(bytes: &mut BytesMut, text: &str) {
    bytes.put_i16(i16::try_from(text.len()).expect("a short text"));
    bytes.put_slice(text.as_bytes());
}

/// A consumer's subscription, version 0.
pub(crate) fn subscription(topics: &str) -> Bytes {
    let topics: Vec<&str> = topics.split('+').collect();
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(i32::try_from(topics.len()).expect("few topics"));
    for topic in topics {
        put_text(&mut bytes, topic);
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

/// A consumer's assignment of one partition of topic `t`, version 0.
pub(crate) fn assignment(partition: i32) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(1);
    put_text(&mut bytes, "t");
    bytes.put_i32(1);
    bytes.put_i32(partition);
    bytes.put_i32(-1);
    bytes.freeze()
}

impl Clients {
    pub(crate) fn known(&mut self, name: &str) -> &mut Known {
        let number = self.by_name.len() as u64 + 1;
        self.by_name.entry(name.to_owned()).or_insert_with(|| Known { number, ..Known::default() })
    }

    /// Who has a connection.
    pub(crate) fn name_of(&self, number: u64) -> &str {
        let found = self.by_name.iter().find(|(_, known)| known.number == number);
        found.map_or("?", |(name, _)| name)
    }

    pub(crate) fn join(
        &mut self,
        lab: &mut Lab,
        name: &str,
        joins: &Joins<'_>,
    ) -> Result<RequestToken, ErrorCode> {
        let known = self.known(name).clone();
        let token = lab.token(known.number, ApiKey::JoinGroup, joins.version);
        let protocol = |name: &str| {
            let subscribed = subscription(joins.topics);
            JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(subscribed)
        };
        let names = joins.protocols.split('+').filter(|name| !name.is_empty());
        let request = JoinGroupRequest::default()
            .with_group_id(group())
            .with_session_timeout_ms(joins.session_ms)
            .with_rebalance_timeout_ms(joins.rebalance_ms)
            .with_member_id(text(&known.id))
            .with_group_instance_id(known.instance.as_deref().map(text))
            .with_protocol_type(text(joins.kind))
            .with_protocols(names.map(protocol).collect())
            .with_reason(joins.reason.map(text));
        crate::classic::check_join(&lab.shard().config.clone(), &request)?;
        let client = Client { id: name, host: "/127.0.0.1" };
        lab.ask(token, |shard, op| shard.join_group(op, token, client, &request)).map(|()| token)
    }

    pub(crate) fn sync(
        &mut self,
        lab: &mut Lab,
        name: &str,
        (version, generation): (i16, Option<i32>),
        (kind, protocol): (&str, &str),
        assigns: bool,
    ) -> Result<RequestToken, ErrorCode> {
        let known = self.known(name).clone();
        let token = lab.token(known.number, ApiKey::SyncGroup, version);
        let part = |(partition, member): (i32, &String)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(member))
                .with_assignment(assignment(partition))
        };
        let members = known.members.iter().filter(|_| assigns && !known.skips);
        let request = SyncGroupRequest::default()
            .with_group_id(group())
            .with_generation_id(generation.unwrap_or(known.generation))
            .with_member_id(text(&known.id))
            .with_group_instance_id(known.instance.as_deref().map(text))
            .with_protocol_type((version >= 5 && !kind.is_empty()).then(|| text(kind)))
            .with_protocol_name((version >= 5 && !protocol.is_empty()).then(|| text(protocol)))
            .with_assignments((0..).zip(members).map(part).collect());
        crate::classic::check_sync(version, &request)?;
        lab.ask(token, |shard, op| shard.sync_group(op, token, &request)).map(|()| token)
    }

    pub(crate) fn heartbeat(
        &mut self,
        lab: &mut Lab,
        name: &str,
        generation: Option<i32>,
    ) -> Result<RequestToken, ErrorCode> {
        let known = self.known(name).clone();
        let token = lab.token(known.number, ApiKey::Heartbeat, 4);
        let request = HeartbeatRequest::default()
            .with_group_id(group())
            .with_generation_id(generation.unwrap_or(known.generation))
            .with_member_id(text(&known.id))
            .with_group_instance_id(known.instance.as_deref().map(text));
        crate::classic::check_heartbeat(&request)?;
        lab.ask(token, |shard, op| shard.heartbeat(op, token, &request)).map(|()| token)
    }

    /// `who` are names of clients, or `instance:ID` for what an administrator removes.
    pub(crate) fn leave(
        &self,
        lab: &mut Lab,
        version: i16,
        who: &[&str],
    ) -> Result<RequestToken, ErrorCode> {
        let identity = |who: &&str| match who.strip_prefix("instance:") {
            Some(instance) => {
                MemberIdentity::default().with_group_instance_id(Some(text(instance)))
            }
            None => {
                let known = self.by_name.get(*who).cloned().unwrap_or_default();
                MemberIdentity::default()
                    .with_member_id(text(&known.id))
                    .with_group_instance_id(known.instance.as_deref().map(text))
            }
        };
        let members: Vec<MemberIdentity> = who.iter().map(identity).collect();
        let sender = who.first().and_then(|name| self.by_name.get(*name));
        let token = lab.token(sender.map_or(0, |known| known.number), ApiKey::LeaveGroup, version);
        let request = match (version, members.first()) {
            (..3, Some(first)) => {
                LeaveGroupRequest::default().with_member_id(first.member_id.clone())
            }
            _ => LeaveGroupRequest::default().with_members(members),
        };
        let request = request.with_group_id(group());
        crate::classic::check_leave(&request)?;
        lab.ask(token, |shard, op| shard.leave_group(op, token, &request)).map(|()| token)
    }

    /// Whether a commit of offsets would be taken. `as_member` false: without id and generation.
    pub(crate) fn may_commit(
        &mut self,
        lab: &mut Lab,
        name: &str,
        generation: Option<i32>,
        (as_member, transactional): (bool, bool),
    ) -> Result<(), ErrorCode> {
        let known = match as_member {
            true => self.known(name).clone(),
            false => Known { generation: -1, ..Known::default() },
        };
        let token = lab.token(known.number, ApiKey::OffsetCommit, 8);
        let mut outcome = Ok(());
        lab.ask(token, |shard, op| {
            let config = shard.config.clone();
            let mut w = crate::classic::Work { op, config: &config, partition: shard.partition };
            let group = GroupId::from(GROUP);
            outcome = match shard.groups.get_mut(&group) {
                Some(crate::Group::Classic(group)) => group.validate_offset_commit(
                    &mut w,
                    &known.id,
                    known.instance.as_deref(),
                    generation.unwrap_or(known.generation),
                    transactional,
                ),
                Some(crate::Group::Consumer(_)) | None => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            };
            let answer = klamm_protocol::kafka::messages::OffsetCommitResponse::default();
            op.now.push((token, ResponseKind::OffsetCommit(answer)));
        })?;
        outcome
    }

    /// Takes what an answer tells its client.
    pub(crate) fn learn(&mut self, number: u64, response: &ResponseKind) {
        let name = self.name_of(number).to_owned();
        let Some(known) = self.by_name.get_mut(&name) else { return };
        if let ResponseKind::JoinGroup(joined) = response {
            let error = ErrorCode(joined.error_code);
            if error.is_none() || error == ErrorCode::MEMBER_ID_REQUIRED {
                known.id = joined.member_id.to_string();
            }
            if error.is_none() {
                known.generation = joined.generation_id;
                known.members =
                    joined.members.iter().map(|member| member.member_id.to_string()).collect();
                known.skips = joined.skip_assignment;
                known.assignment = None;
            }
        }
        if let ResponseKind::SyncGroup(synced) = response
            && synced.error_code == 0
        {
            known.assignment = Some(synced.assignment.clone());
        }
    }
}
