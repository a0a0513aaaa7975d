//! The display list: everything that is drawn, as plain data.
//!
//! A [`Scene`] is a tree of [`Object`]s with shapes in them. An object has an id that is unique in its scene, a name that says
//! in words what the picture shows (for screen readers, tooltips and tests), and, where it is a number of the engine's, the
//! [`Subject`] that [`crate::why`] can explain. Shapes can only be drawn inside of an object, by its [`Ink`], so nothing can be
//! painted unnamed.
//!
//! Whoever draws a scene (SVG, pixels, egui) walks the tree in order; later shapes cover earlier ones.

use std::collections::BTreeSet;

use crate::geometry::{Point, Rect, Tenths, at, px};
use crate::subject::Subject;
use crate::text;
use crate::theme::Colour;

/// A whole picture.
#[derive(Clone, PartialEq, Debug)]
pub struct Scene {
    /// What it shows, in words.
    pub title: String,
    /// Its width.
    pub width: Tenths,
    /// Its height.
    pub height: Tenths,
    /// What lies behind everything.
    pub background: Colour,
    /// What stays in sight where it is scrolled.
    pub pinned: Pinned,
    /// What it is made of.
    pub objects: Vec<Object>,
}

/// What stays in sight where a picture is scrolled: what names its columns and its rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pinned {
    /// Names of columns, each for what lies below it.
    pub heads: Vec<Band>,
    /// The names of rows lie between the left edge and here; nothing where there are none.
    pub names: Tenths,
}

/// Names of columns, and how far down they hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Band {
    /// Where they begin.
    pub from: Tenths,
    /// Where they end.
    pub to: Tenths,
    /// Where what they name ends.
    pub until: Tenths,
}

/// What an object is, for reading order, focus and style.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// A part of the picture that holds others: a rack, an axis, a legend.
    Area,
    /// One stop of the keyboard's focus, with arrows inside: a lane, a broker, a row.
    Stop,
    /// Something inside a stop: a record, a chip, a frame.
    Mark,
    /// A number or word of the engine's that can be explained.
    Value,
    /// Decoration with words: a title, a legend's line.
    Note,
}

/// Something with a name.
#[derive(Clone, PartialEq, Debug)]
pub struct Object {
    /// Unique in its scene, and the same from step to step.
    pub id: String,
    /// What it is.
    pub role: Role,
    /// What it shows, in words.
    pub name: String,
    /// The number that it shows, if it can be explained.
    pub subject: Option<Subject>,
    /// Where it is: the smallest rectangle around what is drawn of it.
    pub bounds: Rect,
    /// What it is made of, in the order of drawing.
    pub parts: Vec<Part>,
}

/// A piece of an object.
#[derive(Clone, PartialEq, Debug)]
pub enum Part {
    /// A shape.
    Shape(Shape),
    /// An object in it.
    Object(Object),
}

/// How a line is broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Dash {
    /// Not at all.
    #[default]
    Solid,
    /// Into dashes.
    Dashed,
    /// Into dots.
    Dotted,
}

/// A line's look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stroke {
    /// Its colour.
    pub colour: Colour,
    /// Its width.
    pub width: Tenths,
    /// How it is broken.
    pub dash: Dash,
}

impl Stroke {
    /// An unbroken line.
    pub const fn new(colour: Colour, width: Tenths) -> Self {
        Self { colour, width, dash: Dash::Solid }
    }

    /// The same line, broken.
    #[must_use]
    pub const fn dash(self, dash: Dash) -> Self {
        Self { dash, ..self }
    }
}

/// What fills and surrounds an area.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// The inside.
    pub fill: Option<Colour>,
    /// The edge.
    pub stroke: Option<Stroke>,
}

impl Look {
    /// Filled, without an edge.
    pub const fn fill(colour: Colour) -> Self {
        Self { fill: Some(colour), stroke: None }
    }

    /// An edge around nothing.
    pub const fn edge(stroke: Stroke) -> Self {
        Self { fill: None, stroke: Some(stroke) }
    }

    /// Filled with an edge.
    pub const fn both(fill: Colour, stroke: Stroke) -> Self {
        Self { fill: Some(fill), stroke: Some(stroke) }
    }
}

/// Which part of a text stands at its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Anchor {
    /// Its beginning.
    #[default]
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// Something that is drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A rectangle.
    Rect {
        /// Where.
        rect: Rect,
        /// How round its corners are.
        radius: Tenths,
        /// Its look.
        look: Look,
    },
    /// A circle.
    Circle {
        /// Its middle.
        centre: Point,
        /// Its radius.
        radius: Tenths,
        /// Its look.
        look: Look,
    },
    /// Straight lines from point to point.
    Path {
        /// The points.
        points: Vec<Point>,
        /// True if the last is joined to the first.
        closed: bool,
        /// Its look.
        look: Look,
    },
    /// A line of text.
    Text(Label),
}

