//! Mistake 2: a worker goes on with what it has of a partition that the group has given to somebody else.
//!
//! Where it is met: in services that read in one task and work in others, one for each partition, to be done faster.
//! Somebody scales the service up or a member dies, the group rebalances, the loop of `recv` serves the revocation at once
//! (nothing keeps it from doing so), and the workers never hear of it: each goes on through what it has queued, beside the
//! new owner, who begins at the committed offset. Two processes work on one account at the same time, and the late
//! one's commits put the group back. Kafka's `ConsumerRebalanceListener` and librdkafka's rebalance callback exist for
//! this; with `rdkafka` it is `ConsumerContext::pre_rebalance`, which is easily left at its default.
//!
//! The corrected form gives each assignment of a partition a *lease*. The revocation ends it in the callback, before anybody
//! else can be given the partition, and a worker makes its work visible only while its lease holds. What is queued or half done
//! is abandoned: the next owner begins with it.
//!
//! ```text
//! cargo run -p klamm-madsim --example process_past_revoke -- run scenarios/apps/process-past-revoke.ron --sweep 1..1000
//! cargo run -p klamm-madsim --example process_past_revoke -- run scenarios/apps/abandon-at-revoke.ron --sweep 1..1000
//! ```

#![expect(
    clippy::let_underscore_must_use,
    reason = "what may fail here is made up for by whoever reads on"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use klamm_madsim::app::{AppContext, AppResult, Programs};
use klamm_madsim::rdkafka::client::ClientContext;
use klamm_madsim::rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer,
};
use klamm_madsim::rdkafka::message::{Message, OwnedMessage};
use klamm_madsim::rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use klamm_madsim::tokio::sync::mpsc;
use klamm_madsim::tokio::time::{Duration, sleep};

/// How long it takes to book a payment.
const BOOKING: Duration = Duration::from_millis(60);

/// How many payments wait for a worker at most.
const QUEUE: usize = 20;

/// The program of this file, by the name that scenarios use.
pub(crate) fn programs() -> Programs {
    Programs::new().with("ledger", ledger)
}

/// The right to work on a partition, from its assignment to its revocation.
#[derive(Clone, Debug)]
struct Lease(Arc<AtomicBool>);

impl Lease {
    fn holds(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The leases of this process.
#[derive(Clone, Default)]
struct Leases(Arc<Mutex<BTreeMap<(String, i32), Lease>>>);

impl Leases {
    fn of(&self, topic: &str, partition: i32) -> Option<Lease> {
        let leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        leases.get(&(topic.to_owned(), partition)).cloned()
    }
}

impl ClientContext for Leases {}

impl ConsumerContext for Leases {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match rebalance {
            Rebalance::Assign(partitions) => {
                for at in partitions.elements() {
                    let lease = Lease(Arc::new(AtomicBool::new(true)));
                    leases.insert((at.topic().to_owned(), at.partition()), lease);
                }
            }
            Rebalance::Revoke(partitions) => {
                for at in partitions.elements() {
                    if let Some(lease) = leases.remove(&(at.topic().to_owned(), at.partition())) {
                        lease.0.store(false, Ordering::SeqCst);
                    }
                }
            }
            Rebalance::Error(_) => {}
        }
    }
}

type LedgerConsumer = Arc<StreamConsumer<Leases>>;

/// Books payments, each partition in a task of its own.
async fn ledger(cx: AppContext) -> AppResult {
    let leases = Leases::default();
    let consumer: StreamConsumer<Leases> = cx
        .client_config()
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create_with_context(leases.clone())?;
    let consumer: LedgerConsumer = Arc::new(consumer);
    consumer.subscribe(&["payments"])?;
    let heedless = cx.arg("revoke") == Some("ignored");
    let mut workers: BTreeMap<i32, mpsc::Sender<(OwnedMessage, Lease)>> = BTreeMap::new();
    loop {
        let Ok(payment) = consumer.recv().await else { continue };
        let payment = payment.detach();
        let Some(lease) = leases.of(payment.topic(), payment.partition()) else { continue };
        let worker = workers.entry(payment.partition()).or_insert_with(|| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            let worker = work(cx.clone(), Arc::clone(&consumer), receiver, heedless);
            klamm_madsim::tokio::spawn(worker);
            sender
        });
        // A full queue keeps the loop from asking for more, and from serving a rebalance, which therefore waits.
        if worker.send((payment, lease)).await.is_err() {
            return Err("a worker is gone".into());
        }
    }
}

/// Books the payments of one partition, one after the other.
async fn work(
    cx: AppContext,
    consumer: LedgerConsumer,
    mut queue: mpsc::Receiver<(OwnedMessage, Lease)>,
    heedless: bool,
) {
    while let Some((payment, lease)) = queue.recv().await {
        if !heedless && !lease.holds() {
            continue;
        }
        sleep(BOOKING).await;
        // Between this look and the booking nothing is awaited: no callback can come between them.
        if !heedless && !lease.holds() {
            continue;
        }
        cx.processed(&payment);
        let mut next = TopicPartitionList::new();
        let offset = Offset::Offset(payment.offset() + 1);
        let added = next.add_partition_offset(payment.topic(), payment.partition(), offset);
        if added.is_ok() {
            // Whoever reads on after a commit that failed books the payment again, under the same number.
            let _ = consumer.commit(&next, CommitMode::Async);
        }
    }
}
