//! The group coordinators of this broker: requests to the shards that they are for, and their answers put together.
//!
//! ```text
//!   JoinGroup, OffsetCommit, ...    ─► one partition ─► shard ─► answer
//!   OffsetFetch, DeleteGroups       ─► a part for each group or partition ─► shards ─► one answer of the parts
//!   DescribeGroups, ListGroups      ─► committed state of each shard ─► answer at once
//! ```
//!
//! *Flows in*: requests of clients, elections and resignations of partitions of `__consumer_offsets`. *Flows out*: answers.
//! *Must never*: know what a group is; that is the shards' business.
//!
//! Simplified: without a transaction coordinator, TxnOffsetCommit is not verified with one (KIP-890).

mod refusals;

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_controller::image::MetadataImage;
use klamm_coordinator::classic::{self, Client};
use klamm_coordinator::{
    GroupConfig, GroupShard, Lent, Log, Op, Runtime, RuntimeSettings, Topics, admin, consumer,
    offsets, partition_of,
};
use klamm_node::{Context, GroupId, LeaderEpoch, Offset, Time, TopicId, TopicName};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DeleteGroupsRequest,
    DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest,
    ListGroupsResponse, OffsetFetchRequest, OffsetFetchResponse, RequestKind, ResponseKind,
};

use crate::api::authorized;
use crate::process::CoordinatorSummary;

/// An answer with the request that it is for.
type Answer = (RequestToken, ResponseKind);

/// The coordinators of this broker.
#[derive(Clone, Debug)]
pub(crate) struct Coordinators {
    config: Arc<GroupConfig>,
    runtime: Runtime<GroupShard>,
    /// The topic that they live in, since one of its partitions came to this broker.
    topic: Option<TopicId>,
    /// Requests that several shards answer, by serial.
    gathering: BTreeMap<u64, Gathering>,
    answers: Vec<Answer>,
}

/// A request that several shards answer.
#[derive(Clone, Debug)]
struct Gathering {
    /// How many parts are still to come.
    missing: usize,
    /// The groups in the order in which they were asked for.
    order: Vec<String>,
    parts: Vec<ResponseKind>,
}

/// The topics as a broker's image has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageTopics<'a>(&'a MetadataImage);

impl<'a> ImageTopics<'a> {
    /// The topics of an image.
    pub(crate) fn new(image: &'a MetadataImage) -> Self {
        Self(image)
    }
}

impl Topics for ImageTopics<'_> {
    fn id_of(&self, name: &str) -> Option<TopicId> {
        self.0.topic_id(name)
    }

    fn name_of(&self, id: TopicId) -> Option<TopicName> {
        self.0.topic_name(id).cloned()
    }

    fn partitions_of(&self, id: TopicId) -> i32 {
        let partitions = self.0.topic_by_id(id).map_or(0, |topic| topic.partitions.len());
        i32::try_from(partitions).unwrap_or(i32::MAX)
    }

    fn racks_of(&self, id: TopicId, partition: i32) -> Vec<String> {
        let Some(partition) = self.0.partition_by_id(id, partition) else { return Vec::new() };
        let racks = partition.replicas.iter().filter_map(|id| self.0.broker(*id)?.rack.clone());
        let mut racks: Vec<String> = racks.collect();
        racks.sort();
        racks.dedup();
        racks
    }

    fn names(&self) -> Vec<TopicName> {
        self.0.topics().map(|topic| TopicName::clone(&topic.name)).collect()
    }

    fn version(&self) -> Offset {
        self.0.applied()
    }
}

impl Coordinators {
    /// None of them serves yet.
    pub(crate) fn new(config: GroupConfig) -> Self {
        let config = Arc::new(config);
        let settings = RuntimeSettings {
            write_timeout: config.offsets_commit_timeout,
            load_bytes: config.offsets_load_buffer_size,
        };
        Self {
            runtime: Runtime::new(Arc::clone(&config), settings),
            config,
            topic: None,
            gathering: BTreeMap::new(),
            answers: Vec::new(),
        }
    }

    /// The settings.
    pub(crate) fn config(&self) -> &GroupConfig {
        &self.config
    }

    /// The topic that they live in.
    pub(crate) fn topic(&self) -> Option<TopicId> {
        self.topic
    }

