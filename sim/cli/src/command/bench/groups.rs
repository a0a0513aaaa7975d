//! What a rebalance costs: one member more in a group of many, by each protocol.
//!
//! In: how many members and partitions. Out: for each protocol, the virtual time, the messages and the core's time of the
//! group's assembly and of the join of its last member. A phase is over when the coordinator and every member agree: the
//! group is stable, and each member reads what it was assigned, all partitions together.

use std::time::Duration;

use klamm_node::{EventKind, GroupId, Seq, Span, Time, TopicPartition};
use klamm_trace::{Keep, View};
use klamm_world::{Options, World};
use serde_json::{Value, json};

use super::measure::Watch;
use super::table::{grouped, real_count};
use crate::console::{Console, Failure};

/// The group.
const GROUP: &str = "wide";
/// When all members but the last start, together.
const START: Span = Span::secs(8);
/// When the last one does: midway between two heartbeats of the others, which are in step.
const LAST: Span = Span::millis(129_600);
/// How long a phase may take: what is not at rest by then, will not be.
const LIMIT: Span = Span::secs(120);
/// How often the group is looked at.
const GRAIN: Span = Span::millis(10);

/// A way to rebalance: its name, and what a consumer is told for it.
const PROTOCOLS: [(&str, &str); 3] = [
    ("classic, eager", r#""partition.assignment.strategy": "range""#),
    ("classic, cooperative", r#""partition.assignment.strategy": "cooperative-sticky""#),
    ("consumer", r#""group.protocol": "consumer""#),
];

/// What one phase cost.
#[derive(Clone, Copy, Debug)]
struct Phase {
    /// From the start of the members to the last thing that anybody learned.
    time: Span,
    /// Requests of the group's protocol, and their answers.
    messages: u64,
    /// All frames of the cluster meanwhile.
    frames: u64,
    events: u64,
    /// What the thread spent on a core.
    wall: Duration,
}

/// What a group of a size cost under a protocol.
#[derive(Debug)]
pub(super) struct Cost {
    protocol: &'static str,
    members: u32,
    partitions: u32,
    /// Of all members but one.
    assembly: Phase,
    /// Of the last.
    join: Phase,
}

/// Measures groups of these sizes.
pub(super) fn measure(
    sizes: &[u32],
    partitions: u32,
    mut at: impl FnMut(&str, u32),
) -> Result<Vec<Cost>, Failure> {
    let mut costs = Vec::new();
    for members in sizes {
        for (protocol, told) in PROTOCOLS {
            at(protocol, *members);
            costs.push(cost(protocol, told, (*members).max(2), partitions)?);
        }
    }
    Ok(costs)
}

fn cost(
    protocol: &'static str,
    told: &str,
    members: u32,
    partitions: u32,
) -> Result<Cost, Failure> {
    let text = scenario(told, members, partitions);
    let scenario = klamm_scenario::parse("groups.ron", &text)
        .map_err(|mistakes| Failure::Input(klamm_scenario::render(&mistakes, &text, false)))?;
    let keep = Keep { events: true, view: true, invariants: false };
    let options = Options { keep, ..Options::default() };
    let mut world = World::with(&scenario, scenario.seed, &options);
    let mut phase = |start: Span, count: u32| {
        world.run_until(Time::ZERO + start);
        run(&mut world, count, partitions).ok_or_else(|| {
            Failure::Input(format!(
                "bench groups: {protocol} did not come to rest with {count} members within {LIMIT}"
            ))
        })
    };
    let assembly = phase(START, members - 1)?;
    let join = phase(LAST, members)?;
    Ok(Cost { protocol, members, partitions, assembly, join })
}

/// Goes on until the group is at rest.
fn run(world: &mut World, members: u32, partitions: u32) -> Option<Phase> {
    let (began, first) = (world.now(), Seq(world.recorder().last_seq().0 + 1));
    let mut wall = Duration::ZERO;
    while !is_settled(world.view(), members, partitions) {
        if world.now().since(began) > LIMIT {
            return None;
        }
        let watch = Watch::start();
        world.run_until(world.now() + GRAIN);
        wall += watch.elapsed();
    }
    let events = world.recorder().events();
    let learned = events.from(first).filter(|event| is_news(&event.kind)).last()?;
    let meanwhile = || events.from(first).take_while(|event| event.seq <= learned.seq);
    let sent = |of_group: bool| {
        let is_one = |kind: &EventKind| matches!(kind, EventKind::FrameSent { api_key, .. } if !of_group || OF_GROUPS.contains(api_key));
        meanwhile().filter(|event| is_one(&event.kind)).count() as u64
    };
    Some(Phase {
        time: learned.time.since(began),
        messages: sent(true),
        frames: sent(false),
        events: learned.seq.0 + 1 - first.0,
        wall,
    })
}

/// OffsetCommit, OffsetFetch, FindCoordinator, JoinGroup, Heartbeat, LeaveGroup, SyncGroup, ConsumerGroupHeartbeat.
const OF_GROUPS: [i16; 8] = [8, 9, 10, 11, 12, 13, 14, 68];

/// Something that a rebalance is made of.
fn is_news(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::GroupStateChanged { .. }
            | EventKind::MemberAssigned { .. }
            | EventKind::PartitionsAssigned { .. }
            | EventKind::MemberEpochMoved { .. }
            | EventKind::PartitionsRevoked { .. }
    )
}

/// Whether the group has so many members, and coordinator and members agree on who reads what: everything is read.
fn is_settled(view: &View, members: u32, partitions: u32) -> bool {
    let name = GroupId::from(GROUP);
    let Some((_, group)) = view.group(&name) else { return false };
    if group.state != "Stable" || u32::try_from(group.members.len()) != Ok(members) {
        return false;
    }
    let mut read = 0;
    let places = view.nodes.values().filter_map(|node| node.client.membership.as_ref());
    for place in places.filter(|place| place.group.as_ref() == Some(&name)) {
        let Some(member) = place.member.as_ref().and_then(|id| group.members.get(id)) else {
            // One that has not joined yet; how many there are to be was asked for above.
            continue;
        };
        let is_one = place.epoch == group.epoch
            && member.epoch == group.epoch
            && member.assigned == place.assigned;
        if !is_one {
            return false;
        }
        read += member.assigned.len();
    }
    let owners = |partition: i32| {
        let at = (name.clone(), TopicPartition::new(GROUP, partition));
        view.ownership.get(&at).map_or(0, |owned| owned.owners.len())
    };
    let all = i32::try_from(partitions).unwrap_or(i32::MAX);
    u32::try_from(read) == Ok(partitions) && (0..all).all(|partition| owners(partition) == 1)
}

/// One topic that nobody writes to, and consumers that fetch seldom: what is left is the group's own work.
fn scenario(told: &str, members: u32, partitions: u32) -> String {
    let client = |member: u32| {
        let start = if member == members { LAST } else { START };
        format!(
            r#"        Consumer(name: "member-{member}", group: "{GROUP}", topic: "{GROUP}", from: Earliest, start: "{}ms", config: {{ {told}, "fetch.max.wait.ms": "10000" }}),"#,
            start.as_millis(),
        )
    };
    let clients: Vec<String> = (1..=members).map(client).collect();
    let clients = clients.join("\n");
    format!(
        r#"// Workload groups: one member more in a group of many.
Scenario(
    version: 1,
    title: "groups",
    question: "What does it cost to take one member more into a group?",
    seed: 1,
    duration: "600s",
    cluster: (brokers: 3, controllers: 3, config: {{ "offsets.topic.num.partitions": "1" }}),
    topics: [(name: "{GROUP}", partitions: {partitions}, replication_factor: 1)],
    clients: [
{clients}
    ],
    steps: [],
    expect: [],
    show: (rooms: [scenario]),
)
"#
    )
}

/// The table, for people.
pub(super) fn text(costs: &[Cost], console: &Console) -> String {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let columns = |messages: &str, frames: &str, time: &str, wall: &str| {
        format!("{messages:>10} {frames:>10} {time:>9} {wall:>9}")
    };
    let names = columns("messages", "frames", "virtual", "wall");
    line(&console.paint(
        "1",
        &format!(
            "{:<21} {:>7}  {:<41}   {:<41}",
            "", "", "    all but one assemble", "    the last one joins"
        ),
    ));
    line(&console.paint("1", &format!("{:<21} {:>7}  {names}   {names}", "", "members")));
    for cost in costs {
        let phase = |phase: &Phase| {
            columns(
                &grouped(real_count(phase.messages)),
                &grouped(real_count(phase.frames)),
                &format!("{:.2} s", seconds(phase.time)),
                &format!("{:.0} ms", phase.wall.as_secs_f64() * 1e3),
            )
        };
        let (assembly, join) = (phase(&cost.assembly), phase(&cost.join));
        line(&format!("{:<21} {:>7}  {assembly}   {join}", cost.protocol, cost.members));
    }
    line("");
    if let Some(cost) = costs.first() {
        line(&format!(
            "One group over {} partitions that nobody writes to, 3 brokers, a coordinator with 3 replicas; every setting of the\nclients but fetch.max.wait.ms is Kafka's default. Over when the group is stable and every member reads what it was\nassigned; members learn of a rebalance by their next heartbeat, every 3 s (classic) or 5 s (consumer). Messages are\nrequests of the group's protocol and their answers; frames are all of the cluster's.",
            grouped(f64::from(cost.partitions)),
        ));
    }
    text
}

/// The same for machines.
pub(super) fn json(costs: &[Cost]) -> Value {
    let phase = |phase: &Phase| {
        json!({
            "virtual_seconds": seconds(phase.time),
            "messages": phase.messages,
            "frames": phase.frames,
            "events": phase.events,
            "seconds": phase.wall.as_secs_f64(),
        })
    };
    let cost = |cost: &Cost| {
        json!({
            "protocol": cost.protocol,
            "members": cost.members,
            "partitions": cost.partitions,
            "assembly": phase(&cost.assembly),
            "join": phase(&cost.join),
        })
    };
    costs.iter().map(cost).collect()
}

fn seconds(span: Span) -> f64 {
    Duration::from_nanos(span.0).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small, but the whole way: everybody joins, the last one gets its share, and it costs what it must.
    #[test]
    fn the_last_member_gets_its_share_under_every_protocol() {
        let costs = measure(&[4], 8, |_, _| {}).unwrap_or_else(|_| panic!("it comes to rest"));
        assert_eq!(costs.len(), PROTOCOLS.len());
        for cost in &costs {
            let join = &cost.join;
            assert!(join.messages > 0 && join.frames >= join.messages, "{cost:?}");
            // Members learn of a rebalance by their next heartbeat, and no member may be left behind.
            assert!(join.time > Span::millis(100) && join.time < Span::secs(30), "{cost:?}");
            // At least everybody's JoinGroup and SyncGroup, or two heartbeats each, with their answers.
            assert!(join.messages >= 4 * u64::from(cost.members), "{cost:?}");
        }
        let [eager, cooperative, _] = &costs[..] else { panic!("three protocols") };
        assert!(
            cooperative.join.messages > eager.join.messages,
            "what moves, moves in a second generation (KIP-429)"
        );
    }
}
