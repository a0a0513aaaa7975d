//! Whether a condition holds, judged by the View and by what the invariants found, and what is the case instead.

#![expect(clippy::field_scoped_visibility_modifiers, reason = "plain data of the runner")]

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::event::Word;
use klamm_node::{BrokerId, LeaderEpoch, NodeId, Room, Seq, TopicName, TopicPartition};
use klamm_scenario::model::{Condition, Target};
use klamm_trace::{
    AckedBatch, Findings, NodeView, PartitionState, PartitionView, ProcessState, ReplicaRole, View,
};

use super::groups;
use crate::lab::room_bit;

/// What conditions are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The state of everything.
    pub view: &'a View,
    /// What the invariants found, permitted losses included.
    pub findings: &'a Findings,
}

/// How things stood when a step happened: 'changed' means changed since then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark {
    leaders: BTreeMap<TopicPartition, BrokerId>,
    controller: Option<BrokerId>,
    quorum_epoch: Option<LeaderEpoch>,
    answers: usize,
    seq: Seq,
}

impl Mark {
    pub(crate) fn of(view: &View) -> Self {
        let leader =
            |partition: &TopicPartition| Some((partition.clone(), view.leader_of(partition)?));
        Self {
            leaders: view.partitions.keys().filter_map(leader).collect(),
            controller: view.active_controller().map(|(broker, _)| broker),
            quorum_epoch: newest_epoch(view),
            answers: answers(view).len(),
            seq: view.seq,
        }
    }
}

/// The newest epoch of the metadata quorum that somebody has won.
fn newest_epoch(view: &View) -> Option<LeaderEpoch> {
    view.quorum.leaders.last_key_value().map(|(epoch, _)| *epoch)
}

/// Everything that an admin client was answered so far: what was asked, and the error.
fn answers(view: &View) -> Vec<&(String, Word)> {
    view.nodes.values().flat_map(|node| &node.client.answers).collect()
}

/// A condition at a moment: the facts, the mark it is relative to, and who `Target`s are.
pub(crate) struct Judge<'a> {
    pub(crate) facts: Facts<'a>,
    pub(crate) mark: &'a Mark,
    pub(crate) resolve: &'a dyn Fn(&Target) -> Option<NodeId>,
}

