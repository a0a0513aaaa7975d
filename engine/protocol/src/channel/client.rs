//! Outbound connections: one per peer, opened when there is something to say.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use klamm_node::{
    CloseReason, ConnectionId, Context, CorrelationId, Endpoint, EventKind, FrameNote, FrameRole,
    Purpose, Span, Time,
};

use super::call::{Call, ClientSettings, Completed, RpcError};
use super::throttle;
use crate::api;
use crate::codec;
use crate::convert;
use crate::error::ErrorCode;
use crate::frame::{FrameDecoder, WireError};
use crate::header;
use crate::kafka::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, ProduceResponse, RequestKind, ResponseKind,
};

/// A peer's versions by API key.
pub type NegotiatedVersions = BTreeMap<i16, (i16, i16)>;

#[derive(Clone, Debug)]
struct Queued<T> {
    call: Call,
    api: ApiKey,
    deadline: Time,
    tag: T,
}

#[derive(Clone, Debug)]
struct InFlight<T> {
    correlation: CorrelationId,
    api: ApiKey,
    version: i16,
    deadline: Time,
    /// None for the pool's own ApiVersions.
    tag: Option<T>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Backoff { until: Time },
    Connecting { connection: ConnectionId, deadline: Time },
    Negotiating { connection: ConnectionId },
    Open { connection: ConnectionId },
}

#[derive(Clone, Debug)]
struct Peer<T> {
    state: State,
    queue: VecDeque<Queued<T>>,
    in_flight: VecDeque<InFlight<T>>,
    decoder: FrameDecoder,
    versions: Option<NegotiatedVersions>,
    failures: u32,
    correlation: i32,
    /// Until when it wants to be left alone; outlives a connection.
    throttled: Option<Time>,
}

/// A pool of outbound connections; `T` is the owner's word for a request.
#[derive(Clone, Debug)]
pub struct Client<T> {
    settings: ClientSettings,
    peers: BTreeMap<Endpoint, Peer<T>>,
    connections: BTreeMap<ConnectionId, Endpoint>,
    completed: VecDeque<Completed<T>>,
    /// The earliest deadline of all peers, kept because owners ask for it after every input of theirs, and few inputs are
    /// about this pool.
    due: Option<Time>,
}

impl<T> Client<T> {
    /// A pool without connections.
    pub fn new(settings: ClientSettings) -> Self {
        Self {
            settings,
            peers: BTreeMap::new(),
            connections: BTreeMap::new(),
            completed: VecDeque::new(),
            due: None,
        }
    }

    /// Sends a request as soon as there is a connection and a free place on it. Its outcome comes out of
    /// [`Self::next_completed`], in every case.
    pub fn send(&mut self, cx: &mut Context<'_>, to: &Endpoint, call: Call, tag: T) {
        let Some(api) = codec::key_of(&call.request) else {
            let outcome = Err(RpcError::UnsupportedVersion);
            self.completed.push_back(Completed { tag, to: to.clone(), version: -1, outcome });
            return;
        };
        let deadline = cx.now + call.timeout;
        let max_response = self.settings.max_response;
        let peer = self.peers.entry(to.clone()).or_insert_with(|| Peer::new(max_response));
        peer.queue.push_back(Queued { call, api, deadline, tag });
        self.pump(cx, to);
        self.refresh();
    }

    /// Opens a connection before there is anything to say, for owners that gather while it is not there. Returns when
    /// to try again if the last one failed and its backoff is not over.
    pub fn connect(&mut self, cx: &mut Context<'_>, to: &Endpoint) -> Option<Time> {
        let max_response = self.settings.max_response;
        let peer = self.peers.entry(to.clone()).or_insert_with(|| Peer::new(max_response));
        match peer.state {
            State::Backoff { until } if until > cx.now => Some(until),
            State::Idle | State::Backoff { .. } => {
                let connection = cx.out.connect(to.clone());
                let deadline = cx.now + self.settings.connect_timeout;
                peer.state = State::Connecting { connection, deadline };
                self.connections.insert(connection, to.clone());
                self.refresh();
                None
            }
            State::Connecting { .. } | State::Negotiating { .. } | State::Open { .. } => None,
        }
    }

    /// Whether requests to a peer leave at once: there is a connection, its versions are known, and it did not ask to be left
    /// alone.
    pub fn is_open(&self, to: &Endpoint) -> bool {
        let open =
            |peer: &Peer<T>| matches!(peer.state, State::Open { .. }) && peer.throttled.is_none();
        self.peers.get(to).is_some_and(open)
    }

