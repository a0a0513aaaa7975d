//! Mistake 3: records are handed to a worker through a channel, and the offsets are left to automatic commits.
//!
//! Where it is met: in nearly every first program on `StreamConsumer` that wants to read and to work at the same time. The
//! defaults of librdkafka, `enable.auto.commit=true` and `enable.auto.offset.store=true`, *store* an offset when `recv` hands the
//! record out and commit what is stored every `auto.commit.interval.ms`. As long as the loop that receives also works, that
//! comes to at least once; with a channel between them the commit runs ahead of the work by what the channel holds, and a
//! crash loses all of it. librdkafka says so where it describes `enable.auto.offset.store`, and the crate `rdkafka` in its
//! example `at_least_once`.
//!
//! The corrected form sets `enable.auto.offset.store=false` and stores an offset when the worker is done with its record; the
//! automatic commit then commits no more than that. A partition that is revoked is another's: what the channel holds of it
//! is abandoned, and its offsets are not stored any more (in both forms, as in `process_past_revoke`).
//!
//! ```text
//! cargo run -p klamm-madsim --example auto_commit_handoff -- run scenarios/apps/auto-commit-handoff.ron --sweep 1..1000
//! cargo run -p klamm-madsim --example auto_commit_handoff -- run scenarios/apps/store-after-processing.ron --sweep 1..1000
//! ```

#![expect(
    clippy::let_underscore_must_use,
    reason = "what may fail here is made up for by whoever reads on"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use klamm_madsim::app::{AppContext, AppResult, Programs};
use klamm_madsim::rdkafka::client::ClientContext;
use klamm_madsim::rdkafka::consumer::{
    BaseConsumer, Consumer, ConsumerContext, Rebalance, StreamConsumer,
};
use klamm_madsim::rdkafka::message::{Message, OwnedMessage};
use klamm_madsim::tokio::sync::mpsc;
use klamm_madsim::tokio::time::{Duration, sleep};

/// How long it takes to send a mail.
const MAILING: Duration = Duration::from_millis(40);

/// How many mails wait at most.
const CHANNEL: usize = 50;

/// The program of this file, by the name that scenarios use.
pub(crate) fn programs() -> Programs {
    Programs::new().with("mailer", mailer)
}

/// Which assignment of each partition is in force; no two have the same number.
#[derive(Clone, Default)]
struct Assignments {
    held: Arc<Mutex<BTreeMap<i32, u64>>>,
    last: Arc<AtomicU64>,
}

impl Assignments {
    fn of(&self, partition: i32) -> Option<u64> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&partition).copied()
    }
}

impl ClientContext for Assignments {}

impl ConsumerContext for Assignments {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match rebalance {
            Rebalance::Assign(partitions) => {
                for at in partitions.elements() {
                    held.insert(at.partition(), self.last.fetch_add(1, Ordering::SeqCst));
                }
            }
            Rebalance::Revoke(partitions) => {
                for at in partitions.elements() {
                    held.remove(&at.partition());
                }
            }
            Rebalance::Error(_) => {}
        }
    }
}

/// A welcome mail, and the assignment under which it was read.
type Mail = (OwnedMessage, u64);

/// Sends a mail to everybody who signs up.
async fn mailer(cx: AppContext) -> AppResult {
    let on_receipt = cx.arg("store") == Some("on-receipt");
    let assignments = Assignments::default();
    let consumer: StreamConsumer<Assignments> = cx
        .client_config()
        .set("auto.offset.reset", "earliest")
        .set("auto.commit.interval.ms", "1000")
        .set("enable.auto.offset.store", if on_receipt { "true" } else { "false" })
        .create_with_context(assignments.clone())?;
    let consumer = Arc::new(consumer);
    consumer.subscribe(&["signups"])?;
    let (sender, receiver) = mpsc::channel(CHANNEL);
    let worker = send_mails(cx, Arc::clone(&consumer), assignments.clone(), receiver, on_receipt);
    klamm_madsim::tokio::spawn(worker);
    loop {
        let Ok(signup) = consumer.recv().await else { continue };
        let signup = signup.detach();
        let Some(assignment) = assignments.of(signup.partition()) else { continue };
        if sender.send((signup, assignment)).await.is_err() {
            return Err("the worker is gone".into());
        }
    }
}

async fn send_mails(
    cx: AppContext,
    consumer: Arc<StreamConsumer<Assignments>>,
    assignments: Assignments,
    mut mails: mpsc::Receiver<Mail>,
    on_receipt: bool,
) {
    while let Some((signup, assignment)) = mails.recv().await {
        let is_ours = || assignments.of(signup.partition()) == Some(assignment);
        if !is_ours() {
            continue;
        }
        sleep(MAILING).await;
        if !is_ours() {
            continue;
        }
        cx.processed(&signup);
        if !on_receipt {
            // It is refused for a partition that has just been revoked: then the next owner sends the mail again.
            let _ = consumer.store_offset(signup.topic(), signup.partition(), signup.offset());
        }
    }
}
