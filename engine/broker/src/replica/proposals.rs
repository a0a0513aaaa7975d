//! ISR changes on their way to the controller: AlterPartition (KIP-497).
//!
//! *Flows in*: a leader's wish to expand or shrink an ISR; the controller's answers. *Flows out*: one AlterPartition
//! request at a time for the whole broker, with every wish that waits. *Must never*: change an ISR by itself.

use std::collections::BTreeMap;

use klamm_node::event::Word;
use klamm_node::{
    Because, BrokerEpoch, BrokerId, Context, EventKind, LeaderEpoch, PartitionEpoch, Quiet, Time,
    planted,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RpcError;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::alter_partition_request::{
    BrokerState, PartitionData, TopicData,
};
use klamm_protocol::kafka::messages::alter_partition_response::PartitionData as Answer;
use klamm_protocol::kafka::messages::{AlterPartitionRequest, ResponseKind};

use super::image::{self, Image};
use super::isr::IsrProposal;
use super::leader::Leader;
use super::partition::Partition;
use super::{ALTER_PARTITION_RETRY, Me, PartitionKey, ReplicaCall, ReplicaOutput, Replicas, Wake};

/// A wish as it goes to the controller.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Wish {
    serial: u64,
    leader_epoch: LeaderEpoch,
    partition_epoch: PartitionEpoch,
    isr: Vec<(BrokerId, BrokerEpoch)>,
}

/// What became of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// The ISR may have changed.
    Settled,
    /// The same wish goes out again.
    Again,
    /// Metadata will tell; until then there is no other proposal.
    Wait,
}

/// All wishes of this broker. A wish stays here until it is answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Proposals {
    serial: u64,
    open: BTreeMap<PartitionKey, Wish>,
    in_flight: Option<(u64, Vec<(PartitionKey, u64)>)>,
}

impl Proposals {
    /// Asks for a follower to join the ISR, if it may: it is not fenced or shutting down, and the broker epoch of its
    /// fetches is the one that the controller knows (KIP-841, KIP-903).
    pub(super) fn expand(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        partition: &mut Partition,
        follower: BrokerId,
        me: Me,
    ) {
        let Ok(leader) = partition.leading_mut() else { return };
        let Some(state) = leader.followers.get(&follower) else { return };
        if !image::is_isr_eligible(image, follower, state.broker_epoch) {
            return;
        }
        self.serial += 1;
        let Some(proposal) = leader.isr.propose_expand(self.serial, follower).cloned() else {
            return;
        };
        self.submit(cx, partition, &proposal, "caught-up".into(), Because::Input, me);
    }

    /// Asks for lagging followers to leave the ISR.
    pub(super) fn shrink(
        &mut self,
        cx: &mut Context<'_>,
        partition: &mut Partition,
        lagging: &[(BrokerId, Option<Time>)],
        me: Me,
    ) {
        let Ok(leader) = partition.leading_mut() else { return };
        let Some(&(of, since)) = lagging.first() else { return };
        self.serial += 1;
        let out = lagging.iter().map(|(id, _)| *id).collect();
        let Some(proposal) = leader.isr.propose_shrink(self.serial, out).cloned() else { return };
        let because = Because::Silence { of, since: since.unwrap_or(Time::ZERO) };
        self.submit(cx, partition, &proposal, "lag".into(), because, me);
    }

    /// Forgets a partition's wish: another leader, another leader epoch, or the controller has decided meanwhile.
    pub(super) fn forget(&mut self, key: PartitionKey) {
        self.open.remove(&key);
    }

    fn submit(
        &mut self,
        cx: &mut Context<'_>,
        partition: &Partition,
        proposal: &IsrProposal,
        reason: Word,
        because: Because,
        me: Me,
    ) {
        let Ok(leader) = partition.leading() else { return };
        let isr = with_epochs(leader, &proposal.isr, me);
        cx.observe_because(
            EventKind::IsrProposed {
                partition: partition.name.clone(),
                isr: proposal.isr.clone(),
                leader_epoch: partition.leader_epoch,
                partition_epoch: partition.partition_epoch,
                reason,
                broker_epochs: Quiet(isr.iter().map(|(_, epoch)| *epoch).collect()),
            },
            because,
        );
        let wish = Wish {
            serial: proposal.serial,
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            isr,
        };
        self.open.insert(partition.key, wish);
    }

