//! The round-robin assignor: all partitions of all topics one by one, each to the next member that reads its topic.

use klamm_node::{TopicName, TopicPartition};

use super::{Assignment, Members, Topics, in_order};

pub(super) fn assign(topics: &Topics, members: &Members) -> Assignment {
    let order = in_order(members);
    let mut assignment: Assignment =
        members.keys().map(|member| (member.clone(), Vec::new())).collect();
    let mut next = 0;
    for (name, partitions) in topics {
        for partition in (0..).take(partitions.len()) {
            let turns = (next..next + order.len()).map(|turn| turn % order.len());
            let reader = turns
                .into_iter()
                .find(|turn| members[order[*turn]].subscription.topics.contains(name));
            // Topics without readers were left out before.
            let Some(at) = reader else { break };
            if let Some(to) = assignment.get_mut(order[at]) {
                to.push(TopicPartition::new(TopicName::clone(name), partition));
            }
            next = (at + 1) % order.len();
        }
    }
    assignment
}
