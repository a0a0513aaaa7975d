//! A scenario and a seed give one run: the same hash each time, on whatever thread, after whatever else ran before. And no
//! seed breaks an invariant or an expectation.
//!
//! Lessons are tried under 200 seeds, the other scenarios under 50, or fewer if their runs are long, because each run is made
//! twice and the suite has to end while somebody waits for it; `KLAMM_SEEDS` sets how many seeds of every scenario are tried
//! instead, and `KLAMM_SCENARIO` which one alone.

use klamm_golden::{Lesson, env_count, lessons, on_fresh_thread, on_workers};
use klamm_trace::{Keep, first_divergence};
use klamm_world::{Options, Outcome, World};

/// How many seeds of these are tried.
const SEEDS: u64 = 200;
/// The lessons that came first.
const OLDEST: [&str; 6] = [
    "controller-failover",
    "keys-and-order",
    "leader-crash",
    "partitioned-leader",
    "power-loss",
    "slow-follower",
];
/// How many of any other scenario, at most.
const FEWER_SEEDS: u64 = 50;
/// How many events of any other lesson are worth looking at: a run of fifty thousand is tried under seven seeds.
const EVENTS_OF_LESSON: u64 = 350_000;
/// How many events of any other scenario.
const EVENTS: u64 = 150_000;
/// How many runs that went wrong are told.
const TOLD: usize = 12;

fn run(lesson: &Lesson, seed: u64, keep: Keep) -> Outcome {
    let options = Options { keep, ..Options::default() };
    on_fresh_thread(|| World::with(&lesson.scenario, seed, &options).run())
}

/// Two runs differ: both once more, with every event, to say where.
fn explain(lesson: &Lesson, seed: u64) -> String {
    let store = || {
        on_fresh_thread(|| {
            let mut world = World::new(&lesson.scenario, seed);
            world.run();
            world.recorder().events().clone()
        })
    };
    match first_divergence(&store(), &store()) {
        Some(divergence) => divergence.to_string(),
        None => "two further runs were equal".to_owned(),
    }
}

/// What went wrong in a run, if anything did.
fn complaints(lesson: &Lesson, seed: u64) -> Vec<String> {
    let first = run(lesson, seed, Keep::CHECKED);
    // Whether the invariants look at a run must not change it.
    let second = run(lesson, seed, Keep::HASH);
    let mut wrong = Vec::new();
    if first.hash != second.hash {
        wrong.push(format!("two hashes: {}", explain(lesson, seed)));
    }
    wrong.extend(first.violations.iter().map(|violation| format!("violated: {violation}")));
    wrong.extend(first.panics.iter().map(|(node, text)| format!("panic at node {node}: {text}")));
    let unmet = first.expectations.iter().filter(|expectation| expectation.met != Some(true));
    wrong.extend(unmet.map(|expectation| {
        let (line, text, found) = (expectation.line, &expectation.text, &expectation.found);
        format!("line {line}: expected {text}, found {found}")
    }));
    let missed = &first.missed_steps;
    wrong.extend(
        missed.iter().map(|step| format!("line {}: {} never happened", step.line, step.text)),
    );
    wrong
}

#[test]
fn every_seed_gives_one_run_that_holds() {
    let mut lessons = lessons();
    if let Ok(name) = std::env::var("KLAMM_SCENARIO") {
        lessons.retain(|lesson| lesson.name == name);
        assert!(!lessons.is_empty(), "there is no scenario '{name}'");
    }
    let seeds = |lesson: &Lesson| {
        let usual = if OLDEST.contains(&lesson.name.as_str()) {
            SEEDS
        } else {
            let events = run(lesson, lesson.scenario.seed, Keep::HASH).events;
            let budget = if lesson.chapter == "lessons" { EVENTS_OF_LESSON } else { EVENTS };
            FEWER_SEEDS.min((budget / events.max(1)).max(1))
        };
        env_count("KLAMM_SEEDS", usual)
    };
    let jobs: Vec<(&Lesson, u64)> = lessons
        .iter()
        .flat_map(|lesson| (1..=seeds(lesson)).map(move |seed| (lesson, seed)))
        .collect();
    let found = on_workers(&jobs, |(lesson, seed)| complaints(lesson, *seed));
    let mut told: Vec<String> = Vec::new();
    for ((lesson, seed), wrong) in jobs.iter().zip(found).filter(|(_, wrong)| !wrong.is_empty()) {
        told.push(format!("{} seed {seed}:\n  {}", lesson.name, wrong.join("\n  ")));
    }
    let count = told.len();
    told.truncate(TOLD);
    assert_eq!(count, 0, "{count} of {} runs went wrong\n{}", jobs.len(), told.join("\n"));
}

#[test]
fn what_ran_before_in_a_process_changes_nothing() {
    let lessons = lessons();
    let alone: Vec<_> =
        lessons.iter().map(|lesson| run(lesson, lesson.scenario.seed, Keep::CHECKED)).collect();
    // All on this thread, other seeds and other scenarios in between, backwards.
    for (lesson, alone) in lessons.iter().zip(&alone).rev() {
        let options = Options { keep: Keep::CHECKED, ..Options::default() };
        let other = World::with(&lesson.scenario, lesson.scenario.seed + 1, &options).run();
        assert_ne!(other.hash, alone.hash, "{}: another seed is another run", lesson.name);
        let again = World::with(&lesson.scenario, lesson.scenario.seed, &options).run();
        assert_eq!(&again, alone, "{}", lesson.name);
    }
}

#[test]
fn what_is_kept_changes_nothing() {
    on_workers(&lessons(), |lesson| {
        let seed = lesson.scenario.seed;
        let hashes: Vec<_> = [Keep::HASH, Keep::EVENTS, Keep::CHECKED, Keep::ALL]
            .into_iter()
            .map(|keep| run(lesson, seed, keep).hash)
            .collect();
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{}: {hashes:?}", lesson.name);
        let options = Options { capture_frames: true, ..Options::default() };
        let captured = World::with(&lesson.scenario, seed, &options).run().hash;
        assert_eq!(captured, hashes[0], "{}: with frames captured", lesson.name);
    });
}
