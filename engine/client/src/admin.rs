//! The admin client: asks for a topic until it is answered for good.

use std::collections::VecDeque;

use klamm_node::{
    BrokerId, Command, Context, Endpoint, EventKind, Input, Node, Span, Time, TopicName,
    TopicPartition,
};
use klamm_protocol::kafka::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use klamm_protocol::kafka::messages::{
    ApiKey, BrokerId as WireBrokerId, CreateTopicsRequest, RequestKind, ResponseKind,
};
use klamm_protocol::{Call, Completed, ErrorCode, convert};

use crate::backoff::Backoff;
use crate::core::{Core, Shared};
use crate::metadata::Metadata;
use crate::summary::ClientSummary;

/// Settings of an admin client, with Kafka's defaults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminConfig {
    /// How long one request may take (`request.timeout.ms`).
    pub request_timeout: Span,
    /// How long it tries in all (`default.api.timeout.ms`).
    pub default_api_timeout: Span,
    /// The least wait before a retry (`retry.backoff.ms`).
    pub retry_backoff: Span,
    /// The longest wait before a retry (`retry.backoff.max.ms`).
    pub retry_backoff_max: Span,
    /// How long metadata is trusted (`metadata.max.age.ms`).
    pub metadata_max_age: Span,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            request_timeout: Span::secs(30),
            default_api_timeout: Span::secs(60),
            retry_backoff: Span::millis(100),
            retry_backoff_max: Span::secs(1),
            metadata_max_age: Span::secs(300),
        }
    }
}

/// A request of the user that is not answered for good yet.
#[derive(Clone, Debug)]
struct Wish {
    serial: u64,
    topic: TopicName,
    text: String,
    request: CreatableTopic,
    deadline: Time,
    retry_at: Time,
    failures: u32,
    sent: bool,
}

/// An admin client as a node.
///
/// As Kafka's, it asks the broker that metadata names as the controller, which in KRaft is any broker that is alive and
/// forwards to the active controller. A retry after a lost answer may find that the first try was done: then the answer
/// is TOPIC_ALREADY_EXISTS, as with Kafka's own.
#[derive(Clone, Debug)]
pub struct Admin {
    config: AdminConfig,
    core: Core<u64>,
    wishes: VecDeque<Wish>,
    next: u64,
    answered: u64,
    wake: Option<Time>,
}

impl Admin {
    /// An admin client that learns the cluster from `bootstrap`.
    pub fn new(client_id: &str, bootstrap: Vec<Endpoint>, config: AdminConfig) -> Self {
        let backoff = Backoff { least: config.retry_backoff, most: config.retry_backoff_max };
        let shared = Shared {
            client_id: client_id.to_owned(),
            max_in_flight: 5,
            connect_timeout: Span::secs(10),
            reconnect_backoff: Span::millis(50),
            reconnect_backoff_max: Span::secs(1),
            request_timeout: config.request_timeout,
        };
        let metadata = Metadata::new(bootstrap, config.metadata_max_age, backoff);
        Self {
            core: Core::new(shared, metadata),
            wishes: VecDeque::new(),
            next: 0,
            answered: 0,
            wake: None,
            config,
        }
    }

    /// What it has done.
    pub fn summary(&self) -> ClientSummary {
        ClientSummary {
            answered: self.answered,
            waiting: self.wishes.len() as u64,
            ..ClientSummary::default()
        }
    }

