//! What an operator's request is on the wire: whom it is for, what it says, how its answer reads, which refusals are
//! asked again.
//!
//! *Flows in*: the operator's request; a response. *Flows out*: a request; outcomes by part.
//! *Must never*: ask again what Kafka's `KafkaAdminClient` would not.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use klamm_node::command::{AdminRequest, ConfigTarget, Downgrade};
use klamm_node::{BrokerId, DirectoryId, Endpoint, TopicName, TopicPartition};
use klamm_protocol::kafka::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use klamm_protocol::kafka::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use klamm_protocol::kafka::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use klamm_protocol::kafka::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use klamm_protocol::kafka::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use klamm_protocol::kafka::messages::delete_topics_request::DeleteTopicState;
use klamm_protocol::kafka::messages::describe_quorum_request::{self, PartitionData};
use klamm_protocol::kafka::messages::describe_quorum_response::ReplicaState;
use klamm_protocol::kafka::messages::elect_leaders_request::TopicPartitions;
use klamm_protocol::kafka::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use klamm_protocol::kafka::messages::update_features_request::FeatureUpdateKey;
use klamm_protocol::kafka::messages::{
    AddRaftVoterRequest, AlterClientQuotasRequest, AlterPartitionReassignmentsRequest, ApiKey,
    BrokerId as WireBrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest,
    DeleteTopicsRequest, DescribeQuorumRequest, DescribeQuorumResponse, ElectLeadersRequest,
    IncrementalAlterConfigsRequest, RemoveRaftVoterRequest, RequestKind, ResponseKind,
    UnregisterBrokerRequest, UpdateFeaturesRequest, add_raft_voter_request,
};
use klamm_protocol::{ErrorCode, convert};

use super::group::GroupJob;

/// The topic of the metadata quorum, as DescribeQuorum names it.
const METADATA_TOPIC: &str = "__cluster_metadata";
/// ConfigResource types.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Whom a request is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Route {
    /// The broker that metadata names as the controller.
    Controller,
    /// The least loaded broker.
    Any,
    /// One broker.
    Broker(BrokerId),
    /// The leader of a partition.
    Leader(TopicPartition),
    /// Somebody who was found.
    At(Endpoint),
    /// Any broker but these, until there is none.
    Next(BTreeSet<BrokerId>),
}

/// How an answer reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// The look-up found the controller's directory; what was meant can be asked now.
    Found(DirectoryId),
    /// There is more to ask.
    Next,
    /// The outcome, of all in one, or of parts that have a text of their own.
    Answered(Vec<(Option<String>, ErrorCode)>),
}

/// Something to ask for.
#[derive(Clone, Debug)]
pub(super) enum Job {
    CreateTopic { topic: CreatableTopic, partitions: i32, replication_factor: i16 },
    Other(AdminRequest),
    Group(GroupJob),
}

impl Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateTopic { topic, partitions, replication_factor } => write!(
                f,
                "create topic {} with {partitions} partitions, replication factor {replication_factor}",
                topic.name.as_str()
            ),
            Self::Other(request) => request.fmt(f),
            Self::Group(job) => job.wanted().fmt(f),
        }
    }
}

fn wire(brokers: &[BrokerId]) -> Vec<WireBrokerId> {
    brokers.iter().map(|id| WireBrokerId(id.0)).collect()
}

/// A topic to create.
pub(super) fn creatable(
    name: &TopicName,
    partitions: i32,
    replication_factor: i16,
    configs: &[(String, String)],
    assignments: &[Vec<BrokerId>],
) -> CreatableTopic {
    let configs: Vec<CreatableTopicConfig> = configs
        .iter()
        .map(|(key, value)| {
            CreatableTopicConfig::default()
                .with_name(convert::text(key))
                .with_value(Some(convert::text(value)))
        })
        .collect();
    let assigned: Vec<CreatableReplicaAssignment> = (0..)
        .zip(assignments)
        .map(|(index, replicas)| {
            CreatableReplicaAssignment::default()
                .with_partition_index(index)
                .with_broker_ids(wire(replicas))
        })
        .collect();
    // With assignments by hand the two numbers must be -1.
    let by_hand = !assigned.is_empty();
    CreatableTopic::default()
        .with_name(convert::topic(name))
        .with_num_partitions(if by_hand { -1 } else { partitions })
        .with_replication_factor(if by_hand { -1 } else { replication_factor })
        .with_assignments(assigned)
        .with_configs(configs)
}

