//! A refusal: an error with words for people.

use klamm_protocol::ErrorCode;

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The error.
    pub code: ErrorCode,
    /// The words that newer versions of requests have room for.
    pub message: String,
}

impl Refused {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
