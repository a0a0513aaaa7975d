//! The command line: what may be said, and the help that a newcomer can live with.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A deterministic laboratory for the Kafka system.
#[derive(Parser, Debug)]
#[command(
    name = "klamm",
    version,
    about,
    long_about = "A deterministic laboratory for the Kafka system: a full Kafka engine on a simulated network, clock and \
                  disk. A scenario file scripts what happens; a seed fixes everything else; the same two give the same \
                  run, byte for byte.",
    after_help = "Exit status: 0 everything held, 1 an expectation or invariant did not, 2 the input or usage was wrong.\n\
                  Environment: NO_COLOR turns colour off; KLAMM_LOG filters the drivers' own diagnostics (try 'debug').",
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,

    /// Print only what went wrong.
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Show the drivers' own diagnostics on stderr (repeat for more). What the cluster does is told by events.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// When colour is used.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a scenario and tell what happens.
    Run(Run),
    /// Check scenario files without running them.
    Check(Check),
    /// Read a recorded trace: its timeline, a moment of it, or why something happened.
    Replay(Replay),
    /// Draw a moment of a run as a picture, or a stretch of it as an animation; no display is needed.
    Render(Render),
    /// Open the window: watch a run, step back and forth, and ask why.
    Open(Open),
    /// Measure how fast the lab is, as ratios within one run.
    Bench(Bench),
    /// Serve the same engine on real TCP and files, to unmodified Kafka clients.
    Serve(Serve),
    /// Print what stands in a log's segments, as Kafka's kafka-dump-log does.
    DumpLog(DumpLog),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// `klamm open`.
#[derive(Args, Debug)]
pub(crate) struct Open {
    /// What the window takes: a scenario or trace, --seed N, --at PLACE, --tab NAME, …; see klamm-viz --help.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<OsString>,
}

/// `klamm run`.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The scenario file.
    pub scenario: PathBuf,
    /// The seed; the scenario's own if not given.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Stop at this virtual time, e.g. 12s or 1500ms.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Write the recorded run to a file that `klamm replay` reads.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub format: Format,
    /// What drives the nodes; the host where madsim exists, the plain world elsewhere.
    #[arg(long, value_enum, value_name = "DRIVER")]
    pub driver: Option<Driver>,
    /// Show the events of these rooms instead of those that the scenario names.
    #[arg(long, value_name = "ROOM", value_delimiter = ',')]
    pub show: Vec<String>,
    /// Tell the run at N virtual seconds a second instead of as fast as it goes.
    #[arg(long, value_name = "N")]
    pub pace: Option<u32>,
    /// Show every event.
    #[arg(long, conflicts_with = "show")]
    pub all: bool,
}

/// The forms of output.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
    /// One line: the hash of the trace.
    Hash,
}

/// What drives the nodes.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Driver {
    /// The world inside a madsim runtime.
    Host,
    /// The world alone.
    Plain,
    /// Every node a madsim node over madsim's own network: a second opinion, with its own hash.
    Node,
}

/// `klamm check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The scenario files.
    #[arg(required = true)]
    pub scenarios: Vec<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = TextOrJson::Text, value_name = "FORMAT")]
    pub format: TextOrJson,
}

/// Text for people, or JSON for machines.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextOrJson {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// `klamm replay`.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The trace file.
    pub trace: PathBuf,
    /// Stop at a time (12s, 1500ms) or at an event (its number) and show the state there.
    #[arg(long, value_name = "TIME|SEQ")]
    pub at: Option<String>,
    /// Walk from an event back to what caused it.
    #[arg(long, value_name = "SEQ", conflicts_with = "at")]
    pub why: Option<u64>,
    /// List the events, one a line, instead of the transcript.
    #[arg(long, conflicts_with_all = ["at", "why"])]
    pub events: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t = TextOrJson::Text, value_name = "FORMAT")]
    pub format: TextOrJson,
    /// Show the events of these rooms instead of those that the scenario names.
    #[arg(long, value_name = "ROOM", value_delimiter = ',')]
    pub show: Vec<String>,
}

