//! The program itself where there is no display: it says so, and ends with status 2.
//!
//! What it does where there is one is `tests/window`'s matter.

use std::process::Command;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_klamm-viz"))
}

#[cfg(all(unix, not(target_os = "macos")))]
fn without_wayland() -> Command {
    let mut program = program();
    program.env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET");
    program
}

/// What it says when it ends with status 2, which it must.
fn refused(program: &mut Command) -> String {
    let ended = program.output().expect("it starts");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    said
}

#[test]
#[cfg(all(unix, not(target_os = "macos")))]
fn without_a_display_it_says_so_and_ends_with_status_two() {
    for arguments in [&[][..], &["lessons/leader-crash", "--seed", "7"]] {
        let said = refused(without_wayland().args(arguments).env_remove("DISPLAY"));
        assert!(said.starts_with("error: there is no display: "), "{said}");
    }
}

#[test]
#[cfg(all(unix, not(target_os = "macos")))]
fn a_display_that_does_not_answer_is_named() {
    let said = refused(without_wayland().env("DISPLAY", ":4711"));
    assert!(said.starts_with("error: the display ':4711' (DISPLAY) does not answer"), "{said}");
    assert!(!said.contains(".rs"), "a place in somebody's sources: {said}");
}

#[test]
fn what_is_not_there_is_refused_before_a_window_comes_up() {
    let said = refused(program().arg("no-such-scenario.ron"));
    assert!(said.contains("no such file"), "{said}");
}
