//! Host mode: a world, or any closure, inside a madsim runtime on a thread of its own.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use klamm_node::Time;
use klamm_world::{Progress, World};
use madsim::Config;
use madsim::runtime::Runtime;
use madsim::time::TimeHandle;

use crate::SandboxError;

/// Runs a closure in a madsim runtime: clocks, entropy and hash order in it depend on the seed alone, and it gets no
/// threads.
///
/// # Errors
/// The closure panicked or wanted a thread.
pub fn sandbox<T: Send>(seed: u64, job: impl FnOnce() -> T + Send) -> Result<T, SandboxError> {
    isolate(seed, Config::default(), async move || job())
}

/// Runs a world to its end inside a madsim runtime and moves madsim's clock along with it. The world's hash is the same
/// as without madsim; only what is not of the world (a dependency that reads a clock) notices.
///
/// # Errors
/// Something panicked outside of the nodes, or wanted a thread.
pub fn run(world: World) -> Result<World, SandboxError> {
    run_watched(world, None, |_, _| {})
}

/// As [`run`], until a moment (or the end), and tells of each step. What is told is told inside the sandbox: its clock is
/// madsim's.
///
/// # Errors
/// Something panicked outside of the nodes, or wanted a thread.
pub fn run_watched(
    world: World,
    until: Option<Time>,
    mut watch: impl FnMut(&World, Progress) + Send,
) -> Result<World, SandboxError> {
    let seed = world.lab().seed();
    isolate(seed, Config::default(), async move || {
        let mut world = world;
        let mut last = Time::ZERO;
        while let Some(next) =
            world.next_time().filter(|next| until.is_none_or(|until| *next <= until))
        {
            if next > last {
                advance_to(next);
                last = next;
                // Timers of other tasks that are due by now come first, then the world.
                Yield::default().await;
            }
            if let Some(progress) = world.step() {
                watch(&world, progress);
            }
        }
        world
    })
}

/// Runs an async closure in a madsim runtime on a fresh thread: madsim seeds a thread's hash order once only (P1), and
/// nothing that an earlier run left on a thread may be seen.
pub(crate) fn isolate<T: Send, F: Future<Output = T>>(
    seed: u64,
    config: Config,
    job: impl FnOnce() -> F + Send,
) -> Result<T, SandboxError> {
    let body = move || {
        let runtime = Runtime::with_seed_and_config(seed, config);
        catch_unwind(AssertUnwindSafe(|| runtime.block_on(async move { job().await })))
    };
    let name = format!("run-{seed}");
    let outcome = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name).spawn_scoped(scope, body);
        let thread = thread.map_err(|error| SandboxError::NoThread(error.to_string()))?;
        thread.join().and_then(|outcome| outcome).map_err(|panic| explain(panic.as_ref()))
    })?;
    Ok(outcome)
}

/// How std puts it when madsim refuses a thread: `pthread_attr_init` returned -1 and not 0. A panic carries no more than
/// its text; our own assertions say what they are about, so that none of them reads like this.
pub(crate) const REFUSAL: &str = "assertion `left == right` failed\n  left: -1\n right: 0";

fn explain(panic: &(dyn Any + Send)) -> SandboxError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message");
    if text == REFUSAL {
        return SandboxError::ThreadRefused;
    }
    SandboxError::Panicked(text.to_owned())
}

/// What madsim's clock shows, from the start of the run.
pub(crate) fn now() -> Time {
    Time(u64::try_from(TimeHandle::current().elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// Moves madsim's clock to an instant. To an absolute one: it also moves by itself, 50 to 100 ns a poll.
pub(crate) fn advance_to(time: Time) {
    let ahead = time.since(now());
    if ahead.0 > 0 {
        madsim::time::advance(Duration::from_nanos(ahead.0));
    }
}

/// Lets every other task that is ready have its turn.
#[derive(Default)]
pub(crate) struct Yield {
    yielded: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
