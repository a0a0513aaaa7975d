//! A scenario in a person's words: what a step does, what it waits for, what is expected.

use std::fmt::Display;

use klamm_scenario::model::{Action, Condition, DiskFault, Flaws, Target, Trigger, api_name};

/// `broker-1`, `the leader of orders-0`.
pub(super) fn target(target: &Target) -> String {
    match target {
        Target::Node(name) => name.clone(),
        Target::LeaderOf(partition) => format!("the leader of {partition}"),
        Target::FollowerOf(partition, 0) => format!("a follower of {partition}"),
        Target::FollowerOf(partition, n) => format!("follower {n} of {partition}"),
        Target::ActiveController => "the active controller".to_owned(),
        Target::QuorumLeader => "the leader of the metadata quorum".to_owned(),
        Target::Same(step) => format!("what step {step} acted on"),
    }
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String, empty: &str) -> String {
    if items.is_empty() {
        return empty.to_owned();
    }
    items.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn targets(items: &[Target], empty: &str) -> String {
    list(items, target, empty)
}

fn numbers<T: Display>(items: &[T]) -> String {
    list(items, ToString::to_string, "nobody")
}

/// `crash broker-1`.
pub(super) fn action(action: &Action) -> String {
    match action {
        Action::Crash(who) => format!("crash {}", target(who)),
        Action::PowerOff { targets: who, partial } => {
            let part = if *partial { ", which keep part of what was not synced" } else { "" };
            format!("cut the power of {}{part}", targets(who, "nobody"))
        }
        Action::Restart(who) => format!("start {} again", target(who)),
        Action::Stop(who) => format!("stop {}", target(who)),
        Action::Pause(who) => format!("freeze {}", target(who)),
        Action::Resume(who) => format!("let {} go on", target(who)),
        Action::Cut { from, to, both_ways } => {
            let (from, to) = (targets(from, "everybody"), targets(to, "everybody else"));
            if *both_ways {
                format!("cut {from} off from {to}")
            } else {
                format!("let nothing pass from {from} to {to}")
            }
        }
        Action::Heal { from, to } if from.is_empty() && to.is_empty() => {
            "heal the network".to_owned()
        }
        Action::Heal { from, to } => {
            let (from, to) = (targets(from, "everybody"), targets(to, "everybody else"));
            format!("heal the network between {from} and {to}")
        }
        Action::SlowLink { from, to, network, both_ways } => {
            let (from, to) = (targets(from, "everybody"), targets(to, "everybody else"));
            let word = if *both_ways { "and" } else { "to" };
            let (low, high) = (network.latency_low, network.latency_high);
            let speed = match network.bandwidth {
                0 => String::new(),
                bandwidth => format!(" and {bandwidth} bytes a second"),
            };
            format!("give the network from {from} {word} {to} {low} to {high}{speed}")
        }
        Action::SlowDisk { target: who, disk } => {
            format!("let a sync take {} on {}", disk.sync, target(who))
        }
        Action::FlakyLink { from, to, flaws, both_ways } => {
            let (from, to) = (targets(from, "everybody"), targets(to, "everybody else"));
            let word = if *both_ways { "and" } else { "to" };
            let percent = |share: u32| format!("{}.{} %", share / 10, share % 10);
            let Flaws { loss, duplicate, reorder } = *flaws;
            format!(
                "let the network from {from} {word} {to} lose {}, double {} and reorder {} of its packets",
                percent(loss),
                percent(duplicate),
                percent(reorder)
            )
        }
        Action::HoldReplies { from, to, by, api } => {
            let (from, to) = (targets(from, "everybody"), targets(to, "everybody else"));
            let which = api.map_or_else(String::new, |api| format!("{} ", api_name(api)));
            match by.0 {
                0 => format!("let the {which}answers of {from} to {to} pass at once"),
                _ => format!("hold the {which}answers of {from} to {to} for {by}"),
            }
        }
        Action::DelayMetadata { target: who, by } => match by.0 {
            0 => format!("let {} learn metadata at once", target(who)),
            _ => format!("let {} learn metadata {by} late", target(who)),
        },
        Action::ResetConnections { from, to } => {
            let (from, to) = (targets(from, "everybody"), targets(to, "everybody else"));
            format!("reset the connections between {from} and {to}")
        }
        Action::BreakDisk { target: who, how: None } => {
            format!("mend the disk of {}", target(who))
        }
        Action::BreakDisk { target: who, how: Some(how) } => match how {
            DiskFault::SyncFails => format!("let every sync of {} fail", target(who)),
            DiskFault::SyncLies => {
                format!("let {} believe in syncs that do not happen", target(who))
            }
            DiskFault::Full => format!("let {} have no room to write", target(who)),
        },
        Action::RotDisk { target: who, partition: None } => {
            format!("let a byte rot on the disk of {}", target(who))
        }
        Action::RotDisk { target: who, partition: Some(partition) } => {
            format!("let a byte of {partition} rot on the disk of {}", target(who))
        }
        Action::Admin(request) => request.to_string(),
        Action::Consumer { client, command: klamm_node::GroupCommand::Zombie } => {
            format!("tell {client} not to notice that it is put out")
        }
        Action::Consumer { client, command } => format!("tell {client} to {command}"),
        Action::SkewClock { target: who, offset_ms, drift_ppm } => {
            format!("set the clock of {} off by {offset_ms} ms and {drift_ppm} ppm", target(who))
        }
        Action::WipeDisk(who) => format!("give {} an empty disk", target(who)),
        Action::Produce { client, topic, partition, records } => {
            let count = records.len();
            let plural = if count == 1 { "record" } else { "records" };
            match partition {
                Some(partition) => {
                    format!("{client} sends {count} {plural} to {topic}-{partition}")
                }
                None => format!("{client} sends {count} {plural} to {topic}"),
            }
        }
        Action::CreateTopic(topic) => format!("create topic {}", topic.name),
        Action::StopWorkload { client } => format!("{client} sends no more"),
    }
}

/// `once orders-0 has a leader`.
pub(super) fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::At(time) => format!("at {time}"),
        Trigger::When { condition: what, after } if after.0 == 0 => {
            format!("once {}", condition(what))
        }
        Trigger::When { condition: what, after } => format!("{after} after {}", condition(what)),
        Trigger::After(span) => format!("{span} later"),
    }
}