/// A line of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where its line stands.
    pub at: Point,
    /// Which part of it stands there.
    pub anchor: Anchor,
    /// The size of its letters.
    pub size: Tenths,
    /// True for heavy letters.
    pub strong: bool,
    /// Its colour.
    pub colour: Colour,
    /// What it says.
    pub text: String,
}

impl Label {
    /// The rectangle that it fills.
    pub fn bounds(&self) -> Rect {
        let w = text::width(&self.text, self.size);
        let x = match self.anchor {
            Anchor::Start => self.at.x,
            Anchor::Middle => self.at.x - w / 2,
            Anchor::End => self.at.x - w,
        };
        let rise = self.size * text::CAPITALS / 1000;
        Rect::new(x, self.at.y - rise, w, rise + self.size / 5)
    }
}

impl Shape {
    /// The smallest rectangle around it, without the width of its lines.
    pub fn bounds(&self) -> Rect {
        match self {
            Self::Rect { rect, .. } => *rect,
            Self::Circle { centre, radius, .. } => Rect::around(*centre, radius * 2, radius * 2),
            Self::Path { points, .. } => {
                let mut corners = points.iter().map(|point| Rect::new(point.x, point.y, 0, 0));
                let first = corners.next().unwrap_or_default();
                corners.fold(first, Rect::union)
            }
            Self::Text(label) => label.bounds(),
        }
    }
}

impl Scene {
    /// Every object, in the order of drawing, which is the order of reading.
    pub fn all(&self) -> Vec<&Object> {
        fn visit<'a>(object: &'a Object, into: &mut Vec<&'a Object>) {
            into.push(object);
            for part in &object.parts {
                if let Part::Object(object) = part {
                    visit(object, into);
                }
            }
        }
        let mut all = Vec::new();
        self.objects.iter().for_each(|object| visit(object, &mut all));
        all
    }

    /// An object by its id.
    pub fn object(&self, id: &str) -> Option<&Object> {
        self.all().into_iter().find(|object| object.id == id)
    }

    /// The innermost object at a point: what a click means.
    pub fn hit(&self, point: Point) -> Option<&Object> {
        self.all().into_iter().rev().find(|object| object.bounds.has(point))
    }

    /// Every number in the picture that can be explained.
    pub fn subjects(&self) -> BTreeSet<Subject> {
        self.all().into_iter().filter_map(|object| object.subject.clone()).collect()
    }

    /// Every line of text, with the object that it stands in.
    pub fn labels(&self) -> Vec<(&Object, &Label)> {
        let mut labels = Vec::new();
        for object in self.all() {
            for part in &object.parts {
                if let Part::Shape(Shape::Text(label)) = part {
                    labels.push((object, label));
                }
            }
        }
        labels
    }
}

/// What a picture is drawn on.
#[derive(Debug, Default)]
pub struct Canvas {
    objects: Vec<Object>,
}

impl Canvas {
    /// Nothing drawn yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Draws an object.
    pub fn object<R>(
        &mut self,
        id: impl Into<String>,
        role: Role,
        name: impl Into<String>,
        draw: impl FnOnce(&mut Ink) -> R,
    ) -> R {
        let (object, result) = make(id.into(), role, name.into(), None, draw);
        self.objects.push(object);
        result
    }

    /// The rectangle around everything so far.
    pub fn bounds(&self) -> Rect {
        let mut all =
            self.objects.iter().map(|object| object.bounds).filter(|b| b.w > 0 || b.h > 0);
        let first = all.next().unwrap_or_default();
        all.fold(first, Rect::union)
    }

    /// The picture. It is as high as what is drawn, with a margin below.
    pub fn finish(self, title: String, width: Tenths, background: Colour) -> Scene {
        let height = self.bounds().bottom().max(0) + px(12);
        let pinned = Pinned::default();
        Scene { title, width, height, background, pinned, objects: self.objects }
    }
}

/// The one place where objects are made.
fn make<R>(
    id: String,
    role: Role,
    name: String,
    subject: Option<Subject>,
    draw: impl FnOnce(&mut Ink) -> R,
) -> (Object, R) {
    let mut ink = Ink { id, parts: Vec::new() };
    let result = draw(&mut ink);
    let Ink { id, parts } = ink;
    let mut all = parts.iter().map(|part| match part {
        Part::Shape(shape) => shape.bounds(),
        Part::Object(object) => object.bounds,
    });
    let first = all.next().unwrap_or_default();
    let bounds = all.fold(first, Rect::union);
    (Object { id, role, name, subject, bounds, parts }, result)
}

/// What draws inside of an object.
#[derive(Debug)]
pub struct Ink {
    id: String,
    parts: Vec<Part>,
}

/// How text looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Type {
    /// The size of the letters.
    pub size: Tenths,
    /// True for heavy letters.
    pub strong: bool,
    /// The colour.
    pub colour: Colour,
    /// Which part of the text stands at its place.
    pub anchor: Anchor,
}

impl Type {
    /// Letters of a size and colour, from their place to the right.
    pub const fn new(size: Tenths, colour: Colour) -> Self {
        Self { size, strong: false, colour, anchor: Anchor::Start }
    }

