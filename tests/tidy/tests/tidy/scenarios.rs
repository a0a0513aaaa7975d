//! Scenarios and their transcripts belong together, one to one.

use std::collections::BTreeSet;

use klamm_node::event::CATALOGUE;

use crate::{assert_none, read, root, tracked};

/// Events that no transcript shows yet. `KLAMM_UPDATE=1` takes off what is seen or gone; nothing but a hand puts an event on it.
const UNSEEN: &str = "tests/tidy/tests/tidy/unseen-events.txt";

fn stems(prefix: &str, suffix: &str) -> BTreeSet<String> {
    let files = tracked();
    let stems = files
        .iter()
        .filter_map(|file| file.strip_prefix(prefix)?.strip_suffix(suffix).map(str::to_owned));
    stems.collect()
}

#[test]
fn every_scenario_has_a_transcript_and_every_transcript_a_scenario() {
    // What a nemesis draws is another story under each seed, and held against the invariants, not against a transcript.
    let told = |stem: &String| !stem.starts_with("nemesis/");
    let scenarios: BTreeSet<String> =
        stems("scenarios/", ".ron").into_iter().filter(told).collect();
    let transcripts = stems("tests/golden/snapshots/", ".snap");
    let mut offenders: Vec<String> = scenarios
        .difference(&transcripts)
        .map(|stem| format!("scenarios/{stem}.ron has no transcript"))
        .collect();
    offenders.extend(
        transcripts
            .difference(&scenarios)
            .map(|stem| format!("the transcript {stem} is an orphan")),
    );
    assert_none("scenarios and transcripts", &offenders);
    assert!(!scenarios.is_empty(), "there are no scenarios at all");
}

/// The page that says for each transcript what of Kafka decides whether it is right.
const SOURCES: &str = "book/src/internals/sources.md";

#[test]
fn every_transcript_has_a_source() {
    // Those of applications tell of programs, not of Kafka.
    let told: BTreeSet<String> = stems("tests/golden/snapshots/", ".snap")
        .into_iter()
        .filter(|stem| !stem.starts_with("apps/"))
        .collect();
    let text = read(SOURCES);
    let mut named = BTreeSet::new();
    let mut chapter = "";
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            chapter = title;
        } else if let Some(row) = line.strip_prefix("| ")
            && let Some((name, source)) = row.split_once(" | ")
            && !source.trim_matches([' ', '|']).is_empty()
        {
            named.insert(format!("{chapter}/{name}"));
        }
    }
    let offenders: Vec<String> =
        told.difference(&named).map(|stem| format!("{stem} has no row in {SOURCES}")).collect();
    assert_none("transcripts without a source", &offenders);
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
    let seen: BTreeSet<&str> = shown.split(|c: char| !c.is_alphanumeric()).collect();
    let unseen: BTreeSet<&str> =
        CATALOGUE.iter().map(|info| info.name).filter(|name| !seen.contains(name)).collect();
    let mut list = read(UNSEEN);
    if std::env::var_os("KLAMM_UPDATE").is_some() {
        list = shrunk(&list, &unseen);
        std::fs::write(root().join(UNSEEN), &list)
            .unwrap_or_else(|error| panic!("{UNSEEN}: {error}"));
    }
    let admitted: BTreeSet<&str> = list.lines().filter(|line| is_entry(line)).collect();
    let mut offenders: Vec<String> = unseen
        .difference(&admitted)
        .map(|name| format!("{name} appears in no transcript"))
        .collect();
    offenders.extend(
        admitted
            .difference(&unseen)
            .map(|name| format!("{name} is seen, or no event: KLAMM_UPDATE=1 takes it off")),
    );
    assert_none("events and transcripts", &offenders);
}

fn is_entry(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// The list without the entries that are not unseen any more. It never gains a line.
fn shrunk(list: &str, unseen: &BTreeSet<&str>) -> String {
    let kept = list.lines().filter(|line| !is_entry(line) || unseen.contains(line));
    kept.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_list_of_unseen_events_only_shrinks() {
    let unseen = BTreeSet::from(["A", "C"]);
    assert_eq!(shrunk("# Why.\nA\nB\n", &unseen), "# Why.\nA\n");
}
