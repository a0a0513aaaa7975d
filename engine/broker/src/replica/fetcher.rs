//! Follower fetchers: `num.replica.fetchers` for each leader broker, each with its own connection, its own fetch session and
//! at most one request on its way.
//!
//! *Flows in*: which partitions to follow, the leaders' answers, time. *Flows out*: Fetch requests (and ListOffsets when a
//! position is out of range). *Must never*: apply an answer to a partition that has moved on since it was asked.
//!
//! Simplified: while one partition looks for the leader's log by ListOffsets, the others go on to be fetched. In Kafka the fetcher's
//! thread waits for the answer.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{
    BrokerId, Context, DiskError, Endpoint, EventKind, LeaderEpoch, Offset, Time, TopicPartition,
    planted,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RpcError;
use klamm_protocol::convert;
use klamm_protocol::fetch_session::FetchSession;
use klamm_protocol::kafka::messages::fetch_request::{
    FetchPartition, FetchTopic, ForgottenTopic, ReplicaState,
};
use klamm_protocol::kafka::messages::fetch_response::{FetchResponse, PartitionData};
use klamm_protocol::kafka::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsTopic,
};
use klamm_protocol::kafka::messages::{
    FetchRequest, ListOffsetsRequest, RequestKind, ResponseKind,
};

use super::follower::{Followed, FollowerState};
use super::image::{self, Image};
use super::partition::Partition;
use super::throttle::Side;
use super::{
    PartitionKey, ReplicaCall, ReplicaOutput, Replicas, SearchStep, Wake, at_least_a_moment,
};

/// One of the fetchers that follow a leader.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FetcherId {
    /// The leader broker.
    pub leader: BrokerId,
    /// Which of `num.replica.fetchers`, from 0.
    pub index: i32,
}

/// A partition as it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Asked {
    offset: Offset,
    leader_epoch: LeaderEpoch,
    last_fetched_epoch: LeaderEpoch,
    log_start: Offset,
}

/// What follows one leader broker, or a share of its partitions.
#[derive(Clone, Debug, Default)]
struct Fetcher {
    partitions: BTreeSet<PartitionKey>,
    /// What the leader remembers of it; while a request is on its way, what that asks for.
    session: FetchSession<PartitionKey, Asked>,
    in_flight: Option<u64>,
    backoff_until: Option<Time>,
    /// Where the leader was reached last.
    leader_at: Option<Endpoint>,
}

/// All fetchers of this broker.
#[derive(Clone, Debug)]
pub(super) struct Fetchers {
    serial: u64,
    /// `num.replica.fetchers`.
    per_leader: i32,
    by_id: BTreeMap<FetcherId, Fetcher>,
}

impl Fetchers {
    /// No fetchers yet; later so many for each leader.
    pub(super) fn new(per_leader: i32) -> Self {
        Self { serial: 0, per_leader: per_leader.max(1), by_id: BTreeMap::new() }
    }

    /// Follows a partition's leader from now on, and nobody else.
    pub(super) fn follow(
        &mut self,
        cx: &mut Context<'_>,
        key: PartitionKey,
        name: &TopicPartition,
        leader: BrokerId,
    ) {
        let id = FetcherId { leader, index: fetcher_of(name, self.per_leader) };
        self.leave_others(key, Some(id));
        if leader == BrokerId::NONE {
            return;
        }
        let fetcher = self.by_id.entry(id).or_default();
        if fetcher.partitions.insert(key) && self.per_leader > 1 {
            let (partition, fetcher) = (name.clone(), id.index);
            cx.observe(EventKind::FetcherAssigned { partition, leader, fetcher });
        }
    }

    /// Stops following.
    pub(super) fn leave(&mut self, key: PartitionKey) {
        self.leave_others(key, None);
    }

    /// A fetcher without partitions ends, and its session is forgotten with it.
    fn leave_others(&mut self, key: PartitionKey, but: Option<FetcherId>) {
        self.by_id.retain(|id, fetcher| {
            if Some(*id) != but {
                fetcher.partitions.remove(&key);
            }
            !fetcher.partitions.is_empty()
        });
    }

    /// The fetchers at work.
    pub(super) fn ids(&self) -> Vec<FetcherId> {
        self.by_id.keys().copied().collect()
    }
}

/// Which fetcher of a leader a partition belongs to: Kafka's hash of its name, so that the same partitions share one.
fn fetcher_of(name: &TopicPartition, per_leader: i32) -> i32 {
    let hash = name
        .topic
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let mixed = hash.wrapping_mul(31).wrapping_add(name.partition);
    (mixed & i32::MAX) % per_leader
}

