//! Fetch: reads for consumers and followers, and what a leader learns from a follower's position.
//!
//! *Flows in*: Fetch requests (versions 4 to 18). *Flows out*: batches, divergence, errors; parked requests; progress of
//! followers, from which the high watermark and the ISR follow. *Must never*: show a client anything at or above the
//! high watermark, or take a position for true that it has not accepted.
//!
//! Simplified: no fetch sessions (KIP-227). A request for a session gets session id 0, which tells the client to go on
//! with full fetches, as a Kafka broker with a full session cache does. Read-committed reads are bounded by the high
//! watermark, since there are no transactions yet.

use std::fmt::Write as _;

use klamm_node::{BrokerEpoch, BrokerId, Context, EventKind, LeaderEpoch, Offset, Span, TopicPartition, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::fetch_request::FetchPartition;
use klamm_protocol::kafka::messages::fetch_response::{
    EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use klamm_protocol::kafka::messages::{FetchRequest, FetchResponse, ResponseKind, TopicName};

use super::image::{self, Image};
use super::parked::{Awaited, ParkedRequest};
use super::read::{Asker, PartitionRead, ReadAsk};
use super::{PartitionKey, ReplicaOutput, Replicas, hints};

/// How many partitions a parked fetch names in its event.
const NAMED_POSITIONS: usize = 3;

/// One partition of a fetch request.
#[derive(Clone, PartialEq, Eq, Debug)]
struct FetchItem {
    /// The partition, or why there is none.
    key: Result<PartitionKey, ErrorCode>,
    index: i32,
    ask: ReadAsk,
}

/// A topic of a fetch request, as it is named in the response.
#[derive(Clone, PartialEq, Debug)]
struct FetchTopicItems {
    name: TopicName,
    id: klamm_node::TopicId,
    partitions: Vec<FetchItem>,
}

/// A fetch, taken apart; parked as it is when it has to wait.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ParkedFetch {
    asker: Asker,
    replica_epoch: BrokerEpoch,
    min_bytes: usize,
    max_bytes: usize,
    topics: Vec<FetchTopicItems>,
}

/// What a fetch gives at one moment.
struct FetchOutcome {
    response: FetchResponse,
    bytes: usize,
    /// Something that must be said at once: an error or a divergence.
    urgent: bool,
}

impl ParkedFetch {
    /// The partitions that it reads.
    pub(super) fn partitions(&self) -> impl Iterator<Item = PartitionKey> {
        self.items().filter_map(|item| item.key.ok())
    }

    fn items(&self) -> impl Iterator<Item = &FetchItem> {
        self.topics.iter().flat_map(|topic| &topic.partitions)
    }

    fn from_request(request: FetchRequest, version: i16, image: &Image, server_max: i32) -> Self {
        let (replica, replica_epoch) = if version >= 15 {
            (request.replica_state.replica_id.0, request.replica_state.replica_epoch)
        } else {
            (request.replica_id.0, -1)
        };
        let asker = if replica >= 0 {
            Asker::Follower(BrokerId(replica))
        } else if version >= 11 {
            // KIP-392: a client that tells its rack may read from a follower as well.
            Asker::Client { leader_only: false }
        } else {
            Asker::Client { leader_only: true }
        };
        let topics = request.topics.into_iter().map(|topic| {
            let known = if version >= 13 {
                let id = convert::topic_id(topic.topic_id);
                image::topic_by_id(image, id).map(|_| id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
            } else {
                image::topic_by_name(image, topic.topic.as_str())
                    .map(|(id, _)| id)
                    .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            };
            let item = |ask: FetchPartition| FetchItem {
                key: known.map(|id| PartitionKey { topic: id, partition: ask.partition }),
                index: ask.partition,
                ask: ReadAsk {
                    offset: Offset(ask.fetch_offset),
                    current_leader_epoch: LeaderEpoch(ask.current_leader_epoch),
                    last_fetched_epoch: LeaderEpoch(ask.last_fetched_epoch),
                    max_bytes: size(ask.partition_max_bytes),
                },
            };
            FetchTopicItems {
                name: topic.topic,
                id: convert::topic_id(topic.topic_id),
                partitions: topic.partitions.into_iter().map(item).collect(),
            }
        });
        Self {
            asker,
            replica_epoch: BrokerEpoch(replica_epoch),
            min_bytes: size(request.min_bytes),
            max_bytes: size(request.max_bytes.min(server_max)),
            topics: topics.collect(),
        }
    }

    /// What it waits for, in words.
    fn awaits(&self, image: &Image) -> String {
        // One buffer: this is said of nearly every fetch of an idle cluster.
        let mut text = String::with_capacity(96);
        let mut say = |part: std::fmt::Arguments<'_>| {
            text.write_fmt(part).expect("a string takes everything");
        };
        say(format_args!("{} bytes of ", self.min_bytes));
        let named =
            self.items().take(NAMED_POSITIONS).filter_map(|item| Some((item.key.ok()?, item)));
        for (at, (key, item)) in named.enumerate() {
            let (comma, name) = (if at > 0 { ", " } else { "" }, image::partition_name(image, key));
            say(format_args!("{comma}{name} from {}", item.ask.offset));
        }
        if self.items().nth(NAMED_POSITIONS).is_some() {
            text.push_str(", ...");
        }
        text
    }
}

fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}

