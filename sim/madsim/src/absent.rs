//! The same functions where madsim does not exist.

use std::time::Duration;

use klamm_node::Time;
use klamm_scenario::Scenario;
use klamm_trace::Keep;
use klamm_world::{Progress, World};

use crate::{NodeRun, SandboxError};

/// Says that there is no madsim.
///
/// # Errors
/// Always.
pub fn sandbox<T: Send>(_seed: u64, _job: impl FnOnce() -> T + Send) -> Result<T, SandboxError> {
    Err(SandboxError::NoMadsim)
}

/// Says that there is no madsim.
///
/// # Errors
/// Always.
pub fn run(_world: World) -> Result<World, SandboxError> {
    Err(SandboxError::NoMadsim)
}

/// Says that there is no madsim.
///
/// # Errors
/// Always.
pub fn run_watched(
    _world: World,
    _until: Option<Time>,
    _watch: impl FnMut(&World, Progress) + Send,
) -> Result<World, SandboxError> {
    Err(SandboxError::NoMadsim)
}

/// Says that there is no madsim.
///
/// # Errors
/// Always.
pub fn run_nodes(_scenario: &Scenario, _seed: u64, _keep: Keep) -> Result<NodeRun, SandboxError> {
    Err(SandboxError::NoMadsim)
}

/// Says that there is no madsim.
///
/// # Errors
/// Always.
pub fn stream_message_cost(_count: u32) -> Result<Duration, SandboxError> {
    Err(SandboxError::NoMadsim)
}
