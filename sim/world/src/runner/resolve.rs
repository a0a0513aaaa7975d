//! From the scenario's words to nodes: who a target is at this moment, and what an action then means.

use klamm_node::disk::memory::Loss;
use klamm_node::{BrokerId, Command, NodeId};
use klamm_scenario::model::{Action, Target, Topic};
use klamm_trace::View;

use super::{ADMIN, Runner, load};
use crate::verb::Verb;

/// Kafka's key of Fetch, by which metadata travels.
const FETCH: i16 = 1;

/// Who a target is. `acted_on` says whom a step acted on first.
pub(crate) fn resolve(
    view: &View,
    target: &Target,
    acted_on: &dyn Fn(u32) -> Option<NodeId>,
) -> Option<NodeId> {
    let broker = |id: BrokerId| view.table.node_of(id);
    match target {
        Target::Node(name) => view.table.named(name),
        Target::LeaderOf(partition) => view.leader_of(partition).and_then(broker),
        Target::FollowerOf(partition, n) => {
            let truth = view.truth(partition)?;
            let mut followers = truth.replicas.iter().filter(|id| **id != truth.leader);
            followers.nth(usize::try_from(*n).ok()?).copied().and_then(broker)
        }
        Target::ActiveController => view.active_controller().and_then(|(id, _)| broker(id)),
        Target::QuorumLeader => {
            view.quorum.leaders.last_key_value().and_then(|(_, id)| broker(*id))
        }
        Target::Same(step) => acted_on(*step),
    }
}

impl Runner {
    pub(super) fn resolve(&self, view: &View, target: &Target) -> Option<NodeId> {
        resolve(view, target, &|step| {
            self.steps.get(usize::try_from(step).ok()?).and_then(|step| step.acted_on)
        })
    }

    fn resolve_all(&self, view: &View, targets: &[Target]) -> Option<Vec<NodeId>> {
        targets.iter().map(|target| self.resolve(view, target)).collect()
    }

