//! ConsumerGroupHeartbeat: what it says, and what its answers mean.

use std::collections::BTreeSet;

use klamm_node::{Context, EventKind, Span, TopicName};
use klamm_protocol::kafka::messages::consumer_group_heartbeat_request::TopicPartitions;
use klamm_protocol::kafka::messages::consumer_group_heartbeat_response::Assignment;
use klamm_protocol::kafka::messages::{
    ApiKey, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, RequestKind,
    ResponseKind,
};
use klamm_protocol::{ErrorCode, RpcError, convert};

use super::{Asked, ById, State};
use crate::consumer::Consumer;
use crate::group::subscription::Subscribed;
use crate::group::{Asked as GroupAsked, Group};

/// The member epochs by which a member says that it goes: for good, or as a static one that will be back.
const LEAVE: i32 = -1;
const LEAVE_STATIC: i32 = -2;

impl Group {
    /// Heartbeats that are due, and the timeout between two polls.
    pub(in crate::group) fn heartbeat_modern(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
    ) {
        match self.modern.state {
            State::Unsubscribed | State::Fenced | State::Stale | State::Undead => return,
            State::Joining | State::Reconciling | State::Acknowledging | State::Stable => {}
        }
        if let Some(at) = self.poll_interval_ends().filter(|_| self.modern.is_member()) {
            if at <= cx.now {
                return self.poll_interval_exceeded_modern(cx);
            }
            self.sooner(at);
        }
        if self.modern.in_flight || !self.find(cx, reader) {
            return;
        }
        // What it has by now is said at once.
        if self.modern.due > cx.now && self.modern.state != State::Acknowledging {
            return self.sooner(self.modern.due);
        }
        if !self.connected(cx) {
            return;
        }
        self.send_modern(cx, reader);
    }

    fn poll_interval_exceeded_modern(&mut self, cx: &mut Context<'_>) {
        let group = self.id.clone();
        let member = self.modern.member.clone();
        cx.observe(EventKind::PollIntervalExceeded { group, member });
        self.told.member = "".into();
        self.send_leave_modern(cx, self.group_instance().is_some());
        if let Some(hosted) = self.hosted.as_deref_mut() {
            hosted.poll_interval_exceeded();
        }
        self.fence("poll-interval".into(), State::Stale);
    }

