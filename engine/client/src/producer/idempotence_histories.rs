//! Random histories of an idempotent producer before leaders that judge numbers as brokers do.
//!
//! The same histories in every run; `PROPTEST_RNG_SEED=7 PROPTEST_CASES=100000` plays others.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{Command, EventKind, Span, TopicPartition};
use klamm_protocol::kafka::messages::produce_response::{
    PartitionProduceResponse, TopicProduceResponse,
};
use klamm_protocol::kafka::messages::{ProduceResponse, RequestKind, ResponseKind};
use klamm_protocol::{Batch, ErrorCode};
use proptest::prelude::*;

use super::Producer;
use super::tests::{lab, record};
use crate::testing::Lab;

const OUT_OF_ORDER: ErrorCode = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;

/// A partition's log, and what its leaders make of a batch.
#[derive(Default)]
struct Log {
    batches: Vec<(i64, i16, i32, i32)>,
    records: Vec<u64>,
}

impl Log {
    fn append(&mut self, batch: &Batch) -> (ErrorCode, i64) {
        let header = batch.header();
        let (id, epoch, base) =
            (header.producer_id.0, header.producer_epoch.0, header.base_sequence);
        let newest = self.batches.iter().filter(|known| known.0 == id).map(|known| known.1).max();
        let own: Vec<_> = self
            .batches
            .iter()
            .enumerate()
            .filter(|(_, known)| (known.0, Some(known.1)) == (id, newest))
            .collect();
        let count = header.record_count;
        if newest == Some(epoch) {
            // It remembers all of them. Kafka's leader remembers five, which is one too few for a batch that is refused twice
            // while its successors are answered: it is out of order from then on, there as here, until its time is over.
            let known = own.iter().rev().find(|(_, known)| (known.2, known.3) == (base, count));
            if let Some((at, _)) = known {
                let before: i32 = self.batches[..*at].iter().map(|known| known.3).sum();
                return (ErrorCode::NONE, i64::from(before));
            }
        }
        let next = own.last().map(|(_, known)| known.2 + known.3);
        match newest {
            Some(newest) if epoch < newest => return (ErrorCode::INVALID_PRODUCER_EPOCH, -1),
            Some(newest) if epoch > newest && base != 0 => return (OUT_OF_ORDER, -1),
            Some(newest) if epoch == newest && Some(base) != next => return (OUT_OF_ORDER, -1),
            Some(_) | None => {}
        }
        let at = self.records.len();
        self.batches.push((id, epoch, base, count));
        for record in batch.records().expect("records") {
            let value = record.value.expect("a value");
            self.records.push(u64::from_be_bytes(value[..8].try_into().expect("eight bytes")));
        }
        (ErrorCode::NONE, i64::try_from(at).expect("few"))
    }
}

/// What a leader does with the oldest request.
#[derive(Clone, Copy, Debug)]
enum Serve {
    Answer,
    /// Appends, and the answer is lost with the connection.
    AppendAndLose,
    /// Appends, and answers that it took too long.
    AppendAndRefuse,
    /// Refuses for now.
    Refuse,
    /// Dies without having done anything.
    Lose,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Produce { partition: i32 },
    Pass { ms: u64 },
    Serve { broker: i32, how: Serve },
    Lead { partition: i32, leader: i32 },
}

/// No batch is refused for good: behind one that is, Kafka's producer numbers anew what may be in the log already, and doubles
/// it (KIP-360 knows; only a transaction knows better).
fn op(tick: u64) -> impl Strategy<Value = Op> {
    let how = prop_oneof![
        4 => Just(Serve::Answer),
        1 => Just(Serve::AppendAndLose),
        1 => Just(Serve::AppendAndRefuse),
        1 => Just(Serve::Refuse),
        1 => Just(Serve::Lose),
    ];
    prop_oneof![
        5 => (0..2_i32).prop_map(|partition| Op::Produce { partition }),
        2 => (0..300 / tick).prop_map(move |ticks| Op::Pass { ms: ticks * tick }),
        6 => (1..=3_i32, how).prop_map(|(broker, how)| Op::Serve { broker, how }),
        1 => (0..2_i32, 1..=3_i32).prop_map(|(partition, leader)| Op::Lead { partition, leader }),
    ]
}

