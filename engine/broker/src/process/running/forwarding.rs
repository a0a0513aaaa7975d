//! Forwarding: a request that only the active controller can answer travels there in an envelope (KIP-590, key 58) and its
//! answer back.
//!
//! *Flows in*: requests of the [table](klamm_protocol::forward::FORWARDABLE) on the broker listener; envelopes on the
//! controller listener. *Flows out*: envelopes to the controller; the requests in them, to the router.
//! *Must never*: leave a client without an answer, or let it see an error that only concerns broker and controller.
//!
//! A client's request waits up to `request.timeout.ms` for a controller and is then answered REQUEST_TIMED_OUT throughout.
//! UNSUPPORTED_VERSION of the envelope reaches the client as that, any other error of it as UNKNOWN_SERVER_ERROR.

use std::net::{IpAddr, Ipv4Addr};

use klamm_node::{CloseReason, Context, EventKind, TopicName};
use klamm_protocol::channel::{RequestToken, RpcError};
use klamm_protocol::codec::DecodedRequest;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::forward::{self, Principal};
use klamm_protocol::header::RequestHeader;
use klamm_protocol::kafka::messages::{
    AllocateProducerIdsRequest, ApiKey, CreateTopicsRequest, EnvelopeRequest, EnvelopeResponse,
    RequestKind, ResponseKind,
};

use super::Running;
use crate::api;
use crate::api::alter_configs::Refused;

/// Who waits for the answer to a forwarded request.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Forwarded {
    /// A client.
    Client {
        token: RequestToken,
        header: RequestHeader,
        /// What a refusal of the whole request is made from.
        request: Box<RequestKind>,
        /// The request as it came and what was refused of it here, if anything was.
        whole: Option<Box<(RequestKind, Vec<Refused>)>>,
    },
    /// Nobody: this broker creates a topic because a client asked for its metadata.
    AutoCreate { topic: TopicName, header: RequestHeader },
    /// Nobody: this broker fetches a block of producer ids (KIP-730). Not in an envelope, since it asks for itself.
    ProducerIds,
}

/// A request that came in an envelope.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Opened {
    /// The envelope's token.
    outer: RequestToken,
    /// The header of the request within.
    header: RequestHeader,
}

impl Running {
    /// Sends a client's request to the active controller.
    pub(super) fn forward(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        header: RequestHeader,
        request: RequestKind,
    ) {
        self.forward_rest(cx, token, header, request, None);
    }

    /// Checks what only a broker can check of changed configs, and sends the rest to the active controller.
    pub(super) fn alter_configs(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        header: RequestHeader,
        request: RequestKind,
    ) {
        let Some(broker) = &self.broker else { return };
        let (id, properties) = (self.config.id, self.config.properties());
        let mut rest = request.clone();
        let refused = api::alter_configs::preprocess(&mut rest, id, &properties, &broker.image);
        if refused.is_empty() || !api::alter_configs::is_empty(&rest) {
            let whole = (!refused.is_empty()).then(|| Box::new((request, refused)));
            return self.forward_rest(cx, token, header, rest, whole);
        }
        // A refusal of nothing is an answer without results; what was refused here is put into it.
        if let Some(mut response) = forward::refused(&rest, ErrorCode::NONE, "") {
            api::alter_configs::reassemble(&request, &refused, &mut response);
            self.server.respond(cx, token, Some(&response));
        }
    }

    fn forward_rest(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        header: RequestHeader,
        request: RequestKind,
        whole: Option<Box<(RequestKind, Vec<Refused>)>>,
    ) {
        match self.seal(token, &header, &request) {
            Some(envelope) => {
                let Some(broker) = &mut self.broker else { return };
                let deadline = cx.now + self.config.settings.request_timeout;
                let request = Box::new(request);
                let forwarded = Forwarded::Client { token, header, request, whole };
                broker.forwarding.send(RequestKind::Envelope(envelope), deadline, forwarded);
            }
            // What was read can be written again; if not, nobody is told less than the truth.
            None => self.server.hang_up(cx, token, CloseReason::Local),
        }
    }

