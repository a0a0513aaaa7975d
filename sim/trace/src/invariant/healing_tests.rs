//! Liveness, eligible leader replicas, topic identity and the quorum's service: silent on a clean trace, told on a broken
//! one made by hand.

use std::collections::BTreeMap;

use klamm_node::effects::FrameRole;
use klamm_node::{
    BrokerEpoch, BrokerId, ConnectionId, CorrelationId, EventKind, IfAny, IfSome, Incarnation,
    IncarnationId, LeaderEpoch, NodeId, Offset, PartitionEpoch, Quiet, Seq, Span, TopicId,
};

use super::InvariantId as Id;
use super::Quiescence;
use crate::testing::{CONSUMER, PRODUCER, Story, node, orders};

/// Ten seconds to settle, a minute to deliver.
fn quiet() -> Quiescence {
    Quiescence {
        settle: Span::secs(10),
        groups: Span::ZERO,
        delivery: BTreeMap::from([(PRODUCER, Span::secs(60))]),
    }
}

/// A committed partition whose nodes all run, believe what is committed, and have had nothing to suffer for long.
fn healed() -> Story {
    let mut story = Story::committed();
    story.at(PRODUCER, EventKind::NodeStarted { incarnation: Incarnation(1) });
    for id in [1, 2, 3] {
        let (from, to) = ("recovery".into(), "running".into());
        story.at(node(id), EventKind::BrokerStateChanged { from, to });
    }
    let (epoch, leader) = (LeaderEpoch(1), BrokerId(3001));
    story.at(node(3001), EventKind::ControllerActivated { epoch });
    for id in [3002, 3003] {
        let role = "follower".into();
        let voted = BrokerId::NONE;
        story.at(node(id), EventKind::QuorumRoleChanged { role, epoch, leader, voted });
    }
    story
}

/// Time passes, and something harmless happens.
fn later(story: &mut Story) {
    story.now += Span::secs(20);
    story.at(CONSUMER, EventKind::CommandGiven { text: "nothing".to_owned() });
}

fn judged(mut story: Story) -> Story {
    later(&mut story);
    assert!(story.recorder.at_quiescence(&quiet()), "it is quiet");
    story
}

/// A state of `orders-0` in which broker 1 leads in epoch 0.
fn state(partition_epoch: i32, isr: &[i32], elr: &[i32], last_known: &[i32]) -> EventKind {
    let ids = |of: &[i32]| of.iter().copied().map(BrokerId).collect::<Vec<_>>();
    EventKind::PartitionChanged {
        offset: Offset(0),
        partition: orders(),
        leader: isr.first().copied().map_or(BrokerId::NONE, BrokerId),
        leader_epoch: LeaderEpoch(partition_epoch),
        partition_epoch: PartitionEpoch(partition_epoch),
        isr: ids(isr),
        replicas: ids(&[1, 2, 3]),
        adding: IfAny::default(),
        removing: IfAny::default(),
        elr: IfAny(ids(elr)),
        last_known_elr: IfAny(ids(last_known)),
    }
}

fn at(offset: Offset, kind: &EventKind) -> EventKind {
    let mut kind = kind.clone();
    if let EventKind::PartitionChanged { offset: place, .. } = &mut kind {
        *place = offset;
    }
    kind
}

#[test]
fn a_healed_cluster_is_alive() {
    judged(healed()).violates(&[]);
}

#[test]
fn a_moment_is_quiet_only_when_nothing_was_done_for_the_settle_time() {
    let mut story = healed();
    later(&mut story);
    story.crash(3);
    assert!(!story.recorder.at_quiescence(&quiet()), "a crash a moment ago");
    let mut story = healed();
    story.at(node(1), EventKind::LinkCut { from: node(1), to: node(2) });
    later(&mut story);
    assert!(!story.recorder.at_quiescence(&quiet()), "a link is cut");
    let mut story = healed();
    story.at(node(2), EventKind::NodePaused {});
    later(&mut story);
    assert!(!story.recorder.at_quiescence(&quiet()), "a process is frozen");
    let mut story = healed();
    let (from, to) = (node(1), node(2));
    story.at(from, EventKind::LinkFlaky { from, to, loss: 10, duplicate: 0, reorder: 0 });
    later(&mut story);
    assert!(!story.recorder.at_quiescence(&quiet()), "a link loses packets");
    story.at(from, EventKind::LinkFlaky { from, to, loss: 0, duplicate: 0, reorder: 0 });
    later(&mut story);
    assert!(story.recorder.at_quiescence(&quiet()), "and no longer");
}

