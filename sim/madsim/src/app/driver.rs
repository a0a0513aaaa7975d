//! The world's side: it goes on, and after each step every process that is concerned has its turn.
//!
//! *Must never*: let a process run while its machine does not, or give it a turn in an order that is not the world's.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use klamm_node::{ApplicationCommand, Incarnation, NodeId, Purpose, Stream, Time};
use klamm_scenario::Scenario;
use klamm_scenario::model::Application;
use klamm_world::{BROKER_PORT, Life, ProgramState, Progress, World};
use xxhash_rust::xxh3::xxh3_64;

use super::process::{FromProcess, ToProcess};
use super::{AppError, Identity, Program, Programs, applications, thread};
use crate::SandboxError;

/// Record ids of programs: out of the way of the workloads', a thousand million for each machine, a million for each of its
/// incarnations.
const RECORDS_OF_PROGRAMS: u64 = 10_000;
const RECORDS_OF_NODE: u64 = 1_000_000_000;
const RECORDS_OF_INCARNATION: u64 = 1_000_000;

/// Runs a world of this scenario to its end, with the programs that the scenario names.
///
/// # Errors
/// A program is not here, or this system has no madsim.
pub fn run_with_apps(
    world: World,
    scenario: &Scenario,
    programs: &Programs,
) -> Result<World, AppError> {
    run_with_apps_watched(world, scenario, programs, None, |_, _| {})
}

/// As [`run_with_apps`], until a moment (or the end), and tells of each step. A program is not told when the run is left
/// before its end: its process is simply gone.
///
/// # Errors
/// A program is not here, or this system has no madsim.
pub fn run_with_apps_watched(
    mut world: World,
    scenario: &Scenario,
    programs: &Programs,
    until: Option<Time>,
    mut watch: impl FnMut(&World, Progress),
) -> Result<World, AppError> {
    let mut host = Host::new(&world, scenario, programs)?;
    let end = until.map_or_else(|| world.end(), |until| until.min(world.end()));
    while let Some(next) = world.next_time() {
        let program = host.next_wake(&world).filter(|(at, _)| *at < next && *at <= end);
        if let Some((at, slot)) = program {
            world.wait_until(at);
            host.turn(&mut world, slot)?;
        } else if next > end {
            break;
        } else if let Some(progress) = world.step() {
            watch(&world, progress);
        }
        host.follow(&mut world)?;
    }
    Ok(world)
}

/// A process that runs.
struct Running {
    to_process: Sender<ToProcess>,
    from_process: Receiver<FromProcess>,
    thread: JoinHandle<()>,
}

/// A machine that runs a program.
struct Slot {
    node: NodeId,
    application: Arc<Application>,
    program: Program,
    running: Option<Running>,
    /// The last process that was begun.
    incarnation: Incarnation,
    /// When it wants its next turn, by the machine's clock.
    wake: Option<Time>,
}

struct Host {
    seed: u64,
    bootstrap: Arc<str>,
    slots: Vec<Slot>,
}

impl Host {
    fn new(world: &World, scenario: &Scenario, programs: &Programs) -> Result<Self, AppError> {
        let brokers = &scenario.cluster.brokers;
        let bootstrap: Vec<String> =
            brokers.iter().map(|broker| format!("broker-{}:{BROKER_PORT}", broker.id)).collect();
        let mut slots = Vec::new();
        for application in applications(scenario) {
            let program =
                programs.named(&application.program).ok_or_else(|| AppError::UnknownProgram {
                    program: application.program.clone(),
                    client: application.name.clone(),
                    line: application.line,
                    known: programs.names().map(str::to_owned).collect(),
                })?;
            let Some(node) = world.node_named(&application.name) else { continue };
            slots.push(Slot {
                node,
                application: Arc::new(application.clone()),
                program,
                running: None,
                incarnation: Incarnation(0),
                wake: None,
            });
        }
        Ok(Self { seed: world.lab().seed(), bootstrap: bootstrap.join(",").into(), slots })
    }

    /// The process that wants its turn first, and when; of several the first in the scenario.
    fn next_wake(&self, world: &World) -> Option<(Time, usize)> {
        let awake = self.slots.iter().enumerate().filter_map(|(at, slot)| {
            slot.running.as_ref()?;
            let runs = world.program_state(slot.node)?.life == Life::Running;
            let wake = slot.wake.filter(|_| runs)?;
            Some((world.when_local(slot.node, wake), at))
        });
        awake.min()
    }

