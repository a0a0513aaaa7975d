//! Causality: from an event back along its causes to the line of the scenario that started it.
//!
//! Each hop is one line. Transport is folded (a `FrameDelivered` and its `FrameSent` are one hop, 'the Fetch request of
//! broker-2 reached broker-1'), and long rounds of the same request and response are told once with their number.

use klamm_node::effects::FrameRole;
use klamm_node::event::Event;
use klamm_node::{EventKind, NodeId, Seq, Time};

use crate::format::write_fields;
use crate::header::NodeTable;
use crate::store::EventStore;

/// A step of a chain of causes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hop {
    /// The event; of several folded ones the last.
    pub seq: Seq,
    /// When it happened.
    pub time: Time,
    /// Where.
    pub node: NodeId,
    /// What happened.
    pub text: String,
    /// How many events this hop folds.
    pub events: usize,
}

/// Why an event happened: from the event asked about back to what the scenario did, or to what had no cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    /// The hops, the event asked about first.
    pub hops: Vec<Hop>,
    /// The source line of the scenario at which the chain ends, if it does.
    pub line: Option<u32>,
}

/// Walks the causes of an event back to the scenario. None if the trace has no such event.
pub fn why(events: &EventStore, nodes: &NodeTable, seq: Seq) -> Option<Chain> {
    let mut path = vec![events.get(seq)?];
    // A cause lies before its effect; a trace that says otherwise ends the walk.
    while let Some(event) = path.last().and_then(|event| {
        let cause = event.cause.or_else(|| frame_of(&event.kind));
        events.get(cause.filter(|cause| *cause < event.seq)?)
    }) {
        let done = matches!(event.kind, EventKind::StepStarted { .. });
        path.push(event);
        if done {
            break;
        }
    }
    let line = path.last().and_then(|event| step_line(&event.kind));
    Some(Chain { hops: collapse(fold_transport(&path, nodes), nodes), line })
}

