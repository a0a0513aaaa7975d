//! Applications under the lab: ordinary async Rust as the process of a machine of a scenario.
//!
//! ```text
//!   world (its machine `billing-1`) ◄── calls ── program, written against klamm_madsim::rdkafka and klamm_madsim::tokio
//!         producers, consumers, links ── deliveries ──►   on a thread of its own, in a madsim runtime of its own
//! ```
//!
//! Every process of an application runs on a thread of its own, in step with the world: exactly one of them runs at any
//! moment, and its clocks, entropy and hash order come from the run's seed, the machine's name and the incarnation. So the
//! same seed gives the same run, and one program's draws disturb no other's. What blocks, blocks its process alone, in
//! virtual time, as a thread of a `current_thread` runtime would. A crash of the machine unwinds the program wherever it
//! is; nothing is closed in good order. While the machine is paused nothing of it runs. When the machine starts again, the
//! program does, from the top.
//!
//! *Flows in*: a world, and programs by name. *Flows out*: the world at its end. *Must never*: let two threads run at once,
//! or a program see anything of the world but what its clients tell it.
//!
//! Simplified: the wall clock is madsim's, not the machine's; computing takes no time; a panic of any task ends the process,
//! as with `panic = "abort"`; a signal to stop ends it as it stands.

#![expect(clippy::field_scoped_visibility_modifiers, reason = "plain data of this room")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use klamm_node::{ApplicationCall, GroupId, Offset, TopicPartition};
use klamm_scenario::Scenario;
use klamm_scenario::model::{Application, Client};
use klamm_world::World;
use thiserror::Error;

use crate::SandboxError;
use crate::rdkafka::config::ClientConfig;
use crate::rdkafka::message::Message;

mod driver;
mod executor;
mod process;
mod runner;
mod thread;

pub use driver::{run_with_apps, run_with_apps_watched};
pub(crate) use process::{Process, current};
pub use runner::main;

/// What a program comes to.
pub type AppResult = Result<(), Box<dyn Error + Send + Sync>>;

type ProgramFuture = Pin<Box<dyn Future<Output = AppResult>>>;
type Program = Arc<dyn Fn(AppContext) -> ProgramFuture + Send + Sync>;

/// The programs that a binary knows, by name.
#[derive(Clone, Default)]
pub struct Programs {
    by_name: BTreeMap<String, Program>,
}

impl fmt::Debug for Programs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl Programs {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// These, and one more.
    #[must_use]
    pub fn with<F, Fut>(mut self, name: &str, program: F) -> Self
    where
        F: Fn(AppContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = AppResult> + 'static,
    {
        let program = move |cx| Box::pin(program(cx)) as ProgramFuture;
        self.by_name.insert(name.to_owned(), Arc::new(program));
        self
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    fn named(&self, name: &str) -> Option<Program> {
        self.by_name.get(name).cloned()
    }
}

/// Why a scenario could not be run with programs.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AppError {
    /// It names a program that is not here.
    #[error(
        "application '{client}' runs the program '{program}', which this binary does not have{}",
        told(known)
    )]
    UnknownProgram {
        /// The program.
        program: String,
        /// The application's name.
        client: String,
        /// The line that says so.
        line: u32,
        /// The programs that are here.
        known: Vec<String>,
    },
    /// The sandbox of a process failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

fn told(known: &[String]) -> String {
    match known {
        [] => " (it has none)".to_owned(),
        known => format!(" (it has {})", known.join(", ")),
    }
}

/// Runs a scenario to its end, with the programs that it names.
///
/// # Errors
/// A program is not here, or this system has no madsim.
pub fn run(scenario: &Scenario, seed: u64, programs: &Programs) -> Result<World, AppError> {
    run_with_apps(World::new(scenario, seed), scenario, programs)
}

/// The applications of a scenario.
pub fn applications(scenario: &Scenario) -> impl Iterator<Item = &Application> {
    scenario.clients.iter().filter_map(|client| match client {
        Client::Application(application) => Some(application),
        Client::Producer(_) | Client::Consumer(_) => None,
    })
}

/// Who a process is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The scenario's word on it.
    pub(crate) application: Arc<Application>,
    pub(crate) bootstrap: Arc<str>,
    pub(crate) incarnation: u64,
    /// The ids of its records come behind this one.
    pub(crate) records: u64,
}

/// What a program is given: who it is, and how it tells what it does.
#[derive(Clone, Debug)]
pub struct AppContext {
    identity: Identity,
}

impl AppContext {
    /// The name of its machine.
    pub fn node_name(&self) -> &str {
        &self.identity.application.name
    }

    /// The name of the program.
    pub fn program(&self) -> &str {
        &self.identity.application.program
    }

    /// The group that the scenario has it read with.
    pub fn group(&self) -> Option<&str> {
        self.identity.application.group.as_ref().map(GroupId::as_str)
    }

    /// What the scenario tells it besides.
    pub fn args(&self) -> &BTreeMap<String, String> {
        &self.identity.application.args
    }

    /// One of these.
    pub fn arg(&self, name: &str) -> Option<&str> {
        self.args().get(name).map(String::as_str)
    }

    /// How often its process was started, this time included.
    pub fn incarnation(&self) -> u64 {
        self.identity.incarnation
    }

    /// `bootstrap.servers`: every broker.
    pub fn bootstrap_servers(&self) -> String {
        self.identity.bootstrap.to_string()
    }

    /// Settings to begin with: `bootstrap.servers`, `client.id` (its name), and what the scenario says.
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap_servers());
        config.set("client.id", self.node_name());
        if let Some(group) = self.group() {
            config.set("group.id", group);
        }
        for (key, value) in &self.identity.application.config {
            config.set(key, value);
        }
        config
    }

    /// Tells that a record of its group is processed: its effects are visible outside. This is how the lab knows. Without a
    /// group nothing is told.
    pub fn processed<M: Message>(&self, message: &M) {
        let key = message.key().map(|key| String::from_utf8_lossy(key).into_owned());
        self.tell(message.topic(), message.partition(), message.offset(), key);
    }

    /// As [`Self::processed`], of a record that is known by its place only.
    pub fn processed_at(&self, topic: &str, partition: i32, offset: i64) {
        self.tell(topic, partition, offset, None);
    }

    fn tell(&self, topic: &str, partition: i32, offset: i64, key: Option<String>) {
        let (Some(process), Some(group)) = (current(), &self.identity.application.group) else {
            return;
        };
        let partition = TopicPartition::new(topic, partition);
        let (group, offset) = (group.clone(), Offset(offset));
        process.call(0, ApplicationCall::Processed { group, partition, offset, key });
    }
}