impl Replicas {
    /// Handles a Fetch request of a consumer or a follower.
    pub fn fetch(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        request: FetchRequest,
        out: &mut Vec<ReplicaOutput>,
    ) {
        if request.session_id != 0 {
            let code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
            let response = FetchResponse::default().with_error_code(code.0);
            out.push(reply(token, response));
            return;
        }
        let max_wait = Span::from_wire_millis(i64::from(request.max_wait_ms));
        let fetch = ParkedFetch::from_request(
            request,
            token.api_version,
            image,
            self.config.fetch_max_bytes,
        );
        let mut touched = Vec::new();
        let outcome = self.read(cx, image, token, &fetch, Some(&mut touched));
        let empty = fetch.items().next().is_none();
        if max_wait == Span::ZERO || empty || outcome.urgent || outcome.bytes >= fetch.min_bytes {
            out.push(reply(token, outcome.response));
        } else {
            cx.observe(EventKind::RequestParked {
                connection: token.connection,
                api_key: token.api_key,
                correlation_id: token.correlation_id,
                awaits: fetch.awaits(image),
            });
            let deadline = cx.now + max_wait;
            self.parked.park(ParkedRequest { token, deadline, awaited: Awaited::Fetch(fetch) });
        }
        self.settle(cx, image, &touched, out);
    }

    /// The response of a parked fetch, and the event word for how it ended: what there is now. Positions were taken when
    /// it arrived and are not taken again.
    pub(super) fn finish_fetch(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        token: RequestToken,
        fetch: &ParkedFetch,
    ) -> (&'static str, ReplicaOutput) {
        let outcome = self.read(cx, image, token, fetch, None);
        let partitions = outcome.response.responses.iter().flat_map(|topic| &topic.partitions);
        let worst =
            partitions.map(|answer| ErrorCode(answer.error_code)).find(|code| !code.is_none());
        let word = match worst {
            // Fenced by a newer epoch: the leader that it was parked at has learnt of its successor, or of itself.
            Some(ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH) => {
                "leadership-lost"
            }
            Some(_) => "error",
            None if outcome.urgent || outcome.bytes >= fetch.min_bytes => "done",
            None => "timeout",
        };
        (word, reply(token, outcome.response))
    }