#[test]
fn l1_a_running_replica_that_never_comes_back_into_the_isr() {
    let mut story = healed();
    story.partition(1, 0, 1, &[1, 2]);
    assert!(judged(story).violates(&[Id::IsrHeals]).contains("broker 3 runs"));
}

#[test]
fn l1_a_running_broker_that_stays_fenced() {
    let mut story = healed();
    let (broker, broker_epoch) = (BrokerId(3), BrokerEpoch(2));
    story.metadata(|offset| EventKind::BrokerFenced { offset, broker, broker_epoch });
    let story = judged(story);
    // It is in the ISR as well, which S13 has to say about.
    let sentence = story.violates(&[Id::MembershipEligible, Id::IsrHeals]);
    assert!(sentence.contains("broker 3 runs, and is fenced"), "{sentence}");
}

#[test]
fn l2_a_partition_without_the_leader_that_it_could_have() {
    let mut story = healed();
    let (broker, broker_epoch) = (BrokerId(1), BrokerEpoch(0));
    story.crash(1);
    story.metadata(|offset| EventKind::BrokerFenced { offset, broker, broker_epoch });
    story.partition(-1, 1, 1, &[2, 3]);
    let story = judged(story);
    assert!(story.codes().contains(&"L2"), "{:?}", story.codes());
}

#[test]
fn l2_a_quorum_without_a_leader_and_one_whose_epoch_grows() {
    let mut story = healed();
    for id in [3001, 3002, 3003] {
        let (role, epoch) = ("unattached".into(), LeaderEpoch(1));
        let (leader, voted) = (BrokerId::NONE, BrokerId::NONE);
        story.at(node(id), EventKind::QuorumRoleChanged { role, epoch, leader, voted });
    }
    assert!(judged(story).violates(&[Id::LeaderEventually]).contains("nobody leads it"));
    let mut story = healed();
    later(&mut story);
    let (role, epoch) = ("candidate".into(), LeaderEpoch(7));
    let (leader, voted) = (BrokerId::NONE, BrokerId(3003));
    story.at(node(3003), EventKind::QuorumRoleChanged { role, epoch, leader, voted });
    assert!(story.recorder.at_quiescence(&quiet()));
    assert!(story.violates(&[Id::LeaderEventually]).contains("still grows"));
}

#[test]
fn l3_a_record_whose_fate_is_never_told() {
    let mut story = healed();
    story.sent(9, 1, 99);
    assert!(judged(story).violates(&[Id::ProduceResolves]).contains("never told its fate"));
}

#[test]
fn l6_a_leader_that_waits_for_ever() {
    let mut story = healed();
    story.partition(1, 0, 1, &[1, 2]);
    let kind = EventKind::IsrProposed {
        partition: orders(),
        isr: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(1),
        reason: "caught-up".into(),
        broker_epochs: Quiet::default(),
    };
    story.at(node(1), kind);
    judged(story).violates(&[Id::IsrHeals, Id::AlterPartitionResolves]);
}

#[test]
fn l7_a_broker_that_has_stopped_to_listen() {
    let mut story = healed();
    let offset = Offset(story.metadata);
    story.metadata += 1;
    for id in [3001, 1, 2] {
        story.metadata_batch(id, offset.0, 1, 77);
        story.at(node(id), EventKind::MetadataCommitted { to: offset.plus(1) });
        story.at(node(id), at(offset, &state(1, &[1, 2, 3], &[], &[])));
        story.at(node(id), EventKind::MetadataApplied { offset });
    }
    story.lead(1, 1, 2);
    let story = judged(story);
    assert!(story.codes().contains(&"L7"), "{:?}", story.codes());
}

