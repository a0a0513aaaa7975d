//! `klamm replay`: a recorded trace, without the engine.

use klamm_node::{Seq, Time};
use klamm_trace::{Trace, Transcript, View, event_json, event_line, why};
use serde_json::json;

use super::{files, run};
use crate::args::{Replay, TextOrJson};
use crate::console::{Console, Failure, Outcome};

/// Reads a trace and answers.
pub(crate) fn replay(args: &Replay, console: &Console) -> Outcome {
    let trace = files::trace(&args.trace)?;
    if let Some(seq) = args.why {
        return explain(args, &trace, Seq(seq), console);
    }
    if let Some(at) = &args.at {
        return moment(args, &trace, at, console);
    }
    if args.events {
        return list(args, &trace, console);
    }
    story(args, &trace, console)
}

/// From an event back to the line of the scenario.
fn explain(args: &Replay, trace: &Trace, seq: Seq, console: &Console) -> Outcome {
    let chain = why(&trace.events, trace.nodes(), seq).ok_or_else(|| {
        let count = trace.events.len();
        Failure::in_file(
            &args.trace,
            format!("there is no event {}; the trace has 1 to {count}", seq.0),
        )
    })?;
    if args.format == TextOrJson::Json {
        let hops: Vec<_> = chain
            .hops
            .iter()
            .map(|hop| {
                json!({
                    "seq": hop.seq.0,
                    "time": hop.time.to_string(),
                    "node": trace.nodes().name(hop.node),
                    "text": hop.text,
                    "events": hop.events,
                })
            })
            .collect();
        return console.say(&format!("{:#}\n", json!({ "hops": hops, "line": chain.line })));
    }
    console.say(&chain.render(trace.nodes()))?;
    if let Some(line) = chain.line {
        let text =
            trace.header.scenario.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
        console.say(&format!("{}:{line}: {}\n", trace.header.scenario_name, text.trim()))?;
    }
    Ok(())
}

/// The state at a time or after an event.
fn moment(args: &Replay, trace: &Trace, at: &str, console: &Console) -> Outcome {
    let until = match at.parse::<u64>() {
        Ok(seq) => Until::Seq(Seq(seq)),
        Err(_) => Until::Time(Time::ZERO + files::span("--at", at)?),
    };
    let mut view = View::new(&trace.header);
    let mut last = None;
    for event in trace.events.iter() {
        if until.is_before(event.seq, event.time) {
            break;
        }
        view.apply(&event);
        last = Some(event);
    }
    let partitions = view.partition_lines(&[]);
    let nodes: Vec<String> = trace.nodes().iter().map(|(node, _)| view.node_line(node)).collect();
    if args.format == TextOrJson::Json {
        let last = last.map(|event| json!({ "seq": event.seq.0, "time": event.time.to_string() }));
        let answer = json!({ "at": last, "quorum": view.quorum_line(), "partitions": partitions, "nodes": nodes });
        return console.say(&format!("{answer:#}\n"));
    }
    let mut text = match &last {
        Some(event) => format!("after {}\n", event_line(event, trace.nodes())),
        None => "before the first event\n".to_owned(),
    };
    for line in std::iter::once(view.quorum_line()).chain(partitions).chain(nodes) {
        text.push_str(&line);
        text.push('\n');
    }
    console.say(&text)
}

/// Where a replay stops.
#[derive(Clone, Copy)]
enum Until {
    Seq(Seq),
    Time(Time),
}

impl Until {
    fn is_before(self, seq: Seq, time: Time) -> bool {
        match self {
            Self::Seq(last) => last < seq,
            Self::Time(last) => last < time,
        }
    }
}

/// Every event, a line each.
fn list(args: &Replay, trace: &Trace, console: &Console) -> Outcome {
    let rooms = files::rooms(&args.show)?;
    let shown =
        trace.events.iter().filter(|event| rooms.is_empty() || rooms.contains(&event.kind.room()));
    for event in shown {
        let line = match args.format {
            TextOrJson::Text => event_line(&event, trace.nodes()),
            TextOrJson::Json => event_json(&event, trace.nodes()),
        };
        console.say(&format!("{line}\n"))?;
    }
    Ok(())
}

/// The transcript, as the run told it.
fn story(args: &Replay, trace: &Trace, console: &Console) -> Outcome {
    let rooms = files::rooms(&args.show)?;
    let scenario = klamm_scenario::parse(&trace.header.scenario_name, &trace.header.scenario)
        .map_err(|_| {
            Failure::in_file(
                &args.trace,
                "its scenario is not one that this build reads; try --events",
            )
        })?;
    let mut transcript = Transcript::new(run::options(&scenario, &rooms, console.colour()));
    let mut view = View::new(&trace.header);
    let mut text = String::new();
    for event in trace.events.iter() {
        view.apply(&event);
        transcript.event(&event, &view, &mut text);
    }
    transcript.finish(&view, &mut text);
    console.say(&text)
}
