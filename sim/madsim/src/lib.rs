//! The room of madsim: the only one that names it.
//!
//! ```text
//!   host mode   one madsim task ── moves madsim's clock ── World (its own links, disks, clocks, queue)
//!   node mode   a madsim node per process ── madsim's TCP and timers ── the same nodes, steps and invariants
//! ```
//!
//! *Host mode* ([`run`], [`sandbox`]) is a sandbox: a stray clock read, random draw or hash order in any dependency
//! becomes deterministic, a thread is refused. A world has the same hash in it as outside.
//! *Node mode* ([`run_nodes`]) is a second opinion: the same scenario without our loop, links and queue. Same steps, same
//! expectations, same invariants; not the same hash, for madsim orders and delays things its own way.
//!
//! *Flows in*: a world, or a scenario and a seed. *Flows out*: the world at its end, or an outcome and what was recorded.
//! *Must never*: contain anything about Kafka, or let a run see another: every run has a fresh thread of its own.
//!
//! madsim exists on Linux and macOS. Elsewhere this crate has the same functions, and each says
//! [`SandboxError::NoMadsim`].
//!
//! *Applications* ([`app`]): ordinary async programs as processes of a scenario, written against [`rdkafka`] and [`tokio`].

use klamm_trace::Recorder;
use klamm_world::Outcome;
use thiserror::Error;

#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
pub mod app;
#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
mod bench;
#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
mod host;
#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
mod nodes;
#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
pub mod rdkafka;
#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
pub mod tokio;
#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
#[doc(hidden)]
pub use ::tokio as __tokio;
#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
pub use bench::stream_message_cost;
#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
pub use host::{run, run_watched, sandbox};
#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
pub use nodes::run_nodes;

#[cfg(not(all(madsim, any(target_os = "linux", target_os = "macos"))))]
mod absent;
#[cfg(not(all(madsim, any(target_os = "linux", target_os = "macos"))))]
pub use absent::{run, run_nodes, run_watched, sandbox, stream_message_cost};

/// Whether madsim exists on this system.
pub const AVAILABLE: bool = cfg!(all(madsim, any(target_os = "linux", target_os = "macos")));

/// Why a run did not come to its end.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SandboxError {
    /// This system has no madsim.
    #[error("madsim does not exist here: it runs on Linux and macOS only")]
    NoMadsim,
    /// Something in the run wanted an operating-system thread.
    #[error(
        "the run wanted a thread of the operating system, which would make it depend on chance"
    )]
    ThreadRefused,
    /// Something in the run panicked.
    #[error("the run panicked: {0}")]
    Panicked(String),
    /// The system would not give a thread to run on.
    #[error("no thread to run on: {0}")]
    NoThread(String),
}

/// What a run in node mode came to.
#[derive(Clone, Debug)]
pub struct NodeRun {
    /// Expectations, violations, missed steps. Faults are not counted in this mode.
    pub outcome: Outcome,
    /// What was recorded.
    pub recorder: Recorder,
}
