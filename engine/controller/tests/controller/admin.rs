//! The bench's steps that a person at an admin client would take, and what their answers look like.

use klamm_node::TopicId;
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{topic, topic_uuid, uuid};
use klamm_protocol::kafka::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use klamm_protocol::kafka::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use klamm_protocol::kafka::messages::delete_topics_request::DeleteTopicState;
use klamm_protocol::kafka::messages::elect_leaders_request::TopicPartitions;
use klamm_protocol::kafka::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use klamm_protocol::kafka::messages::{
    self, AlterPartitionReassignmentsRequest, CreatePartitionsRequest, DeleteTopicsRequest,
    ElectLeadersRequest, ListPartitionReassignmentsRequest, RequestKind, ResponseKind,
    UnregisterBrokerRequest,
};

use super::bench::Bench;

fn ids(list: &str) -> Vec<messages::BrokerId> {
    let ids = list.split(',').filter(|id| !id.is_empty());
    ids.map(|id| messages::BrokerId(id.parse().expect("an id"))).collect()
}

fn partition(word: &str) -> (&str, i32) {
    let (name, index) = word.rsplit_once('-').expect("a partition");
    (name, index.parse().expect("an index"))
}

impl Bench {
    /// ```text
    /// delete orders | delete id=orders | delete id=nothing | delete neither | delete both=orders | … several at once
    /// grow orders 5 [0:1,2 …] [validate-only]
    /// elect preferred|unclean|odd orders-0 … | elect preferred all
    /// reassign orders-0=4,5,6 orders-1=cancel [keep-factor]
    /// list [orders-0 …]
    /// unregister 3
    /// ```
    pub(crate) fn admin_step(&mut self, verb: &str, words: &[&str]) {
        match verb {
            "delete" => self.delete(&words[1..]),
            "grow" => self.grow(words),
            "elect" => self.elect(words[1], &words[2..]),
            "reassign" => {
                let keep_factor = words.contains(&"keep-factor");
                let mut topics: Vec<ReassignableTopic> = Vec::new();
                for (at, list) in words.iter().filter_map(|word| word.split_once('=')) {
                    let (name, index) = partition(at);
                    let wanted = (list != "cancel").then(|| ids(list));
                    let asked = ReassignablePartition::default()
                        .with_partition_index(index)
                        .with_replicas(wanted);
                    match topics.iter_mut().find(|topic| topic.name.as_str() == name) {
                        Some(topic) => topic.partitions.push(asked),
                        None => topics.push(
                            ReassignableTopic::default()
                                .with_name(topic(name))
                                .with_partitions(vec![asked]),
                        ),
                    }
                }
                let request = AlterPartitionReassignmentsRequest::default()
                    .with_topics(topics)
                    .with_allow_replication_factor_change(!keep_factor);
                self.request(RequestKind::AlterPartitionReassignments(request), 1);
            }
            "list" => {
                let asked: Vec<_> = words[1..]
                    .iter()
                    .map(|word| {
                        let (name, index) = partition(word);
                        ListPartitionReassignmentsTopics::default()
                            .with_name(topic(name))
                            .with_partition_indexes(vec![index])
                    })
                    .collect();
                let asked = (!asked.is_empty()).then_some(asked);
                let request = ListPartitionReassignmentsRequest::default().with_topics(asked);
                self.request(RequestKind::ListPartitionReassignments(request), 0);
            }
            "unregister" => {
                let id = messages::BrokerId(words[1].parse().expect("a broker"));
                let request = UnregisterBrokerRequest::default().with_broker_id(id);
                self.request(RequestKind::UnregisterBroker(request), 0);
            }
            other => assert!(self.cluster_step(other, words), "no such step: {other}"),
        }
    }

    fn delete(&mut self, words: &[&str]) {
        let id_of = |name: &str| {
            let known = self.image().topic_id(name);
            topic_uuid(known.unwrap_or(TopicId(77)))
        };
        let topics = words
            .iter()
            .map(|word| {
                let asked = DeleteTopicState::default().with_name(None);
                match word.split_once('=') {
                    Some(("id", name)) => asked.with_topic_id(id_of(name)),
                    Some(("both", name)) => {
                        asked.with_name(Some(topic(name))).with_topic_id(id_of(name))
                    }
                    _ if *word == "neither" => asked.with_topic_id(uuid(0_u128)),
                    _ => asked.with_name(Some(topic(word))),
                }
            })
            .collect();
        let request = DeleteTopicsRequest::default().with_topics(topics);
        self.request(RequestKind::DeleteTopics(request), 6);
    }