    /// Whether a connection belongs to this pool.
    pub fn owns(&self, connection: ConnectionId) -> bool {
        self.connections.contains_key(&connection)
    }

    /// A connection is established.
    pub fn opened(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        let Some(to) = self.connections.get(&connection).cloned() else { return };
        let Some(peer) = self.peers.get_mut(&to) else { return };
        if !matches!(peer.state, State::Connecting { connection: ours, .. } if ours == connection) {
            return;
        }
        if self.settings.negotiate.is_some() {
            peer.state = State::Negotiating { connection };
            let version = api::info(ApiKey::ApiVersions as i16).map_or(0, |api| api.max);
            self.ask_versions(cx, &to, version);
        } else {
            peer.state = State::Open { connection };
            peer.failures = 0;
            self.pump(cx, &to);
        }
        self.refresh();
    }

    /// Bytes arrived.
    pub fn received(&mut self, cx: &mut Context<'_>, connection: ConnectionId, bytes: &Bytes) {
        let Some(to) = self.connections.get(&connection).cloned() else { return };
        if let Some(peer) = self.peers.get_mut(&to) {
            peer.decoder.push(bytes);
        }
        // Each frame may end the connection, so that every turn looks it up anew.
        while self.owns(connection) {
            let Some(peer) = self.peers.get_mut(&to) else { return };
            match peer.decoder.pop() {
                Ok(Some(frame)) => self.answer(cx, &to, connection, frame),
                Ok(None) => break,
                Err(error) => self.malformed(cx, &to, connection, &error),
            }
        }
        self.pump(cx, &to);
        self.refresh();
    }

    /// A connection is gone, or could not be opened.
    pub fn closed(&mut self, cx: &mut Context<'_>, connection: ConnectionId, reason: CloseReason) {
        if let Some(to) = self.connections.get(&connection).cloned() {
            self.drop_connection(cx, &to, RpcError::Disconnected(reason));
            self.refresh();
        }
    }

    /// Closes the connection to a peer, if there is one; what was asked on it fails.
    pub fn disconnect(&mut self, cx: &mut Context<'_>, to: &Endpoint) {
        if let Some(connection) = self.peers.get(to).and_then(Peer::connection) {
            cx.out.close(connection, CloseReason::Local);
            self.drop_connection(cx, to, RpcError::Disconnected(CloseReason::Local));
            self.refresh();
        }
    }

    /// Closes every connection and forgets every request, without outcomes.
    pub fn close_all(&mut self, cx: &mut Context<'_>) {
        for connection in std::mem::take(&mut self.connections).into_keys() {
            cx.out.close(connection, CloseReason::Local);
        }
        self.peers.clear();
        self.completed.clear();
        self.due = None;
    }

    /// The next outcome. Call until `None` after every call that may have produced one.
    pub fn next_completed(&mut self) -> Option<Completed<T>> {
        self.completed.pop_front()
    }

    /// All outcomes so far.
    pub fn take_completed(&mut self) -> Vec<Completed<T>> {
        std::mem::take(&mut self.completed).into()
    }

    /// Requests to a peer that have no outcome yet, sent or not.
    pub fn outstanding(&self, to: &Endpoint) -> usize {
        self.peers.get(to).map_or(0, |peer| {
            peer.queue.len() + peer.in_flight.iter().filter(|sent| sent.tag.is_some()).count()
        })
    }

    /// The peer's versions, once negotiated.
    pub fn versions(&self, to: &Endpoint) -> Option<&NegotiatedVersions> {
        self.peers.get(to).and_then(|peer| peer.versions.as_ref())
    }

    /// When [`Self::handle_timers`] wants to be called.
    pub fn next_deadline(&self) -> Option<Time> {
        debug_assert_eq!(self.due, self.earliest(), "a change that did not refresh the deadline");
        self.due
    }

    fn earliest(&self) -> Option<Time> {
        self.peers.values().filter_map(Peer::next_deadline).min()
    }

    /// Brings [`Self::next_deadline`] up to date. Every public method that changes a peer ends with it.
    fn refresh(&mut self) {
        self.due = self.earliest();
    }

