//! The whole window, as it looks: some thirty pictures by the painter that it ships with, on a software renderer.
//!
//! `cargo test --workspace --features klamm-pictures/renderer --test pictures` compares them with those in `kept/`; with
//! `KLAMM_UPDATE=1` it keeps what it draws, to be looked at before it is committed. What is different is written beside a
//! picture of the differences, all pictures at once.

mod compare;
mod sitting;
mod software;
mod subjects;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use compare::Picture;
use software::Software;

/// As much as all pictures together may weigh in the repository.
const MOST_BYTES: u64 = 3_000_000;

/// Where pictures are kept.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kept")
}

#[test]
fn the_window_looks_as_it_was_kept() {
    let software = match Software::new() {
        Ok(software) => software,
        Err(missing) => panic!("{missing}"),
    };
    let renew = env::var_os("KLAMM_UPDATE").is_some_and(|value| value == "1");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut wrong = Vec::new();
    for subject in subjects::ALL {
        let new = sitting::picture(&software, subject);
        let path = kept().join(format!("{}.png", subject.name));
        let found = match Picture::read(&path) {
            Ok(kept) => kept.differs(&new).map(|(count, shown)| {
                let differences = out.join(format!("{}.differences.png", subject.name));
                shown.write(&differences).expect("written");
                format!("{}: {count} pixels differ: {}", subject.name, differences.display())
            }),
            Err(error) => Some(format!("{}: {error}", subject.name)),
        };
        if let Some(found) = found {
            let place = if renew { path } else { out.join(format!("{}.png", subject.name)) };
            new.write(&place).expect("written");
            wrong.push(found);
        }
    }
    if renew {
        wrong.clear();
    }
    wrong.extend(not_to_be_kept());
    assert!(
        wrong.is_empty(),
        "look at them in {}, and keep them with KLAMM_UPDATE=1 if they are right:\n  {}",
        out.display(),
        wrong.join("\n  ")
    );
}

/// Pictures that nothing draws any more, and too many bytes of those that are drawn.
fn not_to_be_kept() -> Vec<String> {
    let names: BTreeSet<&str> = subjects::ALL.iter().map(|subject| subject.name).collect();
    assert_eq!(names.len(), subjects::ALL.len(), "two pictures of one name");
    let (mut wrong, mut bytes) = (Vec::new(), 0);
    for file in fs::read_dir(kept()).expect("there are pictures") {
        let file = file.expect("readable");
        bytes += file.metadata().expect("readable").len();
        let name = file.file_name().to_string_lossy().into_owned();
        if !name.strip_suffix(".png").is_some_and(|name| names.contains(name)) {
            wrong.push(format!("{name}: nothing draws it"));
        }
    }
    if bytes > MOST_BYTES {
        wrong.push(format!("{bytes} bytes of pictures are too many"));
    }
    wrong
}
