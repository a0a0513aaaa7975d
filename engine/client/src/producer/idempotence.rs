//! Idempotence (KIP-98, KIP-360): who this producer is, and which number each batch of a partition has.
//!
//! A broker takes a producer's batches of a partition only in the order of their numbers, and each once. So a batch keeps its
//! number over retries, whatever became of earlier tries; and where it can't be told any more whether a number is in the log, the
//! producer begins anew at 0 in the next epoch, in which no number was ever used.
//!
//! *Flows in*: batches that are drained, and what became of them. *Flows out*: numbers, and whether a batch may leave or be tried
//! again. *Must never*: give one number to two batches of an epoch, or a sent batch a new number without a new epoch.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{
    Endpoint, Offset, ProducerEpoch, ProducerId, ProducerSequence, Time, TopicPartition,
};
use klamm_protocol::ErrorCode;

/// A producer id with its epoch.
type Identity = (ProducerId, ProducerEpoch);

/// No batch was acknowledged yet.
const NONE_ACKED: i32 = -1;

/// What is known of a partition.
#[derive(Clone, Debug)]
struct Numbers {
    /// Whose numbers these are; none before the first.
    identity: Option<Identity>,
    /// The number of the next batch.
    next: i32,
    /// The last number of the last acknowledged batch.
    acked: i32,
    /// Batches with a number whose fate is open, with their serials and numbers of records.
    open: BTreeMap<ProducerSequence, (u64, i32)>,
}

impl Numbers {
    const NEW: Self = Self { identity: None, next: 0, acked: NONE_ACKED, open: BTreeMap::new() };

    /// Numbers from 0 on for another identity, also for what is open.
    fn start_over(&mut self, identity: Identity) -> Vec<(u64, ProducerSequence)> {
        let (producer_id, producer_epoch) = identity;
        let mut next = 0;
        let mut renumbered = Vec::new();
        for (serial, records) in std::mem::take(&mut self.open).into_values() {
            let sequence = ProducerSequence { producer_id, producer_epoch, base: next };
            self.open.insert(sequence, (serial, records));
            renumbered.push((serial, sequence));
            next = after(next, records);
        }
        (self.identity, self.next, self.acked) = (Some(identity), next, NONE_ACKED);
        renumbered
    }
}

/// The number behind so many records; behind the largest number comes 0 again.
pub(super) fn after(base: i32, records: i32) -> i32 {
    let next = i64::from(base) + i64::from(records);
    i32::try_from(next % (i64::from(i32::MAX) + 1)).unwrap_or(0)
}

/// How a producer stands with its id.
#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    /// It has none and asks when the time comes.
    Without,
    /// It has asked.
    Asked,
    /// It has one.
    Ready(Identity),
    /// It will never send again.
    Failed(ErrorCode),
}

/// A new epoch or id, and what it means for batches that have a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Renumbered {
    pub producer_id: ProducerId,
    pub producer_epoch: ProducerEpoch,
    pub partitions: Vec<TopicPartition>,
    /// Batches by serial, and their new numbers.
    pub batches: Vec<(u64, ProducerSequence)>,
}

/// A batch's number with what is asked about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Numbered {
    pub sequence: ProducerSequence,
    pub records: i32,
}

impl Numbered {
    /// The number of the last record.
    fn last(self) -> i32 {
        after(self.sequence.base, self.records - 1)
    }
}

/// An idempotent producer's memory.
#[derive(Clone, Debug)]
pub(super) struct Idempotence {
    state: State,
    /// Who is to be asked for an id, once there is a connection.
    via: Option<Endpoint>,
    /// Not asked before this.
    retry_at: Time,
    /// The next epoch is due.
    bump_due: bool,
    /// Where it begins with what is open.
    start_over: BTreeSet<TopicPartition>,
    /// Where a batch was given up that may be in the log, with the greatest number behind such a batch.
    unresolved: BTreeMap<TopicPartition, i32>,
    partitions: BTreeMap<TopicPartition, Numbers>,
}

impl Idempotence {
    pub(super) fn new() -> Self {
        Self {
            state: State::Without,
            via: None,
            retry_at: Time::ZERO,
            bump_due: false,
            start_over: BTreeSet::new(),
            unresolved: BTreeMap::new(),
            partitions: BTreeMap::new(),
        }
    }

    /// Who this producer is, if it has an id.
    pub(super) fn identity(&self) -> Option<Identity> {
        match self.state {
            State::Ready(identity) => Some(identity),
            State::Without | State::Asked | State::Failed(_) => None,
        }
    }

