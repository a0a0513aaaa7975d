//! AlterPartition (KIP-497): a leader asks for another ISR, and the controller compares before it sets.
//!
//! *Flows in*: the request of a leader. *Flows out*: PartitionChange records, and per partition the state that holds.
//! *Must never*: accept a change that was proposed against another state than the present one, or a member that may not be
//! in an ISR.
//!
//! What each check guards against:
//! * partition epoch: a delayed shrink that drops a member which has since become the only other one (bug zoo Z17);
//!   without a leader epoch bump on a shrink (KAFKA-15021) it is the only guard;
//! * broker epochs (KIP-903): a delayed expansion that admits a broker which has since lost its disk (bug zoo Z04);
//! * fenced or leaving members (KIP-841): an ISR with a member that can't lead.

use std::collections::BTreeSet;

use klamm_node::{Because, BrokerId, EventKind, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::topic_id;
use klamm_protocol::kafka::messages::alter_partition_request::PartitionData as Asked;
use klamm_protocol::kafka::messages::alter_partition_response::{PartitionData, TopicData};
use klamm_protocol::kafka::messages::{
    self, AlterPartitionRequest, AlterPartitionResponse, ApiKey,
};

use super::changes::Occasion;
use super::{Decider, Decision};
use crate::image::{PartitionImage, TopicImage};

/// From this version on, members come with their broker epochs (KIP-903).
const VERSION_WITH_EPOCHS: i16 = 3;

/// A member of the ISR that a leader asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Member {
    id: BrokerId,
    /// -1 if the leader does not know.
    epoch: i64,
}

