//! Random histories of a cluster against a small model: what must hold of the committed image after every step (S12, S13,
//! S14, S26 of the invariants), and who may have come to lead.
//!
//! The model knows less than the controller, and in another way: which replicas hold every committed record of a partition.
//! A replica does that while it is in the ISR; it goes on doing so after it left, until the ISR is large enough again for
//! records to be committed without it; and no longer once its process was killed. A clean election must find one of those.

use std::collections::{BTreeMap, BTreeSet};

use klamm_controller::{MetadataImage, PartitionImage, life::BrokerState};
use klamm_node::{BrokerId, Span};
use klamm_protocol::kafka::messages;
use klamm_protocol::kafka::messages::ResponseKind;
use klamm_protocol::kafka::messages::alter_partition_request::{
    BrokerState as Member, PartitionData,
};
use proptest::prelude::*;

use super::bench::{Bench, CLUSTER, Registration};

const BROKERS: i32 = 5;
const MIN_ISR: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    Register { broker: i32, process: i64, clean: bool },
    Heartbeat { broker: i32, behind: i64, want_fence: bool, want_shut_down: bool },
    Unregister { broker: i32 },
    Pass { ms: u64 },
    Alter { partition: i32, sender: Option<i32>, isr: Vec<i32>, stale_by: i32, old_epochs: bool },
    Elect { unclean: bool, partition: Option<i32> },
    Reassign { partition: i32, replicas: Option<Vec<i32>> },
    Grow { by: i32 },
    Recreate,
    Hold(bool),
    FailOver,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let broker = 1..=BROKERS;
    let all: Vec<i32> = (1..=BROKERS).collect();
    let rarely = || prop::bool::weighted(0.15);
    let step = prop_oneof![
        4 => (broker.clone(), 1..4_i64, any::<bool>())
            .prop_map(|(broker, process, clean)| Step::Register { broker, process, clean }),
        14 => (broker.clone(), prop::sample::select(vec![0, 0, 0, 3]), rarely(), rarely()).prop_map(
            |(broker, behind, want_fence, want_shut_down)| Step::Heartbeat { broker, behind, want_fence, want_shut_down }
        ),
        1 => broker.clone().prop_map(|broker| Step::Unregister { broker }),
        5 => prop::sample::select(vec![100, 2_000, 5_000, 9_000, 300_000]).prop_map(|ms| Step::Pass { ms }),
        10 => (
            0..3_i32,
            prop::option::weighted(0.1, broker),
            prop::sample::subsequence(all.clone(), 0..=5),
            prop::sample::select(vec![0, 0, 0, 1, -1]),
            rarely(),
        ).prop_map(|(partition, sender, isr, stale_by, old_epochs)| Step::Alter { partition, sender, isr, stale_by, old_epochs }),
        3 => (prop::bool::weighted(0.3), prop::option::of(0..3_i32))
            .prop_map(|(unclean, partition)| Step::Elect { unclean, partition }),
        3 => (0..3_i32, prop::option::weighted(0.8, prop::sample::subsequence(all, 1..=4).prop_shuffle()))
            .prop_map(|(partition, replicas)| Step::Reassign { partition, replicas }),
        1 => (1..3_i32).prop_map(|by| Step::Grow { by }),
        1 => Just(Step::Recreate),
        2 => any::<bool>().prop_map(Step::Hold),
        2 => Just(Step::FailOver),
    ];
    prop::collection::vec(step, 1..120)
}

/// How a history is played.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// The topic allows unclean elections.
    unclean: bool,
    /// Eligible leader replicas are on (KIP-966).
    elr: bool,
}

/// Whether a set has all of a list, each once.
fn all_in(list: &[BrokerId], set: &[BrokerId]) -> bool {
    let unique: BTreeSet<_> = list.iter().collect();
    unique.len() == list.len() && list.iter().all(|id| set.contains(id))
}

