//! Every fault of every scenario bit: one that changes nothing is a hole in the scenario.

use klamm_golden::{Lesson, lessons, on_workers};
use klamm_trace::Keep;
use klamm_world::{Options, World};

/// Scenarios whose faults somebody wrote. What is drawn at random may meet nobody; `nemesis` counts those.
fn written() -> Vec<Lesson> {
    lessons().into_iter().filter(|lesson| lesson.scenario.nemesis.is_none()).collect()
}

#[test]
fn every_fault_changed_something() {
    let options = Options { keep: Keep::CHECKED, ..Options::default() };
    let faults: usize = on_workers(&written(), |lesson| {
        let outcome = World::with(&lesson.scenario, lesson.scenario.seed, &options).run();
        let idle: Vec<_> = outcome.idle_faults().collect();
        assert!(idle.is_empty(), "{}: {idle:#?}", lesson.name);
        outcome.faults.len()
    })
    .into_iter()
    .sum();
    assert!(faults > 0, "the scenarios do harm");
}
