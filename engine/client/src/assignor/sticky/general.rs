//! Members read different topics: what is free goes to whoever has least, then partitions move from member to member until
//! no move makes it more even.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{MemberId, TopicName, TopicPartition};

use super::{Before, NO_GENERATION, Racks};
use crate::assignor::{Assignment, Members, Topics};

struct Builder<'a> {
    topics: &'a Topics,
    racks: &'a Racks,
    /// Who may read a topic, and what a member may read.
    readers: BTreeMap<&'a TopicName, Vec<&'a MemberId>>,
    reads: BTreeMap<&'a MemberId, Vec<&'a TopicName>>,
    current: Assignment,
    owner: BTreeMap<TopicPartition, MemberId>,
    /// Members that may get or give, by how many partitions they have.
    by_load: BTreeSet<(usize, MemberId)>,
    /// Who had a partition before its present owner, as far as anybody says.
    previous: BTreeMap<TopicPartition, (MemberId, i32)>,
    movements: Movements,
}

/// Which partitions of a topic went from whom to whom, so that two members do not exchange partitions of one topic.
#[derive(Default)]
struct Movements {
    of: BTreeMap<TopicPartition, (MemberId, MemberId)>,
    by_topic: BTreeMap<TopicName, BTreeMap<(MemberId, MemberId), BTreeSet<TopicPartition>>>,
}

impl Movements {
    fn forget(&mut self, partition: &TopicPartition) -> Option<(MemberId, MemberId)> {
        let pair = self.of.remove(partition)?;
        if let Some(pairs) = self.by_topic.get_mut(&partition.topic) {
            if let Some(partitions) = pairs.get_mut(&pair) {
                partitions.remove(partition);
                if partitions.is_empty() {
                    pairs.remove(&pair);
                }
            }
            if pairs.is_empty() {
                self.by_topic.remove(&partition.topic);
            }
        }
        Some(pair)
    }

    fn note(&mut self, partition: &TopicPartition, from: &MemberId, to: &MemberId) {
        let from = match self.forget(partition) {
            // It goes back to where it came from.
            Some((source, _)) if source == *to => return,
            Some((source, _)) => source,
            None => from.clone(),
        };
        let pair = (from, to.clone());
        self.of.insert(partition.clone(), pair.clone());
        let pairs = self.by_topic.entry(TopicName::clone(&partition.topic)).or_default();
        pairs.entry(pair).or_default().insert(partition.clone());
    }

    /// Rather than a second partition of the topic against the first one's way, the first one goes back.
    fn really(&self, partition: &TopicPartition, from: &MemberId, to: &MemberId) -> TopicPartition {
        let from = self.of.get(partition).map_or(from, |(source, _)| source);
        let back = (to.clone(), from.clone());
        let pairs = self.by_topic.get(&partition.topic);
        let first = pairs.and_then(|pairs| pairs.get(&back)).and_then(BTreeSet::first);
        first.unwrap_or(partition).clone()
    }
}

pub(super) fn assign(
    topics: &Topics,
    members: &Members,
    before: Before,
    racks: &Racks,
) -> Assignment {
    let previous = previous_owners(&before);
    let mut readers: BTreeMap<&TopicName, Vec<&MemberId>> =
        topics.keys().map(|name| (name, Vec::new())).collect();
    let mut reads: BTreeMap<&MemberId, Vec<&TopicName>> = BTreeMap::new();
    for (id, member) in members {
        let known = reads.entry(id).or_default();
        for name in &member.subscription.topics {
            if let Some((name, _)) = topics.get_key_value(name) {
                known.push(name);
                readers.entry(name).or_default().push(id);
            }
        }
    }
    let mut builder = Builder {
        topics,
        racks,
        readers,
        reads,
        current: before.owned,
        owner: BTreeMap::new(),
        by_load: BTreeSet::new(),
        previous,
        movements: Movements::default(),
    };
    let must_revoke = builder.keep();
    // Topics that few read come first.
    let mut sorted: Vec<(&TopicName, usize)> =
        builder.readers.iter().map(|(name, readers)| (*name, readers.len())).collect();
    sorted.sort_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0)));
    let all: Vec<TopicPartition> = sorted
        .iter()
        .flat_map(|(name, _)| {
            let count = topics.get(*name).map_or(0, Vec::len);
            (0..).take(count).map(move |index| TopicPartition::new(TopicName::clone(name), index))
        })
        .collect();
    let free: Vec<TopicPartition> =
        all.iter().filter(|partition| !builder.owner.contains_key(*partition)).cloned().collect();
    builder.by_load =
        builder.current.iter().map(|(id, partitions)| (partitions.len(), id.clone())).collect();
    builder.balance(all, free, must_revoke);
    builder.current
}

