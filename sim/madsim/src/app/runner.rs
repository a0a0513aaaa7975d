//! A command line for a binary of one's own: it runs scenarios with the programs that the binary has.
//!
//! *Flows out*: a transcript or other answers on stdout, progress and complaints on stderr, and an exit status: 0 if
//! everything held, 1 if not, 2 if there was nothing to judge.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use klamm_scenario::Scenario;
use klamm_trace::{Keep, Transcript, event_json};
use klamm_world::{Options, Outcome, World, transcript_options};

use super::{AppError, Programs, run_with_apps};

const USAGE: &str = "\
Usage: run SCENARIO [OPTIONS]

Runs a scenario with the programs of this binary.

Options:
  --seed N               the run's seed [default: the scenario's own]
  --sweep A..B           every seed from A to B (B is left out), until one fails
  --format FORMAT        text (a transcript), json (an event a line) or hash [default: text]
  --trace FILE           keeps the trace

Exit status: 0 if everything held, 1 if something did not, 2 if it could not be run.
";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Text,
    Json,
    Hash,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Arguments {
    scenario: PathBuf,
    /// The scenario's own, if none is given.
    seed: Option<u64>,
    sweep: Option<(u64, u64)>,
    format: Format,
    trace: Option<PathBuf>,
}

/// The command line of a binary that has these programs.
#[expect(clippy::disallowed_methods, reason = "a command line reads its arguments")]
pub fn main(programs: Programs) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout().lock();
    let status = match carry_out(&programs, &arguments, &mut out) {
        Ok(held) => u8::from(!held),
        Err(why) => {
            tell(&why);
            2
        }
    };
    out.flush().map_or_else(|_| ExitCode::from(2), |()| ExitCode::from(status))
}

#[expect(clippy::print_stderr, reason = "complaints of a command line")]
fn tell(text: &str) {
    eprintln!("{text}");
}

/// Whether everything held; or why it could not be run.
fn carry_out(
    programs: &Programs,
    arguments: &[String],
    out: &mut impl io::Write,
) -> Result<bool, String> {
    let arguments = read(arguments)?;
    let scenario = load(&arguments.scenario)?;
    match arguments.sweep {
        Some((first, end)) => sweep(programs, &scenario, &arguments, first..end, out),
        None => run(programs, &scenario, &arguments, out),
    }
}

fn read(arguments: &[String]) -> Result<Arguments, String> {
    let wrong = |why: String| format!("error: {why}\n\n{USAGE}");
    let mut given = arguments.iter();
    match given.next().map(String::as_str) {
        Some("run") => {}
        Some("--help" | "-h" | "help") | None => return Err(USAGE.to_owned()),
        Some(other) => return Err(wrong(format!("there is no command '{other}', only 'run'"))),
    }
    let mut read = Arguments {
        scenario: PathBuf::new(),
        seed: None,
        sweep: None,
        format: Format::Text,
        trace: None,
    };
    while let Some(argument) = given.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            Some(_) | None => (argument.as_str(), None),
        };
        let mut value = || {
            let value = inline.clone().or_else(|| given.next().cloned());
            value.ok_or_else(|| wrong(format!("{name} wants a value")))
        };
        match name {
            "--seed" => {
                let value = value()?;
                let seed = value.parse().map_err(|_| wrong(format!("'{value}' is no seed")))?;
                read.seed = Some(seed);
            }
            "--sweep" => {
                let value = value()?;
                let range = value.split_once("..").and_then(|(first, end)| {
                    Some((first.parse::<u64>().ok()?, end.parse::<u64>().ok()?))
                });
                let range = range.filter(|(first, end)| first < end);
                read.sweep =
                    Some(range.ok_or_else(|| wrong(format!("'{value}' is no range of seeds")))?);
            }
            "--format" => {
                read.format = match value()?.as_str() {
                    "text" => Format::Text,
                    "json" => Format::Json,
                    "hash" => Format::Hash,
                    other => return Err(wrong(format!("there is no format '{other}'"))),
                };
            }
            "--trace" => read.trace = Some(PathBuf::from(value()?)),
            "--help" | "-h" => return Err(USAGE.to_owned()),
            other if other.starts_with('-') => {
                return Err(wrong(format!("there is no option '{other}'")));
            }
            file if read.scenario.as_os_str().is_empty() => read.scenario = PathBuf::from(file),
            other => return Err(wrong(format!("one scenario at a time, not '{other}' too"))),
        }
    }
    if read.scenario.as_os_str().is_empty() {
        return Err(wrong("which scenario?".to_owned()));
    }
    Ok(read)
}

fn load(path: &Path) -> Result<Scenario, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("error: {shown} can't be read: {error}"))?;
    klamm_scenario::parse(&shown.to_string(), &text)
        .map_err(|mistakes| klamm_scenario::render(&mistakes, &text, false))
}

fn failed(scenario: &Scenario, error: &AppError) -> String {
    match error {
        AppError::UnknownProgram { line, .. } => {
            format!("error: {}:{line}: {error}", scenario.file)
        }
        AppError::Sandbox(_) => format!("error: {error}"),
    }
}

fn play(programs: &Programs, scenario: &Scenario, seed: u64, keep: Keep) -> Result<World, String> {
    let options = Options { keep, driver: "host".to_owned(), ..Options::default() };
    let world = World::with(scenario, seed, &options);
    run_with_apps(world, scenario, programs).map_err(|error| failed(scenario, &error))
}

