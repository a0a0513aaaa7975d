//! The rolling hash of a run: equal runs have equal hashes, and the first difference changes every later one.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

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

/// Nearly every event is shorter, and XXH3 takes so much in one go without a state of its own.
const SHORT: usize = 240;

fn long(previous: &[u8], encoded: &[u8]) -> u128 {
    let mut hasher = Xxh3Default::new();
    hasher.update(previous);
    hasher.update(encoded);
    hasher.digest128()
}

/// XXH3-128 over the previous hash and the bytes of the next event, event after event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RollingHash {
    now: TraceHash,
}

impl RollingHash {
    /// Takes the encoded form of the next event: sequence number, time, node, cause and kind.
    pub fn push(&mut self, encoded: &[u8]) {
        let previous = self.now.0.to_le_bytes();
        let size = previous.len() + encoded.len();
        let mut joined = [0; SHORT];
        self.now = TraceHash(match joined.get_mut(..size) {
            Some(joined) => {
                joined[..previous.len()].copy_from_slice(&previous);
                joined[previous.len()..].copy_from_slice(encoded);
                xxh3_128(joined)
            }
            None => long(&previous, encoded),
        });
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
    fn short_and_long_events_are_hashed_alike() {
        for size in [0, 1, SHORT - 17, SHORT - 16, SHORT - 15, 1000] {
            let mut rolling = RollingHash::default();
            rolling.push(b"first");
            let (before, encoded) = (rolling.get(), vec![7; size]);
            rolling.push(&encoded);
            assert_eq!(rolling.get().0, long(&before.0.to_le_bytes(), &encoded), "{size} bytes");
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
