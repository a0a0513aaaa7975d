//! `partition.metadata`: which topic a partition's directory belongs to (KIP-516).

use klamm_node::{Disk, DiskError, DiskResult, TopicId};

use crate::layout::PARTITION_METADATA;

/// The contents of `partition.metadata`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionMetadata {
    /// The topic's id. A directory with another id belongs to a deleted topic of the same name.
    pub topic_id: TopicId,
}

impl PartitionMetadata {
    /// Reads the file of a partition's directory; `None` if there is none.
    ///
    /// # Errors
    /// The disk fails, or the file makes no sense.
    pub fn read(disk: &mut dyn Disk, dir: &str) -> DiskResult<Option<Self>> {
        let path = format!("{dir}/{PARTITION_METADATA}");
        let Some(bytes) = disk.read_whole(&path)? else { return Ok(None) };
        let parsed = std::str::from_utf8(&bytes).ok().and_then(parse);
        parsed.map(Some).ok_or_else(|| DiskError::Io(format!("malformed {path}")))
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// The disk fails.
    pub fn write(self, disk: &mut dyn Disk, dir: &str) -> DiskResult<()> {
        let text = format!("version: 0\ntopic_id: {}\n", self.topic_id);
        disk.replace(&format!("{dir}/{PARTITION_METADATA}"), text.as_bytes())
    }
}

fn parse(text: &str) -> Option<PartitionMetadata> {
    let mut lines = text.lines();
    if lines.next()? != "version: 0" {
        return None;
    }
    let topic_id = TopicId(uuid(lines.next()?.strip_prefix("topic_id: ")?)?);
    Some(PartitionMetadata { topic_id })
}

/// The number behind Kafka's text form of a Uuid: URL-safe base64 without padding.
fn uuid(text: &str) -> Option<u128> {
    if text.len() != 22 {
        return None;
    }
    let mut id = 0_u128;
    for (place, digit) in text.bytes().enumerate() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        // 21 digits carry six bits; the last one carries two, in its upper bits.
        id = if place < 21 { id << 6 | u128::from(six) } else { id << 2 | u128::from(six >> 4) };
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use klamm_node::disk::MemoryDisk;

    use super::*;

    #[test]
    fn ids_go_there_and_back() {
        let mut disk = MemoryDisk::new();
        for id in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let metadata = PartitionMetadata { topic_id: TopicId(id) };
            metadata.write(&mut disk, "orders-0").expect("written");
            assert_eq!(PartitionMetadata::read(&mut disk, "orders-0"), Ok(Some(metadata)));
        }
        assert_eq!(PartitionMetadata::read(&mut disk, "orders-1"), Ok(None));
        disk.replace("orders-1/partition.metadata", b"version: 0\n").expect("written");
        assert!(PartitionMetadata::read(&mut disk, "orders-1").is_err());
    }
}
