//! What the admin client says to the cluster, and what it makes of the answers.

use klamm_node::command::{AdminRequest, ConfigTarget};
use klamm_node::{BrokerId, DirectoryId, TopicPartition};
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use klamm_protocol::kafka::messages::create_topics_request::CreatableTopic;
use klamm_protocol::kafka::messages::create_topics_response::CreatableTopicResult;
use klamm_protocol::kafka::messages::describe_quorum_response::{self, ReplicaState};
use klamm_protocol::kafka::messages::elect_leaders_response::{
    PartitionResult, ReplicaElectionResult,
};
use klamm_protocol::kafka::messages::{
    AlterPartitionReassignmentsResponse, ApiKey, BrokerId as WireBrokerId, CreateTopicsResponse,
    ElectLeadersResponse, RequestKind, ResponseKind,
};

mod groups;

use super::*;
use crate::testing::{Lab, Request, bootstrap};

fn create(lab: &mut Lab<Admin>, assignments: Vec<Vec<BrokerId>>) {
    lab.command(Command::CreateTopic {
        name: "orders".into(),
        partitions: 3,
        replication_factor: 2,
        configs: vec![("min.insync.replicas".to_owned(), "2".to_owned())],
        assignments,
    });
}

fn answer(lab: &mut Lab<Admin>, request: &Request, code: ErrorCode) -> CreatableTopic {
    let RequestKind::CreateTopics(asked) = &request.body else { panic!("{request:?}") };
    let topic = asked.topics[0].clone();
    let result =
        CreatableTopicResult::default().with_name(topic.name.clone()).with_error_code(code.0);
    let response = CreateTopicsResponse::default().with_topics(vec![result]);
    lab.reply(request, Some(&ResponseKind::CreateTopics(response)));
    topic
}

#[test]
fn a_topic_is_asked_for_until_it_is_answered_for_good() {
    let mut lab = Lab::new(Admin::new("admin-1", bootstrap(), AdminConfig::default()));
    create(&mut lab, Vec::new());
    let first = lab.next_request().expect("asked");
    let topic = answer(&mut lab, &first, ErrorCode::NOT_CONTROLLER);
    assert_eq!((topic.num_partitions, topic.replication_factor), (3, 2));
    assert_eq!(
        lab.told(),
        [
            "AdminRetried request=\"create topic orders with 3 partitions, replication factor 2\" api_key=19 error=NOT_CONTROLLER"
        ]
    );
    lab.advance(Span::millis(200));
    let second = lab.next_request().expect("asked again");
    answer(&mut lab, &second, ErrorCode::NONE);
    assert_eq!(
        lab.told(),
        [
            "AdminAnswered request=\"create topic orders with 3 partitions, replication factor 2\" error=NONE"
        ]
    );
    assert_eq!(lab.node.summary().answered, 1);
}

#[test]
fn assignments_by_hand_leave_the_numbers_out_and_a_refusal_is_final() {
    let mut lab = Lab::new(Admin::new("admin-1", bootstrap(), AdminConfig::default()));
    create(&mut lab, vec![vec![BrokerId(2), BrokerId(3)]]);
    let request = lab.next_request().expect("asked");
    let topic = answer(&mut lab, &request, ErrorCode::TOPIC_ALREADY_EXISTS);
    assert_eq!((topic.num_partitions, topic.replication_factor), (-1, -1));
    assert_eq!(topic.assignments[0].broker_ids, [WireBrokerId(2), WireBrokerId(3)]);
    assert!(lab.told()[0].ends_with("error=TOPIC_ALREADY_EXISTS"));
}

#[test]
fn without_any_broker_it_gives_up_in_the_end() {
    let mut lab = Lab::new(Admin::new("admin-1", bootstrap(), AdminConfig::default()));
    lab.down.extend(1..=3);
    create(&mut lab, Vec::new());
    lab.advance(Span::secs(59));
    assert_eq!(lab.told(), Vec::<String>::new());
    lab.advance(Span::secs(1));
    assert!(lab.told()[0].ends_with("error=REQUEST_TIMED_OUT"));
    assert_eq!(lab.node.summary().waiting, 0);
}

#[test]
fn what_the_brokers_do_not_serve_is_said_honestly() {
    let mut lab = Lab::new(Admin::new("admin-1", bootstrap(), AdminConfig::default()));
    lab.unknown.insert(ApiKey::UnregisterBroker as i16);
    lab.command(Command::Admin(AdminRequest::UnregisterBroker { broker: BrokerId(3) }));
    assert_eq!(
        lab.told(),
        ["AdminAnswered request=\"unregister broker 3\" error=UNSUPPORTED_VERSION"]
    );
}

/// The outcome of a request, without the wire: the servers' tests speak real bytes.
fn outcome(request: AdminRequest, response: impl Into<ResponseKind>) -> Vec<(String, ErrorCode)> {
    let job = Job::Other(request);
    match job.read(None, &response.into()) {
        Reading::Answered(parts) => parts
            .into_iter()
            .map(|(text, error)| (text.unwrap_or_else(|| job.to_string()), error))
            .collect(),
        Reading::Found(_) | Reading::Next => Vec::new(),
    }
}

