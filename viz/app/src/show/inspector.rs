//! The inspector: what happened and why, the numbers of what is picked, the rule behind a number, and what changed.

use eframe::egui;
use egui::{RichText, ScrollArea, Ui};
use klamm_node::Seq;
use klamm_node::event::{CATALOGUE, Event};
use klamm_scene::{Subject, WhyPart, sentence, short_time};

use super::hand::Hand;
use super::invariants;
use crate::action::Action;
use crate::lab::{Inspect, Lab};
use crate::subjects::label;
use crate::words::Word;

/// What a click in the inspector leads to.
enum Click {
    Ask(Subject),
    Go(Seq),
    Since(bool),
}

/// Draws the pane.
pub(super) fn show(lab: &mut Lab, ui: &mut Ui, hand: &mut Hand) {
    ui.horizontal_wrapped(|ui| {
        for page in Inspect::ALL {
            let (action, word) = match page {
                Inspect::Event => (Action::Inspect(page), Word::InspectTabEvent),
                Inspect::State => (Action::Inspect(page), Word::InspectTabState),
                Inspect::Why => (Action::Why, Word::InspectTabWhy),
                Inspect::Diff => (Action::Inspect(page), Word::InspectTabDiff),
                Inspect::Invariants => (Action::Inspect(page), Word::InspectTabInvariants),
            };
            let text = hand.word(word);
            hand.short(ui, action, text, lab.inspect == page);
        }
    });
    ui.separator();
    let click = ScrollArea::vertical()
        .id_salt("inspector")
        .auto_shrink(false)
        .show(ui, |ui| match lab.inspect {
            Inspect::Event => event(lab, ui, hand),
            Inspect::State => {
                deeds(lab, ui, hand);
                state(lab, ui, hand)
            }
            Inspect::Why => why(lab, ui, hand),
            Inspect::Diff => diff(lab, ui, hand),
            Inspect::Invariants => invariants::show(lab, ui, hand).map(Click::Go),
        })
        .inner;
    let Some(click) = click else { return };
    match click {
        Click::Ask(subject) => lab.ask(subject),
        Click::Go(seq) => {
            lab.selection.event = None;
            lab.go(seq);
        }
        Click::Since(bookmark) => lab.since_bookmark = bookmark,
    }
    ui.ctx().request_repaint();
}

fn event(lab: &mut Lab, ui: &mut Ui, hand: &Hand) -> Option<Click> {
    let Some(cause) = lab.cause() else {
        ui.label(hand.word(Word::NoEvent));
        return None;
    };
    let mut click = None;
    let event = &cause.event;
    let head = hand.say(Word::EventHead, &[&event.seq, &event.kind.name()]);
    ui.label(RichText::new(head).heading());
    ui.label(hand.say(Word::EventPlace, &[&lab.name(event.node), &short_time(event.time)]));
    if let Some(info) = CATALOGUE.iter().find(|info| info.name == event.kind.name()) {
        let doc: String = info.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        ui.label(RichText::new(doc).weak());
    }
    ui.add_space(4.0);
    event.kind.visit(&mut |key, value| {
        let mut said = String::new();
        if !value.is_silent() && value.show(&mut said).is_ok() {
            ui.label(format!("{key} = {said}"));
        }
    });
    hand.title(ui, Word::Because);
    if let Some(chain) = &cause.chain {
        for hop in chain.hops.iter().skip(1) {
            let text = format!("{} {} {}", short_time(hop.time), lab.name(hop.node), hop.text);
            if link(ui, &text) {
                click = Some(Click::Go(hop.seq));
            }
        }
        if let Some(line) = chain.line {
            ui.label(hand.say(Word::ScenarioLine, &[&line]));
        } else if chain.hops.len() < 2 {
            ui.label(hand.word(Word::Nothing));
        }
    }
    hand.title(ui, Word::Caused);
    let effects: Vec<&Event> =
        cause.effects.iter().filter(|effect| !lab.hides(effect.seq)).collect();
    if effects.is_empty() {
        ui.label(hand.word(Word::Nothing));
    }
    for effect in effects {
        let text = format!("{} {}", short_time(effect.time), sentence(effect, lab.cursor().view()));
        if link(ui, &text) {
            click = Some(Click::Go(effect.seq));
        }
    }
    click
}

