//! Marks on an axis of time: round times, as many as have room for their words.

use klamm_node::{Span, Time};

use super::clock::TimeScale;

/// The finest step, as a power of ten of nanoseconds, and the coarsest.
const POWERS: std::ops::RangeInclusive<u32> = 3..=13;

/// A round time on an axis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tick {
    /// The time.
    pub time: Time,
    /// Its place.
    pub x: i32,
    /// The time in seconds, with as many places as all of its step need. The unit is said by whoever draws it.
    pub text: String,
}

/// A distance between round times: 1, 2 or 5 of a power of ten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Step {
    nanos: u64,
    places: usize,
}

impl Step {
    /// Every step, from fine to coarse.
    fn all() -> impl DoubleEndedIterator<Item = Self> {
        POWERS.flat_map(|power| {
            let places = usize::try_from(9_u32.saturating_sub(power)).unwrap_or(0);
            [1, 2, 5].map(|times| Self { nanos: times * 10_u64.pow(power), places })
        })
    }

    fn text(self, time: Time) -> String {
        let whole = time.0 / 1_000_000_000;
        if self.places == 0 {
            return whole.to_string();
        }
        let part = format!("{:09}", time.0 % 1_000_000_000);
        format!("{whole}.{}", part.get(..self.places).unwrap_or_default())
    }

    /// Its round times within a stretch.
    fn within(self, from: Time, to: Time) -> impl Iterator<Item = Time> {
        let first = from.0.div_ceil(self.nanos) * self.nanos;
        let step = usize::try_from(self.nanos).unwrap_or(usize::MAX);
        (first..=to.0).step_by(step).map(Time)
    }
}

impl TimeScale {
    /// Round times, none nearer to the next than `room` says that its text needs, and the seconds between two of them as a text.
    ///
    /// All have one step, so that distances can be read; only a stretch between two folds that has no such time gets the roundest
    /// one that it has. Within a fold there is none: places there say nothing of time. A run of no length has one, and no step.
    pub fn ticks(&self, room: impl Fn(&str) -> i32) -> (Vec<Tick>, String) {
        let open = || self.segments().iter().filter(|segment| !segment.folded);
        let end = self.segments().last().map_or(Time::ZERO, |segment| segment.to);
        let length: u64 = open().map(|segment| segment.to.since(segment.from).0).sum();
        let width: i64 = open().map(|segment| i64::from(segment.x1 - segment.x0)).sum();
        if length == 0 {
            let tick = Tick { time: Time::ZERO, x: 0, text: "0".to_owned() };
            return (vec![tick], String::new());
        }
        let fits = |step: &Step| {
            let far = i128::from(step.nanos) * i128::from(width) / i128::from(length);
            far >= i128::from(room(&step.text(end)))
        };
        let Some(step) = Step::all().find(fits).or_else(|| Step::all().next_back()) else {
            return (Vec::new(), String::new());
        };
        let mut ticks: Vec<Tick> = Vec::new();
        // Where the next one may stand.
        let mut free = i32::MIN;
        for segment in open() {
            let (from, to) = (segment.from, segment.to);
            let mut here = (step, step.within(from, to).collect::<Vec<_>>());
            if here.1.is_empty() {
                let finer = Step::all().rev().filter(|finer| finer.nanos < step.nanos);
                let roundest = finer.map(|finer| (finer, finer.within(from, to).next()));
                let roundest = roundest.into_iter().find_map(|(finer, time)| Some((finer, time?)));
                here = roundest.map_or((step, Vec::new()), |(finer, time)| (finer, vec![time]));
            }
            for time in here.1 {
                let (x, text) = (self.x_of(time), here.0.text(time));
                if x >= free {
                    free = x.saturating_add(room(&text));
                    ticks.push(Tick { time, x, text });
                }
            }
        }
        (ticks, step.text(Time::ZERO + Span(step.nanos)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: i32 = 500;

    fn room(_: &str) -> i32 {
        ROOM
    }

    fn scale(millis: &[u64], end: u64, width: i32) -> TimeScale {
        let time = |millis: u64| Time::ZERO + Span::millis(millis);
        TimeScale::new(millis.iter().map(|it| time(*it)), time(end), width)
    }

    fn texts(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.text.as_str()).collect()
    }

    #[test]
    fn round_times_stand_in_even_steps_and_more_of_them_where_it_is_stretched() {
        let busy: Vec<u64> = (0..100).map(|n| n * 100).collect();
        for (width, step, count, first) in [
            (6_000, "1", 11, ["0", "1"]),
            (3_000, "2", 6, ["0", "2"]),
            (1_000, "5", 3, ["0", "5"]),
            (12_000, "0.5", 21, ["0.0", "0.5"]),
            (192_000, "0.05", 201, ["0.00", "0.05"]),
        ] {
            let (ticks, every) = scale(&busy, 10_000, width).ticks(room);
            assert_eq!((every.as_str(), ticks.len()), (step, count), "{width}");
            assert_eq!(texts(&ticks)[..2], first, "{width}");
            let far: Vec<i32> = ticks.windows(2).map(|two| two[1].x - two[0].x).collect();
            assert!(far.iter().all(|far| *far >= ROOM), "{width}: {far:?}");
            assert!(far.iter().all(|it| it.abs_diff(far[0]) <= 1), "{width}: {far:?}");
        }
    }

    #[test]
    fn folds_have_none_and_what_is_between_two_of_them_is_not_nameless() {
        // Calm from 3 s to 41.3 s, a little unrest, calm again.
        let scale = scale(&[1000, 2000, 3000, 41_300, 41_700, 90_000], 91_000, 20_000);
        let folds: Vec<_> = scale.segments().iter().filter(|it| it.folded).copied().collect();
        assert_eq!(folds.len(), 2);
        let (ticks, _) = scale.ticks(room);
        for tick in &ticks {
            assert_eq!(tick.x, scale.x_of(tick.time));
            assert!(!folds.iter().any(|it| it.from < tick.time && tick.time < it.to), "{tick:?}");
        }
        for open in scale.segments().iter().filter(|it| !it.folded) {
            assert!(
                ticks.iter().any(|tick| open.from <= tick.time && tick.time <= open.to),
                "{open:?} has none of {:?}",
                texts(&ticks)
            );
        }
        assert!(ticks.windows(2).all(|two| two[0].x + ROOM <= two[1].x), "{:?}", texts(&ticks));
    }

    #[test]
    fn a_run_of_no_time_and_one_of_days_have_their_marks() {
        assert_eq!(texts(&scale(&[], 0, 1000).ticks(room).0), ["0"]);
        let days = scale(&[], 5 * 86_400_000, 6000).ticks(room).0;
        assert!(days.len() > 2 && days.len() < 13, "{:?}", texts(&days));
    }
}
