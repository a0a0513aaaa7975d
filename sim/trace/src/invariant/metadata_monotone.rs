//! S12 MetadataMonotone: a partition's epochs never fall, and one leader epoch has one leader.
//!
//! (a) The leader epoch and the partition epoch never fall; the partition epoch grows with every change, the leader epoch
//! with every change of the leader (KIP-101, KIP-497). (b) One leader epoch has one leader. (d) The leader is in the ISR.
//! (e) What a client believes of a partition's leader is never replaced by what was true before: a broker that is behind in its
//! metadata may be asked, and is not believed (KIP-320).
//! Order of application within a node is S26's.
//!
//! Broken, it looks like this: two brokers lead in the same epoch, and fencing cannot tell them apart.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{BrokerId, EventKind, LeaderEpoch, NodeId, TopicName, TopicPartition};

use super::{Check, Finding, InvariantId, Severity};
use crate::header::NodeKind;
use crate::view::PartitionState;

#[derive(Clone, Debug, Default)]
pub(super) struct MetadataMonotone {
    newest: BTreeMap<TopicPartition, PartitionState>,
    leaders: BTreeMap<TopicPartition, BTreeMap<LeaderEpoch, BrokerId>>,
    /// The leader epoch that each client knows of.
    learned: BTreeMap<(NodeId, TopicPartition), LeaderEpoch>,
    /// Topics that were deleted: another one of the same name begins anew, and every client hears of that in its own time.
    deleted: BTreeSet<TopicName>,
}

impl MetadataMonotone {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other event is about a client's metadata"
    )]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        match &cx.event.kind {
            EventKind::ClientLearned { partition, leader_epoch, .. } => {
                return self.learned(cx, partition, *leader_epoch);
            }
            EventKind::NodeStarted { .. } => {
                let node = cx.event.node;
                return self.learned.retain(|(client, _), _| *client != node);
            }
            _ => {}
        }
        if let EventKind::TopicDeleted { topic, .. } = &cx.event.kind {
            self.deleted.insert(topic.clone());
            if !cx.view.topics.contains_key(topic) {
                self.newest.retain(|partition, _| partition.topic != *topic);
                self.leaders.retain(|partition, _| partition.topic != *topic);
            }
            return;
        }
        let EventKind::PartitionChanged { partition, .. } = &cx.event.kind else { return };
        // Only its first application makes a record news.
        let truth = cx.view.truth(partition).filter(|truth| truth.seq == cx.event.seq);
        let Some(now) = truth else { return };
        let before = self.newest.insert(partition.clone(), now.clone());
        let problem = before
            .as_ref()
            .and_then(|before| falls(before, now))
            .or_else(|| self.second_leader(partition, now))
            .or_else(|| {
                let inside = now.leader == BrokerId::NONE || now.isr.contains(&now.leader);
                (!inside).then(|| format!("leader {} is not in the ISR", now.leader))
            });
        let Some(problem) = problem else { return };
        cx.reporter.report(Finding {
            id: InvariantId::MetadataMonotone,
            severity: Severity::Red,
            subject: format!("{partition} {}", now.offset),
            partition: Some(partition),
            offset: None,
            sentence: format!("{partition}: metadata record {}: {problem}", now.offset),
            events: before.iter().map(|state| state.seq).collect(),
        });
    }

    fn learned(&mut self, cx: &mut Check<'_>, partition: &TopicPartition, epoch: LeaderEpoch) {
        let node = cx.event.node;
        let before = self.learned.insert((node, partition.clone()), epoch);
        // An application's clients know what each of them has heard.
        if cx.view.table.get(node).is_some_and(|node| node.kind == NodeKind::Application) {
            return;
        }
        // A client that is told of an error knows nothing any more.
        let Some(before) = before.filter(|before| epoch < *before && epoch.0 >= 0) else { return };
        if self.deleted.contains(&partition.topic) {
            return;
        }
        let name = cx.view.table.name(node);
        cx.reporter.report(Finding {
            id: InvariantId::MetadataMonotone,
            severity: Severity::Amber,
            subject: format!("{partition} e {node} {before} {epoch}"),
            partition: Some(partition),
            offset: None,
            sentence: format!(
                "{partition}: {name} knew of leader epoch {before}, and goes back to {epoch}"
            ),
            events: Vec::new(),
        });
    }

    fn second_leader(
        &mut self,
        partition: &TopicPartition,
        now: &PartitionState,
    ) -> Option<String> {
        let leaders = self.leaders.entry(partition.clone()).or_default();
        if now.leader == BrokerId::NONE {
            return None;
        }
        let first = *leaders.entry(now.leader_epoch).or_insert(now.leader);
        let (epoch, second) = (now.leader_epoch, now.leader);
        (first != second)
            .then(|| format!("leader epoch {epoch} has two leaders, {first} and {second}"))
    }
}

fn falls(before: &PartitionState, now: &PartitionState) -> Option<String> {
    if now.leader_epoch < before.leader_epoch {
        return Some(format!(
            "the leader epoch falls from {} to {}",
            before.leader_epoch, now.leader_epoch
        ));
    }
    if now.partition_epoch <= before.partition_epoch {
        let (from, to) = (before.partition_epoch, now.partition_epoch);
        return Some(format!(
            "the partition epoch goes from {from} to {to} although something changed"
        ));
    }
    if now.leader != before.leader && now.leader_epoch == before.leader_epoch {
        let (from, to, epoch) = (before.leader, now.leader, now.leader_epoch);
        return Some(format!("the leader changes from {from} to {to} within leader epoch {epoch}"));
    }
    None
}
