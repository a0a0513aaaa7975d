//! What is shown while something is being opened, and when it can't be: why, and the editor at the mistakes.

use eframe::egui;
use egui::{ProgressBar, RichText, Ui};
use klamm_scene::Hue;

use super::editor;
use super::hand::Hand;
use crate::action::Action;
use crate::load::Problem;
use crate::window::{Screen, Window};
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

/// Draws why something can't be opened; a scenario with mistakes is shown in the editor.
pub(super) fn show(window: &mut Window, ui: &mut Ui, hand: &mut Hand) {
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
    if let Screen::Broken(Problem::Plain(sentence)) = &window.screen {
        ui.label(sentence);
    } else if window.editor().is_some() {
        editor::show(window, ui, hand);
    } else {
        hand.button(ui, Action::Editor);
    }
}
