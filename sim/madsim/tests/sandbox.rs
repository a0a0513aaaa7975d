//! What the sandbox holds back: clocks, entropy, hash order and threads.

#![cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is what the sandbox is for"
)]

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use klamm_madsim::{SandboxError, sandbox};

/// What a careless dependency might do.
fn careless() -> (SystemTime, Duration, Vec<u32>, String) {
    let begun = Instant::now();
    // std seeds this from the operating system; its order is the classic leak.
    let order: HashMap<u32, ()> = (0..64).map(|n| (n, ())).collect();
    let order: Vec<u32> = order.into_keys().collect();
    let id = uuid::Uuid::new_v4().to_string();
    (SystemTime::now(), begun.elapsed(), order, id)
}

#[test]
fn clocks_entropy_and_hash_order_are_the_seeds() {
    let first = sandbox(7, careless).expect("ran");
    let second = sandbox(7, careless).expect("ran");
    assert_eq!(first, second);
    let other = sandbox(8, careless).expect("ran");
    assert_ne!(first.2, other.2, "another seed, another hash order");
    assert_ne!(first.3, other.3, "another seed, another id");
}

#[test]
fn outside_of_the_sandbox_the_same_differs() {
    // Or the test above proves nothing.
    let runs: Vec<_> = (0..3).map(|_| careless()).collect();
    assert!(runs.iter().any(|run| run.3 != runs[0].3));
}

#[test]
fn a_thread_is_refused_in_plain_words() {
    let refused = sandbox(7, || std::thread::spawn(|| 1).join().expect("joined"));
    assert_eq!(refused, Err(SandboxError::ThreadRefused));
    assert!(refused.expect_err("refused").to_string().contains("thread of the operating system"));
}

#[test]
fn a_panic_comes_back_as_an_error() {
    let panicked: Result<(), _> = sandbox(7, || panic!("told you so"));
    assert_eq!(panicked, Err(SandboxError::Panicked("told you so".to_owned())));
}

#[test]
fn runs_at_the_same_time_do_not_see_each_other() {
    let alone = sandbox(7, careless).expect("ran");
    let together = std::thread::scope(|scope| {
        let runs: Vec<_> = [9, 7, 11]
            .map(|seed| scope.spawn(move || sandbox(seed, careless)))
            .into_iter()
            .collect();
        runs.into_iter().map(|run| run.join().expect("joined").expect("ran")).collect::<Vec<_>>()
    });
    assert_eq!(together[1], alone);
}
