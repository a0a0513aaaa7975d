//! S16 (a), (c) and (d): in the committed log an idempotent producer's batches follow one another by their numbers, each once
//! (KIP-98), and no two producers are given the same id (KAFKA-20031).
//!
//! Of a producer id and epoch no sequence number occurs at two offsets, and none is left out between two that are there; a new
//! epoch begins with 0 (KIP-360), and an older one does not come back. With which number a producer appears first is not said:
//! what was before may have been deleted. After an excused loss in the partition nothing is said either, until the producer's next
//! batch: what it had sent before is gone.
//!
//! Broken, it looks like this: the answer to a batch is lost, the producer sends it again to the next leader, and it is booked
//! twice.

use std::collections::BTreeMap;

use klamm_node::{
    EventKind, NodeId, Offset, ProducerEpoch, ProducerId, ProducerSequence, Seq, TopicPartition,
};

use super::observer::replica_of;
use super::{Check, Finding, InvariantId, Severity};
use crate::view::{Batch, LogModel, PartitionView, Written};

/// A producer's last batch in the committed log.
#[derive(Clone, Copy, Debug)]
struct Last {
    epoch: ProducerEpoch,
    /// The number that comes next.
    next: i32,
    last_offset: Offset,
    seq: Seq,
}

/// The producers of a partition's committed log.
#[derive(Clone, Debug, Default)]
struct Producers {
    seen_to: Offset,
    by_id: BTreeMap<ProducerId, Last>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Sequences {
    partitions: BTreeMap<TopicPartition, Producers>,
    /// The producer ids that were given, to whom and when. One that is asked for anew is a new one, so that none comes twice.
    given: BTreeMap<i64, (NodeId, Seq)>,
}

impl Sequences {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event commits batches")]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        match &cx.event.kind {
            EventKind::HighWatermarkMoved { partition, .. } => self.committed(cx, partition),
            EventKind::ProducerIdAssigned { producer_id, .. } => self.given(cx, *producer_id),
            EventKind::TopicDeleted { topic, .. } => {
                self.partitions.retain(|partition, _| partition.topic != *topic);
            }
            _ => {}
        }
    }

    /// Two producers with one id take each other's batches for their own: numbers of the one are duplicates of the other's.
    fn given(&mut self, cx: &mut Check<'_>, producer_id: i64) {
        let here = (cx.event.node, cx.event.seq);
        let Some((before, seq)) = self.given.insert(producer_id, here) else { return };
        let (name, before) = (cx.view.table.name(cx.event.node), cx.view.table.name(before));
        cx.reporter.report(Finding {
            id: InvariantId::NoDuplicates,
            severity: Severity::Red,
            subject: format!("producer id {producer_id}"),
            partition: None,
            offset: None,
            sentence: format!(
                "{name} is given the producer id {producer_id}, which {before} was given before"
            ),
            events: vec![seq],
        });
    }

    /// Takes in what is newly committed, as the bystander remembers it.
    fn committed(&mut self, cx: &mut Check<'_>, partition: &TopicPartition) {
        let Some(memory) = cx.observer.get(partition) else { return };
        let seen_to = self.partitions.get(partition).map_or(Offset(0), |of| of.seen_to);
        if memory.committed.end() <= seen_to {
            return;
        }
        let Some((_, state, replica)) = replica_of(cx.view, cx.event, partition) else { return };
        let (log_start, excused) = (replica.log.start(), !memory.excuses.is_empty());
        if !self.partitions.contains_key(partition) {
            self.partitions.insert(partition.clone(), Producers::default());
        }
        let Some(producers) = self.partitions.get_mut(partition) else { return };
        producers.seen_to = memory.committed.end();
        let mut found = Vec::new();
        let fresh = memory.committed.batches().rev().take_while(|batch| batch.base >= seen_to);
        let count = fresh.count();
        let skip = memory.committed.batches().len() - count;
        for batch in memory.committed.batches().skip(skip) {
            let written = state.written.get(&(batch.epoch, batch.base));
            let Some((written, sequence)) = written.and_then(|w| Some((w, w.sequence?))) else {
                continue;
            };
            let before = producers.take(sequence, batch.base, written);
            let Some(before) = before.filter(|before| !excused && before.last_offset >= log_start)
            else {
                continue;
            };
            if let Some(what) = misplaced(state, &memory.committed, sequence, before) {
                found.push((batch.base, sequence, before.seq, what));
            }
        }
        for (base, sequence, before, what) in found {
            cx.reporter.report(Finding {
                id: InvariantId::NoDuplicates,
                severity: Severity::Red,
                subject: format!("{partition} sequence {sequence}"),
                partition: Some(partition),
                offset: Some(base),
                sentence: format!(
                    "{partition}: the committed log has, at offset {base}, number {} of producer {} in epoch {}, {what}",
                    sequence.base, sequence.producer_id, sequence.producer_epoch
                ),
                events: vec![before],
            });
        }
    }
}

impl Producers {
    /// Notes a batch; returns what came before it.
    fn take(
        &mut self,
        sequence: ProducerSequence,
        base: Offset,
        written: &Written,
    ) -> Option<Last> {
        let records = written.last.0 - base.0 + 1;
        // Behind the greatest number comes 0 again.
        let next = (i64::from(sequence.base) + records) % (i64::from(i32::MAX) + 1);
        let last = Last {
            epoch: sequence.producer_epoch,
            next: i32::try_from(next).unwrap_or(0),
            last_offset: written.last,
            seq: written.seq,
        };
        self.by_id.insert(sequence.producer_id, last)
    }
}

