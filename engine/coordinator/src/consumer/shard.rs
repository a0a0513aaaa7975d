//! Consumer groups within their shard: records in, events out, timers after a load, changed topics.
//!
//! *Flows in*: records of the partition, loads, changed topics. *Flows out*: groups that are what their records say, and events
//! that say it. *Must never*: decide.

use klamm_node::event::EventKind;
use klamm_node::{Context, GroupId, IfAny, MemberId, Offset, Span, TopicPartition};
use klamm_protocol::GroupRecord;

use super::Timer;
use super::draft::Told;
use super::group::ConsumerGroup;
use super::member::{Member, MemberState, from_target};
use crate::assignor::Partitions;
use crate::classic::Work;
use crate::group::{Group, GroupShard, GroupTimer};
use crate::offsets::Behind;
use crate::shard::{Op, Topics, TopicsChange};

/// The group that a record of consumer groups is about.
fn group_of(record: &GroupRecord) -> Option<(&GroupId, bool)> {
    let is_tombstone = record.is_tombstone();
    match record {
        GroupRecord::ConsumerGroupMetadata { group, .. }
        | GroupRecord::ConsumerGroupPartitionMetadata { group, .. }
        | GroupRecord::ConsumerGroupMemberMetadata { group, .. }
        | GroupRecord::ConsumerGroupTargetAssignmentMetadata { group, .. }
        | GroupRecord::ConsumerGroupTargetAssignmentMember { group, .. }
        | GroupRecord::ConsumerGroupCurrentMemberAssignment { group, .. }
        | GroupRecord::ConsumerGroupRegularExpression { group, .. } => Some((group, is_tombstone)),
        GroupRecord::OffsetCommit { .. }
        | GroupRecord::GroupMetadata { .. }
        | GroupRecord::Unknown { .. } => None,
    }
}

impl GroupShard {
    /// Takes a record of a consumer group into the state.
    pub(crate) fn replay_consumer(&mut self, offset: Offset, record: &GroupRecord) {
        let Some((id, is_tombstone)) = group_of(record) else { return };
        // A tombstone for a group that is not there, or of the other kind by now, is about one that was.
        let is_there = matches!(self.groups.get(id), Some(Group::Consumer(_)));
        if !is_there && is_tombstone {
            return;
        }
        if !is_there {
            // It may have been a classic one that only kept offsets.
            self.groups.insert(id.clone(), Group::Consumer(ConsumerGroup::default()));
        }
        let Some(Group::Consumer(group)) = self.groups.get_mut(id) else { return };
        if !group.replay(offset, record) {
            self.groups.remove(id);
        }
    }

    /// Says what records of its own changed.
    pub(crate) fn consumer_written(
        &mut self,
        cx: &mut Context<'_>,
        topics: &dyn Topics,
        at: i32,
        records: &[GroupRecord],
    ) {
        if records.iter().all(|record| group_of(record).is_none()) {
            return;
        }
        let told = self.consumer.told.take();
        if let Some(told) = &told {
            match self.groups.get(&told.group) {
                Some(Group::Consumer(_)) => {
                    if let Some(reason) = told.kind {
                        set_type(cx, &told.group, "consumer", at, reason);
                    }
                }
                Some(Group::Classic(group)) if told.downgraded.is_some() => {
                    for (member, reason) in &told.removed {
                        removed(cx, &told.group, member, reason);
                    }
                    for (member, replaces) in &told.joined {
                        if let Some(found) = group.member(member.as_str()) {
                            cx.observe(group.joined_event(found, *replaces));
                        }
                    }
                    set_type(cx, &told.group, "classic", at, "downgraded");
                    group.observe_converted(cx, told.before);
                    return;
                }
                Some(Group::Classic(_)) | None => {}
            }
        }
        for (index, record) in records.iter().enumerate() {
            let Some((id, _)) = group_of(record) else { continue };
            let told = told.as_ref().filter(|told| told.group == *id);
            match self.groups.get(id) {
                Some(Group::Consumer(group)) => {
                    let behind = records.get(index..).unwrap_or_default();
                    say(cx, topics, id, group, (record, behind), told);
                }
                None if matches!(record, GroupRecord::ConsumerGroupMetadata { .. }) => {
                    let reason = match self.behind {
                        Some(Behind::Removal("expired")) => "expired",
                        Some(Behind::Removal(_) | Behind::Commit(..)) | None => "request",
                    };
                    let (group, reason) = (id.clone(), reason.into());
                    cx.observe(EventKind::GroupDeleted { group, reason });
                }
                Some(Group::Classic(_)) | None => {}
            }
        }
        let Some(told) = told else { return };
        if let Some(Group::Consumer(group)) = self.groups.get(&told.group) {
            let (from, to) = (told.before, group.state().name());
            if from != to {
                cx.observe(EventKind::GroupStateChanged {
                    group: told.group.clone(),
                    from: from.into(),
                    to: to.into(),
                    epoch: group.epoch(),
                    reason: if told.why.is_empty() { "heartbeat" } else { told.why }.into(),
                });
            }
        }
    }

