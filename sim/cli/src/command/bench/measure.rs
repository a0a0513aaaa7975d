//! The measurements themselves.

use std::time::{Duration, Instant};

use klamm_node::{EventKind, Span, Time};
use klamm_scenario::Scenario;
use klamm_trace::Keep;
use klamm_world::{Options, World};
use serde_json::{Value, json};

use crate::console::Failure;

/// Something to measure: a scenario, or the beginning of one.
#[derive(Debug)]
pub(super) struct Workload {
    /// What the command line and the table call it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    pub file: &'static str,
    pub text: &'static str,
    pub until: Option<Span>,
}

const S1: &str = include_str!("s1.ron");

/// Everything that can be measured.
pub(super) const WORKLOADS: [Workload; 5] = [
    Workload {
        name: "S0",
        what: "3 controllers, 3 brokers, 6 partitions, idle, 60 s",
        file: "s0.ron",
        text: include_str!("s0.ron"),
        until: None,
    },
    Workload {
        name: "S1",
        what: "S0 and 2 producers at 50 batches/s, 3 consumers, a crash, a cut, 60 s",
        file: "s1.ron",
        text: S1,
        until: None,
    },
    Workload {
        name: "S3",
        what: "5 controllers, 9 brokers, 100 partitions, 10 clients, 20 s",
        file: "s3.ron",
        text: include_str!("s3.ron"),
        until: None,
    },
    Workload {
        name: "S4",
        what: "3 controllers, 9 brokers, 1,000 partitions, a broker's crash and return, 40 s",
        file: "s4.ron",
        text: include_str!("s4.ron"),
        until: None,
    },
    Workload {
        name: "L",
        what: "a lesson: the first 10 s of S1",
        file: "s1.ron",
        text: S1,
        until: Some(Span::secs(10)),
    },
];

/// What a run of a workload took: the fastest of several, since only noise makes a run slower.
#[derive(Debug)]
pub(super) struct Sample {
    pub events: u64,
    pub frames: u64,
    pub stored: u64,
    pub virtual_seconds: f64,
    /// Seconds on a core.
    pub wall: f64,
    pub runs: u64,
    pub hash: String,
    pub passed: bool,
    /// The process's peak, in bytes, where the system tells.
    pub peak: Option<u64>,
}

impl Sample {
    pub(super) fn json(&self) -> Value {
        json!({
            "events": self.events,
            "frames": self.frames,
            "stored_bytes": self.stored,
            "virtual_seconds": self.virtual_seconds,
            "seconds": self.wall,
            "runs": self.runs,
            "hash": self.hash,
            "passed": self.passed,
            "peak_bytes": self.peak,
        })
    }

    pub(super) fn from_json(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let number = |key: &str| value.get(key)?.as_u64();
        let real = |key: &str| value.get(key)?.as_f64();
        Some(Self {
            events: number("events")?,
            frames: number("frames")?,
            stored: number("stored_bytes")?,
            virtual_seconds: real("virtual_seconds")?,
            wall: real("seconds")?,
            runs: number("runs")?,
            hash: value.get("hash")?.as_str()?.to_owned(),
            passed: value.get("passed")?.as_bool()?,
            peak: number("peak_bytes"),
        })
    }

    pub(super) fn events_per_second(&self) -> f64 {
        real(self.events) / self.wall
    }

    pub(super) fn frames_per_second(&self) -> f64 {
        real(self.frames) / self.wall
    }

    pub(super) fn virtual_to_wall(&self) -> f64 {
        self.virtual_seconds / self.wall
    }

    pub(super) fn runs_per_second(&self) -> f64 {
        1.0 / self.wall
    }

    pub(super) fn bytes_per_event(&self) -> f64 {
        real(self.stored) / real(self.events.max(1))
    }

