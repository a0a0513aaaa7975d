//! A broker: replicas and ISR, produce and fetch with parked requests, one file per API, the broker's life; and the process
//! that composes it with the metadata quorum and the controller.
//!
//! ```text
//!   process/   the composition root: one Node out of raft, controller and the rooms below; router; message queue
//!   replica/   every partition that this broker holds: logs, ISR, high watermark, parked requests, fetchers
//!   lifecycle  registration, heartbeats, fencing, controlled shutdown (KIP-631)
//!   api/       one file per API of the broker listener
//!   controller_channel  the way to the active controller, wherever it is
//! ```
//!
//! *Flows in*: the inputs of a process. *Flows out*: effects and events.
//! *Must never*: let two rooms call each other; only `process` knows more than one.
//!
//! Deliberately not here: groups and transactions (`klamm-coordinator`), ACLs, quotas, log directories beyond the first.

#![warn(clippy::float_arithmetic)]

pub mod api;
pub mod controller_channel;
mod coordinators;
pub mod lifecycle;
mod meta_properties;
pub mod process;
mod producer_ids;
mod quotas;
pub mod replica;

pub use process::{Process, ProcessConfig, ProcessSummary, Roles};

/// The name of the broker listener in registrations. `Simplified:` there is one listener, without TLS or SASL.
pub const LISTENER_NAME: &str = "PLAINTEXT";