#[test]
fn l8_followers_that_stand_still_and_one_that_is_refused_again_and_again() {
    let mut story = healed();
    story.sent(3, 1, 71);
    story.append(1, 2, 2, 0, 71);
    story.append(2, 2, 2, 0, 71);
    story.acked(2, 3, 1, 1, 71);
    let story = judged(story);
    let sentence = story.violates(&[Id::FollowersCatchUp, Id::FollowersCatchUp]);
    assert!(sentence.contains("the log of broker 3 ends at 2"), "{sentence}");

    let mut story = healed();
    later(&mut story);
    for _ in 0..3 {
        story.at(
            node(1),
            EventKind::PartitionRequestRefused {
                partition: orders(),
                api_key: 1,
                replica: BrokerId(2),
                error: "FENCED_LEADER_EPOCH".into(),
            },
        );
    }
    assert!(story.recorder.at_quiescence(&quiet()));
    assert!(story.violates(&[Id::FollowersCatchUp]).contains("again and again"));
}

#[test]
fn l10_a_reassignment_that_does_not_end() {
    let mut story = healed();
    let mut moving = state(0, &[1, 2, 3], &[], &[]);
    if let EventKind::PartitionChanged { partition_epoch, adding, .. } = &mut moving {
        *partition_epoch = PartitionEpoch(1);
        *adding = IfAny(vec![BrokerId(3)]);
    }
    story.metadata(|offset| at(offset, &moving));
    judged(story).violates(&[Id::ReassignmentEnds]);
}

/// Eligible leader replicas are on, two of three must be in sync, and broker 1 alone is left of the ISR.
fn eligible() -> Story {
    let mut story = Story::begun();
    let feature = "eligible.leader.replicas.version".to_owned();
    story.metadata(|offset| EventKind::FeatureLevelChanged {
        offset,
        feature: feature.clone(),
        level: 1,
    });
    let (resource, key) = ("topic:orders".to_owned(), "min.insync.replicas".to_owned());
    story.metadata(|offset| EventKind::ConfigChanged {
        offset,
        resource: resource.clone(),
        key: key.clone(),
        value: Some("2".to_owned()),
    });
    story.metadata(|offset| at(offset, &state(1, &[1, 2], &[], &[])));
    story.metadata(|offset| at(offset, &state(2, &[1], &[2], &[])));
    story
}

fn registered_again(story: &mut Story, id: i32) {
    story.at(node(id), EventKind::NodeStarted { incarnation: Incarnation(2) });
    story.metadata(|offset| EventKind::BrokerRegistered {
        offset,
        broker: BrokerId(id),
        broker_epoch: BrokerEpoch(offset.0),
        incarnation: IncarnationId(2),
        rack: None,
        fenced: true,
    });
}

#[test]
fn s14_who_left_a_small_isr_is_eligible_and_stays_so_until_the_isr_is_large_enough() {
    let mut story = eligible();
    story.metadata(|offset| at(offset, &state(3, &[], &[1, 2], &[1])));
    story.metadata(|offset| at(offset, &state(4, &[2], &[1], &[])));
    story.metadata(|offset| at(offset, &state(5, &[2, 3], &[], &[])));
    story.violates(&[]);
}

#[test]
fn s14_eligible_without_need_and_in_sync_and_eligible_at_once() {
    let mut story = eligible();
    story.metadata(|offset| at(offset, &state(3, &[1, 2], &[3], &[])));
    assert!(story.violates(&[Id::ElrValid]).contains("although 2 are in sync"));
    let mut story = eligible();
    story.metadata(|offset| at(offset, &state(3, &[1], &[1, 2], &[])));
    assert!(story.violates(&[Id::ElrValid]).contains("at once"));
}

#[test]
fn s14_an_eligible_broker_that_is_forgotten_and_a_last_leader_that_is() {
    let mut story = eligible();
    story.metadata(|offset| at(offset, &state(3, &[1], &[], &[])));
    assert!(story.violates(&[Id::ElrValid]).contains("broker 2 is counted on no more"));
    let mut story = eligible();
    story.metadata(|offset| at(offset, &state(3, &[], &[], &[])));
    assert!(story.violates(&[Id::ElrValid]).contains("who led last is forgotten"));
}

#[test]
fn s14_a_broker_that_came_back_from_a_crash_is_not_eligible_and_one_from_an_orderly_stop_is() {
    let mut story = eligible();
    story.crash(2);
    registered_again(&mut story, 2);
    assert!(story.violates(&[Id::ElrValid]).contains("without an orderly end"));
    let mut story = eligible();
    let (reason, orderly) = ("shut down".to_owned(), true);
    story.at(node(2), EventKind::NodeStopped { reason, orderly });
    registered_again(&mut story, 2);
    story.violates(&[]);
}

