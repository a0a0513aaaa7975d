//! What lies on top: the list of keys, the search among commands, and the two fields in which one types a place or a condition.

use eframe::egui;
use egui::{Context, Grid, Id, Key, Modal, RichText, ScrollArea, TextEdit, Ui};
use klamm_scene::Hue;

use super::choosing;
use super::compare;
use super::hand::Hand;
use crate::action::{Action, Entry, Subject, TABLE};
use crate::editing::Answer;
use crate::window::{Overlay, Window};
use crate::words::Word;

/// Draws what is on top, if anything is.
pub(super) fn show(window: &mut Window, ctx: &Context, hand: &mut Hand) {
    let Some(overlay) = window.overlay.take() else { return };
    let mut left = Some(overlay.clone());
    let unsaved = overlay == Overlay::Unsaved;
    let behind_text = super::hand::color(hand.theme.panel);
    let shown = Modal::new(Id::unique("overlay")).show(ctx, |ui| {
        ui.set_width(560.0_f32.min(ctx.content_rect().width() - 40.0));
        // What is typed into has an edge: another colour than what lies around it.
        ui.visuals_mut().text_edit_bg_color = Some(behind_text);
        match overlay {
            Overlay::Shortcuts => shortcuts(ui, hand),
            Overlay::Commands(text) => left = commands(window, text, ui, hand),
            Overlay::GoTo(text, wrong) => {
                let said = wrong.map(|word| hand.word(word).to_owned());
                let words = [Word::GoTo, Word::PlaceHelp, Word::Go];
                let (typed, go) = field(ui, hand, words, text.clone(), said);
                // What is wrong stays said until something else is typed.
                left = Some(Overlay::GoTo(typed.clone(), wrong.filter(|_| typed == text)));
                if go {
                    window.go_to(&typed);
                    left = window.overlay.take();
                }
            }
            Overlay::Choose { deed, text, record } => {
                if let Some(lab) = window.lab() {
                    left = choosing::show(lab, (deed, text, record), ui, hand);
                }
            }
            Overlay::Unsaved => {
                ui.label(RichText::new(hand.word(Word::Unsaved)).heading());
                let name = window.editor.as_ref().map_or("", |editor| editor.name());
                ui.label(name);
                ui.horizontal(|ui| {
                    for (word, answer) in
                        [(Word::Save, Answer::Save), (Word::UnsavedGiveUp, Answer::GiveUp)]
                    {
                        if ui.button(hand.word(word)).clicked() {
                            hand.answer = Some(answer);
                        }
                    }
                });
            }
            Overlay::SaveText(text, wrong) => {
                let words = [Word::SaveText, Word::SaveHelp, Word::Save];
                let said = wrong.as_ref().map(|wrong| wrong.say(hand.language));
                let (typed, go) = field(ui, hand, words, text.clone(), said);
                left = Some(Overlay::SaveText(typed.clone(), wrong.filter(|_| typed == text)));
                if go {
                    window.save_text_as(&typed, ctx);
                    left = window.overlay.take();
                }
            }
            Overlay::Compare(text) => {
                if let Some(lab) = window.lab() {
                    let seed = lab.trace().header().seed;
                    left = compare::choose(seed, window.branches.parent(), text, ui, hand);
                }
            }
            Overlay::Name(text) => {
                let words = [Word::NameBranch, Word::NameHelp, Word::SetName];
                let (typed, go) = field(ui, hand, words, text, None);
                left = Some(Overlay::Name(typed.clone()));
                if go {
                    window.name_branch(&typed);
                    left = window.overlay.take();
                }
            }
            Overlay::Save(text, wrong) => {
                let words = [Word::SaveBranch, Word::SaveHelp, Word::Save];
                let (typed, go) = field(ui, hand, words, text.clone(), wrong.clone());
                left = Some(Overlay::Save(typed.clone(), wrong.filter(|_| typed == text)));
                if go {
                    window.save_as(&typed);
                    left = window.overlay.take();
                }
            }
            Overlay::Break(text, wrong) => {
                let said = wrong.as_ref().map(|it| format!("{}: {}", it.1, hand.word(it.0)));
                let words = [Word::Break, Word::BreakHelp, Word::SetBreak];
                let (typed, go) = field(ui, hand, words, text.clone(), said);
                let wrong = wrong.filter(|_| typed == text);
                left = Some(Overlay::Break(typed.clone(), wrong));
                if go {
                    window.break_at(&typed);
                    left = window.overlay.take();
                }
            }
        }
        ui.add_space(6.0);
        let close = if unsaved { Word::Cancel } else { Word::Close };
        if ui.button(hand.word(close)).clicked() {
            left = None;
        }
    });
    if shown.should_close() {
        left = None;
    }
    window.overlay = left;
    if window.overlay.is_none() && hand.answer.is_none() {
        // Whoever closed the question does not want what waited for it.
        window.waiting = None;
    }
}

