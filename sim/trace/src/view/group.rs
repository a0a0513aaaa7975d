//! Groups: what each coordinator holds, and what each consumer believes of its own place.
//!
//! The groups stand at the node that coordinates them, because two brokers may take themselves for the coordinator at one
//! time; [`View::group`] picks the one whose log is the partition's: the loaded coordinator of the greatest leader epoch.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::event::{Event, EventKind, Word};
use klamm_node::{BrokerId, GroupId, LeaderEpoch, MemberId, NodeId, Offset, Seq, TopicPartition};

use super::View;

/// A partition of `__consumer_offsets` at the broker that coordinates the groups in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CoordinatorView {
    /// The leader epoch in which it does.
    pub leader_epoch: LeaderEpoch,
    /// False while it still reads the log.
    pub loaded: bool,
    /// The event that put it there.
    pub seq: Seq,
}

/// A group as its coordinator holds it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GroupView {
    /// The partition of `__consumer_offsets` that holds it; -1 for none known.
    pub at: i32,
    /// `classic` or `consumer`; empty for one that only keeps offsets.
    pub kind: Word,
    /// Its state, as Kafka writes it.
    pub state: Word,
    /// The generation, or the group epoch.
    pub epoch: i32,
    /// The assignor of a classic group's generation.
    pub protocol: Option<String>,
    /// The member that assigns in a classic group.
    pub leader: Option<MemberId>,
    /// Its members.
    pub members: BTreeMap<MemberId, MemberView>,
    /// What was committed.
    pub offsets: BTreeMap<TopicPartition, CommittedView>,
    /// The event that changed its state last.
    pub seq: Seq,
}

/// A member as the coordinator holds it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemberView {
    /// Its `group.instance.id`.
    pub instance: Option<String>,
    /// Its client id.
    pub client_id: String,
    /// The generation or member epoch of its assignment; -1 before the first.
    pub epoch: i32,
    /// `Stable`, `UnrevokedPartitions`, `UnreleasedPartitions`; empty before the first assignment.
    pub state: Word,
    /// What it may read.
    pub assigned: BTreeSet<TopicPartition>,
    /// What it has to give up first (KIP-848).
    pub revoking: BTreeSet<TopicPartition>,
    /// What it is to have in the end (KIP-848).
    pub target: BTreeSet<TopicPartition>,
    /// The event that changed it last.
    pub seq: Seq,
}

/// A committed offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommittedView {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record read, or -1.
    pub leader_epoch: LeaderEpoch,
    /// Who committed it.
    pub member: MemberId,
    /// The generation or member epoch that it showed.
    pub epoch: i32,
    /// Where the record is in the log of `__consumer_offsets`.
    pub log_offset: Offset,
    /// The event.
    pub seq: Seq,
}

/// A consumer's own idea of its place in its group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MembershipView {
    /// The group.
    pub group: Option<GroupId>,
    /// `classic` or `consumer`.
    pub protocol: Word,
    /// Topic names, or one pattern.
    pub topics: Vec<String>,
    /// False once it left by itself, or was thrown out for good.
    pub takes_part: bool,
    /// The member id that it has.
    pub member: Option<MemberId>,
    /// The generation or member epoch that it knows.
    pub epoch: i32,
    /// Which broker it takes for the coordinator.
    pub coordinator: Option<BrokerId>,
    /// The partitions that it reads for the group.
    pub assigned: BTreeSet<TopicPartition>,
    /// The position behind the records that its application has got.
    pub polled: BTreeMap<TopicPartition, Offset>,
    /// The position behind the records that its application is done with.
    pub processed: BTreeMap<TopicPartition, Offset>,
    /// The last time that a commit of its was refused or failed.
    pub commit_failed: Option<Seq>,
    /// The last time that it lost partitions without giving them up.
    pub lost: Option<Seq>,
    /// The offsets that it was told are kept.
    pub committed: BTreeMap<TopicPartition, Offset>,
}

impl View {
    /// A group as the coordinator with the greatest leader epoch holds it, and which node that is.
    pub fn group(&self, group: &GroupId) -> Option<(NodeId, &GroupView)> {
        self.nodes
            .iter()
            .filter_map(|(node, view)| {
                let found = view.groups.get(group)?;
                let at = view.coordinates.get(&found.at).filter(|at| at.loaded)?;
                Some((at.leader_epoch, *node, found))
            })
            .max_by_key(|(epoch, node, _)| (*epoch, *node))
            .map(|(_, node, found)| (node, found))
    }

