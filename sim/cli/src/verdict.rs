//! What a run came to, in words and for machines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use klamm_node::{NodeId, Offset, TopicPartition};
use klamm_trace::{INVARIANTS, NodeTable, PermittedLoss, PermittedReason, Severity};
use klamm_world::Outcome;
use serde_json::{Value, json};

use crate::console::Console;

/// The most violations, losses or faults that a person is shown; the trace has them all.
const SHOWN: usize = 12;

/// The verdict for a person.
pub(crate) fn text(outcome: &Outcome, nodes: &NodeTable, console: &Console) -> String {
    let mut out = String::new();
    let green = |text: &str| console.paint("32", text);
    let red = |text: &str| console.paint("31", text);
    let amber = |text: &str| console.paint("33", text);

    let _ = writeln!(out, "{}", console.paint("1", "verdict"));
    for expectation in &outcome.expectations {
        let _ = match expectation.met {
            Some(true) => writeln!(out, "  {} line {}: {}", green("held  "), expectation.line, expectation.text),
            Some(false) => writeln!(
                out,
                "  {} line {}: {}; found {}",
                red("FAILED"),
                expectation.line,
                expectation.text,
                expectation.found
            ),
            None => writeln!(out, "  {} line {}: {}", red("MISSED"), expectation.line, expectation.text),
        };
    }
    for step in &outcome.missed_steps {
        let _ = writeln!(out, "  {} line {}: the step never happened: {}", red("MISSED"), step.line, step.text);
    }
    for violation in outcome.violations.iter().take(SHOWN) {
        let word = match violation.severity {
            Severity::Amber => amber("AMBER "),
            Severity::Red => red("BROKEN"),
        };
        let _ = writeln!(out, "  {word} {violation}");
    }
    more(&mut out, outcome.violations.len(), "violations");
    for (node, message) in &outcome.panics {
        let _ = writeln!(out, "  {} {} panicked: {message}", red("PANIC "), nodes.name(*node));
    }
    for line in losses(&outcome.permitted_losses, nodes) {
        let _ = writeln!(out, "  {} {line}", amber("lost  "));
    }
    for fault in outcome.faults.iter().take(SHOWN) {
        let effects: Vec<String> = fault.effects.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let _ = if fault.bites() == 0 {
            writeln!(out, "  {} line {}: {} changed nothing", amber("idle  "), fault.line, fault.text)
        } else {
            writeln!(out, "  fault  line {}: {}: {}", fault.line, fault.text, effects.join(", "))
        };
    }
    more(&mut out, outcome.faults.len(), "faults");
    if outcome.violations.is_empty() {
        let checked = format!("{} invariants checked after each of {} events", INVARIANTS.len(), outcome.events);
        let _ = writeln!(out, "  {} {checked}", green("held  "));
    }
    let last = if outcome.passed() { green("everything held") } else { red("NOT everything held") };
    let _ = writeln!(out, "  {last}");
    out
}

/// One line for what one producer lost in one partition for one reason:
/// `231 records of hasty in orders-0 from offset 139: permitted, acks=1 promises nothing once the leader is replaced`
fn losses(losses: &[PermittedLoss], nodes: &NodeTable) -> Vec<String> {
    let mut groups: BTreeMap<_, (usize, Offset)> = BTreeMap::new();
    for loss in losses {
        let group = groups.entry((loss.producer, loss.partition.clone(), loss.reason)).or_insert((0, loss.base));
        group.0 += loss.records.len();
        group.1 = group.1.min(loss.base);
    }
    let line = |((producer, partition, reason), (count, base)): ((NodeId, TopicPartition, PermittedReason), (usize, Offset))| {
        let records = if count == 1 { "1 record".to_owned() } else { format!("{count} records") };
        let producer = nodes.name(producer);
        format!("{records} of {producer} in {partition} from offset {base}: permitted, {}", reason.text())
    };
    groups.into_iter().map(line).collect()
}

fn more(out: &mut String, count: usize, what: &str) {
    if count > SHOWN {
        let _ = writeln!(out, "         and {} more {what}", count - SHOWN);
    }
}

/// The verdict for a machine.
pub(crate) fn json(outcome: &Outcome, nodes: &NodeTable) -> Value {
    json!({
        "passed": outcome.passed(),
        "virtual_seconds": outcome.end.to_string(),
        "events": outcome.events,
        "hash": outcome.hash.to_string(),
        "expectations": outcome.expectations.iter().map(|expectation| json!({
            "line": expectation.line,
            "text": expectation.text,
            "met": expectation.met,
            "found": expectation.found,
            "at": expectation.at.to_string(),
        })).collect::<Vec<_>>(),
        "missed_steps": outcome.missed_steps.iter().map(|step| json!({
            "line": step.line,
            "text": step.text,
        })).collect::<Vec<_>>(),
        "violations": outcome.violations.iter().map(|violation| json!({
            "invariant": violation.id.code(),
            "name": violation.id.name(),
            "severity": violation.severity.to_string(),
            "seq": violation.seq.0,
            "time": violation.time.to_string(),
            "partition": violation.partition.as_ref().map(ToString::to_string),
            "offset": violation.offset.map(|offset| offset.0),
            "sentence": violation.sentence,
            "events": violation.events.iter().map(|seq| seq.0).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "permitted_losses": outcome.permitted_losses.iter().map(|loss| json!({
            "reason": loss.reason.to_string(),
            "producer": nodes.name(loss.producer),
            "partition": loss.partition.to_string(),
            "base_offset": loss.base.0,
            "records": loss.records.iter().map(|record| record.0).collect::<Vec<_>>(),
            "acked": loss.acked.0,
        })).collect::<Vec<_>>(),
        "faults": outcome.faults.iter().map(|fault| json!({
            "line": fault.line,
            "text": fault.text,
            "at": fault.at.to_string(),
            "effects": fault.effects.iter().map(|(what, count)| json!({ "what": what, "count": count })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "panics": outcome.panics.iter().map(|(node, message)| json!({
            "node": nodes.name(*node),
            "message": message,
        })).collect::<Vec<_>>(),
    })
}
