//! The thread of a process: a madsim runtime, and in it the program until it ends or dies.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender};

use klamm_node::{ApplicationCall, Span, Stream};
use madsim::Config;
use madsim::runtime::Runtime;

use super::process::{FromProcess, Process, ToProcess, panic_text};
use super::{AppContext, AppResult, Identity, Program};

/// Polls in a row after which time passes although there is more to do: a program that never waits.
const BUSY: u32 = 100_000;
/// How long that takes.
const BUSY_TIME: Span = Span::millis(1);

/// Runs a program from its first turn to its end.
pub(super) fn run(
    identity: Identity,
    program: &Program,
    seed: u64,
    dice: Stream,
    to_world: Sender<FromProcess>,
    from_world: Receiver<ToProcess>,
) {
    let runtime = Runtime::with_seed_and_config(seed, Config::default());
    // All of it in one poll of madsim's own task, so that only this process chooses what runs.
    runtime.block_on(async move {
        let last = to_world.clone();
        let process = Process::begin(identity.clone(), dice, to_world, from_world);
        let lived = catch_unwind(AssertUnwindSafe(|| live(&process, identity, program)));
        let calls = process.last_calls();
        let message = match lived {
            Ok(()) => Some(FromProcess::Ended { calls }),
            Err(panic) => {
                panic_text(panic.as_ref()).map(|text| FromProcess::Panicked { calls, text })
            }
        };
        process.die();
        // What a dying process drops closes nothing, and whatever panics on that way has died already.
        while catch_unwind(AssertUnwindSafe(|| process.tasks.drop_all())).is_err() {}
        Process::over();
        drop(process);
        if let Some(message) = message {
            // A world that is gone does not want to know.
            last.send(message).ok();
        }
    });
}

fn live(process: &Rc<Process>, identity: Identity, program: &Program) {
    process.await_turn();
    let result: Rc<Cell<Option<AppResult>>> = Rc::new(Cell::new(None));
    let told = result.clone();
    let begun = program(AppContext { identity });
    process.tasks.spawn(async move {
        let ended = begun.await;
        told.set(Some(ended));
    });
    let mut polls = 0;
    let ended = loop {
        let ran = process.tasks.run_one().unwrap_or_else(|panic| raise(panic));
        if let Some(ended) = result.take() {
            break ended;
        }
        polls = if ran { polls + 1 } else { 0 };
        if !ran {
            process.hand_over(None);
        } else if polls == BUSY {
            polls = 0;
            process.take_time(BUSY_TIME);
        }
    };
    // What the other tasks hold is closed as it is dropped, as at the end of a runtime.
    process.tasks.drop_all();
    let error = ended.err().map(|error| error.to_string());
    process.call(0, ApplicationCall::End { error });
}

fn raise(panic: Box<dyn Any + Send>) -> ! {
    std::panic::resume_unwind(panic)
}
