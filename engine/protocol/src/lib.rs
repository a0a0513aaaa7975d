//! The Kafka protocol as Klamm speaks it: frames, headers, the table of APIs, error codes, connections, record batches and
//! metadata records.
//!
//! ```text
//!   bytes ─► frame ─► header ─► shape (are the claimed elements there?) ─► kafka-protocol ─► typed request
//!                                                                                              │ RequestToken
//!   bytes ◄─ frame ◄─ header ◄──────────────────────────────────────────── kafka-protocol ◄─ typed response
//! ```
//!
//! *Flows in*: bytes from connections and disks; typed messages from the rooms. *Flows out*: the other of the two.
//! *Must never*: decide anything that depends on cluster state; panic, or allocate by a claimed length, on any bytes.
//!
//! Messages are encoded and decoded by the crate `kafka-protocol` (re-exported as [`kafka`], Kafka 4.1); what it lacks is
//! written here: batches that keep duplicate and non-UTF-8 header keys, KRaft's metadata records and those of
//! `__consumer_offsets`.
//!
//! Deliberately not here: TLS, SASL, quotas, what a request means.

#![warn(clippy::float_arithmetic)]

pub mod api;
pub mod batch;
pub mod channel;
pub mod codec;
pub mod compression;
pub mod convert;
mod cursor;
pub mod error;
pub mod fetch_session;
pub mod forward;
pub mod frame;
pub mod group_record;
pub mod header;
mod list;
pub mod metadata;
pub mod shape;

pub use kafka_protocol as kafka;

pub use api::{ApiInfo, Listener};
pub use batch::{
    Batch, BatchBuilder, BatchError, BatchHeader, ControlRecord, Record, TimestampType, batches,
    stamp,
};
pub use channel::{
    Call, Client, ClientSettings, Completed, RequestToken, RpcError, Server, ServerSettings,
};
pub use codec::DecodedRequest;
pub use compression::{Compression, CompressionError};
pub use cursor::Malformed;
pub use error::ErrorCode;
pub use frame::WireError;
pub use group_record::{GroupRecord, GroupRecordError};
pub use metadata::{MetadataError, MetadataRecord};
