//! A consumer that is polled.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use klamm_client::{Change, Delivered};
use klamm_node::{
    ApplicationCall, AssignFrom, NewClientKind, Offset as NodeOffset, ReadCall, SeekTo, Span,
    Timestamp, TopicPartition,
};

use super::{
    CommitMode, Consumer, ConsumerContext, DefaultConsumerContext, Rebalance, RebalanceProtocol,
};
use crate::app::{Process, current};
use crate::rdkafka::client::Client;
use crate::rdkafka::config::{
    ClientConfig, FromClientConfig, FromClientConfigAndContext, Settings,
};
use crate::rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode, unsupported};
use crate::rdkafka::message::{BorrowedMessage, Message, OwnedMessage};
use crate::rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use crate::rdkafka::util::{Timeout, span};

/// What a poll without a timeout takes if there is nothing: without it a program that polls in a loop would stop the time.
const EMPTY_POLL: Span = Span::millis(1);

#[derive(Debug, Default)]
struct State {
    subscription: Vec<String>,
    /// What it has, with the position of its polls.
    assignment: BTreeMap<TopicPartition, Option<NodeOffset>>,
    lost: bool,
    /// The node was told that somebody polls.
    polling: bool,
    /// How many wait for a message.
    waiting: u32,
}

/// A consumer that is polled; rebalances happen in polls. Dropping it closes it: it commits (with auto commit), runs the
/// callback, leaves its group, and blocks for that.
#[derive(Debug)]
pub struct BaseConsumer<C: ConsumerContext = DefaultConsumerContext> {
    client: Client<C>,
    group: Option<String>,
    protocol: RebalanceProtocol,
    state: Mutex<State>,
}

impl FromClientConfig for BaseConsumer {
    fn from_config(config: &ClientConfig) -> KafkaResult<Self> {
        Self::from_config_and_context(config, DefaultConsumerContext)
    }
}

impl<C: ConsumerContext> FromClientConfigAndContext<C> for BaseConsumer<C> {
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let settings = Settings::of(config)?;
        let own = settings.consumer.clone();
        let group = Some(own.group_id.clone()).filter(|group| !group.is_empty());
        let incremental = own.group_protocol.eq_ignore_ascii_case("consumer")
            || own.partition_assignment_strategy.contains("CooperativeSticky");
        let protocol = match (&group, incremental) {
            (None, _) => RebalanceProtocol::None,
            (Some(_), true) => RebalanceProtocol::Cooperative,
            (Some(_), false) => RebalanceProtocol::Eager,
        };
        let kind = NewClientKind::Consumer { config: own, stores: settings.stores };
        let client = Client::create(&settings, kind, context)?;
        Ok(Self { client, group, protocol, state: Mutex::default() })
    }
}

