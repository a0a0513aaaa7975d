//! Heartbeats, what they learn, and leaving: what Java's heartbeat thread does, as timers.

use klamm_node::config::ConsumerConfig;
use klamm_node::{Context, EventKind, Time};
use klamm_protocol::kafka::messages::leave_group_request::MemberIdentity;
use klamm_protocol::kafka::messages::{
    ApiKey, HeartbeatRequest, LeaveGroupRequest, RequestKind, ResponseKind,
};
use klamm_protocol::{ErrorCode, convert};

use super::{Asked, Generation, Join, Outcome, State};
use crate::consumer::Consumer;
use crate::group::{Asked as GroupAsked, Group};

/// When the next heartbeat is due, and by when one must have been answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Heartbeat {
    due: Time,
    session_ends: Time,
}

impl Heartbeat {
    /// It joined: all begins anew.
    pub(super) fn begin(&mut self, now: Time, config: &ConsumerConfig) {
        self.due = now + config.heartbeat_interval;
        self.session_ends = now + config.session_timeout;
    }

    pub(super) fn coordinator_found(&mut self, now: Time, config: &ConsumerConfig) {
        self.session_ends = now + config.session_timeout;
    }
}

impl Group {
    /// Heartbeats that are due, and the two timeouts: of the session, and between two polls.
    pub(in crate::group) fn heartbeat_classic(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
    ) {
        if !self.classic.is_member() {
            return;
        }
        // As Java's thread looks: for a coordinator, at the session, at the application, at the clock.
        if !self.find(cx, reader) {
            return self.wake_for_poll_interval(cx);
        }
        if self.classic.heartbeat.session_ends <= cx.now {
            self.coordinator_gone(cx, true);
            return;
        }
        if self.poll_interval_ends().is_some_and(|at| at <= cx.now) {
            return self.poll_interval_exceeded(cx);
        }
        if self.classic.heartbeat.due <= cx.now && self.connected(cx) {
            self.classic.heartbeat.due = cx.now + self.config.heartbeat_interval;
            self.send_heartbeat(cx);
        }
        let Some(due) = Some(self.classic.heartbeat.due).filter(|due| *due > cx.now) else {
            // There is no connection yet.
            return self.wake_for_poll_interval(cx);
        };
        self.sooner(due);
        self.sooner(self.classic.heartbeat.session_ends);
        self.wake_for_poll_interval(cx);
    }

    fn wake_for_poll_interval(&mut self, cx: &Context<'_>) {
        if let Some(at) = self.poll_interval_ends()
            && at > cx.now
        {
            self.sooner(at);
        }
    }

    /// When the application has to have polled; none while it polls.
    pub(in crate::group) fn poll_interval_ends(&self) -> Option<Time> {
        let last = self.busy_since()?;
        Some(last + self.config.max_poll_interval)
    }

    /// KIP-62: the application takes too long between two polls. It leaves, and the next poll finds everything lost.
    fn poll_interval_exceeded(&mut self, cx: &mut Context<'_>) {
        let group = self.id.clone();
        let member = self.identity().member;
        cx.observe(EventKind::PollIntervalExceeded { group, member });
        self.told.member = "".into();
        if self.group_instance().is_none() {
            self.send_leave(cx, "consumer poll timeout has expired.");
        }
        if let Some(hosted) = self.hosted.as_deref_mut() {
            hosted.poll_interval_exceeded();
        }
        self.reset("poll-interval".into(), true);
    }

    fn send_heartbeat(&mut self, cx: &mut Context<'_>) {
        let version = self.version(ApiKey::Heartbeat).unwrap_or(0);
        let generation = self.classic.generation.clone();
        let mut request = HeartbeatRequest::default()
            .with_group_id(convert::text(self.id.as_str()).into())
            .with_generation_id(generation.id)
            .with_member_id(convert::text(generation.member.as_str()));
        if version >= 3 {
            request = request.with_group_instance_id(self.group_instance().map(convert::text));
        }
        let timeout = self.config.request_timeout;
        let asked = GroupAsked::Classic(Asked::Heartbeat(generation));
        self.tell(cx, RequestKind::Heartbeat(request), timeout, asked);
    }

