//! Control records: what brokers and quorum leaders write into logs for each other. Consumers never see them.
//!
//! The key is a version and a type, two bytes each; the value depends on the type.

use bytes::{Bytes, BytesMut};
use klamm_node::{
    BrokerId, DirectoryId, Endpoint, LeaderEpoch, Offset, ProducerEpoch, ProducerId, ReplicaKey,
    Timestamp,
};

use kafka_protocol as kafka;
use kafka_protocol::messages::{VotersRecord, voters_record};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::{BatchBuilder, Record};
use crate::compression::Compression;
use crate::convert::{directory_id, directory_uuid, text};
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
    /// 6: the voters of the quorum from here on (KIP-853).
    Voters(Vec<VoterNode>),
    /// Any other type, to be passed over.
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

/// A voter as the set of voters names it: who it is, where it listens, which levels of `kraft.version` it speaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VoterNode {
    /// Its node id and log directory.
    pub key: ReplicaKey,
    /// Its controller listeners, by name.
    pub listeners: Vec<(String, Endpoint)>,
    /// The lowest and highest level of `kraft.version` that it supports.
    pub kraft_versions: (i16, i16),
}

impl VoterNode {
    /// The version of VotersRecord.
    const VERSION: i16 = 0;

    fn read_all(value: &Bytes) -> Result<Vec<Self>, Malformed> {
        let record = VotersRecord::decode(&mut value.clone(), Self::VERSION)
            .map_err(|_| Malformed { at: 0, expected: "a VotersRecord" })?;
        let listener = |endpoint: voters_record::Endpoint| {
            let at = Endpoint::new(endpoint.host.as_str(), endpoint.port);
            (endpoint.name.to_string(), at)
        };
        let node = |voter: voters_record::Voter| Self {
            key: ReplicaKey::new(
                BrokerId(voter.voter_id.0),
                directory_id(voter.voter_directory_id),
            ),
            listeners: voter.endpoints.into_iter().map(listener).collect(),
            kraft_versions: (
                voter.k_raft_version_feature.min_supported_version,
                voter.k_raft_version_feature.max_supported_version,
            ),
        };
        Ok(record.voters.into_iter().map(node).collect())
    }

    fn put_all(voters: &[Self], out: &mut Vec<u8>) {
        let voter = |node: &Self| {
            let endpoints = node.listeners.iter().map(|(name, at)| {
                voters_record::Endpoint::default()
                    .with_name(text(name))
                    .with_host(text(&at.host))
                    .with_port(at.port)
            });
            let (min, max) = node.kraft_versions;
            let feature = voters_record::KRaftVersionFeature::default()
                .with_min_supported_version(min)
                .with_max_supported_version(max);
            voters_record::Voter::default()
                .with_voter_id(kafka::messages::BrokerId(node.key.id.0))
                .with_voter_directory_id(directory_uuid(node.key.directory))
                .with_endpoints(endpoints.collect())
                .with_k_raft_version_feature(feature)
        };
        let record = VotersRecord::default()
            .with_version(Self::VERSION)
            .with_voters(voters.iter().map(voter).collect());
        let mut bytes = BytesMut::new();
        // Nothing in a set of voters is too long for its field.
        if record.encode(&mut bytes, Self::VERSION).is_ok() {
            out.extend_from_slice(&bytes);
        }
    }
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
            Self::Voters(_) => 6,
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
            6 => Self::Voters(VoterNode::read_all(&bytes)?),
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
            Self::Voters(voters) => VoterNode::put_all(voters, &mut out),
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
