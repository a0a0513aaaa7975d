//! The one place where scenes are painted: each object is drawn, made to answer the mouse and the keyboard, and named.

use std::collections::BTreeSet;

use eframe::egui;
use egui::{
    Color32, FontId, Id, Mesh, Painter, Pos2, Response, Role as Kind, Sense, Shape as Drawn,
    Stroke as Line, StrokeKind, Ui, UiBuilder, pos2, vec2,
};
use klamm_scene::geometry::{Point, Rect, Tenths, at};
use klamm_scene::{Anchor, Dash, Label, Look, Object, Part, Role, Scene, Shape, Stroke, Subject};

use super::hand::{color, named, points};
use super::held::{Held, Zone};
use crate::lab::Lab;

/// What a person did to an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Click {
    /// Picked it.
    Pick,
    /// Asked what can be done to it.
    Menu,
}

/// What differs from another picture beside this one.
pub(super) struct Differ<'d> {
    /// The numbers.
    pub subjects: &'d BTreeSet<Subject>,
    /// What such a one is called.
    pub name: &'d dyn Fn(&str) -> String,
}

/// Paints a scene from the upper left corner of what is free, and says which object was clicked.
pub(super) fn scene<'a>(
    ui: &mut Ui,
    scene: &'a Scene,
    factor: f32,
    marked: Option<&Subject>,
    differ: &Differ<'_>,
    stays: &str,
) -> Option<(&'a Object, Click)> {
    let size = vec2(points(scene.width), points(scene.height)) * factor;
    let (rect, whole) = ui.allocate_exact_size(size, Sense::hover());
    named(&whole, Kind::Figure, &scene.title);
    ui.painter().rect_filled(rect.union(ui.clip_rect()), 0.0, color(scene.background));
    let line = ui.visuals().widgets.noninteractive.bg_stroke;
    let held = Held::new(&scene.pinned, rect, factor, ui.clip_rect());
    let mut brush = Brush {
        origin: rect.min,
        factor,
        clicked: None,
        marked,
        differ,
        ids: ui.scope_id(),
        held,
        zone: Zone::FREE,
    };
    for object in &scene.objects {
        brush.object(ui, object);
    }
    for strip in held.strips() {
        brush.zone = strip.zone;
        brush.origin = rect.min + strip.shift;
        let mut above = ui.new_child(UiBuilder::new().id_salt(strip.zone).max_rect(strip.room));
        above.shrink_clip_rect(strip.room);
        // What is scrolled away below it is not to be hit through it.
        let cover = above.interact(strip.room, brush.ids.with(strip.zone), Sense::CLICK);
        named(&cover, Kind::Group, stays);
        above.painter().rect_filled(strip.room, 0.0, color(scene.background));
        for object in &scene.objects {
            brush.object(&above, object);
        }
        strip.edges(above.painter(), line);
    }
    brush.clicked
}

struct Brush<'a, 'm> {
    origin: Pos2,
    factor: f32,
    clicked: Option<(&'a Object, Click)>,
    marked: Option<&'m Subject>,
    differ: &'m Differ<'m>,
    /// Under which all objects have their ids, wherever they are drawn.
    ids: Id,
    held: Held,
    /// What is drawn now.
    zone: Zone,
}

impl<'a> Brush<'a, '_> {
    /// Draws an object and what is in it. What is drawn later lies above and is hit first, as in [`Scene::hit`].
    ///
    /// An object is there once, where it is held or where it lies; its shapes are seen in every strip through which they pass.
    fn object(&mut self, ui: &Ui, object: &'a Object) {
        let zone = self.held.zone(object.bounds);
        if zone == self.zone {
            self.own(ui, object);
        } else if self.zone != Zone::FREE {
            let passes = ui.is_rect_visible(self.rect(object.bounds).expand(8.0));
            if passes {
                self.parts(ui, object, true);
            }
        }
    }

    /// Draws what an object is made of.
    fn parts(&mut self, ui: &Ui, object: &'a Object, visible: bool) {
        for part in &object.parts {
            match part {
                Part::Shape(shape) if visible => self.shape(ui.painter(), shape),
                Part::Shape(_) => {}
                Part::Object(inner) => self.object(ui, inner),
            }
        }
    }