/// A link that takes as many lines as it needs.
fn link(ui: &mut Ui, text: &str) -> bool {
    ui.link(text).clicked()
}

/// What can be done to what is picked, at this moment.
fn deeds(lab: &Lab, ui: &mut Ui, hand: &mut Hand) {
    let picked = match (lab.picked_node(), &lab.selection.partition, &lab.selection.group) {
        (Some(node), _, _) => match lab.selection.nodes.as_slice() {
            [one, two] => format!("{}, {}", lab.name(*one), lab.name(*two)),
            _ => lab.name(node).to_owned(),
        },
        (None, Some(partition), _) => partition.to_string(),
        (None, None, Some(group)) => group.to_string(),
        (None, None, None) => return,
    };
    ui.label(RichText::new(hand.say(Word::AtThisMoment, &[&picked])).strong());
    ui.horizontal_wrapped(|ui| {
        for deed in lab.deeds() {
            let choices = lab.choices(deed);
            let refused = match &choices {
                Ok(all) => {
                    let can = all.iter().any(|choice| choice.refused.is_none());
                    all.first().and_then(|first| first.refused).filter(|_| !can)
                }
                Err(why) => Some(*why),
            };
            hand.deed(ui, deed, refused);
        }
        hand.button(ui, Action::Deeds);
    });
    ui.separator();
}

fn state(lab: &Lab, ui: &mut Ui, hand: &Hand) -> Option<Click> {
    let mut click = None;
    let all = lab.state();
    if all.is_empty() {
        ui.label(hand.word(Word::StateHelp));
    }
    let table = lab.trace().nodes();
    for (subject, value) in all {
        let text = format!("{}: {value}", label(&subject, table, hand.language));
        if link(ui, &text) {
            click = Some(Click::Ask(subject));
        }
    }
    click
}

fn why(lab: &mut Lab, ui: &mut Ui, hand: &mut Hand) -> Option<Click> {
    let Some(subject) = lab.asked().last().cloned() else {
        ui.label(hand.word(Word::WhyHelp));
        return None;
    };
    if lab.asked().len() > 1 {
        hand.button(ui, Action::WhyBack);
    }
    let name = label(&subject, lab.trace().nodes(), hand.language);
    let Some(answer) = lab.answer(hand.style) else {
        ui.label(RichText::new(name).heading());
        ui.label(hand.word(Word::WhyGone));
        return None;
    };
    let mut click = None;
    ui.label(RichText::new(hand.say(Word::WhyIs, &[&name, &answer.value])).heading());
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        for part in &answer.rule {
            match part {
                WhyPart::Text(text) => {
                    ui.label(text);
                }
                WhyPart::Value(text, subject) => {
                    let about = label(subject, lab.trace().nodes(), hand.language);
                    if ui.link(text).on_hover_text(about).clicked() {
                        click = Some(Click::Ask(subject.clone()));
                    }
                }
                WhyPart::Event(text, seq) => {
                    if ui.link(text).clicked() {
                        click = Some(Click::Go(*seq));
                    }
                }
            }
        }
    });
    ui.add_space(6.0);
    match &answer.changed {
        Some(changed) => {
            if link(ui, &changed.text) {
                click = Some(Click::Go(changed.seq));
            }
        }
        None => {
            ui.label(hand.word(Word::NeverChanged));
        }
    }
    click
}

fn diff(lab: &mut Lab, ui: &mut Ui, hand: &mut Hand) -> Option<Click> {
    let mut click = None;
    ui.horizontal_wrapped(|ui| {
        for (since, word) in [(false, Word::SinceEvent), (true, Word::SinceBookmark)] {
            let chosen = lab.since_bookmark == since;
            if ui.selectable_label(chosen, hand.word(word)).clicked() {
                click = Some(Click::Since(since));
            }
        }
        hand.button(ui, Action::Compare);
    });
    let changes = lab.changes();
    if changes.all.is_empty() {
        ui.label(hand.say(Word::NothingChanged, &[&changes.since]));
    }
    let table = lab.trace().nodes();
    for change in &changes.all {
        let name = label(&change.subject, table, hand.language);
        let text = hand.say(Word::ChangedFrom, &[&name, &change.before, &change.after]);
        if link(ui, &text) {
            click = Some(Click::Ask(change.subject.clone()));
        }
    }
    click
}
