//! Timeouts.

use std::future::Future;
use std::time::Duration;

use klamm_node::Span;

use crate::tokio::time::timeout;

/// How long a call may take.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Timeout {
    /// So long.
    After(Duration),
    /// For ever.
    Never,
}

impl Timeout {
    /// Whether there is no time at all.
    pub(crate) fn is_zero(self) -> bool {
        self == Self::After(Duration::ZERO)
    }

    /// What a future comes to within it.
    pub(crate) async fn bound<T>(self, future: impl Future<Output = T>) -> Option<T> {
        match self {
            Self::Never => Some(future.await),
            Self::After(span) => timeout(span, future).await.ok(),
        }
    }
}

impl From<Duration> for Timeout {
    fn from(span: Duration) -> Self {
        Self::After(span)
    }
}

impl From<Option<Duration>> for Timeout {
    fn from(span: Option<Duration>) -> Self {
        span.map_or(Self::Never, Self::After)
    }
}

/// A span of std as one of the lab.
pub(crate) fn span(of: Duration) -> Span {
    Span::nanos(u64::try_from(of.as_nanos()).unwrap_or(u64::MAX / 2).min(u64::MAX / 2))
}
