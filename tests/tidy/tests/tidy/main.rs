//! Rules that a machine can check, each a test. Walks what git knows, so build output never counts.

mod arrows;
mod book;
mod catalogue;
mod files;
mod generated;
mod scenarios;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("tests/tidy lies two below the root")
        .to_owned()
}

/// Every file that git tracks, or would track, relative to the root, sorted.
fn tracked() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(
        listed.status.success(),
        "git ls-files failed: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let mut files: Vec<String> = String::from_utf8(listed.stdout)
        .expect("file names are UTF-8")
        .lines()
        .map(str::to_owned)
        .collect();
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    files
}

/// The tracked Rust files of the project.
fn rust_files() -> Vec<String> {
    tracked().into_iter().filter(|file| file.ends_with(".rs")).collect()
}

/// A file's text.
fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Fails with every offender on a line of its own.
fn assert_none(rule: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}
