//! Between two steps: what a picture looks like on the way from one to the next.
//!
//! The model never moves: both steps are drawn, and what lies between is a pure function of the two pictures and of how far one is,
//! in thousandths. The order inside of a step is that of cause and effect: who did it is ringed, frames fly, what they brought lands,
//! and what follows from that (high watermark, ISR, lag) comes last, with the event that made it so. Back is not forward played
//! backwards: what is undone fades, and messages do not fly home. With reduced motion nothing moves, and what changed is ringed.
//!
//! *Flows in*: two scenes of one tab. *Flows out*: a scene. *Must never*: keep time, or show a number that neither step has.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::event::Event;
use klamm_node::{EventKind, NodeId, Seq};

use crate::geometry::{Point, Rect, Tenths, at, px};
use crate::language::Phrase;
use crate::opened::OpenTrace;
use crate::scene::{Anchor, Canvas, Label, Look, Object, Part, Role, Scene, Shape, Stroke, Type};
use crate::stage::{Stage, Style, Tab, draw};
use crate::subject::Subject;
use crate::theme::{Colour, Hue};

/// The end of a step, in thousandths.
pub const ARRIVED: u16 = 1000;

/// The most frames that fly; the others are where they will be.
const FLYING: usize = 60;

/// When in a step something happens: from here to there, in thousandths.
type Phase = (u16, u16);

/// The object that holds the frames on their way.
const FRAMES: &str = "frames";

const CAUSE: Phase = (0, 200);
const FLIGHT: Phase = (150, 600);
const EFFECT: Phase = (600, 800);
const DERIVED: Phase = (800, 1000);

/// How far something is within its phase.
fn within(alpha: u16, (from, to): Phase) -> u16 {
    let passed = u32::from(alpha.clamp(from, to) - from) * 1000;
    u16::try_from(passed / u32::from(to - from)).unwrap_or(ARRIVED)
}

/// The picture of a tab on the way from one step to another, as far as the second one's style says.
pub fn passing(tab: Tab, before: &Stage<'_>, after: &Stage<'_>) -> Scene {
    let style = after.style;
    between(after.trace, &draw(tab, before), &draw(tab, after), after.view.seq, style)
}

/// The same, of pictures that are drawn already. `seq` is the event at the second one.
pub fn between(trace: &OpenTrace, before: &Scene, after: &Scene, seq: Seq, style: Style) -> Scene {
    if style.alpha >= ARRIVED {
        return after.clone();
    }
    let event = trace.event(seq);
    let mut way = Way::new(trace, before, after, style);
    let mut objects = way.all(&before.objects, &after.objects);
    objects.extend(event.as_ref().and_then(|event| way.pulse(event)));
    objects.extend(event.as_ref().and_then(|event| way.because(event)));
    Scene { height: before.height.max(after.height), objects, ..after.clone() }
}

/// The way back: what is the same stays, what was undone fades, what is there instead appears.
pub fn undoing(before: &Scene, after: &Scene, alpha: u16) -> Scene {
    if alpha >= ARRIVED {
        return after.clone();
    }
    let known: BTreeMap<&str, &Object> = before.objects.iter().map(|it| (&*it.id, it)).collect();
    let background = after.background;
    let mut objects = Vec::new();
    let mut kept = BTreeSet::new();
    for object in &after.objects {
        let then = known.get(&*object.id);
        kept.insert(&*object.id);
        match then {
            Some(then) if then.parts == object.parts => {}
            Some(then) => objects.push(ghost(then, background, ARRIVED - alpha)),
            None => {
                objects.push(faded(object, background, alpha));
                continue;
            }
        }
        objects.push(object.clone());
    }
    let gone = before.objects.iter().filter(|object| !kept.contains(&*object.id));
    objects.extend(gone.map(|object| ghost(object, background, ARRIVED - alpha)));
    Scene { height: before.height.max(after.height), objects, ..after.clone() }
}

/// The second picture with a ring around what is not as it was in the first: for those who want nothing to move.
pub fn ringed(before: &Scene, after: &Scene, colour: Colour) -> Scene {
    let all = before.all();
    let known: BTreeMap<&str, &Object> = all.into_iter().map(|it| (&*it.id, it)).collect();
    let mut scene = after.clone();
    for object in after.all() {
        let counts = matches!(object.role, Role::Stop | Role::Value | Role::Mark);
        let inner = object.parts.iter().any(|part| matches!(part, Part::Object(_)));
        let same = known.get(&*object.id).is_some_and(|then| shapes(then).eq(shapes(object)));
        // The innermost that changed: a ring around everything says nothing.
        if counts && !same && !(inner && object.role == Role::Stop) {
            let id = format!("changed/{}", object.id);
            scene.objects.push(ring(id, &object.name, object.bounds.inset(-px(3)), colour, px(2)));
        }
    }
    scene
}