    /// From × to, without pairs of a node with itself. An empty side is everybody who is not on the other.
    fn pairs(
        &self,
        view: &View,
        (from, to): (&[Target], &[Target]),
        both_ways: bool,
    ) -> Option<Vec<(NodeId, NodeId)>> {
        let (mut from_nodes, mut to_nodes) =
            (self.resolve_all(view, from)?, self.resolve_all(view, to)?);
        let others = |side: &[NodeId]| -> Vec<NodeId> {
            self.table.iter().map(|(node, _)| node).filter(|node| !side.contains(node)).collect()
        };
        if to.is_empty() {
            to_nodes = if from.is_empty() { others(&[]) } else { others(&from_nodes) };
        }
        if from.is_empty() {
            from_nodes = if to.is_empty() { others(&[]) } else { others(&to_nodes) };
        }
        let mut pairs = Vec::new();
        for from in &from_nodes {
            for to in to_nodes.iter().filter(|to| *to != from) {
                pairs.push((*from, *to));
                if both_ways {
                    pairs.push((*to, *from));
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        Some(pairs)
    }

    /// What an action means at this moment; none while somebody it names does not exist.
    pub(super) fn verb(
        &mut self,
        view: &View,
        action: &Action,
    ) -> Option<(Vec<Verb>, Option<NodeId>)> {
        let one = |node: NodeId, verb: Verb| Some((vec![verb], Some(node)));
        match action {
            Action::Crash(target) => {
                self.resolve(view, target).and_then(|n| one(n, Verb::Crash(n)))
            }
            Action::Restart(target) => {
                let node = self.resolve(view, target)?;
                let mut verbs = vec![Verb::Start(node)];
                let assignment = self.assignment(node);
                self.returning.retain(|(known, _)| *known != node);
                if !view.is_alive(node) {
                    verbs.extend(assignment);
                } else if !assignment.is_empty() {
                    // A process that runs keeps what it was told; one that is about to end starts again when it has.
                    let lives = view.nodes.get(&node).map(|node| node.incarnation);
                    self.returning.push((node, lives.unwrap_or_default()));
                }
                Some((verbs, Some(node)))
            }
            Action::Stop(target) => self.resolve(view, target).and_then(|n| one(n, Verb::Stop(n))),
            Action::Pause(target) => {
                self.resolve(view, target).and_then(|n| one(n, Verb::Pause(n)))
            }
            Action::Resume(target) => {
                self.resolve(view, target).and_then(|n| one(n, Verb::Resume(n)))
            }
            Action::WipeDisk(target) => {
                self.resolve(view, target).and_then(|n| one(n, Verb::WipeDisk(n)))
            }
            Action::PowerOff { targets, partial } => {
                let nodes = self.resolve_all(view, targets)?;
                let loss = if *partial { Loss::Part } else { Loss::Whole };
                let first = nodes.first().copied();
                Some((vec![Verb::PowerOff { nodes, loss }], first))
            }
            Action::Cut { from, to, both_ways } => {
                let pairs = self.pairs(view, (from, to), *both_ways)?;
                let first = from.first().and_then(|target| self.resolve(view, target));
                Some((vec![Verb::Cut(pairs)], first))
            }
            Action::Heal { from, to } => {
                Some((vec![Verb::Heal(self.pairs(view, (from, to), true)?)], None))
            }
            Action::SlowLink { from, to, network, both_ways } => {
                let pairs = self.pairs(view, (from, to), *both_ways)?;
                let first = from.first().and_then(|target| self.resolve(view, target));
                Some((vec![Verb::ChangeLinks { pairs, network: *network }], first))
            }
            Action::SlowDisk { target, disk } => {
                let node = self.resolve(view, target)?;
                one(node, Verb::ChangeDisk { node, disk: *disk })
            }
            Action::FlakyLink { from, to, flaws, both_ways } => {
                let pairs = self.pairs(view, (from, to), *both_ways)?;
                let first = from.first().and_then(|target| self.resolve(view, target));
                Some((vec![Verb::FlakyLinks { pairs, flaws: *flaws }], first))
            }
            Action::HoldReplies { from, to, by, api } => {
                let pairs = self.pairs(view, (from, to), false)?;
                let first = from.first().and_then(|target| self.resolve(view, target));
                Some((vec![Verb::HoldReplies { pairs, by: *by, api: *api }], first))
            }
            Action::DelayMetadata { target, by } => {
                let node = self.resolve(view, target)?;
                let voters = self.table.voters().filter(|voter| *voter != node);
                let pairs = voters.map(|from| (from, node)).collect();
                one(node, Verb::HoldReplies { pairs, by: *by, api: Some(FETCH) })
            }
            Action::ResetConnections { from, to } => {
                let pairs = self.pairs(view, (from, to), true)?;
                let first = from.first().and_then(|target| self.resolve(view, target));
                Some((vec![Verb::ResetConnections(pairs)], first))
            }
            Action::BreakDisk { target, how } => {
                let node = self.resolve(view, target)?;
                one(node, Verb::BreakDisk { node, how: *how })
            }
            Action::RotDisk { target, partition } => {
                let node = self.resolve(view, target)?;
                one(node, Verb::RotDisk { node, partition: partition.clone() })
            }
            Action::Admin(request) => {
                let node = self.table.named(ADMIN)?;
                let command = Box::new(Command::Admin(request.clone()));
                Some((vec![Verb::Command { node, command, text: request.to_string() }], None))
            }
            Action::Consumer { client, command } => {
                let node = self.table.named(client)?;
                let text = command.to_string();
                let command = Box::new(Command::Group(command.clone()));
                one(node, Verb::Command { node, command, text })
            }
            Action::SkewClock { target, offset_ms, drift_ppm } => {
                let node = self.resolve(view, target)?;
                let (offset_ms, drift_ppm) = (*offset_ms, *drift_ppm);
                one(node, Verb::SkewClock { node, offset_ms, drift_ppm })
            }
            Action::Produce { client, topic, partition, records } => {
                let node = self.table.named(client)?;
                let load = self.loads.iter_mut().find(|load| load.node == node)?;
                let verbs = records.iter().map(|(key, value)| {
                    let id = load.fresh_id();
                    let command = load::record(id, topic, *partition, key.clone(), value.clone());
                    Verb::Command { node, command: Box::new(command), text: String::new() }
                });
                Some((verbs.collect(), Some(node)))
            }
            Action::CreateTopic(topic) => {
                let node = self.table.named(ADMIN)?;
                Some((vec![create(node, topic)], None))
            }
            Action::StopWorkload { client } => {
                let node = self.table.named(client)?;
                one(node, Verb::StopWorkload(node))
            }
        }
    }
}

/// The wish for a topic.
pub(super) fn create(node: NodeId, topic: &Topic) -> Verb {
    let command = Command::CreateTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic.config.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        assignments: topic.assignments.clone(),
    };
    let text = format!("create topic {}", topic.name);
    Verb::Command { node, command: Box::new(command), text }
}
