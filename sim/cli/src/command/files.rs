//! Reading scenario and trace files, and the times that people write on a command line.

use std::path::Path;

use klamm_node::{Room, Span};
use klamm_scenario::Scenario;
use klamm_trace::Trace;

use crate::console::{Console, Failure};

/// Reads a file's text.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::in_file(path, error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::in_file(path, format!("byte {at} is not UTF-8; a scenario is a text file"))
    })
}

/// Reads a scenario; what is wrong with it goes to stderr.
pub(crate) fn scenario(path: &Path, console: &Console) -> Result<Scenario, Failure> {
    let text = text(path)?;
    klamm_scenario::parse(&path.display().to_string(), &text).map_err(|mistakes| {
        console.note(&klamm_scenario::render(&mistakes, &text, console.colour_err()));
        Failure::InputTold
    })
}

/// Reads a trace.
pub(crate) fn trace(path: &Path) -> Result<Trace, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::in_file(path, error))?;
    Trace::from_bytes(&bytes).map_err(|error| Failure::in_file(path, error))
}

/// A span as people write it.
pub(crate) fn span(flag: &str, text: &str) -> Result<Span, Failure> {
    klamm_scenario::duration(text)
        .map_err(|expected| Failure::Input(format!("{flag} {text}: {expected}")))
}

/// Rooms by name.
pub(crate) fn rooms(names: &[String]) -> Result<Vec<Room>, Failure> {
    let known = |name: &String| {
        Room::ALL.into_iter().find(|room| room.name() == name).ok_or_else(|| {
            let all: Vec<_> = Room::ALL.iter().map(|room| room.name()).collect();
            Failure::Input(format!(
                "--show {name}: there is no such room; the rooms are {}",
                all.join(", ")
            ))
        })
    };
    names.iter().map(known).collect()
}
