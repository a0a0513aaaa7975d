//! Every fault of every scenario bit: one that changes nothing is a hole in the scenario.

use klamm_golden::{Lesson, lessons, on_workers};
use klamm_trace::Keep;
use klamm_world::{Options, World};

/// Scenarios whose faults somebody wrote. What is drawn at random may meet nobody; `nemesis` counts those.
fn written() -> Vec<Lesson> {
    lessons().into_iter().filter(|lesson| lesson.scenario.nemesis.is_none()).collect()
}

/// How many more seeds a fault gets to bite under. A schedule keeps clients away from where they must not look, and under
/// its own seed nobody may want to look there.
const OTHER_SEEDS: u64 = 10;

/// A cut that keeps somebody away who asks only if the engine is broken: the planted fault of this schedule needs it.
fn is_for_the_broken(scenario: &str, fault: &str) -> bool {
    scenario == "z16-fetch-in-an-old-epoch" && fault.starts_with("cut broker-1 off from broker-2")
}

#[test]
fn every_fault_changed_something() {
    let options = Options { keep: Keep::CHECKED, ..Options::default() };
    let faults: usize = on_workers(&written(), |lesson| {
        let run = |seed| World::with(&lesson.scenario, seed, &options).run();
        let outcome = run(lesson.scenario.seed);
        let mut idle: Vec<_> =
            outcome.idle_faults().map(|fault| (fault.line, fault.text.clone())).collect();
        for seed in 1..=OTHER_SEEDS {
            if idle.is_empty() {
                break;
            }
            let other = run(seed);
            idle.retain(|(line, text)| {
                !other.faults.iter().any(|f| f.line == *line && f.text == *text && f.bites() > 0)
            });
        }
        idle.retain(|(_, text)| !is_for_the_broken(&lesson.name, text));
        assert!(idle.is_empty(), "{}: {idle:#?}", lesson.name);
        outcome.faults.len()
    })
    .into_iter()
    .sum();
    assert!(faults > 0, "the scenarios do harm");
}