/// The sending of a frame that arrived or was lost.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only the end of a frame's way names its sending"
)]
fn frame_of(kind: &EventKind) -> Option<Seq> {
    match kind {
        EventKind::FrameDelivered { frame } | EventKind::FrameDropped { frame, .. } => Some(*frame),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only steps have a line")]
fn step_line(kind: &EventKind) -> Option<u32> {
    match kind {
        EventKind::StepStarted { line, .. } => Some(*line),
        _ => None,
    }
}

/// A hop, and the transport that it stands for: two equal ones are the same request going round.
#[derive(Clone, Debug)]
struct Raw {
    hop: Hop,
    transport: Option<(i16, FrameRole, NodeId, NodeId)>,
}

/// One hop an event, except that a delivery takes its sending with it.
fn fold_transport(path: &[Event], nodes: &NodeTable) -> Vec<Raw> {
    let mut hops = Vec::new();
    let mut rest = path.iter().peekable();
    while let Some(event) = rest.next() {
        let arrived =
            matches!(event.kind, EventKind::FrameDelivered { .. } | EventKind::FrameDropped { .. });
        let sent = rest.peek().filter(|_| arrived).and_then(|before| frame(before));
        let (text, transport, count) = match (sent, frame(event)) {
            (Some(sent), _) => {
                rest.next();
                let lost = matches!(event.kind, EventKind::FrameDropped { .. });
                (
                    sent.words(nodes, if lost { "never reached" } else { "reached" }),
                    Some(sent.key()),
                    2,
                )
            }
            (None, Some(sent)) => (sent.words(nodes, "left for"), Some(sent.key()), 1),
            (None, None) => (words(event, nodes), None, 1),
        };
        let hop = Hop { seq: event.seq, time: event.time, node: event.node, text, events: count };
        hops.push(Raw { hop, transport });
    }
    hops
}

struct Frame {
    from: NodeId,
    to: NodeId,
    role: FrameRole,
    api_key: i16,
    correlation: i32,
}

impl Frame {
    fn words(&self, nodes: &NodeTable, verb: &str) -> String {
        let role = match self.role {
            FrameRole::Request => "request",
            FrameRole::Response => "response",
        };
        let (from, to) = (nodes.name(self.from), nodes.name(self.to));
        format!("{} {role} {} from {from} {verb} {to}", api_name(self.api_key), self.correlation)
    }

    fn key(&self) -> (i16, FrameRole, NodeId, NodeId) {
        (self.api_key, self.role, self.from, self.to)
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only FrameSent describes a frame")]
fn frame(event: &Event) -> Option<Frame> {
    match &event.kind {
        EventKind::FrameSent { to, role, api_key, correlation_id, .. } => Some(Frame {
            from: event.node,
            to: *to,
            role: *role,
            api_key: *api_key,
            correlation: correlation_id.0,
        }),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other event speaks in its text form")]
fn words(event: &Event, nodes: &NodeTable) -> String {
    match &event.kind {
        EventKind::StepStarted { line, text, .. } => format!("the scenario, line {line}: {text}"),
        kind => {
            let mut text = kind.name().to_owned();
            write_fields(&mut text, kind, nodes);
            text
        }
    }
}

/// The longest round that is recognised, in hops: request, work, response, work.
const LONGEST_ROUND: usize = 6;

/// Folds rounds: hops that repeat the kinds of the hops before them, with a transport among them.
fn collapse(hops: Vec<Raw>, nodes: &NodeTable) -> Vec<Hop> {
    let same = |a: &Raw, b: &Raw| match (&a.transport, &b.transport) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.hop.node == b.hop.node && verb(&a.hop) == verb(&b.hop),
        _ => false,
    };
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(hop) = hops.get(at) {
        let rest = hops.get(at..).unwrap_or_default();
        let round = (2..=LONGEST_ROUND).find_map(|length| {
            let first = rest.get(..length)?;
            let repeats = rest
                .chunks_exact(length)
                .take_while(|chunk| chunk.iter().zip(first).all(|(a, b)| same(a, b)));
            let count = repeats.count();
            (count >= 3 && first.iter().any(|raw| raw.transport.is_some()))
                .then_some((length, count))
        });
        let Some((length, count)) = round else {
            out.push(hop.hop.clone());
            at += 1;
            continue;
        };
        // The newest round is told hop by hop; the older ones in one line.
        out.extend(rest.iter().take(length).map(|raw| raw.hop.clone()));
        let folded = rest.get(length..length * count).unwrap_or_default();
        if let (Some(last), Some(first)) = (folded.first(), folded.last()) {
            let what = rest.iter().take(length).find_map(|raw| raw.transport);
            let what = what.map_or_else(String::new, |(api, _, from, to)| {
                format!(" of {} between {} and {}", api_name(api), nodes.name(from), nodes.name(to))
            });
            out.push(Hop {
                seq: last.hop.seq,
                time: last.hop.time,
                node: last.hop.node,
                text: format!("… {} more rounds{what} since {}", count - 1, first.hop.time),
                events: folded.iter().map(|raw| raw.hop.events).sum(),
            });
        }
        at += length * count;
    }
    out
}

fn verb(hop: &Hop) -> &str {
    hop.text.split(' ').next().unwrap_or_default()
}

impl Chain {
    /// The chain as text, a hop a line: the event asked about first, then `because` what led to it.
    pub fn render(&self, nodes: &NodeTable) -> String {
        let mut text = String::new();
        for (index, hop) in self.hops.iter().enumerate() {
            let lead = if index == 0 { "" } else { "because " };
            let (time, node) = (hop.time.to_string(), nodes.name(hop.node));
            text.push_str(&format!(
                "{:>8} {time:>12} {node:<13} {lead}{}\n",
                format!("#{}", hop.seq.0),
                hop.text
            ));
        }
        text
    }
}

/// Kafka's name of an API key, for people; the number if it is none that the lab speaks.
pub fn api_name(key: i16) -> String {
    let name = match key {
        0 => "Produce",
        1 => "Fetch",
        2 => "ListOffsets",
        3 => "Metadata",
        8 => "OffsetCommit",
        9 => "OffsetFetch",
        10 => "FindCoordinator",
        11 => "JoinGroup",
        12 => "Heartbeat",
        13 => "LeaveGroup",
        14 => "SyncGroup",
        15 => "DescribeGroups",
        16 => "ListGroups",
        17 => "SaslHandshake",
        18 => "ApiVersions",
        19 => "CreateTopics",
        20 => "DeleteTopics",
        21 => "DeleteRecords",
        22 => "InitProducerId",
        23 => "OffsetForLeaderEpoch",
        24 => "AddPartitionsToTxn",
        25 => "AddOffsetsToTxn",
        26 => "EndTxn",
        27 => "WriteTxnMarkers",
        28 => "TxnOffsetCommit",
        29 => "DescribeAcls",
        30 => "CreateAcls",
        31 => "DeleteAcls",
        32 => "DescribeConfigs",
        35 => "DescribeLogDirs",
        36 => "SaslAuthenticate",
        37 => "CreatePartitions",
        42 => "DeleteGroups",
        43 => "ElectLeaders",
        44 => "IncrementalAlterConfigs",
        45 => "AlterPartitionReassignments",
        46 => "ListPartitionReassignments",
        47 => "OffsetDelete",
        48 => "DescribeClientQuotas",
        49 => "AlterClientQuotas",
        52 => "Vote",
        53 => "BeginQuorumEpoch",
        54 => "EndQuorumEpoch",
        55 => "DescribeQuorum",
        56 => "AlterPartition",
        59 => "FetchSnapshot",
        60 => "DescribeCluster",
        61 => "DescribeProducers",
        62 => "BrokerRegistration",
        63 => "BrokerHeartbeat",
        67 => "AllocateProducerIds",
        68 => "ConsumerGroupHeartbeat",
        69 => "ConsumerGroupDescribe",
        74 => "ListConfigResources",
        75 => "DescribeTopicPartitions",
        80 => "AddRaftVoter",
        81 => "RemoveRaftVoter",
        82 => "UpdateRaftVoter",
        _ => return format!("API {key}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests;
