//! The editor: the text with its line numbers, and below it what is wrong, each a way to its place.

use std::sync::Arc;

use eframe::egui;
use egui::text::{CCursor, CCursorRange, LayoutJob};
use egui::{
    Align, Color32, FontId, Galley, RichText, ScrollArea, TextBuffer, TextEdit, TextFormat, Ui,
};
use klamm_scenario::Diagnostic;
use klamm_scene::Hue;

use super::hand::{Hand, color};
use crate::action::Action;
use crate::window::Window;
use crate::words::Word;

/// The height of letters at text size 100: in columns they are smaller than elsewhere.
const SIZE: f32 = 14.5;

/// The width of the line numbers, at text size 100.
const GUTTER: f32 = 38.0;

/// Draws the editor, if there is one.
pub(super) fn show(window: &mut Window, ui: &mut Ui, hand: &mut Hand) {
    let Some(editor) = &mut window.editor else { return };
    let changed = editor.is_changed();
    ui.horizontal_wrapped(|ui| {
        let name = editor.name().to_owned();
        let title = if changed { hand.say(Word::EditorChanged, &[&name]) } else { name };
        ui.label(RichText::new(title).strong());
        hand.button(ui, Action::RunEdited);
        hand.button(ui, Action::SaveBranch);
        hand.short(ui, Action::Editor, hand.word(Word::Close), false);
    });
    let found: Vec<Diagnostic> = editor.mistakes().to_vec();
    let height = ui.available_height();
    let below = if found.is_empty() { 30.0 } else { (height * 0.34).min(260.0) };
    let danger = hand.theme.tint(Hue::Danger, 25);
    let (ink, tint) = (color(hand.theme.ink), color(danger));
    let size = SIZE * f32::from(hand.style.scale) / 100.0;
    let gutter = GUTTER * size / SIZE;
    let jump = editor.jump.take();
    ScrollArea::both().id_salt("editor").max_height(height - below).auto_shrink(false).show(
        ui,
        |ui| {
            let mut layouter = |ui: &Ui, text: &dyn TextBuffer, _wrap: f32| -> Arc<Galley> {
                let job = laid_out(text.as_str(), &found, size, ink, tint);
                ui.fonts_mut(|fonts| fonts.layout_job(job))
            };
            let id = egui::Id::unique("the scenario's text");
            let name = hand.word(Word::EditorText);
            let (cursor, to) = place(&editor.text, jump);
            if let Some(cursor) = cursor {
                let mut state =
                    egui::text_edit::TextEditState::load(ui.ctx(), id).unwrap_or_default();
                state.cursor.set_char_range(Some(CCursorRange::one(cursor)));
                state.store(ui.ctx(), id);
                ui.ctx().memory_mut(|memory| memory.request_focus(id));
            }
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 2.0;
                ui.add_space(gutter);
                let field = TextEdit::multiline(&mut editor.text)
                    .id(id)
                    .code_editor()
                    .hint_text(name)
                    .desired_width(f32::INFINITY)
                    .desired_rows(30)
                    .layouter(&mut layouter);
                let output = field.show(ui);
                numbers(ui, &output.galley, output.galley_pos, gutter, (size, hand));
                if let Some(cursor) = to {
                    let rect = output.galley.pos_from_cursor(cursor);
                    ui.scroll_to_rect(
                        rect.translate(output.galley_pos.to_vec2()),
                        Some(Align::Center),
                    );
                }
            });
        },
    );
    ui.separator();
    if found.is_empty() {
        ui.label(hand.word(Word::NoMistakes));
        return;
    }
    ui.label(RichText::new(hand.say(Word::MistakesFound, &[&found.len()])).strong());
    ScrollArea::vertical().id_salt("mistakes").auto_shrink(false).show(ui, |ui| {
        for mistake in &found {
            let place = hand.say(Word::AtLine, &[&mistake.line, &mistake.column]);
            let text = RichText::new(format!("{place}: {}", mistake.message));
            let text = text.color(hand.colour(Hue::Danger));
            if ui.add(egui::Button::selectable(false, text).wrap()).clicked() {
                editor.jump = Some(mistake.span.start);
                ui.ctx().request_repaint();
            }
            for more in mistake.help.iter().chain(&mistake.notes) {
                ui.label(format!("  {more}"));
            }
        }
    });
}

/// Where the cursor goes for a byte of the text.
fn place(text: &str, jump: Option<usize>) -> (Option<CCursor>, Option<CCursor>) {
    let count = |at: usize| text.char_indices().take_while(|(byte, _)| *byte < at).count();
    let cursor = jump.map(|at| CCursor::new(count(at)));
    (cursor, cursor)
}

/// The text, with what is wrong on a ground of its own.
fn laid_out(text: &str, found: &[Diagnostic], size: f32, ink: Color32, tint: Color32) -> LayoutJob {
    let plain = TextFormat::simple(FontId::monospace(size), ink);
    let marked = TextFormat { background: tint, ..plain.clone() };
    let mut job = LayoutJob::default();
    job.wrap.max_width = f32::INFINITY;
    let mut at = 0;
    for mistake in found {
        let start = mistake.span.start.max(at);
        let end = mistake.span.end.max(start);
        let (Some(before), Some(wrong)) = (text.get(at..start), text.get(start..end)) else {
            continue;
        };
        job.append(before, 0.0, plain.clone());
        job.append(wrong, 0.0, marked.clone());
        at = end;
    }
    job.append(text.get(at..).unwrap_or_default(), 0.0, plain);
    job
}

/// The lines' numbers, beside their lines.
fn numbers(ui: &Ui, galley: &Galley, at: egui::Pos2, gutter: f32, (size, hand): (f32, &Hand)) {
    let font = FontId::monospace(size);
    let quiet = color(hand.theme.quiet);
    let mut line = 1_u32;
    let mut begins = true;
    for row in &galley.rows {
        let place = egui::pos2(at.x - 8.0, at.y + row.pos.y);
        let visible = ui.clip_rect().y_range().contains(place.y);
        if begins && visible && place.x - gutter < ui.clip_rect().max.x {
            let right = egui::Align2::RIGHT_TOP;
            ui.painter().text(place, right, line.to_string(), font.clone(), quiet);
        }
        begins = row.ends_with_newline;
        line += u32::from(begins);
    }
}
