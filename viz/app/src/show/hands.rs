//! The hands of a class: where they are counted, and how they came out.

use eframe::egui;
use egui::{Align, Layout, RichText, TextStyle, TextWrapMode, Ui, WidgetText};
use klamm_scene::Hue;
use klamm_world::predict::{Given, Judgement};

use super::hand::{Hand, named};
use super::question::{field, lettered, said_of};
use crate::predictions::{Answer, Asked, Ballot, Draft, Proposal, room_for_more};
use crate::words::Word;

/// How wide a field for a count is, at text size 100.
const COUNT: f32 = 48.0;

/// How wide a bar is at most.
const BAR: f32 = 320.0;

/// How wide the column of answers is beside which their hands stand: as wide as the widest of them, if there is room.
pub(super) fn beside(names: &[String], ui: &Ui, hand: &Hand) -> f32 {
    let wide = |text: &str| {
        let text = WidgetText::from(text);
        text.into_galley(ui, Some(TextWrapMode::Extend), f32::INFINITY, TextStyle::Button).size().x
    };
    let spacing = ui.spacing();
    let mark = spacing.icon_width + spacing.icon_spacing + 2.0 * spacing.button_padding.x + 8.0;
    let widest = names.iter().map(|name| wide(name)).fold(0.0, f32::max) + mark;
    let hands = wide(hand.word(Word::HandsHere)) + COUNT * size(ui) + 5.0 * spacing.item_spacing.x;
    widest.min(ui.available_width() - hands).max(60.0)
}

/// A line for an answer. For a class it has a width, and behind it stands the field for its hands.
pub(super) fn row(
    draft: &mut Draft,
    (index, of): (usize, &str),
    width: Option<f32>,
    ui: &mut Ui,
    hand: &Hand,
    answer: impl FnOnce(&mut Draft, &mut Ui),
) {
    let Some(width) = width else {
        ui.horizontal_wrapped(|ui| answer(draft, ui));
        return;
    };
    ui.horizontal(|ui| {
        let room = egui::vec2(width, ui.spacing().interact_size.y);
        ui.allocate_ui_with_layout(room, Layout::top_down(Align::Min), |ui| {
            ui.set_width(width);
            answer(draft, ui);
        });
        if let Some(ballot) = draft.ballots.get_mut(index) {
            let name = hand.say(Word::HandsFor, &[&of]);
            ui.label(hand.word(Word::HandsHere));
            field(ui, &mut ballot.count, &name, COUNT * size(ui));
        }
    });
}

/// Lines of a number and its hands; behind what is written there is always an empty one.
pub(super) fn numbers(draft: &mut Draft, ui: &mut Ui, hand: &Hand) {
    for (index, ballot) in draft.ballots.iter_mut().enumerate() {
        let Proposal::Number(typed) = &mut ballot.of else { continue };
        ui.horizontal(|ui| {
            let place = index + 1;
            let name = hand.say(Word::ProposedNumber, &[&place]);
            ui.label(hand.word(Word::NumberHint));
            let response = field(ui, typed, &name, 120.0 * size(ui));
            if index == 0 && response.changed() {
                // Who counts no hands answers as one person.
                draft.number.clone_from(typed);
            }
            let name = hand.say(Word::HandsForNumber, &[&place]);
            ui.label(hand.word(Word::HandsHere));
            field(ui, &mut ballot.count, &name, COUNT * size(ui));
        });
    }
    room_for_more(&mut draft.ballots);
}

/// The hands for the order as it stands, and the orders that have theirs.
pub(super) fn orders(asked: &mut Asked, ui: &mut Ui, hand: &Hand) {
    ui.horizontal_wrapped(|ui| {
        let name = hand.word(Word::HandsForThis);
        ui.label(name);
        let typed = field(ui, &mut asked.draft.for_order, name, COUNT * size(ui));
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
            Given::Option(option) => {
                let letter = u8::try_from(*option).unwrap_or(u8::MAX);
                lettered(letter, &said_of(question, &hands.of, hand))
            }
            Given::Number(_) | Given::Order(_) => said_of(question, &hands.of, hand),
        };
        let said = hand.say(Word::HandsOf, &[&hands.count]);
        let line = if right { Word::HandsCountedRight } else { Word::HandsCounted };
        ui.label(hand.say(line, &[&of, &said]));
        let width = ui.available_width().min(BAR * size(ui));
        let room = egui::vec2(width, 10.0 * size(ui));
        let (rect, response) = ui.allocate_exact_size(room, egui::Sense::hover());
        let share = f64::from(hands.count) / f64::from(most);
        #[expect(clippy::cast_possible_truncation, reason = "a bar is as exact as it looks")]
        let bar = rect.with_max_x(rect.min.x + width * share as f32);
        ui.painter().rect_filled(bar, 2.0, hand.colour(hue));
        named(&response, egui::Role::Label, &said);
    }
}

/// How large text is here: 1 at text size 100.
fn size(ui: &Ui) -> f32 {
    TextStyle::Body.resolve(ui.style()).size / 14.0
}
