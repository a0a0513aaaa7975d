//! Consumers.

use std::sync::Arc;

use super::client::{Client, ClientContext};
use super::error::{KafkaError, KafkaResult};
use super::message::BorrowedMessage;
use super::topic_partition_list::{Offset, TopicPartitionList};
use super::util::Timeout;

pub mod base_consumer;
pub mod stream_consumer;

pub use base_consumer::BaseConsumer;
pub use stream_consumer::StreamConsumer;

/// How a rebalance changes what a consumer has.
#[derive(Clone, Debug)]
pub enum Rebalance<'a> {
    /// It gets partitions.
    Assign(&'a TopicPartitionList),
    /// It gives partitions up; they are lost already if [`Consumer::assignment_lost`] says so.
    Revoke(&'a TopicPartitionList),
    /// Something is wrong.
    Error(KafkaError),
}

/// Callbacks of a consumer. They run in polls.
pub trait ConsumerContext: ClientContext + Sized {
    /// A rebalance is about to happen; the group waits for this to return.
    #[expect(unused_variables, reason = "by default nothing is done")]
    fn pre_rebalance(&self, base_consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {}

    /// A rebalance has happened.
    #[expect(unused_variables, reason = "by default nothing is done")]
    fn post_rebalance(&self, base_consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {}

    /// A commit that nobody waits for has its outcome.
    #[expect(unused_variables, reason = "by default nothing is done")]
    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {}
}

/// A context without callbacks.
#[derive(Clone, Debug, Default)]
pub struct DefaultConsumerContext;

impl ClientContext for DefaultConsumerContext {}
impl ConsumerContext for DefaultConsumerContext {}

/// Whether a commit is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommitMode {
    /// The call returns when it has its outcome: the process blocks.
    Sync = 0,
    /// The call returns at once; the outcome is a callback.
    Async = 1,
}

/// How a group's members give partitions up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RebalanceProtocol {
    /// It is in no group.
    None,
    /// All at once.
    Eager,
    /// One by one.
    Cooperative,
}

/// What every consumer can do.
pub trait Consumer<C = DefaultConsumerContext>
where
    C: ConsumerContext,
{
    /// The client underneath.
    fn client(&self) -> &Client<C>;

    /// Its context.
    fn context(&self) -> &Arc<C> {
        self.client().context()
    }

    /// Reads these topics with its group; a name that begins with `^` is a regular expression.
    ///
    /// # Errors
    /// It has no `group.id`, or patterns and names are mixed.
    fn subscribe(&self, topics: &[&str]) -> KafkaResult<()>;

    /// Leaves the group.
    fn unsubscribe(&self);

    /// Reads these partitions, by hand, instead of those that it read: each from its offset on, or from where its group
    /// has committed.
    ///
    /// # Errors
    /// It has a subscription, or an offset is none to start from.
    fn assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()>;

    /// Reads nothing by hand any more.
    ///
    /// # Errors
    /// There is no process of the lab.
    fn unassign(&self) -> KafkaResult<()>;

    /// Reads these partitions besides, by hand.
    ///
    /// # Errors
    /// As [`Self::assign`]; or it has one of them already.
    fn incremental_assign(&self, assignment: &TopicPartitionList) -> KafkaResult<()>;

    /// Reads these partitions no more.
    ///
    /// # Errors
    /// It has one of them not.
    fn incremental_unassign(&self, assignment: &TopicPartitionList) -> KafkaResult<()>;

    /// Goes on somewhere else in a partition.
    ///
    /// # Errors
    /// It has no such partition, or there is no such place.
    fn seek<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        offset: Offset,
        timeout: T,
    ) -> KafkaResult<()>;

    /// Commits offsets: the next one to read of each partition.
    ///
    /// # Errors
    /// The commit failed, or an offset is no number.
    fn commit(&self, offsets: &TopicPartitionList, mode: CommitMode) -> KafkaResult<()>;

    /// Commits what is stored.
    ///
    /// # Errors
    /// The commit failed, or nothing is stored.
    fn commit_consumer_state(&self, mode: CommitMode) -> KafkaResult<()>;

    /// Commits that a message, and all before it, is done.
    ///
    /// # Errors
    /// The commit failed.
    fn commit_message(&self, message: &BorrowedMessage<'_>, mode: CommitMode) -> KafkaResult<()>;

    /// Stores the offset of a record that is done, for the next commit.
    ///
    /// # Errors
    /// It has no such partition.
    fn store_offset(&self, topic: &str, partition: i32, offset: i64) -> KafkaResult<()>;

    /// Stores the offset of a message that is done, for the next commit.
    ///
    /// # Errors
    /// It has the partition no more.
    fn store_offset_from_message(&self, message: &BorrowedMessage<'_>) -> KafkaResult<()>;

    /// Stores offsets for the next commit: the next one to read of each partition.
    ///
    /// # Errors
    /// It has one of the partitions not, or an offset is no number.
    fn store_offsets(&self, offsets: &TopicPartitionList) -> KafkaResult<()>;

    /// What it subscribed to.
    ///
    /// # Errors
    /// Never.
    fn subscription(&self) -> KafkaResult<TopicPartitionList>;

    /// What it has.
    ///
    /// # Errors
    /// Never.
    fn assignment(&self) -> KafkaResult<TopicPartitionList>;

    /// Whether what it gives up is lost already.
    fn assignment_lost(&self) -> bool;

    /// Where polls have come in what it has.
    ///
    /// # Errors
    /// Never.
    fn position(&self) -> KafkaResult<TopicPartitionList>;

    /// What its group has committed of what it has; [`Offset::Invalid`] where it has not. The process blocks.
    ///
    /// # Errors
    /// It has no `group.id`, or no answer came in time.
    fn committed<T: Into<Timeout>>(&self, timeout: T) -> KafkaResult<TopicPartitionList>;

    /// What its group has committed of these partitions.
    ///
    /// # Errors
    /// As [`Self::committed`].
    fn committed_offsets<T: Into<Timeout>>(
        &self,
        partitions: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList>;

    /// The first offset of this time (in milliseconds) or a later one, in each partition that it has; [`Offset::End`] where
    /// there is none.
    ///
    /// # Errors
    /// No answer came in time.
    fn offsets_for_timestamp<T: Into<Timeout>>(
        &self,
        timestamp: i64,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList>;

    /// As [`Self::offsets_for_timestamp`]: the times stand where the offsets will.
    ///
    /// # Errors
    /// A time is none, or no answer came in time.
    fn offsets_for_times<T: Into<Timeout>>(
        &self,
        timestamps: TopicPartitionList,
        timeout: T,
    ) -> KafkaResult<TopicPartitionList>;

    /// The ends of a partition: its log start offset and its high watermark. The process blocks.
    ///
    /// # Errors
    /// No answer came in time.
    fn fetch_watermarks<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        timeout: T,
    ) -> KafkaResult<(i64, i64)>;

    /// Polls return nothing of these partitions any more.
    ///
    /// # Errors
    /// It has one of them not.
    fn pause(&self, partitions: &TopicPartitionList) -> KafkaResult<()>;

    /// Polls return their records again.
    ///
    /// # Errors
    /// It has one of them not.
    fn resume(&self, partitions: &TopicPartitionList) -> KafkaResult<()>;

    /// How its group rebalances.
    fn rebalance_protocol(&self) -> RebalanceProtocol;
}
