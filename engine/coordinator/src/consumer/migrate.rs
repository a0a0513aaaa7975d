//! Between the two protocols (KIP-848): a classic group that a consumer of the new protocol joins becomes a consumer group with
//! its members in it; a consumer group whose last consumer of the new protocol goes becomes a classic group again.
//!
//! *Flows in*: a group, the policy. *Flows out*: the records of the group that it becomes, and tombstones of the one that it
//! was, in one batch. *Must never*: lose a member's assignment on the way, or leave one of the two behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use klamm_node::{GroupId, MemberId, Span};
use klamm_protocol::ErrorCode;
use klamm_protocol::GroupRecord;
use klamm_protocol::group_record::{ClassicMemberMetadata, ClassicProtocol};

use super::draft::{Decided, Draft};
use super::group::{ConsumerGroup, epoch_record, target_epoch_record};
use super::member::{Member, target_record};
use super::refused::Refused;
use super::topics::group_hash;
use super::{Continuation, Timer, embedded};
use crate::assignor::Partitions;
use crate::classic::{self, ClassicGroup, Protocol, Terms};
use crate::config::GroupConfig;
use crate::group::{Group, GroupShard};
use crate::shard::{Op, Topics};

/// The group that a heartbeat is for. A member that joins makes one: out of nothing, out of an empty classic group, or out of a
/// classic group with all its members.
pub(super) fn find_or_create<'g>(
    groups: &'g BTreeMap<GroupId, Group>,
    config: &GroupConfig,
    op: &Op<'_, '_, GroupShard>,
    id: &str,
    joins: bool,
) -> Result<Draft<'g>, Refused> {
    let not_found = |why: String| Err(Refused::new(ErrorCode::GROUP_ID_NOT_FOUND, why));
    match groups.get(id) {
        Some(Group::Consumer(group)) => Ok(Draft::of(id.into(), group)),
        Some(Group::Classic(_)) if !joins => {
            not_found(format!("Group {id} is not a consumer group."))
        }
        Some(Group::Classic(classic)) if classic.is_empty() => {
            let mut draft = Draft::fresh(id.into(), "replaced");
            draft.records.push(classic.tombstone());
            Ok(draft)
        }
        Some(Group::Classic(classic)) => upgrade(classic, config, op, id.into()),
        None if joins => Ok(Draft::fresh(id.into(), "created")),
        None => not_found(format!("Consumer group {id} not found.")),
    }
}

/// A classic group as a consumer group. Its members are reconciled by what their leader assigned to them last; the target is
/// the same, until the one that joins now makes the epoch grow.
fn upgrade<'g>(
    classic: &ClassicGroup,
    config: &GroupConfig,
    op: &Op<'_, '_, GroupShard>,
    id: GroupId,
) -> Result<Draft<'g>, Refused> {
    let can_not = |why: &str| {
        let message = format!("Cannot upgrade classic group {id} to consumer group because {why}.");
        Refused::new(ErrorCode::GROUP_ID_NOT_FOUND, message)
    };
    if !config.migration_policy.upgrades() {
        return Err(can_not("online upgrade is disabled"));
    }
    if !classic.is_of_consumers() {
        return Err(can_not("the group does not use the consumer embedded protocol"));
    }
    if classic.members().count() > config.consumer_max_size {
        return Err(can_not("the group size exceeds the consumer group maximum size"));
    }
    let mut draft = Draft::fresh(id.clone(), "upgraded");
    draft.told.before = classic.state().name();
    draft.records.push(classic.tombstone());
    let generation = classic.generation();
    let mut taken = Partitions::new();
    let mut members = Vec::new();
    for member in classic.members() {
        let converted = converted(classic, member, op.topics, &mut taken).map_err(can_not)?;
        draft.told.joined.insert(converted.id.clone(), false);
        let session = member.session_timeout();
        draft.arm(Timer::Session(converted.id.clone()), session);
        members.push(converted);
    }
    draft.extend(members.iter().map(|member| member.metadata_record(&id)));
    let hash = group_hash(op.topics, &draft.group.subscribed_topics());
    draft.told.why = "upgraded";
    draft.push(epoch_record(&id, generation, hash));
    draft.extend(members.iter().map(|member| target_record(&id, &member.id, &member.assigned)));
    // Not stamped: the first assignment of the coordinator's own has nothing to wait for.
    draft.push(target_epoch_record(&id, generation, klamm_node::Timestamp(0)));
    draft.extend(members.iter().map(|member| member.assignment_record(&id)));
    Ok(draft)
}

/// A classic member as a member of a consumer group.
fn converted(
    group: &ClassicGroup,
    member: &classic::Member,
    topics: &dyn Topics,
    taken: &mut Partitions,
) -> Result<Member, &'static str> {
    const MALFORMED: &str = "the embedded consumer protocol is malformed";
    let assignment = embedded::assignment(&member.assignment).ok_or(MALFORMED)?;
    if assignment.has_user_data {
        return Err("an unsupported custom assignor is in use");
    }
    let mut assigned = Partitions::new();
    for (name, partitions) in assignment.partitions {
        let Some(topic) = topics.id_of(&name) else { continue };
        // Assignors of clients may be wrong; here a partition has one owner.
        let all = taken.entry(topic).or_default();
        let own: BTreeSet<i32> =
            partitions.into_iter().filter(|partition| all.insert(*partition)).collect();
        if !own.is_empty() {
            assigned.entry(topic).or_default().extend(own);
        }
    }
    // Before the first generation there is no protocol that counts yet.
    let first = member.terms.protocols.first().map(|protocol| &*protocol.name);
    let metadata = member.metadata(group.protocol().or(first));
    let subscription = embedded::subscription(&metadata).ok_or(MALFORMED)?;
    let protocol = |protocol: &Protocol| ClassicProtocol {
        name: protocol.name.to_string(),
        metadata: protocol.metadata.clone(),
    };
    Ok(Member {
        epoch: group.generation(),
        previous_epoch: group.generation(),
        instance: member.instance_id.clone(),
        rack: subscription.rack.as_deref().map(Arc::from),
        rebalance_timeout_ms: member.terms.rebalance_timeout_ms,
        client_id: Arc::clone(&member.client_id),
        client_host: Arc::clone(&member.client_host),
        names: subscription.topics.into_iter().collect(),
        assigned,
        classic: Some(ClassicMemberMetadata {
            session_timeout_ms: member.terms.session_timeout_ms,
            supported_protocols: member.terms.protocols.iter().map(protocol).collect(),
        }),
        ..Member::new(member.id.clone())
    })
}

