//! `klamm bench`: how fast the lab is, on one core, and what it would be without an engine.
//!
//! In: the names of workloads. Out: one table, or JSON. Every workload runs in a child process of its own, so that its
//! peak memory is its own. Wall numbers differ from machine to machine; the quotients within one table tell more.

mod groups;
mod measure;
mod table;

use std::process::Command;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::{Value, json};

use crate::args::{Bench, TextOrJson};
use crate::console::{Console, Failure, Outcome};

use measure::{Floor, Sample, Workload};

/// A workload, measured without and with invariants.
#[derive(Debug)]
struct Measured {
    workload: &'static Workload,
    plain: Sample,
    checked: Sample,
}

/// The workload that is measured in a way of its own, and only if it is asked for.
const GROUPS: &str = "groups";

/// Measures and tells.
pub(crate) fn bench(args: &Bench, console: &Console) -> Outcome {
    if let Some(name) = &args.alone {
        let sample =
            measure::workload(known(name)?, args.checked, Duration::from_secs(args.seconds))?;
        return console.say(&format!("{}\n", sample.json()));
    }
    let is_groups = |name: &&String| name.eq_ignore_ascii_case(GROUPS);
    let with_groups = args.workloads.iter().any(|name| is_groups(&name));
    let workloads = if args.workloads.is_empty() {
        measure::WORKLOADS.iter().collect()
    } else {
        let others = args.workloads.iter().filter(|name| !is_groups(name));
        others.map(|name| known(name)).collect::<Result<Vec<_>, _>>()?
    };
    let target =
        if console.watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.enable_steady_tick(Duration::from_millis(100));
    let costs = match with_groups {
        true => groups::measure(&args.members, args.partitions, |protocol, members| {
            bar.set_message(format!("measuring a group of {members} ({protocol})"));
        })?,
        false => Vec::new(),
    };
    if with_groups && workloads.is_empty() {
        bar.finish_and_clear();
        return match args.format {
            TextOrJson::Text => console.say(&groups::text(&costs, console)),
            TextOrJson::Json => {
                console.say(&format!("{:#}\n", json!({ "groups": groups::json(&costs) })))
            }
        };
    }
    let mut measured = Vec::new();
    for workload in workloads {
        bar.set_message(format!("measuring {} ({})", workload.name, workload.what));
        let plain = in_a_child(workload, false, args.seconds)?;
        bar.set_message(format!("measuring {} with invariants", workload.name));
        let checked = in_a_child(workload, true, args.seconds)?;
        measured.push(Measured { workload, plain, checked });
    }
    bar.set_message("measuring the bare loop and madsim's stream");
    let floor = measure::floor(Duration::from_secs(args.seconds));
    bar.finish_and_clear();
    match args.format {
        TextOrJson::Text => {
            let mut text = table::text(&measured, &floor, console);
            if with_groups {
                text.push('\n');
                text.push_str(&groups::text(&costs, console));
            }
            console.say(&text)
        }
        TextOrJson::Json => {
            let mut all = all_json(&measured, &floor);
            if with_groups {
                all["groups"] = groups::json(&costs);
            }
            console.say(&format!("{all:#}\n"))
        }
    }
}

fn known(name: &str) -> Result<&'static Workload, Failure> {
    measure::WORKLOADS.iter().find(|workload| workload.name.eq_ignore_ascii_case(name)).ok_or_else(
        || {
            let names: Vec<_> = measure::WORKLOADS.iter().map(|workload| workload.name).collect();
            Failure::Input(format!(
                "there is no workload '{name}'; the workloads are {} and {GROUPS}",
                names.join(", ")
            ))
        },
    )
}

/// Measures a workload in a process of its own.
fn in_a_child(workload: &Workload, checked: bool, seconds: u64) -> Result<Sample, Failure> {
    let wrong = |why: String| {
        Failure::Input(format!("bench could not measure {} in a child: {why}", workload.name))
    };
    let program = std::env::current_exe().map_err(|error| wrong(error.to_string()))?;
    let mut command = Command::new(program);
    command.args(["bench", "--alone", workload.name, "--seconds", &seconds.to_string()]);
    if checked {
        command.arg("--checked");
    }
    let output = command.output().map_err(|error| wrong(error.to_string()))?;
    let said = String::from_utf8_lossy(if output.status.success() {
        &output.stdout
    } else {
        &output.stderr
    });
    Sample::from_json(&said).ok_or_else(|| wrong(said.trim().to_owned()))
}

fn all_json(measured: &[Measured], floor: &Floor) -> Value {
    let workloads: Vec<Value> = measured
        .iter()
        .map(|Measured { workload, plain, checked }| {
            json!({
                "name": workload.name,
                "what": workload.what,
                "sample": plain.json(),
                "with_invariants": checked.json(),
                "events_per_second": plain.events_per_second(),
                "frames_per_second": plain.frames_per_second(),
                "virtual_to_wall": plain.virtual_to_wall(),
                "runs_per_second": plain.runs_per_second(),
                "bytes_per_event": plain.bytes_per_event(),
            })
        })
        .collect();
    let targets: Vec<Value> = table::targets(measured, floor)
        .into_iter()
        .map(|target| json!({ "what": target.what, "wanted": target.wanted, "found": target.found, "met": target.met() }))
        .collect();
    json!({
        "workloads": workloads,
        "bare_loop": {
            "ns_per_event": floor.event,
            "ns_per_event_without_trace": floor.event_untraced,
            "ns_per_frame": floor.frame,
        },
        "madsim": { "ns_per_message": floor.message },
        "targets": targets,
    })
}
