//! Fetch: reads for consumers and followers, and what a leader learns from a follower's position.
//!
//! *Flows in*: Fetch requests (versions 4 to 18). *Flows out*: batches, divergence, errors; parked requests; progress of
//! followers, from which the high watermark and the ISR follow. *Must never*: show a client anything at or above the
//! high watermark, or take a position for true that it has not accepted.
//!
//! Simplified: read-committed reads are bounded by the high watermark, since there are no transactions yet.

use std::sync::Arc;

use klamm_node::{
    Awaits, BrokerEpoch, BrokerId, Context, EventKind, LeaderEpoch, Offset, Span, Time,
    TopicPartition, planted,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::fetch_request::FetchTopic;
use klamm_protocol::kafka::messages::fetch_response::{
    EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use klamm_protocol::kafka::messages::{FetchRequest, FetchResponse, ResponseKind};

use super::closest::ReplicaSelector;
use super::image::{self, Image};
use super::parked::{Awaited, ParkedRequest};
use super::read::{Asker, PartitionRead, ReadAsk};
use super::session::{FetchItem, ReadResult, SessionUse, TopicRef};
use super::throttle::Side;
use super::{PartitionKey, ReplicaOutput, Replicas, hints};

/// A fetch, taken apart; parked as it is when it has to wait.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ParkedFetch {
    asker: Asker,
    replica_epoch: BrokerEpoch,
    min_bytes: usize,
    max_bytes: usize,
    /// The client's rack, if that matters here (KIP-392).
    rack: Option<Arc<str>>,
    /// What is read, in this order; shared with the session.
    items: Arc<Vec<FetchItem>>,
    session: SessionUse,
    /// Those of the items that this broker knew nothing of when the request came, by their places: their errors are told
    /// with the answer, and do not hasten it.
    unknown: Vec<usize>,
}

/// What a fetch gives at one moment, for each of its items.
struct FetchOutcome {
    reads: Vec<ReadResult>,
    bytes: usize,
    /// Waiting would not better it: an error, a divergence, a closer replica, a position where nothing will be added.
    urgent: bool,
    /// There is something to wait for.
    known: bool,
}

impl ParkedFetch {
    /// The partitions that it reads.
    pub(super) fn partitions(&self) -> impl Iterator<Item = PartitionKey> {
        self.items.iter().filter_map(|item| item.key)
    }

    /// What it waits for. A fetch that knows none of its partitions waits for nothing and is never parked.
    fn awaits(&self, image: &Image) -> Option<Awaits> {
        let mut known = self.items.iter().filter_map(|item| Some((item.key?, item.ask.offset)));
        let (key, from) = known.next()?;
        Some(Awaits::Bytes {
            least: count(self.min_bytes),
            of: image::partition_name(image, key),
            from,
            more: count(known.count()),
        })
    }
}

/// A number of things in an event.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}

/// Who asks, and in which incarnation.
fn asker(request: &FetchRequest, version: i16) -> (Asker, BrokerEpoch) {
    let (replica, epoch) = if version >= 15 {
        (request.replica_state.replica_id.0, request.replica_state.replica_epoch)
    } else {
        (request.replica_id.0, -1)
    };
    let asker = if replica >= 0 {
        Asker::Follower(BrokerId(replica))
    } else {
        // KIP-392: a client that may tell its rack may read from a follower as well.
        Asker::Client { leader_only: version < 11 }
    };
    (asker, BrokerEpoch(epoch))
}

/// The partitions of a request, each once: of one that is named twice the last word counts, in the first one's place.
fn items(topics: Vec<FetchTopic>, version: i16, image: &Image) -> Vec<FetchItem> {
    let mut items: Vec<FetchItem> = Vec::new();
    for topic in topics {
        let (by, id) = if version >= 13 {
            let id = convert::topic_id(topic.topic_id);
            (TopicRef::Id(id), Some(id))
        } else {
            let known = image::topic_by_name(image, topic.topic.as_str()).map(|(id, _)| id);
            (TopicRef::Name(topic.topic), known)
        };
        for ask in topic.partitions {
            items.push(FetchItem {
                topic: by.clone(),
                index: ask.partition,
                key: id.map(|topic| PartitionKey { topic, partition: ask.partition }),
                ask: ReadAsk {
                    offset: Offset(ask.fetch_offset),
                    current_leader_epoch: LeaderEpoch(ask.current_leader_epoch),
                    last_fetched_epoch: LeaderEpoch(ask.last_fetched_epoch),
                    log_start: Offset(ask.log_start_offset),
                    max_bytes: size(ask.partition_max_bytes),
                },
            });
        }
    }
    FetchItem::drop_doubles(&mut items);
    items
}

impl Replicas {
    /// Handles a Fetch request of a consumer or a follower.
    pub fn fetch(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        mut request: FetchRequest,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let version = token.api_version;
        let max_wait = Span::from_wire_millis(i64::from(request.max_wait_ms));
        let (asker, replica_epoch) = asker(&request, version);
        let max_bytes = size(request.max_bytes.min(self.config.fetch_max_bytes));
        let min_bytes = size(request.min_bytes).min(max_bytes);
        let rack_aware = asker == Asker::Client { leader_only: false }
            && !request.rack_id.is_empty()
            && ReplicaSelector::named(&self.config.replica_selector_class)
                == ReplicaSelector::RackAware;
        let rack = rack_aware.then(|| Arc::from(request.rack_id.as_str()));
        let asked = items(std::mem::take(&mut request.topics), version, image);
        let mut forgotten = Vec::new();
        for topic in request.forgotten_topics_data {
            let by = if version >= 13 {
                TopicRef::Id(convert::topic_id(topic.topic_id))
            } else {
                TopicRef::Name(topic.topic)
            };
            forgotten.extend(topic.partitions.iter().map(|index| (by.clone(), *index)));
        }
        let (id, epoch) = (request.session_id, request.session_epoch);
        let opened =
            self.sessions.open(cx, token, (id, epoch), asked, forgotten, |topic, index| {
                let TopicRef::Name(name) = topic else { return None };
                let (topic, _) = image::topic_by_name(image, name.as_str())?;
                Some(PartitionKey { topic, partition: index })
            });
        let (items, session) = match opened {
            Ok(opened) => opened,
            Err(code) => {
                out.push(reply(token, FetchResponse::default().with_error_code(code.0)));
                return;
            }
        };
        let unknown = Vec::new();
        let mut fetch = ParkedFetch {
            asker,
            replica_epoch,
            min_bytes,
            max_bytes,
            rack,
            items,
            session,
            unknown,
        };
        let mut touched = Vec::new();
        let outcome = self.read(cx, image, &fetch, Some(&mut touched));
        let enough = outcome.bytes >= fetch.min_bytes;
        if max_wait == Span::ZERO || !outcome.known || outcome.urgent || enough {
            let response = self.answer(cx, image, token, &fetch, outcome.reads);
            out.push(reply(token, response));
        } else {
            if let Some(awaits) = fetch.awaits(image) {
                cx.observe(EventKind::RequestParked {
                    connection: token.connection,
                    api_key: token.api_key,
                    correlation_id: token.correlation_id,
                    awaits,
                });
            }
            let unknown = outcome.reads.iter().enumerate().filter(|(_, read)| read.is_err());
            fetch.unknown = unknown.map(|(at, _)| at).collect();
            let deadline = cx.now + max_wait;
            let awaited = Awaited::Fetch(Box::new(fetch));
            self.parked.park(ParkedRequest { token, deadline, awaited });
        }
        self.settle(cx, image, &touched, out);
    }

    /// The response of a parked fetch, and the event word for how it ended if that is worth an event: what there is now.
    /// Positions were taken when it arrived and are not taken again.
    pub(super) fn finish_fetch(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        fetch: &ParkedFetch,
    ) -> (Option<&'static str>, ReplicaOutput) {
        let outcome = self.read(cx, image, fetch, None);
        let errors =
            outcome.reads.iter().enumerate().filter_map(|(at, read)| {
                read.as_ref().err().filter(|_| !fetch.unknown.contains(&at))
            });
        let word = match errors.copied().next() {
            // Fenced by a newer epoch: the leader that it was parked at has learnt of its successor, or of itself.
            Some(ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH) => {
                Some("leadership-lost")
            }
            Some(_) => Some("error"),
            None => None,
        };
        (word, reply(token, self.answer(cx, image, token, fetch, outcome.reads)))
    }

    /// Whether a parked fetch has something to answer: enough bytes, an error, a divergence, or a position that is no
    /// longer in the log, or in a segment that is no longer written to.
    pub(super) fn fetch_is_ready(&self, cx: &mut Context<'_>, fetch: &ParkedFetch) -> bool {
        let mut bytes = 0;
        for (at, item) in fetch.items.iter().enumerate() {
            let Some(partition) = item.key.and_then(|key| self.partitions.get(&key)) else {
                if fetch.unknown.contains(&at) {
                    continue;
                }
                return true;
            };
            let end = partition.visible_end(fetch.asker);
            if partition.readable(fetch.asker, item.ask.current_leader_epoch).is_err()
                || item.ask.offset > end
                || !matches!(partition.divergence(&item.ask), Ok(None))
            {
                return true;
            }
            if item.ask.offset < end {
                if partition.may_throttle(fetch.asker.replica()) && self.throttles.is_over(cx.now) {
                    // KIP-73: it would get nothing of this one.
                    continue;
                }
                if fetch.min_bytes <= 1 || partition.is_in_older_segment(item.ask.offset, end) {
                    return true;
                }
                let limit = item.ask.max_bytes.min(fetch.min_bytes);
                match partition.read(cx, &item.ask, fetch.asker, limit, true) {
                    // The request's own limit on a partition bounds what is counted, whatever one batch brings.
                    Ok(read) => bytes += read.records.len().min(item.ask.max_bytes),
                    Err(_) => return true,
                }
            }
        }
        bytes >= fetch.min_bytes
    }

    /// Reads every partition in order of the request, with one byte budget. With `touched`, followers' positions are
    /// taken and the partitions that they changed are noted there.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        fetch: &ParkedFetch,
        mut touched: Option<&mut Vec<PartitionKey>>,
    ) -> FetchOutcome {
        let reads = Vec::with_capacity(fetch.items.len());
        let mut outcome = FetchOutcome { reads, bytes: 0, urgent: false, known: false };
        for item in fetch.items.iter() {
            let budget = item.ask.max_bytes.min(fetch.max_bytes.saturating_sub(outcome.bytes));
            let first = outcome.bytes == 0;
            let read =
                self.read_item(cx, image, fetch, item, (budget, first), touched.as_deref_mut());
            match &read {
                Ok(read) => {
                    outcome.known = true;
                    outcome.bytes += read.records.len();
                    outcome.urgent |=
                        read.diverging.is_some() || read.preferred.is_some() || read.settled;
                }
                Err(ErrorCode::UNKNOWN_TOPIC_ID | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {}
                Err(_) => {
                    outcome.known = true;
                    outcome.urgent = true;
                }
            }
            outcome.reads.push(read);
        }
        outcome
    }

    fn read_item(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        fetch: &ParkedFetch,
        item: &FetchItem,
        (budget, at_least_one): (usize, bool),
        touched: Option<&mut Vec<PartitionKey>>,
    ) -> ReadResult {
        let key = item.key.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        let Some(partition) = self.partitions.get_mut(&key) else {
            let by_id = matches!(item.topic, TopicRef::Id(_));
            return Err(if by_id && image::topic_by_id(image, key.topic).is_none() {
                ErrorCode::UNKNOWN_TOPIC_ID
            } else {
                image::not_hosted(image, key)
            });
        };
        partition.readable(fetch.asker, item.ask.current_leader_epoch)?;
        if let Asker::Follower(follower) = fetch.asker {
            partition.known_follower(follower, item.ask.current_leader_epoch)?;
        }
        if let Some(rack) = &fetch.rack
            && let Some(replica) =
                partition.closest_replica(image, self.me.id, rack, item.ask.offset, cx.now)
        {
            return Ok(PartitionRead {
                records: bytes::Bytes::new(),
                high_watermark: partition.high_watermark,
                log_start: partition.log.log_start(),
                diverging: None,
                preferred: Some(replica),
                settled: false,
            });
        }
        let mut read = partition.read(cx, &item.ask, fetch.asker, budget, at_least_one)?;
        // KIP-73: a throttled follower gets nothing of this one for now; what its position says counts all the same.
        let follower = fetch.asker.replica();
        if !read.records.is_empty()
            && partition.may_throttle(follower)
            && self.throttles.holds(cx, Side::Leader, &partition.name, follower)
        {
            read.records = bytes::Bytes::new();
            read.settled = false;
        }
        let (Asker::Follower(follower), Some(touched)) = (fetch.asker, touched) else {
            return Ok(read);
        };
        if let Some((epoch, end_offset)) =
            read.diverging.filter(|_| !planted("count_diverging_fetch_as_ack"))
        {
            // Z02 (KAFKA-13141): a diverging log's end says nothing about what the follower holds of this leader's log.
            // It is told to truncate, and its position does not count until it fetches from a common prefix.
            cx.observe(EventKind::FetchDiverged {
                partition: partition.name.clone(),
                replica: follower,
                epoch,
                end_offset,
            });
            return Ok(read);
        }
        let epoch = fetch.replica_epoch;
        let progress = partition.follower_fetched(cx, image, follower, epoch, &item.ask)?;
        // The ISR first: a follower that joins holds the high watermark from now on (Z08).
        if progress.may_join {
            self.proposals.expand(cx, image, partition, follower, self.me);
        }
        let advanced = progress.moved
            && partition.advance_high_watermark(cx, image, self.config.replica_lag_time_max);
        if advanced || progress.trimmed {
            touched.push(key);
        }
        Ok(read)
    }

    /// Counts what goes to followers of throttled partitions.
    fn count_throttled(&mut self, now: Time, fetch: &ParkedFetch, reads: &[ReadResult]) {
        for (item, read) in fetch.items.iter().zip(reads) {
            let (Some(key), Ok(read)) = (item.key, read) else { continue };
            if self.partitions.get(&key).is_some_and(|held| held.config.throttled.as_leader) {
                self.throttles.record(now, Side::Leader, read.records.len());
            }
        }
    }

    /// The response to what was read: of a session only what its fetcher does not know yet.
    fn answer(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        fetch: &ParkedFetch,
        reads: Vec<ReadResult>,
    ) -> FetchResponse {
        if let Asker::Follower(_) = fetch.asker {
            self.count_throttled(cx.now, fetch, &reads);
        }
        let mut response = FetchResponse::default();
        let mut chosen = Vec::new();
        match fetch.session {
            SessionUse::None => {}
            SessionUse::New => {
                let replica = fetch.asker.replica();
                response.session_id =
                    self.sessions.create(cx, token, replica, &fetch.items, &reads);
            }
            SessionUse::Incremental { id, epoch } => {
                response.session_id = id;
                if let Err(code) = self.sessions.conclude(id, epoch, &reads, &mut chosen) {
                    return response.with_error_code(code.0);
                }
            }
        }
        let mut named = Vec::new();
        // What this broker knows nothing of comes last, as in Kafka.
        let known = |item: &FetchItem| match item.key {
            Some(key) => image::partition(image, key).is_some(),
            None => false,
        };
        let mut unknown = Vec::new();
        let mut tell = |cx: &mut Context<'_>, item: &FetchItem, read: ReadResult| {
            let data = match read {
                Ok(read) => {
                    if let (Some(replica), Some(rack)) = (read.preferred, &fetch.rack) {
                        let partition = named_partition(image, item);
                        let rack = rack.as_ref().to_owned();
                        cx.observe(EventKind::PreferredReplicaChosen { partition, replica, rack });
                    }
                    data(item.index, read)
                }
                Err(code) => {
                    cx.observe(EventKind::PartitionRequestRefused {
                        partition: named_partition(image, item),
                        api_key: token.api_key,
                        replica: fetch.asker.replica(),
                        error: code.word(),
                    });
                    let refusal = refused(item, code, image, token.api_version);
                    named.push(refusal.current_leader.leader_id.0);
                    refusal
                }
            };
            push(&mut response.responses, &item.topic, data);
        };
        for (at, (item, read)) in fetch.items.iter().zip(reads).enumerate() {
            if chosen.get(at) == Some(&false) {
                continue;
            }
            if read.is_ok() || known(item) {
                tell(cx, item, read);
            } else {
                unknown.push((item, read));
            }
        }
        for (item, read) in unknown {
            tell(cx, item, read);
        }
        if token.api_version >= 16 && !named.is_empty() {
            response.node_endpoints = hints::for_fetch(image, named.into_iter());
        }
        response
    }
}