    /// Nanoseconds.
    pub(super) fn event(&self) -> f64 {
        self.wall * 1e9 / real(self.events.max(1))
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Whether everything in the scenario held; a fast lab that is wrong is worth nothing.
    pub(super) fn passed(&self) -> bool {
        self.passed
    }
}

/// Numbers of this size are exact in a double.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

/// Runs a workload again and again for a while, in this process.
pub(super) fn workload(
    workload: &Workload,
    checked: bool,
    at_least: Duration,
) -> Result<Sample, Failure> {
    let mut scenario = klamm_scenario::parse(workload.file, workload.text).map_err(|mistakes| {
        Failure::Input(klamm_scenario::render(&mistakes, workload.text, false))
    })?;
    let keep = if checked {
        Keep::ALL
    } else {
        // An expectation such as 'every acknowledged record is readable' needs the invariants, so the world would keep
        // them whatever is asked of it. The run with invariants judges the workload; this one measures the lab alone.
        scenario.expect.clear();
        Keep { events: true, view: true, invariants: false }
    };
    let options = Options { keep, ..Options::default() };
    let began = Instant::now();
    let mut best: Option<Sample> = None;
    let mut runs = 0;
    while runs < 2 || began.elapsed() < at_least {
        let (wall, world) = once(&scenario, &options, workload.until);
        runs += 1;
        match &best {
            Some(first) if first.hash != world.hash().to_string() => {
                return Err(Failure::Input(format!("{} ran twice to two hashes", workload.name)));
            }
            Some(least) if least.wall <= wall.as_secs_f64() => {}
            // No world outlives its turn: the peak is that of one.
            Some(_) | None => best = Some(sample(workload, wall, &world)),
        }
    }
    let best = best.ok_or_else(|| Failure::Input("nothing was measured".to_owned()))?;
    Ok(Sample { runs, peak: peak(), ..best })
}

/// What one run came to.
fn sample(workload: &Workload, wall: Duration, world: &World) -> Sample {
    let recorder = world.recorder();
    let frames = recorder
        .events()
        .iter()
        .filter(|event| matches!(event.kind, EventKind::FrameSent { .. }))
        .count();
    let outcome = world.outcome();
    Sample {
        events: outcome.events,
        frames: frames as u64,
        stored: recorder.events().bytes() as u64,
        virtual_seconds: Duration::from_nanos(world.now().0).as_secs_f64(),
        wall: wall.as_secs_f64(),
        runs: 1,
        hash: outcome.hash.to_string(),
        passed: if workload.until.is_some() {
            outcome.violations.is_empty()
        } else {
            outcome.passed()
        },
        peak: None,
    }
}

fn once(scenario: &Scenario, options: &Options, until: Option<Span>) -> (Duration, World) {
    let watch = Watch::start();
    let mut world = World::with(scenario, scenario.seed, options);
    world.run_until(Time::ZERO + until.unwrap_or(scenario.duration));
    (watch.elapsed(), world)
}

/// A stop watch that stands still while other programs have the core, where the system tells.
#[derive(Debug)]
pub(super) struct Watch {
    wall: Instant,
    core: Option<Duration>,
}

impl Watch {
    pub(super) fn start() -> Self {
        Self { wall: Instant::now(), core: on_core() }
    }

    pub(super) fn elapsed(&self) -> Duration {
        match (self.core, on_core()) {
            (Some(before), Some(now)) if now > before => now - before,
            (Some(_) | None, Some(_) | None) => self.wall.elapsed(),
        }
    }
}

/// How long this thread has been on a core. Linux alone tells it without more ado.
fn on_core() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// The most memory that this process ever held.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What there is without an engine, in nanoseconds.
#[derive(Debug)]
pub(super) struct Floor {
    /// An event of the bare loop: queue, links, hash, trace.
    pub event: f64,
    /// The same without keeping the trace.
    pub event_untraced: f64,
    /// A frame of the bare loop.
    pub frame: f64,
    /// A message over madsim's TCP; none where there is no madsim.
    pub message: Option<f64>,
}

/// Messages over madsim's stream: enough to forget the runtime's start. Its thread is its own, so that its time can only be
/// the wall's; the fastest of many short runs is the one that nobody disturbed.
const MESSAGES: u32 = 10_000;
const MESSAGE_RUNS: u32 = 20;
/// Steps of the bare loop.
const STEPS: u32 = 400_000;

/// Measures the floor.
pub(super) fn floor(at_least: Duration) -> Floor {
    let (event, frame) = bare(Keep::EVENTS, at_least / 2);
    let (event_untraced, _) = bare(Keep::HASH, at_least / 2);
    let cost =
        (0..MESSAGE_RUNS).filter_map(|_| klamm_madsim::stream_message_cost(MESSAGES).ok()).min();
    Floor { event, event_untraced, frame, message: cost.map(|cost| cost.as_secs_f64() * 1e9) }
}

/// The cost of an event and of a frame: four machines in a ring, two frames of 100 bytes between each two.
fn bare(keep: Keep, at_least: Duration) -> (f64, f64) {
    let began = Instant::now();
    let mut best = (f64::MAX, f64::MAX);
    while best.0 == f64::MAX || began.elapsed() < at_least {
        let mut lab = klamm_world::bare(4, 2, 100, 1, keep);
        // Connections first.
        while lab.recorder().last_seq().0 < 100 && lab.step().is_some() {}
        let first = lab.recorder().last_seq().0;
        let watch = Watch::start();
        for _ in 0..STEPS {
            lab.step();
        }
        let wall = watch.elapsed().as_secs_f64() * 1e9;
        let events = real(lab.recorder().last_seq().0 - first);
        // A frame is two events: sent and delivered.
        best = (best.0.min(wall / events), best.1.min(2.0 * wall / events));
    }
    best
}
