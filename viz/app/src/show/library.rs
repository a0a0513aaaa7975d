//! The library: scenarios as cards by chapter, a search, recent files.

use eframe::egui;
use egui::{
    Align, Frame, Layout, Margin, RichText, Role, ScrollArea, Sense, Stroke, TextEdit, Ui,
    UiBuilder, vec2,
};

use super::hand::{Hand, color, named};
use crate::library::{Card, chapters};
use crate::load::Source;
use crate::window::Window;
use crate::words::Word;

/// The width of a card, at text size 100.
const WIDTH: f32 = 300.0;

/// Draws the page.
pub(super) fn show(window: &mut Window, ui: &mut Ui, hand: &mut Hand) {
    ui.horizontal(|ui| {
        let label = ui.label(hand.word(Word::Search));
        let hint = hand.word(Word::SearchHint);
        let field = TextEdit::singleline(&mut window.search).hint_text(hint).desired_width(360.0);
        ui.add(field).labelled_by(label.id);
        ui.label(hand.word(Word::DropHint));
    });
    ui.separator();
    let entered = ui.input(|input| input.key_pressed(egui::Key::Enter));
    let search = window.search.clone();
    if hand.code_in(ui, &search, entered) {
        return;
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        aside(window, ui, hand);
        recent(window, ui, hand);
        let mut found = false;
        for (title, cards) in chapters() {
            let cards: Vec<&Card> =
                cards.iter().filter(|card| card.matches(&window.search)).collect();
            if cards.is_empty() {
                continue;
            }
            found = true;
            ui.add_space(8.0);
            ui.label(RichText::new(hand.word(*title)).heading());
            ui.add_space(2.0);
            shelf(&cards, ui, hand);
        }
        if !found {
            ui.label(hand.word(Word::NothingFound));
        }
    });
}

/// The branches of what was open before: nothing that was made in the window is gone.
fn aside(window: &Window, ui: &mut Ui, hand: &mut Hand) {
    if window.aside.is_empty() || !window.search.is_empty() {
        return;
    }
    ui.label(RichText::new(hand.word(Word::Aside)).heading());
    for (index, branches) in window.aside.iter().enumerate() {
        let text = hand.say(Word::AsideOf, &[&branches.of(), &(branches.all().len() - 1)]);
        if ui.link(text).clicked() {
            hand.aside = Some(index);
        }
    }
}

fn recent(window: &Window, ui: &mut Ui, hand: &mut Hand) {
    if window.settings.recent.is_empty() || !window.search.is_empty() {
        return;
    }
    ui.label(RichText::new(hand.word(Word::Recent)).heading());
    for path in &window.settings.recent {
        if ui.link(path.display().to_string()).clicked() {
            hand.open = Some(Source::File(path.clone()));
        }
    }
}

/// Cards side by side, as many as fit.
fn shelf(cards: &[&Card], ui: &mut Ui, hand: &mut Hand) {
    let width = WIDTH * f32::from(hand.style.scale) / 100.0;
    let gap = 10.0;
    // The scroll bar lies over the edge.
    let whole = ui.available_width() - 14.0;
    let room = (whole + gap) / (width + gap);
    let mut columns = 1;
    while f32::from(columns) + 1.0 <= room {
        columns += 1_u8;
    }
    let each = (whole + gap) / f32::from(columns) - gap;
    for row in cards.chunks(usize::from(columns)) {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for card in row {
                one(card, each, ui, hand);
            }
        });
        ui.add_space(4.0);
    }
}

/// A card is one button: its name is what a search would find it by.
fn one(card: &Card, width: f32, ui: &mut Ui, hand: &mut Hand) {
    let line = 18.0 * f32::from(hand.style.scale) / 100.0;
    let (rect, response) = ui.allocate_exact_size(vec2(width, line * 6.8), Sense::click());
    named(&response, Role::Button, &format!("{}: {}", card.name, card.title));
    let edge =
        if response.hovered() || response.has_focus() { hand.theme.ink } else { hand.theme.faint };
    let frame = Frame::new()
        .fill(color(hand.theme.background))
        .stroke(Stroke::new(1.0, color(edge)))
        .corner_radius(6)
        .inner_margin(Margin::same(8));
    // A child beside the row's own flow: the card has its place already.
    let inside = UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min));
    let mut inside = ui.new_child(inside);
    inside.shrink_clip_rect(rect);
    frame.show(&mut inside, |ui| {
        ui.set_min_size(rect.size() - vec2(18.0, 18.0));
        ui.add(egui::Label::new(RichText::new(&card.title).strong()).wrap());
        ui.add(egui::Label::new(RichText::new(&card.question)).wrap());
        ui.add(egui::Label::new(RichText::new(&card.name).small().weak()).truncate());
    });
    let response = response.on_hover_text(&card.question);
    if response.clicked() {
        hand.open = Some(Source::Text { name: card.name.clone(), text: card.text.to_owned() });
    }
}