impl Replicas {
    /// Sends a fetcher's next fetch, if none is on its way and there is something to ask or to take back.
    pub(super) fn fetch_from(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        id: FetcherId,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let Some(fetcher) = self.fetchers.by_id.get_mut(&id) else { return };
        if fetcher.in_flight.is_some() {
            return;
        }
        if let Some(until) = fetcher.backoff_until.filter(|until| *until > cx.now) {
            self.timers.arm(Wake::Fetcher(id), until);
            return;
        }
        let Some(broker) = image::broker(image, id.leader) else {
            let backoff = at_least_a_moment(self.config.replica_fetch_backoff);
            self.timers.arm(Wake::Fetcher(id), cx.now + backoff);
            return;
        };
        let mut wanted = Vec::with_capacity(fetcher.partitions.len());
        let mut wake: Option<Time> = None;
        for key in &fetcher.partitions {
            let Some(partition) = self.partitions.get_mut(key) else { continue };
            // KIP-73: looked at again after a backoff, as in Kafka.
            if partition.may_throttle_itself()
                && self.throttles.holds(cx, Side::Follower, &partition.name, self.me.id)
            {
                let later = cx.now + at_least_a_moment(self.config.replica_fetch_backoff);
                wake = Some(wake.map_or(later, |earlier| earlier.min(later)));
                continue;
            }
            let Some(follower) = partition.following_mut() else { continue };
            if !follower.is_ready(cx.now) {
                if let FollowerState::Delayed(until) = follower.state {
                    wake = Some(wake.map_or(until, |earlier| earlier.min(until)));
                }
                continue;
            }
            follower.state = FollowerState::Fetching;
            wanted.push((*key, Asked::now(partition)));
        }
        // An answer may come late: those that wait are asked again in time all the same.
        if let Some(until) = wake {
            self.timers.arm(Wake::Fetcher(id), until);
        }
        // Topics are named by their ids, so that another topic of the same name is another partition.
        let plan = fetcher.session.plan(wanted, |_, _| false);
        if fetcher.session.partitions().is_empty() && plan.forget.is_empty() {
            return;
        }
        self.fetchers.serial += 1;
        let serial = self.fetchers.serial;
        fetcher.in_flight = Some(serial);
        fetcher.backoff_until = None;
        let (mut topics, mut forgotten) = (Vec::<FetchTopic>::new(), Vec::<ForgottenTopic>::new());
        // Keys come in order of topics.
        for (key, ask) in plan.send {
            let topic_id = convert::topic_uuid(key.topic);
            if topics.last().is_none_or(|last| last.topic_id != topic_id) {
                topics.push(FetchTopic::default().with_topic_id(topic_id));
            }
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(ask.on_the_wire(key, self.config.replica_fetch_max_bytes));
            }
        }
        for (key, _) in plan.forget {
            let topic_id = convert::topic_uuid(key.topic);
            if forgotten.last().is_none_or(|last| last.topic_id != topic_id) {
                forgotten.push(ForgottenTopic::default().with_topic_id(topic_id));
            }
            if let Some(topic) = forgotten.last_mut() {
                topic.partitions.push(key.partition);
            }
        }
        let state = ReplicaState::default()
            .with_replica_id(self.me.id.0.into())
            .with_replica_epoch(self.me.broker_epoch.0);
        let wait =
            i32::try_from(self.config.replica_fetch_wait_max.as_millis()).unwrap_or(i32::MAX);
        let request = FetchRequest::default()
            .with_replica_state(state)
            .with_max_wait_ms(wait)
            .with_min_bytes(self.config.replica_fetch_min_bytes)
            .with_max_bytes(self.config.replica_fetch_response_max_bytes)
            .with_session_id(plan.session_id)
            .with_session_epoch(plan.session_epoch)
            .with_topics(topics)
            .with_forgotten_topics_data(forgotten);
        out.push(ReplicaOutput::Send {
            to: id.leader,
            fetcher: id.index,
            endpoint: broker.endpoint(&mut fetcher.leader_at),
            request: Box::new(RequestKind::Fetch(request)),
            timeout: self.config.replica_socket_timeout,
            call: ReplicaCall::Fetch { fetcher: id, serial },
        });
    }

    /// Takes a leader's answer to the fetch on its way.
    pub(super) fn fetch_answered(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        id: FetcherId,
        serial: u64,
        outcome: Result<ResponseKind, RpcError>,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let Some(fetcher) = self.fetchers.by_id.get_mut(&id) else { return };
        if fetcher.in_flight.take_if(|at| *at == serial).is_none() {
            return;
        }
        let mut touched = Vec::new();
        match outcome {
            Ok(ResponseKind::Fetch(response)) if response.error_code == 0 => {
                let answers = fetcher.read(&response);
                for (key, ask, data) in answers {
                    if self.take_fetched(cx, image, id, key, ask, data, out) {
                        touched.push(key);
                    }
                }
            }
            Ok(ResponseKind::Fetch(response)) if is_about_session(response.error_code) => {
                // The next request begins a new session, at once.
                let unknown = ErrorCode::FETCH_SESSION_ID_NOT_FOUND.0 == response.error_code;
                fetcher.session.refused(unknown);
            }
            Ok(_) | Err(_) => {
                fetcher.session.failed();
                let ever = if planted("fetcher_gives_up") { 1_000_000 } else { 1 };
                let backoff = at_least_a_moment(self.config.replica_fetch_backoff).times(ever);
                fetcher.backoff_until = Some(cx.now + backoff);
            }
        }
        self.settle(cx, image, &touched, out);
        self.fetch_from(cx, image, id, out);
    }

    /// Takes one partition of an answer; true if the replica changed.
    #[expect(
        clippy::too_many_arguments,
        reason = "an answer, what it answers, and where to say what follows"
    )]
    fn take_fetched(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        id: FetcherId,
        key: PartitionKey,
        ask: Asked,
        data: &PartitionData,
        out: &mut Vec<ReplicaOutput>,
    ) -> bool {
        let Some(partition) = self.partitions.get_mut(&key) else { return false };
        if !still_asks(partition, ask) {
            return false;
        }
        if partition.config.throttled.as_follower {
            let bytes = data.records.as_ref().map_or(0, bytes::Bytes::len);
            self.throttles.record(cx.now, Side::Follower, bytes);
        }
        match ErrorCode(data.error_code) {
            ErrorCode::NONE => match partition.follow(cx, data) {
                Ok(Followed::On) => true,
                Ok(Followed::Refused(_)) => {
                    self.delay(cx, key, ask.leader_epoch);
                    false
                }
                Err(error) => {
                    partition.storage_failed(cx, &error);
                    true
                }
            },
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                if let Some(follower) = partition.following_mut() {
                    follower.state = FollowerState::Searching;
                }
                self.search(image, id, key, ask.leader_epoch, SearchStep::End, out);
                false
            }
            ErrorCode::FENCED_LEADER_EPOCH => {
                // Another leader epoch is on its way in the metadata; asking again in this one can't help.
                if let Some(follower) = partition.following_mut() {
                    follower.state = FollowerState::Fenced;
                }
                false
            }
            _ => {
                self.delay(cx, key, ask.leader_epoch);
                false
            }
        }
    }

    fn delay(&mut self, cx: &Context<'_>, key: PartitionKey, leader_epoch: LeaderEpoch) {
        let until = cx.now + at_least_a_moment(self.config.replica_fetch_backoff);
        if let Some(partition) = self.partitions.get_mut(&key)
            && partition.leader_epoch == leader_epoch
            && let Some(follower) = partition.following_mut()
        {
            follower.state = FollowerState::Delayed(until);
        }
    }

    /// Asks the leader where its log ends or starts, because our position is not in it.
    fn search(
        &self,
        image: &Image,
        id: FetcherId,
        key: PartitionKey,
        leader_epoch: LeaderEpoch,
        step: SearchStep,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let Some(broker) = image::broker(image, id.leader) else { return };
        let ask = ListOffsetsPartition::default()
            .with_partition_index(key.partition)
            .with_current_leader_epoch(leader_epoch.0)
            .with_timestamp(match step {
                SearchStep::End => -1,
                SearchStep::Start => -2,
            });
        let topic = ListOffsetsTopic::default()
            .with_name(convert::topic(&image::partition_name(image, key).topic))
            .with_partitions(vec![ask]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(self.me.id.0.into())
            .with_topics(vec![topic]);
        out.push(ReplicaOutput::Send {
            to: id.leader,
            fetcher: id.index,
            endpoint: broker.endpoint(&mut None),
            request: Box::new(RequestKind::ListOffsets(request)),
            timeout: self.config.replica_socket_timeout,
            call: ReplicaCall::Search { fetcher: id, key, leader_epoch, step },
        });
    }

    /// Takes the leader's log end or log start.
    ///
    /// * Its end is below ours: it was elected uncleanly; cut there and go on.
    /// * Its start is above our end: it has dropped what we miss; start over there.
    /// * Neither: the position has become good meanwhile; go on.
    #[expect(
        clippy::too_many_arguments,
        reason = "an answer, what it answers, and where to say what follows"
    )]
    pub(super) fn search_answered(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        id: FetcherId,
        key: PartitionKey,
        leader_epoch: LeaderEpoch,
        step: SearchStep,
        outcome: Result<ResponseKind, RpcError>,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let Some(partition) = self.partitions.get_mut(&key) else { return };
        let searching = partition.following().is_some_and(|f| f.state == FollowerState::Searching);
        if !searching || partition.leader != id.leader || partition.leader_epoch != leader_epoch {
            return;
        }
        let found = match &outcome {
            Ok(ResponseKind::ListOffsets(answer)) => answer
                .topics
                .iter()
                .flat_map(|topic| &topic.partitions)
                .find(|answer| answer.partition_index == key.partition && answer.error_code == 0)
                .map(|answer| Offset(answer.offset)),
            Ok(_) | Err(_) => None,
        };
        let now_at = partition.log.log_end();
        let done = match (found, step) {
            (None, _) => {
                self.delay(cx, key, leader_epoch);
                self.fetch_from(cx, image, id, out);
                return;
            }
            (Some(end), SearchStep::End) if end < now_at => {
                partition.truncate_to(cx, end, "out-of-range".into())
            }
            (Some(_), SearchStep::End) => {
                self.search(image, id, key, leader_epoch, SearchStep::Start, out);
                return;
            }
            (Some(start), SearchStep::Start) if start > now_at => {
                partition.start_over(cx, start, "out-of-range")
            }
            (Some(_), SearchStep::Start) => Ok::<(), DiskError>(()),
        };
        match done {
            Ok(()) => {
                if let Some(follower) = partition.following_mut() {
                    follower.state = FollowerState::Fetching;
                }
            }
            Err(error) => partition.storage_failed(cx, &error),
        }
        self.settle(cx, image, &[key], out);
        self.fetch_from(cx, image, id, out);
    }
}

