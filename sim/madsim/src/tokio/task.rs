//! Tasks of the process.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::app::current;

/// Why a task has no result: it was aborted. One that panics takes its process with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinError {
    cancelled: bool,
}

impl JoinError {
    /// Whether it was aborted.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// Never: a panic ends the process.
    pub fn is_panic(&self) -> bool {
        false
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task was cancelled")
    }
}

impl Error for JoinError {}

struct State<T> {
    result: Option<T>,
    finished: bool,
    aborted: bool,
    waker: Option<Waker>,
}

/// A task that was spawned. Dropping it lets the task go on.
pub struct JoinHandle<T> {
    task: Option<u64>,
    state: Rc<RefCell<State<T>>>,
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("task", &self.task).finish_non_exhaustive()
    }
}

impl<T> JoinHandle<T> {
    /// Ends the task where it stands.
    pub fn abort(&self) {
        let waker = {
            let mut state = self.state.borrow_mut();
            if state.finished {
                return;
            }
            (state.finished, state.aborted) = (true, true);
            state.waker.take()
        };
        if let (Some(process), Some(task)) = (current(), self.task) {
            process.abort(task);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether it has come to its end.
    pub fn is_finished(&self) -> bool {
        self.state.borrow().finished
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.state.borrow_mut();
        if let Some(result) = state.result.take() {
            return Poll::Ready(Ok(result));
        }
        if state.aborted {
            return Poll::Ready(Err(JoinError { cancelled: true }));
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// A new task of the process. Unlike tokio's it need not be `Send`: a process has one thread. Outside of a process the task
/// does not run, and counts as aborted.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let state = State { result: None, finished: false, aborted: false, waker: None };
    let state = Rc::new(RefCell::new(state));
    let told = state.clone();
    let task = current().map(|process| {
        process.spawn(async move {
            let result = future.await;
            let waker = {
                let mut state = told.borrow_mut();
                state.result = Some(result);
                state.finished = true;
                state.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        })
    });
    if task.is_none() {
        let mut state = state.borrow_mut();
        (state.finished, state.aborted) = (true, true);
    }
    JoinHandle { task, state }
}

/// The same: every task of a process is local.
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn(future)
}

/// Runs what blocks as a task. Simplified: it blocks the process, which has one thread.
pub fn spawn_blocking<T: 'static>(job: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    spawn(async move { job() })
}

/// Lets other tasks that are ready have their turn.
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