#[test]
fn an_election_has_an_outcome_for_each_partition_and_is_not_asked_again() {
    let request = AdminRequest::ElectLeaders { unclean: false, partitions: Vec::new() };
    let results = [(0, ErrorCode::NONE), (1, ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE)];
    let results = results.map(|(index, error)| {
        PartitionResult::default().with_partition_id(index).with_error_code(error.0)
    });
    let topic = ReplicaElectionResult::default()
        .with_topic(convert::topic("orders"))
        .with_partition_result(results.to_vec());
    let response = ElectLeadersResponse::default().with_replica_election_results(vec![topic]);
    assert_eq!(
        outcome(request.clone(), response),
        [
            ("elect the preferred replica of orders-0".to_owned(), ErrorCode::NONE),
            (
                "elect the preferred replica of orders-1".to_owned(),
                ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE
            ),
        ]
    );
    // Retriable by Kafka's table, and yet final for Kafka's admin client.
    assert!(!Job::Other(request.clone()).asks_again(ErrorCode::ELECTION_NOT_NEEDED));
    assert!(Job::Other(request).asks_again(ErrorCode::NOT_CONTROLLER));
    let all = AdminRequest::ElectLeaders { unclean: false, partitions: Vec::new() };
    assert_eq!(
        outcome(all, ElectLeadersResponse::default()),
        [("elect the preferred replica of every partition".to_owned(), ErrorCode::NONE)]
    );
}

#[test]
fn a_move_is_refused_as_a_whole_or_by_partition() {
    let partition = TopicPartition::new("orders", 0);
    let request = AdminRequest::Reassign { moves: vec![(partition, Some(vec![BrokerId(2)]))] };
    let whole = AlterPartitionReassignmentsResponse::default()
        .with_error_code(ErrorCode::REQUEST_TIMED_OUT.0);
    let moved = "move orders-0 to [2]".to_owned();
    assert_eq!(outcome(request.clone(), whole), [(moved.clone(), ErrorCode::REQUEST_TIMED_OUT)]);
    let refused = ReassignablePartitionResponse::default()
        .with_error_code(ErrorCode::INVALID_REPLICA_ASSIGNMENT.0);
    let topic = ReassignableTopicResponse::default()
        .with_name(convert::topic("orders"))
        .with_partitions(vec![refused]);
    let response = AlterPartitionReassignmentsResponse::default().with_responses(vec![topic]);
    assert_eq!(outcome(request, response), [(moved, ErrorCode::INVALID_REPLICA_ASSIGNMENT)]);
}

#[test]
fn configs_of_a_broker_go_to_it_and_the_rest_to_anybody() {
    let changes = vec![("min.insync.replicas".to_owned(), Some("2".to_owned()))];
    let of =
        |resource| Job::Other(AdminRequest::AlterConfig { resource, changes: changes.clone() });
    assert_eq!(of(ConfigTarget::Broker(BrokerId(2))).route(), Route::Broker(BrokerId(2)));
    assert_eq!(of(ConfigTarget::AllBrokers).route(), Route::Any);
    let RequestKind::IncrementalAlterConfigs(asked) =
        of(ConfigTarget::Topic("orders".into())).request(None, 1000)
    else {
        panic!("another request")
    };
    let resource = &asked.resources[0];
    assert_eq!((resource.resource_type, resource.resource_name.as_str()), (2, "orders"));
    assert_eq!(resource.configs[0].config_operation, 0);
}

#[test]
fn a_voters_directory_is_looked_up_before_it_is_named() {
    let listener = Endpoint::new("controller-4", 9093);
    let job = Job::Other(AdminRequest::AddVoter { controller: BrokerId(3004), listener });
    assert!(matches!(job.request(None, 1000), RequestKind::DescribeQuorum(_)));
    let directory = DirectoryId(77);
    let observer = ReplicaState::default()
        .with_replica_id(WireBrokerId(3004))
        .with_replica_directory_id(convert::directory_uuid(directory));
    let partition = describe_quorum_response::PartitionData::default();
    let quorum = |observers| {
        let partition = partition.clone().with_observers(observers);
        let topic = describe_quorum_response::TopicData::default().with_partitions(vec![partition]);
        ResponseKind::DescribeQuorum(
            describe_quorum_response::DescribeQuorumResponse::default().with_topics(vec![topic]),
        )
    };
    // It has not fetched yet: later perhaps.
    let unknown = ErrorCode::UNKNOWN_CONTROLLER_ID;
    assert_eq!(job.read(None, &quorum(Vec::new())), Reading::Answered(vec![(None, unknown)]));
    assert!(job.asks_again(unknown));
    assert_eq!(job.read(None, &quorum(vec![observer.clone()])), Reading::Found(directory));
    // Its disk was replaced: who fetched last is who it is now.
    let lost = observer
        .clone()
        .with_replica_directory_id(convert::directory_uuid(DirectoryId(99)))
        .with_last_fetch_timestamp(5);
    let now = observer.with_last_fetch_timestamp(6);
    assert_eq!(job.read(None, &quorum(vec![now.clone(), lost.clone()])), Reading::Found(directory));
    assert_eq!(job.read(None, &quorum(vec![lost, now])), Reading::Found(directory));
    let RequestKind::AddRaftVoter(asked) = job.request(Some(directory), 1000) else {
        panic!("another request")
    };
    assert_eq!(asked.voter_directory_id, convert::directory_uuid(directory));
    assert_eq!(asked.listeners[0].port, 9093);
}
