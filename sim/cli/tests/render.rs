//! `klamm render` as a user meets it: pictures of each form, and a sentence with status 2 where there is none to be made.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn klamm(args: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
    command.args(args).current_dir(root).env_remove("KLAMM_LOG").stdin(Stdio::null());
    command.output().expect("klamm starts")
}

const LESSON: &str = "scenarios/lessons/keys-and-order.ron";
const GROUPS: &str = "scenarios/lessons/two-groups.ron";

/// A folder with a trace of the lesson, which is all that most pictures need.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        let ran = klamm(&["run", LESSON, "--trace", &folder.path("run.klamm"), "--quiet"]);
        assert!(ran.status.success());
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Renders the trace into a file, and gives the file's bytes.
    fn picture(&self, name: &str, args: &[&str]) -> Vec<u8> {
        let (trace, path) = (self.path("run.klamm"), self.path(name));
        let made = klamm(&[&["render", &trace, "-o", &path][..], args].concat());
        assert!(made.status.success(), "{args:?}: {}", String::from_utf8_lossy(&made.stderr));
        std::fs::read(PathBuf::from(path)).expect("the picture is there")
    }
}

/// Width and height of a PNG.
fn size(png: &[u8]) -> [u32; 2] {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    [16, 20].map(|at| u32::from_be_bytes([png[at], png[at + 1], png[at + 2], png[at + 3]]))
}

/// How many pictures a GIF has: each has a block that says how long it is shown.
fn frames(gif: &[u8]) -> usize {
    assert_eq!(&gif[..6], b"GIF89a");
    gif.windows(3).filter(|bytes| *bytes == [0x21, 0xf9, 0x04]).count()
}

#[test]
fn a_moment_is_a_picture_in_each_form() {
    let folder = Folder::new();
    let svg = folder.picture("a.svg", &["--at", "beat:1", "--tab", "logs"]);
    assert!(svg.starts_with(b"<svg ") && svg.ends_with(b"</svg>\n"));
    assert_eq!(svg, folder.picture("b.svg", &["--at", "beat:1"]), "Logs is the usual tab");
    for other in [["--tab", "cluster"], ["--lang", "ko"], ["--theme", "dark"], ["--part", "300"]] {
        assert_ne!(svg, folder.picture("c.svg", &[&["--at", "beat:1"][..], &other].concat()));
    }
    let small = ["--at", "9s", "--width", "600"];
    let [w, h] = size(&folder.picture("a.png", &small));
    let twice = folder.picture("b.png", &[&small[..], &["--scale", "2"]].concat());
    assert_eq!((w, size(&twice)), (600, [2 * w, 2 * h]));
    let small = ["--at", "beat:1", "--width", "600", "--tab", "quorum"];
    assert_eq!(frames(&folder.picture("a.gif", &small)), 2, "the beats from there on");
    let smooth = folder.picture("b.gif", &[&small[..], &["--smooth"]].concat());
    assert_eq!(frames(&smooth), 10, "and the way between them");
}

#[test]
fn the_hashes_of_all_pictures_are_a_line_a_step() {
    let sheet = |args: &[&str]| {
        let told = klamm(&[&["render", LESSON, "--hash"][..], args].concat());
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8(told.stdout).expect("UTF-8")
    };
    let once = sheet(&[]);
    let places: Vec<_> = once.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(places, ["beat:0", "beat:1", "beat:2", "end"]);
    assert!(once.lines().all(|line| line.split(' ').count() == 11), "five tabs a line: {once}");
    assert_eq!(once, sheet(&[]));
    assert_ne!(once, sheet(&["--seed", "9"]));
}

#[test]
fn what_can_not_be_drawn_is_said_with_status_two_and_leaves_nothing() {
    let folder = Folder::new();
    let trace = folder.path("run.klamm");
    let output = folder.path("never.svg");
    let at = |place: &'static str| ["--at", place, "-o", output.as_str()];
    let gif = folder.path("never.gif");
    let cases: [(&[&str], &str); 17] = [
        (&at("99s"), "the run is over at 1"),
        (&at("99999999"), "no such event"),
        (&at("beat:99"), "are 0 to 2"),
        (&at("beat:x"), "are 0 to 2"),
        (&at("later"), "--at later"),
        (&["-o", "picture.bmp"], ".svg, .png or .gif"),
        (&["-o", "/no/such/folder/picture.svg"], "/no/such/folder"),
        (&["-o", &output, "--partition", "payments-9"], "payments-0"),
        (&["-o", &output, "--node", "broker-9"], "broker-1"),
        (&["-o", &output, "--seed", "3"], "seed already"),
        (&["-o", &output, "--part", "1001"], "1001"),
        (&["-o", &output, "--hash"], "--hash"),
        (&["--at", "end"], "--output"),
        (&["-o", &output, "--tab", "groups", "--group", "nope"], "no such group; it has none"),
        (&["-o", &output, "--event", "99999999"], "no such event"),
        (&["-o", &gif, "--at", "beat:2", "--to", "beat:1"], "an animation goes forward"),
        (&["-o", &gif, "--at", "9s", "--to", "8s"], "--to 8s"),
    ];
    for (args, piece) in cases {
        let refused = klamm(&[&["render", trace.as_str()][..], args].concat());
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(piece), "{args:?}: '{piece}' is not in: {said}");
    }
    let long = ["-o", &folder.path("long.gif"), "--at", "0", "--by", "event"];
    let refused = klamm(&[&["render", trace.as_str()][..], &long].concat());
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("narrow it"));
    let group = klamm(&["render", GROUPS, "-o", &output, "--tab", "groups", "--group", "fraud"]);
    let said = String::from_utf8_lossy(&group.stderr).into_owned();
    assert_eq!(group.status.code(), Some(2), "{said}");
    assert!(said.contains("it has billing, shipping"), "{said}");
    assert!(!Path::new(&output).exists(), "nothing is left behind");
}
