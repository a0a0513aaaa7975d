//! Follower fetchers: one for each leader broker, each with at most one request on its way.
//!
//! *Flows in*: which partitions to follow, the leaders' answers, time. *Flows out*: Fetch requests (and ListOffsets when a
//! position is out of range). *Must never*: apply an answer to a partition that has moved on since it was asked.
//!
//! Simplified: `num.replica.fetchers` is 1, and requests are sessionless (KIP-227).

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{BrokerId, Context, DiskError, LeaderEpoch, Offset, Time, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RpcError;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::fetch_request::{FetchPartition, FetchTopic, ReplicaState};
use klamm_protocol::kafka::messages::fetch_response::PartitionData;
use klamm_protocol::kafka::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsTopic,
};
use klamm_protocol::kafka::messages::{
    FetchRequest, ListOffsetsRequest, RequestKind, ResponseKind,
};

use super::follower::{Followed, FollowerState};
use super::image::{self, Image};
use super::partition::Partition;
use super::{
    PartitionKey, ReplicaCall, ReplicaOutput, Replicas, SearchStep, Wake, at_least_a_moment,
};

/// A partition as it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Asked {
    offset: Offset,
    leader_epoch: LeaderEpoch,
}

/// What follows one leader broker.
#[derive(Clone, Debug, Default)]
struct Fetcher {
    partitions: BTreeSet<PartitionKey>,
    in_flight: Option<(u64, BTreeMap<PartitionKey, Asked>)>,
    backoff_until: Option<Time>,
}

/// All fetchers of this broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetchers {
    serial: u64,
    by_leader: BTreeMap<BrokerId, Fetcher>,
}

impl Fetchers {
    /// Follows a partition's leader from now on, and nobody else.
    pub(super) fn follow(&mut self, key: PartitionKey, leader: BrokerId) {
        self.leave(key);
        if leader != BrokerId::NONE {
            self.by_leader.entry(leader).or_default().partitions.insert(key);
        }
    }

    /// Stops following.
    pub(super) fn leave(&mut self, key: PartitionKey) {
        for fetcher in self.by_leader.values_mut() {
            fetcher.partitions.remove(&key);
        }
        self.by_leader.retain(|_, fetcher| !fetcher.partitions.is_empty());
    }

    /// The leaders that are followed.
    pub(super) fn leaders(&self) -> Vec<BrokerId> {
        self.by_leader.keys().copied().collect()
    }
}