impl Job {
    /// Whom it is for.
    pub(super) fn route(&self) -> Route {
        match self {
            Self::CreateTopic { .. } => Route::Controller,
            Self::Other(request) => match request {
                AdminRequest::DeleteTopic { .. }
                | AdminRequest::AddPartitions { .. }
                | AdminRequest::ElectLeaders { .. }
                | AdminRequest::Reassign { .. }
                | AdminRequest::UpdateFeature { .. } => Route::Controller,
                AdminRequest::AlterConfig { resource: ConfigTarget::Broker(broker), .. } => {
                    Route::Broker(*broker)
                }
                AdminRequest::DeleteRecords { partition, .. } => Route::Leader(partition.clone()),
                AdminRequest::AlterConfig { .. }
                | AdminRequest::SetQuota { .. }
                | AdminRequest::AddVoter { .. }
                | AdminRequest::RemoveVoter { .. }
                | AdminRequest::UnregisterBroker { .. }
                | AdminRequest::Group(_) => Route::Any,
            },
            Self::Group(job) => job.route(),
        }
    }

    /// The API of its next request.
    pub(super) fn api(&self, directory: Option<DirectoryId>) -> ApiKey {
        match self {
            Self::CreateTopic { .. } => ApiKey::CreateTopics,
            Self::Group(job) => job.api(),
            Self::Other(request) => match (request, directory) {
                (AdminRequest::DeleteTopic { .. }, _) => ApiKey::DeleteTopics,
                (AdminRequest::AddPartitions { .. }, _) => ApiKey::CreatePartitions,
                (AdminRequest::ElectLeaders { .. }, _) => ApiKey::ElectLeaders,
                (AdminRequest::Reassign { .. }, _) => ApiKey::AlterPartitionReassignments,
                (AdminRequest::AlterConfig { .. }, _) => ApiKey::IncrementalAlterConfigs,
                (AdminRequest::DeleteRecords { .. }, _) => ApiKey::DeleteRecords,
                (AdminRequest::SetQuota { .. }, _) => ApiKey::AlterClientQuotas,
                (AdminRequest::UpdateFeature { .. }, _) => ApiKey::UpdateFeatures,
                (AdminRequest::AddVoter { .. } | AdminRequest::RemoveVoter { .. }, None) => {
                    ApiKey::DescribeQuorum
                }
                (AdminRequest::AddVoter { .. }, Some(_)) => ApiKey::AddRaftVoter,
                (AdminRequest::RemoveVoter { .. }, Some(_)) => ApiKey::RemoveRaftVoter,
                (AdminRequest::UnregisterBroker { .. }, _) => ApiKey::UnregisterBroker,
                (AdminRequest::Group(_), _) => ApiKey::ListGroups,
            },
        }
    }