    /// The next request, if there is something to ask and nothing on its way.
    pub(super) fn next_request(&mut self, me: Me) -> Option<(u64, AlterPartitionRequest)> {
        let mute = planted("alter_partition_never_sent");
        if self.in_flight.is_some() || self.open.is_empty() || mute {
            return None;
        }
        let mut topics: Vec<TopicData> = Vec::new();
        let mut sent = Vec::with_capacity(self.open.len());
        for (key, wish) in &self.open {
            sent.push((*key, wish.serial));
            let topic_id = convert::topic_uuid(key.topic);
            // Keys come in order of topics.
            if topics.last().is_none_or(|last| last.topic_id != topic_id) {
                topics.push(TopicData::default().with_topic_id(topic_id));
            }
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(wish.to_wire(*key));
            }
        }
        self.serial += 1;
        self.in_flight = Some((self.serial, sent));
        let request = AlterPartitionRequest::default()
            .with_broker_id(me.id.0.into())
            .with_broker_epoch(me.broker_epoch.0)
            .with_topics(topics);
        Some((self.serial, request))
    }
}

impl Wish {
    fn to_wire(&self, key: PartitionKey) -> PartitionData {
        let members = self.isr.iter().map(|(id, epoch)| {
            BrokerState::default().with_broker_id(id.0.into()).with_broker_epoch(epoch.0)
        });
        PartitionData::default()
            .with_partition_index(key.partition)
            .with_leader_epoch(self.leader_epoch.0)
            .with_partition_epoch(self.partition_epoch.0)
            .with_new_isr_with_epochs(members.collect())
    }
}

/// The members of an ISR with the broker epochs that their own fetches carried (KIP-903). The image may already know a
/// newer incarnation, which has lost what this leader counts on.
fn with_epochs(leader: &Leader, isr: &[BrokerId], me: Me) -> Vec<(BrokerId, BrokerEpoch)> {
    let epoch_of = |id: &BrokerId| {
        if *id == me.id {
            return me.broker_epoch;
        }
        let known = leader.followers.get(id).and_then(|state| state.broker_epoch);
        known.unwrap_or(BrokerEpoch(-1))
    };
    isr.iter().map(|id| (*id, epoch_of(id))).collect()
}

impl Replicas {
    /// Sends what waits, unless something is on its way or a failure was too recent.
    pub(super) fn send_proposals(&mut self, out: &mut Vec<ReplicaOutput>) {
        if self.timers.deadline(&Wake::AlterPartition).is_some() {
            return;
        }
        if let Some((serial, request)) = self.proposals.next_request(self.me) {
            out.push(ReplicaOutput::AlterPartition {
                request,
                call: ReplicaCall::AlterPartition { serial },
            });
        }
    }

