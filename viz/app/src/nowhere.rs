//! Why there is no window, for people: what is missing, and what can be done about it.
//!
//! *Flows in*: the error of whoever tried, and the environment. *Flows out*: one line for the terminal.
//! *Must never*: name places on the machine that built the program.

use std::ffi::OsString;
#[cfg(all(unix, not(target_os = "macos")))]
use std::path::PathBuf;

/// Where nothing can be drawn at all, pictures still can be made.
const WITHOUT: &str = "Pictures without a window: klamm render";

/// Why there is nowhere to draw, if that is known before trying.
pub fn no_display(variable: impl Fn(&str) -> Option<OsString>) -> Option<String> {
    let unix = cfg!(all(unix, not(target_os = "macos")));
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let found = set("DISPLAY") || set("WAYLAND_DISPLAY") || set("WAYLAND_SOCKET");
    (unix && !found).then(|| {
        format!("there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. {WITHOUT}")
    })
}

/// Whether X11 has to be taken although a Wayland display is named: nobody listens there, as after a session that has ended, and an X11
/// display is named as well. Left to itself, the one is tried and the other never is.
#[cfg(all(unix, not(target_os = "macos")))]
pub fn takes_x11(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let value = |name: &str| variable(name).filter(|value| !value.is_empty());
    // A socket that was handed down is open already.
    if value("WAYLAND_SOCKET").is_some() || value("DISPLAY").is_none() {
        return false;
    }
    let Some(display) = value("WAYLAND_DISPLAY") else { return false };
    // A whole path stays as it is; a name without a folder to look in is found by nobody.
    let folder = value("XDG_RUNTIME_DIR").unwrap_or_default();
    std::os::unix::net::UnixStream::connect(PathBuf::from(folder).join(display)).is_err()
}

/// What could not be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Missing {
    /// A display that answers.
    Display,
    /// A driver that draws what the window needs.
    Driver,
    /// Something of our own.
    Other,
}

/// Why the window did not open.
pub fn told(error: &eframe::Error, variable: impl Fn(&str) -> Option<OsString>) -> String {
    use eframe::Error;
    // What there is besides depends on the features of others.
    let missing = if matches!(error, Error::Winit(_) | Error::WinitEventLoop(_)) {
        Missing::Display
    } else if matches!(error, Error::Glutin(_) | Error::NoGlutinConfigs(..) | Error::OpenGL(_)) {
        Missing::Driver
    } else {
        Missing::Other
    };
    say(missing, &error.to_string(), variable)
}

fn say(missing: Missing, raw: &str, variable: impl Fn(&str) -> Option<OsString>) -> String {
    let value = |name: &str| {
        let value = variable(name).filter(|value| !value.is_empty());
        value.map(|value| value.to_string_lossy().into_owned())
    };
    let raw = without_places(raw);
    match missing {
        Missing::Display => {
            let wayland = ["WAYLAND_DISPLAY", "WAYLAND_SOCKET"]
                .into_iter()
                .find_map(|name| Some((name, value(name)?)));
            let (name, display) = match (wayland, value("DISPLAY")) {
                (Some((name, socket)), None) => (name, socket),
                // The one is taken before the other is tried.
                (Some((name, socket)), Some(x)) => {
                    return format!(
                        "the display '{socket}' ({name}) does not answer ({raw}). Without it, '{x}' (DISPLAY) is \
                         taken: env -u {name} klamm-viz. {WITHOUT}"
                    );
                }
                (None, Some(x)) => ("DISPLAY", x),
                (None, None) => return format!("no display answers ({raw}). {WITHOUT}"),
            };
            format!("the display '{display}' ({name}) does not answer ({raw}). {WITHOUT}")
        }
        Missing::Driver => {
            let force = if value("LIBGL_ALWAYS_SOFTWARE").is_some()
                || value("GALLIUM_DRIVER").is_some()
            {
                // Somebody has chosen a driver already: that choice is the first thing to doubt.
                "Which driver is taken say LIBGL_ALWAYS_SOFTWARE and GALLIUM_DRIVER: try without them"
            } else {
                "Mesa's software driver does, if it is installed: LIBGL_ALWAYS_SOFTWARE=1 klamm-viz"
            };
            format!(
                "no driver here draws what the window needs, OpenGL 2.0 or OpenGL ES 2.0 ({raw}). {force}. {WITHOUT}"
            )
        }
        Missing::Other => format!("the window can't be opened ({raw}). {WITHOUT}"),
    }
}

