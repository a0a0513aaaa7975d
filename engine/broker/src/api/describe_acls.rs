//! DescribeAcls (key 29, versions 1 to 3), on the broker listener. Reads nothing: without an authorizer there are no access
//! control lists, and Kafka answers SECURITY_DISABLED. Consoles ask at their start and hide the page then.

use klamm_protocol::convert::text;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::DescribeAclsResponse;

/// Refuses.
pub fn answer() -> DescribeAclsResponse {
    DescribeAclsResponse::default()
        .with_error_code(ErrorCode::SECURITY_DISABLED.0)
        .with_error_message(Some(text("No Authorizer is configured on the broker")))
}