/// Owners of generations before the latest one, the last of them.
fn previous_owners(before: &Before) -> BTreeMap<TopicPartition, (MemberId, i32)> {
    let mut previous: BTreeMap<TopicPartition, (MemberId, i32)> = BTreeMap::new();
    for (id, claim) in &before.claims {
        let generation = match claim.generation {
            Some(generation) if generation < before.latest => generation,
            None if before.latest > NO_GENERATION => NO_GENERATION,
            Some(_) | None => continue,
        };
        for partition in &claim.partitions {
            if previous.get(partition).is_none_or(|(_, known)| generation > *known) {
                previous.insert(partition.clone(), (id.clone(), generation));
            }
        }
    }
    previous
}

impl<'a> Builder<'a> {
    fn may_read(&self, id: &MemberId, topic: &TopicName) -> bool {
        self.reads.get(id).is_some_and(|topics| topics.contains(&topic))
    }

    fn load(&self, id: &MemberId) -> usize {
        self.current.get(id).map_or(0, Vec::len)
    }

    /// Everybody keeps what it still reads and is near to; true if somebody loses something by that.
    fn keep(&mut self) -> bool {
        let mut must_revoke = false;
        for (id, partitions) in &mut self.current {
            let reads = self.reads.get(id);
            partitions.retain(|partition| {
                let still = reads.is_some_and(|topics| topics.contains(&&partition.topic))
                    && !self.racks.mismatch(id, partition);
                must_revoke |= !still;
                still
            });
            for partition in partitions {
                self.owner.insert(partition.clone(), id.clone());
            }
        }
        must_revoke
    }

    fn balance(
        &mut self,
        mut all: Vec<TopicPartition>,
        mut free: Vec<TopicPartition>,
        must_revoke: bool,
    ) {
        let initializing = self.by_load.last().is_none_or(|(load, _)| *load == 0);
        let mut rest = free.clone();
        if self.racks.matter() {
            rest.retain(|partition| !self.place(partition, true));
        }
        for partition in &rest {
            self.place(partition, false);
        }
        // Only topics that several read, and members that could have something else, take part in what follows.
        let shared = |readers: &BTreeMap<&TopicName, Vec<&MemberId>>, topic: &TopicName| {
            readers.get(topic).is_some_and(|readers| readers.len() >= 2)
        };
        all.retain(|partition| shared(&self.readers, &partition.topic));
        free.retain(|partition| shared(&self.readers, &partition.topic));
        let mut fixed = Assignment::new();
        for id in self.reads.keys().copied().collect::<Vec<_>>() {
            let has = self.load(id);
            let takes_part = has < self.most(id)
                || self.current.get(id).is_some_and(|partitions| {
                    partitions.iter().any(|partition| shared(&self.readers, &partition.topic))
                });
            if !takes_part {
                self.by_load.remove(&(has, id.clone()));
                if let Some(partitions) = self.current.remove(id) {
                    fixed.insert(id.clone(), partitions);
                }
            }
        }
        let saved = self.current.clone();
        if !must_revoke {
            self.reassign(&free);
        }
        let moved = self.reassign(&all);
        if !initializing && moved && score(&self.current) >= score(&saved) {
            self.current = saved;
        }
        self.current.extend(fixed);
    }

    /// The most that a member could have.
    fn most(&self, id: &MemberId) -> usize {
        let topics = self.reads.get(id).into_iter().flatten();
        topics.map(|name| self.topics.get(*name).map_or(0, Vec::len)).sum()
    }

