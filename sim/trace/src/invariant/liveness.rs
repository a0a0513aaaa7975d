//! L1–L3, L5–L8 and L10: what a healed cluster must have come back to.
//!
//! While faults go on a cluster may be stuck; once they are over it must recover by itself, within a time. These are
//! judged at *quiescence*: nothing is cut, frozen or misbehaving, and nothing was for the [settle
//! time](Quiescence::settle). Processes that were left down are no obstacle: the properties speak of those that run.
//!
//! * L1 IsrHeals: every running broker is unfenced, and each of its replicas is in the ISR.
//! * L2 LeaderEventually: a partition with a live, unfenced member of its ISR or of its eligible leader replicas has a
//!   leader that knows it; a quorum with a live majority has a leader that a majority follows, and its epoch stands still.
//! * L3 ProduceResolves: no producer has a record that is older than its `delivery.timeout.ms`, or than the settle time.
//! * L5 GroupStabilises: see [`group_liveness`].
//! * L6 AlterPartitionResolves: no leader waits for an answer to an AlterPartition.
//! * L7 MetadataConverges: every running broker believes of each partition what is committed.
//! * L8 FollowersCatchUp: in-sync replicas have the leader's log end and high watermark, the high watermark has reached
//!   the log end, and no fetcher repeats the same error or truncation.
//! * L10 ReassignmentEnds: no replicas are on their way in or out.
//!
//! Origins: Vanlightly's `v3_5_properties.tla` and `kraft_kip_996_properties.tla`, hachikuji's `KafkaReplication.tla`.
//!
//! Broken, it looks like this: everything is up, no alarm fires, and one partition takes no writes until somebody restarts
//! a broker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use klamm_node::event::Word;
use klamm_node::{BrokerId, EventKind, LeaderEpoch, NodeId, Seq, Span, Time, TopicPartition};

use super::{Check, Finding, InvariantId, Reporter, Severity, group_liveness};
use crate::header::NodeKind;
use crate::view::{PartitionState, PartitionView, ProcessState, ReplicaView, View};

/// When a run may be judged for liveness.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Quiescence {
    /// How long nothing may have been disturbed. It must cover what a cluster with its settings needs to heal: a broker's
    /// session timeout, then an election, and the longest timeout of a request that nobody will answer.
    pub settle: Span,
    /// How much longer the groups of consumers may take: a session, then a rebalance.
    pub groups: Span,
    /// The `delivery.timeout.ms` of each producer.
    pub delivery: BTreeMap<NodeId, Span>,
}

/// What is on its way at any moment in a healthy cluster is as old as this at most: a long poll, and then some.
const ON_ITS_WAY: Span = Span::secs(2);

/// How often within half the settle time the same may go wrong for a fetcher before it is stuck in it.
const REPEATS: usize = 3;

/// The moments of the last repetitions of something.
type Repeats = VecDeque<Time>;

#[derive(Clone, Debug, Default)]
pub(super) struct Liveness {
    /// The last time that something was done to a process, a machine or a link.
    disturbed: Time,
    /// Disturbances that last, by what they are and where.
    standing: BTreeSet<(&'static str, NodeId, NodeId)>,
    /// The newest quorum epoch, and since when.
    epoch: (LeaderEpoch, Time),
    /// When each partition's controller state last changed.
    changed: BTreeMap<TopicPartition, Time>,
    /// When each leader's open proposal was made.
    proposed: BTreeMap<(TopicPartition, NodeId), Time>,
    truncations: BTreeMap<(TopicPartition, NodeId), Repeats>,
    refusals: BTreeMap<(TopicPartition, BrokerId), (Word, Repeats)>,
}

impl Liveness {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event tells of unrest")]
    pub(super) fn check(&mut self, cx: &Check<'_>) {
        let (now, node) = (cx.event.time, cx.event.node);
        match &cx.event.kind {
            EventKind::NodeStarted { .. }
            | EventKind::NodeCrashed {}
            | EventKind::PowerFailed { .. }
            | EventKind::NodePaused {}
            | EventKind::NodeResumed {}
            | EventKind::NodeStopped { .. }
            | EventKind::DiskWiped {}
            | EventKind::DiskChanged { .. }
            | EventKind::ClockChanged { .. }
            | EventKind::LinkCut { .. }
            | EventKind::LinkHealed { .. }
            | EventKind::LinkChanged { .. } => self.disturbed = now,
            EventKind::LinkFlaky { from, to, loss, duplicate, reorder } => {
                self.stands(now, ("flaky", *from, *to), loss + duplicate + reorder > 0);
            }
            EventKind::RepliesHeld { from, to, by, .. } => {
                self.stands(now, ("held", *from, *to), *by > Span::ZERO);
            }
            EventKind::DiskFaulted { fault } => {
                self.stands(now, ("disk", node, node), fault != "none");
            }
            // What rotted stays so until somebody throws it away; nothing heals by itself.
            EventKind::DiskRotted { .. } => self.stands(now, ("rot", node, node), true),
            EventKind::QuorumRoleChanged { epoch, .. } if *epoch > self.epoch.0 => {
                self.epoch = (*epoch, now);
            }
            EventKind::PartitionChanged { partition, .. }
                if cx.view.truth(partition).is_some_and(|truth| truth.seq == cx.event.seq) =>
            {
                self.changed.insert(partition.clone(), now);
            }
            EventKind::IsrProposed { partition, .. } => {
                self.proposed.insert((partition.clone(), node), now);
            }
            EventKind::LogTruncated { partition, .. } => {
                remember(self.truncations.entry((partition.clone(), node)).or_default(), now);
            }
            EventKind::PartitionRequestRefused { partition, replica, error, .. }
                if *replica != BrokerId::NONE =>
            {
                let at = (partition.clone(), *replica);
                let (last, times) = self.refusals.entry(at).or_default();
                if last != error {
                    (*last, *times) = (error.clone(), Repeats::new());
                }
                remember(times, now);
            }
            _ => {}
        }
    }

