//! Replicas: every partition of which this broker holds a copy, as leader or follower.
//!
//! ```text
//!   Produce ─► append ─┐                       ┌─► parked (acks=all) ─► reply
//!   Fetch (follower) ──┼─► log, follower state ┼─► high watermark ────► parked fetches ─► reply
//!   metadata ──────────┤                       └─► ISR proposals ─────► AlterPartition
//!   Fetch response ────┴─► follower: truncate or append, high watermark ─► next Fetch
//! ```
//!
//! *Flows in*: metadata changes, requests of clients and followers, answers of leaders and of the controller, time.
//! *Flows out*: [`ReplicaOutput`]s and events of the rooms Replica, Log and Broker.
//! *Must never*: decide who leads or who is in sync (the controller does), read a clock, or call another room.
//!
//! Invariants
//! * I1 log start ≤ high watermark ≤ log end.
//! * I2 A leader's high watermark never decreases within its leadership, and moves only while the ISR has
//!   `min.insync.replicas` members (KIP-966).
//! * I3 A leader has an epoch entry for its epoch, at the log end of its election (KAFKA-7415).
//! * I4 A follower's position counts only if the leader found no divergence, in the leader's epoch.
//! * I5 At most one ISR proposal a partition, one AlterPartition a broker, one Fetch a fetcher.
//! * I6 acks=0 is never answered; every other request is answered exactly once.
//!
//! Deliberately not here: transactions, retention, several log directories.

mod checkpoint;
mod closest;
mod delete_records;
mod describe_log_dirs;
mod describe_producers;
mod directories;
mod fetch;
mod fetcher;
mod follower;
#[cfg(test)]
mod follower_tests;
mod hints;
mod image;
mod internal;
mod isr;
mod leader;
#[cfg(test)]
mod leader_tests;
mod list_offsets;
mod parked;
mod partition;
mod produce;
mod producers;
mod proposals;
mod read;
mod reconfigure;
mod recovery;
mod role;
mod session;
mod summary;
#[cfg(test)]
mod tests;
mod throttle;
mod transition;

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::config::ServerConfig;
use klamm_node::{
    BrokerEpoch, BrokerId, CloseReason, Context, Endpoint, EventKind, LeaderEpoch, Offset, Span,
    Time, Timers, TopicId, TopicPartition,
};
use klamm_protocol::channel::{RequestToken, RpcError};
use klamm_protocol::kafka::messages::{AlterPartitionRequest, RequestKind, ResponseKind};

use directories::Directories;
use fetcher::Fetchers;
use parked::{Awaited, Parked, ParkedRequest};
use partition::Partition;
use proposals::Proposals;
use recovery::Recovered;
use session::Sessions;
use throttle::Throttles;

pub use fetcher::FetcherId;
pub use image::Image;
pub use internal::CoordinatorLog;
pub use role::{PartitionRole, RoleMove, role_figure};
pub use summary::{BatchSummary, ReplicaRole, ReplicaSummary};

/// How long a broker waits after a failed AlterPartition, as Kafka's AlterPartitionManager does.
const ALTER_PARTITION_RETRY: Span = Span::millis(50);

/// A partition by its topic's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PartitionKey {
    /// The topic.
    pub topic: TopicId,
    /// The index.
    pub partition: i32,
}

/// Something for the composer to do. Messages are boxed, because it is moved about until it is done.
#[derive(Clone, PartialEq, Debug)]
pub enum ReplicaOutput {
    /// Answer a request; `None` frees the connection of a produce with acks=0 without a byte.
    Reply {
        /// The request.
        token: RequestToken,
        /// Its response.
        response: Option<Box<ResponseKind>>,
    },
    /// Close the connection of a request instead of answering it.
    CloseConnection {
        /// The request.
        token: RequestToken,
        /// Why.
        reason: CloseReason,
    },
    /// Send a request to another broker, and bring its outcome to [`Replicas::handle_response`].
    Send {
        /// The broker.
        to: BrokerId,
        /// Which of the fetchers' connections to it.
        fetcher: i32,
        /// Where it listens.
        endpoint: Endpoint,
        /// The request; its version is the highest that both speak.
        request: Box<RequestKind>,
        /// How long it may take.
        timeout: Span,
        /// What it is about.
        call: ReplicaCall,
    },
    /// Send a request to the active controller, and bring its outcome to [`Replicas::handle_response`]. When the
    /// controller is unknown, an error is an outcome too: the request is made again.
    AlterPartition {
        /// The request.
        request: AlterPartitionRequest,
        /// What it is about.
        call: ReplicaCall,
    },
}

