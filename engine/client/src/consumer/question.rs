//! What a program wants to know of a partition without reading it: where it begins and ends, and where a time lies in it.
//!
//! *Flows in*: the program's questions, answers of leaders to ListOffsets. *Flows out*: one answer to each question, before
//! its time is over. *Must never*: touch the position of a partition that is read.

use klamm_node::event::Word;
use klamm_node::{Context, Offset, SeekTo, Span, Time, TopicPartition};
use klamm_protocol::kafka::messages::{ApiKey, ResponseKind};
use klamm_protocol::{Call, ErrorCode, RpcError};

use super::position::{EARLIEST, LATEST, list_offsets};
use super::{Asked, Consumer};
use crate::application::Delivered;
use crate::producer::shows_stale_metadata;

#[derive(Clone, Debug)]
struct Question {
    call: u64,
    partition: TopicPartition,
    /// As ListOffsets knows it.
    timestamp: i64,
    until: Time,
    under_way: bool,
    retry_at: Time,
    failures: u32,
}

/// The questions without an answer, and the answers that the program has yet to take.
#[derive(Clone, Debug, Default)]
pub(super) struct Questions {
    open: Vec<Question>,
    answers: Vec<Delivered>,
}

impl Questions {
    /// The answers since the last call.
    pub(super) fn take_answers(&mut self) -> Vec<Delivered> {
        std::mem::take(&mut self.answers)
    }
}

impl Consumer {
    /// The program asks.
    pub(super) fn question(
        &mut self,
        cx: &Context<'_>,
        call: u64,
        partition: TopicPartition,
        at: SeekTo,
        within: Span,
    ) {
        let timestamp = match at {
            SeekTo::Beginning => EARLIEST,
            SeekTo::End => LATEST,
            SeekTo::Timestamp(at) => at.0.max(0),
            SeekTo::Offset(offset) => {
                let answer = Ok(vec![(partition, offset)]);
                return self.questions.answers.push(Delivered::Found { call, answer });
            }
        };
        self.core.metadata.want(&partition.topic);
        self.questions.open.push(Question {
            call,
            partition,
            timestamp,
            until: cx.now + within,
            under_way: false,
            retry_at: cx.now,
            failures: 0,
        });
    }

    /// Asks the leaders what is not asked yet.
    pub(super) fn ask_questions(&mut self, cx: &mut Context<'_>) {
        if self.questions.open.is_empty() {
            return;
        }
        let mut wake = self.wake;
        let mut sooner = |at: Time| wake = Some(wake.map_or(at, |known| known.min(at)));
        for mut question in std::mem::take(&mut self.questions.open) {
            if question.until <= cx.now {
                let answer = Err(Word::from("timeout"));
                self.questions.answers.push(Delivered::Found { call: question.call, answer });
                continue;
            }
            sooner(question.until);
            if !question.under_way && question.retry_at > cx.now {
                sooner(question.retry_at);
            } else if !question.under_way {
                match self.core.metadata.leader(&question.partition) {
                    None => self.core.metadata.refresh(),
                    Some((leader, to)) => {
                        let (epoch, to) = (leader.epoch, to.clone());
                        match self.core.ready(cx, &to) {
                            Ok(()) => {
                                question.under_way = true;
                                let version = self.core.version(&to, ApiKey::ListOffsets as i16);
                                let timeout = self.core.request_timeout;
                                let version = version.unwrap_or(1);
                                let asked = [(&question.partition, question.timestamp, epoch)];
                                let request = list_offsets(&asked, version, timeout);
                                let call = Call::new(request, timeout);
                                let asked = Asked {
                                    api: ApiKey::ListOffsets,
                                    question: Some(question.call),
                                    ..Asked::fetch(to.clone())
                                };
                                self.core.send(cx, &to, call, asked);
                            }
                            Err(retry) => retry.into_iter().for_each(&mut sooner),
                        }
                    }
                }
            }
            self.questions.open.push(question);
        }
        self.wake = wake;
    }

    /// A leader answered, or did not.
    pub(super) fn question_answered(
        &mut self,
        cx: &mut Context<'_>,
        call: u64,
        outcome: Result<ResponseKind, RpcError>,
    ) {
        let at = self.questions.open.iter().position(|question| question.call == call);
        let Some(at) = at else { return };
        let (code, offset) = match outcome {
            Ok(ResponseKind::ListOffsets(response)) => {
                let mut answers = response.topics.iter().flat_map(|topic| &topic.partitions);
                let answer = answers.next().map(|one| (ErrorCode(one.error_code), one.offset));
                answer.unwrap_or((ErrorCode::UNKNOWN_SERVER_ERROR, -1))
            }
            Ok(_) => (ErrorCode::UNKNOWN_SERVER_ERROR, -1),
            Err(_) => (ErrorCode::NETWORK_EXCEPTION, -1),
        };
        if shows_stale_metadata(code) {
            self.core.metadata.refresh();
        }
        if code.retriable() {
            let Some(question) = self.questions.open.get_mut(at) else { return };
            question.under_way = false;
            question.retry_at = self.backoff.until(cx, question.failures);
            question.failures = question.failures.saturating_add(1);
            return;
        }
        let question = self.questions.open.remove(at);
        let answer = match code {
            ErrorCode::NONE => Ok(vec![(question.partition, Offset(offset))]),
            code => Err(code.word()),
        };
        self.questions.answers.push(Delivered::Found { call, answer });
    }
}
