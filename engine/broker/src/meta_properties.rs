//! `meta.properties`: which cluster, node and directory a disk belongs to.
//!
//! *Flows in*: the disk at the start of a process. *Flows out*: the directory's identity, which survives every restart but
//! not a new disk (KIP-858). *Must never*: let a process run on a disk of another node or cluster.

use klamm_node::{BrokerId, Context, DirectoryId, DiskError, Incarnation, Purpose};
use thiserror::Error;

const PATH: &str = "meta.properties";

/// Why a process may not run on a disk.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum MetaError {
    /// The disk failed.
    #[error("{0}")]
    Disk(#[from] DiskError),
    /// The disk was formatted for somebody else, or its file is broken.
    #[error("meta.properties: {key} is '{found}', expected '{expected}'")]
    Mismatch {
        /// The property.
        key: &'static str,
        /// What the file says; empty if nothing.
        found: String,
        /// What it must say.
        expected: String,
    },
}

/// What the disk says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MetaProperties {
    /// The identity of the directory.
    pub directory_id: DirectoryId,
    /// True if the disk was empty and has just been formatted.
    pub formatted: bool,
}

/// Whether the disk was formatted before.
///
/// # Errors
/// The disk fails.
pub(crate) fn is_there(cx: &mut Context<'_>) -> Result<bool, MetaError> {
    Ok(cx.disk.read_whole(PATH)?.is_some())
}

/// Reads the file and compares it, or formats an empty disk, with an identity of its own or with one that was given.
///
/// `Simplified:` Kafka refuses to start on a disk that `kafka-storage format` has not seen; here an empty disk is
/// formatted at the first start.
///
/// # Errors
/// The disk fails, or belongs to another node or cluster.
pub(crate) fn open(
    cx: &mut Context<'_>,
    incarnation: Incarnation,
    cluster_id: &str,
    id: BrokerId,
    given: Option<DirectoryId>,
) -> Result<MetaProperties, MetaError> {
    let Some(bytes) = cx.disk.read_whole(PATH)? else {
        // A new disk at a later start of the same node gets another identity.
        let mut drawn = || cx.rng.at(Purpose::Ids, u64::from(incarnation.0) << 8).wide() | RESERVED;
        let directory_id = given.unwrap_or_else(|| DirectoryId(drawn()));
        let text = format!(
            "version=1\ncluster.id={cluster_id}\nnode.id={id}\ndirectory.id={directory_id}\n"
        );
        cx.disk.replace(PATH, text.as_bytes())?;
        return Ok(MetaProperties { directory_id, formatted: true });
    };
    let text = String::from_utf8_lossy(&bytes);
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim().to_owned()
    };
    let expect = |key: &'static str, expected: &str| {
        let found = value(key);
        if found == expected {
            return Ok(());
        }
        Err(MetaError::Mismatch { key, found, expected: expected.to_owned() })
    };
    expect("version", "1")?;
    expect("cluster.id", cluster_id)?;
    expect("node.id", &id.to_string())?;
    let found = value("directory.id");
    let directory_id = parse_uuid(&found).map(DirectoryId).ok_or_else(|| MetaError::Mismatch {
        key: "directory.id",
        found,
        expected: "22 digits of URL-safe base64".to_owned(),
    })?;
    Ok(MetaProperties { directory_id, formatted: false })
}

/// Kafka reserves the first hundred ids for 'lost', 'unassigned' and the like; a bit above keeps out of them.
const RESERVED: u128 = 1 << 64;

fn parse_uuid(text: &str) -> Option<u128> {
    let mut id = 0_u128;
    let last = text.len().checked_sub(1).filter(|last| *last == 21)?;
    for (place, digit) in text.bytes().enumerate() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        // The last digit carries only two bits, in its upper part.
        id = if place == last { id << 2 | u128::from(six >> 4) } else { id << 6 | u128::from(six) };
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use klamm_node::disk::MemoryDisk;
    use klamm_node::{Effects, Seq, Streams, Time, Timestamp};

    use super::*;

    fn opened(
        disk: &mut MemoryDisk,
        incarnation: u32,
        cluster: &str,
        id: i32,
    ) -> Result<MetaProperties, MetaError> {
        let (mut rng, mut out) = (Streams::new(1, 1), Effects::default());
        let mut cx = Context {
            now: Time::ZERO,
            wall: Timestamp(0),
            input_seq: Seq(1),
            disk,
            rng: &mut rng,
            out: &mut out,
        };
        open(&mut cx, Incarnation(incarnation), cluster, BrokerId(id), None)
    }

    #[test]
    fn a_disk_keeps_its_identity_and_a_new_one_gets_another() {
        let mut disk = MemoryDisk::default();
        let first = opened(&mut disk, 1, "c", 1).expect("formatted");
        let again = opened(&mut disk, 2, "c", 1).expect("known");
        assert!(first.formatted && !again.formatted);
        assert_eq!(first.directory_id, again.directory_id);
        let wiped = opened(&mut MemoryDisk::default(), 3, "c", 1).expect("formatted");
        assert_ne!(wiped.directory_id, first.directory_id);
    }

    #[test]
    fn a_disk_of_another_cluster_or_node_is_refused() {
        let mut disk = MemoryDisk::default();
        opened(&mut disk, 1, "c", 1).expect("formatted");
        let cluster = opened(&mut disk, 2, "d", 1).expect_err("another cluster");
        assert_eq!(cluster.to_string(), "meta.properties: cluster.id is 'c', expected 'd'");
        assert!(opened(&mut disk, 2, "c", 2).is_err());
    }
}
