//! Editing from the window: opening the editor, running and saving what is written, and asking before it would be lost.

use std::path::Path;

use eframe::egui;

use crate::editor::{Editor, NotSaved};
use crate::load::{Problem, Source, Wake};
use crate::window::{Notice, Overlay, Screen, Window};
use crate::words::Word;

/// What waits for an answer about text that is not saved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Waiting {
    /// To open something else.
    Open(Source),
    /// To close the window.
    Close,
}

/// What is done with text that is not saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// It is saved first.
    Save,
    /// It is given up.
    GiveUp,
}

impl Window {
    /// The editor, while it is shown.
    pub fn editor(&self) -> Option<&Editor> {
        self.editor.as_ref().filter(|editor| editor.shown)
    }

    /// Shows or hides the editor. What was typed and not saved is there again.
    pub(crate) fn toggle_editor(&mut self) -> bool {
        if let Some(editor) = &mut self.editor
            && (editor.shown || editor.is_changed())
        {
            editor.shown = !editor.shown;
            return true;
        }
        let Screen::Lab(lab) = &self.screen else { return false };
        self.editor = Some(Editor::new(lab.source(), &lab.trace().header().scenario));
        true
    }

    /// A scenario with mistakes is shown in the editor, unless something else is being written there.
    pub(crate) fn edit_broken(&mut self, problem: &Problem) {
        let (Problem::Mistakes { text, .. }, Some(source)) = (problem, self.opening()) else {
            return;
        };
        if !self.editor.as_ref().is_some_and(Editor::is_changed) {
            self.editor = Some(Editor::new(source, text));
        } else if let Some(editor) = &mut self.editor {
            editor.shown = true;
        }
    }

    /// Runs what is written: a branch of what is shown. With mistakes it goes to the first.
    pub(crate) fn run_edited(&mut self, wake: Wake) -> bool {
        let Some(editor) = self.editor.as_mut().filter(|editor| editor.shown) else {
            return false;
        };
        if let Some(first) = editor.mistakes().first() {
            let (at, said) = (first.span.start, first.to_string());
            editor.jump = Some(at);
            self.notice = Some(Notice::Said(Word::MistakesFirst, said));
            return false;
        }
        let (source, text) = (editor.source(), editor.text.clone());
        match &self.screen {
            Screen::Lab(lab) => {
                if *text != *lab.trace().header().scenario {
                    self.branches.grow_edited(lab, text);
                }
                // What is shown already is run again: a person asked for it.
                let shown = self.branches.shown();
                if self.branches.all().is_empty() {
                    self.run(source, wake);
                } else {
                    self.show_branch(shown, wake);
                }
            }
            Screen::Library | Screen::Opening(..) | Screen::Broken(_) => self.run(source, wake),
        }
        true
    }

    /// Saves what is written; asks for a name where there is none, or where another file would be overwritten.
    pub(crate) fn save_text(&mut self) -> bool {
        let Some(editor) = &mut self.editor else { return false };
        let (name, why) = match editor.save() {
            Ok(path) => {
                self.settings.remember(&path);
                self.notice = Some(Notice::Said(Word::Saved, path.display().to_string()));
                return true;
            }
            Err(NotSaved::NeedsName) => (editor.file_name(), None),
            Err(NotSaved::Changed) => (editor.file_name(), Some(Notice::Word(Word::FileChanged))),
            Err(NotSaved::Failed(error)) => {
                (editor.file_name(), Some(Notice::Said(Word::NotSaved, error.to_string())))
            }
        };
        self.put(Overlay::SaveText(name, why))
    }

    /// Saves what is written under a name that was typed; the overlay stays open if that fails. What waited for it goes on.
    pub(crate) fn save_text_as(&mut self, name: &str, ctx: &egui::Context) {
        let Some(editor) = &mut self.editor else { return };
        match editor.save_as(Path::new(name)) {
            Ok(path) => {
                self.settings.remember(&path);
                self.notice = Some(Notice::Said(Word::Saved, path.display().to_string()));
                self.overlay = None;
                self.go_on(ctx);
            }
            Err(error) => {
                let why = Notice::Said(Word::NotSaved, error.to_string());
                self.overlay = Some(Overlay::SaveText(name.to_owned(), Some(why)));
            }
        }
    }

    /// Whether something that is not saved would be lost now; then it is asked about first.
    pub(crate) fn asks_first(&mut self, waiting: Waiting) -> bool {
        let asks = self.editor.as_ref().is_some_and(Editor::is_changed);
        if asks {
            self.waiting = Some(waiting);
            self.overlay = Some(Overlay::Unsaved);
        } else {
            self.editor = None;
        }
        asks
    }

    /// What is done with text that is not saved, and then what waited for it.
    pub(crate) fn answer(&mut self, answer: Answer, ctx: &egui::Context) {
        self.overlay = None;
        match answer {
            Answer::Save if !self.save_text() || self.overlay.is_some() => {}
            Answer::Save => self.go_on(ctx),
            Answer::GiveUp => {
                self.editor = None;
                self.go_on(ctx);
            }
        }
    }

    fn go_on(&mut self, ctx: &egui::Context) {
        match self.waiting.take() {
            Some(Waiting::Open(source)) => {
                self.editor = None;
                self.open(source, crate::window::wake(ctx));
            }
            Some(Waiting::Close) => {
                self.editor = None;
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
            }
            None => {}
        }
    }

    /// A window that is being closed asks first.
    pub(crate) fn closing(&mut self, ctx: &egui::Context) {
        let wanted = ctx.input(|input| input.viewport().close_requested());
        if wanted && self.asks_first(Waiting::Close) {
            ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
        }
    }
}
