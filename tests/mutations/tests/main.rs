//! Each planted fault is noticed, and nothing is noticed without it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use klamm_mutations::{FAULTS, Fault, Noticed};
use klamm_node::PlantedFaults;
use klamm_scenario::Scenario;
use klamm_trace::{INVARIANTS, Keep};
use klamm_world::{Options, Outcome, World};

/// Faults that nobody notices. This number only falls.
const UNNOTICED: usize = 2;

/// Checkers that must be shown to fire by at least two faults each.
const TWICE: [&str; 29] = [
    "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12", "S13", "S14", "S15",
    "S16", "S21", "S22", "S25", "S26", "S28", "S29", "L1", "L2", "L3", "L6", "L7", "L8", "L10",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A scenario of this room, or one of the repository by its path below `scenarios`.
fn scenario(name: &str) -> Scenario {
    let own = root().join(format!("tests/mutations/scenarios/{name}.ron"));
    let file = if own.is_file() { own } else { root().join(format!("scenarios/{name}.ron")) };
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    klamm_scenario::parse(name, &text)
        .unwrap_or_else(|mistakes| panic!("{}", klamm_scenario::render(&mistakes, &text, false)))
}

fn run(scenario: &Scenario, seed: u64, faults: &[&str]) -> Outcome {
    let switches = faults.iter().map(|fault| (*fault).to_owned()).collect();
    let options = Options { keep: Keep::CHECKED, switches, ..Options::default() };
    World::with(scenario, seed, &options).run()
}

/// What a run came to, in codes: those of the invariants, `panic` for an assertion of the engine's own, `expectation`.
fn codes(outcome: &Outcome) -> BTreeSet<&'static str> {
    let mut codes: BTreeSet<_> =
        outcome.violations.iter().map(|violation| violation.id.code()).collect();
    if !outcome.panics.is_empty() {
        codes.insert("panic");
    }
    let unmet = outcome.expectations.iter().any(|expectation| expectation.met != Some(true));
    if unmet || !outcome.missed_steps.is_empty() {
        codes.insert("expectation");
    }
    codes
}

fn checkers(fault: &Fault) -> &'static [&'static str] {
    match fault.noticed {
        Noticed::By { checkers, .. } => checkers,
        Noticed::Nobody { .. } => &[],
    }
}

