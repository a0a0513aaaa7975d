//! S14 ElrValid: the eligible leader replicas are who may lead besides the ISR, and nobody else (KIP-966).
//!
//! (a) Nobody is in the ISR and eligible at once, and only replicas are eligible. (b) While the ISR has
//! `min.insync.replicas` members nobody else is eligible: the high watermark may move without them. (c) A broker that came
//! back without an orderly end is neither in sync nor eligible: what it had not synced may be gone. (d) Nobody drops out of
//! both for another reason while the ISR is too small: else too few would be left of those who hold what is committed.
//! (e) When both are empty, the last leader is remembered.
//!
//! Origin: Vanlightly's `kip_966_properties.tla`.
//!
//! Broken, it looks like this: the partition gets a leader after the last member of the ISR died, and it is one that never
//! had the newest acknowledged records; or it gets none, although somebody has them all.
//!
//! A batch of metadata records is atomic and its events are not, so it is judged once a node has applied it. A node that was
//! behind applies several batches as one: (d) is broken only if also some single step breaks it.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{BrokerId, EventKind, IncarnationId, NodeId, TopicPartition};

use super::{Check, Finding, InvariantId, Severity};
use crate::view::{PartitionState, View};

/// A partition's states while records are being applied: the one before first, if there was one, and the newest last.
type Steps = Vec<PartitionState>;

#[derive(Clone, Debug, Default)]
pub(super) struct Eligible {
    known: BTreeMap<TopicPartition, PartitionState>,
    changed: BTreeMap<TopicPartition, Steps>,
    /// Brokers that ended in an orderly way and have not been registered since: a process that dies before that has opened
    /// no log, and leaves the marker of the stop before as it found it.
    orderly: BTreeSet<NodeId>,
    /// Brokers whose process began after such an end.
    claims: BTreeSet<NodeId>,
    /// In which incarnation each broker registered last.
    registered: BTreeMap<BrokerId, IncarnationId>,
    /// Nodes that were registered in the life that they are in.
    here: BTreeSet<NodeId>,
    /// Brokers that came back without an orderly end, in the batch that is being applied.
    unclean: BTreeSet<BrokerId>,
}

impl Eligible {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other event changes who is eligible, or how a process ended"
    )]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        let node = cx.event.node;
        match &cx.event.kind {
            EventKind::NodeStarted { .. } => {
                self.here.remove(&node);
                // What a process says of its predecessor holds for its registration, also if it is dead when that is decided.
                if self.orderly.contains(&node) {
                    self.claims.insert(node);
                } else {
                    self.claims.remove(&node);
                }
            }
            // Who was never registered in this life has no epoch to leave behind: its next registration counts as one
            // after an unclean shutdown (KIP-966).
            EventKind::NodeStopped { orderly: true, .. } if self.here.contains(&node) => {
                self.orderly.insert(node);
            }
            EventKind::DiskWiped {} => {
                self.orderly.remove(&node);
            }
            EventKind::TopicDeleted { topic, .. } if !cx.view.topics.contains_key(topic) => {
                self.known.retain(|partition, _| partition.topic != *topic);
                self.changed.retain(|partition, _| partition.topic != *topic);
            }
            EventKind::BrokerUnregistered { broker, .. } => {
                self.registered.remove(broker);
            }
            EventKind::BrokerRegistered { offset, broker, incarnation, .. } => {
                let news = cx.view.brokers.get(broker).is_some_and(|view| view.offset == *offset);
                let clean =
                    cx.view.table.node_of(*broker).is_some_and(|node| self.claims.contains(&node));
                if news {
                    // One that asks again because it did not hear the answer has not ended in between.
                    let before = self.registered.insert(*broker, *incarnation);
                    if before.is_some_and(|before| before != *incarnation) && !clean {
                        self.unclean.insert(*broker);
                    }
                }
                if news && let Some(node) = cx.view.table.node_of(*broker) {
                    self.here.insert(node);
                    // The marker names the epoch before this one: it is worth nothing at the next registration.
                    self.orderly.remove(&node);
                    self.claims.remove(&node);
                }
            }
            EventKind::PartitionChanged { partition, .. } => {
                let truth = cx.view.truth(partition).filter(|truth| truth.seq == cx.event.seq);
                if let Some(truth) = truth {
                    let before = self.known.insert(partition.clone(), truth.clone());
                    let steps = self.changed.entry(partition.clone());
                    steps.or_insert_with(|| before.into_iter().collect()).push(truth.clone());
                }
            }
            EventKind::MetadataApplied { .. }
                if !self.changed.is_empty() || !self.unclean.is_empty() =>
            {
                let changed = std::mem::take(&mut self.changed);
                let unclean = std::mem::take(&mut self.unclean);
                if cx.view.has_elr() {
                    self.judge(cx, &changed, &unclean);
                }
            }
            _ => {}
        }
    }

    fn judge(
        &self,
        cx: &mut Check<'_>,
        changed: &BTreeMap<TopicPartition, Steps>,
        unclean: &BTreeSet<BrokerId>,
    ) {
        for (partition, now) in &self.known {
            let back = unclean.iter().find(|id| now.isr.contains(id) || now.elr.contains(id));
            let steps = changed.get(partition);
            let problem = back
                .map(|id| {
                    format!("broker {id} came back without an orderly end and is still counted on")
                })
                .or_else(|| {
                    problem(cx.view, partition, now)
                        .or_else(|| dropped(cx.view, partition, steps?, unclean))
                });
            let Some(problem) = problem else { continue };
            cx.reporter.report(Finding {
                id: InvariantId::ElrValid,
                severity: Severity::Amber,
                subject: format!("{partition} {}", now.partition_epoch),
                partition: Some(partition),
                offset: None,
                sentence: format!(
                    "{partition}: {problem} (ISR {:?}, eligible {:?})",
                    ids(&now.isr),
                    ids(&now.elr)
                ),
                events: vec![now.seq],
            });
        }
    }
}

