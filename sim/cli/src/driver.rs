//! What drives the nodes of a run.

use klamm_node::{Span, Time};
use klamm_scenario::Scenario;
use klamm_world::{Options, Progress, World};
use tracing::info;

use crate::args::Driver;
use crate::console::{Console, Failure};

/// The host where madsim exists, the plain world elsewhere.
pub(crate) fn default() -> Driver {
    if cfg!(any(target_os = "linux", target_os = "macos")) { Driver::Host } else { Driver::Plain }
}
