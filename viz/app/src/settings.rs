//! What is remembered from one start to the next: language, palette, text size, recent files, the arrangement of panes.
//!
//! A file of our own in RON with a version. It is replaced in one piece, so that a crash leaves the old one or the new one.
//! What this build can't read is set aside under another name and said; nothing is lost by an older program.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use egui_tiles::Tree;
use klamm_scene::{Language, Palette};
use serde::{Deserialize, Serialize};

use crate::layout::{Pane, is_sound};

/// The version of the file that this build writes and reads.
const VERSION: u16 = 1;

/// How many recent files are kept.
const RECENT: usize = 8;

/// The sizes of text, in hundredths.
pub const SCALES: [u16; 5] = [100, 125, 150, 175, 200];

/// How much moves when a step is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Motion {
    /// Frames fly, what changes moves to where it will be.
    #[default]
    Full,
    /// Nothing moves; what changed has a ring for a second.
    Reduced,
    /// Nothing at all: each step is there at once.
    Off,
}

impl Motion {
    /// Every one, in the order in which they are gone through.
    pub const ALL: [Self; 3] = [Self::Full, Self::Reduced, Self::Off];

    /// Its name in the file.
    const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Reduced => "reduced",
            Self::Off => "off",
        }
    }

    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Full => Self::Reduced,
            Self::Reduced => Self::Off,
            Self::Off => Self::Full,
        }
    }
}

/// What a person has chosen.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The language.
    pub language: Language,
    /// The palette.
    pub palette: Palette,
    /// The size of text in hundredths.
    pub scale: u16,
    /// How much moves.
    pub motion: Motion,
    /// Files that were opened, the newest first.
    pub recent: Vec<PathBuf>,
    /// The arrangement of panes, if it was changed.
    pub layout: Option<Tree<Pane>>,
    /// Whether a scenario's questions are asked.
    pub asks: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            language: Language::English,
            palette: Palette::Light,
            scale: 100,
            motion: Motion::Full,
            recent: Vec::new(),
            layout: None,
            asks: true,
        }
    }
}

/// The file's form.
#[derive(Serialize, Deserialize)]
struct Saved {
    version: u16,
    language: String,
    palette: String,
    scale: u16,
    /// Files of older builds have none.
    #[serde(default)]
    motion: String,
    recent: Vec<PathBuf>,
    layout: Option<Tree<Pane>>,
    /// Not in the files of the first builds.
    asks: Option<bool>,
}

/// Just enough of a file to know whether it is ours to read.
#[derive(Deserialize)]
struct Version {
    version: u16,
}

/// What reading gave.
#[derive(Clone, PartialEq, Debug)]
pub enum Found {
    /// There is no file yet.
    Nothing,
    /// Settings.
    Settings(Box<Settings>),
    /// Something that this build can't read: why.
    Unreadable(String),
}

impl Settings {
    /// A file was opened.
    pub fn remember(&mut self, path: &Path) {
        self.recent.retain(|known| known != path);
        self.recent.insert(0, path.to_owned());
        self.recent.truncate(RECENT);
    }

    /// The next size of text in a direction; false if there is none.
    pub fn resize(&mut self, larger: bool) -> bool {
        let mut sizes = SCALES.into_iter();
        let next = if larger {
            sizes.find(|size| *size > self.scale)
        } else {
            sizes.rfind(|size| *size < self.scale)
        };
        self.scale = next.unwrap_or(self.scale);
        next.is_some()
    }

    /// The file's text.
    ///
    /// # Errors
    ///
    /// When a path can't be written as text.
    pub fn to_text(&self) -> Result<String, ron::Error> {
        let saved = Saved {
            version: VERSION,
            language: self.language.code().to_owned(),
            palette: self.palette.name().to_owned(),
            scale: self.scale,
            motion: self.motion.name().to_owned(),
            recent: self.recent.clone(),
            layout: self.layout.clone(),
            asks: Some(self.asks),
        };
        ron::ser::to_string_pretty(&saved, ron::ser::PrettyConfig::default())
    }

