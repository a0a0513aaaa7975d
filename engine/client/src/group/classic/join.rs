//! Joining: commit, give up, JoinGroup, assign if it leads, SyncGroup, take in.

use std::collections::BTreeSet;

use bytes::Bytes;
use klamm_node::{Context, MemberId, Span, TopicPartition, planted};
use klamm_protocol::kafka::messages::join_group_request::JoinGroupRequestProtocol;
use klamm_protocol::kafka::messages::sync_group_request::SyncGroupRequestAssignment;
use klamm_protocol::kafka::messages::{
    ApiKey, JoinGroupRequest, JoinGroupResponse, RequestKind, ResponseKind, SyncGroupRequest,
    SyncGroupResponse,
};
use klamm_protocol::{ErrorCode, convert};

use super::{Asked, Generation, Join, Outcome, Preparing, State, members_of};
use crate::application::Change;
use crate::assignor::{
    Assignor, RebalanceProtocol, assignment_bytes, read_assignment, subscription_bytes,
};
use crate::consumer::Consumer;
use crate::group::{Asked as GroupAsked, Group};

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";
/// What a JoinGroup may take longer than the rebalance timeout.
const JOIN_LAPSE: Span = Span::secs(5);

impl Group {
    /// The part of a poll that concerns the group. False while it joins.
    pub(in crate::group) fn poll_classic(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
    ) -> bool {
        if !self.is_subscribed() || self.classic.state == State::Undead {
            return true;
        }
        self.look_around(reader);
        if !self.find(cx, reader) && matches!(self.classic.join, Join::Idle) {
            return false;
        }
        self.notice_changes(reader);
        loop {
            if self.classic.rejoin.is_none() && matches!(self.classic.join, Join::Idle) {
                return true;
            }
            if !self.join_further(cx, reader) {
                return false;
            }
        }
    }

    /// What changed since it joined, and makes it join again.
    fn notice_changes(&mut self, reader: &mut Consumer) {
        if self.classic.rejoin.is_some() || !matches!(self.classic.join, Join::Idle) {
            return;
        }
        let changes = reader.metadata().changes();
        if let Some(snapshot) = &self.classic.snapshot
            && self.classic.looked_at != changes
        {
            self.classic.looked_at = changes;
            let now = reader.metadata().partitions_with_racks(&self.classic.group_topics);
            if now != *snapshot {
                self.classic.want("cached metadata has changed");
            }
        }
        if self.classic.joined.as_ref().is_some_and(|joined| *joined != self.topics) {
            self.classic.want("subscription has changed");
        }
    }

    /// One step of a join; false if it has to wait for something.
    fn join_further(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) -> bool {
        if self.classic.retry_at > cx.now {
            self.sooner(self.classic.retry_at);
            return false;
        }
        match self.classic.join {
            Join::Idle => {
                // What the program commits while it gives partitions up is of the generation that told it to.
                if self.hosted.as_deref().is_some_and(|hosted| hosted.is_changing()) {
                    return false;
                }
                let pattern = matches!(self.subscribed, super::super::Subscribed::Pattern(_));
                if pattern && reader.metadata().changes() <= self.classic.fresh_after {
                    // What the pattern means is not known yet.
                    return false;
                }
                if self.classic.prepare && !self.prepare_join(cx, reader) {
                    return false;
                }
                self.classic.prepare = false;
                if !self.find(cx, reader) || !self.connected(cx) {
                    return false;
                }
                self.send_join(cx);
                false
            }
            Join::Electing { .. } => self.elect(cx, reader),
            Join::Joining | Join::Syncing => {
                let Some((asked, outcome)) = self.classic.arrived.take() else { return false };
                match asked {
                    Asked::Join(sent) => self.joined(cx, reader, &sent, outcome),
                    Asked::Sync(sent) => self.synced(cx, reader, &sent, outcome),
                    Asked::Heartbeat(_) | Asked::Leave => {}
                }
                true
            }
        }
    }

