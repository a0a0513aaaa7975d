//! The walls between the rooms: who may depend on whom, and which outside crate may be named where.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::{assert_none, root};

/// Each room and the rooms it may use. Arrows point downwards only; a room not listed here is an offender.
const ARROWS: &[(&str, &[&str])] = &[
    ("klamm-node", &[]),
    ("klamm-protocol", &["klamm-node"]),
    ("klamm-storage", &["klamm-node", "klamm-protocol"]),
    ("klamm-raft", &["klamm-node", "klamm-protocol", "klamm-storage"]),
    ("klamm-controller", &["klamm-node", "klamm-protocol"]),
    ("klamm-coordinator", &["klamm-node", "klamm-protocol"]),
    (
        "klamm-broker",
        &[
            "klamm-node",
            "klamm-protocol",
            "klamm-storage",
            "klamm-raft",
            "klamm-controller",
            "klamm-coordinator",
        ],
    ),
    ("klamm-client", &["klamm-node", "klamm-protocol"]),
    ("klamm-server", &["klamm-node", "klamm-protocol", "klamm-broker"]),
    ("klamm-scenario", &["klamm-node"]),
    ("klamm-trace", &["klamm-node"]),
    (
        "klamm-world",
        &[
            "klamm-node",
            "klamm-protocol",
            "klamm-storage",
            "klamm-broker",
            "klamm-client",
            "klamm-scenario",
            "klamm-trace",
        ],
    ),
    // Node mode composes the processes by itself, as the world does.
    (
        "klamm-madsim",
        &[
            "klamm-node",
            "klamm-protocol",
            "klamm-broker",
            "klamm-client",
            "klamm-world",
            "klamm-scenario",
            "klamm-trace",
        ],
    ),
    (
        "klamm",
        &[
            "klamm-node",
            "klamm-protocol",
            "klamm-world",
            "klamm-scenario",
            "klamm-trace",
            "klamm-madsim",
            "klamm-server",
            "klamm-scene",
        ],
    ),
    // Pictures are made from events alone: the lab draws them, and they never know the engine.
    ("klamm-scene", &["klamm-node", "klamm-scenario", "klamm-trace"]),
    // The window runs scenarios, so it knows the world, and the engine only through it.
    ("klamm-viz", &["klamm-node", "klamm-scenario", "klamm-trace", "klamm-scene", "klamm-world"]),
];

/// Outside crates that only these rooms may name: time, threads, sockets and simulators stay at the edge.
const KEPT_OUT: &[(&str, &[&str])] = &[
    ("madsim", &["klamm-madsim"]),
    // klamm-madsim drives node mode with tokio's channels; its clock and sockets are madsim's.
    ("tokio", &["klamm-server", "klamm-madsim"]),
    ("rand", &[]),
    ("getrandom", &["klamm-server", "klamm-madsim"]),
    ("kafka-protocol", &["klamm-protocol", "klamm-golden", "klamm-compat"]),
    ("chrono", &[]),
    ("uuid", &["klamm-protocol"]),
    // A window is heavy: nobody else shall need one.
    // Their pictures are drawn by its painter.
    ("eframe", &["klamm-viz", "klamm-pictures"]),
    ("egui_tiles", &["klamm-viz"]),
];

/// Licences that the project's dual licence can carry.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unlicense",
    "CC0-1.0",
    "0BSD",
    "BSL-1.0",
    "MPL-2.0",
];

/// The workspace's own packages, for which nothing needs to be downloaded.
fn metadata_of_rooms() -> Value {
    metadata(&["--no-deps"])
}

/// Every package that this platform builds. Those of other platforms need not be on this machine.
fn metadata_of_all() -> Value {
    metadata(&["--filter-platform", &host()])
}

/// The triple that this machine builds for.
fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").current_dir(root()).output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("rustc speaks UTF-8");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc -vV names the host").to_owned()
}

fn metadata(more: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(more)
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn packages(metadata: &Value) -> Vec<&Value> {
    metadata["packages"].as_array().expect("a list of packages").iter().collect()
}

/// A package's ordinary dependencies (not those of its tests or build script).
fn dependencies(package: &Value) -> Vec<String> {
    let all = package["dependencies"].as_array().expect("a list of dependencies").iter();
    all.filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| dependency["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn dependencies_point_downwards() {
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let metadata = metadata_of_rooms();
    let mut offenders = Vec::new();
    for package in packages(&metadata) {
        let name = package["name"].as_str().expect("a name");
        let manifest = package["manifest_path"].as_str().expect("a path");
        let is_room = ["/engine/", "/sim/", "/viz/"].iter().any(|folder| manifest.contains(folder));
        if !package["source"].is_null() || !is_room {
            continue;
        }
        let Some(may_use) = allowed.get(name) else {
            offenders.push(format!("{name} is not in the table of rooms"));
            continue;
        };
        for dependency in dependencies(package) {
            if dependency.starts_with("klamm") && !may_use.contains(&dependency.as_str()) {
                offenders.push(format!("{name} may not depend on {dependency}"));
            }
        }
    }
    assert_none("an arrow between rooms points the wrong way", &offenders);
}

#[test]
fn clocks_sockets_and_dice_stay_at_the_edge() {
    let metadata = metadata_of_rooms();
    let mut offenders = Vec::new();
    for package in packages(&metadata) {
        if !package["source"].is_null() {
            continue;
        }
        let name = package["name"].as_str().expect("a name");
        for dependency in dependencies(package) {
            for (kept_out, rooms) in KEPT_OUT {
                if dependency == *kept_out && !rooms.contains(&name) {
                    offenders.push(format!("{name} may not name {dependency}"));
                }
            }
        }
    }
    assert_none("an outside crate is named in a room that must not know it", &offenders);
}

#[test]
fn every_dependency_has_a_licence_we_can_carry() {
    let metadata = metadata_of_all();
    let mut offenders = Vec::new();
    for package in packages(&metadata) {
        let Some(licence) = package["license"].as_str() else {
            if package["license_file"].is_null() {
                offenders.push(format!("{} states no licence", package["name"]));
            }
            continue;
        };
        // An expression is fine when one alternative of each conjunction is; 'MIT/Apache-2.0' is the old way to write OR.
        let fine = licence.replace('/', " OR ").split(" AND ").all(|part| {
            part.trim_matches(['(', ')', ' '])
                .split(" OR ")
                .any(|one| LICENCES.contains(&one.trim_matches(['(', ')', ' '])))
        });
        if !fine {
            offenders.push(format!("{}: {licence}", package["name"]));
        }
    }
    assert_none("licences that are not on the list", &offenders);
}
