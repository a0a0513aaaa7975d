//! Causality: from an event back along its causes to the line of the scenario that started it.

use klamm_node::Seq;

use crate::header::NodeTable;
use crate::store::EventStore;

/// A step of a chain of causes.
#[derive(Clone, PartialEq, Debug)]
pub struct Hop {
    /// The event.
    pub seq: Seq,
    /// The line.
    pub text: String,
}

/// Why an event happened.
#[derive(Clone, PartialEq, Debug)]
pub struct Chain {
    /// From the event asked about back to the start.
    pub hops: Vec<Hop>,
}

/// Walks the causes of an event.
pub fn why(events: &EventStore, nodes: &NodeTable, seq: Seq) -> Option<Chain> {
    let _ = (events, nodes, seq);
    None
}
