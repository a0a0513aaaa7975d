//! What a coordinator of any kind is made of: the contract between the runtime and its shards.
//!
//! An operation is *decided* on the state as it is, uncommitted records included; it leaves records and what is to be done
//! once they are committed. The runtime appends the records as one batch, replays them into the shard, and carries the rest
//! out when the high watermark has passed them, or fails it when the log refuses them. An operation without records waits
//! for everything written before it all the same, because it may have read it.
//!
//! Share groups (KIP-932) and transactions are further shards under the same runtime.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use klamm_node::{
    Context, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Span, Time, TopicId, TopicName,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::ResponseKind;

/// A coordinator's state for one partition of its topic, replicated part and volatile part.
pub trait Shard: Clone + Debug {
    /// A record of its topic: key and value, typed.
    type Record: Clone + PartialEq + Debug;
    /// What it does once records of its own are committed or have failed.
    type Continuation: Clone + PartialEq + Debug;
    /// Why it wants to be woken.
    type Timer: Clone + Ord + Debug;

    /// What it is told of its broker's settings.
    type Config: Debug;

    /// The shard of a partition that has read nothing of it yet.
    fn new(config: &Arc<Self::Config>, partition: i32) -> Self;

    /// The bytes of a record: key and value.
    ///
    /// # Errors
    /// A record that its format can't say: something in the request was too long.
    fn encode(record: &Self::Record) -> Result<RecordBytes, ErrorCode>;

    /// Reads a record of the log; `None` for one of a kind that this coordinator passes over.
    ///
    /// # Errors
    /// Bytes that make no sense: the partition can't be loaded.
    fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self::Record>, String>;

    /// Takes a record into the replicated state, as it stands in the log. Must not depend on anything volatile: a shard
    /// that is loaded from the log must come out equal.
    fn replay(&mut self, offset: Offset, record: &Self::Record);

    /// The shard has read its partition to the end and serves from now on: it arms the timers of what it holds, and may
    /// write. [`Self::observe_loaded`] comes before.
    fn loaded(&mut self, op: &mut Op<'_, '_, Self>);

    /// The broker leads the partition no more. What still waits inside the shard is answered now; records are not written any
    /// more, timers are forgotten.
    fn unloaded(&mut self, op: &mut Op<'_, '_, Self>);

    /// Topics came, went or changed.
    fn topics_changed(&mut self, op: &mut Op<'_, '_, Self>, change: &TopicsChange);

    /// How many groups it holds and how many committed offsets, for the event that tells of its load.
    fn counts(&self) -> (u32, u32);

    /// Takes a record of an open transaction: it counts once [`Self::transaction_ended`] says so. A shard whose topic has no
    /// transactional records never hears of one.
    fn replay_pending(&mut self, offset: Offset, producer: ProducerId, record: &Self::Record) {
        let (_, _, _) = (offset, producer, record);
    }

    /// The marker of a transaction stands in the log.
    fn transaction_ended(&mut self, producer: ProducerId, committed: bool) {
        let (_, _) = (producer, committed);
    }

    /// Says by events what records of its own have changed: right after they were appended and replayed, on the leader that
    /// wrote them. `at` is the partition, `base` the offset of the first record.
    fn observe_written(
        &mut self,
        cx: &mut Context<'_>,
        topics: &dyn Topics,
        at: i32,
        base: Offset,
        records: &[Self::Record],
    );

    /// Says by events what it holds: once, after it was loaded, before it answers anybody.
    fn observe_loaded(&self, cx: &mut Context<'_>, topics: &dyn Topics, at: i32);

    /// Everything up to here is committed; what was remembered for a way back may be forgotten.
    fn committed(&mut self, up_to: Offset);

    /// Goes on after a continuation's records were committed, or refused.
    fn continued(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        continuation: Self::Continuation,
        outcome: Result<(), ErrorCode>,
    );

    /// A timer that it armed is due.
    fn timer_fired(&mut self, op: &mut Op<'_, '_, Self>, timer: Self::Timer);

    /// Whether a timer is armed again after a little while when what it wrote was refused.
    fn retries(timer: &Self::Timer) -> bool;
}

/// A producer id with its epoch (KIP-98).
pub type Producer = (ProducerId, ProducerEpoch);

/// The bytes of a record: its key and its value, or none for a tombstone.
pub type RecordBytes = (Bytes, Option<Bytes>);

/// Which topics are others now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TopicsChange {
    /// Created, or with other partitions or racks.
    pub changed: BTreeSet<TopicName>,
    /// Deleted.
    pub deleted: BTreeSet<TopicName>,
}

impl TopicsChange {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.deleted.is_empty()
    }
}

