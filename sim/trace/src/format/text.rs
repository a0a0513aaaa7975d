//! The one-line text form, documented in the book's page on the trace format.

use std::fmt::Write as _;

use klamm_node::EventKind;
use klamm_node::NodeId;
use klamm_node::event::{Event, Named};

use crate::header::NodeTable;

/// An event as one line: sequence number, time, node, room, verb, then `key=value` in declaration order, and last
/// `cause=#n` unless nothing caused it.
pub fn event_line(event: &Event, nodes: &NodeTable) -> String {
    let mut line = format!(
        "{:>7} {:>12} {:<13} {:<10} {}",
        event.seq.0,
        event.time.to_string(),
        nodes.name(event.node),
        event.kind.room(),
        event.kind.name()
    );
    write_fields(&mut line, &event.kind, nodes);
    if let Some(cause) = event.cause {
        write!(line, " cause=#{}", cause.0).expect("writing to a String can't fail");
    }
    line
}

/// ` key=value` for each field, in declaration order; nodes by name.
pub(crate) fn write_fields(line: &mut String, kind: &EventKind, nodes: &NodeTable) {
    write_fields_with(line, kind, nodes, &|_, _| None);
}

/// As [`write_fields`], with other words for the fields that `words` has some for: by the field's name and its text.
pub(crate) fn write_fields_with(
    line: &mut String,
    kind: &EventKind,
    nodes: &NodeTable,
    words: &dyn Fn(&str, &str) -> Option<String>,
) {
    let named = node_fields(kind);
    let mut text = String::new();
    kind.visit(&mut |key, value| {
        if value.is_silent() {
            return;
        }
        line.push(' ');
        if let Some((_, node)) = named.iter().find(|(field, _)| *field == key) {
            line.push_str(key);
            line.push('=');
            line.push_str(nodes.name(*node));
            return;
        }
        text.clear();
        value.show(&mut text).expect("writing to a String can't fail");
        match words(key, &text) {
            Some(said) => line.push_str(&said),
            None => {
                line.push_str(key);
                line.push('=');
                line.push_str(&text);
            }
        }
    });
}

/// The fields of an event that name nodes by their places in the run, with whom they name: people know nodes by their names.
pub fn node_fields(kind: &EventKind) -> Vec<(&'static str, NodeId)> {
    let mut fields = Vec::new();
    kind.visit(&mut |key, value| {
        value.each_node(&mut |named| {
            if let Named::Node(node) = named {
                fields.push((key, node));
            }
        });
    });
    fields
}
