//! A node's two clocks against the world's: a monotonic one that may drift, and a wall clock that may be off.
//!
//! Integer arithmetic only, so that both directions are exact: [`Clock::local`] never goes back, and
//! [`Clock::world`] is the first instant of the world at which the node's clock shows a time.

use klamm_node::{Time, Timestamp};

/// What every wall clock shows when a run starts: 2026-01-01T00:00:00Z.
pub const WALL_BASE: Timestamp = Timestamp(1_767_225_600_000);

const MILLION: u128 = 1_000_000;

/// A stretch of time in which the drift was the same.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    world: Time,
    local: Time,
    /// Nanoseconds of the node's clock per million of the world's.
    rate: u128,
}

/// A node's clocks.
#[derive(Clone, Debug)]
pub struct Clock {
    stretches: Vec<Stretch>,
    offset_ms: i64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// A clock that is right.
    pub fn new() -> Self {
        let stretch = Stretch { world: Time::ZERO, local: Time::ZERO, rate: MILLION };
        Self { stretches: vec![stretch], offset_ms: 0 }
    }

    /// Sets the wall clock off and lets both drift from now on. The monotonic clock does not jump.
    pub fn change(&mut self, now: Time, offset_ms: i64, drift_ppm: i32) {
        let local = self.local(now);
        let rate =
            u128::try_from(1_000_000 + i64::from(drift_ppm).max(-900_000)).unwrap_or(MILLION);
        self.offset_ms = offset_ms;
        self.stretches.push(Stretch { world: now, local, rate });
    }

    /// What the node's monotonic clock shows at an instant of the world.
    pub fn local(&self, world: Time) -> Time {
        let stretch = self.stretch(|stretch| stretch.world <= world);
        if stretch.rate == MILLION {
            return Time(world.0.saturating_sub(stretch.world.0).saturating_add(stretch.local.0));
        }
        let passed = u128::from(world.since(stretch.world).0) * stretch.rate / MILLION;
        Time(stretch.local.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    /// The first instant of the world at which the node's monotonic clock shows `local` or more.
    pub fn world(&self, local: Time) -> Time {
        let stretch = self.stretch(|stretch| stretch.local <= local);
        if stretch.rate == MILLION {
            return Time(local.0.saturating_sub(stretch.local.0).saturating_add(stretch.world.0));
        }
        let passed = (u128::from(local.since(stretch.local).0) * MILLION).div_ceil(stretch.rate);
        Time(stretch.world.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    /// What the node's wall clock shows when its monotonic clock shows `local`.
    pub fn wall(&self, local: Time) -> Timestamp {
        let passed = i64::try_from(local.0 / 1_000_000).unwrap_or(i64::MAX / 2);
        Timestamp(WALL_BASE.0.saturating_add(passed).saturating_add(self.offset_ms))
    }

    /// The newest stretch that fits. The newest that began at or before a time is the one that held then, except
    /// that several may begin at the same instant, where the last change wins.
    fn stretch(&self, fits: impl Fn(&Stretch) -> bool) -> Stretch {
        let first = self.stretches[0];
        self.stretches.iter().rev().copied().find(fits).unwrap_or(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slow_clock_shows_less_and_its_timers_fire_later() {
        let mut clock = Clock::new();
        clock.change(Time(0), 250, -100_000);
        assert_eq!(clock.local(Time(10_000_000)), Time(9_000_000));
        assert_eq!(clock.world(Time(9_000_000)), Time(10_000_000));
        assert_eq!(clock.wall(Time(9_000_000)), Timestamp(WALL_BASE.0 + 9 + 250));
    }

    proptest! {
        #[test]
        fn both_directions_agree_and_never_go_back(
            changes in prop::collection::vec((0u64..1_000_000_000, -900_000i32..1_000_000), 0..6),
            a in 0u64..20_000_000_000,
            b in 0u64..20_000_000_000,
        ) {
            let mut clock = Clock::new();
            let mut now = 0;
            for (step, drift) in changes {
                now += step;
                clock.change(Time(now), 0, drift);
            }
            let (early, late) = (Time(a.min(b)), Time(a.max(b)));
            prop_assert!(clock.local(early) <= clock.local(late));
            // World is the first instant that shows the local time.
            let first = clock.world(early);
            prop_assert!(clock.local(first) >= early);
            if first > Time::ZERO {
                prop_assert!(clock.local(Time(first.0 - 1)) < early);
            }
        }
    }
}
