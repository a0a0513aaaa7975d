//! The world: the laboratory's own discrete-event loop.
//!
//! In: a scenario and a seed. Out: a trace of events, its hash, and an outcome. Between the two, every node of the
//! cluster is called with the bytes, timers and commands that its simulated machine has for it, and everything that
//! it leaves in its outbox goes over simulated links and disks.
//!
//! ```text
//!   scenario ─► Runner ─verbs─► Lab ── queue ──► machine ─input─► node
//!                 ▲              ▲                  │ disk, clock     │
//!                 └──── View ◄── Recorder ◄─ events ┴── links ◄───────┘ effects
//! ```
//!
//! A world is plain data: it is `Clone` as a whole, and a clone goes on to the same hash. It must never read a clock,
//! draw from anything but keyed streams, start a thread, or touch a file.
//!
//! Deliberately not here: anything about Kafka. The world carries bytes; what they mean is the nodes' business.
//!
//! Simplified: TCP acknowledgements and windows cost nothing and are not lost by themselves, so a link that is cut one
//! way still carries what goes the other way; bytes that a closed connection had not got across are given up rather
//! than sent on by the kernel; hosts are always resolved.

mod bench;
mod clock;
mod connection;
mod disk;
mod fault;
mod lab;
mod link;
mod machine;
mod node;
mod outcome;
mod ping;
pub mod predict;
mod queue;
mod recorded;
mod runner;
mod setup;
mod telling;
#[cfg(test)]
mod tests;
mod verb;
mod world;

pub use bench::bare;
pub use clock::{Clock, WALL_BASE};
pub use disk::{DiskCounters, MachineDisk};
pub use fault::{FaultId, Ledger};
pub use lab::{CapturedFrame, Lab, Stepped, room_bit};
pub use machine::{Life, Machine, MachineSpec};
pub use node::{Blueprint, ClientBlueprint, NodeKind};
pub use outcome::{ExpectationReport, FaultReport, MischiefReport, Outcome, Progress, StepReport};
pub use ping::Ping;
pub use recorded::{Recorded, Recording, recorded};
pub use runner::{ADMIN, Facts, Order, Runner};
pub use setup::{BROKER_PORT, CONTROLLER_PORT, FIRST_CONTROLLER, layout};
pub use telling::transcript_options;
pub use verb::Verb;
pub use world::programs::ProgramState;
pub use world::{Options, World};
