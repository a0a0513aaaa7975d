//! What a process is told before it starts: its `server.properties`.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_node::config::ServerConfig;
use klamm_node::{BrokerId, DirectoryId, Endpoint};

/// The roles of a process (`process.roles`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Roles {
    /// Serves clients and holds replicas.
    pub broker: bool,
    /// Votes in the metadata quorum and may become the active controller.
    pub controller: bool,
}

impl Roles {
    /// `process.roles=broker`
    pub const BROKER: Self = Self { broker: true, controller: false };
    /// `process.roles=controller`
    pub const CONTROLLER: Self = Self { broker: false, controller: true };
    /// `process.roles=broker,controller`
    pub const COMBINED: Self = Self { broker: true, controller: true };
}

/// A broker's, a controller's or a combined process's settings.
#[derive(Clone, Debug)]
pub struct ProcessConfig {
    /// `node.id`.
    pub id: BrokerId,
    /// `process.roles`.
    pub roles: Roles,
    /// The host that it listens on and tells clients; in the world, the node's name.
    pub host: Arc<str>,
    /// The port of the broker listener that it binds.
    pub broker_port: u16,
    /// The port of the controller listener that it binds.
    pub controller_port: u16,
    /// Where clients reach its broker listener (`advertised.listeners`); none is the host and port above.
    pub advertised: Option<Endpoint>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// Its one log directory (`log.dirs`), by the name that clients are told.
    pub log_dir: String,
    /// The cluster's id, which the disk must agree with.
    pub cluster_id: String,
    /// `controller.quorum.voters`: the controllers and where they listen. Empty where the metadata log names the voters
    /// (KIP-853).
    pub voters: BTreeMap<BrokerId, Endpoint>,
    /// `controller.quorum.bootstrap.servers`: controllers that are asked for the quorum's leader, where no voters are
    /// configured.
    pub bootstrap_controllers: Vec<Endpoint>,
    /// What the first disks of a quorum are formatted with (`kafka-storage format --initial-controllers`): the first voters
    /// by node id, each with the identity of its directory.
    pub initial_controllers: BTreeMap<BrokerId, (DirectoryId, Endpoint)>,
    /// Everything else, by Kafka's keys.
    pub settings: ServerConfig,
}

impl ProcessConfig {
    /// A node with Kafka's defaults, ports 9092 and 9093.
    pub fn new(
        id: BrokerId,
        roles: Roles,
        host: impl Into<Arc<str>>,
        voters: BTreeMap<BrokerId, Endpoint>,
    ) -> Self {
        Self {
            id,
            roles,
            host: host.into(),
            broker_port: 9092,
            controller_port: 9093,
            advertised: None,
            rack: None,
            log_dir: "/tmp/kafka-logs".to_owned(),
            cluster_id: "klamm-cluster-AAAAAAAA".to_owned(),
            voters,
            bootstrap_controllers: Vec::new(),
            initial_controllers: BTreeMap::new(),
            settings: ServerConfig::default(),
        }
    }

    /// Where clients reach this broker.
    pub fn advertised(&self) -> Endpoint {
        let bound = || Endpoint::new(Arc::clone(&self.host), self.broker_port);
        self.advertised.clone().unwrap_or_else(bound)
    }

    /// Where its controller listens, if it has one.
    pub fn controller_listener(&self) -> Option<Endpoint> {
        self.roles.controller.then(|| Endpoint::new(Arc::clone(&self.host), self.controller_port))
    }

    /// Its `server.properties`, as far as they differ from Kafka's defaults.
    pub fn properties(&self) -> BTreeMap<String, String> {
        let changed = self.settings.changed().into_iter();
        let mut all: BTreeMap<String, String> =
            changed.map(|(key, value)| (key.to_owned(), value)).collect();
        let mut tell = |key: &str, value: String| all.insert(key.to_owned(), value);
        let roles = [(self.roles.broker, "broker"), (self.roles.controller, "controller")];
        let roles: Vec<&str> = roles.iter().filter(|(on, _)| *on).map(|(_, role)| *role).collect();
        let voters: Vec<String> = self.voters.iter().map(|(id, at)| format!("{id}@{at}")).collect();
        tell("node.id", self.id.to_string());
        tell("broker.id", self.id.to_string());
        tell("process.roles", roles.join(","));
        if !self.bootstrap_controllers.is_empty() {
            let servers: Vec<String> =
                self.bootstrap_controllers.iter().map(ToString::to_string).collect();
            tell("controller.quorum.bootstrap.servers", servers.join(","));
        }
        tell("controller.quorum.voters", voters.join(","));
        tell("listeners", format!("PLAINTEXT://{}:{}", self.host, self.broker_port));
        tell("advertised.listeners", format!("PLAINTEXT://{}", self.advertised()));
        tell("log.dirs", self.log_dir.clone());
        if let Some(rack) = &self.rack {
            tell("broker.rack", rack.clone());
        }
        all
    }
}