    fn grow(&mut self, words: &[&str]) {
        let assignments: Vec<_> = words[3..]
            .iter()
            .filter_map(|word| word.split_once(':'))
            .map(|(_, list)| CreatePartitionsAssignment::default().with_broker_ids(ids(list)))
            .collect();
        let asked = CreatePartitionsTopic::default()
            .with_name(topic(words[1]))
            .with_count(words[2].parse().expect("a count"))
            .with_assignments((!assignments.is_empty()).then_some(assignments));
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![asked])
            .with_validate_only(words.contains(&"validate-only"));
        self.request(RequestKind::CreatePartitions(request), 3);
    }

    fn elect(&mut self, kind: &str, words: &[&str]) {
        let kind = match kind {
            "preferred" => 0,
            "unclean" => 1,
            _ => 7,
        };
        let mut topics: Vec<TopicPartitions> = Vec::new();
        for word in words.iter().filter(|word| **word != "all") {
            let (name, index) = partition(word);
            match topics.iter_mut().find(|topic| topic.topic.as_str() == name) {
                Some(topic) => topic.partitions.push(index),
                None => topics.push(
                    TopicPartitions::default().with_topic(topic(name)).with_partitions(vec![index]),
                ),
            }
        }
        let asked = (!words.contains(&"all")).then_some(topics);
        let request =
            ElectLeadersRequest::default().with_election_type(kind).with_topic_partitions(asked);
        self.request(RequestKind::ElectLeaders(request), 2);
    }
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!(" \"{why}\"")).unwrap_or_default()
}

pub(crate) fn show(response: &ResponseKind) -> String {
    let numbers = |ids: &[messages::BrokerId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
    #[expect(clippy::wildcard_enum_match_arm, reason = "the codec's enum holds every API of Kafka")]
    match response {
        ResponseKind::DeleteTopics(response) => {
            let shown = response.responses.iter().map(|result| {
                let name = result.name.as_ref().map_or("null", |name| name.as_str());
                let id = if result.topic_id.is_nil() { "" } else { " id" };
                let error = ErrorCode(result.error_code);
                format!("{name}{id} {error}{}", because(result.error_message.as_deref()))
            });
            shown.collect::<Vec<_>>().join("; ")
        }
        ResponseKind::CreatePartitions(response) => {
            let shown = response.results.iter().map(|result| {
                let error = ErrorCode(result.error_code);
                let why = because(result.error_message.as_deref());
                format!("{} {error}{why}", result.name.as_str())
            });
            shown.collect::<Vec<_>>().join("; ")
        }
        ResponseKind::ElectLeaders(response) => {
            let shown = response.replica_election_results.iter().flat_map(|topic| {
                topic.partition_result.iter().map(|result| {
                    let (name, index) = (topic.topic.as_str(), result.partition_id);
                    let error = ErrorCode(result.error_code);
                    format!(" {name}-{index} {error}{}", because(result.error_message.as_deref()))
                })
            });
            format!("{}{}", ErrorCode(response.error_code), shown.collect::<String>())
        }
        ResponseKind::AlterPartitionReassignments(response) => {
            let shown = response.responses.iter().flat_map(|topic| {
                topic.partitions.iter().map(|result| {
                    let (name, index) = (topic.name.as_str(), result.partition_index);
                    let error = ErrorCode(result.error_code);
                    format!(" {name}-{index} {error}{}", because(result.error_message.as_deref()))
                })
            });
            format!("{}{}", ErrorCode(response.error_code), shown.collect::<String>())
        }
        ResponseKind::ListPartitionReassignments(response) => {
            let shown = response.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|ongoing| {
                    format!(
                        " {}-{} replicas={:?} adding={:?} removing={:?}",
                        topic.name.as_str(),
                        ongoing.partition_index,
                        numbers(&ongoing.replicas),
                        numbers(&ongoing.adding_replicas),
                        numbers(&ongoing.removing_replicas)
                    )
                })
            });
            format!("{}{}", ErrorCode(response.error_code), shown.collect::<String>())
        }
        ResponseKind::UnregisterBroker(response) => {
            let error = ErrorCode(response.error_code);
            format!("{error}{}", because(response.error_message.as_deref()))
        }
        other => super::cluster::shown(other).unwrap_or_else(|| format!("{other:?}")),
    }
}
