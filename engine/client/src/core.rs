//! What every client has: the pool of connections, the metadata, and the way of both into and out of the node.

use std::collections::BTreeMap;

use klamm_node::{Context, Endpoint, Input, Span, Time, earliest};
use klamm_protocol::channel::Software;
use klamm_protocol::kafka::messages::ResponseKind;
use klamm_protocol::{Call, Client, ClientSettings, Completed};

use crate::metadata::Metadata;

/// What a request in the pool is for.
#[derive(Clone, Debug)]
pub(crate) enum Tag<T> {
    Metadata,
    Own(T),
}

/// Settings that all clients share, from their own configs.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub client_id: String,
    pub max_in_flight: usize,
    pub connect_timeout: Span,
    pub reconnect_backoff: Span,
    pub reconnect_backoff_max: Span,
    pub request_timeout: Span,
}

#[derive(Clone, Debug)]
pub(crate) struct Core<T> {
    pub pool: Client<Tag<T>>,
    pub metadata: Metadata,
    pub request_timeout: Span,
    /// The backoff of each broker that could not be reached, as it was last seen.
    pub unreachable: BTreeMap<Endpoint, Time>,
}

impl<T: Clone> Core<T> {
    pub(crate) fn new(shared: Shared, metadata: Metadata) -> Self {
        let settings = ClientSettings {
            client_id: shared.client_id,
            negotiate: Some(Software {
                name: "klamm".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }),
            max_in_flight: shared.max_in_flight,
            connect_timeout: shared.connect_timeout,
            reconnect_backoff: shared.reconnect_backoff,
            reconnect_backoff_max: shared.reconnect_backoff_max,
            ..ClientSettings::default()
        };
        let pool = Client::new(settings);
        let request_timeout = shared.request_timeout;
        Self { pool, metadata, request_timeout, unreachable: BTreeMap::new() }
    }

    /// Takes what concerns connections and timers of the pool.
    pub(crate) fn handle(&mut self, cx: &mut Context<'_>, input: &Input) {
        match input {
            Input::Opened { connection } => self.pool.opened(cx, *connection),
            Input::Received { connection, bytes } => self.pool.received(cx, *connection, bytes),
            Input::Closed { connection, reason } => {
                if self.pool.owns(*connection) {
                    // Whoever is gone may have been a leader: Kafka's clients look around at every disconnect.
                    self.metadata.refresh();
                }
                self.pool.closed(cx, *connection, *reason);
            }
            Input::Wake => self.pool.handle_timers(cx),
            Input::Accepted { connection, .. } => {
                cx.out.close(*connection, klamm_node::CloseReason::Refused);
            }
            Input::Start { .. } | Input::Command(_) => {}
        }
    }

    /// Sends a request of the client's own.
    pub(crate) fn send(&mut self, cx: &mut Context<'_>, to: &Endpoint, call: Call, tag: T) {
        self.pool.send(cx, to, call, Tag::Own(tag));
    }

    /// The next outcome of a request of the client's own; those about metadata are dealt with on the way.
    pub(crate) fn next_completed(&mut self, cx: &mut Context<'_>) -> Option<Completed<T>> {
        while let Some(Completed { tag, to, version, outcome }) = self.pool.next_completed() {
            match tag {
                Tag::Own(tag) => return Some(Completed { tag, to, version, outcome }),
                Tag::Metadata => match outcome {
                    Ok(ResponseKind::Metadata(response)) => {
                        self.metadata.answered(cx, &to, &response);
                    }
                    Ok(_) | Err(_) => self.metadata.failed(cx, &to),
                },
            }
        }
        None
    }

    /// The broker that Kafka's clients ask when any will do.
    pub(crate) fn least_loaded(&self, cx: &mut Context<'_>) -> Option<Endpoint> {
        let pool = &self.pool;
        self.metadata.least_loaded(cx, |to| (pool.is_open(to), pool.outstanding(to)))
    }

    /// Asks for metadata if it is time.
    pub(crate) fn poll_metadata(&mut self, cx: &mut Context<'_>) {
        let pool = &self.pool;
        let load = |to: &Endpoint| (pool.is_open(to), pool.outstanding(to));
        if let Some((to, request)) = self.metadata.poll(cx, load) {
            let call = Call::new(request, self.request_timeout);
            self.pool.send(cx, &to, call, Tag::Metadata);
        }
    }

    /// Whether a request would leave at once; if not, sees to the connection. A connection that failed makes the
    /// client look around, and may be tried again at the returned time.
    pub(crate) fn ready(
        &mut self,
        cx: &mut Context<'_>,
        to: &Endpoint,
    ) -> Result<(), Option<Time>> {
        if self.pool.is_open(to) {
            return Ok(());
        }
        let retry = self.pool.connect(cx, to);
        if let Some(at) = retry
            && self.unreachable.insert(to.clone(), at) != Some(at)
        {
            self.metadata.refresh();
        }
        Err(retry)
    }

    /// Requests to a broker without an outcome yet.
    pub(crate) fn outstanding(&self, to: &Endpoint) -> usize {
        self.pool.outstanding(to)
    }

    /// The highest version of an API that a broker knows, once negotiated.
    pub(crate) fn version(&self, to: &Endpoint, api_key: i16) -> Option<i16> {
        let ours = klamm_protocol::api::info(api_key)?.max;
        let theirs = self.pool.versions(to)?.get(&api_key)?.1;
        Some(ours.min(theirs))
    }

    pub(crate) fn close_all(&mut self, cx: &mut Context<'_>) {
        self.pool.close_all(cx);
    }

    pub(crate) fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let pool = self.pool.next_deadline().map(|at| (at, "connection"));
        let metadata = self.metadata.next_deadline().map(|at| (at, "metadata"));
        earliest(&[pool, metadata])
    }
}
