//! DescribeConfigs (key 32, versions 1 to 4), on the broker listener. Reads the image and this broker's own settings.
//!
//! Only a broker itself can tell its own settings; what is set for all brokers, and topics, any broker tells.
//!
//! Errors: INVALID_REQUEST for another broker's id and for resource types that are not described, INVALID_TOPIC_EXCEPTION,
//! UNKNOWN_TOPIC_OR_PARTITION.
//!
//! Simplified: loggers, client metrics and groups have no configs here; they are refused as unsupported resource types.

use std::collections::BTreeMap;

use klamm_controller::configs::{Described, Layers};
use klamm_controller::image::{ConfigResource, MetadataImage};
use klamm_controller::legal_topic_name;
use klamm_node::BrokerId;
use klamm_protocol::convert::text;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::describe_configs_request::{
    DescribeConfigsRequest, DescribeConfigsResource,
};
use klamm_protocol::kafka::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
    DescribeConfigsSynonym,
};
use klamm_protocol::metadata::resource_type;

/// Answers for the broker with this id and this `server.properties`.
pub fn answer(
    request: &DescribeConfigsRequest,
    me: BrokerId,
    fixed: &BTreeMap<String, String>,
    image: &MetadataImage,
) -> DescribeConfigsResponse {
    let layers = Layers::new(image, me, fixed);
    let results = request.resources.iter().map(|resource| {
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match describe(resource, me, image, &layers) {
            Ok(all) => {
                let keys = resource.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
                let asked = |key: &Described| {
                    keys.is_none_or(|keys| keys.iter().any(|asked| asked.as_str() == key.name))
                };
                let configs = all.into_iter().filter(asked).map(|key| on_the_wire(request, key));
                result.with_configs(configs.collect())
            }
            Err((error, why)) => {
                result.with_error_code(error.0).with_error_message(why.map(|why| text(&why)))
            }
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn describe(
    resource: &DescribeConfigsResource,
    me: BrokerId,
    image: &MetadataImage,
    layers: &Layers<'_>,
) -> Result<Vec<Described>, (ErrorCode, Option<String>)> {
    let refuse = |why: String| Err((ErrorCode::INVALID_REQUEST, Some(why)));
    let name = resource.resource_name.as_str();
    match resource.resource_type {
        resource_type::TOPIC => {
            legal_topic_name(name)
                .map_err(|why| (ErrorCode::INVALID_TOPIC_EXCEPTION, Some(why)))?;
            let topic = image.topic(name).ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))?;
            let none = BTreeMap::new();
            let own = image.config(&ConfigResource::Topic(topic.name.clone())).unwrap_or(&none);
            Ok(layers.describe_topic(own))
        }
        resource_type::BROKER if name.is_empty() => Ok(layers.describe_all_brokers()),
        resource_type::BROKER => match name.parse::<i32>() {
            Ok(id) if BrokerId(id) == me => Ok(layers.describe_broker()),
            Ok(_) => refuse(format!(
                "Unexpected broker id, expected {me} or empty string, but received {name}"
            )),
            Err(_) => refuse(format!("Broker id must be an integer, but it is: {name}")),
        },
        other => refuse(format!("Unsupported resource type: {other}")),
    }
}

fn on_the_wire(request: &DescribeConfigsRequest, key: Described) -> DescribeConfigsResourceResult {
    let synonym = |synonym: klamm_controller::configs::Synonym| {
        DescribeConfigsSynonym::default()
            .with_name(text(&synonym.name))
            .with_value(synonym.value.as_deref().map(text))
            .with_source(synonym.source.code())
    };
    let synonyms = key.synonyms.into_iter().filter(|_| request.include_synonyms);
    let documentation = Some(text(key.documentation)).filter(|_| request.include_documentation);
    DescribeConfigsResourceResult::default()
        .with_name(text(&key.name))
        .with_value(key.value.as_deref().map(text))
        .with_read_only(key.read_only)
        .with_config_source(key.source.code())
        .with_is_sensitive(key.sensitive)
        .with_synonyms(synonyms.map(synonym).collect())
        .with_config_type(key.kind.map_or(0, klamm_controller::configs::Kind::code))
        .with_documentation(documentation)
}
