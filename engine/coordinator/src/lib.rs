//! Coordinators: state machines that live in the partitions of an internal topic.
//!
//! ```text
//!   request ─► runtime ─► shard decides ─► records ─► log of the partition ─► replayed into the shard
//!                                             │
//!                                             └─ high watermark passes them ─► replies, continuations
//! ```
//!
//! A *shard* is bound to one partition of its topic (`__consumer_offsets` for groups) while its broker leads that partition.
//! The runtime loads it from the log after an election, hands it requests, writes what it decides, and answers once that is
//! committed. Two leaders of one partition can't both be heard: the log fences the older by its leader epoch.
//!
//! *Flows in*: requests, elections and resignations of partitions, high watermarks, metadata, time.
//! *Flows out*: replies, records for the log (through [`Log`], which the broker lends for each call), events of the room Group.
//! *Must never*: read a clock, touch the log but through [`Log`], or answer from what is not committed.

#![expect(
    clippy::field_scoped_visibility_modifiers,
    reason = "the files of a room share the state of its groups"
)]

pub mod admin;
pub mod assignor;
pub mod classic;
pub mod config;
pub mod consumer;
pub mod group;
pub mod offsets;
pub mod placement;
pub mod runtime;
pub mod shard;

pub use config::GroupConfig;
pub use group::{Continuation, Group, GroupShard, GroupTimer};
pub use placement::{GROUP_TOPIC, partition_of};
pub use runtime::{Lent, Runtime, RuntimeSettings};
pub use shard::{Log, LogRefused, Op, Producer, RecordBytes, Shard, Then, Topics, TopicsChange};
