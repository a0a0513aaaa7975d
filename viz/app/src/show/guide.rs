//! The guide: the scenario's question, its steps with what is said at them, and what was found. Every line leads to its place.

use eframe::egui;
use egui::{RichText, ScrollArea, Ui};
use klamm_node::Seq;
use klamm_scene::{Hue, short_time};

use super::hand::Hand;
use crate::action::Action;
use crate::lab::Lab;
use crate::words::Word;

/// Draws the pane.
pub(super) fn show(lab: &mut Lab, ui: &mut Ui, hand: &mut Hand) {
    let mut to = None;
    let mut gone = None;
    // Not animated: what is asked for is so in the next frame, and asked for twice it goes no farther.
    let area = ScrollArea::vertical().id_salt("guide").auto_shrink(false).animated(false);
    area.show(ui, |ui| {
        question(lab, ui);
        super::question::show(lab, ui, hand, false);
        branches(ui, hand);
        to = violations(lab, ui, hand);
        to = super::verdict::show(lab, ui, hand).or(to);
        hand.title(ui, Word::Steps);
        to = steps(lab, ui, hand).or(to);
        if !lab.bookmarks().is_empty() {
            hand.title(ui, Word::Bookmarks);
            for seq in lab.bookmarks().iter().filter(|seq| !lab.hides(**seq)) {
                let at = short_time(lab.trace().time_of(*seq));
                if ui.link(hand.say(Word::BookmarkAt, &[seq, &at])).clicked() {
                    to = Some(*seq);
                }
            }
        }
        if !lab.breakpoints().is_empty() {
            hand.title(ui, Word::Breakpoints);
            for breakpoint in lab.breakpoints() {
                ui.horizontal(|ui| {
                    ui.label(breakpoint.to_string());
                    let close = hand.word(Word::Close);
                    if ui.small_button(close).clicked() {
                        gone = Some(breakpoint.clone());
                    }
                });
            }
        }
    });
    if let Some(seq) = to {
        lab.go(seq);
        ui.ctx().request_repaint();
    }
    if let Some(breakpoint) = gone {
        lab.toggle_breakpoint(breakpoint);
        ui.ctx().request_repaint();
    }
}

/// Title and question, from the scenario that the trace carries.
fn question(lab: &Lab, ui: &mut Ui) {
    let header = lab.trace().header();
    // The scenario was good when it ran; one from another version may not be, and then the steps speak for themselves.
    let id = egui::Id::unique(("question", &header.scenario_name));
    let known = ui.ctx().data(|data| data.get_temp::<(String, String)>(id));
    let (title, question) = known.unwrap_or_else(|| {
        let parsed = klamm_scenario::parse(&header.scenario_name, &header.scenario).ok();
        let read = parsed.map(|it| (it.title, it.question)).unwrap_or_default();
        ui.ctx().data_mut(|data| data.insert_temp(id, read.clone()));
        read
    });
    ui.label(RichText::new(title).heading());
    ui.label(question);
}

fn steps(lab: &Lab, ui: &mut Ui, hand: &Hand) -> Option<Seq> {
    let mut to = None;
    let beats = lab.trace().beats();
    if beats.is_empty() {
        ui.label(hand.word(Word::NoSteps));
    }
    let now = beats.iter().rev().find(|beat| beat.seq <= lab.seq()).map(|beat| beat.seq);
    for beat in beats {
        if lab.hides(beat.seq) {
            ui.label(RichText::new(hand.word(Word::NotYet)).weak());
            break;
        }
        let text = hand.say(Word::StepAt, &[&short_time(beat.time), &beat.text]);
        let text =
            if now == Some(beat.seq) { RichText::new(text).strong() } else { RichText::new(text) };
        let response = ui.add(egui::Button::selectable(now == Some(beat.seq), text).wrap());
        // What is asked or answered here is what one has to see first.
        if now == Some(beat.seq) && !super::question::is_new(lab) {
            follow(ui, beat.seq, &response);
        }
        if response.clicked() {
            to = Some(beat.seq);
        }
    }
    to
}

/// For so many frames one tries to bring a step into sight: what is higher than the pane never is whole.
const TRIES: u8 = 12;

/// How the step where one stands is to be seen.
#[derive(Clone, Copy)]
enum Sight {
    /// It is being brought; so many frames are left for it.
    Sought(u8),
    /// It is whole in sight. Whether somebody has a hand on the pane: only then is it scrolled by the next frame.
    Whole(bool),
    /// Somebody has scrolled away from it.
    LetGo,
}

/// Brings the step where one stands into sight when it is another than before, and when the pane's size or what stands above it has
/// moved it out of sight. Whoever scrolls away is let go.
fn follow(ui: &Ui, step: Seq, response: &egui::Response) {
    let id = egui::Id::unique("the step that is brought into sight");
    let (seen, rect) = (ui.clip_rect(), response.rect);
    let held = ui.input(|input| input.smooth_scroll_delta().y != 0.0 || input.pointer.any_down());
    let known = ui.data(|data| data.get_temp::<(Seq, Sight)>(id));
    let known = known.filter(|(before, _)| *before == step).map(|(_, sight)| sight);
    let sight = if seen.min.y <= rect.min.y && rect.max.y <= seen.max.y {
        Sight::Whole(held)
    } else {
        match known {
            None => Sight::Sought(TRIES),
            Some(Sight::Sought(left)) => Sight::Sought(left.saturating_sub(1)),
            // Nobody has scrolled, so it was moved.
            Some(Sight::Whole(false)) if !held => Sight::Sought(TRIES),
            Some(Sight::Whole(_) | Sight::LetGo) => Sight::LetGo,
        }
    };
    ui.data_mut(|data| data.insert_temp(id, (step, sight)));
    if let Sight::Sought(1..) = sight {
        // No farther than it takes: what stands above it, the branches for one, is wanted as well.
        let align = (rect.height() > seen.height()).then_some(egui::Align::Min);
        ui.scroll_to_rect_animation(rect, align, egui::style::ScrollAnimation::none());
        ui.request_repaint();
    }
}

/// The branches as a tree: what was done, and when.
fn branches(ui: &mut Ui, hand: &mut Hand) {
    if hand.branches.len() < 2 {
        return;
    }
    hand.title(ui, Word::Branches);
    for (index, depth, title, shown) in hand.branches.clone() {
        ui.horizontal(|ui| {
            ui.add_space(12.0 * f32::from(depth));
            let text = RichText::new(title);
            if ui.add(egui::Button::selectable(shown, text).wrap()).clicked() {
                hand.branch = Some(index);
            }
        });
    }
    hand.button(ui, Action::ToParent);
    hand.button(ui, Action::NameBranch);
    hand.button(ui, Action::SaveBranch);
}

fn violations(lab: &Lab, ui: &mut Ui, hand: &Hand) -> Option<Seq> {
    let mut to = None;
    let mut any = false;
    for violation in lab.violations() {
        if !any {
            hand.title(ui, Word::Violations);
            any = true;
        }
        let (code, at) = (violation.id.code(), short_time(violation.time));
        let text = hand.say(Word::ViolationAt, &[&code, &at, &violation.seq, &violation.sentence]);
        let text = RichText::new(text).color(hand.colour(Hue::Danger));
        if ui.add(egui::Button::selectable(false, text).wrap()).clicked() {
            to = Some(violation.seq);
        }
    }
    to
}
