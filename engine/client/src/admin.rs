//! The admin client: asks for what an operator wants until it is answered for good.
//!
//! What each request says on the wire, and how its answer reads, is in `job`.

use std::collections::VecDeque;

use klamm_node::event::Word;
use klamm_node::{
    AdminRequest, Command, Context, DirectoryId, Endpoint, EventKind, Input, Node, Span, Time,
};
use klamm_protocol::kafka::messages::ResponseKind;
use klamm_protocol::{Call, Completed, ErrorCode, RpcError};

use crate::backoff::Backoff;
use crate::core::{Core, Shared};
use crate::metadata::Metadata;
use crate::summary::ClientSummary;

mod group;
mod job;

use group::GroupJob;
use job::{Job, Reading, Route, creatable};

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

/// Something that was asked for and is not answered for good yet.
#[derive(Clone, Debug)]
struct Wish {
    serial: u64,
    text: String,
    job: Job,
    /// The directory of the controller that the wish is about, once it was looked up.
    directory: Option<DirectoryId>,
    deadline: Time,
    retry_at: Time,
    failures: u32,
    sent: bool,
}

/// An admin client as a node.
///
/// As Kafka's, it asks the broker that metadata names as the controller, which in KRaft is any broker that is alive and
/// forwards to the active controller; the leader of a partition for its records; and a broker itself for its own
/// configs. A request that got no answer is asked again, and the first try may have been done: then the second is
/// answered with TOPIC_ALREADY_EXISTS and the like, as with Kafka's own. An answer is asked for again only where Kafka's
/// client does so.
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
        let metadata =
            Metadata::new(bootstrap, config.metadata_max_age, backoff).creating_nothing();
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

    fn wish(&mut self, cx: &Context<'_>, job: Job) {
        self.next += 1;
        if let Route::Leader(partition) = job.route() {
            self.core.metadata.want(&partition.topic);
        }
        self.wishes.push_back(Wish {
            serial: self.next,
            text: job.to_string(),
            job,
            directory: None,
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
                    self.answer(cx, &wish, vec![(None, ErrorCode::REQUEST_TIMED_OUT)]);
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

    /// Asks what is due, each of whom it is for.
    fn send(&mut self, cx: &mut Context<'_>) {
        self.wake = self.wishes.iter().map(|wish| wish.deadline).min();
        let mut waits: Vec<Time> = Vec::new();
        for at in 0..self.wishes.len() {
            let wish = &self.wishes[at];
            if wish.sent {
                continue;
            }
            if wish.retry_at > cx.now {
                waits.push(wish.retry_at);
                continue;
            }
            let to = match wish.job.route() {
                Route::Controller => self.core.metadata.controller().cloned(),
                Route::Any => self.core.least_loaded(cx),
                Route::Broker(broker) => self.core.metadata.broker(broker).cloned(),
                Route::Leader(partition) => {
                    self.core.metadata.leader(&partition).map(|(_, at)| at.clone())
                }
                Route::At(at) => Some(at),
                Route::Next(asked) => match self.core.metadata.other_broker(&asked) {
                    Some((_, at)) => Some(at.clone()),
                    None if asked.is_empty() => None,
                    None => {
                        self.finish_listing(cx, at);
                        return self.send(cx);
                    }
                },
            };
            match to {
                None => self.core.metadata.refresh(),
                Some(to) => match self.core.ready(cx, &to) {
                    Ok(()) => self.ask(cx, &to, at),
                    Err(retry) => waits.extend(retry),
                },
            }
        }
        self.wake = self.wake.into_iter().chain(waits).min();
    }

    fn ask(&mut self, cx: &mut Context<'_>, to: &Endpoint, at: usize) {
        let Some(wish) = self.wishes.get_mut(at) else { return };
        wish.sent = true;
        let timeout = Span(self.config.request_timeout.0.min((wish.deadline - cx.now).0));
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let call = Call::new(wish.job.request(wish.directory, timeout_ms), timeout);
        self.core.send(cx, to, call, wish.serial);
    }

    fn handle_completed(&mut self, cx: &mut Context<'_>, done: Completed<u64>) {
        let found = self.wishes.iter().position(|wish| wish.serial == done.tag);
        let Some(mut wish) = found.and_then(|at| self.wishes.remove(at)) else { return };
        match done.outcome {
            Ok(response) => match self.read(&mut wish, &done.to, &response) {
                Reading::Next => {
                    wish.sent = false;
                    wish.retry_at = cx.now;
                    self.wishes.push_back(wish);
                }
                Reading::Found(directory) => {
                    wish.directory = Some(directory);
                    wish.sent = false;
                    wish.retry_at = cx.now;
                    self.wishes.push_back(wish);
                }
                Reading::Answered(outcomes) => {
                    let again = outcomes.iter().find(|(_, error)| wish.job.asks_again(*error));
                    match again {
                        Some((_, error)) => self.retry(cx, wish, error.word()),
                        None => self.answer(cx, &wish, outcomes),
                    }
                }
            },
            Err(RpcError::UnsupportedVersion) => {
                if let Job::Group(job) = &mut wish.job
                    && job.unsupported()
                {
                    wish.sent = false;
                    return self.wishes.push_back(wish);
                }
                self.answer(cx, &wish, vec![(None, ErrorCode::UNSUPPORTED_VERSION)]);
            }
            Err(error) => {
                if let Job::Group(job) = &mut wish.job {
                    job.nobody_answered();
                }
                self.retry(cx, wish, error.word());
            }
        }
    }

    fn read(&self, wish: &mut Wish, from: &Endpoint, response: &ResponseKind) -> Reading {
        match &mut wish.job {
            Job::Group(job) => job.read(self.core.metadata.broker_at(from), response),
            job @ (Job::CreateTopic { .. } | Job::Other(_)) => job.read(wish.directory, response),
        }
    }

    /// Every broker has listed its groups.
    fn finish_listing(&mut self, cx: &mut Context<'_>, at: usize) {
        let Some(mut wish) = self.wishes.remove(at) else { return };
        if let Job::Group(job) = &mut wish.job {
            let lines = job.all_listed();
            self.answer(cx, &wish, lines);
        }
    }

    fn retry(&mut self, cx: &mut Context<'_>, mut wish: Wish, error: Word) {
        let api_key = wish.job.api(wish.directory) as i16;
        cx.observe(EventKind::AdminRetried { request: wish.text.clone(), api_key, error });
        // Another broker may be nearer to the controller, or alive.
        self.core.metadata.refresh();
        let backoff =
            Backoff { least: self.config.retry_backoff, most: self.config.retry_backoff_max };
        wish.retry_at = backoff.until(cx, wish.failures);
        wish.failures = wish.failures.saturating_add(1);
        wish.sent = false;
        self.wishes.push_back(wish);
    }

    /// Tells the outcome: in one piece, or for each part of what was asked.
    fn answer(
        &mut self,
        cx: &mut Context<'_>,
        wish: &Wish,
        outcomes: Vec<(Option<String>, ErrorCode)>,
    ) {
        self.answered += outcomes.len() as u64;
        for (part, error) in outcomes {
            let request = part.unwrap_or_else(|| wish.text.clone());
            cx.observe(EventKind::AdminAnswered { request, error: error.word() });
        }
        if let Route::Leader(partition) = wish.job.route() {
            let topic = &partition.topic;
            let others = self
                .wishes
                .iter()
                .any(|other| matches!(other.job.route(), Route::Leader(p) if p.topic == *topic));
            if !others {
                self.core.metadata.forget(topic);
            }
        }
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
                    let topic =
                        creatable(&name, partitions, replication_factor, &configs, &assignments);
                    let job = Job::CreateTopic { topic, partitions, replication_factor };
                    self.wish(cx, job);
                }
                Command::Admin(AdminRequest::Group(request)) => {
                    self.wish(cx, Job::Group(GroupJob::new(request)));
                }
                Command::Admin(request) => self.wish(cx, Job::Other(request)),
                Command::Shutdown => {
                    self.core.close_all(cx);
                    return cx.out.halt("the admin client is closed", true);
                }
                // Meant for other clients.
                Command::Produce(_)
                | Command::Flush
                | Command::Assign { .. }
                | Command::Group(_)
                | Command::Application(_) => {}
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
mod tests;
