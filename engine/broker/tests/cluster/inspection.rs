//! What consoles ask of a broker, and what they are told of security where there is none.

use klamm_node::Span;
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{self, text};
use klamm_protocol::kafka::messages::create_acls_request::AclCreation;
use klamm_protocol::kafka::messages::delete_acls_request::DeleteAclsFilter;
use klamm_protocol::kafka::messages::describe_log_dirs_request::DescribableLogDirTopic;
use klamm_protocol::kafka::messages::describe_log_dirs_response::DescribeLogDirsResult;
use klamm_protocol::kafka::messages::describe_producers_request::TopicRequest;
use klamm_protocol::kafka::messages::{
    CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest, DescribeLogDirsRequest,
    DescribeProducersRequest, ListConfigResourcesRequest, ResponseKind, SaslAuthenticateRequest,
    SaslHandshakeRequest,
};
use klamm_protocol::metadata::resource_type::{BROKER, TOPIC};

use crate::driver::Lab;
use crate::{batch, create, fetch, idempotence, leader_of, produce, started};

/// A broker's one log directory.
fn log_dir(lab: &mut Lab, host: &str, asked: Option<&[(&str, i32)]>) -> DescribeLogDirsResult {
    let topics = asked.map(|asked| {
        let topic = |(name, index): &(&str, i32)| {
            DescribableLogDirTopic::default()
                .with_topic(convert::topic(name))
                .with_partitions(vec![*index])
        };
        asked.iter().map(topic).collect()
    });
    match lab.ask(host, DescribeLogDirsRequest::default().with_topics(topics)) {
        Ok(ResponseKind::DescribeLogDirs(mut answer)) => {
            assert_eq!((answer.error_code, answer.results.len()), (0, 1));
            answer.results.remove(0)
        }
        other => panic!("an answer, not {other:?}"),
    }
}

/// Topic, index, size and lag of each replica that is told.
fn replicas(dir: &DescribeLogDirsResult) -> Vec<(&str, i32, i64, i64)> {
    let of_topic = dir.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            assert!(!partition.is_future_key);
            let index = partition.partition_index;
            (topic.name.as_str(), index, partition.partition_size, partition.offset_lag)
        })
    });
    of_topic.collect()
}

#[test]
fn a_broker_tells_how_much_room_each_of_its_replicas_takes() {
    let mut lab = started(61);
    create(&mut lab, "broker-1", "orders", 1, 3);
    create(&mut lab, "broker-1", "empty", 2, 3);
    lab.run(Span::secs(1));
    let leader = leader_of(&mut lab, "orders");
    let records = batch(&["a", "b", "c"]);
    let size = i64::try_from(records.len()).expect("small");
    for _ in 0..2 {
        assert_eq!(produce(&mut lab, &leader, "orders", -1, records.clone()).0, ErrorCode::NONE);
    }
    lab.run(Span::secs(1));
    for host in ["broker-1", "broker-2", "broker-3"] {
        let all = log_dir(&mut lab, host, None);
        assert_eq!(all.log_dir.as_str(), "/tmp/kafka-logs");
        assert_eq!((all.error_code, all.total_bytes, all.usable_bytes), (0, -1, -1));
        let expected = [("empty", 0, 0, 0), ("empty", 1, 0, 0), ("orders", 0, 2 * size, 0)];
        assert_eq!(replicas(&all), expected, "{host}");
        // What is not here is left out, and no topics are not all of them.
        let some = log_dir(&mut lab, host, Some(&[("empty", 1), ("orders", 7), ("none", 0)]));
        assert_eq!(replicas(&some), [("empty", 1, 0, 0)], "{host}");
        assert_eq!(replicas(&log_dir(&mut lab, host, Some(&[]))), [], "{host}");
    }
}

#[test]
fn a_broker_without_the_replica_tells_nothing_of_it() {
    let mut lab = started(62);
    create(&mut lab, "broker-1", "orders", 1, 1);
    lab.run(Span::secs(1));
    let leader = leader_of(&mut lab, "orders");
    assert_eq!(produce(&mut lab, &leader, "orders", 1, batch(&["a"])).0, ErrorCode::NONE);
    for host in ["broker-1", "broker-2", "broker-3"] {
        let told = log_dir(&mut lab, host, Some(&[("orders", 0)]));
        assert_eq!(replicas(&told).len(), usize::from(host == leader), "{host}");
    }
}

/// Error, and producer id, epoch, last sequence number and its stamp of each producer.
type Told = (i16, Vec<(i64, i32, i32, i64)>);

fn producers(lab: &mut Lab, host: &str, topic: &str, index: i32) -> Told {
    let topic = TopicRequest::default()
        .with_name(convert::topic(topic))
        .with_partition_indexes(vec![index]);
    match lab.ask(host, DescribeProducersRequest::default().with_topics(vec![topic])) {
        Ok(ResponseKind::DescribeProducers(answer)) => {
            let told = &answer.topics[0].partitions[0];
            assert_eq!(told.partition_index, index);
            let active = told.active_producers.iter().map(|of| {
                assert_eq!((of.coordinator_epoch, of.current_txn_start_offset), (-1, -1));
                (of.producer_id.0, of.producer_epoch, of.last_sequence, of.last_timestamp)
            });
            (told.error_code, active.collect())
        }
        other => panic!("an answer, not {other:?}"),
    }
}

