//! The world: the laboratory's own discrete-event loop.
//!
//! In: a scenario and a seed. Out: a trace of events, its hash, and an outcome. Between the two, every node of the
//! cluster is called with the bytes, timers and commands that its simulated machine has for it, and everything that
//! it leaves in its outbox goes over simulated links and disks.
//!
//! ```text
//!   scenario ─► Runner ─verbs─► Lab ── queue ──► machine ─input─► node
//!                 ▲              ▲                  │ disk, clock     │
//!                 └──── View ◄── Journal ◄── events ┴── links ◄───────┘ effects
//! ```
//!
//! A world is plain data: it is `Clone` as a whole, and a clone goes on to the same hash. It must never read a clock,
//! draw from anything but keyed streams, start a thread, or touch a file.

mod outcome;

pub use outcome::{ExpectationReport, FaultReport, Outcome, Progress, StepReport};