/// A message without the places in sources that it names: `os error at /some/file.rs:7: it failed` says `os error: it failed`.
fn without_places(raw: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in raw.split_whitespace() {
        if !word.contains(".rs:") {
            words.push(word);
            continue;
        }
        if words.last() == Some(&"at") {
            words.pop();
        }
        if let Some(last) = words.last_mut()
            && *last == "error"
        {
            *last = "error:";
        }
    }
    words.join(" ").trim_end_matches(['.', ':']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        let set: Vec<(String, OsString)> =
            set.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
        move |name| set.iter().find(|(its, _)| its == name).map(|(_, value)| value.clone())
    }

    const RAW: &str = "winit EventLoopError: os error at /root/.cargo/winit/src/linux/mod.rs:788: Failed to open connection";

    #[test]
    fn which_display_does_not_answer_is_said_and_no_place_in_sources() {
        let said = say(Missing::Display, RAW, with(&[("DISPLAY", ":4711")]));
        assert_eq!(
            said,
            "the display ':4711' (DISPLAY) does not answer (winit EventLoopError: os error: Failed to open connection). \
             Pictures without a window: klamm render"
        );
        let said =
            say(Missing::Display, RAW, with(&[("WAYLAND_DISPLAY", "w-9"), ("DISPLAY", ":4")]));
        assert!(said.starts_with("the display 'w-9' (WAYLAND_DISPLAY) does not answer"), "{said}");
        assert!(
            said.contains("':4' (DISPLAY) is taken: env -u WAYLAND_DISPLAY klamm-viz"),
            "{said}"
        );
        let said = say(Missing::Display, RAW, with(&[("WAYLAND_DISPLAY", ""), ("DISPLAY", ":4")]));
        assert!(said.starts_with("the display ':4'"), "what is empty is not set: {said}");
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn a_wayland_display_that_nobody_listens_at_leaves_x11() {
        let folder = tempfile::tempdir().expect("a folder");
        let dead = folder.path().join("wayland-7");
        // A socket that nobody listens at any more, as a session leaves it.
        drop(std::os::unix::net::UnixListener::bind(&dead).expect("a socket"));
        assert!(dead.exists());
        let alive = folder.path().join("wayland-8");
        let _listens = std::os::unix::net::UnixListener::bind(&alive).expect("a socket");
        let runtime = folder.path().to_str().expect("a plain name");
        let (dead, alive) = (dead.to_str().expect("plain"), alive.to_str().expect("plain"));
        let takes = |wayland: &str, x: &str| {
            let set = [("XDG_RUNTIME_DIR", runtime), ("WAYLAND_DISPLAY", wayland), ("DISPLAY", x)];
            takes_x11(with(&set))
        };
        for (wayland, x, expected) in [
            ("wayland-7", ":0", true),
            (dead, ":0", true),
            ("wayland-9", ":0", true),
            ("wayland-8", ":0", false),
            (alive, ":0", false),
            ("wayland-7", "", false),
            ("", ":0", false),
        ] {
            assert_eq!(takes(wayland, x), expected, "{wayland} and {x}");
        }
    }

    #[test]
    fn without_a_driver_it_says_what_is_needed_and_what_to_do() {
        let raw = "glutin error: [a7] GLXBadFBConfig";
        let said = say(Missing::Driver, raw, with(&[("DISPLAY", ":4")]));
        assert!(said.contains("OpenGL 2.0") && said.contains(raw), "{said}");
        assert!(said.contains("LIBGL_ALWAYS_SOFTWARE=1 klamm-viz"), "{said}");
        let said = say(Missing::Driver, raw, with(&[("GALLIUM_DRIVER", "nonsense")]));
        assert!(!said.contains("LIBGL_ALWAYS_SOFTWARE=1"), "it is no advice here: {said}");
        assert!(said.contains("GALLIUM_DRIVER: try without"), "{said}");
    }

    #[test]
    fn what_goes_wrong_in_ourselves_is_not_put_down_to_the_display() {
        let error = eframe::Error::AppCreation("a font is broken".into());
        let said = told(&error, with(&[("DISPLAY", ":4")]));
        assert!(
            said.starts_with("the window can't be opened (app creation error: a font is broken)"),
            "{said}"
        );
    }
}
