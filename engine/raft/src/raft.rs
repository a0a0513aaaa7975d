//! The member of the quorum (skeleton).
use bytes::Bytes;
use klamm_node::{BrokerId, Context, DiskResult, Endpoint, LeaderEpoch, Offset, Time};
use klamm_protocol::channel::{RequestToken, RpcError};
use klamm_protocol::kafka::messages::{RequestKind, ResponseKind};

use crate::config::RaftConfig;
use crate::output::{RaftCall, RaftOutput};
use crate::role::QuorumRole;

/// What a member holds, for comparison with what events say of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RaftSummary {
    /// Its role.
    pub role: QuorumRole,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// The leader that it knows of, or -1.
    pub leader: BrokerId,
    /// Whom it voted for in this epoch, or -1.
    pub voted: BrokerId,
    /// The first offset.
    pub log_start: Offset,
    /// The next offset.
    pub log_end: Offset,
    /// Everything below is durable.
    pub synced: Offset,
    /// What it knows to be committed, exclusive.
    pub high_watermark: Offset,
}

/// A member of the metadata quorum.
#[derive(Clone, Debug)]
pub struct Raft {
    config: RaftConfig,
}

#[expect(unused_variables, clippy::missing_errors_doc, reason = "skeleton")]
impl Raft {
    /// Opens the member on what its disk holds.
    pub fn open(
        cx: &mut Context<'_>,
        config: RaftConfig,
        out: &mut Vec<RaftOutput>,
    ) -> DiskResult<Self> {
        Ok(Self { config })
    }
    /// Takes a Vote, BeginQuorumEpoch, EndQuorumEpoch or Fetch request of the controller listener.
    pub fn handle_request(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: RequestKind,
        out: &mut Vec<RaftOutput>,
    ) {
    }
    /// Takes the outcome of a request that it sent.
    pub fn handle_response(
        &mut self,
        cx: &mut Context<'_>,
        call: RaftCall,
        outcome: Result<ResponseKind, RpcError>,
        out: &mut Vec<RaftOutput>,
    ) {
    }
    /// Does what is due.
    pub fn handle_timers(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {}
    /// When something will be due, and what.
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        None
    }
    /// Leader only: appends records as one atomic batch.
    pub fn append(
        &mut self,
        cx: &mut Context<'_>,
        records: Vec<Bytes>,
        out: &mut Vec<RaftOutput>,
    ) -> Option<(Offset, Offset)> {
        None
    }
    /// Begins an orderly end: a leader resigns and names its successors.
    pub fn shutdown(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {}
    /// Whether the orderly end is done.
    pub fn is_shut_down(&self) -> bool {
        true
    }
    /// The leader, if known.
    pub fn leader(&self) -> Option<(BrokerId, LeaderEpoch, Endpoint)> {
        None
    }
    /// What is known to be committed, exclusive.
    pub fn high_watermark(&self) -> Offset {
        Offset(0)
    }
    /// The log's next offset.
    pub fn log_end(&self) -> Offset {
        Offset(0)
    }
    /// The quorum epoch.
    pub fn epoch(&self) -> LeaderEpoch {
        LeaderEpoch(0)
    }
    /// The role.
    pub fn role(&self) -> QuorumRole {
        QuorumRole::Observer
    }
    /// The settings.
    pub fn config(&self) -> &RaftConfig {
        &self.config
    }
    /// What it holds.
    pub fn summary(&self) -> RaftSummary {
        RaftSummary {
            role: self.role(),
            epoch: self.epoch(),
            leader: BrokerId(-1),
            voted: BrokerId(-1),
            log_start: Offset(0),
            log_end: Offset(0),
            synced: Offset(0),
            high_watermark: Offset(0),
        }
    }
}
