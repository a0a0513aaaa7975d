//! Classic groups: JoinGroup, SyncGroup, Heartbeat and LeaveGroup, where a member of the group assigns (KIP-62).
//!
//! ```text
//!             a member comes, goes, changes        all joined, or timeout          leader synced, committed
//!   Empty ───────────────────────────────► Preparing ───────────────► Completing ────────────────────────► Stable
//!     ▲                                    Rebalance                  Rebalance                              │
//!     └── nobody is left ──────────────────┘  ▲  └───────────────────────────────────────────────────────────┘
//! ```
//!
//! What a group *is* (who has joined, who waits for an answer, which state) is volatile and changes at once. What is
//! *written* is one record a generation: when the leader has synced, when the last member has left, when a static member
//! came back under a new id. A coordinator that loads the group takes that record for the whole of it.
//!
//! *Flows in*: requests of members, timers, records of the group. *Flows out*: answers, records, timers, events of the room
//! Group. *Must never*: look into what members tell each other, save the topics and partitions in the consumers' own formats,
//! for the expiry of offsets and for people; or leave a request without an answer.

mod commit;
mod consumer_protocol;
mod convert;
mod describe;
mod group;
mod heartbeat;
mod join;
mod leave;
mod load;
mod member;
mod rebalance;
mod replace;
mod shard;
mod state;
mod sync;
#[cfg(test)]
pub(crate) mod tests;
mod work;

use std::sync::Arc;

use bytes::Bytes;
use klamm_node::MemberId;
use klamm_protocol::channel::RequestToken;

pub use consumer_protocol::{assigned_partitions, subscribed_topics};
pub use group::ClassicGroup;
pub use heartbeat::check as check_heartbeat;
pub use join::{check as check_join, join_to_classic};
pub use leave::{check as check_leave, leaving, left};
pub use member::{JoinWait, Member, Protocol, Terms};
pub use state::{GroupMove, GroupState, group_figure};
pub use sync::check as check_sync;
pub use work::{Client, Work, heartbeat_refused, join_refused, leave_refused, sync_refused};

/// The protocol type of consumers.
pub const CONSUMER: &str = "consumer";

/// Why a classic group wants to be woken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// A member, or one that was told its id and has not come back with it, has been silent for too long.
    Session(MemberId),
    /// The time for joining is over.
    Join,
    /// The time for syncing is over (KAFKA-12890).
    Sync,
}

/// What a classic group does once a record of it is committed, or refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Continuation {
    /// The record of a new group that has no members.
    Created {
        /// The JoinGroup that made it, if it waits.
        token: RequestToken,
    },
    /// The record of a generation with its assignment.
    Assigned {
        /// The generation.
        generation: i32,
        /// The leader that assigned.
        leader: MemberId,
        /// What it assigned.
        assignment: Vec<(MemberId, Bytes)>,
    },
    /// The record of a static member's new id (KIP-345).
    Replaced {
        /// The JoinGroup that waits.
        token: RequestToken,
        /// The id before.
        old: MemberId,
        /// The id now.
        new: MemberId,
        /// Its `group.instance.id`.
        instance_id: Arc<str>,
        /// What it said before.
        terms: Terms,
        /// The leader before.
        leader: Option<MemberId>,
    },
}
