//! What a trace says about itself before its first event: the scenario, the seed and the table of nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_node::{BrokerId, NodeId};
use serde::{Deserialize, Serialize};

/// The node of events that belong to no process: the scenario's steps and expectations, links.
pub const LAB: NodeId = NodeId(u16::MAX);

/// What a process of the lab is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum NodeKind {
    /// A broker.
    Broker,
    /// A controller: a voter of the metadata quorum.
    Controller,
    /// Broker and controller in one process (`process.roles=broker,controller`).
    Combined,
    /// A producer.
    Producer,
    /// A consumer.
    Consumer,
    /// An admin client.
    Admin,
    /// An application of a person's own, see the madsim driver.
    Application,
}

impl NodeKind {
    /// True for a process that hosts partitions.
    pub fn is_broker(self) -> bool {
        matches!(self, Self::Broker | Self::Combined)
    }

    /// True for a voter of the metadata quorum.
    pub fn is_controller(self) -> bool {
        matches!(self, Self::Controller | Self::Combined)
    }

    /// True for a process that is a client of the cluster.
    pub fn is_client(self) -> bool {
        !self.is_broker() && !self.is_controller()
    }
}

/// A line of the node table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The name in scenario files and transcripts, `broker-1`.
    pub name: Arc<str>,
    /// What it is.
    pub kind: NodeKind,
    /// Kafka's `node.id`, for brokers and controllers.
    pub broker: Option<BrokerId>,
    /// The host name in listeners and metadata.
    pub host: Arc<str>,
    /// The rack, if it has one.
    pub rack: Option<String>,
}

/// Every node of the lab; a [`NodeId`] is an index into it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct NodeTable(pub Arc<Vec<NodeInfo>>);

impl NodeTable {
    /// A table of these nodes, in the order of their ids.
    pub fn new(nodes: Vec<NodeInfo>) -> Self {
        Self(Arc::new(nodes))
    }

    /// A node's line; none for [`LAB`].
    pub fn get(&self, node: NodeId) -> Option<&NodeInfo> {
        self.0.get(usize::from(node.0))
    }

    /// A node's name; `lab` for [`LAB`].
    pub fn name(&self, node: NodeId) -> &str {
        match self.get(node) {
            Some(info) => &info.name,
            None if node == LAB => "lab",
            None => "?",
        }
    }

    /// A node's `node.id`.
    pub fn broker_of(&self, node: NodeId) -> Option<BrokerId> {
        self.get(node)?.broker
    }

    /// The node with a `node.id`.
    pub fn node_of(&self, broker: BrokerId) -> Option<NodeId> {
        let at = self.0.iter().position(|info| info.broker == Some(broker))?;
        u16::try_from(at).ok().map(NodeId)
    }

    /// The node with a name.
    pub fn named(&self, name: &str) -> Option<NodeId> {
        let at = self.0.iter().position(|info| &*info.name == name)?;
        u16::try_from(at).ok().map(NodeId)
    }

    /// Ids and lines, in order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &NodeInfo)> {
        (0..u16::MAX).map(NodeId).zip(self.0.iter())
    }

    /// The voters of the metadata quorum.
    pub fn voters(&self) -> impl Iterator<Item = NodeId> {
        self.iter().filter(|(_, info)| info.kind.is_controller()).map(|(node, _)| node)
    }
}

/// Everything that a run follows from, and the names that its events use.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TraceHeader {
    /// The version of Klamm that made the run.
    pub klamm_version: String,
    /// The scenario file's name, without folders.
    pub scenario_name: String,
    /// The scenario file's text.
    pub scenario: Arc<str>,
    /// The seed.
    pub seed: u64,
    /// Which driver ran it: `world`, `madsim`.
    pub driver: String,
    /// The switches of the museum of bugs that were on, by name.
    pub switches: Vec<String>,
    /// `min.insync.replicas` where no topic or cluster config overrides it.
    pub min_insync_replicas: u32,
    /// The settings that every broker and controller starts with, by Kafka's keys.
    #[serde(default)]
    pub server_config: BTreeMap<String, String>,
    /// The nodes.
    pub nodes: NodeTable,
}

impl TraceHeader {
    /// A header with these nodes, no scenario, seed 0; `min.insync.replicas` is Kafka's default of 1.
    pub fn new(nodes: NodeTable) -> Self {
        Self {
            klamm_version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario_name: String::new(),
            scenario: Arc::from(""),
            seed: 0,
            driver: "world".to_owned(),
            switches: Vec::new(),
            min_insync_replicas: 1,
            server_config: BTreeMap::new(),
            nodes,
        }
    }
}
