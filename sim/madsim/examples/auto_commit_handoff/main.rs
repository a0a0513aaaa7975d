//! A binary for the scenarios of one mistake: see `program.rs`, and the book's page *Applications under the lab*.

use std::process::ExitCode;

#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
mod program;

#[cfg(all(madsim, any(target_os = "linux", target_os = "macos")))]
fn main() -> ExitCode {
    klamm_madsim::app::main(program::programs())
}

/// Without madsim there is no lab for applications.
#[cfg(not(all(madsim, any(target_os = "linux", target_os = "macos"))))]
fn main() -> ExitCode {
    ExitCode::from(2)
}
