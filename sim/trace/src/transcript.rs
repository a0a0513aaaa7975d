//! The transcript: a run as a script with its steps, the events they caused, and the state after each.
//!
//! ```text
//! ── 2.000000 step 1 (line 31): crash broker-1
//!    The leader dies; its session with the controller is still alive.
//!
//!     2.000000 broker-1      NodeCrashed
//!    11.000350 controller-2  FencingDecided broker=1 reason=session-timeout
//!              … 41 more BatchAppended at broker-1
//!   = orders-0 leader=2 epoch=1 isr=[2,3] | b1 down 0..120 hw 118 | b2* 0..125 hw 125 | b3 0..125 hw 124
//! ```
//!
//! It is written as events come, so that the terminal can show it live; it is a function of events and Views alone, so
//! that a stored trace gives the same text. A verb that repeats within a step at one node is shown a few times and
//! counted from then on; a timer is shown where something shown follows from it.

use std::collections::BTreeMap;

use klamm_node::event::{Event, Room};
use klamm_node::{BrokerId, EventKind, NodeId, TopicPartition};

use crate::format::{Trace, node_fields, write_fields_with};
use crate::header::NodeTable;
use crate::invariant::{PermittedLoss, Severity, Violation};
use crate::view::View;
use crate::why::api_name;

/// What a transcript shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TranscriptOptions {
    /// The rooms whose events it shows. Steps and expectations are always shown.
    pub rooms: Vec<Room>,
    /// Only events about these partitions and the events about none; empty for all.
    pub partitions: Vec<TopicPartition>,
    /// Event kinds to leave out, by name.
    pub hide: Vec<String>,
    /// Whether a line of state per partition follows each step.
    pub states: bool,
    /// What the narrator says at a step, by the step's index.
    pub narration: BTreeMap<u32, String>,
    /// How often the same verb at the same node and partition is shown within a step; 0 for no limit.
    pub repeats: u32,
    /// Whether to colour with ANSI codes.
    pub color: bool,
}

impl Default for TranscriptOptions {
    /// Every room but the network, states after each step, three repetitions, no colour.
    fn default() -> Self {
        let rooms = Room::ALL.into_iter().filter(|room| *room != Room::Network).collect();
        Self {
            rooms,
            partitions: Vec::new(),
            hide: Vec::new(),
            states: true,
            narration: BTreeMap::new(),
            repeats: 3,
            color: false,
        }
    }
}

/// What repeats: a verb at a node, about a partition.
type Repeated = (NodeId, &'static str, Option<String>);

/// Writes a transcript as events come.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    options: TranscriptOptions,
    shown: BTreeMap<Repeated, u32>,
    /// The last timer of each node, not shown yet.
    timers: BTreeMap<NodeId, Event>,
    begun: bool,
    states: Vec<String>,
    /// The client ids of group members, as far as they were told: a member's id says little.
    members: BTreeMap<String, String>,
}

