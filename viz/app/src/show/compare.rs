//! Two runs side by side: where they part, both pictures, what differs, and one timeline.

use eframe::egui;
use egui::{Align, CentralPanel, Layout, Panel, RichText, ScrollArea, Ui, UiBuilder};
use klamm_node::Seq;
use klamm_node::event::Event;
use klamm_scene::{Hue, Subject, sentence, short_time};
use klamm_trace::{Matter, Parting, Turn};

use super::hand::Hand;
use super::{inspector, stage, timeline};
use crate::action::Action;
use crate::compare::With;
use crate::lab::Lab;
use crate::subjects::label;
use crate::window::{Overlay, Screen, Window};
use crate::words::Word;

/// Draws both runs.
pub(super) fn show(window: &mut Window, ui: &mut Ui, hand: &mut Hand) {
    let shown = window.branches.shown();
    let titles = |index: usize| {
        let all = window.branches.all();
        all.get(index).map(|branch| branch.title(hand.language)).unwrap_or_default()
    };
    let (Some(compare), Screen::Lab(lab)) = (&mut window.compare, &mut window.screen) else {
        return;
    };
    let titles = [
        hand.say(Word::SideFirst, &[&titles(shown)]),
        hand.say(Word::SideSecond, &[&titles(compare.index())]),
    ];
    let parted = compare.parted().map(|found| found.cloned());
    let noted = compare.noted().map(|found| found.cloned());
    let differences = compare.differences(lab);
    let differ = compare.subjects(lab);
    let (mut to, mut to_parting) = (None, false);
    Panel::bottom("both timelines").resizable(true).default_size(190.0).show(ui, |ui| {
        timeline::show(lab, compare.other(), ui, hand);
    });
    Panel::right("differences").resizable(true).default_size(320.0).show(ui, |ui| {
        // What is asked about is answered for the first run.
        Panel::bottom("inspector of the first").resizable(true).default_size(230.0).show(
            ui,
            |ui| {
                ui.label(RichText::new(titles[0].as_str()).weak());
                inspector::show(lab, ui, hand);
            },
        );
        hand.button(ui, Action::Compare);
        ui.separator();
        ScrollArea::vertical().id_salt("differences").auto_shrink(false).show(ui, |ui| {
            match &parted {
                None => {
                    ui.label(hand.word(Word::StillRuns));
                }
                Some(None) => {
                    ui.label(RichText::new(hand.word(Word::SameRun)).strong());
                }
                Some(Some(parted)) => {
                    match &noted {
                        Some(Some(noted)) => {
                            let text = told_parting(noted, lab, hand);
                            to_parting = ui.link(RichText::new(text).strong()).clicked();
                            ui.separator();
                        }
                        Some(None) => {
                            ui.label(RichText::new(hand.word(Word::PartInTimes)).strong());
                            ui.separator();
                        }
                        None => {}
                    }
                    let text = hand.say(Word::PartAt, &[&parted.seq, &parted.field]);
                    let text = RichText::new(text);
                    let text = if noted.is_none() { text.strong() } else { text };
                    if ui.link(text).clicked() {
                        to = Some(parted.seq);
                    }
                    for (title, event, side) in [
                        (&titles[0], &parted.left, Some(&**lab)),
                        (&titles[1], &parted.right, compare.other()),
                    ] {
                        let told = event.as_ref().zip(side).map(|(event, side)| told(event, side));
                        let none = || hand.word(Word::EndsHere).to_owned();
                        ui.label(RichText::new(title.as_str()).weak());
                        ui.label(told.unwrap_or_else(none));
                    }
                }
            }
            ui.separator();
            ui.label(RichText::new(hand.say(Word::Differences, &[&differences.len()])).strong());
            for change in differences.iter() {
                let name = label(&change.subject, lab.trace().nodes(), hand.language);
                let text = hand.say(Word::DiffersBy, &[&name, &change.before, &change.after]);
                if ui.link(text).clicked() {
                    lab.ask(change.subject.clone());
                }
            }
        });
    });
    CentralPanel::default().show(ui, |ui| {
        stage::tabs(lab, ui, hand);
        let whole = ui.available_rect_before_wrap();
        let (left, right) = whole.split_left_right_at_fraction(0.5);
        let mut picked = None;
        for (at, rect) in [left.shrink(3.0), right.shrink(3.0)].into_iter().enumerate() {
            let layout = Layout::top_down(Align::Min);
            let mut half = ui.new_child(UiBuilder::new().id_salt(at).max_rect(rect).layout(layout));
            half.shrink_clip_rect(rect);
            let (tab, zoom, selection) = (lab.tab, lab.zoom, lab.selection.clone());
            let (marked, hidden) = (lab.marked().cloned(), lab.hide_future);
            let side = if at == 0 { Some(&mut **lab) } else { compare.other_mut() };
            let Some(side) = side else {
                half.label(hand.word(Word::StillRuns));
                continue;
            };
            // Both are looked at alike.
            (side.tab, side.zoom, side.selection) = (tab, zoom, selection.clone());
            side.hide_future = hidden;
            side.mark_value(marked);
            let here = short_time(side.cursor().view().now);
            let text = hand.say(Word::SideAt, &[&titles[at], &here, &side.seq()]);
            let text = RichText::new(text).strong().color(hand.colour(hue(at)));
            half.add(egui::Label::new(text).truncate());
            stage::picture(side, &mut half, hand, &differ, stage::Size::Side(at));
            if side.selection != selection {
                picked = Some(side.selection.clone());
            }
        }
        // What is picked on one side is picked on both.
        if let Some(picked) = picked {
            lab.selection = picked;
        }
    });
    if let Some(seq) = to {
        lab.go(Seq(seq.0.min(lab.trace().last().0)));
        ui.ctx().request_repaint();
    }
    if to_parting {
        compare.go_to_parting(lab);
        ui.ctx().request_repaint();
    }
}

