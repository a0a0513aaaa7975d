//! Random histories of registration, heartbeats, silence, ISR changes and failovers against a small model: what must hold
//! of the committed image after every step (S12, S13, S26 of the invariants).

use std::collections::BTreeMap;

use klamm_controller::{MetadataImage, PartitionImage};
use klamm_node::{BrokerId, Span};
use klamm_protocol::kafka::messages;
use klamm_protocol::kafka::messages::ResponseKind;
use klamm_protocol::kafka::messages::alter_partition_request::{BrokerState, PartitionData};
use proptest::prelude::*;

use super::bench::{Bench, CLUSTER};

const BROKERS: i32 = 4;

#[derive(Clone, Debug)]
enum Step {
    Register { broker: i32, process: i64 },
    Heartbeat { broker: i32, behind: i64, want_fence: bool, want_shut_down: bool },
    Pass { ms: u64 },
    Alter { partition: i32, sender: Option<i32>, isr: Vec<i32>, stale_by: i32, old_epochs: bool },
    Hold(bool),
    FailOver,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let broker = 1..=BROKERS;
    let rarely = || prop::bool::weighted(0.15);
    let step = prop_oneof![
        2 => (broker.clone(), 1..4_i64).prop_map(|(broker, process)| Step::Register { broker, process }),
        8 => (broker.clone(), prop::sample::select(vec![0, 0, 0, 3]), rarely(), rarely()).prop_map(
            |(broker, behind, want_fence, want_shut_down)| Step::Heartbeat { broker, behind, want_fence, want_shut_down }
        ),
        3 => prop::sample::select(vec![100, 2_000, 5_000, 9_000]).prop_map(|ms| Step::Pass { ms }),
        6 => (
            0..3_i32,
            prop::option::weighted(0.1, broker),
            prop::sample::subsequence((1..=BROKERS).collect::<Vec<_>>(), 0..=4),
            prop::sample::select(vec![0, 0, 0, 1, -1]),
            rarely(),
        ).prop_map(|(partition, sender, isr, stale_by, old_epochs)| Step::Alter { partition, sender, isr, stale_by, old_epochs }),
        1 => any::<bool>().prop_map(Step::Hold),
        1 => Just(Step::FailOver),
    ];
    prop::collection::vec(step, 1..80)
}

/// What must hold of every committed state, and between two of them.
fn check(before: &MetadataImage, after: &MetadataImage, unclean: bool) {
    for (topic, index, partition) in after.partitions() {
        let name = topic.name_of(index);
        let PartitionImage { replicas, isr, leader, .. } = partition;
        assert!(!isr.is_empty(), "{name}: an empty ISR");
        assert!(
            isr.iter().all(|id| replicas.contains(id)),
            "{name}: ISR {isr:?} beyond replicas {replicas:?}"
        );
        if partition.has_leader() {
            assert!(isr.contains(leader), "{name}: leader {leader} outside the ISR {isr:?}");
            for member in isr {
                assert!(
                    after.is_active(*member),
                    "{name}: {member} is fenced or leaving, and in the ISR {isr:?}"
                );
            }
        } else {
            let candidates = if unclean { replicas } else { isr };
            let could = candidates.iter().find(|id| after.is_active(**id));
            assert_eq!(could, None, "{name} has no leader, although one could lead");
        }
        let Some(old) = before.partition_by_id(topic.id, index) else { continue };
        assert!(partition.leader_epoch >= old.leader_epoch, "{name}: the leader epoch fell");
        assert!(
            partition.partition_epoch >= old.partition_epoch,
            "{name}: the partition epoch fell"
        );
        if partition.leader != old.leader {
            assert!(
                partition.leader_epoch > old.leader_epoch,
                "{name}: a new leader in an old epoch"
            );
        }
        if partition != old {
            assert!(
                partition.partition_epoch > old.partition_epoch,
                "{name}: changed without a new partition epoch"
            );
        }
    }
    for broker in after.brokers() {
        if let Some(old) = before.broker(broker.id) {
            assert!(broker.epoch >= old.epoch, "broker {}: its epoch fell", broker.id);
            if broker.incarnation != old.incarnation {
                assert!(
                    broker.epoch > old.epoch,
                    "broker {}: a new process with an old epoch",
                    broker.id
                );
            }
        }
    }
}

