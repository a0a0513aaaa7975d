//! The admin client.

use std::future::poll_fn;
use std::task::Poll;

use klamm_node::event::Word;
use klamm_node::{
    AdminRequest, ApplicationCall, BrokerId, Command, GroupAdmin, GroupId, NewClientKind,
};

use super::client::{Client, ClientContext, DefaultClientContext};
use super::config::{ClientConfig, FromClientConfig, FromClientConfigAndContext, Settings};
use super::error::{KafkaError, KafkaResult, RDKafkaErrorCode, unsupported};
use super::util::Timeout;
use crate::app::current;

/// What became of a topic.
pub type TopicResult = Result<String, (String, RDKafkaErrorCode)>;
/// What became of a group.
pub type GroupResult = Result<String, (String, RDKafkaErrorCode)>;
/// Replicas of each partition.
pub type PartitionAssignment<'a> = &'a [&'a [i32]];

/// How an operation is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AdminOptions {
    within: Option<Timeout>,
    validate_only: bool,
    broker: Option<i32>,
}

impl AdminOptions {
    /// As usual.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long it may take in all.
    #[must_use]
    pub fn request_timeout<T: Into<Timeout>>(mut self, timeout: Option<T>) -> Self {
        self.within = timeout.map(Into::into);
        self
    }

    /// How long a broker may take; the lab knows only the other.
    #[must_use]
    pub fn operation_timeout<T: Into<Timeout>>(self, _timeout: Option<T>) -> Self {
        self
    }

    /// Only checks the request; the lab can't.
    #[must_use]
    pub fn validate_only(mut self, validate_only: bool) -> Self {
        self.validate_only = validate_only;
        self
    }

    /// Whom to ask; the lab can't choose.
    #[must_use]
    pub fn broker_id<T: Into<Option<i32>>>(mut self, broker: T) -> Self {
        self.broker = broker.into();
        self
    }

    fn check(&self) -> KafkaResult<Timeout> {
        let wrong = match (self.validate_only, self.broker) {
            (true, _) => "validate_only",
            (false, Some(_)) => "broker_id",
            (false, None) => return Ok(self.within.unwrap_or(Timeout::Never)),
        };
        Err(KafkaError::AdminOpCreation(unsupported(wrong)))
    }
}

/// How a new topic is replicated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopicReplication<'a> {
    /// So many replicas each.
    Fixed(i32),
    /// These replicas.
    Variable(PartitionAssignment<'a>),
}

/// A topic to create.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many partitions.
    pub num_partitions: i32,
    /// Their replicas.
    pub replication: TopicReplication<'a>,
    /// Its settings.
    pub config: Vec<(&'a str, &'a str)>,
}

impl<'a> NewTopic<'a> {
    /// A topic.
    pub fn new(name: &'a str, num_partitions: i32, replication: TopicReplication<'a>) -> Self {
        Self { name, num_partitions, replication, config: Vec::new() }
    }

    /// With this setting.
    #[must_use]
    pub fn set(mut self, key: &'a str, value: &'a str) -> Self {
        self.config.push((key, value));
        self
    }

    fn command(&self) -> KafkaResult<Command> {
        let (factor, assignments) = match self.replication {
            TopicReplication::Fixed(factor) => (i16::try_from(factor).unwrap_or(-1), Vec::new()),
            TopicReplication::Variable(assignment) => {
                if i32::try_from(assignment.len()) != Ok(self.num_partitions) {
                    return Err(KafkaError::AdminOpCreation(format!(
                        "replication configuration for topic '{}' assigns {} partition(s), which does not match the specified number of partitions ({})",
                        self.name,
                        assignment.len(),
                        self.num_partitions
                    )));
                }
                (-1, replicas(assignment))
            }
        };
        let config = self.config.iter();
        Ok(Command::CreateTopic {
            name: self.name.into(),
            partitions: self.num_partitions,
            replication_factor: factor,
            configs: config.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            assignments,
        })
    }
}

fn replicas(assignment: PartitionAssignment<'_>) -> Vec<Vec<BrokerId>> {
    assignment.iter().map(|one| one.iter().map(|id| BrokerId(*id)).collect()).collect()
}

/// Partitions to add.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewPartitions<'a> {
    /// The topic.
    pub topic_name: &'a str,
    /// How many there are afterwards.
    pub new_partition_count: usize,
    /// Replicas of the new ones.
    pub assignment: Option<PartitionAssignment<'a>>,
}

impl<'a> NewPartitions<'a> {
    /// So many partitions.
    pub fn new(topic_name: &'a str, new_partition_count: usize) -> Self {
        Self { topic_name, new_partition_count, assignment: None }
    }

