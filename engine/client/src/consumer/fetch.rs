//! The fetch loop: one fetch a broker under way, for every partition that is read there, in a fetch session (KIP-227).

use std::collections::VecDeque;

use bytes::Bytes;
use klamm_node::event::Word;
use klamm_node::{
    BrokerId, Context, Endpoint, EventKind, LeaderEpoch, Offset, TopicId, TopicPartition, planted,
};
use klamm_protocol::fetch_session::FetchSession;
use klamm_protocol::kafka::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use klamm_protocol::kafka::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use klamm_protocol::kafka::messages::{
    ApiKey, BrokerId as WireBrokerId, FetchRequest, FetchResponse, RequestKind,
};
use klamm_protocol::{Call, ErrorCode, batches, convert};

use super::handout::{Chunk, Handout};
use super::{Asked, Consumer, Position, State};
use crate::metadata::{Leader, endpoint};

/// All that a fetch says of a partition, besides limits that never change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FetchAsk {
    /// The topic's id, or zero if it is not known: then every topic is named.
    pub topic: TopicId,
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
    /// The position's turn, for answers that come too late. Not on the wire.
    pub turn: u64,
}

/// What a broker is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct BrokerFetch {
    pub session: FetchSession<TopicPartition, FetchAsk>,
    /// A fetch is under way.
    pub under_way: bool,
}

impl BrokerFetch {
    /// The partitions of a topic of an answer, by its name or else by its id.
    fn name(&self, topic: &FetchableTopicResponse) -> Option<klamm_node::TopicName> {
        if !topic.topic.is_empty() {
            return Some(convert::topic_name(&topic.topic));
        }
        let id = convert::topic_id(topic.topic_id);
        let asked = self.session.partitions().iter().find(|(_, ask)| ask.topic == id);
        asked.map(|(partition, _)| partition.topic.clone())
    }

    /// The partitions of an answer, with what was asked of them; none if it does not fit the session. What an
    /// incremental answer leaves out has nothing new.
    fn read<'a>(
        &mut self,
        response: &'a FetchResponse,
    ) -> Vec<(TopicPartition, FetchAsk, &'a PartitionData)> {
        let (mut answers, mut strange) = (Vec::new(), 0);
        for topic in &response.responses {
            let Some(name) = self.name(topic) else {
                strange += topic.partitions.len();
                continue;
            };
            for data in &topic.partitions {
                let partition = TopicPartition::new(name.clone(), data.partition_index);
                match self.session.asked(&partition) {
                    Some(ask) => answers.push((partition, *ask, data)),
                    None => strange += 1,
                }
            }
        }
        if !self.session.answered(response.session_id, answers.len(), strange) {
            answers.clear();
        }
        answers
    }
}

