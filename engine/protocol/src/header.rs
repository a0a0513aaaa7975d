//! Request and response headers.
//!
//! Read by hand, because they decide how everything after them is read, and must therefore be total on any bytes.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use klamm_node::CorrelationId;

use crate::frame::WireError;

/// A request's header, version 1 or (for flexible versions) 2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestHeader {
    /// Which API.
    pub api_key: i16,
    /// Its version.
    pub api_version: i16,
    /// Pairs the response with it.
    pub correlation_id: CorrelationId,
    /// What the client calls itself; `None` for a null string.
    pub client_id: Option<String>,
}

/// Reads bytes from the front and says where it stands when they are wrong.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn error(&self, expected: impl Into<String>) -> WireError {
        WireError::new(self.at, expected)
    }

    #[inline]
    pub(crate) fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], WireError> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..count)) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => Err(self.too_short(count, what)),
        }
    }

    #[cold]
    fn too_short(&self, count: usize, what: &str) -> WireError {
        self.error(format!("{what} of {count} bytes, {} left", self.left()))
    }

    #[inline]
    pub(crate) fn skip(&mut self, count: usize, what: &str) -> Result<(), WireError> {
        self.take(count, what).map(|_| ())
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], WireError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    pub(crate) fn int16(&mut self, what: &str) -> Result<i16, WireError> {
        Ok(i16::from_be_bytes(self.array(what)?))
    }

    pub(crate) fn int32(&mut self, what: &str) -> Result<i32, WireError> {
        Ok(i32::from_be_bytes(self.array(what)?))
    }

    /// An unsigned varint of at most five bytes.
    #[inline]
    pub(crate) fn varint(&mut self, what: &str) -> Result<u32, WireError> {
        // Lengths and tags, which are mostly small.
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u32::from(*byte))
            }
            Some(_) | None => self.long_varint(what),
        }
    }

    fn long_varint(&mut self, what: &str) -> Result<u32, WireError> {
        let start = self.at;
        let mut value = 0_u64;
        for i in 0..5 {
            let [byte] = self.array(what)?;
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                return u32::try_from(value)
                    .map_err(|_| WireError::new(start, format!("{what} below 2^32")));
            }
        }
        Err(WireError::new(start, format!("{what} of at most five bytes")))
    }

    /// Tagged fields that nobody here knows.
    fn skip_tagged(&mut self) -> Result<(), WireError> {
        for _ in 0..self.varint("number of tagged fields")? {
            self.varint("tag")?;
            let size = self.varint("size of a tagged field")?;
            self.take(usize::try_from(size).unwrap_or(usize::MAX), "tagged field")?;
        }
        Ok(())
    }
}

impl RequestHeader {
    /// Reads a request's header; returns it and where the body begins. The version of the header follows from the API and
    /// its version; for a key that the codec does not know, the header is read as version 1.
    ///
    /// # Errors
    /// Bytes that are no header.
    pub fn decode(frame: &Bytes) -> Result<(Self, usize), WireError> {
        let mut cursor = Cursor::new(frame);
        let api_key = cursor.int16("api key")?;
        let api_version = cursor.int16("api version")?;
        let correlation_id = CorrelationId(cursor.int32("correlation id")?);
        let length = cursor.int16("length of the client id")?;
        let client_id = match usize::try_from(length) {
            Ok(length) => {
                let at = cursor.at();
                let bytes = cursor.take(length, "client id")?;
                let text = std::str::from_utf8(bytes)
                    .map_err(|_| WireError::new(at, "a client id in UTF-8"))?;
                Some(text.to_owned())
            }
            Err(_) if length == -1 => None,
            Err(_) => return Err(cursor.error("a client id of length -1 or more")),
        };
        let flexible =
            ApiKey::try_from(api_key).is_ok_and(|api| api.request_header_version(api_version) >= 2);
        if flexible {
            cursor.skip_tagged()?;
        }
        Ok((Self { api_key, api_version, correlation_id, client_id }, cursor.at()))
    }

    /// Writes the header.
    pub fn encode(&self, api: ApiKey, into: &mut BytesMut) {
        let client_id = self.client_id.as_deref();
        let key = (api, self.api_key, self.api_version);
        encode_request_header(key, self.correlation_id, client_id, into);
    }
}

/// Writes a request's header.
pub(crate) fn encode_request_header(
    (api, key, version): (ApiKey, i16, i16),
    correlation: CorrelationId,
    client_id: Option<&str>,
    into: &mut BytesMut,
) {
    into.put_i16(key);
    into.put_i16(version);
    into.put_i32(correlation.0);
    match client_id {
        Some(id) => {
            let id = cut_to_chars(id, 0x7fff);
            into.put_i16(i16::try_from(id.len()).unwrap_or(i16::MAX));
            into.put_slice(id.as_bytes());
        }
        None => into.put_i16(-1),
    }
    if api.request_header_version(version) >= 2 {
        into.put_u8(0);
    }
}

/// The longest prefix of whole characters within `max` bytes.
fn cut_to_chars(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

/// Writes a response's header. ApiVersions keeps version 0 for ever, so that a client can read it before it knows the
/// broker's versions (KIP-511).
pub(crate) fn encode_response_header(
    api: ApiKey,
    version: i16,
    correlation: CorrelationId,
    into: &mut BytesMut,
) {
    into.put_i32(correlation.0);
    if api.response_header_version(version) >= 1 {
        into.put_u8(0);
    }
}

/// Reads the correlation id of a response.
///
/// # Errors
/// Less than four bytes.
pub fn decode_correlation(frame: &Bytes) -> Result<CorrelationId, WireError> {
    Ok(CorrelationId(Cursor::new(frame).int32("correlation id")?))
}

/// Where the body of a response begins.
pub(crate) fn response_body_at(
    api: ApiKey,
    version: i16,
    frame: &Bytes,
) -> Result<usize, WireError> {
    let mut cursor = Cursor::new(frame);
    cursor.int32("correlation id")?;
    if api.response_header_version(version) >= 1 {
        cursor.skip_tagged()?;
    }
    Ok(cursor.at())
}