    fn request(&self) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(convert::text(self.id.as_str()).into())
            .with_member_id(convert::text(self.modern.member.as_str()))
            .with_member_epoch(self.modern.epoch)
            .with_instance_id(self.group_instance().map(convert::text))
    }

    fn send_modern(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        let version = self.version(ApiKey::ConsumerGroupHeartbeat).unwrap_or(0);
        let all = self.modern.state == State::Joining || !self.modern.told.all;
        let mut request = self.request();
        if all {
            let patience = i32::try_from(self.config.max_poll_interval.as_millis());
            request = request.with_rebalance_timeout_ms(patience.unwrap_or(i32::MAX));
            let rack = Some(&self.config.client_rack).filter(|rack| !rack.is_empty());
            request = request.with_rack_id(rack.map(|rack| convert::text(rack)));
            let assignor = Some(&self.config.group_remote_assignor).filter(|name| !name.is_empty());
            request = request.with_server_assignor(assignor.map(|name| convert::text(name)));
        }
        let names = |topics: &BTreeSet<TopicName>| {
            topics.iter().map(|topic| convert::topic(topic)).collect::<Vec<_>>()
        };
        match &self.subscribed {
            Subscribed::Names(topics) => {
                if all || self.modern.told.topics.as_ref() != Some(topics) {
                    request = request.with_subscribed_topic_names(Some(names(topics)));
                }
                if self.modern.told.pattern.is_some() && version >= 1 {
                    request = request.with_subscribed_topic_regex(Some(convert::text("")));
                }
                self.modern.told.topics = Some(topics.clone());
                self.modern.told.pattern = None;
            }
            Subscribed::Pattern(pattern) if version >= 1 => {
                if all || self.modern.told.pattern.as_ref() != Some(pattern) {
                    request = request.with_subscribed_topic_regex(Some(convert::text(pattern)));
                }
                if all || self.modern.told.topics.as_ref().is_some_and(|names| !names.is_empty()) {
                    request = request.with_subscribed_topic_names(Some(Vec::new()));
                }
                self.modern.told.topics = Some(BTreeSet::new());
                self.modern.told.pattern = Some(pattern.clone());
            }
            Subscribed::Pattern(_) => {
                // A coordinator that knows no patterns: Java's client does not go on either.
                return self.application.fail(ErrorCode::UNSUPPORTED_VERSION.word());
            }
            Subscribed::Nothing => {}
        }
        let owned = self.owned_by_id(reader);
        if self.modern.state == State::Joining {
            request = request.with_topic_partitions(Some(Vec::new()));
        } else if all || self.modern.told.partitions.as_ref() != Some(&owned) {
            request = request.with_topic_partitions(Some(wire(&owned)));
        }
        self.modern.told.partitions = Some(owned);
        self.modern.told.all = true;
        self.modern.in_flight = true;
        self.modern.due = cx.now + self.modern.interval;
        if self.modern.state == State::Acknowledging {
            self.modern.state =
                if self.is_reconciled(reader) { State::Stable } else { State::Reconciling };
        }
        let request = RequestKind::ConsumerGroupHeartbeat(request);
        let timeout = self.config.request_timeout;
        self.tell(cx, request, timeout, GroupAsked::Modern(Asked::Heartbeat));
    }

    /// Tells the coordinator that it goes: for good, or as a static member that may be back.
    pub(in crate::group) fn send_leave_modern(
        &mut self,
        cx: &mut Context<'_>,
        comes_back: bool,
    ) -> bool {
        if !self.modern.is_member() || !self.connected(cx) {
            return false;
        }
        let epoch = if comes_back { LEAVE_STATIC } else { LEAVE };
        let request = self.request().with_member_epoch(epoch);
        let request = RequestKind::ConsumerGroupHeartbeat(request);
        let timeout = self.config.request_timeout;
        self.tell(cx, request, timeout, GroupAsked::Modern(Asked::Leave));
        true
    }

    pub(in crate::group) fn modern_answered(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
        asked: Asked,
        outcome: Result<ResponseKind, RpcError>,
    ) {
        self.again = true;
        if asked == Asked::Leave {
            return self.application.left();
        }
        self.modern.in_flight = false;
        let response = match outcome {
            Ok(ResponseKind::ConsumerGroupHeartbeat(response)) => response,
            Ok(_) => return self.modern_failed(cx, ErrorCode::UNKNOWN_SERVER_ERROR),
            Err(RpcError::UnsupportedVersion) => {
                return self.modern_failed(cx, ErrorCode::UNSUPPORTED_VERSION);
            }
            Err(error) => {
                self.failed(cx, ApiKey::ConsumerGroupHeartbeat, error.word());
                // Whether it was heard is not known: the next one says everything.
                self.modern.told = super::Told::default();
                return self.modern_backs_off(cx);
            }
        };
        let code = ErrorCode(response.error_code);
        if code.is_none() {
            return self.heard(cx, reader, &response);
        }
        self.modern.told = super::Told::default();
        self.modern_failed(cx, code);
    }

    fn heard(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
        response: &ConsumerGroupHeartbeatResponse,
    ) {
        self.modern.failures = 0;
        self.modern.interval = Span::from_wire_millis(response.heartbeat_interval_ms.into());
        match self.modern.state {
            // It left or was put out while the answer was on its way.
            State::Unsubscribed | State::Fenced | State::Stale | State::Undead => return,
            State::Joining | State::Reconciling | State::Acknowledging | State::Stable => {}
        }
        if self.modern.due <= cx.now {
            // The first answer says how often.
            self.modern.due = cx.now + self.modern.interval;
        }
        let joins = self.modern.state == State::Joining;
        let news = self.modern.epoch != response.member_epoch;
        self.modern.epoch = response.member_epoch;
        if let Some(assignment) = &response.assignment {
            self.modern.target = Some(by_id(assignment));
            if self.is_reconciled(reader) {
                self.modern.state = State::Stable;
                self.keep_after_all(reader);
            } else {
                // What is being given up is given up; then it looks at what it is to have by now.
                self.modern.state = State::Reconciling;
                return;
            }
        }
        if !news || self.modern.state != State::Stable {
            return;
        }
        if joins {
            // The first assignment is taken in even if there is nothing in it.
            self.take_in(cx, Vec::new());
        } else {
            self.epoch_moved(cx);
        }
    }

    fn modern_backs_off(&mut self, cx: &mut Context<'_>) {
        self.modern.due = self.backoff.until(cx, self.modern.failures);
        self.modern.failures = self.modern.failures.saturating_add(1);
    }

    fn modern_failed(&mut self, cx: &mut Context<'_>, code: ErrorCode) {
        self.failed(cx, ApiKey::ConsumerGroupHeartbeat, code.word());
        match code {
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                self.coordinator_gone(cx, true);
                self.modern.due = cx.now;
            }
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => self.modern_backs_off(cx),
            ErrorCode::FENCED_MEMBER_EPOCH | ErrorCode::UNKNOWN_MEMBER_ID => {
                self.fence(code.word(), State::Fenced);
                self.modern.due = cx.now;
            }
            // UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID, UNSUPPORTED_ASSIGNOR, GROUP_MAX_SIZE_REACHED,
            // INVALID_REGULAR_EXPRESSION and whatever else: Java's member is in a fatal state.
            _ if self.zombie && self.modern.is_member() => self.fence(code.word(), State::Fenced),
            _ => {
                self.fence(code.word(), State::Unsubscribed);
                self.application.fail(code.word());
            }
        }
    }
}

fn by_id(assignment: &Assignment) -> ById {
    let mut target = ById::new();
    for topic in &assignment.topic_partitions {
        let partitions = target.entry(convert::topic_id(topic.topic_id)).or_default();
        partitions.extend(topic.partitions.iter().copied());
    }
    target.retain(|_, partitions| !partitions.is_empty());
    target
}

fn wire(partitions: &ById) -> Vec<TopicPartitions> {
    let topic = |(id, partitions): (&klamm_node::TopicId, &BTreeSet<i32>)| {
        TopicPartitions::default()
            .with_topic_id(convert::topic_uuid(*id))
            .with_partitions(partitions.iter().copied().collect())
    };
    partitions.iter().map(topic).collect()
}
