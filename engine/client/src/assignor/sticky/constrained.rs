//! All members read the same topics: everybody gets the share, or one more, and keeps of what it had as much as that allows.

use std::collections::BTreeMap;

use klamm_node::{MemberId, TopicName, TopicPartition};

use super::{Before, Moving, Racks};
use crate::assignor::{Assignment, Topics};

struct Builder<'a> {
    before: &'a Before,
    racks: &'a Racks,
    assignment: Assignment,
    /// What members had and may not keep.
    maybe_revoked: BTreeMap<TopicPartition, MemberId>,
    moving: Moving,
    /// Members below the share; and those at the share that may get one more.
    below: Vec<MemberId>,
    at_share: Vec<MemberId>,
    share: usize,
    most: usize,
    /// How many members are to have one more than the share, and how many have.
    expected: usize,
    current: usize,
}

pub(super) fn assign(topics: &Topics, before: &Before, racks: &Racks) -> (Assignment, Moving) {
    let total: usize = topics.values().map(Vec::len).sum();
    let members = before.owned.len().max(1);
    let mut builder = Builder {
        before,
        racks,
        assignment: before.owned.keys().map(|id| (id.clone(), Vec::new())).collect(),
        maybe_revoked: BTreeMap::new(),
        moving: Moving::new(),
        below: Vec::new(),
        at_share: Vec::new(),
        share: total / members,
        most: total.div_ceil(members),
        expected: total % members,
        current: 0,
    };
    builder.keep();
    let kept: std::collections::BTreeSet<&TopicPartition> =
        builder.assignment.values().flatten().collect();
    let mut unassigned: Vec<TopicPartition> = topics
        .iter()
        .flat_map(|(name, partitions)| {
            (0..)
                .take(partitions.len())
                .map(move |index| TopicPartition::new(TopicName::clone(name), index))
        })
        .filter(|partition| !kept.contains(partition))
        .collect();
    builder.below.sort_unstable();
    builder.at_share.sort_unstable();
    racks.sort(&mut unassigned);
    if racks.matter() {
        unassigned = builder.deal_near(unassigned);
    }
    builder.deal(&unassigned);
    (builder.assignment, builder.moving)
}

impl Builder<'_> {
    /// Everybody keeps what it had, up to its share; some keep one more.
    fn keep(&mut self) {
        for (id, owned) in &self.before.owned {
            let mut near: Vec<TopicPartition> = Vec::new();
            for partition in owned {
                if self.racks.mismatch(id, partition) {
                    self.maybe_revoked.insert(partition.clone(), id.clone());
                } else if !self.before.doubly.contains(partition) {
                    near.push(partition.clone());
                }
            }
            near.sort_by(|a, b| (a.partition, &a.topic).cmp(&(b.partition, &b.topic)));
            let keeps = if near.len() < self.share {
                self.below.push(id.clone());
                near.len()
            } else if near.len() >= self.most && self.current < self.expected {
                self.current += 1;
                if self.current == self.expected {
                    self.at_share.clear();
                }
                self.most
            } else {
                if self.current < self.expected {
                    self.at_share.push(id.clone());
                }
                self.share
            };
            for partition in near.split_off(keeps) {
                self.maybe_revoked.insert(partition, id.clone());
            }
            self.assignment.insert(id.clone(), near);
        }
    }

    fn count(&self, id: &MemberId) -> usize {
        self.assignment.get(id).map_or(0, Vec::len)
    }

    fn give(&mut self, partition: &TopicPartition, to: &MemberId) -> usize {
        let from = self.maybe_revoked.get(partition);
        if from.is_some_and(|from| from != to) || self.before.doubly.contains(partition) {
            self.moving.insert(partition.clone(), to.clone());
        }
        let partitions = self.assignment.entry(to.clone()).or_default();
        partitions.push(partition.clone());
        partitions.len()
    }

    /// The first member from `start` on, round and round, that is near a partition.
    fn next_near(
        &self,
        of: &[MemberId],
        partition: &TopicPartition,
        start: usize,
    ) -> Option<usize> {
        (0..of.len())
            .map(|step| (start + step) % of.len())
            .find(|index| self.racks.near(&of[*index], partition))
    }

    /// Gives partitions to members that are near them, as far as shares allow; returns the rest.
    fn deal_near(&mut self, unassigned: Vec<TopicPartition>) -> Vec<TopicPartition> {
        let mut next = 0;
        let mut rest = Vec::new();
        for partition in unassigned {
            if let Some(at) = self.next_near(&self.below, &partition, next) {
                let id = self.below[at].clone();
                let mut following = at;
                let count = self.count(&id) + 1;
                if count >= self.share {
                    self.below.remove(at);
                    if count < self.most && self.current < self.expected {
                        self.at_share.push(id.clone());
                    }
                } else {
                    following += 1;
                }
                next = following.checked_rem(self.below.len()).unwrap_or(0);
                self.give(&partition, &id);
            } else if let Some(at) = self.next_near(&self.at_share, &partition, 0) {
                let id = self.at_share[at].clone();
                if self.count(&id) + 1 == self.most {
                    self.at_share.remove(at);
                    self.current += 1;
                    if self.current == self.expected {
                        self.at_share.clear();
                    }
                }
                self.give(&partition, &id);
            } else {
                rest.push(partition);
            }
        }
        rest
    }

    /// One each, round and round, to those below their share; then one more to some.
    fn deal(&mut self, unassigned: &[TopicPartition]) {
        let mut next = 0;
        for partition in unassigned {
            if next >= self.below.len() {
                next = 0;
            }
            let below = self.below.get(next).cloned();
            let id = match below {
                Some(id) => id,
                None if self.at_share.is_empty() => {
                    debug_assert!(false, "shares do not add up");
                    return;
                }
                None => self.at_share.remove(0),
            };
            let count = self.give(partition, &id);
            if next < self.below.len() {
                if count == self.share {
                    self.below.remove(next);
                    self.at_share.push(id);
                } else {
                    next += 1;
                }
            }
            if count == self.most && self.most > self.share {
                self.current += 1;
            }
        }
    }
}