fn run(
    programs: &Programs,
    scenario: &Scenario,
    arguments: &Arguments,
    out: &mut impl io::Write,
) -> Result<bool, String> {
    let world = play(programs, scenario, arguments.seed.unwrap_or(scenario.seed), Keep::ALL)?;
    let (recorder, outcome) = (world.recorder(), world.outcome());
    let nodes = &recorder.header().nodes;
    let told = match arguments.format {
        Format::Text => {
            let story = Transcript::of(&recorder.to_trace(), transcript_options(scenario));
            let verdict = verdict(scenario, &outcome, |node| nodes.name(node).to_owned());
            writeln!(out, "{story}\n{verdict}hash       {}", outcome.hash)
        }
        Format::Json => recorder
            .events()
            .iter()
            .try_for_each(|event| writeln!(out, "{}", event_json(&event, nodes))),
        Format::Hash => writeln!(out, "{}", outcome.hash),
    };
    told.map_err(|error| format!("error: nobody reads the answer: {error}"))?;
    if let Some(path) = &arguments.trace {
        keep(path, &world)?;
    }
    Ok(outcome.passed())
}

fn keep(path: &Path, world: &World) -> Result<(), String> {
    std::fs::write(path, world.recorder().to_trace().to_bytes())
        .map_err(|error| format!("error: {} can't be written: {error}", path.display()))
}

/// What a run came to, a line for each thing.
fn verdict(
    scenario: &Scenario,
    outcome: &Outcome,
    name: impl Fn(klamm_node::NodeId) -> String,
) -> String {
    let mut lines = vec!["verdict".to_owned()];
    for expectation in &outcome.expectations {
        let word = match expectation.met {
            Some(true) => "held  ",
            Some(false) => "FAILED",
            None => "MISSED",
        };
        let (line, text, found) = (expectation.line, &expectation.text, &expectation.found);
        lines.push(format!("  {word} {}:{line}: {text}; found {found}", scenario.file));
    }
    for step in &outcome.missed_steps {
        lines.push(format!("  MISSED {}:{}: {}", scenario.file, step.line, step.text));
    }
    lines.extend(outcome.violations.iter().map(|violation| format!("  BROKEN {violation}")));
    for (node, text) in &outcome.panics {
        lines.push(format!("  PANIC  {}: {text}", name(*node)));
    }
    let all = if outcome.passed() { "everything held" } else { "NOT everything held" };
    lines.push(format!("  {all}\n"));
    lines.join("\n")
}

/// Every seed of a range, until one fails; and how often each fault bit.
fn sweep(
    programs: &Programs,
    scenario: &Scenario,
    arguments: &Arguments,
    seeds: Range<u64>,
    out: &mut impl io::Write,
) -> Result<bool, String> {
    let bar = ProgressBar::new(seeds.end - seeds.start);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} seeds, {eta} left") {
        bar.set_style(style);
    }
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    let (mut done, mut broken) = (0_u64, None);
    for seed in seeds {
        let world = play(programs, scenario, seed, Keep::CHECKED)?;
        let outcome = world.outcome();
        done += 1;
        for fault in &outcome.faults {
            for (what, count) in &fault.effects {
                *faults.entry(format!("{}: {what}", fault.text)).or_default() += count;
            }
        }
        for mischief in outcome.mischief.iter().filter(|mischief| mischief.enabled) {
            *faults.entry(format!("random {}", mischief.kind)).or_default() += mischief.bit;
        }
        bar.inc(1);
        if !outcome.passed() {
            let nodes = world.recorder().header().nodes.clone();
            let told = verdict(scenario, &outcome, |node| nodes.name(node).to_owned());
            broken = Some((seed, told));
            break;
        }
    }
    bar.finish_and_clear();
    let mut lines =
        vec![format!("{done} seeds of {}", scenario.file), "faults that bit".to_owned()];
    lines.extend(faults.iter().map(|(fault, count)| format!("  {count:>8}  {fault}")));
    match &broken {
        None => lines.push("everything held".to_owned()),
        Some((seed, told)) => {
            lines.push(format!("seed {seed} fails\n{told}"));
            let file = arguments.scenario.display();
            lines.push(format!("reproduce  {} run {file} --seed {seed}", binary()));
        }
    }
    writeln!(out, "{}", lines.join("\n"))
        .map_err(|error| format!("error: nobody reads the answer: {error}"))?;
    Ok(broken.is_none())
}

/// How this binary was called.
#[expect(clippy::disallowed_methods, reason = "a command line knows its own name")]
fn binary() -> String {
    std::env::args().next().unwrap_or_else(|| "klamm-app".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Result<Arguments, String> {
        read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_command_line_is_read() {
        let read = arguments("run a.ron --seed 7 --format=hash").expect("good");
        assert_eq!((read.scenario, read.seed), (PathBuf::from("a.ron"), Some(7)));
        assert_eq!(read.format, Format::Hash);
        let read = arguments("run --sweep 3..9 a.ron --trace t.klamm").expect("good");
        assert_eq!(read.sweep, Some((3, 9)));
        assert_eq!(read.trace, Some(PathBuf::from("t.klamm")));
    }

    #[test]
    fn a_wrong_command_line_says_what_is_wrong() {
        for (wrong, why) in [
            ("check a.ron", "'check'"),
            ("run", "which scenario"),
            ("run a.ron b.ron", "'b.ron'"),
            ("run a.ron --seed x", "'x'"),
            ("run a.ron --sweep 9..3", "'9..3'"),
            ("run a.ron --format yaml", "'yaml'"),
            ("run a.ron --loud", "'--loud'"),
            ("run a.ron --trace", "--trace"),
        ] {
            let told = arguments(wrong).expect_err(wrong);
            assert!(told.contains(why), "{wrong}: {told}");
        }
    }
}
