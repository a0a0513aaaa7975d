//! Where everybody stands. A function of who there is and how large text is, never of what happens: things keep their place.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, NodeId};
use klamm_trace::NodeKind;

use super::chips;
use crate::geometry::{Rect, Tenths, px};
use crate::stage::{Draw, MARGIN, Zoom};

/// Places.
pub(super) struct Layout {
    pub controllers: Vec<(NodeId, Rect)>,
    pub brokers: Vec<(NodeId, Rect)>,
    pub clients: Vec<(NodeId, Rect)>,
    pub racks: Vec<(String, Rect)>,
    pub bottom: Tenths,
    pub chip: chips::Size,
}

impl Layout {
    pub(super) fn new(draw: &Draw<'_>) -> Self {
        let (mut controllers, mut brokers) = (Vec::new(), Vec::new());
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for (node, info) in draw.table().iter() {
            match info.kind {
                NodeKind::Controller => controllers.push(node),
                NodeKind::Broker | NodeKind::Combined => brokers.push(node),
                NodeKind::Producer | NodeKind::Application => left.push(node),
                NodeKind::Consumer => right.push(node),
                // The admin clients are people: they stand with those who write.
                NodeKind::Admin => left.push(node),
            }
        }
        let spoke = |node: &NodeId| {
            draw.view().nodes.get(node).is_some_and(|view| {
                view.state != klamm_trace::ProcessState::New || view.client.accepted > 0
            })
        };
        // An admin client that never does anything is no part of the story.
        left.retain(|node| {
            draw.table().get(*node).is_none_or(|info| info.kind != NodeKind::Admin) || spoke(node)
        });

        let width = draw.stage.style.width;
        // Where it is narrow, clients give way: what is asked of the picture happens at the brokers.
        let narrow = width < draw.em(1000);
        let column = draw.em(if narrow { 134 } else { 150 });
        let gap = draw.em(if narrow { 24 } else { 60 });
        let inner_x = MARGIN + if left.is_empty() { 0 } else { column + gap };
        let inner_right = width - MARGIN - if right.is_empty() { 0 } else { column + gap };
        let inner = inner_right - inner_x;
        let mut y = draw.y + draw.em(8);

        let controllers = row_of(&controllers, inner_x, inner, y, (draw.em(170), draw.em(66)));
        if !controllers.is_empty() {
            y += draw.em(66 + 56);
        }
        let (per_row, card) = row(draw, brokers.len(), inner, narrow);
        let chip = chips::Size::of(draw, card - px(24));
        let height = chip.height_for(draw, &brokers, card);
        let rows = brokers.chunks(per_row.max(1));
        let mut placed = Vec::new();
        for row in rows {
            // With few brokers the middle ones stand lower, so that what passes between the outer ones has a way.
            let drop = if brokers.len() == 3 { draw.em(64) } else { 0 };
            for (index, (node, place)) in
                row_of(row, inner_x, inner, y, (card, height)).into_iter().enumerate()
            {
                let lower = if index == 1 { drop } else { 0 };
                placed.push((node, Rect { y: place.y + lower, ..place }));
            }
            y += height + drop + draw.em(48);
        }
        let brokers_end = y - draw.em(48);
        let top = draw.y + draw.em(60);
        let client = (column, draw.em(84));
        let mut clients = column_of(&left, MARGIN, top, client, draw.em(14));
        clients.extend(column_of(&right, width - MARGIN - column, top, client, draw.em(14)));
        let clients_end = clients.iter().map(|(_, place)| place.bottom()).max().unwrap_or(0);
        let racks = racks(draw, &placed);
        let bottom = brokers_end.max(clients_end) + draw.em(14);
        Self { controllers, brokers: placed, clients, racks, bottom, chip }
    }

    /// Where a node stands.
    pub(super) fn place(&self, node: NodeId) -> Option<Rect> {
        let all = self.controllers.iter().chain(&self.brokers).chain(&self.clients);
        all.clone().find(|(other, _)| *other == node).map(|(_, place)| *place)
    }
}

