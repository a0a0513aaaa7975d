//! The steps of a heartbeat, and of a classic member's JoinGroup: who it is, what it reads, what follows for the group's epoch,
//! for the target assignment, and for the member.
//!
//! *Flows in*: a draft, the member. *Flows out*: records in the draft. *Must never*: make a target assignment more often than
//! `group.consumer.assignment.interval.ms` allows (KIP-1263).
//!
//! Simplified: a target assignment is made at once, by the heartbeat that comes first after the interval. Kafka makes it on a
//! thread of its own by default, and hands it out from the next heartbeat on.

use klamm_node::{MemberId, Purpose, Span, Timestamp, TopicId};
use klamm_protocol::ErrorCode;
use klamm_protocol::GroupRecord;

use super::Timer;
use super::draft::Draft;
use super::group::{epoch_record, member_tombstones, target_epoch_record};
use super::member::{
    JOIN_EPOCH, LEAVE_EPOCH, Member, MemberState, STATIC_LEAVE_EPOCH, has, target_record,
};
use super::reconcile::Reconcile;
use super::refused::Refused;
use super::topics::group_hash;
use crate::assignor::{self, Partitions, Spec, Subscriber};
use crate::config::GroupConfig;
use crate::group::GroupShard;
use crate::shard::Op;

/// Who sends, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender<'a> {
    pub(super) id: &'a MemberId,
    pub(super) instance: Option<&'a str>,
    pub(super) epoch: i32,
    /// What it says that it owns.
    pub(super) owned: Option<&'a Partitions>,
    /// Whether it is added if it is not there.
    pub(super) joins: bool,
    /// Whether it speaks the classic protocol.
    pub(super) is_classic: bool,
}

/// An id for a member that has none: random bits in base64, as Kafka's own ids. None begins with a dash: tools would take it
/// for an option.
pub(super) fn generate_member_id(op: &mut Op<'_, '_, GroupShard>) -> MemberId {
    let bits = op.cx.rng.of(Purpose::MemberIds).wide();
    // Version 4, variant 1, as every UUID of random bits; and the first of six bits zero, where Kafka draws again.
    let bits = bits & !(0xf << 76) & !(0x3 << 62) & !(1 << 127) | (0x4 << 76) | (0x2 << 62);
    TopicId(bits).to_string().into()
}

/// Whether there is room for a member.
pub(super) fn check_room(
    draft: &Draft<'_>,
    config: &GroupConfig,
    member: &str,
) -> Result<(), Refused> {
    let is_full = draft.group.members.len() >= config.consumer_max_size;
    if is_full && draft.group.member(member).is_none() {
        return Err(Refused::new(
            ErrorCode::GROUP_MAX_SIZE_REACHED,
            format!(
                "The consumer group has reached its maximum capacity of {} members.",
                config.consumer_max_size
            ),
        ));
    }
    Ok(())
}

/// Whether a member shows the epoch that it should. The epoch before will do if the member owns nothing but what it was
/// assigned: then the answer with the new epoch was lost. Zero is a member that begins anew (KAFKA-19233).
fn check_epoch(member: &Member, epoch: i32, owned: Option<&Partitions>) -> Result<(), Refused> {
    let fenced = |compared: &str| {
        Err(Refused::new(
            ErrorCode::FENCED_MEMBER_EPOCH,
            format!(
                "The consumer group member has a {compared} member epoch ({epoch}) than the one known by the group \
                 coordinator ({}). The member must abandon all its partitions and rejoin.",
                member.epoch
            ),
        ))
    };
    let is_subset = || {
        owned.is_some_and(|owned| {
            owned.iter().all(|(topic, partitions)| {
                partitions.iter().all(|partition| has(&member.assigned, *topic, *partition))
            })
        })
    };
    if epoch == JOIN_EPOCH {
        Ok(())
    } else if epoch > member.epoch {
        fenced("greater")
    } else if epoch < member.epoch && (epoch != member.previous_epoch || !is_subset()) {
        fenced("smaller")
    } else {
        Ok(())
    }
}

