//! Members that go: by their own will, for a while, or because they were silent or too slow.
//!
//! *Flows in*: a heartbeat with a negative epoch, timers. *Flows out*: tombstones and a new epoch; or the whole group as a
//! classic one, if only classic members are left. *Must never*: keep partitions for a member that is gone, save for a static
//! one that said it would come back.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{GroupId, MemberId};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};

use super::Timer;
use super::draft::{Decided, Draft};
use super::group::{ConsumerGroup, epoch_record, member_tombstones};
use super::member::{Member, MemberState, STATIC_LEAVE_EPOCH};
use super::migrate;
use super::refused::Refused;
use super::subscribe::{known_static, unknown};
use super::topics::group_hash;
use crate::assignor::Partitions;
use crate::config::GroupConfig;
use crate::group::{Group, GroupShard};
use crate::shard::Op;

/// A heartbeat of a member that leaves.
pub(super) fn heartbeat(
    groups: &BTreeMap<GroupId, Group>,
    config: &GroupConfig,
    op: &Op<'_, '_, GroupShard>,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<(Decided, ConsumerGroupHeartbeatResponse), Refused> {
    let group_id = GroupId::from(request.group_id.as_str());
    let not_found = |why: String| Err(Refused::new(ErrorCode::GROUP_ID_NOT_FOUND, why));
    let group = match groups.get(&group_id) {
        Some(Group::Consumer(group)) => group,
        Some(Group::Classic(_)) => {
            return not_found(format!("Group {group_id} is not a consumer group."));
        }
        None => return not_found(format!("Group {group_id} not found.")),
    };
    let mut draft = Draft::of(group_id, group);
    let id = MemberId::from(request.member_id.as_str());
    let member = match request.instance_id.as_deref() {
        None => group.member(id.as_str()).cloned().ok_or_else(|| unknown(&draft, &id))?,
        Some(instance) => known_static(group.static_member(instance).cloned(), &id, instance)?,
    };
    if request.member_epoch == STATIC_LEAVE_EPOCH && request.instance_id.is_some() {
        // What it has waits for it until its session ends; what it was to give up is given up.
        let away =
            Member { epoch: STATIC_LEAVE_EPOCH, revoking: Partitions::new(), ..member.clone() };
        let record = away.assignment_record(&draft.id);
        draft.push(record);
    } else {
        fence(&mut draft, config, op, [member.id.clone()].into(), "left")?;
    }
    let response = ConsumerGroupHeartbeatResponse::default()
        .with_member_id(Some(convert::text(member.id.as_str())))
        .with_member_epoch(request.member_epoch);
    Ok((draft.decided(), response))
}

/// Takes members out of the group.
pub(super) fn fence(
    draft: &mut Draft<'_>,
    config: &GroupConfig,
    op: &Op<'_, '_, GroupShard>,
    members: BTreeSet<MemberId>,
    why: &'static str,
) -> Result<(), Refused> {
    if members.is_empty() {
        return Ok(());
    }
    // Their timers stay: if this can't be written they are still there, and have to be put out later; otherwise the timers
    // find nobody. Kafka forgets them at once, so that who leaves while the log refuses stays for ever.
    draft.told.removed.extend(members.iter().map(|member| (member.clone(), why)));
    if migrate::may_downgrade(&draft.group, config, &members) {
        return migrate::downgrade(draft, op, &members, Some("member leaving"));
    }
    take_out(draft, op, &members, why);
    Ok(())
}

/// Takes members out of a group that stays a consumer group.
fn take_out(
    draft: &mut Draft<'_>,
    op: &Op<'_, '_, GroupShard>,
    members: &BTreeSet<MemberId>,
    why: &'static str,
) {
    let group = draft.id.clone();
    draft.extend(members.iter().flat_map(|member| member_tombstones(&group, member)));
    draft.forget_regexes();
    let hash = group_hash(op.topics, &draft.group.subscribed_topics());
    draft.told.why = why;
    let record = epoch_record(&group, draft.group.epoch.saturating_add(1), hash);
    draft.push(record);
}

impl GroupShard {
    /// A timer of a consumer group is due. The group or the member may be gone, or be another by now.
    pub(crate) fn consumer_timer(&mut self, op: &mut Op<'_, '_, Self>, id: &GroupId, timer: Timer) {
        let is_classics = matches!(timer, Timer::Join(_) | Timer::Sync(_));
        let (member, why) = match timer {
            Timer::Regex => return self.resolve_regexes(op, id),
            Timer::Session(member) => (member, "session-expired"),
            Timer::Join(member) => (member, "rebalance-timeout"),
            Timer::Sync(member) => (member, "sync-timeout"),
            Timer::Rebalance(member) => {
                if !self.is_revoking(id, &member) {
                    return;
                }
                (member, "rebalance-timeout")
            }
        };
        let Some(Group::Consumer(group)) = self.groups.get(id) else { return };
        let Some(found) = group.member(member.as_str()) else { return };
        // It may have been replaced by a consumer of the new protocol, which neither joins nor syncs.
        if is_classics && !found.is_classic() {
            return;
        }
        let mut draft = Draft::of(id.clone(), group);
        let members = BTreeSet::from([member]);
        if fence(&mut draft, &self.config, op, members.clone(), why).is_err() {
            // It can't be made a classic group. Its member is gone all the same; Kafka fails here, and tries again for ever.
            draft = Draft::of(id.clone(), group);
            draft.told.removed.extend(members.iter().map(|member| (member.clone(), why)));
            take_out(&mut draft, op, &members, why);
        }
        let decided = draft.decided();
        self.leave_decision(op, decided);
    }

    fn is_revoking(&self, id: &GroupId, member: &MemberId) -> bool {
        let Some(Group::Consumer(group)) = self.groups.get(id) else { return false };
        is_revoking(group, member)
    }
}

fn is_revoking(group: &ConsumerGroup, member: &MemberId) -> bool {
    group.member(member.as_str()).is_some_and(|member| {
        member.state == MemberState::UnrevokedPartitions && member.epoch != STATIC_LEAVE_EPOCH
    })
}
