//! Exponential backoff with jitter (KIP-144, KIP-580).

use klamm_node::{Context, Purpose, Span, Time};

/// Waits between tries: doubled each time up to a maximum, 20 % of jitter on either side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Backoff {
    pub least: Span,
    pub most: Span,
}

impl Backoff {
    /// When to try again after this many failures in a row (0 for the first).
    pub(crate) fn until(self, cx: &mut Context<'_>, failures: u32) -> Time {
        let base = self.least.times(1 << failures.min(30)).min(self.most.max(self.least));
        let (low, high) = (Span(base.0 / 5 * 4), Span(base.0 / 5 * 6));
        cx.now + cx.rng.of(Purpose::Backoff).span(low, high)
    }
}
