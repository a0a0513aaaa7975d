//! Chains of causes, from an event back to the scenario's line.

use klamm_node::effects::FrameRole;
use klamm_node::{BrokerId, EventKind, LeaderEpoch, Offset, Seq};

use super::why;
use crate::testing::{Story, node, orders};

fn told(story: &Story, seq: Seq) -> Vec<String> {
    let trace = story.recorder.to_trace();
    let chain = why(&trace.events, trace.nodes(), seq).unwrap();
    chain.hops.into_iter().map(|hop| hop.text).collect()
}

#[test]
fn a_chain_ends_at_the_scenarios_line_and_folds_transport() {
    let mut story = Story::begun();
    let step = story.step(0, 31, "crash broker-1");
    let crash = story.caused(node(1), Some(step), EventKind::NodeCrashed {});
    let fence = EventKind::FencingDecided { broker: BrokerId(1), reason: "session-timeout".into() };
    let fence = story.caused(node(3001), Some(crash), fence);
    let arrived = story.frame(node(3001), node(2), FrameRole::Response, fence);
    let taken = EventKind::LeadershipTaken {
        partition: orders(),
        leader_epoch: LeaderEpoch(1),
        start: Offset(0),
    };
    let taken = story.caused(node(2), Some(arrived), taken);
    assert_eq!(
        told(&story, taken),
        [
            "LeadershipTaken partition=orders-0 leader_epoch=1 start=0",
            "Fetch response 5 from controller-1 reached broker-2",
            "FencingDecided broker=1 reason=session-timeout",
            "NodeCrashed",
            "the scenario, line 31: crash broker-1",
        ]
    );
    let trace = story.recorder.to_trace();
    let chain = why(&trace.events, trace.nodes(), taken).unwrap();
    assert_eq!(chain.line, Some(31));
    assert_eq!(chain.hops[1].events, 2);
    let text = chain.render(trace.nodes());
    assert!(
        text.contains("    #137     0.137000 broker-2      because Fetch response 5"),
        "{text}"
    );
}

#[test]
fn rounds_of_fetches_are_told_once() {
    let mut story = Story::begun();
    let step = story.step(0, 31, "start broker-2");
    let mut last = story.caused(node(2), Some(step), EventKind::TimerFired { why: "fetch".into() });
    for _ in 0..50 {
        last = story.frame(node(2), node(1), FrameRole::Request, last);
        last = story.frame(node(1), node(2), FrameRole::Response, last);
    }
    let to = Offset(1);
    let end = story.caused(node(2), Some(last), EventKind::LogSynced { partition: orders(), to });
    let told = told(&story, end);
    assert_eq!(told.len(), 6, "{told:#?}");
    assert!(
        told[3].starts_with("… 49 more rounds of Fetch between broker-1 and broker-2 since 0."),
        "{}",
        told[3]
    );
    assert_eq!(told[5], "the scenario, line 31: start broker-2");
}

#[test]
fn a_chain_without_a_scenario_ends_where_causes_end_and_loops_can_not_be() {
    let mut story = Story::begun();
    let first = story.at(node(1), EventKind::NodeCrashed {});
    let chain = told(&story, first);
    assert_eq!(chain, ["NodeCrashed"]);
    let own = Seq(first.0 + 1);
    story.caused(node(1), Some(own), EventKind::NodePaused {});
    assert_eq!(told(&story, own), ["NodePaused"]);
    let trace = story.recorder.to_trace();
    assert_eq!(why(&trace.events, trace.nodes(), Seq(0)), None);
    assert_eq!(why(&trace.events, trace.nodes(), Seq(9999)), None);
}