impl Transcript {
    /// An empty transcript.
    pub fn new(options: TranscriptOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// A whole trace as a transcript.
    pub fn of(trace: &Trace, options: TranscriptOptions) -> String {
        let (mut transcript, mut view, mut out) =
            (Self::new(options), View::new(&trace.header), String::new());
        for event in &trace.events {
            // A step's event ends the step before: the state is the one before it.
            transcript.event(&event, &view, &mut out);
            view.apply(&event);
        }
        transcript.finish(&view, &mut out);
        out
    }

    /// Takes the next event, with the View before it or after it, and appends what it shows to `out`.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other event is a line like any other"
    )]
    pub fn event(&mut self, event: &Event, view: &View, out: &mut String) {
        let time = event.time.to_string();
        self.note_member(event, &view.table);
        match &event.kind {
            EventKind::StepStarted { step, line, text } => {
                self.end_step(view, out);
                if self.begun {
                    out.push('\n');
                }
                self.begun = true;
                let said = self.options.narration.get(step);
                // A step's text may end in what is said at it, or be nothing else: it is told once.
                let text = said.and_then(|said| text.strip_suffix(said.as_str())).unwrap_or(text);
                let text = text.trim_end_matches([' ', '—']);
                let colon = if text.is_empty() { "" } else { ": " };
                let title = format!("── {time} step {step} (line {line}){colon}{text}");
                out.push_str(&self.paint(BOLD, &title));
                out.push('\n');
                if let Some(said) = said {
                    for said in said.lines() {
                        out.push_str(&self.paint(ITALIC, &format!("   {}", said.trim())));
                        out.push('\n');
                    }
                    out.push('\n');
                }
            }
            EventKind::ExpectationMet { text, .. } => {
                let line = format!("  {time:>12} ok: {text}\n");
                out.push_str(&self.paint(GREEN, &line));
            }
            EventKind::ExpectationFailed { text, found, .. } => {
                let line = format!("  {time:>12} FAILED: {text}; found: {found}\n");
                out.push_str(&self.paint(RED, &line));
            }
            // A timer is worth a line only for what follows from it.
            kind @ EventKind::TimerFired { .. } if self.options.repeats > 0 => {
                if self.wants(kind) {
                    self.timers.insert(event.node, event.clone());
                }
            }
            kind => {
                if self.wants(kind) && self.counts(event) {
                    self.begun = true;
                    let timer =
                        self.timers.get(&event.node).filter(|timer| event.cause == Some(timer.seq));
                    let timer = timer.map(|timer| self.line(timer, &view.table));
                    if let Some(line) = timer {
                        self.timers.remove(&event.node);
                        out.push_str(&line);
                    }
                    let line = self.line(event, &view.table);
                    out.push_str(&line);
                }
            }
        }
    }

    /// Shows a violation where it was found.
    pub fn violation(&self, violation: &Violation, out: &mut String) {
        let color = if violation.severity == Severity::Red { RED } else { YELLOW };
        let (time, id, severity) = (violation.time.to_string(), violation.id, violation.severity);
        let line = format!("  {time:>12} !! {severity} {id}: {}\n", violation.sentence);
        out.push_str(&self.paint(color, &line));
    }

    /// Shows a permitted loss where it was found.
    pub fn permitted(&self, loss: &PermittedLoss, out: &mut String) {
        let line =
            format!("  {:>12} lost, as permitted: {}\n", loss.time.to_string(), loss.sentence);
        out.push_str(&self.paint(YELLOW, &line));
    }

    /// Ends the transcript, with the View after the last event.
    pub fn finish(&mut self, view: &View, out: &mut String) {
        self.end_step(view, out);
        let costs = view.downtime_lines();
        if self.options.states && !costs.is_empty() {
            out.push('\n');
            for line in &costs {
                out.push_str(&self.paint(CYAN, &format!("  {line}\n")));
            }
        }
    }

    /// What was counted instead of shown, and the states, if they changed.
    fn end_step(&mut self, view: &View, out: &mut String) {
        let shown = std::mem::take(&mut self.shown);
        let limit = self.options.repeats;
        for ((node, verb, partition), count) in shown {
            let limit = if node == ANYWHERE { limit.min(1) } else { limit };
            if limit > 0 && count > limit {
                let at = match node {
                    ANYWHERE => String::new(),
                    node => format!(" at {}", view.table.name(node)),
                };
                let about =
                    partition.map_or_else(String::new, |partition| format!(" of {partition}"));
                let line = format!("  {:>12} … {} more {verb}{about}{at}\n", "", count - limit);
                out.push_str(&self.paint(DIM, &line));
            }
        }
        if !self.options.states {
            return;
        }
        let mut states = view.partition_lines(&self.options.partitions);
        states.extend(view.group_lines());
        if states != self.states {
            for state in &states {
                out.push_str(&self.paint(CYAN, &format!("  = {state}\n")));
            }
            self.states = states;
        }
    }

    /// True if the event passes the filters.
    fn wants(&self, kind: &EventKind) -> bool {
        let options = &self.options;
        // What was asked of the cluster and refused is nobody's detail, whatever rooms are shown.
        if let EventKind::AdminAnswered { error, .. } = kind
            && error != "NONE"
        {
            return !options.hide.iter().any(|name| name == kind.name());
        }
        if !options.rooms.contains(&kind.room())
            || options.hide.iter().any(|name| name == kind.name())
        {
            return false;
        }
        let Some(name) = partition_of(kind) else { return true };
        if options.partitions.is_empty() {
            // What the coordinators keep there is told by their own events.
            return !is_internal(&name);
        }
        options.partitions.iter().any(|p| p.to_string() == name)
    }

    /// Counts an event; true while it may still be shown.
    fn counts(&mut self, event: &Event) -> bool {
        let limit = self.options.repeats;
        if limit == 0 {
            return true;
        }
        if is_change_of_state(&event.kind) {
            return true;
        }
        // Answers are held from many to many, which is one thing to a reader.
        let many = matches!(event.kind, EventKind::RepliesHeld { .. });
        let (node, limit) = if many { (ANYWHERE, 1) } else { (event.node, limit) };
        let what = (node, event.kind.name(), partition_of(&event.kind));
        let count = self.shown.entry(what).or_insert(0);
        *count += 1;
        *count <= limit
    }

    fn line(&self, event: &Event, nodes: &NodeTable) -> String {
        let (time, name, verb) =
            (event.time.to_string(), nodes.name(event.node), event.kind.name());
        let mut fields = String::new();
        write_fields_with(&mut fields, &event.kind, nodes, &|key, text| {
            in_words(&event.kind, nodes, key, text)
                .or_else(|| Some(format!("{key}={}", self.member(key, text)?)))
        });
        if !self.options.color {
            return format!("  {time:>12} {name:<13} {verb}{fields}\n");
        }
        let time = self.paint(DIM, &format!("{time:>12}"));
        let name = self.paint(CYAN, &format!("{name:<13}"));
        let verb = self.paint(color_of(event.kind.room()), verb);
        format!("  {time} {name} {verb}{fields}\n")
    }

    /// Keeps whose member ids are: a coordinator says it of those that have joined, a consumer is known before.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event says whose a member id is")]
    fn note_member(&mut self, event: &Event, nodes: &NodeTable) {
        match &event.kind {
            EventKind::MemberJoined { member, client_id, .. } => {
                self.members.insert(member.to_string(), client_id.clone());
            }
            EventKind::GroupRequestFailed { member, .. } if !member.as_str().is_empty() => {
                let name = || nodes.name(event.node).to_owned();
                self.members.entry(member.to_string()).or_insert_with(name);
            }
            _ => {}
        }
    }

    /// A member's id in fewer words: its client id and the end of the id, which tells it from others of that client.
    fn member(&self, key: &str, text: &str) -> Option<String> {
        if !matches!(key, "member" | "members" | "leader") {
            return None;
        }
        let one = |id: &str| match self.members.get(id) {
            Some(client) => {
                let end = id.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
                format!("{client}~{}", &id[end..])
            }
            // An id that a coordinator has just made up: the client id and a UUID.
            None => match id.len().checked_sub(UUID).and_then(|at| id.split_at_checked(at)) {
                Some((client, uuid)) if client.ends_with('-') && is_uuid(uuid) => {
                    format!("{}~{}", client.trim_end_matches('-'), &uuid[UUID - 4..])
                }
                Some(_) | None => id.to_owned(),
            },
        };
        match text.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
            Some(list) => {
                Some(format!("[{}]", list.split(',').map(one).collect::<Vec<_>>().join(",")))
            }
            None => Some(one(text)),
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if !self.options.color {
            return text.to_owned();
        }
        // A colour ends before the line does.
        let (text, end) = text.strip_suffix('\n').map_or((text, ""), |text| (text, "\n"));
        format!("\u{1b}[{code}m{text}\u{1b}[0m{end}")
    }
}

