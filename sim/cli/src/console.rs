//! Where words go: stdout for answers, stderr for everything else, colour only where it is wanted.

use std::io::{self, IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;

use crate::args::Colour;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An expectation or an invariant did not hold; everything about it has been said.
    NotHeld,
    /// The input or the usage was wrong; this is what is wrong, and how to put it right.
    Input(String),
    /// The same, and everything about it has been said.
    InputTold,
    /// The reader of our output went away.
    Closed,
}

impl Failure {
    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::NotHeld => 1,
            Self::Input(_) | Self::InputTold => 2,
            // As a program that a closed pipe ends: nothing is wrong.
            Self::Closed => 0,
        }
    }

    /// Says what has not been said yet.
    pub(crate) fn tell(&self, console: &Console) {
        match self {
            Self::Input(message) => console.complain(message),
            Self::NotHeld | Self::InputTold | Self::Closed => {}
        }
    }

    /// Wrong input with the file it is in.
    pub(crate) fn in_file(path: &std::path::Path, error: impl std::fmt::Display) -> Self {
        Self::Input(format!("{}: {error}", path.display()))
    }
}

/// What a command comes to.
pub(crate) type Outcome = Result<(), Failure>;

/// The terminal, or what stands in for it.
#[derive(Debug)]
pub(crate) struct Console {
    colour_out: bool,
    colour_err: bool,
    /// Print only what went wrong.
    quiet: bool,
}

impl Console {
    /// Decides about colour once: the flag first, then `NO_COLOR`, then whether a person is looking.
    pub(crate) fn new(colour: Colour, quiet: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let decide = |terminal: bool| match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !no_color,
        };
        Self {
            colour_out: decide(io::stdout().is_terminal()),
            colour_err: decide(io::stderr().is_terminal()),
            quiet,
        }
    }

    /// Whether only what went wrong is to be printed.
    pub(crate) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Whether stdout takes colour.
    pub(crate) fn colour(&self) -> bool {
        self.colour_out
    }

    /// Whether stderr takes colour.
    pub(crate) fn colour_err(&self) -> bool {
        self.colour_err
    }

    /// Whether a person watches stderr, and a progress bar is a comfort.
    pub(crate) fn watched(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Prints an answer.
    pub(crate) fn say(&self, text: &str) -> Outcome {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| Failure::Closed)
    }

    /// Prints something that is wrong.
    pub(crate) fn complain(&self, text: &str) {
        let error = if self.colour_err { "\u{1b}[31merror\u{1b}[0m" } else { "error" };
        self.note(&format!("{error}: {text}\n"));
    }

    /// Prints to stderr as it is. Where stderr is gone too, nobody is left to tell.
    pub(crate) fn note(&self, text: &str) {
        drop(io::stderr().lock().write_all(text.as_bytes()));
    }

    /// Text in a style, if colour is on: `"32"` is green, `"1"` bold.
    pub(crate) fn paint(&self, style: &str, text: &str) -> String {
        if self.colour_out { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Switches the drivers' diagnostics on. `KLAMM_LOG` wins over `-v`; neither ever changes a run.
pub(crate) fn start_diagnostics(verbose: u8, console: &Console) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("KLAMM_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(console.colour_err())
        .init();
}
