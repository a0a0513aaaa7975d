//! Virtual time: instants, spans, and the wall-clock stamp that records carry.
//!
//! A node is *told* the time with every input; it never asks. [`Time`] is monotonic and local to the node (its clock
//! may drift against the world's); [`Timestamp`] is the node's wall clock in milliseconds, which may be skewed.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// An instant: nanoseconds since the start of the run.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Time(pub u64);

/// A length of time in nanoseconds; never negative.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Span(pub u64);

/// Wall-clock milliseconds since 1970-01-01 UTC, as records carry them; -1 stands for 'none', as in Kafka.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Timestamp(pub i64);

impl Time {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Later than every deadline.
    pub const MAX: Self = Self(u64::MAX);

    /// The span since `earlier`, or zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole nanoseconds.
    pub const fn nanos(n: u64) -> Self {
        Self(n)
    }
    /// A span of whole microseconds.
    pub const fn micros(n: u64) -> Self {
        Self(n * 1_000)
    }
    /// A span of whole milliseconds.
    pub const fn millis(n: u64) -> Self {
        Self(n * 1_000_000)
    }
    /// A span of whole seconds.
    pub const fn secs(n: u64) -> Self {
        Self(n * 1_000_000_000)
    }
    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
    /// Whole microseconds, rounded down.
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }
    /// This span `n` times over, saturating.
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }
    /// From a wire value in milliseconds; a negative value counts as zero.
    pub fn from_wire_millis(ms: i64) -> Self {
        Self::millis(u64::try_from(ms).unwrap_or(0).min(u64::MAX / 1_000_000))
    }
}

impl Timestamp {
    /// 'No timestamp', as in Kafka's wire format.
    pub const NONE: Self = Self(-1);
}

impl Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}
impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}
impl Sub<Self> for Time {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        self.since(earlier)
    }
}
impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Seconds with six digits, e.g. `2.000350`; a column of them lines up.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1_000);
        f.pad(&text)
    }
}

/// In the largest unit of which there is at least one, with as many decimals as it takes to be exact: `10s`, `1.5s`,
/// `27.144801ms`, `350us`, `7ns`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0 => (1_000_000_000, "s"),
            n if n >= 1_000_000_000 => (1_000_000_000, "s"),
            n if n >= 1_000_000 => (1_000_000, "ms"),
            n if n >= 1_000 => (1_000, "us"),
            _ => (1, "ns"),
        };
        let mut text = (self.0 / unit).to_string();
        let rest = self.0 % unit;
        if rest > 0 {
            let digits = (unit + rest).to_string();
            text.push('.');
            text.push_str(digits[1..].trim_end_matches('0'));
        }
        text.push_str(name);
        f.pad(&text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_print_exactly_in_the_largest_unit() {
        let shown: Vec<String> = [
            Span::secs(10),
            Span::millis(1500),
            Span::nanos(27_144_801),
            Span::micros(350),
            Span::nanos(7),
            Span::ZERO,
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        assert_eq!(shown, ["10s", "1.5s", "27.144801ms", "350us", "7ns", "0s"]);
    }

    #[test]
    fn time_prints_as_seconds_and_never_goes_negative() {
        assert_eq!(Time(2_000_350_999).to_string(), "2.000350");
        assert_eq!(Time(1).since(Time(5)), Span::ZERO);
        assert_eq!(Time::MAX + Span::secs(1), Time::MAX);
    }
}