impl<C: ConsumerContext> BaseConsumer<C> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, call: ReadCall) -> KafkaResult<()> {
        self.client.with(|process, number| process.call(number, ApplicationCall::Read(call)))
    }

    /// Waits for a message, or an error, for so long; callbacks run meanwhile.
    pub fn poll<T: Into<Timeout>>(&self, timeout: T) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        let timeout = timeout.into();
        let Some(process) = current() else {
            return Some(Err(self.client.with(|_, _| ()).err().unwrap_or(KafkaError::Canceled)));
        };
        if timeout.is_zero() {
            let next = self.next();
            let within = Timeout::After(std::time::Duration::from_nanos(EMPTY_POLL.0));
            return process.block_on(within.bound(next)).flatten();
        }
        process.block_on(timeout.bound(self.next())).flatten()
    }

    /// The next message or error.
    pub(super) async fn next(&self) -> KafkaResult<BorrowedMessage<'_>> {
        let mut messages = self.messages();
        poll_fn(|cx| messages.poll(cx)).await
    }

    /// The messages and errors one after another.
    pub(super) fn messages(&self) -> Messages<'_, C> {
        Messages { consumer: self, waits: None }
    }

    fn poll_next(&self, cx: &Context<'_>) -> Poll<KafkaResult<BorrowedMessage<'_>>> {
        let Some(process) = current() else {
            return Poll::Ready(Err(KafkaError::Canceled));
        };
        loop {
            let number = self.client.number();
            let Some(next) = process.inbox(number, |inbox| inbox.queue.pop_front()) else {
                let mut state = self.state();
                if !state.polling {
                    state.polling = true;
                    process.call(number, ApplicationCall::Read(ReadCall::Poll));
                }
                process.wake_for(number, cx.waker());
                return Poll::Pending;
            };
            if let Some(ended) = self.take(&process, next) {
                return Poll::Ready(ended);
            }
        }
    }

    /// Takes something that came; what it is for the program, if it ends a poll.
    fn take(&self, process: &Process, what: Delivered) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        match what {
            Delivered::Record { partition, record } => {
                let mut state = self.state();
                state.polling = false;
                let position = state.assignment.get_mut(&partition)?;
                *position = Some(record.offset.plus(1));
                Some(Ok(BorrowedMessage::new(OwnedMessage::read(&partition, record))))
            }
            Delivered::Rebalance { turn, change, partitions, incremental } => {
                self.state().polling = false;
                self.rebalance(process, turn, change, &partitions, incremental);
                None
            }
            Delivered::Committed { offsets, error, .. } => {
                let code = error.as_deref().map(RDKafkaErrorCode::of);
                let result = code.map_or(Ok(()), |code| Err(KafkaError::ConsumerCommit(code)));
                let list = offsets.iter().map(|(at, offset)| (at, Offset::Offset(offset.0)));
                self.client.context().commit_callback(result, &TopicPartitionList::of(list));
                None
            }
            Delivered::Failed { error, fatal } => {
                self.state().polling = false;
                let code = RDKafkaErrorCode::of(&error);
                Some(Err(if fatal {
                    KafkaError::MessageConsumptionFatal(code)
                } else {
                    KafkaError::MessageConsumption(code)
                }))
            }
            Delivered::Acknowledged { .. }
            | Delivered::GivenUp { .. }
            | Delivered::Answered { .. }
            | Delivered::Found { .. }
            | Delivered::Closed => None,
        }
    }

    fn rebalance(
        &self,
        process: &Process,
        turn: u64,
        change: Change,
        partitions: &[TopicPartition],
        incremental: bool,
    ) {
        let list = TopicPartitionList::of(partitions.iter().map(|at| (at, Offset::Invalid)));
        let rebalance = match change {
            Change::Assign => Rebalance::Assign(&list),
            Change::Revoke | Change::Lost => Rebalance::Revoke(&list),
        };
        self.state().lost = change == Change::Lost;
        self.client.context().pre_rebalance(self, &rebalance);
        let number = self.client.number();
        let mut state = self.state();
        state.lost = false;
        match change {
            Change::Assign => {
                if !incremental {
                    state.assignment.clear();
                }
                state.assignment.extend(partitions.iter().map(|at| (at.clone(), None)));
            }
            Change::Revoke | Change::Lost => {
                state.assignment.retain(|at, _| !partitions.contains(at));
            }
        }
        drop(state);
        process.call(number, ApplicationCall::Read(ReadCall::RebalanceDone { turn }));
        self.client.context().post_rebalance(self, &rebalance);
    }

    fn commit_these(
        &self,
        offsets: Option<Vec<(TopicPartition, NodeOffset)>>,
        mode: CommitMode,
    ) -> KafkaResult<()> {
        if self.group.is_none() {
            return Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownGroup));
        }
        let waits = mode == CommitMode::Sync;
        self.client.with(|process, number| {
            let call = process.number();
            let commit = ReadCall::Commit { call, offsets, waits };
            if !waits {
                process.call(number, ApplicationCall::Read(commit));
                return Ok(());
            }
            process.inbox(number, |inbox| inbox.commits.insert(call, None));
            process.call(number, ApplicationCall::Read(commit));
            let outcome = poll_fn(|cx| {
                let outcome = process.inbox(number, |inbox| {
                    let known = inbox.commits.get(&call)?.clone()?;
                    inbox.commits.remove(&call);
                    Some(known)
                });
                if outcome.is_none() {
                    process.wake_for(number, cx.waker());
                }
                outcome.map_or(Poll::Pending, Poll::Ready)
            });
            let outcome = process.block_on(outcome).ok_or(KafkaError::Canceled)?;
            outcome.map_err(|error| KafkaError::ConsumerCommit(RDKafkaErrorCode::of(&error)))
        })?
    }

    fn is_subscribed(&self) -> bool {
        !self.state().subscription.is_empty()
    }

    /// Reads partitions by hand.
    fn by_hand(&self, assignment: &TopicPartitionList, keeps: bool) -> KafkaResult<()> {
        let refused = |why: String| Err(KafkaError::Subscription(why));
        if self.is_subscribed() {
            return refused(unsupported("an assignment by hand besides a subscription"));
        }
        let mut partitions = Vec::new();
        for one in assignment.elements() {
            let from = match one.offset() {
                Offset::Beginning => AssignFrom::At(SeekTo::Beginning),
                Offset::End => AssignFrom::At(SeekTo::End),
                Offset::Offset(at) if at >= 0 => AssignFrom::At(SeekTo::Offset(NodeOffset(at))),
                Offset::Stored | Offset::Invalid => AssignFrom::Committed,
                other @ (Offset::Offset(_) | Offset::OffsetTail(_)) => {
                    return refused(unsupported(&format!("an assignment from {other:?} on")));
                }
            };
            partitions.push((TopicPartition::new(one.topic(), one.partition()), from));
        }
        let named: Vec<TopicPartition> = partitions.iter().map(|(at, _)| at.clone()).collect();
        if keeps && named.iter().any(|at| self.owned(std::slice::from_ref(at))) {
            return refused(RDKafkaErrorCode::InvalidArgument.to_string());
        }
        let mut state = self.state();
        if !keeps {
            state.assignment.clear();
        }
        state.assignment.extend(named.into_iter().map(|at| (at, None)));
        drop(state);
        if !keeps {
            self.drop_messages(|_| true)?;
        }
        self.call(ReadCall::Assign { partitions, keeps })
    }

    /// Messages of before that nobody has fetched yet are not returned any more.
    fn drop_messages(&self, of: impl Fn(&TopicPartition) -> bool) -> KafkaResult<()> {
        self.client.with(|process, number| {
            process.inbox(number, |inbox| {
                inbox.queue.retain(
                    |one| !matches!(one, Delivered::Record { partition, .. } if of(partition)),
                );
            });
        })
    }

    /// Asks something about offsets, and blocks until there is an answer.
    fn ask(
        &self,
        timeout: Timeout,
        question: impl FnOnce(u64, Span) -> ReadCall,
    ) -> Result<Vec<(TopicPartition, NodeOffset)>, RDKafkaErrorCode> {
        let within = match timeout {
            Timeout::After(within) => span(within),
            Timeout::Never => Span::nanos(u64::MAX / 4),
        };
        let asked = self.client.with(|process, number| {
            let call = process.number();
            process.inbox(number, |inbox| inbox.questions.insert(call, None));
            process.call(number, ApplicationCall::Read(question(call, within)));
            let answer = poll_fn(|cx| {
                let answer = process.inbox(number, |inbox| {
                    let answer = inbox.questions.get(&call)?.clone()?;
                    inbox.questions.remove(&call);
                    Some(answer)
                });
                if answer.is_none() {
                    process.wake_for(number, cx.waker());
                }
                answer.map_or(Poll::Pending, Poll::Ready)
            });
            process.block_on(answer)
        });
        // Without a process, or in one that dies, nobody answers.
        let answer = asked.ok().flatten().ok_or(RDKafkaErrorCode::Destroy)?;
        answer.map_err(|error| RDKafkaErrorCode::of(&error))
    }

    fn look_up(
        &self,
        partition: &TopicPartition,
        at: SeekTo,
        timeout: Timeout,
    ) -> Result<NodeOffset, RDKafkaErrorCode> {
        let partition = partition.clone();
        let found =
            self.ask(timeout, |call, within| ReadCall::LookUp { call, partition, at, within })?;
        found.first().map(|(_, offset)| *offset).ok_or(RDKafkaErrorCode::Unknown)
    }

    fn owned(&self, partitions: &[TopicPartition]) -> bool {
        let state = self.state();
        partitions.iter().all(|at| state.assignment.contains_key(at))
    }

    fn store(&self, offsets: Vec<(TopicPartition, NodeOffset)>) -> KafkaResult<()> {
        let partitions: Vec<TopicPartition> = offsets.iter().map(|(at, _)| at.clone()).collect();
        if !self.owned(&partitions) {
            return Err(KafkaError::StoreOffset(RDKafkaErrorCode::State));
        }
        self.call(ReadCall::Store { offsets })
    }
}

