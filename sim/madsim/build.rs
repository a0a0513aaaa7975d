//! Says in one sentence what is wrong when madsim is there but `--cfg madsim` is not.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo talks to a build script through the environment"
)]

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let exists = matches!(system.as_str(), "linux" | "macos");
    if exists && env::var_os("CARGO_CFG_MADSIM").is_none() {
        println!(
            "cargo::error=klamm-madsim needs the compiler flag `--cfg madsim`, which .cargo/config.toml sets and an outer RUSTFLAGS or `cargo install` from elsewhere replaces: unset RUSTFLAGS or add `--cfg madsim` to it."
        );
    }
}