const BOLD: &str = "1";
const DIM: &str = "2";
const ITALIC: &str = "3";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BLUE: &str = "34";
const MAGENTA: &str = "35";
const CYAN: &str = "36";

fn color_of(room: Room) -> &'static str {
    match room {
        Room::World => RED,
        Room::Raft | Room::Controller => MAGENTA,
        Room::Metadata => BLUE,
        Room::Broker | Room::Replica => YELLOW,
        Room::Log | Room::Client => GREEN,
        Room::Group => CYAN,
        Room::Scenario | Room::Network => DIM,
    }
}

/// Changes of state are the story itself and never a flood: they are not folded.
fn is_change_of_state(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::QuorumRoleChanged { .. }
            | EventKind::BrokerStateChanged { .. }
            | EventKind::PartitionChangeDecided { .. }
            | EventKind::GroupStateChanged { .. }
            | EventKind::GenerationStarted { .. }
            | EventKind::RebalanceStarted { .. }
            | EventKind::GroupEpochBumped { .. }
            | EventKind::TargetAssigned { .. }
            | EventKind::MemberJoined { .. }
            | EventKind::MemberRemoved { .. }
            | EventKind::MemberAssigned { .. }
            | EventKind::PartitionsAssigned { .. }
            | EventKind::PartitionsRevoked { .. }
            | EventKind::PartitionsLost { .. }
    )
}

