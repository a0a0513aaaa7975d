//! What is shown while something is being opened, and when it can't be: mistakes at their lines.

use eframe::egui;
use egui::{FontId, ProgressBar, RichText, ScrollArea, TextFormat, Ui, text::LayoutJob};
use klamm_scenario::Diagnostic;
use klamm_scene::Hue;

use super::hand::{Hand, color};
use crate::action::Action;
use crate::load::Problem;
use crate::window::Window;
use crate::words::Word;

/// Draws how far opening is.
pub(super) fn opening(window: &Window, taken: usize, of: usize, ui: &mut Ui, hand: &mut Hand) {
    let name = window.opening().map_or_else(String::new, |source| source.name());
    ui.add_space(40.0);
    ui.vertical_centered(|ui| {
        ui.label(RichText::new(hand.say(Word::Opening, &[&name])).heading());
        let done = hand.say(Word::OpeningAt, &[&taken, &of]);
        ui.add(ProgressBar::new(share(taken, of)).desired_width(400.0).text(done));
        if ui.button(hand.word(Word::Cancel)).clicked() {
            hand.todo.push(Action::Clear);
        }
    });
}

#[expect(clippy::cast_precision_loss, reason = "a share of a bar some hundred pixels long")]
fn share(taken: usize, of: usize) -> f32 {
    taken as f32 / of.max(1) as f32
}

/// Draws why something can't be opened.
pub(super) fn show(window: &Window, problem: &Problem, ui: &mut Ui, hand: &mut Hand) {
    let name = window.opening().map_or_else(String::new, |source| source.name());
    let danger = hand.colour(Hue::Danger);
    ui.label(RichText::new(hand.say(Word::CanNotOpen, &[&name])).heading().color(danger));
    ui.horizontal(|ui| {
        if let Some(source) = window.opening()
            && ui.button(hand.word(Word::TryAgain)).clicked()
        {
            hand.open = Some(source.clone());
        }
        if ui.button(hand.word(Word::Library)).clicked() {
            hand.todo.push(Action::Library);
        }
    });
    ui.separator();
    match problem {
        Problem::Plain(sentence) => {
            ui.label(sentence);
        }
        Problem::Mistakes { text, found } => {
            ui.label(RichText::new(hand.say(Word::MistakesFound, &[&found.len()])).strong());
            ScrollArea::both().auto_shrink(false).show(ui, |ui| {
                for mistake in found {
                    said(mistake, ui, hand);
                }
                ui.separator();
                listing(text, found, ui, hand);
            });
        }
    }
}

/// A mistake in words: the place, what is wrong, what would be right.
fn said(mistake: &Diagnostic, ui: &mut Ui, hand: &Hand) {
    let place = hand.say(Word::AtLine, &[&mistake.line, &mistake.column]);
    ui.label(
        RichText::new(format!("{place}: {}", mistake.message)).color(hand.colour(Hue::Danger)),
    );
    for more in mistake.help.iter().chain(&mistake.notes) {
        ui.label(format!("  {more}"));
    }
}

/// The text with its line numbers; lines with a mistake stand out.
fn listing(text: &str, found: &[Diagnostic], ui: &mut Ui, hand: &Hand) {
    let size = 13.0 * f32::from(hand.style.scale) / 100.0;
    for (number, line) in (1_u32..).zip(text.lines()) {
        let wrong: Vec<&Diagnostic> =
            found.iter().filter(|mistake| mistake.line == number).collect();
        let mut job = LayoutJob::default();
        let format = |colour| TextFormat::simple(FontId::monospace(size), colour);
        job.append(&format!("{number:>4}  "), 0.0, format(color(hand.theme.quiet)));
        let mut ink = format(color(hand.theme.ink));
        if !wrong.is_empty() {
            ink.background = color(hand.theme.tint(Hue::Danger, 25));
        }
        job.append(line, 0.0, ink);
        job.wrap.max_width = f32::INFINITY;
        ui.label(job);
        for mistake in wrong {
            let label =
                RichText::new(format!("      ^ {}", mistake.label)).color(hand.colour(Hue::Danger));
            ui.label(label);
        }
    }
}
