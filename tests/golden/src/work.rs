//! Many independent runs on a few threads. Threads are the tests' business alone: a run itself has none.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does every job on as many workers as the machine has processors, and returns what came of each, in order.
///
/// # Panics
/// A job panics.
pub fn on_workers<J: Sync, T: Send>(jobs: &[J], work: impl Fn(&J) -> T + Sync) -> Vec<T> {
    let workers = thread::available_parallelism().map_or(2, usize::from).min(jobs.len());
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((index, job)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(index).map(|job| (index, job))
                } {
                    let result = work(job);
                    done.lock()
                        .expect("no worker panics while it holds the list")
                        .push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panics while it holds the list");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Does a job on a thread of its own, so that nothing that an earlier one left in a thread can reach it.
///
/// # Panics
/// The job panics.
pub fn on_fresh_thread<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(job).join().expect("the run does not panic"))
}

/// A count from the environment, or the usual one.
///
/// # Panics
/// The variable is set to something that is no count.
pub fn env_count(name: &str, usual: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return usual };
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is no count"))
}
