//! What can be done at the moment that is shown, to what is picked, and why something can't be.

use std::collections::BTreeSet;
use std::sync::Arc;

use klamm_node::{GroupId, NodeId, TopicPartition};
use klamm_scenario::Scenario;
use klamm_scenario::model::{Client, Consumer};
use klamm_scene::FaultKind;
use klamm_trace::{NodeKind, ProcessState};

use super::Lab;
use crate::deed::{Deed, Doing};
use crate::words::Word;

/// A deed that is offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// What would be done.
    pub doing: Doing,
    /// Why it can't be done at this moment.
    pub refused: Option<Word>,
}

impl Lab {
    /// The scenario that the run follows; none if this build can't read it.
    pub fn scenario(&self) -> Option<&Arc<Scenario>> {
        let header = self.trace.header();
        let read = || klamm_scenario::parse(&header.scenario_name, &header.scenario).ok();
        self.scenario.get_or_init(|| read().map(Arc::new)).as_ref()
    }

    /// Everything that a kind of deed can be done to, by what is picked, and whether it can be done now.
    ///
    /// # Errors
    ///
    /// What has to be picked first, or why there is nothing at all that it could be done to.
    pub fn choices(&self, deed: Deed) -> Result<Vec<Choice>, Word> {
        let all = match deed {
            Deed::Crash
            | Deed::Restart
            | Deed::PowerOff
            | Deed::Stop
            | Deed::Pause
            | Deed::Resume
            | Deed::Isolate
            | Deed::SlowDisk
            | Deed::NormalDisk => {
                let node = self.picked_node().ok_or(Word::PickNode)?;
                let doing = Doing::new(deed, &[self.name(node)]);
                vec![Choice { doing, refused: self.why_not(deed, node) }]
            }
            Deed::Cut | Deed::CutOneWay | Deed::SlowLink | Deed::NormalLink => self.ways(deed)?,
            Deed::Heal => {
                let nothing = self.cursor.view().cuts.is_empty();
                let refused = nothing.then_some(Word::NothingIsCut);
                vec![Choice { doing: Doing::new(deed, &[]), refused }]
            }
            Deed::Produce => self.records()?,
            Deed::AddConsumer => self.newcomers()?,
            Deed::KillMember => self.members()?,
            Deed::ElectPreferred | Deed::ElectUnclean => self.elections(deed)?,
        };
        Ok(all)
    }

    /// Why something can't be done to a node now.
    fn why_not(&self, deed: Deed, node: NodeId) -> Option<Word> {
        let view = self.cursor.view();
        let state = view.nodes.get(&node).map_or(ProcessState::New, |node| node.state);
        let alive = matches!(state, ProcessState::Up | ProcessState::Paused);
        let has_disk = view.table.get(node).is_some_and(|info| !info.kind.is_client());
        match deed {
            Deed::Crash | Deed::Stop => (!alive).then_some(Word::IsDown),
            Deed::PowerOff => {
                let off = matches!(state, ProcessState::PoweredOff | ProcessState::New);
                off.then_some(Word::IsDown)
            }
            Deed::Restart => alive.then_some(Word::IsUp),
            Deed::Pause => match state {
                ProcessState::Up => None,
                ProcessState::Paused => Some(Word::IsPaused),
                ProcessState::New
                | ProcessState::Crashed
                | ProcessState::PoweredOff
                | ProcessState::Stopped => Some(Word::IsDown),
            },
            Deed::Resume => (state != ProcessState::Paused).then_some(Word::IsNotPaused),
            Deed::Isolate => {
                let mut others = view.table.iter().map(|(other, _)| other).filter(|it| *it != node);
                let cut = |from, to| view.cuts.contains_key(&(from, to));
                others.all(|other| cut(node, other) && cut(other, node)).then_some(Word::IsCut)
            }
            Deed::SlowDisk => (!has_disk).then_some(Word::HasNoDisk),
            Deed::NormalDisk if !has_disk => Some(Word::HasNoDisk),
            Deed::NormalDisk => {
                let here = self.seq();
                let slow = self.trace.bands().faults().iter().any(|fault| {
                    fault.kind == FaultKind::SlowDisk(node)
                        && fault.from.0 <= here
                        && fault.to.is_none_or(|(end, _)| end > here)
                });
                (!slow).then_some(Word::IsNormal)
            }
            Deed::Cut
            | Deed::CutOneWay
            | Deed::Heal
            | Deed::SlowLink
            | Deed::NormalLink
            | Deed::Produce
            | Deed::AddConsumer
            | Deed::KillMember
            | Deed::ElectPreferred
            | Deed::ElectUnclean => None,
        }
    }