    /// Says which consumer groups there are.
    pub(crate) fn observe_consumer(&self, cx: &mut Context<'_>, topics: &dyn Topics, at: i32) {
        for (id, group) in &self.groups {
            let Group::Consumer(group) = group else { continue };
            set_type(cx, id, "consumer", at, "loaded");
            let state = group.state().name();
            cx.observe(EventKind::GroupStateChanged {
                group: id.clone(),
                from: "none".into(),
                to: state.into(),
                epoch: group.epoch(),
                reason: "loaded".into(),
            });
            for member in group.members() {
                cx.observe(joined(id, member, false));
                let (epoch, partitions) =
                    (group.assignment_epoch(), group.target(member.id.as_str()));
                cx.observe(target(topics, id, &member.id, epoch, partitions));
                cx.observe(assigned(topics, id, member));
            }
        }
    }

    /// The shard was loaded: members are given their time from now on.
    pub(crate) fn consumer_loaded(&mut self, op: &mut Op<'_, '_, Self>) {
        let session = self.config.consumer_session_timeout;
        for (id, group) in &mut self.groups {
            let Group::Consumer(group) = group else { continue };
            group.volatile.topics_changed_at = Some(op.topics.version());
            let timer = |timer: Timer| GroupTimer::Consumer(id.clone(), timer);
            for member in group.members() {
                if !klamm_node::planted("loaded_members_never_expire") {
                    op.arm(timer(Timer::Session(member.id.clone())), session);
                }
                if member.state == MemberState::UnrevokedPartitions {
                    let rebalance = Span::from_wire_millis(member.rebalance_timeout_ms.into());
                    op.arm(timer(Timer::Rebalance(member.id.clone())), rebalance);
                }
            }
        }
    }

    /// Topics came, went or changed: the next heartbeat of each group that reads them looks at them.
    pub(crate) fn consumer_topics_changed(&mut self, op: &Op<'_, '_, Self>, change: &TopicsChange) {
        for group in self.groups.values_mut() {
            let Group::Consumer(group) = group else { continue };
            if !change.changed.is_empty() {
                group.volatile.topics_changed_at = Some(op.topics.version());
            }
            let mut all = change.changed.iter().chain(&change.deleted);
            if all.any(|topic| group.is_subscribed_to(topic)) {
                group.volatile.looked_at_topics = None;
            }
        }
    }
}

impl Work<'_, '_, '_> {
    /// A request of a member of a consumer group is refused.
    pub(super) fn refuse_event(
        &mut self,
        group: &GroupId,
        member: &str,
        epoch: i32,
        api: klamm_protocol::kafka::messages::ApiKey,
        error: klamm_protocol::ErrorCode,
    ) {
        self.op.cx.observe(EventKind::MemberRefused {
            group: group.clone(),
            member: member.into(),
            epoch,
            api_key: api as i16,
            error: error.word(),
        });
    }
}

fn set_type(
    cx: &mut Context<'_>,
    group: &GroupId,
    kind: &'static str,
    at: i32,
    reason: &'static str,
) {
    let (kind, reason) = (kind.into(), reason.into());
    cx.observe(EventKind::GroupTypeSet { group: group.clone(), kind, at, reason });
}

fn removed(cx: &mut Context<'_>, group: &GroupId, member: &MemberId, reason: &'static str) {
    let (group, member) = (group.clone(), member.clone());
    cx.observe(EventKind::MemberRemoved { group, member, reason: reason.into() });
}

fn joined(group: &GroupId, member: &Member, replaces: bool) -> EventKind {
    EventKind::MemberJoined {
        group: group.clone(),
        member: member.id.clone(),
        instance: member.instance.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        kind: if member.is_classic() { "classic" } else { "consumer" }.into(),
        replaces,
    }
}

