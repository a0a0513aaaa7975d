//! Groups told by hand: a clean story is no violation, each broken twin of it is.

use std::collections::BTreeMap;

use klamm_node::{
    EventKind, GroupId, IfAny, Incarnation, LeaderEpoch, MemberId, NodeId, Offset, Quiet, Span,
    TopicPartition,
};

use super::{InvariantId as Id, Quiescence};
use crate::testing::{CONSUMER, RIVAL, Story, node, orders};

fn group() -> GroupId {
    "billing".into()
}

/// The partition of two that `billing` is in, by Kafka's rule: Java's hash of it is even.
const AT: i32 = 0;

fn member(name: &str) -> MemberId {
    name.into()
}

fn payments() -> TopicPartition {
    TopicPartition::new("orders", 1)
}

/// Broker 1 coordinates `billing`: one member `a` (consumer-1) in generation 1, which owns `orders-0`.
fn begun(kind: &'static str) -> Story {
    let mut story = Story::committed();
    for consumer in [CONSUMER, RIVAL] {
        story.at(consumer, EventKind::NodeStarted { incarnation: Incarnation(1) });
        let (topics, protocol) = (vec!["orders".to_owned()], kind.into());
        story.at(consumer, EventKind::Subscribed { group: group(), topics, protocol });
    }
    load(&mut story, 1, 0, None, kind);
    state(&mut story, "Empty", "PreparingRebalance", 0);
    join(&mut story, "a", kind);
    generation(&mut story, 1, &["a"]);
    given(&mut story, "a", 1, &[orders()]);
    state(&mut story, "PreparingRebalance", "Stable", 1);
    owns(&mut story, CONSUMER, "a", 1, &[orders()]);
    story
}

fn load(story: &mut Story, broker: i32, epoch: i32, offset: Option<i64>, kind: &'static str) {
    // The coordinator's own log: what it writes in these stories is committed.
    let log = TopicPartition::new("__consumer_offsets", AT);
    let (epoch_of_log, start) = (LeaderEpoch(0), Offset(0));
    let began = EventKind::EpochStarted { partition: log.clone(), epoch: epoch_of_log, start };
    story.at(node(broker), began);
    let batch = EventKind::BatchAppended {
        partition: log.clone(),
        base_offset: Offset(0),
        last_offset: Offset(99),
        leader_epoch: LeaderEpoch(0),
        crc: 1,
        size: 100,
        as_leader: broker == 1,
        sequence: Quiet(None),
    };
    story.at(node(broker), batch);
    let (from, to) = (Offset(0), Offset(100));
    story.at(node(broker), EventKind::HighWatermarkMoved { partition: log, from, to });
    let (partition, leader_epoch) = (AT, LeaderEpoch(epoch));
    story.at(node(broker), EventKind::CoordinatorLoading { partition, leader_epoch });
    let reason = if offset.is_some() { "loaded" } else { "created" };
    let kind = EventKind::GroupTypeSet {
        group: group(),
        kind: kind.into(),
        at: AT,
        reason: reason.into(),
    };
    story.at(node(broker), kind);
    if let Some(offset) = offset {
        commit_at(story, broker, "", -1, offset, 7);
    }
    let loaded =
        EventKind::CoordinatorLoaded { partition, leader_epoch, records: 1, groups: 1, offsets: 1 };
    story.at(node(broker), loaded);
}

fn state(story: &mut Story, from: &'static str, to: &'static str, epoch: i32) {
    let (from, to, reason) = (from.into(), to.into(), "told".into());
    story.at(node(1), EventKind::GroupStateChanged { group: group(), from, to, epoch, reason });
}

fn join(story: &mut Story, name: &str, kind: &'static str) {
    let (member, kind) = (member(name), kind.into());
    let (instance, client_id, replaces) = (None, name.to_owned(), false);
    let joined =
        EventKind::MemberJoined { group: group(), member, instance, client_id, kind, replaces };
    story.at(node(1), joined);
}

fn generation(story: &mut Story, generation: i32, members: &[&str]) {
    let (protocol, leader) = ("range".to_owned(), member(members[0]));
    let members = members.iter().map(|name| member(name)).collect();
    let started =
        EventKind::GenerationStarted { group: group(), generation, protocol, leader, members };
    story.at(node(1), started);
}

fn given(story: &mut Story, name: &str, epoch: i32, partitions: &[TopicPartition]) {
    let (partitions, revoking) = (partitions.to_vec(), IfAny(Vec::new()));
    let (group, member, state) = (group(), member(name), "Stable".into());
    story.at(
        node(1),
        EventKind::MemberAssigned { group, member, epoch, state, partitions, revoking },
    );
}

fn owns(story: &mut Story, at: NodeId, name: &str, epoch: i32, partitions: &[TopicPartition]) {
    let (group, member, partitions) = (group(), member(name), partitions.to_vec());
    story.at(at, EventKind::PartitionsAssigned { group, member, epoch, partitions });
}

