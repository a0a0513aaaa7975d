//! From what a member has to what it is to have (KIP-848): first give up, then take what is free.
//!
//! ```text
//!              has what the target leaves out                    told: none of it is owned any more
//!   Stable ──────────────────────────────────► UnrevokedPartitions ──┬──────────────────────────────► Stable
//!     │  ▲                                                           │   all of the target is free
//!     │  │ the last one became free                                  ▼
//!     └──┼────────────────────────────────────────────────► UnreleasedPartitions
//!        └──────────────────────────────────────────────────────────┘
//! ```
//!
//! *Flows in*: a member, the target, who owns what, what the member says that it owns. *Flows out*: the member as it is next.
//! *Must never*: give a partition away that somebody else has or has yet to give up; or let a member into the next epoch that
//! still owns what it has to give up.

use std::collections::BTreeSet;

use klamm_node::{TopicId, planted};
use klamm_protocol::ErrorCode;

use super::group::ConsumerGroup;
use super::member::{Member, MemberState, has};
use super::refused::Refused;
use crate::assignor::Partitions;

/// What a member is reconciled with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reconcile<'a> {
    /// The group: who owns what.
    pub group: &'a ConsumerGroup,
    /// The epoch of the target.
    pub epoch: i32,
    /// What the member is to have.
    pub target: &'a Partitions,
    /// The topics that it reads; the target may be older than that.
    pub topics: &'a BTreeSet<TopicId>,
    /// Whether it changed what it reads just now.
    pub subscription_changed: bool,
    /// What it says that it owns, if it says so.
    pub owned: Option<&'a Partitions>,
}

impl Reconcile<'_> {
    /// The member as it is next.
    ///
    /// # Errors
    /// Its state is of a later Kafka, and it does not say that it owns nothing: it has to begin anew.
    pub(super) fn next(&self, member: &Member) -> Result<Member, Refused> {
        match member.state {
            MemberState::Stable if member.epoch != self.epoch => Ok(self.compute(member)),
            MemberState::UnrevokedPartitions if self.owns_some_of(&member.revoking) => {
                Ok(self.without_unsubscribed(member))
            }
            MemberState::Stable => Ok(self.without_unsubscribed(member)),
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => {
                Ok(self.compute(member))
            }
            MemberState::Unknown => match self.owned {
                Some(owned) if owned.is_empty() => Ok(self.compute(member)),
                Some(_) | None => Err(Refused::new(
                    ErrorCode::FENCED_MEMBER_EPOCH,
                    "The consumer group member is in a unknown state. The member must abandon all its partitions and \
                     rejoin.",
                )),
            },
        }
    }

    /// Whether the member still owns some of what it has to give up. While it does not say, it does.
    fn owns_some_of(&self, revoking: &Partitions) -> bool {
        let Some(owned) = self.owned else { return !planted("silence_counts_as_revoked") };
        owned.iter().any(|(topic, partitions)| {
            partitions.iter().any(|partition| has(revoking, *topic, *partition))
        })
    }

    /// What it does not read any more it has to give up at once, though the target may not know it yet (KAFKA-19431).
    fn without_unsubscribed(&self, member: &Member) -> Member {
        let is_read = |topic: &TopicId| self.topics.contains(topic);
        if !self.subscription_changed || member.assigned.keys().all(is_read) {
            return member.clone();
        }
        let mut next = member.clone();
        let (kept, gone): (Partitions, Partitions) =
            member.assigned.clone().into_iter().partition(|(topic, _)| is_read(topic));
        next.assigned = kept;
        let mut revoking = member.revoking.clone();
        for (topic, partitions) in gone {
            revoking.entry(topic).or_default().extend(partitions);
        }
        if self.owns_some_of(&revoking) {
            next.state = MemberState::UnrevokedPartitions;
            next.revoking = revoking;
        }
        next
    }

    fn compute(&self, member: &Member) -> Member {
        let mut kept = Partitions::new();
        let mut revoking = Partitions::new();
        let mut free = Partitions::new();
        let mut some_unreleased = false;
        let topics: BTreeSet<&TopicId> = self.target.keys().chain(member.assigned.keys()).collect();
        for topic in topics {
            let nothing = BTreeSet::new();
            let target = self.target.get(topic).filter(|_| self.topics.contains(topic));
            let target = target.unwrap_or(&nothing);
            let assigned = member.assigned.get(topic).unwrap_or(&nothing);
            for partition in assigned {
                let part = if target.contains(partition) { &mut kept } else { &mut revoking };
                part.entry(*topic).or_default().insert(*partition);
            }
            for partition in target.difference(assigned) {
                // What it has to give up itself is its own, and stays so if the target has it again (KAFKA-16147). Planted:
                // others are not waited for.
                let is_free = self.group.is_free(*topic, *partition)
                    || has(&member.revoking, *topic, *partition)
                    || planted("group_assigns_before_revocation");
                if is_free {
                    free.entry(*topic).or_default().insert(*partition);
                } else {
                    some_unreleased = true;
                }
            }
        }
        let mut next = member.clone();
        if !revoking.is_empty() && self.owns_some_of(&revoking) {
            // It stays in its epoch: a partition is owned by one member in an epoch only (KAFKA-19974).
            next.state = MemberState::UnrevokedPartitions;
            next.set_epoch(member.epoch);
            (next.assigned, next.revoking) = (kept, revoking);
            return next;
        }
        for (topic, partitions) in free {
            kept.entry(topic).or_default().extend(partitions);
        }
        next.state = match some_unreleased {
            true => MemberState::UnreleasedPartitions,
            false => MemberState::Stable,
        };
        next.set_epoch(self.epoch);
        (next.assigned, next.revoking) = (kept, Partitions::new());
        next
    }
}
