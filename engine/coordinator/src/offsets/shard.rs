//! The offsets' part of the shard: requests in, records and answers out, and what the log says.

use std::sync::Arc;

use klamm_node::{
    Context, EventKind, GroupId, MemberId, Offset, ProducerId, Timestamp, TopicPartition,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::group_record::GroupRecord;
use klamm_protocol::kafka::messages::{
    ApiKey, OffsetCommitRequest, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    ResponseKind, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use super::committer::Committer;
use super::{commit, commit_refused, commit_transactional, delete, delete_partitions, expire};
use super::{fetch, refused, unwind, wind};
use crate::classic::ClassicGroup;
use crate::group::{Group, GroupShard, GroupTimer};
use crate::shard::{Op, TopicsChange};

/// What stands behind records of offsets while they are written: the log does not say it, and people want to know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Behind {
    /// A member, or somebody outside the group, commits in a generation or epoch.
    Commit(MemberId, i32),
    /// A removal: `expired`, `request`, `group-deleted` or `topic-deleted`.
    Removal(&'static str),
}

/// From this version on a commit for a group that does not exist is told so.
const COMMIT_KNOWS_GROUPS: i16 = 9;

impl GroupShard {
    /// OffsetCommit.
    pub fn offset_commit(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        request: &OffsetCommitRequest,
    ) {
        let version = token.api_version;
        let limit = self.config.offset_metadata_max_bytes;
        let decided = commit(op.topics, request, version, op.cx.wall, limit);
        if decided.is_empty() {
            op.now.push((token, ResponseKind::OffsetCommit(decided.response)));
            return;
        }
        let group = GroupId::from(request.group_id.as_str());
        let by = Committer {
            member: &request.member_id,
            instance: request.group_instance_id.as_deref(),
            epoch: request.generation_id_or_member_epoch,
            transactional: false,
            version,
        };
        let config = Arc::clone(&self.config);
        let allowed = match self.groups.get_mut(&group) {
            Some(known) => known.may_commit(op, (&config, self.partition), by),
            // An administrator, or a consumer that assigns partitions to itself: a group that only keeps offsets.
            None if by.epoch < 0 => Ok(()),
            None if version >= COMMIT_KNOWS_GROUPS => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            None => Err(ErrorCode::ILLEGAL_GENERATION),
        };
        let mut response = decided.response;
        if let Err(error) = allowed {
            commit_refused(&mut response, error);
            op.cx.observe(EventKind::MemberRefused {
                group,
                member: decided.member,
                epoch: decided.epoch,
                api_key: ApiKey::OffsetCommit as i16,
                error: error.word(),
            });
            op.now.push((token, ResponseKind::OffsetCommit(response)));
            return;
        }
        self.behind = Some(Behind::Commit(decided.member, decided.epoch));
        op.records.extend(decided.records);
        op.reply(token, ResponseKind::OffsetCommit(response), |response| {
            if let ResponseKind::OffsetCommit(response) = response {
                commit_refused(response, ErrorCode::UNKNOWN_SERVER_ERROR);
            }
        });
    }

    /// TxnOffsetCommit, the group's side: the offsets count once the producer's transaction is committed. The group is asked
    /// as for any commit, so that a zombie's transaction can't move its successor's offsets (KIP-447).
    pub fn txn_offset_commit(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        request: &TxnOffsetCommitRequest,
    ) {
        let limit = self.config.offset_metadata_max_bytes;
        let (records, mut response) = commit_transactional(op.topics, request, op.cx.wall, limit);
        let group = GroupId::from(request.group_id.as_str());
        let by = Committer {
            member: &request.member_id,
            instance: request.group_instance_id.as_deref(),
            epoch: request.generation_id,
            transactional: true,
            version: token.api_version,
        };
        let config = Arc::clone(&self.config);
        let allowed = match self.groups.get_mut(&group) {
            Some(known) => {
                known.may_commit(op, (&config, self.partition), by).map_err(|error| match error {
                    // This API knows no epochs of members.
                    ErrorCode::STALE_MEMBER_EPOCH => ErrorCode::ILLEGAL_GENERATION,
                    other => other,
                })
            }
            None if by.epoch < 0 => Ok(()),
            None => Err(ErrorCode::ILLEGAL_GENERATION),
        };
        if let Err(error) =
            allowed.and(if records.is_empty() { Err(ErrorCode::NONE) } else { Ok(()) })
        {
            refuse_transactional(&mut response, error);
            op.now.push((token, ResponseKind::TxnOffsetCommit(response)));
            return;
        }
        let epoch = klamm_node::ProducerEpoch(request.producer_epoch);
        op.producer = Some((ProducerId(request.producer_id.0), epoch));
        op.records.extend(records);
        op.reply(token, ResponseKind::TxnOffsetCommit(response), |response| {
            if let ResponseKind::TxnOffsetCommit(response) = response {
                refuse_transactional(response, ErrorCode::UNKNOWN_SERVER_ERROR);
            }
        });
    }

    /// OffsetFetch, for the groups of a request that are in this shard.
    pub fn offset_fetch(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        request: &OffsetFetchRequest,
    ) {
        let version = token.api_version;
        let stable = request.require_stable;
        let answers = unwind(request, version).into_iter().map(|asked| {
            let known = self.groups.get(&asked.group);
            let allowed =
                known.map_or(Ok(()), |group| group.may_fetch(asked.member.as_deref(), asked.epoch));
            match allowed {
                Ok(()) => fetch(op.topics, &self.offsets, &asked, known.is_some(), stable, version),
                Err(error) => refused(&asked, error, version),
            }
        });
        let response = ResponseKind::OffsetFetch(wind(answers.collect(), version));
        // Who wants nothing but what is sure waits for what is on its way.
        if stable {
            op.reply(token, response, |response| {
                if let ResponseKind::OffsetFetch(response) = response {
                    *response = wind(
                        unwind(request, version)
                            .iter()
                            .map(|asked| refused(asked, ErrorCode::UNKNOWN_SERVER_ERROR, version))
                            .collect(),
                        version,
                    );
                }
            });
        } else {
            op.now.push((token, response));
        }
    }

    /// OffsetDelete.
    pub fn offset_delete(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        token: RequestToken,
        request: &OffsetDeleteRequest,
    ) {
        let refuse = |error: ErrorCode| OffsetDeleteResponse::default().with_error_code(error.0);
        let group = GroupId::from(request.group_id.as_str());
        let known = self.groups.get(&group);
        let allowed = known.ok_or(ErrorCode::GROUP_ID_NOT_FOUND);
        let allowed = allowed.and_then(|known| known.may_delete_offsets().map(|()| known));
        match allowed {
            Ok(known) => {
                let (records, response) =
                    delete(op.topics, &self.offsets, request, |topic| known.reads(topic));
                self.behind = Some(Behind::Removal("request"));
                op.records.extend(records);
                op.reply(token, ResponseKind::OffsetDelete(response), |response| {
                    *response = ResponseKind::OffsetDelete(refuse(ErrorCode::UNKNOWN_SERVER_ERROR));
                });
            }
            Err(error) => op.now.push((token, ResponseKind::OffsetDelete(refuse(error)))),
        }
    }

    /// Takes a record about an offset into the state.
    pub(crate) fn replay_offset(&mut self, offset: Offset, record: &GroupRecord) {
        let GroupRecord::OffsetCommit { group, topic, partition, value } = record else { return };
        // Who commits without being a member has a group all the same: one that only keeps offsets.
        if let Some(value) = value
            && !self.groups.contains_key(group)
        {
            let simple = ClassicGroup::new(group.clone(), Timestamp(value.commit_timestamp));
            self.groups.insert(group.clone(), Group::Classic(simple));
        }
        self.offsets.replay(offset, group, topic, *partition, value.as_ref());
    }

    /// Takes a record of an open transaction into the state.
    pub(crate) fn replay_pending_offset(
        &mut self,
        offset: Offset,
        producer: ProducerId,
        record: &GroupRecord,
    ) {
        match record {
            GroupRecord::OffsetCommit { group, topic, partition, value: Some(value) } => {
                if !self.groups.contains_key(group) {
                    let since = Timestamp(value.commit_timestamp);
                    let simple = ClassicGroup::new(group.clone(), since);
                    self.groups.insert(group.clone(), Group::Classic(simple));
                }
                self.offsets.replay_pending(offset, producer, group, topic, *partition, value);
            }
            record @ (GroupRecord::OffsetCommit { .. }
            | GroupRecord::GroupMetadata { .. }
            | GroupRecord::ConsumerGroupMetadata { .. }
            | GroupRecord::ConsumerGroupPartitionMetadata { .. }
            | GroupRecord::ConsumerGroupMemberMetadata { .. }
            | GroupRecord::ConsumerGroupTargetAssignmentMetadata { .. }
            | GroupRecord::ConsumerGroupTargetAssignmentMember { .. }
            | GroupRecord::ConsumerGroupCurrentMemberAssignment { .. }
            | GroupRecord::ConsumerGroupRegularExpression { .. }
            | GroupRecord::Unknown { .. }) => self.replay_offset(offset, record),
        }
    }

    /// A transaction ended.
    pub(crate) fn offsets_transaction_ended(&mut self, producer: ProducerId, committed: bool) {
        self.offsets.transaction_ended(producer, committed);
    }

    /// Says which offsets records of its own have set or removed.
    pub(crate) fn offsets_written(
        &self,
        cx: &mut Context<'_>,
        at: i32,
        base: Offset,
        records: &[GroupRecord],
    ) {
        let behind = &self.behind;
        for (index, record) in (0..).zip(records) {
            let GroupRecord::OffsetCommit { group, topic, partition, value } = record else {
                continue;
            };
            let (group, partition) =
                (group.clone(), TopicPartition::new(topic.clone(), *partition));
            cx.observe(match value {
                Some(value) => {
                    let (member, epoch) = match behind {
                        Some(Behind::Commit(member, epoch)) => (member.clone(), *epoch),
                        Some(Behind::Removal(_)) | None => (MemberId::from(""), -1),
                    };
                    EventKind::OffsetCommitted {
                        group,
                        partition,
                        offset: value.offset,
                        leader_epoch: value.leader_epoch,
                        member,
                        epoch,
                        at,
                        log_offset: base.plus(index),
                    }
                }
                None => {
                    let reason = match behind {
                        Some(Behind::Removal(reason)) => *reason,
                        Some(Behind::Commit(..)) | None => "group-deleted",
                    };
                    EventKind::OffsetRemoved { group, partition, reason: reason.into() }
                }
            });
        }
    }

    /// Says which offsets there are, after a load.
    pub(crate) fn observe_offsets(&self, cx: &mut Context<'_>, at: i32) {
        for group in self.offsets.groups() {
            for (partition, committed) in self.offsets.newest_of(group) {
                cx.observe(EventKind::OffsetCommitted {
                    group: group.clone(),
                    partition: partition.clone(),
                    offset: committed.offset,
                    leader_epoch: committed.leader_epoch,
                    member: MemberId::from(""),
                    epoch: -1,
                    at,
                    log_offset: committed.log_offset,
                });
            }
        }
    }

    /// The shard serves: expiry is looked at from time to time.
    pub(crate) fn offsets_loaded(&self, op: &mut Op<'_, '_, Self>) {
        op.arm(GroupTimer::ExpireOffsets, self.config.offsets_retention_check_interval);
    }

    /// Topics are gone, and what was committed for them goes too.
    pub(crate) fn offsets_topics_changed(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        change: &TopicsChange,
    ) {
        if change.deleted.is_empty() {
            return;
        }
        let groups: Vec<GroupId> = self.groups.keys().cloned().collect();
        let gone = |partition: &TopicPartition| change.deleted.contains(&partition.topic);
        let records = delete_partitions(&self.offsets, &groups, gone);
        if !records.is_empty() {
            self.behind = Some(Behind::Removal("topic-deleted"));
            op.records.extend(records);
        }
    }

    /// Removes what has not been in use for the retention time, and groups that have nothing else left.
    pub(crate) fn expire_offsets(&mut self, op: &mut Op<'_, '_, Self>) {
        op.arm(GroupTimer::ExpireOffsets, self.config.offsets_retention_check_interval);
        let (now, retention) = (op.cx.wall, self.config.offsets_retention);
        let mut emptied = Vec::new();
        for (id, group) in &self.groups {
            let reads = |topic: &str| group.reads(topic);
            let ages_from = |at| group.ages_from(at);
            let (records, all) = expire(&self.offsets, id, reads, ages_from, now, retention);
            op.records.extend(records);
            if all {
                emptied.push(id.clone());
            }
        }
        self.behind = Some(Behind::Removal("expired"));
        for id in emptied {
            match self.groups.get(&id) {
                Some(Group::Classic(group))
                    if group.is_empty() && group.pending_members().next().is_none() =>
                {
                    op.records.push(GroupRecord::GroupMetadata { group: id, value: None });
                }
                Some(Group::Consumer(group)) if group.is_empty() => {
                    op.records.extend(group.tombstones(&id));
                }
                Some(_) | None => {}
            }
        }
    }
}

fn refuse_transactional(response: &mut TxnOffsetCommitResponse, error: ErrorCode) {
    let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    for partition in partitions.filter(|partition| partition.error_code == ErrorCode::NONE.0) {
        partition.error_code = error.0;
    }
}