/// Every action with its keys, from the table.
fn shortcuts(ui: &mut Ui, hand: &Hand) {
    ui.label(RichText::new(hand.word(Word::Shortcuts)).heading());
    let height = ui.ctx().content_rect().height() * 0.7;
    ScrollArea::vertical().max_height(height).show(ui, |ui| {
        for about in Subject::ALL {
            hand.title(ui, about.word());
            Grid::new(about.word().text(hand.language)).num_columns(2).striped(true).show(
                ui,
                |ui| {
                    let lines =
                        TABLE.iter().filter(|entry| entry.about == about && !entry.keys.is_empty());
                    for entry in lines {
                        ui.label(keys(entry));
                        ui.label(hand.word(entry.word));
                        ui.end_row();
                    }
                },
            );
        }
    });
}

fn keys(entry: &Entry) -> String {
    entry.keys.iter().map(|press| press.text()).collect::<Vec<_>>().join(", ")
}

/// The commands whose names have the words that are typed; Enter does the first.
fn commands(window: &Window, mut text: String, ui: &mut Ui, hand: &mut Hand) -> Option<Overlay> {
    ui.label(RichText::new(hand.word(Word::Commands)).heading());
    let name = hand.word(Word::Commands);
    let response =
        ui.add(TextEdit::singleline(&mut text).hint_text(name).desired_width(f32::INFINITY));
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if !entered {
        response.request_focus();
    }
    if hand.code_in(ui, &text, entered) {
        return hand.code.is_none().then_some(Overlay::Commands(text));
    }
    let words: Vec<String> = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let found: Vec<&Entry> = TABLE
        .iter()
        .filter(|entry| entry.action != Action::Commands && entry.action != Action::Clear)
        .filter(|entry| window.can(entry.action))
        .filter(|entry| {
            let name = hand.word(entry.word).to_lowercase();
            words.iter().all(|word| name.contains(word))
        })
        .collect();
    let mut chosen = found.first().filter(|_| entered).map(|entry| entry.action);
    let height = ui.ctx().content_rect().height() * 0.5;
    ScrollArea::vertical().max_height(height).show(ui, |ui| {
        for (at, entry) in found.iter().enumerate() {
            let keys = keys(entry);
            let label = egui::Button::selectable(at == 0, hand.word(entry.word)).right_text(keys);
            let response = ui.add_sized([ui.available_width(), 0.0], label);
            if response.clicked() {
                chosen = Some(entry.action);
            }
        }
    });
    let Some(action) = chosen else { return Some(Overlay::Commands(text)) };
    hand.todo.push(action);
    None
}

/// A field to type in, with what may be typed and what is wrong with what was; true if one is done.
fn field(
    ui: &mut Ui,
    hand: &Hand,
    [title, help, go]: [Word; 3],
    mut text: String,
    wrong: Option<String>,
) -> (String, bool) {
    ui.label(RichText::new(hand.word(title)).heading());
    let name = hand.word(title);
    let response =
        ui.add(TextEdit::singleline(&mut text).hint_text(name).desired_width(f32::INFINITY));
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if !entered {
        response.request_focus();
    }
    ui.label(RichText::new(hand.word(help)).weak());
    if let Some(wrong) = wrong {
        ui.label(RichText::new(wrong).color(hand.colour(Hue::Danger)));
    }
    let clicked = ui.button(hand.word(go)).clicked();
    (text, entered || clicked)
}
