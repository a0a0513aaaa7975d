//! Sequence: a space-time diagram. A column per node, time downwards in the order of events, an arrow per frame; what led to
//! the selected event and what followed from it stands out, the rest is dimmed.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::effects::FrameRole;
use klamm_node::event::Event;
use klamm_node::{EventKind, NodeId, Seq};
use klamm_trace::LAB;

use crate::geometry::{Point, Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::opened::is_interesting;
use crate::scene::{Anchor, Dash, Ink, Label, Look, Role, Stroke, Type};
use crate::stage::{Draw, MARGIN, Zoom};
use crate::text;
use crate::theme::{Colour, Hue};
use crate::words::Family;

/// How far back one looks for rows, in events.
const BACK: u64 = 6_000;

/// Draws the tab.
pub(crate) fn draw(draw: &mut Draw<'_>) {
    let rows = Rows::collect(draw);
    if rows.events.is_empty() {
        return draw.nothing(Phrase::NoMessages);
    }
    let picked = draw.stage.selection.event.unwrap_or_else(|| draw.view().seq);
    let cone = rows.cone(draw, picked);
    let above = draw.y;
    let top = heads(draw, &rows);
    let step = draw.em(23);
    let place: BTreeMap<Seq, Tenths> = (1..)
        .zip(&rows.events)
        .map(|(row, event): (i32, &Event)| (event.seq, top + row * step))
        .collect();
    let bottom = top + (i32::try_from(rows.events.len()).unwrap_or(0) + 1) * step;
    let mut canvas = std::mem::take(&mut draw.canvas);
    canvas.object("lifelines", Role::Area, draw.word(Phrase::TabSequence), |ink| {
        for x in rows.columns.values() {
            ink.line(at(*x, top), at(*x, bottom), Stroke::new(draw.theme.faint, 12));
        }
    });
    let dims = draw.stage.selection.event.is_some();
    let picture = Picture { rows: &rows, place: &place, cone: &cone, picked, dims, bottom };
    for event in &rows.events {
        let y = place.get(&event.seq).copied().unwrap_or(top);
        if matches!(event.kind, EventKind::FrameSent { .. }) {
            picture.arrow(draw, &mut canvas, event, y);
        } else {
            picture.fact(draw, &mut canvas, event, y);
        }
    }
    draw.canvas = canvas;
    draw.y = bottom + draw.em(6);
    draw.pin_heads(above, top);
    draw.pin_names(MARGIN + draw.em(46));
}

/// The events that are shown, and the columns.
struct Rows {
    /// Oldest first: frames that left, and facts.
    events: Vec<Event>,
    /// Where the column of each node is.
    columns: BTreeMap<NodeId, Tenths>,
    /// How each frame ended: when, and what took it.
    ends: BTreeMap<Seq, (Seq, Option<String>)>,
}

impl Rows {
    fn collect(draw: &Draw<'_>) -> Self {
        let here = draw.view().seq;
        let trace = draw.stage.trace;
        let wanted = match draw.stage.style.zoom {
            Zoom::Near => 16,
            Zoom::Auto | Zoom::Middle => 28,
            Zoom::Far => 60,
        };
        let first = Seq(here.0.saturating_sub(BACK).max(1));
        let nodes = &draw.stage.selection.nodes;
        let mut ends = BTreeMap::new();
        let mut shown = Vec::new();
        for event in trace.events().from(first).take_while(|event| event.seq <= here) {
            if let EventKind::FrameDelivered { frame } = &event.kind {
                ends.insert(*frame, (event.seq, None));
            } else if let EventKind::FrameDropped { frame, reason } = &event.kind {
                ends.insert(*frame, (event.seq, Some(reason.to_string())));
            }
            if shows(draw, &event, nodes) {
                shown.push(event);
            }
        }
        let from = shown.len().saturating_sub(wanted);
        let events = shown.split_off(from);
        let mut taking_part: BTreeSet<NodeId> = nodes.iter().copied().collect();
        for event in &events {
            taking_part.insert(event.node);
            if let EventKind::FrameSent { to, .. } = &event.kind {
                taking_part.insert(*to);
            }
        }
        taking_part.remove(&LAB);
        let count = i32::try_from(taking_part.len()).unwrap_or(1).max(1);
        let left = MARGIN + draw.em(84);
        let width = draw.stage.style.width - left - MARGIN;
        let columns = (0..)
            .zip(taking_part)
            .map(|(index, node): (i32, NodeId)| {
                (node, left + width * (2 * index + 1) / (2 * count))
            })
            .collect();
        Self { events, columns, ends }
    }

    /// The events that led to one, and those that followed from it, as far as they are shown.
    fn cone(&self, draw: &Draw<'_>, picked: Seq) -> BTreeSet<Seq> {
        let trace = draw.stage.trace;
        let mut cone = BTreeSet::from([picked]);
        let first = self.events.first().map_or(Seq(0), |event| event.seq);
        let mut at = Some(picked);
        while let Some(seq) = at.filter(|seq| *seq >= first) {
            cone.insert(seq);
            at = trace.event(seq).and_then(|event| led_to(&event));
        }
        // What follows is told by causes too, forward up to the step.
        let mut after = BTreeSet::from([picked]);
        for event in trace.events().from(picked).take_while(|e| e.seq <= draw.view().seq) {
            if led_to(&event).is_some_and(|from| after.contains(&from)) {
                after.insert(event.seq);
            }
        }
        cone.extend(after);
        cone
    }
}

/// Whether an event has a row: what is worth stopping at, and frames of data, replication and groups; the quorum's chatter
/// only where its nodes are picked.
fn shows(draw: &Draw<'_>, event: &Event, nodes: &[NodeId]) -> bool {
    if event.node == LAB {
        return false;
    }
    if let EventKind::FrameSent { to, role, api_key, .. } = &event.kind {
        if !nodes.is_empty() {
            return nodes.contains(&event.node) && nodes.contains(to);
        }
        let (asker, asked) = match role {
            FrameRole::Request => (event.node, *to),
            FrameRole::Response => (*to, event.node),
        };
        let info = |node| draw.table().get(node);
        let client = info(asker).is_some_and(|info| info.kind.is_client());
        let controller =
            info(asked).is_some_and(|info| info.kind.is_controller() && !info.kind.is_broker());
        // Heartbeats of brokers and the quorum's own fetches go on all the time.
        let chatter = matches!(api_key, 12 | 63 | 18) || (controller && *api_key == 1);
        let family = Family::of(*api_key, client, controller);
        return !chatter && (family != Family::Metadata || matches!(api_key, 52 | 56));
    }
    (nodes.is_empty() || nodes.contains(&event.node)) && is_interesting(&event.kind)
}

/// What led to an event: of a frame's end its sending.
fn led_to(event: &Event) -> Option<Seq> {
    if let EventKind::FrameDelivered { frame } | EventKind::FrameDropped { frame, .. } = &event.kind
    {
        return Some(*frame);
    }
    // A cause lies before its effect; a trace that says otherwise ends the walk.
    event.cause.filter(|cause| *cause < event.seq)
}

/// The names above the columns.
fn heads(draw: &mut Draw<'_>, rows: &Rows) -> Tenths {
    let count = i32::try_from(rows.columns.len()).unwrap_or(1).max(1);
    let room = (draw.inner() - draw.em(84)) / count - px(8);
    let (kind, y) = (draw.strong().anchor(Anchor::Middle), draw.y + draw.em(18));
    let small = draw.small();
    let word = draw.word(Phrase::Time);
    let mut canvas = std::mem::take(&mut draw.canvas);
    canvas.object("time-head", Role::Note, word, |ink| ink.text(at(MARGIN, y), small, word));
    for (node, x) in &rows.columns {
        let name = draw.name_of(*node);
        canvas.object(format!("column:{name}"), Role::Stop, name, |ink| {
            ink.fitted(at(*x, y), kind, name, room)
        });
    }
    draw.canvas = canvas;
    y + draw.em(6)
}

struct Picture<'a> {
    rows: &'a Rows,
    place: &'a BTreeMap<Seq, Tenths>,
    cone: &'a BTreeSet<Seq>,
    picked: Seq,
    /// Whether what has nothing to do with the picked event steps back: only if somebody picked it.
    dims: bool,
    bottom: Tenths,
}