    /// Its next request.
    pub(super) fn request(&self, directory: Option<DirectoryId>, timeout_ms: i32) -> RequestKind {
        let request = match self {
            Self::CreateTopic { topic, .. } => {
                let request = CreateTopicsRequest::default()
                    .with_topics(vec![topic.clone()])
                    .with_timeout_ms(timeout_ms);
                return RequestKind::CreateTopics(request);
            }
            Self::Other(request) => request,
            Self::Group(job) => return job.request(),
        };
        match request {
            AdminRequest::DeleteTopic { topic } => {
                // As versions from 6 on say it; a broker that knows older ones alone has no KRaft.
                let state = DeleteTopicState::default().with_name(Some(convert::topic(topic)));
                RequestKind::DeleteTopics(
                    DeleteTopicsRequest::default()
                        .with_topics(vec![state])
                        .with_timeout_ms(timeout_ms),
                )
            }
            AdminRequest::AddPartitions { topic, count, assignments } => {
                let assigned = assignments
                    .iter()
                    .map(|replicas| {
                        CreatePartitionsAssignment::default().with_broker_ids(wire(replicas))
                    })
                    .collect();
                let topic = CreatePartitionsTopic::default()
                    .with_name(convert::topic(topic))
                    .with_count(*count)
                    .with_assignments((!assignments.is_empty()).then_some(assigned));
                RequestKind::CreatePartitions(
                    CreatePartitionsRequest::default()
                        .with_topics(vec![topic])
                        .with_timeout_ms(timeout_ms),
                )
            }
            AdminRequest::ElectLeaders { unclean, partitions } => {
                let topics = by_topic(partitions.iter().map(|p| (p, ()))).map(|(name, indices)| {
                    TopicPartitions::default()
                        .with_topic(convert::topic(&name))
                        .with_partitions(indices.into_iter().map(|(index, ())| index).collect())
                });
                let topics = (!partitions.is_empty()).then(|| topics.collect());
                RequestKind::ElectLeaders(
                    ElectLeadersRequest::default()
                        .with_election_type(i8::from(*unclean))
                        .with_topic_partitions(topics)
                        .with_timeout_ms(timeout_ms),
                )
            }
            AdminRequest::Reassign { moves } => {
                let moves = moves.iter().map(|(partition, replicas)| (partition, replicas));
                let topics = by_topic(moves).map(|(name, moves)| {
                    let partitions = moves.into_iter().map(|(index, replicas)| {
                        ReassignablePartition::default()
                            .with_partition_index(index)
                            .with_replicas(replicas.as_ref().map(|replicas| wire(replicas)))
                    });
                    ReassignableTopic::default()
                        .with_name(convert::topic(&name))
                        .with_partitions(partitions.collect())
                });
                RequestKind::AlterPartitionReassignments(
                    AlterPartitionReassignmentsRequest::default()
                        .with_topics(topics.collect())
                        .with_timeout_ms(timeout_ms),
                )
            }
            AdminRequest::AlterConfig { resource, changes } => {
                let (kind, name) = match resource {
                    ConfigTarget::Topic(topic) => (TOPIC, topic.to_string()),
                    ConfigTarget::Broker(broker) => (BROKER, broker.to_string()),
                    ConfigTarget::AllBrokers => (BROKER, String::new()),
                };
                let configs = changes.iter().map(|(key, value)| {
                    AlterableConfig::default()
                        .with_name(convert::text(key))
                        .with_config_operation(i8::from(value.is_none()))
                        .with_value(value.as_deref().map(convert::text))
                });
                let resource = AlterConfigsResource::default()
                    .with_resource_type(kind)
                    .with_resource_name(convert::text(&name))
                    .with_configs(configs.collect());
                RequestKind::IncrementalAlterConfigs(
                    IncrementalAlterConfigsRequest::default().with_resources(vec![resource]),
                )
            }
            AdminRequest::DeleteRecords { partition, before } => {
                let asked = DeleteRecordsPartition::default()
                    .with_partition_index(partition.partition)
                    .with_offset(before.0);
                let topic = DeleteRecordsTopic::default()
                    .with_name(convert::topic(&partition.topic))
                    .with_partitions(vec![asked]);
                RequestKind::DeleteRecords(
                    DeleteRecordsRequest::default()
                        .with_topics(vec![topic])
                        .with_timeout_ms(timeout_ms),
                )
            }
            AdminRequest::SetQuota { entity, key, value } => {
                let entity = entity.iter().map(|(kind, name)| {
                    EntityData::default()
                        .with_entity_type(convert::text(kind))
                        .with_entity_name(name.as_deref().map(convert::text))
                });
                // Quotas are floating-point numbers on the wire; whole ones are enough here.
                let number = value.map_or(0, |value| u32::try_from(value).unwrap_or(u32::MAX));
                let op = OpData::default()
                    .with_key(convert::text(key))
                    .with_value(f64::from(number))
                    .with_remove(value.is_none());
                let entry = EntryData::default().with_entity(entity.collect()).with_ops(vec![op]);
                RequestKind::AlterClientQuotas(
                    AlterClientQuotasRequest::default().with_entries(vec![entry]),
                )
            }
            AdminRequest::UpdateFeature { feature, level, downgrade } => {
                let upgrade_type = match downgrade {
                    Downgrade::No => 1,
                    Downgrade::Safe => 2,
                    Downgrade::Unsafe => 3,
                };
                let update = FeatureUpdateKey::default()
                    .with_feature(convert::text(feature))
                    .with_max_version_level(*level)
                    .with_upgrade_type(upgrade_type);
                RequestKind::UpdateFeatures(
                    UpdateFeaturesRequest::default()
                        .with_feature_updates(vec![update])
                        .with_timeout_ms(timeout_ms),
                )
            }
            AdminRequest::AddVoter { .. } | AdminRequest::RemoveVoter { .. } => {
                voters(request, directory, timeout_ms)
            }
            AdminRequest::Group(_) => RequestKind::ListGroups(
                klamm_protocol::kafka::messages::ListGroupsRequest::default(),
            ),
            AdminRequest::UnregisterBroker { broker } => RequestKind::UnregisterBroker(
                UnregisterBrokerRequest::default().with_broker_id(WireBrokerId(broker.0)),
            ),
        }
    }

