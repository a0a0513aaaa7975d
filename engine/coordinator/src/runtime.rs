//! The runtime of coordinators: binds a shard to each partition that this broker leads, and sees to it that nobody hears of
//! what is not committed.
//!
//! ```text
//!   elected ─► loading ── read to the log end ──► active ── resigned, deleted ──► gone
//!                 └──── the log can't be read ──► failed ──────────┘
//!
//!   active:  operation ─► records ─► append (leader epoch, min ISR) ─► replay ─► wait for the high watermark ─► reply
//!                            └─ refused ─► reply with the translated error, continuations fail
//! ```
//!
//! *Flows in*: elections and resignations, operations, high watermarks (asked of the log), changed topics, time.
//! *Flows out*: replies, appended batches, events of the room Group.
//! *Must never*: answer from what is not committed, write in an epoch that is not its own, or forget a request.
//!
//! Invariants
//! * R1 What waits, waits in the order of the log: an operation is never answered before an earlier one of its partition.
//! * R2 Every reply and continuation that an operation leaves is carried out exactly once: when its records are committed,
//!   when they are refused, when `offsets.commit.timeout.ms` is over, or when the partition is let go.
//! * R3 A shard's replicated state is the log's: it replays what was appended, after it was appended, in that order.
//!
//! Simplified: each operation is a batch of its own; Kafka gathers operations for `group.coordinator.append.linger.ms`. A read
//! waits for the writes before it; Kafka answers it from the last committed state (timeline data structures). The partition is
//! read in chunks of `offsets.load.buffer.size`, one a millisecond; Kafka has a thread for that.

mod load;
#[cfg(test)]
mod tests;
mod translate;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use klamm_node::{Context, EventKind, LeaderEpoch, Offset, Span, Time, Timers};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::ResponseKind;

use crate::shard::{Log, Op, Shard, Then, Topics, TopicsChange};
use load::Loading;

pub use translate::{replace_error, translate};

/// How long a timer whose records were refused waits until it fires again. A constant in Kafka too.
const TIMER_RETRY: Span = Span::millis(500);

/// What the broker lends for a call.
pub struct Lent<'a, L: Log> {
    /// The topics as its image has them.
    pub topics: &'a dyn Topics,
    /// The log of the coordinators' topic.
    pub log: &'a mut L,
}

impl<L: Log> std::fmt::Debug for Lent<'_, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

/// What a runtime is told of its broker's settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RuntimeSettings {
    /// How long a write waits for its replicas.
    pub write_timeout: Span,
    /// How many bytes are read at once when a partition is loaded.
    pub load_bytes: usize,
}

/// Every shard of one kind on this broker.
#[derive(Clone, Debug)]
pub struct Runtime<S: Shard> {
    config: Arc<S::Config>,
    settings: RuntimeSettings,
    bound: BTreeMap<i32, Bound<S>>,
    timers: Timers<Wake<S::Timer>>,
    replies: Vec<(RequestToken, ResponseKind)>,
}

/// A shard and the leadership it is bound to.
#[derive(Clone, Debug)]
struct Bound<S: Shard> {
    leader_epoch: LeaderEpoch,
    phase: Phase<S>,
}

/// What becomes of a shard.
#[derive(Clone, Debug)]
enum Phase<S: Shard> {
    Loading(Box<Loading<S>>),
    Active(Box<Active<S>>),
    /// Its log can't be read. Requests are told to look elsewhere, as in Kafka.
    Failed,
}

/// What is to be carried out, and how its records fared.
type Due<S> = (Then<<S as Shard>::Continuation>, Result<(), ErrorCode>);

/// A shard at work.
#[derive(Clone, Debug)]
struct Active<S: Shard> {
    shard: S,
    /// The offset behind the last record that the shard has replayed.
    written: Offset,
    /// The high watermark as the shard knows it.
    committed: Offset,
    /// What waits for the high watermark, in the order of the log.
    deferred: VecDeque<Deferred<S>>,
    /// What is to be carried out now, in order.
    due: VecDeque<Due<S>>,
}

/// What an operation left to be done once its records, and those before, are committed.
#[derive(Clone, Debug)]
struct Deferred<S: Shard> {
    needs: Offset,
    deadline: Time,
    then: Vec<Then<S::Continuation>>,
    /// The timer that the operation came from, if it is to fire again when the records are refused.
    retry: Option<S::Timer>,
}

/// Why the runtime wants to be woken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Wake<T> {
    /// The next chunk of a partition.
    Load(i32),
    /// The oldest write of a partition has waited long enough.
    Write(i32),
    /// A timer of a shard.
    Shard(i32, T),
}

impl<S: Shard> Runtime<S> {
    /// A runtime without partitions.
    pub fn new(config: Arc<S::Config>, settings: RuntimeSettings) -> Self {
        Self {
            config,
            settings,
            bound: BTreeMap::new(),
            timers: Timers::default(),
            replies: Vec::new(),
        }
    }