    /// Gives a free partition to whoever has least.
    fn place(&mut self, partition: &TopicPartition, by_rack: bool) -> bool {
        let takes = self.by_load.iter().find(|(_, id)| {
            self.may_read(id, &partition.topic) && !(by_rack && self.racks.mismatch(id, partition))
        });
        let Some((load, id)) = takes.cloned() else { return false };
        self.by_load.remove(&(load, id.clone()));
        self.by_load.insert((load + 1, id.clone()));
        self.current.entry(id.clone()).or_default().push(partition.clone());
        self.owner.insert(partition.clone(), id);
        true
    }

    fn is_balanced(&self) -> bool {
        let (Some((least, _)), Some((most, _))) = (self.by_load.first(), self.by_load.last())
        else {
            return true;
        };
        if least + 1 >= *most {
            return true;
        }
        // Whoever could have more must not see anybody with two more who has something of its.
        for (load, id) in &self.by_load {
            if *load == self.most(id) {
                continue;
            }
            for name in self.reads.get(id).into_iter().flatten() {
                let count = self.topics.get(*name).map_or(0, Vec::len);
                for index in (0..).take(count) {
                    let partition = TopicPartition::new(TopicName::clone(name), index);
                    let owner = self.owner.get(&partition);
                    if owner.is_some_and(|owner| owner != id && load + 1 < self.load(owner)) {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Moves partitions from members with more to members with less, until that is over. True if anything moved.
    fn reassign(&mut self, partitions: &[TopicPartition]) -> bool {
        let mut moved = false;
        loop {
            let mut again = false;
            for partition in partitions {
                if self.is_balanced() {
                    break;
                }
                let Some(owner) = self.owner.get(partition).cloned() else { continue };
                let has = self.load(&owner);
                if let Some((before, _)) = self.previous.get(partition).cloned()
                    && self.current.contains_key(&before)
                    && self.may_read(&before, &partition.topic)
                    && has > self.load(&before) + 1
                {
                    self.shift(partition, &before);
                    again = true;
                    continue;
                }
                let near = self.racks.near(&owner, partition);
                let others = self.readers.get(&partition.topic);
                let lighter = |id: &&&MemberId| has > self.load(id) + 1;
                let better = others.into_iter().flatten();
                let better_near = near
                    && better
                        .clone()
                        .filter(|id| self.racks.near(id, partition))
                        .any(|id| lighter(&id));
                // As Kafka: whoever has least gets it, whether it was found because of its rack or not.
                if better_near || better.clone().any(|id| lighter(&id)) {
                    let least =
                        self.by_load.iter().find(|(_, id)| self.may_read(id, &partition.topic));
                    if let Some((_, to)) = least.cloned() {
                        self.shift(partition, &to);
                        again = true;
                    }
                }
            }
            moved |= again;
            if !again {
                return moved;
            }
        }
    }

    fn shift(&mut self, partition: &TopicPartition, to: &MemberId) {
        let Some(from) = self.owner.get(partition).cloned() else { return };
        let partition = self.movements.really(partition, &from, to);
        let Some(from) = self.owner.get(&partition).cloned() else { return };
        if from == *to {
            return;
        }
        self.by_load.remove(&(self.load(&from), from.clone()));
        self.by_load.remove(&(self.load(to), to.clone()));
        self.movements.note(&partition, &from, to);
        if let Some(partitions) = self.current.get_mut(&from) {
            partitions.retain(|held| *held != partition);
        }
        self.current.entry(to.clone()).or_default().push(partition.clone());
        self.owner.insert(partition, to.clone());
        self.by_load.insert((self.load(to), to.clone()));
        self.by_load.insert((self.load(&from), from));
    }
}

/// How uneven an assignment is: the differences of all pairs, summed up.
fn score(assignment: &Assignment) -> usize {
    let loads: Vec<usize> = assignment.values().map(Vec::len).collect();
    let pairs = loads.iter().enumerate();
    pairs
        .map(|(at, load)| loads[at + 1..].iter().map(|other| load.abs_diff(*other)).sum::<usize>())
        .sum()
}