    /// Takes the controller's answer to the request on its way. What it does not answer goes out again.
    pub(super) fn alter_partition_answered(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        serial: u64,
        outcome: Result<ResponseKind, RpcError>,
        touched: &mut Vec<PartitionKey>,
    ) {
        let Some((_, sent)) = self.proposals.in_flight.take_if(|(at, _)| *at == serial) else {
            return;
        };
        let failure = match &outcome {
            Ok(ResponseKind::AlterPartition(answer)) => {
                let code = ErrorCode(answer.error_code);
                (!code.is_none()).then(|| code.word())
            }
            Ok(_) => Some("malformed".into()),
            Err(error) => Some(error.word()),
        };
        // Anything but an answer: NOT_CONTROLLER, STALE_BROKER_EPOCH, a lost connection. Kafka waits 50 ms.
        if let Some(error) = failure {
            for (key, _) in sent {
                self.proposal_failed(cx, key, error.clone());
            }
            self.timers.arm(Wake::AlterPartition, cx.now + ALTER_PARTITION_RETRY);
            return;
        }
        if planted("alter_partition_answer_ignored") {
            return;
        }
        let Ok(ResponseKind::AlterPartition(answer)) = outcome else { return };
        let answers: BTreeMap<PartitionKey, Answer> = answer
            .topics
            .into_iter()
            .flat_map(|topic| {
                let topic_id = convert::topic_id(topic.topic_id);
                topic.partitions.into_iter().map(move |answer| {
                    (PartitionKey { topic: topic_id, partition: answer.partition_index }, answer)
                })
            })
            .collect();
        for (key, proposal) in sent {
            if self.proposals.open.get(&key).is_none_or(|wish| wish.serial != proposal) {
                continue;
            }
            match answers.get(&key) {
                None => {
                    self.timers.arm(Wake::AlterPartition, cx.now + ALTER_PARTITION_RETRY);
                }
                Some(answer) => match self.proposal_answered(cx, image, key, proposal, answer) {
                    Verdict::Settled => {
                        self.proposals.forget(key);
                        touched.push(key);
                    }
                    Verdict::Wait => self.proposals.forget(key),
                    Verdict::Again => {
                        self.timers.arm(Wake::AlterPartition, cx.now + ALTER_PARTITION_RETRY);
                    }
                },
            }
        }
    }

    fn proposal_failed(&self, cx: &mut Context<'_>, key: PartitionKey, error: Word) {
        if let Some(partition) = self.partitions.get(&key) {
            cx.observe(EventKind::IsrProposalFailed { partition: partition.name.clone(), error });
        }
    }

    fn proposal_answered(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        key: PartitionKey,
        proposal: u64,
        answer: &Answer,
    ) -> Verdict {
        let code = ErrorCode(answer.error_code);
        if !code.is_none() {
            self.proposal_failed(cx, key, code.word());
        }
        let lag_max = self.config.replica_lag_time_max;
        let Some(partition) = self.partitions.get_mut(&key) else { return Verdict::Wait };
        let (leader_epoch, partition_epoch) = (partition.leader_epoch, partition.partition_epoch);
        let Ok(leader) = partition.leading_mut() else { return Verdict::Wait };
        // The state was changed by metadata before the answer came: nobody knows what the controller did with the
        // proposal, but the metadata does.
        if leader.isr.proposal().is_none_or(|current| current.serial != proposal) {
            return Verdict::Wait;
        }
        match code {
            ErrorCode::NONE => {
                let stale = answer.leader_epoch != leader_epoch.0
                    || answer.partition_epoch < partition_epoch.0;
                if stale {
                    return Verdict::Wait;
                }
                let isr: Vec<_> = answer.isr.iter().map(|id| BrokerId(id.0)).collect();
                leader.isr.commit(isr.clone());
                partition.partition_epoch = PartitionEpoch(answer.partition_epoch);
                cx.observe(EventKind::IsrCommitted {
                    partition: partition.name.clone(),
                    isr,
                    partition_epoch: partition.partition_epoch,
                });
                partition.advance_high_watermark(cx, image, lag_max);
                Verdict::Settled
            }
            // Certainly not done: the committed ISR holds, and the follower may try again by fetching.
            ErrorCode::OPERATION_NOT_ATTEMPTED | ErrorCode::INELIGIBLE_REPLICA => {
                leader.isr.withdraw();
                Verdict::Settled
            }
            // The controller knows of something that this leader does not: the proposal stands, and counts, until
            // metadata brings it.
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::UNKNOWN_TOPIC_ID
            | ErrorCode::FENCED_LEADER_EPOCH
            | ErrorCode::INVALID_UPDATE_VERSION
            | ErrorCode::INVALID_REQUEST
            | ErrorCode::NEW_LEADER_ELECTED => Verdict::Wait,
            _ => Verdict::Again,
        }
    }
}
