//! Causes: from the decisions that a lesson is about back to the step that brought them on.

use klamm_golden::{Lesson, lesson};
use klamm_node::{Event, EventKind};
use klamm_scenario::model::Action;
use klamm_trace::{Recorder, why};
use klamm_world::World;

fn run(name: &str) -> (Lesson, World) {
    let lesson = lesson(name);
    let mut world = World::new(&lesson.scenario, lesson.scenario.seed);
    assert!(world.run().passed(), "{name} holds");
    (lesson, world)
}

/// The source line of the first step that does something.
fn line_of(lesson: &Lesson, does: impl Fn(&Action) -> bool) -> u32 {
    let step = lesson.scenario.steps.iter().find(|step| step.actions.iter().any(&does));
    step.expect("such a step").line
}

/// The first event of a kind.
fn first(recorder: &Recorder, what: &str, is: impl Fn(&EventKind) -> bool) -> Event {
    let found = recorder.events().iter().find(|event| is(&event.kind));
    found.unwrap_or_else(|| panic!("no event: {what}"))
}

fn leads_back(recorder: &Recorder, event: &Event, line: u32) {
    let nodes = &recorder.header().nodes;
    let chain = why(recorder.events(), nodes, event.seq).expect("the event is stored");
    let told: Vec<_> = chain
        .hops
        .iter()
        .map(|hop| format!("{} {} {}", hop.time, nodes.name(hop.node), hop.text))
        .collect();
    assert_eq!(chain.line, Some(line), "{} goes back to\n{}", event.kind, told.join("\n"));
    assert!(chain.hops.len() > 1, "{} is no cause of itself", event.kind);
}

#[test]
fn a_shrunken_isr_goes_back_to_the_slow_link() {
    let (lesson, world) = run("slow-follower");
    let line = line_of(&lesson, |action| matches!(action, Action::SlowLink { .. }));
    let recorder = world.recorder();
    let proposed = first(
        recorder,
        "a shrink is proposed",
        |kind| matches!(kind, EventKind::IsrProposed { reason, .. } if reason == "lag"),
    );
    leads_back(recorder, &proposed, line);
    let changed = first(recorder, "the ISR without broker 3", |kind| {
        matches!(kind, EventKind::PartitionChanged { isr, .. }
            if isr.len() == 2 && isr.iter().all(|broker| broker.0 != 3))
    });
    assert!(changed.seq > proposed.seq, "the proposal comes first");
    leads_back(recorder, &changed, line);
}

#[test]
fn a_new_leader_goes_back_to_the_crash_of_the_old_one() {
    let (lesson, world) = run("leader-crash");
    let line = line_of(&lesson, |action| matches!(action, Action::Crash(_)));
    let recorder = world.recorder();
    let fenced = first(
        recorder,
        "the dead broker is fenced",
        |kind| matches!(kind, EventKind::FencingDecided { reason, .. } if reason == "session-timeout"),
    );
    leads_back(recorder, &fenced, line);
    let taken = first(
        recorder,
        "a second leader",
        |kind| matches!(kind, EventKind::LeadershipTaken { leader_epoch, .. } if leader_epoch.0 > 0),
    );
    assert!(taken.seq > fenced.seq, "the fencing comes first");
    leads_back(recorder, &taken, line);
}

/// Nothing but what the scenario does first has no cause: a chain that breaks off explains nothing.
#[test]
fn every_event_after_the_first_step_has_a_cause() {
    for lesson in klamm_golden::lessons() {
        let mut world = World::new(&lesson.scenario, lesson.scenario.seed);
        world.run();
        let mut orphans = std::collections::BTreeMap::<&str, (u32, String)>::new();
        for event in world.recorder().events().iter().filter(|event| event.cause.is_none()) {
            let known = matches!(
                event.kind,
                EventKind::StepStarted { .. }
                    | EventKind::NodeStarted { .. }
                    | EventKind::CommandGiven { .. }
                    // A load's record, given by nobody else.
                    | EventKind::RecordAccepted { .. }
                    | EventKind::ExpectationMet { .. }
                    | EventKind::ExpectationFailed { .. }
            );
            if !known {
                let entry =
                    orphans.entry(event.kind.name()).or_insert_with(|| (0, event.kind.to_string()));
                entry.0 += 1;
            }
        }
        assert!(orphans.is_empty(), "{}: events without a cause: {orphans:#?}", lesson.name);
    }
}