    /// Why it will never send again.
    pub(super) fn failure(&self) -> Option<ErrorCode> {
        match self.state {
            State::Failed(error) => Some(error),
            State::Without | State::Asked | State::Ready(_) => None,
        }
    }

    /// Whether it is to ask for an id.
    pub(super) fn lacks_id(&self) -> bool {
        self.state == State::Without
    }

    /// Who is to be asked, if that is settled.
    pub(super) fn take_via(&mut self) -> Option<Endpoint> {
        self.via.take()
    }

    /// This one is asked when there is a connection.
    pub(super) fn ask_via(&mut self, to: Endpoint) {
        self.via = Some(to);
    }

    /// Before this it does not ask.
    pub(super) fn retry_at(&self) -> Time {
        self.retry_at
    }

    /// It does not ask before this.
    pub(super) fn wait_until(&mut self, at: Time) {
        self.retry_at = at;
    }

    /// It asked for an id.
    pub(super) fn asked(&mut self) {
        self.state = State::Asked;
        self.via = None;
    }

    /// It got none, and asks again then.
    pub(super) fn ask_again(&mut self, at: Time) {
        self.state = State::Without;
        self.retry_at = at;
    }

    /// It got one.
    pub(super) fn assign(&mut self, id: ProducerId, epoch: ProducerEpoch) {
        self.state = State::Ready((id, epoch));
    }

    /// It will never send again.
    pub(super) fn fail(&mut self, error: ErrorCode) {
        self.state = State::Failed(error);
    }

    /// Whether the first batch of a partition's queue may be sent, which has this number if it was sent before.
    ///
    /// A batch without a number waits while the partition has open batches of another epoch, or numbers that may be in the log
    /// or not. A batch with one waits until all before it are done: from the first retry on one batch is under way at a time.
    pub(super) fn may_drain(
        &self,
        partition: &TopicPartition,
        first: Option<ProducerSequence>,
    ) -> bool {
        let Some(identity) = self.identity() else { return false };
        let numbers = self.partitions.get(partition);
        let lowest = numbers.and_then(|numbers| numbers.open.keys().next());
        match first {
            Some(sequence) => lowest.is_none_or(|lowest| lowest.base == sequence.base),
            None => {
                let stale = numbers.is_some_and(|numbers| {
                    !numbers.open.is_empty() && numbers.identity != Some(identity)
                });
                !stale && !self.unresolved.contains_key(partition)
            }
        }
    }

    /// The number of a batch that is drained for the first time.
    pub(super) fn number(
        &mut self,
        partition: &TopicPartition,
        serial: u64,
        records: i32,
    ) -> Option<ProducerSequence> {
        let identity = self.identity()?;
        if !self.partitions.contains_key(partition) {
            self.partitions.insert(partition.clone(), Numbers::NEW);
        }
        let numbers = self.partitions.get_mut(partition)?;
        if numbers.identity != Some(identity) && numbers.open.is_empty() {
            numbers.start_over(identity);
        }
        let (producer_id, producer_epoch) = identity;
        let sequence = ProducerSequence { producer_id, producer_epoch, base: numbers.next };
        numbers.next = after(numbers.next, records);
        numbers.open.insert(sequence, (serial, records));
        Some(sequence)
    }

    /// A piece of a batch that was too large takes over its part of the numbers.
    pub(super) fn track(&mut self, partition: &TopicPartition, serial: u64, piece: Numbered) {
        if let Some(numbers) = self.partitions.get_mut(partition) {
            numbers.open.insert(piece.sequence, (serial, piece.records));
        }
    }

    /// A batch is not open any more.
    pub(super) fn forget(&mut self, partition: &TopicPartition, sequence: ProducerSequence) {
        if let Some(numbers) = self.partitions.get_mut(partition) {
            numbers.open.remove(&sequence);
        }
    }

    /// A broker has the batch.
    pub(super) fn completed(&mut self, partition: &TopicPartition, batch: Numbered) {
        let Some(numbers) = self.partitions.get_mut(partition) else { return };
        numbers.open.remove(&batch.sequence);
        let identity = (batch.sequence.producer_id, batch.sequence.producer_epoch);
        if numbers.identity == Some(identity) {
            numbers.acked = numbers.acked.max(batch.last());
        }
    }

    /// A batch is given up, with this error. `certain` says that it is not for the lack of tries: then no broker will ever have it,
    /// and the numbers after it would never be accepted.
    pub(super) fn failed(
        &mut self,
        partition: &TopicPartition,
        sequence: ProducerSequence,
        error: ErrorCode,
        certain: bool,
    ) {
        self.forget(partition, sequence);
        if is_fatal(error) {
            return self.fail(error);
        }
        let gap = [ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode::UNKNOWN_PRODUCER_ID];
        if certain || gap.contains(&error) {
            self.request_bump(partition);
        }
    }

