//! What is asked about a cluster's settings: the questions of [`super::versions`] about configs, features, quotas and producer
//! ids.

use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterConfigsRequest, ApiKey, DescribeClientQuotasRequest,
    DescribeConfigsRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest, ProducerId,
    RequestKind, ResponseKind, TransactionalId, UpdateFeaturesRequest, alter_configs_request,
    incremental_alter_configs_request,
};
use kafka_protocol::protocol::StrBytes;

const NONE: i16 = 0;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
const INVALID_TOPIC_EXCEPTION: i16 = 17;
const UNSUPPORTED_VERSION: i16 = 35;
const INVALID_CONFIG: i16 = 40;
const INVALID_REQUEST: i16 = 42;
const INVALID_UPDATE_VERSION: i16 = 95;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn describe(version: i16, kind: i8, name: &str, keys: Option<&[&str]>) -> RequestKind {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(keys.map(|keys| keys.iter().map(|key| text(key)).collect()));
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_synonyms(true)
        .with_include_documentation(version >= 3);
    RequestKind::DescribeConfigs(request)
}

fn set(kind: i8, name: &str, key: &str, value: &str) -> RequestKind {
    let config = incremental_alter_configs_request::AlterableConfig::default()
        .with_name(text(key))
        .with_value(Some(text(value)));
    let resource = incremental_alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    RequestKind::IncrementalAlterConfigs(request)
}

fn replace(kind: i8, name: &str, key: &str, value: &str) -> RequestKind {
    let config = alter_configs_request::AlterableConfig::default()
        .with_name(text(key))
        .with_value(Some(text(value)));
    let resource = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(vec![config]);
    RequestKind::AlterConfigs(AlterConfigsRequest::default().with_resources(vec![resource]))
}

fn quota(kind: &str, name: &str, key: &str, value: f64) -> RequestKind {
    let entity =
        EntityData::default().with_entity_type(text(kind)).with_entity_name(Some(text(name)));
    let entry = EntryData::default()
        .with_entity(vec![entity])
        .with_ops(vec![OpData::default().with_key(text(key)).with_value(value)]);
    let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
    RequestKind::AlterClientQuotas(request)
}

fn quotas(kind: &str) -> RequestKind {
    let component = ComponentData::default().with_entity_type(text(kind)).with_match_type(2);
    let request =
        DescribeClientQuotasRequest::default().with_components(vec![component.with_match(None)]);
    RequestKind::DescribeClientQuotas(request)
}

fn feature(version: i16, name: &str, level: i16) -> RequestKind {
    let update = FeatureUpdateKey::default().with_feature(text(name)).with_max_version_level(level);
    let update = if version >= 1 { update.with_upgrade_type(1) } else { update };
    let request = UpdateFeaturesRequest::default().with_feature_updates(vec![update]);
    RequestKind::UpdateFeatures(request)
}

pub(crate) fn producer_id(version: i16, transactional: Option<&str>) -> RequestKind {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(transactional.map(|id| TransactionalId(text(id))))
        .with_transaction_timeout_ms(1_000);
    RequestKind::InitProducerId(if version >= 3 {
        request.with_producer_id(ProducerId(-1)).with_producer_epoch(-1)
    } else {
        request
    })
}

/// Requests and the error that each answer must carry; none for an API that is not of this kind.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn questions(key: ApiKey, version: i16, topic: &str) -> Option<Vec<(RequestKind, i16)>> {
    Some(match key {
        ApiKey::DescribeConfigs => vec![
            (describe(version, TOPIC, topic, None), NONE),
            (describe(version, TOPIC, topic, Some(&["retention.ms"])), NONE),
            (describe(version, TOPIC, "nothing", None), UNKNOWN_TOPIC_OR_PARTITION),
            (describe(version, TOPIC, "a/b", None), INVALID_TOPIC_EXCEPTION),
            (describe(version, BROKER, "1", None), NONE),
            (describe(version, BROKER, "2", None), INVALID_REQUEST),
            (describe(version, BROKER, "", None), NONE),
            (describe(version, 77, "x", None), INVALID_REQUEST),
        ],
        ApiKey::IncrementalAlterConfigs => vec![
            (set(TOPIC, topic, "retention.ms", "7000000"), NONE),
            (set(TOPIC, topic, "retention.ms", "soon"), INVALID_CONFIG),
            (set(TOPIC, topic, "no.such.key", "1"), INVALID_CONFIG),
            (set(TOPIC, "nothing", "retention.ms", "7000000"), UNKNOWN_TOPIC_OR_PARTITION),
            (set(BROKER, "1", "log.retention.ms", "7000000"), NONE),
            (set(BROKER, "1", "broker.id", "2"), INVALID_REQUEST),
            (set(BROKER, "2", "log.retention.ms", "7000000"), INVALID_REQUEST),
        ],
        ApiKey::AlterConfigs => vec![
            (replace(TOPIC, topic, "flush.ms", "7000"), NONE),
            (replace(TOPIC, topic, "flush.ms", "-1"), INVALID_CONFIG),
            (replace(BROKER, "1", "node.id", "2"), INVALID_REQUEST),
        ],
        ApiKey::AlterClientQuotas => vec![
            (quota("user", "alice", "consumer_byte_rate", 1e9), NONE),
            (quota("user", "alice", "no_such_rate", 1e9), INVALID_REQUEST),
        ],
        ApiKey::DescribeClientQuotas => {
            vec![(quotas("user"), NONE), (quotas("group"), UNSUPPORTED_VERSION)]
        }
        ApiKey::UpdateFeatures => vec![
            (feature(version, "metadata.version", 27), NONE),
            (feature(version, "metadata.version", 99), INVALID_UPDATE_VERSION),
        ],
        ApiKey::InitProducerId => vec![
            (producer_id(version, None), NONE),
            (producer_id(version, Some("")), INVALID_REQUEST),
            (producer_id(version, Some("tx")), TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        ],
        _ => return None,
    })
}

/// The error of the first resource of an answer, with a look at the rest; none for an answer that is not of this kind.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn error_of(version: i16, response: &ResponseKind) -> Option<i16> {
    Some(match response {
        ResponseKind::DescribeConfigs(response) => {
            let answer = &response.results[0];
            if answer.error_code == NONE && answer.resource_type == TOPIC {
                let keys = &answer.configs;
                assert!(keys.len() == 1 || keys.len() > 30, "{} keys", keys.len());
                let age = keys.iter().find(|key| key.name.as_str() == "retention.ms");
                let Some(age) = age else { panic!("no retention.ms in {keys:?}") };
                assert!(age.value.is_some() && !age.read_only && !age.is_sensitive, "{age:?}");
                assert_eq!(age.config_type, if version >= 3 { 5 } else { 0 });
                let told = age.documentation.as_ref().is_some_and(|text| !text.is_empty());
                assert_eq!(told, version >= 3);
            }
            answer.error_code
        }
        ResponseKind::IncrementalAlterConfigs(response) => response.responses[0].error_code,
        ResponseKind::AlterConfigs(response) => response.responses[0].error_code,
        ResponseKind::AlterClientQuotas(response) => response.entries[0].error_code,
        ResponseKind::DescribeClientQuotas(response) => response.error_code,
        ResponseKind::UpdateFeatures(response) => response.error_code,
        ResponseKind::InitProducerId(response) => {
            let id = response.producer_id.0;
            assert_eq!(response.error_code == NONE, id >= 0, "{response:?}");
            assert_eq!(response.producer_epoch, if id >= 0 { 0 } else { -1 });
            response.error_code
        }
        _ => return None,
    })
}