/// The messages of a consumer, one after another.
#[derive(Debug)]
pub(super) struct Messages<'a, C: ConsumerContext> {
    consumer: &'a BaseConsumer<C>,
    /// From the first poll for a message until it is there.
    waits: Option<Waits<'a, C>>,
}

impl<'a, C: ConsumerContext> Messages<'a, C> {
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<KafkaResult<BorrowedMessage<'a>>> {
        self.waits.get_or_insert_with(|| Waits::begin(self.consumer));
        let next = self.consumer.poll_next(cx);
        if next.is_ready() {
            self.waits = None;
        }
        next
    }
}

/// Somebody waits for a message; as soon as nobody does, the node knows.
#[derive(Debug)]
struct Waits<'a, C: ConsumerContext>(&'a BaseConsumer<C>);

impl<'a, C: ConsumerContext> Waits<'a, C> {
    fn begin(consumer: &'a BaseConsumer<C>) -> Self {
        consumer.state().waiting += 1;
        Self(consumer)
    }
}

impl<C: ConsumerContext> Drop for Waits<'_, C> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting -= 1;
        if state.waiting == 0 && std::mem::take(&mut state.polling) {
            drop(state);
            // Without a process nobody wants to know.
            self.0.call(ReadCall::StopPolling).ok();
        }
    }
}

