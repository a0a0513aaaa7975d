//! What a group reads through this consumer: partitions whose records wait until the application polls them.
//!
//! *Flows in*: partitions that come and go with the group's rebalances, fetched batches. *Flows out*: records by offset,
//! as polls take them. *Must never*: fetch a partition whose last records nobody has taken yet (KIP-41).

use std::collections::VecDeque;

use klamm_node::{Context, LeaderEpoch, Offset, Span, StartFrom, Time, TopicPartition, planted};
use klamm_protocol::Record;

use super::position::{EARLIEST, LATEST};
use super::{Assigned, Consumer, Position, State, position_set};
use crate::metadata::Metadata;

/// Fetched records of one batch.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// The records' offsets, ascending.
    pub offsets: VecDeque<Offset>,
    /// The records themselves, where a program reads them; else none.
    pub contents: VecDeque<Record>,
    /// The position behind the batch.
    pub next: Offset,
    /// The batch's leader epoch.
    pub epoch: LeaderEpoch,
}

/// What waits to be polled of a partition.
#[derive(Clone, Debug)]
pub(super) struct Handout {
    chunks: VecDeque<Chunk>,
    /// When the oldest of it came.
    since: Time,
    /// Where the application stands, with the leader epoch of the last record that it got.
    at: Option<(Offset, LeaderEpoch)>,
    /// The turn of the position that this belongs to.
    turn: u64,
    /// Nothing is handed out: paused, or about to be given up.
    paused: bool,
    /// A program reads the records themselves.
    keeps: bool,
}

/// Records that a poll took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Taken {
    pub from: Offset,
    pub to: Offset,
    pub records: u64,
    /// The records themselves, where a program reads them.
    pub contents: Vec<Record>,
}

/// Where a partition of a group starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    /// At an offset, of which the last record before it had this leader epoch, or -1.
    At(Offset, LeaderEpoch),
    Earliest,
    Latest,
    /// At the first record of this time (in milliseconds of wall time) or later, or at the end.
    Time(i64),
}

impl Handout {
    fn new(turn: u64) -> Self {
        let (chunks, since) = (VecDeque::new(), Time::ZERO);
        Self { chunks, since, at: None, turn, paused: false, keeps: false }
    }

    /// Whether records themselves are wanted.
    pub(super) fn keeps(&self) -> bool {
        self.keeps
    }

    /// Whether it is full: the partition is not fetched meanwhile.
    pub(super) fn holds(&self) -> bool {
        self.paused || !self.chunks.is_empty()
    }

    /// A batch came.
    pub(super) fn put(&mut self, now: Time, chunk: Chunk) {
        if self.chunks.is_empty() && chunk.offsets.is_empty() {
            // Nothing in it is for the application.
            self.at = Some((chunk.next, chunk.epoch));
            return;
        }
        if self.chunks.is_empty() {
            self.since = now;
        }
        self.chunks.push_back(chunk);
    }

    fn take(&mut self, most: u64) -> Option<Taken> {
        let from = *self.chunks.front()?.offsets.front()?;
        let mut taken = Taken { from, to: from, records: 0, contents: Vec::new() };
        while taken.records < most {
            let Some(chunk) = self.chunks.front_mut() else { break };
            let (epoch, next) = (chunk.epoch, chunk.next);
            if let Some(offset) = chunk.offsets.pop_front() {
                taken.to = offset.plus(1);
                taken.records += 1;
                taken.contents.extend(chunk.contents.pop_front());
            }
            if chunk.offsets.is_empty() {
                taken.to = next;
                self.chunks.pop_front();
            }
            self.at = Some((taken.to, epoch));
        }
        // What comes behind without records for the application is passed over at once.
        while let Some(chunk) = self.chunks.front().filter(|chunk| chunk.offsets.is_empty()) {
            taken.to = chunk.next;
            self.at = Some((chunk.next, chunk.epoch));
            self.chunks.pop_front();
        }
        Some(taken)
    }
}

impl Assigned {
    /// The handout, emptied if the position was set anew since it was filled.
    pub(super) fn settled(&mut self) -> Option<&mut Handout> {
        let turn = self.turn;
        let (offset, epoch) = match self.state {
            State::LookUp { .. } => (None, LeaderEpoch::NONE),
            State::Validate(position) | State::Fetch(position) => {
                (Some(position.offset), position.epoch)
            }
            State::Stopped(offset) => (Some(offset), LeaderEpoch::NONE),
        };
        let handout = self.handout.as_deref_mut()?;
        if handout.turn != turn {
            handout.turn = turn;
            handout.chunks.clear();
            handout.at = None;
        }
        if handout.at.is_none() {
            handout.at = offset.map(|offset| (offset, epoch));
        }
        Some(handout)
    }
}

