//! What a broker refuses before it forwards, and how the answers come together.

use klamm_node::Offset;
use klamm_protocol::kafka::messages::IncrementalAlterConfigsResponse;
use klamm_protocol::kafka::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use klamm_protocol::metadata::Config;

use super::*;

/// A key, an operation and a value.
type Change<'a> = (&'a str, i8, Option<&'a str>);

const TOPIC: i8 = resource_type::TOPIC;
const BROKER: i8 = resource_type::BROKER;

fn resource(kind: i8, name: &str, configs: &[(&str, i8, Option<&str>)]) -> AlterConfigsResource {
    let config = |(name, op, value): &(&str, i8, Option<&str>)| {
        AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(*op)
            .with_value(value.map(text))
    };
    AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.iter().map(config).collect())
}

fn request(resources: Vec<AlterConfigsResource>) -> RequestKind {
    let request = IncrementalAlterConfigsRequest::default().with_resources(resources);
    RequestKind::IncrementalAlterConfigs(request)
}

fn refusal(kind: i8, name: &str, configs: &[(&str, i8, Option<&str>)]) -> Option<String> {
    let mut image = MetadataImage::new();
    let config = Config {
        resource_type: BROKER,
        resource_name: "1".to_owned(),
        name: "num.io.threads".to_owned(),
        value: Some("16".to_owned()),
    };
    image.apply(Offset(0), &config.into());
    let mut request = request(vec![resource(kind, name, configs)]);
    let refused = preprocess(&mut request, BrokerId(1), &BTreeMap::new(), &image);
    assert_eq!(is_empty(&request), !refused.is_empty());
    refused.into_iter().next().map(|(_, why)| why)
}

#[test]
fn what_only_a_broker_can_judge_is_refused_before_it_is_forwarded() {
    let cases: [(&str, &[Change<'_>], &str); 10] = [
        (
            "1",
            &[("broker.id", 0, Some("3"))],
            "Cannot update these configs dynamically: Set(broker.id)",
        ),
        (
            "2",
            &[("log.retention.ms", 0, Some("1"))],
            "Unexpected broker id, expected 1, but received 2",
        ),
        ("one", &[], "Node id must be an integer, but it is: one"),
        (
            "",
            &[("listeners", 0, Some("PLAINTEXT://:1"))],
            "Cannot update these configs at default cluster level, broker id must be specified: Set(listeners)",
        ),
        (
            "",
            &[("min.insync.replicas", 0, Some("0"))],
            "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1",
        ),
        ("", &[("log.retention.ms", 0, None)], "Null value not supported for : log.retention.ms"),
        (
            "",
            &[("log.retention.ms", 0, Some("1")), ("log.retention.ms", 1, None)],
            "Error due to duplicate config keys",
        ),
        (
            "1",
            &[("num.io.threads", 0, Some("33"))],
            "Dynamic thread count update validation failed for num.io.threads=33: value should not be greater than double the current value 16",
        ),
        (
            "1",
            &[("num.io.threads", 0, Some("7"))],
            "Dynamic thread count update validation failed for num.io.threads=7: value should be at least half the current value 16",
        ),
        (
            "1",
            &[("log.cleanup.policy", 2, Some("shred"))],
            "Invalid value delete,shred for configuration log.cleanup.policy: String must be one of: compact, delete",
        ),
    ];
    for (name, configs, why) in cases {
        assert_eq!(refusal(BROKER, name, configs).as_deref(), Some(why));
    }
}

#[test]
fn what_is_good_or_not_a_brokers_goes_on() {
    assert_eq!(refusal(BROKER, "", &[("min.insync.replicas", 0, Some("2"))]), None);
    assert_eq!(refusal(BROKER, "1", &[("log.cleanup.policy", 3, Some("delete"))]), None);
    assert_eq!(refusal(BROKER, "1", &[("num.io.threads", 0, Some("32"))]), None);
    assert_eq!(refusal(BROKER, "1", &[("listeners", 0, Some("PLAINTEXT://:1"))]), None);
    // A key that nobody knows may be set for brokers, and a topic is the controller's.
    assert_eq!(refusal(BROKER, "", &[("my.own", 0, Some("x"))]), None);
    assert_eq!(refusal(TOPIC, "orders", &[("min.insync.replicas", 0, Some("0"))]), None);
}

#[test]
fn answers_come_in_the_order_of_the_request() {
    let original = request(vec![
        resource(BROKER, "9", &[]),
        resource(TOPIC, "a", &[]),
        resource(TOPIC, "b", &[]),
        resource(TOPIC, "b", &[]),
        resource(TOPIC, "c", &[]),
    ]);
    let mut rest = original.clone();
    let refused = preprocess(&mut rest, BrokerId(1), &BTreeMap::new(), &MetadataImage::new());
    let RequestKind::IncrementalAlterConfigs(left) = &rest else { panic!("another request") };
    let answered = |name: &str| {
        IncrementalResourceResponse::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(name))
    };
    let names: Vec<_> =
        left.resources.iter().map(|resource| resource.resource_name.to_string()).collect();
    assert_eq!(names, ["a", "c"]);
    let answers = IncrementalAlterConfigsResponse::default();
    let mut response = ResponseKind::IncrementalAlterConfigs(
        answers.with_responses(names.iter().map(|name| answered(name)).collect()),
    );
    reassemble(&original, &refused, &mut response);
    let ResponseKind::IncrementalAlterConfigs(response) = response else {
        panic!("another response")
    };
    let told: Vec<_> =
        response.responses.iter().map(|r| (r.resource_name.as_str(), r.error_code)).collect();
    assert_eq!(told, [("9", 42), ("a", 0), ("b", 42), ("b", 42), ("c", 0)]);
}