fn polled(story: &mut Story, at: NodeId, from: i64, to: i64) {
    let (partition, from, to) = (orders(), Offset(from), Offset(to));
    story.at(at, EventKind::RecordsPolled { partition, from, to });
}

fn commit_at(story: &mut Story, broker: i32, by: &str, epoch: i32, offset: i64, log_offset: i64) {
    let committed = EventKind::OffsetCommitted {
        group: group(),
        partition: orders(),
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(0),
        member: member(by),
        epoch,
        at: AT,
        log_offset: Offset(log_offset),
    };
    story.at(node(broker), committed);
}

fn commit(story: &mut Story, by: &str, epoch: i32, offset: i64, log_offset: i64) {
    commit_at(story, 1, by, epoch, offset, log_offset);
}

/// `b` (consumer-2) joins and takes `orders-1`.
fn second(story: &mut Story, kind: &'static str) {
    state(story, "Stable", "PreparingRebalance", 1);
    join(story, "b", kind);
    generation(story, 2, &["a", "b"]);
    given(story, "a", 2, &[orders()]);
    given(story, "b", 2, &[payments()]);
    state(story, "PreparingRebalance", "Stable", 2);
    owns(story, CONSUMER, "a", 2, &[]);
    owns(story, RIVAL, "b", 2, &[payments()]);
}

#[test]
fn s21_a_coordinator_that_gives_a_partition_to_two() {
    for kind in ["classic", "consumer"] {
        let mut story = begun(kind);
        second(&mut story, kind);
        story.violates(&[]);
        given(&mut story, "b", 2, &[payments(), orders()]);
        let sentence = story.violates(&[Id::OwnershipExclusive]);
        assert!(sentence.contains("member a holds it in epoch 2"), "{sentence}");
    }
}

#[test]
fn s21_two_generations_may_share_a_partition_two_member_epochs_may_not() {
    for (kind, broken) in [("classic", false), ("consumer", true)] {
        let mut story = begun(kind);
        join(&mut story, "b", kind);
        given(&mut story, "b", 2, &[orders()]);
        let expected: &[Id] = if broken { &[Id::OwnershipExclusive] } else { &[] };
        story.violates(expected);
    }
}

#[test]
fn s21_two_consumers_that_own_a_partition_in_one_generation() {
    let mut story = begun("classic");
    second(&mut story, "classic");
    let clean = story.clone();
    owns(&mut story, RIVAL, "b", 2, &[orders()]);
    let sentence = story.violates(&[Id::OwnershipExclusive]);
    assert!(sentence.contains("consumer-1, still a member"), "{sentence}");
    // A zombie is out of the group: what it believes is its own affair.
    let mut story = clean;
    let (member, reason) = (member("a"), "session-expired".into());
    story.at(node(1), EventKind::MemberRemoved { group: group(), member, reason });
    owns(&mut story, RIVAL, "b", 2, &[orders()]);
    story.violates(&[]);
}

#[test]
fn s22_a_commit_of_a_generation_that_is_over() {
    let mut story = begun("classic");
    polled(&mut story, CONSUMER, 0, 2);
    commit(&mut story, "a", 1, 2, 3);
    second(&mut story, "classic");
    story.violates(&[]);
    commit(&mut story, "a", 1, 2, 4);
    let sentence = story.violates(&[Id::CommitFenced]);
    assert!(sentence.ends_with("by a of generation 1, and the generation is 2"), "{sentence}");
}

#[test]
fn s22_a_commit_by_a_stranger_and_by_nobody() {
    let mut story = begun("classic");
    commit(&mut story, "z", 1, 2, 3);
    story.violates(&[Id::CommitFenced]);
    let mut story = begun("consumer");
    commit(&mut story, "", -1, 2, 3);
    story.violates(&[Id::CommitFenced]);
}

#[test]
fn s22_an_older_member_epoch_will_do_for_what_the_member_has_still() {
    let mut story = begun("consumer");
    second(&mut story, "consumer");
    commit(&mut story, "a", 1, 0, 3);
    story.violates(&[]);
    commit(&mut story, "b", 1, 0, 4);
    story.violates(&[Id::CommitFenced]);
}

#[test]
fn s22_a_promised_offset_that_the_next_coordinator_does_not_have() {
    let promised = || {
        let mut story = begun("classic");
        polled(&mut story, CONSUMER, 0, 2);
        commit(&mut story, "a", 1, 2, 7);
        let offsets = vec![(orders(), Offset(2))];
        story.at(CONSUMER, EventKind::CommitAcknowledged { group: group(), offsets });
        story
    };
    let mut story = promised();
    load(&mut story, 2, 1, Some(2), "classic");
    story.violates(&[]);
    let mut story = promised();
    load(&mut story, 2, 1, Some(1), "classic");
    let sentence = story.violates(&[Id::CommitFenced]);
    assert!(sentence.ends_with("the coordinator that has just loaded it has 1"), "{sentence}");
}