impl Assigned {
    /// Where the application stands, in a partition that is read for a group.
    pub(super) fn handed_out(&mut self) -> Option<(Offset, LeaderEpoch)> {
        self.settled()?.at
    }
}

impl Consumer {
    /// Reads a partition for the group from somewhere on.
    pub(crate) fn begin(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        start: Start,
        reason: &'static str,
    ) {
        self.core.metadata.want(&partition.topic);
        let before = self.partitions.get(partition);
        let turn = before.map_or(0, |assigned| assigned.turn + 1);
        let paused = before
            .and_then(|assigned| assigned.handout.as_deref())
            .is_some_and(|handout| handout.paused);
        let look_up = |timestamp| State::LookUp { timestamp, reason };
        let state = match start {
            Start::Earliest => look_up(EARLIEST),
            Start::Latest => look_up(LATEST),
            Start::Time(timestamp) => look_up(timestamp),
            Start::At(offset, epoch) => {
                position_set(cx, partition, offset, reason);
                let position = Position { offset, epoch, leader_epoch: LeaderEpoch::NONE };
                // KIP-320: where a commit says up to which epoch it read, the leader's log is checked for that first.
                if epoch.0 >= 0 { State::Validate(position) } else { State::Fetch(position) }
            }
        };
        let handout =
            Some(Box::new(Handout { paused, keeps: self.keeps_records, ..Handout::new(turn) }));
        let (preferred, busy, failures, retry_at) = (None, false, 0, cx.now);
        let assigned = Assigned { state, preferred, turn, busy, retry_at, failures, handout };
        self.partitions.insert(partition.clone(), assigned);
    }

    /// What is known of the cluster.
    pub(crate) fn metadata(&mut self) -> &mut Metadata {
        &mut self.core.metadata
    }

    /// The process ends, because of an error or because it was asked to.
    pub(crate) fn stop(&mut self, cx: &mut Context<'_>, error: Option<&str>) {
        self.partitions.clear();
        self.core.close_all(cx);
        match error {
            None => cx.out.halt("the consumer is closed", true),
            Some(error) => cx.out.halt(format!("the consumer failed: {error}"), false),
        }
    }