    /// Asks the active controller for topics that a client wanted to know about, unless that was done already.
    pub(super) fn auto_create_topics(
        &mut self,
        cx: &Context<'_>,
        token: RequestToken,
        client_id: Option<&String>,
        topics: Vec<TopicName>,
    ) {
        let timeout_ms = i32::try_from(self.config.settings.request_timeout.as_millis());
        for topic in topics {
            let Some(broker) = &mut self.broker else { return };
            if broker.creating.insert(TopicName::clone(&topic)) {
                let timeout_ms = timeout_ms.unwrap_or(i32::MAX);
                let groups = broker.coordinators.config();
                let create = api::create_topics::automatic(&topic, groups, timeout_ms);
                self.auto_create(cx, token, client_id.cloned(), topic, create);
            }
        }
    }

    /// Asks the active controller to create a topic on behalf of a client that wanted to know about it.
    fn auto_create(
        &mut self,
        cx: &Context<'_>,
        token: RequestToken,
        client_id: Option<String>,
        topic: TopicName,
        request: CreateTopicsRequest,
    ) {
        let key = ApiKey::CreateTopics as i16;
        let header = RequestHeader {
            api_key: key,
            api_version: klamm_protocol::api::info(key).map_or(0, |info| info.max),
            correlation_id: token.correlation_id,
            client_id,
        };
        let envelope = self.seal(token, &header, &RequestKind::CreateTopics(request));
        let Some((broker, envelope)) = self.broker.as_mut().zip(envelope) else { return };
        let deadline = cx.now + self.config.settings.request_timeout;
        let forwarded = Forwarded::AutoCreate { topic, header };
        broker.forwarding.send(RequestKind::Envelope(envelope), deadline, forwarded);
    }

    /// Asks the controller for a block of producer ids if this broker runs short.
    pub(super) fn ask_for_producer_ids(&mut self, cx: &Context<'_>) {
        let Some(broker) = &mut self.broker else { return };
        let Some(epoch) = broker.lifecycle.epoch() else { return };
        if broker.producer_ids.wants_block(cx.now) {
            let request = AllocateProducerIdsRequest::default()
                .with_broker_id(self.config.id.0.into())
                .with_broker_epoch(epoch.0);
            let deadline = cx.now + self.config.settings.request_timeout;
            let request = RequestKind::AllocateProducerIds(request);
            broker.forwarding.send(request, deadline, Forwarded::ProducerIds);
        }
    }

    /// Simplified: hosts of the world have names and no addresses; a client on one is told as 0.0.0.0. Without
    /// authentication everybody is `User:ANONYMOUS`.
    fn seal(
        &self,
        token: RequestToken,
        header: &RequestHeader,
        request: &RequestKind,
    ) -> Option<EnvelopeRequest> {
        let peer = self.server.peer(token.connection);
        let host = peer.and_then(|peer| peer.host.parse().ok());
        let host = host.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        forward::seal(header, request, &Principal::anonymous(), host)
    }

    /// The answer to a forwarded request goes to whoever asked.
    pub(super) fn forwarded(
        &mut self,
        cx: &mut Context<'_>,
        forwarded: Forwarded,
        outcome: Result<ResponseKind, RpcError>,
    ) {
        match forwarded {
            Forwarded::Client { token, header, request, whole } => {
                let mut response = match unwrapped(&header, outcome) {
                    Ok(response) => Some(response),
                    Err(error) => refused(&request, error),
                };
                if let Some((response, whole)) = response.as_mut().zip(whole) {
                    let (original, refused) = *whole;
                    api::alter_configs::reassemble(&original, &refused, response);
                }
                match response {
                    Some(response) => self.server.respond(cx, token, Some(&response)),
                    None => self.server.hang_up(cx, token, CloseReason::Local),
                }
            }
            Forwarded::ProducerIds => {
                if let Some(broker) = &mut self.broker {
                    broker.producer_ids.answered(block(outcome), cx.now);
                }
            }
            Forwarded::AutoCreate { topic, header } => {
                if let Some(broker) = &mut self.broker {
                    broker.creating.remove(&topic);
                }
                if let Some((error, reason)) = refusal(&header, outcome) {
                    let error = error.word();
                    cx.observe(EventKind::TopicAutoCreationRefused { topic, error, reason });
                }
            }
        }
    }