    fn create_topic(
        &mut self,
        cx: &Context<'_>,
        name: &TopicName,
        partitions: i32,
        replication_factor: i16,
        configs: &[(String, String)],
        assignments: &[Vec<BrokerId>],
    ) {
        let configs: Vec<CreatableTopicConfig> = configs
            .iter()
            .map(|(key, value)| {
                CreatableTopicConfig::default()
                    .with_name(convert::text(key))
                    .with_value(Some(convert::text(value)))
            })
            .collect();
        let assigned: Vec<CreatableReplicaAssignment> = (0..)
            .zip(assignments)
            .map(|(index, replicas)| {
                let replicas = replicas.iter().map(|id| WireBrokerId(id.0)).collect();
                CreatableReplicaAssignment::default()
                    .with_partition_index(index)
                    .with_broker_ids(replicas)
            })
            .collect();
        // With assignments by hand the two numbers must be -1.
        let by_hand = !assigned.is_empty();
        let request = CreatableTopic::default()
            .with_name(convert::topic(name))
            .with_num_partitions(if by_hand { -1 } else { partitions })
            .with_replication_factor(if by_hand { -1 } else { replication_factor })
            .with_assignments(assigned)
            .with_configs(configs);
        self.next += 1;
        self.wishes.push_back(Wish {
            serial: self.next,
            topic: TopicName::clone(name),
            text: format!(
                "create topic {name} with {partitions} partitions, replication factor {replication_factor}"
            ),
            request,
            deadline: cx.now + self.config.default_api_timeout,
            retry_at: cx.now,
            failures: 0,
            sent: false,
        });
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        // A request that can't be said has its outcome at once: hence a loop.
        let mut next = self.core.next_completed(cx);
        loop {
            while let Some(done) = next {
                self.handle_completed(cx, done);
                next = self.core.next_completed(cx);
            }
            while let Some(at) = self.wishes.iter().position(|wish| wish.deadline <= cx.now) {
                if let Some(wish) = self.wishes.remove(at) {
                    self.answer(cx, wish, ErrorCode::REQUEST_TIMED_OUT);
                }
            }
            self.send(cx);
            self.core.poll_metadata(cx);
            next = self.core.next_completed(cx);
            if next.is_none() {
                break;
            }
        }
    }

    fn send(&mut self, cx: &mut Context<'_>) {
        self.wake = self.wishes.iter().map(|wish| wish.deadline).min();
        let mut waits: Vec<Time> = Vec::new();
        let due: Vec<usize> = (0..self.wishes.len())
            .filter(|at| {
                let wish = &self.wishes[*at];
                if !wish.sent && wish.retry_at > cx.now {
                    waits.push(wish.retry_at);
                }
                !wish.sent && wish.retry_at <= cx.now
            })
            .collect();
        if !due.is_empty() {
            match self.core.metadata.controller().cloned() {
                None => self.core.metadata.refresh(),
                Some(to) => match self.core.ready(cx, &to) {
                    Ok(()) => due.into_iter().for_each(|at| self.ask(cx, &to, at)),
                    Err(retry) => waits.extend(retry),
                },
            }
        }
        self.wake = self.wake.into_iter().chain(waits).min();
    }

    fn ask(&mut self, cx: &mut Context<'_>, to: &Endpoint, at: usize) {
        let Some(wish) = self.wishes.get_mut(at) else { return };
        wish.sent = true;
        let timeout = self.config.request_timeout.0.min((wish.deadline - cx.now).0);
        let timeout = Span(timeout);
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![wish.request.clone()])
            .with_timeout_ms(timeout_ms);
        let call = Call::new(RequestKind::CreateTopics(request), timeout);
        self.core.send(cx, to, call, wish.serial);
    }

    fn handle_completed(&mut self, cx: &mut Context<'_>, done: Completed<u64>) {
        let found = self.wishes.iter().position(|wish| wish.serial == done.tag);
        let Some(mut wish) = found.and_then(|at| self.wishes.remove(at)) else { return };
        let (error, word) = match done.outcome {
            Ok(ResponseKind::CreateTopics(response)) => {
                let result = response.topics.iter().find(|topic| topic.name == wish.request.name);
                let code = result.map(|topic| ErrorCode(topic.error_code));
                let code = code.unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
                (code, code.word())
            }
            Ok(_) => (ErrorCode::UNKNOWN_SERVER_ERROR, ErrorCode::UNKNOWN_SERVER_ERROR.word()),
            Err(klamm_protocol::RpcError::UnsupportedVersion) => {
                (ErrorCode::UNSUPPORTED_VERSION, ErrorCode::UNSUPPORTED_VERSION.word())
            }
            Err(error) => (ErrorCode::NETWORK_EXCEPTION, error.word()),
        };
        if !error.retriable() {
            return self.answer(cx, wish, error);
        }
        cx.observe(EventKind::RequestRetried {
            partition: TopicPartition::new(TopicName::clone(&wish.topic), -1),
            api_key: ApiKey::CreateTopics as i16,
            error: word,
        });
        // Another broker may be nearer to the controller, or alive.
        self.core.metadata.refresh();
        let backoff =
            Backoff { least: self.config.retry_backoff, most: self.config.retry_backoff_max };
        wish.retry_at = backoff.until(cx, wish.failures);
        wish.failures = wish.failures.saturating_add(1);
        wish.sent = false;
        self.wishes.push_back(wish);
    }

    fn answer(&mut self, cx: &mut Context<'_>, wish: Wish, error: ErrorCode) {
        self.answered += 1;
        cx.observe(EventKind::AdminAnswered { request: wish.text, error: error.word() });
    }
}

