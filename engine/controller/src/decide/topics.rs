//! CreateTopics: names, counts, placement, configs.
//!
//! *Flows in*: the request, and random draws for ids and placement. *Flows out*: Topic, Config and Partition records, and a
//! result per topic; one topic's refusal does not touch the others.
//! *Must never*: create a topic whose name is taken or collides, or a partition without an active replica.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{
    Because, BrokerId, DirectoryId, EventKind, LeaderEpoch, PartitionEpoch, Purpose, Streams,
    TopicId,
};
use klamm_protocol::convert::{text, topic_uuid};
use klamm_protocol::kafka::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic,
};
use klamm_protocol::kafka::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use klamm_protocol::kafka::messages::{CreateTopicsRequest, CreateTopicsResponse};
use klamm_protocol::metadata::{Config, Partition, Topic, resource_type};
use klamm_protocol::{ErrorCode, MetadataRecord};

use super::{Decider, Decision, Refusal, configs, placement};

/// The metadata log's own topic; nobody creates it.
const METADATA_TOPIC: &str = "__cluster_metadata";
/// Longer names would not fit a directory with the partition's number.
const MAX_NAME: usize = 249;
/// The most partitions of one request: its records are one atomic batch.
pub(super) const MAX_PARTITIONS_PER_REQUEST: i64 = 10_000;
/// The streams of `Purpose::Ids` that topics draw from, apart from those of other rooms of the process.
const TOPIC_IDS: u64 = 0x7001;
pub(super) const PLACEMENT: u64 = 0x7002;

/// The directory of a replica whose broker has yet to choose one (KIP-858).
pub(super) const UNASSIGNED: DirectoryId = DirectoryId(0);

