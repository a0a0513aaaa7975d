//! What is told of a group's rebalances in the end, and in between.

use klamm_node::event::Word;
use klamm_node::{EventKind, GroupId, LeaderEpoch, MemberId};

use super::View;
use crate::header::TraceHeader;
use crate::testing::{CONSUMER, Story, header, node, orders};
use crate::transcript::{Transcript, TranscriptOptions};

fn group() -> GroupId {
    "billing".into()
}

fn made(story: &mut Story, kind: &'static str) {
    let (kind, reason): (Word, Word) = (kind.into(), "loaded".into());
    story.at(node(1), EventKind::GroupTypeSet { group: group(), kind, at: 0, reason });
}

fn rebalance(story: &mut Story, generation: i32) {
    let reason = "a member joins".to_owned();
    let ended = generation - 1;
    story.at(node(1), EventKind::RebalanceStarted { group: group(), generation: ended, reason });
    let (protocol, leader) = ("cooperative-sticky".to_owned(), MemberId::from("a"));
    let members = vec![leader.clone()];
    let group = group();
    story
        .at(node(1), EventKind::GenerationStarted { group, generation, protocol, leader, members });
}

fn bumped(story: &mut Story, epoch: i32, reason: &'static str) {
    let reason = reason.into();
    story.at(node(1), EventKind::GroupEpochBumped { group: group(), epoch, reason });
}

fn view_of(story: &Story, header: &TraceHeader) -> View {
    let mut view = View::new(header);
    for event in &story.recorder.to_trace().events {
        view.apply(&event);
    }
    view
}

#[test]
fn a_groups_rebalances_outlive_its_coordinator_and_its_protocol() {
    let mut story = Story::begun();
    made(&mut story, "classic");
    rebalance(&mut story, 1);
    let (member, partitions) = (MemberId::from("a"), vec![orders()]);
    let owns = EventKind::PartitionsAssigned { group: group(), member, epoch: 1, partitions };
    story.at(CONSUMER, owns);
    // The next coordinator knows its members and its generation, and nothing of how often it rebalanced.
    let (leader_epoch, reason) = (LeaderEpoch(0), "not-leader".into());
    story.at(node(1), EventKind::CoordinatorUnloaded { partition: 0, leader_epoch, reason });
    made(&mut story, "classic");
    let lines = view_of(&story, &header()).downtime_lines();
    let cells: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(cells[..3], ["billing", "classic", "cooperative-sticky"], "{lines:?}");
    assert_eq!(cells[cells.len() - 2..], ["1", "-"], "{lines:?}");
    rebalance(&mut story, 2);
    made(&mut story, "consumer");
    bumped(&mut story, 2, "upgraded");
    bumped(&mut story, 3, "joined");
    let lines = view_of(&story, &header()).downtime_lines();
    let cells: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(cells[..2], ["billing", "consumer"], "{lines:?}");
    assert_eq!(cells[cells.len() - 2..], ["2", "1"], "{lines:?}");
    assert_eq!(lines[0].len(), lines[1].len(), "columns stand below each other: {lines:?}");
}

#[test]
fn what_a_group_goes_through_is_told_line_by_line() {
    let mut story = Story::begun();
    for epoch in 1..=8 {
        rebalance(&mut story, epoch);
        bumped(&mut story, epoch, "joined");
    }
    let trace = story.recorder.to_trace();
    let text = Transcript::of(&trace, TranscriptOptions::default());
    for verb in ["RebalanceStarted", "GenerationStarted", "GroupEpochBumped"] {
        assert_eq!(text.matches(verb).count(), 8, "{verb}\n{text}");
    }
}
