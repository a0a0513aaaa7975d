//! The rolling hash of a run: equal runs have equal hashes, and the first difference changes every later one.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of a hash.
pub(crate) const LEAD: usize = 16;

/// The hash of a run so far, or of a whole one.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct TraceHash(pub u128);

/// 32 hexadecimal digits.
impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// XXH3-128 over the previous hash and the bytes of the next event, event after event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RollingHash {
    now: TraceHash,
}

impl RollingHash {
    /// Takes the encoded form of the next event: sequence number, time, node, cause and kind.
    pub fn push(&mut self, encoded: &[u8]) {
        let mut led = self.lead().to_vec();
        led.extend_from_slice(encoded);
        self.push_led(&led);
    }

    /// What is hashed before the next event. Who writes the event right behind it hands both to [`Self::push_led`], which
    /// spares a copy.
    pub(crate) fn lead(self) -> [u8; LEAD] {
        self.now.0.to_le_bytes()
    }

    /// Takes the lead and the encoded form of the next event behind it.
    pub(crate) fn push_led(&mut self, led: &[u8]) {
        debug_assert!(led.starts_with(&self.lead()), "an event goes on from the hash before it");
        self.now = TraceHash(xxh3_128(led));
    }

    /// The hash of everything pushed so far.
    pub fn get(self) -> TraceHash {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::Xxh3Default;

    use super::*;

    #[test]
    fn an_event_behind_its_lead_is_hashed_like_one_that_is_pushed() {
        for size in [0, 1, 223, 224, 225, 1000] {
            let mut pushed = RollingHash::default();
            pushed.push(b"first");
            let mut led = pushed;
            let encoded = vec![7; size];
            led.push_led(&[&led.lead(), &*encoded].concat());
            pushed.push(&encoded);
            assert_eq!(led, pushed, "{size} bytes");
            let mut streamed = Xxh3Default::new();
            let mut first = RollingHash::default();
            first.push(b"first");
            streamed.update(&first.lead());
            streamed.update(&encoded);
            assert_eq!(pushed.get().0, streamed.digest128(), "{size} bytes");
        }
    }

    #[test]
    fn the_order_and_the_cut_of_pushes_matter() {
        let hash = |parts: &[&[u8]]| {
            let mut rolling = RollingHash::default();
            parts.iter().for_each(|part| rolling.push(part));
            rolling.get()
        };
        assert_eq!(hash(&[b"a", b"b"]), hash(&[b"a", b"b"]));
        assert_ne!(hash(&[b"a", b"b"]), hash(&[b"b", b"a"]));
        assert_ne!(hash(&[b"ab"]), hash(&[b"a", b"b"]));
        assert_ne!(hash(&[]), hash(&[b""]));
    }
}
