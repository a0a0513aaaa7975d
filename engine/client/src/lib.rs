//! The room of the clients: producer, consumer and admin client as nodes.
//!
//! *Flows in*: commands of a user ([`klamm_node::Command`]), bytes of brokers, time.
//! *Flows out*: requests in the Kafka protocol, and events of [`klamm_node::Room::Client`] that say what became of each
//! record, what was read, and what the client believes.
//! *Must never*: know anything of the cluster but what brokers answered; retry what Kafka's own clients would not.
//!
//! The three share a [pool of connections](klamm_protocol::channel::Client) that negotiates versions, and one way of
//! learning who leads what (the crate's `metadata` module). They behave as the Java clients of Kafka 4 do; what is
//! simpler here says so where it is, with the word that the book gathers.
//!
//! A consumer with a `group.id` is a member of its group by either protocol (the crate's `group` module), with an
//! application on top that polls; the assignors of the classic protocol are in [`assignor`].
//!
//! Deliberately absent, for later issues: idempotence and transactions (`enable.idempotence` is off, so that retries may
//! duplicate and, with more than one request in flight, reorder), interceptors.

#![warn(clippy::float_arithmetic)]

mod admin;
pub mod assignor;
mod backoff;
mod consumer;
mod core;
mod group;
mod metadata;
mod partitioner;
mod producer;
mod summary;
#[cfg(test)]
mod testing;

pub use admin::{Admin, AdminConfig};
pub use consumer::Consumer;
pub use partitioner::{murmur2, partition_for_key};
pub use producer::Producer;
pub use summary::{ClientSummary, ConsumerPosition, GroupSummary};
