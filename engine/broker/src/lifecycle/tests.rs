//! The lifecycle against a controller that is played by hand.

use std::collections::BTreeMap;

use klamm_node::disk::MemoryDisk;
use klamm_node::{CloseReason, Effects, Output, Seq, Streams, Timestamp};
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::{BrokerHeartbeatResponse, BrokerRegistrationResponse};

use super::*;
use crate::process::Roles;

struct Bench {
    lifecycle: Lifecycle,
    disk: MemoryDisk,
    rng: Streams,
    out: Effects,
    now: Time,
    said: Vec<LifecycleOutput>,
}

impl Bench {
    fn started() -> Self {
        let config = ProcessConfig::new(BrokerId(1), Roles::BROKER, "broker-1", BTreeMap::new());
        let mut bench = Self {
            lifecycle: Lifecycle::new(
                Arc::new(config),
                DirectoryId(1 << 70),
                IncarnationId(7),
                BrokerEpoch(-1),
            ),
            disk: MemoryDisk::default(),
            rng: Streams::new(1, 1),
            out: Effects::default(),
            now: Time::ZERO,
            said: Vec::new(),
        };
        bench.with(|lifecycle, cx, _| lifecycle.start(cx));
        bench
    }

    fn with(
        &mut self,
        call: impl FnOnce(&mut Lifecycle, &mut Context<'_>, &mut Vec<LifecycleOutput>),
    ) {
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(0),
            input_seq: Seq(0),
            disk: &mut self.disk,
            rng: &mut self.rng,
            out: &mut self.out,
        };
        call(&mut self.lifecycle, &mut cx, &mut self.said);
    }

    /// Lets the next deadline come and returns what the broker says then.
    fn wait(&mut self) -> (Span, Vec<LifecycleOutput>) {
        let before = self.now;
        let (at, _) = self.lifecycle.next_deadline().expect("something to wait for");
        self.now = self.now.max(at);
        self.with(|lifecycle, cx, out| lifecycle.handle_timers(cx, Offset(5), out));
        (self.now.since(before), std::mem::take(&mut self.said))
    }

    fn asks(&mut self) -> (Span, LifecycleCall) {
        let (waited, said) = self.wait();
        let [LifecycleOutput::Send { call, .. }] = said[..] else { panic!("a request: {said:?}") };
        (waited, call)
    }

    fn heartbeat(&mut self) -> BrokerHeartbeatRequest {
        let (_, said) = self.wait();
        let [LifecycleOutput::Send { request, .. }] = &said[..] else { panic!("{said:?}") };
        let RequestKind::BrokerHeartbeat(request) = &**request else { panic!("a heartbeat") };
        request.clone()
    }

    fn registered(&mut self, error: ErrorCode) {
        let response = BrokerRegistrationResponse::default()
            .with_error_code(error.0)
            .with_broker_epoch(if error.is_none() { 3 } else { -1 });
        self.answer(LifecycleCall::Registration, Ok(response.into()));
    }

    fn heard(&mut self, error: ErrorCode, caught_up: bool, fenced: bool, stop: bool) {
        let response = BrokerHeartbeatResponse::default()
            .with_error_code(error.0)
            .with_is_caught_up(caught_up)
            .with_is_fenced(fenced)
            .with_should_shut_down(stop);
        self.answer(LifecycleCall::Heartbeat, Ok(response.into()));
    }

    fn answer(&mut self, call: LifecycleCall, outcome: Result<ResponseKind, RpcError>) {
        self.with(|lifecycle, cx, out| lifecycle.handle_answer(cx, call, outcome, out));
    }

    /// A broker that serves.
    fn running() -> Self {
        let mut bench = Self::started();
        bench.asks();
        bench.registered(ErrorCode::NONE);
        bench.asks();
        bench.heard(ErrorCode::NONE, true, true, false);
        assert_eq!(std::mem::take(&mut bench.said), [LifecycleOutput::CaughtUp]);
        bench.with(|lifecycle, cx, _| lifecycle.logs_are_open(cx));
        assert!(!bench.heartbeat().want_fence);
        bench.heard(ErrorCode::NONE, true, false, false);
        assert_eq!(bench.lifecycle.state(), BrokerState::Running);
        bench
    }