    fn stands(&mut self, now: Time, what: (&'static str, NodeId, NodeId), stands: bool) {
        self.disturbed = now;
        match stands {
            true => self.standing.insert(what),
            false => self.standing.remove(&what),
        };
    }

    /// True if nothing is disturbed, and nothing was for the settle time.
    fn is_quiet(&self, view: &View, settle: Span) -> bool {
        let frozen = view.nodes.values().any(|node| node.state == ProcessState::Paused);
        let cut = !view.cuts.is_empty() || !self.standing.is_empty();
        !frozen && !cut && view.now.since(self.disturbed) >= settle
    }

    /// Judges a run at a quiet moment; false if the moment is not quiet.
    pub(super) fn judge(&self, view: &View, quiet: &Quiescence, reporter: &mut Reporter) -> bool {
        if !self.is_quiet(view, quiet.settle) {
            return false;
        }
        let half = Span::millis(quiet.settle.as_millis() / 2);
        let mut found = Found { view, reporter };
        self.quorum(&mut found, half);
        for (node, info) in view.table.iter() {
            if let Some(broker) = info.broker
                && matches!(info.kind, NodeKind::Broker | NodeKind::Combined)
            {
                unfenced(&mut found, node, broker);
            }
        }
        for (partition, state) in &view.partitions {
            let Some(truth) = &state.truth else { continue };
            isr_heals(&mut found, partition, truth);
            leads(&mut found, partition, state, truth);
            self.alteration(&mut found, partition, state, truth);
            self.converges(&mut found, partition, truth);
            caught_up(&mut found, partition, state, truth);
            let (adding, removing) = (&truth.adding, &truth.removing);
            if !(adding.is_empty() && removing.is_empty()) {
                let what = format!(
                    "the reassignment has not ended: adding {adding:?}, removing {removing:?}"
                );
                found.add(InvariantId::ReassignmentEnds, Some(partition), what, truth.seq);
            }
        }
        self.repetitions(&mut found, half);
        if view.now.since(self.disturbed) >= quiet.settle + quiet.groups {
            group_liveness::judge(view, reporter);
        }
        true
    }

    fn quorum(&self, found: &mut Found<'_>, half: Span) {
        let view = found.view;
        let running = |node: &NodeId| view.nodes.get(node).filter(|node| runs(node.state));
        let (of, voters) = view.quorum_voters();
        let alive: Vec<NodeId> =
            voters.iter().copied().filter(|node| running(node).is_some()).collect();
        if alive.len() * 2 <= of {
            return;
        }
        let leader = alive.iter().filter_map(|node| Some((*node, &running(node)?.raft)));
        let leader = leader.filter(|(_, raft)| raft.role == "leader").max_by_key(|(_, r)| r.epoch);
        let Some((leader, raft)) = leader else {
            let what = "a majority of the metadata quorum runs, and nobody leads it".to_owned();
            return found.add(InvariantId::LeaderEventually, None, what, view.seq);
        };
        let id = view.table.broker_of(leader).unwrap_or(BrokerId::NONE);
        let follows = |node: &&NodeId| {
            running(node)
                .is_some_and(|node| (node.raft.leader, node.raft.epoch) == (id, raft.epoch))
        };
        let name = view.table.name(leader);
        let followers = alive.iter().filter(follows).count();
        if followers * 2 <= of {
            let epoch = raft.epoch;
            let what = format!("{followers} of {of} voters follow {name} in quorum epoch {epoch}");
            found.add(InvariantId::LeaderEventually, None, what, view.seq);
        }
        if found.view.now.since(self.epoch.1) < half {
            let (epoch, at) = self.epoch;
            let what = format!("the quorum epoch still grows: {epoch} began at {at}");
            found.add(InvariantId::LeaderEventually, None, what, view.seq);
        }
        if running(&leader).is_some_and(|node| node.active != Some(raft.epoch)) {
            let what = format!("{name} leads the quorum, and its controller is not active");
            found.add(InvariantId::LeaderEventually, None, what, view.seq);
        }
    }

    fn alteration(
        &self,
        found: &mut Found<'_>,
        partition: &TopicPartition,
        state: &PartitionView,
        truth: &PartitionState,
    ) {
        let Some((_, replica)) = found.view.true_leader_in(state) else { return };
        let Some(node) = found.view.table.node_of(truth.leader) else { return };
        let Some(at) = self.proposed.get(&(partition.clone(), node)) else { return };
        if replica.proposed.is_some() && found.view.now.since(*at) > ON_ITS_WAY {
            let what =
                format!("leader {} waits since {at} for an answer about the ISR", truth.leader);
            found.add(InvariantId::AlterPartitionResolves, Some(partition), what, truth.seq);
        }
    }

    fn converges(&self, found: &mut Found<'_>, partition: &TopicPartition, truth: &PartitionState) {
        let view = found.view;
        if self.changed.get(partition).is_some_and(|at| view.now.since(*at) < ON_ITS_WAY) {
            return;
        }
        for (broker, node) in running_brokers(view) {
            let belief = view.nodes.get(&node).and_then(|node| node.beliefs.get(partition));
            let same = belief.is_some_and(|belief| {
                (belief.leader, belief.leader_epoch, belief.partition_epoch, &belief.isr)
                    == (truth.leader, truth.leader_epoch, truth.partition_epoch, &truth.isr)
            });
            if !same {
                let epoch = belief.map_or(-1, |belief| belief.partition_epoch.0);
                let what = format!(
                    "broker {broker} believes in partition epoch {epoch}, committed is {}",
                    truth.partition_epoch
                );
                found.add(InvariantId::MetadataConverges, Some(partition), what, truth.seq);
            }
        }
    }

    fn repetitions(&self, found: &mut Found<'_>, half: Span) {
        let now = found.view.now;
        let stuck = |times: &Repeats| {
            times.len() >= REPEATS && times.front().is_some_and(|first| now.since(*first) < half)
        };
        for ((partition, node), _) in self.truncations.iter().filter(|(_, times)| stuck(times)) {
            let what =
                format!("{} truncates its log again and again", found.view.table.name(*node));
            found.add(InvariantId::FollowersCatchUp, Some(partition), what, found.view.seq);
        }
        for ((partition, replica), (error, times)) in &self.refusals {
            if stuck(times) {
                let what = format!("broker {replica} is refused again and again with {error}");
                found.add(InvariantId::FollowersCatchUp, Some(partition), what, found.view.seq);
            }
        }
    }
}

fn remember(times: &mut Repeats, now: Time) {
    if times.len() == REPEATS {
        times.pop_front();
    }
    times.push_back(now);
}

/// What is found, at the moment of the judgement.
struct Found<'a> {
    view: &'a View,
    reporter: &'a mut Reporter,
}

impl Found<'_> {
    fn add(
        &mut self,
        id: InvariantId,
        partition: Option<&TopicPartition>,
        what: String,
        since: Seq,
    ) {
        let sentence = match partition {
            Some(partition) => format!("{partition}: {what}"),
            None => what,
        };
        self.reporter.report(Finding {
            id,
            severity: Severity::Red,
            subject: sentence.clone(),
            partition,
            offset: None,
            sentence: format!("healed long ago, and still {sentence}"),
            events: vec![since],
        });
    }
}