impl Replicas {
    /// Sends the next fetch to a leader, if none is on its way and a partition is ready for it.
    pub(super) fn fetch_from(
        &mut self,
        cx: &Context<'_>,
        image: &Image,
        leader: BrokerId,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let Some(fetcher) = self.fetchers.by_leader.get_mut(&leader) else { return };
        if fetcher.in_flight.is_some() {
            return;
        }
        if let Some(until) = fetcher.backoff_until.filter(|until| *until > cx.now) {
            self.timers.arm(Wake::Fetcher(leader), until);
            return;
        }
        let Some(broker) = image::broker(image, leader) else {
            let backoff = at_least_a_moment(self.config.replica_fetch_backoff);
            self.timers.arm(Wake::Fetcher(leader), cx.now + backoff);
            return;
        };
        let (mut asked, mut topics) = (BTreeMap::new(), Vec::<FetchTopic>::new());
        let mut wake: Option<Time> = None;
        for key in &fetcher.partitions {
            let Some(partition) = self.partitions.get_mut(key) else { continue };
            let max_bytes = self.config.replica_fetch_max_bytes;
            let now = cx.now;
            let Some(follower) = partition.following_mut() else { continue };
            if !follower.is_ready(now) {
                if let FollowerState::Delayed(until) = follower.state {
                    wake = Some(wake.map_or(until, |earlier| earlier.min(until)));
                }
                continue;
            }
            follower.state = FollowerState::Fetching;
            let (ask, wire) = ask(partition, max_bytes);
            asked.insert(*key, ask);
            let topic_id = convert::topic_uuid(key.topic);
            // Keys come in order of topics.
            if topics.last().is_none_or(|last| last.topic_id != topic_id) {
                topics.push(FetchTopic::default().with_topic_id(topic_id));
            }
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(wire);
            }
        }
        if asked.is_empty() {
            if let Some(until) = wake {
                self.timers.arm(Wake::Fetcher(leader), until);
            }
            return;
        }
        self.fetchers.serial += 1;
        let serial = self.fetchers.serial;
        fetcher.in_flight = Some((serial, asked));
        fetcher.backoff_until = None;
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
            .with_topics(topics);
        out.push(ReplicaOutput::Send {
            to: leader,
            endpoint: broker.endpoint,
            request: RequestKind::Fetch(request),
            timeout: self.config.replica_socket_timeout,
            call: ReplicaCall::Fetch { leader, serial },
        });
    }

    /// Takes a leader's answer to the fetch on its way.
    pub(super) fn fetch_answered(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        leader: BrokerId,
        serial: u64,
        outcome: Result<ResponseKind, RpcError>,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let Some(fetcher) = self.fetchers.by_leader.get_mut(&leader) else { return };
        let Some((_, mut asked)) = fetcher.in_flight.take_if(|(at, _)| *at == serial) else {
            return;
        };
        let mut touched = Vec::new();
        match outcome {
            Ok(ResponseKind::Fetch(response)) if response.error_code == 0 => {
                for topic in &response.responses {
                    let topic_id = convert::topic_id(topic.topic_id);
                    for data in &topic.partitions {
                        let key = PartitionKey { topic: topic_id, partition: data.partition_index };
                        if let Some(ask) = asked.remove(&key)
                            && self.take_fetched(cx, image, leader, key, ask, data, out)
                        {
                            touched.push(key);
                        }
                    }
                }
                // What the leader left out is asked again, but not at once.
                for (key, ask) in asked {
                    self.delay(cx, key, ask);
                }
            }
            Ok(_) | Err(_) => {
                let ever = if planted("fetcher_gives_up") { 1_000_000 } else { 1 };
                let backoff = self.config.replica_fetch_backoff.times(ever);
                fetcher.backoff_until = Some(cx.now + backoff);
            }
        }
        self.settle(cx, image, &touched, out);
        self.fetch_from(cx, image, leader, out);
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
        leader: BrokerId,
        key: PartitionKey,
        ask: Asked,
        data: &PartitionData,
        out: &mut Vec<ReplicaOutput>,
    ) -> bool {
        let Some(partition) = self.partitions.get_mut(&key) else { return false };
        if !still_asks(partition, ask) {
            return false;
        }
        match ErrorCode(data.error_code) {
            ErrorCode::NONE => match partition.follow(cx, data) {
                Ok(Followed::On) => true,
                Ok(Followed::Refused(_)) => {
                    self.delay(cx, key, ask);
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
                self.search(image, leader, key, ask.leader_epoch, SearchStep::End, out);
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
                self.delay(cx, key, ask);
                false
            }
        }
    }

    fn delay(&mut self, cx: &Context<'_>, key: PartitionKey, ask: Asked) {
        let until = cx.now + self.config.replica_fetch_backoff;
        if let Some(partition) = self.partitions.get_mut(&key)
            && partition.leader_epoch == ask.leader_epoch
            && let Some(follower) = partition.following_mut()
        {
            follower.state = FollowerState::Delayed(until);
        }
    }

    /// Asks the leader where its log ends or starts, because our position is not in it.
    fn search(
        &self,
        image: &Image,
        leader: BrokerId,
        key: PartitionKey,
        leader_epoch: LeaderEpoch,
        step: SearchStep,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let Some(broker) = image::broker(image, leader) else { return };
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
            to: leader,
            endpoint: broker.endpoint,
            request: RequestKind::ListOffsets(request),
            timeout: self.config.replica_socket_timeout,
            call: ReplicaCall::Search { leader, key, leader_epoch, step },
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
        leader: BrokerId,
        key: PartitionKey,
        leader_epoch: LeaderEpoch,
        step: SearchStep,
        outcome: Result<ResponseKind, RpcError>,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let Some(partition) = self.partitions.get_mut(&key) else { return };
        let searching = partition.following().is_some_and(|f| f.state == FollowerState::Searching);
        if !searching || partition.leader != leader || partition.leader_epoch != leader_epoch {
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
                let ask = Asked { offset: now_at, leader_epoch };
                self.delay(cx, key, ask);
                self.fetch_from(cx, image, leader, out);
                return;
            }
            (Some(end), SearchStep::End) if end < now_at => {
                partition.truncate_to(cx, end, "out-of-range".into())
            }
            (Some(_), SearchStep::End) => {
                self.search(image, leader, key, leader_epoch, SearchStep::Start, out);
                return;
            }
            (Some(start), SearchStep::Start) if start > now_at => partition.start_over(cx, start),
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
        self.fetch_from(cx, image, leader, out);
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

fn ask(partition: &Partition, max_bytes: i32) -> (Asked, FetchPartition) {
    let offset = partition.log.log_end();
    let last = partition.log.latest_epoch().unwrap_or(LeaderEpoch::NONE);
    let wire = FetchPartition::default()
        .with_partition(partition.key.partition)
        .with_current_leader_epoch(partition.leader_epoch.0)
        .with_fetch_offset(offset.0)
        .with_last_fetched_epoch(last.0)
        .with_log_start_offset(partition.log.log_start().0)
        .with_partition_max_bytes(max_bytes);
    (Asked { offset, leader_epoch: partition.leader_epoch }, wire)
}
