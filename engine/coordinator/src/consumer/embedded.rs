//! What classic consumers tell each other, read and written in their stead: the coordinator of a consumer group with classic
//! members (KIP-848) looks into their subscriptions and makes their assignments.
//!
//! ```text
//!   subscription   version i16, topics [string], user data bytes?, 1+: owned [topic, [partition]], 2+: generation i32, 3+: rack string?
//!   assignment     version i16, [topic, [partition]], user data bytes?
//! ```
//!
//! *Flows in*: bytes that a client made; names and partitions. *Flows out*: the other of the two. *Must never*: believe a
//! length that the bytes don't have.

use bytes::{Buf, BufMut, Bytes};
use klamm_node::TopicName;

/// The highest version that is known: later ones add at the end only.
const HIGHEST: i16 = 3;

/// Partitions by topic names.
type Named = Vec<(TopicName, Vec<i32>)>;

/// A consumer's subscription.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Subscription {
    pub(super) topics: Vec<TopicName>,
    pub(super) owned: Named,
    pub(super) rack: Option<String>,
}

/// A consumer's assignment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Assignment {
    pub(super) partitions: Named,
    /// Whether the assignor added something of its own.
    pub(super) has_user_data: bool,
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number16(&mut self) -> Option<i16> {
        (self.0.remaining() >= 2).then(|| self.0.get_i16())
    }

    fn number32(&mut self) -> Option<i32> {
        (self.0.remaining() >= 4).then(|| self.0.get_i32())
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number16()?).ok()?;
        self.take(length).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
    }

    /// A text that may be null.
    fn optional_text(&mut self) -> Option<Option<String>> {
        let mut ahead = Reader(self.0);
        match ahead.number16()? {
            -1 => {
                self.0 = ahead.0;
                Some(None)
            }
            _ => self.text().map(Some),
        }
    }

    /// How long the bytes are; none of them is -1.
    fn bytes(&mut self) -> Option<Option<usize>> {
        match self.number32()? {
            -1 => Some(None),
            length => {
                let length = usize::try_from(length).ok()?;
                self.take(length)?;
                Some(Some(length))
            }
        }
    }

    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.number32()?).map(|_| one(self)).collect()
    }

    fn named(&mut self) -> Option<Named> {
        self.list(|reader| Some((reader.text()?.into(), reader.list(Reader::number32)?)))
    }
}

/// The version that a consumer's bytes say.
pub(super) fn version(bytes: &[u8]) -> Option<i16> {
    Reader(bytes).number16().filter(|version| *version >= 0)
}

/// A consumer's subscription; none if the bytes are not one.
pub(super) fn subscription(bytes: &[u8]) -> Option<Subscription> {
    let mut reader = Reader(bytes);
    let version = reader.number16().filter(|version| *version >= 0)?;
    let topics = reader.list(|reader| Some(reader.text()?.into()))?;
    reader.bytes()?;
    let owned = if version >= 1 { reader.named()? } else { Vec::new() };
    if version >= 2 {
        reader.number32()?;
    }
    let rack = if version >= 3 { reader.optional_text()? } else { None };
    Some(Subscription { topics, owned, rack })
}

/// A consumer's assignment; no bytes are none. None if the bytes are not an assignment.
pub(super) fn assignment(bytes: &[u8]) -> Option<Assignment> {
    if bytes.is_empty() {
        return Some(Assignment::default());
    }
    let mut reader = Reader(bytes);
    reader.number16().filter(|version| *version >= 0)?;
    let partitions = reader.named()?;
    let has_user_data = reader.bytes()?.is_some_and(|length| length > 0);
    Some(Assignment { partitions, has_user_data })
}

/// An assignment in the version that the consumer's own subscription has.
pub(super) fn assignment_bytes<'a>(
    version: i16,
    partitions: impl Iterator<Item = (TopicName, &'a std::collections::BTreeSet<i32>)>,
) -> Bytes {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let mut named: Vec<_> = partitions.collect();
    named.sort();
    let mut bytes = Vec::new();
    bytes.put_i16(version.clamp(0, HIGHEST));
    bytes.put_i32(count(named.len()));
    for (topic, partitions) in named {
        // Names of topics have 249 bytes at most.
        bytes.put_i16(i16::try_from(topic.len()).unwrap_or(i16::MAX));
        bytes.put_slice(topic.as_bytes());
        bytes.put_i32(count(partitions.len()));
        partitions.iter().for_each(|partition| bytes.put_i32(*partition));
    }
    bytes.put_i32(-1);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V0: &[u8] = b"\0\0\0\0\0\x01\0\x01a\xff\xff\xff\xff";
    const V3: &[u8] =
        b"\0\x03\0\0\0\x01\0\x01a\0\0\0\x02uu\0\0\0\x01\0\x01a\0\0\0\x01\0\0\0\x07\0\0\0\x05\0\x02r1";

    #[test]
    fn subscriptions_of_the_oldest_and_newest_layout() {
        let old = subscription(V0).expect("a subscription");
        assert_eq!((old.topics, old.owned, old.rack), (vec!["a".into()], vec![], None));
        let new = subscription(V3).expect("a subscription");
        assert_eq!(new.owned, [("a".into(), vec![7])]);
        assert_eq!(new.rack.as_deref(), Some("r1"));
        for end in 0..V3.len() {
            assert_eq!(subscription(&V3[..end]), None, "{end}");
        }
        assert_eq!(subscription(b"\0\0\x7f\xff\xff\xff"), None, "a length that is not there");
    }

    #[test]
    fn assignments_are_written_as_java_writes_them_and_read_again() {
        let partitions = [1, 5].into();
        let bytes = assignment_bytes(9, [("a".into(), &partitions)].into_iter());
        assert_eq!(
            &*bytes,
            b"\0\x03\0\0\0\x01\0\x01a\0\0\0\x02\0\0\0\x01\0\0\0\x05\xff\xff\xff\xff"
        );
        let read = assignment(&bytes).expect("an assignment");
        assert_eq!((read.partitions, read.has_user_data), (vec![("a".into(), vec![1, 5])], false));
        assert!(assignment(b"\0\0\0\0\0\0\0\0\0\x01x").is_some_and(|read| read.has_user_data));
        assert_eq!(assignment(b"").map(|read| read.partitions.len()), Some(0));
        assert_eq!(assignment(b"\0\0\0\0\0\x01"), None);
    }
}
