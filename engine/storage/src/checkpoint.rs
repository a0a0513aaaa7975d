//! Kafka's checkpoint files: an offset for each partition of a disk, as text.

use std::collections::BTreeMap;

use klamm_node::{Disk, DiskError, DiskResult, Offset, TopicPartition};

/// What a `*-offset-checkpoint` file holds: version 0, the number of entries, `topic partition offset` a line.
///
/// A recovery-point checkpoint must be written again after a log was truncated below the point that it names: recovery
/// would else trust what was written since.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CheckpointFile {
    /// The offset of each partition.
    pub offsets: BTreeMap<TopicPartition, Offset>,
}

impl CheckpointFile {
    /// Reads a checkpoint; empty if there is no such file.
    ///
    /// # Errors
    /// The disk fails, or the file is not a checkpoint.
    pub fn read(disk: &mut dyn Disk, path: &str) -> DiskResult<Self> {
        match disk.read_whole(path)? {
            Some(bytes) => Self::decode(&bytes)
                .ok_or_else(|| DiskError::Io(format!("malformed checkpoint file {path}"))),
            None => Ok(Self::default()),
        }
    }

    /// Replaces a checkpoint, atomically and durably.
    ///
    /// # Errors
    /// The disk fails.
    pub fn write(&self, disk: &mut dyn Disk, path: &str) -> DiskResult<()> {
        disk.replace(path, self.encode().as_bytes())
    }

    /// The offset of a partition.
    pub fn get(&self, partition: &TopicPartition) -> Option<Offset> {
        self.offsets.get(partition).copied()
    }

    fn encode(&self) -> String {
        let mut text = format!("0\n{}\n", self.offsets.len());
        for (TopicPartition { topic, partition }, offset) in &self.offsets {
            text.push_str(&format!("{topic} {partition} {offset}\n"));
        }
        text
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        if lines.next()? != "0" {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let mut offsets = BTreeMap::new();
        for line in lines {
            let mut words = line.split(' ');
            let (topic, partition, offset) = (words.next()?, words.next()?, words.next()?);
            let partition = TopicPartition::new(topic, partition.parse().ok()?);
            offsets.insert(partition, Offset(offset.parse().ok()?));
            if words.next().is_some() {
                return None;
            }
        }
        (offsets.len() == count).then_some(Self { offsets })
    }
}

#[cfg(test)]
mod tests {
    use klamm_node::disk::MemoryDisk;

    use super::*;

    #[test]
    fn the_text_is_kafkas_and_reads_back() {
        let mut disk = MemoryDisk::new();
        let mut file = CheckpointFile::default();
        assert_eq!(CheckpointFile::read(&mut disk, "hw"), Ok(file.clone()));
        file.offsets.insert(TopicPartition::new("orders", 1), Offset(42));
        file.offsets.insert(TopicPartition::new("orders", 0), Offset(7));
        assert_eq!(file.encode(), "0\n2\norders 0 7\norders 1 42\n");
        file.write(&mut disk, "hw").expect("written");
        assert_eq!(CheckpointFile::read(&mut disk, "hw"), Ok(file));
    }

    #[test]
    fn a_broken_file_is_an_error_and_not_an_empty_one() {
        for broken in ["", "1\n0\n", "0\n1\n", "0\n1\na 0\n", "0\n1\na 0 1 2\n", "0\nx\n"] {
            let mut disk = MemoryDisk::new();
            disk.replace("hw", broken.as_bytes()).expect("written");
            assert!(CheckpointFile::read(&mut disk, "hw").is_err(), "{broken:?}");
        }
    }
}
