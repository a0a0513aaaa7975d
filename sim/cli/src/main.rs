//! The command `klamm`.
//!
//! *Flows in*: arguments, scenario and trace files. *Flows out*: transcripts, verdicts and machine-readable answers on
//! stdout; progress and diagnostics on stderr; an exit status that says whether everything held.
//! *Must never*: decide anything about the cluster. What it tells it reads from events.

mod args;
mod command;
mod console;
mod driver;
mod verdict;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use console::Console;

/// A run allocates some ten times for an event, little things that soon go: a twentieth of its time goes with the system's
/// allocator (`klamm bench S1`). What a run does can't depend on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is wrong usage.
            let status = if error.use_stderr() { 2 } else { 0 };
            return match error.print() {
                Ok(()) => ExitCode::from(status),
                Err(_) => ExitCode::from(2),
            };
        }
    };
    let console = Console::new(cli.color, cli.quiet);
    console::start_diagnostics(cli.verbose, &console);
    let outcome = match &cli.command {
        Command::Run(run) => command::run::run(run, &console),
        Command::Check(check) => command::check::check(check, &console),
        Command::Replay(replay) => command::replay::replay(replay, &console),
        Command::Render(render) => command::render::render(render, &console),
        Command::Open(open) => command::open::open(open),
        Command::Bench(bench) => command::bench::bench(bench, &console),
        Command::Serve(serve) => command::serve::serve(serve, &console),
        Command::DumpLog(dump) => command::dump_log::dump_log(dump, &console),
        Command::Completions { shell } => command::manual::completions(*shell, &console),
        Command::Man => command::manual::man(&console),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell(&console);
            ExitCode::from(failure.status())
        }
    }
}