#[test]
fn s14_a_life_that_opened_no_log_leaves_the_marker_of_the_orderly_stop_before_it_and_another_does_not()
 {
    let stopped = || {
        let mut story = eligible();
        let (reason, orderly) = ("shut down".to_owned(), true);
        story.at(node(2), EventKind::NodeStopped { reason, orderly });
        story.at(node(2), EventKind::NodeStarted { incarnation: Incarnation(2) });
        story
    };
    let register = |story: &mut Story, incarnation| {
        story.at(node(2), EventKind::NodeStarted { incarnation: Incarnation(incarnation) });
        story.metadata(|offset| EventKind::BrokerRegistered {
            offset,
            broker: BrokerId(2),
            broker_epoch: BrokerEpoch(offset.0),
            incarnation: IncarnationId(u128::from(incarnation)),
            rack: None,
            fenced: true,
        });
    };
    let mut story = stopped();
    story.crash(2);
    register(&mut story, 3);
    story.violates(&[]);
    let mut story = stopped();
    register(&mut story, 3);
    story.crash(2);
    register(&mut story, 4);
    assert!(story.violates(&[Id::ElrValid]).contains("without an orderly end"));
}

#[test]
fn s29_a_replica_that_serves_a_deleted_topics_records() {
    let recreated = |end: i64| {
        let mut story = Story::committed();
        story.crash(3);
        let topic = "orders";
        let gone = |offset| EventKind::TopicDeleted { offset, topic: topic.into(), id: TopicId(7) };
        story.metadata(gone);
        for id in [1, 2] {
            story.at(node(id), EventKind::ReplicaStopped { partition: orders() });
        }
        story.metadata(|offset| EventKind::TopicCreated {
            offset,
            topic: topic.into(),
            id: TopicId(8),
        });
        story.partition(1, 0, 0, &[1, 2, 3]);
        story.lead(1, 0, 0);
        story.follow(2, 1, 0, 0);
        // What it finds on its disk; then it learns whose that was.
        story.restart(3, 2);
        story.follow(3, 1, 0, end);
        story
    };
    recreated(0).violates(&[]);
    let story = recreated(2);
    assert!(story.violates(&[Id::TopicIdentity]).contains("older than the topic"));
}

#[test]
fn s10_c_an_end_that_goes_back() {
    let mut story = Story::committed();
    let connection = ConnectionId(4);
    story.at(node(1), EventKind::ConnectionAccepted { connection, peer: CONSUMER, port: 9092 });
    let listed = |offset| EventKind::OffsetListed {
        partition: orders(),
        connection,
        replica: BrokerId::NONE,
        timestamp: -1,
        isolation: 0,
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(0),
    };
    for offset in [1, 2, 2] {
        story.at(node(1), listed(offset));
    }
    story.violates(&[]);
    story.at(node(1), listed(1));
    assert!(story.violates(&[Id::WatermarkSanity]).contains("after it had been told 2"));
}

#[test]
fn s10_e_an_end_above_the_high_watermark() {
    let mut story = Story::committed();
    let connection = ConnectionId(4);
    story.at(node(1), EventKind::ConnectionAccepted { connection, peer: CONSUMER, port: 9092 });
    story.append(1, 2, 2, 0, 71);
    let listed = |isolation, offset| EventKind::OffsetListed {
        partition: orders(),
        connection,
        replica: BrokerId::NONE,
        timestamp: -1,
        isolation,
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(0),
    };
    // The last stable offset may stand behind what everybody may read.
    story.at(node(1), listed(0, 2));
    story.at(node(1), listed(1, 1));
    story.at(node(1), listed(1, 2));
    story.violates(&[]);
    let mut unstable = story.clone();
    unstable.at(node(1), listed(1, 3));
    assert!(unstable.violates(&[Id::WatermarkSanity]).contains("the last stable offset is 3"));
    story.at(node(1), listed(0, 3));
    story.violates(&[Id::WatermarkSanity]);
}

fn fetch(story: &mut Story, from: NodeId, to: NodeId) -> Seq {
    let sent = story.at(
        from,
        EventKind::FrameSent {
            to,
            connection: ConnectionId(1),
            role: FrameRole::Request,
            api_key: 1,
            api_version: 17,
            correlation_id: CorrelationId(5),
            size: 100,
            digest: 1,
        },
    );
    story.at(to, EventKind::FrameDelivered { frame: sent })
}