    /// Whether a parked fetch has something to answer: enough bytes, an error, a divergence, or a position that is no
    /// longer in the log.
    pub(super) fn fetch_is_ready(&self, cx: &mut Context<'_>, fetch: &ParkedFetch) -> bool {
        let mut bytes = 0;
        for item in fetch.items() {
            let Some(partition) = item.key.ok().and_then(|key| self.partitions.get(&key)) else {
                return true;
            };
            if partition.readable(fetch.asker, item.ask.current_leader_epoch).is_err()
                || item.ask.offset > partition.log.log_end()
                || !matches!(partition.divergence(&item.ask), Ok(None))
            {
                return true;
            }
            if item.ask.offset < partition.visible_end(fetch.asker) {
                if fetch.min_bytes <= 1 {
                    return true;
                }
                let limit = item.ask.max_bytes.min(fetch.min_bytes);
                match partition.read(cx, &item.ask, fetch.asker, limit, true) {
                    Ok(read) => bytes += read.records.len(),
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
        token: RequestToken,
        fetch: &ParkedFetch,
        mut touched: Option<&mut Vec<PartitionKey>>,
    ) -> FetchOutcome {
        let (mut bytes, mut urgent, mut named) = (0, false, Vec::new());
        let mut responses = Vec::with_capacity(fetch.topics.len());
        for topic in &fetch.topics {
            let mut answers = Vec::with_capacity(topic.partitions.len());
            for item in &topic.partitions {
                let budget = item.ask.max_bytes.min(fetch.max_bytes.saturating_sub(bytes));
                let read = self.read_item(
                    cx,
                    image,
                    fetch,
                    item,
                    budget,
                    bytes == 0,
                    touched.as_deref_mut(),
                );
                answers.push(match read {
                    Ok(read) => {
                        bytes += read.records.len();
                        urgent |= read.diverging.is_some();
                        answer(item.index, read)
                    }
                    Err(code) => {
                        urgent = true;
                        cx.observe(EventKind::PartitionRequestRefused {
                            partition: named_partition(image, topic, item),
                            api_key: token.api_key,
                            replica: fetch.asker.replica(),
                            error: code.word(),
                        });
                        let refusal = refused(item, code, image, token.api_version);
                        named.push(refusal.current_leader.leader_id.0);
                        refusal
                    }
                });
            }
            responses.push(
                FetchableTopicResponse::default()
                    .with_topic(topic.name.clone())
                    .with_topic_id(convert::topic_uuid(topic.id))
                    .with_partitions(answers),
            );
        }
        let mut response = FetchResponse::default().with_responses(responses);
        if token.api_version >= 16 && !named.is_empty() {
            response.node_endpoints = hints::for_fetch(image, named.into_iter());
        }
        FetchOutcome { response, bytes, urgent }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one fetch that a partition's read needs"
    )]
    fn read_item(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        fetch: &ParkedFetch,
        item: &FetchItem,
        budget: usize,
        at_least_one: bool,
        touched: Option<&mut Vec<PartitionKey>>,
    ) -> Result<PartitionRead, ErrorCode> {
        let key = item.key?;
        let partition =
            self.partitions.get_mut(&key).ok_or_else(|| image::not_hosted(image, key))?;
        partition.readable(fetch.asker, item.ask.current_leader_epoch)?;
        if let Asker::Follower(follower) = fetch.asker {
            partition.known_follower(follower, item.ask.current_leader_epoch)?;
        }
        let read = partition.read(cx, &item.ask, fetch.asker, budget, at_least_one)?;
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
        if progress.moved
            && partition.advance_high_watermark(cx, image, self.config.replica_lag_time_max)
        {
            touched.push(key);
        }
        Ok(read)
    }
}

fn named_partition(image: &Image, topic: &FetchTopicItems, item: &FetchItem) -> TopicPartition {
    match item.key {
        Ok(key) => image::partition_name(image, key),
        Err(_) if topic.name.is_empty() => TopicPartition::new(topic.id.to_string(), item.index),
        Err(_) => TopicPartition::new(topic.name.as_str(), item.index),
    }
}

fn answer(index: i32, read: PartitionRead) -> PartitionData {
    let mut answer = PartitionData::default()
        .with_partition_index(index)
        .with_high_watermark(read.high_watermark.0)
        .with_last_stable_offset(read.high_watermark.0)
        .with_log_start_offset(read.log_start.0)
        .with_aborted_transactions(None)
        .with_records(Some(read.records));
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
        && let Some(state) = item.key.ok().and_then(|key| image::partition(image, key))
    {
        answer.current_leader = LeaderIdAndEpoch::default()
            .with_leader_id(state.leader.0.into())
            .with_leader_epoch(state.leader_epoch.0);
    }
    answer
}

fn reply(token: RequestToken, response: FetchResponse) -> ReplicaOutput {
    ReplicaOutput::Reply { token, response: Some(ResponseKind::Fetch(response)) }
}
