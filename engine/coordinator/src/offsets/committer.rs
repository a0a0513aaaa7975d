//! What committed offsets ask of their group, of either protocol.

use klamm_node::Timestamp;
use klamm_protocol::ErrorCode;

use crate::classic::Work;
use crate::config::GroupConfig;
use crate::group::{Group, GroupShard};
use crate::shard::Op;

/// Who commits, as the request shows itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Committer<'a> {
    /// The member id; empty for none.
    pub member: &'a str,
    /// The `group.instance.id`.
    pub instance: Option<&'a str>,
    /// The generation or member epoch; -1 for none.
    pub epoch: i32,
    /// Whether it commits in a transaction.
    pub transactional: bool,
    /// The version of the request: old ones have no error for a stale member epoch.
    pub version: i16,
}

impl Group {
    /// Whether a commit is taken; one that is counts as a sign of life of a classic member.
    pub(super) fn may_commit(
        &mut self,
        op: &mut Op<'_, '_, GroupShard>,
        (config, partition): (&GroupConfig, i32),
        by: Committer<'_>,
    ) -> Result<(), ErrorCode> {
        match self {
            Self::Classic(group) => group.validate_offset_commit(
                &mut Work { op, config, partition },
                by.member,
                by.instance,
                by.epoch,
                by.transactional,
            ),
            Self::Consumer(group) => {
                group.validate_offset_commit(by.member, by.epoch, by.transactional, by.version)
            }
        }
    }

    /// Whether a member, or somebody outside, may see the offsets.
    pub(super) fn may_fetch(&self, member: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        match self {
            Self::Classic(group) => group.validate_offset_fetch(),
            Self::Consumer(group) => group.validate_offset_fetch(member, epoch),
        }
    }

    /// Whether offsets may be deleted, topic by topic.
    pub(super) fn may_delete_offsets(&self) -> Result<(), ErrorCode> {
        match self {
            Self::Classic(group) => group.validate_offset_delete(),
            // Of a consumer group only topics that it reads are refused.
            Self::Consumer(_) => Ok(()),
        }
    }

    /// Whether its members read a topic.
    pub(super) fn reads(&self, topic: &str) -> bool {
        match self {
            Self::Classic(group) => group.is_subscribed_to(topic),
            Self::Consumer(group) => group.is_subscribed_to(topic),
        }
    }

    /// From when on an offset that was committed at some time grows old; none while it is in use (KIP-211).
    pub(super) fn ages_from(&self, committed_at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Classic(group) => group.offset_expires_from(committed_at.0).map(Timestamp),
            // What no member of a consumer group reads is known at any time.
            Self::Consumer(_) => Some(committed_at),
        }
    }
}