impl Decided {
    /// Whether a classic group with its members becomes this one.
    pub(super) fn is_upgrade(&self) -> bool {
        self.kind() == Some("upgraded")
    }
}

/// Whether a group without some members is to be a classic one: members are left, all of them speak the classic protocol, and
/// the policy has it.
pub(super) fn may_downgrade(
    group: &ConsumerGroup,
    config: &GroupConfig,
    without: &BTreeSet<MemberId>,
) -> bool {
    let mut left = 0;
    let all_classic =
        group.members().filter(|member| !without.contains(&member.id)).all(|member| {
            left += 1;
            member.is_classic()
        });
    all_classic && left > 0 && config.migration_policy.downgrades() && left <= config.max_size
}

/// Makes the group a classic one. What its members were to have is their assignment; if the members are others than before,
/// they are asked to join again (`why`).
pub(super) fn downgrade(
    draft: &mut Draft<'_>,
    op: &Op<'_, '_, GroupShard>,
    without: &BTreeSet<MemberId>,
    why: Option<&str>,
) -> Result<(), Refused> {
    let id = draft.id.clone();
    let malformed = || {
        Refused::new(
            ErrorCode::GROUP_ID_NOT_FOUND,
            format!(
                "Cannot downgrade the classic group {id}: the embedded consumer protocol is malformed."
            ),
        )
    };
    let mut members = Vec::new();
    for member in draft.group.members().filter(|member| !without.contains(&member.id)) {
        let target = draft.group.target(member.id.as_str());
        members.push(classic_member(member, target, op.topics).ok_or_else(malformed)?);
    }
    let classic = ClassicGroup::converted(id.clone(), draft.group.epoch, op.cx.wall, members);
    let tombstones = draft.group.tombstones(&id);
    draft.records.extend(tombstones);
    draft.records.push(classic.converted_record());
    draft.told.kind = Some("downgraded");
    draft.told.downgraded =
        Some(why.map(|why| format!("Downgrade group {id} from consumer to classic for {why}.")));
    Ok(())
}

fn classic_member(
    member: &Member,
    target: &Partitions,
    topics: &dyn Topics,
) -> Option<classic::Member> {
    let said = member.classic.as_ref()?;
    let version = embedded::version(&said.supported_protocols.first()?.metadata)?;
    let protocol = |protocol: &ClassicProtocol| Protocol {
        name: protocol.name.as_str().into(),
        metadata: protocol.metadata.clone(),
    };
    Some(classic::Member {
        id: member.id.clone(),
        instance_id: member.instance.clone(),
        client_id: Arc::clone(&member.client_id),
        client_host: Arc::clone(&member.client_host),
        terms: Terms {
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: said.session_timeout_ms,
            protocols: said.supported_protocols.iter().map(protocol).collect(),
        },
        assignment: assignment_bytes(version, target, topics),
        awaiting_join: None,
        awaiting_sync: None,
        is_new: false,
    })
}

/// An assignment in a classic consumer's words. Topics that are gone have none.
pub(super) fn assignment_bytes(
    version: i16,
    partitions: &Partitions,
    topics: &dyn Topics,
) -> Bytes {
    let named = partitions
        .iter()
        .filter_map(|(topic, partitions)| Some((topics.name_of(*topic)?, partitions)));
    embedded::assignment_bytes(version, named)
}

impl GroupShard {
    /// The records of a changed protocol are committed, or could not be. If they are in the log, the group is a classic one in
    /// any case.
    pub(crate) fn consumer_continued(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        id: &GroupId,
        continuation: Continuation,
        _outcome: Result<(), ErrorCode>,
    ) {
        let Continuation::Downgraded { why } = continuation;
        let mut w = classic::Work { op, config: &self.config, partition: self.partition };
        if let Some(Group::Classic(group)) = self.groups.get_mut(id) {
            group.go_on(&mut w, why.as_deref());
        }
    }

    /// An empty consumer group gives way to a classic one that a client wants to make. The records are written before those of
    /// the new group.
    pub(crate) fn give_way(&mut self, id: &str, has_member_id: bool) -> Vec<GroupRecord> {
        match self.groups.get(id) {
            Some(Group::Consumer(group)) if group.is_empty() && !has_member_id => {
                let tombstones = group.tombstones(&id.into());
                self.groups.remove(id);
                tombstones
            }
            Some(_) | None => Vec::new(),
        }
    }
}

/// How long a classic member may be silent.
pub(super) fn classic_session(member: &Member) -> Span {
    let session = member.classic.as_ref().map_or(0, |said| said.session_timeout_ms);
    Span::from_wire_millis(session.into())
}