fn who(client: Option<&String>, all: &str) -> String {
    client.cloned().unwrap_or_else(|| all.to_owned())
}

/// `the ISR of orders-0 is 1, 2`.
pub(super) fn condition(what: &Condition) -> String {
    match what {
        Condition::LeaderIs(partition, who) => {
            format!("the leader of {partition} is {}", target(who))
        }
        Condition::LeaderChanged(partition) => format!("{partition} has another leader"),
        Condition::HasLeader(partition) => format!("{partition} has a leader"),
        Condition::NoLeader(partition) => format!("{partition} has no leader"),
        Condition::IsrIs(partition, isr) => format!("the ISR of {partition} is {}", numbers(isr)),
        Condition::IsrSize(partition, size) => format!("the ISR of {partition} has {size} members"),
        Condition::LeaderEpochAtLeast(partition, epoch) => {
            format!("the leader epoch of {partition} is at least {epoch}")
        }
        Condition::AllInSync => "every replica is in sync".to_owned(),
        Condition::HighWatermarkAtLeast(partition, offset) => {
            format!("the high watermark of {partition} is at least {offset}")
        }
        Condition::CaughtUp(partition, broker) => {
            format!("broker {broker} has caught up with {partition}")
        }
        Condition::Fenced(broker) => format!("broker {broker} is fenced"),
        Condition::Unfenced(broker) => format!("broker {broker} is not fenced"),
        Condition::ControllerActive => "a controller is active".to_owned(),
        Condition::ControllerChanged => "another controller is active".to_owned(),
        Condition::QuorumLeaderElected => "the metadata quorum has elected a leader".to_owned(),
        Condition::Acknowledged { client, count } => {
            format!("{} got at least {count} acknowledged", who(client.as_ref(), "the producers"))
        }
        Condition::Failed { client, count } => {
            format!("{} gave up at least {count} records", who(client.as_ref(), "the producers"))
        }
        Condition::Read { client, count } => {
            format!("{} read at least {count} records", who(client.as_ref(), "the consumers"))
        }
        Condition::LogsEqual(partition) => format!("the logs of {partition} are equal"),
        Condition::LogEndIs(partition, offset) => {
            format!("the log of {partition} ends at {offset}")
        }
        Condition::Truncated(partition, broker) => {
            format!("broker {broker} has cut off part of its log of {partition}")
        }
        Condition::AcknowledgedReadable(None) => {
            "every acknowledged record readable, permitted losses aside".to_owned()
        }
        Condition::AcknowledgedReadable(Some(topic)) => {
            format!("every acknowledged record readable in {topic}, permitted losses aside")
        }
        Condition::PermittedLoss { client } => {
            format!("{} lost acknowledged records, as permitted", who(client.as_ref(), "somebody"))
        }
        Condition::NothingLost { client } => {
            format!("no record acknowledged to {} was lost", who(client.as_ref(), "anybody"))
        }
        Condition::KeyOrder(topic) => format!("the records of a key in {topic} are read in order"),
        Condition::KeysTogether(topic) => {
            format!("the records of a key in {topic} are in one partition")
        }
        Condition::TopicExists(topic) => format!("topic {topic} exists"),
        Condition::TopicGone(topic) => format!("topic {topic} is gone everywhere"),
        Condition::PartitionCount(topic, count) => format!("topic {topic} has {count} partitions"),
        Condition::ReplicasAre(partition, replicas) => {
            format!("the replicas of {partition} are {}", numbers(replicas))
        }
        Condition::Reassigning(partition) => format!("{partition} is being moved"),
        Condition::ReassignmentDone(None) => "no partition is being moved".to_owned(),
        Condition::ReassignmentDone(Some(partition)) => {
            format!("{partition} is not being moved")
        }
        Condition::PreferredLeader(None) => "every preferred replica leads".to_owned(),
        Condition::PreferredLeader(Some(partition)) => {
            format!("the preferred replica of {partition} leads")
        }
        Condition::ElrIs(partition, elr) => format!("the ELR of {partition} is {}", numbers(elr)),
        Condition::InElr(partition, broker) => {
            format!("broker {broker} is in the ELR of {partition}")
        }
        Condition::ReadsFrom(partition, broker) => {
            format!("a consumer reads {partition} from broker {broker}")
        }
        Condition::LogStartIs(partition, offset) => {
            format!("the log of {partition} starts at {offset}")
        }
        Condition::NoDuplicates(topic) => format!("no record of {topic} is there twice"),
        Condition::AdminSucceeded { count: 1 } => "the operator's request is done".to_owned(),
        Condition::AdminSucceeded { count } => {
            format!("{count} of the operator's requests are done")
        }
        Condition::AdminFailed { error } => {
            format!("the operator's request is answered with {error}")
        }
        Condition::Restarted(who) => format!("{} has started again", target(who)),
        Condition::Down(who) => format!("{} is down", target(who)),
        Condition::VotersAre(voters) => {
            let voters = numbers(voters);
            format!(
                "the voters of the metadata quorum are, with the disks that they have, {voters}"
            )
        }
        Condition::SnapshotTaken(None) => "a snapshot of the metadata is written".to_owned(),
        Condition::SnapshotTaken(Some(who)) => {
            format!("{} has written a snapshot of the metadata", target(who))
        }
        Condition::Group(of_group) => super::groups::said(of_group),
        Condition::Not(inner) => format!("not: {}", condition(inner)),
        Condition::All(all) => all.iter().map(condition).collect::<Vec<_>>().join(" and "),
        Condition::Any(any) => any.iter().map(condition).collect::<Vec<_>>().join(" or "),
    }
}