/// What is wrong with a number after the one before.
fn misplaced(
    state: &PartitionView,
    committed: &LogModel,
    sequence: ProducerSequence,
    before: Last,
) -> Option<String> {
    if sequence.producer_epoch < before.epoch {
        return Some(format!("though epoch {} had begun", before.epoch));
    }
    let begins = sequence.producer_epoch > before.epoch;
    let next = if begins { 0 } else { before.next };
    if sequence.base == next {
        return None;
    }
    // Only now, that something is wrong, is it worth looking for the first one.
    let same = |batch: &Batch| {
        let written = state.written.get(&(batch.epoch, batch.base));
        written.is_some_and(|written| written.sequence == Some(sequence))
    };
    let mut twins = committed.batches().filter(same);
    if let (Some(first), true) = (twins.next(), twins.next().is_some()) {
        return Some(format!("which is at offset {} already", first.base));
    }
    Some(format!("where number {next} was next"))
}

#[cfg(test)]
mod tests {
    use klamm_node::Quiet;

    use super::*;
    use crate::testing::{PRODUCER, RIVAL, Story, batch, node, orders};

    /// Leader 1 stores one record a batch with these numbers of producer 7, and all of it is committed.
    fn story(numbers: &[(i16, i32)]) -> Story {
        let mut story = Story::begun();
        for (at, (epoch, base)) in numbers.iter().enumerate() {
            let offset = i64::try_from(at).expect("few");
            let crc = 100 + u32::try_from(at).expect("few");
            let mut kind = batch(offset, offset, 0, crc, true);
            if let EventKind::BatchAppended { sequence, .. } = &mut kind {
                let (producer_id, producer_epoch) = (ProducerId(7), ProducerEpoch(*epoch));
                *sequence =
                    Quiet(Some(ProducerSequence { producer_id, producer_epoch, base: *base }));
            }
            if at == 0 {
                story.epoch(1, 0, 0);
            }
            story.at(node(1), kind);
            for id in [2, 3] {
                story.append(id, offset, offset, 0, crc);
            }
            story.high_watermark(1, offset, offset + 1);
        }
        story
    }

    #[test]
    fn numbers_that_follow_one_another_are_right() {
        story(&[(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]).violates(&[]);
        // What was before may have been deleted before this trace began; and behind the greatest number comes 0.
        story(&[(3, i32::MAX - 1), (3, i32::MAX), (3, 0)]).violates(&[]);
    }

    #[test]
    fn s16_a_number_that_is_there_twice() {
        let sentence = story(&[(0, 0), (0, 1), (0, 0)]).violates(&[InvariantId::NoDuplicates]);
        assert_eq!(
            sentence,
            "orders-0: the committed log has, at offset 2, number 0 of producer 7 in epoch 0, which is at offset 0 already"
        );
    }

    #[test]
    fn s16_a_number_that_was_left_out() {
        let sentence = story(&[(0, 0), (0, 2)]).violates(&[InvariantId::NoDuplicates]);
        assert!(sentence.ends_with("number 2 of producer 7 in epoch 0, where number 1 was next"));
        let sentence = story(&[(0, 0), (1, 1)]).violates(&[InvariantId::NoDuplicates]);
        assert!(sentence.ends_with("in epoch 1, where number 0 was next"), "{sentence}");
    }

    #[test]
    fn s16_an_epoch_that_comes_back() {
        let sentence = story(&[(0, 0), (1, 0), (0, 1)]).violates(&[InvariantId::NoDuplicates]);
        assert!(sentence.ends_with("in epoch 0, though epoch 1 had begun"), "{sentence}");
    }

    #[test]
    fn s16_a_producer_id_that_is_given_twice() {
        let given = |producer_id| EventKind::ProducerIdAssigned { producer_id, producer_epoch: 0 };
        let mut story = Story::begun();
        story.at(PRODUCER, given(1000));
        story.at(RIVAL, given(2000));
        story.at(PRODUCER, given(1001));
        story.violates(&[]);
        story.at(RIVAL, given(1001));
        let sentence = story.violates(&[InvariantId::NoDuplicates]);
        assert_eq!(
            sentence,
            "consumer-2 is given the producer id 1001, which producer-1 was given before"
        );
    }

    #[test]
    fn what_is_not_committed_and_what_was_deleted_is_not_judged() {
        let mut twice = story(&[(0, 0), (0, 1)]);
        let mut kind = batch(2, 2, 0, 110, true);
        if let EventKind::BatchAppended { sequence, .. } = &mut kind {
            let (producer_id, producer_epoch) = (ProducerId(7), ProducerEpoch(0));
            *sequence = Quiet(Some(ProducerSequence { producer_id, producer_epoch, base: 0 }));
        }
        twice.at(node(1), kind);
        twice.violates(&[]);
        let mut deleted = twice.clone();
        for story in [&mut twice, &mut deleted] {
            for id in [2, 3] {
                story.append(id, 2, 2, 0, 110);
            }
        }
        twice.high_watermark(1, 2, 3);
        twice.violates(&[InvariantId::NoDuplicates]);
        let (partition, to) = (orders(), Offset(2));
        deleted.at(node(1), EventKind::LogStartMoved { partition, to });
        deleted.high_watermark(1, 2, 3);
        deleted.violates(&[]);
    }
}
