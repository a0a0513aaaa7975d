//! The composition root: a broker, a controller or both in one process, as one [`Node`].
//!
//! ```text
//!   Input ─► Server ─────────► router ─┬─► Raft ──────► committed records ─┬─► Controller ─► records to append, replies
//!           (inbound frames)           ├─► Controller                      └─► image ─► Replicas
//!         ─► Client pools ─────────────┼─► Replicas ──► replies, fetches, AlterPartition
//!           (answers)                  └─► Lifecycle ─► registration, heartbeats
//! ```
//!
//! *Flows in*: the inputs of a process. *Flows out*: effects and events of all its rooms.
//! *Must never*: decide anything about replicas, quorum or metadata. This is the only place that knows two rooms at once;
//! rooms speak to each other through the messages that it carries, first in, first out, until none is left.
//!
//! `Simplified:` a combined process has one image for both roles' events, and its broker reaches its own controller
//! through a connection like any other.
//!
//! Simplified: controllers do not register (KIP-919): there are no RegisterControllerRecords, by which metadata offsets are smaller than
//! Kafka's, and DescribeCluster tells of brokers only.

mod config;
mod running;
mod summary;

use std::sync::Arc;

use klamm_node::{Command, ConnectionId, Context, Disk, Input, Node, Time};
use klamm_storage::ReadError;

pub use config::{ProcessConfig, Roles};
pub use summary::{BrokerSummary, CoordinatorSummary, ProcessSummary, ReplicaBatches};

use running::Running;

/// A broker, a controller or both. Everything in it is lost with the process; what lasts is on the disk.
#[derive(Clone, Debug)]
pub struct Process {
    config: Arc<ProcessConfig>,
    running: Option<Box<Running>>,
}

impl Process {
    /// A process that has not been started.
    pub fn new(config: ProcessConfig) -> Self {
        Self { config: Arc::new(config), running: None }
    }

    /// Its settings.
    pub fn config(&self) -> &ProcessConfig {
        &self.config
    }

    /// What it holds; none before its start and after its end.
    pub fn summary(&self) -> Option<ProcessSummary> {
        self.running.as_ref().map(|running| running.summary())
    }

    /// The batches of every replica, read from its disk; none before its start and after its end.
    ///
    /// # Errors
    /// The disk fails or holds a corrupt batch.
    pub fn batches(&self, disk: &mut dyn Disk) -> Option<Result<ReplicaBatches, ReadError>> {
        self.running.as_ref()?.batches(disk)
    }
}

impl Node for Process {
    fn handle(&mut self, cx: &mut Context<'_>, input: Input) {
        match (&mut self.running, input) {
            (_, Input::Start { incarnation }) => {
                match Running::start(cx, &self.config, incarnation) {
                    Ok(mut running) => {
                        running.take(cx, Input::Wake);
                        running.settle(cx);
                        self.running = Some(Box::new(running));
                    }
                    Err(reason) => cx.out.halt(reason, false),
                }
            }
            // A process that has ended, or never began, hears nothing any more.
            (None, _) => {}
            (Some(running), input) => {
                running.take(cx, input);
                running.settle(cx);
            }
        }
        if self.running.as_ref().is_some_and(|running| running.has_ended()) {
            self.running = None;
        }
    }

    fn next_deadline(&self) -> Option<(Time, &'static str)> {
        self.running.as_ref()?.next_deadline()
    }

    fn next_wake(&self) -> Option<Time> {
        self.running.as_ref()?.next_wake()
    }

    fn mutes(&self, connection: ConnectionId) -> bool {
        self.running.as_ref().is_some_and(|running| running.mutes(connection))
    }
}

/// What a process understands of a person's commands.
fn is_shutdown(command: &Command) -> bool {
    matches!(command, Command::Shutdown)
}
