//! Folding what clients did.

use std::sync::Arc;

use klamm_node::event::{Event, EventKind};
use klamm_node::{NodeId, Offset, ProducerEpoch, ProducerId, RecordId, Seq, TopicPartition};

use super::state::{AckedBatch, PartitionView, ReadSpan, RecordView};
use super::{ClientView, View};

impl View {
    /// Folds an event of the client room.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the client room only"
    )]
    pub(super) fn apply_client(&mut self, event: &Event) {
        let node = event.node;
        match &event.kind {
            // The words of `AdminRequest::ElectLeaders`.
            EventKind::CommandGiven { text } if text.contains("any live replica") => {
                self.unclean_asked = true;
            }
            EventKind::RecordAccepted { record, partition, key } => {
                self.client(node).accepted += 1;
                self.accept(event, *record, partition, key.as_deref());
            }
            EventKind::BatchSent { partition, records, crc, .. } => {
                self.partition(partition).sent.insert(*crc, records.as_slice().into());
            }
            EventKind::RecordsAcknowledged {
                partition,
                base_offset,
                records,
                acks,
                crc,
                latency,
            } => {
                let client = self.client(node);
                client.acknowledged += count(records.len());
                client.last_latency = *latency;
                client.worst_latency = client.worst_latency.max(*latency);
                self.acknowledge(event, partition, *base_offset, records, *acks, *crc);
            }
            EventKind::RecordsFailed { records, .. } => {
                self.client(node).failed += count(records.len());
            }
            EventKind::RequestRetried { .. } => self.client(node).retried += 1,
            EventKind::ProducerIdAssigned { producer_id, producer_epoch }
            | EventKind::ProducerEpochBumped { producer_id, producer_epoch, .. } => {
                let identity = (ProducerId(*producer_id), ProducerEpoch(*producer_epoch));
                self.client(node).producer_id = Some(identity);
            }
            EventKind::ReadReplicaChanged { partition, replica, .. } => {
                let read = &mut self.client(node).read_replicas;
                if replica.0 < 0 {
                    read.remove(partition);
                } else {
                    read.insert(partition.clone(), *replica);
                }
            }
            EventKind::ClientLearned { partition, leader, leader_epoch } => {
                self.client(node).leaders.insert(partition.clone(), (*leader, *leader_epoch));
            }
            EventKind::RecordsRead { partition, base_offset, last_offset, leader_epoch, crc } => {
                let span = ReadSpan {
                    base: *base_offset,
                    last: *last_offset,
                    epoch: *leader_epoch,
                    crc: *crc,
                };
                self.read(node, partition, span, event.seq);
            }
            EventKind::PositionSet { partition, to, reason } => {
                let client = self.client(node);
                client.positions.insert(partition.clone(), *to);
                if reason != "assigned" {
                    client.resets += 1;
                }
            }
            EventKind::Subscribed { .. }
            | EventKind::CoordinatorFound { .. }
            | EventKind::PartitionsAssigned { .. }
            | EventKind::MemberEpochMoved { .. }
            | EventKind::PartitionsRevoked { .. }
            | EventKind::PartitionsLost { .. }
            | EventKind::PollIntervalExceeded { .. }
            | EventKind::CommitFailed { .. }
            | EventKind::RecordsPolled { .. }
            | EventKind::RecordsProcessed { .. }
            | EventKind::RecordProcessed { .. }
            | EventKind::CommitAcknowledged { .. } => self.apply_membership(event),
            EventKind::AdminAnswered { request, error } => {
                self.client(node).answers.push((request.clone(), error.clone()));
            }
            _ => {}
        }
    }

    fn client(&mut self, node: NodeId) -> &mut ClientView {
        &mut self.node(node).client
    }

    fn accept(
        &mut self,
        event: &Event,
        record: RecordId,
        partition: &TopicPartition,
        key: Option<&str>,
    ) {
        if let Some(key) = key {
            let topic = &partition.topic;
            let homes = match self.key_homes.get_mut(topic) {
                Some(homes) => homes,
                None => self.key_homes.entry(Arc::clone(topic)).or_default(),
            };
            match homes.get(key) {
                Some(home) if *home == partition.partition => {}
                Some(_) => {
                    self.scattered_keys.insert((Arc::clone(topic), key.to_owned()));
                }
                None => {
                    homes.insert(Arc::from(key), partition.partition);
                }
            }
        }
        let view = RecordView {
            producer: event.node,
            partition: partition.clone(),
            key: key.map(Arc::from),
            seq: event.seq,
            time: event.time,
        };
        self.records.insert(record, view);
    }

    fn acknowledge(
        &mut self,
        event: &Event,
        partition: &TopicPartition,
        base: Offset,
        records: &[RecordId],
        acks: i16,
        crc: u32,
    ) {
        let view = self.partition(partition);
        // The stored batch is found by its offset and CRC. A broker that stamps its own time on the batch (LogAppendTime)
        // changes the CRC; then the newest batch at that offset is the one.
        let candidates = view.written_at(base);
        let same = candidates.iter().find(|(_, written)| written.crc == crc);
        let stored = same.or_else(|| candidates.first()).copied();
        let batch = AckedBatch {
            producer: event.node,
            base,
            records: records.to_vec(),
            acks,
            epoch: stored.map(|(epoch, _)| epoch),
            crc: stored.map_or(crc, |(_, written)| written.crc),
            isr: view.truth.as_ref().map(|truth| truth.isr.clone()).unwrap_or_default(),
            seq: event.seq,
            time: event.time,
        };
        // Of a deleted topic nobody knows any more where a record was.
        if view.deleted.is_none() || batch.epoch.is_some() {
            view.acked.push(batch);
        }
    }

    fn read(&mut self, node: NodeId, partition: &TopicPartition, span: ReadSpan, seq: Seq) {
        let Some(view) = self.nodes.get_mut(&node) else { return };
        let client = &mut view.client;
        let sent = self.partitions.get(partition).map_or(&[][..], |view| records_of(view, span));
        if !sent.is_empty() {
            let newest_of_key = match client.newest_of_key.get_mut(partition) {
                Some(newest) => newest,
                None => client.newest_of_key.entry(partition.clone()).or_default(),
            };
            for id in sent {
                let Some(record) = self.records.get(id) else { continue };
                let Some(key) = &record.key else { continue };
                let whose = (record.producer, Arc::clone(key));
                match newest_of_key.get_mut(&whose) {
                    Some(newest) if record.seq < *newest => {
                        self.disorders.push((node, partition.clone(), key.to_string(), seq));
                    }
                    Some(newest) => *newest = record.seq,
                    None => drop(newest_of_key.insert(whose, record.seq)),
                }
            }
        }
        client.read += u64::try_from(span.last.0 - span.base.0 + 1).unwrap_or(0);
        let next = span.last.plus(1);
        match client.positions.get_mut(partition) {
            Some(position) => *position = next,
            None => {
                client.positions.insert(partition.clone(), next);
            }
        }
    }
}

/// The records that a consumer got with a part of a batch, as far as a producer of this run sent them.
fn records_of(view: &PartitionView, span: ReadSpan) -> &[RecordId] {
    let Some(sent) = view.sent.get(&span.crc) else { return &[] };
    let written = view.written.range(..=(span.epoch, span.base)).next_back();
    let base = written.map_or(span.base, |((_, base), _)| *base);
    let skip = usize::try_from(span.base.0 - base.0).unwrap_or(0).min(sent.len());
    let take = usize::try_from(span.last.0 - span.base.0 + 1).unwrap_or(0);
    let got = &sent[skip..];
    &got[..take.min(got.len())]
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
