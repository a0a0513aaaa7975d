//! Cluster: who is there, what each is and holds, what is on its way between them, and where a belief is not the truth.
//!
//! Controllers stand above, brokers in the middle (by rack, if they have racks), producers to the left, consumers to the right.
//! Nothing moves from its place because something else comes or goes.

use klamm_node::{BrokerId, NodeId, TopicPartition};
use klamm_trace::{NodeKind, ProcessState};

use crate::geometry::{Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::scene::{Anchor, Dash, Ink, Look, Role, Stroke, Type};
use crate::stage::{Draw, MARGIN, Zoom, is_internal};
use crate::subject::Subject;
use crate::text;
use crate::theme::Hue;

mod blocks;
mod chips;
mod layout;
mod links;

use layout::Layout;

/// Draws the tab.
pub(crate) fn draw(draw: &mut Draw<'_>) {
    let layout = Layout::new(draw);
    racks(draw, &layout);
    links::ways(draw, &layout);
    doer(draw, &layout);
    for (node, place) in layout.controllers.clone() {
        controller(draw, node, place);
    }
    for (node, place) in layout.brokers.clone() {
        broker(draw, &layout, node, place);
    }
    for (node, place) in layout.clients.clone() {
        client(draw, node, place);
    }
    links::frames(draw, &layout);
    draw.y = layout.bottom;
    legend(draw);
}

/// A band behind the brokers of each rack.
fn racks(draw: &mut Draw<'_>, layout: &Layout) {
    let (faint, small) = (draw.theme.faint, draw.small());
    for (rack, place) in &layout.racks {
        let name = draw.say(Phrase::Rack, &[rack]);
        draw.canvas.object(format!("rack:{rack}"), Role::Area, name.clone(), |ink| {
            ink.rect(*place, px(8), Look::edge(Stroke::new(faint, 15).dash(Dash::Dashed)));
            ink.text(at(place.x + px(10), place.y + small.size + px(3)), small, name);
        });
    }
}

/// A quiet outline around whose event this is: one may have come here by a jump, and then nothing moves that would show it.
fn doer(draw: &mut Draw<'_>, layout: &Layout) {
    let Some(event) = draw.event() else { return };
    let Some(place) = layout.place(event.node) else { return };
    let node = draw.name_of(event.node);
    let name = draw.say(Phrase::CaptionEvent, &[&event.seq, &event.kind.name(), &node]);
    let (id, edge) = (format!("doer:{node}"), Stroke::new(draw.theme.quiet, px(2)));
    draw.canvas.object(id, Role::Note, name, |ink| {
        ink.rect(place.inset(-px(5)), px(11), Look::edge(edge));
    });
}

/// How a process that does not run is said and drawn.
fn down(draw: &Draw<'_>, node: NodeId) -> Option<&'static str> {
    let state = draw.view().nodes.get(&node).map(|node| node.state).unwrap_or_default();
    (state != ProcessState::Up).then(|| draw.word(crate::words::process(state)))
}

/// A member of the quorum, as a hexagon.
fn controller(draw: &mut Draw<'_>, node: NodeId, place: Rect) {
    let view = draw.view();
    let Some(state) = view.nodes.get(&node) else { return };
    let active = state.active.is_some();
    let role = crate::words::quorum(&state.raft.role).map_or("–", |phrase| draw.word(phrase));
    let gone = down(draw, node);
    let name_of = draw.name_of(node).to_owned();
    let says = gone.unwrap_or(role);
    let epoch = draw.say(Phrase::EpochShort, &[&state.raft.epoch]);
    let mut name = vec![name_of.clone(), says.to_owned(), epoch.clone()];
    if active {
        name.push(draw.word(Phrase::ActiveController).to_owned());
    }
    let (ink_colour, hue) = (draw.theme.ink, draw.theme.hue(Hue::Leader));
    let edge = if active { Stroke::new(hue, px(3)) } else { Stroke::new(ink_colour, 12) };
    let edge = match state.raft.role.as_ref() {
        "candidate" | "prospective" | "resigned" | "unattached" => edge.dash(Dash::Dashed),
        _ => edge,
    };
    let (strong, small) = (draw.strong(), draw.small());
    let (panel, faint) = (draw.theme.panel, draw.theme.hue(Hue::Out));
    let (step, crown) = (draw.em(17), draw.em(8));
    draw.canvas.object(format!("node:{name_of}"), Role::Stop, name.join(", "), |ink| {
        let centre = place.centre();
        ink.hexagon(centre, place.w, place.h, Look::both(panel, edge));
        if gone.is_some() {
            ink.hatch(place.inset(place.h / 4), px(8), Stroke::new(faint, 10));
        }
        if active {
            ink.crown(at(centre.x, place.y - crown / 2), crown, hue);
        }
        let middle = |kind: Type| kind.anchor(Anchor::Middle);
        let room = place.w - place.h * 2 / 3;
        ink.fitted(centre.by(0, -step / 3 * 2), middle(strong), &name_of, room);
        let subject =
            if gone.is_some() { Subject::Process(node) } else { Subject::QuorumRole(node) };
        ink.value(subject, says, |ink| {
            ink.fitted(centre.by(0, step / 3), middle(small.colour(ink_colour)), says, room)
        });
        ink.value(Subject::QuorumEpoch(node), epoch.clone(), |ink| {
            ink.fitted(
                centre.by(0, step / 3 + step),
                middle(small.colour(ink_colour)),
                &epoch,
                room,
            )
        });
    });
}

/// A broker as a card with the replicas that it holds.
fn broker(draw: &mut Draw<'_>, layout: &Layout, node: NodeId, place: Rect) {
    let view = draw.view();
    let Some(state) = view.nodes.get(&node) else { return };
    let Some(id) = draw.table().broker_of(node) else { return };
    let registered = view.brokers.get(&id);
    let gone = down(draw, node);
    let fenced = registered.is_none_or(|broker| broker.fenced);
    let says = match (gone, registered) {
        (Some(word), _) => word,
        (None, None) => draw.word(Phrase::NotRegistered),
        (None, Some(broker)) if broker.fenced => draw.word(Phrase::Fenced),
        (None, Some(broker)) if broker.shutting_down => draw.word(Phrase::ShuttingDown),
        (None, Some(_)) => draw.word(Phrase::Up),
    };
    // A process that is dead and not fenced yet: the metadata still counts on it.
    let believed = gone.is_some() && !fenced;
    let applied = state.applied.map_or_else(|| "–".to_owned(), |offset| offset.to_string());
    let metadata = draw.say(Phrase::MetadataShort, &[&applied]);
    let name_of = draw.name_of(node).to_owned();
    let name = draw.say(Phrase::BrokerCard, &[&name_of, &says, &metadata]);
    let (strong, small) = (draw.strong(), draw.small());
    let (ink_colour, out) = (draw.theme.ink, draw.theme.hue(Hue::Out));
    let warning = draw.theme.hue(Hue::Danger);
    let edge = if gone.is_some() { Stroke::new(out, px(2)) } else { Stroke::new(ink_colour, 18) };
    let edge = if fenced { edge.dash(Dash::Dashed) } else { edge };
    let panel = draw.theme.panel;
    let line = draw.em(18);
    let usual = gone.is_none() && registered.is_some_and(|it| !it.fenced && !it.shutting_down);
    let mut canvas = std::mem::take(&mut draw.canvas);
    canvas.object(format!("node:{name_of}"), Role::Stop, name, |ink| {
        ink.rect(place, px(8), Look::both(panel, edge));
        let (x, mut y) = (place.x + px(12), place.y + draw.em(22));
        let room = place.w - px(24);
        let beside = text::width(&name_of, strong.size) + px(10);
        // In a narrow card the name comes first, and what is usual goes without saying.
        let narrow = beside + text::width(says, small.size) > room;
        // It is what one has to see: it takes two lines if it must, or few words.
        let not_fenced = Phrase::NotFencedYet;
        let mut unaware = text::wrapped(draw.word(not_fenced), small.size, room);
        if narrow {
            unaware = vec![text::fitted(draw.word(Phrase::NotFencedShort), small.size, room)];
        } else if unaware.len() > 2 {
            // A card has no room for more than these two above its chips.
            let rest = unaware.split_off(1).join(" ");
            unaware.push(text::fitted(&rest, small.size, room));
        }
        let said = if believed { i32::try_from(unaware.len()).unwrap_or(1) } else { 1 };
        let said = said + i32::from(believed && narrow);
        if gone.is_some() {
            // Below the words, so that what has to be read first is not struck out.
            let from = y + line * said + draw.em(6);
            let below = Rect::new(place.x, from, place.w, (place.bottom() - from).max(0));
            ink.hatch(below.inset(px(3)), px(14), Stroke::new(draw.theme.faint, 12));
        }
        ink.numbered(at(x, y), strong, &name_of, room);
        if !narrow || !usual {
            let subject = if gone.is_some() { Subject::Process(node) } else { Subject::Fenced(id) };
            let colour = if gone.is_some() || fenced { warning } else { ink_colour };
            let there = if narrow { at(x, y + line) } else { at(x + beside, y) };
            ink.value(subject, says, |ink| ink.fitted(there, small.colour(colour), says, room));
        }
        y += line;
        if believed {
            y += if narrow { line } else { 0 };
            let text = draw.word(not_fenced);
            y = ink.value(Subject::Fenced(id), text, |ink| {
                let mut y = y;
                for text in unaware {
                    ink.text(at(x, y), small.colour(warning), text);
                    y += line;
                }
                y - line
            });
        } else if !narrow || usual {
            ink.value(Subject::Applied(node), metadata.clone(), |ink| {
                ink.fitted(at(x, y), small, &metadata, room)
            });
        }
        y += line / 2;
        let chips = Rect::new(x, y, room, place.bottom() - y - px(6));
        let chips_end = chips::draw(draw, layout, ink, id, chips);
        beliefs(draw, ink, node, at(x, chips_end + draw.em(15)), room, place.bottom() - px(6));
    });
    draw.canvas = canvas;
}

/// What a node believes of leaders that is not so: a line each, as far as there is room.
fn beliefs(
    draw: &Draw<'_>,
    ink: &mut Ink,
    node: NodeId,
    place: crate::geometry::Point,
    room: Tenths,
    bottom: Tenths,
) {
    let kind = draw.small().colour(draw.theme.hue(Hue::Danger));
    let mut y = place.y;
    let wrong = wrong_beliefs(draw, node);
    for (partition, leader) in &wrong {
        if y > bottom {
            break;
        }
        let text = belief_text(draw, partition, *leader);
        let subject = Subject::BelievedLeader(node, partition.clone());
        let line = draw.em(16);
        // What does not fit in one line goes on in the next, as far as the card has room.
        let mut lines = text::wrapped(&text, kind.size, room);
        let most = usize::try_from((bottom - y) / line).unwrap_or(0) + 1;
        if lines.len() > most {
            lines = vec![text::fitted(&text, kind.size, room)];
        }
        y = ink.value(subject, text, |ink| {
            let mut y = y;
            for text in lines {
                ink.text(at(place.x, y), kind, text);
                y += line;
            }
            y
        });
    }
}

fn belief_text(draw: &Draw<'_>, partition: &TopicPartition, leader: BrokerId) -> String {
    if leader == BrokerId::NONE {
        draw.say(Phrase::BelievesNoLeader, &[partition])
    } else {
        draw.say(Phrase::BelievesLeader, &[partition, &leader])
    }
}

/// Partitions of whose leader a node believes something that is not true, and what.
fn wrong_beliefs(draw: &Draw<'_>, node: NodeId) -> Vec<(TopicPartition, BrokerId)> {
    let view = draw.view();
    let Some(state) = view.nodes.get(&node) else { return Vec::new() };
    let cluster = state
        .beliefs
        .iter()
        .map(|(partition, belief)| (partition, belief.leader, belief.leader_epoch));
    let client = state
        .client
        .leaders
        .iter()
        .map(|(partition, (leader, epoch))| (partition, *leader, *epoch));
    cluster
        .chain(client)
        .filter(|(partition, leader, _)| {
            !is_internal(&partition.topic)
                && view.truth(partition).is_some_and(|truth| truth.leader != *leader)
        })
        .map(|(partition, leader, _)| (partition.clone(), leader))
        .collect()
}

/// A client with what it counts.
fn client(draw: &mut Draw<'_>, node: NodeId, place: Rect) {
    let view = draw.view();
    let Some(state) = view.nodes.get(&node) else { return };
    let kind = draw.table().get(node).map(|info| info.kind);
    let gone = down(draw, node).filter(|_| state.state != ProcessState::New);
    let count = match kind {
        Some(NodeKind::Consumer) => Some(draw.say(Phrase::ReadCount, &[&state.client.read])),
        Some(NodeKind::Producer | NodeKind::Application) => {
            let text = draw.say(Phrase::AckedCount, &[&state.client.acknowledged]);
            Some(text)
        }
        _ => None,
    };
    let name_of = draw.name_of(node).to_owned();
    let mut words = vec![name_of.clone()];
    words.extend(gone.map(str::to_owned));
    words.extend(count.clone());
    let group = state.client.membership.as_ref().and_then(|place| place.group.clone());
    let group = group.map(|group| draw.say(Phrase::GroupNamed, &[&group]));
    words.extend(group.clone());
    let (strong, small) = (draw.strong(), draw.small());
    let ink_colour = draw.theme.ink;
    let line = draw.em(17);
    let mut canvas = std::mem::take(&mut draw.canvas);
    canvas.object(format!("node:{name_of}"), Role::Stop, words.join(", "), |ink| {
        let edge =
            Stroke::new(if gone.is_some() { draw.theme.hue(Hue::Out) } else { ink_colour }, 12);
        ink.rect(place, place.h.min(px(40)) / 3, Look::both(draw.theme.background, edge));
        let (x, mut y) = (place.x + px(10), place.y + draw.em(19));
        if gone.is_some() {
            let from = y + line * if count.is_some() { 2 } else { 1 } + draw.em(2);
            let below = Rect::new(place.x, from, place.w, (place.bottom() - from).max(0));
            ink.hatch(below.inset(px(6)), px(12), Stroke::new(draw.theme.faint, 12));
        }
        let room = place.w - px(20);
        let text = text::fitted(&name_of, strong.size, room);
        ink.text(at(x, y), strong, text);
        if let Some(text) = &gone {
            y += line;
            ink.value(Subject::Process(node), *text, |ink| {
                let kind = small.colour(draw.theme.hue(Hue::Danger));
                ink.fitted(at(x, y), kind, text, room)
            });
        }
        if let Some(count) = &count {
            y += line;
            ink.value(Subject::Count(node), count.clone(), |ink| {
                ink.fitted(at(x, y), small.colour(ink_colour), count, room)
            });
        }
        if let Some(group) = &group
            && gone.is_none()
        {
            y += line;
            ink.fitted(at(x, y), small, group, room);
        }
        y += line;
        beliefs(draw, ink, node, at(x, y), room, place.bottom() - px(2));
    });
    draw.canvas = canvas;
}

/// What the marks mean.
fn legend(draw: &mut Draw<'_>) {
    if !draw.stage.style.captioned {
        return;
    }
    let small = draw.small();
    let colour = draw.theme.ink;
    let y = draw.y + draw.em(20);
    let size = draw.em(6);
    let name = draw.word(Phrase::Legend);
    let hues: Vec<(Hue, &'static str)> = [
        (Hue::Leader, Phrase::Leader),
        (Hue::Isr, Phrase::InIsr),
        (Hue::Warning, Phrase::InElr),
        (Hue::Out, Phrase::OutOfIsr),
    ]
    .into_iter()
    .map(|(hue, phrase)| (hue, draw.word(phrase)))
    .collect();
    let families = crate::words::Family::ALL.map(|family| (family, draw.word(family.phrase())));
    let far = draw.stage.style.zoom == Zoom::Far;
    let limit = draw.stage.style.width - MARGIN;
    let line = draw.em(20);
    let mut canvas = std::mem::take(&mut draw.canvas);
    draw.y = canvas.object("legend", Role::Note, name, |ink| {
        let (mut x, mut y) = (MARGIN, y);
        let mut next = |x: &mut Tenths, word: &str| {
            let w = size * 2 + px(8) + text::width(word, small.size) + px(18);
            if *x + w > limit {
                (*x, y) = (MARGIN, y + line);
            }
            let start = *x;
            *x += w;
            at(start + size, y - size * 2 / 3)
        };
        for (hue, word) in hues {
            let centre = next(&mut x, word);
            let mark = Rect::around(centre, size * 2, size * 2);
            ink.rect(mark, px(2), Look::fill(draw.theme.hue(hue)));
            ink.text(centre.by(size + px(8), size * 2 / 3), small.colour(colour), word);
        }
        if !far {
            for (family, word) in families {
                let centre = next(&mut x, word);
                links::mark(ink, family, centre, size, Look::fill(colour));
                ink.text(centre.by(size + px(8), size * 2 / 3), small.colour(colour), word);
            }
        }
        y
    }) + draw.em(8);
    draw.canvas = canvas;
}
