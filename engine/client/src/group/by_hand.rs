//! What a program does without its group: it reads partitions that it chose itself, and asks what is committed.
//!
//! *Flows in*: the program's assignment and questions. *Flows out*: positions for the reader, answers for the program.
//! *Must never*: join the group. Its commits are those of nobody (member id "" and generation -1), which a coordinator takes
//! only while the group has no members (`ConsumerGroup.validateOffsetCommit`, `ClassicGroup.validateOffsetCommit`).

use std::collections::BTreeSet;

use klamm_node::event::Word;
use klamm_node::{AssignFrom, Context, LeaderEpoch, Offset, SeekTo, Time, TopicPartition};
use klamm_protocol::kafka::messages::{RequestKind, ResponseKind};
use klamm_protocol::{ErrorCode, RpcError};

use super::offsets::read;
use super::{Asked, Group, Holding};
use crate::application::Delivered;
use crate::consumer::{Consumer, Start};

/// A question for the coordinator.
#[derive(Clone, Debug)]
struct Question {
    call: u64,
    partitions: Vec<TopicPartition>,
    until: Time,
    under_way: bool,
    retry_at: Time,
    failures: u32,
}

/// What a program does without its group.
#[derive(Clone, Debug, Default)]
pub(super) struct ByHand {
    /// What it has it was assigned by hand.
    reads: bool,
    questions: Vec<Question>,
}

impl ByHand {
    /// Whether what it has was assigned by hand.
    pub(super) fn reads(&self) -> bool {
        self.reads
    }

    /// The program asks what is committed.
    pub(super) fn wants(&mut self, call: u64, partitions: Vec<TopicPartition>, until: Time) {
        let (under_way, retry_at, failures) = (false, Time::ZERO, 0);
        let question = Question { call, partitions, until, under_way, retry_at, failures };
        self.questions.push(question);
    }

    fn question(&mut self, call: u64) -> Option<&mut Question> {
        self.questions.iter_mut().find(|question| question.call == call)
    }
}

impl Group {
    /// Reads these partitions; with `keeps` besides what it reads already, else instead.
    pub(super) fn assign_by_hand(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
        partitions: Vec<(TopicPartition, AssignFrom)>,
        keeps: bool,
    ) {
        if self.is_subscribed() {
            // The program's own client refuses that.
            return;
        }
        if !keeps {
            let all: Vec<TopicPartition> = self.assigned.keys().cloned().collect();
            self.let_go(reader, &all);
        }
        for (partition, from) in partitions {
            if self.assigned.contains_key(&partition) {
                continue;
            }
            let start = match from {
                AssignFrom::At(SeekTo::Beginning) => Some(Start::Earliest),
                AssignFrom::At(SeekTo::End) => Some(Start::Latest),
                AssignFrom::At(SeekTo::Offset(at)) => Some(Start::At(at, LeaderEpoch::NONE)),
                AssignFrom::At(SeekTo::Timestamp(at)) => Some(Start::Time(at.0.max(0))),
                // Without a group nothing is committed.
                AssignFrom::Committed if self.id.as_str().is_empty() => reader.reset_start(cx),
                AssignFrom::Committed => None,
            };
            let held = Holding { started: start.is_some(), ..Holding::default() };
            self.assigned.insert(partition.clone(), held);
            if let Some(start) = start {
                reader.begin(cx, &partition, start, "assigned");
            }
        }
        self.by_hand.reads = !self.assigned.is_empty();
        self.commits.restart_timer(cx.now, &self.config);
        self.again = true;
    }

    /// Reads these partitions no more.
    pub(super) fn unassign_by_hand(
        &mut self,
        reader: &mut Consumer,
        partitions: &[TopicPartition],
    ) {
        if self.by_hand.reads {
            self.let_go(reader, partitions);
            self.by_hand.reads = !self.assigned.is_empty();
        }
    }

    /// Goes on with what it was assigned by hand.
    pub(super) fn read_by_hand(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        if self.id.as_str().is_empty() {
            return;
        }
        self.start_partitions(cx, reader);
        self.commit_by_timer(cx, reader);
    }

    /// Asks the coordinator what the program wants to know.
    pub(super) fn ask_for_committed(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        let now = cx.now;
        let over = |question: &Question| question.until <= now;
        while let Some(at) = self.by_hand.questions.iter().position(over) {
            let call = self.by_hand.questions.remove(at).call;
            self.answer(call, Err("timeout".into()));
        }
        let Some(until) = self.by_hand.questions.iter().map(|question| question.until).min() else {
            return;
        };
        self.sooner(until);
        let waiting: Vec<(u64, Time)> = self
            .by_hand
            .questions
            .iter()
            .filter(|question| !question.under_way)
            .map(|question| (question.call, question.retry_at))
            .collect();
        for (call, retry_at) in waiting {
            if retry_at > cx.now {
                self.sooner(retry_at);
                continue;
            }
            if !self.find(cx, reader) || !self.connected(cx) {
                return;
            }
            let Some(question) = self.by_hand.question(call) else { continue };
            question.under_way = true;
            let partitions: BTreeSet<TopicPartition> =
                question.partitions.iter().cloned().collect();
            let request = RequestKind::OffsetFetch(self.offset_fetch(&partitions));
            self.tell(cx, request, self.config.request_timeout, Asked::Committed(call));
        }
    }

    /// The coordinator answered, or did not.
    pub(super) fn committed_answered(
        &mut self,
        cx: &mut Context<'_>,
        call: u64,
        outcome: Result<ResponseKind, RpcError>,
    ) {
        self.again = true;
        let (code, answers) = match outcome {
            Ok(ResponseKind::OffsetFetch(response)) => read(&response),
            Ok(_) => (ErrorCode::UNKNOWN_SERVER_ERROR, Vec::new()),
            Err(_) => (ErrorCode::NETWORK_EXCEPTION, Vec::new()),
        };
        let of_one = answers.iter().map(|(_, code, ..)| *code).find(|code| !code.is_none());
        let code = if code.is_none() { of_one.unwrap_or(code) } else { code };
        if matches!(code, ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE) {
            self.coordinator_gone(cx, true);
        }
        // KIP-848: the epoch has changed since; the next request shows the new one.
        let stale = matches!(code, ErrorCode::STALE_MEMBER_EPOCH | ErrorCode::UNKNOWN_MEMBER_ID);
        if code.retriable() || stale {
            let Some(question) = self.by_hand.question(call) else { return };
            let failures = question.failures;
            let retry_at = self.backoff.until(cx, failures);
            let Some(question) = self.by_hand.question(call) else { return };
            (question.under_way, question.retry_at) = (false, retry_at);
            question.failures = failures.saturating_add(1);
            return;
        }
        self.by_hand.questions.retain(|question| question.call != call);
        let found = answers.into_iter().map(|(partition, _, offset, _)| (partition, offset));
        self.answer(call, if code.is_none() { Ok(found.collect()) } else { Err(code.word()) });
    }

    fn answer(&mut self, call: u64, answer: Result<Vec<(TopicPartition, Offset)>, Word>) {
        if let Some(hosted) = self.hosted.as_deref_mut() {
            hosted.deliver(Delivered::Found { call, answer });
        }
    }
}
