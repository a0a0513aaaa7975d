//! The tasks of a process: one is run at a time, chosen by dice of the process among those that are ready.
//!
//! *Must never*: choose by anything but the dice. A thread's own order of things would not be the same twice.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use klamm_node::Stream;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Which tasks are ready. The one thing of a process that a waker reaches.
#[derive(Debug, Default)]
struct Ready(Mutex<BTreeSet<u64>>);

struct TaskWaker {
    task: u64,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.lock().insert(self.task);
    }
}

impl Ready {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tasks of a process.
pub(crate) struct Tasks {
    all: RefCell<BTreeMap<u64, Task>>,
    ready: Arc<Ready>,
    dice: RefCell<Stream>,
    next: Cell<u64>,
    /// Tasks that are to end as soon as they stop running.
    aborted: RefCell<BTreeSet<u64>>,
}

impl Tasks {
    pub(super) fn new(dice: Stream) -> Self {
        let (all, ready, next) = (RefCell::default(), Arc::default(), Cell::new(0));
        Self { all, ready, dice: RefCell::new(dice), next, aborted: RefCell::default() }
    }

    /// A new task, ready to run; its number.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) -> u64 {
        let task = self.next.get();
        self.next.set(task + 1);
        self.all.borrow_mut().insert(task, Box::pin(future));
        self.ready.lock().insert(task);
        task
    }

    /// Ends a task where it stands.
    pub(crate) fn abort(&self, task: u64) {
        let dropped = self.all.borrow_mut().remove(&task);
        if dropped.is_none() {
            self.aborted.borrow_mut().insert(task);
        }
        drop(dropped);
    }

    /// Runs one task that is ready; false if none is.
    ///
    /// # Errors
    /// It panicked.
    pub(super) fn run_one(&self) -> Result<bool, Box<dyn Any + Send>> {
        let Some(task) = self.choose() else { return Ok(false) };
        // It is out of the table while it runs, so that it may spawn and abort.
        let future = self.all.borrow_mut().remove(&task);
        let Some(mut future) = future else { return Ok(true) };
        let waker = Waker::from(Arc::new(TaskWaker { task, ready: self.ready.clone() }));
        let mut cx = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx)));
        match polled {
            Ok(Poll::Pending) if self.aborted.borrow_mut().remove(&task) => Ok(true),
            Ok(Poll::Pending) => {
                self.all.borrow_mut().insert(task, future);
                Ok(true)
            }
            // Dropped here, or by whoever deals with the panic: dropping may block.
            Ok(Poll::Ready(())) => Ok(true),
            Err(panic) => {
                self.all.borrow_mut().insert(task, future);
                Err(panic)
            }
        }
    }

    fn choose(&self) -> Option<u64> {
        let mut ready = self.ready.lock();
        let last = (ready.len() as u64).checked_sub(1)?;
        let at = if last == 0 { 0 } else { self.dice.borrow_mut().between(0, last) };
        let task = ready.iter().nth(usize::try_from(at).unwrap_or(0)).copied()?;
        ready.remove(&task);
        Some(task)
    }

    /// Drops every task, the oldest first.
    pub(super) fn drop_all(&self) {
        loop {
            let first = self.all.borrow_mut().pop_first();
            if first.is_none() {
                return;
            }
        }
    }
}
