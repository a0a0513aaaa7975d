//! `uniform` where members read different topics: hand out what is free, then even out topic by topic.
//!
//! *Flows in*: members with what they had. *Flows out*: an assignment in which no topic's readers could be evened out further
//! by moving a partition of it. *Must never*: go on for ever; it stops after a number of rounds (with overlapping subscriptions
//! each round roughly halves what is uneven).

use std::collections::BTreeMap;

use klamm_node::{MemberId, TopicId};

use super::{Partitions, Spec};

/// Rounds over all topics at most, as in Kafka.
const ROUNDS: usize = 16;

pub(super) fn assign(spec: &Spec) -> BTreeMap<MemberId, Partitions> {
    let mut builder = Builder::new(spec);
    builder.hand_out();
    builder.even_out();
    builder.finish(spec)
}

/// Members are numbers here, in the order of their ids.
struct Builder {
    /// Who reads each topic.
    readers: BTreeMap<TopicId, Vec<usize>>,
    /// Who is to have each partition.
    owners: BTreeMap<TopicId, Vec<Option<usize>>>,
    /// How many partitions each member is to have.
    sizes: Vec<usize>,
}

impl Builder {
    /// What members had and still read is theirs to begin with.
    fn new(spec: &Spec) -> Self {
        let mut readers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
        for (index, member) in spec.members.values().enumerate() {
            for topic in &member.topics {
                readers.entry(*topic).or_default().push(index);
            }
        }
        let empty = |topic: &TopicId| vec![None; usize::try_from(spec.count(*topic)).unwrap_or(0)];
        let mut owners: BTreeMap<TopicId, Vec<Option<usize>>> =
            readers.keys().map(|topic| (*topic, empty(topic))).collect();
        let mut sizes = vec![0; spec.members.len()];
        for ((index, member), size) in spec.members.values().enumerate().zip(&mut sizes) {
            for (topic, partitions) in &member.target {
                if !member.topics.contains(topic) {
                    continue;
                }
                let Some(owners) = owners.get_mut(topic) else { continue };
                for partition in partitions {
                    let slot = usize::try_from(*partition).ok().and_then(|at| owners.get_mut(at));
                    if let Some(slot @ None) = slot {
                        *slot = Some(index);
                        *size += 1;
                    }
                }
            }
        }
        Self { readers, owners, sizes }
    }

    /// Topics with many partitions for each reader first, then those with few readers: they leave the least choice.
    fn in_order(&self, mut topics: Vec<TopicId>) -> Vec<TopicId> {
        topics.sort_by(|one, other| {
            let of = |topic: &TopicId| {
                let partitions = self.owners.get(topic).map_or(0, Vec::len);
                (partitions, self.readers.get(topic).map_or(1, Vec::len))
            };
            let ((p1, r1), (p2, r2)) = (of(one), of(other));
            // p2 / r2 against p1 / r1, without fractions.
            (p2 * r1).cmp(&(p1 * r2)).then(r1.cmp(&r2)).then(one.cmp(other))
        });
        topics
    }

    /// Gives what nobody has to whoever has the fewest.
    fn hand_out(&mut self) {
        let has_free = |owners: &&Vec<Option<usize>>| owners.iter().any(Option::is_none);
        let topics = self.owners.iter().filter(|(_, owners)| has_free(owners));
        let topics = topics.map(|(topic, _)| *topic).collect();
        for topic in self.in_order(topics) {
            let (Some(readers), Some(owners)) =
                (self.readers.get(&topic), self.owners.get_mut(&topic))
            else {
                continue;
            };
            let mut balancer = Balancer::new(readers, &self.sizes);
            for slot in owners.iter_mut().filter(|slot| slot.is_none()) {
                let least = balancer.next_least_loaded(&self.sizes);
                *slot = Some(least);
                add(&mut self.sizes, least, 1);
            }
        }
    }

    /// Moves partitions of each topic from those of its readers that have the most to those that have the fewest, until a
    /// whole round changes nothing.
    fn even_out(&mut self) {
        let several = self.readers.iter().filter(|(_, readers)| readers.len() >= 2);
        let topics = self.in_order(several.map(|(topic, _)| *topic).collect());
        let mut last_changed = None;
        for _ in 0..ROUNDS {
            for (index, topic) in topics.iter().enumerate() {
                if last_changed == Some(index) {
                    return;
                }
                if self.even_out_topic(*topic) > 0 || last_changed.is_none() {
                    last_changed = Some(index);
                }
            }
        }
    }