    /// An object where it is.
    fn own(&mut self, ui: &Ui, object: &'a Object) {
        let rect = self.rect(object.bounds).expand(1.0);
        let can = Lab::can_pick(object);
        let (sense, kind) = match object.role {
            Role::Area | Role::Note => (Sense::hover(), Kind::Group),
            // A stop of the Tab key; what is inside of it is reached with the arrows and the mouse.
            Role::Stop if can => (Sense::click(), Kind::Button),
            Role::Mark | Role::Value if can => (Sense::CLICK, Kind::Button),
            Role::Stop | Role::Mark | Role::Value => (Sense::hover(), Kind::Label),
        };
        let id = self.ids.with(("scene", &object.id));
        let response = ui.interact(rect, id, sense);
        let differs = object.subject.as_ref().is_some_and(|it| self.differ.subjects.contains(it));
        if differs {
            named(&response, kind, &(self.differ.name)(&object.name));
        } else {
            named(&response, kind, &object.name);
        }
        if object.role != Role::Area {
            self.react(ui, object, &response);
        }
        let visible = ui.is_rect_visible(rect.expand(8.0));
        self.parts(ui, object, visible);
        if differs && visible {
            // A broken ring: it is told from the mark's by more than its colour.
            let ring = rect.expand(2.0);
            let corners = [
                ring.left_top(),
                ring.right_top(),
                ring.right_bottom(),
                ring.left_bottom(),
                ring.left_top(),
            ];
            broken(
                ui.painter(),
                &corners,
                Line::new(2.0, ui.visuals().warn_fg_color),
                Dash::Dashed,
            );
        }
        let marked = object.subject.is_some() && object.subject.as_ref() == self.marked;
        if marked || response.has_focus() {
            let line = Line::new(2.0, ui.visuals().hyperlink_color);
            ui.painter().rect_stroke(rect.expand(2.0), 3.0, line, StrokeKind::Outside);
        }
    }

    fn react(&mut self, ui: &Ui, object: &'a Object, response: &Response) {
        if Lab::can_pick(object) {
            if response.clicked() {
                self.clicked = Some((object, Click::Pick));
            } else if response.secondary_clicked() {
                self.clicked = Some((object, Click::Menu));
            }
        }
        if response.hovered() && Lab::can_pick(object) {
            ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
        }
        response.clone().on_hover_text(&object.name);
    }

    fn rect(&self, rect: Rect) -> egui::Rect {
        let min = self.place(at(rect.x, rect.y));
        egui::Rect::from_min_size(min, vec2(self.size(rect.w), self.size(rect.h)))
    }

    fn place(&self, point: Point) -> Pos2 {
        pos2(self.origin.x + self.size(point.x), self.origin.y + self.size(point.y))
    }

    fn size(&self, length: Tenths) -> f32 {
        points(length) * self.factor
    }

    fn line(&self, stroke: Stroke) -> Line {
        Line::new(self.size(stroke.width), color(stroke.colour))
    }

    fn shape(&self, painter: &Painter, shape: &Shape) {
        match shape {
            Shape::Rect { rect, radius, look } => {
                let rect = self.rect(*rect);
                let radius = self.size(*radius);
                if let Some(fill) = look.fill {
                    painter.rect_filled(rect, radius, color(fill));
                }
                let Some(stroke) = look.stroke else { return };
                if stroke.dash == Dash::Solid {
                    painter.rect_stroke(rect, radius, self.line(stroke), StrokeKind::Middle);
                } else {
                    let corners = [
                        rect.left_top(),
                        rect.right_top(),
                        rect.right_bottom(),
                        rect.left_bottom(),
                        rect.left_top(),
                    ];
                    broken(painter, &corners, self.line(stroke), stroke.dash);
                }
            }
            Shape::Circle { centre, radius, look } => {
                let (centre, radius) = (self.place(*centre), self.size(*radius));
                if let Some(fill) = look.fill {
                    painter.circle_filled(centre, radius, color(fill));
                }
                if let Some(stroke) = look.stroke {
                    painter.circle_stroke(centre, radius, self.line(stroke));
                }
            }
            Shape::Path { points, closed, look } => {
                let mut path: Vec<Pos2> = points.iter().map(|at| self.place(*at)).collect();
                self.path(painter, &mut path, *closed, *look);
            }
            Shape::Text(label) => self.text(painter, label),
        }
    }

    fn path(&self, painter: &Painter, path: &mut Vec<Pos2>, closed: bool, look: Look) {
        if let Some(fill) = look.fill {
            painter.add(filled(path, color(fill)));
        }
        let Some(stroke) = look.stroke else { return };
        if closed {
            path.extend(path.first().copied());
        }
        if stroke.dash == Dash::Solid {
            painter.add(Drawn::line(std::mem::take(path), self.line(stroke)));
        } else {
            broken(painter, path, self.line(stroke), stroke.dash);
        }
    }

