//! Committed offsets.

use klamm_node::{Context, Offset, ProducerId};
use klamm_protocol::{ErrorCode, GroupRecord};

use crate::group::GroupShard;
use crate::shard::{Op, TopicsChange};

/// The committed offsets of a shard's groups.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offsets {}

impl Offsets {
    /// How many there are.
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        true
    }
}

/// What is done once a record of an offset is committed, or refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Continuation {}

impl GroupShard {
    /// Takes a committed offset, or its removal, into the state.
    pub(crate) fn replay_offset(&mut self, _offset: Offset, _record: &GroupRecord) {}

    /// Takes an offset of an open transaction.
    pub(crate) fn replay_pending_offset(
        &mut self,
        _offset: Offset,
        _producer: ProducerId,
        _record: &GroupRecord,
    ) {
    }

    /// A transaction that committed offsets has ended.
    pub(crate) fn offsets_transaction_ended(&mut self, _producer: ProducerId, _committed: bool) {}

    /// Says what records of its own changed.
    pub(crate) fn offsets_written(
        &mut self,
        _cx: &mut Context<'_>,
        _at: i32,
        _base: Offset,
        _records: &[GroupRecord],
    ) {
    }

    /// Says what it holds.
    pub(crate) fn observe_offsets(&self, _cx: &mut Context<'_>, _at: i32) {}

    /// The shard was loaded: the timer of expiry is armed.
    pub(crate) fn offsets_loaded(&mut self, _op: &mut Op<'_, '_, Self>) {}

    /// Goes on after a continuation's records were committed, or refused.
    pub(crate) fn offsets_continued(
        &mut self,
        _op: &mut Op<'_, '_, Self>,
        continuation: Continuation,
        _outcome: Result<(), ErrorCode>,
    ) {
        match continuation {}
    }

    /// `offsets.retention.check.interval.ms` has passed.
    pub(crate) fn expire_offsets(&mut self, _op: &mut Op<'_, '_, Self>) {}

    /// Topics came, went or changed: the offsets of a deleted topic are removed.
    pub(crate) fn offsets_topics_changed(
        &mut self,
        _op: &mut Op<'_, '_, Self>,
        _change: &TopicsChange,
    ) {
    }
}
