//! SaslAuthenticate (key 36, versions 0 to 2), on the broker listener. Reads nothing, least of all what it was sent.
//!
//! Refused like the [handshake](super::sasl_handshake), for clients that do not wait for that to be answered.

use klamm_protocol::convert::text;
use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::SaslAuthenticateResponse;

/// Refuses, in Kafka's words.
pub fn answer() -> SaslAuthenticateResponse {
    SaslAuthenticateResponse::default()
        .with_error_code(ErrorCode::ILLEGAL_SASL_STATE.0)
        .with_error_message(Some(text(
            "SaslAuthenticate request received after successful authentication",
        )))
}
