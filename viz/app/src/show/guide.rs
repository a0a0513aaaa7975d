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
    ScrollArea::vertical().id_salt("guide").auto_shrink(false).show(ui, |ui| {
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
            follow(ui, (beat.seq, beats.len()), &response);
        }
        if response.clicked() {
            to = Some(beat.seq);
        }
    }
    to
}

/// For so many frames one tries to bring a step into sight: what stands above it may take its final height only then.
const TRIES: u8 = 12;

/// One tries every so many frames: a scroll is seen some frames after it was asked for, and asked for twice it goes too far.
const REST: u8 = 4;

/// Brings the step where one stands into sight when it is another than before, when there are more steps, or when the pane has another
/// size. Once it was whole in sight, whoever scrolls away is let go.
fn follow(ui: &Ui, (seq, count): (Seq, usize), response: &egui::Response) {
    let id = egui::Id::unique("the step that is brought into sight");
    let (seen, rect) = (ui.clip_rect(), response.rect);
    let now = (seq, count, seen.size());
    let known = ui.data_mut(|data| data.get_temp::<((Seq, usize, egui::Vec2), u8)>(id));
    let left = known.filter(|(before, _)| *before == now).map_or(TRIES, |(_, left)| left);
    if left == 0 {
        return;
    }
    let whole = seen.min.y <= rect.min.y && rect.max.y <= seen.max.y;
    let left = if whole { 0 } else { left - 1 };
    ui.data_mut(|data| data.insert_temp(id, (now, left)));
    if !whole && (left + 1) % REST == 0 {
        // No farther than it takes: what stands above it, the branches for one, is wanted as well.
        let align = (rect.height() > seen.height()).then_some(egui::Align::Min);
        ui.scroll_to_rect_animation(rect, align, egui::style::ScrollAnimation::none());
    }
    if !whole {
        ui.ctx().request_repaint();
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
