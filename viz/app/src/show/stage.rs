//! The stage: a picture's tabs, the picture, and below it what just happened.

use eframe::egui;
use egui::{ScrollArea, Ui};
use klamm_scene::geometry::px;
use klamm_scene::{Style, Tab};

use super::hand::{Hand, tenths};
use super::paint;
use crate::action::Action;
use crate::lab::Lab;

/// A picture is never narrower than this: a narrower pane is scrolled.
const NARROWEST: i32 = px(640);

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
    let width = tenths(ui.available_width() - ui.spacing().scroll.bar_width - 4.0);
    let style = Style { width: width.max(NARROWEST), ..hand.style };
    let scene = lab.scene(style);
    let clicked = ScrollArea::both()
        .id_salt("stage")
        .auto_shrink(false)
        .show(ui, |ui| paint::scene(ui, &scene, lab.marked()).cloned())
        .inner;
    if let Some(object) = clicked {
        lab.pick(&object);
        ui.ctx().request_repaint();
    }
}
