//! What every scenario reads like under its own seed, as `klamm run` tells it, followed by the verdict.
//!
//! The snapshots stand in `tests/golden/snapshots`, in the folders of `scenarios`. After a change that is meant to change
//! them: `INSTA_UPDATE=always cargo test -p klamm-golden transcripts`, then read the difference as a person would who
//! wants to learn Kafka from it. A transcript that reads wrong is a bug of the engine, the world or the teller.

use std::collections::BTreeSet;
use std::path::Path;

use klamm_golden::{applications, lessons};

use crate::ran::{Ran, ran};

const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots");

#[test]
fn every_scenario_reads_as_it_did() {
    let wrong: String = ran()
        .iter()
        .flat_map(|ran| {
            let name = format!("{}/{}", ran.lesson.chapter, ran.lesson.name);
            ran.wrong.iter().map(move |what| format!("{name}: {what}\n"))
        })
        .collect();
    assert!(wrong.is_empty(), "predictions that their own runs refute:\n{wrong}");
    for Ran { lesson, told, .. } in ran() {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(Path::new(SNAPSHOTS).join(&lesson.chapter));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(lesson.name.as_str(), told));
    }
}

/// A snapshot without a scenario is dead weight that no test would notice.
#[test]
fn no_snapshot_is_left_over() {
    // The transcripts of applications are told where their programs are, in the room of madsim.
    let known: BTreeSet<_> = lessons()
        .iter()
        .chain(&applications())
        .map(|lesson| format!("{}/{}.snap", lesson.chapter, lesson.name))
        .collect();
    let mut found = BTreeSet::new();
    for chapter in std::fs::read_dir(SNAPSHOTS).expect("the snapshots") {
        let chapter = chapter.expect("a folder of snapshots");
        for file in std::fs::read_dir(chapter.path()).expect("a folder of snapshots") {
            let file = file.expect("a snapshot").file_name();
            let (chapter, file) = (chapter.file_name(), file);
            found.insert(format!("{}/{}", chapter.to_string_lossy(), file.to_string_lossy()));
        }
    }
    let left: Vec<_> = found.difference(&known).filter(|name| name.ends_with(".snap")).collect();
    assert!(left.is_empty(), "snapshots without a scenario: {left:?}");
}