    /// This broker leads a partition in an epoch. A partition that it has led before goes on in the new epoch: nobody else
    /// has written meanwhile, or the broker would have followed and the partition been let go.
    pub fn elected(&mut self, cx: &mut Context<'_>, partition: i32, leader_epoch: LeaderEpoch) {
        if let Some(bound) = self.bound.get_mut(&partition) {
            if bound.leader_epoch >= leader_epoch {
                return;
            }
            bound.leader_epoch = leader_epoch;
            match bound.phase {
                Phase::Loading(_) | Phase::Active(_) => return,
                Phase::Failed => {}
            }
        }
        cx.observe(EventKind::CoordinatorLoading { partition, leader_epoch });
        let loading = Loading::new(S::new(&self.config, partition));
        let phase = Phase::Loading(Box::new(loading));
        self.bound.insert(partition, Bound { leader_epoch, phase });
        self.timers.arm(Wake::Load(partition), cx.now + load::CHUNK);
    }

    /// This broker leads a partition no more: somebody does in `epoch`, or the partition is gone (`None`). What waits is
    /// refused, in the order in which it came.
    pub fn resigned<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partition: i32,
        epoch: Option<LeaderEpoch>,
        reason: &'static str,
    ) {
        let Some(bound) = self.bound.get(&partition) else { return };
        if epoch.is_some_and(|epoch| epoch <= bound.leader_epoch) {
            return;
        }
        let Some(Bound { leader_epoch, phase }) = self.bound.remove(&partition) else { return };
        self.forget_timers(partition);
        if let Phase::Active(active) = phase {
            self.let_go(cx, lent, *active);
        }
        cx.observe(EventKind::CoordinatorUnloaded {
            partition,
            leader_epoch,
            reason: reason.into(),
        });
    }

    /// Has a shard decide something.
    ///
    /// # Errors
    /// Why it can't: the partition is being loaded, or is not this broker's. Nothing was done.
    pub fn operate<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partition: i32,
        decide: impl FnOnce(&mut S, &mut Op<'_, '_, S>),
    ) -> Result<(), ErrorCode> {
        match self.bound.get(&partition).map(|bound| &bound.phase) {
            Some(Phase::Active(_)) => {
                self.decide(cx, lent, partition, None, decide);
                Ok(())
            }
            Some(Phase::Loading(_)) => Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            Some(Phase::Failed) | None => Err(ErrorCode::NOT_COORDINATOR),
        }
    }

    /// The partitions that are bound here, loading ones included.
    pub fn partitions(&self) -> Vec<i32> {
        self.bound.keys().copied().collect()
    }

    /// Whether no partition is bound here.
    pub fn is_empty(&self) -> bool {
        self.bound.is_empty()
    }

    /// The shard of a partition, once it is loaded: for summaries and tests.
    pub fn shard(&self, partition: i32) -> Option<&S> {
        match &self.bound.get(&partition)?.phase {
            Phase::Active(active) => Some(&active.shard),
            Phase::Loading(_) | Phase::Failed => None,
        }
    }

    /// The shards that serve, by partition, with the epoch in which each writes.
    pub fn shards(&self) -> impl Iterator<Item = (i32, LeaderEpoch, &S)> {
        self.bound.iter().filter_map(|(partition, bound)| match &bound.phase {
            Phase::Active(active) => Some((*partition, bound.leader_epoch, &active.shard)),
            Phase::Loading(_) | Phase::Failed => None,
        })
    }

    /// High watermarks may have moved: what waited for that is carried out.
    pub fn high_watermark_moved<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partition: i32,
    ) {
        self.settle(cx, lent, partition);
    }

    /// Topics came, went or changed.
    pub fn topics_changed<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        change: &TopicsChange,
    ) {
        if change.is_empty() {
            return;
        }
        for partition in self.partitions() {
            self.decide(cx, lent, partition, None, |shard, op| shard.topics_changed(op, change));
        }
    }

    /// When the runtime wants to be woken next, and why.
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        self.timers.next().map(|(at, wake)| {
            let why = match wake {
                Wake::Load(_) => "coordinator-load",
                Wake::Write(_) => "coordinator-write-timeout",
                Wake::Shard(..) => "coordinator-timer",
            };
            (at, why)
        })
    }

    /// Does what is due.
    pub fn handle_timers<L: Log>(&mut self, cx: &mut Context<'_>, lent: &mut Lent<'_, L>) {
        while let Some(wake) = self.timers.pop_due(cx.now) {
            match wake {
                Wake::Load(partition) => self.load(cx, lent, partition),
                Wake::Write(partition) => self.settle(cx, lent, partition),
                Wake::Shard(partition, timer) => {
                    let retry = S::retries(&timer).then(|| timer.clone());
                    self.decide(cx, lent, partition, retry, |shard, op| {
                        shard.timer_fired(op, timer);
                    });
                }
            }
        }
    }

    /// The answers that there are by now. An answer is given once.
    pub fn take_replies(&mut self) -> Vec<(RequestToken, ResponseKind)> {
        std::mem::take(&mut self.replies)
    }

    fn forget_timers(&mut self, partition: i32) {
        let of_partition: Vec<_> = self
            .timers
            .iter()
            .map(|(_, wake)| wake)
            .filter(|wake| match wake {
                Wake::Load(at) | Wake::Write(at) | Wake::Shard(at, _) => *at == partition,
            })
            .cloned()
            .collect();
        for wake in of_partition {
            self.timers.disarm(&wake);
        }
    }
}