/// The node of what is counted over all nodes.
const ANYWHERE: NodeId = NodeId(u16::MAX);

/// The value of a field as a transcript writes it, if that is not its text in the trace: APIs by their names, nodes by theirs.
pub fn field_in_words(
    kind: &EventKind,
    nodes: &NodeTable,
    key: &str,
    text: &str,
) -> Option<String> {
    if let Some((_, node)) = node_fields(kind).iter().find(|(field, _)| *field == key) {
        return Some(nodes.name(*node).to_owned());
    }
    let said = in_words(kind, nodes, key, text)?;
    said.split_once('=').map(|(_, value)| value.to_owned())
}

/// A field in words instead of numbers: APIs by their names, and in the metadata quorum nodes by theirs.
fn in_words(kind: &EventKind, nodes: &NodeTable, key: &str, text: &str) -> Option<String> {
    if key == "api_key" {
        let api = text.parse().ok()?;
        // Below 0 it is any.
        return Some(if api < 0 { "api=any".to_owned() } else { format!("api={}", api_name(api)) });
    }
    let names_nodes = matches!(
        key,
        "leader" | "voted" | "candidate" | "votes" | "voters" | "before" | "voter" | "replica"
    );
    if kind.room() != Room::Raft || !names_nodes {
        return None;
    }
    // A node's id, and behind a dash the directory that it speaks for (KIP-853).
    let one = |id: &str| {
        let (number, rest) = id.split_once('-').map_or((id, None), |(id, rest)| (id, Some(rest)));
        let node = number.parse().ok().and_then(|id| nodes.node_of(BrokerId(id)));
        match (node, rest) {
            (Some(node), None) => nodes.name(node).to_owned(),
            (Some(node), Some(rest)) => format!("{}/{rest}", nodes.name(node)),
            (None, _) => id.to_owned(),
        }
    };
    let said = match text.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
        Some("") => text.to_owned(),
        Some(list) => format!("[{}]", list.split(',').map(one).collect::<Vec<_>>().join(",")),
        None if text == "-1" => "none".to_owned(),
        None => one(text),
    };
    Some(format!("{key}={said}"))
}

/// How long a UUID is in text.
const UUID: usize = 36;

fn is_uuid(text: &str) -> bool {
    text.len() == UUID && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// Whether a partition is of a topic of Kafka's own.
fn is_internal(partition: &str) -> bool {
    partition.starts_with("__consumer_offsets-") || partition.starts_with("__transaction_state-")
}

/// The partition that an event is about, as its text form says it.
fn partition_of(kind: &EventKind) -> Option<String> {
    let mut found = None;
    kind.visit(&mut |key, value| {
        if key == "partition" {
            let mut text = String::new();
            value.show(&mut text).expect("writing to a String can't fail");
            found = Some(text);
        }
    });
    found
}
