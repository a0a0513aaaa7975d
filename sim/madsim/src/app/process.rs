//! The inside of a process: one thread on which a program runs, in step with the world.
//!
//! ```text
//!   world's thread ── Go { now, deliveries } ──► process: tasks run until none is ready, or one blocks
//!                  ◄── Idle { calls, wake } ────          (exactly one of the two threads runs at any moment)
//! ```
//!
//! *Flows in*: the time of the machine's clock, deliveries of its clients. *Flows out*: calls, and when the process wants to
//! be woken. *Must never*: go on while the world does.
//!
//! Whatever blocks (a poll with a timeout, a synchronous commit, a client that is dropped) hands over from where it is, so
//! that it blocks all of the process and nothing else. A process that dies is unwound from there.

#![expect(
    clippy::field_scoped_visibility_modifiers,
    reason = "plain data between the threads of a process"
)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::task::{Context, Poll, Wake, Waker};

use klamm_client::{Delivered, Delivery};
use klamm_node::event::Word;
use klamm_node::{
    ApplicationCall, ApplicationCommand, Offset, RecordId, Span, Stream, Time, TopicPartition,
};

use super::Identity;
use super::executor::Tasks;
use crate::host;

/// The turn of a process.
#[derive(Debug)]
pub(super) enum ToProcess {
    Go { now: Time, deliveries: Vec<Delivery> },
    Die,
}

/// The end of its turn.
#[derive(Debug)]
pub(super) enum FromProcess {
    /// It has nothing to do before something comes, or before this time of its machine's clock.
    Idle { calls: Vec<ApplicationCommand>, wake: Option<Time> },
    /// Its program came to its end.
    Ended { calls: Vec<ApplicationCommand> },
    /// Its program panicked.
    Panicked { calls: Vec<ApplicationCommand>, text: String },
}

/// What unwinds a process that dies.
struct Died;

/// What is the outcome of a record.
pub(crate) type RecordOutcome = Result<(TopicPartition, Offset), Word>;

/// What a question about offsets comes to.
pub(crate) type Found = Result<Vec<(TopicPartition, Offset)>, Word>;

/// What came for a client and was not fetched yet.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// What polls return, and callbacks about commits.
    pub(crate) queue: VecDeque<Delivered>,
    pub(crate) records: BTreeMap<RecordId, RecordOutcome>,
    /// Records without an outcome.
    pub(crate) open: BTreeSet<RecordId>,
    /// Commits that somebody waits for.
    pub(crate) commits: BTreeMap<u64, Option<Result<(), Word>>>,
    pub(crate) answers: VecDeque<(String, Word)>,
    /// Questions that somebody waits for.
    pub(crate) questions: BTreeMap<u64, Option<Found>>,
    pub(crate) closed: bool,
    wakers: Vec<Waker>,
}

/// A process, for what runs on its thread.
pub(crate) struct Process {
    identity: Identity,
    now: Cell<Time>,
    calls: RefCell<Vec<ApplicationCommand>>,
    inboxes: RefCell<BTreeMap<u32, Inbox>>,
    timers: RefCell<BTreeMap<(Time, u64), Waker>>,
    numbers: Cell<u64>,
    dying: Cell<bool>,
    pub(super) tasks: Tasks,
    to_world: Sender<FromProcess>,
    from_world: Receiver<ToProcess>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Process>>> = const { RefCell::new(None) };
}

/// The process whose thread this is.
pub(crate) fn current() -> Option<Rc<Process>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

impl Process {
    /// A process on this thread.
    pub(super) fn begin(
        identity: Identity,
        dice: Stream,
        to_world: Sender<FromProcess>,
        from_world: Receiver<ToProcess>,
    ) -> Rc<Self> {
        let process = Rc::new(Self {
            identity,
            now: Cell::new(Time::ZERO),
            calls: RefCell::default(),
            inboxes: RefCell::default(),
            timers: RefCell::default(),
            numbers: Cell::new(0),
            dying: Cell::new(false),
            tasks: Tasks::new(dice),
            to_world,
            from_world,
        });
        CURRENT.set(Some(process.clone()));
        process
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The time of its machine's clock.
    pub(crate) fn now(&self) -> Time {
        self.now.get()
    }

    /// A new task; its number.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) -> u64 {
        self.tasks.spawn(future)
    }

    /// Ends a task where it stands.
    pub(crate) fn abort(&self, task: u64) {
        self.tasks.abort(task);
    }

    /// A number that no other thing of this process has.
    pub(crate) fn number(&self) -> u64 {
        let number = self.numbers.get() + 1;
        self.numbers.set(number);
        number
    }

    /// Whether the process is going down, so that nothing can be closed in good order any more.
    pub(crate) fn is_dying(&self) -> bool {
        self.dying.get() || std::thread::panicking()
    }

    pub(super) fn die(&self) {
        self.dying.set(true);
    }

    /// The program calls a client; it happens when the process hands over.
    pub(crate) fn call(&self, client: u32, call: ApplicationCall) {
        if !self.is_dying() {
            self.calls.borrow_mut().push(ApplicationCommand { client, call });
        }
    }

    /// Looks at what came for a client.
    pub(crate) fn inbox<T>(&self, client: u32, look: impl FnOnce(&mut Inbox) -> T) -> T {
        look(self.inboxes.borrow_mut().entry(client).or_default())
    }

