//! The lowest lines: what just happened in a sentence, where one stands, and how the cluster fares.

use std::collections::BTreeSet;

use eframe::egui;
use egui::{RichText, Ui};
use klamm_node::Room;
use klamm_scene::{Hue, sentence, short_time};
use klamm_trace::{ProcessState, View};

use super::hand::Hand;
use crate::lab::Lab;
use crate::window::{Screen, Window};
use crate::words::Word;

/// Draws the lines.
pub(super) fn show(window: &Window, ui: &mut Ui, hand: &mut Hand) {
    ui.add_space(2.0);
    if let Screen::Lab(lab) = &window.screen {
        if let Some((found, claimed)) = lab.other_than_claimed() {
            let text = hand.say(Word::NotThatRun, &[&found, &claimed]);
            ui.label(RichText::new(text).strong().color(hand.colour(Hue::Danger)));
        }
        told(window, lab, ui, hand);
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(window.position().unwrap_or_default()).strong());
            if let Some(until) = lab.until() {
                let (now, until) = (short_time(lab.trace().end()), short_time(until));
                ui.label(hand.say(Word::RunsUntil, &[&now, &until]));
            }
            health(lab, ui, hand);
            broken(lab, ui, hand);
            if lab.curtain().is_some() {
                ui.label(hand.word(Word::FutureHidden));
            }
            // Whether everything held gives no question's answer away.
            if !lab.hide_future {
                verdict(lab, ui, hand);
            }
        });
    }
    if window.lab().is_none() {
        notice(window, ui, hand);
    }
    ui.add_space(2.0);
}

/// What the program has to say.
pub(super) fn notice(window: &Window, ui: &mut Ui, hand: &Hand) {
    let Some(notice) = &window.notice else { return };
    let text = notice.say(hand.language);
    ui.label(RichText::new(text).color(hand.colour(Hue::Danger)));
}

/// What the scenario says of the step.
pub(super) fn narration(lab: &Lab) -> String {
    lab.cursor().view().step.as_ref().map(|step| step.text.clone()).unwrap_or_default()
}

/// The event as a sentence.
fn happened(lab: &Lab) -> String {
    // The scenario's own events are told by what it says.
    let event = lab.trace().event(lab.seq()).filter(|event| event.kind.room() != Room::Scenario);
    event.map_or_else(String::new, |event| sentence(&event, lab.cursor().view()))
}

/// What is said of the step, and below it what happened. What the program has to say stands there in its stead: nothing moves
/// because it speaks.
fn told(window: &Window, lab: &Lab, ui: &mut Ui, hand: &Hand) {
    let narration = narration(lab);
    if !narration.is_empty() {
        ui.label(RichText::new(narration).strong());
    }
    let text = match &window.notice {
        Some(notice) => RichText::new(notice.say(hand.language)).color(hand.colour(Hue::Danger)),
        None => RichText::new(happened(lab)),
    };
    ui.add(egui::Label::new(text).truncate());
}

/// Which invariants the whole run breaks, and where that begins: a click goes there.
fn broken(lab: &Lab, ui: &mut Ui, hand: &mut Hand) {
    let Some(first) = lab.violations().min_by_key(|violation| violation.seq) else { return };
    let all: BTreeSet<&str> = lab.violations().map(|violation| violation.id.code()).collect();
    let (code, at) = (first.id.code(), short_time(first.time));
    let text = hand.say(Word::BrokenOnes, &[&all.len(), &code, &at, &first.seq]);
    if ui.link(RichText::new(text).strong().color(hand.colour(Hue::Danger))).clicked() {
        hand.go = Some(first.seq);
    }
}

/// How the partitions of one's own topics fare.
fn health(lab: &Lab, ui: &mut Ui, hand: &Hand) {
    let down = servers_down(lab);
    if down > 0 {
        // The metadata may not know it yet: then every other number still looks good.
        let text = RichText::new(hand.say(Word::ServersDown, &[&down])).strong();
        ui.label(text.color(hand.colour(Hue::Danger)));
    }
    let [under, min, leaderless] = counts(lab.cursor().view());
    let here =
        lab.trace().violations().iter().filter(|violation| violation.seq <= lab.seq()).count();
    let text = hand.say(Word::Health, &[&under, &min, &leaderless, &here]);
    let bad = min + leaderless + here > 0;
    let text = RichText::new(text);
    ui.label(if bad { text.color(hand.colour(Hue::Danger)) } else { text });
}

/// Brokers and controllers that ran and do not now.
fn servers_down(lab: &Lab) -> usize {
    let view = lab.cursor().view();
    let is_server = |node| {
        let kind = lab.trace().nodes().get(node).map(|info| info.kind);
        kind.is_some_and(|kind| kind.is_broker() || kind.is_controller())
    };
    let down = view.nodes.iter().filter(|(node, state)| {
        is_server(**node)
            && !matches!(state.state, ProcessState::New | ProcessState::Up | ProcessState::Paused)
    });
    down.count()
}

/// Partitions that are under-replicated, under min ISR, and without a leader.
fn counts(view: &View) -> [usize; 3] {
    let mut counts = [0; 3];
    for partition in view.partitions.keys() {
        let Some(truth) = view.truth(partition) else { continue };
        let holds = [
            truth.isr.len() < truth.replicas.len(),
            truth.isr.len() < view.min_isr(&partition.topic),
            view.leader_of(partition).is_none(),
        ];
        for (count, holds) in counts.iter_mut().zip(holds) {
            *count += usize::from(holds);
        }
    }
    counts
}

/// Whether the whole run was as the scenario expects.
fn verdict(lab: &Lab, ui: &mut Ui, hand: &mut Hand) {
    if let Some(partly) = lab.partly() {
        ui.label(hand.word(partly));
    }
    let Some(outcome) = lab.outcome() else { return };
    let wrong = lab.unmet().count()
        + outcome.violations.len()
        + outcome.missed_steps.len()
        + outcome.panics.len();
    if wrong == 0 {
        if lab.partly().is_none() {
            ui.label(hand.word(Word::Passed));
        }
        return;
    }
    let text = hand.say(Word::NotPassed, &[&wrong]);
    let text = RichText::new(text).color(hand.colour(Hue::Danger));
    // What it was is in the guide; its place is one click away.
    let Some(seq) = super::verdict::first(lab) else {
        ui.label(text);
        return;
    };
    if ui.link(text).clicked() {
        hand.go = Some(seq);
    }
}
