//! What the events say equals what the nodes hold: the View, folded from events alone, against the summaries of the
//! processes themselves, at the end of every run and once every virtual second on the way.
//!
//! `KLAMM_SEEDS` sets how many seeds of each scenario are looked at.

use std::fmt::Debug;

use klamm_broker::process::ProcessSummary;
use klamm_broker::replica::{ReplicaRole as Held, ReplicaSummary};
use klamm_client::ClientSummary;
use klamm_golden::{Lesson, env_count, lessons, on_workers};
use klamm_node::{Disk, NodeId, Offset, Time};
use klamm_trace::{Keep, NodeView, ReplicaRole, View};
use klamm_world::{Life, Machine, NodeKind, Options, World};

const SEEDS: u64 = 20;

/// Collects what differs.
struct Comparison {
    at: String,
    wrong: Vec<String>,
}

impl Comparison {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, viewed: &T, held: &T) {
        if viewed != held {
            let at = &self.at;
            self.wrong.push(format!("{at}: {what}: the View says {viewed:?}, the node {held:?}"));
        }
    }
}

fn compare_replica(found: &mut Comparison, view: &View, node: NodeId, held: &ReplicaSummary) {
    let broker = view.table.broker_of(node).expect("a broker");
    let place = std::mem::take(&mut found.at);
    found.at = format!("{place} {}", held.partition);
    match view.replica_of(&held.partition, broker) {
        None => found.wrong.push(format!("{}: the View knows no such replica", found.at)),
        Some(seen) => {
            let role = match held.role {
                Held::Leader => Some(ReplicaRole::Leader),
                Held::Follower => Some(ReplicaRole::Follower),
                Held::Failed => None,
            };
            found.same("role", &Some(seen.role), &role);
            found.same("leader", &seen.leader, &held.leader);
            found.same("leader epoch", &seen.leader_epoch, &held.leader_epoch);
            found.same("log start", &seen.log.start(), &held.log_start);
            found.same("log end", &seen.log.end(), &held.log_end);
            found.same("high watermark", &seen.high_watermark, &held.high_watermark);
            let epochs: Vec<_> =
                seen.epochs.iter().map(|entry| (entry.epoch, entry.start)).collect();
            let cache: Vec<_> =
                held.epochs.iter().map(|entry| (entry.epoch, entry.start)).collect();
            found.same("epoch cache", &epochs, &cache);
            found.same("proposed ISR", &seen.proposed, &held.proposed);
            if held.role == Held::Leader {
                // The leader counts on the controller's answer before metadata tells everybody.
                let told = view.nodes.get(&node).and_then(|node| node.beliefs.get(&held.partition));
                let told = told.map(|state| (state.partition_epoch, state.isr.clone()));
                let newest = told.max_by_epoch(seen.answered.clone());
                found.same("ISR", &newest, &Some((held.partition_epoch, held.isr.clone())));
                let known: Vec<_> = held
                    .followers
                    .iter()
                    .filter_map(|(follower, end)| Some((*follower, (*end)?)))
                    .collect();
                let seen: Vec<_> = seen.followers.iter().map(|(id, end)| (*id, *end)).collect();
                found.same("followers", &seen, &known);
            }
        }
    }
    found.at = place;
}

/// The newer of two partition states.
trait Newer {
    fn max_by_epoch(self, other: Self) -> Self;
}

impl<E: Ord, T> Newer for Option<(E, T)> {
    fn max_by_epoch(self, other: Self) -> Self {
        match (self, other) {
            (Some(left), Some(right)) => Some(if left.0 >= right.0 { left } else { right }),
            (left, right) => left.or(right),
        }
    }
}

