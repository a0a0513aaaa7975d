//! SaslHandshake (key 17, versions 0 and 1), on the broker listener. Reads nothing.
//!
//! A listener without SASL takes every connection for authenticated, and refuses a handshake on one with ILLEGAL_SASL_STATE
//! and no mechanism, as a PLAINTEXT listener of Kafka does. A client that is set up for SASL then says so at once; if the
//! connection were only closed it would try again until its own patience ends.

use klamm_protocol::error::ErrorCode;
use klamm_protocol::kafka::messages::SaslHandshakeResponse;

/// Refuses.
pub fn answer() -> SaslHandshakeResponse {
    SaslHandshakeResponse::default().with_error_code(ErrorCode::ILLEGAL_SASL_STATE.0)
}