impl Decider<'_> {
    /// Decides every topic of the request on its own, in its order.
    pub(crate) fn decide_create_topics(
        &self,
        request: &CreateTopicsRequest,
        rng: &mut Streams,
    ) -> Decision<CreateTopicsResponse> {
        let mut decision = Decision::only(());
        let mut results = Vec::with_capacity(request.topics.len());
        let mut seen = BTreeMap::new();
        for topic in &request.topics {
            *seen.entry(topic.name.as_str()).or_insert(0) += 1;
        }
        let too_many = self.partitions_asked(request) > MAX_PARTITIONS_PER_REQUEST;
        let mut created = BTreeSet::new();
        for topic in &request.topics {
            let outcome = if seen.get(topic.name.as_str()) != Some(&1) {
                Err((ErrorCode::INVALID_REQUEST, "Duplicate topic name.".to_owned()))
            } else if too_many {
                let why = "Excessively large number of partitions per request.".to_owned();
                Err((ErrorCode::POLICY_VIOLATION, why))
            } else {
                self.check_name(topic.name.as_str(), &created)
                    .and_then(|()| self.create_topic(topic, rng))
            };
            results.push(match outcome {
                Ok(new) => {
                    created.insert(new.name.clone());
                    let result = new.result(self.effective(&new.configs));
                    if !request.validate_only {
                        decision.events.push((new.event(), Because::Input));
                        decision.records.extend(new.records());
                    }
                    result
                }
                Err((error, why)) => refused(topic, error, &why),
            });
        }
        decision.with(CreateTopicsResponse::default().with_topics(results))
    }

    fn partitions_asked(&self, request: &CreateTopicsRequest) -> i64 {
        let of_topic = |topic: &CreatableTopic| match topic.num_partitions {
            _ if !topic.assignments.is_empty() => {
                i64::try_from(topic.assignments.len()).unwrap_or(i64::MAX)
            }
            -1 => i64::from(self.config.settings.num_partitions),
            asked => i64::from(asked.max(0)),
        };
        request.topics.iter().map(of_topic).fold(0, i64::saturating_add)
    }

    fn check_name(&self, name: &str, created: &BTreeSet<String>) -> Result<(), Refusal> {
        if name == METADATA_TOPIC {
            let why = format!("Creation of internal topic {METADATA_TOPIC} is prohibited.");
            return Err((ErrorCode::TOPIC_AUTHORIZATION_FAILED, why));
        }
        legal_name(name).map_err(|why| (ErrorCode::INVALID_TOPIC_EXCEPTION, why))?;
        if self.image.topic(name).is_some() {
            return Err((
                ErrorCode::TOPIC_ALREADY_EXISTS,
                format!("Topic '{name}' already exists."),
            ));
        }
        // Metric names turn dots into underscores, so that two such topics could not be told apart.
        let existing = self.image.topics().map(|topic| topic.name.as_ref());
        let collides = |other: &&str| other.replace('.', "_") == name.replace('.', "_");
        match existing.chain(created.iter().map(String::as_str)).find(collides) {
            Some(other) => Err((
                ErrorCode::INVALID_TOPIC_EXCEPTION,
                format!("Topic '{name}' collides with existing topic: {other}"),
            )),
            None => Ok(()),
        }
    }

    fn create_topic(&self, topic: &CreatableTopic, rng: &mut Streams) -> Result<NewTopic, Refusal> {
        let configs = configs::requested(topic)?;
        let assignments = if topic.assignments.is_empty() {
            self.place_replicas(topic, rng)?
        } else {
            self.check_assignments(topic)?
        };
        let partitions =
            assignments.into_iter().map(|replicas| self.new_partition(replicas)).collect();
        Ok(NewTopic { name: topic.name.to_string(), id: self.draw_id(rng), configs, partitions })
    }

    fn place_replicas(
        &self,
        topic: &CreatableTopic,
        rng: &mut Streams,
    ) -> Result<Vec<Vec<BrokerId>>, Refusal> {
        let settings = &self.config.settings;
        let factor = match topic.replication_factor {
            -1 => settings.default_replication_factor,
            asked => asked,
        };
        let factor =
            usize::try_from(factor).ok().filter(|factor| *factor > 0).ok_or_else(|| {
                let why =
                    "Replication factor must be larger than 0, or -1 to use the default value.";
                (ErrorCode::INVALID_REPLICATION_FACTOR, why.to_owned())
            })?;
        let count = match topic.num_partitions {
            -1 => settings.num_partitions,
            asked => asked,
        };
        let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
            let why = "Number of partitions was set to an invalid non-positive value.";
            (ErrorCode::INVALID_PARTITIONS, why.to_owned())
        })?;
        placement::place(self.image, count, factor, rng.at(Purpose::Ids, PLACEMENT))
    }

    fn check_assignments(&self, topic: &CreatableTopic) -> Result<Vec<Vec<BrokerId>>, Refusal> {
        let invalid = |what: &str| {
            let why = format!(
                "A manual partition assignment was specified, but {what} was not set to -1."
            );
            Err((ErrorCode::INVALID_REQUEST, why))
        };
        if topic.replication_factor != -1 {
            return invalid("replication factor");
        }
        if topic.num_partitions != -1 {
            return invalid("numPartitions");
        }
        let refuse = |why: String| Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, why));
        let mut by_index = BTreeMap::new();
        let mut factor = None;
        for assignment in &topic.assignments {
            let index = assignment.partition_index;
            let replicas = self.check_replicas(assignment, factor)?;
            factor = Some(replicas.len());
            if by_index.insert(index, replicas).is_some() {
                return refuse(format!(
                    "Found multiple manual partition assignments for partition {index}"
                ));
            }
        }
        if by_index.keys().zip(0..).any(|(index, expected)| *index != expected) {
            return refuse(
                "partitions should be a consecutive 0-based integer sequence".to_owned(),
            );
        }
        Ok(by_index.into_values().collect())
    }

    fn check_replicas(
        &self,
        assignment: &CreatableReplicaAssignment,
        factor: Option<usize>,
    ) -> Result<Vec<BrokerId>, Refusal> {
        let replicas: Vec<_> = assignment.broker_ids.iter().map(|id| BrokerId(id.0)).collect();
        self.check_manual_replicas(&replicas, factor)?;
        let index = usize::try_from(assignment.partition_index).unwrap_or_default();
        self.check_somebody_is_active(&replicas, index)?;
        Ok(replicas)
    }

    /// Replicas that somebody chose: registered brokers, each once, and as many as the topic's others have.
    pub(super) fn check_manual_replicas(
        &self,
        replicas: &[BrokerId],
        factor: Option<usize>,
    ) -> Result<(), Refusal> {
        let refuse = |why: String| Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, why));
        if replicas.is_empty() {
            return refuse(
                "The manual partition assignment includes an empty replica list.".to_owned(),
            );
        }
        let mut seen = BTreeSet::new();
        for id in replicas {
            if self.image.broker(*id).is_none() {
                return refuse(format!(
                    "The manual partition assignment includes broker {id}, but no such broker is registered."
                ));
            }
            if !seen.insert(*id) {
                return refuse(format!(
                    "The manual partition assignment includes the broker {id} more than once."
                ));
            }
        }
        if let Some(factor) = factor.filter(|factor| *factor != replicas.len()) {
            return refuse(format!(
                "The manual partition assignment includes a partition with {} replica(s), but this is not \
                 consistent with previous partitions, which have {factor} replica(s).",
                replicas.len()
            ));
        }
        Ok(())
    }

    /// A partition whose brokers are all fenced or leaving would have nobody in sync.
    pub(super) fn check_somebody_is_active(
        &self,
        replicas: &[BrokerId],
        index: usize,
    ) -> Result<(), Refusal> {
        if replicas.iter().any(|id| self.image.is_active(*id)) {
            return Ok(());
        }
        let why = format!(
            "All brokers specified in the manual partition assignment for partition {index} are fenced or in \
             controlled shutdown."
        );
        Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, why))
    }

    /// Active replicas are in sync with the empty log; the first of them leads.
    pub(super) fn new_partition(&self, replicas: Vec<BrokerId>) -> Partition {
        let isr: Vec<_> = replicas.iter().copied().filter(|id| self.image.is_active(*id)).collect();
        let directories = replicas.iter().map(|id| self.directory_of(*id)).collect();
        Partition {
            leader: isr.first().copied().unwrap_or(BrokerId::NONE),
            isr,
            replicas,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            directories,
            ..Partition::default()
        }
    }

    /// A broker with one log directory has no choice; one with more tells later (KIP-858).
    pub(super) fn directory_of(&self, id: BrokerId) -> DirectoryId {
        match self.image.broker(id).map(|broker| broker.log_dirs.as_slice()) {
            Some([only]) => *only,
            Some(_) | None => UNASSIGNED,
        }
    }

    /// A fresh random id (UUID version 4), never a reserved one or one that is taken.
    fn draw_id(&self, rng: &mut Streams) -> TopicId {
        loop {
            let drawn = rng.at(Purpose::Ids, TOPIC_IDS).wide();
            let id = TopicId(drawn & !(0xF << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62);
            // A text form that begins with '-' would be read as an option by command-line tools.
            let awkward = id.to_string().starts_with('-');
            if !awkward && self.image.topic_by_id(id).is_none() {
                return id;
            }
        }
    }
}

