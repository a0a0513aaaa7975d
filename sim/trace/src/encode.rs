//! Events to bytes, for the hash and the store: postcard into a buffer that is used again.
//!
//! An event is a dozen small numbers, and a call of `memcpy` for each of them was four hundredths of a run. Pieces of up
//! to eight bytes, which is nearly all of them, are copied by their known size instead.

use klamm_node::event::Event;
use postcard::ser_flavors::Flavor;

/// Where the bytes go.
struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    fn put<const SIZE: usize>(&mut self, piece: &[u8]) {
        if let Ok(piece) = <[u8; SIZE]>::try_from(piece) {
            self.bytes.extend_from_slice(&piece);
        }
    }
}

impl Flavor for Buffer {
    type Output = Vec<u8>;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.bytes.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, piece: &[u8]) -> postcard::Result<()> {
        match piece.len() {
            0 => {}
            1 => self.put::<1>(piece),
            2 => self.put::<2>(piece),
            3 => self.put::<3>(piece),
            4 => self.put::<4>(piece),
            5 => self.put::<5>(piece),
            6 => self.put::<6>(piece),
            7 => self.put::<7>(piece),
            8 => self.put::<8>(piece),
            _ => self.bytes.extend_from_slice(piece),
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Self::Output> {
        Ok(self.bytes)
    }
}

/// Writes an event into an empty buffer, which is handed back.
pub(crate) fn encode(event: &Event, buffer: Vec<u8>) -> Vec<u8> {
    postcard::serialize_with_flavor(event, Buffer { bytes: buffer }).expect("events are plain data")
}

#[cfg(test)]
mod tests {
    use klamm_node::{EventKind, NodeId, Seq, Time};

    use super::*;

    #[test]
    fn the_bytes_are_postcards_own_for_pieces_of_every_size() {
        for size in 0..20 {
            let kind = EventKind::CommandGiven { text: "x".repeat(size) };
            let time =
                Time(1_u64.checked_shl(7 * u32::try_from(size).unwrap()).unwrap_or(u64::MAX));
            let event = Event { seq: Seq(u64::MAX), time, node: NodeId(300), cause: None, kind };
            assert_eq!(encode(&event, Vec::new()), postcard::to_stdvec(&event).unwrap(), "{size}");
        }
    }
}