    /// Whether any of them is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.runtime.is_empty()
    }

    /// What those that serve hold.
    pub(crate) fn summary(&self) -> Vec<CoordinatorSummary> {
        let of = |(partition, leader_epoch, shard): (i32, LeaderEpoch, &GroupShard)| {
            let offsets = shard.offsets.groups().flat_map(|group| {
                let newest = shard.offsets.newest_of(group);
                newest.map(|(at, known)| (group.clone(), at.clone(), known.offset))
            });
            CoordinatorSummary {
                partition,
                leader_epoch,
                groups: shard.groups.keys().cloned().collect(),
                offsets: offsets.collect(),
            }
        };
        self.runtime.shards().map(of).collect()
    }

    /// When one of them wants to be woken, and why.
    pub(crate) fn next_deadline(&self) -> Option<(Time, &'static str)> {
        self.runtime.next_deadline()
    }

    /// Does what is due.
    pub(crate) fn handle_timers<L: Log>(&mut self, cx: &mut Context<'_>, lent: &mut Lent<'_, L>) {
        self.runtime.handle_timers(cx, lent);
        self.collect();
    }

    /// From now on they live in another topic of the same name.
    pub(crate) fn move_to(&mut self, topic: TopicId) {
        self.topic = Some(topic);
    }

    /// Lets every partition go, because the topic is another, or the broker ends.
    pub(crate) fn let_go<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        reason: &'static str,
    ) {
        for partition in self.runtime.partitions() {
            self.runtime.resigned(cx, lent, partition, None, reason);
        }
        self.collect();
    }

    /// Something of a partition has changed: `leads` is the epoch in which this broker leads it, if it does.
    pub(crate) fn stirred<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partition: i32,
        leads: Result<LeaderEpoch, &'static str>,
    ) {
        match leads {
            Ok(epoch) => {
                self.runtime.elected(cx, partition, epoch);
                self.runtime.high_watermark_moved(cx, lent, partition);
            }
            Err(reason) => self.runtime.resigned(cx, lent, partition, None, reason),
        }
        self.collect();
    }

    /// Topics came, went or changed.
    pub(crate) fn topics_changed<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        change: &klamm_coordinator::TopicsChange,
    ) {
        self.runtime.topics_changed(cx, lent, change);
        self.collect();
    }

    /// The answers that there are by now.
    pub(crate) fn take_answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }

    /// Takes a request in. `partitions` is how many the topic has. False for a request of another kind.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other APIs are other rooms'")]
    pub(crate) fn handle<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partitions: i32,
        token: RequestToken,
        client: Client<'_>,
        request: &RequestKind,
    ) -> bool {
        let at = |group: &str| partition_of(group, partitions);
        match request {
            RequestKind::JoinGroup(body) => {
                let checked = classic::check_join(&self.config, body);
                self.ask(cx, lent, (at(&body.group_id), token, checked), request, |shard, op| {
                    shard.join_group(op, token, client, body);
                });
            }
            RequestKind::SyncGroup(body) => {
                let checked = classic::check_sync(token.api_version, body);
                self.ask(cx, lent, (at(&body.group_id), token, checked), request, |shard, op| {
                    shard.sync_group(op, token, body);
                });
            }
            RequestKind::Heartbeat(body) => {
                let checked = classic::check_heartbeat(body);
                self.ask(cx, lent, (at(&body.group_id), token, checked), request, |shard, op| {
                    shard.heartbeat(op, token, body);
                });
            }
            RequestKind::LeaveGroup(body) => {
                let checked = classic::check_leave(body);
                self.ask(cx, lent, (at(&body.group_id), token, checked), request, |shard, op| {
                    shard.leave_group(op, token, body);
                });
            }
            RequestKind::OffsetCommit(body) => {
                self.ask(cx, lent, (at(&body.group_id), token, Ok(())), request, |shard, op| {
                    shard.offset_commit(op, token, body);
                });
            }
            RequestKind::TxnOffsetCommit(body) => {
                let checked = check_group(&body.group_id);
                self.ask(cx, lent, (at(&body.group_id), token, checked), request, |shard, op| {
                    shard.txn_offset_commit(op, token, body);
                });
            }
            RequestKind::OffsetDelete(body) => {
                let checked = check_group(&body.group_id);
                self.ask(cx, lent, (at(&body.group_id), token, checked), request, |shard, op| {
                    shard.offset_delete(op, token, body);
                });
            }
            RequestKind::ConsumerGroupHeartbeat(body) => {
                match consumer::check_heartbeat(&self.config, token.api_version, body) {
                    Ok(()) => {
                        let place = (at(&body.group_id), token, Ok(()));
                        self.ask(cx, lent, place, request, |shard, op| {
                            shard.consumer_group_heartbeat(op, token, client, body);
                        });
                    }
                    Err(refused) => {
                        let refused = consumer::heartbeat_refused(refused.code, &refused.message);
                        let refused = ResponseKind::ConsumerGroupHeartbeat(refused);
                        self.answers.push((token, refused));
                    }
                }
            }
            RequestKind::ConsumerGroupDescribe(body) => {
                self.describe_consumers(cx, lent, token, body, at);
            }
            RequestKind::OffsetFetch(body) => self.fetch(cx, lent, token, body, at),
            RequestKind::DescribeGroups(body) => self.describe(cx, lent, token, body, at),
            RequestKind::ListGroups(body) => self.list(cx, lent, token, body),
            RequestKind::DeleteGroups(body) => self.delete(cx, lent, token, body, at),
            _ => return false,
        }
        self.collect();
        true
    }

    /// Hands a request to one shard, or refuses it.
    fn ask<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        (partition, token, checked): (i32, RequestToken, Result<(), ErrorCode>),
        request: &RequestKind,
        decide: impl FnOnce(&mut GroupShard, &mut Op<'_, '_, GroupShard>),
    ) {
        let taken = checked.and_then(|()| self.runtime.operate(cx, lent, partition, decide));
        if let Err(code) = taken
            && let Some(response) = refusals::refused(request, token.api_version, code)
        {
            self.answers.push((token, response));
        }
    }

    /// OffsetFetch: each group of it is a request of its own (KIP-709).
    fn fetch<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        token: RequestToken,
        request: &OffsetFetchRequest,
        at: impl Fn(&str) -> i32,
    ) {
        let parts: Vec<OffsetFetchRequest> = match token.api_version {
            ..8 => vec![request.clone()],
            8.. => {
                let groups = request.groups.iter();
                groups.map(|group| request.clone().with_groups(vec![group.clone()])).collect()
            }
        };
        let order = offsets::unwind(request, token.api_version);
        let order: Vec<String> = order.iter().map(|asked| asked.group.to_string()).collect();
        if parts.is_empty() {
            let empty = ResponseKind::OffsetFetch(OffsetFetchResponse::default());
            return self.answers.push((token, empty));
        }
        self.gather(token, parts.len(), order.clone());
        for (group, part) in order.iter().zip(parts) {
            let place = (at(group), token, Ok(()));
            let kind = RequestKind::OffsetFetch(part.clone());
            self.ask(cx, lent, place, &kind, |shard, op| shard.offset_fetch(op, token, &part));
        }
    }

    /// DeleteGroups: the groups of each partition are deleted by one batch.
    fn delete<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        token: RequestToken,
        request: &DeleteGroupsRequest,
        at: impl Fn(&str) -> i32,
    ) {
        let mut by_partition: BTreeMap<i32, Vec<_>> = BTreeMap::new();
        for group in &request.groups_names {
            let groups = by_partition.entry(at(group)).or_default();
            if !groups.contains(group) {
                groups.push(group.clone());
            }
        }
        let order = request.groups_names.iter().map(|group| group.to_string()).collect();
        if by_partition.is_empty() {
            let empty = ResponseKind::DeleteGroups(DeleteGroupsResponse::default());
            return self.answers.push((token, empty));
        }
        self.gather(token, by_partition.len(), order);
        for (partition, groups) in by_partition {
            let part = DeleteGroupsRequest::default().with_groups_names(groups.clone());
            let kind = RequestKind::DeleteGroups(part);
            self.ask(cx, lent, (partition, token, Ok(())), &kind, |shard, op| {
                let results = groups.iter().map(|group| shard.delete(op, &group.as_str().into()));
                let response = DeleteGroupsResponse::default().with_results(results.collect());
                op.reply(token, ResponseKind::DeleteGroups(response), |refused| {
                    if let ResponseKind::DeleteGroups(refused) = refused {
                        let deleted = refused.results.iter_mut();
                        for result in deleted.filter(|result| result.error_code == 0) {
                            result.error_code = ErrorCode::UNKNOWN_SERVER_ERROR.0;
                        }
                    }
                });
            });
        }
    }

    /// DescribeGroups: what is committed of each group.
    fn describe<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        token: RequestToken,
        request: &DescribeGroupsRequest,
        at: impl Fn(&str) -> i32,
    ) {
        let asked = request.include_authorized_operations;
        let groups = request.groups.iter().map(|name| {
            let group = GroupId::from(name.as_str());
            let mut described = None;
            let taken = self.runtime.operate(cx, lent, at(name), |shard, _| {
                described = Some(shard.describe(token.api_version, &group));
            });
            let described = match (taken, described) {
                (Ok(()), Some(described)) => described,
                (Err(code), _) => admin::describe_refused(&group, code),
                (Ok(()), None) => admin::describe_refused(&group, ErrorCode::NOT_COORDINATOR),
            };
            let operations = authorized::of_group(asked, described.error_code);
            described.with_authorized_operations(operations)
        });
        let response = DescribeGroupsResponse::default().with_groups(groups.collect());
        self.answers.push((token, ResponseKind::DescribeGroups(response)));
    }

    /// ConsumerGroupDescribe: what is committed of each group.
    fn describe_consumers<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        token: RequestToken,
        request: &ConsumerGroupDescribeRequest,
        at: impl Fn(&str) -> i32,
    ) {
        let asked = request.include_authorized_operations;
        let groups = request.group_ids.iter().map(|name| {
            let group = GroupId::from(name.as_str());
            let mut described = None;
            let taken = check_group(name).and_then(|()| {
                self.runtime.operate(cx, lent, at(name), |shard, op| {
                    described = Some(shard.consumer_group_describe(op.topics, &group));
                })
            });
            let described = match (taken, described) {
                (Ok(()), Some(described)) => described,
                (Err(code), _) => consumer::describe_refused(&group, code, ""),
                (Ok(()), None) => {
                    consumer::describe_refused(&group, ErrorCode::NOT_COORDINATOR, "")
                }
            };
            let operations = authorized::of_group(asked, described.error_code);
            described.with_authorized_operations(operations)
        });
        let response = ConsumerGroupDescribeResponse::default().with_groups(groups.collect());
        self.answers.push((token, ResponseKind::ConsumerGroupDescribe(response)));
    }

    /// ListGroups: over all shards of this broker. One that still loads makes the whole answer an error.
    fn list<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        token: RequestToken,
        request: &ListGroupsRequest,
    ) {
        let mut response = ListGroupsResponse::default();
        for partition in self.runtime.partitions() {
            let taken = self.runtime.operate(cx, lent, partition, |shard, _| {
                response.groups.extend(shard.list(request));
            });
            match taken {
                Ok(()) | Err(ErrorCode::NOT_COORDINATOR) => {}
                Err(code) => {
                    response = ListGroupsResponse::default().with_error_code(code.0);
                    break;
                }
            }
        }
        self.answers.push((token, ResponseKind::ListGroups(response)));
    }

    fn gather(&mut self, token: RequestToken, missing: usize, order: Vec<String>) {
        let gathering = Gathering { missing, order, parts: Vec::new() };
        self.gathering.insert(token.serial, gathering);
    }

    /// Takes the runtime's replies, and puts together what belongs together.
    fn collect(&mut self) {
        let mut answers = std::mem::take(&mut self.answers);
        answers.extend(self.runtime.take_replies());
        for (token, response) in answers {
            let Some(gathering) = self.gathering.get_mut(&token.serial) else {
                self.answers.push((token, response));
                continue;
            };
            gathering.parts.push(response);
            gathering.missing = gathering.missing.saturating_sub(1);
            if gathering.missing == 0
                && let Some(gathering) = self.gathering.remove(&token.serial)
            {
                self.answers.extend(gathering.whole().map(|whole| (token, whole)));
            }
        }
    }
}

impl Gathering {
    /// The parts as one answer, in the order of the request.
    fn whole(self) -> Option<ResponseKind> {
        let Self { order, parts, .. } = self;
        let place = |group: &str| order.iter().position(|asked| asked == group);
        let mut parts = parts.into_iter();
        let mut whole = parts.next()?;
        for part in parts {
            match (&mut whole, part) {
                (ResponseKind::OffsetFetch(whole), ResponseKind::OffsetFetch(part)) => {
                    whole.groups.extend(part.groups);
                }
                (ResponseKind::DeleteGroups(whole), ResponseKind::DeleteGroups(part)) => {
                    whole.results.extend(part.results);
                }
                _ => {}
            }
        }
        if let ResponseKind::OffsetFetch(whole) = &mut whole {
            whole.groups.sort_by_key(|group| place(&group.group_id));
        }
        if let ResponseKind::DeleteGroups(whole) = &mut whole {
            whole.results.sort_by_key(|result| place(&result.group_id));
        }
        Some(whole)
    }
}

fn check_group(group: &str) -> Result<(), ErrorCode> {
    if group.is_empty() { Err(ErrorCode::INVALID_GROUP_ID) } else { Ok(()) }
}
