//! A producer whose outcomes are awaited.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use klamm_node::{
    ApplicationCall, NewClientKind, ProduceRecord, RecordId, Timestamp as NodeTimestamp,
};

use super::Producer;
use crate::app::current;
use crate::rdkafka::client::{Client, ClientContext, DefaultClientContext};
use crate::rdkafka::config::{
    ClientConfig, FromClientConfig, FromClientConfigAndContext, Settings,
};
use crate::rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use crate::rdkafka::message::{OwnedHeaders, OwnedMessage, Timestamp, ToBytes};
use crate::rdkafka::util::Timeout;

/// A record to send.
#[derive(Debug)]
pub struct FutureRecord<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition, or the partitioner's choice.
    pub partition: Option<i32>,
    /// Its value.
    pub payload: Option<&'a P>,
    /// Its key.
    pub key: Option<&'a K>,
    /// Its time, or the producer's.
    pub timestamp: Option<i64>,
    /// Its headers.
    pub headers: Option<OwnedHeaders>,
}

impl<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized> FutureRecord<'a, K, P> {
    /// A record for a topic.
    pub fn to(topic: &'a str) -> Self {
        Self { topic, partition: None, payload: None, key: None, timestamp: None, headers: None }
    }

    /// With this partition.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// With this value.
    #[must_use]
    pub fn payload(mut self, payload: &'a P) -> Self {
        self.payload = Some(payload);
        self
    }

    /// With this key.
    #[must_use]
    pub fn key(mut self, key: &'a K) -> Self {
        self.key = Some(key);
        self
    }

    /// With this time.
    #[must_use]
    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// With these headers.
    #[must_use]
    pub fn headers(mut self, headers: OwnedHeaders) -> Self {
        self.headers = Some(headers);
        self
    }

    fn owned(&self) -> OwnedMessage {
        OwnedMessage::new(
            self.payload.map(|payload| payload.to_bytes().to_vec()),
            self.key.map(|key| key.to_bytes().to_vec()),
            self.topic.to_owned(),
            self.timestamp.map_or(Timestamp::NotAvailable, Timestamp::CreateTime),
            self.partition.unwrap_or(-1),
            0,
            self.headers.clone(),
        )
    }
}

/// Where a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Its partition.
    pub partition: i32,
    /// Its offset; -1 with `acks=0`.
    pub offset: i64,
    /// Its time, if the program gave it one.
    pub timestamp: Timestamp,
}

/// What became of a record.
pub type OwnedDeliveryResult = Result<Delivery, (KafkaError, OwnedMessage)>;

/// The producer is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Canceled;

impl fmt::Display for Canceled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("oneshot canceled")
    }
}

impl std::error::Error for Canceled {}

/// What will become of a record.
#[derive(Debug)]
pub struct DeliveryFuture {
    client: u32,
    record: RecordId,
    message: Option<OwnedMessage>,
    timestamp: Timestamp,
}

impl Future for DeliveryFuture {
    type Output = Result<OwnedDeliveryResult, Canceled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(process) = current() else { return Poll::Ready(Err(Canceled)) };
        let (client, record) = (self.client, self.record);
        let outcome = process.inbox(client, |inbox| inbox.records.remove(&record));
        let Some(outcome) = outcome else {
            if self.message.is_none() {
                return Poll::Ready(Err(Canceled));
            }
            process.wake_for(client, cx.waker());
            return Poll::Pending;
        };
        let Some(message) = self.message.take() else { return Poll::Ready(Err(Canceled)) };
        Poll::Ready(Ok(match outcome {
            Ok((partition, offset)) => Ok(Delivery {
                partition: partition.partition,
                offset: offset.0,
                timestamp: self.timestamp,
            }),
            Err(error) => {
                let code = match &*error {
                    // librdkafka's own word for a record that ran out of time.
                    "REQUEST_TIMED_OUT" => RDKafkaErrorCode::MessageTimedOut,
                    other => RDKafkaErrorCode::of(other),
                };
                Err((KafkaError::MessageProduction(code), message))
            }
        }))
    }
}

#[derive(Debug)]
struct Shared<C: ClientContext> {
    client: Client<C>,
}

/// A producer whose outcomes are awaited. Clones are one producer. When the last is dropped, what has no outcome yet is
/// given up (`_PURGE_QUEUE`), as with rdkafka: flush first.
#[derive(Debug)]
pub struct FutureProducer<C: ClientContext = DefaultClientContext> {
    shared: Arc<Shared<C>>,
}

