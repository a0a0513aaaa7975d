//! The server: a thin tokio host that carries real bytes, real time and real files to the engine's state machines.
//!
//! ```text
//!   TCP ─► reader ─┐                       ┌─► writer ─► TCP
//!   timer ─────────┼─► Node::handle ───────┼─► connect
//!   SIGTERM ───────┘      │                └─► halt
//!                      FileDisk
//! ```
//!
//! *Flows in*: connections, signals, the clock. *Flows out*: the node's frames; its events as `tracing` diagnostics.
//! *Must never*: contain Kafka logic. It frames nothing, decodes nothing, and decides nothing but when to stop reading.

mod file_disk;
mod host;
mod serve;

pub use file_disk::FileDisk;
pub use host::Stop;
pub use serve::{Options, Ready, ServeError, serve};
