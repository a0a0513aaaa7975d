//! The trace file: bytes in, bytes out.
//!
//! ```text
//!   magic      8 bytes   KLAMMTRC
//!   version    u16 LE
//!   events     u64 LE: a fingerprint of all kinds of events with their fields, see [`vocabulary`]
//!   header     u32 LE length, then postcard of the header
//!   check      XXH3-64 of all before it, LE
//!   events     each: u32 LEB128 length, then postcard of the event
//!   end        a zero length
//!   hash       16 bytes LE
//! ```
//!
//! An event is written by the number of its kind and the values of its fields, so that a build with one kind more would take
//! one event for another: a trace is read by builds with the same events alone, and others are told so.

use super::{FORMAT_VERSION, Trace, TraceError};
use crate::hash::TraceHash;
use crate::header::TraceHeader;
use crate::store::EventStore;
use klamm_node::Seq;
use klamm_node::event::{CATALOGUE, Event};
use xxhash_rust::xxh3::xxh3_64;

/// What this build's events are: their kinds, fields and types, in order.
fn vocabulary() -> u64 {
    let mut text = String::new();
    for info in CATALOGUE {
        let fields = info.fields.iter().zip(info.types);
        let fields: Vec<String> = fields.map(|(name, kind)| format!("{name}:{kind}")).collect();
        text.push_str(&format!("{} {}({})\n", info.room, info.name, fields.join(",")));
    }
    xxh3_64(text.as_bytes())
}

impl Trace {
    /// How a trace file begins.
    pub const MAGIC: &[u8; 8] = b"KLAMMTRC";

    /// The bytes of a trace file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = postcard::to_stdvec(&self.header).expect("a header is plain data");
        let mut bytes = Vec::with_capacity(self.events.bytes() + header.len() + 64);
        bytes.extend_from_slice(Self::MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&vocabulary().to_le_bytes());
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
        if version < FORMAT_VERSION {
            return Err(TraceError::Older { found: version, newest: FORMAT_VERSION });
        }
        let events = u64::from_le_bytes(input.array("the fingerprint of the events")?);
        let length = u32::from_le_bytes(input.array("the header's length")?);
        let at = input.at;
        let header = input.take(usize::try_from(length).unwrap_or(usize::MAX), "the header")?;
        let found = xxh3_64(bytes.get(..input.at).unwrap_or_default());
        if u64::from_le_bytes(input.array("the header's check")?) != found {
            return Err(TraceError::Corrupt { at, inside: "the header".to_owned() });
        }
        let ours = vocabulary();
        if events != ours {
            return Err(TraceError::OtherEvents { found: events, ours });
        }
        let header: TraceHeader = decode(header, at, "the header")?;
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
        if input.at < bytes.len() {
            let inside = "what follows the final hash".to_owned();
            return Err(TraceError::Corrupt { at: input.at, inside });
        }
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
