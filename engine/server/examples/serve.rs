//! The server alone, for those who hack on it: `serve [--port P] [--data DIR]`, with `RUST_LOG` for its diagnostics.
//!
//! `klamm serve` is the command for people; this one needs nothing of the laboratory to build.

use std::io::Write as _;
use std::process::ExitCode;

use klamm_server::{Options, serve};

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let mut options = Options::new("klamm-data");
    let mut words = std::env::args().skip(1).filter(|word| word != "serve");
    while let Some(word) = words.next() {
        let value = words.next().unwrap_or_default();
        match (word.as_str(), value.parse()) {
            ("--port", Ok(port)) => options.port = port,
            ("--data", _) => options.data = value.into(),
            _ => {
                return complain(&format!(
                    "what is '{word} {value}'? usage: serve [--port P] [--data DIR]"
                ));
            }
        }
    }
    let served = serve(options, |ready| {
        let line = format!("listening on {}\n", ready.bootstrap);
        std::io::stdout().write_all(line.as_bytes()).expect("stdout takes a line");
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string()),
    }
}

fn complain(what: &str) -> ExitCode {
    // Nobody is left to tell when stderr is closed.
    drop(writeln!(std::io::stderr(), "{what}"));
    ExitCode::FAILURE
}
