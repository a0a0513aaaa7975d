//! The fetch loop: one fetch a broker under way, for every partition that it leads.

use std::collections::BTreeMap;

use bytes::Bytes;
use klamm_node::{BrokerId, Context, EventKind, LeaderEpoch, Offset, TopicId, TopicName, TopicPartition, planted};
use klamm_protocol::kafka::messages::fetch_request::{FetchPartition, FetchTopic};
use klamm_protocol::kafka::messages::fetch_response::PartitionData;
use klamm_protocol::kafka::messages::{
    ApiKey, BrokerId as WireBrokerId, FetchRequest, FetchResponse, RequestKind,
};
use klamm_protocol::{Call, ErrorCode, batches, convert};

use super::{Asked, Consumer, Position, State, Wanted};
use crate::metadata::{Leader, endpoint};

impl Consumer {
    pub(super) fn fetch(&mut self, cx: &mut Context<'_>, mut wanted: Wanted) {
        if self.fetching.contains(&wanted.to) {
            return;
        }
        // A broker fills its answer in the order of the request: who comes first changes, so that nobody starves.
        self.fetches = self.fetches.wrapping_add(1);
        let first = self.fetches % wanted.partitions.len().max(1);
        wanted.partitions.rotate_left(first);

        let version = self.core.version(&wanted.to, ApiKey::Fetch as i16).unwrap_or(4);
        let mut topics: Vec<(TopicName, Vec<FetchPartition>)> = Vec::new();
        for (partition, leader) in &wanted.partitions {
            let state = self.partitions.get(partition).map(|assigned| assigned.state);
            let Some(State::Fetch(position)) = state else { continue };
            let mut asked = FetchPartition::default()
                .with_partition(partition.partition)
                .with_fetch_offset(position.offset.0)
                .with_partition_max_bytes(self.config.max_partition_fetch_bytes);
            if version >= 9 {
                asked = asked.with_current_leader_epoch(leader.epoch.0);
            }
            if version >= 12 {
                // The Java consumer leaves this out and relies on OffsetForLeaderEpoch alone; with it the leader
                // finds a truncation at the fetch itself.
                asked = asked.with_last_fetched_epoch(position.epoch.0);
            }
            match topics.iter_mut().find(|(topic, _)| *topic == partition.topic) {
                Some((_, partitions)) => partitions.push(asked),
                None => topics.push((TopicName::clone(&partition.topic), vec![asked])),
            }
        }
        let metadata = &self.core.metadata;
        let nameless = topics.iter().any(|(name, _)| metadata.topic_id(name) == TopicId::ZERO);
        let topics = topics.into_iter().map(|(name, partitions)| {
            FetchTopic::default()
                .with_topic_id(convert::topic_uuid(metadata.topic_id(&name)))
                .with_topic(convert::topic(&name))
                .with_partitions(partitions)
        });
        let wait = i32::try_from(self.config.fetch_max_wait.as_millis()).unwrap_or(i32::MAX);
        let request = FetchRequest::default()
            .with_replica_id(WireBrokerId(-1))
            .with_max_wait_ms(wait)
            .with_min_bytes(self.config.fetch_min_bytes)
            .with_max_bytes(self.config.fetch_max_bytes)
            .with_topics(topics.collect());
        let mut call = Call::new(RequestKind::Fetch(request), self.core.request_timeout);
        if nameless {
            call = call.up_to(12);
        }
        self.fetching.insert(wanted.to.clone());
        let asked = self.asked(ApiKey::Fetch, &wanted);
        self.core.send(cx, &wanted.to, call, asked);
    }

