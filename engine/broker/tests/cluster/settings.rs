//! Settings that change while the cluster runs, through whole processes.

use klamm_node::{Endpoint, Span};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{self, text};
use klamm_protocol::kafka::messages::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use klamm_protocol::kafka::messages::describe_configs_request::{
    DescribeConfigsRequest, DescribeConfigsResource,
};
use klamm_protocol::kafka::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use klamm_protocol::kafka::messages::update_features_request::{
    FeatureUpdateKey, UpdateFeaturesRequest,
};
use klamm_protocol::kafka::messages::{ApiVersionsRequest, ResponseKind};
use klamm_protocol::metadata::resource_type::{BROKER, TOPIC};

use crate::driver::Lab;
use crate::{batch, create, leader_of, metadata, produce, started};

/// Sets one key, or takes it away.
fn set(
    lab: &mut Lab,
    host: &str,
    kind: i8,
    name: &str,
    key: &str,
    value: Option<&str>,
) -> ErrorCode {
    let config = AlterableConfig::default()
        .with_name(text(key))
        .with_config_operation(i8::from(value.is_none()))
        .with_value(value.map(text));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let answer = match lab.ask(host, request) {
        Ok(ResponseKind::IncrementalAlterConfigs(answer)) => answer,
        other => panic!("an answer, not {other:?}"),
    };
    lab.run(Span::secs(1));
    ErrorCode(answer.responses[0].error_code)
}

/// A key's value and where it comes from.
fn told(lab: &mut Lab, host: &str, kind: i8, name: &str, key: &str) -> Option<(String, i8)> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(vec![text(key)]));
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let Ok(ResponseKind::DescribeConfigs(answer)) = lab.ask(host, request) else {
        panic!("an answer")
    };
    let found = answer.results[0].configs.first()?;
    Some((found.value.as_ref()?.to_string(), found.config_source))
}

#[test]
fn a_topic_may_be_created_with_any_key_of_kafka() {
    let mut lab = started(40);
    let config = |(key, value): (&str, &str)| {
        CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value)))
    };
    let configs = [
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "1000"),
        ("min.insync.replicas", "2"),
    ];
    let topic = CreatableTopic::default()
        .with_name(convert::topic("orders"))
        .with_num_partitions(1)
        .with_replication_factor(3)
        .with_configs(configs.map(config).to_vec());
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000);
    let Ok(ResponseKind::CreateTopics(answer)) = lab.ask("broker-1", request) else {
        panic!("an answer")
    };
    let answer = &answer.topics[0];
    assert_eq!(answer.error_code, 0, "{answer:?}");
    let all = answer.configs.as_ref().expect("never null");
    assert!(all.len() > 30, "every key is told");
    let age = all.iter().find(|key| key.name.as_str() == "retention.ms").expect("told");
    assert_eq!((age.value.as_deref(), age.config_source), (Some("1000"), 1));
    lab.run(Span::secs(1));
    let policy = told(&mut lab, "broker-2", TOPIC, "orders", "cleanup.policy");
    assert_eq!(policy, Some(("compact,delete".to_owned(), 1)));
}