    /// Fires what is due.
    pub fn handle_timers(&mut self, cx: &mut Context<'_>) {
        // Called after every input by those who own several pools; nearly always there is nothing to do.
        if self.due.is_none_or(|at| at > cx.now) {
            return;
        }
        let peers: Vec<Endpoint> = self.peers.keys().cloned().collect();
        for to in peers {
            if let Some(peer) = self.peers.get_mut(&to) {
                peer.throttled = peer.throttled.filter(|until| *until > cx.now);
            }
            self.expire_connection(cx, &to);
            self.expire_queued(cx, &to);
            self.pump(cx, &to);
        }
        self.refresh();
    }

    fn expire_connection(&mut self, cx: &mut Context<'_>, to: &Endpoint) {
        let Some(peer) = self.peers.get_mut(to) else { return };
        if let State::Connecting { connection, deadline } = peer.state
            && deadline <= cx.now
        {
            cx.out.close(connection, CloseReason::ConnectTimeout);
            self.drop_connection(cx, to, RpcError::Disconnected(CloseReason::ConnectTimeout));
            return;
        }
        if peer.in_flight.iter().all(|sent| sent.deadline > cx.now) {
            return;
        }
        let Some(connection) = peer.connection() else { return };
        let (late, others) =
            std::mem::take(&mut peer.in_flight).into_iter().partition(|s| s.deadline <= cx.now);
        peer.in_flight = others;
        let late: VecDeque<InFlight<T>> = late;
        self.completed.extend(late.into_iter().filter_map(|sent| {
            let outcome = Err(RpcError::Timeout);
            Some(Completed { tag: sent.tag?, to: to.clone(), version: sent.version, outcome })
        }));
        cx.out.close(connection, CloseReason::RequestTimeout);
        self.drop_connection(cx, to, RpcError::Disconnected(CloseReason::RequestTimeout));
    }

    fn expire_queued(&mut self, cx: &Context<'_>, to: &Endpoint) {
        let Some(peer) = self.peers.get_mut(to) else { return };
        let (late, others) =
            std::mem::take(&mut peer.queue).into_iter().partition(|q| q.deadline <= cx.now);
        peer.queue = others;
        let late: VecDeque<Queued<T>> = late;
        self.completed.extend(late.into_iter().map(|queued| {
            let outcome = Err(RpcError::Timeout);
            Completed { tag: queued.tag, to: to.clone(), version: -1, outcome }
        }));
    }

    /// Connects if there is need and leave to, and sends what the connection takes.
    ///
    /// Simplified: a request waits out the pause before the next attempt to connect. Between Kafka's servers
    /// (`InterBrokerSendThread`) it fails at once, and whoever wants to asks again.
    fn pump(&mut self, cx: &mut Context<'_>, to: &Endpoint) {
        let Some(peer) = self.peers.get_mut(to) else { return };
        if peer.queue.is_empty() {
            return;
        }
        match peer.state {
            State::Backoff { until } if until > cx.now => {}
            State::Idle | State::Backoff { .. } => {
                let connection = cx.out.connect(to.clone());
                let deadline = cx.now + self.settings.connect_timeout;
                peer.state = State::Connecting { connection, deadline };
                self.connections.insert(connection, to.clone());
            }
            State::Connecting { .. } | State::Negotiating { .. } => {}
            State::Open { .. } if peer.throttled.is_some() => {}
            State::Open { connection } => {
                while peer.in_flight.len() < self.settings.max_in_flight
                    && let Some(queued) = peer.queue.pop_front()
                {
                    let client_id = self.settings.client_id.as_str();
                    if let Some(done) = peer.transmit(cx, to, connection, client_id, queued) {
                        self.completed.push_back(done);
                    }
                }
            }
        }
    }

    fn ask_versions(&mut self, cx: &mut Context<'_>, to: &Endpoint, version: i16) {
        let (Some(software), Some(peer)) = (&self.settings.negotiate, self.peers.get_mut(to))
        else {
            return;
        };
        let Some(connection) = peer.connection() else { return };
        let mut request = ApiVersionsRequest::default();
        if version >= 3 {
            request = request
                .with_client_software_name(convert::text(&software.name))
                .with_client_software_version(convert::text(&software.version));
        }
        let correlation = peer.next_correlation();
        let request = RequestKind::ApiVersions(request);
        match codec::encode_request(version, correlation, Some(&self.settings.client_id), &request)
        {
            Ok(bytes) => {
                let api = ApiKey::ApiVersions;
                cx.out.send(connection, bytes, note(api, version, correlation));
                let deadline = cx.now + self.settings.connect_timeout;
                peer.in_flight.push_back(InFlight {
                    correlation,
                    api,
                    version,
                    deadline,
                    tag: None,
                });
            }
            Err(error) => self.malformed(cx, to, connection, &error),
        }
    }