    /// The names of all groups that some loaded coordinator holds.
    pub fn groups(&self) -> BTreeSet<&GroupId> {
        self.nodes.values().flat_map(|node| node.groups.keys()).collect()
    }

    /// How many records a group has yet to read of a partition: from what is committed (from the log start if nothing is)
    /// to the leader's high watermark.
    pub fn lag(&self, group: &GroupId, partition: &TopicPartition) -> Option<i64> {
        let view = self.partitions.get(partition)?;
        let leader = view.replicas.get(&view.truth.as_ref()?.leader)?;
        let (_, found) = self.group(group)?;
        let from =
            found.offsets.get(partition).map_or_else(|| leader.log.start(), |kept| kept.offset);
        Some((leader.high_watermark.0 - from.0).max(0))
    }

    /// Folds an event of the group room.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the group room only"
    )]
    pub(super) fn apply_group(&mut self, event: &Event) {
        let seq = event.seq;
        if let EventKind::GroupTypeSet { group, .. }
        | EventKind::GenerationStarted { group, .. }
        | EventKind::RebalanceStarted { group, .. }
        | EventKind::GroupEpochBumped { group, .. } = &event.kind
        {
            self.histories.entry(group.clone()).or_default().apply(&event.kind);
        }
        let node = self.node(event.node);
        match &event.kind {
            EventKind::CoordinatorLoading { partition, leader_epoch } => {
                node.groups.retain(|_, group| group.at != *partition);
                let loading = CoordinatorView { leader_epoch: *leader_epoch, loaded: false, seq };
                node.coordinates.insert(*partition, loading);
            }
            EventKind::CoordinatorLoaded { partition, leader_epoch, .. } => {
                let loaded = CoordinatorView { leader_epoch: *leader_epoch, loaded: true, seq };
                node.coordinates.insert(*partition, loaded);
            }
            EventKind::CoordinatorUnloaded { partition, .. } => {
                node.groups.retain(|_, group| group.at != *partition);
                node.coordinates.remove(partition);
            }
            EventKind::GroupTypeSet { group, kind, at, .. } => {
                let view = node.groups.entry(group.clone()).or_default();
                (view.at, view.kind, view.seq) = (*at, kind.clone(), seq);
            }
            EventKind::GroupDeleted { group, .. } => {
                node.groups.remove(group);
            }
            EventKind::OffsetCommitted {
                group,
                partition,
                offset,
                leader_epoch,
                member,
                epoch,
                at,
                log_offset,
            } => {
                let view = node.groups.entry(group.clone()).or_default();
                view.at = *at;
                let committed = CommittedView {
                    offset: *offset,
                    leader_epoch: *leader_epoch,
                    member: member.clone(),
                    epoch: *epoch,
                    log_offset: *log_offset,
                    seq,
                };
                view.offsets.insert(partition.clone(), committed);
            }
            EventKind::OffsetRemoved { group, partition, .. } => {
                if let Some(view) = node.groups.get_mut(group) {
                    view.offsets.remove(partition);
                }
            }
            EventKind::GroupStateChanged { group, .. }
            | EventKind::GroupEpochBumped { group, .. }
            | EventKind::GenerationStarted { group, .. }
            | EventKind::MemberJoined { group, .. }
            | EventKind::MemberRemoved { group, .. }
            | EventKind::TargetAssigned { group, .. }
            | EventKind::MemberAssigned { group, .. } => {
                if let Some(view) = node.groups.get_mut(group) {
                    view.apply(event);
                }
            }
            // A write that failed and a request that was refused change nothing.
            _ => {}
        }
    }

    /// Folds what a consumer says of its place in a group.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller passes these kinds only")]
    pub(super) fn apply_membership(&mut self, event: &Event) {
        let id = event.node;
        match &event.kind {
            EventKind::PartitionsAssigned { group, partitions, .. } => {
                self.owns(id, group, partitions);
            }
            EventKind::PartitionsRevoked { group, partitions, .. }
            | EventKind::PartitionsLost { group, partitions, .. } => {
                self.owns_no_more(id, group, partitions);
            }
            EventKind::RecordsProcessed { partition, to } => {
                let place = self.nodes.get(&id).and_then(|node| node.client.membership.as_ref());
                if let Some(group) = place.and_then(|place| place.group.clone()) {
                    let done = self.processed.entry((group, partition.clone())).or_default();
                    *done = (*done).max(*to);
                }
            }
            EventKind::RecordProcessed { group, partition, offset, .. } => {
                let done = self.processed.entry((group.clone(), partition.clone())).or_default();
                *done = (*done).max(offset.plus(1));
            }
            _ => {}
        }
        let client = &mut self.node(id).client;
        let place = client.membership.get_or_insert_default();
        match &event.kind {
            EventKind::Subscribed { group, topics, protocol } => {
                place.group = Some(group.clone());
                (place.topics, place.protocol) = (topics.clone(), protocol.clone());
                place.takes_part = true;
            }
            EventKind::CoordinatorFound { broker, .. } => place.coordinator = Some(*broker),
            EventKind::PartitionsAssigned { member, epoch, partitions, .. } => {
                (place.member, place.epoch) = (Some(member.clone()), *epoch);
                place.takes_part = true;
                place.assigned.extend(partitions.iter().cloned());
            }
            EventKind::MemberEpochMoved { member, epoch, .. } => {
                (place.member, place.epoch) = (Some(member.clone()), *epoch);
            }
            EventKind::CommitFailed { .. } => place.commit_failed = Some(event.seq),
            EventKind::PartitionsRevoked { partitions, .. }
            | EventKind::PartitionsLost { partitions, .. } => {
                if matches!(event.kind, EventKind::PartitionsLost { .. }) {
                    place.lost = Some(event.seq);
                }
                for partition in partitions {
                    place.assigned.remove(partition);
                    place.polled.remove(partition);
                    place.processed.remove(partition);
                    client.positions.remove(partition);
                }
            }
            EventKind::PollIntervalExceeded { .. } => {
                (place.takes_part, place.member) = (false, None);
            }
            EventKind::RecordsPolled { partition, to, .. } => {
                place.takes_part = true;
                place.polled.insert(partition.clone(), *to);
            }
            EventKind::RecordsProcessed { partition, to } => {
                place.processed.insert(partition.clone(), *to);
            }
            EventKind::RecordProcessed { partition, offset, .. } => {
                place.processed.insert(partition.clone(), offset.plus(1));
            }
            EventKind::CommitAcknowledged { offsets, .. } => {
                place.committed.extend(offsets.iter().cloned());
            }
            _ => {}
        }
    }
}

