//! What consumers tell each other, as far as a coordinator looks at it: the topics of a subscription and the partitions of an
//! assignment. Both stand at the front in every version, so the first version's layout is enough to read them.
//!
//! *Flows in*: bytes that a client made. *Flows out*: names and numbers, or nothing if the bytes make no sense. *Must never*:
//! fail a request for them; they are not the coordinator's to judge.

use bytes::{Buf, Bytes};
use klamm_node::{TopicName, TopicPartition};

/// Reads one number or text; none at the end of the bytes.
trait Take: Buf + Sized {
    fn number16(&mut self) -> Option<i16> {
        (self.remaining() >= 2).then(|| self.get_i16())
    }

    fn number32(&mut self) -> Option<i32> {
        (self.remaining() >= 4).then(|| self.get_i32())
    }

    /// How many elements follow; a null array has none.
    fn count(&mut self) -> Option<i32> {
        self.number32().filter(|count| *count >= -1)
    }

    fn name(&mut self) -> Option<TopicName> {
        let length = usize::try_from(self.number16()?).ok()?;
        (self.remaining() >= length).then_some(())?;
        let bytes = self.copy_to_bytes(length);
        Some(str::from_utf8(&bytes).ok()?.into())
    }
}

impl Take for &[u8] {}

/// The topics of a consumer's subscription. None if the bytes are not one.
pub fn subscribed_topics(subscription: &Bytes) -> Option<Vec<TopicName>> {
    let mut bytes = &subscription[..];
    // The version. A later one only adds at the end.
    bytes.number16().filter(|version| *version >= 0)?;
    (0..bytes.count()?).map(|_| bytes.name()).collect()
}

/// The partitions of a consumer's assignment; none at all for no bytes. None if the bytes are not an assignment.
pub fn assigned_partitions(assignment: &Bytes) -> Option<Vec<TopicPartition>> {
    let mut bytes = &assignment[..];
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    bytes.number16().filter(|version| *version >= 0)?;
    let mut partitions = Vec::new();
    for _ in 0..bytes.count()? {
        let topic = bytes.name()?;
        for _ in 0..bytes.count()? {
            partitions.push(TopicPartition::new(TopicName::clone(&topic), bytes.number32()?));
        }
    }
    Some(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the layout of ConsumerProtocolSubscription and -Assignment, version 0 and what version 1 adds.
    const SUBSCRIPTION: &[u8] = b"\0\0\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xff";
    const NEWER: &[u8] = b"\0\x01\0\0\0\x01\0\x01a\0\0\0\0\0\0\0\x01\0\x01a\0\0\0\x01\0\0\0\x07";
    const ASSIGNMENT: &[u8] = b"\0\0\0\0\0\x01\0\x01a\0\0\0\x02\0\0\0\x05\0\0\0\x09\0\0\0\0";

    #[test]
    fn topics_and_partitions_are_read_by_the_layout_of_the_first_version() {
        let topics =
            |bytes: &'static [u8]| subscribed_topics(&bytes.into()).map(|topics| topics.join(","));
        assert_eq!(topics(SUBSCRIPTION).as_deref(), Some("a,bc"));
        assert_eq!(topics(NEWER).as_deref(), Some("a"));
        let partitions = assigned_partitions(&ASSIGNMENT.into()).expect("an assignment");
        assert_eq!(partitions, [TopicPartition::new("a", 5), TopicPartition::new("a", 9)]);
        assert_eq!(assigned_partitions(&Bytes::new()), Some(Vec::new()));
    }

    #[test]
    fn bytes_that_end_too_soon_or_lie_are_nothing() {
        for end in 0..SUBSCRIPTION.len() - 4 {
            assert_eq!(subscribed_topics(&SUBSCRIPTION[..end].into()), None, "{end}");
        }
        for end in 1..ASSIGNMENT.len() - 4 {
            assert_eq!(assigned_partitions(&ASSIGNMENT[..end].into()), None, "{end}");
        }
        let hostile: &[&[u8]] =
            &[b"\0\0\x7f\xff\xff\xff", b"\xff\xff\0\0\0\0", b"\0\0\0\0\0\x01\0\x01\xff"];
        for bytes in hostile {
            assert_eq!(subscribed_topics(&Bytes::from_static(bytes)), None);
        }
    }
}
