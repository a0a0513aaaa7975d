//! Which number of the engine's a question is about, so that *Why?* can explain it.

use klamm_node::TopicPartition;
use klamm_scenario::model::{
    BrokerSet, Condition, GroupCondition, Measure, Proof, Question, Target,
};
use klamm_scene::Subject;
use klamm_trace::View;
use klamm_world::predict::Truth;

/// The number that decides a question, at the place where it is judged. None where it is about an event, or about a sum of
/// many: then the event itself explains it.
pub fn subject_of(question: &Question, truth: &Truth, view: &View) -> Option<Subject> {
    match question {
        Question::Choice(options) => {
            let right = match truth {
                Truth::Options(right) => right.as_slice(),
                Truth::Brokers(_) | Truth::Number(_) | Truth::Order(_) => &[],
            };
            let chosen = options.iter().zip(right).filter(|(_, right)| **right);
            let others = options.iter().zip(right).filter(|(_, right)| !**right);
            chosen.chain(others).find_map(|(option, _)| match &option.right {
                Proof::Condition(condition) => of_condition(condition, view),
                Proof::Happened(_) | Proof::Never(_) => None,
            })
        }
        Question::Brokers { answer, .. } => match answer {
            BrokerSet::Leader(p) => Some(Subject::Leader(p.clone())),
            BrokerSet::Isr(p) | BrokerSet::Replicas(p) => Some(Subject::Isr(p.clone())),
            BrokerSet::Elr(p) => Some(Subject::Elr(p.clone())),
            BrokerSet::CaughtUp(p) | BrokerSet::Truncated(p) => end(p, view),
            BrokerSet::Fenced | BrokerSet::Down => None,
        },
        Question::Number { answer, .. } => of_measure(answer, view),
        Question::Order(_) => None,
    }
}

fn end(p: &TopicPartition, view: &View) -> Option<Subject> {
    view.true_leader(p).map(|(leader, _)| Subject::LogEnd(p.clone(), leader))
}

fn of_measure(measure: &Measure, view: &View) -> Option<Subject> {
    let count = |client: &Option<String>| {
        client.as_ref().and_then(|name| view.table.named(name)).map(Subject::Count)
    };
    match measure {
        Measure::HighWatermark(p) => {
            view.true_leader(p).map(|(leader, _)| Subject::HighWatermark(p.clone(), leader))
        }
        Measure::LogEnd(p, None) => end(p, view),
        Measure::LogEnd(p, Some(broker)) | Measure::CutOff(p, broker) => {
            Some(Subject::LogEnd(p.clone(), *broker))
        }
        Measure::LogStart(p) => {
            view.true_leader(p).map(|(leader, _)| Subject::LogStart(p.clone(), leader))
        }
        Measure::LeaderEpoch(p) => Some(Subject::LeaderEpoch(p.clone())),
        Measure::IsrSize(p) => Some(Subject::Isr(p.clone())),
        Measure::Acknowledged(client) | Measure::Read(client) => count(client),
        Measure::Members(group) => Some(Subject::GroupState(group.clone())),
        Measure::Committed(group, p) => Some(Subject::Committed(group.clone(), p.clone())),
        Measure::Lag(group, topic) => {
            let first = view.partitions.keys().find(|at| at.topic == *topic);
            first.map(|at| Subject::Lag(group.clone(), at.clone()))
        }
        Measure::PartitionsWritten(_)
        | Measure::Failed(_)
        | Measure::Lost(_)
        | Measure::Owned(_)
        | Measure::Events(_)
        | Measure::Seconds => None,
    }
}

fn of_condition(condition: &Condition, view: &View) -> Option<Subject> {
    match condition {
        Condition::LeaderIs(p, _)
        | Condition::LeaderChanged(p)
        | Condition::HasLeader(p)
        | Condition::NoLeader(p)
        | Condition::PreferredLeader(Some(p)) => Some(Subject::Leader(p.clone())),
        Condition::IsrIs(p, _)
        | Condition::IsrSize(p, _)
        | Condition::ReplicasAre(p, _)
        | Condition::Reassigning(p)
        | Condition::ReassignmentDone(Some(p)) => Some(Subject::Isr(p.clone())),
        Condition::LeaderEpochAtLeast(p, _) => Some(Subject::LeaderEpoch(p.clone())),
        Condition::HighWatermarkAtLeast(p, _) => {
            of_measure(&Measure::HighWatermark(p.clone()), view)
        }
        Condition::CaughtUp(p, broker) | Condition::Truncated(p, broker) => {
            Some(Subject::LogEnd(p.clone(), *broker))
        }
        Condition::LogsEqual(p) | Condition::LogEndIs(p, _) => end(p, view),
        Condition::LogStartIs(p, _) => of_measure(&Measure::LogStart(p.clone()), view),
        Condition::ElrIs(p, _) | Condition::InElr(p, _) => Some(Subject::Elr(p.clone())),
        Condition::Fenced(broker) | Condition::Unfenced(broker) => Some(Subject::Fenced(*broker)),
        Condition::Acknowledged { client, .. } | Condition::Read { client, .. } => {
            of_measure(&Measure::Read(client.clone()), view)
        }
        Condition::Restarted(Target::Node(name)) | Condition::Down(Target::Node(name)) => {
            view.table.named(name).map(Subject::Process)
        }
        Condition::Group(of_group) => of_group_condition(of_group),
        Condition::Not(inner) => of_condition(inner, view),
        Condition::All(all) | Condition::Any(all) => {
            all.iter().find_map(|one| of_condition(one, view))
        }
        Condition::AllInSync
        | Condition::PreferredLeader(None)
        | Condition::ReassignmentDone(None)
        | Condition::ControllerActive
        | Condition::ControllerChanged
        | Condition::QuorumLeaderElected
        | Condition::Failed { .. }
        | Condition::AcknowledgedReadable(_)
        | Condition::PermittedLoss { .. }
        | Condition::NothingLost { .. }
        | Condition::KeyOrder(_)
        | Condition::KeysTogether(_)
        | Condition::TopicExists(_)
        | Condition::TopicGone(_)
        | Condition::PartitionCount(..)
        | Condition::ReadsFrom(..)
        | Condition::NoDuplicates(_)
        | Condition::AdminSucceeded { .. }
        | Condition::AdminFailed { .. }
        | Condition::Restarted(_)
        | Condition::Down(_)
        | Condition::SnapshotTaken(_)
        | Condition::VotersAre(_) => None,
    }
}

fn of_group_condition(condition: &GroupCondition) -> Option<Subject> {
    match condition {
        GroupCondition::State(group, _)
        | GroupCondition::Members(group, _)
        | GroupCondition::AllOwned(group) => Some(Subject::GroupState(group.clone())),
        GroupCondition::Committed(group, p, _) | GroupCondition::NotCommitted(group, p) => {
            Some(Subject::Committed(group.clone(), p.clone()))
        }
        GroupCondition::Owns(..)
        | GroupCondition::OwnsCount(..)
        | GroupCondition::LagAtMost(..)
        | GroupCondition::Processed(..)
        | GroupCondition::CommitRefused(_)
        | GroupCondition::LostPartitions(_)
        | GroupCondition::DowntimeAtMost(..)
        | GroupCondition::DowntimeAtLeast(..) => None,
    }
}
