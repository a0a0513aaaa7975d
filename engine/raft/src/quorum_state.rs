//! The file `quorum-state`: what a member must never forget of the epoch it is in.
//!
//! It is replaced and synced before anything that depends on it leaves the node: a vote that is forgotten can be given
//! twice, and then an epoch has two leaders (S25a). JSON with Kafka's field names, data version 1 (KIP-853).

use klamm_node::{BrokerId, DirectoryId, Disk, DiskError, DiskResult, LeaderEpoch};
use serde::{Deserialize, Serialize};

/// The directory of the metadata log, in which the file lies.
pub(crate) const DIR: &str = "__cluster_metadata-0";
const PATH: &str = "__cluster_metadata-0/quorum-state";

/// The epoch, who leads it, and whom this node voted for in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct QuorumState {
    /// Never decreases (S25b).
    pub(crate) epoch: LeaderEpoch,
    /// The leader, once known; then it stays for the epoch.
    pub(crate) leader: Option<BrokerId>,
    /// The candidate that has this node's vote; stays for the epoch.
    pub(crate) voted: Option<(BrokerId, DirectoryId)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    leader_id: i32,
    leader_epoch: i32,
    voted_id: i32,
    voted_directory_id: String,
    #[serde(rename = "data_version")]
    data_version: i16,
}

impl QuorumState {
    /// What the disk remembers; `None` on a new disk.
    pub(crate) fn load(disk: &mut dyn Disk) -> DiskResult<Option<Self>> {
        let Some(bytes) = disk.read_whole(PATH)? else { return Ok(None) };
        // An unreadable file must stop the node: to go on without it could mean to vote twice.
        let unreadable = |what: String| DiskError::Io(format!("{PATH}: {what}"));
        let file: File =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if file.data_version != 1 {
            return Err(unreadable(format!("data_version {} is not known", file.data_version)));
        }
        let directory = parse_base64(&file.voted_directory_id)
            .ok_or_else(|| unreadable("votedDirectoryId is not an id".to_owned()))?;
        let some = |id: i32| (id >= 0).then_some(BrokerId(id));
        Ok(Some(Self {
            epoch: LeaderEpoch(file.leader_epoch),
            leader: some(file.leader_id),
            voted: some(file.voted_id).map(|id| (id, DirectoryId(directory))),
        }))
    }

    /// Makes this what the disk remembers, durably.
    pub(crate) fn store(&self, disk: &mut dyn Disk) -> DiskResult<()> {
        let voted = self.voted.unwrap_or((BrokerId::NONE, DirectoryId::ZERO));
        let file = File {
            leader_id: self.leader.unwrap_or(BrokerId::NONE).0,
            leader_epoch: self.epoch.0,
            voted_id: voted.0.0,
            voted_directory_id: voted.1.to_string(),
            data_version: 1,
        };
        let json = serde_json::to_vec(&file).map_err(|error| DiskError::Io(error.to_string()))?;
        disk.replace(PATH, &json)
    }
}

/// The 128 bits behind Kafka's text form of a Uuid.
fn parse_base64(text: &str) -> Option<u128> {
    if text.len() != 22 {
        return None;
    }
    let mut bits: u128 = 0;
    for (i, c) in text.bytes().enumerate() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        // The last digit carries two bits.
        bits = if i < 21 { bits << 6 | u128::from(six) } else { bits << 2 | u128::from(six >> 4) };
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_node::MemoryDisk;

    #[test]
    fn what_is_stored_is_loaded_and_reads_as_kafka_writes_it() {
        let mut disk = MemoryDisk::new();
        assert_eq!(QuorumState::load(&mut disk), Ok(None));
        let state = QuorumState {
            epoch: LeaderEpoch(7),
            leader: None,
            voted: Some((BrokerId(3002), DirectoryId(0xfedc_ba98_7654_3210_0123_4567_89ab_cdef))),
        };
        state.store(&mut disk).expect("stored");
        assert_eq!(QuorumState::load(&mut disk), Ok(Some(state)));
        let text = disk.read_whole(PATH).expect("readable").expect("there");
        assert_eq!(
            String::from_utf8_lossy(&text),
            r#"{"leaderId":-1,"leaderEpoch":7,"votedId":3002,"votedDirectoryId":"_ty6mHZUMhABI0VniavN7w","data_version":1}"#
        );
    }

    #[test]
    fn an_unreadable_file_is_an_error_and_not_a_new_start() {
        let mut disk = MemoryDisk::new();
        disk.replace(PATH, b"{\"leaderId\":1").expect("written");
        assert!(QuorumState::load(&mut disk).is_err());
    }
}
