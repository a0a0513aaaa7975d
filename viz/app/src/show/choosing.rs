//! The choice of what to do at this moment: everything that can be done, and for what can't be the reason.

use eframe::egui;
use egui::{Key, RichText, ScrollArea, TextEdit, Ui};

use super::hand::Hand;
use crate::breaking::with_record;
use crate::deed::{Deed, Doing};
use crate::lab::Lab;
use crate::window::Overlay;
use crate::words::Word;

/// A line of the list.
struct Line {
    text: String,
    doing: Option<Doing>,
    refused: Option<Word>,
}

/// Draws the choice; what is left of it.
pub(super) fn show(
    lab: &Lab,
    (deed, mut text, mut record): (Option<Deed>, String, String),
    ui: &mut Ui,
    hand: &mut Hand,
) -> Option<Overlay> {
    let title = deed.map_or(Word::Deeds, Deed::word);
    ui.label(RichText::new(hand.word(title)).heading());
    let search = TextEdit::singleline(&mut text).hint_text(hand.word(title));
    let response = ui.add(search.desired_width(f32::INFINITY));
    let mut entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    let deeds = deed.map_or_else(|| lab.deeds(), |deed| vec![deed]);
    let mut record_has_focus = false;
    if deeds.contains(&Deed::Produce) {
        let label = ui.label(hand.word(Word::RecordText));
        let field = TextEdit::singleline(&mut record).desired_width(f32::INFINITY);
        let field = ui.add(field).labelled_by(label.id);
        record_has_focus = field.has_focus();
        entered |= field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    }
    if !entered && !record_has_focus && ui.ctx().memory(|memory| memory.focused().is_none()) {
        response.request_focus();
    }
    ui.label(RichText::new(hand.word(Word::DeedsHelp)).weak());
    let words: Vec<String> = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let found = lines(lab, &deeds, hand).into_iter().filter(|line| {
        let name = line.text.to_lowercase();
        words.iter().all(|word| name.contains(word))
    });
    let found: Vec<Line> = found.collect();
    let first = found.iter().find(|line| line.refused.is_none());
    let mut chosen = first.filter(|_| entered).and_then(|line| line.doing.clone());
    let height = ui.ctx().content_rect().height() * 0.5;
    ScrollArea::vertical().max_height(height).show(ui, |ui| {
        for line in &found {
            let why = line.refused.map_or("", |word| hand.word(word));
            let is_first = first.is_some_and(|first| std::ptr::eq(first, line));
            let name =
                if why.is_empty() { line.text.clone() } else { format!("{}: {why}", line.text) };
            let button = egui::Button::selectable(is_first, &line.text).right_text(why);
            let enabled = line.refused.is_none();
            let response = ui
                .add_enabled_ui(enabled, |ui| ui.add_sized([ui.available_width(), 0.0], button))
                .inner;
            super::hand::named_if(&response, enabled, &name);
            if response.clicked() {
                chosen.clone_from(&line.doing);
            }
        }
    });
    let Some(doing) = chosen else { return Some(Overlay::Choose { deed, text, record }) };
    hand.doing = Some(with_record(doing, &record));
    None
}

/// Everything that there is to choose from; a kind that there is nothing for has one line with the reason.
fn lines(lab: &Lab, deeds: &[Deed], hand: &Hand) -> Vec<Line> {
    let text = |doing: &Doing| {
        if doing.deed == Deed::Produce {
            // What is sent is written above.
            let client = doing.of.first().map_or("", String::as_str);
            return format!("{}: {client} > {}", hand.word(Word::DeedProduce), doing.goes_to());
        }
        doing.say(hand.language)
    };
    let of = |deed: &Deed| match lab.choices(*deed) {
        Ok(choices) => choices
            .into_iter()
            .map(|choice| {
                let refused = choice.refused;
                Line { text: text(&choice.doing), doing: Some(choice.doing), refused }
            })
            .collect(),
        Err(why) => {
            vec![Line { text: hand.word(deed.word()).to_owned(), doing: None, refused: Some(why) }]
        }
    };
    deeds.iter().flat_map(of).collect()
}
