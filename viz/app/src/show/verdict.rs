//! What a run came to: each expectation that did not hold and each step that never came, with its place, and what was lost as was
//! permitted. Every line that has a place leads there.

use std::collections::BTreeMap;
use std::fmt::Display;

use eframe::egui;
use egui::{Button, RichText, Ui};
use klamm_node::{NodeId, Offset, Seq, TopicPartition};
use klamm_scene::{Hue, short_time};
use klamm_trace::{PermittedLoss, PermittedReason};

use super::hand::Hand;
use crate::lab::Lab;
use crate::words::Word;

/// Where the first thing that did not hold was found.
pub(super) fn first(lab: &Lab) -> Option<Seq> {
    let outcome = lab.outcome()?;
    let unmet = outcome.expectations.iter().filter(|it| it.met == Some(false));
    let unmet = unmet.map(|it| lab.trace().at_time(it.at));
    unmet.chain(outcome.violations.iter().map(|it| it.seq)).min()
}

/// Draws the lists. While a question waits, they would answer it.
pub(super) fn show(lab: &Lab, ui: &mut Ui, hand: &Hand) -> Option<Seq> {
    let outcome = lab.outcome().filter(|_| !lab.hide_future && lab.curtain().is_none())?;
    let mut lines: Vec<(String, Option<Seq>)> = Vec::new();
    for it in lab.unmet() {
        lines.push(if it.met.is_none() {
            (hand.say(Word::NeverAsked, &[&it.line, &it.text]), None)
        } else {
            let seq = lab.trace().at_time(it.at);
            let at = short_time(it.at);
            let values: [&dyn Display; 5] = [&it.line, &at, &seq, &it.text, &it.found];
            (hand.say(Word::UnmetAt, &values), Some(seq))
        });
    }
    for it in &outcome.missed_steps {
        lines.push((hand.say(Word::StepMissed, &[&it.line, &it.text]), None));
    }
    for (node, said) in &outcome.panics {
        lines.push((hand.say(Word::NodePanicked, &[&lab.name(*node), said]), None));
    }
    let mut to = None;
    if !lines.is_empty() {
        hand.title(ui, Word::NotHeld);
        to = list(lines, Hue::Danger, ui, hand);
    }
    let lost = losses(lab, &outcome.permitted_losses, hand);
    if !lost.is_empty() {
        hand.title(ui, Word::LostPermitted);
        to = list(lost, Hue::Warning, ui, hand).or(to);
    }
    to
}

/// Lines, of which those with a place are buttons. Only what alarms has a colour.
fn list(lines: Vec<(String, Option<Seq>)>, hue: Hue, ui: &mut Ui, hand: &Hand) -> Option<Seq> {
    let mut to = None;
    for (text, seq) in lines {
        let text = RichText::new(text);
        let text = if hue == Hue::Danger { text.color(hand.colour(hue)) } else { text };
        let Some(seq) = seq else {
            ui.label(text);
            continue;
        };
        if ui.add(Button::selectable(false, text).wrap()).clicked() {
            to = Some(seq);
        }
    }
    to
}

/// A line for what one producer lost in one partition for one reason.
fn losses(lab: &Lab, all: &[PermittedLoss], hand: &Hand) -> Vec<(String, Option<Seq>)> {
    type Group = (NodeId, TopicPartition, PermittedReason);
    type Found = (usize, Offset, Seq);
    let mut groups: BTreeMap<Group, Found> = BTreeMap::new();
    for loss in all {
        let key = (loss.producer, loss.partition.clone(), loss.reason);
        let group = groups.entry(key).or_insert((0, loss.base, loss.seq));
        group.0 += loss.records.len();
        (group.1, group.2) = (group.1.min(loss.base), group.2.min(loss.seq));
    }
    let line = |((producer, partition, reason), (count, base, seq)): (Group, Found)| {
        let producer = lab.name(producer);
        let values: [&dyn Display; 6] =
            [&count, &producer, &partition, &base, &seq, &reason.text()];
        (hand.say(Word::LossPermitted, &values), Some(seq))
    };
    groups.into_iter().map(line).collect()
}
