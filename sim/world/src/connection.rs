//! TCP connections as the kernels of two machines see them.
//!
//! A connection has two ends and, per direction, a pipe. A pipe keeps the order: what was lost on the way waits in it
//! and is sent again with the kernel's doubling back-off, and nothing overtakes it. So a cut is silence, not an error,
//! until somebody's patience ends.

#![expect(
    clippy::field_scoped_visibility_modifiers,
    reason = "plain data that the two halves of the lab share"
)]

use std::collections::VecDeque;

use bytes::Bytes;
use klamm_node::{ConnectionId, NodeId, Seq, Span, Time};

/// The kernel's first wait before it sends again what was not acknowledged, and its longest (Linux's numbers).
pub(crate) const RETRY_FIRST: Span = Span::millis(200);
pub(crate) const RETRY_LONGEST: Span = Span::secs(120);
/// The kernel's first wait for an answer to a SYN, doubled each time, and how often it tries (Linux's numbers).
pub(crate) const SYN_FIRST: Span = Span::secs(1);
pub(crate) const SYN_TRIES: u32 = 7;
/// Bytes of a packet around its payload: Ethernet, IP and TCP headers.
pub(crate) const PACKET_OVERHEAD: usize = 66;

/// What travels in a pipe.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// The third packet of the handshake: the listener accepts now.
    Accept,
    /// One whole frame.
    Frame {
        bytes: Bytes,
        sent: Seq,
        /// The API that it answers, if it is an answer.
        answers: Option<i16>,
    },
    /// The sender's end is closed; nothing follows.
    Fin { cause: Option<Seq> },
}

impl Content {
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Accept | Self::Fin { .. } => PACKET_OVERHEAD,
            Self::Frame { bytes, .. } => PACKET_OVERHEAD + bytes.len(),
        }
    }
}

/// Something in flight.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) content: Content,
    pub(crate) left: Time,
    /// How often the link had been cut when it left.
    pub(crate) left_under: u32,
}

/// One direction of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    pub(crate) flying: VecDeque<Segment>,
    /// What was lost and will be sent again, by number.
    pub(crate) waiting: VecDeque<(u64, Content)>,
    pub(crate) last_arrival: Time,
    pub(crate) retry: Span,
    pub(crate) retry_armed: bool,
    pub(crate) next_number: u64,
}

impl Default for Pipe {
    fn default() -> Self {
        Self {
            flying: VecDeque::new(),
            waiting: VecDeque::new(),
            last_arrival: Time::ZERO,
            retry: RETRY_FIRST,
            retry_armed: false,
            next_number: 0,
        }
    }
}

impl Pipe {
    /// Puts something that was lost where it belongs in the order.
    pub(crate) fn wait(&mut self, number: u64, content: Content) {
        let at = self.waiting.partition_point(|(other, _)| *other < number);
        self.waiting.insert(at, (number, content));
    }

    /// True if something earlier was lost and has to come first.
    pub(crate) fn blocks(&self, number: u64) -> bool {
        self.waiting.front().is_some_and(|(first, _)| *first < number)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.flying.is_empty() && self.waiting.is_empty()
    }
}

/// What one end of a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EndState {
    /// The handshake is not complete here.
    Opening,
    /// The process may read and write.
    Open,
    /// The process closed it or is no more; contact is answered with a reset.
    Gone,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) node: NodeId,
    /// The process's id for it; 0 at a listener before it accepts.
    pub(crate) id: ConnectionId,
    /// Which life of the process it belongs to.
    pub(crate) life: u32,
    pub(crate) state: EndState,
}

/// A connection. End and pipe 0 are the side that connected; pipe `i` carries what end `i` sends.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) ends: [End; 2],
    pub(crate) pipes: [Pipe; 2],
    pub(crate) port: u16,
    /// The `ConnectionOpening` event.
    pub(crate) opening: Seq,
    pub(crate) syn_tries: u32,
}

impl Connection {
    /// True if nothing can come of it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.state == EndState::Gone)
            && self.pipes.iter().all(Pipe::is_idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_keeps_its_place_and_blocks_what_comes_later() {
        let mut pipe = Pipe::default();
        pipe.wait(5, Content::Accept);
        pipe.wait(3, Content::Accept);
        assert_eq!(pipe.waiting.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [3, 5]);
        assert!(!pipe.blocks(2) && !pipe.blocks(3) && pipe.blocks(4));
        assert!(!pipe.is_idle());
    }
}
