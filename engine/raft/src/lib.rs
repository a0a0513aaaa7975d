//! The room of the metadata quorum: KRaft, Kafka's Raft in which followers pull (KIP-595).
//!
//! ```text
//!                    ┌────────────── higher epoch ──────────────┐
//!                    ▼                                          │
//!   observer    unattached ─timeout─► prospective ─majority─► candidate ─majority─► leader
//!      │             ▲ ▲                 │     ▲                │  ▲                  │
//!      │ leader      │ └──── lost ───────┘     └── timeout ─────┘  │                  │ no majority fetches,
//!      ▼ known       │                         ▲                                      ▼ or an orderly end
//!   fetches      (epoch+1)                 follower ◄── leader known             resigned
//!                    └──────────────────────────────────────────────────────────────┘
//! ```
//!
//! *Flows in*: requests of other members with a token to answer by, outcomes of own requests, time, and records to
//! append on the leader.
//! *Flows out*: [`RaftOutput`]: requests, replies, committed records, gain and loss of leadership; events of the room
//! `raft`.
//! *Must never*: say anything that its disk does not remember; know what a metadata record means.
//!
//! Invariants (bug-zoo S25), asserted or held by the property test in `tests/property.rs`:
//!
//! * I1: an epoch has at most one leader: a vote is durable before it is given (`quorum-state`).
//! * I2: a member's epoch never goes back, and a restarted leader never goes on in its old one (KAFKA-10527).
//! * I3: the leader of the newest epoch holds everything that is committed: votes go only to logs that are up to date,
//!   and only records of the own epoch commit (KAFKA-12619).
//! * I4: what counts as held is durable: leaders flush before they show, voters before they fetch on (KAFKA-10533).
//! * I5: nothing below the high watermark is cut off.
//! * I6: a leader that no majority fetches from stops to lead (KAFKA-15489).
//!
//! * I7: a snapshot stands for committed records only, and a log that does not begin at 0 begins where one ends.
//!
//! Which moves between roles there are is declared in one table, [`MOVES`].
//!
//! * I8: a set of voters is in force from the moment that its record is in the log, and no change begins before the one
//!   before it is committed: any majority of one set meets any majority of the next (KIP-853).
//!
//! The voters are either configured (`kraft.version` 0: known by id alone, so that a voter that returns with an empty disk
//! is taken for the old one, Z38), or part of the log (`kraft.version` 1: known by id and directory). `voters` holds what
//! follows from a set, `change` how a leader changes it.
//!
//! Follows KIP-595 (quorum), KIP-630 (snapshots), KIP-631 (controller log), KIP-836 (observers), KIP-853 (voters),
//! KIP-996 (pre-vote), KIP-1166 (high watermark in fetches), KIP-1186 (joining), KIP-1219 (sizes of fetches).

#![warn(clippy::float_arithmetic)]
#![expect(
    clippy::field_scoped_visibility_modifiers,
    reason = "the files of this room share one member's state"
)]

mod change;
mod commit;
mod config;
mod describe;
mod fetch;
mod follow;
mod leader;
mod messages;
mod output;
mod poll;
mod quorum_state;
mod raft;
mod role;
mod snapshot;
mod snapshots;
mod tenure;
mod transitions;
mod vote;
mod voter_history;
mod voter_set;
mod voters;

pub use config::RaftConfig;
pub use output::{RaftCall, RaftOutput};
pub use raft::{Raft, RaftSummary};
pub use role::QuorumRole;
pub use snapshots::SnapshotId;
pub use transitions::{BEGINNINGS, MOVES, quorum_figure};
pub use voter_set::{KRAFT_VERSIONS, VoterSet};
pub use voters::format;