/// What must hold of every committed state.
fn check_state(name: &str, image: &MetadataImage, partition: &PartitionImage, rules: Rules) {
    let PartitionImage { replicas, isr, elr, leader, adding, removing, .. } = partition;
    assert!(all_in(isr, replicas), "{name}: ISR {isr:?} beyond replicas {replicas:?}");
    assert!(all_in(elr, replicas), "{name}: ELR {elr:?} beyond replicas {replicas:?}");
    assert!(!isr.iter().any(|id| elr.contains(id)), "{name}: ISR {isr:?} and ELR {elr:?} overlap");
    assert!(all_in(adding, replicas) && all_in(removing, replicas), "{name}: {partition:?}");
    assert_eq!(replicas.len(), partition.directories.len(), "{name}: a directory each");
    if rules.elr {
        assert!(
            isr.len() < MIN_ISR || elr.is_empty(),
            "{name}: ISR {isr:?} is enough, ELR {elr:?}"
        );
        assert_eq!(isr.is_empty(), !partition.has_leader(), "{name}: {partition:?}");
        let known = partition.last_known_elr.len();
        assert!(known <= 1, "{name}: {partition:?}");
        assert!(!partition.has_leader() || known == 0, "{name}: {partition:?}");
    } else {
        assert!(!isr.is_empty() && elr.is_empty(), "{name}: {partition:?}");
        assert!(partition.last_known_elr.is_empty(), "{name}: {partition:?}");
    }
    if partition.has_leader() {
        assert!(isr.contains(leader), "{name}: leader {leader} outside the ISR {isr:?}");
        for member in isr {
            assert!(
                image.is_active(*member),
                "{name}: {member} is fenced or leaving, and in the ISR {isr:?}"
            );
        }
    } else {
        // A reassignment elects nobody at any price, not even whom it brings; the next look does.
        let candidates: Vec<_> = if rules.unclean && !partition.is_reassigning() {
            replicas.clone()
        } else {
            isr.iter().chain(elr).copied().collect()
        };
        let could = candidates.iter().find(|id| image.is_active(**id));
        assert_eq!(could, None, "{name} has no leader, although one could lead: {partition:?}");
    }
}

/// What must hold between two committed states.
fn check_change(name: &str, old: &PartitionImage, new: &PartitionImage) {
    assert!(new.leader_epoch >= old.leader_epoch, "{name}: the leader epoch fell");
    assert!(new.partition_epoch >= old.partition_epoch, "{name}: the partition epoch fell");
    if new.leader != old.leader {
        assert!(new.leader_epoch > old.leader_epoch, "{name}: a new leader in an old epoch");
    }
    if new != old {
        assert!(new.partition_epoch > old.partition_epoch, "{name}: changed without a new epoch");
    }
    if old.replicas.iter().any(|id| !new.replicas.contains(id)) {
        assert!(new.leader_epoch > old.leader_epoch, "{name}: a replica went, the epoch stayed");
    }
}

fn check(before: &MetadataImage, after: &MetadataImage, rules: Rules) {
    for (topic, index, partition) in after.partitions() {
        let name = topic.name_of(index).to_string();
        check_state(&name, after, partition, rules);
        if let Some(old) = before.partition_by_id(topic.id, index) {
            check_change(&name, old, partition);
        }
    }
    for broker in after.brokers() {
        let Some(old) = before.broker(broker.id) else { continue };
        assert!(broker.epoch >= old.epoch, "broker {}: its epoch fell", broker.id);
        if broker.incarnation != old.incarnation {
            assert!(broker.epoch > old.epoch, "broker {}: a new process, an old epoch", broker.id);
        }
        check_life(old, broker);
    }
}

fn state_of(broker: &klamm_controller::BrokerImage) -> BrokerState {
    match (broker.fenced, broker.in_controlled_shutdown) {
        (true, _) => BrokerState::Fenced,
        (false, true) => BrokerState::ControlledShutdown,
        (false, false) => BrokerState::Unfenced,
    }
}

