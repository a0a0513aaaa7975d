//! DescribeCluster (key 60, versions 0 to 2), on the broker listener. Reads the metadata image.
//!
//! Errors: MISMATCHED_ENDPOINT_TYPE for a request meant for controllers (KIP-919), UNSUPPORTED_ENDPOINT_TYPE for one that is
//! meant for neither.

use klamm_controller::image::MetadataImage;
use klamm_node::BrokerId;
use klamm_protocol::convert;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::describe_cluster_response::DescribeClusterBroker;
use klamm_protocol::kafka::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::authorized;

/// `EndpointType`: 1 for brokers, 2 for controllers.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Answers from the image. `controller` is whom the response names as controller.
pub fn answer(
    request: &DescribeClusterRequest,
    version: i16,
    cluster_id: &str,
    controller: BrokerId,
    image: &MetadataImage,
) -> DescribeClusterResponse {
    let response = DescribeClusterResponse::default().with_cluster_id(convert::text(cluster_id));
    if version >= 1 && request.endpoint_type != BROKERS {
        let (code, text) = match request.endpoint_type {
            CONTROLLERS => (
                ErrorCode::MISMATCHED_ENDPOINT_TYPE,
                "The request was sent to an endpoint of the wrong type.",
            ),
            _ => (ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type."),
        };
        let response = response.with_error_code(code.0);
        return response.with_error_message(Some(convert::text(text)));
    }
    let brokers = image.brokers().filter(|broker| !broker.fenced || request.include_fenced_brokers);
    let brokers = brokers.filter_map(|broker| {
        let at = broker.endpoint(crate::LISTENER_NAME)?;
        let described = DescribeClusterBroker::default()
            .with_broker_id(broker.id.0.into())
            .with_host(convert::text(&at.host))
            .with_port(i32::from(at.port))
            .with_rack(broker.rack.as_deref().map(convert::text))
            .with_is_fenced(version >= 2 && broker.fenced);
        Some(described)
    });
    let response = if request.include_cluster_authorized_operations {
        response.with_cluster_authorized_operations(authorized::CLUSTER)
    } else {
        response
    };
    response
        .with_endpoint_type(BROKERS)
        .with_controller_id(controller.0.into())
        .with_brokers(brokers.collect())
}
