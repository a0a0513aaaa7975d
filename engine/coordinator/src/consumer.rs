//! Consumer groups (KIP-848): heartbeats, epochs, server-side assignment.

use klamm_node::{Context, GroupId, Offset};
use klamm_protocol::{ErrorCode, GroupRecord};

use crate::group::GroupShard;
use crate::shard::{Op, TopicsChange};

/// A consumer group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerGroup {}

/// Why a consumer group wants to be woken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {}

/// What a consumer group does once a record of it is committed, or refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Continuation {}

impl ConsumerGroup {
    /// Whether a commit of a member in an epoch is taken.
    pub fn validate_offset_commit(
        &self,
        _member: &str,
        _epoch: i32,
        _transactional: bool,
        _version: i16,
    ) -> Result<(), ErrorCode> {
        Ok(())
    }

    /// Whether a member, or somebody outside, may see the offsets.
    pub fn validate_offset_fetch(
        &self,
        _member: Option<&str>,
        _epoch: i32,
    ) -> Result<(), ErrorCode> {
        Ok(())
    }

    /// Whether its members read a topic.
    pub fn is_subscribed_to(&self, _topic: &str) -> bool {
        false
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// The records that make it be forgotten.
    pub fn tombstones(&self, _group: &GroupId) -> Vec<GroupRecord> {
        Vec::new()
    }
}

impl GroupShard {
    /// Takes a record of a consumer group into the state.
    pub(crate) fn replay_consumer(&mut self, _offset: Offset, _record: &GroupRecord) {}

    /// Says what records of its own changed.
    pub(crate) fn consumer_written(
        &mut self,
        _cx: &mut Context<'_>,
        _at: i32,
        _base: Offset,
        _records: &[GroupRecord],
    ) {
    }

    /// Says which consumer groups there are.
    pub(crate) fn observe_consumer(&self, _cx: &mut Context<'_>, _at: i32) {}

    /// The shard was loaded: consumer groups arm their timers.
    pub(crate) fn consumer_loaded(&mut self, _op: &mut Op<'_, '_, Self>) {}

    /// Goes on after a continuation's records were committed, or refused.
    pub(crate) fn consumer_continued(
        &mut self,
        _op: &mut Op<'_, '_, Self>,
        _group: &GroupId,
        continuation: Continuation,
        _outcome: Result<(), ErrorCode>,
    ) {
        match continuation {}
    }

    /// A timer of a consumer group is due.
    pub(crate) fn consumer_timer(
        &mut self,
        _op: &mut Op<'_, '_, Self>,
        _group: &GroupId,
        timer: Timer,
    ) {
        match timer {}
    }

    /// Topics came, went or changed.
    pub(crate) fn consumer_topics_changed(
        &mut self,
        _op: &mut Op<'_, '_, Self>,
        _change: &TopicsChange,
    ) {
    }
}
