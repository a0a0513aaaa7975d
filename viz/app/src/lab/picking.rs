//! What a click on the stage means, and how the keyboard walks over its values.

use klamm_node::{GroupId, NodeId, Seq, TopicPartition};
use klamm_scene::{Object, Scene, Subject, Tab, Zoom};

use super::{Inspect, Lab};
use crate::subjects::is_about_node;

impl Lab {
    /// Picks an object of the stage: a number is asked about, a node, partition, group or message is picked. False for what
    /// only decorates.
    pub fn pick(&mut self, object: &Object) -> bool {
        if let Some(subject) = &object.subject {
            self.ask(subject.clone());
            return true;
        }
        let own = object.id.rsplit('/').next().unwrap_or_default();
        let Some((kind, rest)) = own.split_once(':') else { return false };
        match kind {
            "node" | "column" => {
                let Some(node) = self.trace.nodes().named(rest) else { return false };
                let picked = self.selection.nodes == [node];
                self.selection.nodes = if picked { Vec::new() } else { vec![node] };
                self.inspect = Inspect::State;
                true
            }
            "cut" | "slow" => self.pick_way(rest),
            "replica" | "partition" | "lane" => {
                let name = rest.split_once('@').map_or(rest, |(name, _)| name);
                let mut known = self.cursor.view().partitions.keys();
                let Some(known) = known.find(|known| known.to_string() == name) else {
                    return false;
                };
                self.selection.partition = Some(known.clone());
                self.inspect = Inspect::State;
                // From the row of a partition among many to its logs.
                if kind == "partition" && self.zoom == Zoom::Far {
                    self.zoom = Zoom::Auto;
                }
                true
            }
            // A block of a topic's replicas: its partition that stands worst.
            "topic" => {
                let view = self.cursor.view();
                let all = || view.partitions.keys().filter(|known| *known.topic == *rest);
                let lacks = |partition: &&TopicPartition| {
                    view.truth(partition)
                        .is_some_and(|truth| truth.isr.len() < truth.replicas.len())
                };
                let Some(worst) = all().find(lacks).or_else(|| all().next()) else { return false };
                self.selection.partition = Some(worst.clone());
                self.inspect = Inspect::State;
                true
            }
            "frame" | "fact" => {
                let Some(seq) = rest.parse().ok().map(Seq) else { return false };
                let picked = self.selection.event == Some(seq);
                self.selection.event = (!picked).then_some(seq);
                self.inspect = Inspect::Event;
                true
            }
            "group" | "offsets" => {
                let group = GroupId::from(rest);
                if self.cursor.view().group(&group).is_none() {
                    return false;
                }
                self.selection.group = Some(group);
                true
            }
            _ => false,
        }
    }

    /// Picks a node, whatever names it, and shows its numbers.
    pub fn pick_node(&mut self, node: NodeId) {
        self.selection.nodes = vec![node];
        self.inspect = Inspect::State;
    }

    /// Picks an object beside what is picked: a second node, for what is done between two. Anything else is picked alone.
    pub fn pick_also(&mut self, object: &Object) -> bool {
        let before = std::mem::take(&mut self.selection.nodes);
        let picked = self.pick(object);
        match (before.first(), self.selection.nodes.as_slice()) {
            (Some(first), [second]) if first != second => {
                self.selection.nodes = vec![*first, *second];
            }
            (_, []) => self.selection.nodes = before,
            _ => {}
        }
        picked
    }

    /// Picks an object to do something to it: picking it again does not let it go.
    pub fn pick_to_do(&mut self, object: &Object) -> bool {
        let own = object.id.rsplit('/').next().unwrap_or_default();
        let named = own.split_once(':').and_then(|(kind, rest)| match kind {
            "node" | "column" => self.trace.nodes().named(rest),
            _ => None,
        });
        if named.is_some_and(|node| self.selection.nodes.contains(&node)) {
            return true;
        }
        self.pick(object)
    }

