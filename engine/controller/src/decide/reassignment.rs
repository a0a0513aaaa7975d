//! Partition reassignment (KIP-455): AlterPartitionReassignments and ListPartitionReassignments.
//!
//! *Flows in*: the replicas that somebody wants a partition to have. *Flows out*: a PartitionChange that adds the new ones
//! beside the old ones; when the new ones are in sync, the leader's AlterPartition ends the reassignment.
//! *Must never*: take a replica away before those that replace it are in sync.
//!
//! ```text
//!   replicas [1,2,3]                          AlterPartitionReassignments [4,5,6]
//!   replicas [4,5,6,1,2,3] adding [4,5,6] removing [1,2,3]
//!   ... the leader proposes an ISR with 4, 5 and 6 in it ...
//!   replicas [4,5,6], a new leader epoch, and a new leader if it was one of those removed
//! ```

use std::collections::BTreeSet;

use klamm_node::{Because, BrokerId, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::text;
use klamm_protocol::kafka::messages::alter_partition_reassignments_request::ReassignablePartition;
use klamm_protocol::kafka::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use klamm_protocol::kafka::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use klamm_protocol::kafka::messages::{
    self, AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::changes::Occasion;
use super::partitions::{By, Election};
use super::{Decider, Decision, Refusal};
use crate::image::{PartitionImage, TopicImage};

/// A reassignment that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Completed {
    pub replicas: Vec<BrokerId>,
    pub isr: Vec<BrokerId>,
}

/// What is left once everybody who was to go is gone; none while that may not be yet.
///
/// All that are new must be in sync. A replica that stays and is out of sync does not hold it up (KAFKA-19975), unless the
/// partition gets fewer replicas than it had: then all must be in sync, so that the ISR does not shrink (KAFKA-15665).
pub(super) fn completed(
    replicas: &[BrokerId],
    adding: &[BrokerId],
    removing: &[BrokerId],
    isr: &[BrokerId],
) -> Option<Completed> {
    if adding.is_empty() && removing.is_empty() {
        return None;
    }
    let stays = |id: &&BrokerId| !removing.contains(id);
    let left: Vec<BrokerId> = replicas.iter().filter(stays).copied().collect();
    let left_isr: Vec<BrokerId> = isr.iter().filter(stays).copied().collect();
    if left.is_empty() || left_isr.is_empty() {
        return None;
    }
    let original = replicas.iter().filter(|id| !adding.contains(id)).count();
    // Of those on their way in, some may be on their way out again.
    let needed = |id: &BrokerId| left.len() < original || adding.contains(id);
    let early = planted("reassign_completes_early");
    let complete = left.iter().filter(|id| needed(id)).all(|id| left_isr.contains(id) || early);
    complete.then_some(Completed { replicas: left, isr: left_isr })
}

impl Decider<'_> {
    /// Decides every partition of the request on its own; all changes are one batch.
    pub(crate) fn decide_alter_reassignments(
        &self,
        request: &AlterPartitionReassignmentsRequest,
    ) -> Decision<AlterPartitionReassignmentsResponse> {
        let mut decision = Decision::only(());
        let mut touched = BTreeSet::new();
        let mut responses = Vec::with_capacity(request.topics.len());
        for asked_topic in &request.topics {
            let name = asked_topic.name.as_str();
            let mut partitions = Vec::with_capacity(asked_topic.partitions.len());
            for asked in &asked_topic.partitions {
                let outcome = self.alter_reassignment(
                    &mut decision,
                    &mut touched,
                    name,
                    asked,
                    request.allow_replication_factor_change,
                );
                let (error, why) = match outcome {
                    Ok(()) => (ErrorCode::NONE, None),
                    Err((error, why)) => (error, Some(text(&why))),
                };
                partitions.push(
                    ReassignablePartitionResponse::default()
                        .with_partition_index(asked.partition_index)
                        .with_error_code(error.0)
                        .with_error_message(why),
                );
            }
            responses.push(
                ReassignableTopicResponse::default()
                    .with_name(asked_topic.name.clone())
                    .with_partitions(partitions),
            );
        }
        decision.with(
            AlterPartitionReassignmentsResponse::default()
                .with_allow_replication_factor_change(request.allow_replication_factor_change)
                .with_error_message(None)
                .with_responses(responses),
        )
    }

    fn alter_reassignment(
        &self,
        decision: &mut Decision<()>,
        touched: &mut BTreeSet<(klamm_node::TopicId, i32)>,
        name: &str,
        asked: &ReassignablePartition,
        may_change_factor: bool,
    ) -> Result<(), Refusal> {
        let index = asked.partition_index;
        let unknown = |why: String| (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, why);
        let topic = self
            .image
            .topic(name)
            .ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
        let partition = topic
            .partitions
            .get(&index)
            .ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
        if !touched.insert((topic.id, index)) {
            // The second would be made against the state before the first.
            let why = format!("Partition {name}:{index} is named twice in one request.");
            return Err((ErrorCode::INVALID_REQUEST, why));
        }
        match &asked.replicas {
            None => self.cancel(decision, topic, index, partition),
            Some(wanted) => {
                let wanted: Vec<_> = wanted.iter().map(|id| BrokerId(id.0)).collect();
                self.check_manual_replicas(&wanted, None)?;
                if !may_change_factor {
                    check_factor(partition, wanted.len())?;
                }
                self.reassign(decision, topic, index, partition, &wanted);
                Ok(())
            }
        }
    }

    fn reassign(
        &self,
        decision: &mut Decision<()>,
        topic: &TopicImage,
        index: i32,
        partition: &PartitionImage,
        wanted: &[BrokerId],
    ) {
        // Over the partition as it is, those on their way in from an earlier reassignment included.
        let current: BTreeSet<BrokerId> = partition.replicas.iter().copied().collect();
        let target_set: BTreeSet<BrokerId> = wanted.iter().copied().collect();
        let removing: Vec<BrokerId> = current.difference(&target_set).copied().collect();
        let adding: Vec<BrokerId> = target_set.difference(&current).copied().collect();
        let mut target = self.target(topic, index, partition);
        target.election = Election::Online;
        target.replicas = wanted.iter().chain(&removing).copied().collect();
        target.new_directories = adding.iter().map(|id| (*id, self.directory_of(*id))).collect();
        // An earlier reassignment's list is kept where this one has nothing to say, as in Kafka.
        if !removing.is_empty() {
            target.removing = removing;
        }
        if !adding.is_empty() {
            target.adding = adding;
        }
        if let Some(changed) = target.change(|id| self.image.is_active(id)) {
            decision.change_partition(
                topic.name_of(index),
                changed,
                Occasion::Reassignment,
                Because::Input,
            );
        }
    }

    /// Takes a reassignment back: the new replicas go, the old ones stay.
    fn cancel(
        &self,
        decision: &mut Decision<()>,
        topic: &TopicImage,
        index: i32,
        partition: &PartitionImage,
    ) -> Result<(), Refusal> {
        if !partition.is_reassigning() {
            return Err((
                ErrorCode::NO_REASSIGNMENT_IN_PROGRESS,
                "No partition reassignment is in progress.".to_owned(),
            ));
        }
        let mut target = self.target(topic, index, partition);
        let stays = |id: &BrokerId| !partition.adding.contains(id);
        target.replicas.retain(stays);
        target.isr.retain(stays);
        let unclean = target.isr.is_empty() && !partition.isr.is_empty();
        if unclean {
            // Everybody in sync is on the way in: to go back is to lose what only they have.
            if target.election != Election::Unclean {
                let why = format!(
                    "Unable to revert partition assignment for {}:{index} because it would require an unclean leader election.",
                    topic.name
                );
                return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, why));
            }
            // Kafka takes the first replica whether it lives or not; a dead one in the ISR would help nobody.
            let living = target.replicas.iter().find(|id| self.image.is_active(**id));
            let first = target.replicas.first().filter(|_| target.elr_below.is_none());
            target.isr.extend(living.or(first));
        }
        target.adding.clear();
        target.removing.clear();
        if let Some(mut changed) = target.change(|id| self.image.is_active(id)) {
            if unclean {
                changed.by = By::Unclean;
            }
            decision.change_partition(
                topic.name_of(index),
                changed,
                Occasion::ReassignmentCancelled,
                Because::Input,
            );
        }
        Ok(())
    }

    /// Every partition that is being reassigned, or those of them that are asked for. Reads what is decided, committed or
    /// not: the answer waits for its commit like any other.
    pub(crate) fn decide_list_reassignments(
        &self,
        request: &ListPartitionReassignmentsRequest,
    ) -> Decision<ListPartitionReassignmentsResponse> {
        let of_topic = |topic: &TopicImage, wanted: Option<&[i32]>| {
            let partitions = topic.partitions.iter().filter(|(index, partition)| {
                partition.is_reassigning() && wanted.is_none_or(|wanted| wanted.contains(index))
            });
            let partitions: Vec<_> =
                partitions.map(|(index, partition)| ongoing(*index, partition)).collect();
            (!partitions.is_empty()).then(|| {
                OngoingTopicReassignment::default()
                    .with_name(klamm_protocol::convert::topic(&topic.name))
                    .with_partitions(partitions)
            })
        };
        let topics = match &request.topics {
            None => self.image.topics().filter_map(|topic| of_topic(topic, None)).collect(),
            Some(asked) => asked
                .iter()
                .filter_map(|asked| {
                    let topic = self.image.topic(asked.name.as_str())?;
                    of_topic(topic, Some(&asked.partition_indexes))
                })
                .collect(),
        };
        Decision::only(
            ListPartitionReassignmentsResponse::default()
                .with_error_message(None)
                .with_topics(topics),
        )
    }
}

/// KIP-860: who does not want the replication factor changed gets it back as an error.
fn check_factor(partition: &PartitionImage, wanted: usize) -> Result<(), Refusal> {
    // With a reassignment under way, the factor is the one that it leads to.
    let current = partition.replicas.len() - partition.removing.len();
    if current == wanted {
        return Ok(());
    }
    let why = format!(
        "The replication factor is changed from {current} to {wanted}, which allow.replication.factor.change forbids."
    );
    Err((ErrorCode::INVALID_REPLICATION_FACTOR, why))
}

fn ongoing(index: i32, partition: &PartitionImage) -> OngoingPartitionReassignment {
    let ids = |ids: &[BrokerId]| ids.iter().map(|id| messages::BrokerId(id.0)).collect();
    OngoingPartitionReassignment::default()
        .with_partition_index(index)
        .with_replicas(ids(&partition.replicas))
        .with_adding_replicas(ids(&partition.adding))
        .with_removing_replicas(ids(&partition.removing))
}
