//! What a log says about idempotent producers (KIP-98): each one's epoch and its last batches.
//!
//! *Flows in*: the headers of a log's batches, in order. *Flows out*: whether a producer's next batch is new, a duplicate or out
//! of order. *Must never*: know more than the log. The state is a fold over headers, so that it is the same on every replica
//! that holds the same log, after recovery, truncation and elections.
//!
//! Simplified: nothing is forgotten after `producer.id.expiration.ms`, and there are no `.snapshot` files: a leader folds its
//! log when the first idempotent producer comes to it. What was deleted from the log's beginning the next leader does not know,
//! while Kafka's replicas remember a producer longer than its records (KIP-360).

use std::collections::{BTreeMap, VecDeque};

use klamm_node::{Offset, ProducerEpoch, ProducerId, Timestamp, planted};
use klamm_protocol::batch::BatchHeader;

/// How many batches of a producer are remembered: as many as it may have in flight.
const REMEMBERED: usize = 5;

/// A batch that is in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownBatch {
    /// The sequence number of its first record.
    pub first_sequence: i32,
    /// That of its last.
    pub last_sequence: i32,
    /// Its first offset.
    pub base_offset: Offset,
    /// Its last offset.
    pub last_offset: Offset,
    /// Its newest stamp: with LogAppendTime, when it was appended.
    pub timestamp: Timestamp,
}

/// What a producer's next batch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sequence {
    /// The next in order, or the first of a producer that nothing is known of.
    Next,
    /// It is in the log already.
    Duplicate(KnownBatch),
    /// Batches before it are missing, or it is an old one that is no longer remembered.
    OutOfOrder,
    /// A producer with a greater epoch took its place.
    Fenced,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct ProducerState {
    epoch: ProducerEpoch,
    /// The last batches of this epoch, oldest first; never empty.
    batches: VecDeque<KnownBatch>,
}

/// Every producer of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Producers {
    by_id: BTreeMap<ProducerId, ProducerState>,
}

