//! Which partition a record goes to: by its key, or where the producer sticks for now (KIP-480, KIP-794).

use std::collections::BTreeMap;

use klamm_node::{Context, Purpose, TopicName};

/// MurmurHash 2 in 32 bits with Kafka's seed, as every Kafka client hashes keys.
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    // Lengths beyond 32 bits don't occur: keys are in records, records in requests.
    let mut h = SEED ^ (data.len() as u64 & 0xffff_ffff) as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = word.iter().rev().fold(0, |k, byte| k << 8 | u32::from(*byte));
        k = k.wrapping_mul(M);
        k ^= k >> R;
        k = k.wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        h ^= rest.iter().rev().fold(0, |k, byte| k << 8 | u32::from(*byte));
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^= h >> 15;
    h.cast_signed()
}

/// The partition of a key among `partitions` of them: the hash without its sign bit, modulo.
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & i32::MAX) % partitions.max(1)
}

/// Where records without a key go: one partition until it has got `batch.size` bytes, then another.
///
/// Simplified: Kafka weighs the choice by how much waits for each partition
/// (`partitioner.adaptive.partitioning.enable`); here each partition with a leader is as likely.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sticky {
    topics: BTreeMap<TopicName, Stuck>,
}

#[derive(Clone, Copy, Debug)]
struct Stuck {
    partition: i32,
    bytes: u64,
}

impl Sticky {
    /// The partition for the next record without a key; `available` are those with a leader.
    pub(crate) fn partition(
        &mut self,
        cx: &mut Context<'_>,
        topic: &TopicName,
        partitions: i32,
        available: impl FnOnce() -> Vec<i32>,
    ) -> i32 {
        if let Some(stuck) = self.topics.get(topic) {
            return stuck.partition;
        }
        let available = available();
        let dice = cx.rng.of(Purpose::ClientChoice);
        let partition = if available.is_empty() {
            i32::try_from(dice.index(usize::try_from(partitions).unwrap_or(0))).unwrap_or(0)
        } else {
            available[dice.index(available.len())]
        };
        self.topics.insert(TopicName::clone(topic), Stuck { partition, bytes: 0 });
        partition
    }

    /// No batch of the partition has room: goes elsewhere if it has got enough; true if so.
    pub(crate) fn leave(&mut self, topic: &TopicName, batch_size: u64) -> bool {
        let enough = self.topics.get(topic).is_some_and(|stuck| stuck.bytes >= batch_size);
        if enough {
            self.topics.remove(topic);
        }
        enough
    }

    /// Takes note of what a record added. The switch waits until the batch is complete, so that no small batch is left
    /// behind, but not beyond twice the size.
    pub(crate) fn appended(
        &mut self,
        topic: &TopicName,
        bytes: u64,
        batch_complete: bool,
        batch_size: u64,
    ) {
        let Some(stuck) = self.topics.get_mut(topic) else { return };
        stuck.bytes += bytes;
        let enough = stuck.bytes >= batch_size && batch_complete;
        if enough || stuck.bytes >= batch_size.saturating_mul(2) {
            self.topics.remove(topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_kafkas() {
        // The vectors of Kafka's UtilsTest.
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    #[test]
    fn a_negative_hash_gives_a_partition() {
        for key in ["21", "foobar", "abc", ""] {
            assert!((0..7).contains(&partition_for_key(key.as_bytes(), 7)), "{key}");
        }
        assert_eq!(partition_for_key(b"abc", 10), 7);
    }
}
