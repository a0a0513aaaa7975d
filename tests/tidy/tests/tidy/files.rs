//! Which files may be here at all.

use crate::{assert_none, root, tracked};

/// Extensions (or whole names) of files that belong into the repository.
const KNOWN: &[&str] = &[
    "rs",
    "toml",
    "lock",
    "md",
    "ron",
    "snap",
    "txt",
    "sh",
    "svg",
    "png",
    "gif",
    "gitignore",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "run",
    "css",
    "proptest-regressions",
    "py",
    "mjs",
    "json",
    "ttf",
];

/// What may lie at the top.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "rustfmt.toml",
    "engine",
    "sim",
    "viz",
    "scenarios",
    "tests",
    "book",
];

#[test]
fn only_known_kinds_of_files_and_none_is_huge() {
    let mut offenders = Vec::new();
    for file in tracked() {
        let name = file.rsplit('/').next().unwrap_or(&file);
        let kind = name.rsplit('.').next().unwrap_or(name);
        if !KNOWN.contains(&kind) {
            offenders.push(format!("{file}: unknown kind of file"));
        }
        let size = std::fs::metadata(root().join(&file)).map_or(0, |meta| meta.len());
        if size > 512 * 1024 {
            offenders.push(format!("{file}: {size} bytes"));
        }
    }
    assert_none("files that do not belong here", &offenders);
}

#[test]
fn the_top_level_is_short() {
    let offenders: Vec<String> = tracked()
        .into_iter()
        .map(|file| file.split('/').next().unwrap_or_default().to_owned())
        .filter(|top| {
            !TOP.contains(&top.as_str()) && !top.starts_with('.') && !top.starts_with("LICENSE")
        })
        .collect();
    assert_none("entries at the top level that the layout does not know", &offenders);
}

#[test]
fn random_tests_have_a_seed() {
    let config = std::fs::read_to_string(root().join(".cargo/config.toml")).expect("cargo's own");
    let seeded = config.lines().any(|line| line.starts_with("PROPTEST_RNG_SEED = "));
    assert!(seeded, "a random test would play other cases in every run, and fail for nobody else");
}
