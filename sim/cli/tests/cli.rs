//! The command as a user meets it: exit statuses, what goes where, and that looking never changes a run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("sim/cli lies two below the root")
        .to_owned()
}

fn klamm(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
    command
        .args(args)
        .current_dir(root())
        .env_remove("KLAMM_LOG")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    klamm(args).output().expect("klamm starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

const LESSON: &str = "scenarios/lessons/keys-and-order.ron";

/// A file in a folder that goes away with the test.
fn scratch(name: &str, contents: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, contents).expect("written");
    let path = path.to_str().expect("UTF-8").to_owned();
    (folder, path)
}

/// A trace of the lesson.
fn trace() -> (tempfile::TempDir, String) {
    let (folder, path) = scratch("run.klamm", b"");
    let ran = run(&["run", LESSON, "--trace", &path, "--quiet"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    (folder, path)
}

#[test]
fn a_run_tells_its_story_and_how_to_repeat_it() {
    let ran = run(&["run", LESSON, "--seed", "9"]);
    let out = text(&ran.stdout);
    assert_eq!(ran.status.code(), Some(0), "{out}");
    for piece in ["Keys, partitions and order", "verdict", "everything held", "--seed 9", "hash"] {
        assert!(out.contains(piece), "'{piece}' is missing in:\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "no colour where no terminal is");
    assert!(text(&ran.stderr).is_empty(), "diagnostics only when asked for");
}

#[test]
fn logging_colour_form_and_keeping_a_trace_never_change_the_hash() {
    let (_folder, path) = scratch("run.klamm", b"");
    let hash = |args: &[&str], log: Option<&str>| {
        let mut command = klamm(&["run", LESSON, "--seed", "3", "--format", "hash"]);
        command.args(args);
        if let Some(log) = log {
            command.env("KLAMM_LOG", log);
        }
        let ran = command.output().expect("klamm starts");
        assert!(ran.status.success(), "{}", text(&ran.stderr));
        text(&ran.stdout)
    };
    let plain = hash(&[], None);
    assert_eq!(plain.lines().count(), 1);
    assert_eq!(hash(&["-vvv"], None), plain);
    assert_eq!(hash(&[], Some("trace")), plain);
    assert_eq!(hash(&["--color", "always"], None), plain);
    assert_eq!(hash(&["--trace", &path], None), plain);
    assert_eq!(hash(&["--driver", "plain"], None), plain);
    // The text form ends with the same hash.
    let told = text(&run(&["run", LESSON, "--seed", "3"]).stdout);
    assert!(told.contains(plain.trim()), "{told}");
    let other = text(&run(&["run", LESSON, "--seed", "4", "--format", "hash"]).stdout);
    assert_ne!(other, plain, "another seed is another run");
}

#[test]
fn json_is_one_document_with_the_verdict() {
    let ran = run(&["run", LESSON, "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("stdout is JSON");
    assert_eq!(answer["passed"], true);
    assert_eq!(answer["scenario"], LESSON);
    assert!(answer["expectations"].as_array().is_some_and(|all| all.len() >= 4));
    assert!(answer["reproduce"].as_str().is_some_and(|text| text.starts_with("klamm run ")));
}

#[test]
fn a_broken_expectation_exits_with_one_and_says_what_was_found() {
    let lesson = std::fs::read_to_string(root().join(LESSON)).expect("readable");
    let wrong = lesson
        .replace("Read(client: \"ledger\", count: 11)", "Read(client: \"ledger\", count: 12)");
    assert_ne!(wrong, lesson);
    let (_folder, path) = scratch("wrong.ron", wrong.as_bytes());
    let ran = run(&["run", &path]);
    assert_eq!(ran.status.code(), Some(1));
    let out = text(&ran.stdout);
    assert!(out.contains("FAILED") && out.contains("found"), "{out}");
    let quiet = run(&["run", &path, "--quiet"]);
    assert_eq!(quiet.status.code(), Some(1));
    assert!(text(&quiet.stdout).contains("FAILED"), "quiet still says what went wrong");
}

#[test]
fn four_mistakes_give_four_diagnostics_with_places_and_status_two() {
    let scenario = r#"Scenario(
    version: 1,
    title: "mistakes",
    question: "how many?",
    duraton: "10s",
    cluster: (brokers: 3, controllers: 3),
    topics: [(name: "t", partitions: 1, replication_factor: 3)],
    steps: [
        (at: "1s", do: [Crash("broker-9")]),
        (at: "-2s", do: [Crash("broker-1")]),
        (at: "3s", do: [Cut(from: ["broker-1", "broker-2"], to: ["broker-2", "broker-3"])]),
    ],
)
"#;
    let (_folder, path) = scratch("mistakes.ron", scenario.as_bytes());
    let ran = run(&["check", &path]);
    assert_eq!(ran.status.code(), Some(2));
    let said = text(&ran.stderr);
    for piece in
        ["duraton", "duration", "broker-9", "-2s", "broker-2", ":5:", ":9:", ":10:", ":11:"]
    {
        assert!(said.contains(piece), "'{piece}' is missing in:\n{said}");
    }
    assert!(text(&ran.stdout).is_empty());
    let ran = run(&["check", "--format", "json", &path]);
    assert_eq!(ran.status.code(), Some(2));
    let answer: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("stdout is JSON");
    let lines: Vec<_> = answer[0]["diagnostics"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["line"].as_u64())
        .collect();
    for line in [5, 9, 10, 11] {
        assert!(lines.contains(&Some(line)), "no diagnostic for line {line}: {lines:?}");
    }
}

#[test]
fn a_scenario_with_applications_is_checked_and_not_run() {
    let scenario = r#"Scenario(
    version: 1,
    title: "an application",
    question: "who runs it?",
    duration: "10s",
    cluster: (brokers: 3, controllers: 1),
    topics: [(name: "t", partitions: 1, replication_factor: 3)],
    clients: [
        Application(name: "billing-1", program: "billing"),
    ],
)
"#;
    let (_folder, path) = scratch("application.ron", scenario.as_bytes());
    assert_eq!(run(&["check", &path]).status.code(), Some(0));
    for driver in ["plain", "node", "host"] {
        let ran = run(&["run", "--driver", driver, &path]);
        assert_eq!(ran.status.code(), Some(2), "{driver}");
        let said = text(&ran.stderr);
        let piece = if driver == "host" { "--example NAME" } else { "need the host driver" };
        assert!(said.contains(piece) && said.contains(":9:"), "{driver}: {said}");
    }
}

#[test]
fn wrong_usage_and_wrong_files_exit_with_two_and_a_sentence() {
    let (_folder, not_a_trace) = scratch("x.klamm", b"hello");
    let (_other, latin) = scratch("latin.ron", b"Scenario(title: \"caf\xe9\")");
    let cases: &[&[&str]] = &[
        &["run", "no-such-file.ron"],
        &["run", &latin],
        &["run", LESSON, "--until", "soon"],
        &["run", LESSON, "--show", "kitchen"],
        &["run", LESSON, "--seed", "minus one"],
        &["run", LESSON, "--trace", "/no/such/folder/run.klamm", "--quiet"],
        &["replay", "no-such-file"],
        &["replay", &not_a_trace],
        &["serve", "--set", "nonsense"],
        &["serve", "--set", "replica.lag.max=1"],
        &["dance"],
    ];
    for case in cases {
        let ran = run(case);
        assert_eq!(ran.status.code(), Some(2), "{case:?}: {}", text(&ran.stderr));
        assert!(!ran.stderr.is_empty(), "{case:?} says nothing");
    }
}

#[test]
fn a_trace_can_be_listed_looked_into_and_asked_why() {
    let (_folder, path) = trace();
    let listed = text(&run(&["replay", &path, "--events"]).stdout);
    let acked = listed
        .lines()
        .find(|line| line.contains("RecordsAcknowledged"))
        .expect("something was acknowledged");
    let seq = acked.split_whitespace().next().expect("a number");

    let why = run(&["replay", &path, "--why", seq]);
    let chain = text(&why.stdout);
    assert!(why.status.success());
    assert!(chain.contains("RecordsAcknowledged"), "{chain}");
    assert!(
        chain.contains("keys-and-order.ron:"),
        "the chain ends at a line of the scenario:\n{chain}"
    );

    let at = text(&run(&["replay", &path, "--at", "9s"]).stdout);
    assert!(at.contains("payments-0 leader=1"), "{at}");
    let by_seq = text(&run(&["replay", &path, "--at", seq]).stdout);
    assert!(by_seq.contains("RecordsAcknowledged"), "{by_seq}");

    let story = text(&run(&["replay", &path]).stdout);
    let told = text(&run(&["run", LESSON]).stdout);
    let first_step =
        |text: &str| text.lines().find(|line| line.starts_with("──")).map(str::to_owned);
    assert_eq!(
        first_step(&story),
        first_step(&told),
        "a replayed story is the story that was told"
    );

    let missing = run(&["replay", &path, "--why", "99999999"]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_damaged_trace_is_refused_with_the_place() {
    let (_folder, path) = trace();
    let whole = std::fs::read(&path).expect("readable");
    let (_cut_folder, cut) = scratch("cut.klamm", &whole[..whole.len() / 2]);
    let middle = whole.len() / 2;
    let mut flipped = whole;
    flipped[middle] ^= 0x55;
    let (_flip_folder, flipped) = scratch("flipped.klamm", &flipped);
    for file in [cut, flipped] {
        let ran = run(&["replay", &file]);
        assert_eq!(ran.status.code(), Some(2), "{}", text(&ran.stderr));
        assert!(text(&ran.stderr).contains("trace"), "{}", text(&ran.stderr));
    }
}

#[test]
fn help_completions_and_the_manual_are_there() {
    assert!(text(&run(&["--help"]).stdout).contains("Exit status"));
    assert!(text(&run(&["run", "--help"]).stdout).contains("--driver"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&run(&["completions", shell]).stdout).contains("klamm"));
    }
    assert!(text(&run(&["man"]).stdout).contains(".TH"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child =
        klamm(&["run", LESSON, "--all"]).stdout(Stdio::piped()).spawn().expect("klamm starts");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}
