//! What somebody typed into a field on top: a file's name, a place, a condition. The field stays open while it means nothing.

use std::path::Path;

use super::{Notice, Overlay, Screen, Window};
use crate::breakpoint::Breakpoint;
use crate::lab::place;
use crate::words::Word;

impl Window {
    /// Saves the scenario under a name that was typed; the overlay stays open if that fails.
    pub(crate) fn save_as(&mut self, name: &str) {
        let Screen::Lab(lab) = &mut self.screen else { return };
        match self.branches.save(lab, Path::new(name)) {
            Ok(path) => {
                self.settings.remember(&path);
                self.notice = Some(Notice::Said(Word::Saved, path.display().to_string()));
                self.overlay = None;
            }
            Err(error) => {
                self.overlay = Some(Overlay::Save(name.to_owned(), Some(error.to_string())))
            }
        }
    }

    /// Goes to a place that was typed; the overlay stays open while there is none.
    pub(crate) fn go_to(&mut self, text: &str) {
        let Some(lab) = self.lab_mut() else { return };
        match place(lab.trace(), text) {
            Ok(seq) => {
                lab.go(seq);
                self.overlay = None;
            }
            Err(_) if lab.pick_named(text.trim()) => self.overlay = None,
            Err(word) => self.overlay = Some(Overlay::GoTo(text.to_owned(), Some(word))),
        }
    }

    /// Sets a breakpoint that was typed; the overlay stays open while it means nothing.
    pub(crate) fn break_at(&mut self, text: &str) {
        let Some(lab) = self.lab_mut() else { return };
        match Breakpoint::parse(text, lab.trace()) {
            Ok(breakpoint) => {
                lab.toggle_breakpoint(breakpoint);
                self.overlay = None;
            }
            Err(mistake) => self.overlay = Some(Overlay::Break(text.to_owned(), Some(mistake))),
        }
    }
}
