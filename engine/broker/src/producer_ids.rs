//! The producer ids that this broker hands out: blocks from the controller, one ahead (KIP-730). Kafka's
//! `RPCProducerIdManager`.
//!
//! *Flows in*: demands for an id, blocks and errors from the controller. *Flows out*: ids, and when to ask for a block.
//! *Must never*: hand out an id twice. What is left of a block at the end of the process is lost.

use klamm_node::{Span, Time};

/// How long it waits after the controller had no block for it.
const RETRY_BACKOFF: Span = Span::millis(50);

/// A run of ids: the next one and the one behind the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Block {
    next: i64,
    end: i64,
}

/// The blocks of a broker.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ProducerIds {
    current: Option<Block>,
    /// The block after that, asked for before the current one is used up.
    following: Option<Block>,
    /// Where a tenth of the current block is left.
    ask_at: i64,
    asking: bool,
    backoff_until: Option<Time>,
}

impl ProducerIds {
    /// The next id; none while there is no block.
    pub(crate) fn take(&mut self) -> Option<i64> {
        if self.current.is_none_or(|block| block.next >= block.end) {
            let block = self.following.take()?;
            self.ask_at = block.end - (block.end - block.next) / 10;
            self.current = Some(block);
        }
        let block = self.current.as_mut().filter(|block| block.next < block.end)?;
        let id = block.next;
        block.next += 1;
        Some(id)
    }

    /// Whether to ask the controller for a block now. If so, the answer is waited for.
    pub(crate) fn wants_block(&mut self, now: Time) -> bool {
        let short = self.current.is_none_or(|block| block.next >= self.ask_at);
        let rests = self.backoff_until.is_some_and(|until| until > now);
        let asks = short && self.following.is_none() && !self.asking && !rests;
        self.asking |= asks;
        asks
    }

    /// The controller's answer: a block by its first id and length, or nothing.
    pub(crate) fn answered(&mut self, block: Option<(i64, i32)>, now: Time) {
        self.asking = false;
        match block {
            Some((next, len)) => {
                self.following = Some(Block { next, end: next.saturating_add(i64::from(len)) });
                self.backoff_until = None;
            }
            None => self.backoff_until = Some(now + RETRY_BACKOFF),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_in_order_and_the_next_block_is_asked_for_before_the_last_id() {
        let mut ids = ProducerIds::default();
        assert_eq!(ids.take(), None);
        assert!(ids.wants_block(Time::ZERO) && !ids.wants_block(Time::ZERO), "asked for once");
        ids.answered(Some((5_000, 20)), Time::ZERO);
        let first: Vec<_> = (0..18).filter_map(|_| ids.take()).collect();
        assert_eq!(first, (5_000..5_018).collect::<Vec<_>>());
        assert!(ids.wants_block(Time::ZERO), "a tenth is left");
        assert_eq!((ids.take(), ids.take(), ids.take()), (Some(5_018), Some(5_019), None));
        ids.answered(Some((9_000, 20)), Time::ZERO);
        assert_eq!(ids.take(), Some(9_000));
        assert!(!ids.wants_block(Time::ZERO), "a fresh block is enough");
    }

    #[test]
    fn a_refusal_is_asked_again_after_a_moment() {
        let mut ids = ProducerIds::default();
        assert!(ids.wants_block(Time::ZERO));
        ids.answered(None, Time::ZERO);
        assert!(!ids.wants_block(Time::ZERO + Span::millis(49)));
        assert!(ids.wants_block(Time::ZERO + Span::millis(50)));
    }
}
