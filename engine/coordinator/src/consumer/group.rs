//! A consumer group as data: who is in it, what everybody has and is to have, who owns each partition.
//!
//! *Flows in*: records. *Flows out*: what follows from them. *Must never*: change but by a record; what it holds beside them
//! is in [`Volatile`], and may be lost at any time.
//!
//! Invariants
//! * C1 A partition that a member has, or has yet to give up, is owned by it in the member's epoch; one that nobody has is
//!   owned by nobody (KAFKA-16147).
//! * C2 Whoever reads the group's records, in whatever order compaction has left them, comes out with the same group
//!   (KAFKA-19862).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_node::{GroupId, MemberId, Offset, Timestamp, TopicId, TopicName, planted};
use klamm_protocol::GroupRecord;
use klamm_protocol::group_record::{
    ConsumerGroupMetadataValue, ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMetadataValue,
};

use super::member::{LEAVE_EPOCH, Member, from_target};
use super::state::GroupState;
use crate::assignor::Partitions;
use crate::shard::Topics;

/// What a regular expression was found to match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// The topics.
    pub topics: BTreeSet<TopicName>,
    /// The version of the metadata that it was resolved against.
    pub version: Offset,
    /// When.
    pub at: Timestamp,
}

/// What is not in the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Volatile {
    /// The epoch in which the topics were last looked at; none if they have to be.
    pub looked_at_topics: Option<i32>,
    /// The version of the metadata that changed topics last, as far as is known.
    pub topics_changed_at: Option<Offset>,
    /// Regular expressions are being resolved.
    pub resolving: bool,
    /// The classic members that were told to join again and have not.
    pub rejoining: BTreeSet<MemberId>,
}

/// Who owns a partition, in which epoch.
type Owners = BTreeMap<i32, (MemberId, i32)>;

/// A consumer group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConsumerGroup {
    pub(super) epoch: i32,
    /// A hash over the topics that are read (KIP-1101).
    pub(super) metadata_hash: i64,
    pub(super) members: BTreeMap<MemberId, Arc<Member>>,
    /// The member that has a `group.instance.id` now.
    pub(super) static_members: BTreeMap<Arc<str>, MemberId>,
    pub(super) assignment_epoch: i32,
    /// When the target assignment was made; zero from before Kafka 4.3.
    pub(super) assigned_at: Timestamp,
    pub(super) targets: BTreeMap<MemberId, Arc<Partitions>>,
    pub(super) owners: BTreeMap<TopicId, Owners>,
    pub(super) regexes: BTreeMap<Arc<str>, Resolved>,
    /// A record of an older Kafka about the topics is in the log.
    pub(super) has_partition_metadata: bool,
    /// Where its first record is, since it came to be here.
    pub(super) since: Option<Offset>,
    pub(super) volatile: Volatile,
}

impl ConsumerGroup {
    /// Its epoch.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// The epoch of its target assignment.
    pub fn assignment_epoch(&self) -> i32 {
        self.assignment_epoch
    }

    /// Where its first record is.
    pub fn since(&self) -> Option<Offset> {
        self.since
    }