/// The member that sends, or a new one. A static member that was away, or one whose place a classic member takes or gives up,
/// goes on under the new id with what it had.
pub(super) fn find_or_add(draft: &mut Draft<'_>, from: Sender<'_>) -> Result<Member, Refused> {
    let Some(instance) = from.instance else {
        let Some(member) = draft.group.member(from.id.as_str()).cloned() else {
            return add(draft, from);
        };
        if !from.is_classic {
            check_epoch(&member, from.epoch, from.owned)?;
        }
        return Ok(member);
    };
    let existing = draft.group.static_member(instance).cloned();
    if !from.joins {
        let member = known_static(existing, from.id, instance)?;
        if !from.is_classic {
            check_epoch(&member, from.epoch, from.owned)?;
        }
        return Ok(member);
    }
    let Some(existing) = existing else { return add(draft, from) };
    // Two consumers with the same instance id: the later one has to wait until the earlier is gone. A classic member is
    // simply replaced, as in a classic group (KIP-345).
    if !from.is_classic && !existing.is_classic() && existing.epoch != STATIC_LEAVE_EPOCH {
        return Err(Refused::new(
            ErrorCode::UNRELEASED_INSTANCE_ID,
            format!(
                "Static member {} with instance id {instance} cannot join the group because the instance id is owned by \
                 {} member.",
                from.id, existing.id
            ),
        ));
    }
    Ok(replace(draft, &existing, from.id))
}

fn add(draft: &mut Draft<'_>, from: Sender<'_>) -> Result<Member, Refused> {
    if !from.joins {
        return Err(unknown(draft, from.id));
    }
    // Whoever has the id may have joined without an instance id before; then it is the same member.
    if let Some(member) = draft.group.member(from.id.as_str()) {
        return Ok(member.clone());
    }
    draft.told.joined.insert(from.id.clone(), false);
    Ok(Member::new(from.id.clone()))
}

pub(super) fn unknown(draft: &Draft<'_>, id: &MemberId) -> Refused {
    Refused::new(
        ErrorCode::UNKNOWN_MEMBER_ID,
        format!("Member {id} is not a member of group {}.", draft.id),
    )
}

/// A static member that has to be there under the id that is shown.
pub(super) fn known_static(
    existing: Option<Member>,
    id: &MemberId,
    instance: &str,
) -> Result<Member, Refused> {
    let Some(existing) = existing else {
        let message = format!("Instance id {instance} is unknown.");
        return Err(Refused::new(ErrorCode::UNKNOWN_MEMBER_ID, message));
    };
    if existing.id != *id {
        let message = format!(
            "Static member {id} with instance id {instance} was fenced by member {}.",
            existing.id
        );
        return Err(Refused::new(ErrorCode::FENCED_INSTANCE_ID, message));
    }
    Ok(existing)
}

fn replace(draft: &mut Draft<'_>, existing: &Member, id: &MemberId) -> Member {
    let target = draft.group.target(existing.id.as_str()).clone();
    let group = draft.id.clone();
    // Its timers stay: if this is not written, it is still there, and otherwise they find nobody.
    draft.extend(member_tombstones(&group, &existing.id));
    let new = Member {
        id: id.clone(),
        epoch: JOIN_EPOCH,
        previous_epoch: JOIN_EPOCH,
        ..existing.clone()
    };
    draft.extend([
        new.metadata_record(&group),
        target_record(&group, id, &target),
        new.assignment_record(&group),
    ]);
    draft.told.removed.insert(existing.id.clone(), "replaced");
    draft.told.joined.insert(id.clone(), true);
    new
}

/// Writes what a member says of itself, if that is new. Whether it subscribed to other names.
pub(super) fn update_member(draft: &mut Draft<'_>, before: &Member, after: &Member) -> bool {
    if before == after {
        return false;
    }
    let record = after.metadata_record(&draft.id);
    draft.push(record);
    before.names != after.names
}

/// Looks at the topics, and lets the group's epoch grow if they are others now, or if it has to anyway.
pub(super) fn bump_epoch(
    draft: &mut Draft<'_>,
    op: &Op<'_, '_, GroupShard>,
    why: Option<&'static str>,
) {
    let hash = group_hash(op.topics, &draft.group.subscribed_topics());
    let why = why.or_else(|| (hash != draft.group.metadata_hash).then_some("topics"));
    let mut epoch = draft.group.epoch;
    if let Some(why) = why {
        epoch = epoch.saturating_add(1);
        draft.told.why = why;
        let record = epoch_record(&draft.id, epoch, hash);
        draft.push(record);
    }
    draft.volatile.looked_at_topics = Some(epoch);
    // Kafka 4.0 and before wrote the topics themselves.
    if draft.group.has_partition_metadata {
        let group = draft.id.clone();
        draft.push(GroupRecord::ConsumerGroupPartitionMetadata { group, value: None });
    }
}

