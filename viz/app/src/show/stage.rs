//! The stage: a picture's tabs, the picture, and below it what just happened.

use std::collections::BTreeSet;

use eframe::egui;
use egui::{ScrollArea, Ui};
use klamm_scene::{Style, Subject, Tab};

use super::fit;
use super::hand::{Hand, points, tenths};
use super::paint::{self, Click};
use crate::action::Action;
use crate::lab::Lab;
use crate::words::Word;

/// Draws the pane. Before a class it fills the screen: the picture as large as it fits, instead of as much as fits.
pub(super) fn show(lab: &mut Lab, ui: &mut Ui, hand: &mut Hand, fills: bool) {
    tabs(lab, ui, hand);
    let size = if fills { Size::Fills } else { Size::Whole };
    picture(lab, ui, hand, &BTreeSet::new(), size);
}

/// How large a picture is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Size {
    /// As wide as its room.
    Whole,
    /// As large as its room allows.
    Fills,
    /// One of two side by side, by its place.
    Side(usize),
}

/// Draws the tabs.
pub(super) fn tabs(lab: &Lab, ui: &mut Ui, hand: &mut Hand) {
    ui.horizontal_wrapped(|ui| {
        for tab in Tab::ALL {
            let title = hand.language.word(tab.title());
            hand.short(ui, Action::Show(tab), title, lab.tab == tab);
        }
        ui.separator();
        hand.short(ui, Action::Farther, "-", false);
        hand.short(ui, Action::Nearer, "+", false);
    });
}

/// Draws the picture. What differs between two side by side stands out.
pub(super) fn picture(
    lab: &mut Lab,
    ui: &mut Ui,
    hand: &mut Hand,
    differ: &BTreeSet<Subject>,
    size: Size,
) {
    let room = (ui.available_width() - ui.spacing().scroll.bar_width - 4.0).max(1.0);
    let brokers = lab.trace().nodes().iter().filter(|(_, info)| info.kind.is_broker()).count();
    let scale = hand.style.scale;
    let (mut width, mut factor) = match size {
        Size::Whole | Size::Fills => fit::width(room, lab.tab, brokers, scale),
        Size::Side(_) => fit::beside(room, lab.tab, brokers, scale),
    };
    if size == Size::Fills {
        width = fit::filling(lab.tab, brokers, scale);
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
    if size == Size::Fills {
        let height = (ui.available_height() - 4.0).max(1.0);
        factor = fit::fill([room, height], [points(scene.width), points(scene.height)]);
    }
    let differs_name = |name: &str| hand.say(Word::DiffersHere, &[&name]);
    let differ = paint::Differ { subjects: differ, name: &differs_name };
    let stays = hand.word(Word::StaysInSight);
    let side = if let Size::Side(side) = size { Some(side) } else { None };
    let clicked = ScrollArea::both()
        .id_salt(("stage", lab.tab.name(), side))
        .auto_shrink(false)
        // The newest message is the lowest.
        .stick_to_bottom(lab.tab == Tab::Sequence)
        .show(ui, |ui| {
            // What is narrower than the room stands in its middle.
            let beside = (room - points(scene.width) * factor).max(0.0) / 2.0;
            let shown = ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                ui.add_space(beside);
                let clicked = paint::scene(ui, &scene, factor, lab.marked(), &differ, stays);
                clicked.map(|(object, how)| (object.clone(), how))
            });
            shown.inner
        })
        .inner;
    if let Some((object, how)) = clicked {
        match how {
            Click::Pick if ui.input(|input| input.modifiers.shift) => lab.pick_also(&object),
            Click::Pick => lab.pick(&object),
            Click::Menu => {
                hand.todo.push(Action::Deeds);
                lab.pick_to_do(&object)
            }
        };
        ui.ctx().request_repaint();
    }
}
