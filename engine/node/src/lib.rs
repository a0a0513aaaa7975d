//! The contract of Klamm: what a node is, and what may pass between it and whoever drives it.
//!
//! A *node* is every process of a cluster: controller, broker, producer, consumer, admin client. It is a plain
//! [`Clone`]-able state machine without I/O. A driver (the world, a madsim task, the tokio server) calls it, and
//! it answers by filling the caller's [`Effects`]:
//!
//! ```text
//!   Input (bytes arrived, connection opened or closed, timer due, command)
//!     └─► Node::handle(&mut Context, Input)
//!           ├─► Effect   (connect, send, close, halt)
//!           └─► Observed (a typed event with its cause)
//! ```
//!
//! *Flows in*: inputs, the time, keyed random streams, a [`Disk`].
//! *Flows out*: effects and [`EventKind`]s, in the order in which they happened.
//! *Must never*: read a clock, draw entropy, touch a socket, a file or a thread, or know which driver runs it.
//!
//! Deliberately not here: bytes of the Kafka protocol (`klamm-protocol`), anything about a scenario.

#![warn(clippy::float_arithmetic)]

pub mod command;
pub mod config;
pub mod disk;
pub mod effects;
pub mod event;
pub mod figure;
pub mod id;
pub mod planted;
pub mod rng;
pub mod time;
pub mod timer;

pub use command::{
    AdminRequest, ApplicationCall, ApplicationCommand, AssignFrom, Command, CommitWhen,
    ConfigTarget, Downgrade, GroupAdmin, GroupCommand, LeaveWhen, NewClient, NewClientKind,
    ProduceRecord, ReadCall, SeekTo, StartFrom,
};
pub use disk::{Disk, DiskError, DiskResult, FileId, MemoryDisk};
pub use effects::{
    Because, CloseReason, Context, Effect, Effects, Endpoint, FrameNote, FrameRole, Input, Node,
    Output,
};
pub use event::{Awaits, Event, EventKind, Field, IfAny, IfSome, ProducerSequence, Quiet, Room};
pub use id::*;
pub use planted::{PlantedFaults, planted};
pub use rng::{Purpose, Stream, Streams};
pub use time::{Span, Time, Timestamp};
pub use timer::{Timers, earliest};
