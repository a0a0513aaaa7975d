//! Snapshots in the life of a member (KIP-630): writing one, telling its owner, fetching the leader's, letting old ones go.
//!
//! A snapshot stands for a prefix of the log that is committed, so that it may replace it: the log can begin behind it.
//! It does so only when the retention says so, or when a leader's snapshot takes the place of a log that is too old.

use bytes::Bytes;
use klamm_node::event::Word;
use klamm_node::{
    Because, BrokerId, Context, DiskResult, EventKind, Offset, Span, Time, TopicPartition, planted,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::{FetchSnapshotRequest, FetchSnapshotResponse};
use klamm_storage::CheckpointFile;

use crate::messages::snapshot::{self as wire, Asked, Piece, PullSnapshot};
use crate::messages::{self, TOPIC};
use crate::output::{RaftCall, RaftOutput};
use crate::quorum_state::DIR;
use crate::raft::Raft;
use crate::role::Role;
use crate::snapshots::{Contents, SnapshotId};

/// How often a member looks whether old snapshots may go. A constant in Kafka too.
const CLEAN_INTERVAL: Span = Span::secs(60);

/// Where the log begins, if that is inside a segment.
///
/// Simplified: Kafka forgets it when the process ends and finds it out again from the retention.
const LOG_START: &str = "log-start-offset-checkpoint";

fn log_start_file() -> (String, TopicPartition) {
    (format!("{DIR}/{LOG_START}"), TopicPartition::new(TOPIC, 0))
}

/// Where the disk says that the log begins; 0 if it does not.
pub(crate) fn read_log_start(cx: &mut Context<'_>) -> DiskResult<Offset> {
    let (path, partition) = log_start_file();
    Ok(CheckpointFile::read(cx.disk, &path)?.get(&partition).unwrap_or(Offset(0)))
}

impl Raft {
    /// Makes a snapshot of what was told up to `end_offset`, from records that say the same. Does nothing if there is one
    /// already, or if the end is not in this log, or not known to be committed.
    pub fn create_snapshot(
        &mut self,
        cx: &mut Context<'_>,
        end_offset: Offset,
        records: Vec<Bytes>,
        reason: &'static str,
    ) {
        let end_offset = end_offset.plus(-i64::from(planted("raft_snapshot_inside_a_batch")));
        let last = end_offset.plus(-1);
        let committed = end_offset <= self.high_watermark() && end_offset > self.log.log_start();
        let Some(epoch) = self.log.epoch_at(last).filter(|_| committed && !self.failed) else {
            return;
        };
        let id = SnapshotId { end_offset, epoch };
        if self.snapshots.get(id).is_some() {
            return;
        }
        let state = self.history.below(end_offset);
        let contents = Contents { timestamp: self.delivered_stamp, state, records };
        let written =
            self.snapshots.write(cx.disk, id, cx.wall, &contents, self.config.max_batch_bytes);
        match written {
            Ok(size) => {
                let reason = Word::Borrowed(reason);
                let kind = EventKind::SnapshotGenerated { end_offset, epoch, size, reason };
                cx.observe_because(kind, Because::MetadataRecord(last));
            }
            Err(error) => self.fail(cx, &error),
        }
        self.check();
    }

    /// Gives the owner the newest snapshot, if there is one; false if there is nothing to begin with yet.
    pub(crate) fn tell_snapshot(
        &mut self,
        cx: &mut Context<'_>,
        committed: Offset,
        out: &mut Vec<RaftOutput>,
    ) -> bool {
        let Some(id) = self.snapshots.latest() else {
            let start = self.log.log_start();
            if start > Offset(0) {
                self.halt(cx, &format!("the metadata log begins at {start}, without a snapshot"));
            }
            return start == Offset(0);
        };
        if id.end_offset > committed {
            // Everything in a snapshot is committed: whoever leads now will say so.
            return false;
        }
        match self.snapshots.load(cx.disk, id) {
            Ok(Some(contents)) => {
                self.delivered = id.end_offset;
                self.delivered_stamp = contents.timestamp;
                out.push(RaftOutput::Snapshot { id, records: contents.records });
                true
            }
            Ok(None) => {
                self.halt(cx, &format!("the snapshot {id:?} can't be read any more"));
                false
            }
            Err(error) => {
                self.fail(cx, &error);
                false
            }
        }
    }

    // The leader's side

    pub(crate) fn handle_fetch_snapshot(
        &mut self,
        cx: &mut Context<'_>,
        token: RequestToken,
        request: FetchSnapshotRequest,
        out: &mut Vec<RaftOutput>,
    ) {
        let same_cluster =
            messages::same_cluster(request.cluster_id.as_ref(), &self.config.cluster_id);
        let response = match wire::read_request(request) {
            _ if !same_cluster => wire::refused(ErrorCode::INCONSISTENT_CLUSTER_ID),
            Asked::Malformed => wire::refused(ErrorCode::INVALID_REQUEST),
            Asked::Unknown { name, partition } => wire::unknown_partition(name, partition),
            Asked::Piece(pull) => match self.piece(cx, &pull) {
                Ok(Ok(piece)) => wire::response(ErrorCode::NONE, &self.standing(), Some(piece)),
                Ok(Err(error)) => wire::response(error, &self.standing(), None),
                Err(error) => return self.fail(cx, &error),
            },
        };
        out.push(RaftOutput::Reply { token, response: response.into() });
    }

    fn piece(
        &mut self,
        cx: &mut Context<'_>,
        pull: &PullSnapshot,
    ) -> DiskResult<Result<Piece, ErrorCode>> {
        if let Some(error) = self.not_leading(pull.epoch) {
            return Ok(Err(error));
        }
        let found = pull.id.and_then(|id| Some((id, self.snapshots.get(id)?)));
        let Some((id, stored)) = found else { return Ok(Err(ErrorCode::SNAPSHOT_NOT_FOUND)) };
        let Some(at) = u64::try_from(pull.position).ok().filter(|at| *at < stored.size) else {
            return Ok(Err(ErrorCode::POSITION_OUT_OF_RANGE));
        };
        let len = pull.max_bytes.min(self.config.fetch_snapshot_max_bytes);
        let bytes = self.snapshots.slice(cx.disk, id, at, len)?;
        // A voter that fetches a snapshot follows, though it says nothing of its log (KAFKA-15489).
        let again = cx.now + self.config.check_quorum_timeout();
        if let Role::Leader(leader) = &mut self.role
            && leader.follows(pull.replica)
        {
            leader.check_quorum = Some(again);
        }
        let size = i64::try_from(stored.size).unwrap_or(i64::MAX);
        Ok(Ok(Piece { id: Some(id), size, position: pull.position, bytes }))
    }

    // The follower's side

    /// The leader says that what this member needs is in a snapshot.
    pub(crate) fn begin_snapshot(
        &mut self,
        cx: &mut Context<'_>,
        id: SnapshotId,
        leader: BrokerId,
        out: &mut Vec<RaftOutput>,
    ) {
        if self.snapshots.get(id).is_some() {
            // Fetched before a crash, which came before the log was cut.
            return self.start_log_at(cx, id, out);
        }
        if let Err(error) = self.snapshots.begin_partial(cx.disk, id) {
            return self.fail(cx, &error);
        }
        let SnapshotId { end_offset, epoch } = id;
        cx.observe(EventKind::SnapshotFetchStarted { end_offset, epoch, leader });
        if let Some(following) = self.following_mut() {
            following.fetching = Some((id, 0));
        }
    }

    pub(crate) fn take_fetch_snapshot(
        &mut self,
        cx: &mut Context<'_>,
        call: RaftCall,
        response: FetchSnapshotResponse,
        out: &mut Vec<RaftOutput>,
    ) {
        let (answer, piece) = wire::read_response(response);
        let before = (self.state.epoch, self.state.leader);
        self.learn(cx, out, &answer);
        let from_leader = self.state.leader == Some(call.to)
            && answer.epoch == self.state.epoch
            && call.epoch == self.state.epoch;
        let fetching = self.following_mut().and_then(|following| following.fetching);
        let Some((id, position)) = fetching.filter(|_| from_leader) else {
            if before == (self.state.epoch, self.state.leader) && !answer.error.is_none() {
                self.back_off_asking(call.to, cx.now);
            }
            return;
        };
        let piece = piece.filter(|_| answer.error.is_none());
        let Some(piece) = piece else {
            if answer.error == ErrorCode::SNAPSHOT_NOT_FOUND {
                // The leader let it go meanwhile. The next fetch says which one there is now.
                self.abandon_snapshot(cx, "SNAPSHOT_NOT_FOUND");
                self.heard_of_leader(cx);
            } else {
                self.back_off_asking(call.to, cx.now);
            }
            return;
        };
        let fits = piece.id == Some(id) && u64::try_from(piece.position) == Ok(position);
        if !fits || piece.bytes.is_empty() {
            // Kafka's follower takes such an answer for a bug and stops; this one asks again from the beginning.
            return self.abandon_snapshot(cx, "INVALID_REQUEST");
        }
        match self.snapshots.append_partial(cx.disk, id, &piece.bytes) {
            Ok(position) if i64::try_from(position).is_ok_and(|now| now >= piece.size) => {
                self.finish_snapshot(cx, id, position, out);
            }
            Ok(position) => {
                if let Some(following) = self.following_mut() {
                    following.fetching = Some((id, position));
                }
            }
            Err(error) => return self.fail(cx, &error),
        }
        self.heard_of_leader(cx);
    }

    fn finish_snapshot(
        &mut self,
        cx: &mut Context<'_>,
        id: SnapshotId,
        size: u64,
        out: &mut Vec<RaftOutput>,
    ) {
        match self.snapshots.freeze(cx.disk, id) {
            Ok(true) => {}
            Ok(false) => return self.abandon_snapshot(cx, "CORRUPT_MESSAGE"),
            Err(error) => return self.fail(cx, &error),
        }
        if let Some(following) = self.following_mut() {
            following.fetching = None;
        }
        let SnapshotId { end_offset, epoch } = id;
        cx.observe(EventKind::SnapshotFetched { end_offset, epoch, size });
        self.start_log_at(cx, id, out);
    }

    /// Throws the log away for a snapshot that reaches further, and goes on behind it.
    fn start_log_at(&mut self, cx: &mut Context<'_>, id: SnapshotId, out: &mut Vec<RaftOutput>) {
        let SnapshotId { end_offset, epoch } = id;
        let newer = (epoch, end_offset) > (self.last_log_epoch(), self.log.log_end());
        if !newer || end_offset < self.high_watermark() {
            let (end, last) = (self.log.log_end(), self.last_log_epoch());
            return self.halt(
                cx,
                &format!("the leader's snapshot {id:?} is older than our log, which ends at {end} in epoch {last}"),
            );
        }
        let from = self.log.log_end();
        if let Err(error) = self.log.truncate_fully_and_start_at(cx.disk, end_offset) {
            return self.fail(cx, &error);
        }
        if from > end_offset {
            cx.observe(EventKind::MetadataTruncated { from, to: end_offset });
        }
        cx.observe_because(EventKind::MetadataLogStartMoved { to: end_offset }, Because::Previous);
        if !self.forget_snapshots_before(cx, id, "below-log-start") {
            return;
        }
        // What was known of the voters was of another history: the snapshot says who they are (KIP-853).
        let before = self.standing_of_voters();
        if self.history.load(id.end_offset, self.snapshots.state(id)).is_err() {
            return self.halt(cx, &format!("the leader's snapshot {id:?} has no set of voters"));
        }
        self.voters_moved(cx, &before, out);
        self.high_watermark = Some(end_offset);
        cx.observe_because(EventKind::MetadataCommitted { to: end_offset }, Because::Previous);
        self.deliver(cx, out);
    }

    /// The epoch of the newest record of the log alone.
    fn last_log_epoch(&self) -> klamm_node::LeaderEpoch {
        self.log.latest_epoch().unwrap_or(klamm_node::LeaderEpoch(0))
    }

    /// Gives up a snapshot that is being fetched, if there is one.
    pub(crate) fn abandon_snapshot(&mut self, cx: &mut Context<'_>, reason: &'static str) {
        let fetching = self.following_mut().and_then(|following| following.fetching.take());
        let Some((id, _)) = fetching else { return };
        if let Err(error) = self.snapshots.drop_partial(cx.disk, id) {
            return self.fail(cx, &error);
        }
        let SnapshotId { end_offset, epoch } = id;
        let reason = Word::Borrowed(reason);
        cx.observe(EventKind::SnapshotFetchAbandoned { end_offset, epoch, reason });
    }

    // Everyone's

    /// On opening: removes what is damaged or of no use, and finishes what a crash interrupted.
    pub(crate) fn tidy_snapshots(
        &mut self,
        cx: &mut Context<'_>,
        damaged: Vec<SnapshotId>,
    ) -> DiskResult<()> {
        for SnapshotId { end_offset, epoch } in damaged {
            let reason = Word::Borrowed("damaged");
            cx.observe(EventKind::SnapshotDeleted { end_offset, epoch, reason });
        }
        if let Some(id) = self.snapshots.latest()
            && (id.epoch, id.end_offset) > (self.last_log_epoch(), self.log.log_end())
        {
            // Fetched, and then the process ended before the log was cut.
            self.log.truncate_fully_and_start_at(cx.disk, id.end_offset)?;
        }
        let start = self.log.log_start();
        let oldest = self.snapshots.iter().map(|(id, _)| id).find(|id| id.end_offset >= start);
        if let Some(oldest) = oldest {
            self.forget_snapshots_before(cx, oldest, "below-log-start");
        }
        Ok(())
    }

    /// When old snapshots are looked at next: never, while there is but one.
    pub(crate) fn next_clean(&self) -> Option<Time> {
        (self.snapshots.len() > 1).then(|| self.cleaned + CLEAN_INTERVAL)
    }

    /// Lets old snapshots go, and the log below the oldest that stays (`metadata.max.retention.bytes` and `.ms`).
    pub(crate) fn clean(&mut self, cx: &mut Context<'_>) {
        // Kafka's cleaner ticks from the start of the process on, whether there is anything to do or not.
        while self.cleaned + CLEAN_INTERVAL <= cx.now {
            self.cleaned += CLEAN_INTERVAL;
        }
        for retention in [Self::over_size, Self::over_age] {
            loop {
                let mut oldest = self.snapshots.iter();
                let (Some((id, stored)), Some((next, _))) = (oldest.next(), oldest.next()) else {
                    return;
                };
                drop(oldest);
                let reason = retention(self, cx, stored.timestamp);
                let possible = next.end_offset > self.log.log_start()
                    && next.end_offset <= self.high_watermark();
                let Some(reason) = reason.filter(|_| possible) else { break };
                debug_assert!(id < next, "snapshots are in order");
                if !self.delete_before(cx, next, reason) {
                    return;
                }
            }
        }
    }

    fn over_size(&self, _: &Context<'_>, _: klamm_node::Timestamp) -> Option<&'static str> {
        let size = self.log.size() + self.snapshots.total_size();
        self.config.retention_bytes.filter(|most| size > *most).map(|_| "retention-bytes")
    }

    fn over_age(&self, cx: &Context<'_>, of: klamm_node::Timestamp) -> Option<&'static str> {
        let age = cx.wall.0.saturating_sub(of.0);
        self.config.retention_ms.filter(|most| age > *most).map(|_| "retention-ms")
    }

    fn delete_before(
        &mut self,
        cx: &mut Context<'_>,
        id: SnapshotId,
        reason: &'static str,
    ) -> bool {
        // What goes on must not hang on what goes.
        if !self.sync(cx) {
            return false;
        }
        let (path, partition) = log_start_file();
        let to = id.end_offset;
        let mut file = CheckpointFile::default();
        file.offsets.insert(partition, to);
        let moved = file
            .write(cx.disk, &path)
            .and_then(|()| self.log.advance_log_start(cx.disk, to).map(|_| ()));
        if let Err(error) = moved {
            self.fail(cx, &error);
            return false;
        }
        cx.observe(EventKind::MetadataLogStartMoved { to });
        self.history.forget_below(to);
        self.forget_snapshots_before(cx, id, reason)
    }

    fn forget_snapshots_before(
        &mut self,
        cx: &mut Context<'_>,
        id: SnapshotId,
        reason: &'static str,
    ) -> bool {
        let old = self.snapshots.iter().map(|(old, _)| old);
        let old: Vec<_> =
            old.filter(|old| *old < id || planted("raft_forgets_its_snapshot")).collect();
        for old in old {
            if let Err(error) = self.snapshots.remove(cx.disk, old) {
                self.fail(cx, &error);
                return false;
            }
            let SnapshotId { end_offset, epoch } = old;
            let reason = Word::Borrowed(reason);
            cx.observe_because(
                EventKind::SnapshotDeleted { end_offset, epoch, reason },
                Because::Previous,
            );
        }
        true
    }
}