impl Decider<'_> {
    /// Decides every partition of the request on its own.
    pub(crate) fn decide_alter_partition(
        &self,
        request: &AlterPartitionRequest,
        version: i16,
    ) -> Decision<AlterPartitionResponse> {
        let sender = BrokerId(request.broker_id.0);
        if let Err(error) = self.check_broker_epoch(sender, request.broker_epoch) {
            let response = AlterPartitionResponse::default().with_error_code(error.0);
            let (epoch, api) = (request.broker_epoch, ApiKey::AlterPartition);
            return super::refused(sender, epoch, api, error).with(response);
        }
        let mut decision = Decision::only(());
        let mut topics = Vec::with_capacity(request.topics.len());
        let mut changed = BTreeSet::new();
        for asked_topic in &request.topics {
            let topic = self.image.topic_by_id(topic_id(asked_topic.topic_id));
            let mut partitions = Vec::with_capacity(asked_topic.partitions.len());
            for asked in &asked_topic.partitions {
                let found = topic.ok_or(ErrorCode::UNKNOWN_TOPIC_ID).and_then(|topic| {
                    let partition = topic.partitions.get(&asked.partition_index);
                    Ok((topic, partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?))
                });
                let (topic, partition) = match found {
                    Ok(found) => found,
                    Err(error) => {
                        partitions.push(refused(asked.partition_index, error));
                        continue;
                    }
                };
                let members = members(asked, version);
                let checked =
                    self.check_alteration(partition, sender, asked, &members).and_then(|()| {
                        // A second change of one partition in one request was made against the state before the first.
                        let first = changed.insert((topic.id, asked.partition_index));
                        first.then_some(()).ok_or(ErrorCode::INVALID_UPDATE_VERSION)
                    });
                partitions.push(match checked {
                    Ok(()) => self.alter(&mut decision, topic, partition, asked, &members),
                    Err(error) => {
                        decision.events.push((
                            EventKind::AlterPartitionRefused {
                                partition: topic.name_of(asked.partition_index),
                                broker: sender,
                                error: error.word(),
                            },
                            Because::Input,
                        ));
                        refused(asked.partition_index, error)
                    }
                });
            }
            topics.push(
                TopicData::default()
                    .with_topic_id(asked_topic.topic_id)
                    .with_partitions(partitions),
            );
        }
        decision.with(AlterPartitionResponse::default().with_topics(topics))
    }

    /// The checks in Kafka's order: the error of the first one that fails is what the leader acts upon.
    fn check_alteration(
        &self,
        partition: &PartitionImage,
        sender: BrokerId,
        asked: &Asked,
        members: &[Member],
    ) -> Result<(), ErrorCode> {
        let require = |holds: bool, error: ErrorCode| holds.then_some(()).ok_or(error);
        require(!planted("alter_partition_always_fails"), ErrorCode::UNKNOWN_SERVER_ERROR)?;
        let leader_epoch = partition.leader_epoch.0;
        let partition_epoch = partition.partition_epoch.0;
        // A leader that knows more than this controller has heard of a newer one.
        require(
            asked.leader_epoch <= leader_epoch && asked.partition_epoch <= partition_epoch,
            ErrorCode::NOT_CONTROLLER,
        )?;
        require(asked.leader_epoch == leader_epoch, ErrorCode::FENCED_LEADER_EPOCH)?;
        require(sender == partition.leader, ErrorCode::INVALID_REQUEST)?;
        let same =
            asked.partition_epoch == partition_epoch || planted("alter_partition_without_cas");
        require(same, ErrorCode::INVALID_UPDATE_VERSION)?;

        let ids: BTreeSet<BrokerId> = members.iter().map(|member| member.id).collect();
        let is_subset =
            ids.len() == members.len() && ids.iter().all(|id| partition.replicas.contains(id));
        require(is_subset && ids.contains(&partition.leader), ErrorCode::INVALID_REQUEST)?;
        let recovering = match asked.leader_recovery_state {
            0 => false,
            1 => true,
            _ => return Err(ErrorCode::INVALID_REQUEST),
        };
        // A recovering leader is alone, and one that has recovered does not fall back (KIP-704).
        require(
            !recovering || (members.len() == 1 && partition.recovering),
            ErrorCode::INVALID_REQUEST,
        )?;
        require(
            members.iter().all(|member| self.is_eligible(*member)),
            ErrorCode::INELIGIBLE_REPLICA,
        )
    }

    /// Whether a broker may be in an ISR: active (KIP-841), and the incarnation that the leader saw catch up (KIP-903).
    fn is_eligible(&self, member: Member) -> bool {
        self.image.broker(member.id).is_some_and(|broker| {
            let same = member.epoch == -1 || member.epoch == broker.epoch.0;
            broker.is_active() && (same || planted("isr_join_ignores_broker_epoch"))
                || planted("alter_partition_admits_anyone")
        })
    }

    fn alter(
        &self,
        decision: &mut Decision<()>,
        topic: &TopicImage,
        partition: &PartitionImage,
        asked: &Asked,
        members: &[Member],
    ) -> PartitionData {
        let mut target = self.target(topic, asked.partition_index, partition);
        target.isr = members.iter().map(|member| member.id).collect();
        target.recovering = Some(asked.leader_recovery_state == 1);
        let after = match target.change(|id| self.image.is_active(id)) {
            Some(changed) => {
                let after = changed.after.clone();
                let name = topic.name_of(asked.partition_index);
                let occasion = Occasion::AlterPartition;
                decision.change_partition(name, changed, occasion, Because::Input);
                if after.leader != partition.leader {
                    // It ended a reassignment that takes the lead away from the very replica that asked (KIP-455). The change
                    // holds, and the error tells the replica to look at the metadata before it asks again.
                    return refused(asked.partition_index, ErrorCode::NEW_LEADER_ELECTED);
                }
                after
            }
            // It is so already: a retry whose first answer was lost.
            None => partition.clone(),
        };
        let old = planted("alter_partition_answers_old_isr").then(|| partition.isr.clone());
        let after = PartitionImage { isr: old.unwrap_or_else(|| after.isr.clone()), ..after };
        PartitionData::default()
            .with_partition_index(asked.partition_index)
            .with_leader_id(messages::BrokerId(after.leader.0))
            .with_leader_epoch(after.leader_epoch.0)
            .with_isr(after.isr.iter().map(|id| messages::BrokerId(id.0)).collect())
            .with_leader_recovery_state(i8::from(after.recovering))
            .with_partition_epoch(after.partition_epoch.0)
    }
}

fn members(asked: &Asked, version: i16) -> Vec<Member> {
    if version >= VERSION_WITH_EPOCHS {
        let states = asked.new_isr_with_epochs.iter();
        states
            .map(|state| Member { id: BrokerId(state.broker_id.0), epoch: state.broker_epoch })
            .collect()
    } else {
        asked.new_isr.iter().map(|id| Member { id: BrokerId(id.0), epoch: -1 }).collect()
    }
}

fn refused(partition: i32, error: ErrorCode) -> PartitionData {
    PartitionData::default().with_partition_index(partition).with_error_code(error.0)
}
