//! What an operator's request about groups is on the wire: first whom it is for, then what is wanted.
//!
//! *Flows in*: the operator's request; responses. *Flows out*: requests, and the answer in words, part by part.
//! *Must never*: ask again what Kafka's `KafkaAdminClient` would not.
//!
//! A group is asked about at its coordinator, which is looked up first, and again whenever a broker says that it is not.
//! Groups are listed by asking every broker. A group is described by ConsumerGroupDescribe (KIP-848) and, if it is none of
//! those, by DescribeGroups.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{BrokerId, Endpoint, GroupAdmin, GroupId, Offset, TopicName, TopicPartition};
use klamm_protocol::kafka::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use klamm_protocol::kafka::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use klamm_protocol::kafka::messages::offset_fetch_request::OffsetFetchRequestGroup;
use klamm_protocol::kafka::messages::{
    ApiKey, ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest,
    DescribeGroupsResponse, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, RequestKind, ResponseKind,
};
use klamm_protocol::kafka::messages::{
    ConsumerGroupDescribeResponse, FindCoordinatorResponse, OffsetFetchResponse,
};
use klamm_protocol::{ErrorCode, convert};

use super::job::{Reading, Route};
use crate::assignor::read_assignment;
use crate::group::find_coordinator;
use crate::metadata::endpoint;

/// A request about groups, and how far it is.
#[derive(Clone, Debug)]
pub(super) struct GroupJob {
    request: GroupAdmin,
    coordinator: Option<Endpoint>,
    /// It is no group of KIP-848: described the old way.
    classic: bool,
    /// The brokers that have listed theirs, and what they said.
    listed: BTreeSet<BrokerId>,
    lines: Vec<String>,
}

type Part = (Option<String>, ErrorCode);

impl GroupJob {
    pub(super) fn new(request: GroupAdmin) -> Self {
        Self {
            request,
            coordinator: None,
            classic: false,
            listed: BTreeSet::new(),
            lines: Vec::new(),
        }
    }

    pub(super) fn wanted(&self) -> &GroupAdmin {
        &self.request
    }

    fn group(&self) -> Option<&GroupId> {
        match &self.request {
            GroupAdmin::List => None,
            GroupAdmin::Describe { group }
            | GroupAdmin::Delete { group }
            | GroupAdmin::ListOffsets { group }
            | GroupAdmin::AlterOffsets { group, .. }
            | GroupAdmin::DeleteOffsets { group, .. } => Some(group),
        }
    }

    /// Whom the next request is for.
    pub(super) fn route(&self) -> Route {
        match (&self.request, &self.coordinator) {
            (GroupAdmin::List, _) => Route::Next(self.listed.clone()),
            (_, None) => Route::Any,
            (_, Some(at)) => Route::At(at.clone()),
        }
    }

    pub(super) fn api(&self) -> ApiKey {
        match &self.request {
            GroupAdmin::List => ApiKey::ListGroups,
            _ if self.coordinator.is_none() => ApiKey::FindCoordinator,
            GroupAdmin::Describe { .. } if self.classic => ApiKey::DescribeGroups,
            GroupAdmin::Describe { .. } => ApiKey::ConsumerGroupDescribe,
            GroupAdmin::Delete { .. } => ApiKey::DeleteGroups,
            GroupAdmin::ListOffsets { .. } => ApiKey::OffsetFetch,
            GroupAdmin::AlterOffsets { .. } => ApiKey::OffsetCommit,
            GroupAdmin::DeleteOffsets { .. } => ApiKey::OffsetDelete,
        }
    }