    /// The ways from the node that is picked: to the other that is picked, or else to everybody.
    fn ways(&self, deed: Deed) -> Result<Vec<Choice>, Word> {
        let view = self.cursor.view();
        let from = self.picked_node().ok_or(Word::PickNode)?;
        let picked = self.selection.nodes.get(1).copied();
        let all = view.table.iter().filter(|(_, info)| info.kind != NodeKind::Admin);
        let to: Vec<NodeId> = match picked {
            Some(to) => vec![to],
            None => all.map(|(node, _)| node).filter(|node| *node != from).collect(),
        };
        let impaired = |way: (NodeId, NodeId)| {
            view.links.get(&way).is_some_and(klamm_scene::link::is_impaired)
        };
        let choice = |to: NodeId| {
            let (there, back) = ((from, to), (to, from));
            let cut = [there, back].map(|way| view.cuts.contains_key(&way));
            let normal = !impaired(there) && !impaired(back);
            let refused =
                if (deed == Deed::Cut && cut == [true; 2]) || (deed == Deed::CutOneWay && cut[0]) {
                    Some(Word::IsCut)
                } else {
                    (deed == Deed::NormalLink && normal).then_some(Word::IsNormal)
                };
            let doing = Doing::new(deed, &[self.name(from), self.name(to)]);
            Choice { doing, refused }
        };
        Ok(to.into_iter().map(choice).collect())
    }

    /// Every producer that runs, and one that is made, to the topic that is picked or to every topic.
    fn records(&self) -> Result<Vec<Choice>, Word> {
        let scenario = self.scenario().ok_or(Word::NoScenario)?;
        let view = self.cursor.view();
        let picked = self.selection.partition.as_ref();
        let topics: Vec<(String, String)> = match picked {
            Some(partition) => {
                vec![(partition.topic.to_string(), partition.partition.to_string())]
            }
            None => {
                let own = view.topics.keys().filter(|topic| !topic.starts_with("__"));
                own.map(|topic| (topic.to_string(), String::new())).collect()
            }
        };
        if topics.is_empty() {
            return Err(Word::NoTopic);
        }
        let mut all = Vec::new();
        let producers = scenario.clients.iter().filter_map(|client| match client {
            Client::Producer(producer) => Some(producer.name.as_str()),
            Client::Consumer(_) | Client::Application(_) => None,
        });
        let made = free_name("producer", scenario);
        for client in producers.chain([made.as_str()]) {
            let alive = view.table.named(client).is_none_or(|node| view.is_alive(node));
            for (topic, partition) in &topics {
                let doing = Doing::new(Deed::Produce, &[client, topic, partition, "", "hello"]);
                all.push(Choice { doing, refused: (!alive).then_some(Word::IsDown) });
            }
        }
        Ok(all)
    }

    /// The consumers that the scenario has in a group.
    fn consumers(&self) -> Vec<(&Consumer, &GroupId)> {
        let clients = self.scenario().map(|scenario| scenario.clients.as_slice());
        let groups = clients.unwrap_or_default().iter().filter_map(|client| match client {
            Client::Consumer(consumer) => {
                consumer.membership.as_ref().map(|it| (consumer, &it.group))
            }
            Client::Producer(_) | Client::Application(_) => None,
        });
        groups.collect()
    }

    /// A group that a deed is about: the one that is picked, else every one.
    fn is_wanted(&self, group: &GroupId) -> bool {
        self.selection.group.as_ref().is_none_or(|picked| picked == group)
    }

    fn newcomers(&self) -> Result<Vec<Choice>, Word> {
        let scenario = self.scenario().ok_or(Word::NoScenario)?;
        let mut seen = BTreeSet::new();
        let all = self
            .consumers()
            .into_iter()
            .filter(|(_, group)| self.is_wanted(group) && seen.insert((*group).clone()));
        let choice = |(like, group): (&Consumer, &GroupId)| {
            let name = free_name(group.as_str(), scenario);
            let names = [name.as_str(), group.as_str(), like.name.as_str()];
            Choice { doing: Doing::new(Deed::AddConsumer, &names), refused: None }
        };
        let all: Vec<Choice> = all.map(choice).collect();
        if all.is_empty() { Err(Word::NoGroup) } else { Ok(all) }
    }