fn target(
    topics: &dyn Topics,
    id: &GroupId,
    member: &MemberId,
    epoch: i32,
    partitions: &Partitions,
) -> EventKind {
    let (group, member) = (id.clone(), member.clone());
    EventKind::TargetAssigned { group, epoch, member, partitions: named(topics, partitions) }
}

/// The epoch of a target that is written: that of the record of the target's epoch behind it. A member that takes another's
/// place gets its target without one.
fn target_epoch(group: &ConsumerGroup, behind: &[GroupRecord]) -> i32 {
    let next = behind.iter().find_map(|record| {
        let GroupRecord::ConsumerGroupTargetAssignmentMetadata { value, .. } = record else {
            return None;
        };
        value.as_ref().map(|value| value.assignment_epoch)
    });
    next.unwrap_or_else(|| group.assignment_epoch())
}

fn assigned(topics: &dyn Topics, id: &GroupId, member: &Member) -> EventKind {
    EventKind::MemberAssigned {
        group: id.clone(),
        member: member.id.clone(),
        epoch: member.epoch,
        state: member.state.name().into(),
        partitions: named(topics, &member.assigned),
        revoking: IfAny(named(topics, &member.revoking)),
    }
}

/// Partitions by name. Those of topics that are gone have none.
fn named(topics: &dyn Topics, partitions: &Partitions) -> Vec<TopicPartition> {
    let mut named: Vec<TopicPartition> = partitions
        .iter()
        .filter_map(|(topic, partitions)| Some((topics.name_of(*topic)?, partitions)))
        .flat_map(|(name, partitions)| {
            partitions.iter().map(move |partition| TopicPartition::new(name.clone(), *partition))
        })
        .collect();
    named.sort();
    named
}

/// Says what a record changed; with it and `behind` it come the rest of its batch.
fn say(
    cx: &mut Context<'_>,
    topics: &dyn Topics,
    id: &GroupId,
    group: &ConsumerGroup,
    (record, behind): (&GroupRecord, &[GroupRecord]),
    told: Option<&Told>,
) {
    match record {
        GroupRecord::ConsumerGroupMetadata { value: Some(value), .. } => {
            // An upgrade writes the classic group's generation first, and then what follows from the newcomer.
            let is_upgrade = value.epoch < group.epoch();
            let reason = if is_upgrade { "upgraded" } else { told.map_or("", |told| told.why) };
            let reason = reason.into();
            cx.observe(EventKind::GroupEpochBumped {
                group: id.clone(),
                epoch: value.epoch,
                reason,
            });
        }
        GroupRecord::ConsumerGroupMemberMetadata { member, value: Some(_), .. } => {
            let replaces = told.and_then(|told| told.joined.get(member));
            if let (Some(replaces), Some(member)) = (replaces, group.member(member.as_str())) {
                cx.observe(joined(id, member, *replaces));
            }
        }
        GroupRecord::ConsumerGroupMemberMetadata { member, value: None, .. } => {
            let reason = told.and_then(|told| told.removed.get(member)).copied();
            removed(cx, id, member, reason.unwrap_or("left"));
        }
        GroupRecord::ConsumerGroupTargetAssignmentMember { member, value: Some(value), .. } => {
            // Not what the group holds by now: a batch that converts a group may write a target twice.
            let epoch = target_epoch(group, behind);
            cx.observe(target(topics, id, member, epoch, &from_target(value)));
        }
        GroupRecord::ConsumerGroupCurrentMemberAssignment { member, value: Some(_), .. } => {
            if let Some(member) = group.member(member.as_str()) {
                cx.observe(assigned(topics, id, member));
            }
        }
        GroupRecord::ConsumerGroupMetadata { value: None, .. }
        | GroupRecord::ConsumerGroupPartitionMetadata { .. }
        | GroupRecord::ConsumerGroupTargetAssignmentMetadata { .. }
        | GroupRecord::ConsumerGroupTargetAssignmentMember { value: None, .. }
        | GroupRecord::ConsumerGroupCurrentMemberAssignment { value: None, .. }
        | GroupRecord::ConsumerGroupRegularExpression { .. }
        | GroupRecord::OffsetCommit { .. }
        | GroupRecord::GroupMetadata { .. }
        | GroupRecord::Unknown { .. } => {}
    }
}