/// What a request of this room was about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ReplicaCall {
    /// A follower's fetch.
    Fetch {
        /// Who asks.
        fetcher: FetcherId,
        /// Which fetch.
        serial: u64,
    },
    /// A follower whose position is out of range looks for the leader's log.
    Search {
        /// Who asks.
        fetcher: FetcherId,
        /// The partition.
        key: PartitionKey,
        /// The leader epoch.
        leader_epoch: LeaderEpoch,
        /// What it asks.
        step: SearchStep,
    },
    /// ISR changes.
    AlterPartition {
        /// Which request.
        serial: u64,
    },
}

/// The two questions of a follower whose position is out of range.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SearchStep {
    /// Where the leader's log ends.
    End,
    /// Where it starts.
    Start,
}

/// Why this room wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wake {
    /// Look for lagging followers, every half `replica.lag.time.max.ms`.
    IsrCheck,
    /// Write the high watermarks to their checkpoint.
    HighWatermarkCheckpoint,
    /// Note where each log starts.
    LogStartCheckpoint,
    /// Note up to where each log is durable.
    RecoveryPointCheckpoint,
    /// Remove directories of deleted replicas.
    DirectoryRemoval,
    /// Send AlterPartition again.
    AlterPartition,
    /// Fetch from a leader again.
    Fetcher(FetcherId),
    /// A parked request has waited long enough.
    Parked,
}

/// Who this broker is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Me {
    id: BrokerId,
    broker_epoch: BrokerEpoch,
}

/// Every replica of this broker.
#[derive(Clone, Debug)]
pub struct Replicas {
    me: Me,
    config: ServerConfig,
    partitions: BTreeMap<PartitionKey, Partition>,
    /// Logs that were found on the disk and that no metadata has claimed yet.
    recovered: BTreeMap<TopicPartition, Recovered>,
    parked: Parked,
    proposals: Proposals,
    fetchers: Fetchers,
    sessions: Sessions,
    timers: Timers<Wake>,
    /// What the high-watermark checkpoint says.
    checkpointed: BTreeMap<TopicPartition, Offset>,
    /// What the recovery-point checkpoint says.
    recovery_points: BTreeMap<TopicPartition, Offset>,
    /// What the log-start checkpoint says.
    log_starts: BTreeMap<TopicPartition, Offset>,
    directories: Directories,
    throttles: Throttles,
    /// The topics in which this broker's coordinators live, or lived.
    watched: BTreeSet<TopicId>,
    /// Partitions of them that have changed since the coordinators were told.
    stirred: BTreeSet<PartitionKey>,
    /// True while a checkpoint may name what is no longer there.
    checkpoints_stale: bool,
    /// True once the logs of the disk are open.
    opened: bool,
    /// True once this broker has asked to leave.
    leaving: bool,
    previous_broker_epoch: Option<BrokerEpoch>,
}

impl Replicas {
    /// Tells the room the epoch of this broker's registration. Fetches as a follower and ISR proposals carry it.
    pub fn set_broker_epoch(&mut self, epoch: BrokerEpoch) {
        self.me.broker_epoch = epoch;
    }

    /// The broker epoch of the last orderly stop, to be shown at the next registration (KIP-966); none after a crash.
    pub fn previous_broker_epoch(&self) -> Option<BrokerEpoch> {
        self.previous_broker_epoch
    }

    /// The broker has asked to leave: it goes on to lead and follow, but does not fetch its way back into an ISR that has
    /// let it go (KIP-841).
    pub fn begin_controlled_shutdown(&mut self) {
        self.leaving = true;
    }

    /// How many partitions this broker leads, for its controlled shutdown.
    pub fn led(&self) -> usize {
        self.partitions.values().filter(|partition| partition.leading().is_ok()).count()
    }

    /// The requests that wait. Among them may be some whose connection is gone: as in Kafka's purgatory, nobody looks for
    /// those before they are due.
    pub fn parked(&self) -> impl Iterator<Item = &RequestToken> {
        self.parked.tokens()
    }

    /// How many fetch sessions it holds (KIP-227).
    pub fn fetch_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Takes the outcome of a request that this room asked for.
    pub fn handle_response(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        call: ReplicaCall,
        outcome: Result<ResponseKind, RpcError>,
        out: &mut Vec<ReplicaOutput>,
    ) {
        match call {
            ReplicaCall::Fetch { fetcher, serial } => {
                self.fetch_answered(cx, image, fetcher, serial, outcome, out);
            }
            ReplicaCall::Search { fetcher, key, leader_epoch, step } => {
                self.search_answered(cx, image, fetcher, key, leader_epoch, step, outcome, out);
            }
            ReplicaCall::AlterPartition { serial } => {
                let mut touched = Vec::new();
                self.alter_partition_answered(cx, image, serial, outcome, &mut touched);
                self.settle(cx, image, &touched, out);
            }
        }
    }