    fn members(&self) -> Result<Vec<Choice>, Word> {
        let view = self.cursor.view();
        let picked = self.picked_node().map(|node| self.name(node));
        let all = self.consumers().into_iter().filter(|(_, group)| self.is_wanted(group));
        let all: Vec<&Consumer> = all.map(|(consumer, _)| consumer).collect();
        let one = all.iter().find(|it| picked == Some(it.name.as_str())).copied();
        let wanted = one.map_or(all, |one| vec![one]);
        let choice = |consumer: &Consumer| {
            let alive = view.table.named(&consumer.name).is_some_and(|node| view.is_alive(node));
            let doing = Doing::new(Deed::KillMember, &[&consumer.name]);
            Choice { doing, refused: (!alive).then_some(Word::IsDown) }
        };
        let all: Vec<Choice> = wanted.into_iter().map(choice).collect();
        if all.is_empty() { Err(Word::NoGroup) } else { Ok(all) }
    }

    /// The partition that is picked, or every one alone and all at once. One that needs no election is refused, as
    /// `ELECTION_NOT_NEEDED` would.
    fn elections(&self, deed: Deed) -> Result<Vec<Choice>, Word> {
        let view = self.cursor.view();
        let own = |partition: &&TopicPartition| !partition.topic.starts_with("__");
        let of = match &self.selection.partition {
            Some(partition) => vec![partition],
            None => view.partitions.keys().filter(own).collect(),
        };
        let refused = |partition: &TopicPartition| {
            let leader = view.leader_of(partition);
            let preferred = view.truth(partition).and_then(|truth| truth.replicas.first().copied());
            if deed == Deed::ElectUnclean {
                leader.is_some().then_some(Word::HasLeader)
            } else {
                (leader.is_some() && leader == preferred).then_some(Word::LeadsAlready)
            }
        };
        let mut all: Vec<Choice> = Vec::new();
        for partition in &of {
            let doing = Doing::new(deed, &[&partition.to_string()]);
            all.push(Choice { doing, refused: refused(partition) });
        }
        if all.is_empty() {
            return Err(Word::NoTopic);
        }
        if of.len() > 1 {
            // Asked of all, it is refused only if it is needed nowhere.
            let needless = all.iter().all(|choice| choice.refused.is_some());
            let why = all.first().and_then(|choice| choice.refused).filter(|_| needless);
            all.push(Choice { doing: Doing::new(deed, &[""]), refused: why });
        }
        Ok(all)
    }

    /// The kinds of deeds that what is picked is about, in the order of lists.
    pub fn deeds(&self) -> Vec<Deed> {
        let kind = self.picked_node().and_then(|node| self.trace.nodes().get(node));
        let is_client = kind.is_some_and(|info| info.kind.is_client());
        let about = |deed: &Deed| match deed {
            Deed::Heal => true,
            Deed::SlowDisk | Deed::NormalDisk => kind.is_some() && !is_client,
            Deed::Crash
            | Deed::Restart
            | Deed::PowerOff
            | Deed::Stop
            | Deed::Pause
            | Deed::Resume
            | Deed::Isolate
            | Deed::Cut
            | Deed::CutOneWay
            | Deed::SlowLink
            | Deed::NormalLink => kind.is_some(),
            Deed::Produce | Deed::ElectPreferred | Deed::ElectUnclean => {
                kind.is_none() || self.selection.partition.is_some()
            }
            Deed::AddConsumer | Deed::KillMember => !self.consumers().is_empty(),
        };
        Deed::ALL.iter().copied().filter(about).collect()
    }

    /// Picks the two ends of a way.
    pub(super) fn pick_way(&mut self, names: &str) -> bool {
        let Some((one, two)) = names.split_once(':') else { return false };
        let nodes = self.trace.nodes();
        let (Some(one), Some(two)) = (nodes.named(one), nodes.named(two)) else { return false };
        self.selection.nodes = vec![one, two];
        self.inspect = super::Inspect::State;
        true
    }
}

/// `stem-added-1`, `stem-added-2`, …: the first that no client has.
fn free_name(stem: &str, scenario: &Scenario) -> String {
    let legal = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '_' | '-');
    let stem: String = stem.chars().map(|sign| if legal(sign) { sign } else { '-' }).collect();
    let stem: String = stem.chars().take(40).collect();
    let taken: BTreeSet<&str> = scenario.clients.iter().map(Client::name).collect();
    let stem = if stem.starts_with("broker-") || stem.starts_with("controller-") {
        format!("c-{stem}")
    } else {
        stem
    };
    (1..u32::MAX)
        .map(|n| format!("{stem}-added-{n}"))
        .find(|name| !taken.contains(name.as_str()))
        .unwrap_or(stem)
}