fn compare_batches(found: &mut Comparison, view: &View, node: NodeId, machine: &Machine) {
    let Some(NodeKind::Server(process)) = machine.process() else { return };
    let mut files = machine.disk().files().clone();
    let disk: &mut dyn Disk = &mut files;
    let Some(batches) = process.batches(disk) else { return };
    let broker = view.table.broker_of(node).expect("a broker");
    for (partition, held) in batches.expect("logs can be read") {
        let held: Vec<_> = held
            .iter()
            .map(|batch| (batch.base_offset, batch.last_offset, batch.leader_epoch, batch.crc))
            .collect();
        let seen = view.replica_of(&partition, broker).map(|replica| &replica.log);
        let seen: Vec<_> = seen
            .into_iter()
            .flat_map(|log| log.batches())
            .map(|batch| (batch.base, batch.last, batch.epoch, batch.crc))
            .collect();
        let parts = seen.iter().zip(&held).position(|(seen, held)| seen != held);
        found.same(&format!("{partition}: first batch that differs"), &parts, &None);
        found.same(&format!("{partition}: batches"), &seen.len(), &held.len());
    }
}

fn compare_server(
    found: &mut Comparison,
    view: &View,
    node: NodeId,
    held: &ProcessSummary,
    busy: bool,
) {
    let seen = &view.nodes[&node];
    found.same("quorum role", &&*seen.raft.role, &held.raft.role.name());
    found.same("quorum epoch", &seen.raft.epoch, &held.raft.epoch);
    found.same("quorum leader", &seen.raft.leader, &held.raft.leader);
    found.same("vote", &seen.raft.voted, &held.raft.voted);
    found.same("voters", &seen.raft.voters, &held.raft.voters);
    found.same("metadata log start", &seen.raft.log.start(), &held.raft.log_start);
    found.same("metadata log end", &seen.raft.log.end(), &held.raft.log_end);
    found.same("metadata synced", &seen.raft.synced, &held.raft.synced);
    found.same("metadata committed", &seen.raft.committed, &held.raft.high_watermark);
    let snapshots: Vec<_> =
        held.raft.snapshots.iter().map(|id| (id.end_offset, id.epoch)).collect();
    let seen_snapshots: Vec<_> =
        seen.raft.snapshots.iter().map(|(end, epoch)| (*end, *epoch)).collect();
    found.same("metadata snapshots", &seen_snapshots, &snapshots);
    found.same("metadata applied", &seen.applied.unwrap_or(Offset(-1)), &held.metadata_applied);
    found.same("active controller", &seen.active, &held.active_controller);
    let Some(broker) = &held.broker else { return };
    found.same("broker state", &&*seen.broker_state, &broker.state.name());
    // While the disk is busy, answers that the node has given have not left yet.
    if !busy {
        found.same("parked requests", &seen.parked.len(), &broker.parked);
    }
    found.same("fetch sessions", &seen.fetch_sessions.len(), &broker.fetch_sessions);
    let put_away = seen.put_away.iter().map(|(name, why)| (name.clone(), &**why)).collect();
    found.same("directories that are put away", &put_away, &broker.put_away);
    let id = held.id;
    for (partition, state) in &view.partitions {
        let known =
            state.replicas.get(&id).is_some_and(|replica| replica.role != ReplicaRole::Idle);
        let exists = broker.replicas.iter().any(|replica| replica.partition == *partition);
        found.same(&format!("{partition}: is a replica here"), &known, &exists);
    }
    for replica in &broker.replicas {
        compare_replica(found, view, node, replica);
    }
}

fn compare_client(found: &mut Comparison, seen: &NodeView, held: &ClientSummary) {
    let seen = &seen.client;
    // The View counts over all processes of a client, a process from its own start.
    let (all, before) = (seen.counts(), seen.at_start);
    found.same("accepted", &(all.accepted - before.accepted), &held.accepted);
    found.same("acknowledged", &(all.acknowledged - before.acknowledged), &held.acknowledged);
    found.same("failed", &(all.failed - before.failed), &held.failed);
    found.same("producer id", &seen.producer_id, &held.producer_id);
    found.same("read", &(all.read - before.read), &held.read);
    found.same("leaders", &seen.leaders, &held.leaders);
    found.same("answers", &(all.answered - before.answered), &held.answered);
    let positions = held.positions.iter();
    let positions = positions.filter_map(|(at, held)| Some((at.clone(), held.offset?))).collect();
    // A position that is being looked up again is none; that it was looked up before the View remembers.
    let unknown = |at: &klamm_node::TopicPartition| {
        held.positions.get(at).is_some_and(|p| p.offset.is_none())
    };
    let mut known = seen.positions.clone();
    known.retain(|at, _| !unknown(at));
    found.same("positions", &known, &positions);
    if let (Some(seen), Some(held)) = (&seen.membership, &held.group) {
        let member = seen.member.clone().unwrap_or_else(|| "".into());
        found.same("member", &member, &held.member);
        if seen.member.is_some() {
            found.same("epoch", &seen.epoch, &held.epoch);
        }
        found.same("assigned", &seen.assigned, &held.assigned);
        found.same("polled", &seen.polled, &held.polled);
        found.same("coordinator", &seen.coordinator, &held.coordinator);
        // What an earlier process committed the View remembers too.
        let of_this = |(partition, offset): (_, _)| seen.committed.get(partition) == Some(offset);
        found.same("committed", &true, &held.committed.iter().all(of_this));
    }
}

