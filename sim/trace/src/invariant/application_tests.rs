//! Applications told by hand: a clean story is no violation, each broken twin of it is.

use klamm_node::{
    EventKind, GroupId, IfAny, Incarnation, LeaderEpoch, MemberId, NodeId, Offset, Time,
    TopicPartition,
};

use super::InvariantId as Id;
use crate::header::{NodeInfo, NodeKind, NodeTable, TraceHeader};
use crate::recorder::{Keep, Recorder};
use crate::testing::{Story, orders};

const BROKER: NodeId = NodeId(0);
const FIRST: NodeId = NodeId(1);
const SECOND: NodeId = NodeId(2);

fn group() -> GroupId {
    "billing".into()
}

fn member(node: NodeId) -> MemberId {
    if node == FIRST { "a".into() } else { "b".into() }
}

/// A coordinator, and two applications of a group; the first owns `orders-0` in generation 1.
fn begun(kind: NodeKind) -> Story {
    let info = |name: &str, kind| NodeInfo {
        name: name.into(),
        kind,
        broker: None,
        host: name.into(),
        rack: None,
    };
    let nodes =
        vec![info("broker-1", NodeKind::Broker), info("billing-1", kind), info("billing-2", kind)];
    let header = TraceHeader::new(NodeTable::new(nodes));
    let mut story =
        Story { recorder: Recorder::new(header, Keep::ALL), now: Time::ZERO, metadata: 0 };
    for node in [BROKER, FIRST, SECOND] {
        story.at(node, EventKind::NodeStarted { incarnation: Incarnation(1) });
    }
    for node in [FIRST, SECOND] {
        let (topics, protocol) = (vec!["orders".to_owned()], "classic".into());
        story.at(node, EventKind::Subscribed { group: group(), topics, protocol });
    }
    let (partition, leader_epoch) = (0, LeaderEpoch(0));
    story.at(BROKER, EventKind::CoordinatorLoading { partition, leader_epoch });
    let (kind, reason) = ("classic".into(), "created".into());
    story.at(BROKER, EventKind::GroupTypeSet { group: group(), kind, at: 0, reason });
    let loaded =
        EventKind::CoordinatorLoaded { partition, leader_epoch, records: 0, groups: 1, offsets: 0 };
    story.at(BROKER, loaded);
    for node in [FIRST, SECOND] {
        let joined = EventKind::MemberJoined {
            group: group(),
            member: member(node),
            instance: None,
            client_id: "billing".to_owned(),
            kind: "classic".into(),
            replaces: false,
        };
        story.at(BROKER, joined);
    }
    assigned(&mut story, FIRST, 1);
    story
}

fn assigned(story: &mut Story, node: NodeId, epoch: i32) {
    let to = EventKind::GroupStateChanged {
        group: group(),
        from: "PreparingRebalance".into(),
        to: "Stable".into(),
        epoch,
        reason: "told".into(),
    };
    story.at(BROKER, to);
    let given = EventKind::MemberAssigned {
        group: group(),
        member: member(node),
        epoch,
        state: "Stable".into(),
        partitions: vec![orders()],
        revoking: IfAny(Vec::new()),
    };
    story.at(BROKER, given);
    let partitions = vec![orders()];
    story.at(
        node,
        EventKind::PartitionsAssigned { group: group(), member: member(node), epoch, partitions },
    );
}

fn revoked(story: &mut Story, node: NodeId, epoch: i32) {
    let partitions = vec![orders()];
    story.at(
        node,
        EventKind::PartitionsRevoked { group: group(), member: member(node), epoch, partitions },
    );
}

fn polled(story: &mut Story, node: NodeId, offset: i64) {
    let (from, to) = (Offset(offset), Offset(offset + 1));
    story.at(node, EventKind::RecordsPolled { partition: orders(), from, to });
}

fn processed(story: &mut Story, node: NodeId, offset: i64) {
    let (partition, offset) = (orders(), Offset(offset));
    story.at(node, EventKind::RecordProcessed { group: group(), partition, offset, key: None });
}

/// The commit is written; the committer may hear of it.
fn written(story: &mut Story, node: NodeId, epoch: i32, offset: i64) {
    let committed = EventKind::OffsetCommitted {
        group: group(),
        partition: orders(),
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(0),
        member: member(node),
        epoch,
        at: 0,
        log_offset: Offset(offset + 100),
    };
    story.at(BROKER, committed);
}

fn committed(story: &mut Story, node: NodeId, epoch: i32, offset: i64) {
    written(story, node, epoch, offset);
    let offsets: Vec<(TopicPartition, Offset)> = vec![(orders(), Offset(offset))];
    story.at(node, EventKind::CommitAcknowledged { group: group(), offsets });
}

fn crashed(story: &mut Story, node: NodeId) {
    story.at(node, EventKind::NodeCrashed {});
}

