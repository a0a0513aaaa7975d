//! Elections that somebody asks for, and those that the controller holds by itself from time to time.
//!
//! *Flows in*: ElectLeaders requests (KIP-460), and the periodic looks at imbalanced and leaderless partitions.
//! *Flows out*: PartitionChange records.
//! *Must never*: take the lead from a good leader for anything but the preferred replica.
//!
//! Kafka's controller does not look at `leader.imbalance.per.broker.percentage` since KRaft: any partition that is not led by
//! its preferred replica, while that one is in sync, is moved back; so there is no such key here either.

use klamm_node::Because;
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{text, topic};
use klamm_protocol::kafka::messages::elect_leaders_response::{
    PartitionResult, ReplicaElectionResult,
};
use klamm_protocol::kafka::messages::{ElectLeadersRequest, ElectLeadersResponse};

use super::changes::Occasion;
use super::partitions::Election;
use super::{Decider, Decision};
use crate::image::PartitionImage;

/// The most elections of one periodic round; what is left follows at once in the next.
const MAX_ELECTIONS_PER_ROUND: usize = 1_000;

/// A refusal, with the sentence that Kafka adds to some.
type Refused = (ErrorCode, Option<String>);

impl Decider<'_> {
    /// Elects preferred leaders (type 0), or leaders of leaderless partitions at any price (type 1).
    pub(crate) fn decide_elect_leaders(
        &self,
        request: &ElectLeadersRequest,
    ) -> Decision<ElectLeadersResponse> {
        let election = match request.election_type {
            0 => Election::Preferred,
            1 => Election::Unclean,
            _ => {
                let refused = ErrorCode::INVALID_REQUEST.0;
                return Decision::only(ElectLeadersResponse::default().with_error_code(refused));
            }
        };
        let mut decision = Decision::only(());
        let mut results = Vec::new();
        match &request.topic_partitions {
            // Asked for all, those where nothing is to be done are not spoken of.
            None => {
                for of_topic in self.image.topics() {
                    let partitions = of_topic.partitions.keys().filter_map(|index| {
                        let outcome = self.elect(&mut decision, &of_topic.name, *index, election);
                        let needed = !matches!(outcome, Err((ErrorCode::ELECTION_NOT_NEEDED, _)));
                        needed.then(|| result(*index, outcome))
                    });
                    results.push(
                        ReplicaElectionResult::default()
                            .with_topic(topic(&of_topic.name))
                            .with_partition_result(partitions.collect()),
                    );
                }
            }
            Some(asked) => {
                for asked in asked {
                    let name = asked.topic.as_str();
                    let mut seen = std::collections::BTreeSet::new();
                    let partitions = asked.partitions.iter().map(|index| {
                        // The second would be held on the state before the first.
                        let outcome = if seen.insert(*index) {
                            self.elect(&mut decision, name, *index, election)
                        } else {
                            Err((ErrorCode::ELECTION_NOT_NEEDED, None))
                        };
                        result(*index, outcome)
                    });
                    results.push(
                        ReplicaElectionResult::default()
                            .with_topic(asked.topic.clone())
                            .with_partition_result(partitions.collect()),
                    );
                }
            }
        }
        decision.with(ElectLeadersResponse::default().with_replica_election_results(results))
    }

    fn elect(
        &self,
        decision: &mut Decision<()>,
        name: &str,
        index: i32,
        election: Election,
    ) -> Result<(), Refused> {
        let unknown = |why: String| (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(why));
        let found = self.image.topic(name);
        let of_topic = found.ok_or_else(|| unknown(format!("No such topic as {name}")))?;
        let partition = of_topic.partitions.get(&index);
        let partition =
            partition.ok_or_else(|| unknown(format!("No such partition as {name}-{index}")))?;
        let (needed, occasion, unavailable) = match election {
            Election::Preferred | Election::Online => (
                !partition.has_preferred_leader(),
                Occasion::PreferredElection,
                ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE,
            ),
            Election::Unclean => (
                !partition.has_leader(),
                Occasion::UncleanElection,
                ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE,
            ),
        };
        if !needed {
            return Err((ErrorCode::ELECTION_NOT_NEEDED, None));
        }
        let mut target = self.target(of_topic, index, partition);
        target.election = election;
        let changed = target.change(|id| self.image.is_active(id)).ok_or((unavailable, None))?;
        decision.change_partition(of_topic.name_of(index), changed, occasion, Because::Input);
        Ok(())
    }

    /// Moves leaderships back to preferred replicas, and says whether there may be more to move.
    pub(crate) fn decide_preferred_leaders(&self) -> Decision<bool> {
        self.decide_for_all(Election::Preferred, |partition| !partition.has_preferred_leader())
    }

    /// Elects leaders at any price where topics allow it, and says whether there may be more to elect.
    pub(crate) fn decide_unclean_leaders(&self) -> Decision<bool> {
        let decision = self.decide_for_all(Election::Unclean, |partition| !partition.has_leader());
        debug_assert!(decision.events.len() == decision.records.len(), "one event a change");
        decision
    }

    fn decide_for_all(
        &self,
        election: Election,
        wanted: impl Fn(&PartitionImage) -> bool,
    ) -> Decision<bool> {
        let mut decision = Decision::only(());
        for (of_topic, index, partition) in self.image.partitions() {
            if decision.records.len() >= MAX_ELECTIONS_PER_ROUND {
                break;
            }
            if !wanted(partition) {
                continue;
            }
            let mut target = self.target(of_topic, index, partition);
            let occasion = match election {
                Election::Preferred | Election::Online => Occasion::PreferredElection,
                Election::Unclean if target.election != Election::Unclean => continue,
                Election::Unclean => Occasion::UncleanElection,
            };
            target.election = election;
            if let Some(changed) = target.change(|id| self.image.is_active(id)) {
                let name = of_topic.name_of(index);
                decision.change_partition(name, changed, occasion, Because::Input);
            }
        }
        let more = decision.records.len() >= MAX_ELECTIONS_PER_ROUND;
        decision.with(more)
    }
}

fn result(index: i32, outcome: Result<(), Refused>) -> PartitionResult {
    let (error, why) = match outcome {
        Ok(()) => (ErrorCode::NONE, None),
        Err(refused) => refused,
    };
    PartitionResult::default()
        .with_partition_id(index)
        .with_error_code(error.0)
        .with_error_message(why.map(|why| text(&why)))
}
