//! `klamm run`: a scenario, told as it happens.

use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use klamm_node::{Room, Span, Time};
use klamm_scenario::Scenario;
use klamm_scenario::model::Show;
use klamm_trace::{Keep, Transcript, TranscriptOptions};
use klamm_world::{Options, Progress, World};
use serde_json::{Value, json};

use super::files;
use crate::args::{Driver, Format, Run};
use crate::console::{Console, Failure, Outcome};
use crate::{driver, verdict};

/// Runs a scenario.
pub(crate) fn run(args: &Run, console: &Console) -> Outcome {
    let scenario = files::scenario(&args.scenario, console)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let until = args.until.as_deref().map(|text| files::span("--until", text)).transpose()?;
    let rooms = if args.all { Room::ALL.to_vec() } else { files::rooms(&args.show)? };
    let pace = args.pace.filter(|pace| *pace > 0);
    let driver = args.driver.unwrap_or_else(driver::default);

    let tells = args.format == Format::Text && !console.quiet;
    let mut teller = Teller {
        transcript: Transcript::new(options(&scenario, &rooms, console.colour())),
        tells,
        pace,
        began: Instant::now(),
        bar: bar(console, scenario.duration, until, tells),
        text: String::new(),
        closed: false,
    };
    if tells {
        console.say(&format!(
            "{}\n{}\nseed {seed}\n\n",
            console.paint("1", &scenario.title),
            console.paint("3", &scenario.question)
        ))?;
    }
    // Everything is kept: the verdict needs the invariants, the story and the file need the events.
    let keep = if tells || args.trace.is_some() { Keep::ALL } else { Keep::CHECKED };
    let options = Options { keep, ..Options::default() };
    let world = driver::drive(driver, &scenario, seed, &options, until, &mut |world, progress, console| {
        teller.step(world, progress, console);
    }, console)?;
    teller.finish(&world, console);

    if let Some(path) = &args.trace {
        write_atomically(path, &world.recorder().to_trace().to_bytes())?;
    }
    let outcome = world.outcome();
    let nodes = world.recorder().header().nodes.clone();
    match args.format {
        Format::Hash => console.say(&format!("{}\n", outcome.hash))?,
        Format::Json => {
            let mut answer = verdict::json(&outcome, &nodes);
            if let Value::Object(fields) = &mut answer {
                fields.insert("scenario".to_owned(), json!(scenario.file));
                fields.insert("title".to_owned(), json!(scenario.title));
                fields.insert("seed".to_owned(), json!(seed));
                fields.insert("reproduce".to_owned(), json!(reproduce(args, seed)));
            }
            console.say(&format!("{answer:#}\n"))?;
        }
        Format::Text => {
            if tells || !outcome.passed() {
                console.say(&verdict::text(&outcome, &nodes, console))?;
                console.say(&format!("\nhash       {}\nreproduce  {}\n", outcome.hash, reproduce(args, seed)))?;
            }
            if tells && args.trace.is_none() {
                console.say("record     add --trace run.klamm, then: klamm replay run.klamm --why SEQ\n")?;
            }
        }
    }
    // A run that was cut short has not had its chance: only what is already broken counts.
    let held = if until.is_some_and(|until| until < scenario.duration) {
        outcome.violations.is_empty()
            && outcome.panics.is_empty()
            && outcome.expectations.iter().all(|expectation| expectation.met != Some(false))
    } else {
        outcome.passed()
    };
    if held { Ok(()) } else { Err(Failure::NotHeld) }
}

/// What the transcript of a scenario shows.
pub(crate) fn options(scenario: &Scenario, rooms: &[Room], color: bool) -> TranscriptOptions {
    let Show { rooms: shown, partitions, hide, states } = scenario.show.clone();
    let steps = (0..).zip(&scenario.steps);
    TranscriptOptions {
        rooms: if rooms.is_empty() { shown } else { rooms.to_vec() },
        partitions,
        hide: if rooms.is_empty() { hide } else { Vec::new() },
        states,
        repeats: if rooms.len() == Room::ALL.len() { 0 } else { 3 },
        narration: steps.filter_map(|(index, step)| Some((index, step.say.clone()?))).collect(),
        color,
    }
}

/// The command that repeats a run.
fn reproduce(args: &Run, seed: u64) -> String {
    let driver = match args.driver {
        Some(Driver::Node) => " --driver node",
        Some(Driver::Host | Driver::Plain) | None => "",
    };
    format!("klamm run {} --seed {seed}{driver}", args.scenario.display())
}

/// Writes a file so that there is either the old one or the whole new one.
fn write_atomically(path: &Path, bytes: &[u8]) -> Outcome {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| Failure::in_file(path, error))
}

fn bar(console: &Console, duration: Span, until: Option<Span>, tells: bool) -> ProgressBar {
    let total = until.map_or(duration, |until| until.min(duration)).as_millis();
    let watched = console.watched() && !tells;
    let target = if watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:30} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), target).with_style(style)
}

/// Tells the run while it goes on.
struct Teller {
    transcript: Transcript,
    tells: bool,
    pace: Option<u32>,
    began: Instant,
    bar: ProgressBar,
    text: String,
    /// The reader went away: the run goes on for the sake of its exit status, in silence.
    closed: bool,
}

impl Teller {
    fn step(&mut self, world: &World, progress: Progress, console: &Console) {
        if !self.tells {
            self.bar.set_position(Span(progress.time.0).as_millis());
            return;
        }
        let (recorder, view) = (world.recorder(), world.view());
        for event in recorder.events().from(progress.first).take_while(|event| event.seq <= progress.last) {
            self.transcript.event(&event, view, &mut self.text);
        }
        if !self.text.is_empty() {
            self.wait_until(progress.time);
            self.flush(console);
        }
    }

    /// Lets virtual time pass at the pace that was asked for. Only the telling waits; the run itself knows nothing of it.
    fn wait_until(&self, time: Time) {
        if let Some(pace) = self.pace {
            let due = self.began + Duration::from_nanos(time.0 / u64::from(pace));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn flush(&mut self, console: &Console) {
        if !self.closed {
            self.closed = console.say(&self.text).is_err();
        }
        self.text.clear();
    }

    fn finish(&mut self, world: &World, console: &Console) {
        self.bar.finish_and_clear();
        if self.tells {
            self.transcript.finish(world.view(), &mut self.text);
            self.text.push('\n');
            self.flush(console);
        }
    }
}
