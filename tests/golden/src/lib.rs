//! What the golden tests share: the scenarios of the repository, how a run is told as text, and a pool of workers.
//!
//! In: files under `scenarios/`. Out: parsed scenarios with the folder that they stand in, transcripts, verdicts. It must
//! never know the engine: the tests that do have it as a dependency of their own.

#![warn(clippy::float_arithmetic)]

mod catalogue;
mod telling;
mod work;

pub use catalogue::{Lesson, applications, lesson, lessons, root};
pub use telling::{told_from_trace, verdict};
pub use work::{env_count, on_fresh_thread, on_workers};