impl MembershipView {
    /// The process is gone: what it had in memory goes with it.
    pub(super) fn leave(&mut self) {
        (self.member, self.coordinator, self.takes_part) = (None, None, false);
        self.assigned.clear();
        self.polled.clear();
        self.processed.clear();
    }
}

impl GroupView {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller passes these kinds only")]
    fn apply(&mut self, event: &Event) {
        let seq = event.seq;
        match &event.kind {
            EventKind::GroupStateChanged { to, epoch, .. } => {
                (self.state, self.epoch, self.seq) = (to.clone(), *epoch, seq);
            }
            EventKind::GroupEpochBumped { epoch, .. } => (self.epoch, self.seq) = (*epoch, seq),
            EventKind::GenerationStarted { generation, protocol, leader, .. } => {
                self.epoch = *generation;
                self.protocol = Some(protocol.clone());
                self.leader = Some(leader.clone());
            }
            EventKind::MemberJoined { member, instance, client_id, .. } => {
                let view = self.member(member, seq);
                (view.instance, view.client_id) = (instance.clone(), client_id.clone());
            }
            EventKind::MemberRemoved { member, .. } => {
                self.members.remove(member);
            }
            EventKind::TargetAssigned { member, partitions, .. } => {
                self.member(member, seq).target = partitions.iter().cloned().collect();
            }
            EventKind::MemberAssigned { member, epoch, state, partitions, revoking, .. } => {
                let view = self.member(member, seq);
                (view.epoch, view.state) = (*epoch, state.clone());
                view.assigned = partitions.iter().cloned().collect();
                view.revoking = revoking.0.iter().cloned().collect();
            }
            _ => {}
        }
    }

    fn member(&mut self, member: &MemberId, seq: Seq) -> &mut MemberView {
        let new = || MemberView { epoch: -1, ..MemberView::default() };
        let view = self.members.entry(member.clone()).or_insert_with(new);
        view.seq = seq;
        view
    }
}
