//! What runs on a machine: every kind of process that the lab knows, as one enum without trait objects.

use std::sync::Arc;

use klamm_broker::{Process, ProcessConfig};
use klamm_client::{Admin, AdminConfig, Application, Consumer, Producer};
use klamm_node::config::{ConsumerConfig, ProducerConfig};
use klamm_node::{Context, Endpoint, Input, Node, Time};

use crate::ping::Ping;

/// What every client is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientBlueprint {
    /// `client.id`.
    pub client_id: String,
    /// `bootstrap.servers`.
    pub bootstrap: Vec<Endpoint>,
}

/// How to make a process, again at every start.
#[derive(Clone, Debug)]
pub enum Blueprint {
    /// A broker, a controller, or both.
    Server(Arc<ProcessConfig>),
    /// A producer.
    Producer(Arc<ClientBlueprint>, ProducerConfig),
    /// A consumer.
    Consumer(Arc<ClientBlueprint>, ConsumerConfig),
    /// An admin client.
    Admin(Arc<ClientBlueprint>, AdminConfig),
    /// A process of somebody's program, which creates its clients itself.
    Application,
    /// Bounces frames, for measuring the lab itself.
    Ping(Ping),
    /// A scripted node of the tests.
    #[cfg(test)]
    Test(crate::tests::Puppet),
}

/// A process.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// A broker, a controller, or both.
    Server(Box<Process>),
    /// A producer.
    Producer(Box<Producer>),
    /// A consumer.
    Consumer(Box<Consumer>),
    /// An admin client.
    Admin(Box<Admin>),
    /// A process of somebody's program.
    Application(Box<Application>),
    /// Bounces frames, for measuring the lab itself.
    Ping(Ping),
    /// A scripted node of the tests.
    #[cfg(test)]
    Test(crate::tests::Puppet),
}

impl Blueprint {
    /// A fresh process.
    pub fn build(&self) -> NodeKind {
        match self {
            Self::Server(config) => NodeKind::Server(Box::new(Process::new((**config).clone()))),
            Self::Producer(client, config) => NodeKind::Producer(Box::new(Producer::new(
                &client.client_id,
                client.bootstrap.clone(),
                config.clone(),
            ))),
            Self::Consumer(client, config) => NodeKind::Consumer(Box::new(Consumer::new(
                &client.client_id,
                client.bootstrap.clone(),
                config.clone(),
            ))),
            Self::Admin(client, config) => NodeKind::Admin(Box::new(Admin::new(
                &client.client_id,
                client.bootstrap.clone(),
                config.clone(),
            ))),
            Self::Application => NodeKind::Application(Box::new(Application::new())),
            Self::Ping(ping) => NodeKind::Ping(ping.clone()),
            #[cfg(test)]
            Self::Test(puppet) => NodeKind::Test(puppet.clone()),
        }
    }
}

impl Node for NodeKind {
    fn handle(&mut self, cx: &mut Context<'_>, input: Input) {
        match self {
            Self::Server(node) => node.handle(cx, input),
            Self::Producer(node) => node.handle(cx, input),
            Self::Consumer(node) => node.handle(cx, input),
            Self::Admin(node) => node.handle(cx, input),
            Self::Application(node) => node.handle(cx, input),
            Self::Ping(node) => node.handle(cx, input),
            #[cfg(test)]
            Self::Test(node) => node.handle(cx, input),
        }
    }

    fn next_deadline(&self) -> Option<(Time, &'static str)> {
        match self {
            Self::Server(node) => node.next_deadline(),
            Self::Producer(node) => node.next_deadline(),
            Self::Consumer(node) => node.next_deadline(),
            Self::Admin(node) => node.next_deadline(),
            Self::Application(node) => node.next_deadline(),
            Self::Ping(node) => node.next_deadline(),
            #[cfg(test)]
            Self::Test(node) => node.next_deadline(),
        }
    }
}
