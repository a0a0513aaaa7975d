//! Places and sizes in tenths of a pixel, whole numbers only: the same picture on every machine and in every build.

/// A length or place in tenths of a pixel.
pub type Tenths = i32;

/// Whole pixels.
pub const fn px(pixels: i32) -> Tenths {
    pixels * 10
}

/// A point; x to the right, y down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Point {
    /// To the right.
    pub x: Tenths,
    /// Down.
    pub y: Tenths,
}

/// A point.
pub const fn at(x: Tenths, y: Tenths) -> Point {
    Point { x, y }
}

impl Point {
    /// The point so much further right and down.
    #[must_use]
    pub const fn by(self, x: Tenths, y: Tenths) -> Self {
        Self { x: self.x + x, y: self.y + y }
    }

    /// The point at `part` of `whole` on the way to another.
    #[must_use]
    pub fn towards(self, other: Self, part: i32, whole: i32) -> Self {
        let between = |a: i32, b: i32| {
            let way = i64::from(b - a) * i64::from(part) / i64::from(whole.max(1));
            a + i32::try_from(way).unwrap_or(0)
        };
        Self { x: between(self.x, other.x), y: between(self.y, other.y) }
    }

    /// The distance to another point, rounded down.
    pub fn distance(self, other: Self) -> Tenths {
        let (x, y) = (i64::from(other.x - self.x), i64::from(other.y - self.y));
        i32::try_from((x * x + y * y).isqrt()).unwrap_or(i32::MAX)
    }
}

/// An upright rectangle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rect {
    /// Its left side.
    pub x: Tenths,
    /// Its upper side.
    pub y: Tenths,
    /// Its width.
    pub w: Tenths,
    /// Its height.
    pub h: Tenths,
}

impl Rect {
    /// A rectangle.
    pub const fn new(x: Tenths, y: Tenths, w: Tenths, h: Tenths) -> Self {
        Self { x, y, w, h }
    }

    /// The rectangle of this size around a point.
    pub const fn around(centre: Point, w: Tenths, h: Tenths) -> Self {
        Self { x: centre.x - w / 2, y: centre.y - h / 2, w, h }
    }

    /// Its right side.
    pub const fn right(self) -> Tenths {
        self.x + self.w
    }

    /// Its lower side.
    pub const fn bottom(self) -> Tenths {
        self.y + self.h
    }

    /// Its middle.
    pub const fn centre(self) -> Point {
        at(self.x + self.w / 2, self.y + self.h / 2)
    }

    /// Smaller by so much on each side.
    #[must_use]
    pub const fn inset(self, by: Tenths) -> Self {
        Self { x: self.x + by, y: self.y + by, w: self.w - 2 * by, h: self.h - 2 * by }
    }

    /// True if a point lies in it.
    pub const fn has(self, point: Point) -> bool {
        self.x <= point.x
            && point.x <= self.right()
            && self.y <= point.y
            && point.y <= self.bottom()
    }

    /// True if another lies wholly in it.
    pub const fn holds(self, other: Self) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    /// True if the two share more than an edge.
    pub const fn overlaps(self, other: Self) -> bool {
        self.x < other.right()
            && other.x < self.right()
            && self.y < other.bottom()
            && other.y < self.bottom()
    }

    /// The smallest that holds both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let (right, bottom) = (self.right().max(other.right()), self.bottom().max(other.bottom()));
        Self { x, y, w: right - x, h: bottom - y }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_know_what_they_share() {
        let a = Rect::new(0, 0, 100, 100);
        assert!(a.overlaps(Rect::new(99, 99, 10, 10)) && !a.overlaps(Rect::new(100, 0, 10, 10)));
        assert!(a.holds(a.inset(1)) && !a.holds(a.inset(-1)));
        assert_eq!(a.union(Rect::new(-10, 50, 20, 100)), Rect::new(-10, 0, 110, 150));
        assert_eq!(at(0, 0).towards(at(30, 40), 1, 2), at(15, 20));
        assert_eq!(at(0, 0).distance(at(30, 40)), 50);
    }
}