/// What the cluster did otherwise first, with when and how on either side.
fn told_parting(parting: &Parting, lab: &Lab, hand: &Hand) -> String {
    let named = |subject| label(&subject, lab.trace().nodes(), hand.language);
    let matter = match &parting.matter {
        Matter::Leader(partition) => named(Subject::Leader(partition.clone())),
        Matter::Isr(partition) => named(Subject::Isr(partition.clone())),
        Matter::Group(group) => named(Subject::GroupState(group.clone())),
        Matter::Record(record) => hand.say(Word::RecordNumbered, &[record]),
    };
    let turn = |turn: &Option<Turn>| match turn {
        None => hand.word(Word::PartStays).to_owned(),
        Some(turn) => {
            let value = if turn.value.is_empty() { "–" } else { &turn.value };
            hand.say(Word::PartTurn, &[&value, &short_time(turn.time)])
        }
    };
    hand.say(Word::PartNoted, &[&matter, &turn(&parting.left), &turn(&parting.right)])
}

/// The colour of a side; its letter says the same.
fn hue(side: usize) -> Hue {
    if side == 0 { Hue::Leader } else { Hue::Txn }
}

/// An event as a sentence, with its time and node.
fn told(event: &Event, side: &Lab) -> String {
    let view = side.trace().view_at(event.seq);
    format!("{} {}: {}", short_time(event.time), side.name(event.node), sentence(event, &view))
}

/// Draws the choice of what to compare with; what is left of it.
pub(super) fn choose(
    seed: u64,
    parent: Option<usize>,
    mut text: String,
    ui: &mut Ui,
    hand: &mut Hand,
) -> Option<Overlay> {
    ui.label(RichText::new(hand.word(Word::Compare)).heading());
    let hint = hand.word(Word::CompareHelp);
    let field = egui::TextEdit::singleline(&mut text).hint_text(hint).desired_width(f32::INFINITY);
    let response = ui.add(field);
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
    if !entered {
        response.request_focus();
    }
    ui.label(RichText::new(hint).weak());
    let words: Vec<String> = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let number = text.trim().parse::<u64>().ok().filter(|number| *number != seed);
    let mut lines: Vec<(String, With)> = Vec::new();
    let of_seed = |seed: u64, hand: &Hand| (hand.say(Word::Seed, &[&seed]), With::Seed(seed));
    if let Some(number) = number {
        lines.push(of_seed(number, hand));
    }
    // Where the branch was made from comes first: that is what one mostly asks.
    let mut others: Vec<_> = hand.branches.iter().filter(|(_, _, _, shown)| !shown).collect();
    others.sort_by_key(|(index, ..)| Some(*index) != parent);
    for (index, _, title, _) in others {
        if words.iter().all(|word| title.to_lowercase().contains(word)) {
            lines.push((title.clone(), With::Branch(*index)));
        }
    }
    if words.is_empty() {
        lines.push(of_seed(seed.wrapping_add(1), hand));
    }
    let mut chosen = lines.first().filter(|_| entered).map(|(_, with)| *with);
    for (at, (line, with)) in lines.iter().enumerate() {
        let button = egui::Button::selectable(at == 0, line);
        if ui.add_sized([ui.available_width(), 0.0], button).clicked() {
            chosen = Some(*with);
        }
    }
    if lines.is_empty() {
        ui.label(hand.word(Word::NothingFound));
    }
    match chosen {
        None => Some(Overlay::Compare(text)),
        Some(with) => {
            hand.compare = Some(with);
            None
        }
    }
}
