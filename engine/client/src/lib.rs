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
//! A producer is idempotent by default, as Kafka's has been since 3.0 (KIP-679).
//!
//! A program of one's own drives the same clients from outside: [`Application`] is the node of its process.
//!
//! Deliberately absent, for later issues: transactions, interceptors.

#![warn(clippy::float_arithmetic)]

mod admin;
mod application;
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
pub use application::{Application, Change, Delivered, Delivery};
pub use consumer::Consumer;
pub use klamm_protocol::Record as FetchedRecord;
pub use partitioner::{murmur2, partition_for_key};
pub use producer::Producer;
pub use summary::{ClientSummary, ConsumerPosition, GroupSummary};
