//! `uniform` where all members read the same topics: fill everybody up to their share.
//!
//! *Flows in*: members with what they had. *Flows out*: shares that differ by one at most. *Must never*: take a partition from
//! a member that is not above its share.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{MemberId, TopicId};

use super::{Partitions, Spec};

pub(super) fn assign(spec: &Spec) -> BTreeMap<MemberId, Partitions> {
    let topics: BTreeSet<TopicId> =
        spec.members.values().next().map(|member| member.topics.clone()).unwrap_or_default();
    let everything: Vec<(TopicId, i32)> = topics
        .iter()
        .flat_map(|topic| (0..spec.count(*topic)).map(|partition| (*topic, partition)))
        .collect();
    let held: BTreeSet<(TopicId, i32)> = spec
        .members
        .values()
        .flat_map(|member| &member.target)
        .flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)))
        .collect();
    let mut free: Vec<(TopicId, i32)> =
        everything.iter().filter(|partition| !held.contains(partition)).copied().collect();
    let members = spec.members.len();
    let least = everything.len() / members;
    let mut extra = everything.len() % members;
    let mut assigned: BTreeMap<MemberId, Partitions> = BTreeMap::new();
    let mut unfilled: Vec<(MemberId, usize)> = Vec::new();
    for (index, (id, member)) in spec.members.iter().enumerate() {
        let mut quota = least;
        let mut has_extra = extra > 0;
        quota += usize::from(has_extra);
        let mut kept = Partitions::new();
        for (topic, partitions) in &member.target {
            if !topics.contains(topic) {
                continue;
            }
            for partition in partitions {
                if quota > 0 {
                    quota -= 1;
                    kept.entry(*topic).or_default().insert(*partition);
                } else {
                    free.push((*topic, *partition));
                }
            }
        }
        // Somebody who holds one more already may keep it: this one gives its claim up, unless there are only as many members
        // left as claims.
        if quota > 0 && has_extra && members - index > extra {
            quota -= 1;
            has_extra = false;
        }
        if quota > 0 {
            unfilled.push((id.clone(), quota));
        }
        extra -= usize::from(has_extra);
        assigned.insert(id.clone(), kept);
    }
    let mut free = free.into_iter();
    for (id, quota) in unfilled {
        let Some(partitions) = assigned.get_mut(&id) else { continue };
        for (topic, partition) in free.by_ref().take(quota) {
            partitions.entry(topic).or_default().insert(partition);
        }
    }
    assigned
}
