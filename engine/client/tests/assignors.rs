//! The four assignors against what Kafka's own do ([the table](assignors.txt)), and against what every assignment must be:
//! valid, as even as it can be, and close to the one before.

use std::collections::{BTreeMap, BTreeSet};

use klamm_client::assignor::{
    Assignment, Assignor, Member, Members, Subscription, Topics, read_assignment,
    read_subscription, sticky_user_data, subscription_bytes,
};
use klamm_node::{MemberId, TopicName, TopicPartition};
use proptest::prelude::*;

const TABLE: &str = include_str!("assignors.txt");

fn partition(text: &str) -> TopicPartition {
    let (topic, index) = text.rsplit_once('-').expect("topic-partition");
    TopicPartition::new(topic, index.parse().expect("a number"))
}

fn partitions(text: &str) -> Vec<TopicPartition> {
    text.split(',').filter(|part| !part.is_empty()).map(partition).collect()
}

/// `t1=3 t2=2 ~ 2 of a,b,c`
fn topics(text: &str) -> Topics {
    let (counts, racks) = text.split_once('~').unwrap_or((text, "0 of -"));
    let (replicas, brokers) = racks.trim().split_once(" of ").expect("replicas of racks");
    let replicas: usize = replicas.parse().expect("a number");
    let brokers: Vec<&str> = brokers.split(',').collect();
    let mut next = 0;
    let mut topics = Topics::new();
    for topic in counts.split_whitespace() {
        let (name, count) = topic.split_once('=').expect("topic=partitions");
        let count: usize = count.parse().expect("a number");
        let racks = (next..next + count).map(|first| {
            let of = (first..first + replicas).map(|at| brokers[at % brokers.len()]);
            of.filter(|rack| *rack != "-").map(str::to_owned).collect()
        });
        topics.insert(TopicName::from(name), racks.collect());
        next += count;
    }
    topics
}

/// `c1: t1,t2 i=instance r=rack own=t1-0@5`
fn member(text: &str, assignor: Assignor) -> (MemberId, Member) {
    let (id, rest) = text.trim().split_once(':').expect("id: topics");
    let mut member = Member::default();
    let said = &mut member.subscription;
    for word in rest.split_whitespace() {
        match word.split_once('=') {
            None => said.topics = word.split(',').map(TopicName::from).collect(),
            Some(("i", instance)) => member.instance = Some(instance.to_owned()),
            Some(("r", rack)) => said.rack = Some(rack.to_owned()),
            Some(("own", owned)) => {
                let (owned, generation) = owned.split_once('@').expect("partitions@generation");
                let generation: Option<i32> = generation.parse().ok();
                said.generation = generation;
                if assignor == Assignor::Sticky {
                    let bytes = sticky_user_data(&partitions(owned), generation.unwrap_or(-1));
                    said.user_data = Some(bytes);
                } else {
                    said.owned = partitions(owned);
                }
            }
            Some(other) => panic!("{other:?}"),
        }
    }
    (MemberId::from(id), member)
}

fn shown(assignment: &Assignment) -> String {
    let member = |(id, partitions): (&MemberId, &Vec<TopicPartition>)| {
        let partitions: BTreeSet<&TopicPartition> = partitions.iter().collect();
        let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        format!("{id}={}", names.join(","))
    };
    assignment.iter().map(member).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_table_is_what_the_assignors_do() {
    let mut cases = 0;
    let mut wrong = Vec::new();
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        cases += 1;
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, from, topics_text, members_text, expected] = columns[..] else {
            panic!("{line}")
        };
        let known = ["test:", "doc", "hand"];
        assert!(known.iter().any(|kind| from.starts_with(kind)), "where from? {line}");
        let assignor = Assignor::named(name).expect("an assignor");
        let members: Members = members_text.split(';').map(|text| member(text, assignor)).collect();
        let expected: Assignment = expected
            .split_whitespace()
            .map(|word| {
                let (id, of) = word.split_once('=').expect("id=partitions");
                (MemberId::from(id), partitions(of))
            })
            .collect();
        let found = assignor.assign(&topics(topics_text), &members);
        if shown(&found) != shown(&expected) {
            wrong.push(format!(
                "{name} {from}\n  expected {}\n  found    {}",
                shown(&expected),
                shown(&found)
            ));
        }
    }
    assert!(cases >= 60, "{cases} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_subscription_is_the_bytes_that_java_writes() {
    let said = Subscription {
        topics: ["b", "a"].into_iter().map(TopicName::from).collect(),
        user_data: None,
        owned: partitions("b-1,a-0,b-0"),
        generation: Some(7),
        rack: Some("r".to_owned()),
    };
    let bytes = subscription_bytes(&said);
    let expected: &[u8] = &[
        0, 3, // version
        0, 0, 0, 2, 0, 1, b'a', 0, 1, b'b', // topics
        0xff, 0xff, 0xff, 0xff, // no user data
        0, 0, 0, 2, // owned
        0, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 0, //
        0, 1, b'b', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, //
        0, 0, 0, 7, // generation
        0, 1, b'r', // rack
    ];
    assert_eq!(&bytes[..], expected);
    let read = read_subscription(&bytes).expect("what was written");
    assert_eq!(read.topics, said.topics);
    assert_eq!((read.generation, read.rack.as_deref()), (Some(7), Some("r")));
    assert_eq!(read.owned, partitions("a-0,b-0,b-1"));
    // Version 0 ends with the user data.
    let old: &[u8] = &[0, 0, 0, 0, 0, 1, 0, 1, b'a', 0xff, 0xff, 0xff, 0xff];
    let read = read_subscription(&old.into()).expect("version 0");
    assert_eq!((read.owned.len(), read.generation, read.rack), (0, None, None));
    // A length that nothing is behind asks for no memory.
    let mad: &[u8] = &[0, 3, 0x7f, 0xff, 0xff, 0xff];
    assert!(read_subscription(&mad.into()).is_err());
    assert!(read_assignment(&mad.into()).is_err());
}