    /// Wakes somebody when something comes for a client.
    pub(crate) fn wake_for(&self, client: u32, waker: &Waker) {
        self.inbox(client, |inbox| {
            if !inbox.wakers.iter().any(|known| known.will_wake(waker)) {
                inbox.wakers.push(waker.clone());
            }
        });
    }

    /// A producer is gone: its records have no outcome any more.
    pub(crate) fn purge(&self, client: u32) {
        let wakers = self.inbox(client, |inbox| {
            for record in std::mem::take(&mut inbox.open) {
                inbox.records.insert(record, Err("_PURGE_QUEUE".into()));
            }
            std::mem::take(&mut inbox.wakers)
        });
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn forget_client(&self, client: u32) {
        self.inboxes.borrow_mut().remove(&client);
    }

    /// Wakes somebody at a time; the key takes that back.
    pub(crate) fn wake_at(&self, at: Time, waker: &Waker) -> (Time, u64) {
        let key = (at, self.number());
        self.timers.borrow_mut().insert(key, waker.clone());
        key
    }

    pub(crate) fn cancel(&self, key: &(Time, u64)) {
        self.timers.borrow_mut().remove(key);
    }

    /// Lets the world go on until there is something for this process, or until a time.
    pub(super) fn hand_over(&self, until: Option<Time>) {
        if self.dying.get() {
            std::panic::resume_unwind(Box::new(Died));
        }
        let timer = self.timers.borrow().keys().next().map(|(at, _)| *at);
        let wake = [timer, until].into_iter().flatten().min();
        let calls = std::mem::take(&mut *self.calls.borrow_mut());
        // A world that is gone lets nobody go on.
        let sent = self.to_world.send(FromProcess::Idle { calls, wake }).is_ok();
        let turn = if sent { self.from_world.recv().ok() } else { None };
        self.take_turn(turn);
    }

    /// Waits for its first turn.
    pub(super) fn await_turn(&self) {
        let turn = self.from_world.recv().ok();
        self.take_turn(turn);
    }

    fn take_turn(&self, turn: Option<ToProcess>) {
        let Some(ToProcess::Go { now, deliveries }) = turn else {
            self.dying.set(true);
            std::panic::resume_unwind(Box::new(Died));
        };
        self.now.set(now);
        host::advance_to(now);
        let mut awake = Vec::new();
        for Delivery { client, what } in deliveries {
            self.inbox(client, |inbox| {
                inbox.take(what);
                awake.append(&mut inbox.wakers);
            });
        }
        let mut timers = self.timers.borrow_mut();
        while let Some(first) = timers.first_entry()
            && first.key().0 <= now
        {
            awake.push(first.remove());
        }
        drop(timers);
        awake.into_iter().for_each(Waker::wake);
    }

    /// Blocks the process until a future has come to its end; none if the process is going down, so that what is dropped on
    /// that way does not wait.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        if self.is_dying() {
            return None;
        }
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            while flag.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                    return Some(value);
                }
            }
            self.hand_over(None);
        }
    }

    /// Lets some time pass, for a call that would otherwise take none however often it is made.
    pub(crate) fn take_time(&self, span: Span) {
        let until = self.now.get() + span;
        while self.now.get() < until {
            self.hand_over(Some(until));
        }
    }

    /// What is left to be called, at the very end.
    pub(super) fn last_calls(&self) -> Vec<ApplicationCommand> {
        std::mem::take(&mut *self.calls.borrow_mut())
    }

    /// Leaves the thread.
    pub(super) fn over() {
        CURRENT.set(None);
    }
}

impl Inbox {
    fn take(&mut self, what: Delivered) {
        match what {
            Delivered::Acknowledged { record, partition, offset } => {
                if self.open.remove(&record) {
                    self.records.insert(record, Ok((partition, offset)));
                }
            }
            Delivered::GivenUp { record, error } => {
                if self.open.remove(&record) {
                    self.records.insert(record, Err(error));
                }
            }
            Delivered::Committed { call: Some(call), offsets, error } => {
                let outcome = error.clone().map_or(Ok(()), Err);
                match self.commits.get_mut(&call) {
                    Some(waiting) => *waiting = Some(outcome),
                    None => {
                        self.queue.push_back(Delivered::Committed {
                            call: Some(call),
                            offsets,
                            error,
                        });
                    }
                }
            }
            Delivered::Record { .. }
            | Delivered::Rebalance { .. }
            | Delivered::Failed { .. }
            | Delivered::Committed { call: None, .. } => self.queue.push_back(what),
            Delivered::Answered { request, error } => self.answers.push_back((request, error)),
            Delivered::Found { call, answer } => {
                // Who gave up waiting does not want it any more.
                if let Some(waiting) = self.questions.get_mut(&call) {
                    *waiting = Some(answer);
                }
            }
            Delivered::Closed => self.closed = true,
        }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a panic says; none if it is only how a process that dies is unwound.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> Option<String> {
    if panic.is::<Died>() {
        return None;
    }
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("a panic without a message");
    let refused = text == host::REFUSAL;
    let said = if refused { "it wanted a thread of the operating system" } else { text };
    Some(said.to_owned())
}
