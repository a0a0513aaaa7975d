//! The room of the partition log: segments, offset index, leader-epoch cache and checkpoint files on a
//! [`Disk`](klamm_node::Disk).
//!
//! *Flows in*: whole record batches (already validated by the owner), truncations, look-ups by offset, epoch and
//! timestamp, and the disk to do it on.
//! *Flows out*: plain outcomes ([`Appended`], [`Read`], [`Recovery`]). The owner turns them into events, for only the
//! owner knows whether this is a data log or the metadata log.
//! *Must never*: emit events, know the time, decide who leads, or let a batch be seen in part.
//!
//! Files of a partition, by Kafka's names: `<topic>-<partition>/00000000000000000000.log` and `.index`,
//! `leader-epoch-checkpoint`, `partition.metadata`; per disk the `*-offset-checkpoint` files and
//! `.kafka_cleanshutdown`.
//!
//! Deliberately absent, with the door each one comes through:
//! * *retention*: [`Log::advance_log_start`] already drops the segments that lie wholly below the new log start; a
//!   retention policy only has to choose that offset;
//! * *compaction*: segments may have gaps between offsets, readers and followers accept them; a cleaner rewrites whole
//!   segments and swaps them in;
//! * *time index*: look-ups by timestamp go through [`Log::offset_for_timestamp`], which scans batch headers today.

#![warn(clippy::float_arithmetic)]

mod checkpoint;
mod clean_shutdown;
mod epochs;
mod error;
mod index;
pub mod layout;
mod log;
mod partition_metadata;
mod producers;
mod segment;

pub use checkpoint::CheckpointFile;
pub use clean_shutdown::CleanShutdown;
pub use epochs::{EpochCache, EpochEntry};
pub use error::{AppendError, ReadError};
pub use log::{Appended, Found, Log, LogConfig, Opening, Read, Recovery};
pub use partition_metadata::PartitionMetadata;
pub use producers::{KnownBatch, Producers, Sequence};
