//! Records as programs see them.

use std::fmt;
use std::marker::PhantomData;
use std::str::Utf8Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use klamm_node::TopicPartition;

/// A record's time.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Timestamp {
    /// It has none.
    NotAvailable,
    /// When its producer made it, in milliseconds since 1970.
    CreateTime(i64),
    /// When its leader appended it.
    LogAppendTime(i64),
}

impl Timestamp {
    /// In milliseconds since 1970.
    pub fn to_millis(self) -> Option<i64> {
        match self {
            Self::NotAvailable | Self::CreateTime(-1) | Self::LogAppendTime(-1) => None,
            Self::CreateTime(at) | Self::LogAppendTime(at) => Some(at),
        }
    }

    /// Now, by the wall clock of the process.
    #[expect(clippy::disallowed_methods, reason = "a program's clock, which madsim keeps")]
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }
}

impl From<i64> for Timestamp {
    fn from(at: i64) -> Self {
        Self::CreateTime(at)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(at: SystemTime) -> Self {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::CreateTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// One header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a, V> {
    /// Its name.
    pub key: &'a str,
    /// Its value.
    pub value: Option<V>,
}

/// The headers of a record.
pub trait Headers {
    /// How many there are.
    fn count(&self) -> usize;

    /// One of them, if there are so many.
    fn try_get(&self, index: usize) -> Option<Header<'_, &[u8]>>;

    /// All of them, in order.
    fn iter(&self) -> HeadersIter<'_, Self>
    where
        Self: Sized,
    {
        HeadersIter { headers: self, index: 0 }
    }
}

/// Headers, in order.
#[derive(Debug)]
pub struct HeadersIter<'a, H> {
    headers: &'a H,
    index: usize,
}

impl<'a, H: Headers> Iterator for HeadersIter<'a, H> {
    type Item = Header<'a, &'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.headers.try_get(self.index)?;
        self.index += 1;
        Some(header)
    }
}

/// Headers that belong to nobody else.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OwnedHeaders {
    all: Vec<(String, Option<Bytes>)>,
}

/// Headers of a record that was read.
pub type BorrowedHeaders = OwnedHeaders;

impl OwnedHeaders {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// None, with room for so many.
    pub fn new_with_capacity(capacity: usize) -> Self {
        Self { all: Vec::with_capacity(capacity) }
    }

    /// These, and one more.
    #[must_use]
    pub fn insert<V: ToBytes + ?Sized>(mut self, header: Header<'_, &V>) -> Self {
        let value = header.value.map(|value| Bytes::copy_from_slice(value.to_bytes()));
        self.all.push((header.key.to_owned(), value));
        self
    }

    /// These.
    pub fn as_borrowed(&self) -> &Self {
        self
    }

    /// A copy.
    #[must_use]
    pub fn detach(&self) -> Self {
        self.clone()
    }

    pub(crate) fn wire(&self) -> Vec<(Bytes, Option<Bytes>)> {
        let one =
            |(key, value): &(String, Option<Bytes>)| (Bytes::from(key.clone()), value.clone());
        self.all.iter().map(one).collect()
    }

    fn of(wire: &[(Bytes, Option<Bytes>)]) -> Self {
        let one = |(key, value): &(Bytes, Option<Bytes>)| {
            (String::from_utf8_lossy(key).into_owned(), value.clone())
        };
        Self { all: wire.iter().map(one).collect() }
    }
}

impl Headers for OwnedHeaders {
    fn count(&self) -> usize {
        self.all.len()
    }

    fn try_get(&self, index: usize) -> Option<Header<'_, &[u8]>> {
        let (key, value) = self.all.get(index)?;
        Some(Header { key, value: value.as_deref() })
    }
}

/// A record.
pub trait Message {
    /// What its headers are.
    type Headers: Headers;

    /// Its key.
    fn key(&self) -> Option<&[u8]>;

    /// Its value.
    fn payload(&self) -> Option<&[u8]>;

    /// Its topic.
    fn topic(&self) -> &str;

    /// Its partition.
    fn partition(&self) -> i32;

    /// Its offset.
    fn offset(&self) -> i64;

    /// Its time.
    fn timestamp(&self) -> Timestamp;

    /// Its headers, if it has any.
    fn headers(&self) -> Option<&Self::Headers>;

    /// Its value as something else.
    fn payload_view<P: ?Sized + FromBytes>(&self) -> Option<Result<&P, P::Error>> {
        self.payload().map(P::from_bytes)
    }

