//! S5 ReplicationQuorumSuperset and S13 (b): what leaders and the controller hold of each other's ISR.
//!
//! S5: the ISR that a leader counts on (what metadata or an answer told it, and what it has asked for) contains the
//! controller's, whenever its high watermark moves (KIP-497, KAFKA-8836; `AsyncIsr.tla`). An answer tells what is committed
//! (S26): a leader may act on it. S13 (b): the controller grants a leader's wish only if it was made against the state that
//! the change replaces (compare and set on partition and leader epoch, KIP-497); and a reassignment ends only once everybody who
//! was added is in it (KIP-455). S13 (c): who joins an ISR is the incarnation that the leader saw catch up: the broker epoch of
//! the wish is that of its registration (KIP-903, KAFKA-14617).
//!
//! Broken, it looks like this: the controller may elect a replica whose copy the leader has not waited for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use klamm_node::{
    BrokerEpoch, BrokerId, EventKind, LeaderEpoch, NodeId, PartitionEpoch, TopicPartition,
};

use super::observer::replica_of;
use super::{Check, Finding, InvariantId, Severity};
use crate::view::PartitionState;

/// A wish: the epochs that it was made against, and the ISR wanted.
type Wish = (LeaderEpoch, PartitionEpoch, BTreeSet<BrokerId>);

/// The broker epochs in which a leader knows the members that it wishes for; who is unknown to it is not in here.
type Epochs = BTreeMap<BrokerId, BrokerEpoch>;

/// A decision: the leader, the ISR, and whether a leader had asked for it.
type Decision = (BrokerId, BTreeSet<BrokerId>, bool);

#[derive(Clone, Debug, Default)]
pub(super) struct Alteration {
    wishes: BTreeMap<TopicPartition, BTreeMap<Wish, Epochs>>,
    decided: BTreeMap<TopicPartition, VecDeque<Decision>>,
    newest: BTreeMap<TopicPartition, PartitionState>,
    /// The controller that was activated last.
    active: Option<NodeId>,
}

impl Alteration {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event is about an ISR")]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        match &cx.event.kind {
            EventKind::IsrProposed {
                partition,
                isr,
                leader_epoch,
                partition_epoch,
                broker_epochs,
                ..
            } => {
                let wish = (*leader_epoch, *partition_epoch, isr.iter().copied().collect());
                let known = isr.iter().copied().zip(broker_epochs.0.iter().copied());
                let known = known.filter(|(_, epoch)| epoch.0 >= 0).collect();
                self.wishes.entry(partition.clone()).or_default().insert(wish, known);
            }
            // What the controllers before had not committed is forgotten.
            EventKind::ControllerActivated { .. } => {
                self.decided.clear();
                self.active = Some(cx.event.node);
            }
            // One that was deposed and has not heard of it decides on, and nothing of that is ever committed.
            EventKind::PartitionChangeDecided { .. }
                if self.active.is_some_and(|active| active != cx.event.node) => {}
            EventKind::PartitionChangeDecided { partition, leader, isr, reason, .. } => {
                let asked = reason == "alter-partition";
                let decision = (*leader, isr.iter().copied().collect(), asked);
                self.decided.entry(partition.clone()).or_default().push_back(decision);
            }
            EventKind::TopicDeleted { topic, .. } => {
                self.wishes.retain(|partition, _| partition.topic != *topic);
                self.decided.retain(|partition, _| partition.topic != *topic);
                self.newest.retain(|partition, _| partition.topic != *topic);
            }
            EventKind::PartitionChanged { partition, .. } => self.changed(cx, partition),
            EventKind::IsrCommitted { partition, isr, partition_epoch } => {
                answered(cx, partition, isr, *partition_epoch);
            }
            EventKind::HighWatermarkMoved { partition, .. } => counted(cx, partition),
            _ => {}
        }
    }

    fn changed(&mut self, cx: &mut Check<'_>, partition: &TopicPartition) {
        let Some(now) = cx.view.truth(partition).filter(|truth| truth.seq == cx.event.seq) else {
            return;
        };
        let before = self.newest.insert(partition.clone(), now.clone());
        if let Some(before) = &before {
            moved(cx, partition, before, now);
        }
        let isr: BTreeSet<BrokerId> = now.isr.iter().copied().collect();
        let Some(decided) = self.decided.get_mut(partition) else { return };
        let made =
            decided.iter().position(|(leader, wanted, _)| *leader == now.leader && *wanted == isr);
        let Some(decision) = made.and_then(|made| decided.drain(..=made).next_back()) else {
            return;
        };
        let Some(before) = before.filter(|_| decision.2) else { return };
        let wish = (before.leader_epoch, before.partition_epoch, isr);
        let wishes = self.wishes.entry(partition.clone()).or_default();
        let granted = wishes.get(&wish).cloned();
        wishes.retain(|(_, epoch, _), _| *epoch >= before.partition_epoch);
        if let Some(known) = granted {
            admitted(cx, partition, &before, now, &known);
            return;
        }
        let sentence = format!(
            "{partition}: the controller changed the ISR from {:?} to {:?} as if its leader had asked for it in partition epoch \
             {}; nobody did",
            ids(&before.isr),
            ids(&now.isr),
            before.partition_epoch
        );
        report(
            cx,
            InvariantId::MembershipEligible,
            partition,
            format!("wish {}", now.partition_epoch),
            sentence,
        );
    }
}

