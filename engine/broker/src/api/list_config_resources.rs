//! ListConfigResources (key 74, versions 0 and 1; KIP-1142), on the broker listener. Reads the image.
//!
//! Tells what can be asked by DescribeConfigs: topics, and brokers with their loggers. Version 0 knows client metrics only
//! (KIP-714) and has no place for types. No types are all of them.
//!
//! Errors: UNSUPPORTED_VERSION for a type that there is not.
//!
//! Simplified: of client metrics and groups there are no configs, so none is ever listed.

use klamm_controller::image::MetadataImage;
use klamm_protocol::convert::text;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::list_config_resources_response::ConfigResource;
use klamm_protocol::kafka::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use klamm_protocol::metadata::resource_type::{BROKER, TOPIC};

/// Types of which metadata holds no records here.
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

/// Answers from the image.
pub fn answer(
    request: &ListConfigResourcesRequest,
    version: i16,
    image: &MetadataImage,
) -> ListConfigResourcesResponse {
    let known: &[i8] = match version {
        0 => &[CLIENT_METRICS],
        _ => &[TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP],
    };
    let asked = &request.resource_types;
    if asked.iter().any(|kind| !known.contains(kind)) {
        return ListConfigResourcesResponse::default()
            .with_error_code(ErrorCode::UNSUPPORTED_VERSION.0);
    }
    let wanted = known.iter().filter(|kind| asked.is_empty() || asked.contains(kind));
    let resources = wanted.flat_map(|kind| {
        let names: Vec<String> = match *kind {
            TOPIC => image.topics().map(|topic| topic.name.to_string()).collect(),
            BROKER | BROKER_LOGGER => image.brokers().map(|broker| broker.id.to_string()).collect(),
            _ => Vec::new(),
        };
        names.into_iter().map(|name| {
            ConfigResource::default().with_resource_type(*kind).with_resource_name(text(&name))
        })
    });
    ListConfigResourcesResponse::default().with_config_resources(resources.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_there_is_not_is_refused_and_version_0_knows_one() {
        let image = MetadataImage::default();
        let code = |version, types: &[i8]| {
            let request = ListConfigResourcesRequest::default().with_resource_types(types.to_vec());
            answer(&request, version, &image).error_code
        };
        assert_eq!(code(1, &[TOPIC, GROUP]), 0);
        assert_eq!(code(1, &[TOPIC, 3]), ErrorCode::UNSUPPORTED_VERSION.0);
        assert_eq!(code(0, &[]), 0);
        assert_eq!(code(0, &[TOPIC]), ErrorCode::UNSUPPORTED_VERSION.0);
    }
}
