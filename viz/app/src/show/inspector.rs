//! The inspector: what happened and why, the numbers of what is picked, the rule behind a number, and what changed.

use eframe::egui;
use egui::{RichText, ScrollArea, Ui};
use klamm_node::event::{CATALOGUE, Event, Field, Named};
use klamm_node::{NodeId, Seq};
use klamm_scene::{Subject, WhyPart, sentence, short_time};
use klamm_trace::LAB;

use super::hand::Hand;
use super::invariants;
use super::long::rows;
use crate::action::Action;
use crate::lab::{Inspect, Lab, Listed};
use crate::subjects::label;
use crate::words::Word;

/// What a click in the inspector leads to.
enum Click {
    Ask(Subject),
    Go(Seq),
    Pick(NodeId),
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
        Click::Pick(node) => lab.pick_node(node),
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
    let name = lab.name(event.node);
    let place = hand.say(Word::EventPlace, &[&name, &short_time(event.time)]);
    if event.node == LAB {
        ui.label(place);
    } else {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let (before, after) = place.split_once(name).unwrap_or((&place, ""));
            ui.label(before);
            if ui.link(name).clicked() {
                click = Some(Click::Pick(event.node));
            }
            ui.label(after);
        });
    }
    if let Some(info) = CATALOGUE.iter().find(|info| info.name == event.kind.name()) {
        let doc: String = info.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        ui.label(RichText::new(doc).weak());
    }
    ui.add_space(4.0);
    event.kind.visit(&mut |key, value| {
        if !value.is_silent() {
            click = field(lab, key, value, ui).map(Click::Pick).or_else(|| click.take());
        }
    });
    hand.title(ui, Word::Because);
    if let Some(chain) = &cause.chain {
        for hop in chain.hops.iter().skip(1) {
            let what = format!("{} {}", lab.name(hop.node), hop.text);
            let text = hand.say(Word::EventNumbered, &[&hop.seq, &short_time(hop.time), &what]);
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
        let what = sentence(effect, lab.cursor().view());
        let text = hand.say(Word::EventNumbered, &[&effect.seq, &short_time(effect.time), &what]);
        if link(ui, &text) {
            click = Some(Click::Go(effect.seq));
        }
    }
    click
}

/// A field of an event. The nodes that it names are called what they are called everywhere, and can be picked.
fn field(lab: &Lab, key: &str, value: &dyn Field, ui: &mut Ui) -> Option<NodeId> {
    let table = lab.trace().nodes();
    let mut nodes = Vec::new();
    value.each_node(&mut |named| {
        nodes.push(match named {
            Named::Node(node) => Some(node),
            Named::Id(id) => table.node_of(id),
        });
    });
    let known: Option<Vec<NodeId>> = nodes.into_iter().collect();
    let Some(nodes) = known.filter(|nodes| !nodes.is_empty()) else {
        let mut said = String::new();
        if value.show(&mut said).is_ok() {
            ui.label(format!("{key} = {said}"));
        }
        return None;
    };
    let mut picked = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.label(format!("{key} = "));
        for (at, node) in nodes.into_iter().enumerate() {
            if at > 0 {
                ui.label(", ");
            }
            if ui.link(table.name(node)).clicked() {
                picked = Some(node);
            }
        }
    });
    picked
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

fn state(lab: &mut Lab, ui: &mut Ui, hand: &Hand) -> Option<Click> {
    let listed = lab.listed(false, hand.language);
    if listed.lines.is_empty() {
        ui.label(hand.word(Word::StateHelp));
    }
    lines(&listed, ui)
}

/// A list of numbers, each of which can be asked about.
fn lines(listed: &Listed, ui: &mut Ui) -> Option<Click> {
    let mut click = None;
    let texts = listed.lines.iter().map(|(_, text)| text.as_str());
    rows(ui, &listed.heights, texts, |ui, index| {
        let Some((subject, text)) = listed.lines.get(index) else { return };
        if link(ui, text) {
            click = Some(Click::Ask(subject.clone()));
        }
    });
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
    lines(&lab.listed(true, hand.language), ui).or(click)
}
