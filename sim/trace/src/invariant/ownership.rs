//! S21 OwnershipExclusive: at one generation or member epoch a partition has one owner in its group.
//!
//! Judged from both sides. A *coordinator* never holds two members for owners of one partition: in a classic group within a
//! generation, in a consumer group (KIP-848) at any time, what a member has still to give up included. Of two *consumers*
//! that believe to own a partition, the older must have been put out of the group already: then it is a zombie, which the
//! coordinator's fencing is for, and its commits are refused (S22).
//!
//! Broken, it looks like this: two instances of a service work on the same orders, and both believe that they are alone
//! (KAFKA-14639, KAFKA-16147).

use klamm_node::event::Word;
use klamm_node::{EventKind, GroupId, MemberId, TopicPartition};

use super::{Check, Finding, InvariantId, Severity};

#[expect(clippy::wildcard_enum_match_arm, reason = "no other event gives partitions to members")]
pub(super) fn check(cx: &mut Check<'_>) {
    match &cx.event.kind {
        EventKind::MemberAssigned { group, member, epoch, partitions, .. } => {
            coordinator(cx, group, member, *epoch, partitions);
        }
        EventKind::PartitionsAssigned { group, member, epoch, partitions } => {
            consumers(cx, group, member, *epoch, partitions);
        }
        _ => {}
    }
}

fn coordinator(
    cx: &mut Check<'_>,
    group: &GroupId,
    member: &MemberId,
    epoch: i32,
    partitions: &[TopicPartition],
) {
    let Some(view) = cx.view.nodes.get(&cx.event.node).and_then(|node| node.groups.get(group))
    else {
        return;
    };
    let incremental = is_incremental(&view.kind);
    let shared =
        view.members.iter().filter(|(other, _)| *other != member).find_map(|(other, at)| {
            if !incremental && at.epoch != epoch {
                return None;
            }
            let held = |partition: &&TopicPartition| {
                at.assigned.contains(*partition) || at.revoking.contains(*partition)
            };
            let partition = partitions.iter().find(held)?;
            Some((other.clone(), at.epoch, at.seq, partition))
        });
    let Some((other, its, since, partition)) = shared else { return };
    let sentence = format!(
        "{partition}: the coordinator of group {group} gives it to member {member} in epoch {epoch}, and member {other} holds \
         it in epoch {its}"
    );
    report(cx, group, partition, sentence, since);
}

fn consumers(
    cx: &mut Check<'_>,
    group: &GroupId,
    member: &MemberId,
    epoch: i32,
    partitions: &[TopicPartition],
) {
    let Some((_, truth)) = cx.view.group(group) else { return };
    // An answer that came so late that its receiver is out of the group by now makes a zombie of it, as in Kafka.
    if !truth.members.contains_key(member) {
        return;
    }
    let incremental = is_incremental(&truth.kind);
    let rival = cx.view.nodes.iter().filter(|(node, _)| **node != cx.event.node).find_map(
        |(node, view)| {
            let place = view.client.membership.as_ref()?;
            let in_force = truth.members.get(place.member.as_ref()?)?;
            // Who has been given a newer assignment knows that the older is over, or is about to learn it.
            let same = incremental || place.epoch == epoch && in_force.epoch == epoch;
            if place.group.as_ref() != Some(group) || !view.is_alive() || !same {
                return None;
            }
            let partition =
                partitions.iter().find(|partition| place.assigned.contains(partition))?;
            Some((*node, place.epoch, in_force.seq, partition))
        },
    );
    let Some((rival, its, since, partition)) = rival else { return };
    let (one, other) = (cx.view.table.name(cx.event.node), cx.view.table.name(rival));
    let sentence = format!(
        "{partition}: {one} owns it for group {group} in epoch {epoch}, and {other}, still a member, owns it in epoch {its}"
    );
    report(cx, group, partition, sentence, since);
}

/// In a group of the consumer protocol partitions change hands one by one, without a common generation.
fn is_incremental(kind: &Word) -> bool {
    kind == "consumer"
}

fn report(
    cx: &mut Check<'_>,
    group: &GroupId,
    partition: &TopicPartition,
    sentence: String,
    since: klamm_node::Seq,
) {
    cx.reporter.report(Finding {
        id: InvariantId::OwnershipExclusive,
        severity: Severity::Red,
        subject: format!("{group} {partition}"),
        partition: Some(partition),
        offset: None,
        sentence,
        events: vec![since],
    });
}
