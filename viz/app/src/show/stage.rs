//! The stage: a picture's tabs, the picture, and below it what just happened.

use eframe::egui;
use egui::{ScrollArea, Ui};
use klamm_scene::{Style, Tab};

use super::hand::{Hand, tenths};
use super::paint;
use crate::action::Action;
use crate::lab::Lab;

/// The width for which pictures are made, in points. In a narrower pane they are drawn smaller, down to the least size, and from
/// there on scrolled.
const NATURAL: f32 = 1100.0;
const LEAST: f32 = 0.72;

/// Draws the pane.
pub(super) fn show(lab: &mut Lab, ui: &mut Ui, hand: &mut Hand) {
    ui.horizontal_wrapped(|ui| {
        for tab in Tab::ALL {
            let title = hand.language.word(tab.title());
            hand.short(ui, Action::Show(tab), title, lab.tab == tab);
        }
        ui.separator();
        hand.short(ui, Action::Farther, "-", false);
        hand.short(ui, Action::Nearer, "+", false);
    });
    let room = (ui.available_width() - ui.spacing().scroll.bar_width - 4.0).max(1.0);
    let natural = NATURAL * f32::from(hand.style.scale) / 100.0;
    let factor = (room / natural).clamp(LEAST, 1.0);
    let width = tenths((room / factor).max(natural));
    let now = ui.input(|input| input.time);
    let (scene, next) = lab.shown(Style { width, ..hand.style }, hand.motion, now);
    match next {
        Some(rest) if rest > 0.0 => {
            ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(rest));
        }
        Some(_) => ui.ctx().request_repaint(),
        None => {}
    }
    let clicked = ScrollArea::both()
        .id_salt(("stage", lab.tab.name()))
        .auto_shrink(false)
        // The newest message is the lowest.
        .stick_to_bottom(lab.tab == Tab::Sequence)
        .show(ui, |ui| paint::scene(ui, &scene, factor, lab.marked()).cloned())
        .inner;
    if let Some(object) = clicked {
        lab.pick(&object);
        ui.ctx().request_repaint();
    }
}