/// A topic as it will be.
#[derive(Clone, Debug)]
struct NewTopic {
    name: String,
    id: TopicId,
    configs: BTreeMap<String, String>,
    partitions: Vec<Partition>,
}

impl NewTopic {
    fn replication_factor(&self) -> i16 {
        let first = self.partitions.first().map_or(0, |partition| partition.replicas.len());
        i16::try_from(first).unwrap_or(i16::MAX)
    }

    fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }

    fn event(&self) -> EventKind {
        EventKind::TopicCreationDecided {
            topic: self.name.as_str().into(),
            partitions: self.partition_count(),
            replication_factor: self.replication_factor(),
        }
    }

    fn result(&self, configs: Vec<CreatableTopicConfigs>) -> CreatableTopicResult {
        CreatableTopicResult::default()
            .with_name(klamm_protocol::convert::topic(&self.name))
            .with_topic_id(topic_uuid(self.id))
            .with_error_message(None)
            .with_num_partitions(self.partition_count())
            .with_replication_factor(self.replication_factor())
            .with_configs(Some(configs))
    }

    /// The topic, its configs, its partitions: the order in which a replayer needs them.
    fn records(self) -> Vec<MetadataRecord> {
        let topic = Topic { name: self.name.clone(), topic_id: self.id };
        let config = |(key, value): (&String, &String)| Config {
            resource_type: resource_type::TOPIC,
            resource_name: self.name.clone(),
            name: key.clone(),
            value: Some(value.clone()),
        };
        let mut records = vec![MetadataRecord::from(topic)];
        records.extend(self.configs.iter().map(|set| MetadataRecord::from(config(set))));
        for (index, partition) in (0..).zip(self.partitions) {
            records.push(Partition { partition_id: index, topic_id: self.id, ..partition }.into());
        }
        records
    }
}

fn refused(topic: &CreatableTopic, error: ErrorCode, why: &str) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_code(error.0)
        .with_error_message(Some(text(why)))
        .with_configs(Some(Vec::new()))
}

/// Kafka's rule for topic names.
///
/// # Errors
/// The sentence about what is wrong with the name.
pub fn legal_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("Topic name is invalid: the empty string is not allowed".to_owned());
    }
    if name == "." || name == ".." {
        return Err(format!("Topic name is invalid: '{name}' is not allowed"));
    }
    if name.len() > MAX_NAME {
        return Err(format!(
            "Topic name is invalid: the length of '{name}' is longer than the max allowed length {MAX_NAME}"
        ));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !name.chars().all(legal) {
        return Err(format!(
            "Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, \
             '.', '_' and '-'"
        ));
    }
    Ok(())
}