impl Consumer {
    /// Sends a broker the next fetch of its session, for these partitions.
    pub(super) fn fetch(
        &mut self,
        cx: &mut Context<'_>,
        to: Endpoint,
        wanted: Vec<(TopicPartition, FetchAsk)>,
    ) {
        let version = self.core.version(&to, ApiKey::Fetch as i16).unwrap_or(4);
        // In one request, all topics go by id or all by name.
        let nameless = wanted.iter().any(|(_, ask)| ask.topic == TopicId::ZERO);
        let fetch = self.fetches.entry(to.clone()).or_default();
        // Another topic of the same name must be forgotten under its old id.
        let plan = fetch.session.plan(wanted, |before, after| before.topic != after.topic);
        fetch.under_way = true;
        let mut topics: Vec<FetchTopic> = Vec::new();
        for (partition, ask) in &plan.send {
            let mut asked = FetchPartition::default()
                .with_partition(partition.partition)
                .with_fetch_offset(ask.offset.0)
                .with_partition_max_bytes(self.config.max_partition_fetch_bytes);
            if version >= 9 {
                asked = asked.with_current_leader_epoch(ask.leader_epoch.0);
            }
            // Partitions come in order of topics.
            if topics.last().is_none_or(|last| *last.topic.0 != *partition.topic) {
                topics.push(
                    FetchTopic::default()
                        .with_topic_id(convert::topic_uuid(ask.topic))
                        .with_topic(convert::topic(&partition.topic)),
                );
            }
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(asked);
            }
        }
        let mut forgotten: Vec<ForgottenTopic> = Vec::new();
        for (partition, ask) in &plan.forget {
            let id = convert::topic_uuid(ask.topic);
            let same =
                |last: &ForgottenTopic| last.topic_id == id && *last.topic.0 == *partition.topic;
            if !forgotten.last().is_some_and(same) {
                let topic = convert::topic(&partition.topic);
                forgotten.push(ForgottenTopic::default().with_topic_id(id).with_topic(topic));
            }
            if let Some(topic) = forgotten.last_mut() {
                topic.partitions.push(partition.partition);
            }
        }
        let wait = i32::try_from(self.config.fetch_max_wait.as_millis()).unwrap_or(i32::MAX);
        let mut request = FetchRequest::default()
            .with_replica_id(WireBrokerId(-1))
            .with_max_wait_ms(wait)
            .with_min_bytes(self.config.fetch_min_bytes)
            .with_max_bytes(self.config.fetch_max_bytes)
            .with_session_id(plan.session_id)
            .with_session_epoch(plan.session_epoch)
            .with_topics(topics)
            .with_forgotten_topics_data(forgotten);
        if version >= 11 {
            request = request.with_rack_id(convert::text(&self.config.client_rack));
        }
        let mut call = Call::new(RequestKind::Fetch(request), self.core.request_timeout);
        if nameless {
            call = call.up_to(12);
        }
        let asked = Asked::fetch(to.clone());
        self.core.send(cx, &to, call, asked);
    }

    /// A broker answered a fetch.
    pub(super) fn fetched(
        &mut self,
        cx: &mut Context<'_>,
        from: &Endpoint,
        response: &FetchResponse,
    ) {
        let Some(fetch) = self.fetches.get_mut(from) else { return };
        let code = ErrorCode(response.error_code);
        match code {
            ErrorCode::NONE => {
                fetch.under_way = false;
                let answers = fetch.read(response);
                for (partition, ask, answer) in answers {
                    self.learn_leader(cx, &partition, answer, response);
                    self.partition_fetched(cx, &partition, ask, answer);
                }
            }
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND
            | ErrorCode::INVALID_FETCH_SESSION_EPOCH
            | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR => {
                // The next fetch begins a new session, at once.
                fetch.under_way = false;
                fetch.session.refused(code == ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
                if code == ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR {
                    self.core.metadata.refresh();
                }
            }
            _ => self.fetch_failed(cx, from, code.word()),
        }
    }

    /// A fetch has no answer, or none that says anything: everything that its session is about is tried again, from the
    /// leaders.
    pub(super) fn fetch_failed(&mut self, cx: &mut Context<'_>, from: &Endpoint, error: Word) {
        let Some(fetch) = self.fetches.get_mut(from) else { return };
        fetch.under_way = false;
        let partitions = fetch.session.partitions().to_vec();
        fetch.session.failed();
        for (partition, ask) in partitions {
            if let Some(assigned) = self.current(&partition, ask.turn) {
                assigned.prefer(cx, &partition, None, "unreachable");
                let (about, code) =
                    ((ApiKey::Fetch, ask.leader_epoch), ErrorCode::NETWORK_EXCEPTION);
                self.retry(cx, &partition, ask.turn, about, code, Some(error.clone()));
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
        if hint.id.0 < 0 {
            return;
        }
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
        ask: FetchAsk,
        answer: &PartitionData,
    ) {
        let max_age = self.config.metadata_max_age;
        let Some(assigned) = self.current(partition, ask.turn) else { return };
        let State::Fetch(position) = assigned.state else { return };
        if position.offset != ask.offset {
            // Another broker was faster.
            return;
        }
        let code = ErrorCode(answer.error_code);
        let about = (ApiKey::Fetch, ask.leader_epoch);
        match code {
            ErrorCode::NONE => {}
            ErrorCode::OFFSET_OUT_OF_RANGE if assigned.preferred.is_some() => {
                // A follower's log may begin or end elsewhere: the leader has the last word.
                return assigned.prefer(cx, partition, None, "error");
            }
            ErrorCode::OFFSET_OUT_OF_RANGE if position.leader_epoch != ask.leader_epoch => return,
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                return self.reset(cx, partition, ask.turn, "out-of-range");
            }
            // It knows an older leader than the client; that passes.
            ErrorCode::UNKNOWN_LEADER_EPOCH => {
                return self.retry(cx, partition, ask.turn, about, code, None);
            }
            _ => {
                assigned.prefer(cx, partition, None, "error");
                return self.retry(cx, partition, ask.turn, about, code, None);
            }
        }
        if answer.diverging_epoch.epoch >= 0 {
            let epoch = LeaderEpoch(answer.diverging_epoch.epoch);
            let end = Offset(answer.diverging_epoch.end_offset);
            return self.agree(cx, partition, ask.turn, (epoch, end), ask.leader_epoch);
        }
        let preferred = BrokerId(answer.preferred_read_replica.0);
        if preferred.0 >= 0 {
            assigned.failures = 0;
            assigned.prefer(cx, partition, Some((preferred, cx.now + max_age)), "preferred");
            return;
        }
        let records = answer.records.clone().unwrap_or_default();
        let handout = assigned.settled();
        let (position, read, corrupt) = read_batches(cx, partition, position, &records, handout);
        assigned.state = State::Fetch(position);
        if !corrupt {
            assigned.failures = 0;
        }
        self.read += read;
        if corrupt {
            self.retry(cx, partition, ask.turn, about, ErrorCode::CORRUPT_MESSAGE, None);
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
    mut handout: Option<&mut Handout>,
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
        let (mut offsets, mut contents) = (VecDeque::new(), VecDeque::new());
        if !header.is_control() {
            let Ok(records) = batch.records() else { return (position, read, true) };
            if handout.is_some() {
                let at = records.iter().map(|record| record.offset);
                offsets.extend(at.filter(|at| *at >= position.offset));
            }
            let fresh = records.iter().filter(|record| record.offset >= position.offset).count();
            read += fresh as u64;
            if handout.as_deref().is_some_and(Handout::keeps) {
                let wanted = records.iter().filter(|record| record.offset >= position.offset);
                contents.extend(wanted.cloned());
            }
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
        if let Some(handout) = handout.as_deref_mut() {
            let (next, epoch) = (position.offset, position.epoch);
            handout.put(cx.now, Chunk { offsets, contents, next, epoch });
        }
    }
    (position, read, false)
}
