//! How a source file looks.

use crate::{assert_none, read, rust_files, tracked};

/// Lines after which the question is due which two subjects are in a file.
const LONG: usize = 1000;

#[test]
fn every_module_opens_with_a_header() {
    let offenders: Vec<String> = rust_files()
        .into_iter()
        .filter(|file| !read(file).trim_start().starts_with("//!"))
        .collect();
    assert_none("files without a module header", &offenders);
}

/// A list of one subject: the input of a macro that makes one enum of it, which can't be cut into files.
const VOCABULARY: &str = "engine/node/src/event/vocabulary.rs";

#[test]
fn no_file_has_two_subjects() {
    let offenders: Vec<String> = rust_files()
        .into_iter()
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, file)| *lines > LONG && file != VOCABULARY)
        .map(|(lines, file)| format!("{file}: {lines} lines"))
        .collect();
    assert_none("files over a thousand lines", &offenders);
}

#[test]
fn nothing_is_left_over() {
    // Spelt in two parts so that this file does not accuse itself.
    let markers = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("dbg", "!("),
        concat!("to", "do!("),
    ];
    let mut offenders = Vec::new();
    for file in tracked()
        .iter()
        .filter(|file| file.ends_with(".rs") || file.ends_with(".sh") || file.ends_with(".ron"))
    {
        for (number, line) in read(file).lines().enumerate() {
            if markers.iter().any(|marker| line.contains(marker)) {
                offenders.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none("leftover markers", &offenders);
}

#[test]
fn no_lint_is_switched_off_silently_and_no_test_is_ignored() {
    let words = [concat!("#[", "allow("), concat!("#![", "allow("), concat!("#[", "ignore")];
    let mut offenders = Vec::new();
    for file in rust_files() {
        for (number, line) in read(&file).lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                offenders.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none("use #[expect(..., reason = ...)], and never ignore a test", &offenders);
}

#[test]
fn imports_stand_in_three_groups() {
    let mut offenders = Vec::new();
    for file in rust_files() {
        let mut last = 0;
        for (number, line) in read(&file).lines().enumerate() {
            let Some(path) = line.strip_prefix("use ") else { continue };
            let group = match path.split("::").next().unwrap_or_default() {
                "std" | "core" | "alloc" => 1,
                ours if ours.starts_with("klamm") || matches!(ours, "crate" | "super" | "self") => {
                    3
                }
                _ => 2,
            };
            if group == 1 && last == 3 {
                offenders.push(format!("{file}:{}: std after ours", number + 1));
            }
            last = group;
        }
    }
    assert_none("imports: std first, ours last", &offenders);
}
