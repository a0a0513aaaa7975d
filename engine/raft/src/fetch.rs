//! The leader's side of replication: answering fetches, or letting them wait.

use klamm_node::{Context, LeaderEpoch, Offset, Span, planted};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::FetchRequest;
use klamm_storage::ReadError;

use crate::leader::{FetchFrom, Look, ParkedFetch};
use crate::messages::{self, Pull, Pulled};
use crate::output::RaftOutput;
use crate::raft::Raft;
use crate::role::Role;
use crate::snapshots::SnapshotId;

/// How a fetcher's log stands to the leader's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// It is a prefix of the leader's.
    Prefix,
    /// It parts from it: the largest epoch that both may share, and its end at the leader.
    Diverging(LeaderEpoch, Offset),
    /// What it needs next is no longer in the leader's log, but in this snapshot.
    Snapshot(SnapshotId),
}

impl Raft {
    pub(crate) fn handle_fetch(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: FetchRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let same_cluster =
            messages::same_cluster(request.cluster_id.as_ref(), &self.config.cluster_id);
        let response = match messages::read_fetch_request(request) {
            _ if !same_cluster => messages::refused_fetch(ErrorCode::INCONSISTENT_CLUSTER_ID),
            None => messages::refused_fetch(ErrorCode::INVALID_REQUEST),
            Some(pull) => match self.not_leading(pull.epoch) {
                Some(error) => messages::fetch_response(error, &self.standing(), None),
                None => return self.serve(cx, token, &pull, out),
            },
        };
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    /// Why a fetch is not this member's to answer. The response tells leader and epoch in any case.
    pub(crate) fn not_leading(&self, epoch: LeaderEpoch) -> Option<ErrorCode> {
        if epoch < self.state.epoch {
            Some(ErrorCode::FENCED_LEADER_EPOCH)
        } else if epoch > self.state.epoch {
            Some(ErrorCode::UNKNOWN_LEADER_EPOCH)
        } else if !matches!(self.role, Role::Leader(_)) {
            Some(ErrorCode::NOT_LEADER_OR_FOLLOWER)
        } else {
            None
        }
    }

    fn serve(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        pull: &Pull,
        out: &mut Vec<RaftOutput>,
    ) {
        let fetch = FetchFrom {
            offset: pull.offset,
            last_epoch: pull.last_epoch,
            high_watermark: pull.high_watermark,
            max_bytes: pull.max_bytes.min(self.config.fetch_max_bytes),
        };
        if self.place(fetch.offset, fetch.last_epoch) == Place::Prefix {
            // Fetching at an offset says that everything below is there; voters flush before they say so.
            let again = cx.now + self.config.check_quorum_timeout();
            let look = Look { now: cx.now, wall: cx.wall, log_end: self.log.log_end() };
            if let Role::Leader(leader) = &mut self.role
                && leader.fetched(pull.key(), fetch.offset, &look)
            {
                leader.check_quorum = Some(again);
            }
            self.advance(cx, out);
        }
        if self.answer(cx, token, fetch, false, out) {
            return;
        }
        if pull.max_wait == Span::ZERO {
            self.answer(cx, token, fetch, true, out);
        } else if let Role::Leader(leader) = &mut self.role {
            leader.parked.push(ParkedFetch { token, fetch, deadline: cx.now + pull.max_wait });
        }
    }

    /// How a fetcher's log stands to this one (KIP-595, KIP-630).
    fn place(&self, offset: Offset, last_epoch: LeaderEpoch) -> Place {
        let log_start = self.log.log_start();
        if let (Some(earliest), Some(latest)) = (self.snapshots.earliest(), self.snapshots.latest())
        {
            // A fetcher with nothing at all is better served by a snapshot, even where the log still begins at 0.
            let empty = offset == Offset(0);
            let before = offset < log_start || last_epoch < earliest.epoch;
            let beside = offset == log_start && last_epoch != earliest.epoch;
            if empty || before || beside {
                return Place::Snapshot(latest);
            }
        }
        let blind = planted("raft_no_divergence_check");
        if offset == Offset(0) && log_start == Offset(0) || blind {
            return Place::Prefix;
        }
        let (epoch, end) = match self.log.end_offset_for(last_epoch) {
            // Below the oldest epoch of the log all that is known is where the oldest snapshot ends, and in which epoch.
            Some((epoch, end)) if epoch == last_epoch => self
                .snapshots
                .earliest()
                .filter(|id| id.end_offset == end)
                .map_or((epoch, end), |id| (id.epoch, end)),
            Some(known) => known,
            None => (self.last_epoch(), self.log.log_end()),
        };
        if epoch == last_epoch && offset <= end {
            Place::Prefix
        } else {
            Place::Diverging(epoch, end)
        }
    }

    /// Answers a fetch if there is anything to say: another history, records, a newer high watermark (KIP-1166), or by
    /// force nothing. Returns false if it must wait.
    fn answer(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        fetch: FetchFrom,
        force: bool,
        out: &mut Vec<RaftOutput>,
    ) -> bool {
        let place = self.place(fetch.offset, fetch.last_epoch);
        let (diverging, snapshot) = match place {
            Place::Prefix => (None, None),
            Place::Diverging(epoch, end) => (Some((epoch, end)), None),
            Place::Snapshot(id) => (None, Some(id)),
        };
        let mut pulled = Pulled {
            high_watermark: self.high_watermark.unwrap_or(Offset(-1)),
            log_start: self.log.log_start(),
            diverging,
            snapshot,
            records: bytes::Bytes::new(),
        };
        if place == Place::Prefix {
            // Only what is durable here is shown to others (KAFKA-10533).
            let end = self.log.synced();
            match self.log.read(cx.disk, fetch.offset, fetch.max_bytes, end, true) {
                Ok(read) => pulled.records = read.bytes,
                Err(ReadError::Disk(error)) => {
                    self.fail(cx, &error);
                    return true;
                }
                Err(error @ (ReadError::OutOfRange { .. } | ReadError::Corrupt { .. })) => {
                    self.halt(cx, &format!("the metadata log can't be read: {error}"));
                    return true;
                }
            }
        }
        let news = place != Place::Prefix
            || !pulled.records.is_empty()
            || pulled.high_watermark > fetch.high_watermark;
        if news || force {
            let response =
                messages::fetch_response(ErrorCode::NONE, &self.standing(), Some(pulled));
            out.push(RaftOutput::Reply { token, response: response.into() });
        }
        news || force
    }

    /// Looks at every waiting fetch again: after an append, a new high watermark, or when its time is up.
    pub(crate) fn wake_parked(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {
        let Role::Leader(leader) = &mut self.role else { return };
        for parked in std::mem::take(&mut leader.parked) {
            let due = parked.deadline <= cx.now;
            let answered = self.answer(cx, parked.token, parked.fetch, due, out);
            if !answered && let Role::Leader(leader) = &mut self.role {
                leader.parked.push(parked);
            }
            if self.failed {
                return;
            }
        }
    }
}