/// What an object draws by itself.
fn shapes(object: &Object) -> impl Iterator<Item = &Shape> {
    object.parts.iter().filter_map(|part| match part {
        Part::Shape(shape) => Some(shape),
        Part::Object(_) => None,
    })
}

/// A ring with a name.
fn ring(id: String, name: &str, rect: Rect, colour: Colour, width: Tenths) -> Object {
    let mut canvas = Canvas::new();
    canvas.object(id, Role::Note, name, |ink| {
        ink.rect(rect, px(6), Look::edge(Stroke::new(colour, width)));
    });
    let mut made = canvas.finish(String::new(), 0, colour).objects;
    made.pop().expect("one object was drawn")
}

/// An object that is going: as it was, fainter, and under a name that says so only by its place.
fn ghost(object: &Object, background: Colour, strength: u16) -> Object {
    // Never more than a third: it must not be taken for what is.
    let mut ghost = faded(object, background, strength / 3);
    rename(&mut ghost);
    ghost
}

/// Ghosts have ids of their own, and nothing about them can be asked.
fn rename(object: &mut Object) {
    object.id = format!("undone/{}", object.id);
    object.subject = None;
    object.role = Role::Note;
    for part in &mut object.parts {
        if let Part::Object(inner) = part {
            rename(inner);
        }
    }
}

/// An object so many thousandths of itself.
fn faded(object: &Object, background: Colour, strength: u16) -> Object {
    let mut faded = object.clone();
    fade(&mut faded, background, strength.min(ARRIVED) / 10);
    faded
}

fn fade(object: &mut Object, background: Colour, hundredths: u16) {
    let over = |colour: Colour| colour.over(background, hundredths);
    for part in &mut object.parts {
        match part {
            Part::Object(inner) => fade(inner, background, hundredths),
            Part::Shape(Shape::Text(label)) => label.colour = over(label.colour),
            Part::Shape(
                Shape::Rect { look, .. } | Shape::Circle { look, .. } | Shape::Path { look, .. },
            ) => {
                look.fill = look.fill.map(over);
                look.stroke = look.stroke.map(|it| Stroke { colour: over(it.colour), ..it });
            }
        }
    }
}

/// From one scene to another.
struct Way<'a> {
    trace: &'a OpenTrace,
    /// Where the cards of nodes are, by name.
    cards: BTreeMap<&'a str, Rect>,
    before: BTreeMap<&'a str, &'a Object>,
    style: Style,
    background: Colour,
    width: Tenths,
    flying: usize,
}

impl<'a> Way<'a> {
    fn new(trace: &'a OpenTrace, before: &'a Scene, after: &'a Scene, style: Style) -> Self {
        let named = |object: &'a Object| Some((object.id.strip_prefix("node:")?, object));
        let cards = after
            .objects
            .iter()
            .filter_map(named)
            .filter_map(|(name, object)| Some((name, crate::rules::first_shape(object)?)))
            .collect();
        let before = before.all().into_iter().map(|object| (&*object.id, object)).collect();
        let (background, width) = (after.background, after.width);
        Self { trace, cards, before, style, background, width, flying: 0 }
    }

    /// Objects of both steps: those of the second in their order, then what is going.
    fn all(&mut self, before: &'a [Object], after: &'a [Object]) -> Vec<Object> {
        let mut objects: Vec<Object> = after.iter().filter_map(|it| self.object(it)).collect();
        let stays: BTreeSet<&str> = after.iter().map(|object| &*object.id).collect();
        let gone = before.iter().filter(|object| !stays.contains(&*object.id));
        objects.extend(gone.filter_map(|object| self.going(object)));
        objects
    }

