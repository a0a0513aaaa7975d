//! Opening, away from the window's thread: a scenario runs and streams its events, a trace is read and indexed.
//!
//! *Flows in*: what to open. *Flows out*: [`News`], in order, each followed by a call that wakes the window.
//! *Must never*: draw, or hold up whoever asks; a worker that nobody wants any more stops at its next look.

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use klamm_node::Time;
use klamm_scenario::{Diagnostic, Scenario};
use klamm_scene::OpenTrace;
use klamm_trace::{EventStore, Keep, Trace, TraceHeader};
use klamm_world::{Options, Outcome, Recorded, Recording, World, recorded};

use crate::library;

/// How often a running scenario tells what it has.
const RHYTHM: Duration = Duration::from_millis(60);

/// What is to be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A scenario's text under a name.
    Text {
        /// The name.
        name: String,
        /// The text.
        text: String,
    },
    /// A file: a scenario or a trace.
    File(PathBuf),
}

impl Source {
    /// What people call it.
    pub fn name(&self) -> String {
        match self {
            Self::Text { name, .. } => name.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Why something could not be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// A scenario with mistakes, each at its place in the text.
    Mistakes {
        /// The text.
        text: String,
        /// What is wrong, in the order of the text.
        found: Vec<Diagnostic>,
    },
    /// Anything else, in a sentence.
    Plain(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistakes { text, found } => {
                f.write_str(&klamm_scenario::render(found, text, false))
            }
            Self::Plain(sentence) => f.write_str(sentence),
        }
    }
}

/// What a worker tells.
#[derive(Debug)]
pub enum News {
    /// A scenario runs: its header, and how long it will run in virtual time.
    Begun(Box<TraceHeader>, Time),
    /// Its events so far. The store is shared, not copied.
    Grown(EventStore),
    /// The run is over; this came of it.
    Done(Box<Outcome>),
    /// A trace is being opened: so many events of so many.
    Reading(usize, usize),
    /// A trace is open; what its run came to, if that can be told of it.
    Opened(Box<OpenTrace>, Option<Box<Recorded>>),
    /// It can't be opened.
    Failed(Problem),
}

/// What wakes the window when there is news.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A thread that opens something.
pub struct Worker {
    news: Receiver<News>,
    unwanted: Arc<AtomicBool>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
    }
}

impl Worker {
    /// Begins to open something. A seed replaces the scenario's own.
    pub fn start(source: Source, seed: Option<u64>, wake: Wake) -> Self {
        let (tell, news) = channel();
        let unwanted = Arc::new(AtomicBool::new(false));
        let line = Line { tell, unwanted: Arc::clone(&unwanted), wake };
        let spare = line.clone();
        let started = thread::Builder::new().name("opening".to_owned()).spawn(move || {
            if let Err(problem) = open(&source, seed, &line) {
                line.say(News::Failed(problem));
            }
        });
        if let Err(error) = started {
            spare.say(News::Failed(Problem::Plain(format!("no thread to open it in: {error}"))));
        }
        Self { news, unwanted }
    }

    /// What has come since the last look, and whether more may come.
    pub fn news(&self) -> (Vec<News>, bool) {
        let mut all = Vec::new();
        loop {
            match self.news.try_recv() {
                Ok(news) => all.push(news),
                Err(TryRecvError::Empty) => return (all, true),
                Err(TryRecvError::Disconnected) => return (all, false),
            }
        }
    }

    /// Waits for the next news; none once there is no more. For those who have no window to keep alive.
    pub fn wait(&self, at_most: Duration) -> Result<Option<News>, RecvTimeoutError> {
        match self.news.recv_timeout(at_most) {
            Ok(news) => Ok(Some(news)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(RecvTimeoutError::Timeout),
        }
    }
}

/// The worker's end.
#[derive(Clone)]
struct Line {
    tell: Sender<News>,
    unwanted: Arc<AtomicBool>,
    wake: Wake,
}

impl Line {
    /// Tells something; whether anybody still listens.
    fn say(&self, news: News) -> bool {
        let heard = self.tell.send(news).is_ok() && !self.unwanted.load(Ordering::Relaxed);
        (self.wake)();
        heard
    }

    fn wanted(&self) -> bool {
        !self.unwanted.load(Ordering::Relaxed)
    }
}

fn open(source: &Source, seed: Option<u64>, line: &Line) -> Result<(), Problem> {
    match source {
        Source::Text { name, text } => run(&scenario(name, text)?, seed, line),
        Source::File(path) => {
            let name = path.display().to_string();
            let in_file = |error: &dyn fmt::Display| Problem::Plain(format!("{name}: {error}"));
            let bytes = std::fs::read(path).map_err(|error| in_file(&error))?;
            if bytes.starts_with(Trace::MAGIC) {
                if seed.is_some() {
                    return Err(in_file(
                        &"a trace has its seed already; open the scenario to run it under another",
                    ));
                }
                let trace = Trace::from_bytes(&bytes).map_err(|error| in_file(&error))?;
                index(trace, line);
                return Ok(());
            }
            let text = String::from_utf8(bytes).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                in_file(&format!("this is neither a trace nor a scenario: byte {at} is not text"))
            })?;
            run(&scenario(&name, &text)?, seed, line)
        }
    }
}

/// Reads a scenario that can run here.
fn scenario(name: &str, text: &str) -> Result<Scenario, Problem> {
    let scenario = klamm_scenario::parse(name, text)
        .map_err(|found| Problem::Mistakes { text: text.to_owned(), found })?;
    if let Some((line, application, program)) = library::needs_program(&scenario) {
        return Err(Problem::Plain(format!(
            "{name}:{line}: the application '{application}' needs the program '{program}', which is not in this binary: run it with the binary that has it, save the trace there (--trace FILE), and open that"
        )));
    }
    Ok(scenario)
}

fn run(scenario: &Scenario, seed: Option<u64>, line: &Line) -> Result<(), Problem> {
    let keep = Keep { events: true, view: true, invariants: true };
    let options = Options { keep, ..Options::default() };
    // The world alone: every driver gives the same events.
    let mut world = World::with(scenario, seed.unwrap_or(scenario.seed), &options);
    let header = Box::new(world.recorder().header().clone());
    let mut heard = line.say(News::Begun(header, Time::ZERO + scenario.duration));
    let mut told = Instant::now();
    while heard && world.step().is_some() {
        if told.elapsed() >= RHYTHM {
            told = Instant::now();
            heard = line.say(News::Grown(world.recorder().events().clone()));
        }
    }
    if heard && line.say(News::Grown(world.recorder().events().clone())) {
        line.say(News::Done(Box::new(world.outcome())));
    }
    Ok(())
}

fn index(trace: Trace, line: &Line) {
    let hash = trace.hash;
    let opened = OpenTrace::open(trace, &mut |at| {
        if line.wanted() && line.say(News::Reading(at.taken, at.of)) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    // Given up: nobody wants it.
    if let Ok(opened) = opened {
        let recording = Recording {
            header: opened.header(),
            events: opened.events(),
            hash,
            invariants: opened.invariants().clone(),
            view_at: &|seq| opened.view_at(seq),
        };
        // A scenario that this version can't read says nothing of what was expected.
        let came_to = recorded(recording).ok().map(Box::new);
        line.say(News::Opened(Box::new(opened), came_to));
    }
}