fn run(steps: Vec<Step>, unclean: bool) {
    let mut bench = Bench::new(&[]);
    for id in 1..=BROKERS {
        bench.run(&format!("register {id}\nheartbeat {id}"));
    }
    let unclean_config = format!("unclean.leader.election.enable:{unclean}");
    bench.run(&format!("create orders 0:1,2,3 1:2,3,4 2:3,1,4 {unclean_config}"));
    let topic = bench.image().topic_id("orders").expect("it was created");
    let mut old_epochs: BTreeMap<i32, i64> = bench.epochs.clone();
    for step in steps {
        let before = bench.image().clone();
        match step {
            Step::Register { broker, process } => {
                old_epochs = bench.epochs.clone();
                bench.register(broker, process, CLUSTER, 27);
            }
            Step::Heartbeat { broker, behind, want_fence, want_shut_down } => {
                let epoch = bench.epochs.get(&broker).copied().unwrap_or(-1);
                let offset = bench.image().applied().0 - behind;
                bench.heartbeat(broker, epoch, offset, want_fence, want_shut_down);
            }
            Step::Pass { ms } => bench.pass(Span::millis(ms)),
            Step::Alter { partition, sender, isr, stale_by, old_epochs: stale_members } => {
                let known = bench
                    .image()
                    .partition_by_id(topic, partition)
                    .expect("it was created")
                    .clone();
                let sender = sender.unwrap_or(known.leader.0);
                let epochs = if stale_members { &old_epochs } else { &bench.epochs };
                let members = isr.iter().map(|id| {
                    BrokerState::default()
                        .with_broker_id(messages::BrokerId(*id))
                        .with_broker_epoch(epochs.get(id).copied().unwrap_or(-1))
                });
                let asked = PartitionData::default()
                    .with_partition_index(partition)
                    .with_leader_epoch(known.leader_epoch.0)
                    .with_partition_epoch(known.partition_epoch.0 - stale_by)
                    .with_new_isr_with_epochs(members.collect());
                let sender_epoch = bench.epochs.get(&sender).copied().unwrap_or(-1);
                bench.alter(sender, sender_epoch, topic.0, asked);
                if !bench.hold {
                    accepted_only_if_current(&bench, &before, partition, sender, &isr, stale_by);
                }
            }
            Step::Hold(hold) => {
                bench.hold = hold;
                bench.commit();
            }
            Step::FailOver => {
                bench.hold = false;
                bench.fail_over();
            }
        }
        check(&before, bench.image(), unclean);
    }
    // S26a: the image is the fold of the log, and nothing else.
    let mut folded = MetadataImage::new();
    for (offset, record) in &bench.log {
        folded.apply(*offset, record);
    }
    assert_eq!(&folded, bench.image());
}

/// S13b: an accepted AlterPartition came from the leader, and was made against the state that held.
fn accepted_only_if_current(
    bench: &Bench,
    before: &MetadataImage,
    partition: i32,
    sender: i32,
    isr: &[i32],
    stale_by: i32,
) {
    let Some(ResponseKind::AlterPartition(response)) = bench.replies.last() else {
        panic!("no answer to AlterPartition");
    };
    let answer = response.topics.first().and_then(|topic| topic.partitions.first());
    let Some(answer) = answer.filter(|answer| response.error_code == 0 && answer.error_code == 0)
    else {
        return;
    };
    let known = before.partition("orders", partition).expect("it was created");
    assert_eq!(
        (BrokerId(sender), stale_by),
        (known.leader, 0),
        "accepted from another than the leader, or stale"
    );
    let now: Vec<i32> = answer.isr.iter().map(|id| id.0).collect();
    assert_eq!(now, isr, "accepted, and not what was asked for");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn clean_histories_keep_the_invariants(steps in steps()) {
        run(steps, false);
    }

    #[test]
    fn histories_with_unclean_elections_keep_the_invariants(steps in steps()) {
        run(steps, true);
    }
}