    /// An object of the second step.
    fn object(&mut self, now: &'a Object) -> Option<Object> {
        let alpha = self.style.alpha;
        let then = self.before.get(&*now.id).copied();
        if let Some(frame) = frame_of(now) {
            return self.frame(then, now, frame);
        }
        let t = within(alpha, phase_of(now));
        let Some(then) = then else {
            if now.id == FRAMES {
                return Some(self.each_frame(now, |way, frame| way.object(frame)));
            }
            return (t > 0).then(|| faded(now, self.background, t));
        };
        if then == now {
            return Some(now.clone());
        }
        let inner = |object: &'a Object| -> Vec<&'a Object> {
            let part = |part: &'a Part| match part {
                Part::Object(object) => Some(object),
                Part::Shape(_) => None,
            };
            object.parts.iter().filter_map(part).collect()
        };
        // Shapes that answer each other move; where the two are made differently, one takes the other's place.
        let alike = shapes(then).map(kind_of).eq(shapes(now).map(kind_of));
        let mut parts: Vec<Part> = if alike {
            shapes(then).zip(shapes(now)).map(|(a, b)| Part::Shape(mixed(a, b, t))).collect()
        } else {
            let shown = if t < 500 { then } else { now };
            shapes(shown).cloned().map(Part::Shape).collect()
        };
        let stays: BTreeSet<&str> = inner(now).iter().map(|object| &*object.id).collect();
        for object in inner(now) {
            parts.extend(self.object(object).map(Part::Object));
        }
        for object in inner(then).into_iter().filter(|object| !stays.contains(&*object.id)) {
            parts.extend(self.going(object).map(Part::Object));
        }
        Some(Object { parts, ..now.clone() })
    }

    /// The frames of a step that has some, where the other has none.
    fn each_frame(
        &mut self,
        frames: &'a Object,
        mut each: impl FnMut(&mut Self, &'a Object) -> Option<Object>,
    ) -> Object {
        let mut parts = Vec::new();
        for part in &frames.parts {
            if let Part::Object(frame) = part {
                parts.extend(each(self, frame).map(Part::Object));
            }
        }
        Object { parts, ..frames.clone() }
    }

    /// An object that the second step has no more.
    fn going(&mut self, then: &'a Object) -> Option<Object> {
        let alpha = self.style.alpha;
        if let Some(frame) = frame_of(then) {
            let t = within(alpha, FLIGHT);
            if t >= ARRIVED || self.flying >= FLYING {
                return None;
            }
            self.flying += 1;
            let to = self.ends(frame).and_then(|(_, to)| self.card(to));
            let shift = to.map_or((0, 0), |card| {
                let here = then.bounds.centre();
                part_of(here, card.centre(), t)
            });
            return Some(moved(then, shift));
        }
        if then.id == FRAMES {
            return Some(self.each_frame(then, |way, frame| way.going(frame)));
        }
        let t = within(alpha, phase_of(then));
        (t < ARRIVED).then(|| faded(then, self.background, ARRIVED - t))
    }

    /// A frame that is still on its way at the second step.
    fn frame(&mut self, then: Option<&Object>, now: &Object, frame: Seq) -> Option<Object> {
        let t = within(self.style.alpha, FLIGHT);
        if t >= ARRIVED || self.flying >= FLYING {
            return Some(now.clone());
        }
        self.flying += 1;
        let from = match then {
            Some(then) => Some(then.bounds.centre()),
            // It has just left: from its sender's card.
            None => self.ends(frame).and_then(|(from, _)| self.card(from)).map(Rect::centre),
        };
        if then.is_none() && t == 0 {
            return None;
        }
        let shift = from.map_or((0, 0), |from| part_of(now.bounds.centre(), from, ARRIVED - t));
        Some(moved(now, shift))
    }

    /// Who sent a frame, and to whom.
    fn ends(&self, frame: Seq) -> Option<(NodeId, NodeId)> {
        let event = self.trace.event(frame)?;
        let EventKind::FrameSent { to, .. } = &event.kind else { return None };
        Some((event.node, *to))
    }

    fn card(&self, node: NodeId) -> Option<Rect> {
        self.cards.get(self.trace.nodes().name(node)).copied()
    }

    /// A ring around who did it, growing.
    fn pulse(&self, event: &Event) -> Option<Object> {
        let t = within(self.style.alpha, CAUSE);
        let card = self.card(event.node)?;
        if t >= ARRIVED {
            return None;
        }
        let reach = px(3) + px(8) * i32::from(t) / 1000;
        let colour = self.style.theme.hue(Hue::Warning);
        let colour = colour.over(self.background, (ARRIVED - t) / 10);
        let name = format!("{}: {}", self.trace.nodes().name(event.node), event.kind.name());
        Some(ring("pulse".to_owned(), &name, card.inset(-reach), colour, px(3)))
    }

    /// What made the derived values what they become. A picture with a caption says it there.
    fn because(&self, event: &Event) -> Option<Object> {
        if self.style.captioned || self.style.alpha < EFFECT.0 {
            return None;
        }
        let name = self.trace.nodes().name(event.node);
        let text = self.style.language.say(Phrase::Because, &[&event.kind.name(), &name]);
        let size = px(12) * i32::from(self.style.scale) / 100;
        let kind = Type::new(size, self.style.theme.quiet).anchor(Anchor::End);
        let mut canvas = Canvas::new();
        canvas.object("because", Role::Note, text.clone(), |ink| {
            ink.text(at(self.width - px(16), size + px(4)), kind, text);
        });
        canvas.finish(String::new(), 0, self.background).objects.pop()
    }
}