    pub(super) fn fetched(
        &mut self,
        cx: &mut Context<'_>,
        asked: &Asked,
        response: &FetchResponse,
    ) {
        let code = ErrorCode(response.error_code);
        let mut answers: BTreeMap<TopicPartition, &PartitionData> = BTreeMap::new();
        for topic in &response.responses {
            let id = convert::topic_id(topic.topic_id);
            let Some(name) = self.core.metadata.name_of(&topic.topic, id) else { continue };
            for answer in &topic.partitions {
                let partition =
                    TopicPartition::new(TopicName::clone(&name), answer.partition_index);
                answers.insert(partition, answer);
            }
        }
        for (partition, turn) in &asked.partitions {
            match answers.get(partition) {
                Some(answer) if code.is_none() => {
                    self.learn_leader(cx, partition, answer, response);
                    self.partition_fetched(cx, partition, *turn, asked, answer);
                }
                Some(_) | None => {
                    let code = if code.is_none() { ErrorCode::UNKNOWN_SERVER_ERROR } else { code };
                    self.retry(cx, partition, *turn, asked, code, None);
                }
            }
        }
    }

    /// KIP-951: who does not lead says who does, if it knows.
    fn learn_leader(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        answer: &PartitionData,
        response: &FetchResponse,
    ) {
        let hint = Leader {
            id: BrokerId(answer.current_leader.leader_id.0),
            epoch: LeaderEpoch(answer.current_leader.leader_epoch),
        };
        let at = response
            .node_endpoints
            .iter()
            .find(|node| node.node_id.0 == hint.id.0)
            .and_then(|node| endpoint(&node.host, node.port));
        self.core.metadata.learn_hint(cx, partition, hint, at);
    }

    fn partition_fetched(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        turn: u64,
        asked: &Asked,
        answer: &PartitionData,
    ) {
        let code = ErrorCode(answer.error_code);
        let leader_epoch = asked.epochs.get(partition).copied().unwrap_or(LeaderEpoch::NONE);
        if code == ErrorCode::OFFSET_OUT_OF_RANGE {
            return self.reset(partition, turn, "out-of-range");
        }
        if !code.is_none() {
            return self.retry(cx, partition, turn, asked, code, None);
        }
        if answer.diverging_epoch.epoch >= 0 {
            let epoch = LeaderEpoch(answer.diverging_epoch.epoch);
            let end = Offset(answer.diverging_epoch.end_offset);
            return self.agree(cx, partition, turn, epoch, end, leader_epoch);
        }
        let Some(assigned) = self.current(partition, turn) else { return };
        let State::Fetch(position) = assigned.state else { return };
        let records = answer.records.clone().unwrap_or_default();
        let (position, read, corrupt) = read_batches(cx, partition, position, &records);
        assigned.state = State::Fetch(position);
        self.read += read;
        if corrupt {
            self.retry(cx, partition, turn, asked, ErrorCode::CORRUPT_MESSAGE, None);
        } else if let Some(assigned) = self.current(partition, turn) {
            assigned.failures = 0;
        }
    }
}

/// Reads what lies at or behind the position. Returns the new position, how many records were read, and whether it
/// stopped at a corrupt batch.
fn read_batches(
    cx: &mut Context<'_>,
    partition: &TopicPartition,
    mut position: Position,
    records: &Bytes,
) -> (Position, u64, bool) {
    let mut read = 0;
    for batch in batches(records) {
        let intact = batch.and_then(|batch| batch.verify_crc().map(|()| batch));
        let Ok(batch) = intact else { return (position, read, true) };
        let header = *batch.header();
        // A fetch returns whole batches: what is before the position was read already.
        if header.last_offset() < position.offset {
            continue;
        }
        if !header.is_control() {
            let Ok(records) = batch.records() else { return (position, read, true) };
            let fresh = records.iter().filter(|record| record.offset >= position.offset).count();
            read += fresh as u64;
            // A batch whose records were all compacted away moves the position and is not seen.
            if fresh > 0 {
                cx.observe(EventKind::RecordsRead {
                    partition: partition.clone(),
                    base_offset: header.base_offset.max(position.offset),
                    last_offset: header.last_offset(),
                    leader_epoch: header.leader_epoch,
                    crc: header.crc,
                });
            }
        }
        position.offset = header.next_offset();
        if planted("consumer_skips_record") && header.next_offset().0 % 16 == 0 {
            position.offset = position.offset.plus(1);
        }
        if planted("consumer_rereads") && header.next_offset().0 % 16 == 0 {
            position.offset = header.base_offset;
        }
        position.epoch = header.leader_epoch;
    }
    (position, read, false)
}