fn group() -> impl Strategy<Value = (Vec<usize>, Vec<Vec<bool>>)> {
    (1..5_usize, 1..7_usize).prop_flat_map(|(topics, members)| {
        let counts = prop::collection::vec(1..8_usize, topics);
        let reads = prop::collection::vec(prop::collection::vec(any::<bool>(), topics), members);
        (counts, reads)
    })
}

fn world(counts: &[usize]) -> Topics {
    let topic = |(index, count): (usize, &usize)| {
        (TopicName::from(format!("t{index}")), vec![BTreeSet::new(); *count])
    };
    counts.iter().enumerate().map(topic).collect()
}

fn people(reads: &[Vec<bool>]) -> Members {
    let member = |(index, reads): (usize, &Vec<bool>)| {
        let named = reads.iter().enumerate().filter(|(_, reads)| **reads);
        let topics = named.map(|(topic, _)| TopicName::from(format!("t{topic}"))).collect();
        let subscription = Subscription { topics, ..Subscription::default() };
        (MemberId::from(format!("m{index}")), Member { subscription, ..Member::default() })
    };
    reads.iter().enumerate().map(member).collect()
}

/// Every member has an entry, reads only what it subscribed to, nothing has two owners, and unless `partly`, everything that
/// somebody reads has one.
fn is_valid(topics: &Topics, members: &Members, found: &Assignment, partly: bool) {
    assert!(members.keys().eq(found.keys()), "{found:?}");
    let mut owners: BTreeMap<&TopicPartition, &MemberId> = BTreeMap::new();
    for (id, partitions) in found {
        for partition in partitions {
            assert!(members[id].subscription.topics.contains(&partition.topic), "{found:?}");
            assert_eq!(owners.insert(partition, id), None, "two owners of {partition}");
        }
    }
    for (name, partitions) in topics {
        let read = members.values().any(|member| member.subscription.topics.contains(name));
        for index in 0..partitions.len() {
            let partition = TopicPartition::new(TopicName::clone(name), index as i32);
            assert!(partly || !read || owners.contains_key(&partition), "nobody has {partition}");
        }
    }
}

/// No partition could go to somebody who reads its topic and has at least two fewer than its owner.
fn is_even(members: &Members, found: &Assignment) {
    for (owner, partitions) in found {
        for partition in partitions {
            for (other, member) in members {
                let reads = member.subscription.topics.contains(&partition.topic);
                let gap = partitions.len() > found[other].len() + 1;
                assert!(!(reads && gap), "{partition} of {owner} should go to {other}: {found:?}");
            }
        }
    }
}

/// The members as they join after a round.
fn after(members: &Members, found: &Assignment, generation: i32, assignor: Assignor) -> Members {
    let mut members = members.clone();
    for (id, member) in &mut members {
        let has = found.get(id).cloned().unwrap_or_default();
        member.subscription.generation = Some(generation);
        if assignor == Assignor::Sticky {
            member.subscription.user_data = Some(sticky_user_data(&has, generation));
        } else {
            member.subscription.owned = has;
        }
    }
    members
}