impl Judge<'_> {
    /// Whether it holds.
    pub(crate) fn holds(&self, condition: &Condition) -> bool {
        let view = self.facts.view;
        match condition {
            Condition::LeaderIs(partition, target) => {
                let leader =
                    view.leader_of(partition).and_then(|leader| view.table.node_of(leader));
                leader.is_some() && leader == (self.resolve)(target)
            }
            Condition::LeaderChanged(partition) => {
                let leader = view.leader_of(partition);
                leader.is_some() && leader.as_ref() != self.mark.leaders.get(partition)
            }
            Condition::HasLeader(partition) => view.leader_of(partition).is_some(),
            Condition::NoLeader(partition) => {
                view.truth(partition).is_some() && view.leader_of(partition).is_none()
            }
            Condition::IsrIs(partition, wanted) => {
                let sorted = |isr: &[BrokerId]| {
                    let mut isr = isr.to_vec();
                    isr.sort_unstable();
                    isr
                };
                sorted(view.isr_of(partition)) == sorted(wanted)
            }
            Condition::IsrSize(partition, size) => {
                view.truth(partition).is_some()
                    && u32::try_from(view.isr_of(partition).len()) == Ok(*size)
            }
            Condition::LeaderEpochAtLeast(partition, epoch) => {
                view.leader_epoch_of(partition).is_some_and(|now| now.0 >= *epoch)
            }
            Condition::AllInSync => view.all_in_sync(),
            Condition::HighWatermarkAtLeast(partition, offset) => {
                view.high_watermark_of(partition).is_some_and(|now| now >= *offset)
            }
            Condition::CaughtUp(partition, broker) => view.caught_up(partition, *broker),
            Condition::Fenced(broker) => view.fenced(*broker) == Some(true),
            Condition::Unfenced(broker) => view.fenced(*broker) == Some(false),
            Condition::ControllerActive => view.active_controller().is_some(),
            Condition::ControllerChanged => {
                let active = view.active_controller().map(|(broker, _)| broker);
                active.is_some() && active != self.mark.controller
            }
            Condition::QuorumLeaderElected => newest_epoch(view) > self.mark.quorum_epoch,
            Condition::Acknowledged { client, count } => {
                self.of_client(client, |node| view.acknowledged(node)) >= *count
            }
            Condition::Failed { client, count } => {
                self.of_client(client, |node| view.failed(node)) >= *count
            }
            Condition::Read { client, count } => {
                self.of_client(client, |node| view.read_count(node)) >= *count
            }
            Condition::LogsEqual(partition) => view.logs_equal(partition),
            Condition::LogEndIs(partition, offset) => view.log_end_of(partition) == Some(*offset),
            Condition::Truncated(partition, broker) => view
                .replica_of(partition, *broker)
                .and_then(|replica| replica.truncated)
                .is_some_and(|seq| seq > self.mark.seq),
            Condition::AcknowledgedReadable(topic) => {
                let wanted = |p: &&TopicPartition| topic.as_ref().is_none_or(|t| *t == p.topic);
                view.partitions.keys().filter(wanted).all(|partition| {
                    view.unreadable(partition).iter().all(|acked| self.permitted(partition, acked))
                })
            }
            Condition::PermittedLoss { client } => {
                let mut losses = self.facts.findings.permitted.iter();
                match self.client(client) {
                    Ok(client) => losses.any(|loss| client.is_none_or(|c| c == loss.producer)),
                    Err(()) => false,
                }
            }
            Condition::NothingLost { client } => {
                let Ok(client) = self.client(client) else { return false };
                let of = |producer: NodeId| client.is_none_or(|c| c == producer);
                !self.facts.findings.permitted.iter().any(|loss| of(loss.producer))
                    && view.partitions.keys().all(|partition| {
                        !view.unreadable(partition).iter().any(|acked| of(acked.producer))
                    })
            }
            Condition::KeyOrder(topic) => {
                !view.disorders.iter().any(|(_, partition, _, _)| partition.topic == *topic)
            }
            Condition::KeysTogether(topic) => {
                !view.scattered_keys.iter().any(|(scattered, _)| scattered == topic)
            }
            Condition::TopicExists(topic) => view.topics.contains_key(topic),
            Condition::TopicGone(topic) => {
                let of = view.partitions.iter().filter(|(at, _)| at.topic == *topic);
                let mut replicas = of.flat_map(|(_, partition)| partition.replicas.iter());
                let held = replicas.any(|(broker, replica)| {
                    let alive = view.table.node_of(*broker).is_some_and(|n| view.is_alive(n));
                    alive && replica.role != ReplicaRole::Idle
                });
                !view.topics.contains_key(topic) && !held
            }
            Condition::PartitionCount(topic, count) => {
                u32::try_from(self.partitions_of(topic)) == Ok(*count)
            }
            Condition::ReplicasAre(partition, wanted) => {
                view.truth(partition).is_some_and(|truth| truth.replicas == *wanted)
            }
            Condition::Reassigning(partition) => {
                view.truth(partition).is_some_and(PartitionState::is_moving)
            }
            Condition::ReassignmentDone(partition) => {
                self.of_all(partition.as_ref(), |truth| !truth.is_moving())
            }
            Condition::PreferredLeader(partition) => self
                .of_all(partition.as_ref(), |truth| truth.replicas.first() == Some(&truth.leader)),
            Condition::ElrIs(partition, wanted) => view.truth(partition).is_some_and(|truth| {
                let mut elr = truth.elr.clone();
                elr.sort_unstable();
                elr == *wanted
            }),
            Condition::InElr(partition, broker) => {
                view.truth(partition).is_some_and(|truth| truth.elr.contains(broker))
            }
            Condition::ReadsFrom(partition, broker) => view
                .nodes
                .values()
                .any(|node| node.client.read_replicas.get(partition) == Some(broker)),
            Condition::LogStartIs(partition, offset) => {
                let leader = view.true_leader(partition);
                leader.is_some_and(|(_, replica)| replica.log.start() == *offset)
            }
            Condition::NoDuplicates(topic) => self.duplicates(topic) == 0,
            Condition::AdminSucceeded { count } => {
                let since = self.answered_since();
                since.iter().all(|(_, error)| error == "NONE") && since.len() as u64 >= *count
            }
            Condition::AdminFailed { error } => {
                self.answered_since().iter().any(|(_, answer)| answer == error.as_str())
            }
            Condition::Restarted(target) => self
                .node_view(target)
                .is_some_and(|node| node.state == ProcessState::Up && node.since > self.mark.seq),
            Condition::Down(target) => self.node_view(target).is_some_and(|node| !node.is_alive()),
            Condition::SnapshotTaken(target) => {
                let taken = |node: &NodeView| node.snapshot.is_some_and(|s| s > self.mark.seq);
                match target {
                    None => view.nodes.values().any(taken),
                    Some(target) => self.node_view(target).is_some_and(taken),
                }
            }
            Condition::VotersAre(wanted) => {
                let leading = view.nodes.values().map(|node| &node.raft);
                let leading = leading.filter(|raft| raft.role == "leader");
                leading.max_by_key(|raft| raft.epoch).is_some_and(|raft| {
                    let nodes = view.nodes_of_voters(&raft.voters);
                    let mut voters: Vec<BrokerId> =
                        nodes.into_iter().filter_map(|node| view.table.broker_of(node)).collect();
                    voters.sort_unstable();
                    voters == *wanted
                        && raft.voters.len() == wanted.len()
                        && raft.voters_at < raft.committed
                })
            }
            Condition::Group(of_group) => groups::holds(view, self.mark.seq, of_group),
            Condition::Not(inner) => !self.holds(inner),
            Condition::All(all) => all.iter().all(|one| self.holds(one)),
            Condition::Any(any) => any.iter().any(|one| self.holds(one)),
        }
    }

    fn node_view(&self, target: &Target) -> Option<&NodeView> {
        self.facts.view.nodes.get(&(self.resolve)(target)?)
    }

    /// What admin clients were answered since the mark.
    fn answered_since(&self) -> Vec<&(String, Word)> {
        answers(self.facts.view).split_off(self.mark.answers.min(answers(self.facts.view).len()))
    }

    fn partitions_of(&self, topic: &TopicName) -> usize {
        let view = self.facts.view;
        let of = view
            .partitions
            .iter()
            .filter(|(at, partition)| at.topic == *topic && partition.truth.is_some());
        of.count()
    }

    /// Whether something is true of a partition, or of every one there is (and there is one).
    fn of_all(
        &self,
        partition: Option<&TopicPartition>,
        holds: impl Fn(&PartitionState) -> bool,
    ) -> bool {
        let view = self.facts.view;
        match partition {
            Some(partition) => view.truth(partition).is_some_and(holds),
            None => {
                let mut truths =
                    view.partitions.values().filter_map(|p| p.truth.as_ref()).peekable();
                truths.peek().is_some() && truths.all(holds)
            }
        }
    }

    /// Records that are in their partition's leader's log more than once.
    fn duplicates(&self, topic: &TopicName) -> usize {
        let view = self.facts.view;
        let of = view.partitions.iter().filter(|(at, _)| at.topic == *topic);
        of.map(|(at, partition)| {
            let Some((_, leader)) = view.true_leader(at) else { return 0 };
            let mut seen = BTreeSet::new();
            let records = leader.log.batches().filter_map(|batch| partition.sent.get(&batch.crc));
            records.flat_map(|records| &**records).filter(|record| !seen.insert(**record)).count()
        })
        .sum()
    }

    fn client(&self, name: &Option<String>) -> Result<Option<NodeId>, ()> {
        match name {
            None => Ok(None),
            Some(name) => self.facts.view.table.named(name).map(Some).ok_or(()),
        }
    }

    fn of_client(&self, name: &Option<String>, count: impl Fn(Option<NodeId>) -> u64) -> u64 {
        self.client(name).map_or(0, count)
    }

    fn permitted(&self, partition: &TopicPartition, acked: &AckedBatch) -> bool {
        self.facts
            .findings
            .permitted
            .iter()
            .any(|loss| loss.partition == *partition && loss.acked == acked.seq)
    }

    /// What is the case, for somebody whose expectation failed.
    pub(super) fn found(&self, condition: &Condition) -> String {
        let view = self.facts.view;
        let count = |name: &Option<String>, of: &dyn Fn(Option<NodeId>) -> u64| {
            format!("{} so far", self.of_client(name, of))
        };
        match condition {
            Condition::LeaderIs(partition, _)
            | Condition::LeaderChanged(partition)
            | Condition::HasLeader(partition)
            | Condition::NoLeader(partition)
            | Condition::IsrIs(partition, _)
            | Condition::IsrSize(partition, _)
            | Condition::LeaderEpochAtLeast(partition, _)
            | Condition::HighWatermarkAtLeast(partition, _)
            | Condition::CaughtUp(partition, _)
            | Condition::LogsEqual(partition)
            | Condition::LogEndIs(partition, _)
            | Condition::ReplicasAre(partition, _)
            | Condition::Reassigning(partition)
            | Condition::ReassignmentDone(Some(partition))
            | Condition::PreferredLeader(Some(partition))
            | Condition::ElrIs(partition, _)
            | Condition::InElr(partition, _)
            | Condition::ReadsFrom(partition, _)
            | Condition::LogStartIs(partition, _)
            | Condition::Truncated(partition, _) => match view.partitions.get(partition) {
                Some(_) => view.partition_line(partition),
                None => format!("{partition} does not exist"),
            },
            Condition::AllInSync => {
                let behind = |partition: &&TopicPartition| {
                    view.truth(partition).is_some_and(|t| t.isr.len() < t.replicas.len())
                };
                match view.partitions.keys().find(behind) {
                    Some(partition) => view.partition_line(partition),
                    None => "no partition exists".to_owned(),
                }
            }
            Condition::ReassignmentDone(None) | Condition::PreferredLeader(None) => {
                let wrong = |(_, partition): &(&TopicPartition, &PartitionView)| {
                    partition.truth.as_ref().is_some_and(|truth| {
                        if matches!(condition, Condition::PreferredLeader(_)) {
                            truth.replicas.first() != Some(&truth.leader)
                        } else {
                            truth.is_moving()
                        }
                    })
                };
                match view.partitions.iter().find(wrong) {
                    Some((partition, _)) => view.partition_line(partition),
                    None => "no partition exists".to_owned(),
                }
            }
            Condition::TopicExists(topic) => format!("there is no topic {topic}"),
            Condition::TopicGone(topic) | Condition::PartitionCount(topic, _) => {
                format!("topic {topic} has {} partitions", self.partitions_of(topic))
            }
            Condition::NoDuplicates(topic) => {
                format!("{} are there more than once", self.duplicates(topic))
            }
            Condition::AdminSucceeded { .. } | Condition::AdminFailed { .. } => {
                let since = self.answered_since();
                let told: Vec<String> =
                    since.iter().map(|(asked, error)| format!("{asked}: {error}")).collect();
                match told.is_empty() {
                    true => "nothing was answered".to_owned(),
                    false => told.join("; "),
                }
            }
            Condition::Restarted(target)
            | Condition::Down(target)
            | Condition::SnapshotTaken(Some(target)) => match self.node_view(target) {
                None => "there is no such process".to_owned(),
                Some(node) => format!("it is {}", node.state.word()),
            },
            Condition::SnapshotTaken(None) => "nobody wrote one".to_owned(),
            Condition::VotersAre(_) => {
                let (_, voters) = view.quorum_voters();
                let names: Vec<&str> = voters.iter().map(|node| view.table.name(*node)).collect();
                format!("the voters are {}", names.join(", "))
            }
            Condition::Fenced(broker) | Condition::Unfenced(broker) => match view.fenced(*broker) {
                None => format!("broker {broker} is not registered"),
                Some(true) => format!("broker {broker} is fenced"),
                Some(false) => format!("broker {broker} is not fenced"),
            },
            Condition::ControllerActive
            | Condition::ControllerChanged
            | Condition::QuorumLeaderElected => view.quorum_line(),
            Condition::Acknowledged { client, .. } => {
                count(client, &|node| view.acknowledged(node))
            }
            Condition::Failed { client, .. } => count(client, &|node| view.failed(node)),
            Condition::Read { client, .. } => count(client, &|node| view.read_count(node)),
            Condition::AcknowledgedReadable(_)
            | Condition::NothingLost { .. }
            | Condition::PermittedLoss { .. } => {
                let unreadable: Vec<(&TopicPartition, &AckedBatch)> = view
                    .partitions
                    .keys()
                    .flat_map(|partition| {
                        view.unreadable(partition).into_iter().map(move |acked| (partition, acked))
                    })
                    .collect();
                if unreadable.is_empty() {
                    return "every acknowledged record is readable".to_owned();
                }
                let told = unreadable.iter().map(|(partition, acked)| {
                    let permitted = match self.permitted(partition, acked) {
                        true => "permitted",
                        false => "not permitted",
                    };
                    format!("{partition} offset {} ({permitted})", acked.base)
                });
                format!("not readable: {}", first_few(told))
            }
            Condition::KeyOrder(_) => format!("{} out of order", view.disorders.len()),
            Condition::KeysTogether(_) => format!("{} keys scattered", view.scattered_keys.len()),
            Condition::Group(of_group) => groups::found(view, of_group),
            Condition::Not(inner) => self.found(inner),
            Condition::All(all) => {
                let failed = all.iter().find(|one| !self.holds(one));
                failed.map_or_else(String::new, |one| self.found(one))
            }
            Condition::Any(any) => {
                any.iter().map(|one| self.found(one)).collect::<Vec<_>>().join("; ")
            }
        }
    }
}

