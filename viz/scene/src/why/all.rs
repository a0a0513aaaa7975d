//! Every number that there is at a moment, whichever picture shows it: what lists of state and differences are made of.

use klamm_trace::{NodeKind, View};

use super::Subject;

/// Every subject that has a value at a View, in the order in which people look for them: partitions, then nodes, then groups.
/// Frames on their way are left out: every message changes them.
pub fn subjects(view: &View) -> Vec<Subject> {
    let mut all = Vec::new();
    for (partition, state) in &view.partitions {
        let p = || partition.clone();
        all.extend([
            Subject::Leader(p()),
            Subject::LeaderEpoch(p()),
            Subject::Isr(p()),
            Subject::MinIsr(p()),
        ]);
        if view.truth(partition).is_some_and(|truth| !truth.elr.is_empty()) {
            all.push(Subject::Elr(p()));
        }
        for (broker, replica) in &state.replicas {
            let b = *broker;
            all.extend([
                Subject::ReplicaRole(p(), b),
                Subject::ReplicaEpoch(p(), b),
                Subject::LogStart(p(), b),
                Subject::LogEnd(p(), b),
                Subject::HighWatermark(p(), b),
                Subject::Synced(p(), b),
                Subject::Epochs(p(), b),
            ]);
            let followers = replica.followers.keys();
            all.extend(followers.map(|follower| Subject::FollowerEnd(p(), b, *follower)));
        }
    }
    for (node, state) in &view.nodes {
        let n = *node;
        let Some(info) = view.table.get(n) else { continue };
        all.push(Subject::Process(n));
        if info.kind.is_broker() {
            all.extend(info.broker.map(Subject::Fenced));
        }
        if info.kind.is_broker() || info.kind.is_controller() {
            all.extend([
                Subject::Applied(n),
                Subject::QuorumRole(n),
                Subject::QuorumEpoch(n),
                Subject::MetadataEnd(n),
                Subject::MetadataCommitted(n),
            ]);
        }
        if info.kind.is_client() && info.kind != NodeKind::Admin {
            all.push(Subject::Count(n));
        }
        let believed = state.beliefs.keys().chain(state.client.leaders.keys());
        let mut believed: Vec<_> = believed.cloned().collect();
        believed.sort();
        believed.dedup();
        all.extend(believed.into_iter().map(|partition| Subject::BelievedLeader(n, partition)));
        let read = view.partitions.keys().filter(|p| view.position(n, p).is_some());
        all.extend(read.map(|partition| Subject::Position(n, partition.clone())));
    }
    for group in view.groups() {
        all.extend([Subject::GroupState(group.clone()), Subject::GroupEpoch(group.clone())]);
        let kept = view.group(group).map(|(_, state)| &state.offsets);
        for partition in kept.into_iter().flat_map(|kept| kept.keys()) {
            all.push(Subject::Committed(group.clone(), partition.clone()));
            all.push(Subject::Lag(group.clone(), partition.clone()));
        }
    }
    all.retain(|subject| super::value_of(view, subject).is_some());
    all
}