    /// Takes one frame as the answer to the oldest request on the connection.
    fn answer(
        &mut self,
        cx: &mut Context<'_>,
        to: &Endpoint,
        connection: ConnectionId,
        frame: Bytes,
    ) {
        let Some(peer) = self.peers.get_mut(to) else { return };
        let expected = peer.in_flight.front().map(|sent| sent.correlation);
        let got = match header::decode_correlation(&frame) {
            Ok(got) if Some(got) == expected => got,
            Ok(got) => {
                let error = WireError::new(0, format!("the oldest correlation id, not {got}"));
                return self.malformed(cx, to, connection, &error);
            }
            Err(error) => return self.malformed(cx, to, connection, &error),
        };
        let Some(sent) = peer.in_flight.pop_front() else { return };
        debug_assert_eq!(sent.correlation, got, "responses come in the order of the requests");
        let refused = sent.api == ApiKey::ApiVersions && says_unsupported_version(&frame);
        let version = if refused { 0 } else { sent.version };
        match codec::decode_response(sent.api, version, frame) {
            Ok((_, response)) => {
                peer.honour(throttle::of(version, &response), cx.now);
                match sent.tag {
                    Some(tag) => {
                        let (to, version, outcome) = (to.clone(), sent.version, Ok(response));
                        self.completed.push_back(Completed { tag, to, version, outcome });
                    }
                    None => self.negotiated(cx, to, connection, sent.version, response),
                }
            }
            Err(error) => {
                if let Some(tag) = sent.tag {
                    let (to, version) = (to.clone(), sent.version);
                    let outcome = Err(RpcError::Malformed);
                    self.completed.push_back(Completed { tag, to, version, outcome });
                }
                self.malformed(cx, to, connection, &error);
            }
        }
    }

    fn negotiated(
        &mut self,
        cx: &mut Context<'_>,
        to: &Endpoint,
        connection: ConnectionId,
        asked: i16,
        response: ResponseKind,
    ) {
        let ResponseKind::ApiVersions(response) = response else { return };
        let theirs = ranges(&response);
        if response.error_code == ErrorCode::UNSUPPORTED_VERSION.0 && asked > 0 {
            // KIP-511: the answer names the versions of ApiVersions that the broker knows.
            let known = theirs.get(&(ApiKey::ApiVersions as i16)).map_or(0, |(_, max)| *max);
            return self.ask_versions(cx, to, known.clamp(0, asked - 1));
        }
        if response.error_code != 0 {
            let code = ErrorCode(response.error_code);
            let error = WireError::new(0, format!("versions, not {code}"));
            return self.malformed(cx, to, connection, &error);
        }
        if let Some(peer) = self.peers.get_mut(to) {
            peer.versions = Some(theirs);
            peer.failures = 0;
            peer.state = State::Open { connection };
        }
    }

    fn malformed(
        &mut self,
        cx: &mut Context<'_>,
        to: &Endpoint,
        connection: ConnectionId,
        error: &WireError,
    ) {
        cx.observe(EventKind::FrameRefused { connection, reason: error.to_string() });
        cx.out.close(connection, CloseReason::Malformed);
        self.drop_connection(cx, to, RpcError::Malformed);
    }

    /// Forgets the connection and fails everything that was asked of the peer; arms the backoff.
    fn drop_connection(&mut self, cx: &mut Context<'_>, to: &Endpoint, error: RpcError) {
        let Some(peer) = self.peers.get_mut(to) else { return };
        if let Some(connection) = peer.connection() {
            self.connections.remove(&connection);
        }
        let backoff = backoff(cx, &self.settings, peer.failures);
        peer.failures = peer.failures.saturating_add(1);
        peer.state = State::Backoff { until: cx.now + backoff };
        peer.decoder = FrameDecoder::new(self.settings.max_response);
        for sent in std::mem::take(&mut peer.in_flight) {
            if let Some(tag) = sent.tag {
                let (to, version) = (to.clone(), sent.version);
                self.completed.push_back(Completed { tag, to, version, outcome: Err(error) });
            }
        }
        for queued in std::mem::take(&mut peer.queue) {
            let (tag, to) = (queued.tag, to.clone());
            self.completed.push_back(Completed { tag, to, version: -1, outcome: Err(error) });
        }
    }
}

