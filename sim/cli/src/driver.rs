//! What drives the nodes of a run.

use klamm_madsim::{NodeRun, SandboxError};
use klamm_node::{Span, Time};
use klamm_scenario::Scenario;
use klamm_scenario::model::{Application, Client};
use klamm_trace::Recorder;
use klamm_world::{Options, Outcome, Progress, World};
use tracing::info;

use crate::args::Driver;
use crate::console::Failure;

/// The host where madsim exists, the plain world elsewhere.
pub(crate) fn default() -> Driver {
    if klamm_madsim::AVAILABLE { Driver::Host } else { Driver::Plain }
}

/// What a run left behind.
pub(crate) struct Done {
    /// Everything that was recorded.
    pub recorder: Recorder,
    /// What came of it.
    pub outcome: Outcome,
}

impl Done {
    fn of(world: &World) -> Self {
        Self { recorder: world.recorder().clone(), outcome: world.outcome() }
    }
}

/// Runs a scenario to its end, or to a moment. `watch` is told of each step where the driver is a world; it is called in
/// the sandbox, where clocks are not to be trusted.
pub(crate) fn drive(
    driver: Driver,
    scenario: &Scenario,
    seed: u64,
    options: &Options,
    until: Option<Span>,
    mut watch: impl FnMut(&World, Progress) + Send,
) -> Result<Done, Failure> {
    info!(?driver, seed, scenario = scenario.file, "running");
    refuse_applications(driver, scenario)?;
    let until = until.map(|until| Time::ZERO + until);
    match driver {
        Driver::Plain => {
            let mut world = World::with(scenario, seed, options);
            while until.is_none_or(|until| world.next_time().is_some_and(|at| at <= until)) {
                let Some(progress) = world.step() else { break };
                watch(&world, progress);
            }
            Ok(Done::of(&world))
        }
        Driver::Host => {
            let world = World::with(scenario, seed, options);
            let world =
                klamm_madsim::run_watched(world, until, watch).map_err(|error| refused(&error))?;
            Ok(Done::of(&world))
        }
        Driver::Node => {
            if until.is_some() {
                let hint = "node mode has no queue of ours to stop; try --driver host";
                return Err(Failure::Input(format!("--until: {hint}")));
            }
            let run = klamm_madsim::run_nodes(scenario, seed, options.keep)
                .map_err(|error| refused(&error))?;
            let NodeRun { outcome, recorder } = run;
            Ok(Done { recorder, outcome })
        }
    }
}

/// An application runs where its program is built in, which is never here.
fn refuse_applications(driver: Driver, scenario: &Scenario) -> Result<(), Failure> {
    let application = scenario.clients.iter().find_map(|client| match client {
        Client::Application(application) => Some(application),
        Client::Producer(_) | Client::Consumer(_) => None,
    });
    let Some(Application { name, program, line, .. }) = application else { return Ok(()) };
    let file = &scenario.file;
    let why = match driver {
        Driver::Plain | Driver::Node => "applications need the host driver".to_owned(),
        Driver::Host => format!(
            "this binary has no programs, and no '{program}': a scenario with applications is run by the binary that has them, such as one of the examples: cargo run --example NAME -p klamm-madsim -- run {file}"
        ),
    };
    Err(Failure::Input(format!("{file}:{line}: application '{name}': {why}")))
}

fn refused(error: &SandboxError) -> Failure {
    Failure::Input(match error {
        SandboxError::NoMadsim => format!("{error}; use --driver plain"),
        SandboxError::ThreadRefused | SandboxError::Panicked(_) | SandboxError::NoThread(_) => {
            error.to_string()
        }
    })
}
