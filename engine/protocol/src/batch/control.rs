//! Control records: what brokers and quorum leaders write into logs for each other. Consumers never see them.
//!
//! The key is a version and a type, two bytes each; the value depends on the type.

use bytes::Bytes;
use klamm_node::{
    BrokerId, DirectoryId, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp,
};

use super::{BatchBuilder, Record};
use crate::compression::Compression;
use crate::cursor::{Cursor, Malformed, put_uvarint};

/// A control record, by type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControlRecord {
    /// 0: the producer's transaction ended here and never happened (KIP-98).
    Abort {
        /// The epoch of the transaction coordinator that decided.
        coordinator_epoch: i32,
    },
    /// 1: the producer's transaction ended here and holds (KIP-98).
    Commit {
        /// The epoch of the transaction coordinator that decided.
        coordinator_epoch: i32,
    },
    /// 2: the first record of every leader of the metadata quorum (KIP-595).
    LeaderChange(LeaderChange),
    /// 3: a snapshot of the metadata log begins (KIP-630).
    SnapshotHeader {
        /// The append time of the last record that the snapshot covers.
        last_contained_log_timestamp: Timestamp,
    },
    /// 4: a snapshot ends (KIP-630).
    SnapshotFooter,
    /// 5: the quorum's protocol version (KIP-853).
    KRaftVersion {
        /// 1 allows voters to change.
        kraft_version: i16,
    },
    /// Any other type, to be passed over: 6 is the set of voters (KIP-853).
    Other {
        /// The type.
        kind: i16,
        /// The value as it stands.
        value: Bytes,
    },
}

/// Who leads the metadata quorum from here on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaderChange {
    /// The leader.
    pub leader_id: BrokerId,
    /// All voters.
    pub voters: Vec<Voter>,
    /// Those who voted for it.
    pub granting_voters: Vec<Voter>,
}

/// A voter of the metadata quorum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Voter {
    /// Its node id.
    pub id: BrokerId,
    /// Its log directory; all zero where voters are configured by id only.
    pub directory_id: DirectoryId,
}

impl ControlRecord {
    /// The type's number.
    pub fn kind(&self) -> i16 {
        match self {
            Self::Abort { .. } => 0,
            Self::Commit { .. } => 1,
            Self::LeaderChange(_) => 2,
            Self::SnapshotHeader { .. } => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion { .. } => 5,
            Self::Other { kind, .. } => *kind,
        }
    }

    /// Reads a record of a control batch.
    ///
    /// # Errors
    /// Key or value don't parse.
    pub fn parse(record: &Record) -> Result<Self, Malformed> {
        let mut key = Cursor::new(record.key.as_deref().unwrap_or_default());
        if key.i16()? < 0 {
            return Err(Malformed {
                at: 0,
                expected: "a control record's key version of 0 or more",
            });
        }
        let kind = key.i16()?;
        let bytes = record.value.clone().unwrap_or_default();
        let mut value = Cursor::new(&bytes);
        Ok(match kind {
            0..=5 => {
                let version = value.i16()?;
                match kind {
                    0 => Self::Abort { coordinator_epoch: value.i32()? },
                    1 => Self::Commit { coordinator_epoch: value.i32()? },
                    2 => Self::LeaderChange(LeaderChange::parse(&mut value, version)?),
                    3 => Self::SnapshotHeader {
                        last_contained_log_timestamp: Timestamp(value.i64()?),
                    },
                    4 => Self::SnapshotFooter,
                    _ => Self::KRaftVersion { kraft_version: value.i16()? },
                }
            }
            _ => Self::Other { kind, value: bytes },
        })
    }

    fn key(&self) -> [u8; 4] {
        let [high, low] = self.kind().to_be_bytes();
        [0, 0, high, low]
    }

    fn value(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Abort { coordinator_epoch } | Self::Commit { coordinator_epoch } => {
                // Not a flexible message: no tagged fields at its end.
                out.extend_from_slice(&0_i16.to_be_bytes());
                out.extend_from_slice(&coordinator_epoch.to_be_bytes());
            }
            Self::LeaderChange(change) => change.put(&mut out),
            Self::SnapshotHeader { last_contained_log_timestamp } => {
                out.extend_from_slice(&0_i16.to_be_bytes());
                out.extend_from_slice(&last_contained_log_timestamp.0.to_be_bytes());
                out.push(0);
            }
            Self::SnapshotFooter => out.extend_from_slice(&[0, 0, 0]),
            Self::KRaftVersion { kraft_version } => {
                out.extend_from_slice(&0_i16.to_be_bytes());
                out.extend_from_slice(&kraft_version.to_be_bytes());
                out.push(0);
            }
            Self::Other { value, .. } => out.extend_from_slice(value),
        }
        out
    }
}

impl LeaderChange {
    /// Version 1 names the voters' directories (KIP-853).
    const VERSION: i16 = 1;

    fn parse(value: &mut Cursor<'_>, version: i16) -> Result<Self, Malformed> {
        let leader_id = BrokerId(value.i32()?);
        let voters = Voter::parse_all(value, version)?;
        let granting_voters = Voter::parse_all(value, version)?;
        Ok(Self { leader_id, voters, granting_voters })
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::VERSION.to_be_bytes());
        out.extend_from_slice(&self.leader_id.0.to_be_bytes());
        for voters in [&self.voters, &self.granting_voters] {
            put_uvarint(out, u32::try_from(voters.len() + 1).expect("voters are few"));
            for voter in voters {
                out.extend_from_slice(&voter.id.0.to_be_bytes());
                out.extend_from_slice(&voter.directory_id.0.to_be_bytes());
                out.push(0);
            }
        }
        out.push(0);
    }
}

impl Voter {
    fn parse_all(value: &mut Cursor<'_>, version: i16) -> Result<Vec<Self>, Malformed> {
        let count = value.uvarint()?.saturating_sub(1) as usize;
        if count > value.remaining() {
            return value.fail("as many voters as the array says");
        }
        let mut voters = Vec::new();
        for _ in 0..count {
            let id = BrokerId(value.i32()?);
            let directory_id =
                if version >= 1 { DirectoryId(value.u128()?) } else { DirectoryId::ZERO };
            skip_tagged_fields(value)?;
            voters.push(Self { id, directory_id });
        }
        Ok(voters)
    }
}

/// Passes over the tagged fields at the end of a flexible struct (KIP-482).
fn skip_tagged_fields(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    for _ in 0..cursor.uvarint()? {
        cursor.uvarint()?;
        let size = cursor.uvarint()? as usize;
        cursor.take(size, "as many bytes as the tagged field's size says")?;
    }
    Ok(())
}

/// A control batch; with a producer it is a transaction marker, without one a quorum record.
pub fn control_batch(
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    timestamp: Timestamp,
    producer: Option<(ProducerId, ProducerEpoch)>,
    records: &[ControlRecord],
) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None).at(base_offset, leader_epoch).control();
    if let Some((id, epoch)) = producer {
        // Markers carry the producer's id and epoch but no sequence number.
        builder = builder.by_producer(id, epoch, -1).transactional();
    }
    for record in records {
        builder.append(timestamp, Some(&record.key()), Some(&record.value()), &[]);
    }
    builder.build()
}
