//! The toolbar: where one is, walking through the run, and the program's own buttons.

use eframe::egui;
use egui::{RichText, Ui};
use klamm_scene::Step;

use super::hand::{Hand, Icon};
use crate::action::Action;
use crate::window::Window;
use crate::words::Word;

/// Draws the toolbar.
pub(super) fn show(window: &Window, ui: &mut Ui, hand: &mut Hand) {
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        hand.short(ui, Action::Library, hand.word(Word::Library), false);
        if let Some(lab) = window.lab() {
            ui.label(RichText::new(lab.source().name()).strong());
            ui.label(hand.say(Word::Seed, &[&lab.trace().header().seed]));
            ui.separator();
            hand.icon(ui, Action::First, Icon::First);
            hand.icon(ui, Action::Previous(Step::Interesting), Icon::Back);
            hand.icon(ui, Action::Previous(Step::Event), Icon::Previous);
            hand.icon(ui, Action::PlayPause, Icon::PlayPause);
            hand.icon(ui, Action::Next(Step::Event), Icon::Next);
            hand.icon(ui, Action::Next(Step::Interesting), Icon::On);
            hand.icon(ui, Action::Last, Icon::Last);
            hand.short(ui, Action::Slower, "-", false);
            ui.label(hand.say(Word::Speed, &[&lab.playback.speed()]));
            hand.short(ui, Action::Faster, "+", false);
            ui.separator();
            for (step, word) in [
                (Step::Event, Word::InspectTabEvent),
                (Step::Message, Word::UnitMessage),
                (Step::Interesting, Word::UnitInteresting),
                (Step::Beat, Word::UnitBeat),
            ] {
                let text = hand.word(word);
                hand.short(ui, Action::PlayBy(step), text, lab.playback.by == step);
            }
            ui.separator();
            let text = hand.word(Word::UnitFuture);
            hand.short(ui, Action::HideFuture, text, lab.hide_future);
            let here = lab.bookmarks().contains(&lab.seq());
            let text = hand.word(Word::Bookmarks);
            hand.short(ui, Action::Bookmark, text, here);
            let text = hand.word(Word::Breakpoints);
            hand.short(ui, Action::Break, text, !lab.breakpoints().is_empty());
        }
        if window.lab().is_some() {
            ui.separator();
            let text = hand.word(Word::UnitCompare);
            hand.short(ui, Action::Compare, text, window.compare.is_some());
            let text = hand.word(Word::UnitEdit);
            hand.short(ui, Action::Editor, text, window.editor().is_some());
        }
        ui.separator();
        hand.short(ui, Action::Commands, "Ctrl+K", false);
        hand.short(ui, Action::Shortcuts, "?", false);
        let language = hand.word(Word::OtherLanguage);
        hand.short(ui, Action::Language, language, false);
        let palette = hand.word(Word::UnitPalette);
        hand.short(ui, Action::Palette, palette, false);
    });
    ui.add_space(2.0);
}