/// Adds a partition to the response; one of the same topic as the last joins it.
fn push(responses: &mut Vec<FetchableTopicResponse>, topic: &TopicRef, data: PartitionData) {
    let same = |last: &FetchableTopicResponse| match topic {
        TopicRef::Id(id) => convert::topic_id(last.topic_id) == *id,
        TopicRef::Name(name) => last.topic == *name,
    };
    if let Some(last) = responses.last_mut().filter(|last| same(last)) {
        last.partitions.push(data);
        return;
    }
    let answer = FetchableTopicResponse::default().with_partitions(vec![data]);
    responses.push(match topic {
        TopicRef::Id(id) => answer.with_topic_id(convert::topic_uuid(*id)),
        TopicRef::Name(name) => answer.with_topic(name.clone()),
    });
}

fn named_partition(image: &Image, item: &FetchItem) -> TopicPartition {
    match (item.key, &item.topic) {
        (Some(key), _) => image::partition_name(image, key),
        (None, TopicRef::Name(name)) => TopicPartition::new(name.as_str(), item.index),
        (None, TopicRef::Id(id)) => TopicPartition::new(id.to_string(), item.index),
    }
}

fn data(index: i32, read: PartitionRead) -> PartitionData {
    let mut answer = PartitionData::default()
        .with_partition_index(index)
        .with_high_watermark(read.high_watermark.0)
        .with_last_stable_offset(read.high_watermark.0)
        .with_log_start_offset(read.log_start.0)
        .with_aborted_transactions(None)
        .with_records(Some(read.records));
    if let Some(replica) = read.preferred {
        answer.preferred_read_replica = replica.0.into();
    }
    if let Some((epoch, end)) = read.diverging {
        answer.diverging_epoch =
            EpochEndOffset::default().with_epoch(epoch.0).with_end_offset(end.0);
    }
    answer
}

/// An error, with the leader beside it from version 16 on (KIP-951).
fn refused(item: &FetchItem, code: ErrorCode, image: &Image, version: i16) -> PartitionData {
    let mut answer = PartitionData::default()
        .with_partition_index(item.index)
        .with_error_code(code.0)
        .with_high_watermark(-1)
        .with_aborted_transactions(None);
    let hinted = [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::FENCED_LEADER_EPOCH];
    if version >= 16
        && hinted.contains(&code)
        && let Some(state) = item.key.and_then(|key| image::partition(image, key))
    {
        answer.current_leader = LeaderIdAndEpoch::default()
            .with_leader_id(state.leader.0.into())
            .with_leader_epoch(state.leader_epoch.0);
    }
    answer
}

fn reply(token: RequestToken, response: FetchResponse) -> ReplicaOutput {
    ReplicaOutput::Reply { token, response: Some(Box::new(ResponseKind::Fetch(response))) }
}
