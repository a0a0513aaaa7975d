//! A broker's own life as the controller sees it: registration, heartbeats, fencing, controlled shutdown (KIP-631).
//!
//! ```text
//!   not-running ─► starting ─► recovery ─► running ─► pending-controlled-shutdown ─► shutting-down
//!                   registers,   opens its   unfenced,  asks to leave; the controller
//!                   catches up   logs        serves     moves leaders away first
//! ```
//!
//! *Flows in*: answers of the controller, the time, how far the metadata image is. *Flows out*: requests for the
//! controller, and the moments at which the process must do something. *Must never*: touch a replica, or say that it may
//! be unfenced before its logs are open.

use std::sync::Arc;

use klamm_controller::features;
use klamm_node::{
    BrokerEpoch, BrokerId, Context, DirectoryId, EventKind, IncarnationId, Offset, Span, Time,
    earliest,
};
use klamm_protocol::channel::RpcError;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::broker_registration_request::{
    BrokerRegistrationRequest, Feature, Listener,
};
use klamm_protocol::kafka::messages::{BrokerHeartbeatRequest, RequestKind, ResponseKind};

use crate::process::ProcessConfig;

/// Where a broker is in its life. Legal moves are to the right, one or more steps; the last may be reached from any.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BrokerState {
    /// Before its start.
    NotRunning,
    /// Registers, and replays the metadata log up to its own registration.
    Starting,
    /// Caught up; opens its logs and waits to be unfenced.
    Recovery,
    /// Serves clients.
    Running,
    /// Asked to leave; still serves.
    PendingControlledShutdown,
    /// Closes its logs.
    ShuttingDown,
}

impl BrokerState {
    /// The state's word in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotRunning => "not-running",
            Self::Starting => "starting",
            Self::Recovery => "recovery",
            Self::Running => "running",
            Self::PendingControlledShutdown => "pending-controlled-shutdown",
            Self::ShuttingDown => "shutting-down",
        }
    }
}

/// Which request of the lifecycle an answer belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LifecycleCall {
    /// BrokerRegistration.
    Registration,
    /// BrokerHeartbeat.
    Heartbeat,
}

/// What the lifecycle wants from its process.
#[derive(Clone, PartialEq, Debug)]
pub enum LifecycleOutput {
    /// Send this to the active controller.
    Send {
        /// The request.
        request: Box<RequestKind>,
        /// What to hand back with its answer.
        call: LifecycleCall,
        /// Until when the channel may try.
        deadline: Time,
    },
    /// The image has this broker's registration: open the logs, then call [`Lifecycle::logs_are_open`].
    CaughtUp,
    /// The broker may stop now.
    MayShutDown,
    /// The broker can't go on.
    Fatal(String),
}

/// A broker's lifecycle.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    config: Arc<ProcessConfig>,
    directory: DirectoryId,
    incarnation: IncarnationId,
    /// The epoch that the clean-shutdown marker of the last run names, or -1.
    previous_epoch: BrokerEpoch,
    state: BrokerState,
    epoch: Option<BrokerEpoch>,
    fenced: bool,
    ready_to_unfence: bool,
    in_flight: bool,
    /// The next communication is due at once, whatever the answer in flight says.
    hurry: bool,
    failures: u32,
    next: Option<Time>,
    registration_deadline: Option<Time>,
    shutdown_deadline: Option<Time>,
    shutdown_heard: bool,
}

/// How soon a starting broker asks again whether it has caught up. A constant in Kafka too.
const SOON_AT_THE_START: Span = Span::millis(10);

/// How long a broker waits for the controller's leave to stop. A constant in Kafka too.
const CONTROLLED_SHUTDOWN_MAX: Span = Span::secs(300);

impl Lifecycle {
    /// A broker that has not started.
    pub fn new(
        config: Arc<ProcessConfig>,
        directory: DirectoryId,
        incarnation: IncarnationId,
        previous_epoch: BrokerEpoch,
    ) -> Self {
        Self {
            config,
            directory,
            incarnation,
            previous_epoch,
            state: BrokerState::NotRunning,
            epoch: None,
            fenced: true,
            ready_to_unfence: false,
            in_flight: false,
            hurry: false,
            failures: 0,
            next: None,
            registration_deadline: None,
            shutdown_deadline: None,
            shutdown_heard: false,
        }
    }

    /// Begins to register.
    pub fn start(&mut self, cx: &mut Context<'_>) {
        self.enter(cx, BrokerState::Starting);
        self.next = Some(cx.now);
        let patience = self.config.settings.initial_broker_registration_timeout;
        self.registration_deadline = Some(cx.now + patience);
    }

