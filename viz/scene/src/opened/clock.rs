//! Time on an axis, with the stretches in which nothing of note happens folded.

use klamm_node::{Span, Time};

/// The width of a folded stretch, in the axis' units.
const FOLDED: i32 = 240;

/// A stretch is idle when it is as long as this, and as this part of the whole.
const IDLE: (Span, u64) = (Span::secs(2), 12);

/// A piece of the axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Where it begins, in time.
    pub from: Time,
    /// Where it ends.
    pub to: Time,
    /// Where it begins on the axis.
    pub x0: i32,
    /// Where it ends.
    pub x1: i32,
    /// True if time is folded in it: draw a zigzag.
    pub folded: bool,
}

/// Time to place and back. Every time of the run has one place, and every place one time, in the same order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeScale {
    segments: Vec<Segment>,
}

impl TimeScale {
    /// A scale for a run that ends at `end`, with these times of note, on an axis from 0 to `width`.
    pub fn new(notable: impl Iterator<Item = Time>, end: Time, width: i32) -> Self {
        let idle = IDLE.0.0.max(end.0 / IDLE.1);
        let mut gaps = Vec::new();
        let mut last = Time::ZERO;
        for time in notable.chain([end]) {
            let gap = time.since(last).0;
            if gap > idle {
                // A little of the calm stays at both ends, so that what stands there has room.
                let margin = Span(gap / 10);
                gaps.push((last + margin, Time(time.0 - margin.0)));
            }
            last = last.max(time);
        }
        let most = usize::try_from(width / (2 * FOLDED)).unwrap_or(0);
        if gaps.len() > most {
            gaps.sort_by_key(|(from, to)| std::cmp::Reverse(to.since(*from)));
            gaps.truncate(most);
            gaps.sort();
        }
        let folded: u64 = gaps.iter().map(|(from, to)| to.since(*from).0).sum();
        let open = (end.0 - folded.min(end.0)).max(1);
        let gap_count = i32::try_from(gaps.len()).unwrap_or(0);
        let room = i64::from((width - gap_count * FOLDED).max(1));
        let mut segments = Vec::new();
        let (mut at, mut passed, mut x) = (Time::ZERO, 0_u64, 0_i32);
        for (count, (from, to)) in (0_i32..).zip(gaps) {
            passed += from.since(at).0;
            let x1 = place(passed, open, room) + count * FOLDED;
            segments.push(Segment { from: at, to: from, x0: x, x1, folded: false });
            segments.push(Segment { from, to, x0: x1, x1: x1 + FOLDED, folded: true });
            (at, x) = (to, x1 + FOLDED);
        }
        segments.push(Segment {
            from: at,
            to: end.max(at),
            x0: x,
            x1: width.max(x),
            folded: false,
        });
        Self { segments }
    }

    /// The pieces, from left to right.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The place of a time.
    pub fn x_of(&self, time: Time) -> i32 {
        let at = self.segments.partition_point(|segment| segment.to < time);
        let Some(segment) = self.segments.get(at).or_else(|| self.segments.last()) else {
            return 0;
        };
        let length = segment.to.since(segment.from).0;
        let passed = time.since(segment.from).0.min(length);
        segment.x0 + place(passed, length.max(1), i64::from(segment.x1 - segment.x0))
    }

    /// The time at a place.
    pub fn time_at(&self, x: i32) -> Time {
        let at = self.segments.partition_point(|segment| segment.x1 < x);
        let Some(segment) = self.segments.get(at).or_else(|| self.segments.last()) else {
            return Time::ZERO;
        };
        let width = u64::try_from(segment.x1 - segment.x0).unwrap_or(0).max(1);
        let passed = u64::try_from(x - segment.x0).unwrap_or(0).min(width);
        let length = segment.to.since(segment.from).0;
        let nanos = u128::from(length) * u128::from(passed) / u128::from(width);
        segment.from + Span(u64::try_from(nanos).unwrap_or(length))
    }
}

/// `part` of `whole` on a length.
fn place(part: u64, whole: u64, length: i64) -> i32 {
    let place = i128::from(part) * i128::from(length) / i128::from(whole.max(1));
    i32::try_from(place).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_stretches_are_folded_and_places_and_times_answer_each_other() {
        let second = |n: u64| Time::ZERO + Span::secs(n);
        let scale = TimeScale::new([1, 2, 3, 40, 41].into_iter().map(second), second(42), 12_000);
        let folds: Vec<_> = scale.segments().iter().filter(|s| s.folded).collect();
        assert_eq!(folds.len(), 1);
        assert!(folds[0].from > second(3) && folds[0].to < second(40));
        let mut last = -1;
        for n in 0..=42 {
            let x = scale.x_of(second(n));
            assert!(x > last, "{n}: {x} is not right of {last}");
            last = x;
            let back = scale.time_at(x);
            let off = back.since(second(n)).0.max(second(n).since(back).0);
            // In a fold a unit of the axis is a long time.
            assert!(off < 300_000_000, "{n} came back as {back}");
        }
        assert_eq!((scale.x_of(Time::ZERO), scale.x_of(second(42))), (0, 12_000));
    }

    #[test]
    fn a_run_without_calm_is_not_folded() {
        let times = (0..100).map(|n| Time::ZERO + Span::millis(n * 100));
        let scale = TimeScale::new(times, Time::ZERO + Span::secs(10), 1000);
        assert_eq!(scale.segments().len(), 1);
        assert_eq!(scale.x_of(Time::ZERO + Span::secs(5)), 500);
    }
}
