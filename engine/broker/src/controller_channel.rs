//! The way to the active controller, wherever it is: Kafka's `NodeToControllerChannelManager`.
//!
//! *Flows in*: requests for the controller, what the quorum says of who leads it, connection inputs. *Flows out*: one
//! outcome per request. A request that finds no controller, the wrong one or a dead one is sent again until its deadline.
//! *Must never*: give up a request without an outcome, or have two of them in flight, which could overtake each other.

use std::collections::VecDeque;

use klamm_node::{Context, Endpoint, Span, Time};
use klamm_protocol::channel::{Call, Client, ClientSettings, RpcError};
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::{RequestKind, ResponseKind};

/// How long the channel waits before it tries again.
const RETRY_BACKOFF: Span = Span::millis(50);

/// A request on its way.
#[derive(Clone, PartialEq, Debug)]
struct Waiting<T> {
    request: RequestKind,
    deadline: Time,
    tag: T,
}

/// The outcome of a request to the active controller.
#[derive(Clone, PartialEq, Debug)]
pub struct ControllerAnswer<T> {
    /// The owner's word for the request.
    pub tag: T,
    /// The response; [`RpcError::Timeout`] if no active controller answered until the deadline.
    pub outcome: Result<ResponseKind, RpcError>,
}

/// One queue of requests to the active controller.
#[derive(Clone, Debug)]
pub struct ControllerChannel<T> {
    client: Client<()>,
    request_timeout: Span,
    queue: VecDeque<Waiting<T>>,
    in_flight: Option<Waiting<T>>,
    retry_at: Option<Time>,
}

impl<T> ControllerChannel<T> {
    /// A channel that gives each attempt `request_timeout`.
    pub fn new(client_id: String, request_timeout: Span) -> Self {
        let settings = ClientSettings {
            client_id,
            max_in_flight: 1,
            connect_timeout: request_timeout.min(Span::secs(10)),
            ..ClientSettings::default()
        };
        let client = Client::new(settings);
        Self { client, request_timeout, queue: VecDeque::new(), in_flight: None, retry_at: None }
    }

    /// Queues a request; call [`Self::pump`] afterwards.
    pub fn send(&mut self, request: RequestKind, deadline: Time, tag: T) {
        self.queue.push_back(Waiting { request, deadline, tag });
    }

    /// How many requests have no outcome yet.
    pub fn outstanding(&self) -> usize {
        self.queue.len() + usize::from(self.in_flight.is_some())
    }

    /// The connections of this channel.
    pub fn client(&mut self) -> &mut Client<()> {
        &mut self.client
    }

    /// When [`Self::pump`] wants to be called even if nothing arrives.
    pub fn next_deadline(&self) -> Option<Time> {
        // Asked for three channels after every input; nearly always nothing waits.
        if self.queue.is_empty() {
            return self.client.next_deadline();
        }
        let expiry = self.queue.iter().map(|waiting| waiting.deadline).min();
        [self.client.next_deadline(), expiry, self.retry_at].into_iter().flatten().min()
    }

    /// Takes outcomes in, retries, expires and sends. Call after every input, with the leader of the quorum if known.
    pub fn pump(
        &mut self,
        cx: &mut Context<'_>,
        leader: Option<&Endpoint>,
        answers: &mut Vec<ControllerAnswer<T>>,
    ) {
        self.client.handle_timers(cx);
        // Called for three channels after every input; nearly always there is nothing to send or to wait for.
        if self.outstanding() == 0 {
            return;
        }
        loop {
            while let Some(completed) = self.client.next_completed() {
                let Some(waiting) = self.in_flight.take() else { continue };
                match completed.outcome {
                    Ok(response) if !says_not_controller(&response) => {
                        answers.push(ControllerAnswer { tag: waiting.tag, outcome: Ok(response) });
                    }
                    Err(error @ (RpcError::UnsupportedVersion | RpcError::Malformed)) => {
                        answers.push(ControllerAnswer { tag: waiting.tag, outcome: Err(error) });
                    }
                    Ok(_) | Err(RpcError::Disconnected(_) | RpcError::Timeout) => {
                        self.queue.push_front(waiting);
                        self.retry_at = Some(cx.now + RETRY_BACKOFF);
                    }
                }
            }
            self.expire(cx.now, answers);
            if !self.attempt(cx, leader) {
                return;
            }
        }
    }

    fn expire(&mut self, now: Time, answers: &mut Vec<ControllerAnswer<T>>) {
        let (late, others) =
            std::mem::take(&mut self.queue).into_iter().partition(|w| w.deadline <= now);
        self.queue = others;
        let late: VecDeque<Waiting<T>> = late;
        answers.extend(
            late.into_iter()
                .map(|w| ControllerAnswer { tag: w.tag, outcome: Err(RpcError::Timeout) }),
        );
    }

    /// Sends the next request if one may be sent; true if it was.
    fn attempt(&mut self, cx: &mut Context<'_>, leader: Option<&Endpoint>) -> bool {
        if self.in_flight.is_some() || self.retry_at.is_some_and(|at| at > cx.now) {
            return false;
        }
        self.retry_at = None;
        let Some(leader) = leader else { return false };
        let Some(waiting) = self.queue.pop_front() else { return false };
        let call = Call::new(waiting.request.clone(), self.request_timeout);
        self.client.send(cx, leader, call, ());
        self.in_flight = Some(waiting);
        true
    }
}

/// Whether a response says that its sender is not the active controller.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these are sent to the controller")]
fn says_not_controller(response: &ResponseKind) -> bool {
    let not_controller = ErrorCode::NOT_CONTROLLER.0;
    match response {
        ResponseKind::BrokerRegistration(response) => response.error_code == not_controller,
        ResponseKind::BrokerHeartbeat(response) => response.error_code == not_controller,
        ResponseKind::AlterPartition(response) => response.error_code == not_controller,
        ResponseKind::AllocateProducerIds(response) => response.error_code == not_controller,
        ResponseKind::Envelope(response) => response.error_code == not_controller,
        _ => false,
    }
}