/// Whether a partition still stands where it stood when it was asked for.
///
/// Z11 (KAFKA-18991): the same offset is not enough. Between question and answer the partition may have followed another
/// leader and come back to the same offset with other records below it; an old 'you diverge' would then cut committed
/// ones. The leader epoch tells the two apart.
fn still_asks(partition: &Partition, ask: Asked) -> bool {
    (partition.leader_epoch == ask.leader_epoch || planted("apply_stale_fetch_response"))
        && partition.log.log_end() == ask.offset
        && partition.following().is_some_and(|f| f.state == FollowerState::Fetching)
}

impl Fetcher {
    /// The partitions of an answer, with what was asked of them; none if it does not fit the session. What an incremental
    /// answer leaves out has nothing new.
    fn read<'a>(
        &mut self,
        response: &'a FetchResponse,
    ) -> Vec<(PartitionKey, Asked, &'a PartitionData)> {
        let (mut answers, mut strange) = (Vec::new(), 0);
        for topic in &response.responses {
            let topic_id = convert::topic_id(topic.topic_id);
            for data in &topic.partitions {
                let key = PartitionKey { topic: topic_id, partition: data.partition_index };
                match self.session.asked(&key) {
                    Some(ask) => answers.push((key, *ask, data)),
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

impl Asked {
    fn now(partition: &Partition) -> Self {
        Self {
            offset: partition.log.log_end(),
            leader_epoch: partition.leader_epoch,
            last_fetched_epoch: partition.log.latest_epoch().unwrap_or(LeaderEpoch::NONE),
            log_start: partition.log.log_start(),
        }
    }

    fn on_the_wire(self, key: PartitionKey, max_bytes: i32) -> FetchPartition {
        FetchPartition::default()
            .with_partition(key.partition)
            .with_current_leader_epoch(self.leader_epoch.0)
            .with_fetch_offset(self.offset.0)
            .with_last_fetched_epoch(self.last_fetched_epoch.0)
            .with_log_start_offset(self.log_start.0)
            .with_partition_max_bytes(max_bytes)
    }
}

/// The errors that concern the session, not the fetcher's right to ask.
fn is_about_session(code: i16) -> bool {
    [
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
    ]
    .contains(&ErrorCode(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_has_the_fetcher_that_kafka_gives_it() {
        // `"orders".hashCode()` is -1008770331 in Java.
        let index = |partition| fetcher_of(&TopicPartition::new("orders", partition), 4);
        let kafka = |partition: i64| {
            let mixed = (-1_008_770_331_i64 * 31 + partition) as i32;
            (mixed & i32::MAX) % 4
        };
        for partition in 0..8 {
            assert_eq!(index(partition), kafka(i64::from(partition)));
        }
        assert_eq!(fetcher_of(&TopicPartition::new("orders", 3), 1), 0);
    }
}