    /// How an answer reads.
    pub(super) fn read(&self, directory: Option<DirectoryId>, response: &ResponseKind) -> Reading {
        if let (ResponseKind::DescribeQuorum(quorum), None, Self::Other(request)) =
            (response, directory, self)
        {
            return found(request, quorum);
        }
        let whole = |code: i16| Reading::Answered(vec![(None, ErrorCode(code))]);
        let first = |code: Option<i16>| whole(code.unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR.0));
        if response_key(response) != Some(self.api(directory)) {
            return first(None);
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "responses to requests never sent")]
        match response {
            ResponseKind::CreateTopics(answer) => {
                first(answer.topics.first().map(|t| t.error_code))
            }
            ResponseKind::DeleteTopics(answer) => {
                first(answer.responses.first().map(|t| t.error_code))
            }
            ResponseKind::CreatePartitions(answer) => {
                first(answer.results.first().map(|t| t.error_code))
            }
            ResponseKind::ElectLeaders(answer) if answer.error_code != 0 => {
                whole(answer.error_code)
            }
            ResponseKind::ElectLeaders(answer) => {
                let results = answer.replica_election_results.iter();
                let parts = results.flat_map(|topic| {
                    topic.partition_result.iter().map(|partition| {
                        let name = convert::topic_name(&topic.topic);
                        let partition_is = TopicPartition::new(name, partition.partition_id);
                        (partition_is, partition.error_code)
                    })
                });
                self.parts(parts)
            }
            ResponseKind::AlterPartitionReassignments(answer) if answer.error_code != 0 => {
                whole(answer.error_code)
            }
            ResponseKind::AlterPartitionReassignments(answer) => {
                let parts = answer.responses.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|partition| {
                        let name = convert::topic_name(&topic.name);
                        let partition_is = TopicPartition::new(name, partition.partition_index);
                        (partition_is, partition.error_code)
                    })
                });
                self.parts(parts)
            }
            ResponseKind::IncrementalAlterConfigs(answer) => {
                first(answer.responses.first().map(|r| r.error_code))
            }
            ResponseKind::DeleteRecords(answer) => {
                let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                first(partitions.next().map(|p| p.error_code))
            }
            ResponseKind::AlterClientQuotas(answer) => {
                first(answer.entries.first().map(|e| e.error_code))
            }
            ResponseKind::UpdateFeatures(answer) => {
                // From version 2 on there is one answer for all features.
                let failed = answer.results.iter().map(|r| r.error_code).find(|code| *code != 0);
                whole(if answer.error_code == 0 { failed.unwrap_or(0) } else { answer.error_code })
            }
            ResponseKind::AddRaftVoter(answer) => whole(answer.error_code),
            ResponseKind::RemoveRaftVoter(answer) => whole(answer.error_code),
            ResponseKind::UnregisterBroker(answer) => whole(answer.error_code),
            _ => first(None),
        }
    }

    /// One outcome for what was asked of one partition or of all; an outcome each, if several were named.
    fn parts(&self, parts: impl Iterator<Item = (TopicPartition, i16)>) -> Reading {
        let Self::Other(request) = self else { return Reading::Answered(Vec::new()) };
        let outcomes = parts.map(|(partition, code)| {
            let text = match request {
                AdminRequest::ElectLeaders { unclean, .. } => {
                    AdminRequest::ElectLeaders { unclean: *unclean, partitions: vec![partition] }
                }
                AdminRequest::Reassign { moves } => {
                    let moved = moves.iter().find(|(one, _)| *one == partition);
                    AdminRequest::Reassign { moves: moved.cloned().into_iter().collect() }
                }
                other @ (AdminRequest::DeleteTopic { .. }
                | AdminRequest::AddPartitions { .. }
                | AdminRequest::AlterConfig { .. }
                | AdminRequest::DeleteRecords { .. }
                | AdminRequest::SetQuota { .. }
                | AdminRequest::UpdateFeature { .. }
                | AdminRequest::AddVoter { .. }
                | AdminRequest::RemoveVoter { .. }
                | AdminRequest::UnregisterBroker { .. }
                | AdminRequest::Group(_)) => other.clone(),
            };
            (Some(text.to_string()), ErrorCode(code))
        });
        let mut outcomes: Vec<_> = outcomes.collect();
        if outcomes.is_empty() {
            // All partitions, and none of them needed it.
            outcomes.push((None, ErrorCode::NONE));
        }
        Reading::Answered(outcomes)
    }

    /// Whether Kafka's client asks again after this answer.
    pub(super) fn asks_again(&self, error: ErrorCode) -> bool {
        match (self, error) {
            (_, ErrorCode::NOT_CONTROLLER) => true,
            (_, ErrorCode::THROTTLING_QUOTA_EXCEEDED) => matches!(
                self,
                Self::CreateTopic { .. }
                    | Self::Other(
                        AdminRequest::DeleteTopic { .. } | AdminRequest::AddPartitions { .. }
                    )
            ),
            // By KafkaAdminClient's PartitionLeaderStrategy: another leader, or the same one a little later.
            (Self::Other(AdminRequest::DeleteRecords { .. }), error) => error.retriable(),
            (Self::Group(_), error) => super::group::asks_again(error),
            (Self::Other(AdminRequest::UnregisterBroker { .. }), ErrorCode::REQUEST_TIMED_OUT) => {
                true
            }
            // A controller that has just started may not have fetched yet, so that nobody can tell its directory.
            (Self::Other(AdminRequest::AddVoter { .. }), ErrorCode::UNKNOWN_CONTROLLER_ID) => true,
            (_, _) => false,
        }
    }
}