#[test]
fn s25_e_a_quorum_leader_that_serves_without_a_majority() {
    let serves = |fetches: bool| {
        let mut story = Story::begun();
        for offset in 0..4 {
            story.now += Span::secs(2);
            if fetches {
                fetch(&mut story, node(3002), node(3001));
            }
            story.metadata_batch(3001, 100 + offset, 1, 5);
        }
        story
    };
    serves(true).violates(&[]);
    assert!(serves(false).violates(&[Id::Raft]).contains("no majority has fetched"));
}

#[test]
fn s25_e_a_quorum_leader_that_nobody_elected() {
    let mut story = Story::begun();
    story.crash(3001);
    story.at(node(3001), EventKind::NodeStarted { incarnation: Incarnation(2) });
    let (role, epoch, leader) = ("leader".into(), LeaderEpoch(1), BrokerId(3001));
    story.at(node(3001), EventKind::QuorumRoleChanged { role, epoch, leader, voted: leader });
    assert!(story.violates(&[Id::Raft]).contains("without having been elected"));
}

#[test]
fn s25_f_a_metadata_log_that_begins_where_no_snapshot_ends_and_g_a_leader_that_loads_one() {
    let begins = |end: i64| {
        let mut story = Story::begun();
        let (end_offset, epoch) = (Offset(end), LeaderEpoch(1));
        let (size, reason) = (100, "record-bytes".into());
        story.at(node(3002), EventKind::SnapshotGenerated { end_offset, epoch, size, reason });
        story.at(node(3002), EventKind::MetadataLogStartMoved { to: Offset(3) });
        story.metadata_batch(3002, 50, 1, 5);
        story
    };
    begins(3).violates(&[]);
    assert!(begins(2).violates(&[Id::Raft]).contains("where no snapshot of its ends"));
    let mut story = Story::begun();
    let (offset, epoch) = (Offset(story.metadata - 1), LeaderEpoch(1));
    let mut started = story.clone();
    story.at(node(3001), EventKind::SnapshotLoaded { offset, epoch });
    assert!(story.violates(&[Id::Raft]).contains("loads a snapshot"));
    // Who is elected right after its start has nothing yet; it begins with one, and with one only.
    started.at(node(3001), EventKind::NodeCrashed {});
    started.at(node(3001), EventKind::NodeStarted { incarnation: Incarnation(2) });
    started.quorum_leader(3001, 2);
    started.at(node(3001), EventKind::MetadataCommitted { to: offset.plus(1) });
    started.at(node(3001), EventKind::SnapshotLoaded { offset, epoch });
    started.violates(&[]);
    started.at(node(3001), EventKind::SnapshotLoaded { offset, epoch });
    assert!(started.violates(&[Id::Raft]).contains("loads a snapshot"));
}

#[test]
fn an_election_that_nobody_allowed_excuses_no_loss() {
    let elected = |allowed: bool| {
        let mut story = Story::committed();
        if allowed {
            let (resource, key) =
                ("topic:orders".to_owned(), "unclean.leader.election.enable".to_owned());
            story.metadata(|offset| EventKind::ConfigChanged {
                offset,
                resource: resource.clone(),
                key: key.clone(),
                value: Some("true".to_owned()),
            });
        }
        story.crash(1);
        story.at(
            node(3001),
            EventKind::PartitionChangeDecided {
                partition: orders(),
                leader: BrokerId(2),
                leader_epoch: LeaderEpoch(1),
                isr: vec![BrokerId(2)],
                elr: IfSome::default(),
                adding: IfAny::default(),
                removing: IfAny::default(),
                reason: "unclean-election".into(),
            },
        );
        let (partition, from, to) = (orders(), Offset(2), Offset(0));
        story.at(
            node(2),
            EventKind::LogTruncated { partition, from, to, reason: "out-of-range".into() },
        );
        story.partition(2, 1, 1, &[2]);
        story.lead(2, 1, 0);
        story
    };
    assert_eq!(elected(true).codes(), [""; 0]);
    assert!(elected(false).codes().contains(&"S1"), "{:?}", elected(false).codes());
}