    fn states(&self) -> String {
        let states = self.out.items.iter().filter_map(|item| match item {
            Output::Observed(EventKind::BrokerStateChanged { to, .. }, _) => Some(to.to_string()),
            Output::Observed(..) | Output::Effect(..) => None,
        });
        states.collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn a_broker_registers_catches_up_opens_its_logs_and_is_unfenced() {
    let mut bench = Bench::running();
    assert_eq!(bench.states(), "starting recovery running");
    let (waited, call) = bench.asks();
    assert_eq!((waited, call), (Span::secs(2), LifecycleCall::Heartbeat));
}

#[test]
fn a_broker_wants_to_stay_fenced_until_its_logs_are_open() {
    let mut bench = Bench::started();
    bench.asks();
    bench.registered(ErrorCode::NONE);
    let heartbeat = bench.heartbeat();
    assert!(heartbeat.want_fence && !heartbeat.want_shut_down);
    assert_eq!((heartbeat.broker_epoch, heartbeat.current_metadata_offset), (3, 5));
}

#[test]
fn a_refused_registration_is_tried_again_with_growing_patience_and_given_up_after_a_minute() {
    let mut bench = Bench::started();
    let mut waits = Vec::new();
    let reason = loop {
        let (waited, said) = bench.wait();
        waits.push(waited.as_millis());
        match &said[..] {
            [LifecycleOutput::Send { call: LifecycleCall::Registration, .. }] => {
                bench.registered(ErrorCode::DUPLICATE_BROKER_REGISTRATION);
            }
            [LifecycleOutput::Fatal(reason)] => break reason.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(waits[..7], [0, 100, 200, 400, 800, 1600, 2000]);
    assert_eq!(bench.now, Time::ZERO + Span::secs(60));
    assert_eq!(reason, "unable to register with the controller quorum in time");
}

#[test]
fn a_stale_broker_epoch_is_answered_with_patience_not_with_another_registration() {
    let mut bench = Bench::running();
    bench.asks();
    bench.heard(ErrorCode::STALE_BROKER_EPOCH, false, true, false);
    assert_eq!(bench.asks(), (Span::millis(100), LifecycleCall::Heartbeat));
    bench.answer(LifecycleCall::Heartbeat, Err(RpcError::Disconnected(CloseReason::Refused)));
    assert_eq!(bench.asks(), (Span::millis(200), LifecycleCall::Heartbeat));
}

#[test]
fn a_starting_broker_asks_every_ten_milliseconds_whether_it_has_caught_up() {
    let mut bench = Bench::started();
    bench.asks();
    bench.registered(ErrorCode::NONE);
    bench.asks();
    for _ in 0..3 {
        bench.heard(ErrorCode::NONE, false, true, false);
        assert_eq!(bench.asks(), (Span::millis(10), LifecycleCall::Heartbeat));
    }
    assert_eq!(bench.states(), "starting");
}

#[test]
fn a_failure_is_never_followed_up_at_once() {
    let mut bench = Bench::running();
    bench.asks();
    // A stop is asked for while a heartbeat is on its way, and that heartbeat fails.
    bench.with(|lifecycle, cx, out| lifecycle.begin_shutdown(cx, out));
    bench.answer(LifecycleCall::Heartbeat, Err(RpcError::Timeout));
    assert_eq!(bench.asks().0, Span::millis(100));
}

#[test]
fn a_broker_shows_the_epoch_of_its_last_orderly_stop_and_none_after_a_crash() {
    for epoch in [-1, 17] {
        let mut bench = Bench::started();
        bench.lifecycle.previous_epoch = BrokerEpoch(epoch);
        let (_, said) = bench.wait();
        let [LifecycleOutput::Send { request, .. }] = &said[..] else { panic!("{said:?}") };
        let RequestKind::BrokerRegistration(request) = &**request else { panic!("{request:?}") };
        assert_eq!(request.previous_broker_epoch, epoch, "KIP-966");
    }
}

#[test]
fn a_controlled_shutdown_asks_at_once_then_soon_then_at_the_usual_pace() {
    let mut bench = Bench::running();
    bench.with(|lifecycle, cx, out| lifecycle.begin_shutdown(cx, out));
    let asked_at = bench.now;
    assert!(bench.heartbeat().want_shut_down);
    assert_eq!(bench.now, asked_at);
    bench.heard(ErrorCode::NONE, true, false, false);
    assert_eq!(bench.asks().0, Span::millis(50));
    bench.heard(ErrorCode::NONE, true, false, false);
    assert_eq!(bench.asks().0, Span::secs(2));
    assert!(bench.said.is_empty());
    bench.heard(ErrorCode::NONE, true, false, true);
    assert_eq!(bench.said, [LifecycleOutput::MayShutDown]);
    assert_eq!(bench.lifecycle.next_deadline(), None);
    assert!(bench.states().ends_with("pending-controlled-shutdown shutting-down"));
}

#[test]
fn without_a_controller_a_controlled_shutdown_ends_after_five_minutes() {
    let mut bench = Bench::running();
    bench.with(|lifecycle, cx, out| lifecycle.begin_shutdown(cx, out));
    let begun = bench.now;
    loop {
        let (_, said) = bench.wait();
        if said == [LifecycleOutput::MayShutDown] {
            break;
        }
        bench.answer(LifecycleCall::Heartbeat, Err(RpcError::Timeout));
    }
    assert_eq!(bench.now.since(begun), Span::secs(300));
}