impl<C: ClientContext> Clone for FutureProducer<C> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl FromClientConfig for FutureProducer {
    fn from_config(config: &ClientConfig) -> KafkaResult<Self> {
        Self::from_config_and_context(config, DefaultClientContext)
    }
}

impl<C: ClientContext> FromClientConfigAndContext<C> for FutureProducer<C> {
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let settings = Settings::of(config)?;
        let kind = NewClientKind::Producer(settings.producer.clone());
        let client = Client::create(&settings, kind, context)?;
        Ok(Self { shared: Arc::new(Shared { client }) })
    }
}

impl<C: ClientContext> FutureProducer<C> {
    /// Sends a record and waits for its outcome. The lab's queue is never full, so that the timeout does not matter.
    ///
    /// # Errors
    /// The record was given up.
    pub async fn send<K, P, T>(
        &self,
        record: FutureRecord<'_, K, P>,
        _queue_timeout: T,
    ) -> OwnedDeliveryResult
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
        T: Into<Timeout>,
    {
        match self.send_result(record) {
            Ok(delivery) => {
                let message = delivery.message.clone();
                match (delivery.await, message) {
                    (Ok(outcome), _) => outcome,
                    (Err(Canceled), Some(message)) => Err((KafkaError::Canceled, message)),
                    (Err(Canceled), None) => std::future::pending().await,
                }
            }
            Err((error, record)) => Err((error, record.owned())),
        }
    }

    /// Sends a record; its outcome can be awaited.
    ///
    /// # Errors
    /// There is no lab here.
    #[expect(clippy::result_large_err, reason = "the signature is rdkafka's")]
    pub fn send_result<'a, K, P>(
        &self,
        record: FutureRecord<'a, K, P>,
    ) -> Result<DeliveryFuture, (KafkaError, FutureRecord<'a, K, P>)>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        let Some(process) = current() else { return Err((KafkaError::Canceled, record)) };
        let client = self.shared.client.number();
        let id = RecordId(process.identity().records + process.number());
        let message = Some(record.owned());
        let timestamp = record.timestamp.map_or(Timestamp::NotAvailable, Timestamp::CreateTime);
        process.inbox(client, |inbox| inbox.open.insert(id));
        let headers = record.headers.as_ref().map(OwnedHeaders::wire).unwrap_or_default();
        process.call(
            client,
            ApplicationCall::Send(ProduceRecord {
                id,
                topic: record.topic.into(),
                partition: record.partition,
                key: record.key.map(|key| Bytes::copy_from_slice(key.to_bytes())),
                value: record.payload.map(|value| Bytes::copy_from_slice(value.to_bytes())),
                headers,
                timestamp: record.timestamp.map(NodeTimestamp),
            }),
        );
        Ok(DeliveryFuture { client, record: id, message, timestamp })
    }

    /// Serves callbacks, which need no serving here.
    pub fn poll<T: Into<Timeout>>(&self, _timeout: T) {}
}

impl<C: ClientContext> Producer<C> for FutureProducer<C> {
    fn client(&self) -> &Client<C> {
        &self.shared.client
    }

    fn flush<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<()> {
        let timeout = timeout.into();
        self.shared.client.with(|process, number| {
            process.call(number, ApplicationCall::Flush);
            let done = poll_fn(|cx| {
                if process.inbox(number, |inbox| inbox.open.is_empty()) {
                    return Poll::Ready(());
                }
                process.wake_for(number, cx.waker());
                Poll::Pending
            });
            let done = process.block_on(timeout.bound(done)).ok_or(KafkaError::Canceled)?;
            done.ok_or(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut))
        })?
    }

    fn in_flight_count(&self) -> i32 {
        let open = self
            .shared
            .client
            .with(|process, number| process.inbox(number, |inbox| inbox.open.len()));
        i32::try_from(open.unwrap_or(0)).unwrap_or(i32::MAX)
    }
}

impl<C: ClientContext> Drop for Shared<C> {
    fn drop(&mut self) {
        let Some(process) = current().filter(|process| !process.is_dying()) else { return };
        let number = self.client.number();
        process.call(number, ApplicationCall::Close);
        process.purge(number);
    }
}