    /// The state.
    pub fn state(&self) -> BrokerState {
        self.state
    }

    /// The epoch of the registration, once there is one (KIP-380).
    pub fn epoch(&self) -> Option<BrokerEpoch> {
        self.epoch
    }

    /// Whether the controller said so in its last answer.
    pub fn fenced(&self) -> bool {
        self.fenced
    }

    /// The logs are open: from now on the broker wants to be unfenced.
    pub fn logs_are_open(&mut self, cx: &Context<'_>) {
        self.ready_to_unfence = true;
        self.at_once(cx.now);
    }

    /// Asks for an orderly stop. A broker that does not serve yet, or need not move its leaders, may stop at once.
    pub fn begin_shutdown(&mut self, cx: &mut Context<'_>, out: &mut Vec<LifecycleOutput>) {
        match self.state {
            BrokerState::Running if self.config.settings.controlled_shutdown_enable => {
                self.enter(cx, BrokerState::PendingControlledShutdown);
                self.shutdown_deadline = Some(cx.now + CONTROLLED_SHUTDOWN_MAX);
                self.at_once(cx.now);
            }
            BrokerState::PendingControlledShutdown | BrokerState::ShuttingDown => {}
            BrokerState::NotRunning
            | BrokerState::Starting
            | BrokerState::Recovery
            | BrokerState::Running => self.shut_down(cx, out),
        }
    }

