//! The program itself where there is no display: it says so, and ends with status 2.
//!
//! What it does where there is one is `tests/window`'s matter.

use std::process::Command;

#[test]
#[cfg(all(unix, not(target_os = "macos")))]
fn without_a_display_it_says_so_and_ends_with_status_two() {
    for arguments in [&[][..], &["lessons/leader-crash", "--seed", "7"]] {
        let ended = Command::new(env!("CARGO_BIN_EXE_klamm-viz"))
            .args(arguments)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(said.starts_with("error: there is no display: "), "{said}");
    }
}

#[test]
#[cfg(all(unix, not(target_os = "macos")))]
fn a_display_that_does_not_answer_is_named() {
    let ended = Command::new(env!("CARGO_BIN_EXE_klamm-viz"))
        .env("DISPLAY", ":4711")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.starts_with("error: the display ':4711' (DISPLAY) does not answer"), "{said}");
    assert!(!said.contains(".rs"), "a place in somebody's sources: {said}");
}

#[test]
fn what_is_not_there_is_refused_before_a_window_comes_up() {
    let ended = Command::new(env!("CARGO_BIN_EXE_klamm-viz"))
        .arg("no-such-scenario.ron")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("no such file"), "{said}");
}