/// The record at 0 is processed and committed, the record at 1 is in the hands of the first.
fn half_way() -> Story {
    let mut story = begun(NodeKind::Application);
    polled(&mut story, FIRST, 0);
    processed(&mut story, FIRST, 0);
    committed(&mut story, FIRST, 1, 1);
    polled(&mut story, FIRST, 1);
    story
}

#[test]
fn a_commit_before_processing_is_a_loss_once_the_process_dies() {
    let mut right = half_way();
    crashed(&mut right, FIRST);
    right.violates(&[]);

    let mut wrong = half_way();
    committed(&mut wrong, FIRST, 1, 2);
    wrong.violates(&[]);
    let mut saved = wrong.clone();
    crashed(&mut wrong, FIRST);
    let sentence = wrong.violates(&[Id::CommittedMeansProcessed]);
    assert!(
        sentence.contains("record at 1") && sentence.contains("committed 2 (billing-1"),
        "{sentence}"
    );
    processed(&mut saved, FIRST, 1);
    crashed(&mut saved, FIRST);
    saved.violates(&[]);
}

#[test]
fn somebody_else_who_has_the_record_may_still_process_it() {
    let mut story = half_way();
    revoked(&mut story, FIRST, 1);
    assigned(&mut story, SECOND, 2);
    polled(&mut story, SECOND, 1);
    committed(&mut story, SECOND, 2, 2);
    crashed(&mut story, FIRST);
    story.violates(&[]);
    let mut lost = story.clone();
    processed(&mut story, SECOND, 1);
    crashed(&mut story, SECOND);
    story.violates(&[]);
    crashed(&mut lost, SECOND);
    assert!(lost.violates(&[Id::CommittedMeansProcessed]).contains("billing-2"));
}

#[test]
fn a_commit_whose_answer_is_lost_shows_where_the_next_goes_on() {
    let mut story = half_way();
    written(&mut story, FIRST, 1, 2);
    crashed(&mut story, FIRST);
    story.violates(&[]);
    assigned(&mut story, SECOND, 2);
    let mut before = story.clone();
    let to = |offset| EventKind::PositionSet {
        partition: orders(),
        to: Offset(offset),
        reason: "committed".into(),
    };
    before.at(SECOND, to(1));
    before.violates(&[]);
    story.at(SECOND, to(2));
    story.violates(&[Id::CommittedMeansProcessed]);
}

#[test]
fn what_was_given_up_unprocessed_is_lost_at_a_quiet_moment() {
    for (commit, lost) in [(1, false), (2, true)] {
        let mut story = half_way();
        committed(&mut story, FIRST, 1, commit);
        revoked(&mut story, FIRST, 1);
        assigned(&mut story, SECOND, 2);
        let mut invariants = super::Invariants::default();
        let mut view = crate::view::View::new(story.recorder.header());
        for event in story.recorder.events() {
            view.apply(&event);
            invariants.check(&view, &event);
        }
        assert!(invariants.findings().violations.is_empty(), "not while it may come");
        invariants.applications.at_quiescence(&view, &mut invariants.reporter);
        let found: Vec<_> = invariants.findings().violations.iter().map(|found| found.id).collect();
        assert_eq!(found == [Id::CommittedMeansProcessed], lost, "{found:?}");
    }
}

#[test]
fn a_group_that_says_nothing_and_a_consumer_of_the_lab_are_not_judged() {
    let mut silent = begun(NodeKind::Application);
    polled(&mut silent, FIRST, 0);
    committed(&mut silent, FIRST, 1, 1);
    crashed(&mut silent, FIRST);
    silent.violates(&[]);
    let mut consumer = begun(NodeKind::Consumer);
    polled(&mut consumer, FIRST, 0);
    committed(&mut consumer, FIRST, 1, 1);
    crashed(&mut consumer, FIRST);
    consumer.violates(&[]);
}

#[test]
fn what_was_given_up_is_not_processed_any_more() {
    let mut story = half_way();
    revoked(&mut story, FIRST, 1);
    let mut nobody = story.clone();
    processed(&mut nobody, FIRST, 1);
    nobody.violates(&[]);
    assigned(&mut story, SECOND, 2);
    let mut gone = story.clone();
    processed(&mut story, FIRST, 1);
    let sentence = story.violates(&[Id::ProcessOnlyOwned]);
    assert!(
        sentence.contains("billing-1 processed") && sentence.contains("billing-2 owns it"),
        "{sentence}"
    );
    crashed(&mut gone, SECOND);
    processed(&mut gone, FIRST, 1);
    gone.violates(&[]);
}

#[test]
fn who_has_not_been_told_is_excused() {
    let mut story = half_way();
    story.at(FIRST, EventKind::NodePaused {});
    assigned(&mut story, SECOND, 2);
    story.at(FIRST, EventKind::NodeResumed {});
    processed(&mut story, FIRST, 1);
    assert!(!story.codes().contains(&"P2"), "{:?}", story.codes());
}
