//! `tokio` for programs under the lab: the same names, whose tasks are the process's and whose time is the machine's.
//!
//! What needs no runtime is the real thing: channels, locks, `join!`, `pin!`. What is not here does not exist in the lab: the
//! network, files, signals, threads.

pub mod task;
pub mod time;

pub use ::tokio::{join, pin, sync, try_join};
pub use task::spawn;

pub use crate::__select as select;

/// `tokio::select!`, which asks its branches in the order in which they stand: the real one asks in an order that differs
/// from run to run.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    (biased; $($branches:tt)*) => { $crate::__tokio::select! { biased; $($branches)* } };
    ($($branches:tt)*) => { $crate::__tokio::select! { biased; $($branches)* } };
}