    /// A batch whose try has failed is given up for the lack of time: nobody knows whether it is in the log.
    pub(super) fn mark_unresolved(&mut self, partition: &TopicPartition, batch: Numbered) {
        let behind = after(batch.last(), 1);
        let known = self.unresolved.entry(partition.clone()).or_insert(behind);
        *known = behind.max(*known);
    }

    /// Whether an error is one that the batch is tried again after. On the way it is found out whether the numbers of the
    /// partition have a gap that only a new epoch can close.
    pub(super) fn can_retry(
        &mut self,
        partition: &TopicPartition,
        sequence: ProducerSequence,
        renumbered: bool,
        error: ErrorCode,
        log_start: Offset,
    ) -> bool {
        let unresolved = self.unresolved.get(partition).copied();
        match error {
            ErrorCode::UNKNOWN_PRODUCER_ID => {
                // A leader that does not say where its log starts will do so next time; and one batch is enough to tell of
                // the gap. Otherwise the broker lost its memory of this producer, with the log's beginning or without.
                if log_start.0 >= 0 && !renumbered {
                    self.request_bump(partition);
                }
                true
            }
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => {
                let next_in_line = self.is_next(partition, sequence.base);
                let waits = unresolved.is_none() && (renumbered || !next_in_line);
                // It is the next one, and yet a batch before it is missing. Where a batch was given up only the one behind
                // that can tell.
                if !waits && unresolved.is_none_or(|behind| behind == sequence.base) {
                    self.request_bump(partition);
                }
                true
            }
            other => other.retriable(),
        }
    }

    /// Whether this number follows the last acknowledged one.
    fn is_next(&self, partition: &TopicPartition, base: i32) -> bool {
        let acked = self.partitions.get(partition).map_or(NONE_ACKED, |numbers| numbers.acked);
        base.checked_sub(acked) == Some(1)
    }

    fn request_bump(&mut self, partition: &TopicPartition) {
        self.bump_due = true;
        self.start_over.insert(partition.clone());
    }

    /// Looks at partitions where a batch was given up that may be in the log. Once nothing is open there, the number that was
    /// acknowledged last says whether it is, or does not matter.
    pub(super) fn resolve(&mut self) {
        if self.unresolved.is_empty() {
            return;
        }
        let drained = |partition: &TopicPartition| {
            self.partitions.get(partition).is_none_or(|numbers| numbers.open.is_empty())
        };
        let done: Vec<TopicPartition> =
            self.unresolved.keys().filter(|partition| drained(partition)).cloned().collect();
        for partition in done {
            self.unresolved.remove(&partition);
            let next = self.partitions.get(&partition).map_or(0, |numbers| numbers.next);
            if !self.is_next(&partition, next) {
                self.request_bump(&partition);
            }
        }
    }

    /// Begins the next epoch if one is due. The client does it by itself: nobody else has its id (KIP-360). After the last
    /// epoch it needs another id, and the numbers begin anew when it has one.
    pub(super) fn bump(&mut self) -> Option<Renumbered> {
        if !self.bump_due {
            return None;
        }
        let (producer_id, epoch) = self.identity()?;
        // A new id begins in epoch 0, in which it has sent nothing yet.
        let fresh = self.start_over.iter().all(|partition| {
            let identity = self.partitions.get(partition).and_then(|numbers| numbers.identity);
            identity.is_some_and(|(id, _)| id != producer_id)
        });
        let producer_epoch = if fresh && !self.start_over.is_empty() {
            epoch
        } else if let Some(next) = epoch.0.checked_add(1) {
            ProducerEpoch(next)
        } else {
            self.state = State::Without;
            return None;
        };
        let identity = (producer_id, producer_epoch);
        self.state = State::Ready(identity);
        self.bump_due = false;
        let partitions: Vec<_> = std::mem::take(&mut self.start_over).into_iter().collect();
        let mut batches = Vec::new();
        for partition in &partitions {
            if let Some(numbers) = self.partitions.get_mut(partition) {
                batches.extend(numbers.start_over(identity));
            }
            self.unresolved.remove(partition);
        }
        Some(Renumbered { producer_id, producer_epoch, partitions, batches })
    }
}

/// Errors after which a producer never sends again.
pub(super) fn is_fatal(error: ErrorCode) -> bool {
    [
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        ErrorCode::PRODUCER_FENCED,
        ErrorCode::UNSUPPORTED_VERSION,
    ]
    .contains(&error)
}
