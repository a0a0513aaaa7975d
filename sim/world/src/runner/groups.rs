//! Consumer groups in a run: what an application tells its consumer at its start, and conditions about groups.

use klamm_node::{GroupCommand, GroupId, NodeId, Seq, TopicPartition};
use klamm_scenario::model::{GroupCondition, Membership};
use klamm_trace::{GroupView, MembershipView, View};

/// What a group consumer is told whenever it starts.
pub(super) fn subscription(membership: &Membership) -> Vec<GroupCommand> {
    let subscribe = match &membership.pattern {
        Some(pattern) => GroupCommand::SubscribePattern { pattern: pattern.clone() },
        None => GroupCommand::Subscribe { topics: membership.topics.clone() },
    };
    let (per_record, commit) = (membership.processing, membership.commit);
    vec![GroupCommand::SetProcessing { per_record, commit }, subscribe]
}

/// Whether a condition about a group holds.
pub(super) fn holds(view: &View, since: Seq, condition: &GroupCondition) -> bool {
    match condition {
        GroupCondition::State(group, state) => {
            group_of(view, group).is_some_and(|found| found.state == state.as_str())
        }
        GroupCondition::Members(group, count) => {
            let members = group_of(view, group).map_or(0, |found| found.members.len());
            u32::try_from(members) == Ok(*count)
        }
        GroupCondition::Owns(client, wanted) => {
            let mut wanted = wanted.clone();
            wanted.sort();
            let owned = place_of(view, client).map(|place| place.assigned.iter());
            owned.is_some_and(|owned| owned.eq(wanted.iter()))
        }
        GroupCondition::OwnsCount(client, count) => {
            let owned = place_of(view, client).map_or(0, |place| place.assigned.len());
            u32::try_from(owned) == Ok(*count)
        }
        GroupCondition::AllOwned(group) => {
            let wanted = subscribed(view, group);
            !wanted.is_empty() && wanted.iter().all(|partition| owners(view, group, partition) == 1)
        }
        GroupCondition::Committed(group, partition, offset) => group_of(view, group)
            .and_then(|found| found.offsets.get(partition))
            .is_some_and(|kept| kept.offset >= *offset),
        GroupCondition::NotCommitted(group, partition) => {
            group_of(view, group).is_none_or(|found| !found.offsets.contains_key(partition))
        }
        GroupCondition::LagAtMost(group, topic, most) => {
            let partitions = view.partitions.keys().filter(|partition| partition.topic == *topic);
            let lags: Option<Vec<i64>> =
                partitions.map(|partition| view.lag(group, partition)).collect();
            lags.is_some_and(|lags| {
                u64::try_from(lags.into_iter().sum::<i64>()).is_ok_and(|lag| lag <= *most)
            })
        }
        GroupCondition::Processed(group, partition, offset) => {
            let at = (group.clone(), partition.clone());
            view.processed.get(&at).is_some_and(|done| done >= offset)
        }
        GroupCondition::CommitRefused(client) => place_of(view, client)
            .and_then(|place| place.commit_failed)
            .is_some_and(|seq| seq > since),
        GroupCondition::LostPartitions(client) => {
            place_of(view, client).and_then(|place| place.lost).is_some_and(|seq| seq > since)
        }
        GroupCondition::DowntimeAtMost(group, time) => view.downtime(group).total <= *time,
        GroupCondition::DowntimeAtLeast(group, time) => view.downtime(group).total >= *time,
    }
}

