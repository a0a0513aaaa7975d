//! From a scenario's cluster and clients to the table of nodes and their machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_broker::{ProcessConfig, Roles};
use klamm_client::AdminConfig;
use klamm_node::config::{ConsumerConfig, ProducerConfig, ServerConfig};
use klamm_node::{BrokerId, DirectoryId, Endpoint, Purpose, Stream};
use klamm_scenario::Scenario;
use klamm_scenario::model::Client;
use klamm_trace::{NodeInfo, NodeKind, NodeTable};

use crate::machine::MachineSpec;
use crate::node::{Blueprint, ClientBlueprint};
use crate::runner::ADMIN;

/// The port of every broker's listener.
pub const BROKER_PORT: u16 = 9092;
/// The port of every controller's listener.
pub const CONTROLLER_PORT: u16 = 9093;
/// The node id of the first controller.
pub const FIRST_CONTROLLER: i32 = 3001;

/// Every node of a scenario: brokers, controllers, clients in file order, the admin client, and behind it whoever is added
/// later, so that nobody else changes places. The scenario is validated, so its settings parse.
pub fn layout(scenario: &Scenario) -> (NodeTable, Vec<MachineSpec>) {
    let cluster = &scenario.cluster;
    let mut levels = cluster.config.clone();
    levels.extend(cluster.features.iter().map(|(name, level)| (name.clone(), level.to_string())));
    let settings = ServerConfig::from_map(&levels).unwrap_or_default();
    let controller_name = |n: i32| format!("controller-{}", n + 1);
    let controllers: Vec<i32> = (0..i32::from(cluster.controllers)).collect();
    let separate = controllers.iter().map(|n| {
        (BrokerId(FIRST_CONTROLLER + n), Endpoint::new(controller_name(*n), CONTROLLER_PORT))
    });
    let combined =
        cluster.combined.iter().map(|id| (*id, Endpoint::new(broker_name(*id), CONTROLLER_PORT)));
    let mut voters: BTreeMap<BrokerId, Endpoint> = separate.chain(combined).collect();
    // With `kraft.version` 1 nobody is configured to vote: the first disks say who does, and the log from then on (KIP-853).
    let (mut first_voters, mut all_controllers) = (BTreeMap::new(), Vec::new());
    if settings.kraft_version > 0 {
        // As `kafka-storage random-uuid` would give them to the operator, but the same in every run.
        let directory = |id: BrokerId| {
            let entity = u64::from(id.0.unsigned_abs());
            DirectoryId(Stream::new(0, Purpose::Ids, entity, 0).wide() | 1 << 64)
        };
        let spare = (i32::from(cluster.controllers)..)
            .take(usize::from(cluster.spare_controllers))
            .map(|n| Endpoint::new(controller_name(n), CONTROLLER_PORT));
        all_controllers = voters.values().cloned().chain(spare).collect();
        first_voters = std::mem::take(&mut voters)
            .into_iter()
            .map(|(id, at)| (id, (directory(id), at)))
            .collect();
    }
    let bootstrap: Vec<Endpoint> = cluster
        .brokers
        .iter()
        .map(|broker| Endpoint::new(broker_name(broker.id), BROKER_PORT))
        .collect();
    let mut nodes = Vec::new();
    let server = |id: BrokerId,
                  name: String,
                  roles: Roles,
                  rack: Option<String>,
                  own: Option<ServerConfig>| {
        let mut config = ProcessConfig::new(id, roles, name.clone(), voters.clone());
        config.initial_controllers.clone_from(&first_voters);
        config.bootstrap_controllers.clone_from(&all_controllers);
        config.settings = own.unwrap_or_else(|| settings.clone());
        config.rack.clone_from(&rack);
        let (kind, ports) = match (roles.broker, roles.controller) {
            (true, true) => (NodeKind::Combined, vec![BROKER_PORT, CONTROLLER_PORT]),
            (true, false) => (NodeKind::Broker, vec![BROKER_PORT]),
            (false, _) => (NodeKind::Controller, vec![CONTROLLER_PORT]),
        };
        (name, kind, Some(id), rack, Blueprint::Server(Arc::new(config)), ports)
    };
    for broker in &cluster.brokers {
        let rack = broker.rack.clone();
        // Its own settings lie over those of the cluster.
        let mut own = settings.clone();
        let mut refused = broker.config.iter().filter(|(key, value)| own.set(key, value).is_err());
        let own = refused.next().is_none().then_some(own);
        let votes = cluster.combined.contains(&broker.id);
        let roles = if votes { Roles::COMBINED } else { Roles::BROKER };
        nodes.push(server(broker.id, broker_name(broker.id), roles, rack, own));
    }
    let spare = i32::from(cluster.controllers)
        ..i32::from(cluster.controllers) + i32::from(cluster.spare_controllers);
    for n in controllers.into_iter().chain(spare) {
        let id = BrokerId(FIRST_CONTROLLER + n);
        nodes.push(server(id, controller_name(n), Roles::CONTROLLER, None, None));
    }
    let client = |name: &str| {
        Arc::new(ClientBlueprint { client_id: name.to_owned(), bootstrap: bootstrap.clone() })
    };
    let admin = Blueprint::Admin(client(ADMIN), AdminConfig::default());
    let mut admin = Some((ADMIN.to_owned(), NodeKind::Admin, None, None, admin, Vec::new()));
    let mut clients: Vec<&Client> = scenario.clients.iter().collect();
    // Stable: each kind stays in the order of the file.
    clients.sort_by_key(|client| client.added().is_some());
    for described in clients {
        if described.added().is_some() {
            nodes.extend(admin.take());
        }
        let name = described.name().to_owned();
        let common = client(&name);
        let (kind, blueprint) = match described {
            // Whoever hosts its program keeps step with the world.
            Client::Application(_) => (NodeKind::Application, Blueprint::Application),
            Client::Producer(producer) => {
                let config = ProducerConfig::from_map(&producer.config).unwrap_or_default();
                (NodeKind::Producer, Blueprint::Producer(common, config))
            }
            Client::Consumer(consumer) => {
                let config = ConsumerConfig::from_map(&consumer.config).unwrap_or_default();
                (NodeKind::Consumer, Blueprint::Consumer(common, config))
            }
        };
        nodes.push((name, kind, None, None, blueprint, Vec::new()));
    }
    nodes.extend(admin);

    let mut infos = Vec::new();
    let mut machines = Vec::new();
    for (name, kind, broker, rack, blueprint, ports) in nodes {
        let name: Arc<str> = Arc::from(name);
        infos.push(NodeInfo { name: name.clone(), kind, broker, host: name.clone(), rack });
        machines.push(MachineSpec { name, blueprint, ports, disk: cluster.disk });
    }
    (NodeTable::new(infos), machines)
}

fn broker_name(id: BrokerId) -> String {
    format!("broker-{id}")
}
