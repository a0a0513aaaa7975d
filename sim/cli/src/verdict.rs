//! What a run came to, in words and for machines.

use std::collections::BTreeMap;

use klamm_node::{NodeId, Offset, TopicPartition};
use klamm_trace::{INVARIANTS, NodeTable, PermittedLoss, PermittedReason, Severity, Violation};
use klamm_world::{FaultReport, Outcome};
use serde_json::{Value, json};

use crate::console::Console;

/// The most violations, losses or faults that a person is shown; the trace has them all.
const SHOWN: usize = 12;

/// The verdict for a person.
pub(crate) fn text(outcome: &Outcome, nodes: &NodeTable, console: &Console) -> String {
    let green = |text: &str| console.paint("32", text);
    let red = |text: &str| console.paint("31", text);
    let amber = |text: &str| console.paint("33", text);
    let mut lines = vec![console.paint("1", "verdict")];

    for expectation in &outcome.expectations {
        let (line, text, found) = (expectation.line, &expectation.text, &expectation.found);
        lines.push(match expectation.met {
            Some(true) => format!("  {} line {line}: {text}", green("held  ")),
            Some(false) => format!("  {} line {line}: {text}; found {found}", red("FAILED")),
            None => format!("  {} line {line}: {text}", red("MISSED")),
        });
    }
    for step in &outcome.missed_steps {
        lines.push(format!(
            "  {} line {}: the step never happened: {}",
            red("MISSED"),
            step.line,
            step.text
        ));
    }
    let violation = |violation: &Violation| match violation.severity {
        Severity::Amber => format!("  {} {violation}", amber("AMBER ")),
        Severity::Red => format!("  {} {violation}", red("BROKEN")),
    };
    lines.extend(some(&outcome.violations, "violations", violation));
    for (node, message) in &outcome.panics {
        lines.push(format!("  {} {} panicked: {message}", red("PANIC "), nodes.name(*node)));
    }
    for line in losses(&outcome.permitted_losses, nodes) {
        lines.push(format!("  {} {line}", amber("lost  ")));
    }
    let fault = |fault: &FaultReport| {
        let (line, text) = (fault.line, &fault.text);
        if fault.bites() == 0 {
            return format!("  {} line {line}: {text} changed nothing", amber("idle  "));
        }
        let effects: Vec<String> =
            fault.effects.iter().map(|(what, count)| format!("{count} {what}")).collect();
        format!("  fault  line {line}: {text}: {}", effects.join(", "))
    };
    lines.extend(some(&outcome.faults, "faults", fault));
    if outcome.violations.is_empty() {
        let checked = format!(
            "{} invariants checked after each of {} events",
            INVARIANTS.len(),
            outcome.events
        );
        lines.push(format!("  {} {checked}", green("held  ")));
    }
    let last = if outcome.passed() { green("everything held") } else { red("NOT everything held") };
    lines.push(format!("  {last}\n"));
    lines.join("\n")
}

/// The first few of many, and how many more there are.
fn some<T>(all: &[T], what: &str, line: impl Fn(&T) -> String) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(SHOWN).map(line).collect();
    if all.len() > SHOWN {
        lines.push(format!("         and {} more {what}", all.len() - SHOWN));
    }
    lines
}

/// One line for what one producer lost in one partition for one reason:
/// `231 records of hasty in orders-0 from offset 139: permitted, acks=1 promises nothing once the leader is replaced`
fn losses(losses: &[PermittedLoss], nodes: &NodeTable) -> Vec<String> {
    let mut groups: BTreeMap<_, (usize, Offset)> = BTreeMap::new();
    for loss in losses {
        let group = groups
            .entry((loss.producer, loss.partition.clone(), loss.reason))
            .or_insert((0, loss.base));
        group.0 += loss.records.len();
        group.1 = group.1.min(loss.base);
    }
    let line = |((producer, partition, reason), (count, base)): (
        (NodeId, TopicPartition, PermittedReason),
        (usize, Offset),
    )| {
        let records = if count == 1 { "1 record".to_owned() } else { format!("{count} records") };
        let producer = nodes.name(producer);
        format!(
            "{records} of {producer} in {partition} from offset {base}: permitted, {}",
            reason.text()
        )
    };
    groups.into_iter().map(line).collect()
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
