//! What runs on a machine: every kind of process that the lab knows, as one enum without trait objects.

use klamm_node::{Context, Input, Node, Time};

use crate::ping::Ping;

/// How to make a process, again at every start.
#[derive(Clone, Debug)]
pub enum Blueprint {
    /// Bounces frames, for measuring the lab itself.
    Ping(Ping),
    /// A scripted node of the tests.
    #[cfg(test)]
    Test(crate::tests::Puppet),
}

/// A process.
#[derive(Clone, Debug)]
pub enum NodeKind {
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
            Self::Ping(ping) => NodeKind::Ping(ping.clone()),
            #[cfg(test)]
            Self::Test(puppet) => NodeKind::Test(puppet.clone()),
        }
    }
}

impl Node for NodeKind {
    fn handle(&mut self, cx: &mut Context<'_>, input: Input) {
        match self {
            Self::Ping(node) => node.handle(cx, input),
            #[cfg(test)]
            Self::Test(node) => node.handle(cx, input),
        }
    }

    fn next_deadline(&self) -> Option<(Time, &'static str)> {
        match self {
            Self::Ping(node) => node.next_deadline(),
            #[cfg(test)]
            Self::Test(node) => node.next_deadline(),
        }
    }
}