impl Picture<'_> {
    fn colour(&self, draw: &Draw<'_>, seq: Seq) -> Colour {
        if !self.dims || self.cone.contains(&seq) {
            draw.theme.ink
        } else {
            draw.theme.hue(Hue::Out)
        }
    }

    fn time(&self, draw: &Draw<'_>, ink: &mut Ink, event: &Event, y: Tenths, colour: Colour) {
        let kind = Type::new(draw.em(11), colour);
        ink.text(at(MARGIN, y + draw.em(4)), kind, crate::stage::short_time(event.time));
    }

    /// A frame from its sender to where it arrived, was lost, or is now.
    fn arrow(&self, draw: &Draw<'_>, canvas: &mut crate::scene::Canvas, event: &Event, y: Tenths) {
        let EventKind::FrameSent { to, role, api_key, .. } = &event.kind else { return };
        let (Some(x0), Some(x1)) = (self.rows.columns.get(&event.node), self.rows.columns.get(to))
        else {
            return;
        };
        let end = self.rows.ends.get(&event.seq);
        let arrives = end.and_then(|(seq, _)| {
            // The next row that is shown at or behind the arrival.
            self.place.range(seq..).next().map(|(_, y)| *y)
        });
        let lost = end.and_then(|(_, reason)| reason.clone());
        let step = draw.em(23);
        let colour = self.colour(draw, event.seq);
        let api = klamm_trace::api_name(*api_key);
        let (from, name_to) = (draw.name_of(event.node), draw.name_of(*to));
        let phrase = match (role, &lost, end) {
            (_, Some(_), _) => Phrase::FrameLost,
            (FrameRole::Request, None, Some(_)) => Phrase::RequestArrived,
            (FrameRole::Response, None, Some(_)) => Phrase::ResponseArrived,
            (FrameRole::Request, None, None) => Phrase::RequestOnItsWay,
            (FrameRole::Response, None, None) => Phrase::ResponseOnItsWay,
        };
        let name = draw.say(phrase, &[&api, &from, &name_to]);
        let strong = event.seq == self.picked || self.cone.contains(&event.seq);
        canvas.object(format!("frame:{}", event.seq), Role::Stop, name, |ink| {
            self.time(draw, ink, event, y, colour);
            let y1 = arrives.unwrap_or(self.bottom).min(y + 3 * step).max(y + step / 3);
            let from = at(*x0, y);
            let whole = at(*x1, y1);
            let to =
                if end.is_none() || lost.is_some() { from.towards(whole, 6, 10) } else { whole };
            let width = if strong { 18 } else { 10 };
            let line = Stroke::new(colour, width);
            let line = match role {
                FrameRole::Request => line,
                FrameRole::Response => line.dash(Dash::Dashed),
            };
            ink.line(from, to, line);
            ink.circle(from, px(2), Look::fill(colour));
            let danger = draw.theme.hue(Hue::Danger);
            match (&lost, end) {
                (Some(_), _) => ink.cross(to, draw.em(5), Stroke::new(danger, px(2))),
                (None, Some(_)) => head(ink, from, to, draw.em(7), colour),
                (None, None) => ink.circle(to, draw.em(4), Look::edge(Stroke::new(colour, 15))),
            }
            let text = lost.map_or_else(|| api.clone(), |reason| format!("{api} ({reason})"));
            let kind = Type::new(draw.em(11), colour);
            // The word stands near the sender, above its line.
            let reach = (x1 - x0).abs() - draw.em(24);
            let text = text::fitted(&text, kind.size, reach);
            if x1 > x0 {
                written(draw, ink, at(x0 + draw.em(10), y - draw.em(2)), kind, text);
            } else {
                let kind = kind.anchor(Anchor::End);
                written(draw, ink, at(x0 - draw.em(10), y - draw.em(2)), kind, text);
            }
        });
    }

    /// Something that happened at a node.
    fn fact(&self, draw: &Draw<'_>, canvas: &mut crate::scene::Canvas, event: &Event, y: Tenths) {
        let Some(x) = self.rows.columns.get(&event.node) else { return };
        let colour = self.colour(draw, event.seq);
        let mut words = event.kind.name().to_owned();
        let nodes = klamm_trace::node_fields(&event.kind);
        event.kind.visit(&mut |key, value| {
            if let Some((_, node)) = nodes.iter().find(|(field, _)| *field == key) {
                words.push(' ');
                words.push_str(draw.name_of(*node));
                return;
            }
            let told = matches!(
                key,
                "partition" | "from" | "to" | "isr" | "epoch" | "leader_epoch" | "role" | "reason"
            );
            let mut text = String::new();
            if told && value.show(&mut text).is_ok() {
                words.push(' ');
                words.push_str(&text);
            }
        });
        let name = format!("{}: {words}", draw.name_of(event.node));
        let right_half = *x > draw.stage.style.width / 2;
        canvas.object(format!("fact:{}", event.seq), Role::Stop, name, |ink| {
            self.time(draw, ink, event, y, colour);
            let size = draw.em(5);
            let picked = event.seq == self.picked;
            let hue = draw.theme.hue(if picked { Hue::Danger } else { Hue::Leader });
            let fill = if self.cone.contains(&event.seq) { hue } else { colour };
            ink.rect(Rect::around(at(*x, y), size * 2, size * 2), px(2), Look::fill(fill));
            let kind = Type::new(draw.em(12), colour);
            let kind = if picked { kind.strong() } else { kind };
            let room = if right_half {
                x - MARGIN - draw.em(90)
            } else {
                draw.stage.style.width - MARGIN - x - draw.em(14)
            };
            let text = text::fitted(&words, kind.size, room);
            let (place, kind): (Point, Type) = if right_half {
                (at(x - draw.em(10), y + draw.em(4)), kind.anchor(Anchor::End))
            } else {
                (at(x + draw.em(10), y + draw.em(4)), kind)
            };
            written(draw, ink, place, kind, text);
        });
    }
}

/// Words that stay readable where lines pass behind them.
fn written(draw: &Draw<'_>, ink: &mut Ink, place: Point, kind: Type, text: String) {
    let Type { size, strong, colour, anchor } = kind;
    let label = Label { at: place, anchor, size, strong, colour, text };
    ink.rect(label.bounds().inset(-px(1)), px(2), Look::fill(draw.theme.background));
    ink.text(place, kind, label.text);
}

fn head(ink: &mut Ink, from: Point, tip: Point, size: Tenths, colour: Colour) {
    let back = tip.towards(from, size, from.distance(tip).max(1));
    let (x, y) = (tip.x - back.x, tip.y - back.y);
    let points = [tip, back.by(-y / 2, x / 2), back.by(y / 2, -x / 2)];
    ink.path(&points, true, Look::fill(colour));
}