    /// Reads a partition no more.
    pub(crate) fn end(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    /// Where the position of a partition whose offset is out of range, or that has none, is looked up; none if it may not.
    pub(crate) fn reset_start(&self, cx: &Context<'_>) -> Option<Start> {
        match self.reset_timestamp(cx)? {
            EARLIEST => Some(Start::Earliest),
            LATEST => Some(Start::Latest),
            timestamp => Some(Start::Time(timestamp)),
        }
    }

    /// The timestamp that ListOffsets is asked for by `auto.offset.reset`.
    pub(super) fn reset_timestamp(&self, cx: &Context<'_>) -> Option<i64> {
        let policy = self.config.auto_offset_reset.as_str();
        match policy {
            "earliest" => Some(EARLIEST),
            "latest" => Some(LATEST),
            _ => {
                let ago = iso_8601(policy.strip_prefix("by_duration:")?)?;
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Some(cx.wall.0.saturating_sub(ago).max(0))
            }
        }
    }

    /// Nothing of a partition is handed out or fetched for the time being; or it is again.
    pub(crate) fn pause(&mut self, partition: &TopicPartition, paused: bool) {
        let assigned = self.partitions.get_mut(partition);
        if let Some(handout) = assigned.and_then(|assigned| assigned.handout.as_deref_mut()) {
            handout.paused = paused;
        }
    }

    /// What is there to be polled, the oldest first, up to so many records in all.
    pub(crate) fn take(&mut self, most: u64) -> Vec<(TopicPartition, Taken)> {
        let mut full: Vec<(Time, &TopicPartition, &mut Handout)> = Vec::new();
        for (partition, assigned) in &mut self.partitions {
            // As in Java: what is about to be checked against a new leader is not handed out.
            let reads = matches!(assigned.state, State::Fetch(_));
            let Some(handout) = assigned.settled() else { continue };
            if reads && !handout.paused && !handout.chunks.is_empty() {
                full.push((handout.since, partition, handout));
            }
        }
        full.sort_by_key(|(since, partition, _)| (*since, (*partition).clone()));
        let mut left = most;
        let mut taken = Vec::new();
        for (_, partition, handout) in full {
            if left == 0 {
                break;
            }
            if let Some(some) = handout.take(left) {
                left -= some.records.min(left);
                taken.push((partition.clone(), some));
            }
        }
        taken
    }

    /// Where the application stands in a partition, and the leader epoch of the last record that it got; none before there
    /// is a position.
    pub(crate) fn consumed(&mut self, partition: &TopicPartition) -> Option<(Offset, LeaderEpoch)> {
        let assigned = self.partitions.get_mut(partition)?;
        if let (State::Fetch(position), true) =
            (assigned.state, planted("autocommit_unprocessed_positions"))
        {
            return Some((position.offset, position.epoch));
        }
        assigned.handed_out()
    }
}

impl From<StartFrom> for Start {
    fn from(from: StartFrom) -> Self {
        match from {
            StartFrom::Earliest => Self::Earliest,
            StartFrom::Latest => Self::Latest,
            StartFrom::Offset(offset) => Self::At(offset, LeaderEpoch::NONE),
        }
    }
}

/// A duration as ISO-8601 writes it, in days and parts of a day: `P1DT2H30M`, `PT0.5S`.
fn iso_8601(text: &str) -> Option<Span> {
    let text = text.strip_prefix(['P', 'p'])?;
    let (days, times) = match text.split_once(['T', 't']) {
        Some((days, times)) if !times.is_empty() => (days, times),
        Some(_) => return None,
        None => (text, ""),
    };
    if days.is_empty() && times.is_empty() {
        return None;
    }
    let day = parts(days, &[('D', 86_400)])?;
    let time = parts(times, &[('H', 3_600), ('M', 60), ('S', 1)])?;
    Some(day + time)
}

/// Numbers with units, each unit once and in order; only seconds may have decimals.
fn parts(mut text: &str, units: &[(char, u64)]) -> Option<Span> {
    let mut sum = Span::ZERO;
    let mut units = units.iter();
    while !text.is_empty() {
        let end = text.find(|letter: char| letter.is_ascii_alphabetic())?;
        let (number, rest) = text.split_at(end);
        let unit = rest.chars().next()?.to_ascii_uppercase();
        let (_, seconds) = units.find(|(known, _)| *known == unit)?;
        let (whole, decimals) = match number.split_once('.') {
            Some((whole, decimals)) if unit == 'S' && !decimals.is_empty() => (whole, decimals),
            Some(_) => return None,
            None => (number, ""),
        };
        if decimals.len() > 9 {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let nanos: u64 = format!("{decimals:0<9}").parse().ok()?;
        sum = sum + Span::secs(1).times(whole.checked_mul(*seconds)?) + Span::nanos(nanos);
        text = rest.get(1..)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_iso_8601_writes_them() {
        assert_eq!(iso_8601("P1D"), Some(Span::secs(86_400)));
        assert_eq!(iso_8601("PT1H30M"), Some(Span::secs(5_400)));
        assert_eq!(iso_8601("P2DT3.5S"), Some(Span::secs(172_800) + Span::millis(3_500)));
        for wrong in ["", "P", "PT", "1D", "PT1D", "P1H", "PT1M2H", "PTS", "PT1.5M", "P-1D"] {
            assert_eq!(iso_8601(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_handout_passes_over_what_has_no_records() {
        let mut handout = Handout::new(0);
        let chunk = |offsets: &[i64], next| Chunk {
            offsets: offsets.iter().map(|at| Offset(*at)).collect(),
            contents: VecDeque::new(),
            next: Offset(next),
            epoch: LeaderEpoch(0),
        };
        handout.put(Time(1), chunk(&[], 3));
        assert!(!handout.holds(), "the position moved, nothing waits");
        handout.put(Time(2), chunk(&[3, 5], 8));
        handout.put(Time(3), chunk(&[], 10));
        let taken = handout.take(1).expect("a record");
        assert_eq!((taken.from, taken.to, taken.records), (Offset(3), Offset(4), 1));
        let taken = handout.take(9).expect("a record");
        assert_eq!((taken.from, taken.to, taken.records), (Offset(5), Offset(10), 1));
        assert!(!handout.holds());
        assert_eq!(handout.at, Some((Offset(10), LeaderEpoch(0))));
    }
}
