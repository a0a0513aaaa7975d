//! The page of invariants: which hold up to here, and where the others broke first.

use eframe::egui;
use egui::{RichText, Ui};
use klamm_node::Seq;
use klamm_scene::{Hue, short_time};
use klamm_trace::{INVARIANTS, InvariantInfo, Severity};

use super::hand::Hand;
use crate::lab::Lab;
use crate::meanings::meaning;
use crate::words::Word;

/// Draws the page; where a click leads.
pub(super) fn show(lab: &Lab, ui: &mut Ui, hand: &Hand) -> Option<Seq> {
    let mut to = None;
    let here = lab.seq();
    let first = |code: &str| {
        let mut all = lab.violations().filter(|violation| violation.id.code() == code);
        all.next()
    };
    let past = INVARIANTS.iter().filter(|it| first(it.code).is_some_and(|it| it.seq <= here));
    let held = INVARIANTS.len() - past.count();
    ui.label(RichText::new(hand.say(Word::InvariantsHold, &[&held, &INVARIANTS.len()])).strong());
    ui.add_space(4.0);
    // What broke first comes first: that is what one looks for.
    let mut all: Vec<&InvariantInfo> = INVARIANTS.iter().collect();
    all.sort_by_key(|info| first(info.code).map_or(Seq(u64::MAX), |violation| violation.seq));
    for info in all {
        let doc = meaning(info, hand.language);
        match first(info.code) {
            Some(violation) => {
                let at = short_time(violation.time);
                let what =
                    hand.say(Word::InvariantBroken, &[&at, &violation.seq, &violation.sentence]);
                let text = RichText::new(format!("{} {}: {what}", info.code, info.name));
                let weak = violation.severity == Severity::Amber;
                let hue = if weak { Hue::Warning } else { Hue::Danger };
                let text = if violation.seq <= here { text.color(hand.colour(hue)) } else { text };
                let response = ui.add(egui::Button::selectable(violation.seq == here, text).wrap());
                if response.clicked() {
                    to = Some(violation.seq);
                }
                // What it means is read by those too who have no mouse.
                ui.label(RichText::new(doc).weak());
                if weak {
                    ui.label(RichText::new(hand.word(Word::InvariantsWeak)).weak());
                }
            }
            None => {
                let holds = hand.word(Word::InvariantHolds);
                ui.label(format!("{} {}: {holds}", info.code, info.name)).on_hover_text(doc);
            }
        }
    }
    to
}
