//! One call in, one outbox out: inputs, effects, and the context of a call.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::disk::Disk;
use crate::event::EventKind;
use crate::id::{BrokerId, ConnectionId, CorrelationId, Incarnation, Offset, Seq};
use crate::rng::Streams;
use crate::time::{Time, Timestamp};

/// A process of the cluster as a state machine: plain data, no I/O.
pub trait Node {
    /// Takes one input and leaves everything that follows from it in `cx.out`. Total: a protocol error is a reply or a
    /// closed connection, never a panic. With [`Input::Wake`] it fires every timer that is due at `cx.now`.
    fn handle(&mut self, cx: &mut Context<'_>, input: Input);

    /// The earliest instant at which the node wants an [`Input::Wake`], and why.
    fn next_deadline(&self) -> Option<(Time, &'static str)>;

    /// The instant of [`Node::next_deadline`], for drivers that ask after every input and seldom want to know why.
    fn next_wake(&self) -> Option<Time> {
        self.next_deadline().map(|(at, _)| at)
    }

    /// Whether a driver with real peers should leave this connection's next bytes unread for now, as Kafka mutes a channel
    /// whose request it is working on. The node takes in whatever arrives all the same: this is about memory, never
    /// about meaning, so that a driver without floods need not ask.
    fn mutes(&self, _connection: ConnectionId) -> bool {
        false
    }
}

/// What a driver hands to a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The process starts, on whatever its disk holds. The first input of every incarnation.
    Start {
        /// How often this node has been started, this time included.
        incarnation: Incarnation,
    },
    /// A timer is due, see [`Node::next_deadline`]. May come late, may come for nothing.
    Wake,
    /// A connection that this node asked for is established.
    Opened {
        /// The connection.
        connection: ConnectionId,
    },
    /// A peer connected to one of this node's listeners.
    Accepted {
        /// The new connection.
        connection: ConnectionId,
        /// The listener's port.
        port: u16,
        /// The peer, for the trace and for error texts.
        peer: Endpoint,
    },
    /// Bytes arrived, in order; frames may be cut anywhere.
    Received {
        /// The connection.
        connection: ConnectionId,
        /// The bytes.
        bytes: Bytes,
    },
    /// The connection is gone, or could not be opened.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
    /// A request from the node's user.
    Command(Command),
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum CloseReason {
    /// The peer closed it.
    PeerClosed,
    /// This side closed it.
    Local,
    /// Nobody listens there: the connect was refused.
    Refused,
    /// The connect was not answered in time.
    ConnectTimeout,
    /// A request on it was not answered in time.
    RequestTimeout,
    /// The peer's process had died or restarted since; it answered with a reset.
    Reset,
    /// The bytes on it are not the Kafka protocol.
    Malformed,
    /// An API or version that this side does not serve.
    Unsupported,
    /// Nothing was said on it for too long.
    Idle,
    /// A produce request with acks=0 failed, which Kafka can tell only by closing.
    ErrorWithoutReply,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PeerClosed => "peer-closed",
            Self::Local => "local",
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect-timeout",
            Self::RequestTimeout => "request-timeout",
            Self::Reset => "reset",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Idle => "idle",
            Self::ErrorWithoutReply => "error-without-reply",
        })
    }
}

/// A host and port, as Kafka's listeners and metadata carry them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Host name; in the world, a node's name.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
}

impl Endpoint {
    /// A host and a port.
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

/// By host, then by port. Every pool of connections asks this, mostly about two clones of one name, whose text need not be
/// read.
impl Ord for Endpoint {
    fn cmp(&self, other: &Self) -> Ordering {
        let hosts = if Arc::ptr_eq(&self.host, &other.host) {
            Ordering::Equal
        } else {
            self.host.cmp(&other.host)
        };
        hosts.then_with(|| self.port.cmp(&other.port))
    }
}

impl PartialOrd for Endpoint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Whether a frame asks or answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum FrameRole {
    /// A request.
    Request,
    /// A response.
    Response,
}

/// What the sender knows about the bytes it sends, so that no driver needs to decode them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FrameNote {
    /// Request or response.
    pub role: FrameRole,
    /// Kafka's API key.
    pub api_key: i16,
    /// The API version of the frame.
    pub api_version: i16,
    /// The correlation id.
    pub correlation_id: CorrelationId,
}

