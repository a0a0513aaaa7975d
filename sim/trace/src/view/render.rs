//! The View as lines of text.

use std::fmt::Write as _;

use klamm_node::{BrokerId, GroupId, NodeId, TopicPartition};

use super::state::{ProcessState, ReplicaRole, ReplicaView};
use super::{GroupHistory, View};

impl View {
    /// A partition in one line:
    ///
    /// ```text
    /// orders-0 leader=2 epoch=3 isr=[2,3] | b1 down 0..120 hw 118 | b2* 0..125 hw 125 | b3 0..125 hw 124
    /// ```
    ///
    /// The star marks who believes to lead; a belief in another epoch than the metadata's is spelt out.
    pub fn partition_line(&self, partition: &TopicPartition) -> String {
        let mut line = partition.to_string();
        let Some(view) = self.partitions.get(partition) else { return line + " unknown" };
        match &view.truth {
            Some(truth) => {
                let leader = if truth.leader == BrokerId::NONE {
                    "none".to_owned()
                } else {
                    truth.leader.to_string()
                };
                append(
                    &mut line,
                    format_args!(
                        " leader={leader} epoch={} isr={}",
                        truth.leader_epoch,
                        ids(&truth.isr)
                    ),
                );
                for (word, list) in [
                    ("elr", &truth.elr),
                    ("last_known_elr", &truth.last_known_elr),
                    ("adding", &truth.adding),
                    ("removing", &truth.removing),
                ] {
                    if !list.is_empty() {
                        append(&mut line, format_args!(" {word}={}", ids(list)));
                    }
                }
            }
            None => line.push_str(" not in the metadata"),
        }
        for (broker, replica) in &view.replicas {
            line.push_str(" | ");
            line.push_str(&self.replica_words(
                *broker,
                replica,
                view.truth.as_ref().map(|t| t.leader_epoch),
            ));
        }
        line
    }

    fn replica_words(
        &self,
        broker: BrokerId,
        replica: &ReplicaView,
        epoch: Option<klamm_node::LeaderEpoch>,
    ) -> String {
        let mut words = format!("b{broker}");
        if replica.role == ReplicaRole::Leader {
            words.push('*');
            if Some(replica.leader_epoch) != epoch {
                append(&mut words, format_args!(" in epoch {}", replica.leader_epoch));
            }
        }
        match self
            .table
            .node_of(broker)
            .and_then(|node| self.nodes.get(&node))
            .map(|node| node.state)
        {
            Some(ProcessState::Up) | None => {}
            Some(ProcessState::Paused) => words.push_str(" paused"),
            Some(
                ProcessState::New
                | ProcessState::Crashed
                | ProcessState::PoweredOff
                | ProcessState::Stopped,
            ) => words.push_str(" down"),
        }
        let (start, end, hw) = (replica.log.start(), replica.log.end(), replica.high_watermark);
        append(&mut words, format_args!(" {start}..{end} hw {hw}"));
        words
    }

    /// Every partition, a line each; only those given, if any are.
    pub fn partition_lines(&self, only: &[TopicPartition]) -> Vec<String> {
        // Kafka's own topics have many partitions, and what they hold is shown otherwise.
        let own = |at: &TopicPartition| at.topic.starts_with("__");
        let wanted = |at: &&TopicPartition| only.is_empty() && !own(at) || only.contains(at);
        self.partitions.keys().filter(wanted).map(|at| self.partition_line(at)).collect()
    }

    /// Every group that a coordinator has loaded, a line each:
    ///
    /// ```text
    /// group billing Stable epoch=3 at broker-2 | consumer-1: orders-0 | consumer-2: orders-1 | orders-0 118/120, orders-1 90/90
    /// ```
    ///
    /// Members stand with what the coordinator holds them for the owners of, in brackets what they have still to give up;
    /// after them what is committed and the leader's high watermark.
    pub fn group_lines(&self) -> Vec<String> {
        let found = self.groups().into_iter().filter_map(|group| {
            let (node, view) = self.group(group)?;
            let mut line = format!("group {group}");
            if !view.state.is_empty() {
                append(&mut line, format_args!(" {} epoch={}", view.state, view.epoch));
            }
            append(&mut line, format_args!(" at {}", self.table.name(node)));
            for member in view.members.values() {
                append(&mut line, format_args!(" | {}:", member.client_id));
                for partition in &member.assigned {
                    append(&mut line, format_args!(" {partition}"));
                }
                for partition in &member.revoking {
                    append(&mut line, format_args!(" ({partition})"));
                }
            }
            let offsets = view.offsets.iter().map(|(partition, kept)| {
                let end = self.high_watermark_of(partition);
                let end = end.map_or_else(|| "?".to_owned(), |end| end.to_string());
                format!("{partition} {}/{end}", kept.offset)
            });
            let offsets: Vec<String> = offsets.collect();
            if !offsets.is_empty() {
                append(&mut line, format_args!(" | {}", offsets.join(", ")));
            }
            Some(line)
        });
        found.collect()
    }

