//! The records of the metadata log (KIP-500, KIP-631): what the active controller writes and every node replays.
//!
//! A record is framed as Kafka frames it: frame version 1, type and version as varints, then a flexible message. Types,
//! fields, tags and defaults are those of Kafka 4.1's schemas, so that the bytes are Kafka's own.
//!
//! *Flows in*: records of the controller, or bytes of a metadata log. *Flows out*: the other of the two.
//! *Must never*: panic on hostile bytes, or decide what a record means for the image.
//!
//! Deliberately not here: the records of features that the lab does not have yet (ACLs, SCRAM, delegation tokens,
//! controller registration). They are refused by number.

mod field;
mod records;
mod show;

use bytes::Bytes;
use thiserror::Error;

pub use field::Double;
pub use records::{
    AbortTransaction, BeginTransaction, BrokerEndpoint, BrokerFeature, BrokerRegistrationChange,
    ClearElr, ClientQuota, Config, EndTransaction, FeatureLevel, FenceBroker, MetadataRecord, NoOp,
    Partition, PartitionChange, ProducerIds, QuotaEntityPart, RegisterBroker, RemoveTopic, Topic,
    UnfenceBroker, UnregisterBroker,
};

use crate::cursor::{Cursor, Malformed, put_uvarint};

/// The frame version before type and version.
const FRAME_VERSION: u32 = 1;

/// The resource types of [`Config`] records.
pub mod resource_type {
    /// A topic's config.
    pub const TOPIC: i8 = 2;
    /// A broker's config; the empty name is the default of all brokers.
    pub const BROKER: i8 = 4;
}

/// Why bytes are not a metadata record of this issue. All deterministic.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MetadataError {
    /// The bytes make no sense.
    #[error("malformed metadata record: {0}")]
    Malformed(#[from] Malformed),
    /// Another frame version.
    #[error("metadata frame version {version} is not supported, only 1")]
    Frame {
        /// The version.
        version: u32,
    },
    /// A record type that is not known here.
    #[error("metadata record type {key} is not supported")]
    UnknownType {
        /// The type's number.
        key: u32,
    },
    /// A version of a known type that is not known here.
    #[error("version {version} of {name} is not supported")]
    Version {
        /// The type's name.
        name: &'static str,
        /// The version.
        version: u32,
    },
    /// Bytes behind the record.
    #[error("{bytes} bytes behind a metadata record")]
    LeftOver {
        /// How many.
        bytes: usize,
    },
}

impl MetadataRecord {
    /// The record in its frame, at the version that metadata version 4.1 writes.
    pub fn encode(&self) -> Bytes {
        self.encode_at(self.latest_version())
    }

    fn encode_at(&self, version: i16) -> Bytes {
        let mut out = Vec::with_capacity(32);
        put_uvarint(&mut out, FRAME_VERSION);
        put_uvarint(&mut out, u32::from(self.key()));
        put_uvarint(&mut out, u32::from(version.unsigned_abs()));
        let mut writer = field::Writer::new(version);
        self.write(&mut writer);
        out.append(&mut writer.into_bytes());
        out.into()
    }

    /// Reads a framed record, of any version up to the newest known one. Unknown tagged fields are passed over.
    ///
    /// # Errors
    /// The bytes are cut or make no sense, or the type or version is not known here.
    pub fn decode(bytes: &[u8]) -> Result<Self, MetadataError> {
        let mut cursor = Cursor::new(bytes);
        let version = cursor.uvarint()?;
        if version != FRAME_VERSION {
            return Err(MetadataError::Frame { version });
        }
        let key = cursor.uvarint()?;
        let version = cursor.uvarint()?;
        let record = Self::read(key, version, &mut cursor)?;
        match cursor.remaining() {
            0 => Ok(record),
            bytes => Err(MetadataError::LeftOver { bytes }),
        }
    }
}

#[cfg(test)]
mod tests;