/// The same process moves only along the table, though maybe by several moves in one step.
fn check_life(old: &klamm_controller::BrokerImage, new: &klamm_controller::BrokerImage) {
    use klamm_controller::life::BrokerMove;
    if old.epoch != new.epoch {
        return;
    }
    let mut reachable = BTreeSet::from([state_of(old)]);
    for _ in BrokerState::ALL {
        for from in reachable.clone() {
            reachable.extend(BrokerMove::ALL.iter().filter_map(|event| from.on(*event)));
        }
    }
    // A broker that may stop is fenced in the image.
    let is = state_of(new);
    assert!(reachable.contains(&is), "broker {}: {:?} to {is:?}", new.id, state_of(old));
    if old.in_controlled_shutdown {
        assert!(new.in_controlled_shutdown, "broker {}: leaving, and back", new.id);
    }
}

/// Which replicas hold every committed record of a partition, as far as the history tells.
#[derive(Clone, Debug, Default)]
struct Complete {
    holders: BTreeMap<(klamm_node::TopicId, i32), BTreeSet<BrokerId>>,
    /// What processes said when they registered: which epoch they stopped in, in an orderly way.
    stopped: BTreeSet<(BrokerId, i64, i64)>,
}

impl Complete {
    /// Takes the state after the next record, and judges the leader that it has if that is another than before. A leader
    /// that is recovering was elected at any price, or is the last known one.
    fn take(&mut self, before: &MetadataImage, after: &MetadataImage, rules: Rules) {
        let killed: BTreeSet<BrokerId> = after
            .brokers()
            .filter(|now| {
                before.broker(now.id).is_some_and(|old| {
                    let process = i64::try_from(now.incarnation.0).expect("small");
                    let stopped = self.stopped.contains(&(now.id, process, old.epoch.0));
                    old.incarnation != now.incarnation && !stopped
                })
            })
            .map(|now| now.id)
            .collect();
        for (topic, index, partition) in after.partitions() {
            let at = (topic.id, index);
            let old = before.partition_by_id(topic.id, index);
            let holders = self.holders.entry(at).or_default();
            let recovering = partition.recovering && !old.is_some_and(|old| old.recovering);
            let new_leader =
                old.is_some_and(|old| old.leader != partition.leader) && partition.has_leader();
            // The old leader said that the new replicas are in sync, and they take over in the same record.
            let handed_over = old.is_some_and(|old| {
                old.is_reassigning() && old.has_leader() && !partition.is_reassigning()
            });
            let judged = rules.elr && !rules.unclean && !partition.recovering && !handed_over;
            if new_leader && judged {
                assert!(
                    holders.contains(&partition.leader),
                    "{}: {} leads, and may lack what was committed; {holders:?} would not",
                    topic.name_of(index),
                    partition.leader
                );
            }
            // A killed process may have lost what it had not synced; in the ISR again, it has everything.
            holders.retain(|id| !killed.contains(id) && partition.replicas.contains(id));
            // What the leader of this partition waits for before a record counts as committed.
            let min_isr = MIN_ISR.min(partition.replicas.len());
            if partition.isr.len() >= min_isr || recovering {
                holders.clear();
            }
            holders.extend(&partition.isr);
        }
        let gone = |at: &(klamm_node::TopicId, i32)| after.partition_by_id(at.0, at.1).is_some();
        self.holders.retain(|at, _| gone(at));
    }
}

fn create(bench: &mut Bench, unclean: bool) {
    let unclean = format!("unclean.leader.election.enable:{unclean}");
    bench.run(&format!(
        "create orders 0:1,2,3 1:2,3,4 2:3,1,4 min.insync.replicas:{MIN_ISR} {unclean}"
    ));
}

