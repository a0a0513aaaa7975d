//! Inbound connections.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use klamm_node::{
    CloseReason, ConnectionId, Context, CorrelationId, Endpoint, EventKind, FrameNote, FrameRole,
    Span, Time,
};

use crate::api::{self, Listener};
use crate::codec::{self, DecodedRequest};
use crate::error::ErrorCode;
use crate::frame::{FrameDecoder, WireError};
use crate::header::RequestHeader;
use crate::kafka::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use crate::kafka::messages::{ApiKey, ResponseKind};

/// How many bytes may wait behind a request before [`Server::mutes`] says that it is enough.
const ENOUGH: usize = 64 * 1024;

/// Names a request that waits for its answer. Unique within a process: a later connection never gets the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RequestToken {
    /// The connection it came in by.
    pub connection: ConnectionId,
    /// The client's number for it.
    pub correlation_id: CorrelationId,
    /// Which API.
    pub api_key: i16,
    /// Its version, which is also the response's.
    pub api_version: i16,
    /// Counts requests of this process.
    pub serial: u64,
}

/// Limits of inbound connections.
#[derive(Clone, Copy, Debug)]
pub struct ServerSettings {
    /// `socket.request.max.bytes`.
    pub max_request: usize,
    /// `connections.max.idle.ms`.
    pub max_idle: Span,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self { max_request: 104_857_600, max_idle: Span::secs(600) }
    }
}

#[derive(Clone, Debug)]
struct Inbound {
    listener: Listener,
    peer: Endpoint,
    decoder: FrameDecoder,
    /// The request that is being processed. Kafka mutes a connection meanwhile: the next ones wait in their bytes.
    busy: Option<RequestToken>,
    /// Whether the client is over a quota: nothing is read from it for a while (KIP-219).
    throttled: bool,
    active_at: Time,
    /// When to look whether it is silent: its place in [`Server::idle`].
    look_at: Time,
}

/// All inbound connections of a process.
///
/// One request a connection is processed at a time, so that responses leave in the order of the requests.
#[derive(Clone, Debug)]
pub struct Server {
    settings: ServerSettings,
    listeners: BTreeMap<u16, Listener>,
    connections: BTreeMap<ConnectionId, Inbound>,
    /// Connections that may hold a whole frame, in the order in which they came to.
    ready: VecDeque<ConnectionId>,
    /// When to look at each connection. It is silent at that time only if nothing was said since it was put there: to
    /// move it with every request would cost more than the look.
    idle: BTreeSet<(Time, ConnectionId)>,
    /// Listeners that take connections and bytes but no requests yet.
    held: BTreeSet<Listener>,
    /// Until when connections are throttled.
    throttled: BTreeSet<(Time, ConnectionId)>,
    serial: u64,
}

impl Server {
    /// A server that listens on these ports.
    pub fn new(listeners: BTreeMap<u16, Listener>, settings: ServerSettings) -> Self {
        Self {
            settings,
            listeners,
            connections: BTreeMap::new(),
            ready: VecDeque::new(),
            idle: BTreeSet::new(),
            held: BTreeSet::new(),
            throttled: BTreeSet::new(),
            serial: 0,
        }
    }

    /// Takes no requests from a listener until [`Self::release_listener`]; its connections wait, as they do at a Kafka broker
    /// that is still starting.
    pub fn hold_listener(&mut self, listener: Listener) {
        self.held.insert(listener);
    }

    /// Takes requests from a listener again, first those that waited.
    pub fn release_listener(&mut self, listener: Listener) {
        if self.held.remove(&listener) {
            let waiting =
                self.connections.iter().filter(|(_, inbound)| inbound.listener == listener);
            self.ready.extend(waiting.map(|(connection, _)| *connection));
        }
    }

    /// A peer connected. A port that nobody listens on is closed again.
    pub fn accepted(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        port: u16,
        peer: Endpoint,
    ) {
        let Some(listener) = self.listeners.get(&port).copied() else {
            cx.out.close(connection, CloseReason::Refused);
            return;
        };
        let inbound = Inbound {
            listener,
            peer,
            decoder: FrameDecoder::new(self.settings.max_request),
            busy: None,
            throttled: false,
            active_at: cx.now,
            look_at: cx.now + self.settings.max_idle,
        };
        self.idle.insert((inbound.look_at, connection));
        self.connections.insert(connection, inbound);
    }

    /// Whether a connection is an inbound one that is still open.
    pub fn owns(&self, connection: ConnectionId) -> bool {
        self.connections.contains_key(&connection)
    }

