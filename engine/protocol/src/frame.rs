//! Frames: a length of four bytes, then that many bytes.
//!
//! *Flows in*: bytes as they arrive, cut anywhere. *Flows out*: whole frames without their length, or a [`WireError`].
//! *Must never*: reserve memory for a length before the bytes are there.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Bytes that are not the Kafka protocol. Deterministic: the same bytes always fail at the same place.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("at byte {at}: expected {expected}")]
pub struct WireError {
    /// Where, from the start of the frame's content.
    pub at: usize,
    /// What should have been there.
    pub expected: String,
}

impl WireError {
    /// An error at a place.
    pub fn new(at: usize, expected: impl Into<String>) -> Self {
        Self { at, expected: expected.into() }
    }
}

/// Cuts a stream of bytes into frames.
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    /// A piece that came while nothing was buffered. Where the network keeps frames whole, it is one, and is not copied.
    piece: Bytes,
    buffered: BytesMut,
    max_size: usize,
}

impl FrameDecoder {
    /// Frames of up to `max_size` bytes (`socket.request.max.bytes`).
    pub fn new(max_size: usize) -> Self {
        Self { piece: Bytes::new(), buffered: BytesMut::new(), max_size }
    }

    /// Takes in what arrived.
    pub fn push(&mut self, bytes: &Bytes) {
        if self.buffered.is_empty() && self.piece.is_empty() {
            self.piece = bytes.clone();
        } else {
            self.gather();
            self.buffered.extend_from_slice(bytes);
        }
    }

    /// Puts the piece where further bytes can follow it.
    fn gather(&mut self) {
        if !self.piece.is_empty() {
            let piece = std::mem::take(&mut self.piece);
            self.buffered.extend_from_slice(&piece);
        }
    }

    /// The next whole frame without its length; `None` until more bytes arrive.
    ///
    /// # Errors
    /// A negative length, or one beyond the maximum. The stream can't be read any further then.
    pub fn pop(&mut self) -> Result<Option<Bytes>, WireError> {
        let waiting = if self.piece.is_empty() { &self.buffered[..] } else { &self.piece[..] };
        let Some(prefix) = waiting.first_chunk::<4>() else { return Ok(None) };
        let claimed = i32::from_be_bytes(*prefix);
        let size = usize::try_from(claimed).ok().filter(|size| *size <= self.max_size).ok_or_else(
            || WireError::new(0, format!("a frame of 0 to {} bytes, not {claimed}", self.max_size)),
        )?;
        if waiting.len() < 4 + size {
            return Ok(None);
        }
        if !self.piece.is_empty() {
            self.piece.advance(4);
            return Ok(Some(self.piece.split_to(size)));
        }
        self.buffered.advance(4);
        Ok(Some(self.buffered.split_to(size).freeze()))
    }

    /// How many bytes wait for the rest of their frame.
    pub fn pending(&self) -> usize {
        self.piece.len() + self.buffered.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_cutting_of_the_stream_gives_the_same_frames(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            cut in 1_usize..17,
        ) {
            let mut stream = Vec::new();
            for frame in &frames {
                stream.extend_from_slice(&u32::try_from(frame.len()).expect("short").to_be_bytes());
                stream.extend_from_slice(frame);
            }
            let mut decoder = FrameDecoder::new(64);
            let mut got = Vec::new();
            for piece in stream.chunks(cut) {
                decoder.push(&Bytes::copy_from_slice(piece));
                while let Some(frame) = decoder.pop().expect("well formed") {
                    got.push(frame.to_vec());
                }
            }
            prop_assert_eq!(got, frames);
            prop_assert_eq!(decoder.pending(), 0);
        }
    }

    #[test]
    fn a_length_beyond_the_maximum_or_below_zero_is_refused_before_its_bytes_arrive() {
        for claimed in [65, i32::MAX, -1, i32::MIN] {
            let mut decoder = FrameDecoder::new(64);
            decoder.push(&Bytes::copy_from_slice(&claimed.to_be_bytes()));
            assert!(decoder.pop().is_err(), "{claimed}");
        }
    }
}
