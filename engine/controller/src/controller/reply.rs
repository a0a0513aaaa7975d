//! Replies of a controller that is not, or no longer, the active one.

use klamm_protocol::ErrorCode;
use klamm_protocol::forward;
use klamm_protocol::kafka::messages::{
    AllocateProducerIdsResponse, AlterPartitionResponse, BrokerHeartbeatResponse,
    BrokerRegistrationResponse, RequestKind, ResponseKind,
};

const WHY: &str = "This is not the active controller.";

/// NOT_CONTROLLER in the shape that fits a request; none for requests that are not the controller's.
pub(super) fn not_controller(request: &RequestKind) -> Option<ResponseKind> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the codec's enum holds every API of Kafka")]
    Some(match request {
        RequestKind::BrokerRegistration(_) => registration(),
        RequestKind::BrokerHeartbeat(_) => heartbeat(),
        RequestKind::AlterPartition(_) => alter_partition(),
        RequestKind::AllocateProducerIds(_) => allocate_producer_ids(),
        other => return forward::refused(other, ErrorCode::NOT_CONTROLLER, WHY),
    })
}

/// NOT_CONTROLLER instead of an answer whose records were never committed.
pub(super) fn lost_leadership(response: ResponseKind) -> ResponseKind {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the codec's enum holds every API of Kafka")]
    match response {
        ResponseKind::BrokerRegistration(_) => registration(),
        ResponseKind::BrokerHeartbeat(_) => heartbeat(),
        ResponseKind::AlterPartition(_) => alter_partition(),
        ResponseKind::AllocateProducerIds(_) => allocate_producer_ids(),
        mut other => {
            forward::each_error_code(&mut other, |code| *code = ErrorCode::NOT_CONTROLLER.0);
            other
        }
    }
}

fn registration() -> ResponseKind {
    ResponseKind::BrokerRegistration(
        BrokerRegistrationResponse::default()
            .with_error_code(ErrorCode::NOT_CONTROLLER.0)
            .with_broker_epoch(-1),
    )
}

fn heartbeat() -> ResponseKind {
    let response = BrokerHeartbeatResponse::default().with_error_code(ErrorCode::NOT_CONTROLLER.0);
    ResponseKind::BrokerHeartbeat(response)
}

fn allocate_producer_ids() -> ResponseKind {
    let refused = AllocateProducerIdsResponse::default();
    ResponseKind::AllocateProducerIds(refused.with_error_code(ErrorCode::NOT_CONTROLLER.0))
}

fn alter_partition() -> ResponseKind {
    let response = AlterPartitionResponse::default().with_error_code(ErrorCode::NOT_CONTROLLER.0);
    ResponseKind::AlterPartition(response)
}
