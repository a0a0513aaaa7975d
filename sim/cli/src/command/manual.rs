//! Completions and the manual page, made from the same table as the arguments.

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::console::{Console, Failure, Outcome};

/// Prints a completion script.
pub(crate) fn completions(shell: clap_complete::Shell, console: &Console) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "klamm", &mut script);
    console.say(&String::from_utf8_lossy(&script))
}

/// Prints the manual page: `klamm man | man -l -`.
pub(crate) fn man(console: &Console) -> Outcome {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(|_| Failure::Closed)?;
    console.say(&String::from_utf8_lossy(&page))
}