#[test]
fn s23_an_offset_that_expires_too_early() {
    let removed = |story: &mut Story| {
        let (partition, reason) = (orders(), "expired".into());
        story.at(node(1), EventKind::OffsetRemoved { group: group(), partition, reason });
    };
    let emptied = || {
        let mut story = begun("classic");
        commit(&mut story, "a", 1, 0, 3);
        let (member, reason) = (member("a"), "left".into());
        story.at(node(1), EventKind::MemberRemoved { group: group(), member, reason });
        state(&mut story, "Stable", "Empty", 2);
        story
    };
    let mut story = emptied();
    story.now += Span::secs(7 * 24 * 3600);
    removed(&mut story);
    story.violates(&[]);
    let mut story = emptied();
    story.now += Span::secs(6 * 24 * 3600);
    removed(&mut story);
    story.violates(&[Id::OffsetRetention]);
    let mut story = begun("classic");
    commit(&mut story, "a", 1, 0, 3);
    removed(&mut story);
    let sentence = story.violates(&[Id::OffsetRetention]);
    assert!(sentence.ends_with("expired while member a reads it"), "{sentence}");
}

#[test]
fn s24_a_commit_past_records_that_nobody_got() {
    let mut story = begun("classic");
    polled(&mut story, CONSUMER, 0, 1);
    commit(&mut story, "a", 1, 1, 3);
    polled(&mut story, CONSUMER, 1, 2);
    commit(&mut story, "a", 1, 2, 4);
    story.violates(&[]);
    commit(&mut story, "a", 1, 5, 5);
    let sentence = story.violates(&[Id::ConsumerProgress]);
    assert!(sentence.ends_with("nobody in the group had got the record at 2"), "{sentence}");
}

#[test]
fn s24_a_commit_that_goes_back() {
    let back = |reason: Option<&'static str>| {
        let mut story = begun("classic");
        polled(&mut story, CONSUMER, 0, 2);
        commit(&mut story, "a", 1, 2, 3);
        if let Some(reason) = reason {
            let (partition, to, reason) = (orders(), Offset(0), reason.into());
            story.at(CONSUMER, EventKind::PositionSet { partition, to, reason });
        }
        polled(&mut story, CONSUMER, 0, 1);
        commit(&mut story, "a", 1, 1, 4);
        story
    };
    back(Some("seek")).violates(&[]);
    back(Some("committed")).violates(&[Id::ConsumerProgress]);
    let sentence = back(None).violates(&[Id::ConsumerProgress]);
    assert!(sentence.contains("went back from 2 to 1"), "{sentence}");
}

#[test]
fn l5_a_group_that_does_not_come_to_rest() {
    let judged = |mut story: Story| {
        story.now += Span::secs(60);
        story.at(CONSUMER, EventKind::CommandGiven { text: "nothing".to_owned() });
        let quiet = Quiescence {
            settle: Span::secs(10),
            groups: Span::secs(20),
            delivery: BTreeMap::new(),
        };
        assert!(story.recorder.at_quiescence(&quiet), "it is quiet");
        let of_groups =
            story.recorder.violations().iter().filter(|found| found.id == Id::GroupStabilises);
        of_groups.map(|found| found.sentence.clone()).collect::<Vec<_>>()
    };
    // consumer-2 has subscribed, and never became a member.
    let [sentence] = judged(begun("classic")).try_into().expect("one");
    assert!(sentence.ends_with("consumer-2 runs, and is not a member"), "{sentence}");
    let mut story = begun("classic");
    second(&mut story, "classic");
    assert_eq!(judged(story.clone()), Vec::<String>::new());
    let mut rebalancing = story.clone();
    state(&mut rebalancing, "Stable", "PreparingRebalance", 2);
    let [sentence] = judged(rebalancing).try_into().expect("one");
    assert!(sentence.contains("it is PreparingRebalance"), "{sentence}");
    let mut unowned = story.clone();
    let (member, partitions) = (member("a"), vec![orders()]);
    unowned.at(
        CONSUMER,
        EventKind::PartitionsRevoked { group: group(), member, epoch: 2, partitions },
    );
    let [sentence] = judged(unowned).try_into().expect("one");
    assert!(sentence.ends_with("nobody owns orders-0"), "{sentence}");
    story.at(RIVAL, EventKind::NodeCrashed {});
    let [sentence] = judged(story).try_into().expect("one");
    assert!(sentence.ends_with("its member b is no running consumer"), "{sentence}");
}

#[test]
fn the_time_without_an_owner_is_counted_from_the_first() {
    let mut story = begun("classic");
    let (member, partitions) = (member("a"), vec![orders()]);
    let revoked = EventKind::PartitionsRevoked { group: group(), member, epoch: 1, partitions };
    story.at(CONSUMER, revoked);
    story.now += Span::millis(99);
    owns(&mut story, RIVAL, "b", 2, &[orders()]);
    story.now += Span::millis(500);
    let downtime = story.recorder.view().downtime(&group());
    assert_eq!(downtime.total, Span::millis(100));
    assert_eq!((downtime.partitions, downtime.stopped), (1, 1));
}