impl<T> Peer<T> {
    fn new(max_response: usize) -> Self {
        Self {
            state: State::Idle,
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            decoder: FrameDecoder::new(max_response),
            versions: None,
            failures: 0,
            correlation: 0,
            throttled: None,
        }
    }

    fn connection(&self) -> Option<ConnectionId> {
        match self.state {
            State::Idle | State::Backoff { .. } => None,
            State::Connecting { connection, .. }
            | State::Negotiating { connection }
            | State::Open { connection } => Some(connection),
        }
    }

    fn next_correlation(&mut self) -> CorrelationId {
        let id = self.correlation;
        self.correlation = self.correlation.checked_add(1).unwrap_or(0);
        CorrelationId(id)
    }

    fn next_deadline(&self) -> Option<Time> {
        let state = match self.state {
            State::Backoff { until } if !self.queue.is_empty() => Some(until),
            State::Connecting { deadline, .. } => Some(deadline),
            State::Idle
            | State::Backoff { .. }
            | State::Negotiating { .. }
            | State::Open { .. } => None,
        };
        let sent = self.in_flight.iter().map(|sent| sent.deadline).min();
        let queued = self.queue.iter().map(|queued| queued.deadline).min();
        [state, sent, queued, self.throttled].into_iter().flatten().min()
    }

    /// Sends nothing for so long, because the peer says so (KIP-219): it answers at once and reads no further meanwhile.
    /// What it was already asked may take that much longer.
    fn honour(&mut self, throttle: Span, now: Time) {
        if throttle > Span::ZERO {
            self.throttled = self.throttled.max(Some(now + throttle));
            for sent in &mut self.in_flight {
                sent.deadline += throttle;
            }
        }
    }

    /// The highest version that both sides and the caller accept.
    fn version_for(&self, queued: &Queued<T>) -> Option<i16> {
        let ours = api::info(queued.api as i16)?;
        let (min, max) = match &self.versions {
            Some(theirs) => *theirs.get(&ours.key)?,
            None => (ours.min, ours.max),
        };
        let wanted = queued.call.max_version.unwrap_or(i16::MAX);
        let version = ours.max.min(max).min(wanted);
        (version >= ours.min.max(min)).then_some(version)
    }

    /// Sends a request; returns its outcome if there is one at once.
    fn transmit(
        &mut self,
        cx: &mut Context<'_>,
        to: &Endpoint,
        connection: ConnectionId,
        client_id: &str,
        queued: Queued<T>,
    ) -> Option<Completed<T>> {
        let refused = |tag| {
            let outcome = Err(RpcError::UnsupportedVersion);
            Some(Completed { tag, to: to.clone(), version: -1, outcome })
        };
        let Some(version) = self.version_for(&queued) else { return refused(queued.tag) };
        let correlation = self.next_correlation();
        let Queued { call, api, deadline, tag } = queued;
        let Ok(bytes) = codec::encode_request(version, correlation, Some(client_id), &call.request)
        else {
            return refused(tag);
        };
        cx.out.send(connection, bytes, note(api, version, correlation));
        if call.answered {
            self.in_flight.push_back(InFlight {
                correlation,
                api,
                version,
                deadline,
                tag: Some(tag),
            });
            return None;
        }
        let outcome = Ok(ResponseKind::Produce(ProduceResponse::default()));
        Some(Completed { tag, to: to.clone(), version, outcome })
    }
}

fn note(api: ApiKey, api_version: i16, correlation_id: CorrelationId) -> FrameNote {
    FrameNote { role: FrameRole::Request, api_key: api as i16, api_version, correlation_id }
}

/// Exponential with 20 % of jitter on either side, as KIP-144 and KIP-580 have it.
fn backoff(cx: &mut Context<'_>, settings: &ClientSettings, failures: u32) -> Span {
    let doubled = settings.reconnect_backoff.times(1 << failures.min(20));
    let base = doubled.min(settings.reconnect_backoff_max);
    let (low, high) = (Span(base.0 / 5 * 4), Span(base.0 / 5 * 6));
    cx.rng.of(Purpose::Backoff).span(low, high)
}

fn ranges(response: &ApiVersionsResponse) -> NegotiatedVersions {
    response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect()
}

/// Whether an ApiVersions response carries UNSUPPORTED_VERSION, in which case its body is in version 0. Every version
/// begins with the error code.
fn says_unsupported_version(frame: &Bytes) -> bool {
    frame.get(4..6) == Some(ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes().as_slice())
}
