//! Where steps lead: which events are messages, beats, or worth stopping at.

use klamm_node::event::{Event, EventKind};
use klamm_node::{Room, Seq, Time};

use super::Step;

/// A step of the scenario in the run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Beat {
    /// Its event.
    pub seq: Seq,
    /// When it began.
    pub time: Time,
    /// Its index in the file, from 0.
    pub step: u32,
    /// Its source line.
    pub line: u32,
    /// What it does and says.
    pub text: String,
}

/// A bit an event for messages, and short lists for the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    messages: Vec<u64>,
    interesting: Vec<(Seq, Time)>,
    beats: Vec<Beat>,
}

impl Marks {
    pub(super) fn push(&mut self, event: &Event, broken: bool) {
        let (word, bit) = place(event.seq);
        if self.messages.len() <= word {
            self.messages.resize(word + 1, 0);
        }
        let arrives =
            matches!(event.kind, EventKind::FrameDelivered { .. } | EventKind::FrameDropped { .. });
        if let (true, Some(word)) = (arrives, self.messages.get_mut(word)) {
            *word |= 1 << bit;
        }
        if broken || is_interesting(&event.kind) {
            self.interesting.push((event.seq, event.time));
        }
        if let EventKind::StepStarted { step, line, text } = &event.kind {
            let (step, line, text) = (*step, *line, text.clone());
            self.beats.push(Beat { seq: event.seq, time: event.time, step, line, text });
        }
    }

    pub(super) fn beats(&self) -> &[Beat] {
        &self.beats
    }

    pub(super) fn interesting(&self) -> &[(Seq, Time)] {
        &self.interesting
    }

    pub(super) fn bytes(&self) -> usize {
        let beats: usize = self.beats.iter().map(|beat| 64 + beat.text.len()).sum();
        self.messages.len() * 8 + self.interesting.len() * 16 + beats
    }

    pub(super) fn next(&self, step: Step, from: Seq) -> Option<Seq> {
        match step {
            Step::Event => Some(Seq(from.0 + 1)),
            Step::Message => {
                let (word, bit) = place(Seq(from.0 + 1));
                let here = self.messages.get(word)? & (u64::MAX << bit);
                let (word, bits) = if here != 0 {
                    (word, here)
                } else {
                    let rest = self.messages.get(word + 1..).unwrap_or_default();
                    let more = rest.iter().position(|word| *word != 0)?;
                    (word + 1 + more, *rest.get(more)?)
                };
                Some(seq_of(word, bits.trailing_zeros()))
            }
            Step::Beat => {
                let at = self.beats.partition_point(|beat| beat.seq <= from);
                self.beats.get(at).map(|beat| beat.seq)
            }
            Step::Interesting => {
                let at = self.interesting.partition_point(|(seq, _)| *seq <= from);
                self.interesting.get(at).map(|(seq, _)| *seq)
            }
        }
    }

    pub(super) fn previous(&self, step: Step, from: Seq) -> Option<Seq> {
        match step {
            Step::Event => from.0.checked_sub(1).map(Seq),
            Step::Message => {
                let (word, bit) = place(from);
                let here = self.messages.get(word).map_or(0, |bits| bits & !(u64::MAX << bit));
                let (word, bits) = if here != 0 {
                    (word, here)
                } else {
                    let rest = self.messages.get(..word.min(self.messages.len()))?;
                    let at = rest.iter().rposition(|word| *word != 0)?;
                    (at, *rest.get(at)?)
                };
                Some(seq_of(word, 63 - bits.leading_zeros()))
            }
            Step::Beat => {
                let at = self.beats.partition_point(|beat| beat.seq < from);
                self.beats.get(at.checked_sub(1)?).map(|beat| beat.seq)
            }
            Step::Interesting => {
                let at = self.interesting.partition_point(|(seq, _)| *seq < from);
                self.interesting.get(at.checked_sub(1)?).map(|(seq, _)| *seq)
            }
        }
    }
}

/// The word and bit of an event.
fn place(seq: Seq) -> (usize, u32) {
    let bit = u32::try_from(seq.0 % 64).unwrap_or(0);
    (usize::try_from(seq.0 / 64).unwrap_or(usize::MAX - 1), bit)
}

fn seq_of(word: usize, bit: u32) -> Seq {
    Seq(u64::try_from(word).unwrap_or(0) * 64 + u64::from(bit))
}

/// Whether an event is worth stopping at: it changes roles, leaders, ISRs, groups or processes, it loses something, or the
/// scenario speaks. The daily traffic of records, fetches and heartbeats is not, and neither is what every node learns of a
/// change that was told already.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest of the vocabulary is the daily traffic"
)]
pub fn is_interesting(kind: &EventKind) -> bool {
    match kind {
        EventKind::TimerFired { .. } => false,
        EventKind::PositionSet { reason, .. } => reason != "assigned" && reason != "committed",
        EventKind::QuorumLeaderElected { .. }
        | EventKind::QuorumVotersChanged { .. }
        | EventKind::MetadataTruncated { .. }
        | EventKind::SnapshotGenerated { .. }
        | EventKind::SnapshotFetched { .. }
        | EventKind::BrokerStateChanged { .. }
        | EventKind::LeadershipTaken { .. }
        | EventKind::FollowingStarted { .. }
        | EventKind::ReplicaStopped { .. }
        | EventKind::IsrProposed { .. }
        | EventKind::IsrCommitted { .. }
        | EventKind::IsrProposalFailed { .. }
        | EventKind::FetchDiverged { .. }
        | EventKind::LogTruncated { .. }
        | EventKind::LogStartMoved { .. }
        | EventKind::LogDirectoryFailed { .. }
        | EventKind::CoordinatorLoaded { .. }
        | EventKind::CoordinatorUnloaded { .. }
        | EventKind::GroupStateChanged { .. }
        | EventKind::GroupDeleted { .. }
        | EventKind::MemberJoined { .. }
        | EventKind::MemberRemoved { .. }
        | EventKind::MemberRefused { .. }
        | EventKind::MemberAssigned { .. }
        | EventKind::GroupEpochBumped { .. }
        | EventKind::PartitionsAssigned { .. }
        | EventKind::PartitionsRevoked { .. }
        | EventKind::PartitionsLost { .. }
        | EventKind::PollIntervalExceeded { .. }
        | EventKind::RecordsFailed { .. }
        | EventKind::TruncationDetected { .. }
        | EventKind::CommitFailed { .. }
        | EventKind::AdminAnswered { .. } => true,
        kind => matches!(kind.room(), Room::Scenario | Room::World | Room::Controller),
    }
}