    pub(super) fn heartbeat_answered(
        &mut self,
        cx: &mut Context<'_>,
        sent: &Generation,
        outcome: Outcome,
    ) {
        let response = match outcome {
            Ok(ResponseKind::Heartbeat(response)) => response,
            Ok(_) => return self.heartbeat_failed(cx, ErrorCode::UNKNOWN_SERVER_ERROR),
            Err(error) => {
                self.failed(cx, ApiKey::Heartbeat, error.word());
                self.classic.heartbeat.due = cx.now + self.config.retry_backoff;
                return;
            }
        };
        let code = ErrorCode(response.error_code);
        match code {
            ErrorCode::NONE => {
                self.classic.heartbeat.session_ends = cx.now + self.config.session_timeout;
            }
            ErrorCode::REBALANCE_IN_PROGRESS => {
                // Its session goes on for as long as the rebalance may take.
                self.classic.heartbeat.session_ends = cx.now + self.config.session_timeout;
                if self.classic.state == State::Stable {
                    if self.classic.rejoin.is_none() {
                        self.failed(cx, ApiKey::Heartbeat, code.word());
                    }
                    self.classic.want("group is already rebalancing");
                }
            }
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => {
                self.heartbeat_failed(cx, code);
                self.coordinator_gone(cx, true);
            }
            ErrorCode::ILLEGAL_GENERATION
            | ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::FENCED_INSTANCE_ID => {
                if self.classic.generation != *sent {
                    return;
                }
                self.heartbeat_failed(cx, code);
                self.reset_by(sent, code);
                if code == ErrorCode::FENCED_INSTANCE_ID && !self.zombie {
                    // Another process has its name: there is nothing to come back for.
                    self.application.fail(code.word());
                }
            }
            _ => {
                self.heartbeat_failed(cx, code);
                if !code.retriable() {
                    self.application.fail(code.word());
                }
            }
        }
    }

    fn heartbeat_failed(&mut self, cx: &mut Context<'_>, code: ErrorCode) {
        self.failed(cx, ApiKey::Heartbeat, code.word());
        self.classic.heartbeat.due = cx.now + self.config.retry_backoff;
    }

    /// Tells the coordinator that it goes. Whether that arrives it does not care.
    pub(in crate::group) fn send_leave(
        &mut self,
        cx: &mut Context<'_>,
        reason: &'static str,
    ) -> bool {
        let member = self.classic.generation.member.clone();
        if member.as_str().is_empty() || self.classic.state == State::Unjoined {
            return false;
        }
        let Some(version) = self.version(ApiKey::LeaveGroup).filter(|_| self.connected(cx)) else {
            return false;
        };
        let member = convert::text(member.as_str());
        let mut request =
            LeaveGroupRequest::default().with_group_id(convert::text(self.id.as_str()).into());
        if version >= 3 {
            let mut identity = MemberIdentity::default().with_member_id(member);
            if version >= 5 {
                identity = identity.with_reason(Some(convert::text(reason)));
            }
            request = request.with_members(vec![identity]);
        } else {
            request = request.with_member_id(member);
        }
        let timeout = self.config.request_timeout;
        self.tell(cx, RequestKind::LeaveGroup(request), timeout, GroupAsked::Classic(Asked::Leave));
        true
    }

    pub(super) fn left(&mut self, cx: &mut Context<'_>, outcome: Outcome) {
        let code = match outcome {
            Ok(ResponseKind::LeaveGroup(response)) => {
                let of_member = response.members.iter().map(|member| member.error_code);
                let codes = std::iter::once(response.error_code).chain(of_member);
                ErrorCode(codes.into_iter().find(|code| *code != 0).unwrap_or(0)).word()
            }
            Ok(_) => ErrorCode::UNKNOWN_SERVER_ERROR.word(),
            Err(error) => error.word(),
        };
        if code != ErrorCode::NONE.word() {
            self.failed(cx, ApiKey::LeaveGroup, code);
        }
        self.application.left();
    }

    /// It is out of the group as far as it is concerned, and does not want back.
    pub(in crate::group) fn end_membership(&mut self) {
        self.reset("left".into(), true);
        self.classic.rejoin = None;
        self.classic.join = Join::Idle;
        self.classic.joined = None;
        self.classic.snapshot = None;
    }
}
