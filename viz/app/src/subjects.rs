//! The names of the engine's numbers in lists, and what each is about.

use klamm_node::{BrokerId, NodeId, TopicPartition};
use klamm_scene::{Language, Subject};
use klamm_trace::{NodeKind, NodeTable};

use crate::words::Word;

/// A number's name: what it is, and of whom.
pub(crate) fn label(subject: &Subject, table: &NodeTable, language: Language) -> String {
    let what = word(subject, table).text(language);
    let node = |node: &NodeId| table.name(*node).to_owned();
    let broker = |id: &BrokerId| broker_name(*id, table);
    let whose = match subject {
        Subject::Leader(p)
        | Subject::LeaderEpoch(p)
        | Subject::Isr(p)
        | Subject::Elr(p)
        | Subject::MinIsr(p) => p.to_string(),
        Subject::ReplicaRole(p, b)
        | Subject::ReplicaEpoch(p, b)
        | Subject::LogStart(p, b)
        | Subject::LogEnd(p, b)
        | Subject::HighWatermark(p, b)
        | Subject::Synced(p, b)
        | Subject::Epochs(p, b) => format!("{p}, {}", broker(b)),
        Subject::FollowerEnd(p, leader, follower) => {
            format!("{p}, {} > {}", broker(follower), broker(leader))
        }
        Subject::Committed(g, p) | Subject::Lag(g, p) => format!("{g}, {p}"),
        Subject::Position(n, p) | Subject::BelievedLeader(n, p) => format!("{}, {p}", node(n)),
        Subject::Fenced(b) => broker(b),
        Subject::Process(n)
        | Subject::Applied(n)
        | Subject::QuorumRole(n)
        | Subject::QuorumEpoch(n)
        | Subject::MetadataEnd(n)
        | Subject::MetadataCommitted(n)
        | Subject::Count(n) => node(n),
        Subject::GroupState(g) | Subject::GroupEpoch(g) => g.to_string(),
        Subject::InFlight => return what.to_owned(),
    };
    format!("{whose}: {what}")
}

fn broker_name(id: BrokerId, table: &NodeTable) -> String {
    table.node_of(id).map_or_else(|| id.to_string(), |node| table.name(node).to_owned())
}

fn word(subject: &Subject, table: &NodeTable) -> Word {
    match subject {
        Subject::Leader(_) => Word::OfLeader,
        Subject::LeaderEpoch(_) => Word::OfLeaderEpoch,
        Subject::Isr(_) => Word::OfIsr,
        Subject::Elr(_) => Word::OfElr,
        Subject::MinIsr(_) => Word::OfMinIsr,
        Subject::ReplicaRole(..) => Word::OfReplicaRole,
        Subject::ReplicaEpoch(..) => Word::OfReplicaEpoch,
        Subject::LogStart(..) => Word::OfLogStart,
        Subject::LogEnd(..) => Word::OfLogEnd,
        Subject::HighWatermark(..) => Word::OfHighWatermark,
        Subject::Synced(..) => Word::OfSynced,
        Subject::Epochs(..) => Word::OfEpochs,
        Subject::FollowerEnd(..) => Word::OfFollowerEnd,
        Subject::Committed(..) => Word::OfCommitted,
        Subject::Position(..) => Word::OfPosition,
        Subject::Lag(..) => Word::OfLag,
        Subject::Process(_) => Word::OfProcess,
        Subject::Fenced(_) => Word::OfFenced,
        Subject::Applied(_) => Word::OfApplied,
        Subject::QuorumRole(_) => Word::OfQuorumRole,
        Subject::QuorumEpoch(_) => Word::OfQuorumEpoch,
        Subject::MetadataEnd(_) => Word::OfMetadataEnd,
        Subject::MetadataCommitted(_) => Word::OfMetadataCommitted,
        Subject::BelievedLeader(..) => Word::OfBelievedLeader,
        Subject::Count(node) => {
            let reads = table.get(*node).is_some_and(|info| info.kind == NodeKind::Consumer);
            if reads { Word::OfRead } else { Word::OfAcknowledged }
        }
        Subject::GroupState(_) => Word::OfGroupState,
        Subject::GroupEpoch(_) => Word::OfGroupEpoch,
        Subject::InFlight => Word::OfInFlight,
    }
}

/// Whether a number is about a node: its own, or its replica's.
pub(crate) fn is_about_node(subject: &Subject, at: NodeId, table: &NodeTable) -> bool {
    let broker = |id: &BrokerId| table.node_of(*id) == Some(at);
    match subject {
        Subject::ReplicaRole(_, b)
        | Subject::ReplicaEpoch(_, b)
        | Subject::LogStart(_, b)
        | Subject::LogEnd(_, b)
        | Subject::HighWatermark(_, b)
        | Subject::Synced(_, b)
        | Subject::Epochs(_, b)
        | Subject::FollowerEnd(_, b, _)
        | Subject::Fenced(b) => broker(b),
        Subject::Position(n, _)
        | Subject::BelievedLeader(n, _)
        | Subject::Process(n)
        | Subject::Applied(n)
        | Subject::QuorumRole(n)
        | Subject::QuorumEpoch(n)
        | Subject::MetadataEnd(n)
        | Subject::MetadataCommitted(n)
        | Subject::Count(n) => *n == at,
        Subject::Leader(_)
        | Subject::LeaderEpoch(_)
        | Subject::Isr(_)
        | Subject::Elr(_)
        | Subject::MinIsr(_)
        | Subject::Committed(..)
        | Subject::Lag(..)
        | Subject::GroupState(_)
        | Subject::GroupEpoch(_)
        | Subject::InFlight => false,
    }
}

/// The partition that a number is about.
pub(crate) fn partition_of(subject: &Subject) -> Option<&TopicPartition> {
    match subject {
        Subject::Leader(p)
        | Subject::LeaderEpoch(p)
        | Subject::Isr(p)
        | Subject::Elr(p)
        | Subject::MinIsr(p)
        | Subject::ReplicaRole(p, _)
        | Subject::ReplicaEpoch(p, _)
        | Subject::LogStart(p, _)
        | Subject::LogEnd(p, _)
        | Subject::HighWatermark(p, _)
        | Subject::Synced(p, _)
        | Subject::Epochs(p, _)
        | Subject::FollowerEnd(p, ..)
        | Subject::Committed(_, p)
        | Subject::Position(_, p)
        | Subject::Lag(_, p)
        | Subject::BelievedLeader(_, p) => Some(p),
        Subject::Process(_)
        | Subject::Fenced(_)
        | Subject::Applied(_)
        | Subject::QuorumRole(_)
        | Subject::QuorumEpoch(_)
        | Subject::MetadataEnd(_)
        | Subject::MetadataCommitted(_)
        | Subject::Count(_)
        | Subject::GroupState(_)
        | Subject::GroupEpoch(_)
        | Subject::InFlight => None,
    }
}