    /// The next request.
    pub(super) fn request(&self) -> RequestKind {
        let Some(group) = self.group() else {
            return RequestKind::ListGroups(ListGroupsRequest::default());
        };
        let id = || klamm_protocol::kafka::messages::GroupId(convert::text(group.as_str()));
        if self.coordinator.is_none() {
            // As versions from 4 on say it.
            return find_coordinator(group, 4);
        }
        match &self.request {
            GroupAdmin::List => RequestKind::ListGroups(ListGroupsRequest::default()),
            GroupAdmin::Describe { .. } if self.classic => RequestKind::DescribeGroups(
                DescribeGroupsRequest::default().with_groups(vec![id()]),
            ),
            GroupAdmin::Describe { .. } => RequestKind::ConsumerGroupDescribe(
                ConsumerGroupDescribeRequest::default().with_group_ids(vec![id()]),
            ),
            GroupAdmin::Delete { .. } => RequestKind::DeleteGroups(
                DeleteGroupsRequest::default().with_groups_names(vec![id()]),
            ),
            GroupAdmin::ListOffsets { .. } => {
                let asked =
                    OffsetFetchRequestGroup::default().with_group_id(id()).with_topics(None);
                let request = OffsetFetchRequest::default().with_topics(Some(Vec::new()));
                RequestKind::OffsetFetch(request.with_groups(vec![asked]))
            }
            GroupAdmin::AlterOffsets { offsets, .. } => {
                let mut topics: BTreeMap<&TopicName, Vec<OffsetCommitRequestPartition>> =
                    BTreeMap::new();
                for (partition, offset) in offsets {
                    topics.entry(&partition.topic).or_default().push(
                        OffsetCommitRequestPartition::default()
                            .with_partition_index(partition.partition)
                            .with_committed_offset(offset.0)
                            .with_committed_metadata(Some(convert::text(""))),
                    );
                }
                let topics = topics.into_iter().map(|(name, partitions)| {
                    OffsetCommitRequestTopic::default()
                        .with_name(convert::topic(name))
                        .with_partitions(partitions)
                });
                // As nobody's member: the group has to be empty.
                RequestKind::OffsetCommit(
                    OffsetCommitRequest::default()
                        .with_group_id(id())
                        .with_generation_id_or_member_epoch(-1)
                        .with_topics(topics.collect()),
                )
            }
            GroupAdmin::DeleteOffsets { partitions, .. } => {
                let mut topics: BTreeMap<&TopicName, Vec<OffsetDeleteRequestPartition>> =
                    BTreeMap::new();
                for partition in partitions {
                    let index = partition.partition;
                    let asked = OffsetDeleteRequestPartition::default().with_partition_index(index);
                    topics.entry(&partition.topic).or_default().push(asked);
                }
                let topics = topics.into_iter().map(|(name, partitions)| {
                    OffsetDeleteRequestTopic::default()
                        .with_name(convert::topic(name))
                        .with_partitions(partitions)
                });
                RequestKind::OffsetDelete(
                    OffsetDeleteRequest::default()
                        .with_group_id(id())
                        .with_topics(topics.collect()),
                )
            }
        }
    }

    /// The broker does not know the API: true if the same can be asked otherwise.
    pub(super) fn unsupported(&mut self) -> bool {
        let other = self.api() == ApiKey::ConsumerGroupDescribe;
        self.classic |= other;
        other
    }

    /// Whoever was asked is gone: the coordinator may be another by now.
    pub(super) fn nobody_answered(&mut self) {
        self.coordinator = None;
    }

    /// Takes an answer.
    pub(super) fn read(&mut self, from: Option<BrokerId>, response: &ResponseKind) -> Reading {
        #[expect(clippy::wildcard_enum_match_arm, reason = "responses to requests never sent")]
        match response {
            ResponseKind::FindCoordinator(found) => self.found(found),
            ResponseKind::ListGroups(answer) => {
                let code = ErrorCode(answer.error_code);
                if !code.is_none() {
                    return self.failed(code);
                }
                for group in &answer.groups {
                    let kind =
                        if group.group_type.is_empty() { "" } else { group.group_type.as_str() };
                    let id = group.group_id.as_str();
                    let state = group.group_state.as_str();
                    self.lines.push(format!("group {id} is {state} ({})", kind.to_lowercase()));
                }
                self.listed.extend(from);
                Reading::Next
            }
            ResponseKind::ConsumerGroupDescribe(answer) => self.described(answer),
            ResponseKind::DescribeGroups(answer) => self.described_classic(answer),
            ResponseKind::DeleteGroups(answer) => {
                let code = answer.results.first().map(|result| result.error_code);
                self.whole(code)
            }
            ResponseKind::OffsetFetch(answer) => self.offsets(answer),
            ResponseKind::OffsetCommit(answer) => {
                let parts = answer.topics.iter().flat_map(|topic| {
                    let name = convert::topic_name(&topic.name);
                    topic.partitions.iter().map(move |p| {
                        (
                            TopicPartition::new(TopicName::clone(&name), p.partition_index),
                            p.error_code,
                        )
                    })
                });
                self.by_partition(parts.collect())
            }
            ResponseKind::OffsetDelete(answer) if answer.error_code != 0 => {
                self.whole(Some(answer.error_code))
            }
            ResponseKind::OffsetDelete(answer) => {
                let parts = answer.topics.iter().flat_map(|topic| {
                    let name = convert::topic_name(&topic.name);
                    topic.partitions.iter().map(move |p| {
                        (
                            TopicPartition::new(TopicName::clone(&name), p.partition_index),
                            p.error_code,
                        )
                    })
                });
                self.by_partition(parts.collect())
            }
            _ => self.whole(None),
        }
    }

    /// Every broker has listed its groups.
    pub(super) fn all_listed(&mut self) -> Vec<Part> {
        if self.lines.is_empty() {
            return vec![(None, ErrorCode::NONE)];
        }
        self.lines.sort();
        self.lines.drain(..).map(|line| (Some(line), ErrorCode::NONE)).collect()
    }