fn run(steps: Vec<Step>, rules: Rules) {
    let elr = if rules.elr { "1" } else { "0" };
    let mut bench = Bench::new(&[("eligible.leader.replicas.version", elr)]);
    for id in 1..=BROKERS {
        bench.run(&format!("register {id}\nheartbeat {id}"));
    }
    create(&mut bench, rules.unclean);
    let mut complete = Complete::default();
    let mut folded = MetadataImage::new();
    let mut seen = 0;
    let mut old_epochs: BTreeMap<i32, i64> = bench.epochs.clone();
    for step in steps {
        let before = bench.image().clone();
        let known =
            |bench: &Bench, partition: i32| bench.image().partition("orders", partition).cloned();
        match step {
            Step::Register { broker, process, clean } => {
                old_epochs = bench.epochs.clone();
                let last = bench.epochs.get(&broker).copied().unwrap_or(-1);
                if clean {
                    complete.stopped.insert((BrokerId(broker), process, last));
                }
                bench.register_as(&Registration {
                    id: broker,
                    process,
                    cluster: CLUSTER,
                    level: 27,
                    previous: if clean { last } else { -1 },
                    rack: None,
                    directory: None,
                });
            }
            Step::Heartbeat { broker, behind, want_fence, want_shut_down } => {
                let epoch = bench.epochs.get(&broker).copied().unwrap_or(-1);
                let offset = bench.image().applied().0 - behind;
                bench.heartbeat(broker, epoch, offset, want_fence, want_shut_down);
            }
            Step::Unregister { broker } => drop(bench.run(&format!("unregister {broker}"))),
            Step::Pass { ms } => bench.pass(Span::millis(ms)),
            Step::Alter { partition, sender, isr, stale_by, old_epochs: stale_members } => {
                let (Some(topic), Some(known)) =
                    (bench.image().topic_id("orders"), known(&bench, partition))
                else {
                    continue;
                };
                let sender = sender.unwrap_or(known.leader.0);
                let epochs = if stale_members { &old_epochs } else { &bench.epochs };
                let members = isr.iter().map(|id| {
                    Member::default()
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
            Step::Elect { unclean, partition } => {
                let kind = if unclean { "unclean" } else { "preferred" };
                let which =
                    partition.map_or_else(|| "all".to_owned(), |index| format!("orders-{index}"));
                bench.run(&format!("elect {kind} {which}"));
            }
            Step::Reassign { partition, replicas } => {
                let wanted = replicas.map_or_else(
                    || "cancel".to_owned(),
                    |ids| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(","),
                );
                bench.run(&format!("reassign orders-{partition}={wanted}"));
            }
            Step::Grow { by } => {
                let count = bench.image().topic("orders").map_or(0, |topic| topic.partitions.len());
                bench.run(&format!("grow orders {}", i32::try_from(count).expect("few") + by));
            }
            Step::Recreate => {
                bench.run("delete orders");
                create(&mut bench, rules.unclean);
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
        let after = bench.image().clone();
        check(&before, &after, rules);
        for (offset, record) in bench.log.get(seen..).unwrap_or_default() {
            let before = folded.clone();
            folded.apply(*offset, record);
            complete.take(&before, &folded, rules);
        }
        seen = bench.log.len();
    }
    // S26a: the image is the fold of the log, and nothing else.
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
    let (kept, lost): (Vec<i32>, Vec<i32>) = isr.iter().partition(|id| now.contains(id));
    assert_eq!(now, kept, "accepted, and not what was asked for");
    // Only a reassignment that this ended takes somebody out.
    assert!(lost.iter().all(|id| known.removing.contains(&BrokerId(*id))), "{lost:?} of {isr:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn clean_histories_keep_the_invariants(steps in steps()) {
        run(steps, Rules { unclean: false, elr: true });
    }

    #[test]
    fn histories_without_eligible_leaders_keep_the_invariants(steps in steps()) {
        run(steps, Rules { unclean: false, elr: false });
    }

    #[test]
    fn histories_with_unclean_elections_keep_the_invariants(steps in steps()) {
        run(steps, Rules { unclean: true, elr: true });
    }

    #[test]
    fn histories_of_old_clusters_with_unclean_elections_keep_the_invariants(steps in steps()) {
        run(steps, Rules { unclean: true, elr: false });
    }
}
