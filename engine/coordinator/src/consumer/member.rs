//! A member of a consumer group.
//!
//! *Flows in*: what it said, and what its records say. *Flows out*: the records that say it. *Must never*: decide anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_node::{GroupId, MemberId, TopicId, TopicName};
use klamm_protocol::GroupRecord;
use klamm_protocol::group_record::{
    AssignedTopic, ClassicMemberMetadata, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataValue, ConsumerGroupTargetAssignmentMemberValue, CurrentTopic,
};
use klamm_protocol::kafka::protocol::StrBytes;

use crate::assignor::Partitions;

/// The epoch that a member shows to join.
pub(super) const JOIN_EPOCH: i32 = 0;
/// The epoch that a member shows to leave for good.
pub(super) const LEAVE_EPOCH: i32 = -1;
/// The epoch that a static member shows to leave for a while.
pub(super) const STATIC_LEAVE_EPOCH: i32 = -2;

/// How far a member is on its way from what it has to what it is to have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum MemberState {
    /// It has what it is to have in its epoch.
    #[default]
    Stable,
    /// It has to give partitions up before it can go on.
    UnrevokedPartitions,
    /// Others still have partitions that it is to have.
    UnreleasedPartitions,
    /// A later version of Kafka wrote a state that is not known here.
    Unknown,
}

impl MemberState {
    /// Every state.
    pub const ALL: &[Self] =
        &[Self::Stable, Self::UnrevokedPartitions, Self::UnreleasedPartitions, Self::Unknown];

    /// The state's name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stable => "Stable",
            Self::UnrevokedPartitions => "UnrevokedPartitions",
            Self::UnreleasedPartitions => "UnreleasedPartitions",
            Self::Unknown => "Unknown",
        }
    }

    /// As Kafka numbers it.
    pub fn number(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown => 127,
        }
    }

    /// By Kafka's number.
    pub fn of(number: i8) -> Self {
        Self::ALL.iter().copied().find(|state| state.number() == number).unwrap_or(Self::Unknown)
    }
}

/// A member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// The epoch that its next heartbeat has to show; -2 for a static member that is away.
    pub epoch: i32,
    /// The epoch before, which it shows when it missed the last answer.
    pub previous_epoch: i32,
    /// Its `group.instance.id`, if it is static (KIP-345).
    pub instance: Option<Arc<str>>,
    /// Its `client.rack`.
    pub rack: Option<Arc<str>>,
    /// How long it may take to give partitions up, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Where it came from.
    pub client_host: Arc<str>,
    /// The topics that it subscribed to by name.
    pub names: BTreeSet<TopicName>,
    /// The regular expression that it subscribed to; empty for none.
    pub regex: Arc<str>,
    /// The assignor that it prefers.
    pub assignor: Option<Arc<str>>,
    /// How far it is.
    pub state: MemberState,
    /// What it has.
    pub assigned: Partitions,
    /// What it has to give up; nobody else can have it meanwhile.
    pub revoking: Partitions,
    /// What it said in the classic protocol, if it speaks that.
    pub classic: Option<ClassicMemberMetadata>,
}

impl Member {
    /// A member that nothing is known of but its id.
    pub fn new(id: MemberId) -> Self {
        Self {
            id,
            epoch: JOIN_EPOCH,
            previous_epoch: JOIN_EPOCH,
            instance: None,
            rack: None,
            rebalance_timeout_ms: -1,
            client_id: "".into(),
            client_host: "".into(),
            names: BTreeSet::new(),
            regex: "".into(),
            assignor: None,
            state: MemberState::Stable,
            assigned: Partitions::new(),
            revoking: Partitions::new(),
            classic: None,
        }
    }

    /// Whether it speaks the classic protocol.
    pub fn is_classic(&self) -> bool {
        self.classic.is_some()
    }

    /// Its regular expression, if it has one.
    pub fn regex(&self) -> Option<&Arc<str>> {
        Some(&self.regex).filter(|regex| !regex.is_empty())
    }

    /// Whether it has all that it is to have by the assignment of an epoch.
    pub fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// It is in an epoch from now on, and was in another before.
    pub(super) fn set_epoch(&mut self, epoch: i32) {
        self.previous_epoch = self.epoch;
        self.epoch = epoch;
    }

    /// The first of its classic protocols, which names the assignor that counts in the answers to it.
    pub(super) fn classic_protocol(
        &self,
    ) -> Option<&klamm_protocol::group_record::ClassicProtocol> {
        self.classic.as_ref()?.supported_protocols.first()
    }