    /// Commits what was polled and gives up what must be; true when that is over.
    fn prepare_join(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) -> bool {
        let eager = self.classic.protocol == RebalanceProtocol::Eager;
        if self.classic.preparing.is_none() {
            let (change, going) = self.goes_before_join();
            if !self.agreed_to_give_up(reader, change, &going) {
                return false;
            }
            let deadline = cx.now + self.config.max_poll_interval;
            let mut commit = None;
            // librdkafka commits nothing that is lost; Java tries.
            let is_lost = self.hosted.is_some() && change == Change::Lost;
            if self.config.enable_auto_commit && !is_lost {
                if eager && !planted("fetch_while_revoking") {
                    // KAFKA-14196: what is fetched and polled until the commit is answered would not be committed.
                    for (partition, holding) in &mut self.assigned {
                        holding.revoking = true;
                        reader.pause(partition, true);
                    }
                }
                let offsets = self.consumed(reader);
                commit = self.commit(cx, offsets, "revoke", deadline);
            }
            self.classic.preparing = Some(Preparing { commit, deadline });
        }
        if let Some(Preparing { commit: Some(commit), deadline }) = self.classic.preparing
            && self.commits.is_open(commit)
        {
            if cx.now < deadline {
                self.send_commits(cx, reader);
                if self.commits.is_open(commit) {
                    self.sooner(deadline);
                    return false;
                }
            }
            self.commits.drop(commit);
        }
        self.classic.preparing = None;
        match self.goes_before_join() {
            (Change::Lost, _) => {
                let (was, lost) = (self.classic.was.clone(), self.classic.lost.clone());
                self.lose(cx, reader, was, lost);
            }
            (Change::Revoke | Change::Assign, given_up) => self.revoke(cx, reader, given_up),
        }
        (self.classic.snapshot, self.classic.group_topics) = (None, BTreeSet::new());
        true
    }

    /// What it has to give up before it joins, and how.
    fn goes_before_join(&self) -> (Change, Vec<TopicPartition>) {
        let eager = self.classic.protocol == RebalanceProtocol::Eager;
        let identity = self.identity();
        let lost = identity.epoch < 0 || identity.member.as_str().is_empty();
        let change = if lost { Change::Lost } else { Change::Revoke };
        let going = self
            .assigned
            .keys()
            .filter(|partition| lost || eager || !self.topics.contains(&partition.topic));
        (change, going.cloned().collect())
    }

    fn send_join(&mut self, cx: &mut Context<'_>) {
        let version = self.version(ApiKey::JoinGroup).unwrap_or(0);
        let owned: Vec<TopicPartition> = self.assigned.keys().cloned().collect();
        let protocols = self.classic.assignors.iter().map(|assignor| {
            let rack = self.config.client_rack.as_str();
            let said = self.classic.subscription(*assignor, &self.topics, owned.clone(), rack);
            JoinGroupRequestProtocol::default()
                .with_name(convert::text(assignor.name()))
                .with_metadata(subscription_bytes(&said))
        });
        let mut request = JoinGroupRequest::default()
            .with_group_id(convert::text(self.id.as_str()).into())
            .with_session_timeout_ms(millis(self.config.session_timeout))
            .with_member_id(convert::text(self.classic.generation.member.as_str()))
            .with_protocol_type(convert::text(CONSUMER))
            .with_protocols(protocols.collect());
        if version >= 1 {
            request = request.with_rebalance_timeout_ms(millis(self.config.max_poll_interval));
        }
        if version >= 5 {
            request = request.with_group_instance_id(self.group_instance().map(convert::text));
        }
        if version >= 8 {
            request = request.with_reason(Some(convert::text(self.classic.rejoin.unwrap_or(""))));
        }
        self.classic.joined = Some(self.topics.clone());
        self.classic.state = State::Preparing;
        self.classic.join = Join::Joining;
        self.classic.arrived = None;
        let patience = self.config.max_poll_interval + JOIN_LAPSE;
        let timeout = self.config.request_timeout.max(patience);
        let asked = Asked::Join(self.classic.generation.clone());
        self.tell(cx, RequestKind::JoinGroup(request), timeout, GroupAsked::Classic(asked));
    }

    fn joined(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
        sent: &Generation,
        outcome: Outcome,
    ) {
        let response = match outcome {
            Ok(ResponseKind::JoinGroup(response)) => response,
            Ok(_) => {
                return self.join_failed(
                    cx,
                    ApiKey::JoinGroup,
                    sent,
                    ErrorCode::UNKNOWN_SERVER_ERROR,
                );
            }
            Err(error) => {
                self.failed(cx, ApiKey::JoinGroup, error.word());
                return self.join_again(cx, true);
            }
        };
        let code = ErrorCode(response.error_code);
        if code == ErrorCode::MEMBER_ID_REQUIRED {
            // KIP-394: the coordinator counts it once it has asked with the id.
            let member = MemberId::from(response.member_id.as_str());
            self.classic.generation = Generation { member, ..Generation::none() };
            self.classic.want("need to re-join with the given member-id");
            self.classic.join = Join::Idle;
            return;
        }
        if !code.is_none() {
            return self.join_failed(cx, ApiKey::JoinGroup, sent, code);
        }
        if self.classic.state != State::Preparing {
            // It left the group while the answer was on its way.
            return self.join_again(cx, true);
        }
        let name = response.protocol_name.as_ref().map(|name| name.as_str());
        let wrong_type =
            response.protocol_type.as_ref().is_some_and(|kind| kind.as_str() != CONSUMER);
        let assignor = name.and_then(Assignor::named);
        let Some(assignor) = assignor.filter(|_| !wrong_type) else {
            let code = ErrorCode::INCONSISTENT_GROUP_PROTOCOL;
            return self.join_failed(cx, ApiKey::JoinGroup, sent, code);
        };
        self.classic.generation = Generation {
            id: response.generation_id,
            member: MemberId::from(response.member_id.as_str()),
            protocol: Some(assignor),
        };
        self.classic.state = State::Completing;
        self.classic.heartbeat.begin(cx.now, &self.config);
        if response.leader == response.member_id {
            self.lead(cx, reader, &response);
        } else {
            (self.classic.snapshot, self.classic.group_topics) = (None, BTreeSet::new());
            self.send_sync(cx, Vec::new());
        }
    }

