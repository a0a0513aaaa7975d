//! A run as text: its transcript and its verdict, without anything that changes when nothing a reader sees does (the
//! hash, the number of events).

use std::collections::BTreeMap;

use klamm_trace::{NodeTable, Severity, Transcript, TranscriptOptions};
use klamm_world::{Outcome, World};

/// The transcript of a finished run, from its trace alone.
pub fn told_from_trace(world: &World, options: TranscriptOptions) -> String {
    Transcript::of(&world.recorder().to_trace(), options)
}

/// What came of a run: expectations, violations, losses by producer, partition and reason, faults and what they changed.
pub fn verdict(outcome: &Outcome, nodes: &NodeTable) -> String {
    let mut lines = vec!["verdict".to_owned()];
    for expectation in &outcome.expectations {
        let (line, text, found) = (expectation.line, &expectation.text, &expectation.found);
        lines.push(match expectation.met {
            Some(true) => format!("held    line {line}: {text}"),
            Some(false) => format!("FAILED  line {line}: {text}; found {found}"),
            None => format!("MISSED  line {line}: {text}"),
        });
    }
    for step in &outcome.missed_steps {
        lines.push(format!("MISSED  line {}: the step never happened: {}", step.line, step.text));
    }
    for violation in &outcome.violations {
        let word = match violation.severity {
            Severity::Amber => "AMBER ",
            Severity::Red => "BROKEN",
        };
        lines.push(format!("{word}  {violation}"));
    }
    for (node, message) in &outcome.panics {
        lines.push(format!("PANIC   {} panicked: {message}", nodes.name(*node)));
    }
    for ((producer, partition, reason), (records, batches)) in losses(outcome, nodes) {
        lines.push(format!(
            "lost    {records} records in {batches} batches of {producer} in {partition}: permitted, {reason}"
        ));
    }
    for fault in &outcome.faults {
        let effects = fault.effects.iter().map(|(what, count)| format!("{count} {what}"));
        let effects = match fault.bites() {
            0 => "nothing".to_owned(),
            _ => effects.collect::<Vec<_>>().join(", "),
        };
        lines.push(format!("fault   line {}: {} changed {effects}", fault.line, fault.text));
    }
    let last = if outcome.passed() { "everything held" } else { "NOT everything held" };
    lines.push(last.to_owned());
    lines.join("\n  ") + "\n"
}

fn losses(
    outcome: &Outcome,
    nodes: &NodeTable,
) -> BTreeMap<(String, String, String), (usize, usize)> {
    let mut groups: BTreeMap<(String, String, String), (usize, usize)> = BTreeMap::new();
    for loss in &outcome.permitted_losses {
        let producer = nodes.name(loss.producer).to_owned();
        let group = (producer, loss.partition.to_string(), loss.reason.to_string());
        let (records, batches) = groups.entry(group).or_default();
        *records += loss.records.len();
        *batches += 1;
    }
    groups
}