/// Whether the topics have to be looked at: they changed, or the epoch that they were looked at for was never written.
pub(super) fn has_to_look_at_topics(draft: &Draft<'_>) -> bool {
    draft.volatile.looked_at_topics.is_none_or(|epoch| draft.group.epoch < epoch)
}

/// Whether a target assignment is due: the group's epoch is ahead of it, and the last one is old enough (KIP-1263).
pub(super) fn is_assignment_due(draft: &Draft<'_>, config: &GroupConfig, now: Timestamp) -> bool {
    let group = &draft.group;
    let age = now.0.saturating_sub(group.assigned_at.0);
    let interval = i64::try_from(config.consumer_assignment_interval.as_millis());
    // A clock that was set back must not hold assignments up.
    let is_old_enough = age < 0 || interval.is_ok_and(|interval| age >= interval);
    group.epoch > group.assignment_epoch && is_old_enough
}

/// The assignor that counts in the group.
pub(super) fn assignor_of(draft: &Draft<'_>, config: &GroupConfig) -> String {
    let default = || config.consumer_assignors.first().cloned().unwrap_or_default();
    draft.group.preferred_assignor().map_or_else(default, |name| name.to_string())
}

/// Makes the target assignment if it is due.
pub(super) fn update_target(
    draft: &mut Draft<'_>,
    op: &Op<'_, '_, GroupShard>,
    config: &GroupConfig,
) {
    if !is_assignment_due(draft, config, op.cx.wall) {
        return;
    }
    let group = &draft.group;
    let subscriber = |member: &Member| Subscriber {
        instance: member.instance.clone(),
        topics: group.topics_of(member, op.topics),
        target: group.target(member.id.as_str()).clone(),
    };
    let members: std::collections::BTreeMap<_, _> =
        group.members().map(|member| (member.id.clone(), subscriber(member))).collect();
    let read = members.values().flat_map(|member| &member.topics);
    let partitions = read.map(|topic| (*topic, op.topics.partitions_of(*topic))).collect();
    let is_homogeneous = group.is_homogeneous();
    let spec = Spec { members, partitions, is_homogeneous };
    let assigned = assignor::assign(&assignor_of(draft, config), &spec);
    let changed: Vec<GroupRecord> = assigned
        .iter()
        .filter(|(member, target)| {
            draft.group.targets.get(*member).is_none_or(|old| **old != **target)
        })
        .map(|(member, target)| target_record(&draft.id, member, target))
        .collect();
    draft.extend(changed);
    let record = target_epoch_record(&draft.id, draft.group.epoch, op.cx.wall);
    draft.push(record);
}

/// Brings a member nearer to what it is to have.
pub(super) fn reconcile(
    draft: &mut Draft<'_>,
    op: &Op<'_, '_, GroupShard>,
    member: Member,
    subscription_changed: bool,
    owned: Option<&Partitions>,
) -> Result<Member, Refused> {
    let group = &draft.group;
    let epoch = group.assignment_epoch;
    if !subscription_changed && member.is_reconciled_to(epoch) {
        return Ok(member);
    }
    let step = Reconcile {
        group,
        epoch,
        target: group.target(member.id.as_str()),
        topics: &group.topics_of(&member, op.topics),
        subscription_changed,
        owned,
    };
    let next = step.next(&member)?;
    if next == member {
        return Ok(next);
    }
    let record = next.assignment_record(&draft.id);
    draft.push(record);
    // Classic members have times for joining and syncing instead. A timer that is not needed any more finds a member that has
    // nothing to give up.
    if !next.is_classic() && next.state == MemberState::UnrevokedPartitions {
        let timeout = Span::from_wire_millis(next.rebalance_timeout_ms.into());
        draft.arm(Timer::Rebalance(next.id.clone()), timeout);
    }
    Ok(next)
}

/// Whether an epoch is one with which members leave.
pub(super) fn leaves(epoch: i32) -> bool {
    matches!(epoch, LEAVE_EPOCH | STATIC_LEAVE_EPOCH)
}
