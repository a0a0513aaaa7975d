//! L5 GroupStabilises: a healed cluster's groups come to rest.
//!
//! Every group with running members is stable, its coordinator knows no members but those that run, and every partition of
//! every topic that they subscribed to by name has one owner. Judged when nothing was disturbed for as long as the sessions
//! and rebalances of its members may take.
//!
//! Broken, it looks like this: all consumers are up, heartbeats flow, and one partition's lag grows for ever (KAFKA-12890,
//! KAFKA-9752).

use std::collections::BTreeSet;

use klamm_node::{GroupId, NodeId, TopicPartition};

use super::{Finding, InvariantId, Reporter, Severity};
use crate::view::{MembershipView, ProcessState, View};

pub(super) fn judge(view: &View, reporter: &mut Reporter) {
    for group in subscribed(view) {
        let consumers = consumers_of(view, group);
        let found = problem(view, group, &consumers);
        let Some(what) = found else { continue };
        let sentence = format!("group {group}: {what}");
        reporter.report(Finding {
            id: InvariantId::GroupStabilises,
            severity: Severity::Red,
            subject: group.to_string(),
            partition: None,
            offset: None,
            sentence: format!("healed long ago, and still {sentence}"),
            events: vec![view.seq],
        });
    }
}

/// The groups that some running consumer reads for.
fn subscribed(view: &View) -> BTreeSet<&GroupId> {
    let running = view.nodes.values().filter(|node| node.state == ProcessState::Up);
    running
        .filter_map(|node| node.client.membership.as_ref())
        .filter(|place| place.takes_part)
        .filter_map(|place| place.group.as_ref())
        .collect()
}

fn consumers_of<'a>(view: &'a View, group: &GroupId) -> Vec<(NodeId, &'a MembershipView)> {
    let running = view.nodes.iter().filter(|(_, node)| node.state == ProcessState::Up);
    running
        .filter_map(|(id, node)| Some((*id, node.client.membership.as_ref()?)))
        .filter(|(_, place)| place.takes_part && place.group.as_ref() == Some(group))
        .collect()
}

fn problem(
    view: &View,
    group: &GroupId,
    consumers: &[(NodeId, &MembershipView)],
) -> Option<String> {
    let Some((coordinator, held)) = view.group(group) else {
        return Some("no coordinator has it".to_owned());
    };
    if held.state != "Stable" {
        let name = view.table.name(coordinator);
        return Some(format!("it is {} at its coordinator {name}", held.state));
    }
    for (id, place) in consumers {
        let member = place.member.as_ref();
        if member.is_none_or(|member| !held.members.contains_key(member)) {
            return Some(format!("{} runs, and is not a member", view.table.name(*id)));
        }
    }
    let known = |member| consumers.iter().any(|(_, place)| place.member.as_ref() == Some(member));
    if let Some(ghost) = held.members.keys().find(|member| !known(member)) {
        return Some(format!("its member {ghost} is no running consumer"));
    }
    let topics: BTreeSet<&str> =
        consumers.iter().flat_map(|(_, place)| place.topics.iter().map(String::as_str)).collect();
    let partitions = view.partitions.iter().filter(|(partition, state)| {
        topics.contains(&*partition.topic) && state.truth.is_some() && state.deleted.is_none()
    });
    for (partition, _) in partitions {
        let owners = owners(consumers, partition);
        match owners.as_slice() {
            [_] => {}
            [] => return Some(format!("nobody owns {partition}")),
            several => return Some(format!("{} consumers own {partition}", several.len())),
        }
    }
    None
}

fn owners(consumers: &[(NodeId, &MembershipView)], partition: &TopicPartition) -> Vec<NodeId> {
    let owning = consumers.iter().filter(|(_, place)| place.assigned.contains(partition));
    owning.map(|(id, _)| *id).collect()
}