#[test]
fn a_leader_tells_the_producers_of_its_log_and_so_does_the_next_one() {
    let mut lab = started(63);
    create(&mut lab, "broker-1", "orders", 1, 3);
    lab.run(Span::secs(1));
    let leader = leader_of(&mut lab, "orders");
    let none = (0, Vec::new());
    assert_eq!(producers(&mut lab, &leader, "orders", 0), none);
    // Those that are not idempotent are nobody.
    assert_eq!(produce(&mut lab, &leader, "orders", -1, batch(&["a"])).0, ErrorCode::NONE);
    assert_eq!(producers(&mut lab, &leader, "orders", 0), none);
    for (id, epoch, sequence) in [(7, 0, 0), (9, 3, 0), (7, 0, 1), (7, 0, 2)] {
        let records = idempotence::batch(id, epoch, sequence, "v");
        assert_eq!(produce(&mut lab, &leader, "orders", -1, records).0, ErrorCode::NONE);
    }
    let stamp = 1_700_000_000_000;
    let both = (0, vec![(7, 0, 2, stamp), (9, 3, 0, stamp)]);
    assert_eq!(producers(&mut lab, &leader, "orders", 0), both);

    let other = if leader == "broker-1" { "broker-2" } else { "broker-1" };
    let refused = |error: ErrorCode| (error.0, Vec::new());
    let follower = refused(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(producers(&mut lab, other, "orders", 0), follower);
    let unknown = refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(producers(&mut lab, &leader, "orders", 1), unknown);
    assert_eq!(producers(&mut lab, &leader, "none", 0), unknown);
    let illegal = refused(ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(producers(&mut lab, &leader, "no/topic", 0), illegal);

    lab.shut_down(&leader);
    lab.run(Span::secs(5));
    let next = leader_of(&mut lab, "orders");
    assert_ne!(next, leader);
    assert_eq!(fetch(&mut lab, &next, "orders", 0).2.len(), 5);
    assert_eq!(producers(&mut lab, &next, "orders", 0), both);
}

#[test]
fn topics_brokers_and_their_loggers_can_be_asked_for_configs() {
    let mut lab = started(64);
    create(&mut lab, "broker-1", "orders", 1, 3);
    lab.run(Span::secs(1));
    let mut list = |types: &[i8], version| {
        let request = ListConfigResourcesRequest::default().with_resource_types(types.to_vec());
        match lab.ask_up_to("broker-2", request, version) {
            Ok(ResponseKind::ListConfigResources(answer)) => {
                let name = |of: &str| of.to_owned();
                let told = answer.config_resources.iter();
                let told = told.map(|of| (of.resource_type, name(of.resource_name.as_str())));
                (answer.error_code, told.collect::<Vec<_>>())
            }
            other => panic!("an answer, not {other:?}"),
        }
    };
    let brokers = |kind| ["1", "2", "3"].map(|id| (kind, id.to_owned()));
    let mut all = vec![(TOPIC, "orders".to_owned())];
    all.extend(brokers(BROKER));
    all.extend(brokers(8));
    assert_eq!(list(&[], 1), (0, all));
    assert_eq!(list(&[BROKER], 1), (0, brokers(BROKER).to_vec()));
    assert_eq!(list(&[], 0), (0, Vec::new()));
}

#[test]
fn where_nobody_asks_who_somebody_is_security_is_refused_in_words() {
    let mut lab = started(65);
    for version in 0..=1 {
        let request = SaslHandshakeRequest::default().with_mechanism(text("PLAIN"));
        let Ok(ResponseKind::SaslHandshake(answer)) = lab.ask_up_to("broker-1", request, version)
        else {
            panic!("an answer")
        };
        assert_eq!(answer.error_code, ErrorCode::ILLEGAL_SASL_STATE.0);
        assert!(answer.mechanisms.is_empty());
    }
    let request = SaslAuthenticateRequest::default().with_auth_bytes("\0u\0p".into());
    let Ok(ResponseKind::SaslAuthenticate(answer)) = lab.ask("broker-1", request) else {
        panic!("an answer")
    };
    assert_eq!(answer.error_code, ErrorCode::ILLEGAL_SASL_STATE.0);
    assert!(answer.error_message.is_some() && answer.auth_bytes.is_empty());

    let disabled = ErrorCode::SECURITY_DISABLED.0;
    let Ok(ResponseKind::DescribeAcls(answer)) =
        lab.ask("broker-1", DescribeAclsRequest::default())
    else {
        panic!("an answer")
    };
    assert_eq!(answer.error_code, disabled);
    let request = CreateAclsRequest::default().with_creations(vec![AclCreation::default(); 2]);
    let Ok(ResponseKind::CreateAcls(answer)) = lab.ask("broker-1", request) else {
        panic!("an answer")
    };
    let codes: Vec<_> = answer.results.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [disabled; 2]);
    let request = DeleteAclsRequest::default().with_filters(vec![DeleteAclsFilter::default(); 3]);
    let Ok(ResponseKind::DeleteAcls(answer)) = lab.ask("broker-1", request) else {
        panic!("an answer")
    };
    let codes: Vec<_> = answer.filter_results.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [disabled; 3]);
}
