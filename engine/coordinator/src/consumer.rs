//! Consumer groups (KIP-848): the coordinator assigns, and every member is brought from one assignment to the next by itself.
//!
//! ```text
//!   heartbeat ─► who is it? ─► what does it read? ─► group epoch ─► target assignment ─► the member's own assignment ─► answer
//!                 member         names, regex          grows if          at most once       first give up, then take
//!                 epoch          others now            that changed      an interval        what is free
//! ```
//!
//! Three epochs: the *group's* grows when members, subscriptions or topics change; the *assignment's* is the group epoch that
//! the target was made for; a *member's* is that of the target which it has reached. A partition that somebody has, or has yet
//! to give up, is nobody else's, so members need not stop together.
//!
//! *Flows in*: ConsumerGroupHeartbeat, the classic protocol's requests for groups of both kinds of members, timers, changed
//! topics, records. *Flows out*: answers, records, events. *Must never*: change a group but by its records.

mod classic_members;
mod commit;
mod describe;
mod draft;
mod embedded;
mod group;
mod heartbeat;
mod leave;
mod member;
mod migrate;
mod reconcile;
mod refused;
mod regex;
mod shard;
mod state;
mod subscribe;
#[cfg(test)]
mod tests;
mod topics;

use klamm_node::MemberId;

pub use describe::describe_refused;
pub use draft::Told;
pub use group::{ConsumerGroup, Resolved, Volatile};
pub use heartbeat::{check as check_heartbeat, refused as heartbeat_refused};
pub use member::{Member, MemberState};
pub use refused::Refused;
pub use state::{GroupState, MEMBER_MOVES, member_figure};

/// Why a consumer group wants to be woken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// A member was silent for too long.
    Session(MemberId),
    /// A member took too long to give partitions up.
    Rebalance(MemberId),
    /// A classic member was told to join again and did not.
    Join(MemberId),
    /// A classic member joined and did not sync.
    Sync(MemberId),
    /// Regular expressions are to be resolved.
    Regex,
}

/// What a consumer group does once a record of it is committed, or refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Continuation {
    /// It goes on as a classic group.
    Downgraded {
        /// Why its members are asked to join again, if they are.
        why: Option<String>,
    },
}

/// What the room holds besides the groups.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Room {
    /// What is known of the records that are being written, for the events.
    told: Option<Told>,
}
