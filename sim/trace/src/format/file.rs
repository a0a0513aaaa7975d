//! The trace file: bytes in, bytes out.
//!
//! ```text
//!   magic      8 bytes   KLAMMTRC
//!   version    u16 LE
//!   header     u32 LE length, then postcard of the header
//!   check      XXH3-64 of all before it, LE (since version 2)
//!   events     each: u32 LEB128 length, then postcard of the event
//!   end        a zero length
//!   hash       16 bytes LE
//! ```

use super::{FORMAT_VERSION, Trace, TraceError};
use crate::hash::TraceHash;
use crate::header::TraceHeader;
use crate::store::EventStore;
use klamm_node::Seq;
use klamm_node::event::Event;
use xxhash_rust::xxh3::xxh3_64;

/// Before it, a scenario or a name that was changed in the header was taken for true: the hash is of the events alone.
const FIRST_WITH_CHECK: u16 = 2;

impl Trace {
    /// How a trace file begins.
    pub const MAGIC: &[u8; 8] = b"KLAMMTRC";

    /// The bytes of a trace file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = postcard::to_stdvec(&self.header).expect("a header is plain data");
        let mut bytes = Vec::with_capacity(self.events.bytes() + header.len() + 64);
        bytes.extend_from_slice(Self::MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        let length = u32::try_from(header.len()).expect("a header is below 4 GiB");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        for event in (0..self.events.len()).filter_map(|i| self.events.encoded(i)) {
            put_length(&mut bytes, event.len());
            bytes.extend_from_slice(event);
        }
        bytes.push(0);
        bytes.extend_from_slice(&self.hash.0.to_le_bytes());
        bytes
    }

    /// Reads a trace file, and checks that its events have the hash that it states.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TraceError> {
        let mut input = Input { bytes, at: 0 };
        let is_magic = bytes.get(..Self::MAGIC.len()).is_some_and(|start| start == Self::MAGIC);
        if !is_magic {
            return Err(TraceError::NotATrace);
        }
        input.at = Self::MAGIC.len();
        let version = u16::from_le_bytes(input.array("the format version")?);
        if version > FORMAT_VERSION {
            return Err(TraceError::Newer { found: version, newest: FORMAT_VERSION });
        }
        if version == 0 {
            let inside = "the format version".to_owned();
            return Err(TraceError::Corrupt { at: Self::MAGIC.len(), inside });
        }
        let length = u32::from_le_bytes(input.array("the header's length")?);
        let at = input.at;
        let header = input.take(usize::try_from(length).unwrap_or(usize::MAX), "the header")?;
        let header: TraceHeader = decode(header, at, "the header")?;
        let found = xxh3_64(bytes.get(..input.at).unwrap_or_default());
        if version >= FIRST_WITH_CHECK
            && u64::from_le_bytes(input.array("the header's check")?) != found
        {
            return Err(TraceError::Corrupt { at, inside: "the header".to_owned() });
        }
        let mut events = EventStore::default();
        loop {
            let inside = format!("event #{}", events.len() + 1);
            let length = input.length(&inside)?;
            if length == 0 {
                break;
            }
            let at = input.at;
            let encoded = input.take(length, &inside)?;
            let event: Event = decode(encoded, at, &inside)?;
            if event.seq != Seq(u64::try_from(events.len()).unwrap_or(u64::MAX) + 1) {
                return Err(TraceError::Corrupt { at, inside });
            }
            events.push(encoded);
        }
        let stated = TraceHash(u128::from_le_bytes(input.array("the final hash")?));
        let trace = Self { header, events, hash: stated };
        let found = trace.computed_hash();
        if found == stated { Ok(trace) } else { Err(TraceError::WrongHash { found, stated }) }
    }
}

fn decode<'a, T: serde::Deserialize<'a>>(
    bytes: &'a [u8],
    at: usize,
    inside: &str,
) -> Result<T, TraceError> {
    let corrupt = || TraceError::Corrupt { at, inside: inside.to_owned() };
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(corrupt()),
    }
}

fn put_length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits fit in a byte");
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize, inside: &str) -> Result<&'a [u8], TraceError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let cut = TraceError::Truncated { at: self.bytes.len(), inside: inside.to_owned() };
        let taken = taken.ok_or(cut)?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, inside: &str) -> Result<[u8; N], TraceError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, inside)?);
        Ok(array)
    }

    fn length(&mut self, inside: &str) -> Result<usize, TraceError> {
        let at = self.at;
        let mut length = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array::<1>(inside)?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(length);
            }
        }
        Err(TraceError::Corrupt { at, inside: format!("the length of {inside}") })
    }
}