/// What a node wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Open a connection; answered by `Opened` or `Closed`. A connect may hang: the node guards it with a timer.
    Connect {
        /// The id chosen by [`Effects::connect`].
        connection: ConnectionId,
        /// Where to.
        to: Endpoint,
    },
    /// Send bytes in order: exactly one whole frame a call.
    Send {
        /// The connection.
        connection: ConnectionId,
        /// Length prefix, header and body.
        bytes: Bytes,
        /// What they are.
        note: FrameNote,
    },
    /// Close the connection; no `Closed` follows on this side.
    Close {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
    /// Stop this process: it can't go on (a disk error on the metadata log), or an orderly shutdown is complete.
    Halt {
        /// Why, in a sentence.
        reason: String,
        /// True for the end of an orderly shutdown.
        orderly: bool,
    },
}

/// What led to an event or effect, as a node can say it; the recorder turns it into the [`Seq`] of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Because {
    /// The input being handled.
    #[default]
    Input,
    /// The event observed just before in the same call; the input if there was none.
    Previous,
    /// An event of an earlier call, remembered with [`Context::cause`] or handed over by the recorder.
    Seq(Seq),
    /// The append of this metadata record on the quorum's leader, by its offset.
    MetadataRecord(Offset),
    /// Nothing (or nothing new) came from a peer since a time of this node's clock. The recorder names the fault that
    /// kept the peer silent, if there is one: its crash, its pause, the cut between the two.
    Silence {
        /// Whose silence.
        of: BrokerId,
        /// Since when, on this node's clock.
        since: Time,
    },
}

/// One thing that came out of a call.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Something to do.
    Effect(Effect, Because),
    /// Something that happened.
    Observed(EventKind, Because),
}

impl Output {
    /// Whether it says that a producer took a record in.
    pub fn accepts_a_record(&self) -> bool {
        matches!(self, Self::Observed(EventKind::RecordAccepted { .. }, _))
    }
}

/// The caller-owned outbox: everything that one call left behind, in order.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// What came out, oldest first. The driver drains it after each call.
    pub items: Vec<Output>,
    /// The next connection id that this node uses. The driver draws ids for accepted connections from it too.
    pub next_connection: u64,
    /// True when the node remembered the input as a cause, which makes the recorder keep it.
    pub cause_kept: bool,
}

impl Effects {
    /// A fresh connection id.
    pub fn fresh_connection(&mut self) -> ConnectionId {
        self.next_connection += 1;
        ConnectionId(self.next_connection)
    }

    /// Records an event caused by the input.
    pub fn observe(&mut self, kind: EventKind) {
        self.items.push(Output::Observed(kind, Because::Input));
    }

    /// Records an event with its cause.
    pub fn observe_because(&mut self, kind: EventKind, because: Because) {
        self.items.push(Output::Observed(kind, because));
    }

    /// Asks for a connection and returns its id. Its cause is the last event of this call, or the input: mostly the wish
    /// that the first request on it carries.
    pub fn connect(&mut self, to: Endpoint) -> ConnectionId {
        let connection = self.fresh_connection();
        self.items.push(Output::Effect(Effect::Connect { connection, to }, Because::Previous));
        connection
    }

    /// Sends one whole frame. Its cause is the last event of this call, or the input.
    pub fn send(&mut self, connection: ConnectionId, bytes: Bytes, note: FrameNote) {
        self.items
            .push(Output::Effect(Effect::Send { connection, bytes, note }, Because::Previous));
    }

    /// Closes a connection.
    pub fn close(&mut self, connection: ConnectionId, reason: CloseReason) {
        self.items.push(Output::Effect(Effect::Close { connection, reason }, Because::Input));
    }

    /// Stops the process.
    pub fn halt(&mut self, reason: impl Into<String>, orderly: bool) {
        let reason = reason.into();
        self.items.push(Output::Effect(Effect::Halt { reason, orderly }, Because::Previous));
    }
}

/// Everything that a node may touch during one call.
pub struct Context<'a> {
    /// The node's monotonic clock.
    pub now: Time,
    /// The node's wall clock.
    pub wall: Timestamp,
    /// The event of the input being handled; use [`Context::cause`] to keep it.
    pub input_seq: Seq,
    /// The node's disk.
    pub disk: &'a mut dyn Disk,
    /// The node's random streams.
    pub rng: &'a mut Streams,
    /// The outbox.
    pub out: &'a mut Effects,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .field("input_seq", &self.input_seq)
            .finish_non_exhaustive()
    }
}

impl Context<'_> {
    /// The event of the input being handled, to be remembered as the cause of something later.
    pub fn cause(&mut self) -> Because {
        self.out.cause_kept = true;
        Because::Seq(self.input_seq)
    }

    /// Records an event caused by the input.
    pub fn observe(&mut self, kind: EventKind) {
        self.out.observe(kind);
    }

    /// Records an event with its cause.
    pub fn observe_because(&mut self, kind: EventKind, because: Because) {
        self.out.observe_because(kind, because);
    }
}
