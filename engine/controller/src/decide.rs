//! Decisions: from a request and the state to records and a reply. Nothing here changes anything.
//!
//! Each subject has its file. A decision borrows what it may look at ([`Decider`]) and returns what it wants
//! ([`Decision`]); the controller observes its events, replays its records on the speculative image and queues its reply.

pub(crate) mod alter_partition;
pub(crate) mod brokers;
mod changes;
pub(crate) mod configs;
pub(crate) mod deletion;
pub(crate) mod elections;
pub(crate) mod features;
pub(crate) mod growth;
pub mod life;
pub(crate) mod partitions;
pub(crate) mod placement;
pub(crate) mod producer_ids;
pub(crate) mod quotas;
pub(crate) mod reassignment;
pub(crate) mod topics;

use klamm_node::{Because, BrokerEpoch, BrokerId, EventKind, Offset, Time};
use klamm_protocol::kafka::messages::ApiKey;
use klamm_protocol::{ErrorCode, MetadataRecord};

use crate::controller::{ControllerConfig, KRaftLevel};
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
    /// The quorum's word on its own feature, if a request is about it.
    pub kraft_level: Option<&'a KRaftLevel>,
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

/// A decision that only tells of a broker whose registration does not hold (any more).
pub(crate) fn refused(broker: BrokerId, epoch: i64, api: ApiKey, error: ErrorCode) -> Decision<()> {
    let kind = EventKind::BrokerRequestRefused {
        broker,
        broker_epoch: BrokerEpoch(epoch),
        api_key: api as i16,
        error: error.word(),
    };
    Decision { records: Vec::new(), events: vec![(kind, Because::Input)], reply: () }
}

/// A refusal: Kafka's error and a sentence for people.
pub(crate) type Refusal = (ErrorCode, String);