    fn found(&mut self, found: &FindCoordinatorResponse) -> Reading {
        let Some(one) = found.coordinators.first() else { return self.whole(None) };
        let code = ErrorCode(one.error_code);
        if !code.is_none() {
            return self.failed(code);
        }
        match endpoint(&one.host, one.port) {
            Some(at) => {
                self.coordinator = Some(at);
                Reading::Next
            }
            None => self.failed(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        }
    }

    fn whole(&mut self, code: Option<i16>) -> Reading {
        let code = code.map_or(ErrorCode::UNKNOWN_SERVER_ERROR, ErrorCode);
        if code.is_none() {
            return Reading::Answered(vec![(None, ErrorCode::NONE)]);
        }
        self.failed(code)
    }

    fn failed(&mut self, code: ErrorCode) -> Reading {
        if matches!(code, ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE) {
            self.coordinator = None;
        }
        Reading::Answered(vec![(None, code)])
    }

    fn described(&mut self, answer: &ConsumerGroupDescribeResponse) -> Reading {
        let Some(group) = answer.groups.first() else { return self.whole(None) };
        let code = ErrorCode(group.error_code);
        if matches!(code, ErrorCode::GROUP_ID_NOT_FOUND | ErrorCode::UNSUPPORTED_VERSION) {
            self.classic = true;
            return Reading::Next;
        }
        if !code.is_none() {
            return self.failed(code);
        }
        let id = group.group_id.as_str();
        let mut lines = vec![format!(
            "group {id} is {} in epoch {}, members: {}",
            group.group_state.as_str(),
            group.group_epoch,
            group.members.len()
        )];
        for member in &group.members {
            let assigned = member.assignment.topic_partitions.iter().flat_map(|topic| {
                let name = topic.topic_name.as_str().to_owned();
                topic.partitions.iter().map(move |p| format!("{name}-{p}"))
            });
            lines.push(line_of(id, member.member_id.as_str(), assigned.collect()));
        }
        Reading::Answered(lines.into_iter().map(|line| (Some(line), ErrorCode::NONE)).collect())
    }

    fn described_classic(&mut self, answer: &DescribeGroupsResponse) -> Reading {
        let Some(group) = answer.groups.first() else { return self.whole(None) };
        let code = ErrorCode(group.error_code);
        if !code.is_none() {
            return self.failed(code);
        }
        let id = group.group_id.as_str();
        let assignor = group.protocol_data.as_str();
        let mut lines = vec![format!(
            "group {id} is {}{}, members: {}",
            group.group_state.as_str(),
            if assignor.is_empty() { String::new() } else { format!(" with {assignor}") },
            group.members.len()
        )];
        for member in &group.members {
            let assigned = read_assignment(&member.member_assignment).unwrap_or_default();
            let assigned = assigned.iter().map(ToString::to_string).collect();
            lines.push(line_of(id, member.member_id.as_str(), assigned));
        }
        Reading::Answered(lines.into_iter().map(|line| (Some(line), ErrorCode::NONE)).collect())
    }

    fn offsets(&mut self, answer: &OffsetFetchResponse) -> Reading {
        let Some(group) = answer.groups.first() else { return self.whole(None) };
        let code = ErrorCode(group.error_code);
        if !code.is_none() {
            return self.failed(code);
        }
        let id = group.group_id.as_str();
        let mut parts: Vec<Part> = Vec::new();
        for topic in &group.topics {
            for p in &topic.partitions {
                let partition =
                    TopicPartition::new(convert::topic_name(&topic.name), p.partition_index);
                let at = Offset(p.committed_offset);
                let line = format!("group {id} is at {at} in {partition}");
                parts.push((Some(line), ErrorCode(p.error_code)));
            }
        }
        if parts.is_empty() {
            parts.push((None, ErrorCode::NONE));
        }
        Reading::Answered(parts)
    }

    /// One outcome for each partition; what concerns the coordinator is the same for all.
    fn by_partition(&mut self, answers: Vec<(TopicPartition, i16)>) -> Reading {
        let codes = answers.iter().map(|(_, code)| ErrorCode(*code));
        if let Some(code) = codes.into_iter().find(|code| asks_again(*code)) {
            return self.failed(code);
        }
        let part = |(partition, code): (TopicPartition, i16)| {
            let one = match &self.request {
                GroupAdmin::AlterOffsets { group, offsets } => {
                    let set = offsets.iter().find(|(known, _)| *known == partition);
                    let offsets = set.cloned().into_iter().collect();
                    GroupAdmin::AlterOffsets { group: group.clone(), offsets }
                }
                GroupAdmin::DeleteOffsets { group, .. } => {
                    GroupAdmin::DeleteOffsets { group: group.clone(), partitions: vec![partition] }
                }
                other @ (GroupAdmin::List
                | GroupAdmin::Describe { .. }
                | GroupAdmin::Delete { .. }
                | GroupAdmin::ListOffsets { .. }) => other.clone(),
            };
            (Some(one.to_string()), ErrorCode(code))
        };
        Reading::Answered(answers.into_iter().map(part).collect())
    }
}

fn line_of(group: &str, member: &str, partitions: Vec<String>) -> String {
    let has = if partitions.is_empty() { "nothing".to_owned() } else { partitions.join(", ") };
    format!("member {member} of group {group} has {has}")
}

/// By KafkaAdminClient's CoordinatorStrategy and the handlers of each request.
pub(super) fn asks_again(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
            | ErrorCode::COORDINATOR_NOT_AVAILABLE
            | ErrorCode::NOT_COORDINATOR
    )
}
