//! Stands in for `classic/` until that is there: only the names that `group.rs` needs.

use klamm_node::{Context, GroupId, Offset};
use klamm_protocol::group_record::GroupMetadataValue;
use klamm_protocol::{ErrorCode, GroupRecord};

use crate::group::GroupShard;
use crate::shard::Op;

/// A classic group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClassicGroup;

/// Why a classic group wants to be woken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {}

/// What a classic group does once a record of it is committed, or refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Continuation {}

impl GroupShard {
    pub(crate) fn replay_classic(
        &mut self,
        _: Offset,
        _: &GroupId,
        _: Option<&GroupMetadataValue>,
    ) {
    }
    pub(crate) fn classic_written(
        &mut self,
        _: &mut Context<'_>,
        _: i32,
        _: Offset,
        _: &[GroupRecord],
    ) {
    }
    pub(crate) fn observe_classic(&self, _: &mut Context<'_>, _: i32) {}
    pub(crate) fn classic_loaded(&mut self, _: &mut Op<'_, '_, Self>) {}
    pub(crate) fn classic_unloaded(&mut self, _: &mut Op<'_, '_, Self>) {}
    pub(crate) fn classic_continued(
        &mut self,
        _: &mut Op<'_, '_, Self>,
        _: &GroupId,
        continuation: Continuation,
        _: Result<(), ErrorCode>,
    ) {
        match continuation {}
    }
    pub(crate) fn classic_timer(&mut self, _: &mut Op<'_, '_, Self>, _: &GroupId, timer: Timer) {
        match timer {}
    }
}
