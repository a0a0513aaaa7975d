//! What is between nodes: ways that are cut or slow, and frames on their way.

use std::collections::BTreeMap;

use klamm_node::effects::FrameRole;
use klamm_node::{NodeId, Seq};
use klamm_trace::FrameView;

use super::layout::Layout;
use crate::geometry::{Point, Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::scene::{Anchor, Dash, Ink, Look, Role, Stroke, Type};
use crate::stage::Draw;
use crate::subject::Subject;
use crate::theme::Hue;
use crate::words::Family;

/// Frames that are drawn one by one on one way; more are a bundle.
const EACH: usize = 4;

/// Frames that are drawn one by one in all.
const ALL: usize = 60;

/// How large the sign of a cut is; the gap around it is three times as wide.
const REACH: i32 = 9;

/// Ways that are cut or slow.
pub(super) fn ways(draw: &mut Draw<'_>, layout: &Layout) {
    let view = draw.view();
    let mut cuts: BTreeMap<(NodeId, NodeId), (bool, bool)> = BTreeMap::new();
    for (from, to) in view.cuts.keys() {
        let pair = (*from.min(to), *from.max(to));
        let ways = cuts.entry(pair).or_default();
        if from < to { ways.0 = true } else { ways.1 = true }
    }
    let mut canvas = std::mem::take(&mut draw.canvas);
    for ((one, two), (there, back)) in cuts {
        let Some((a, b)) = ends(layout, one, two) else { continue };
        let (name_a, name_b) = (draw.name_of(one), draw.name_of(two));
        let name = if there && back {
            draw.say(Phrase::CutBoth, &[&name_a, &name_b])
        } else if there {
            draw.say(Phrase::CutOneWay, &[&name_a, &name_b])
        } else {
            draw.say(Phrase::CutOneWay, &[&name_b, &name_a])
        };
        let danger = draw.theme.hue(Hue::Danger);
        let line = Stroke::new(danger, px(2)).dash(Dash::Dashed);
        canvas.object(format!("cut:{name_a}:{name_b}"), Role::Mark, name, |ink| {
            let points = way(layout, one, two, a, b);
            let middle = points.get(points.len() / 2).copied().unwrap_or(a);
            // A gap in the middle, with what cut it in the gap.
            let reach = draw.em(REACH);
            let open = Rect::around(middle, reach * 3, reach * 3);
            let mut piece: Vec<Point> = Vec::new();
            for point in fine(&points) {
                if open.has(point) {
                    ink.path(&piece, false, Look::edge(line));
                    piece.clear();
                } else {
                    piece.push(point);
                }
            }
            ink.path(&piece, false, Look::edge(line));
            ink.cross(middle, reach * 2 / 3, Stroke::new(danger, px(3)));
            if there != back {
                // The direction in which nothing passes.
                let tip = if there { points.last() } else { points.first() };
                let tip = tip.copied().unwrap_or(middle);
                let before = if there { points.iter().rev().nth(1) } else { points.get(1) };
                arrow(ink, before.copied().unwrap_or(middle), tip, draw.em(9), danger);
            }
        });
        let waits = view.frames.iter().filter(|(_, frame)| {
            [(one, two), (two, one)].contains(&(frame.from, frame.to))
                && view.cuts.contains_key(&(frame.from, frame.to))
        });
        let waits = waits.count();
        if waits > 0 {
            let text = draw.say(Phrase::WaitingAtCut, &[&waits]);
            let points = way(layout, one, two, a, b);
            let middle = points.get(points.len() / 2).copied().unwrap_or(a);
            let kind = draw.small().colour(draw.theme.ink).anchor(Anchor::Middle);
            // Between two boxes that stand close together there is room for the number alone.
            let shown =
                if length(&points) < draw.em(72) { waits.to_string() } else { text.clone() };
            canvas.object(format!("waits:{name_a}:{name_b}"), Role::Note, text.clone(), |ink| {
                ink.value(Subject::InFlight, text, |ink| {
                    ink.text(middle.by(0, draw.em(REACH * 3 / 2 + 9)), kind, shown);
                });
            });
        }
    }
    for ((from, to), link) in &view.links {
        if !crate::link::is_impaired(link) {
            continue;
        }
        let Some((a, b)) = ends(layout, *from, *to) else { continue };
        let (name_a, name_b) = (draw.name_of(*from), draw.name_of(*to));
        let mut words = Vec::new();
        if let Some((_, high)) = link.latency {
            words.push(high.to_string());
        }
        if link.bandwidth > 0 {
            words.push(format!("{} B/s", link.bandwidth));
        }
        let [loss, duplicate, reorder] = link.flaws;
        for (flaw, phrase) in
            [(loss, Phrase::Loses), (duplicate, Phrase::Doubles), (reorder, Phrase::Overtakes)]
        {
            if flaw > 0 {
                words.push(draw.say(phrase, &[&flaw]));
            }
        }
        let words = words.join(", ");
        let name = draw.say(Phrase::SlowWay, &[&name_a, &name_b, &words]);
        let colour = draw.theme.hue(Hue::Warning);
        let kind = draw.small().colour(draw.theme.ink);
        let both = view.links.get(&(*to, *from)).is_some_and(crate::link::is_impaired);
        canvas.object(format!("slow:{name_a}:{name_b}"), Role::Mark, name, |ink| {
            let points = way(layout, *from, *to, a, b);
            let line = Stroke::new(colour, px(2)).dash(Dash::Dotted);
            ink.path(&points, false, Look::edge(line));
            // Of a way that is slow in both directions one tells it.
            if !both || from < to {
                let middle = points.get(points.len() / 2).copied().unwrap_or(a);
                clock(ink, middle, draw.em(7), draw);
                ink.text(middle.by(0, draw.em(22)), kind.anchor(Anchor::Middle), words);
            }
        });
    }
    draw.canvas = canvas;
}

/// A small clock: this takes long.
fn clock(ink: &mut Ink, centre: Point, radius: Tenths, draw: &Draw<'_>) {
    let edge = Stroke::new(draw.theme.ink, 12);
    ink.circle(centre, radius, Look::both(draw.theme.background, edge));
    ink.line(centre, centre.by(0, -radius * 2 / 3), edge);
    ink.line(centre, centre.by(radius / 2, 0), edge);
}

fn arrow(ink: &mut Ink, from: Point, tip: Point, size: Tenths, colour: crate::theme::Colour) {
    let length = from.distance(tip).max(1);
    let back = tip.towards(from, size, length);
    let (x, y) = (tip.x - back.x, tip.y - back.y);
    let points = [tip, back.by(-y / 2, x / 2), back.by(y / 2, -x / 2)];
    ink.path(&points, true, Look::fill(colour));
}

/// Where a way leaves one card and reaches the other.
fn ends(layout: &Layout, one: NodeId, two: NodeId) -> Option<(Point, Point)> {
    let (a, b) = (layout.place(one)?, layout.place(two)?);
    Some((border(a, b.centre()), border(b, a.centre())))
}

/// The point on a card's border towards another.
fn border(card: Rect, to: Point) -> Point {
    let from = card.centre();
    let (x, y) = (i64::from(to.x - from.x), i64::from(to.y - from.y));
    let (half_w, half_h) = (i64::from(card.w / 2), i64::from(card.h / 2));
    // The side that is reached first.
    let narrow = |value: i64| i32::try_from(value).unwrap_or(0);
    if x.abs() * half_h >= y.abs() * half_w && x != 0 {
        from.by(narrow(half_w * x.signum()), narrow(half_w * y / x.abs()))
    } else if y != 0 {
        from.by(narrow(half_h * x / y.abs()), narrow(half_h * y.signum()))
    } else {
        from
    }
}

/// The way between two cards: straight, or around where another card stands between them.
fn way(layout: &Layout, one: NodeId, two: NodeId, a: Point, b: Point) -> Vec<Point> {
    let blocks = |cards: &[(NodeId, Rect)]| {
        cards.iter().any(|(node, card)| {
            *node != one && *node != two && (1..8).any(|n| card.has(a.towards(b, n, 8)))
        })
    };
    let (Some(from), Some(to)) = (layout.place(one), layout.place(two)) else { return vec![a, b] };
    let same_row = from.y < to.bottom() && to.y < from.bottom();
    let votes = |node| layout.controllers.iter().any(|(voter, _)| *voter == node);
    if votes(one) && votes(two) && blocks(&layout.controllers) {
        // A bow below the controllers between: above them there is no room.
        let (start, end) = (at(from.centre().x, from.bottom()), at(to.centre().x, to.bottom()));
        let deep = ((end.x - start.x).abs() / 6).min(from.h);
        let control = at((start.x + end.x) / 2, start.y.max(end.y) + deep);
        return (0..=12).map(|n| bow(start, control, end, n, 12)).collect();
    }
    if !blocks(&layout.brokers) || !same_row {
        return vec![a, a.towards(b, 1, 2), b];
    }
    // A bow above the cards between.
    let top = from.y.min(to.y);
    let (start, end) = (at(from.centre().x, from.y), at(to.centre().x, to.y));
    let control = at((start.x + end.x) / 2, top - (end.x - start.x).abs() / 6);
    (0..=12).map(|n| bow(start, control, end, n, 12)).collect()
}

/// A point of a quadratic curve.
fn bow(a: Point, control: Point, b: Point, part: i32, whole: i32) -> Point {
    a.towards(control, part, whole).towards(control.towards(b, part, whole), part, whole)
}

/// Points close to each other along a way.
fn fine(points: &[Point]) -> Vec<Point> {
    let pairs = points.iter().zip(points.iter().skip(1));
    let mut fine: Vec<Point> = pairs
        .flat_map(|(a, b)| {
            let count = (a.distance(*b) / px(4)).max(1);
            (0..count).map(move |n| a.towards(*b, n, count))
        })
        .collect();
    fine.extend(points.last());
    fine
}

/// The point at a part of a way, in thousandths.
fn along(points: &[Point], part: i32) -> Point {
    let fine = fine(points);
    let last = i64::try_from(fine.len().saturating_sub(1)).unwrap_or(0);
    let index = usize::try_from(last * i64::from(part) / 1000).unwrap_or(0);
    fine.get(index).copied().unwrap_or_default()
}

/// Frames on their way.
pub(super) fn frames(draw: &mut Draw<'_>, layout: &Layout) {
    let view = draw.view();
    let mut by_way: BTreeMap<(NodeId, NodeId), Vec<(Seq, FrameView)>> = BTreeMap::new();
    for (seq, frame) in view.frames.iter() {
        by_way.entry((frame.from, frame.to)).or_default().push((seq, *frame));
    }
    let all: usize = by_way.values().map(Vec::len).sum();
    if all == 0 {
        return;
    }
    let name = draw.say(Phrase::InFlight, &[&all]);
    let mut canvas = std::mem::take(&mut draw.canvas);
    canvas.object("frames", Role::Area, name, |ink| {
        for ((from, to), frames) in by_way {
            let Some((a, b)) = ends(layout, from, to) else { continue };
            let points = way(layout, from, to, a, b);
            let room = Room::of(draw, &points, (from, to));
            if frames.len() > EACH.min(room.holds) || all > ALL {
                bundle(draw, ink, &frames, &points, room);
                continue;
            }
            let count = i32::try_from(frames.len()).unwrap_or(1);
            for (index, (seq, frame)) in (0..count).zip(&frames) {
                // The oldest is the farthest.
                let rank = count - index;
                let part = 1000 * rank / (count + 1);
                one(draw, ink, (*seq, frame), along(&points, room.part(part)));
            }
        }
    });
    draw.canvas = canvas;
}

fn length(points: &[Point]) -> i32 {
    points.iter().zip(points.iter().skip(1)).map(|(a, b)| a.distance(*b)).sum()
}

/// Where on a way frames may be drawn: not over the sign of a cut.
#[derive(Clone, Copy)]
struct Room {
    /// The way is cut for them: they wait before the sign.
    waits: bool,
    /// The part of the way that the sign leaves before it, in thousandths.
    before: i32,
    /// How many marks have room side by side.
    holds: usize,
}

impl Room {
    fn of(draw: &Draw<'_>, points: &[Point], (from, to): (NodeId, NodeId)) -> Self {
        let cuts = &draw.view().cuts;
        let waits = cuts.contains_key(&(from, to));
        if !waits && !cuts.contains_key(&(to, from)) {
            return Self { waits, before: 1000, holds: usize::MAX };
        }
        let length = length(points).max(1);
        // The gap's half, and half of a mark.
        let taken = draw.em(REACH) * 3 / 2 + draw.em(6);
        let before = (500 - i64::from(taken) * 1000 / i64::from(length)).max(0);
        let before = i32::try_from(before).unwrap_or(0);
        let free = if waits { before } else { before * 2 };
        let holds = i64::from(length) * i64::from(free) / 1000 / i64::from(draw.em(14).max(1));
        Self { waits, before, holds: usize::try_from(holds).unwrap_or(0).max(1) }
    }

    /// The part of the way for a part of what is free of it, in thousandths.
    fn part(self, part: i32) -> i32 {
        if self.before == 1000 {
            return part;
        }
        if self.waits {
            return part * self.before / 1000;
        }
        let part = part * self.before * 2 / 1000;
        if part <= self.before { part } else { part + 1000 - 2 * self.before }
    }
}

fn family(draw: &Draw<'_>, frame: &FrameView) -> Family {
    let asks = match frame.role {
        FrameRole::Request => (frame.from, frame.to),
        FrameRole::Response => (frame.to, frame.from),
    };
    let client = draw.table().get(asks.0).is_some_and(|info| info.kind.is_client());
    let controller = draw
        .table()
        .get(asks.1)
        .is_some_and(|info| info.kind.is_controller() && !info.kind.is_broker());
    Family::of(frame.api_key, client, controller)
}

fn one(draw: &Draw<'_>, ink: &mut Ink, (seq, frame): (Seq, &FrameView), place: Point) {
    let (from, to) = (draw.name_of(frame.from), draw.name_of(frame.to));
    let api = klamm_trace::api_name(frame.api_key);
    let phrase = match frame.role {
        FrameRole::Request => Phrase::RequestOnItsWay,
        FrameRole::Response => Phrase::ResponseOnItsWay,
    };
    let name = draw.say(phrase, &[&api, &from, &to]);
    let fresh = seq == draw.view().seq;
    let (colour, back) = (draw.theme.ink, draw.theme.background);
    let size = draw.em(if fresh { 8 } else { 6 });
    let look = match frame.role {
        FrameRole::Request => Look::both(colour, Stroke::new(back, 10)),
        FrameRole::Response => Look::both(back, Stroke::new(colour, px(2))),
    };
    ink.object(&format!("frame:{seq}"), Role::Mark, name, |ink| {
        mark(ink, family(draw, frame), place, size, look);
        // The frame that has just left says what it is.
        if fresh {
            let kind = Type::new(draw.em(12), colour).strong();
            ink.text(place.by(size + px(4), -size), kind, api);
        }
    });
}

/// Many frames on one way.
fn bundle(
    draw: &Draw<'_>,
    ink: &mut Ink,
    frames: &[(Seq, FrameView)],
    points: &[Point],
    room: Room,
) {
    let Some((_, first)) = frames.first() else { return };
    let (from, to) = (draw.name_of(first.from), draw.name_of(first.to));
    let phrase = if room.waits { Phrase::FramesWait } else { Phrase::FramesBetween };
    let name = draw.say(phrase, &[&frames.len(), &from, &to]);
    let place = along(points, room.part(600));
    let (colour, back) = (draw.theme.ink, draw.theme.background);
    ink.object(&format!("bundle:{from}:{to}"), Role::Mark, name.clone(), |ink| {
        mark(
            ink,
            family(draw, first),
            place,
            draw.em(6),
            Look::both(colour, Stroke::new(back, 10)),
        );
        // How many wait stands at the sign, where there is room for it.
        if room.waits {
            return;
        }
        ink.value(Subject::InFlight, name, |ink| {
            let kind = Type::new(draw.em(12), colour);
            ink.text(place.by(draw.em(9), draw.em(4)), kind, format!("×{}", frames.len()))
        });
    });
}

/// The shape of a family: circle, square, triangle, hexagon, diamond.
pub(super) fn mark(ink: &mut Ink, family: Family, centre: Point, size: Tenths, look: Look) {
    match family {
        Family::Data => ink.circle(centre, size, look),
        Family::Replication => {
            ink.rect(Rect::around(centre, size * 2 - px(1), size * 2 - px(1)), 0, look);
        }
        Family::Group => {
            let points = [centre.by(0, -size), centre.by(size, size), centre.by(-size, size)];
            ink.path(&points, true, look);
        }
        Family::Metadata => ink.hexagon(centre, size * 5 / 2, size * 2, look),
        Family::Transaction => {
            let points =
                [centre.by(0, -size), centre.by(size, 0), centre.by(0, size), centre.by(-size, 0)];
            ink.path(&points, true, look);
        }
    }
}
