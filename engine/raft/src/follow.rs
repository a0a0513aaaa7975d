//! The follower's side of replication: what a fetch brought.

use bytes::Bytes;
use klamm_node::{Because, BrokerId, Context, EventKind, LeaderEpoch, Offset, planted};
use klamm_protocol::batch::BatchHeader;
use klamm_protocol::kafka::messages::FetchResponse;
use klamm_storage::AppendError;

use crate::messages::{self, Pull, Pulled};
use crate::output::{RaftCall, RaftOutput};
use crate::raft::Raft;
use crate::role::{Following, Role};

impl Raft {
    /// A fetch from the own log end on. What is below is durable if this is a voter: the leader counts it.
    pub(crate) fn pull(&self) -> Pull {
        Pull {
            replica: self.config.id,
            directory: self.config.directory_id,
            epoch: self.state.epoch,
            offset: self.log.log_end(),
            last_epoch: self.last_epoch(),
            high_watermark: self.high_watermark.unwrap_or(Offset(-1)),
            max_bytes: self.config.fetch_max_bytes,
            max_wait: self.config.fetch_max_wait,
        }
    }

    pub(crate) fn take_fetch(
        &mut self,
        cx: &mut Context<'_>,
        call: RaftCall,
        response: FetchResponse,
        out: &mut Vec<RaftOutput>,
    ) {
        let (answer, pulled) = messages::read_fetch_response(response);
        if !answer.error.is_none() {
            let before = (self.state.epoch, self.state.leader);
            self.learn(cx, out, &answer);
            if before == (self.state.epoch, self.state.leader) {
                self.back_off_asking(call.to, cx.now);
            }
            return;
        }
        self.learn(cx, out, &answer);
        let from_leader = self.is_leader(call.to)
            && answer.epoch == self.state.epoch
            && call.epoch == self.state.epoch;
        let Some(pulled) = pulled.filter(|_| from_leader && self.following_mut().is_some()) else {
            return;
        };
        if let Some((epoch, end)) = pulled.diverging {
            self.truncate(cx, epoch, end, out);
        } else if let Some(id) = pulled.snapshot {
            self.begin_snapshot(cx, id, call.to, out);
        } else {
            self.extend(cx, &pulled, out);
        }
        self.heard_of_leader(cx);
    }

    /// A fetch of log or snapshot succeeded.
    pub(crate) fn heard_of_leader(&mut self, cx: &Context<'_>) {
        let (now, deadline) = (cx.now, cx.now + self.config.fetch_timeout);
        if let Some(following) = self.following_mut() {
            following.heard = now;
            following.has_fetched = true;
            following.asking = false;
            if following.resigned.is_none() {
                following.fetch_deadline = deadline;
            }
        }
    }

    /// Cuts the log back to where it parts from the leader's: the leader's end of the epoch that it named, or the own end
    /// of the newest epoch up to that one. The next fetch finds out whether that was enough.
    fn truncate(
        &mut self,
        cx: &mut Context<'_>,
        epoch: LeaderEpoch,
        end: Offset,
        out: &mut Vec<RaftOutput>,
    ) {
        let from = self.log.log_end();
        let target = match self.log.end_offset_for(epoch) {
            Some((own, own_end)) if own == epoch => own_end.min(end),
            Some((_, own_end)) => own_end,
            None => end.min(from),
        };
        if target < self.high_watermark() {
            // S25h. A correct leader has everything that is committed, so there is no going on from here.
            let committed = self.high_watermark();
            self.halt(cx, &format!("the leader's log parts from ours at {target}, below {committed}, which is committed"));
            return;
        }
        let target = if planted("raft_truncates_too_far") { Offset(target.0 / 2) } else { target };
        match self.log.truncate_to(cx.disk, target) {
            Ok(to) => {
                cx.observe(EventKind::MetadataTruncated { from, to });
                // A set of voters that was never committed is in force no longer (KIP-853).
                let before = self.standing_of_voters();
                self.history.truncate(to);
                self.voters_moved(cx, &before, out);
            }
            Err(error) => self.fail(cx, &error),
        }
    }

    /// Whether an answer to a fetch comes from the leader: nobody else answers one without an error, by whatever name it
    /// was asked.
    fn is_leader(&self, asked: BrokerId) -> bool {
        self.state.leader == Some(asked) || self.state.leader.is_some() && asked < BrokerId::NONE
    }

    fn extend(&mut self, cx: &mut Context<'_>, pulled: &Pulled, out: &mut Vec<RaftOutput>) {
        if !pulled.records.is_empty() && !self.store(cx, &pulled.records, out) {
            return;
        }
        let told = if planted("raft_applies_uncommitted") {
            Offset(i64::MAX)
        } else {
            pulled.high_watermark
        };
        let known = told.min(self.log.log_end());
        let news = self.high_watermark.is_none_or(|committed| known > committed);
        if news && known >= self.log.log_start() && pulled.high_watermark >= Offset(0) {
            self.high_watermark = Some(known);
            cx.observe(EventKind::MetadataCommitted { to: known });
            self.deliver(cx, out);
        }
    }

    fn store(&mut self, cx: &mut Context<'_>, records: &Bytes, out: &mut Vec<RaftOutput>) -> bool {
        // A log of metadata has no holes, unlike one that was compacted: anything else is an answer to another question.
        let next = self.log.log_end();
        if !BatchHeader::parse(records).is_ok_and(|header| header.base_offset == next) {
            return true;
        }
        let appended = match self.log.append_as_follower(cx.disk, records) {
            Ok(appended) => appended,
            Err(AppendError::Disk(error)) => {
                self.fail(cx, &error);
                return false;
            }
            // Damaged on its way or out of place: drop it, fetch again. The fetch timeout guards against a leader
            // that sends nothing else.
            Err(_) => return true,
        };
        for batch in appended {
            cx.observe(EventKind::MetadataAppended {
                base_offset: batch.base_offset,
                last_offset: batch.last_offset,
                epoch: batch.epoch,
                crc: batch.crc,
                records: String::new(),
            });
        }
        if !self.learn_voters(cx, records, next, out) {
            return false;
        }
        // A voter's next fetch says that it holds this: it must still hold it after a power failure (KAFKA-10533).
        // A broker counts for nothing and lets the disk take its time, as in Kafka. A controller may become a voter at any
        // time, and what it fetched before counts then (KIP-853).
        let lazy = !self.is_voter() && self.config.listener.is_none();
        lazy || planted("raft_append_without_flush") || self.sync(cx)
    }

    pub(crate) fn sync(&mut self, cx: &mut Context<'_>) -> bool {
        if self.log.synced() == self.log.log_end() {
            return true;
        }
        match self.log.sync(cx.disk) {
            Ok(to) => {
                cx.observe_because(EventKind::MetadataSynced { to }, Because::Previous);
                true
            }
            Err(error) => {
                self.fail(cx, &error);
                false
            }
        }
    }

    pub(crate) fn following_mut(&mut self) -> Option<&mut Following> {
        match &mut self.role {
            Role::Follower(following) | Role::Observer(following) => Some(following),
            Role::Unattached { .. }
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Resigned { .. } => None,
        }
    }
}