    /// Takes in bytes. Call [`Self::next_request`] until it is empty afterwards.
    pub fn received(&mut self, cx: &Context<'_>, connection: ConnectionId, bytes: &Bytes) {
        if let Some(inbound) = self.connections.get_mut(&connection) {
            inbound.active_at = cx.now;
            inbound.decoder.push(bytes);
            if inbound.busy.is_none() {
                self.ready.push_back(connection);
            }
        }
    }

    /// The connection is gone; answers to its request will be dropped.
    pub fn closed(&mut self, connection: ConnectionId) {
        if let Some(inbound) = self.connections.remove(&connection) {
            self.idle.remove(&(inbound.look_at, connection));
        }
    }

    /// The next request that may be processed. What is not acceptable is refused here and never seen by the rooms.
    pub fn next_request(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Option<(RequestToken, Box<DecodedRequest>)> {
        while let Some(connection) = self.ready.pop_front() {
            let Some(inbound) = self.connections.get_mut(&connection) else { continue };
            let waits = inbound.busy.is_some() || inbound.throttled;
            if waits || self.held.contains(&inbound.listener) {
                continue;
            }
            let frame = match inbound.decoder.pop() {
                Ok(Some(frame)) => frame,
                Ok(None) => continue,
                Err(error) => {
                    self.refuse(cx, connection, CloseReason::Malformed, error.to_string());
                    continue;
                }
            };
            let listener = inbound.listener;
            self.serial += 1;
            match read(listener, frame) {
                Ok(Asked::Request(request)) => {
                    let token = self.token(connection, &request.header);
                    if let Some(inbound) = self.connections.get_mut(&connection) {
                        inbound.busy = Some(token);
                    }
                    return Some((token, request));
                }
                Ok(Asked::NewerApiVersions(header)) => {
                    let token = RequestToken { api_version: 0, ..self.token(connection, &header) };
                    self.transmit(cx, token, &api_versions_unsupported());
                    self.ready.push_front(connection);
                }
                Err((reason, text)) => self.refuse(cx, connection, reason, text),
            }
        }
        None
    }

    /// Answers a request. `None` is the answer to a produce request with acks=0: no bytes, but the connection goes on.
    pub fn respond(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        response: Option<&ResponseKind>,
    ) {
        if !self.unmute(cx.now, token) {
            return;
        }
        if let Some(response) = response {
            self.transmit(cx, token, response);
        }
    }

    /// Closes the connection instead of answering, as Kafka does when a produce request with acks=0 fails.
    pub fn hang_up(&mut self, cx: &mut Context<'_>, token: RequestToken, reason: CloseReason) {
        if self.unmute(cx.now, token) {
            self.closed(token.connection);
            cx.out.close(token.connection, reason);
        }
    }

    /// The listener that a waiting request came in by.
    pub fn listener(&self, token: &RequestToken) -> Option<Listener> {
        self.connections.get(&token.connection).map(|inbound| inbound.listener)
    }

    /// Who is at the other end.
    pub fn peer(&self, connection: ConnectionId) -> Option<&Endpoint> {
        self.connections.get(&connection).map(|inbound| &inbound.peer)
    }

    /// Whether the asker is still there; who is not needs no answer.
    pub fn waits(&self, token: &RequestToken) -> bool {
        self.connections.get(&token.connection).is_some_and(|inbound| inbound.busy == Some(*token))
    }

    /// Whether a connection has sent enough for now: its next requests wait behind one that is being processed (or behind a
    /// held listener), and more of them would only fill memory. Kafka leaves them in the socket.
    pub fn mutes(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_some_and(|inbound| {
            let waits = inbound.busy.is_some() || inbound.throttled;
            let waits = waits || self.held.contains(&inbound.listener);
            waits && inbound.decoder.pending() >= ENOUGH
        })
    }

    /// Reads no further request from a connection until a time. What was answered before has left already.
    pub fn throttle(&mut self, connection: ConnectionId, until: Time) {
        if let Some(inbound) = self.connections.get_mut(&connection) {
            inbound.throttled = true;
            self.throttled.insert((until, connection));
        }
    }

    /// When the next throttled connection may go on.
    pub fn throttle_deadline(&self) -> Option<Time> {
        self.throttled.first().map(|(at, _)| *at)
    }

    /// When to look for a silent connection again.
    pub fn next_deadline(&self) -> Option<Time> {
        self.idle.first().map(|(at, _)| *at)
    }

    /// Lets throttled connections go on, and closes those on which nothing was said for too long.
    pub fn handle_timers(&mut self, cx: &mut Context<'_>) {
        while let Some(&(at, connection)) = self.throttled.first().filter(|(at, _)| *at <= cx.now) {
            self.throttled.remove(&(at, connection));
            if let Some(inbound) = self.connections.get_mut(&connection) {
                inbound.throttled = false;
                self.ready.push_back(connection);
            }
        }
        while let Some((at, connection)) =
            self.idle.first().copied().filter(|(at, _)| *at <= cx.now)
        {
            self.idle.remove(&(at, connection));
            let Some(inbound) = self.connections.get_mut(&connection) else { continue };
            let silent_at = match inbound.busy {
                // Somebody waits for this side.
                Some(_) => cx.now + self.settings.max_idle.max(Span::millis(1)),
                None => inbound.active_at + self.settings.max_idle,
            };
            if silent_at > cx.now {
                inbound.look_at = silent_at;
                self.idle.insert((silent_at, connection));
                continue;
            }
            self.connections.remove(&connection);
            cx.out.close(connection, CloseReason::Idle);
        }
    }

    /// Closes every connection, at the end of an orderly shutdown.
    pub fn close_all(&mut self, cx: &mut Context<'_>) {
        for connection in std::mem::take(&mut self.connections).into_keys() {
            cx.out.close(connection, CloseReason::Local);
        }
        self.idle.clear();
        self.ready.clear();
    }

    fn token(&self, connection: ConnectionId, header: &RequestHeader) -> RequestToken {
        RequestToken {
            connection,
            correlation_id: header.correlation_id,
            api_key: header.api_key,
            api_version: header.api_version,
            serial: self.serial,
        }
    }

    /// Frees the connection for its next request; false if the token is not being waited for.
    fn unmute(&mut self, now: Time, token: RequestToken) -> bool {
        let Some(inbound) = self.connections.get_mut(&token.connection) else { return false };
        if inbound.busy != Some(token) {
            return false;
        }
        inbound.busy = None;
        inbound.active_at = now;
        self.ready.push_back(token.connection);
        true
    }

    fn transmit(&mut self, cx: &mut Context<'_>, token: RequestToken, response: &ResponseKind) {
        let encoded = ApiKey::try_from(token.api_key)
            .map_err(|()| WireError::new(0, "an API of the table"))
            .and_then(|api| {
                codec::encode_response(api, token.api_version, token.correlation_id, response)
            });
        match encoded {
            Ok(bytes) => {
                let note = FrameNote {
                    role: FrameRole::Response,
                    api_key: token.api_key,
                    api_version: token.api_version,
                    correlation_id: token.correlation_id,
                };
                cx.out.send(token.connection, bytes, note);
            }
            Err(error) => {
                let text = format!(
                    "response of {} version {}: {error}",
                    api::name(token.api_key),
                    token.api_version
                );
                self.refuse(cx, token.connection, CloseReason::Local, text);
            }
        }
    }

    fn refuse(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        reason: CloseReason,
        text: String,
    ) {
        self.closed(connection);
        cx.observe(EventKind::FrameRefused { connection, reason: text });
        cx.out.close(connection, reason);
    }
}

/// What a frame turned out to be.
enum Asked {
    Request(Box<DecodedRequest>),
    /// ApiVersions in a version from the future, which is answered all the same (KIP-511).
    NewerApiVersions(RequestHeader),
}

fn read(listener: Listener, frame: Bytes) -> Result<Asked, (CloseReason, String)> {
    let malformed = |error: WireError| (CloseReason::Malformed, error.to_string());
    let (header, body_at) = RequestHeader::decode(&frame).map_err(malformed)?;
    let Some(api) = api::info(header.api_key).filter(|api| api.served_on(listener)) else {
        let text = format!("{} is not served here", api::name(header.api_key));
        return Err((CloseReason::Unsupported, text));
    };
    if !(api.min..=api.max).contains(&header.api_version) {
        if api.api == ApiKey::ApiVersions {
            return Ok(Asked::NewerApiVersions(header));
        }
        let text = format!("{} version {} is not served", api.name, header.api_version);
        return Err((CloseReason::Unsupported, text));
    }
    let size = frame.len();
    let body = codec::decode_request_body(&header, frame, body_at).map_err(malformed)?;
    Ok(Asked::Request(Box::new(DecodedRequest { header, body, size })))
}

/// In version 0 and with only its own entry, so that any client can read it and try again.
fn api_versions_unsupported() -> ResponseKind {
    let own = api::APIS.iter().filter(|api| api.api == ApiKey::ApiVersions).map(|api| {
        ApiVersion::default()
            .with_api_key(api.key)
            .with_min_version(api.min)
            .with_max_version(api.max)
    });
    ResponseKind::ApiVersions(
        ApiVersionsResponse::default()
            .with_error_code(ErrorCode::UNSUPPORTED_VERSION.0)
            .with_api_keys(own.collect()),
    )
}
