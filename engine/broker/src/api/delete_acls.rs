//! DeleteAcls (key 31, versions 1 to 3), on the broker listener. Reads nothing: without an authorizer each filter is
//! answered SECURITY_DISABLED, as [`create_acls`](super::create_acls) tells.

use klamm_protocol::convert::text;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::delete_acls_response::DeleteAclsFilterResult;
use klamm_protocol::kafka::messages::{DeleteAclsRequest, DeleteAclsResponse};

/// Refuses each.
pub fn answer(request: &DeleteAclsRequest) -> DeleteAclsResponse {
    let refused = DeleteAclsFilterResult::default()
        .with_error_code(ErrorCode::SECURITY_DISABLED.0)
        .with_error_message(Some(text("No Authorizer is configured.")));
    DeleteAclsResponse::default().with_filter_results(vec![refused; request.filters.len()])
}