    /// It assigns for the group, once the topics that the group reads are known.
    fn lead(&mut self, cx: &mut Context<'_>, reader: &mut Consumer, response: &JoinGroupResponse) {
        let Some(members) = members_of(response) else {
            let sent = self.classic.generation.clone();
            let code = ErrorCode::INCONSISTENT_GROUP_PROTOCOL;
            return self.join_failed(cx, ApiKey::JoinGroup, &sent, code);
        };
        let topics = members.values().flat_map(|member| member.subscription.topics.iter());
        self.classic.group_topics = topics.cloned().collect();
        let metadata = reader.metadata();
        for topic in &self.classic.group_topics {
            metadata.want(topic);
        }
        if response.skip_assignment {
            // A static leader that came back: the assignment stays, and it watches the topics again (KIP-814).
            let known = metadata.partitions_with_racks(&self.classic.group_topics);
            self.classic.snapshot = Some(known);
            return self.send_sync(cx, Vec::new());
        }
        self.classic.join = Join::Electing { members, since: metadata.changes() };
    }

    fn elect(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) -> bool {
        let (Join::Electing { members, since }, Some(assignor)) =
            (&self.classic.join, self.classic.generation.protocol)
        else {
            self.classic.join = Join::Idle;
            return true;
        };
        let metadata = reader.metadata();
        let known = metadata.partitions_with_racks(&self.classic.group_topics);
        if known.len() < self.classic.group_topics.len() && metadata.changes() == *since {
            return false;
        }
        let assignment = assignor.assign(&known, members);
        let assignments = assignment.iter().map(|(member, partitions)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(convert::text(member.as_str()))
                .with_assignment(assignment_bytes(partitions, None))
        });
        let assignments = assignments.collect();
        self.classic.snapshot = Some(known);
        if self.classic.state == State::Completing {
            self.send_sync(cx, assignments);
        } else {
            // Put out of the group meanwhile.
            self.join_again(cx, false);
        }
        true
    }

    fn send_sync(&mut self, cx: &mut Context<'_>, assignments: Vec<SyncGroupRequestAssignment>) {
        self.classic.join = Join::Syncing;
        let version = self.version(ApiKey::SyncGroup);
        let (Some(version), true) = (version, self.connected(cx)) else {
            // The coordinator went away in between.
            let asked = Asked::Sync(self.classic.generation.clone());
            let error = ErrorCode::COORDINATOR_NOT_AVAILABLE.0;
            let response = SyncGroupResponse::default().with_error_code(error);
            self.classic.arrived = Some((asked, Ok(ResponseKind::SyncGroup(response))));
            return;
        };
        let generation = self.classic.generation.clone();
        let mut request = SyncGroupRequest::default()
            .with_group_id(convert::text(self.id.as_str()).into())
            .with_generation_id(generation.id)
            .with_member_id(convert::text(generation.member.as_str()))
            .with_assignments(assignments);
        if version >= 3 {
            request = request.with_group_instance_id(self.group_instance().map(convert::text));
        }
        if version >= 5 {
            let name = generation.protocol.map(|assignor| convert::text(assignor.name()));
            request =
                request.with_protocol_type(Some(convert::text(CONSUMER))).with_protocol_name(name);
        }
        let timeout = self.config.request_timeout;
        let asked = GroupAsked::Classic(Asked::Sync(generation));
        self.tell(cx, RequestKind::SyncGroup(request), timeout, asked);
    }

    fn synced(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
        sent: &Generation,
        outcome: Outcome,
    ) {
        let response = match outcome {
            Ok(ResponseKind::SyncGroup(response)) => response,
            Ok(_) => {
                return self.join_failed(
                    cx,
                    ApiKey::SyncGroup,
                    sent,
                    ErrorCode::UNKNOWN_SERVER_ERROR,
                );
            }
            Err(error) => {
                self.failed(cx, ApiKey::SyncGroup, error.word());
                return self.join_again(cx, true);
            }
        };
        let code = ErrorCode(response.error_code);
        if !code.is_none() {
            return self.join_failed(cx, ApiKey::SyncGroup, sent, code);
        }
        if self.classic.generation != *sent || self.classic.state != State::Completing {
            // Heartbeats learnt meanwhile that this generation is over.
            return self.join_again(cx, false);
        }
        let ours = |name: &str| self.classic.generation.protocol.is_some_and(|p| p.name() == name);
        let inconsistent =
            response.protocol_type.as_ref().is_some_and(|kind| kind.as_str() != CONSUMER)
                || response.protocol_name.as_ref().is_some_and(|name| !ours(name));
        if inconsistent {
            let code = ErrorCode::INCONSISTENT_GROUP_PROTOCOL;
            return self.join_failed(cx, ApiKey::SyncGroup, sent, code);
        }
        self.classic.state = State::Stable;
        self.classic.rejoin = None;
        self.join_complete(cx, reader, &response.assignment);
    }

    /// The generation is complete: what it gained, and by the cooperative protocol what it has to give up.
    fn join_complete(&mut self, cx: &mut Context<'_>, reader: &mut Consumer, bytes: &Bytes) {
        self.classic.join = Join::Idle;
        self.classic.prepare = true;
        let Ok(assigned) = read_assignment(bytes) else {
            // Java throws at the next poll: an assignment that can't be read is the leader's mistake.
            return self.application.fail("malformed-assignment".into());
        };
        let assigned: BTreeSet<TopicPartition> = assigned.into_iter().collect();
        let pattern = matches!(self.subscribed, super::super::Subscribed::Pattern(_));
        if !pattern && assigned.iter().any(|partition| !self.topics.contains(&partition.topic)) {
            return self
                .classic
                .want("received assignment does not match the current subscription");
        }
        let mut waits = Vec::new();
        if self.classic.protocol == RebalanceProtocol::Cooperative {
            let owned = self.assigned.keys();
            let given_up: Vec<TopicPartition> =
                owned.filter(|partition| !assigned.contains(*partition)).cloned().collect();
            if !given_up.is_empty() {
                if self.hosted.is_some() {
                    waits = given_up;
                } else {
                    self.revoke(cx, reader, given_up);
                }
                self.classic.want("need to revoke partitions and re-join");
            }
        }
        if pattern {
            // The leader may have seen topics that match and that are not known here yet.
            for partition in &assigned {
                if self.topics.insert(partition.topic.clone()) {
                    reader.metadata().want(&partition.topic);
                }
            }
            self.classic.joined = Some(self.topics.clone());
        }
        let generation = self.classic.generation.id;
        self.classic.last = Some((assigned.iter().cloned().collect(), generation));
        self.commits.restart_timer(cx.now, &self.config);
        let owned: BTreeSet<TopicPartition> = self.assigned.keys().cloned().collect();
        let added = assigned.into_iter().filter(|partition| !owned.contains(partition));
        let added: Vec<TopicPartition> = added.collect();
        if let Some(hosted) = self.hosted.as_deref_mut() {
            self.again = true;
            return hosted.received(waits, added);
        }
        self.take_in(cx, added);
    }

    /// A join failed by an answer.
    fn join_failed(
        &mut self,
        cx: &mut Context<'_>,
        api: ApiKey,
        sent: &Generation,
        code: ErrorCode,
    ) {
        self.failed(cx, api, code.word());
        match code {
            ErrorCode::UNKNOWN_MEMBER_ID => {
                self.reset_by(sent, code);
                self.join_again(cx, false);
            }
            ErrorCode::ILLEGAL_GENERATION => {
                if api == ApiKey::SyncGroup {
                    self.reset_by(sent, code);
                }
                self.join_again(cx, false);
            }
            ErrorCode::REBALANCE_IN_PROGRESS => self.join_again(cx, false),
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => {
                self.coordinator_gone(cx, true);
                self.join_again(cx, true);
            }
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => self.join_again(cx, true),
            _ => {
                self.classic.join = Join::Idle;
                self.classic.rejoin = None;
                self.reset(code.word(), true);
                self.application.fail(code.word());
            }
        }
    }

    /// Joins again, at once or after `retry.backoff.ms`.
    fn join_again(&mut self, cx: &Context<'_>, later: bool) {
        self.classic.join = Join::Idle;
        if self.classic.rejoin.is_none() {
            self.classic.want("rebalance failed");
        }
        if later {
            self.classic.retry_at = cx.now + self.config.retry_backoff;
        }
    }
}

pub(super) fn millis(span: Span) -> i32 {
    i32::try_from(span.as_millis()).unwrap_or(i32::MAX)
}
