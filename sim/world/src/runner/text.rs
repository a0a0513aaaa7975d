//! A scenario in a person's words: what a step does, what it waits for, what is expected.

use std::fmt::Display;

use klamm_scenario::model::{Action, Condition, Target, Trigger};

/// `broker-1`, `the leader of orders-0`.
pub(super) fn target(target: &Target) -> String {
    match target {
        Target::Node(name) => name.clone(),
        Target::LeaderOf(partition) => format!("the leader of {partition}"),
        Target::FollowerOf(partition, 0) => format!("a follower of {partition}"),
        Target::FollowerOf(partition, n) => format!("follower {n} of {partition}"),
        Target::ActiveController => "the active controller".to_owned(),
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
        Condition::Not(inner) => format!("not: {}", condition(inner)),
        Condition::All(all) => all.iter().map(condition).collect::<Vec<_>>().join(" and "),
        Condition::Any(any) => any.iter().map(condition).collect::<Vec<_>>().join(" or "),
    }
}
