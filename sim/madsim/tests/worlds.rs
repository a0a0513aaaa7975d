//! The lessons under the three ways of running them: the plain world, host mode, node mode.

#![cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use klamm_madsim::{NodeRun, run, run_nodes};
use klamm_node::effects::FrameRole;
use klamm_node::{EventKind, Span};
use klamm_scenario::Scenario;
use klamm_trace::Keep;
use klamm_world::World;

/// Every scenario of every chapter but the one that needs programs of a person's own.
fn scenarios() -> Vec<PathBuf> {
    let list = |dir: PathBuf| {
        let entries = std::fs::read_dir(dir).expect("the scenarios are there");
        entries.map(|entry| entry.expect("readable").path())
    };
    let chapters = list(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios"));
    let mut files: Vec<PathBuf> = chapters
        .filter(|path| path.is_dir() && !path.ends_with("apps"))
        .flat_map(list)
        .filter(|path| path.extension().is_some_and(|extension| extension == "ron"))
        .collect();
    files.sort();
    assert!(files.len() >= 6, "the scenarios were moved");
    files
}

fn scenario(path: &Path) -> Scenario {
    let text = std::fs::read_to_string(path).expect("readable");
    let name = path.file_name().expect("a file").to_string_lossy();
    klamm_scenario::parse(&name, &text).unwrap_or_else(|errors| panic!("{name}: {errors:?}"))
}

#[test]
fn a_world_has_the_same_hash_in_host_mode() {
    for path in scenarios() {
        let scenario = scenario(&path);
        let mut plain = World::new(&scenario, 3);
        plain.run();
        let hosted = run(World::new(&scenario, 3)).expect("ran");
        assert!(hosted.is_finished());
        assert_eq!(hosted.hash(), plain.hash(), "{}", scenario.file);
        assert_eq!(hosted.recorder().last_seq(), plain.recorder().last_seq());
    }
}

fn told(run: &NodeRun) -> String {
    let outcome = &run.outcome;
    let unmet: Vec<_> = outcome.expectations.iter().filter(|e| e.met != Some(true)).collect();
    format!(
        "unmet: {unmet:#?}\nviolations: {:#?}\nmissed: {:?}\npanics: {:?}",
        outcome.violations, outcome.missed_steps, outcome.panics
    )
}

/// How long a frame of an API took that one node answered another, at most, as far as it arrived.
fn slowest_answer(run: &NodeRun, api: i16) -> Span {
    let mut sent = BTreeMap::new();
    let mut slowest = Span::ZERO;
    for event in run.recorder.events().iter() {
        if let EventKind::FrameSent { role: FrameRole::Response, api_key, .. } = &event.kind
            && *api_key == api
        {
            sent.insert(event.seq, event.time);
        } else if let EventKind::FrameDelivered { frame } = &event.kind
            && let Some(left) = sent.remove(frame)
        {
            slowest = slowest.max(event.time.since(left));
        }
    }
    slowest
}

#[test]
fn answers_are_held_in_node_mode_too() {
    let find = |name: &str| {
        let files = scenarios();
        let found = files.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name));
        scenario(found.expect("the scenario is there"))
    };
    // It holds the answers to fetches for six seconds; the other holds nothing.
    let held = run_nodes(&find("z07-join-at-high-watermark"), 3, Keep::ALL).expect("ran");
    assert!(slowest_answer(&held, 1) >= Span::secs(1), "{}", slowest_answer(&held, 1));
    let free = run_nodes(&find("keys-and-order"), 3, Keep::ALL).expect("ran");
    assert!(slowest_answer(&free, 1) < Span::millis(100), "{}", slowest_answer(&free, 1));
}

#[test]
fn the_scenarios_hold_in_node_mode() {
    let mut failed = Vec::new();
    for path in scenarios() {
        let scenario = scenario(&path);
        let run = run_nodes(&scenario, 3, Keep::ALL).expect("ran");
        assert!(run.outcome.events > 500, "{}: hardly anything happened", scenario.file);
        if !run.outcome.passed() {
            failed.push(format!("{}:\n{}", scenario.file, told(&run)));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn node_mode_is_deterministic() {
    let scenario = scenario(&scenarios()[2]);
    let first = run_nodes(&scenario, 5, Keep::EVENTS).expect("ran");
    let second = run_nodes(&scenario, 5, Keep::EVENTS).expect("ran");
    let pairs = first.recorder.events().iter().zip(second.recorder.events().iter());
    for (one, other) in pairs {
        assert_eq!(one, other, "where the two part");
    }
    assert_eq!(first.outcome.hash, second.outcome.hash);
    let other = run_nodes(&scenario, 6, Keep::EVENTS).expect("ran");
    assert_ne!(first.outcome.hash, other.outcome.hash, "another seed, another run");
}

/// Other seeds than the lessons' own: two, or as many as `KLAMM_SEEDS` says, for a sweep.
#[test]
#[expect(clippy::disallowed_methods, reason = "how long a sweep is, is said from outside")]
fn the_scenarios_hold_in_node_mode_under_other_seeds() {
    let count = std::env::var("KLAMM_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(2);
    let mut failed = Vec::new();
    for path in scenarios() {
        let scenario = scenario(&path);
        for seed in 100..100 + count {
            let run = run_nodes(&scenario, seed, Keep::CHECKED).expect("ran");
            // Some lessons expect what only their own seed brings about; then the world says so too.
            let plain = World::new(&scenario, seed).run();
            if !run.outcome.passed() {
                let also = if plain.passed() { "the world passes" } else { "the world fails too" };
                failed.push(format!("{} seed {seed} ({also}):\n{}", scenario.file, told(&run)));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