struct Cluster {
    lab: Lab<Producer>,
    logs: BTreeMap<i32, Log>,
    epoch: i32,
    next: u64,
}

impl Cluster {
    fn produce(&mut self, partition: i32) {
        self.next += 1;
        let Command::Produce(mut produce) = record(self.next, Some(partition), None, 0) else {
            panic!("a record")
        };
        produce.value = Some(self.next.to_be_bytes().to_vec().into());
        self.lab.command(Command::Produce(produce));
    }

    fn serve(&mut self, broker: i32, how: Serve) -> bool {
        let Some(at) = self.lab.requests.iter().position(|request| request.broker == broker) else {
            return false;
        };
        let request = self.lab.requests.remove(at).expect("it is there");
        let RequestKind::Produce(produce) = &request.body else { panic!("{request:?}") };
        let mut response = ProduceResponse::default();
        for topic in &produce.topic_data {
            let mut answers = Vec::new();
            for data in &topic.partition_data {
                let batch = Batch::parse(data.records.as_ref().expect("records")).expect("a batch");
                let leads =
                    self.lab.leaders[&TopicPartition::new("orders", data.index)].0 == broker;
                let log = self.logs.entry(data.index).or_default();
                let (code, offset) = match how {
                    _ if !leads => (ErrorCode::NOT_LEADER_OR_FOLLOWER, -1),
                    Serve::Refuse => (ErrorCode::NOT_ENOUGH_REPLICAS, -1),
                    Serve::Lose => (ErrorCode::NONE, -1),
                    Serve::Answer | Serve::AppendAndLose => log.append(&batch),
                    Serve::AppendAndRefuse => match log.append(&batch) {
                        (ErrorCode::NONE, _) => (ErrorCode::REQUEST_TIMED_OUT, -1),
                        refused => refused,
                    },
                };
                answers.push(
                    PartitionProduceResponse::default()
                        .with_index(data.index)
                        .with_error_code(code.0)
                        .with_base_offset(offset),
                );
            }
            response.responses.push(
                TopicProduceResponse::default()
                    .with_topic_id(topic.topic_id)
                    .with_partition_responses(answers),
            );
        }
        match how {
            Serve::AppendAndLose | Serve::Lose => {
                self.lab.crash(broker);
                self.lab.restart(broker);
            }
            Serve::Answer | Serve::AppendAndRefuse | Serve::Refuse => {
                self.lab.reply(&request, Some(&ResponseKind::Produce(response)));
            }
        }
        true
    }

    /// Plays a story and lets everything come to an end.
    fn play(config: &[(&str, &str)], ops: &[Op]) -> Self {
        let lab = lab(&[&[("linger.ms", "0"), ("request.timeout.ms", "2000")], config].concat());
        let mut cluster = Self { lab, logs: BTreeMap::new(), epoch: 0, next: 0 };
        // Who is not known at all may begin with any number: of the first batch to leave, whichever arrives first.
        for partition in 0..2 {
            cluster.produce(partition);
            assert!(cluster.serve(partition + 1, Serve::Answer));
        }
        for op in ops {
            match *op {
                Op::Produce { partition } => cluster.produce(partition),
                Op::Pass { ms } => cluster.lab.advance(Span::millis(ms)),
                Op::Serve { broker, how } => {
                    cluster.serve(broker, how);
                }
                Op::Lead { partition, leader } => {
                    cluster.epoch += 1;
                    cluster.lab.lead("orders", partition, leader, cluster.epoch);
                }
            }
        }
        for _ in 0..300 {
            for broker in 1..=3 {
                while cluster.serve(broker, Serve::Answer) {}
            }
            cluster.lab.advance(Span::millis(200));
        }
        cluster
    }

