//! What is wrong with a way between two nodes.

use klamm_node::Span;
use klamm_trace::LinkView;

/// A latency from which on a way counts as slow: well above what one data centre has.
const SLOW: Span = Span::millis(10);

/// True if a way is slow, narrow, or loses, doubles or overtakes packets.
pub fn is_impaired(link: &LinkView) -> bool {
    link.latency.is_some_and(|(_, high)| high >= SLOW) || link.bandwidth > 0 || link.flaws != [0; 3]
}