/// How many brokers stand side by side, and how wide their cards are: no more than leave each room for its words.
fn row(draw: &Draw<'_>, count: usize, inner: Tenths, narrow: bool) -> (usize, Tenths) {
    let mut side_by_side = per_row(count).max(1);
    loop {
        let space = if side_by_side <= 4 && !narrow { draw.em(70) } else { draw.em(28) };
        let each = i32::try_from(side_by_side).unwrap_or(1);
        let card = (inner - (each - 1) * space) / each;
        // A few stay side by side, whatever room there is: that is how they are known.
        if count <= 4 || side_by_side == 1 || card >= draw.em(LEAST) {
            return (side_by_side, card.clamp(px(60), draw.em(330)));
        }
        side_by_side -= 1;
    }
}

/// The least width of a card of which there are several, in pixels at text size 100.
const LEAST: i32 = 96;

/// How many brokers stand side by side where there is room.
fn per_row(count: usize) -> usize {
    match count {
        0..=4 => count,
        5..=6 => 3,
        7..=8 => 4,
        9..=12 => 6,
        _ => 8,
    }
}

/// Side by side, spread over a width.
fn row_of(
    nodes: &[NodeId],
    x: Tenths,
    width: Tenths,
    y: Tenths,
    (w, h): (Tenths, Tenths),
) -> Vec<(NodeId, Rect)> {
    let count = i32::try_from(nodes.len()).unwrap_or(0);
    if count == 0 {
        return Vec::new();
    }
    let w = w.min(width / count);
    let space = (width - count * w) / (count + 1);
    let space = if count > 1 { (width - count * w) / (count - 1) } else { space };
    let (first, space) = if count == 1 { (x + (width - w) / 2, 0) } else { (x, space) };
    (0..count)
        .zip(nodes)
        .map(|(at, node)| (*node, Rect::new(first + at * (w + space), y, w, h)))
        .collect()
}

/// One below the other.
fn column_of(
    nodes: &[NodeId],
    x: Tenths,
    y: Tenths,
    (w, h): (Tenths, Tenths),
    space: Tenths,
) -> Vec<(NodeId, Rect)> {
    (0..)
        .zip(nodes)
        .map(|(at, node): (i32, &NodeId)| (*node, Rect::new(x, y + at * (h + space), w, h)))
        .collect()
}

/// A frame around the brokers of each rack, where they stand together.
fn racks(draw: &Draw<'_>, brokers: &[(NodeId, Rect)]) -> Vec<(String, Rect)> {
    let mut racks: BTreeMap<String, Vec<Rect>> = BTreeMap::new();
    for (node, place) in brokers {
        let Some(rack) = draw.table().get(*node).and_then(|info| info.rack.clone()) else {
            continue;
        };
        racks.entry(rack).or_default().push(*place);
    }
    let title = draw.em(22);
    racks
        .into_iter()
        .flat_map(|(rack, places)| {
            // Brokers of a rack that do not stand side by side have a frame each.
            let all = places.iter().copied().reduce(Rect::union).unwrap_or_default();
            let foreign =
                brokers.iter().any(|(_, place)| !places.contains(place) && all.overlaps(*place));
            let frames = if foreign { places } else { vec![all] };
            frames.into_iter().map(move |frame| {
                let frame = frame.inset(-px(8));
                (rack.clone(), Rect::new(frame.x, frame.y - title, frame.w, frame.h + title))
            })
        })
        .collect()
}

/// The brokers by id, for lists.
pub(super) fn brokers(draw: &Draw<'_>, nodes: &[NodeId]) -> Vec<BrokerId> {
    nodes.iter().filter_map(|node| draw.table().broker_of(*node)).collect()
}

/// How replicas are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Each with its words.
    Chips,
    /// Each as a mark.
    Marks,
    /// Those of a topic together, as a bar with counts.
    Blocks,
}

/// How near one can look with so many replicas at a broker.
pub(super) fn form(zoom: Zoom, replicas: usize, fits: bool) -> Form {
    match zoom {
        Zoom::Far => Form::Blocks,
        Zoom::Near => Form::Chips,
        Zoom::Auto if replicas > 120 => Form::Blocks,
        Zoom::Auto | Zoom::Middle if replicas > 12 || !fits => Form::Marks,
        Zoom::Auto | Zoom::Middle => Form::Chips,
    }
}
