//! What a program wants to know of a partition without reading it: where it begins and ends, and where a time lies in it.
//!
//! *Flows in*: the program's questions, answers of leaders to ListOffsets. *Flows out*: one answer to each question, before
//! its time is over. *Must never*: touch the position of a partition that is read.

use klamm_node::event::Word;
use klamm_node::{Context, Offset, SeekTo, Span, Time, TopicName, TopicPartition};
use klamm_protocol::kafka::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsTopic,
};
use klamm_protocol::kafka::messages::{
    ApiKey, BrokerId as WireBrokerId, ListOffsetsRequest, RequestKind, ResponseKind,
};
use klamm_protocol::{Call, ErrorCode, RpcError, convert};

use super::position::{EARLIEST, LATEST};
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
                                let request = request(&question, version, epoch.0, timeout);
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

fn request(
    question: &Question,
    version: i16,
    leader_epoch: i32,
    request_timeout: Span,
) -> RequestKind {
    let mut asked = ListOffsetsPartition::default()
        .with_partition_index(question.partition.partition)
        .with_timestamp(question.timestamp);
    if version >= 4 {
        asked = asked.with_current_leader_epoch(leader_epoch);
    }
    let name = TopicName::clone(&question.partition.topic);
    let topic =
        ListOffsetsTopic::default().with_name(convert::topic(&name)).with_partitions(vec![asked]);
    let mut request =
        ListOffsetsRequest::default().with_replica_id(WireBrokerId(-1)).with_topics(vec![topic]);
    if version >= 10 {
        let timeout = request_timeout.as_millis();
        request = request.with_timeout_ms(i32::try_from(timeout).unwrap_or(i32::MAX));
    }
    RequestKind::ListOffsets(request)
}