impl<C: ConsumerContext> Drop for BaseConsumer<C> {
    fn drop(&mut self) {
        let Some(process) = current().filter(|process| !process.is_dying()) else { return };
        let number = self.client.number();
        process.call(number, ApplicationCall::Close);
        let closed = poll_fn(|cx| {
            loop {
                if process.inbox(number, |inbox| inbox.closed) {
                    return Poll::Ready(());
                }
                match self.poll_next(cx) {
                    Poll::Ready(_) => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        process.block_on(closed);
        process.forget_client(number);
    }
}

impl<C: ConsumerContext> Consumer<C> for BaseConsumer<C> {
    fn client(&self) -> &Client<C> {
        &self.client
    }

    fn subscribe(&self, topics: &[&str]) -> KafkaResult<()> {
        if self.group.is_none() {
            let why = RDKafkaErrorCode::UnknownGroup.to_string();
            return Err(KafkaError::Subscription(why));
        }
        let patterns = topics.iter().filter(|topic| topic.starts_with('^')).count();
        let call = match topics {
            [] => {
                return Err(KafkaError::Subscription(
                    RDKafkaErrorCode::InvalidArgument.to_string(),
                ));
            }
            _ if patterns == 0 => {
                ReadCall::Subscribe { topics: topics.iter().map(|topic| (*topic).into()).collect() }
            }
            _ if patterns < topics.len() => {
                let why = unsupported("a subscription of both names and patterns");
                return Err(KafkaError::Subscription(why));
            }
            // librdkafka looks for a match anywhere behind the beginning, the lab's consumer matches whole names.
            _ => {
                let open = topics.iter().map(|topic| format!("(?:{topic}.*)"));
                let pattern = open.collect::<Vec<_>>().join("|");
                ReadCall::SubscribePattern { pattern }
            }
        };
        if !self.state().assignment.is_empty() && !self.is_subscribed() {
            // As librdkafka: what was assigned by hand gives way to what the group will assign.
            self.unassign()?;
        }
        self.call(call)?;
        self.state().subscription = topics.iter().map(|topic| (*topic).to_owned()).collect();
        Ok(())
    }

    fn unsubscribe(&self) {
        self.state().subscription.clear();
        // Without a process there is nothing to leave.
        self.call(ReadCall::Unsubscribe).ok();
    }

    fn assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        self.by_hand(assignment, false)
    }

    fn unassign(&self) -> KafkaResult<()> {
        self.by_hand(&TopicPartitionList::new(), false)
    }

    fn incremental_assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        self.by_hand(assignment, true)
    }

    fn incremental_unassign(&self, assignment: &TopicPartitionList) -> KafkaResult<()> {
        let partitions = assignment.partitions();
        if self.is_subscribed() || !self.owned(&partitions) {
            return Err(KafkaError::Subscription(RDKafkaErrorCode::InvalidArgument.to_string()));
        }
        self.state().assignment.retain(|at, _| !partitions.contains(at));
        self.drop_messages(|at| partitions.contains(at))?;
        self.call(ReadCall::Unassign { partitions })
    }

    fn seek<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        offset: Offset,
        _timeout: T,
    ) -> KafkaResult<()> {
        let partition = TopicPartition::new(topic, partition);
        if !self.owned(std::slice::from_ref(&partition)) {
            return Err(KafkaError::Seek(RDKafkaErrorCode::State.to_string()));
        }
        let to = match offset {
            Offset::Beginning => SeekTo::Beginning,
            Offset::End => SeekTo::End,
            Offset::Offset(at) if at >= 0 => SeekTo::Offset(NodeOffset(at)),
            Offset::Offset(_) | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => {
                return Err(KafkaError::Seek(unsupported(&format!("a seek to {offset:?}"))));
            }
        };
        self.drop_messages(|at| *at == partition)?;
        self.call(ReadCall::Seek { partition, to })
    }

    fn commit(&self, offsets: &TopicPartitionList, mode: CommitMode) -> KafkaResult<()> {
        let known = offsets.offsets().filter(|offsets| !offsets.is_empty());
        let offsets = known.ok_or(KafkaError::ConsumerCommit(RDKafkaErrorCode::InvalidArgument))?;
        self.commit_these(Some(offsets), mode)
    }

    fn commit_consumer_state(&self, mode: CommitMode) -> KafkaResult<()> {
        self.commit_these(None, mode)
    }

    fn commit_message(&self, message: &BorrowedMessage<'_>, mode: CommitMode) -> KafkaResult<()> {
        let partition = TopicPartition::new(message.topic(), message.partition());
        self.commit_these(Some(vec![(partition, NodeOffset(message.offset() + 1))]), mode)
    }

    fn store_offset(&self, topic: &str, partition: i32, offset: i64) -> KafkaResult<()> {
        let next = offset.checked_add(1).filter(|next| *next > 0);
        let next = next.ok_or(KafkaError::StoreOffset(RDKafkaErrorCode::InvalidArgument))?;
        self.store(vec![(TopicPartition::new(topic, partition), NodeOffset(next))])
    }

    fn store_offset_from_message(&self, message: &BorrowedMessage<'_>) -> KafkaResult<()> {
        self.store_offset(message.topic(), message.partition(), message.offset())
    }

    fn store_offsets(&self, offsets: &TopicPartitionList) -> KafkaResult<()> {
        let offsets = offsets.offsets();
        self.store(offsets.ok_or(KafkaError::StoreOffset(RDKafkaErrorCode::InvalidArgument))?)
    }

    fn subscription(&self) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for topic in &self.state().subscription {
            list.add_topic_unassigned(topic);
        }
        Ok(list)
    }

