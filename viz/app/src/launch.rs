//! From the command line to the window, and back with an exit status.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, io};

use clap::{Parser, ValueEnum};
use eframe::egui;
use klamm_scene::{Language, Palette, Tab};

use crate::code::Code;
use crate::library;
use crate::load::Source;
use crate::nowhere;
use crate::settings;
use crate::sharing::resolve;
use crate::window::{Start, Window};

/// Wrong usage, wrong input, or nowhere to draw.
const REFUSED: u8 = 2;

/// Watch a run, step back and forth, and ask why.
#[derive(Clone, Debug, Parser)]
#[command(name = "klamm-viz", version)]
pub struct Args {
    /// What to open: a scenario file, a trace file, or a scenario of the library by its name (lessons/leader-crash).
    #[arg(value_name = "SCENARIO|TRACE")]
    pub input: Option<PathBuf>,
    /// The seed of the run, instead of the scenario's own.
    #[arg(long, requires = "input")]
    pub seed: Option<u64>,
    /// Where to stand: an event's number, a time (12.5s), a step of the scenario (beat:3), or end.
    #[arg(long, value_name = "PLACE", requires = "input", value_parser = written)]
    pub at: Option<String>,
    /// The picture.
    #[arg(long, value_enum, requires = "input")]
    pub tab: Option<TabName>,
    /// A replay code: the view that somebody copied with Ctrl+L.
    #[arg(long, conflicts_with_all = ["input", "seed", "at", "tab"])]
    pub code: Option<String>,
    /// The language.
    #[arg(long, value_enum)]
    pub lang: Option<LanguageName>,
    /// The palette.
    #[arg(long, value_enum)]
    pub theme: Option<ThemeName>,
}

/// A picture's name.
#[expect(missing_docs, reason = "the names are those of the tabs")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TabName {
    Cluster,
    Logs,
    Sequence,
    Groups,
    Quorum,
}

/// A language's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LanguageName {
    /// English.
    En,
    /// Korean.
    Ko,
}

/// A palette's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ThemeName {
    /// On white.
    Light,
    /// On nearly black.
    Dark,
}

/// A place as it is written. Whether the run has it is known once it is there.
fn written(text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    let beat = trimmed.strip_prefix("beat:").is_some_and(|beat| beat.parse::<usize>().is_ok());
    let known = trimmed == "end" || beat || trimmed.parse::<u64>().is_ok();
    if known || klamm_scenario::duration(trimmed).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("write an event's number, a time (12.5s), beat:3, or end".to_owned())
    }
}

impl Args {
    /// What to begin with.
    ///
    /// # Errors
    ///
    /// When what is to be opened does not exist, or the code is none: the window would only come up to say so.
    pub fn start(&self) -> Result<Start, String> {
        let source = match &self.input {
            None => None,
            Some(path) if path.is_file() => Some(Source::File(path.clone())),
            Some(path) if path.is_dir() => {
                return Err(format!(
                    "{}: this is a folder, not a scenario or a trace",
                    path.display()
                ));
            }
            Some(path) => {
                let name = path.to_string_lossy();
                let card = library::named(name.trim_end_matches(".ron")).ok_or_else(|| {
                    format!("{name}: there is no such file, and no such scenario in the library")
                })?;
                Some(Source::Text { name: card.name.clone(), text: card.text.to_owned() })
            }
        };
        let tab = self.tab.map(|tab| match tab {
            TabName::Cluster => Tab::Cluster,
            TabName::Logs => Tab::Logs,
            TabName::Sequence => Tab::Sequence,
            TabName::Groups => Tab::Groups,
            TabName::Quorum => Tab::Quorum,
        });
        let code = self.code.as_deref().map(|text| {
            let code = Code::parse(text.trim()).map_err(|error| error.to_string())?;
            // What it needs is looked for here, where there is somebody to tell.
            resolve(&code).map_err(|notice| notice.say(Language::English))?;
            Ok::<_, String>(Box::new(code))
        });
        Ok(Start { source, seed: self.seed, at: self.at.clone(), tab, code: code.transpose()? })
    }

    /// The window for it.
    ///
    /// # Errors
    ///
    /// When what is to be opened does not exist.
    pub fn window(&self, kept: Option<PathBuf>) -> Result<Window, String> {
        let mut window = Window::new(self.start()?, kept);
        match self.lang {
            Some(LanguageName::En) => window.settings.language = Language::English,
            Some(LanguageName::Ko) => window.settings.language = Language::Korean,
            None => {}
        }
        match self.theme {
            Some(ThemeName::Light) => window.settings.palette = Palette::Light,
            Some(ThemeName::Dark) => window.settings.palette = Palette::Dark,
            None => {}
        }
        Ok(window)
    }
}

/// Runs the program.
pub fn run() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are answers, everything else is wrong usage. Where nobody listens nobody is left to tell.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { REFUSED } else { 0 });
        }
    };
    match args.window(settings::place()).and_then(show) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            drop(writeln!(io::stderr(), "error: {message}"));
            ExitCode::from(REFUSED)
        }
    }
}

fn show(window: Window) -> Result<(), String> {
    if let Some(message) = nowhere::no_display(|name| env::var_os(name)) {
        return Err(message);
    }
    let viewport = egui::ViewportBuilder::default()
        .with_title("Klamm")
        .with_app_id("klamm")
        .with_inner_size([1440.0, 900.0])
        .with_min_inner_size([800.0, 560.0]);
    let mut options = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    #[cfg(all(unix, not(target_os = "macos")))]
    if nowhere::takes_x11(|name| env::var_os(name)) {
        use winit::platform::x11::EventLoopBuilderExtX11 as _;
        options.event_loop_builder = Some(Box::new(|builder| {
            builder.with_x11();
        }));
    }
    let creator = move |made: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        made.egui_ctx.set_fonts(crate::show::fonts());
        Ok(Box::new(window))
    };
    eframe::run_native("Klamm", options, Box::new(creator))
        .map_err(|error| nowhere::told(&error, |name| env::var_os(name)))
}