/// Who was let into an ISR is registered in the epoch in which the leader knew it.
fn admitted(
    cx: &mut Check<'_>,
    partition: &TopicPartition,
    before: &PartitionState,
    now: &PartitionState,
    known: &Epochs,
) {
    let mut joined = now.isr.iter().filter(|id| !before.isr.contains(id));
    let stale = joined.find_map(|id| {
        let (asked, held) = (*known.get(id)?, cx.view.brokers.get(id)?.epoch);
        (asked != held).then_some((*id, asked, held))
    });
    let Some((id, asked, held)) = stale else { return };
    let sentence = format!(
        "{partition}: broker {id} joined the ISR as the incarnation of broker epoch {asked}, which its leader saw catch up; it \
         is registered in broker epoch {held} since"
    );
    report(
        cx,
        InvariantId::MembershipEligible,
        partition,
        format!("epoch {}", now.partition_epoch),
        sentence,
    );
}

/// A reassignment ends when everybody who was added is in sync, not before (KIP-455, KAFKA-15665): who is removed is the last
/// to hold what the new ones lack.
fn moved(
    cx: &mut Check<'_>,
    partition: &TopicPartition,
    before: &PartitionState,
    now: &PartitionState,
) {
    let ended = before.is_moving() && !now.is_moving();
    let early = before.adding.iter().find(|id| now.replicas.contains(id) && !now.isr.contains(id));
    let Some(early) = early.filter(|_| ended) else { return };
    let sentence = format!(
        "{partition}: the reassignment ended before broker {early} was in the ISR {:?}",
        ids(&now.isr)
    );
    let subject = format!("move {}", now.partition_epoch);
    report(cx, InvariantId::MembershipEligible, partition, subject, sentence);
}

/// An answer must tell what is committed.
fn answered(
    cx: &mut Check<'_>,
    partition: &TopicPartition,
    isr: &[BrokerId],
    epoch: PartitionEpoch,
) {
    let Some(truth) = cx.view.truth(partition) else { return };
    let same = truth.partition_epoch > epoch
        || truth.partition_epoch == epoch
            && truth.isr.iter().all(|id| isr.contains(id))
            && truth.isr.len() == isr.len();
    if same {
        return;
    }
    let sentence = format!(
        "{partition}: the leader was told the ISR {:?} of partition epoch {epoch}; committed is {:?} of partition epoch {}",
        ids(isr),
        ids(&truth.isr),
        truth.partition_epoch
    );
    let events = vec![truth.seq];
    cx.reporter.report(Finding {
        id: InvariantId::QuorumSuperset,
        severity: Severity::Amber,
        subject: format!("{partition} answer {epoch}"),
        partition: Some(partition),
        offset: None,
        sentence,
        events,
    });
}

/// The leader must count on everybody whom the controller may elect.
fn counted(cx: &mut Check<'_>, partition: &TopicPartition) {
    let Some((broker, state, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    if cx.view.true_leader_in(state).is_none_or(|(leader, _)| leader != broker) {
        return;
    }
    let (Some(truth), Some(node)) = (&state.truth, cx.view.nodes.get(&cx.event.node)) else {
        return;
    };
    let Some(belief) = node.beliefs.get(partition) else { return };
    let counts = |id: &BrokerId| {
        belief.isr.contains(id)
            || replica.proposed.as_ref().is_some_and(|isr| isr.contains(id))
            || replica.answered.as_ref().is_some_and(|(_, isr)| isr.contains(id))
    };
    let Some(missing) = truth.isr.iter().find(|id| !counts(id)) else { return };
    let sentence = format!(
        "{partition}: leader {broker} moved its high watermark without regard to broker {missing}, which is in the \
         controller's ISR {:?}",
        ids(&truth.isr)
    );
    report(
        cx,
        InvariantId::QuorumSuperset,
        partition,
        format!("b{missing} {}", truth.partition_epoch),
        sentence,
    );
}

fn ids(isr: &[BrokerId]) -> Vec<i32> {
    isr.iter().map(|id| id.0).collect()
}

fn report(
    cx: &mut Check<'_>,
    id: InvariantId,
    partition: &TopicPartition,
    subject: String,
    sentence: String,
) {
    cx.reporter.report(Finding {
        id,
        severity: Severity::Amber,
        subject: format!("{partition} {subject}"),
        partition: Some(partition),
        offset: None,
        sentence,
        events: Vec::new(),
    });
}
