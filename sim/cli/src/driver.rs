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

/// What is told of each step of a run.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(&World, Progress, &Console);

/// Runs a scenario to its end, or to a moment, and returns the world as it is then.
pub(crate) fn drive(
    driver: Driver,
    scenario: &Scenario,
    seed: u64,
    options: &Options,
    until: Option<Span>,
    watch: Watch<'_>,
    console: &Console,
) -> Result<World, Failure> {
    info!(?driver, seed, scenario = scenario.file, "running");
    let until = until.map(|until| Time::ZERO + until);
    match driver {
        Driver::Plain => {
            let mut world = World::with(scenario, seed, options);
            while until.is_none_or(|until| world.next_time().is_some_and(|at| at <= until)) {
                let Some(progress) = world.step() else { break };
                watch(&world, progress, console);
            }
            Ok(world)
        }
        Driver::Host => Err(Failure::Input("host".to_owned())),
        Driver::Node => Err(Failure::Input("node".to_owned())),
    }
}