    /// Its key as something else.
    fn key_view<K: ?Sized + FromBytes>(&self) -> Option<Result<&K, K::Error>> {
        self.key().map(K::from_bytes)
    }
}

/// A record that belongs to nobody else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnedMessage {
    payload: Option<Bytes>,
    key: Option<Bytes>,
    topic: String,
    timestamp: Timestamp,
    partition: i32,
    offset: i64,
    headers: Option<OwnedHeaders>,
}

impl OwnedMessage {
    /// A record.
    pub fn new(
        payload: Option<Vec<u8>>,
        key: Option<Vec<u8>>,
        topic: String,
        timestamp: Timestamp,
        partition: i32,
        offset: i64,
        headers: Option<OwnedHeaders>,
    ) -> Self {
        let (payload, key) = (payload.map(Bytes::from), key.map(Bytes::from));
        Self { payload, key, topic, timestamp, partition, offset, headers }
    }

    pub(crate) fn read(partition: &TopicPartition, record: klamm_client::FetchedRecord) -> Self {
        let headers = (!record.headers.is_empty()).then(|| OwnedHeaders::of(&record.headers));
        Self {
            payload: record.value,
            key: record.key,
            topic: partition.topic.to_string(),
            timestamp: Timestamp::CreateTime(record.timestamp.0),
            partition: partition.partition,
            offset: record.offset.0,
            headers,
        }
    }
}

impl Message for OwnedMessage {
    type Headers = OwnedHeaders;

    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn payload(&self) -> Option<&[u8]> {
        self.payload.as_deref()
    }

    fn topic(&self) -> &str {
        &self.topic
    }

    fn partition(&self) -> i32 {
        self.partition
    }

    fn offset(&self) -> i64 {
        self.offset
    }

    fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    fn headers(&self) -> Option<&OwnedHeaders> {
        self.headers.as_ref()
    }
}

/// A record that a consumer lends.
pub struct BorrowedMessage<'a> {
    message: Arc<OwnedMessage>,
    lender: PhantomData<&'a ()>,
}

impl BorrowedMessage<'_> {
    pub(crate) fn new(message: OwnedMessage) -> Self {
        Self { message: Arc::new(message), lender: PhantomData }
    }

    /// A copy that belongs to nobody else.
    pub fn detach(&self) -> OwnedMessage {
        (*self.message).clone()
    }
}

impl fmt::Debug for BorrowedMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message {{ {:?} }}", self.message)
    }
}

impl Message for BorrowedMessage<'_> {
    type Headers = BorrowedHeaders;

    fn key(&self) -> Option<&[u8]> {
        self.message.key()
    }

    fn payload(&self) -> Option<&[u8]> {
        self.message.payload()
    }

    fn topic(&self) -> &str {
        self.message.topic()
    }

    fn partition(&self) -> i32 {
        self.message.partition()
    }

    fn offset(&self) -> i64 {
        self.message.offset()
    }

    fn timestamp(&self) -> Timestamp {
        self.message.timestamp()
    }

    fn headers(&self) -> Option<&BorrowedHeaders> {
        self.message.headers()
    }
}

/// What bytes can be seen as.
pub trait FromBytes {
    /// Why they can't.
    type Error;

    /// Sees them so.
    ///
    /// # Errors
    /// They are not that.
    fn from_bytes(bytes: &[u8]) -> Result<&Self, Self::Error>;
}

impl FromBytes for [u8] {
    type Error = std::convert::Infallible;

    fn from_bytes(bytes: &[u8]) -> Result<&Self, Self::Error> {
        Ok(bytes)
    }
}

impl FromBytes for str {
    type Error = Utf8Error;

    fn from_bytes(bytes: &[u8]) -> Result<&Self, Self::Error> {
        std::str::from_utf8(bytes)
    }
}

/// What can be seen as bytes.
pub trait ToBytes {
    /// Its bytes.
    fn to_bytes(&self) -> &[u8];
}

impl ToBytes for [u8] {
    fn to_bytes(&self) -> &[u8] {
        self
    }
}

impl ToBytes for str {
    fn to_bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl ToBytes for Vec<u8> {
    fn to_bytes(&self) -> &[u8] {
        self
    }
}

impl ToBytes for String {
    fn to_bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<T: ToBytes + ?Sized> ToBytes for &T {
    fn to_bytes(&self) -> &[u8] {
        (*self).to_bytes()
    }
}

impl ToBytes for () {
    fn to_bytes(&self) -> &[u8] {
        &[]
    }
}

impl<const N: usize> ToBytes for [u8; N] {
    fn to_bytes(&self) -> &[u8] {
        self
    }
}