    /// The same, heavy.
    #[must_use]
    pub const fn strong(self) -> Self {
        Self { strong: true, ..self }
    }

    /// The same in another colour.
    #[must_use]
    pub const fn colour(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    /// The same, with its middle or end at its place.
    #[must_use]
    pub const fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

impl Ink {
    /// The id of the object that is drawn.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Draws an object inside of this one. Its id stands behind this one's.
    pub fn object<R>(
        &mut self,
        id: &str,
        role: Role,
        name: impl Into<String>,
        draw: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let (object, result) = make(format!("{}/{id}", self.id), role, name.into(), None, draw);
        self.parts.push(Part::Object(object));
        result
    }

    /// Draws something that stands for a number of the engine's and can be explained.
    pub fn value<R>(
        &mut self,
        subject: Subject,
        name: impl Into<String>,
        draw: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let id = format!("{}/{}", self.id, subject.id());
        let (object, result) = make(id, Role::Value, name.into(), Some(subject), draw);
        self.parts.push(Part::Object(object));
        result
    }

    /// Draws a shape.
    pub fn shape(&mut self, shape: Shape) {
        self.parts.push(Part::Shape(shape));
    }

    /// Draws a rectangle.
    pub fn rect(&mut self, rect: Rect, radius: Tenths, look: Look) {
        self.shape(Shape::Rect { rect, radius, look });
    }

    /// Draws a circle.
    pub fn circle(&mut self, centre: Point, radius: Tenths, look: Look) {
        self.shape(Shape::Circle { centre, radius, look });
    }

    /// Draws a line.
    pub fn line(&mut self, from: Point, to: Point, stroke: Stroke) {
        self.path(&[from, to], false, Look::edge(stroke));
    }

    /// Draws lines from point to point.
    pub fn path(&mut self, points: &[Point], closed: bool, look: Look) {
        self.shape(Shape::Path { points: points.to_vec(), closed, look });
    }

    /// Writes a line and says how wide it is.
    pub fn text(&mut self, at: Point, kind: Type, text: impl Into<String>) -> Tenths {
        let text = text.into();
        let width = text::width(&text, kind.size);
        if !text.is_empty() {
            let Type { size, strong, colour, anchor } = kind;
            self.shape(Shape::Text(Label { at, anchor, size, strong, colour, text }));
        }
        width
    }

    /// Writes as much of a line as fits and says how wide that is.
    pub fn fitted(&mut self, at: Point, kind: Type, text: &str, room: Tenths) -> Tenths {
        self.text(at, kind, text::fitted(text, kind.size, room))
    }

    /// Writes as much of a name as fits and all of the number at its end, and says how wide that is.
    pub fn numbered(&mut self, at: Point, kind: Type, text: &str, room: Tenths) -> Tenths {
        self.text(at, kind, text::numbered(text, kind.size, room))
    }

    /// Hatches a rectangle with slanting lines.
    pub fn hatch(&mut self, rect: Rect, distance: Tenths, stroke: Stroke) {
        if rect.w <= 0 || rect.h <= 0 {
            return;
        }
        let mut start = rect.x - rect.h + distance / 2;
        while start < rect.right() {
            // From the lower edge up to the right, clipped by hand so that no drawer has to.
            let (mut a, mut b) = (at(start, rect.bottom()), at(start + rect.h, rect.y));
            if a.x < rect.x {
                a = at(rect.x, rect.bottom() - (rect.x - a.x));
            }
            if b.x > rect.right() {
                b = at(rect.right(), rect.y + (b.x - rect.right()));
            }
            self.line(a, b, stroke);
            start += distance.max(1);
        }
    }

    /// Draws a cross over a place.
    pub fn cross(&mut self, centre: Point, reach: Tenths, stroke: Stroke) {
        self.line(centre.by(-reach, -reach), centre.by(reach, reach), stroke);
        self.line(centre.by(-reach, reach), centre.by(reach, -reach), stroke);
    }

    /// Draws the crown of a leader: a shape, not a letter, since fonts may lack it.
    pub fn crown(&mut self, centre: Point, reach: Tenths, colour: Colour) {
        let half = reach * 7 / 10;
        let points = [
            centre.by(-reach, half),
            centre.by(-reach, -half),
            centre.by(-reach / 2, 0),
            centre.by(0, -reach),
            centre.by(reach / 2, 0),
            centre.by(reach, -half),
            centre.by(reach, half),
        ];
        self.path(&points, true, Look::fill(colour));
    }

    /// Draws a hexagon with a corner to each side: a controller.
    pub fn hexagon(&mut self, centre: Point, w: Tenths, h: Tenths, look: Look) {
        let (x, y, corner) = (w / 2, h / 2, h / 3);
        let points = [
            centre.by(-x, 0),
            centre.by(-x + corner, -y),
            centre.by(x - corner, -y),
            centre.by(x, 0),
            centre.by(x - corner, y),
            centre.by(-x + corner, y),
        ];
        self.path(&points, true, look);
    }
}