    /// A line of text with its foot where the scene wants it.
    fn text(&self, painter: &Painter, label: &Label) {
        let font = FontId::proportional(self.size(label.size));
        let colour = color(label.colour);
        let galley = painter.layout_no_wrap(label.text.clone(), font, colour);
        let foot = galley
            .rows
            .first()
            .and_then(|row| row.glyphs.first().map(|glyph| row.pos.y + glyph.pos.y));
        let foot_at = self.place(label.at);
        let x = match label.anchor {
            Anchor::Start => foot_at.x,
            Anchor::Middle => foot_at.x - galley.size().x / 2.0,
            Anchor::End => foot_at.x - galley.size().x,
        };
        let at = pos2(x, foot_at.y - foot.unwrap_or_default());
        if label.strong {
            // The font has one weight: heavy letters are drawn twice. Letters stand on whole pixels, so half a pixel would be one
            // or none by chance; a whole one at half the strength is the same for every word.
            let step = vec2(painter.pixels_per_point().recip(), 0.0);
            let half = colour.gamma_multiply(0.5);
            painter.galley_with_override_text_color(at + step, galley.clone(), half);
        }
        painter.galley(at, galley, colour);
    }
}

/// A line in pieces.
fn broken(painter: &Painter, path: &[Pos2], line: Line, dash: Dash) {
    let (on, off) = match dash {
        Dash::Solid | Dash::Dashed => (line.width * 4.0, line.width * 3.0),
        Dash::Dotted => (line.width, line.width * 2.0),
    };
    painter.extend(Drawn::dashed_line(path, line, on, off));
}

/// A filled outline. One with dents (a crown) is cut into triangles: the painter fills bulging outlines only.
fn filled(path: &[Pos2], colour: Color32) -> Drawn {
    if is_convex(path) {
        return Drawn::convex_polygon(path.to_vec(), colour, Line::NONE);
    }
    let mut mesh = Mesh::default();
    for corner in path {
        mesh.colored_vertex(*corner, colour);
    }
    for [a, b, c] in triangles(path) {
        mesh.add_triangle(a, b, c);
    }
    Drawn::mesh(mesh)
}

/// Which way one turns at `b`: more than zero to one side, less to the other.
fn turn(a: Pos2, b: Pos2, c: Pos2) -> f32 {
    (b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x)
}

fn corner(path: &[Pos2], at: usize) -> Pos2 {
    path.get(at % path.len().max(1)).copied().unwrap_or_default()
}

fn is_convex(path: &[Pos2]) -> bool {
    let turns = (0..path.len())
        .map(|at| turn(corner(path, at), corner(path, at + 1), corner(path, at + 2)));
    let (mut left, mut right) = (false, false);
    for turn in turns {
        left |= turn > 0.0;
        right |= turn < 0.0;
    }
    !(left && right)
}

/// Triangles that fill an outline, by cutting off one ear after the other.
fn triangles(path: &[Pos2]) -> Vec<[u32; 3]> {
    let area: f32 = (0..path.len())
        .map(|at| {
            let (a, b) = (corner(path, at), corner(path, at + 1));
            a.x * b.y - b.x * a.y
        })
        .sum();
    let mut left: Vec<usize> = (0..path.len()).collect();
    if area < 0.0 {
        left.reverse();
    }
    let mut found = Vec::new();
    while left.len() > 2 {
        let ear = (0..left.len()).find(|at| {
            let index = |step: usize| left.get((at + step) % left.len()).copied().unwrap_or(0);
            let (a, b, c) =
                (corner(path, index(0)), corner(path, index(1)), corner(path, index(2)));
            let inside =
                |p: Pos2| turn(a, b, p) > 0.0 && turn(b, c, p) > 0.0 && turn(c, a, p) > 0.0;
            turn(a, b, c) > 0.0 && !left.iter().any(|other| inside(corner(path, *other)))
        });
        // An outline that crosses itself has no more ears; what is left is not filled.
        let Some(ear) = ear else { break };
        let index = |step: usize| left.get((ear + step) % left.len()).copied().unwrap_or(0);
        let three = [index(0), index(1), index(2)];
        found.push(three.map(|at| u32::try_from(at).unwrap_or(0)));
        let tip = three[1];
        left.retain(|at| *at != tip);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crown_is_filled_whole_and_nothing_beside_it() {
        let crown: Vec<Pos2> = [(-10, 7), (-10, -7), (-5, 0), (0, -10), (5, 0), (10, -7), (10, 7)]
            .into_iter()
            .map(|(x, y): (i16, i16)| pos2(f32::from(x), f32::from(y)))
            .collect();
        assert!(!is_convex(&crown));
        let area = |three: &[u32; 3]| {
            let [a, b, c] = three.map(|at| corner(&crown, at as usize));
            turn(a, b, c).abs() / 2.0
        };
        let filled: f32 = triangles(&crown).iter().map(area).sum();
        let outline: f32 = (0..crown.len())
            .map(|at| {
                let (a, b) = (corner(&crown, at), corner(&crown, at + 1));
                a.x * b.y - b.x * a.y
            })
            .sum();
        assert!((filled - outline.abs() / 2.0).abs() < 0.01, "{filled} is not {outline}");
        assert!(is_convex(&[pos2(0.0, 0.0), pos2(4.0, 0.0), pos2(4.0, 4.0), pos2(0.0, 4.0)]));
    }
}
