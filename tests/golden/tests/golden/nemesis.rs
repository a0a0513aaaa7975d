//! Random faults under many seeds: nothing that the lab checks may break, everybody recovers, and every kind of fault
//! that a seed enables changes something.
//!
//! The suite runs 200 seeds of `scenarios/nemesis/everything.ron` and 80 of those about groups, whose runs are longer;
//! `KLAMM_SEEDS` says another number for all, `KLAMM_FIRST_SEED` where they begin.

use std::collections::BTreeMap;
use std::time::Instant;

use klamm_golden::{Lesson, env_count, lessons, on_workers};
use klamm_trace::Keep;
use klamm_world::{MischiefReport, Options, Outcome, World};

const SEEDS: u64 = 200;
const SEEDS_OF_GROUPS: u64 = 80;

/// How many in a hundred of the seeds that enable a kind must see it change something.
const BITES: usize = 95;

/// What a seed came to: the first thing that is wrong, and the kinds of faults.
struct Seed {
    wrong: Option<String>,
    mischief: Vec<MischiefReport>,
    events: u64,
}

fn wrong(outcome: &Outcome) -> Option<String> {
    let violation = outcome.violations.first().map(ToString::to_string);
    let panic = || outcome.panics.first().map(|(node, text)| format!("node {node}: {text}"));
    let unmet = || {
        let mut unmet = outcome.expectations.iter().filter(|one| one.met != Some(true));
        unmet.next().map(|one| format!("line {}: {}; found {}", one.line, one.text, one.found))
    };
    violation.or_else(panic).or_else(unmet)
}

fn run(lesson: &Lesson, seed: u64) -> Seed {
    let options = Options { keep: Keep::CHECKED, ..Options::default() };
    let outcome = World::with(&lesson.scenario, seed, &options).run();
    Seed { wrong: wrong(&outcome), mischief: outcome.mischief, events: outcome.events }
}

#[test]
fn whatever_happens_promises_are_kept_and_the_cluster_recovers() {
    let first = env_count("KLAMM_FIRST_SEED", 1);
    let scenarios: Vec<Lesson> =
        lessons().into_iter().filter(|lesson| lesson.scenario.nemesis.is_some()).collect();
    assert!(!scenarios.is_empty(), "a scenario with a nemesis");
    let mut complaints: Vec<String> = Vec::new();
    for lesson in &scenarios {
        let began = Instant::now();
        let usual = if lesson.name.starts_with("groups") { SEEDS_OF_GROUPS } else { SEEDS };
        let count = env_count("KLAMM_SEEDS", usual);
        let seeds: Vec<u64> = (first..first + count).collect();
        let done = on_workers(&seeds, |seed| (*seed, run(lesson, *seed)));
        let file = format!("scenarios/{}/{}.ron", lesson.chapter, lesson.name);
        for (seed, result) in &done {
            if let Some(wrong) = &result.wrong {
                complaints.push(format!("klamm run {file} --seed {seed}\n    {wrong}"));
            }
        }
        let events: u64 = done.iter().map(|(_, result)| result.events).sum();
        println!("{file}: {count} seeds, {events} events, {:.1?}", began.elapsed());
        let mut kinds: BTreeMap<&str, (usize, usize, u64)> = BTreeMap::new();
        for report in done.iter().flat_map(|(_, result)| &result.mischief) {
            let kind = kinds.entry(report.kind).or_default();
            kind.0 += usize::from(report.enabled);
            kind.1 += usize::from(report.enabled && report.bit > 0);
            kind.2 += report.done;
        }
        for (kind, (enabled, bit, done)) in kinds {
            println!(
                "{kind:>16}: bit in {bit} of {enabled} seeds that enabled it, done {done} times"
            );
            // A handful of seeds proves nothing about a share.
            if enabled >= 20 && bit * 100 < enabled * BITES {
                complaints.push(format!("{file}: {kind} bit in {bit} of {enabled} seeds only"));
            }
        }
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
