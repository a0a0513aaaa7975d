//! The window of Klamm.

fn main() -> std::process::ExitCode {
    klamm_viz::launch::run()
}