fn response_key(response: &ResponseKind) -> Option<ApiKey> {
    klamm_protocol::codec::key_of_response(response)
}

/// Partitions with something each, gathered by topic in the order of the topics' first mention.
fn by_topic<'a, T>(
    partitions: impl Iterator<Item = (&'a TopicPartition, T)>,
) -> impl Iterator<Item = (TopicName, Vec<(i32, T)>)> {
    let mut topics: Vec<(TopicName, Vec<(i32, T)>)> = Vec::new();
    for (partition, what) in partitions {
        let entry = (partition.partition, what);
        match topics.iter_mut().find(|(name, _)| *name == partition.topic) {
            Some((_, entries)) => entries.push(entry),
            None => topics.push((TopicName::clone(&partition.topic), vec![entry])),
        }
    }
    topics.into_iter()
}

/// Voters are named by id and directory (KIP-853): the operator looks the directory up first.
fn voters(request: &AdminRequest, directory: Option<DirectoryId>, timeout_ms: i32) -> RequestKind {
    match (request, directory) {
        (AdminRequest::AddVoter { controller, listener }, Some(directory)) => {
            let listener = add_raft_voter_request::Listener::default()
                .with_name(convert::text("CONTROLLER"))
                .with_host(convert::text(&listener.host))
                .with_port(listener.port);
            RequestKind::AddRaftVoter(
                AddRaftVoterRequest::default()
                    .with_cluster_id(None)
                    .with_timeout_ms(timeout_ms)
                    .with_voter_id(controller.0)
                    .with_voter_directory_id(convert::directory_uuid(directory))
                    .with_listeners(vec![listener]),
            )
        }
        (AdminRequest::RemoveVoter { controller }, Some(directory)) => {
            RequestKind::RemoveRaftVoter(
                RemoveRaftVoterRequest::default()
                    .with_cluster_id(None)
                    .with_voter_id(controller.0)
                    .with_voter_directory_id(convert::directory_uuid(directory)),
            )
        }
        (_, _) => {
            let topic = describe_quorum_request::TopicData::default()
                .with_topic_name(convert::topic(METADATA_TOPIC))
                .with_partitions(vec![PartitionData::default().with_partition_index(0)]);
            RequestKind::DescribeQuorum(DescribeQuorumRequest::default().with_topics(vec![topic]))
        }
    }
}