/// Does the jobs on two threads: runs share nothing.
fn on_two<J: Sync, T: Send>(jobs: &[J], work: impl Fn(&J) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { break };
                    let result = work(job);
                    done.lock().expect("no worker panics with the list").push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panics with the list");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[test]
fn every_fault_is_noticed_by_its_checker_and_nothing_is_noticed_without_it() {
    const { assert!(PlantedFaults::POSSIBLE, "this test is built with the feature") };
    let mut clean = BTreeSet::new();
    let mut jobs: Vec<(&str, u64, Option<&Fault>)> = Vec::new();
    for fault in FAULTS {
        if let Noticed::By { scenario, seed, .. } = &fault.noticed {
            jobs.push((*scenario, *seed, Some(fault)));
            clean.insert((*scenario, *seed));
        }
    }
    jobs.extend(clean.into_iter().map(|(scenario, seed)| (scenario, seed, None)));
    let names: BTreeSet<&str> = jobs.iter().map(|(name, _, _)| *name).collect();
    let parsed: BTreeMap<&str, Scenario> =
        names.into_iter().map(|name| (name, scenario(name))).collect();
    let wrong = on_two(&jobs, |(name, seed, fault)| {
        let planted: Vec<&str> = fault.iter().map(|fault| fault.id).collect();
        let found = codes(&run(&parsed[name], *seed, &planted));
        let Some(fault) = fault else {
            let quiet = found.is_empty();
            return (!quiet)
                .then(|| format!("nothing is planted, and {name}, seed {seed}, finds {found:?}"));
        };
        let silent: Vec<_> =
            checkers(fault).iter().filter(|checker| !found.contains(*checker)).collect();
        (!silent.is_empty()).then(|| {
            format!("{} in {name}, seed {seed}: {silent:?} silent, found {found:?}", fault.id)
        })
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {} runs:\n{}", wrong.len(), jobs.len(), wrong.join("\n"));
}

#[test]
fn the_list_and_the_hooks_are_the_same() {
    let mut hooks = BTreeSet::new();
    let mut folders = vec![root().join("engine")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the engine") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && !path.ends_with("node/src/planted.rs")
            {
                let text = std::fs::read_to_string(&path).expect("a source file");
                let named =
                    text.split("planted(\"").skip(1).filter_map(|rest| rest.split('"').next());
                hooks.extend(named.map(str::to_owned));
            }
        }
    }
    let listed: BTreeSet<String> = FAULTS.iter().map(|fault| fault.id.to_owned()).collect();
    assert_eq!(listed.len(), FAULTS.len(), "no fault is listed twice");
    let missing: Vec<_> = listed.difference(&hooks).collect();
    let unlisted: Vec<_> = hooks.difference(&listed).collect();
    assert!(
        missing.is_empty() && unlisted.is_empty(),
        "without a hook: {missing:?}; without a line in the list: {unlisted:?}"
    );
}

#[test]
fn the_feature_is_turned_on_here_alone() {
    let manifest = |room: &str| {
        std::fs::read_to_string(root().join(room).join("Cargo.toml")).expect("a manifest")
    };
    let workspace = manifest("");
    let members = workspace.split("members = [").nth(1).and_then(|rest| rest.split(']').next());
    for member in members.expect("a list of members").split('"').skip(1).step_by(2) {
        let text = manifest(member);
        match member {
            "engine/node" => {
                assert!(text.contains("planted-faults = []"));
                assert!(!text.contains("default ="), "nothing is on by default");
            }
            "tests/mutations" => {
                let (build, tests) = text.split_once("[dev-dependencies]").expect("both parts");
                assert!(!build.contains("planted-faults"), "for the tests alone");
                assert!(tests.contains("planted-faults"));
            }
            _ => assert!(!text.contains("planted-faults"), "{member} turns the feature on"),
        }
    }
    assert!(!workspace.contains("planted-faults"));
}

#[test]
fn what_nobody_notices_only_shrinks() {
    let unnoticed: Vec<&str> = FAULTS
        .iter()
        .filter(|fault| matches!(fault.noticed, Noticed::Nobody { .. }))
        .map(|fault| fault.id)
        .collect();
    assert_eq!(unnoticed.len(), UNNOTICED, "{unnoticed:?}");
}

#[test]
fn every_checker_is_shown_to_fire_twice() {
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in FAULTS {
        for checker in checkers(fault) {
            *shown.entry(*checker).or_default() += 1;
        }
    }
    let known: BTreeSet<&str> = INVARIANTS.iter().map(|info| info.code).collect();
    let strangers: Vec<_> = shown
        .keys()
        .filter(|code| !known.contains(*code) && !["panic", "expectation"].contains(code))
        .collect();
    assert!(strangers.is_empty(), "no such checkers: {strangers:?}");
    let seldom: Vec<_> =
        TWICE.iter().filter(|code| shown.get(*code).is_none_or(|count| *count < 2)).collect();
    assert!(seldom.is_empty(), "shown less than twice: {seldom:?}");
}

/// The book's page, made from the list: `KLAMM_UPDATE=1 cargo test -p klamm-mutations`.
#[test]
fn the_page_of_the_book() {
    let mut page = String::from(include_str!("page.txt"));
    let cell = |text: &str| text.replace('|', "\\|");
    page.push_str("\n| Fault | Room | What the engine does | Known as | Noticed by | In |\n| --- | --- | --- | --- | --- | --- |\n");
    for fault in FAULTS {
        let (by, place) = match &fault.noticed {
            Noticed::By { checkers, scenario, seed } => {
                (checkers.join(", "), format!("`{scenario}`, seed {seed}"))
            }
            Noticed::Nobody { .. } => ("**nobody**".to_owned(), String::new()),
        };
        page.push_str(&format!(
            "| `{}` | {} | {} | {} | {by} | {place} |\n",
            fault.id,
            fault.room,
            cell(fault.does),
            cell(fault.known)
        ));
    }
    page.push_str("\n## What nobody notices\n\n");
    for fault in FAULTS {
        if let Noticed::Nobody { why } = &fault.noticed {
            page.push_str(&format!("* `{}`: {why}\n", fault.id));
        }
    }
    if UNNOTICED == 0 {
        page.push_str("None of the list.\n");
    }
    let file = root().join("book/src/internals/mutations.md");
    if std::env::var_os("KLAMM_UPDATE").is_some() {
        std::fs::write(&file, &page).expect("the book's page is written");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == page, "stale: run KLAMM_UPDATE=1 cargo test -p klamm-mutations");
}