    /// Picks a node, a partition or a group by its name, and shows the picture that is about it. False if there is none.
    pub fn pick_named(&mut self, name: &str) -> bool {
        let view = self.cursor.view();
        if let Some(node) = self.trace.nodes().named(name) {
            self.selection.nodes = vec![node];
        } else if let Some(known) = view.partitions.keys().find(|known| known.to_string() == name) {
            self.selection.partition = Some(known.clone());
            self.tab = Tab::Logs;
            if self.zoom == Zoom::Far {
                self.zoom = Zoom::Auto;
            }
        } else if view.group(&GroupId::from(name)).is_some() {
            self.selection.group = Some(GroupId::from(name));
            self.tab = Tab::Groups;
        } else {
            return false;
        }
        self.inspect = Inspect::State;
        true
    }

    /// Whether a click on an object does something.
    pub fn can_pick(object: &Object) -> bool {
        const PICKED: [&str; 12] = [
            "node",
            "column",
            "cut",
            "slow",
            "replica",
            "topic",
            "partition",
            "lane",
            "frame",
            "fact",
            "group",
            "offsets",
        ];
        let own = object.id.rsplit('/').next().unwrap_or_default();
        object.subject.is_some()
            || own.split_once(':').is_some_and(|(kind, _)| PICKED.contains(&kind))
    }

    /// The node that is picked, or the one that the marked value is about.
    pub fn picked_node(&self) -> Option<NodeId> {
        let picked = self.selection.nodes.first().copied();
        let table = self.trace.nodes();
        let about = |subject: &Subject| {
            table.iter().map(|(node, _)| node).find(|node| is_about_node(subject, *node, table))
        };
        picked.or_else(|| self.marked.as_ref().and_then(about))
    }

    /// Picks nothing; false if nothing was picked.
    pub fn clear(&mut self) -> bool {
        let empty = klamm_scene::Selection::default();
        let had = self.selection != empty || self.marked.is_some() || !self.asked.is_empty();
        self.selection = empty;
        self.marked = None;
        self.asked.clear();
        had
    }

    /// The value that the keyboard is at.
    pub fn marked(&self) -> Option<&Subject> {
        self.marked.as_ref()
    }

    /// Marks a value, or none.
    pub fn mark_value(&mut self, subject: Option<Subject>) {
        self.marked = subject;
    }

    /// Marks the next value on the stage, or the one before, in reading order and around the end. False if there is none.
    pub fn mark(&mut self, scene: &Scene, on: bool) -> bool {
        let mut all: Vec<&Subject> = Vec::new();
        for object in scene.all() {
            if let Some(subject) = &object.subject
                && !all.contains(&subject)
            {
                all.push(subject);
            }
        }
        if all.is_empty() {
            return false;
        }
        let here = self.marked.as_ref().and_then(|marked| all.iter().position(|at| *at == marked));
        let next = match (here, on) {
            (Some(here), true) => (here + 1) % all.len(),
            (Some(here), false) => (here + all.len() - 1) % all.len(),
            (None, true) => 0,
            (None, false) => all.len() - 1,
        };
        self.marked = all.get(next).map(|subject| (*subject).clone());
        true
    }

    /// Asks why a number is what it is.
    pub fn ask(&mut self, subject: Subject) {
        if self.asked.last() != Some(&subject) {
            self.asked.push(subject.clone());
        }
        self.marked = Some(subject);
        self.inspect = Inspect::Why;
    }

    /// Asks about the value that is marked. False if none is.
    pub fn ask_marked(&mut self) -> bool {
        let marked = self.marked.clone();
        let asked = marked.is_some();
        marked.into_iter().for_each(|subject| self.ask(subject));
        self.inspect = Inspect::Why;
        asked
    }

    /// Back to what was asked before; false if nothing was.
    pub fn ask_before(&mut self) -> bool {
        if self.asked.len() < 2 {
            return false;
        }
        self.asked.pop();
        self.marked = self.asked.last().cloned();
        self.inspect = Inspect::Why;
        true
    }

    /// What was asked, the newest last.
    pub fn asked(&self) -> &[Subject] {
        &self.asked
    }
}
