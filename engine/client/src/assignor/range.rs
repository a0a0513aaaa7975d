//! The range assignor, with racks (KIP-881).
//!
//! Topic by topic, the members that read it get neighbouring partitions, the first ones one more where the numbers do not
//! go up. Members in racks first get partitions that have a replica there, as far as their share allows; topics with as
//! many partitions and the same readers are then dealt out together, so that same numbers still meet.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{MemberId, TopicName, TopicPartition};

use super::{Assignment, Members, Topics, in_order, racks_matter};

/// Who reads a topic, in order, and where they stand.
type Readers<'a> = Vec<(&'a MemberId, Option<&'a str>)>;

/// One topic while it is dealt out.
struct Topic<'a> {
    name: &'a TopicName,
    readers: Readers<'a>,
    racks: &'a [BTreeSet<String>],
    by_rack: bool,
    unassigned: BTreeSet<i32>,
    given: BTreeMap<&'a MemberId, usize>,
    /// How many everybody gets, and how many may still get one more.
    share: usize,
    extra: usize,
}

impl<'a> Topic<'a> {
    fn new(
        name: &'a TopicName,
        racks: &'a [BTreeSet<String>],
        members: &'a Members,
        order: &[&'a MemberId],
    ) -> Self {
        let readers: Vec<(&MemberId, Option<&str>)> = order
            .iter()
            .filter_map(|id| {
                let subscription = &members.get(*id)?.subscription;
                let reads = subscription.topics.contains(name);
                reads.then(|| (*id, subscription.rack.as_deref().filter(|rack| !rack.is_empty())))
            })
            .collect();
        let consumer_racks: BTreeSet<&str> = readers.iter().filter_map(|(_, rack)| *rack).collect();
        Self {
            name,
            by_rack: racks_matter(&consumer_racks, racks.iter()),
            racks,
            unassigned: (0..).take(racks.len()).collect(),
            given: readers.iter().map(|(id, _)| (*id, 0)).collect(),
            share: racks.len().checked_div(readers.len()).unwrap_or(0),
            extra: racks.len().checked_rem(readers.len()).unwrap_or(0),
            readers,
        }
    }

    fn matches(&self, rack: Option<&str>, partition: i32) -> bool {
        let racks = usize::try_from(partition).ok().and_then(|index| self.racks.get(index));
        rack.is_none_or(|rack| racks.is_some_and(|racks| racks.contains(rack)))
    }

    /// How many more a reader may get.
    fn room(&self, reader: &MemberId) -> usize {
        let given = self.given.get(reader).copied().unwrap_or(0);
        (self.share + usize::from(self.extra > 0)).saturating_sub(given)
    }

    fn give(&mut self, reader: &'a MemberId, partitions: &[i32], assignment: &mut Assignment) {
        let given = self.given.entry(reader).or_default();
        *given += partitions.len();
        if *given > self.share {
            self.extra = self.extra.saturating_sub(1);
        }
        let to = assignment.entry(reader.clone()).or_default();
        for partition in partitions {
            self.unassigned.remove(partition);
            to.push(TopicPartition::new(TopicName::clone(self.name), *partition));
        }
    }

    /// Gives each reader the first of what is left, up to its share; with `by_rack` only what is near it.
    fn deal(&mut self, by_rack: bool, assignment: &mut Assignment) {
        for (reader, rack) in self.readers.clone() {
            let room = self.room(reader);
            let near = self.unassigned.iter().copied();
            let near = near.filter(|partition| !by_rack || self.matches(rack, *partition));
            let partitions: Vec<i32> = near.take(room).collect();
            if !partitions.is_empty() {
                self.give(reader, &partitions, assignment);
            }
        }
    }
}

pub(super) fn assign(topics: &Topics, members: &Members) -> Assignment {
    let order = in_order(members);
    let mut assignment: Assignment =
        members.keys().map(|member| (member.clone(), Vec::new())).collect();
    let mut states: Vec<Topic<'_>> =
        topics.iter().map(|(name, racks)| Topic::new(name, racks, members, &order)).collect();
    let by_rack = states.iter().any(|topic| topic.by_rack);
    if by_rack {
        deal_near(&mut states, &mut assignment);
    }
    for topic in &mut states {
        topic.deal(false, &mut assignment);
    }
    if by_rack {
        assignment.values_mut().for_each(|partitions| partitions.sort_unstable());
    }
    assignment
}

/// Topics with the same readers and as many partitions are dealt out together, others alone.
fn deal_near<'a>(states: &mut [Topic<'a>], assignment: &mut Assignment) {
    let mut sets: BTreeMap<(Readers<'a>, usize), Vec<usize>> = BTreeMap::new();
    for (index, topic) in states.iter().enumerate() {
        // As Kafka counts: a topic whose readers say nothing of racks has no partitions with racks.
        let known = if topic.readers.iter().any(|(_, rack)| rack.is_some()) {
            topic.racks.len()
        } else {
            0
        };
        sets.entry((topic.readers.clone(), known)).or_default().push(index);
    }
    for ((readers, partitions), set) in sets {
        if let [alone] = set[..] {
            let topic = &mut states[alone];
            if topic.by_rack {
                topic.deal(true, assignment);
            }
            continue;
        }
        let mut left = readers;
        for partition in (0..).take(partitions) {
            let fits = left.iter().position(|(reader, rack)| {
                set.iter().all(|index| {
                    let topic = &states[*index];
                    topic.matches(*rack, partition) && topic.room(reader) > 0
                })
            });
            let Some(at) = fits else { continue };
            let (reader, _) = left[at];
            for index in &set {
                states[*index].give(reader, &[partition], assignment);
            }
            if set.iter().all(|index| states[*index].room(reader) == 0) {
                left.remove(at);
                if left.is_empty() {
                    break;
                }
            }
        }
    }
}
