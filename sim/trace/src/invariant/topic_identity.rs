//! S29 TopicIdentity: what a replica holds belongs to the topic that it serves, not to an older one of the same name
//! (KIP-516).
//!
//! A topic that is deleted and created again has another id, and begins with nothing; so whatever a replica of it holds was
//! written after its creation. A broker that was down meanwhile comes back with the old topic's directory.
//!
//! Broken, it looks like this: records that somebody deleted last week are back, at offsets of which consumers of the new
//! topic have committed.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{EventKind, Offset, Seq, TopicName, TopicPartition};

use super::observer::replica_of;
use super::{Check, Finding, InvariantId, Severity};

#[derive(Clone, Debug, Default)]
pub(super) struct TopicIdentity {
    /// Topics that took the name of a deleted one: the event of the creation.
    renewed: BTreeMap<TopicName, Seq>,
    deleted: BTreeSet<TopicName>,
}

impl TopicIdentity {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event gives a replica its role")]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        match &cx.event.kind {
            EventKind::TopicDeleted { topic, .. } if !cx.view.topics.contains_key(topic) => {
                self.deleted.insert(TopicName::clone(topic));
                self.renewed.remove(topic);
            }
            EventKind::TopicCreated { offset, topic, .. } => {
                let news = cx.view.topics.get(topic).is_some_and(|view| view.offset == *offset);
                if news && self.deleted.remove(topic) {
                    self.renewed.insert(TopicName::clone(topic), cx.event.seq);
                }
            }
            EventKind::LeadershipTaken { partition, start: end, .. }
            | EventKind::FollowingStarted { partition, log_end: end, .. }
                if self.renewed.contains_key(&partition.topic) =>
            {
                let created = self.renewed.get(&partition.topic).copied().unwrap_or_default();
                took_a_role(cx, partition, *end, created);
            }
            _ => {}
        }
    }
}

/// What a replica of a topic that took a deleted one's name holds, when it takes a role.
fn took_a_role(cx: &mut Check<'_>, partition: &TopicPartition, end: Offset, created: Seq) {
    if cx.view.is_stale(cx.event.node, partition) {
        return;
    }
    let Some((broker, state, replica)) = replica_of(cx.view, cx.event, partition) else { return };
    let old = replica.log.batches().next().filter(|first| {
        let known = state.written.get(&(first.epoch, first.base));
        known.is_none_or(|written| written.crc != first.crc)
    });
    let problem = match old {
        Some(first) => {
            format!("it holds the batch {}..{} of epoch {}", first.base, first.last, first.epoch)
        }
        // Nobody saw it append what it has: the directory was there before.
        None if end > replica.log.end() => {
            format!("its log ends at {end}, and it was given nothing above {}", replica.log.end())
        }
        None => return,
    };
    cx.reporter.report(Finding {
        id: InvariantId::TopicIdentity,
        severity: Severity::Red,
        subject: format!("{partition} b{broker}"),
        partition: Some(partition),
        offset: Some(end),
        sentence: format!(
            "{partition}: broker {broker} took the log of a deleted topic of the same name for its own: {problem}, which is \
             older than the topic"
        ),
        events: vec![created],
    });
}
