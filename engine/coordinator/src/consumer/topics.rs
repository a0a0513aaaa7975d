//! The hash over the topics of a group (KIP-1101): whether partitions or racks have changed since the group's epoch was set.
//!
//! *Flows in*: topics by name. *Flows out*: Kafka's own number, bit for bit. *Must never*: depend on the order of anything.

use std::collections::BTreeSet;

use klamm_node::TopicName;
use xxhash_rust::xxh3::xxh3_64;

use crate::shard::Topics;

/// The version of the hash.
const MAGIC: u8 = 0;

/// A text as hash4j puts it into a stream: its UTF-16 units, then how many.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let before = bytes.len();
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let units = (bytes.len() - before) / 2;
    put_number(bytes, units);
}

fn put_number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

/// The hash of a topic; none if it does not exist.
fn topic_hash(topics: &dyn Topics, name: &str) -> Option<u64> {
    let id = topics.id_of(name)?;
    let mut bytes = vec![MAGIC];
    for half in [id.0 >> 64, id.0 & u128::from(u64::MAX)] {
        bytes.extend(u64::try_from(half).unwrap_or(0).to_le_bytes());
    }
    put_text(&mut bytes, name);
    let partitions = topics.partitions_of(id);
    bytes.extend(partitions.to_le_bytes());
    for partition in 0..partitions {
        bytes.extend(partition.to_le_bytes());
        for rack in topics.racks_of(id, partition) {
            put_number(&mut bytes, rack.encode_utf16().count());
            put_text(&mut bytes, &rack);
        }
    }
    Some(xxh3_64(&bytes))
}

/// The hash of a group's topics; those that do not exist are passed over, and none at all is zero.
pub(super) fn group_hash(topics: &dyn Topics, subscribed: &BTreeSet<&TopicName>) -> i64 {
    // In the order of the names.
    let hashes: Vec<u8> = subscribed
        .iter()
        .filter_map(|name| topic_hash(topics, name))
        .flat_map(u64::to_le_bytes)
        .collect();
    if hashes.is_empty() { 0 } else { xxh3_64(&hashes).cast_signed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classic::tests::lab::Sheet;

    fn hash(topics: &[(&str, i32, &str)]) -> i64 {
        let mut sheet = Sheet::default();
        for (name, partitions, rack) in topics {
            sheet.set(name, *partitions, rack);
        }
        let names: BTreeSet<TopicName> = topics.iter().map(|(name, ..)| (*name).into()).collect();
        group_hash(&sheet, &names.iter().collect())
    }

    #[test]
    fn everything_that_an_assignor_may_look_at_counts() {
        let usual = hash(&[("t", 2, "a")]);
        assert_eq!(usual, hash(&[("t", 2, "a")]));
        for other in [&[("t", 3, "a")], &[("t", 2, "b")], &[("t", 2, "")], &[("u", 2, "a")]] {
            assert_ne!(usual, hash(other), "{other:?}");
        }
        let again = hash(&[("t", 2, "a"), ("t", 0, "a"), ("t", 2, "a")]);
        assert_ne!(usual, again, "a topic of the same name is another one");
        assert_ne!(usual, hash(&[("t", 2, "a"), ("u", 1, "")]));
    }

    #[test]
    fn no_topic_is_zero() {
        let (sheet, name) = (Sheet::default(), TopicName::from("not-there"));
        assert_eq!(group_hash(&sheet, &BTreeSet::new()), 0);
        assert_eq!(group_hash(&sheet, &[&name].into()), 0);
    }

    #[test]
    fn bytes_are_those_of_hash4j() {
        // putString: UTF-16 units, little-endian, and then their number.
        let mut bytes = Vec::new();
        put_text(&mut bytes, "ab");
        assert_eq!(bytes, [b'a', 0, b'b', 0, 2, 0, 0, 0]);
    }
}
