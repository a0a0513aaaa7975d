//! The editor's model: a scenario's text, what is wrong with it, and the file that it is kept in.
//!
//! *Flows in*: a text and where it is from, what is typed. *Flows out*: diagnostics, the same as `klamm check` gives; a file,
//! replaced in one piece. *Must never*: replace a file that it did not read, or forget what was typed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use klamm_scenario::Diagnostic;

use crate::library;
use crate::load::Source;

/// A text that is being edited.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Editor {
    /// The text.
    pub text: String,
    /// Whether it is shown; what is not shown is kept all the same.
    pub shown: bool,
    /// A byte of the text to go to.
    pub jump: Option<usize>,
    name: String,
    path: Option<PathBuf>,
    kept: String,
    checked: Option<(String, Vec<Diagnostic>)>,
}

/// Why a text was not saved.
#[derive(Debug)]
pub enum NotSaved {
    /// It needs a name of its own: it is in no file, or in one that came with the program.
    NeedsName,
    /// Somebody else has changed the file since it was read.
    Changed,
    /// Anything else.
    Failed(io::Error),
}

impl Editor {
    /// Begins to edit a text.
    pub fn new(source: &Source, text: &str) -> Self {
        let path = match source {
            // Only a file that has this very text is its file: a trace has another.
            Source::File(path) if fs::read(path).is_ok_and(|it| it == text.as_bytes()) => {
                Some(path.clone())
            }
            Source::File(_) | Source::Text { .. } => None,
        };
        Self {
            text: text.to_owned(),
            shown: true,
            jump: None,
            name: source.name(),
            path,
            kept: text.to_owned(),
            checked: None,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is from now.
    pub fn source(&self) -> Source {
        match &self.path {
            Some(path) if self.text == self.kept => Source::File(path.clone()),
            Some(_) | None => Source::Text { name: self.name.clone(), text: self.text.clone() },
        }
    }

    /// Whether something was typed that is in no file.
    pub fn is_changed(&self) -> bool {
        self.text != self.kept
    }

    /// What is wrong with the text, in its order.
    pub fn mistakes(&mut self) -> &[Diagnostic] {
        if self.checked.as_ref().is_none_or(|(text, _)| *text != self.text) {
            let found = klamm_scenario::parse(&self.name, &self.text).err().unwrap_or_default();
            self.checked = Some((self.text.clone(), found));
        }
        self.checked.as_ref().map_or(&[], |(_, found)| found.as_slice())
    }

    /// Whether its file came with the program.
    fn is_shipped(path: &Path) -> bool {
        let name = |path: Option<&Path>| {
            path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned())
        };
        let chapter = path.parent();
        let in_scenarios = name(chapter.and_then(Path::parent)).as_deref() == Some("scenarios");
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let known = name(chapter).zip(stem).map(|(chapter, stem)| format!("{chapter}/{stem}"));
        in_scenarios && known.is_some_and(|name| library::named(&name).is_some())
    }

    /// Saves the text into its file, in one piece.
    ///
    /// # Errors
    ///
    /// Why it was not saved; the file is then as it was.
    pub fn save(&mut self) -> Result<PathBuf, NotSaved> {
        let path = self.path.clone().filter(|path| !Self::is_shipped(path));
        let path = path.ok_or(NotSaved::NeedsName)?;
        match fs::read(&path) {
            Ok(there) if there != self.kept.as_bytes() => return Err(NotSaved::Changed),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(NotSaved::Failed(error));
            }
            Ok(_) | Err(_) => {}
        }
        replace(&path, &self.text).map_err(NotSaved::Failed)?;
        self.kept.clone_from(&self.text);
        Ok(path)
    }

    /// Saves the text as a new file; one that is there is not replaced.
    ///
    /// # Errors
    ///
    /// When the file is there already, or can't be written.
    pub fn save_as(&mut self, path: &Path) -> io::Result<PathBuf> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(self.text.as_bytes())?;
        file.sync_all()?;
        let path = path.canonicalize()?;
        self.name = path.display().to_string();
        self.path = Some(path.clone());
        self.kept.clone_from(&self.text);
        self.checked = None;
        Ok(path)
    }

    /// A name for a new file.
    pub fn file_name(&self) -> String {
        let last = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let plain = last.replace(" + ", "-").replace(".ron", "");
        let taken = |name: &String| Path::new(name).exists();
        let first = format!("{plain}.ron");
        if !taken(&first) {
            return first;
        }
        (2..100).map(|n| format!("{plain}-{n}.ron")).find(|it| !taken(it)).unwrap_or(first)
    }
}

/// Replaces a file: after a crash there is the old one or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut file = fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "(version: 1, title: \"t\", question: \"q\", duration: \"1s\")";

    #[test]
    fn a_text_is_saved_in_one_piece_and_nobody_elses_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mine.ron");
        fs::write(&path, GOOD).expect("written");
        let mut editor = Editor::new(&Source::File(path.clone()), GOOD);
        assert!(!editor.is_changed() && editor.mistakes().is_empty());
        editor.text.push_str(" // more");
        assert!(editor.is_changed());
        assert_eq!(editor.save().expect("saved"), path);
        assert_eq!(fs::read_to_string(&path).expect("there"), editor.text);
        assert!(!editor.is_changed() && editor.source() == Source::File(path.clone()));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "no half file stays");
        // Somebody else writes it meanwhile: that is not overwritten.
        fs::write(&path, "theirs").expect("written");
        editor.text.push_str(" // and more");
        assert!(matches!(editor.save(), Err(NotSaved::Changed)));
        assert_eq!(fs::read_to_string(&path).expect("there"), "theirs");
        assert!(editor.save_as(&path).is_err(), "one that is there is not replaced");
        let other = folder.path().join("other.ron");
        editor.save_as(&other).expect("saved");
        assert_eq!(fs::read_to_string(&other).expect("there"), editor.text);
    }

    #[test]
    fn what_came_with_the_program_is_saved_under_another_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let shipped = folder.path().join("scenarios/lessons/leader-crash.ron");
        let own = folder.path().join("scenarios/lessons/my-own.ron");
        fs::create_dir_all(own.parent().expect("a folder")).expect("made");
        for (path, needs_name) in [(&shipped, true), (&own, false)] {
            fs::write(path, GOOD).expect("written");
            let mut editor = Editor::new(&Source::File(path.clone()), GOOD);
            editor.text.push(' ');
            assert_eq!(matches!(editor.save(), Err(NotSaved::NeedsName)), needs_name);
            assert_eq!(fs::read_to_string(path).expect("there") == GOOD, needs_name);
        }
        let card = Source::Text { name: "lessons/leader-crash".to_owned(), text: GOOD.to_owned() };
        let mut editor = Editor::new(&card, GOOD);
        assert!(matches!(editor.save(), Err(NotSaved::NeedsName)));
        assert_eq!(editor.file_name(), "leader-crash.ron");
    }

    #[test]
    fn mistakes_follow_what_is_typed() {
        let source = Source::Text { name: "mine.ron".to_owned(), text: GOOD.to_owned() };
        let mut editor = Editor::new(&source, GOOD);
        editor.text = GOOD.replace("1s", "soon");
        let said = klamm_scenario::parse("mine.ron", &editor.text).expect_err("a mistake");
        assert_eq!(editor.mistakes(), said, "the same as the command's");
        editor.text = GOOD.to_owned();
        assert!(editor.mistakes().is_empty());
    }
}
