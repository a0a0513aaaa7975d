//! The lab's Kafka client in the shape of crate `rdkafka` 0.38: the same modules, names and signatures, so that a program
//! written against that runs under the lab by `use klamm_madsim::rdkafka` in place of `use rdkafka`.
//!
//! Settings are librdkafka's, with its defaults. A setting or a call that the lab does not have is an error that says so.
//! Underneath are the lab's own producer, consumer and admin client, whose connections are links of the world.
//!
//! *Flows in*: calls of a program. *Flows out*: calls of the process's clients, and what comes of them. *Must never*: know
//! anything of the world but through these; work outside of a process of the lab (it says so).
//!
//! Simplified: a record with a key goes where Java's partitioner puts it (librdkafka's `murmur2_random`), not by
//! `consistent_random`; `queue.buffering.max.*` is unbounded; records are read uncommitted; an assignment by hand besides
//! a subscription, look-ups of metadata, partition queues and transactions are not there.

pub mod admin;
pub mod client;
pub mod config;
pub mod consumer;
pub mod error;
pub mod message;
pub mod producer;
pub mod topic_partition_list;
pub mod util;

pub use client::ClientContext;
pub use config::ClientConfig;
pub use message::{Message, Timestamp};
pub use topic_partition_list::{Offset, TopicPartitionList};