fn runs(state: ProcessState) -> bool {
    state == ProcessState::Up
}

/// Brokers whose process runs, that are registered and unfenced, and do not leave.
fn running_brokers(view: &View) -> impl Iterator<Item = (BrokerId, NodeId)> + '_ {
    view.brokers.iter().filter(|(_, broker)| !broker.fenced && !broker.shutting_down).filter_map(
        |(id, _)| {
            let node = view.table.node_of(*id)?;
            view.nodes.get(&node).filter(|node| runs(node.state)).map(|_| (*id, node))
        },
    )
}

fn takes_part(view: &View, broker: BrokerId) -> bool {
    running_brokers(view).any(|(id, _)| id == broker)
}

fn unfenced(found: &mut Found<'_>, node: NodeId, broker: BrokerId) {
    let view = found.view;
    let Some(state) = view.nodes.get(&node).filter(|node| runs(node.state)) else { return };
    // Without a controller nobody can unfence it, and that is said already. A broker that leaves may be fenced.
    let leaves = !matches!(&*state.broker_state, "starting" | "recovery" | "running");
    if leaves || view.quorum.active.is_none() {
        return;
    }
    let known = view.brokers.get(&broker);
    if known.is_none_or(|known| known.fenced && !known.shutting_down) {
        let what = match known {
            Some(_) => format!("broker {broker} runs, and is fenced"),
            None => format!("broker {broker} runs, and is not registered"),
        };
        found.add(InvariantId::IsrHeals, None, what, state.since);
    }
}

