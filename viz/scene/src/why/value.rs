//! The value of a subject, as text: what is shown, compared and explained.

use klamm_trace::NodeKind;

use super::{BrokerId, ReplicaRole, Subject, View, list};

/// The value of a number at a View; none if there is no such thing.
pub fn value_of(view: &View, subject: &Subject) -> Option<String> {
    // What is not there is a dash everywhere.
    shown(view, subject).map(|value| if value.is_empty() { "–".to_owned() } else { value })
}

fn shown(view: &View, subject: &Subject) -> Option<String> {
    let replica = |partition, broker: &BrokerId| view.replica_of(partition, *broker);
    let node = |node| view.nodes.get(node);
    Some(match subject {
        Subject::Leader(p) => {
            view.partitions.get(p)?;
            view.leader_of(p).map_or_else(|| "–".to_owned(), |leader| leader.to_string())
        }
        Subject::LeaderEpoch(p) => {
            view.partitions.get(p)?;
            view.truth(p).map_or_else(|| "–".to_owned(), |truth| truth.leader_epoch.to_string())
        }
        Subject::Isr(p) => {
            view.partitions.get(p)?;
            list(view.isr_of(p))
        }
        Subject::Elr(p) => list(&view.truth(p)?.elr),
        Subject::MinIsr(p) => view.min_isr(&p.topic).to_string(),
        Subject::ReplicaRole(p, b) => {
            let standing = view.truth(p).map_or("", |truth| {
                if truth.isr.contains(b) {
                    "in ISR"
                } else if truth.elr.contains(b) {
                    "in ELR"
                } else {
                    "out of ISR"
                }
            });
            let role = match replica(p, b).map(|replica| (replica.role, replica.leader)) {
                None => "none".to_owned(),
                Some((ReplicaRole::Idle, _)) => "idle".to_owned(),
                Some((ReplicaRole::Leader, _)) => "leader".to_owned(),
                Some((ReplicaRole::Follower, leader)) => format!("follower of {leader}"),
            };
            format!("{role}, {standing}")
        }
        Subject::ReplicaEpoch(p, b) => replica(p, b)?.leader_epoch.to_string(),
        Subject::LogStart(p, b) => replica(p, b)?.log.start().to_string(),
        Subject::LogEnd(p, b) => {
            replica(p, b).map_or_else(|| "–".to_owned(), |r| r.log.end().to_string())
        }
        Subject::HighWatermark(p, b) => {
            replica(p, b).map_or_else(|| "–".to_owned(), |r| r.high_watermark.to_string())
        }
        Subject::Synced(p, b) => replica(p, b)?.synced.to_string(),
        Subject::Epochs(p, b) => {
            let epochs = replica(p, b)?.log.epochs();
            let each = epochs.iter().map(|(epoch, start)| format!("{epoch}@{start}"));
            each.collect::<Vec<_>>().join(" ")
        }
        Subject::FollowerEnd(p, leader, follower) => {
            replica(p, leader)?.followers.get(follower)?.to_string()
        }
        Subject::Committed(g, p) => {
            let (_, group) = view.group(g)?;
            group.offsets.get(p).map_or_else(|| "–".to_owned(), |kept| kept.offset.to_string())
        }
        Subject::Position(n, p) => view.position(*n, p)?.to_string(),
        Subject::Lag(g, p) => view.lag(g, p)?.to_string(),
        Subject::Process(n) => node(n)?.state.word().to_owned(),
        Subject::Fenced(b) => view.brokers.get(b).map_or_else(
            || "not registered".to_owned(),
            |broker| {
                let words = match (broker.fenced, broker.shutting_down) {
                    (false, false) => "not fenced",
                    (true, false) => "fenced",
                    (false, true) => "shutting down",
                    (true, true) => "fenced, shutting down",
                };
                words.to_owned()
            },
        ),
        Subject::Applied(n) => {
            node(n)?.applied.map_or_else(|| "–".to_owned(), |offset| offset.to_string())
        }
        Subject::QuorumRole(n) => node(n)?.raft.role.to_string(),
        Subject::QuorumEpoch(n) => node(n)?.raft.epoch.to_string(),
        Subject::MetadataEnd(n) => node(n)?.raft.log.end().to_string(),
        // What is committed a node is told: one that does not run has forgotten it.
        Subject::MetadataCommitted(n) => {
            let node = node(n)?;
            if node.is_alive() { node.raft.committed.to_string() } else { "–".to_owned() }
        }
        Subject::BelievedLeader(n, p) => {
            let node = node(n)?;
            let belief = node.beliefs.get(p).map(|belief| belief.leader);
            belief.or_else(|| node.client.leaders.get(p).map(|(leader, _)| *leader))?.to_string()
        }
        Subject::Count(n) => {
            let client = &node(n)?.client;
            let reads = view.table.get(*n).is_some_and(|it| it.kind == NodeKind::Consumer);
            if reads { client.read } else { client.acknowledged }.to_string()
        }
        Subject::GroupState(g) => view.group(g)?.1.state.to_string(),
        Subject::GroupEpoch(g) => view.group(g)?.1.epoch.to_string(),
        Subject::InFlight => view.frames.iter().len().to_string(),
    })
}
