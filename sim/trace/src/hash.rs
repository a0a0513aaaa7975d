//! The rolling hash of a run: equal runs have equal hashes, and the first difference changes every later one.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

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
        let mut hasher = Xxh3Default::new();
        hasher.update(&self.now.0.to_le_bytes());
        hasher.update(encoded);
        self.now = TraceHash(hasher.digest128());
    }

    /// The hash of everything pushed so far.
    pub fn get(self) -> TraceHash {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
