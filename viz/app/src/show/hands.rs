//! The hands of a class: where they are counted, and how they came out.

use eframe::egui;
use egui::{RichText, Ui};
use klamm_scene::Hue;
use klamm_world::predict::{Given, Judgement};

use super::hand::{Hand, named};
use super::question::{field, said_of};
use crate::predictions::{Answer, Asked, Ballot, Draft, Proposal, room_for_more};
use crate::words::Word;

/// How wide a field for a count is, at text size 100.
const COUNT: f32 = 48.0;

/// How wide a bar is at most.
const BAR: f32 = 320.0;

/// The field for the hands of one answer, which says what they are for.
pub(super) fn count(draft: &mut Draft, index: usize, of: &str, ui: &mut Ui, hand: &Hand) {
    if let Some(ballot) = draft.ballots.get_mut(index) {
        let name = hand.say(Word::HandsFor, &[&of]);
        field(ui, &mut ballot.count, &name, width(COUNT, hand));
    }
}

/// Lines of a number and its hands; behind what is written there is always an empty one.
pub(super) fn numbers(draft: &mut Draft, ui: &mut Ui, hand: &Hand) {
    for (index, ballot) in draft.ballots.iter_mut().enumerate() {
        let Proposal::Number(typed) = &mut ballot.of else { continue };
        ui.horizontal(|ui| {
            let place = index + 1;
            let name = hand.say(Word::ProposedNumber, &[&place]);
            let response = field(ui, typed, &name, width(120.0, hand));
            if index == 0 && response.changed() {
                // Who counts no hands answers as one person.
                draft.number.clone_from(typed);
            }
            let name = hand.say(Word::HandsForNumber, &[&place]);
            field(ui, &mut ballot.count, &name, width(COUNT, hand));
        });
    }
    room_for_more(&mut draft.ballots);
}

/// The hands for the order as it stands, and the orders that have theirs.
pub(super) fn orders(asked: &mut Asked, ui: &mut Ui, hand: &Hand) {
    ui.horizontal_wrapped(|ui| {
        let name = hand.word(Word::HandsForThis);
        ui.label(name);
        let typed = field(ui, &mut asked.draft.for_order, name, width(COUNT, hand));
        let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if ui.button(hand.word(Word::AddHands)).clicked() || entered {
            asked.draft.add_order();
        }
    });
    for Ballot { of, count } in &asked.draft.ballots {
        if let Proposal::Known(given) = of {
            let order = said_of(&asked.prediction.ask, given, hand);
            let hands = hand.say(Word::HandsOf, &[&count]);
            ui.label(hand.say(Word::HandsCounted, &[&order, &hands]));
        }
    }
}

/// How a class voted: a bar for each answer, those that were right in another colour and with the word for it.
pub(super) fn told(asked: &Asked, judgement: &Judgement, ui: &mut Ui, hand: &Hand) {
    let (Some(Answer::Hands(all)), question) = (asked.answer(), &asked.prediction.ask) else {
        return;
    };
    if let Some((right, all)) = asked.hands() {
        ui.label(RichText::new(hand.say(Word::HandsRight, &[&right, &all])).strong());
    }
    let most = all.iter().map(|hands| hands.count).max().unwrap_or(1).max(1);
    for hands in all {
        let right = hands.are_right(question, &judgement.truth);
        let hue = if right { Hue::Ok } else { Hue::Out };
        let of = match &hands.of {
            Given::Brokers(claimed) => {
                let names = claimed.iter().map(|broker| hand.say(Word::BrokerNumber, &[broker]));
                names.collect::<Vec<_>>().join(", ")
            }
            Given::Option(_) | Given::Number(_) | Given::Order(_) => {
                said_of(question, &hands.of, hand)
            }
        };
        let said = hand.say(Word::HandsOf, &[&hands.count]);
        let line = if right { Word::HandsCountedRight } else { Word::HandsCounted };
        ui.label(hand.say(line, &[&of, &said]));
        let width = ui.available_width().min(BAR);
        let (rect, response) =
            ui.allocate_exact_size(egui::vec2(width, 10.0), egui::Sense::hover());
        let share = f64::from(hands.count) / f64::from(most);
        #[expect(clippy::cast_possible_truncation, reason = "a bar is as exact as it looks")]
        let bar = rect.with_max_x(rect.min.x + width * share as f32);
        ui.painter().rect_filled(bar, 2.0, hand.colour(hue));
        named(&response, egui::Role::Label, &said);
    }
}

/// A width that grows with the text.
fn width(points: f32, hand: &Hand) -> f32 {
    points * f32::from(hand.style.scale) / 100.0
}
