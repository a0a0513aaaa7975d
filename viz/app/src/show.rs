//! Drawing the window: panels around panes, each by its own file. Whatever a person does comes back as an [`Action`] or a click.
//!
//! Nothing here keeps time or repaints by itself: a frame is drawn when there is input, when the worker has news, and, while it
//! plays, when the next step is due.

use std::path::PathBuf;
use std::time::Duration;

use eframe::egui;
use egui::{CentralPanel, Context, Event, Panel, Ui};

use crate::action::Action;
use crate::load::Source;
use crate::window::{Screen, Window, wake};

mod broken;
mod choosing;
mod compare;
mod dress;
mod editor;
mod fit;
mod guide;
mod hand;
mod hands;
mod held;
mod inspector;
mod invariants;
mod library;
pub(crate) mod long;
mod overlay;
mod paint;
mod panes;
mod presenter;
mod question;
mod stage;
mod status;
mod timeline;
mod toolbar;
mod verdict;

pub use dress::fonts;
use hand::Hand;

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }
}

impl Window {
    /// Draws a frame, and does what its input asks for.
    pub fn show(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.now = ctx.input(|input| input.time);
        self.begin(wake(&ctx));
        self.closing(&ctx);
        let busy = self.hear() | self.keep_step();
        self.keys(&ctx);
        self.dropped(&ctx);
        self.tick();
        self.keep_step();
        self.dress(&ctx);
        let mut hand = Hand::new(self);
        self.screen_ui(ui, &mut hand);
        overlay::show(self, &ctx, &mut hand);
        let branch = hand.branch.take();
        let opened = hand.open.take();
        let doing = hand.doing.take();
        let code = hand.code.take();
        let compare = hand.compare.take();
        let answer = hand.answer.take();
        let aside = hand.aside.take();
        let go = hand.go.take();
        let todo = std::mem::take(&mut hand.todo);
        let acted = !todo.is_empty()
            || opened.is_some()
            || branch.is_some()
            || doing.is_some()
            || code.is_some()
            || compare.is_some()
            || answer.is_some()
            || aside.is_some()
            || go.is_some();
        for action in todo {
            self.act(action, &ctx);
        }
        if let (Some(seq), Some(lab)) = (go, self.lab_mut()) {
            lab.selection.event = None;
            lab.go(seq);
        }
        if let Some(source) = opened {
            self.open(source, wake(&ctx));
        }
        if let Some(answer) = answer {
            self.answer(answer, &ctx);
        }
        if let Some(with) = compare {
            self.compare_with(with, wake(&ctx));
        }
        if let Some(code) = code {
            self.open_code(&code, wake(&ctx));
        }
        if let Some(doing) = doing {
            self.notice = None;
            self.carry_out(doing, wake(&ctx));
        }
        if let Some(aside) = aside {
            self.take_up(aside, wake(&ctx));
        }
        if let Some(branch) = branch {
            self.show_branch(branch, wake(&ctx));
        }
        let attends = self.attend();
        if !ctx.input(|input| input.pointer.any_down()) {
            self.save();
        }
        if busy || acted || attends {
            ctx.request_repaint();
        } else if let Some(rest) = self.lab().and_then(|lab| lab.playback.rest(self.now)) {
            ctx.request_repaint_after(Duration::from_secs_f64(rest));
        }
    }

    fn screen_ui(&mut self, ui: &mut Ui, hand: &mut Hand) {
        if self.presenter && self.lab().is_some() {
            presenter::show(self, ui, hand);
            return;
        }
        Panel::top("toolbar").show(ui, |ui| toolbar::show(self, ui, hand));
        Panel::bottom("status").show(ui, |ui| status::show(self, ui, hand));
        if self.editor().is_some() && matches!(self.screen, Screen::Lab(_)) {
            let panel = Panel::left("editor").resizable(true).default_size(520.0);
            panel.show(ui, |ui| editor::show(self, ui, hand));
        }
        CentralPanel::default().show(ui, |ui| match &self.screen {
            Screen::Library => library::show(self, ui, hand),
            Screen::Opening(taken, of) => {
                let (taken, of) = (*taken, *of);
                broken::opening(self, taken, of, ui, hand);
            }
            Screen::Broken(_) => broken::show(self, ui, hand),
            Screen::Lab(_) if self.compare.is_some() => compare::show(self, ui, hand),
            Screen::Lab(_) => panes::show(self, ui, hand),
        });
    }

    /// Keys act on the program whatever has the focus, unless text is being edited; Esc always does.
    fn keys(&mut self, ctx: &Context) {
        // An open menu has the keys to itself.
        if egui::Popup::is_any_open(ctx) {
            return;
        }
        let editing = ctx.text_edit_focused();
        let mut todo = Vec::new();
        ctx.input_mut(|input| {
            input.events.retain(|event| {
                let action = Action::of_event(event);
                let ours = action.filter(|action| {
                    !editing || *action == Action::Clear || action.works_while_editing()
                });
                todo.extend(ours);
                // What a button in focus would take for a click goes as well: Space plays, whatever has the focus.
                ours.is_none()
            });
        });
        if !todo.is_empty() {
            // The arrows would move the focus besides.
            ctx.memory_mut(|memory| memory.move_focus(egui::FocusDirection::None));
        }
        for action in todo {
            let blocked = self.overlay.is_some() && action != Action::Clear;
            if editing && self.overlay.is_none() && action == Action::Clear {
                // Out of the text: what is picked stays.
                ctx.memory_mut(|memory| memory.focused().map(|id| memory.surrender_focus(id)));
            } else if !blocked {
                self.act(action, ctx);
            }
        }
        // A letter that opened a field must not be its first letter.
        if self.overlay.is_some() && !editing {
            ctx.input_mut(|input| input.events.retain(|event| !matches!(event, Event::Text(_))));
        }
    }

    /// A file that was dropped on the window is opened.
    fn dropped(&mut self, ctx: &Context) {
        let paths = ctx.input(|input| {
            input
                .raw
                .dropped_files
                .iter()
                .map(|file| file.path().to_owned())
                .collect::<Vec<PathBuf>>()
        });
        if let Some(path) = paths.into_iter().next() {
            self.open(Source::File(path), wake(ctx));
        }
    }
}