/// `klamm render`.
#[derive(Args, Debug)]
pub(crate) struct Render {
    /// A scenario, which is run, or a trace.
    #[arg(value_name = "SCENARIO|TRACE")]
    pub input: PathBuf,
    /// The moment: a time (12s, 1500ms), an event's number, a step of the scenario (beat:3), or 'end'.
    #[arg(long, value_name = "TIME|SEQ|beat:N|end", default_value = "end")]
    pub at: String,
    /// Where the picture goes; its name ends in .svg, .png or .gif.
    #[arg(long, short, value_name = "FILE", required_unless_present = "hash")]
    pub output: Option<PathBuf>,
    /// Draw every tab at every step of the scenario, and print a hash for each picture instead of keeping it: equal hashes, equal
    /// pictures.
    #[arg(long, conflicts_with_all = ["output", "at"])]
    pub hash: bool,
    /// What to show.
    #[arg(long, value_enum, default_value_t = RenderTab::Logs, value_name = "TAB")]
    pub tab: RenderTab,
    /// The colours.
    #[arg(long, value_enum, default_value_t = RenderTheme::Light, value_name = "THEME")]
    pub theme: RenderTheme,
    /// The language.
    #[arg(long, value_enum, default_value_t = RenderLanguage::En, value_name = "LANGUAGE")]
    pub lang: RenderLanguage,
    /// The seed under which a scenario is run; its own if not given.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The partition of the Logs tab, e.g. orders-0; the first if not given.
    #[arg(long, value_name = "PARTITION")]
    pub partition: Option<String>,
    /// Only this group in the Groups tab.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Only these nodes in the Sequence tab, e.g. broker-1; repeat for more.
    #[arg(long, value_name = "NODE")]
    pub node: Vec<String>,
    /// The event of the Sequence tab whose causes and effects stand out; the one at the moment if not given.
    #[arg(long, value_name = "SEQ")]
    pub event: Option<u64>,
    /// How near to look.
    #[arg(long, value_enum, default_value_t = RenderZoom::Auto, value_name = "ZOOM")]
    pub zoom: RenderZoom,
    /// The width in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 1200, value_parser = clap::value_parser!(u16).range(600..=3000))]
    pub width: u16,
    /// The size of text in hundredths.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(75..=200))]
    pub text_scale: u16,
    /// Pixels of a PNG for each of the picture's.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub scale: u8,
    /// Leave the caption and the legend out.
    #[arg(long)]
    pub bare: bool,
    /// Where an animation ends; the end if not given.
    #[arg(long, value_name = "TIME|SEQ|beat:N|end")]
    pub to: Option<String>,
    /// How far the moment is shown on its way from the event before, in thousandths: what is sent flies, what follows from it
    /// changes last.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub part: u16,
    /// Show the way from step to step in an animation.
    #[arg(long)]
    pub smooth: bool,
    /// The steps of an animation.
    #[arg(long, value_enum, default_value_t = RenderStep::Beat, value_name = "STEP")]
    pub by: RenderStep,
}

/// The pictures.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RenderTab {
    /// Brokers, controllers, clients, and what is between them.
    Cluster,
    /// One partition's logs on a shared axis of offsets.
    Logs,
    /// Messages in the order of events.
    Sequence,
    /// Partitions by members.
    Groups,
    /// The metadata quorum.
    Quorum,
}

/// The colours.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RenderTheme {
    /// On white.
    Light,
    /// On nearly black.
    Dark,
}

/// The languages.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RenderLanguage {
    /// English.
    En,
    /// Korean.
    Ko,
}

/// How near one looks.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RenderZoom {
    /// As near as there is room.
    Auto,
    /// Every record.
    Near,
    /// Batches as bars.
    Middle,
    /// All partitions at once.
    Far,
}

/// The steps of an animation.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RenderStep {
    /// Every event.
    Event,
    /// Every frame that arrives.
    Message,
    /// Every step of the scenario.
    Beat,
    /// Every event that is worth stopping at.
    Interesting,
}

/// `klamm bench`.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Only these workloads: S0, S1, S3, S4, L; or groups, which is measured only when it is named: what it costs to take
    /// one member more into a consumer group, by each protocol.
    #[arg(value_name = "WORKLOAD")]
    pub workloads: Vec<String>,
    /// groups: how many members, the last of whom joins alone.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [10, 100, 1_000], value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub members: Vec<u32>,
    /// groups: how many partitions the group reads.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub partitions: u32,
    /// What to print.
    #[arg(long, value_enum, default_value_t = TextOrJson::Text, value_name = "FORMAT")]
    pub format: TextOrJson,
    /// How long each measurement lasts at least, in wall seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    pub seconds: u64,
    /// Measure one workload in this very process and print raw numbers; this is how bench calls itself.
    #[arg(long, hide = true, value_name = "WORKLOAD")]
    pub alone: Option<String>,
    /// With --alone: check the invariants after each event.
    #[arg(long, hide = true, requires = "alone")]
    pub checked: bool,
}

/// `klamm dump-log`.
#[derive(Args, Debug)]
pub(crate) struct DumpLog {
    /// Segment files, or directories of partitions.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Print the records, not only the batches.
    #[arg(long)]
    pub print_data_log: bool,
    /// Read the records as those of __consumer_offsets; by itself in a directory of that topic.
    #[arg(long)]
    pub offsets_decoder: bool,
    /// Read the records as those of the metadata log; by itself in a directory of it.
    #[arg(long, conflicts_with = "offsets_decoder")]
    pub cluster_metadata_decoder: bool,
}

/// `klamm serve`.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The port for clients; 0 takes a free one and prints it.
    #[arg(long, default_value_t = 9092)]
    pub port: u16,
    /// The address to listen on; 0.0.0.0 for every interface.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub listen: std::net::IpAddr,
    /// Where the data lives.
    #[arg(long, value_name = "DIR", default_value = "klamm-data")]
    pub data: PathBuf,
    /// The host name that clients are told to connect to.
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub advertise: String,
    /// A Kafka broker setting; repeat for more.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
}
