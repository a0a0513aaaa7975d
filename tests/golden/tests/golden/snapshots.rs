//! A world is plain data: cloned at any moment and continued, it comes to the same end as the one that was never
//! interrupted.

use klamm_golden::{lessons, on_workers};
use klamm_trace::Keep;
use klamm_world::{Options, Outcome, World};

const PERCENT: [u64; 3] = [10, 50, 90];

fn fresh(scenario: &klamm_scenario::Scenario) -> World {
    let options = Options { keep: Keep::CHECKED, ..Options::default() };
    World::with(scenario, scenario.seed, &options)
}

#[test]
fn a_clone_goes_on_to_the_same_hash() {
    on_workers(&lessons(), |lesson| {
        let (scenario, name) = (&lesson.scenario, &lesson.name);
        let whole: Outcome = fresh(scenario).run();
        let mut world = fresh(scenario);
        let mut clones = Vec::new();
        for percent in PERCENT {
            let events = whole.events * percent / 100;
            while world.recorder().last_seq().0 < events && world.step().is_some() {}
            assert!(!world.is_finished(), "{name}: at {percent} % it is not over");
            clones.push((percent, world.clone()));
        }
        // The original goes on after it was cloned, and ends first: the clones share nothing that it changes.
        assert_eq!(world.run(), whole, "{name}: the original");
        for (percent, mut clone) in clones {
            assert_eq!(clone.run(), whole, "{name}: the clone at {percent} %");
        }
    });
}

#[test]
fn two_clones_do_not_hear_of_each_other() {
    on_workers(&lessons(), |lesson| {
        let mut world = fresh(&lesson.scenario);
        world.run_until(klamm_node::Time(lesson.scenario.duration.0 / 2));
        let (mut left, mut right) = (world.clone(), world.clone());
        // Step by step in turns: what one of them changed behind the other's back would show.
        loop {
            let (a, b) = (left.step(), right.step());
            assert_eq!(a, b, "{}", lesson.name);
            if a.is_none() {
                break;
            }
        }
        assert_eq!(left.hash(), right.hash(), "{}", lesson.name);
        assert_eq!(world.run(), left.outcome(), "{}", lesson.name);
    });
}