impl Node for Admin {
    fn handle(&mut self, cx: &mut Context<'_>, input: Input) {
        self.core.handle(cx, &input);
        if let Input::Command(command) = input {
            match command {
                Command::CreateTopic {
                    name,
                    partitions,
                    replication_factor,
                    configs,
                    assignments,
                } => {
                    let factor = replication_factor;
                    self.create_topic(cx, &name, partitions, factor, &configs, &assignments);
                }
                Command::Shutdown => {
                    self.core.close_all(cx);
                    return cx.out.halt("the admin client is closed", true);
                }
                // Meant for other clients.
                Command::Produce(_) | Command::Flush | Command::Assign { .. } => {}
            }
        }
        self.drive(cx);
    }

    fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let own = self.wake.map(|at| (at, "admin"));
        [own, self.core.next_deadline()].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use klamm_protocol::kafka::messages::CreateTopicsResponse;
    use klamm_protocol::kafka::messages::create_topics_response::CreatableTopicResult;

    use super::*;
    use crate::testing::{Lab, Request, bootstrap};

    fn create(lab: &mut Lab<Admin>, assignments: Vec<Vec<BrokerId>>) {
        lab.command(Command::CreateTopic {
            name: "orders".into(),
            partitions: 3,
            replication_factor: 2,
            configs: vec![("min.insync.replicas".to_owned(), "2".to_owned())],
            assignments,
        });
    }

    fn answer(lab: &mut Lab<Admin>, request: &Request, code: ErrorCode) -> CreatableTopic {
        let RequestKind::CreateTopics(asked) = &request.body else { panic!("{request:?}") };
        let topic = asked.topics[0].clone();
        let result =
            CreatableTopicResult::default().with_name(topic.name.clone()).with_error_code(code.0);
        let response = CreateTopicsResponse::default().with_topics(vec![result]);
        lab.reply(request, Some(&ResponseKind::CreateTopics(response)));
        topic
    }

    #[test]
    fn a_topic_is_asked_for_until_it_is_answered_for_good() {
        let mut lab = Lab::new(Admin::new("admin-1", bootstrap(), AdminConfig::default()));
        create(&mut lab, Vec::new());
        let first = lab.next_request().expect("asked");
        let topic = answer(&mut lab, &first, ErrorCode::NOT_CONTROLLER);
        assert_eq!((topic.num_partitions, topic.replication_factor), (3, 2));
        assert_eq!(
            lab.told(),
            ["RequestRetried partition=orders--1 api_key=19 error=NOT_CONTROLLER"]
        );
        lab.advance(Span::millis(200));
        let second = lab.next_request().expect("asked again");
        answer(&mut lab, &second, ErrorCode::NONE);
        assert_eq!(
            lab.told(),
            [
                "AdminAnswered request=\"create topic orders with 3 partitions, replication factor 2\" error=NONE"
            ]
        );
        assert_eq!(lab.node.summary().answered, 1);
    }

    #[test]
    fn assignments_by_hand_leave_the_numbers_out_and_a_refusal_is_final() {
        let mut lab = Lab::new(Admin::new("admin-1", bootstrap(), AdminConfig::default()));
        create(&mut lab, vec![vec![BrokerId(2), BrokerId(3)]]);
        let request = lab.next_request().expect("asked");
        let topic = answer(&mut lab, &request, ErrorCode::TOPIC_ALREADY_EXISTS);
        assert_eq!((topic.num_partitions, topic.replication_factor), (-1, -1));
        assert_eq!(topic.assignments[0].broker_ids, [WireBrokerId(2), WireBrokerId(3)]);
        assert!(lab.told()[0].ends_with("error=TOPIC_ALREADY_EXISTS"));
    }

    #[test]
    fn without_any_broker_it_gives_up_in_the_end() {
        let mut lab = Lab::new(Admin::new("admin-1", bootstrap(), AdminConfig::default()));
        lab.down.extend(1..=3);
        create(&mut lab, Vec::new());
        lab.advance(Span::secs(59));
        assert_eq!(lab.told(), Vec::<String>::new());
        lab.advance(Span::secs(1));
        assert!(lab.told()[0].ends_with("error=REQUEST_TIMED_OUT"));
        assert_eq!(lab.node.summary().waiting, 0);
    }
}