    fn assignment(&self) -> KafkaResult<TopicPartitionList> {
        let state = self.state();
        Ok(TopicPartitionList::of(state.assignment.keys().map(|at| (at, Offset::Invalid))))
    }

    fn assignment_lost(&self) -> bool {
        self.state().lost
    }

    fn position(&self) -> KafkaResult<TopicPartitionList> {
        let state = self.state();
        Ok(TopicPartitionList::of(state.assignment.iter().map(|(at, position)| {
            (at, position.map_or(Offset::Invalid, |position| Offset::Offset(position.0)))
        })))
    }

    fn committed<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<TopicPartitionList> {
        self.committed_offsets(self.assignment()?, timeout)
    }

    fn committed_offsets<T: Into<Timeout>>(
        &self,
        partitions: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        if self.group.is_none() {
            return Err(KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownGroup));
        }
        let partitions = partitions.partitions();
        let (wanted, timeout) = (partitions.clone(), timeout.into());
        let call = |call, within| ReadCall::LookUpCommitted { call, partitions, within };
        let found = self.ask(timeout, call).map_err(KafkaError::OffsetFetch)?;
        Ok(TopicPartitionList::of(wanted.iter().map(|at| {
            let offset = found.iter().find(|(found, offset)| found == at && offset.0 >= 0);
            (at, offset.map_or(Offset::Invalid, |(_, offset)| Offset::Offset(offset.0)))
        })))
    }

    fn offsets_for_timestamp<T: Into<Timeout>>(
        &self,
        timestamp: i64,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        let mut timestamps = self.assignment()?;
        timestamps.set_all_offsets(Offset::Offset(timestamp))?;
        self.offsets_for_times(timestamps, timeout)
    }

    fn offsets_for_times<T: Into<Timeout>>(
        &self,
        timestamps: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList> {
        let invalid = KafkaError::OffsetFetch(RDKafkaErrorCode::InvalidArgument);
        let wanted = timestamps.offsets().ok_or(invalid)?;
        let timeout = timeout.into();
        let mut found = Vec::new();
        for (partition, time) in wanted {
            let at = SeekTo::Timestamp(Timestamp(time.0));
            let offset = self.look_up(&partition, at, timeout).map_err(KafkaError::OffsetFetch)?;
            let offset = if offset.0 >= 0 { Offset::Offset(offset.0) } else { Offset::End };
            found.push((partition, offset));
        }
        Ok(TopicPartitionList::of(found.iter().map(|(at, offset)| (at, *offset))))
    }

    fn fetch_watermarks<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        timeout: T,
    ) -> KafkaResult<(i64, i64)> {
        let (partition, timeout) = (TopicPartition::new(topic, partition), timeout.into());
        let end = |at| self.look_up(&partition, at, timeout).map_err(KafkaError::MetadataFetch);
        Ok((end(SeekTo::Beginning)?.0, end(SeekTo::End)?.0))
    }

    fn pause(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        let partitions = partitions.partitions();
        if !self.owned(&partitions) {
            return Err(KafkaError::PauseResume(RDKafkaErrorCode::UnknownPartition.to_string()));
        }
        self.call(ReadCall::Pause { partitions })
    }

    fn resume(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        let partitions = partitions.partitions();
        if !self.owned(&partitions) {
            return Err(KafkaError::PauseResume(RDKafkaErrorCode::UnknownPartition.to_string()));
        }
        self.call(ReadCall::Resume { partitions })
    }

    fn rebalance_protocol(&self) -> RebalanceProtocol {
        self.protocol
    }
}
