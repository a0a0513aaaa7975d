//! A bare lab, to measure what the lab itself costs an event.

use std::sync::Arc;

use klamm_node::{Endpoint, NodeId};
use klamm_scenario::model::{Disk, Network};
use klamm_trace::{Keep, NodeInfo, NodeKind, NodeTable, Recorder, TraceHeader};

use crate::lab::Lab;
use crate::machine::MachineSpec;
use crate::node::Blueprint;
use crate::ping::Ping;
use crate::verb::Verb;

/// `nodes` machines in a ring, each with `balls` frames of `size` bytes in the air between it and the next. Every
/// step of it is paid by the lab: queue, links, connections, events, hash.
pub fn bare(nodes: u16, balls: u32, size: usize, seed: u64, keep: Keep) -> Lab {
    let name = |node: u16| -> Arc<str> { Arc::from(format!("ping-{node}")) };
    let machines = (0..nodes).map(|node| {
        let peer = Endpoint::new(name((node + 1) % nodes), 1);
        MachineSpec {
            name: name(node),
            blueprint: Blueprint::Ping(Ping::new(Some(peer), balls, size)),
            ports: vec![1],
            disk: Disk::default(),
        }
    });
    let infos = (0..nodes).map(|node| NodeInfo {
        name: name(node),
        kind: NodeKind::Application,
        broker: None,
        host: name(node),
        rack: None,
    });
    let header = TraceHeader::new(NodeTable::new(infos.collect()));
    let mut lab =
        Lab::new(seed, machines.collect(), Network::default(), Recorder::new(header, keep));
    for node in 0..nodes {
        lab.apply(&Verb::Start(NodeId(node)), None, None);
    }
    lab
}
