//! Below the lanes: where each group stands with the partition.

use std::collections::BTreeMap;

use klamm_node::{GroupId, NodeId, Offset};

use super::Logs;
use crate::geometry::{Point, Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::scene::{Anchor, Dash, Ink, Look, Role, Stroke, Type};
use crate::stage::{Draw, MARGIN};
use crate::subject::Subject;
use crate::text;
use crate::theme::{Colour, Hue};

/// A row per group, and one for consumers without a group.
pub(super) fn draw(draw: &mut Draw<'_>, logs: &Logs<'_>) {
    let view = draw.view();
    let mut readers: BTreeMap<Option<GroupId>, Vec<(NodeId, Offset)>> = BTreeMap::new();
    for group in view.groups() {
        let holds = view.group(group).is_some_and(|(_, g)| g.offsets.contains_key(logs.partition));
        if holds {
            readers.entry(Some(group.clone())).or_default();
        }
    }
    for (id, node) in &view.nodes {
        let Some(position) = node.client.positions.get(logs.partition) else { continue };
        let group = node.client.membership.as_ref().and_then(|place| place.group.clone());
        readers.entry(group).or_default().push((*id, *position));
    }
    for (group, positions) in readers {
        row(draw, logs, group.as_ref(), &positions);
    }
}

fn row(
    draw: &mut Draw<'_>,
    logs: &Logs<'_>,
    group: Option<&GroupId>,
    positions: &[(NodeId, Offset)],
) {
    let (top, height) = (draw.y, draw.em(52));
    let view = draw.view();
    let committed = group.and_then(|group| {
        let (_, found) = view.group(group)?;
        found.offsets.get(logs.partition).map(|kept| kept.offset)
    });
    let lag = group.and_then(|group| view.lag(group, logs.partition));
    let title = match group {
        Some(group) => draw.say(Phrase::GroupNamed, &[group]),
        None => draw.word(Phrase::NoGroup).to_owned(),
    };
    let mut name = vec![title.clone()];
    let kept = committed.map_or_else(
        || draw.word(Phrase::NoCommit).to_owned(),
        |offset| draw.say(Phrase::CommittedIs, &[&offset]),
    );
    if group.is_some() {
        name.push(kept.clone());
    }
    for (node, position) in positions {
        name.push(draw.say(Phrase::PositionIs, &[&draw.name_of(*node), position]));
    }
    if let (Some(lag), Some(_)) = (lag, committed) {
        name.push(draw.say(Phrase::LagIs, &[&lag]));
    }
    let id = group.map_or_else(|| "readers".to_owned(), |group| format!("group:{group}"));
    let (strong, small, ink_colour) = (draw.strong(), draw.small(), draw.theme.ink);
    let mut canvas = std::mem::take(&mut draw.canvas);
    canvas.object(id, Role::Stop, name.join(", "), |ink| {
        let room = logs.axis.x0 - MARGIN - px(16);
        let baseline = top + draw.em(20);
        ink.fitted(at(MARGIN + px(6), baseline), strong, &title, room);
        let mut x = MARGIN + px(6);
        let second = baseline + draw.em(18);
        if let Some(group) = group {
            let subject = Subject::Committed(group.clone(), logs.partition.clone());
            let kind = small.colour(ink_colour);
            x += ink
                .value(subject, kept.clone(), |ink| ink.fitted(at(x, second), kind, &kept, room))
                + draw.em(10);
            if let (Some(lag), Some(_)) = (lag, committed) {
                let said = draw.say(Phrase::LagIs, &[&lag]);
                let subject = Subject::Lag(group.clone(), logs.partition.clone());
                let room = logs.axis.x0 - px(10) - x;
                ink.value(subject, said.clone(), |ink| {
                    ink.fitted(at(x, second), kind, &said, room)
                });
            }
        }
        let row = Rect::new(logs.axis.x0, top + draw.em(6), 0, draw.em(16));
        if let Some(committed) = committed {
            place_committed(draw, ink, logs, committed, row);
        }
        let mut taken: Vec<(Tenths, Tenths)> = Vec::new();
        for (node, position) in positions {
            let subject = Subject::Position(*node, logs.partition.clone());
            let said = draw.say(Phrase::PositionIs, &[&draw.name_of(*node), position]);
            let name = draw.name_of(*node);
            ink.value(subject, said, |ink| {
                let point = at(logs.axis.x_of(*position), row.bottom() + draw.em(4));
                triangle(ink, point, draw.em(7), None, ink_colour);
                let kind = Type::new(draw.em(12), draw.theme.ink);
                let text = format!("{name} {position}");
                let w = text::width(&text, kind.size);
                let right = draw.stage.style.width - MARGIN;
                // Beside the mark where there is room, and not over another's name.
                let left = if point.x + px(10) + w > right {
                    point.x - px(10) - w
                } else {
                    point.x + px(10)
                };
                let span = (left, left + w);
                if taken.iter().all(|(from, to)| span.1 <= *from || *to <= span.0) {
                    taken.push(span);
                    ink.text(at(left, point.y + draw.em(12)), kind, text);
                }
            });
        }
    });
    draw.canvas = canvas;
    draw.y = top + height;
}

/// What is committed, and the way from there to the high watermark.
fn place_committed(draw: &Draw<'_>, ink: &mut Ink, logs: &Logs<'_>, committed: Offset, row: Rect) {
    let end = logs.leader.map(|(_, leader)| leader.high_watermark);
    let x = logs.axis.x_of(committed);
    let colour = draw.theme.ink;
    if let Some(end) = end.filter(|end| *end > committed) {
        let name = draw.say(Phrase::LagIs, &[&(end.0 - committed.0)]);
        ink.object("lag", Role::Mark, name, |ink| {
            let (y, to) = (row.y + draw.em(4), logs.axis.x_of(end));
            let line = Stroke::new(draw.theme.hue(Hue::Danger), 15).dash(Dash::Dotted);
            ink.line(at(x, y), at(to, y), line);
            ink.line(at(to, y), at(to, y + draw.em(6)), line.dash(Dash::Solid));
        });
    }
    let said = draw.say(Phrase::CommittedIs, &[&committed]);
    ink.object("committed", Role::Mark, said, |ink| {
        let point = at(x, row.y);
        triangle(ink, point, draw.em(7), Some(colour), colour);
        if committed < logs.axis.low {
            let kind = Type::new(draw.em(12), colour).anchor(Anchor::Start);
            ink.text(point.by(px(12), draw.em(12)), kind, format!("… {committed}"));
        }
    });
}

/// A triangle with its tip up: filled for what is committed, hollow for a position.
fn triangle(ink: &mut Ink, tip: Point, size: Tenths, fill: Option<Colour>, edge: Colour) {
    let points = [tip, tip.by(size, size * 2), tip.by(-size, size * 2)];
    ink.path(&points, true, Look { fill, stroke: Some(Stroke::new(edge, 15)) });
}
