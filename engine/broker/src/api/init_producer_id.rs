//! InitProducerId (key 22, versions 0 to 5), on the broker listener: an id for an idempotent producer (KIP-98).
//!
//! Any broker hands out ids to producers without a transactional id. While it has none left and the controller has not given it
//! a new block yet, it answers COORDINATOR_LOAD_IN_PROGRESS, which producers try again.
//!
//! Errors: INVALID_REQUEST for an empty transactional id, or a producer id without an epoch or the other way round;
//! COORDINATOR_LOAD_IN_PROGRESS.
//!
//! Simplified: there are no transactions yet. A transactional id is answered TRANSACTIONAL_ID_AUTHORIZATION_FAILED, like its
//! look-up.

use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

/// Answers with an id from `take`, which has none while there is no block.
pub fn answer(
    request: &InitProducerIdRequest,
    take: impl FnOnce() -> Option<i64>,
) -> InitProducerIdResponse {
    let outcome = match &request.transactional_id {
        Some(id) if id.is_empty() => Err(ErrorCode::INVALID_REQUEST),
        _ if (request.producer_id.0 == -1) != (request.producer_epoch == -1) => {
            Err(ErrorCode::INVALID_REQUEST)
        }
        Some(_) => Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        // A producer that had an id already gets a new one: only a transactional one has its epoch raised (KIP-360).
        None => take().ok_or(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
    };
    match outcome {
        Ok(id) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(0),
        Err(error) => InitProducerIdResponse::default()
            .with_error_code(error.0)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_protocol::convert::text;
    use klamm_protocol::kafka::messages::TransactionalId;

    fn told(request: &InitProducerIdRequest, id: Option<i64>) -> (ErrorCode, i64, i16) {
        let answer = answer(request, || id);
        (ErrorCode(answer.error_code), answer.producer_id.0, answer.producer_epoch)
    }

    #[test]
    fn an_idempotent_producer_gets_an_id_and_others_an_error_that_fits() {
        let plain = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        assert_eq!(told(&plain, Some(7)), (ErrorCode::NONE, 7, 0));
        assert_eq!(told(&plain, None), (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, -1, -1));
        let again = plain.clone().with_producer_id(ProducerId(5)).with_producer_epoch(3);
        assert_eq!(told(&again, Some(7)), (ErrorCode::NONE, 7, 0));
        let half = plain.clone().with_producer_id(ProducerId(5));
        assert_eq!(told(&half, Some(7)), (ErrorCode::INVALID_REQUEST, -1, -1));
        let named = |name| plain.clone().with_transactional_id(Some(TransactionalId(text(name))));
        assert_eq!(told(&named(""), Some(7)), (ErrorCode::INVALID_REQUEST, -1, -1));
        assert_eq!(
            told(&named("tx"), Some(7)),
            (ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1, -1)
        );
    }
}
