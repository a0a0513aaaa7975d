//! What is said to a pool of connections, and what comes back.

use klamm_node::event::Word;
use klamm_node::{CloseReason, Endpoint, Span};
use thiserror::Error;

use crate::kafka::messages::{RequestKind, ResponseKind};

/// Why a request has no response. All but `UnsupportedVersion` depend on peer and network, none on chance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Error)]
pub enum RpcError {
    /// The connection could not be opened, or ended before the response.
    #[error("disconnected: {0}")]
    Disconnected(CloseReason),
    /// No response in time. Whether the peer did what was asked is unknown.
    #[error("timeout")]
    Timeout,
    /// The two sides have no version in common in which this can be said. It was not sent.
    #[error("unsupported version")]
    UnsupportedVersion,
    /// What came back is not the response. The connection is closed.
    #[error("malformed response")]
    Malformed,
}

impl RpcError {
    /// What happened, in one word, for an event's `error` field.
    pub fn word(self) -> Word {
        match self {
            Self::Disconnected(reason) => format!("disconnected-{reason}").into(),
            Self::Timeout => "timeout".into(),
            Self::UnsupportedVersion => "unsupported-version".into(),
            Self::Malformed => "malformed".into(),
        }
    }
}

/// How a client presents itself in ApiVersions (KIP-511).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Software {
    /// `client_software_name`.
    pub name: String,
    /// `client_software_version`.
    pub version: String,
}

/// How a pool behaves.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The `client_id` in every header.
    pub client_id: String,
    /// Ask each peer for its versions first, as clients do; without it the highest versions of our own table are used, as
    /// between the nodes of one cluster.
    pub negotiate: Option<Software>,
    /// How many requests may be unanswered on one connection.
    pub max_in_flight: usize,
    /// How long a connect, and then the negotiation, may take (`socket.connection.setup.timeout.ms`).
    pub connect_timeout: Span,
    /// The least wait before a reconnect (`reconnect.backoff.ms`).
    pub reconnect_backoff: Span,
    /// The longest wait before a reconnect (`reconnect.backoff.max.ms`).
    pub reconnect_backoff_max: Span,
    /// The largest response.
    pub max_response: usize,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            negotiate: None,
            max_in_flight: 5,
            connect_timeout: Span::secs(10),
            reconnect_backoff: Span::millis(50),
            reconnect_backoff_max: Span::secs(1),
            max_response: 104_857_600,
        }
    }
}

/// One request to a peer.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// The request. Boxed, because it is moved about until it is sent.
    pub request: Box<RequestKind>,
    /// The highest version that it may be sent in, if that matters.
    pub max_version: Option<i16>,
    /// How long it may take, from being queued to being answered.
    pub timeout: Span,
    /// False if no response will come.
    pub answered: bool,
}

impl Call {
    /// A request that must be answered within `timeout`, in the highest version that both sides know.
    pub fn new(request: impl Into<Box<RequestKind>>, timeout: Span) -> Self {
        Self { request: request.into(), max_version: None, timeout, answered: true }
    }

    /// In no higher version than this.
    #[must_use]
    pub fn up_to(self, version: i16) -> Self {
        Self { max_version: Some(version), ..self }
    }

    /// Produce with acks=0: done, with an empty response, as soon as it is sent.
    #[must_use]
    pub fn without_response(self) -> Self {
        Self { answered: false, ..self }
    }
}

/// What became of a request.
#[derive(Clone, PartialEq, Debug)]
pub struct Completed<T> {
    /// The owner's word for the request.
    pub tag: T,
    /// Whom it was for.
    pub to: Endpoint,
    /// The version in which it was sent; -1 if it was not.
    pub version: i16,
    /// The response.
    pub outcome: Result<ResponseKind, RpcError>,
}