    /// When [`Self::handle_timers`] wants to be called, and why.
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let communicate = self.next.filter(|_| !self.in_flight).map(|at| {
            let why = if self.epoch.is_none() { "broker-registration" } else { "broker-heartbeat" };
            (at, why)
        });
        let register = self.registration_deadline.map(|at| (at, "initial-registration-timeout"));
        let stop = self.shutdown_deadline.map(|at| (at, "controlled-shutdown-timeout"));
        earliest(&[communicate, register, stop])
    }

    /// Registers or sends a heartbeat if that is due. `applied` is the offset of the broker's metadata image.
    pub fn handle_timers(
        &mut self,
        cx: &mut Context<'_>,
        applied: Offset,
        out: &mut Vec<LifecycleOutput>,
    ) {
        if self.state == BrokerState::ShuttingDown {
            return;
        }
        if self.registration_deadline.is_some_and(|at| at <= cx.now) {
            self.registration_deadline = None;
            let reason = "unable to register with the controller quorum in time";
            return out.push(LifecycleOutput::Fatal(reason.to_owned()));
        }
        if self.shutdown_deadline.is_some_and(|at| at <= cx.now) {
            return self.shut_down(cx, out);
        }
        if self.in_flight || self.next.is_none_or(|at| at > cx.now) {
            return;
        }
        self.next = None;
        self.in_flight = true;
        // KAFKA-14392: the channel tries for half a session at most, so that a broker does not miss its session because one
        // request hangs.
        let half_a_session = Span(self.config.settings.broker_session_timeout.0 / 2);
        let deadline = cx.now + half_a_session;
        let (request, call) = match self.epoch {
            None => (self.registration(), LifecycleCall::Registration),
            Some(epoch) => (self.heartbeat(epoch, applied), LifecycleCall::Heartbeat),
        };
        out.push(LifecycleOutput::Send { request: Box::new(request), call, deadline });
    }

    /// Takes an answer of the controller.
    pub fn handle_answer(
        &mut self,
        cx: &mut Context<'_>,
        call: LifecycleCall,
        outcome: Result<ResponseKind, RpcError>,
        out: &mut Vec<LifecycleOutput>,
    ) {
        self.in_flight = false;
        if self.state == BrokerState::ShuttingDown {
            return;
        }
        match (call, outcome) {
            (LifecycleCall::Registration, Ok(ResponseKind::BrokerRegistration(response)))
                if response.error_code == 0 =>
            {
                self.failures = 0;
                self.epoch = Some(BrokerEpoch(response.broker_epoch));
                self.registration_deadline = None;
                self.schedule(cx.now, Span::ZERO);
            }
            (LifecycleCall::Heartbeat, Ok(ResponseKind::BrokerHeartbeat(response)))
                if response.error_code == 0 =>
            {
                self.failures = 0;
                self.fenced = response.is_fenced;
                self.heard(cx, response.is_caught_up, response.should_shut_down, out);
            }
            // Any other refusal, a stale broker epoch (77) among them: try again later, as Kafka does. A broker whose id was
            // taken over, or whose registration was taken away, stays out for good that way.
            _ => self.failed(cx.now),
        }
    }

    fn heard(
        &mut self,
        cx: &mut Context<'_>,
        caught_up: bool,
        may_stop: bool,
        out: &mut Vec<LifecycleOutput>,
    ) {
        let interval = self.config.settings.broker_heartbeat_interval;
        match self.state {
            BrokerState::Starting => {
                if caught_up {
                    self.enter(cx, BrokerState::Recovery);
                    out.push(LifecycleOutput::CaughtUp);
                }
                // Soon, in either case: the metadata may be a moment away, and there may be nothing to recover.
                self.schedule(cx.now, SOON_AT_THE_START);
            }
            BrokerState::Recovery if !self.fenced => {
                self.enter(cx, BrokerState::Running);
                self.schedule(cx.now, interval);
            }
            BrokerState::PendingControlledShutdown if may_stop => self.shut_down(cx, out),
            BrokerState::PendingControlledShutdown if !self.shutdown_heard => {
                // Where the leaders can move quickly, ask again a little sooner than usual.
                self.shutdown_heard = true;
                self.schedule(cx.now, Span::millis(50));
            }
            BrokerState::NotRunning
            | BrokerState::Recovery
            | BrokerState::Running
            | BrokerState::PendingControlledShutdown
            | BrokerState::ShuttingDown => self.schedule(cx.now, interval),
        }
    }

    fn shut_down(&mut self, cx: &mut Context<'_>, out: &mut Vec<LifecycleOutput>) {
        self.enter(cx, BrokerState::ShuttingDown);
        self.next = None;
        self.registration_deadline = None;
        self.shutdown_deadline = None;
        out.push(LifecycleOutput::MayShutDown);
    }

    fn enter(&mut self, cx: &mut Context<'_>, state: BrokerState) {
        debug_assert!(self.state < state, "{:?} can't become {state:?}", self.state);
        let (from, to) = (self.state.name().into(), state.name().into());
        self.state = state;
        cx.observe(EventKind::BrokerStateChanged { from, to });
    }

    fn at_once(&mut self, now: Time) {
        self.hurry = self.in_flight;
        self.next = Some(now);
    }

    fn schedule(&mut self, now: Time, after: Span) {
        let after = if std::mem::take(&mut self.hurry) { Span::ZERO } else { after };
        self.next = Some(now + after);
    }

    /// 100 ms, doubled with every failure up to the heartbeat interval; never at once, whatever hurry there was.
    ///
    /// Simplified: without Kafka's jitter of 2 %.
    fn failed(&mut self, now: Time) {
        self.hurry = false;
        let backoff = Span::millis(100).times(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.schedule(now, backoff.min(self.config.settings.broker_heartbeat_interval));
    }

    fn registration(&self) -> RequestKind {
        let at = self.config.advertised();
        let listener = Listener::default()
            .with_name(convert::text(crate::LISTENER_NAME))
            .with_host(convert::text(&at.host))
            .with_port(at.port)
            .with_security_protocol(0);
        let features = features::supported().into_iter().map(|feature| {
            Feature::default()
                .with_name(convert::text(&feature.name))
                .with_min_supported_version(feature.min_supported_version)
                .with_max_supported_version(feature.max_supported_version)
        });
        RequestKind::BrokerRegistration(
            BrokerRegistrationRequest::default()
                .with_broker_id(wire_id(self.config.id))
                .with_cluster_id(convert::text(&self.config.cluster_id))
                .with_incarnation_id(convert::incarnation_uuid(self.incarnation))
                .with_listeners(vec![listener])
                .with_features(features.collect())
                .with_rack(self.config.rack.as_deref().map(convert::text))
                .with_log_dirs(vec![convert::directory_uuid(self.directory)])
                .with_previous_broker_epoch(self.previous_epoch.0),
        )
    }

    fn heartbeat(&self, epoch: BrokerEpoch, applied: Offset) -> RequestKind {
        RequestKind::BrokerHeartbeat(
            BrokerHeartbeatRequest::default()
                .with_broker_id(wire_id(self.config.id))
                .with_broker_epoch(epoch.0)
                .with_current_metadata_offset(applied.0)
                .with_want_fence(!self.ready_to_unfence)
                .with_want_shut_down(self.state == BrokerState::PendingControlledShutdown),
        )
    }
}

fn wire_id(id: BrokerId) -> klamm_protocol::kafka::messages::BrokerId {
    klamm_protocol::kafka::messages::BrokerId(id.0)
}

#[cfg(test)]
mod tests;
