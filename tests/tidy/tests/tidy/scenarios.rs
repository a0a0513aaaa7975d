//! Scenarios and their transcripts belong together, one to one.

use std::collections::BTreeSet;

use klamm_node::event::CATALOGUE;

use crate::{assert_none, read, tracked};

/// Events that no transcript or scenario shows yet. Only ever shrink this list.
const UNSEEN: &str = include_str!("unseen-events.txt");

fn stems(prefix: &str, suffix: &str) -> BTreeSet<String> {
    let files = tracked();
    let stems = files.iter().filter_map(|file| file.strip_prefix(prefix)?.strip_suffix(suffix).map(str::to_owned));
    stems.collect()
}

#[test]
fn every_scenario_has_a_transcript_and_every_transcript_a_scenario() {
    let scenarios = stems("scenarios/", ".ron");
    let transcripts = stems("tests/golden/snapshots/", ".snap");
    let mut offenders: Vec<String> =
        scenarios.difference(&transcripts).map(|stem| format!("scenarios/{stem}.ron has no transcript")).collect();
    offenders.extend(transcripts.difference(&scenarios).map(|stem| format!("the transcript {stem} is an orphan")));
    assert_none("scenarios and transcripts", &offenders);
    assert!(!scenarios.is_empty(), "there are no scenarios at all");
}

#[test]
fn every_snapshot_in_a_room_has_its_test_file() {
    // insta writes a snapshot beside the test: `<folder>/snapshots/<crate>__<module>__<name>.snap`.
    let offenders: Vec<String> = tracked()
        .iter()
        .filter(|file| file.ends_with(".snap") && !file.starts_with("tests/golden/"))
        .filter(|file| {
            let text = read(file);
            let source = text.lines().find_map(|line| line.strip_prefix("source: "));
            !source.is_some_and(|source| tracked().iter().any(|other| other == source.trim()))
        })
        .cloned()
        .collect();
    assert_none("snapshots whose source is gone", &offenders);
}

#[test]
fn every_event_is_shown_somewhere_or_admitted_unseen() {
    let mut shown = String::new();
    for file in tracked().iter().filter(|file| file.starts_with("tests/golden/snapshots/")) {
        shown.push_str(&read(file));
    }
    let admitted: BTreeSet<&str> = UNSEEN.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let mut offenders = Vec::new();
    for info in CATALOGUE {
        let seen = shown.split(|c: char| !c.is_alphanumeric()).any(|word| word == info.name);
        match (seen, admitted.contains(info.name)) {
            (false, false) => offenders.push(format!("{} appears in no transcript", info.name)),
            (true, true) => offenders.push(format!("{} is seen now: take it off unseen-events.txt", info.name)),
            (true, false) | (false, true) => {}
        }
    }
    offenders.extend(
        admitted.iter().filter(|name| CATALOGUE.iter().all(|info| info.name != **name)).map(|name| format!("{name} is no event")),
    );
    assert_none("events and transcripts", &offenders);
}