/// What is the case, where a condition does not hold.
pub(super) fn found(view: &View, condition: &GroupCondition) -> String {
    match condition {
        GroupCondition::State(group, _) | GroupCondition::Members(group, _) => {
            match group_of(view, group) {
                Some(found) => {
                    format!("group {group} is {} with {} members", found.state, found.members.len())
                }
                None => format!("no coordinator has group {group}"),
            }
        }
        GroupCondition::Owns(client, _)
        | GroupCondition::OwnsCount(client, _)
        | GroupCondition::CommitRefused(client)
        | GroupCondition::LostPartitions(client) => match place_of(view, client) {
            Some(place) => format!("{client} owns {}", list(place.assigned.iter())),
            None => format!("{client} has not subscribed"),
        },
        GroupCondition::AllOwned(group) => {
            let wanted = subscribed(view, group);
            let wrong = wanted.iter().filter(|partition| owners(view, group, partition) != 1);
            format!("without exactly one owner: {}", list(wrong))
        }
        GroupCondition::Committed(group, partition, _)
        | GroupCondition::NotCommitted(group, partition) => {
            let kept = group_of(view, group).and_then(|found| found.offsets.get(partition));
            match kept {
                Some(kept) => format!("group {group} has committed {} of {partition}", kept.offset),
                None => format!("group {group} has committed nothing of {partition}"),
            }
        }
        GroupCondition::LagAtMost(group, topic, _) => {
            let partitions = view.partitions.keys().filter(|partition| partition.topic == *topic);
            let lags = partitions.map(|partition| match view.lag(group, partition) {
                Some(lag) => format!("{lag} of {partition}"),
                None => format!("an unknown lag of {partition}"),
            });
            format!("group {group} has yet to read {}", lags.collect::<Vec<_>>().join(", "))
        }
        GroupCondition::Processed(group, partition, _) => {
            let done = view.processed.get(&(group.clone(), partition.clone()));
            match done {
                Some(done) => format!("group {group} is done with {partition} up to {done}"),
                None => format!("group {group} is done with nothing of {partition}"),
            }
        }
        GroupCondition::DowntimeAtMost(group, _) | GroupCondition::DowntimeAtLeast(group, _) => {
            let downtime = view.downtime(group);
            format!(
                "{} without an owner, {} of {} partitions",
                downtime.total, downtime.stopped, downtime.partitions
            )
        }
    }
}

/// A condition as a person would say it.
pub(super) fn said(condition: &GroupCondition) -> String {
    match condition {
        GroupCondition::State(group, state) => format!("group {group} is {state}"),
        GroupCondition::Members(group, 1) => format!("group {group} has 1 member"),
        GroupCondition::Members(group, count) => format!("group {group} has {count} members"),
        GroupCondition::Owns(client, partitions) if partitions.is_empty() => {
            format!("{client} owns nothing")
        }
        GroupCondition::Owns(client, partitions) => {
            format!("{client} owns {}", list(partitions.iter()))
        }
        GroupCondition::OwnsCount(client, 1) => format!("{client} owns 1 partition"),
        GroupCondition::OwnsCount(client, count) => format!("{client} owns {count} partitions"),
        GroupCondition::AllOwned(group) => {
            format!("each partition of group {group} has one owner")
        }
        GroupCondition::Committed(group, partition, offset) => {
            format!("group {group} has committed {offset} of {partition}, or more")
        }
        GroupCondition::NotCommitted(group, partition) => {
            format!("group {group} has no offset for {partition}")
        }
        GroupCondition::LagAtMost(group, topic, lag) => {
            format!("group {group} lags by at most {lag} records of {topic}")
        }
        GroupCondition::Processed(group, partition, offset) => {
            format!("group {group} is done with {partition} up to {offset}")
        }
        GroupCondition::CommitRefused(client) => format!("a commit of {client} is refused"),
        GroupCondition::LostPartitions(client) => format!("{client} loses its partitions"),
        GroupCondition::DowntimeAtMost(group, time) => {
            format!("partitions of group {group} were without an owner for {time} at most")
        }
        GroupCondition::DowntimeAtLeast(group, time) => {
            format!("partitions of group {group} were without an owner for {time} at least")
        }
    }
}

fn group_of<'a>(view: &'a View, group: &GroupId) -> Option<&'a GroupView> {
    view.group(group).map(|(_, found)| found)
}

fn place_of<'a>(view: &'a View, client: &str) -> Option<&'a MembershipView> {
    let node: NodeId = view.table.named(client)?;
    view.nodes.get(&node)?.client.membership.as_ref()
}

/// The partitions of the topics that the group's running consumers subscribed to by name.
fn subscribed(view: &View, group: &GroupId) -> Vec<TopicPartition> {
    let consumers = view.nodes.values().filter(|node| node.is_alive());
    let places = consumers.filter_map(|node| node.client.membership.as_ref());
    let topics: Vec<&String> = places
        .filter(|place| place.takes_part && place.group.as_ref() == Some(group))
        .flat_map(|place| &place.topics)
        .collect();
    let known = view.partitions.iter().filter(|(partition, state)| {
        state.truth.is_some()
            && state.deleted.is_none()
            && topics.iter().any(|topic| **topic == *partition.topic)
    });
    known.map(|(partition, _)| partition.clone()).collect()
}

fn owners(view: &View, group: &GroupId, partition: &TopicPartition) -> usize {
    let owned = view.ownership.get(&(group.clone(), partition.clone()));
    owned.map_or(0, |owned| owned.owners.len())
}

fn list<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> String {
    let named: Vec<String> = partitions.map(ToString::to_string).collect();
    if named.is_empty() { "nothing".to_owned() } else { named.join(", ") }
}
