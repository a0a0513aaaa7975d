//! Mistake 1: the offset is committed as soon as the record is there, and only then the record is processed.
//!
//! Where it is met: in loops that commit "to be on the safe side" right after `recv`, so that a record that makes the program
//! crash is not read again and again; and wherever the commit stands above the work because a retry of the work was
//! thought worse than its loss. What is lost is exactly the record (with commits for a whole poll: the batch) that was in
//! hand when the process died. Kafka's documentation calls it *at most once* (its page on message delivery semantics, and
//! `KafkaConsumer`'s on manual offset control).
//!
//! The corrected form commits behind the work. A crash between the two means that the record is processed again by whoever
//! reads on: *at least once*, and the work had better not mind.
//!
//! ```text
//! cargo run -p klamm-madsim --example commit_before_processing -- run scenarios/apps/commit-before-processing.ron --sweep 1..1000
//! cargo run -p klamm-madsim --example commit_before_processing -- run scenarios/apps/commit-after-processing.ron --sweep 1..1000
//! ```

#![expect(
    clippy::let_underscore_must_use,
    reason = "what may fail here is made up for by whoever reads on"
)]

use klamm_madsim::app::{AppContext, AppResult, Programs};
use klamm_madsim::rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use klamm_madsim::rdkafka::message::BorrowedMessage;
use klamm_madsim::tokio::time::{Duration, sleep};

/// How long it takes to ship an order.
const SHIPPING: Duration = Duration::from_millis(15);

/// The program of this file, by the name that scenarios use.
pub(crate) fn programs() -> Programs {
    Programs::new().with("shipping", shipping)
}

/// Ships orders, one after the other.
#[expect(clippy::infinite_loop, reason = "a service runs until somebody ends it")]
async fn shipping(cx: AppContext) -> AppResult {
    let consumer: StreamConsumer = cx
        .client_config()
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()?;
    consumer.subscribe(&["orders"])?;
    let before = cx.arg("commit") == Some("before");
    loop {
        // An error is news of the connection or of the group; librdkafka goes on by itself.
        let Ok(order) = consumer.recv().await else { continue };
        if before {
            commit(&consumer, &order);
        }
        ship(&cx, &order).await;
        if !before {
            commit(&consumer, &order);
        }
    }
}

/// Whoever reads on after a commit that failed reads the order again, so there is nothing to repair here.
fn commit(consumer: &StreamConsumer, order: &BorrowedMessage<'_>) {
    let _ = consumer.commit_message(order, CommitMode::Sync);
}

/// The carrier is called, which takes its time; then the parcel is on its way.
async fn ship(cx: &AppContext, order: &BorrowedMessage<'_>) {
    sleep(SHIPPING).await;
    cx.processed(order);
}
