//! Producers.

use super::client::{Client, ClientContext};
use super::error::KafkaResult;
use super::util::Timeout;

pub mod future_producer;

pub use future_producer::{DeliveryFuture, FutureProducer, FutureRecord};

/// What every producer can do.
pub trait Producer<C: ClientContext> {
    /// The client underneath.
    fn client(&self) -> &Client<C>;

    /// Sends what waits, and blocks until everything has its outcome.
    ///
    /// # Errors
    /// It took too long.
    fn flush<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()>;

    /// How many records have no outcome yet.
    fn in_flight_count(&self) -> i32;
}
