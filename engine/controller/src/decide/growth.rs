//! CreatePartitions: a topic gets more partitions (KIP-195). It never gets fewer.
//!
//! *Flows in*: the request, and random draws for placement. *Flows out*: Partition records after those that there are.
//! *Must never*: touch a partition that there is.

use std::collections::BTreeMap;

use klamm_node::{Because, BrokerId, EventKind, Purpose, Streams};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::text;
use klamm_protocol::kafka::messages::create_partitions_request::CreatePartitionsTopic;
use klamm_protocol::kafka::messages::create_partitions_response::CreatePartitionsTopicResult;
use klamm_protocol::kafka::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use klamm_protocol::metadata::Partition;

use super::topics::{MAX_PARTITIONS_PER_REQUEST, PLACEMENT};
use super::{Decider, Decision, Refusal, placement};
use crate::image::TopicImage;

impl Decider<'_> {
    /// Decides every topic of the request on its own, in its order.
    pub(crate) fn decide_create_partitions(
        &self,
        request: &CreatePartitionsRequest,
        rng: &mut Streams,
    ) -> Decision<CreatePartitionsResponse> {
        let mut decision = Decision::only(());
        let mut seen = BTreeMap::new();
        for asked in &request.topics {
            *seen.entry(asked.name.as_str()).or_insert(0) += 1;
        }
        let mut results = Vec::with_capacity(request.topics.len());
        for (name, _) in seen.iter().filter(|(_, count)| **count > 1) {
            let refusal = (ErrorCode::INVALID_REQUEST, "Duplicate topic name.".to_owned());
            results.push(result(name, Err(refusal)));
        }
        for asked in request.topics.iter().filter(|asked| seen.get(asked.name.as_str()) == Some(&1))
        {
            let name = asked.name.as_str();
            let outcome = self.grow(asked, decision.records.len(), rng);
            results.push(match outcome {
                Ok((topic, partitions)) => {
                    if !request.validate_only {
                        let kind = EventKind::PartitionsAdditionDecided {
                            topic: topic.name.clone(),
                            partitions: asked.count,
                        };
                        decision.events.push((kind, Because::Input));
                        decision.records.extend(partitions.into_iter().map(Into::into));
                    }
                    result(name, Ok(()))
                }
                Err(refusal) => result(name, Err(refusal)),
            });
        }
        decision.with(CreatePartitionsResponse::default().with_results(results))
    }

    /// The new partitions of a topic.
    fn grow(
        &self,
        asked: &CreatePartitionsTopic,
        already: usize,
        rng: &mut Streams,
    ) -> Result<(&TopicImage, Vec<Partition>), Refusal> {
        let name = asked.name.as_str();
        let topic = self.image.topic(name).ok_or_else(|| {
            let why = "This server does not host this topic-partition.";
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, why.to_owned())
        })?;
        let invalid = |why: String| Err((ErrorCode::INVALID_PARTITIONS, why));
        let present = topic.partitions.len();
        let wanted = usize::try_from(asked.count).unwrap_or(0);
        if wanted == present {
            return invalid(format!("Topic already has {present} partition(s)."));
        }
        let Some(additional) = wanted.checked_sub(present) else {
            return invalid(format!(
                "The topic {name} currently has {present} partition(s); {} would not be an increase.",
                asked.count
            ));
        };
        // Its records are one atomic batch.
        if already + additional > usize::try_from(MAX_PARTITIONS_PER_REQUEST).unwrap_or(0) {
            let why = "Excessively large number of partitions per request.";
            return Err((ErrorCode::POLICY_VIOLATION, why.to_owned()));
        }
        let factor = topic.partitions.values().next().map_or(1, |first| first.replicas.len());
        let assignments = match &asked.assignments {
            Some(given) if given.len() != additional => {
                let why = format!(
                    "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                    given.len()
                );
                return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, why));
            }
            Some(given) => {
                let mut assignments = Vec::with_capacity(given.len());
                for (assignment, index) in given.iter().zip(present..) {
                    let replicas: Vec<_> =
                        assignment.broker_ids.iter().map(|id| BrokerId(id.0)).collect();
                    self.check_manual_replicas(&replicas, Some(factor))?;
                    self.check_somebody_is_active(&replicas, index)?;
                    assignments.push(replicas);
                }
                assignments
            }
            None => {
                placement::place(self.image, additional, factor, rng.at(Purpose::Ids, PLACEMENT))?
            }
        };
        let partitions =
            assignments.into_iter().zip(present..).map(|(replicas, index)| Partition {
                partition_id: i32::try_from(index).unwrap_or(i32::MAX),
                topic_id: topic.id,
                ..self.new_partition(replicas)
            });
        Ok((topic, partitions.collect()))
    }
}

fn result(name: &str, outcome: Result<(), Refusal>) -> CreatePartitionsTopicResult {
    let (error, why) = match outcome {
        Ok(()) => (ErrorCode::NONE, None),
        Err((error, why)) => (error, Some(why)),
    };
    CreatePartitionsTopicResult::default()
        .with_name(klamm_protocol::convert::topic(name))
        .with_error_code(error.0)
        .with_error_message(why.map(|why| text(&why)))
}