#[test]
fn a_lower_min_isr_lets_producers_go_on_and_a_higher_one_stops_them() {
    let mut lab = started(41);
    create(&mut lab, "broker-1", "orders", 1, 2);
    lab.run(Span::secs(1));
    let leader = leader_of(&mut lab, "orders");
    let response = metadata(&mut lab, &leader, "orders");
    let replicas = &response.topics[0].partitions[0].replica_nodes;
    let follower = replicas.iter().map(|id| format!("broker-{}", id.0)).find(|id| *id != leader);
    assert_eq!(
        set(&mut lab, &leader, TOPIC, "orders", "min.insync.replicas", Some("2")),
        ErrorCode::NONE
    );
    lab.crash(&follower.expect("two replicas"));
    lab.run(Span::secs(40));
    assert_eq!(
        produce(&mut lab, &leader, "orders", -1, batch(&["a"])).0,
        ErrorCode::NOT_ENOUGH_REPLICAS
    );
    assert_eq!(
        set(&mut lab, &leader, TOPIC, "orders", "min.insync.replicas", None),
        ErrorCode::NONE
    );
    assert_eq!(produce(&mut lab, &leader, "orders", -1, batch(&["a"])), (ErrorCode::NONE, 0));
    // For all brokers at once; the topic's own setting is gone.
    assert_eq!(
        set(&mut lab, &leader, BROKER, "", "min.insync.replicas", Some("2")),
        ErrorCode::NONE
    );
    assert_eq!(
        produce(&mut lab, &leader, "orders", -1, batch(&["b"])).0,
        ErrorCode::NOT_ENOUGH_REPLICAS
    );
    let value = told(&mut lab, &leader, TOPIC, "orders", "min.insync.replicas");
    assert_eq!(value, Some(("2".to_owned(), 3)));
}

#[test]
fn a_setting_of_one_broker_is_in_force_there_and_nowhere_else() {
    let mut lab = started(42);
    create(&mut lab, "broker-1", "orders", 3, 1);
    lab.run(Span::secs(1));
    let key = "message.max.bytes";
    // Another broker can't judge it.
    assert_eq!(set(&mut lab, "broker-2", BROKER, "1", key, Some("70")), ErrorCode::INVALID_REQUEST);
    assert_eq!(set(&mut lab, "broker-1", BROKER, "1", key, Some("70")), ErrorCode::NONE);
    assert_eq!(told(&mut lab, "broker-1", BROKER, "1", key), Some(("70".to_owned(), 2)));
    assert_eq!(told(&mut lab, "broker-2", BROKER, "2", key), Some(("1048588".to_owned(), 5)));
    let response = metadata(&mut lab, "broker-2", "orders");
    for partition in &response.topics[0].partitions {
        let leader = format!("broker-{}", partition.leader_id.0);
        let expected =
            if leader == "broker-1" { ErrorCode::MESSAGE_TOO_LARGE } else { ErrorCode::NONE };
        let found = crate::produce_to(
            &mut lab,
            &leader,
            "orders",
            partition.partition_index,
            batch(&["long enough"]),
        );
        assert_eq!(found, expected, "{leader}");
    }
    assert_eq!(set(&mut lab, "broker-1", BROKER, "1", key, None), ErrorCode::NONE);
    assert_eq!(told(&mut lab, "broker-1", BROKER, "1", key), Some(("1048588".to_owned(), 5)));
}

#[test]
fn a_level_that_was_lowered_is_told_by_every_broker_with_its_epoch() {
    let mut lab = started(43);
    let level = |lab: &mut Lab| {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(text("test"))
            .with_client_software_version(text("1"));
        let Ok(ResponseKind::ApiVersions(answer)) = lab.ask("broker-3", request) else {
            panic!("an answer")
        };
        let found =
            answer.finalized_features.iter().find(|f| f.name.as_str() == "metadata.version");
        (found.expect("finalized").max_version_level, answer.finalized_features_epoch)
    };
    let (before, epoch) = level(&mut lab);
    assert_eq!(before, 27);
    let update = FeatureUpdateKey::default()
        .with_feature(text("metadata.version"))
        .with_max_version_level(26)
        .with_upgrade_type(2);
    let request = UpdateFeaturesRequest::default().with_feature_updates(vec![update]);
    let answer = lab.ask_at(&Endpoint::new("broker-1", 9092), request, 2);
    let Ok(ResponseKind::UpdateFeatures(answer)) = answer else { panic!("{answer:?}") };
    assert_eq!(answer.error_code, 0);
    lab.run(Span::secs(1));
    let (after, later) = level(&mut lab);
    assert_eq!(after, 26);
    assert!(later > epoch);
}