    fn even_out_topic(&mut self, topic: TopicId) -> usize {
        let (Some(readers), Some(owners)) = (self.readers.get(&topic), self.owners.get_mut(&topic))
        else {
            return 0;
        };
        let mut balancer = Balancer::new(readers, &self.sizes);
        if balancer.imbalance(&self.sizes) <= 1 {
            return 0;
        }
        // What each member could give, the highest partition first.
        let mut given: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (partition, owner) in owners.iter().enumerate() {
            if let Some(owner) = owner {
                given.entry(*owner).or_default().push(partition);
            }
        }
        let mut moved = 0;
        while !balancer.is_balanced() {
            let most = loop {
                let Some(most) = balancer.next_most_loaded(&self.sizes) else { return moved };
                match given.get_mut(&most).and_then(Vec::pop) {
                    Some(partition) => break Some((most, partition)),
                    None => balancer.exclude_most_loaded(),
                }
            };
            let Some((most, partition)) = most else { return moved };
            let least = balancer.next_least_loaded(&self.sizes);
            // Both ends have moved on; where they meet, the topic is even.
            if balancer.is_balanced() {
                return moved;
            }
            if let Some(slot) = owners.get_mut(partition) {
                *slot = Some(least);
            }
            add(&mut self.sizes, most, -1);
            add(&mut self.sizes, least, 1);
            moved += 1;
        }
        moved
    }

    fn finish(self, spec: &Spec) -> BTreeMap<MemberId, Partitions> {
        let mut all: Vec<Partitions> = vec![Partitions::new(); spec.members.len()];
        for (topic, owners) in self.owners {
            for (partition, owner) in (0..).zip(owners) {
                if let Some(assigned) = owner.and_then(|owner| all.get_mut(owner)) {
                    assigned.entry(topic).or_default().insert(partition);
                }
            }
        }
        spec.members.keys().cloned().zip(all).collect()
    }
}

fn add(sizes: &mut [usize], member: usize, by: isize) {
    if let Some(size) = sizes.get_mut(member) {
        *size = size.saturating_add_signed(by);
    }
}

fn size(sizes: &[usize], member: Option<&usize>) -> isize {
    let size = member.and_then(|member| sizes.get(*member)).copied().unwrap_or(0);
    isize::try_from(size).unwrap_or(isize::MAX)
}

/// A topic's readers by how many partitions they have: a growing range of those with the fewest at one end, one of those with
/// the most at the other. Within a range everybody had the same number to begin with, so taking them in turn keeps it level.
struct Balancer {
    sorted: Vec<usize>,
    /// Behind the range of those with the fewest.
    least_end: usize,
    least_count: isize,
    next_least: usize,
    /// The range of those with the most. Behind it are some who have more, but none of this topic's partitions to give.
    most_start: usize,
    most_end: usize,
    most_count: isize,
    /// One behind the next of them.
    next_most: usize,
}

impl Balancer {
    fn new(readers: &[usize], sizes: &[usize]) -> Self {
        let mut sorted = readers.to_vec();
        sorted.sort_by_key(|member| (size(sizes, Some(member)), *member));
        let (least, most) = (size(sizes, sorted.first()), size(sizes, sorted.last()));
        let count = sorted.len();
        Self {
            sorted,
            least_end: 0,
            least_count: least - 1,
            next_least: 0,
            most_start: count,
            most_end: count,
            most_count: most + 1,
            next_most: count,
        }
    }

    fn imbalance(&self, sizes: &[usize]) -> isize {
        size(sizes, self.sorted.last()) - size(sizes, self.sorted.first())
    }

    fn next_least_loaded(&mut self, sizes: &[usize]) -> usize {
        if self.next_least >= self.least_end {
            self.least_count += 1;
            let grows = |at: &usize| size(sizes, self.sorted.get(*at)) == self.least_count;
            self.least_end = (self.least_end..self.sorted.len())
                .take_while(grows)
                .last()
                .map_or(self.least_end, |at| at + 1);
            self.next_least = 0;
        }
        let least = self.sorted.get(self.next_least).copied().unwrap_or(0);
        self.next_least += 1;
        least
    }

    fn next_most_loaded(&mut self, sizes: &[usize]) -> Option<usize> {
        if self.next_most <= self.most_start {
            self.most_count = match self.most_start.checked_sub(1) {
                // Everybody in the range had nothing to give: it goes on wherever the next ones are.
                Some(next) if self.most_end <= self.most_start => {
                    size(sizes, self.sorted.get(next))
                }
                Some(_) | None => self.most_count - 1,
            };
            let grows = |at: &usize| size(sizes, self.sorted.get(*at)) == self.most_count;
            self.most_start =
                (0..self.most_start).rev().take_while(grows).last().unwrap_or(self.most_start);
            self.next_most = self.most_end;
        }
        self.next_most = self.next_most.checked_sub(1)?;
        self.sorted.get(self.next_most).copied()
    }

    /// The one just taken has none of the topic's partitions.
    fn exclude_most_loaded(&mut self) {
        if let Some(last) = self.most_end.checked_sub(1) {
            self.sorted.swap(self.next_most, last);
            self.most_end = last;
        }
    }

    fn is_balanced(&self) -> bool {
        self.most_count - self.least_count <= 1
    }
}
