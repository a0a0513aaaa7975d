//! Requests that wait: Kafka's purgatory as plain data.
//!
//! *Flows in*: a request with what it waits for and until when. *Flows out*: which requests may be done now that a
//! partition changed, or that time has passed. *Must never*: hold a closure, or answer by itself.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::Time;
use klamm_protocol::channel::RequestToken;

use super::PartitionKey;
use super::delete_records::ParkedDeletion;
use super::fetch::ParkedFetch;
use super::produce::ParkedProduce;

/// A parked request's number; they are looked at in the order in which they came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct ParkedId(u64);

/// Partitions whose lists are kept while they are empty. A broker's own are fewer; strangers may ask for anything.
const KEPT: usize = 4096;

/// What a request waits for. Boxed, because it is moved about while it is looked at.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Awaited {
    /// acks=all: the high watermark of each of its partitions.
    Produce(Box<ParkedProduce>),
    /// A long poll: bytes.
    Fetch(Box<ParkedFetch>),
    /// DeleteRecords: the low watermark of each of its partitions.
    DeleteRecords(Box<ParkedDeletion>),
    /// Nothing: what stands in for it while it is being looked at.
    Nothing,
}

/// A request that waits.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ParkedRequest {
    /// The request.
    pub token: RequestToken,
    /// When it is answered whatever there is.
    pub deadline: Time,
    /// What it waits for.
    pub awaited: Awaited,
}

/// All waiting requests of a broker, findable by partition and by deadline.
#[derive(Clone, Debug, Default)]
pub(super) struct Parked {
    next: u64,
    requests: BTreeMap<ParkedId, ParkedRequest>,
    /// Oldest first. Empty lists stay for the next request that waits here, see [`KEPT`].
    by_partition: BTreeMap<PartitionKey, Vec<ParkedId>>,
    by_deadline: BTreeSet<(Time, ParkedId)>,
}

impl Parked {
    /// Parks a request.
    pub(super) fn park(&mut self, request: ParkedRequest) -> ParkedId {
        self.next += 1;
        let id = ParkedId(self.next);
        for key in request.awaited.partitions() {
            let waiting = self.by_partition.entry(key).or_default();
            // A partition that a request names twice is looked at once.
            if waiting.last() != Some(&id) {
                waiting.push(id);
            }
        }
        self.by_deadline.insert((request.deadline, id));
        self.requests.insert(id, request);
        id
    }

    /// The requests that wait for something of a partition, oldest first, into `into`.
    pub(super) fn waiting_on(&self, key: PartitionKey, into: &mut Vec<ParkedId>) {
        if let Some(waiting) = self.by_partition.get(&key) {
            into.extend_from_slice(waiting);
        }
    }

    /// A waiting request.
    pub(super) fn get_mut(&mut self, id: ParkedId) -> Option<&mut ParkedRequest> {
        self.requests.get_mut(&id)
    }

    /// Takes a request out, to answer it.
    pub(super) fn take(&mut self, id: ParkedId) -> Option<ParkedRequest> {
        let request = self.requests.remove(&id)?;
        for key in request.awaited.partitions() {
            let Some(waiting) = self.by_partition.get_mut(&key) else { continue };
            if let Ok(at) = waiting.binary_search(&id) {
                waiting.remove(at);
            }
            if waiting.is_empty() && self.by_partition.len() > KEPT {
                self.by_partition.remove(&key);
            }
        }
        self.by_deadline.remove(&(request.deadline, id));
        Some(request)
    }

    /// Takes the request that has waited too long, longest overdue first.
    pub(super) fn take_due(&mut self, now: Time) -> Option<ParkedRequest> {
        let (at, id) = *self.by_deadline.first()?;
        if at > now {
            return None;
        }
        self.take(id)
    }

    /// The next deadline.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.by_deadline.first().map(|(at, _)| *at)
    }

    /// The requests that wait.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &RequestToken> {
        self.requests.values().map(|request| &request.token)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}

impl Awaited {
    /// The partitions whose changes matter to the request. A produce keeps its whole list to the end, so that what was
    /// put into the index is what is taken out.
    fn partitions(&self) -> impl Iterator<Item = PartitionKey> {
        let (produce, fetch, deletion) = match self {
            Self::Produce(produce) => (Some(&**produce), None, None),
            Self::Fetch(fetch) => (None, Some(&**fetch), None),
            Self::DeleteRecords(deletion) => (None, None, Some(&**deletion)),
            Self::Nothing => (None, None, None),
        };
        let produced = produce.into_iter().flat_map(ParkedProduce::partitions);
        let fetched = fetch.into_iter().flat_map(ParkedFetch::partitions);
        let deleted = deletion.into_iter().flat_map(ParkedDeletion::partitions);
        produced.chain(fetched).chain(deleted)
    }
}