    /// Takes a request out of its envelope and routes it as if it had come by itself.
    pub(super) fn open_envelope(
        &mut self,
        cx: &mut Context<'_>,
        outer: RequestToken,
        envelope: &EnvelopeRequest,
    ) {
        match forward::open(envelope) {
            Ok(forward::Opened { request, principal: _, host: _ }) => {
                let DecodedRequest { header, .. } = &request;
                let inner = RequestToken {
                    correlation_id: header.correlation_id,
                    api_key: header.api_key,
                    api_version: header.api_version,
                    ..outer
                };
                self.opened.insert(outer.serial, Opened { outer, header: header.clone() });
                self.route(cx, inner, Box::new(request));
            }
            Err(error) => {
                let response = EnvelopeResponse::default().with_error_code(error.0);
                self.server.respond(cx, outer, Some(&ResponseKind::Envelope(response)));
            }
        }
    }

    /// Answers a request of the controller listener, in an envelope if it came in one.
    pub(super) fn reply(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        response: ResponseKind,
    ) {
        match self.opened.remove(&token.serial) {
            Some(Opened { outer, header }) => {
                let envelope = forward::seal_response(&header, response);
                self.server.respond(cx, outer, Some(&ResponseKind::Envelope(envelope)));
            }
            None => self.server.respond(cx, token, Some(&response)),
        }
    }
}

/// A block of producer ids: the first and how many.
fn block(outcome: Result<ResponseKind, RpcError>) -> Option<(i64, i32)> {
    match outcome {
        Ok(ResponseKind::AllocateProducerIds(answer)) if answer.error_code == 0 => {
            Some((answer.producer_id_start.0, answer.producer_id_len))
        }
        _ => None,
    }
}

/// Why the controller does not create a topic, if it says so. Kafka's broker and controller log it; whoever asked hears nothing of
/// it and asks again.
fn refusal(
    header: &RequestHeader,
    outcome: Result<ResponseKind, RpcError>,
) -> Option<(ErrorCode, String)> {
    let Ok(ResponseKind::CreateTopics(answer)) = unwrapped(header, outcome) else { return None };
    let topic = answer.topics.into_iter().next()?;
    let error = ErrorCode(topic.error_code);
    // Another broker was faster.
    let is_there = [ErrorCode::NONE, ErrorCode::TOPIC_ALREADY_EXISTS].contains(&error);
    let reason = topic.error_message.map(|message| message.to_string());
    (!is_there).then(|| (error, reason.unwrap_or_default()))
}

/// What the controller answered, or why there is no answer.
fn unwrapped(
    header: &RequestHeader,
    outcome: Result<ResponseKind, RpcError>,
) -> Result<ResponseKind, ErrorCode> {
    match outcome {
        Ok(ResponseKind::Envelope(envelope)) => forward::open_response(header, envelope),
        Err(RpcError::Timeout | RpcError::Disconnected(_)) => Err(ErrorCode::REQUEST_TIMED_OUT),
        Err(RpcError::UnsupportedVersion) => Err(ErrorCode::UNSUPPORTED_VERSION),
        Ok(_) | Err(RpcError::Malformed) => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
    }
}

fn refused(request: &RequestKind, error: ErrorCode) -> Option<ResponseKind> {
    let why = match error {
        ErrorCode::REQUEST_TIMED_OUT => "The request timed out.",
        ErrorCode::UNSUPPORTED_VERSION => {
            "The active controller does not know this version of the request."
        }
        _ => "The request could not be forwarded to the active controller.",
    };
    forward::refused(request, error, why)
}
