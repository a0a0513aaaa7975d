//! Three programs with a mistake each, and their corrected forms: a sweep finds the mistakes and names the property, and the
//! corrected forms hold under the same seeds. Issue 4 asks for 1,000 seeds: `KLAMM_SEEDS=1000`.

#![cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]

use std::collections::BTreeSet;
use std::path::Path;

use klamm_golden::{Lesson, applications, env_count, on_workers, told_from_trace, verdict};
use klamm_madsim::app::{Programs, run};
use klamm_trace::InvariantId;
use klamm_world::{World, transcript_options};

#[path = "../examples/auto_commit_handoff/program.rs"]
mod auto_commit_handoff;
#[path = "../examples/commit_before_processing/program.rs"]
mod commit_before_processing;
#[path = "../examples/process_past_revoke/program.rs"]
mod process_past_revoke;

/// How many seeds the corrected forms must hold under in the usual run.
const SEEDS: u64 = 4;

/// The seed up to which a sweep must have found each mistake.
const MOST: u64 = 1000;

struct Mistake {
    wrong: &'static str,
    right: &'static str,
    violates: InvariantId,
    programs: fn() -> Programs,
}

const MISTAKES: [Mistake; 3] = [
    Mistake {
        wrong: "commit-before-processing",
        right: "commit-after-processing",
        violates: InvariantId::CommittedMeansProcessed,
        programs: commit_before_processing::programs,
    },
    Mistake {
        wrong: "process-past-revoke",
        right: "abandon-at-revoke",
        violates: InvariantId::ProcessOnlyOwned,
        programs: process_past_revoke::programs,
    },
    Mistake {
        wrong: "auto-commit-handoff",
        right: "store-after-processing",
        violates: InvariantId::CommittedMeansProcessed,
        programs: auto_commit_handoff::programs,
    },
];

fn story(name: &str) -> Lesson {
    let found = applications().into_iter().find(|lesson| lesson.name == name);
    found.unwrap_or_else(|| panic!("a scenario scenarios/apps/{name}.ron"))
}

fn ran(mistake: &Mistake, lesson: &Lesson, seed: u64) -> World {
    let run = run(&lesson.scenario, seed, &(mistake.programs)());
    run.unwrap_or_else(|error| panic!("{}: {error}", lesson.name))
}

#[test]
fn a_sweep_finds_each_mistake() {
    for mistake in &MISTAKES {
        let wrong = story(mistake.wrong);
        let caught = (1..=MOST).find(|seed| {
            let outcome = ran(mistake, &wrong, *seed).outcome();
            let mut found = outcome.violations.iter();
            found.any(|violation| violation.id == mistake.violates)
        });
        assert!(caught.is_some(), "{}: no {} in {MOST} seeds", mistake.wrong, mistake.violates);
    }
}

#[test]
fn the_corrected_forms_hold() {
    let seeds = env_count("KLAMM_SEEDS", SEEDS);
    for mistake in &MISTAKES {
        let right = story(mistake.right);
        let jobs: Vec<u64> = (1..=seeds).collect();
        let failed = on_workers(&jobs, |seed| {
            let world = ran(mistake, &right, *seed);
            let outcome = world.outcome();
            let told = || verdict(&outcome, &world.recorder().header().nodes);
            (!outcome.passed()).then(|| format!("seed {seed}: {}", told()))
        });
        let failed: Vec<String> = failed.into_iter().flatten().collect();
        assert!(failed.is_empty(), "{}:\n{}", mistake.right, failed.join("\n"));
    }
}

#[test]
fn one_seed_is_one_run() {
    for mistake in &MISTAKES {
        let wrong = story(mistake.wrong);
        // Side by side, so that neither can count on what a run before it left behind.
        let hashes = on_workers(&[5, 5, 6], |seed| ran(mistake, &wrong, *seed).hash());
        assert_eq!(hashes[0], hashes[1], "{}", mistake.wrong);
        assert_ne!(hashes[0], hashes[2], "{}", mistake.wrong);
    }
}

/// What is corrected is the program, not the story.
#[test]
fn the_two_forms_have_one_story() {
    for mistake in &MISTAKES {
        let [wrong, right] = [mistake.wrong, mistake.right].map(|name| {
            let text = story(name).scenario.text;
            let told = text.lines().filter(|line| {
                let line = line.trim_start();
                !["//", "title:", "question:"].iter().any(|word| line.starts_with(word))
            });
            let told = told.map(|line| match line.split_once("args: {") {
                Some((before, rest)) => {
                    format!("{before}{}", rest.split_once('}').map_or("", |(_, after)| after))
                }
                None => line.to_owned(),
            });
            told.collect::<Vec<_>>()
        });
        assert_eq!(wrong, right, "{} and {}", mistake.wrong, mistake.right);
    }
}

#[test]
fn every_story_reads_as_it_did() {
    let mut told_of = BTreeSet::new();
    for mistake in &MISTAKES {
        for name in [mistake.wrong, mistake.right] {
            let lesson = story(name);
            let world = ran(mistake, &lesson, lesson.scenario.seed);
            let transcript = told_from_trace(&world, transcript_options(&lesson.scenario));
            let verdict = verdict(&world.outcome(), &world.recorder().header().nodes);
            let scenario = &lesson.scenario;
            let told =
                format!("{}\n{}\n\n{transcript}\n{verdict}", scenario.title, scenario.question);
            let mut settings = insta::Settings::clone_current();
            let snapshots =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/snapshots");
            settings.set_snapshot_path(snapshots.join(&lesson.chapter));
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(lesson.name.as_str(), told));
            told_of.insert(lesson.name);
        }
    }
    let all: BTreeSet<String> = applications().into_iter().map(|lesson| lesson.name).collect();
    assert_eq!(told_of, all, "every scenario of this chapter is told");
}
