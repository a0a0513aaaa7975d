//! klamm-raft
mod config;
mod output;
mod quorum_state;
mod raft;
mod role;

pub use config::RaftConfig;
pub use output::{RaftCall, RaftOutput};
pub use raft::{Raft, RaftSummary};
pub use role::QuorumRole;