    /// When this room wants to be woken next, and why.
    pub fn next_deadline(&self) -> Option<(Time, Wake)> {
        let timer = self.timers.next().map(|(at, wake)| (at, *wake));
        let parked = self.parked.next_deadline().map(|at| (at, Wake::Parked));
        timer.into_iter().chain(parked).min()
    }

    /// Fires what is due.
    pub fn handle_timers(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        out: &mut Vec<ReplicaOutput>,
    ) {
        while let Some(request) = self.parked.take_due(cx.now) {
            self.unpark(cx, image, request, true, out);
        }
        while let Some(wake) = self.timers.pop_due(cx.now) {
            match wake {
                Wake::IsrCheck => self.check_lag(cx),
                Wake::HighWatermarkCheckpoint => self.checkpoint_due(cx),
                Wake::LogStartCheckpoint => self.log_start_checkpoint_due(cx),
                Wake::RecoveryPointCheckpoint => self.recovery_point_checkpoint_due(cx),
                Wake::DirectoryRemoval => self.remove_directories(cx),
                Wake::Fetcher(id) => self.fetch_from(cx, image, id, out),
                // The proposals go out below; parked requests have no timer in this table.
                Wake::AlterPartition | Wake::Parked => {}
            }
        }
        self.send_proposals(out);
    }

    /// Proposes to drop followers that lag, partition by partition.
    fn check_lag(&mut self, cx: &mut Context<'_>) {
        let lag_max = self.config.replica_lag_time_max;
        self.timers.arm(Wake::IsrCheck, cx.now + half(lag_max));
        for partition in self.partitions.values_mut() {
            let log_end = partition.log.log_end();
            let Ok(leader) = partition.leading() else { continue };
            let lagging = leader.out_of_sync(self.me.id, log_end, cx.now, lag_max);
            if !lagging.is_empty() {
                self.proposals.shrink(cx, partition, &lagging, self.me);
            }
        }
    }

    /// Answers every parked request that these partitions' changes have made ready, and sends ISR proposals.
    fn settle(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        touched: &[PartitionKey],
        out: &mut Vec<ReplicaOutput>,
    ) {
        self.stir(touched);
        let mut waiting = Vec::new();
        if !self.parked.is_empty() {
            for key in touched {
                self.parked.waiting_on(*key, &mut waiting);
            }
        }
        for id in waiting {
            // Borrowed out, looked at, and put back if it has to wait on: the request keeps its place in line.
            let Some(request) = self.parked.get_mut(id) else { continue };
            let token = request.token;
            let mut awaited = std::mem::replace(&mut request.awaited, Awaited::Nothing);
            let ready = match &mut awaited {
                Awaited::Produce(produce) => self.review_produce(cx, image, token, produce),
                Awaited::Fetch(fetch) => self.fetch_is_ready(cx, fetch),
                Awaited::DeleteRecords(deletion) => self.review_deletion(image, deletion),
                Awaited::Nothing => true,
            };
            if let Some(request) = self.parked.get_mut(id) {
                request.awaited = awaited;
            }
            if ready && let Some(request) = self.parked.take(id) {
                self.unpark(cx, image, request, false, out);
            }
        }
        self.send_proposals(out);
    }

    fn unpark(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        request: ParkedRequest,
        timed_out: bool,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let ParkedRequest { token, awaited, .. } = request;
        let (outcome, reply) = match awaited {
            Awaited::Produce(produce) => {
                let outcome = produce::outcome(&produce, timed_out);
                (Some(outcome), produce::finished(image, token, *produce))
            }
            Awaited::Fetch(fetch) => self.finish_fetch(cx, image, token, &fetch),
            Awaited::DeleteRecords(deletion) => {
                (Some(deletion.outcome(timed_out)), deletion.finished(token))
            }
            Awaited::Nothing => return,
        };
        // What came as it was waited for is told by the response's frame.
        if let Some(outcome) = outcome.filter(|outcome| *outcome != "done") {
            cx.observe(EventKind::RequestUnparked {
                connection: token.connection,
                correlation_id: token.correlation_id,
                outcome: outcome.into(),
            });
        }
        out.push(reply);
    }
}

/// The disk failed under this broker's only log directory. A Kafka broker whose last directory fails stops, without a
/// clean-shutdown marker and without a word to the controller, which hears of it by silence (KIP-112).
fn disk_failed(cx: &mut Context<'_>, what: &str) {
    cx.observe(EventKind::LogDirectoryFailed { reason: what.to_owned() });
    cx.out.halt(format!("the log directory failed: {what}"), false);
}

/// How often followers are looked at: half of the time that they may lag.
fn half(lag_max: Span) -> Span {
    at_least_a_moment(Span(lag_max.0 / 2))
}

/// A period that a timer may repeat with: a configured zero must not make it fire for ever at one instant.
fn at_least_a_moment(span: Span) -> Span {
    span.max(Span::millis(1))
}
