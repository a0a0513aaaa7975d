//! A replica that follows: what it does with its leader's answers.
//!
//! *Flows in*: one partition of a Fetch response, already matched to the request that asked for it. *Flows out*: appended
//! batches, truncation, the high watermark. *Must never*: look at the leader's high watermark before it knows that the
//! logs agree, or cut its log by its own high watermark.

use bytes::Bytes;
use klamm_node::{Because, Context, DiskError, LeaderEpoch, Offset, Time, planted};
use klamm_protocol::batch::batches;
use klamm_protocol::kafka::messages::fetch_response::PartitionData;
use klamm_storage::{AppendError, Log};

use super::partition::Partition;

/// What a follower is about to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FollowerState {
    /// It fetches from its log end.
    Fetching,
    /// It had an error and waits.
    Delayed(Time),
    /// Its position is not in the leader's log; it asks where that log ends or starts.
    Searching,
    /// The leader fenced its epoch; it waits for metadata.
    Fenced,
}

/// A following.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Follower {
    /// What it is about to do.
    pub state: FollowerState,
    /// How far it was behind the leader's high watermark after its last fetch; none before the first.
    pub lag: Option<i64>,
}

impl Follower {
    /// Begins, or begins again in another leader epoch.
    ///
    /// Z01 (KIP-101): nothing is cut here. The high watermark reaches a follower one round trip late, so records above its
    /// own may be committed. Where the logs part is the leader's to say, by epochs, at the first fetch.
    pub(super) fn starting() -> Self {
        Self { state: FollowerState::Fetching, lag: None }
    }

    /// Whether it may fetch now.
    pub(super) fn is_ready(&self, now: Time) -> bool {
        match self.state {
            FollowerState::Fetching => true,
            FollowerState::Delayed(until) => until <= now,
            FollowerState::Searching | FollowerState::Fenced => false,
        }
    }
}

/// What a follower did with an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Followed {
    /// It goes on from its log end.
    On,
    /// The answer made no sense; it tries again later.
    Refused(String),
}

impl Partition {
    /// Takes a leader's answer without an error.
    ///
    /// Z19 (KAFKA-14704): divergence first. The high watermark beside it speaks of the leader's log, and this log is not a
    /// prefix of that yet: raising it now would show records that are about to be cut off.
    pub(super) fn follow(
        &mut self,
        cx: &mut Context<'_>,
        data: &PartitionData,
    ) -> Result<Followed, DiskError> {
        if data.diverging_epoch.epoch >= 0 || data.diverging_epoch.end_offset >= 0 {
            if planted("raise_hw_before_truncating") {
                let to =
                    Offset(data.high_watermark).clamp(self.log.log_start(), self.log.log_end());
                self.move_high_watermark(cx, to, Because::Input);
            }
            let epoch = LeaderEpoch(data.diverging_epoch.epoch);
            let to = truncation_offset(&self.log, epoch, Offset(data.diverging_epoch.end_offset));
            self.truncate_to(cx, to, "diverging-epoch".into())?;
            return Ok(Followed::On);
        }
        let records = data.records.clone().unwrap_or_default();
        if !records.is_empty() {
            let mut known = without_newer_epochs(&records, self.leader_epoch);
            if planted("follower_skips_batch")
                && let Some(Ok(first)) = batches(&known).next()
                && first.header().size() < known.len()
            {
                known = known.slice(first.header().size()..);
            }
            self.begin_inside_a_batch(cx, &known)?;
            match self.log.append_as_follower(cx.disk, &known) {
                Ok(appended) => {
                    for batch in &appended {
                        self.observe_appended(cx, batch, false, None);
                    }
                    self.flush_if_due(cx);
                }
                Err(AppendError::Disk(error)) => return Err(error),
                Err(
                    error @ (AppendError::TooLarge { .. }
                    | AppendError::LargerThanSegment { .. }
                    | AppendError::Corrupt(_)
                    | AppendError::NotOneBatch { .. }
                    | AppendError::OutOfOrder { .. }),
                ) => return Ok(Followed::Refused(error.to_string())),
            }
        }
        let lag = data.high_watermark.saturating_sub(self.log.log_end().0).max(0);
        if let Some(follower) = self.following_mut() {
            follower.lag = Some(lag);
        }
        // A leader's high watermark may be behind this one: it may have been elected before it heard of it.
        let to = Offset(data.high_watermark).min(self.log.log_end()).max(self.log.log_start());
        if planted("follower_ignores_hw") {
            return Ok(Followed::On);
        }
        self.move_high_watermark(cx, to, Because::Input);
        // KIP-107: what the leader has dropped is dropped here, up to what is known to be committed.
        if data.log_start_offset > self.log.log_start().0 && !planted("follower_ignores_log_start")
        {
            self.move_log_start(cx, Offset(data.log_start_offset))?;
        }
        Ok(Followed::On)
    }
}

impl Partition {
    /// A leader's log may start inside a batch: it then sends the whole batch, whose first offsets lie below this empty
    /// log's. Kafka starts over at the batch's first offset; the log start moves up again with this very answer.
    fn begin_inside_a_batch(
        &mut self,
        cx: &mut Context<'_>,
        records: &Bytes,
    ) -> Result<(), DiskError> {
        let end = self.log.log_end();
        let Some(Ok(first)) = batches(records).next() else { return Ok(()) };
        let (base, last) = (first.header().base_offset, first.header().last_offset());
        if end == self.log.log_start() && base < end && last >= end {
            self.start_over(cx, base, "batch-begins-lower")?;
        }
        Ok(())
    }
}

/// Where to cut a log whose leader says that the largest epoch not above ours is `epoch` and ends at `end` there.
///
/// If we know that epoch, both logs agree on the shorter of its two extents. If not, we go back to the end of our largest
/// epoch below it and ask again (KIP-279): each round drops at least one epoch, until both agree.
pub(super) fn truncation_offset(log: &Log, epoch: LeaderEpoch, end: Offset) -> Offset {
    let ours = log.end_offset_for(epoch);
    let target = match ours {
        Some((known, our_end)) if known == epoch => our_end.min(end),
        Some((_, our_end)) => our_end,
        None => end,
    };
    let target = target.plus(i64::from(planted("truncates_one_too_few")));
    let target = target.plus(-i64::from(planted("truncates_one_too_many") && target.0 > 0));
    target.min(log.log_end())
}

/// The batches up to the first one of a newer epoch than `epoch`.
///
/// KAFKA-18723: a leader that has moved on to the next epoch may answer a request of the one before with its batches. A
/// follower that took them would hold records of an epoch that it does not know, and its next fetch would be fenced only
/// after it had built on them.
pub(super) fn without_newer_epochs(records: &Bytes, epoch: LeaderEpoch) -> Bytes {
    let mut kept = 0;
    for batch in batches(records) {
        match batch {
            Ok(batch) if batch.header().leader_epoch <= epoch => kept += batch.header().size(),
            Ok(_) => return records.slice(..kept),
            // What is wrong with it is for the append to say.
            Err(_) => return records.clone(),
        }
    }
    records.clone()
}