/// The event of a frame that an object stands for.
fn frame_of(object: &Object) -> Option<Seq> {
    object.id.strip_prefix("frames/frame:")?.parse().ok().map(Seq)
}

/// When in a step an object takes its new look: what follows from other things comes after them.
fn phase_of(object: &Object) -> Phase {
    let derived = match &object.subject {
        Some(
            Subject::HighWatermark(..)
            | Subject::Isr(_)
            | Subject::Elr(_)
            | Subject::Lag(..)
            | Subject::MetadataCommitted(_),
        ) => true,
        Some(_) => false,
        None => {
            let own = object.id.rsplit('/').next().unwrap_or_default();
            matches!(own, "own-hw" | "high-watermark" | "lag" | "health" | "behind")
        }
    };
    if derived { DERIVED } else { EFFECT }
}

/// What a shape is, as far as one can become the other by moving.
fn kind_of(shape: &Shape) -> (u8, usize) {
    match shape {
        Shape::Rect { .. } => (0, 0),
        Shape::Circle { .. } => (1, 0),
        Shape::Path { points, closed, .. } => (2 + u8::from(*closed), points.len()),
        Shape::Text(_) => (4, 0),
    }
}

/// A shape on the way to another of its kind.
fn mixed(then: &Shape, now: &Shape, t: u16) -> Shape {
    let len = |a: Tenths, b: Tenths| length(a, b, t);
    let spot = |a: Point, b: Point| at(len(a.x, b.x), len(a.y, b.y));
    let late = t >= 500;
    match (then, now) {
        (Shape::Rect { rect: a, look: x, .. }, Shape::Rect { rect: b, radius, look: y }) => {
            let rect = Rect::new(len(a.x, b.x), len(a.y, b.y), len(a.w, b.w), len(a.h, b.h));
            Shape::Rect { rect, radius: *radius, look: if late { *y } else { *x } }
        }
        (
            Shape::Circle { centre: a, radius: r, look: x },
            Shape::Circle { centre: b, radius: q, look: y },
        ) => Shape::Circle {
            centre: spot(*a, *b),
            radius: len(*r, *q),
            look: if late { *y } else { *x },
        },
        (Shape::Path { points: a, look: x, .. }, Shape::Path { points: b, closed, look: y }) => {
            let points = a.iter().zip(b).map(|(a, b)| spot(*a, *b)).collect();
            Shape::Path { points, closed: *closed, look: if late { *y } else { *x } }
        }
        (Shape::Text(a), Shape::Text(b)) => {
            let label = if late { b } else { a };
            Shape::Text(Label { at: spot(a.at, b.at), ..label.clone() })
        }
        (then, now) => if late { now } else { then }.clone(),
    }
}

fn length(a: Tenths, b: Tenths, t: u16) -> Tenths {
    a + (b - a) * i32::from(t) / i32::from(ARRIVED)
}

/// So many thousandths of the way from one point to another.
fn part_of(from: Point, to: Point, t: u16) -> (Tenths, Tenths) {
    (length(0, to.x - from.x, t), length(0, to.y - from.y, t))
}

/// An object elsewhere.
fn moved(object: &Object, (x, y): (Tenths, Tenths)) -> Object {
    let parts = object
        .parts
        .iter()
        .map(|part| match part {
            Part::Object(inner) => Part::Object(moved(inner, (x, y))),
            Part::Shape(shape) => Part::Shape(match shape.clone() {
                Shape::Rect { rect, radius, look } => Shape::Rect {
                    rect: Rect { x: rect.x + x, y: rect.y + y, ..rect },
                    radius,
                    look,
                },
                Shape::Circle { centre, radius, look } => {
                    Shape::Circle { centre: centre.by(x, y), radius, look }
                }
                Shape::Path { points, closed, look } => {
                    let points = points.into_iter().map(|point| point.by(x, y)).collect();
                    Shape::Path { points, closed, look }
                }
                Shape::Text(label) => Shape::Text(Label { at: label.at.by(x, y), ..label }),
            }),
        })
        .collect();
    let bounds = Rect { x: object.bounds.x + x, y: object.bounds.y + y, ..object.bounds };
    Object { parts, bounds, ..object.clone() }
}

#[cfg(test)]
mod tests;