    /// Its members.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values().map(Arc::as_ref)
    }

    /// A member.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id).map(Arc::as_ref)
    }

    /// The member that has a `group.instance.id`.
    pub fn static_member(&self, instance: &str) -> Option<&Member> {
        self.static_members.get(instance).and_then(|id| self.member(id.as_str()))
    }

    /// What a member is to have.
    pub fn target(&self, member: &str) -> &Partitions {
        static NOTHING: Partitions = Partitions::new();
        self.targets.get(member).map_or(&NOTHING, Arc::as_ref)
    }

    /// Who owns a partition, in which epoch.
    pub fn owner(&self, topic: TopicId, partition: i32) -> Option<&(MemberId, i32)> {
        self.owners.get(&topic)?.get(&partition)
    }

    /// Its state, which follows from everything else.
    pub fn state(&self) -> GroupState {
        let is_reconciled = |member: &Arc<Member>| member.is_reconciled_to(self.assignment_epoch);
        if self.members.is_empty() {
            GroupState::Empty
        } else if self.epoch > self.assignment_epoch {
            GroupState::Assigning
        } else if self.members.values().all(is_reconciled) {
            GroupState::Stable
        } else {
            GroupState::Reconciling
        }
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether its members read a topic, by name or by what their expressions match.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.members.values().any(|member| member.names.contains(topic))
            || self.regexes.values().any(|resolved| resolved.topics.contains(topic))
    }

    /// Every topic that its members read.
    pub(super) fn subscribed_topics(&self) -> BTreeSet<&TopicName> {
        let by_name = self.members.values().flat_map(|member| &member.names);
        by_name.chain(self.regexes.values().flat_map(|resolved| &resolved.topics)).collect()
    }

    /// The topics that a member reads and that exist. An expression that is not resolved matches nothing.
    pub(super) fn topics_of(&self, member: &Member, topics: &dyn Topics) -> BTreeSet<TopicId> {
        let resolved = member.regex().and_then(|regex| self.regexes.get(regex));
        let matched = resolved.into_iter().flat_map(|resolved| &resolved.topics);
        member.names.iter().chain(matched).filter_map(|name| topics.id_of(name)).collect()
    }

    /// Whether all members read the same topics: all by the same names, or all by one expression and no names.
    pub(super) fn is_homogeneous(&self) -> bool {
        let mut members = self.members.values();
        let Some(first) = members.next() else { return true };
        match first.regex() {
            Some(_) => self
                .members
                .values()
                .all(|member| member.regex == first.regex && member.names.is_empty()),
            None => members.all(|member| member.regex().is_none() && member.names == first.names),
        }
    }

    /// How many members have an expression, one of them left out.
    pub(super) fn readers_of(&self, regex: &str, without: Option<&MemberId>) -> usize {
        let has = |member: &&Arc<Member>| &*member.regex == regex && Some(&member.id) != without;
        self.members.values().filter(has).count()
    }

    /// The expressions that members have.
    pub(super) fn subscribed_regexes(&self) -> BTreeSet<&Arc<str>> {
        self.members.values().filter_map(|member| member.regex()).collect()
    }

    /// The assignor that most members prefer, of those who prefer one. Kafka leaves a draw open; here the first by name wins.
    pub(super) fn preferred_assignor(&self) -> Option<&Arc<str>> {
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for name in self.members.values().filter_map(|member| member.assignor.as_ref()) {
            *votes.entry(name).or_default() += 1;
        }
        votes.into_iter().rev().max_by_key(|(_, votes)| *votes).map(|(name, _)| name)
    }

    /// Whether nobody owns a partition.
    pub(super) fn is_free(&self, topic: TopicId, partition: i32) -> bool {
        self.owner(topic, partition).is_none()
    }

    /// Takes a record of its own. False if the group is gone with it.
    pub(super) fn replay(&mut self, offset: Offset, record: &GroupRecord) -> bool {
        self.since.get_or_insert(offset);
        match record {
            GroupRecord::ConsumerGroupMetadata { value: Some(value), .. } => {
                (self.epoch, self.metadata_hash) = (value.epoch, value.metadata_hash);
            }
            GroupRecord::ConsumerGroupMetadata { value: None, .. } => return false,
            GroupRecord::ConsumerGroupPartitionMetadata { value, .. } => {
                self.has_partition_metadata = value.is_some();
            }
            GroupRecord::ConsumerGroupMemberMetadata { member, value: Some(value), .. } => {
                self.change(member, |member| member.set_metadata(value));
            }
            GroupRecord::ConsumerGroupMemberMetadata { member, value: None, .. } => {
                self.remove(member);
            }
            GroupRecord::ConsumerGroupTargetAssignmentMetadata { value, .. } => {
                let made = value.as_ref();
                self.assignment_epoch = made.map_or(-1, |value| value.assignment_epoch);
                self.assigned_at = Timestamp(made.map_or(0, |value| value.assignment_timestamp));
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember {
                member, value: Some(value), ..
            } => {
                self.targets.insert(member.clone(), Arc::new(from_target(value)));
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember { member, value: None, .. } => {
                self.targets.remove(member);
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment { member, value, .. } => {
                match value {
                    Some(value) => self.change(member, |member| member.set_assignment(value)),
                    None if self.members.contains_key(member) => self.change(member, |member| {
                        (member.epoch, member.previous_epoch) = (LEAVE_EPOCH, LEAVE_EPOCH);
                        member.assigned.clear();
                        member.revoking.clear();
                    }),
                    None => {}
                }
            }
            GroupRecord::ConsumerGroupRegularExpression { expression, value, .. } => {
                let expression: Arc<str> = expression.as_str().into();
                match value {
                    Some(value) => {
                        let resolved = Resolved {
                            topics: value
                                .topics
                                .iter()
                                .map(|topic| topic.as_str().into())
                                .collect(),
                            version: Offset(value.version),
                            at: Timestamp(value.timestamp),
                        };
                        self.regexes.insert(expression, resolved);
                    }
                    None => {
                        self.regexes.remove(&expression);
                    }
                }
            }
            GroupRecord::OffsetCommit { .. }
            | GroupRecord::GroupMetadata { .. }
            | GroupRecord::Unknown { .. } => {}
        }
        true
    }

    /// Changes a member, or one that is new.
    fn change(&mut self, id: &MemberId, change: impl FnOnce(&mut Member)) {
        let old = self.members.remove(id);
        let mut new = old.as_deref().cloned().unwrap_or_else(|| Member::new(id.clone()));
        change(&mut new);
        if let Some(instance) = &new.instance {
            self.static_members.insert(Arc::clone(instance), id.clone());
        }
        self.own(old.as_deref(), Some(&new));
        self.members.insert(id.clone(), Arc::new(new));
    }

    fn remove(&mut self, id: &MemberId) {
        let Some(old) = self.members.remove(id) else { return };
        if let Some(instance) = &old.instance
            && self.static_members.get(instance) == Some(id)
        {
            self.static_members.remove(instance);
        }
        self.own(Some(&old), None);
        self.volatile.rejoining.remove(id);
    }

    /// A member owns something else than before. What it owned no more is free, unless somebody else has it by now: a
    /// compacted log tells of the new owner before it tells of the old one's loss.
    fn own(&mut self, old: Option<&Member>, new: Option<&Member>) {
        // Planted (Z26, KAFKA-16147): what a member has and what it has to give up are looked at one after the other, so that
        // a partition which goes from the second to the first is owned by nobody in the end.
        if planted("lose_partition_epoch_on_revocation")
            && let (Some(old), Some(new)) = (old, new)
        {
            for (was, is) in [(&old.assigned, &new.assigned), (&old.revoking, &new.revoking)] {
                if was != is {
                    self.disown(&old.id, was);
                    self.claim(new, is);
                }
            }
            return;
        }
        if let Some(old) = old {
            self.disown(&old.id, &old.assigned);
            self.disown(&old.id, &old.revoking);
        }
        if let Some(new) = new {
            self.claim(new, &new.assigned);
            self.claim(new, &new.revoking);
        }
    }

    fn disown(&mut self, member: &MemberId, partitions: &Partitions) {
        for (topic, partitions) in partitions {
            let Some(owners) = self.owners.get_mut(topic) else { continue };
            for partition in partitions {
                if owners.get(partition).is_some_and(|(owner, _)| owner == member) {
                    owners.remove(partition);
                }
            }
            if owners.is_empty() {
                self.owners.remove(topic);
            }
        }
    }

    fn claim(&mut self, member: &Member, partitions: &Partitions) {
        for (topic, partitions) in partitions {
            let owners = self.owners.entry(*topic).or_default();
            let claimed =
                partitions.iter().map(|partition| (*partition, (member.id.clone(), member.epoch)));
            owners.extend(claimed);
        }
    }

    /// The records that make it be forgotten. In this order they never leave a target without its member, or a member without
    /// its group.
    pub fn tombstones(&self, group: &GroupId) -> Vec<GroupRecord> {
        let of = || group.clone();
        let members = || self.members.keys().cloned();
        let mut records: Vec<GroupRecord> = Vec::new();
        records.extend(members().map(|member| GroupRecord::ConsumerGroupCurrentMemberAssignment {
            group: of(),
            member,
            value: None,
        }));
        records.extend(self.targets.keys().cloned().map(|member| {
            GroupRecord::ConsumerGroupTargetAssignmentMember { group: of(), member, value: None }
        }));
        records
            .push(GroupRecord::ConsumerGroupTargetAssignmentMetadata { group: of(), value: None });
        records.extend(members().map(|member| GroupRecord::ConsumerGroupMemberMetadata {
            group: of(),
            member,
            value: None,
        }));
        records.extend(self.regexes.keys().map(|regex| regex_record(group, regex, None)));
        records.push(GroupRecord::ConsumerGroupPartitionMetadata { group: of(), value: None });
        records.push(GroupRecord::ConsumerGroupMetadata { group: of(), value: None });
        records
    }
}

/// The record of a group's epoch.
pub(super) fn epoch_record(group: &GroupId, epoch: i32, metadata_hash: i64) -> GroupRecord {
    let value = Some(ConsumerGroupMetadataValue { epoch, metadata_hash });
    GroupRecord::ConsumerGroupMetadata { group: group.clone(), value }
}

/// The record of a target assignment's epoch.
pub(super) fn target_epoch_record(group: &GroupId, epoch: i32, at: Timestamp) -> GroupRecord {
    let value = ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch: epoch,
        assignment_timestamp: at.0,
    };
    GroupRecord::ConsumerGroupTargetAssignmentMetadata { group: group.clone(), value: Some(value) }
}

/// The record of a regular expression; without a value, the one that makes it be forgotten.
pub(super) fn regex_record(
    group: &GroupId,
    regex: &str,
    resolved: Option<&Resolved>,
) -> GroupRecord {
    let value = resolved.map(|resolved| ConsumerGroupRegularExpressionValue {
        topics: resolved.topics.iter().map(|topic| topic.to_string()).collect(),
        version: resolved.version.0,
        timestamp: resolved.at.0,
    });
    GroupRecord::ConsumerGroupRegularExpression {
        group: group.clone(),
        expression: regex.to_owned(),
        value,
    }
}

/// The records that take a member out.
pub(super) fn member_tombstones(group: &GroupId, member: &MemberId) -> [GroupRecord; 3] {
    let (group, member) = (|| group.clone(), || member.clone());
    [
        GroupRecord::ConsumerGroupCurrentMemberAssignment {
            group: group(),
            member: member(),
            value: None,
        },
        GroupRecord::ConsumerGroupTargetAssignmentMember {
            group: group(),
            member: member(),
            value: None,
        },
        GroupRecord::ConsumerGroupMemberMetadata { group: group(), member: member(), value: None },
    ]
}

#[cfg(test)]
impl ConsumerGroup {
    /// Without what is not in the log.
    pub(crate) fn replicated(&self) -> Self {
        Self { volatile: Volatile::default(), ..self.clone() }
    }

    /// What a group says that is consistent; asked after every operation of the tests.
    pub(crate) fn check(&self) -> Result<(), String> {
        let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
        let mut owners: BTreeMap<TopicId, Owners> = BTreeMap::new();
        for member in self.members() {
            let parts = [&member.assigned, &member.revoking];
            for (topic, partitions) in parts.into_iter().flatten() {
                ensure(!partitions.is_empty(), "a topic without partitions is not there")?;
                for partition in partitions {
                    let owner = (member.id.clone(), member.epoch);
                    let other = owners.entry(*topic).or_default().insert(*partition, owner);
                    ensure(other.is_none(), "a partition has one owner")?;
                }
            }
            let is_revoking = member.state == super::member::MemberState::UnrevokedPartitions;
            let may_revoke = is_revoking || member.revoking.is_empty();
            ensure(may_revoke, "only who has to give something up is revoking")?;
            ensure(member.epoch <= self.epoch, "no member is ahead of its group")?;
        }
        ensure(owners == self.owners, "C1: owners are those who have")?;
        let named: BTreeMap<_, _> = self
            .members()
            .filter_map(|member| Some((member.instance.clone()?, member.id.clone())))
            .collect();
        ensure(named == self.static_members, "instance ids name the members that have them")?;
        let known = |member: &MemberId| self.members.contains_key(member);
        ensure(self.targets.keys().all(known), "targets are of members")?;
        let mut targets = BTreeSet::new();
        for (topic, partitions) in self.targets.values().flat_map(|target| target.iter()) {
            for partition in partitions {
                ensure(targets.insert((topic, partition)), "a partition is in one target")?;
            }
        }
        ensure(self.assignment_epoch <= self.epoch, "the target is not ahead of the group")
    }
}
