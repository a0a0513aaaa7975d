//! The stage: a picture's tabs, the picture, and below it what just happened.

use std::collections::BTreeSet;

use eframe::egui;
use egui::{ScrollArea, Ui};
use klamm_scene::{Style, Subject, Tab};

use super::hand::{Hand, tenths};
use super::paint::{self, Click};
use crate::action::Action;
use crate::lab::Lab;
use crate::words::Word;

/// The width for which pictures are made, in points. In a narrower pane they are drawn smaller, down to the least size, and from
/// there on scrolled.
const NATURAL: f32 = 1100.0;
const LEAST: f32 = 0.72;

/// How small a picture may become where two share the room.
const LEAST_OF_TWO: f32 = 0.6;

/// Draws the pane.
pub(super) fn show(lab: &mut Lab, ui: &mut Ui, hand: &mut Hand) {
    tabs(lab, ui, hand);
    picture(lab, ui, hand, &BTreeSet::new(), None);
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

/// Draws the picture; of two side by side, `side` says which. What differs between them stands out.
pub(super) fn picture(
    lab: &mut Lab,
    ui: &mut Ui,
    hand: &mut Hand,
    differ: &BTreeSet<Subject>,
    side: Option<usize>,
) {
    let room = (ui.available_width() - ui.spacing().scroll.bar_width - 4.0).max(1.0);
    let natural = NATURAL * f32::from(hand.style.scale) / 100.0;
    let least = if side.is_some() { LEAST_OF_TWO } else { LEAST };
    let factor = (room / natural).clamp(least, 1.0);
    let width = tenths((room / factor).max(natural));
    let scene = lab.scene(Style { width, ..hand.style });
    let differs_name = |name: &str| hand.say(Word::DiffersHere, &[&name]);
    let differ = paint::Differ { subjects: differ, name: &differs_name };
    let clicked = ScrollArea::both()
        .id_salt(("stage", lab.tab.name(), side))
        .auto_shrink(false)
        // The newest message is the lowest.
        .stick_to_bottom(lab.tab == Tab::Sequence)
        .show(ui, |ui| {
            let clicked = paint::scene(ui, &scene, factor, lab.marked(), &differ);
            clicked.map(|(object, how)| (object.clone(), how))
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