/// (a), (b) and (e).
fn problem(view: &View, partition: &TopicPartition, now: &PartitionState) -> Option<String> {
    if let Some(both) = now.isr.iter().find(|id| now.elr.contains(id)) {
        return Some(format!("broker {both} is in sync and eligible at once"));
    }
    if let Some(stranger) = now.elr.iter().find(|id| !now.replicas.contains(id)) {
        return Some(format!("broker {stranger} is eligible but not a replica"));
    }
    let needed = view.min_isr(&partition.topic).min(now.replicas.len());
    if now.isr.len() >= needed && !now.elr.is_empty() {
        return Some(format!("somebody is eligible, although {} are in sync", now.isr.len()));
    }
    if now.isr.is_empty() && now.elr.is_empty() && now.last_known_elr.is_empty() {
        return Some("nobody is in sync or eligible, and who led last is forgotten".to_owned());
    }
    None
}

/// (d), over all steps and in one of them.
fn dropped(
    view: &View,
    partition: &TopicPartition,
    steps: &[PartitionState],
    unclean: &BTreeSet<BrokerId>,
) -> Option<String> {
    let [first, .., last] = steps else { return None };
    let all = dropped_in(view, partition, first, last, unclean);
    all.filter(|_| {
        let mut pairs = steps.windows(2);
        pairs.any(|pair| match pair {
            [before, now] => dropped_in(view, partition, before, now, unclean).is_some(),
            _ => false,
        })
    })
}

fn dropped_in(
    view: &View,
    partition: &TopicPartition,
    before: &PartitionState,
    now: &PartitionState,
    unclean: &BTreeSet<BrokerId>,
) -> Option<String> {
    let needed = view.min_isr(&partition.topic).min(now.replicas.len());
    if now.isr.len() >= needed {
        return None;
    }
    // A leader from outside of both begins anew: that is an unclean election, which is S1's to judge.
    let counted = |id: &&BrokerId| before.isr.contains(id) || before.elr.contains(id);
    if now.leader != BrokerId::NONE && !counted(&&now.leader) {
        return None;
    }
    let gone = before.isr.iter().chain(&before.elr).find(|id| {
        let kept = now.isr.contains(id) || now.elr.contains(id) || !now.replicas.contains(id);
        !kept && !unclean.contains(id) && view.brokers.contains_key(id)
    })?;
    Some(format!("broker {gone} is counted on no more, although too few are in sync"))
}

fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|id| id.0).collect()
}