/// The first few in words, and how many more there are: a list that just ends is taken for all of it.
fn first_few(mut all: impl ExactSizeIterator<Item = String>) -> String {
    let told = all.by_ref().take(5).collect::<Vec<_>>().join(", ");
    match all.len() {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// The rooms whose events can change whether a condition holds.
pub(crate) fn watched(condition: &Condition) -> u16 {
    let bits = |rooms: &[Room]| rooms.iter().fold(0, |bits, room| bits | room_bit(*room));
    match condition {
        Condition::LeaderIs(..)
        | Condition::LeaderChanged(_)
        | Condition::HasLeader(_)
        | Condition::NoLeader(_)
        | Condition::IsrIs(..)
        | Condition::IsrSize(..)
        | Condition::LeaderEpochAtLeast(..)
        | Condition::AllInSync
        | Condition::TopicExists(_)
        | Condition::PartitionCount(..)
        | Condition::ReplicasAre(..)
        | Condition::Reassigning(_)
        | Condition::ReassignmentDone(_)
        | Condition::PreferredLeader(_)
        | Condition::ElrIs(..)
        | Condition::InElr(..)
        | Condition::Fenced(_)
        | Condition::Unfenced(_) => bits(&[Room::Metadata]),
        Condition::Restarted(_) | Condition::Down(_) => bits(&[Room::World]),
        Condition::SnapshotTaken(_) | Condition::VotersAre(_) => bits(&[Room::Raft]),
        Condition::ControllerActive
        | Condition::ControllerChanged
        | Condition::QuorumLeaderElected => bits(&[Room::Controller, Room::Raft, Room::World]),
        Condition::Acknowledged { .. }
        | Condition::Failed { .. }
        | Condition::Read { .. }
        | Condition::ReadsFrom(..)
        | Condition::AdminSucceeded { .. }
        | Condition::AdminFailed { .. }
        | Condition::KeyOrder(_)
        | Condition::KeysTogether(_) => bits(&[Room::Client]),
        Condition::HighWatermarkAtLeast(..)
        | Condition::CaughtUp(..)
        | Condition::LogsEqual(_)
        | Condition::LogEndIs(..)
        | Condition::LogStartIs(..)
        | Condition::NoDuplicates(_)
        | Condition::TopicGone(_)
        | Condition::Truncated(..) => {
            bits(&[Room::Metadata, Room::Replica, Room::Log, Room::World])
        }
        Condition::AcknowledgedReadable(_)
        | Condition::PermittedLoss { .. }
        | Condition::NothingLost { .. } => {
            bits(&[Room::Metadata, Room::Replica, Room::Log, Room::Client, Room::World])
        }
        Condition::Group(_) => bits(&[Room::Group, Room::Client, Room::Replica, Room::World]),
        Condition::Not(inner) => watched(inner),
        Condition::All(all) => all.iter().fold(0, |bits, one| bits | watched(one)),
        Condition::Any(any) => any.iter().fold(0, |bits, one| bits | watched(one)),
    }
}

/// Whether it asks for losses that a promise permitted, which only the invariants tell from others.
pub(crate) fn needs_findings(condition: &Condition) -> bool {
    match condition {
        Condition::AcknowledgedReadable(_)
        | Condition::PermittedLoss { .. }
        | Condition::NothingLost { .. } => true,
        Condition::Not(inner) => needs_findings(inner),
        Condition::All(all) => all.iter().any(needs_findings),
        Condition::Any(any) => any.iter().any(needs_findings),
        Condition::LeaderIs(..)
        | Condition::LeaderChanged(_)
        | Condition::HasLeader(_)
        | Condition::NoLeader(_)
        | Condition::IsrIs(..)
        | Condition::IsrSize(..)
        | Condition::LeaderEpochAtLeast(..)
        | Condition::AllInSync
        | Condition::Fenced(_)
        | Condition::Unfenced(_)
        | Condition::ControllerActive
        | Condition::ControllerChanged
        | Condition::QuorumLeaderElected
        | Condition::Acknowledged { .. }
        | Condition::Failed { .. }
        | Condition::Read { .. }
        | Condition::KeyOrder(_)
        | Condition::KeysTogether(_)
        | Condition::HighWatermarkAtLeast(..)
        | Condition::CaughtUp(..)
        | Condition::LogsEqual(_)
        | Condition::LogEndIs(..)
        | Condition::TopicExists(_)
        | Condition::TopicGone(_)
        | Condition::PartitionCount(..)
        | Condition::ReplicasAre(..)
        | Condition::Reassigning(_)
        | Condition::ReassignmentDone(_)
        | Condition::PreferredLeader(_)
        | Condition::ElrIs(..)
        | Condition::ReadsFrom(..)
        | Condition::InElr(..)
        | Condition::LogStartIs(..)
        | Condition::NoDuplicates(_)
        | Condition::AdminSucceeded { .. }
        | Condition::AdminFailed { .. }
        | Condition::Restarted(_)
        | Condition::Down(_)
        | Condition::SnapshotTaken(_)
        | Condition::VotersAre(_)
        | Condition::Group(_)
        | Condition::Truncated(..) => false,
    }
}

#[cfg(test)]
mod tests {
    use klamm_node::{Offset, RecordId, Time};

    use super::*;

    /// What is said of a partition with so many acknowledged records, none of which anybody has.
    fn found_of(lost: u32) -> String {
        let mut partition = PartitionView::default();
        for number in 0..lost {
            partition.acked.push(AckedBatch {
                producer: NodeId(0),
                base: Offset(20 + i64::from(number)),
                records: vec![RecordId(u64::from(number))],
                acks: 1,
                epoch: None,
                crc: 0,
                isr: Vec::new(),
                seq: Seq(1 + u64::from(number)),
                time: Time::default(),
            });
        }
        let mut view = View::default();
        view.partitions.insert(TopicPartition::new("orders", 0), partition);
        let findings = Findings::default();
        let judge = Judge {
            facts: Facts { view: &view, findings: &findings },
            mark: &Mark::default(),
            resolve: &|_| None,
        };
        judge.found(&Condition::NothingLost { client: None })
    }

    #[test]
    fn a_list_that_is_cut_short_says_how_much_is_left_out() {
        assert_eq!(found_of(0), "every acknowledged record is readable");
        assert_eq!(
            found_of(2),
            "not readable: orders-0 offset 20 (not permitted), orders-0 offset 21 (not permitted)"
        );
        let five = found_of(5);
        assert!(five.ends_with("orders-0 offset 24 (not permitted)"), "{five}");
        assert_eq!(found_of(6), format!("{five} and 1 more"));
        assert_eq!(found_of(152), format!("{five} and 147 more"));
    }
}
