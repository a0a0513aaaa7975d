//! What of a scrolled picture stays in sight: the names of its columns at the upper edge, those of its rows at the left.
//!
//! *Flows in*: what the scene says is to stay, where the picture lies, and what is seen of it. *Flows out*: strips to be drawn over
//! the picture, and for each object whether it lies in one. *Must never*: hold so much that little else is seen.

use eframe::egui;
use egui::{Painter, Rect, Stroke, Vec2, pos2, vec2};
use klamm_scene::geometry::{self, Tenths};
use klamm_scene::{Band, Pinned};

use super::hand::points;

/// At most this part of what is seen is held.
const MOST: f32 = 0.5;

/// Where an object of a picture lies: in the heads that are held, in the names that are held, in both, or in neither.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Zone {
    heads: bool,
    names: bool,
}

impl Zone {
    /// Nothing holds it.
    pub(super) const FREE: Self = Self { heads: false, names: false };
}

/// A strip over a picture.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Strip {
    pub zone: Zone,
    /// Where it is seen.
    pub room: Rect,
    /// How far what is in it is away from where it lies.
    pub shift: Vec2,
}

impl Strip {
    /// A line to what is scrolled below it.
    pub(super) fn edges(&self, painter: &Painter, line: Stroke) {
        let (right, bottom) = (self.room.right(), self.room.bottom());
        if self.zone.heads {
            painter.hline(self.room.x_range(), bottom - line.width, line);
        }
        if self.zone.names {
            painter.vline(right - line.width, self.room.y_range(), line);
        }
    }
}

/// What is held, and how.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Held {
    seen: Rect,
    /// The heads, where they end on the screen, and how far they are from where they lie.
    heads: Option<(Band, f32, f32)>,
    /// Where the names end, in the picture and on the screen, and how far they are from where they lie.
    names: Option<(Tenths, f32, f32)>,
}

impl Held {
    /// What is held of a picture that fills a rectangle, drawn at a factor, of which so much is seen.
    pub(super) fn new(pinned: &Pinned, whole: Rect, factor: f32, seen: Rect) -> Self {
        let place = |at: Tenths| points(at) * factor;
        let head = |band: &Band| {
            let (top, height) = (whole.min.y + place(band.from), place(band.to - band.from));
            // What they name pushes them out with its end.
            let at = seen.min.y.min(whole.min.y + place(band.until) - height);
            let held = top < seen.min.y - 0.5 && at + height > seen.min.y;
            let fits = height <= seen.height() * MOST;
            (held && fits).then_some((*band, at + height, at - top))
        };
        let width = place(pinned.names);
        let shift = seen.min.x - whole.min.x;
        let names = width > 0.0 && shift > 0.5 && width <= seen.width() * MOST;
        Self {
            seen,
            heads: pinned.heads.iter().find_map(head),
            names: names.then_some((pinned.names, seen.min.x + width, shift)),
        }
    }

    /// Where an object lies.
    pub(super) fn zone(&self, bounds: geometry::Rect) -> Zone {
        let in_heads =
            |(band, ..): (Band, f32, f32)| bounds.y >= band.from && bounds.bottom() <= band.to;
        Zone {
            heads: self.heads.is_some_and(in_heads),
            names: self.names.is_some_and(|(to, ..)| bounds.right() <= to),
        }
    }

    /// The strips, the upper ones later.
    pub(super) fn strips(&self) -> Vec<Strip> {
        let Rect { min, max } = self.seen;
        let mut strips = Vec::new();
        if let Some((_, bottom, down)) = self.heads {
            let room = Rect::from_min_max(min, pos2(max.x, bottom));
            let zone = Zone { heads: true, names: false };
            strips.push(Strip { zone, room, shift: vec2(0.0, down) });
        }
        if let Some((_, right, along)) = self.names {
            let top = self.heads.map_or(min.y, |(_, bottom, _)| bottom);
            let room = Rect::from_min_max(pos2(min.x, top), pos2(right, max.y));
            let zone = Zone { heads: false, names: true };
            strips.push(Strip { zone, room, shift: vec2(along, 0.0) });
        }
        if let (Some((_, bottom, down)), Some((_, right, along))) = (self.heads, self.names) {
            let room = Rect::from_min_max(min, pos2(right, bottom));
            let zone = Zone { heads: true, names: true };
            strips.push(Strip { zone, room, shift: vec2(along, down) });
        }
        strips
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_scene::geometry::px;

    fn pinned() -> Pinned {
        let band = |from, to, until| Band { from: px(from), to: px(to), until: px(until) };
        Pinned { heads: vec![band(10, 30, 400), band(410, 430, 900)], names: px(100) }
    }

    /// What is held of a picture of 1000 by 1000 that is scrolled by so much, in a room of 400 by 300.
    fn scrolled(x: f32, y: f32) -> Held {
        let seen = Rect::from_min_size(pos2(50.0, 60.0), vec2(400.0, 300.0));
        let whole = Rect::from_min_size(seen.min - vec2(x, y), vec2(1000.0, 1000.0));
        Held::new(&pinned(), whole, 1.0, seen)
    }

    #[test]
    fn heads_stay_at_the_upper_edge_until_what_they_name_is_over() {
        assert!(scrolled(0.0, 5.0).strips().is_empty(), "they are still to be seen where they lie");
        let strips = scrolled(0.0, 200.0).strips();
        let [heads] = strips.as_slice() else { panic!("{strips:?}") };
        assert_eq!((heads.room.top(), heads.room.height()), (60.0, 20.0));
        // From 10 in the picture, which is scrolled by 200, to the upper edge.
        assert_eq!(heads.shift, vec2(0.0, 190.0));
        // The end of what they name pushes them out.
        let pushed = scrolled(0.0, 390.0).strips();
        assert_eq!(pushed.first().map(|strip| strip.room.height()), Some(10.0));
        assert!(scrolled(0.0, 405.0).strips().is_empty());
        let second = scrolled(0.0, 500.0);
        assert!(second.zone(geometry::Rect::new(0, px(412), px(500), px(10))).heads);
        assert!(!second.zone(geometry::Rect::new(0, px(12), px(500), px(10))).heads);
    }

    #[test]
    fn names_stay_at_the_left_edge_and_both_have_a_corner() {
        let held = scrolled(150.0, 100.0);
        let strips = held.strips();
        assert_eq!(strips.len(), 3);
        assert_eq!(strips[1].room.right(), 150.0, "a hundred from the edge");
        assert_eq!(strips[2].shift, vec2(150.0, 90.0));
        let at = |x, y| held.zone(geometry::Rect::new(px(x), px(y), px(20), px(10)));
        assert_eq!(at(200, 200), Zone::FREE);
        assert_eq!(at(20, 15), strips[2].zone);
        assert_eq!((at(20, 200), at(200, 15)), (strips[1].zone, strips[0].zone));
        assert_eq!(at(90, 200), Zone::FREE, "a part of it is no name");
    }

    #[test]
    fn where_little_is_seen_nothing_is_held() {
        let seen = Rect::from_min_size(pos2(0.0, 0.0), vec2(190.0, 30.0));
        let whole = Rect::from_min_size(pos2(-300.0, -200.0), vec2(1000.0, 1000.0));
        assert!(Held::new(&pinned(), whole, 1.0, seen).strips().is_empty());
    }
}