    /// With these replicas.
    #[must_use]
    pub fn assign(mut self, assignment: PartitionAssignment<'a>) -> Self {
        self.assignment = Some(assignment);
        self
    }
}

/// The admin client.
#[derive(Debug)]
pub struct AdminClient<C: ClientContext = DefaultClientContext> {
    client: Client<C>,
}

impl FromClientConfig for AdminClient {
    fn from_config(config: &ClientConfig) -> KafkaResult<Self> {
        Self::from_config_and_context(config, DefaultClientContext)
    }
}

impl<C: ClientContext> FromClientConfigAndContext<C> for AdminClient<C> {
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let client = Client::create(&Settings::of(config)?, NewClientKind::Admin, context)?;
        Ok(Self { client })
    }
}

impl<C: ClientContext> AdminClient<C> {
    /// The client underneath.
    pub fn inner(&self) -> &Client<C> {
        &self.client
    }

    /// Creates topics.
    ///
    /// # Errors
    /// The request can't be made, or took too long.
    pub async fn create_topics<'a, I>(
        &self,
        topics: I,
        opts: &AdminOptions,
    ) -> KafkaResult<Vec<TopicResult>>
    where
        I: IntoIterator<Item = &'a NewTopic<'a>>,
    {
        let mut results = Vec::new();
        for topic in topics {
            let error = self.ask(topic.command()?, opts).await?;
            results.push(told(topic.name, error));
        }
        Ok(results)
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// The request can't be made, or took too long.
    pub async fn delete_topics(
        &self,
        topic_names: &[&str],
        opts: &AdminOptions,
    ) -> KafkaResult<Vec<TopicResult>> {
        let mut results = Vec::new();
        for name in topic_names {
            let request = AdminRequest::DeleteTopic { topic: (*name).into() };
            let error = self.ask(Command::Admin(request), opts).await?;
            results.push(told(name, error));
        }
        Ok(results)
    }

    /// Adds partitions.
    ///
    /// # Errors
    /// The request can't be made, or took too long.
    pub async fn create_partitions<'a, I>(
        &self,
        partitions: I,
        opts: &AdminOptions,
    ) -> KafkaResult<Vec<TopicResult>>
    where
        I: IntoIterator<Item = &'a NewPartitions<'a>>,
    {
        let mut results = Vec::new();
        for more in partitions {
            let request = AdminRequest::AddPartitions {
                topic: more.topic_name.into(),
                count: i32::try_from(more.new_partition_count).unwrap_or(i32::MAX),
                assignments: more.assignment.map(replicas).unwrap_or_default(),
            };
            let error = self.ask(Command::Admin(request), opts).await?;
            results.push(told(more.topic_name, error));
        }
        Ok(results)
    }

    /// Deletes groups.
    ///
    /// # Errors
    /// The request can't be made, or took too long.
    pub async fn delete_groups(
        &self,
        group_names: &[&str],
        opts: &AdminOptions,
    ) -> KafkaResult<Vec<GroupResult>> {
        let mut results = Vec::new();
        for name in group_names {
            let request = AdminRequest::Group(GroupAdmin::Delete { group: GroupId::from(*name) });
            let error = self.ask(Command::Admin(request), opts).await?;
            results.push(told(name, error));
        }
        Ok(results)
    }

    /// Asks one thing after the other: an answer is told by what was asked.
    async fn ask(&self, command: Command, opts: &AdminOptions) -> KafkaResult<Word> {
        let within = opts.check()?;
        self.client.with(|process, number| {
            process.inbox(number, |inbox| inbox.answers.clear());
            process.call(number, ApplicationCall::Ask(Box::new(command)));
        })?;
        let answer = poll_fn(|cx| {
            let Some(process) = current() else { return Poll::Ready(None) };
            let number = self.client.number();
            match process.inbox(number, |inbox| inbox.answers.pop_front()) {
                Some((_, error)) => Poll::Ready(Some(error)),
                None => {
                    process.wake_for(number, cx.waker());
                    Poll::Pending
                }
            }
        });
        match within.bound(answer).await {
            Some(Some(error)) => Ok(error),
            Some(None) => Err(KafkaError::Canceled),
            None => Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut)),
        }
    }
}

fn told(name: &str, error: Word) -> TopicResult {
    let code = RDKafkaErrorCode::of(&error);
    if code == RDKafkaErrorCode::NoError {
        Ok(name.to_owned())
    } else {
        Err((name.to_owned(), code))
    }
}

impl<C: ClientContext> Drop for AdminClient<C> {
    fn drop(&mut self) {
        let Some(process) = current().filter(|process| !process.is_dying()) else { return };
        process.call(self.client.number(), ApplicationCall::Close);
    }
}