/// What an operation of a shard may look at, and what it leaves behind.
pub struct Op<'a, 'c, S: Shard> {
    /// Time, randomness (member ids: `Purpose::MemberIds`), events. The disk is not a shard's to touch.
    pub cx: &'a mut Context<'c>,
    /// The topics as this broker knows them.
    pub topics: &'a dyn Topics,
    /// Records to be appended as one atomic batch, in order.
    pub records: Vec<S::Record>,
    /// Whose transaction the records are part of, if they are.
    pub producer: Option<Producer>,
    /// What is done, in order, once the records and everything before them are committed; or when they failed.
    pub then: Vec<Then<S::Continuation>>,
    /// What is done at once, whatever becomes of the records: answers that depend on nothing written (a member that is told
    /// to rejoin, a heartbeat in a group that rebalances).
    pub now: Vec<(RequestToken, ResponseKind)>,
    /// Timers to set (`Some`) or to forget (`None`).
    pub timers: Vec<(S::Timer, Option<Time>)>,
}

impl<S: Shard> Debug for Op<'_, '_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Op")
            .field("records", &self.records)
            .field("then", &self.then)
            .field("now", &self.now)
            .field("timers", &self.timers)
            .finish_non_exhaustive()
    }
}

impl<'a, 'c, S: Shard> Op<'a, 'c, S> {
    /// An operation that has left nothing yet.
    pub fn new(cx: &'a mut Context<'c>, topics: &'a dyn Topics) -> Self {
        Self {
            cx,
            topics,
            records: Vec::new(),
            producer: None,
            then: Vec::new(),
            now: Vec::new(),
            timers: Vec::new(),
        }
    }

    /// Sets a timer after a span from now.
    pub fn arm(&mut self, timer: S::Timer, after: Span) {
        let at = self.cx.now + after;
        self.timers.push((timer, Some(at)));
    }

    /// Forgets a timer.
    pub fn disarm(&mut self, timer: S::Timer) {
        self.timers.push((timer, None));
    }

    /// Answers once everything written so far, this operation's records included, is committed. `failed` is the answer when
    /// the log refuses the records.
    pub fn reply(
        &mut self,
        token: RequestToken,
        response: ResponseKind,
        failed: impl FnOnce(&mut ResponseKind),
    ) {
        let mut refused = response.clone();
        failed(&mut refused);
        self.then.push(Then::Reply {
            token,
            response: Box::new(response),
            refused: Box::new(refused),
        });
    }
}

/// What is done once records are committed.
#[derive(Clone, PartialEq, Debug)]
pub enum Then<C> {
    /// A request is answered.
    Reply {
        /// The request.
        token: RequestToken,
        /// What is said when the records are committed.
        response: Box<ResponseKind>,
        /// What is said when they could not be written. Its error code is replaced by the translated one where the shard
        /// left `UNKNOWN_SERVER_ERROR` in it.
        refused: Box<ResponseKind>,
    },
    /// The shard goes on.
    Continue(C),
}

/// The topics of the cluster, as the metadata image of this broker has them.
pub trait Topics {
    /// A topic's id.
    fn id_of(&self, name: &str) -> Option<TopicId>;
    /// A topic's name.
    fn name_of(&self, id: TopicId) -> Option<TopicName>;
    /// How many partitions a topic has.
    fn partitions_of(&self, id: TopicId) -> i32;
    /// The racks of the brokers that hold a partition's replicas, sorted; brokers without a rack are left out.
    fn racks_of(&self, id: TopicId, partition: i32) -> Vec<String>;
    /// Every topic's name, sorted: for regular expressions.
    fn names(&self) -> Vec<TopicName>;
    /// Grows with every change of topics, partitions or racks.
    fn version(&self) -> Offset;
}

/// The log of a coordinator's topic on this broker, lent by the broker for each call.
pub trait Log {
    /// Appends a batch as the partition's leader in this epoch; returns the offset behind its last record. Refused unless the
    /// broker leads in exactly this epoch and the ISR has `min.insync.replicas` members.
    fn append(
        &mut self,
        cx: &mut Context<'_>,
        partition: i32,
        leader_epoch: LeaderEpoch,
        batch: Bytes,
    ) -> Result<Offset, LogRefused>;

    /// Reads whole batches from an offset on, at least one if there is one before the log end; empty at the log end.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        partition: i32,
        leader_epoch: LeaderEpoch,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Bytes, LogRefused>;

    /// First offset, high watermark and log end, if this broker leads the partition in this epoch.
    fn bounds(&self, partition: i32, leader_epoch: LeaderEpoch)
    -> Option<(Offset, Offset, Offset)>;
}

/// The log would not: Kafka's error of the attempt, not translated for the client yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogRefused(pub ErrorCode);