impl Producers {
    /// The producers of a log with these batches.
    pub fn fold<'a>(headers: impl IntoIterator<Item = &'a BatchHeader>) -> Self {
        let mut producers = Self::default();
        for header in headers {
            producers.add(header);
        }
        producers
    }

    /// Takes in a batch that is in the log now, with its offsets.
    pub fn add(&mut self, header: &BatchHeader) {
        if !header.has_producer_id() || header.is_control() || header.base_sequence < 0 {
            return;
        }
        let batch = KnownBatch {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            timestamp: header.max_timestamp,
        };
        let state = self.by_id.entry(header.producer_id).or_insert_with(|| ProducerState {
            epoch: header.producer_epoch,
            batches: VecDeque::new(),
        });
        if state.epoch != header.producer_epoch {
            state.epoch = header.producer_epoch;
            state.batches.clear();
        }
        if state.batches.len() == REMEMBERED {
            state.batches.pop_front();
        }
        state.batches.push_back(batch);
    }

    /// What a client's batch is, given what the log says of its producer.
    pub fn judge(&self, header: &BatchHeader) -> Sequence {
        let Some(state) = self.by_id.get(&header.producer_id) else { return Sequence::Next };
        if header.producer_epoch < state.epoch {
            return Sequence::Fenced;
        }
        if header.producer_epoch > state.epoch {
            // A new epoch begins anew (KIP-360).
            return if header.base_sequence == 0 { Sequence::Next } else { Sequence::OutOfOrder };
        }
        let same = |known: &&KnownBatch| {
            known.first_sequence == header.base_sequence
                && known.last_sequence == header.last_sequence()
        };
        if let Some(known) =
            state.batches.iter().find(same).filter(|_| !planted("dedup_window_zero"))
        {
            return Sequence::Duplicate(*known);
        }
        let last = state.batches.back().map_or(-1, |batch| batch.last_sequence);
        // Behind the greatest number comes 0 again.
        let next = last.checked_add(1).unwrap_or(0);
        if header.base_sequence == next { Sequence::Next } else { Sequence::OutOfOrder }
    }

    /// Every producer by id: its epoch and its last batch.
    pub fn iter(&self) -> impl Iterator<Item = (ProducerId, ProducerEpoch, &KnownBatch)> {
        self.by_id
            .iter()
            .filter_map(|(id, state)| state.batches.back().map(|last| (*id, state.epoch, last)))
    }

    /// How many producers are known.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_protocol::{BatchBuilder, Compression};

    /// A batch's header: producer, epoch, first sequence, records, base offset.
    fn batch(id: i64, epoch: i16, sequence: i32, records: i32, offset: i64) -> BatchHeader {
        let mut builder = BatchBuilder::new(Compression::None);
        builder.append(Timestamp(1), None, Some(b"v"), &[]);
        let header = BatchHeader::parse(&builder.build()).expect("a batch");
        BatchHeader {
            producer_id: ProducerId(id),
            producer_epoch: ProducerEpoch(epoch),
            base_sequence: sequence,
            last_offset_delta: records - 1,
            record_count: records,
            base_offset: Offset(offset),
            ..header
        }
    }

    fn duplicate(producers: &Producers, header: &BatchHeader) -> Option<(i64, i64)> {
        match producers.judge(header) {
            Sequence::Duplicate(known) => Some((known.base_offset.0, known.last_offset.0)),
            Sequence::Next | Sequence::OutOfOrder | Sequence::Fenced => None,
        }
    }

    #[test]
    fn a_producers_batches_follow_each_other_and_a_gap_is_refused() {
        let log = [batch(7, 0, 0, 3, 10), batch(8, 0, 50, 1, 13), batch(7, 0, 3, 2, 14)];
        let producers = Producers::fold(&log);
        assert_eq!(producers.judge(&batch(7, 0, 5, 1, 0)), Sequence::Next);
        assert_eq!(producers.judge(&batch(7, 0, 6, 1, 0)), Sequence::OutOfOrder);
        // Overlaps, but is none of the batches that were written.
        assert_eq!(producers.judge(&batch(7, 0, 3, 1, 0)), Sequence::OutOfOrder);
        assert_eq!(producers.judge(&batch(8, 0, 51, 1, 0)), Sequence::Next);
        // Nothing is known of this one: all its records may have been deleted.
        assert_eq!(producers.judge(&batch(9, 0, 99, 1, 0)), Sequence::Next);
    }

    #[test]
    fn a_duplicate_is_answered_with_its_offsets_while_it_is_among_the_last_five() {
        let log: Vec<_> = (0..6).map(|n| batch(7, 0, n * 2, 2, i64::from(n) * 2)).collect();
        let producers = Producers::fold(&log);
        assert_eq!(duplicate(&producers, &log[5]), Some((10, 11)));
        assert_eq!(duplicate(&producers, &log[1]), Some((2, 3)));
        assert_eq!(producers.judge(&log[0]), Sequence::OutOfOrder);
    }

    #[test]
    fn a_new_epoch_begins_at_zero_and_fences_the_old_one() {
        let mut producers = Producers::fold(&[batch(7, 0, 0, 3, 0)]);
        assert_eq!(producers.judge(&batch(7, 1, 3, 1, 0)), Sequence::OutOfOrder);
        let first = batch(7, 1, 0, 1, 3);
        assert_eq!(producers.judge(&first), Sequence::Next);
        producers.add(&first);
        assert_eq!(producers.judge(&batch(7, 0, 3, 1, 0)), Sequence::Fenced);
        // The old epoch's batch with the same numbers is no duplicate.
        assert_eq!(producers.judge(&batch(7, 0, 0, 3, 0)), Sequence::Fenced);
        assert_eq!(duplicate(&producers, &batch(7, 1, 0, 1, 0)), Some((3, 3)));
    }

    #[test]
    fn numbers_wrap_to_zero() {
        let producers = Producers::fold(&[batch(7, 0, i32::MAX - 1, 2, 0)]);
        assert_eq!(producers.judge(&batch(7, 0, 0, 1, 0)), Sequence::Next);
        let producers = Producers::fold(&[batch(7, 0, i32::MAX, 3, 0)]);
        assert_eq!(producers.judge(&batch(7, 0, 2, 1, 0)), Sequence::Next);
    }

    #[test]
    fn batches_without_a_producer_change_nothing() {
        let producers = Producers::fold(&[batch(-1, -1, -1, 3, 0)]);
        assert!(producers.is_empty());
    }
}