/// The directory of the controller that a request is about, as the quorum describes it.
fn found(request: &AdminRequest, quorum: &DescribeQuorumResponse) -> Reading {
    let refused = |error| Reading::Answered(vec![(None, error)]);
    let partition = quorum.topics.first().and_then(|topic| topic.partitions.first());
    let Some(partition) = partition else { return refused(ErrorCode(quorum.error_code)) };
    let code = if quorum.error_code == 0 { partition.error_code } else { quorum.error_code };
    if code != 0 {
        return refused(ErrorCode(code));
    }
    let directory = |members: &[ReplicaState], id: BrokerId| {
        // A node whose disk was replaced is there twice for some minutes: it is the one that fetched last. Kafka's tool reads
        // the directory's id off that controller's own disk.
        let of_node = members.iter().filter(|member| member.replica_id.0 == id.0);
        of_node
            .max_by_key(|member| member.last_fetch_timestamp)
            .map(|member| convert::directory_id(member.replica_directory_id))
    };
    match request {
        AdminRequest::AddVoter { controller, .. } => {
            let known = directory(&partition.observers, *controller)
                .or_else(|| directory(&partition.current_voters, *controller));
            known.map_or_else(|| refused(ErrorCode::UNKNOWN_CONTROLLER_ID), Reading::Found)
        }
        AdminRequest::RemoveVoter { controller } => {
            let known = directory(&partition.current_voters, *controller);
            known.map_or_else(|| refused(ErrorCode::VOTER_NOT_FOUND), Reading::Found)
        }
        AdminRequest::DeleteTopic { .. }
        | AdminRequest::AddPartitions { .. }
        | AdminRequest::ElectLeaders { .. }
        | AdminRequest::Reassign { .. }
        | AdminRequest::AlterConfig { .. }
        | AdminRequest::DeleteRecords { .. }
        | AdminRequest::SetQuota { .. }
        | AdminRequest::UpdateFeature { .. }
        | AdminRequest::UnregisterBroker { .. }
        | AdminRequest::Group(_) => refused(ErrorCode::UNKNOWN_SERVER_ERROR),
    }
}
