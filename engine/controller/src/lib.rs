//! The controller: cluster metadata as a replicated state machine over the metadata quorum (KIP-500, KIP-631).
//!
//! ```text
//!   request ─► decide_* (&self) ─► records ─► raft.append ─► ... committed ─► reply
//!                   ▲                 │                          │
//!                   └── speculative ◄─┘ replay            image ◄┘ replay (every controller)
//! ```
//!
//! *Flows in*: requests of brokers and clients on the controller listener, committed metadata records, leadership of the
//! quorum, time. *Flows out*: batches of records for the quorum, replies once their records are committed.
//! *Must never*: change replicated state other than by replaying a record; read the log or a socket itself.
//!
//! Invariants:
//! * I1: ISR and ELR are disjoint subsets of the replicas; without eligible leader replicas the ISR is never empty.
//! * I2: a leader is in the ISR, and is active: neither fenced nor leaving.
//! * I3: broker epochs, leader epochs and partition epochs only grow.
//! * I4: no reply tells of a record that is not committed.
//!
//! The image ([`image`]) is used by brokers too: everybody replays the same records into the same structure.
//!
//! Deliberately not here: log directories that fail or are moved between (KIP-858), ACLs, SCRAM, delegation tokens. Each
//! subject is a file under `decide`.

#![warn(clippy::float_arithmetic)]

pub mod configs;
mod controller;
mod decide;
pub mod features;
pub mod image;
mod sessions;

pub use controller::{Controller, ControllerConfig, ControllerOutput, KRaftLevel};
pub use decide::life;
pub use decide::topics::legal_name as legal_topic_name;
pub use image::{
    BrokerImage, ConfigResource, ImageChange, MetadataImage, PartitionImage, TopicImage,
};
