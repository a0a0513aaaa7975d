//! `klamm open`: starts the window, a program of its own, so that the command does not carry a window's weight.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::Open;
use crate::console::{Failure, Outcome};

/// The window's file.
const PROGRAM: &str = "klamm-viz";

/// Starts the window and waits until it is closed. What is wrong with its arguments it says itself.
pub(crate) fn open(args: &Open) -> Outcome {
    let own = std::env::current_exe()
        .map_err(|error| Failure::Input(format!("where klamm lies can't be found out: {error}")))?;
    let program = beside(&own).ok_or_else(|| {
        Failure::Input(format!(
            "the window is not there: {PROGRAM} is not beside {}; build it with 'cargo build --release -p {PROGRAM}'",
            own.display()
        ))
    })?;
    let status = Command::new(&program)
        .args(&args.arguments)
        .status()
        .map_err(|error| Failure::in_file(&program, error))?;
    if status.success() { Ok(()) } else { Err(Failure::InputTold) }
}

/// The window's file beside another, if it is there.
fn beside(own: &Path) -> Option<PathBuf> {
    let program = own.with_file_name(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX));
    program.is_file().then_some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_found_beside_the_command_and_nowhere_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("klamm");
        assert_eq!(beside(&own), None);
        let window = folder.path().join(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX));
        std::fs::write(&window, "").expect("written");
        assert_eq!(beside(&own), Some(window));
    }
}