    /// What its subscription's record says.
    pub(super) fn set_metadata(&mut self, value: &ConsumerGroupMemberMetadataValue) {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        self.instance = text(&value.instance_id);
        self.rack = text(&value.rack_id);
        self.client_id = value.client_id.as_str().into();
        self.client_host = value.client_host.as_str().into();
        self.names = value.subscribed_topic_names.iter().map(|name| name.as_str().into()).collect();
        self.regex = value.subscribed_topic_regex.as_deref().unwrap_or_default().into();
        self.rebalance_timeout_ms = value.rebalance_timeout_ms;
        self.assignor = text(&value.server_assignor);
        self.classic = value.classic_member_metadata.clone();
    }

    /// What its assignment's record says.
    pub(super) fn set_assignment(&mut self, value: &ConsumerGroupCurrentMemberAssignmentValue) {
        self.epoch = value.member_epoch;
        self.previous_epoch = value.previous_member_epoch;
        self.state = MemberState::of(value.state);
        self.assigned = from_current(&value.assigned_partitions);
        self.revoking = from_current(&value.partitions_pending_revocation);
    }

    /// The record of its subscription.
    pub(super) fn metadata_record(&self, group: &GroupId) -> GroupRecord {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let value = ConsumerGroupMemberMetadataValue {
            instance_id: text(&self.instance),
            rack_id: text(&self.rack),
            client_id: self.client_id.to_string(),
            client_host: self.client_host.to_string(),
            subscribed_topic_names: self.names.iter().map(|name| name.to_string()).collect(),
            subscribed_topic_regex: Some(self.regex.to_string()),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: text(&self.assignor),
            classic_member_metadata: self.classic.clone(),
        };
        GroupRecord::ConsumerGroupMemberMetadata {
            group: group.clone(),
            member: self.id.clone(),
            value: Some(value),
        }
    }

    /// The record of what it has.
    pub(super) fn assignment_record(&self, group: &GroupId) -> GroupRecord {
        let value = ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.number(),
            assigned_partitions: to_current(&self.assigned),
            partitions_pending_revocation: to_current(&self.revoking),
        };
        GroupRecord::ConsumerGroupCurrentMemberAssignment {
            group: group.clone(),
            member: self.id.clone(),
            value: Some(value),
        }
    }
}

/// The record of what a member is to have.
pub(super) fn target_record(
    group: &GroupId,
    member: &MemberId,
    target: &Partitions,
) -> GroupRecord {
    let topic = |(topic_id, partitions): (&TopicId, &BTreeSet<i32>)| AssignedTopic {
        topic_id: *topic_id,
        partitions: partitions.iter().copied().collect(),
    };
    let topic_partitions = target.iter().map(topic).collect();
    GroupRecord::ConsumerGroupTargetAssignmentMember {
        group: group.clone(),
        member: member.clone(),
        value: Some(ConsumerGroupTargetAssignmentMemberValue { topic_partitions }),
    }
}

/// What a target's record says.
pub(super) fn from_target(value: &ConsumerGroupTargetAssignmentMemberValue) -> Partitions {
    gather(value.topic_partitions.iter().map(|topic| (topic.topic_id, topic.partitions.as_slice())))
}

fn from_current(topics: &[CurrentTopic]) -> Partitions {
    gather(topics.iter().map(|topic| (topic.topic_id, topic.partitions.as_slice())))
}

fn to_current(partitions: &Partitions) -> Vec<CurrentTopic> {
    let topic = |(topic_id, partitions): (&TopicId, &BTreeSet<i32>)| CurrentTopic {
        topic_id: *topic_id,
        partitions: partitions.iter().copied().collect(),
        assignment_epochs: None,
    };
    partitions.iter().map(topic).collect()
}

/// Partitions that are told topic by topic.
pub(super) fn gather<'a>(topics: impl Iterator<Item = (TopicId, &'a [i32])>) -> Partitions {
    let mut all: BTreeMap<TopicId, BTreeSet<i32>> = Partitions::new();
    for (topic, partitions) in topics.filter(|(_, partitions)| !partitions.is_empty()) {
        all.entry(topic).or_default().extend(partitions);
    }
    all
}

/// Whether a partition is among others.
pub(super) fn has(partitions: &Partitions, topic: TopicId, partition: i32) -> bool {
    partitions.get(&topic).is_some_and(|of_topic| of_topic.contains(&partition))
}

/// A text of a request.
pub(super) fn shared(text: &StrBytes) -> Arc<str> {
    text.as_str().into()
}