/// What differs between the View and the nodes at this moment.
fn compare(world: &World, batches: bool) -> Vec<String> {
    let view = world.view();
    let mut found = Comparison { at: String::new(), wrong: Vec::new() };
    for (node, info) in view.table.iter() {
        let machine = world.lab().machine(node).expect("every node has a machine");
        let seen = &view.nodes[&node];
        found.at = format!("{} {}", world.now(), info.name);
        let alive = matches!(machine.life(), Life::Running | Life::Paused);
        found.same("alive", &seen.is_alive(), &alive);
        match machine.process() {
            None => {}
            Some(NodeKind::Server(process)) => {
                if let Some(summary) = process.summary() {
                    compare_server(&mut found, view, node, &summary, machine.is_busy());
                    if batches {
                        compare_batches(&mut found, view, node, machine);
                    }
                }
            }
            Some(NodeKind::Producer(producer)) => {
                compare_client(&mut found, seen, &producer.summary())
            }
            Some(NodeKind::Consumer(consumer)) => {
                compare_client(&mut found, seen, &consumer.summary())
            }
            Some(NodeKind::Admin(admin)) => {
                // It forgets a topic as soon as what it asked of it is answered; the View keeps what it last knew.
                let leaders = seen.client.leaders.clone();
                let held = ClientSummary { leaders, ..admin.summary() };
                compare_client(&mut found, seen, &held);
            }
            // A program has several clients on one node, and its scenarios are not among these.
            Some(NodeKind::Application(_)) => unreachable!("applications run in their own tests"),
            Some(NodeKind::Ping(_)) => unreachable!("no scenario has one"),
        }
    }
    found.wrong
}

fn look_at(lesson: &Lesson, seed: u64) -> Vec<String> {
    let options = Options { keep: Keep::CHECKED, ..Options::default() };
    let mut world = World::with(&lesson.scenario, seed, &options);
    let mut wrong = Vec::new();
    let end = lesson.scenario.duration.0;
    let second = 1_000_000_000;
    for at in (1..).map(|n| n * second).take_while(|at| *at < end) {
        world.run_until(Time(at));
        wrong.extend(compare(&world, false));
    }
    world.run();
    wrong.extend(compare(&world, true));
    wrong
}

#[test]
fn the_view_is_what_the_nodes_hold() {
    let (lessons, seeds) = (lessons(), env_count("KLAMM_SEEDS", SEEDS));
    let jobs: Vec<(&Lesson, u64)> = lessons
        .iter()
        .flat_map(|lesson| {
            std::iter::once(lesson.scenario.seed)
                .chain(1000..1000 + seeds)
                .map(move |seed| (lesson, seed))
        })
        .collect();
    let found = on_workers(&jobs, |(lesson, seed)| look_at(lesson, *seed));
    let mut told = Vec::new();
    let mut count = 0;
    for ((lesson, seed), wrong) in jobs.iter().zip(found) {
        count += wrong.len();
        told.extend(
            wrong.into_iter().take(3).map(|wrong| format!("{} seed {seed}: {wrong}", lesson.name)),
        );
    }
    told.truncate(40);
    assert_eq!(count, 0, "{count} differences\n{}", told.join("\n"));
}
