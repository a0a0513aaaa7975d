//! CreateAcls (key 30, versions 1 to 3), on the broker listener. Reads nothing: without an authorizer each one is answered
//! SECURITY_DISABLED.
//!
//! Kafka's broker forwards the request, and the controller, which has no authorizer either, answers the same.

use klamm_protocol::convert::text;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::create_acls_response::AclCreationResult;
use klamm_protocol::kafka::messages::{CreateAclsRequest, CreateAclsResponse};

/// Refuses each.
pub fn answer(request: &CreateAclsRequest) -> CreateAclsResponse {
    let refused = AclCreationResult::default()
        .with_error_code(ErrorCode::SECURITY_DISABLED.0)
        .with_error_message(Some(text("No Authorizer is configured.")));
    CreateAclsResponse::default().with_results(vec![refused; request.creations.len()])
}