fn kept(before: &Assignment, now: &Assignment) -> usize {
    let same = before.iter().filter_map(|(id, partitions)| Some((partitions, now.get(id)?)));
    same.map(|(had, has)| has.iter().filter(|partition| had.contains(partition)).count()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_assignment_is_valid((counts, reads) in group()) {
        let (topics, members) = (world(&counts), people(&reads));
        for assignor in [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky] {
            let found = assignor.assign(&topics, &members);
            is_valid(&topics, &members, &found, false);
            prop_assert_eq!(assignor.assign(&topics, &members), found, "the same again");
        }
    }

    #[test]
    fn range_shares_each_topic_out_evenly((counts, reads) in group()) {
        let (topics, members) = (world(&counts), people(&reads));
        let found = Assignor::Range.assign(&topics, &members);
        for name in topics.keys() {
            let of_topic = |id: &MemberId| found[id].iter().filter(|p| p.topic == *name).count();
            let readers = members.iter().filter(|(_, m)| m.subscription.topics.contains(name));
            let loads: Vec<usize> = readers.map(|(id, _)| of_topic(id)).collect();
            let (least, most) = (loads.iter().min(), loads.iter().max());
            prop_assert!(most.unwrap_or(&0) - least.unwrap_or(&0) <= 1);
        }
    }

    #[test]
    fn sticky_assignments_are_even_and_stay((counts, reads) in group(), leaves in any::<prop::sample::Index>()) {
        let topics = world(&counts);
        for assignor in [Assignor::Sticky, Assignor::CooperativeSticky] {
            let members = people(&reads);
            let first = assignor.assign(&topics, &members);
            is_even(&members, &first);
            // Nothing changed: nothing moves.
            let again = after(&members, &first, 1, assignor);
            prop_assert_eq!(shown(&assignor.assign(&topics, &again)), shown(&first));
            // One leaves: all that the others have stays theirs if they all read the same.
            let mut fewer = again;
            let gone = leaves.get(&members.keys().cloned().collect::<Vec<_>>()).clone();
            fewer.remove(&gone);
            let second = assignor.assign(&topics, &fewer);
            is_valid(&topics, &fewer, &second, assignor == Assignor::CooperativeSticky);
            if reads.iter().all(|one| *one == reads[0]) {
                is_even(&fewer, &second);
                let had: usize = fewer.keys().map(|id| first[id].len()).sum();
                prop_assert_eq!(kept(&first, &second), had, "{:?}", second);
            }
        }
    }

    #[test]
    fn cooperative_rounds_end_and_never_give_away_what_somebody_has(
        (counts, reads) in group(),
        (more, others) in group(),
    ) {
        let assignor = Assignor::CooperativeSticky;
        let topics = world(&counts);
        let first = assignor.assign(&topics, &people(&reads));
        // Others come and go: members are named by number, so that some stay.
        let width = counts.len();
        let others: Vec<Vec<bool>> = others.iter().map(|reads| {
            (0..width).map(|topic| reads.get(topic).copied().unwrap_or(more.len() % 2 == 0)).collect()
        }).collect();
        let mut had = first;
        let mut rounds = 0;
        loop {
            let members = after(&people(&others), &had, rounds + 1, assignor);
            let found = assignor.assign(&topics, &members);
            is_valid(&topics, &members, &found, true);
            for (id, partitions) in &found {
                for partition in partitions {
                    let other = members.iter().find(|(other, member)| {
                        *other != id && member.subscription.owned.contains(partition)
                    });
                    prop_assert!(other.is_none(), "{partition} is still {other:?}'s and goes to {id}");
                }
            }
            if found.iter().all(|(id, partitions)| {
                let owned: BTreeSet<_> = members[id].subscription.owned.iter().collect();
                owned == partitions.iter().collect()
            }) {
                is_valid(&topics, &members, &found, false);
                is_even(&members, &found);
                break;
            }
            had = found;
            rounds += 1;
            prop_assert!(rounds < 4, "still moving after {rounds} rounds: {had:?}");
        }
    }

    #[test]
    fn members_say_what_they_like((counts, _) in group(), bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let user_data = bytes::Bytes::from(bytes);
        let read = read_subscription(&user_data);
        let topics = world(&counts);
        let mut members = people(&[vec![true; counts.len()], vec![true; counts.len()]]);
        for member in members.values_mut() {
            if let Ok(read) = &read {
                member.subscription = read.clone();
            }
            member.subscription.user_data = Some(user_data.clone());
        }
        for assignor in [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky] {
            is_valid(&topics, &members, &assignor.assign(&topics, &members), false);
        }
    }
}
