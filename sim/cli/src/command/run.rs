//! `klamm run`: a scenario, told as it happens.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use klamm_node::{Room, Span, Time};
use klamm_scenario::Scenario;
use klamm_trace::{Keep, Recorder, Transcript, TranscriptOptions, View};
use klamm_world::{Options, Progress, World, transcript_options};
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
    let driver = args.driver.unwrap_or_else(driver::default);

    let tells = args.format == Format::Text && !console.quiet();
    if tells {
        console.say(&format!(
            "{}\n{}\nseed {seed}\n\n",
            console.paint("1", &scenario.title),
            console.paint("3", &scenario.question)
        ))?;
    }
    // The verdict needs the invariants; the story and the file need the events.
    let keep = if tells || args.trace.is_some() { Keep::ALL } else { Keep::CHECKED };
    let name = format!("{driver:?}").to_lowercase();
    let run_options = Options { keep, driver: name, ..Options::default() };
    let story = options(&scenario, &rooms, console.colour());
    let bar = bar(console, scenario.duration, until, tells);
    let pace = args.pace.filter(|pace| *pace > 0);

    // The run has a thread of its own, in which clocks may be madsim's; telling it at a pace needs the real one.
    let (told, heard) = mpsc::channel();
    let done = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let mut teller =
                Teller { transcript: Transcript::new(story.clone()), view: None, tells, told };
            let done =
                driver::drive(driver, &scenario, seed, &run_options, until, |world, progress| {
                    teller.step(world, progress);
                })?;
            teller.finish(&done.recorder, driver);
            Ok(done)
        });
        listen(&heard, pace, &bar, console);
        run.join().unwrap_or_else(|_| {
            Err(Failure::Input("the run's thread panicked; this is a bug in klamm".to_owned()))
        })
    })?;
    bar.finish_and_clear();

    if let Some(path) = &args.trace {
        write_atomically(path, &done.recorder.to_trace().to_bytes())?;
    }
    let outcome = done.outcome;
    let nodes = done.recorder.header().nodes.clone();
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
                console.say(&format!(
                    "\nhash       {}\nreproduce  {}\n",
                    outcome.hash,
                    reproduce(args, seed)
                ))?;
            }
            if tells && args.trace.is_none() {
                console.say(
                    "record     add --trace run.klamm, then: klamm replay run.klamm --why SEQ\n",
                )?;
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

/// What the transcript of a scenario shows: its own choice, or these rooms with nothing hidden; all rooms, everything.
pub(crate) fn options(scenario: &Scenario, rooms: &[Room], color: bool) -> TranscriptOptions {
    let mut options = TranscriptOptions { color, ..transcript_options(scenario) };
    if !rooms.is_empty() {
        options.rooms = rooms.to_vec();
        options.hide.clear();
    }
    if rooms.len() == Room::ALL.len() {
        options.repeats = 0;
    }
    options
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
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Outcome {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| Failure::in_file(path, error))
}

fn bar(console: &Console, duration: Span, until: Option<Span>, tells: bool) -> ProgressBar {
    let total = until.map_or(duration, |until| until.min(duration)).as_millis();
    let watched = console.watched() && !tells;
    let target = if watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:30} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), target).with_style(style)
}

/// A piece of the story and when it happened.
type Told = (Time, String);

/// Prints what is told, as fast as it comes or at a pace.
fn listen(heard: &mpsc::Receiver<Told>, pace: Option<u32>, bar: &ProgressBar, console: &Console) {
    let began = Instant::now();
    // When the reader goes away the run goes on for the sake of its exit status, in silence.
    let mut closed = false;
    for (time, text) in heard {
        bar.set_position(Span(time.0).as_millis());
        if let Some(pace) = pace
            && !closed
        {
            let due = began + Duration::from_nanos(time.0 / u64::from(pace));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        closed = closed || console.say(&text).is_err();
    }
}

/// Turns a run into a story while it goes on.
struct Teller {
    transcript: Transcript,
    /// The state at the event that is told next; none before the first.
    view: Option<View>,
    tells: bool,
    told: mpsc::Sender<Told>,
}

impl Teller {
    fn step(&mut self, world: &World, progress: Progress) {
        if progress.first > progress.last {
            return;
        }
        let mut text = String::new();
        if self.tells {
            let recorder = world.recorder();
            // Event by event, as a stored trace is told: the world's own View is already behind the whole step.
            let view = self.view.get_or_insert_with(|| View::new(recorder.header()));
            for event in recorder
                .events()
                .from(progress.first)
                .take_while(|event| event.seq <= progress.last)
            {
                self.transcript.event(&event, view, &mut text);
                view.apply(&event);
            }
        }
        if !text.is_empty() || !self.tells {
            self.tell(progress.time, text);
        }
    }

    fn finish(&mut self, recorder: &Recorder, driver: Driver) {
        if !self.tells {
            return;
        }
        let mut text = String::new();
        if driver == Driver::Node {
            // Node mode tells nothing on its way.
            let mut view = View::new(recorder.header());
            for event in recorder.events().iter() {
                view.apply(&event);
                self.transcript.event(&event, &view, &mut text);
            }
        }
        self.transcript.finish(recorder.view(), &mut text);
        text.push('\n');
        self.tell(recorder.now(), text);
    }

    fn tell(&self, time: Time, text: String) {
        // Nobody listens any more only when the command is on its way out.
        drop(self.told.send((time, text)));
    }
}
