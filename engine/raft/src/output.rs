//! What leaves the room: requests to other members, replies, and what the owner must know of the log.

use bytes::Bytes;
use klamm_node::{BrokerId, Endpoint, LeaderEpoch, Offset, Span};
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::{RequestKind, ResponseKind};

use crate::snapshots::SnapshotId;

/// Names a request of this room, so that its outcome finds back. An outcome that is no longer waited for is ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RaftCall {
    /// Whom it was sent to.
    pub to: BrokerId,
    /// The quorum epoch in which it was sent.
    pub epoch: LeaderEpoch,
    /// Counts the requests of this incarnation.
    pub serial: u64,
}

/// One thing for the owner to do or to know, in order.
#[derive(Clone, PartialEq, Debug)]
pub enum RaftOutput {
    /// Send a request; hand its outcome to [`Raft::handle_response`](crate::Raft::handle_response).
    Send {
        /// Whom to.
        to: BrokerId,
        /// Where that is.
        endpoint: Endpoint,
        /// The request, to be sent in the highest version of the API table.
        request: RequestKind,
        /// How long to wait for the response.
        timeout: Span,
        /// What to hand back with the outcome.
        call: RaftCall,
    },
    /// Answer a request.
    Reply {
        /// Which.
        token: RequestToken,
        /// With what.
        response: ResponseKind,
    },
    /// Records are committed. Every data batch is told once an incarnation, in order, from the newest snapshot on.
    Committed {
        /// The batch's first offset.
        base_offset: Offset,
        /// The epoch of the leader that wrote it.
        epoch: LeaderEpoch,
        /// Bytes of the batch.
        size: usize,
        /// Its records' values.
        records: Vec<(Offset, Bytes)>,
    },
    /// Everything that was told so far is void: the state is that of this snapshot, and what follows follows it (KIP-630).
    Snapshot {
        /// Which.
        id: SnapshotId,
        /// Its records' values.
        records: Vec<Bytes>,
    },
    /// This node leads the quorum, and everything before its epoch is committed and told. From now on it may append.
    BecameLeader {
        /// Its epoch.
        epoch: LeaderEpoch,
    },
    /// The set of voters is to change: call [`Raft::append_staged`](crate::Raft::append_staged) once nothing that was
    /// decided on the leader's log is still to be appended (KIP-853).
    Staged,
    /// This node does not lead any more; what it appended and did not see committed may be lost.
    LostLeadership {
        /// The epoch that it led.
        epoch: LeaderEpoch,
    },
    /// The leader or the epoch that this node knows of changed; see [`Raft::leader`](crate::Raft::leader).
    LeaderChanged,
}