    /// What the producer told, for whoever has to find out why.
    fn story(&self) -> String {
        let told = self.lab.events.iter().filter(|event| {
            !matches!(event, EventKind::ClientLearned { .. } | EventKind::RecordAccepted { .. })
        });
        told.map(|event| format!("{event}\n")).collect()
    }

    /// No record is in a log twice, every promise is kept, and every record has a fate.
    fn check(&self) {
        let mut promised = BTreeSet::new();
        for event in &self.lab.events {
            let EventKind::RecordsAcknowledged { partition, base_offset, records, .. } = event
            else {
                continue;
            };
            let at = usize::try_from(base_offset.0).expect("leaders say where");
            let stored = &self.logs[&partition.partition].records[at..at + records.len()];
            let told: Vec<u64> = records.iter().map(|record| record.0).collect();
            assert_eq!(stored, told, "{partition} at {base_offset}");
            promised.extend(told);
        }
        for log in self.logs.values() {
            let once: BTreeSet<u64> = log.records.iter().copied().collect();
            assert_eq!(
                once.len(),
                log.records.len(),
                "stored twice: {:?} {:?}\n{}",
                log.records,
                log.batches,
                self.story()
            );
        }
        let summary = self.lab.node.summary();
        assert_eq!(summary.waiting, 0);
        assert_eq!(summary.acknowledged, u64::try_from(promised.len()).expect("few"));
        assert_eq!(summary.acknowledged + summary.failed, self.next);
    }
}

/// Found by chance and shrunk: the first batch is in the log and answered REQUEST_TIMED_OUT; its retry and the request of the second,
/// which the leader has in its hands, run out of time in one moment. Whoever begins the next epoch then sends the second batch
/// under another number, and the log gets it twice.
#[test]
fn a_batch_and_a_request_run_out_of_time_at_once() {
    let config = [("delivery.timeout.ms", "450"), ("request.timeout.ms", "300")];
    let cluster = Cluster::play(
        &config,
        &[
            Op::Produce { partition: 0 },
            Op::Pass { ms: 150 },
            Op::Produce { partition: 0 },
            Op::Serve { broker: 1, how: Serve::AppendAndRefuse },
            Op::Pass { ms: 300 },
        ],
    );
    assert_eq!(cluster.logs[&0].records, [1, 3, 4]);
    cluster.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_time_enough_every_record_is_stored_once_and_in_order(
        ops in prop::collection::vec(op(1), 1..120),
    ) {
        let cluster = Cluster::play(&[("delivery.timeout.ms", "1000000")], &ops);
        cluster.check();
        for log in cluster.logs.values() {
            prop_assert!(log.records.is_sorted(), "{:?}", log.records);
        }
        prop_assert_eq!(cluster.lab.node.summary().failed, 0);
    }

    #[test]
    fn whoever_runs_out_of_time_no_record_is_stored_twice(
        ops in prop::collection::vec(op(1), 1..120),
        delivery in 300..4_000_u64,
    ) {
        let delivery = delivery.to_string();
        let config = [("delivery.timeout.ms", &*delivery), ("request.timeout.ms", "300")];
        Cluster::play(&config, &ops).check();
    }

    /// Everything happens on the hour: a batch runs out of time in the very moment in which its request does.
    #[test]
    fn nor_is_it_when_much_happens_at_once(
        ops in prop::collection::vec(op(50), 1..120),
        delivery in 6..60_u64,
    ) {
        let delivery = (delivery * 50).to_string();
        let config = [
            ("delivery.timeout.ms", &*delivery),
            ("request.timeout.ms", "300"),
            ("retry.backoff.ms", "50"),
            ("retry.backoff.max.ms", "50"),
        ];
        Cluster::play(&config, &ops).check();
    }
}
