//! S13 MembershipEligible: only registered, unfenced replicas are in an ISR or lead.
//!
//! (a) No fenced, leaving or unregistered broker is in an ISR of more than one, and no fenced broker leads (KIP-631,
//! KIP-841); without eligible leader replicas (KIP-966) the last member stays in the ISR when it is fenced. (d) The ISR is
//! a part of the replicas, without repetition.
//!
//! Broken, it looks like this: the controller counts on a broker that it has itself declared dead.
//!
//! A batch of metadata records is atomic and its events are not, so it is judged once a node has applied it.

use std::collections::BTreeSet;

use klamm_node::{BrokerId, EventKind, TopicPartition};

use super::{Check, Finding, InvariantId, Severity};
use crate::view::{PartitionState, View};

#[derive(Clone, Debug, Default)]
pub(super) struct Membership {
    partitions: BTreeSet<TopicPartition>,
    brokers: BTreeSet<BrokerId>,
}

impl Membership {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other event changes who is eligible or in an ISR"
    )]
    pub(super) fn check(&mut self, cx: &mut Check<'_>) {
        match &cx.event.kind {
            EventKind::PartitionChanged { partition, .. }
                if cx.view.truth(partition).is_some_and(|truth| truth.seq == cx.event.seq) =>
            {
                self.partitions.insert(partition.clone());
            }
            EventKind::BrokerFenced { offset, broker, .. }
            | EventKind::BrokerRegistered { offset, broker, .. }
            | EventKind::BrokerShuttingDown { offset, broker, .. }
                if cx.view.brokers.get(broker).is_some_and(|view| view.offset == *offset) =>
            {
                self.brokers.insert(*broker);
            }
            EventKind::BrokerUnregistered { broker, .. } => {
                self.brokers.insert(*broker);
            }
            EventKind::MetadataApplied { .. }
                if !self.partitions.is_empty() || !self.brokers.is_empty() =>
            {
                self.judge(cx);
            }
            _ => {}
        }
    }

    fn judge(&mut self, cx: &mut Check<'_>) {
        let (partitions, brokers) =
            (std::mem::take(&mut self.partitions), std::mem::take(&mut self.brokers));
        for (partition, state) in &cx.view.partitions {
            let Some(truth) = &state.truth else { continue };
            let concerned =
                partitions.contains(partition) || truth.isr.iter().any(|id| brokers.contains(id));
            if !concerned {
                continue;
            }
            let Some(problem) = problem(cx.view, truth) else { continue };
            cx.reporter.report(Finding {
                id: InvariantId::MembershipEligible,
                severity: Severity::Amber,
                subject: format!("{partition} {}", truth.partition_epoch),
                partition: Some(partition),
                offset: None,
                sentence: format!("{partition}: {problem}"),
                events: vec![truth.seq],
            });
        }
    }
}

fn problem(view: &View, truth: &PartitionState) -> Option<String> {
    let fenced = |id: BrokerId| view.brokers.get(&id).is_none_or(|broker| broker.fenced);
    let leaving = |id: BrokerId| view.brokers.get(&id).is_some_and(|broker| broker.shutting_down);
    if truth.leader != BrokerId::NONE && fenced(truth.leader) {
        return Some(format!("broker {} leads although it is fenced", truth.leader));
    }
    if let Some(stranger) = truth.isr.iter().find(|id| !truth.replicas.contains(id)) {
        return Some(format!("broker {stranger} is in the ISR but not a replica"));
    }
    if truth.isr.iter().collect::<BTreeSet<_>>().len() < truth.isr.len() {
        return Some("a broker is in the ISR twice".to_owned());
    }
    if truth.isr.len() > 1 {
        let out = truth.isr.iter().find(|id| fenced(**id) || leaving(**id));
        return out.map(|id| format!("broker {id} is in the ISR although it is fenced or leaving"));
    }
    None
}
