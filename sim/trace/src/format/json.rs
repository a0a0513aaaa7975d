//! The JSON form: one object a line.

use klamm_node::event::Event;
use serde_json::{Map, Value, json};

use crate::header::NodeTable;

/// An event as a JSON object in one line: `seq`, `time_ns`, `node` (its name), `room`, `cause`, `kind` (the verb), and
/// `fields` with the verb's fields.
pub fn event_json(event: &Event, nodes: &NodeTable) -> String {
    // Serde writes an enum variant as {"Name": {fields}}.
    let kind = serde_json::to_value(&event.kind).unwrap_or_default();
    let fields = kind.get(event.kind.name()).cloned();
    let object = json!({
        "seq": event.seq.0,
        "time_ns": event.time.0,
        "node": nodes.name(event.node),
        "room": event.kind.room().name(),
        "cause": event.cause.map(|cause| cause.0),
        "kind": event.kind.name(),
        "fields": fields.unwrap_or_else(|| Value::Object(Map::new())),
    });
    object.to_string()
}
