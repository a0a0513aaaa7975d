//! The scenarios of the repository.

use std::path::{Path, PathBuf};

use klamm_scenario::Scenario;

/// A scenario and where it stands.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// The folder below `scenarios`: `lessons`.
    pub chapter: String,
    /// The file's name without its ending: `leader-crash`.
    pub name: String,
    /// The scenario.
    pub scenario: Scenario,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The chapter whose scenarios run programs of a person's own: only a binary that knows the programs can run them.
const APPLICATIONS: &str = "apps";

/// Every scenario under `scenarios/` that needs nothing but the lab, by path.
///
/// # Panics
/// A file can't be read, or is no scenario.
pub fn lessons() -> Vec<Lesson> {
    all().into_iter().filter(|lesson| lesson.chapter != APPLICATIONS).collect()
}

/// Every scenario that runs a program of a person's own.
///
/// # Panics
/// A file can't be read, or is no scenario.
pub fn applications() -> Vec<Lesson> {
    all().into_iter().filter(|lesson| lesson.chapter == APPLICATIONS).collect()
}

fn all() -> Vec<Lesson> {
    let top = root().join("scenarios");
    let mut files = Vec::new();
    collect(&top, &mut files);
    files.sort();
    assert!(!files.is_empty(), "no scenario in {}", top.display());
    files.iter().map(|file| read(&top, file)).collect()
}

/// A scenario by its name.
///
/// # Panics
/// There is none of that name.
pub fn lesson(name: &str) -> Lesson {
    let found = lessons().into_iter().find(|lesson| lesson.name == name);
    found.unwrap_or_else(|| panic!("a scenario called {name}"))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("a folder of scenarios");
    for entry in entries {
        let path = entry.expect("an entry of a folder of scenarios").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "ron") {
            files.push(path);
        }
    }
}

fn read(top: &Path, file: &Path) -> Lesson {
    let text = std::fs::read_to_string(file).expect("a scenario in UTF-8");
    let within = file.strip_prefix(top).expect("below the top");
    let scenario = klamm_scenario::parse(&within.display().to_string(), &text)
        .unwrap_or_else(|mistakes| panic!("{}", klamm_scenario::render(&mistakes, &text, false)));
    let chapter = within.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Lesson { chapter, name, scenario }
}