fn isr_heals(found: &mut Found<'_>, partition: &TopicPartition, truth: &PartitionState) {
    for replica in truth.replicas.iter().filter(|id| !truth.isr.contains(id)) {
        // Who is on its way out need not come back, who is on its way in is L10's.
        if truth.removing.contains(replica) || truth.adding.contains(replica) {
            continue;
        }
        if truth.leader != BrokerId::NONE && takes_part(found.view, *replica) {
            let what =
                format!("broker {replica} runs, and is not in the ISR {:?}", ids(&truth.isr));
            found.add(InvariantId::IsrHeals, Some(partition), what, truth.seq);
        }
    }
}

fn leads(
    found: &mut Found<'_>,
    partition: &TopicPartition,
    state: &PartitionView,
    truth: &PartitionState,
) {
    let view = found.view;
    let leads = view.true_leader_in(state).is_some_and(|(leader, _)| takes_part(view, leader));
    // Whoever led last may lead again when nobody is left who certainly has everything.
    let last = truth.last_known_elr.iter().filter(|_| truth.isr.is_empty() && truth.elr.is_empty());
    let mut eligible = truth.isr.iter().chain(&truth.elr).chain(last);
    let Some(able) = eligible.find(|id| takes_part(view, **id)).filter(|_| !leads) else { return };
    let what = match truth.leader {
        BrokerId::NONE => format!("there is no leader, and broker {able} could lead"),
        leader => format!("broker {leader} is to lead and does not; broker {able} could"),
    };
    found.add(InvariantId::LeaderEventually, Some(partition), what, truth.seq);
}

fn caught_up(
    found: &mut Found<'_>,
    partition: &TopicPartition,
    state: &PartitionView,
    truth: &PartitionState,
) {
    let view = found.view;
    let Some((leader, leading)) = view.true_leader_in(state) else { return };
    let old = |at: Time| view.now.since(at) > ON_ITS_WAY;
    if !old(leading.appended) {
        return;
    }
    let end = leading.log.end();
    let following: Vec<(BrokerId, &ReplicaView)> = truth
        .isr
        .iter()
        .filter(|id| **id != leader && takes_part(view, **id))
        .filter_map(|id| Some((*id, state.replicas.get(id)?)))
        .collect();
    let enough = truth.isr.len() >= view.min_isr(&partition.topic).min(truth.replicas.len());
    if enough && leading.high_watermark < end {
        let what = format!(
            "the high watermark stands at {}, the log end of leader {leader} at {end}",
            leading.high_watermark
        );
        found.add(InvariantId::FollowersCatchUp, Some(partition), what, truth.seq);
    }
    for (broker, replica) in following {
        if replica.log.end() != end {
            let what = format!(
                "the log of broker {broker} ends at {}, the leader's at {end}",
                replica.log.end()
            );
            found.add(InvariantId::FollowersCatchUp, Some(partition), what, truth.seq);
        } else if old(leading.watermark_moved) && replica.high_watermark != leading.high_watermark {
            let (its, leaders) = (replica.high_watermark, leading.high_watermark);
            let what =
                format!("the high watermark of broker {broker} is {its}, the leader's {leaders}");
            found.add(InvariantId::FollowersCatchUp, Some(partition), what, truth.seq);
        }
    }
}

fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|id| id.0).collect()
}
