//! The stage: a picture's tabs, the picture, and below it what just happened.

use eframe::egui;
use egui::{ScrollArea, Ui};
use klamm_scene::{Style, Tab};

use super::hand::{Hand, points, tenths};
use super::{fit, paint};
use crate::action::Action;
use crate::lab::Lab;

/// Draws the pane. Before a class it fills the screen: the picture as large as it fits, instead of as much as fits.
pub(super) fn show(lab: &mut Lab, ui: &mut Ui, hand: &mut Hand, fills: bool) {
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
    let brokers = lab.trace().nodes().iter().filter(|(_, info)| info.kind.is_broker()).count();
    let (mut width, mut factor) = fit::width(room, lab.tab, brokers, hand.style.scale);
    if fills {
        width = fit::filling(lab.tab, brokers, hand.style.scale);
    }
    let now = ui.input(|input| input.time);
    let style = Style { width: tenths(width), ..hand.style };
    let (scene, next) = lab.shown(style, hand.motion, now);
    match next {
        Some(rest) if rest > 0.0 => {
            ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(rest));
        }
        Some(_) => ui.ctx().request_repaint(),
        None => {}
    }
    if fills {
        let height = (ui.available_height() - 4.0).max(1.0);
        factor = fit::fill([room, height], [points(scene.width), points(scene.height)]);
    }
    let clicked = ScrollArea::both()
        .id_salt(("stage", lab.tab.name()))
        .auto_shrink(false)
        // The newest message is the lowest.
        .stick_to_bottom(lab.tab == Tab::Sequence)
        .show(ui, |ui| {
            // What is narrower than the room stands in its middle.
            let beside = (room - points(scene.width) * factor).max(0.0) / 2.0;
            let shown = ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                ui.add_space(beside);
                paint::scene(ui, &scene, factor, lab.marked()).cloned()
            });
            shown.inner
        })
        .inner;
    if let Some(object) = clicked {
        lab.pick(&object);
        ui.ctx().request_repaint();
    }
}
