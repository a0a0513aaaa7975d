//! Who reads a group's partitions, and how long nobody did: the price of a rebalance.
//!
//! A partition is owned while a running consumer believes that it is its own. The time without an owner counts from the
//! first ownership on; it is what a *stop-the-world* rebalance costs (KIP-429), in partition-milliseconds when summed.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::event::Word;
use klamm_node::{EventKind, GroupId, NodeId, Span, Time, TopicPartition};

use super::View;

/// A partition as a group's consumers own it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OwnershipView {
    /// The consumers that take themselves for its owner; more than one is a rebalance seen from outside, or a fault.
    pub owners: BTreeSet<NodeId>,
    /// Since when it is as it is.
    pub since: Time,
    /// How long it had no owner, up to `since`.
    pub unowned: Span,
    /// How often it lost its last owner.
    pub gaps: u32,
}

impl OwnershipView {
    /// How long it had no owner, up to now.
    pub fn unowned_until(&self, now: Time) -> Span {
        if self.owners.is_empty() { self.unowned + now.since(self.since) } else { self.unowned }
    }
}

/// What a group's rebalances cost so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Downtime {
    /// Partitions that ever had an owner.
    pub partitions: u32,
    /// Partitions that were without one at some time.
    pub stopped: u32,
    /// The time without an owner, summed over partitions.
    pub total: Span,
    /// That of the partition that missed most, all its gaps together.
    pub worst: Span,
}

/// What a group went through, whoever coordinated it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GroupHistory {
    /// `classic` or `consumer`: what it was last.
    pub kind: Word,
    /// The assignor of its last classic generation, as long as it is a classic group.
    pub assignor: Option<String>,
    /// How many rebalances it began as a classic group.
    pub rebalances: u32,
    /// How often its epoch grew as a consumer group (KIP-848).
    pub epochs: u32,
}

impl GroupHistory {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what a group is now is in its coordinator's view"
    )]
    pub(super) fn apply(&mut self, kind: &EventKind) {
        match kind {
            EventKind::GroupTypeSet { kind, .. } => {
                if *kind != "classic" {
                    self.assignor = None;
                }
                self.kind = kind.clone();
            }
            EventKind::GenerationStarted { protocol, .. } => {
                self.assignor = Some(protocol.clone());
            }
            EventKind::RebalanceStarted { .. } => self.rebalances += 1,
            // An upgrade writes the epoch that the group has.
            EventKind::GroupEpochBumped { reason, .. } if reason != "upgraded" => self.epochs += 1,
            _ => {}
        }
    }
}

impl View {
    /// What a group's partitions missed by having no owner.
    pub fn downtime(&self, group: &GroupId) -> Downtime {
        let mut sum = Downtime::default();
        for ((of, _), owned) in &self.ownership {
            if of != group {
                continue;
            }
            let unowned = owned.unowned_until(self.now);
            sum.partitions += 1;
            sum.stopped += u32::from(unowned > Span::ZERO);
            sum.total = sum.total + unowned;
            sum.worst = sum.worst.max(unowned);
        }
        sum
    }

    /// The groups that consumers of this run have read for.
    pub fn groups_read(&self) -> BTreeSet<&GroupId> {
        self.ownership.keys().map(|(group, _)| group).collect()
    }

    pub(super) fn owns(&mut self, node: NodeId, group: &GroupId, partitions: &[TopicPartition]) {
        let now = self.now;
        for partition in partitions {
            let at = (group.clone(), partition.clone());
            let owned = self
                .ownership
                .entry(at)
                .or_insert_with(|| OwnershipView { since: now, ..OwnershipView::default() });
            if owned.owners.is_empty() {
                owned.unowned = owned.unowned + now.since(owned.since);
                owned.since = now;
            }
            owned.owners.insert(node);
        }
    }

    pub(super) fn owns_no_more<'a>(
        &mut self,
        node: NodeId,
        group: &GroupId,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) {
        for partition in partitions {
            let at = (group.clone(), partition.clone());
            release(&mut self.ownership, &at, node, self.now);
        }
    }

    /// A consumer's process is gone, and with it everything that it owned.
    pub(super) fn owner_died(&mut self, node: NodeId) {
        let held: Vec<_> = self
            .ownership
            .iter()
            .filter(|(_, owned)| owned.owners.contains(&node))
            .map(|(at, _)| at.clone())
            .collect();
        for at in held {
            release(&mut self.ownership, &at, node, self.now);
        }
    }
}

fn release(
    ownership: &mut BTreeMap<(GroupId, TopicPartition), OwnershipView>,
    at: &(GroupId, TopicPartition),
    node: NodeId,
    now: Time,
) {
    let Some(owned) = ownership.get_mut(at) else { return };
    if owned.owners.remove(&node) && owned.owners.is_empty() {
        (owned.since, owned.gaps) = (now, owned.gaps + 1);
    }
}
