//! Time of the machine: sleeps take virtual time, and none while the machine is paused.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

pub use std::time::{Duration, Instant};

use klamm_node::Time;

use crate::app::current;
use crate::rdkafka::util::span;

/// A wait. Outside of a process there is no time, and it is over at once.
#[derive(Debug)]
pub struct Sleep {
    until: Time,
    timer: Option<(Time, u64)>,
}

impl Sleep {
    /// Whether it is over.
    pub fn is_elapsed(&self) -> bool {
        current().is_none_or(|process| process.now() >= self.until)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(process) = current() else { return Poll::Ready(()) };
        if let Some(timer) = self.timer.take() {
            process.cancel(&timer);
        }
        if process.now() >= self.until {
            return Poll::Ready(());
        }
        self.timer = Some(process.wake_at(self.until, cx.waker()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let (Some(timer), Some(process)) = (self.timer.take(), current()) {
            process.cancel(&timer);
        }
    }
}

/// Waits for so long.
pub fn sleep(duration: Duration) -> Sleep {
    let now = current().map_or(Time::ZERO, |process| process.now());
    Sleep { until: now + span(duration), timer: None }
}

/// Waits until a time.
#[expect(clippy::disallowed_methods, reason = "a program's clock, which madsim keeps")]
pub fn sleep_until(deadline: Instant) -> Sleep {
    sleep(deadline.saturating_duration_since(Instant::now()))
}

/// It took too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl Error for Elapsed {}

/// What a future comes to within so long.
///
/// # Errors
/// It took longer.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut sleep = pin!(sleep(duration));
    poll_fn(|cx| {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        sleep.as_mut().poll(cx).map(|()| Err(Elapsed(())))
    })
    .await
}

/// Ticks, one a period, the first at once. A tick that nobody waited for is made up for at once.
#[derive(Debug)]
pub struct Interval {
    next: Time,
    period: Duration,
}

impl Interval {
    /// The next tick.
    #[expect(clippy::disallowed_methods, reason = "a program's clock, which madsim keeps")]
    pub async fn tick(&mut self) -> Instant {
        Sleep { until: self.next, timer: None }.await;
        self.next += span(self.period);
        Instant::now()
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}

/// Ticks, beginning now. A period of nothing counts as a nanosecond.
pub fn interval(period: Duration) -> Interval {
    let next = current().map_or(Time::ZERO, |process| process.now());
    Interval { next, period: period.max(Duration::from_nanos(1)) }
}