    /// Reads the file's text. A part that makes no sense falls back to what is usual, by itself.
    pub fn of_text(text: &str) -> Found {
        match ron::from_str::<Version>(text) {
            Ok(Version { version }) if version != VERSION => {
                return Found::Unreadable(format!("version {version}, this build has {VERSION}"));
            }
            Err(error) => return Found::Unreadable(error.to_string()),
            Ok(_) => {}
        }
        let saved = match ron::from_str::<Saved>(text) {
            Ok(saved) => saved,
            Err(error) => return Found::Unreadable(error.to_string()),
        };
        let language = Language::ALL.into_iter().find(|it| it.code() == saved.language);
        let palette = Palette::ALL.into_iter().find(|it| it.name() == saved.palette);
        let motion = Motion::ALL.into_iter().find(|it| it.name() == saved.motion);
        let mut recent = saved.recent;
        recent.truncate(RECENT);
        Found::Settings(Box::new(Self {
            language: language.unwrap_or_default(),
            palette: palette.unwrap_or_default(),
            motion: motion.unwrap_or_default(),
            scale: if SCALES.contains(&saved.scale) { saved.scale } else { 100 },
            recent,
            layout: saved.layout.filter(is_sound),
            asks: saved.asks.unwrap_or(true),
        }))
    }
}

/// Where settings are kept, by the rules of the desktop; none if there is no home.
pub fn place() -> Option<PathBuf> {
    let config =
        env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    Some(config.or_else(home)?.join("klamm").join("window.ron"))
}

/// Reads the settings. What can't be read is moved aside first, so that the next save does not destroy it.
pub fn read(path: &Path) -> Found {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Unreadable(error.to_string()),
    };
    let found = match String::from_utf8(bytes) {
        Ok(text) => Settings::of_text(&text),
        Err(error) => Found::Unreadable(error.to_string()),
    };
    if let Found::Unreadable(why) = found {
        let aside = path.with_extension("ron.old");
        return Found::Unreadable(match fs::rename(path, &aside) {
            Ok(()) => format!("{why}; kept as {}", aside.display()),
            Err(error) => format!("{why}; and could not be kept aside: {error}"),
        });
    }
    found
}

/// Replaces the settings in one piece.
///
/// # Errors
///
/// When the folder or the file can't be written.
pub fn write(path: &Path, settings: &Settings) -> io::Result<()> {
    let text = settings.to_text().map_err(io::Error::other)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("ron.new");
    let mut file = fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Preset;

    #[test]
    fn settings_come_back_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("klamm/window.ron");
        assert_eq!(read(&path), Found::Nothing);
        let mut settings = Settings {
            language: Language::Korean,
            palette: Palette::Dark,
            scale: 150,
            motion: Motion::Reduced,
            recent: Vec::new(),
            layout: Some(Preset::Debug.tree()),
            asks: false,
        };
        (0..20).for_each(|n| settings.remember(Path::new(&format!("{}.ron", n % 10))));
        assert_eq!(settings.recent.len(), RECENT);
        assert_eq!(settings.recent[0], Path::new("9.ron"));
        write(&path, &settings).expect("written");
        assert_eq!(read(&path), Found::Settings(Box::new(settings)));
        let left: Vec<_> = fs::read_dir(path.parent().expect("a folder")).expect("read").collect();
        assert_eq!(left.len(), 1, "no half-written file stays");
    }

    #[test]
    fn what_a_newer_build_wrote_is_kept_aside_and_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("window.ron");
        for text in ["(version: 99, colours: [1])", "(version: 1)", "no settings", "\u{0}"] {
            fs::write(&path, text).expect("written");
            assert!(matches!(read(&path), Found::Unreadable(_)), "{text}");
            assert_eq!(fs::read_to_string(path.with_extension("ron.old")).expect("kept"), text);
            assert_eq!(read(&path), Found::Nothing);
        }
    }

    #[test]
    fn a_part_that_makes_no_sense_falls_back_by_itself() {
        let text =
            "(version: 1, language: \"xx\", palette: \"dark\", scale: 7, recent: [], layout: None)";
        let Found::Settings(settings) = Settings::of_text(text) else { panic!("readable") };
        assert_eq!((settings.language, settings.palette), (Language::English, Palette::Dark));
        assert_eq!((settings.scale, settings.asks), (100, true));
    }

    #[test]
    fn text_grows_and_shrinks_within_bounds() {
        let mut settings = Settings::default();
        assert!(!settings.resize(false));
        while settings.resize(true) {}
        assert_eq!(settings.scale, 200);
        assert!(settings.resize(false) && settings.scale == 175);
    }
}
