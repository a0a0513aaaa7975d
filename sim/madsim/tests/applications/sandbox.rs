//! What a careless program leaks into its run: nothing that is not the seed's.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is what the sandbox is for"
)]

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use klamm_madsim::app::{AppContext, AppResult, Programs, run};
use klamm_madsim::rdkafka::producer::{FutureProducer, FutureRecord};
use klamm_madsim::tokio;
use klamm_trace::TraceHash;

use super::scenario;

/// Sends clocks, entropy, hash order and the order of its tasks.
async fn careless(cx: AppContext) -> AppResult {
    let producer: FutureProducer = cx.client_config().create()?;
    let begun = Instant::now();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    for task in 0..16 {
        let told = told.clone();
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            told.send(task).ok();
        });
    }
    drop(told);
    let mut order = Vec::new();
    while let Some(task) = heard.recv().await {
        order.push(task);
    }
    tokio::time::sleep(Duration::from_millis(250)).await;
    let hashed: HashMap<u32, ()> = (0..64).map(|n| (n, ())).collect();
    let hashed: Vec<u32> = hashed.into_keys().collect();
    let slept = begun.elapsed();
    let said = format!("{order:?} {hashed:?} {} {:?}", uuid::Uuid::new_v4(), SystemTime::now());
    let record = FutureRecord::<str, str>::to("bills").payload(&said);
    producer.send(record, Duration::from_secs(5)).await.map_err(|(error, _)| error)?;
    if slept < Duration::from_millis(250) || slept > Duration::from_millis(251) {
        return Err(format!("a quarter of a second took {slept:?}").into());
    }
    if order.is_sorted() {
        return Err("sixteen tasks ran in their order".into());
    }
    Ok(())
}

fn hash(seed: u64) -> (TraceHash, bool) {
    let scenario =
        scenario(r#"Application(name: "careless", program: "careless", start: "2s"),"#, "");
    let programs = Programs::new().with("careless", careless);
    let world = run(&scenario, seed, &programs).expect("ran");
    let node = world.node_named("careless").expect("a node");
    let ended = world.recorder().events().iter().any(|event| {
        let good = klamm_node::EventKind::NodeStopped {
            reason: "the program ended".to_owned(),
            orderly: true,
        };
        event.node == node && event.kind == good
    });
    (world.hash(), ended)
}

#[test]
fn a_careless_program_runs_the_same_twice() {
    let (first, ended) = hash(3);
    assert!(ended, "it did what it was to do");
    assert_eq!(first, hash(3).0);
    assert_ne!(first, hash(4).0);
}

#[test]
fn a_program_gets_no_thread() {
    async fn threads(_: AppContext) -> AppResult {
        std::thread::spawn(|| ());
        Ok(())
    }
    let scenario = scenario(r#"Application(name: "greedy", program: "threads", start: "2s"),"#, "");
    let world = run(&scenario, 1, &Programs::new().with("threads", threads)).expect("ran");
    assert_eq!(world.outcome().panics.len(), 1, "{:?}", world.outcome().panics);
}
