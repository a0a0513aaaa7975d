//! Decisions: from a request and the state to records and a reply. Nothing here changes anything.
//!
//! Each subject has its file. A decision borrows what it may look at ([`Decider`]) and returns what it wants
//! ([`Decision`]); the controller observes its events, replays its records on the speculative image and queues its reply.

pub(crate) mod alter_partition;
pub(crate) mod brokers;
pub(crate) mod configs;
pub(crate) mod partitions;
pub(crate) mod placement;
pub(crate) mod topics;

use klamm_node::{Because, EventKind, Offset, Time};
use klamm_protocol::{ErrorCode, MetadataRecord};

use crate::controller::ControllerConfig;
use crate::image::MetadataImage;
use crate::sessions::Sessions;

/// What a decision may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decider<'a> {
    /// Everything decided so far, committed or not.
    pub image: &'a MetadataImage,
    /// The controller's settings.
    pub config: &'a ControllerConfig,
    /// Who was heard of, and when.
    pub sessions: &'a Sessions,
    /// Where the next record will be.
    pub next_offset: Offset,
    /// The time.
    pub now: Time,
}

/// What a decision wants.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Decision<R> {
    /// One atomic batch; may be empty.
    pub records: Vec<MetadataRecord>,
    /// What the decision tells the lab, with causes.
    pub events: Vec<(EventKind, Because)>,
    /// What the caller gets once the records are committed.
    pub reply: R,
}

impl<R> Decision<R> {
    /// A decision that changes nothing.
    pub(crate) fn only(reply: R) -> Self {
        Self { records: Vec::new(), events: Vec::new(), reply }
    }

    /// The same decision with another reply.
    pub(crate) fn with<S>(self, reply: S) -> Decision<S> {
        Decision { records: self.records, events: self.events, reply }
    }
}

/// A refusal: Kafka's error and a sentence for people.
pub(crate) type Refusal = (ErrorCode, String);