    /// Begins and ends processes as their machines do, and gives a turn to each for which there is something.
    fn follow(&mut self, world: &mut World) -> Result<(), AppError> {
        let mut again = true;
        while std::mem::take(&mut again) {
            for at in 0..self.slots.len() {
                let slot = &mut self.slots[at];
                let Some(state) = world.program_state(slot.node) else { continue };
                slot.bury(state);
                if state.life != Life::Running {
                    continue;
                }
                let begins = slot.running.is_none() && state.incarnation != slot.incarnation;
                if begins {
                    self.begin(at, state.incarnation)?;
                }
                if begins || (state.has_deliveries && self.slots[at].running.is_some()) {
                    self.turn(world, at)?;
                    again = true;
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, at: usize, incarnation: Incarnation) -> Result<(), AppError> {
        let slot = &mut self.slots[at];
        let name = slot.application.name.clone();
        let entity = xxh3_64(name.as_bytes());
        let turn = u64::from(incarnation.0);
        let first = (RECORDS_OF_PROGRAMS + u64::from(slot.node.0)) * RECORDS_OF_NODE;
        let identity = Identity {
            application: slot.application.clone(),
            bootstrap: self.bootstrap.clone(),
            incarnation: turn,
            records: first + turn.saturating_sub(1) * RECORDS_OF_INCARNATION,
        };
        let seed = Stream::new(self.seed, Purpose::Program, entity, turn).bits();
        let dice = Stream::new(self.seed, Purpose::Program, entity, turn | 1 << 63);
        let (to_process, from_world) = channel();
        let (to_world, from_process) = channel();
        let program = slot.program.clone();
        let body = move || thread::run(identity, &program, seed, dice, to_world, from_world);
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(body)
            .map_err(|error| SandboxError::NoThread(error.to_string()))?;
        slot.running = Some(Running { to_process, from_process, thread });
        slot.incarnation = incarnation;
        slot.wake = None;
        Ok(())
    }

    /// A process has its turn, now.
    fn turn(&mut self, world: &mut World, at: usize) -> Result<(), AppError> {
        let slot = &mut self.slots[at];
        let Some(running) = &slot.running else { return Ok(()) };
        let (now, deliveries) = (world.local_time(slot.node), world.take_deliveries(slot.node));
        let went = running.to_process.send(ToProcess::Go { now, deliveries }).is_ok();
        let said = if went { running.from_process.recv().ok() } else { None };
        match said {
            Some(FromProcess::Idle { calls, wake }) => {
                slot.wake = wake;
                call(world, slot.node, calls);
            }
            Some(FromProcess::Ended { calls }) => {
                slot.join();
                call(world, slot.node, calls);
            }
            Some(FromProcess::Panicked { calls, text }) => {
                slot.join();
                call(world, slot.node, calls);
                world.program_panicked(slot.node, &text);
            }
            None => {
                // The thread went without a word: what madsim does to it when it may not do what it wants.
                let text = slot.join().unwrap_or_else(|| "its thread is gone".to_owned());
                world.program_panicked(slot.node, &text);
            }
        }
        Ok(())
    }
}

fn call(world: &mut World, node: NodeId, calls: Vec<ApplicationCommand>) {
    for command in calls {
        world.program_calls(node, command);
    }
}

impl Slot {
    /// Ends a process whose machine has gone on without it.
    fn bury(&mut self, state: ProgramState) {
        let lives = matches!(state.life, Life::Running | Life::Paused)
            && state.incarnation == self.incarnation;
        if !lives {
            self.kill();
        }
    }

    fn kill(&mut self) {
        if let Some(running) = &self.running {
            // If it is gone already, so much the better.
            running.to_process.send(ToProcess::Die).ok();
        }
        self.join();
    }

    /// Waits for the thread to end; what it panicked with, if it did.
    fn join(&mut self) -> Option<String> {
        self.wake = None;
        let running = self.running.take()?;
        drop(running.to_process);
        let panic = running.thread.join().err()?;
        super::process::panic_text(panic.as_ref())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.kill();
    }
}