    /// What rebalances cost each group: the time that its partitions had no owner, as a table; nothing without groups.
    pub fn downtime_lines(&self) -> Vec<String> {
        let groups = self.groups_read();
        if groups.is_empty() {
            return Vec::new();
        }
        let width = groups.iter().map(|group| group.as_str().chars().count()).max().unwrap_or(0);
        let width = width.max("group".len());
        let unknown = GroupHistory::default();
        let history = |group: &GroupId| self.histories.get(group).unwrap_or(&unknown);
        let protocol = |group: &GroupId| {
            let GroupHistory { kind, assignor, .. } = history(group);
            match assignor {
                Some(assignor) => format!("{kind} {assignor}"),
                None => kind.to_string(),
            }
        };
        let wide = groups.iter().map(|group| protocol(group).chars().count()).max().unwrap_or(0);
        let wide = wide.max("protocol".len());
        // A group has rebalances or epochs by the protocol that it speaks; one that was upgraded has both.
        let count = |count: u32| if count == 0 { "-".to_owned() } else { count.to_string() };
        let mut lines = vec![format!(
            "{:<width$}  {:<wide$}  {:>10}  {:>7}  {:>11}  {:>11}  {:>10}  {:>6}",
            "group",
            "protocol",
            "partitions",
            "stopped",
            "unowned",
            "worst",
            "rebalances",
            "epochs"
        )];
        for group in groups {
            let cost = self.downtime(group);
            lines.push(format!(
                "{:<width$}  {:<wide$}  {:>10}  {:>7}  {:>11}  {:>11}  {:>10}  {:>6}",
                group.as_str(),
                protocol(group),
                cost.partitions,
                cost.stopped,
                cost.total.to_string(),
                cost.worst.to_string(),
                count(history(group).rebalances),
                count(history(group).epochs),
            ));
        }
        lines
    }

    /// The metadata quorum in one line: `quorum leader=3001 epoch=2 committed=45 | c3001* 0..45 hw 45 | …`.
    pub fn quorum_line(&self) -> String {
        let mut line = match self.quorum_leader() {
            Some((leader, epoch)) => format!("quorum leader={leader} epoch={epoch}"),
            None => "quorum leader=none".to_owned(),
        };
        append(&mut line, format_args!(" committed={}", self.quorum.committed));
        for node in self.table.voters() {
            let (Some(view), Some(id)) = (self.nodes.get(&node), self.table.broker_of(node)) else {
                continue;
            };
            let star = if view.active.is_some() { "*" } else { "" };
            let down = if view.is_alive() { "" } else { " down" };
            let (log, hw) = (&view.raft.log, view.raft.committed);
            append(
                &mut line,
                format_args!(" | c{id}{star}{down} {}..{} hw {hw}", log.start(), log.end()),
            );
        }
        line
    }

    /// A node in one line: its state, and what it is as a broker, controller or client.
    pub fn node_line(&self, node: NodeId) -> String {
        let mut line = self.table.name(node).to_owned();
        let Some(view) = self.nodes.get(&node) else { return line };
        let state = view.state.word();
        append(&mut line, format_args!(" {state}"));
        let Some(info) = self.table.get(node) else { return line };
        if let (true, Some(id)) = (info.kind.is_broker(), info.broker) {
            let registered = match self.brokers.get(&id) {
                None => "unregistered",
                Some(broker) if broker.fenced => "fenced",
                Some(broker) if broker.shutting_down => "leaving",
                Some(_) => "unfenced",
            };
            append(&mut line, format_args!(" {registered}"));
            if let Some(applied) = view.applied {
                append(&mut line, format_args!(" metadata={applied}"));
            }
        }
        if info.kind.is_controller() {
            let (raft, active) = (&view.raft, if view.active.is_some() { " active" } else { "" });
            append(&mut line, format_args!(" {} epoch={}{active}", raft.role, raft.epoch));
        }
        if info.kind.is_client() {
            let client = &view.client;
            append(
                &mut line,
                format_args!(
                    " accepted={} acknowledged={} failed={} read={}",
                    client.accepted, client.acknowledged, client.failed, client.read
                ),
            );
        }
        line
    }
}

fn append(line: &mut String, words: std::fmt::Arguments<'_>) {
    line.write_fmt(words).expect("writing to a String can't fail");
}

fn ids(brokers: &[BrokerId]) -> String {
    let all: Vec<String> = brokers.iter().map(ToString::to_string).collect();
    format!("[{}]", all.join(","))
}
